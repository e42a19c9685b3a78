//! Places that no compiler tells: `pack` takes them from debug information, or says why it cannot and what helps.
//! That the values are right which are read there, on every machine, is the business of the reader's tests.

#[path = "c/support.rs"]
#[allow(dead_code, reason = "shared with the tests of the C output")]
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use inspect_format::btf::Btf;
use inspect_format::table::Table;

const SCHEMA: &str = "schema app version 1;

extern struct conn from \"conn.h\" {
    id: u32,
    level: uint : 3,
    delta: int : 5,
    #[if(\"TRACE\")] traced: uint : 1,
    flags: struct { open: uint : 1, mode: uint : 4 },
    #[debug] secret: u16,
    next: *conn,
}

class conn: conn;
";

const HEADER: &str = "
struct conn {
	unsigned int id;
	unsigned int level : 3;
	int delta : 5;
#ifdef EXTRA
	int more[2];
#endif
	struct { unsigned int open : 1; unsigned int mode : 4; } flags;
	unsigned short secret;
	struct conn *next;
};
";

const PROGRAM: &str = "#include \"conn.h\"
#include \"app.inspect.h\"
struct conn conn = { 1, 2, -3, { 1, 9 }, 0x1234, 0 };
APP_ANNOTATE_CONN(conn, \"one\");
int main(void) { return 0; }
";

/// Where the members of `conn` lie on x86-64, in bits, with the widths of bit-fields.
const PLACES: [(&str, u32, Option<u32>); 5] = [
    ("id", 0, None),
    ("level", 32, Some(3)),
    ("delta", 35, Some(5)),
    ("secret", 96, None),
    ("next", 128, None),
];

struct Workshop(tempfile::TempDir);

impl Workshop {
    /// A folder with generated code; nothing where there is no compiler.
    fn new(schema: &str) -> Option<Self> {
        if !support::has("gcc") || cfg!(not(all(target_arch = "x86_64", target_os = "linux"))) {
            return None;
        }
        let workshop = Self(tempfile::tempdir().expect("a folder"));
        workshop.write("app.inspect", schema);
        workshop.write("conn.h", HEADER);
        workshop.write("main.c", PROGRAM);
        let made = workshop.generator(&["app.inspect", "-o", "out", "--emit", "c"]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Some(workshop)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file of the workshop");
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).expect("a file of the workshop")
    }

    #[track_caller]
    fn run(&self, program: &str, arguments: &str) {
        let words: Vec<&str> = arguments.split_whitespace().collect();
        support::run(self.0.path(), program, &words).unwrap_or_else(|error| panic!("{error}"));
    }

    #[track_caller]
    fn gcc(&self, arguments: &str) {
        self.run("gcc", &format!("-w -O1 -Iout/c -I. {arguments}"));
    }

    /// A program, all of which is compiled with these flags.
    #[track_caller]
    fn program(&self, name: &str, flags: &str) {
        let sources = "main.c out/c/app.inspect.c out/c/inspect_runtime.c";
        self.gcc(&format!("{flags} -Wl,--build-id -o {name} {sources}"));
    }

    fn generator(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_inspect-gen"))
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .expect("the program runs")
    }

    #[track_caller]
    fn pack(&self, arguments: &[&str]) {
        let output = self.generator(&[&["pack"], arguments].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Packs, and takes what was said. The image must stay as it is.
    #[track_caller]
    fn refused(&self, image: &str, arguments: &[&str]) -> String {
        let before = self.read(image);
        let output = self.generator(&[&["pack", image], arguments].concat());
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(1), "{image}: {said}");
        assert!(self.read(image) == before, "{image} has changed");
        said
    }
}

/// What a case says, under its code.
#[track_caller]
fn case(name: &str, said: &str) {
    let code = name.split('-').next().expect("a code");
    assert!(said.contains(&format!("error[{code}]")), "{name}: {said}");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots/pack");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, said));
}

/// The places of the members of `conn` in a blob of types.
fn places(types: &[u8]) -> Vec<(String, u32, Option<u32>)> {
    let btf = Btf::parse(types).expect("types");
    let conn = btf.composite("conn").expect("a struct");
    let known = conn.members().filter(|it| !btf.is_absent(it.type_id) && it.name != "flags");
    known.map(|it| (it.name.to_owned(), it.bit_offset, it.bit_size)).collect()
}

/// The types that the program carries: the only BTF in it.
fn carried(image: &[u8]) -> &[u8] {
    let magic = [0x9f, 0xeb, 1, 0, 24, 0, 0, 0];
    let at = image.windows(8).position(|it| it == magic).expect("type information");
    &image[at..]
}

fn expected() -> Vec<(String, u32, Option<u32>)> {
    PLACES.iter().map(|(name, at, bits)| ((*name).to_owned(), *at, *bits)).collect()
}

#[test]
fn places_come_with_packing_and_stay() {
    let Some(workshop) = Workshop::new(SCHEMA) else { return };
    workshop.program("plain", "-g");
    let plain = workshop.read("plain");
    let known = places(carried(&plain));
    assert_eq!(known.iter().map(|it| it.0.as_str()).collect::<Vec<_>>(), ["id", "next"]);

    // Who only looks changes nothing, and says that something would change.
    let output = workshop.generator(&["pack", "plain", "--check"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(workshop.read("plain") == plain);
    workshop.pack(&["plain", "-o", "packed"]);
    let packed = workshop.read("packed");
    assert_eq!(places(carried(&packed)), expected());
    workshop.pack(&["packed", "--check"]);

    // Once they are known, nobody needs debug information any more.
    workshop.run("strip", "-s packed -o bare");
    workshop.pack(&["bare", "--check"]);
    workshop.pack(&["bare"]);
    assert_eq!(places(carried(&workshop.read("bare"))), expected());

    // What was stripped before is brought.
    workshop.run("objcopy", "--only-keep-debug plain plain.debug");
    workshop.run("strip", "-s plain -o stripped");
    workshop.pack(&["stripped", "--debug", "plain.debug"]);
    assert!(workshop.read("stripped") == workshop.read("bare"), "another way to the same");

    // A table in a file of its own has them, and the image stays as it is.
    workshop.pack(&["plain", "--detached", "plain.table"]);
    assert!(workshop.read("plain") == plain);
    let table = workshop.read("plain.table");
    let table = Table::parse(&table).expect("a table");
    assert_eq!(places(table.sections().types), expected());
}

#[test]
fn objects_are_settled_before_they_are_linked() {
    let Some(workshop) = Workshop::new(SCHEMA) else { return };
    for source in ["main.c", "out/c/app.inspect.c", "out/c/inspect_runtime.c"] {
        let name = Path::new(source).with_extension("o");
        let name = name.file_name().expect("a name").to_string_lossy().into_owned();
        workshop.gcc(&format!("-g -c {source} -o {name}"));
    }
    // The object with the descriptor and the annotation in one, as a kernel module is.
    workshop.run("ld", "-r main.o app.inspect.o -o both.o");
    workshop.pack(&["both.o"]);
    assert_eq!(places(carried(&workshop.read("both.o"))), expected());
    workshop.pack(&["both.o", "--check"]);
    workshop.gcc("both.o inspect_runtime.o -o linked");
    workshop.run("strip", "-g linked");
    assert_eq!(places(carried(&workshop.read("linked"))), expected());
    workshop.pack(&["linked"]);
    assert_eq!(places(carried(&workshop.read("linked"))), expected());

    // An annotation alone waits until its descriptor is linked to it.
    workshop.pack(&["main.o", "--schema", "app.inspect.o"]);
    workshop.gcc("main.o app.inspect.o inspect_runtime.o -o late");
    assert_eq!(places(carried(&workshop.read("late"))).len(), 2);
    workshop.pack(&["late"]);
    assert_eq!(places(carried(&workshop.read("late"))), expected());
}

#[test]
fn a_field_of_another_configuration_is_absent() {
    let Some(workshop) = Workshop::new(SCHEMA) else { return };
    let header = HEADER.replace("unsigned int level", "unsigned int traced : 1, level");
    workshop.write("conn.h", &header);
    workshop.program("without", "-g");
    workshop.program("with", "-g -DTRACE");
    workshop.pack(&["without"]);
    workshop.pack(&["with"]);
    let names = |image: &str| -> Vec<String> {
        places(carried(&workshop.read(image))).into_iter().map(|it| it.0).collect()
    };
    assert_eq!(names("without"), ["id", "level", "delta", "secret", "next"]);
    assert_eq!(names("with"), ["id", "level", "delta", "traced", "secret", "next"]);
}

#[test]
fn what_nobody_knows_is_refused() {
    let Some(workshop) = Workshop::new(SCHEMA) else { return };
    workshop.program("plain", "-g0");
    case("E0915-no-debug-information", &workshop.refused("plain", &[]));
    workshop.write("other.c", "struct connn { int a; } other;");
    workshop.gcc("-g -c other.c -o other.o");
    workshop.program("partly", "-g0 other.o");
    case("E0915-no-such-struct", &workshop.refused("partly", &[]));
    let said = workshop.refused("plain", &["--debug", "no-such-file"]);
    assert!(said.contains("`no-such-file` cannot be read"), "{said}");
}

#[test]
fn a_field_that_is_another_one_is_refused() {
    let cases = [
        ("E0915-no-such-field", "level: uint : 3", "levels: uint : 3"),
        ("E0916-width", "level: uint : 3", "level: uint : 4"),
        ("E0916-sign", "level: uint : 3", "level: int : 3"),
        ("E0916-no-bit-field", "id: u32", "id: u32 : 3"),
        ("E0916-a-bit-field", "delta: int : 5", "#[debug] delta: int"),
        ("E0916-a-number", "    next: *conn,\n", "    #[debug] next: u64,\n"),
        ("E0916-inside", "mode: uint : 4", "mode: uint : 3"),
    ];
    for (name, from, to) in cases {
        let Some(workshop) = Workshop::new(&SCHEMA.replace(from, to)) else { return };
        workshop.program("plain", "-g");
        case(name, &workshop.refused("plain", &[]));
    }
}

#[test]
fn debug_information_of_something_else_is_refused() {
    let Some(workshop) = Workshop::new(SCHEMA) else { return };
    workshop.program("plain", "-g0");
    workshop.program("other", "-g -DEXTRA");
    let said = workshop.refused("plain", &["--debug", "other"]);
    assert!(said.contains("E0916") && said.contains("that of another build"), "{said}");
    // Without build-ids the layouts tell.
    workshop.run("objcopy", "--remove-section .note.gnu.build-id other");
    case("E0916-laid-out-otherwise", &workshop.refused("plain", &["--debug", "other"]));
    if support::has("i686-linux-gnu-gcc") {
        let line = "-w -g -Iout/c -I. -c out/c/app.inspect.c -o app32.o";
        workshop.run("i686-linux-gnu-gcc", line);
        case("E0916-another-machine", &workshop.refused("plain", &["--debug", "app32.o"]));
    }
}

#[test]
fn structs_of_one_name_have_to_agree() {
    let schema = "schema app version 1;

#[debug]
extern struct conn from \"conn.h\" { id: u32, level: uint : 3 }

class conn: conn;
";
    let Some(workshop) = Workshop::new(schema) else { return };
    let conn = "struct conn { unsigned int id; unsigned int level : 3; } CONN;";
    workshop.write("conn.h", &conn.replace(" CONN", ""));
    let other = "struct conn { int more; unsigned int id; unsigned int level : 3; } other;";
    workshop.write("same.c", &conn.replace("CONN", "same"));
    workshop.write("other.c", other);
    workshop.write("main.c", &PROGRAM.replace("{ 1, 2, -3, { 1, 9 }, 0x1234, 0 }", "{ 1, 2 }"));
    for name in ["same", "other"] {
        workshop.gcc(&format!("-g -c {name}.c -o {name}.o"));
    }
    workshop.program("agreed", "-g same.o");
    workshop.pack(&["agreed"]);
    let known = places(carried(&workshop.read("agreed")));
    assert_eq!(known, [("id".to_owned(), 0, None), ("level".to_owned(), 32, Some(3))]);
    workshop.program("ambiguous", "-g other.o");
    case("E0916-several", &workshop.refused("ambiguous", &[]));
}

/// The place of a field is captured, and its type is written twice: where the two differ, nothing is compiled.
#[test]
fn a_field_of_another_type_does_not_compile() {
    let compiled = |schema: &str, compiler: &str| -> Option<Result<String, String>> {
        let workshop = Workshop::new(schema)?;
        let line = "-Wall -Wextra -Wpedantic -Werror -Iout/c -I. -c out/c/app.inspect.c -o app.o";
        let words: Vec<&str> = line.split(' ').collect();
        let (program, language) = compiler.split_once(' ').unwrap_or((compiler, ""));
        let language: Vec<&str> = language.split_whitespace().collect();
        support::has(program)
            .then(|| support::run(workshop.0.path(), program, &[language, words].concat()))
    };
    let cases = [
        ("id: u32", "id: u64", "conn.id is not as wide as the schema says: u64"),
        ("id: u32", "id: [u32; 2]", "conn.id is not as wide as the schema says: [u32; 2]"),
        ("id: u32", "id: i32", "conn.id is another kind of number than the schema says: i32"),
        ("id: u32", "id: f32", "conn.id is another kind of number than the schema says: f32"),
        ("next: *conn", "next: u16", "conn.next is not as wide as the schema says: u16"),
    ];
    for compiler in ["gcc", "gcc -std=c99", "clang", "g++ -x c++ -std=c++17", "clang++ -x c++"] {
        match compiled(SCHEMA, compiler) {
            None => continue,
            Some(result) => assert!(result.is_ok(), "{compiler}: {result:?}"),
        }
        for (from, to, expected) in cases {
            let result = compiled(&SCHEMA.replace(from, to), compiler).expect("a compiler");
            let said = result.expect_err(to);
            assert!(said.contains(expected), "{compiler} {to}: {said}");
        }
    }
}

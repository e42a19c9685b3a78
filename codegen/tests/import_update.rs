//! `import --update` and `verify` as programs: what a person wrote survives, what the binary changed comes in, and a
//! second run changes nothing.

mod support;

use std::path::Path;
use std::process::{Command, Output};

const OLD: &str = "//! Mine.
schema mine version 4;

// A loose comment.
class thing: counter { key: cpu } // stays

/// Documented.
struct counter {
    // About the hits.
    /// How often.
    #[since(2)] #[display(hex)] hits: u64, // behind it
    gone: u16,
    #[unit(\"bytes\")] size: u32,
    #[sensitive] secret: text<8>,
}

enum state { IDLE, BUSY = 7 }

/// The same in the binary: nobody touches it.
struct same { x: i32 }
";

const PROGRAM: &str = "#include <stdint.h>
enum state { IDLE, BUSY, DONE };
struct added { long l; };
struct counter { uint64_t hits; uint16_t fresh; uint64_t size; char secret[8]; enum state state; struct added a; };
struct same { int32_t x; };
struct counter c; struct same s;
int main(void) { return 0; }
";

fn generator(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_inspect-gen"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn folder() -> Option<tempfile::TempDir> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.inspect"), OLD).unwrap();
    std::fs::write(folder.path().join("program.c"), PROGRAM).unwrap();
    let mut command = Command::new("gcc");
    command.args(["-g", "-o", "program", "program.c"]).current_dir(folder.path());
    let output = support::run(&mut command)?;
    assert!(output.status.success(), "{}", text(&output.stderr));
    Some(folder)
}

#[test]
fn a_schema_is_brought_in_step() {
    let Some(folder) = folder() else { return };
    let folder = folder.path();
    let verify = ["verify", "program", "--schema", "mine.inspect"];
    let before = generator(folder, &verify);
    assert_eq!(before.status.code(), Some(1), "{}", text(&before.stderr));
    let said = text(&before.stderr);
    assert!(said.contains("`mine::counter.gone` is not as in program"), "{said}");
    assert!(
        said.contains("`mine::counter.size`") && said.contains("`mine::counter.secret`"),
        "{said}"
    );
    assert_eq!(text(&before.stdout), "program: 1 the same, 2 different, 0 absent\n");

    let update = ["import", "program", "counter", "same", "--update", "mine.inspect"];
    let check = [update.as_slice(), &["--check"]].concat();
    let would = generator(folder, &check);
    assert_eq!(would.status.code(), Some(1));
    assert_eq!(text(&would.stdout), "would change mine.inspect\n");
    let done = generator(folder, &update);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert!(text(&done.stderr).contains("`counter.gone`"), "{}", text(&done.stderr));
    let new = std::fs::read_to_string(folder.join("mine.inspect")).unwrap();
    let expected = "//! Mine.
schema mine version 4;

// A loose comment.
class thing: counter { key: cpu } // stays

/// Documented.
struct counter {
    // About the hits.
    /// How often.
    #[since(2)] #[display(hex)] hits: u64, // behind it
    #[since(4)] fresh: u16,
    #[unit(\"bytes\")] size: u64,
    #[sensitive] secret: text<8>,
    #[since(4)] state: state,
    #[since(4)] a: added,
}

enum state { IDLE, BUSY = 1, #[since(4)] DONE = 2 }

/// The same in the binary: nobody touches it.
struct same {
    x: i32,
}

/// `struct added`, 8 bytes.
#[since(4)]
struct added {
    l: long,
}
";
    assert_eq!(new, expected);
    assert!(generator(folder, &check).status.success(), "a second run changes nothing");
    let after = generator(folder, &verify);
    assert!(after.status.success(), "{}", text(&after.stderr));
    assert_eq!(text(&after.stdout), "program: 4 the same, 0 different, 0 absent\n");
}

#[test]
fn verify_says_what_it_found_in_every_form() {
    let Some(folder) = folder() else { return };
    let folder = folder.path();
    std::fs::write(
        folder.join("other.inspect"),
        "schema other version 1;\nstruct same { x: u16 }\nstruct nowhere { x: u8 }\n",
    )
    .unwrap();
    let verify = |more: &[&str]| {
        let arguments = ["verify", "program", "--schema", "other.inspect"];
        generator(folder, &[&arguments, more].concat())
    };
    let list = verify(&["--list"]);
    assert_eq!(
        text(&list.stdout),
        "differs  other::same\nabsent   other::nowhere\nprogram: 0 the same, 1 different, 1 absent\n"
    );
    let json = text(&verify(&["--message-format", "json"]).stdout);
    let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(first["code"], "E1005");
    let github = text(&verify(&["--message-format", "github"]).stdout);
    assert!(github.starts_with("::error file=other.inspect,line=2,"), "{github}");
    let all = verify(&["--require-all"]);
    assert!(text(&all.stderr).contains("error[E1006]"), "{}", text(&all.stderr));
    let missing = generator(folder, &["verify", "program.c", "--schema", "other.inspect"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("error[E1001]: this is no ELF file"));
}

#[test]
fn import_says_what_is_wrong() {
    let Some(folder) = folder() else { return };
    let folder = folder.path();
    let fails = |arguments: &[&str], code: i32, said: &str| {
        let output = generator(folder, &[&["import"], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        let error = text(&output.stderr);
        assert!(error.contains(said), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty());
    };
    fails(&["program", "cuonter"], 1, "error[E1002]: no type is called `cuonter`");
    fails(&["program", "cuonter"], 1, "there is `counter`");
    fails(
        &["program", "counter", "--from", "btf"],
        1,
        "the binary has no BTF; its types are in DWARF",
    );
    fails(&["nowhere", "counter"], 1, "`nowhere` cannot be read");
    fails(&[".", "counter"], 1, "is a directory");
    fails(&["program", "counter", "--schema", "a b"], 2, "words with points");
    fails(&["program"], 2, "TYPE");
    let strip = Command::new("strip").args(["-g", "program"]).current_dir(folder).status();
    assert!(strip.unwrap().success());
    fails(&["program", "counter"], 1, "no type information, neither DWARF nor BTF");
}

/// With a header, the types are captured by whoever compiles the generated source.
#[test]
fn types_of_a_header_are_captured() {
    let Some(folder) = folder() else { return };
    let folder = folder.path();
    let types = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import_dwarf/types.h");
    std::fs::copy(types, folder.join("types.h")).unwrap();
    std::fs::write(
        folder.join("program.c"),
        "#include \"types.h\"\nstruct all a; struct holds h; int main(void) { return 0; }\n",
    )
    .unwrap();
    let gcc = |arguments: &[&str]| {
        let output = Command::new("gcc").args(arguments).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    };
    gcc(&["-g", "-o", "program", "program.c"]);
    let arguments = ["import", "program", "all", "holds", "--header", "types.h"];
    let output = generator(folder, &[&arguments[..], &["-o", "captured.inspect"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("`all.wide`: no C compiler tells the place of a bit-field")
    );
    let schema = std::fs::read_to_string(folder.join("captured.inspect")).unwrap();
    assert!(schema.contains("extern struct all from \"types.h\" {"), "{schema}");
    assert!(schema.contains("#[c_type(\"pair_t\")]\nextern struct pair_t"), "{schema}");
    assert!(schema.contains("extended: opaque"), "{schema}");
    let output = generator(folder, &["captured.inspect", "-o", "out", "--emit", "c"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    gcc(&["-Iout/c", "-I.", "-c", "out/c/imported.inspect.c", "-o", "captured.o"]);
    let verify = ["verify", "program", "--schema", "captured.inspect"];
    let output = generator(folder, &verify);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

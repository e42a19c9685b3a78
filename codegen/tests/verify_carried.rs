//! `verify` without schemas: what a program's own annotations or tables describe, beside its debug information.

#[path = "c/support.rs"]
#[allow(dead_code, reason = "shared with the tests of the C output")]
mod support;

use std::path::Path;
use std::process::Command;

const SCHEMA: &str = "schema app version 1;

struct item { kind: u8, level: u16 : 3, rest: u16 : 13, at: struct { line: u32, column: u16 }, union { a: u32, b: f32 } }

extern struct conn from \"conn.h\" { id: u32, state: u16, next: *conn, item: item }

class conn: conn;
class items: [item];
";

const HEADER: &str = "
#include <stdint.h>
#include \"app.inspect.h\"
struct conn {
	uint32_t id;
#ifdef EXTRA
	uint64_t more[2];
#endif
	uint16_t state;
	struct conn *next;
	struct app_item item;
};
";

const PROGRAM: &str = "#include \"conn.h\"
#include \"app.inspect.h\"
struct conn conn = { 1 };
APP_ANNOTATE_CONN(conn, \"one\");
struct app_item items[3];
APP_ANNOTATE_ITEMS(items, \"all\");
int main(void) { return conn.id != 1; }
";

struct Workshop(tempfile::TempDir);

impl Workshop {
    fn new() -> Option<Self> {
        if !support::has("gcc") || cfg!(not(all(target_arch = "x86_64", target_os = "linux"))) {
            return None;
        }
        let workshop = Self(tempfile::tempdir().expect("a folder"));
        for (name, text) in [
            ("app.inspect", SCHEMA),
            ("main.c", PROGRAM),
            ("bare.c", "int main(void) { return 0; }\n"),
        ] {
            std::fs::write(workshop.path().join(name), text).expect("a file");
        }
        let (code, said) = workshop.generator(&["app.inspect", "-o", "out", "--emit", "c"]);
        assert_eq!(code, Some(0), "{said}");
        std::fs::write(workshop.path().join("conn.h"), HEADER).expect("a file");
        Some(workshop)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    #[track_caller]
    fn run(&self, program: &str, arguments: &str) {
        let words: Vec<&str> = arguments.split_whitespace().collect();
        support::run(self.path(), program, &words).unwrap_or_else(|error| panic!("{error}"));
    }

    /// The status and everything that was said.
    fn generator(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_inspect-gen"))
            .args(arguments)
            .current_dir(self.path())
            .output()
            .expect("the program runs");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).expect("text"))
    }
}

#[test]
fn a_program_is_held_against_what_it_carries() {
    let Some(workshop) = Workshop::new() else { return };
    let sources = "main.c out/c/app.inspect.c out/c/inspect_runtime.c";
    workshop.run("gcc", &format!("-w -g -Iout/c -I. -o same {sources}"));
    let verify = |image, more: &[&str]| workshop.generator(&[&["verify", image], more].concat());
    for packed in [false, true] {
        if packed {
            assert_eq!(workshop.generator(&["pack", "same"]).0, Some(0));
        }
        let (code, said) = verify("same", &["--list"]);
        assert_eq!(code, Some(0), "{said}");
        for name in ["conn", "app_item"] {
            let line = ["same", name, "of", "app"];
            assert!(said.lines().any(|it| it.split_whitespace().eq(line)), "{said}");
        }
        assert!(said.contains("0 different"), "{said}");
    }
    // What the annotations say was compiled with another header, and nobody kept that debug information.
    workshop.run("gcc", "-w -g0 -DEXTRA -Iout/c -I. -c out/c/app.inspect.c -o other.o");
    workshop.run("gcc", "-w -g -Iout/c -I. -o other main.c other.o out/c/inspect_runtime.c");
    let (code, said) = verify("other", &[]);
    assert_eq!(code, Some(1), "{said}");
    for part in [
        "error[E1005]: `conn of app` is not as its table says: it has 32 bytes in the binary, and 56 in the table",
        "`state` lies at 4 with 2 bytes in the binary, and at 24 with 2 bytes in the table",
        "1 different",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let (code, said) = verify("other", &["--message-format", "json"]);
    let first: serde_json::Value =
        serde_json::from_str(said.lines().next().expect("a line")).expect("JSON");
    assert_eq!((code, &first["code"]), (Some(1), &"E1005".into()));
}

#[test]
fn what_has_nothing_to_compare_says_what_helps() {
    let Some(workshop) = Workshop::new() else { return };
    let sources = "main.c out/c/app.inspect.c out/c/inspect_runtime.c";
    workshop.run("gcc", &format!("-w -Iout/c -I. -s -o stripped {sources}"));
    workshop.run("gcc", "-g -o bare bare.c");
    for (image, parts) in [
        ("stripped", ["E1001", "compile it with `-g`"]),
        ("bare", ["E1006", "bring the schemas: `--schema DIR`"]),
        ("main.c", ["error[E09", "main.c"]),
        ("missing", ["cannot be read", "missing"]),
    ] {
        let (code, said) = workshop.generator(&["verify", image]);
        assert_eq!(code, Some(1), "{image}: {said}");
        for part in parts {
            assert!(said.contains(part), "{image}: {part}: {said}");
        }
    }
}

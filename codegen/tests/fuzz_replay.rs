//! Replays what the fuzz targets have found: every file below `fuzz/corpus-crashes/TARGET` goes through that
//! target again. To add a find, copy the file there.

#[path = "c/support.rs"]
#[allow(dead_code, reason = "shared with the tests of the C output")]
mod support;
#[path = "fuzz/targets.rs"]
mod targets;

use std::path::{Path, PathBuf};

fn files(target: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus-crashes").join(target);
    let entries = std::fs::read_dir(&root).expect("a directory of finds for each target");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no file in {}", root.display());
    files
}

fn replay(target: &str, run: fn(&str)) {
    replay_bytes(target, |bytes| {
        // libFuzzer hands a target only what is UTF-8, as the program does.
        if let Ok(text) = std::str::from_utf8(bytes) {
            run(text);
        }
    });
}

fn replay_bytes(target: &str, run: impl Fn(&[u8])) {
    for path in files(target) {
        let bytes = std::fs::read(&path).expect("a find");
        eprintln!("{}", path.display());
        run(&bytes);
    }
}

#[test]
fn packing_survives() {
    replay_bytes("pack", targets::pack);
}

#[test]
fn types_of_binaries_survive() {
    replay_bytes("dwarf", targets::dwarf);
}

#[test]
fn locks_survive() {
    replay("lock", targets::lock);
}

/// What images are made of to begin with: types of every kind, and a schema whose bit-fields wait for their places.
const PROGRAM: &str = "#include \"conn.h\"
#include \"app.inspect.h\"
struct inner { char c; long l[3]; };
enum kind { ONE, TWO };
typedef struct { enum kind k : 2; unsigned b : 5; struct inner i[2]; } pair_t;
struct outer { struct outer *next; union { int a; pair_t p; }; int (*f)(struct inner *); char n[]; };
struct outer o;
struct conn conn = { 1, 2, { 1 } };
APP_ANNOTATE_CONN(conn, \"one\");
";

const HEADER: &str =
    "struct conn { unsigned id; unsigned level : 3; struct { unsigned open : 1; } flags; };\n";

const SCHEMA: &str = "schema app version 1;
extern struct conn from \"conn.h\" { id: u32, level: uint : 3, flags: struct { open: uint : 1 } }
class conn: conn;
";

/// Writes inputs to begin with, for whoever fuzzes: `INSPECT_FUZZ_SEEDS=fuzz/corpus`.
#[test]
fn seeds_are_written() {
    let Some(seeds) = std::env::var_os("INSPECT_FUZZ_SEEDS") else { return };
    let write = |target: &str, name: &str, bytes: &[u8]| {
        let folder = Path::new(&seeds).join(target);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(name), bytes).expect("a file");
    };
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    write("lock", "seed-0", &std::fs::read(own.join("../schema/inspect.lock")).expect("a lock"));
    write(
        "lock",
        "seed-1",
        &std::fs::read(own.join("tests/rejected/E0607-exception-does-not-apply/inspect.lock"))
            .expect("a lock"),
    );
    if !support::has("gcc") {
        return;
    }
    let folder = support::written_with_core(&[("app.inspect", SCHEMA)]);
    for (name, text) in [("main.c", PROGRAM), ("conn.h", HEADER)] {
        std::fs::write(folder.path().join(name), text).expect("a source");
    }
    let run = |program: &str, line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        support::run(folder.path(), program, &words).unwrap_or_else(|error| panic!("{error}"));
    };
    let forms =
        ["-gdwarf-5", "-gdwarf-4 -fdebug-types-section", "-gdwarf-3 -gstrict-dwarf", "-gbtf"];
    for (index, form) in forms.iter().enumerate() {
        for (source, object) in [("main.c", "main.o"), ("c/app.inspect.c", "app.o")] {
            run("gcc", &format!("{form} -w -Ic -I. -c {source} -o {object}"));
        }
        run("ld", "-r main.o app.o -o both.o");
        let image = std::fs::read(folder.path().join("both.o")).expect("an object");
        write("dwarf", &format!("seed-{index}"), &image);
        write("pack", &format!("seed-{index}"), &image);
    }
}

#[test]
fn parsing_survives() {
    replay("parse", targets::parse);
}

#[test]
fn printing_survives() {
    replay("parse_print_parse", targets::parse_print_parse);
}

#[test]
fn checking_survives() {
    replay("check", targets::check);
}

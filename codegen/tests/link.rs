//! `inspect-gen link`: the linker's words and status pass through, what it has linked is packed,
//! and nothing else is touched. How the output is found in the arguments is tested where it is
//! done.

#[path = "c/support.rs"]
#[allow(dead_code, reason = "shared with the tests of the C output")]
mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use support::{has, root};

const VARIABLE: &str = "#include \"brewery.inspect.h\"\n\
    struct brewery_tank mash;\nBREWERY_ANNOTATE_TANK(mash, \"mash\");\n";

fn inspect_gen(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inspect-gen"));
    command.args(arguments).current_dir(folder).output().expect("the program")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

#[track_caller]
fn expect(status: i32, folder: &Path, arguments: &[&str]) -> String {
    let output = inspect_gen(folder, arguments);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}\n{}", text(&output));
    text(&output)
}

/// Whether an image is packed.
#[track_caller]
fn is_packed(folder: &Path, image: &str) -> bool {
    let output = inspect_gen(folder, &["pack", "--check", image]);
    assert!(text(&output).contains("1 entries"), "{}", text(&output));
    output.status.success()
}

/// A folder with the objects of an annotated program; none where there is no compiler.
fn objects() -> Option<tempfile::TempDir> {
    if !has("gcc") {
        return None;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let schema = root().join("../examples/integration/make/brewery.inspect").display().to_string();
    let at = folder.path();
    expect(0, at, &[&schema, "--emit", "c", "-o", "."]);
    fs::write(at.join("mash.c"), VARIABLE).expect("a source");
    fs::write(at.join("main.c"), "int main(void)\n{\n\treturn 0;\n}\n").expect("a source");
    let sources = ["main.c", "mash.c", "c/brewery.inspect.c", "c/inspect_runtime.c"];
    let compile = [&["link", "--", "gcc", "-fPIC", "-Ic", "-c"][..], &sources].concat();
    expect(0, at, &compile);
    Some(folder)
}

const OBJECTS: [&str; 4] = ["main.o", "mash.o", "brewery.inspect.o", "inspect_runtime.o"];

#[test]
fn every_output_of_a_linker_is_packed() {
    let Some(folder) = objects() else { return };
    let at = folder.path();
    let link = |more: &[&str]| {
        let line = [&["link", "--", "gcc"][..], &OBJECTS, more].concat();
        assert_eq!(expect(0, at, &line), "", "nothing is said where all is well");
    };
    link(&["-o", "split"]);
    link(&["-ojoined"]);
    link(&[]);
    link(&["-shared", "-o", "libmash.so"]);
    fs::write(at.join("arguments"), format!("{} '-o' \"in a file\"", OBJECTS.join("\n"))).unwrap();
    expect(0, at, &["link", "--", "gcc", "@arguments"]);
    for image in ["split", "joined", "a.out", "libmash.so", "in a file"] {
        assert!(is_packed(at, image), "{image}");
    }
    for linker in ["bfd", "gold", "lld"] {
        if Command::new(format!("ld.{linker}")).arg("--version").output().is_ok() {
            link(&[&format!("-fuse-ld={linker}"), "-o", linker]);
            assert!(is_packed(at, linker), "{linker}");
        }
    }
    link(&["-flto", "-o", "lto"]);
    assert!(is_packed(at, "lto"));
}

#[test]
fn what_is_not_linked_stays_as_it_is() {
    let Some(folder) = objects() else { return };
    let at = folder.path();
    // An object file is its owner's business.
    let part = ["link", "--", "ld", "-r", "mash.o", "brewery.inspect.o", "-o", "part.o"];
    expect(0, at, &part);
    assert!(!is_packed(at, "part.o"));
    // An output of an earlier run, which this one does not write.
    let all = [&["gcc"][..], &OBJECTS].concat();
    support::run(at, "gcc", &all[1..]).expect("an unpacked program");
    expect(0, at, &["link", "--", "gcc", "-c", "main.c"]);
    assert!(!is_packed(at, "a.out"));
    // A build script has no annotations.
    fs::write(at.join("plain.c"), "int main(void)\n{\n\treturn 0;\n}\n").unwrap();
    support::run(at, "gcc", &["plain.c", "-o", "plain"]).expect("a program");
    let plain = fs::read(at.join("plain")).unwrap();
    expect(0, at, &["link", "--", "gcc", "plain.c", "-o", "plain"]);
    assert_eq!(fs::read(at.join("plain")).unwrap(), plain);
}

#[test]
fn what_the_linker_says_is_passed_on() {
    let Some(folder) = objects() else { return };
    let at = folder.path();
    let said = expect(1, at, &["link", "--", "gcc", "mash.o", "-o", "app"]);
    assert!(said.contains("undefined reference"), "{said}");
    assert!(!at.join("app").exists());
    let said = expect(7, at, &["link", "--", "sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!(said, "out\nerr\n");
    expect(128 + 15, at, &["link", "--", "sh", "-c", "kill $$"]);
    let said = expect(2, at, &["link", "--", "no-such-linker", "-o", "app"]);
    assert!(said.contains("cannot run `no-such-linker`"), "{said}");
    expect(2, at, &["link", "gcc", "main.o"]);
    expect(2, at, &["link", "--"]);
}

#[test]
fn what_cannot_be_packed_is_removed() {
    let Some(folder) = objects() else { return };
    let at = folder.path();
    let again = VARIABLE.replace("struct brewery_tank mash;", "static struct brewery_tank mash;");
    fs::write(at.join("again.c"), again).expect("a source");
    let line = [&["link", "--", "gcc", "-Ic", "again.c", "-o", "app"][..], &OBJECTS].concat();
    let said = expect(1, at, &line);
    assert!(said.contains("error[E09") && said.contains("again.c:3"), "{said}");
    assert!(!at.join("app").exists());
    // A linker writes through a link, and what is behind it is what a build would take.
    #[cfg(unix)]
    {
        fs::write(at.join("behind"), "").expect("a file");
        std::os::unix::fs::symlink("behind", at.join("app")).expect("a link");
        fs::write(at.join("ld"), "#!/bin/sh\ncat whole > app\n").expect("a linker");
        let whole = [&["-Ic", "again.c", "-o", "whole"][..], &OBJECTS].concat();
        support::run(at, "gcc", &whole).expect("an unpacked program");
        expect(1, at, &["link", "--", "sh", "ld", "-o", "app"]);
        assert!(!at.join("behind").exists());
    }
}

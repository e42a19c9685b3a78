//! The program from end to end: exit statuses, what is written and what is not, and inputs that
//! mean no good.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

const SCHEMA: &str = "schema demo.one version 2;\n\
    struct point { x: i32, #[since(2)] y: i32 }\n\
    class origin: point;\n";

fn generator() -> Command {
    Command::new(env!("CARGO_BIN_EXE_inspect-gen"))
}

fn run(arguments: &[&str], directory: &Path) -> Output {
    generator().args(arguments).current_dir(directory).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Runs, and fails with all that was printed unless the status is the expected one.
#[track_caller]
fn expect(status: i32, arguments: &[&str], directory: &Path) -> Output {
    let output = run(arguments, directory);
    assert_eq!(
        output.status.code(),
        Some(status),
        "{arguments:?}\n{}\n{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    output
}

/// A directory with one good schema in `schema/one.inspect`.
fn workspace() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("schema")).unwrap();
    fs::write(root.path().join("schema/one.inspect"), SCHEMA).unwrap();
    root
}

/// Every file below a directory with its content and the time of its last change.
fn tree(directory: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(tree(&path));
        } else {
            let changed = fs::metadata(&path).unwrap().modified().unwrap();
            files.insert(path.clone(), (fs::read(&path).unwrap(), changed));
        }
    }
    files
}

const ALL: &str = "rust,c,json,btf,table,doc";

#[test]
fn every_kind_of_output_is_written_where_it_belongs() {
    let root = workspace();
    let target = ["--target", "aarch64", "--target", "mips"];
    expect(0, &[&["schema", "-o", "out", "--emit", ALL], &target[..]].concat(), root.path());
    for file in [
        "rust/inspect.rs",
        "rust/demo_one.rs",
        "c/inspect.h",
        "c/inspect_types.h",
        "c/inspect_decode.h",
        "c/inspect_runtime.c",
        "c/inspect_dump.h",
        "c/inspect_dump.c",
        "c/demo_one.inspect.h",
        "c/demo_one.inspect.c",
        "c/demo_one.decode.h",
        "json/demo_one.json",
        "btf/demo_one.aarch64.btf",
        "btf/demo_one.mips.btf",
        "table/demo_one.mips.table",
        "doc/demo_one.md",
    ] {
        assert!(root.path().join("out").join(file).is_file(), "{file} is missing");
    }
}

#[test]
fn the_order_of_arguments_means_nothing() {
    let root = workspace();
    let second =
        "schema demo.two version 1;\nuse demo.one::point;\nstruct line { a: point, b: point }\n";
    fs::write(root.path().join("schema/two.inspect"), second).unwrap();
    let (one, two) = ("schema/one.inspect", "./schema/two.inspect");
    expect(0, &["-o", "a", one, two, "--emit", ALL, "--target", "mips"], root.path());
    expect(0, &[two, one, "schema", "--target", "mips", "--emit", ALL, "-o", "b"], root.path());
    let content = |name: &str| -> BTreeMap<PathBuf, Vec<u8>> {
        let root = root.path().join(name);
        let files = tree(&root).into_iter();
        files.map(|(path, (bytes, _))| (path.strip_prefix(&root).unwrap().into(), bytes)).collect()
    };
    assert!(content("a").len() >= 14);
    assert_eq!(content("a"), content("b"));
}

#[test]
fn a_file_whose_content_stays_is_not_touched() {
    let root = workspace();
    let arguments = ["schema", "-o", "out", "--emit", "c,json,doc"];
    expect(0, &arguments, root.path());
    let before = tree(&root.path().join("out"));
    std::thread::sleep(Duration::from_millis(20));
    expect(0, &arguments, root.path());
    assert_eq!(before, tree(&root.path().join("out")));
    // A new comment moves spans, which only the JSON has.
    let moved = SCHEMA.replacen("struct", "// why\nstruct", 1);
    fs::write(root.path().join("schema/one.inspect"), moved).unwrap();
    expect(0, &arguments, root.path());
    let after = tree(&root.path().join("out"));
    let changed: Vec<_> = after.iter().filter(|(path, file)| before[*path] != **file).collect();
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert!(changed[0].0.ends_with("json/demo_one.json"));
}

#[test]
fn check_writes_nothing_and_lists_what_would_change() {
    let root = workspace();
    let check = ["schema", "-o", "out", "--emit", "c", "--check"];
    let output = expect(1, &check, root.path());
    assert!(text(&output.stdout).contains("would change out/c/demo_one.inspect.h\n"));
    assert!(!root.path().join("out").exists());
    expect(0, &["schema", "-o", "out", "--emit", "c"], root.path());
    assert!(expect(0, &check, root.path()).stdout.is_empty());
    let header = root.path().join("out/c/demo_one.inspect.h");
    fs::write(&header, "edited").unwrap();
    let output = expect(1, &check, root.path());
    assert_eq!(text(&output.stdout), "would change out/c/demo_one.inspect.h\n");
    assert_eq!(fs::read(&header).unwrap(), b"edited");
}

#[test]
fn a_depfile_names_outputs_and_inputs() {
    let root = workspace();
    fs::rename(root.path().join("schema"), root.path().join("my schema")).unwrap();
    let arguments = ["my schema", "-o", "out", "--emit", "doc", "--depfile", "out.d"];
    expect(0, &arguments, root.path());
    let depfile = fs::read_to_string(root.path().join("out.d")).unwrap();
    let rule = "out/doc/demo_one.md: \\\n  my\\ schema \\\n  my\\ schema/one.inspect\n";
    assert!(depfile.starts_with(rule), "{depfile}");
}

#[test]
fn an_error_means_that_nothing_is_written() {
    let root = workspace();
    fs::write(
        root.path().join("schema/bad.inspect"),
        "schema bad version 1;\nstruct s { a: u33 }\n",
    )
    .unwrap();
    let output = expect(1, &["schema", "-o", "out", "--depfile", "out.d"], root.path());
    assert!(text(&output.stderr).contains("E0201"), "{}", text(&output.stderr));
    assert!(!root.path().join("out").exists() && !root.path().join("out.d").exists());
}

#[test]
fn usage_and_outputs_that_cannot_be_written_end_with_2() {
    let root = workspace();
    fs::write(root.path().join("file"), "").unwrap();
    for (arguments, hint) in [
        (&["chekc", "schema"][..], "did you mean `check`?"),
        (&["schema"], "--output"),
        (&["check"], "SCHEMA"),
        (&[], "Usage"),
        (&["schema", "-o", "out", "--emit", "jsno"], "did you mean `json`?"),
        (&["schema", "-o", "out", "--target", "x86-64"], "did you mean `x86_64`?"),
        (&["schema", "-o", "out", "--as-of", "0"], "versions count from 1"),
        (&["schema", "-o", "file"], "-o takes a directory"),
        (&["schema", "-o", "file/out"], "another place"),
        (&["explain", "EO305"], "did you mean `E0305`?"),
        (&["layout", "schema", "--json", "--target", "mips", "--target", "i686"], "once"),
    ] {
        let output = expect(2, arguments, root.path());
        let message = text(&output.stderr);
        assert!(message.contains(hint), "{arguments:?}: {message}");
    }
    for arguments in [["--help"], ["--version"]] {
        assert!(expect(0, &arguments, root.path()).stderr.is_empty());
    }
    for command in
        ["init", "generate", "check", "fmt", "layout", "lock", "compat", "link", "explain", "man"]
    {
        let output = expect(0, &[command, "--help"], root.path());
        assert!(text(&output.stdout).contains("Example"), "{command} shows an example");
    }
}

#[test]
fn older_versions_lack_what_is_younger() {
    let root = workspace();
    let layout = |more: &[&str]| {
        let base = ["layout", "schema", "--json", "--target", "mips"];
        let output = expect(0, &[&base[..], more].concat(), root.path());
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    assert_eq!(layout(&[])["structs"]["point"]["size"], 8);
    assert_eq!(layout(&["--as-of", "1"])["structs"]["point"]["size"], 4);
    assert_eq!(layout(&["--as-of", "demo.one=1"])["structs"]["point"]["size"], 4);
    expect(1, &["layout", "schema", "--as-of", "3"], root.path());
}

#[test]
fn layout_shows_a_type_and_suggests_one() {
    let root = workspace();
    let output =
        expect(0, &["layout", "schema", "--type", "point", "--target", "i686"], root.path());
    let expected = "struct demo.one::point on i686\n       0       4  x  i32\n       4       4  y  i32\n    \
        size 8, align 4, no holes, 1 cache line\n";
    assert_eq!(text(&output.stdout), expected);
    let output = expect(1, &["layout", "schema", "--type", "pint"], root.path());
    assert!(text(&output.stderr).contains("did you mean `point`?"));
}

#[test]
fn explain_completions_and_man_print() {
    let root = workspace();
    let explained = expect(0, &["explain", "e0305"], root.path());
    assert!(text(&explained.stdout).starts_with("# E0305"));
    let list = expect(0, &["explain"], root.path());
    assert_eq!(text(&list.stdout).lines().count(), inspect_gen::diag::Code::ALL.len());
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = expect(0, &["completions", shell], root.path());
        assert!(text(&script.stdout).contains("layout"), "{shell}");
    }
    assert!(text(&expect(0, &["man"], root.path()).stdout).contains(".TH"));
    expect(0, &["man", "-o", "pages"], root.path());
    assert_eq!(tree(&root.path().join("pages")).len(), 16);
}

#[test]
fn fmt_is_idempotent_and_leaves_broken_files_alone() {
    let root = workspace();
    let file = root.path().join("schema/one.inspect");
    fs::write(&file, "schema demo.one version 1;struct  point{x:i32 /* across */,y:i32}").unwrap();
    let output = expect(1, &["fmt", "--check", "schema"], root.path());
    assert_eq!(text(&output.stdout), "would change schema/one.inspect\n");
    expect(0, &["fmt", "schema"], root.path());
    let formatted = fs::read_to_string(&file).unwrap();
    assert!(
        formatted.contains("struct point {\n") && formatted.contains("/* across */"),
        "{formatted}"
    );
    assert!(expect(0, &["fmt", "--check", "schema"], root.path()).stdout.is_empty());
    fs::write(&file, "schema demo.one version 1;\nstruct {").unwrap();
    expect(1, &["fmt", "schema"], root.path());
    assert_eq!(fs::read_to_string(&file).unwrap(), "schema demo.one version 1;\nstruct {");
}

#[test]
fn findings_have_forms_for_programs() {
    let root = workspace();
    fs::write(root.path().join("schema/one.inspect"), "schema a version 1;\nstruct s { a: u33 }\n")
        .unwrap();
    let json = expect(1, &["check", "schema", "--message-format", "json"], root.path());
    let first = text(&json.stdout).lines().next().unwrap();
    let finding: serde_json::Value = serde_json::from_str(first).unwrap();
    assert_eq!(finding["code"], "E0201");
    let github = expect(1, &["check", "schema", "--message-format", "github"], root.path());
    let line = text(&github.stdout);
    assert!(line.starts_with("::error file=schema/one.inspect,line=2,"), "{line}");
    let coloured = expect(1, &["--color", "always", "check", "schema"], root.path());
    assert!(text(&coloured.stderr).contains("\x1b["));
    let plain = expect(1, &["check", "schema"], root.path());
    assert!(!text(&plain.stderr).contains('\x1b'));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let root = workspace();
    let mut child = generator()
        .args(["completions", "bash"])
        .current_dir(root.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
}

/// Inputs that mean no good: each is a diagnostic with this code.
fn bad_inputs() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let schema = |body: &str| format!("schema bad version 2;\n{body}\n").into_bytes();
    let nested =
        |open: &str, count: usize| schema(&format!("const N: u32 = {};", open.repeat(count)));
    vec![
        ("unclosed brace", schema("struct s { a: u32,"), "E0101"),
        ("nested parentheses", nested("(", 100_000), "E0102"),
        ("nested brackets", schema(&format!("struct s {{ a: {} }}", "[".repeat(100_000))), "E0102"),
        ("nested braces", schema(&"struct s { a: struct {".repeat(100_000)), "E0102"),
        ("prefixes", nested("~", 1_000_000), "E0102"),
        ("stars", schema(&format!("struct s {{ a: {}u8 }}", "*".repeat(1_000_000))), "E0102"),
        ("unclosed comment", schema("/* for ever"), "E0103"),
        ("foreign character", schema("struct s { a\u{2028}: u32 }"), "E0104"),
        ("long number", schema(&format!("const N: u64 = {};", "9".repeat(1_000_000))), "E0107"),
        ("not UTF-8", b"schema bad version 1;\n\xff\xfe".to_vec(), "E0002"),
        ("by value", schema("struct a { b: b }\nstruct b { a: [a; 2] }"), "E0301"),
        ("overflow", schema("const N: u64 = (1 << 126) * 4;"), "E0401"),
        ("too large for its type", schema("const N: u8 = 256;"), "E0402"),
        ("endless array", schema("struct s { a: [u8; 1 << 63] }"), "E0501"),
        ("endless nesting of arrays", schema("struct s { a: [[u64; 1 << 40]; 1 << 40] }"), "E0501"),
        ("duplicate names", schema("struct s { a: u8 }\nstruct s { b: u8 }"), "E0202"),
        ("version too young", schema("struct s { #[since(3)] a: u8 }"), "E0601"),
        ("removed before it came", schema("struct s { #[since(2), removed(1)] a: u8 }"), "E0105"),
        ("entry grows in the middle", schema("entry e { #[since(2)] a: u64, b: u64 }"), "E0602"),
        ("100 MB", b"// nothing but a comment\n".repeat(4 << 20), "E0003"),
        ("a flood of errors", schema(&"x; ".repeat(1_000_000)), "E0105"),
        (
            "one long line",
            schema(&format!("struct s {{ {} }}", "a: u8, ".repeat(100_000))),
            "E0202",
        ),
        ("NUL bytes", vec![0; 1 << 20], "E0104"),
        ("empty", Vec::new(), "E0106"),
    ]
}

/// 500 MB, as the limit of the address space that a shell sets, in KiB.
const MEMORY_KIB: u32 = 500_000_000 / 1024;

#[test]
fn bad_input_is_a_diagnostic_within_bounds() {
    for (name, content, code) in bad_inputs() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("bad.inspect");
        fs::write(&file, content).unwrap();
        rejected(name, root.path(), code);
    }
}

/// Runs on everything in a directory and expects a diagnostic in time, within the memory, and no
/// output.
#[track_caller]
fn rejected(name: &str, directory: &Path, code: &str) {
    // Two seconds are promised of an optimised build.
    let limit = Duration::from_secs(if cfg!(debug_assertions) { 20 } else { 2 });
    let start = Instant::now();
    let output = Command::new("sh")
        .arg("-c")
        .arg(format!("ulimit -v {MEMORY_KIB} && exec \"$0\" \"$@\""))
        .arg(env!("CARGO_BIN_EXE_inspect-gen"))
        .args([".", "-o", "out"])
        .current_dir(directory)
        .output()
        .unwrap();
    let elapsed = start.elapsed();
    let message = String::from_utf8_lossy(&output.stderr);
    let shown: String = message.chars().take(2000).collect();
    assert_eq!(output.status.code(), Some(1), "{name}: {shown}");
    assert!(message.contains(code), "{name}: no {code} in\n{shown}");
    assert!(elapsed < limit, "{name}: {elapsed:?}");
    assert!(message.len() < 1 << 20, "{name}: {} bytes of messages", message.len());
    assert!(!directory.join("out").exists(), "{name}: something was written");
}

#[cfg(unix)]
#[test]
fn bad_directories_are_diagnostics() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let root = workspace();
    symlink("..", root.path().join("schema/loop")).unwrap();
    rejected("directory loop", root.path(), "E0005");

    let root = workspace();
    symlink("nowhere", root.path().join("schema/gone.inspect")).unwrap();
    rejected("dangling link", root.path(), "E0001");

    let root = tempfile::tempdir().unwrap();
    rejected("no schema", root.path(), "E0004");

    let root = workspace();
    let secret = root.path().join("schema/one.inspect");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser reads it all the same.
    if fs::read(&secret).is_err() {
        rejected("unreadable file", root.path(), "E0001");
    } else {
        eprintln!("skipped: this user can read every file");
    }

    let root = workspace();
    for (name, other) in [("a", "b"), ("b", "a")] {
        let text = format!(
            "schema {name} version 1;\nstruct {name}1 {{ x: u8 }}\nstruct {name}2 {{ y: {other}::{other}1 }}\n"
        );
        fs::write(root.path().join("schema").join(format!("{name}.inspect")), text).unwrap();
    }
    rejected("headers that need each other", root.path(), "E0311");
}

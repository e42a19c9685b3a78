//! `lock` and `compat` from end to end: exit statuses, what is written and what is not, locks beside schemas, and the
//! schemas of a git revision.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const ONE: &str = "schema demo version 1;\nstruct point { x: i32, y: i32 }\nentry row { a: u32 }\n";
const GROWN: &str = "schema demo version 2;\nstruct point { x: i32, #[since(2)] z: u8, y: i32 }\n\
    entry row { a: u32, #[since(2)] b: u32 = 7 }\n";
const BROKEN: &str =
    "schema demo version 1;\nstruct point { y: i32, x: i32 }\nentry row { a: u32 }\n";

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[track_caller]
fn expect(status: i32, arguments: &[&str], directory: &Path) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_inspect-gen"))
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "{arguments:?}\n{out}\n{err}");
    output
}

/// A directory with a schema in `schema/demo.inspect` and its lock.
fn workspace() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("schema")).unwrap();
    put(root.path(), ONE);
    expect(0, &["lock", "schema"], root.path());
    root
}

fn put(root: &Path, schema: &str) {
    fs::write(root.join("schema/demo.inspect"), schema).unwrap();
}

fn lock_text(root: &Path) -> String {
    fs::read_to_string(root.join("schema/inspect.lock")).unwrap()
}

#[test]
fn a_lock_is_written_checked_and_followed() {
    let root = workspace();
    let root = root.path();
    assert!(expect(0, &["lock", "schema", "--check"], root).stdout.is_empty());
    let first = lock_text(root);
    put(root, GROWN);
    let output = expect(1, &["lock", "schema", "--check"], root);
    assert_eq!(text(&output.stdout), "would change schema/inspect.lock\n");
    assert_eq!(lock_text(root), first);
    expect(0, &["lock", "schema/demo.inspect"], root);
    let second = lock_text(root);
    assert!(second.contains("schema demo version 2"), "{second}");
    // What stood for version 1 stands there still.
    let fingerprint = first.lines().find(|line| line.contains("fingerprint 1 ")).unwrap();
    assert!(second.contains(fingerprint), "{second}");
}

#[test]
fn a_released_version_is_not_overwritten() {
    let root = workspace();
    let root = root.path();
    let first = lock_text(root);
    put(root, BROKEN);
    let output = expect(1, &["lock", "schema"], root);
    let said = text(&output.stderr);
    assert!(said.contains("E0605") && said.contains("was not written"), "{said}");
    assert_eq!(lock_text(root), first);
    // An exception for each of the two, and it passes; the exceptions have served then.
    let except =
        "  except field-moved struct point.x \"why\"\n  except field-moved struct point.y \"so\"\n";
    fs::write(
        root.join("schema/inspect.lock"),
        first.replacen("version 1\n", &format!("version 1\n{except}"), 1),
    )
    .unwrap();
    expect(0, &["check", "schema"], root);
    expect(0, &["lock", "schema"], root);
    assert!(!lock_text(root).contains("  except "));
    put(root, ONE);
    expect(1, &["lock", "schema"], root);
    expect(0, &["lock", "schema", "--replace"], root);
    assert_eq!(lock_text(root), first);
    fs::write(root.join("schema/inspect.lock"), "lock 2\n").unwrap();
    let output = expect(1, &["lock", "schema"], root);
    assert!(text(&output.stderr).contains("E0606"));
    expect(0, &["lock", "schema", "--replace"], root);
    assert_eq!(lock_text(root), first);
}

#[test]
fn one_file_does_not_take_the_others_out_of_the_lock() {
    let root = workspace();
    let root = root.path();
    fs::write(root.join("schema/two.inspect"), "schema two version 1;\nstruct s { a: u8 }\n")
        .unwrap();
    expect(0, &["lock", "schema/two.inspect"], root);
    let both = lock_text(root);
    assert!(both.contains("schema demo version 1") && both.contains("schema two version 1"));
    expect(0, &["lock", "schema", "--check"], root);
    fs::remove_file(root.join("schema/two.inspect")).unwrap();
    expect(0, &["compat", "schema/demo.inspect", "--against", "schema/inspect.lock"], root);
    let output = expect(1, &["compat", "schema", "--against", "schema/inspect.lock"], root);
    assert!(text(&output.stdout).contains("schema-removed"));
    expect(1, &["lock", "schema"], root);
    // Two directories have no one lock.
    fs::create_dir(root.join("more")).unwrap();
    fs::write(root.join("more/m.inspect"), "schema m version 1;\n").unwrap();
    let output = expect(2, &["lock", "schema", "more"], root);
    assert!(text(&output.stderr).contains("--lock FILE"));
    expect(0, &["lock", "schema", "more", "--lock", "both.lock"], root);
}

#[test]
fn who_generates_is_held_to_the_lock() {
    let root = workspace();
    let root = root.path();
    let generate = ["schema", "-o", "out", "--emit", "json", "--depfile", "out.d"];
    expect(0, &generate, root);
    assert!(fs::read_to_string(root.join("out.d")).unwrap().contains("schema/inspect.lock"));
    put(root, GROWN);
    expect(0, &generate, root);
    // A version that is older than the lock's is as good.
    expect(0, &["lock", "schema"], root);
    expect(0, &[&generate[..], &["--as-of", "1"]].concat(), root);
    put(root, ONE);
    let output = expect(1, &generate, root);
    assert!(text(&output.stderr).contains("schema-version-lowered"), "{}", text(&output.stderr));
    expect(0, &["lock", "schema", "--replace"], root);
    put(root, BROKEN);
    for arguments in [&generate[..], &["check", "schema"], &["check", "schema/demo.inspect"]] {
        let output = expect(1, arguments, root);
        let said = text(&output.stderr);
        for part in [
            "E0605",
            "schema/demo.inspect:2",
            "schema/inspect.lock:",
            "bytes 0..4 were `x`, are now `y`",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    expect(0, &["check", "schema", "--no-lock"], root);
    fs::rename(root.join("schema/inspect.lock"), root.join("other.lock")).unwrap();
    expect(0, &["check", "schema"], root);
    expect(1, &["check", "schema", "--lock", "other.lock"], root);
    let output = expect(1, &["check", "schema", "--lock", "missing.lock"], root);
    assert!(text(&output.stderr).contains("E0001"));
}

#[test]
fn compat_has_a_status_and_three_forms() {
    let root = workspace();
    let root = root.path();
    let against = ["compat", "schema", "--against", "schema/inspect.lock"];
    assert_eq!(text(&expect(0, &against, root).stdout), "0 breaks, 0 notes\n");
    put(root, GROWN);
    let output = expect(0, &against, root);
    assert!(text(&output.stdout).contains("struct-size-changed"), "{}", text(&output.stdout));
    expect(1, &[&against[..], &["--deny-notes"]].concat(), root);
    put(root, BROKEN);
    let human = expect(1, &against, root);
    assert!(text(&human.stdout).starts_with("Breaks decoders\n"), "{}", text(&human.stdout));
    let json = expect(1, &[&against[..], &["--message-format", "json"]].concat(), root);
    for line in text(&json.stdout).lines() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(object["rule"], "field-moved");
        assert_eq!(object["place"]["line"], 2);
    }
    let github = expect(1, &[&against[..], &["--message-format", "github"]].concat(), root);
    let first = text(&github.stdout).lines().next().unwrap().to_owned();
    assert!(first.starts_with("::error file=schema/demo.inspect,line=2,col="), "{first}");
    assert!(first.contains("title=field-moved::"), "{first}");
    let rules = expect(0, &["compat", "--list-rules"], root);
    assert_eq!(text(&rules.stdout).lines().count(), inspect_gen::release::rules().len());
    expect(2, &["compat", "schema"], root);
    expect(1, &["compat", "schema", "--against", "nowhere.lock"], root);
}

/// By whatever path a schema is reached, it is held against the nearest lock at or above it.
#[test]
fn a_lock_holds_what_lies_below_it() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    fs::create_dir_all(root.join("schema/sub/deep")).unwrap();
    put(root, ONE);
    let deep = root.join("schema/sub/deep/d.inspect");
    fs::write(&deep, "schema d version 1;\nstruct s { a: u32 }\n").unwrap();
    expect(0, &["lock", "schema"], root);
    fs::write(&deep, "schema d version 1;\nstruct s { a: u64 }\n").unwrap();
    for path in ["schema", "schema/sub", "schema/sub/deep/d.inspect"] {
        for command in ["check", "lock"] {
            let output = expect(1, &[command, path], root);
            assert!(text(&output.stderr).contains("E0605"), "{}", text(&output.stderr));
        }
    }
    let output = expect(1, &["check", "d.inspect"], &root.join("schema/sub/deep"));
    assert!(text(&output.stderr).contains("E0605"), "{}", text(&output.stderr));
    assert!(!root.join("schema/sub/inspect.lock").exists());
    // What lies beside is not at hand, and is not gone.
    fs::write(&deep, "schema d version 1;\nstruct s { a: u32 }\n").unwrap();
    let before = lock_text(root);
    expect(0, &["compat", "schema/sub", "--against", "schema/inspect.lock"], root);
    expect(0, &["lock", "schema/sub"], root);
    assert_eq!(lock_text(root), before);
    // A directory of somebody else's proves nothing about the schemas beside.
    fs::create_dir(root.join("strange")).unwrap();
    fs::write(root.join("strange/e.inspect"), "schema e version 1;\nstruct s { a: u32 }\n")
        .unwrap();
    expect(0, &["check", "schema/sub", "strange"], root);
    // A lock below counts for whoever comes from above; one above a work tree is somebody else's.
    fs::rename(root.join("schema/inspect.lock"), root.join("schema/sub/inspect.lock")).unwrap();
    fs::write(&deep, "schema d version 1;\nstruct s { a: u64 }\n").unwrap();
    expect(1, &["check", "schema"], root);
    fs::create_dir(root.join("schema/sub/deep/.git")).unwrap();
    expect(0, &["check", "schema"], root);
}

#[test]
fn a_schema_that_is_gone_is_a_break_for_all() {
    let root = workspace();
    let root = root.path();
    put(root, &ONE.replace("demo", "other"));
    for arguments in [
        &["check", "schema"][..],
        &["generate", "schema", "-o", "out"],
        &["lock", "schema"],
        &["compat", "schema", "--against", "schema/inspect.lock"],
    ] {
        let output = expect(1, arguments, root);
        let said = [text(&output.stdout), text(&output.stderr)].concat();
        assert!(said.contains("schema-removed") || said.contains("`demo` was released"), "{said}");
    }
    assert!(!root.join("out").exists());
    expect(0, &["lock", "schema", "--replace"], root);
    assert!(!lock_text(root).contains("demo"));
    expect(0, &["check", "schema"], root);
}

#[test]
fn what_a_checkout_and_a_hand_do_to_a_lock_is_no_riddle() {
    let root = workspace();
    let root = root.path();
    let lock = root.join("schema/inspect.lock");
    fs::write(&lock, lock_text(root).replace('\n', "\r\n")).unwrap();
    expect(0, &["lock", "schema", "--check"], root);
    let whole = lock_text(root);
    let cut = whole.lines().map(|line| match line.strip_prefix("targets ") {
        Some(_) => "targets x86_64\n".to_owned(),
        None => format!("{line}\n"),
    });
    fs::write(&lock, cut.collect::<String>()).unwrap();
    for arguments in
        [&["check", "schema"][..], &["compat", "schema", "--against", "schema/inspect.lock"]]
    {
        let output = expect(0, arguments, root);
        let said = text(&output.stderr);
        assert!(said.contains("W0601") && said.contains("i686"), "{said}");
    }
    expect(0, &["lock", "schema"], root);
    assert!(lock_text(root).contains("i686"));
}

#[test]
fn programs_find_errors_where_they_find_results() {
    let root = workspace();
    let root = root.path();
    let against = |lock| ["compat", "schema", "--against", lock, "--message-format", "json"];
    let output = expect(1, &against("nowhere.lock"), root);
    let object: serde_json::Value = serde_json::from_str(text(&output.stdout)).unwrap();
    assert_eq!(object["code"], "E0001");
    let rules = expect(0, &["compat", "--list-rules", "--message-format", "json"], root);
    for line in text(&rules.stdout).lines() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(object["rule"].is_string() && object["released"]["severity"].is_string(), "{line}");
    }
    put(root, BROKEN);
    let output = expect(1, &["check", "schema", "--message-format", "github"], root);
    let said = text(&output.stdout);
    assert!(said.contains("%0Aschema/inspect.lock:") && said.contains("released as"), "{said}");
}

#[test]
fn a_directory_and_a_file_are_compared_as_a_lock_is() {
    let root = workspace();
    let root = root.path();
    fs::create_dir(root.join("old")).unwrap();
    fs::copy(root.join("schema/demo.inspect"), root.join("old/demo.inspect")).unwrap();
    put(root, BROKEN);
    for against in ["old", "old/demo.inspect"] {
        let output = expect(1, &["compat", "schema", "--against", against], root);
        let said = text(&output.stdout);
        assert!(said.contains("was old/demo.inspect:2") && said.contains("2 breaks"), "{said}");
    }
    fs::write(root.join("old/demo.inspect"), "schema demo version 1;\nstruct s { a: u33 }\n")
        .unwrap();
    let output = expect(1, &["compat", "schema", "--against", "old"], root);
    assert!(text(&output.stderr).contains("E0608"), "{}", text(&output.stderr));
}

/// `None` where there is no git and none has to be.
fn git(root: &Path, arguments: &[&str]) -> Option<()> {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]);
    let output = match command.args(arguments).current_dir(root).output() {
        Ok(output) => output,
        Err(error) => {
            assert!(
                std::env::var_os("INSPECT_REQUIRE_TOOLS").is_none(),
                "git is required: {error}"
            );
            eprintln!("skipped: git: {error}");
            return None;
        }
    };
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    Some(())
}

#[test]
fn a_revision_is_compared_as_it_was() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let Some(()) = git(root, &["init", "-q", "-b", "main"]) else { return };
    fs::write(root.join("notes"), "nothing yet\n").unwrap();
    let commit = |message: &str| {
        git(root, &["add", "-A"]);
        git(root, &["commit", "-q", "-m", message]);
        git(root, &["tag", message]);
    };
    commit("v0");
    fs::create_dir_all(root.join("schema/sub dir/.hidden")).unwrap();
    put(root, ONE);
    let two = "schema two version 1;\nuse demo::point;\nstruct line { a: point }\n";
    fs::write(root.join("schema/sub dir/two.inspect"), two).unwrap();
    fs::write(root.join("schema/sub dir/.hidden/bad.inspect"), "no schema").unwrap();
    commit("v1");
    put(root, BROKEN);
    let output = expect(1, &["compat", "schema", "--against", "git:v1"], root);
    let said = text(&output.stdout);
    assert!(said.contains("was v1:schema/demo.inspect:2"), "{said}");
    // From inside the directory, of one file, and of one that has gone since.
    expect(1, &["compat", ".", "--against", "git:v1"], &root.join("schema"));
    expect(1, &["compat", "demo.inspect", "--against", "git:HEAD"], &root.join("schema"));
    put(root, ONE);
    expect(0, &["compat", "schema", "--against", "git:v1"], root);
    // What is compiled may be imported as well.
    let sub = ["compat", "schema/sub dir", "--import", "schema", "--against", "git:v1"];
    expect(0, &sub, root);
    fs::remove_file(root.join("schema/sub dir/two.inspect")).unwrap();
    let output = expect(1, &["compat", "schema", "--against", "git:HEAD"], root);
    assert!(text(&output.stdout).contains("schema-removed"));
    for (revision, part) in [
        ("v0", "revision `v0` has no schemas at `schema`"),
        ("v9", "there is no revision `v9`"),
        ("--all", "there is no revision `--all`"),
        ("", "there is no revision ``"),
    ] {
        let against = format!("git:{revision}");
        let output = expect(1, &["compat", "schema", "--against", &against], root);
        assert!(text(&output.stderr).contains(part), "{part}: {}", text(&output.stderr));
    }
    let outside = tempfile::tempdir().unwrap();
    fs::create_dir(outside.path().join("schema")).unwrap();
    put(outside.path(), ONE);
    let output = expect(1, &["compat", "schema", "--against", "git:v1"], outside.path());
    assert!(text(&output.stderr).contains("is in no git repository"), "{}", text(&output.stderr));
    let output = Command::new(env!("CARGO_BIN_EXE_inspect-gen"))
        .args(["compat", "schema", "--against", "git:v1"])
        .env("PATH", "/nowhere")
        .current_dir(root)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("`git` is not there"), "{}", text(&output.stderr));
}

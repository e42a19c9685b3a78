//! Exit codes and messages: what is wrong, where, and a way out.
//!
//! 0 done; 1 the input is at fault; 2 usage, or an output that cannot be written. Each case has a golden of its
//! message, in which paths and numbers of processes are replaced.

mod support;

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use support::cores::by_gdb;
use support::machines::MACHINES;
use support::running::Running;
use support::shapes::SHAPES;
use support::shop::{PACKED, SHOP};
use support::tools::{command, has, inspect, output, run, text};

/// A folder for what a case needs, and its normal form in messages.
struct Case {
    folder: tempfile::TempDir,
    replaced: Vec<(String, String)>,
}

impl Case {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), replaced: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file of these bytes.
    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.path(name), bytes).expect("a file");
        self.path(name)
    }

    fn replace(&mut self, from: impl ToString, to: &str) {
        self.replaced.push((from.to_string(), to.to_owned()));
    }

    /// Runs the program, which has to end with this code; what it said goes into a golden.
    #[track_caller]
    fn fails(&self, name: &str, code: i32, arguments: &[&str]) {
        self.check(name, code, &output(&mut inspect(arguments)));
    }

    #[track_caller]
    fn check(&self, name: &str, code: i32, output: &Output) {
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{name}: {message}\n{}", text(&output.stdout));
        assert!(!message.trim().is_empty(), "{name}: no message");
        assert!(!message.contains("panicked"), "{name}: {message}");
        let mut said = message;
        for (from, to) in &self.replaced {
            said = said.replace(from, to);
        }
        for folder in [self.folder.path(), SHOP.workshop.folder(), SHAPES.workshop.folder()] {
            said = said.replace(&folder.display().to_string(), "[folder]");
        }
        // The same words for whatever width.
        insta::with_settings!({ description => format!("exit code {code}"), omit_expression => true }, {
            insta::assert_snapshot!(name, said);
        });
    }
}

fn utf8(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

fn dump() -> PathBuf {
    SHAPES.dump(&MACHINES[0], "all")
}

/// A copy of the dump with one change.
fn damaged(case: &Case, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let mut bytes = fs::read(dump()).expect("a dump");
    change(&mut bytes);
    case.file("damaged", &bytes)
}

/// Where the first table of a file is.
#[track_caller]
fn table_at(bytes: &[u8]) -> usize {
    let magic = inspect_format::abi::TABLE_MAGIC;
    bytes.windows(8).position(|window| window == magic).expect("a table")
}

#[test]
fn files_that_are_not_there_or_hold_nothing() {
    let case = Case::new();
    case.fails("missing_file", 1, &["list", utf8(&case.path("missing"))]);
    case.fails("directory", 1, &["list", utf8(case.folder.path())]);
    case.fails("empty_file", 1, &["list", utf8(&case.file("empty", b""))]);
    case.fails("short_file", 1, &["list", utf8(&case.file("short", b"\x7fEL"))]);
    case.fails(
        "text_file",
        1,
        &["list", utf8(&case.file("text", b"not anything that is known\n"))],
    );
    case.fails("raw_missing", 1, &["list", &format!("raw:{}@0x1000", utf8(&case.path("missing")))]);
    let zeros = case.file("zeros", &[0; 8192]);
    case.fails("raw_without_tables", 1, &["list", &format!("raw:{}@0x1000", utf8(&zeros))]);
    case.fails(
        "schema_missing",
        1,
        &["list", utf8(&dump()), "--schema", utf8(&case.path("missing"))],
    );
}

#[test]
fn an_elf_file_without_tables_says_what_was_tried() {
    if !has("gcc") {
        return;
    }
    let case = Case::new();
    case.file("plain.c", b"int main(void) { return 0; }\n");
    run(&mut command(case.folder.path(), "gcc -o plain plain.c"));
    case.fails("no_tables", 1, &["list", utf8(&case.path("plain"))]);
    run(&mut command(case.folder.path(), "gcc -c -o plain.o plain.c"));
    case.fails("no_tables_in_object", 1, &["list", utf8(&case.path("plain.o"))]);
}

#[test]
fn damaged_tables_and_cores() {
    let case = Case::new();
    let future = damaged(&case, |bytes| {
        let at = table_at(bytes);
        bytes[at + 10] = 9;
    });
    case.fails("future_format", 1, &["list", utf8(&future)]);
    let cut = damaged(&case, |bytes| {
        let at = table_at(bytes);
        bytes.truncate(at + 200);
    });
    case.fails("cut_in_table", 1, &["list", utf8(&cut)]);
    let table = damaged(&case, |bytes| {
        let at = table_at(bytes);
        let mut table = bytes.split_off(at);
        table[10] = 9;
        *bytes = table;
    });
    case.fails("future_table_file", 1, &["list", utf8(&table)]);
    let cut = damaged(&case, |bytes| bytes.truncate(40));
    case.fails("cut_in_header", 1, &["list", utf8(&cut)]);
}

/// What is there is read, and what is not is said: a core whose end is missing is still listed.
#[test]
fn a_truncated_core_is_read_as_far_as_it_goes() {
    let case = Case::new();
    let whole = run(inspect(&["list", "--json"]).arg(dump()));
    let size = fs::metadata(dump()).expect("a dump").len() as usize;
    let cut = damaged(&case, |bytes| bytes.truncate(size - 100));
    let found = output(inspect(&["list", "--json"]).arg(&cut));
    assert_eq!(found.status.code(), Some(0), "{}", text(&found.stderr));
    assert_eq!(text(&found.stdout), whole.replace(utf8(&dump()), utf8(&cut)));
    let message = text(&found.stderr).replace(utf8(case.folder.path()), "[folder]");
    insta::assert_snapshot!("truncated_core", message);
}

#[test]
fn selectors_and_arguments() {
    let case = Case::new();
    let dump = dump();
    let target = utf8(&dump);
    for (name, arguments) in [
        ("selector_key", &["list", target, "clas:counter"][..]),
        ("selector_number", &["list", target, "id:counter"]),
        ("selector_address", &["list", target, "addr:0xzz"]),
        ("selector_pattern", &["list", target, "name:[a"]),
        ("selector_empty", &["list", target, "class:"]),
        ("unknown_command", &["lsit", target]),
        ("unknown_option", &["list", target, "--jsn"]),
        ("target_missing", &["list"]),
        ("target_number", &["list", "pid:abc"]),
        ("target_raw", &["list", "raw:file"]),
    ] {
        case.fails(name, 2, arguments);
    }
}

/// A list without entries is a list; which term it is that nothing holds, and what was perhaps meant, is said.
#[test]
fn selectors_that_mean_nothing() {
    let case = Case::new();
    let dump = dump();
    let target = utf8(&dump);
    let file = case.file("other.core", b"");
    for (name, code, arguments) in [
        ("nothing_word", 0, &["list", target, "no such name"][..]),
        ("nothing_slip", 0, &["list", target, "name:nestde"]),
        ("nothing_type", 0, &["list", target, "type:outre"]),
        ("nothing_json", 0, &["list", target, "class:nobody", "--json"]),
        ("nothing_together", 0, &["list", target, "name:nested", "name:arrays"]),
        ("nothing_file", 0, &["list", target, utf8(&file)]),
        ("nothing_map", 0, &["map", target, "addr:0x1"]),
        ("nothing_diff", 0, &["diff", target, target, "id:4000000000"]),
        ("nothing_show", 1, &["show", target, "nested2"]),
        ("nothing_property", 1, &["list", target, "prop:dmup"]),
    ] {
        case.fails(name, code, arguments);
    }
}

#[test]
fn outputs_that_cannot_be_written() {
    let case = Case::new();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("a full device");
    for arguments in [&["list"][..], &["list", "--json"]] {
        let mut command = inspect(arguments);
        command.arg(dump()).stdin(Stdio::null()).stdout(full.try_clone().expect("a copy"));
        let output = command.stderr(Stdio::piped()).spawn().expect("it starts").wait_with_output();
        case.check("full_device", 2, &output.expect("it ends"));
    }
    // Whoever closes a pipe has seen enough.
    let mut command = inspect(&["list"]);
    command.arg(dump()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{message}");
    assert!(!message.contains("cannot be written"), "{message}");
}

#[test]
fn processes_that_are_not_there_or_not_ours() {
    let mut case = Case::new();
    if !has("gcc") {
        return;
    }
    let mut ended = Running::start(&SHOP.program(PACKED), &["exit", "1"]);
    let number = ended.target();
    ended.wait();
    case.replace(&number, "pid:[pid]");
    case.fails("process_ended", 1, &["list", &number]);
    // It is no process of these programs that is at number 1.
    if !nobody_can_run() {
        return;
    }
    let running = Running::start(&SHOP.program(PACKED), &["wait"]);
    case.replace(running.target(), "pid:[pid]");
    let mut command = as_nobody(&case);
    let output = output(command.args(["list", &running.target()]));
    case.check("process_denied", 1, &output);
}

/// Whether this is root, who alone can become somebody else.
fn nobody_can_run() -> bool {
    let is_root =
        fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0);
    if !is_root {
        eprintln!("skipped: only root can run the reader as somebody else");
    }
    is_root && has("setpriv")
}

/// The program under test as somebody who may read it, and nothing of ours.
fn as_nobody(case: &Case) -> Command {
    let copy = case.path("inspect");
    fs::copy(env!("CARGO_BIN_EXE_inspect"), &copy).expect("a copy");
    for path in [case.folder.path(), &copy] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("rights");
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(copy);
    command
}

#[test]
fn files_that_may_not_be_read() {
    if !nobody_can_run() {
        return;
    }
    let case = Case::new();
    let secret = case.file("secret", &fs::read(dump()).expect("a dump"));
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("rights");
    let output = output(as_nobody(&case).arg("list").arg(&secret));
    case.check("file_denied", 1, &output);
}

/// It ends while it is read, again and again: a list, or a message, and never anything else.
#[test]
fn a_process_that_ends_while_it_is_read() {
    if !has("gcc") {
        return;
    }
    let rounds = if std::env::var("INSPECT_LONG").is_ok_and(|it| it == "1") { 400 } else { 20 };
    let mut outcomes = [0; 2];
    for round in 0..rounds {
        let mut running =
            Running::start(&SHOP.program(PACKED), &["exit", &(round % 10).to_string()]);
        let found = output(inspect(&["list"]).arg(running.target()));
        running.wait();
        let message = text(&found.stderr);
        let code = found.status.code().unwrap_or_else(|| panic!("it was killed: {message}"));
        assert!(matches!(code, 0 | 1), "{code}: {message}");
        assert!(!message.contains("panicked"), "{message}");
        // What was read before it ended is shown, with a message beside.
        assert!(code == 0 || !message.trim().is_empty(), "no message");
        outcomes[code as usize] += 1;
    }
    eprintln!("of {rounds} processes that ended, {} were read", outcomes[0]);
    let mut late = Running::start(&SHOP.program(PACKED), &["exit", "900"]);
    let found = output(inspect(&["list"]).arg(late.target()));
    late.wait();
    assert_eq!(found.status.code(), Some(0), "there was time: {}", text(&found.stderr));
}

/// It ends before all of its memory is read: what was read so far stands there, and is not all.
#[test]
fn a_process_that_ends_in_the_middle() {
    if !has("gcc") {
        return;
    }
    let mut case = Case::new();
    let running = Running::start(&SHAPES.native(), &["wait"]);
    let target = running.target();
    case.replace(&target, "pid:[pid]");
    let mut command = inspect(&["export", "--format", "ndjson", "--values", &target]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut out = child.stdout.take().expect("a pipe");
    // With room for a page in the pipe, it waits for somebody who reads long before it has read all.
    let room = {
        use std::os::fd::AsRawFd;
        // SAFETY: a plain call on a descriptor that is open.
        unsafe { libc::fcntl(out.as_raw_fd(), libc::F_SETPIPE_SZ, 4096) }
    };
    assert_eq!(room, 4096);
    let mut all = vec![0; 1];
    out.read_exact(&mut all).expect("the first byte");
    drop(running);
    out.read_to_end(&mut all).expect("the rest");
    let output = Output { stdout: all, ..child.wait_with_output().expect("it ends") };
    case.check("process_ended_in_the_middle", 1, &output);
}

/// A core without the files that were mapped, as on another machine.
#[test]
fn a_core_from_elsewhere_says_what_it_lacks() {
    if !has("gcc") || !has("gdb") {
        return;
    }
    let case = Case::new();
    let running = Running::start(&SHOP.program(PACKED), &["wait"]);
    let core = by_gdb(&running, case.folder.path());
    let sysroot = case.path("nothing");
    fs::create_dir(&sysroot).expect("a folder");
    let found = output(inspect(&["list", "--json"]).arg(&core).arg("--sysroot").arg(&sysroot));
    // Tables are in writable memory, which every core has.
    assert_eq!(found.status.code(), Some(0), "{}", text(&found.stderr));
    let entries: serde_json::Value = serde_json::from_slice(&found.stdout).expect("JSON");
    assert_eq!(entries.as_array().expect("an array").len(), 25);
}

//! The examples in C and C++, built as their Makefiles build them and run under valgrind; `inspect` lists what
//! they have written.

#[path = "c/support.rs"]
#[allow(dead_code, reason = "shared with the other tests of the C output")]
mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use support::{has, root, run};

/// Builds an example in a folder of its own; the program's path.
fn make(example: &str, program: &str, folder: &Path) -> String {
    let generator = format!("INSPECT_GEN={}", env!("CARGO_BIN_EXE_inspect-gen"));
    let out = format!("OUT={}", folder.display());
    let strict = "-g -O1 -Wall -Wextra -Wpedantic -Werror";
    let (c, cxx) = (format!("CFLAGS={strict}"), format!("CXXFLAGS={strict}"));
    let target = folder.join(program).display().to_string();
    let path = root().join("../examples").join(example);
    run(&path, "make", &[&generator, &out, &c, &cxx, &target])
        .unwrap_or_else(|error| panic!("{error}"));
    target
}

/// The program that reads tables, built if it is not.
fn inspect() -> String {
    // In a place of its own, without the crates that only exports need: other tests want the whole one.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reader");
    let target = folder.display().to_string();
    let light = ["--no-default-features", "--features", "cli"];
    let arguments = ["build", "-q", "-p", "inspect-reader", "--bin", "inspect", "--target-dir"];
    run(root(), env!("CARGO"), &[&arguments[..], &[&target], &light].concat())
        .unwrap_or_else(|error| panic!("{error}"));
    folder.join("debug/inspect").display().to_string()
}

/// What `inspect list` says of a file, with addresses and sizes left out.
fn list(inspect: &str, path: &Path) -> Vec<String> {
    let listed = run(root(), inspect, &["list", "--color=never", &path.display().to_string()]);
    let listed = listed.unwrap_or_else(|error| panic!("{error}"));
    let words = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        // Class, name, address, two words of a size, properties, fields.
        format!("{} {} {}", words[0], words[1], words[5])
    };
    let is_row = |line: &&str| line.contains(" 0x");
    let mut rows: Vec<String> = listed.lines().filter(is_row).map(words).collect();
    rows.sort();
    rows
}

const VALGRIND: &[&str] = &["-q", "--error-exitcode=9", "--leak-check=full"];

/// A daemon under valgrind, and both ends of it.
struct Daemon {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Daemon {
    fn start(program: &str, table: &Path) -> Self {
        let mut child = Command::new("valgrind")
            .args(VALGRIND)
            .args([program, &table.display().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("valgrind");
        let commands = child.stdin.take().expect("a pipe");
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut daemon = Self { child, commands, answers };
        assert_eq!(daemon.answer(), "ready");
        daemon
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("an answer");
        line.trim_end().to_owned()
    }

    fn ask(&mut self, command: &str) -> String {
        writeln!(self.commands, "{command}").expect("a command");
        self.answer()
    }

    fn dump(&mut self) {
        let id = self.child.id().to_string();
        run(root(), "kill", &["-USR1", &id]).expect("a signal");
        assert_eq!(self.answer(), "table written");
    }
}

#[test]
fn the_daemon_writes_its_table_in_a_signal_handler() {
    if !has("gcc") || !has("make") || !has("valgrind") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let program = make("c-daemon", "daemon", folder.path());
    let inspect = inspect();
    let table = folder.path().join("daemon.table");
    let statics = ["log main summary", "stats[worker=0] worker summary|volatile"];
    let with = |rows: &[&str]| {
        let rows = rows.iter().map(|row| format!("{row} value user_data|sensitive"));
        rows.chain(statics.map(str::to_owned)).collect::<Vec<_>>()
    };

    let mut daemon = Daemon::start(&program, &table);
    assert_eq!(daemon.ask("get name"), "nothing");
    assert_eq!(daemon.ask("set name Ada"), "stored");
    assert_eq!(daemon.ask("set town London"), "stored");
    assert_eq!(daemon.ask("get name"), "Ada");
    daemon.dump();
    assert_eq!(list(&inspect, &table), with(&["blob[1]", "blob[2]"]));
    // Eight values are kept: the ninth throws out the first.
    for number in 3..10 {
        assert_eq!(daemon.ask(&format!("set key{number} value")), "stored");
    }
    assert_eq!(daemon.ask("get name"), "nothing");
    daemon.dump();
    assert_eq!(list(&inspect, &table).len(), 10);
    drop(daemon.commands);
    assert!(daemon.child.wait().expect("an end").success(), "valgrind found something");
    assert_eq!(list(&inspect, &table), with(&[]));

    let mut daemon = Daemon::start(&program, &table);
    assert_eq!(daemon.ask("set name Ada"), "stored");
    assert_eq!(daemon.ask("crash"), "table written");
    let status = daemon.child.wait().expect("an end");
    assert!(status.code() != Some(9) && !status.success(), "{status}");
    assert_eq!(list(&inspect, &table), with(&["blob[1]"]));
    // Beside it, what a report may hold: the log and the statistics, and nothing that users said.
    let core = std::fs::read(folder.path().join("daemon.table.core")).expect("the core");
    let holds = |text: &[u8]| core.windows(text.len()).any(|window| window == text);
    assert!(holds(b"stored") && !holds(b"Ada"));
    let core = inspect_format::elfcore::Core::parse(&core).expect("a core");
    let loads = core.segments().filter(|segment| segment.kind == inspect_format::elfcore::PT_LOAD);
    assert_ne!(loads.count(), 0);
}

#[test]
fn the_station_withdraws_what_goes() {
    if !has("gcc") || !has("g++") || !has("make") || !has("valgrind") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let program = make("cpp", "station", folder.path());
    let table = folder.path().join("station.table");
    let path = table.display().to_string();
    let printed = run(root(), "valgrind", &[VALGRIND, &[&program, &path]].concat())
        .unwrap_or_else(|error| panic!("{error}"));
    let expected = "\
with a visitor:
life[0]: 16 bytes
roof[0]: 72 bytes
cellar[1]: 72 bytes
visitor[2]: 72 bytes
another: every row is taken; give the table more rows, or withdraw some
without:
life[0]: 16 bytes
roof[0]: 72 bytes
cellar[1]: 72 bytes
";
    assert_eq!(printed, expected);
    let rows =
        ["life life summary", "series[sensor=0] roof volatile", "series[sensor=1] cellar volatile"];
    assert_eq!(list(&inspect(), &table), rows);
}

//! `inspect watch`: what changes is shown, as it changes, until the process ends.

#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

#[path = "../../runtime/tests/support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use inspect_runtime::RuntimeTable;
use support::{Format, entry};

const ROLE: &str = "INSPECT_LIVE_WATCHED";

static TABLE: RuntimeTable<Format, 4, 512> = RuntimeTable::new();
static VALUES: [AtomicU64; 2] = [AtomicU64::new(0x0102), AtomicU64::new(0x0304)];

/// Not a test: what a child of the tests below does. It is told by lines what to do.
#[test]
fn child() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let table = TABLE.open();
    let register = |index: usize, name| {
        let address = (&raw const VALUES[index]).addr() as u64;
        table.register_as(name, entry(address, 8)).unwrap()
    };
    register(0, "first");
    let mut second = None;
    println!("\nready");
    for line in std::io::stdin().lines() {
        match &line.unwrap()[..] {
            "change" => VALUES[0].store(0xff, Ordering::Relaxed),
            "add" => second = Some(register(1, "second\x1b[2J")),
            "remove" => table.unregister(second.take().unwrap()).unwrap(),
            _ => return,
        }
    }
}

/// A child that dies with this value.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn watched() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "child", "--nocapture", "--test-threads", "1"]).env(ROLE, "1");
        let mut running = Self::start(&mut command);
        while running.line() != "ready" {}
        running
    }

    fn watch(&self, arguments: &[&str]) -> Self {
        let target = format!("pid:{}", self.child.id());
        let mut command = Command::new(env!("CARGO_BIN_EXE_inspect"));
        Self::start(command.args(["watch", &target, "--interval", "20ms"]).args(arguments))
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("a line").unwrap()
    }

    fn tell(&mut self, text: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{text}").unwrap();
    }

    /// Waits for the end: the status, and what was said beside the output.
    fn end(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn changes_are_written_as_they_come() {
    let mut watched = Running::watched();
    let mut watch = watched.watch(&[]);
    assert!(watch.line().starts_with("after 0.0"));
    let line = watch.line();
    assert!(line.starts_with("+ class:0x4d[") && line.ends_with("] first"), "{line}");
    let own = [watch.line(), watch.line(), watch.line()];
    assert!(own[0].starts_with("    @properties = "), "{own:?}");
    assert!(own[1].starts_with("    @address = 0x"), "{own:?}");
    assert_eq!(own[2], "    @length = 8");
    let line = watch.line();
    assert!(line.starts_with("    value = "), "{line}");
    watched.tell("change");
    assert!(watch.line().starts_with("after "));
    assert!(watch.line().starts_with("~ class:0x4d["));
    let line = watch.line();
    assert!(line.starts_with("    value: ") && line.contains(" -> "), "{line}");
    watched.tell("add");
    watch.line();
    let line = watch.line();
    assert!(line.starts_with("+ ") && line.ends_with(r"second\u{1b}[2J"), "{line}");
    (0..4).for_each(|_| drop(watch.line()));
    watched.tell("remove");
    watch.line();
    assert!(watch.line().starts_with("- "));
    watched.tell("end");
    assert_eq!(watch.lines.next().map(Result::unwrap), None, "nothing more");
    let (status, said) = watch.end();
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("the process has ended"), "{said}");
}

#[test]
fn json_is_an_object_for_each_change() {
    let mut watched = Running::watched();
    let mut watch = watched.watch(&["--json", "class:0x4d"]);
    let event = |watch: &mut Running| -> serde_json::Value {
        serde_json::from_str(&watch.line()).expect("an object on a line")
    };
    let first = event(&mut watch);
    assert_eq!((&first["event"], &first["name"]), (&"appeared".into(), &"first".into()));
    assert_eq!(first["values"]["@length"], 8);
    assert!(first["time"].as_f64().unwrap() > 1.6e9);
    watched.tell("change");
    let second = event(&mut watch);
    assert_eq!((&second["event"], &second["id"]), (&"changed".into(), &first["id"]));
    let change = &second["changes"][0];
    assert_eq!(change["before"], first["values"][""]);
    assert!(change["after"] != change["before"] && change["path"] == "", "{change}");
    watched.tell("add");
    let third = event(&mut watch);
    assert_eq!(third["name"], "second\u{1b}[2J");
    watched.tell("end");
    let fourth = event(&mut watch);
    assert_eq!(fourth["event"], "ended");
    assert_eq!(watch.end().0, Some(0));
}

#[test]
fn it_ends_when_it_is_told_to_and_refuses_what_does_not_change() {
    let watched = Running::watched();
    let (status, said) = watched.watch(&["--count", "2"]).end();
    assert_eq!((status, &said[..]), (Some(0), ""));
    let (status, said) = watched.watch(&["--interval", "1h"]).end();
    assert_eq!(status, Some(2), "{said}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_inspect"));
    let (status, said) = Running::start(command.args(["watch", "/dev/null"])).end();
    assert_eq!(status, Some(2));
    assert!(said.contains("only a running process changes"), "{said}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_inspect"));
    let (status, said) = Running::start(command.args(["watch", "pid:4294967295"])).end();
    assert_eq!(status, Some(1));
    assert!(said.contains("there is no such process"), "{said}");
}

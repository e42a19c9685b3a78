//! Runs the daemon until it crashes, and looks at what it left.
#![cfg(target_os = "linux")]

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use inspect_format::abi::note_kind;
use inspect_format::elfcore::Core;
use inspect_format::notes::capture::{Capture, Status};
use inspect_format::snapshot::{self, Manifest};
use inspect_format::table;
use inspect_format::zone::Zone;

const SECRET: &str = "the-password-of-somebody";

/// Serves a little work and crashes; each start writes into the same directory.
fn crash(directory: &Path) {
    let mut daemon = Command::new(env!("CARGO_BIN_EXE_daemon"))
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let requests = format!("put key {SECRET}\nget key\nget key\nget other\nget key\ncrash\n");
    daemon.stdin.take().unwrap().write_all(requests.as_bytes()).expect("it listens");
    let output = daemon.wait_with_output().expect("it ends");
    // An allocation in the handler would have ended it with a status.
    assert_eq!((output.status.signal(), output.status.code()), (Some(11), None));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("ready\nstored\nthe-pass"));
}

/// Name, address, status and reason of every entry.
fn entries(bytes: &[u8]) -> Vec<(String, u64, Status, String)> {
    let core = Core::parse(bytes).expect("a core");
    let notes: Vec<_> = core.notes().collect::<Result<_, _>>().expect("notes");
    let contents = |kind| notes.iter().find(|note| note.is(kind)).expect("the note").contents;
    let capture = Capture::parse(contents(note_kind::CAPTURE)).expect("a description");
    assert_eq!((capture.head.consumer, capture.head.missing), ("report", 0));
    assert_eq!(capture.head.producer, Some(concat!("daemon ", env!("CARGO_PKG_VERSION"))));
    let mut found = Vec::new();
    let tables: Vec<_> = table::tables(contents(note_kind::TABLES)).map(Result::unwrap).collect();
    for ((_, table), described) in tables.iter().zip(capture.tables()) {
        for (row, described) in table.rows().zip(described.expect("a table").rows()) {
            let described = described.expect("a row");
            let name = row.name().expect("a name").to_owned();
            let reason = described.reason.unwrap_or("").to_owned();
            found.push((name, row.address(), described.status, reason));
        }
    }
    found
}

fn address_of(entries: &[(String, u64, Status, String)], name: &str) -> u64 {
    entries.iter().find(|entry| entry.0 == name).expect("an entry of this name").1
}

fn check_core(bytes: &[u8]) -> (u64, u64) {
    let mut entries = entries(bytes);
    // A table's rows have no order of their own.
    entries.sort_by(|one, other| one.0.cmp(&other.0));
    let states: Vec<_> =
        entries.iter().map(|(name, _, status, reason)| (&name[..], *status, &reason[..])).collect();
    let expected = [
        ("cache", Status::Captured, ""),
        ("clients", Status::Denied, "deny"),
        ("main", Status::Captured, ""),
        ("value", Status::Denied, "deny"),
    ];
    assert_eq!(states, expected);
    let core = Core::parse(bytes).unwrap();
    let (stats, value) = (address_of(&entries, "cache"), address_of(&entries, "value"));
    let hits = core.memory(stats, 8).expect("the numbers are there");
    assert_eq!(hits, 3_u64.to_ne_bytes());
    assert_eq!(core.memory(value, 1), None);
    (stats, value)
}

/// The snapshot of the first crash: later ones leave it alone.
fn check_snapshot(directory: &Path) {
    let file = |name: &str| std::fs::read(directory.join(name)).expect("a file of the snapshot");
    let text = String::from_utf8(file(snapshot::MANIFEST)).expect("a text");
    let manifest = Manifest::parse(&text).expect("a manifest");
    assert_eq!(file(snapshot::TABLES).len() as u64, manifest.tables);
    assert_eq!(file(snapshot::CAPTURE).len() as u64, manifest.capture);
    let runs: Vec<_> = manifest.runs().collect();
    let mut memory = Vec::new();
    for run in &runs {
        let bytes = file(run.file_name().as_str());
        assert_eq!(bytes.len() as u64, run.length);
        memory.extend(bytes);
    }
    // Connections are in it, and their numbers can be read; their tokens are not.
    let holds = |needle: &[u8]| memory.windows(needle.len()).any(|window| window == needle);
    assert!(holds(&1001_u64.to_ne_bytes()) && holds(&1002_u64.to_ne_bytes()));
    assert!(!holds(b"token of the"));
    assert_eq!(directory.read_dir().unwrap().count(), 3 + runs.len());
}

#[test]
fn a_crash_leaves_a_core_a_zone_and_a_snapshot() {
    let directory = tempfile::tempdir().unwrap();
    for start in 1..=2 {
        crash(directory.path());
        let core = std::fs::read(directory.path().join("core")).expect("a core");
        check_core(&core);
        let zone_bytes = std::fs::read(directory.path().join("zone")).expect("a zone");
        let zone = Zone::open(&&zone_bytes[..]).expect("it was prepared");
        let dump = zone.newest(&&zone_bytes[..]).unwrap().expect("a dump is in it");
        assert_eq!(dump.record.sequence, start, "each crash writes one");
        let at = dump.offset as usize;
        check_core(&zone_bytes[at..at + dump.record.length as usize]);
        check_snapshot(&directory.path().join("snapshot"));
        // The log has the request with the value in it: that is what a log of requests is. The
        // value itself is in no dump.
        let value = format!("put key {SECRET}");
        let log = core.windows(value.len()).filter(|window| *window == value.as_bytes()).count();
        let all = core.windows(SECRET.len()).filter(|window| *window == SECRET.as_bytes()).count();
        assert_eq!(log, all);
    }
}

#[test]
fn a_debugger_opens_the_core() {
    let directory = tempfile::tempdir().unwrap();
    crash(directory.path());
    let path = directory.path().join("core");
    let (stats, value) = check_core(&std::fs::read(&path).unwrap());
    let commands = [
        "info symbol $pc".to_owned(),
        "x/1gd &daemon::STATS".to_owned(),
        format!("x/1xb {value:#x}"),
    ];
    let mut gdb = Command::new("gdb");
    gdb.args(["-nx", "-batch", env!("CARGO_BIN_EXE_daemon")]).arg(&path);
    for command in &commands {
        gdb.args(["-ex", command]);
    }
    let output = match gdb.output() {
        Ok(output) => [output.stdout, output.stderr].concat(),
        Err(error) => {
            assert!(std::env::var_os("INSPECT_REQUIRE_TOOLS").is_none(), "gdb: {error}");
            eprintln!("skipped: there is no gdb ({error})");
            return;
        }
    };
    let output = String::from_utf8_lossy(&output);
    // Where the program stopped, in a position-independent executable; a number that differs from
    // its initial value; memory that is not there.
    assert!(output.contains("daemon::crash::provoke"), "{output}");
    let number = output.lines().find(|line| line.starts_with(&format!("{stats:#x} <")));
    assert!(number.is_some_and(|line| line.ends_with(">:\t3")), "{output}");
    assert!(output.contains(&format!("Cannot access memory at address {value:#x}")), "{output}");
}

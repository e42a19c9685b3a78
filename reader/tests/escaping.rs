//! Names from an image never reach a terminal, JSON or CSV as they are: escape sequences, line feeds, marks that
//! reverse text, tags of HTML, formulas, and what is not even UTF-8.
//!
//! The names of a dump are replaced byte by byte: those of entries, classes, fields, structs, enumerators, properties, the
//! producer, and text in memory. A program and a core whose paths are such names do the rest.

mod support;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Output;

use inspect_format::abi::TABLE_MAGIC;
use inspect_format::hash::crc32c;
use serde_json::Value;
use support::machines::MACHINES;
use support::running::Running;
use support::shapes::SHAPES;
use support::shop::{PACKED, SHOP};
use support::tools::{has, inspect, output, text};

/// What stands in the fixture's dump, wherever a name can stand.
const NAMES: [&str; 13] = [
    // Entries, and two fields of a row.
    "registered",
    "number_place",
    "eight..8",
    "a remark",
    // A class and its entry, and a property.
    "counter",
    "dump",
    // Structs, members and enumerators.
    "shapes_nested",
    "unknown",
    "address_like",
    "bottom",
    // The producer, and text in memory.
    "shapes 1.0",
    "a label",
    "someone",
];

/// Names that nobody should see as they are. All but the last ones are text.
const HARMFUL: [&[u8]; 17] = [
    b"\x1b[2J",
    b"\x1b]0;",
    b"\n",
    b"\r",
    b"\t=",
    b"\x07\x08",
    b"\x7f",
    "\u{9b}31m".as_bytes(),
    "\u{202e}".as_bytes(),
    "\u{2028}".as_bytes(),
    "\u{feff}".as_bytes(),
    b"<script>",
    b"</pre",
    b"=cmd()",
    b"\"",
    b"\xff\xfe",
    b"\xc3",
];

/// Commands whose output is looked at.
const COMMANDS: &[&[&str]] = &[
    &["list", "TARGET"],
    &["list", "TARGET", "--json"],
    &["list", "TARGET", "name:nothing"],
    &["show", "TARGET"],
    &["show", "TARGET", "--json"],
    &["map", "TARGET"],
    &["map", "TARGET", "--json"],
    &["doctor", "TARGET"],
    &["doctor", "TARGET", "--json"],
    &["list", "TARGET", "--consumer", "all"],
    &["diff", "TARGET", "TARGET"],
    &["diff", "OTHER", "TARGET"],
    &["diff", "OTHER", "TARGET", "--json"],
    &["dump", "TARGET", "-o", "OUT", "--consumer", "all"],
    &["dump", "TARGET", "-o", "OUT", "--consumer", "all", "--json"],
    &["export", "TARGET", "--format", "json"],
    &["export", "TARGET", "--format", "ndjson", "--values"],
    &["export", "TARGET", "--format", "csv"],
    &["export", "TARGET", "--format", "csv", "--values"],
];

/// Commands for processes alone.
const LIVE_COMMANDS: &[&[&str]] = &[
    &["watch", "TARGET", "--count", "2", "--interval", "10ms"],
    &["watch", "TARGET", "--count", "2", "--interval", "10ms", "--json"],
];

/// A text of a length that begins with another one.
fn padded(start: &[u8], length: usize) -> Vec<u8> {
    let mut name = start.to_vec();
    name.resize(length.max(start.len()), b'x');
    name.truncate(length);
    name
}

/// The dump with all names replaced, as far as the harmful one is not longer.
#[track_caller]
fn renamed(dump: &[u8], start: &[u8]) -> Vec<u8> {
    let mut bytes = dump.to_vec();
    for name in NAMES {
        if start.len() > name.len() {
            continue;
        }
        let new = padded(start, name.len());
        let places = find(&bytes, name.as_bytes());
        assert!(!places.is_empty(), "{name} is not in the dump");
        for place in places {
            bytes[place..place + name.len()].copy_from_slice(&new);
        }
    }
    with_checksums(&mut bytes);
    bytes
}

fn find(bytes: &[u8], what: &[u8]) -> Vec<usize> {
    let windows = bytes.windows(what.len()).enumerate();
    windows.filter(|(_, window)| *window == what).map(|(place, _)| place).collect()
}

/// Tables whose bytes do not change have a checksum, of which a reader would complain first.
fn with_checksums(bytes: &mut [u8]) {
    let number =
        |bytes: &[u8]| bytes.iter().rev().fold(0, |all, byte| all << 8 | usize::from(*byte));
    for at in find(bytes, &TABLE_MAGIC) {
        let size = number(&bytes[at + 16..at + 24]);
        let Some(table) = bytes.get_mut(at..at + size) else { continue };
        if number(&table[56..60]) == 0 {
            continue;
        }
        table[56..60].fill(0);
        let checksum = crc32c(table).to_le_bytes();
        table[56..60].copy_from_slice(&checksum);
    }
}

/// Fails if an output would do something to a terminal, or JSON to a page of HTML.
#[track_caller]
fn is_harmless(output: &Output, arguments: &[&str], what: &str) {
    let is_json = is_json(arguments);
    assert!(output.status.code().is_some(), "{what}: it was killed");
    for (name, bytes) in [("output", &output.stdout), ("messages", &output.stderr)] {
        let Ok(text) = std::str::from_utf8(bytes) else {
            panic!("{what}: {name} is not UTF-8: {}", bytes.escape_ascii());
        };
        assert!(!text.contains("panicked"), "{what}: {text}");
        let is_page = is_json && name == "output";
        let harmful = text.chars().find(|it| is_harmful(*it) || is_page && *it == '<');
        if let Some(harmful) = harmful {
            let line = text.lines().find(|line| line.contains(harmful)).unwrap_or_default();
            panic!("{what}: {name} has {harmful:?} in {:?}", line);
        }
    }
}

fn is_json(arguments: &[&str]) -> bool {
    arguments.iter().any(|it| it.contains("json"))
}

/// Controls but for the line feed, and what reverses, joins or ends lines.
fn is_harmful(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The values of an output in JSON: an array, or one in each line.
#[track_caller]
fn values(printed: &str, what: &str) -> Vec<Value> {
    let values = serde_json::Deserializer::from_str(printed).into_iter();
    values.map(|it| it.unwrap_or_else(|error| panic!("{what}: {error}: {printed}"))).collect()
}

/// Whether a text stands somewhere in a value.
fn holds(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text == wanted,
        Value::Array(elements) => elements.iter().any(|it| holds(it, wanted)),
        Value::Object(members) => {
            members.iter().any(|(name, it)| name == wanted || holds(it, wanted))
        }
        _ => false,
    }
}

fn run_all(
    commands: &[&'static [&'static str]],
    target: &Path,
    other: &Path,
    mut look: impl FnMut(&[&str], &Output),
) {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    for arguments in commands {
        let place = |word: &&'static str| match *word {
            "TARGET" => target.as_os_str(),
            "OTHER" => other.as_os_str(),
            "OUT" => out.as_os_str(),
            word => OsStr::new(word),
        };
        let words: Vec<&OsStr> = arguments.iter().map(place).collect();
        look(arguments, &output(&mut inspect(&words)));
    }
}

#[test]
fn names_of_an_image_are_escaped() {
    if !has("gcc") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let benign = SHAPES.dump(&MACHINES[0], "all");
    let dump = fs::read(&benign).expect("a dump");
    let mut lines = Vec::new();
    run_all(COMMANDS, &benign, &benign, |_, output| {
        lines.push(text(&output.stdout).lines().count())
    });
    for start in HARMFUL {
        let target = folder.path().join("core");
        fs::write(&target, renamed(&dump, start)).expect("a dump");
        let is_text = std::str::from_utf8(start).is_ok();
        let mut index = 0;
        run_all(COMMANDS, &target, &benign, |arguments, output| {
            let what = format!("{} with {}", arguments.join(" "), start.escape_ascii());
            is_harmless(output, arguments, &what);
            let printed = text(&output.stdout);
            let expected = lines[index];
            index += 1;
            if !is_text {
                return;
            }
            // The doctor finds that classes, names and fingerprints do not fit together any more.
            let is_code = arguments[0] == "doctor" || output.status.code() == Some(0);
            assert!(is_code, "{what}: {:?}, {}", output.status, text(&output.stderr));
            if is_json(arguments) {
                let name = String::from_utf8(padded(start, "registered".len())).expect("text");
                let all = values(&printed, &what);
                let is_listed = !["doctor", "dump"].contains(&arguments[0]);
                assert!(
                    !is_listed || all.iter().any(|it| holds(it, &name)),
                    "{what}: no {name:?} in {printed}"
                );
            } else if arguments.contains(&"csv") {
                assert!(!has_formula(&printed), "{what}: {printed}");
            } else if !["diff", "doctor"].contains(&arguments[0]) {
                // A line feed in a name makes no line.
                assert_eq!(printed.lines().count(), expected, "{what}: {printed}");
            }
        });
    }
}

/// Whether a program for tables would take a cell for a formula.
#[track_caller]
fn has_formula(printed: &str) -> bool {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(printed.as_bytes());
    let records = reader.records().map(|record| record.expect("a line of cells"));
    let mut cells = records.flat_map(|record| record.iter().map(str::to_owned).collect::<Vec<_>>());
    cells.any(|cell| {
        let is_number = cell.parse::<f64>().is_ok();
        !is_number && cell.starts_with(['=', '+', '-', '@', '\t', '\r'])
    })
}

/// A line feed, an escape sequence and bytes that are no text in the name of the program, of its core and of a file that
/// is not there.
#[test]
fn names_of_files_are_escaped() {
    if !has("gcc") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    for name in [&b"a\x1b[2J\nb"[..], "\u{202e}\u{9b}".as_bytes(), b"\xff\x1b]0;x\x07", b"=cmd()"] {
        let place = folder.path().join(OsStr::from_bytes(name));
        fs::create_dir(&place).expect("a folder");
        let program = place.join(OsStr::from_bytes(name));
        fs::copy(SHOP.program(PACKED), &program).expect("a copy");
        fs::copy(SHOP.library(PACKED), place.join("libpart.so")).expect("a copy");
        let what = name.escape_ascii().to_string();
        let running = Running::start(&program, &["wait"]);
        let process = running.target();
        for target in [program.as_path(), Path::new(&process), &place, &place.join("missing")] {
            let live = if target == Path::new(&process) { LIVE_COMMANDS } else { &[] };
            run_all(&[COMMANDS, live].concat(), target, &program, |arguments, output| {
                is_harmless(output, arguments, &format!("{} of {what}", arguments.join(" ")));
                if arguments.contains(&"--json") && output.status.success() {
                    values(&text(&output.stdout), &what);
                }
            });
        }
        let command =
            [OsStr::new("list"), program.as_os_str(), OsStr::new("--schema"), place.as_os_str()];
        is_harmless(&output(&mut inspect(&command)), &[], &format!("a schema called {what}"));
    }
}

/// A list of targets holds whatever its writer liked: lines that name none, and files that are not there.
#[test]
fn names_in_a_list_of_targets_are_escaped() {
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("list\x1b[2J");
    for line in
        [&b"pid:\x1b]0;x\x07"[..], b"raw:\x1b[2J@x", "pid:\u{202e}\u{9b}".as_bytes(), b"\x1b[2J"]
    {
        fs::write(&list, line).expect("a list");
        for format in ["json", "csv"] {
            let mut command = inspect(&["export", "--format", format, "--targets-from"]);
            let output = output(command.arg(&list));
            assert!(!output.status.success(), "{}", line.escape_ascii());
            is_harmless(&output, &[format], &format!("a list of {}", line.escape_ascii()));
        }
    }
}

//! One program, built for machines of both word sizes and both orders of bytes, writes a dump of itself on each:
//! the reader lists and shows the same of all, up to addresses.
//!
//! What follows from the word size is left out by name: lengths of what has pointers in it.

mod support;

use std::path::Path;

use serde_json::Value;
use support::listed::{list, member, sort};
use support::machines::{MACHINES, Machine};
use support::normal::{Normal, assert_same};
use support::shapes::SHAPES;
use support::tools::{inspect, run};

/// Classes and names whose length follows from the word size.
const LENGTHS: [&str; 6] = ["node", "task", "item", "lists", "words", "number_place"];

/// Numbers and pointers that are annotated as bytes, whose order is the machine's.
const BYTES: [&str; 3] = ["number", "number_place", "row"];

/// What stands for each of them.
const BY_MACHINE: &str = "by machine";

/// Those at hand, the first of all certainly.
fn machines() -> impl Iterator<Item = &'static Machine> {
    MACHINES.iter().filter(|machine| machine.is_at_hand())
}

fn normal(machine: &Machine, dump: &Path) -> Normal {
    // Addresses that no memory is at are in the program all the same.
    let normal = Normal::default().elf(&SHAPES.program(machine)).elf(dump);
    let name = dump.file_name().expect("a name").to_string_lossy().into_owned();
    normal.folder(SHAPES.workshop.folder(), "[folder]").text(&name, "dump")
}

fn is_by_machine(entry: &Value) -> bool {
    [member(entry, "class"), member(entry, "name")].iter().any(|it| LENGTHS.contains(it))
}

/// Compares what comes of each machine's dump with what comes of the first one's, which is returned.
#[track_caller]
fn all_say(what: &str, consumer: &str, look: impl Fn(&Machine, &Path) -> String) -> String {
    let mut first: Option<String> = None;
    let mut count = 0;
    for machine in machines() {
        let found = look(machine, &SHAPES.dump(machine, consumer));
        let expected = first.get_or_insert_with(|| found.clone());
        assert_same(&found, expected, &format!("{what} of {}", machine.name));
        count += 1;
    }
    eprintln!("{what}: {count} machines");
    first.expect("a machine")
}

#[test]
fn lists_are_the_same() {
    let look = |machine: &Machine, dump: &Path| {
        let mut entries = list(&[dump.to_str().expect("a path")]);
        assert!(entries.len() >= 45, "{}: {} entries", machine.name, entries.len());
        sort(&mut entries);
        for entry in entries.iter_mut().filter(|entry| is_by_machine(entry)) {
            entry["length"] = BY_MACHINE.into();
        }
        normal(machine, dump).json(&Value::Array(entries))
    };
    insta::assert_snapshot!("list_json", all_say("list --json", "all", look));
}

#[test]
fn lists_read_the_same() {
    let look = |machine: &Machine, dump: &Path| {
        let text = run(inspect(&["list"]).arg(dump));
        without_widths(&normal(machine, dump).apply(&text))
    };
    insta::assert_snapshot!("list_text", all_say("list", "all", look));
}

#[test]
fn values_are_the_same() {
    let look = |machine: &Machine, dump: &Path| {
        let text = run(inspect(&["show", "--json"]).arg(dump));
        let value: Value = serde_json::from_str(&text).unwrap_or_else(|it| panic!("{it}: {text}"));
        let mut value = value;
        for entry in value.as_array_mut().expect("an array") {
            if is_by_machine(entry) {
                entry["length"] = BY_MACHINE.into();
            }
            if BYTES.contains(&member(entry, "name")) {
                entry["value"] = BY_MACHINE.into();
            }
        }
        normal(machine, dump).json(&value)
    };
    insta::assert_snapshot!("show_json", all_say("show --json", "all", look));
}

#[test]
fn values_read_the_same() {
    let look = |machine: &Machine, dump: &Path| {
        let text = run(inspect(&["show"]).arg(dump));
        let text = without_widths(&normal(machine, dump).apply(&text));
        text.split("\n\n").map(without_lines).collect()
    };
    let entries = all_say("show", "all", look);
    assert!(entries.lines().count() >= 45, "{entries}");
}

/// An entry in one line: what stands in braces where addresses are short has lines of its own where they are long.
fn without_lines(entry: &str) -> String {
    let is_bytes = BYTES.iter().any(|name| entry.starts_with(&format!("block {name} ")));
    let lines = entry.lines().take(if is_bytes { 1 } else { usize::MAX });
    let text = lines.collect::<Vec<_>>().join(" ").replace(['{', '}', ','], " ");
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ") + "\n"
}

/// Addresses have other widths elsewhere, and so have columns: spaces in a row are one. Lengths that are the
/// machine's are gone from lines that begin with the word of such an entry.
fn without_widths(text: &str) -> String {
    let line = |line: &str| {
        let indent = line.len() - line.trim_start().len();
        let words: Vec<&str> = line.split_whitespace().collect();
        let starts = |word: &&str| LENGTHS.iter().any(|it| word.split('[').next() == Some(it));
        let is_by_machine = words.iter().take(2).any(starts);
        let mut out = vec![" ".repeat(indent)];
        for (index, word) in words.iter().enumerate() {
            let is_size = is_by_machine && words.get(index + 1) == Some(&"B");
            out.push(if is_size { "#".to_owned() } else { (*word).to_owned() });
        }
        let rest = out[1..].join(" ");
        format!("{}{rest}\n", out[0])
    };
    text.lines().map(line).collect()
}

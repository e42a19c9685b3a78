//! Values equal those that others have of the same core: gdb, and drgn. Nobody here wrote either.
//!
//! Leaf by leaf: each value of the output has the C expression for it, and each field that the debugger knows has
//! a value in the output, but for those that are named here with the reason.

mod support;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use support::cores::cores;
use support::debugger::{Debugger, Told, Values};
use support::leaves::{Knowledge, Leaf, compare, leaves};
use support::listed::member;
use support::shapes::SHAPES;
use support::tools::{has, inspect, run};

/// The variables.
const ROOTS: [&str; 25] = [
    "scalars",
    "floats",
    "words",
    "named",
    "shown",
    "bits",
    "nested",
    "choices",
    "arrays",
    "message",
    "roomy",
    "headers",
    "nodes",
    "tasks",
    "items",
    "lists",
    "ring",
    "outside",
    "account",
    "pairs",
    "counter",
    "label",
    "greeting",
    "state",
    "late_bits",
];

/// Entries that are called otherwise than their variable.
const CALLED: [(&str, &str); 3] =
    [("registered", "late_bits"), ("counted", "some_pairs"), ("indirect", "start")];

/// Entries that no expression of C stands for: a part of an array, an address, a device; numbers that are annotated as
/// bytes, and what is not shown.
const NOT_COMPARED: [&str; 7] =
    ["range", "place", "device", "hidden", "number", "number_place", "row"];

const KNOWLEDGE: Knowledge = Knowledge {
    lists: &[
        ("lists.children", &["tasks[0]", "tasks[1]", "tasks[2]"]),
        ("lists.items", &["items[0]", "items[1]", "items[2]"]),
        ("lists.nobody", &[]),
        ("lists.nothing", &[]),
    ],
    rings: &[("ring.slots", 2, 4)],
    texts: &["text", "letters"],
    arrays: &["row"],
    renamed: &[("outside.lock", "outside.lock.bytes")],
};

/// In an order of bytes of their own, or in a form for people, so that the number in memory is another one.
const REPRESENTED: [(&str, &str); 6] = [
    ("scalars.big16", "13330"),
    ("scalars.big32", "2018915346"),
    ("scalars.big64", "17356517385562371090"),
    ("shown.peer", "16908480"),
    ("shown.card", "02005e1000fe"),
    ("shown.id", "123e4567e89b12d3a456426614174000"),
];

/// Fields that the output rightly lacks.
fn is_left_out(path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or(path);
    let beyond = |array: &str, valid: usize| {
        let index = path.strip_prefix(array).and_then(|it| it.strip_prefix('['));
        let index = index.and_then(|it| it.split(']').next()).and_then(|it| it.parse().ok());
        index.is_some_and(|index: usize| index >= valid)
    };
    let is_padding = last.starts_with("_pad") || path.contains("._pad");
    // Arms of unions that the tag does not name.
    let arm = ["low", "high", "high", "raw"].iter().enumerate().any(|(index, valid)| {
        let start = format!("choices[{index}].body.");
        path.strip_prefix(&start).is_some_and(|arm| !arm.starts_with(valid))
    });
    // A header of links is shown as what hangs on it; the elements are compared by their addresses.
    let head = ["lists.children", "lists.nobody", "lists.items", "lists.nothing"];
    let is_list =
        head.iter().any(|it| path.strip_prefix(it).is_some_and(|it| !it.starts_with('[')));
    is_padding
        || arm
        || is_list
        || path.starts_with("outside.unseen")
        || path.starts_with("account.secret")
        || beyond("arrays.some", 3)
        || beyond("outside.slots", 2)
}

/// Arrays without elements: lists on which nothing hangs, and counts of 0.
fn is_empty(path: &str, leaf: &Leaf) -> bool {
    let is_known = ["lists.nobody", "lists.nothing"].contains(&path) || path.ends_with(".many");
    is_known && matches!(leaf, Leaf::Value(Value::Array(elements)) if elements.is_empty())
}

/// The values that the reader shows of a core, by their C expressions.
#[track_caller]
fn shown(core: &Path) -> Vec<(String, Leaf)> {
    let printed = run(inspect(&["show", "--json"]).arg(core));
    let value: Value =
        serde_json::from_str(&printed).unwrap_or_else(|it| panic!("{it}: {printed}"));
    let mut found = Vec::new();
    for entry in value.as_array().expect("an array") {
        let name = member(entry, "name");
        if NOT_COMPARED.contains(&name) {
            continue;
        }
        let called = CALLED.iter().find(|(it, _)| *it == name);
        let expression = called.map_or(name, |(_, expression)| expression);
        found.extend(leaves(&KNOWLEDGE, expression, &entry["value"]));
    }
    found
}

#[track_caller]
fn check(debugger: Debugger) {
    if !has("gcc") || !debugger.is_there() {
        return;
    }
    let program = SHAPES.native();
    let folder = tempfile::tempdir().expect("a folder");
    for (writer, core) in cores(&program, folder.path()) {
        let found = shown(&core);
        let is_value =
            |(path, leaf): &&(String, Leaf)| !matches!(leaf, Leaf::Note(_)) && !path.is_empty();
        let paths: BTreeSet<String> =
            found.iter().filter(is_value).map(|(path, _)| path.clone()).collect();
        let paths: Vec<String> = paths.into_iter().collect();
        let answer = debugger.ask(&program, &core, &ROOTS, &paths);
        let mut notes = BTreeSet::new();
        let mut wrong = Vec::new();
        let mut compared = 0;
        for (path, leaf) in &found {
            if let Leaf::Note(word) = leaf {
                notes.insert(format!("{path}: {word}\n"));
                continue;
            }
            if is_empty(path, leaf) {
                continue;
            }
            let told = answer.paths.get(path).cloned().unwrap_or_default();
            match check_leaf(path, leaf, &told) {
                Ok(()) => compared += 1,
                Err(error) => wrong.push(format!("{path}: {error}")),
            }
        }
        assert!(wrong.is_empty(), "{debugger:?}, {writer}: {wrong:#?}");
        // What has no value, or is said beside one: the same of every core.
        let notes: String = notes.into_iter().collect();
        insta::assert_snapshot!("notes", notes, writer);
        let missing = missing(&found, &answer.roots);
        assert!(missing.is_empty(), "{debugger:?} knows of more in {writer}'s core: {missing:#?}");
        eprintln!("{debugger:?}, core by {writer}: {compared} leaves");
        assert!(compared >= LEAST, "{compared} leaves");
    }
}

/// So many scalar fields have the variables of the fixture by its schema: no fewer are compared.
const LEAST: usize = 500;

fn check_leaf(path: &str, leaf: &Leaf, told: &Told) -> Result<(), String> {
    let Some((_, raw)) = REPRESENTED.iter().find(|(it, _)| *it == path) else {
        return compare(leaf, told);
    };
    let in_memory = told.integer.as_deref().or(told.bytes.as_deref());
    let expected = REPRESENTATIONS.iter().find(|(it, _)| *it == path).map(|(_, shown)| *shown);
    let shown = match leaf {
        Leaf::Value(Value::String(text)) => Some(text.clone()),
        Leaf::Value(value) => Some(value.to_string()),
        _ => None,
    };
    let is_same = in_memory == Some(raw) && shown.as_deref() == expected;
    if is_same { Ok(()) } else { Err(format!("{leaf:?} for {raw}, and the debugger {told:?}")) }
}

/// What the output has for [`REPRESENTED`].
const REPRESENTATIONS: [(&str, &str); 6] = [
    ("scalars.big16", "4660"),
    ("scalars.big32", "305419896"),
    ("scalars.big64", "1311768467463790320"),
    ("shown.peer", "192.0.2.1"),
    ("shown.card", "02:00:5e:10:00:fe"),
    ("shown.id", "123e4567-e89b-12d3-a456-426614174000"),
];

/// Fields that the debugger knows, and for which the output has neither a value nor a reason.
fn missing<'a>(found: &[(String, Leaf)], roots: &'a Values) -> Vec<&'a str> {
    let covered: BTreeSet<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
    let is_covered = |path: &str| {
        // Text and bytes stand for all their elements.
        let array = path.rfind('[').map(|at| &path[..at]);
        covered.contains(path) || array.is_some_and(|it| covered.contains(it))
    };
    let is_missing = |(path, told): &(&'a String, &Told)| {
        told.bytes.is_none() && !is_covered(path) && !is_left_out(path)
    };
    roots.iter().filter(is_missing).map(|(path, _)| path.as_str()).collect()
}

#[test]
fn values_are_those_of_gdb() {
    check(Debugger::Gdb);
}

#[test]
fn values_are_those_of_drgn() {
    check(Debugger::Drgn);
}

//! Dumps of a machine in which rows, or memory, come and go.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::console::Console;
use crate::dump::Dump;
use crate::machine::Machine;
use crate::support::listed::member;
use crate::support::tools::{inspect, run};

/// Memory that was added has a row and a place in the map, and neither once it was removed; what is left stays
/// where the adapter sees it. That it was not let go once is counted, and the reason is on the console.
pub(crate) fn has_memory_that_came_and_went(machine: &Machine, boot: &Path, console: &Console) {
    const SECTION: u64 = 16 << 20;
    let (added_page, added_size) = (machine.added >> 12, machine.added_size);
    let nodes = console.nodes();
    // Of each node as many sections as are whole.
    let whole = |(first, count): &(u64, u64)| {
        ((first + count) << 12) / SECTION - (first << 12).div_ceil(SECTION)
    };
    let sections: u64 = nodes.iter().map(whole).sum();
    assert!((14..=16).contains(&sections) && nodes.len() == machine.nodes, "{nodes:?}");
    let [before, added, removed] =
        ["physical", "added", "removed"].map(|name| Dump::open(&boot.join(format!("{name}.core"))));
    let (old, old_adapter) = before.memory();
    let (all, adapter) = added.memory();
    let (rest, rest_adapter) = removed.memory();
    let is_block_of = |block: &Value, (first, count): &(u64, u64)| {
        assert_eq!(block["first"], first << 12);
        assert_eq!(block["last"], ((first + count) << 12) - 1);
    };
    assert_eq!(old.len(), nodes.len(), "a block for each node: {old:?}");
    nodes.iter().for_each(|node| is_block_of(old[&node.0], node));
    assert_eq!(rest, old);
    let old_and_new: BTreeSet<u64> = old.keys().copied().chain([added_page]).collect();
    assert_eq!(all.keys().copied().collect::<BTreeSet<u64>>(), old_and_new);
    assert!(old.iter().all(|(number, block)| all[number] == *block), "{old:?} {all:?}");
    let block = all[&added_page];
    is_block_of(block, &(added_page, added_size >> 12));
    // Behind the sections that were there.
    assert_eq!(block["hardware"], (1_u64 << 63) + sections * SECTION);
    let numbers = ["sections", "regions", "epoch", "refusals"];
    let of = |adapter: &Value| numbers.map(|name| adapter[name].as_u64().expect("a number"));
    assert_eq!(of(old_adapter), [sections, 1, 0, 0]);
    assert_eq!(of(adapter), [sections + added_size / SECTION, 2, 0, 1]);
    assert_eq!(of(rest_adapter), [sections, 1, 1, 1]);
    for (from, to, sign) in [(&before, &added, '+'), (&added, &removed, '-')] {
        let changed = run(&mut inspect(&["diff", &from.path, &to.path, "class:block"]));
        let expected = format!("{sign} lookout block[{added_page}] block ");
        let same = format!(", {} the same", machine.nodes);
        let is_alone = changed.contains("0 changed, ") && changed.contains(&same);
        assert!(changed.starts_with(&expected) && is_alone, "{changed}");
    }
    let refusal: Vec<&str> = console.said("lookout: memory at ").collect();
    let expected = format!("{:#x}: adapter refuses: a transfer is running", machine.added);
    assert_eq!(refusal, [expected]);
}

/// Everything in a row of the storm, and where it leads to, follows from its number.
pub(crate) fn has_no_torn_row(dumps: &[PathBuf]) {
    let mut last = 0;
    for dump in dumps {
        let path = dump.display().to_string();
        let mut shown = inspect(&["show", "--json", &path, "schema:lookout"]);
        let shown = run(&mut shown);
        let Value::Array(entries) = serde_json::from_str(&shown).expect("JSON") else {
            panic!("no array: {shown}")
        };
        let (tallies, drops): (Vec<&Value>, Vec<&Value>) =
            entries.iter().partition(|entry| member(entry, "class") == "tally");
        let drops: Vec<&Value> =
            drops.into_iter().filter(|entry| member(entry, "class") == "drop").collect();
        let [tally] = tallies[..] else { panic!("{path}: {tallies:?}") };
        let of_tally = |name: &str| tally["value"][name].as_u64().expect("a number");
        assert_eq!(of_tally("failed"), 0, "{path}: {tally}");
        assert!(of_tally("registered") >= last, "{path}: {tally}");
        last = of_tally("registered");
        // Each of three writers has one row under way at most, which may be counted or not.
        let published = (last - of_tally("withdrawn")).cast_signed();
        let difference = i64::try_from(drops.len()).expect("a number") - published;
        assert!(difference.abs() <= 3, "{path}: {} rows and {tally}", drops.len());
        assert!((6..=24).contains(&drops.len()), "{path}: {} rows", drops.len());
        let numbers: BTreeSet<u64> = drops.iter().map(|drop| is_not_torn(drop)).collect();
        assert_eq!(numbers.len(), drops.len(), "{path}: one twice");
    }
    assert!(last > 1000, "{last} rows in all");
}

/// The number of a row of the storm.
fn is_not_torn(drop: &Value) -> u64 {
    let number = drop["instance"].as_u64().expect("a number");
    let names = ["drizzle", "rain", "hail", "snow", "sleet"];
    assert_eq!(member(drop, "name"), names[(number % 5) as usize], "{drop}");
    let contexts = ["process", "timer", "nmi"];
    assert_eq!(member(&drop["fields"], "context"), contexts[(number % 3) as usize], "{drop}");
    let elements = drop["value"].as_array().unwrap_or_else(|| panic!("{drop}"));
    assert_eq!(elements.len() as u64, 1 + number % 2, "{drop}");
    for (element, number) in elements.iter().zip(number..) {
        assert_eq!(element["number"], number, "{drop}");
        assert_eq!(element["mirror"], !number, "{drop}");
    }
    number
}

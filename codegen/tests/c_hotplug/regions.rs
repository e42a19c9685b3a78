//! Scripts for region sets, and what the Rust twin answers.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use inspect_runtime::regions::{Address, FixedRegionSet, InsertError, Range, Region, Walk};
use proptest::prelude::*;

use super::Dialogue;

/// As many regions as fit in the sets of these tests.
const CAPACITY: usize = 12;

type Set = FixedRegionSet<usize, CAPACITY>;

#[derive(Clone, Debug)]
pub(super) enum Step {
    Insert(Range),
    Remove(Range),
    /// Stops after so many.
    Walk(Range, usize),
    Holes(Range),
    Find(Address),
    Coalesce(usize),
}

pub(super) fn cases() -> impl Strategy<Value = Vec<Step>> {
    // Small numbers meet each other; both ends of the space are where numbers wrap.
    let address = || prop_oneof![6 => 0_u64..120, 2 => (0_u64..60).prop_map(|below| u64::MAX - below), 1 => any::<u64>()];
    let range = move || {
        (address(), prop_oneof![8 => 0_u64..12, 1 => any::<u64>()]).prop_map(|(first, more)| {
            Range::inclusive(Address(first), Address(first.saturating_add(more))).expect("in order")
        })
    };
    let step = prop_oneof![
        8 => range().prop_map(Step::Insert),
        4 => range().prop_map(Step::Remove),
        2 => (range(), 1_usize..4).prop_map(|(range, most)| Step::Walk(range, most)),
        2 => range().prop_map(Step::Holes),
        1 => address().prop_map(|address| Step::Find(Address(address))),
        2 => (0_usize..6).prop_map(Step::Coalesce),
    ];
    prop::collection::vec(step, 1..60)
}

/// The script of a case, with its answers.
pub(super) fn tell(steps: &[Step]) -> Dialogue {
    let mut set = Set::new();
    let mut dialogue = Dialogue::default();
    dialogue.say(&format!("set {CAPACITY}"), "set");
    for (owner, step) in steps.iter().enumerate() {
        let (line, expected) = match step {
            Step::Insert(range) => insert(&mut set, *range, owner),
            Step::Remove(range) => remove(&mut set, *range),
            Step::Walk(range, most) => walk(&set, *range, *most),
            Step::Holes(range) => holes(&set, *range),
            Step::Find(address) => {
                (format!("find {:#x}", address.0), format!("find {}", region(set.find(*address))))
            }
            Step::Coalesce(room) => (format!("coalesce {room}"), coalesce(&set, *room)),
        };
        dialogue.say(&line, &expected);
        let all: String =
            set.regions().iter().map(|here| format!(" {}", region(Some(here)))).collect();
        dialogue.say("all", &format!("all{all}"));
        dialogue.say(&format!("holes 0 {:#x}", u64::MAX), &holes(&set, Range::ALL).1);
    }
    dialogue
}

fn insert(set: &mut Set, range: Range, owner: usize) -> (String, String) {
    let line = format!("insert {} {owner}", numbers(range));
    let expected = match set.insert(range, owner) {
        Ok(()) => "insert 0".to_owned(),
        Err(InsertError::Overlap { present, .. }) => {
            format!("insert -33 {}", region(Some(&present)))
        }
        Err(InsertError::Full { .. }) => "insert -34".to_owned(),
    };
    (line, expected)
}

fn remove(set: &mut Set, range: Range) -> (String, String) {
    let expected = match set.remove(range) {
        Ok(removed) => {
            let bytes = u64::try_from(removed.bytes).unwrap_or(u64::MAX);
            format!("remove 0 regions {} bytes {bytes}", removed.regions)
        }
        Err(_) => "remove -34".to_owned(),
    };
    (format!("remove {}", numbers(range)), expected)
}

fn walk(set: &Set, range: Range, most: usize) -> (String, String) {
    let (mut out, mut visited) = ("walk".to_owned(), 0);
    let walk = set.walk(range, |part, owner| {
        let _ = write!(out, " {} of {owner}", bounds(part));
        visited += 1;
        if visited == most { ControlFlow::Break(7) } else { ControlFlow::Continue(()) }
    });
    let result = if let Walk::Broken(value) = walk { value } else { 0 };
    assert_eq!(walk == Walk::Nothing, visited == 0);
    (format!("walk {} {most}", numbers(range)), format!("{out} {result} after {visited}"))
}

fn holes(set: &Set, range: Range) -> (String, String) {
    let mut out = format!("covers {}", u8::from(set.covers(range)));
    for hole in set.holes(range) {
        let (below, above) = (region(hole.below), region(hole.above));
        let _ = write!(out, " hole {} above {below} below {above}", bounds(hole.range));
    }
    (format!("holes {}", numbers(range)), out)
}

fn coalesce(set: &Set, room: usize) -> String {
    let mut ranges = vec![Range::ALL; room];
    match set.coalesce(&mut ranges) {
        Ok(done) => {
            let ranges: String =
                done.ranges.iter().map(|range| format!(" {}", bounds(*range))).collect();
            format!("coalesce 0{ranges} waste {}", done.waste)
        }
        Err(_) => "coalesce -34 waste 0".to_owned(),
    }
}

fn region(region: Option<&Region<usize>>) -> String {
    region
        .map_or("none".to_owned(), |region| format!("{} of {}", bounds(region.range), region.owner))
}

fn bounds(range: Range) -> String {
    format!("{:x}-{:x}", range.first().0, range.last().0)
}

fn numbers(range: Range) -> String {
    format!("{:#x} {:#x}", range.first().0, range.last().0)
}

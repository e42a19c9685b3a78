//! Scripts for section maps, and what the Rust twin answers.

use std::fmt::Write as _;

use inspect_runtime::regions::{Address, Range};
use inspect_runtime::sections::{
    Change, ChangeError, FixedSectionMap, HardwareAddress, Mapping, Memory, SectionMap,
};
use inspect_runtime::{Partial, Space};
use proptest::prelude::*;

use super::Dialogue;

/// A space, and what is done to a map of it.
#[derive(Clone, Debug)]
pub(super) struct Case {
    lines: usize,
    stable: bool,
    partial: u8,
    max_regions: Option<u32>,
    /// The binary logarithm.
    section_size: u32,
    /// In sections.
    base: u64,
    /// What sections count from.
    origin: Origin,
    edits: Vec<Edit>,
}

/// Where addresses lie.
#[derive(Clone, Copy, Debug)]
enum Origin {
    Low,
    High,
    /// Some here, some there.
    Far,
}

#[derive(Clone, Debug)]
enum Edit {
    Several { steps: Vec<Step>, commit: bool },
    One(Step),
}

#[derive(Clone, Debug)]
struct Step {
    add: bool,
    first: u64,
    count: u64,
    /// What is missing at both ends, as a share of a section in 256 parts.
    head: u8,
    tail: u8,
}

pub(super) fn cases() -> impl Strategy<Value = Case> {
    let part = || prop_oneof![4 => Just(0_u8), 1 => any::<u8>()];
    let step = (any::<bool>(), 0_u64..90, 1_u64..30, part(), part())
        .prop_map(|(add, first, count, head, tail)| Step { add, first, count, head, tail });
    let several = prop::collection::vec(step.clone(), 1..5);
    let edit = prop_oneof![
        3 => (several, prop::bool::weighted(0.8)).prop_map(|(steps, commit)| Edit::Several { steps, commit }),
        1 => step.prop_map(Edit::One),
    ];
    let origin = prop_oneof![Just(Origin::Low), Just(Origin::High), Just(Origin::Far)];
    (
        prop::sample::select(vec![0_usize, 4, 7, 8, 32]),
        any::<bool>(),
        0_u8..3,
        prop::option::weighted(0.3, 1_u32..6),
        prop::sample::select(vec![0_u32, 4, 12, 24, 56]),
        prop_oneof![Just(0_u64), Just(200), Just(u64::MAX)],
        origin,
        prop::collection::vec(edit, 1..20),
    )
        .prop_map(
            |(lines, stable, partial, max_regions, section_size, base, origin, edits)| Case {
                lines,
                stable,
                partial,
                max_regions,
                section_size,
                base,
                origin,
                edits,
            },
        )
}

impl Case {
    fn space(&self) -> Space {
        let most = (u64::MAX >> self.section_size).min(1 << 40);
        // The highest base leaves room for a few sections.
        let base = if self.base == u64::MAX {
            (u64::MAX >> self.section_size) - 40
        } else {
            self.base.min(most)
        };
        Space {
            name: "twin",
            number: 256,
            section_size: 1 << self.section_size,
            base: base << self.section_size,
            stable: self.stable,
            partial: [Partial::Reject, Partial::RoundIn, Partial::RoundOut]
                [usize::from(self.partial)],
            max_regions: self.max_regions,
        }
    }

    /// The bytes that a step means.
    fn range(&self, step: &Step) -> Range {
        let last_section = u64::MAX >> self.section_size;
        let origin = match self.origin {
            Origin::Low => 0,
            Origin::High => last_section - 119,
            Origin::Far => (step.first % 3) * (last_section / 3),
        };
        let first = (origin + step.first).min(last_section);
        let last = (first + (step.count - 1).min(last_section - first)).min(last_section);
        let size = 1_u64 << self.section_size;
        let share = |part: u8| (u128::from(size) * u128::from(part) / 256) as u64;
        let first = (first << self.section_size) + share(step.head);
        let last = ((last << self.section_size) | (size - 1)) - share(step.tail);
        Range::inclusive(Address(first.min(last)), Address(last.max(first))).expect("in order")
    }
}

/// The script of a case, with its answers.
pub(super) fn tell(case: &Case) -> Dialogue {
    let space: &'static Space = Box::leak(Box::new(case.space()));
    match case.lines {
        0 => tell_of::<0>(case, space),
        4 => tell_of::<4>(case, space),
        7 => tell_of::<7>(case, space),
        8 => tell_of::<8>(case, space),
        _ => tell_of::<32>(case, space),
    }
}

fn tell_of<const LINES: usize>(case: &Case, space: &'static Space) -> Dialogue {
    let map = FixedSectionMap::<LINES>::new(space).expect("a space");
    let mut dialogue = Dialogue::default();
    let (stable, partial) = (u8::from(space.stable), case.partial);
    let max_regions = space.max_regions.unwrap_or(0);
    let (size, base) = (space.section_size, space.base);
    dialogue
        .say(&format!("map {LINES} {stable} {partial} {max_regions} {size:#x} {base:#x}"), "map 0");
    for edit in &case.edits {
        match edit {
            Edit::Several { steps, commit } => several(&mut dialogue, case, &map, steps, *commit),
            Edit::One(step) => {
                let range = case.range(step);
                let mut writer = map.writer().expect("the only one");
                let result = if step.add { writer.add(range) } else { writer.remove(range) };
                dialogue.step(if step.add { "add-one" } else { "remove-one" }, range, result);
            }
        }
        everything(&mut dialogue, case, &map);
    }
    dialogue
}

fn several<M: Memory>(
    dialogue: &mut Dialogue,
    case: &Case,
    map: &SectionMap<M>,
    steps: &[Step],
    commit: bool,
) {
    dialogue.say("begin", "begin 0");
    let mut writer = map.writer().expect("the only one");
    let mut edit = writer.edit().expect("room");
    for step in steps {
        let range = case.range(step);
        let result = if step.add { edit.add(range) } else { edit.remove(range) };
        dialogue.step(if step.add { "add" } else { "remove" }, range, result);
    }
    if !commit {
        dialogue.say("cancel", "cancel");
        return;
    }
    match edit.commit() {
        Ok(done) => dialogue.say("commit", &format!("commit {} {}", done.epoch, done.regions)),
        Err(error) => dialogue.say("commit", &refusal(error)),
    }
}

/// What readers see.
fn everything<M: Memory>(dialogue: &mut Dialogue, case: &Case, map: &SectionMap<M>) {
    let mut all = format!(
        "epoch {} sections {} regions {}",
        map.epoch(),
        map.section_count(),
        map.region_count()
    );
    for region in map.regions() {
        let _ = write!(all, "\n{}", mapping(Some(region)));
    }
    dialogue.say("all", &all);
    for step in case.edits.iter().flat_map(|edit| match edit {
        Edit::Several { steps, .. } => steps.first(),
        Edit::One(step) => Some(step),
    }) {
        let address = case.range(step).last().0.wrapping_add(u64::from(step.tail));
        dialogue.say(&format!("to {address:#x}"), &mapping(map.translate(Address(address))));
        let hardware = case.space().base.wrapping_add(address);
        let back = map.translate_back(HardwareAddress(hardware));
        dialogue.say(&format!("back {hardware:#x}"), &mapping(back));
    }
}

fn mapping(mapping: Option<Mapping>) -> String {
    mapping.map_or("hole".to_owned(), |mapping| {
        let (address, hardware) = (mapping.address.0, mapping.hardware.0);
        format!("{address:x} is {hardware:x} for {:x} in {}", mapping.bytes, mapping.epoch)
    })
}

fn refusal(error: ChangeError) -> String {
    let (code, needed, most) = match error {
        ChangeError::Partial { .. } => (-36, 0, 0),
        ChangeError::Full { groups, capacity } => (-34, groups, capacity),
        ChangeError::Budget { regions, max_regions } => (-37, regions.into(), max_regions.into()),
        ChangeError::HardwareSpace { sections, most } => (-38, sections, most),
        ChangeError::OutOfMemory { .. } => unreachable!("nothing is allocated"),
    };
    format!("refused {code} {needed} of {most}")
}

impl Dialogue {
    /// A line of the script, and the lines of the answer.
    pub(super) fn say(&mut self, line: &str, expected: &str) {
        let _ = writeln!(self.script, "{line}");
        let _ = writeln!(self.expected, "{expected}");
    }

    fn step(&mut self, word: &str, range: Range, result: Result<Change, ChangeError>) {
        let expected = match result {
            Err(error) => refusal(error),
            Ok(change) => {
                let mut out = format!("changed {} unchanged {}", change.changed, change.unchanged);
                for (name, part) in [
                    ("without head", change.left_out.head),
                    ("without tail", change.left_out.tail),
                    ("with head", change.taken_too.head),
                    ("with tail", change.taken_too.tail),
                ] {
                    if let Some(part) = part {
                        let _ = write!(out, " {name} {:x}-{:x}", part.first().0, part.last().0);
                    }
                }
                out
            }
        };
        self.say(&format!("{word} {:#x} {:#x}", range.first().0, range.last().0), &expected);
    }
}

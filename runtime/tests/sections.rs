//! Section maps: changes are real, whole and honest, and readers never see half of one.
//!
//! Several tests are named after what went wrong in a driver that kept such a map on its own: a stray
//! cancel counted twice, an addition that failed half-way left its first half, removing a hole changed the
//! map, partial sections were dropped in silence, and readers ran into a map that was being rebuilt.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use inspect_runtime::regions::{Address, Range};
use inspect_runtime::sections::{
    Busy, Change, ChangeError, FixedSectionMap, GrowingSectionMap, HardwareAddress, Mapping,
    Memory, Parts, SectionMap, SpaceError,
};
use inspect_runtime::{Partial, Space};
use proptest::prelude::*;

const MIB: u64 = 1 << 20;
const SECTION: u64 = 16 * MIB;

const COMPACT: Space = Space {
    name: "ehea",
    number: 256,
    section_size: SECTION,
    base: 1 << 63,
    stable: false,
    partial: Partial::Reject,
    max_regions: None,
};
const STABLE: Space = Space { stable: true, ..COMPACT };
const FEW: Space = Space { max_regions: Some(2), ..COMPACT };

fn range(first: u64, bytes: u64) -> Range {
    Range::new(Address(first), bytes).unwrap()
}

fn sections(first: u64, count: u64) -> Range {
    range(first * SECTION, count * SECTION)
}

fn compact() -> GrowingSectionMap {
    GrowingSectionMap::new(&COMPACT).unwrap()
}

/// Which section is where, in sections from the base; and both ways agree.
fn layout<M: Memory>(map: &SectionMap<M>) -> Vec<(u64, u64)> {
    let (base, size) = (map.space().base, map.space().section_size);
    let mut layout = Vec::new();
    for region in map.regions() {
        for at in (0..region.bytes).step_by(size as usize) {
            let forth = map.translate(Address(region.address.0 + at)).unwrap();
            let back = map.translate_back(HardwareAddress(region.hardware.0 + at)).unwrap();
            assert_eq!(forth, back);
            assert_eq!(forth.bytes, region.bytes - at);
            layout.push((forth.address.0 / size, (forth.hardware.0 - base) / size));
        }
    }
    assert_eq!(layout.len() as u64, map.section_count());
    assert_eq!(map.regions().count() as u32, map.region_count());
    layout
}

#[test]
fn addresses_go_there_and_back_and_holes_nowhere() {
    let map = compact();
    assert_eq!(map.translate(Address(0)), None);
    assert_eq!(map.translate_back(HardwareAddress(1 << 63)), None);
    let mut writer = map.writer().unwrap();
    writer.add(sections(2, 3)).unwrap();
    writer.add(sections(1 << 30, 1)).unwrap();
    let expected = Mapping {
        address: Address(3 * SECTION + 5),
        hardware: HardwareAddress((1 << 63) + SECTION + 5),
        bytes: 2 * SECTION - 5,
        epoch: 0,
    };
    assert_eq!(map.translate(expected.address), Some(expected));
    assert_eq!(map.translate_back(expected.hardware), Some(expected));
    let last = map.translate(Address((SECTION << 30) + SECTION - 1)).unwrap();
    assert_eq!(last.hardware, HardwareAddress((1 << 63) + 4 * SECTION - 1));
    assert_eq!(last.bytes, 1);
    for hole in [0, 2 * SECTION - 1, 5 * SECTION, SECTION << 31, u64::MAX] {
        assert_eq!(map.translate(Address(hole)), None);
    }
    for hole in [0, (1 << 63) - 1, (1 << 63) + 4 * SECTION, u64::MAX] {
        assert_eq!(map.translate_back(HardwareAddress(hole)), None);
    }
    assert_eq!(layout(&map), [(2, 0), (3, 1), (4, 2), (1 << 30, 3)]);
}

#[test]
fn a_stray_cancel_does_not_count_twice() {
    let map = compact();
    let mut writer = map.writer().unwrap();
    let added = writer.add(sections(0, 4)).unwrap();
    assert_eq!((added.changed, added.unchanged), (4, 0));
    let (before, epoch) = (layout(&map), map.epoch());
    // Going offline was cancelled, and so the memory is announced once more.
    let again = writer.add(sections(0, 4)).unwrap();
    assert_eq!((again.changed, again.unchanged), (0, 4));
    assert_eq!((layout(&map), map.epoch()), (before, epoch));
    let more = writer.add(sections(2, 4)).unwrap();
    assert_eq!((more.changed, more.unchanged), (2, 2));
    // Once is enough to take it away.
    writer.remove(sections(0, 6)).unwrap();
    assert_eq!((map.section_count(), map.translate(Address(0))), (0, None));
}

#[test]
fn removing_a_hole_changes_nothing() {
    let map = compact();
    let mut writer = map.writer().unwrap();
    writer.add(sections(0, 2)).unwrap();
    writer.add(sections(100, 2)).unwrap();
    let (before, epoch) = (layout(&map), map.epoch());
    let removed = writer.remove(sections(2, 98)).unwrap();
    assert_eq!((removed.changed, removed.unchanged), (0, 98));
    let removed = writer.remove(sections(1 << 20, 1 << 39)).unwrap();
    assert_eq!((removed.changed, removed.unchanged), (0, 1 << 39));
    assert_eq!((layout(&map), map.epoch()), (before, epoch));
    // A range with holes takes what is there.
    let removed = writer.remove(Range::ALL).unwrap();
    assert_eq!((removed.changed, removed.unchanged), (4, (1 << 40) - 4));
    assert_eq!(layout(&map), []);
    assert_eq!(map.epoch(), epoch + 1);
}

#[test]
fn an_addition_that_fails_half_way_leaves_nothing() {
    // Three lines in four: room for three groups of 8.
    let map = FixedSectionMap::<4>::new(&COMPACT).unwrap();
    let mut writer = map.writer().unwrap();
    writer.add(sections(6, 2)).unwrap();
    let (before, epoch) = (layout(&map), map.epoch());
    let error = writer.add(sections(0, 25)).unwrap_err();
    assert_eq!(error, ChangeError::Full { groups: 4, capacity: 3 });
    assert_eq!(
        error.to_string(),
        "4 groups of 8 sections would be mapped, and there is room for 3: remove some, or give \
         the map more lines"
    );
    assert!(matches!(writer.add(Range::ALL), Err(ChangeError::Full { .. })));
    assert_eq!((layout(&map), map.epoch()), (before.clone(), epoch));
    // What was in the edit before stays in it, and what fails in the end was never there.
    {
        let mut edit = writer.edit().unwrap();
        edit.add(sections(8, 2)).unwrap();
        edit.add(sections(1000, 30)).unwrap_err();
        edit.add(sections(12, 2)).unwrap();
    }
    assert_eq!((layout(&map), map.epoch()), (before, epoch));
    let mut edit = writer.edit().unwrap();
    edit.add(sections(8, 2)).unwrap();
    edit.add(sections(1000, 30)).unwrap_err();
    assert_eq!(edit.commit().unwrap().regions, 1);
    assert_eq!(layout(&map), [(6, 0), (7, 1), (8, 2), (9, 3)]);
}

#[test]
fn groups_make_room_for_others_within_one_edit() {
    let map = FixedSectionMap::<4>::new(&STABLE).unwrap();
    let mut writer = map.writer().unwrap();
    writer.add(sections(0, 24)).unwrap();
    for round in 1..50 {
        let mut edit = writer.edit().unwrap();
        assert_eq!(edit.remove(sections((round - 1) * 24, 24)).unwrap().changed, 24);
        assert_eq!(edit.add(sections(round * 24, 24)).unwrap().changed, 24);
        edit.commit().unwrap();
        assert_eq!(map.section_count(), 24);
        assert_eq!(map.region_count(), 1);
    }
    layout(&map);
}

#[test]
fn a_budget_of_regions_holds_for_additions_and_removals() {
    let map = GrowingSectionMap::new(&FEW).unwrap();
    let mut writer = map.writer().unwrap();
    writer.add(sections(0, 20)).unwrap();
    writer.add(sections(100, 20)).unwrap();
    let before = layout(&map);
    let error = writer.add(sections(200, 1)).unwrap_err();
    assert_eq!(error, ChangeError::Budget { regions: 3, max_regions: 2 });
    assert_eq!(
        error.to_string(),
        "the hardware would need 3 regions and takes 2: map whole stretches with fewer holes, or \
         larger sections"
    );
    writer.remove(sections(5, 1)).unwrap_err();
    assert_eq!((layout(&map), map.epoch()), (before, 0));
    // Filling the hole in the same edit is within the budget.
    let mut edit = writer.edit().unwrap();
    edit.add(sections(200, 1)).unwrap();
    edit.add(sections(120, 80)).unwrap();
    assert_eq!(edit.commit().unwrap().regions, 2);
}

#[test]
fn the_hardware_space_ends() {
    const HIGH: Space = Space { base: 0_u64.wrapping_sub(2 * SECTION), ..COMPACT };
    let map = GrowingSectionMap::new(&HIGH).unwrap();
    let mut writer = map.writer().unwrap();
    let error = writer.add(sections(0, 3)).unwrap_err();
    assert_eq!(error, ChangeError::HardwareSpace { sections: 3, most: 2 });
    // The last section of both spaces.
    writer.add(range(0_u64.wrapping_sub(2 * SECTION), 2 * SECTION)).unwrap();
    let last = map.translate(Address::MAX).unwrap();
    assert_eq!((last.hardware.0, last.bytes), (u64::MAX, 1));
    assert_eq!(map.translate_back(HardwareAddress(u64::MAX)), Some(last));
}

#[test]
fn the_largest_and_the_smallest_sections_work() {
    const HALVES: Space = Space { section_size: 1 << 63, base: 0, ..COMPACT };
    let map = GrowingSectionMap::new(&HALVES).unwrap();
    let mut writer = map.writer().unwrap();
    writer.add(Range::ALL).unwrap();
    let whole = map.translate(Address(0)).unwrap();
    assert_eq!((whole.hardware.0, whole.bytes), (0, u64::MAX));
    assert_eq!(map.translate(Address(7)).unwrap().bytes, u64::MAX - 6);
    assert_eq!(map.translate(Address::MAX).unwrap().bytes, 1);
    const BYTES: Space = Space { section_size: 1, base: 100, ..STABLE };
    let map = GrowingSectionMap::new(&BYTES).unwrap();
    let mut writer = map.writer().unwrap();
    assert!(matches!(writer.add(Range::ALL), Err(ChangeError::Full { .. })));
    assert_eq!(writer.remove(Range::ALL).unwrap().unchanged, u64::MAX);
    writer.add(range(u64::MAX - 29, 30)).unwrap();
    let last = map.translate(Address::MAX).unwrap();
    assert_eq!((last.hardware.0, last.bytes), (129, 1));
    assert_eq!(map.translate(Address(u64::MAX - 29)).unwrap().bytes, 30);
}

#[test]
fn a_space_that_is_none_is_refused() {
    const SIZE: Space = Space { section_size: 3, ..COMPACT };
    const NO_SIZE: Space = Space { section_size: 0, ..COMPACT };
    const BASE: Space = Space { base: 1, ..COMPACT };
    assert_eq!(GrowingSectionMap::new(&SIZE).err(), Some(SpaceError::SectionSize(3)));
    assert_eq!(GrowingSectionMap::new(&NO_SIZE).err(), Some(SpaceError::SectionSize(0)));
    let error = FixedSectionMap::<4>::new(&BASE).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the base 0x1 is no multiple of the section size 0x1000000: align it"
    );
    let none = FixedSectionMap::<0>::new(&COMPACT).unwrap();
    let error = none.writer().unwrap().add(sections(0, 1)).unwrap_err();
    assert_eq!(error, ChangeError::Full { groups: 1, capacity: 0 });
    assert_eq!((none.translate(Address(0)), none.regions().next()), (None, None));
}

#[test]
fn partial_heads_and_tails_are_never_dropped_in_silence() {
    const IN: Space = Space { partial: Partial::RoundIn, ..COMPACT };
    const OUT: Space = Space { partial: Partial::RoundOut, ..COMPACT };
    let ends = |head: (u64, u64), tail: (u64, u64)| Parts {
        head: Some(range(head.0, head.1)),
        tail: Some(range(tail.0, tail.1)),
    };
    // Half of section 1 up to a quarter of section 4.
    let odd = range(SECTION * 3 / 2, SECTION * 11 / 4);
    let (half, quarter) = (SECTION / 2, SECTION / 4);

    let map = compact();
    let mut writer = map.writer().unwrap();
    let error = writer.add(odd).unwrap_err();
    assert_eq!(error, ChangeError::Partial { range: odd, section_size: SECTION });
    assert_eq!(writer.remove(odd), Err(error));
    assert_eq!(map.section_count(), 0);

    let map = GrowingSectionMap::new(&IN).unwrap();
    let mut writer = map.writer().unwrap();
    let change = writer.add(odd).unwrap();
    assert_eq!((change.changed, change.taken_too), (2, Parts::default()));
    assert_eq!(change.left_out, ends((SECTION * 3 / 2, half), (SECTION * 4, quarter)));
    assert_eq!(layout(&map), [(2, 0), (3, 1)]);
    for (nothing, head, tail) in [
        (range(1, SECTION - 1), Some(range(1, SECTION - 1)), None),
        (range(0, SECTION - 1), Some(range(0, SECTION - 1)), None),
        (range(u64::MAX, 1), Some(range(u64::MAX, 1)), None),
        (range(SECTION - 1, 2), Some(range(SECTION - 1, 1)), Some(range(SECTION, 1))),
    ] {
        let left_out = Parts { head, tail };
        assert_eq!(writer.add(nothing), Ok(Change { left_out, ..Change::default() }));
    }
    // Where one end is whole, nothing of it is left out.
    let halves = [
        (range(SECTION * 8, SECTION + half), None, Some(range(SECTION * 9, half))),
        (range(SECTION * 10 + half, SECTION + half), Some(range(SECTION * 10 + half, half)), None),
    ];
    for (one_end, head, tail) in halves {
        let change = Change { changed: 1, left_out: Parts { head, tail }, ..Change::default() };
        assert_eq!(writer.add(one_end), Ok(change));
        writer.remove(range(one_end.first().0 / SECTION * SECTION, SECTION * 2)).unwrap();
    }
    // A section of which a part goes must not be reached any more.
    let change = writer.remove(range(SECTION * 3 + half, half)).unwrap();
    assert_eq!((change.changed, change.left_out), (1, Parts::default()));
    assert_eq!(change.taken_too, Parts { head: Some(range(SECTION * 3, half)), tail: None });
    assert_eq!(layout(&map), [(2, 0)]);

    let map = GrowingSectionMap::new(&OUT).unwrap();
    let mut writer = map.writer().unwrap();
    let change = writer.add(odd).unwrap();
    assert_eq!((change.changed, change.left_out), (4, Parts::default()));
    assert_eq!(change.taken_too, ends((SECTION, half), (SECTION * 4 + quarter, 3 * quarter)));
    assert_eq!(writer.remove(odd).unwrap(), change);
    assert_eq!(map.section_count(), 0);
}

#[test]
fn a_stable_section_stays_where_it_is() {
    let map = GrowingSectionMap::new(&STABLE).unwrap();
    let mut writer = map.writer().unwrap();
    writer.add(sections(100, 3)).unwrap();
    writer.add(sections(0, 3)).unwrap();
    assert_eq!(layout(&map), [(100, 0), (101, 1), (102, 2), (0, 3), (1, 4), (2, 5)]);
    assert_eq!((map.epoch(), map.region_count()), (0, 2));
    writer.remove(sections(101, 1)).unwrap();
    assert_eq!(map.epoch(), 1);
    assert_eq!(layout(&map), [(100, 0), (102, 2), (0, 3), (1, 4), (2, 5)]);
    // What comes goes beside its neighbours where that saves a region, otherwise where it fits in one
    // piece.
    writer.add(sections(3, 1)).unwrap();
    writer.add(sections(50, 2)).unwrap();
    writer.add(sections(101, 1)).unwrap();
    assert_eq!(map.epoch(), 1);
    let now = layout(&map);
    assert_eq!(now[..3], [(100, 0), (101, 1), (102, 2)]);
    assert_eq!(now[3..], [(0, 3), (1, 4), (2, 5), (3, 6), (50, 7), (51, 8)]);
}

#[test]
fn compact_sections_are_dense_and_say_when_they_move() {
    let map = compact();
    let mut writer = map.writer().unwrap();
    writer.add(sections(100, 3)).unwrap();
    writer.add(sections(200, 1)).unwrap();
    assert_eq!(map.epoch(), 0, "nothing has moved");
    writer.add(sections(0, 1)).unwrap();
    assert_eq!(map.epoch(), 1, "all others have moved up");
    assert_eq!(layout(&map), [(0, 0), (100, 1), (101, 2), (102, 3), (200, 4)]);
    writer.remove(sections(101, 1)).unwrap();
    assert_eq!(map.epoch(), 2);
    assert_eq!(layout(&map), [(0, 0), (100, 1), (102, 2), (200, 3)]);
}

#[test]
fn one_writer_at_a_time() {
    let map = compact();
    let writer = map.writer().unwrap();
    assert_eq!(map.writer().err(), Some(Busy));
    drop(writer);
    assert!(map.writer().is_ok());
}

#[test]
fn memory_follows_what_is_mapped_and_not_the_span() {
    let mut map = compact();
    let mut writer = map.writer().unwrap();
    writer.add(range(0, 256 * MIB)).unwrap();
    writer.add(range(1 << 60, 16 * MIB)).unwrap();
    drop(writer);
    assert_eq!(map.section_count(), 17);
    let allocated = map.bytes_used() - size_of_val(&map);
    assert!(allocated < 1024, "{allocated} bytes");
    // Much that came and went leaves what was needed at most, and that goes when the map is shrunk.
    let mut writer = map.writer().unwrap();
    for first in 0..200 {
        writer.add(sections(1000 * first + 24, 1)).unwrap();
    }
    for first in 0..200 {
        writer.remove(sections(1000 * first + 24, 1)).unwrap();
    }
    drop(writer);
    let before = layout(&map);
    let allocated = map.bytes_used() - size_of_val(&map);
    assert!(allocated < 1024 * 2 * 2 * 100, "{allocated} bytes");
    map.shrink();
    assert_eq!(layout(&map), before);
    assert!(map.bytes_used() - size_of_val(&map) < 512);
    map.writer().unwrap().remove(Range::ALL).unwrap();
    map.shrink();
    assert_eq!((layout(&map), map.epoch()), (vec![], 401));
    let mut fresh = compact();
    fresh.shrink();
    assert_eq!((fresh.epoch(), fresh.section_count()), (0, 0));
}

#[test]
fn a_group_on_its_own_takes_less_than_a_kibibyte() {
    for space in [&COMPACT, &STABLE] {
        let map = GrowingSectionMap::new(space).unwrap();
        let mut writer = map.writer().unwrap();
        writer.add(sections(0, 8)).unwrap();
        writer.add(sections(4, 4)).unwrap();
        let allocated = map.bytes_used() - size_of_val(&map);
        assert!(allocated < 1024, "{allocated} bytes");
    }
}

#[test]
fn a_limit_on_growth_holds() {
    let map = GrowingSectionMap::with_limit(&COMPACT, 2).unwrap();
    let mut writer = map.writer().unwrap();
    writer.add(sections(0, 16)).unwrap();
    let error = writer.add(sections(16, 1)).unwrap_err();
    assert_eq!(error, ChangeError::Full { groups: 3, capacity: 2 });
}

/// What a map should hold: the hardware index of each section, and the epoch.
#[derive(Clone, Default, PartialEq, Debug)]
struct Model {
    sections: BTreeMap<u64, u64>,
    epoch: u64,
}

impl Model {
    fn regions(&self) -> u32 {
        let mut before = None;
        let begins = self.sections.iter().filter(|(section, hardware)| {
            let below = section.checked_sub(1).zip(hardware.checked_sub(1));
            let continues = before.is_some() && before == below;
            before = Some((**section, **hardware));
            !continues
        });
        begins.count() as u32
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if std::env::var_os("INSPECT_LONG").is_some() {
        4000
    } else {
        400
    }))]

    #[test]
    fn a_map_does_what_a_model_would(
        stable in any::<bool>(),
        budget in prop::option::of(1_u32..6),
        fixed in any::<bool>(),
        far in any::<bool>(),
        // So far apart that readers find sections by their places, or lines, or neither.
        distance in prop::sample::select(vec![1_u64, 9, 4000]),
        edits in prop::collection::vec(
            (prop::collection::vec((any::<bool>(), 0_u64..90, 1_u64..30), 1..4), any::<bool>()),
            1..25,
        ),
    ) {
        let space = Space { stable, max_regions: budget, ..COMPACT };
        let space: &'static Space = Box::leak(Box::new(space));
        // Beyond 2^56 one section more is the end of the space.
        let origin = if far { (1 << 40) - 89 * distance - 30 } else { 0 };
        if fixed {
            run(&FixedSectionMap::<8>::new(space).unwrap(), (origin, distance), &edits)?;
        } else {
            run(&GrowingSectionMap::new(space).unwrap(), (origin, distance), &edits)?;
        }
    }
}

type Edits = [(Vec<(bool, u64, u64)>, bool)];

fn run<M: Memory>(
    map: &SectionMap<M>,
    (origin, distance): (u64, u64),
    edits: &Edits,
) -> Result<(), TestCaseError> {
    let mut writer = map.writer().unwrap();
    let mut model = Model::default();
    for (steps, commit) in edits {
        let (mut next, mut removed) = (model.clone(), false);
        let mut edit = writer.edit().unwrap();
        for (add, first, count) in steps {
            let first = origin + first * distance;
            let asked = sections(first, *count);
            let there = next.sections.range(first..first + count).count() as u64;
            if *add {
                let Ok(change) = edit.add(asked) else { continue };
                prop_assert_eq!((change.changed, change.unchanged), (count - there, there));
                for section in first..first + count {
                    next.sections.entry(section).or_insert(u64::MAX);
                }
            } else {
                let change = edit.remove(asked).unwrap();
                prop_assert_eq!((change.changed, change.unchanged), (there, count - there));
                next.sections.retain(|section, _| !(first..first + count).contains(section));
                removed |= there > 0;
            }
        }
        if *commit && edit.commit().is_ok() {
            check_commit(map, &model, &mut next, removed)?;
            model = next;
        }
        check(map, &model)?;
    }
    Ok(())
}

/// The map after a commit: takes over where new sections are, and checks where old ones have to be.
fn check_commit<M: Memory>(
    map: &SectionMap<M>,
    before: &Model,
    after: &mut Model,
    removed: bool,
) -> Result<(), TestCaseError> {
    let now: BTreeMap<u64, u64> = layout(map).into_iter().collect();
    prop_assert!(now.keys().eq(after.sections.keys()));
    if !map.space().stable {
        prop_assert!(now.values().copied().eq(0..now.len() as u64));
    }
    let stayed =
        before.sections.iter().all(|(section, at)| now.get(section).is_none_or(|now| now == at));
    if map.space().stable && !removed {
        prop_assert!(stayed);
    }
    let mut taken: Vec<_> = now.values().collect();
    taken.sort();
    taken.dedup();
    prop_assert_eq!(taken.len(), now.len());
    prop_assert_eq!(map.epoch(), before.epoch + u64::from(removed || !stayed));
    (after.sections, after.epoch) = (now, map.epoch());
    Ok(())
}

fn check<M: Memory>(map: &SectionMap<M>, model: &Model) -> Result<(), TestCaseError> {
    let now: BTreeMap<u64, u64> = layout(map).into_iter().collect();
    prop_assert_eq!(&now, &model.sections);
    prop_assert_eq!((map.epoch(), map.region_count()), (model.epoch, model.regions()));
    prop_assert!(map.space().max_regions.is_none_or(|most| map.region_count() <= most));
    // Each section beside one that is mapped, and some beyond all of them.
    let beside = now.keys().flat_map(|section| section.saturating_sub(70)..=section + 70);
    for section in beside.filter(|section| *section < 1 << 40) {
        let found = map.translate(Address(section * SECTION));
        prop_assert_eq!(found.is_some(), now.contains_key(&section));
    }
    Ok(())
}

/// Blocks of sections that come and go, so that lines move and sides grow.
#[derive(Clone, Copy)]
struct Blocks {
    /// From the beginning of one to the beginning of the next.
    distance: u64,
    /// Sections that a block has at least; at most it has 24.
    least: u64,
    /// Two of three blocks are there, otherwise one of three.
    often: bool,
}

/// Lines are far from each other.
const FAR: Blocks = Blocks { distance: 4093, least: 5, often: false };
/// Most lines have sections, but most sections are not there.
const LOOSE: Blocks = Blocks { distance: 70, least: 5, often: true };
/// Most sections are there.
const DENSE: Blocks = Blocks { distance: 25, least: 24, often: true };

const BLOCKS: u64 = 64;

impl Blocks {
    fn block(self, number: u64) -> Range {
        sections(number * self.distance, self.least + number % (25 - self.least))
    }

    /// Whether a block is mapped in an epoch. The lowest comes and goes each time, so that the others move
    /// or something is gone, and each change is an epoch of its own; the highest is always there.
    fn is_there(self, epoch: u64, number: u64) -> bool {
        let random = epoch.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(number as u32);
        match number {
            0 => epoch % 2 == 1,
            number if number == BLOCKS - 1 => true,
            _ => epoch > 0 && (random % 3 == 1) != self.often,
        }
    }
}

/// A writer goes through states that both sides know by their epochs, each with other sections at other
/// places; readers check that whatever they are told is what holds in the epoch that they are told. A
/// reader that saw half of a state, or memory that was freed, would find something else.
fn readers_and_a_writer<M: Memory + Sync>(map: &SectionMap<M>, blocks: Blocks, changes: u64) {
    map.writer().unwrap().add(blocks.block(BLOCKS - 1)).unwrap();
    let (done, looked) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        // Also where an assertion fails: the readers wait for it.
        let finished = Finished(&done);
        for seed in 1..=3_u64 {
            let (done, looked) = (&done, &looked);
            scope.spawn(move || {
                let (mut random, mut looks) = (seed, 0);
                while !done.load(Ordering::Relaxed) || looks < 1000 {
                    random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                    look(map, blocks, random);
                    looks += 1;
                }
                looked.fetch_add(looks, Ordering::Relaxed);
            });
        }
        let mut writer = map.writer().unwrap();
        for epoch in 1..=changes {
            let mut edit = writer.edit().unwrap();
            for number in 0..BLOCKS {
                if blocks.is_there(epoch, number) {
                    edit.add(blocks.block(number)).unwrap();
                } else {
                    edit.remove(blocks.block(number)).unwrap();
                }
            }
            assert_eq!(edit.commit().unwrap().epoch, epoch);
        }
        drop(finished);
    });
    assert!(looked.into_inner() >= 3000);
}

struct Finished<'a>(&'a AtomicBool);

impl Drop for Finished<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One look by a reader, both ways.
fn look<M: Memory>(map: &SectionMap<M>, blocks: Blocks, random: u64) {
    let number = random >> 40 & (BLOCKS - 1);
    let range = blocks.block(number);
    let offset = (random >> 8) % (range.bytes() as u64);
    let before = map.epoch();
    let found = map.translate(Address(range.first().0 + offset));
    let after = map.epoch();
    match found {
        Some(found) => {
            assert!((before..=after).contains(&found.epoch));
            assert!(blocks.is_there(found.epoch, number));
            let below = (0..number).filter(|below| blocks.is_there(found.epoch, *below));
            let below: u64 = below.map(|below| blocks.block(below).bytes() as u64).sum();
            assert_eq!(found.hardware.0, (1 << 63) + below + offset);
            assert_eq!(found.bytes, range.bytes() as u64 - offset);
        }
        None if before == after => assert!(!blocks.is_there(before, number)),
        None => {}
    }
    if let Some(found) = map.translate_back(HardwareAddress((1 << 63) + offset)) {
        let lowest = (0..BLOCKS).find(|number| blocks.is_there(found.epoch, *number)).unwrap();
        let lowest = blocks.block(lowest);
        if offset < lowest.bytes() as u64 {
            assert_eq!(found.address.0, lowest.first().0 + offset);
            assert_eq!(found.bytes, lowest.bytes() as u64 - offset);
        }
    }
}

#[test]
fn readers_during_a_rebuild_see_no_half_of_it() {
    let long = std::env::var_os("INSPECT_LONG").is_some();
    let map = FixedSectionMap::<256>::new(&COMPACT).unwrap();
    readers_and_a_writer(&map, FAR, if long { 20_000 } else { 1000 });
    for blocks in [FAR, LOOSE, DENSE] {
        readers_and_a_writer(&compact(), blocks, if long { 10_000 } else { 500 });
    }
}

#[test]
fn readers_during_growth_see_no_memory_that_is_freed() {
    let long = std::env::var_os("INSPECT_LONG").is_some();
    for _ in 0..if long { 500 } else { 50 } {
        for blocks in [FAR, LOOSE, DENSE] {
            readers_and_a_writer(&compact(), blocks, 10);
        }
    }
}

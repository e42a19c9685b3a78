//! Region sets: overlap is refused, holes are found, and no cover with as many ranges wastes less.

use std::ops::ControlFlow;

use inspect_runtime::regions::{
    Address, FixedRegionSet, GrowingRegionSet, InsertError, NoRanges, Range, RangeError, Region,
    Removed, Walk,
};
use proptest::prelude::*;

fn range(first: u64, last: u64) -> Range {
    Range::inclusive(Address(first), Address(last)).unwrap()
}

fn set(ranges: &[(u64, u64)]) -> GrowingRegionSet<usize> {
    let mut set = GrowingRegionSet::new();
    for (owner, (first, last)) in ranges.iter().enumerate() {
        set.insert(range(*first, *last), owner).unwrap();
    }
    set
}

fn contents<S>(set: &inspect_runtime::regions::RegionSet<usize, S>) -> Vec<(Range, usize)>
where
    S: inspect_runtime::regions::Storage<Region<usize>>,
{
    set.regions().iter().map(|region| (region.range, region.owner)).collect()
}

#[test]
fn a_range_is_neither_empty_nor_wraps_and_reaches_the_last_byte() {
    let wraps = RangeError::Wraps { first: Address(u64::MAX), bytes: 2 };
    assert_eq!(Range::new(Address(7), 0), Err(RangeError::Empty { first: Address(7) }));
    assert_eq!(Range::new(Address(u64::MAX), 2), Err(wraps));
    assert_eq!(
        wraps.to_string(),
        "2 bytes at 0xffffffffffffffff end above the last address, 0xffffffffffffffff: shorten \
         the range"
    );
    assert!(Range::inclusive(Address(1), Address(0)).is_err());
    assert_eq!(Range::new(Address(u64::MAX), 1).unwrap().last(), Address::MAX);
    assert_eq!(Range::ALL.bytes(), 1 << 64);
}

#[test]
fn an_overlap_names_both_and_changes_nothing() {
    let mut set = GrowingRegionSet::new();
    set.insert(range(0x1000, 0x1fff), "kernel").unwrap();
    set.insert(range(0x2000, 0x2fff), "initrd").unwrap();
    let error = set.insert(range(0x1800, 0x27ff), "driver").unwrap_err();
    assert_eq!(
        error.to_string(),
        "0x1800..=0x27ff of \"driver\" overlaps 0x1000..=0x1fff of \"kernel\": remove that one \
         first, or insert the holes"
    );
    let InsertError::Overlap { new, present } = error else { panic!() };
    assert_eq!((new.owner, present.owner), ("driver", "kernel"));
    assert_eq!(set.len(), 2);
    for (first, last) in [(0x1000, 0x1fff), (0, u64::MAX), (0x1fff, 0x1fff), (0xfff, 0x1000)] {
        assert!(set.insert(range(first, last), "driver").is_err());
    }
    set.insert(range(0, 0xfff), "below").unwrap();
    set.insert(range(0x3000, u64::MAX), "above").unwrap();
    assert!(set.covers(Range::ALL));
    assert_eq!(set.find(Address(u64::MAX)).unwrap().owner, "above");
}

#[test]
fn a_full_set_says_so_and_changes_nothing() {
    let mut none = FixedRegionSet::<u8, 0>::new();
    let error = none.insert(range(0, 1), 3).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no room for 0x0..=0x1 of 3: all 0 regions are taken; remove one, or give the set more room"
    );
    let mut two = FixedRegionSet::<usize, 2>::new();
    two.insert(range(0, 9), 0).unwrap();
    two.insert(range(20, 29), 1).unwrap();
    let before = contents(&two);
    assert!(matches!(two.insert(range(10, 19), 2), Err(InsertError::Full { capacity: 2, .. })));
    let error = two.remove(range(3, 4)).unwrap_err();
    assert!(error.to_string().starts_with("removing 0x3..=0x4 would split 0x0..=0x9 of 0"));
    assert_eq!(contents(&two), before);
    // Both ends clip without more room.
    assert_eq!(two.remove(range(5, 24)), Ok(Removed { regions: 2, bytes: 10 }));
    assert_eq!(contents(&two), [(range(0, 4), 0), (range(25, 29), 1)]);
}

#[test]
fn walks_are_clipped_and_stop_where_they_are_told() {
    let set = set(&[(0, 9), (20, 29), (40, u64::MAX)]);
    let mut seen = Vec::new();
    let walk = set.walk(range(5, 44), |part, owner| {
        seen.push((part, *owner));
        ControlFlow::<()>::Continue(())
    });
    assert_eq!(walk, Walk::Finished);
    assert_eq!(seen, [(range(5, 9), 0), (range(20, 29), 1), (range(40, 44), 2)]);
    let mut visits = 0;
    let walk = set.walk(Range::ALL, |_, owner| {
        visits += 1;
        if *owner == 1 { ControlFlow::Break("found") } else { ControlFlow::Continue(()) }
    });
    assert_eq!((walk, visits), (Walk::Broken("found"), 2));
    let nothing = set.walk(range(10, 19), |_, _| ControlFlow::Break(()));
    assert_eq!(nothing, Walk::Nothing);
}

#[test]
fn holes_know_their_neighbours() {
    let set = set(&[(10, 19), (30, 39)]);
    let holes: Vec<_> = set.holes(Range::ALL).collect();
    let ranges: Vec<_> = holes.iter().map(|hole| hole.range).collect();
    assert_eq!(ranges, [range(0, 9), range(20, 29), range(40, u64::MAX)]);
    let owner = |region: Option<&Region<usize>>| region.map(|region| region.owner);
    let neighbours: Vec<_> =
        holes.iter().map(|hole| (owner(hole.below), owner(hole.above))).collect();
    assert_eq!(neighbours, [(None, Some(0)), (Some(0), Some(1)), (Some(1), None)]);
    let clipped: Vec<_> = set.holes(range(25, 35)).map(|hole| hole.range).collect();
    assert_eq!(clipped, [range(25, 29)]);
    assert!(set.covers(range(12, 19)) && !set.covers(range(12, 20)));
    let empty = GrowingRegionSet::<u8>::new();
    assert_eq!(empty.holes(Range::ALL).next().unwrap().range, Range::ALL);
}

#[test]
fn coalescing_keeps_the_largest_holes() {
    let set = set(&[(0, 9), (12, 19), (20, 29), (1000, 1009), (1011, u64::MAX)]);
    let mut out = [Range::ALL; 2];
    let coalesced = set.coalesce(&mut out).unwrap();
    assert_eq!(coalesced.ranges, [range(0, 29), range(1000, u64::MAX)]);
    assert_eq!(coalesced.waste, 3);
    // Neighbours cost nothing, so that more room than holes is not used.
    let mut out = [Range::ALL; 9];
    let coalesced = set.coalesce(&mut out).unwrap();
    assert_eq!((coalesced.ranges.len(), coalesced.waste), (4, 0));
    assert_eq!(set.coalesce(&mut []), Err(NoRanges));
    let nothing = GrowingRegionSet::<u8>::new();
    assert_eq!(nothing.coalesce(&mut []).unwrap().ranges, []);
}

/// The least waste of any cover by at most so many ranges: tries every choice of holes to leave out.
fn least_waste(regions: &[Region<usize>], most: usize) -> u128 {
    let holes: Vec<u128> = regions
        .windows(2)
        .map(|pair| pair[0].range.last().0.abs_diff(pair[1].range.first().0) as u128 - 1)
        .collect();
    (0..1_u32 << holes.len())
        .filter(|left_out| (left_out.count_ones() as usize) < most)
        .map(|left_out| {
            let kept = holes.iter().enumerate().filter(|(i, _)| left_out >> i & 1 == 0);
            kept.map(|(_, bytes)| bytes).sum()
        })
        .min()
        .unwrap()
}

/// What a set should do, byte by byte.
type Model = Vec<Option<usize>>;

fn model_of(set: &[(Range, usize)], bytes: usize) -> Model {
    let mut model = vec![None; bytes];
    for (range, owner) in set {
        model[range.first().0 as usize..=range.last().0 as usize].fill(Some(*owner));
    }
    model
}

proptest! {
    #[test]
    fn no_cover_is_better(
        gaps in prop::collection::vec((0_u64..6, 1_u64..4), 1..12),
        most in 1_usize..8,
        high in any::<bool>(),
    ) {
        let (mut set, mut at) = (GrowingRegionSet::new(), if high { u64::MAX - 120 } else { 0 });
        for (owner, (gap, bytes)) in gaps.iter().enumerate() {
            set.insert(Range::new(Address(at + gap), *bytes).unwrap(), owner).unwrap();
            at += gap + bytes;
        }
        let mut out = vec![Range::ALL; most];
        let coalesced = set.coalesce(&mut out).unwrap();
        prop_assert_eq!(coalesced.waste, least_waste(set.regions(), most));
        // It is a cover, its waste is what it says, and its ranges are apart.
        let covered = |range: Range| coalesced.ranges.iter().any(|by| by.covers(range));
        prop_assert!(set.regions().iter().all(|region| covered(region.range)));
        let bytes = |ranges: &mut dyn Iterator<Item = Range>| ranges.map(Range::bytes).sum::<u128>();
        let all = bytes(&mut coalesced.ranges.iter().copied());
        let used = bytes(&mut set.regions().iter().map(|region| region.range));
        prop_assert_eq!(all - used, coalesced.waste);
        let apart = |pair: &[Range]| pair[0].last().0 + 1 < pair[1].first().0;
        prop_assert!(coalesced.ranges.windows(2).all(apart));
    }

    #[test]
    fn a_set_does_what_bytes_would(
        steps in prop::collection::vec((any::<bool>(), 0_u64..64, 1_u64..24), 1..40),
        asked in (0_u64..64, 1_u64..24),
    ) {
        const BYTES: usize = 96;
        let mut set = FixedRegionSet::<usize, 6>::new();
        for (owner, (insert, first, bytes)) in steps.into_iter().enumerate() {
            let range = Range::new(Address(first), bytes).unwrap();
            let before = contents(&set);
            let mut model = model_of(&before, BYTES);
            let part = &mut model[first as usize..(first + bytes) as usize];
            let taken = part.iter().flatten().count();
            if insert {
                let result = set.insert(range, owner);
                prop_assert_eq!(matches!(result, Err(InsertError::Overlap { .. })), taken > 0);
                if result.is_ok() {
                    part.fill(Some(owner));
                }
            } else if let Ok(removed) = set.remove(range) {
                prop_assert_eq!(removed.bytes, taken as u128);
                part.fill(None);
            }
            let after = contents(&set);
            prop_assert_eq!(model_of(&after, BYTES), model);
            prop_assert!(after.windows(2).all(|pair| pair[0].0.last() < pair[1].0.first()));
        }
        let model = model_of(&contents(&set), BYTES);
        let asked = Range::new(Address(asked.0), asked.1).unwrap();
        let mut seen = vec![None; BYTES];
        for hole in set.holes(asked) {
            prop_assert!(asked.covers(hole.range));
            seen[hole.range.first().0 as usize..=hole.range.last().0 as usize].fill(Some(9));
        }
        set.walk(asked, |part, _| {
            assert!(asked.covers(part));
            seen[part.first().0 as usize..=part.last().0 as usize].fill(Some(1));
            ControlFlow::<()>::Continue(())
        });
        for byte in 0..BYTES {
            let expected = asked.contains(Address(byte as u64))
                .then(|| if model[byte].is_some() { 1 } else { 9 });
            prop_assert_eq!(seen[byte], expected);
        }
    }
}

//! Translating random addresses, where 100,000 sections are mapped: dense with holes, and scattered.
//!
//! The array tells where an address is, and nothing else; so it is raced by where ours says it is. The maps
//! hold one range for each run of sections, which is the least that they can do with, and also tell how
//! many bytes are consecutive, as ours does.

use std::collections::BTreeMap;

use inspect_runtime::regions::{Address, Range};
use inspect_runtime::sections::GrowingSectionMap;
use inspect_runtime::{Partial, Space};
use rangemap::RangeMap;

use crate::array::Array;
use crate::measure::{Bar, Contestant, Random, allocated, race};

const SHIFT: u32 = 24;
const BASE: u64 = 1 << 63;
const SECTIONS: usize = 100_000;
const LOOKUPS: usize = 1 << 18;
const ROUNDS: usize = 41;

const SPACE: Space = Space {
    name: "ehea",
    number: 256,
    section_size: 1 << SHIFT,
    base: BASE,
    stable: false,
    partial: Partial::Reject,
    max_regions: None,
};

pub fn run() -> bool {
    let mut random = Random::new(1);
    let dense: Vec<u64> = (0..).filter(|_| random.below(16) > 0).take(SECTIONS).collect();
    let holds = layout("translate, dense: every 16th section is a hole", &dense, 0);
    // As far as 46 bits of physical address reach. The array would need 12 GiB for 64 bits.
    let mut scattered: Vec<u64> = (0..SECTIONS * 2).map(|_| random.below(1 << 22)).collect();
    scattered.sort_unstable();
    scattered.dedup();
    random.shuffle(&mut scattered);
    scattered.truncate(SECTIONS);
    scattered.sort_unstable();
    layout("translate, scattered: each section on its own within 2^46", &scattered, 1) && holds
}

/// Runs of consecutive sections: the first, how many, and the hardware index of the first.
fn runs(sections: &[u64]) -> Vec<(u64, u64, u64)> {
    let mut runs: Vec<(u64, u64, u64)> = Vec::new();
    for (index, section) in sections.iter().enumerate() {
        match runs.last_mut() {
            Some((first, count, _)) if *first + *count == *section => *count += 1,
            _ => runs.push((*section, 1, index as u64)),
        }
    }
    runs
}

fn layout(title: &str, sections: &[u64], seed: u64) -> bool {
    let runs = runs(sections);
    let (map, ours) = allocated(|| {
        let map = GrowingSectionMap::new(&SPACE).expect("a space");
        {
            let mut writer = map.writer().expect("no other writer");
            let mut edit = writer.edit().expect("memory");
            for (first, count, _) in &runs {
                let range = Range::new(Address(first << SHIFT), count << SHIFT).expect("a range");
                edit.add(range).expect("room");
            }
            edit.commit().expect("no budget");
        }
        let mut map = map;
        map.shrink();
        // A change that comes and goes, so that both sides are there as in a map that lives.
        let mut writer = map.writer().expect("no other writer");
        let range = Range::new(Address(1 << 62), 1 << SHIFT).expect("a range");
        writer.add(range).and_then(|_| writer.remove(range)).expect("room");
        drop(writer);
        map
    });
    let (array, array_bytes) = allocated(|| {
        let mut array = Array::new(SHIFT);
        for (index, section) in sections.iter().enumerate() {
            array.insert(*section, BASE + ((index as u64) << SHIFT));
        }
        array
    });
    let (range_map, range_map_bytes) = allocated(|| {
        runs.iter()
            .map(|(first, count, index)| {
                (first << SHIFT..(first + count) << SHIFT, BASE + (index << SHIFT))
            })
            .collect::<RangeMap<u64, u64>>()
    });
    let (tree, tree_bytes) = allocated(|| {
        let run = |(first, count, index): &(u64, u64, u64)| {
            (first << SHIFT, ((first + count) << SHIFT, BASE + (index << SHIFT)))
        };
        runs.iter().map(run).collect::<BTreeMap<u64, (u64, u64)>>()
    });
    let in_range_map = |address: u64| {
        let (range, hardware) = range_map.get_key_value(&address)?;
        Some((hardware + (address - range.start), range.end - address))
    };
    let in_tree = |address: u64| {
        let (first, (end, hardware)) = tree.range(..=address).next_back()?;
        (address < *end).then(|| (hardware + (address - first), end - address))
    };

    let asked = asked(sections, seed);
    for address in asked.iter().map(|section| (u64::from(*section) << SHIFT) + 77) {
        let ours = map.translate(Address(address));
        let expected = ours.map(|mapping| (mapping.hardware.0, mapping.bytes));
        assert_eq!(in_range_map(address), expected);
        assert_eq!(in_tree(address), expected);
        assert_eq!(array.translate(address), expected.map(|(hardware, _)| hardware));
    }
    let addresses =
        || asked.iter().enumerate().map(|(at, section)| (u64::from(*section) << SHIFT) + at as u64);
    let each = |bytes: usize| format!("{:.1} bytes/section", bytes as f64 / sections.len() as f64);
    let title = format!("{title}; {} runs", runs.len());
    let beside_array = race(
        &format!("{title}: the address"),
        LOOKUPS as u64,
        ROUNDS,
        &mut [
            Contestant::new("SectionMap", Bar::None, || {
                let found = addresses().filter_map(|address| map.translate(Address(address)));
                found.fold(0, |sum, mapping| sum ^ mapping.hardware.0)
            })
            .note(each(ours)),
            Contestant::new("eHEA array", Bar::Within(1.2), || {
                addresses()
                    .filter_map(|address| array.translate(address))
                    .fold(0, |sum, found| sum ^ found)
            })
            .note(each(array_bytes)),
        ],
    );
    let beside_maps = race(
        &format!("{title}: address and length"),
        LOOKUPS as u64,
        ROUNDS,
        &mut [
            Contestant::new("SectionMap", Bar::None, || {
                let found = addresses().filter_map(|address| map.translate(Address(address)));
                found.fold(0, |sum, mapping| sum ^ mapping.hardware.0.wrapping_add(mapping.bytes))
            })
            .note(each(ours)),
            Contestant::new("rangemap", Bar::Faster(5.0), || {
                let found = addresses().filter_map(in_range_map);
                found.fold(0, |sum, (hardware, bytes)| sum ^ hardware.wrapping_add(bytes))
            })
            .note(each(range_map_bytes)),
            Contestant::new("BTreeMap", Bar::Faster(5.0), || {
                let found = addresses().filter_map(in_tree);
                found.fold(0, |sum, (hardware, bytes)| sum ^ hardware.wrapping_add(bytes))
            })
            .note(each(tree_bytes)),
        ],
    );
    beside_array && beside_maps
}

/// Sections to ask for: seven of eight are mapped, the others stand beside one that is.
fn asked(sections: &[u64], seed: u64) -> Vec<u32> {
    let mut random = Random::new(seed);
    let mut ask = || {
        let section = sections[random.below(sections.len() as u64) as usize];
        if random.below(8) > 0 { section } else { section ^ 1 }
    };
    (0..LOOKUPS).map(|_| ask() as u32).collect()
}

//! 256 MiB at 0 and 16 MiB at 2^60: what that costs in memory.

use inspect_runtime::regions::{Address, Range};
use inspect_runtime::sections::{FixedSectionMap, GrowingSectionMap};
use inspect_runtime::{Partial, Space};

use crate::array::Array;
use crate::measure::{allocated, mark};

const MIB: u64 = 1 << 20;
const MOST: usize = 1024;

const SPACE: Space = Space {
    name: "ehea",
    number: 256,
    section_size: 16 * MIB,
    base: 1 << 63,
    stable: false,
    partial: Partial::Reject,
    max_regions: Some(64),
};

pub fn run() -> bool {
    let ranges = [(0, 256 * MIB), (1 << 60, 16 * MIB)];
    let (map, ours) = allocated(|| {
        let map = GrowingSectionMap::new(&SPACE).expect("a space");
        let mut writer = map.writer().expect("no other writer");
        for (first, bytes) in ranges {
            writer.add(Range::new(Address(first), bytes).expect("a range")).expect("room");
        }
        drop(writer);
        map
    });
    assert_eq!(map.section_count(), 17);
    let (_array, array) = allocated(|| {
        let mut array = Array::new(24);
        let sections = ranges.iter().flat_map(|(first, bytes)| first >> 24..(first + bytes) >> 24);
        for (index, section) in sections.enumerate() {
            array.insert(section, (1 << 63) + ((index as u64) << 24));
        }
        array
    });
    let holds = ours < MOST;
    println!("\nsparse: 256 MiB at 0 and 16 MiB at 2^60");
    println!("{:<28} {:>12} {:>12}", "", "bytes", "bar");
    println!(
        "{:<28} {ours:>12} {:>12}",
        "SectionMap, beside itself",
        format!("< {MOST} {}", mark(holds))
    );
    println!("{:<28} {:>12}", "SectionMap itself", size_of_val(&map));
    println!("{:<28} {:>12}", "FixedSectionMap<4>", size_of::<FixedSectionMap<4>>());
    println!("{:<28} {array:>12}", "eHEA array");
    holds
}

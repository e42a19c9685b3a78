//! Files that are made to cost much: parts that overlay one another by the thousand, so that what is read is
//! the product of two numbers that each fit into the file.

use inspect_gen::diag::Code;
use inspect_gen::pack::{Options, overview, pack};

use super::peak;

/// A section: name, type, flags, where its bytes are, link, info.
type Section = (u32, u32, u64, u64, u64, u32, u32);

const NAMES: &[u8] = b"\0inspect_table\0.x\0";
const TABLE: u32 = 1;
const OTHER: u32 = 15;
/// Where the bytes behind the names begin, in every file here.
const BYTES: u64 = 64 + 24;

/// An ELF file for x86_64: header, names, bytes, then the headers of sections, the first and the names' own
/// among them, and those of segments.
fn file(
    kind: u16,
    bytes: &[u8],
    sections: &[Section],
    segments: &[(u32, u64, u64, u64)],
) -> Vec<u8> {
    let mut file = vec![0; 64];
    file.extend(NAMES);
    file.resize(BYTES as usize, 0);
    file.extend(bytes);
    file.resize(file.len().next_multiple_of(8), 0);
    let headers = file.len() as u64;
    let names = (0, 3, 0, 64, NAMES.len() as u64, 0, 0);
    let first = (0, 0, 0, 0, sections.len() as u64 + 2, 0, 0);
    for (name, kind, flags, offset, size, link, info) in
        [first, names].into_iter().chain(sections.iter().copied())
    {
        let numbers = [u64::from(kind) << 32 | u64::from(name), flags, 0, offset, size];
        file.extend(numbers.into_iter().flat_map(u64::to_le_bytes));
        file.extend([link, info].into_iter().flat_map(u32::to_le_bytes));
        file.extend([8, 24].into_iter().flat_map(u64::to_le_bytes));
    }
    let programs = file.len() as u64;
    for (kind, address, offset, size) in segments {
        file.extend([*kind, 6].into_iter().flat_map(u32::to_le_bytes));
        let numbers = [*offset, *address, *address, *size, *size, 8];
        file.extend(numbers.into_iter().flat_map(u64::to_le_bytes));
    }
    file[..16].copy_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    let mut put = |at: usize, value: u64, size: usize| {
        file[at..at + size].copy_from_slice(&value.to_le_bytes()[..size]);
    };
    put(16, kind.into(), 2);
    put(18, 62, 2);
    put(20, 1, 4);
    put(32, programs, 8);
    put(40, headers, 8);
    put(52, 64, 2);
    put(54, 56, 2);
    put(56, segments.len() as u64, 2);
    put(58, 64, 2);
    // The number of sections stands in the first of them.
    put(60, 0, 2);
    put(62, 1, 2);
    file
}

/// Both the packer and the doctor refuse it, with this code, and take little memory.
#[track_caller]
fn refused(bytes: &[u8], code: Code, why: &str) {
    let (found, held) = peak(|| (pack(bytes, &Options::default()), overview(bytes, &[])));
    let (packed, looked) = found;
    let packed = packed.expect_err("a bomb");
    assert!(packed[0].code == code && packed[0].message.contains(why), "{packed:?}");
    if let Err(looked) = looked {
        assert_eq!(looked, packed[0]);
    }
    assert!(held < 8 * bytes.len() + (1 << 16), "{held} bytes of {}", bytes.len());
}

const RELOCATABLE: u16 = 1;
const SHARED: u16 = 3;
const LOAD: u32 = 1;
const DYNAMIC: u32 = 2;

#[test]
fn relocations_that_overlay_one_another_are_refused() {
    let bytes = [0; 24 * 2000];
    let size = bytes.len() as u64;
    let mut sections: Vec<Section> = vec![(TABLE, 1, 3, BYTES, 1024, 0, 0)];
    sections.extend(vec![(OTHER, 4, 0, BYTES, size, 0, 2); 2000]);
    refused(&file(RELOCATABLE, &bytes, &sections, &[]), Code::E0901, "its sections overlap");
}

#[test]
fn thousands_of_sections_are_no_reason_to_search_each_for_all() {
    // What Clang makes of so many annotations, without their bytes.
    let count = 40_000;
    let mut sections: Vec<Section> = vec![(TABLE, 1, 3, BYTES, 0, 0, 0); count];
    sections.extend((0..count as u32).map(|index| (OTHER, 4, 0, BYTES, 0, 0, index + 2)));
    let file = file(RELOCATABLE, &[], &sections, &[]);
    let packed = pack(&file, &Options::default()).expect("an object without annotations");
    assert_eq!((packed.annotations, packed.tables.len()), (0, 0));
    assert!(overview(&file, &[]).expect("an overview").entries.is_empty());
}

#[test]
fn names_that_overlay_one_another_are_refused() {
    let mut bytes = vec![b'a'; 100_000];
    bytes.push(0);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    let names = bytes.len() as u64;
    let mut symbol = [0; 24];
    symbol[4] = 1;
    symbol[6] = 1;
    bytes.extend(symbol.repeat(4000));
    let sections: [Section; 3] = [
        (OTHER, 1, 3, BYTES, 8, 0, 0),
        (OTHER, 3, 0, BYTES, names, 0, 0),
        (OTHER, 2, 0, BYTES + names, 24 * 4000, 3, 0),
    ];
    refused(&file(RELOCATABLE, &bytes, &sections, &[]), Code::E0901, "its symbols overlap");
    let again = [sections[0], sections[1], sections[2], sections[2]];
    refused(&file(RELOCATABLE, &bytes, &again, &[]), Code::E0901, "several tables of symbols");
}

#[test]
fn segments_that_overlay_one_another_are_refused() {
    let bytes = [0; 50_000];
    let size = bytes.len() as u64;
    let segments: Vec<_> =
        (0..1000).map(|index| (LOAD, 0x10_0000 * (index + 1), BYTES, size)).collect();
    refused(&file(SHARED, &bytes, &[], &segments), Code::E0901, "its segments overlap");
    let last = [(LOAD, u64::MAX - 100, BYTES, 50)];
    refused(&file(SHARED, &bytes, &[], &last), Code::E0901, "beyond the last address");
}

/// A bitmap of eight bytes stands for 63 relocations.
#[test]
fn relocations_of_nothing_are_refused_at_the_first() {
    let mut bytes = Vec::new();
    let base = 0x10_0000_u64;
    for (tag, value) in [(36, base + 64), (35, 80_000), (37, 8), (0, 0)] {
        bytes.extend(u64::to_le_bytes(tag));
        bytes.extend(u64::to_le_bytes(value));
    }
    bytes.extend(base.to_le_bytes());
    bytes.extend([0xff; 79_992]);
    let size = bytes.len() as u64;
    let segments = [(LOAD, base, BYTES, size), (DYNAMIC, base, BYTES, 64)];
    refused(&file(SHARED, &bytes, &[], &segments), Code::E0901, "RELR leads outside it");
}

/// Sixteen bytes stand for 64 relocations, and those that follow for the same ones.
#[test]
fn relocations_of_the_same_places_are_refused() {
    let base = 0x10_0000_u64;
    let mut bytes = Vec::new();
    for (tag, value) in [(36, base + 64), (35, 80_000), (37, 8), (0, 0)] {
        bytes.extend(u64::to_le_bytes(tag));
        bytes.extend(u64::to_le_bytes(value));
    }
    bytes.extend([base.to_le_bytes(), [0xff; 8]].concat().repeat(5000));
    let size = bytes.len() as u64;
    let segments = [(LOAD, base, BYTES, size), (DYNAMIC, base, BYTES, 64)];
    refused(&file(SHARED, &bytes, &[], &segments), Code::E0901, "RELR is not in order");
}

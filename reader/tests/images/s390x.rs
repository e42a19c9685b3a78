//! Dumps of machines of s390x: where their kernels' page tables are, and what they map.

use inspect_format::abi::{Order, space};
use inspect_format::elfcore::Class;
use inspect_reader::discover::{self, tables_of};
use inspect_reader::image::{FoundBy, Kind};
use inspect_reader::memory::Reason;
use proptest::prelude::*;

use super::vmcore::{S390, Vmcore, page};
use super::{byte, is_long, targets, with_image};

const NT_S390_CTRS: u32 = 0x304;
/// In an entry of regions or segments.
const INVALID: u64 = 1 << 5;
/// In an entry of a page.
const INVALID_PAGE: u64 = 1 << 10;
/// In an entry of a segment or a region: it is a page.
const IS_PAGE: u64 = 1 << 10;
/// Of a table all quarters are there.
const WHOLE: u64 = 3;
/// Where the field is, in the first page, that leads to what the kernel tells about itself.
const VMCORE_INFO: u64 = 0xe0c;

/// Where pages are mapped: a root by itself, all memory in a segment, and in a region.
const ROOT: u64 = 0x7ff0_0000;
const SEGMENT: u64 = 0x10_0000;
const REGION: u64 = 0x3ff_8000_0000;

/// Physical memory from 0 on, with tables behind it. The lowest level, of pages, is 0, and that of segments 1.
struct Memory {
    bytes: Vec<u8>,
    /// Where the highest table is.
    top: u64,
    top_level: u32,
}

impl Memory {
    /// 128 KiB in which each page begins with its number.
    fn new(top_level: u32) -> Self {
        let mut this = Self { bytes: vec![0; 0x2_0000], top: 0, top_level };
        for number in 0..32 {
            this.set(number * 4096, number);
        }
        this.top = this.table(top_level);
        this
    }

    /// What the control register of the home space holds.
    fn designation(&self) -> u64 {
        self.top | kind(self.top_level) | WHOLE
    }

    /// A table in which nothing is mapped.
    fn table(&mut self, level: u32) -> u64 {
        let (count, nothing) = match level {
            0 => (256, INVALID_PAGE),
            _ => (2048, kind(level) | INVALID),
        };
        let at = (self.bytes.len() as u64).next_multiple_of(4096);
        self.bytes.resize(at as usize, 0);
        self.bytes.extend((0..count).flat_map(|_| nothing.to_be_bytes()));
        at
    }

    /// Maps a page of a level.
    fn map(&mut self, address: u64, physical: u64, level: u32) {
        let mut table = self.top;
        for above in (level + 1..=self.top_level).rev() {
            let at = place(table, address, above);
            let entry = self.word(at);
            table = match entry & INVALID {
                0 => entry & !0x7ff,
                _ => self.table(above - 1),
            };
            let length = if above == 1 { 0 } else { WHOLE };
            self.set(at, table | kind(above) | length);
        }
        let flags = if level == 0 { 0 } else { kind(level) | IS_PAGE };
        self.set(place(table, address, level), physical | flags);
    }

    /// The entry of a level that is used for an address.
    fn entry(&self, address: u64, level: u32) -> u64 {
        let mut table = self.top;
        for above in (level + 1..=self.top_level).rev() {
            table = self.word(place(table, address, above)) & !0x7ff;
        }
        place(table, address, level)
    }

    fn set(&mut self, at: u64, word: u64) {
        self.write(at, &word.to_be_bytes());
    }

    fn write(&mut self, at: u64, bytes: &[u8]) {
        self.bytes[at as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    fn word(&self, at: u64) -> u64 {
        u64::from_be_bytes(*self.bytes[at as usize..].first_chunk().unwrap())
    }

    /// What a kernel tells about itself, and where.
    fn tell(&mut self, at: u64, name: &str, size: u32, text: &str) {
        let mut note = Vec::new();
        for word in [name.len() as u32 + 1, size, 0] {
            note.extend(word.to_be_bytes());
        }
        note.extend(name.as_bytes());
        note.resize(24, 0);
        note.extend(text.as_bytes());
        self.write(at, &note);
        self.set(VMCORE_INFO, at);
    }
}

/// The bits of an entry, and of a control register, that say of what level a table is.
fn kind(level: u32) -> u64 {
    u64::from(level.saturating_sub(1)) << 2
}

fn place(table: u64, address: u64, level: u32) -> u64 {
    let index = match level {
        0 => address >> 12 & 0xff,
        _ => address >> (9 + 11 * level) & 0x7ff,
    };
    table + index * 8
}

/// The memory of a machine whose kernel has pages of all sizes.
fn machine(top_level: u32) -> Memory {
    let mut memory = Memory::new(top_level);
    memory.write(0x5000, &page(Order::Big, 8, ROOT));
    memory.map(ROOT, 0x5000, 0);
    memory.map(ROOT + 0x1000, 0x3000, 0);
    // Bits below its size are flags, and no part of where the page is.
    memory.map(SEGMENT, 0x1000, 1);
    if top_level >= 2 {
        memory.map(REGION, 0, 2);
    }
    memory
}

/// What QEMU writes: neither a virtual address nor a physical one of the first block that is not 0.
fn core_of(memory: &Memory) -> Vmcore {
    let mut core = Vmcore { machine: S390, ..Vmcore::new(Class::Elf64, Order::Big) };
    core.load(0, 0, &memory.bytes[..0x4000]).load(0x4000, 0x4000, &memory.bytes[0x4000..]);
    core
}

/// The note of a processor.
fn registers(home: u64) -> Vec<u8> {
    let mut note = vec![0; 16 * 8];
    note[13 * 8..14 * 8].copy_from_slice(&home.to_be_bytes());
    note
}

fn with_registers(memory: &Memory, homes: &[u64]) -> Vmcore {
    let mut core = core_of(memory);
    for home in homes {
        core.note_of("LINUX", NT_S390_CTRS, &registers(*home));
    }
    core
}

#[test]
fn control_registers_say_where_page_tables_are() {
    for top_level in 1..=4 {
        let memory = machine(top_level);
        // One has none, one translates nothing, one has tables that are not there, one is Linux's.
        let homes = [0, memory.designation() | 1 << 5, 0x8000_0000 | WHOLE, memory.designation()];
        with_image(&with_registers(&memory, &homes).finish(), |image| {
            let image = image.unwrap();
            assert_eq!((image.kind, &image.remarks[..]), (Kind::KernelCore, &[][..]));
            let memory = image.memory.as_ref();
            let number = |address| byte(memory, space::VIRTUAL, address + 7);
            assert_eq!(number(ROOT + 0x1000), Ok(3));
            let mut large = vec![SEGMENT];
            large.extend((top_level >= 2).then_some(REGION));
            for start in large {
                assert_eq!((number(start), number(start + 0x1_f000)), (Ok(0), Ok(31)));
                // From one segment of the file into the next.
                let mut across = [9; 16];
                memory.read(space::VIRTUAL, start + 0x3ff8, &mut across).unwrap();
                assert_eq!(across, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4]);
                assert_eq!(number(start + 0x10_0000), Err(Reason::Absent), "there is less memory");
            }
            for nowhere in [0, 0x4000, ROOT + 0x2000, SEGMENT - 8, REGION - 8] {
                assert_eq!(number(nowhere), Err(Reason::Absent), "{nowhere:#x}");
            }
            assert_eq!(byte(memory, space::PHYSICAL, 0x4007), Ok(4));
            let found = tables_of(&image, &discover::Options::default());
            assert_eq!(found.tables.len(), 1, "{:?}", found.attempts);
            assert_eq!(found.tables[0].found_by, FoundBy::Scan);
        });
    }
}

/// What leads to a table says which quarters of it there are: what stands in the others is something else.
#[test]
fn tables_end_where_what_leads_to_them_says() {
    const QUARTER: u64 = 512;
    // Of regions, each in another quarter of the table of segments.
    let address = |quarter: u64| (quarter * QUARTER) << 20;
    for (offset, length) in [(0, 3), (0, 0), (1, 2), (3, 3), (2, 1)] {
        let mut memory = Memory::new(2);
        (0..4).for_each(|quarter| memory.map(address(quarter), 0, 1));
        let at = memory.entry(0, 2);
        let segments = memory.word(at) & !0xfff;
        memory.set(at, segments | kind(2) | offset << 6 | length);
        let below = |home: u64| {
            with_image(&with_registers(&memory, &[home]).finish(), |image| {
                let memory = image.unwrap().memory;
                let is_there =
                    |quarter| byte(memory.as_ref(), space::VIRTUAL, address(quarter)).is_ok();
                (0..4).filter(|quarter| is_there(*quarter)).collect::<Vec<u64>>()
            })
        };
        let expected: Vec<u64> = (offset..=length).collect();
        assert_eq!(below(memory.designation()), expected);
        // The control register leads to the table of segments itself, and says how long that is.
        assert_eq!(below(segments | length), (0..=length).collect::<Vec<u64>>());
    }
}

/// Neither what is invalid nor what is of another type than its table, which stops the processor.
#[test]
fn entries_that_are_none_map_nothing() {
    for (address, level, bits) in [
        (ROOT, 0, INVALID_PAGE),
        (ROOT, 1, INVALID),
        (ROOT, 2, INVALID),
        (ROOT, 3, INVALID),
        (SEGMENT, 1, INVALID),
        (SEGMENT, 1, kind(2)),
        (REGION, 2, INVALID),
        (REGION, 2, kind(3)),
    ] {
        let mut memory = machine(3);
        let at = memory.entry(address, level);
        let core = |memory: &Memory| with_registers(memory, &[memory.designation()]).finish();
        let first = |bytes: &[u8]| {
            with_image(bytes, |image| byte(image.unwrap().memory.as_ref(), space::VIRTUAL, address))
        };
        assert!(first(&core(&memory)).is_ok());
        memory.set(at, memory.word(at) | bits);
        assert_eq!(first(&core(&memory)), Err(Reason::Absent), "{address:#x} {level} {bits:#x}");
    }
}

/// Dumpers that run without the kernel find what it tells about itself through the first page.
#[test]
fn a_kernel_tells_about_itself_in_memory() {
    let text = format!("OSRELEASE=6.1.0\nKERNELOFFSET=1000\nSYMBOL(inspect_root)={ROOT:x}\n");
    let size = text.len() as u32;
    // One block of memory, at 0: nothing but the note says that it is a machine's.
    let found = |memory: &Memory| {
        let mut core = Vmcore { machine: S390, ..Vmcore::new(Class::Elf64, Order::Big) };
        core.note_of("LINUX", NT_S390_CTRS, &registers(memory.designation()));
        with_image(&core.load(0, 0, &memory.bytes).finish(), |image| {
            let image = image.unwrap();
            let object = image.objects.first().map(|it| (it.name.clone(), it.bias));
            let found = tables_of(&image, &discover::Options::default()).tables;
            (object, found[0].found_by, image.notes.iter().map(|it| it.contents.clone()).collect())
        })
    };
    let mut memory = machine(2);
    memory.tell(0x8800, "VMCOREINFO", size, &text);
    let kernel = Some(("kernel 6.1.0".to_owned(), 0x1000));
    assert_eq!(found(&memory), (kernel, FoundBy::Symbol, vec![text.clone().into_bytes()]));
    // What is not there, and what is something else, tells nothing.
    for (at, name, size) in [(0x8800, "VMCOREINFX", size), (0x8800, "VMCOREINFO", u32::MAX)] {
        memory.tell(at, name, size, &text);
        assert_eq!(found(&memory), (None, FoundBy::Scan, Vec::<Vec<u8>>::new()), "{name} {size}");
    }
    memory.tell(0x8800, "VMCOREINFO", size, &text);
    for at in [0, 0x8801, memory.bytes.len() as u64 - 30, u64::MAX - 8, u64::MAX - 23] {
        memory.set(VMCORE_INFO, at);
        assert_eq!(found(&memory), (None, FoundBy::Scan, Vec::<Vec<u8>>::new()), "{at:#x}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if is_long() { 2_000 } else { 20 }))]

    /// Whatever tables and the first page hold, an image opens, and every read ends.
    #[test]
    fn damaged_page_tables_are_survived(
        top_level in 1_u32..5,
        home in any::<u8>(),
        words in prop::collection::vec((0_u64..8192, any::<u64>()), 0..6),
        links in prop::collection::vec((0_u64..8192, 0_u64..48, 0_u64..4096), 0..40),
        told in any::<u64>(),
    ) {
        let mut memory = machine(top_level);
        let (start, size) = (memory.top, memory.bytes.len() as u64 - memory.top);
        for (at, word) in words {
            memory.set(start + at * 8 % size, word);
        }
        // Entries that lead somewhere: to tables, to themselves, to pages of any size.
        for (at, table, flags) in links {
            memory.set(start + at * 8 % size, table << 12 | flags);
        }
        memory.set(VMCORE_INFO, told);
        let home = memory.top | u64::from(home) & !INVALID;
        targets::elf_core(&with_registers(&memory, &[home]).finish());
    }
}

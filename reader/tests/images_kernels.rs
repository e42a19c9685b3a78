//! Cores of kernels in every layout that is known, and cores of any kind with damage.

#[path = "images/s390x.rs"]
mod s390x;
#[path = "images/vmcore.rs"]
mod vmcore;

#[path = "images_fuzz/targets.rs"]
mod targets;

use std::path::Path;

use inspect_format::abi::{Order, space};
use inspect_format::elfcore::Class;
use inspect_reader::discover::{self, tables_of};
use inspect_reader::image::{FoundBy, Image, Kind, Options, Target, open};
use inspect_reader::memory::{Memory, Reason};
use proptest::prelude::*;
use vmcore::{AARCH64, Memory as Physical, Tables, Vmcore, page, processor};

const SHAPES: [(Class, Order, u8); 4] = [
    (Class::Elf64, Order::Little, 8),
    (Class::Elf64, Order::Big, 8),
    (Class::Elf32, Order::Little, 4),
    (Class::Elf32, Order::Big, 4),
];

/// Calls `with` with an image of the bytes.
fn with_image<R>(bytes: &[u8], with: impl FnOnce(Result<Image, String>) -> R) -> R {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    with(opened(file.path()))
}

fn opened(path: &Path) -> Result<Image, String> {
    open(&Target::Path(path.to_owned()), &Options::default()).map_err(|error| error.to_string())
}

fn byte(memory: &dyn Memory, space: u16, address: u64) -> Result<u8, Reason> {
    let mut byte = [0];
    memory.read(space, address, &mut byte).map(|()| byte[0]).map_err(|missing| missing.reason)
}

#[test]
fn a_hypervisor_with_page_tables_gives_both_addresses() {
    for (class, order, word_size) in SHAPES {
        let mut core = Vmcore::new(class, order);
        core.note("QEMU", &[0; 400]).load(0xc000_0000, 0x1000, &[1; 4096]);
        // The same physical page again, at another place; then memory that nothing maps.
        core.load(0xd000_0000, 0x1000, &[1; 4096]).load(0, 0x9000, &[2; 4096]);
        core.load(0xc000_1000, 0x5000, &page(order, word_size, 0xc000_1000));
        with_image(&core.finish(), |image| {
            let image = image.unwrap();
            assert_eq!(image.kind, Kind::KernelCore);
            let memory = image.memory.as_ref();
            assert_eq!(byte(memory, space::VIRTUAL, 0xd000_0fff), Ok(1));
            assert_eq!(byte(memory, space::VIRTUAL, 0), Err(Reason::Absent));
            assert_eq!(byte(memory, space::PHYSICAL, 0x1000), Ok(1));
            assert_eq!(byte(memory, space::PHYSICAL, 0x9800), Ok(2));
            assert_eq!(byte(memory, space::PHYSICAL, 0x2000), Err(Reason::Absent));
            // From one segment into the next.
            let mut across = [0; 16];
            memory.read(space::VIRTUAL, 0xc000_0ff8, &mut across).unwrap();
            assert_eq!(across[..9], [1, 1, 1, 1, 1, 1, 1, 1, 0x89]);
            let found = tables_of(&image, &discover::Options::default());
            assert_eq!(found.tables.len(), 1, "{:?}", found.attempts);
            assert_eq!(found.tables[0].found_by, FoundBy::Scan);
        });
    }
}

#[test]
fn a_hypervisor_without_page_tables_gives_physical_addresses() {
    for (class, order, _) in SHAPES {
        let mut core = Vmcore::new(class, order);
        core.note("QEMU", &[0; 400]).load(0, 0, &[1; 4096]).load(0, 0x10_0000, &[2; 4096]);
        with_image(&core.finish(), |image| {
            let image = image.unwrap();
            let memory = image.memory.as_ref();
            assert_eq!(image.kind, Kind::KernelCore);
            assert_eq!(memory.runs(space::VIRTUAL), []);
            assert_eq!(byte(memory, space::PHYSICAL, 0), Ok(1));
            assert_eq!(byte(memory, space::PHYSICAL, 0x10_0fff), Ok(2));
            assert!(image.remarks[0].text.contains("physical addresses alone"));
        });
    }
}

#[test]
fn the_kernel_says_where_its_root_is() {
    let text = b"OSRELEASE=6.1.0\nBUILD-ID=0123abcd\nKERNELOFFSET=1000\n\
                 SYMBOL(inspect_root)=ffffffff81000000\n";
    let mut core = Vmcore::new(Class::Elf64, Order::Little);
    let address = 0xffff_ffff_8100_0000;
    core.note("VMCOREINFO", text).load(address, 0x100_0000, &page(Order::Little, 8, address));
    core.load(0xffff_8880_0000_0000, 0, &[3; 4096]);
    with_image(&core.finish(), |image| {
        let image = image.unwrap();
        assert_eq!(image.kind, Kind::KernelCore);
        let object = &image.objects[0];
        assert_eq!((object.name.as_str(), object.bias), ("kernel 6.1.0", 0x1000));
        assert_eq!(object.build_id.as_deref(), Some(&[1, 0x23, 0xab, 0xcd][..]));
        let found = tables_of(&image, &discover::Options::default());
        assert_eq!(found.tables[0].found_by, FoundBy::Symbol);
        let memory = image.memory.as_ref();
        assert_eq!(byte(memory, space::PHYSICAL, 0), Ok(3));
    });
}

/// Where a kernel is linked, above its place in physical memory.
const KERNEL_MAP: u64 = 0xffff_ffff_8000_0000;
/// Where the pages of [`machine`] are mapped: a root by itself, all memory in a large page, and in a giant one.
const ROOT: u64 = 0xffff_ffff_c000_0000;
const LARGE: u64 = 0xffff_ffff_8020_0000;
const FIFTH_LEVEL: u64 = 1 << 12;

fn giant(levels: usize) -> u64 {
    if levels == 5 { 0xff11_0000_4000_0000 } else { 0xffff_8880_4000_0000 }
}

/// 128 KiB of memory with page tables behind them, in which each page begins with its number.
fn machine(levels: usize) -> Physical {
    let mut memory = Physical::new(0x2_0000, Tables::x86_64(levels));
    for number in 0..32 {
        memory.set(number * 4096, number);
    }
    memory.write(0x5000, &page(Order::Little, 8, ROOT));
    memory.map(ROOT, 0x5000, 0);
    memory.map(ROOT + 0x1000, 0x3000, 0);
    // Its bit 12 is a flag, and no part of where the page is.
    memory.map(LARGE, 0x1000, 1);
    memory.map(giant(levels), 0, 2);
    // What a program has is not the kernel's.
    memory.map(0x7000_0000, 0x4000, 0);
    memory
}

/// What a hypervisor writes that was not asked for page tables: no virtual address, or the physical one.
fn physical_core(memory: &Physical) -> Vmcore {
    let mut core = Vmcore::new(Class::Elf64, Order::Little);
    core.load(0, 0, &memory.bytes[..0x4000]).load(0x4000, 0x4000, &memory.bytes[0x4000..]);
    core
}

fn has_what_tables_map(core: &Vmcore, levels: usize) {
    with_image(&core.finish(), |image| {
        let image = image.unwrap();
        assert_eq!(image.remarks, []);
        let memory = image.memory.as_ref();
        let number = |address| byte(memory, space::VIRTUAL, address);
        assert_eq!(number(ROOT + 0x1000), Ok(3));
        for start in [LARGE, giant(levels)] {
            assert_eq!((number(start), number(start + 0x1_f000)), (Ok(0), Ok(31)));
            // From one segment of the file into the next.
            let mut across = [9; 16];
            memory.read(space::VIRTUAL, start + 0x3ff8, &mut across).unwrap();
            assert_eq!(across, [0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0]);
            assert_eq!(number(start + 0x10_0000), Err(Reason::Absent), "there is less memory");
        }
        for nowhere in [0x4000, 0x7000_0000, ROOT + 0x2000, LARGE - 1] {
            assert_eq!(number(nowhere), Err(Reason::Absent), "{nowhere:#x}");
        }
        assert_eq!(byte(memory, space::PHYSICAL, 0x4000), Ok(4));
        let found = tables_of(&image, &discover::Options::default());
        assert_eq!(found.tables.len(), 1, "{:?}", found.attempts);
        assert_eq!(found.tables[0].found_by, FoundBy::Scan);
    });
}

/// Wherever the kernel was put: it is linked for another place in physical memory than it is at.
#[test]
fn the_kernel_says_where_its_page_tables_are() {
    for (levels, base, symbol) in [(4, 0x7000_i64, "swapper_pg_dir"), (5, -0x3000, "init_top_pgt")]
    {
        let memory = machine(levels);
        let address = KERNEL_MAP.wrapping_add(memory.top).wrapping_add_signed(-base);
        let fifth = u32::from(levels == 5);
        let text = format!(
            "OSRELEASE=6.1.0\nSYMBOL({symbol})={address:x}\nNUMBER(phys_base)={base}\n\
             NUMBER(pgtable_l5_enabled)={fifth}\nKERNELOFFSET=2c00000\n"
        );
        let mut core = physical_core(&memory);
        core.note("QEMU", &processor(0x2_0000 - 4096, 0)).note("VMCOREINFO", text.as_bytes());
        has_what_tables_map(&core, levels);
    }
}

#[test]
fn processors_say_where_page_tables_are() {
    for (levels, flags) in [(4, 0), (5, FIFTH_LEVEL)] {
        let memory = machine(levels);
        let mut core = physical_core(&memory);
        // One has none, one has tables of nothing, one is in the kernel.
        core.note("QEMU", &processor(0, 0)).note("QEMU", &processor(0x1_0000, flags));
        core.note("QEMU", &processor(memory.top | 0x18, flags));
        has_what_tables_map(&core, levels);
    }
}

/// A header promises more than it gives, and what it promises is in the dump for another reason.
#[test]
fn page_tables_fill_what_headers_cut_off() {
    let memory = machine(4);
    let mut core = Vmcore::new(Class::Elf64, Order::Little);
    core.note("QEMU", &processor(memory.top, 0));
    core.load_less(giant(4), 0, &memory.bytes[..0x4000], 0x10_0000);
    core.load(0xffff_c900_0000_0000, 0x4000, &memory.bytes[0x4000..]);
    has_what_tables_map(&core, 4);
    with_image(&core.finish(), |image| {
        let image = image.unwrap();
        let memory = image.memory.as_ref();
        assert_eq!(byte(memory, space::VIRTUAL, 0xffff_c900_0000_2000), Ok(6), "headers count too");
    });
}

/// Memory that is encrypted has a bit for it in the addresses of tables and pages.
#[test]
fn a_bit_for_encryption_is_no_address() {
    let bit = 1_u64 << 47;
    let mut memory = machine(4);
    for at in (memory.top..memory.bytes.len() as u64).step_by(8) {
        let word = u64::from_le_bytes(*memory.bytes[at as usize..].first_chunk().unwrap());
        if word != 0 {
            memory.set(at, word | bit);
        }
    }
    let mut core = physical_core(&memory);
    let address = KERNEL_MAP + memory.top;
    let text = format!("SYMBOL(swapper_pg_dir)={address:x}\nNUMBER(sme_mask)={bit}\n");
    core.note("QEMU", &[]).note("VMCOREINFO", text.as_bytes());
    has_what_tables_map(&core, 4);
}

/// A table that leads to itself maps all addresses there are, and ends.
#[test]
fn tables_without_an_end_are_cut_off() {
    let mut memory = Physical::new(0x1000, Tables::x86_64(4));
    let top = memory.top;
    for index in 0..512 {
        memory.set(top + index * 8, top | 1);
    }
    let mut core = Vmcore::new(Class::Elf64, Order::Little);
    core.note("QEMU", &processor(top, 0)).load(0, 0, &memory.bytes);
    with_image(&core.finish(), |image| {
        let image = image.unwrap();
        assert!(image.remarks[0].text.contains("more page tables"), "{:?}", image.remarks);
        assert_eq!(byte(image.memory.as_ref(), space::VIRTUAL, 0xffff_8000_0000_0000), Ok(1));
    });
}

/// Each entry of a table leads to the same next one, and the lowest maps nothing: pages are no bound here.
#[test]
fn tables_of_tables_are_cut_off() {
    let mut memory = Physical::new(0x1000, Tables::x86_64(4));
    let top = memory.top;
    memory.bytes.resize(top as usize + 4 * 4096, 0);
    for table in [top, top + 0x1000, top + 0x2000] {
        (0..512).for_each(|index| memory.set(table + index * 8, (table + 0x1000) | 1));
    }
    let mut core = Vmcore::new(Class::Elf64, Order::Little);
    core.note("QEMU", &processor(top, 0)).load(0, 0, &memory.bytes);
    with_image(&core.finish(), |image| {
        let remarks = image.unwrap().remarks;
        assert!(remarks[0].text.contains("more page tables"), "{remarks:?}");
    });
}

/// Four pages, each full of its number, with tables of aarch64 behind them.
fn machine_of_aarch64(order: Order, page_bits: u32, bits: u32) -> Physical {
    let mut memory = Physical::new(4 << page_bits, Tables::aarch64(order, page_bits, bits));
    for number in 0..4_u8 {
        memory.write(u64::from(number) << page_bits, &vec![number; 1 << page_bits]);
    }
    memory
}

/// What QEMU writes of such a machine: physical addresses in both places, no note of its own, and the kernel's
/// word. Chance has put the kernel somewhere.
fn core_of_aarch64(order: Order, memory: &Physical, page_bits: u32, numbers: &str) -> Vmcore {
    const OFFSET: u64 = 0xffff_d208_0f80_0000;
    let address = OFFSET + memory.top;
    let text = format!(
        "OSRELEASE=6.1.0\nPAGESIZE={}\nSYMBOL(swapper_pg_dir)={address:x}\n{numbers}\n\
         NUMBER(kimage_voffset)={OFFSET:#x}\nKERNELOFFSET=520847a00000\n",
        1 << page_bits
    );
    let mut core = Vmcore::new(Class::Elf64, order);
    core.machine = AARCH64;
    let (first, rest) = memory.bytes.split_at(1 << page_bits);
    core.note("VMCOREINFO", text.as_bytes()).load(0, 0, first);
    core.load(1 << page_bits, 1 << page_bits, rest);
    core
}

fn numbers_of_aarch64(built: u32, looked_up: u32) -> String {
    format!("NUMBER(VA_BITS)={built}\nNUMBER(TCR_EL1_T1SZ)={:#x}", 64 - looked_up)
}

/// Of each size of pages, numbers of bits that addresses have, and of how many sizes pages are then.
const AARCH64_SHAPES: [(u32, u32, usize); 10] = [
    (12, 39, 3),
    (12, 48, 3),
    (12, 52, 4),
    (14, 36, 2),
    (14, 47, 2),
    (14, 48, 2),
    (14, 52, 3),
    (16, 42, 2),
    (16, 48, 2),
    (16, 52, 3),
];

#[test]
fn tables_of_aarch64_have_pages_of_all_sizes() {
    for (page_bits, bits, sizes) in AARCH64_SHAPES {
        for order in [Order::Little, Order::Big] {
            let shape = format!("{order:?}, pages of {page_bits} bits, addresses of {bits}");
            let index = Tables::aarch64(order, page_bits, bits).index;
            let (start, page) = (u64::MAX << bits, 1_u64 << page_bits);
            let (second, last) = (start + page, u64::MAX - page + 1);
            let large = |level: usize| start + (2 << index[level].start);
            let mut memory = machine_of_aarch64(order, page_bits, bits);
            memory.map(second, 3 * page, 0);
            memory.map(last, 2 * page, 0);
            (1..sizes).for_each(|level| memory.map(large(level), 0, level));
            // No size of pages, and no table, which the processor takes for nothing.
            if let Some(above) = index.get(sizes) {
                memory.map(start + (2 << above.start), 0, sizes);
            }
            memory.map(start + 2 * page, page, 0);
            let lowest = memory.entry_of(start + 2 * page, 0);
            memory.set(lowest, page | 1);
            let numbers = numbers_of_aarch64(bits, bits);
            let core = core_of_aarch64(order, &memory, page_bits, &numbers);
            with_image(&core.finish(), |image| {
                let image = image.unwrap();
                assert_eq!(image.remarks, [], "{shape}");
                let memory = image.memory.as_ref();
                let number = |address| byte(memory, space::VIRTUAL, address);
                assert_eq!((number(second), number(last + (page - 2))), (Ok(3), Ok(2)), "{shape}");
                for level in 1..sizes {
                    let found = [0, 1, 2, 3].map(|it| number(large(level) + it * page));
                    assert_eq!(found, [0, 1, 2, 3].map(Ok), "{shape}, level {level}");
                }
                // What is not mapped, what was no page, and physical addresses in the place of virtual ones.
                let above = index.get(sizes).map_or(start, |above| start + (2 << above.start));
                for nowhere in [start, start + 2 * page, last - 1, above, page] {
                    assert_eq!(number(nowhere), Err(Reason::Absent), "{shape}: {nowhere:#x}");
                }
                assert_eq!(byte(memory, space::PHYSICAL, page), Ok(1));
            });
        }
    }
}

/// A kernel that was built for 52 bits runs on a processor that has 48: of large pages it uses the end of the same
/// table, of small ones it leaves the highest level out.
#[test]
fn tables_of_aarch64_are_for_fewer_bits_than_the_kernel_has() {
    for (page_bits, built, looked_up) in [(16, 52, 48), (12, 52, 48), (14, 52, 47)] {
        let made = if page_bits == 16 { built } else { looked_up };
        let mut memory = machine_of_aarch64(Order::Little, page_bits, made);
        let address = (u64::MAX << looked_up) + (5 << page_bits);
        memory.map(address, 1 << page_bits, 0);
        let numbers = numbers_of_aarch64(built, looked_up);
        let core = core_of_aarch64(Order::Little, &memory, page_bits, &numbers);
        with_image(&core.finish(), |image| {
            let image = image.unwrap();
            assert_eq!(byte(image.memory.as_ref(), space::VIRTUAL, address), Ok(1), "{page_bits}");
        });
    }
}

/// Bits of physical addresses above the 48th stand among the flags.
#[test]
fn tables_of_aarch64_lead_beyond_48_bits() {
    const FAR: u64 = 0x000d_0000_0000_0000;
    for page_bits in [12, 14, 16] {
        let mut memory = machine_of_aarch64(Order::Little, page_bits, 52);
        let address = (u64::MAX << 52) + (5 << page_bits);
        memory.map(address, FAR, 0);
        let numbers = numbers_of_aarch64(52, 52);
        let mut core = core_of_aarch64(Order::Little, &memory, page_bits, &numbers);
        core.load(FAR, FAR, &vec![7; 1 << page_bits]);
        with_image(&core.finish(), |image| {
            let image = image.unwrap();
            assert_eq!(byte(image.memory.as_ref(), space::VIRTUAL, address), Ok(7), "{page_bits}");
        });
    }
}

/// What the kernel says of its tables has to be possible; otherwise they are not looked for.
#[test]
fn numbers_of_aarch64_that_cannot_be_are_no_tables() {
    let mut memory = machine_of_aarch64(Order::Little, 12, 48);
    let address = (u64::MAX << 48) + 0x5000;
    memory.map(address, 0x1000, 0);
    let with = |page_bits, numbers: &str| {
        let core = core_of_aarch64(Order::Little, &memory, page_bits, numbers);
        with_image(&core.finish(), |image| {
            byte(image.unwrap().memory.as_ref(), space::VIRTUAL, address).ok()
        })
    };
    assert_eq!(with(12, "NUMBER(VA_BITS)=48"), Some(1), "older kernels say no more");
    for (page_bits, numbers) in [
        (12, ""),
        (12, "NUMBER(VA_BITS)=0"),
        (12, "NUMBER(VA_BITS)=-48"),
        (12, "NUMBER(VA_BITS)=64"),
        (12, "NUMBER(VA_BITS)=65"),
        (12, "NUMBER(VA_BITS)=4294967295\nNUMBER(TCR_EL1_T1SZ)=0x10"),
        (12, "NUMBER(VA_BITS)=48\nNUMBER(TCR_EL1_T1SZ)=0x40"),
        (12, "NUMBER(VA_BITS)=48\nNUMBER(TCR_EL1_T1SZ)=0xffffffffffffffff"),
        (13, "NUMBER(VA_BITS)=48"),
    ] {
        assert_eq!(with(page_bits, numbers), None, "{page_bits} {numbers}");
    }
}

/// All entries of a table lead to itself, of the smallest pages and of the largest.
#[test]
fn tables_of_aarch64_without_an_end_are_cut_off() {
    for (page_bits, bits) in [(12, 48), (16, 52)] {
        let mut memory = machine_of_aarch64(Order::Little, page_bits, bits);
        let (top, end) = (memory.top, memory.top + (1 << page_bits));
        memory.bytes.resize(end as usize, 0);
        (top..end).step_by(8).for_each(|at| memory.set(at, top | 3));
        let numbers = numbers_of_aarch64(bits, bits);
        let core = core_of_aarch64(Order::Little, &memory, page_bits, &numbers);
        with_image(&core.finish(), |image| {
            let image = image.unwrap();
            assert!(image.remarks[0].text.contains("more page tables"), "{:?}", image.remarks);
            let first = byte(image.memory.as_ref(), space::VIRTUAL, u64::MAX << bits);
            assert_eq!(first, Ok(3), "the first byte of an entry");
        });
    }
}

/// More segments than the file header can count, each of a page, none next to another.
#[test]
fn seventy_thousand_segments_are_found() {
    for (class, order, word_size) in SHAPES {
        let count = 70_000;
        let mut core = Vmcore::new(class, order);
        for index in 0..count {
            core.load(0x1000_0000 + index * 0x2000, 0x100 + index * 64, &index.to_le_bytes());
        }
        let root = 0x1000_0000 + count * 0x2000;
        core.load(root, 0x8000_0000, &page(order, word_size, root));
        with_image(&core.finish(), |image| {
            let image = image.unwrap();
            assert_eq!(image.kind, Kind::KernelCore, "no note, but physical addresses");
            let memory = image.memory.as_ref();
            for index in [0, 1, 65_534, 65_535, 69_999_u64] {
                let mut bytes = [0; 8];
                memory.read(space::VIRTUAL, 0x1000_0000 + index * 0x2000, &mut bytes).unwrap();
                assert_eq!(bytes, index.to_le_bytes());
            }
            let roots = vec![root];
            let options = discover::Options { roots, ..discover::Options::default() };
            assert_eq!(tables_of(&image, &options).tables.len(), 1);
        });
    }
}

fn some_core(shape: usize) -> Vec<u8> {
    let (class, order, word_size) = SHAPES[shape % 4];
    let mut core = Vmcore::new(class, order);
    core.note("VMCOREINFO", b"OSRELEASE=6\nSYMBOL(inspect_root)=40000000\n");
    core.load(0x4000_0000, 0x100, &page(order, word_size, 0x4000_0000));
    core.load(0x4000_0800, 0x300, &[7; 200]).load(0x4000_2000, 0, &[7; 20]);
    core.finish()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if is_long() { 100_000 } else { 300 }))]

    /// Whatever numbers headers hold, an image opens or not, and every read ends.
    #[test]
    fn damaged_cores_are_survived(
        shape in 0_usize..4,
        damage in prop::collection::vec((0_usize..1200, any::<u8>()), 1..8),
        words in prop::collection::vec((0_usize..300, prop::sample::select(EDGES)), 0..4),
        keep in 0_usize..6000,
    ) {
        let mut bytes = some_core(shape);
        for (at, value) in damage {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        for (index, value) in words {
            if let Some(word) = bytes.get_mut(index * 4..index * 4 + 4) {
                word.copy_from_slice(&value.to_le_bytes());
            }
        }
        bytes.truncate(keep);
        targets::elf_core(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if is_long() { 2_000 } else { 20 }))]

    /// Whatever tables hold, an image opens, and every read ends.
    #[test]
    fn damaged_page_tables_are_survived(
        levels in 4_usize..6,
        words in prop::collection::vec((0_u64..4096, any::<u64>()), 0..6),
        links in prop::collection::vec((0_u64..4096, 0_u64..48, 0_u64..256), 0..40),
    ) {
        let mut memory = machine(levels);
        memory.damage(&words, &links, 12);
        let mut core = physical_core(&memory);
        core.note("QEMU", &processor(memory.top, if levels == 5 { FIFTH_LEVEL } else { 0 }));
        targets::elf_core(&core.finish());
    }

    #[test]
    fn damaged_page_tables_of_aarch64_are_survived(
        shape in prop::sample::select(&AARCH64_SHAPES[..]),
        words in prop::collection::vec((0_u64..4096, any::<u64>()), 0..6),
        links in prop::collection::vec((0_u64..4096, 0_u64..48, 0_u64..256), 0..40),
    ) {
        let (page_bits, bits, _) = shape;
        let mut memory = machine_of_aarch64(Order::Little, page_bits, bits);
        memory.map(u64::MAX << bits, 0, 0);
        memory.damage(&words, &links, page_bits);
        let numbers = numbers_of_aarch64(bits, bits);
        targets::elf_core(&core_of_aarch64(Order::Little, &memory, page_bits, &numbers).finish());
    }
}

const EDGES: &[u32] = &[0, 1, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fff8, 0xffff_ffff];

fn is_long() -> bool {
    std::env::var("INSPECT_LONG").is_ok_and(|text| text == "1")
}

/// A header that promises more segments than are read is refused before anything is made of it.
#[test]
fn an_endless_number_of_segments_is_refused() {
    let mut core = some_core(0);
    core[56..58].copy_from_slice(&0xffff_u16.to_le_bytes());
    let sections = core.len() as u64;
    core[40..48].copy_from_slice(&sections.to_le_bytes());
    core[58..60].copy_from_slice(&64_u16.to_le_bytes());
    let mut section = [0; 64];
    section[44..48].copy_from_slice(&u32::MAX.to_le_bytes());
    core.extend(section);
    let error = with_image(&core, |image| image.map(|_| ()).unwrap_err());
    assert!(error.ends_with("4294967295 segments, 4194304 are read at most"), "{error}");
}

/// Inputs that fuzzing found once.
#[test]
fn finds_are_survived() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus-crashes/elf_core");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        targets::elf_core(&std::fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 0);
}

/// Writes inputs to begin with, for whoever fuzzes: `INSPECT_FUZZ_SEEDS=fuzz/corpus`.
#[test]
fn seeds_are_written() {
    let Some(folder) = std::env::var_os("INSPECT_FUZZ_SEEDS") else { return };
    let folder = Path::new(&folder).join("elf_core");
    std::fs::create_dir_all(&folder).unwrap();
    for shape in 0..4 {
        std::fs::write(folder.join(format!("kernel-{shape}")), some_core(shape)).unwrap();
    }
}

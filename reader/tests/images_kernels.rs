//! Cores of kernels in every layout that is known, and cores of any kind with damage.

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
use vmcore::{Vmcore, page};

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

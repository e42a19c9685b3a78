//! Damaged images never make the packer panic, hang, or take memory out of proportion to the file: every number
//! of real ones is replaced, they are cut off everywhere, and bytes are changed at random. Whatever is not
//! refused can be packed, and looked at, again.
//!
//! `INSPECT_LONG=1` tries a dozen others for every number, and 100,000 random changes.

#[path = "pack_hostile/bombs.rs"]
mod bombs;
mod pack_cases;
mod random;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ops::Range;

use inspect_gen::pack::{Options, overview, pack};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _};
use pack_cases::Workshop;
use pack_cases::support::is_long;
use random::Random;

/// Counts what each thread holds.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn count(change: isize) {
    // A thread that ends frees what it held when its counters are gone already.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + change);
        let _ = MOST.try_with(|most| most.set(most.get().max(held.get())));
    });
}

// SAFETY: every request is passed on to the system's allocator as it is; counting neither allocates nor unwinds,
// since the counters are plain numbers that need no initialisation.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the pointer came from `alloc` above, and so from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes that `run` held at once, beyond what was held before.
fn peak<T>(run: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    MOST.set(before);
    let result = run();
    (result, (MOST.get() - before).max(0) as usize)
}

/// An image to damage.
struct Image {
    name: String,
    bytes: Vec<u8>,
    /// What the packer reads numbers from, in the file.
    places: Vec<Range<usize>>,
}

const SOURCE: &str = "
    extern uint64_t elsewhere[];
    static uint64_t own[4];
    R(CLASS, NAME(\"own\"), AT(own[2]), INSPECT_INTEGER(\"owner\", 3), INSPECT_TEXT(\"label\", \"a\"));
    R(CLASS, NAME(\"elsewhere\"), AT(elsewhere[1]));
    R(CLASS, NAME(\"counted\"), AT(own[0]), INSPECT_COUNT(good));
    R(CLASS, NAME(\"range\"), INSPECT_ADDRESS(\"address\", own), INSPECT_ADDRESS(\"end\", own + 4));
    void *keep(void) { return own; }
";

/// An object, shared objects with each form of relocations, and all of them packed; where there are compilers,
/// of 32 bits and in the other byte order too.
fn images(workshop: &Workshop) -> Vec<Image> {
    workshop.write("hostile.c", format!("{}{SOURCE}", pack_cases::GOOD));
    let mut names: Vec<&str> = Vec::new();
    let sources = ["hostile.c", "c/demo_app.inspect.c", "c/inspect_runtime.c"];
    let shared = ["-shared", "-fPIC", "-nostdlib", "-Ic", "-O1", "-w"];
    workshop.gcc(&["-r", "-nostdlib", "-fPIC", sources[0], sources[1], "-o", "x86_64.o"]);
    workshop.gcc(&[&shared[..], &sources, &["-o", "x86_64.so"]].concat());
    let relr = ["-Wl,-z,pack-relative-relocs", "-o", "relr.so"];
    workshop.gcc(&[&shared[..], &sources, &relr].concat());
    workshop.gcc(&[&shared[..], &sources, &["-Wl,--emit-relocs", "-o", "kept.so"]].concat());
    names.extend(["x86_64.o", "x86_64.so", "relr.so", "kept.so"]);
    for (compiler, object, library) in [
        ("i686-linux-gnu-gcc", "i686.o", "i686.so"),
        ("mips-linux-gnu-gcc", "mips.o", "mips.so"),
        ("riscv64-linux-gnu-gcc", "riscv64.o", "riscv64.so"),
    ] {
        if !pack_cases::support::has(compiler) {
            continue;
        }
        let both = [&["-r"][..], &shared[1..], &sources[..2], &["-o", object]].concat();
        workshop.run(compiler, &both);
        workshop.run(compiler, &[&shared[..], &sources, &["-o", library]].concat());
        names.extend([object, library]);
    }
    let mut images = Vec::new();
    for name in names {
        let bytes = workshop.read(name);
        let packed = pack(&bytes, &Options::default());
        let packed = packed.unwrap_or_else(|found| panic!("{name}: {found:?}")).image;
        images.push(image(name.to_owned(), bytes));
        images.push(image(format!("packed {name}"), packed.expect("a packed image")));
    }
    images
}

fn image(name: String, bytes: Vec<u8>) -> Image {
    let places = places(&bytes);
    Image { name, bytes, places }
}

/// The headers, and the sections and symbols that annotations have to do with.
fn places(bytes: &[u8]) -> Vec<Range<usize>> {
    let file = object::File::parse(bytes).expect("an ELF file");
    let (wide, order) = (file.is_64(), file.endianness());
    let number = |at: usize, size: usize| {
        let bytes = bytes[at..at + size].iter();
        let fold = |sum: usize, byte: &u8| sum << 8 | usize::from(*byte);
        match order {
            object::Endianness::Big => bytes.fold(0, fold),
            object::Endianness::Little => bytes.rev().fold(0, fold),
        }
    };
    let (headers, segments, counts) =
        if wide { (number(40, 8), number(32, 8), 54) } else { (number(32, 4), number(28, 4), 42) };
    let size = |entry: usize, count: usize| number(counts + entry, 2) * number(counts + count, 2);
    let mut places = vec![
        0..if wide { 64 } else { 52 },
        headers..headers + size(4, 6),
        segments..segments + size(0, 2),
    ];
    let ours = ["inspect_table", ".rel", ".dyn", ".note", ".shstrtab", ".data", ".symtab"];
    for section in file.sections() {
        let name = section.name().unwrap_or_default();
        let Some((start, size)) = section.file_range() else { continue };
        let (start, size) = (start as usize, size as usize);
        if ours.iter().any(|it| name.starts_with(it)) && !name.contains("debug") {
            places.push(start..start + size.min(4096));
        }
    }
    for symbol in file.symbols().filter(|it| it.name().is_ok_and(|it| it.contains("inspect_"))) {
        let section = symbol.section_index().and_then(|it| file.section_by_index(it).ok());
        let range = section.as_ref().and_then(|it| it.file_range());
        if let (Some(section), Some((start, size))) = (section, range) {
            let offset = symbol.address().saturating_sub(section.address());
            let at = (start + offset.min(size)) as usize;
            places.push(at..(at + 128).min((start + size) as usize));
        }
    }
    places.retain(|it| it.end <= bytes.len());
    places
}

/// Packs and looks, and says what went wrong; nothing may, whatever the bytes are.
fn attempt(bytes: &[u8]) -> Result<bool, String> {
    let run = || {
        let looked = overview(bytes, &[]);
        let options = Options { drop_signature: true, ..Options::default() };
        let packed = pack(bytes, &options);
        let detached =
            pack(bytes, &Options { detached: true, remove_annotations: true, ..options });
        let entries = looked.as_ref().map_or(0, |it| it.entries.len());
        drop((looked, detached));
        (packed.ok().and_then(|packed| packed.image), entries)
    };
    let (result, held) = peak(|| std::panic::catch_unwind(run));
    let Ok((image, _)) = result else { return Err("a panic".to_owned()) };
    let most = 32 * bytes.len() + (1 << 16);
    if held > most {
        return Err(format!("{held} bytes held, of a file of {}", bytes.len()));
    }
    let Some(image) = image else { return Ok(false) };
    // What was made of damaged bytes is a file that the packer reads again, if it was not damaged too much.
    let again = || pack(&image, &Options::default()).map(|it| it.image);
    match std::panic::catch_unwind(again) {
        Ok(_) => Ok(true),
        Err(_) => Err("a panic when packed again".to_owned()),
    }
}

#[track_caller]
fn survives(what: impl FnOnce() -> String, bytes: &[u8]) -> bool {
    attempt(bytes).unwrap_or_else(|error| {
        let path = std::env::temp_dir().join("hostile.elf");
        let _ = std::fs::write(&path, bytes);
        panic!("{}: {error}; the file is {}", what(), path.display())
    })
}

#[test]
fn images_that_are_cut_off_are_refused() {
    let Some(workshop) = Workshop::new() else { return };
    for Image { name, bytes, places } in images(&workshop) {
        let mut lengths: Vec<usize> = (0..256).collect();
        for place in &places {
            lengths.extend([place.start, place.start + 1, place.end.saturating_sub(1), place.end]);
        }
        let step = if is_long() { 1 } else { 1 + bytes.len() / 100 };
        lengths.extend((0..bytes.len()).step_by(step));
        for length in lengths.into_iter().filter(|length| *length < bytes.len()) {
            let packed = survives(|| format!("{name} of {length} bytes"), &bytes[..length]);
            // The section headers are at the end: without them nothing is packed.
            assert!(!packed, "{name} of {length} bytes was packed");
        }
    }
}

#[test]
fn numbers_that_lie_are_refused_or_do_no_harm() {
    let Some(workshop) = Workshop::new() else { return };
    let mut random = Random::new(0x9e37_79b9_7f4a_7c15);
    let (mut tried, mut packed) = (0, 0);
    for Image { name, bytes, places } in images(&workshop) {
        let order = object::File::parse(&*bytes).expect("an ELF file").endianness();
        let places: Vec<usize> = places.into_iter().flat_map(|place| place.step_by(4)).collect();
        let one_of = if is_long() { 1 } else { 1 + places.len() / 100 };
        let mut damaged = bytes.clone();
        for at in places {
            if random.below(one_of) != 0 {
                continue;
            }
            for (size, value) in lies(&mut random, at, bytes.len()) {
                let Some(place) = damaged.get_mut(at..at + size) else { continue };
                match order {
                    object::Endianness::Big => {
                        place.copy_from_slice(&value.to_be_bytes()[8 - size..])
                    }
                    object::Endianness::Little => {
                        place.copy_from_slice(&value.to_le_bytes()[..size])
                    }
                }
                tried += 1;
                let what = || format!("{name} with {value:#x} of {size} bytes at {at:#x}");
                packed += usize::from(survives(what, &damaged));
                damaged[at..at + size].copy_from_slice(&bytes[at..at + size]);
            }
        }
        assert!(damaged == bytes);
    }
    eprintln!("{tried} numbers, {packed} images could be packed all the same");
    assert!(
        packed > 0 && packed < tried,
        "{packed} of {tried}: the damage is not what it should be"
    );
}

/// Numbers to put at a place, of those that do harm.
fn lies(random: &mut Random, at: usize, length: usize) -> Vec<(usize, u64)> {
    let (at, length) = (at as u64, length as u64);
    let values = [
        0,
        1,
        u64::MAX,
        u64::from(u32::MAX),
        at,
        length,
        length - 1,
        length / 2,
        u64::MAX - 7,
        u64::MAX / 2,
        1 << 31,
        0xff00,
        0x20,
        0x1_0000,
    ];
    // All of them in every place of every image would be three million.
    let count = if is_long() { 12 } else { 3 };
    (0..count).map(|_| (*random.pick(&[2, 4, 8]), *random.pick(&values))).collect()
}

#[test]
fn random_damage_is_refused_or_does_no_harm() {
    let Some(workshop) = Workshop::new() else { return };
    let images = images(&workshop);
    let rounds = if is_long() { 100_000 } else { 2_000 };
    let mut random = Random::new(0x2545_f491_4f6c_dd1d);
    for round in 0..rounds {
        let Image { name, bytes, places } = &images[random.below(images.len())];
        let mut damaged = bytes.clone();
        for _ in 0..=random.below(4) {
            let place = &places[random.below(places.len())];
            let at = match random.below(4) {
                0 => random.below(bytes.len()),
                _ if place.is_empty() => continue,
                _ => place.start + random.below(place.len()),
            };
            match random.below(4) {
                0 => damaged[at] ^= 1 << random.below(8),
                1 => damaged[at] = random.below(256) as u8,
                2 => {
                    // Something from elsewhere: structures in the wrong place.
                    let from = random.below(bytes.len());
                    let size = (1 << random.below(9)).min(bytes.len() - at.max(from));
                    damaged[at..at + size].copy_from_slice(&bytes[from..from + size]);
                }
                _ => damaged.truncate(damaged.len().max(2) - random.below(3)),
            }
            damaged.resize(bytes.len(), 0);
        }
        survives(|| format!("{name}, round {round}"), &damaged);
    }
}

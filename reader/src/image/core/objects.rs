//! The objects in the core of a process: which of its memory was an ELF file once.
//!
//! The kernel's list of mapped files names most of them. What is in no file, the kernel's own
//! object among them, is found through the auxiliary vector; and where there is no list, every
//! segment is looked at.

use inspect_format::abi::space;
use object::elf;

use super::Layout;
use super::notes::{self, CoreNotes};
use crate::image::pieces::FileMemory;
use crate::loaded::{Loaded, object_at};
use crate::memory::Memory;

/// Entries of the auxiliary vector: the program headers of the program, where it begins, the
/// kernel's own object, and where the path of the program is.
const AT_PHDR: u64 = 3;
const AT_ENTRY: u64 = 9;
const AT_EXECFN: u64 = 31;
const AT_SYSINFO_EHDR: u64 = 33;

/// Objects that are found at most, and segments that are looked at for one.
const OBJECTS_MAX: usize = 1 << 12;
const SEGMENTS_MAX: usize = 1 << 16;

/// All objects whose headers can be read, the program first.
pub(super) fn find(memory: &FileMemory, layout: &Layout) -> Vec<Loaded> {
    let mut objects: Vec<Loaded> = Vec::new();
    let mapped = &layout.notes.files;
    for file in mapped.iter().filter(|it| it.offset == 0).take(SEGMENTS_MAX) {
        add(memory, &mut objects, file.start, || file.name.clone());
    }
    objects.retain(|loaded| is_loaded(loaded, &layout.notes));
    let value = |kind| layout.notes.auxv.iter().find(|(it, _)| *it == kind).map(|it| it.1);
    if let Some(address) = value(AT_SYSINFO_EHDR) {
        add(memory, &mut objects, address, || "[vdso]".to_owned());
    }
    let program = || {
        let path = value(AT_EXECFN).and_then(|address| text_at(memory, address));
        path.or_else(|| layout.notes.name.clone()).unwrap_or_else(|| "program".to_owned())
    };
    if let Some(address) = value(AT_PHDR)
        && !objects.iter().any(|it| it.object.range.contains(&address))
    {
        // The headers follow the file header, as every linker writes them.
        let header_size = if layout.headers.machine.word_size == 8 { 64 } else { 52 };
        for start in [address.wrapping_sub(header_size), address & !0xfff] {
            add(memory, &mut objects, start, program);
        }
    }
    if mapped.is_empty() {
        for piece in layout.pieces.iter().take(SEGMENTS_MAX) {
            let name = || format!("object at {:#x}", piece.address);
            add(memory, &mut objects, piece.address, name);
        }
    }
    let begins = [value(AT_PHDR), value(AT_ENTRY)];
    let is_program = |loaded: &Loaded| {
        begins.iter().flatten().any(|address| loaded.object.range.contains(address))
    };
    objects.sort_by_key(|loaded| !is_program(loaded));
    objects
}

/// Adds the object whose file header lies at an address, if there is one that is not known yet.
fn add(
    memory: &FileMemory,
    objects: &mut Vec<Loaded>,
    address: u64,
    name: impl FnOnce() -> String,
) {
    let mut magic = [0; 4];
    let is_elf = memory.read(space::VIRTUAL, address, &mut magic).is_ok() && magic == elf::ELFMAG;
    let is_known = |loaded: &Loaded| loaded.object.range.start == address;
    if is_elf
        && objects.len() < OBJECTS_MAX
        && !objects.iter().any(is_known)
        && let Ok(loaded) = object_at(memory, address, name())
        && (loaded.headers.kind == elf::ET_EXEC.0 || loaded.headers.kind == elf::ET_DYN.0)
    {
        objects.push(loaded);
    }
}

/// Whether a loader mapped the file, and nobody just to read it: then its segments lie at their
/// offsets, and not where the linker put them.
fn is_loaded(loaded: &Loaded, notes: &CoreNotes) -> bool {
    let mut loads = loaded.segments.iter().filter(|it| it.is_load() && it.file_size > 0);
    loads.all(|segment| {
        let address = loaded.address_of(segment.address);
        notes.mapped_at(address).is_none_or(|part| {
            part.name == loaded.object.name
                && part.offset.wrapping_add(address - part.start) == segment.offset
        })
    })
}

/// The text at an address, up to its NUL.
fn text_at(memory: &FileMemory, address: u64) -> Option<String> {
    const PATH_MAX: u64 = 4096;
    let length = memory.by_virtual().covered(address, PATH_MAX);
    let mut bytes = vec![0; usize::try_from(length).ok()?];
    memory.read(space::VIRTUAL, address, &mut bytes).ok()?;
    notes::text(&bytes).filter(|text| !text.is_empty())
}

//! Which programs and libraries a process has loaded.
//!
//! Whatever is mapped from the beginning of a file and begins with an ELF header is an object, and
//! the `[vdso]` is one. A file may be loaded twice; an object may be mapped in many parts. Under an
//! emulator there are programs of two machines: the addresses in those of the other one are not the
//! process's.

use std::collections::BTreeSet;

use inspect_format::abi::space;

use super::maps::Mapping;
use crate::image::{Machine, Object, Remark};
use crate::loaded::{self, Loaded};
use crate::memory::Memory;

/// More objects than any process has.
const OBJECTS_MAX: usize = 100_000;

/// What is loaded.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The program first, then libraries by address.
    pub(super) objects: Vec<Object>,
    /// The machine of the first of them.
    pub(super) machine: Option<Machine>,
    pub(super) remarks: Vec<Remark>,
}

/// Looks at the beginning of every mapped file.
pub(super) fn find(memory: &dyn Memory, mappings: &[Mapping], machine: Option<Machine>) -> Found {
    let mut found = Found::default();
    let mut foreign = BTreeSet::new();
    let mut programs = Vec::new();
    let mut last: Option<(u64, &Mapping)> = None;
    for mapping in mappings.iter().filter(|mapping| may_begin(mapping)) {
        // Segments may share the page with the header, which is then mapped once more.
        let is_part =
            |(end, first): (u64, &Mapping)| mapping.start < end && is_same_file(mapping, first);
        if last.is_some_and(is_part) || !begins(memory, mapping.start) {
            continue;
        }
        let name = String::from_utf8_lossy(&mapping.path).into_owned();
        let Ok(loaded) = loaded::object_at(memory, mapping.start, name) else { continue };
        let its = loaded.machine();
        if machine.is_some_and(|machine| !machine.is_like(&its)) {
            foreign.insert((loaded.object.name.clone(), its.number));
            continue;
        }
        if !is_loaded(&loaded, mapping, mappings) {
            continue;
        }
        last = Some((loaded.object.range.end, mapping));
        found.machine.get_or_insert(its);
        programs.push(loaded);
        if programs.len() >= OBJECTS_MAX {
            break;
        }
    }
    let program = programs.iter().position(is_program).unwrap_or(0);
    found.objects = programs.into_iter().map(|loaded| loaded.object).collect();
    if let Some(before) = found.objects.get_mut(..=program) {
        before.rotate_right(1);
    }
    found.remarks = foreign.into_iter().map(remark).collect();
    found
}

fn may_begin(mapping: &Mapping) -> bool {
    let is_file = mapping.inode != 0 && mapping.offset == 0;
    mapping.access & 4 != 0 && (is_file || mapping.path == b"[vdso]")
}

fn begins(memory: &dyn Memory, address: u64) -> bool {
    let mut magic = [0; 4];
    memory.read(space::VIRTUAL, address, &mut magic).is_ok() && magic == *b"\x7fELF"
}

/// Whether a loader mapped the file, and nobody just to read it: then its segments lie at their
/// offsets, and not where the linker put them. `first` begins with the file header.
///
/// Memory of no file in their place is theirs too: programs move their code to larger pages.
fn is_loaded(loaded: &Loaded, first: &Mapping, mappings: &[Mapping]) -> bool {
    let mut loads = loaded.segments.iter().filter(|it| it.is_load() && it.file_size > 0);
    loads.all(|segment| {
        let address = loaded.address_of(segment.address);
        let behind = mappings.partition_point(|it| it.start <= address);
        let part = behind.checked_sub(1).and_then(|index| mappings.get(index));
        part.filter(|part| address < part.end).is_some_and(|part| {
            let offset = part.offset.wrapping_add(address - part.start);
            part.inode == 0 || is_same_file(part, first) && offset == segment.offset
        })
    })
}

fn is_same_file(a: &Mapping, b: &Mapping) -> bool {
    (a.device, a.inode) == (b.device, b.inode)
}

/// Whether it is what the process was started with: of all objects, it alone asks for a dynamic
/// linker, or has a place of its own.
fn is_program(loaded: &Loaded) -> bool {
    const INTERPRETER: u32 = 3;
    const EXECUTABLE: u16 = 2;
    loaded.headers.kind == EXECUTABLE
        || loaded.segments.iter().any(|segment| segment.kind == INTERPRETER)
}

fn remark((name, number): (String, u16)) -> Remark {
    Remark::note(format!(
        "{name} is of another machine (number {number} in ELF) and runs in an emulator: \
         read a dump that it writes about itself"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Missing, Reason, Run};

    /// Every mapping begins with the same ELF header, of a library of two segments: its second one
    /// lies a page further from the first than it stands in the file, and goes on with zeros.
    #[derive(Debug)]
    struct Mapped(Vec<Mapping>);

    const PAGE: u64 = 0x1000;
    const ZEROS: u64 = 512 << 20;

    fn header() -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(16, 0);
        bytes.extend([3, 0, 62, 0, 1, 0, 0, 0]);
        [0, 64, 0_u64].iter().for_each(|word| bytes.extend(word.to_le_bytes()));
        bytes.extend([0; 4]);
        [64, 56, 2, 64, 0, 0_u16].iter().for_each(|half| bytes.extend(half.to_le_bytes()));
        for (offset, address, zeros) in [(0, 0, 0), (PAGE, 2 * PAGE, ZEROS)] {
            bytes.extend([1, 0, 0, 0, 6, 0, 0, 0]);
            let words = [offset, address, 0, PAGE, PAGE + zeros, PAGE];
            words.iter().for_each(|word| bytes.extend(word.to_le_bytes()));
        }
        bytes
    }

    impl Memory for Mapped {
        fn read(&self, space: u16, address: u64, out: &mut [u8]) -> Result<(), Missing> {
            let missing = Missing { space, address, reason: Reason::Absent };
            let part = self.0.iter().find(|it| it.start <= address && address < it.end);
            let part = part.filter(|it| it.offset == 0).ok_or(missing)?;
            let mut file = header();
            file.resize(2 * PAGE as usize, 0);
            let from = (address - part.start) as usize;
            let bytes = file.get(from..from + out.len()).ok_or(missing)?;
            out.copy_from_slice(bytes);
            Ok(())
        }

        fn runs(&self, _: u16) -> Vec<Run> {
            Vec::new()
        }
    }

    fn mapping(start: u64, length: u64, offset: u64, inode: u64) -> Mapping {
        let path = format!("/{inode}").into_bytes();
        let end = start + length;
        Mapping { start, end, access: 4, offset, inode, device: (1, 1), path }
    }

    fn names(mappings: Vec<Mapping>) -> Vec<String> {
        let memory = Mapped(mappings);
        let objects = find(&memory, &memory.0, None).objects;
        objects.into_iter().map(|object| object.name).collect()
    }

    #[test]
    fn a_file_that_is_only_mapped_is_no_object_and_hides_none() {
        let base = 0x1000_0000;
        let read = mapping(base, 2 * PAGE, 0, 7);
        let loaded = |start| [mapping(start, PAGE, 0, 8), mapping(start + 2 * PAGE, PAGE, PAGE, 8)];
        let [first, second] = loaded(base + 16 * PAGE);
        assert_eq!(names(vec![read.clone(), first, second]), ["/8"]);
        // The header alone, where its second segment would lie in another file.
        let [first, second] = loaded(base + 2 * PAGE);
        assert_eq!(names(vec![mapping(base, PAGE, 0, 7), first, second]), ["/8"]);
    }

    #[test]
    fn code_that_was_moved_to_larger_pages_is_still_its_object_s() {
        let moved = Mapping { path: Vec::new(), ..mapping(0x12000, PAGE, 0, 0) };
        assert_eq!(names(vec![mapping(0x10000, PAGE, 0, 8), moved]), ["/8"]);
        // Another mapping of the header within the object.
        let again = mapping(0x11000, PAGE, 0, 8);
        let second = mapping(0x12000, PAGE, PAGE, 8);
        assert_eq!(names(vec![mapping(0x10000, PAGE, 0, 8), again, second]), ["/8"]);
    }
}

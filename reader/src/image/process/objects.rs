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
    let mut end = 0;
    for mapping in mappings.iter().filter(|mapping| may_begin(mapping)) {
        // Segments may share the page with the header, which is then mapped once more.
        if mapping.start < end || !begins(memory, mapping.start) {
            continue;
        }
        let name = String::from_utf8_lossy(&mapping.path).into_owned();
        let Ok(loaded) = loaded::object_at(memory, mapping.start, name) else { continue };
        let its = loaded.machine();
        if machine.is_some_and(|machine| !machine.is_like(&its)) {
            foreign.insert((loaded.object.name.clone(), its.number));
            continue;
        }
        if !is_placed(&loaded, mapping) {
            continue;
        }
        end = loaded.object.range.end;
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

/// Whether it was loaded, and not only mapped by somebody who reads it: then the pages that its
/// headers speak of lie elsewhere, or nowhere.
fn is_placed(loaded: &Loaded, mapping: &Mapping) -> bool {
    loaded.object.range.contains(&mapping.start)
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

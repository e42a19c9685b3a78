//! Programs and libraries in memory: from the ELF header that the loader put there to an
//! [`Object`] with what may lead to its root.
//!
//! Everything is read from memory, nothing from a file, so that it works alike for cores and for
//! running processes: program headers, notes, and the dynamic symbol table through its hash table.
//! Sizes are believed only within bounds that no real object reaches.

mod headers;
mod symbols;

use inspect_format::abi::{Order, note_kind, space};
use inspect_format::notes::Notes;
use inspect_format::root::offset_address;
use object::elf;

pub use headers::{HeaderError, Headers, Section, Segment};
pub(crate) use headers::{Source, endian};
pub(crate) use symbols::Tables;

use crate::image::{Clue, FoundBy, LeftOut, Machine, Object, Remark};
use crate::memory::{Memory, Missing};

/// Bytes of notes that are read of an object; what a linker writes is a few hundred.
const NOTES_MAX: u64 = 1 << 20;
/// Roots of an object that are looked at. There is one, or a few where somebody linked parts of
/// programs together.
const ROOTS_MAX: usize = 16;
/// Segments of an object that are looked at; there are about ten.
const SEGMENTS_MAX: usize = 512;
/// The symbol of a root.
pub(crate) const ROOT_SYMBOL: &str = "inspect_root";

/// An object that was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Where it lies and what leads to its root.
    pub object: Object,
    /// Its file header.
    pub headers: Headers,
    /// The headers of its segments, in their order, at the addresses that the linker gave.
    pub segments: Vec<Segment>,
}

/// Reads the object whose ELF header lies at `address` of virtual memory.
///
/// Notes and symbols that are not there, or are broken, are passed over: what an object lacks leads
/// to no root, and another way may.
pub fn object_at(memory: &dyn Memory, address: u64, name: String) -> Result<Loaded, HeaderError> {
    let mut loaded = headers_at(memory, address, name)?;
    loaded.find_roots(memory);
    Ok(loaded)
}

/// The same without notes and symbols: where it lies.
fn headers_at(memory: &dyn Memory, address: u64, name: String) -> Result<Loaded, HeaderError> {
    let source = |offset: u64, out: &mut [u8]| {
        memory.read(space::VIRTUAL, address.wrapping_add(offset), out)
    };
    let headers = Headers::read(&source)?;
    let word_size = headers.machine.word_size;
    let segments = all_segments(&headers, &source)?;
    let loads = || segments.iter().filter(|segment| segment.is_load());
    // The header lies at the beginning of the file, which is in the segment with the lowest offset.
    let first = loads().min_by_key(|segment| segment.offset).ok_or(HeaderError::Unplaced)?;
    let linked = offset_address(first.address, first.offset.wrapping_neg(), word_size);
    let bias = offset_address(address, linked.wrapping_neg(), word_size);
    let start = loads().map(|it| it.address).min().unwrap_or(0);
    let end = loads().map(|it| it.address.saturating_add(it.memory_size)).max().unwrap_or(0);
    let start = offset_address(start, bias, word_size);
    let length = end.saturating_sub(loads().map(|it| it.address).min().unwrap_or(0));
    let range = start..start.saturating_add(length);
    let object = Object { bias, range, ..Object::new(name) };
    Ok(Loaded { object, headers, segments })
}

/// The segments of an object, as many as a loader would look at.
pub(crate) fn all_segments(
    headers: &Headers,
    source: Source<'_>,
) -> Result<Vec<Segment>, HeaderError> {
    let mut segments = Vec::new();
    headers.segments(source, &mut |segment| {
        segments.push(segment);
        segments.len() < SEGMENTS_MAX
    })?;
    Ok(segments)
}

impl LeftOut {
    /// What a reader should know; nothing where all was read.
    pub(crate) fn remark(self, name: &str) -> Option<Remark> {
        let mut parts = Vec::new();
        if self.has_roots {
            parts.push(format!(
                "{name} has more than {ROOTS_MAX} notes of roots: the rest is left out"
            ));
        }
        if self.note_bytes > 0 {
            let bytes = self.note_bytes;
            parts.push(format!("{name}: {bytes} bytes of its notes are left out"));
        }
        (!parts.is_empty()).then(|| Remark::note(parts.join("; ")))
    }
}

impl Loaded {
    /// Finds out from the memory what its notes and its symbols lead to.
    pub(crate) fn find_roots(&mut self, memory: &dyn Memory) {
        let mut found = notes(memory, self);
        if let Some(address) = symbols::find(memory, self, ROOT_SYMBOL) {
            found.roots.push(Clue { address, found_by: FoundBy::Symbol });
        }
        self.object.build_id = found.build_id;
        self.object.roots = found.roots;
        self.object.left_out = found.left_out;
    }

    /// The machine that it was built for.
    #[must_use]
    pub fn machine(&self) -> Machine {
        self.headers.machine
    }

    /// Where something lies that the linker put at `address`.
    #[must_use]
    pub fn address_of(&self, address: u64) -> u64 {
        offset_address(self.object.bias, address, self.headers.machine.word_size)
    }
}

/// What the notes of an object say: its build-id, and where its roots are.
fn notes(memory: &dyn Memory, loaded: &Loaded) -> NotesOf {
    let mut found = NotesOf::default();
    let mut left = NOTES_MAX;
    for segment in loaded.segments.iter().filter(|segment| segment.kind == elf::PT_NOTE.0) {
        let address = loaded.address_of(segment.address);
        let size = segment.file_size.min(left);
        let Ok(bytes) = bytes_at(memory, address, size) else { continue };
        left -= size;
        let left_out = &mut found.left_out.note_bytes;
        *left_out = left_out.saturating_add(segment.file_size - size);
        found.add(&bytes, address, loaded.machine());
    }
    found
}

/// What a run of notes says that stands at an address.
#[derive(Debug, Default)]
pub(crate) struct NotesOf {
    pub(crate) build_id: Option<Vec<u8>>,
    pub(crate) roots: Vec<Clue>,
    pub(crate) left_out: LeftOut,
}

impl NotesOf {
    /// Looks through notes; what is broken ends them.
    pub(crate) fn read(bytes: &[u8], address: u64, machine: Machine) -> Self {
        let mut found = Self::default();
        found.add(bytes, address, machine);
        found
    }

    fn add(&mut self, bytes: &[u8], address: u64, machine: Machine) {
        let found = self;
        for note in Notes::new(bytes, machine.order).map_while(Result::ok) {
            if note.name == elf::ELF_NOTE_GNU && note.kind == elf::NT_GNU_BUILD_ID.0 {
                found.build_id.get_or_insert_with(|| note.contents.to_vec());
            }
            if !note.is(note_kind::ROOT) {
                continue;
            }
            let Some(distance) = note.contents.first_chunk::<8>() else { continue };
            let distance = match machine.order {
                Order::Little => u64::from_le_bytes(*distance),
                Order::Big => u64::from_be_bytes(*distance),
            };
            let place = offset_address(address, note.offset, machine.word_size);
            let root = offset_address(place, distance, machine.word_size);
            let clue = Clue { address: root, found_by: FoundBy::Note };
            if found.roots.contains(&clue) {
                continue;
            }
            match found.roots.len() < ROOTS_MAX {
                true => found.roots.push(clue),
                false => found.left_out.has_roots = true,
            }
        }
    }
}

/// `length` bytes of virtual memory. The caller bounds the length.
pub(crate) fn bytes_at(memory: &dyn Memory, address: u64, length: u64) -> Result<Vec<u8>, Missing> {
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    memory.read(space::VIRTUAL, address, &mut bytes)?;
    Ok(bytes)
}

//! What linked and relocatable files have in common: bytes that hold annotations, and pointers in them.

use std::borrow::Cow;
use std::ops::Range;

use inspect_format::abi::{self, Order};
use inspect_format::{annotation, bits};

use super::elf::{Elf, Kind, broken};
use super::finding::Result;

/// The section that annotations and tables stand in.
pub(super) const SECTION: &[u8] = b"inspect_table";

/// What a pointer in the file will point at.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    Null,
    /// A place in a linked file, by the address that the linker gave it.
    Address(u64),
    /// A place in a section of an object file that nothing can move away from it: `symbol` plus `addend`
    /// names it.
    Here {
        section: u32,
        offset: u64,
        symbol: u32,
        addend: i64,
    },
    /// What a symbol turns out to be when the file is linked or loaded.
    Symbol {
        symbol: u32,
        addend: i64,
    },
    /// An address that nothing moves: of a device, in another address space.
    Number(u64),
}

impl Target {
    /// What a number means that needs no relocation: a program that stays where it was linked has addresses
    /// without any.
    pub(super) fn of_number(number: u64, elf: &Elf<'_>, space: u16) -> Self {
        let is_here = space == abi::space::VIRTUAL && elf.kind == Kind::Executable;
        let is_address = number != 0 && (elf.word_size == 8 || number >> 32 == 0);
        if is_here && is_address { Self::Address(number) } else { Self::Number(number) }
    }

    /// Whether a table that counts from its header cannot express it: it gets a slot.
    pub(super) fn needs_slot(&self) -> bool {
        matches!(self, Self::Symbol { .. } | Self::Number(_))
    }

    /// The place `distance` bytes behind it.
    pub(super) fn plus(self, distance: u64) -> Self {
        match self {
            Self::Null => Self::Null,
            Self::Address(address) => Self::Address(address.wrapping_add(distance)),
            Self::Number(address) => Self::Number(address.wrapping_add(distance)),
            Self::Here { section, offset, symbol, addend } => Self::Here {
                section,
                offset: offset.wrapping_add(distance),
                symbol,
                addend: addend.wrapping_add(distance as i64),
            },
            Self::Symbol { symbol, addend } => {
                Self::Symbol { symbol, addend: addend.wrapping_add(distance as i64) }
            }
        }
    }
}

impl annotation::Place for Target {
    const NOWHERE: Self = Self::Null;

    fn is_nowhere(&self) -> bool {
        matches!(self, Self::Null)
    }

    fn is(&self, other: &Self) -> bool {
        match (*self, *other) {
            (Self::Null, Self::Null) => true,
            (Self::Address(a), Self::Address(b)) | (Self::Number(a), Self::Number(b)) => a == b,
            (
                Self::Here { section: a, offset: at, .. },
                Self::Here { section: b, offset: other, .. },
            ) => (a, at) == (b, other),
            (
                Self::Symbol { symbol: a, addend: plus },
                Self::Symbol { symbol: b, addend: other },
            ) => (a, plus) == (b, other),
            _ => false,
        }
    }
}

/// The root of a linked image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RootOverview {
    /// Where it lies, as the file was linked.
    pub address: u64,
    /// What leads to it.
    pub found_by: FoundBy,
}

/// What leads to the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundBy {
    /// An ELF note, which is loaded: `strip -s` leaves it, and a core holds it.
    Note,
    /// A symbol that is exported, and so survives `strip -s`, but does not stand in a core alone.
    DynamicSymbol,
    /// A symbol that `strip -s` takes away.
    Symbol,
}

/// One of the sections that annotations stand in.
#[derive(Debug)]
pub(super) struct Chunk<'a> {
    pub(super) bytes: &'a [u8],
    /// Where it lies in a linked file.
    pub(super) address: u64,
    /// Where the pointers stand in the bytes, in ascending order, and what they point at.
    pub(super) pointers: Vec<(u64, Target)>,
    /// Pointers that need no relocation hold addresses of this size and order.
    pub(super) words: Option<(u8, Order)>,
    /// It is loaded where the loader likes.
    pub(super) is_moved: bool,
}

impl Chunk<'_> {
    /// What the slot at an offset holds: a pointer, or a number that no loader changes.
    pub(super) fn slot(&self, offset: u64, elf: &Elf<'_>, space: u16) -> Target {
        let pointer = offset.wrapping_add(elf.pointer_in_number());
        if self.pointers.binary_search_by_key(&pointer, |(at, _)| *at).is_ok() {
            return self.pointer(pointer);
        }
        let bytes = usize::try_from(offset).ok().and_then(|offset| self.bytes.get(offset..));
        let number = bits::read(bytes.unwrap_or_default(), 0, 64, elf.order);
        number.map_or(Target::Null, |number| Target::of_number(number, elf, space))
    }

    /// What the pointer at an offset points at.
    pub(super) fn pointer(&self, offset: u64) -> Target {
        if let Ok(index) = self.pointers.binary_search_by_key(&offset, |(at, _)| *at) {
            return self.pointers[index].1;
        }
        let Some((size, order)) = self.words else { return Target::Null };
        let bytes = usize::try_from(offset).ok().and_then(|offset| self.bytes.get(offset..));
        match bits::read(bytes.unwrap_or_default(), 0, u32::from(size) * 8, order) {
            None | Some(0) => Target::Null,
            // The loader adds nothing to an absolute symbol.
            Some(number) if self.is_moved => Target::Number(number),
            Some(address) => Target::Address(address),
        }
    }
}

/// A file with annotations.
pub(super) trait Image<'a> {
    /// The file.
    fn elf(&self) -> &Elf<'a>;

    /// The sections that annotations stand in.
    fn chunks(&self) -> &[Chunk<'a>];

    /// `size` bytes at a place, if the file holds them.
    fn read(&self, target: &Target, size: u64) -> Option<&'a [u8]>;

    /// Where in the file `size` bytes at a place stand, if it holds them.
    fn range_of(&self, target: &Target, size: u64) -> Option<Range<usize>>;

    /// What the distance `value`, which stands in the field at `field` of a table at `table`, leads to.
    fn relative(&self, chunk: &Chunk<'a>, table: u64, field: u64, value: u64) -> Target;

    /// What the pointer at a place points at.
    fn pointer(&self, target: &Target) -> Result<Target>;

    /// The place in the file that a target has, if it is defined there; another object may bring its own copy.
    fn own(&self, target: Target) -> Target {
        target
    }

    /// The name of a symbol that is defined elsewhere.
    fn symbol_name(&self, symbol: u32) -> Cow<'a, str>;
}

/// What is to be done to the bytes of a file.
#[derive(Debug, Default)]
pub(super) struct Edits {
    /// Bytes that become zero, before anything is written.
    pub(super) zeroed: Vec<Range<usize>>,
    /// Bytes to write at a place.
    pub(super) writes: Vec<(usize, Vec<u8>)>,
    /// What is added at the end of the file, each at a multiple of 8.
    pub(super) appended: Vec<Vec<u8>>,
}

impl Edits {
    /// Writes a word of the file.
    pub(super) fn word(&mut self, elf: &Elf<'_>, at: usize, value: u64) {
        self.writes.push((at, elf.word_bytes(value)));
    }

    /// Puts bytes into a place of the file if they have room there, else at its end. Returns where.
    pub(super) fn put(&mut self, elf: &Elf<'_>, room: Range<usize>, bytes: Vec<u8>) -> usize {
        if bytes.len() <= room.len() {
            self.writes.push((room.start, bytes));
            return room.start;
        }
        let aligned = |size: usize| size.next_multiple_of(8);
        let at =
            self.appended.iter().fold(aligned(elf.bytes.len()), |at, it| at + aligned(it.len()));
        self.appended.push(bytes);
        at
    }

    /// The file with all of it done; `None` where that changes nothing.
    pub(super) fn apply(mut self, old: &[u8]) -> Result<Option<Vec<u8>>> {
        if !self.lies_in(old.len()) {
            return Err(broken("what has to be changed lies outside it"));
        }
        self.writes.sort_by_key(|(at, _)| *at);
        self.zeroed.sort_by_key(|range| range.start);
        let kept = self.kept(old.len());
        if self.appended.is_empty() && !self.changes(old, &kept) {
            return Ok(None);
        }
        let aligned = |size: usize| size.next_multiple_of(8);
        let size = match self.appended.as_slice() {
            [] => old.len(),
            all => all.iter().fold(aligned(old.len()), |at, it| at + aligned(it.len())),
        };
        // Most of a packed image is zero: what was never written to costs no memory.
        let mut new = vec![0; size];
        for range in kept {
            new[range.clone()].copy_from_slice(&old[range]);
        }
        for (at, bytes) in &self.writes {
            new[*at..*at + bytes.len()].copy_from_slice(bytes);
        }
        let mut at = aligned(old.len());
        for bytes in &self.appended {
            new[at..at + bytes.len()].copy_from_slice(bytes);
            at += aligned(bytes.len());
        }
        Ok(Some(new))
    }

    /// Whether every place is in a file of this size, as one of a damaged file may not be.
    fn lies_in(&self, size: usize) -> bool {
        let is_inside = |range: &Range<usize>| range.start <= range.end && range.end <= size;
        let is_written = |(at, bytes): &(usize, Vec<u8>)| {
            at.checked_add(bytes.len()).is_some_and(|end| end <= size)
        };
        self.zeroed.iter().all(is_inside) && self.writes.iter().all(is_written)
    }

    /// What stays of the old file, with what is written over.
    fn kept(&self, size: usize) -> Vec<Range<usize>> {
        let mut kept = Vec::with_capacity(self.zeroed.len() + 1);
        let mut at = 0;
        for range in self.zeroed.iter().filter(|range| !range.is_empty()) {
            if range.start > at {
                kept.push(at..range.start);
            }
            at = at.max(range.end);
        }
        kept.push(at.min(size)..size);
        kept
    }

    /// Whether a byte of the old file becomes another one.
    fn changes(&self, old: &[u8], kept: &[Range<usize>]) -> bool {
        if self.writes.iter().any(|(at, bytes)| old[*at..*at + bytes.len()] != **bytes) {
            return true;
        }
        // What is neither kept nor written has to be zero.
        let mut covered: Vec<Range<usize>> = kept.to_vec();
        covered.extend(self.writes.iter().map(|(at, bytes)| *at..*at + bytes.len()));
        covered.sort_by_key(|range| range.start);
        let mut at = 0;
        for range in covered {
            if range.start > at && old[at..range.start].iter().any(|byte| *byte != 0) {
                return true;
            }
            at = at.max(range.end);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::Edits;

    #[test]
    fn edits_are_zeros_then_writes_then_an_end() {
        let old = *b"0123456789abcdef";
        let edits = Edits {
            zeroed: vec![8..12, 2..4, 3..5],
            writes: vec![(9, b"x".to_vec()), (0, b"z".to_vec())],
            appended: vec![b"end".to_vec()],
        };
        let expected = b"z1\x00\x00\x00567\x00x\x00\x00cdefend\x00\x00\x00\x00\x00";
        assert_eq!(edits.apply(&old).unwrap().unwrap(), expected);
    }

    #[test]
    fn an_edit_outside_the_file_is_refused() {
        let write = |at| Edits { writes: vec![(at, vec![1, 2])], ..Edits::default() };
        assert!(write(2).apply(b"0123").is_ok());
        assert!(write(3).apply(b"0123").is_err());
        assert!(write(usize::MAX).apply(b"0123").is_err());
        let zero = |end| Edits { zeroed: std::iter::once(3..end).collect(), ..Edits::default() };
        assert!(zero(4).apply(b"0123").is_ok());
        assert!(zero(5).apply(b"0123").is_err());
    }

    #[test]
    fn what_changes_nothing_is_no_edit() {
        let old = *b"0\x00\x00\x034";
        let zeroed = || std::iter::once(1..4).collect();
        let none = Edits { zeroed: zeroed(), writes: vec![(3, vec![3])], appended: vec![] };
        assert_eq!(none.apply(&old), Ok(None));
        let one = Edits { zeroed: zeroed(), ..Edits::default() };
        assert_eq!(one.apply(&old).unwrap().unwrap(), b"0\x00\x00\x004");
    }
}

//! Memory that is made of pieces of files: the way from an address to an offset.
//!
//! Cores have tens of thousands of segments, so that a piece is 32 bytes, and all of them are one
//! sorted array without overlaps. Where segments overlap, the one that stands first in the file has
//! the bytes; what is added behind them fills gaps and never hides anything.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use inspect_format::abi::space;

use crate::file::File;
use crate::memory::{FileSpan, Memory, Missing, Reason, Run};

/// Addresses that are all of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Of the first byte.
    pub(super) address: u64,
    /// How many bytes. The last byte of all addresses is in no piece.
    pub(super) length: u64,
    /// Where the first one stands in the file, if they stand in one.
    pub(super) offset: u64,
    /// Bits of ELF.
    pub(super) access: u8,
    /// What is there.
    pub(super) source: Source,
}

/// What is at the addresses of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The bytes of the file of this number.
    File(u16),
    /// Zeros.
    Zeros,
    /// Nothing, and it is known why.
    Missing(Reason),
}

const _: () = assert!(size_of::<Piece>() <= 32);

/// One address space.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// Ascending, without overlaps.
    sorted: Vec<Piece>,
    /// Where the last address was found: whoever reads much reads in order.
    last: AtomicUsize,
}

/// Memory whose bytes stand in files.
#[derive(Debug)]
pub(super) struct FileMemory {
    /// The files, by their number.
    pub(super) files: Vec<File>,
    by_virtual: Pieces,
    by_physical: Physical,
}

/// Physical memory: looked up when somebody asks for it, which few do.
#[derive(Default)]
pub(super) struct Physical {
    /// What makes the pieces of the first file.
    make: Option<MakePieces>,
    made: OnceLock<Pieces>,
    /// The way back, from the place in the file to the address.
    by_offset: OnceLock<Pieces>,
}

/// Makes the pieces of a file by physical address.
pub(super) type MakePieces = Box<dyn Fn(&File) -> Vec<Piece> + Send + Sync>;

impl Pieces {
    /// Sorts pieces. Of those that overlap, the earlier one in `pieces` wins.
    pub(super) fn new(mut pieces: Vec<Piece>) -> Self {
        for piece in &mut pieces {
            piece.length = piece.length.min(u64::MAX - piece.address);
        }
        pieces.retain(|piece| piece.length > 0);
        let is_sorted = pieces.is_sorted_by(|a, b| a.end() <= b.address);
        let mut sorted = if is_sorted { pieces } else { without_overlaps(&pieces) };
        sorted.dedup_by(|next, last| last.take(next));
        sorted.shrink_to_fit();
        Self { sorted, last: AtomicUsize::new(0) }
    }

    /// The pieces, ascending.
    pub(super) fn all(&self) -> &[Piece] {
        &self.sorted
    }

    /// The piece that holds an address.
    pub(super) fn at(&self, address: u64) -> Option<&Piece> {
        let last = self.last.load(Ordering::Relaxed);
        let near = self.sorted.get(last..).unwrap_or_default().iter().take(2);
        for (index, piece) in (last..).zip(near) {
            if piece.address <= address && address < piece.end() {
                self.last.store(index, Ordering::Relaxed);
                return Some(piece);
            }
        }
        let behind = self.sorted.partition_point(|piece| piece.address <= address);
        let index = behind.checked_sub(1)?;
        let piece = self.sorted.get(index).filter(|piece| address < piece.end())?;
        self.last.store(index, Ordering::Relaxed);
        Some(piece)
    }

    /// The pieces that end behind an address, ascending.
    pub(super) fn from(&self, address: u64) -> &[Piece] {
        let from = self.sorted.partition_point(|piece| piece.end() <= address);
        self.sorted.get(from..).unwrap_or_default()
    }

    /// How many of the bytes from `address` on are there.
    pub(super) fn covered(&self, address: u64, length: u64) -> u64 {
        let end = address.saturating_add(length);
        let pieces = self.from(address).iter();
        let pieces = pieces.take_while(|piece| piece.address < end);
        let there = pieces.filter(|piece| !matches!(piece.source, Source::Missing(_)));
        there.map(|it| it.end().min(end) - it.address.max(address)).sum()
    }
}

impl Piece {
    pub(super) fn end(&self) -> u64 {
        self.address.saturating_add(self.length)
    }

    /// The same, from `start` up to `end`, which are inside.
    pub(super) fn cut(&self, start: u64, end: u64) -> Self {
        let offset = self.offset.wrapping_add(start - self.address);
        Self { address: start, length: end - start, offset, ..*self }
    }

    /// Makes one of two that continue each other, if they do.
    pub(super) fn take(&mut self, next: &Self) -> bool {
        let in_file = self.offset.wrapping_add(self.length) == next.offset;
        let continues = self.end() == next.address
            && (self.access, self.source) == (next.access, next.source)
            && (in_file || !matches!(self.source, Source::File(_)));
        if continues {
            self.length += next.length;
        }
        continues
    }
}

/// Cuts pieces so that each address is in the first one of `pieces` that holds it.
fn without_overlaps(pieces: &[Piece]) -> Vec<Piece> {
    let mut by_address: Vec<usize> = (0..pieces.len()).collect();
    by_address.sort_by_key(|index| pieces.get(*index).map(|piece| piece.address));
    let get = |index: usize| pieces.get(index).copied();
    let mut coming = by_address.into_iter().peekable();
    // Those that hold the current address, or lie before it; the first of the file on top.
    let mut open: BinaryHeap<Reverse<usize>> = BinaryHeap::new();
    let (mut sorted, mut at) = (Vec::with_capacity(pieces.len()), 0_u64);
    loop {
        while let Some(index) = coming.next_if(|it| get(*it).is_some_and(|it| it.address <= at)) {
            open.push(Reverse(index));
        }
        let next = coming.peek().and_then(|index| get(*index)).map(|piece| piece.address);
        let Some(Reverse(first)) = open.peek().copied() else {
            let Some(next) = next else { return sorted };
            at = next;
            continue;
        };
        match get(first) {
            Some(piece) if piece.end() > at => {
                let end = piece.end().min(next.unwrap_or(u64::MAX));
                sorted.push(piece.cut(at, end));
                at = end;
            }
            _ => {
                open.pop();
            }
        }
    }
}

impl fmt::Debug for Physical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Physical").field(&self.made).finish()
    }
}

impl FileMemory {
    pub(super) fn new(files: Vec<File>, by_virtual: Pieces) -> Self {
        Self { files, by_virtual, by_physical: Physical::default() }
    }

    /// The same with physical memory.
    pub(super) fn with_physical(mut self, make: MakePieces) -> Self {
        self.by_physical.make = Some(make);
        self
    }

    /// The same with other virtual memory.
    pub(super) fn with_virtual(self, by_virtual: Pieces) -> Self {
        Self { by_virtual, ..self }
    }

    /// Virtual memory.
    pub(super) fn by_virtual(&self) -> &Pieces {
        &self.by_virtual
    }

    /// Physical memory, if there is any.
    pub(super) fn by_physical(&self) -> Option<&Pieces> {
        self.space(space::PHYSICAL)
    }

    fn space(&self, space: u16) -> Option<&Pieces> {
        match (space, &self.by_physical.make) {
            (space::VIRTUAL, _) => Some(&self.by_virtual),
            (space::PHYSICAL, Some(make)) => {
                let made = &self.by_physical.made;
                let make = || Pieces::new(self.files.first().map_or_else(Vec::new, make));
                Some(made.get_or_init(make))
            }
            _ => None,
        }
    }

    /// The bytes of the first file with addresses and offsets exchanged: which physical memory they
    /// are. Where several headers promise the same bytes, the first one says it.
    fn by_offset(&self) -> Option<&Pieces> {
        let make = self.by_physical.make.as_ref()?;
        Some(self.by_physical.by_offset.get_or_init(|| {
            let mut pieces = self.files.first().map_or_else(Vec::new, make);
            pieces.retain(|piece| piece.source == Source::File(0));
            for piece in &mut pieces {
                (piece.address, piece.offset) = (piece.offset, piece.address);
            }
            Pieces::new(pieces)
        }))
    }

    /// Fills `out` with the beginning of a piece.
    fn read_piece(&self, piece: &Piece, out: &mut [u8]) -> Result<(), Reason> {
        match piece.source {
            Source::Zeros => {
                out.fill(0);
                Ok(())
            }
            Source::Missing(reason) => Err(reason),
            Source::File(number) => {
                let file = self.files.get(usize::from(number)).ok_or(Reason::Absent)?;
                file.read(piece.offset, out).map_err(|error| match error.kind() {
                    io::ErrorKind::UnexpectedEof => Reason::Truncated,
                    kind => Reason::Io(kind),
                })
            }
        }
    }
}

impl Memory for FileMemory {
    fn read(&self, space: u16, address: u64, mut out: &mut [u8]) -> Result<(), Missing> {
        let missing = |address, reason| Missing { space, address, reason };
        let pieces = self.space(space).ok_or(missing(address, Reason::Absent))?;
        let mut at = address;
        while !out.is_empty() {
            let piece = pieces.at(at).ok_or(missing(at, Reason::Absent))?;
            let piece = piece.cut(at, piece.end());
            let here = usize::try_from(piece.length).unwrap_or(usize::MAX).min(out.len());
            let (now, later) = out.split_at_mut(here);
            self.read_piece(&piece, now).map_err(|reason| missing(at, reason))?;
            out = later;
            at = at.saturating_add(here as u64);
        }
        Ok(())
    }

    fn runs(&self, space: u16) -> Vec<Run> {
        let pieces = self.space(space).map_or(&[][..], Pieces::all);
        let there = pieces.iter().filter(|it| !matches!(it.source, Source::Missing(_)));
        let run =
            |it: &Piece| Run { address: it.address, length: it.length, access: it.access.into() };
        there.map(run).collect()
    }

    fn is_zero(&self, space: u16, address: u64) -> bool {
        let piece = self.space(space).and_then(|pieces| pieces.at(address));
        piece.is_some_and(|piece| piece.source == Source::Zeros)
    }

    fn in_file(&self, space: u16, address: u64) -> Option<FileSpan<'_>> {
        let piece = self.space(space)?.at(address)?;
        let Source::File(number) = piece.source else { return None };
        let file = self.files.get(usize::from(number))?;
        let piece = piece.cut(address, piece.end());
        let length = piece.length.min(file.length().checked_sub(piece.offset)?);
        Some(FileSpan { file, offset: piece.offset, length })
    }

    fn physical(&self, address: u64) -> Option<Run> {
        let piece = self.by_virtual.at(address).filter(|it| it.source == Source::File(0))?;
        let piece = piece.cut(address, piece.end());
        let there = self.by_offset()?.at(piece.offset)?;
        let there = there.cut(piece.offset, there.end());
        let length = there.length.min(piece.length);
        Some(Run { address: there.offset, length, access: piece.access.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(address: u64, length: u64, number: u16) -> Piece {
        Piece {
            address,
            length,
            offset: address.wrapping_mul(1000),
            access: 4,
            source: Source::File(number),
        }
    }

    #[test]
    fn of_pieces_that_overlap_the_first_has_the_bytes() {
        let pieces = Pieces::new(vec![
            piece(50, 10, 0),
            piece(10, 30, 1),
            piece(0, 100, 2),
            piece(55, 100, 3),
            piece(20, 0, 4),
        ]);
        let found = |it: &Piece| (it.address, it.end(), it.source);
        let found: Vec<_> = pieces.all().iter().map(found).collect();
        let expected =
            [(0, 10, 2), (10, 40, 1), (40, 50, 2), (50, 60, 0), (60, 100, 2), (100, 155, 3)];
        assert_eq!(found, expected.map(|(start, end, it)| (start, end, Source::File(it))));
        assert_eq!(pieces.at(60).map(|it| it.offset), Some(60), "the offset moves with a cut");
        assert_eq!((pieces.covered(90, 100), pieces.at(155)), (65, None));
    }

    #[test]
    fn pieces_that_continue_each_other_are_one() {
        let next = |address| Piece { offset: address, ..piece(address, 10, 0) };
        let pieces = Pieces::new(vec![next(0), next(10), next(20), next(40)]);
        assert_eq!(pieces.all().len(), 2);
        assert_eq!(pieces.at(29).map(|it| it.length), Some(30));
    }

    /// What counts the bytes of an image goes by its runs, and what searches them leaves out zeros.
    #[test]
    fn zeros_are_runs_and_what_is_missing_is_none() {
        let zeros = Piece { source: Source::Zeros, ..piece(0x1000, 1 << 40, 0) };
        let missing = Piece { source: Source::Missing(Reason::Absent), ..piece(1 << 50, 10, 0) };
        let memory = FileMemory::new(Vec::new(), Pieces::new(vec![zeros, missing]));
        let runs = memory.runs(space::VIRTUAL);
        assert_eq!(runs, [Run { address: 0x1000, length: 1 << 40, access: 4 }]);
        assert!(memory.is_zero(space::VIRTUAL, 0x1000));
        assert!(!memory.is_zero(space::VIRTUAL, 1 << 50));
    }

    #[test]
    fn a_piece_ends_before_the_last_address() {
        let pieces = Pieces::new(vec![piece(u64::MAX - 5, 100, 0), piece(u64::MAX, 1, 1)]);
        assert_eq!(pieces.all().len(), 1);
        assert_eq!(pieces.at(u64::MAX), None);
        assert!(pieces.at(u64::MAX - 1).is_some());
    }
}

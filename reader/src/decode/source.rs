//! Bytes to decode: a part of a region or of memory, with where it lies, where it ends, and which of it could
//! not be read.

use inspect_format::abi::Order;
use inspect_format::bits;
use inspect_format::walk::Memory;

use super::plan::Place;
use super::sink::{Limit, Note};

/// Bytes, and what is known of them.
#[derive(Clone, Copy)]
pub(super) struct Source<'b> {
    pub(super) bytes: &'b [u8],
    /// Where they lie.
    pub(super) address: Option<u64>,
    /// Why there are no more.
    pub(super) end: Note,
    /// Where `bytes` begin in what the holes count from.
    at: usize,
    /// Ranges that could not be read, ascending.
    holes: &'b [(usize, usize)],
}

/// A struct that is being decoded, and what is around it.
#[derive(Clone, Copy)]
pub(super) struct Frame<'f> {
    pub(super) composite: u32,
    pub(super) source: Source<'f>,
    pub(super) parent: Option<&'f Frame<'f>>,
}

/// Bytes that were read from memory.
#[derive(Default)]
pub(super) struct Fetched {
    bytes: Vec<u8>,
    holes: Vec<(usize, usize)>,
    address: u64,
    end: Option<Note>,
}

impl<'b> Source<'b> {
    /// Bytes of a region, all of them readable.
    pub(super) fn new(bytes: &'b [u8], address: Option<u64>) -> Self {
        Self { bytes, address, end: Note::Short, at: 0, holes: &[] }
    }

    /// The part from `offset` on: `size` bytes, or as many as there are.
    #[inline]
    pub(super) fn part(&self, offset: u64, size: u64) -> Self {
        let length = self.bytes.len();
        let start = usize::try_from(offset).map_or(length, |start| start.min(length));
        let rest = self.bytes.get(start..).unwrap_or(&[]);
        let bytes = usize::try_from(size).ok().and_then(|size| rest.get(..size)).unwrap_or(rest);
        let address = self.address.map(|address| address.wrapping_add(offset));
        Self { bytes, address, at: self.at + start, ..*self }
    }

    /// Everything from `offset` on.
    pub(super) fn rest(&self, offset: u64) -> Self {
        self.part(offset, u64::MAX)
    }

    /// Why the first `size` bytes cannot be taken; `None` where they can.
    #[inline]
    pub(super) fn missing(&self, size: u64) -> Option<Note> {
        if size > self.bytes.len() as u64 {
            return Some(self.end);
        }
        if self.holes.is_empty() {
            return None;
        }
        self.hole(size)
    }

    /// As many of the first `size` bytes as can be taken before something is missing, and what is.
    pub(super) fn readable(&self, size: u64) -> (&'b [u8], Option<Note>) {
        let bytes = self.part(0, size).bytes;
        let note = self.missing(size);
        let whole = match note {
            Some(Note::Fault(address)) => address.wrapping_sub(self.address.unwrap_or(0)),
            _ => u64::MAX,
        };
        let readable = usize::try_from(whole).ok().and_then(|whole| bytes.get(..whole));
        (readable.unwrap_or(bytes), note)
    }

    /// The hole that the first `size` bytes touch.
    fn hole(&self, size: u64) -> Option<Note> {
        let end = self.at + usize::try_from(size).unwrap_or(usize::MAX).min(self.bytes.len());
        let next = self.holes.partition_point(|hole| hole.1 <= self.at);
        let hole = self.holes.get(next).filter(|hole| hole.0 < end)?;
        let first = hole.0.max(self.at) - self.at;
        Some(Note::Fault(self.address.unwrap_or(0).wrapping_add(first as u64)))
    }

    /// The number of `size` bytes, 1, 2, 4 or 8, at `offset`.
    #[inline]
    pub(super) fn number(&self, offset: u64, size: u64, order: Order) -> Result<u64, Note> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let Some(bytes) = self.bytes.get(start..) else { return Err(self.end) };
        let read = match size {
            1 => bytes.first().map(|byte| u64::from(*byte)),
            2 => bytes.first_chunk().map(|bytes| match order {
                Order::Little => u16::from_le_bytes(*bytes).into(),
                Order::Big => u16::from_be_bytes(*bytes).into(),
            }),
            4 => bytes.first_chunk().map(|bytes| match order {
                Order::Little => u32::from_le_bytes(*bytes).into(),
                Order::Big => u32::from_be_bytes(*bytes).into(),
            }),
            _ => bytes.first_chunk().map(|bytes| match order {
                Order::Little => u64::from_le_bytes(*bytes),
                Order::Big => u64::from_be_bytes(*bytes),
            }),
        };
        match read {
            Some(value) if self.holes.is_empty() => Ok(value),
            Some(value) => self.part(offset, size).hole(size).map_or(Ok(value), Err),
            None => Err(self.end),
        }
    }

    /// The bits of a bit-field.
    pub(super) fn bits(&self, offset: u64, size: u32, order: Order) -> Result<u64, Note> {
        let first = offset / 8;
        let bytes = (offset % 8 + u64::from(size)).div_ceil(8);
        if let Some(note) = self.part(first, bytes).missing(bytes) {
            return Err(note);
        }
        bits::read(self.bytes, offset, size, order).ok_or(self.end)
    }
}

impl Frame<'_> {
    /// The number at a place that was found when the plan was made.
    pub(super) fn number(&self, place: &Place) -> Option<i128> {
        let mut frame = self;
        for _ in 0..place.up {
            frame = frame.parent?;
        }
        // In types that nobody's compiler made, an inline struct may stand in several others.
        if frame.composite != place.composite {
            return None;
        }
        let whole =
            place.bit_offset.is_multiple_of(8) && matches!(place.bit_size, 8 | 16 | 32 | 64);
        let value = if whole {
            let size = u64::from(place.bit_size / 8);
            frame.source.number(place.bit_offset / 8, size, place.order).ok()?
        } else {
            frame.source.bits(place.bit_offset, place.bit_size, place.order).ok()?
        };
        Some(if place.signed {
            bits::sign_extend(value, place.bit_size).into()
        } else {
            value.into()
        })
    }
}

/// How much is asked of memory at once: what a number from a file says is not believed before that many bytes
/// have been there.
pub(super) const STEP: usize = 64 << 10;
/// The unit in which memory usually is there or not.
const PAGE: u64 = 4096;
/// How many reads are spent on finding out which parts of a range are there.
const PROBES_MAX: u32 = 256;

impl Fetched {
    /// Reads `size` bytes from `address`, or as many as `left` allows. What cannot be read becomes holes.
    pub(super) fn read(&mut self, memory: &dyn Memory, address: u64, size: u64, left: &mut u64) {
        self.bytes.clear();
        self.holes.clear();
        self.address = address;
        self.end = None;
        let allowed = size.min(*left);
        if allowed < size {
            self.end = Some(Note::Budget(Limit::Bytes));
        }
        // Neither a number nor a range of memory goes beyond the end of the address space.
        let allowed = allowed.min((u64::MAX - address).saturating_add(1));
        let mut at = 0_u64;
        while at < allowed {
            let step = (allowed - at).min(STEP as u64);
            let start = self.bytes.len();
            let end = start + step as usize;
            self.bytes.resize(end, 0);
            let here = address.wrapping_add(at);
            let Some(chunk) = self.bytes.get_mut(start..end) else { break };
            if memory.read(here, chunk).is_err() {
                let mut probes = PROBES_MAX;
                probe(memory, here, chunk, start, &mut self.holes, &mut probes);
                let all = self.holes.last().is_some_and(|hole| hole.0 <= start && hole.1 >= end);
                if all {
                    // Nothing of a whole step: what follows is taken to be missing too.
                    self.bytes.truncate(start);
                    if let Some(hole) = self.holes.pop_if(|hole| hole.0 < start) {
                        self.holes.push((hole.0, start));
                    } else {
                        self.holes.pop();
                    }
                    self.end = Some(Note::Fault(here));
                    // To find nothing takes time, too.
                    at += step;
                    break;
                }
            }
            at += step;
        }
        *left = left.saturating_sub(at);
    }

    /// Whether there is anything.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Why there is no more.
    pub(super) fn end(&self) -> Note {
        let beyond = self.address.wrapping_add(self.bytes.len() as u64);
        self.end.unwrap_or(Note::Fault(beyond))
    }

    pub(super) fn source(&self) -> Source<'_> {
        Source {
            bytes: &self.bytes,
            address: Some(self.address),
            end: self.end(),
            at: 0,
            holes: &self.holes,
        }
    }
}

/// Finds what of a range is there that cannot be read as a whole. `base` is its place among the holes.
fn probe(
    memory: &dyn Memory,
    address: u64,
    range: &mut [u8],
    base: usize,
    holes: &mut Vec<(usize, usize)>,
    probes: &mut u32,
) {
    let length = range.len();
    let page_left = PAGE - address % PAGE;
    // At a page's end first, then in the middle.
    let split = match usize::try_from(page_left) {
        Ok(left) if left < length => left + (length - left) / PAGE as usize / 2 * PAGE as usize,
        _ => length / 2,
    };
    *probes = probes.saturating_sub(1);
    if length <= 1 || *probes == 0 || !any_there(memory, address, length, probes) {
        range.fill(0);
        match holes.last_mut() {
            Some(last) if last.1 == base => last.1 = base + length,
            _ => holes.push((base, base + length)),
        }
        return;
    }
    let (first, second) = range.split_at_mut(split);
    for (part, offset) in [(first, 0), (second, split)] {
        let here = address.wrapping_add(offset as u64);
        if memory.read(here, part).is_err() {
            probe(memory, here, part, base + offset, holes, probes);
        }
    }
}

/// Whether the first, the middle or the last byte of a range is there, or the first of one of its pages.
fn any_there(memory: &dyn Memory, address: u64, length: usize, probes: &mut u32) -> bool {
    let last = length.saturating_sub(1);
    let pages = (1..=16).map(|page| (last / 16).max(1) * page);
    let mut places = [0, last, length / 2].into_iter().chain(pages).filter(|at| *at < length);
    places.any(|at| {
        *probes = probes.saturating_sub(1);
        memory.read(address.wrapping_add(at as u64), &mut [0]).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use inspect_format::walk::Fault;

    use super::*;

    /// Bytes from 0 on, of which some are not there.
    struct Holey(Vec<Option<u8>>);

    impl Memory for Holey {
        fn read(&self, address: u64, out: &mut [u8]) -> Result<(), Fault> {
            for (i, byte) in out.iter_mut().enumerate() {
                let at = address.wrapping_add(i as u64);
                let found = self.0.get(at as usize).copied().flatten();
                *byte = found.ok_or(Fault { address: at })?;
            }
            Ok(())
        }
    }

    #[test]
    fn what_stands_around_a_hole_is_there() {
        let mut bytes: Vec<Option<u8>> = (0..200).map(|i| Some(i as u8)).collect();
        bytes[64..96].fill(None);
        let memory = Holey(bytes);
        let mut fetched = Fetched::default();
        let mut left = 1000;
        fetched.read(&memory, 8, 180, &mut left);
        assert_eq!(left, 820);
        let source = fetched.source();
        assert_eq!(fetched.holes, [(56, 88)]);
        assert_eq!(source.number(0, 1, Order::Little), Ok(8));
        assert_eq!(source.number(88, 1, Order::Little), Ok(96));
        assert_eq!(source.number(52, 8, Order::Little), Err(Note::Fault(64)));
        assert_eq!(source.number(84, 8, Order::Little), Err(Note::Fault(92)));
        assert_eq!(source.part(48, 8).missing(8), None);
    }

    #[test]
    fn an_end_is_a_hole_at_the_end() {
        let memory = Holey((0..100_000).map(|_| Some(7)).collect());
        let mut fetched = Fetched::default();
        fetched.read(&memory, 4, 200_000, &mut 1_000_000);
        let source = fetched.source();
        assert_eq!(source.number(99_992, 4, Order::Little), Ok(0x0707_0707));
        assert_eq!(source.part(99_996, 1).missing(1), Some(Note::Fault(100_000)));
        assert!(source.part(150_000, 1).missing(1).is_some());
        fetched.read(&memory, 200_000, 8, &mut 1_000_000);
        assert!(fetched.is_empty());
        fetched.read(&memory, 0, 8, &mut 3);
        assert_eq!(fetched.source().part(2, 4).missing(4), Some(Note::Budget(Limit::Bytes)));
        fetched.read(&memory, u64::MAX, 8, &mut 30);
        assert!(fetched.is_empty());
    }
}

//! The names of a table: an arena that only grows, and an index that finds what is there already.
//!
//! A name is a NUL-terminated text, known by its offset; offset 0 is the empty one. The arena's zeros are
//! the terminators: no byte is given out twice. The index is a table of offsets by hash, with a short probe:
//! a name that finds no place there is appended without being found again, so that names fail for want of
//! room in the arena only. Loom runs this file as it stands (`tests/loom_table.rs`).

use super::sync::{AtomicU8, AtomicU32, Ordering, order};

/// Arena and index of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names<'a> {
    pub(super) used: &'a AtomicU32,
    pub(super) bytes: &'a [AtomicU8],
    pub(super) index: &'a [AtomicU32],
}

/// The arena has no room for a name.
pub(super) struct NamesFull;

/// Places of the index that a name may stand in.
const PROBES: usize = 8;

/// How many of `size` bytes for names hold texts; an index entry for each 64 takes the rest.
pub(super) const fn text_size(size: usize) -> usize {
    size / 8 * 8 - index_count(size) * 4
}

/// How many entries the index in `size` bytes for names has.
pub(super) const fn index_count(size: usize) -> usize {
    size / 8 * 8 / 64
}

impl Names<'_> {
    /// The offset of a name, which is appended if it is not there. `hash` is FNV-1a, 32 bits, of its bytes.
    pub(super) fn intern(&self, name: &str, hash: u32) -> Result<u32, NamesFull> {
        if name.is_empty() {
            return Ok(0);
        }
        let count = self.index.len();
        // Spreads the hash over the index without a division.
        let first = (u64::from(hash) * count as u64 >> 32) as usize;
        let (behind, before) = self.index.split_at(first);
        for entry in before.iter().chain(behind).take(PROBES) {
            match entry.load(order::FIND) {
                0 => return self.append_at(entry, name),
                offset if self.holds(offset, name) => return Ok(offset),
                _ => {}
            }
        }
        self.append(name)
    }

    /// Appends a name and notes it in the index. Where another thread was faster with the same name, its
    /// offset is taken, and the bytes of ours are lost.
    fn append_at(&self, entry: &AtomicU32, name: &str) -> Result<u32, NamesFull> {
        let offset = self.append(name)?;
        match entry.compare_exchange(0, offset, order::NOTE, order::FIND) {
            Err(other) if self.holds(other, name) => Ok(other),
            _ => Ok(offset),
        }
    }

    fn append(&self, name: &str) -> Result<u32, NamesFull> {
        let size = self.bytes.len();
        let take = |used: u32| {
            let end = (used.max(1) as usize).checked_add(name.len())?.checked_add(1)?;
            u32::try_from(end).ok().filter(|_| end <= size)
        };
        let used = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        let start = used.map_err(|_| NamesFull)?.max(1);
        for (place, byte) in self.bytes[start as usize..].iter().zip(name.bytes()) {
            place.store(byte, Ordering::Relaxed);
        }
        Ok(start)
    }

    /// Whether this name stands at an offset, with its end.
    #[inline]
    fn holds(&self, offset: u32, name: &str) -> bool {
        let start = offset as usize;
        let places = start.checked_add(name.len()).and_then(|end| self.bytes.get(start..=end));
        let Some((end, places)) = places.and_then(<[AtomicU8]>::split_last) else { return false };
        // Eight bytes at a time are compared without a branch for each.
        let differs = |places: &[AtomicU8], name: &[u8]| {
            let both = places.iter().zip(name);
            both.fold(0, |seen, (place, byte)| seen | (place.load(Ordering::Relaxed) ^ byte))
        };
        let (heads, names) = (places.chunks_exact(8), name.as_bytes().chunks_exact(8));
        let mut seen = end.load(Ordering::Relaxed) | differs(heads.remainder(), names.remainder());
        for (places, name) in heads.zip(names) {
            if let (Some(places), Some(name)) = (places.first_chunk::<8>(), name.first_chunk::<8>())
            {
                seen |= differs(places, name);
            }
        }
        seen == 0
    }
}

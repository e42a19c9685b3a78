//! The names of a table: an arena that only grows, in which every name is found again.
//!
//! A name is a NUL-terminated text, known by its offset; offset 0 is the empty one. It stands in words of four
//! bytes, zeros behind it, and in the word before it stands the offset of the next name whose hash leads to
//! the same *head*: names hang on lists, which only grow at their fronts. So equal names are kept once, whoever
//! brings them and how often, as long as the arena has room. Loom runs this file as it stands
//! (`tests/loom_table.rs`).

use super::sync::{AtomicU32, Ordering, order};

/// Arena and heads of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names<'a> {
    /// Bytes of the arena that are reserved; 0 stands for those of the empty name.
    pub(super) used: &'a AtomicU32,
    pub(super) words: &'a [AtomicU32],
    pub(super) heads: &'a [AtomicU32],
}

/// The arena has no room for a name.
pub(super) struct NamesFull;

const WORD: usize = 4;

/// Bytes of memory for names that come with a head: a few names each.
const HEAD_SHARE: usize = 64;

/// How many of `size` bytes for names are arena; the heads take the rest.
pub(super) const fn arena_size(size: usize) -> usize {
    size / 8 * 8 - head_count(size) * WORD
}

/// How many heads the lists in `size` bytes for names have.
pub(super) const fn head_count(size: usize) -> usize {
    (size / 8 * 8).div_ceil(HEAD_SHARE)
}

/// Bytes of an arena that a text of so many bytes takes: a link, the text, and its end.
pub(super) const fn taken(length: usize) -> usize {
    (length / WORD + 2) * WORD
}

/// As many bytes for names as have room for texts that take so many; `None` where offsets do not reach.
#[cfg(feature = "alloc")]
pub(super) const fn size_for(texts: usize) -> Option<usize> {
    // The empty name, and the head that is there whatever the size.
    let arena = texts.saturating_add(2 * WORD);
    // Of each share all but a head is arena.
    let size = arena.div_ceil(HEAD_SHARE - WORD).saturating_mul(HEAD_SHARE);
    if size < u32::MAX as usize { Some(size) } else { None }
}

impl Names<'_> {
    /// The offset of a name, which is appended if it is not there. `hash` is FNV-1a, 32 bits, of its bytes.
    pub(super) fn intern(&self, name: &str, hash: u32) -> Result<u32, NamesFull> {
        if name.is_empty() {
            return Ok(0);
        }
        // Spreads the hash over the heads without a division.
        let head = ((u64::from(hash) * self.heads.len() as u64) >> 32) as usize;
        let head = self.heads.get(head).ok_or(NamesFull)?;
        let first = head.load(order::FIND);
        match self.find(name, first, 0) {
            Some(offset) => Ok(offset),
            None => self.append(name, head, first),
        }
    }

    /// Hangs a new name in front of `first`. Where somebody else hung the same one there meanwhile, its offset
    /// is taken, and the bytes of ours are lost.
    fn append(&self, name: &str, head: &AtomicU32, mut first: u32) -> Result<u32, NamesFull> {
        let offset = self.write(name)?;
        let link = self.words.get(offset as usize / WORD - 1).ok_or(NamesFull)?;
        loop {
            link.store(first, Ordering::Relaxed);
            match head.compare_exchange(first, offset, order::NOTE, order::FIND) {
                Ok(_) => return Ok(offset),
                Err(newer) => {
                    if let Some(other) = self.find(name, newer, first) {
                        return Ok(other);
                    }
                    first = newer;
                }
            }
        }
    }

    /// Reserves room and writes a name. Nobody is led to it yet.
    fn write(&self, name: &str) -> Result<u32, NamesFull> {
        let bytes = name.as_bytes();
        let words = taken(bytes.len()) / WORD;
        let size = self.words.len();
        let take = |used: u32| {
            let end = (used as usize).div_ceil(WORD).max(1).checked_add(words)?;
            Some(end).filter(|end| *end <= size).and_then(|end| u32::try_from(end * WORD).ok())
        };
        let used = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        let used = used.map_err(|_| NamesFull)?;
        let start = (used as usize).div_ceil(WORD).max(1) + 1;
        for (place, word) in self.words[start..].iter().zip(words_of(bytes)) {
            place.store(word, Ordering::Relaxed);
        }
        Ok((start * WORD) as u32)
    }

    /// The place of a name on the list from `at` on, up to `end`. Lists in memory that others write to are not
    /// believed: a link that leads nowhere ends one, and none is longer than the arena.
    #[inline]
    fn find(&self, name: &str, mut at: u32, end: u32) -> Option<u32> {
        for _ in 0..self.words.len() {
            if at == end || at == 0 {
                return None;
            }
            let place = (at as usize).checked_div(WORD)?;
            let link = self.words.get(place.checked_sub(1)?)?;
            if self.holds(place, name) {
                return Some(at);
            }
            at = link.load(Ordering::Relaxed);
        }
        None
    }

    /// Whether this name stands at a word, with its end.
    #[inline]
    fn holds(&self, place: usize, name: &str) -> bool {
        let bytes = name.as_bytes();
        let Some(places) = self.words.get(place..=place + bytes.len() / WORD) else { return false };
        places
            .iter()
            .zip(words_of(bytes))
            .all(|(place, word)| place.load(Ordering::Relaxed) == word)
    }
}

/// A text in words, with at least one zero byte behind it.
#[inline]
fn words_of(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    let whole = bytes.chunks_exact(WORD);
    let rest = whole.remainder();
    let mut last = [0; WORD];
    last[..rest.len()].copy_from_slice(rest);
    let whole = whole.map(|chunk| chunk.first_chunk().copied().unwrap_or_default());
    whole.chain([last]).map(u32::from_ne_bytes)
}

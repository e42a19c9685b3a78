//! The window of a side: a copy of what readers look for, found by its place instead of by hashing. Knows
//! a side's lines and its memory; `table` asks it first.
//!
//! Where mapped sections are dense, a window shows sections, with a word for each: the hardware index in
//! the lower half, and above it how many sections there are to the end of the run; 0 where nothing is
//! mapped. Where only lines are dense and the space is compact, it shows lines, with two words for each:
//! [`Line::mapped`](super::table::Line::mapped), then its first index in the lower half and above it how
//! far the run of its last section goes on. Otherwise there is none, and readers look at the lines.

use super::table::{LAST, LINE, Table, places, rank, run};
use crate::sync::{Ordering::Relaxed, Relaxed64};

/// Fewer sections are not worth a window.
const LEAST_WIDTH: u64 = 64;
/// Fewer lines are not worth a window.
const LEAST_LINES: u64 = 8;
/// What a word of the window never says: no hardware index is so high.
pub(super) const OUTSIDE: u64 = u64::MAX;

/// What a window shows: sections or lines from one on, and how many words each takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    begin: u64,
    width: u64,
    words: u64,
}

impl Window {
    /// How many words of memory it takes; more than there can be where it is too wide.
    pub(super) fn len(&self) -> usize {
        usize::try_from(self.width.saturating_mul(self.words)).unwrap_or(usize::MAX)
    }
}

impl Table<'_> {
    /// What the window says of a section, and the epoch. The word is 0 for a hole and [`OUTSIDE`] where
    /// lines have to be asked.
    #[inline(always)]
    pub(super) fn in_window(&self, section: u64) -> (u64, u64) {
        let epoch = self.header.epoch.load();
        let offset = section.wrapping_sub(self.header.begin.load());
        if offset >= self.header.width.load() {
            return (OUTSIDE, epoch);
        }
        (self.window.get(offset as usize).map_or(0, Relaxed64::load), epoch)
    }

    /// The hardware index of a section, and how many there are to the end of its run, from a window of
    /// lines: so many lines from the first, and its place in the line.
    #[inline(always)]
    pub(super) fn line_in_window(&self, offset: u64, at: u64) -> Option<(u32, u64)> {
        let words = self.window.get((offset as usize).wrapping_mul(2)..)?.first_chunk::<2>()?;
        let (mapped, counts) = (words[0].load(), words[1].load());
        // In a compact space a run ends before a hole; the last section's goes on `beyond`, maybe by 0.
        let ends = mapped & !(mapped >> 1 | LAST);
        Some((rank(mapped, counts as u32, at)?, run(ends, counts >> 32, at)))
    }

    /// The window that a side should have, if any. It takes no more than two words for each section that
    /// is mapped, or no more than four for each line.
    pub(super) fn choose_window(&self, sections: u64, stable: bool) -> Option<Window> {
        let (mut first, mut last, mut lines) = (u64::MAX, 0, 0);
        for line in self.lines() {
            let begin = self.number_of(line)?.wrapping_mul(LINE);
            first = first.min(begin + u64::from(line.mapped().trailing_zeros()));
            last = last.max(begin + (LINE - 1 - u64::from(line.mapped().leading_zeros())));
            lines += 1;
        }
        let width = last.checked_sub(first)?.checked_add(1)?;
        if width < LEAST_WIDTH {
            return None;
        }
        if width / 2 <= sections {
            return Some(Window { begin: first, width, words: 1 });
        }
        let (begin, width) = (first / LINE, last / LINE - first / LINE + 1);
        let is_dense = !stable && lines >= LEAST_LINES && width / 2 <= lines;
        is_dense.then_some(Window { begin, width, words: 2 })
    }

    /// Fills the window of a side that is linked, where there is memory for it.
    pub(super) fn fill_window(&self, chosen: Window, stable: bool) {
        let Some(window) = self.window.get(..chosen.len()) else { return };
        window.iter().for_each(|word| word.store(0));
        let put = |place: u64, value: u64| {
            if let Some(word) = window.get(place as usize) {
                word.store(value);
            }
        };
        for line in self.lines() {
            let Some(number) = self.number_of(line) else { continue };
            if chosen.words == 2 {
                let place = number.wrapping_sub(chosen.begin).wrapping_mul(2);
                let (first, beyond) = (line.first.load(Relaxed), line.beyond.load(Relaxed));
                put(place, line.mapped());
                put(place.wrapping_add(1), u64::from(beyond) << 32 | u64::from(first));
                continue;
            }
            for at in places(line.mapped()) {
                let Some(hardware) = self.hardware(line, at, stable) else { continue };
                let section = number.wrapping_mul(LINE) + at;
                let value = line.run(at) << 32 | u64::from(hardware);
                put(section.wrapping_sub(chosen.begin), value);
            }
        }
        let header = self.header;
        let (begin, width) = match chosen.words {
            1 => (&header.begin, &header.width),
            _ => (&header.lines_begin, &header.lines_width),
        };
        begin.store(chosen.begin);
        width.store(chosen.width);
    }
}

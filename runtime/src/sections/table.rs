//! One side of a section map: a hash table of lines of sections, and the way back. Knows numbers of
//! sections and indices in the hardware's space, no addresses and no policies.
//!
//! A [`Line`] stands for [`LINE`] consecutive sections with a bit for each, so that what is dense takes
//! little more than a bit for a section and what is scattered a line for each, and either way a reader
//! touches few cache lines. Indices follow from counting bits: sections are ranked line by line, and in a
//! compact space the rank is the index; in a stable space an array leads from ranks to indices.
//!
//! Readers run while a writer scribbles: all accesses are relaxed atomics, every index read from memory is
//! checked, every loop is bounded by the memory's size, and no arithmetic on what was read can overflow.
//!
//! A side is a draft until it is published. As a draft its lines know what is mapped; in a stable space
//! they also are the heads of lists of the indices that their sections have. [`Table::number`] or
//! [`Table::settle`] replaces the lists by ranks, and [`Table::link`] finds the runs.

use crate::sync::{AtomicU32, Ordering::Relaxed, Relaxed64};

/// Sections that are counted together where room is.
pub(super) const GROUP: u64 = 8;
/// Sections of a line: as many as bits in a word.
pub(super) const LINE: u64 = 64;
/// Hardware indices for each line of a fixed map, as many as the sections that [`capacity`] admits.
pub(super) const INDICES: usize = 6;
/// More lines, and places in them would not fit in 32 bits.
pub(super) const MOST_LINES: usize = (u32::MAX / LINE as u32) as usize;
/// More sections than this cannot be numbered with 32 bits, and 1 to spare.
pub(super) const MOST_SECTIONS: u64 = u32::MAX as u64 - 1;

/// 2^64 divided by the golden ratio: multiples of it are spread evenly, whatever the distance between
/// lines.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
/// The bit of the last section of a line.
pub(super) const LAST: u64 = 1 << (LINE - 1);

/// What a line is found by: its number in the space and 1, spread over 64 bits by an odd factor, so that
/// nothing is lost. Never 0.
#[inline(always)]
const fn key_of(number: u64, factor: u64) -> u64 {
    (number + 1).wrapping_mul(factor)
}

/// The factor that undoes an odd one. Each step of Newton's doubles the bits that are right, three at
/// first.
fn inverse_of(factor: u64) -> u64 {
    (0..5).fold(factor, |inverse, _| {
        inverse.wrapping_mul(2_u64.wrapping_sub(factor.wrapping_mul(inverse)))
    })
}

/// How many groups may live in so many lines at most, even if each needs one of its own: every search ends
/// at a free line.
pub(super) const fn capacity(lines: usize) -> usize {
    lines / 4 * 3 + lines % 4 * 3 / 4
}

/// The lines that so many in use have at least, and those that they are given where there are fewer. With
/// half of them free, few are displaced; where there are few lines, being small counts more.
#[cfg(feature = "alloc")]
pub(super) const fn lines_for(used: usize) -> (usize, usize) {
    if used <= 12 {
        let lines = used.div_ceil(3) * 4;
        (lines, lines)
    } else {
        (used.saturating_add(used / 2), used.saturating_mul(2))
    }
}

/// How many groups have a section among those of a line: bytes that are not 0.
pub(super) fn groups_in(mapped: u64) -> usize {
    mapped.to_ne_bytes().into_iter().filter(|group| *group != 0).count()
}

/// The places of bits that are set, ascending.
pub(super) fn places(mut bits: u64) -> impl Iterator<Item = u64> {
    core::iter::from_fn(move || {
        let lowest = bits.trailing_zeros();
        bits &= bits.checked_sub(1)?;
        Some(lowest.into())
    })
}

/// How many sections are mapped before one of a line that is mapped itself; otherwise `None`.
#[inline(always)]
pub(super) fn rank(mapped: u64, first: u32, at: u64) -> Option<u32> {
    // Those up to this one, which is the highest bit.
    let sections = mapped << (LINE - 1 - at);
    if sections & LAST == 0 {
        return None;
    }
    Some(first.wrapping_add(sections.count_ones()).wrapping_sub(1))
}

/// How many sections there are from one of a line that is mapped to the end of its run, which is at a bit
/// that is set, or `beyond` the line.
#[inline(always)]
pub(super) fn run(ends: u64, beyond: u64, at: u64) -> u64 {
    let ends = ends >> at;
    if ends == 0 { LINE - at + beyond } else { u64::from(ends.trailing_zeros()) + 1 }
}

/// Consecutive sections. Two lines fill a cache line of most processors, and none is in two.
#[derive(Debug)]
#[repr(C, align(32))]
pub(super) struct Line {
    /// See [`key_of`]; 0 where the line is free.
    key: Relaxed64,
    /// A bit for each section that is mapped.
    mapped: Relaxed64,
    /// A bit for each section with which a run ends.
    ends: Relaxed64,
    /// The rank of the first section that is mapped. In a draft of a stable space: the first hardware index
    /// that a section of the line has, plus 1, and 0 if there is none; [`Table::by_rank`] has the next.
    pub(super) first: AtomicU32,
    /// How many sections behind the line the run of its last section goes on for.
    pub(super) beyond: AtomicU32,
}

const _: () = assert!(size_of::<Line>() == 32);

impl Line {
    pub(super) const fn new() -> Line {
        Line {
            key: Relaxed64::new(),
            mapped: Relaxed64::new(),
            ends: Relaxed64::new(),
            first: AtomicU32::new(0),
            beyond: AtomicU32::new(0),
        }
    }

    /// A bit for each section that is mapped.
    pub(super) fn mapped(&self) -> u64 {
        self.mapped.load()
    }

    /// Maps and unmaps.
    pub(super) fn set_mapped(&self, mapped: u64) {
        self.mapped.store(mapped);
    }

    pub(super) fn is_mapped(&self, at: u64) -> bool {
        self.mapped() >> at & 1 == 1
    }

    #[inline(always)]
    fn rank(&self, at: u64) -> Option<u32> {
        rank(self.mapped.load(), self.first.load(Relaxed), at)
    }

    /// How many sections there are from one that is mapped to the end of its run.
    #[inline(always)]
    pub(super) fn run(&self, at: u64) -> u64 {
        run(self.ends.load(), self.beyond.load(Relaxed).into(), at)
    }

    /// Whether the run of the last section goes on behind the line.
    fn goes_on(&self) -> bool {
        self.mapped.load() & !self.ends.load() & LAST != 0
    }

    fn clear(&self) {
        self.key.store(0);
        self.mapped.store(0);
        self.ends.store(0);
        self.first.store(0, Relaxed);
        self.beyond.store(0, Relaxed);
    }
}

/// What is known about a side as a whole.
#[derive(Debug)]
pub(super) struct Header {
    /// What spreads lines over the memory, see [`key_of`].
    factor: Relaxed64,
    /// What undoes it.
    inverse: Relaxed64,
    /// The first section of a window of sections, see [`Table::window`].
    pub(super) begin: Relaxed64,
    /// How many sections the window has; 0 if there is none.
    pub(super) width: Relaxed64,
    /// The number of the first line of a window of lines.
    pub(super) lines_begin: Relaxed64,
    /// How many lines the window has; 0 if there is none.
    pub(super) lines_width: Relaxed64,
    pub(super) epoch: Relaxed64,
    /// Sections that are mapped.
    pub(super) sections: AtomicU32,
    /// Groups with sections that are mapped.
    pub(super) groups: AtomicU32,
    /// Lines with sections that are mapped.
    pub(super) lines: AtomicU32,
    /// Runs of sections that are consecutive in both spaces.
    pub(super) runs: AtomicU32,
}

impl Header {
    pub(super) const fn new() -> Header {
        Header {
            factor: Relaxed64::new(),
            inverse: Relaxed64::new(),
            begin: Relaxed64::new(),
            width: Relaxed64::new(),
            lines_begin: Relaxed64::new(),
            lines_width: Relaxed64::new(),
            epoch: Relaxed64::new(),
            sections: AtomicU32::new(0),
            groups: AtomicU32::new(0),
            lines: AtomicU32::new(0),
            runs: AtomicU32::new(0),
        }
    }
}

/// One side, wherever its memory comes from.
#[derive(Clone, Copy, Debug)]
pub struct Table<'m> {
    pub(super) header: &'m Header,
    /// Linear probing from [`home`].
    pub(super) lines: &'m [Line],
    /// For each hardware index: the line's place in memory times [`LINE`], the section's place in it, and
    /// 1; 0 where nothing is mapped.
    pub(super) reverse: &'m [AtomicU32],
    /// In a stable space, the hardware index of each rank. In a draft, for each hardware index the next one
    /// in the list of its line, plus 1.
    pub(super) by_rank: &'m [AtomicU32],
    /// A copy of what readers look for, where it is dense enough to be found by its place: see `window`.
    pub(super) window: &'m [Relaxed64],
}

/// Where a line is unless others took the place: the key's share of the whole.
#[inline(always)]
fn home(key: u64, lines: usize) -> usize {
    ((u128::from(key) * lines as u128) >> 64) as usize
}

/// A line that is not at home: in the next places, up to a free one.
#[cold]
#[inline(never)]
fn find_displaced(lines: &[Line], home: usize, key: u64) -> Option<&Line> {
    let at_home = lines.get(home)?;
    if at_home.key.load() == 0 {
        return None;
    }
    let (below, above) = lines.split_at_checked(home + 1)?;
    for line in above.iter().chain(below) {
        match line.key.load() {
            0 => return None,
            present if present == key => return Some(line),
            _ => {}
        }
    }
    None
}

/// A section that is mapped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) section: u64,
    pub(super) hardware: u32,
    /// Sections from here to the end of the run.
    pub(super) run: u64,
    pub(super) epoch: u64,
}

impl<'m> Table<'m> {
    /// Where a section is mapped, from its line.
    #[inline(always)]
    pub(super) fn forward(&self, section: u64, stable: bool) -> Option<Found> {
        let epoch = self.header.epoch.load();
        let (number, at) = (section / LINE, section % LINE);
        let offset = number.wrapping_sub(self.header.lines_begin.load());
        if offset < self.header.lines_width.load() {
            let (hardware, run) = self.line_in_window(offset, at)?;
            return Some(Found { section, hardware, run, epoch });
        }
        let line = self.find(number)?;
        let hardware = self.hardware(line, at, stable)?;
        Some(Found { section, hardware, run: line.run(at), epoch })
    }

    /// Which section is mapped to a hardware index.
    #[inline]
    pub(super) fn backward(&self, hardware: u32) -> Option<Found> {
        let (line, at) = self.place(self.reverse.get(hardware as usize)?)?;
        if !line.is_mapped(at) {
            return None;
        }
        let section = self.number_of(line)?.wrapping_mul(LINE).wrapping_add(at);
        Some(Found { section, hardware, run: line.run(at), epoch: self.header.epoch.load() })
    }

    /// The first section that is mapped at a hardware index or above.
    pub(super) fn backward_from(&self, hardware: u32) -> Option<Found> {
        let rest = self.reverse.get(hardware as usize..)?;
        let free = rest.iter().position(|place| place.load(Relaxed) != 0)?;
        self.backward(hardware + free as u32)
    }

    /// The hardware index of a section of a side that was published.
    #[inline(always)]
    pub(super) fn hardware(&self, line: &Line, at: u64, stable: bool) -> Option<u32> {
        let rank = line.rank(at)?;
        if stable { Some(self.by_rank.get(rank as usize)?.load(Relaxed)) } else { Some(rank) }
    }

    /// A line that has mapped sections or had some, by its number in the space.
    #[inline(always)]
    pub(super) fn find(&self, number: u64) -> Option<&'m Line> {
        let (key, lines) = (key_of(number, self.header.factor.load()), self.lines);
        let home = home(key, lines.len());
        let line = lines.get(home)?;
        if line.key.load() == key { Some(line) } else { find_displaced(lines, home, key) }
    }

    /// The number of a line in the space; `None` where the line is free.
    pub(super) fn number_of(&self, line: &Line) -> Option<u64> {
        line.key.load().wrapping_mul(self.header.inverse.load()).checked_sub(1)
    }

    /// Where on the way back a place leads to.
    #[inline(always)]
    fn place(&self, place: &AtomicU32) -> Option<(&'m Line, u64)> {
        let place = place.load(Relaxed).checked_sub(1)?;
        let line = self.lines.get((place / LINE as u32) as usize)?;
        Some((line, u64::from(place) % LINE))
    }

    /// A line and its place in memory; it is made if there is none. `None` only if every line has sections
    /// of others, which whoever keeps to [`capacity`] excludes.
    pub(super) fn insert(&self, number: u64) -> Option<(usize, &'m Line)> {
        let key = key_of(number, self.header.factor.load());
        let all = self.lines.len();
        let home = home(key, all);
        let mut vacant = None;
        for index in (home..all).chain(0..home) {
            let line = &self.lines[index];
            match line.key.load() {
                present if present == key => return Some((index, line)),
                // Left behind by a removal in the same change: probing goes on, since the line may come
                // later.
                present if line.mapped() == 0 => {
                    vacant = vacant.or(Some((index, line)));
                    if present == 0 {
                        break;
                    }
                }
                _ => {}
            }
        }
        let (index, line) = vacant?;
        line.clear();
        line.key.store(key);
        Some((index, line))
    }

    /// The lines that have sections.
    pub(super) fn lines(&self) -> impl Iterator<Item = &'m Line> {
        self.lines.iter().filter(|line| line.mapped() != 0)
    }

    /// Makes the side a draft of what another side maps, draft or not, which has to fit in.
    pub(super) fn copy_from(&self, other: &Table<'_>, stable: bool) {
        self.lines.iter().for_each(Line::clear);
        self.reverse.iter().for_each(|place| place.store(0, Relaxed));
        self.header.width.store(0);
        self.header.lines_width.store(0);
        self.choose_factor(other);
        for from in other.lines() {
            let number = other.number_of(from);
            let Some((_, to)) = number.and_then(|number| self.insert(number)) else { continue };
            to.set_mapped(from.mapped());
        }
        if stable {
            for (hardware, place) in other.reverse.iter().enumerate() {
                let Some((from, at)) = other.place(place) else { continue };
                let number = other.number_of(from);
                let Some((index, _)) = number.and_then(|number| self.insert(number)) else {
                    continue;
                };
                self.assign(index, at, hardware as u32);
            }
        }
    }

    /// Finds out what spreads the lines of another side best: one after the other, as for sections that
    /// are dense and then share pages and prefetches, or by the golden ratio. The lines here are clear, and
    /// are so afterwards.
    fn choose_factor(&self, other: &Table<'_>) {
        let lines = self.lines.len().max(1);
        let displaced = |factor: u64| {
            let numbers = other.lines().filter_map(|line| other.number_of(line));
            let homes =
                numbers.filter_map(|number| self.lines.get(home(key_of(number, factor), lines)));
            let displaced = homes
                .filter(|home| {
                    let taken = home.beyond.load(Relaxed) != 0;
                    home.beyond.store(1, Relaxed);
                    taken
                })
                .count();
            self.lines.iter().for_each(|line| line.beyond.store(0, Relaxed));
            displaced
        };
        let dense = (u64::MAX / lines as u64) | 1;
        let is_dense = other.lines().count() >= 8 && displaced(dense) <= displaced(GOLDEN);
        let factor = if is_dense { dense } else { GOLDEN };
        self.header.factor.store(factor);
        self.header.inverse.store(inverse_of(factor));
    }

    /// Gives a section of a draft its hardware index, which has to be free.
    pub(super) fn assign(&self, index: usize, at: u64, hardware: u32) {
        let (Some(line), Some(next)) = (self.lines.get(index), self.by_rank.get(hardware as usize))
        else {
            return;
        };
        self.stamp(index, at, hardware);
        next.store(line.first.load(Relaxed), Relaxed);
        line.first.store(hardware + 1, Relaxed);
    }

    /// The hardware indices that sections of a line of a draft have, each with the place of its section.
    fn assigned(&self, line: &Line) -> impl Iterator<Item = (u64, u32)> {
        let mut next = line.first.load(Relaxed);
        core::iter::from_fn(move || {
            let hardware = next.checked_sub(1)?;
            next = self.by_rank.get(hardware as usize)?.load(Relaxed);
            let place = self.reverse.get(hardware as usize)?.load(Relaxed).checked_sub(1)?;
            Some((u64::from(place) % LINE, hardware))
        })
        .take(LINE as usize)
    }

    /// The hardware index that a section of a draft has.
    pub(super) fn assigned_to(&self, section: u64) -> Option<u32> {
        let line = self.find(section / LINE)?;
        self.assigned(line).find(|(at, _)| *at == section % LINE).map(|(_, hardware)| hardware)
    }

    /// Takes the hardware indices of some sections of a draft away, and hence all others' along a new list.
    pub(super) fn release(&self, line: &Line, sections: u64) {
        let assigned = self.assigned(line);
        line.first.store(0, Relaxed);
        for (at, hardware) in assigned {
            if sections >> at & 1 == 1 {
                self.reverse[hardware as usize].store(0, Relaxed);
            } else {
                self.by_rank[hardware as usize].store(line.first.load(Relaxed), Relaxed);
                line.first.store(hardware + 1, Relaxed);
            }
        }
    }

    /// Whether a hardware index is neither taken nor above what the side can hold.
    pub(super) fn is_free(&self, hardware: u32) -> bool {
        self.reverse.get(hardware as usize).is_some_and(|place| place.load(Relaxed) == 0)
    }

    /// The limit of the hardware indices that are taken: above the highest.
    pub(super) fn limit(&self) -> usize {
        let taken = |place: &AtomicU32| place.load(Relaxed) != 0;
        self.reverse.iter().rposition(taken).map_or(0, |highest| highest + 1)
    }

    fn stamp(&self, index: usize, at: u64, hardware: u32) {
        if let Some(place) = self.reverse.get(hardware as usize) {
            place.store((index as u64 * LINE + at + 1) as u32, Relaxed);
        }
    }

    /// Numbers all sections of a draft in their order, for a compact space.
    pub(super) fn number(&self) {
        // Sections follow on the way back where the orders were: each line has a section at least, so that
        // an order is read before its place is needed.
        let mut next = 0;
        for order in self.sort_lines() {
            let index = order.load(Relaxed) as usize;
            order.store(0, Relaxed);
            let Some(line) = self.lines.get(index) else { continue };
            line.first.store(next, Relaxed);
            for at in places(line.mapped()) {
                self.stamp(index, at, next);
                next += 1;
            }
        }
    }

    /// The places in memory of all lines with sections, ascending by number, at the end of the way back.
    fn sort_lines(&self) -> &'m [AtomicU32] {
        self.reverse.iter().for_each(|place| place.store(0, Relaxed));
        let mut begin = self.reverse.len();
        for (index, line) in self.lines.iter().enumerate() {
            if line.mapped() != 0 && begin > 0 {
                begin -= 1;
                self.reverse[begin].store(index as u32, Relaxed);
            }
        }
        let sorted = &self.reverse[begin..];
        super::sort::sort_by_key(sorted, |index| {
            self.number_of(&self.lines[index as usize]).unwrap_or(0)
        });
        sorted
    }

    /// Ranks all sections of a draft, whose hardware indices stay, for a stable space.
    pub(super) fn settle(&self) {
        let mut rank = 0;
        for line in self.lines() {
            line.first.store(rank, Relaxed);
            rank += line.mapped().count_ones();
        }
        for (hardware, place) in self.reverse.iter().enumerate() {
            let Some((line, at)) = self.place(place) else { continue };
            let by_rank = line.rank(at).and_then(|rank| self.by_rank.get(rank as usize));
            if let Some(by_rank) = by_rank {
                by_rank.store(hardware as u32, Relaxed);
            }
        }
    }

    /// Finds all runs of sections that have their indices, and returns how many there are.
    pub(super) fn link(&self, stable: bool) -> u32 {
        let mut runs = 0;
        for line in self.lines() {
            let ends = line.mapped() & !self.continued(line, stable);
            line.ends.store(ends);
            line.beyond.store(0, Relaxed);
            runs += ends.count_ones();
        }
        for line in self.lines().filter(|line| !line.goes_on()) {
            self.link_back_from(line);
        }
        runs
    }

    /// A bit for each section of a line that the next one continues in both spaces.
    fn continued(&self, line: &Line, stable: bool) -> u64 {
        let next = self.number_of(line).and_then(|number| self.find(number + 1));
        let carried = next.map_or(0, |next| next.mapped() << (LINE - 1));
        let adjacent = line.mapped() & (line.mapped() >> 1 | carried);
        if !stable {
            return adjacent;
        }
        let goes_on = |at: &u64| {
            let above = if at + 1 < LINE {
                self.hardware(line, at + 1, stable)
            } else {
                next.and_then(|next| self.hardware(next, 0, stable))
            };
            above == self.hardware(line, *at, stable).map(|hardware| hardware + 1)
        };
        places(adjacent).filter(goes_on).fold(0, |continued, at| continued | 1 << at)
    }

    /// Tells the lines below one how far the run goes on that they share, from one where it ends.
    fn link_back_from(&self, mut line: &'m Line) {
        while let Some(below) = self
            .number_of(line)
            .and_then(|number| self.find(number.checked_sub(1)?))
            .filter(|below| below.goes_on())
        {
            below.beyond.store(line.run(0) as u32, Relaxed);
            line = below;
        }
    }
}

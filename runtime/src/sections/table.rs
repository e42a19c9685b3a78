//! One side of a section map: a hash table of groups of sections, and the way back. Knows numbers of sections
//! and indices in the hardware's space, no addresses and no policies.
//!
//! A [`Line`] fills one cache line with [`GROUP`] consecutive sections, so that a translation is a multiplication
//! and one line of memory, whatever the distribution. Readers run while a writer scribbles: all accesses are
//! relaxed atomics, every index read from memory is checked, every loop is bounded by the memory's size, and
//! no arithmetic on what was read can overflow.

use crate::sync::{AtomicU32, Ordering::Relaxed, Relaxed64};

/// Sections in a line: what is left of 64 bytes beside the number of the group and the runs.
pub(super) const GROUP: u64 = 12;
/// Places on the way back for each line, as many as the sections that [`capacity`] admits.
pub(super) const REVERSE: usize = 9;
/// More lines, and the places on the way back would not fit in 32 bits.
pub(super) const MOST_LINES: usize = (u32::MAX / GROUP as u32) as usize;
/// The hardware index of a section that has none yet.
pub(super) const UNASSIGNED: u32 = u32::MAX;

const ALL: u32 = (1 << GROUP) - 1;
/// 2^64 divided by the golden ratio: it spreads consecutive groups so evenly that they hardly ever collide.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// How many groups may live in so many lines: with a quarter of them free, few groups are displaced.
pub(super) const fn capacity(lines: usize) -> usize {
    lines / 4 * 3 + lines % 4 * 3 / 4
}

/// The lines that so many groups need.
#[cfg(feature = "alloc")]
pub(super) const fn lines_for(groups: usize) -> usize {
    groups.div_ceil(3) * 4
}

/// Consecutive sections.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Line {
    /// The number of the group and 1; 0 where the line is free.
    key: Relaxed64,
    /// From the lowest: a bit for each section that is mapped; a bit for each that is the last of its run or of
    /// the line; from bit 32, how many sections behind the line the run of the last one goes on for.
    runs: Relaxed64,
    /// Where each section is, in sections from the base of the hardware's space.
    hardware: [AtomicU32; GROUP as usize],
}

const ENDS: u32 = GROUP as u32;
const TAIL: u32 = 32;

impl Line {
    pub(super) const fn new() -> Line {
        Line {
            key: Relaxed64::new(),
            runs: Relaxed64::new(),
            hardware: [const { AtomicU32::new(0) }; GROUP as usize],
        }
    }

    /// The number of the group; `None` where the line is free.
    pub(super) fn group(&self) -> Option<u64> {
        self.key.load().checked_sub(1)
    }

    /// A bit for each section that is mapped.
    pub(super) fn mapped(&self) -> u32 {
        self.runs.load() as u32 & ALL
    }

    /// The places of the sections that are mapped.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        let mapped = self.mapped();
        (0..GROUP as usize).filter(move |at| mapped >> at & 1 == 1)
    }

    /// Forgets the runs: [`Table::link`] finds them.
    pub(super) fn set_mapped(&self, mapped: u32) {
        self.runs.store(mapped.into());
    }

    pub(super) fn hardware(&self, at: usize) -> u32 {
        self.hardware[at].load(Relaxed)
    }

    pub(super) fn set_hardware(&self, at: usize, index: u32) {
        self.hardware[at].store(index, Relaxed);
    }

    /// How many sections there are from a mapped one to the end of its run.
    #[inline(always)]
    fn run(runs: u64, at: usize) -> u64 {
        let here = u64::from(
            (runs as u32 >> (ENDS + at as u32) | 1 << (GROUP as u32 - 1)).trailing_zeros(),
        );
        let tail = if here + at as u64 == GROUP - 1 { runs >> TAIL } else { 0 };
        here + 1 + tail
    }

    fn is_mapped(&self, at: usize) -> bool {
        self.mapped() >> at & 1 == 1
    }

    /// Whether the section behind this line's last continues its run.
    fn goes_on_in(&self, next: &Line) -> bool {
        let last = GROUP as usize - 1;
        self.is_mapped(last) && next.is_mapped(0) && self.hardware(last) + 1 == next.hardware(0)
    }
}

/// What is known about a side as a whole.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) epoch: Relaxed64,
    /// Sections that are mapped.
    pub(super) sections: AtomicU32,
    /// Lines with sections that are mapped.
    pub(super) groups: AtomicU32,
    /// Runs of sections that are consecutive in both spaces.
    pub(super) runs: AtomicU32,
}

impl Header {
    pub(super) const fn new() -> Header {
        Header {
            epoch: Relaxed64::new(),
            sections: AtomicU32::new(0),
            groups: AtomicU32::new(0),
            runs: AtomicU32::new(0),
        }
    }
}

/// One side, wherever its memory comes from.
#[derive(Clone, Copy, Debug)]
pub struct Table<'m> {
    pub(super) header: &'m Header,
    /// Linear probing from [`Table::home`].
    pub(super) lines: &'m [Line],
    /// For each hardware index: the number of the line times [`GROUP`], the place in it, and 1; 0 where nothing
    /// is mapped.
    pub(super) reverse: &'m [AtomicU32],
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
    /// Where a section is mapped.
    #[inline(always)]
    pub(super) fn forward(&self, section: u64) -> Option<Found> {
        let at = (section % GROUP) as usize;
        let line = self.find(section / GROUP)?;
        let runs = line.runs.load();
        if runs >> at & 1 == 0 {
            return None;
        }
        let (hardware, run) = (line.hardware(at), Line::run(runs, at));
        Some(Found { section, hardware, run, epoch: self.header.epoch.load() })
    }

    /// Which section is mapped to a hardware index.
    #[inline]
    pub(super) fn backward(&self, hardware: u32) -> Option<Found> {
        let place = self.reverse.get(hardware as usize)?.load(Relaxed).checked_sub(1)?;
        let at = (place % GROUP as u32) as usize;
        let line = self.lines.get((place / GROUP as u32) as usize)?;
        let runs = line.runs.load();
        if runs >> at & 1 == 0 || line.hardware(at) != hardware {
            return None;
        }
        let section = line.group()?.wrapping_mul(GROUP).wrapping_add(at as u64);
        Some(Found { section, hardware, run: Line::run(runs, at), epoch: self.header.epoch.load() })
    }

    /// The first section that is mapped at a hardware index or above.
    pub(super) fn backward_from(&self, hardware: u32) -> Option<Found> {
        let rest = self.reverse.get(hardware as usize..)?;
        let free = rest.iter().position(|place| place.load(Relaxed) != 0)?;
        self.backward(hardware + free as u32)
    }

    /// The line that a group is in unless others took it: the group's share of the whole.
    #[inline(always)]
    fn home(&self, group: u64) -> usize {
        let hash = u128::from(group.wrapping_mul(GOLDEN));
        ((hash * self.lines.len() as u128) >> 64) as usize
    }

    /// A line that a group has, mapped sections or not.
    #[inline(always)]
    pub(super) fn find(&self, group: u64) -> Option<&'m Line> {
        let home = self.home(group);
        let line = self.lines.get(home)?;
        let key = line.key.load();
        if key == group + 1 {
            return Some(line);
        }
        if key == 0 { None } else { self.find_displaced(home, group) }
    }

    #[cold]
    fn find_displaced(&self, home: usize, group: u64) -> Option<&'m Line> {
        let (below, above) = self.lines.split_at_checked(home + 1)?;
        for line in above.iter().chain(below) {
            match line.key.load() {
                0 => return None,
                key if key == group + 1 => return Some(line),
                _ => {}
            }
        }
        None
    }

    /// The line of a group, which is made if there is none. `None` only if every line has sections of others,
    /// which whoever keeps to [`capacity`] excludes.
    pub(super) fn insert(&self, group: u64) -> Option<&'m Line> {
        let (below, above) = self.lines.split_at_checked(self.home(group))?;
        let mut vacant = None;
        for line in above.iter().chain(below) {
            match line.group() {
                Some(present) if present == group => return Some(line),
                // Left behind by a removal in the same change: probing goes on, since the group may come later.
                Some(_) if line.mapped() == 0 => vacant = vacant.or(Some(line)),
                Some(_) => {}
                None => {
                    vacant = vacant.or(Some(line));
                    break;
                }
            }
        }
        let line = vacant?;
        line.key.store(group + 1);
        line.set_mapped(0);
        Some(line)
    }

    /// The lines that have sections, with the places on the way back of their first ones.
    pub(super) fn lines(&self) -> impl Iterator<Item = &'m Line> {
        self.lines.iter().filter(|line| line.mapped() != 0)
    }

    /// Makes the side empty.
    pub(super) fn clear(&self) {
        for line in self.lines {
            line.key.store(0);
            line.runs.store(0);
        }
        self.clear_reverse();
    }

    fn clear_reverse(&self) {
        for place in self.reverse {
            place.store(0, Relaxed);
        }
    }

    /// Takes over what another side maps, which has to fit in.
    pub(super) fn copy_from(&self, other: &Table<'_>) {
        self.clear();
        for from in other.lines() {
            let Some(to) = from.group().and_then(|group| self.insert(group)) else { continue };
            to.set_mapped(from.mapped());
            for at in from.places() {
                let hardware = from.hardware(at);
                to.set_hardware(at, hardware);
                self.take(hardware);
            }
        }
    }

    /// Marks a hardware index as taken, until [`Table::stamp`] says by whom.
    pub(super) fn take(&self, hardware: u32) {
        if let Some(place) = self.reverse.get(hardware as usize) {
            place.store(1, Relaxed);
        }
    }

    /// Marks a hardware index as free.
    pub(super) fn release(&self, hardware: u32) {
        if let Some(place) = self.reverse.get(hardware as usize) {
            place.store(0, Relaxed);
        }
    }

    /// Whether a hardware index is neither taken nor above what the side can hold.
    pub(super) fn is_free(&self, hardware: u32) -> bool {
        self.reverse.get(hardware as usize).is_some_and(|place| place.load(Relaxed) == 0)
    }

    /// Writes the way back anew.
    pub(super) fn stamp(&self) {
        self.clear_reverse();
        for (number, line) in self.lines.iter().enumerate() {
            for at in line.places() {
                self.stamp_one(number as u32, at, line.hardware(at));
            }
        }
    }

    fn stamp_one(&self, number: u32, at: usize, hardware: u32) {
        if let Some(place) = self.reverse.get(hardware as usize) {
            place.store(number * GROUP as u32 + at as u32 + 1, Relaxed);
        }
    }

    /// Numbers all sections densely in the order of their addresses, and writes the way back. Returns whether a
    /// section has moved that had a number.
    ///
    /// The lines are sorted at the end of the way back. It is written from its beginning, and never overtakes
    /// what is still to be read: each line that is left stands for a place at least, and all sections fit.
    pub(super) fn number(&self) -> bool {
        self.clear_reverse();
        let sorted = self.sort_lines();
        let (mut next, mut moved) = (0, false);
        for order in sorted {
            let number = order.load(Relaxed);
            order.store(0, Relaxed);
            let Some(line) = self.lines.get(number as usize) else { continue };
            for at in line.places() {
                let before = line.hardware(at);
                moved |= before != next && before != UNASSIGNED;
                line.set_hardware(at, next);
                self.stamp_one(number, at, next);
                next += 1;
            }
        }
        moved
    }

    /// The numbers of all lines with sections, ascending by group, at the end of the way back.
    fn sort_lines(&self) -> &'m [AtomicU32] {
        let mut begin = self.reverse.len();
        for (number, line) in self.lines.iter().enumerate() {
            if line.mapped() != 0 && begin > 0 {
                begin -= 1;
                self.reverse[begin].store(number as u32, Relaxed);
            }
        }
        let sorted = &self.reverse[begin..];
        super::sort::sort_by_key(sorted, |number| self.lines[number as usize].key.load());
        sorted
    }

    /// Finds all runs, and returns how many there are.
    pub(super) fn link(&self) -> u32 {
        let mut runs = 0;
        for line in self.lines() {
            let mapped = line.mapped();
            let continues =
                |at: usize| mapped >> at & 3 == 3 && line.hardware(at) + 1 == line.hardware(at + 1);
            let last = GROUP as usize - 1;
            let ends = line.places().filter(|at| *at == last || !continues(*at));
            let ends = ends.fold(0, |ends, at| ends | 1_u32 << at);
            line.runs.store(u64::from(mapped) | u64::from(ends) << ENDS);
            runs += ends.count_ones();
        }
        for line in self.lines() {
            let next = line.group().and_then(|group| self.find(group + 1));
            if next.is_some_and(|next| line.goes_on_in(next)) {
                runs -= 1;
            } else {
                self.link_back_from(line);
            }
        }
        runs
    }

    /// Tells the lines below how far their last runs go on, beginning with a line whose own do not.
    fn link_back_from(&self, mut line: &'m Line) {
        while let Some(below) = line
            .group()
            .and_then(|group| self.find(group.checked_sub(1)?))
            .filter(|below| below.goes_on_in(line))
        {
            let tail = Line::run(line.runs.load(), 0);
            below.runs.store(below.runs.load() & u64::from(u32::MAX) | tail << TAIL);
            line = below;
        }
    }
}

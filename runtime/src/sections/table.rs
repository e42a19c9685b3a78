//! One side of a section map: a hash table of groups of sections, and the way back. Knows numbers of
//! sections and indices in the hardware's space, no addresses and no policies.
//!
//! A [`Line`] fills one cache line with [`GROUP`] consecutive sections, so that a translation is a
//! multiplication and one line of memory, whatever the distribution. Readers run while a writer scribbles:
//! all accesses are relaxed atomics, every index read from memory is checked, every loop is bounded by the
//! memory's size, and no arithmetic on what was read can overflow.

use crate::sync::{AtomicU16, AtomicU32, Ordering::Relaxed, Relaxed64};

/// Sections in a line: as many as fit in 64 bytes beside the number of the group, and a power of two.
pub(super) const GROUP: u64 = 8;
/// Places on the way back for each line, as many as the sections that [`capacity`] admits.
pub(super) const REVERSE: usize = 6;
/// More lines, and the places on the way back would not fit in 32 bits.
pub(super) const MOST_LINES: usize = (u32::MAX / GROUP as u32) as usize;
/// The hardware index of a section that has none yet.
pub(super) const UNASSIGNED: u32 = u32::MAX;

/// Where the length of a run does not fit in 16 bits: it follows from what is behind the line.
const LONG: u16 = u16::MAX;
/// The last section of a line.
const LAST: usize = GROUP as usize - 1;
/// 2^64 divided by the golden ratio: multiples of it are spread evenly, whatever the distance between
/// groups.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// What a group is found by: its number and 1, spread over 64 bits by an odd factor, so that nothing is
/// lost. Never 0.
#[inline(always)]
const fn key_of(group: u64, factor: u64) -> u64 {
    (group + 1).wrapping_mul(factor)
}

/// The factor that undoes an odd one. Each step of Newton's doubles the bits that are right, three at
/// first.
fn inverse_of(factor: u64) -> u64 {
    (0..5).fold(factor, |inverse, _| {
        inverse.wrapping_mul(2_u64.wrapping_sub(factor.wrapping_mul(inverse)))
    })
}

/// How many groups may live in so many lines at most: every search ends at a free one.
pub(super) const fn capacity(lines: usize) -> usize {
    lines / 4 * 3 + lines % 4 * 3 / 4
}

/// The lines that so many groups have at least, and those that they are given where there are fewer. With
/// half of them free, few groups are displaced; where there are few lines, being small counts more.
#[cfg(feature = "alloc")]
pub(super) const fn lines_for(groups: usize) -> (usize, usize) {
    if groups <= 12 {
        let lines = groups.div_ceil(3) * 4;
        (lines, lines)
    } else {
        (groups.saturating_add(groups / 2), groups.saturating_mul(2))
    }
}

/// Consecutive sections.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Line {
    /// That of the group; 0 where the line is free.
    key: Relaxed64,
    /// How many sections behind the line the run of its last section goes on for.
    beyond: AtomicU32,
    /// Where each section is, in sections from the base of the hardware's space.
    hardware: [AtomicU32; GROUP as usize],
    /// How many sections there are from each to the end of its run, [`LONG`] where they are as many or
    /// more; 0 where it is not mapped.
    runs: [AtomicU16; GROUP as usize],
}

const _: () = assert!(size_of::<Line>() == 64);

impl Line {
    pub(super) const fn new() -> Line {
        Line {
            key: Relaxed64::new(),
            beyond: AtomicU32::new(0),
            hardware: [const { AtomicU32::new(0) }; GROUP as usize],
            runs: [const { AtomicU16::new(0) }; GROUP as usize],
        }
    }

    /// A bit for each section that is mapped.
    pub(super) fn mapped(&self) -> u32 {
        (0..=LAST).fold(0, |mapped, at| mapped | u32::from(self.is_mapped(at)) << at)
    }

    /// The places of the sections that are mapped.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        (0..=LAST).filter(|at| self.is_mapped(*at))
    }

    pub(super) fn is_mapped(&self, at: usize) -> bool {
        self.runs[at].load(Relaxed) != 0
    }

    /// Maps and unmaps. Runs are forgotten: [`Table::link`] finds them.
    pub(super) fn set_mapped(&self, mapped: u32) {
        for (at, run) in self.runs.iter().enumerate() {
            run.store((mapped >> at & 1) as u16, Relaxed);
        }
    }

    #[inline(always)]
    pub(super) fn hardware(&self, at: usize) -> u32 {
        self.hardware[at].load(Relaxed)
    }

    pub(super) fn set_hardware(&self, at: usize, index: u32) {
        self.hardware[at].store(index, Relaxed);
    }

    /// How many sections there are from one to the end of its run, 0 where it is not mapped.
    #[inline(always)]
    fn run(&self, at: usize) -> u64 {
        match self.runs[at].load(Relaxed) {
            LONG => self.long_run(at),
            run => run.into(),
        }
    }

    #[cold]
    #[inline(never)]
    fn long_run(&self, at: usize) -> u64 {
        (GROUP - at as u64) + u64::from(self.beyond.load(Relaxed))
    }

    /// Says how far the run of the last section goes on, and so how long all are that reach it.
    /// Returns how many runs have a part in the line.
    fn set_runs(&self, beyond: u32) -> u32 {
        self.beyond.store(beyond, Relaxed);
        let (mut run, mut begins) = (u64::from(beyond), 0);
        for at in (0..=LAST).rev() {
            let continues = at == LAST || self.goes_on(at, self, at + 1);
            run = if continues { run + 1 } else { 1 };
            if self.is_mapped(at) {
                let short = u16::try_from(run).unwrap_or(LONG);
                self.runs[at].store(short, Relaxed);
                begins += u32::from(at == 0 || !self.goes_on(at - 1, self, at));
            } else {
                run = 0;
            }
        }
        begins
    }

    /// Whether a section of a line continues the run of one of this line, which is the one before.
    fn goes_on(&self, at: usize, next: &Line, next_at: usize) -> bool {
        self.is_mapped(at)
            && next.is_mapped(next_at)
            && self.hardware(at) + 1 == next.hardware(next_at)
    }
}

/// What is known about a side as a whole.
#[derive(Debug)]
pub(super) struct Header {
    /// What spreads groups over lines, see [`key_of`].
    factor: Relaxed64,
    /// What undoes it.
    inverse: Relaxed64,
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
            factor: Relaxed64::new(),
            inverse: Relaxed64::new(),
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
    /// Linear probing from [`home`].
    pub(super) lines: &'m [Line],
    /// For each hardware index: the number of the line times [`GROUP`], the place in it, and 1; 0 where
    /// nothing is mapped.
    pub(super) reverse: &'m [AtomicU32],
}

/// The line that a group is in unless others took it: the key's share of the whole.
#[inline(always)]
fn home(key: u64, lines: usize) -> usize {
    ((u128::from(key) * lines as u128) >> 64) as usize
}

/// The line of a group that is not at home: in the next ones, up to a free one.
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
    /// Where a section is mapped.
    #[inline(always)]
    pub(super) fn forward(&self, section: u64) -> Option<Found> {
        let at = (section % GROUP) as usize;
        let line = self.find(section / GROUP)?;
        let run = line.run(at);
        if run == 0 {
            return None;
        }
        Some(Found { section, hardware: line.hardware(at), run, epoch: self.header.epoch.load() })
    }

    /// Which section is mapped to a hardware index.
    #[inline]
    pub(super) fn backward(&self, hardware: u32) -> Option<Found> {
        let place = self.reverse.get(hardware as usize)?.load(Relaxed).checked_sub(1)?;
        let at = (place % GROUP as u32) as usize;
        let line = self.lines.get((place / GROUP as u32) as usize)?;
        let run = line.run(at);
        if run == 0 || line.hardware(at) != hardware {
            return None;
        }
        let section = self.group_of(line)?.wrapping_mul(GROUP).wrapping_add(at as u64);
        Some(Found { section, hardware, run, epoch: self.header.epoch.load() })
    }

    /// The first section that is mapped at a hardware index or above.
    pub(super) fn backward_from(&self, hardware: u32) -> Option<Found> {
        let rest = self.reverse.get(hardware as usize..)?;
        let free = rest.iter().position(|place| place.load(Relaxed) != 0)?;
        self.backward(hardware + free as u32)
    }

    #[inline(always)]
    fn key_of(&self, group: u64) -> u64 {
        key_of(group, self.header.factor.load())
    }

    /// The number of a line's group; `None` where the line is free.
    pub(super) fn group_of(&self, line: &Line) -> Option<u64> {
        line.key.load().wrapping_mul(self.header.inverse.load()).checked_sub(1)
    }

    /// A line that a group has, mapped sections or not.
    #[inline(always)]
    pub(super) fn find(&self, group: u64) -> Option<&'m Line> {
        let (key, lines) = (self.key_of(group), self.lines);
        let home = home(key, lines.len());
        let line = lines.get(home)?;
        if line.key.load() == key { Some(line) } else { find_displaced(lines, home, key) }
    }

    /// The line of a group, which is made if there is none. `None` only if every line has sections of
    /// others, which whoever keeps to [`capacity`] excludes.
    pub(super) fn insert(&self, group: u64) -> Option<&'m Line> {
        let key = self.key_of(group);
        let (below, above) = self.lines.split_at_checked(home(key, self.lines.len()))?;
        let mut vacant = None;
        for line in above.iter().chain(below) {
            match line.key.load() {
                present if present == key => return Some(line),
                // Left behind by a removal in the same change: probing goes on, since the group may come
                // later.
                present if line.mapped() == 0 => {
                    vacant = vacant.or(Some(line));
                    if present == 0 {
                        break;
                    }
                }
                _ => {}
            }
        }
        let line = vacant?;
        line.key.store(key);
        line.set_mapped(0);
        Some(line)
    }

    /// The lines that have sections.
    pub(super) fn lines(&self) -> impl Iterator<Item = &'m Line> {
        self.lines.iter().filter(|line| line.mapped() != 0)
    }

    /// Makes the side empty.
    pub(super) fn clear(&self) {
        for line in self.lines {
            line.key.store(0);
            line.set_mapped(0);
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
        self.choose_factor(other);
        for from in other.lines() {
            let group = other.group_of(from);
            let Some(to) = group.and_then(|group| self.insert(group)) else { continue };
            to.set_mapped(from.mapped());
            for at in from.places() {
                let hardware = from.hardware(at);
                to.set_hardware(at, hardware);
                self.take(hardware);
            }
        }
    }

    /// Finds out what spreads the groups of another side best: one line after the other, as for sections
    /// that are dense and then share pages and prefetches, or by the golden ratio. The way back, cleared,
    /// counts for it.
    fn choose_factor(&self, other: &Table<'_>) {
        let lines = self.lines.len().max(1);
        let displaced = |factor: u64| {
            self.clear_reverse();
            let groups = other.lines().filter_map(|line| other.group_of(line));
            let homes = groups.map(|group| home(key_of(group, factor), lines));
            homes
                .filter(|home| {
                    !self.is_free(*home as u32) || {
                        self.take(*home as u32);
                        false
                    }
                })
                .count()
        };
        let dense = (u64::MAX / lines as u64) | 1;
        let groups = other.lines().count();
        let is_dense = groups >= 8 && displaced(dense) <= displaced(GOLDEN);
        let factor = if is_dense { dense } else { GOLDEN };
        self.clear_reverse();
        self.header.factor.store(factor);
        self.header.inverse.store(inverse_of(factor));
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

    /// The limit of the hardware indices that are taken: above the highest.
    pub(super) fn limit(&self) -> usize {
        let taken = |place: &AtomicU32| place.load(Relaxed) != 0;
        self.reverse.iter().rposition(taken).map_or(0, |highest| highest + 1)
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

    /// Numbers all sections densely in the order of their addresses, and writes the way back. Returns
    /// whether a section has moved that had a number.
    ///
    /// The lines are sorted at the end of the way back. It is written from its beginning, and never
    /// overtakes what is still to be read: each line that is left stands for a place at least, and all
    /// sections fit.
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
        super::sort::sort_by_key(sorted, |number| {
            self.group_of(&self.lines[number as usize]).unwrap_or(0)
        });
        sorted
    }

    /// Finds all runs, and returns how many there are.
    pub(super) fn link(&self) -> u32 {
        let mut runs = 0;
        for line in self.lines() {
            let next = self.group_of(line).and_then(|group| self.find(group + 1));
            if !next.is_some_and(|next| line.goes_on(LAST, next, 0)) {
                runs += self.link_back_from(line);
            }
        }
        runs
    }

    /// Finds the runs in a line whose last section ends its run, and in the lines below as long as theirs
    /// go on. Returns how many runs there are in all of them.
    fn link_back_from(&self, mut line: &'m Line) -> u32 {
        let mut runs = line.set_runs(0);
        while let Some(below) = self
            .group_of(line)
            .and_then(|group| self.find(group.checked_sub(1)?))
            .filter(|below| below.goes_on(LAST, line, 0))
        {
            // The run that both have a part of is counted twice.
            runs += below.set_runs(line.run(0) as u32) - 1;
            line = below;
        }
        runs
    }
}

//! Bytes of an address space as sorted runs that neither overlap nor touch: what is allowed,
//! merged, less what is refused.

use inspect_format::walk::Reach;

/// Memory from `start` up to `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The address of the first byte.
    pub start: u64,
    /// One past the last byte; a run never reaches the very last address, which no process has.
    pub end: u64,
}

/// The runs in an array of the caller's.
#[derive(Debug)]
pub(crate) struct Runs<'w> {
    slots: &'w mut [Run],
    count: usize,
    /// Something was cut out of them.
    has_holes: bool,
}

impl Run {
    pub(crate) const ZERO: Self = Self { start: 0, end: 0 };

    /// `length` bytes at `address`, as far as the address space goes.
    pub(crate) fn new(address: u64, length: u64) -> Self {
        Self { start: address, end: address.saturating_add(length) }
    }

    /// How many bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

impl<'w> Runs<'w> {
    /// The union of `all`, which must not be more than there are slots.
    pub(crate) fn union(slots: &'w mut [Run], all: impl Iterator<Item = Run>) -> Self {
        Self::merged(slots, all, |last, next| next.start <= last.end)
    }

    /// The same with some that do not touch made one: `belongs` is asked of a run and the one that
    /// comes next, and must not keep apart what overlaps.
    pub(crate) fn merged(
        slots: &'w mut [Run],
        all: impl Iterator<Item = Run>,
        belongs: impl Fn(&Run, &Run) -> bool,
    ) -> Self {
        let mut used = 0;
        for (slot, run) in slots.iter_mut().zip(all.filter(|run| run.start < run.end)) {
            *slot = run;
            used += 1;
        }
        slots[..used].sort_unstable_by_key(|run| run.start);
        let mut count = 0;
        for index in 0..used {
            let run = slots[index];
            match slots[..count].last_mut() {
                Some(last) if belongs(last, &run) => last.end = last.end.max(run.end),
                _ => {
                    slots[count] = run;
                    count += 1;
                }
            }
        }
        Self { slots, count, has_holes: false }
    }

    pub(crate) fn as_slice(&self) -> &[Run] {
        &self.slots[..self.count]
    }

    /// Whether something was cut out of them, so that not every byte is there that was put in.
    pub(crate) fn has_holes(&self) -> bool {
        self.has_holes
    }

    /// Keeps some: of all that are left, `is_kept` says how many of the first are, and the first is
    /// not where that is none.
    pub(crate) fn retain(&mut self, is_kept: impl Fn(&[Run]) -> usize) {
        let (mut kept, mut next) = (0, 0);
        while next < self.count {
            let found = is_kept(&self.slots[next..self.count]).min(self.count - next);
            self.slots.copy_within(next..next + found, kept);
            kept += found;
            next += found.max(1);
        }
        self.count = kept;
    }

    /// Takes bytes out. Where a run falls in two and there is no slot for the second part, that one
    /// is gone too: rather too little than what is refused.
    pub(crate) fn cut(&mut self, hole: Run) {
        if hole.start >= hole.end {
            return;
        }
        let first = self.slots[..self.count].partition_point(|run| run.end <= hole.start);
        let beyond = self.slots[..self.count].partition_point(|run| run.start < hole.end);
        if first >= beyond {
            return;
        }
        self.has_holes = true;
        let left = Run { start: self.slots[first].start, end: hole.start };
        let right = Run { start: hole.end, end: self.slots[beyond - 1].end };
        let mut kept = [Run::ZERO; 2];
        let mut count = 0;
        for part in [left, right] {
            if part.start < part.end {
                kept[count] = part;
                count += 1;
            }
        }
        if self.count - (beyond - first) + count > self.slots.len() {
            count -= 1;
        }
        // What stands behind the runs that the hole touches moves to behind what is left of them.
        self.slots.copy_within(beyond..self.count, first + count);
        self.slots[first..first + count].copy_from_slice(&kept[..count]);
        self.count = self.count - (beyond - first) + count;
    }

    /// Takes out what may belong to something that must not be seen.
    pub(crate) fn cut_reach(&mut self, reach: Reach) {
        if let Some(hole) = reach.hole(|address| self.end_of(address)) {
            self.cut(Run { start: hole.start, end: hole.end });
        }
    }

    /// Where the run ends that holds an address.
    pub(crate) fn end_of(&self, address: u64) -> Option<u64> {
        self.holding(address).map(|run| run.end)
    }

    /// How many bytes from `address` on are in one run.
    pub(crate) fn covered(&self, address: u64) -> u64 {
        self.holding(address).map_or(0, |run| run.end - address)
    }

    fn holding(&self, address: u64) -> Option<Run> {
        let index = self.as_slice().partition_point(|run| run.end <= address);
        self.as_slice().get(index).filter(|run| run.start <= address).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn run(start: u64, end: u64) -> Run {
        Run { start, end }
    }

    #[test]
    fn a_cut_in_the_middle_without_a_slot_loses_the_second_part() {
        let mut slots = [Run::ZERO; 1];
        let mut runs = Runs::union(&mut slots, [run(10, 20)].into_iter());
        runs.cut(run(12, 14));
        assert_eq!(runs.as_slice(), [run(10, 12)]);
        runs.cut(run(0, 100));
        assert_eq!(runs.as_slice(), []);
        runs.cut(run(0, 100));
    }

    #[test]
    fn a_cut_of_unknown_length_ends_with_the_run() {
        let mut slots = [Run::ZERO; 4];
        let all = [run(10, 20), run(15, 40), run(50, 60)];
        let mut runs = Runs::union(&mut slots, all.into_iter());
        runs.cut_reach(Reach::From(12));
        runs.cut_reach(Reach::From(45));
        assert_eq!(runs.as_slice(), [run(10, 12), run(50, 60)]);
    }

    proptest! {
        /// Against a set of bytes.
        #[test]
        fn runs_are_the_bytes_of_the_definition(
            allowed in prop::collection::vec((0_u64..60, 0_u64..12), 0..12),
            refused in prop::collection::vec((0_u64..60, 0_u64..9), 0..12),
            spare in 0_usize..14,
        ) {
            let mut expected = [false; 80];
            let mut slots = alloc::vec![Run::ZERO; allowed.len() + spare];
            let all = allowed.iter().map(|(start, length)| Run::new(*start, *length));
            all.clone().for_each(|run| expected[run.start as usize..run.end as usize].fill(true));
            let mut runs = Runs::union(&mut slots, all);
            for (start, length) in refused {
                let hole = Run::new(start, length);
                expected[hole.start as usize..hole.end as usize].fill(false);
                runs.cut(hole);
            }
            let found: Vec<bool> = (0..80).map(|byte| runs.covered(byte) > 0).collect();
            for byte in 0..80 {
                // Without spare slots something may be missing; never is there anything more.
                prop_assert!(found[byte] <= expected[byte], "byte {byte} is refused");
                prop_assert!(spare < 13 || found[byte] == expected[byte], "byte {byte} is allowed");
            }
            let separate = runs.as_slice().windows(2).all(|pair| pair[0].end < pair[1].start);
            prop_assert!(separate && runs.as_slice().iter().all(|run| run.start < run.end));
        }
    }
}

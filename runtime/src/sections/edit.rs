//! Changing a section map: a draft on the side that no reader looks at, then all of it at once, or nothing.
//! Knows policies and the space; what stands on a side is the table's affair.

use core::ops::RangeInclusive;

use super::memory::{Memory, NoRoom, Room};
use super::outcome::{Change, ChangeError, Parts, Published};
use super::table::{GROUP, LINE, Line, Table, groups_in};
use super::{SectionMap, Writer};
use crate::policy::Partial;
use crate::regions::{Address, Range};
use crate::sync::Ordering::Relaxed;

/// Changes of a map that become visible together by [`Edit::commit`], or not at all. Each step is all or
/// nothing in itself: after one that failed, the edit stands as it was before and may go on.
#[derive(Debug)]
pub struct Edit<'w, M: Memory> {
    map: &'w SectionMap<M>,
    /// The side that is being written.
    side: usize,
    table: Table<'w>,
    sections: u64,
    /// Groups and lines that have sections.
    used: Used,
    /// Where a stable assignment looks for room first.
    cursor: u32,
    changed: bool,
    /// Something that was mapped is not, or is elsewhere.
    invalidated: bool,
}

/// What sections take: groups count where room is promised, and lines are what there has to be.
#[derive(Clone, Copy, Debug)]
struct Used {
    groups: usize,
    lines: usize,
}

/// Sections by their numbers; at least one.
type Sections = RangeInclusive<u64>;

impl<'w, M: Memory> Edit<'w, M> {
    pub(super) fn begin(writer: &'w mut Writer<'_, M>) -> Result<Edit<'w, M>, ChangeError> {
        let map = writer.map;
        let live = map.memory.table(map.flip.live());
        let side = map.flip.begin();
        let used = Used {
            groups: live.header.groups.load(Relaxed) as usize,
            lines: live.header.lines.load(Relaxed) as usize,
        };
        let room = Room { lines: used.lines, indices: live.limit(), window: 0, stable: map.stable };
        let no_memory = |_| ChangeError::OutOfMemory { groups: used.groups as u64 };
        let table = map.memory.make_room(side, room).map_err(no_memory)?;
        table.copy_from(&live, map.stable);
        let sections = live.header.sections.load(Relaxed).into();
        Ok(Edit { map, side, table, sections, used, cursor: 0, changed: false, invalidated: false })
    }

    /// Maps the sections of a range that are not mapped yet. Parts of sections at its ends are refused,
    /// left out or taken whole, as the space says, and reported.
    pub fn add(&mut self, range: Range) -> Result<Change, ChangeError> {
        let inward = self.map.space.partial == Partial::RoundIn;
        let (sections, mut change) = self.round(range, inward)?;
        let Some(sections) = sections else { return Ok(change) };
        let (present, used) = self.room_for(&sections)?;
        change.unchanged = present;
        change.changed = sections.end() - sections.start() + 1 - present;
        if change.changed == 0 {
            return Ok(change);
        }
        let total = self.sections + change.changed;
        if total > self.map.most_sections {
            let most = self.map.most_sections;
            return Err(ChangeError::HardwareSpace { sections: total, most });
        }
        self.make_room(used, total)?;
        let mut from = Some(*sections.start());
        while let Some(run) = from.and_then(|from| self.unmapped_run(from..=*sections.end())) {
            from = run.end().checked_add(1);
            self.map_run(run);
        }
        (self.sections, self.used) = (total, used);
        self.changed = true;
        Ok(change)
    }

    /// Unmaps the sections of a range that are mapped. A section of which only a part is in the range goes
    /// as a whole, and that is reported: what is left would let the hardware reach memory that is gone.
    /// Where the space rejects parts of sections, it is refused.
    pub fn remove(&mut self, range: Range) -> Result<Change, ChangeError> {
        let (sections, mut change) = self.round(range, false)?;
        let Some(sections) = sections else { return Ok(change) };
        let lines = lines_of(&sections);
        let table = self.table;
        let removed: u64 = if lines.end() - lines.start() < table.lines.len() as u64 {
            let lines = lines.filter_map(|number| table.find(number));
            lines.map(|line| self.unmap(line, &sections)).sum()
        } else {
            table.lines().map(|line| self.unmap(line, &sections)).sum()
        };
        // All sections of a space of single bytes are one more than a number can say.
        let all = u128::from(sections.end() - sections.start()) + 1;
        change.unchanged = u64::try_from(all - u128::from(removed)).unwrap_or(u64::MAX);
        change.changed = removed;
        self.changed |= removed > 0;
        self.invalidated |= removed > 0;
        Ok(change)
    }

    /// Makes the changes visible to readers, all at once. Where they would need more regions than the
    /// hardware takes, nothing changes. Without changes, the epoch stays.
    pub fn commit(self) -> Result<Published, ChangeError> {
        if !self.changed {
            let live = self.map.memory.table(self.map.flip.live()).header;
            return Ok(Published { epoch: live.epoch.load(), regions: live.runs.load(Relaxed) });
        }
        self.publish()
    }

    pub(super) fn publish(mut self) -> Result<Published, ChangeError> {
        let stable = self.map.stable;
        let chosen = || self.table.choose_window(self.sections, stable);
        let window = M::HAS_WINDOW.then(chosen).flatten();
        if let Some(window) = window {
            let (lines, indices) = (self.used.lines, self.sections as usize);
            // Without memory for a window, readers look at the lines.
            let _ = self.move_to(Room { lines, indices, window: window.len(), stable });
        }
        if stable {
            self.table.settle();
        } else {
            self.table.number();
        }
        let regions = self.table.link(stable);
        if let Some(max_regions) = self.map.space.max_regions.filter(|most| *most < regions) {
            return Err(ChangeError::Budget { regions, max_regions });
        }
        let invalidated = self.invalidated || self.moved();
        if let Some(window) = window {
            self.table.fill_window(window, stable);
        }
        let live = self.map.memory.table(self.map.flip.live()).header;
        let epoch = live.epoch.load() + u64::from(invalidated);
        let header = self.table.header;
        header.epoch.store(epoch);
        header.sections.store(self.sections as u32, Relaxed);
        header.groups.store(self.used.groups as u32, Relaxed);
        header.lines.store(self.used.lines as u32, Relaxed);
        header.runs.store(regions, Relaxed);
        self.map.flip.publish();
        Ok(Published { epoch, regions })
    }

    /// Whether additions moved something: then the last section that the live side has moved furthest.
    fn moved(&self) -> bool {
        let live = self.map.memory.table(self.map.flip.live());
        let last = live.header.sections.load(Relaxed).checked_sub(1);
        let Some(last) = last.filter(|_| !self.map.stable) else { return false };
        let before = live.backward(last);
        let after = before.and_then(|before| self.table.forward(before.section, false));
        after.is_none_or(|after| after.hardware != last)
    }

    /// The whole sections of a range, and what that leaves out or takes too.
    fn round(&self, range: Range, inward: bool) -> Result<(Option<Sections>, Change), ChangeError> {
        let section_size = self.map.space.section_size;
        let begin = |address: Address| Address(address.0 & !(section_size - 1));
        let end = |address: Address| Address(address.0 | (section_size - 1));
        let number = |address: Address| address.0 >> self.map.shift;
        let (first, last) = (range.first(), range.last());
        let (cut_head, cut_tail) = (begin(first) != first, end(last) != last);
        let mut change = Change::default();
        if !cut_head && !cut_tail {
            return Ok((Some(number(first)..=number(last)), change));
        }
        if self.map.space.partial == Partial::Reject {
            return Err(ChangeError::Partial { range, section_size });
        }
        if !inward {
            let below = first.checked_sub(1).and_then(|last| Range::between(begin(first), last));
            let above = last.checked_add(1).and_then(|first| Range::between(first, end(last)));
            change.taken_too = Parts { head: below, tail: above };
            return Ok((Some(number(first)..=number(last)), change));
        }
        if number(first) == number(last) {
            change.left_out.head = Some(range);
            return Ok((None, change));
        }
        // They lie in different sections, so that neither number can overflow.
        let whole = number(first) + u64::from(cut_head)..=number(last) - u64::from(cut_tail);
        change.left_out = Parts {
            head: Range::between(first, end(first)).filter(|_| cut_head),
            tail: Range::between(begin(last), last).filter(|_| cut_tail),
        };
        Ok((Some(whole).filter(|whole| !whole.is_empty()), change))
    }

    /// How many of some sections are mapped, and what will be in use with all of them, if there is room.
    fn room_for(&self, sections: &Sections) -> Result<(u64, Used), ChangeError> {
        let capacity = self.map.memory.most_groups() as u64;
        let groups = sections.end() / GROUP - sections.start() / GROUP + 1;
        if groups > capacity {
            return Err(ChangeError::Full { groups, capacity });
        }
        let (mut present, mut used) = (0, self.used);
        for number in lines_of(sections) {
            let mapped = self.table.find(number).map_or(0, Line::mapped);
            let wanted = places_of(sections, number);
            present += u64::from((mapped & wanted).count_ones());
            used.groups += groups_in(mapped | wanted) - groups_in(mapped);
            used.lines += usize::from(mapped == 0);
        }
        let groups = used.groups as u64;
        if groups > capacity {
            Err(ChangeError::Full { groups, capacity })
        } else {
            Ok((present, used))
        }
    }

    /// Sees to it that so much fits on the side, if need be on a larger one, and then on one that has room
    /// for all indices of this one.
    fn make_room(&mut self, used: Used, sections: u64) -> Result<(), ChangeError> {
        let no_memory = |_| ChangeError::OutOfMemory { groups: used.groups as u64 };
        // At most four thousand million, see `bounds`.
        let stable = self.map.stable;
        let room = Room { lines: used.lines, indices: sections as usize, window: 0, stable };
        self.move_to(room).map_err(no_memory)
    }

    fn move_to(&mut self, room: Room) -> Result<(), NoRoom> {
        let table = self.map.memory.make_room(self.side, room)?;
        if !core::ptr::eq(table.header, self.table.header) {
            table.copy_from(&self.table, self.map.stable);
            self.table = table;
        }
        Ok(())
    }

    /// The first sections of some that are not mapped, as many as follow each other.
    fn unmapped_run(&self, sections: Sections) -> Option<Sections> {
        let last = *sections.end();
        let first = sections.clone().find(|section| !self.is_mapped(*section))?;
        let mut end = first;
        while end < last && !self.is_mapped(end + 1) {
            end += 1;
        }
        Some(first..=end)
    }

    fn is_mapped(&self, section: u64) -> bool {
        self.table.find(section / LINE).is_some_and(|line| line.is_mapped(section % LINE))
    }

    /// Maps consecutive sections, none of which is: with hardware indices if they are to stay, otherwise
    /// numbering will give them some.
    fn map_run(&mut self, run: Sections) {
        let (first, last) = run.into_inner();
        if !self.map.stable {
            return self.map_piece(first..=last, None);
        }
        let mut section = first;
        loop {
            let most = (last - section).min(u64::from(u32::MAX) - 1) as u32 + 1;
            let (start, count) = self.find_room(section, most);
            let end = section + u64::from(count - 1);
            self.map_piece(section..=end, Some(start));
            if end >= last {
                return;
            }
            section = end + 1;
        }
    }

    /// Maps consecutive sections, none of which is, to hardware indices from one on.
    fn map_piece(&mut self, sections: Sections, start: Option<u32>) {
        for number in lines_of(&sections) {
            // `make_room` has made sure that there is a line.
            let Some((index, line)) = self.table.insert(number) else { return };
            let wanted = places_of(&sections, number);
            line.set_mapped(line.mapped() | wanted);
            let Some(start) = start else { continue };
            for at in (0..LINE).filter(|at| wanted >> at & 1 == 1) {
                let offset = number * LINE + at - sections.start();
                self.table.assign(index, at, start + offset as u32);
            }
        }
    }

    /// Unmaps those of some sections that are in a line, and returns how many were mapped.
    fn unmap(&mut self, line: &Line, sections: &Sections) -> u64 {
        let Some(number) = self.table.number_of(line) else { return 0 };
        let mapped = line.mapped();
        let gone = mapped & places_of(sections, number);
        if gone == 0 {
            return 0;
        }
        if self.map.stable {
            self.table.release(line, gone);
        }
        line.set_mapped(mapped & !gone);
        self.used.groups -= groups_in(mapped) - groups_in(mapped & !gone);
        self.used.lines -= usize::from(mapped == gone);
        let removed = u64::from(gone.count_ones());
        self.sections -= removed;
        removed
    }

    /// Where so many sections go that stay where they are put, and how many of them: all, wherever there is
    /// a gap that takes them, and then best beside their neighbours, so that the hardware needs no region
    /// more.
    fn find_room(&mut self, section: u64, count: u32) -> (u32, u32) {
        let below = section.checked_sub(1).and_then(|below| self.table.assigned_to(below));
        let above =
            section.checked_add(count.into()).and_then(|above| self.table.assigned_to(above));
        let beside = below
            .map(|below| below + 1)
            .into_iter()
            .chain(above.and_then(|above| above.checked_sub(count)))
            .find(|start| self.free_from(*start, count) == count);
        if let Some(start) = beside {
            return (start, count);
        }
        let first_fit = self.gap(self.cursor, count).or_else(|| self.gap(0, count));
        if let Some(start) = first_fit {
            self.cursor = start + count;
            return (start, count);
        }
        // Room enough there is, since all sections were counted, but not in one place.
        let start = self.gap(0, 1).unwrap_or(0);
        (start, self.free_from(start, count).max(1))
    }

    /// The first free index from which on so many are free.
    fn gap(&self, from: u32, count: u32) -> Option<u32> {
        let end = (self.table.reverse.len() as u64).min(self.map.most_sections) as u32;
        let mut start = from;
        while start < end {
            let free = self.free_from(start, count);
            if free == count {
                return Some(start);
            }
            start += free + 1;
        }
        None
    }

    /// How many indices are free from one on, up to so many.
    fn free_from(&self, start: u32, most: u32) -> u32 {
        let fits = self.map.most_sections.saturating_sub(start.into()).min(most.into()) as u32;
        (0..fits).find(|offset| !self.table.is_free(start + offset)).unwrap_or(fits)
    }
}

fn lines_of(sections: &Sections) -> RangeInclusive<u64> {
    sections.start() / LINE..=sections.end() / LINE
}

/// A bit for each place in a line that some sections have.
fn places_of(sections: &Sections, number: u64) -> u64 {
    let base = number * LINE;
    if *sections.end() < base || *sections.start() > base.saturating_add(LINE - 1) {
        return 0;
    }
    let low = sections.start().saturating_sub(base);
    let high = (sections.end() - base).min(LINE - 1);
    u64::MAX >> (LINE - 1 - high) & u64::MAX << low
}

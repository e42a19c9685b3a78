//! Changing a section map: a draft on the side that no reader looks at, then all of it at once, or nothing.
//! Knows policies and the space; what stands on a side is the table's affair.

use core::ops::RangeInclusive;

use super::memory::Memory;
use super::outcome::{Change, ChangeError, Parts, Published};
use super::table::{GROUP, Line, Table, UNASSIGNED};
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
    /// Lines of the table that have sections.
    groups: usize,
    /// Where a stable assignment looks for room first.
    cursor: u32,
    changed: bool,
    /// Something that was mapped is not, or is elsewhere.
    invalidated: bool,
}

/// Sections by their numbers; at least one.
type Sections = RangeInclusive<u64>;

impl<'w, M: Memory> Edit<'w, M> {
    pub(super) fn begin(writer: &'w mut Writer<'_, M>) -> Result<Edit<'w, M>, ChangeError> {
        let map = writer.map;
        let live = map.memory.table(map.flip.live());
        let side = map.flip.begin();
        let groups = live.header.groups.load(Relaxed) as usize;
        let no_memory = |_| ChangeError::OutOfMemory { groups: groups as u64 };
        let table = map.memory.make_room(side, groups, live.limit()).map_err(no_memory)?;
        table.copy_from(&live);
        let sections = live.header.sections.load(Relaxed).into();
        Ok(Edit {
            map,
            side,
            table,
            sections,
            groups,
            cursor: 0,
            changed: false,
            invalidated: false,
        })
    }

    /// Maps the sections of a range that are not mapped yet. Parts of sections at its ends are refused,
    /// left out or taken whole, as the space says, and reported.
    pub fn add(&mut self, range: Range) -> Result<Change, ChangeError> {
        let inward = self.map.space.partial == Partial::RoundIn;
        let (sections, mut change) = self.round(range, inward)?;
        let Some(sections) = sections else { return Ok(change) };
        let (present, fresh_groups) = self.room_for(&sections)?;
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
        self.make_room(self.groups + fresh_groups)?;
        let mut from = Some(*sections.start());
        while let Some(run) = from.and_then(|from| self.unmapped_run(from..=*sections.end())) {
            from = run.end().checked_add(1);
            self.map_run(run);
        }
        (self.sections, self.groups) = (total, self.groups + fresh_groups);
        self.changed = true;
        Ok(change)
    }

    /// Unmaps the sections of a range that are mapped. A section of which only a part is in the range goes
    /// as a whole, and that is reported: what is left would let the hardware reach memory that is gone.
    /// Where the space rejects parts of sections, it is refused.
    pub fn remove(&mut self, range: Range) -> Result<Change, ChangeError> {
        let (sections, mut change) = self.round(range, false)?;
        let Some(sections) = sections else { return Ok(change) };
        let groups = groups_of(&sections);
        let table = self.table;
        let removed: u64 = if groups.end() - groups.start() < table.lines.len() as u64 {
            let lines = groups.filter_map(|group| table.find(group));
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

    pub(super) fn publish(self) -> Result<Published, ChangeError> {
        let mut invalidated = self.invalidated;
        if self.map.space.stable {
            self.table.stamp();
        } else {
            invalidated |= self.table.number();
        }
        let regions = self.table.link();
        if let Some(max_regions) = self.map.space.max_regions.filter(|most| *most < regions) {
            return Err(ChangeError::Budget { regions, max_regions });
        }
        let live = self.map.memory.table(self.map.flip.live()).header;
        let epoch = live.epoch.load() + u64::from(invalidated);
        let header = self.table.header;
        header.epoch.store(epoch);
        header.sections.store(self.sections as u32, Relaxed);
        header.groups.store(self.groups as u32, Relaxed);
        header.runs.store(regions, Relaxed);
        self.map.flip.publish();
        Ok(Published { epoch, regions })
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

    /// How many of some sections are mapped, and how many groups have none yet, if there is room for all.
    fn room_for(&self, sections: &Sections) -> Result<(u64, usize), ChangeError> {
        let capacity = self.map.memory.most_groups();
        let groups = groups_of(sections);
        let count = groups.end() - groups.start() + 1;
        if count > capacity as u64 {
            return Err(ChangeError::Full { groups: count, capacity: capacity as u64 });
        }
        let (mut present, mut fresh) = (0, 0);
        for group in groups {
            let mapped = self.table.find(group).map_or(0, Line::mapped);
            present += u64::from((mapped & places_of(sections, group)).count_ones());
            fresh += usize::from(mapped == 0);
        }
        let groups = self.groups + fresh;
        if groups > capacity {
            let capacity = capacity as u64;
            return Err(ChangeError::Full { groups: groups as u64, capacity });
        }
        Ok((present, fresh))
    }

    /// Sees to it that so many groups fit on the side, if need be on a larger one, and then on one that has
    /// room for all indices of this one.
    fn make_room(&mut self, groups: usize) -> Result<(), ChangeError> {
        let no_memory = |_| ChangeError::OutOfMemory { groups: groups as u64 };
        let table = self.map.memory.make_room(self.side, groups, 0).map_err(no_memory)?;
        if !core::ptr::eq(table.header, self.table.header) {
            table.copy_from(&self.table);
            self.table = table;
        }
        Ok(())
    }

    /// The first sections of some that are not mapped, as many as follow each other.
    fn unmapped_run(&self, sections: Sections) -> Option<Sections> {
        let last = *sections.end();
        let first = sections.clone().find(|section| self.hardware_of(*section).is_none())?;
        let mut end = first;
        while end < last && self.hardware_of(end + 1).is_none() {
            end += 1;
        }
        Some(first..=end)
    }

    fn hardware_of(&self, section: u64) -> Option<u32> {
        let line = self.table.find(section / GROUP)?;
        let at = (section % GROUP) as usize;
        line.is_mapped(at).then(|| line.hardware(at))
    }

    /// Maps consecutive sections, none of which is: with hardware indices if they are to stay, otherwise
    /// numbering will give them some.
    fn map_run(&mut self, run: Sections) {
        let (first, last) = run.into_inner();
        let mut section = first;
        while section <= last {
            let most = (last - section + 1).min(u32::MAX.into()) as u32;
            let (start, count) = if self.map.space.stable {
                self.find_room(section, most)
            } else {
                (UNASSIGNED, most)
            };
            for offset in 0..count {
                self.map_one(section + u64::from(offset), start.saturating_add(offset));
            }
            match section.checked_add(count.into()) {
                Some(next) => section = next,
                None => return,
            }
        }
    }

    fn map_one(&mut self, section: u64, hardware: u32) {
        // `make_room` has made sure that there is a line.
        let Some(line) = self.table.insert(section / GROUP) else { return };
        let at = (section % GROUP) as usize;
        line.set_hardware(at, hardware);
        line.set_mapped(line.mapped() | 1 << at);
        if self.map.space.stable {
            self.table.take(hardware);
        }
    }

    /// Unmaps those of some sections that are in a line, and returns how many were mapped.
    fn unmap(&mut self, line: &Line, sections: &Sections) -> u64 {
        let Some(group) = self.table.group_of(line) else { return 0 };
        let (mapped, wanted) = (line.mapped(), places_of(sections, group));
        if self.map.space.stable {
            line.places()
                .filter(|at| wanted >> at & 1 == 1)
                .for_each(|at| self.table.release(line.hardware(at)));
        }
        line.set_mapped(mapped & !wanted);
        self.groups -= usize::from(mapped != 0 && mapped & !wanted == 0);
        let removed = u64::from((mapped & wanted).count_ones());
        self.sections -= removed;
        removed
    }

    /// Where so many sections go that stay where they are put, and how many of them: all, wherever there is
    /// a gap that takes them, and then best beside their neighbours, so that the hardware needs no region
    /// more.
    fn find_room(&mut self, section: u64, count: u32) -> (u32, u32) {
        let below = section.checked_sub(1).and_then(|below| self.hardware_of(below));
        let above = section.checked_add(count.into()).and_then(|above| self.hardware_of(above));
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

fn groups_of(sections: &Sections) -> RangeInclusive<u64> {
    sections.start() / GROUP..=sections.end() / GROUP
}

/// A bit for each place in a group that some sections have.
fn places_of(sections: &Sections, group: u64) -> u32 {
    let base = group * GROUP;
    if *sections.end() < base || *sections.start() > base.saturating_add(GROUP - 1) {
        return 0;
    }
    let low = sections.start().saturating_sub(base);
    let high = (sections.end() - base).min(GROUP - 1);
    ((1_u32 << (high + 1)) - 1) & !((1_u32 << low) - 1)
}

//! The dynamic relocations of a linked file: what the loader will write, and how to take some of it away.
//!
//! Loaders walk three tables by the addresses and sizes in the dynamic section: REL or RELA, and RELR, which
//! is a compressed list of places. A relocation is removed by closing the gap: an empty one in its place makes
//! some loaders stop, and so does one that stands there twice.

use std::ops::Range;

use object::elf;

use super::elf::{Elf, HeaderField, Relocation, broken};
use super::finding::{Finding, Result};
use super::image::{Edits, Target};
use crate::diag::Code;

/// What the loader will do to the file.
#[derive(Debug)]
pub(super) struct Dynamic {
    table: Option<Table>,
    compressed: Option<Compressed>,
    /// What stands in each place, in ascending order.
    places: Vec<(u64, Target)>,
}

/// The table of REL or RELA relocations.
#[derive(Debug)]
struct Table {
    /// In memory.
    addresses: Range<u64>,
    /// In the file.
    range: Range<usize>,
    has_addends: bool,
    relocations: Vec<Relocation>,
    /// Where its size stands in the file.
    size_at: usize,
    /// How many at its beginning need no symbol, and where that stands.
    count: Option<(u64, usize)>,
}

/// The table of RELR relocations.
#[derive(Debug)]
struct Compressed {
    range: Range<usize>,
    places: Vec<u64>,
}

/// A relocation that is to be made instead of others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moved {
    pub(super) address: u64,
    pub(super) symbol: u32,
    pub(super) addend: i64,
}

impl Dynamic {
    /// Reads all of it.
    pub(super) fn read(elf: &Elf<'_>) -> Result<Self> {
        let entries = elf.dynamic()?;
        let entry = |tag: elf::DynamicTag| entries.iter().find(|(it, ..)| *it == tag.0);
        let value = |tag| entry(tag).map(|(_, value, _)| *value);
        let unusual = [elf::DT_ANDROID_REL, elf::DT_ANDROID_RELA, elf::DT_ANDROID_RELR];
        if unusual.into_iter().any(|tag| entry(tag).is_some()) {
            return Err(Finding::new(
                Code::E0902,
                "its dynamic relocations are packed for Android",
            )
            .help("link it without `--pack-dyn-relocs=android`, pack it, or pack its objects"));
        }
        let tables = [
            (elf::DT_REL, elf::DT_RELSZ, elf::DT_RELCOUNT, false),
            (elf::DT_RELA, elf::DT_RELASZ, elf::DT_RELACOUNT, true),
        ];
        let mut table = None;
        for (start, size, count, has_addends) in tables {
            let (Some(start), Some((_, size, size_at))) = (value(start), entry(size)) else {
                continue;
            };
            let mut size = *size;
            // Some linkers count the relocations of the procedure linkage table in.
            if let (Some(linkage), Some(length)) = (value(elf::DT_JMPREL), value(elf::DT_PLTRELSZ))
                && length > 0
                && linkage.checked_add(length) == start.checked_add(size)
            {
                size = size.saturating_sub(length);
            }
            let range = elf.range_at(start, size);
            let range = range.ok_or_else(|| broken("its relocations lie outside it"))?;
            let relocations = elf.relocations_in(range.clone(), has_addends)?;
            let count = entry(count).map(|(_, value, at)| (*value, *at));
            let addresses = start..start.saturating_add(size);
            let found =
                Table { addresses, range, has_addends, relocations, size_at: *size_at, count };
            if table.replace(found).is_some() {
                return Err(broken("it has both REL and RELA relocations"));
            }
        }
        let compressed = match (value(elf::DT_RELR), value(elf::DT_RELRSZ)) {
            (Some(start), Some(size)) => {
                let range = elf.range_at(start, size);
                let range = range.ok_or_else(|| broken("its RELR lies outside it"))?;
                let places = expand(elf, range.clone())?;
                Some(Compressed { range, places })
            }
            _ => None,
        };
        let mut dynamic = Self { table, compressed, places: Vec::new() };
        dynamic.places = dynamic.collect(elf)?;
        Ok(dynamic)
    }

    /// What the loader makes of the pointer at an address; what stands there if it leaves it alone.
    pub(super) fn pointer(&self, elf: &Elf<'_>, address: u64) -> Target {
        if let Ok(index) = self.places.binary_search_by_key(&address, |(at, _)| *at) {
            return self.places[index].1;
        }
        match in_place(elf, address) {
            None | Some(0) => Target::Null,
            Some(value) => Target::Address(value),
        }
    }

    /// What the loader makes of the pointers in a range.
    pub(super) fn pointers(&self, range: &Range<u64>) -> &[(u64, Target)] {
        let first = self.places.partition_point(|(at, _)| *at < range.start);
        let end = self.places.partition_point(|(at, _)| *at < range.end);
        &self.places[first..end]
    }

    /// Takes away what is in `range`, and makes `moved` instead.
    pub(super) fn replace(
        &self,
        elf: &Elf<'_>,
        range: &Range<u64>,
        moved: &[Moved],
        edits: &mut Edits,
    ) -> Result<()> {
        if let Some(compressed) = &self.compressed {
            compressed.remove(elf, range, edits)?;
        }
        match &self.table {
            Some(table) => table.replace(elf, range, moved, edits),
            None if moved.is_empty() => Ok(()),
            None => Err(broken("it has no relocations, but symbols that need some")),
        }
    }

    /// Every place that the loader writes to. What it does to places without annotations is none of ours,
    /// but for pointers.
    fn collect(&self, elf: &Elf<'_>) -> Result<Vec<(u64, Target)>> {
        let mut places = Vec::new();
        let machine = &elf.machine;
        for relocation in self.table.iter().flat_map(|table| &table.relocations) {
            let Relocation { offset, symbol, kind, addend } = *relocation;
            let addend = match addend {
                Some(addend) => addend,
                None => in_place(elf, offset).unwrap_or(0) as i64,
            };
            let is_symbolic = machine.is_pointer(kind) && symbol != 0;
            if is_symbolic {
                places.push((offset, Target::Symbol { symbol, addend }));
            } else if kind == machine.relative || machine.is_pointer(kind) {
                places.push((offset, Target::Address(truncate(elf, addend as u64))));
            }
        }
        for &offset in self.compressed.iter().flat_map(|it| &it.places) {
            let value = in_place(elf, offset);
            let value = value.ok_or_else(|| broken("RELR leads outside it"))?;
            places.push((offset, Target::Address(value)));
        }
        places.sort_by_key(|(at, _)| *at);
        Ok(places)
    }

    /// A relocation in `range` that is no pointer.
    pub(super) fn stranger(&self, elf: &Elf<'_>, range: &Range<u64>) -> Option<Relocation> {
        let all = self.table.iter().flat_map(|table| &table.relocations);
        let kinds = |kind| kind == elf.machine.relative || elf.machine.is_pointer(kind);
        all.copied().find(|it| range.contains(&it.offset) && it.kind != 0 && !kinds(it.kind))
    }
}

impl Table {
    /// Closes the gaps that the removed ones leave. Sections within the table become shorter and move up; what
    /// is free at its end becomes zero.
    fn replace(
        &self,
        elf: &Elf<'_>,
        removed: &Range<u64>,
        moved: &[Moved],
        edits: &mut Edits,
    ) -> Result<()> {
        let is_kept = |it: &Relocation| !removed.contains(&it.offset) || it.kind == 0;
        let total = self.relocations.len();
        let mut kept = Vec::with_capacity(total);
        // What was moved stands where the first of those that went away and needed symbols stood, so that
        // those without symbols stay together at the beginning.
        let mut moved = moved.iter();
        let mut without_symbols = 0;
        // Which of the old ones, by their number, stand there still.
        let mut kept_before = Vec::with_capacity(total + 1);
        for (index, relocation) in self.relocations.iter().enumerate() {
            kept_before.push(kept.len());
            let is_counted = self.count.is_some_and(|(count, _)| (index as u64) < count);
            if is_kept(relocation) {
                kept.push(*relocation);
                without_symbols += u64::from(is_counted);
            } else if relocation.symbol != 0
                && let Some(it) = moved.next()
            {
                kept.push(Relocation {
                    offset: it.address,
                    symbol: it.symbol,
                    kind: relocation.kind,
                    addend: self.has_addends.then_some(it.addend),
                });
            }
        }
        kept_before.push(kept.len());
        if moved.next().is_some() {
            return Err(broken("more symbols are needed than relocations go away"));
        }
        if kept.len() == total && kept == self.relocations {
            return Ok(());
        }
        let one = elf.relocation_size(self.has_addends);
        let bytes = elf.relocation_bytes(&kept);
        edits.zeroed.push(self.range.start + bytes.len()..self.range.end);
        let gone = (total - kept.len()) as u64 * one as u64;
        let old_size = elf.word(elf.bytes.get(self.size_at..).unwrap_or_default()).unwrap_or(0);
        let is_exact = old_size == self.addresses.end - self.addresses.start;
        // Where the linkage table was counted in, it no longer follows without a gap: it is found by its own
        // address, and its size counts for itself.
        let size = if is_exact { old_size.saturating_sub(gone) } else { bytes.len() as u64 };
        edits.word(elf, self.size_at, size);
        if let Some((_, at)) = self.count {
            edits.word(elf, at, without_symbols);
        }
        edits.writes.push((self.range.start, bytes));
        for section in elf.sections.iter().filter(|it| it.is_relocations()) {
            if !section.lies_in(&self.addresses) {
                continue;
            }
            let index = |address: u64| (address - self.addresses.start) as usize / one;
            let first = kept_before.get(index(section.address)).copied().unwrap_or(kept.len());
            let last = index(section.address + section.size);
            let last = kept_before.get(last).copied().unwrap_or(kept.len());
            let size_field = elf.header_field(section, HeaderField::Size);
            edits.word(elf, size_field, ((last - first) * one) as u64);
            let shift = index(section.address) - first;
            if shift > 0 && section.size > 0 {
                let address = section.address - (shift * one) as u64;
                edits.word(elf, elf.header_field(section, HeaderField::Address), address);
                let offset = section.range.start.checked_sub(shift * one);
                let offset = offset.ok_or_else(|| broken("relocations lie before its start"))?;
                edits.word(elf, elf.header_field(section, HeaderField::Offset), offset as u64);
            }
        }
        Ok(())
    }
}

impl Compressed {
    /// Encodes what is left anew. Room that remains is filled with bitmaps of no place.
    fn remove(&self, elf: &Elf<'_>, removed: &Range<u64>, edits: &mut Edits) -> Result<()> {
        if !self.places.iter().any(|place| removed.contains(place)) {
            return Ok(());
        }
        let left: Vec<u64> =
            self.places.iter().copied().filter(|place| !removed.contains(place)).collect();
        let mut words = compress(&left, elf.word_size);
        let room = self.range.len() / usize::from(elf.word_size);
        if words.len() > room {
            let what = "without its annotations, its RELR would need more room than it has";
            return Err(Finding::new(Code::E0910, what).help(
                "pack the objects before linking, or link without `-z pack-relative-relocs`",
            ));
        }
        words.resize(room, 1);
        let mut bytes = Vec::with_capacity(self.range.len());
        words.into_iter().for_each(|word| elf.put_word(word, &mut bytes));
        edits.writes.push((self.range.start, bytes));
        Ok(())
    }
}

/// The places in a RELR table: an even word is a place, an odd one a bitmap of the words behind it.
fn expand(elf: &Elf<'_>, range: Range<usize>) -> Result<Vec<u64>> {
    let bytes = elf.bytes.get(range).unwrap_or_default();
    let word = u64::from(elf.word_size);
    let mut places = Vec::new();
    let mut base = 0_u64;
    // A few bytes can name a great many places: none is kept that is not in the file.
    let add = |places: &mut Vec<u64>, place: u64| {
        if places.last().is_some_and(|last| *last >= place) {
            return Err(broken("its RELR is not in order"));
        }
        in_place(elf, place).ok_or_else(|| broken("RELR leads outside it"))?;
        places.push(place);
        Ok(())
    };
    for entry in bytes.chunks_exact(word as usize).filter_map(|entry| elf.word(entry)) {
        if entry & 1 == 0 {
            add(&mut places, entry)?;
            base = entry.wrapping_add(word);
            continue;
        }
        let bits = word * 8 - 1;
        for bit in (0..bits).filter(|bit| entry >> (bit + 1) & 1 == 1) {
            add(&mut places, base.wrapping_add(bit * word))?;
        }
        base = base.wrapping_add(bits * word);
    }
    Ok(places)
}

/// A RELR table of places in ascending order.
fn compress(places: &[u64], word_size: u8) -> Vec<u64> {
    let word = u64::from(word_size);
    let bits = word * 8 - 1;
    let mut words = Vec::new();
    let mut rest = places;
    while let Some((&first, others)) = rest.split_first() {
        words.push(first);
        rest = others;
        let mut base = first.wrapping_add(word);
        loop {
            let reachable = |place: u64| {
                let distance = place.wrapping_sub(base);
                (distance < bits * word && distance % word == 0).then_some(distance / word)
            };
            let mut bitmap = 0;
            while let Some(bit) = rest.first().and_then(|place| reachable(*place)) {
                bitmap |= 2 << bit;
                rest = &rest[1..];
            }
            if bitmap == 0 {
                break;
            }
            words.push(bitmap | 1);
            base = base.wrapping_add(bits * word);
        }
    }
    words
}

fn in_place(elf: &Elf<'_>, address: u64) -> Option<u64> {
    elf.word(elf.at(address, elf.word_size.into())?)
}

fn truncate(elf: &Elf<'_>, address: u64) -> u64 {
    if elf.word_size == 4 { address & 0xffff_ffff } else { address }
}

#[cfg(test)]
mod tests {
    use super::compress;

    /// The places of a table, as the specification of RELR has it, for 64-bit words.
    fn places(words: &[u64]) -> Vec<u64> {
        let (mut places, mut base) = (Vec::new(), 0);
        for &word in words {
            if word & 1 == 0 {
                places.push(word);
                base = word + 8;
            } else {
                places.extend(
                    (0..63).filter(|bit| word >> (bit + 1) & 1 == 1).map(|bit| base + bit * 8),
                );
                base += 63 * 8;
            }
        }
        places
    }

    #[test]
    fn what_is_compressed_expands_to_the_same() {
        let runs: [Vec<u64>; 4] = [
            (0..200).map(|index| 0x1000 + index * 8).collect(),
            (0..200).map(|index| 0x1000 + index * 16).collect(),
            vec![8, 16, 8 + 63 * 8, 8 + 64 * 8, 0x10_0000],
            (0..50).map(|index| index * index * 8).collect(),
        ];
        for run in runs {
            let words = compress(&run, 8);
            assert_eq!(places(&words), run);
            assert!(words.len() <= run.len());
        }
        assert_eq!(compress(&[0x1000, 0x1008], 8), [0x1000, 3]);
        assert_eq!(compress(&[0x1000, 0x1004 + 31 * 4], 4), [0x1000, 0x1004 + 31 * 4]);
    }
}

//! A run-time table wherever its memory lies: in a static, in a chunk of a table that grows, in memory that
//! processes share. What a table does is written here, once.

use core::fmt;
use core::iter::FusedIterator;
use core::marker::PhantomData;

use inspect_format::abi::{self, CoreEntry, phase};
use inspect_format::hash;

use super::fields::FieldWriter;
use super::hints::{Hint, Hints};
use super::names::Names;
use super::slot::{self, Found};
use super::{Change, Entry, Handle, Reclaimed, RegisterError};
use crate::entry::NameHashes;
use crate::sync::{AtomicU32, Ordering, fence, order};
use crate::word::{Word, Words};
use crate::{EntryFormat, Region};

/// A row in memory.
#[derive(Debug)]
#[repr(C, align(8))]
pub(crate) struct Slot<W> {
    pub(super) state: AtomicU32,
    pub(super) id: AtomicU32,
    pub(super) words: W,
}

impl<W: Words> Slot<W> {
    pub(super) const fn empty() -> Self {
        Self { state: AtomicU32::new(0), id: AtomicU32::new(0), words: W::ZERO }
    }
}

/// A run-time table in memory that lives for `'a`.
pub struct TableRef<'a, F: EntryFormat> {
    /// Of the header.
    pub(super) address: usize,
    pub(super) slots: &'a [Slot<F::Words>],
    pub(super) names: Names<'a>,
    pub(super) hints: &'a Hints,
    pub(super) format: PhantomData<F>,
}

impl<'a, F: EntryFormat> TableRef<'a, F> {
    /// Announces a region under the name that its entry has.
    #[inline(always)]
    pub fn register(&self, entry: F) -> Result<Handle, RegisterError> {
        let region = entry.region();
        let name = Name { text: region.name, hashed: region.hashed };
        self.register_with(name, region, |out| entry.write_fields(out))
    }

    /// Announces a region under a name that is made while the program runs; the table keeps a copy.
    pub fn register_as(&self, name: &str, entry: F) -> Result<Handle, RegisterError> {
        let region = entry.region();
        let hashed = NameHashes::new(region.class_prefix, name);
        self.register_with(Name { text: name, hashed }, region, |out| entry.write_fields(out))
    }

    /// Announces a region that shares no byte with a live one of the same address space, as far as rows say
    /// where their memory lies without following pointers. It looks at every row. Of two regions that overlap
    /// and are announced at the same moment at least one is refused; it may have been seen until then. If
    /// somebody who saw it began to change its properties and stopped half-way, it stays.
    pub fn register_exclusive(&self, entry: F) -> Result<Handle, RegisterError> {
        let region = *entry.region();
        let other = |own: Option<Handle>| {
            let mut others = self.iter().filter(|entry| Some(entry.handle) != own);
            others.find(|entry| overlap(&entry.core, &region)).map(|entry| entry.handle)
        };
        if let Some(other) = other(None) {
            return Err(RegisterError::Overlaps(other));
        }
        let handle = self.register(entry)?;
        fence(order::LOOK_AROUND);
        match other(Some(handle)) {
            None => Ok(handle),
            Some(other) => {
                let _ = self.unregister_patiently(handle);
                Err(RegisterError::Overlaps(other))
            }
        }
    }

    /// Announces a region with the schema's own fields from wherever.
    #[inline(always)]
    pub(crate) fn register_with(
        &self,
        name: Name<'_>,
        region: &Region,
        fields: impl FnOnce(&mut FieldWriter<'_>) -> Result<(), RegisterError>,
    ) -> Result<Handle, RegisterError> {
        check::<F>(name, region)?;
        let hint = self.hints.first(self.slots.len());
        let (hint, name_offset) = self.keep(name.text, name.hashed.name, hint)?;
        let row = self.row((name_offset, name.hashed), region, hint, fields)?;
        self.publish(&row, hint)
    }

    /// Takes an entry back.
    #[inline]
    pub fn unregister(&self, handle: Handle) -> Result<(), Change> {
        let slot = self.slot_of(handle).ok_or(Change::Stale)?;
        slot::withdraw(&slot.state, handle.generation).map_err(|seen| handle.refused(seen))?;
        self.hints.freed(handle.slot);
        Ok(())
    }

    /// [`TableRef::unregister`], which waits while the entry's properties change, as long as that can last. It is
    /// `Busy` where whoever changes them does not go on, because it is what this code interrupted, or was lost
    /// in a fork; the entry stays then.
    pub(crate) fn unregister_patiently(&self, handle: Handle) -> Result<(), Change> {
        for _ in 0..PATIENCE {
            match self.unregister(handle) {
                Err(Change::Busy) => core::hint::spin_loop(),
                done => return done,
            }
        }
        Err(Change::Busy)
    }

    /// Puts other property bits in the place of an entry's, those of its class included: nobody sees the row
    /// without either.
    pub fn set_properties(&self, handle: Handle, bits: u64) -> Result<(), Change> {
        let slot = self.slot_of(handle).ok_or(Change::Stale)?;
        let words = slot.words.words();
        let store = || words[PROPERTIES].store_properties(bits);
        slot::change(&slot.state, handle.generation, store).map_err(|seen| handle.refused(seen))
    }

    /// The entries that are live, in the order of their slots. An entry that comes or goes meanwhile is
    /// there or is not; none is half there.
    #[must_use]
    pub fn iter(&self) -> Entries<'a, F> {
        Entries { slots: self.slots.iter(), next: 0, table: self.address, format: PhantomData }
    }

    /// The entry of a handle.
    #[must_use]
    pub fn get(&self, handle: Handle) -> Option<Entry> {
        let slot = self.slot_of(handle)?;
        read(slot, handle.slot, handle.table).filter(|entry| entry.handle == handle)
    }

    /// The text of an entry's name, in a buffer of the caller's; `None` where it does not fit.
    #[must_use]
    pub fn name_of<'b>(&self, entry: &Entry, buffer: &'b mut [u8]) -> Option<&'b str> {
        if entry.core.name == 0 {
            return Some("");
        }
        let words = self.names.words.get(entry.core.name as usize / 4..)?;
        let bytes = words.iter().flat_map(|word| word.load(Ordering::Relaxed).to_ne_bytes());
        let mut length = 0;
        for byte in bytes.take_while(|byte| *byte != 0) {
            *buffer.get_mut(length)? = byte;
            length += 1;
        }
        let name = buffer.get(..length)?;
        core::str::from_utf8(name).ok()
    }

    /// The live entries of a class.
    pub fn find_by_class(&self, class: u32) -> impl Iterator<Item = Entry> + use<'a, F> {
        self.iter().filter(move |entry| entry.core.class == class)
    }

    /// The live entry with an id in its class.
    #[must_use]
    pub fn find_by_id(&self, class: u32, id: u32) -> Option<Entry> {
        self.iter().find(|entry| entry.core.class == class && entry.core.id == id)
    }

    /// The live entries whose memory holds a virtual address, as far as the row alone says where it lies: `length`
    /// bytes, or up to the end of a range.
    pub fn find_by_address(&self, address: u64) -> impl Iterator<Item = Entry> + use<'a, F> {
        self.iter().filter(move |entry| {
            let core = &entry.core;
            core.space == abi::space::VIRTUAL
                && match core.extent {
                    abi::extent::DIRECT => address.wrapping_sub(core.address) < core.length,
                    abi::extent::RANGE => core.address <= address && address < core.bound,
                    _ => false,
                }
        })
    }

    /// How many entries fit.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// Frees the slots that writers died over. To be called only when no writer lives: a slot that somebody
    /// is filling would get a second owner.
    pub fn reclaim(&self) -> Reclaimed {
        let mut reclaimed = Reclaimed::default();
        for slot in self.slots {
            let seen = slot.state.load(Ordering::Relaxed) & abi::PHASE_MASK;
            if slot::reclaim(&slot.state) {
                match seen {
                    phase::WRITING => reclaimed.writing += 1,
                    _ => reclaimed.changing += 1,
                }
            }
        }
        reclaimed
    }

    fn slot_of(&self, handle: Handle) -> Option<&'a Slot<F::Words>> {
        if handle.table != self.address {
            return None;
        }
        self.slots.get(handle.slot as usize)
    }

    /// The row of an entry, whose texts are in the arena then.
    #[inline(always)]
    fn row(
        &self,
        (name_offset, hashed): (u32, NameHashes),
        region: &Region,
        hint: Hint<'a>,
        fields: impl FnOnce(&mut FieldWriter<'_>) -> Result<(), RegisterError>,
    ) -> Result<Row<F>, RegisterError> {
        let id = region.full_id(hashed);
        let mut words = <F::Words as Words>::PLAIN;
        let plain = words.as_mut();
        if let Some(core) = plain.first_chunk_mut() {
            let [extent, bound_size] = [region.extent, region.bound_size];
            let tail = u32::from_ne_bytes({
                let [a, b] = region.space.to_ne_bytes();
                [a, b, extent, bound_size]
            });
            *core = [
                both(region.class, region.type_id),
                region.properties,
                region.address,
                region.length,
                region.instance,
                both(name_offset, tail),
                region.bound,
            ];
        }
        let keep = |text: &str| {
            let (_, offset) = self.keep(text, hash::fnv1a_32(text.as_bytes()), hint)?;
            Ok(offset)
        };
        fields(&mut FieldWriter { words: plain, keep: &keep })?;
        Ok(Row { id, words })
    }

    /// A slot that is empty at this moment.
    #[inline(always)]
    fn room(&self, hint: Hint<'a>) -> Option<Hint<'a>> {
        if self.is_empty(hint.slot) { Some(hint) } else { self.room_elsewhere(hint) }
    }

    /// The hint was wrong: looks at every other slot once.
    #[inline(never)]
    fn room_elsewhere(&self, hint: Hint<'a>) -> Option<Hint<'a>> {
        let slot = self.others(hint).find(|slot| self.is_empty(*slot))?;
        hint.stripe.set(slot as u32);
        Some(Hint { slot, ..hint })
    }

    #[inline(always)]
    fn is_empty(&self, slot: usize) -> bool {
        self.slots.get(slot).is_some_and(|slot| slot::is_empty(&slot.state))
    }

    /// All slots but that of the hint, from there on.
    fn others(&self, hint: Hint<'_>) -> impl Iterator<Item = usize> + use<F> {
        (hint.slot + 1..self.slots.len()).chain(0..hint.slot)
    }

    /// The offset of a text that the table keeps, and a slot for the entry that brings it: texts are kept for
    /// good, and none is taken for an entry that has no place anyway.
    #[inline(always)]
    fn keep(
        &self,
        text: &str,
        hash: u32,
        hint: Hint<'a>,
    ) -> Result<(Hint<'a>, u32), RegisterError> {
        if text.is_empty() {
            return Ok((hint, 0));
        }
        let hint = self.room(hint).ok_or(RegisterError::Full)?;
        let offset = self.names.intern(text, hash).map_err(|_| RegisterError::NamesFull)?;
        Ok((hint, offset))
    }

    /// Takes a slot, that of the hint if it is still empty, and publishes a row there.
    #[inline(always)]
    fn publish(&self, row: &Row<F>, hint: Hint<'_>) -> Result<Handle, RegisterError> {
        match self.publish_at(row, hint.slot) {
            Some(handle) => Ok(handle),
            None => self.publish_anywhere(row, hint),
        }
    }

    /// Somebody else took the slot: looks at every other one once.
    #[inline(never)]
    fn publish_anywhere(&self, row: &Row<F>, hint: Hint<'_>) -> Result<Handle, RegisterError> {
        let handle = self.others(hint).find_map(|index| self.publish_at(row, index));
        let handle = handle.ok_or(RegisterError::Full)?;
        hint.stripe.set(handle.slot);
        Ok(handle)
    }

    #[inline(always)]
    fn publish_at(&self, row: &Row<F>, index: usize) -> Option<Handle> {
        let slot = self.slots.get(index)?;
        let generation = slot::claim(&slot.state)?;
        slot.id.store(row.id, Ordering::Relaxed);
        for (place, word) in slot.words.words().iter().zip(row.words.as_ref()) {
            place.store(*word);
        }
        slot::publish(&slot.state, generation);
        Some(Handle { table: self.address, slot: index as u32, generation })
    }
}

/// A name and what is computed of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<'a> {
    pub(crate) text: &'a str,
    pub(crate) hashed: NameHashes,
}

/// A row that nobody has seen yet.
struct Row<F: EntryFormat> {
    id: u32,
    words: <F::Words as Words>::Plain,
}

/// How often an entry is tried to take back whose properties change, which lasts a few stores.
const PATIENCE: u32 = 1 << 20;

/// Where the properties stand among the words of a row.
const PROPERTIES: usize = CoreEntry::PROPERTIES_AT / 8 - 1;

/// Two numbers in the order in which they lie in memory.
const fn both(first: u32, second: u32) -> u64 {
    match abi::Order::NATIVE {
        abi::Order::Little => first as u64 | (second as u64) << 32,
        abi::Order::Big => (first as u64) << 32 | second as u64,
    }
}

const fn split(word: u64) -> (u32, u32) {
    match abi::Order::NATIVE {
        abi::Order::Little => (word as u32, (word >> 32) as u32),
        abi::Order::Big => ((word >> 32) as u32, word as u32),
    }
}

/// Whether two regions share a byte.
fn overlap(core: &CoreEntry, region: &Region) -> bool {
    let length = |extent, address: u64, length, bound: u64| match extent {
        abi::extent::DIRECT => length,
        abi::extent::RANGE => bound.saturating_sub(address),
        _ => 0,
    };
    let one = length(core.extent, core.address, core.length, core.bound);
    let two = length(region.extent, region.address, region.length, region.bound);
    core.space == region.space
        && two > 0
        && (region.address.wrapping_sub(core.address) < one
            || one > 0 && core.address.wrapping_sub(region.address) < two)
}

#[inline(always)]
fn check<F: EntryFormat>(name: Name<'_>, region: &Region) -> Result<(), RegisterError> {
    if region.schema != const { hash::schema_number(F::SCHEMA) } {
        return Err(RegisterError::Class);
    }
    if name.hashed.has_nul {
        return Err(RegisterError::Name);
    }
    let space_end = match region.space {
        abi::space::VIRTUAL => usize::MAX as u64,
        _ => u64::MAX,
    };
    let last = match region.extent {
        abi::extent::DIRECT => region.address.checked_add(region.length.saturating_sub(1)),
        _ => Some(region.address),
    };
    if last.is_none_or(|last| last > space_end) {
        return Err(RegisterError::Wraps);
    }
    let is_range = region.extent == abi::extent::RANGE;
    if is_range && (region.bound < region.address || region.bound.saturating_sub(1) > space_end) {
        return Err(RegisterError::Wraps);
    }
    if region.id.is_some_and(|id| id & abi::ID_EXPLICIT != 0) {
        return Err(RegisterError::Id);
    }
    Ok(())
}

/// A consistent copy of a slot's entry, if it is live.
#[inline]
fn read<W: Words>(slot: &Slot<W>, index: u32, table: usize) -> Option<Entry> {
    let copy = || {
        let id = slot.id.load(Ordering::Relaxed);
        let words: Option<&[Word; 7]> = slot.words.words().first_chunk();
        let mut plain = words.map(|words| words.each_ref().map(Word::load)).unwrap_or_default();
        if cfg!(not(target_has_atomic = "64")) {
            plain[PROPERTIES] = words.map_or(0, |words| words[PROPERTIES].load_properties());
        }
        (id, plain)
    };
    let Found::Row(generation, (id, words)) = slot::read(&slot.state, copy) else { return None };
    let [names, properties, address, length, instance, tail, bound] = words;
    let ((class, type_id), (name, tail)) = (split(names), split(tail));
    let [a, b, extent, bound_size] = tail.to_ne_bytes();
    let core = CoreEntry {
        state: slot::state_of(generation, phase::LIVE),
        id,
        class,
        type_: type_id,
        properties,
        address,
        length,
        instance,
        name,
        space: u16::from_ne_bytes([a, b]),
        extent,
        bound_size,
        bound,
    };
    Some(Entry { handle: Handle { table, slot: index, generation }, core })
}

impl<F: EntryFormat> Clone for TableRef<'_, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F: EntryFormat> Copy for TableRef<'_, F> {}

impl<F: EntryFormat> fmt::Debug for TableRef<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The entries of a table.
pub struct Entries<'a, F: EntryFormat> {
    slots: core::slice::Iter<'a, Slot<F::Words>>,
    next: u32,
    table: usize,
    format: PhantomData<F>,
}

impl<F: EntryFormat> Iterator for Entries<'_, F> {
    type Item = Entry;

    #[inline]
    fn next(&mut self) -> Option<Entry> {
        for slot in self.slots.by_ref() {
            let index = self.next;
            self.next += 1;
            if let Some(entry) = read(slot, index, self.table) {
                return Some(entry);
            }
        }
        None
    }
}

impl<F: EntryFormat> FusedIterator for Entries<'_, F> {}

impl<F: EntryFormat> fmt::Debug for Entries<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entries from slot {}", self.next)
    }
}

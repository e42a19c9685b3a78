//! Run-time tables: a fixed number of slots in a static, published without locks.
//!
//! A slot's state counts the generations of its owners and holds one of four phases. A writer takes an
//! empty slot by one compare-and-swap, fills it while nobody looks, and publishes it by one store; a reader
//! looks at the state before and after and keeps what did not change in between. Every word is an atomic
//! that is read and written relaxed; the state orders them.

mod image;

use core::fmt;
use core::sync::atomic::{AtomicU8, AtomicU32, Ordering, fence};

use inspect_format::abi::{self, CoreEntry, phase};
use inspect_format::hash;

use crate::EntryFormat;

pub use image::CopyError;

/// A table of at most `N` entries, whose names take at most `NAMES` bytes together.
///
/// ```ignore
/// static TABLE: RuntimeTable<s::Region, 16> = RuntimeTable::new();
/// let handle = TABLE.register(s::Region::of::<s::class::Log>(&LOG))?;
/// ```
pub struct RuntimeTable<F: EntryFormat, const N: usize, const NAMES: usize = 1024> {
    slots: [Slot<F::Words>; N],
    names_used: AtomicU32,
    names: [AtomicU8; NAMES],
}

/// A row.
#[repr(C, align(8))]
struct Slot<W> {
    state: AtomicU32,
    id: AtomicU32,
    words: W,
}

/// An entry that was registered. It names one generation of a slot: a handle of an entry that is gone never
/// means another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle {
    slot: u32,
    generation: u32,
}

/// An entry as a reader found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its handle.
    pub handle: Handle,
    /// Its core.
    pub core: CoreEntry,
}

/// Why an entry was not registered. Nothing of it is in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterError {
    /// Every slot is taken.
    Full,
    /// The names do not leave enough room for this one.
    NamesFull,
    /// A name with a NUL in it.
    Name,
    /// The region reaches beyond the end of the address space.
    Wraps,
    /// An explicit id of 2^31 or more.
    Id,
}

/// The entry of a handle is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaleHandle;

impl<F: EntryFormat, const N: usize, const NAMES: usize> RuntimeTable<F, N, NAMES> {
    /// An empty table.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(F::SIZE as usize == 8 + size_of::<F::Words>()) }
        Self {
            slots: [const {
                Slot { state: AtomicU32::new(0), id: AtomicU32::new(0), words: F::Words::ZERO }
            }; N],
            names_used: AtomicU32::new(0),
            names: [const { AtomicU8::new(0) }; NAMES],
        }
    }

    /// Announces a region under the name that its entry has.
    pub fn register(&self, entry: F) -> Result<Handle, RegisterError> {
        self.register_as(entry.region().name, entry)
    }

    /// Announces a region under a name that is made while the program runs; the table keeps a copy.
    pub fn register_as(&self, name: &str, entry: F) -> Result<Handle, RegisterError> {
        check(name, &entry)?;
        let (slot, handle) = self.take().ok_or(RegisterError::Full)?;
        let empty = handle.generation << abi::GENERATION_SHIFT | phase::EMPTY;
        let live = handle.generation << abi::GENERATION_SHIFT | phase::LIVE;
        match self.fill(slot, name, &entry) {
            Ok(()) => slot.state.store(live, Ordering::Release),
            Err(error) => {
                slot.state.store(empty, Ordering::Release);
                return Err(error);
            }
        }
        Ok(handle)
    }

    /// Takes an entry back.
    pub fn unregister(&self, handle: Handle) -> Result<(), StaleHandle> {
        let slot = self.slots.get(handle.slot as usize).ok_or(StaleHandle)?;
        let live = handle.generation << abi::GENERATION_SHIFT | phase::LIVE;
        // The last generation is never given away, so that the next one exists.
        let empty = (handle.generation + 1) << abi::GENERATION_SHIFT | phase::EMPTY;
        match slot.state.compare_exchange(live, empty, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => Ok(()),
            Err(_) => Err(StaleHandle),
        }
    }

    /// The entries that are live, in the order of their slots. An entry that comes or goes meanwhile is
    /// there or is not; none is half there.
    #[must_use]
    pub fn iter(&self) -> Entries<'_, F, N, NAMES> {
        Entries { table: self, next: 0 }
    }

    /// How many entries fit.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        N
    }

    /// Takes an empty slot: it is in phase `writing` then, and nobody else's.
    fn take(&self) -> Option<(&Slot<F::Words>, Handle)> {
        for (index, slot) in self.slots.iter().enumerate() {
            let state = slot.state.load(Ordering::Relaxed);
            let generation = state >> abi::GENERATION_SHIFT;
            if state & abi::PHASE_MASK != phase::EMPTY || generation == abi::GENERATION_LAST {
                continue;
            }
            let writing = state & !abi::PHASE_MASK | phase::WRITING;
            let taken =
                slot.state.compare_exchange(state, writing, Ordering::Acquire, Ordering::Relaxed);
            if taken.is_ok() {
                // What is written next must not be seen before the slot was taken.
                fence(Ordering::Release);
                return Some((slot, Handle { slot: index as u32, generation }));
            }
        }
        None
    }

    fn fill(&self, slot: &Slot<F::Words>, name: &str, entry: &F) -> Result<(), RegisterError> {
        let region = entry.region();
        let name_offset = self.keep_name(name)?;
        let words = slot.words.words();
        let id = region.id.map_or_else(
            || hash::entry_id(F::SCHEMA, region.class_name, name, region.instance),
            |id| id | abi::ID_EXPLICIT,
        );
        slot.id.store(id, Ordering::Relaxed);
        for word in words {
            word.store(0);
        }
        let mut out = FieldWriter { words, keep: &|text| self.keep_name(text) };
        out.put(CoreEntry::CLASS_AT, region.class.to_ne_bytes());
        out.put(CoreEntry::TYPE_AT, region.type_id.to_ne_bytes());
        out.put(CoreEntry::PROPERTIES_AT, region.properties.to_ne_bytes());
        out.put(CoreEntry::ADDRESS_AT, region.address.to_ne_bytes());
        out.put(CoreEntry::LENGTH_AT, region.length.to_ne_bytes());
        out.put(CoreEntry::INSTANCE_AT, region.instance.to_ne_bytes());
        out.put(CoreEntry::NAME_AT, name_offset.to_ne_bytes());
        out.put(CoreEntry::SPACE_AT, region.space.to_ne_bytes());
        out.put(CoreEntry::EXTENT_AT, [region.extent]);
        out.put(CoreEntry::BOUND_SIZE_AT, [region.bound_size]);
        out.put(CoreEntry::BOUND_AT, region.bound.to_ne_bytes());
        entry.write_fields(&mut out)
    }

    /// Appends a text to the names and returns its offset; what was appended stays for ever.
    fn keep_name(&self, name: &str) -> Result<u32, RegisterError> {
        if name.is_empty() {
            return Ok(0);
        }
        let take = |used: u32| {
            let end = used.max(1) as usize + name.len() + 1;
            (end <= NAMES).then_some(end as u32)
        };
        let used = self.names_used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        let start = used.map_err(|_| RegisterError::NamesFull)?.max(1);
        // The NUL behind it is there: the names were zero, and no byte is given out twice.
        for (place, byte) in self.names[start as usize..].iter().zip(name.bytes()) {
            place.store(byte, Ordering::Relaxed);
        }
        Ok(start)
    }

    /// A consistent copy of a slot's row, in the machine's order, if it is live.
    fn read(&self, index: usize, row: &mut [u8]) -> Option<Handle> {
        const RETRIES: usize = 16;
        let slot = self.slots.get(index)?;
        for _ in 0..RETRIES {
            let before = slot.state.load(Ordering::Acquire);
            if before & abi::PHASE_MASK < phase::LIVE {
                return None;
            }
            let id = slot.id.load(Ordering::Relaxed);
            let words = slot.words.words().iter().map(|word| word.load().to_ne_bytes());
            let (first, rest) = row.split_at_mut(8);
            first[..4].copy_from_slice(&(before & !abi::PHASE_MASK | phase::LIVE).to_ne_bytes());
            first[4..].copy_from_slice(&id.to_ne_bytes());
            for (place, word) in rest.chunks_exact_mut(8).zip(words) {
                place.copy_from_slice(&word);
            }
            fence(Ordering::Acquire);
            let after = slot.state.load(Ordering::Relaxed);
            let same = before >> abi::GENERATION_SHIFT == after >> abi::GENERATION_SHIFT;
            if same && after & abi::PHASE_MASK >= phase::LIVE {
                let generation = before >> abi::GENERATION_SHIFT;
                return Some(Handle { slot: index as u32, generation });
            }
        }
        None
    }
}

fn check<F: EntryFormat>(name: &str, entry: &F) -> Result<(), RegisterError> {
    let region = entry.region();
    if name.bytes().any(|byte| byte == 0) {
        return Err(RegisterError::Name);
    }
    let end = region.length.checked_sub(1).map(|last| region.address.checked_add(last));
    let space_end = if region.space == abi::space::VIRTUAL { usize::MAX as u64 } else { u64::MAX };
    if region.extent == abi::extent::DIRECT {
        match end {
            None => {}
            Some(Some(last)) if last <= space_end => {}
            Some(_) => return Err(RegisterError::Wraps),
        }
    }
    if region.id.is_some_and(|id| id & abi::ID_EXPLICIT != 0) {
        return Err(RegisterError::Id);
    }
    Ok(())
}

impl<F: EntryFormat, const N: usize, const NAMES: usize> Default for RuntimeTable<F, N, NAMES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: EntryFormat, const N: usize, const NAMES: usize> fmt::Debug for RuntimeTable<F, N, NAMES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a, F: EntryFormat, const N: usize, const NAMES: usize> IntoIterator
    for &'a RuntimeTable<F, N, NAMES>
{
    type Item = Entry;
    type IntoIter = Entries<'a, F, N, NAMES>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The entries of a table.
#[derive(Debug)]
pub struct Entries<'a, F: EntryFormat, const N: usize, const NAMES: usize> {
    table: &'a RuntimeTable<F, N, NAMES>,
    next: usize,
}

impl<F: EntryFormat, const N: usize, const NAMES: usize> Iterator for Entries<'_, F, N, NAMES> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        while self.next < N {
            let index = self.next;
            self.next += 1;
            let mut row = [0; CoreEntry::SIZE];
            if let Some(handle) = self.table.read(index, &mut row) {
                return Some(Entry { handle, core: CoreEntry::read(&row, abi::Order::NATIVE) });
            }
        }
        None
    }
}

/// Puts the fields of a row into its slot.
pub struct FieldWriter<'a> {
    words: &'a [Word],
    keep: &'a dyn Fn(&str) -> Result<u32, RegisterError>,
}

impl FieldWriter<'_> {
    /// Puts bytes, in the machine's order, at an offset of the row.
    pub fn put<const B: usize>(&mut self, offset: usize, bytes: [u8; B]) {
        for (index, byte) in bytes.into_iter().enumerate() {
            let at = offset + index;
            // The first 8 bytes are not among the words.
            let Some(word) = (at / 8).checked_sub(1).and_then(|word| self.words.get(word)) else {
                continue;
            };
            let mut value = word.load().to_ne_bytes();
            value[at % 8] = byte;
            word.store(u64::from_ne_bytes(value));
        }
    }

    /// Puts a reference to a text that the table keeps.
    pub fn put_text(&mut self, offset: usize, text: &str) -> Result<(), RegisterError> {
        if text.bytes().any(|byte| byte == 0) {
            return Err(RegisterError::Name);
        }
        let at = (self.keep)(text)?;
        self.put(offset, at.to_ne_bytes());
        Ok(())
    }
}

impl fmt::Debug for FieldWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldWriter of {} bytes", self.words.len() * 8)
    }
}

/// Eight bytes of a row: one atomic word where the machine has them, otherwise two halves.
#[derive(Debug)]
#[repr(C, align(8))]
pub struct Word(
    #[cfg(target_has_atomic = "64")] core::sync::atomic::AtomicU64,
    #[cfg(not(target_has_atomic = "64"))] [AtomicU32; 2],
);

#[cfg(target_has_atomic = "64")]
impl Word {
    const fn new() -> Self {
        Self(core::sync::atomic::AtomicU64::new(0))
    }

    fn load(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn store(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

#[cfg(not(target_has_atomic = "64"))]
impl Word {
    const fn new() -> Self {
        Self([const { AtomicU32::new(0) }; 2])
    }

    fn load(&self) -> u64 {
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&self.0[0].load(Ordering::Relaxed).to_ne_bytes());
        bytes[4..].copy_from_slice(&self.0[1].load(Ordering::Relaxed).to_ne_bytes());
        u64::from_ne_bytes(bytes)
    }

    fn store(&self, value: u64) {
        let [a, b, c, d, e, f, g, h] = value.to_ne_bytes();
        self.0[0].store(u32::from_ne_bytes([a, b, c, d]), Ordering::Relaxed);
        self.0[1].store(u32::from_ne_bytes([e, f, g, h]), Ordering::Relaxed);
    }
}

/// A fixed number of [`Word`]s.
pub trait Words {
    /// All of them 0.
    const ZERO: Self;

    /// The words.
    fn words(&self) -> &[Word];
}

impl<const W: usize> Words for [Word; W] {
    const ZERO: Self = [const { Word::new() }; W];

    fn words(&self) -> &[Word] {
        self
    }
}

impl core::error::Error for RegisterError {}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "every slot of the table is taken",
            Self::NamesFull => "the table has no room left for the name",
            Self::Name => "the name holds a NUL",
            Self::Wraps => "the region reaches beyond the end of the address space",
            Self::Id => "an explicit id is below 2^31",
        })
    }
}

impl core::error::Error for StaleHandle {}

impl fmt::Display for StaleHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the entry of this handle is gone")
    }
}

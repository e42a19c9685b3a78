//! Run-time tables: what is registered stands in memory in the format of every table, without locks.
//!
//! A slot's state counts the generations of its owners and holds one of four phases. A writer takes an
//! empty slot by one compare-and-swap, fills it while nobody looks, and publishes it by one store; a reader
//! looks at the state before and after and keeps what did not change in between (`slot`). Every word is an
//! atomic that is read and written relaxed; the state orders them. So registering works in signal handlers
//! and interrupts, and a writer that is killed half-way loses its own row only.
//!
//! [`RuntimeTable`] is the table in a static, [`GrowingTable`] the one that takes more memory when it is full,
//! [`TableRef`] what both hand out, and what attaches to memory that processes share. The first
//! registration writes the header and appends the table to the chain of the [root](crate::root), where
//! others find it.

mod attach;
mod fields;
#[cfg(feature = "alloc")]
mod growing;
mod guard;
mod head;
mod hints;
mod link;
mod names;
pub(crate) mod once;
mod slot;
mod view;

use core::fmt;
use core::marker::PhantomData;
use core::mem::offset_of;
use core::sync::atomic::AtomicU8;

use inspect_format::abi::{self, CoreEntry, section_kind};
use inspect_format::walk::{FreezeError, LiveTable};

use crate::EntryFormat;
use crate::memory::ThisProcess;
use crate::root;
use crate::sync::{AtomicU32, Ordering};

pub use crate::word::{Word, Words};
pub use attach::{AttachError, SharedTable};
pub use fields::FieldWriter;
#[cfg(feature = "alloc")]
pub use growing::GrowingTable;
pub use guard::Registered;
pub(crate) use head::Head;
pub(crate) use link::{Link, append};
pub(crate) use view::Name;
pub use view::{Entries, TableRef};

use head::Division;
use hints::Hints;
use names::Names;
use view::Slot;

use crate::sync;

/// A table of at most `N` entries in a static, with `NAMES` bytes of memory for their names. A name that comes
/// again is kept once; each takes its length rounded up to a multiple of 4, and at most 8 bytes beside it.
///
/// ```ignore
/// static TABLE: RuntimeTable<s::Region, 16> = RuntimeTable::new();
/// let handle = TABLE.register(s::Region::of::<s::class::Log>(&LOG))?;
/// ```
#[repr(C)]
pub struct RuntimeTable<F: EntryFormat, const N: usize, const NAMES: usize = 1024> {
    head: Head,
    slots: [Slot<F::Words>; N],
    names: NameBytes<NAMES>,
    is_open: AtomicU32,
    hints: Hints,
}

#[repr(C, align(8))]
struct NameBytes<const NAMES: usize>([AtomicU8; NAMES]);

/// An entry that was registered. It names one generation of a slot of one table: a handle of an entry that
/// is gone never means another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handle {
    table: usize,
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
    /// The class is one of another schema.
    Class,
    /// The region reaches beyond the end of the address space, or ends before it starts.
    Wraps,
    /// An explicit id of 2^31 or more.
    Id,
    /// It shares bytes with this entry, and was to be the only one there.
    Overlaps(Handle),
}

/// Why an entry was not changed or taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// The entry of the handle is gone, or was never in this table.
    Stale,
    /// Somebody is changing its properties at this moment.
    Busy,
}

/// What [`TableRef::reclaim`] freed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reclaimed {
    /// Slots whose writers died before their rows were published. They are empty again.
    pub writing: u32,
    /// Slots whose writers died while they changed properties. Their rows are live again.
    pub changing: u32,
}

impl<F: EntryFormat, const N: usize, const NAMES: usize> RuntimeTable<F, N, NAMES> {
    const DIVISION: Division = Division {
        row_count: N,
        text_size: names::arena_size(NAMES),
        // The index of names is the last of what others may look at.
        total_size: offset_of!(Self, names) + NAMES / 8 * 8,
    };

    /// An empty table.
    #[must_use]
    pub const fn new() -> Self {
        const {
            assert!(F::SIZE as usize == size_of::<Slot<F::Words>>());
            assert!(offset_of!(Self, slots) == head::HEAD_SIZE);
            assert!(N < u32::MAX as usize - 2 && NAMES < u32::MAX as usize);
        }
        Self {
            head: Head::new(),
            slots: [const { Slot::empty() }; N],
            names: NameBytes([const { AtomicU8::new(0) }; NAMES]),
            is_open: AtomicU32::new(0),
            hints: Hints::new(),
        }
    }

    /// The table as others see it, from now on.
    #[inline(always)]
    pub fn open(&'static self) -> TableRef<'static, F> {
        if self.is_open.load(Ordering::Acquire) == 0 {
            self.begin();
        }
        self.view()
    }

    /// Writes the header and appends the table to the root's chain: as often as somebody comes first.
    #[cold]
    fn begin(&'static self) {
        // Rows and names are read by address, as the header is.
        core::ptr::from_ref(self).expose_provenance();
        self.head.write::<F>(Self::DIVISION, root::nonce());
        root::link(&self.head);
        self.is_open.store(1, Ordering::Release);
    }

    /// [`TableRef::register`], for a table that is found by others from the first time on.
    #[inline(always)]
    pub fn register(&'static self, entry: F) -> Result<Handle, RegisterError> {
        self.open().register(entry)
    }

    /// [`TableRef::register_as`], for a table that is found by others from the first time on.
    #[inline]
    pub fn register_as(&'static self, name: &str, entry: F) -> Result<Handle, RegisterError> {
        self.open().register_as(name, entry)
    }

    /// [`TableRef::register_exclusive`], for a table that is found by others from the first time on.
    pub fn register_exclusive(&'static self, entry: F) -> Result<Handle, RegisterError> {
        self.open().register_exclusive(entry)
    }

    /// Registers an entry that is taken back when the guard is dropped.
    pub fn register_guarded(&'static self, entry: F) -> Result<Registered<F>, RegisterError> {
        Registered::new(self.open(), entry)
    }

    /// [`TableRef::unregister`].
    #[inline]
    pub fn unregister(&self, handle: Handle) -> Result<(), Change> {
        self.view().unregister(handle)
    }

    /// [`TableRef::set_properties`].
    pub fn set_properties(&self, handle: Handle, bits: u64) -> Result<(), Change> {
        self.view().set_properties(handle, bits)
    }

    /// [`TableRef::iter`].
    #[must_use]
    pub fn iter(&self) -> Entries<'_, F> {
        self.view().iter()
    }

    /// The table's operations, whether it has been opened or not.
    #[inline(always)]
    pub fn view(&self) -> TableRef<'_, F> {
        let names = names_in(&self.names.0, &self.head.arena_used);
        let (address, hints) = (self.head.address(), &self.hints);
        TableRef { address, slots: &self.slots, names, hints, format: PhantomData }
    }

    /// [`TableRef::image_size`].
    #[must_use]
    pub fn image_size(&'static self) -> usize {
        self.open().image_size()
    }

    /// [`TableRef::copy_to`].
    pub fn copy_to(&'static self, out: &mut [u8]) -> Result<usize, FreezeError> {
        self.open().copy_to(out)
    }

    /// How many entries fit.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        N
    }
}

impl<F: EntryFormat> TableRef<'_, F> {
    /// As many bytes as [`TableRef::copy_to`] may need, whatever is registered.
    #[must_use]
    pub fn image_size(&self) -> usize {
        self.live().map_or(0, |table| table.frozen_size())
    }

    /// Writes the table, as it is now, to the start of `out`, and returns how many bytes it took: a table
    /// file. Only live entries are in it. What lies behind it in `out` is scratch.
    pub fn copy_to(&self, out: &mut [u8]) -> Result<usize, FreezeError> {
        Ok(self.live()?.freeze(out)?.size)
    }

    fn live(&self) -> Result<LiveTable<'static, ThisProcess>, FreezeError> {
        static MEMORY: ThisProcess = ThisProcess::known();
        // In memory that is shared, the directory is what somebody else wrote, and the descriptions are
        // somebody else's: a copy has this program's.
        let sections = F::sections();
        let place =
            |pointer: *const u8, size: usize| (pointer.expose_provenance() as u64, size as u64);
        let history = sections.history;
        let places = [
            (section_kind::ENTRIES, place(self.slots.as_ptr().cast(), size_of_val(self.slots))),
            (
                section_kind::STRINGS,
                place(self.names.words.as_ptr().cast(), 4 * self.names.words.len()),
            ),
            (section_kind::SCHEMA, place(sections.schema.as_ptr(), sections.schema.len())),
            (section_kind::TYPES, place(sections.types.as_ptr(), sections.types.len())),
            (section_kind::HISTORY, place(history.as_ptr().cast(), size_of_val(history))),
            (section_kind::IDENTITY, (0, 0)),
        ];
        let table = LiveTable::at(&MEMORY, self.address as u64)?;
        Ok(places.iter().fold(table, |table, (kind, (address, size))| {
            table.with_section(*kind, *address, *size)
        }))
    }
}

/// The names in a table's bytes for them: the arena, and the heads behind it.
#[inline(always)]
fn names_in<'a>(bytes: &'a [AtomicU8], used: &'a AtomicU32) -> Names<'a> {
    let start = bytes.as_ptr().cast::<AtomicU32>();
    let words = names::arena_size(bytes.len()) / 4;
    let count = names::head_count(bytes.len());
    // SAFETY: the bytes begin at a multiple of 8 (`NameBytes`) and are as many as both parts have together at
    // least (`arena_size`). They are accessed as words of four and in no other way; any four bytes are a number,
    // and atomics may be shared.
    let (words, heads) = unsafe {
        let heads = start.add(words);
        (core::slice::from_raw_parts(start, words), core::slice::from_raw_parts(heads, count))
    };
    Names { used, words, heads }
}

impl Handle {
    /// Why a state refuses a change that this handle asked for.
    fn refused(self, seen: u32) -> Change {
        let changing = slot::state_of(self.generation, abi::phase::CHANGING);
        if seen == changing { Change::Busy } else { Change::Stale }
    }
}

impl<F: EntryFormat, const N: usize, const NAMES: usize> Default for RuntimeTable<F, N, NAMES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: EntryFormat, const N: usize, const NAMES: usize> fmt::Debug for RuntimeTable<F, N, NAMES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

impl<'a, F: EntryFormat, const N: usize, const NAMES: usize> IntoIterator
    for &'a RuntimeTable<F, N, NAMES>
{
    type Item = Entry;
    type IntoIter = Entries<'a, F>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl core::error::Error for RegisterError {}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::Overlaps(Handle { slot, .. }) => {
                return write!(f, "the region overlaps the entry in slot {slot}");
            }
            Self::Full => "every slot of the table is taken",
            Self::NamesFull => "the table has no room left for the name",
            Self::Name => "the name holds a NUL",
            Self::Class => "the class is one of another schema",
            Self::Wraps => "the region reaches beyond the end of the address space",
            Self::Id => "an explicit id is below 2^31",
        })
    }
}

impl core::error::Error for Change {}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stale => "the entry of this handle is gone",
            Self::Busy => "somebody else is changing the entry",
        })
    }
}

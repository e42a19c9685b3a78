//! A table that takes more memory when it is full, by chunks that never move.
//!
//! Each chunk is a table of its own on the chain of the root, so that readers need to know nothing of
//! chunks. Chunks are never given back: somebody may be reading them.

use core::alloc::Layout;
use core::cell::Cell;
use core::fmt;
use core::ptr::NonNull;

use alloc::boxed::Box;

use super::attach::SharedTable;
use super::head::{HEAD_SIZE, Head};
use super::{Change, Entry, Handle, RegisterError, TableRef};
use super::{FieldWriter, names};
use crate::EntryFormat;
use crate::root;
use crate::sync::{AtomicPtr, AtomicU32, Ordering};

/// A table without a limit of its own, in a static.
///
/// Registering allocates when the table is full: signal handlers use a
/// [`RuntimeTable`](crate::RuntimeTable). Names are kept for good, so that ever new ones take ever more
/// memory.
pub struct GrowingTable<F: EntryFormat> {
    newest: AtomicPtr<Chunk<F>>,
}

struct Chunk<F: EntryFormat> {
    table: SharedTable<F>,
    is_linked: AtomicU32,
    older: Option<&'static Chunk<F>>,
}

/// Rows of the first chunk; each further one has twice as many as the one before.
const FIRST_ROWS: usize = 64;
const ROWS_MAX: usize = 1 << 20;
/// Bytes for names that come with a row.
const NAMES_PER_ROW: usize = 32;
/// How often the newest chunk may refuse the names of one entry. The first time it may be used up, later it has
/// room unless others took it; an entry whose texts are longer each time it is asked has to end somewhere.
const REFUSALS: u32 = 4;

impl<F: EntryFormat> GrowingTable<F> {
    /// An empty table.
    #[must_use]
    pub const fn new() -> Self {
        Self { newest: AtomicPtr::new(core::ptr::null_mut()) }
    }

    /// Announces a region under the name that its entry has.
    pub fn register(&'static self, entry: F) -> Result<Handle, RegisterError> {
        self.register_as(entry.region().name, entry)
    }

    /// Announces a region under a name that is made while the program runs.
    pub fn register_as(&'static self, name: &str, entry: F) -> Result<Handle, RegisterError> {
        let mut newest = self.newest();
        let mut refusals = 0;
        loop {
            let mut refused = None;
            for table in Chunks(newest) {
                match table.register_as(name, entry) {
                    Err(error @ (RegisterError::Full | RegisterError::NamesFull)) => {
                        // What the newest says, which comes first.
                        refused.get_or_insert(error);
                    }
                    done => return done,
                }
            }
            if refused == Some(RegisterError::NamesFull) {
                refusals += 1;
                if refusals == REFUSALS {
                    return Err(RegisterError::NamesFull);
                }
            }
            let rows =
                newest.map_or(FIRST_ROWS, |it| (it.table.table().capacity() * 2).min(ROWS_MAX));
            newest = Some(self.grow(newest, rows, name_room(name, &entry)?)?);
        }
    }

    /// [`TableRef::unregister`].
    pub fn unregister(&self, handle: Handle) -> Result<(), Change> {
        self.chunk_of(handle).ok_or(Change::Stale)?.unregister(handle)
    }

    /// [`TableRef::set_properties`].
    pub fn set_properties(&self, handle: Handle, bits: u64) -> Result<(), Change> {
        self.chunk_of(handle).ok_or(Change::Stale)?.set_properties(handle, bits)
    }

    /// The entry of a handle.
    #[must_use]
    pub fn get(&self, handle: Handle) -> Option<Entry> {
        self.chunk_of(handle)?.get(handle)
    }

    /// The entries that are live.
    pub fn iter(&self) -> impl Iterator<Item = Entry> + use<'_, F> {
        self.chunks().flat_map(|chunk| chunk.iter())
    }

    /// The chunks, the newest first.
    pub fn chunks(&self) -> impl Iterator<Item = TableRef<'static, F>> + use<F> {
        Chunks(self.newest())
    }

    fn chunk_of(&self, handle: Handle) -> Option<TableRef<'static, F>> {
        self.chunks().find(|chunk| chunk.address == handle.table)
    }

    fn newest(&self) -> Option<&'static Chunk<F>> {
        let newest = self.newest.load(Ordering::Acquire);
        // SAFETY: a pointer that stands here came from a box that was leaked (`grow`), after it was filled.
        let newest = unsafe { newest.as_ref() }?;
        newest.link();
        Some(newest)
    }

    /// Adds a chunk in front of `newest`, or finds the one that somebody else added meanwhile.
    fn grow(
        &self,
        newest: Option<&'static Chunk<F>>,
        rows: usize,
        names: usize,
    ) -> Result<&'static Chunk<F>, RegisterError> {
        let names = (rows * NAMES_PER_ROW).max(names);
        let rows_size = rows.checked_mul(F::SIZE as usize).ok_or(RegisterError::Full)?;
        let size = rows_size.checked_add(HEAD_SIZE + names.next_multiple_of(64));
        let layout = size
            .and_then(|size| Layout::from_size_align(size, align_of::<Head>()).ok())
            .ok_or(RegisterError::Full)?;
        // SAFETY: the size is not zero.
        let memory = unsafe { alloc::alloc::alloc_zeroed(layout) };
        let memory = NonNull::new(memory).ok_or(RegisterError::Full)?;
        // SAFETY: the memory was just allocated, zeroed, and is freed below only if nobody got to know it.
        let table = unsafe { SharedTable::create(memory, layout.size(), rows) };
        let chunk = Box::new(Chunk {
            table: table.map_err(|_| RegisterError::Full)?,
            is_linked: AtomicU32::new(0),
            older: newest,
        });
        let chunk = Box::into_raw(chunk);
        let expected =
            newest.map_or(core::ptr::null_mut(), |it| core::ptr::from_ref(it).cast_mut());
        match self.newest.compare_exchange(expected, chunk, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                // SAFETY: the box was leaked, and is never changed again but by its atomics.
                let chunk = unsafe { &*chunk };
                chunk.link();
                Ok(chunk)
            }
            Err(other) => {
                // SAFETY: the exchange failed, so that nobody else has the pointer or the memory; both
                // came from the allocator with these layouts.
                unsafe {
                    drop(Box::from_raw(chunk));
                    alloc::alloc::dealloc(memory.as_ptr(), layout);
                }
                // SAFETY: as in `newest`; it is not null, or the exchange would have expected it.
                let other = unsafe { &*other };
                other.link();
                Ok(other)
            }
        }
    }
}

impl<F: EntryFormat> Chunk<F> {
    /// Appends the chunk to the root's chain, whoever comes first: nobody registers where others do not look.
    fn link(&'static self) {
        if self.is_linked.load(Ordering::Acquire) == 0 {
            // SAFETY: the memory of a chunk begins with a head that `grow` wrote, and stays for ever.
            root::link(unsafe { self.table.base().cast::<Head>().as_ref() });
            self.is_linked.store(1, Ordering::Release);
        }
    }
}

/// As many bytes for names as a fresh chunk needs for an entry: what its texts take is added up, and none of
/// them kept.
fn name_room<F: EntryFormat>(name: &str, entry: &F) -> Result<usize, RegisterError> {
    let total = Cell::new(names::taken(name.len()));
    let keep = |text: &str| {
        total.set(total.get().saturating_add(names::taken(text.len())));
        Ok(0)
    };
    entry.write_fields(&mut FieldWriter { words: &mut [], keep: &keep })?;
    names::size_for(total.get()).ok_or(RegisterError::NamesFull)
}

struct Chunks<F: EntryFormat>(Option<&'static Chunk<F>>);

impl<F: EntryFormat> Iterator for Chunks<F> {
    type Item = TableRef<'static, F>;

    fn next(&mut self) -> Option<Self::Item> {
        let chunk = self.0?;
        self.0 = chunk.older;
        Some(chunk.table.table())
    }
}

impl<F: EntryFormat> Default for GrowingTable<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: EntryFormat> fmt::Debug for GrowingTable<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

//! Sparse addresses mapped to a dense hardware address space, section by section.
//!
//! A device with a memory unit of its own sees memory in an address space of its own: dense, where the
//! processor's is sparse. A [`SectionMap`] says which address is where, for a [`Space`] that a schema
//! declares. It knows no device and no memory: who learns that memory comes or goes calls [`Edit::add`] and
//! [`Edit::remove`], and who fills descriptors calls [`SectionMap::translate`], on any thread, in an
//! interrupt or in a signal handler.
//!
//! ```
//! use inspect_runtime::regions::{Address, Range};
//! use inspect_runtime::sections::FixedSectionMap;
//! use inspect_runtime::{Partial, Space};
//!
//! const ADAPTER: Space = Space {
//!     name: "adapter",
//!     number: 256,
//!     section_size: 16 << 20,
//!     base: 1 << 63,
//!     stable: false,
//!     partial: Partial::Reject,
//!     max_regions: Some(64),
//! };
//! static MAP: FixedSectionMap<16> = match FixedSectionMap::new(&ADAPTER) {
//!     Ok(map) => map,
//!     Err(_) => panic!("the schema's compiler has checked the space"),
//! };
//!
//! let mut writer = MAP.writer()?;
//! let change = writer.add(Range::new(Address(1 << 60), 32 << 20)?)?;
//! assert_eq!((change.changed, change.unchanged), (2, 0));
//! let mapping = MAP.translate(Address((1 << 60) + 5)).unwrap();
//! assert_eq!(mapping.hardware.0, (1 << 63) + 5);
//! assert_eq!(mapping.bytes, (32 << 20) - 5);
//! assert_eq!(MAP.translate(Address(0)), None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Memory
//! What is mapped stands in a hash table of lines: 32 bytes for each 64 consecutive sections of which any
//! is mapped, with a bit for each section, so that memory follows what is there and not how far apart it is.
//! Counting bits gives a section's number among those that are mapped, which is where the hardware sees it
//! in a compact space; in a stable space an array leads on from there. Another array leads back from
//! hardware addresses. Where sections or lines are dense, a map that grows also has a window: a copy that
//! readers find by place, without hashing. All of this exists twice: see below.
//!
//! # Why readers are safe
//! There are two sides. Readers look at the live one. The one writer copies it to
//! the other, changes that one as it likes, and then makes it live by adding one to the number of the
//! generation, whose lowest bit says which side that is. A reader loads the number, looks, and loads the
//! number again; if it is another one, it drops what it saw and begins anew.
//!
//! 1. *There is one writer.* [`SectionMap::writer`] takes a flag and refuses whoever comes second; the flag
//!    is released by the first and acquired by the next, so that changes follow each other on all threads.
//! 2. *What a reader returns was complete.* The number that it loaded first, with acquire, was stored with
//!    release after the last store to that side.
//! 3. *What a reader returns did not change while it looked.* Whoever writes the side again does so after
//!    the next number was stored and behind a release fence. If a reader has seen any such store, then its
//!    acquire fence synchronises with that fence, its second load cannot return the older number, and it
//!    begins anew. With 64 bits the number does not come round; on targets without such atomics, 2^32
//!    changes would have to pass during one look.
//! 4. *A reader may look at half-written memory, and survives it.* Every access is a relaxed atomic, so
//!    that there is no data race; indices read from memory are checked, loops are bounded by the size of
//!    the side, and arithmetic on what was read cannot overflow. By 3 the result is dropped.
//! 5. *No reader looks at memory that was freed.* Without allocation there is none. With it, a side that
//!    was replaced is freed only where the map is held mutably, so that there is no reader; the size of a
//!    side never changes and is found through the same pointer, which is stored with release and loaded
//!    with acquire.
//! 6. *A reader gets on.* It waits for nobody; it begins anew only if a change was published meanwhile.
//!
//! The generation and its fences are in a file of their own, `sections/flip.rs`, which a model checker runs
//! through all interleavings; so it does with each ordering weakened, and finds the fault.

mod edit;
mod flip;
mod memory;
mod outcome;
mod sort;
mod table;
mod window;

use core::fmt;

pub use edit::Edit;
#[cfg(feature = "alloc")]
pub use memory::Growing;
pub use memory::{Fixed, Memory};
pub use outcome::{Busy, Change, ChangeError, Parts, Published, SpaceError};

use crate::policy::Space;
use crate::regions::{Address, Range};
use crate::sync::Ordering::Relaxed;
use flip::Flip;
use table::Found;

/// What `flip` stands on; a model checker replaces it.
mod sync {
    pub(super) use crate::sync::AtomicCount;
    use crate::sync::{Ordering, fence};

    /// Of the number of the generation, before looking: what was prepared is visible.
    pub(super) const FIRST_LOAD: Ordering = Ordering::Acquire;
    /// Of the next number, by the writer: what was prepared comes before.
    pub(super) const PUBLISH: Ordering = Ordering::Release;
    /// Of the number where a fence or the writer's flag orders the rest.
    pub(super) const RELAXED: Ordering = Ordering::Relaxed;

    /// Between looking and loading the number again.
    #[inline(always)]
    pub(super) fn fence_after_reading() {
        fence(Ordering::Acquire);
    }

    /// Between the number that took a side from the readers and the first store to it.
    pub(super) fn fence_before_writing() {
        fence(Ordering::Release);
    }
}

/// Which sections of memory the hardware sees, and where. One writer and any number of readers share it.
#[derive(Debug)]
pub struct SectionMap<M: Memory> {
    flip: Flip,
    /// The base of the hardware's space.
    base: u64,
    /// The binary logarithm of the bytes of a section.
    shift: u32,
    /// The bits of an address that say where in its section it is.
    offset_mask: u64,
    /// Whether there is a writer.
    taken: crate::sync::AtomicBool,
    /// Whether sections stay where they are put in the hardware's space.
    stable: bool,
    /// As many fit in the hardware's space.
    most_sections: u64,
    space: &'static Space,
    memory: M,
}

/// A map with room for `LINES` lines, without allocation: see [`Fixed`].
pub type FixedSectionMap<const LINES: usize> = SectionMap<Fixed<LINES>>;

/// A map that grows with what is mapped: see [`Growing`].
#[cfg(feature = "alloc")]
pub type GrowingSectionMap = SectionMap<Growing>;

/// An address as the hardware sees it.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HardwareAddress(pub u64);

impl fmt::Display for HardwareAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Debug for HardwareAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// An address on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// As the processor sees it.
    pub address: Address,
    /// As the hardware sees it.
    pub hardware: HardwareAddress,
    /// How many bytes from here on are consecutive on both sides; 2^64 are one less.
    pub bytes: u64,
    /// The epoch in which this holds.
    pub epoch: u64,
}

impl<const LINES: usize> FixedSectionMap<LINES> {
    /// A map of a space, in which nothing is mapped.
    pub const fn new(space: &'static Space) -> Result<Self, SpaceError> {
        match bounds(space) {
            Ok(bounds) => Ok(Self::with_memory(space, bounds, Fixed::new())),
            Err(error) => Err(error),
        }
    }
}

#[cfg(feature = "alloc")]
impl GrowingSectionMap {
    /// A map of a space, in which nothing is mapped.
    pub const fn new(space: &'static Space) -> Result<Self, SpaceError> {
        Self::with_limit(space, usize::MAX)
    }

    /// A map of a space, in which nothing is mapped, and in which sections of so many groups may be: each
    /// group is 8 consecutive sections of which any is mapped. A group on its own takes less than 1 KiB;
    /// groups beside each other share most of it: see [`SectionMap::bytes_used`].
    pub const fn with_limit(space: &'static Space, groups: usize) -> Result<Self, SpaceError> {
        match bounds(space) {
            Ok(bounds) => Ok(Self::with_memory(space, bounds, Growing::new(groups))),
            Err(error) => Err(error),
        }
    }

    /// Frees what has become too small or too large. What is mapped stays as it is. Without memory for a
    /// copy it frees less.
    pub fn shrink(&mut self) {
        self.memory.keep_only(self.flip.live());
        if let Ok(mut writer) = self.writer() {
            // Nothing is asked for that was not granted before; without memory the live side simply stays.
            let _ = Edit::begin(&mut writer).and_then(Edit::publish);
        }
        self.memory.keep_only(self.flip.live());
    }
}

impl<M: Memory> SectionMap<M> {
    const fn with_memory(space: &'static Space, (shift, most): (u32, u64), memory: M) -> Self {
        SectionMap {
            flip: Flip::new(crate::sync::AtomicCount::new(0)),
            base: space.base,
            shift,
            offset_mask: space.section_size - 1,
            taken: crate::sync::AtomicBool::new(false),
            stable: space.stable,
            most_sections: most,
            space,
            memory,
        }
    }

    /// Where an address is for the hardware; a hole is `None`. Waits for nobody and allocates nothing, also
    /// in a signal handler that interrupts the writer.
    #[inline(always)]
    pub fn translate(&self, address: Address) -> Option<Mapping> {
        let section = address.0 >> self.shift;
        if !M::HAS_WINDOW {
            return Some(self.mapping(self.find(section)?, address));
        }
        let (word, epoch) = self.flip.read(|side| self.memory.table(side).in_window(section));
        let found = match word {
            0 => return None,
            window::OUTSIDE => self.find(section)?,
            word => Found { section, hardware: word as u32, run: word >> 32, epoch },
        };
        Some(self.mapping(found, address))
    }

    /// Looks for a section among the lines, or in a window of them. What was seen before does not matter:
    /// this look is complete in itself. On its own, so that what callers repeat stays small.
    #[inline(never)]
    fn find(&self, section: u64) -> Option<Found> {
        self.flip.read(|side| self.memory.table(side).forward(section, self.stable))
    }

    /// Which address the hardware sees at one of its own: the way back. As [`SectionMap::translate`].
    #[inline]
    pub fn translate_back(&self, hardware: HardwareAddress) -> Option<Mapping> {
        let offset = hardware.0.checked_sub(self.base)?;
        let index = u32::try_from(offset >> self.shift).ok()?;
        let found = self.flip.read(|side| self.memory.table(side).backward(index))?;
        Some(self.mapping(found, Address(found.section << self.shift | offset & self.offset_mask)))
    }

    /// The regions that the hardware needs, in the order of its addresses. Each is consistent in itself and
    /// says in which epoch; if all say the same, and [`SectionMap::epoch`] does so afterwards, nothing was
    /// lost.
    pub fn regions(&self) -> Regions<'_, M> {
        Regions { map: self, next: Some(0) }
    }

    /// Changes whenever something that was mapped no longer is, or is elsewhere: what was translated in an
    /// epoch holds as long as it lasts.
    pub fn epoch(&self) -> u64 {
        self.flip.read(|side| self.memory.table(side).header.epoch.load())
    }

    /// How many sections are mapped.
    pub fn section_count(&self) -> u64 {
        self.flip.read(|side| self.memory.table(side).header.sections.load(Relaxed).into())
    }

    /// How many regions the hardware needs: runs of sections that are consecutive in both spaces.
    pub fn region_count(&self) -> u32 {
        self.flip.read(|side| self.memory.table(side).header.runs.load(Relaxed))
    }

    /// How many bytes of memory the map takes, this value and what it has allocated.
    pub fn bytes_used(&self) -> usize {
        size_of::<Self>() - size_of::<M>() + self.memory.bytes()
    }

    /// The space that is mapped to.
    pub fn space(&self) -> &'static Space {
        self.space
    }

    /// The one who may change the map. While there is another, it is refused: whoever wants to wait has a
    /// lock for it.
    pub fn writer(&self) -> Result<Writer<'_, M>, Busy> {
        if self.taken.swap(true, crate::sync::Ordering::Acquire) {
            return Err(Busy);
        }
        Ok(Writer { map: self })
    }

    #[inline(always)]
    fn mapping(&self, found: Found, address: Address) -> Mapping {
        let offset = address.0 & self.offset_mask;
        let hardware = self.base + (u64::from(found.hardware) << self.shift) + offset;
        let bytes = (found.run << self.shift).wrapping_sub(offset);
        Mapping {
            address,
            hardware: HardwareAddress(hardware),
            // A run of the whole space is 0 in 64 bits.
            bytes: if bytes == 0 { u64::MAX } else { bytes },
            epoch: found.epoch,
        }
    }
}

/// The binary logarithm of the bytes of a section, and how many sections fit above the base and can be
/// counted.
const fn bounds(space: &Space) -> Result<(u32, u64), SpaceError> {
    let section_size = space.section_size;
    if !section_size.is_power_of_two() {
        return Err(SpaceError::SectionSize(section_size));
    }
    if space.base % section_size != 0 {
        return Err(SpaceError::Base { base: Address(space.base), section_size });
    }
    let shift = section_size.trailing_zeros();
    let last = (u64::MAX - space.base) >> shift;
    let countable = table::MOST_SECTIONS;
    Ok((shift, if last < countable { last + 1 } else { countable }))
}

/// Changes a map. Dropping it lets the next one in.
#[derive(Debug)]
pub struct Writer<'m, M: Memory> {
    map: &'m SectionMap<M>,
}

impl<M: Memory> Writer<'_, M> {
    /// Begins a change of several steps that become visible together. It takes time for all that is mapped.
    pub fn edit(&mut self) -> Result<Edit<'_, M>, ChangeError> {
        Edit::begin(self)
    }

    /// Maps a range, as [`Edit::add`] and [`Edit::commit`] do.
    pub fn add(&mut self, range: Range) -> Result<Change, ChangeError> {
        let mut edit = self.edit()?;
        let change = edit.add(range)?;
        edit.commit()?;
        Ok(change)
    }

    /// Unmaps a range, as [`Edit::remove`] and [`Edit::commit`] do.
    pub fn remove(&mut self, range: Range) -> Result<Change, ChangeError> {
        let mut edit = self.edit()?;
        let change = edit.remove(range)?;
        edit.commit()?;
        Ok(change)
    }
}

impl<M: Memory> Drop for Writer<'_, M> {
    fn drop(&mut self) {
        self.map.taken.store(false, crate::sync::Ordering::Release);
    }
}

/// See [`SectionMap::regions`].
#[derive(Debug)]
pub struct Regions<'m, M: Memory> {
    map: &'m SectionMap<M>,
    /// The hardware index from which on to look.
    next: Option<u32>,
}

impl<M: Memory> Iterator for Regions<'_, M> {
    type Item = Mapping;

    fn next(&mut self) -> Option<Mapping> {
        let (map, next) = (self.map, self.next.take()?);
        let found = map.flip.read(|side| map.memory.table(side).backward_from(next))?;
        self.next = u32::try_from(u64::from(found.hardware) + found.run).ok();
        Some(map.mapping(found, Address(found.section << map.shift)))
    }
}

impl<M: Memory> core::iter::FusedIterator for Regions<'_, M> {}

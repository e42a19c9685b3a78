//! Sets of address ranges: what is there, whose it is, and where the holes are.
//!
//! A [`RegionSet`] holds ranges with owners, sorted and without overlap. It knows no address space and
//! reads no memory; what it is asked for goes back to the caller as ranges. Every range given to it becomes
//! one region: neighbours are never joined, since each was announced by somebody who will take it back.
//! Where few ranges are wanted instead, [`RegionSet::coalesce`] makes them, and says what that costs.

mod coalesce;
mod range;
mod storage;

use core::fmt;
use core::ops::ControlFlow;

use arrayvec::ArrayVec;

pub use coalesce::{Coalesced, NoRanges};
pub use range::{Address, Range, RangeError};
pub use storage::Storage;

/// Ranges with owners, ascending and without overlap, in a storage `S`; see [`FixedRegionSet`] and, with
/// the feature `alloc`, `GrowingRegionSet`.
#[derive(Clone, Debug)]
pub struct RegionSet<O, S: Storage<Region<O>>> {
    regions: S,
    owner: core::marker::PhantomData<O>,
}

/// At most `N` regions, without allocation.
pub type FixedRegionSet<O, const N: usize> = RegionSet<O, ArrayVec<Region<O>, N>>;

/// As many regions as there is memory for.
#[cfg(feature = "alloc")]
pub type GrowingRegionSet<O> = RegionSet<O, alloc::vec::Vec<Region<O>>>;

/// A range and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region<O> {
    /// Which addresses.
    pub range: Range,
    /// Whose they are.
    pub owner: O,
}

/// Addresses that nobody owns, as many as there are in one place.
#[derive(Debug)]
pub struct Hole<'s, O> {
    /// Which addresses.
    pub range: Range,
    /// The nearest region below, wherever it ends.
    pub below: Option<&'s Region<O>>,
    /// The nearest region above, wherever it begins.
    pub above: Option<&'s Region<O>>,
}

/// How a [`RegionSet::walk`] went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk<B> {
    /// There was nothing to visit.
    Nothing,
    /// Everything was visited.
    Finished,
    /// The visitor ended it.
    Broken(B),
}

/// What [`RegionSet::remove`] took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// How many regions are gone or shorter.
    pub regions: usize,
    /// How many bytes of them are gone.
    pub bytes: u128,
}

impl<O, const N: usize> FixedRegionSet<O, N> {
    /// A set without regions.
    pub const fn new() -> Self {
        RegionSet { regions: ArrayVec::new_const(), owner: core::marker::PhantomData }
    }
}

#[cfg(feature = "alloc")]
impl<O> GrowingRegionSet<O> {
    /// A set without regions.
    pub const fn new() -> Self {
        RegionSet { regions: alloc::vec::Vec::new(), owner: core::marker::PhantomData }
    }
}

impl<O, S: Storage<Region<O>> + Default> Default for RegionSet<O, S> {
    fn default() -> Self {
        RegionSet { regions: S::default(), owner: core::marker::PhantomData }
    }
}

impl<O: Clone, S: Storage<Region<O>>> RegionSet<O, S> {
    /// Adds a region. An overlap is an error that names both, and then nothing has changed. Amortised
    /// constant above all others, otherwise as many moves as there are regions above.
    pub fn insert(&mut self, range: Range, owner: O) -> Result<(), InsertError<O>> {
        let new = Region { range, owner };
        let index = self.first_ending_at(range.first());
        if let Some(present) = self.regions().get(index) {
            if present.range.overlap(range).is_some() {
                let present = present.clone();
                return Err(InsertError::Overlap { new, present });
            }
        }
        if self.regions.reserve_one().is_err() {
            return Err(InsertError::Full { new, capacity: self.len() });
        }
        self.regions.insert(index, new);
        Ok(())
    }

    /// Takes a range out of whatever regions there are: those in it go, those that reach over its ends are
    /// clipped, and one that reaches over both is split in two, which takes room for one region more.
    /// Without that room nothing changes.
    pub fn remove(&mut self, range: Range) -> Result<Removed, RemoveError<O>> {
        let (begin, end) = self.indices(range);
        let taken = &self.regions()[begin..end];
        let bytes = taken.iter().filter_map(|region| region.range.overlap(range));
        let removed = Removed { regions: taken.len(), bytes: bytes.map(Range::bytes).sum() };
        let (Some(lowest), Some(highest)) = (taken.first(), taken.last()) else {
            return Ok(removed);
        };
        let below = lowest.range.below(range.first());
        let above = highest.range.above(range.last());
        if let (1, Some(below), Some(above)) = (taken.len(), below, above) {
            let upper = Region { range: above, owner: lowest.owner.clone() };
            if self.regions.reserve_one().is_err() {
                let region = self.regions()[begin].clone();
                return Err(RemoveError { range, region, capacity: self.len() });
            }
            self.regions.items_mut()[begin].range = below;
            self.regions.insert(end, upper);
            return Ok(removed);
        }
        if let Some(below) = below {
            self.regions.items_mut()[begin].range = below;
        }
        if let Some(above) = above {
            self.regions.items_mut()[end - 1].range = above;
        }
        self.regions
            .remove(begin + usize::from(below.is_some())..end - usize::from(above.is_some()));
        Ok(removed)
    }
}

impl<O, S: Storage<Region<O>>> RegionSet<O, S> {
    /// All regions, ascending.
    pub fn regions(&self) -> &[Region<O>] {
        self.regions.items()
    }

    /// How many regions there are.
    pub fn len(&self) -> usize {
        self.regions().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.regions().is_empty()
    }

    /// The region that an address is in.
    pub fn find(&self, address: Address) -> Option<&Region<O>> {
        self.regions()
            .get(self.first_ending_at(address))
            .filter(|region| region.range.contains(address))
    }

    /// Visits what is in a range, ascending and clipped to it, until the visitor breaks.
    pub fn walk<B>(
        &self,
        range: Range,
        mut visit: impl FnMut(Range, &O) -> ControlFlow<B>,
    ) -> Walk<B> {
        let (begin, end) = self.indices(range);
        let mut walk = Walk::Nothing;
        for region in &self.regions()[begin..end] {
            let Some(part) = region.range.overlap(range) else { continue };
            walk = Walk::Finished;
            if let ControlFlow::Break(value) = visit(part, &region.owner) {
                return Walk::Broken(value);
            }
        }
        walk
    }

    /// What nobody owns in a range, ascending and clipped to it.
    pub fn holes(&self, range: Range) -> Holes<'_, O> {
        let index = self.first_ending_at(range.first());
        Holes { regions: self.regions(), index, rest: Some(range) }
    }

    /// Whether somebody owns every byte of a range.
    pub fn covers(&self, range: Range) -> bool {
        self.holes(range).next().is_none()
    }

    /// At most as many ranges as `out` has room for that cover every region with the least of the holes in
    /// them, which is returned as the waste: no other choice of as many ranges has less. Takes time for
    /// each region and the logarithm of the room, and no memory but `out`, whatever stands there before.
    pub fn coalesce<'o>(&self, out: &'o mut [Range]) -> Result<Coalesced<'o>, NoRanges> {
        coalesce::coalesce(self.regions().iter().map(|region| region.range), out)
    }

    /// The index of the first region that does not end below an address.
    fn first_ending_at(&self, address: Address) -> usize {
        let regions = self.regions();
        // Most sets are built in ascending order, where the answer is the end.
        match regions.last() {
            Some(last) if address <= last.range.last() => {
                regions.partition_point(|region| region.range.last() < address)
            }
            _ => regions.len(),
        }
    }

    /// The indices of the regions that overlap a range: from the first up to the second.
    fn indices(&self, range: Range) -> (usize, usize) {
        let begin = self.first_ending_at(range.first());
        let rest = &self.regions()[begin..];
        (begin, begin + rest.partition_point(|region| region.range.first() <= range.last()))
    }
}

/// The holes in a range: see [`RegionSet::holes`].
#[derive(Debug)]
pub struct Holes<'s, O> {
    regions: &'s [Region<O>],
    /// The first region that does not end below `rest`.
    index: usize,
    rest: Option<Range>,
}

impl<'s, O> Iterator for Holes<'s, O> {
    type Item = Hole<'s, O>;

    fn next(&mut self) -> Option<Hole<'s, O>> {
        while let Some(rest) = self.rest {
            let above = self.regions.get(self.index);
            let below = self.index.checked_sub(1).and_then(|index| self.regions.get(index));
            let Some(region) = above else {
                self.rest = None;
                return Some(Hole { range: rest, below, above });
            };
            self.rest = rest.above(region.range.last());
            self.index += 1;
            if let Some(range) = rest.below(region.range.first()) {
                return Some(Hole { range, below, above });
            }
        }
        None
    }
}

impl<O> core::iter::FusedIterator for Holes<'_, O> {}

/// Why a region was not inserted; nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertError<O> {
    /// Some of it belongs to somebody already.
    Overlap {
        /// What was to be inserted.
        new: Region<O>,
        /// The lowest region that is in the way.
        present: Region<O>,
    },
    /// The storage has no room for one more.
    Full {
        /// What was to be inserted.
        new: Region<O>,
        /// How many regions there are room for.
        capacity: usize,
    },
}

impl<O: fmt::Debug> fmt::Display for InsertError<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InsertError::Overlap { new, present } => write!(
                f,
                "{} of {:?} overlaps {} of {:?}: remove that one first, or insert the holes",
                new.range, new.owner, present.range, present.owner
            ),
            InsertError::Full { new, capacity } => write!(
                f,
                "no room for {} of {:?}: all {capacity} regions are taken; remove one, or give \
                 the set more room",
                new.range, new.owner
            ),
        }
    }
}

impl<O: fmt::Debug> core::error::Error for InsertError<O> {}

/// A range was not removed, since it would split a region and there is no room for its second half; nothing
/// has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoveError<O> {
    /// What was to be removed.
    pub range: Range,
    /// The region around it.
    pub region: Region<O>,
    /// How many regions there are room for.
    pub capacity: usize,
}

impl<O: fmt::Debug> fmt::Display for RemoveError<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "removing {} would split {} of {:?} in two, and all {} regions are taken; remove up to \
             one of its ends, or give the set more room",
            self.range, self.region.range, self.region.owner, self.capacity
        )
    }
}

impl<O: fmt::Debug> core::error::Error for RemoveError<O> {}

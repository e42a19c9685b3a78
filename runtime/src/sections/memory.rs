//! Where the two sides of a section map stand: knows how many lines there are, nothing of what they mean.

use super::table::{Header, Line, REVERSE, Table, capacity};
use crate::sync::AtomicU32;

#[cfg(feature = "alloc")]
pub use growing::Growing;

/// What a section map keeps its sides in. Sealed: [`Fixed`], and with the feature `alloc` `Growing`.
pub trait Memory: sealed::Sealed {
    /// A side as readers find it.
    #[doc(hidden)]
    fn table(&self, side: usize) -> Table<'_>;
    /// A side with room for so many groups and for hardware indices below a limit. For the one writer,
    /// between `begin` and `publish`, and only for the side that `begin` returned. Whether what stood there
    /// still does is not said.
    #[doc(hidden)]
    fn make_room(&self, side: usize, groups: usize, limit: usize) -> Result<Table<'_>, NoRoom>;
    /// More groups than this will never find room.
    #[doc(hidden)]
    fn most_groups(&self) -> usize;
    /// How much memory there is for both sides together.
    #[doc(hidden)]
    fn bytes(&self) -> usize;
}

/// No room for so many groups.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

/// `LINES` lines on each side, without allocation, for use in a `static`. Three lines of four can be in
/// use, and each of them holds the sections of one group of 8: so 64 lines, which take 11 KiB, are enough
/// for 384 consecutive sections, but for no more than 48 that are far from each other.
#[derive(Debug)]
pub struct Fixed<const LINES: usize> {
    sides: [Side<LINES>; 2],
}

#[derive(Debug)]
struct Side<const LINES: usize> {
    header: Header,
    lines: [Line; LINES],
    reverse: [[AtomicU32; REVERSE]; LINES],
}

impl<const LINES: usize> Fixed<LINES> {
    pub(super) const fn new() -> Self {
        const { assert!(LINES <= super::table::MOST_LINES, "places are numbered with 32 bits") };
        Fixed {
            sides: [const {
                Side {
                    header: Header::new(),
                    lines: [const { Line::new() }; LINES],
                    reverse: [const { [const { AtomicU32::new(0) }; REVERSE] }; LINES],
                }
            }; 2],
        }
    }
}

impl<const LINES: usize> Memory for Fixed<LINES> {
    #[inline(always)]
    fn table(&self, side: usize) -> Table<'_> {
        let side = &self.sides[side & 1];
        Table { header: &side.header, lines: &side.lines, reverse: side.reverse.as_flattened() }
    }

    fn make_room(&self, side: usize, groups: usize, _: usize) -> Result<Table<'_>, NoRoom> {
        if groups <= self.most_groups() { Ok(self.table(side)) } else { Err(NoRoom) }
    }

    fn most_groups(&self) -> usize {
        capacity(LINES)
    }

    fn bytes(&self) -> usize {
        size_of::<Self>()
    }
}

#[cfg(feature = "alloc")]
mod growing {
    use alloc::boxed::Box;
    use alloc::vec::Vec;
    use core::ptr::null_mut;

    use super::super::table::{
        Header, Line, MOST_LINES, REVERSE, Table, UNASSIGNED, capacity, lines_for,
    };
    use super::{Memory, NoRoom};
    use crate::sync::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};

    /// Sides that grow with what is mapped. A side that has become too small is replaced by one of at least
    /// twice the size and kept, since a reader may still look at it, until the map is shrunk or dropped:
    /// all that were ever replaced are together no larger than the two that are in use.
    #[derive(Debug)]
    pub struct Growing {
        sides: [AtomicPtr<Block>; 2],
        /// The youngest of all blocks; each knows the one before it.
        youngest: AtomicPtr<Block>,
        bytes: AtomicUsize,
        most_groups: usize,
    }

    #[derive(Debug)]
    struct Block {
        header: Header,
        lines: Box<[Line]>,
        reverse: Box<[AtomicU32]>,
        older: AtomicPtr<Block>,
    }

    static NOTHING: Header = Header::new();

    impl Growing {
        pub(in super::super) const fn new(most_groups: usize) -> Growing {
            let most = capacity(MOST_LINES);
            Growing {
                sides: [const { AtomicPtr::new(null_mut()) }; 2],
                youngest: AtomicPtr::new(null_mut()),
                bytes: AtomicUsize::new(0),
                most_groups: if most_groups < most { most_groups } else { most },
            }
        }

        /// Frees all blocks but the one of a side.
        pub(in super::super) fn keep_only(&mut self, side: usize) {
            let kept = *self.sides[side & 1].get_mut();
            let mut next = core::mem::replace(self.youngest.get_mut(), kept);
            while !next.is_null() {
                let block = next;
                // SAFETY: `allocate` made the block with `Box::into_raw` and put it on the chain, on which
                // each block stands once. `&mut self` says that no reader holds a table of this map.
                next = unsafe { *(*block).older.get_mut() };
                if block != kept {
                    // SAFETY: as above; the block leaves the chain here and `sides` below.
                    drop(unsafe { Box::from_raw(block.cast::<[Block; 1]>()) });
                }
            }
            *self.sides[(side & 1) ^ 1].get_mut() = null_mut();
            *self.bytes.get_mut() = 0;
            if !kept.is_null() {
                // SAFETY: it is on the chain and was not freed above; nobody else looks at it.
                let block = unsafe { &mut *kept };
                *block.older.get_mut() = null_mut();
                *self.bytes.get_mut() = block.bytes();
            }
        }

        /// Puts a new block of so many lines in the place of a side.
        fn allocate(&self, side: usize, lines: usize) -> Option<()> {
            let block = Block {
                header: Header::new(),
                lines: boxed(lines, Line::new)?,
                reverse: boxed(lines * REVERSE, || AtomicU32::new(0))?,
                older: AtomicPtr::new(self.youngest.load(Ordering::Relaxed)),
            };
            let bytes = block.bytes();
            let mut block = Some(block);
            let block: Box<[Block]> = boxed_with(1, || block.take())?;
            let block = Box::into_raw(block).cast::<Block>();
            self.youngest.store(block, Ordering::Relaxed);
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
            self.sides[side & 1].store(block, Ordering::Release);
            Some(())
        }
    }

    impl Memory for Growing {
        #[inline(always)]
        fn table(&self, side: usize) -> Table<'_> {
            let block = self.sides[side & 1].load(Ordering::Acquire);
            // SAFETY: a block gets here from `allocate` alone, whose release store comes after it was made,
            // so that it is seen whole. It is freed by `keep_only` and `drop` alone, which take the map
            // mutably, so that it lives as long as `&self`. Everything changes in it through atomics.
            match unsafe { block.as_ref() } {
                Some(block) => {
                    Table { header: &block.header, lines: &block.lines, reverse: &block.reverse }
                }
                None => Table { header: &NOTHING, lines: &[], reverse: &[] },
            }
        }

        fn make_room(&self, side: usize, groups: usize, limit: usize) -> Result<Table<'_>, NoRoom> {
            let present = self.table(side).lines.len();
            // There is always room for one group, since what is known about a side stands in its block.
            let (least, best) = lines_for(groups.max(1));
            let indexed = limit.div_ceil(REVERSE);
            if present < least.max(indexed).min(MOST_LINES) {
                let lines = best.max(indexed).max(present.saturating_mul(2)).min(MOST_LINES);
                self.allocate(side, lines).ok_or(NoRoom)?;
            }
            Ok(self.table(side))
        }

        fn most_groups(&self) -> usize {
            self.most_groups
        }

        fn bytes(&self) -> usize {
            self.bytes.load(Ordering::Relaxed)
        }
    }

    impl Drop for Growing {
        fn drop(&mut self) {
            *self.sides[0].get_mut() = null_mut();
            self.keep_only(0);
        }
    }

    impl Block {
        fn bytes(&self) -> usize {
            size_of::<Block>() + size_of_val(&*self.lines) + size_of_val(&*self.reverse)
        }
    }

    fn boxed<T>(count: usize, mut make: impl FnMut() -> T) -> Option<Box<[T]>> {
        boxed_with(count, || Some(make()))
    }

    /// So many values in one piece of memory; `None` if there is no memory, or no value.
    fn boxed_with<T>(count: usize, make: impl FnMut() -> Option<T>) -> Option<Box<[T]>> {
        let mut values = Vec::new();
        values.try_reserve_exact(count).ok()?;
        values.extend(core::iter::repeat_with(make).take(count).map_while(|value| value));
        (values.len() == count).then(|| values.into_boxed_slice())
    }

    const _: () = assert!(MOST_LINES * REVERSE < UNASSIGNED as usize);
}

mod sealed {
    pub trait Sealed {}
    impl<const LINES: usize> Sealed for super::Fixed<LINES> {}
    #[cfg(feature = "alloc")]
    impl Sealed for super::Growing {}
}

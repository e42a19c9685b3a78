//! Where the two sides of a section map stand: knows how many lines there are, nothing of what they mean.

use super::table::{Header, INDICES, Line, Table, capacity};
use crate::sync::AtomicU32;

#[cfg(feature = "alloc")]
pub use growing::Growing;

/// What a section map keeps its sides in. Sealed: [`Fixed`], and with the feature `alloc` `Growing`.
pub trait Memory: sealed::Sealed {
    /// Whether a side may have a window.
    #[doc(hidden)]
    const HAS_WINDOW: bool;
    /// A side as readers find it.
    #[doc(hidden)]
    fn table(&self, side: usize) -> Table<'_>;
    /// A side with room for what is asked for. For the one writer, between `begin` and `publish`, and only
    /// for the side that `begin` returned. Whether what stood there still does is not said.
    #[doc(hidden)]
    fn make_room(&self, side: usize, room: Room) -> Result<Table<'_>, NoRoom>;
    /// More groups than this will never find room.
    #[doc(hidden)]
    fn most_groups(&self) -> usize;
    /// How much memory there is for both sides together.
    #[doc(hidden)]
    fn bytes(&self) -> usize;
}

/// What a side has to have room for.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "alloc"), allow(dead_code, reason = "fixed memory is as it is"))]
pub struct Room {
    /// Lines in use.
    pub(super) lines: usize,
    /// The limit of hardware indices, and as many sections.
    pub(super) indices: usize,
    /// Words of the window; where memory is fixed there is none.
    pub(super) window: usize,
    /// Whether indices stay, so that an array has to lead to them.
    pub(super) stable: bool,
}

/// No room for so much.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

/// `LINES` lines on each side, without allocation, for use in a `static`. For four lines there is room for
/// the sections of three groups of 8, wherever they are: so 64 lines, which take 10 KiB, are enough for 384
/// consecutive sections, but for no more than 48 that are far from each other.
#[derive(Debug)]
pub struct Fixed<const LINES: usize> {
    sides: [Side<LINES>; 2],
}

#[derive(Debug)]
struct Side<const LINES: usize> {
    header: Header,
    lines: [Line; LINES],
    reverse: [[AtomicU32; INDICES]; LINES],
    by_rank: [[AtomicU32; INDICES]; LINES],
}

impl<const LINES: usize> Fixed<LINES> {
    pub(super) const fn new() -> Self {
        const { assert!(LINES <= super::table::MOST_LINES, "places are numbered with 32 bits") };
        Fixed {
            sides: [const {
                Side {
                    header: Header::new(),
                    lines: [const { Line::new() }; LINES],
                    reverse: [const { [const { AtomicU32::new(0) }; INDICES] }; LINES],
                    by_rank: [const { [const { AtomicU32::new(0) }; INDICES] }; LINES],
                }
            }; 2],
        }
    }
}

impl<const LINES: usize> Memory for Fixed<LINES> {
    const HAS_WINDOW: bool = false;

    #[inline(always)]
    fn table(&self, side: usize) -> Table<'_> {
        let side = &self.sides[side & 1];
        Table {
            header: &side.header,
            lines: &side.lines,
            reverse: side.reverse.as_flattened(),
            by_rank: side.by_rank.as_flattened(),
            window: &[],
        }
    }

    fn make_room(&self, side: usize, room: Room) -> Result<Table<'_>, NoRoom> {
        let fits = room.lines <= self.most_groups() && room.indices <= LINES * INDICES;
        if fits { Ok(self.table(side)) } else { Err(NoRoom) }
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

    use super::super::table::{Header, INDICES, Line, MOST_LINES, Table, capacity, lines_for};
    use super::{Memory, NoRoom, Room};
    use crate::sync::{AtomicPtr, AtomicU32, AtomicUsize, Ordering, Relaxed64};

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
        lines: Vec<Line>,
        reverse: Vec<AtomicU32>,
        by_rank: Vec<AtomicU32>,
        window: Vec<Relaxed64>,
        older: AtomicPtr<Block>,
    }

    /// What a side is before anything was mapped: readers need not ask. Nobody writes it, since room for
    /// nothing is never enough.
    static NOTHING: Block = Block {
        header: Header::new(),
        lines: Vec::new(),
        reverse: Vec::new(),
        by_rank: Vec::new(),
        window: Vec::new(),
        older: AtomicPtr::new(null_mut()),
    };

    const fn nothing() -> *mut Block {
        (&raw const NOTHING).cast_mut()
    }

    impl Growing {
        pub(in super::super) const fn new(most_groups: usize) -> Growing {
            let most = capacity(MOST_LINES);
            Growing {
                sides: [const { AtomicPtr::new(nothing()) }; 2],
                youngest: AtomicPtr::new(null_mut()),
                bytes: AtomicUsize::new(0),
                most_groups: if most_groups < most { most_groups } else { most },
            }
        }

        /// Frees all blocks but the one of a side.
        pub(in super::super) fn keep_only(&mut self, side: usize) {
            let kept = *self.sides[side & 1].get_mut();
            let mut next = core::mem::replace(self.youngest.get_mut(), null_mut());
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
            *self.sides[(side & 1) ^ 1].get_mut() = nothing();
            *self.bytes.get_mut() = 0;
            if kept != nothing() {
                // SAFETY: it is on the chain and was not freed above; nobody else looks at it.
                let block = unsafe { &mut *kept };
                *block.older.get_mut() = null_mut();
                *self.bytes.get_mut() = block.bytes();
                *self.youngest.get_mut() = kept;
            }
        }

        /// Puts a new block with so many lines and indices in the place of a side.
        fn allocate(&self, side: usize, room: Room) -> Option<()> {
            let by_rank = if room.stable { room.indices } else { 0 };
            let block = Block {
                header: Header::new(),
                lines: filled(room.lines, Line::new)?,
                reverse: filled(room.indices, || AtomicU32::new(0))?,
                by_rank: filled(by_rank, || AtomicU32::new(0))?,
                window: filled(room.window, Relaxed64::new)?,
                older: AtomicPtr::new(self.youngest.load(Ordering::Relaxed)),
            };
            let bytes = block.bytes();
            let mut block = Some(block);
            let block = filled_with(1, || block.take())?.into_boxed_slice();
            let block = Box::into_raw(block).cast::<Block>();
            self.youngest.store(block, Ordering::Relaxed);
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
            self.sides[side & 1].store(block, Ordering::Release);
            Some(())
        }
    }

    impl Memory for Growing {
        const HAS_WINDOW: bool = true;

        #[inline(always)]
        fn table(&self, side: usize) -> Table<'_> {
            let block = self.sides[side & 1].load(Ordering::Acquire);
            // SAFETY: a block gets here from `allocate`, whose release store comes after it was made, so that
            // it is seen whole, or is the static one. It is freed by `keep_only` and `drop` alone, which take
            // the map mutably, so that it lives as long as `&self`. Everything changes in it through atomics.
            let block = unsafe { &*block };
            Table {
                header: &block.header,
                lines: &block.lines,
                reverse: &block.reverse,
                by_rank: &block.by_rank,
                window: &block.window,
            }
        }

        fn make_room(&self, side: usize, room: Room) -> Result<Table<'_>, NoRoom> {
            let present = self.table(side);
            let (lines, indices) = (present.lines.len(), present.reverse.len());
            let words = present.window.len();
            // There is always room for one line, since what is known about a side stands in its block.
            let (least, best) = lines_for(room.lines.max(1));
            let too_few_lines = lines < least.min(MOST_LINES);
            let too_few_words = words < room.window;
            if !too_few_lines && !too_few_words && indices >= room.indices {
                return Ok(present);
            }
            let spare = |needed: usize| needed.saturating_add(needed / 4);
            let mut larger = Room {
                lines: if too_few_lines { best } else { lines },
                indices: indices.max(spare(room.indices)).max(4 * INDICES),
                window: words.max(spare(room.window)),
                ..room
            };
            // At least twice as much as before, where it was missing.
            let missing = bytes(present).saturating_mul(2).saturating_sub(larger.bytes());
            if too_few_words {
                larger.window = larger.window.saturating_add(missing / size_of::<Relaxed64>());
            } else if too_few_lines {
                larger.lines = larger.lines.saturating_add(missing / size_of::<Line>());
            } else {
                larger.indices = larger.indices.saturating_add(missing / room.index_bytes());
            }
            larger.lines = larger.lines.min(MOST_LINES);
            self.allocate(side, larger).ok_or(NoRoom)?;
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
            *self.sides[0].get_mut() = nothing();
            self.keep_only(0);
        }
    }

    impl Block {
        fn bytes(&self) -> usize {
            let indices = size_of_val(&*self.reverse) + size_of_val(&*self.by_rank);
            size_of::<Block>() + size_of_val(&*self.lines) + indices + size_of_val(&*self.window)
        }
    }

    impl Room {
        fn index_bytes(&self) -> usize {
            size_of::<AtomicU32>() * if self.stable { 2 } else { 1 }
        }

        fn bytes(&self) -> usize {
            let lines = self.lines.saturating_mul(size_of::<Line>());
            let indices = self.indices.saturating_mul(self.index_bytes());
            let window = self.window.saturating_mul(size_of::<Relaxed64>());
            lines.saturating_add(indices).saturating_add(window)
        }
    }

    /// How many bytes the arrays of a side take.
    fn bytes(table: Table<'_>) -> usize {
        let indices = size_of_val(table.reverse) + size_of_val(table.by_rank);
        size_of_val(table.lines) + indices + size_of_val(table.window)
    }

    fn filled<T>(count: usize, mut make: impl FnMut() -> T) -> Option<Vec<T>> {
        filled_with(count, || Some(make()))
    }

    /// So many values in one piece of memory; `None` if there is no memory, or no value.
    fn filled_with<T>(count: usize, make: impl FnMut() -> Option<T>) -> Option<Vec<T>> {
        let mut values = Vec::new();
        values.try_reserve_exact(count).ok()?;
        values.extend(core::iter::repeat_with(make).take(count).map_while(|value| value));
        (values.len() == count).then_some(values)
    }
}

mod sealed {
    pub trait Sealed {}
    impl<const LINES: usize> Sealed for super::Fixed<LINES> {}
    #[cfg(feature = "alloc")]
    impl Sealed for super::Growing {}
}

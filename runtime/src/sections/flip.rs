//! Two sides, of which readers look at one while a writer prepares the other. Knows nothing of what stands
//! on them; the orderings come from `super::sync`, so that a model checker can run this very file, with its
//! own atomics and with orderings that must fail.
//!
//! The number of the generation says which side is live: its lowest bit. A writer writes the other side and
//! then adds one. What a reader saw counts only if the generation is the same before and after.
//!
//! - *Complete*: the reader's first load reads a generation that `publish` stored with release, so that all
//!   of the side that was prepared before is visible to it.
//! - *Unchanged*: the next writer of that side is the one that begins after the generation has moved on.
//!   Its stores stand behind a release fence, and the reader's second load behind an acquire fence. If the
//!   reader saw any of them, the fences synchronise, and then its second load cannot read the older
//!   generation: it reads another one and looks again.
//!
//! A reader repeats only when a change was published while it looked: some writer always got on. A reader
//! that interrupts the writer, in a signal handler for instance, finds a complete side at once.

use super::sync::{
    AtomicCount, FIRST_LOAD, PUBLISH, RELAXED, fence_after_reading, fence_before_writing,
};

#[derive(Debug)]
pub(crate) struct Flip {
    generation: AtomicCount,
}

impl Flip {
    /// From a count of 0: side 0 is live.
    pub(crate) const fn new(generation: AtomicCount) -> Flip {
        Flip { generation }
    }

    /// Looks at the live side until it was the live side all the time. What `look` sees may be
    /// half-written, and then its result is dropped: it has to cope with any values.
    #[inline(always)]
    pub(crate) fn read<R>(&self, mut look: impl FnMut(usize) -> R) -> R {
        loop {
            let before = self.generation.load(FIRST_LOAD);
            let seen = look((before & 1) as usize);
            fence_after_reading();
            if self.generation.load(RELAXED) == before {
                return seen;
            }
        }
    }

    /// The live side, for whoever keeps writers away.
    pub(crate) fn live(&self) -> usize {
        (self.generation.load(RELAXED) & 1) as usize
    }

    /// Begins a change: returns the side that may be written from now on, by one writer only.
    pub(crate) fn begin(&self) -> usize {
        let prepared = self.live() ^ 1;
        fence_before_writing();
        prepared
    }

    /// Makes the side that `begin` returned the live one.
    pub(crate) fn publish(&self) {
        let next = self.generation.load(RELAXED).wrapping_add(1);
        self.generation.store(next, PUBLISH);
    }
}

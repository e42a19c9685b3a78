//! Where to look for an empty slot first.
//!
//! A hint costs nothing if it is wrong. There are a few, each in a cache line of its own, and a thread takes one
//! for itself, by the place of its stack: a thread that registers and unregisters stays with one slot that its
//! processor has at hand, and two threads do not fight for one. Threads beyond those share.

use crate::sync::{AtomicU32, Ordering};

const STRIPES: usize = 8;

/// The hints of one table.
#[derive(Debug)]
pub(crate) struct Hints([Stripe; STRIPES]);

#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Stripe {
    /// One more than a slot, or 0 for none yet.
    hint: AtomicU32,
    /// The stack of the thread that took it, or 0.
    owner: AtomicU32,
}

/// The slot to look at first, and whose hint it was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hint<'a> {
    pub(super) slot: usize,
    pub(super) stripe: &'a Stripe,
}

impl Hints {
    pub(crate) const fn new() -> Self {
        Self([const { Stripe { hint: AtomicU32::new(0), owner: AtomicU32::new(0) } }; STRIPES])
    }

    /// The hint of this thread for a table of so many slots. The stripes begin apart from each other.
    #[inline]
    pub(super) fn first(&self, count: usize) -> Hint<'_> {
        let (index, stripe) = self.own();
        let slot = match stripe.hint.load(Ordering::Relaxed) {
            0 => count / STRIPES * index,
            slot => slot as usize - 1,
        };
        Hint { slot: if slot < count { slot } else { 0 }, stripe }
    }

    /// This thread freed a slot, which is as good as any to take next.
    #[inline]
    pub(super) fn freed(&self, slot: u32) {
        self.own().1.set(slot);
    }

    /// The stripe of this thread, as long as it stays within a MiB of its stack.
    #[inline]
    fn own(&self) -> (usize, &Stripe) {
        let here = 0_u8;
        let stack = (core::ptr::from_ref(&here).addr() >> 20) as u32 | 1;
        let index = (stack.wrapping_mul(0x9e37_79b9) >> (32 - STRIPES.ilog2())) as usize;
        let stripe = &self.0[index];
        match stripe.owner.load(Ordering::Relaxed) == stack {
            true => (index, stripe),
            false => self.find(stack, index),
        }
    }

    /// The stripe of a stack that is not where its number leads: another one, or one that is free.
    #[inline(never)]
    fn find(&self, stack: u32, index: usize) -> (usize, &Stripe) {
        for step in 0..STRIPES {
            let index = (index + step) % STRIPES;
            let owner = &self.0[index].owner;
            let present = owner.load(Ordering::Relaxed);
            let is_taken = present == 0
                && owner.compare_exchange(0, stack, Ordering::Relaxed, Ordering::Relaxed).is_ok();
            if is_taken || present == stack {
                return (index, &self.0[index]);
            }
        }
        (index, &self.0[index])
    }
}

impl Stripe {
    /// What is taken is taken again when it is free; what is not free any more is looked for behind it. So a
    /// slot that comes and goes leaves the hint as it is.
    #[inline]
    pub(super) fn set(&self, slot: u32) {
        let hint = slot.wrapping_add(1);
        if self.hint.load(Ordering::Relaxed) != hint {
            self.hint.store(hint, Ordering::Relaxed);
        }
    }
}

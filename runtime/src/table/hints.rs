//! Where to look for an empty slot first.
//!
//! A hint costs nothing if it is wrong. There are a few, each in a cache line of its own, and a thread uses
//! the one that its stack's address chooses: a thread that registers and unregisters stays with one slot
//! that its processor has at hand, and two threads do not fight for one.

use crate::sync::{AtomicU32, Ordering};

const STRIPES: usize = 8;

/// The hints of one table.
#[derive(Debug)]
pub(crate) struct Hints([Stripe; STRIPES]);

/// One more than a slot, or 0 for none yet.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Stripe(AtomicU32);

/// The slot to look at first, and whose hint it was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hint<'a> {
    pub(super) slot: usize,
    pub(super) stripe: &'a Stripe,
}

impl Hints {
    pub(crate) const fn new() -> Self {
        Self([const { Stripe(AtomicU32::new(0)) }; STRIPES])
    }

    /// The hint of this thread for a table of so many slots. The stripes begin apart from each other.
    #[inline]
    pub(super) fn first(&self, count: usize) -> Hint<'_> {
        let index = stripe();
        let stripe = &self.0[index];
        let slot = match stripe.0.load(Ordering::Relaxed) {
            0 => count / STRIPES * index,
            slot => slot as usize - 1,
        };
        Hint { slot: if slot < count { slot } else { 0 }, stripe }
    }

    /// This thread freed a slot, which is as good as any to take next.
    #[inline]
    pub(super) fn freed(&self, slot: u32) {
        self.0[stripe()].set(slot);
    }
}

impl Stripe {
    /// What is taken is taken again when it is free; what is not free any more is looked for behind it. So a
    /// slot that comes and goes leaves the hint as it is.
    #[inline]
    pub(super) fn set(&self, slot: u32) {
        let hint = slot.wrapping_add(1);
        if self.0.load(Ordering::Relaxed) != hint {
            self.0.store(hint, Ordering::Relaxed);
        }
    }
}

/// The stripe of this thread, as long as it stays within 64 KiB of its stack.
#[inline]
fn stripe() -> usize {
    let here = 0_u8;
    let place = (core::ptr::from_ref(&here).addr() >> 16) as u32;
    (place.wrapping_mul(0x9e37_79b9) >> (32 - STRIPES.ilog2())) as usize
}

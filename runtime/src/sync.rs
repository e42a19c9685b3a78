//! The atomics of this crate, and the orderings on which its protocols stand.
//!
//! Models replace this module by one with loom's atomics, and by one with an ordering weakened, to show
//! that each ordering is needed.

pub(crate) use core::sync::atomic::{AtomicU32, Ordering, fence};

/// The orderings of the publication protocol, by what they are for.
pub(crate) mod order {
    use super::Ordering;

    /// Taking an empty slot: what its last owner did lies before.
    pub(crate) const CLAIM: Ordering = Ordering::Acquire;
    /// Between taking a slot and filling it: whoever sees a field sees that the slot was taken.
    pub(crate) const FILL: Ordering = Ordering::Release;
    /// Publishing a row: whoever sees it live sees its fields.
    pub(crate) const PUBLISH: Ordering = Ordering::Release;
    /// Withdrawing a row.
    pub(crate) const WITHDRAW: Ordering = Ordering::AcqRel;
    /// A reader's first look at a state.
    pub(crate) const LOOK: Ordering = Ordering::Acquire;
    /// Between a reader's fields and its second look at the state.
    pub(crate) const LOOK_AGAIN: Ordering = Ordering::Acquire;
}

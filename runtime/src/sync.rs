//! The atomics of this crate, and the orderings on which its protocols stand.

pub(crate) use core::sync::atomic::{AtomicU8, AtomicU32, Ordering, fence};

//! The atomics of this crate, and the orderings on which its protocols stand.
//!
//! Files that take their atomics from `super::sync` can be run by loom as they stand: a model includes them
//! beside a module `sync` of its own (`tests/loom_table.rs`).

pub(crate) mod order;

pub(crate) use core::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering, fence};

//! The atomics of this crate, and the orderings on which its protocols stand.
//!
//! Files that take their atomics from `super::sync` can be run by loom as they stand: a model includes them
//! beside a module `sync` of its own (`tests/loom_table.rs`, `tests/loom_sections.rs`).

pub(crate) mod order;

#[cfg(feature = "alloc")]
pub(crate) use core::sync::atomic::AtomicPtr;
pub(crate) use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering, fence};

/// 64 bits in relaxed accesses.
pub(crate) use crate::word::Word as Relaxed64;

/// Counts the changes of something that readers check before and after: as wide as the target has it, since
/// a reader would be deceived that sleeps while all values pass.
#[cfg(target_has_atomic = "64")]
pub(crate) type AtomicCount = core::sync::atomic::AtomicU64;
#[cfg(not(target_has_atomic = "64"))]
pub(crate) type AtomicCount = AtomicU32;

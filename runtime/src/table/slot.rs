//! The life of a slot: taken, filled, published, changed, withdrawn, by compare-and-swap of one word.
//!
//! The word is the row's `state`: a generation, and below it one of four phases. It counts the owners of
//! the slot, so that a handle of an entry that is gone never means its successor. These functions know
//! nothing of what a row holds; loom runs them as they stand here (`tests/loom_table.rs`).

use super::sync::{AtomicU32, Ordering, fence, order};
use inspect_format::abi::{GENERATION_LAST, GENERATION_SHIFT, PHASE_MASK, phase};

/// A state of a generation and a phase.
pub(crate) const fn state_of(generation: u32, phase: u32) -> u32 {
    generation << GENERATION_SHIFT | phase
}

/// Takes a slot if it is empty, and returns its generation. It is in phase `writing` then, and the caller's
/// alone.
#[inline]
pub(crate) fn claim(state: &AtomicU32) -> Option<u32> {
    let seen = state.load(Ordering::Relaxed);
    let generation = seen >> GENERATION_SHIFT;
    // A slot whose generations are used up is never taken again.
    if seen & PHASE_MASK != phase::EMPTY || generation >= GENERATION_LAST {
        return None;
    }
    let writing = state_of(generation, phase::WRITING);
    state.compare_exchange(seen, writing, order::CLAIM, Ordering::Relaxed).ok()?;
    fence(order::FILL);
    Some(generation)
}

/// Whether [`claim`] would take a slot.
#[inline]
pub(crate) fn is_empty(state: &AtomicU32) -> bool {
    let seen = state.load(Ordering::Relaxed);
    seen & PHASE_MASK == phase::EMPTY && seen >> GENERATION_SHIFT < GENERATION_LAST
}

/// Publishes the row of a slot that [`claim`] took.
#[inline]
pub(crate) fn publish(state: &AtomicU32, generation: u32) {
    state.store(state_of(generation, phase::LIVE), order::PUBLISH);
}

/// Withdraws a row, if it is of this generation and nobody is changing it.
#[inline]
pub(crate) fn withdraw(state: &AtomicU32, generation: u32) -> Result<(), u32> {
    if generation >= GENERATION_LAST {
        return Err(state.load(Ordering::Relaxed));
    }
    let live = state_of(generation, phase::LIVE);
    let empty = state_of(generation + 1, phase::EMPTY);
    state.compare_exchange(live, empty, order::WITHDRAW, Ordering::Relaxed).map(drop)
}

/// Runs `store` while the row is in phase `changing`, so that it is neither withdrawn nor changed by
/// somebody else meanwhile. What the state was, if it was not live.
pub(crate) fn change(state: &AtomicU32, generation: u32, store: impl FnOnce()) -> Result<(), u32> {
    let live = state_of(generation, phase::LIVE);
    let changing = state_of(generation, phase::CHANGING);
    state.compare_exchange(live, changing, order::CLAIM, Ordering::Relaxed)?;
    store();
    state.store(live, order::PUBLISH);
    Ok(())
}

/// What [`read`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found<T> {
    /// A row of this generation.
    Row(u32, T),
    /// No row is published here.
    Nothing,
    /// The row changed each time it was read.
    Busy,
}

/// How often a row is read that changes meanwhile.
const ATTEMPTS: u32 = 16;

/// Runs `copy` until what it copied belongs to one generation of a published row.
#[inline]
pub(crate) fn read<T>(state: &AtomicU32, mut copy: impl FnMut() -> T) -> Found<T> {
    for _ in 0..ATTEMPTS {
        let before = state.load(order::LOOK);
        if before & PHASE_MASK < phase::LIVE {
            return Found::Nothing;
        }
        let row = copy();
        fence(order::LOOK_AGAIN);
        let after = state.load(Ordering::Relaxed);
        let generation = before >> GENERATION_SHIFT;
        if generation == after >> GENERATION_SHIFT && after & PHASE_MASK >= phase::LIVE {
            return Found::Row(generation, row);
        }
    }
    Found::Busy
}

/// Frees a slot whose owner died: one that was being filled becomes empty, one that was being changed live.
/// Whether it was stuck.
pub(crate) fn reclaim(state: &AtomicU32) -> bool {
    let seen = state.load(Ordering::Relaxed);
    let generation = seen >> GENERATION_SHIFT;
    let free = match seen & PHASE_MASK {
        phase::WRITING => state_of((generation + 1).min(GENERATION_LAST), phase::EMPTY),
        phase::CHANGING => state_of(generation, phase::LIVE),
        _ => return false,
    };
    state.compare_exchange(seen, free, order::WITHDRAW, Ordering::Relaxed).is_ok()
}

//! Sorting in place what readers may look at: a heap sort over atomics, without memory of its own.

use crate::sync::{AtomicU32, Ordering::Relaxed};

/// Sorts by ascending keys, in n log n steps whatever the order is. Nobody else may write.
pub(super) fn sort_by_key(items: &[AtomicU32], key: impl Fn(u32) -> u64) {
    let key = |index: usize| key(items[index].load(Relaxed));
    if (1..items.len()).all(|index| key(index - 1) <= key(index)) {
        return;
    }
    for root in (0..items.len() / 2).rev() {
        sift_down(items, root, &key);
    }
    for end in (1..items.len()).rev() {
        swap(items, 0, end);
        sift_down(&items[..end], 0, &key);
    }
}

/// Moves an element of a heap with the greatest on top to where it belongs.
fn sift_down(heap: &[AtomicU32], mut parent: usize, key: &impl Fn(usize) -> u64) {
    loop {
        let children = 2 * parent + 1..(2 * parent + 3).min(heap.len());
        let Some(greatest) = children.max_by_key(|child| key(*child)) else { return };
        if key(greatest) <= key(parent) {
            return;
        }
        swap(heap, parent, greatest);
        parent = greatest;
    }
}

fn swap(items: &[AtomicU32], one: usize, other: usize) {
    let (first, second) = (items[one].load(Relaxed), items[other].load(Relaxed));
    items[one].store(second, Relaxed);
    items[other].store(first, Relaxed);
}

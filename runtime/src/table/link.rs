//! The links of the chain on which run-time tables hang. Loom runs them as they stand here.

#[cfg(target_pointer_width = "32")]
use super::sync::AtomicU32;
use super::sync::{AtomicUsize, order};

/// Eight bytes that hold an address, which one store or compare-and-swap changes.
#[derive(Debug)]
#[repr(C, align(8))]
pub(crate) struct Link {
    #[cfg(all(target_pointer_width = "32", target_endian = "big"))]
    pub(super) upper: AtomicU32,
    pub(super) address: AtomicUsize,
    #[cfg(all(target_pointer_width = "32", target_endian = "little"))]
    pub(super) upper: AtomicU32,
}

impl Link {
    pub(crate) fn get(&self) -> usize {
        self.address.load(order::FOLLOW)
    }

    /// Sets the address if there is none, and returns the one that was there.
    pub(crate) fn settle(&self, address: usize) -> usize {
        let settled = self.address.compare_exchange(0, address, order::APPEND, order::FOLLOW);
        settled.unwrap_or_else(|there| there)
    }
}

/// Appends what lies at `own` to the chain that begins with `first`, if it does not stand there yet.
/// `link_of` is the link of what an address on the chain leads to.
///
/// The chain only grows at its end, so that whoever meets an empty link and fills it knows that `own` stood
/// nowhere before: any number of threads and signal handlers may do this at once for one table, and none of
/// them waits.
pub(crate) fn append<'a>(first: &'a Link, own: usize, link_of: impl Fn(usize) -> &'a Link) {
    let mut link = first;
    loop {
        let next = match link.get() {
            0 => link.settle(own),
            next => next,
        };
        if next == 0 || next == own {
            return;
        }
        link = link_of(next);
    }
}

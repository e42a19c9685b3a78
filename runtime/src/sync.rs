//! The atomics of this crate, and the orderings on which its protocols stand.

#[allow(unused_imports, reason = "which of them are needed depends on the features")]
pub(crate) use core::sync::atomic::{AtomicU8, AtomicU32, Ordering, fence};

pub(crate) use core::sync::atomic::{AtomicBool, AtomicU16};
#[cfg(feature = "alloc")]
pub(crate) use core::sync::atomic::{AtomicPtr, AtomicUsize};

/// Counts the changes of something that readers check before and after: as wide as the target has it, since
/// a reader would be deceived that sleeps while all values pass.
#[cfg(target_has_atomic = "64")]
pub(crate) type AtomicCount = core::sync::atomic::AtomicU64;
#[cfg(not(target_has_atomic = "64"))]
pub(crate) type AtomicCount = AtomicU32;

/// 64 bits in relaxed accesses. Where the target has no such atomics they are two halves, which a reader
/// may find torn: it is for values that something else validates.
#[derive(Debug)]
pub(crate) struct Relaxed64 {
    #[cfg(target_has_atomic = "64")]
    whole: core::sync::atomic::AtomicU64,
    #[cfg(not(target_has_atomic = "64"))]
    halves: [AtomicU32; 2],
}

#[cfg(target_has_atomic = "64")]
impl Relaxed64 {
    pub(crate) const fn new() -> Relaxed64 {
        Relaxed64 { whole: core::sync::atomic::AtomicU64::new(0) }
    }

    #[inline(always)]
    pub(crate) fn load(&self) -> u64 {
        self.whole.load(Ordering::Relaxed)
    }

    pub(crate) fn store(&self, value: u64) {
        self.whole.store(value, Ordering::Relaxed);
    }
}

#[cfg(not(target_has_atomic = "64"))]
impl Relaxed64 {
    pub(crate) const fn new() -> Relaxed64 {
        Relaxed64 { halves: [const { AtomicU32::new(0) }; 2] }
    }

    #[inline(always)]
    pub(crate) fn load(&self) -> u64 {
        let [low, high] = &self.halves;
        u64::from(low.load(Ordering::Relaxed)) | u64::from(high.load(Ordering::Relaxed)) << 32
    }

    pub(crate) fn store(&self, value: u64) {
        let [low, high] = &self.halves;
        low.store(value as u32, Ordering::Relaxed);
        high.store((value >> 32) as u32, Ordering::Relaxed);
    }
}

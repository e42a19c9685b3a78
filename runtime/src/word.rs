//! Eight bytes that several may access, whatever atomics the machine has.
//! A leaf of this crate: rows are made of them, and section maps.

#[cfg(not(target_has_atomic = "64"))]
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering;

#[cfg(not(target_has_atomic = "64"))]
use inspect_format::abi::core_properties;

/// One atomic word where the machine has them, otherwise two halves.
#[derive(Debug)]
#[repr(C, align(8))]
pub struct Word(
    #[cfg(target_has_atomic = "64")] core::sync::atomic::AtomicU64,
    #[cfg(not(target_has_atomic = "64"))] [AtomicU32; 2],
);

/// A fixed number of [`Word`]s.
pub trait Words: sealed::Sealed {
    /// All of them 0.
    const ZERO: Self;
    /// As many plain numbers.
    type Plain: AsMut<[u64]> + AsRef<[u64]> + Copy;
    /// All of them 0.
    const PLAIN: Self::Plain;

    /// The words.
    fn words(&self) -> &[Word];
}

mod sealed {
    /// Zeros must be a value, and the size that of as many numbers.
    pub trait Sealed {}
    impl<const W: usize> Sealed for [super::Word; W] {}
}

impl<const W: usize> Words for [Word; W] {
    const ZERO: Self = [const { Word::new() }; W];
    type Plain = [u64; W];
    const PLAIN: Self::Plain = [0; W];

    #[inline]
    fn words(&self) -> &[Word] {
        self
    }
}

#[cfg(target_has_atomic = "64")]
impl Word {
    pub(crate) const fn new() -> Self {
        Self(core::sync::atomic::AtomicU64::new(0))
    }

    #[inline]
    pub(crate) fn load(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn store(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Stores property bits in place of others.
    pub(crate) fn store_properties(&self, bits: u64) {
        self.store(bits);
    }

    /// Property bits, which change at once here.
    #[inline]
    pub(crate) fn load_properties(&self) -> u64 {
        self.load()
    }

    /// Stores a value if there is none yet, and returns the one that is there then.
    pub(crate) fn settle(&self, value: u64) -> u64 {
        match self.0.compare_exchange(0, value, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => value,
            Err(there) => there,
        }
    }
}

#[cfg(not(target_has_atomic = "64"))]
impl Word {
    /// The half that holds the upper 32 bits.
    const HIGH: usize = if cfg!(target_endian = "little") { 1 } else { 0 };

    pub(crate) const fn new() -> Self {
        Self([const { AtomicU32::new(0) }; 2])
    }

    pub(crate) fn load(&self) -> u64 {
        let (high, low) = (self.half(Self::HIGH), self.half(1 - Self::HIGH));
        u64::from(high) << 32 | u64::from(low)
    }

    pub(crate) fn store(&self, value: u64) {
        self.0[Self::HIGH].store((value >> 32) as u32, Ordering::Relaxed);
        self.0[1 - Self::HIGH].store(value as u32, Ordering::Relaxed);
    }

    /// Stores property bits in place of others. Each half changes at once; what restricts, in the upper
    /// half, comes first where it is added and last where it is taken away, so that nobody sees the row
    /// freer than both.
    pub(crate) fn store_properties(&self, bits: u64) {
        let high = (bits >> 32) as u32;
        let old = self.half(Self::HIGH);
        self.0[Self::HIGH].store(old | high, Ordering::Release);
        self.0[1 - Self::HIGH].store(bits as u32, Ordering::Release);
        self.0[Self::HIGH].store(high, Ordering::Release);
    }

    /// Stores a value if there is none yet, and returns the one that is there then. Its halves are settled
    /// one by one; a mixture of two values is as good as either where only difference matters.
    pub(crate) fn settle(&self, value: u64) -> u64 {
        for (half, value) in [(Self::HIGH, (value >> 32) as u32), (1 - Self::HIGH, value as u32)] {
            let place = &self.0[half];
            let _ = place.compare_exchange(0, value | 1, Ordering::Relaxed, Ordering::Relaxed);
        }
        self.load()
    }

    /// Property bits that somebody may be changing. The upper half is looked at before and after the lower
    /// one, and what restricts counts if either look saw it, so that nobody finds a row freer than it was and
    /// will be.
    pub(crate) fn load_properties(&self) -> u64 {
        const GUARDED: u32 = ((core_properties::SENSITIVE | core_properties::MMIO) >> 32) as u32;
        let before = self.0[Self::HIGH].load(Ordering::Acquire);
        let low = self.0[1 - Self::HIGH].load(Ordering::Acquire);
        let after = self.0[Self::HIGH].load(Ordering::Acquire);
        u64::from(after | before & GUARDED) << 32 | u64::from(low)
    }

    fn half(&self, index: usize) -> u32 {
        self.0[index].load(Ordering::Relaxed)
    }
}

//! The data that generated code carries: statics in a writable section, though nobody writes them. A leaf of
//! this crate.

/// Data that stands in a writable section though nobody writes it: cores that a kernel writes leave out
/// read-only pages of files.
#[derive(Debug)]
#[repr(C, align(8))]
pub struct Blob<T>(core::cell::UnsafeCell<T>);

// SAFETY: no method gives out more than a shared reference, so that nobody ever writes to the data.
unsafe impl<T: Sync> Sync for Blob<T> {}

impl<T> Blob<T> {
    /// Holds `data`.
    pub const fn new(data: T) -> Self {
        Self(core::cell::UnsafeCell::new(data))
    }

    /// The data.
    pub const fn get(&self) -> &T {
        // SAFETY: the pointer is that of a living cell, and nobody ever writes to it (see `Sync`).
        unsafe { &*self.0.get() }
    }
}

impl<T, const N: usize> Blob<[T; N]> {
    /// Where the elements of a static lie, and how many there are.
    pub const fn elements(this: *const Self) -> (*const T, usize) {
        (this.cast(), N)
    }
}

/// Type information: words, and the text behind them, in memory as [`Blob`] is.
#[derive(Debug)]
#[repr(C, align(8))]
pub struct Types<const W: usize, const T: usize> {
    words: core::cell::UnsafeCell<[u32; W]>,
    text: core::cell::UnsafeCell<[u8; T]>,
}

// SAFETY: no method gives out more than a shared reference, so that nobody ever writes to the data.
unsafe impl<const W: usize, const T: usize> Sync for Types<W, T> {}

impl<const W: usize, const T: usize> Types<W, T> {
    /// Holds both.
    pub const fn new(words: [u32; W], text: [u8; T]) -> Self {
        Self { words: core::cell::UnsafeCell::new(words), text: core::cell::UnsafeCell::new(text) }
    }

    /// Where the section of a static lies, and its bytes.
    pub const fn place(this: *const Self) -> (*const u8, usize) {
        (this.cast(), 4 * W + T)
    }

    /// The section.
    pub const fn bytes(&'static self) -> &'static [u8] {
        let start = core::ptr::from_ref(self).cast::<u8>();
        // SAFETY: `repr(C)` puts the text right behind the words, since bytes need no alignment; both are
        // initialised, and so are 4 * W + T bytes from the start. They live as long as the program, and
        // nobody ever writes to them (see `Sync`).
        unsafe { core::slice::from_raw_parts(start, 4 * W + T) }
    }
}

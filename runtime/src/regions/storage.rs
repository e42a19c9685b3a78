//! Where a [`RegionSet`](super::RegionSet) keeps its regions: a leaf. A slice that may take one element
//! more, or say that it cannot.

use arrayvec::ArrayVec;

/// A sequence of elements in one piece of memory. Sealed: an [`ArrayVec`] everywhere, and with the feature
/// `alloc` a `Vec`.
pub trait Storage<T>: sealed::Sealed {
    #[doc(hidden)]
    fn items(&self) -> &[T];
    #[doc(hidden)]
    fn items_mut(&mut self) -> &mut [T];
    /// Makes sure that the next `insert` has room.
    #[doc(hidden)]
    fn reserve_one(&mut self) -> Result<(), Full>;
    /// Only after a `reserve_one` that succeeded, and at most at the end.
    #[doc(hidden)]
    fn insert(&mut self, index: usize, item: T);
    #[doc(hidden)]
    fn remove(&mut self, indices: core::ops::Range<usize>);
}

/// No room for one more.
#[doc(hidden)]
#[derive(Debug)]
pub struct Full;

impl<T, const N: usize> Storage<T> for ArrayVec<T, N> {
    fn items(&self) -> &[T] {
        self
    }

    fn items_mut(&mut self) -> &mut [T] {
        self
    }

    fn reserve_one(&mut self) -> Result<(), Full> {
        if self.is_full() { Err(Full) } else { Ok(()) }
    }

    fn insert(&mut self, index: usize, item: T) {
        self.insert(index, item);
    }

    fn remove(&mut self, indices: core::ops::Range<usize>) {
        self.drain(indices);
    }
}

#[cfg(feature = "alloc")]
impl<T> Storage<T> for alloc::vec::Vec<T> {
    fn items(&self) -> &[T] {
        self
    }

    fn items_mut(&mut self) -> &mut [T] {
        self
    }

    fn reserve_one(&mut self) -> Result<(), Full> {
        self.try_reserve(1).map_err(|_| Full)
    }

    fn insert(&mut self, index: usize, item: T) {
        self.insert(index, item);
    }

    fn remove(&mut self, indices: core::ops::Range<usize>) {
        self.drain(indices);
    }
}

mod sealed {
    pub trait Sealed {}
    impl<T, const N: usize> Sealed for arrayvec::ArrayVec<T, N> {}
    #[cfg(feature = "alloc")]
    impl<T> Sealed for alloc::vec::Vec<T> {}
}

//! The values of generated structs that Rust has no type for: pointers that may lie in statics, numbers of
//! a fixed byte order, text of a fixed length. Each has the size and alignment of its C counterpart, and a
//! constant of zeros. A leaf of this crate.

use core::fmt;

/// A pointer in the producer's address space, as it stands in a struct that somebody else will read.
///
/// It is never followed by this crate, so it may be null, dangling or shared between threads: it is a number
/// with a type, and the type is there for the reader of the source.
#[repr(transparent)]
pub struct Ptr<T>(*const T);

// SAFETY: the pointer is only stored, compared and printed. No method follows it, so that it gives no access
// to a `T` on any thread; following it takes `unsafe` code of the user, with a proof of its own.
unsafe impl<T> Send for Ptr<T> {}
// SAFETY: as above; there is no interior mutability either.
unsafe impl<T> Sync for Ptr<T> {}

impl<T> Ptr<T> {
    /// The null pointer.
    pub const NULL: Self = Self(core::ptr::null());

    /// Points at something that lives as long as the program.
    #[must_use]
    pub const fn to(target: &'static T) -> Self {
        Self(target)
    }

    /// Points wherever `pointer` does.
    #[must_use]
    pub const fn new(pointer: *const T) -> Self {
        Self(pointer)
    }

    /// The pointer itself.
    #[must_use]
    pub const fn get(self) -> *const T {
        self.0
    }

    /// Whether it is the null pointer.
    #[must_use]
    pub const fn is_null(self) -> bool {
        self.0.is_null()
    }

    /// The address as a number.
    #[must_use]
    pub fn address(self) -> usize {
        self.0 as usize
    }
}

impl<T> Clone for Ptr<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Ptr<T> {}

impl<T> PartialEq for Ptr<T> {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::eq(self.0, other.0)
    }
}

impl<T> Eq for Ptr<T> {}

impl<T> fmt::Debug for Ptr<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.address())
    }
}

impl<T> From<&'static T> for Ptr<T> {
    fn from(target: &'static T) -> Self {
        Self::to(target)
    }
}

macro_rules! ordered {
    ($($name:ident $ty:ident $from:ident $to:ident $order:literal)*) => { $(
        #[doc = concat!("A `", stringify!($ty), "` whose bytes in memory are ", $order, ", whatever the machine's order.")]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
        #[repr(transparent)]
        pub struct $name($ty);

        impl $name {
            /// Zero.
            pub const ZERO: Self = Self(0);

            /// Holds `value`.
            #[must_use]
            pub const fn new(value: $ty) -> Self {
                Self(value.$to())
            }

            /// The value.
            #[must_use]
            pub const fn get(self) -> $ty {
                $ty::$from(self.0)
            }
        }

        impl From<$ty> for $name {
            fn from(value: $ty) -> Self {
                Self::new(value)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.get().fmt(f)
            }
        }
    )* };
}

ordered! {
    Be16 u16 from_be to_be "big-endian"
    Be32 u32 from_be to_be "big-endian"
    Be64 u64 from_be to_be "big-endian"
    Le16 u16 from_le to_le "little-endian"
    Le32 u32 from_le to_le "little-endian"
    Le64 u64 from_le to_le "little-endian"
}

/// Text of at most `N` bytes: it ends at the first NUL, or at `N`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Text<const N: usize>([u8; N]);

impl<const N: usize> Text<N> {
    /// The empty text.
    pub const ZERO: Self = Self([0; N]);

    /// Holds `text`. Too long a text does not compile where the value is a constant.
    ///
    /// # Panics
    /// If `text` has more than `N` bytes.
    #[must_use]
    pub const fn new(text: &str) -> Self {
        let text = text.as_bytes();
        assert!(text.len() <= N, "the text is longer than its field");
        let mut bytes = [0; N];
        let mut at = 0;
        while at < text.len() {
            bytes[at] = text[at];
            at += 1;
        }
        Self(bytes)
    }

    /// Holds these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// All its bytes, what stands behind the first NUL included.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; N] {
        &self.0
    }

    /// The text: the bytes before the first NUL.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(N);
        &self.0[..end]
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self::ZERO
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

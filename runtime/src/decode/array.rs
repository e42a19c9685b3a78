//! Arrays and text read in place: any length, any element, one bounds check when the array is made.

use core::fmt;
use core::marker::PhantomData;

use inspect_format::abi::Order;

use super::{Layouts, view::View};

/// Something that an array is made of.
pub trait Element<'a>: Sized {
    /// Bytes of one; `sub` is what the array's slot knows about its elements.
    fn stride(layouts: &Layouts, sub: u32) -> usize;

    /// Out of as many bytes as one takes.
    fn load(bytes: &'a [u8], layouts: &'a Layouts, sub: u32) -> Self;
}

/// An array in a producer's memory.
pub struct Array<'a, T> {
    bytes: &'a [u8],
    layouts: &'a Layouts,
    sub: u32,
    stride: usize,
    element: PhantomData<fn() -> T>,
}

impl<'a, T: Element<'a>> Array<'a, T> {
    pub(super) fn new(bytes: &'a [u8], layouts: &'a Layouts, sub: u32) -> Self {
        let stride = T::stride(layouts, sub);
        Self { bytes, layouts, sub, stride, element: PhantomData }
    }

    /// At most `count` elements of it.
    #[must_use]
    pub fn limit(mut self, count: u64) -> Self {
        let bytes = usize::try_from(count).ok().and_then(|count| count.checked_mul(self.stride));
        let bytes = bytes.unwrap_or(usize::MAX).min(self.bytes.len());
        self.bytes = &self.bytes[..bytes];
        self
    }

    /// How many elements there are.
    #[must_use]
    pub fn len(self) -> usize {
        self.bytes.len().checked_div(self.stride).unwrap_or(0)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The element at a position.
    #[must_use]
    pub fn get(self, index: usize) -> Option<T> {
        let start = index.checked_mul(self.stride)?;
        let bytes = self.bytes.get(start..start.checked_add(self.stride)?)?;
        (self.stride != 0).then(|| T::load(bytes, self.layouts, self.sub))
    }

    /// The elements, in order.
    #[must_use]
    pub fn iter(self) -> ArrayIter<'a, T> {
        ArrayIter { array: self, next: 0 }
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
}

impl<T> Clone for Array<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Array<'_, T> {}

impl<'a, T: Element<'a>> IntoIterator for Array<'a, T> {
    type Item = T;
    type IntoIter = ArrayIter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, T: Element<'a> + fmt::Debug> fmt::Debug for Array<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The elements of an [`Array`].
pub struct ArrayIter<'a, T> {
    array: Array<'a, T>,
    next: usize,
}

impl<'a, T: Element<'a>> Iterator for ArrayIter<'a, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let element = self.array.get(self.next)?;
        self.next += 1;
        Some(element)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.array.len().saturating_sub(self.next);
        (left, Some(left))
    }
}

impl<'a, T: Element<'a>> ExactSizeIterator for ArrayIter<'a, T> {}

impl<T> fmt::Debug for ArrayIter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ArrayIter at {}", self.next)
    }
}

/// The bits of an enum or a set of flags as an element: as wide as the array's slot says.
#[must_use]
pub fn coded_stride(sub: u32) -> usize {
    sub as usize
}

/// See [`coded_stride`].
#[must_use]
pub fn coded<T: super::Coded>(bytes: &[u8], layouts: &Layouts) -> T {
    T::from_bits(unsigned(bytes, layouts.order()), bytes.len().min(8) as u32 * 8)
}

/// Text in a producer's memory: the bytes before the first NUL, in whatever encoding they are.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Str<'a>(&'a [u8]);

impl<'a> Str<'a> {
    /// The text in `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        Self(&bytes[..end])
    }

    /// Its bytes, exactly.
    #[must_use]
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The text, if it is UTF-8.
    pub fn to_str(self) -> Result<&'a str, core::str::Utf8Error> {
        core::str::from_utf8(self.0)
    }
}

/// What is not UTF-8 shows as U+FFFD.
impl fmt::Display for Str<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_str("\u{fffd}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Str<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// The number in `bytes`, one, two, four or eight of them, without a sign.
pub(super) fn unsigned(bytes: &[u8], order: Order) -> u64 {
    inspect_format::bits::read(bytes, 0, bytes.len().min(8) as u32 * 8, order).unwrap_or(0)
}

macro_rules! integers {
    ($($ty:ty)*) => { $(
        impl<'a> Element<'a> for $ty {
            fn stride(_: &Layouts, sub: u32) -> usize {
                if sub == 0 { size_of::<Self>() } else { sub as usize }
            }

            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_possible_wrap,
                reason = "a wider number than the type is refused when its struct is bound"
            )]
            fn load(bytes: &'a [u8], layouts: &'a Layouts, _: u32) -> Self {
                let bits = bytes.len().min(8) as u32 * 8;
                let value = unsigned(bytes, layouts.order());
                inspect_format::bits::sign_extend(value, bits) as Self
            }
        }
    )* };
}

integers! { i8 i16 i32 i64 }

macro_rules! naturals {
    ($($ty:ty)*) => { $(
        impl<'a> Element<'a> for $ty {
            fn stride(_: &Layouts, sub: u32) -> usize {
                if sub == 0 { size_of::<Self>() } else { sub as usize }
            }

            fn load(bytes: &'a [u8], layouts: &'a Layouts, _: u32) -> Self {
                unsigned(bytes, layouts.order()) as Self
            }
        }
    )* };
}

naturals! { u8 u16 u32 u64 }

macro_rules! others {
    ($($ty:ty: $from:expr;)*) => { $(
        impl<'a> Element<'a> for $ty {
            fn stride(_: &Layouts, _: u32) -> usize {
                size_of::<Self>()
            }

            fn load(bytes: &'a [u8], layouts: &'a Layouts, _: u32) -> Self {
                let from: fn(&[u8], Order) -> Self = $from;
                from(bytes, layouts.order())
            }
        }
    )* };
}

others! {
    bool: |bytes, _| bytes.first().is_some_and(|byte| *byte != 0);
    f32: |bytes, order| Self::from_bits(unsigned(bytes, order) as u32);
    f64: |bytes, order| Self::from_bits(unsigned(bytes, order));
    crate::Be16: |bytes, _| Self::new(unsigned(bytes, Order::Big) as u16);
    crate::Be32: |bytes, _| Self::new(unsigned(bytes, Order::Big) as u32);
    crate::Be64: |bytes, _| Self::new(unsigned(bytes, Order::Big));
    crate::Le16: |bytes, _| Self::new(unsigned(bytes, Order::Little) as u16);
    crate::Le32: |bytes, _| Self::new(unsigned(bytes, Order::Little) as u32);
    crate::Le64: |bytes, _| Self::new(unsigned(bytes, Order::Little));
}

/// The inner dimension of an array of arrays, or opaque bytes.
impl<'a, T: Element<'a>, const N: usize> Element<'a> for [T; N] {
    fn stride(layouts: &Layouts, sub: u32) -> usize {
        T::stride(layouts, sub).saturating_mul(N)
    }

    fn load(bytes: &'a [u8], layouts: &'a Layouts, sub: u32) -> Self {
        let stride = T::stride(layouts, sub);
        core::array::from_fn(|index| {
            let rest = bytes.get(index * stride..).unwrap_or(&[]);
            T::load(rest.get(..stride).unwrap_or(&[]), layouts, sub)
        })
    }
}

/// Text of a fixed length, as an element of an array: `sub` is its bytes.
impl<'a> Element<'a> for Str<'a> {
    fn stride(_: &Layouts, sub: u32) -> usize {
        sub as usize
    }

    fn load(bytes: &'a [u8], _: &'a Layouts, _: u32) -> Self {
        Self::new(bytes)
    }
}

/// Bytes of a fixed length, as an element of an array: `sub` is how many.
impl<'a> Element<'a> for &'a [u8] {
    fn stride(_: &Layouts, sub: u32) -> usize {
        sub as usize
    }

    fn load(bytes: &'a [u8], _: &'a Layouts, _: u32) -> Self {
        bytes
    }
}

/// A generated view: a [`View`] with names.
pub trait Wrapper<'a>: Copy {
    /// With names.
    fn wrap(view: View<'a>) -> Self;
}

impl<'a, T: Wrapper<'a>> Element<'a> for T {
    fn stride(layouts: &Layouts, sub: u32) -> usize {
        layouts.slot(sub).place.size()
    }

    fn load(bytes: &'a [u8], layouts: &'a Layouts, sub: u32) -> Self {
        T::wrap(View::part(bytes, layouts, sub))
    }
}

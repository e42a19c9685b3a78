//! A struct read in place. Its bytes were measured once, when the view was made; every accessor is a look
//! into a slot and a load.

use core::fmt;

use inspect_format::abi::Order;
use inspect_format::btf::Place;

use super::array::{Array, Element, Str};
use super::{Layouts, Slot};

/// The bytes of a struct, and where its fields lie in them. Generated views wrap it.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    bytes: &'a [u8],
    layouts: &'a Layouts,
    base: u32,
}

/// Why bytes cannot be read as a struct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ViewError {
    /// The table, or the target, does not have the struct.
    Absent {
        /// The struct, as the schema calls it.
        struct_name: &'static str,
    },
    /// The bytes end too early.
    TooShort {
        /// The struct, as the schema calls it.
        struct_name: &'static str,
        /// Bytes of the struct.
        needed: usize,
        /// Bytes at hand.
        found: usize,
    },
}

/// A field that does not hold what its schema says it always holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The field.
    pub field: &'static str,
    /// Where it lies, from the start of the struct.
    pub offset: usize,
}

macro_rules! numbers {
    ($($name:ident: $ty:ty;)*) => { $(
        #[doc = concat!("A `", stringify!($ty), "`.")]
        #[must_use]
        #[inline]
        pub fn $name(self, index: u32) -> $ty {
            let bytes = self.slot(index).place.array(self.bytes);
            match self.layouts.order {
                Order::Little => <$ty>::from_le_bytes(bytes),
                Order::Big => <$ty>::from_be_bytes(bytes),
            }
        }
    )* };
}

macro_rules! ordered {
    ($($name:ident: $ty:ident $from:ident;)*) => { $(
        #[doc = concat!("A `", stringify!($ty), "` of a byte order of its own.")]
        #[must_use]
        #[inline]
        pub fn $name(self, index: u32) -> $ty {
            $ty::$from(self.slot(index).place.array(self.bytes))
        }
    )* };
}

impl<'a> View<'a> {
    /// Reads `bytes` as the struct whose first slot is `base`. Bytes behind it stay visible only to a
    /// `flexible` one.
    pub fn new(
        layouts: &'a Layouts,
        base: u32,
        struct_name: &'static str,
        flexible: bool,
        bytes: &'a [u8],
    ) -> Result<Self, ViewError> {
        let slot = layouts.slot(base);
        if slot.is_absent() {
            return Err(ViewError::Absent { struct_name });
        }
        let needed = slot.place.size();
        let found = bytes.len();
        let own = bytes.get(..needed).ok_or(ViewError::TooShort { struct_name, needed, found })?;
        Ok(Self { bytes: if flexible { bytes } else { own }, layouts, base })
    }

    /// The part of an array or of a struct that is a struct itself.
    pub(super) fn part(bytes: &'a [u8], layouts: &'a Layouts, base: u32) -> Self {
        Self { bytes, layouts, base }
    }

    #[inline]
    fn slot(self, index: u32) -> Slot {
        self.layouts.slot(self.base + index)
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Itself, if the producer had the field.
    #[must_use]
    #[inline]
    pub fn having(self, index: u32) -> Option<Self> {
        (!self.slot(index).is_absent()).then_some(self)
    }

    numbers! {
        u8: u8;
        u16: u16;
        u32: u32;
        u64: u64;
        i8: i8;
        i16: i16;
        i32: i32;
        i64: i64;
        f32: f32;
        f64: f64;
    }

    ordered! {
        be16: u16 from_be_bytes;
        be32: u32 from_be_bytes;
        be64: u64 from_be_bytes;
        le16: u16 from_le_bytes;
        le32: u32 from_le_bytes;
        le64: u64 from_le_bytes;
    }

    /// A truth value: any byte but 0 is true.
    #[must_use]
    #[inline]
    pub fn bool(self, index: u32) -> bool {
        self.u8(index) != 0
    }

    /// A number of any width: a C type, a pointer, an enum, a bit-field.
    #[must_use]
    #[inline]
    pub fn unsigned(self, index: u32) -> u64 {
        self.slot(index).place.unsigned(self.bytes, self.layouts.order)
    }

    /// As [`View::unsigned`], with a sign.
    #[must_use]
    #[inline]
    pub fn signed(self, index: u32) -> i64 {
        self.slot(index).place.signed(self.bytes, self.layouts.order)
    }

    /// An enum or a set of flags.
    #[must_use]
    #[inline]
    pub fn coded<T: Element<'a>>(self, index: u32) -> T {
        let slot = self.slot(index);
        T::load(slot.place.slice(self.bytes), self.layouts, slot.sub)
    }

    /// An enum or a set of flags in a bit-field.
    #[must_use]
    #[inline]
    pub fn coded_bits<T: Coded>(self, index: u32) -> T {
        let place = self.slot(index).place;
        T::from_bits(place.unsigned(self.bytes, self.layouts.order), place.bit_size)
    }

    /// Bytes.
    #[must_use]
    #[inline]
    pub fn slice(self, index: u32) -> &'a [u8] {
        self.slot(index).place.slice(self.bytes)
    }

    /// Text.
    #[must_use]
    #[inline]
    pub fn text(self, index: u32) -> Str<'a> {
        Str::new(self.slice(index))
    }

    /// A struct inside this one.
    #[must_use]
    #[inline]
    pub fn inner(self, index: u32) -> Self {
        let slot = self.slot(index);
        Self::part(slot.place.slice(self.bytes), self.layouts, slot.sub)
    }

    /// An array.
    #[must_use]
    #[inline]
    pub fn array<T: Element<'a>>(self, index: u32) -> Array<'a, T> {
        let slot = self.slot(index);
        Array::new(slot.place.slice(self.bytes), self.layouts, slot.sub)
    }

    /// A flexible array: as many whole elements as there are bytes for.
    #[must_use]
    #[inline]
    pub fn array_rest<T: Element<'a>>(self, index: u32) -> Array<'a, T> {
        let slot = self.slot(index);
        Array::new(self.rest(slot.place), self.layouts, slot.sub)
    }

    /// The bytes of a flexible array of bytes.
    #[must_use]
    #[inline]
    pub fn slice_rest(self, index: u32) -> &'a [u8] {
        self.rest(self.slot(index).place)
    }

    /// An error where a field does not hold what it should.
    pub fn expect(self, index: u32, field: &'static str, holds: bool) -> Result<(), Mismatch> {
        let offset = self.slot(index).place.offset();
        if holds { Ok(()) } else { Err(Mismatch { field, offset }) }
    }

    fn rest(self, place: Place) -> &'a [u8] {
        self.bytes.get(place.offset()..).unwrap_or(&[])
    }
}

impl Layouts {
    #[inline]
    pub(super) fn slot(&self, index: u32) -> Slot {
        self.slots.get(index as usize).copied().unwrap_or(Slot::ABSENT)
    }

    pub(super) fn order(&self) -> Order {
        self.order
    }
}

/// An enum or a set of flags: a number with a type.
pub trait Coded: Copy {
    /// Out of the low `width` bits of `bits`.
    fn from_bits(bits: u64, width: u32) -> Self;
}

/// The value of a `count`: 128 bits, and nothing where it overflows.
#[derive(Clone, Copy, Debug)]
pub struct Count(Option<i128>);

macro_rules! operators {
    ($($(#[$doc:meta])* $name:ident $checked:ident;)*) => { $(
        $(#[$doc])*
        #[must_use]
        pub fn $name(self, other: Self) -> Self {
            Self(self.0.zip(other.0).and_then(|(a, b)| a.$checked(b)))
        }
    )* };
}

impl Count {
    /// A number.
    #[must_use]
    pub fn of(value: impl Into<i128>) -> Self {
        Self(Some(value.into()))
    }

    operators! {
        /// `a + b`
        plus checked_add;
        /// `a - b`
        minus checked_sub;
        /// `a * b`
        times checked_mul;
        /// `a / b`, nothing where b is 0
        over checked_div;
        /// `a % b`, nothing where b is 0
        modulo checked_rem;
    }

    /// `a << b`
    #[must_use]
    pub fn shifted_left(self, other: Self) -> Self {
        let shift = |(a, b): (i128, i128)| {
            let b = u32::try_from(b).ok().filter(|b| *b < 127)?;
            a.checked_mul(1 << b)
        };
        Self(self.0.zip(other.0).and_then(shift))
    }

    /// `a >> b`
    #[must_use]
    pub fn shifted_right(self, other: Self) -> Self {
        let shift = |(a, b): (i128, i128)| a.checked_shr(u32::try_from(b).ok()?);
        Self(self.0.zip(other.0).and_then(shift))
    }

    /// `a & b`
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0.zip(other.0).map(|(a, b)| a & b))
    }

    /// `a | b`
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0.zip(other.0).map(|(a, b)| a | b))
    }

    /// `a ^ b`
    #[must_use]
    pub fn xor(self, other: Self) -> Self {
        Self(self.0.zip(other.0).map(|(a, b)| a ^ b))
    }

    /// `-a`
    #[must_use]
    pub fn negated(self) -> Self {
        Self(self.0.and_then(i128::checked_neg))
    }

    /// `~a`
    #[must_use]
    pub fn inverted(self) -> Self {
        Self(self.0.map(|a| !a))
    }

    /// As many elements as that is: none where it is negative or overflowed.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0.and_then(|count| u64::try_from(count).ok()).unwrap_or(0)
    }
}

impl core::error::Error for ViewError {}

impl fmt::Display for ViewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Absent { struct_name } => {
                write!(f, "struct {struct_name}: its layout is not known")
            }
            Self::TooShort { struct_name, needed, found } => {
                write!(f, "struct {struct_name} takes {needed} bytes, there are {found}")
            }
        }
    }
}

impl core::error::Error for Mismatch {}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "field {} at {} does not hold its fixed value", self.field, self.offset)
    }
}

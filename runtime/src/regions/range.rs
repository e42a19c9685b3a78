//! Addresses and ranges of them: a leaf.
//!
//! An [`Address`] is not a number of bytes: the two never mix without saying so. A [`Range`] holds its
//! first and its last byte, so that it is never empty, never wraps, and may end with the last byte of a
//! 64-bit space, where a length or an end after the last byte would need 65 bits.

use core::fmt;

/// Where a byte lies.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub u64);

impl Address {
    /// The last byte of a 64-bit space.
    pub const MAX: Address = Address(u64::MAX);

    /// So many bytes above; `None` above the last byte of the space.
    pub const fn checked_add(self, bytes: u64) -> Option<Address> {
        match self.0.checked_add(bytes) {
            Some(sum) => Some(Address(sum)),
            None => None,
        }
    }

    /// So many bytes below; `None` below the first byte of the space.
    pub const fn checked_sub(self, bytes: u64) -> Option<Address> {
        match self.0.checked_sub(bytes) {
            Some(difference) => Some(Address(difference)),
            None => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// At least one byte, and all bytes from its first to its last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Range {
    pub(super) first: Address,
    pub(super) last: Address,
}

impl Range {
    /// Every address.
    pub const ALL: Range = Range { first: Address(0), last: Address::MAX };

    /// So many bytes from an address on.
    pub const fn new(first: Address, bytes: u64) -> Result<Range, RangeError> {
        if bytes == 0 {
            return Err(RangeError::Empty { first });
        }
        match first.checked_add(bytes - 1) {
            Some(last) => Ok(Range { first, last }),
            None => Err(RangeError::Wraps { first, bytes }),
        }
    }

    /// From one byte up to another, both included.
    pub const fn inclusive(first: Address, last: Address) -> Result<Range, RangeError> {
        if last.0 < first.0 { Err(RangeError::Empty { first }) } else { Ok(Range { first, last }) }
    }

    /// As [`Range::inclusive`], `None` where nothing lies between.
    pub(crate) fn between(first: Address, last: Address) -> Option<Range> {
        (first <= last).then_some(Range { first, last })
    }

    /// The first byte.
    pub const fn first(self) -> Address {
        self.first
    }

    /// The last byte.
    pub const fn last(self) -> Address {
        self.last
    }

    /// How many bytes: up to 2^64.
    pub const fn bytes(self) -> u128 {
        (self.last.0 - self.first.0) as u128 + 1
    }

    /// Whether a byte is in it.
    pub fn contains(self, address: Address) -> bool {
        (self.first..=self.last).contains(&address)
    }

    /// Whether all of another range is in it.
    pub fn covers(self, other: Range) -> bool {
        self.first <= other.first && other.last <= self.last
    }

    /// What two ranges have in common.
    pub fn overlap(self, other: Range) -> Option<Range> {
        Range::between(self.first.max(other.first), self.last.min(other.last))
    }

    /// What lies below an address.
    pub(crate) fn below(self, address: Address) -> Option<Range> {
        Range::between(self.first, self.last.min(address.checked_sub(1)?))
    }

    /// What lies above an address.
    pub(crate) fn above(self, address: Address) -> Option<Range> {
        Range::between(self.first.max(address.checked_add(1)?), self.last)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..={}", self.first, self.last)
    }
}

impl fmt::Debug for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What is no [`Range`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeError {
    /// There would be no byte in it.
    Empty {
        /// Where it would begin.
        first: Address,
    },
    /// It would end above the last byte of the space.
    Wraps {
        /// Where it would begin.
        first: Address,
        /// How long it would be.
        bytes: u64,
    },
}

impl fmt::Display for RangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RangeError::Empty { first } => {
                write!(f, "the range at {first} is empty: a range has at least one byte")
            }
            RangeError::Wraps { first, bytes } => write!(
                f,
                "{bytes} bytes at {first} end above the last address, {}: shorten the range",
                Address::MAX
            ),
        }
    }
}

impl core::error::Error for RangeError {}

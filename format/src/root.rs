//! The root of a loaded object: a record that leads to its tables.
//!
//! [`check`] judges the bytes of one, wherever they come from; [`crate::walk`] reads it in an address space
//! and follows it. Offsets and addresses are modulo the word size, as everywhere in the format.

use core::fmt;

use crate::abi::{self, Order, Root, byte_order};

/// A root whose fixed part and sizes have been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The record.
    pub record: Root,
    /// The byte order of the object.
    pub order: Order,
}

/// Why bytes are no root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RootError {
    /// Something else than a root.
    Magic,
    /// Neither little nor big.
    ByteOrder(u8),
    /// Neither 4 nor 8.
    WordSize(u8),
    /// A generation that this reader does not know.
    Format(u16),
    /// Smaller than the record.
    Size(u32),
    /// It says that it lies elsewhere: a stray copy.
    Elsewhere {
        /// Where it says that it lies.
        claimed: u64,
    },
}

/// Checks the bytes of a root that were found at `address`.
///
/// An object that was linked but never loaded does not know its address yet: `address` is `None` then.
pub fn check(bytes: &[u8; Root::SIZE], address: Option<u64>) -> Result<Checked, RootError> {
    if bytes[..8] != abi::ROOT_MAGIC {
        return Err(RootError::Magic);
    }
    let order = match bytes[Root::BYTE_ORDER_AT] {
        byte_order::LITTLE => Order::Little,
        byte_order::BIG => Order::Big,
        other => return Err(RootError::ByteOrder(other)),
    };
    let record = Root::read(bytes, order);
    if record.word_size != 4 && record.word_size != 8 {
        return Err(RootError::WordSize(record.word_size));
    }
    if record.format != abi::FORMAT {
        return Err(RootError::Format(record.format));
    }
    if (record.size as usize) < Root::SIZE {
        return Err(RootError::Size(record.size));
    }
    match address {
        Some(address) if record.self_address != address => {
            Err(RootError::Elsewhere { claimed: record.self_address })
        }
        _ => Ok(Checked { record, order }),
    }
}

/// `address` plus `distance`, modulo a word of `word_size` bytes.
#[must_use]
pub const fn offset_address(address: u64, distance: u64, word_size: u8) -> u64 {
    let sum = address.wrapping_add(distance);
    if word_size == 4 { sum & 0xffff_ffff } else { sum }
}

impl core::error::Error for RootError {}

impl fmt::Display for RootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Magic => f.write_str("this is not a root"),
            Self::ByteOrder(found) => write!(f, "byte order {found} is neither 1 nor 2"),
            Self::WordSize(found) => write!(f, "word size {found} is neither 4 nor 8"),
            Self::Format(found) => {
                write!(f, "format {found} is not known, this reader knows {}", abi::FORMAT)
            }
            Self::Size(found) => write!(f, "a root of {found} bytes is impossible"),
            Self::Elsewhere { claimed } => {
                write!(f, "this is a copy of a root that lies at {claimed:#x}")
            }
        }
    }
}

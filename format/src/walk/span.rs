//! Where the memory of an entry lies at this moment: pointers are followed and counters read.

use core::fmt;

use super::{Fault, Memory};
use crate::abi::{self, CoreEntry, Order, extent, space};

/// Bytes in the address space of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub address: u64,
    /// How many: none where only the address is known.
    pub length: u64,
}

/// Why an entry has no memory now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpanError {
    /// A pointer or a counter cannot be read.
    Fault(Fault),
    /// The pointer is null.
    Null,
    /// The region reaches beyond the end of the address space.
    Wraps,
    /// The end of a range lies before its start.
    Backwards,
    /// An extent that this reader does not know.
    Extent(u8),
    /// A counter whose width is none of 1, 2, 4, 8.
    BoundSize(u8),
    /// A pointer in an address space that is not the memory at hand.
    Space(u16),
}

/// Where the memory of `core` lies. Its addresses are absolute, as
/// [`LiveEntry`](super::LiveEntry) has them; pointers have `word_size` bytes in `order`.
pub fn span<M: Memory + ?Sized>(
    memory: &M,
    core: &CoreEntry,
    word_size: u8,
    order: Order,
) -> Result<Span, SpanError> {
    let limit = if word_size == 4 { 0xffff_ffff } else { u64::MAX };
    // A slot holds an address in eight bytes, whatever the word size.
    let place = |address: u64, slot: u8| match core.extent & slot {
        0 => Ok(address),
        _ => number(memory, address, 8, order).map_err(SpanError::Fault),
    };
    let address = place(core.address, abi::EXTENT_ADDRESS_SLOT)?;
    let kind = core.extent & abi::EXTENT_MASK;
    if matches!(kind, extent::INDIRECT | extent::COUNTED) && core.space != space::VIRTUAL {
        return Err(SpanError::Space(core.space));
    }
    let found = match kind {
        extent::DIRECT => Span { address, length: core.length },
        extent::ADDRESS_ONLY => Span { address, length: 0 },
        extent::INDIRECT => {
            Span { address: pointer(memory, address, word_size, order)?, length: core.length }
        }
        extent::COUNTED => {
            let bound = place(core.bound, abi::EXTENT_BOUND_SLOT)?;
            let width = core.bound_size;
            if !matches!(width, 1 | 2 | 4 | 8) {
                return Err(SpanError::BoundSize(width));
            }
            let count = number(memory, bound, width, order)?;
            let length = core.length.checked_mul(count).ok_or(SpanError::Wraps)?;
            match length {
                // Nothing is there, wherever the pointer points.
                0 => Span { address, length },
                _ => Span { address: pointer(memory, address, word_size, order)?, length },
            }
        }
        extent::RANGE => {
            let end = place(core.bound, abi::EXTENT_BOUND_SLOT)?;
            let length = end.checked_sub(address).ok_or(SpanError::Backwards)?;
            Span { address, length }
        }
        other => return Err(SpanError::Extent(other)),
    };
    let limit = if core.space == space::VIRTUAL { limit } else { u64::MAX };
    let last = found.address.checked_add(found.length.saturating_sub(1));
    match last {
        Some(last) if last <= limit => Ok(found),
        _ => Err(SpanError::Wraps),
    }
}

fn pointer<M: Memory + ?Sized>(
    memory: &M,
    address: u64,
    word_size: u8,
    order: Order,
) -> Result<u64, SpanError> {
    match number(memory, address, word_size, order)? {
        0 => Err(SpanError::Null),
        pointer => Ok(pointer),
    }
}

pub(super) fn number<M: Memory + ?Sized>(
    memory: &M,
    address: u64,
    width: u8,
    order: Order,
) -> Result<u64, Fault> {
    let width = usize::from(width).min(8);
    let mut bytes = [0; 8];
    memory.read(address, &mut bytes[..width])?;
    Ok(match order {
        Order::Little => u64::from_le_bytes(bytes),
        Order::Big => u64::from_be_bytes(bytes) >> (64 - 8 * width as u32),
    })
}

impl From<Fault> for SpanError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl core::error::Error for SpanError {}

impl fmt::Display for SpanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Fault(fault) => fault.fmt(f),
            Self::Null => f.write_str("the pointer is null"),
            Self::Wraps => f.write_str("the region reaches beyond the end of the address space"),
            Self::Backwards => f.write_str("the range ends before it starts"),
            Self::Extent(found) => write!(f, "extent {found} is not known"),
            Self::BoundSize(found) => write!(f, "a counter of {found} bytes is impossible"),
            Self::Space(found) => write!(f, "pointers in address space {found} lead nowhere here"),
        }
    }
}

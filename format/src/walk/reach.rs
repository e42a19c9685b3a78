//! Where the bytes of an entry may lie that must not be shown: what is known of it, and no less.
//!
//! For what is shown, memory that cannot be found is no memory. For what is refused that would be a
//! leak: a broken counter must not bring out the password whose length it says. Programs that dump
//! themselves and readers that make dumps smaller ask here, so that both cut out the same bytes.

use core::ops::Range;

use super::span::{self, Span, SpanError};
use super::{Fault, Memory};
use crate::abi::{CoreEntry, EXTENT_ADDRESS_SLOT, EXTENT_MASK, Order, extent, space};

/// Which addresses may belong to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// None.
    Nowhere,
    /// From the first one up to the second.
    Known(u64, u64),
    /// From this one on, and nobody can say how far.
    From(u64),
    /// Any: not even where it begins can be found out.
    Anywhere,
}

/// Which virtual addresses may belong to `core`, whose own addresses are absolute; as for [`span`],
/// pointers have `word_size` bytes in `order`.
///
/// What reaches beyond the end of the address space reaches to its end. Where a counter or an end
/// cannot be read, has an impossible width or lies before the start, the start alone is known, as in
/// an entry without a length. Where a pointer cannot be read or the extent is not known, nothing is.
/// Null pointers lead nowhere, and entries of other address spaces have no virtual addresses.
///
/// [`span`]: super::span
pub fn reach<M: Memory + ?Sized>(
    memory: &M,
    core: &CoreEntry,
    word_size: u8,
    order: Order,
) -> Reach {
    if core.space != space::VIRTUAL {
        return Reach::Nowhere;
    }
    let error = match span::span(memory, core, word_size, order) {
        Ok(span) if core.extent & EXTENT_MASK == extent::ADDRESS_ONLY => {
            return Reach::From(span.address);
        }
        Ok(Span { address, length }) => {
            return Reach::Known(address, address.saturating_add(length));
        }
        Err(SpanError::Null) => return Reach::Nowhere,
        Err(error) => error,
    };
    match (start(memory, core, word_size, order), error) {
        (Ok(0), _) if is_pointer(core) => Reach::Nowhere,
        (Ok(start), SpanError::Wraps) => Reach::Known(start, u64::MAX),
        (Ok(start), _) => Reach::From(start),
        (Err(_), _) => Reach::Anywhere,
    }
}

impl Reach {
    /// The addresses to cut out of memory that lies in pieces; `end_of` says where the piece ends
    /// that holds an address.
    pub fn hole(self, end_of: impl FnOnce(u64) -> Option<u64>) -> Option<Range<u64>> {
        match self {
            Self::Nowhere => None,
            Self::Known(start, end) => Some(start..end),
            Self::From(start) => end_of(start).map(|end| start..end),
            Self::Anywhere => Some(0..u64::MAX),
        }
    }
}

fn is_pointer(core: &CoreEntry) -> bool {
    matches!(core.extent & EXTENT_MASK, extent::INDIRECT | extent::COUNTED)
}

/// Where an entry begins, however long it is.
fn start<M: Memory + ?Sized>(
    memory: &M,
    core: &CoreEntry,
    word_size: u8,
    order: Order,
) -> Result<u64, Fault> {
    let address = match core.extent & EXTENT_ADDRESS_SLOT {
        0 => core.address,
        // A slot holds an address in eight bytes, whatever the word size.
        _ => span::number(memory, core.address, 8, order)?,
    };
    match core.extent & EXTENT_MASK {
        extent::DIRECT | extent::ADDRESS_ONLY | extent::RANGE => Ok(address),
        extent::INDIRECT | extent::COUNTED => span::number(memory, address, word_size, order),
        _ => Err(Fault { address }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of eight bytes at their addresses; the rest cannot be read.
    struct Words(&'static [(u64, u64)]);

    impl Memory for Words {
        fn read(&self, address: u64, out: &mut [u8]) -> Result<(), Fault> {
            let word = self.0.iter().find(|(at, _)| *at == address);
            let bytes = word.ok_or(Fault { address })?.1.to_le_bytes();
            out.copy_from_slice(bytes.get(..out.len()).ok_or(Fault { address })?);
            Ok(())
        }
    }

    const MEMORY: Words =
        Words(&[(0x10, 0x5000), (0x18, 0), (0x20, 3), (0x28, u64::MAX), (0x30, 0x10)]);

    fn core(extent: u8, address: u64, length: u64, bound: u64) -> CoreEntry {
        CoreEntry { extent, address, length, bound, bound_size: 8, ..CoreEntry::ZERO }
    }

    #[test]
    fn what_is_known_is_the_reach_and_no_less() {
        let odd = CoreEntry { bound_size: 3, ..core(extent::COUNTED, 0x10, 4, 0x20) };
        let bus = CoreEntry { space: space::BUS, ..core(extent::DIRECT, 9, u64::MAX, 0) };
        let slot = extent::DIRECT | EXTENT_ADDRESS_SLOT;
        let end = u64::MAX;
        for (core, expected) in [
            (core(extent::DIRECT, 8, 4, 0), Reach::Known(8, 12)),
            (core(extent::DIRECT, 8, end, 0), Reach::Known(8, end)),
            (core(slot, 0x10, 4, 0), Reach::Known(0x5000, 0x5004)),
            (core(slot, 0x11, 4, 0), Reach::Anywhere),
            (core(extent::ADDRESS_ONLY, 8, 0, 0), Reach::From(8)),
            (core(extent::INDIRECT, 0x10, 4, 0), Reach::Known(0x5000, 0x5004)),
            (core(extent::INDIRECT, 0x10, end, 0), Reach::Known(0x5000, end)),
            (core(extent::INDIRECT, 0x18, 4, 0), Reach::Nowhere),
            (core(extent::INDIRECT, 0x11, 4, 0), Reach::Anywhere),
            (core(extent::COUNTED, 0x10, 4, 0x20), Reach::Known(0x5000, 0x500c)),
            // No elements, wherever they would be.
            (core(extent::COUNTED, 0x11, 4, 0x18), Reach::Known(0x11, 0x11)),
            (core(extent::COUNTED, 0x10, 1, 0x28), Reach::Known(0x5000, end)),
            (core(extent::COUNTED, 0x10, 9, 0x28), Reach::Known(0x5000, end)),
            (core(extent::COUNTED, 0x10, 4, 0x29), Reach::From(0x5000)),
            (odd, Reach::From(0x5000)),
            (core(extent::COUNTED, 0x18, 4, 0x29), Reach::Nowhere),
            (core(extent::COUNTED, 0x11, 4, 0x20), Reach::Anywhere),
            (core(extent::COUNTED, 0x11, 9, 0x28), Reach::Anywhere),
            (core(extent::RANGE, 8, 0, 20), Reach::Known(8, 20)),
            (core(extent::RANGE, 8, 0, 7), Reach::From(8)),
            (core(extent::RANGE | crate::abi::EXTENT_BOUND_SLOT, 8, 0, 0x11), Reach::From(8)),
            (core(9, 8, 4, 0), Reach::Anywhere),
            (bus, Reach::Nowhere),
        ] {
            assert_eq!(reach(&MEMORY, &core, 8, Order::Little), expected, "{core:?}");
        }
    }

    #[test]
    fn a_hole_ends_where_its_piece_does() {
        let end_of = |address| (address < 20).then_some(20);
        assert_eq!(Reach::Nowhere.hole(end_of), None);
        assert_eq!(Reach::Known(3, 90).hole(end_of), Some(3..90));
        assert_eq!(Reach::From(3).hole(end_of), Some(3..20));
        assert_eq!(Reach::From(30).hole(end_of), None);
        assert_eq!(Reach::Anywhere.hole(end_of), Some(0..u64::MAX));
    }
}

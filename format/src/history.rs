//! The history section: the fingerprint of each version of an entry format, from version 1 on.
//!
//! A decoder of an older version finds its own fingerprint here and needs no CBOR for that.

use crate::abi::Order;

/// The history as it stands in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History<'a> {
    bytes: &'a [u8],
    order: Order,
}

impl<'a> History<'a> {
    /// A history of no version.
    pub const EMPTY: Self = Self { bytes: &[], order: Order::Little };

    /// The section's bytes in the producer's order; `None` where they are no whole number of
    /// fingerprints.
    #[must_use]
    pub fn parse(bytes: &'a [u8], order: Order) -> Option<Self> {
        (bytes.len() % 8 == 0).then_some(Self { bytes, order })
    }

    /// The fingerprint of `version`, counted from 1.
    #[must_use]
    pub fn fingerprint(&self, version: u32) -> Option<u64> {
        let start = usize::try_from(version.checked_sub(1)?).ok()?.checked_mul(8)?;
        self.bytes.get(start..)?.first_chunk().map(|word| self.value(word))
    }

    /// How many versions it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() / 8
    }

    /// Whether it knows none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Every fingerprint, that of version 1 first.
    pub fn iter(&self) -> impl Iterator<Item = u64> + use<'a> {
        let history = *self;
        history
            .bytes
            .chunks_exact(8)
            .filter_map(|word| word.first_chunk())
            .map(move |word| history.value(word))
    }

    fn value(&self, word: &[u8; 8]) -> u64 {
        match self.order {
            Order::Little => u64::from_le_bytes(*word),
            Order::Big => u64::from_be_bytes(*word),
        }
    }
}

/// The bytes of a history section.
#[cfg(feature = "alloc")]
#[must_use]
pub fn write(fingerprints: &[u64], order: Order) -> alloc::vec::Vec<u8> {
    let bytes = |value: &u64| match order {
        Order::Little => value.to_le_bytes(),
        Order::Big => value.to_be_bytes(),
    };
    fingerprints.iter().flat_map(bytes).collect()
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for order in [Order::Little, Order::Big] {
            let bytes = write(&[7, u64::MAX, 1 << 40], order);
            let history = History::parse(&bytes, order).expect("whole words");
            assert_eq!(history.iter().collect::<std::vec::Vec<_>>(), [7, u64::MAX, 1 << 40]);
            assert_eq!(history.fingerprint(0), None);
            assert_eq!(history.fingerprint(3), Some(1 << 40));
            assert_eq!(history.fingerprint(4), None);
            assert!(History::parse(&bytes[1..], order).is_none());
        }
    }
}

//! The descriptor of a schema: what generated code carries once in a program, and what annotations refer to.
//!
//! It is laid out by compilers, in C as `struct inspect_schema`, so that where its members lie depends on the
//! width of pointers. [`Descriptor`] reads its fixed part; whoever reads it in a file has to find out what the
//! pointers at [`pointer_at`] will hold. What they point at lies behind the fixed part, in the same object,
//! in the order of [`Part`]: so it can be named even where the object itself is not at hand.

use crate::abi::Order;
use crate::bits;

/// The numbers of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Bytes of the fixed part, as its producer knows it.
    pub size: u32,
    /// The schema's version.
    pub version: u32,
    /// The number of the schema's name.
    pub schema: u64,
    /// Of the entry at this version.
    pub fingerprint: u64,
    /// Bytes of a row.
    pub entry_size: u32,
    /// Bytes of what the pointers point at, by [`Part`].
    pub sizes: [u32; 3],
}

/// What a descriptor points at, in the order in which it lies behind the fixed part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A fingerprint for each version.
    History,
    /// Type information.
    Types,
    /// The description of the schema.
    Schema,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::History, Self::Types, Self::Schema];
}

impl Descriptor {
    /// Bytes that [`Descriptor::read`] needs.
    pub const NUMBERS: usize = 40;

    /// Takes the numbers from the start of a descriptor.
    #[must_use]
    pub fn read(bytes: &[u8; Self::NUMBERS], order: Order) -> Self {
        // The numbers stand at constant places within the bytes that were asked for.
        let number = |at: u64, width| bits::read(bytes, at * 8, width, order).unwrap_or(0);
        let word = |at| number(at, 32) as u32;
        Self {
            size: word(0),
            version: word(4),
            schema: number(8, 64),
            fingerprint: number(16, 64),
            entry_size: word(24),
            sizes: [word(36), word(32), word(28)],
        }
    }

    /// Whether these may be the numbers of a descriptor where pointers have `word_size` bytes.
    #[must_use]
    pub const fn is_possible(&self, word_size: u8) -> bool {
        self.size as u64 >= fixed_size(word_size) && self.version != 0
    }

    /// Bytes of a part.
    #[must_use]
    pub const fn part_size(&self, part: Part) -> u32 {
        self.sizes[part as usize]
    }
}

/// Bytes of the fixed part where pointers have `word_size` bytes: six pointers and two numbers follow the
/// first numbers.
#[must_use]
pub const fn fixed_size(word_size: u8) -> u64 {
    Descriptor::NUMBERS as u64 + 6 * word_size as u64 + 8
}

/// Where the pointer to a part stands, from the start of the descriptor.
#[must_use]
pub const fn pointer_at(part: Part, word_size: u8) -> u64 {
    let index = match part {
        Part::Schema => 0,
        Part::Types => 1,
        Part::History => 2,
    };
    Descriptor::NUMBERS as u64 + index * word_size as u64
}

/// Where a part lies, from the start of the descriptor, if the parts have these sizes.
#[must_use]
pub const fn part_at(part: Part, sizes: [u32; 3], word_size: u8) -> u64 {
    let mut at = fixed_size(word_size);
    let mut index = 0;
    while index < part as usize {
        at = (at + sizes[index] as u64).next_multiple_of(8);
        index += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_one_another() {
        assert_eq!(fixed_size(8), 96);
        assert_eq!(fixed_size(4), 72);
        let sizes = [24, 2296 + 1848 + 2, 1647];
        assert_eq!(Part::ALL.map(|part| part_at(part, sizes, 8)), [96, 120, 4272]);
        assert_eq!(pointer_at(Part::Schema, 4), 40);
        assert_eq!(pointer_at(Part::History, 8), 56);
    }

    #[test]
    fn numbers_are_read_in_both_orders() {
        let mut bytes = [0; Descriptor::NUMBERS];
        for (index, word) in bytes.chunks_exact_mut(4).enumerate() {
            word.copy_from_slice(&(index as u32).to_be_bytes());
        }
        let found = Descriptor::read(&bytes, Order::Big);
        assert_eq!((found.size, found.version, found.schema), (0, 1, 2 << 32 | 3));
        assert_eq!((found.fingerprint, found.entry_size), (4 << 32 | 5, 6));
        assert_eq!(found.part_size(Part::Schema), 7);
        assert_eq!(found.part_size(Part::Types), 8);
        assert_eq!(found.part_size(Part::History), 9);
        assert_eq!(Descriptor::read(&bytes, Order::Little).version, 1 << 24);
    }
}

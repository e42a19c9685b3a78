//! The root where no assembler is at hand: what only a linker knows is left at zero, and the packer, which
//! finds the symbol, writes it. There is no note.

use inspect_format::abi::{self, Order, Root};

use super::RootWords;
use crate::sync::AtomicU32;
use crate::table::{Link, Word};

/// A pointer to the root in itself makes it found in raw memory.
#[unsafe(no_mangle)]
#[used]
static inspect_root_here: Plain = Plain {
    fixed: {
        let order = match Order::NATIVE {
            Order::Little => abi::byte_order::LITTLE,
            Order::Big => abi::byte_order::BIG,
        };
        let [a, b, c, d, e, f, g, h] = abi::ROOT_MAGIC;
        let [i, j] = abi::FORMAT.to_ne_bytes();
        [
            AtomicU32::new(u32::from_ne_bytes([a, b, c, d])),
            AtomicU32::new(u32::from_ne_bytes([e, f, g, h])),
            AtomicU32::new(u32::from_ne_bytes([order, size_of::<usize>() as u8, i, j])),
            AtomicU32::new(Root::SIZE as u32),
        ]
    },
    compile: [const { Word::new() }; 2],
    runtime_table: Link::none(),
    nonce: Word::new(),
    #[cfg(all(target_pointer_width = "32", target_endian = "big"))]
    upper: 0,
    self_address: &raw const inspect_root_here,
    #[cfg(all(target_pointer_width = "32", target_endian = "little"))]
    upper: 0,
    zero: Word::new(),
};

/// [`RootWords`] with an address that the linker fills in.
#[repr(C, align(8))]
struct Plain {
    fixed: [AtomicU32; 4],
    compile: [Word; 2],
    runtime_table: Link,
    nonce: Word,
    #[cfg(all(target_pointer_width = "32", target_endian = "big"))]
    upper: u32,
    self_address: *const Plain,
    #[cfg(all(target_pointer_width = "32", target_endian = "little"))]
    upper: u32,
    zero: Word,
}

const _: () = assert!(size_of::<Plain>() == size_of::<RootWords>());

// SAFETY: the pointer is a number to everybody; nobody follows it or writes it, and the rest is atomics.
unsafe impl Sync for Plain {}

//! What a kernel says about itself in the note `VMCOREINFO` of its cores: lines of a key and a value.
//!
//! Symbols, offsets and constants that `crash` and `makedumpfile` ask for. Where the kernel lies and
//! what it is called is asked by `kernel_core`, where its page tables are by `page_tables`. Where no
//! note tells it, the memory of some machines leads to what would be in it.

use inspect_format::abi::{Order, space};
use object::elf;

use super::pieces::FileMemory;
use super::{Machine, Note};
use crate::memory::Memory;

/// The lines of the note.
pub(super) struct Information<'a>(&'a str);

impl<'a> Information<'a> {
    /// What stands in the note, if there is one; what is no text says nothing.
    pub(super) fn of(contents: Option<&'a [u8]>) -> Self {
        Self(std::str::from_utf8(contents.unwrap_or_default()).unwrap_or_default())
    }

    /// What the note would hold, in the memory of a machine whose kernel says where the note is.
    ///
    /// On s390x that is a field of the first page, `vmcore_info` of `struct lowcore`, for dumpers that
    /// run without the kernel. Of other processors a hypervisor has to be told.
    pub(super) fn in_memory(memory: &FileMemory, machine: Machine) -> Option<Vec<u8>> {
        const PLACE: u64 = 0xe0c;
        /// Linux has a page for it.
        const SIZE_MAX: usize = 1 << 16;
        if (machine.number, machine.order, machine.word_size) != (elf::EM_S390.0, Order::Big, 8) {
            return None;
        }
        let read =
            |address: u64, bytes: &mut [u8]| memory.read(space::PHYSICAL, address, bytes).ok();
        let mut address = [0; 8];
        read(PLACE, &mut address)?;
        let address = u64::from_be_bytes(address);
        // The sizes of name and contents, a type, and the name up to the next word.
        let mut frame = [0; 24];
        read(address, &mut frame)?;
        let (sizes, name) = frame.split_at(12);
        let size = u32::from_be_bytes(*sizes.get(4..)?.first_chunk()?) as usize;
        if name.strip_suffix(b"\0\0")? != Note::KERNEL.as_bytes() || size > SIZE_MAX {
            return None;
        }
        let mut contents = vec![0; size];
        read(address.checked_add(24)?, &mut contents)?;
        Some(contents)
    }

    /// What stands behind a key.
    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        let mut lines = self.0.lines();
        lines.find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
    }

    /// What is hexadecimal without a sign of it, as symbols and the offset of the kernel are.
    pub(super) fn hexadecimal(&self, key: &str) -> Option<u64> {
        let text = self.get(key)?.trim();
        u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
    }

    /// What is decimal, as everything called `NUMBER(...)` is.
    pub(super) fn decimal(&self, key: &str) -> Option<i64> {
        self.get(key)?.trim().parse().ok()
    }
}

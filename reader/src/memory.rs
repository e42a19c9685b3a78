//! The memory of an image: bytes by address space and address, and which of them are there.
//!
//! One implementation for each kind of image stands in [`image`](crate::image); everything above
//! asks here and knows no file format. What is not there is an answer with a reason, not a failure.

use std::fmt;

use inspect_format::abi::space;
use inspect_format::walk;

use crate::file::File;

/// The bytes of an image.
pub trait Memory: fmt::Debug + Send + Sync {
    /// Fills `out` with the bytes from `address` on, all of them or none that count.
    fn read(&self, space: u16, address: u64, out: &mut [u8]) -> Result<(), Missing>;

    /// Fills `out` with several pieces, one behind another, all of them or none that count: of each
    /// the address and how many bytes, together as many as `out` has. It saves whoever has to ask
    /// somebody else for memory from asking about each.
    fn read_many(
        &self,
        space: u16,
        pieces: &[(u64, usize)],
        out: &mut [u8],
    ) -> Result<(), Missing> {
        let mut rest = out;
        for (address, length) in pieces {
            let (piece, later) = rest.split_at_mut((*length).min(rest.len()));
            self.read(space, *address, piece)?;
            rest = later;
        }
        Ok(())
    }

    /// What is there, in ascending order and without overlaps. Neighbours that differ in nothing
    /// may be one run or several. Zeros that a loader would make are there too, and
    /// [`Memory::is_zero`] tells them: there may be any number of them.
    fn runs(&self, space: u16) -> Vec<Run>;

    /// Where the bytes from `address` on stand in a file, as far as they stand there one behind
    /// another; nothing for memory that is in no file. It lets whoever copies or searches much
    /// memory leave the copying to the kernel.
    fn in_file(&self, space: u16, address: u64) -> Option<FileSpan<'_>> {
        let _ = (space, address);
        None
    }

    /// Where in physical memory the bytes from `address` on lie, a virtual one, as far as they lie
    /// there one behind another; nothing where that is not known.
    fn physical(&self, address: u64) -> Option<Run> {
        let _ = address;
        None
    }

    /// Whether nothing is there any more: of a process that has ended or runs another program.
    fn is_gone(&self) -> bool {
        false
    }

    /// Whether something was asked for when nothing was there any more, so that whoever asked has
    /// not all.
    fn is_cut_short(&self) -> bool {
        false
    }

    /// Whether the run that holds an address is zeros by definition: a program's memory before its
    /// start. It may be longer than anybody could read, and holds nothing to search for.
    fn is_zero(&self, space: u16, address: u64) -> bool {
        let _ = (space, address);
        false
    }
}

/// Memory that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Of the first byte.
    pub address: u64,
    /// How many bytes, at least one.
    pub length: u64,
    /// What its owner may do with it, as bits of ELF: 4 read, 2 write, 1 execute; 0 unknown.
    pub access: u32,
}

/// Bytes of a file.
#[derive(Clone, Copy, Debug)]
pub struct FileSpan<'m> {
    /// The file.
    pub file: &'m File,
    /// Of the first byte.
    pub offset: u64,
    /// How many.
    pub length: u64,
}

/// Bytes that are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The address space.
    pub space: u16,
    /// The first address that is missing, where that is known, or the first that was asked for.
    pub address: u64,
    /// Why.
    pub reason: Reason,
}

/// Why bytes are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The image does not hold this address.
    Absent,
    /// The file ends before the bytes that its headers promise.
    Truncated,
    /// They stood in a file that was mapped, and that file is not at hand or is another one by now.
    Unmapped,
    /// The process has ended.
    Gone,
    /// Not allowed.
    Denied,
    /// The file or the process cannot be read.
    Io(std::io::ErrorKind),
}

/// One address space of a memory, as tables and pointers see it.
#[derive(Clone, Copy, Debug)]
pub struct AddressSpace<'m> {
    memory: &'m dyn Memory,
    space: u16,
}

impl<'m> AddressSpace<'m> {
    /// The addresses that programs use.
    #[must_use]
    pub fn virtual_of(memory: &'m dyn Memory) -> Self {
        Self { memory, space: space::VIRTUAL }
    }

    /// Another space.
    #[must_use]
    pub fn new(memory: &'m dyn Memory, space: u16) -> Self {
        Self { memory, space }
    }
}

impl walk::Memory for AddressSpace<'_> {
    fn read(&self, address: u64, out: &mut [u8]) -> Result<(), walk::Fault> {
        let fault = |missing: Missing| walk::Fault { address: missing.address };
        self.memory.read(self.space, address, out).map_err(fault)
    }
}

/// No memory: what a table file has.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

impl Memory for Nothing {
    fn read(&self, space: u16, address: u64, _: &mut [u8]) -> Result<(), Missing> {
        Err(Missing { space, address, reason: Reason::Absent })
    }

    fn runs(&self, _: u16) -> Vec<Run> {
        Vec::new()
    }
}

impl std::error::Error for Missing {}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x} ", self.address)?;
        match self.reason {
            Reason::Absent => f.write_str("is not in the image"),
            Reason::Truncated => f.write_str("is behind the end of a truncated file"),
            Reason::Unmapped => f.write_str("was mapped from a file that is not at hand"),
            Reason::Gone => f.write_str("was memory of a process that has ended"),
            Reason::Denied => f.write_str("may not be read"),
            Reason::Io(kind) => write!(f, "cannot be read: {kind}"),
        }
    }
}

//! ELF images of all kinds, told apart by their type.

use inspect_format::abi::space;
use object::elf;

use super::{ErrorKind, Image, Options, core};
use crate::file::File;
use crate::loaded::Headers;
use crate::memory::{Missing, Reason};

/// Opens a file that begins as ELF files do.
pub(super) fn open(file: File, options: &Options) -> Result<Image, ErrorKind> {
    let headers = Headers::read(&source(&file)).map_err(ErrorKind::Elf)?;
    if headers.kind == elf::ET_CORE.0 {
        return core::open(file, headers, options);
    }
    Err(ErrorKind::Unknown)
}

/// The bytes of a file by offset.
pub(super) fn source(file: &File) -> impl Fn(u64, &mut [u8]) -> Result<(), Missing> {
    |offset, out| {
        file.read(offset, out).map_err(|error| {
            let reason = match error.kind() {
                std::io::ErrorKind::UnexpectedEof => Reason::Truncated,
                kind => Reason::Io(kind),
            };
            Missing { space: space::FILE, address: offset, reason }
        })
    }
}

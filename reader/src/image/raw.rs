//! Raw memory: a file of bytes, and the address of the first.
//!
//! It is taken as virtual memory, since pointers in it are the producer's own; of firmware without
//! an MMU these are the physical addresses as well. Nothing says where roots are, so that discovery
//! searches through it. Programs that lend their bytes lie below it: what the RAM holds counts, and
//! what it lacks, constants in flash, comes from them, as do their symbols.

use std::path::Path;

use inspect_format::abi::space;

use super::layered::Layered;
use super::{Error, ErrorKind, Image, Kind, Options, Remark, compressed};
use crate::file::File;
use crate::memory::{FileSpan, Memory, Missing, Reason, Run};

/// Opens a file as the memory from `address` on.
pub(super) fn open(path: &Path, address: u64, options: &Options) -> Result<Image, Error> {
    let name = path.display().to_string();
    let fail = |kind| Error { name: name.clone(), kind };
    let file = File::open(path).map_err(|error| fail(ErrorKind::Io(error)))?;
    let mut remarks = Vec::new();
    let file = decompressed(file, options, &mut remarks).map_err(fail)?;
    let last = file.length().checked_sub(1).ok_or(fail(ErrorKind::Empty))?;
    if address.checked_add(last).is_none() {
        return Err(fail(ErrorKind::Address { address, length: file.length() }));
    }
    let mut machine = None;
    let mut objects = Vec::new();
    let mut layers: Vec<Box<dyn Memory>> = vec![Box::new(RawMemory { file, address })];
    for path in &options.lenders {
        let lender = super::open_path(path, options)?;
        machine = machine.or(lender.machine);
        objects.extend(lender.objects);
        remarks.extend(lender.remarks);
        layers.push(lender.memory);
    }
    Ok(Image {
        kind: Kind::Raw,
        name: format!("{name}@{address:#x}"),
        machine,
        memory: Box::new(Layered::new(layers)),
        objects,
        carried: Vec::new(),
        capture: None,
        notes: Vec::new(),
        remarks,
    })
}

/// The file, decompressed if it is a whole compressed file. Memory may begin like one, since a boot
/// loader puts compressed files there; it does not hold one from its first byte to its last.
fn decompressed(
    file: File,
    options: &Options,
    remarks: &mut Vec<Remark>,
) -> Result<File, ErrorKind> {
    let start = file.bytes(0, file.length().min(4)).map_err(ErrorKind::Io)?;
    let Some(format) = compressed::format(&start) else { return Ok(file) };
    match compressed::expand(&file, format, options) {
        Ok(expanded) if expanded.remark.is_none() => Ok(expanded.file),
        Ok(_) => Ok(file),
        Err(error) if error.is_about_contents() => {
            remarks.push(Remark::note(format!(
                "taken as it stands, though it begins like {format}: {error}"
            )));
            Ok(file)
        }
        Err(error) => Err(ErrorKind::Compressed(error)),
    }
}

#[derive(Debug)]
struct RawMemory {
    file: File,
    /// Of the first byte; the last one does not wrap.
    address: u64,
}

impl RawMemory {
    fn offset(&self, space: u16, address: u64) -> Option<u64> {
        let offset = address.checked_sub(self.address).filter(|_| space == space::VIRTUAL)?;
        (offset < self.file.length()).then_some(offset)
    }
}

impl Memory for RawMemory {
    fn read(&self, space: u16, address: u64, out: &mut [u8]) -> Result<(), Missing> {
        let missing = |address, reason| Missing { space, address, reason };
        if out.is_empty() {
            return Ok(());
        }
        let offset = self.offset(space, address).ok_or(missing(address, Reason::Absent))?;
        let left = self.file.length() - offset;
        if left < out.len() as u64 {
            return Err(missing(address.saturating_add(left), Reason::Absent));
        }
        let read = self.file.read(offset, out);
        read.map_err(|error| missing(address, Reason::Io(error.kind())))
    }

    fn runs(&self, space: u16) -> Vec<Run> {
        let run = Run { address: self.address, length: self.file.length(), access: 0 };
        if space == space::VIRTUAL { vec![run] } else { Vec::new() }
    }

    fn in_file(&self, space: u16, address: u64) -> Option<FileSpan<'_>> {
        let offset = self.offset(space, address)?;
        Some(FileSpan { file: &self.file, offset, length: self.file.length() - offset })
    }
}

//! Cores: the memory of a process, or of a kernel, as an ELF file.
//!
//! Processes are here: cores that a kernel wrote, that `gcore` wrote, and those of this project's
//! own dumps. Kernels are told from them by their notes and go to `kernel_core`. What
//! was mapped from files and is not in the core comes from the files: see `fill`.

mod notes;
mod objects;

use inspect_format::abi::space;
use object::elf;

pub(super) use notes::{CoreNotes, Mapped};

use super::pieces::{FileMemory, Piece, Pieces, Source};
use super::{Carried, ErrorKind, Image, Kind, Options, Remark, fill, kernel_core};
use crate::file::File;
use crate::loaded::{Headers, Segment};
use crate::memory::Reason;

/// More segments than any kernel writes: each costs 32 bytes of memory or a little more.
const SEGMENTS_MAX: u32 = 1 << 22;

/// What the headers of a core say.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) headers: Headers,
    /// The segments of memory, in the order of the file.
    pub(super) loads: Vec<Load>,
    pub(super) notes: CoreNotes,
    /// How long the file would have to be.
    pub(super) promised: u64,
}

/// A segment of memory. There may be tens of thousands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) address: u64,
    pub(super) physical: u64,
    pub(super) offset: u64,
    pub(super) file_size: u64,
    pub(super) memory_size: u64,
    pub(super) access: u8,
}

/// Opens a core of whatever kind.
pub(super) fn open(file: File, headers: Headers, options: &Options) -> Result<Image, ErrorKind> {
    let layout = Layout::read(&file, headers)?;
    if kernel_core::is_kernel(&layout) {
        return Ok(kernel_core::open(file, &layout, options));
    }
    Ok(process(file, layout, options))
}

/// The core of a process.
fn process(file: File, layout: Layout, options: &Options) -> Image {
    let name = file.path().display().to_string();
    let mut remarks = layout.remarks(file.length());
    let pieces = layout.pieces(file.length(), |load| Some(load.address));
    let mut memory = memory_of(vec![file], pieces.clone());
    // A dump that says what it captured has left out the rest for a reason: what a consumer may
    // not see must not come back from a file.
    if layout.notes.capture.is_none() && layout.notes.tables.is_empty() {
        let found = objects::find(&memory, &layout);
        let filled = fill::fill(&memory, &layout, &found, options);
        remarks.extend(filled.remarks);
        let pieces = pieces.into_iter().chain(filled.pieces).collect();
        memory.files.extend(filled.files);
        memory = memory_of(memory.files, pieces);
    }
    let objects = objects::find(&memory, &layout);
    let place = format!("{name}, note of tables");
    let carried = layout.notes.tables.into_iter();
    Image {
        kind: Kind::Core,
        name,
        machine: Some(layout.headers.machine),
        memory: Box::new(memory),
        objects: objects.into_iter().map(|loaded| loaded.object).collect(),
        carried: carried.map(|bytes| Carried { bytes, place: place.clone() }).collect(),
        capture: layout.notes.capture,
        notes: layout.notes.process,
        remarks,
    }
}

fn memory_of(files: Vec<File>, pieces: Vec<Piece>) -> FileMemory {
    FileMemory { files, spaces: vec![(space::VIRTUAL, Pieces::new(pieces))] }
}

impl Layout {
    fn read(file: &File, headers: Headers) -> Result<Self, ErrorKind> {
        if headers.segment_count > SEGMENTS_MAX {
            return Err(ErrorKind::Segments { found: headers.segment_count, most: SEGMENTS_MAX });
        }
        let source = super::elf::source(file);
        let (mut loads, mut notes) = (Vec::new(), CoreNotes::default());
        let mut promised = 0;
        headers
            .segments(&source, &mut |segment| {
                promised = promised.max(segment.offset.saturating_add(segment.file_size));
                if segment.is_load() {
                    loads.push(Load::of(&segment));
                } else if segment.kind == elf::PT_NOTE.0 {
                    notes.read(file, &segment, headers.machine);
                }
                true
            })
            .map_err(ErrorKind::Elf)?;
        Ok(Self { headers, loads, notes, promised })
    }

    /// The segments of memory as pieces of file 0, those first that come first in the file; each
    /// where `place` says that it lies.
    ///
    /// What `p_filesz` has less than `p_memsz` is not in a core: it is no zeros, as it would be in
    /// a program.
    pub(super) fn pieces(
        &self,
        file_length: u64,
        place: impl Fn(&Load) -> Option<u64>,
    ) -> Vec<Piece> {
        let mut pieces = Vec::with_capacity(self.loads.len());
        for load in &self.loads {
            let Some(address) = place(load) else { continue };
            let (offset, access) = (load.offset, load.access);
            let there = load.file_size.min(file_length.saturating_sub(offset));
            let source = Source::File(0);
            pieces.push(Piece { address, length: there, offset, access, source });
            if there < load.file_size {
                let address = address.saturating_add(there);
                let length = load.file_size - there;
                let source = Source::Missing(Reason::Truncated);
                pieces.push(Piece { address, length, offset: 0, access, source });
            }
        }
        pieces.retain(|piece| piece.length > 0);
        pieces
    }

    /// What is wrong with the file as a whole.
    pub(super) fn remarks(&self, file_length: u64) -> Vec<Remark> {
        let mut remarks = Vec::new();
        if file_length < self.promised {
            let missing = self.promised - file_length;
            remarks.push(Remark(format!(
                "the core is truncated: {missing} of {} bytes are missing",
                self.promised
            )));
        }
        if let Some(at) = self.notes.broken_at.filter(|at| *at < file_length) {
            remarks.push(Remark(format!("the notes of the core break off at {at:#x}")));
        }
        remarks
    }
}

impl Load {
    fn of(segment: &Segment) -> Self {
        Self {
            address: segment.address,
            physical: segment.physical,
            offset: segment.offset,
            file_size: segment.file_size,
            memory_size: segment.memory_size,
            access: (segment.flags & 7) as u8,
        }
    }
}

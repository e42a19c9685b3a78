//! Cores: the memory of a process, or of a kernel, as an ELF file.
//!
//! Processes are here: cores that a kernel wrote, that `gcore` wrote, and those of this project's
//! own dumps. Kernels are told from them by their notes and go to `kernel_core`. What
//! was mapped from files and is not in the core comes from the files: see `fill`.

mod notes;
mod objects;

use object::elf;

pub(super) use notes::{CoreNotes, LeftOut, Mapped};

use super::pieces::{FileMemory, Piece, Pieces, Source};
use super::{CaptureNote, Carried, ErrorKind, Image, Kind, Options, Remark, fill, kernel_core};
use crate::file::File;
use crate::loaded::{Headers, Segment};
use crate::memory::Reason;

/// More segments than any kernel writes: each costs 32 bytes of memory or a little more.
const SEGMENTS_MAX: u32 = 1 << 22;

/// What the headers of a core say. There may be tens of thousands of segments, which nobody keeps
/// in more than one form: making memory costs more than reading them.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) headers: Headers,
    /// What the segments hold by virtual address, in the order of the file.
    pub(super) pieces: Vec<Piece>,
    /// What they have in memory and not in the file.
    pub(super) absent: Vec<Piece>,
    /// Whether there are physical addresses.
    pub(super) has_physical: bool,
    pub(super) notes: CoreNotes,
    /// How long the file would have to be.
    pub(super) promised: u64,
}

/// Opens a core of whatever kind.
pub(super) fn open(file: File, headers: Headers, options: &Options) -> Result<Image, ErrorKind> {
    let layout = Layout::read(&file, headers)?;
    if kernel_core::is_kernel(&layout) {
        return Ok(kernel_core::open(file, layout, options));
    }
    Ok(process(file, layout, options))
}

/// The core of a process.
fn process(file: File, layout: Layout, options: &Options) -> Image {
    let name = file.path().display().to_string();
    let mut remarks = layout.remarks(file.length());
    let mut memory = memory_of(vec![file], layout.pieces.clone());
    // A dump that says what it captured has left out the rest for a reason: what a consumer may
    // not see must not come back from a file.
    if !layout.notes.is_dump() {
        let found = objects::find(&memory, &layout);
        let filled = fill::fill(&memory, &layout, &found, options);
        remarks.extend(filled.remarks);
        let pieces = layout.pieces.iter().copied().chain(filled.pieces).collect();
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
        capture: layout.notes.capture.map(CaptureNote::new),
        notes: layout.notes.process,
        remarks,
    }
}

fn memory_of(files: Vec<File>, pieces: Vec<Piece>) -> FileMemory {
    FileMemory::new(files, Pieces::new(pieces))
}

impl Layout {
    fn read(file: &File, headers: Headers) -> Result<Self, ErrorKind> {
        if headers.segment_count > SEGMENTS_MAX {
            return Err(ErrorKind::Segments { found: headers.segment_count, most: SEGMENTS_MAX });
        }
        let (mut absent, mut notes) = (Vec::new(), CoreNotes::default());
        let (mut promised, mut has_physical) = (0, false);
        let none = no_address(&headers);
        let mut pieces = Vec::with_capacity(capacity(file, &headers));
        let mut each = |segment: &Segment| {
            promised = promised.max(segment.offset.saturating_add(segment.file_size));
            if segment.is_load() {
                has_physical |= segment.physical != 0 && segment.physical != none;
                absent.extend(add(&mut pieces, segment, segment.address, file.length()));
            } else if segment.kind == elf::PT_NOTE.0 {
                notes.read(file, segment, headers.machine);
            }
        };
        let source = super::elf::source(file);
        headers
            .segments(&source, &mut |segment| {
                each(&segment);
                true
            })
            .map_err(ErrorKind::Elf)?;
        Ok(Self { headers, pieces, absent, has_physical, notes, promised })
    }

    /// What is wrong with the file as a whole.
    pub(super) fn remarks(&self, file_length: u64) -> Vec<Remark> {
        let mut remarks = Vec::new();
        if file_length < self.promised {
            let missing = self.promised - file_length;
            remarks.push(Remark::damage(format!(
                "the core is truncated: {missing} of {} bytes are missing",
                self.promised
            )));
        }
        if let Some(at) = self.notes.broken_at.filter(|at| *at < file_length) {
            remarks.push(Remark::damage(format!("the notes of the core break off at {at:#x}")));
        }
        if self.notes.repeated > 0 {
            let count = self.notes.repeated;
            let text = format!("{count} segments of notes lie in others, and were passed over");
            remarks.push(Remark::damage(text));
        }
        if let Some(LeftOut { count, at, why }) = &self.notes.left_out {
            let text = format!("{count} notes are left out, the first at {at:#x}: {why}");
            remarks.push(Remark::damage(text));
        }
        remarks
    }
}

/// What stands in the place of an address that there is none of.
pub(super) fn no_address(headers: &Headers) -> u64 {
    if headers.machine.word_size == 4 { u32::MAX.into() } else { u64::MAX }
}

/// For how many pieces there is room in the file's own headers.
fn capacity(file: &File, headers: &Headers) -> usize {
    const HEADER_MIN: u64 = 32;
    let most = file.length() / HEADER_MIN;
    usize::try_from(u64::from(headers.segment_count).min(most)).unwrap_or(0)
}

/// Adds what a segment holds, and returns what it does not.
///
/// What `p_filesz` has less than `p_memsz` is not in a core: it is no zeros, as it would be in a
/// program.
pub(super) fn add(
    pieces: &mut Vec<Piece>,
    segment: &Segment,
    address: u64,
    file_length: u64,
) -> Option<Piece> {
    let Segment { offset, file_size, memory_size, .. } = *segment;
    let access = (segment.flags & 7) as u8;
    let there = file_size.min(file_length.saturating_sub(offset));
    let piece = |from: u64, to: u64, source| {
        let (address, offset) = (address.saturating_add(from), offset.saturating_add(from));
        (to > from).then(|| Piece { address, length: to - from, offset, access, source })
    };
    pieces.extend(piece(0, there, Source::File(0)));
    pieces.extend(piece(there, file_size, Source::Missing(Reason::Truncated)));
    piece(file_size, memory_size, Source::Missing(Reason::Absent))
}

//! ELF images: programs, libraries and modules that nobody has loaded.
//!
//! Their memory is what a loader would make of them that puts them where they were linked: segments,
//! zeros behind them, and the words that dynamic relocations write. With nothing added to any
//! address, most relocations change nothing; what is left is a sorted list beside the file.
//! Cores are ELF files too, and go to `core`.

mod relocations;
mod sections;

use inspect_format::abi::space;
use object::elf;

use super::pieces::{FileMemory, Piece, Pieces, Source};
use super::{Clue, ErrorKind, FoundBy, Image, Kind, Object, Options, Remark, core};
use crate::file::File;
use crate::loaded::{self, Headers, Loaded, Segment, all_segments};
use crate::memory::{FileSpan, Memory, Missing, Nothing, Reason, Run};
use relocations::Words;

/// Opens a file that begins as ELF files do.
pub(super) fn open(file: File, options: &Options) -> Result<Image, ErrorKind> {
    let headers = Headers::read(&source(&file)).map_err(ErrorKind::Elf)?;
    match headers.kind {
        kind if kind == elf::ET_CORE.0 => core::open(file, headers, options),
        kind if kind == elf::ET_REL.0 => Ok(relocatable(&file, &headers)),
        _ => linked(file, headers),
    }
}

/// A program or a library.
fn linked(file: File, headers: Headers) -> Result<Image, ErrorKind> {
    let name = file.path().display().to_string();
    let segments = all_segments(&headers, &source(&file)).map_err(ErrorKind::Elf)?;
    let pieces = pieces(&segments, file.length());
    let mut remarks = Vec::new();
    if pieces.iter().any(|piece| piece.source == Source::Missing(Reason::Truncated)) {
        let length = file.length();
        remarks.push(Remark::damage(format!(
            "the file is truncated: its segments end behind {length}"
        )));
    }
    let loads = || segments.iter().filter(|segment| segment.is_load());
    let start = loads().map(|it| it.address).min().unwrap_or(0);
    let end = loads().map(|it| it.address.saturating_add(it.memory_size)).max().unwrap_or(0);
    let object = Object { range: start..end, ..Object::new(name.clone()) };
    let mut loaded = Loaded { object, headers, segments };
    let files = FileMemory::new(vec![file], Pieces::new(pieces));
    let words = relocations::words(&files, &loaded);
    let memory = Linked { files, words };
    loaded.find_roots(&memory);
    if let Some(file) = memory.files.files.first() {
        let found = sections::Found::read(file, &headers);
        let object = &mut loaded.object;
        let clue = found.root.map(|address| Clue { address, found_by: FoundBy::Symbol });
        // The dynamic symbol table has the same symbol in most cases.
        object.roots.extend(clue.filter(|clue| !object.roots.contains(clue)));
        object.section = found.tables;
    }
    Ok(Image {
        kind: Kind::Elf,
        name,
        machine: Some(headers.machine),
        memory: Box::new(memory),
        objects: vec![loaded.object],
        carried: Vec::new(),
        capture: None,
        notes: Vec::new(),
        remarks,
    })
}

/// An object file or a kernel module: its sections have no addresses before something links them,
/// so that nothing in it leads anywhere.
fn relocatable(file: &File, headers: &Headers) -> Image {
    let text = "nothing in it has an address before it is linked or loaded";
    Image {
        kind: Kind::Relocatable,
        name: file.path().display().to_string(),
        machine: Some(headers.machine),
        memory: Box::new(Nothing),
        objects: Vec::new(),
        carried: Vec::new(),
        capture: None,
        notes: Vec::new(),
        remarks: vec![Remark::note(format!("this is a relocatable object: {text}"))],
    }
}

/// What a loader makes of the segments.
fn pieces(segments: &[Segment], file_length: u64) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for segment in segments.iter().filter(|segment| segment.is_load()) {
        let access = (segment.flags & 7) as u8;
        let Segment { address, offset, memory_size, .. } = *segment;
        let in_file = segment.file_size.min(memory_size);
        let there = in_file.min(file_length.saturating_sub(offset));
        let mut push = |from: u64, to: u64, source| {
            let address = address.saturating_add(from);
            let offset = offset.saturating_add(from);
            pieces.push(Piece { address, length: to - from, offset, access, source });
        };
        push(0, there, Source::File(0));
        push(there, in_file, Source::Missing(Reason::Truncated));
        push(in_file, memory_size, Source::Zeros);
    }
    pieces.retain(|piece| piece.length > 0);
    pieces
}

/// The memory of a linked image.
#[derive(Debug)]
struct Linked {
    files: FileMemory,
    /// What the loader writes.
    words: Words,
}

impl Memory for Linked {
    fn read(&self, space: u16, address: u64, out: &mut [u8]) -> Result<(), Missing> {
        self.files.read(space, address, out)?;
        self.words.write_over(address, out);
        Ok(())
    }

    fn runs(&self, space: u16) -> Vec<Run> {
        self.files.runs(space)
    }

    fn is_zero(&self, space: u16, address: u64) -> bool {
        // Linkers put words that a loader writes where the file has bytes.
        self.files.is_zero(space, address)
    }

    fn in_file(&self, space: u16, address: u64) -> Option<FileSpan<'_>> {
        let span = self.files.in_file(space, address)?;
        let length = span.length.min(self.words.distance(address));
        (length > 0).then_some(FileSpan { length, ..span })
    }
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

/// The objects of a kernel's image, for whoever has its memory.
pub(super) fn object_of(file: File) -> Result<Object, String> {
    let headers = Headers::read(&source(&file)).map_err(|error| error.to_string())?;
    let image = linked(file, headers).map_err(|_| "its headers are at fault".to_owned())?;
    image.objects.into_iter().next().ok_or_else(|| loaded::ROOT_SYMBOL.to_owned())
}

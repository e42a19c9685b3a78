//! Memory that a core lacks because a file has it: whether the file can be believed, and its bytes.
//!
//! Linux writes into a core what a program made itself: memory without a file, and mappings of
//! files that were written to, each as a whole. A private mapping of which no page was ever
//! written is left out but for its first page if an ELF header is there, and holds what the file
//! holds. That goes for code and constants, and also for a writable mapping that nobody wrote to.
//! `gcore` chooses in the same way. So the file has the missing bytes, on three conditions:
//!
//! - It is the file that was mapped. Its build-id tells, if the core has that of the object: they
//!   must be equal. Where the core has none, only a file will do that somebody named for the
//!   purpose, and it must have the name and the program headers.
//! - The mapping was not left out for another reason. A process can choose that its core has no
//!   private memory at all (`coredump_filter`). Then no writable segment without a file is in the
//!   core, and what the program may have written is not filled.
//! - The core does not say itself what it captured: who writes such a dump leaves out memory on
//!   purpose, and `core` does not come here.
//!
//! What a program exempts from its cores by `MADV_DONTDUMP` cannot be told from what it never wrote.
//! If it is a mapping of a file, the file's bytes are seen in its place, under a remark.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use object::elf;

use super::core::{Layout, Mapped};
use super::pieces::{FileMemory, Piece, Pieces, Source};
use super::{Options, Remark, RemarkKind};
use crate::digits::hex;
use crate::file::File;
use crate::loaded::{HeaderError, Headers, Loaded, NotesOf, Segment, all_segments};
use crate::memory::Reason;

const PF_W: u8 = 2;

/// What comes from files.
#[derive(Debug, Default)]
pub(super) struct Filled {
    /// Their pieces; the files count from 1.
    pub(super) pieces: Vec<Piece>,
    /// The files.
    pub(super) files: Vec<File>,
    /// One line for each file that lent, or should have lent.
    pub(super) remarks: Vec<Remark>,
}

/// An ELF file that may lend.
struct Lender {
    path: PathBuf,
    file: File,
    segments: Vec<Segment>,
    build_id: Option<Vec<u8>>,
}

/// Fills what the core lacks of the files that were mapped.
pub(super) fn fill(
    memory: &FileMemory,
    layout: &Layout,
    objects: &[Loaded],
    options: &Options,
) -> Filled {
    let mut filled = Filled::default();
    let given: Vec<_> = options.lenders.iter().map(|path| Lender::open(path)).collect();
    for (path, lender) in options.lenders.iter().zip(&given) {
        if let Err(why) = lender {
            filled.remarks.push(Remark::note(format!("{} lends nothing: {why}", path.display())));
        }
    }
    let mut given: Vec<_> = given.into_iter().map(Result::ok).collect();
    let access = Access::of(layout);
    for (name, mapped) in by_name(&layout.notes.files) {
        let missing = missing(memory, &mapped);
        if missing == 0 {
            continue;
        }
        let object = objects.iter().find(|it| it.object.name == name);
        let is_elf = object.is_some() || access.is_executable(&mapped);
        match choose(name, object, &mut given, options) {
            Ok(lender) => filled.lend(&access, object, &mapped, missing, lender),
            Err(why) => {
                filled.pieces.extend(mapped.iter().map(|it| absent(it)));
                if is_elf {
                    let text = format!("{missing} bytes of {name} are not in the core: {why}");
                    filled.remarks.push(Remark { text, kind: RemarkKind::Unlent(missing) });
                }
            }
        }
    }
    for lender in given.into_iter().flatten() {
        let (path, why) = (lender.path.display(), lender.unused(objects));
        filled.remarks.push(Remark::note(format!("{path} lends nothing: {why}")));
    }
    filled
}

/// The mappings of each file.
fn by_name(files: &[Mapped]) -> BTreeMap<&str, Vec<&Mapped>> {
    let mut names = BTreeMap::<_, Vec<_>>::new();
    for mapped in files {
        names.entry(mapped.name.as_str()).or_default().push(mapped);
    }
    names
}

/// How many bytes of the mappings are not in the core.
fn missing(memory: &FileMemory, mapped: &[&Mapped]) -> u64 {
    let pieces = memory.by_virtual();
    let of = |it: &&Mapped| (it.end - it.start) - pieces.covered(it.start, it.end - it.start);
    mapped.iter().map(of).fold(0, u64::saturating_add)
}

/// The addresses of a mapping, of which nothing is at hand.
fn absent(mapped: &Mapped) -> Piece {
    Piece {
        address: mapped.start,
        length: mapped.end - mapped.start,
        offset: 0,
        access: 0,
        source: Source::Missing(Reason::Unmapped),
    }
}

/// The file that may lend to the mappings of that name, or why there is none.
fn choose(
    name: &str,
    object: Option<&Loaded>,
    given: &mut [Option<Lender>],
    options: &Options,
) -> Result<Lender, String> {
    let build_id = object.and_then(|it| it.object.build_id.as_deref());
    let is_it = |lender: &Lender| match (build_id, object) {
        (Some(build_id), Some(object)) => {
            lender.build_id.as_deref() == Some(build_id) && lender.agrees(object)
        }
        _ => {
            lender.path.file_name() == path_of(name).file_name()
                && object.is_none_or(|object| lender.agrees(object))
        }
    };
    let found = given.iter_mut().find(|it| it.as_ref().is_some_and(is_it));
    if let Some(lender) = found.and_then(Option::take) {
        return Ok(lender);
    }
    let Some(object) = object else {
        return Err("no ELF header of it is in the core that would tell which file it was".into());
    };
    let Some(build_id) = build_id else {
        return Err("it has no build-id in the core, and no file was named for it".into());
    };
    let path = path_of(name);
    if path.components().any(|it| it == Component::ParentDir) {
        return Err("its path leads upwards".into());
    }
    let path = match &options.sysroot {
        Some(root) => root.join(path.strip_prefix("/").unwrap_or(path)),
        None => path.to_owned(),
    };
    let lender = Lender::open(&path).map_err(|why| format!("{}: {why}", path.display()))?;
    match &lender.build_id {
        Some(found) if found != build_id => Err(format!(
            "{} is another build, {} in place of {}",
            path.display(),
            hex(found),
            hex(build_id)
        )),
        None => Err(format!("{} has no build-id, the core has one", path.display())),
        Some(_) if !lender.agrees(object) => {
            Err(format!("{} has the build-id and other segments", path.display()))
        }
        Some(_) => Ok(lender),
    }
}

/// The path in a name: the kernel marks files that have been deleted. Whether the one that stands
/// there now is the same, its build-id tells.
fn path_of(name: &str) -> &Path {
    Path::new(name.strip_suffix(" (deleted)").unwrap_or(name))
}

impl Lender {
    fn open(path: &Path) -> Result<Self, String> {
        // The name comes from the core: a pipe would wait for ever, and a device may do anything.
        let about = std::fs::metadata(path).map_err(|error| error.to_string())?;
        if !about.is_file() || about.len() == 0 {
            return Err("it is no file with bytes in it".to_owned());
        }
        let file = File::open(path).map_err(|error| error.to_string())?;
        let (headers, segments) = headers_of(&file).map_err(|error| error.to_string())?;
        let mut build_id = None;
        for segment in segments.iter().filter(|it| it.kind == elf::PT_NOTE.0) {
            let notes = file.bytes(segment.offset, segment.file_size.min(1 << 20));
            let found = notes.map(|bytes| NotesOf::read(&bytes, segment.address, headers.machine));
            build_id = build_id.or(found.ok().and_then(|it| it.build_id));
        }
        Ok(Self { path: path.to_owned(), file, segments, build_id })
    }

    /// Why nothing was taken from it, although somebody named it.
    fn unused(&self, objects: &[Loaded]) -> String {
        let of =
            |build_id: &Option<Vec<u8>>| build_id.as_deref().map_or_else(|| "none".to_owned(), hex);
        let same_build = objects
            .iter()
            .find(|it| it.object.build_id.is_some() && it.object.build_id == self.build_id);
        let same_name =
            objects.iter().find(|it| path_of(&it.object.name).file_name() == self.path.file_name());
        match same_build.or(same_name).map(|it| &it.object) {
            None => "the core has nothing of that name or build-id".to_owned(),
            Some(found) if found.build_id != self.build_id => format!(
                "its build-id is {}, that of {} in the core is {}",
                of(&self.build_id),
                found.name,
                of(&found.build_id)
            ),
            Some(found) => format!(
                "the core has all bytes of {}, or the file is one with debug information alone",
                found.name
            ),
        }
    }

    /// Whether it has the program headers of the object: a file with debug information alone has
    /// the build-id too, and none of the bytes.
    fn agrees(&self, object: &Loaded) -> bool {
        let loads = |segments: &[Segment]| -> Vec<Segment> {
            segments.iter().copied().filter(Segment::is_load).collect()
        };
        loads(&self.segments) == loads(&object.segments)
    }
}

fn headers_of(file: &File) -> Result<(Headers, Vec<Segment>), HeaderError> {
    let source = super::elf::source(file);
    let headers = Headers::read(&source)?;
    let segments = all_segments(&headers, &source)?;
    Ok((headers, segments))
}

impl Filled {
    /// Adds what a file lends to its mappings.
    fn lend(
        &mut self,
        access: &Access,
        object: Option<&Loaded>,
        mapped: &[&Mapped],
        missing: u64,
        lender: Lender,
    ) {
        let Ok(number) = u16::try_from(self.files.len() + 1) else { return };
        let mut withheld = false;
        for part in mapped {
            if !access.keeps_private && access.may_be_written(object, part) {
                self.pieces.push(absent(part));
                withheld = true;
                continue;
            }
            let (length, access) = (part.end - part.start, access.at(part));
            let there = length.min(lender.file.length().saturating_sub(part.offset));
            let (address, offset) = (part.start, part.offset);
            let source = Source::File(number);
            self.pieces.push(Piece { address, length: there, offset, access, source });
            // What lies behind the end of the file in its last page is zero; further pages
            // cannot be read in the process either.
            let padding = there.next_multiple_of(4096).min(length) - there;
            let (address, source) = (address + there, Source::Zeros);
            if there > 0 {
                self.pieces.push(Piece { address, length: padding, offset: 0, access, source });
            }
        }
        let path = lender.path.display();
        let (name, why) = mapped.first().map_or(("", ""), |first| {
            let why = match object.and_then(|it| it.object.build_id.as_ref()) {
                Some(_) => "which has its build-id",
                None => "which was named for it",
            };
            (first.name.as_str(), why)
        });
        let mut text = format!("{missing} bytes of {name} come from {path}, {why}");
        let mut kind = RemarkKind::Lent(missing);
        if withheld {
            text.push_str("; what the program could write is not in the core");
            kind = RemarkKind::Note;
        }
        self.remarks.push(Remark { text, kind });
        self.files.push(lender.file);
    }
}

/// What the core's segments say that the program may do.
struct Access {
    segments: Pieces,
    /// Whether the core has writable memory that is in no file, as every core of a process has that
    /// does not forbid it: its stack at least.
    keeps_private: bool,
}

impl Access {
    fn of(layout: &Layout) -> Self {
        let mut writable = layout.pieces.iter().filter(|it| it.access & PF_W != 0);
        let keeps_private = writable.any(|it| layout.notes.mapped_at(it.address).is_none());
        let segments = layout.pieces.iter().chain(&layout.absent).copied();
        let segments = Pieces::new(segments.collect());
        Self { segments, keeps_private }
    }

    /// What may be done with a mapping; nothing where the core does not know it.
    fn at(&self, mapped: &Mapped) -> u8 {
        self.segments.at(mapped.start).map_or(0, |piece| piece.access)
    }

    /// Whether a part of a file may be executed: of data files nobody expects that they are
    /// filled.
    fn is_executable(&self, mapped: &[&Mapped]) -> bool {
        const PF_X: u8 = 1;
        mapped.iter().any(|part| self.at(part) & PF_X != 0)
    }

    /// Whether the program could write to a mapping, now or before: constants that need relocations
    /// are writable until the loader has written them.
    fn may_be_written(&self, object: Option<&Loaded>, part: &Mapped) -> bool {
        let covers = |loaded: &Loaded, segment: &Segment| {
            let start = loaded.address_of(segment.address);
            let end = start.saturating_add(segment.memory_size);
            start < part.end && part.start < end
        };
        let is_writable = |it: &&Segment| it.is_load() && it.flags & u32::from(PF_W) != 0;
        self.at(part) & PF_W != 0
            || object.is_none_or(|it| {
                it.segments.iter().filter(is_writable).any(|segment| covers(it, segment))
            })
    }
}

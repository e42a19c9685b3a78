//! Images: whatever holds the memory of a program, opened under one roof.
//!
//! [`open`] looks at what it was given, never at its name, and hands it to the module of that kind.
//! Each of them makes an [`Image`]: the memory, the objects that were loaded into it with what may
//! lead to their roots, and the tables that the image carries as files do. Finding tables is the
//! business of [`discover`](crate::discover).

mod capture;
pub mod compressed;
mod core;
mod elf;
mod fill;
mod kernel_core;
mod layered;
mod page_tables;
mod pieces;
pub mod process;
mod raw;
pub mod snapshot;
mod spool;
mod table_file;
mod vmcoreinfo;
pub mod zone;

pub use capture::CaptureNote;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use inspect_format::abi::{Order, TABLE_MAGIC, ZONE_MAGIC};
use inspect_format::table;

use crate::file::File;
use crate::loaded::HeaderError;
use crate::memory::Memory;

/// An image that was opened.
#[derive(Debug)]
pub struct Image {
    /// What it is.
    pub kind: Kind,
    /// As it was asked for.
    pub name: String,
    /// Who wrote it; none where only its tables know.
    pub machine: Option<Machine>,
    /// Its memory.
    pub memory: Box<dyn Memory>,
    /// What was loaded into the memory: the program first, then libraries; a kernel and its modules.
    pub objects: Vec<Object>,
    /// Tables that it carries beside its memory, each block one or several tables.
    pub carried: Vec<Carried>,
    /// What it says about itself.
    pub capture: Option<CaptureNote>,
    /// What debuggers ask of a core beside memory: registers, the auxiliary vector.
    pub notes: Vec<Note>,
    /// What a reader of its memory should know: pages that were filled from files, and those that
    /// could not be.
    pub remarks: Vec<Remark>,
}

/// The kinds of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The core of a process.
    Core,
    /// The core of a kernel.
    KernelCore,
    /// A running process.
    Process,
    /// A program or a library: compile-time tables only.
    Elf,
    /// An object file or a kernel module, where nothing has an address yet.
    Relocatable,
    /// Tables one behind another.
    TableFile,
    /// Dumps that firmware keeps over a reset.
    Zone,
    /// A directory that a program wrote about itself.
    Snapshot,
    /// Memory of which only the address is known.
    Raw,
}

/// The machine that an image comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Its byte order.
    pub order: Order,
    /// Bytes of its pointers: 4 or 8.
    pub word_size: u8,
    /// The processor, `EM_*` of ELF; 0 where nothing says so.
    pub number: u16,
    /// What programs say of it beside that, `e_flags` of ELF: how they call one another, for
    /// instance.
    pub flags: u32,
}

impl Machine {
    /// Whether it is the same processor, whatever is said beside that.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        (self.order, self.word_size, self.number) == (other.order, other.word_size, other.number)
    }
}

/// A program, library or module in the memory of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its path or name. It comes from the image: escape it.
    pub name: String,
    /// What the loader added to the addresses that the linker gave.
    pub bias: u64,
    /// The address of its first byte, and the one behind its last.
    pub range: std::ops::Range<u64>,
    /// The build-id that the linker gave it.
    pub build_id: Option<Vec<u8>>,
    /// What may lead to its root.
    pub roots: Vec<Clue>,
    /// Where the section of its tables lies, for whoever finds no root; nothing where no section
    /// header says it.
    pub section: Option<std::ops::Range<u64>>,
    /// What was not looked at.
    pub left_out: LeftOut,
}

/// What of an object is not looked at, because no honest object has so much of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Whether there are more notes of roots.
    pub has_roots: bool,
    /// Bytes of notes.
    pub note_bytes: u64,
}

/// An address where a root may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clue {
    /// Where.
    pub address: u64,
    /// Who says so.
    pub found_by: FoundBy,
}

/// What led to a root or a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FoundBy {
    /// The image carries it.
    Carried,
    /// Whoever asked gave the address.
    Given,
    /// The note of the object.
    Note,
    /// The symbol `inspect_root`.
    Symbol,
    /// The section `inspect_table`.
    Section,
    /// A search through all memory.
    Scan,
}

/// Tables that an image carries as a file does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// The blocks, one behind another.
    pub bytes: Vec<u8>,
    /// What carries them: a note, a file.
    pub place: String,
}

/// A note of a core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Under which name its type means something.
    pub name: String,
    /// Its type.
    pub kind: u32,
    /// Its contents, in the byte order of the image.
    pub contents: Vec<u8>,
}

/// Something to know about an image that is no error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// One line without a full stop. It holds names from the image: escape it.
    pub text: String,
    /// What it is about.
    pub kind: RemarkKind,
}

/// What a remark is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemarkKind {
    /// Something that is as it may be.
    Note,
    /// So many bytes come from the file that was mapped, as they should.
    Lent(u64),
    /// So many bytes of a file that was mapped are nowhere.
    Unlent(u64),
    /// Something is missing that should be there.
    Damage,
}

/// What is to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file or a directory.
    Path(PathBuf),
    /// `pid:123`
    Process(u32),
    /// `raw:FILE@0xADDRESS`
    Raw {
        /// The file.
        path: PathBuf,
        /// The address of its first byte.
        address: u64,
    },
}

/// How an image is opened.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Files that lend their bytes where the image lacks them: programs and libraries.
    pub lenders: Vec<PathBuf>,
    /// The directory that holds the mapped files, in place of `/`.
    pub sysroot: Option<PathBuf>,
    /// Which dump of a zone, by its slot; the newest where nothing is given.
    pub dump: Option<u32>,
    /// How many bytes a compressed file may hold; 64 GiB where nothing is given. The room on the
    /// disk of temporary files is a limit in any case.
    pub decompressed_limit: Option<u64>,
    /// Whom to tell how far long work is.
    pub progress: Option<Progress>,
}

/// Is told how far long work is, many times a second.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(Step) + Send + Sync>);

/// How far long work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Bytes that are done.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
}

/// Why an image was not opened.
#[derive(Debug)]
pub struct Error {
    /// What was to be opened, or the file of it that is at fault. Escape it.
    pub name: String,
    /// What is wrong.
    pub kind: ErrorKind,
}

/// The kinds of errors.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file or the process cannot be read.
    Io(io::Error),
    /// It is empty.
    Empty,
    /// It is none of the kinds that are known.
    Unknown,
    /// A table is at fault.
    Table(table::Error),
    /// The headers of an ELF file are at fault.
    Elf(HeaderError),
    /// More segments than are read.
    Segments {
        /// How many there are.
        found: u32,
        /// How many there may be.
        most: u32,
    },
    /// A process cannot be read.
    Process(process::Error),
    /// A zone has nothing to show.
    Zone(zone::Error),
    /// A snapshot is not whole.
    Snapshot(snapshot::Error),
    /// A compressed file cannot be decompressed.
    Compressed(compressed::Error),
    /// Raw memory would reach beyond the last address.
    Address {
        /// Of its first byte.
        address: u64,
        /// How many bytes there are.
        length: u64,
    },
}

/// What to do about a format that is not known: all that are older are.
pub(crate) const NEWER: &str = "a newer `inspect` reads it: get the latest version";

/// Opens an image.
pub fn open(target: &Target, options: &Options) -> Result<Image, Error> {
    let mut image = match target {
        Target::Path(path) => open_path(path, options),
        Target::Process(number) => process::open(*number)
            .map_err(|error| Error { name: target.to_string(), kind: ErrorKind::Process(error) }),
        Target::Raw { path, address } => raw::open(path, *address, options),
    }?;
    let left_out = image.objects.iter().filter_map(|it| it.left_out.remark(&it.name));
    image.remarks.extend(left_out);
    Ok(image)
}

/// Opens what stands at a path, by what it begins with.
fn open_path(path: &Path, options: &Options) -> Result<Image, Error> {
    if path.is_dir() {
        return snapshot::open(path);
    }
    let opened = File::open(path).map_err(ErrorKind::Io);
    let image = opened.and_then(|file| open_file(file, options));
    image.map_err(|kind| Error { name: path.display().to_string(), kind })
}

/// Opens a file, decompressed if need be.
fn open_file(file: File, options: &Options) -> Result<Image, ErrorKind> {
    match compressed::format(&start(&file)?) {
        Some(format) => {
            let expanded = compressed::expand(&file, format, options);
            let expanded = expanded.map_err(ErrorKind::Compressed)?;
            let mut image = open_plain(expanded.file, options)?;
            image.remarks.extend(expanded.remark);
            Ok(image)
        }
        None => open_plain(file, options),
    }
}

/// Opens a file that is not compressed.
fn open_plain(file: File, options: &Options) -> Result<Image, ErrorKind> {
    let start = start(&file)?;
    if start.starts_with(&TABLE_MAGIC) {
        return table_file::open(&file);
    }
    if start.starts_with(&object::elf::ELFMAG) {
        return elf::open(file, options);
    }
    if start.starts_with(&ZONE_MAGIC) {
        return zone::open(&file, options);
    }
    Err(if start.is_empty() { ErrorKind::Empty } else { ErrorKind::Unknown })
}

/// What a file begins with.
fn start(file: &File) -> Result<Vec<u8>, ErrorKind> {
    file.bytes(0, file.length().min(16)).map_err(ErrorKind::Io)
}

impl Note {
    /// Under which name kernels tell about themselves.
    pub(crate) const KERNEL: &str = "VMCOREINFO";

    /// What a kernel tells about itself.
    pub(crate) fn of_kernel(contents: Vec<u8>) -> Self {
        Self { name: Self::KERNEL.to_owned(), kind: 0, contents }
    }
}

impl Remark {
    /// Something that is as it may be.
    pub(crate) fn note(text: impl Into<String>) -> Self {
        Self { text: text.into(), kind: RemarkKind::Note }
    }

    /// Something that is missing or broken.
    pub(crate) fn damage(text: impl Into<String>) -> Self {
        Self { text: text.into(), kind: RemarkKind::Damage }
    }

    /// Whether something is missing that should be there.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        self.kind == RemarkKind::Damage
    }
}

impl Object {
    /// One of which nothing but the name is known.
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            bias: 0,
            range: 0..0,
            build_id: None,
            roots: Vec::new(),
            section: None,
            left_out: LeftOut::default(),
        }
    }
}

impl Progress {
    /// Calls `tell` with each step, from whichever thread does the work.
    pub fn new(tell: impl Fn(Step) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Tells how far the work is.
    pub fn report(&self, step: Step) {
        (self.0)(step);
    }
}

impl Error {
    /// What to do about it, where that can be said.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match &self.kind {
            ErrorKind::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                Some("a running process is `pid:123`, raw memory `raw:FILE@0xADDRESS`")
            }
            ErrorKind::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Some("run it as the owner, or with `sudo`")
            }
            ErrorKind::Table(error) if matches!(error.kind, table::ErrorKind::Format(_)) => {
                Some(NEWER)
            }
            ErrorKind::Unknown => {
                Some("if it is raw memory, give its address: `raw:FILE@0xADDRESS`")
            }
            ErrorKind::Process(error) => error.help(),
            ErrorKind::Zone(error) => error.help(),
            ErrorKind::Snapshot(error) => error.help(),
            ErrorKind::Compressed(error) => error.help(),
            _ => None,
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(number) = text.strip_prefix("pid:") {
            let number = number.parse().map_err(|_| format!("`{number}` is no process number"))?;
            return Ok(Self::Process(number));
        }
        if let Some(rest) = text.strip_prefix("raw:") {
            let (path, address) = rest.rsplit_once('@').ok_or("write `raw:FILE@0xADDRESS`")?;
            let digits = address.strip_prefix("0x").ok_or("the address begins with `0x`")?;
            let address = u64::from_str_radix(digits, 16)
                .map_err(|_| format!("`{address}` is no address of 64 bits"))?;
            return Ok(Self::Raw { path: path.into(), address });
        }
        Ok(Self::Path(text.into()))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Process(number) => write!(f, "pid:{number}"),
            Self::Raw { path, address } => write!(f, "raw:{}@{address:#x}", path.display()),
        }
    }
}

impl fmt::Display for FoundBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Carried => "carried",
            Self::Given => "given",
            Self::Note => "note",
            Self::Symbol => "symbol",
            Self::Section => "section",
            Self::Scan => "scan",
        })
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            ErrorKind::Io(error) => Some(error),
            ErrorKind::Table(error) => Some(error),
            ErrorKind::Elf(error) => Some(error),
            ErrorKind::Process(error) => Some(error),
            ErrorKind::Zone(error) => Some(error),
            ErrorKind::Snapshot(error) => Some(error),
            ErrorKind::Compressed(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name)?;
        match &self.kind {
            ErrorKind::Io(error) => error.fmt(f),
            ErrorKind::Empty => f.write_str("the file is empty"),
            ErrorKind::Unknown => {
                f.write_str("neither ELF, a table, a zone nor a snapshot: nothing that is known")
            }
            ErrorKind::Table(error) => error.fmt(f),
            ErrorKind::Elf(error) => error.fmt(f),
            ErrorKind::Segments { found, most } => {
                write!(f, "{found} segments, {most} are read at most")
            }
            ErrorKind::Process(error) => error.fmt(f),
            ErrorKind::Zone(error) => error.fmt(f),
            ErrorKind::Snapshot(error) => error.fmt(f),
            ErrorKind::Compressed(error) => error.fmt(f),
            ErrorKind::Address { address, length } => {
                write!(f, "its {length} bytes reach beyond the last address, from {address:#x} on")
            }
        }
    }
}

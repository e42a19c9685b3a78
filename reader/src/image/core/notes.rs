//! The notes of a core: what kernels, debuggers and this project's own dumps say beside memory.
//!
//! A core of a program with many threads has hundreds of megabytes of registers in its notes. Only
//! the frame of each note is read, through a window that moves over the file, and the contents of
//! those that somebody here asks for.

use std::collections::BTreeMap;

use inspect_format::abi::{Order, note_kind};
use inspect_format::notes;
use object::Endianness;
use object::elf::{self, NoteHeader32};
use object::pod;
use object::read::elf::NoteHeader;

use crate::file::File;
use crate::image::{Machine, Note};
use crate::loaded::{Segment, endian};

/// Contents that are read at most, of a note and of all tables together: more than tables of a
/// million entries.
const CONTENTS_MAX: u64 = 1 << 28;
/// Bytes of the list of mapped files that are read: four times what Linux writes at most, unless it is told to write
/// more.
const FILES_MAX: u64 = 1 << 24;

/// Whose notes nobody but a hypervisor writes.
const HYPERVISORS: [&[u8]; 3] = [b"QEMU", b"Xen", b"VBCORE"];

/// Notes of processors that are kept: one that was in the kernel is among so many.
const PROCESSORS_MAX: usize = 64;
/// No such note is longer.
const PROCESSOR_MAX: u32 = 1 << 12;

/// Notes of a thread, and of the process, that go into a dump.
const DEBUGGER: [u32; 3] = [elf::NT_PRSTATUS.0, elf::NT_FPREGSET.0, elf::NT_AUXV.0];
/// No such note is longer.
const DEBUGGER_MAX: u32 = 1 << 16;

/// What the notes say.
#[derive(Debug, Default)]
pub(in crate::image) struct CoreNotes {
    /// The files that were mapped, by address.
    pub(in crate::image) files: Vec<Mapped>,
    /// The auxiliary vector: what the kernel told the program at its start.
    pub(in crate::image) auxv: Vec<(u64, u64)>,
    /// The name of the process.
    pub(in crate::image) name: Option<String>,
    /// Frozen tables, each block with where it stands.
    pub(in crate::image) tables: Vec<Vec<u8>>,
    /// What a dump says about itself.
    pub(in crate::image) capture: Option<Vec<u8>>,
    /// What a kernel says about itself.
    pub(in crate::image) kernel: Option<Vec<u8>>,
    /// Whether a hypervisor wrote them, or they tell of processors what no process has.
    pub(in crate::image) is_of_machine: bool,
    /// What says of each processor where page tables are: on s390x its control registers, elsewhere what QEMU adds.
    pub(in crate::image) processors: Vec<Vec<u8>>,
    /// How many threads, or processors, there are registers of.
    pub(in crate::image) threads: u64,
    /// Whether there is a process that they are about.
    pub(in crate::image) has_process: bool,
    /// What a debugger asks of the thread that ended the process, and of the process.
    pub(in crate::image) process: Vec<Note>,
    /// Where notes break off.
    pub(in crate::image) broken_at: Option<u64>,
    /// Notes that are not read although they would be of interest.
    pub(in crate::image) left_out: Option<LeftOut>,
    /// How many segments begin in others.
    pub(in crate::image) repeated: u64,
    /// What was read, ascending and without overlaps: the offset behind the last byte of each run of
    /// segments, by that of its first.
    done: BTreeMap<u64, u64>,
    /// Bytes of tables.
    table_bytes: u64,
}

/// Notes that are not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::image) struct LeftOut {
    /// How many.
    pub(in crate::image) count: u64,
    /// Where the contents of the first one are.
    pub(in crate::image) at: u64,
    /// Why that one is not read.
    pub(in crate::image) why: String,
}

/// A part of a file that was mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::image) struct Mapped {
    /// The first address.
    pub(in crate::image) start: u64,
    /// The one behind the last.
    pub(in crate::image) end: u64,
    /// Where it begins in the file.
    pub(in crate::image) offset: u64,
    /// The path of the file.
    pub(in crate::image) name: String,
}

impl CoreNotes {
    /// Whether it is a dump that says what it has captured.
    pub(in crate::image) fn is_dump(&self) -> bool {
        self.capture.is_some() || !self.tables.is_empty()
    }

    /// The mapping of a file that holds an address.
    pub(in crate::image) fn mapped_at(&self, address: u64) -> Option<&Mapped> {
        let behind = self.files.partition_point(|it| it.start <= address);
        self.files.get(behind.checked_sub(1)?).filter(|it| address < it.end)
    }

    /// Reads the notes in a segment of the file, and adds what they say.
    ///
    /// Four million segments may lead to the same note: a segment that shares bytes with one that was
    /// read is passed over, so that all of them together cost no more than the file is long.
    pub(in crate::image) fn read(&mut self, file: &File, segment: &Segment, machine: Machine) {
        let end = segment.offset.saturating_add(segment.file_size);
        let is_whole = end <= file.length();
        if !self.is_new(segment.offset, end.min(file.length())) {
            self.repeated += 1;
            return;
        }
        let mut window = Window { file, bytes: Vec::new(), start: 0 };
        let mut at = segment.offset;
        while at < end {
            let Some(frame) = Frame::read(&mut window, at, machine.order) else {
                self.broken_at.get_or_insert(at);
                return;
            };
            if frame.contents_at + u64::from(frame.size) > end {
                self.broken_at.get_or_insert(at);
                return;
            }
            self.take(file, &frame, machine);
            at = frame.next;
        }
        if !is_whole {
            self.broken_at.get_or_insert(file.length());
        }
    }

    /// Whether none of these bytes was read before; from now on they were.
    fn is_new(&mut self, start: u64, end: u64) -> bool {
        let before = self.done.range(..end).next_back();
        if start >= end || before.is_some_and(|(_, done)| *done > start) {
            return start >= end;
        }
        match before.map(|(first, done)| (*first, *done)) {
            Some((first, done)) if done == start => self.done.insert(first, end),
            _ => self.done.insert(start, end),
        };
        true
    }

    fn leave_out(&mut self, at: u64, why: String) {
        self.left_out.get_or_insert(LeftOut { count: 0, at, why }).count += 1;
    }

    /// Keeps a note of the first thread, which is the one that ended the process, or of the process.
    fn keep(&mut self, kind: u32, contents: &mut dyn FnMut() -> Option<Vec<u8>>) {
        if !self.process.iter().any(|note| note.kind == kind) {
            let name = notes::CORE.to_owned();
            self.process.extend(contents().map(|contents| Note { name, kind, contents }));
        }
    }

    /// Takes in one note.
    fn take(&mut self, file: &File, note: &Frame, machine: Machine) {
        let (mut failure, size, at) = (None, u64::from(note.size), note.contents_at);
        let mut at_most = |most: u64| {
            let bytes = match size <= most {
                true => file.bytes(at, size).map_err(|error| error.to_string()),
                false => Err(format!("{most} bytes are read at most")),
            };
            bytes.map_err(|why| failure = Some(why)).ok()
        };
        let is_core = note.name == notes::CORE.as_bytes();
        if is_core && DEBUGGER.contains(&note.kind) && note.size <= DEBUGGER_MAX {
            self.keep(note.kind, &mut || at_most(CONTENTS_MAX));
        }
        let is_ours = note.name == notes::NAME.as_bytes();
        let is_control = note.is_control(machine);
        match note.kind {
            kind if is_core && kind == elf::NT_PRSTATUS.0 => self.threads += 1,
            kind if is_core && kind == elf::NT_PRPSINFO.0 => {
                self.has_process = true;
                if self.name.is_none() {
                    self.name = at_most(CONTENTS_MAX).and_then(|bytes| process_name(&bytes));
                }
            }
            kind if is_core && kind == elf::NT_AUXV.0 => {
                self.has_process = true;
                if self.auxv.is_empty() {
                    let bytes = at_most(CONTENTS_MAX).unwrap_or_default();
                    self.auxv = auxiliary_vector(&bytes, machine);
                }
            }
            kind if is_core && kind == elf::NT_FILE.0 => {
                self.has_process = true;
                if self.files.is_empty() {
                    self.files = mapped_files(&at_most(FILES_MAX).unwrap_or_default(), machine);
                }
            }
            note_kind::TABLES if is_ours => {
                if let Some(bytes) = at_most(CONTENTS_MAX - self.table_bytes) {
                    self.table_bytes += bytes.len() as u64;
                    self.tables.push(bytes);
                }
            }
            note_kind::CAPTURE if is_ours && self.capture.is_none() => {
                self.capture = at_most(CONTENTS_MAX);
            }
            _ if note.name == Note::KERNEL.as_bytes() && self.kernel.is_none() => {
                self.kernel = at_most(CONTENTS_MAX);
            }
            _ if HYPERVISORS.contains(&note.name.as_slice()) || is_control => {
                self.is_of_machine = true;
                let is_kept = self.processors.len() < PROCESSORS_MAX && note.size <= PROCESSOR_MAX;
                if is_kept && (note.name == b"QEMU" || is_control) {
                    self.processors.extend(at_most(PROCESSOR_MAX.into()));
                }
            }
            _ => {}
        }
        if let Some(why) = failure {
            self.leave_out(at, why);
        }
    }
}

/// Where the parts of a note are.
struct Frame {
    name: Vec<u8>,
    kind: u32,
    contents_at: u64,
    size: u32,
    next: u64,
}

impl Frame {
    fn read(window: &mut Window<'_>, at: u64, order: Order) -> Option<Self> {
        /// No name of interest is longer.
        const NAME_MAX: u32 = 16;
        let size = size_of::<NoteHeader32<Endianness>>();
        let header = *pod::from_bytes::<NoteHeader32<Endianness>>(window.get(at, size)?).ok()?.0;
        let endian = endian(order);
        let name_size = header.n_namesz(endian);
        let name_at = at.checked_add(size as u64)?;
        let mut name = Vec::new();
        if name_size <= NAME_MAX {
            name = window.get(name_at, name_size as usize)?.to_vec();
            while name.pop_if(|byte| *byte == 0).is_some() {}
        }
        // All notes in cores are aligned to 4 bytes.
        let contents_at = name_at.checked_add(u64::from(name_size).next_multiple_of(4))?;
        let size = header.n_descsz(endian);
        let next = contents_at.checked_add(u64::from(size).next_multiple_of(4))?;
        Some(Self { name, kind: header.n_type(endian).0, contents_at, size, next })
    }

    /// Whether it holds control registers, which s390x has a note for.
    fn is_control(&self, machine: Machine) -> bool {
        let is_of_architecture = machine.number == elf::EM_S390.0 && self.name == b"LINUX";
        is_of_architecture && self.kind == elf::NT_S390_CTRS.0
    }
}

/// A part of a file at hand, which moves forward.
struct Window<'f> {
    file: &'f File,
    bytes: Vec<u8>,
    start: u64,
}

impl Window<'_> {
    fn get(&mut self, offset: u64, length: usize) -> Option<&[u8]> {
        const SIZE: u64 = 1 << 15;
        let end = offset.checked_add(length as u64)?;
        if offset < self.start || end > self.start + self.bytes.len() as u64 {
            let left = self.file.length().checked_sub(offset)?;
            self.bytes = self.file.bytes(offset, left.min(SIZE)).ok()?;
            self.start = offset;
        }
        let from = usize::try_from(offset - self.start).ok()?;
        self.bytes.get(from..)?.get(..length)
    }
}

/// The name in a `prpsinfo`, which ends with 16 bytes of name and 80 of arguments on every machine.
fn process_name(contents: &[u8]) -> Option<String> {
    let start = contents.len().checked_sub(96)?;
    let name = contents.get(start..)?.get(..16)?;
    text(name).filter(|name| !name.is_empty())
}

fn auxiliary_vector(contents: &[u8], machine: Machine) -> Vec<(u64, u64)> {
    let mut words = Words { bytes: contents, machine };
    let pairs = std::iter::from_fn(|| Some((words.next()?, words.next()?)));
    pairs.take_while(|(kind, _)| *kind != 0).collect()
}

/// The contents of `NT_FILE`: a number of mappings, the unit of their offsets, for each of them
/// start, end and offset, and then the names.
fn mapped_files(contents: &[u8], machine: Machine) -> Vec<Mapped> {
    let mut words = Words { bytes: contents, machine };
    let (Some(count), Some(unit)) = (words.next(), words.next()) else { return Vec::new() };
    let size = u64::from(machine.word_size) * 3;
    let table = count.checked_mul(size).and_then(|size| usize::try_from(size).ok());
    let Some(names) = table.and_then(|size| words.bytes.get(size..)) else { return Vec::new() };
    let mut names = names.split(|byte| *byte == 0);
    let mut files = Vec::new();
    for _ in 0..count {
        let (Some(start), Some(end), Some(offset)) = (words.next(), words.next(), words.next())
        else {
            break;
        };
        let Some(name) = names.next() else { break };
        let name = String::from_utf8_lossy(name).into_owned();
        let offset = offset.saturating_mul(unit);
        if start < end {
            files.push(Mapped { start, end, offset, name });
        }
    }
    files.sort_by_key(|it| it.start);
    files
}

/// Numbers as wide as a pointer.
struct Words<'a> {
    bytes: &'a [u8],
    machine: Machine,
}

impl Words<'_> {
    fn next(&mut self) -> Option<u64> {
        let Machine { order, word_size, .. } = self.machine;
        let (word, rest) = self.bytes.split_at_checked(word_size.into())?;
        self.bytes = rest;
        Some(match (word, order) {
            ([a, b, c, d], Order::Little) => u32::from_le_bytes([*a, *b, *c, *d]).into(),
            ([a, b, c, d], Order::Big) => u32::from_be_bytes([*a, *b, *c, *d]).into(),
            (_, Order::Little) => u64::from_le_bytes(word.try_into().ok()?),
            (_, Order::Big) => u64::from_be_bytes(word.try_into().ok()?),
        })
    }
}

/// The text before the first NUL.
pub(in crate::image) fn text(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    Some(String::from_utf8_lossy(bytes.get(..end)?).into_owned())
}

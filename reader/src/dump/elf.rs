//! A plan as an ELF core: headers, notes, memory.
//!
//! The layout is that of a program that dumps itself: what is left out has no segment, so that a
//! debugger says that it is not there, and runs that are as large as a page begin in the file where
//! they do in memory within a page. Memory that stands in a file is copied by the kernel; what is
//! zero, or a hole in the file, becomes a hole.
//!
//! Segments of a machine's memory have their physical addresses, too: tools for kernels ask by them.

use std::fmt;
use std::fs::File;
use std::io;

use inspect_format::abi::{Order, note_kind, space};
use inspect_format::elfcore::{Class, CoreHeader, PF_R, PF_W, PT_LOAD, PT_NOTE, Segment};
use inspect_format::notes::{self, capture};

use super::bytes::Part;
use super::plan::Plan;
use super::write::{Output, copy};
use crate::discover::Discovery;
use crate::image::{Image, Machine, Note};
use crate::memory::{Memory, Missing};

/// How often the parts of a plan are cut because they do not go on in physical memory: where every page lies somewhere
/// else, eight GiB.
const CUTS_MAX: usize = 1 << 21;
/// Runs from this size on are congruent to their addresses.
const PAGE: u64 = 4096;
/// The registers of a thread begin behind so many bytes of its status, where words have 8 and 4.
const REGISTERS_AT: [usize; 2] = [112, 72];
const NT_PRSTATUS: u32 = 1;
const NT_AUXV: u32 = 6;

/// What is to be written, and what is said about it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What is dumped.
    pub image: &'a Image,
    /// Its tables.
    pub discovery: &'a Discovery,
    /// For whom, by name.
    pub consumer: &'a str,
    /// Which program and version is dumped, where that is known.
    pub producer: Option<&'a str>,
    /// Whether the registers go with it. They may hold anything that the program worked with.
    pub registers: bool,
}

/// What one segment holds.
#[derive(Clone, Copy, Debug)]
struct Placed {
    part: Part,
    /// Where it begins in physical memory, if that is known.
    physical: Option<u64>,
}

/// Why there is no dump.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be written.
    Output(io::Error),
    /// A number does not fit into 32 bits: an address of a 32-bit core, or the size of a note.
    TooLarge,
    /// The image cannot be read any more.
    Input(Missing),
    /// Memory that the image lists cannot be read: a plan without it is needed.
    Faults(Vec<Part>),
}

/// Writes a core to the beginning of an empty file, and returns its size. `progress` hears how many
/// bytes of memory are written.
pub fn write(
    request: &Request<'_>,
    plan: &Plan,
    file: &File,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, Error> {
    let machine = machine_of(request);
    let notes = Notes::new(request, plan, machine)?;
    let placed = placed(request.image.memory.as_ref(), plan, machine);
    let segment_count = u32::try_from(placed.len() + 1).map_err(|_| Error::TooLarge)?;
    let header = CoreHeader {
        class: if machine.word_size == 4 { Class::Elf32 } else { Class::Elf64 },
        order: machine.order,
        machine: machine.number,
        flags: machine.flags,
        segment_count,
    };
    let mut out = Output::new(file);
    headers(&header, notes.size, &placed, &mut out)?;
    notes.write(request, plan, &mut out)?;
    let mut faults = Vec::new();
    let mut done = 0;
    let parts: Vec<Part> = placed.iter().map(|it| it.part).collect();
    for parts in parts.chunk_by(|part, next| part.length().max(next.length()) < PAGE) {
        out.skip(parts.first().map_or(0, |part| padding(*part, out.position())))?;
        copy(request.image.memory.as_ref(), parts, &mut out, &mut faults, &mut |bytes| {
            done += bytes;
            progress(done);
        })?;
    }
    let size = out.finish()?;
    if faults.is_empty() { Ok(size) } else { Err(Error::Faults(faults)) }
}

/// Whose memory it is: the tables know where the image does not.
fn machine_of(request: &Request<'_>) -> Machine {
    let table = request.discovery.tables.first();
    let table = table.and_then(|it| inspect_format::table::Table::parse_again(&it.bytes).ok());
    let table = table.map(|it| Machine {
        order: it.order(),
        word_size: it.word_size(),
        number: 0,
        flags: 0,
    });
    let unknown = Machine { order: Order::NATIVE, word_size: 8, number: 0, flags: 0 };
    request.image.machine.or(table).unwrap_or(unknown)
}

/// What is planned, cut where it does not go on in physical memory.
fn placed(memory: &dyn Memory, plan: &Plan, machine: Machine) -> Vec<Placed> {
    let most = if machine.word_size == 4 { u32::MAX.into() } else { u64::MAX };
    let mut placed: Vec<Placed> = Vec::with_capacity(plan.parts.count());
    let most_placed = plan.parts.count().saturating_add(CUTS_MAX);
    for mut part in plan.parts.iter() {
        while part.start < part.end {
            // A hostile core has each byte somewhere else: what is left has no physical address then.
            let physical = match placed.len() < most_placed {
                true => memory.physical(part.start).filter(|run| run.length > 0),
                false => None,
            };
            // What is not known of a byte is not asked about those behind it.
            let length = physical.map_or(part.length(), |run| run.length.min(part.length()));
            let now = Part::new(part.start, length);
            // With more memory than 32 bits can number, such a core has some without a place.
            let physical = physical.map(|run| run.address).filter(|it| *it < most);
            match placed.last_mut() {
                Some(last) if last.goes_on(now, physical) => last.part.end = now.end,
                _ => placed.push(Placed { part: now, physical }),
            }
            part.start = now.end;
        }
    }
    placed
}

impl Placed {
    /// Whether both are one, in both kinds of addresses.
    fn goes_on(&self, next: Part, physical: Option<u64>) -> bool {
        let behind = self.physical.and_then(|it| it.checked_add(self.part.length()));
        self.part.end == next.start && behind.is_some() && behind == physical
    }
}

fn headers(
    header: &CoreHeader,
    notes: u64,
    placed: &[Placed],
    out: &mut Output<'_>,
) -> Result<(), Error> {
    let segment = Segment {
        kind: PT_NOTE,
        flags: 0,
        offset: header.size(),
        address: 0,
        physical: 0,
        file_size: notes,
        memory_size: 0,
        align: 4,
    };
    out.put(header.file_header().bytes())?;
    out.put(header.segment(&segment).ok_or(Error::TooLarge)?.bytes())?;
    // Of a process there are no physical addresses, and headers say 0; of a machine, 0 is one.
    let is_machine = placed.iter().any(|it| it.physical.is_some());
    let none = match header.class {
        _ if !is_machine => 0,
        Class::Elf32 => u32::MAX.into(),
        Class::Elf64 => u64::MAX,
    };
    for (Placed { part, physical }, offset) in offsets(header, notes, placed) {
        let segment = Segment {
            kind: PT_LOAD,
            flags: PF_R | PF_W,
            offset,
            address: part.start,
            physical: physical.unwrap_or(none),
            file_size: part.length(),
            memory_size: part.length(),
            align: if part.length() < PAGE { 1 } else { PAGE },
        };
        out.put(header.segment(&segment).ok_or(Error::TooLarge)?.bytes())?;
    }
    match header.section() {
        Some(section) => out.put(section.bytes()),
        None => Ok(()),
    }
}

/// Each part with the place of its bytes in the file.
fn offsets(
    header: &CoreHeader,
    notes: u64,
    placed: &[Placed],
) -> impl Iterator<Item = (Placed, u64)> {
    let mut end = header.size() + notes;
    placed.iter().map(move |it| {
        let offset = end.saturating_add(padding(it.part, end));
        end = offset.saturating_add(it.part.length());
        (*it, offset)
    })
}

/// How many zeros stand before a part in a file that has come to `end`.
fn padding(part: Part, end: u64) -> u64 {
    if part.length() < PAGE { 0 } else { part.start.wrapping_sub(end) % PAGE }
}

/// What stands beside memory.
struct Notes {
    order: Order,
    /// What debuggers ask for.
    process: Vec<Note>,
    tables: u32,
    capture: u32,
    /// Bytes of all.
    size: u64,
}

impl Notes {
    fn new(request: &Request<'_>, plan: &Plan, machine: Machine) -> Result<Self, Error> {
        let found = request.image.notes.iter();
        let process: Vec<Note> =
            found.filter_map(|note| kept(note, machine, request.registers)).collect();
        let tables = request.discovery.tables.iter();
        let tables = tables.map(|it| (it.bytes.len() as u64).next_multiple_of(8)).sum();
        let mut count = capture::Count::default();
        describe(request, plan, &mut count).map_err(|_| Error::TooLarge)?;
        let others = process.iter().map(|note| (note.name.as_str(), note.contents.len() as u64));
        let ours = [tables, count.0].map(|contents| (notes::NAME, contents));
        let sizes = others.chain(ours).map(|(name, contents)| notes::long_size(name, contents));
        let size = sizes.sum::<Option<u64>>().ok_or(Error::TooLarge)?;
        let small = |size: u64| u32::try_from(size).map_err(|_| Error::TooLarge);
        let (tables, capture) = (small(tables)?, small(count.0)?);
        Ok(Self { order: machine.order, process, tables, capture, size })
    }

    fn write(&self, request: &Request<'_>, plan: &Plan, out: &mut Output<'_>) -> Result<(), Error> {
        for note in &self.process {
            // Its size was counted.
            let size = note.contents.len() as u32;
            self.note(&note.name, note.kind, size, out, &mut |out| out.put(&note.contents))?;
        }
        self.note(notes::NAME, note_kind::TABLES, self.tables, out, &mut |out| {
            for table in &request.discovery.tables {
                out.put(&table.bytes)?;
                out.zeros((table.bytes.len() as u64).wrapping_neg() % 8)?;
            }
            Ok(())
        })?;
        self.note(notes::NAME, note_kind::CAPTURE, self.capture, out, &mut |out| {
            describe(request, plan, out).map_err(|error| match error {
                capture::WriteError::Sink(error) => error,
                // The same rows were counted a moment ago.
                capture::WriteError::Count => Error::TooLarge,
            })
        })
    }

    fn note(
        &self,
        name: &str,
        kind: u32,
        size: u32,
        out: &mut Output<'_>,
        fill: &mut dyn FnMut(&mut Output<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        out.put(&notes::long_heading(name, kind, size, self.order))?;
        let end = out.position() + u64::from(size);
        fill(out)?;
        if out.position() != end {
            return Err(Error::TooLarge);
        }
        out.zeros(u64::from(size).wrapping_neg() % 4)
    }
}

/// The note as it goes into a dump: what a kernel says about itself; the auxiliary vector, by which
/// debuggers find where a program lies, and the status of the thread that ended it. What a debugger
/// cannot do without is no reason to show registers: without leave they are zero, as in the dump of
/// a program that has none at hand.
fn kept(note: &Note, machine: Machine, registers: bool) -> Option<Note> {
    if note.name == Note::KERNEL {
        return Some(note.clone());
    }
    if note.name != notes::CORE {
        return None;
    }
    match note.kind {
        NT_AUXV => Some(note.clone()),
        NT_PRSTATUS if !registers => {
            let mut note = note.clone();
            let at = if machine.word_size == 4 { REGISTERS_AT[1] } else { REGISTERS_AT[0] };
            note.contents.get_mut(at..)?.fill(0);
            Some(note)
        }
        _ => registers.then(|| note.clone()),
    }
}

/// Writes what became of every entry.
fn describe<W: capture::Write>(
    request: &Request<'_>,
    plan: &Plan,
    sink: W,
) -> Result<(), capture::WriteError<W::Error>> {
    let head = capture::Head {
        tool: concat!("inspect ", env!("CARGO_PKG_VERSION")),
        missing: plan.report.missing,
        consumer: request.consumer,
        producer: request.producer,
    };
    let mut writer = capture::CaptureWriter::new(sink, head, plan.report.tables)?;
    for (found, rows) in request.discovery.tables.iter().zip(&plan.outcomes) {
        let table = inspect_format::table::Table::parse_again(&found.bytes).ok();
        let schema = table.map_or(0, |table| table.header().schema);
        writer.table(schema, rows.len() as u64)?;
        for outcome in rows {
            writer.row(&outcome.row())?;
        }
    }
    writer.finish()?;
    Ok(())
}

impl capture::Write for Output<'_> {
    type Error = Error;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.put(bytes)
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Output(error) => error.fmt(f),
            Self::TooLarge => f.write_str("the dump is too large for a core of its kind"),
            Self::Input(missing) => missing.fmt(f),
            Self::Faults(parts) => {
                let bytes: u64 = parts.iter().map(Part::length).sum();
                write!(f, "{bytes} bytes that should be there cannot be read")
            }
        }
    }
}

/// The space that segments of memory are about.
pub(super) const SPACE: u16 = space::VIRTUAL;

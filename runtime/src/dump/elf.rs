//! A plan as an ELF core: headers, notes, memory, in the order of the file, so that any sink will
//! do.
//!
//! Sizes are all known beforehand: the notes are counted before they are written. Runs that are as
//! large as a page begin in the file where they do in memory within a page, so that copying is a
//! matter of whole pages.

use inspect_format::abi::{Order, note_kind};
use inspect_format::elfcore::{Class, CoreHeader, PF_R, PF_W, PT_LOAD, PT_NOTE, Segment};
use inspect_format::notes::{self, capture};

use super::plan::Plan;
use super::runs::Run;
use super::{Error, Output, Report, Request, Sink, output};

#[cfg(all(feature = "hosted", target_os = "linux"))]
use super::process::Process;
#[cfg(not(all(feature = "hosted", target_os = "linux")))]
use nothing::Process;

/// Runs from this size on are congruent to their addresses.
const PAGE: u64 = 4096;

/// Writes the core. `spare` is memory that may serve as a buffer.
pub(super) fn write(
    request: &Request<'_>,
    plan: &Plan<'_>,
    spare: &mut [u8],
    sink: &mut dyn Sink,
) -> Result<Report, Error> {
    let process = Process::new(request);
    let mut count = capture::Count::default();
    if plan.describe(&mut count, request.producer).is_err() {
        return Err(Error::TooLarge);
    }
    let sizes = Sizes::new(&process, plan.tables.len() as u64, count.0).ok_or(Error::TooLarge)?;
    let segment_count =
        u32::try_from(plan.runs().len()).ok().and_then(|count| count.checked_add(1));
    let header = CoreHeader {
        class: Class::NATIVE,
        order: Order::NATIVE,
        machine: machine(),
        flags: 0,
        segment_count: segment_count.ok_or(Error::TooLarge)?,
    };
    let mut small = [0; size_of::<output::Small>()];
    let mut out = Output::new(sink, output::buffer(spare, &mut small));
    headers(&header, sizes.notes, plan.runs(), &mut out)?;
    process.write(&mut out)?;
    out.note(notes::NAME, note_kind::TABLES, sizes.tables, |out| out.put(plan.tables))?;
    let mut report = Report::default();
    out.note(notes::NAME, note_kind::CAPTURE, sizes.capture, |out| {
        match plan.describe(&mut *out, request.producer) {
            Ok(described) => report = described,
            Err(capture::WriteError::Sink(error)) => return Err(error),
            // The same rows were counted a moment ago.
            Err(capture::WriteError::Count) => return Err(Error::TooLarge),
        }
        Ok(())
    })?;
    for together in plan.runs().chunk_by(|_, next| next.length() < PAGE) {
        out.zeros(padding(&together[0], out.position()))?;
        out.memory(together)?;
    }
    out.flush()?;
    report.written = out.position();
    Ok(report)
}

/// Bytes of the notes.
struct Sizes {
    tables: u32,
    capture: u32,
    notes: u64,
}

impl Sizes {
    fn new(process: &Process, tables: u64, capture: u64) -> Option<Self> {
        let notes = process.size() + notes::size(tables)? + notes::size(capture)?;
        Some(Self { tables: tables.try_into().ok()?, capture: capture.try_into().ok()?, notes })
    }
}

fn headers(
    header: &CoreHeader,
    notes: u64,
    runs: &[Run],
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
    for (run, offset) in offsets(header, notes, runs) {
        let segment = Segment {
            kind: PT_LOAD,
            flags: PF_R | PF_W,
            offset,
            address: run.start,
            physical: 0,
            file_size: run.length(),
            memory_size: run.length(),
            align: if run.length() < PAGE { 1 } else { PAGE },
        };
        out.put(header.segment(&segment).ok_or(Error::TooLarge)?.bytes())?;
    }
    match header.section() {
        Some(section) => out.put(section.bytes()),
        None => Ok(()),
    }
}

/// Each run with the place of its bytes in the file.
fn offsets(header: &CoreHeader, notes: u64, runs: &[Run]) -> impl Iterator<Item = (Run, u64)> {
    let mut end = header.size() + notes;
    runs.iter().map(move |run| {
        let offset = end + padding(run, end);
        // Together they are less than an address space, and beside the headers there is room for
        // them.
        end = offset.saturating_add(run.length());
        (*run, offset)
    })
}

/// How many zeros stand before a run in a file that has come to `end`.
fn padding(run: &Run, end: u64) -> u64 {
    if run.length() < PAGE { 0 } else { run.start.wrapping_sub(end) % PAGE }
}

/// `EM_*` of the machine this runs on; 0 where debuggers have to be told.
const fn machine() -> u16 {
    let by_name = [
        (cfg!(target_arch = "x86_64"), 62),
        (cfg!(target_arch = "x86"), 3),
        (cfg!(target_arch = "aarch64"), 183),
        (cfg!(target_arch = "arm"), 40),
        (cfg!(any(target_arch = "riscv64", target_arch = "riscv32")), 243),
        (cfg!(target_arch = "powerpc64"), 21),
        (cfg!(target_arch = "powerpc"), 20),
        (cfg!(target_arch = "s390x"), 22),
        (cfg!(any(target_arch = "mips", target_arch = "mips64")), 8),
    ];
    let mut index = 0;
    while index < by_name.len() {
        if by_name[index].0 {
            return by_name[index].1;
        }
        index += 1;
    }
    0
}

/// Without an operating system there is no process to describe.
#[cfg(not(all(feature = "hosted", target_os = "linux")))]
mod nothing {
    use super::{Error, Output, Request};

    pub(super) struct Process;

    impl Process {
        pub(super) fn new(request: &Request<'_>) -> Self {
            // There are no registers in it, and no signal.
            let _ = (request.context, request.signal);
            Self
        }

        pub(super) fn size(&self) -> u64 {
            0
        }

        pub(super) fn write(&self, _: &mut Output<'_>) -> Result<(), Error> {
            Ok(())
        }
    }
}

//! Snapshots of this process: a directory with the tables, what became of their entries, and the
//! memory that a consumer may see, written beside its place and renamed.
//!
//! The files are [`inspect_format::snapshot`]'s, the selection is that of a [`dump`](crate::dump).
//! Only calls that are async-signal-safe are made, and nothing is allocated, so that a signal
//! handler may take a snapshot; the directory around it is opened beforehand.

use core::ffi::CStr;
use core::fmt;

use inspect_format::notes::capture;
use inspect_format::snapshot::{CAPTURE, MANIFEST, ManifestWriter, Run, TABLES};

use crate::dump::plan::Plan;
use crate::dump::{self, FileSink, Output, Report, Request, Workspace, last_error, output};

/// Why there is no snapshot. Nothing of it is left, unless removing it failed as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The name is empty, has a slash in it, or is too long.
    Name,
    /// A file or directory could not be made, kept or renamed: the system's number of the error.
    Os(i32),
    /// What goes into the snapshot could not be planned, or not be written.
    Dump(dump::Error),
}

/// Bytes of a name with its NUL.
const NAME_MAX: usize = 256;

impl Request<'_> {
    /// Takes a snapshot: a directory `name` in the directory that is open as `parent`. One that is
    /// there already is an error, and stays as it is.
    pub fn snapshot<const REGIONS: usize, const TABLES_SIZE: usize>(
        &self,
        workspace: &Workspace<REGIONS, TABLES_SIZE>,
        parent: libc::c_int,
        name: &CStr,
    ) -> Result<Report, SnapshotError> {
        let mut guard = workspace.take().ok_or(SnapshotError::Dump(dump::Error::Busy))?;
        let saved = dump::saved_error();
        let plan = Plan::new(self, guard.scratch()).map_err(SnapshotError::Dump);
        let result = plan.and_then(|(plan, spare)| write(self, &plan, spare, parent, name));
        dump::restore_error(saved);
        result
    }
}

fn write(
    request: &Request<'_>,
    plan: &Plan<'_>,
    spare: &mut [u8],
    parent: libc::c_int,
    name: &CStr,
) -> Result<Report, SnapshotError> {
    let mut small = [0; size_of::<output::Small>()];
    let buffer = output::buffer(spare, &mut small);
    let beside = beside(name).ok_or(SnapshotError::Name)?;
    // SAFETY: the name ends with a NUL.
    check(unsafe { libc::mkdirat(parent, beside.as_ptr().cast(), 0o700) })?;
    let result = Directory::open(parent, &beside)
        .and_then(|directory| directory.fill(request, plan, buffer))
        .and_then(|report| rename(parent, &beside, name).map(|()| report));
    if result.is_err() {
        if let Ok(directory) = Directory::open(parent, &beside) {
            directory.clear(plan);
        }
        // SAFETY: as above. An error has been found already; a second one would hide it.
        unsafe { libc::unlinkat(parent, beside.as_ptr().cast(), libc::AT_REMOVEDIR) };
    }
    result
}

/// The name beside the snapshot's place: hidden, and this process's own.
fn beside(name: &CStr) -> Option<[u8; NAME_MAX]> {
    let bytes = name.to_bytes();
    let mut out = [0; NAME_MAX];
    let mut text = Text { out: &mut out[..NAME_MAX - 1], used: 0 };
    let is_plain = !bytes.is_empty() && !bytes.contains(&b'/') && bytes != b"." && bytes != b"..";
    if !is_plain {
        return None;
    }
    text.put(b".").ok()?;
    text.put(bytes).ok()?;
    // SAFETY: the call only returns a number.
    let own = unsafe { libc::getpid() };
    fmt::Write::write_fmt(&mut text, format_args!(".{own}")).ok()?;
    Some(out)
}

fn rename(parent: libc::c_int, from: &[u8; NAME_MAX], to: &CStr) -> Result<(), SnapshotError> {
    // A directory with something in it is not replaced, and an empty one is no loss.
    // SAFETY: both names end with a NUL.
    check(unsafe { libc::renameat(parent, from.as_ptr().cast(), parent, to.as_ptr()) })?;
    // SAFETY: the call is given a descriptor.
    check(unsafe { libc::fsync(parent) })
}

/// The snapshot's directory, open until dropped.
struct Directory {
    descriptor: libc::c_int,
}

impl Directory {
    fn open(parent: libc::c_int, name: &[u8; NAME_MAX]) -> Result<Self, SnapshotError> {
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_CLOEXEC;
        // SAFETY: the name ends with a NUL.
        let descriptor = unsafe { libc::openat(parent, name.as_ptr().cast(), flags) };
        check(descriptor)?;
        Ok(Self { descriptor })
    }

    fn fill(
        &self,
        request: &Request<'_>,
        plan: &Plan<'_>,
        buffer: &mut [u8],
    ) -> Result<Report, SnapshotError> {
        let mut written = 0;
        written += self.file(TABLES, buffer, |out| out.put(plan.tables))?;
        let mut report = Report::default();
        let capture_size = self.file(CAPTURE, buffer, |out| {
            report = match plan.describe(&mut *out, request.producer) {
                Ok(report) => report,
                Err(capture::WriteError::Sink(error)) => return Err(error),
                Err(capture::WriteError::Count) => return Err(dump::Error::TooLarge),
            };
            Ok(())
        })?;
        written += capture_size;
        for (place, run) in runs(plan).zip(plan.runs()) {
            let memory = |out: &mut Output<'_>| out.memory(core::slice::from_ref(run));
            written += self.file(place.file_name().as_str(), buffer, memory)?;
        }
        written += self.file(MANIFEST, buffer, |out| {
            manifest(plan, capture_size, out).map_err(|fmt::Error| out.error())
        })?;
        // The names of the files, too, are on the disk before the directory gets its own.
        // SAFETY: the call is given a descriptor.
        check(unsafe { libc::fsync(self.descriptor) })?;
        report.written = written;
        Ok(report)
    }

    /// Makes a file, has it filled, and returns its size once it is on the disk.
    fn file(
        &self,
        name: &str,
        buffer: &mut [u8],
        fill: impl FnOnce(&mut Output<'_>) -> Result<(), dump::Error>,
    ) -> Result<u64, SnapshotError> {
        let name = terminated(name);
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL | libc::O_CLOEXEC;
        let mode: libc::c_uint = 0o600;
        // SAFETY: the name ends with a NUL.
        let file = unsafe { libc::openat(self.descriptor, name.as_ptr().cast(), flags, mode) };
        check(file)?;
        let mut sink = FileSink::new(file);
        let mut out = Output::new(&mut sink, buffer);
        let filled = fill(&mut out).and_then(|()| out.flush()).map_err(SnapshotError::Dump);
        let size = out.position();
        // SAFETY: the descriptor was opened above, and nobody else has it.
        let (synced, closed) = unsafe { (libc::fsync(file), libc::close(file)) };
        filled?;
        check(synced | closed)?;
        Ok(size)
    }

    /// Removes whatever files a snapshot of this plan may have.
    fn clear(&self, plan: &Plan<'_>) {
        let remove = |name: &str| {
            let name = terminated(name);
            // SAFETY: the name ends with a NUL. A file that is not there is none that is left.
            unsafe { libc::unlinkat(self.descriptor, name.as_ptr().cast(), 0) };
        };
        [TABLES, CAPTURE, MANIFEST].into_iter().for_each(remove);
        runs(plan).for_each(|run| remove(run.file_name().as_str()));
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // SAFETY: the descriptor was opened by `open`.
        unsafe { libc::close(self.descriptor) };
    }
}

fn runs<'p>(plan: &'p Plan<'_>) -> impl Iterator<Item = Run> + use<'p> {
    plan.runs().iter().map(|run| Run { address: run.start, length: run.length() })
}

fn manifest(plan: &Plan<'_>, capture: u64, out: &mut Output<'_>) -> fmt::Result {
    let mut writer = ManifestWriter::new(&mut *out, plan.tables.len() as u64, capture)?;
    runs(plan).try_for_each(|run| writer.run(run))?;
    writer.finish().map(|_| ())
}

/// The name of a file of a snapshot, none of which is long, with a NUL.
fn terminated(name: &str) -> [u8; 32] {
    let mut out = [0; 32];
    for (place, byte) in out[..31].iter_mut().zip(name.bytes()) {
        *place = byte;
    }
    out
}

/// A text in a buffer.
struct Text<'b> {
    out: &'b mut [u8],
    used: usize,
}

impl Text<'_> {
    fn put(&mut self, bytes: &[u8]) -> fmt::Result {
        let rest = self.out.get_mut(self.used..).ok_or(fmt::Error)?;
        rest.get_mut(..bytes.len()).ok_or(fmt::Error)?.copy_from_slice(bytes);
        self.used += bytes.len();
        Ok(())
    }
}

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text.as_bytes())
    }
}

/// What a call of the system returned.
fn check(result: libc::c_int) -> Result<(), SnapshotError> {
    if result >= 0 { Ok(()) } else { Err(SnapshotError::Os(last_error())) }
}

impl core::error::Error for SnapshotError {}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("the name of a snapshot is a plain file name"),
            Self::Os(number) => write!(f, "the system reports error {number}"),
            Self::Dump(error) => error.fmt(f),
        }
    }
}

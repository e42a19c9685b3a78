//! Snapshots: a directory with a manifest, tables, statuses, and a file for each run of memory.
//!
//! Only files that the manifest names are looked at, each opened as an ordinary file in this very
//! directory: a link or a pipe in its place is an error. Every length is compared with the manifest
//! when the snapshot is opened. There may be more runs than a program may have files open, so that
//! files of memory are opened when they are read, and a few stay open.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use inspect_format::abi::space;
use inspect_format::snapshot::{
    CAPTURE, MANIFEST, Manifest, ManifestError, Run as Promised, TABLES,
};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use super::{CaptureNote, Carried, ErrorKind, Image, Kind, table_file};
use crate::file::{File, WHOLE_MAX};
use crate::memory::{Memory, Missing, Reason, Run};

/// What is wrong with a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The directory has no manifest.
    NoManifest,
    /// The manifest is no text.
    Encoding,
    /// A line of the manifest is wrong.
    Manifest(ManifestError),
    /// A file that the manifest names is not there.
    NoFile,
    /// It is something else than an ordinary file.
    NotAFile,
    /// It is longer or shorter than the manifest says.
    Length {
        /// What the manifest says.
        promised: u64,
        /// What is there.
        found: u64,
    },
    /// It is longer than what anybody writes into such a file.
    TooLong(u64),
}

/// Opens the snapshot in a directory. An error names the file of it that is at fault.
pub(super) fn open(path: &Path) -> Result<Image, super::Error> {
    let directory = Directory::open(path)?;
    let (manifest, _) = directory.whole(MANIFEST, None)?;
    let wrong = |error| directory.fail(MANIFEST, ErrorKind::Snapshot(error));
    let text = std::str::from_utf8(&manifest).map_err(|_| wrong(Error::Encoding))?;
    let manifest = Manifest::parse(text).map_err(|error| wrong(Error::Manifest(error)))?;
    let (tables, place) = directory.whole(TABLES, Some(manifest.tables))?;
    let (capture, _) = directory.whole(CAPTURE, Some(manifest.capture))?;
    let machine = table_file::machine(&tables).map_err(|kind| directory.fail(TABLES, kind))?;
    let runs: Vec<Promised> = manifest.runs().collect();
    for run in &runs {
        directory.check(run.file_name().as_str(), Some(run.length))?;
    }
    Ok(Image {
        kind: Kind::Snapshot,
        name: path.display().to_string(),
        machine,
        memory: Box::new(SnapshotMemory { directory, runs, open: Mutex::default() }),
        objects: Vec::new(),
        carried: vec![Carried { bytes: tables, place }],
        capture: Some(CaptureNote::new(capture)),
        notes: Vec::new(),
        remarks: Vec::new(),
    })
}

/// The directory, open, so that another one that is put in its place changes nothing.
#[derive(Debug)]
struct Directory {
    descriptor: OwnedFd,
    path: PathBuf,
}

impl Directory {
    fn open(path: &Path) -> Result<Self, super::Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let descriptor = rustix::fs::open(path, flags, Mode::empty());
        let fail = |error: rustix::io::Errno| super::Error {
            name: path.display().to_string(),
            kind: ErrorKind::Io(error.into()),
        };
        Ok(Self { descriptor: descriptor.map_err(fail)?, path: path.to_owned() })
    }

    fn fail(&self, name: &str, kind: ErrorKind) -> super::Error {
        super::Error { name: self.path.join(name).display().to_string(), kind }
    }

    /// Looks whether a file is there, and as long as promised; returns how long it is.
    fn check(&self, name: &str, promised: Option<u64>) -> Result<u64, super::Error> {
        let wrong = |error| self.fail(name, ErrorKind::Snapshot(error));
        let found = rustix::fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW);
        let found = found.map_err(|error| match error {
            rustix::io::Errno::NOENT if promised.is_some() => wrong(Error::NoFile),
            // It is the directory that is at fault then, not a file of it.
            rustix::io::Errno::NOENT => super::Error {
                name: self.path.display().to_string(),
                kind: ErrorKind::Snapshot(Error::NoManifest),
            },
            error => self.fail(name, ErrorKind::Io(error.into())),
        })?;
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
            return Err(wrong(Error::NotAFile));
        }
        let length = u64::try_from(found.st_size).unwrap_or(0);
        match promised {
            Some(promised) if promised != length => {
                Err(wrong(Error::Length { promised, found: length }))
            }
            _ => Ok(length),
        }
    }

    /// The contents of a file, and its path.
    fn whole(&self, name: &str, promised: Option<u64>) -> Result<(Vec<u8>, String), super::Error> {
        let length = self.check(name, promised)?;
        if length > WHOLE_MAX {
            return Err(self.fail(name, ErrorKind::Snapshot(Error::TooLong(length))));
        }
        let bytes = self.file(name).and_then(|file| file.bytes(0, length));
        let bytes = bytes.map_err(|error| self.fail(name, ErrorKind::Io(error)))?;
        Ok((bytes, self.path.join(name).display().to_string()))
    }

    fn file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.descriptor, name, flags, Mode::empty())?;
        File::of(file.into(), &self.path.join(name))
    }
}

/// How many files of memory stay open.
const OPEN_MAX: usize = 64;

#[derive(Debug)]
struct SnapshotMemory {
    directory: Directory,
    /// By address, without overlaps.
    runs: Vec<Promised>,
    /// Files of runs, by the run's place; the one that was read last stands last.
    open: Mutex<Vec<(usize, File)>>,
}

impl SnapshotMemory {
    /// Reads from one run, whose file is opened if it is not open yet.
    fn read_run(&self, index: usize, offset: u64, out: &mut [u8]) -> io::Result<()> {
        // A thread that panicked left files behind that are as good as before.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let place = open.iter().position(|(of, _)| *of == index);
        let file = match place {
            Some(place) => open.remove(place).1,
            None => {
                let run = self.runs.get(index).ok_or(io::ErrorKind::NotFound)?;
                self.directory.file(run.file_name().as_str())?
            }
        };
        let result = file.read(offset, out);
        if open.len() >= OPEN_MAX {
            open.remove(0);
        }
        open.push((index, file));
        result
    }
}

impl Memory for SnapshotMemory {
    fn read(&self, space: u16, address: u64, out: &mut [u8]) -> Result<(), Missing> {
        let missing = |address, reason| Missing { space, address, reason };
        let mut at = address;
        let mut rest = out;
        while !rest.is_empty() {
            let index = self.runs.partition_point(|run| run.address <= at).checked_sub(1);
            let run = index.and_then(|index| Some((index, self.runs.get(index)?)));
            let found = run.filter(|_| space == space::VIRTUAL).and_then(|(index, run)| {
                let offset = at - run.address;
                let left = run.length.checked_sub(offset).filter(|left| *left > 0)?;
                Some((index, offset, left))
            });
            let (index, offset, left) = found.ok_or(missing(at, Reason::Absent))?;
            let step = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
            let (now, later) = rest.split_at_mut(step);
            self.read_run(index, offset, now).map_err(|error| {
                missing(
                    at,
                    match error.kind() {
                        io::ErrorKind::UnexpectedEof => Reason::Truncated,
                        kind => Reason::Io(kind),
                    },
                )
            })?;
            rest = later;
            if rest.is_empty() {
                break;
            }
            at = at.checked_add(step as u64).ok_or(missing(u64::MAX, Reason::Absent))?;
        }
        Ok(())
    }

    fn runs(&self, space: u16) -> Vec<Run> {
        let all: &[Promised] = if space == space::VIRTUAL { &self.runs } else { &[] };
        let run = |run: &Promised| Run { address: run.address, length: run.length, access: 0 };
        all.iter().map(run).collect()
    }
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::NoManifest => Some("a snapshot is a directory that a program wrote about itself"),
            Self::NoFile | Self::Length { .. } => {
                Some("the directory was copied in part, or changed: copy it again")
            }
            _ => None,
        }
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoManifest => write!(f, "a directory without a `{MANIFEST}` is no snapshot"),
            Self::Encoding => f.write_str("the manifest is no text"),
            Self::Manifest(error) => error.fmt(f),
            Self::NoFile => f.write_str("the manifest names this file, and it is not there"),
            Self::NotAFile => f.write_str("it is no ordinary file"),
            Self::Length { promised, found } => {
                write!(f, "it has {found} bytes, and the manifest says {promised}")
            }
            Self::TooLong(found) => {
                write!(f, "it has {found} bytes, and more than {WHOLE_MAX} are not read")
            }
        }
    }
}

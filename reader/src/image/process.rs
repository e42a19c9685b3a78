//! Running processes: their memory, and the programs and libraries in it.
//!
//! `/proc/N` is opened once, and everything is read beneath it: when the process ends, it leads
//! nowhere, and never to another process that was given the same number. The process is neither
//! stopped nor attached to. Rows of its tables change while they are read, and the protocol of tables
//! says which of them count; other memory is what it was at the moment of the read.
//!
//! The files of `/proc/N` are those of the first thread. When it ends and others go on, those about
//! memory have nothing any more, and the same files of another thread have everything.

mod error;
mod maps;
mod memory;
mod objects;

pub use error::{Denial, Error};

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use inspect_format::abi::{Order, space};
use inspect_format::notes;
use object::elf;
use rustix::fs::{Dir, Mode, OFlags};

use self::maps::Mapping;
use self::memory::Remote;
use super::{Image, Kind, Machine, Note};
use crate::loaded::Headers;
use crate::memory::{Memory, Missing, Reason, Run};

/// More of a file of the kernel's is not read: a process has at most some 65,000 mappings, and with
/// the limit raised a million, of a hundred bytes each.
const TEXT_MAX: u64 = 1 << 30;

/// Opens a running process.
pub(super) fn open(number: u32) -> Result<Image, Error> {
    let process = Process::open(number)?;
    let is_native = |machine: &Machine| machine.order == native_order();
    let machine = process.machine().filter(is_native);
    let mappings = process.mappings()?;
    if mappings.is_empty() {
        return Err(process.without_memory());
    }
    let (name, kind) = (notes::CORE.to_owned(), elf::NT_AUXV.0);
    let auxv = process.text("auxv").ok().map(|contents| Note { name, kind, contents });
    let notes = auxv.into_iter().collect();
    let remote = process.memory()?;
    let memory = ProcessMemory { remote, process, mappings, is_cut_short: AtomicBool::new(false) };
    let found = objects::find(&memory, &memory.mappings, machine);
    if memory.is_gone() {
        return Err(Error::Ended);
    }
    Ok(Image {
        kind: Kind::Process,
        name: format!("pid:{number}"),
        machine: machine.or(found.machine),
        memory: Box::new(memory),
        objects: found.objects,
        carried: Vec::new(),
        capture: None,
        notes,
        remarks: found.remarks,
    })
}

fn native_order() -> Order {
    if cfg!(target_endian = "little") { Order::Little } else { Order::Big }
}

/// `/proc/N`, open.
#[derive(Debug)]
struct Process {
    number: u32,
    directory: OwnedFd,
}

impl Process {
    fn open(number: u32) -> Result<Self, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let path = format!("/proc/{number}");
        match rustix::fs::open(&path, flags, Mode::empty()) {
            Ok(directory) => Ok(Self { number, directory }),
            Err(_) if std::fs::metadata("/proc/self").is_err() => Err(Error::NoProc),
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::SRCH) => Err(Error::NoProcess),
            Err(error) => Err(Error::Io(error.into())),
        }
    }

    fn file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        Ok(rustix::fs::openat(&self.directory, name, flags, Mode::empty())?.into())
    }

    /// A file of the kernel's, of the first thread for which there is anything in it.
    fn text(&self, name: &str) -> io::Result<Vec<u8>> {
        let read = |name: &str| {
            let mut text = Vec::new();
            self.file(name)?.take(TEXT_MAX).read_to_end(&mut text)?;
            Ok(text)
        };
        self.of_a_thread(name, &read, &|text| !text.is_empty())
    }

    /// What is in the memory of the process.
    fn memory(&self) -> Result<Remote, Error> {
        // The number stays that of the process: it is nobody else's before the last thread has
        // ended, while that of a thread that has ended may be.
        let open = |name: &str| Ok(Remote::new(self.number, self.file(name)?));
        let memory = self.of_a_thread("mem", &open, &Remote::is_there);
        memory.map_err(|error| self.fail(error))
    }

    /// What is found in a file of the first thread; or in that of another one, where the first has
    /// ended and nothing is found.
    fn of_a_thread<T>(
        &self,
        name: &str,
        find: &dyn Fn(&str) -> io::Result<T>,
        is_found: &dyn Fn(&T) -> bool,
    ) -> io::Result<T> {
        let own = find(name);
        let has_ended = match &own {
            Ok(found) => !is_found(found),
            Err(error) => is_nobody(error),
        };
        if !has_ended {
            return own;
        }
        let others = self.threads().into_iter();
        let mut found = others.filter_map(|thread| find(&format!("task/{thread}/{name}")).ok());
        found.find(is_found).map_or(own, Ok)
    }

    /// The numbers of its threads.
    fn threads(&self) -> Vec<u32> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(&self.directory, "task", flags, Mode::empty());
        let Ok(entries) = directory.and_then(Dir::new) else { return Vec::new() };
        let number = |name: &CStr| name.to_str().ok()?.parse().ok();
        entries.filter_map(|entry| number(entry.ok()?.file_name())).collect()
    }

    fn mappings(&self) -> Result<Vec<Mapping>, Error> {
        let text = self.text("maps").map_err(|error| self.fail(error))?;
        maps::parse(&text).map_err(|line| Error::Maps { line })
    }

    /// The machine that its program was built for, as the program's file says. A program that was
    /// removed meanwhile still has its file.
    fn machine(&self) -> Option<Machine> {
        let file = self.of_a_thread("exe", &|name| self.file(name), &|_| true).ok()?;
        let source = |offset: u64, out: &mut [u8]| {
            let read = std::os::unix::fs::FileExt::read_exact_at(&file, out, offset);
            let reason = |error: io::Error| Reason::Io(error.kind());
            read.map_err(|error| Missing {
                space: space::FILE,
                address: offset,
                reason: reason(error),
            })
        };
        Some(Headers::read(&source).ok()?.machine)
    }

    /// Why a process has nothing mapped.
    fn without_memory(&self) -> Error {
        match self.state() {
            // What the kernel does for itself has no files of its own, not even their list.
            Some(State { is_kernel: true, .. }) => Error::Kernel,
            Some(State { letter: b'Z' | b'X', .. }) => Error::Zombie,
            Some(_) => Error::Empty,
            None => Error::Ended,
        }
    }

    /// What `/proc/N/stat` says; nothing if the process has ended.
    fn state(&self) -> Option<State> {
        /// `PF_KTHREAD`.
        const KERNEL_THREAD: u64 = 0x0020_0000;
        let text = self.text("stat").ok()?;
        // The second word is the program's name, in parentheses, and it may hold any of them.
        let end = text.iter().rposition(|byte| *byte == b')')?;
        let rest = std::str::from_utf8(text.get(end + 1..)?).ok()?;
        let mut words = rest.split_ascii_whitespace();
        let letter = *words.next()?.as_bytes().first()?;
        let flags: u64 = words.nth(5)?.parse().ok()?;
        Some(State { letter, is_kernel: flags & KERNEL_THREAD != 0 })
    }

    fn fail(&self, error: io::Error) -> Error {
        match error.kind() {
            _ if is_nobody(&error) => match self.state() {
                Some(_) => self.without_memory(),
                None => Error::Ended,
            },
            io::ErrorKind::PermissionDenied => Error::Denied(error::denial(self.number)),
            _ => Error::Io(error),
        }
    }
}

/// Whether a file of a process or a thread is not there because that has ended, which leaves the
/// open directory empty.
fn is_nobody(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH)
}

/// Two things of many that `/proc/N/stat` says.
#[derive(Clone, Copy)]
struct State {
    letter: u8,
    is_kernel: bool,
}

/// The memory of a running process.
#[derive(Debug)]
struct ProcessMemory {
    remote: Remote,
    process: Process,
    /// What was mapped when the process was opened.
    mappings: Vec<Mapping>,
    /// Whether something was asked for when the process had ended.
    is_cut_short: AtomicBool,
}

impl ProcessMemory {
    /// What cannot be read, and whether that is because the process has ended.
    fn missing(&self, (address, reason): (u64, Reason)) -> Missing {
        if reason == Reason::Gone {
            self.cut_short();
        }
        Missing { space: space::VIRTUAL, address, reason }
    }

    /// The process has ended: whoever reads it has not all.
    fn cut_short(&self) {
        self.is_cut_short.store(true, Ordering::Relaxed);
    }
}

impl Memory for ProcessMemory {
    fn read(&self, space: u16, address: u64, out: &mut [u8]) -> Result<(), Missing> {
        if space != space::VIRTUAL {
            return Err(Missing { space, address, reason: Reason::Absent });
        }
        self.remote.read(address, out).map_err(|missing| self.missing(missing))
    }

    fn read_many(
        &self,
        space: u16,
        pieces: &[(u64, usize)],
        out: &mut [u8],
    ) -> Result<(), Missing> {
        let address = pieces.first().map_or(0, |(address, _)| *address);
        if space != space::VIRTUAL {
            return Err(Missing { space, address, reason: Reason::Absent });
        }
        self.remote.read_many(pieces, out).map_err(|missing| self.missing(missing))
    }

    /// What is mapped at this moment and may be read.
    fn runs(&self, space: u16) -> Vec<Run> {
        if space != space::VIRTUAL {
            return Vec::new();
        }
        if self.is_gone() {
            self.cut_short();
            return Vec::new();
        }
        // A list that cannot be read any more, of a process that is there, makes nothing unreadable.
        let mappings = self.process.mappings();
        let mappings = mappings.as_ref().unwrap_or(&self.mappings);
        let readable = mappings.iter().filter(|mapping| mapping.is_readable());
        let run =
            |it: &Mapping| Run { address: it.start, length: it.end - it.start, access: it.access };
        readable.map(run).collect()
    }

    fn is_gone(&self) -> bool {
        !self.remote.is_there()
    }

    fn is_cut_short(&self) -> bool {
        self.is_cut_short.load(Ordering::Relaxed)
    }
}

impl Mapping {
    /// Whether a stranger can read it: the kernel's own pages are not for strangers.
    fn is_readable(&self) -> bool {
        self.access & 4 != 0 && !self.path.starts_with(b"[vvar") && self.path != b"[vsyscall]"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_mappings_that_is_gone_leaves_the_one_that_was_read_first() {
        // An empty directory has no list, and the memory of this test is there.
        let empty = tempfile::tempdir().unwrap();
        let number = std::process::id();
        let directory = std::fs::File::open(empty.path()).unwrap().into();
        let process = Process { number, directory };
        let mem = std::fs::File::open("/proc/self/mem").unwrap();
        let mappings = Process::open(number).unwrap().mappings().unwrap();
        let count = mappings.iter().filter(|mapping| mapping.is_readable()).count();
        let remote = Remote::new(number, mem);
        let is_cut_short = AtomicBool::new(false);
        let memory = ProcessMemory { remote, process, mappings, is_cut_short };
        assert!(count > 0);
        assert_eq!(memory.runs(space::VIRTUAL).len(), count);
    }
}

//! A dump of what a consumer may see: selected, checked for holes, written out, from inside the
//! process that it is about.
//!
//! Nothing here allocates, takes a lock, or calls anything that is not async-signal-safe, so that a
//! handler of SIGSEGV may do it. What it needs to remember stands in a [`Workspace`] of the
//! caller's, a static as a rule. The work goes in stages, each with a module: the tables are
//! frozen, every entry is judged, its memory is looked for and what cannot be read is found out
//! before it is promised ([`plan`]); then an ELF core goes into a [`Sink`] ([`elf`]), or files into
//! a directory ([`snapshot`](crate::snapshot)).
//!
//! **Refused bytes do not leak through a neighbour.** Where an entry that the consumer may see
//! reaches over the memory of one that a rule of `deny` names, or that is `sensitive` or `mmio`
//! without a permission, those bytes are left out of the dump as well. Of a refused entry whose
//! length is not known everything from its address to the end of the allowed memory around it is
//! left out. An entry that merely no rule of `allow` names does not take bytes from others:
//! allowing a struct allows what is inside it.

mod elf;
pub(crate) mod output;
pub(crate) mod plan;
mod probe;
#[cfg(all(feature = "hosted", target_os = "linux"))]
mod process;
mod runs;
mod sink;
mod workspace;

use core::fmt;

use inspect_format::walk::WalkError;

use crate::Consumer;

pub(crate) use output::Output;
pub use runs::Run;
#[cfg(all(feature = "hosted", unix))]
pub use sink::FileSink;
#[cfg(all(feature = "hosted", unix))]
pub(crate) use sink::last_error;
pub use sink::{BufferSink, Sink, SinkError};
pub(crate) use workspace::Scratch;
pub use workspace::Workspace;

/// Writes an ELF core with what the consumer may see of this process: see [`Request::elf`].
pub fn elf<const REGIONS: usize, const TABLES: usize>(
    consumer: &Consumer,
    workspace: &Workspace<REGIONS, TABLES>,
    sink: &mut dyn Sink,
) -> Result<Report, Error> {
    Request::new(consumer).elf(workspace, sink)
}

/// What is to be dumped, and what is said about it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub(crate) consumer: &'a Consumer,
    pub(crate) producer: Option<&'a str>,
    pub(crate) tables: Option<&'a [u64]>,
    pub(crate) signal: i32,
    pub(crate) context: usize,
}

impl<'a> Request<'a> {
    /// A dump of all tables of the process for this consumer.
    #[must_use]
    pub const fn new(consumer: &'a Consumer) -> Self {
        Self { consumer, producer: None, tables: None, signal: 0, context: 0 }
    }

    /// Says which program and version is dumped.
    #[must_use]
    pub const fn producer(mut self, name: &'a str) -> Self {
        self.producer = Some(name);
        self
    }

    /// Takes the tables at these addresses in place of those that the registry knows.
    #[must_use]
    pub const fn tables(mut self, addresses: &'a [u64]) -> Self {
        self.tables = Some(addresses);
        self
    }

    /// Says which signal stopped the program, for debuggers.
    #[must_use]
    pub const fn signal(mut self, number: i32) -> Self {
        self.signal = number;
        self
    }

    /// Brings the registers at the time of the signal, for debuggers: the third argument of a
    /// handler that was installed with `SA_SIGINFO`. On processors other than x86-64 and AArch64
    /// nothing comes of it.
    ///
    /// # Safety
    /// `context` is null or points to a `ucontext_t` that lives until the dump is written.
    #[cfg(all(feature = "hosted", target_os = "linux"))]
    #[must_use]
    pub unsafe fn context(mut self, context: *const core::ffi::c_void) -> Self {
        self.context = context.expose_provenance();
        self
    }

    /// Writes an ELF core: the headers, the state of the process as far as debuggers need it, a
    /// frozen copy of the tables, what became of every entry, and the memory of those that the
    /// consumer may see. What is left out has no segment, so that a debugger says that it is not
    /// there.
    ///
    /// A sink that fails leaves what it took, and nothing else is disturbed.
    pub fn elf<const REGIONS: usize, const TABLES: usize>(
        &self,
        workspace: &Workspace<REGIONS, TABLES>,
        sink: &mut dyn Sink,
    ) -> Result<Report, Error> {
        let mut guard = workspace.take().ok_or(Error::Busy)?;
        let saved = saved_error();
        let plan = plan::Plan::new(self, guard.scratch());
        let result = plan.and_then(|(plan, spare)| elf::write(self, &plan, spare, sink));
        restore_error(saved);
        result
    }
}

/// The error number of the code that a signal interrupted, which it must find again.
pub(crate) fn saved_error() -> i32 {
    #[cfg(all(feature = "hosted", target_os = "linux"))]
    return crate::memory::errno();
    #[cfg(not(all(feature = "hosted", target_os = "linux")))]
    0
}

/// Puts it back.
pub(crate) fn restore_error(number: i32) {
    #[cfg(all(feature = "hosted", target_os = "linux"))]
    crate::memory::set_errno(number);
    #[cfg(not(all(feature = "hosted", target_os = "linux")))]
    let _ = number;
}

/// What is in a dump, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Bytes that were written.
    pub written: u64,
    /// Tables that are in it.
    pub tables: u64,
    /// Tables that are not: there was no room for a copy, or they could not be read.
    pub missing: u64,
    /// Entries whose memory is in it.
    pub captured: u64,
    /// Entries of whose memory the beginning is in it.
    pub truncated: u64,
    /// Entries that the consumer may not see.
    pub denied: u64,
    /// Entries for which a budget was too small.
    pub over_budget: u64,
    /// Entries without memory.
    pub absent: u64,
    /// Entries whose memory could not be read.
    pub faulted: u64,
}

/// Why there is no dump, or only the beginning of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The workspace is in use: another thread, or the code that was interrupted, is writing a
    /// dump.
    Busy,
    /// The workspace holds too few bytes of tables to look even at one row of one that does not
    /// fit.
    Workspace {
        /// As many are enough for that table.
        needed: usize,
    },
    /// More tables than can be followed did not fit into the workspace, and what they refuse is not
    /// known.
    TooManyTables,
    /// A number does not fit into the 32 bits of this machine's cores.
    TooLarge,
    /// A table that refuses bytes could not be read to its end.
    Table(WalkError),
    /// The sink failed.
    Sink {
        /// Bytes that it had taken.
        position: u64,
        /// Why.
        error: SinkError,
    },
}

impl core::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("the workspace is in use by another dump"),
            Self::Workspace { needed } => {
                write!(f, "the workspace's room for tables is too small: {needed} bytes are enough")
            }
            Self::TooManyTables => f.write_str("too many tables do not fit into the workspace"),
            Self::TooLarge => f.write_str("the dump is too large for a 32-bit core"),
            Self::Table(error) => write!(f, "what a table refuses is not known: {error}"),
            Self::Sink { position, error } => write!(f, "after {position} bytes: {error}"),
        }
    }
}

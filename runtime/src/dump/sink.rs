//! Where a dump goes: bytes one behind another, into a buffer, a file, or whatever else implements
//! [`Sink`].

use core::fmt;

use inspect_format::walk::Memory;

use super::Run;
use crate::memory::ThisProcess;
#[cfg(all(feature = "hosted", unix))]
use crate::memory::fetch;

/// Takes a dump, from its first byte to its last.
///
/// In a signal handler both functions must be async-signal-safe.
pub trait Sink {
    /// Appends bytes: all of them, or an error.
    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError>;

    /// Appends memory of this process, run behind run: as much of it as one step takes, at least a
    /// byte of the first run. Returns how many bytes that were; what is left comes again. There is
    /// at least one run, and none is empty.
    ///
    /// An address that cannot be read is an error once it is the next one, and never a fault of the
    /// process, where there is an operating system to ask.
    fn write_memory(&mut self, runs: &[Run]) -> Result<u64, SinkError> {
        // Handlers run on small stacks.
        let mut buffer = [0; 2048];
        let Some(run) = runs.first() else { return Ok(0) };
        let step = usize::try_from(run.length()).unwrap_or(usize::MAX).min(buffer.len());
        let chunk = &mut buffer[..step];
        read(run.start, chunk)?;
        self.write(chunk)?;
        Ok(step as u64)
    }
}

/// Why a sink takes no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SinkError {
    /// It is full.
    Full,
    /// The operating system's number of the error.
    Os(i32),
    /// Memory of the process that could be read when the dump was planned and cannot be now.
    Memory {
        /// Where, or where the piece begins in which it lies.
        address: u64,
    },
    /// The storage behind it failed.
    Storage,
}

/// A buffer of the caller's as a sink.
#[derive(Debug)]
pub struct BufferSink<'b> {
    buffer: &'b mut [u8],
    used: usize,
}

impl<'b> BufferSink<'b> {
    /// Nothing is in it yet.
    pub fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, used: 0 }
    }

    /// What was written so far.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        &self.buffer[..self.used]
    }

    fn take(&mut self, length: u64) -> Result<&mut [u8], SinkError> {
        let length = usize::try_from(length).map_err(|_| SinkError::Full)?;
        let end = self.used.checked_add(length).ok_or(SinkError::Full)?;
        let place = self.buffer.get_mut(self.used..end).ok_or(SinkError::Full)?;
        self.used = end;
        Ok(place)
    }
}

impl Sink for BufferSink<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        self.take(bytes.len() as u64)?.copy_from_slice(bytes);
        Ok(())
    }

    fn write_memory(&mut self, runs: &[Run]) -> Result<u64, SinkError> {
        let Some(run) = runs.first() else { return Ok(0) };
        let before = self.used;
        let place = self.take(run.length())?;
        let result = read(run.start, place);
        if result.is_err() {
            self.used = before;
        }
        result.map(|()| run.length())
    }
}

/// A file descriptor as a sink: a file, a pipe, a socket.
///
/// Memory goes into it straight from where it lies, many runs in one call of the system. The system
/// looks at each page before it touches it, so that a hole is an error here and no fault.
#[cfg(all(feature = "hosted", unix))]
#[derive(Debug)]
pub struct FileSink {
    descriptor: libc::c_int,
}

#[cfg(all(feature = "hosted", unix))]
impl FileSink {
    /// Runs in one call of the system: they take a kilobyte of stack.
    const BATCH: usize = 64;

    /// Appends to the file behind `descriptor`, which stays open.
    #[must_use]
    pub fn new(descriptor: libc::c_int) -> Self {
        Self { descriptor }
    }

    /// One call of the system, for the first runs.
    fn append(&mut self, runs: &[Run]) -> Result<u64, SinkError> {
        /// What Linux takes in one call.
        const MOST: u64 = 0x7fff_f000;
        let nothing = libc::iovec { iov_base: core::ptr::null_mut(), iov_len: 0 };
        let mut places = [nothing; Self::BATCH];
        let (mut count, mut total) = (0, 0);
        for (place, run) in places.iter_mut().zip(runs) {
            let length = run.length().min(MOST - total);
            // In 32 bits there is no such address.
            let Ok(start) = usize::try_from(run.start) else { break };
            place.iov_base = core::ptr::with_exposed_provenance_mut(start);
            place.iov_len = length as usize;
            fetch(run.start, length);
            (count, total) = (count + 1, total + length);
            if total == MOST {
                break;
            }
        }
        let address = runs.first().map_or(0, |run| run.start);
        if count == 0 {
            return Err(SinkError::Memory { address });
        }
        loop {
            match u64::try_from(self.call(&places[..count])) {
                // A file that takes nothing and reports nothing would be asked for ever.
                Ok(0) => return Err(SinkError::Full),
                Ok(taken) => return Ok(taken),
                Err(_) => match last_error() {
                    libc::EINTR => {}
                    libc::EFAULT => return Err(SinkError::Memory { address }),
                    libc::ENOSPC | libc::EFBIG | libc::EDQUOT => return Err(SinkError::Full),
                    number => return Err(SinkError::Os(number)),
                },
            }
        }
    }

    #[cfg(target_os = "linux")]
    fn call(&self, places: &[libc::iovec]) -> isize {
        // No more than `BATCH`.
        let count = places.len() as libc::c_int;
        // SAFETY: the kernel reads the bytes and reports those that cannot be read; nothing of this
        // program follows the pointers.
        unsafe { libc::writev(self.descriptor, places.as_ptr(), count) }
    }

    /// That a signal handler may call `writev` is promised nowhere; on Linux it is a bare call of the
    /// system.
    #[cfg(not(target_os = "linux"))]
    fn call(&self, places: &[libc::iovec]) -> isize {
        // SAFETY: as above.
        unsafe { libc::write(self.descriptor, places[0].iov_base, places[0].iov_len) }
    }
}

#[cfg(all(feature = "hosted", unix))]
impl Sink for FileSink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        let mut rest = Run::new(bytes.as_ptr().expose_provenance() as u64, bytes.len() as u64);
        while rest.start < rest.end {
            rest.start += self.append(&[rest])?;
        }
        Ok(())
    }

    fn write_memory(&mut self, runs: &[Run]) -> Result<u64, SinkError> {
        match self.append(runs) {
            // A pipe or a socket may refuse all of them for the sake of one. Alone, the first is
            // either taken as far as it can be read, or the one that cannot.
            Err(SinkError::Memory { .. }) if runs.len() > 1 => self.append(&runs[..1]),
            result => result,
        }
    }
}

/// The number of the last error of this thread.
#[cfg(all(feature = "hosted", target_os = "linux"))]
pub(crate) fn last_error() -> i32 {
    crate::memory::errno()
}

/// Without a way to the number that is the same on every system, the one that says least.
#[cfg(all(feature = "hosted", unix, not(target_os = "linux")))]
pub(crate) fn last_error() -> i32 {
    libc::EIO
}

fn read(address: u64, out: &mut [u8]) -> Result<(), SinkError> {
    let read = ThisProcess::known().read(address, out);
    read.map_err(|fault| SinkError::Memory { address: fault.address })
}

impl core::error::Error for SinkError {}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("no room is left"),
            Self::Os(number) => write!(f, "the system reports error {number}"),
            Self::Memory { address } => {
                write!(f, "the memory at {address:#x} could be read before and cannot be now")
            }
            Self::Storage => f.write_str("the storage failed"),
        }
    }
}

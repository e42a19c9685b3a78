//! Where a dump goes: bytes one behind another, into a buffer, a file, or whatever else implements
//! [`Sink`].

use core::fmt;

use inspect_format::walk::Memory;

use crate::memory::ThisProcess;

/// Takes a dump, from its first byte to its last.
///
/// In a signal handler both functions must be async-signal-safe.
pub trait Sink {
    /// Appends bytes: all of them, or an error.
    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError>;

    /// Appends memory of this process. An address that cannot be read is an error, and never a
    /// fault of the process, where there is an operating system to ask.
    fn write_memory(&mut self, address: u64, length: u64) -> Result<(), SinkError> {
        // Handlers run on small stacks.
        let mut buffer = [0; 2048];
        let mut done = 0;
        while done < length {
            let step = usize::try_from(length - done).unwrap_or(usize::MAX).min(buffer.len());
            let chunk = &mut buffer[..step];
            read(address.wrapping_add(done), chunk)?;
            self.write(chunk)?;
            done += step as u64;
        }
        Ok(())
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

    fn write_memory(&mut self, address: u64, length: u64) -> Result<(), SinkError> {
        let before = self.used;
        let place = self.take(length)?;
        let result = read(address, place);
        if result.is_err() {
            self.used = before;
        }
        result
    }
}

/// A file descriptor as a sink: a file, a pipe, a socket.
///
/// Memory goes into it straight from where it lies. The system looks at each page before it touches
/// it, so that a hole is an error here and no fault.
#[cfg(all(feature = "hosted", unix))]
#[derive(Debug)]
pub struct FileSink {
    descriptor: libc::c_int,
}

#[cfg(all(feature = "hosted", unix))]
impl FileSink {
    /// Appends to the file behind `descriptor`, which stays open.
    #[must_use]
    pub fn new(descriptor: libc::c_int) -> Self {
        Self { descriptor }
    }

    fn append(&mut self, mut address: usize, mut length: usize) -> Result<(), SinkError> {
        /// What Linux takes in one call.
        const MOST: usize = 0x7fff_f000;
        while length > 0 {
            let start = core::ptr::with_exposed_provenance::<core::ffi::c_void>(address);
            // SAFETY: the kernel reads the bytes and reports those that cannot be read; nothing of
            // this program follows the pointer.
            let count = unsafe { libc::write(self.descriptor, start, length.min(MOST)) };
            match usize::try_from(count) {
                // A file that takes nothing and reports nothing would be asked for ever.
                Ok(0) => return Err(SinkError::Full),
                Ok(count) => {
                    address = address.wrapping_add(count);
                    length -= count.min(length);
                }
                Err(_) => match last_error() {
                    libc::EINTR => {}
                    libc::EFAULT => return Err(SinkError::Memory { address: address as u64 }),
                    libc::ENOSPC | libc::EFBIG | libc::EDQUOT => return Err(SinkError::Full),
                    number => return Err(SinkError::Os(number)),
                },
            }
        }
        Ok(())
    }
}

#[cfg(all(feature = "hosted", unix))]
impl Sink for FileSink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        self.append(bytes.as_ptr().expose_provenance(), bytes.len())
    }

    fn write_memory(&mut self, address: u64, length: u64) -> Result<(), SinkError> {
        let fault = SinkError::Memory { address };
        let start = usize::try_from(address).map_err(|_| fault)?;
        self.append(start, usize::try_from(length).map_err(|_| fault)?)
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

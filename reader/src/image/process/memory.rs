//! The memory of another process, read while it runs: the only unsafe code of the reader.
//!
//! `process_vm_readv` copies from one address space to the other in one step, and never touches
//! registers of devices that a process may have mapped. It goes by the number of the process, which may
//! be somebody else's by the time of the call; `/proc/N/mem`, once opened, is that address space and no
//! other, and tells whether it is still there. Where the kernel has no such call, bytes come from
//! there. Each read is a call of its own, so that what is read later was looked at later.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::memory::Reason;

/// The memory of a process, as long as it runs the program that it ran when this was opened.
#[derive(Debug)]
pub(super) struct Remote {
    number: u32,
    /// `/proc/N/mem`.
    mem: File,
}

impl Remote {
    pub(super) fn new(number: u32, mem: File) -> Self {
        Self { number, mem }
    }

    /// Fills `out` with the bytes from `address` on; or says which address is missing first, and why.
    pub(super) fn read(&self, address: u64, out: &mut [u8]) -> Result<(), (u64, Reason)> {
        let mut at = address;
        let mut rest = out;
        while !rest.is_empty() {
            let count = self.read_some(at, rest).map_err(|error| (at, self.reason(&error)))?;
            let (_, later) = rest.split_at_mut(count.min(rest.len()));
            if count == 0 || later.is_empty() {
                // Nothing more comes: of nothing at all this is said below.
                let is_short = count == 0;
                return self.settle(at, is_short);
            }
            rest = later;
            at = at.checked_add(count as u64).ok_or((u64::MAX, Reason::Absent))?;
        }
        Ok(())
    }

    /// Whether the process still has this address space: it has neither ended nor become another program.
    pub(super) fn is_there(&self) -> bool {
        // Of an address space that is gone, nothing is read; of one that is there, the first address is
        // either a byte or an error.
        !matches!(self.mem.read_at(&mut [0], 0), Ok(0))
    }

    /// What was read counts only if it was read of this process.
    fn settle(&self, at: u64, is_short: bool) -> Result<(), (u64, Reason)> {
        match (self.is_there(), is_short) {
            (false, _) => Err((at, Reason::Gone)),
            (true, true) => Err((at, Reason::Absent)),
            (true, false) => Ok(()),
        }
    }

    /// Reads as many bytes as there are, at least one.
    fn read_some(&self, address: u64, out: &mut [u8]) -> io::Result<usize> {
        match read_remote(self.number, address, out) {
            Err(error) if is_refused(&error) => self.mem.read_at(out, address),
            result => result,
        }
    }

    fn reason(&self, error: &io::Error) -> Reason {
        match error.raw_os_error() {
            _ if !self.is_there() => Reason::Gone,
            Some(libc::EFAULT | libc::EIO | libc::ENOMEM) => Reason::Absent,
            Some(libc::EPERM | libc::EACCES) => Reason::Denied,
            _ => Reason::Io(error.kind()),
        }
    }
}

/// Whether it is the call itself that the kernel does not have or a sandbox forbids; or the number of
/// the process that nobody has any more, while its address space may still be there.
fn is_refused(error: &io::Error) -> bool {
    let refusals = [libc::ENOSYS, libc::EPERM, libc::ESRCH, libc::EOVERFLOW];
    error.raw_os_error().is_some_and(|number| refusals.contains(&number))
}

/// One call of `process_vm_readv`.
#[cfg(target_os = "linux")]
fn read_remote(number: u32, address: u64, out: &mut [u8]) -> io::Result<usize> {
    let overflow = |_| io::Error::from_raw_os_error(libc::EOVERFLOW);
    let number = libc::pid_t::try_from(number).map_err(overflow)?;
    // Where the words of this program are shorter than the process's, `/proc/N/mem` has to do.
    let start = usize::try_from(address).map_err(overflow)?;
    let local = libc::iovec { iov_base: out.as_mut_ptr().cast(), iov_len: out.len() };
    let start = std::ptr::without_provenance_mut(start);
    let remote = libc::iovec { iov_base: start, iov_len: out.len() };
    // SAFETY: `local` and `remote` are one vector each, as the two ones say, and live through the call.
    // The kernel writes at most `out.len()` bytes to `out`, which is borrowed mutably for as long: any
    // bytes are good ones for `u8`. The remote address is none of this program: it is the kernel that
    // looks whether the other one has memory there, and answers EFAULT if not.
    let count = unsafe { libc::process_vm_readv(number, &local, 1, &remote, 1, 0) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

#[cfg(not(target_os = "linux"))]
fn read_remote(_: u32, _: u64, _: &mut [u8]) -> io::Result<usize> {
    Err(io::Error::from_raw_os_error(libc::ENOSYS))
}

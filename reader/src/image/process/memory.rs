//! The memory of another process, read while it runs: the only unsafe code of the reader.
//!
//! `process_vm_readv` copies from one address space to the other in one step, and never touches
//! registers of devices that a process may have mapped. It goes by the number of the process, which may
//! be somebody else's by the time of the call; `/proc/N/mem`, once opened, is that address space and no
//! other, and tells whether it is still there. Where the kernel has no such call, bytes come from
//! there. Each read is a call of its own, so that what is read later was looked at later; where nobody
//! asks for an order, many pieces are read by one.

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

    /// Fills `out` with several pieces, one behind another: of each the address and how many bytes.
    pub(super) fn read_many(
        &self,
        pieces: &[(u64, usize)],
        out: &mut [u8],
    ) -> Result<(), (u64, Reason)> {
        let mut rest = out;
        for pieces in pieces.chunks(PIECES_MAX) {
            let size = pieces.iter().map(|(_, length)| *length).sum::<usize>().min(rest.len());
            let (some, later) = rest.split_at_mut(size);
            self.read_some_pieces(pieces, some)?;
            rest = later;
        }
        Ok(())
    }

    /// The same for no more pieces than one call takes.
    fn read_some_pieces(
        &self,
        pieces: &[(u64, usize)],
        out: &mut [u8],
    ) -> Result<(), (u64, Reason)> {
        let at = pieces.first().map_or(0, |(address, _)| *address);
        if read_remote(self.number, pieces, out).is_ok_and(|count| count == out.len()) {
            return self.settle(at, false);
        }
        // One of them says why.
        let mut rest = out;
        for (address, length) in pieces {
            let (piece, later) = rest.split_at_mut((*length).min(rest.len()));
            self.read(*address, piece)?;
            rest = later;
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
        match read_remote(self.number, &[(address, out.len())], out) {
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

/// Pieces that one call takes: `IOV_MAX`.
const PIECES_MAX: usize = 1024;

/// One call of `process_vm_readv`, for as many bytes as there are of the pieces, and no more than `out`
/// has.
#[cfg(target_os = "linux")]
fn read_remote(number: u32, pieces: &[(u64, usize)], out: &mut [u8]) -> io::Result<usize> {
    let overflow = |_| io::Error::from_raw_os_error(libc::EOVERFLOW);
    let number = libc::pid_t::try_from(number).map_err(overflow)?;
    let local = libc::iovec { iov_base: out.as_mut_ptr().cast(), iov_len: out.len() };
    let piece = |(address, length): &(u64, usize)| {
        // Where the words of this program are shorter than the process's, `/proc/N/mem` has to do.
        let start = std::ptr::without_provenance_mut(usize::try_from(*address)?);
        Ok(libc::iovec { iov_base: start, iov_len: *length })
    };
    let remote = pieces.iter().map(piece).collect::<Result<Vec<_>, _>>().map_err(overflow)?;
    let count = remote.len() as libc::c_ulong;
    // SAFETY: `local` is one vector and `remote` are `count`, as the numbers say, and they live through
    // the call. The kernel writes at most `out.len()` bytes to `out`, which is borrowed mutably for as
    // long: any bytes are good ones for `u8`. The remote addresses are none of this program: it is the
    // kernel that looks whether the other one has memory there, and answers EFAULT if not.
    let count = unsafe { libc::process_vm_readv(number, &local, 1, remote.as_ptr(), count, 0) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

#[cfg(not(target_os = "linux"))]
fn read_remote(_: u32, _: &[(u64, usize)], _: &mut [u8]) -> io::Result<usize> {
    Err(io::Error::from_raw_os_error(libc::ENOSYS))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn own() -> Remote {
        Remote::new(std::process::id(), File::open("/proc/self/mem").unwrap())
    }

    /// More pieces than one call takes, in no order, some of them empty.
    #[test]
    fn pieces_come_one_behind_another() {
        let block: Vec<u8> = (0..20_000_u32).map(|index| (index * 7 % 251) as u8).collect();
        let start = block.as_ptr().expose_provenance() as u64;
        let places = (0..2500_usize).map(|index| (index * 7919 % 19_000, index % 9));
        let places: Vec<(usize, usize)> = places.collect();
        let pieces: Vec<(u64, usize)> =
            places.iter().map(|(at, length)| (start + *at as u64, *length)).collect();
        let expected: Vec<u8> =
            places.iter().flat_map(|(at, length)| block[*at..at + length].to_vec()).collect();
        let mut out = vec![0; expected.len()];
        own().read_many(&pieces, &mut out).unwrap();
        assert!(out == expected);
    }

    #[test]
    fn a_piece_that_is_not_there_is_the_one_that_is_named() {
        let block = [1_u8; 64];
        let start = block.as_ptr().expose_provenance() as u64;
        let pieces = [(start, 8), (start + 9, 8), (16, 8), (start, 8)];
        let missing = own().read_many(&pieces, &mut [0; 32]);
        assert_eq!(missing, Err((16, Reason::Absent)));
        assert_eq!(own().read_many(&[], &mut []), Ok(()));
    }
}

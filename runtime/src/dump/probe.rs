//! How much of a region can be read, found out without reading it where that would be the second
//! fault.
//!
//! Regions are many and small, and the system knows pages: those that lie on the same pages or on
//! neighbours are asked about as one, runs on a page each many in one call, and regions one by one
//! only where the answer is no.

use super::runs::{Run, Runs};

#[cfg(all(feature = "hosted", target_os = "linux"))]
use linux::{readable, readable_runs};

/// No machine has smaller pages.
const PAGE: u64 = 4096;
/// Regions that do not overlap are asked about together up to so many bytes. One of them that
/// cannot be read has as many asked about again.
const TOGETHER: u64 = 1 << 20;

/// Memory that can be read.
pub(super) struct Known<'w> {
    runs: Runs<'w>,
    /// So many regions were asked about, and all of those can be read.
    certain: usize,
}

impl<'w> Known<'w> {
    /// Asks about regions, which must not be more than there are slots.
    pub(super) fn new(slots: &'w mut [Run], regions: impl Iterator<Item = Run>) -> Self {
        let mut asked = 0;
        let regions = regions.inspect(|_| asked += 1);
        let mut runs = Runs::merged(slots, regions, |last, next| {
            let is_beside = next.start / PAGE <= (last.end - 1) / PAGE + 1;
            next.start < last.end || (is_beside && next.end - last.start <= TOGETHER)
        });
        let count = runs.as_slice().len();
        runs.retain(readable_runs);
        let certain = if runs.as_slice().len() == count { asked } else { 0 };
        Self { runs, certain }
    }

    /// Whether the region with this number, which was asked about, is known to be there as a whole.
    pub(super) fn is_certain(&self, number: usize) -> bool {
        number < self.certain
    }

    /// How many of the `length` bytes at `address` can be read, from the first on.
    pub(super) fn readable(&self, address: u64, length: u64) -> u64 {
        let is_known = length > 0 && self.runs.covered(address) >= length;
        if is_known { length } else { readable(address, length) }
    }
}

/// How many of the `length` bytes at `address` can be read, from the first on. Without an operating
/// system to ask, what the producer promised.
#[cfg(not(all(feature = "hosted", target_os = "linux")))]
fn readable(_: u64, length: u64) -> u64 {
    length
}

/// The same of runs: how many can be read as a whole, from the first on.
#[cfg(not(all(feature = "hosted", target_os = "linux")))]
fn readable_runs(runs: &[Run]) -> usize {
    runs.len()
}

#[cfg(all(feature = "hosted", target_os = "linux"))]
mod linux {
    use super::{PAGE, Run};
    use crate::memory::{Memory, ThisProcess, fetch};

    /// `MADV_POPULATE_READ`, since Linux 5.14.
    const POPULATE_READ: libc::c_int = 22;
    /// Pages that are asked about in one call.
    const BATCH: usize = 64;

    /// How many of the `length` bytes at `address` can be read, from the first on.
    pub(super) fn readable(address: u64, length: u64) -> u64 {
        let (Ok(start), Ok(size)) = (usize::try_from(address), usize::try_from(length)) else {
            return 0;
        };
        let (Some(last), page) = (start.checked_add(size.saturating_sub(1)), page_size()) else {
            return 0;
        };
        if size == 0 || is_populated(start, last, page) {
            return length;
        }
        let first_page = start & !(page - 1);
        let pages = (last - first_page) / page + 1;
        let mut good = 0;
        while good < pages {
            let batch = BATCH.min(pages - good);
            let next = first_page + good * page;
            match touch(start, next, page, batch) {
                // The call may be forbidden; then there is another way.
                0 if ThisProcess::known().read(start.max(next) as u64, &mut [0]).is_err() => break,
                found => good += found.max(1),
            }
        }
        (good * page).saturating_sub(start - first_page).min(size) as u64
    }

    /// How many runs can be read as a whole, of the first ones; 0 if the first cannot.
    ///
    /// Of runs that lie on a page each, a byte of every one is copied into our own memory in one
    /// call, which is far less work than a call for each. The kernel stops at the first that cannot
    /// be read. A run of several pages is asked about alone, and so is the first where the call
    /// comes to nothing or is forbidden.
    pub(super) fn readable_runs(runs: &[Run]) -> usize {
        let mut bytes = [0_u8; BATCH];
        let empty = libc::iovec { iov_base: core::ptr::null_mut(), iov_len: 0 };
        let mut places = [empty; BATCH];
        let mut count = 0;
        let on_a_page = |run: &&Run| run.start / PAGE == (run.end - 1) / PAGE;
        for (place, run) in places.iter_mut().zip(runs.iter().take_while(on_a_page)) {
            let Ok(start) = usize::try_from(run.start) else { break };
            place.iov_base = core::ptr::with_exposed_provenance_mut(start);
            place.iov_len = 1;
            fetch(run.start, 1);
            count += 1;
        }
        let mut found = 0;
        if count > 1 {
            let own = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: count };
            // SAFETY: the kernel writes at most `count` bytes to `bytes`, which has `BATCH`; from
            // the places it reads, and fails where nothing can be read.
            found = unsafe {
                let process = libc::getpid();
                libc::process_vm_writev(process, places.as_ptr(), count as _, &own, 1, 0)
            };
        }
        match usize::try_from(found) {
            Ok(found) if found > 0 => found,
            _ => runs
                .first()
                .map_or(0, |run| usize::from(readable(run.start, run.length()) == run.length())),
        }
    }

    /// Asks the kernel to bring in every page from `start` to `last`. An old kernel knows no such
    /// question, and then, as where a page is missing, the answer is no.
    fn is_populated(start: usize, last: usize, page: usize) -> bool {
        let first_page = start & !(page - 1);
        let pointer = core::ptr::with_exposed_provenance_mut(first_page);
        // SAFETY: this advice changes no memory; the kernel checks the range.
        unsafe { libc::madvise(pointer, last - first_page + 1, POPULATE_READ) == 0 }
    }

    /// How many of `count` pages from `first_page` on can be read: one byte of each is copied by
    /// the kernel, which stops at the first that it cannot read.
    fn touch(start: usize, first_page: usize, page: usize, count: usize) -> usize {
        let mut bytes = [0_u8; BATCH];
        let empty = libc::iovec { iov_base: core::ptr::null_mut(), iov_len: 0 };
        let mut places = [empty; BATCH];
        for (index, place) in places[..count].iter_mut().enumerate() {
            let address = (first_page + index * page).max(start);
            place.iov_base = core::ptr::with_exposed_provenance_mut(address);
            place.iov_len = 1;
        }
        let local = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: count };
        // SAFETY: the kernel writes at most `count` bytes to `bytes`, which has `BATCH`, and looks
        // at the other places itself.
        let found = unsafe {
            let own = libc::getpid();
            libc::process_vm_readv(own, &local, 1, places.as_ptr(), count as libc::c_ulong, 0)
        };
        usize::try_from(found).unwrap_or(0)
    }

    fn page_size() -> usize {
        // SAFETY: the function reads a number that the kernel gave at start; it is
        // async-signal-safe.
        let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        usize::try_from(size).ok().filter(|size| size.is_power_of_two()).unwrap_or(4096)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        /// Pages that can be read, then `PROT_NONE`, then pages that can be read.
        #[test]
        fn memory_ends_where_it_cannot_be_read() {
            let page = page_size();
            let size = 300 * page;
            // SAFETY: a new mapping, which nobody else knows.
            let start = unsafe {
                let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
                let access = libc::PROT_READ | libc::PROT_WRITE;
                let start = libc::mmap(core::ptr::null_mut(), size, access, flags, -1, 0);
                assert_ne!(start, libc::MAP_FAILED);
                assert_eq!(libc::mprotect(start.byte_add(200 * page), page, libc::PROT_NONE), 0);
                start
            };
            let address = start.expose_provenance() as u64;
            let page = page as u64;
            assert_eq!(readable(address, 200 * page), 200 * page);
            assert_eq!(readable(address, 300 * page), 200 * page);
            assert_eq!(readable(address + 5, 200 * page), 200 * page - 5);
            assert_eq!(readable(address + 200 * page - 3, 10), 3);
            assert_eq!(readable(address + 200 * page, 1), 0);
            assert_eq!(readable(address + 201 * page + 9, page), page);
            assert_eq!(readable(0, 1), 0);
            assert_eq!(readable(u64::MAX, 2), 0);
            assert_eq!(readable(address, 0), 0);
            // SAFETY: the mapping is this test's own.
            unsafe { libc::munmap(start, size) };
        }
    }
}

//! The memory of this process, as a [`Memory`] that tables are read from.
//!
//! With an operating system below, every read is checked: an address that is not mapped is an answer, in a
//! signal handler too, where following it would be the second fault. Without one there is nobody to ask,
//! and what tables say is believed.

pub use inspect_format::walk::{Fault, Memory};

/// The address space that this code runs in.
#[derive(Clone, Copy, Debug)]
pub struct ThisProcess(());

#[cfg(all(feature = "hosted", target_os = "linux"))]
impl ThisProcess {
    /// The address space, whose every read is checked.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }

    pub(crate) const fn known() -> Self {
        Self(())
    }
}

#[cfg(all(feature = "hosted", target_os = "linux"))]
impl Default for ThisProcess {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(not(all(feature = "hosted", target_os = "linux")))]
impl ThisProcess {
    /// The address space, as far as it can be read.
    ///
    /// # Safety
    /// Nothing is read by it but addresses that can be read.
    #[must_use]
    pub const unsafe fn new() -> Self {
        Self(())
    }

    /// For this crate, which reads what roots, tables and regions of this process promise.
    pub(crate) const fn known() -> Self {
        Self(())
    }
}

#[cfg(all(feature = "hosted", target_os = "linux"))]
impl Memory for ThisProcess {
    /// By `process_vm_readv` on the process itself, or, where the kernel lacks or forbids it, by asking
    /// about each page before it is read: async-signal-safe, no lock, `errno` untouched.
    fn read(&self, address: u64, out: &mut [u8]) -> Result<(), Fault> {
        if out.is_empty() {
            return Ok(());
        }
        let start = usize::try_from(address).map_err(|_| Fault { address })?;
        let saved = errno();
        let count = read_by_kernel(start, out);
        let error = errno();
        set_errno(saved);
        match usize::try_from(count) {
            Ok(count) if count == out.len() => Ok(()),
            Ok(count) => Err(Fault { address: address.wrapping_add(count as u64) }),
            Err(_) if matches!(error, libc::ENOSYS | libc::EPERM | libc::EACCES) => {
                read_page_by_page(start, out)
            }
            Err(_) => Err(Fault { address }),
        }
    }
}

#[cfg(all(feature = "hosted", target_os = "linux"))]
fn read_by_kernel(start: usize, out: &mut [u8]) -> isize {
    let local = libc::iovec { iov_base: out.as_mut_ptr().cast(), iov_len: out.len() };
    let remote =
        libc::iovec { iov_base: core::ptr::without_provenance_mut(start), iov_len: out.len() };
    // SAFETY: the kernel writes at most `out.len()` bytes to `out`, which is ours. It reads from the other
    // address what is mapped there, and fails where nothing is.
    unsafe { libc::process_vm_readv(libc::getpid(), &local, 1, &remote, 1, 0) }
}

/// Tells the processor that memory is about to be read: regions lie far apart, and so it fetches many
/// of them at the same time.
#[cfg(all(feature = "hosted", unix))]
pub(crate) fn fetch(address: u64, length: u64) {
    /// A processor fetches so much at a time, and sees by itself that what is longer is read on and on.
    const LINE: usize = 64;
    const LINES: usize = 4;
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    for offset in (0..length).step_by(LINE).take(LINES) {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let place = core::ptr::without_provenance::<i8>(address.wrapping_add(offset) as usize);
        // SAFETY: this is a hint. It neither reads nor faults, whatever is there.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(place) };
    }
    // Others have no such hint that Rust knows.
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = (address, length, LINE, LINES);
}

#[cfg(all(feature = "hosted", target_os = "linux"))]
fn read_page_by_page(start: usize, out: &mut [u8]) -> Result<(), Fault> {
    /// No machine has smaller pages.
    const PAGE: usize = 4096;
    let mut at = 0;
    while at < out.len() {
        let place = start.checked_add(at).ok_or(Fault { address: start as u64 })?;
        let size = (PAGE - place % PAGE).min(out.len() - at);
        if !is_readable(place) {
            return Err(Fault { address: place as u64 });
        }
        copy(place, &mut out[at..at + size]);
        at += size;
    }
    Ok(())
}

/// Whether the page of an address can be read: the kernel copies a signal set from there before it refuses
/// to do anything with it.
#[cfg(all(feature = "hosted", target_os = "linux"))]
fn is_readable(place: usize) -> bool {
    const NO_SUCH_HOW: libc::c_long = -1;
    /// Bytes of the kernel's signal set.
    const SET: usize = 8;
    let set = core::ptr::without_provenance::<u8>(place & !(SET - 1));
    let none = core::ptr::null_mut::<u8>();
    let saved = errno();
    // SAFETY: the call reads eight bytes through the kernel, which fails where none are, and then fails in
    // any case, since there is no such operation on the signal mask.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, NO_SUCH_HOW, set, none, SET) };
    let error = errno();
    set_errno(saved);
    error != libc::EFAULT
}

/// The error number of the interrupted code, which a signal handler must leave as it was.
#[cfg(all(feature = "hosted", target_os = "linux"))]
pub(crate) fn errno() -> i32 {
    // SAFETY: the function returns the address of this thread's error number.
    unsafe { *libc::__errno_location() }
}

/// Puts it back.
#[cfg(all(feature = "hosted", target_os = "linux"))]
pub(crate) fn set_errno(number: i32) {
    // SAFETY: as above; nobody else writes to this thread's error number.
    unsafe { *libc::__errno_location() = number }
}

#[cfg(not(all(feature = "hosted", target_os = "linux")))]
impl Memory for ThisProcess {
    fn read(&self, address: u64, out: &mut [u8]) -> Result<(), Fault> {
        let start = usize::try_from(address).map_err(|_| Fault { address })?;
        copy(start, out);
        Ok(())
    }
}

/// Copies memory that somebody may be writing to.
fn copy(start: usize, out: &mut [u8]) {
    // Whole words where they are, each by one load, since rows are published in words.
    let word = size_of::<usize>();
    let mut at = 0;
    while at < out.len() {
        let place = start.wrapping_add(at);
        if place % word == 0 && out.len() - at >= word {
            let pointer = core::ptr::with_exposed_provenance::<usize>(place);
            // SAFETY: on a system that answers, somebody has just asked whether this page can be read. On
            // others, whoever made the `ThisProcess` promised it; this crate reads its own root, tables
            // that were registered, and what their producers said about their regions.
            let value = unsafe { pointer.read_volatile() };
            out[at..at + word].copy_from_slice(&value.to_ne_bytes());
            at += word;
        } else {
            let pointer = core::ptr::with_exposed_provenance::<u8>(place);
            // SAFETY: as above.
            out[at] = unsafe { pointer.read_volatile() };
            at += 1;
        }
    }
}

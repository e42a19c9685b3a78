//! Dumps into a zone: memory that survives a reset, or a file that is mapped, so that whoever
//! starts next finds what the last one left.
//!
//! The format of zones is [`inspect_format::zone`]'s. Here are the kinds of [`Storage`] that a
//! producer has, and [`ZoneSink`], through which a [`dump`](crate::dump) goes into one. Preparing a
//! zone is done at start; what a signal handler does takes no lock and does not allocate.

use core::fmt;
use core::marker::PhantomData;
use core::sync::atomic::{Ordering, fence};

use inspect_format::zone::{DumpWriter, Label, OutOfBounds, Storage, Zone, ZoneError};

use crate::dump::{Sink, SinkError};

#[cfg(all(feature = "hosted", unix))]
pub use mapped::{MapError, MappedFile};

/// A slot of a zone as the sink of a dump. The dump is there once [`ZoneSink::finish`] has
/// returned; dropped before, it was never there, and the older ones still are.
#[derive(Debug)]
pub struct ZoneSink<'s, S> {
    writer: DumpWriter<'s, S>,
}

impl<'s, S: Storage> ZoneSink<'s, S> {
    /// Begins a dump in the zone that stands in `storage`. All its dumps are checked for that, so
    /// that the only good one is never written over; in a large zone this takes as long as reading
    /// it.
    pub fn begin(storage: &'s mut S, label: Label) -> Result<Self, ZoneError<S::Error>> {
        let zone = Zone::open(storage)?;
        Ok(Self { writer: zone.begin(storage, label)? })
    }

    /// Makes the dump the newest one of the zone; returns its sequence number.
    pub fn finish(self) -> Result<u64, ZoneError<S::Error>> {
        self.writer.finish()
    }
}

impl<S: Storage> Sink for ZoneSink<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        self.writer.write(bytes).map_err(|error| match error {
            ZoneError::SlotFull { .. } => SinkError::Full,
            _ => SinkError::Storage,
        })
    }
}

/// Memory that was set aside for a zone: reserved by firmware, or shared with somebody who outlives
/// this program.
pub struct ReservedMemory<'m> {
    start: *mut u8,
    size: usize,
    clean: fn(*const u8, usize),
    memory: PhantomData<&'m mut [u8]>,
}

// SAFETY: the memory belongs to this value alone, as `new` demands.
unsafe impl Send for ReservedMemory<'_> {}

impl<'m> ReservedMemory<'m> {
    /// The `size` bytes at `start`.
    ///
    /// # Safety
    /// They can be read and written for as long as `'m`, and nobody else in this program does so.
    #[must_use]
    pub const unsafe fn new(start: *mut u8, size: usize) -> Self {
        Self { start, size, clean: |_, _| {}, memory: PhantomData }
    }

    /// Memory that is anybody's to lend.
    pub fn lent(memory: &'m mut [u8]) -> Self {
        // SAFETY: the slice is borrowed for as long as this value is there.
        unsafe { Self::new(memory.as_mut_ptr(), memory.len()) }
    }

    /// Sets what writes the processor's cache back to the memory, from an address on so many bytes,
    /// where a reset would lose it. It is called at each point where the order of stores matters.
    #[must_use]
    pub const fn clean_with(mut self, clean: fn(*const u8, usize)) -> Self {
        self.clean = clean;
        self
    }

    fn place(&self, offset: u64, length: usize) -> Result<*mut u8, OutOfBounds> {
        let start = usize::try_from(offset).map_err(|_| OutOfBounds)?;
        let end = start.checked_add(length).ok_or(OutOfBounds)?;
        if end > self.size {
            return Err(OutOfBounds);
        }
        // SAFETY: the place lies in the memory, or at its end if `length` is 0.
        Ok(unsafe { self.start.add(start) })
    }
}

impl Storage for ReservedMemory<'_> {
    type Error = OutOfBounds;

    fn size(&self) -> u64 {
        self.size as u64
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), OutOfBounds> {
        let place = self.place(offset, out.len())?;
        // SAFETY: `place` checked that so many bytes are there; `out` is somebody else's, since
        // this memory is nobody's but ours.
        unsafe { place.copy_to_nonoverlapping(out.as_mut_ptr(), out.len()) };
        Ok(())
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), OutOfBounds> {
        let place = self.place(offset, bytes.len())?;
        // SAFETY: as above, the other way round.
        unsafe { place.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Ok(())
    }

    fn flush(&mut self) -> Result<(), OutOfBounds> {
        // Neither the compiler nor the processor moves a store across it.
        fence(Ordering::SeqCst);
        (self.clean)(self.start, self.size);
        Ok(())
    }
}

impl fmt::Debug for ReservedMemory<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReservedMemory of {} bytes", self.size)
    }
}

#[cfg(all(feature = "hosted", unix))]
mod mapped {
    use core::ffi::CStr;
    use core::fmt;

    use inspect_format::zone::Storage;

    use super::ReservedMemory;
    use crate::dump::last_error;

    /// A file that is mapped, as the storage of a zone. It stays mapped until this is dropped.
    #[derive(Debug)]
    pub struct MappedFile {
        memory: ReservedMemory<'static>,
        page: usize,
        /// What has been written since the last flush: from, up to.
        dirty: (usize, usize),
    }

    /// Why a file was not mapped, or not written back.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum MapError {
        /// The operating system's number of the error.
        Os(i32),
        /// A place outside the file.
        OutOfBounds,
    }

    impl MappedFile {
        /// Opens the file, makes it if need be, and maps `size` bytes of it. They are allocated
        /// here, so that a full disk is an error now and not a signal when the dump is written.
        pub fn open(path: &CStr, size: usize) -> Result<Self, MapError> {
            let flags = libc::O_RDWR | libc::O_CREAT | libc::O_CLOEXEC;
            // SAFETY: the path ends with a NUL.
            let file = unsafe { libc::open(path.as_ptr(), flags, 0o600 as libc::c_uint) };
            if file < 0 {
                return Err(MapError::Os(last_error()));
            }
            let mapped = Self::map(file, size);
            // SAFETY: the descriptor was opened above; the mapping does not need it.
            unsafe { libc::close(file) };
            mapped
        }

        fn map(file: libc::c_int, size: usize) -> Result<Self, MapError> {
            let length = libc::off_t::try_from(size).map_err(|_| MapError::OutOfBounds)?;
            // SAFETY: both calls are given a descriptor and numbers, and a new mapping touches
            // nothing that was there.
            let (start, page) = unsafe {
                match libc::posix_fallocate(file, 0, length) {
                    0 => {}
                    number => return Err(MapError::Os(number)),
                }
                let access = libc::PROT_READ | libc::PROT_WRITE;
                let none = core::ptr::null_mut();
                let start = libc::mmap(none, size, access, libc::MAP_SHARED, file, 0);
                if start == libc::MAP_FAILED {
                    return Err(MapError::Os(last_error()));
                }
                (start, libc::sysconf(libc::_SC_PAGESIZE))
            };
            // SAFETY: the mapping is as long as that, and this value is the only one that knows it.
            let memory = unsafe { ReservedMemory::new(start.cast(), size) };
            let page = usize::try_from(page).ok().filter(|page| page.is_power_of_two());
            Ok(Self { memory, page: page.unwrap_or(4096), dirty: (usize::MAX, 0) })
        }
    }

    impl Storage for MappedFile {
        type Error = MapError;

        fn size(&self) -> u64 {
            self.memory.size()
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), MapError> {
            self.memory.read(offset, out).map_err(|_| MapError::OutOfBounds)
        }

        fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), MapError> {
            self.memory.write(offset, bytes).map_err(|_| MapError::OutOfBounds)?;
            // It lies inside the memory, and so the sum does not overflow.
            let start = offset as usize;
            let (from, up_to) = self.dirty;
            self.dirty = (from.min(start), up_to.max(start + bytes.len()));
            Ok(())
        }

        fn flush(&mut self) -> Result<(), MapError> {
            let _ = self.memory.flush();
            let (from, up_to) = core::mem::replace(&mut self.dirty, (usize::MAX, 0));
            if from >= up_to {
                return Ok(());
            }
            let first_page = from & !(self.page - 1);
            // SAFETY: the range lies in the mapping, which is there as long as this value. The call
            // is one of the kernel's and touches nothing of this program.
            let result = unsafe {
                let start = self.memory.start.add(first_page);
                libc::msync(start.cast(), up_to - first_page, libc::MS_SYNC)
            };
            if result == 0 { Ok(()) } else { Err(MapError::Os(last_error())) }
        }
    }

    impl Drop for MappedFile {
        fn drop(&mut self) {
            // SAFETY: the mapping was made by `map`, and nothing borrows from it.
            unsafe { libc::munmap(self.memory.start.cast(), self.memory.size) };
        }
    }

    impl core::error::Error for MapError {}

    impl fmt::Display for MapError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                Self::Os(number) => write!(f, "the system reports error {number}"),
                Self::OutOfBounds => f.write_str("the place lies outside the file"),
            }
        }
    }
}

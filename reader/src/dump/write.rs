//! A file that is written from its beginning to its end, with holes, and memory that is copied into
//! it.

use std::fs::File;
use std::os::unix::fs::FileExt;

use rustix::fs::{SeekFrom, copy_file_range, seek};
use rustix::io::Errno;

use super::bytes::Part;
use super::elf::{Error, SPACE};
use crate::memory::{FileSpan, Memory, Missing, Reason};

/// Bytes that are collected before they are written: few enough to be in a cache when they are.
const BUFFER: usize = 1 << 17;
/// Memory that is read in one step.
const STEP: usize = 1 << 20;
/// Small parts that are read together, if there is so much room in the buffer: what one call takes.
const TOGETHER: usize = 1024;
/// Pieces from this size on go from file to file.
const LARGE: u64 = 1 << 16;
const PAGE: usize = 4096;

/// A file with a buffer before it, and how far it is.
#[derive(Debug)]
pub(super) struct Output<'f> {
    file: &'f File,
    buffer: Vec<u8>,
    /// Where the buffer begins in the file.
    start: u64,
}

impl<'f> Output<'f> {
    pub(super) fn new(file: &'f File) -> Self {
        Self { file, buffer: Vec::with_capacity(BUFFER), start: 0 }
    }

    /// Bytes so far.
    pub(super) fn position(&self) -> u64 {
        self.start + self.buffer.len() as u64
    }

    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.buffer.len() + bytes.len() > BUFFER {
            self.flush()?;
        }
        if bytes.len() >= BUFFER {
            self.file.write_all_at(bytes, self.start).map_err(Error::Output)?;
            self.start += bytes.len() as u64;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        Ok(())
    }

    pub(super) fn zeros(&mut self, count: u64) -> Result<(), Error> {
        self.skip(count)
    }

    /// Goes on so many bytes later; what is between is zero.
    pub(super) fn skip(&mut self, count: u64) -> Result<(), Error> {
        match usize::try_from(count) {
            Ok(size) if size < PAGE => {
                if self.buffer.len() + size > BUFFER {
                    self.flush()?;
                }
                self.buffer.resize(self.buffer.len() + size, 0);
            }
            _ => {
                self.flush()?;
                self.start = self.start.checked_add(count).ok_or(Error::TooLarge)?;
            }
        }
        Ok(())
    }

    /// Writes what is left, and returns the size of the file.
    pub(super) fn finish(mut self) -> Result<u64, Error> {
        self.flush()?;
        // The end may be a hole.
        self.file.set_len(self.start).map_err(Error::Output)?;
        Ok(self.start)
    }

    /// How much room the buffer has: at least half of it.
    fn room(&mut self) -> Result<usize, Error> {
        if self.buffer.len() > BUFFER / 2 {
            self.flush()?;
        }
        Ok(BUFFER - self.buffer.len())
    }

    /// Appends bytes that `fill` writes where they belong, no more than there is room for; none if
    /// it fails, which is said.
    fn append<E>(
        &mut self,
        size: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let used = self.buffer.len();
        self.buffer.resize(used + size, 0);
        let result = fill(self.buffer.get_mut(used..).unwrap_or_default());
        if result.is_err() {
            self.buffer.truncate(used);
        }
        result
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.file.write_all_at(&self.buffer, self.start).map_err(Error::Output)?;
        self.start += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Lets the kernel copy from a file, holes as holes. Returns how far it came: nothing where it
    /// cannot copy between these files.
    fn copy_from(
        &mut self,
        span: &FileSpan<'_>,
        length: u64,
        progress: &mut dyn FnMut(u64),
    ) -> Result<u64, Error> {
        /// Enough for the kernel to be busy, and little enough for progress to be seen.
        const MOST: u64 = 1 << 26;
        self.flush()?;
        let input = span.file.handle();
        let mut done = 0;
        while done < length {
            let offset = span.offset.saturating_add(done);
            let data = match seek(input, SeekFrom::Data(offset)) {
                Ok(data) => data,
                // Only a hole follows.
                Err(Errno::NXIO) => offset.saturating_add(length - done),
                // A file system without holes.
                Err(_) => offset,
            };
            let hole = data.saturating_sub(offset).min(length - done);
            if hole > 0 {
                self.skip_large(hole)?;
                progress(hole);
                done += hole;
                continue;
            }
            let end = seek(input, SeekFrom::Hole(offset)).unwrap_or(u64::MAX);
            let size = (length - done).min(end.saturating_sub(offset).max(1)).min(MOST);
            let (mut from, mut to) = (offset, self.start);
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            match copy_file_range(input, Some(&mut from), self.file, Some(&mut to), size) {
                // The file ends here, whatever it was when it was opened.
                Ok(0) => break,
                Ok(copied) => {
                    self.start += copied as u64;
                    done += copied as u64;
                    progress(copied as u64);
                }
                Err(Errno::INTR) => {}
                Err(
                    Errno::XDEV
                    | Errno::INVAL
                    | Errno::NOSYS
                    | Errno::OPNOTSUPP
                    | Errno::PERM
                    | Errno::TXTBSY
                    | Errno::BADF,
                ) => break,
                Err(error) => return Err(Error::Output(error.into())),
            }
        }
        Ok(done)
    }

    fn skip_large(&mut self, count: u64) -> Result<(), Error> {
        self.start = self.start.checked_add(count).ok_or(Error::TooLarge)?;
        Ok(())
    }
}

/// Copies memory to where the output stands: one part, or several that are smaller than a page, one
/// behind another. What cannot be read becomes a hole and
/// is added to `faults`.
pub(super) fn copy(
    memory: &dyn Memory,
    parts: &[Part],
    out: &mut Output<'_>,
    faults: &mut Vec<Part>,
    progress: &mut dyn FnMut(u64),
) -> Result<(), Error> {
    if let [part] = parts {
        return copy_one(memory, *part, out, faults, progress);
    }
    let mut rest = parts;
    let mut pieces = Vec::with_capacity(TOGETHER);
    while !rest.is_empty() {
        let room = out.room()?;
        pieces.clear();
        let mut size = 0;
        for part in rest.iter().take(TOGETHER) {
            // Each is smaller than a page.
            let length = part.length() as usize;
            if size + length > room {
                break;
            }
            pieces.push((part.start, length));
            size += length;
        }
        let (together, later) = rest.split_at(pieces.len());
        rest = later;
        if out.append(size, |bytes| memory.read_many(SPACE, &pieces, bytes)).is_ok() {
            progress(size as u64);
            continue;
        }
        for part in together {
            copy_one(memory, *part, out, faults, progress)?;
        }
    }
    Ok(())
}

/// Copies one part.
fn copy_one(
    memory: &dyn Memory,
    part: Part,
    out: &mut Output<'_>,
    faults: &mut Vec<Part>,
    progress: &mut dyn FnMut(u64),
) -> Result<(), Error> {
    let mut at = part.start;
    let mut buffer = Vec::new();
    while at < part.end {
        let left = part.end - at;
        if left >= LARGE
            && let Some(span) = memory.in_file(SPACE, at).filter(|span| span.length >= LARGE)
        {
            let copied = out.copy_from(&span, span.length.min(left), progress)?;
            at += copied;
            if copied > 0 {
                continue;
            }
        }
        // Up to the end of a page, so that what is zero is a whole page.
        let size = left.min(STEP as u64 - at % PAGE as u64) as usize;
        buffer.resize(size, 0);
        match memory.read(SPACE, at, &mut buffer) {
            Ok(()) => without_zeros(&buffer, out)?,
            Err(_) => pages(memory, at, &mut buffer, out, faults)?,
        }
        at += size as u64;
        progress(size as u64);
    }
    Ok(())
}

/// Writes bytes, but whole pages of zeros as holes.
fn without_zeros(bytes: &[u8], out: &mut Output<'_>) -> Result<(), Error> {
    for page in bytes.chunks(PAGE) {
        if page.len() == PAGE && page.iter().all(|byte| *byte == 0) {
            out.skip(PAGE as u64)?;
        } else {
            out.put(page)?;
        }
    }
    Ok(())
}

/// Copies what can be read, page by page.
fn pages(
    memory: &dyn Memory,
    address: u64,
    buffer: &mut [u8],
    out: &mut Output<'_>,
    faults: &mut Vec<Part>,
) -> Result<(), Error> {
    let mut at = address;
    let mut rest = buffer;
    while !rest.is_empty() {
        let size = rest.len().min(PAGE - (at % PAGE as u64) as usize);
        let (page, others) = rest.split_at_mut(size);
        match memory.read(SPACE, at, page) {
            Ok(()) => out.put(page)?,
            Err(missing) => {
                // Without the process there is nothing more to read; a page that is not there may
                // be left out.
                if missing.reason == Reason::Gone || memory.is_gone() {
                    return Err(Error::Input(Missing { reason: Reason::Gone, ..missing }));
                }
                out.skip(size as u64)?;
                faults.push(Part::new(at, size as u64));
            }
        }
        at += size as u64;
        rest = others;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Run;

    /// Each byte is its address, but for some that are not there.
    #[derive(Debug)]
    struct Holey(Part);

    impl Memory for Holey {
        fn read(&self, space: u16, address: u64, out: &mut [u8]) -> Result<(), Missing> {
            if address < self.0.end && self.0.start < address + out.len() as u64 {
                return Err(Missing { space, address, reason: Reason::Absent });
            }
            out.iter_mut().zip(address..).for_each(|(byte, at)| *byte = at as u8);
            Ok(())
        }

        fn runs(&self, _: u16) -> Vec<Run> {
            Vec::new()
        }
    }

    /// More small parts than are read together, and one of them cannot be read: it is a hole and a
    /// fault, and all others are there.
    #[test]
    fn small_parts_are_read_together_and_fail_alone() {
        let parts: Vec<Part> = (0..5000).map(|index| Part::new(index * 100, 60)).collect();
        for hole in [Part::new(0, 0), Part::new(40_010, 5)] {
            let file = tempfile::tempfile().unwrap();
            let mut out = Output::new(&file);
            let (mut faults, mut done) = (Vec::new(), 0);
            copy(&Holey(hole), &parts, &mut out, &mut faults, &mut |bytes| done += bytes).unwrap();
            assert_eq!((out.finish().unwrap(), done), (300_000, 300_000));
            let mut bytes = vec![0; 300_000];
            file.read_exact_at(&mut bytes, 0).unwrap();
            for (part, found) in parts.iter().zip(bytes.chunks(60)) {
                let is_hole = part.start < hole.end && hole.start < part.end;
                assert_eq!(faults.contains(part), is_hole);
                let expected = (part.start..part.end).map(|at| if is_hole { 0 } else { at as u8 });
                assert!(found.iter().copied().eq(expected), "{part:?}");
            }
        }
    }
}

//! Bytes that are made or copied while an image is opened, kept in a file without a name.
//!
//! What a compressed file holds, and a dump of a zone that its producer may overwrite at any time,
//! are written here once and then read at positions as any file is. The file lies where temporary
//! files lie, is gone with the program, and takes no room for pages of zeros. It is limited: what
//! comes out of a compressed file may be a thousand times what went in.

use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::file::File;

/// More is not written unless somebody asks for it.
pub(super) const LIMIT: u64 = 64 << 30;

/// Zeros are left out in pieces of this size, at multiples of it.
const PIECE: usize = 4096;

/// A file without a name that is being written.
#[derive(Debug)]
pub(super) struct Spool {
    handle: std::fs::File,
    length: u64,
    stored: u64,
    limit: u64,
    room: u64,
}

/// Why bytes were not written.
#[derive(Debug)]
pub(super) enum Error {
    /// There would be more bytes than this.
    Limit(u64),
    /// The disk has room for so many bytes, less what others may need.
    Room(u64),
    /// The file cannot be written.
    Io(io::Error),
}

impl Spool {
    /// A new file, of at most `limit` bytes.
    pub(super) fn new(limit: u64) -> Result<Self, Error> {
        let handle = tempfile::tempfile().map_err(Error::Io)?;
        let disk = rustix::fs::fstatvfs(&handle).map_err(|error| Error::Io(error.into()))?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        // Somebody else may need the disk meanwhile.
        let room = free - free / 8;
        Ok(Self { handle, length: 0, stored: 0, limit, room })
    }

    /// How many bytes there are so far.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Appends bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let end = self.length.checked_add(bytes.len() as u64);
        if end.is_none_or(|end| end > self.limit) {
            return Err(Error::Limit(self.limit));
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let (start, after) = rest.split_at(self.to_boundary(rest.len()));
            rest = after;
            if is_zero(start) {
                self.length += start.len() as u64;
                continue;
            }
            // What follows without zeros goes into the same call.
            let mut more = 0;
            for piece in rest.chunks(PIECE).take_while(|piece| !is_zero(piece)) {
                more += piece.len();
            }
            let (_, from) = bytes.split_at(bytes.len() - start.len() - after.len());
            let (whole, left) = from.split_at(start.len() + more);
            self.store(whole)?;
            rest = left;
        }
        Ok(())
    }

    /// The file, to be read, under the name that messages give it.
    pub(super) fn finish(self, name: &Path) -> Result<File, Error> {
        self.handle.set_len(self.length).map_err(Error::Io)?;
        File::of(self.handle, name).map_err(Error::Io)
    }

    /// Bytes up to the next boundary of pieces, at most `most`.
    fn to_boundary(&self, most: usize) -> usize {
        let piece = PIECE as u64;
        let left = piece - self.length % piece;
        usize::try_from(left).unwrap_or(PIECE).min(most)
    }

    fn store(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.stored += bytes.len() as u64;
        if self.stored > self.room {
            return Err(Error::Room(self.room));
        }
        self.handle.write_all_at(bytes, self.length).map_err(Error::Io)?;
        self.length += bytes.len() as u64;
        Ok(())
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.chunks(64).all(|part| part.iter().fold(0, |sum, byte| sum | byte) == 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn spooled(parts: &[&[u8]]) -> File {
        let mut spool = Spool::new(LIMIT).unwrap();
        parts.iter().for_each(|part| spool.write(part).unwrap());
        spool.finish(Path::new("x")).unwrap()
    }

    #[test]
    fn what_is_written_in_any_parts_is_read() {
        let mut bytes = vec![0; 50_000];
        for (index, byte) in bytes.iter_mut().enumerate() {
            if index % 9000 < 3000 || index == 49_999 {
                *byte = (index % 251) as u8;
            }
        }
        for size in [1, 7, 4095, 4096, 4097, 10_000, 50_000] {
            let parts: Vec<_> = bytes.chunks(size).collect();
            let file = spooled(&parts);
            assert_eq!(file.length(), 50_000);
            assert!(file.bytes(0, 50_000).unwrap() == bytes, "{size}");
        }
    }

    #[test]
    fn zeros_take_no_room() {
        let file = spooled(&[&vec![0; 8 << 20], b"x", &vec![0; 8 << 20]]);
        assert_eq!(file.length(), (16 << 20) + 1);
        assert!(file.handle().metadata().unwrap().blocks() * 512 <= 64 << 10);
        assert_eq!(file.bytes(8 << 20, 2).unwrap(), b"x\0");
    }

    #[test]
    fn limits_hold_before_anything_is_written() {
        let mut spool = Spool::new(10).unwrap();
        spool.write(b"12345").unwrap();
        assert!(matches!(spool.write(b"123456"), Err(Error::Limit(10))));
        spool.room = 7;
        assert!(matches!(spool.write(b"123"), Err(Error::Room(7))));
        assert_eq!(spool.length(), 5);
    }
}

//! A file that is read at positions, whatever its size: nothing of it stays in memory.
//!
//! Offsets and lengths come from files and are lies until proved: a read beyond the end is an
//! error, and no buffer is made for bytes that the file does not have. Images are made of these.

use std::fs::{Metadata, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// Files that are read as a whole have no more bytes: nobody has more of tables.
pub const WHOLE_MAX: u64 = 256 << 20;

/// An open file of a known length.
#[derive(Debug)]
pub struct File {
    handle: std::fs::File,
    path: PathBuf,
    length: u64,
}

impl File {
    /// Opens a file for reading: an ordinary one, or a device that has a length. Whatever has no
    /// positions, a pipe or a directory, is an error; nobody waits for a writer that never comes.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        Self::of(OpenOptions::new().read(true).custom_flags(flags).open(path)?, path)
    }

    /// A file that is open already, under the name that messages give it.
    pub fn of(handle: std::fs::File, path: &Path) -> io::Result<Self> {
        let length = length(&handle, &handle.metadata()?)?;
        Ok(Self { handle, path: path.to_owned(), length })
    }

    /// Under which name it was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes it had when it was opened.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The file itself, for copies within the kernel.
    #[must_use]
    pub fn handle(&self) -> &std::fs::File {
        &self.handle
    }

    /// Fills `out` with the bytes from `offset` on. [`io::ErrorKind::UnexpectedEof`] if the file
    /// has fewer.
    pub fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.handle.read_exact_at(out, offset)
    }

    /// All of it. [`io::ErrorKind::FileTooLarge`] if that is more than [`WHOLE_MAX`] bytes.
    pub fn whole(&self) -> io::Result<Vec<u8>> {
        if self.length > WHOLE_MAX {
            let found = self.length;
            let what = format!("it has {found} bytes, and more than {WHOLE_MAX} are not read");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
        }
        self.bytes(0, self.length)
    }

    /// `length` bytes from `offset` on.
    pub fn bytes(&self, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        let left = self.length.saturating_sub(offset);
        let size = usize::try_from(length).ok().filter(|_| length <= left);
        let mut bytes = vec![0; size.ok_or(io::ErrorKind::UnexpectedEof)?];
        self.read(offset, &mut bytes)?;
        Ok(bytes)
    }
}

/// Bytes of what was opened. Flash and disks say nothing of their length but where their end is.
fn length(mut handle: &std::fs::File, metadata: &Metadata) -> io::Result<u64> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(metadata.len());
    }
    if kind.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if kind.is_block_device() || kind.is_char_device() {
        let end = handle.seek(SeekFrom::End(0))?;
        handle.rewind()?;
        return Ok(end);
    }
    let what = "it is a pipe or a socket, which cannot be read at positions: save it in a file";
    Err(io::Error::new(io::ErrorKind::NotSeekable, what))
}

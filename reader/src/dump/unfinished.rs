//! A file that has no name until it is finished: whatever happens before, nothing of it is left.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};

/// A file that is being written.
#[derive(Debug)]
pub struct Unfinished {
    file: File,
    path: PathBuf,
    /// Under which name it stands beside its place: only where the file system has no files without
    /// a name, and then it goes when this is dropped.
    beside: Option<PathBuf>,
}

impl Unfinished {
    /// Makes a file that will stand at `path`. Only its owner may read it, as it is memory.
    pub fn new(path: &Path) -> io::Result<Self> {
        match fs::metadata(path) {
            Ok(found) if !found.is_file() => {
                let message = format!("{} is no regular file", path.display());
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        if let Ok(file) = rustix::fs::open(directory(path), flags, mode) {
            return Ok(Self { file: file.into(), path: path.to_owned(), beside: None });
        }
        let beside = beside(path)?;
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).mode(0o600).open(&beside)?;
        Ok(Self { file, path: path.to_owned(), beside: Some(beside) })
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Gives it its name, in place of what had it before.
    pub fn finish(mut self) -> io::Result<()> {
        let name = match self.beside.clone() {
            Some(name) => name,
            None => {
                use std::os::fd::AsRawFd;
                let name = beside(&self.path)?;
                let source = format!("/proc/self/fd/{}", self.file.as_raw_fd());
                let flags = AtFlags::SYMLINK_FOLLOW;
                rustix::fs::linkat(CWD, source.as_str(), CWD, &name, flags)?;
                self.beside = Some(name.clone());
                name
            }
        };
        fs::rename(&name, &self.path)?;
        self.beside = None;
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(beside) = &self.beside {
            // There is nobody to tell.
            let _ = fs::remove_file(beside);
        }
    }
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A name in the same directory that nobody else uses.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("{} names no file", path.display()))
    })?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}", std::process::id()));
    Ok(directory(path).join(hidden))
}

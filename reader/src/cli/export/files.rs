//! A file that appears when it is complete: written beside its place, and renamed.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file that is being written.
#[derive(Debug)]
pub(super) enum OutputFile {
    /// It takes its place at the end. Its name begins with a dot until then, so that databases pass
    /// over it; it is removed if the end never comes.
    Beside { file: NamedTempFile, place: PathBuf },
    /// A pipe or a device, which cannot be replaced.
    InPlace(File),
}

impl OutputFile {
    /// Opens a file beside its place, or the place itself if it is no ordinary file.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        // A symbolic link stays what it is.
        let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        match place.metadata() {
            Ok(found) if found.is_dir() => {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            Ok(found) if !found.is_file() => {
                return File::options().write(true).open(&place).map(Self::InPlace);
            }
            _ => {}
        }
        let directory = place.parent().filter(|it| !it.as_os_str().is_empty());
        let mut builder = tempfile::Builder::new();
        // The process's mask takes away from it what it takes from every file.
        builder.prefix(".inspect-").suffix(".part").permissions(Permissions::from_mode(0o666));
        let file = builder.tempfile_in(directory.unwrap_or(Path::new(".")))?;
        Ok(Self::Beside { file, place })
    }

    /// Where the bytes go.
    pub(super) fn writer(&self) -> io::Result<File> {
        match self {
            Self::Beside { file, .. } => file.as_file().try_clone(),
            Self::InPlace(file) => file.try_clone(),
        }
    }

    /// Puts the file into its place.
    pub(super) fn publish(self) -> io::Result<()> {
        match self {
            Self::Beside { file, place } => {
                file.persist(place).map(drop).map_err(|error| error.error)
            }
            Self::InPlace(_) => Ok(()),
        }
    }

    /// Puts the file into another place of the same file system.
    #[cfg(feature = "arrow")]
    pub(super) fn publish_as(self, name: &str) -> io::Result<()> {
        match self {
            Self::Beside { file, place } => {
                Self::Beside { file, place: place.with_file_name(name) }
            }
            in_place => in_place,
        }
        .publish()
    }
}

//! Writes outputs: all of them or none, and only what changes.
//!
//! Every new content is written beside its place first; when all are there, they are renamed into
//! place. A file whose content would not change is not touched, so that a build sees no change
//! where there is none. Nothing is ever deleted: a file of a schema that has gone stays until its
//! owner removes it, since two runs may share a directory and neither knows the other's files.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::emit::Files;

/// An output that cannot be written, with the place.
#[derive(Debug)]
pub struct WriteError {
    /// What could not be written or made.
    pub path: PathBuf,
    /// Why.
    pub error: io::Error,
}

impl std::fmt::Display for WriteError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot write `{}`: {}", self.path.display(), self.error)
    }
}

impl std::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// The files below `directory` that differ from what they should be or do not exist, sorted.
pub fn changes(
    directory: &Path,
    kinds: impl IntoIterator<Item = Files>,
) -> Result<Vec<PathBuf>, WriteError> {
    let mut changed = Vec::new();
    for (name, content) in kinds.into_iter().flatten() {
        let path = directory.join(name);
        if differs(&path, &content)? {
            changed.push(path);
        }
    }
    Ok(changed)
}

/// Writes the files below `directory` that differ, and returns the paths of all of them, sorted. Each kind is let
/// go of when it is staged, before the next one is made.
pub fn write(
    directory: &Path,
    kinds: impl IntoIterator<Item = Files>,
) -> Result<Vec<PathBuf>, WriteError> {
    let mut staged = Staged::default();
    let mut paths = Vec::new();
    for (name, content) in kinds.into_iter().flatten() {
        let path = directory.join(name);
        staged.add(path.clone(), &content)?;
        paths.push(path);
    }
    staged.commit()?;
    paths.sort();
    Ok(paths)
}

/// Writes one file, if it differs; says whether it did.
pub fn write_file(path: &Path, content: &[u8]) -> Result<bool, WriteError> {
    let mut staged = Staged::default();
    staged.add(path.to_owned(), content)?;
    Ok(!staged.commit()?.is_empty())
}

fn differs(path: &Path, content: &[u8]) -> Result<bool, WriteError> {
    // The size answers most questions without reading.
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() && metadata.len() != content.len() as u64 => Ok(true),
        Ok(_) => match fs::read(path) {
            Ok(found) => Ok(found != content),
            Err(error) => Err(WriteError { path: path.to_owned(), error }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(WriteError { path: path.to_owned(), error }),
    }
}

/// Files that are written beside their place and not yet renamed. Dropped before `commit` has
/// renamed them, they are removed again.
#[derive(Default)]
struct Staged {
    files: Vec<(PathBuf, PathBuf)>,
}

impl Staged {
    fn add(&mut self, path: PathBuf, content: &[u8]) -> Result<(), WriteError> {
        if !differs(&path, content)? {
            return Ok(());
        }
        // A link to a file keeps being one: what it points at is replaced.
        let place = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error| WriteError { path, error }
        };
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent).map_err(failed(parent))?;
        }
        let mut name = OsString::from(".");
        name.push(place.file_name().unwrap_or_default());
        name.push(format!(".{}", std::process::id()));
        let beside = place.with_file_name(name);
        // Recorded first, so that a file that was begun and not finished is removed.
        self.files.push((beside.clone(), place.clone()));
        fs::write(&beside, content).map_err(failed(&place))?;
        if let Ok(metadata) = fs::metadata(&place) {
            fs::set_permissions(&beside, metadata.permissions()).map_err(failed(&place))?;
        }
        Ok(())
    }

    fn commit(mut self) -> Result<Vec<PathBuf>, WriteError> {
        let mut written = Vec::new();
        while let Some((beside, place)) = self.files.pop() {
            if let Err(error) = fs::rename(&beside, &place) {
                self.files.push((beside, place.clone()));
                return Err(WriteError { path: place, error });
            }
            written.push(place);
        }
        written.sort();
        Ok(written)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        for (beside, _) in &self.files {
            // It may never have been made; there is nobody left to tell either.
            let _ = fs::remove_file(beside);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_written() {
        let root = tempfile::tempdir().unwrap();
        let files = || -> [Files; 2] {
            [[("a/x".to_owned(), b"1".to_vec())].into(), [("y".to_owned(), b"2".to_vec())].into()]
        };
        assert_eq!(changes(root.path(), files()).unwrap().len(), 2);
        assert_eq!(write(root.path(), files()).unwrap().len(), 2);
        assert!(changes(root.path(), files()).unwrap().is_empty());
        let (x, y) = (root.path().join("a/x"), root.path().join("y"));
        let before = fs::metadata(&x).unwrap().modified().unwrap();
        fs::write(&y, "3").unwrap();
        assert_eq!(changes(root.path(), files()).unwrap(), std::slice::from_ref(&y));
        assert_eq!(write(root.path(), files()).unwrap(), [x.clone(), y.clone()]);
        assert_eq!(fs::read(&y).unwrap(), b"2");
        assert_eq!(fs::metadata(&x).unwrap().modified().unwrap(), before);
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("z")).unwrap();
        let files: Files =
            [("a".to_owned(), b"1".to_vec()), ("z".to_owned(), b"2".to_vec())].into();
        let error = write(root.path(), [files]).unwrap_err();
        assert!(error.path.ends_with("z"), "{error}");
        let left: Vec<_> =
            fs::read_dir(root.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["z"]);
    }
}

//! Finds and reads lock files: `inspect.lock` in a directory that is given, or beside a file that is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::load::{display_name, read_text};
use crate::compile::LockText;
use crate::diag::Diagnostic;

/// What a lock file is called.
pub const LOCK_NAME: &str = "inspect.lock";

/// Where the lock of each given path lies or would lie, each place once, sorted.
#[must_use]
pub fn lock_places(inputs: &[PathBuf]) -> Vec<PathBuf> {
    let mut places = BTreeMap::new();
    for path in inputs {
        let directory = match path.parent() {
            _ if path.is_dir() => path.as_path(),
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        // One that cannot be resolved counts under the name that it was given.
        let real = fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
        let place = match directory == Path::new(".") {
            true => PathBuf::from(LOCK_NAME),
            false => directory.join(LOCK_NAME),
        };
        places.entry(real).or_insert(place);
    }
    let mut places: Vec<PathBuf> = places.into_values().collect();
    places.sort();
    places
}

/// The locks that exist beside the given paths.
#[must_use]
pub fn locks_beside(inputs: &[PathBuf]) -> Vec<PathBuf> {
    let mut places = lock_places(inputs);
    places.retain(|place| place.exists());
    places
}

/// The text of a lock, or what is wrong with the file.
pub fn read_lock_text(path: &Path) -> Result<LockText, Box<Diagnostic>> {
    let name = display_name(path);
    let text = read_text(path, &name)?;
    Ok(LockText { name, text })
}

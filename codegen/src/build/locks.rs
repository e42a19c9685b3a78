//! Finds and reads lock files. A schema is held against the nearest `inspect.lock` at or above it, so that it
//! makes no difference by which path it was reached.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::load::{Loaded, display_name, read_text};
use crate::compile::LockText;
use crate::diag::Diagnostic;

/// What a lock file is called.
pub const LOCK_NAME: &str = "inspect.lock";

/// Where the lock of each given path lies or would lie, each place once, sorted: the nearest at or above the
/// path, or in the directory that is given or that holds the file.
#[must_use]
pub fn lock_places(inputs: &[PathBuf]) -> Vec<PathBuf> {
    let mut places = Places::default();
    for directory in inputs.iter().map(|path| directory_of(path)) {
        places.add(nearest(directory).unwrap_or_else(|| lock_in(directory)));
    }
    places.sorted()
}

/// The locks that loaded schemas are held against: the nearest at or above each file and each given path.
#[must_use]
pub fn locks_of(inputs: &[PathBuf], loaded: &Loaded) -> Vec<PathBuf> {
    let own = loaded.sources.files().zip(&loaded.paths);
    let own = own.filter(|((_, file), _)| !file.imported).map(|(_, path)| path);
    let directories: BTreeSet<&Path> =
        inputs.iter().chain(own).map(|it| directory_of(it)).collect();
    let mut places = Places::default();
    directories.into_iter().filter_map(nearest).for_each(|place| places.add(place));
    places.sorted()
}

/// The text of a lock, or what is wrong with the file. `inputs` are the paths of the schemas that are held
/// against it.
pub fn read_lock_text(path: &Path, inputs: &[PathBuf]) -> Result<LockText, Box<Diagnostic>> {
    let name = display_name(path);
    let text = read_text(path, &name)?;
    Ok(LockText { name, text, whole: is_whole(path, inputs) })
}

/// Whether all schemas that a lock speaks of are among the given ones, so that one which is not there is gone: the
/// directory that it lies in was given, or one around it. A lock that lies elsewhere, such as that of an old release,
/// speaks of the directories that are given; one above any of them may speak of others beside.
#[must_use]
pub fn is_whole(lock: &Path, inputs: &[PathBuf]) -> bool {
    let place = resolved(directory_of(lock));
    let given = || inputs.iter().filter(|path| path.is_dir()).map(|path| resolved(path));
    let is_inside = given().any(|given| place.starts_with(given));
    let lies_above = inputs.iter().any(|path| resolved(path).starts_with(&place));
    is_inside || (given().next().is_some() && !lies_above)
}

/// Lock files by the real directories that they lie in.
#[derive(Default)]
struct Places(BTreeMap<PathBuf, PathBuf>);

impl Places {
    fn add(&mut self, place: PathBuf) {
        self.0.entry(resolved(directory_of(&place))).or_insert(place);
    }

    fn sorted(self) -> Vec<PathBuf> {
        let mut places: Vec<PathBuf> = self.0.into_values().collect();
        places.sort();
        places
    }
}

/// The nearest lock in a directory or one around it, no further up than the top of a git work tree: what lies
/// outside of it belongs to somebody else.
fn nearest(directory: &Path) -> Option<PathBuf> {
    let real = resolved(directory);
    for around in real.ancestors() {
        let place = match around == real {
            true => lock_in(directory),
            false => lock_in(&shown(around)),
        };
        if place.exists() {
            return Some(place);
        }
        if around.join(".git").exists() {
            break;
        }
    }
    None
}

/// A directory as seen from the one that the program runs in, where it lies in that.
fn shown(directory: &Path) -> PathBuf {
    let working = std::env::current_dir().and_then(fs::canonicalize);
    let below = working.ok().and_then(|it| directory.strip_prefix(it).ok().map(Path::to_owned));
    below.unwrap_or_else(|| directory.to_owned())
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        _ if path.is_dir() => path,
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn lock_in(directory: &Path) -> PathBuf {
    match directory == Path::new(".") {
        true => PathBuf::from(LOCK_NAME),
        false => directory.join(LOCK_NAME),
    }
}

/// One that cannot be resolved counts under the name that it was given.
fn resolved(directory: &Path) -> PathBuf {
    fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned())
}

//! Reads the files of a compilation: given files, directories searched for `*.inspect`, imports.
//!
//! The result does not depend on the order in which paths are given: files are sorted by path, and
//! a file that is reached twice is read once. Whatever cannot be read becomes a diagnostic, and the
//! search goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::source::SourceMap;

/// The extension of a schema file.
pub const EXTENSION: &str = "inspect";

/// The most bytes that a schema file may have. Spans count in 32 bits, and no schema that a person
/// wrote comes near.
pub const MAX_FILE_SIZE: u64 = 64 << 20;

/// What a search found.
#[derive(Debug)]
pub struct Loaded {
    /// The text of every file that could be read, given ones first.
    pub sources: SourceMap,
    /// Where the file with the same position in `sources` lies.
    pub paths: Vec<PathBuf>,
    /// What could not be read.
    pub diagnostics: Diagnostics,
    /// Every file and directory that the result depends on, sorted: those that a build has to
    /// watch.
    pub watched: BTreeSet<PathBuf>,
}

/// Reads `inputs`, which are compiled, and `imports`, which are consulted.
#[must_use]
pub fn load(inputs: &[PathBuf], imports: &[PathBuf]) -> Loaded {
    let mut search = Search::default();
    for (paths, imported) in [(inputs, false), (imports, true)] {
        let mut paths = paths.to_vec();
        paths.sort();
        paths.dedup();
        for path in paths {
            search.given(&path, imported);
        }
    }
    if search.files.is_empty() && search.diagnostics.is_empty() {
        search.diagnostics.push(Diagnostic::without_place(Code::E0004, "no schema was given"));
    }
    let mut files: Vec<_> = search.files.into_values().collect();
    files.sort_by(|a, b| (a.imported, &a.name).cmp(&(b.imported, &b.name)));
    let mut loaded = Loaded {
        sources: SourceMap::new(),
        paths: Vec::new(),
        diagnostics: search.diagnostics,
        watched: search.watched,
    };
    for file in files {
        loaded.watched.insert(file.path.clone());
        match read_text(&file.path, &file.name) {
            Ok(text) => {
                loaded.sources.add(file.name, text, file.imported);
                loaded.paths.push(file.path);
            }
            Err(diagnostic) => loaded.diagnostics.push(*diagnostic),
        }
    }
    loaded
}

/// The text of one file, or what is wrong with it.
pub fn read_text(path: &Path, name: &str) -> Result<String, Box<Diagnostic>> {
    let unreadable = |error: io::Error| Box::new(cannot_read(name, &error));
    let file = fs::File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    if size > MAX_FILE_SIZE {
        return Err(Box::new(too_large(name)));
    }
    // A pipe or a device has no size beforehand, and a file may grow: the limit holds for what is
    // read.
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    file.take(MAX_FILE_SIZE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    text_of(bytes, name)
}

/// Bytes as the text of a schema, or what is wrong with them.
pub fn text_of(bytes: Vec<u8>, name: &str) -> Result<String, Box<Diagnostic>> {
    if bytes.len() as u64 > MAX_FILE_SIZE {
        return Err(Box::new(too_large(name)));
    }
    String::from_utf8(bytes).map_err(|error| Box::new(not_utf8(name, &error)))
}

fn cannot_read(name: &str, error: &io::Error) -> Diagnostic {
    Diagnostic::without_place(Code::E0001, format!("cannot read `{name}`: {error}"))
}

fn too_large(name: &str) -> Diagnostic {
    let limit = MAX_FILE_SIZE >> 20;
    Diagnostic::without_place(Code::E0003, format!("`{name}` is larger than {limit} MiB"))
        .help("a schema is text that people write; split it, or look what the file really is")
}

fn not_utf8(name: &str, error: &std::string::FromUtf8Error) -> Diagnostic {
    let valid = error.utf8_error().valid_up_to();
    let bytes = error.as_bytes();
    let before = &bytes[..valid];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    // The bytes before are valid, so counting those that begin a character counts characters.
    let column = before[line_start..].iter().filter(|byte| **byte & 0xc0 != 0x80).count() + 1;
    Diagnostic::without_place(
        Code::E0002,
        format!(
            "`{name}` is not valid UTF-8: byte {:#04x} at offset {valid}, line {line}, column {column}",
            bytes[valid]
        ),
    )
    .help("save the file as UTF-8")
}

/// A file that was found.
struct Found {
    path: PathBuf,
    name: String,
    imported: bool,
}

#[derive(Default)]
struct Search {
    /// By real path, so that a file which is reached in two ways counts once.
    files: BTreeMap<PathBuf, Found>,
    /// Directories that have been searched, by real path and whether for imports.
    searched: BTreeSet<(PathBuf, bool)>,
    diagnostics: Diagnostics,
    watched: BTreeSet<PathBuf>,
}

impl Search {
    /// A path as the user gave it.
    fn given(&mut self, path: &Path, imported: bool) {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) => {
                self.watched.insert(path.to_owned());
                self.diagnostics.push(cannot_read(&display_name(path), &error));
                return;
            }
        };
        if !metadata.is_dir() {
            self.file(path, imported);
            return;
        }
        let found_before = self.files.len();
        let errors_before = self.diagnostics.len();
        let first_visit = self.directory(path, imported, &mut Vec::new());
        let nothing = self.files.len() == found_before && self.diagnostics.len() == errors_before;
        if first_visit && nothing && !imported {
            let name = display_name(path);
            self.diagnostics.push(Diagnostic::without_place(
                Code::E0004,
                format!("`{name}` holds no `*.{EXTENSION}` file"),
            ));
        }
    }

    fn file(&mut self, path: &Path, imported: bool) {
        // A file that cannot be resolved is kept under its own name: reading it will say why.
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let found = Found { path: path.to_owned(), name: display_name(path), imported };
        match self.files.get_mut(&real) {
            // Given files come first, so that an import never takes one away from the compilation.
            Some(known) if (known.imported, &known.name) <= (imported, &found.name) => {}
            Some(known) => *known = found,
            None => {
                self.files.insert(real, found);
            }
        }
    }

    /// Searches a directory; `above` holds the real paths of those around it. Returns whether it
    /// had not been searched before.
    fn directory(&mut self, path: &Path, imported: bool, above: &mut Vec<PathBuf>) -> bool {
        self.watched.insert(path.to_owned());
        let listing = fs::canonicalize(path).and_then(|real| {
            let entries: io::Result<Vec<_>> = fs::read_dir(path)?.collect();
            Ok((real, entries?))
        });
        let (real, mut entries) = match listing {
            Ok(listing) => listing,
            Err(error) => {
                self.diagnostics.push(cannot_read(&display_name(path), &error));
                return true;
            }
        };
        if above.contains(&real) {
            let (name, target) = (display_name(path), display_name(&real));
            self.diagnostics.push(
                Diagnostic::without_place(
                    Code::E0005,
                    format!("`{name}` leads back to `{target}`, which holds it"),
                )
                .help("remove the link, or give the directories one by one"),
            );
            return true;
        }
        if !self.searched.insert((real.clone(), imported)) {
            return false;
        }
        entries.sort_by_key(fs::DirEntry::file_name);
        above.push(real);
        for entry in entries {
            self.entry(&entry, imported, above);
        }
        above.pop();
        true
    }

    /// Something in a directory. Names with a leading dot belong to other programs; of the rest
    /// only directories and regular files named `*.inspect` count.
    fn entry(&mut self, entry: &fs::DirEntry, imported: bool, above: &mut Vec<PathBuf>) {
        if entry.file_name().as_encoded_bytes().first() == Some(&b'.') {
            return;
        }
        let path = entry.path();
        let is_schema = path.extension().is_some_and(|extension| extension == EXTENSION);
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                self.directory(&path, imported, above);
            }
            Ok(metadata) if metadata.is_file() && is_schema => self.file(&path, imported),
            Err(error) if is_schema => {
                self.watched.insert(path.clone());
                self.diagnostics.push(cannot_read(&display_name(&path), &error));
            }
            _ => {}
        }
    }
}

/// A path as messages and outputs show it: `/` between its parts, without `.` parts.
pub(crate) fn display_name(path: &Path) -> String {
    let parts: PathBuf =
        path.components().filter(|part| !matches!(part, std::path::Component::CurDir)).collect();
    let text = parts.to_string_lossy();
    let text = if cfg!(windows) { text.replace('\\', "/") } else { text.into_owned() };
    if text.is_empty() { ".".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(loaded: Loaded) -> Vec<&'static str> {
        loaded.diagnostics.into_sorted().iter().map(|found| found.code.name()).collect()
    }

    fn names(loaded: &Loaded) -> Vec<String> {
        let short = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
        loaded.sources.files().map(|(_, file)| short(&file.name)).collect()
    }

    #[test]
    fn a_directory_is_searched_and_a_file_counts_once() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("sub")).unwrap();
        fs::create_dir(root.path().join(".git")).unwrap();
        for name in ["b.inspect", "sub/a.inspect", "notes.md", ".git/c.inspect"] {
            fs::write(root.path().join(name), "").unwrap();
        }
        let directory = root.path().to_owned();
        let again = root.path().join("./sub/../b.inspect");
        let both = load(&[directory.clone(), again.clone()], std::slice::from_ref(&directory));
        assert_eq!(names(&both), ["b.inspect", "a.inspect"]);
        assert!(both.sources.files().all(|(_, file)| !file.imported));
        let turned = load(&[again, directory], &[]);
        assert_eq!(names(&turned), ["b.inspect", "a.inspect"]);
        assert!(both.diagnostics.is_empty() && turned.diagnostics.is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_said_and_the_rest_is_read() {
        let root = tempfile::tempdir().unwrap();
        let good = root.path().join("good.inspect");
        let bad = root.path().join("bad.inspect");
        fs::write(&good, "").unwrap();
        fs::write(&bad, b"schema\n\xc3\xa9 \xff").unwrap();
        let loaded = load(&[good, bad, root.path().join("missing.inspect")], &[]);
        assert_eq!(names(&loaded), ["good.inspect"]);
        let found = loaded.diagnostics.into_sorted();
        let codes: Vec<_> = found.iter().map(|found| found.code.name()).collect();
        assert_eq!(codes, ["E0001", "E0002"]);
        assert!(found[1].message.contains("byte 0xff at offset 10, line 2, column 3"), "{found:?}");
    }

    #[test]
    fn an_empty_directory_and_a_large_file_are_errors() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(codes(load(&[root.path().to_owned()], &[])), ["E0004"]);
        assert_eq!(codes(load(&[], &[])), ["E0004"]);
        let large = root.path().join("large.inspect");
        fs::File::create(&large).unwrap().set_len(MAX_FILE_SIZE + 1).unwrap();
        assert_eq!(codes(load(&[large], &[])), ["E0003"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_directory_loop_is_an_error_and_an_endless_device_ends() {
        let root = tempfile::tempdir().unwrap();
        let sub = root.path().join("sub");
        fs::create_dir(&sub).unwrap();
        std::os::unix::fs::symlink(root.path(), sub.join("up")).unwrap();
        assert_eq!(codes(load(&[root.path().to_owned()], &[])), ["E0005"]);
        assert_eq!(codes(load(&[PathBuf::from("/dev/zero")], &[])), ["E0003"]);
    }
}

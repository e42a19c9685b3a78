//! The schemas of a git revision, read through the program `git`: the same paths, as they were then.
//!
//! Three commands that neither change the repository nor reach for another machine: what a revision is, which files it
//! has below a path, and what is in them.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::build::{self, EXTENSION, MAX_FILE_SIZE};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::source::SourceMap;

type Result<T> = std::result::Result<T, Box<Diagnostic>>;

/// What lies at `schemas` in `revision`. Imports that the revision does not have are read from where they lie now.
pub(super) fn load(
    schemas: &[PathBuf],
    imports: &[PathBuf],
    revision: &str,
) -> Result<(SourceMap, Diagnostics)> {
    let mut files = Vec::new();
    for path in schemas {
        files.extend(files_below(path, revision, false)?);
    }
    if files.is_empty() {
        let shown: Vec<String> =
            schemas.iter().map(|path| format!("`{}`", path.display())).collect();
        let message = format!("revision `{revision}` has no schemas at {}", shown.join(", "));
        return Err(Box::new(Diagnostic::without_place(Code::E0004, message).help(
            "did they lie elsewhere then? Check the revision out, and name their directory with --against",
        )));
    }
    let mut today = Vec::new();
    for path in imports {
        match files_below(path, revision, true) {
            Ok(found) if !found.is_empty() => files.extend(found),
            _ => today.push(path.clone()),
        }
    }
    files.sort_by(|a, b| (a.imported, &a.name).cmp(&(b.imported, &b.name)));
    // What is imported may be given, too, and counts once.
    let mut known = BTreeSet::new();
    files.retain(|file| known.insert(file.name.clone()));
    let mut sources = SourceMap::new();
    let mut found = Diagnostics::new();
    for file in files {
        match read(&file) {
            Ok(text) => {
                sources.add(file.name, text, file.imported);
            }
            Err(unreadable) => found.push(*unreadable),
        }
    }
    if !today.is_empty() {
        let loaded = build::load(&[], &today);
        for (_, file) in loaded.sources.files() {
            sources.add(file.name.clone(), file.text.clone(), true);
        }
        found.append(loaded.diagnostics);
    }
    Ok((sources, found))
}

/// A schema in a revision.
struct File {
    /// The top of its work tree.
    top: PathBuf,
    /// The object that holds its text.
    object: String,
    /// `v1.2:schema/mm.inspect`
    name: String,
    imported: bool,
}

fn files_below(path: &Path, revision: &str, imported: bool) -> Result<Vec<File>> {
    let (directory, rest) = existing(path);
    let place = |arguments: &[&OsStr]| git(&directory, arguments);
    let top = place(&["rev-parse".as_ref(), "--show-toplevel".as_ref()]).and_then(|output| {
        success(output, &format!("`{}` is in no git repository", path.display()))
    })?;
    let top = PathBuf::from(path_of(trimmed(&top)));
    let commit: OsString = format!("{revision}^{{commit}}").into();
    let verify = ["rev-parse", "--verify", "--quiet", "--end-of-options"].map(OsStr::new);
    let verify: Vec<&OsStr> = verify.into_iter().chain([commit.as_os_str()]).collect();
    let missing = format!("there is no revision `{revision}` in `{}`", top.display());
    let commit = git(&top, &verify).and_then(|output| success(output, &missing))?;
    let commit = String::from_utf8_lossy(trimmed(&commit)).into_owned();
    let below = std::fs::canonicalize(&directory).unwrap_or(directory).join(rest);
    let real_top = std::fs::canonicalize(&top).unwrap_or_else(|_| top.clone());
    let below = below.strip_prefix(&real_top).unwrap_or(Path::new("")).to_owned();
    let pathspec = if below.as_os_str().is_empty() { OsStr::new(".") } else { below.as_os_str() };
    let listing = git(
        &top,
        &[
            "ls-tree".as_ref(),
            "-r".as_ref(),
            "-z".as_ref(),
            "--full-tree".as_ref(),
            commit.as_ref(),
            "--".as_ref(),
            pathspec,
        ],
    )
    .and_then(|output| success(output, &format!("cannot list revision `{revision}`")))?;
    let mut files = Vec::new();
    for record in listing.split(|byte| *byte == 0).filter(|record| !record.is_empty()) {
        let Some((mode, object, name)) = tree_record(record) else { continue };
        // Links and submodules hold no text of their own.
        if mode.starts_with("100") && is_schema(&name, &below) {
            let name = format!("{revision}:{}", name.display());
            files.push(File { top: top.clone(), object, name, imported });
        }
    }
    Ok(files)
}

/// As the search in directories: files named `*.inspect`, none behind a leading dot. A given file counts whatever
/// its name is.
fn is_schema(name: &Path, below: &Path) -> bool {
    let Ok(rest) = name.strip_prefix(below) else { return false };
    let hidden = rest.iter().any(|part| part.as_encoded_bytes().first() == Some(&b'.'));
    rest.as_os_str().is_empty() || (!hidden && name.extension().is_some_and(|it| it == EXTENSION))
}

/// The nearest directory that is there, and the way from it to the path.
fn existing(path: &Path) -> (PathBuf, PathBuf) {
    let mut directory = path;
    while !directory.as_os_str().is_empty() && !directory.is_dir() {
        directory = directory.parent().unwrap_or(Path::new(""));
    }
    let rest = path.strip_prefix(directory).unwrap_or(Path::new("")).to_owned();
    match directory.as_os_str().is_empty() {
        true => (PathBuf::from("."), path.to_owned()),
        false => (directory.to_owned(), rest),
    }
}

/// `100644 blob OBJECT<TAB>PATH`
fn tree_record(record: &[u8]) -> Option<(String, String, PathBuf)> {
    let tab = record.iter().position(|byte| *byte == b'\t')?;
    let (head, name) = (record.get(..tab)?, record.get(tab + 1..)?);
    let mut words = std::str::from_utf8(head).ok()?.split(' ');
    let (mode, kind, object) = (words.next()?, words.next()?, words.next()?);
    (kind == "blob").then(|| (mode.to_owned(), object.to_owned(), PathBuf::from(path_of(name))))
}

/// The text of a file. Git may say how large it is before it is read.
fn read(file: &File) -> Result<String> {
    let failed = |error: io::Error| {
        let message = format!("cannot read `{}`: {error}", file.name);
        Box::new(Diagnostic::without_place(Code::E0001, message))
    };
    let mut child = command(&file.top)
        .args(["cat-file", "blob", &file.object])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let mut bytes = Vec::new();
    if let Some(output) = child.stdout.take() {
        output.take(MAX_FILE_SIZE + 1).read_to_end(&mut bytes).map_err(failed)?;
    }
    if bytes.len() as u64 > MAX_FILE_SIZE {
        // It still wants to write; nobody reads on.
        let _ = child.kill();
    }
    let status = child.wait().map_err(failed)?;
    if !status.success() && bytes.len() as u64 <= MAX_FILE_SIZE {
        return Err(failed(io::Error::other("git does not have it")));
    }
    build::text_of(bytes, &file.name)
}

fn command(directory: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("--no-optional-locks").arg("-C").arg(directory);
    // Paths are paths, and what a partial clone lacks is not fetched.
    command.env("GIT_LITERAL_PATHSPECS", "1").env("GIT_NO_LAZY_FETCH", "1");
    command
}

fn git(directory: &Path, arguments: &[&OsStr]) -> Result<Output> {
    command(directory).args(arguments).stdin(Stdio::null()).output().map_err(|error| {
        let message = match error.kind() {
            io::ErrorKind::NotFound => "the program `git` is not there".to_owned(),
            _ => format!("cannot run `git`: {error}"),
        };
        Box::new(
            Diagnostic::without_place(Code::E0001, message).help(
                "install it, or check the revision out and name its directory with --against",
            ),
        )
    })
}

/// The output of a command that went well; otherwise `message` with the first line of what git said.
fn success(output: Output, message: &str) -> Result<Vec<u8>> {
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().next().unwrap_or_default();
    let diagnostic = Diagnostic::without_place(Code::E0001, message);
    Err(Box::new(if said.is_empty() {
        diagnostic
    } else {
        diagnostic.help(format!("git says: {said}"))
    }))
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii_end()
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> OsString {
    use std::os::unix::ffi::OsStrExt as _;
    OsStr::from_bytes(bytes).to_owned()
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> OsString {
    String::from_utf8_lossy(bytes).into_owned().into()
}

//! From text to the model in one call: parse, check, and the schema that is always in scope.
//!
//! No input or output happens here. `build` reads the files, for build scripts and for the program.

use crate::check::{self, Options};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::Model;
use crate::release::{self, Lock, Release};
use crate::source::SourceMap;
use crate::syntax::{self, ast};

/// The schema of the format itself. It joins every compilation that does not bring one of its own.
pub const CORE_SCHEMA: &str = include_str!("../../schema/core.inspect");

/// The name of [`CORE_SCHEMA`] in messages.
const CORE_FILE: &str = "<inspect.core>";

/// Parses and checks a compilation. The embedded core schema is added to `sources` where the
/// compilation does not define it, so that a finding may point at it. There is a model if, and only
/// if, no finding is an error.
#[must_use]
pub fn compile(sources: &mut SourceMap, options: &Options) -> (Option<Model>, Vec<Diagnostic>) {
    compile_loaded(sources, Diagnostics::new(), options)
}

/// As [`compile`], after a search that may have found something to say. Where a file could not be
/// read, the others are parsed and not checked: what the missing file defines would be reported as
/// unknown.
#[must_use]
pub fn compile_loaded(
    sources: &mut SourceMap,
    found: Diagnostics,
    options: &Options,
) -> (Option<Model>, Vec<Diagnostic>) {
    let (model, found, _) = compile_kept(sources, found, options);
    (model, found.into_sorted())
}

/// As [`compile_loaded`], held against the texts of locks: what breaks a released version is an error.
#[must_use]
pub fn compile_locked(
    sources: &mut SourceMap,
    found: Diagnostics,
    options: &Options,
    locks: Vec<LockText>,
) -> (Option<Model>, Vec<Diagnostic>) {
    let (model, mut found, files) = compile_kept(sources, found, options);
    let Some(model) = model else { return (None, found.into_sorted()) };
    for lock in locks {
        match read_lock(sources, lock) {
            Ok(lock) => {
                found.append(match releases(sources, &files, &model, options, &lock.release) {
                    Ok(releases) => release::hold(&lock, releases.then(), &releases.now, false),
                    Err(failed) => failed,
                })
            }
            Err(unreadable) => found.push(*unreadable),
        }
    }
    let model = if found.has_errors() { None } else { Some(model) };
    (model, found.into_sorted())
}

/// A lock file that was read and not yet understood.
#[derive(Clone, Debug)]
pub struct LockText {
    /// Its name in messages.
    pub name: String,
    /// What it holds.
    pub text: String,
}

/// Understands a lock; its text joins `sources`, so that findings point into it.
pub fn read_lock(sources: &mut SourceMap, lock: LockText) -> Result<Lock, Box<Diagnostic>> {
    let file = sources.add(lock.name, lock.text, true);
    let text = &sources.file(file).text;
    release::parse(text, file).map_err(|error| Box::new(release::unreadable(&error)))
}

/// What the schemas of a compilation promise: as of the versions that were released, and now.
#[derive(Debug)]
pub struct Releases {
    /// As of the released versions, where they are not the ones that are emitted.
    older: Option<Release>,
    /// Of the versions that are emitted.
    pub now: Release,
}

impl Releases {
    /// As of the released versions.
    #[must_use]
    pub fn then(&self) -> &Release {
        self.older.as_ref().unwrap_or(&self.now)
    }
}

/// The releases of a compilation that `old` is compared with. `files` are the trees that `model` was made of.
pub fn releases(
    sources: &SourceMap,
    files: &[ast::File],
    model: &Model,
    options: &Options,
    old: &Release,
) -> Result<Releases, Diagnostics> {
    let now = Release::of(model);
    let as_of = release::as_of(old, model);
    if as_of.is_empty() {
        return Ok(Releases { older: None, now });
    }
    let versions: Vec<String> = as_of
        .iter()
        .map(|(name, version)| format!("{}={version}", name.as_deref().unwrap_or_default()))
        .collect();
    let (then, found) = check::check(sources, files, &Options { as_of, ..options.clone() });
    match then {
        Some(then) => Ok(Releases { older: Some(Release::of(&then)), now }),
        None => {
            let message =
                "the schemas cannot be compiled any longer as of the versions that were released";
            let mut failed = Diagnostics::new();
            failed.push(
                Diagnostic::without_place(Code::E0608, message).help(format!(
                    "`--as-of {}` shows the same errors",
                    versions.join(" --as-of ")
                )),
            );
            failed.append(found);
            Err(failed)
        }
    }
}

/// The model, all findings, and the trees of all files.
pub fn compile_kept(
    sources: &mut SourceMap,
    mut found: Diagnostics,
    options: &Options,
) -> (Option<Model>, Diagnostics, Vec<ast::File>) {
    let readable = !found.has_errors();
    let (mut files, parsing) = syntax::parse(sources);
    found.append(parsing);
    if !readable {
        return (None, found, files);
    }
    if !files.iter().any(defines_core) {
        files.extend(parse_core(sources));
    }
    let (model, checking) = check::check(sources, &files, options);
    found.append(checking);
    let model = if found.has_errors() { None } else { model };
    (model, found, files)
}

fn defines_core(file: &ast::File) -> bool {
    let Some(header) = &file.header else { return false };
    header.name.iter().map(|segment| segment.text.as_str()).eq(check::CORE.split('.'))
}

/// Adds the core schema and parses it alone: the other files have been parsed. Its tree refers to
/// the place that it has in `sources`, so it is parsed at the same place behind empty files.
fn parse_core(sources: &mut SourceMap) -> Option<ast::File> {
    let mut alone = SourceMap::new();
    for _ in sources.files() {
        alone.add("", "", true);
    }
    alone.add(CORE_FILE, CORE_SCHEMA, true);
    let id = sources.add(CORE_FILE, CORE_SCHEMA, true);
    let (files, _) = syntax::parse(&alone);
    files.into_iter().find(|file| file.file == id)
}

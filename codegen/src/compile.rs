//! From text to the model in one call: parse, check, and the schema that is always in scope.
//!
//! No input or output happens here. `build` reads the files, for build scripts and for the program.

use crate::check::{self, Options};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::{Model, Target};
use crate::release::{self, Lock, Release, Targets};
use crate::source::{SourceMap, Span};
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
        let whole = lock.whole;
        match read_lock(sources, lock) {
            Ok(lock) => {
                few_targets(sources, &lock).into_iter().for_each(|few| found.push(few));
                found.append(match releases(sources, &files, &model, options, &lock.release) {
                    Ok(releases) => release::hold(&lock, releases.then(), &releases.now, whole),
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
    /// Whether all schemas that it speaks of are at hand: one that is not was removed.
    pub whole: bool,
}

/// Understands a lock; its text joins `sources`, so that findings point into it.
pub fn read_lock(sources: &mut SourceMap, lock: LockText) -> Result<Lock, Box<Diagnostic>> {
    let file = sources.add(lock.name, lock.text, true);
    let text = &sources.file(file).text;
    release::parse(text, file).map_err(|error| Box::new(release::unreadable(&error)))
}

/// What to say of a lock that does not speak of every target: breaks on the others pass.
#[must_use]
pub fn few_targets(sources: &SourceMap, lock: &Lock) -> Option<Diagnostic> {
    let release = &lock.release;
    let missing: Vec<&str> =
        Targets::all().iter().filter(|it| !release.targets.has(*it)).map(Target::name).collect();
    let file = release.schemas.values().next()?.place.file;
    let text = &sources.file(file).text;
    let start = text.find("targets").filter(|_| !missing.is_empty())?;
    let length = text.get(start..)?.lines().next()?.len();
    let message = format!("what breaks on {} passes", missing.join(", "));
    Some(
        Diagnostic::new(Code::W0601, Span::new(file, start, start + length), message)
            .label("these targets are compared, and no others")
            .help("`inspect-gen lock SCHEMA...` writes down all targets"),
    )
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
    let schemas = model.schemas.iter();
    let schemas = schemas.map(|schema| (schema.name.as_str(), schema.version, schema.latest));
    let as_of = release::as_of(old, schemas);
    let now = Release::of(model);
    if as_of.is_empty() {
        return Ok(Releases { older: None, now });
    }
    let older = older(sources, files, options, as_of)?;
    Ok(Releases { older: Some(older), now })
}

/// What the schemas promised as of older versions.
fn older(
    sources: &SourceMap,
    files: &[ast::File],
    options: &Options,
    as_of: Vec<(Option<String>, u32)>,
) -> Result<Release, Diagnostics> {
    let versions: Vec<String> = as_of
        .iter()
        .map(|(name, version)| format!("{}={version}", name.as_deref().unwrap_or_default()))
        .collect();
    let (then, found) = check::check(sources, files, &Options { as_of, ..options.clone() });
    if let Some(then) = then {
        let release = Release::of(&then);
        // Whoever asks is done with it soon, and large trees take long to take apart.
        std::mem::forget(then);
        return Ok(release);
    }
    let message = "the schemas cannot be compiled any longer as of the versions that were released";
    let mut failed = Diagnostics::new();
    failed.push(
        Diagnostic::without_place(Code::E0608, message)
            .help(format!("`--as-of {}` shows the same errors", versions.join(" --as-of "))),
    );
    failed.append(found);
    Err(failed)
}

/// Checks parsed schemas as [`check::check`] does, and makes the releases that `old` is compared with. The
/// versions stand in the headers, so that both checks can run at the same time.
pub fn check_against(
    sources: &SourceMap,
    files: &[ast::File],
    options: &Options,
    old: &Release,
) -> (Diagnostics, Option<Result<Releases, Diagnostics>>) {
    let headers: Vec<(String, u32)> =
        files.iter().filter_map(|file| header(file.header.as_ref()?)).collect();
    let schemas = headers.iter().map(|(name, version)| (name.as_str(), *version, *version));
    let as_of = release::as_of(old, schemas);
    std::thread::scope(|scope| {
        let is_older = !as_of.is_empty();
        let other = is_older.then(|| scope.spawn(|| older(sources, files, options, as_of)));
        let (model, found) = check::check(sources, files, options);
        let now = model.as_ref().map(Release::of);
        std::mem::forget(model);
        let other = other.map(|thread| match thread.join() {
            Ok(older) => older,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        let releases = now.map(|now| Ok(Releases { older: other.transpose()?, now }));
        (found, releases)
    })
}

/// The name and the version that a header says, if it says one.
fn header(header: &ast::Header) -> Option<(String, u32)> {
    let name: Vec<&str> = header.name.iter().map(|segment| segment.text.as_str()).collect();
    match header.version.kind {
        ast::ExprKind::Int(version) => Some((name.join("."), u32::try_from(version).ok()?)),
        _ => None,
    }
}

/// The model, all findings, and the trees of all files.
pub fn compile_kept(
    sources: &mut SourceMap,
    found: Diagnostics,
    options: &Options,
) -> (Option<Model>, Diagnostics, Vec<ast::File>) {
    let readable = !found.has_errors();
    let (files, found) = parse_all(sources, found);
    if !readable {
        return (None, found, files);
    }
    let (model, found) = compile_parsed(sources, &files, found, options);
    (model, found, files)
}

/// The model of what [`parse_all`] has parsed, and all findings.
pub fn compile_parsed(
    sources: &SourceMap,
    files: &[ast::File],
    mut found: Diagnostics,
    options: &Options,
) -> (Option<Model>, Diagnostics) {
    let (model, checking) = check::check(sources, files, options);
    found.append(checking);
    let model = if found.has_errors() { None } else { model };
    (model, found)
}

/// The tree of the core schema, as that of the file at a place: for whoever has a processor to spare before the other
/// files are there.
#[must_use]
pub fn parse_core(place: usize) -> Option<ast::File> {
    let mut alone = SourceMap::new();
    for _ in 0..place {
        alone.add("", "", true);
    }
    alone.add(CORE_FILE, CORE_SCHEMA, true);
    syntax::parse(&alone).0.pop()
}

/// As [`parse_all`], of files that do not define the core schema, whose tree is at hand: that of [`parse_core`] for the
/// place behind them.
pub fn parse_beside(sources: &mut SourceMap, core: ast::File) -> (Vec<ast::File>, Diagnostics) {
    let (mut files, found) = syntax::parse(sources);
    sources.add(CORE_FILE, CORE_SCHEMA, true);
    files.push(core);
    (files, found)
}

/// The trees of all files, the core schema among them, and all findings so far.
pub fn parse_all(sources: &mut SourceMap, mut found: Diagnostics) -> (Vec<ast::File>, Diagnostics) {
    let readable = !found.has_errors();
    // Nearly every compilation needs it: it is parsed with the others, and rarely for nothing.
    sources.add(CORE_FILE, CORE_SCHEMA, true);
    let (mut files, parsing) = syntax::parse(sources);
    found.append(parsing);
    let core = files.pop();
    if readable && !files.iter().any(defines_core) {
        files.extend(core);
    } else {
        sources.remove_last();
    }
    (files, found)
}

fn defines_core(file: &ast::File) -> bool {
    let Some(header) = &file.header else { return false };
    header.name.iter().map(|segment| segment.text.as_str()).eq(check::CORE.split('.'))
}

//! `inspect-gen compat`: everything that breaks against what was released.

use std::path::PathBuf;

use super::Status;
use super::args::{Compat, MessageFormat};
use super::git;
use super::output::{self, Reporter, Terminal};
use super::progress::Progress;
use crate::build;
use crate::check::Options;
use crate::compile;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::release::{self, Exception, Lock, Release, Verdict};
use crate::source::SourceMap;

pub(super) fn run(arguments: &Compat, terminal: Terminal) -> Status {
    if arguments.list_rules {
        let text = match arguments.message_format {
            MessageFormat::Json => release::rules_json(),
            MessageFormat::Human | MessageFormat::Github => release::rules_text(),
        };
        return output::print(text.as_bytes());
    }
    match compat(arguments, terminal) {
        Ok(status) | Err(status) => status,
    }
}

fn compat(arguments: &Compat, terminal: Terminal) -> Result<Status, Status> {
    let progress = Progress::new(terminal);
    let reporter = terminal.reporter(arguments.message_format);
    progress.stage("checking schemas");
    let loaded = build::load(&arguments.schemas, &arguments.imports);
    let locks = match &arguments.lock {
        Some(path) => vec![path.clone()],
        None => build::locks_of(&arguments.schemas, &loaded),
    };
    let build::Loaded { mut sources, diagnostics, .. } = loaded;
    let (files, parsing) = compile::parse_all(&mut sources, diagnostics);
    let refuse = |sources: &SourceMap, found: Diagnostics| -> Result<Status, Status> {
        progress.hide();
        reporter.report(sources, &found.into_sorted())?;
        Err(Status::Findings)
    };
    if parsing.has_errors() {
        return refuse(&sources, parsing);
    }
    progress.stage("reading what was released");
    let old = released(arguments, &locks, &mut sources, reporter, &progress)?;
    progress.stage("comparing");
    let options = Options::default();
    let (mut found, releases) = compile::check_against(&sources, &files, &options, &old.release);
    progress.hide();
    let releases = match releases {
        Some(Ok(releases)) if !found.has_errors() => releases,
        Some(Err(failed)) if !found.has_errors() => return refuse(&sources, failed),
        _ => {
            found.append(parsing);
            return refuse(&sources, found);
        }
    };
    let mut verdict = release::judge(&old.release, releases.then(), &releases.now, old.whole);
    verdict.except(&old.exceptions);
    if !old.is_lock {
        // They were made for the lock, and may well be of no use here.
        verdict.idle.clear();
    } else if !old.whole {
        verdict.idle.retain(|it| releases.now.schemas.contains_key(&it.schema));
    }
    let status = report(&verdict, &sources, arguments, terminal);
    // The process ends now: taking large trees apart piece by piece would only take time.
    std::mem::forget((files, sources, old, releases, verdict));
    Ok(status)
}

fn report(
    verdict: &Verdict,
    sources: &SourceMap,
    arguments: &Compat,
    terminal: Terminal,
) -> Status {
    let text = match arguments.message_format {
        MessageFormat::Human => release::human(verdict, sources, terminal.color_results),
        MessageFormat::Json => release::json(verdict, sources),
        MessageFormat::Github => release::github(verdict, sources),
    };
    let noted = arguments.deny_notes && !verdict.differences.is_empty();
    let is_broken = verdict.has_breaks() || !verdict.idle.is_empty() || noted;
    match output::print(text.as_bytes()) {
        Status::Done if is_broken => Status::Findings,
        status => status,
    }
}

/// What was released, as `--against` names it.
struct Old {
    release: Release,
    exceptions: Vec<Exception>,
    is_lock: bool,
    /// Whether a schema that is not at hand any more was removed.
    whole: bool,
}

/// `locks` are those whose exceptions count where no lock is compared with.
fn released(
    arguments: &Compat,
    locks: &[PathBuf],
    sources: &mut SourceMap,
    reporter: Reporter,
    progress: &Progress,
) -> Result<Old, Status> {
    let against = arguments.against.clone().unwrap_or_default();
    let refuse = |sources: &SourceMap, diagnostic: Diagnostic| {
        progress.hide();
        reporter.report(sources, &[diagnostic])?;
        Err(Status::Findings)
    };
    let loaded = match against.to_str().and_then(|text| text.strip_prefix("git:")) {
        Some(revision) => match git::load(&arguments.schemas, &arguments.imports, revision) {
            Ok(loaded) => loaded,
            Err(diagnostic) => return refuse(sources, *diagnostic),
        },
        None => {
            let path = PathBuf::from(&against);
            let is_schema = path.extension().is_some_and(|it| it == build::EXTENSION);
            if !path.is_dir() && !is_schema {
                let lock = build::read_lock_text(&path, &arguments.schemas);
                let lock = lock.and_then(|it| Ok((it.whole, compile::read_lock(sources, it)?)));
                return match lock {
                    Ok((whole, lock)) => {
                        if let Some(few) = compile::few_targets(sources, &lock) {
                            reporter.report(sources, &[few])?;
                        }
                        let Lock { release, exceptions } = lock;
                        Ok(Old { release, exceptions, is_lock: true, whole })
                    }
                    Err(unreadable) => refuse(sources, *unreadable),
                };
            }
            let build::Loaded { sources, diagnostics, .. } =
                build::load(&[path], &arguments.imports);
            (sources, diagnostics)
        }
    };
    let release = compile_old(loaded, sources, reporter, progress)?;
    let mut exceptions = Vec::new();
    for path in locks {
        let lock = build::read_lock_text(path, &arguments.schemas);
        match lock.and_then(|text| compile::read_lock(sources, text)) {
            Ok(lock) => exceptions.extend(lock.exceptions),
            Err(unreadable) => return refuse(sources, *unreadable),
        }
    }
    let whole = arguments.schemas.iter().any(|path| path.is_dir());
    Ok(Old { release, exceptions, is_lock: false, whole })
}

/// Compiles the old schemas by themselves; their texts join the others, so that the report may point at them.
fn compile_old(
    (mut old_sources, diagnostics): (SourceMap, Diagnostics),
    sources: &mut SourceMap,
    reporter: Reporter,
    progress: &Progress,
) -> Result<Release, Status> {
    let options = Options::default();
    let (model, mut found, _) = compile::compile_kept(&mut old_sources, diagnostics, &options);
    let Some(model) = model else {
        progress.hide();
        let message =
            "what was released cannot be compiled, so that nothing can be compared with it";
        found.push(Diagnostic::without_place(Code::E0608, message));
        reporter.report(&old_sources, &found.into_sorted())?;
        return Err(Status::Findings);
    };
    let mut release = Release::of(&model);
    release.move_places(u32::try_from(sources.files().count()).unwrap_or(u32::MAX));
    for (_, file) in old_sources.files() {
        sources.add(file.name.clone(), file.text.clone(), true);
    }
    Ok(release)
}

//! `inspect-gen lock`: writes down what is released.

use std::path::{Path, PathBuf};

use super::args;
use super::output::{self, Terminal};
use super::progress::Progress;
use super::{Status, has_errors};
use crate::build;
use crate::check::Options;
use crate::compile;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::Model;
use crate::release::{self, Lock, Release};
use crate::source::SourceMap;
use crate::syntax::ast;

pub(super) fn run(arguments: &args::Lock, terminal: Terminal) -> Status {
    match lock(arguments, terminal) {
        Ok(status) | Err(status) => status,
    }
}

fn lock(arguments: &args::Lock, terminal: Terminal) -> Result<Status, Status> {
    let path = place(arguments)?;
    let progress = Progress::new(terminal);
    let reporter = terminal.reporter(arguments.message_format);
    progress.stage("checking schemas");
    let build::Loaded { mut sources, diagnostics, .. } =
        build::load(&arguments.schemas, &arguments.imports);
    let (model, found, files) =
        compile::compile_kept(&mut sources, diagnostics, &Options::default());
    let found = found.into_sorted();
    let Some(model) = model.filter(|_| !has_errors(&found)) else {
        progress.hide();
        reporter.report(&sources, &found)?;
        return Err(Status::Findings);
    };
    progress.stage("comparing with what was released");
    let written = match old_text(&path, arguments) {
        None => Ok(Lock { release: Release::of(&model), exceptions: Vec::new() }),
        Some(Ok(text)) => next(&mut sources, &files, &model, text, arguments.replace),
        Some(Err(unreadable)) => Err(unreadable),
    };
    progress.hide();
    match written {
        Ok(lock) => {
            reporter.report(&sources, &found)?;
            write(&path, &release::print(&lock), arguments.check)
        }
        Err(refused) => {
            let mut all = Diagnostics::new();
            found.into_iter().for_each(|diagnostic| all.push(diagnostic));
            all.append(refused);
            reporter.report(&sources, &all.into_sorted())?;
            let path = path.display();
            output::complain(&format!(
                "`{path}` was not written\n  undo what breaks, except it in the lock, or give --replace"
            ));
            Err(Status::Findings)
        }
    }
}

/// The lock file: the given one, or the one beside all the schemas.
fn place(arguments: &args::Lock) -> Result<PathBuf, Status> {
    if let Some(path) = &arguments.lock {
        return Ok(path.clone());
    }
    match build::lock_places(&arguments.schemas).as_slice() {
        [only] => Ok(only.clone()),
        _ => {
            output::complain(
                "the schemas lie in several directories, and a lock lies in one\n  \
                 lock one directory at a time, or say which file with --lock FILE",
            );
            Err(Status::Failed)
        }
    }
}

/// The text of the lock that is there; `None` where there is none, or it is not asked for.
fn old_text(path: &Path, arguments: &args::Lock) -> Option<Result<compile::LockText, Diagnostics>> {
    if !path.exists() {
        return None;
    }
    match build::read_lock_text(path, &arguments.schemas) {
        Ok(text) => Some(Ok(text)),
        Err(_) if arguments.replace => None,
        Err(unreadable) => Some(Err(only(*unreadable))),
    }
}

fn only(diagnostic: Diagnostic) -> Diagnostics {
    let mut found = Diagnostics::new();
    found.push(diagnostic);
    found
}

/// What follows the lock that is there, or why it may not.
fn next(
    sources: &mut SourceMap,
    files: &[ast::File],
    model: &Model,
    text: compile::LockText,
    replace: bool,
) -> Result<Lock, Diagnostics> {
    let whole = text.whole;
    let old = match compile::read_lock(sources, text) {
        Ok(old) => old,
        Err(_) if replace => {
            return Ok(Lock { release: Release::of(model), exceptions: Vec::new() });
        }
        Err(unreadable) => return Err(only(*unreadable)),
    };
    let now = if replace {
        Release::of(model)
    } else {
        let releases = compile::releases(sources, files, model, &Options::default(), &old.release)?;
        let mut refused = Diagnostics::new();
        let held = release::hold(&old, releases.then(), &releases.now, whole).into_sorted();
        // An exception that does not apply goes away with the others.
        let breaks = held.into_iter().filter(|diagnostic| diagnostic.code != Code::E0607);
        breaks.for_each(|diagnostic| refused.push(diagnostic));
        if refused.has_errors() {
            return Err(refused);
        }
        releases.now
    };
    Ok(follow(old, now, whole))
}

/// What was released of schemas that are not at hand stays, unless all are. Exceptions have served.
fn follow(old: Lock, mut now: Release, whole: bool) -> Lock {
    let mut exceptions = Vec::new();
    if !whole {
        exceptions = old.exceptions;
        exceptions.retain(|exception| !now.schemas.contains_key(&exception.schema));
        for (name, schema) in old.release.schemas {
            now.schemas.entry(name).or_insert(schema);
        }
    }
    Lock { release: now, exceptions }
}

fn write(path: &Path, text: &str, check: bool) -> Result<Status, Status> {
    if check {
        // Some checkouts end lines with CR LF, which the reader of locks takes as well.
        let found = std::fs::read_to_string(path);
        if found.is_ok_and(|found| found.replace("\r\n", "\n") == text) {
            return Ok(Status::Done);
        }
        let line = format!("would change {}\n", path.display());
        return match output::print(line.as_bytes()) {
            Status::Done => Ok(Status::Findings),
            status => Err(status),
        };
    }
    build::write_file(path, text.as_bytes()).map_err(|error| output::cannot_write(&error))?;
    Ok(Status::Done)
}

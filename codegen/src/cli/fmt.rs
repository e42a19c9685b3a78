//! `inspect-gen fmt`: schemas in the canonical layout. A file that cannot be parsed stays as it is.

use std::io::{self, Read as _};
use std::path::Path;

use super::args::Fmt;
use super::output::{self, Terminal};
use super::{Status, has_errors};
use crate::build::{self, MAX_FILE_SIZE};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::source::SourceMap;
use crate::syntax;

pub(super) fn run(arguments: &Fmt, terminal: Terminal) -> Status {
    match fmt(arguments, terminal) {
        Ok(status) | Err(status) => status,
    }
}

fn fmt(arguments: &Fmt, terminal: Terminal) -> Result<Status, Status> {
    let reporter = terminal.reporter(arguments.message_format);
    if arguments.schemas.iter().any(|path| path == Path::new("-")) {
        if arguments.schemas.len() > 1 {
            output::complain("`-` is standard input, and stands alone");
            return Err(Status::Failed);
        }
        let (sources, found) = match read_standard_input() {
            Ok(text) => {
                let mut sources = SourceMap::new();
                sources.add("<standard input>", text, false);
                (sources, Diagnostics::new())
            }
            Err(unreadable) => {
                let mut found = Diagnostics::new();
                found.push(*unreadable);
                (SourceMap::new(), found)
            }
        };
        let (texts, found) = format_all(&sources, found);
        reporter.beside_results().report(&sources, &found)?;
        let Some(Some(text)) = texts.first() else { return Err(Status::Findings) };
        if arguments.check {
            let changed = sources.files().any(|(_, file)| file.text != *text);
            return Ok(if changed { Status::Findings } else { Status::Done });
        }
        return Ok(output::print(text.as_bytes()));
    }
    let loaded = build::load(&arguments.schemas, &[]);
    let (texts, found) = format_all(&loaded.sources, loaded.diagnostics);
    reporter.report(&loaded.sources, &found)?;
    let mut list = String::new();
    for (((_, file), path), text) in loaded.sources.files().zip(&loaded.paths).zip(&texts) {
        let Some(text) = text.as_ref().filter(|text| **text != file.text) else { continue };
        if arguments.check {
            list.push_str(&format!("would change {}\n", path.display()));
            continue;
        }
        build::write_file(path, text.as_bytes()).map_err(|error| output::cannot_write(&error))?;
    }
    let printed = output::print(list.as_bytes());
    let findings = has_errors(&found) || !list.is_empty();
    Ok(if printed == Status::Done && findings { Status::Findings } else { printed })
}

/// The canonical text of every file; `None` for one that cannot be parsed.
fn format_all(
    sources: &SourceMap,
    mut found: Diagnostics,
) -> (Vec<Option<String>>, Vec<Diagnostic>) {
    let mut texts = Vec::new();
    for (id, _) in sources.files() {
        match syntax::fmt::format_file(sources, id) {
            Ok(text) => texts.push(Some(text)),
            Err(errors) => {
                found.append(errors);
                texts.push(None);
            }
        }
    }
    (texts, found.into_sorted())
}

fn read_standard_input() -> Result<String, Box<Diagnostic>> {
    let mut bytes = Vec::new();
    let failed = |error: io::Error| {
        let message = format!("cannot read standard input: {error}");
        Box::new(Diagnostic::without_place(Code::E0001, message))
    };
    io::stdin().lock().take(MAX_FILE_SIZE + 1).read_to_end(&mut bytes).map_err(failed)?;
    build::text_of(bytes, "<standard input>")
}

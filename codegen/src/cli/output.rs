//! What the program prints, and where: results on standard output, findings for people on standard
//! error. A reader that goes away (`| head`) ends the printing, not the run with a message.

use std::io::{self, IsTerminal as _, Write as _};

use super::Status;
use super::args::{Color, MessageFormat};
use crate::build::WriteError;
use crate::diag::{Diagnostic, render};
use crate::source::SourceMap;

/// The most findings that are shown to a person at once.
const MAX_SHOWN: usize = 200;

/// What is known about the place where messages go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terminal {
    /// Messages are coloured.
    pub(super) color: bool,
    /// Results are coloured.
    pub(super) color_results: bool,
    /// Standard error is a terminal: progress may be shown.
    pub(super) interactive: bool,
}

impl Terminal {
    pub(super) fn new(color: Color) -> Self {
        let interactive = io::stderr().is_terminal();
        let (color, color_results) = match color {
            Color::Always => (true, true),
            Color::Never => (false, false),
            Color::Auto => {
                let takes = |choice| choice != anstream::ColorChoice::Never;
                (
                    takes(anstream::AutoStream::choice(&io::stderr())),
                    takes(anstream::AutoStream::choice(&io::stdout())),
                )
            }
        };
        Self { color, color_results, interactive }
    }

    pub(super) fn reporter(self, format: MessageFormat) -> Reporter {
        Reporter { format, color: self.color, results_on_stdout: false }
    }
}

/// Prints findings in the wanted form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reporter {
    format: MessageFormat,
    color: bool,
    results_on_stdout: bool,
}

impl Reporter {
    /// For a command whose result goes to standard output: findings go to standard error in every
    /// form.
    pub(super) fn beside_results(self) -> Self {
        Self { results_on_stdout: true, ..self }
    }

    /// Prints all findings; an error means that they cannot be written.
    pub(super) fn report(self, sources: &SourceMap, found: &[Diagnostic]) -> Result<(), Status> {
        let text = match self.format {
            MessageFormat::Human => self.for_people(sources, found),
            MessageFormat::Json => render::json(sources, found),
            MessageFormat::Github => render::github(sources, found),
        };
        if self.format == MessageFormat::Human || self.results_on_stdout {
            // Nothing can be said about standard error failing.
            let _ = io::stderr().lock().write_all(text.as_bytes());
            return Ok(());
        }
        match print(text.as_bytes()) {
            Status::Done => Ok(()),
            status => Err(status),
        }
    }
}

impl Reporter {
    /// The first findings in full and how many more there are: a mangled file can have a hundred
    /// thousand.
    fn for_people(self, sources: &SourceMap, found: &[Diagnostic]) -> String {
        let shown = &found[..found.len().min(MAX_SHOWN)];
        let mut text = render::human(sources, shown, self.color);
        if shown.len() < found.len() {
            let rest = found.len() - shown.len();
            text.push_str(&format!(
                "and {rest} more; `--message-format json` prints all of them\n"
            ));
        }
        text
    }
}

/// Prints a result on standard output.
pub(super) fn print(bytes: &[u8]) -> Status {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Status::Done,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Status::Done,
        Err(error) => {
            complain(&format!("cannot write to standard output: {error}"));
            Status::Failed
        }
    }
}

/// Says on standard error why the program cannot go on.
pub(super) fn complain(message: &str) {
    let _ = writeln!(io::stderr().lock(), "inspect-gen: {message}");
}

/// An output that cannot be written, with a way out.
pub(super) fn cannot_write(error: &WriteError) -> Status {
    use io::ErrorKind;
    let way_out = match error.error.kind() {
        ErrorKind::PermissionDenied => "choose another place, or change its permissions",
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            "a file stands where a directory is needed: move it away, or choose another place"
        }
        ErrorKind::IsADirectory => {
            "a directory stands where a file is needed: move it away, or choose another place"
        }
        ErrorKind::StorageFull => "make room, or choose another place",
        ErrorKind::ReadOnlyFilesystem => "choose a place that can be written",
        _ => "choose another place",
    };
    complain(&format!("{error}\n  {way_out}; no output was changed"));
    Status::Failed
}

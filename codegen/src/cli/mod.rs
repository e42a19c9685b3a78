//! The program: arguments in, an exit status out. Each command stands in a file of its own and uses
//! the library as a build script would; here is what they share: compiling, reporting, and talking
//! to a terminal.

mod args;
mod compat;
mod doctor;
mod explain;
mod findings;
mod fmt;
mod generate;
mod git;
mod import;
mod init;
mod layout;
mod link;
mod lock;
mod output;
mod pack;
mod progress;
mod verify;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::build;
use crate::compile;
use crate::diag::{Diagnostic, Severity, nearest};
use crate::model::{Model, Target};
use crate::source::SourceMap;
use args::{Arguments, Command, Inputs};
use output::Terminal;
use progress::Progress;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    /// Done.
    Done = 0,
    /// The input is at fault, or `--check` found a difference.
    Findings = 1,
    /// Usage, or an output that cannot be written.
    Failed = 2,
}

impl Status {
    /// How a run ended, one part of which ended like this and another like that.
    fn worse(self, other: Self) -> Self {
        if other as u8 > self as u8 { other } else { self }
    }
}

/// Runs the program with the arguments of the process.
#[must_use]
pub fn run() -> ExitCode {
    ExitCode::from(run_with(std::env::args_os().collect()) as u8)
}

fn run_with(arguments: Vec<OsString>) -> Status {
    let arguments = match with_command(arguments) {
        Ok(arguments) => arguments,
        Err(message) => {
            output::complain(&message);
            return Status::Failed;
        }
    };
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are asked for and go to standard output; what cannot be printed has
            // no reader.
            let _ = error.print();
            return if error.use_stderr() { Status::Failed } else { Status::Done };
        }
    };
    let terminal = Terminal::new(arguments.color);
    match arguments.command {
        Command::Init(arguments) => init::run(&arguments),
        Command::Generate(arguments) => generate::run(&arguments, terminal),
        Command::Check(arguments) => check(&arguments, terminal),
        Command::Fmt(arguments) => fmt::run(&arguments, terminal),
        Command::Layout(arguments) => layout::run(&arguments, terminal),
        Command::Lock(arguments) => lock::run(&arguments, terminal),
        Command::Compat(arguments) => compat::run(&arguments, terminal),
        Command::Pack(arguments) => pack::run(&arguments, terminal),
        Command::Link(arguments) => link::run(&arguments, terminal),
        Command::Doctor(arguments) => doctor::run(&arguments, terminal),
        Command::Import(arguments) => import::run(&arguments, terminal),
        Command::Verify(arguments) => verify::run(&arguments, terminal),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Completions(arguments) => completions(&arguments),
        Command::Man(arguments) => man(&arguments),
    }
}

/// `inspect-gen SCHEMA... -o OUT` is short for `inspect-gen generate SCHEMA... -o OUT`: where the
/// first word is no command, `generate` is put before it. A word that is no path either was meant
/// to be a command.
fn with_command(mut arguments: Vec<OsString>) -> Result<Vec<OsString>, String> {
    let mut first = 1;
    while let Some(argument) = arguments.get(first).and_then(|argument| argument.to_str()) {
        match argument {
            "--color" => first += 2,
            _ if argument.starts_with("--color=") => first += 1,
            "-h" | "--help" | "-V" | "--version" => return Ok(arguments),
            _ => break,
        }
    }
    let Some(word) = arguments.get(first) else { return Ok(arguments) };
    let word = word.to_string_lossy().into_owned();
    if Command::NAMES.contains(&word.as_str()) {
        return Ok(arguments);
    }
    let like_a_command = word.chars().all(|c| c.is_ascii_lowercase() || c == '-' || c == '_')
        && !word.starts_with('-');
    if like_a_command && !Path::new(&word).exists() {
        let hint = match nearest(&word, Command::NAMES) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("commands are {}", Command::NAMES.join(", ")),
        };
        return Err(format!("`{word}` is neither a command nor a file: {hint}"));
    }
    arguments.insert(first, "generate".into());
    Ok(arguments)
}

/// A compilation that went well, and what it was made of.
struct Compiled {
    model: Model,
    sources: SourceMap,
    watched: std::collections::BTreeSet<std::path::PathBuf>,
}

/// Reads, parses and checks, and reports what was found. `Err` holds the status that the run ends
/// with.
fn compile(
    inputs: &Inputs,
    held: Option<&args::Held>,
    targets: &[Target],
    reporter: output::Reporter,
    progress: &Progress,
) -> Result<Compiled, Status> {
    progress.stage("reading schemas");
    let mut loaded = build::load(&inputs.schemas, &inputs.imports);
    let locks = read_locks(inputs, held, &mut loaded);
    progress.stage("checking schemas");
    let options = crate::check::Options { targets: targets.to_vec(), as_of: inputs.as_of.clone() };
    let build::Loaded { mut sources, diagnostics, watched, .. } = loaded;
    let (model, found) = compile::compile_locked(&mut sources, diagnostics, &options, locks);
    progress.hide();
    reporter.report(&sources, &found)?;
    match model {
        Some(model) if !has_errors(&found) => Ok(Compiled { model, sources, watched }),
        _ => Err(Status::Findings),
    }
}

/// The locks that the schemas are held against; none where the command holds them against nothing.
fn read_locks(
    inputs: &Inputs,
    held: Option<&args::Held>,
    loaded: &mut build::Loaded,
) -> Vec<compile::LockText> {
    let paths = match held {
        None | Some(args::Held { no_lock: true, .. }) => Vec::new(),
        Some(args::Held { lock: Some(path), .. }) => vec![path.clone()],
        Some(_) => build::locks_of(&inputs.schemas, loaded),
    };
    let mut locks = Vec::new();
    for path in paths {
        match build::read_lock_text(&path, &inputs.schemas) {
            Ok(text) => locks.push(text),
            Err(unreadable) => loaded.diagnostics.push(*unreadable),
        }
        loaded.watched.insert(path);
    }
    locks
}

fn has_errors(found: &[Diagnostic]) -> bool {
    found.iter().any(|found| found.severity() == Severity::Error)
}

fn check(arguments: &args::Check, terminal: Terminal) -> Status {
    let progress = Progress::new(terminal);
    let reporter = terminal.reporter(arguments.inputs.message_format);
    match compile(&arguments.inputs, Some(&arguments.held), &[], reporter, &progress) {
        Ok(_) => Status::Done,
        Err(status) => status,
    }
}

fn completions(arguments: &args::Completions) -> Status {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "inspect-gen", &mut script);
    output::print(&script)
}

fn man(arguments: &args::Man) -> Status {
    let mut command = Arguments::command();
    command.build();
    let mut pages = crate::emit::Files::new();
    let subcommands = command
        .get_subcommands()
        .map(|subcommand| (format!("inspect-gen-{}.1", subcommand.get_name()), subcommand.clone()));
    let all = std::iter::once(("inspect-gen.1".to_owned(), command.clone())).chain(subcommands);
    for (file, command) in all {
        let mut page = Vec::new();
        // Writing into memory cannot fail.
        let _ = clap_mangen::Man::new(command).render(&mut page);
        pages.insert(file, page);
    }
    match &arguments.output {
        None => output::print(pages.get("inspect-gen.1").map_or(&[], Vec::as_slice)),
        Some(directory) => match build::write(directory, [pages]) {
            Ok(_) => Status::Done,
            Err(error) => output::cannot_write(&error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
        let names: Vec<_> = Arguments::command()
            .get_subcommands()
            .map(|command| command.get_name().to_owned())
            .collect();
        assert_eq!(names, Command::NAMES);
    }

    #[test]
    fn generate_is_meant_where_no_command_stands() {
        for (given, meant) in [
            ("inspect-gen a.inspect -o out", "inspect-gen generate a.inspect -o out"),
            ("inspect-gen -o out src/", "inspect-gen generate -o out src/"),
            ("inspect-gen --color never ./x -o y", "inspect-gen --color never generate ./x -o y"),
            ("inspect-gen check a.inspect", "inspect-gen check a.inspect"),
            ("inspect-gen --color=never fmt x", "inspect-gen --color=never fmt x"),
            ("inspect-gen --help", "inspect-gen --help"),
        ] {
            assert_eq!(with_command(words(given)).unwrap(), words(meant));
        }
    }

    #[test]
    fn a_slip_in_a_command_is_named() {
        let message = with_command(words("inspect-gen chekc schema/")).unwrap_err();
        assert_eq!(message, "`chekc` is neither a command nor a file: did you mean `check`?");
    }
}

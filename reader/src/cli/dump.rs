//! `inspect dump`: what a consumer may see, as an ELF core.

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::consumers::{PolicyFile, find};
use super::session::warn;
use super::{Failure, Session, TargetArguments, progress};
use crate::catalog::Catalog;
use crate::consume::Policy;
use crate::discover;
use crate::dump::elf::{self, Request};
use crate::dump::{Part, Plan, Report, Unfinished};
use crate::escape::{Terminal, to_json_pretty};
use crate::image::{Step, Target};
use crate::output::columns::size;

/// Writes what a consumer may see as a core that gdb, drgn and inspect open.
///
/// What it may not see is not in the file: not denied or sensitive memory, wherever else it may
/// belong to, and neither registers, arguments nor the names of files. The dump says of every entry
/// whether its memory is there, and why not.
#[derive(Args)]
#[command(after_help = "Examples:
  inspect dump core -o small --consumer report
  inspect dump pid:4711 -o small --consumer report --policy strict.table
  gdb ./daemon small")]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: TargetArguments,
    /// The file to write. What stands there is replaced once the dump is whole.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// For whom, as the schema calls it: NAME, or SCHEMA:NAME.
    #[arg(long, value_name = "NAME")]
    consumer: String,
    /// A table file that declares the consumer, in place of the target's own description.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Take over the registers, for a backtrace. They may hold what the consumer must not see.
    #[arg(long)]
    registers: bool,
    /// Print what is in the dump as an object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let session = Session::open(&arguments.target)?;
    refuse_target(arguments.target.target(), &arguments.output)?;
    // What tables refuse that are not known would not be left out.
    let limit = session.discovery.attempts.iter().find_map(|it| match &it.failure {
        Some(failure @ discover::Failure::Limit { .. }) => Some(failure),
        _ => None,
    });
    if let Some(failure) = limit {
        return Err(Failure::input(failure.to_string(), None));
    }
    let catalog: Catalog<'_> = session.catalog()?;
    let file = arguments.policy.as_ref().map(|path| PolicyFile::open(path)).transpose()?;
    let declared = file.as_ref().map(PolicyFile::catalog).transpose()?;
    let policy = find(declared.as_ref().unwrap_or(&catalog), &arguments.consumer)?;
    let unfinished = Unfinished::new(&arguments.output).map_err(|error| at(arguments, error))?;
    let written = write(arguments, &session, &catalog, &policy, &unfinished);
    // Whatever came of it is no dump of a process that was there.
    session.finish()?;
    let (report, written) = written?;
    unfinished.finish().map_err(|error| at(arguments, error))?;
    say(arguments, &report, written)
}

/// Writes the dump. Memory that a running program has given back meanwhile is left out of the next
/// plan.
fn write(
    arguments: &Arguments,
    session: &Session,
    catalog: &Catalog<'_>,
    policy: &Policy<'_>,
    unfinished: &Unfinished,
) -> Result<(Report, u64), Failure> {
    const TRIES: usize = 8;
    let image = &session.image;
    let producer = session.captures();
    let request = Request {
        image,
        discovery: &session.discovery,
        consumer: policy.name,
        producer: producer.as_ref().and_then(|it| it.producer.as_deref()),
        registers: arguments.registers,
    };
    let line = progress::line("dumping");
    let mut faults: Vec<Part> = Vec::new();
    for _ in 0..TRIES {
        let plan = Plan::new(image, &session.discovery, catalog, &policy.consumer(), &faults);
        let total = plan.report.bytes;
        let mut progress = |done| {
            if let Some(line) = &line {
                line.report(Step { done, total });
            }
        };
        match elf::write(&request, &plan, unfinished.file(), &mut progress) {
            Ok(written) => return Ok((plan.report, written)),
            Err(elf::Error::Faults(more)) => {
                faults.extend(more);
                unfinished.file().set_len(0).map_err(|error| at(arguments, error))?;
            }
            Err(elf::Error::Output(error)) => return Err(at(arguments, error)),
            Err(error) => return Err(Failure::input(error.to_string(), None)),
        }
    }
    let message = "the program gives back memory faster than it can be read";
    let help = "stop it first, `kill -STOP`, and let it go on afterwards, `kill -CONT`";
    Err(Failure::input(message, Some(help.to_owned())))
}

fn at(arguments: &Arguments, error: std::io::Error) -> Failure {
    let path = arguments.output.display().to_string();
    let message = format!("{}: {error}", Terminal(&path));
    Failure::Output(std::io::Error::new(error.kind(), message))
}

/// Nobody means to replace a core by a part of it.
fn refuse_target(target: &Target, output: &Path) -> Result<(), Failure> {
    let Target::Path(path) = target else { return Ok(()) };
    if let (Ok(input), Ok(output)) = (path.metadata(), output.metadata())
        && (input.dev(), input.ino()) == (output.dev(), output.ino())
    {
        let message = "the dump would replace what it is made of";
        return Err(Failure::Output(std::io::Error::new(
            std::io::ErrorKind::AlreadyExists,
            message,
        )));
    }
    Ok(())
}

fn say(arguments: &Arguments, report: &Report, written: u64) -> Result<(), Failure> {
    if report.missing > 0 {
        warn(&format!("{} tables could not be read and are not in the dump", report.missing));
    }
    if report.unread > 0 {
        warn(
            "there are more tables than are read, and what they deny is not known: no memory is in the dump",
        );
    }
    if report.lost > 0 {
        warn(&format!(
            "{} entries must not be seen and may lie anywhere, since their pointers cannot be read: \
             no memory is in the dump",
            report.lost
        ));
    }
    let mut out = anstream::stdout().lock();
    let path = arguments.output.display().to_string();
    if arguments.json {
        let value = json!({
            "file": path,
            "size": written,
            "bytes": report.bytes,
            "tables": report.tables,
            "missing": report.missing,
            "captured": report.captured,
            "truncated": report.truncated,
            "denied": report.denied,
            "over_budget": report.over_budget,
            "absent": report.absent,
            "faulted": report.faulted,
        });
        writeln!(out, "{}", to_json_pretty(&value).map_err(std::io::Error::from)?)?;
        return Ok(());
    }
    let counts = [
        (report.captured, "captured"),
        (report.truncated, "truncated"),
        (report.denied, "denied"),
        (report.over_budget, "over budget"),
        (report.absent, "absent"),
        (report.faulted, "faulted"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts.map(|(count, word)| format!("{count} {word}")).collect();
    writeln!(out, "{}: {} of memory; {}", Terminal(&path), size(report.bytes), counts.join(", "))?;
    Ok(())
}

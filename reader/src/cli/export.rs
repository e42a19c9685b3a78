//! `inspect export`: the entries of many targets as one table.
//!
//! Targets are read one after another, and each as a whole before its rows are written: one that
//! cannot be read is reported and costs no other.

mod files;
#[cfg(feature = "arrow")]
mod partition;
#[cfg(not(feature = "arrow"))]
#[path = "export/without_arrow.rs"]
mod partition;

use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::time::{Instant, UNIX_EPOCH};

use clap::{Args, ValueEnum};

use super::session::{TimeArguments, report, warn};
use super::{Failure, ReadingArguments, Session};
use crate::catalog::Entry;
use crate::contents::{Contents, Options};
use crate::decode::Budget;
use crate::escape::Terminal;
use crate::export::{Date, Row, Shard, Sink, Source};
use crate::image::{Image, Target};
#[cfg(feature = "arrow")]
use crate::output::arrow::{ArrowFileRows, ArrowStreamRows, ParquetRows};
use crate::output::csv::CsvRows;
use crate::output::ndjson::JsonRows;
use crate::output::value_json::JsonSink;
use crate::select::{Selector, Term};
use files::OutputFile;
use partition::Partitions;

/// Writes the entries of many targets as one table.
///
/// docs/export.md describes the columns. What cannot be read is reported, does not keep the others
/// out of the table, and makes the exit status 1.
#[derive(Args)]
#[command(after_help = "Examples:
  inspect export cores/* --format parquet -o fleet.parquet
  inspect export cores/* --format ndjson --select class:cache | jq .fields
  inspect export --targets-from list --shard 3/16 --format parquet --partition -o fleet/
  duckdb -c \"SELECT build_id, sum(length) FROM 'fleet.parquet' GROUP BY ALL\"")]
pub(crate) struct Arguments {
    /// Cores, processes, programs, table files and whatever else `inspect list` takes.
    #[arg(value_name = "TARGET", required_unless_present = "targets_from")]
    targets: Vec<Target>,
    /// A file with one target a line, `-` for the standard input.
    #[arg(long, value_name = "FILE")]
    targets_from: Option<PathBuf>,
    #[command(flatten)]
    reading: ReadingArguments,
    /// What is written.
    #[arg(long, short, value_enum)]
    format: Format,
    /// Where it is written: the standard output, if nothing is said. The file appears when it is
    /// complete.
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Only entries for which this term holds, as of `inspect list`. Several must all hold.
    #[arg(long, value_name = "TERM")]
    select: Vec<Term>,
    /// Decode what lies in the memory of each entry, into the column `value`.
    #[arg(long)]
    values: bool,
    #[command(flatten)]
    time: TimeArguments,
    /// Only the targets of one of several equal parts: 1/4 is the first of four. The name of a
    /// target, as given, decides.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Write files below directories build_id=../date=.., as databases expect them: `--output` is
    /// the directory. The date is that of the target's last change.
    #[arg(long)]
    partition: bool,
    /// The date for `--partition`, whatever the targets say.
    #[arg(long, value_name = "YYYY-MM-DD", requires = "partition")]
    date: Option<Date>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// An array of objects.
    Json,
    /// One object a line.
    Ndjson,
    /// Comma-separated values, with the names of the columns in the first line.
    Csv,
    /// The file format of Arrow's IPC; on the standard output, its streaming format.
    #[cfg(feature = "arrow")]
    Arrow,
    /// Parquet, compressed by Snappy.
    #[cfg(feature = "arrow")]
    Parquet,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut output = Output::open(arguments)?;
    let mut targets = arguments.targets.clone();
    if let Some(path) = &arguments.targets_from {
        targets.extend(listed(path)?);
    }
    let shard = arguments.shard;
    targets.retain(|target| shard.is_none_or(|shard| shard.holds(&target.to_string())));
    let mut failed = 0;
    for target in &targets {
        match one(arguments, target, &mut output) {
            Ok(()) => {}
            Err(failure @ Failure::Input { .. }) => {
                report(&failure);
                failed += 1;
            }
            Err(failure) => return Err(failure),
        }
    }
    output.finish()?;
    if failed > 0 {
        let all = targets.len();
        let message = format!("{failed} of {all} targets could not be read; the others are there");
        return Err(Failure::input(message, None));
    }
    Ok(())
}

/// Writes the rows of a target.
fn one(arguments: &Arguments, target: &Target, output: &mut Output) -> Result<(), Failure> {
    let session = Session::of(target, &arguments.reading)?;
    let catalog = session.catalog()?;
    let selector = Selector::new(arguments.select.clone());
    // Other targets may know it.
    if let Some((property, _)) = selector.unknown_property(&[&catalog]) {
        warn(&format!("{target}: no table knows a property `{property}`"));
    }
    let name = target.to_string();
    let captures = session.captures();
    output.begin(target, arguments.date)?;
    // Each target has its time: one that takes all of it costs no other.
    let deadline = arguments.time.deadline();
    for table in &catalog.tables {
        let source = Source::new(&name, &session.image, captures.as_ref(), table);
        let contents = arguments.values.then(|| session.contents(table, captures.as_ref()));
        for entry in table.entries().filter(|entry| selector.matches(entry, &session.image)) {
            let value = contents.as_ref().map(|it| value(it, &entry, &session.image, deadline));
            output.row(&source.entry(&entry, value))?;
        }
        let unsettled = if selector.is_empty() { table.unsettled() } else { 0 };
        for _ in 0..unsettled {
            output.row(&source.torn(table))?;
        }
    }
    if arguments.values && deadline.is_some_and(|deadline| Instant::now() >= deadline) {
        warn(&format!(
            "{name}: its values are not all there: decoding took longer than `--timeout`"
        ));
    }
    session.finish()
}

/// What lies in the memory of an entry, as JSON.
fn value(
    contents: &Contents<'_>,
    entry: &Entry<'_>,
    image: &Image,
    deadline: Option<Instant>,
) -> String {
    let mut sink = JsonSink::new(Vec::new());
    // Writing into memory does not fail.
    let _ = contents.entry(entry, image, &values_until(deadline), &mut sink);
    String::from_utf8(sink.finish().unwrap_or_default()).unwrap_or_default()
}

/// For a cell of a table, a small part of what a person may look at. Exports travel: they never
/// hold what is sensitive.
fn values_until(deadline: Option<Instant>) -> Options {
    let budget = Budget {
        depth: 3,
        bytes: 1 << 20,
        values: 1 << 16,
        elements: 1 << 12,
        text: 1 << 12,
        deadline,
    };
    Options { budget, reveal: false, mmio: false }
}

/// The targets that a file lists. Empty lines are none.
fn listed(path: &Path) -> Result<Vec<Target>, Failure> {
    let fail = |error: &dyn std::fmt::Display| {
        let name = path.display().to_string();
        Failure::input(format!("{}: {}", Terminal(&name), Terminal(&error.to_string())), None)
    };
    let lines: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(std::fs::File::open(path).map_err(|error| fail(&error))?))
    };
    let mut targets = Vec::new();
    for line in lines.lines() {
        let line = line.map_err(|error| fail(&error))?;
        if !line.is_empty() {
            targets.push(line.parse().map_err(|error: String| fail(&error))?);
        }
    }
    Ok(targets)
}

/// Where rows go.
enum Output {
    /// One table.
    Table { sink: Box<dyn Sink>, file: Option<OutputFile> },
    /// Files below directories.
    Partitions { partitions: Partitions, date: Date },
}

impl Output {
    fn open(arguments: &Arguments) -> Result<Self, Failure> {
        let usage = |message: &str| Err(Failure::Usage { message: message.to_owned() });
        if arguments.partition {
            let Some(directory) = &arguments.output else {
                return usage("`--partition` writes below a directory: name it with `--output`");
            };
            if !arguments.format.is_parquet() {
                return usage("`--partition` writes Parquet: add `--format parquet`");
            }
            let partitions = Partitions::new(directory.clone());
            return Ok(Self::Partitions { partitions, date: Date::of_seconds(0) });
        }
        let Some(path) = &arguments.output else {
            if arguments.format.is_parquet() {
                return usage("Parquet is read from its end: name a file with `--output`");
            }
            if arguments.format.is_binary() && io::stdout().is_terminal() {
                return usage("this format is not for a terminal: name a file with `--output`");
            }
            let out = BufWriter::new(io::stdout());
            return Ok(Self::Table { sink: arguments.format.sink(out, true)?, file: None });
        };
        let name = path.display().to_string();
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("{}: {error}", Terminal(&name)))
        };
        let file = OutputFile::create(path).map_err(named)?;
        let sink = arguments.format.sink(BufWriter::new(file.writer()?), false)?;
        Ok(Self::Table { sink, file: Some(file) })
    }

    /// The rows of a target follow.
    fn begin(&mut self, target: &Target, given: Option<Date>) -> Result<(), Failure> {
        if let Self::Partitions { date, .. } = self {
            *date = match given {
                Some(date) => date,
                None => changed(target)?,
            };
        }
        Ok(())
    }

    fn row(&mut self, row: &Row) -> Result<(), Failure> {
        match self {
            Self::Table { sink, .. } => sink.row(row)?,
            Self::Partitions { partitions, date } => partitions.row(row, *date)?,
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Table { sink, file } => {
                sink.finish()?;
                if let Some(file) = file {
                    file.publish()?;
                }
            }
            Self::Partitions { partitions, .. } => partitions.finish()?,
        }
        Ok(())
    }
}

/// The day on which a target was last changed; of a process, today.
fn changed(target: &Target) -> Result<Date, Failure> {
    let path = match target {
        Target::Path(path) | Target::Raw { path, .. } => path,
        Target::Process(_) => {
            let now = UNIX_EPOCH.elapsed().unwrap_or_default();
            return Ok(Date::of_seconds(now.as_secs() as i64));
        }
    };
    let fail = |error: io::Error| {
        let name = path.display().to_string();
        Failure::input(format!("{}: {error}", Terminal(&name)), None)
    };
    let changed = std::fs::metadata(path).and_then(|it| it.modified()).map_err(fail)?;
    let since = changed.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Date::of_seconds(since.as_secs() as i64))
}

impl Format {
    fn sink(self, out: impl Write + Send + 'static, is_pipe: bool) -> io::Result<Box<dyn Sink>> {
        // Only Arrow has two forms.
        let _ = is_pipe;
        Ok(match self {
            Self::Json => Box::new(JsonRows::array(out)),
            Self::Ndjson => Box::new(JsonRows::lines(out)),
            Self::Csv => Box::new(CsvRows::new(out)?),
            #[cfg(feature = "arrow")]
            Self::Arrow if is_pipe => Box::new(ArrowStreamRows::new(out)?),
            #[cfg(feature = "arrow")]
            Self::Arrow => Box::new(ArrowFileRows::new(out)?),
            #[cfg(feature = "arrow")]
            Self::Parquet => Box::new(ParquetRows::new(out, &[])?),
        })
    }

    fn is_parquet(self) -> bool {
        match self {
            #[cfg(feature = "arrow")]
            Self::Parquet => true,
            _ => false,
        }
    }

    fn is_binary(self) -> bool {
        !matches!(self, Self::Json | Self::Ndjson | Self::Csv)
    }
}

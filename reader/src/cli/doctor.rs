//! `inspect doctor`: how tables were found, and what is wrong with them.

use std::io::{BufWriter, Write};

use anstyle::{AnsiColor, Style};
use clap::Args;
use serde_json::{Value, json};

use super::{Failure, Session, TargetArguments};
use crate::catalog::Catalog;
use crate::discover::{Attempt, Origin};
use crate::doctor::{Examined, Report, examine};
use crate::escape::{Terminal, to_json_pretty};
use crate::image::{Image, Kind};

/// Says how tables were found, and what is torn, stuck, broken or missing. Exit status 1 if anything
/// is.
#[derive(Args)]
#[command(after_help = "Examples:
  inspect doctor core
  inspect doctor pid:4711
  inspect doctor core --json | jq '.findings[] | .message'")]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: TargetArguments,
    /// Print one object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let session = Session::examine(&arguments.target.target, &arguments.target.reading)?;
    let (catalog, errors) = Catalog::new(&session.discovery, session.brought());
    let report = examine(&session.image, &session.discovery, &catalog, &errors);
    let mut out = BufWriter::new(anstream::stdout().lock());
    if arguments.json {
        let value = data(&session.image, &report);
        writeln!(out, "{}", to_json_pretty(&value).map_err(std::io::Error::from)?)?;
    } else {
        text(&mut out, &session.image, &report)?;
    }
    out.flush()?;
    session.finish()?;
    let is_empty = session.discovery.tables.is_empty();
    if is_empty || !report.findings.is_empty() {
        return Err(Failure::Findings);
    }
    Ok(())
}

fn text(out: &mut dyn Write, image: &Image, report: &Report<'_>) -> Result<(), Failure> {
    let bold = Style::new().bold();
    let (tables, entries) = sums(report);
    writeln!(
        out,
        "{bold}{}{bold:#}: {}, {tables}, {entries}",
        Terminal(&image.name),
        kind_text(image.kind)
    )?;
    let (with, without): (Vec<_>, Vec<_>) =
        report.objects.iter().partition(|it| it.has_something_to_tell());
    for object in with {
        writeln!(out, "  {}", Terminal(&object.name))?;
        if let Some(build_id) = &object.build_id {
            writeln!(out, "    build-id {build_id}")?;
        }
        for attempt in &object.attempts {
            writeln!(out, "    {}", Terminal(&attempt_text(attempt)))?;
        }
        if !object.origins.is_empty() {
            writeln!(out, "    {}", origins(object))?;
        }
    }
    if !without.is_empty() {
        let names: Vec<String> = without.iter().map(|it| file_name(&it.name)).collect();
        writeln!(out, "  nothing leads to tables in {}", names.join(", "))?;
    }
    for remark in image.remarks.iter().filter(|remark| !remark.is_damage()) {
        writeln!(out, "  note: {}", Terminal(&remark.text))?;
    }
    if report.findings.is_empty() {
        let empty = if report.objects.iter().all(|it| it.origins.is_empty()) {
            "no table found"
        } else {
            "nothing is wrong"
        };
        writeln!(out, "{empty}")?;
        return Ok(());
    }
    let count = report.findings.len();
    writeln!(out, "{count} {}:", if count == 1 { "finding" } else { "findings" })?;
    let red = AnsiColor::Red.on_default();
    for finding in &report.findings {
        let (place, message) = (Terminal(&finding.place), Terminal(&finding.message));
        writeln!(out, "  {red}{}{red:#} {place}: {message}", finding.kind.word())?;
    }
    Ok(())
}

fn sums(report: &Report<'_>) -> (String, String) {
    let tables: usize = report.objects.iter().flat_map(|it| it.origins.values()).sum();
    let entries: u64 = report.objects.iter().map(|it| it.entries).sum();
    let tables_word = if tables == 1 { "table" } else { "tables" };
    let entries_word = if entries == 1 { "entry" } else { "entries" };
    (format!("{tables} {tables_word}"), format!("{entries} {entries_word}"))
}

fn kind_text(kind: Kind) -> &'static str {
    match kind {
        Kind::Core => "core of a process",
        Kind::KernelCore => "core of a kernel",
        Kind::Process => "running process",
        Kind::Elf => "ELF image",
        Kind::Relocatable => "relocatable object",
        Kind::TableFile => "table file",
        Kind::Zone => "zone",
        Kind::Snapshot => "snapshot",
        Kind::Raw => "raw memory",
    }
}

fn file_name(path: &str) -> String {
    Terminal(path.rsplit('/').next().unwrap_or(path)).to_string()
}

fn attempt_text(attempt: &Attempt) -> String {
    let count = match attempt.tables {
        0 => "no table".to_owned(),
        1 => "1 table".to_owned(),
        count => format!("{count} tables"),
    };
    match &attempt.failure {
        None => format!("{}: {count}", attempt.found_by),
        Some(failure) => format!("{}: {count}: {failure}", attempt.found_by),
    }
}

fn origins(object: &Examined<'_>) -> String {
    let parts = object.origins.iter().map(|(origin, count)| format!("{count} {}", word(*origin)));
    let parts: Vec<String> = parts.collect();
    format!("{}; {} entries", parts.join(", "), object.entries)
}

fn word(origin: Origin) -> &'static str {
    match origin {
        Origin::CompileTime => "packed",
        Origin::RunTime => "run-time",
        Origin::Unpacked => "unpacked",
    }
}

fn data(image: &Image, report: &Report<'_>) -> Value {
    let objects = report.objects.iter().map(|object| {
        let attempts = object.attempts.iter().map(|it| {
            let failure = it.failure.as_ref().map(ToString::to_string);
            json!({"by": it.found_by.to_string(), "tables": it.tables, "failure": failure})
        });
        let origins = object.origins.iter();
        let tables: serde_json::Map<String, Value> =
            origins.map(|(origin, count)| (word(*origin).to_owned(), (*count).into())).collect();
        json!({
            "name": object.name,
            "build_id": object.build_id,
            "attempts": attempts.collect::<Vec<_>>(),
            "tables": tables,
            "entries": object.entries,
        })
    });
    let findings = report
        .findings
        .iter()
        .map(|it| json!({"kind": it.kind.word(), "place": it.place, "message": it.message}));
    let remarks = image.remarks.iter().filter(|it| !it.is_damage()).map(|it| it.text.as_str());
    json!({
        "target": image.name,
        "kind": kind_text(image.kind),
        "objects": objects.collect::<Vec<_>>(),
        "remarks": remarks.collect::<Vec<_>>(),
        "findings": findings.collect::<Vec<_>>(),
    })
}

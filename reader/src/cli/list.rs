//! `inspect list`: the entries of all tables.

use std::io::{BufWriter, Write};

use anstyle::{AnsiColor, Style};
use clap::Args;
use serde::Serialize;

use super::consumers::{Capture, ConsumerArguments, PolicyFile, Statuses};
use super::session::{SelectorArguments, check, output_width, remark_unmet, warn};
use super::{Failure, Session, TargetArguments};
use crate::catalog::{Entry, Field, FieldValue, Flag, NamedTable, State};
use crate::decode::Hints;
use crate::digits::hex;
use crate::discover::Origin;
use crate::escape::{Terminal, to_json};
use crate::output::columns::{Cell, Columns, Heading, size};
use crate::output::record::{self, Record};
use crate::output::{forms, value_text};
use inspect_format::abi::extent;

/// Lists the entries of all tables.
#[derive(Args)]
#[command(after_help = "Examples:
  inspect list daemon.table
  inspect list core prop:dump
  inspect list pid:4711 class:cache name:'user*'
  inspect list core addr:0x7f1200004010
  inspect list core --consumer report
  inspect list core --json | jq '.[] | select(.length > 4096)'")]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: TargetArguments,
    #[command(flatten)]
    selector: SelectorArguments,
    #[command(flatten)]
    consumer: ConsumerArguments,
    /// Print an array of objects.
    #[arg(long)]
    json: bool,
}

/// An entry with what became of its memory, where a consumer or a dump says so.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    record: Record,
    #[serde(skip_serializing_if = "Option::is_none")]
    capture: Option<Capture>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let session = Session::open(&arguments.target)?;
    let catalog = session.catalog()?;
    let file = arguments.consumer.policy_file()?;
    let declared = file.as_ref().map(PolicyFile::catalog).transpose()?;
    let declared = declared.as_ref().unwrap_or(&catalog);
    let statuses = Statuses::new(&arguments.consumer, &session, &catalog, declared)?;
    if let Some(remark) = statuses.remark() {
        warn(&remark);
    }
    let selector = arguments.selector.selector();
    check(&selector, &[&catalog])?;
    let mut out = BufWriter::new(anstream::stdout().lock());
    let mut is_first = true;
    if arguments.json {
        write!(out, "[")?;
    }
    for table in &catalog.tables {
        let entries: Vec<Entry<'_>> =
            table.entries().filter(|entry| selector.matches(entry, &session.image)).collect();
        let unsettled = if selector.is_empty() { table.unsettled() } else { 0 };
        if arguments.json {
            let torn = (0..unsettled).map(|_| Record::torn(table));
            let torn = torn.map(|record| Listed { record, capture: None });
            let listed = entries.iter().map(|entry| Listed {
                record: Record::new(entry),
                capture: statuses.data(&session, entry),
            });
            for record in listed.chain(torn) {
                write!(out, "{}", if is_first { "\n  " } else { ",\n  " })?;
                is_first = false;
                write!(out, "{}", to_json(&record).map_err(std::io::Error::from)?)?;
            }
        } else if !entries.is_empty() || selector.is_empty() {
            if !is_first {
                writeln!(out)?;
            }
            is_first = false;
            let status = |entry: &Entry<'_>| statuses.text(&session, entry);
            text(&mut out, table, &entries, unsettled, &status)?;
        }
    }
    if arguments.json {
        writeln!(out, "{}]", if is_first { "" } else { "\n" })?;
    }
    out.flush()?;
    if is_first {
        remark_unmet(&selector, &[(&catalog, &session.image)]);
    }
    session.finish()
}

fn text(
    out: &mut dyn Write,
    table: &NamedTable<'_>,
    entries: &[Entry<'_>],
    unsettled: u64,
    status: &dyn Fn(&Entry<'_>) -> String,
) -> Result<(), Failure> {
    let bold = Style::new().bold();
    let (name, place) = (table.schema_name(), &table.found.place);
    let origin = match table.found.origin {
        Origin::CompileTime => "",
        Origin::RunTime => ", run-time",
        Origin::Unpacked => ", unpacked",
    };
    let (version, count) = (table.table.version(), entries.len());
    let entries_word = if count == 1 { "entry" } else { "entries" };
    writeln!(
        out,
        "{bold}{}{bold:#} version {version} in {}{origin}: {count} {entries_word}",
        Terminal(&name),
        Terminal(place),
    )?;
    let heading = |text, is_right| Heading { text, is_right };
    let mut columns = Columns::new(vec![
        heading("CLASS", false),
        heading("NAME", false),
        heading("ADDRESS", false),
        heading("SIZE", true),
        heading("PROPERTIES", false),
        heading("STATUS", false),
        heading("FIELDS", false),
    ]);
    for entry in entries {
        columns.row(row(entry, status(entry)));
    }
    if count > 0 {
        columns.write(out, 2, output_width())?;
    }
    if unsettled > 0 {
        writeln!(out, "  {unsettled} more were being written: nothing of them can be trusted")?;
    }
    Ok(())
}

fn row(entry: &Entry<'_>, status: String) -> Vec<Cell> {
    let plain = |text: String| Cell { text, style: Style::new() };
    if entry.state() == State::Torn {
        let style = AnsiColor::Red.on_default();
        let mut cells = vec![Cell { text: "torn".to_owned(), style }];
        cells.resize_with(7, Cell::default);
        return cells;
    }
    let class = Terminal(&entry.class_text()).to_string();
    let class = match entry.key() {
        Some(key) => format!("{class}[{}={}]", Terminal(key), entry.row.instance()),
        None if entry.row.instance() != 0 => format!("{class}[{}]", entry.row.instance()),
        None => class,
    };
    let name = entry.name().map_or_else(|error| format!("({error})"), str::to_owned);
    let digits = usize::from(entry.table.table.word_size()) * 2 + 2;
    let address = format!("{:#0digits$x}", entry.row.address());
    let (address, length) = match entry.extent() {
        extent::INDIRECT => (format!("*{address}"), size(entry.length())),
        extent::COUNTED => (format!("*{address}"), format!("n × {}", size(entry.length()))),
        extent::ADDRESS_ONLY => (address, "-".to_owned()),
        _ => (address, size(entry.length())),
    };
    let address = match entry.row.space() {
        0 => address,
        _ => format!("{}:{address}", Terminal(&entry.space_text())),
    };
    let properties = Terminal(&record::properties(entry).join("|")).to_string();
    let fields: Vec<String> = entry.fields().map(|field| shown(&field)).collect();
    vec![
        Cell { text: class, style: AnsiColor::Cyan.on_default() },
        Cell { text: Terminal(&name).to_string(), style: Style::new().bold() },
        plain(address),
        plain(length),
        Cell { text: properties, style: AnsiColor::Yellow.on_default() },
        plain(status),
        plain(fields.join(" ")),
    ]
}

/// `name=value`, as short as it can be said.
fn shown(field: &Field<'_>) -> String {
    let value = match &field.value {
        // A unit would look like a field of its own.
        FieldValue::Integer(number) => {
            value_text::integer_text(*number, Hints { unit: "", ..field.hints })
        }
        FieldValue::Bytes(bytes) => {
            forms::bytes_text(field.hints.display, bytes).unwrap_or_else(|| hex(bytes))
        }
        FieldValue::Text(text) => format!("\"{text}\""),
        FieldValue::Flags(flags, rest) => {
            let rest = (*rest != 0).then(|| format!("{rest:#x}"));
            let names: Vec<String> = flags.iter().map(Flag::to_string).chain(rest).collect();
            if names.is_empty() { "0".to_owned() } else { names.join("|") }
        }
        FieldValue::Broken(error) => format!("({error})"),
        other => match record::json(other) {
            serde_json::Value::String(text) => text,
            value => value.to_string(),
        },
    };
    format!("{}={}", Terminal(field.name), Terminal(&value))
}

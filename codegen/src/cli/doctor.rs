//! `inspect-gen doctor`: what images hold, in words or as JSON. What there is to say is decided in
//! `pack::overview`.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use serde::Serialize;

use super::args::{Doctor, MessageFormat};
use super::output::{self, Terminal};
use super::progress::Progress;
use super::{Status, findings, pack};
use crate::diag::{Code, Severity, render};
use crate::pack::{
    EntryOverview, Finding, FoundBy, ImageKind, Location, Overview, RootOverview, SchemaFile,
    State, TableOverview, overview, unexpected,
};

pub(super) fn run(arguments: &Doctor, terminal: Terminal) -> Status {
    let brought = match pack::read_all(&arguments.schemas) {
        Ok(brought) => brought,
        Err((path, finding)) => {
            return pack::report(path, &[finding], MessageFormat::Human, terminal);
        }
    };
    let schemas: Vec<SchemaFile<'_>> =
        brought.iter().map(|(name, bytes)| SchemaFile { name, bytes }).collect();
    let progress = Progress::new(terminal);
    let mut status = Status::Done;
    for (index, image) in arguments.images.iter().enumerate() {
        progress.stage("reading images");
        let bytes = pack::read(image);
        let found = match &bytes {
            Ok(bytes) => overview(bytes, &schemas),
            Err(finding) => Err(finding.clone()),
        };
        progress.hide();
        let one = tell(image, found, arguments, terminal, index > 0);
        status = status.worse(one);
        if one == Status::Failed {
            break;
        }
    }
    status
}

/// Prints what was found out about one image.
fn tell(
    path: &Path,
    found: Result<Overview<'_>, Finding>,
    arguments: &Doctor,
    terminal: Terminal,
    is_next: bool,
) -> Status {
    let image = path.display().to_string();
    let (overview, mut findings) = match found {
        Ok(mut overview) => {
            let mut findings = std::mem::take(&mut overview.findings);
            findings.extend(arguments.expect.and_then(|expected| unexpected(&overview, expected)));
            findings.retain(|it| it.code != Code::W0908 || arguments.expect != Some(0));
            (Some(overview), findings)
        }
        Err(finding) => (None, vec![finding]),
    };
    findings.retain(|it| it.severity() == Severity::Error || !arguments.allow.contains(&it.code));
    let text = match (&overview, arguments.json) {
        (overview, true) => json(&image, overview.as_ref(), &findings),
        (Some(overview), false) => {
            let text =
                Words { color: terminal.color_results }.all(&image, overview, arguments.list);
            if is_next { format!("\n{text}") } else { text }
        }
        (None, false) => String::new(),
    };
    let printed = output::print(text.as_bytes());
    if !arguments.json {
        let text = findings::text(&image, &findings, MessageFormat::Human, terminal.color);
        // Nothing can be said about standard error failing.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
    let is_healthy = findings.is_empty();
    printed.worse(if is_healthy { Status::Done } else { Status::Findings })
}

/// The report for a person.
struct Words {
    color: bool,
}

impl Words {
    fn all(&self, image: &str, overview: &Overview<'_>, list: bool) -> String {
        let mut text = String::new();
        let title =
            format!("{}: {} for {}", render::visible(image), kind(overview.kind), overview.machine);
        let state = match overview.state {
            State::Empty => "nothing to pack",
            State::Unpacked => "not packed",
            State::Partly => "packed in part",
            State::Packed => "packed",
        };
        let _ = writeln!(text, "{}, {state}", self.bold(&title));
        if overview.state == State::Empty {
            return text;
        }
        text.push('\n');
        self.annotations(&mut text, overview);
        if let Some(root) = root(overview) {
            let _ = writeln!(text, "  root         {root}");
        }
        self.tables(&mut text, &overview.tables);
        if list {
            self.entries(&mut text, &overview.entries);
        }
        text
    }

    fn annotations(&self, text: &mut String, overview: &Overview<'_>) {
        let Overview { annotations, annotation_bytes, repeated, .. } = *overview;
        let total: u64 = overview.sections.iter().map(|it| it.size).fold(0, u64::saturating_add);
        if annotations > 0 {
            let each = annotation_bytes / annotations as u64;
            let bytes = size(annotation_bytes);
            let _ = writeln!(text, "  annotations  {annotations} in {bytes}, {each} B each");
        }
        if repeated > 0 {
            let _ = writeln!(text, "  repeated     {repeated}, which say what another one says");
        }
        let place = match overview.sections.as_slice() {
            [] => "none".to_owned(),
            [one] if overview.kind.is_linked() => {
                format!("`inspect_table`, {} at {:#x}", size(one.size), one.address)
            }
            [one] => format!("`inspect_table`, {}", size(one.size)),
            many => format!("{} of the name `inspect_table`, {}", many.len(), size(total)),
        };
        let packed: Option<u64> = overview.tables.iter().map(|it| it.size).sum();
        let packed = packed.filter(|packed| *packed > 0);
        let rest = match (packed, overview.state) {
            (Some(packed), State::Packed) if total > packed => {
                format!("; tables take {}, zeros the rest", size(packed))
            }
            (Some(packed), State::Unpacked | State::Partly) => {
                format!("; packed it will be {}", size(packed))
            }
            _ => String::new(),
        };
        let _ = writeln!(text, "  section      {place}{rest}");
    }

    fn tables(&self, text: &mut String, tables: &[TableOverview<'_>]) {
        if tables.is_empty() {
            return;
        }
        let mut rows = vec![
            ["SCHEMA", "VERSION", "ENTRIES", "TABLE", "AN ENTRY", "ITS ROW", "TYPES", "MOVED IDS"]
                .map(str::to_owned),
        ];
        for table in tables {
            let each = |bytes: u64| size(bytes / table.entries.max(1) as u64);
            rows.push([
                render::visible(table.schema).into_owned(),
                table.version.to_string(),
                table.entries.to_string(),
                table.size.map_or_else(|| "-".to_owned(), size),
                table.size.map_or_else(|| "-".to_owned(), each),
                size(table.entry_size.into()),
                if table.types_size == 0 { "none".to_owned() } else { size(table.types_size) },
                table.displaced.to_string(),
            ]);
        }
        self.columns(text, &rows, &[0]);
    }

    fn entries(&self, text: &mut String, entries: &[EntryOverview<'_>]) {
        let mut rows =
            vec![["CLASS", "NAME", "INSTANCE", "ADDRESS", "BYTES", "WHERE"].map(str::to_owned)];
        for entry in entries {
            let place = match (entry.file, entry.line) {
                ("", 0) => String::new(),
                (file, line) => format!("{}:{line}", render::visible(file)),
            };
            rows.push([
                render::visible(entry.class).into_owned(),
                render::visible(entry.name).into_owned(),
                entry.instance.to_string(),
                address(&entry.address),
                entry.length.map_or_else(|| "-".to_owned(), |it| it.to_string()),
                place,
            ]);
        }
        self.columns(text, &rows, &[0, 1, 5]);
    }

    /// Rows under their head, with two spaces between columns; numbers stand to the right.
    fn columns<const N: usize>(&self, text: &mut String, rows: &[[String; N]], left: &[usize]) {
        text.push('\n');
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
        let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
        for (index, row) in rows.iter().enumerate() {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let _ = match left.contains(&column) {
                    true => write!(line, "  {cell:width$}"),
                    false => write!(line, "  {cell:>width$}"),
                };
            }
            let line = line.trim_end();
            text.push_str(&if index == 0 { self.bold(line) } else { line.to_owned() });
            text.push('\n');
        }
    }

    fn bold(&self, text: &str) -> String {
        if self.color { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn kind(kind: ImageKind) -> &'static str {
    match kind {
        ImageKind::Object => "object file",
        ImageKind::KernelModule => "kernel module",
        ImageKind::Executable => "program at a fixed address",
        ImageKind::PositionIndependent => "position-independent program",
        ImageKind::SharedObject => "shared object",
    }
}

/// What leads to the tables, and what that outlives. An object gets its root when it is linked.
fn root(overview: &Overview<'_>) -> Option<String> {
    if !overview.kind.is_linked() {
        return None;
    }
    Some(match overview.root {
        Some(RootOverview { address, found_by }) => {
            let by = match found_by {
                FoundBy::Note => "by its note: after `strip -s`, and in a core, too",
                FoundBy::DynamicSymbol => {
                    "by an exported symbol: after `strip -s` too, in a core with the file at hand"
                }
                FoundBy::Symbol => "by a symbol: not after `strip`, nor in a core alone",
            };
            format!("at {address:#x}, found {by}")
        }
        None => "none: only the section leads a reader of this file to the tables".to_owned(),
    })
}

fn address(location: &Location<'_>) -> String {
    match location {
        Location::None => "-".to_owned(),
        Location::Address(address) => format!("{address:#x}"),
        Location::Section { name, offset } => format!("{}+{offset:#x}", render::visible(name)),
        Location::Symbol { name, offset: 0 } => render::visible(name).into_owned(),
        Location::Symbol { name, offset } => format!("{}{offset:+#x}", render::visible(name)),
    }
}

fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// The shape of `--json`; `docs/doctor.md` describes it for its users.
#[derive(Serialize)]
struct Json<'a> {
    image: &'a str,
    #[serde(flatten)]
    overview: Option<JsonOverview<'a>>,
    findings: Vec<serde_json::Value>,
}

#[derive(Serialize)]
struct JsonOverview<'a> {
    kind: &'static str,
    machine: &'static str,
    state: &'static str,
    annotations: usize,
    annotation_bytes: u64,
    repeated: usize,
    sections: Vec<JsonSection>,
    root: Option<JsonRoot>,
    tables: Vec<JsonTable<'a>>,
    entries: Vec<JsonEntry<'a>>,
}

#[derive(Serialize)]
struct JsonSection {
    address: String,
    size: u64,
    writable: bool,
    retained: bool,
}

#[derive(Serialize)]
struct JsonRoot {
    address: String,
    found_by: &'static str,
}

#[derive(Serialize)]
struct JsonTable<'a> {
    schema: &'a str,
    version: u32,
    entries: usize,
    bytes: Option<u64>,
    entry_size: u32,
    types_bytes: u64,
    displaced_ids: usize,
}

#[derive(Serialize)]
struct JsonEntry<'a> {
    schema: &'a str,
    class: &'a str,
    name: &'a str,
    instance: u64,
    id: String,
    #[serde(rename = "type")]
    type_id: u32,
    #[serde(flatten)]
    address: JsonPlace<'a>,
    bound: Option<JsonPlace<'a>>,
    length: Option<u64>,
    extent: &'static str,
    space: u16,
    properties: String,
    file: Option<&'a str>,
    line: Option<u64>,
}

/// Exactly one of address, section and symbol says something.
#[derive(Serialize)]
struct JsonPlace<'a> {
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    section: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    symbol: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<i64>,
}

fn json(image: &str, overview: Option<&Overview<'_>>, findings: &[Finding]) -> String {
    let findings = findings.iter().map(|it| findings::value(image, it)).collect();
    let line = serde_json::to_string(&Json { image, overview: overview.map(of), findings });
    // Strings and numbers always serialise.
    render::json_text(&line.unwrap_or_default()) + "\n"
}

fn of<'a>(overview: &'a Overview<'_>) -> JsonOverview<'a> {
    JsonOverview {
        kind: match overview.kind {
            ImageKind::Object => "object",
            ImageKind::KernelModule => "kernel_module",
            ImageKind::Executable => "executable",
            ImageKind::PositionIndependent => "position_independent",
            ImageKind::SharedObject => "shared_object",
        },
        machine: overview.machine,
        state: match overview.state {
            State::Empty => "empty",
            State::Unpacked => "unpacked",
            State::Partly => "partly",
            State::Packed => "packed",
        },
        annotations: overview.annotations,
        annotation_bytes: overview.annotation_bytes,
        repeated: overview.repeated,
        sections: overview
            .sections
            .iter()
            .map(|it| JsonSection {
                address: hex(it.address),
                size: it.size,
                writable: it.is_writable,
                retained: it.is_retained,
            })
            .collect(),
        root: overview.root.map(|it| JsonRoot {
            address: hex(it.address),
            found_by: match it.found_by {
                FoundBy::Note => "note",
                FoundBy::DynamicSymbol => "dynamic_symbol",
                FoundBy::Symbol => "symbol",
            },
        }),
        tables: overview.tables.iter().map(table).collect(),
        entries: overview.entries.iter().map(entry).collect(),
    }
}

fn table<'a>(table: &TableOverview<'a>) -> JsonTable<'a> {
    JsonTable {
        schema: table.schema,
        version: table.version,
        entries: table.entries,
        bytes: table.size,
        entry_size: table.entry_size,
        types_bytes: table.types_size,
        displaced_ids: table.displaced,
    }
}

fn entry<'a>(entry: &'a EntryOverview<'_>) -> JsonEntry<'a> {
    JsonEntry {
        schema: entry.schema,
        class: entry.class,
        name: entry.name,
        instance: entry.instance,
        id: hex(entry.id.into()),
        type_id: entry.type_id,
        address: place(&entry.address),
        bound: (entry.bound != Location::None).then(|| place(&entry.bound)),
        length: entry.length,
        extent: entry.extent_name(),
        space: entry.space,
        properties: hex(entry.properties),
        file: Some(entry.file).filter(|it| !it.is_empty()),
        line: Some(entry.line).filter(|it| *it > 0),
    }
}

fn place<'a>(location: &'a Location<'_>) -> JsonPlace<'a> {
    let mut place = JsonPlace { address: None, section: None, symbol: None, offset: None };
    match location {
        Location::None => {}
        Location::Address(address) => place.address = Some(hex(*address)),
        Location::Section { name, offset } => {
            place.section = Some(name);
            place.offset = Some(*offset as i64);
        }
        Location::Symbol { name, offset } => {
            place.symbol = Some(name);
            place.offset = Some(*offset);
        }
    }
    place
}

fn hex(number: u64) -> String {
    format!("{number:#x}")
}

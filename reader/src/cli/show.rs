//! `inspect show`: what lies in the memory of entries.

use std::convert::Infallible;
use std::io::BufWriter;

use anstyle::Style;
use clap::Args;
use inspect_format::abi::extent;

use super::session::{SelectorArguments, ValueArguments, check, output_width, unmet};
use super::{Failure, Session, TargetArguments};
use crate::catalog::{Entry, NamedTable};
use crate::contents::Options;
use crate::decode::Budget;
use crate::escape::{Terminal, to_json};
use crate::image::Image;
use crate::output::columns::size;
use crate::output::record::{self, Record};
use crate::output::value_json::JsonSink;
use crate::output::value_text;
use crate::value::{Value, ValueSink};

/// Shows what lies in the memory of entries, decoded by the types of their tables.
#[derive(Args)]
#[command(after_help = "Examples:
  inspect show core cache
  inspect show pid:4711 class:log --depth 1
  inspect show core type:session instance:7 --json | jq '.[0].value'
  inspect show firmware.zone
  inspect show raw:ram.bin@0x80000000 --image firmware.elf class:task")]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: TargetArguments,
    #[command(flatten)]
    selector: SelectorArguments,
    #[command(flatten)]
    contents: ContentsArguments,
    /// Print an array of objects: those of `list`, with a member `value`.
    #[arg(long)]
    json: bool,
}

/// What may be read and shown, and how much of it.
#[derive(Args)]
pub(crate) struct ContentsArguments {
    /// How many elements of an array or a list are shown.
    #[arg(long, value_name = "N", default_value_t = Budget::default().elements)]
    elements: u64,
    /// How many bytes of a text are shown.
    #[arg(long, value_name = "BYTES", default_value_t = Budget::default().text)]
    text: u64,
    /// How many values of an entry are shown.
    #[arg(long, value_name = "N", default_value_t = Budget::default().values)]
    values: u64,
    #[command(flatten)]
    value: ValueArguments,
}

impl ContentsArguments {
    /// The clock starts here.
    pub(crate) fn options(&self) -> Options {
        let Self { elements, text, values, .. } = *self;
        self.value.options(Budget { elements, text, values, ..Budget::default() })
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let session = Session::open(&arguments.target)?;
    let catalog = session.catalog()?;
    let selector = arguments.selector.selector();
    check(&selector, &[&catalog])?;
    let options = arguments.contents.options();
    let captures = session.captures();
    let mut json = JsonSink::new(BufWriter::new(anstream::stdout().lock()));
    let mut count = 0_usize;
    if arguments.json {
        json.raw("[")?;
    }
    for table in &catalog.tables {
        let entries = table.entries().filter(|entry| selector.matches(entry, &session.image));
        let mut entries = entries.peekable();
        if entries.peek().is_none() {
            continue;
        }
        let contents = session.contents(table, captures.as_ref());
        for entry in entries {
            if arguments.json {
                json.raw(if count == 0 { "\n  " } else { ",\n  " })?;
                // The value is written as it is decoded, as the last member of the entry's object.
                let record = to_json(&Record::new(&entry)).unwrap_or_default();
                json.raw(record.strip_suffix('}').unwrap_or("{"))?;
                json.raw(",\"value\":")?;
                contents.entry(&entry, &session.image, &options, &mut json)?;
                json.raw("}")?;
            } else {
                let mut sink = ValueSink::new();
                let told: Result<(), Infallible> =
                    contents.entry(&entry, &session.image, &options, &mut sink);
                let Ok(()) = told;
                let before = if count == 0 { "" } else { "\n" };
                json.raw(&format!(
                    "{before}{}",
                    text(table, &entry, &session.image, sink.finish())
                ))?;
            }
            count += 1;
        }
    }
    if arguments.json {
        json.raw(if count == 0 { "]\n" } else { "\n]\n" })?;
    }
    json.finish()?;
    session.finish()?;
    if count == 0 {
        let none = || Failure::input("the tables have no entries", None);
        return Err(unmet(&selector, &[(&catalog, &session.image)]).unwrap_or_else(none));
    }
    Ok(())
}

/// A heading, and the value below it.
fn text(table: &NamedTable<'_>, entry: &Entry<'_>, image: &Image, value: Option<Value>) -> String {
    let bold = Style::new().bold();
    let dimmed = Style::new().dimmed();
    let class = Terminal(&entry.class_text()).to_string();
    let instance = match (entry.key(), entry.row.instance()) {
        (Some(key), instance) => format!("[{}={instance}]", Terminal(key)),
        (None, 0) => String::new(),
        (None, instance) => format!("[{instance}]"),
    };
    let name = entry.name().unwrap_or("?");
    let digits = usize::from(table.table.word_size()) * 2 + 2;
    let own = format!("{:#0digits$x}", entry.row.address());
    // Where a pointer leads now, and how much a counter says is there.
    let led = entry
        .span(image)
        .map(|span| (format!("{own} → {:#0digits$x}", span.address), size(span.length)));
    let (address, length) = match (entry.extent(), led) {
        (extent::ADDRESS_ONLY, _) => (own, "of unknown length".to_owned()),
        (extent::INDIRECT | extent::COUNTED, Ok(led)) => led,
        (extent::COUNTED, Err(_)) => (own, format!("n × {}", size(entry.length()))),
        _ => (own, size(entry.length())),
    };
    let properties = Terminal(&record::properties(entry).join("|")).to_string();
    let heading = format!(
        "{bold}{class}{instance} {}{bold:#} {dimmed}{address} {length} {properties}",
        Terminal(name),
    );
    let heading = format!("{}{dimmed:#}", heading.trim_end());
    let width = output_width().unwrap_or(value_text::WIDTH);
    let mut body = value.map(|value| value_text::render(&value, 2, width)).unwrap_or_default();
    if !body.ends_with('\n') {
        body.push('\n');
    }
    format!("{heading}\n{}", body.trim_start_matches('\n'))
}

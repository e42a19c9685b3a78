//! `inspect map`: the memory of all entries in the order of its addresses.

use std::io::{BufWriter, Write};

use anstyle::{AnsiColor, Style};
use clap::Args;
use serde_json::{Value, json};

use super::session::{SelectorArguments, check, output_width, remark_unmet};
use super::{Failure, Session, TargetArguments};
use crate::catalog::Entry;
use crate::escape::{Terminal, to_json_pretty};
use crate::map::{Hole, Map, Region, RelationKind, Total};
use crate::output::columns::{Cell, Columns, Heading, size};
use inspect_format::abi::space;

/// Shows the memory of all entries in the order of its addresses, with holes and overlaps.
#[derive(Args)]
#[command(after_help = "Examples:
  inspect map core
  inspect map pid:4711 class:cache
  inspect map core --json | jq '.regions[] | select(.relation == \"partial\")'")]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: TargetArguments,
    #[command(flatten)]
    selector: SelectorArguments,
    /// Print one object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let session = Session::open(&arguments.target)?;
    let catalog = session.catalog()?;
    let selector = arguments.selector.selector();
    check(&selector, &[&catalog])?;
    let wanted = |entry: &Entry<'_>| selector.matches(entry, &session.image);
    let map = Map::new(&session.image, &catalog, &wanted);
    let mut out = BufWriter::new(anstream::stdout().lock());
    if arguments.json {
        writeln!(out, "{}", to_json_pretty(&data(&map)).map_err(std::io::Error::from)?)?;
    } else {
        text(&mut out, &map)?;
    }
    out.flush()?;
    if map.regions.is_empty() && map.nowhere.is_empty() {
        remark_unmet(&selector, &[(&catalog, &session.image)]);
    }
    session.finish()
}

fn text(out: &mut dyn Write, map: &Map<'_>) -> Result<(), Failure> {
    let heading = |text, is_right| Heading { text, is_right };
    let mut columns = Columns::new(vec![
        heading("ADDRESS", false),
        heading("SIZE", true),
        heading("CLASS", false),
        heading("NAME", false),
        heading("NOTE", false),
    ]);
    let mut holes = map.holes.iter().peekable();
    for (index, region) in map.regions.iter().enumerate() {
        if let Some(hole) = holes.next_if(|hole| hole.before == index) {
            columns.row(hole_row(map, hole));
        }
        columns.row(region_row(map, region));
    }
    columns.write(out, 0, output_width())?;
    if !map.nowhere.is_empty() {
        writeln!(out, "\nwithout a place:")?;
        let mut columns = Columns::new(vec![
            heading("CLASS", false),
            heading("NAME", false),
            heading("WHY", false),
        ]);
        for nowhere in &map.nowhere {
            let mut cells = names(&nowhere.entry, 0);
            cells.push(plain(nowhere.reason.to_string()));
            columns.row(cells);
        }
        columns.write(out, 2, output_width())?;
    }
    sums(out, map)
}

fn sums(out: &mut dyn Write, map: &Map<'_>) -> Result<(), Failure> {
    let (count, covered) = (map.regions.len(), map.covered());
    let regions = if count == 1 { "region" } else { "regions" };
    writeln!(out, "\n{count} {regions}, {} without counting twice", size(covered))?;
    let heading = |text, is_right| Heading { text, is_right };
    let mut columns = Columns::new(vec![
        heading("CLASS OR OBJECT", false),
        heading("ENTRIES", true),
        heading("BYTES", true),
    ]);
    let mut row = |name: String, total: &Total| {
        let bytes = size(total.bytes);
        columns.row([name, total.entries.to_string(), bytes].map(plain).into());
    };
    for ((schema, class), total) in &map.classes() {
        row(Terminal(&format!("{schema}:{class}")).to_string(), total);
    }
    for (object, total) in &map.objects() {
        row(Terminal(object).to_string(), total);
    }
    columns.write(out, 2, output_width())?;
    Ok(())
}

fn plain(text: String) -> Cell {
    Cell { text, style: Style::new() }
}

fn hole_row(map: &Map<'_>, hole: &Hole) -> Vec<Cell> {
    let dimmed = |text: String| Cell { text, style: Style::new().dimmed() };
    let place = hole.object.as_deref().map(|name| format!("in {}", Terminal(name)));
    // As wide as the addresses around it.
    let digits = map.regions.get(hole.before).map_or(0, digits);
    vec![
        dimmed(format!("{:#0digits$x}", hole.start)),
        dimmed(size(hole.length)),
        dimmed("-".to_owned()),
        Cell::default(),
        dimmed(format!("hole {}", place.unwrap_or_default()).trim_end().to_owned()),
    ]
}

/// How wide the addresses of a region's machine are.
fn digits(region: &Region<'_>) -> usize {
    usize::from(region.entry.table.table.word_size()) * 2 + 2
}

fn region_row(map: &Map<'_>, region: &Region<'_>) -> Vec<Cell> {
    let digits = digits(region);
    let address = format!("{:#0digits$x}", region.start);
    let address = match region.entry.row.space() {
        space::VIRTUAL => address,
        _ => format!("{}:{address}", Terminal(&region.entry.space_text())),
    };
    let mut cells = vec![plain(address), plain(size(region.length))];
    cells.extend(names(&region.entry, region.depth));
    cells.push(note(map, region));
    cells
}

/// Class and name of an entry.
fn names(entry: &Entry<'_>, depth: usize) -> Vec<Cell> {
    let depth = depth.min(8) * 2;
    let class = Terminal(&entry.class_text()).to_string();
    let class = match entry.row.instance() {
        0 => class,
        instance => format!("{class}[{instance}]"),
    };
    let name = entry.name().unwrap_or("(broken)");
    vec![
        Cell { text: format!("{:depth$}{class}", ""), style: AnsiColor::Cyan.on_default() },
        Cell { text: Terminal(name).to_string(), style: Style::new().bold() },
    ]
}

/// How a region lies to the one before it.
fn note(map: &Map<'_>, region: &Region<'_>) -> Cell {
    let Some(relation) = region.relation else { return Cell::default() };
    let other = map.regions.get(relation.other);
    let other = other.map(|it| {
        let name = it.entry.name().unwrap_or_default();
        let text = format!("{} {name}", it.entry.class_text());
        format!("{} at {:#x}", Terminal(text.trim_end()), it.start)
    });
    let other = other.unwrap_or_default();
    let red = AnsiColor::Red.on_default();
    match relation.kind {
        RelationKind::Same => plain(format!("the same as {other}")),
        RelationKind::Inside => plain(format!("inside {other}")),
        RelationKind::Partial => Cell { text: format!("overlaps {other}"), style: red },
    }
}

fn data(map: &Map<'_>) -> Value {
    let regions = map.regions.iter().map(|it| {
        let mut value = identity(&it.entry);
        let other = it.relation.and_then(|relation| map.regions.get(relation.other));
        if let Value::Object(members) = &mut value {
            members.insert("address".into(), hexadecimal(it.start));
            members.insert("length".into(), it.length.into());
            members.insert("depth".into(), it.depth.into());
            members.insert("relation".into(), it.relation.map(|it| it.kind.word()).into());
            members.insert("of".into(), other.map(|it| identity(&it.entry)).into());
        }
        value
    });
    let holes = map.holes.iter().map(|hole| {
        json!({"address": hexadecimal(hole.start), "length": hole.length, "object": hole.object})
    });
    let nowhere = map
        .nowhere
        .iter()
        .map(|it| json!({"entry": identity(&it.entry), "reason": it.reason.to_string()}));
    let classes = map.classes().into_iter().map(|((table, class), it)| {
        json!({"table": table, "class": class, "entries": it.entries, "bytes": it.bytes})
    });
    let objects = map
        .objects()
        .into_iter()
        .map(|(object, it)| json!({"object": object, "entries": it.entries, "bytes": it.bytes}));
    json!({
        "regions": regions.collect::<Vec<_>>(),
        "holes": holes.collect::<Vec<_>>(),
        "nowhere": nowhere.collect::<Vec<_>>(),
        "classes": classes.collect::<Vec<_>>(),
        "objects": objects.collect::<Vec<_>>(),
        "covered": map.covered(),
    })
}

/// What tells an entry from others.
fn identity(entry: &Entry<'_>) -> Value {
    json!({
        "table": entry.table.schema_name(),
        "object": entry.table.found.place,
        "class": entry.class_text(),
        "name": entry.name().ok(),
        "instance": entry.row.instance(),
        "space": entry.space_text(),
    })
}

fn hexadecimal(address: u64) -> Value {
    Value::String(format!("{address:#x}"))
}

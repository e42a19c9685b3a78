//! `inspect diff`: two images of one program, entry by entry.

use std::collections::BTreeSet;
use std::io::{BufWriter, Write};

use anstyle::{AnsiColor, Style};
use clap::Args;
use serde_json::{Value, json};

use super::session::{SelectorArguments, ValueArguments, check, remark_unmet};
use super::{Failure, Session, TargetArguments};
use crate::catalog::{Catalog, Entry};
use crate::diff::{Change, Diff, Options, Said, Side, Unseen, diff};
use crate::escape::{Terminal, to_json_pretty};
use crate::image::{Image, Target};
use crate::output::columns::size;

/// Compares two targets by identity: entries that came, went, or have other values.
///
/// Entries are the same that have one schema, class, name and instance, wherever they lie. What is
/// sensitive, what a dump left out and what a budget left out is not compared, and counted apart. The
/// exit status is 0 whether anything differs or not, unless `--exit-code` asks for 1.
#[derive(Args)]
#[command(after_help = "Examples:
  inspect diff monday.core tuesday.core
  inspect diff core pid:4711 class:cache
  inspect diff a.core b.core --json | jq '.changed[].changes[].path'")]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: TargetArguments,
    /// The other target.
    other: Target,
    #[command(flatten)]
    selector: SelectorArguments,
    /// Tell of entries and of pointers that lead to equal values at other addresses.
    #[arg(long)]
    addresses: bool,
    #[command(flatten)]
    value: ValueArguments,
    /// End with status 1 if anything differs. What was not compared does not.
    #[arg(long)]
    exit_code: bool,
    /// Print one object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let sessions = [
        Session::open(&arguments.target)?,
        Session::of(&arguments.other, &arguments.target.reading)?,
    ];
    let [before, after] = &sessions;
    let catalogs = [before.catalog()?, after.catalog()?];
    let [old, new] = &catalogs;
    let dumps = [before.captures(), after.captures()];
    let [old_dump, new_dump] = &dumps;
    let selector = arguments.selector.selector();
    check(&selector, &[old, new])?;
    let wanted = |entry: &Entry<'_>, image: &Image| selector.matches(entry, image);
    let found = diff(
        Side { image: &before.image, catalog: old, captures: old_dump.as_ref() },
        Side { image: &after.image, catalog: new, captures: new_dump.as_ref() },
        &wanted,
        arguments.options(),
    );
    let mut out = BufWriter::new(anstream::stdout().lock());
    if arguments.json {
        let json = to_json_pretty(&data(&found)).map_err(std::io::Error::from)?;
        writeln!(out, "{json}")?;
    } else {
        text(&mut out, &found)?;
    }
    out.flush()?;
    let [old_side, new_side] = [(old, &before.image), (new, &after.image)];
    let wanted = |(catalog, image): (&Catalog<'_>, &Image)| {
        catalog.entries().any(|entry| selector.matches(&entry, image))
    };
    if !wanted(old_side) && !wanted(new_side) {
        remark_unmet(&selector, &[old_side, new_side]);
    }
    sessions.iter().try_for_each(Session::finish)?;
    if arguments.exit_code && !found.is_empty() { Err(Failure::Findings) } else { Ok(()) }
}

impl Arguments {
    /// The clock starts here.
    fn options(&self) -> Options {
        let contents = self.value.options(Options::default().contents.budget);
        Options { addresses: self.addresses, contents }
    }
}

fn text(out: &mut dyn Write, found: &Diff<'_, '_>) -> Result<(), Failure> {
    let (red, green) = (AnsiColor::Red.on_default(), AnsiColor::Green.on_default());
    for entry in &found.removed {
        writeln!(out, "{red}- {}{red:#}", alone(entry))?;
    }
    for entry in &found.added {
        writeln!(out, "{green}+ {}{green:#}", alone(entry))?;
    }
    let bold = Style::new().bold();
    for changed in &found.changed {
        writeln!(out, "{bold}{}{bold:#}", called(&changed.after))?;
        for Change { path, before, after } in &changed.changes {
            let said = |said: &Option<Said>| {
                said.as_ref().map_or_else(|| "(nothing)".to_owned(), |it| it.text.clone())
            };
            writeln!(out, "  {}: {} -> {}", Terminal(path), said(before), said(after))?;
        }
    }
    let (changed, added, removed) = (found.changed.len(), found.added.len(), found.removed.len());
    let same = found.same;
    write!(out, "{changed} changed, {added} added, {removed} removed, {same} the same")?;
    if !found.partial.is_empty() {
        let all = found.partial.iter().flat_map(|it| &it.unseen);
        let reasons: BTreeSet<String> = all.map(|it| it.why.to_string()).collect();
        let reasons: Vec<String> = reasons.into_iter().collect();
        let (count, reasons) = (found.partial.len(), reasons.join("; "));
        write!(out, ", {count} not compared to the end ({})", Terminal(&reasons))?;
    }
    writeln!(out)?;
    Ok(())
}

/// An entry by its identity.
fn called(entry: &Entry<'_>) -> String {
    let schema = entry.table.schema_name();
    let class = entry.class_text();
    let instance = match entry.row.instance() {
        0 => String::new(),
        instance => format!("[{instance}]"),
    };
    let name = entry.name().unwrap_or_default();
    let text = format!("{schema} {class}{instance} {name}");
    Terminal(text.trim_end()).to_string()
}

/// An entry that only one image has.
fn alone(entry: &Entry<'_>) -> String {
    format!("{}  {:#x}, {}", called(entry), entry.row.address(), size(entry.length()))
}

fn data(found: &Diff<'_, '_>) -> Value {
    let said = |said: &Option<Said>| said.as_ref().map(|it| it.json.clone());
    let changed = found.changed.iter().map(|it| {
        let changes = it.changes.iter().map(|change| {
            json!({
                "path": change.path,
                "before": said(&change.before),
                "after": said(&change.after),
            })
        });
        let changes: Vec<Value> = changes.collect();
        json!({"entry": identity(&it.after), "changes": changes, "unseen": unseen(&it.unseen)})
    });
    let partial = found.partial.iter();
    let partial =
        partial.map(|it| json!({"entry": identity(&it.after), "unseen": unseen(&it.unseen)}));
    json!({
        "removed": found.removed.iter().map(identity).collect::<Vec<_>>(),
        "added": found.added.iter().map(identity).collect::<Vec<_>>(),
        "changed": changed.collect::<Vec<_>>(),
        "partial": partial.collect::<Vec<_>>(),
        "same": found.same,
    })
}

fn unseen(unseen: &[Unseen]) -> Vec<Value> {
    let one = |it: &Unseen| json!({"path": it.path, "why": it.why.to_string()});
    unseen.iter().map(one).collect()
}

fn identity(entry: &Entry<'_>) -> Value {
    json!({
        "table": entry.table.schema_name(),
        "object": entry.table.found.place,
        "class": entry.class_text(),
        "name": entry.name().ok(),
        "instance": entry.row.instance(),
        "address": format!("{:#x}", entry.row.address()),
        "length": entry.length(),
    })
}

//! What `inspect-gen layout` prints for people: every struct with offsets, sizes, holes and cache
//! lines, once for each set of targets that agree on it.

use std::fmt::Write as _;

use crate::emit::layout_view::{CACHE_LINE, LayoutView, Part, PartKind};
use crate::emit::spell;
use crate::model::{AggregateId, AggregateKind, Model, SchemaId, Target};

/// The layouts of the emitted schemas on the given targets. With `wanted`, only of the types of
/// this name: `log_record`, `linux.mm::log_record`, `pgdat.lock` for an inline one, `region` for an
/// entry.
///
/// The text is empty where no type has the wanted name.
#[must_use]
pub fn layout_text(model: &Model, targets: &[Target], wanted: Option<&str>) -> String {
    let mut out = String::new();
    for (schema, path, subject) in subjects(model) {
        let qualified = format!("{}::{path}", model[schema].name);
        if wanted.is_some_and(|wanted| wanted != path && wanted != qualified) {
            continue;
        }
        if !out.is_empty() {
            out.push('\n');
        }
        match subject {
            Subject::Entry => {
                print(&mut out, &qualified, &LayoutView::entry(model, schema), "every target");
            }
            Subject::Aggregate(id) => print_aggregate(&mut out, model, id, &qualified, targets),
        }
    }
    out
}

/// Every name that `--type` takes, for a suggestion.
#[must_use]
pub fn layout_names(model: &Model) -> Vec<String> {
    subjects(model).map(|(_, path, _)| path).collect()
}

enum Subject {
    Aggregate(AggregateId),
    Entry,
}

/// What has a layout, schema by schema: structs in the order of their definition, inline ones
/// behind the one that holds them, the entry last.
fn subjects(model: &Model) -> impl Iterator<Item = (SchemaId, String, Subject)> + '_ {
    let order = |id: &AggregateId| (model[*id].naming.origin, *id);
    model.emitted().flat_map(move |(schema, item)| {
        let ids = (0..model.aggregates.len()).map(|index| AggregateId(index as u32));
        let mut ids: Vec<_> = ids.filter(|id| model[*id].schema == schema).collect();
        ids.sort_by_key(order);
        let aggregates = ids.into_iter().filter_map(move |id| {
            Some((schema, spell::aggregate_path(model, id)?, Subject::Aggregate(id)))
        });
        let entry =
            item.entry.declared.then(|| (schema, item.entry.naming.name.clone(), Subject::Entry));
        aggregates.chain(entry)
    })
}

fn print_aggregate(
    out: &mut String,
    model: &Model,
    id: AggregateId,
    name: &str,
    targets: &[Target],
) {
    let aggregate = &model[id];
    let Some(layouts) = &aggregate.layouts else {
        let compiler = match aggregate.kind {
            AggregateKind::ExternRust => "rustc",
            _ => "the C compiler",
        };
        let keyword = spell::keyword(aggregate);
        let _ =
            writeln!(out, "{keyword} {name}: captured by {compiler} when the producer is built");
        return;
    };
    for (index, _) in layouts.distinct.iter().enumerate() {
        let agreed: Vec<Target> = targets
            .iter()
            .copied()
            .filter(|target| usize::from(layouts.by_target[target.index()]) == index)
            .collect();
        let Some(first) = agreed.first() else { continue };
        let Some(view) = LayoutView::new(model, id, *first) else { continue };
        let names: Vec<_> = agreed.iter().map(|target| target.name()).collect();
        print(out, name, &view, &names.join(", "));
    }
}

fn print(out: &mut String, name: &str, view: &LayoutView, targets: &str) {
    let _ = writeln!(out, "{} {name} on {targets}", view.keyword);
    let width = view.parts.iter().map(|part| label(part).len()).max().unwrap_or(0);
    let mut line = 0;
    for part in &view.parts {
        if part.offset / CACHE_LINE > line {
            line = part.offset / CACHE_LINE;
            let _ = writeln!(out, "        -- cache line {line} --");
        }
        let place = match part.bits {
            Some((first, _)) => format!("{}:{}", first / 8, first % 8),
            None => part.offset.to_string(),
        };
        let size = match part.bits {
            Some((_, width)) => format!("{width}b"),
            None => part.size.to_string(),
        };
        let text = format!("{:>8} {:>7}  {:<width$}  {}", place, size, label(part), part.type_text);
        let _ = writeln!(out, "{}", text.trim_end());
    }
    let _ = writeln!(
        out,
        "    size {}, align {}, {}, {}",
        view.size,
        view.align,
        holes(view),
        spell::plural(view.cache_lines(), "cache line"),
    );
}

/// How much nothing there is, unused bits beside bit-fields included.
fn holes(view: &LayoutView) -> String {
    let parts = view.parts.iter().filter(|part| part.kind == PartKind::Hole);
    let bits = parts.filter_map(|part| part.bits).map(|(_, width)| u64::from(width)).sum();
    match (view.hole_bytes, bits) {
        (0, 0) => "no holes".to_owned(),
        (bytes, 0) => format!("{} in holes", spell::plural(bytes, "byte")),
        (0, bits) => format!("{} in holes", spell::plural(bits, "bit")),
        (bytes, bits) => {
            let bytes = spell::plural(bytes, "byte");
            format!("{bytes} and {} in holes", spell::plural(bits, "bit"))
        }
    }
}

/// How a part is called, indented by the anonymous aggregates around it.
fn label(part: &Part) -> String {
    let word = match part.kind {
        PartKind::Field => part.name.as_str(),
        PartKind::Anonymous => "(anonymous)",
        PartKind::Padding => "_",
        PartKind::Hole => "(hole)",
    };
    format!("{:indent$}{word}", "", indent = part.depth * 2)
}

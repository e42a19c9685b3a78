//! Documentation: one Markdown page for each schema, with what a reader of a dump wants to look up:
//! classes and their numbers, property bits, rows, layouts, constants, consumers, and what each
//! version brought.
//!
//! A layout is shown once for each set of targets that agree on it, on all targets: the page is the
//! same wherever it is made. Names and documentation come from the schema; documentation is
//! Markdown already and is copied as it is, everything else is escaped where it enters a table.

use std::fmt::Write as _;

use crate::emit::layout_view::{CACHE_LINE, LayoutView, PartKind, layout_groups};
use crate::emit::{Files, spell};
use crate::model::{
    AggregateId, AggregateKind, Assign, ConstantValue, Consumer, EnumRepr, Field, Lifetime, Model,
    Naming, Partial, Rule, Schema, SchemaId, Target, Type, TypeId, names,
};

/// One page a schema: `doc/<schema>.md`.
#[must_use]
pub fn emit(model: &Model) -> Files {
    model
        .emitted()
        .map(|(id, schema)| {
            let path = format!("doc/{}.md", names::schema_word(&schema.name));
            (path, page(model, id, schema).into_bytes())
        })
        .collect()
}

fn page(model: &Model, id: SchemaId, schema: &Schema) -> String {
    let mut page = Page { model, id, schema, out: String::new() };
    page.head();
    page.classes();
    page.properties();
    page.entry();
    page.types();
    page.constants();
    page.spaces();
    page.consumers();
    page.versions();
    page.out
}

/// A page being written.
struct Page<'a> {
    model: &'a Model,
    id: SchemaId,
    schema: &'a Schema,
    out: String,
}

/// Writes a line; writing into a `String` cannot fail.
macro_rules! line {
    ($page:expr $(, $($arguments:tt)*)?) => {{
        let _ = writeln!($page.out $(, $($arguments)*)?);
    }};
}

impl Page<'_> {
    fn head(&mut self) {
        let schema = self.schema;
        line!(self, "# Schema `{}`, version {}\n", schema.name, schema.version);
        if schema.version != schema.latest {
            line!(
                self,
                "The schema as it was in version {}; it has reached version {}.\n",
                schema.version,
                schema.latest
            );
        }
        self.docs(&schema.docs);
        if !schema.dependencies.is_empty() {
            let names: Vec<_> = schema
                .dependencies
                .iter()
                .map(|id| &self.model[*id])
                .map(|other| {
                    if other.imported {
                        format!("`{}`", other.name)
                    } else {
                        format!("[`{}`]({}.md)", other.name, names::schema_word(&other.name))
                    }
                })
                .collect();
            line!(self, "Uses {}.\n", names.join(", "));
        }
    }

    fn classes(&mut self) {
        if self.schema.classes.is_empty() {
            return;
        }
        line!(self, "## Classes\n");
        line!(self, "| class | number | points at | key | properties | |");
        line!(self, "|---|---|---|---|---|---|");
        for id in &self.schema.classes {
            let class = &self.model[*id];
            line!(
                self,
                "| `{}` | `{:#010x}` | {} | {} | {} | {} |",
                class.naming.name,
                class.number,
                self.type_cell(&class.target),
                class.key.as_deref().map_or(String::new(), |key| format!("`{key}`")),
                self.property_cell(class.properties),
                self.note(&class.naming),
            );
        }
        line!(self);
    }

    fn properties(&mut self) {
        let Some(properties) = &self.schema.properties else { return };
        line!(self, "## Properties\n");
        self.docs(&properties.naming.docs);
        line!(self, "| bits | property | |\n|---|---|---|");
        for member in &properties.members {
            let note = self.note(&member.naming);
            line!(
                self,
                "| {} | `{}` | {note} |",
                bits(member.first, member.last),
                member.naming.name
            );
        }
        line!(self);
    }

    fn entry(&mut self) {
        let entry = &self.schema.entry;
        if !entry.declared {
            return;
        }
        line!(self, "## Entry `{}`\n", entry.naming.name);
        self.docs(&entry.naming.docs);
        line!(self, "A row has {} bytes and begins with the core entry.\n", entry.size);
        line!(self, "| offset | size | field | type | default | |\n|--:|--:|---|---|---|---|");
        line!(self, "| 0 | 64 | | core entry | | |");
        for field in &entry.fields {
            let mut note = self.note(&field.naming);
            append_facts(&mut note, field.unit.as_deref(), field.sensitive);
            line!(
                self,
                "| {} | {} | `{}` | {} | `{}` | {note} |",
                field.offset,
                field.size,
                field.naming.name,
                self.type_cell(&field.ty),
                cell(&spell::value_text(&field.default)),
            );
        }
        line!(self);
    }

    fn types(&mut self) {
        if self.schema.types.is_empty() {
            return;
        }
        line!(self, "## Types\n");
        for id in &self.schema.types {
            match *id {
                TypeId::Aggregate(id) => self.aggregate(id),
                TypeId::Enum(id) => self.enumeration(&self.model[id]),
                TypeId::Flags(id) => {
                    let flags = &self.model[id];
                    line!(self, "### flags `{}`\n", flags.naming.name);
                    self.naming_line(&flags.naming, &format!("A `{}`.", flags.repr.word()));
                    line!(self, "| bits | flag | |\n|---|---|---|");
                    for member in &flags.members {
                        line!(
                            self,
                            "| {} | `{}` | {} |",
                            bits(member.first, member.last),
                            member.naming.name,
                            self.note(&member.naming)
                        );
                    }
                    line!(self);
                }
            }
        }
    }

    fn enumeration(&mut self, enumeration: &crate::model::Enum) {
        line!(self, "### enum `{}`\n", enumeration.naming.name);
        let repr = match enumeration.repr {
            EnumRepr::Scalar(scalar) => format!("A `{}`", scalar.word()),
            EnumRepr::C(_) => "What the target's C compiler chooses".to_owned(),
        };
        let rest = match (&enumeration.header, enumeration.open) {
            (Some(header), _) => format!("; the values come from `{header}`."),
            (None, true) => "; other values may come, and are kept.".to_owned(),
            (None, false) => ".".to_owned(),
        };
        self.naming_line(&enumeration.naming, &format!("{repr}{rest}"));
        line!(self, "| value | member | |\n|--:|---|---|");
        for member in &enumeration.members {
            let value = member.value.map_or(String::new(), |value| value.to_string());
            line!(self, "| {value} | `{}` | {} |", member.naming.name, self.note(&member.naming));
        }
        line!(self);
    }

    fn aggregate(&mut self, id: AggregateId) {
        let aggregate = &self.model[id];
        let keyword = spell::keyword(aggregate);
        line!(self, "### {keyword} `{}`\n", aggregate.naming.name);
        let origin = match &aggregate.kind {
            AggregateKind::Struct => "Laid out by the target's C ABI.".to_owned(),
            AggregateKind::Record => {
                "The same bytes on every target but for byte order.".to_owned()
            }
            AggregateKind::ExternC { header } => {
                format!("Captured by the C compiler from `{header}`.")
            }
            AggregateKind::ExternRust => "A Rust type, described beside it.".to_owned(),
        };
        self.naming_line(&aggregate.naming, &origin);
        if aggregate.layouts.is_some() {
            for targets in layout_groups(self.model, id) {
                self.layout(id, &targets);
            }
        } else {
            line!(self, "| field | type | |\n|---|---|---|");
            self.captured_fields(id);
            line!(self);
        }
        for (inner, path) in self.inline_aggregates(id) {
            if self.model[inner].layouts.is_some() {
                line!(self, "#### {} `{path}`\n", spell::keyword(&self.model[inner]));
                for targets in layout_groups(self.model, inner) {
                    self.layout(inner, &targets);
                }
            }
        }
    }

    /// The inline aggregates with a name that lie anywhere in a named one, with their paths.
    fn inline_aggregates(&self, id: AggregateId) -> Vec<(AggregateId, String)> {
        let mut found = Vec::new();
        for field in &self.model[id].fields {
            let Some(inner) = self.model.inline(&field.ty) else { continue };
            if field.naming.is_some() {
                found.extend(spell::aggregate_path(self.model, inner).map(|path| (inner, path)));
            }
            found.append(&mut self.inline_aggregates(inner));
        }
        found
    }

    fn captured_fields(&mut self, id: AggregateId) {
        for field in &self.model[id].fields {
            let mut note = field.naming.as_ref().map_or(String::new(), |name| self.note(name));
            append_field_facts(self.model, &mut note, field);
            let name = if field.naming.is_some() { field.name() } else { "(anonymous)" };
            line!(self, "| `{name}` | {} | {note} |", self.type_cell(&field.ty));
        }
    }

    fn layout(&mut self, id: AggregateId, targets: &[Target]) {
        let Some(view) = targets.first().and_then(|first| LayoutView::new(self.model, id, *first))
        else {
            return;
        };
        let names: Vec<_> = targets.iter().map(|target| target.name()).collect();
        let on = if targets.len() == Target::COUNT {
            "On every target".to_owned()
        } else {
            format!("On {}", names.join(", "))
        };
        line!(
            self,
            "{on}: {}, aligned to {}, {} of holes, {}.\n",
            spell::plural(view.size, "byte"),
            view.align,
            spell::plural(view.hole_bytes, "byte"),
            spell::plural(view.cache_lines(), "cache line")
        );
        line!(self, "| offset | size | field | type | |\n|--:|--:|---|---|---|");
        let fields = flattened(self.model, id);
        let mut fields = fields.iter();
        let mut cache_line = 0;
        for part in &view.parts {
            if part.offset / CACHE_LINE > cache_line {
                cache_line = part.offset / CACHE_LINE;
                line!(self, "| | | *cache line {cache_line}* | | |");
            }
            let (offset, size) = match part.bits {
                Some((first, width)) => {
                    (format!("{}:{}", first / 8, first % 8), format!("{width} bits"))
                }
                None => (part.offset.to_string(), part.size.to_string()),
            };
            let indent = "&nbsp;&nbsp;".repeat(part.depth);
            if part.kind == PartKind::Hole {
                line!(self, "| {offset} | {size} | {indent}*hole* | | |");
                continue;
            }
            let Some(field) = fields.next() else { continue };
            let mut note = field.naming.as_ref().map_or(String::new(), |name| self.note(name));
            append_field_facts(self.model, &mut note, field);
            let name = match part.kind {
                PartKind::Field => format!("`{}`", part.name),
                PartKind::Padding => "`_`".to_owned(),
                _ => "*anonymous*".to_owned(),
            };
            line!(
                self,
                "| {offset} | {size} | {indent}{name} | `{}` | {note} |",
                cell(&part.type_text)
            );
        }
        line!(self);
    }

    fn constants(&mut self) {
        if self.schema.constants.is_empty() {
            return;
        }
        line!(self, "## Constants\n");
        line!(self, "| constant | type | value | |\n|---|---|---|---|");
        for id in &self.schema.constants {
            let constant = &self.model[*id];
            let value = match &constant.value {
                ConstantValue::Known(value) => format!("`{}`", cell(&spell::value_text(value))),
                ConstantValue::Captured(header) => format!("from `{}`", cell(header)),
            };
            line!(
                self,
                "| `{}` | {} | {value} | {} |",
                constant.naming.name,
                self.type_cell(&constant.ty),
                self.note(&constant.naming)
            );
        }
        line!(self);
    }

    fn spaces(&mut self) {
        if self.schema.spaces.is_empty() {
            return;
        }
        line!(self, "## Address spaces\n");
        line!(self, "| space | number | section | base | assign | partial | regions | |");
        line!(self, "|---|--:|--:|---|---|---|--:|---|");
        for space in &self.schema.spaces {
            let assign = match space.assign {
                Assign::Stable => "stable",
                Assign::Compact => "compact",
            };
            let partial = match space.partial {
                Partial::Reject => "reject",
                Partial::RoundIn => "round in",
                Partial::RoundOut => "round out",
            };
            let regions = space.max_regions.map_or(String::new(), |limit| limit.to_string());
            line!(
                self,
                "| `{}` | {} | {} | `{:#x}` | {assign} | {partial} | {regions} | {} |",
                space.naming.name,
                space.number,
                space.section_size,
                space.base,
                self.note(&space.naming)
            );
        }
        line!(self);
    }

    fn consumers(&mut self) {
        if self.schema.consumers.is_empty() {
            return;
        }
        line!(self, "## Consumers\n");
        line!(self, "A consumer sees what it allows and does not deny, and nothing else.\n");
        for consumer in &self.schema.consumers {
            line!(self, "### consumer `{}`\n", consumer.naming.name);
            self.naming_line(&consumer.naming, "");
            self.consumer(consumer);
            line!(self);
        }
    }

    fn consumer(&mut self, consumer: &Consumer) {
        for (word, rules) in
            [("allow", &consumer.allow), ("deny", &consumer.deny), ("order", &consumer.order)]
        {
            if !rules.is_empty() {
                let rules: Vec<_> = rules.iter().map(|rule| self.rule(rule)).collect();
                line!(self, "- {word}: {}", rules.join(", "));
            }
        }
        if consumer.require != 0 {
            line!(self, "- require: {}", self.property_cell(consumer.require));
        }
        if consumer.permit != 0 {
            line!(self, "- permits: {}", self.property_cell(consumer.permit));
        }
        let limit = consumer.limit;
        for (word, limit) in
            [("regions", limit.regions), ("bytes of name", limit.name), ("bytes", limit.bytes)]
        {
            if let Some(limit) = limit {
                line!(self, "- at most {limit} {word}");
            }
        }
    }

    fn rule(&self, rule: &Rule) -> String {
        let class = |id| spell::class_name(self.model, self.id, id);
        match rule {
            Rule::Class(id) => format!("class `{}`", class(*id)),
            Rule::Entry { class: id, name, instance } => {
                let name = name.as_ref().map_or(String::new(), |name| format!("({name:?})"));
                let instance = instance.map_or(String::new(), |number| format!("[{number}]"));
                format!("entry `{}{}{instance}`", class(*id), cell(&name))
            }
            Rule::Properties(bits) => self.property_cell(*bits),
        }
    }

    /// What came, went or was deprecated, version by version.
    fn versions(&mut self) {
        let mut changes: Vec<(u32, String)> = Vec::new();
        for (naming, what) in named_things(self.model, self.schema) {
            let Lifetime { since, deprecated, removed } = &naming.lifetime;
            if *since > 1 {
                changes.push((*since, format!("new: {what}")));
            }
            if let Some((version, note)) = deprecated {
                changes.push((*version, format!("deprecated: {what} ({})", cell(note))));
            }
            if let Some(version) = removed {
                changes.push((*version, format!("removed: {what}")));
            }
        }
        if changes.is_empty() {
            return;
        }
        changes.sort_by_key(|(version, _)| *version);
        line!(self, "## Versions\n\n| version | change |\n|--:|---|");
        for (version, change) in changes {
            line!(self, "| {version} | {change} |");
        }
        line!(self);
    }

    fn docs(&mut self, docs: &str) {
        if !docs.is_empty() {
            line!(self, "{docs}\n");
        }
    }

    fn naming_line(&mut self, naming: &Naming, more: &str) {
        self.docs(&naming.docs);
        let lifetime = lifetime_text(&naming.lifetime);
        let text = format!("C `{}`, Rust `{}`. {more} {lifetime}", naming.c, naming.rust);
        let words: Vec<_> = text.split_whitespace().collect();
        line!(self, "{}\n", words.join(" "));
    }

    /// Documentation and lifetime, for the last column of a table.
    fn note(&self, naming: &Naming) -> String {
        let docs = cell(&naming.docs);
        let lifetime = lifetime_text(&naming.lifetime);
        [docs, lifetime].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
    }

    fn type_cell(&self, ty: &Type) -> String {
        format!("`{}`", cell(&spell::type_text(self.model, self.id, ty)))
    }

    fn property_cell(&self, bits: u64) -> String {
        let names = spell::property_names(self.model, self.id, bits);
        names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }
}

/// An aggregate's fields with those of anonymous aggregates behind each: the order of a view's
/// parts.
fn flattened(model: &Model, id: AggregateId) -> Vec<&Field> {
    let mut fields = Vec::new();
    for field in &model[id].fields {
        fields.push(field);
        if let (None, Type::Aggregate(inner)) = (&field.naming, &field.ty) {
            fields.append(&mut flattened(model, *inner));
        }
    }
    fields
}

/// Everything of a schema that has a lifetime, with the words for it in a list of changes.
fn named_things<'a>(model: &'a Model, schema: &'a Schema) -> Vec<(&'a Naming, String)> {
    let mut things = Vec::new();
    for id in &schema.types {
        let (naming, word): (&Naming, _) = match *id {
            TypeId::Aggregate(id) => (&model[id].naming, spell::keyword(&model[id])),
            TypeId::Enum(id) => (&model[id].naming, "enum"),
            TypeId::Flags(id) => (&model[id].naming, "flags"),
        };
        things.push((naming, format!("{word} `{}`", naming.name)));
        let members: Vec<&Naming> = match *id {
            TypeId::Aggregate(id) => {
                flattened(model, id).into_iter().filter_map(|field| field.naming.as_ref()).collect()
            }
            TypeId::Enum(id) => model[id].members.iter().map(|member| &member.naming).collect(),
            TypeId::Flags(id) => model[id].members.iter().map(|member| &member.naming).collect(),
        };
        let parent = &naming.name;
        things.extend(
            members
                .into_iter()
                .map(|member| (member, format!("`{}` of {word} `{parent}`", member.name))),
        );
    }
    let mut plain = |naming: &'a Naming, word: &str| {
        things.push((naming, format!("{word} `{}`", naming.name)));
    };
    schema.constants.iter().for_each(|id| plain(&model[*id].naming, "constant"));
    schema.classes.iter().for_each(|id| plain(&model[*id].naming, "class"));
    for member in schema.properties.iter().flat_map(|properties| &properties.members) {
        plain(&member.naming, "property");
    }
    schema.entry.fields.iter().for_each(|field| plain(&field.naming, "entry field"));
    schema.spaces.iter().for_each(|space| plain(&space.naming, "space"));
    schema.consumers.iter().for_each(|consumer| plain(&consumer.naming, "consumer"));
    things
}

fn lifetime_text(lifetime: &Lifetime) -> String {
    let mut words = Vec::new();
    if lifetime.since > 1 {
        words.push(format!("Since version {}.", lifetime.since));
    }
    if let Some((version, note)) = &lifetime.deprecated {
        words.push(format!("Deprecated in version {version}: {}.", cell(note)));
    }
    if let Some(version) = lifetime.removed {
        words.push(format!("Removed in version {version}."));
    }
    words.join(" ")
}

fn append_facts(note: &mut String, unit: Option<&str>, sensitive: bool) {
    let unit = unit.map(|unit| format!("Unit: {}.", cell(unit)));
    let sensitive = sensitive.then(|| "Sensitive.".to_owned());
    append(note, unit.into_iter().chain(sensitive));
}

fn append_field_facts(model: &Model, note: &mut String, field: &Field) {
    let facts = [
        field
            .count
            .as_ref()
            .map(|count| format!("Count: `{}`.", spell::formula_text(model, count))),
        field.tag.as_ref().map(|tag| format!("Tag: `{}`.", tag.text)),
        field.ring.as_ref().map(|ring| format!("Ring, oldest at `{}`.", ring.text)),
        field.list.as_ref().map(|list| {
            format!("List of `{}` by `{}`.", model[list.element].naming.name, list.link.text)
        }),
        field.expected.as_ref().map(|value| format!("Always `{}`.", spell::value_text(value))),
        field.condition.as_ref().map(|condition| format!("Only if `{condition}`.")),
        field.debug.as_ref().map(|_| "Found by debug information when packed.".to_owned()),
    ];
    append(note, facts.into_iter().flatten().map(|fact| cell(&fact)));
    append_facts(note, field.unit.as_deref(), field.sensitive);
}

fn append(note: &mut String, facts: impl Iterator<Item = String>) {
    for fact in facts {
        if !note.is_empty() {
            note.push(' ');
        }
        note.push_str(&fact);
    }
}

fn bits(first: u8, last: u8) -> String {
    if first == last { first.to_string() } else { format!("{first}..{last}") }
}

/// Text inside a table: one line, and no bar that would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}

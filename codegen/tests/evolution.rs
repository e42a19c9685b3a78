//! Random evolution: whatever legal edits a schema goes through, no table and no decoder of an older version is hurt,
//! by the rules and by tables that decoders of all versions read; and an illegal one is always reported, whatever legal
//! ones stand around it.

use inspect_format::abi::{CoreEntry, phase};
use inspect_format::btf::Btf;
use inspect_format::hash::schema_number;
use inspect_format::table::{Table, TableWriter};
use inspect_gen::check::Options;
use inspect_gen::compile::{compile_kept, releases};
use inspect_gen::diag::{Diagnostics, render};
use inspect_gen::emit::blobs;
use inspect_gen::model::{AggregateId, Model, Target};
use inspect_gen::release::{self, Consequence, Release, Severity, Verdict};
use inspect_gen::source::SourceMap;
use inspect_gen::syntax::ast;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// A field: its version, its name and type, and what else stands before it.
#[derive(Clone, Debug)]
struct Field {
    since: u32,
    name: String,
    ty: &'static str,
    more: String,
}

/// A schema that edits can change: what is written into a text is decided at its end.
#[derive(Clone, Debug)]
struct Schema {
    version: u32,
    /// Names that were given so far.
    count: usize,
    fields: Vec<Field>,
    /// Fields of the row; in order of their versions.
    row: Vec<Field>,
    /// Members of an open enum with version and value.
    members: Vec<(u32, u32)>,
    /// Bits of flags with version and bit.
    flags: Vec<(u32, u32)>,
    /// Versions of classes and of structs beside the first.
    classes: Vec<u32>,
    /// Arms with version and value, of a union that has `#[otherwise]` and of one that has not.
    closed_arms: Vec<(u32, u32)>,
    arms: Vec<(u32, u32)>,
    /// The tag and the value of an arm that holds a tagged union, and the condition around a condition.
    outer: (&'static str, u32, &'static str),
    /// Versions of the fields of a record, and of one that holds it with fields behind.
    inner_record: Vec<u32>,
    outer_record: Vec<u32>,
}

#[derive(Clone, Debug)]
enum Edit {
    /// A field anywhere in the struct.
    Field(Index, &'static str),
    /// A field behind the others of the row.
    RowField(&'static str),
    Member,
    Flag,
    Class,
    /// An arm for a value that no other has.
    Arm,
    /// A field at the end of a record.
    RecordField,
    Deprecate(Index),
    Remove(Index),
    /// The next version.
    Version,
}

#[derive(Clone, Debug)]
enum Damage {
    Swap(Index),
    Retype(Index),
    Drop(Index),
    Rename(Index),
    Younger(Index),
    RowRetype(Index),
    RowDrop(Index),
    Value(Index),
    Bit(Index),
    /// A field of the released version that was not there.
    Sneak(Index),
    RowSneak,
    Class,
    /// A new arm takes a value that `#[otherwise]` had.
    TakesFromOtherwise,
    /// What stands around a tagged union or a condition.
    OuterTag,
    OuterArm,
    OuterCondition,
    /// A record that stands in another one, with fields behind.
    InnerRecord,
}

impl Damage {
    /// The rule that it breaks, whatever else moves because of it.
    fn rule(&self) -> &'static str {
        match self {
            Self::Swap(_) => "field-moved",
            Self::Retype(_) => "field-type-changed",
            // As of version 1, what is younger is not there.
            Self::Drop(_) | Self::Rename(_) | Self::Younger(_) => "field-removed",
            Self::RowRetype(_) => "entry-field-type-changed",
            Self::RowDrop(_) => "entry-field-removed",
            Self::Value(_) => "enum-member-value-changed",
            Self::Bit(_) => "flag-bits-changed",
            Self::Sneak(_) => "field-added",
            Self::RowSneak => "entry-field-added",
            Self::Class => "class-removed",
            Self::TakesFromOtherwise | Self::OuterArm => "field-when-changed",
            Self::OuterTag => "field-tag-changed",
            Self::OuterCondition => "field-condition-changed",
            Self::InnerRecord => "record-field-moved",
        }
    }
}

const TYPES: [&str; 6] = ["u8", "u16", "u32", "u64", "long", "[u8; 5]"];
const FIXED: [&str; 4] = ["u8", "u16", "u32", "u64"];

impl Schema {
    fn new(fields: &[&'static str], row: &[&'static str]) -> Self {
        let mut schema = Self {
            version: 1,
            count: 0,
            fields: Vec::new(),
            row: Vec::new(),
            members: vec![(1, 0)],
            flags: vec![(1, 0)],
            classes: vec![1],
            closed_arms: vec![(1, 0)],
            arms: vec![(1, 0)],
            outer: ("k", 1, "A"),
            inner_record: vec![1],
            outer_record: vec![1, 1],
        };
        for ty in fields {
            let field = schema.field(1, ty);
            schema.fields.push(field);
        }
        for ty in row {
            let field = schema.field(1, ty);
            schema.row.push(field);
        }
        schema
    }

    fn field(&mut self, since: u32, ty: &'static str) -> Field {
        self.count += 1;
        Field { since, name: format!("f{}", self.count), ty, more: String::new() }
    }

    fn edit(&mut self, edit: &Edit) {
        let next = self.version;
        match edit {
            Edit::Version => self.version += 1,
            // Everything else belongs to a version that nobody has yet.
            _ if next == 1 => {}
            Edit::Field(at, ty) => {
                let field = self.field(next, ty);
                self.fields.insert(at.index(self.fields.len() + 1), field);
            }
            Edit::RowField(ty) => {
                let field = self.field(next, ty);
                self.row.push(field);
            }
            Edit::Member => self.members.push((next, self.members.len() as u32)),
            Edit::Flag if self.flags.len() < 30 => self.flags.push((next, self.flags.len() as u32)),
            Edit::Flag => {}
            Edit::Class => self.classes.push(next),
            Edit::Arm => self.arms.push((next, self.arms.len() as u32)),
            Edit::RecordField => self.outer_record.push(next),
            Edit::Deprecate(at) | Edit::Remove(at) => {
                let word = if let Edit::Remove(_) = edit { "removed" } else { "deprecated" };
                let at = at.index(self.fields.len());
                let field = &mut self.fields[at];
                if field.more.is_empty() && field.since < next {
                    field.more = format!("#[{word}({next})] ");
                }
            }
        }
    }

    /// Damages something of version 1. `false`: there is nothing of the kind.
    fn damage(&mut self, damage: &Damage) -> bool {
        let old: Vec<usize> =
            (0..self.fields.len()).filter(|at| self.fields[*at].since == 1).collect();
        let pick = |at: &Index| old[at.index(old.len())];
        match damage {
            Damage::Swap(at) => {
                let at = at.index(old.len());
                let Some((a, b)) = old.get(at).zip(old.get(at + 1)) else { return false };
                self.fields.swap(*a, *b);
            }
            Damage::Retype(at) => {
                let field = &mut self.fields[pick(at)];
                field.ty = if field.ty == "u32" { "i32" } else { "u32" };
            }
            Damage::Drop(at) => {
                let at = pick(at);
                self.fields.remove(at);
                return !self.fields.iter().all(|field| field.since > 1);
            }
            Damage::Rename(at) => self.fields[pick(at)].name.push_str("_renamed"),
            Damage::Younger(at) => {
                let (at, version) = (pick(at), self.version);
                self.fields[at].since = 2;
                self.fields[at].more.clear();
                return version > 1 && self.fields.iter().any(|field| field.since == 1);
            }
            Damage::RowRetype(at) => {
                let at = at.index(self.row.iter().filter(|field| field.since == 1).count());
                let field = &mut self.row[at];
                field.ty = if field.ty == "u32" { "i32" } else { "u32" };
            }
            Damage::RowDrop(at) => {
                let at = at.index(self.row.iter().filter(|field| field.since == 1).count());
                self.row.remove(at);
            }
            Damage::Value(at) => {
                let at = at.index(self.members.iter().filter(|(since, _)| *since == 1).count());
                self.members[at].1 = 200;
            }
            Damage::Bit(at) => {
                let at = at.index(self.flags.iter().filter(|(since, _)| *since == 1).count());
                self.flags[at].1 = 31;
            }
            Damage::Sneak(at) => {
                let field = self.field(1, "u32");
                self.fields.insert(at.index(self.fields.len() + 1), field);
            }
            Damage::RowSneak => {
                let field = self.field(1, "u32");
                self.row.insert(0, field);
            }
            Damage::Class => {
                self.classes.remove(0);
            }
            // These come with a younger version, and hurt all the same.
            Damage::TakesFromOtherwise if self.version > 1 => {
                self.closed_arms.push((self.version, 1));
            }
            Damage::InnerRecord if self.version > 1 => self.inner_record.push(self.version),
            Damage::TakesFromOtherwise | Damage::InnerRecord => return false,
            Damage::OuterTag => self.outer.0 = "j",
            Damage::OuterArm => self.outer.1 = 3,
            Damage::OuterCondition => self.outer.2 = "C",
        }
        true
    }

    fn text(&self) -> String {
        let since = |since: u32| match since {
            1 => String::new(),
            since => format!("#[since({since})] "),
        };
        let fields = |fields: &[Field]| -> String {
            fields
                .iter()
                .map(|field| {
                    let Field { since: age, name, ty, more } = field;
                    format!("    {}{more}{name}: {ty},\n", since(*age))
                })
                .collect()
        };
        let members: String = self
            .members
            .iter()
            .map(|(age, value)| format!("    {}m{value} = {value},\n", since(*age)))
            .collect();
        // A member keeps its name when its value is damaged.
        let members = members.replace("m200 = 200", "m0 = 200");
        let flags: String = self
            .flags
            .iter()
            .map(|(age, bit)| format!("    {}b{bit} = {bit},\n", since(*age)))
            .collect();
        let flags = flags.replace("b31 = 31", "b0 = 31");
        let classes: String = self
            .classes
            .iter()
            .enumerate()
            .map(|(index, age)| format!("{}class c{age}_{index}: s;\n", since(*age)))
            .collect();
        let arms = |arms: &[(u32, u32)]| -> String {
            arms.iter()
                .map(|(age, value)| format!("#[when({value})] {}a{value}: u32, ", since(*age)))
                .collect()
        };
        let numbers = |ages: &[u32]| -> String {
            let ages = ages.iter().enumerate();
            ages.map(|(at, age)| format!("{}n{at}: u32, ", since(*age))).collect()
        };
        let (tag, value, condition) = self.outer;
        let unions = format!(
            "struct open {{ k: u8, #[tag(k)] u: union {{ {}}} }}\n\
             struct rest {{ k: u8, #[tag(k)] union {{ {}#[otherwise] o: u32 }} }}\n\
             struct nest {{ k: u8, j: u8, #[tag({tag})] union {{\n    #[when({value})] struct {{ \
             #[tag(j)] union {{ #[when(1)] a: u32, #[when(2)] b: u32 }} }},\n    \
             #[when(2)] c: u32\n}} }}\n\
             extern struct seen from \"a.h\" {{ #[if(\"{condition}\")] struct {{ #[if(\"B\")] a: u32 }} }}\n\
             record inner {{ {}}}\nrecord outer {{ i: inner, {}}}\n",
            arms(&self.arms),
            arms(&self.closed_arms),
            numbers(&self.inner_record),
            numbers(&self.outer_record),
        );
        format!(
            "schema demo version {};\nstruct s {{\n{}    e: e,\n    f: f,\n}}\nentry row {{\n{}}}\n\
             enum e: u8 {{\n{members}    ..\n}}\nflags f: u32 {{\n{flags}}}\n{classes}{unions}",
            self.version,
            fields(&self.fields),
            fields(&self.row),
        )
    }
}

fn compiled(text: &str) -> (SourceMap, Model, Vec<ast::File>) {
    let mut sources = SourceMap::new();
    sources.add("demo.inspect", text, false);
    let (model, found, files) = compile_kept(&mut sources, Diagnostics::new(), &Options::default());
    let found = found.into_sorted();
    let model =
        model.unwrap_or_else(|| panic!("{text}\n{}", render::human(&sources, &found, false)));
    (sources, model, files)
}

/// `None`: as of the old version the new text is no schema any longer, which is an error of its own.
fn judged(old: &str, new: &str) -> Option<(Verdict, SourceMap)> {
    let old = Release::of(&compiled(old).1);
    let (sources, model, files) = compiled(new);
    let releases = releases(&sources, &files, &model, &Options::default(), &old).ok()?;
    Some((release::judge(&old, releases.then(), &releases.now, true), sources))
}

/// What a field holds everywhere in these tests: it follows from its name.
fn value(name: &str, size: usize) -> Vec<u8> {
    let seed = name.bytes().fold(7_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    (0..size).map(|at| seed.wrapping_add(at as u8) | 1).collect()
}

/// The schema as of a version, as a decoder or a producer of then had it.
fn as_of(text: &str, version: u32) -> Model {
    let mut sources = SourceMap::new();
    sources.add("demo.inspect", text, false);
    let options = Options { as_of: vec![(None, version)], ..Options::default() };
    let (model, ..) = compile_kept(&mut sources, Diagnostics::new(), &options);
    model.unwrap_or_else(|| panic!("as of {version}: {text}"))
}

fn named(model: &Model, name: &str) -> Option<AggregateId> {
    let found = model.aggregates.iter().position(|it| it.naming.name == name)?;
    Some(AggregateId(found as u32))
}

/// A table with one row, and the memory of a struct, as a producer writes them.
fn produced(model: &Model, target: Target) -> (Vec<u8>, Vec<u8>) {
    let id = model.schema("demo").expect("it is compiled");
    let schema = &model[id];
    let (order, word_size) = (blobs::order(target), target.info().word_size);
    let (size, history) = (schema.entry.size, blobs::history(model, id));
    let mut writer = TableWriter::new(order, word_size, "demo", schema.version, size, &history)
        .expect("it fits");
    let types = blobs::known_types(model, id);
    writer.types(blobs::bytes(model, &types.blob, target).expect("no compiler is asked"));
    let mut own = vec![0; size as usize - CoreEntry::SIZE];
    for field in &schema.entry.fields {
        let start = field.offset as usize - CoreEntry::SIZE;
        let value = value(&field.naming.name, field.size as usize);
        own[start..start + value.len()].copy_from_slice(&value);
    }
    let core = CoreEntry { state: phase::LIVE, ..CoreEntry::ZERO };
    writer.row(&core, &own).expect("a row");
    let aggregate = named(model, "s").expect("it is never removed");
    let layout = model[aggregate].layouts.as_ref().expect("its own").on(target);
    let mut memory = vec![0; layout.size as usize];
    for (field, place) in model[aggregate].fields.iter().zip(&layout.fields) {
        let value = value(field.name(), place.size as usize);
        let start = place.offset as usize;
        memory[start..start + value.len()].copy_from_slice(&value);
    }
    (writer.finish(), memory)
}

/// Reads with the decoder of one version what a producer of another wrote: what both know is what was written, and
/// what the producer did not know is not there.
fn read(reader: &Model, writer: &Model, target: Target) -> Result<(), TestCaseError> {
    let (bytes, memory) = produced(writer, target);
    let table = Table::parse(&bytes).expect("a table");
    let id = reader.schema("demo").expect("it is compiled");
    let number = schema_number("demo");
    let history = blobs::history(reader, id);
    let compatible = table.check_reader(number, reader[id].version, &history);
    prop_assert!(compatible.is_ok(), "{compatible:?}");
    let row = table.rows().next().expect("the row");
    let written = &writer[writer.schema("demo").expect("it is compiled")].entry.fields;
    for field in &reader[id].entry.fields {
        let name = &field.naming.name;
        let since = field.naming.lifetime.since;
        let found = match field.size {
            1 => row.field::<1>(field.offset as usize, since).map(|it| it.to_vec()),
            2 => row.field::<2>(field.offset as usize, since).map(|it| it.to_vec()),
            4 => row.field::<4>(field.offset as usize, since).map(|it| it.to_vec()),
            _ => row.field::<8>(field.offset as usize, since).map(|it| it.to_vec()),
        };
        let is_known = written.iter().any(|it| it.naming.name == *name);
        prop_assert_eq!(found, is_known.then(|| value(name, field.size as usize)), "{}", name);
    }
    let btf = Btf::parse(table.sections().types).expect("types");
    let own = &reader[named(reader, "s").expect("it is never removed")];
    let theirs = &writer[named(writer, "s").expect("it is never removed")];
    let binder = btf.bind("s", &theirs.naming.c, table.word_size()).expect("the struct");
    for field in own.fields.iter().filter(|field| field.naming.is_some()) {
        let place = binder.bytes("", field.naming.as_ref().map_or("", |it| it.c.as_str()));
        let is_known = theirs.fields.iter().any(|it| it.name() == field.name());
        prop_assert_eq!(place.is_ok(), is_known, "{}", field.name());
        if let Ok(place) = place {
            prop_assert_eq!(place.slice(&memory), value(field.name(), place.size()));
        }
    }
    Ok(())
}

fn index() -> impl Strategy<Value = Index> {
    any::<Index>()
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        4 => (index(), select(&TYPES[..])).prop_map(|(at, ty)| Edit::Field(at, ty)),
        2 => select(&FIXED[..]).prop_map(Edit::RowField),
        1 => Just(Edit::Member),
        1 => Just(Edit::Flag),
        1 => Just(Edit::Class),
        1 => Just(Edit::Arm),
        1 => Just(Edit::RecordField),
        1 => index().prop_map(Edit::Deprecate),
        1 => index().prop_map(Edit::Remove),
        2 => Just(Edit::Version),
    ]
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        index().prop_map(Damage::Swap),
        index().prop_map(Damage::Retype),
        index().prop_map(Damage::Drop),
        index().prop_map(Damage::Rename),
        index().prop_map(Damage::Younger),
        index().prop_map(Damage::RowRetype),
        index().prop_map(Damage::RowDrop),
        index().prop_map(Damage::Value),
        index().prop_map(Damage::Bit),
        index().prop_map(Damage::Sneak),
        Just(Damage::RowSneak),
        Just(Damage::Class),
        Just(Damage::TakesFromOtherwise),
        Just(Damage::OuterTag),
        Just(Damage::OuterArm),
        Just(Damage::OuterCondition),
        Just(Damage::InnerRecord),
    ]
}

fn schema() -> impl Strategy<Value = Schema> {
    (vec(select(&TYPES[..]), 1..5), vec(select(&FIXED[..]), 1..3))
        .prop_map(|(fields, row)| Schema::new(&fields, &row))
}

fn cases() -> ProptestConfig {
    let long = std::env::var_os("INSPECT_LONG").is_some();
    ProptestConfig { cases: if long { 2000 } else { 80 }, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn legal_edits_hurt_no_table_and_no_decoder(first in schema(), edits in vec(edit(), 0..12)) {
        let mut last = first.clone();
        edits.iter().for_each(|edit| last.edit(edit));
        let (verdict, sources) = judged(&first.text(), &last.text()).expect("it compiles");
        let hurt = verdict.differences.iter().any(|difference| {
            let outcome = difference.outcome();
            let consequences = [Consequence::Table, Consequence::Decoders];
            outcome.severity == Severity::Break
                && consequences.iter().any(|it| outcome.consequences.has(*it))
        });
        prop_assert!(!hurt, "{}\n{}", last.text(), release::human(&verdict, &sources, false));
    }

    #[test]
    fn decoders_of_all_versions_read_tables_of_all_versions(
        first in schema(),
        edits in vec(edit(), 0..16),
    ) {
        let mut last = first;
        edits.iter().for_each(|edit| last.edit(edit));
        let text = last.text();
        let versions: Vec<Model> = (1..=last.version).map(|version| as_of(&text, version)).collect();
        for (reader, writer) in versions.iter().flat_map(|it| versions.iter().map(move |other| (it, other))) {
            for target in ["x86_64", "i686", "s390x"] {
                let target = Target::from_name(target).expect("a target");
                read(reader, writer, target).map_err(|error| {
                    TestCaseError::fail(format!("{error}\n{} reads {}\n{text}", reader.schemas[0].version, writer.schemas[0].version))
                })?;
            }
        }
    }

    #[test]
    fn illegal_edits_are_reported(
        first in schema(),
        edits in vec(edit(), 0..6),
        damage in damage(),
    ) {
        let mut last = first.clone();
        edits.iter().for_each(|edit| last.edit(edit));
        let did = last.damage(&damage);
        if did && let Some((verdict, sources)) = judged(&first.text(), &last.text()) {
            let said = release::human(&verdict, &sources, false);
            let told = verdict
                .differences
                .iter()
                .any(|difference| difference.is_break() && difference.rule.name == damage.rule());
            prop_assert!(told, "{damage:?}\n{}\n{said}", last.text());
        }
    }
}

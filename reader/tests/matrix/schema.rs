//! The schema of the matrix as of each of its versions, what a producer of one writes, and what a reader of another
//! has to find there: all of it follows from the models, and from nothing that a reader printed.

use std::collections::BTreeMap;

use inspect_gen::check::Options;
use inspect_gen::compile::compile;
use inspect_gen::emit::{self, Output};
use inspect_gen::model::{
    Aggregate, AggregateId, AggregateKind, Arm, ArmValue, ByteOrder, Class, ClassId, Entry, Field,
    FlagMember, Formula, Length, Lifetime, Model, Naming, Properties, Scalar, Schema, SchemaId,
    Target, Type, Value, Width,
};
use inspect_gen::source::SourceMap;

/// Its text.
pub(crate) const TEXT: &str = include_str!("evolution.inspect");

/// What it is called.
pub(crate) const NAME: &str = "tests.evolution";

/// How often a class that points at an array is repeated in it.
pub(crate) const ELEMENTS: u64 = 2;

/// How many bytes readers print of an arm that they do not know.
pub(crate) const RAW: usize = 4;

/// Who writes a table, or reads one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Language {
    C,
    Rust,
}

/// The schema as of one of its versions.
pub(crate) struct Version {
    pub(crate) number: u32,
    pub(crate) model: Model,
    sources: SourceMap,
}

/// What somebody wrote: as of which version, in which language, on which machine.
#[derive(Clone, Copy)]
pub(crate) struct Written<'v> {
    pub(crate) version: &'v Version,
    pub(crate) language: Language,
    pub(crate) target: Target,
}

/// A value, whatever its type is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Datum {
    Int(i128),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Datum {
    /// As every reader prints it.
    pub(crate) fn print(&self) -> String {
        match self {
            Self::Int(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Text(text) => text.clone(),
            Self::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

/// A step from an aggregate towards a value that a producer sets.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Field(AggregateId, usize),
    Index(u64),
}

/// A value that a producer sets.
#[derive(Debug)]
pub(crate) struct Leaf {
    pub(crate) steps: Vec<Step>,
    pub(crate) ty: Type,
    pub(crate) is_bits: bool,
    pub(crate) datum: Datum,
}

impl Version {
    /// Every one, from the first on.
    pub(crate) fn all() -> Vec<Self> {
        Self::all_of(TEXT)
    }

    /// The same of another text of the schema.
    pub(crate) fn all_of(text: &str) -> Vec<Self> {
        let latest = Self::as_of(text, 1).schema().latest;
        (1..=latest).map(|number| Self::as_of(text, number)).collect()
    }

    fn as_of(text: &str, number: u32) -> Self {
        let mut sources = SourceMap::new();
        sources.add("evolution.inspect", text, false);
        let options = Options { targets: Target::all().collect(), as_of: vec![(None, number)] };
        let (model, found) = compile(&mut sources, &options);
        let model = model.unwrap_or_else(|| panic!("version {number}: {found:#?}"));
        Self { number, model, sources }
    }

    /// The generated files.
    pub(crate) fn files(&self) -> emit::Files {
        let outputs = [Output::C, Output::Rust];
        emit::emit(&self.model, &self.sources, &outputs, &emit::Options::default())
    }

    pub(crate) fn schema(&self) -> &Schema {
        let mut emitted = self.model.emitted();
        emitted.find(|(_, schema)| schema.name == NAME).expect("the schema").1
    }

    pub(crate) fn entry(&self) -> &Entry {
        &self.schema().entry
    }

    /// Everything that has an age, with the version that brought it.
    pub(crate) fn ages(&self) -> BTreeMap<String, u32> {
        let (model, schema) = (&self.model, self.schema());
        let mut all = Vec::new();
        for (id, aggregate) in self.aggregates() {
            let name = &aggregate.naming.name;
            let own = self.age(id);
            all.push((name.clone(), own));
            for (_, field) in named(model, id) {
                // What stands in a younger struct says nothing of its own age.
                all.push((format!("{name}.{}", field.name()), lifetime(field).since.max(own)));
            }
        }
        let mut more = |kind: &str, naming: &Naming| {
            all.push((format!("{kind} {}", naming.name), naming.lifetime.since));
        };
        for item in model.enums.iter().filter(|it| it.schema == self.id()) {
            item.members.iter().for_each(|it| more(&item.naming.name, &it.naming));
        }
        for item in model.flags.iter().filter(|it| it.schema == self.id()) {
            item.members.iter().for_each(|it| more(&item.naming.name, &it.naming));
        }
        self.properties().members.iter().for_each(|it| more("property", &it.naming));
        schema.entry.fields.iter().for_each(|it| more("row", &it.naming));
        self.classes().for_each(|it| more("class", &it.naming));
        all.into_iter().collect()
    }

    /// Since when an aggregate is there: an inline one as long as the field whose type it is.
    fn age(&self, id: AggregateId) -> u32 {
        let aggregate = &self.model[id];
        let own = aggregate.naming.lifetime.since;
        let Some((holder, field)) = aggregate.parent else { return own };
        let naming = self.model[holder].fields[field].naming.as_ref();
        own.max(naming.map_or(1, |naming| naming.lifetime.since)).max(self.age(holder))
    }

    fn id(&self) -> SchemaId {
        self.model.schema(NAME).expect("the schema")
    }

    /// Whether it is the last one.
    pub(crate) fn is_latest(&self) -> bool {
        self.number == self.schema().latest
    }

    pub(crate) fn properties(&self) -> &Properties {
        self.schema().properties.as_ref().expect("properties")
    }

    /// Every class, removed ones included.
    pub(crate) fn classes(&self) -> impl Iterator<Item = &Class> {
        self.schema().classes.iter().map(|id: &ClassId| &self.model[*id])
    }

    fn class(&self, name: &str) -> Option<&Class> {
        self.classes().find(|class| class.naming.name == name)
    }

    /// The aggregate of this version that is called as another version's.
    fn same(&self, aggregate: &Aggregate) -> Option<(AggregateId, &Aggregate)> {
        let name = &aggregate.naming.name;
        self.aggregates().find(|(_, it)| &it.naming.name == name)
    }

    /// Every aggregate of the schema that has a name.
    fn aggregates(&self) -> impl Iterator<Item = (AggregateId, &Aggregate)> {
        let all = self.model.aggregates.iter().enumerate();
        all.filter(|(_, it)| it.schema == self.id() && !self.is_anonymous(it))
            .map(|(index, it)| (AggregateId(index as u32), it))
    }

    fn is_anonymous(&self, aggregate: &Aggregate) -> bool {
        aggregate.parent.is_some_and(|(id, field)| self.model[id].fields[field].naming.is_none())
    }
}

/// What a class points at: a type, and how many of it.
pub(crate) fn target(class: &Class) -> (&Type, Option<u64>) {
    match &class.target {
        Type::Flexible(element) => (element, Some(ELEMENTS)),
        other => (other, None),
    }
}

/// Whether the table may lack a field, so that decoders are asked whether it is there.
pub(crate) fn is_optional(field: &Field) -> bool {
    lifetime(field).since > 1 || field.condition.is_some()
}

pub(crate) fn lifetime(field: &Field) -> &Lifetime {
    &field.naming.as_ref().expect("every field here has a name").lifetime
}

/// Whether anything that it decodes is checked.
pub(crate) fn has_expected(aggregate: &Aggregate) -> bool {
    aggregate.fields.iter().any(|field| field.expected.is_some())
}

/// The fields with names, those of anonymous members among them, each with the way to it.
pub(crate) fn named(model: &Model, id: AggregateId) -> Vec<(Vec<Step>, &Field)> {
    let mut found = Vec::new();
    for (index, field) in model[id].fields.iter().enumerate() {
        match (&field.naming, &field.ty) {
            (Some(_), _) => found.push((vec![Step::Field(id, index)], field)),
            (None, Type::Aggregate(inner)) => {
                for (mut steps, field) in named(model, *inner) {
                    steps.insert(0, Step::Field(id, index));
                    found.push((steps, field));
                }
            }
            (None, _) => {}
        }
    }
    found
}

/// The values of a tag that lead to an arm; none for what is left over.
pub(crate) fn when(arm: &Field) -> Option<Vec<i128>> {
    match arm.arm.as_ref().expect("every union here has a tag") {
        Arm::When(values) => Some(values.iter().map(known).collect()),
        Arm::Otherwise => None,
    }
}

fn known(value: &ArmValue) -> i128 {
    match value {
        ArmValue::Int(value) => *value,
        ArmValue::Captured(..) => panic!("no tag here is captured"),
    }
}

/// The arm that a tag leads to.
pub(crate) fn arm(union: &Aggregate, tag: i128) -> &Field {
    let found = union.fields.iter().find(|arm| when(arm).is_some_and(|it| it.contains(&tag)));
    found.unwrap_or_else(|| left_over(union))
}

fn left_over(union: &Aggregate) -> &Field {
    union.fields.iter().find(|arm| when(arm).is_none()).expect("something is left over")
}

impl<'v> Written<'v> {
    /// The classes of which it has an entry: those that are not given up, and whose layouts its compiler captures.
    pub(crate) fn classes(&self) -> impl Iterator<Item = &Class> {
        self.version.classes().filter(|class| {
            let captured_by = match target(class).0 {
                Type::Aggregate(id) => match self.version.model[*id].kind {
                    AggregateKind::ExternC { .. } => Some(Language::C),
                    AggregateKind::ExternRust => Some(Language::Rust),
                    _ => None,
                },
                _ => None,
            };
            let is_there = class.naming.lifetime.removed.is_none();
            is_there && captured_by.is_none_or(|language| language == self.language)
        })
    }

    /// What else an entry's properties are, beside those of its class.
    pub(crate) fn extra(&self) -> &FlagMember {
        self.version.properties().members.last().expect("a property")
    }

    /// The key within the class.
    pub(crate) fn instance(&self, class: &Class) -> u64 {
        hash(&format!("{} {}", class.naming.name, self.version.number)) >> 40
    }

    /// The bytes of what a class points at. What C captures is what `foreign.h` says, and what Rust captures is
    /// two numbers of four bytes behind one of eight.
    pub(crate) fn size(&self, class: &Class) -> u64 {
        let (ty, count) = target(class);
        let size = match ty {
            Type::Aggregate(id) => match &self.version.model[*id].layouts {
                Some(layouts) => layouts.on(self.target).size,
                None if class.naming.name == "foreign" => 32,
                None => 16,
            },
            Type::Scalar(Scalar::U64) => 8,
            other => panic!("{other:?} is no target here"),
        };
        size * count.unwrap_or(1)
    }

    /// The values that it sets in the row of a class. C registers rows that refer to no texts but their names.
    pub(crate) fn row(&self, class: &Class) -> Vec<(usize, Datum)> {
        let fields = self.version.entry().fields.iter().enumerate();
        fields
            .map(|(index, field)| {
                let path = format!("{}.{}", class.naming.name, field.naming.name);
                let datum = match (&field.ty, self.language) {
                    (Type::String, Language::C) => Datum::Text(String::new()),
                    _ => self.datum(&path, &field.ty, None),
                };
                (index, datum)
            })
            .collect()
    }

    /// The values that it sets in the memory of a class.
    pub(crate) fn memory(&self, class: &Class) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        let (ty, count) = target(class);
        let name = class.naming.name.as_str();
        match count {
            None => self.leaves(name, ty, None, &mut Vec::new(), &mut leaves),
            Some(count) => (0..count).for_each(|index| {
                let path = format!("{name}.{index}");
                self.leaves(&path, ty, None, &mut vec![Step::Index(index)], &mut leaves);
            }),
        }
        leaves
    }

    fn leaves(
        &self,
        path: &str,
        ty: &Type,
        around: Option<(&Aggregate, &Field)>,
        steps: &mut Vec<Step>,
        out: &mut Vec<Leaf>,
    ) {
        match ty {
            Type::Aggregate(id) => {
                let aggregate = &self.version.model[*id];
                let tag = around.and_then(|(outer, field)| self.tag(outer, field));
                for (way, field) in named(&self.version.model, *id) {
                    let is_other =
                        tag.is_some_and(|tag| arm(aggregate, tag).name() != field.name());
                    if is_other || lifetime(field).removed.is_some() || !self.has(field) {
                        continue;
                    }
                    let before = steps.len();
                    steps.extend(way);
                    let path = format!("{path}.{}", field.name());
                    self.leaves(&path, &field.ty, Some((aggregate, field)), steps, out);
                    steps.truncate(before);
                }
            }
            Type::Array(element, _) => (0..length(ty)).for_each(|index| {
                steps.push(Step::Index(index));
                self.leaves(&format!("{path}.{index}"), element, None, steps, out);
                steps.pop();
            }),
            _ => {
                let bits = around.and_then(|(_, field)| field.bits);
                let set = around.and_then(|(aggregate, field)| self.set(aggregate, field));
                let datum = set.unwrap_or_else(|| self.datum(path, ty, bits));
                let is_bits = bits.is_some();
                out.push(Leaf { steps: steps.clone(), ty: ty.clone(), is_bits, datum });
            }
        }
    }

    /// Whether what a condition asks for holds: `foreign.h` has it in the last version.
    pub(crate) fn has(&self, field: &Field) -> bool {
        field.condition.is_none() || self.version.is_latest()
    }

    /// The arm of this version that a tag leads to.
    fn arm(&self, union: &Field, tag: i128) -> &'v Field {
        let Type::Aggregate(id) = union.ty else { panic!("{} is no union", union.name()) };
        arm(&self.version.model[id], tag)
    }

    /// The value that the tag of a union has: the last arm's that there is. Version 1 uses one that a younger arm
    /// takes, and means what is left over.
    pub(crate) fn tag(&self, aggregate: &Aggregate, field: &Field) -> Option<i128> {
        field.tag.as_ref()?;
        // Another version's field is looked up in this one.
        let (_, own) = self.version.same(aggregate)?;
        let field = own.fields.iter().find(|it| it.name() == field.name())?;
        let Type::Aggregate(id) = field.ty else { panic!("a union") };
        let last = self.version.model[id].fields.iter().filter_map(when).next_back()?;
        last.last().map(|value| value + i128::from(self.version.number == 1))
    }

    /// The value of a field that others depend on, or that is known from the start.
    pub(crate) fn set(&self, aggregate: &Aggregate, field: &Field) -> Option<Datum> {
        if let Some(Value::Int(value)) = &field.expected {
            return Some(Datum::Int(*value));
        }
        let tagged = aggregate
            .fields
            .iter()
            .find(|union| union.tag.as_ref().is_some_and(|path| path.text == field.name()));
        if let Some(union) = tagged {
            return self.tag(aggregate, union).map(Datum::Int);
        }
        let counted = aggregate.fields.iter().find(|array| match array.count.as_deref() {
            Some(Formula::Field(path)) => path.text == field.name(),
            _ => false,
        });
        counted.map(|array| Datum::Int(i128::from(length(&array.ty)) - 1))
    }

    /// What stands at a path: another value in each version, and never nothing.
    pub(crate) fn datum(&self, path: &str, ty: &Type, bits: Option<u32>) -> Datum {
        let model = &self.version.model;
        let noise = hash(&format!("{path} {}", self.version.number));
        let fill = |length: u64| (0..length).map(|at| (noise >> (at % 8 * 8)) as u8 | 1);
        match ty {
            Type::Scalar(Scalar::Bool) => Datum::Int(1),
            Type::Scalar(Scalar::F64) => Datum::Float((noise % 1000) as f64 + 0.5),
            Type::Scalar(scalar) => {
                let fixed = match scalar.width() {
                    Width::Fixed(bytes) => u32::from(bytes) * 8,
                    // What fits into the smaller ones.
                    Width::Word => 32,
                };
                let width = bits.unwrap_or(fixed);
                let is_signed = scalar.is_signed();
                let room = if is_signed { width - 1 } else { width };
                let size = i128::from(noise & (u64::MAX >> (64 - room))).max(1);
                Datum::Int(if is_signed && noise >> 63 == 1 { -size } else { size })
            }
            Type::Enum(id) => {
                Datum::Int(model[*id].members.last().and_then(|it| it.value).expect("a member"))
            }
            Type::Flags(id) => {
                let bits = |member: &FlagMember| member.mask() & (0b0101_u64 << member.first);
                Datum::Int(model[*id].members.iter().map(bits).fold(0, |all, it| all | it).into())
            }
            Type::Text(room) => {
                let mut text = format!("t{noise}");
                text.truncate(usize::try_from(*room).expect("it fits") - 1);
                Datum::Text(text)
            }
            Type::String => Datum::Text(format!("text {}", noise % 1000)),
            Type::Bytes(length) => Datum::Bytes(fill(*length).collect()),
            other => panic!("nothing is written into {other:?}"),
        }
    }

    /// What a reader of a version prints.
    pub(crate) fn expected(&self, reader: &'v Version, reading: Language) -> Lines<'v> {
        let mut lines = Lines { written: *self, reader, reading, found: BTreeMap::new() };
        for class in self.classes() {
            lines.row(class);
        }
        lines
    }
}

/// What is left in the place of what was removed.
pub(crate) fn zero() -> Datum {
    Datum::Int(0)
}

/// How many elements there are.
pub(crate) fn length(ty: &Type) -> u64 {
    match ty {
        Type::Array(_, Length::Fixed(length)) => *length,
        other => panic!("{other:?} is no array"),
    }
}

/// FNV-1a, stirred: every bit of the text reaches every bit of the number.
fn hash(text: &str) -> u64 {
    let start = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mixed = (start ^ start >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^ mixed >> 32
}

/// What a reader has to print of a table, by what it prints it of.
pub(crate) struct Lines<'a> {
    written: Written<'a>,
    reader: &'a Version,
    reading: Language,
    pub(crate) found: BTreeMap<String, String>,
}

impl Lines<'_> {
    fn put(&mut self, path: &str, value: impl ToString) {
        let before = self.found.insert(path.to_owned(), value.to_string());
        assert!(before.is_none(), "{path} is there twice");
    }

    fn row(&mut self, class: &Class) {
        let written = self.written;
        let name = class.naming.name.clone();
        let properties = class.properties | written.extra().mask();
        self.put(&format!("{name}.row.class"), class.number);
        self.put(&format!("{name}.row.instance"), written.instance(class));
        self.put(&format!("{name}.row.length"), written.size(class));
        self.put(&format!("{name}.row.properties"), properties);
        for property in &self.reader.properties().members {
            let is_set = u8::from(properties & property.mask() != 0);
            self.put(&format!("{name}.row.properties.{}", property.naming.name), is_set);
        }
        let set = written.row(class);
        for field in &self.reader.entry().fields {
            let own = written.version.entry().fields.iter();
            let place = own.map(|it| &it.naming.name).position(|name| name == &field.naming.name);
            let datum = match place {
                Some(place) => set[place].1.clone(),
                None => default(&field.default, &field.ty),
            };
            self.leaf(&format!("{name}.row.{}", field.naming.name), &field.ty, &datum);
        }
        let Some(known) = self.reader.class(&name) else { return };
        let (ty, count) = target(known);
        let Type::Aggregate(id) = ty else { return };
        match count {
            None => self.aggregate(&name, *id),
            Some(count) => {
                (0..count).for_each(|index| self.aggregate(&format!("{name}.{index}"), *id));
            }
        }
    }

    /// What a decoder prints of the fields that its version knows.
    fn aggregate(&mut self, path: &str, id: AggregateId) {
        let aggregate = &self.reader.model[id];
        if has_expected(aggregate) {
            self.put(&format!("{path}.check"), 1);
        }
        for (_, field) in named(&self.reader.model, id) {
            let path = format!("{path}.{}", field.name());
            self.field(&path, aggregate, field);
        }
    }

    fn field(&mut self, path: &str, aggregate: &Aggregate, field: &Field) {
        let written = self.written;
        let (id, holder) = written.version.same(aggregate).expect("a field of it was there");
        let own = named(&written.version.model, id).into_iter().map(|(_, own)| own);
        let own = own.into_iter().find(|it| it.name() == field.name());
        let Some(own) = own.filter(|it| written.has(it)) else {
            assert!(is_optional(field), "{path}");
            return self.put(path, "absent");
        };
        let is_removed = lifetime(own).removed.is_some();
        match &field.ty {
            Type::Aggregate(id) if field.tag.is_some() => {
                let union = &self.reader.model[*id];
                let tag = written.tag(aggregate, field).expect("a tag");
                // What the producer's version has no arm for, it left over.
                let is_left = when(written.arm(own, tag)).is_none();
                let arm = if is_left { left_over(union) } else { arm(union, tag) };
                let path = format!("{path}.{}", arm.name());
                match arm.ty {
                    Type::Bytes(_) => {
                        let bytes = self.first_bytes(own, tag, &path);
                        self.put(&path, Datum::Bytes(bytes).print());
                    }
                    _ => self.field(&path, union, arm),
                }
            }
            Type::Aggregate(id) => self.aggregate(path, *id),
            Type::Array(element, _) => {
                let valid = match &field.count {
                    Some(_) => length(&field.ty) - 1,
                    None => length(&own.ty),
                };
                self.put(&format!("{path}.length"), valid);
                for index in 0..valid {
                    let path = format!("{path}.{index}");
                    match &**element {
                        Type::Aggregate(id) => self.aggregate(&path, *id),
                        element => {
                            let datum = written.datum(&path, element, None);
                            self.leaf(&path, element, &datum);
                        }
                    }
                }
            }
            ty => {
                let datum = match written.set(holder, own) {
                    _ if is_removed => zero(),
                    Some(datum) => datum,
                    None => written.datum(path, &own.ty, own.bits),
                };
                self.leaf(path, ty, &datum);
            }
        }
    }

    /// The first bytes of what the tag leads to in the producer's version. An arm that this reader does not know begins
    /// with a number, in the order of the machine that wrote it.
    fn first_bytes(&self, union: &Field, tag: i128, path: &str) -> Vec<u8> {
        let arm = self.written.arm(union, tag);
        let way = path.rsplit_once('.').expect("an arm").0;
        let way = format!("{way}.{}", arm.name());
        let Type::Aggregate(id) = arm.ty else {
            let Datum::Bytes(mut bytes) = self.written.datum(&way, &arm.ty, None) else {
                panic!("{path}: neither a struct nor bytes")
            };
            bytes.truncate(RAW);
            return bytes;
        };
        let first = &self.written.version.model[id].fields[0];
        let path = format!("{way}.{}", first.name());
        let Datum::Int(value) = self.written.datum(&path, &first.ty, None) else {
            panic!("{path} is no number")
        };
        let Type::Scalar(scalar) = first.ty else { panic!("{path} is no number") };
        let Width::Fixed(size) = scalar.width() else { panic!("{path}") };
        let mut bytes = value.to_le_bytes()[..usize::from(size)].to_vec();
        if self.written.target.info().byte_order == ByteOrder::Big {
            bytes.reverse();
        }
        bytes.truncate(RAW);
        bytes
    }

    /// A value, and what a reader knows of its members.
    fn leaf(&mut self, path: &str, ty: &Type, datum: &Datum) {
        self.put(path, datum.print());
        let model = &self.reader.model;
        match (ty, datum) {
            (Type::Enum(id), Datum::Int(value)) if self.reading == Language::Rust => {
                let mut members = model[*id].members.iter();
                let found = members.find(|member| member.value == Some(*value));
                let name = found.map_or("-", |member| member.naming.name.as_str());
                self.put(&format!("{path}.name"), name);
            }
            (Type::Flags(id), Datum::Int(value)) => {
                for member in &model[*id].members {
                    let part = (*value as u64 & member.mask()) >> member.first;
                    self.put(&format!("{path}.{}", member.naming.name), part);
                }
            }
            _ => {}
        }
    }
}

/// What a reader takes for a field that the table is too old for.
fn default(value: &Value, ty: &Type) -> Datum {
    match (value, ty) {
        (Value::Int(0), Type::Scalar(Scalar::F64)) => Datum::Float(0.0),
        (Value::Int(value), _) => Datum::Int(*value),
        (Value::Bytes(bytes), Type::Text(_)) => {
            let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
            Datum::Text(String::from_utf8(bytes[..end].to_vec()).expect("text"))
        }
        (Value::Bytes(bytes), _) => Datum::Bytes(bytes.clone()),
        (Value::Text(text), _) => Datum::Text(text.clone()),
    }
}

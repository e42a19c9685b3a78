//! From the model to BTF.
//!
//! Types are encoded in the order of the schema, then classes and the row; a struct gets its id
//! where it is first named and its members when its turn in the queue comes, so that neither
//! circles of pointers nor long chains of structs need a deep stack.

use std::collections::{BTreeMap, VecDeque};

use inspect_format::abi::CoreEntry;
use inspect_format::btf::encoding;
use inspect_format::btf::{
    Builder, EnumMember, MAX_MEMBERS, Member, Patch, Word, c_integer, member_tag, struct_tag,
};

use super::{Types, half, resolve};
use crate::emit::blobs::tags;
use crate::model::{
    Aggregate, AggregateId, AggregateKind, Arm, ArmValue, ConstantId, EnumId, EnumRepr, Field,
    FlagsId, Formula, Layout, Length, Model, Pointee, Scalar, SchemaId, Target, Type, TypeId,
    Width,
};

/// Whose compiler says what no schema knows. What it says is a patch, what another language's compiler would have
/// to say a forward declaration.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Captured {
    /// C: types and constants of headers.
    C,
    /// Rust: types that are described beside their definition.
    Rust,
    /// Nobody's: a file sees no compiler.
    Nothing,
}

/// Encodes all that a schema needs.
pub(super) fn encode(model: &Model, schema: SchemaId, captured: Captured) -> Types {
    let mut encoder = Encoder {
        model,
        captured,
        builder: Builder::new(),
        aggregates: BTreeMap::new(),
        enums: BTreeMap::new(),
        flags: BTreeMap::new(),
        constants: BTreeMap::new(),
        scalars: BTreeMap::new(),
        queue: VecDeque::new(),
    };
    for ty in &model[schema].types {
        match ty {
            TypeId::Aggregate(id) => encoder.aggregate(*id),
            TypeId::Enum(id) => encoder.enumeration(*id),
            TypeId::Flags(id) => encoder.flag_set(*id),
        };
        encoder.work();
    }
    let mut classes = BTreeMap::new();
    for id in &model[schema].classes {
        let type_id = encoder.type_id(&model[*id].target, None);
        classes.insert(*id, type_id);
        encoder.work();
    }
    let entry = encoder.entry(schema);
    encoder.work();
    Types {
        blob: encoder.builder.finish(),
        classes,
        aggregates: encoder.aggregates,
        enums: encoder.enums,
        flags: encoder.flags,
        entry,
    }
}

struct Encoder<'m> {
    model: &'m Model,
    captured: Captured,
    builder: Builder,
    aggregates: BTreeMap<AggregateId, u32>,
    enums: BTreeMap<EnumId, u32>,
    flags: BTreeMap<FlagsId, u32>,
    constants: BTreeMap<ConstantId, u32>,
    /// The builder would find them too, by comparing records: nearly every field is a scalar.
    scalars: BTreeMap<Scalar, u32>,
    /// Structs that have an id and no members yet.
    queue: VecDeque<(AggregateId, u32)>,
}

/// The array field whose captured length is asked for.
#[derive(Clone, Copy)]
struct Dimension {
    aggregate: AggregateId,
    field: usize,
    dimension: u32,
}

impl<'m> Encoder<'m> {
    fn work(&mut self) {
        while let Some((aggregate, id)) = self.queue.pop_front() {
            self.composite(aggregate, id);
        }
    }

    fn type_id(&mut self, ty: &Type, place: Option<Dimension>) -> u32 {
        match ty {
            Type::Scalar(scalar) | Type::Atomic(scalar) => self.scalar(*scalar),
            Type::Pointer(pointee) => self.pointer(pointee),
            Type::Array(element, length) => {
                let inner =
                    place.map(|place| Dimension { dimension: place.dimension + 1, ..place });
                let element = self.type_id(element, inner);
                let length = self.length(*length, place);
                self.builder.array(element, length)
            }
            Type::Flexible(element) => {
                let element = self.type_id(element, None);
                self.builder.array(element, Word::Number(0))
            }
            Type::Text(size) => {
                let element = self.scalar(Scalar::Char);
                self.builder.array(element, number(*size))
            }
            Type::Bytes(size) => {
                let element = self.scalar(Scalar::U8);
                self.builder.array(element, number(*size))
            }
            Type::String => self.scalar(Scalar::U32),
            Type::Opaque => {
                let element = self.scalar(Scalar::U8);
                let size = place.map_or(Word::Number(0), |place| {
                    let (aggregate, field) = (place.aggregate.0, place.field as u32);
                    self.word(Patch::FieldSize { aggregate, field }, 1, 0)
                });
                self.builder.array(element, size)
            }
            Type::Aggregate(id) => self.aggregate(*id),
            Type::Enum(id) => self.enumeration(*id),
            Type::Flags(id) => self.flag_set(*id),
        }
    }

    fn pointer(&mut self, pointee: &Pointee) -> u32 {
        let target = match pointee {
            Pointee::Void => 0,
            Pointee::Function => self.builder.function(),
            Pointee::Text => self.scalar(Scalar::Char),
            Pointee::Type(ty) => self.type_id(ty, None),
        };
        self.builder.pointer(target)
    }

    fn length(&self, length: Length, place: Option<Dimension>) -> Word {
        match (length, place) {
            (Length::Fixed(length), _) => number(length),
            (Length::Captured, Some(place)) => {
                let (aggregate, field) = (place.aggregate.0, place.field as u32);
                self.word(Patch::Length { aggregate, field, dimension: place.dimension }, 1, 0)
            }
            (Length::Captured, None) => Word::Number(0),
        }
    }

    /// C's own integers keep their names; numbers of a fixed byte order are the kernel's typedefs.
    fn scalar(&mut self, scalar: Scalar) -> u32 {
        if let Some(known) = self.scalars.get(&scalar) {
            return *known;
        }
        let type_id = self.new_scalar(scalar);
        self.scalars.insert(scalar, type_id);
        type_id
    }

    fn new_scalar(&mut self, scalar: Scalar) -> u32 {
        let signed = scalar.is_signed();
        match scalar {
            Scalar::F32 => return self.builder.float("float", 4),
            Scalar::F64 => return self.builder.float("double", 8),
            Scalar::Bool => return self.builder.int("_Bool", 1, encoding::BOOL),
            Scalar::Char => return self.builder.int("char", 1, encoding::CHAR),
            _ => {}
        }
        let integer = match scalar.width() {
            Width::Word if signed => self.builder.word_int("long int", encoding::SIGNED),
            Width::Word => self.builder.word_int("long unsigned int", 0),
            Width::Fixed(size) => {
                let (name, encoding) = c_integer(u32::from(size), signed);
                self.builder.int(name, u32::from(size), encoding)
            }
        };
        let typedef = match scalar {
            Scalar::Be16 => "__be16",
            Scalar::Be32 => "__be32",
            Scalar::Be64 => "__be64",
            Scalar::Le16 => "__le16",
            Scalar::Le32 => "__le32",
            Scalar::Le64 => "__le64",
            Scalar::Size => "size_t",
            Scalar::Ssize => "ssize_t",
            Scalar::Uintptr => "uintptr_t",
            _ => return integer,
        };
        self.builder.typedef(typedef, integer)
    }

    /// An enum as wide as an `int`, or as wide as C makes it, is one. Any other width cannot be
    /// said in C before C23, nor do all tools print it: a typedef of the integer, tagged with the
    /// enum that names its values.
    fn enumeration(&mut self, id: EnumId) -> u32 {
        if let Some(known) = self.enums.get(&id) {
            return *known;
        }
        let item = &self.model[id];
        let enumeration = id.0;
        let wide = match item.repr {
            EnumRepr::Scalar(scalar) => scalar.width() == Width::Fixed(8),
            EnumRepr::C(by_target) => by_target.iter().any(|(size, _)| *size > 4),
        };
        let (size, signed) = match item.repr {
            EnumRepr::Scalar(scalar) => (
                Word::Number(if wide { 8 } else { 4 }),
                Word::Number(u32::from(scalar.is_signed())),
            ),
            EnumRepr::C(_) if item.header.is_some() && self.captured != Captured::C => {
                (self.word(Patch::EnumSize { enumeration }, 1, 0), Word::Number(0))
            }
            EnumRepr::C(_) => (
                self.word(Patch::EnumSize { enumeration }, 1, 0),
                self.word(Patch::EnumSigned { enumeration }, 1, 0),
            ),
        };
        let members = self.enum_members(id);
        let tag = self.builder.enumeration(&item.naming.c, wide, size, signed, &members);
        let names: Vec<&str> = item
            .members
            .iter()
            .take(members.len())
            .map(|member| member.naming.name.as_str())
            .collect();
        if !names.is_empty() {
            self.builder.tag(&format!("inspect:members={}", names.join(",")), tag, None);
        }
        if item.open {
            self.builder.tag("inspect:open", tag, None);
        }
        let type_id = match item.repr {
            EnumRepr::Scalar(Scalar::U32 | Scalar::I32 | Scalar::Int | Scalar::Uint)
            | EnumRepr::C(_) => tag,
            EnumRepr::Scalar(scalar) => {
                let integer = self.scalar(scalar);
                let typedef = self.builder.typedef(&item.naming.c, integer);
                self.builder.tag(&format!("inspect:enum={}", item.naming.c), typedef, None);
                typedef
            }
        };
        self.enums.insert(id, type_id);
        type_id
    }

    /// The members, those whose values a compiler has to say only where one will.
    fn enum_members(&self, id: EnumId) -> Vec<EnumMember<'m>> {
        let words = |member: usize, value: Option<i128>| {
            let patch = |high| {
                let (enumeration, member) = (id.0, member as u32);
                Word::Patch {
                    patch: Patch::EnumMember { enumeration, member, high },
                    factor: 1,
                    plus: 0,
                }
            };
            let word = |high| match value {
                Some(value) => Word::Number(half(value, high) as u32),
                None => patch(high),
            };
            (word(false), word(true))
        };
        let members = self.model[id].members.iter().enumerate().take(MAX_MEMBERS);
        members
            .filter(|(_, member)| member.value.is_some() || self.captured == Captured::C)
            .map(|(index, member)| {
                let (low, high) = words(index, member.value);
                EnumMember { name: &member.naming.c, low, high }
            })
            .collect()
    }

    fn flag_set(&mut self, id: FlagsId) -> u32 {
        if let Some(known) = self.flags.get(&id) {
            return *known;
        }
        let item = &self.model[id];
        let integer = self.scalar(item.repr);
        let typedef = self.builder.typedef(&item.naming.c, integer);
        self.builder.tag(&tags::flags(&item.members), typedef, None);
        self.flags.insert(id, typedef);
        typedef
    }

    /// The id of a struct; its members come later.
    fn aggregate(&mut self, id: AggregateId) -> u32 {
        if let Some(known) = self.aggregates.get(&id) {
            return *known;
        }
        let aggregate = &self.model[id];
        let composite = self.builder.reserve();
        let type_id = if aggregate.c_typedef {
            let typedef = self.builder.reserve();
            self.builder.define_typedef(typedef, &aggregate.naming.c, composite);
            typedef
        } else {
            composite
        };
        self.aggregates.insert(id, type_id);
        self.queue.push_back((id, composite));
        type_id
    }

    /// Whether the compiler says where the fields of a struct lie that has no layout.
    fn captures(&self, id: AggregateId) -> bool {
        match self.model[self.model.root(id)].kind {
            AggregateKind::ExternRust => self.captured == Captured::Rust,
            _ => self.captured == Captured::C,
        }
    }

    fn composite(&mut self, id: AggregateId, type_id: u32) {
        let aggregate = &self.model[id];
        let inline = aggregate.parent.is_some();
        let name = if inline || aggregate.c_typedef { "" } else { &aggregate.naming.c };
        let too_large = self.most(|layout| layout.size, aggregate) > u64::from(u32::MAX);
        let unknown = aggregate.layouts.is_none() && !self.captures(id);
        if too_large || unknown {
            let name = if inline { "" } else { &aggregate.naming.c };
            self.builder.define_forward(type_id, name, aggregate.union);
            if let AggregateKind::ExternC { header } = &aggregate.kind {
                self.builder.tag(&format!("inspect:captured={header}"), type_id, None);
            }
            if too_large {
                self.builder.tag("inspect:incomplete", type_id, None);
            }
            return;
        }
        let members = Members::collect(self, id);
        let size = match aggregate.debug {
            // Until it is found, as those of its members.
            Some(_) => Word::Number(0),
            None => self.word(Patch::Size { aggregate: id.0 }, 1, 0),
        };
        let bit_fields = members.has_bit_fields;
        let list = &members.list;
        self.builder.define_composite(type_id, name, aggregate.union, bit_fields, size, list);
        if members.incomplete {
            self.builder.tag("inspect:incomplete", type_id, None);
        }
        if let Some(declared) = &aggregate.debug {
            self.builder.tag(&struct_tag(declared), type_id, None);
        }
        if aggregate.naming.lifetime.since > 1 && !inline {
            let since = aggregate.naming.lifetime.since;
            self.builder.tag(&format!("inspect:since={since}"), type_id, None);
        }
        for (member, text) in &members.tags {
            self.builder.tag(text, type_id, Some(*member));
        }
    }

    /// The largest value among the targets' layouts; 0 where they are not known.
    fn most(&self, value: impl Fn(&Layout) -> u64, aggregate: &Aggregate) -> u64 {
        let layouts = aggregate.layouts.iter().flat_map(|layouts| &layouts.distinct);
        layouts.map(value).max().unwrap_or(0)
    }

    /// The row, core fields first. Nothing in it depends on a target but the types of its fields.
    fn entry(&mut self, schema: SchemaId) -> u32 {
        let entry = &self.model[schema].entry;
        let core = [
            ("state", CoreEntry::STATE_AT, Scalar::U32),
            ("id", CoreEntry::ID_AT, Scalar::U32),
            ("class", CoreEntry::CLASS_AT, Scalar::U32),
            ("type", CoreEntry::TYPE_AT, Scalar::U32),
            ("properties", CoreEntry::PROPERTIES_AT, Scalar::U64),
            ("address", CoreEntry::ADDRESS_AT, Scalar::U64),
            ("length", CoreEntry::LENGTH_AT, Scalar::U64),
            ("instance", CoreEntry::INSTANCE_AT, Scalar::U64),
            ("name", CoreEntry::NAME_AT, Scalar::U32),
            ("space", CoreEntry::SPACE_AT, Scalar::U16),
            ("extent", CoreEntry::EXTENT_AT, Scalar::U8),
            ("bound_size", CoreEntry::BOUND_SIZE_AT, Scalar::U8),
            ("bound", CoreEntry::BOUND_AT, Scalar::U64),
        ];
        let type_id = self.builder.reserve();
        let mut members: Vec<Member<'_>> = Vec::new();
        for (name, offset, scalar) in core {
            let ty = self.scalar(scalar);
            members.push(member(name, ty, offset as u32));
        }
        let mut texts = Vec::new();
        for field in &entry.fields {
            let ty = self.type_id(&field.ty, None);
            let index = members.len() as u32;
            members.push(member(&field.naming.c, ty, field.offset));
            texts.extend(tags::entry_field(field).into_iter().map(|text| (index, text)));
        }
        let size = Word::Number(entry.size);
        let name = &entry.naming.c;
        self.builder.define_composite(type_id, name, false, false, size, &members);
        for (index, text) in texts {
            self.builder.tag(&text, type_id, Some(index));
        }
        type_id
    }

    /// An enumerator for each captured constant of a formula, by which the blob carries its value.
    fn captured_constants(&mut self, formula: &Formula) {
        match formula {
            Formula::Int(_) | Formula::Field(_) => {}
            Formula::Constant(id) => self.captured_constant(*id),
            Formula::Negate(operand) | Formula::Not(operand) => self.captured_constants(operand),
            Formula::Binary(_, left, right) => {
                self.captured_constants(left);
                self.captured_constants(right);
            }
        }
    }

    fn captured_constant(&mut self, id: ConstantId) {
        // A C compiler alone says the value.
        if self.captured != Captured::C || self.constants.contains_key(&id) {
            return;
        }
        let word = |high| self.word(Patch::Constant { constant: id.0, high }, 1, 0);
        let (low, high) = (word(false), word(true));
        let name = self.model[id].naming.name.as_str();
        let members = [EnumMember { name, low, high }];
        let signed = match self.model[id].ty {
            Type::Scalar(scalar) => u32::from(scalar.is_signed()),
            _ => 0,
        };
        let (size, signed) = (Word::Number(8), Word::Number(signed));
        let type_id = self.builder.enumeration("", true, size, signed, &members);
        self.constants.insert(id, type_id);
    }

    /// A number where every target has the same, otherwise a patch.
    fn word(&self, patch: Patch, factor: u32, plus: u32) -> Word {
        let mut targets = Target::all().map(|target| resolve(self.model, &patch, target));
        let first = targets.next().flatten();
        match first {
            Some(value) if targets.all(|other| other == first) => {
                Word::Number((value as u32).wrapping_mul(factor).wrapping_add(plus))
            }
            _ => Word::Patch { patch, factor, plus },
        }
    }
}

/// The members of one struct, and what is to be said of them.
struct Members<'m> {
    list: Vec<Member<'m>>,
    tags: Vec<(u32, String)>,
    has_bit_fields: bool,
    incomplete: bool,
}

impl<'m> Members<'m> {
    fn collect(encoder: &mut Encoder<'m>, id: AggregateId) -> Self {
        let aggregate = &encoder.model[id];
        let is_bit_field = |field: &Field| field.bits.is_some() && !field.is_padding();
        let has_bit_fields = aggregate.fields.iter().any(is_bit_field);
        let mut members =
            Self { list: Vec::new(), tags: Vec::new(), has_bit_fields, incomplete: false };
        let mut last_offset = Word::Number(0);
        // Few structs are so large that a place in them could be too far for a word.
        let limit = if has_bit_fields { 1 << 24 } else { 1 << 32 };
        let has_room = |encoder: &Encoder<'_>, index: usize| {
            let first_bit = |layout: &Layout| layout.fields[index].offset.saturating_mul(8);
            encoder.most(first_bit, aggregate) + 8 <= limit
        };
        let is_small = encoder.most(|layout| layout.size, aggregate) < limit / 8;
        for (index, field) in aggregate.fields.iter().enumerate() {
            if field.is_padding() {
                continue;
            }
            if members.list.len() == MAX_MEMBERS || !(is_small || has_room(encoder, index)) {
                members.incomplete = true;
                continue;
            }
            members.add(encoder, id, index, &mut last_offset);
        }
        members
    }

    fn add(
        &mut self,
        encoder: &mut Encoder<'m>,
        id: AggregateId,
        index: usize,
        last_offset: &mut Word,
    ) {
        let model = encoder.model;
        let field = &model[id].fields[index];
        let place = Dimension { aggregate: id, field: index, dimension: 0 };
        let ids = (id.0, index as u32);
        let mut found_by = None;
        let (mut type_id, mut offset) = match field.bits {
            _ if let Some(declared) = &field.debug => {
                let type_id = encoder.type_id(&field.ty, None);
                found_by = Some(member_tag(type_id, field.bits, declared));
                (Word::Number(encoder.builder.pending()), last_offset.clone())
            }
            None => (
                Word::Number(encoder.type_id(&field.ty, Some(place))),
                encoder.word(Patch::Offset { aggregate: ids.0, field: ids.1 }, 8, 0),
            ),
            Some(bits) => (
                Word::Number(encoder.type_id(&field.ty, Some(place))),
                encoder.word(Patch::BitOffset { aggregate: ids.0, field: ids.1 }, 1, bits << 24),
            ),
        };
        if let Some(condition) = &field.condition {
            let absent = Word::Number(encoder.builder.absent());
            type_id = either(condition, type_id, absent);
            offset = either(condition, offset, last_offset.clone());
        }
        if field.bits.is_none() && field.debug.is_none() {
            *last_offset = offset.clone();
        }
        let member = self.list.len() as u32;
        let texts = tags::field(model, id, field);
        self.tags.extend(texts.into_iter().chain(found_by).map(|text| (member, text)));
        if let Some(formula) = &field.count {
            encoder.captured_constants(formula);
        }
        if let Some(Arm::When(values)) = &field.arm {
            for value in values {
                if let ArmValue::Captured(id, _) = value {
                    encoder.enumeration(*id);
                }
            }
        }
        if let Some(list) = &field.list {
            encoder.aggregate(list.element);
        }
        let name = field.naming.as_ref().map_or("", |naming| &naming.c);
        self.list.push(Member { name, type_id, place: offset });
    }
}

fn either(condition: &str, then: Word, otherwise: Word) -> Word {
    Word::If { condition: condition.to_owned(), then: then.into(), otherwise: otherwise.into() }
}

fn member(name: &str, type_id: u32, offset: u32) -> Member<'_> {
    Member { name, type_id: Word::Number(type_id), place: Word::Number(offset.wrapping_mul(8)) }
}

/// A length that is larger than BTF can count is the largest that it can.
fn number(value: u64) -> Word {
    Word::Number(u32::try_from(value).unwrap_or(u32::MAX))
}

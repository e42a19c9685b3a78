//! What is decided before anything is quoted: what each aggregate becomes in Rust, which slot each field of a
//! decoder has, and how the fixed items of a module are called.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::Ident;

use super::types::{ident, rust_align};
use crate::emit::blobs;
use crate::model::names::camel_case;
use crate::model::{
    Aggregate, AggregateId, AggregateKind, Field, Layout, Model, Schema, SchemaId, Target, Type,
    TypeId,
};

/// What an aggregate becomes in Rust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `repr(C)` lays it out: its pieces in order.
    Struct {
        /// `repr(C, packed)`
        packed: bool,
        /// `repr(C, align(n))`
        align: Option<u32>,
        /// In order.
        pieces: Vec<Piece>,
    },
    /// A `repr(C)` union.
    Union {
        /// `repr(C, packed)`
        packed: bool,
        /// `repr(C, align(n))`
        align: Option<u32>,
    },
    /// Bytes of the right size and alignment, with accessors.
    Bytes,
    /// Laid out by a compiler: a marker.
    External,
}

/// A part of a `repr(C)` struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A field, by position.
    Member(usize),
    /// So many bytes that the C layout leaves and `repr(C)` would not.
    Gap(u64),
    /// The bytes of neighbouring bit-fields.
    Bits {
        /// How many.
        size: u64,
        /// Which fields, by position.
        fields: std::ops::Range<usize>,
        /// For each: its first bit from the start of the piece, on little-endian targets.
        little: Vec<u64>,
        /// The same on big-endian ones.
        big: Vec<u64>,
    },
}

/// The forms of all aggregates of a model.
pub(super) struct Forms {
    forms: Vec<Form>,
    /// Holds no atomic.
    copy: Vec<bool>,
    /// Somewhere inside is a `repr(align)`, which a packed struct may not hold.
    aligned: Vec<bool>,
    /// Can derive `Debug`.
    debug: Vec<bool>,
}

/// Atomics have a `repr(align)` of their own.
fn holds_atomic(ty: &Type) -> bool {
    match ty {
        Type::Atomic(_) => true,
        Type::Array(element, _) | Type::Flexible(element) => holds_atomic(element),
        _ => false,
    }
}

impl Forms {
    pub(super) fn new(model: &Model) -> Self {
        let count = model.aggregates.len();
        let mut forms = Self {
            forms: vec![Form::External; count],
            copy: vec![true; count],
            aligned: vec![false; count],
            debug: vec![true; count],
        };
        let mut seen = vec![false; count];
        for index in 0..count {
            forms.visit(model, AggregateId(index as u32), &mut seen);
        }
        forms
    }

    pub(super) fn form(&self, id: AggregateId) -> &Form {
        &self.forms[id.index()]
    }

    pub(super) fn is_copy(&self, id: AggregateId) -> bool {
        self.copy[id.index()]
    }

    pub(super) fn has_debug(&self, id: AggregateId) -> bool {
        self.debug[id.index()]
    }

    /// Whether a field of this type can be copied.
    pub(super) fn copies(&self, ty: &Type) -> bool {
        match ty {
            Type::Atomic(_) => false,
            Type::Array(element, _) | Type::Flexible(element) => self.copies(element),
            Type::Aggregate(id) => self.is_copy(*id),
            _ => true,
        }
    }

    /// Parts before the whole: what a packed struct may hold depends on what its members became. By-value
    /// members form no cycle, and nest no deeper than the checker lets them.
    fn visit(&mut self, model: &Model, id: AggregateId, seen: &mut [bool]) {
        if std::mem::replace(&mut seen[id.index()], true) {
            return;
        }
        let aggregate = &model[id];
        let members: Vec<AggregateId> =
            aggregate.fields.iter().filter_map(|field| by_value(&field.ty)).collect();
        for member in &members {
            self.visit(model, *member, seen);
        }
        let form = self.decide(model, aggregate);
        let index = id.index();
        self.copy[index] =
            form == Form::Bytes || aggregate.fields.iter().all(|field| self.copies(&field.ty));
        let own_align = match &form {
            Form::Struct { align, .. } | Form::Union { align, .. } => align.is_some(),
            Form::Bytes => true,
            Form::External => false,
        };
        self.aligned[index] = own_align
            || (form != Form::External && aggregate.fields.iter().any(|f| holds_atomic(&f.ty)))
            || members.iter().any(|member| self.aligned[member.index()]);
        self.debug[index] = match &form {
            Form::Struct { packed, .. } => !packed && !aggregate.flexible,
            Form::Bytes => true,
            Form::Union { .. } | Form::External => false,
        };
        self.forms[index] = form;
    }

    fn decide(&self, model: &Model, aggregate: &Aggregate) -> Form {
        let Some(layouts) = &aggregate.layouts else { return Form::External };
        let aligned = aggregate
            .fields
            .iter()
            .filter_map(|field| by_value(&field.ty))
            .any(|member| self.aligned[member.index()])
            || aggregate.fields.iter().any(|field| holds_atomic(&field.ty));
        if aggregate.packed && (aligned || aggregate.align.is_some()) {
            return Form::Bytes;
        }
        if aggregate.union {
            return self.decide_union(aggregate);
        }
        let simple = |field: &Field| field.bits.is_none() && !field.packed && field.align.is_none();
        if aggregate.fields.iter().all(simple) {
            let pieces = (0..aggregate.fields.len()).map(Piece::Member).collect();
            return Form::Struct { packed: aggregate.packed, align: aggregate.align, pieces };
        }
        let mut plans = Target::all()
            .map(|target| Simulation::run(model, aggregate, target, layouts.on(target)));
        let first = plans.next().flatten();
        let Some(first) = first else { return Form::Bytes };
        let mut all = vec![(0, first)];
        for (index, plan) in plans.enumerate() {
            match plan {
                Some(plan) => all.push((index + 1, plan)),
                None => return Form::Bytes,
            }
        }
        merge(aggregate, &all).unwrap_or(Form::Bytes)
    }

    fn decide_union(&self, aggregate: &Aggregate) -> Form {
        let plain = |field: &Field| field.bits.is_none() && field.align.is_none() && !field.packed;
        if aggregate.flexible || !aggregate.fields.iter().all(plain) {
            return Form::Bytes;
        }
        Form::Union { packed: aggregate.packed, align: aggregate.align }
    }
}

/// What `repr(C)` makes of a struct on one target, told to come out as the model has it.
struct Simulation {
    pieces: Vec<Piece>,
    /// The alignment of the struct without a `repr(align)`, and the one it must have.
    natural: u32,
    wanted: u32,
}

impl Simulation {
    /// `None` where no list of pieces has this layout.
    fn run(model: &Model, aggregate: &Aggregate, target: Target, layout: &Layout) -> Option<Self> {
        let mut this = Self { pieces: Vec::new(), natural: 1, wanted: layout.align };
        let mut end = 0;
        let mut index = 0;
        while index < aggregate.fields.len() {
            if aggregate.fields[index].bits.is_some() {
                let (size, next) = this.run_of_bits(aggregate, layout, index, end)?;
                end += size;
                index = next;
                continue;
            }
            let ty = &aggregate.fields[index].ty;
            let place = layout.fields[index];
            let align = if aggregate.packed { 1 } else { rust_align(model, ty, target) };
            this.natural = this.natural.max(align);
            let natural = u64::next_multiple_of(end, u64::from(align));
            if place.offset < natural || !place.offset.is_multiple_of(u64::from(align)) {
                return None;
            }
            if place.offset > natural {
                this.pieces.push(Piece::Gap(place.offset - end));
            }
            this.pieces.push(Piece::Member(index));
            end = place.offset + place.size;
            index += 1;
        }
        let wanted = u64::from(this.wanted);
        if this.natural > this.wanted || layout.size < end {
            return None;
        }
        if layout.size > end.next_multiple_of(wanted) {
            this.pieces.push(Piece::Gap(layout.size - end));
        }
        Some(this)
    }

    /// The bit-fields from `start` on: their bytes and where the next member is. A member that lies in the
    /// same bytes makes the struct inexpressible.
    fn run_of_bits(
        &mut self,
        aggregate: &Aggregate,
        layout: &Layout,
        start: usize,
        end: u64,
    ) -> Option<(u64, usize)> {
        let fields = &aggregate.fields[start..];
        let count = fields.iter().take_while(|field| field.bits.is_some()).count();
        let range = start..start + count;
        let bit = |index: usize| layout.fields[index].bit_offset.unwrap_or(0);
        let widths =
            range.clone().map(|index| u64::from(aggregate.fields[index].bits.unwrap_or(0)));
        let last = range.clone().zip(widths.clone()).filter(|(_, width)| *width != 0);
        let stop = last.map(|(index, width)| bit(index) + width).max();
        // Only zero-width ones: nothing to hold.
        let Some(stop) = stop else { return Some((0, range.end)) };
        let stop = stop.div_ceil(8);
        let first = range.clone().zip(widths).filter(|(_, width)| *width != 0);
        let first = first.map(|(index, _)| bit(index) / 8).min().unwrap_or(0);
        let next = layout.fields.get(range.end).map_or(layout.size, |place| place.offset);
        if first < end || stop > next {
            return None;
        }
        let offset = |index: usize| match aggregate.fields[index].bits {
            Some(0) => 0,
            _ => bit(index).saturating_sub(end * 8),
        };
        let offsets: Vec<u64> = range.clone().map(offset).collect();
        let (little, big) = (offsets.clone(), offsets);
        self.pieces.push(Piece::Bits { size: stop - end, fields: range.clone(), little, big });
        Some((stop - end, range.end))
    }
}

/// One form for all targets; `None` where they differ in more than where the bits lie.
fn merge(aggregate: &Aggregate, plans: &[(usize, Simulation)]) -> Option<Form> {
    let targets: Vec<Target> = Target::all().collect();
    let is_big = |index: usize| targets[index].info().byte_order == crate::model::ByteOrder::Big;
    let (_, first) = plans.first()?;
    let mut pieces = first.pieces.clone();
    let big = plans.iter().find(|(index, _)| is_big(*index));
    if let Some((_, plan)) = big {
        for (piece, other) in pieces.iter_mut().zip(&plan.pieces) {
            if let (Piece::Bits { big, .. }, Piece::Bits { big: other, .. }) = (piece, other) {
                big.clone_from(other);
            }
        }
    }
    for (index, plan) in plans {
        let same = plan.pieces.len() == pieces.len()
            && plan
                .pieces
                .iter()
                .zip(&pieces)
                .all(|(own, common)| same_piece(own, common, is_big(*index)));
        if !same {
            return None;
        }
    }
    let align = if plans.iter().all(|(_, plan)| plan.natural == plan.wanted) {
        None
    } else if plans.iter().all(|(_, plan)| plan.wanted == first.wanted) {
        Some(first.wanted)
    } else {
        return None;
    };
    if aggregate.packed && align.is_some() {
        return None;
    }
    Some(Form::Struct { packed: aggregate.packed, align, pieces })
}

fn same_piece(own: &Piece, common: &Piece, on_big: bool) -> bool {
    match (own, common) {
        (
            Piece::Bits { size, fields, little: offsets, .. },
            Piece::Bits { size: common_size, fields: common_fields, little, big },
        ) => {
            let expected = if on_big { big } else { little };
            size == common_size && fields == common_fields && offsets == expected
        }
        (own, common) => own == common,
    }
}

/// The aggregate that a field holds by value.
pub(super) fn by_value(ty: &Type) -> Option<AggregateId> {
    match ty {
        Type::Aggregate(id) => Some(*id),
        Type::Array(element, _) | Type::Flexible(element) => by_value(element),
        _ => None,
    }
}

/// A field of a view: one of the aggregate, or of an anonymous aggregate in it.
pub(super) struct Hoisted<'m> {
    pub(super) field: &'m Field,
    /// The way to it, by aggregate and position.
    pub(super) path: Vec<(AggregateId, usize)>,
}

/// The decisions about one schema.
pub(super) struct Plan<'m> {
    pub(super) model: &'m Model,
    pub(super) forms: &'m Forms,
    pub(super) id: SchemaId,
    pub(super) schema: &'m Schema,
    /// Every aggregate that has slots, in their order, with the first of each.
    pub(super) order: Vec<(AggregateId, u32)>,
    bases: BTreeMap<AggregateId, u32>,
    inline: BTreeMap<AggregateId, Vec<AggregateId>>,
    taken: BTreeSet<String>,
    pub(super) slot_count: u32,
    /// The types section that generated code carries.
    pub(super) types: blobs::Types,
}

/// How the fixed items of a module are called where nothing of the schema is called so.
pub(super) const FIXED: [&str; 15] = [
    "AnnotationFields",
    "CARRIED",
    "CLASS_RECORDS",
    "FIELD_RECORDS",
    "HISTORY_SECTION",
    "HistorySection",
    "Layouts",
    "Row",
    "Rows",
    "SCHEMA_SECTION",
    "SHAPES",
    "SchemaSection",
    "TYPES_SECTION",
    "Table",
    "TypesSection",
];

impl<'m> Plan<'m> {
    pub(super) fn new(model: &'m Model, forms: &'m Forms, id: SchemaId) -> Self {
        let types = super::blob::carried(model, id);
        Self { types, ..Self::without_types(model, forms, id) }
    }

    /// For those who ask for names and print nothing.
    pub(super) fn without_types(model: &'m Model, forms: &'m Forms, id: SchemaId) -> Self {
        let schema = &model[id];
        let mut plan = Self {
            model,
            forms,
            id,
            schema,
            order: Vec::new(),
            bases: BTreeMap::new(),
            inline: BTreeMap::new(),
            taken: BTreeSet::new(),
            slot_count: 0,
            types: blobs::Types::none(),
        };
        plan.collect_inline();
        plan.collect_names();
        for ty in &schema.types {
            if let TypeId::Aggregate(aggregate) = ty {
                plan.give_slots(*aggregate);
            }
        }
        for class in &schema.classes {
            if let Some(aggregate) = by_value(&model[*class].target) {
                plan.give_slots(aggregate);
            }
        }
        plan
    }

    fn collect_inline(&mut self) {
        for (index, aggregate) in self.model.aggregates.iter().enumerate() {
            if aggregate.parent.is_some() {
                let id = AggregateId(index as u32);
                self.inline.entry(self.model.root(id)).or_default().push(id);
            }
        }
    }

    fn collect_names(&mut self) {
        let model = self.model;
        for ty in &self.schema.types {
            let (naming, inline) = match ty {
                TypeId::Aggregate(id) => (&model[*id].naming, self.inline_of(*id).to_vec()),
                TypeId::Enum(id) => (&model[*id].naming, Vec::new()),
                TypeId::Flags(id) => (&model[*id].naming, Vec::new()),
            };
            self.taken.insert(naming.rust.clone());
            self.taken.extend(inline.iter().map(|id| model[*id].naming.rust.clone()));
        }
        self.taken.extend(self.schema.properties.iter().map(|it| it.naming.rust.clone()));
        self.taken.insert(self.schema.entry.naming.rust.clone());
        for constant in &self.schema.constants {
            self.taken.insert(model[*constant].naming.rust.clone());
        }
    }

    /// Slots for an aggregate, and after it for those that it holds.
    fn give_slots(&mut self, id: AggregateId) {
        if self.bases.contains_key(&id) {
            return;
        }
        let base = self.slot_count;
        self.bases.insert(id, base);
        self.order.push((id, base));
        self.slot_count += 1 + self.hoisted(id).len() as u32;
        let members: Vec<AggregateId> =
            self.hoisted(id).iter().filter_map(|hoisted| by_value(&hoisted.field.ty)).collect();
        for member in members {
            self.give_slots(member);
        }
    }

    /// The inline aggregates inside a named one, at any depth.
    pub(super) fn inline_of(&self, id: AggregateId) -> &[AggregateId] {
        self.inline.get(&id).map_or(&[], Vec::as_slice)
    }

    /// The first slot of an aggregate.
    pub(super) fn base(&self, id: AggregateId) -> Option<u32> {
        self.bases.get(&id).copied()
    }

    /// The named fields of an aggregate, those of anonymous aggregates in it included.
    pub(super) fn hoisted(&self, id: AggregateId) -> Vec<Hoisted<'m>> {
        let mut out = Vec::new();
        hoist(self.model, id, &mut Vec::new(), &mut out);
        out
    }

    /// The name of a fixed item.
    pub(super) fn fixed(&self, name: &str) -> Ident {
        debug_assert!(
            FIXED.contains(&name),
            "{name} is not on the list, which releases are compared by"
        );
        self.free(name)
    }

    /// A name out of the way of the schema's own.
    fn free(&self, name: &str) -> Ident {
        let mut name = name.to_owned();
        while self.taken.contains(&name) {
            name.push('_');
        }
        ident(&name)
    }

    /// The name of the entry's type.
    pub(super) fn entry_name(&self) -> Ident {
        ident(&self.schema.entry.naming.rust)
    }

    /// The name of an aggregate's view.
    pub(super) fn view_name(&self, id: AggregateId) -> Ident {
        let aggregate = &self.model[id];
        let name = format!("{}View", aggregate.naming.rust);
        if aggregate.schema == self.id { self.free(&name) } else { ident(&name) }
    }

    /// An anonymous aggregate: its fields are the parent's.
    pub(super) fn is_anonymous(&self, id: AggregateId) -> bool {
        let parent = self.model[id].parent;
        parent.is_some_and(|(parent, field)| self.model[parent].fields[field].naming.is_none())
    }

    pub(super) fn is_external_rust(&self, id: AggregateId) -> bool {
        self.model[id].kind == AggregateKind::ExternRust
    }

    /// [`Plan::arms_name`] where nothing else is called so.
    pub(super) fn usual_arms_name(&self, id: AggregateId) -> String {
        format!("{}Arm", camel_case(&self.model[id].naming.rust))
    }

    /// The name of a tagged union's enum.
    pub(super) fn arms_name(&self, id: AggregateId) -> Ident {
        self.free(&self.usual_arms_name(id))
    }
}

fn hoist<'m>(
    model: &'m Model,
    id: AggregateId,
    path: &mut Vec<(AggregateId, usize)>,
    out: &mut Vec<Hoisted<'m>>,
) {
    for (index, field) in model[id].fields.iter().enumerate() {
        path.push((id, index));
        match (&field.naming, &field.ty) {
            (Some(_), _) => out.push(Hoisted { field, path: path.clone() }),
            (None, Type::Aggregate(inner)) => hoist(model, *inner, path, out),
            (None, _) => {}
        }
        path.pop();
    }
}

//! Aggregates as items: their own facts, and their fields with those of anonymous aggregates among them.
//!
//! The model's structs are taken apart member by member, without `..`: whoever adds a member to one decides here which
//! fact it is, or writes why it is none.

use std::collections::{BTreeMap, BTreeSet};

use super::items::{list_fact, naming_facts, number, type_facts};
use super::{Fact, Facts, Item, ItemKind, Member, Value};
use crate::emit::rust::api::{FieldApi, SchemaApi, StructApi};
use crate::emit::spell;
use crate::model::{
    Aggregate, AggregateId, AggregateKind, Arm, ArmValue, Field, FieldPath, Layouts, List, Model,
    Placement, Target, Type, names,
};

/// The item of a named aggregate, and those of the inline ones in it that have a name.
pub(super) fn push_struct(
    model: &Model,
    api: &SchemaApi<'_>,
    id: AggregateId,
    items: &mut Vec<Item>,
) {
    let name = model[id].naming.name.clone();
    push(model, api, id, name, items);
}

fn push(model: &Model, api: &SchemaApi<'_>, id: AggregateId, path: String, items: &mut Vec<Item>) {
    let own = api.aggregate(id);
    let generated = own.fields.iter().map(|(holder, at, field)| ((*holder, *at), field)).collect();
    let mut flat = Flat { model, generated, path: &path, members: Vec::new(), inline: Vec::new() };
    let origin = model[id].layouts.as_ref().map(|_| Value::Number(0));
    flat.fields(id, origin.as_ref(), &Around::default());
    let Flat { mut members, inline, .. } = flat;
    members.sort_by(|a, b| a.name.cmp(&b.name));
    let facts = struct_facts(model, &model[id], &own);
    let place = model[id].naming.origin;
    items.push(Item { kind: ItemKind::Struct, name: path.into(), facts, members, place });
    for (path, id) in inline {
        push(model, api, id, path, items);
    }
}

fn struct_facts(model: &Model, aggregate: &Aggregate, api: &StructApi) -> Facts {
    let Aggregate {
        // The item stands in its schema.
        schema,
        naming,
        kind,
        union,
        parent,
        // Offsets and the alignment say what it does.
        packed: _,
        align: _,
        c_typedef,
        // Members, which have facts of their own.
        fields: _,
        // All of its fields say it too.
        debug: _,
        layouts,
        // These two follow from the fields.
        target_dependent: _,
        flexible: _,
    } = aggregate;
    let mut facts = Facts::default();
    let form = match kind {
        _ if *union => "union",
        AggregateKind::Struct => "struct",
        AggregateKind::Record => "record",
        // What is inline is laid out as the struct around it.
        AggregateKind::ExternC { .. } | AggregateKind::ExternRust if parent.is_some() => "struct",
        AggregateKind::ExternC { .. } | AggregateKind::ExternRust => "extern",
    };
    facts.say_text(Fact::Form, form);
    let is_captured = match kind {
        AggregateKind::Struct | AggregateKind::Record => false,
        AggregateKind::ExternC { header } => {
            facts.say_text(Fact::From, header.as_str());
            true
        }
        AggregateKind::ExternRust => {
            facts.say_text(Fact::From, "rust");
            true
        }
    };
    facts.say_if(Fact::Typedef, *c_typedef);
    if let Some(layouts) = layouts {
        facts.say(Fact::Size, per_target(layouts, |layout| layout.size));
        facts.say(Fact::Align, per_target(layouts, |layout| u64::from(layout.align)));
    }
    if let Some(form) = api.form {
        facts.say_text(Fact::RustForm, form);
    }
    facts.say_if(Fact::RustNoCopy, !api.copy);
    facts.say_if(Fact::RustNoDebug, !api.debug);
    list_fact(&mut facts, Fact::RustNames, &api.names);
    // The names of an inline aggregate follow from those of the struct around it and of the field.
    if parent.is_none() {
        let word = names::schema_word(&model[*schema].name);
        let c = match is_captured {
            true => naming.name.clone(),
            false => names::c_identifier(&format!("{word}_{}", naming.name)),
        };
        naming_facts(&mut facts, naming, &c, &names::rust_type(&naming.name));
    }
    facts
}

/// What the anonymous aggregates around a field say of everything in them.
#[derive(Clone, Default)]
struct Around<'m> {
    /// One for each tagged union, from the outermost.
    tags: Vec<&'m str>,
    /// One for each arm, from the outermost.
    arms: Vec<String>,
    /// A field is there only where all of these are defined.
    conditions: BTreeSet<&'m str>,
    sensitive: bool,
}

impl<'m> Around<'m> {
    /// Together with what a field says itself.
    fn with(&self, model: &Model, holder: &Aggregate, field: &'m Field) -> Self {
        let mut all = self.clone();
        all.tags.extend(field.tag.as_deref().map(|path: &FieldPath| path.text.as_str()));
        all.arms.extend(field.arm.as_ref().map(|arm| arm_text(model, holder, arm, &field.ty)));
        all.conditions.extend(field.condition.as_deref());
        all.sensitive |= field.sensitive;
        all
    }
}

/// The members of an aggregate with a name, as they are found.
struct Flat<'m, 'p> {
    model: &'m Model,
    /// By who holds a field and its position there.
    generated: BTreeMap<(AggregateId, usize), &'p FieldApi>,
    path: &'p str,
    members: Vec<Member>,
    /// Aggregates inside that are items of their own.
    inline: Vec<(String, AggregateId)>,
}

impl<'m> Flat<'m, '_> {
    /// The fields of an aggregate that begins at `origin`; `None` where only a compiler knows.
    fn fields(&mut self, id: AggregateId, origin: Option<&Value>, around: &Around<'m>) {
        let aggregate = &self.model[id];
        for (index, field) in aggregate.fields.iter().enumerate() {
            self.field(id, index, field, origin, around);
        }
    }

    fn field(
        &mut self,
        holder: AggregateId,
        index: usize,
        field: &'m Field,
        origin: Option<&Value>,
        around: &Around<'m>,
    ) {
        let model = self.model;
        let Field {
            naming,
            // The place of the name is known, and messages show that.
            origin: _,
            ty,
            bits,
            // Offsets and the struct's alignment say what these two do.
            align: _,
            packed: _,
            expected,
            count,
            // These four stand together with what is said around the field, in `Around`.
            tag: _,
            arm: _,
            condition: _,
            sensitive: _,
            list,
            ring,
            unit,
            display,
            debug,
        } = field;
        let layouts = model[holder].layouts.as_ref();
        let said = around.with(model, &model[holder], field);
        let Some(naming) = naming else {
            // Padding shows in the offsets of what follows it.
            let Type::Aggregate(inner) = ty else { return };
            let begin = layouts
                .zip(origin)
                .map(|(layouts, origin)| origin.plus(&place(layouts, index, |place| place.offset)));
            self.fields(*inner, begin.as_ref(), &said);
            return;
        };
        let mut facts = Facts::default();
        type_facts(&mut facts, model, model[holder].schema, ty);
        if let Some(inner) = model.inline(ty) {
            self.inline.push((format!("{}.{}", self.path, naming.name), inner));
        }
        if let Some((layouts, origin)) = layouts.zip(origin) {
            match bits {
                Some(_) => {
                    let first = place(layouts, index, |place| place.bit_offset.unwrap_or(0));
                    facts.say(Fact::Bit, bits_of(origin).plus(&first));
                }
                None => {
                    facts.say(Fact::Size, place(layouts, index, |place| place.size));
                    let first = place(layouts, index, |place| place.offset);
                    facts.say(Fact::Offset, origin.plus(&first));
                }
            }
        }
        number(&mut facts, Fact::Bits, bits.map(u64::from));
        if let Some(expected) = expected {
            facts.say_text(Fact::Expected, spell::value_text(expected));
        }
        if let Some(count) = count {
            facts.say_text(Fact::Count, spell::formula_text(model, count));
        }
        if !said.tags.is_empty() {
            facts.say_text(Fact::Tag, said.tags.join(LEVEL));
        }
        if !said.arms.is_empty() {
            facts.say_text(Fact::When, said.arms.join(LEVEL));
        }
        if let Some(list) = list {
            facts.say_text(Fact::List, list_text(model, holder, list));
        }
        if let Some(ring) = ring {
            facts.say_text(Fact::Ring, ring.text.as_str());
        }
        if let Some(unit) = unit {
            facts.say_text(Fact::Unit, unit.as_str());
        }
        if let Some(display) = display {
            facts.say_text(Fact::Display, display.word());
        }
        if !said.conditions.is_empty() {
            let conditions: Vec<&str> = said.conditions.into_iter().collect();
            facts.say_text(Fact::If, conditions.join(" "));
        }
        facts.say_if(Fact::Sensitive, said.sensitive);
        if let Some(generated) = self.generated.get(&(holder, index)) {
            list_fact(&mut facts, Fact::RustNames, &generated.names);
            if !generated.path.is_empty() {
                facts.say_text(Fact::RustPath, generated.path.join(LEVEL));
            }
        }
        // A bit-field of a captured struct is always found that way.
        facts.say_if(Fact::Debug, debug.is_some() && bits.is_none());
        let rust = names::rust_identifier(&names::snake_case(&naming.name));
        naming_facts(&mut facts, naming, &names::c_identifier(&naming.name), &rust);
        let name = naming.name.as_str().into();
        self.members.push(Member { name, facts, place: naming.origin });
    }
}

/// For which values an arm is valid: those of `#[when]`, or all but those of the other arms, which an arm that comes
/// later takes from it.
fn arm_text(model: &Model, union: &Aggregate, arm: &Arm, ty: &Type) -> String {
    let value = |value: &ArmValue| match value {
        ArmValue::Int(value) => value.to_string(),
        ArmValue::Captured(id, member) => {
            let owner = &model[*id];
            format!("{}::{}", owner.naming.name, owner.members[*member].naming.name)
        }
    };
    let list = |arms: &[&Arm]| {
        let mut values: Vec<String> = Vec::new();
        for arm in arms {
            if let Arm::When(own) = arm {
                values.extend(own.iter().map(value));
            }
        }
        values.sort_by_cached_key(|text| (text.parse().unwrap_or(i128::MAX), text.clone()));
        values.join(",")
    };
    match arm {
        Arm::When(_) => list(&[arm]),
        // Bytes stay the bytes that they are, whatever a younger reader makes of them.
        Arm::Otherwise if matches!(ty, Type::Bytes(_)) => "otherwise".to_owned(),
        Arm::Otherwise => {
            let arms: Vec<&Arm> =
                union.fields.iter().filter_map(|field| field.arm.as_ref()).collect();
            format!("not {}", list(&arms))
        }
    }
}

/// Between what unions say that stand in each other.
const LEVEL: &str = " > ";

fn list_text(model: &Model, holder: AggregateId, list: &List) -> String {
    let List { element, link } = list;
    let schema = model[holder].schema;
    format!("{}.{}", spell::type_text(model, schema, &Type::Aggregate(*element)), link.text)
}

fn bits_of(bytes: &Value) -> Value {
    match bytes {
        Value::Number(bytes) => Value::Number(bytes.saturating_mul(8)),
        Value::PerTarget(numbers) => Value::by_target(numbers.map(|bytes| bytes.saturating_mul(8))),
        other => other.clone(),
    }
}

fn place(layouts: &Layouts, field: usize, number: impl Fn(&Placement) -> u64) -> Value {
    per_target(layouts, |layout| layout.fields.get(field).map_or(0, &number))
}

fn per_target(layouts: &Layouts, number: impl Fn(&crate::model::Layout) -> u64) -> Value {
    if let Some(common) = layouts.common() {
        return Value::Number(number(common));
    }
    let mut numbers = [0; Target::COUNT];
    for (target, place) in Target::all().zip(&mut numbers) {
        *place = number(layouts.on(target));
    }
    Value::by_target(numbers)
}

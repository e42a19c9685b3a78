//! What `inspect` has to say of a dump. Nobody tells it of the schema: the producer's version alone decides.

use inspect_gen::model::{Aggregate, Class, Field, FlagMember, Type};
use serde_json::{Map, Value, json};

use super::schema::{Datum, Written, arm, lifetime, named, target, zero};

/// Each entry by its name: the fields of the row, and under `value` what lies in memory.
pub(crate) fn expected(written: Written<'_>) -> Map<String, Value> {
    let mut entries = Map::new();
    for class in written.classes() {
        let name = class.naming.name.clone();
        let properties = class.properties | written.extra().mask();
        let members = &written.version.properties().members;
        let names = members.iter().filter(|it| properties & it.mask() != 0);
        let names: Vec<&str> = names.map(|it| it.naming.name.as_str()).collect();
        let set = written.row(class);
        let fields = written.version.entry().fields.iter().zip(set);
        let fields: Map<String, Value> = fields
            .map(|(field, (_, datum))| {
                (field.naming.name.clone(), leaf(written, &field.ty, &datum))
            })
            .collect();
        let (ty, count) = target(class);
        let value = match count {
            None => value(written, &name, ty, None),
            Some(count) => (0..count)
                .map(|index| value(written, &format!("{name}.{index}"), ty, None))
                .collect(),
        };
        let entry = json!({
            "table": super::schema::NAME,
            "class": name,
            "name": name,
            "type": type_word(written, class),
            "instance": written.instance(class),
            "length": written.size(class),
            "properties": names,
            "state": "live",
            "space": "virtual",
            "extent": "direct",
            "fields": fields,
            "value": value,
        });
        entries.insert(name, entry);
    }
    entries
}

fn type_word(written: Written<'_>, class: &Class) -> String {
    let (ty, count) = target(class);
    let word = match ty {
        Type::Aggregate(id) => written.version.model[*id].naming.name.clone(),
        _ => "u64".to_owned(),
    };
    if count.is_some() { format!("[{word}]") } else { word }
}

fn value(
    written: Written<'_>,
    path: &str,
    ty: &Type,
    around: Option<(&Aggregate, &Field)>,
) -> Value {
    let model = &written.version.model;
    match ty {
        Type::Aggregate(id) => {
            let aggregate = &model[*id];
            let tag = around.and_then(|(outer, field)| written.tag(outer, field));
            let fields = named(model, *id).into_iter().filter(|(_, field)| {
                written.has(field)
                    && tag.is_none_or(|tag| arm(aggregate, tag).name() == field.name())
            });
            let fields = fields.map(|(_, field)| {
                let path = format!("{path}.{}", field.name());
                let value = value(written, &path, &field.ty, Some((aggregate, field)));
                (field.name().to_owned(), value)
            });
            fields.collect::<Map<String, Value>>().into()
        }
        Type::Array(element, _) => {
            let count = around.is_some_and(|(_, field)| field.count.is_some());
            let length = super::schema::length(ty) - u64::from(count);
            let element = |index| value(written, &format!("{path}.{index}"), element, None);
            (0..length).map(element).collect()
        }
        _ => {
            let set = around.and_then(|(aggregate, field)| written.set(aggregate, field));
            let bits = around.and_then(|(_, field)| field.bits);
            let is_removed = around.is_some_and(|(_, field)| lifetime(field).removed.is_some());
            let datum = match set {
                _ if is_removed => zero(),
                Some(datum) => datum,
                None => written.datum(path, ty, bits),
            };
            leaf(written, ty, &datum)
        }
    }
}

fn leaf(written: Written<'_>, ty: &Type, datum: &Datum) -> Value {
    let model = &written.version.model;
    match (ty, datum) {
        (Type::Scalar(inspect_gen::model::Scalar::Bool), Datum::Int(value)) => json!(*value != 0),
        (Type::Enum(id), Datum::Int(value)) => {
            let member = model[*id].members.iter().find(|it| it.value == Some(*value));
            json!(member.expect("a member").naming.name)
        }
        (Type::Flags(id), Datum::Int(value)) => {
            let members = model[*id].members.iter();
            let part = |member: &FlagMember| (*value as u64 & member.mask()) >> member.first;
            let set = members.filter(|member| part(member) != 0);
            set.map(|member| {
                let name = &member.naming.name;
                let is_range = member.first != member.last;
                Value::from(if is_range {
                    format!("{name}={}", part(member))
                } else {
                    name.clone()
                })
            })
            .collect()
        }
        (_, Datum::Float(value)) => json!(value),
        (_, Datum::Int(value)) => match i64::try_from(*value) {
            Ok(value) => json!(value),
            Err(_) => json!(u64::try_from(*value).expect("64 bits")),
        },
        (_, other) => json!(other.print()),
    }
}

/// How many values a tree has.
pub(crate) fn leaves(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(leaves).sum(),
        Value::Object(members) => members.values().map(leaves).sum(),
        _ => 1,
    }
}

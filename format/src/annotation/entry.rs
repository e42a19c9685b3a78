//! An entry of a compile-time table: an annotation that was checked against its schema, with its addresses as
//! whoever makes the table knows them.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::{
    Annotation, AnnotationError, AnnotationErrorKind, BoundError, Expected, Field, FieldKind,
    FieldValue, Location, Rules,
};
use crate::abi::{self, CoreEntry, Order, extent, phase};
use crate::ids;
use crate::pairs::KeyValue;
use crate::table::{TableWriter, WriteError};

/// What an address is to whoever makes a table: a number, or what a linker makes one of.
pub trait Place: Copy {
    /// What a region has whose bound means nothing.
    const NOWHERE: Self;

    /// Whether this is certainly no place. An annotation of it is refused.
    fn is_nowhere(&self) -> bool;

    /// Whether both are one place, however they are named.
    fn is(&self, other: &Self) -> bool;
}

/// An entry of a table.
#[derive(Clone, Debug)]
pub struct Entry<'a, P> {
    /// The class's name.
    pub class: &'a str,
    /// The class's number.
    pub number: u32,
    /// The entry's name; empty if it has none.
    pub name: &'a str,
    /// The key within the class.
    pub instance: u64,
    /// Given, not derived.
    pub id: Option<u32>,
    /// The id of the target in the types, 0 for none.
    pub type_id: u32,
    /// Property bits, those of the class among them.
    pub properties: u64,
    /// The address space.
    pub space: u16,
    /// What `length`, `address` and `bound` mean.
    pub extent: u8,
    /// Bytes of the counter that the bound is.
    pub bound_size: u8,
    /// Bytes.
    pub length: u64,
    /// Where the region begins.
    pub address: P,
    /// The end of a range, the counter of a counted region.
    pub bound: P,
    /// What was said of the schema's fields, by their position.
    pub fields: BTreeMap<usize, FieldValue<'a>>,
    /// Where the annotation stands; nothing for an entry of a table.
    pub file: &'a str,
    /// The line; 0 if nobody said it.
    pub line: u64,
}

impl<'a, P: Place> Entry<'a, P> {
    /// An entry of which nothing has been said.
    #[must_use]
    pub const fn blank() -> Self {
        Self {
            class: "",
            number: 0,
            name: "",
            instance: 0,
            id: None,
            type_id: 0,
            properties: 0,
            space: abi::space::VIRTUAL,
            extent: extent::DIRECT,
            bound_size: 0,
            length: 0,
            address: P::NOWHERE,
            bound: P::NOWHERE,
            fields: BTreeMap::new(),
            file: "",
            line: 0,
        }
    }

    /// What an annotation says, if its schema agrees. `place` finds out where an address is, of an
    /// annotation in this address space.
    pub fn of(
        annotation: &Annotation<'a>,
        rules: &Rules<'a>,
        place: impl Fn(Location, u16) -> P,
    ) -> Result<Self, AnnotationError<'a>> {
        let here = |kind| AnnotationError { offset: annotation.record().offset, kind };
        let (schema, name) = (rules.name, annotation.class);
        let unknown = || here(AnnotationErrorKind::Class { schema, name });
        let class = rules.classes.get(name).ok_or_else(unknown)?;
        let mut fields = BTreeMap::new();
        for pair in annotation.fields() {
            let wrong = |kind| AnnotationError { offset: pair.offset, kind };
            let (position, value) = field(rules, &pair).map_err(wrong)?;
            if fields.insert(position, value).is_some() {
                return Err(wrong(AnnotationErrorKind::RepeatedField(pair.key)));
            }
        }
        let place = |location| place(location, annotation.space);
        let address = place(annotation.address()?);
        if address.is_nowhere() {
            return Err(here(AnnotationErrorKind::NoAddress));
        }
        let bound = annotation.bound.map(place);
        if bound.is_some_and(|bound| bound.is_nowhere()) {
            return Err(here(AnnotationErrorKind::Bound(BoundError::Nowhere)));
        }
        Ok(Self {
            class: annotation.class,
            number: class.number,
            name: annotation.name,
            instance: annotation.instance,
            id: annotation.id,
            type_id: annotation.type_id.unwrap_or(class.type_id),
            properties: annotation.properties | class.properties,
            space: annotation.space,
            extent: annotation.extent,
            bound_size: annotation.bound_size,
            length: annotation.length,
            address,
            bound: bound.unwrap_or(P::NOWHERE),
            fields,
            file: annotation.file,
            line: annotation.line,
        })
    }

    /// What its id is made of.
    #[must_use]
    pub fn key(&self) -> ids::Key<'a> {
        let Self { class, number, name, instance, id, .. } = *self;
        ids::Key { class, number, name, instance, id }
    }

    /// The value of each field of the schema, in its order: what the entry says, or else the default.
    #[must_use]
    pub fn values(&self, rules: &Rules<'a>) -> Vec<FieldValue<'a>> {
        let defaults = rules.fields.iter().map(|field| FieldValue::of_default(field.default));
        let mut values: Vec<_> = defaults.collect();
        // A row may have thousands of fields: none of them is searched for.
        for (position, value) in &self.fields {
            if let Some(place) = values.get_mut(*position) {
                *place = *value;
            }
        }
        values
    }

    /// The core of its row, whose name stands in the strings. What it says of its places is left out.
    pub fn core(&self, id: u32, writer: &mut TableWriter) -> Result<CoreEntry, WriteError> {
        Ok(CoreEntry {
            state: phase::LIVE,
            id,
            class: self.number,
            type_: self.type_id,
            properties: self.properties,
            length: match self.extent {
                extent::ADDRESS_ONLY | extent::RANGE => 0,
                _ => self.length,
            },
            instance: self.instance,
            name: writer.string(self.name)?,
            space: self.space,
            extent: self.extent,
            bound_size: self.bound_size,
            ..CoreEntry::ZERO
        })
    }

    /// Puts the schema's fields into the part of the row behind the core, and their texts into the strings.
    pub fn write_fields(
        &self,
        rules: &Rules<'a>,
        order: Order,
        row: &mut [u8],
        writer: &mut TableWriter,
    ) -> Result<(), WriteError> {
        row.fill(0);
        for (field, value) in rules.fields.iter().zip(self.values(rules)) {
            let start = field.offset.saturating_sub(CoreEntry::SIZE);
            let place = row.get_mut(start..start.saturating_add(field.size));
            let place = place.ok_or(WriteError::RowTooLong)?;
            if field.kind == FieldKind::String {
                let offset = writer.string(value.text())?;
                FieldValue::Number(offset.into()).store(FieldKind::Number(order), place);
            } else {
                value.store(field.kind, place);
            }
        }
        Ok(())
    }

    /// Whether two annotations of one region agree: otherwise the order of linking would decide, and what
    /// one of them calls sensitive might be shown.
    fn says_the_same(&self, other: &Self, rules: &Rules<'a>) -> bool {
        let core = |it: &Self| {
            (it.id, it.type_id, it.properties, it.space, it.extent, it.bound_size, it.length)
        };
        let values = self.values(rules).into_iter().zip(other.values(rules));
        let mut fields = rules.fields.iter().zip(values);
        core(self) == core(other)
            && fields.all(|(field, (one, other))| is_stored_like(one, other, field))
    }
}

/// Whether both values leave the same in a field.
fn is_stored_like(one: FieldValue<'_>, other: FieldValue<'_>, field: &Field<'_>) -> bool {
    if field.kind == FieldKind::String {
        return one.text() == other.text();
    }
    one.stored(field.kind, field.size).eq(other.stored(field.kind, field.size))
}

/// What a pair says of a field of the schema: the field's position, and the value.
fn field<'a>(
    rules: &Rules<'a>,
    pair: &KeyValue<'a>,
) -> Result<(usize, FieldValue<'a>), AnnotationErrorKind<'a>> {
    let unknown = AnnotationErrorKind::Key { schema: rules.name, key: pair.key };
    let position = *rules.positions.get(pair.key).ok_or(unknown)?;
    let field = rules.fields.get(position).ok_or(unknown)?;
    let value = FieldValue::of(field.kind, field.size, &pair.value);
    let expected = match field.kind {
        FieldKind::Number(_) => Expected::FieldNumber(field.type_name),
        FieldKind::Text => Expected::FieldText(field.size),
        FieldKind::String => Expected::FieldString,
        FieldKind::Bytes => Expected::Nothing(field.type_name),
    };
    let wrong = AnnotationErrorKind::Value { key: pair.key, expected, found: pair.value };
    Ok((position, value.ok_or(wrong)?))
}

/// Two annotations of one identity that are not one entry.
#[derive(Clone, Copy, Debug)]
pub struct Conflict<'e, 'a, P> {
    /// The position of their schema.
    pub schema: usize,
    /// The first one, which is kept.
    pub first: &'e Entry<'a, P>,
    /// The other one.
    pub other: &'e Entry<'a, P>,
    /// Whether both are of one region, and say different things of it.
    pub is_same_place: bool,
}

/// Puts entries with the positions of their schemas into the order of schema, class, name and instance, and
/// removes repetitions, of which it says the number. What has the identity of another entry without saying
/// the same is reported, and removed too.
pub fn merge<'a, 'r, P: Place>(
    entries: &mut Vec<(usize, Entry<'a, P>)>,
    rules: impl Fn(usize) -> Option<&'r Rules<'a>>,
    mut report: impl FnMut(Conflict<'_, 'a, P>),
) -> usize
where
    'a: 'r,
{
    entries.sort_by(|(a, one), (b, other)| {
        let key = (a, one.number, one.name, one.instance);
        key.cmp(&(b, other.number, other.name, other.instance))
    });
    let mut repeated = 0;
    let mut kept: Vec<(usize, Entry<'a, P>)> = Vec::with_capacity(entries.len());
    for (schema, other) in core::mem::take(entries) {
        let same = kept.last().filter(|(known, last)| {
            (*known, last.number, last.name, last.instance)
                == (schema, other.number, other.name, other.instance)
        });
        let Some((_, first)) = same else {
            kept.push((schema, other));
            continue;
        };
        let is_same_place = first.address.is(&other.address) && first.bound.is(&other.bound);
        let agrees = |rules: &Rules<'a>| first.says_the_same(&other, rules);
        if is_same_place && rules(schema).is_some_and(agrees) {
            repeated += 1;
            continue;
        }
        report(Conflict { schema, first, other: &other, is_same_place });
    }
    *entries = kept;
    repeated
}

#[cfg(test)]
mod tests {
    use std::vec;

    use crate::schema::Value;

    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    struct At(u64);

    impl Place for At {
        const NOWHERE: Self = Self(0);

        fn is_nowhere(&self) -> bool {
            self.0 == 0
        }

        fn is(&self, other: &Self) -> bool {
            self == other
        }
    }

    fn rules<'a>(defaults: &[(&'a str, Value<'a>)]) -> Rules<'a> {
        let kind = FieldKind::Number(Order::Little);
        let mut rules = Rules { name: "test.entry", entry_size: 80, ..Rules::default() };
        for (index, (name, default)) in defaults.iter().enumerate() {
            let (offset, default) = (64 + 4 * index, *default);
            rules.push(Field { name, type_name: "u32", offset, size: 4, kind, default });
        }
        rules
    }

    /// An annotation says its fields in any order, and not all of them.
    #[test]
    fn fields_stand_in_the_order_of_the_schema() {
        let rules = rules(&[
            ("a", Value::Int(1)),
            ("b", Value::Text("default")),
            ("c", Value::Int(-1)),
            ("d", Value::Bytes(b"raw")),
        ]);
        let fields = [(3, FieldValue::Number(4)), (0, FieldValue::Number(5))];
        let entry = Entry::<At> { fields: BTreeMap::from(fields), ..Entry::blank() };
        let expected = [
            FieldValue::Number(5),
            FieldValue::Text("default"),
            FieldValue::Number(u64::MAX),
            FieldValue::Number(4),
        ];
        assert_eq!(entry.values(&rules), expected);
    }

    #[test]
    fn one_entry_is_kept_of_those_that_say_the_same() {
        let rules = rules(&[("a", Value::Int(1))]);
        let entry = |name, address, fields: &[(usize, FieldValue<'static>)]| {
            let fields = fields.iter().copied().collect();
            (0, Entry { name, address: At(address), fields, ..Entry::blank() })
        };
        let said = [(0, FieldValue::Number(1))];
        let mut entries = vec![
            entry("b", 8, &[]),
            entry("a", 8, &[]),
            entry("b", 8, &said),
            entry("b", 16, &[]),
            entry("b", 8, &[(0, FieldValue::Number(2))]),
        ];
        let mut places = vec![];
        let report = |it: Conflict<'_, '_, At>| places.push((it.other.address.0, it.is_same_place));
        assert_eq!(merge(&mut entries, |_| Some(&rules), report), 1);
        let kept: Vec<_> = entries.iter().map(|(_, it)| (it.name, it.address.0)).collect();
        assert_eq!(kept, [("a", 8), ("b", 8)]);
        assert_eq!(places, [(16, false), (8, true)]);
    }
}

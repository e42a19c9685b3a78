//! Finds every field of a schema's structs in the types section of a table.
//!
//! Structs are found by name, fields by name, and each is held against what the decoder expects of it. What
//! is found lies inside its struct, so that a view has one length to check and its accessors none.

use core::cell::Cell;
use core::fmt;

use inspect_format::btf::{Btf, Place, RawMember, Type, kind};
use inspect_format::table::Table;

use super::{Field, Kind, Layouts, Shape, Slot};

/// Why a table's structs cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindError {
    /// The struct, as the schema calls it; empty where the types section itself is at fault.
    pub struct_name: &'static str,
    /// The field; empty where the struct itself is at fault.
    pub field: &'static str,
    /// What is wrong.
    pub kind: BindErrorKind,
}

/// What can be wrong with a table's types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BindErrorKind {
    /// The table has no types section: see `Layouts::of`.
    NoTypes,
    /// The types section is no type information.
    Types(inspect_format::btf::Error),
    /// It does not have the struct or the field.
    Missing,
    /// It is something else: an integer instead of a struct, say.
    Kind,
    /// It has another width.
    Width {
        /// Bits that the decoder takes.
        expected: u32,
        /// Bits that it has.
        found: u32,
    },
    /// It is larger than 512 MiB, or reaches beyond its struct.
    Outside,
}

impl<const N: usize> Layouts<[Slot; N]> {
    /// The layouts that the types section of `table` declares.
    pub fn bind(table: &Table<'_>, shapes: &[&Shape]) -> Result<Self, BindError> {
        let fail = |kind| BindError { struct_name: "", field: "", kind };
        let types = table.sections().types;
        if types.is_empty() {
            return Err(fail(BindErrorKind::NoTypes));
        }
        let btf = Btf::parse(types).map_err(|error| fail(BindErrorKind::Types(error)))?;
        let mut layouts = Self { order: table.order(), slots: [Slot::ABSENT; N] };
        let binder = Binder { btf, word_size: table.word_size(), last: Cell::new(1) };
        let mut base = 0;
        for shape in shapes {
            layouts.bind_shape(&binder, shape, base)?;
            base += 1 + shape.fields.len();
        }
        Ok(layouts)
    }

    fn bind_shape(
        &mut self,
        binder: &Binder<'_>,
        shape: &Shape,
        base: usize,
    ) -> Result<(), BindError> {
        let fail = |field, kind| BindError { struct_name: shape.name, field, kind };
        let ty = match shape.parent {
            None => binder.named(shape.c_name),
            // The aggregate around it stands before it, and noted the type of the field.
            Some((_, field)) => {
                let noted = self.slots.get(field as usize).copied().unwrap_or(Slot::ABSENT);
                match noted.is_absent() {
                    true => return Ok(()),
                    false => binder.inline(self.parent_member(binder, shape)),
                }
            }
        };
        let Some(ty) = ty.filter(Type::is_composite) else {
            let lacking = shape.optional;
            return if lacking { Ok(()) } else { Err(fail("", BindErrorKind::Missing)) };
        };
        if ty.size() > u32::MAX / 8 {
            return Err(fail("", BindErrorKind::Outside));
        }
        self.put(base, Slot { place: Place::of_bytes(0, ty.size()), sub: ty.id() });
        for (index, field) in shape.fields.iter().enumerate() {
            let slot = binder.field(&ty, field).map_err(|kind| fail(field.name, kind))?;
            self.put(base + 1 + index, slot.unwrap_or(Slot::ABSENT));
        }
        Ok(())
    }

    /// The type of the field that an inline aggregate is the type of.
    fn parent_member(&self, binder: &Binder<'_>, shape: &Shape) -> Option<u32> {
        let (parent, _) = shape.parent?;
        let id = self.slots.get(parent as usize)?.sub;
        let member = binder.btf.type_by_id(id)?.member(shape.c_name).ok()??;
        Some(member.type_id)
    }
}

struct Binder<'a> {
    btf: Btf<'a>,
    word_size: u8,
    /// The last struct found by name: a producer's types mostly stand in the order of the reader's shapes.
    last: Cell<u32>,
}

impl<'a> Binder<'a> {
    /// The struct, union or typedef of one with a name.
    fn named(&self, name: &str) -> Option<Type<'a>> {
        let found = self.btf.composite_near(name, self.last.get()).or_else(|| {
            let typedef = self.btf.find(kind::TYPEDEF, name)?;
            self.btf.resolve(typedef.id()).ok()?
        })?;
        self.last.set(found.id());
        Some(found)
    }

    /// The aggregate behind arrays.
    fn inline(&self, id: Option<u32>) -> Option<Type<'a>> {
        let mut ty = self.btf.resolve(id?).ok()??;
        // Arrays of arrays: the parser has limited how deep types are believed.
        for _ in 0..32 {
            let Some(array) = ty.array() else { break };
            ty = self.btf.resolve(array.element).ok()??;
        }
        Some(ty)
    }

    /// The slot of a field, `None` where an optional one is not there.
    fn field(&self, ty: &Type<'a>, field: &Field) -> Result<Option<Slot>, BindErrorKind> {
        let member = ty.member(field.name).map_err(|_| BindErrorKind::Kind)?;
        let Some(member) = member.filter(|member| !self.btf.is_absent(member.type_id)) else {
            return if field.optional { Ok(None) } else { Err(BindErrorKind::Missing) };
        };
        let bit_size = match member.bit_size {
            Some(bits) => bits,
            None => self.bits(member.type_id)?,
        };
        let end = u64::from(member.bit_offset) + u64::from(bit_size);
        if end > u64::from(ty.size()) * 8 {
            return Err(BindErrorKind::Outside);
        }
        let sub = self.check(&member, field.kind, bit_size)?;
        let place = Place { bit_offset: member.bit_offset, bit_size };
        Ok(Some(Slot { place, sub }))
    }

    fn check(&self, member: &RawMember<'_>, kind: Kind, found: u32) -> Result<u32, BindErrorKind> {
        if let Kind::Bits(expected) = kind {
            return width(expected, found).map(|()| 0);
        }
        if member.bit_offset % 8 != 0 || member.bit_size.is_some() {
            return Err(BindErrorKind::Kind);
        }
        self.check_type(member.type_id, kind)
    }

    /// Holds a type against a kind. Returns [`Slot::sub`].
    fn check_type(&self, id: u32, expected: Kind) -> Result<u32, BindErrorKind> {
        let bits = self.bits(id)?;
        let ty = self.btf.resolve(id).ok().flatten().ok_or(BindErrorKind::Kind)?;
        let is = |kinds: &[u32]| match kinds.contains(&ty.kind()) {
            true => Ok(()),
            false => Err(BindErrorKind::Kind),
        };
        match expected {
            Kind::Int(size) => {
                is(&[kind::INT, kind::ENUM, kind::ENUM64, kind::PTR])?;
                match size {
                    0 if matches!(bits, 8 | 16 | 32 | 64) => Ok(bits / 8),
                    0 => Err(BindErrorKind::Width { expected: 64, found: bits }),
                    _ => width(size * 8, bits).map(|()| size),
                }
            }
            Kind::Float(size) => {
                is(&[kind::FLOAT])?;
                width(size * 8, bits).map(|()| size)
            }
            Kind::Pointer => {
                is(&[kind::PTR])?;
                Ok(bits / 8)
            }
            Kind::Bytes(0) => Ok(1),
            Kind::Bytes(size) => width(size * 8, bits).map(|()| size),
            Kind::Struct(base) => {
                is(&[kind::STRUCT, kind::UNION])?;
                Ok(base)
            }
            Kind::Array(element, length) => {
                let array = ty.array().ok_or(BindErrorKind::Kind)?;
                if length != 0 && array.length != length {
                    let one = self.bits(array.element)?;
                    let expected = one.saturating_mul(length);
                    return Err(BindErrorKind::Width { expected, found: bits });
                }
                self.check_type(array.element, *element)
            }
            Kind::Bits(_) => Err(BindErrorKind::Kind),
        }
    }

    fn bits(&self, id: u32) -> Result<u32, BindErrorKind> {
        let size = self.btf.size_of(id, self.word_size).ok().flatten();
        size.and_then(|size| u32::try_from(size.checked_mul(8)?).ok()).ok_or(BindErrorKind::Outside)
    }
}

fn width(expected: u32, found: u32) -> Result<(), BindErrorKind> {
    if expected == found { Ok(()) } else { Err(BindErrorKind::Width { expected, found }) }
}

impl core::error::Error for BindError {}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.struct_name, self.field) {
            ("", _) => {}
            (name, "") => write!(f, "struct {name}: ")?,
            (name, field) => write!(f, "{name}.{field}: ")?,
        }
        match self.kind {
            BindErrorKind::NoTypes => f.write_str("the table has no types section"),
            BindErrorKind::Types(error) => write!(f, "the types section: {error}"),
            BindErrorKind::Missing => f.write_str("the table's types do not have it"),
            BindErrorKind::Kind => f.write_str("in the table it is something else"),
            BindErrorKind::Width { expected, found } => {
                write!(f, "it has {found} bits in the table, {expected} are expected")
            }
            BindErrorKind::Outside => f.write_str("it is too large, or reaches beyond its struct"),
        }
    }
}

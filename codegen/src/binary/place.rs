//! A field of the binary, looked up by its path as C does: what is anonymous is transparent.

use std::rc::Rc;

use super::{Array, Binary, Composite, Key, Member, Result, Type, spelling};

/// Where a field lies in the binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// From the start of the struct.
    pub(crate) bit_offset: u64,
    /// Its width; 0 where it has no bytes by itself.
    pub(crate) bits: u64,
    /// It is a bit-field.
    pub(crate) is_bit_field: bool,
    /// Its type.
    pub(crate) ty: Key,
    /// Bytes, where the compiler says so of the field or of its type.
    pub(crate) align: Option<u64>,
}

/// How deep anonymous members may lie.
const MAX_DEPTH: usize = 64;

/// How many anonymous members are entered for one field.
const MOST_ENTERED: usize = 4096;

/// The place of `a.b.c`; nothing where there is none.
pub(crate) fn look_up(
    binary: &Binary<'_>,
    composite: &Composite,
    path: &str,
) -> Result<Option<Place>> {
    let mut base = 0u64;
    let mut current = None;
    let mut parts = path.split('.').peekable();
    while let Some(part) = parts.next() {
        let within = current.as_ref().unwrap_or(composite);
        let mut left = MOST_ENTERED;
        let Some((member, offset)) = part_of(binary, within, part, &mut left)? else {
            return Ok(None);
        };
        base = base.saturating_add(offset);
        if parts.peek().is_none() {
            let bits = match member.bits {
                Some(bits) => bits,
                None => size_of(binary, member.ty, 0)?.saturating_mul(8),
            };
            let is_bit_field = member.bits.is_some();
            let align = match &*binary.behind_typedefs(member.ty)?.1 {
                Type::Composite(composite) => member.align.max(composite.align),
                _ => member.align,
            };
            let ty = member.ty;
            return Ok(Some(Place { bit_offset: base, bits, is_bit_field, ty, align }));
        }
        match &*binary.behind_typedefs(element(binary, member.ty)?)?.1 {
            Type::Composite(inner) => current = Some(inner.clone()),
            _ => return Ok(None),
        }
    }
    Ok(None)
}

/// The composite that a field is made of, behind arrays and pointers; nothing where it is none.
pub(crate) fn behind(binary: &Binary<'_>, key: Key) -> Result<Option<Rc<Type>>> {
    let mut key = key;
    for _ in 0..MAX_DEPTH {
        let ty = binary.behind_typedefs(key)?.1;
        match &*ty {
            Type::Array(array) => key = array.element,
            Type::Pointer(pointer) => key = pointer.target,
            Type::Composite(_) => return Ok(Some(ty)),
            _ => break,
        }
    }
    Ok(None)
}

/// A member and where it lies, under its name or under that which a schema gives it. Bases may lie open there, so that
/// a class has two members of one name: then the schema's names come first.
fn part_of(
    binary: &Binary<'_>,
    composite: &Composite,
    name: &str,
    left: &mut usize,
) -> Result<Option<(Member, u64)>> {
    let has_bases = composite.members.iter().any(|it| it.is_base);
    let spelled = || spelled(binary, composite, name);
    if has_bases && let Some(found) = spelled()? {
        return Ok(Some(found));
    }
    match member(binary, composite, name, 0, left)? {
        None if !has_bases => spelled(),
        found => Ok(found),
    }
}

/// A member under the name that a schema gives it.
fn spelled(
    binary: &Binary<'_>,
    composite: &Composite,
    name: &str,
) -> Result<Option<(Member, u64)>> {
    let members = spelling::members(binary, composite)?;
    let names = spelling::member_names(&members);
    let found = members.into_iter().zip(names).find(|(_, own)| own.as_deref() == Some(name));
    Ok(found.map(|(member, _)| (member.clone(), member.bit_offset)))
}

/// A member and where it lies, found through what is anonymous.
fn member(
    binary: &Binary<'_>,
    composite: &Composite,
    name: &str,
    depth: usize,
    left: &mut usize,
) -> Result<Option<(Member, u64)>> {
    for member in &composite.members {
        if member.name == name {
            return Ok(Some((member.clone(), member.bit_offset)));
        }
    }
    for outer in composite.members.iter().filter(|it| it.name.is_empty() || it.is_base) {
        let (_, ty, _) = binary.behind_typedefs(outer.ty)?;
        let Type::Composite(inner) = &*ty else { continue };
        if depth >= MAX_DEPTH || *left == 0 {
            return Ok(None);
        }
        *left -= 1;
        if let Some((found, offset)) = self::member(binary, inner, name, depth + 1, left)? {
            return Ok(Some((found, offset.saturating_add(outer.bit_offset))));
        }
    }
    Ok(None)
}

/// The type of the elements of an array; any other type itself.
pub(crate) fn element(binary: &Binary<'_>, key: Key) -> Result<Key> {
    let mut key = key;
    for _ in 0..MAX_DEPTH {
        match &*binary.behind_typedefs(key)?.1 {
            Type::Array(Array { element, .. }) => key = *element,
            _ => break,
        }
    }
    Ok(key)
}

/// Bytes of a type; what has none counts as none.
fn size_of(binary: &Binary<'_>, key: Key, depth: usize) -> Result<u64> {
    if depth >= MAX_DEPTH {
        return Ok(0);
    }
    Ok(match &*binary.behind_typedefs(key)?.1 {
        Type::Void | Type::Function | Type::Typedef(_) => 0,
        Type::Scalar(scalar) => scalar.size,
        Type::Pointer(pointer) => pointer.size,
        Type::Array(array) => {
            let element = size_of(binary, array.element, depth + 1)?;
            array.lengths.iter().fold(element, |size, length| size.saturating_mul(*length))
        }
        Type::Enum(it) => it.size,
        Type::Composite(composite) => composite.size,
        Type::Other(other) => other.size,
    })
}

/// `24`, or `24, bit 3`.
pub(crate) fn shown(bit_offset: u64) -> String {
    match bit_offset % 8 {
        0 => format!("{}", bit_offset / 8),
        bit => format!("{}, bit {bit}", bit_offset / 8),
    }
}

/// `4 bytes`, or `3 bits`.
pub(crate) fn width(bits: u64) -> String {
    match (bits % 8, bits / 8) {
        (0, 1) => "1 byte".to_owned(),
        (0, bytes) => format!("{bytes} bytes"),
        _ => format!("{bits} bits"),
    }
}

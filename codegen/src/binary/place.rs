//! A field of the binary, looked up by its path as C does: what is anonymous is transparent.

use crate::hash::HashMap;
use std::cell::OnceCell;
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

/// The place of `a.b.c`; nothing where there is none. Whoever looks up many asks [`Fields`].
pub(crate) fn look_up(
    binary: &Binary<'_>,
    composite: &Composite,
    path: &str,
) -> Result<Option<Place>> {
    Fields::new(binary, composite).look_up(path)
}

/// The fields of one composite: the names in it, and in what it is made of, are listed once.
pub(crate) struct Fields<'b, 'd> {
    binary: &'b Binary<'d>,
    outer: Rc<Names>,
    inner: HashMap<Key, Rc<Names>>,
}

/// The names of the members of one composite.
struct Names {
    composite: Composite,
    /// The first member of each name in the binary.
    own: HashMap<String, usize>,
    /// Anonymous members and base classes.
    open: Vec<Member>,
    /// By what a schema calls them, as soon as somebody asks.
    spelled: OnceCell<HashMap<String, Member>>,
}

impl Names {
    fn of(composite: &Composite) -> Self {
        let mut own = HashMap::default();
        for (index, member) in composite.members.iter().enumerate() {
            own.entry(member.name.clone()).or_insert(index);
        }
        let open = composite.members.iter().filter(|it| it.name.is_empty() || it.is_base);
        let open = open.cloned().collect();
        Self { composite: composite.clone(), own, open, spelled: OnceCell::new() }
    }

    /// A member under the name that the binary gives it.
    fn own(&self, name: &str) -> Option<&Member> {
        self.composite.members.get(*self.own.get(name)?)
    }

    /// A member under the name that a schema gives it.
    fn spelled(&self, binary: &Binary<'_>, name: &str) -> Result<Option<(Member, u64)>> {
        let spelled = match self.spelled.get() {
            Some(spelled) => spelled,
            None => {
                let members = spelling::members(binary, &self.composite)?;
                let names = spelling::member_names(&members);
                let named = names.into_iter().zip(members);
                let named = named.filter_map(|(name, member)| Some((name?, member))).collect();
                self.spelled.get_or_init(|| named)
            }
        };
        Ok(spelled.get(name).map(|member| (member.clone(), member.bit_offset)))
    }
}

impl<'b, 'd> Fields<'b, 'd> {
    /// Of this composite.
    pub(crate) fn new(binary: &'b Binary<'d>, composite: &Composite) -> Self {
        Self { binary, outer: Rc::new(Names::of(composite)), inner: HashMap::default() }
    }

    /// The place of `a.b.c`; nothing where there is none.
    pub(crate) fn look_up(&mut self, path: &str) -> Result<Option<Place>> {
        let binary = self.binary;
        let mut base = 0u64;
        let mut within = Rc::clone(&self.outer);
        let mut parts = path.split('.').peekable();
        while let Some(part) = parts.next() {
            let mut left = MOST_ENTERED;
            let Some((member, offset)) = self.part_of(&within, part, &mut left)? else {
                return Ok(None);
            };
            base = base.saturating_add(offset);
            if parts.peek().is_none() {
                return place_of(binary, &member, base).map(Some);
            }
            match self.names(element(binary, member.ty)?)? {
                Some(inner) => within = inner,
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// The names in a composite behind typedefs; nothing where it is none.
    fn names(&mut self, key: Key) -> Result<Option<Rc<Names>>> {
        let (key, ty, _) = self.binary.behind_typedefs(key)?;
        let Type::Composite(composite) = &*ty else { return Ok(None) };
        let names = self.inner.entry(key).or_insert_with(|| Rc::new(Names::of(composite)));
        Ok(Some(Rc::clone(names)))
    }

    /// A member and where it lies, under its name or under that which a schema gives it. Bases may lie open there, so
    /// that a class has two members of one name: then the schema's names come first.
    fn part_of(
        &mut self,
        names: &Names,
        name: &str,
        left: &mut usize,
    ) -> Result<Option<(Member, u64)>> {
        let has_bases = names.open.iter().any(|it| it.is_base);
        if has_bases && let Some(found) = names.spelled(self.binary, name)? {
            return Ok(Some(found));
        }
        match self.member(names, name, 0, left)? {
            None if !has_bases => names.spelled(self.binary, name),
            found => Ok(found),
        }
    }

    /// A member and where it lies, found through what is anonymous.
    fn member(
        &mut self,
        names: &Names,
        name: &str,
        depth: usize,
        left: &mut usize,
    ) -> Result<Option<(Member, u64)>> {
        if let Some(member) = names.own(name) {
            return Ok(Some((member.clone(), member.bit_offset)));
        }
        for outer in &names.open {
            let Some(inner) = self.names(outer.ty)? else { continue };
            if depth >= MAX_DEPTH || *left == 0 {
                return Ok(None);
            }
            *left -= 1;
            if let Some((found, offset)) = self.member(&inner, name, depth + 1, left)? {
                return Ok(Some((found, offset.saturating_add(outer.bit_offset))));
            }
        }
        Ok(None)
    }
}

/// The place of a member that lies there.
fn place_of(binary: &Binary<'_>, member: &Member, bit_offset: u64) -> Result<Place> {
    let bits = match member.bits {
        Some(bits) => bits,
        None => size_of(binary, member.ty, 0)?.saturating_mul(8),
    };
    let align = match &*binary.behind_typedefs(member.ty)?.1 {
        Type::Composite(composite) => member.align.max(composite.align),
        _ => member.align,
    };
    Ok(Place { bit_offset, bits, is_bit_field: member.bits.is_some(), ty: member.ty, align })
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

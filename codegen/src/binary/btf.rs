//! Types from BTF, which `format::btf` has checked. Ids of a split blob and of its base are one range: both
//! stand behind one index, made once, because a name or an id may be asked for at any time.

use inspect_format::btf::{self, Btf, encoding, kind};

use super::error::{Error, Result};
use super::types::{Array, Composite, Encoding, Enum, Key, Kind, Member, Pointer};
use super::types::{Scalar, Type, Typedef};
use super::wanted::{Candidate, Sieve, Wanted};
use super::{MAX_CHAIN, Reader};

const SECTION: &str = ".BTF";

/// Reads types from BTF.
pub(super) struct BtfReader<'d> {
    base: Option<Btf<'d>>,
    own: Btf<'d>,
    index: Index,
    word_size: u8,
}

impl<'d> BtfReader<'d> {
    /// Checks a blob, and that which it continues.
    pub(super) fn new(bytes: &'d [u8], base: Option<&'d [u8]>, word_size: u8) -> Result<Self> {
        let mut index = Index::default();
        let base =
            base.map(|base| Btf::parse_seeing(base, None, &mut |blob, head| index.add(blob, head)));
        let base = base.transpose().map_err(damaged)?;
        let own = Btf::parse_seeing(bytes, base.as_ref(), &mut |blob, head| index.add(blob, head));
        let own = own.map_err(|error| of_module(error, base.is_some()))?;
        index.check_word_size(word_size)?;
        Ok(Self { base, own, index, word_size })
    }

    fn type_by_id(&self, id: u32) -> Option<btf::Type<'d>> {
        let position = *self.index.positions.get(id.checked_sub(1)? as usize)?;
        match &self.base {
            Some(base) if id < self.own.first_id() => base.type_at(position, id),
            _ => self.own.type_at(position, id),
        }
    }

    /// The key of the type behind qualifiers.
    fn key(&self, id: u32) -> Result<Key> {
        let mut current = id;
        for _ in 0..MAX_CHAIN {
            match self.type_by_id(current) {
                Some(ty) if is_qualifier(ty.kind()) => current = ty.target(),
                _ => return Ok(Key(u64::from(current))),
            }
        }
        Err(circle(id))
    }

    fn composite(&self, ty: &btf::Type<'_>) -> Result<Composite> {
        let mut members = Vec::new();
        for member in ty.members() {
            members.push(self.member(&member)?);
        }
        Ok(Composite {
            name: ty.name().to_owned(),
            union: ty.kind() == kind::UNION,
            size: u64::from(ty.size()),
            align: None,
            members,
            is_declaration: false,
            mixed: None,
            virtual_base: None,
        })
    }

    fn member(&self, member: &btf::RawMember<'_>) -> Result<Member> {
        let ty = self.key(member.type_id)?;
        let mut bit_offset = u64::from(member.bit_offset);
        let mut bits = member.bit_size.map(u64::from);
        // Before the widths of bit-fields stood in members, each had an integer type of its own.
        let int = self.behind_typedefs(ty)?.and_then(|ty| Some((ty.int()?, ty.size())));
        if let (None, Some((int, size))) = (bits, int)
            && (int.offset != 0 || int.bits != size.saturating_mul(8))
        {
            bit_offset += u64::from(int.offset);
            bits = Some(u64::from(int.bits));
        }
        let (name, align, is_base) = (member.name.to_owned(), None, false);
        Ok(Member { name, ty, bit_offset, bits, align, is_base })
    }

    fn behind_typedefs(&self, key: Key) -> Result<Option<btf::Type<'d>>> {
        let mut current = key.0 as u32;
        for _ in 0..MAX_CHAIN {
            match self.type_by_id(current) {
                Some(ty) if is_qualifier(ty.kind()) || ty.kind() == kind::TYPEDEF => {
                    current = ty.target();
                }
                found => return Ok(found),
            }
        }
        Err(circle(key.0 as u32))
    }
}

impl Reader for BtfReader<'_> {
    fn read(&self, key: Key) -> Result<Type> {
        let id = u32::try_from(key.0).unwrap_or(u32::MAX);
        if id == 0 {
            return Ok(Type::Void);
        }
        let ty = self.type_by_id(id).ok_or_else(|| no_type(id))?;
        let name = || ty.name().to_owned();
        let size = u64::from(ty.size());
        Ok(match ty.kind() {
            kind::INT => {
                let bits = ty.int().map_or(0, |int| int.encoding);
                Type::Scalar(Scalar { name: name(), size, encoding: encoding_of(bits, ty.name()) })
            }
            kind::FLOAT => Type::Scalar(Scalar { name: name(), size, encoding: Encoding::Float }),
            kind::PTR => {
                let (target, size) = (self.key(ty.target())?, u64::from(self.word_size));
                Type::Pointer(Pointer { target, size })
            }
            kind::ARRAY => {
                let array = ty.array().ok_or_else(|| no_type(id))?;
                let element = self.key(array.element)?;
                Type::Array(Array { element, lengths: vec![u64::from(array.length)] })
            }
            kind::STRUCT | kind::UNION => Type::Composite(self.composite(&ty)?),
            kind::ENUM | kind::ENUM64 => {
                let members: Vec<_> =
                    ty.enumerators().map(|member| (member.name.to_owned(), member.value)).collect();
                // A declaration without members is how compilers say that they have seen no more.
                let is_declaration = members.is_empty();
                let signed = ty.kind_flag();
                Type::Enum(Enum { name: name(), size, signed, members, is_declaration })
            }
            kind::FWD => Type::Composite(Composite {
                name: name(),
                union: ty.kind_flag(),
                size: 0,
                align: None,
                members: Vec::new(),
                is_declaration: true,
                mixed: None,
                virtual_base: None,
            }),
            kind::TYPEDEF => {
                Type::Typedef(Typedef { name: name(), target: self.key(ty.target())? })
            }
            kind::FUNC | kind::FUNC_PROTO => Type::Function,
            other if is_qualifier(other) => return self.read(self.key(id)?),
            other => {
                let what = format!("type {id} is of kind {other}, which no member can have");
                return Err(Error::Damaged { section: SECTION, offset: None, what });
            }
        })
    }

    fn find(&self, wanted: &[Wanted]) -> Result<Vec<Vec<Candidate>>> {
        let mut found = vec![Vec::new(); wanted.len()];
        // Names are compared where they lie: one pass over all types, whatever their number.
        let mut by_name: std::collections::HashMap<&str, Vec<usize>> = Default::default();
        for (index, wanted) in wanted.iter().enumerate() {
            by_name.entry(&wanted.name).or_default().push(index);
        }
        let sieve = Sieve::of(by_name.keys().copied());
        self.each_named(|blob, head, kind| {
            if !sieve.may_hold(blob.name_onwards(head)) {
                return;
            }
            let name = blob.name_of(head);
            let Some(indices) = by_name.get(name) else { return };
            for index in indices {
                let wanted = &wanted[*index];
                let place = format!("type {}", head.id());
                if wanted.kind.is_none_or(|it| it == kind) && wanted.accepts_place(&place) {
                    found[*index].push(Candidate {
                        key: Key(u64::from(head.id())),
                        kind,
                        name: name.to_owned(),
                        place,
                        is_declaration: head.kind() == kind::FWD,
                    });
                }
            }
        });
        Ok(found)
    }

    fn each_name(&self, look: &mut dyn FnMut(&str)) -> Result<()> {
        self.each_named(|blob, head, _| look(blob.name_of(head)));
        Ok(())
    }
}

impl BtfReader<'_> {
    /// Every type that can be asked for by its name.
    fn each_named(&self, mut look: impl FnMut(&Btf<'_>, &btf::Head, Kind)) {
        for head in &self.index.named {
            let base = self.base.as_ref().filter(|_| head.id() < self.own.first_id());
            if let Some(kind) = named_kind(head) {
                look(base.unwrap_or(&self.own), head, kind);
            }
        }
    }
}

/// The kind under which a type can be asked for, if it can be.
fn named_kind(head: &btf::Head) -> Option<Kind> {
    match head.kind() {
        kind::STRUCT => Some(Kind::Struct),
        kind::UNION => Some(Kind::Union),
        kind::ENUM | kind::ENUM64 => Some(Kind::Enum),
        kind::TYPEDEF => Some(Kind::Typedef),
        kind::FWD if head.kind_flag() => Some(Kind::Union),
        kind::FWD => Some(Kind::Struct),
        _ => None,
    }
}

/// What is seen on the one walk over all types.
#[derive(Default)]
struct Index {
    /// Where the record of each type begins, in the blob that has it.
    positions: Vec<u32>,
    /// The types that can be asked for by name: one of seven in a kernel.
    named: Vec<btf::Head>,
    /// Bytes of the first `long`. BTF does not say how wide a pointer is; on all targets a `long` is as wide, and most
    /// programs have one.
    long: Option<u32>,
}

impl Index {
    fn add(&mut self, blob: &Btf<'_>, head: &btf::Head) {
        let is_name =
            |name| matches!(name, "long" | "long int" | "unsigned long" | "long unsigned int");
        if self.long.is_none() && head.kind() == kind::INT && is_name(blob.name_of(head)) {
            self.long = Some(head.size());
        }
        if named_kind(head).is_some() {
            self.named.push(*head);
        }
        self.positions.push(head.position());
    }

    fn check_word_size(&self, word_size: u8) -> Result<()> {
        let wanted = u32::from(word_size);
        let Some(size) = self.long.filter(|size| *size != wanted) else { return Ok(()) };
        let (there, here) = (size.saturating_mul(8), wanted * 8);
        Err(Error::Image(format!(
            "this BTF is of a machine of {there} bits, and not of {here}: name the target with --target"
        )))
    }
}

fn is_qualifier(kind: u32) -> bool {
    matches!(kind, kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG)
}

/// Compilers mark `char` as a number: it is told by its name.
fn encoding_of(bits: u32, name: &str) -> Encoding {
    if bits & encoding::BOOL != 0 {
        Encoding::Boolean
    } else if bits & encoding::CHAR != 0 || name == "char" {
        Encoding::Character
    } else if bits & encoding::SIGNED != 0 {
        Encoding::Signed
    } else {
        Encoding::Unsigned
    }
}

fn damaged(error: btf::Error) -> Error {
    Error::at(SECTION, error.offset, error.kind.to_string())
}

/// The blob of a module alone names types and texts that it does not have.
fn of_module(error: btf::Error, has_base: bool) -> Error {
    use btf::ErrorKind::{Name, Strings, Type};
    match (error.kind, has_base) {
        (Name(_) | Type(_) | Strings, false) => Error::at(
            SECTION,
            error.offset,
            format!(
                "{}; if this continues another BTF, as a kernel module's does, name that one with --base",
                error.kind
            ),
        ),
        _ => damaged(error),
    }
}

fn no_type(id: u32) -> Error {
    let what = format!("type {id} does not exist");
    Error::Damaged { section: SECTION, offset: None, what }
}

fn circle(id: u32) -> Error {
    let what = format!("type {id} leads in circles");
    Error::Damaged { section: SECTION, offset: None, what }
}

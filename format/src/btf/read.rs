//! Reads BTF in place, without an allocator.
//!
//! [`Btf::parse`] walks every record once: it knows their kinds, lies inside the sections, and
//! refers only to types and texts that exist. What it cannot exclude, types that go in circles,
//! meets a limit of steps wherever a chain is followed.

use core::fmt;

use super::{HEADER_SIZE, MAGIC, VERSION, kind};
use crate::abi::Order;

/// How many typedefs, qualifiers, arrays or anonymous members in a chain are believed.
const CHAIN_LIMIT: u32 = 64;

/// How many marks a reader keeps.
const MARKS: usize = 64;

/// A blob whose records have been checked.
#[derive(Clone, Copy, Debug)]
pub struct Btf<'a> {
    types: &'a [u8],
    /// Where these begin in the blob.
    types_start: u32,
    strings: &'a str,
    /// The texts of the blob that this one continues; offsets count through both.
    base_strings: &'a str,
    /// All texts are: a name may begin anywhere in them.
    is_ascii: bool,
    order: Order,
    /// The id of the first type: 1, or the one behind the last of the blob that this one continues.
    first_id: u32,
    count: u32,
    marks: Marks,
}

/// Where in the types section every so many-th type begins: see [`Btf::type_by_id`].
#[derive(Clone, Copy, Debug)]
struct Marks {
    places: [u32; MARKS],
    /// There are two to the power of this many types from one mark to the next.
    shift: u32,
}

/// A finding about a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// Where, from the start of the blob.
    pub offset: u64,
    /// What.
    pub kind: ErrorKind,
}

/// The kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes end too early.
    Truncated,
    /// Something else than BTF.
    Magic,
    /// A version that this reader does not know.
    Version(u8),
    /// A header smaller than it must be.
    HeaderSize(u32),
    /// A section outside the blob.
    Section,
    /// The strings do not begin and end with a NUL.
    Strings,
    /// A kind of type that this reader does not know.
    Kind(u32),
    /// A text that does not exist.
    Name(u32),
    /// A text that is not UTF-8.
    NameEncoding,
    /// A type that does not exist.
    Type(u32),
    /// A chain of types that is too long or goes in circles.
    Chain(u32),
}

/// One type.
#[derive(Clone, Copy, Debug)]
pub struct Type<'a> {
    btf: Btf<'a>,
    id: u32,
    name: u32,
    info: u32,
    size_or_type: u32,
    rest: &'a [u8],
}

/// What an integer adds to its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Int {
    /// Bits of [`super::encoding`].
    pub encoding: u32,
    /// Bits.
    pub bits: u32,
    /// The first bit of its bytes.
    pub offset: u32,
}

/// An array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Array {
    /// The type of its elements.
    pub element: u32,
    /// How many they are.
    pub length: u32,
}

/// A member of a struct or union.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawMember<'a> {
    /// Its name, empty for an anonymous struct or union.
    pub name: &'a str,
    /// Its type.
    pub type_id: u32,
    /// From the start of the struct, counted as [`crate::bits`] does.
    pub bit_offset: u32,
    /// The width of a bit-field.
    pub bit_size: Option<u32>,
}

/// A member of an enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enumerator<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value.
    pub value: i128,
}

/// A text on a type or on one of its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeclTag<'a> {
    /// The text.
    pub text: &'a str,
    /// The type.
    pub type_id: u32,
    /// The member, by position; `None` for the type itself.
    pub member: Option<u32>,
}

impl<'a> Btf<'a> {
    /// Checks a blob. More bytes may follow it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        Self::parse_behind(bytes, "", 0, &mut |_, _| {})
    }

    /// Checks a blob that continues another one, as that of a kernel's module continues the kernel's:
    /// its ids go on where those of `base` end, and so do the offsets of its texts. What is found by
    /// an id is found in one of the two: [`Btf::first_id`] tells in which.
    pub fn parse_split(bytes: &'a [u8], base: &Self) -> Result<Self, Error> {
        Self::parse_behind(bytes, base.strings, base.count, &mut |_, _| {})
    }

    /// Checks a blob, by itself or as the continuation of `base`, and shows what each record begins
    /// with, for whoever wants an index and no second walk. What was shown is worth nothing where the
    /// blob turns out to be damaged.
    pub fn parse_seeing(
        bytes: &'a [u8],
        base: Option<&Self>,
        see: &mut impl FnMut(&Self, &Head),
    ) -> Result<Self, Error> {
        let (strings, ids) = base.map_or(("", 0), |base| (base.strings, base.count));
        Self::parse_behind(bytes, strings, ids, see)
    }

    fn parse_behind(
        bytes: &'a [u8],
        base_strings: &'a str,
        ids: u32,
        see: &mut impl FnMut(&Self, &Head),
    ) -> Result<Self, Error> {
        let order = parse_magic(bytes)?;
        let word = |at: usize| {
            let bytes = bytes.get(at..).and_then(<[u8]>::first_chunk);
            bytes.map(|bytes| u32_of(*bytes, order)).ok_or(error(at as u64, ErrorKind::Truncated))
        };
        let header_size = word(4)?;
        if header_size < HEADER_SIZE {
            return Err(error(4, ErrorKind::HeaderSize(header_size)));
        }
        let section = |at: usize| {
            let start = u64::from(header_size) + u64::from(word(at)?);
            let end = start + u64::from(word(at + 4)?);
            let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
            range
                .and_then(|(start, end)| bytes.get(start..end))
                .map(|section| (start, section))
                .ok_or(error(at as u64, ErrorKind::Section))
        };
        let (types_start, types) = section(8)?;
        let (strings_start, strings) = section(16)?;
        let begins = !base_strings.is_empty() || strings.first() == Some(&0);
        let ends = strings.last().is_none_or(|last| *last == 0);
        if !begins || !ends || (base_strings.is_empty() && strings.is_empty()) {
            return Err(error(strings_start, ErrorKind::Strings));
        }
        let strings = core::str::from_utf8(strings).map_err(|fault| {
            error(strings_start + fault.valid_up_to() as u64, ErrorKind::NameEncoding)
        })?;
        let first_id = ids.checked_add(1).ok_or(error(types_start, ErrorKind::Type(ids)))?;
        let (count, marks) = (u32::MAX, Marks { places: [0; MARKS], shift: 0 });
        // Both of its parts are words of the header, and the bytes have been there.
        let types_at = u32::try_from(types_start).unwrap_or(u32::MAX);
        let mut btf = Self {
            types,
            types_start: types_at,
            strings,
            base_strings,
            is_ascii: base_strings.is_ascii() && strings.is_ascii(),
            order,
            first_id,
            count,
            marks,
        };
        (btf.count, btf.marks) = btf.check(types_start, see)?;
        Ok(btf)
    }

    /// The byte order of the blob.
    #[must_use]
    pub fn order(&self) -> Order {
        self.order
    }

    /// How many types there are, with those of the blob that this one continues; ids go from
    /// [`Btf::first_id`] to this one, 0 is `void`.
    #[must_use]
    pub fn type_count(&self) -> u32 {
        self.count
    }

    /// The id of the first type that is here: 1, unless the blob continues another one.
    #[must_use]
    pub fn first_id(&self) -> u32 {
        self.first_id
    }

    /// Every type in order, that of [`Btf::first_id`] first.
    #[must_use]
    pub fn types(&self) -> Types<'a> {
        Types { btf: *self, at: 0, next_id: self.first_id }
    }

    /// The type whose record begins at a position that [`Head::position`] has told; for whoever
    /// looks at many types and keeps an index of them.
    #[must_use]
    pub fn type_at(&self, position: u32, id: u32) -> Option<Type<'a>> {
        self.record(position as usize, id).ok().map(|(ty, _)| ty)
    }

    /// Where in the blob the record of a type begins.
    pub(super) fn record_at(&self, id: u32) -> Option<usize> {
        let types = self.types_from(id);
        let exists = types.at < self.types.len();
        exists.then_some(types.at + self.types_start as usize)
    }

    /// Every type from an id on; none where the id does not exist.
    #[must_use]
    pub fn types_from(&self, id: u32) -> Types<'a> {
        let beyond = Types { btf: *self, at: self.types.len(), next_id: self.count };
        let index = id.checked_sub(self.first_id).filter(|_| id <= self.count);
        let Some(index) = index else { return beyond };
        let (at, behind) = self.marks.before(index);
        let mut types = Types { btf: *self, at: at as usize, next_id: id - behind };
        for _ in 0..behind {
            types.next();
        }
        types
    }

    /// The type with an id; `None` for `void` and for ids that do not exist. It takes a walk over a
    /// small part of the types: the reader keeps marks instead of an index, which it had no place for.
    #[must_use]
    pub fn type_by_id(&self, id: u32) -> Option<Type<'a>> {
        self.types_from(id).next()
    }

    /// The struct or union with a name.
    #[must_use]
    pub fn composite(&self, name: &str) -> Option<Type<'a>> {
        self.composite_near(name, self.first_id)
    }

    /// The struct or union with a name, looked for from an id on, then before it: whoever asks for
    /// names in the order in which they stand passes the last one found, and finds the next at once.
    #[must_use]
    pub fn composite_near(&self, name: &str, id: u32) -> Option<Type<'a>> {
        let wanted = |ty: &Type<'a>| ty.is_composite() && ty.name() == name;
        let id = id.max(self.first_id);
        let before = (id - self.first_id) as usize;
        self.types_from(id).find(wanted).or_else(|| self.types().take(before).find(wanted))
    }

    /// The first type of `kind` with a name.
    #[must_use]
    pub fn find(&self, kind: u32, name: &str) -> Option<Type<'a>> {
        self.types().find(|ty| ty.kind() == kind && ty.name() == name)
    }

    /// The texts on types and members.
    pub fn decl_tags(&self) -> impl Iterator<Item = DeclTag<'a>> + use<'a> {
        self.types().filter_map(|ty| ty.decl_tag())
    }

    /// The type behind typedefs and qualifiers; `None` is `void`.
    pub fn resolve(&self, id: u32) -> Result<Option<Type<'a>>, Error> {
        let mut current = id;
        for _ in 0..CHAIN_LIMIT {
            let Some(ty) = self.type_by_id(current) else {
                return Ok(None);
            };
            match ty.kind() {
                kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                    current = ty.size_or_type;
                }
                _ => return Ok(Some(ty)),
            }
        }
        Err(error(0, ErrorKind::Chain(id)))
    }

    /// Whether a type is that of a member which the compiler did not have.
    #[must_use]
    pub fn is_absent(&self, id: u32) -> bool {
        let ty = self.type_by_id(id);
        ty.is_some_and(|ty| ty.kind() == kind::TYPEDEF && ty.name() == super::ABSENT)
    }

    /// Bytes of a type; `None` for what has no size (`void`, functions, forward declarations).
    /// `word_size` is that of a pointer.
    pub fn size_of(&self, id: u32, word_size: u8) -> Result<Option<u64>, Error> {
        let chain = error(0, ErrorKind::Chain(id));
        let mut current = id;
        let mut factor: u64 = 1;
        // Each step may walk over all types: typedefs and arrays share one limit.
        for _ in 0..CHAIN_LIMIT {
            let Some(ty) = self.type_by_id(current) else {
                return Ok(None);
            };
            let size = match ty.kind() {
                kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                    current = ty.size_or_type;
                    continue;
                }
                kind::ARRAY => {
                    let Some(array) = ty.array() else {
                        return Ok(None);
                    };
                    factor = factor.checked_mul(u64::from(array.length)).ok_or(chain)?;
                    current = array.element;
                    continue;
                }
                kind::PTR => u64::from(word_size),
                kind::INT
                | kind::STRUCT
                | kind::UNION
                | kind::ENUM
                | kind::ENUM64
                | kind::FLOAT
                | kind::DATASEC => u64::from(ty.size_or_type),
                _ => return Ok(None),
            };
            return size.checked_mul(factor).map(Some).ok_or(chain);
        }
        Err(chain)
    }

    /// Walks the records: each ends inside the section, bears texts that exist, and refers to types
    /// that exist. Returns the last id, and marks.
    fn check(&self, start: u64, see: &mut impl FnMut(&Self, &Head)) -> Result<(u32, Marks), Error> {
        let mut marks = Marks { places: [0; MARKS], shift: 0 };
        let (mut at, mut next_id, mut farthest) = (0, self.first_id, 0);
        while at < self.types.len() {
            let place = start + at as u64;
            let found = |kind| error(place, kind);
            let (head, rest) = self.head(at, next_id).map_err(found)?;
            // How many types there are is not known before the end.
            let mut refer = |id| farthest = farthest.max(id);
            self.visit(&head, rest, &mut |name| self.check_text(name), &mut refer)
                .map_err(found)?;
            see(self, &head);
            marks.note(next_id - self.first_id, head.position);
            at += 12 + rest.len();
            next_id = next_id.checked_add(1).ok_or(found(ErrorKind::Type(u32::MAX)))?;
        }
        let count = next_id - 1;
        if farthest > count { Err(self.dangling(start, count)) } else { Ok((count, marks)) }
    }

    /// Where the first reference is that leads behind the last type.
    fn dangling(&self, start: u64, count: u32) -> Error {
        let mut at = 0;
        let mut first = None;
        while let (None, Ok((head, rest))) = (first, self.head(at, 0)) {
            let found =
                |id: u32| (id > count).then(|| error(start + at as u64, ErrorKind::Type(id)));
            // That the texts are there has been seen.
            let _ = self.visit(&head, rest, &mut |_| Ok(()), &mut |id| first = first.or(found(id)));
            at += 12 + rest.len();
        }
        first.unwrap_or(error(start, ErrorKind::Type(count)))
    }

    /// Hands over the offsets of all texts in a record, and the ids of all types.
    #[inline]
    fn visit(
        &self,
        head: &Head,
        rest: &[u8],
        text: &mut impl FnMut(u32) -> Result<(), ErrorKind>,
        refer: &mut impl FnMut(u32),
    ) -> Result<(), ErrorKind> {
        let word = |part: &[u8], at| word(part, at, self.order);
        text(head.name)?;
        match head.kind() {
            kind::STRUCT | kind::UNION => {
                for member in rest.chunks_exact(12) {
                    text(word(member, 0))?;
                    refer(word(member, 4));
                }
            }
            kind::FUNC_PROTO => {
                for parameter in rest.chunks_exact(8) {
                    text(word(parameter, 0))?;
                    refer(word(parameter, 4));
                }
                refer(head.size_or_type);
            }
            kind::ENUM => rest.chunks_exact(8).try_for_each(|member| text(word(member, 0)))?,
            kind::ENUM64 => rest.chunks_exact(12).try_for_each(|member| text(word(member, 0)))?,
            kind::DATASEC => rest.chunks_exact(12).for_each(|variable| refer(word(variable, 0))),
            kind::ARRAY => {
                refer(word(rest, 0));
                refer(word(rest, 4));
            }
            kind::PTR
            | kind::TYPEDEF
            | kind::VOLATILE
            | kind::CONST
            | kind::RESTRICT
            | kind::FUNC
            | kind::VAR
            | kind::DECL_TAG
            | kind::TYPE_TAG => refer(head.size_or_type),
            _ => {}
        }
        Ok(())
    }

    /// The record at a position of the types section, and where the next one begins.
    fn record(&self, at: usize, id: u32) -> Result<(Type<'a>, usize), ErrorKind> {
        let (head, rest) = self.head(at, id)?;
        let Head { name, info, size_or_type, .. } = head;
        let next = at + 12 + rest.len();
        Ok((Type { btf: *self, id, name, info, size_or_type, rest }, next))
    }

    /// What every record begins with, and what is behind that in the record.
    #[inline]
    fn head(&self, at: usize, id: u32) -> Result<(Head, &'a [u8]), ErrorKind> {
        let head = self.types.get(at..).and_then(|rest| rest.get(..12));
        let head = head.ok_or(ErrorKind::Truncated)?;
        let info = word(head, 4, self.order);
        let vlen = (info & 0xffff) as usize;
        let length = match info >> 24 & 0x1f {
            kind::INT | kind::VAR | kind::DECL_TAG => 4,
            kind::ARRAY => 12,
            kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => vlen * 12,
            kind::ENUM | kind::FUNC_PROTO => vlen * 8,
            kind::PTR
            | kind::FWD
            | kind::TYPEDEF
            | kind::VOLATILE
            | kind::CONST
            | kind::RESTRICT
            | kind::FUNC
            | kind::FLOAT
            | kind::TYPE_TAG => 0,
            other => return Err(ErrorKind::Kind(other)),
        };
        let rest = self.types.get(at + 12..at + 12 + length).ok_or(ErrorKind::Truncated)?;
        let name = word(head, 0, self.order);
        let size_or_type = word(head, 8, self.order);
        // `Btf::parse` has seen that the section is shorter than 4 GiB.
        Ok((Head { position: at as u32, id, name, info, size_or_type }, rest))
    }

    /// What every record begins with, for whoever looks at all of them for a few.
    #[must_use]
    pub fn heads(&self) -> Heads<'a> {
        Heads { btf: *self, at: 0, next_id: self.first_id() }
    }

    /// The name of a type; empty where it has none.
    #[must_use]
    pub fn name_of(&self, head: &Head) -> &'a str {
        self.text(head.name)
    }

    /// Texts end with a NUL, which the section does too; that they are UTF-8 was seen for all at
    /// once, so that many names in one long text cost no more than few.
    #[inline]
    fn check_text(&self, offset: u32) -> Result<(), ErrorKind> {
        let is_within = (offset as usize) < self.base_strings.len() + self.strings.len();
        // Nothing is called by an empty text, also where there is no text at all.
        let exists = offset == 0 || is_within && (self.is_ascii || self.begins(offset));
        if exists { Ok(()) } else { Err(ErrorKind::Name(offset)) }
    }

    /// Whether a character begins at an offset of the texts.
    fn begins(&self, offset: u32) -> bool {
        let (strings, at) = self.strings_at(offset);
        strings.is_char_boundary(at)
    }

    /// Which of the two texts an offset lies in, and where in it.
    fn strings_at(&self, offset: u32) -> (&'a str, usize) {
        let at = offset as usize;
        match at.checked_sub(self.base_strings.len()) {
            Some(at) => (self.strings, at),
            None => (self.base_strings, at),
        }
    }

    /// The text at an offset that [`Btf::check_text`] has let pass.
    fn text(&self, offset: u32) -> &'a str {
        let (strings, at) = self.strings_at(offset);
        strings.get(at..).unwrap_or("").split('\0').next().unwrap_or("")
    }
}

impl Marks {
    /// Notes where a type begins, if it is one of those that are noted. They come in order; when there is no place for
    /// another mark, every second one goes.
    fn note(&mut self, index: u32, place: u32) {
        if index & ((1 << self.shift) - 1) != 0 {
            return;
        }
        if index >> self.shift == MARKS as u32 {
            for mark in 0..MARKS / 2 {
                self.places[mark] = self.places[2 * mark];
            }
            self.shift += 1;
        }
        self.places[(index >> self.shift) as usize] = place;
    }

    /// The last mark before a type or at it: where it is, and how many types behind it that one is.
    fn before(&self, index: u32) -> (u32, u32) {
        let place = self.places[(index >> self.shift) as usize];
        (place, index & ((1 << self.shift) - 1))
    }
}

/// What every record begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    position: u32,
    id: u32,
    name: u32,
    info: u32,
    size_or_type: u32,
}

impl Head {
    /// Where the record begins: see [`Btf::type_at`].
    #[must_use]
    pub fn position(&self) -> u32 {
        self.position
    }

    /// The id of the type.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// One of [`super::kind`].
    #[must_use]
    pub fn kind(&self) -> u32 {
        self.info >> 24 & 0x1f
    }

    /// As [`Type::kind_flag`].
    #[must_use]
    pub fn kind_flag(&self) -> bool {
        self.info >> 31 == 1
    }

    /// Bytes, where the kind has a size.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.size_or_type
    }
}

/// What the records of a blob begin with.
#[derive(Clone, Debug)]
pub struct Heads<'a> {
    btf: Btf<'a>,
    at: usize,
    next_id: u32,
}

impl Iterator for Heads<'_> {
    type Item = Head;

    fn next(&mut self) -> Option<Head> {
        // `Btf::parse` has walked over every record: an error here is the end.
        let (head, rest) = self.btf.head(self.at, self.next_id).ok()?;
        self.at += 12 + rest.len();
        self.next_id = self.next_id.saturating_add(1);
        Some(head)
    }
}

/// The types of a blob.
#[derive(Clone, Debug)]
pub struct Types<'a> {
    btf: Btf<'a>,
    at: usize,
    next_id: u32,
}

impl<'a> Iterator for Types<'a> {
    type Item = Type<'a>;

    fn next(&mut self) -> Option<Type<'a>> {
        // `Btf::parse` has walked over every record: an error here is the end.
        let (ty, next) = self.btf.record(self.at, self.next_id).ok()?;
        self.at = next;
        self.next_id = self.next_id.saturating_add(1);
        Some(ty)
    }
}

impl<'a> Type<'a> {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Its name; empty where it has none.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.btf.text(self.name)
    }

    /// Its name, the NUL of that, and all texts behind it: for whoever looks at many names and knows
    /// most of them by how they begin.
    #[must_use]
    pub fn name_onwards(&self) -> &'a [u8] {
        let (strings, at) = self.btf.strings_at(self.name);
        strings.as_bytes().get(at..).unwrap_or_default()
    }

    /// One of [`super::kind`].
    #[must_use]
    pub fn kind(&self) -> u32 {
        self.info >> 24 & 0x1f
    }

    /// A struct or a union.
    #[must_use]
    pub fn is_composite(&self) -> bool {
        matches!(self.kind(), kind::STRUCT | kind::UNION)
    }

    /// Bytes, where the kind has a size.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.size_or_type
    }

    /// The type that it refers to, where the kind refers to one.
    #[must_use]
    pub fn target(&self) -> u32 {
        self.size_or_type
    }

    /// For an enum: its values may be negative. For a struct: it has bit-fields.
    #[must_use]
    pub fn kind_flag(&self) -> bool {
        self.info >> 31 == 1
    }

    /// The rest of an integer.
    #[must_use]
    pub fn int(&self) -> Option<Int> {
        (self.kind() == kind::INT).then(|| {
            let value = word(self.rest, 0, self.btf.order);
            Int { encoding: value >> 24 & 0xf, offset: value >> 16 & 0xff, bits: value & 0xff }
        })
    }

    /// The rest of an array.
    #[must_use]
    pub fn array(&self) -> Option<Array> {
        (self.kind() == kind::ARRAY).then(|| Array {
            element: word(self.rest, 0, self.btf.order),
            length: word(self.rest, 8, self.btf.order),
        })
    }

    /// The rest of a declaration tag.
    #[must_use]
    pub fn decl_tag(&self) -> Option<DeclTag<'a>> {
        (self.kind() == kind::DECL_TAG).then(|| {
            let member = word(self.rest, 0, self.btf.order);
            let member = (member != u32::MAX).then_some(member);
            DeclTag { text: self.name(), type_id: self.size_or_type, member }
        })
    }

    /// The members of a struct or union; of another kind none.
    #[must_use]
    pub fn members(&self) -> Members<'a> {
        let rest = if self.is_composite() { self.rest } else { &[] };
        Members { btf: self.btf, has_bit_fields: self.kind_flag(), chunks: rest.chunks_exact(12) }
    }

    /// The members of an enum; of another kind none.
    pub fn enumerators(&self) -> impl Iterator<Item = Enumerator<'a>> + use<'a> {
        let ty = *self;
        let (stride, rest) = match ty.kind() {
            kind::ENUM => (8, ty.rest),
            kind::ENUM64 => (12, ty.rest),
            _ => (8, [].as_slice()),
        };
        rest.chunks_exact(stride).map(move |part| ty.enumerator(part))
    }

    fn enumerator(&self, part: &[u8]) -> Enumerator<'a> {
        let order = self.btf.order;
        let low = word(part, 4, order);
        let high = if part.len() == 12 { word(part, 8, order) } else { 0 };
        let value = u64::from(high) << 32 | u64::from(low);
        let value = match (self.kind_flag(), part.len()) {
            (false, _) => i128::from(value),
            (true, 12) => i128::from(value as i64),
            (true, _) => i128::from(low as i32),
        };
        Enumerator { name: self.btf.text(word(part, 0, order)), value }
    }

    /// The member with a name, looked for in anonymous structs and unions too; its offset counts
    /// from this type's start.
    pub fn member(&self, name: &str) -> Result<Option<RawMember<'a>>, Error> {
        // How often anonymous members are entered is limited as a whole: entering each of many
        // twice, level by level, would take for ever within any limit of depth.
        let mut entries_left = 1024;
        self.member_below(name, 0, &mut entries_left)
    }

    fn member_below(
        &self,
        name: &str,
        depth: u32,
        entries_left: &mut u32,
    ) -> Result<Option<RawMember<'a>>, Error> {
        let chain = error(0, ErrorKind::Chain(self.id));
        for member in self.members() {
            if member.name == name {
                return Ok(Some(member));
            }
            if !member.name.is_empty() {
                continue;
            }
            let Some(inner) = self.btf.resolve(member.type_id)?.filter(Self::is_composite) else {
                continue;
            };
            *entries_left = entries_left.checked_sub(1).ok_or(chain)?;
            if depth >= CHAIN_LIMIT {
                return Err(chain);
            }
            if let Some(mut found) = inner.member_below(name, depth + 1, entries_left)? {
                found.bit_offset = found.bit_offset.checked_add(member.bit_offset).ok_or(chain)?;
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// The members of a struct or union.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    btf: Btf<'a>,
    has_bit_fields: bool,
    chunks: core::slice::ChunksExact<'a, u8>,
}

impl<'a> Iterator for Members<'a> {
    type Item = RawMember<'a>;

    fn next(&mut self) -> Option<RawMember<'a>> {
        let part = self.chunks.next()?;
        let order = self.btf.order;
        let place = word(part, 8, order);
        let (bit_offset, bits) =
            if self.has_bit_fields { (place & 0xff_ffff, place >> 24) } else { (place, 0) };
        Some(RawMember {
            name: self.btf.text(word(part, 0, order)),
            type_id: word(part, 4, order),
            bit_offset,
            bit_size: (bits != 0).then_some(bits),
        })
    }

    /// Records are of one size: whoever looks for one among many need not read those before it.
    fn nth(&mut self, n: usize) -> Option<RawMember<'a>> {
        if let Some(before) = n.checked_sub(1) {
            self.chunks.nth(before)?;
        }
        self.next()
    }
}

fn parse_magic(bytes: &[u8]) -> Result<Order, Error> {
    let head: &[u8; 4] =
        bytes.first_chunk().ok_or(error(bytes.len() as u64, ErrorKind::Truncated))?;
    let magic = [head[0], head[1]];
    let order = if magic == MAGIC.to_le_bytes() {
        Order::Little
    } else if magic == MAGIC.to_be_bytes() {
        Order::Big
    } else {
        return Err(error(0, ErrorKind::Magic));
    };
    if head[2] != VERSION {
        return Err(error(2, ErrorKind::Version(head[2])));
    }
    Ok(order)
}

/// The word at `at` of a part whose length has been checked; 0 beyond it.
fn word(part: &[u8], at: usize, order: Order) -> u32 {
    part.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u32_of(*bytes, order))
}

fn u32_of(bytes: [u8; 4], order: Order) -> u32 {
    match order {
        Order::Little => u32::from_le_bytes(bytes),
        Order::Big => u32::from_be_bytes(bytes),
    }
}

pub(super) fn error(offset: u64, kind: ErrorKind) -> Error {
    Error { offset, kind }
}

impl core::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "type information at offset {:#x}: {}", self.offset, self.kind)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Truncated => f.write_str("the bytes end here"),
            Self::Magic => f.write_str("this is not BTF"),
            Self::Version(version) => write!(f, "version {version} is not known"),
            Self::HeaderSize(size) => write!(f, "a header of {size} bytes is impossible"),
            Self::Section => f.write_str("the section lies outside the blob"),
            Self::Strings => f.write_str("the strings do not begin and end with a NUL"),
            Self::Kind(kind) => write!(f, "kind {kind} is not known"),
            Self::Name(offset) => write!(f, "there is no text at {offset:#x}"),
            Self::NameEncoding => f.write_str("a text is not UTF-8"),
            Self::Type(id) => write!(f, "type {id} does not exist"),
            Self::Chain(id) => write!(f, "type {id} leads in circles"),
        }
    }
}

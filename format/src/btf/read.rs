//! Reads BTF in place, without an allocator.
//!
//! [`Btf::parse`] walks every record once: it knows their kinds, lies inside the sections, and
//! refers only to types and texts that exist. What it cannot exclude, types that go in circles,
//! meets a limit of steps wherever a chain is followed.

use super::error::{Error, ErrorKind, error};
use super::types::{DeclTag, Head, Type, u32_of, word};
use super::{HEADER_SIZE, MAGIC, VERSION, kind};
use crate::abi::Order;

/// How many typedefs, qualifiers, arrays or anonymous members in a chain are believed.
pub(super) const CHAIN_LIMIT: u32 = 64;

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
    /// Whether all texts are ASCII, so that one may begin at any offset.
    is_ascii: bool,
    pub(super) order: Order,
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

impl<'a> Btf<'a> {
    /// Checks a blob. More bytes may follow it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        Self::parse_seeing(bytes, None, &mut |_, _| {})
    }

    /// Checks a blob that continues another one, as that of a kernel's module continues the kernel's:
    /// its ids go on where those of `base` end, and so do the offsets of its texts. What is found by
    /// an id is found in one of the two: [`Btf::first_id`] tells in which.
    pub fn parse_split(bytes: &'a [u8], base: &Self) -> Result<Self, Error> {
        Self::parse_seeing(bytes, Some(base), &mut |_, _| {})
    }

    /// Checks a blob, by itself or as the continuation of `base`, and shows what each record begins
    /// with, for whoever wants an index and no second walk. What was shown is worth nothing where the
    /// blob turns out to be damaged.
    pub fn parse_seeing(
        bytes: &'a [u8],
        base: Option<&Self>,
        see: &mut impl FnMut(&Self, &Head),
    ) -> Result<Self, Error> {
        let (base_strings, ids) = base.map_or(("", 0), |base| (base.strings, base.count));
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
        // Before the walk has counted them there is no type.
        let (count, marks) = (ids, Marks { places: [0; MARKS], shift: 0 });
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

    /// The name of a type; empty where it has none.
    #[must_use]
    pub fn name_of(&self, head: &Head) -> &'a str {
        self.text(head.name)
    }

    /// The name of a type, its NUL, and all texts behind that: for whoever looks at many names and
    /// knows most of them by how they begin.
    #[must_use]
    pub fn name_onwards(&self, head: &Head) -> &'a [u8] {
        let (strings, at) = self.strings_at(head.name);
        strings.as_bytes().get(at..).unwrap_or_default()
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
    pub(super) fn text(&self, offset: u32) -> &'a str {
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

//! From BTF to a [`Plan`].
//!
//! One walk over the records takes down what they say; a second gives every type its shape, whose chains are
//! limited; a third puts members and their tags together, which `tags` reads. Time and memory are a multiple
//! of the blob's size: names, which may overlap in a blob, and searches have budgets.

use std::collections::HashMap;

use inspect_format::abi::Order;
use inspect_format::btf::{self, Btf, RawMember, encoding, kind};

use super::plan::{Composite, Enum, Flag, Kind, NameText, Plan, PlanError, Shape, Why};
use super::tags::Tags;
use crate::escape::json_string;

/// How many typedefs, qualifiers and arrays in a chain are believed.
pub(super) const CHAIN_LIMIT: u32 = 64;

/// Bytes of a name that are shown.
const NAME_MAX: usize = 255;

/// What one record says.
#[derive(Clone, Copy)]
pub(super) struct Raw<'a> {
    pub(super) kind: u32,
    pub(super) flag: bool,
    pub(super) name: &'a str,
    /// The size, or the type that it refers to.
    pub(super) word: u32,
    /// Of an array its element, of an integer its encoding, of a composite its first raw member.
    pub(super) first: u32,
    /// Of an array its length, of an integer its bits, of a composite the number of members.
    pub(super) second: u32,
}

/// Everything that the records say, and the plan that grows from it.
pub(super) struct Compiler<'a> {
    pub(super) raw: Vec<Raw<'a>>,
    pub(super) raw_members: Vec<RawMember<'a>>,
    pub(super) tags: Tags<'a>,
    pub(super) plan: Plan,
    /// Composites and enums by id.
    pub(super) composite_ids: HashMap<u32, u32>,
    pub(super) enum_ids: HashMap<u32, u32>,
    /// Enums by name; a typedef refers to one so.
    enum_names: HashMap<&'a str, u32>,
    /// Values of enumerators, those of enums without a name first: captured constants are such.
    pub(super) constants: HashMap<&'a str, i128>,
    interned: HashMap<(usize, usize), u32>,
    /// Bytes of names that may still come.
    text_left: usize,
    /// Members that may still be looked at in searches.
    pub(super) steps_left: u64,
}

/// Compiles a types section.
pub(super) fn compile(bytes: &[u8], word_size: u8) -> Result<Plan, PlanError> {
    if !matches!(word_size, 4 | 8) {
        return Err(PlanError::WordSize(word_size));
    }
    if bytes.len() > Plan::BYTES_MAX {
        return Err(PlanError::TooLarge);
    }
    let btf = Btf::parse(bytes).map_err(PlanError::Btf)?;
    let mut compiler = Compiler {
        raw: Vec::new(),
        raw_members: Vec::new(),
        tags: Tags::default(),
        plan: Plan::without_types(btf.order(), word_size),
        composite_ids: HashMap::new(),
        enum_ids: HashMap::new(),
        enum_names: HashMap::new(),
        constants: HashMap::new(),
        interned: HashMap::new(),
        text_left: bytes.len().saturating_mul(16).saturating_add(1 << 20),
        steps_left: (bytes.len() as u64).saturating_mul(64).saturating_add(1 << 20),
    };
    compiler.collect(&btf)?;
    compiler.shapes();
    compiler.composites()?;
    Ok(compiler.plan)
}

impl<'a> Compiler<'a> {
    /// Takes down every record.
    fn collect(&mut self, btf: &Btf<'a>) -> Result<(), PlanError> {
        self.raw.push(Raw { kind: 0, flag: false, name: "", word: 0, first: 0, second: 0 });
        let mut enums = Vec::new();
        for ty in btf.types() {
            let (id, name) = (ty.id(), self.spent(ty.name())?);
            let (mut first, mut second) = (0, 0);
            match ty.kind() {
                kind::INT => {
                    let int = ty.int();
                    first = int.map_or(0, |int| int.encoding);
                    // An integer that begins within its bytes is as odd as one of odd bits.
                    second = int.map_or(0, |int| if int.offset == 0 { int.bits } else { 0 });
                }
                kind::ARRAY => {
                    first = ty.array().map_or(0, |array| array.element);
                    second = ty.array().map_or(0, |array| array.length);
                }
                kind::STRUCT | kind::UNION => {
                    let index = self.composite_ids.len() as u32;
                    self.composite_ids.insert(id, index);
                    first = self.raw_members.len() as u32;
                    for member in ty.members() {
                        self.spent(member.name)?;
                        self.raw_members.push(member);
                    }
                    second = self.raw_members.len() as u32 - first;
                }
                kind::ENUM | kind::ENUM64 => {
                    let index = self.enum_ids.len() as u32;
                    self.enum_ids.insert(id, index);
                    if !name.is_empty() {
                        self.enum_names.entry(name).or_insert(index);
                    }
                    enums.push(ty);
                }
                kind::DECL_TAG => {
                    if let Some(tag) = ty.decl_tag() {
                        self.tags.add(tag);
                    }
                }
                _ => {}
            }
            if matches!(ty.kind(), kind::STRUCT | kind::UNION | kind::TYPEDEF) && !name.is_empty() {
                self.plan.by_name.entry(name.into()).or_insert(id);
            }
            let (kind, flag, word) = (ty.kind(), ty.kind_flag(), ty.size());
            self.raw.push(Raw { kind, flag, name, word, first, second });
        }
        self.tags.sort();
        // Tags name enumerators and may stand anywhere: all have been seen now.
        for ty in enums {
            self.enumeration(&ty)?;
        }
        Ok(())
    }

    fn enumeration(&mut self, ty: &btf::Type<'a>) -> Result<(), PlanError> {
        let schema_names = self.tags.text(ty.id(), None, "members=").unwrap_or("");
        self.spent(schema_names)?;
        let mut schema_names = schema_names.split(',');
        let mut names = Vec::new();
        for enumerator in ty.enumerators() {
            let c_name = self.spent(enumerator.name)?;
            let name = schema_names.next().filter(|name| !name.is_empty()).unwrap_or(c_name);
            if ty.name().is_empty() {
                self.constants.insert(c_name, enumerator.value);
            } else {
                self.constants.entry(c_name).or_insert(enumerator.value);
            }
            names.push((enumerator.value as u64, self.intern(name)?));
        }
        names.sort_by_key(|name| name.0);
        // Of two names for a value the first counts, as debuggers do it.
        names.dedup_by_key(|name| name.0);
        self.plan.enums.push(Enum { names });
        Ok(())
    }

    /// Counts the bytes of a text against the budget.
    pub(super) fn spent(&mut self, text: &'a str) -> Result<&'a str, PlanError> {
        self.text_left = self.text_left.checked_sub(text.len() + 1).ok_or(PlanError::Names)?;
        Ok(text)
    }

    /// The index of a name.
    pub(super) fn intern(&mut self, text: &'a str) -> Result<u32, PlanError> {
        if text.is_empty() {
            return Ok(0);
        }
        // Texts of a blob are the same if they lie at the same place.
        let key = (text.as_ptr() as usize, text.len());
        if let Some(known) = self.interned.get(&key) {
            return Ok(*known);
        }
        self.spent(text)?;
        // What is shown bears its name each time: names are a part of the budgets.
        let end = (0..=NAME_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
        let text = text.get(..end.unwrap_or(0)).unwrap_or(text);
        let mut json_key = Vec::new();
        json_string(&mut json_key, text);
        json_key.push(b':');
        let json_key = String::from_utf8(json_key).unwrap_or_default().into();
        let index = self.plan.names.len() as u32;
        self.plan.names.push(NameText { text: text.into(), json_key });
        self.interned.insert(key, index);
        Ok(index)
    }

    /// Gives every type its shape.
    fn shapes(&mut self) {
        let mut shapes = vec![None; self.raw.len()];
        for id in 0..self.raw.len() {
            self.shape(&mut shapes, id as u32, 0);
        }
        self.plan.types = shapes.into_iter().map(|shape| shape.unwrap_or(Shape::VOID)).collect();
    }

    fn shape(&mut self, shapes: &mut [Option<Shape>], id: u32, depth: u32) -> Shape {
        let index = id as usize;
        match shapes.get(index) {
            None => return Shape::opaque(Why::Unknown, 0),
            Some(Some(known)) => return *known,
            Some(None) if depth > CHAIN_LIMIT => return Shape::opaque(Why::Circle, 0),
            Some(None) => {}
        }
        let Some(raw) = self.raw.get(index).copied() else {
            return Shape::opaque(Why::Unknown, 0);
        };
        let size = u64::from(raw.word);
        let opaque = |why| Shape::opaque(why, size);
        let shape = match raw.kind {
            0 => Shape::VOID,
            kind::INT => integer(&raw, self.plan.order),
            kind::FLOAT if matches!(size, 4 | 8) => Shape { kind: Kind::Float, size },
            kind::FLOAT => opaque(Why::OddFloat),
            kind::PTR => Shape { kind: Kind::Pointer(raw.word), size: self.plan.word_size.into() },
            kind::ARRAY => {
                let element = self.shape(shapes, raw.first, depth + 1);
                array(element, raw.first, raw.second)
            }
            kind::STRUCT | kind::UNION => match self.composite_ids.get(&id) {
                Some(index) => Shape { kind: Kind::Composite(*index), size },
                None => opaque(Why::Unknown),
            },
            kind::ENUM | kind::ENUM64 => match self.enum_ids.get(&id) {
                Some(index) if matches!(size, 1 | 2 | 4 | 8) => {
                    Shape { kind: Kind::Enum { index: *index, signed: raw.flag }, size }
                }
                _ => opaque(Why::OddInteger),
            },
            kind::FWD => Shape::opaque(Why::Forward, 0),
            kind::TYPEDEF => {
                let inner = self.shape(shapes, raw.word, depth + 1);
                self.typedef(id, raw.name, inner)
            }
            kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG | kind::VAR => {
                self.shape(shapes, raw.word, depth + 1)
            }
            kind::FUNC | kind::FUNC_PROTO => Shape { kind: Kind::Function, size: 0 },
            _ => Shape::opaque(Why::NoValue, 0),
        };
        if let Some(place) = shapes.get_mut(index) {
            *place = Some(shape);
        }
        shape
    }

    /// What a typedef makes of its target.
    fn typedef(&mut self, id: u32, name: &str, inner: Shape) -> Shape {
        if name == btf::ABSENT {
            return Shape { kind: Kind::Absent, size: 0 };
        }
        let Kind::Int { signed, .. } = inner.kind else { return inner };
        let fixed = match name {
            "__be16" | "__be32" | "__be64" => Some(Order::Big),
            "__le16" | "__le32" | "__le64" => Some(Order::Little),
            _ => None,
        };
        if let Some(order) = fixed {
            return Shape { kind: Kind::Int { signed, order }, size: inner.size };
        }
        let by_tag = |tag| self.tags.text(id, None, tag);
        if let Some(index) = by_tag("enum=").and_then(|name| self.enum_names.get(name)) {
            return Shape { kind: Kind::Enum { index: *index, signed }, size: inner.size };
        }
        if let Some(text) = by_tag("flags=")
            && let Ok(flags) = self.flags(text)
        {
            let index = self.plan.flag_sets.len() as u32;
            self.plan.flag_sets.push(flags);
            return Shape { kind: Kind::Flags(index), size: inner.size };
        }
        inner
    }

    /// The members of `inspect:flags=a:0,b:4..7`; what is none of this form is left out.
    fn flags(&mut self, text: &'a str) -> Result<Vec<Flag>, PlanError> {
        let mut flags = Vec::new();
        self.spent(text)?;
        for member in text.split(',') {
            let Some((name, bits)) = member.rsplit_once(':') else { continue };
            let (first, last) = bits.split_once("..").unwrap_or((bits, bits));
            let (Ok(first), Ok(last)) = (first.parse::<u8>(), last.parse::<u8>()) else { continue };
            if first <= last && last < 64 {
                let mask = u64::MAX >> (63 - (last - first)) << first;
                let name = self.intern(name)?;
                flags.push(Flag { first, is_range: first != last, mask, name });
            }
        }
        Ok(flags)
    }

    /// Puts structs and unions together.
    fn composites(&mut self) -> Result<(), PlanError> {
        let mut ids: Vec<(u32, u32)> =
            self.composite_ids.iter().map(|(id, index)| (*index, *id)).collect();
        ids.sort_unstable();
        for (_, id) in &ids {
            let Some(raw) = self.raw.get(*id as usize).copied() else { continue };
            let name = self.intern(raw.name)?;
            self.plan.composites.push(Composite {
                name,
                is_union: raw.kind == kind::UNION,
                first: raw.first,
                count: raw.second,
                size: raw.word.into(),
                name_width: 0,
                has_sensitive: false,
                is_links: false,
                is_incomplete: self.tags.has(*id, None, "incomplete"),
            });
        }
        for (_, id) in &ids {
            self.members(*id)?;
        }
        self.references(&ids)?;
        self.facts();
        Ok(())
    }
}

fn integer(raw: &Raw<'_>, order: Order) -> Shape {
    let size = u64::from(raw.word);
    let signed = raw.first & encoding::SIGNED != 0;
    let kind = match raw.word {
        _ if raw.second != raw.word.saturating_mul(8) => Kind::Opaque(Why::OddInteger),
        1 | 2 | 4 | 8 if raw.first & encoding::BOOL != 0 => Kind::Bool,
        // Compilers say that `char` is an integer like any other.
        1 if raw.first & encoding::CHAR != 0 || raw.name == "char" => Kind::Char,
        1 | 2 | 4 | 8 => Kind::Int { signed, order },
        16 => Kind::Wide { signed },
        _ => Kind::Opaque(Why::OddInteger),
    };
    Shape { kind, size }
}

fn array(element: Shape, element_id: u32, length: u32) -> Shape {
    let Some(size) = element.size.checked_mul(length.into()) else {
        return Shape::opaque(Why::TooLarge, 0);
    };
    match element.kind {
        Kind::Char => Shape { kind: Kind::Text, size },
        Kind::Opaque(why) if element.size == 0 => Shape::opaque(why, 0),
        Kind::Void | Kind::Function => Shape::opaque(Why::NoValue, 0),
        _ => Shape { kind: Kind::Array(element_id), size },
    }
}

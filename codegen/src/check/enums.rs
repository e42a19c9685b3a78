//! Enums and flags: types, values and bits of their members.
//!
//! Values are computed on demand, since constants may name members and members constants; a depth limit turns
//! chains through both into an error instead of a deep stack.

use super::attributes::Place;
use super::constants::Range;
use super::{Checker, EnumDecl, FlagsDecl, SchemaIndex};
use crate::diag::{Code, Diagnostic};
use crate::model::{
    Enum, EnumId, EnumMember, EnumRepr, FlagMember, Flags, FlagsId, Naming, Scalar, SchemaId,
    Target, Width, names,
};
use crate::source::Span;
use crate::syntax::ast;

/// How deep constants and members may lead to one another.
const MAX_DEPTH: u32 = 64;

/// How far the values of an enum have come: one for each written member, `None` for a faulty or captured one.
#[derive(Clone, Debug)]
pub(super) enum EnumState {
    Unvisited,
    Visiting,
    Done(Vec<Option<i128>>),
}

impl<'a> Checker<'a> {
    /// Checks every enum and every set of flags.
    pub(super) fn check_enums(&mut self) {
        for index in 0..self.enums.len() {
            self.check_enum(EnumId(index as u32));
        }
        for index in 0..self.flags.len() {
            self.check_flags(FlagsId(index as u32));
        }
        for index in 0..self.enums.len() {
            let repr = self.decide_enum(EnumId(index as u32));
            self.enum_sizes.push(bytes_by_target(&repr));
        }
        self.flag_types =
            self.flags.iter().map(|flags| flags.repr.unwrap_or(Scalar::U64)).collect();
    }

    fn check_enum(&mut self, id: EnumId) {
        let item = self.enums[id.index()].item;
        let schema = self.enums[id.index()].schema;
        self.check_attributes(&item.attributes, Place::ENUM);
        self.enum_repr(id);
        let members = self.members_of(super::scope::Found::Enum(id));
        self.check_members(schema, &item.name, members, Place::ENUM_MEMBER);
        let Some(values) = self.enum_values(id) else { return };
        let mut seen: Vec<(i128, &ast::Member)> = members
            .iter()
            .zip(&values)
            .filter_map(|(member, value)| value.map(|value| (value, member)))
            .collect();
        seen.sort_by_key(|(value, member)| (*value, member.span.start));
        for pair in seen.windows(2) {
            if pair[0].0 == pair[1].0 {
                let message = format!("`{}` has the value {} too", pair[1].1.name.text, pair[1].0);
                let diagnostic = Diagnostic::new(Code::E0406, pair[1].1.span, message)
                    .also(pair[0].1.span, "the other one");
                self.push(diagnostic);
            }
        }
    }

    fn check_flags(&mut self, id: FlagsId) {
        let item = self.flags[id.index()].item;
        let schema = self.flags[id.index()].schema;
        self.check_attributes(&item.attributes, Place::FLAGS);
        let members = self.members_of(super::scope::Found::Flags(id));
        self.check_members(schema, &item.name, members, Place::FLAG_MEMBER);
        self.flag_bits(id);
    }

    /// Attributes and names of members.
    pub(super) fn check_members(
        &mut self,
        schema: SchemaIndex,
        owner: &ast::Name,
        members: &'a [ast::Member],
        place: Place,
    ) {
        if members.is_empty() {
            let message = format!("`{}` has no members", owner.text);
            self.error(Code::E0309, owner.span, message);
        }
        let mut seen: crate::hash::HashMap<&str, &ast::Member> = Default::default();
        for member in members {
            self.check_attributes(&member.attributes, place);
            if member.name.text == "_" {
                self.error(Code::E0206, member.name.span, "a member needs a name");
            }
            if let Some(first) = seen.insert(&member.name.text, member) {
                let gone = self.lifetime(schema, &first.attributes).removed.is_some();
                let (code, text) = if gone {
                    (Code::E0603, "a removed member keeps its name for ever")
                } else {
                    (Code::E0202, "two members have the same name")
                };
                let diagnostic = Diagnostic::new(code, member.name.span, text)
                    .also(first.name.span, "first defined here");
                self.push(diagnostic);
            }
        }
    }

    fn enum_repr(&mut self, id: EnumId) {
        let declaration = &self.enums[id.index()];
        let ast::ItemKind::Enum { repr: Some(repr), source, .. } = &declaration.item.kind else {
            return;
        };
        if source.is_some() {
            let message = "the type of an `extern` enum is captured";
            self.push(Diagnostic::new(Code::E0302, repr.span, message).help("leave the type out"));
        }
        let scalar = self.fixed_integer(repr, true);
        self.enums[id.index()].repr = scalar;
    }

    fn fixed_integer(&mut self, ty: &ast::Type, signed: bool) -> Option<Scalar> {
        use Scalar::{I8, I16, I32, I64, U8, U16, U32, U64};
        if let ast::TypeKind::Path(path) = &ty.kind
            && let ([word], []) = (path.dotted.as_slice(), path.members.as_slice())
        {
            let unsigned = [U8, U16, U32, U64].into_iter();
            let mut known = unsigned.chain([I8, I16, I32, I64].into_iter().filter(|_| signed));
            if let Some(scalar) = known.find(|scalar| scalar.word() == word.text) {
                return Some(scalar);
            }
        }
        let words = if signed { "u8 to u64 or i8 to i64" } else { "u8, u16, u32 or u64" };
        self.push(
            Diagnostic::new(Code::E0302, ty.span, format!("{words} is expected here"))
                .help("the type decides how many bytes the value has"),
        );
        None
    }

    /// The values of an enum's written members; `None` while they are being computed.
    pub(super) fn enum_values(&mut self, id: EnumId) -> Option<Vec<Option<i128>>> {
        match &self.enums[id.index()].state {
            EnumState::Done(values) => return Some(values.clone()),
            EnumState::Visiting => return None,
            EnumState::Unvisited => {}
        }
        let item = self.enums[id.index()].item;
        if self.enum_depth >= MAX_DEPTH {
            let message = format!("constants and enums need each other more than {MAX_DEPTH} deep");
            self.error(Code::E0403, item.name.span, message);
            return None;
        }
        if self.enums[id.index()].repr.is_none() {
            self.enum_repr(id);
        }
        self.enum_depth += 1;
        self.enums[id.index()].state = EnumState::Visiting;
        let values = self.compute_enum_values(id, item);
        self.enum_depth -= 1;
        self.enums[id.index()].state = EnumState::Done(values.clone());
        Some(values)
    }

    fn compute_enum_values(&mut self, id: EnumId, item: &'a ast::Item) -> Vec<Option<i128>> {
        let ast::ItemKind::Enum { members, .. } = &item.kind else { return Vec::new() };
        let schema = self.enums[id.index()].schema;
        let is_extern = self.enums[id.index()].is_extern();
        let repr = self.enums[id.index()].repr;
        let range = repr.and_then(Range::of_scalar).unwrap_or(Range::integer(32, true));
        let Range::Int { low, high, .. } = range else { return Vec::new() };
        let mut next = Some(0i128);
        let mut values = Vec::with_capacity(members.len());
        for member in members {
            let value = match &member.value {
                Some(written) if is_extern => {
                    let message = "the values of an `extern` enum are captured";
                    self.push(
                        Diagnostic::new(Code::E0402, written.first.span, message)
                            .help("leave the value out"),
                    );
                    None
                }
                None if is_extern => None,
                Some(written) => self.member_value(schema, written, range),
                None => next,
            };
            let value = value.filter(|value| {
                let fits = (low..=high).contains(value);
                if !fits {
                    let message = format!("{value} does not fit: {low} to {high} does");
                    let diagnostic = Diagnostic::new(Code::E0402, member.span, message);
                    let wide = diagnostic.clone().help("give the enum a type: `enum name: u64`");
                    self.diagnostics.push(if repr.is_none() { wide } else { diagnostic });
                }
                fits
            });
            next = value.and_then(|value| value.checked_add(1));
            values.push(value);
        }
        values
    }

    fn member_value(
        &mut self,
        schema: SchemaIndex,
        written: &'a ast::MemberValue,
        range: Range,
    ) -> Option<i128> {
        if let Some(last) = &written.last {
            let message = "a member of an enum has one value";
            self.push(
                Diagnostic::new(Code::E0402, last.span, message)
                    .help("ranges of bits belong in `flags`"),
            );
        }
        match self.value(schema, &written.first, range, "a member's value")? {
            crate::model::Value::Int(value) => Some(value),
            _ => None,
        }
    }

    /// The bits of each written member of a set of flags.
    pub(super) fn flag_bits(&mut self, id: FlagsId) -> Option<Vec<Option<(u8, u8)>>> {
        if let Some(bits) = &self.flags[id.index()].bits {
            return Some(bits.clone());
        }
        let (item, schema) = (self.flags[id.index()].item, self.flags[id.index()].schema);
        let ast::ItemKind::Flags { repr, members } = &item.kind else { return None };
        let repr = self.fixed_integer(repr, false);
        self.flags[id.index()].repr = repr;
        // Marks the set as visited: a bit number that needs the set itself finds nothing.
        self.flags[id.index()].bits = Some(vec![None; members.len()]);
        let highest = match repr {
            Some(Scalar::U8) => 7,
            Some(Scalar::U16) => 15,
            Some(Scalar::U32) => 31,
            _ => 63,
        };
        let bits = self.bit_ranges(schema, members, (0, highest), Code::E0402);
        self.flags[id.index()].bits = Some(bits.clone());
        Some(bits)
    }

    /// The bits of members: as written, or the next free one; within a range and apart from each other.
    pub(super) fn bit_ranges(
        &mut self,
        schema: SchemaIndex,
        members: &'a [ast::Member],
        (lowest, highest): (u8, u8),
        code: Code,
    ) -> Vec<Option<(u8, u8)>> {
        let mut taken: Vec<(u8, u8, Span)> = Vec::new();
        let mut next = i128::from(lowest);
        let mut bits = Vec::with_capacity(members.len());
        for member in members {
            let (first, last) = match &member.value {
                None => (Some(next), Some(next)),
                Some(written) => {
                    let wide = (i128::MIN, i128::MAX);
                    let first =
                        self.integer(schema, &written.first, wide.0, wide.1, "a bit number");
                    let last = match &written.last {
                        None => first,
                        Some(last) => self.integer(schema, last, wide.0, wide.1, "a bit number"),
                    };
                    (first, last)
                }
            };
            let (Some(first), Some(last)) = (first, last) else {
                bits.push(None);
                continue;
            };
            let inside = i128::from(lowest)..=i128::from(highest);
            if !inside.contains(&first) || !inside.contains(&last) || first > last {
                let message = format!("bits {first} to {last} are not among {lowest} to {highest}");
                self.error(code, member.span, message);
                bits.push(None);
                continue;
            }
            let (first, last) = (first as u8, last as u8);
            if let Some((_, _, other)) = taken.iter().find(|(f, l, _)| first <= *l && *f <= last) {
                let message = format!("`{}` shares bits with another member", member.name.text);
                let diagnostic =
                    Diagnostic::new(Code::E0406, member.span, message).also(*other, "this one");
                self.push(diagnostic);
            }
            taken.push((first, last, member.span));
            next = i128::from(last) + 1;
            bits.push(Some((first, last)));
        }
        bits
    }

    /// Bytes and signedness of an enum on every target.
    pub(super) fn decide_enum(&mut self, id: EnumId) -> EnumRepr {
        if let Some(scalar) = self.enums[id.index()].repr {
            return EnumRepr::Scalar(scalar);
        }
        let values: Vec<i128> = self.existing_values(id).into_iter().flatten().collect();
        let low = values.iter().copied().min().unwrap_or(0).min(0);
        let high = values.iter().copied().max().unwrap_or(0).max(0);
        let signed = low < 0;
        let mut by_target = [(4, signed); Target::COUNT];
        for target in Target::all().filter(|target| target.info().short_enums) {
            let fits = |bits: u32| {
                if signed {
                    low >= -(1 << (bits - 1)) && high < 1 << (bits - 1)
                } else {
                    high < 1 << bits
                }
            };
            let bytes = if fits(8) {
                1
            } else if fits(16) {
                2
            } else {
                4
            };
            by_target[target.index()] = (bytes, signed);
        }
        EnumRepr::C(by_target)
    }

    fn existing_values(&mut self, id: EnumId) -> Vec<Option<i128>> {
        let schema = self.enums[id.index()].schema;
        let members = self.members_of(super::scope::Found::Enum(id));
        let values = self.enum_values(id).unwrap_or_default();
        members
            .iter()
            .zip(values)
            .filter(|(member, _)| self.exists(schema, &member.attributes))
            .map(|(_, value)| value)
            .collect()
    }

    pub(super) fn build_enums(&mut self) -> Vec<Option<Enum>> {
        (0..self.enums.len()).map(|index| self.build_enum(EnumId(index as u32))).collect()
    }

    fn build_enum(&mut self, id: EnumId) -> Option<Enum> {
        let EnumDecl { schema, item, .. } = self.enums[id.index()];
        let ast::ItemKind::Enum { members, open, source, .. } = &item.kind else { return None };
        let naming = self.type_naming(schema, item, source.is_some());
        let values = self.enum_values(id)?;
        let repr = self.decide_enum(id);
        let mut built = Vec::with_capacity(members.len());
        for (member, value) in members.iter().zip(values) {
            if !self.exists(schema, &member.attributes) {
                continue;
            }
            let c = if source.is_some() {
                member.name.text.clone()
            } else {
                self.member_c_name(schema, &item.name.text, &member.name.text)
            };
            let rust = names::rust_member(&names::camel_case(&member.name.text));
            let naming = self.member_naming(schema, member, (c, rust));
            built.push(EnumMember { naming, value });
        }
        Some(Enum {
            schema: SchemaId(schema as u32),
            naming,
            repr,
            open: open.is_some(),
            header: source.as_ref().map(|source| source.value.clone()),
            members: built,
        })
    }

    pub(super) fn build_flags(&mut self) -> Vec<Option<Flags>> {
        (0..self.flags.len())
            .map(|index| {
                let FlagsDecl { schema, item, .. } = self.flags[index];
                let ast::ItemKind::Flags { members, .. } = &item.kind else { return None };
                let naming = self.type_naming(schema, item, false);
                let bits = self.flag_bits(FlagsId(index as u32))?;
                let members = self.build_flag_members(schema, &item.name.text, members, &bits);
                let repr = self.flags[index].repr?;
                Some(Flags { schema: SchemaId(schema as u32), naming, repr, members })
            })
            .collect()
    }

    pub(super) fn build_flag_members(
        &mut self,
        schema: SchemaIndex,
        owner: &str,
        members: &'a [ast::Member],
        bits: &[Option<(u8, u8)>],
    ) -> Vec<FlagMember> {
        let mut built = Vec::with_capacity(members.len());
        for (member, bits) in members.iter().zip(bits) {
            let Some((first, last)) = *bits else { continue };
            if !self.exists(schema, &member.attributes) {
                continue;
            }
            let c = self.member_c_name(schema, owner, &member.name.text);
            let rust = names::rust_member(&names::upper_case(&member.name.text));
            let naming = self.member_naming(schema, member, (c, rust));
            built.push(FlagMember { naming, first, last });
        }
        built
    }

    fn member_c_name(&self, schema: SchemaIndex, owner: &str, member: &str) -> String {
        let schema = names::schema_word(&self.schemas[schema].name);
        let words = [schema.as_str(), owner, member].map(names::upper_case);
        names::c_identifier(&words.join("_"))
    }

    fn member_naming(
        &mut self,
        schema: SchemaIndex,
        member: &'a ast::Member,
        derived: (String, String),
    ) -> Naming {
        self.naming(schema, &member.name, &member.docs, &member.attributes, derived)
    }

    /// The lifetime of a written member.
    pub(super) fn member_exists(&self, schema: SchemaIndex, member: &ast::Member) -> bool {
        self.exists(schema, &member.attributes)
    }
}

fn bytes_by_target(repr: &EnumRepr) -> [u8; Target::COUNT] {
    match repr {
        EnumRepr::C(sizes) => sizes.map(|(bytes, _)| bytes),
        EnumRepr::Scalar(scalar) => match scalar.width() {
            Width::Fixed(bytes) => [bytes; Target::COUNT],
            Width::Word => unreachable!("the type of an enum has a fixed size"),
        },
    }
}

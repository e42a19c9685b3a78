//! The declaration tags `inspect:*`, and what they make of members.
//!
//! Tags name other members, enumerators and structs; all of it is looked up here, once. What leads nowhere is
//! kept as such, so that a value says why it is not there.

use std::collections::HashMap;

use inspect_format::btf::DeclTag;

use super::compile::{CHAIN_LIMIT, Compiler};
use super::formula::{Formula, Operand};
use super::plan::{
    Composite, Count, Expected, Extra, Kind, List, Member, NO_EXTRA, Place, PlanError, Shape, Tag,
    Why,
};
use super::sink::Display;

/// The prefix of our tags.
const PREFIX: &str = "inspect:";

/// The tags of a blob, by type and member.
#[derive(Default)]
pub(super) struct Tags<'a>(Vec<(u32, Option<u32>, &'a str)>);

impl<'a> Tags<'a> {
    pub(super) fn add(&mut self, tag: DeclTag<'a>) {
        if let Some(text) = tag.text.strip_prefix(PREFIX) {
            self.0.push((tag.type_id, tag.member, text));
        }
    }

    pub(super) fn sort(&mut self) {
        self.0.sort_by_key(|(type_id, member, _)| (*type_id, *member));
    }

    /// All tags of a type or member.
    fn of(&self, type_id: u32, member: Option<u32>) -> impl Iterator<Item = &'a str> {
        let key = (type_id, member);
        let start = self.0.partition_point(|tag| (tag.0, tag.1) < key);
        let rest = self.0.get(start..).unwrap_or(&[]);
        rest.iter().take_while(move |tag| (tag.0, tag.1) == key).map(|tag| tag.2)
    }

    /// What stands behind `word` in a tag.
    pub(super) fn text(&self, type_id: u32, member: Option<u32>, word: &str) -> Option<&'a str> {
        self.of(type_id, member).find_map(|text| text.strip_prefix(word))
    }

    pub(super) fn has(&self, type_id: u32, member: Option<u32>, word: &str) -> bool {
        self.of(type_id, member).any(|text| text == word)
    }
}

impl<'a> Compiler<'a> {
    /// The members of a composite, with what their own tags say.
    pub(super) fn members(&mut self, id: u32) -> Result<(), PlanError> {
        let Some(raw) = self.raw.get(id as usize).copied() else { return Ok(()) };
        let first = raw.first as usize;
        for position in 0..raw.second {
            let Some(found) = self.raw_members.get(first + position as usize).copied() else {
                break;
            };
            let declared = self.plan.shape(found.type_id);
            let shape = match found.bit_size {
                None if found.bit_offset.is_multiple_of(8) => declared,
                None => Shape::opaque(Why::OddBits, 0),
                Some(bits) => bit_field(declared, bits),
            };
            let mut member = Member {
                name: self.intern(found.name)?,
                bit_offset: found.bit_offset,
                bit_size: found.bit_size.and_then(|bits| u8::try_from(bits).ok()).unwrap_or(0),
                display: Display::Plain,
                unit: 0,
                extra: NO_EXTRA,
                type_id: found.type_id,
                shape,
            };
            let mut extra = Extra::default();
            let mut has_extra = false;
            let texts: Vec<&'a str> = self.tags.of(id, Some(position)).collect();
            for text in texts {
                self.spent(text)?;
                let (word, value) = text.split_once('=').unwrap_or((text, ""));
                has_extra |= match word {
                    "unit" => {
                        member.unit = self.intern(value)?;
                        false
                    }
                    "display" => {
                        member.display = Display::from_word(value);
                        false
                    }
                    _ => extra.take(word, value),
                };
            }
            if has_extra {
                member.extra = self.plan.extras.len() as u32;
                self.plan.extras.push(extra);
            }
            self.plan.members.push(member);
        }
        Ok(())
    }

    /// Looks up what tags refer to: other members, structs, enumerators.
    pub(super) fn references(&mut self, ids: &[(u32, u32)]) -> Result<(), PlanError> {
        let parents = self.parents();
        for (index, id) in ids {
            let Some(raw) = self.raw.get(*id as usize).copied() else { continue };
            for position in 0..raw.second {
                let Some(member) = self.plan.members.get((raw.first + position) as usize) else {
                    break;
                };
                let (slot, member) = (member.extra, *member);
                let Some(extra) = self.plan.extras.get(slot as usize) else { continue };
                let mut extra = extra.clone();
                let texts: Vec<&'a str> = self.tags.of(*id, Some(position)).collect();
                for text in texts {
                    let (word, value) = text.split_once('=').unwrap_or((text, ""));
                    match word {
                        "count" => extra.count = Some(self.count(*index, &parents, value)),
                        "ring" => extra.ring = self.number_place(*index, &parents, value),
                        "tag" => extra.tag = Some(self.tag(*index, &parents, value, &member)),
                        "list" => extra.list = Some(self.list(value, &member)),
                        _ => {}
                    }
                }
                if let Some(place) = self.plan.extras.get_mut(slot as usize) {
                    *place = extra;
                }
            }
        }
        Ok(())
    }

    fn count(&mut self, holder: u32, parents: &HashMap<u32, u32>, text: &str) -> Count {
        let formula = Formula::parse(text, |name| {
            let place = self.number_place(holder, parents, name).map(Operand::Place);
            place.or_else(|| self.constants.get(name).copied().map(Operand::Number))
        });
        formula.map_or(Count::Unknown, Count::Formula)
    }

    fn tag(&mut self, holder: u32, parents: &HashMap<u32, u32>, path: &str, union: &Member) -> Tag {
        let found = self.place(holder, parents, path);
        let place = found.and_then(|(place, member)| number(place, &member));
        let mut tag = Tag { place, arms: Vec::new(), otherwise: None };
        let arms = union.shape.composite().and_then(|index| self.plan.composite(index));
        let Some(arms) = arms.cloned() else { return tag };
        // Values may be names of the tag's enum, as the schema calls its members.
        let enumeration = found.and_then(|(_, member)| match member.shape.kind {
            Kind::Enum { index, signed } => Some((index, signed)),
            _ => None,
        });
        let union_id = self.composite_id(union);
        for position in 0..arms.count {
            let texts: Vec<&'a str> = self.tags.of(union_id, Some(position)).collect();
            for text in texts {
                if text == "otherwise" {
                    tag.otherwise = Some(position);
                }
                for value in text.strip_prefix("when=").into_iter().flat_map(|all| all.split(',')) {
                    let number = self.arm_value(value, enumeration);
                    tag.arms.extend(number.map(|number| (number, position)));
                }
            }
        }
        tag.arms.sort_unstable();
        tag
    }

    /// A number, or the value of a member of the tag's enum.
    fn arm_value(&mut self, text: &str, enumeration: Option<(u32, bool)>) -> Option<i128> {
        if let Ok(number) = text.parse() {
            return Some(number);
        }
        let (index, signed) = enumeration?;
        let names = &self.plan.enums.get(index as usize)?.names;
        self.steps_left = self.steps_left.checked_sub(names.len() as u64)?;
        let found = names.iter().find(|(_, name)| self.plan.name(*name).text == text)?;
        Some(if signed { i128::from(found.0 as i64) } else { found.0.into() })
    }

    /// The id of a member's composite, typedefs and qualifiers passed.
    fn composite_id(&self, member: &Member) -> u32 {
        let mut id = member.type_id;
        for _ in 0..=CHAIN_LIMIT {
            if self.composite_ids.contains_key(&id) {
                break;
            }
            id = self.raw.get(id as usize).map_or(0, |raw| raw.word);
        }
        id
    }

    /// `struct.link`: what hangs on a head, and by what.
    fn list(&mut self, text: &str, head: &Member) -> Result<List, &'static str> {
        let (name, link) = text.split_once('.').ok_or("the list names no link")?;
        let unknown = "the elements of the list are not in the types section";
        let element = *self.plan.by_name.get(name).ok_or(unknown)?;
        let composite = self.plan.shape(element).composite().ok_or(unknown)?;
        let no_link = "the elements of the list have no such link";
        let (link_bits, link) = self.path(composite, link).ok_or(no_link)?;
        let no_pointer = "the links of the list hold no pointer";
        let (head_offset, target) = self.next_pointer(head.shape).ok_or(no_pointer)?;
        let (next_offset, _) = self.next_pointer(link.shape).ok_or(no_pointer)?;
        Ok(List {
            element,
            head_offset,
            link_offset: link_bits / 8,
            next_offset,
            leads_to_element: self.plan.shape(target).composite() == Some(composite),
        })
    }

    /// Where in a head or link the pointer to the next link lies, and its target.
    fn next_pointer(&mut self, shape: Shape) -> Option<(u64, u32)> {
        let composite = match shape.kind {
            Kind::Pointer(target) => return Some((0, target)),
            Kind::Composite(index) => self.plan.composite(index)?,
            _ => return None,
        };
        let members = self.plan.members_of(composite);
        self.steps_left = self.steps_left.checked_sub(members.len() as u64)?;
        let is_pointer = |member: &&Member| matches!(member.shape.kind, Kind::Pointer(_));
        let is_next = |member: &&Member| {
            is_pointer(member) && matches!(self.plan.name(member.name).text, "next" | "first")
        };
        let found = members.iter().find(is_next).or_else(|| members.iter().find(is_pointer))?;
        match found.shape.kind {
            Kind::Pointer(target) => Some((u64::from(found.bit_offset) / 8, target)),
            _ => None,
        }
    }

    /// Inline composites, and where they stand.
    fn parents(&self) -> HashMap<u32, u32> {
        let mut parents = HashMap::new();
        for (index, composite) in self.plan.composites.iter().enumerate() {
            for member in self.plan.members_of(composite) {
                let mut id = member.type_id;
                for _ in 0..CHAIN_LIMIT {
                    match self.raw.get(id as usize) {
                        Some(raw) if raw.kind == inspect_format::btf::kind::ARRAY => id = raw.first,
                        _ => break,
                    }
                }
                let inner = self.composite_ids.get(&id).copied();
                let unnamed =
                    |inner: &u32| self.plan.composite(*inner).is_some_and(|inner| inner.name == 0);
                if let Some(inner) = inner.filter(unnamed) {
                    parents.entry(inner).or_insert(index as u32);
                }
            }
        }
        parents
    }

    /// A number by its path, seen from a member of `holder`.
    fn number_place(
        &mut self,
        holder: u32,
        parents: &HashMap<u32, u32>,
        path: &str,
    ) -> Option<Place> {
        let (place, member) = self.place(holder, parents, path)?;
        number(place, &member)
    }

    /// A member by its path: in the holder itself, then, where that is an inline one, around it.
    fn place(
        &mut self,
        holder: u32,
        parents: &HashMap<u32, u32>,
        path: &str,
    ) -> Option<(Place, Member)> {
        let mut composite = holder;
        for up in 0..16 {
            if let Some((bit_offset, member)) = self.path(composite, path) {
                let place = Place {
                    up,
                    composite,
                    bit_offset,
                    bit_size: 0,
                    signed: false,
                    order: self.plan.order,
                };
                return Some((place, member));
            }
            composite = *parents.get(&composite)?;
        }
        None
    }

    /// A member by its path in a composite, and its place from that one's start.
    fn path(&mut self, composite: u32, path: &str) -> Option<(u64, Member)> {
        let mut composite = composite;
        let mut bit_offset = 0_u64;
        let mut parts = path.split('.').peekable();
        while let Some(part) = parts.next() {
            let (offset, member) = self.member(composite, part, 0)?;
            bit_offset = bit_offset.checked_add(offset)?;
            if parts.peek().is_none() {
                return Some((bit_offset, member));
            }
            composite = member.shape.composite()?;
        }
        None
    }

    /// A member by its name, anonymous structs and unions entered.
    fn member(&mut self, composite: u32, name: &str, depth: u32) -> Option<(u64, Member)> {
        let range = self.plan.composite(composite)?;
        let (first, count) = (range.first, range.count);
        for index in first..first.saturating_add(count) {
            self.steps_left = self.steps_left.checked_sub(1)?;
            let member = *self.plan.members.get(index as usize)?;
            let offset = u64::from(member.bit_offset);
            if member.name != 0 {
                if self.plan.name(member.name).text == name {
                    return Some((offset, member));
                }
            } else if let Some(inner) = member.shape.composite()
                && depth < CHAIN_LIMIT
                && let Some((inner_offset, found)) = self.member(inner, name, depth + 1)
            {
                return Some((offset + inner_offset, found));
            }
        }
        None
    }

    /// What follows from all members together.
    pub(super) fn facts(&mut self) {
        let count = self.plan.composites.len();
        let mut facts: Vec<Option<(u32, bool)>> = vec![None; count];
        for index in 0..count {
            let (name_width, has_sensitive) = self.facts_of(&mut facts, index as u32, 0);
            let is_links = self.is_links(index as u32);
            if let Some(composite) = self.plan.composites.get_mut(index) {
                *composite = Composite { name_width, has_sensitive, is_links, ..composite.clone() };
            }
        }
    }

    /// The width of the longest name, and whether something is sensitive.
    fn facts_of(&self, facts: &mut [Option<(u32, bool)>], index: u32, depth: u32) -> (u32, bool) {
        if let Some(Some(known)) = facts.get(index as usize) {
            return *known;
        }
        let Some(composite) = self.plan.composite(index).filter(|_| depth < CHAIN_LIMIT) else {
            return (0, false);
        };
        // A composite that contains itself is met again with what is known so far: nothing.
        if let Some(place) = facts.get_mut(index as usize) {
            *place = Some((0, false));
        }
        let (mut width, mut sensitive) = (0, false);
        for member in self.plan.members_of(composite) {
            sensitive |= self.plan.extra(member).is_some_and(|extra| extra.is_sensitive);
            let name = self.plan.name(member.name).text;
            width = width.max(name.chars().count().min(64) as u32);
            let mut shape = member.shape;
            for _ in 0..CHAIN_LIMIT {
                let Kind::Array(element) = shape.kind else { break };
                shape = self.plan.shape(element);
            }
            if let Some(inner) = shape.composite() {
                let (inner_width, inner_sensitive) = self.facts_of(facts, inner, depth + 1);
                sensitive |= inner_sensitive;
                if member.name == 0 {
                    width = width.max(inner_width);
                }
            }
        }
        if let Some(place) = facts.get_mut(index as usize) {
            *place = Some((width, sensitive));
        }
        (width, sensitive)
    }

    /// Whether a composite holds nothing but pointers to itself, or to pointers to it.
    fn is_links(&self, index: u32) -> bool {
        let Some(composite) = self.plan.composite(index) else { return false };
        let members = self.plan.members_of(composite);
        let leads_back = |member: &Member| {
            let mut shape = member.shape;
            for _ in 0..4 {
                let Kind::Pointer(target) = shape.kind else { break };
                shape = self.plan.shape(target);
            }
            matches!(member.shape.kind, Kind::Pointer(_)) && shape.composite() == Some(index)
        };
        !members.is_empty() && members.iter().all(leads_back)
    }
}

impl Extra {
    /// Takes a tag that refers to nothing else; whether the tag makes a member special.
    fn take(&mut self, word: &str, value: &str) -> bool {
        match word {
            "sensitive" => self.is_sensitive = true,
            "bytes" => self.is_bytes = true,
            "string" => self.is_string = true,
            "value" => self.expected = expected(value),
            "count" => self.count = Some(Count::Unknown),
            "tag" | "list" | "ring" => {}
            _ => return false,
        }
        true
    }
}

/// A number, or `x` and bytes in hexadecimal.
fn expected(text: &str) -> Option<Expected> {
    let Some(digits) = text.strip_prefix('x') else {
        return text.parse().ok().map(Expected::Number);
    };
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    let pairs = digits.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    let bytes: Option<Box<[u8]>> = pairs
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect();
    bytes.map(Expected::Bytes)
}

/// The shape of a bit-field.
fn bit_field(declared: Shape, bits: u32) -> Shape {
    let fits = (1..=64).contains(&bits);
    match declared.kind {
        Kind::Int { .. } | Kind::Bool | Kind::Char | Kind::Enum { .. } | Kind::Flags(_) if fits => {
            declared
        }
        _ => Shape::opaque(Why::OddBits, 0),
    }
}

/// A place whose member is a number.
fn number(place: Place, member: &Member) -> Option<Place> {
    let (signed, order) = match member.shape.kind {
        Kind::Int { signed, order } => (signed, order),
        Kind::Enum { signed, .. } => (signed, place.order),
        Kind::Bool | Kind::Char | Kind::Flags(_) => (false, place.order),
        _ => return None,
    };
    let whole = u32::try_from(member.shape.size * 8).ok()?;
    let bit_size = if member.bit_size == 0 { whole } else { member.bit_size.into() };
    (bit_size <= 64).then_some(Place { bit_size, signed, order, ..place })
}

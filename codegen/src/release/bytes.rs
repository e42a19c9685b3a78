//! Which bytes of a struct became something else: what a reader sees that goes by the old offsets.

use std::collections::{BTreeMap, btree_map};
use std::fmt;
use std::iter::Peekable;

use super::{Fact, Item, Member};
use crate::model::Target;

/// A run of bits that means something else than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByteChange {
    /// The first bit, from the start of the struct.
    pub start_bit: u64,
    /// Behind the last bit.
    pub end_bit: u64,
    /// What lay there: the names of fields, more than one in unions.
    pub old: Content,
    /// What lies there.
    pub new: Content,
    /// The target on which it is so.
    pub target: Target,
}

/// What lies in a run of bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Fields, sorted by name.
    Fields(Vec<Part>),
    /// Padding.
    Padding,
    /// Nothing: it is behind the end.
    Outside,
}

/// A field that lies in a run of bits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: String,
    /// Its first bit.
    pub start_bit: u64,
}

impl ByteChange {
    /// Whether a field lies or lay there.
    pub(super) fn is_about(&self, field: &str) -> bool {
        let names = |content: &Content| match content {
            Content::Fields(fields) => fields.iter().any(|part| part.name == field),
            Content::Padding | Content::Outside => false,
        };
        names(&self.old) || names(&self.new)
    }
}

impl fmt::Display for ByteChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start_bit, end_bit, old, new, .. } = self;
        match start_bit % 8 == 0 && end_bit % 8 == 0 {
            true => write!(f, "bytes {}..{}", start_bit / 8, end_bit / 8)?,
            false => write!(f, "bits {start_bit}..{end_bit}")?,
        }
        let typed = names(old) == names(new);
        if let (true, Content::Fields(fields)) = (typed && types(old) == types(new), old) {
            return write!(f, " are another part of {} now", list(fields, false));
        }
        match old {
            Content::Fields(fields) => write!(f, " were {}", list(fields, typed))?,
            Content::Padding => f.write_str(" were padding")?,
            Content::Outside => f.write_str(" did not exist")?,
        }
        match new {
            Content::Fields(fields) => write!(f, ", are now {}", list(fields, typed)),
            Content::Padding => f.write_str(", are now padding"),
            Content::Outside => f.write_str(", are gone"),
        }
    }
}

fn names(content: &Content) -> Vec<&str> {
    match content {
        Content::Fields(fields) => fields.iter().map(|part| part.name.as_str()).collect(),
        Content::Padding | Content::Outside => Vec::new(),
    }
}

fn types(content: &Content) -> Vec<&str> {
    match content {
        Content::Fields(fields) => fields.iter().map(|part| part.ty.as_str()).collect(),
        Content::Padding | Content::Outside => Vec::new(),
    }
}

fn list(fields: &[Part], typed: bool) -> String {
    /// Fields of a union that are named before the rest is counted.
    const SHOWN: usize = 3;
    let text = |Part { name, ty, .. }: &Part| match typed {
        true => format!("`{name}: {ty}`"),
        false => format!("`{name}`"),
    };
    let mut texts: Vec<String> = fields.iter().take(SHOWN).map(text).collect();
    if fields.len() > SHOWN {
        texts.push(format!("{} more", fields.len() - SHOWN));
    }
    texts.join(" and ")
}

/// The bits that mean something else, in order, runs of the same change as one.
pub(super) fn byte_changes(old: &Item, new: &Item, target: Target) -> Vec<ByteChange> {
    /// In a struct of more fields, what is said of each field has to do.
    const MOST: usize = 10_000;
    if old.members.len().max(new.members.len()) > MOST {
        return Vec::new();
    }
    let (was, is) = (Map::new(old, target), Map::new(new, target));
    let mut cuts: Vec<u64> = was.cuts.keys().chain(is.cuts.keys()).copied().collect();
    cuts.extend([was.end, is.end]);
    cuts.sort_unstable();
    cuts.dedup();
    let (mut was, mut is) = (was.walk(), is.walk());
    let mut changes: Vec<ByteChange> = Vec::new();
    for pair in cuts.windows(2) {
        let &[start_bit, end_bit] = pair else { continue };
        let (old, new) = (was.at(start_bit), is.at(start_bit));
        if old == new {
            continue;
        }
        match changes.last_mut() {
            Some(last) if last.end_bit == start_bit && (&last.old, &last.new) == (&old, &new) => {
                last.end_bit = end_bit;
            }
            _ => changes.push(ByteChange { start_bit, end_bit, old, new, target }),
        }
    }
    changes
}

/// The fields that end at a place, and those that begin there.
#[derive(Default)]
struct Cut<'r> {
    ended: Vec<&'r Member>,
    begun: Vec<&'r Member>,
}

/// Where fields begin and end.
struct Map<'r> {
    /// By place.
    cuts: BTreeMap<u64, Cut<'r>>,
    target: Target,
    /// Bits of the whole.
    end: u64,
}

impl<'r> Map<'r> {
    fn new(item: &'r Item, target: Target) -> Self {
        let mut cuts: BTreeMap<u64, Cut<'_>> = BTreeMap::new();
        for member in &item.members {
            let range = start_and_width(member, target).filter(|(_, bits)| *bits > 0);
            let Some((start, bits)) = range else { continue };
            cuts.entry(start).or_default().begun.push(member);
            cuts.entry(start.saturating_add(bits)).or_default().ended.push(member);
        }
        let size = item.facts.get(Fact::Size).and_then(|value| value.on(target));
        Self { cuts, target, end: size.unwrap_or(0).saturating_mul(8) }
    }

    fn walk(self) -> Walk<'r> {
        let Self { cuts, target, end } = self;
        Walk { cuts: cuts.into_iter().peekable(), target, end, open: Vec::new() }
    }
}

struct Walk<'r> {
    cuts: Peekable<btree_map::IntoIter<u64, Cut<'r>>>,
    target: Target,
    end: u64,
    /// The fields at the place that was asked for last.
    open: Vec<&'r Member>,
}

impl Walk<'_> {
    /// What lies at a place that is not before the last one.
    fn at(&mut self, bit: u64) -> Content {
        while let Some((_, Cut { ended, begun })) = self.cuts.next_if(|(at, _)| *at <= bit) {
            self.open.retain(|open| !ended.iter().any(|ended| ended.name == open.name));
            self.open.extend(begun);
        }
        if self.open.is_empty() {
            return if bit >= self.end { Content::Outside } else { Content::Padding };
        }
        let part = |member: &&Member| Part {
            name: member.name.to_string(),
            ty: member.facts.text(Fact::Type).to_owned(),
            start_bit: start_and_width(member, self.target).map_or(0, |(start, _)| start),
        };
        let mut fields: Vec<Part> = self.open.iter().map(part).collect();
        fields.sort();
        Content::Fields(fields)
    }
}

/// The first bit of a field, and its bits.
fn start_and_width(member: &Member, target: Target) -> Option<(u64, u64)> {
    let number = |fact| member.facts.get(fact).and_then(|value| value.on(target));
    match (number(Fact::Bit), number(Fact::Bits)) {
        (Some(bit), Some(bits)) => Some((bit, bits)),
        _ => {
            let (offset, size) = number(Fact::Offset).zip(number(Fact::Size))?;
            Some((offset.saturating_mul(8), size.saturating_mul(8)))
        }
    }
}

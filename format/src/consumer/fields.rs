//! The sensitive fields inside of entries: a struct may be shown but for a password in it.
//!
//! Types are those of the table's own section, so that no generated code is needed. Where types
//! cannot be followed to their end, everything from there on is taken for sensitive. Pointers are
//! not followed: what they point at is in a dump only through an entry of its own.

use core::ops::Range;

use crate::abi::CoreEntry;
use crate::btf::{Btf, DeclTag, Type};
use crate::schema::Schema;
use crate::table::Table;

const TAG: &str = "inspect:sensitive";
/// Structs within structs and arrays of arrays.
const DEPTH_MAX: u32 = 16;
/// Steps for one entry: a hostile type must not keep a signal handler busy.
const STEPS_MAX: u32 = 1 << 16;

/// Where more tags than these say that something is sensitive, they are looked for among all
/// records.
const TAGS_MAX: usize = 64;

/// The types of a table in which some field is sensitive.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'t> {
    /// None where the section is broken.
    types: Option<Tagged<'t>>,
    schema: &'t [u8],
    word_size: u8,
}

/// Types, and what is sensitive there: without an allocator, and without looking at all records for
/// each member.
#[derive(Clone, Copy, Debug)]
struct Tagged<'t> {
    btf: Btf<'t>,
    count: usize,
    /// The first tags, by type.
    tags: [Tag; TAGS_MAX],
}

/// What a tag is about: a type, or a member of it.
type Tag = (u32, Option<u32>);

/// A member that is sensitive, by the names that the types have for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sensitive<'t> {
    /// Empty where it has no name.
    pub type_name: &'t str,
    /// Empty where it has no name; `None` where all of the type is sensitive.
    pub member: Option<&'t str>,
}

/// Types that cannot be followed.
struct Lost;

/// What stands in memory: a type, or one after another of it up to the end.
#[derive(Clone, Copy)]
struct Place {
    type_id: u32,
    start: u64,
    /// Where the memory of the entry ends.
    end: u64,
    depth: u32,
    /// It is the entry itself, or an element of it, and not a member.
    is_whole: bool,
}

impl<'t> Fields<'t> {
    /// Those of a table; `None` where no field of its types is sensitive.
    #[must_use]
    pub fn of(table: &Table<'t>) -> Option<Self> {
        let sections = table.sections();
        Self::new(sections.types, sections.schema, table.word_size())
    }

    /// The same for a table whose sections `types` and `schema` come from elsewhere.
    #[must_use]
    pub fn new(types: &'t [u8], schema: &'t [u8], word_size: u8) -> Option<Self> {
        if types.is_empty() {
            return None;
        }
        let types = Btf::parse(types).ok().map(Tagged::new);
        let has_some = types.is_none_or(|types| types.count > 0);
        has_some.then_some(Self { types, schema, word_size })
    }

    /// The sensitive members, as the types call them; none of types that cannot be read.
    pub fn members(&self) -> impl Iterator<Item = Sensitive<'t>> + use<'t> {
        let btf = self.types.map(|types| types.btf);
        btf.into_iter().flat_map(sensitive).map(move |tag| {
            let ty = btf.and_then(|btf| btf.type_by_id(tag.type_id));
            let member = |index: u32| ty.and_then(|ty| ty.members().nth(index as usize));
            Sensitive {
                type_name: ty.map_or("", |ty| ty.name()),
                member: tag.member.map(|index| member(index).map_or("", |member| member.name)),
            }
        })
    }

    /// Calls `cut` with each run of sensitive bytes in an entry whose memory is `memory`.
    pub fn find(&self, core: &CoreEntry, memory: Range<u64>, cut: &mut dyn FnMut(Range<u64>)) {
        let Some(types) = &self.types else { return cut(memory) };
        let type_id = if core.type_ == 0 { self.class_type(core.class) } else { core.type_ };
        let Range { start, end } = memory;
        let place = Place { type_id, start, end, depth: 0, is_whole: true };
        let word_size = self.word_size;
        let mut walk = Walk { types, word_size, steps: STEPS_MAX, done: start, cut };
        if walk.elements(place, None).is_err() {
            (walk.cut)(walk.done..end);
        }
    }

    /// Whether some field of an entry is sensitive, or may be, wherever its memory is.
    #[must_use]
    pub fn concern(&self, core: &CoreEntry) -> bool {
        let Some(types) = &self.types else { return true };
        let mut type_id = if core.type_ == 0 { self.class_type(core.class) } else { core.type_ };
        let word_size = self.word_size;
        let mut walk = Walk { types, word_size, steps: STEPS_MAX, done: 0, cut: &mut |_| {} };
        for _ in 0..DEPTH_MAX {
            let ty = match walk.resolve(type_id) {
                Ok(Some(ty)) => ty,
                Ok(None) => return false,
                Err(Lost) => return true,
            };
            match ty.array() {
                Some(array) => type_id = array.element,
                None => return ty.is_composite() && walk.has_sensitive(&ty, 0).unwrap_or(true),
            }
        }
        true
    }

    fn class_type(&self, class: u32) -> u32 {
        let schema = Schema::parse(self.schema).ok();
        let mut classes = schema.iter().flat_map(|schema| schema.classes.iter()).flatten();
        classes.find(|found| found.number == class).map_or(0, |found| found.type_id)
    }
}

impl<'t> Tagged<'t> {
    fn new(btf: Btf<'t>) -> Self {
        let (mut count, mut tags) = (0, [(0, None); TAGS_MAX]);
        for tag in sensitive(btf) {
            if let Some(place) = tags.get_mut(count) {
                *place = (tag.type_id, tag.member);
            }
            count += 1;
        }
        tags[..count.min(TAGS_MAX)].sort_unstable();
        Self { btf, count, tags }
    }

    /// Whether a tag is about a type or one of its members, for which `is_asked` holds.
    fn has(&self, type_id: u32, is_asked: impl Fn(Option<u32>) -> bool) -> bool {
        let Some(tags) = self.tags.get(..self.count) else {
            let mut all = sensitive(self.btf);
            return all.any(|tag| tag.type_id == type_id && is_asked(tag.member));
        };
        let from = tags.partition_point(|(own, _)| *own < type_id);
        let mut own = tags[from..].iter().take_while(|(own, _)| *own == type_id);
        own.any(|(_, member)| is_asked(*member))
    }
}

/// The tags that say that something is sensitive.
fn sensitive<'t>(btf: Btf<'t>) -> impl Iterator<Item = DeclTag<'t>> + use<'t> {
    btf.decl_tags().filter(|tag| tag.text == TAG)
}

struct Walk<'f, 't, 'c> {
    types: &'f Tagged<'t>,
    word_size: u8,
    steps: u32,
    /// Elements of the entry that end here have been looked at.
    done: u64,
    cut: &'c mut dyn FnMut(Range<u64>),
}

impl<'t> Walk<'_, 't, '_> {
    /// Elements one behind another: `count` of them, or as many as there is memory for.
    fn elements(&mut self, place: Place, count: Option<u64>) -> Result<(), Lost> {
        if place.depth > DEPTH_MAX {
            return Err(Lost);
        }
        let Some(ty) = self.resolve(place.type_id)? else { return Ok(()) };
        let inner = Place { depth: place.depth + 1, ..place };
        if let Some(array) = ty.array() {
            let length = u64::from(array.length);
            // An array of arrays is one long array; one without a length goes on to the end.
            let all =
                if length == 0 { None } else { count.map(|count| count.saturating_mul(length)) };
            return self.elements(Place { type_id: array.element, ..inner }, all);
        }
        if !ty.is_composite() || !self.has_sensitive(&ty, place.depth)? {
            return Ok(());
        }
        let size = u64::from(ty.size());
        // What ends with an array of any length is alone there.
        let count = if size == 0 || self.is_flexible(&ty) { Some(1) } else { count };
        let mut start = place.start;
        let mut left = count.unwrap_or(u64::MAX);
        while left > 0 && start < place.end {
            if place.is_whole {
                self.done = start;
            }
            self.composite(&ty, Place { start, is_whole: false, ..inner })?;
            start = start.saturating_add(size);
            left -= 1;
        }
        Ok(())
    }

    fn composite(&mut self, ty: &Type<'t>, place: Place) -> Result<(), Lost> {
        for (index, member) in (0_u32..).zip(ty.members()) {
            let first = u64::from(member.bit_offset);
            let start = place.start.saturating_add(first / 8);
            if start >= place.end {
                continue;
            }
            let inside = Place { type_id: member.type_id, start, ..place };
            if !self.is_sensitive(ty.id(), index)? {
                self.elements(inside, Some(1))?;
                continue;
            }
            let size = match member.bit_size {
                Some(bits) => (first + u64::from(bits)).div_ceil(8) - first / 8,
                None => match self.types.btf.size_of(member.type_id, self.word_size) {
                    Ok(Some(size)) if size > 0 || self.types.btf.is_absent(member.type_id) => size,
                    // Of an array without a length nobody knows here where it ends.
                    _ => u64::MAX,
                },
            };
            (self.cut)(start..start.saturating_add(size).min(place.end));
        }
        Ok(())
    }

    /// Whether some field of the struct, or of what it holds by value, is sensitive.
    fn has_sensitive(&mut self, ty: &Type<'t>, depth: u32) -> Result<bool, Lost> {
        if depth > DEPTH_MAX {
            return Err(Lost);
        }
        self.step()?;
        if self.types.has(ty.id(), |_| true) {
            return Ok(true);
        }
        for member in ty.members() {
            let mut inner = self.resolve(member.type_id)?;
            while let Some(array) = inner.and_then(|inner| inner.array()) {
                inner = self.resolve(array.element)?;
            }
            let Some(inner) = inner.filter(Type::is_composite) else { continue };
            if self.has_sensitive(&inner, depth + 1)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_sensitive(&mut self, type_id: u32, member: u32) -> Result<bool, Lost> {
        self.step()?;
        Ok(self.types.has(type_id, |own| own.is_none_or(|own| own == member)))
    }

    fn is_flexible(&self, ty: &Type<'t>) -> bool {
        let last = ty.members().last();
        let last = last.and_then(|member| self.types.btf.resolve(member.type_id).ok().flatten());
        last.and_then(|last| last.array()).is_some_and(|array| array.length == 0)
    }

    fn resolve(&mut self, type_id: u32) -> Result<Option<Type<'t>>, Lost> {
        self.step()?;
        self.types.btf.resolve(type_id).map_err(|_| Lost)
    }

    fn step(&mut self) -> Result<(), Lost> {
        self.steps = self.steps.checked_sub(1).ok_or(Lost)?;
        Ok(())
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;
    use crate::abi::{Order, phase};
    use crate::btf::{Builder, Member, Word};
    use crate::table::TableWriter;
    use alloc::vec::Vec;

    fn member(name: &'static str, type_id: u32, offset: u32) -> Member<'static> {
        let place = Word::Number(offset * 8);
        Member { name, type_id: Word::Number(type_id), place }
    }

    /// `user { u32 id; u32 pin [sensitive] }`, `room { u32 door; user users[2]; }`,
    /// `note { u32 length; u32 text[] [sensitive]; }`; their ids.
    fn types(builder: &mut Builder) -> [u32; 3] {
        let int = builder.int("unsigned int", 4, 0);
        let [user, room, note] = [builder.reserve(), builder.reserve(), builder.reserve()];
        let fields = [member("id", int, 0), member("pin", int, 4)];
        builder.define_composite(user, "user", false, false, Word::Number(8), &fields);
        builder.tag(TAG, user, Some(1));
        let two = builder.array(user, Word::Number(2));
        let name = builder.typedef("users_t", two);
        let fields = [member("door", int, 0), member("users", name, 4)];
        builder.define_composite(room, "room", false, false, Word::Number(20), &fields);
        let any = builder.array(int, Word::Number(0));
        let fields = [member("length", int, 0), member("text", any, 4)];
        builder.define_composite(note, "note", false, false, Word::Number(4), &fields);
        builder.tag(TAG, note, Some(1));
        [user, room, note]
    }

    fn found(types: &[u8], type_id: u32, length: u64) -> Vec<(u64, u64)> {
        let mut writer = TableWriter::new(Order::NATIVE, 8, "x", 1, 64, &[1]).unwrap();
        writer.types(types);
        let bytes = writer.finish();
        let table = Table::parse(&bytes).unwrap();
        let mut runs = Vec::new();
        let core = CoreEntry { state: phase::LIVE, type_: type_id, ..CoreEntry::ZERO };
        if let Some(fields) = Fields::of(&table) {
            let memory = 1000..1000 + length;
            fields.find(&core, memory, &mut |run| runs.push((run.start - 1000, run.end - 1000)));
        }
        runs
    }

    #[test]
    fn sensitive_fields_are_found_wherever_they_are() {
        let mut builder = Builder::new();
        let [user, room, note] = types(&mut builder);
        let blob = builder.finish();
        let bytes = blob.bytes(Order::NATIVE, |_| Some(8), |_| false).expect("all numbers");
        assert_eq!(found(&bytes, user, 8), [(4, 8)]);
        assert_eq!(found(&bytes, user, 20), [(4, 8), (12, 16)], "one behind another, to the end");
        assert_eq!(found(&bytes, user, 7), [(4, 7)]);
        assert_eq!(found(&bytes, room, 40), [(8, 12), (16, 20), (28, 32), (36, 40)]);
        assert_eq!(found(&bytes, note, 100), [(4, 100)], "nobody knows where it ends");
        assert_eq!(found(&bytes, 1, 100), []);
        assert_eq!(found(&bytes, 0, 100), []);
        assert_eq!(found(&bytes, 1000, 100), []);
    }

    /// As many tags as are kept, one fewer and more, in no order: what is sensitive is the same.
    #[test]
    fn sensitive_fields_are_found_however_many_there_are() {
        for others in [TAGS_MAX - 3, TAGS_MAX - 2, TAGS_MAX - 1, 3 * TAGS_MAX] {
            let mut builder = Builder::new();
            let int = builder.int("unsigned int", 4, 0);
            let before: Vec<u32> = (0..others / 2).map(|_| builder.reserve()).collect();
            let [user, room, note] = types(&mut builder);
            let behind: Vec<u32> = (others / 2..others).map(|_| builder.reserve()).collect();
            let fields = [member("id", int, 0), member("key", int, 4), member("pin", int, 8)];
            let ids = [before, behind].concat();
            for (index, id) in ids.iter().enumerate().rev() {
                builder.define_composite(*id, "other", false, false, Word::Number(12), &fields);
                let place = [Some(2), Some(1), None][index % 3];
                builder.tag(TAG, *id, place);
            }
            let blob = builder.finish();
            let bytes = blob.bytes(Order::NATIVE, |_| Some(8), |_| false).expect("all numbers");
            assert_eq!(found(&bytes, user, 8), [(4, 8)], "{others}");
            assert_eq!(
                found(&bytes, room, 40),
                [(8, 12), (16, 20), (28, 32), (36, 40)],
                "{others}"
            );
            assert_eq!(found(&bytes, note, 100), [(4, 100)], "{others}");
            assert_eq!(found(&bytes, int, 100), [], "{others}");
            for (index, id) in ids.iter().enumerate() {
                let expected = [&[(8, 12)][..], &[(4, 8)], &[(0, 4), (4, 8), (8, 12)]][index % 3];
                assert_eq!(found(&bytes, *id, 12), expected, "{others}, {index}");
            }
        }
    }

    #[test]
    fn types_with_a_sensitive_field_are_of_concern() {
        let mut builder = Builder::new();
        let [user, room, note] = types(&mut builder);
        let rooms = builder.array(room, Word::Number(0));
        let blob = builder.finish();
        let bytes = blob.bytes(Order::NATIVE, |_| Some(8), |_| false).expect("all numbers");
        let concern = |types: &[u8], type_id| {
            let fields = Fields::new(types, &[], 8).expect("a sensitive field");
            fields.concern(&CoreEntry { type_: type_id, ..CoreEntry::ZERO })
        };
        assert!([user, room, note, rooms].iter().all(|type_id| concern(&bytes, *type_id)));
        assert!([0, 1, 1000].iter().all(|type_id| !concern(&bytes, *type_id)));
        assert!(concern(&[1, 2, 3], 1), "the section is broken");
    }

    #[test]
    fn sensitive_members_have_names() {
        let mut builder = Builder::new();
        types(&mut builder);
        let bytes = builder.finish().bytes(Order::NATIVE, |_| Some(8), |_| false).expect("numbers");
        let fields = Fields::new(&bytes, &[], 8).expect("some are sensitive");
        let names: Vec<_> = fields.members().map(|it| (it.type_name, it.member)).collect();
        assert_eq!(names, [("user", Some("pin")), ("note", Some("text"))]);
        assert_eq!(Fields::new(&[1, 2, 3], &[], 8).expect("broken").members().count(), 0);
    }

    #[test]
    fn what_cannot_be_followed_is_taken_for_sensitive() {
        assert_eq!(found(&[1, 2, 3], 1, 50), [(0, 50)], "the section is broken");
        let mut builder = Builder::new();
        let [user, ..] = types(&mut builder);
        let circle = builder.reserve();
        let fields = [member("self", circle, 0), member("user", user, 8)];
        builder.define_composite(circle, "circle", false, false, Word::Number(16), &fields);
        let blob = builder.finish();
        let bytes = blob.bytes(Order::NATIVE, |_| Some(8), |_| false).expect("all numbers");
        let all = found(&bytes, circle, 50);
        assert!(all.contains(&(0, 50)), "it never ends: {all:?}");
        // An array of itself, which would take a step of the stack for each of the others.
        let mut builder = Builder::new();
        types(&mut builder);
        let name = builder.reserve();
        let array = builder.array(name, Word::Number(2));
        builder.define_typedef(name, "array_t", array);
        let blob = builder.finish();
        let endless = blob.bytes(Order::NATIVE, |_| Some(8), |_| false).expect("all numbers");
        assert_eq!(found(&endless, array, 50), [(0, 50)]);
        // More elements than anybody has patience for.
        let mut all = found(&bytes, user, 1 << 40);
        let (start, end) = all.pop().expect("the rest");
        assert_eq!((start % 8, end, all.first()), (0, 1 << 40, Some(&(4, 8))));
    }

    #[test]
    fn types_without_sensitive_fields_cost_nothing() {
        let mut builder = Builder::new();
        builder.int("unsigned int", 4, 0);
        let bytes = builder.finish().bytes(Order::NATIVE, |_| Some(8), |_| false).expect("numbers");
        let mut writer = TableWriter::new(Order::NATIVE, 8, "x", 1, 64, &[1]).unwrap();
        writer.types(bytes);
        let table = writer.finish();
        assert!(Fields::of(&Table::parse(&table).unwrap()).is_none());
    }
}

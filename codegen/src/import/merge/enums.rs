//! The members of an enum, brought in step.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::text::{end, int_of, number, range, without_comments};
use super::{Merge, Note};
use crate::model::{EnumMember, TypeId};
use crate::source::Span;
use crate::syntax::ast;
use crate::verify::called;

impl Merge<'_> {
    /// The type of an enum that has another width in the binary.
    pub(super) fn repr(
        &mut self,
        old: &ast::Item,
        had: Option<&ast::Type>,
        repr: Option<&ast::Type>,
    ) {
        let name = end(old.name.span);
        let place = had.map_or(name..name, |had| name..end(had.span));
        let text = repr.and_then(|repr| self.new.get(range(repr.span)));
        self.edits.push((place, text.map_or_else(String::new, |text| format!(": {text}"))));
    }

    /// Members that the binary has on top go behind the others; the values of the others are the binary's. What is
    /// left as it was is noted.
    pub(super) fn members(
        &mut self,
        old: &ast::Item,
        had: &[ast::Member],
        members: &[ast::Member],
        open: Option<Span>,
    ) {
        let declared = self.declared(&old.name.text);
        let mut pairs = Vec::with_capacity(had.len());
        for before in had {
            let declared = declared.get(before.name.text.as_str());
            let by_name = declared.and_then(|it| called(&it.naming, members, |it| &it.name.text));
            let own = declared.and_then(|it| it.value);
            // What somebody has shortened, as `ZONE_DMA` to `dma`.
            let is_alike = |it: &&ast::Member| {
                own.is_some() && value_of(it) == own && ends_alike(&it.name.text, &before.name.text)
            };
            let new = by_name.or_else(|| members.iter().find(is_alike));
            pairs.push(Pair { before, own, new });
        }
        self.values(&old.name.text, &pairs);
        let since = self.since(&old.attributes);
        let mut added = String::new();
        for member in members {
            let is_known = pairs.iter().filter_map(|it| it.new).any(|it| it.span == member.span);
            if let (false, Some(value)) = (is_known, value_of(member)) {
                let _ = writeln!(added, "{since}{} = {value},", member.name.text);
            }
        }
        for Pair { before, new, .. } in &pairs {
            if new.is_none() && number(&before.attributes, "removed").is_none() {
                let path = format!("{}.{}", old.name.text, before.name.text);
                let what =
                    "the binary does not have it: it was left, `#[removed(n)]` keeps its value"
                        .to_owned();
                self.notes.push(Note { path, what });
            }
        }
        if added.is_empty() {
            return;
        }
        let last = had.last().map_or(0, |it| end(it.span));
        match open {
            Some(open) => self.edits.push((open.start as usize..open.start as usize, added)),
            None => {
                let behind = without_comments(self.old.get(last..end(old.span)).unwrap_or(""));
                let at = last + behind.rfind('}').unwrap_or(0);
                // The last member may stand without a comma.
                if !behind.contains(',') {
                    self.edits.push((last..last, ",".to_owned()));
                }
                self.edits.push((at..at, format!("\n{added}")));
            }
        }
    }

    /// Members of both whose values differ get the binary's. One that is an expression was meant as such.
    fn values(&mut self, owner: &str, pairs: &[Pair<'_>]) {
        let mut next = Some(0i128);
        for Pair { before, own, new } in pairs {
            let written = before.value.as_ref().map(|written| &written.first);
            let is_expression = written.is_some_and(|written| int_of(written).is_none());
            // What counts on from a changed value is compared with what it would become.
            let (declared, own) = (*own, if written.is_some() { *own } else { next });
            let new = new.and_then(value_of);
            // -1 and the highest value are the same bytes, of which `verify` knows.
            let is_same = own == new || own == declared && !self.differs(owner, before);
            let kept = new.filter(|_| !is_expression && !is_same).or(own);
            next = kept.and_then(|value| value.checked_add(1));
            let (Some(_), Some(new), false) = (own, new, is_same) else { continue };
            if is_expression {
                let path = format!("{owner}.{}", before.name.text);
                let what = format!("it is {new} in the binary: the expression was left");
                self.notes.push(Note { path, what });
                continue;
            }
            self.edits.push(match written {
                Some(written) => (range(written.span), new.to_string()),
                None => (end(before.span)..end(before.span), format!(" = {new}")),
            });
        }
    }

    fn differs(&self, owner: &str, member: &ast::Member) -> bool {
        let differing = self.changed.get(owner);
        differing.is_some_and(|it| it.places.contains(&member.name.text))
    }

    /// The members of an enum of the schema, by their names.
    fn declared(&self, name: &str) -> HashMap<&str, &EnumMember> {
        let types = self.types.iter().filter_map(|id| match id {
            TypeId::Enum(id) => Some(&self.model[*id]),
            _ => None,
        });
        let members = types.filter(|it| it.naming.name == name).flat_map(|it| &it.members);
        members.map(|it| (it.naming.name.as_str(), it)).collect()
    }
}

/// A member of the schema.
struct Pair<'a> {
    before: &'a ast::Member,
    /// Its value there.
    own: Option<i128>,
    /// That of the binary.
    new: Option<&'a ast::Member>,
}

/// Whether the longer name ends with the shorter one, whatever its case.
fn ends_alike(name: &str, end: &str) -> bool {
    name.to_ascii_lowercase().ends_with(&end.to_ascii_lowercase())
}

fn value_of(member: &ast::Member) -> Option<i128> {
    member.value.as_ref().and_then(|value| int_of(&value.first))
}

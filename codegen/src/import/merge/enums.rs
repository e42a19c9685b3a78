//! The members of an enum, brought in step.

use std::fmt::Write as _;

use super::text::{end, int_of, number, range, text_of, without_comments};
use super::{Merge, Note, names};
use crate::source::Span;
use crate::syntax::ast;

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
        self.touched.insert(old.name.text.clone());
    }

    /// Members that the binary has on top go behind the others; the values of the others are the binary's.
    pub(super) fn members(
        &mut self,
        old: &ast::Item,
        had: &[ast::Member],
        members: &[ast::Member],
        open: Option<Span>,
    ) {
        let mut next = Some(0i128);
        let mut pairs = Vec::with_capacity(had.len());
        for before in had {
            let own = before.value.as_ref().map_or(next, |written| int_of(&written.first));
            next = own.and_then(|value| value.checked_add(1));
            let by_name = members.iter().find(|it| self.is_member(old, before, &it.name.text));
            // What somebody has shortened, as `ZONE_DMA` to `dma`.
            let is_alike = |it: &&ast::Member| {
                own.is_some() && value_of(it) == own && ends_alike(&it.name.text, &before.name.text)
            };
            pairs.push(by_name.or_else(|| members.iter().find(is_alike)));
        }
        self.values(had, &pairs);
        let since = self.since(&old.attributes);
        let mut added = String::new();
        for member in members {
            let is_known = pairs.iter().flatten().any(|it| it.span == member.span);
            if let (false, Some(value)) = (is_known, value_of(member)) {
                let _ = writeln!(added, "{since}{} = {value},", member.name.text);
            }
        }
        for (before, new) in had.iter().zip(&pairs) {
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
    fn values(&mut self, had: &[ast::Member], pairs: &[Option<&ast::Member>]) {
        let mut next = Some(0i128);
        for (before, new) in had.iter().zip(pairs) {
            let own = match &before.value {
                None => next,
                Some(written) => int_of(&written.first),
            };
            let new = new.and_then(value_of);
            if let (Some(own), Some(new)) = (own, new)
                && own != new
            {
                let edit = match &before.value {
                    Some(written) => (range(written.first.span), new.to_string()),
                    None => (end(before.span)..end(before.span), format!(" = {new}")),
                };
                self.edits.push(edit);
            }
            // What counts on from a changed value is compared with what it would become.
            next = new.or(own).and_then(|value| value.checked_add(1));
        }
    }

    /// Whether a member of the schema stands for one of the binary: under the name that it is given there, or that
    /// generated code gives it, or its own.
    fn is_member(&self, owner: &ast::Item, member: &ast::Member, name: &str) -> bool {
        let own = member.name.text.as_str();
        if let Some(said) = text_of(&member.attributes, "c_name") {
            return said == name;
        }
        let words = [self.schema_word.as_str(), &owner.name.text, own].map(names::upper_case);
        own == name || words.join("_") == name || names::camel_case(own) == name
    }
}

/// Whether the longer name ends with the shorter one, whatever its case.
fn ends_alike(name: &str, end: &str) -> bool {
    name.to_ascii_lowercase().ends_with(&end.to_ascii_lowercase())
}

fn value_of(member: &ast::Member) -> Option<i128> {
    member.value.as_ref().and_then(|value| int_of(&value.first))
}

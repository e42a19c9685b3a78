//! What differs between two values, and what of them cannot be compared.
//!
//! Two runs of a program have everything at other addresses. So pointers are compared by what they
//! lead to, circles by which value they lead back to, faults by their being there. A note is a
//! difference as any other value is, unless it says that something was not looked at.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use inspect_format::walk::{Memory, Span};

use super::{Change, Said, Unseen};
use crate::contents;
use crate::decode::{Display, Limit, Note};
use crate::value::{Struct, Value};

/// Changes of one entry that are told; what is beyond is not looked at.
const CHANGES_MAX: usize = 1000;
/// Bytes that are compared at once.
const CHUNK: usize = 1 << 16;
/// Bytes that are shown of those that differ.
const SHOWN: usize = 16;

/// What was found to differ so far.
pub(super) struct Changes {
    found: Vec<Change>,
    unseen: Vec<Unseen>,
    path: String,
    /// Addresses count too.
    addresses: bool,
    /// Where values lie on either side, numbered in the order in which they were met.
    places: [BTreeMap<u64, u64>; 2],
    met: u64,
}

/// What was found.
pub(super) struct Settled {
    pub(super) changes: Vec<Change>,
    pub(super) unseen: Vec<Unseen>,
}

/// The bytes of an entry.
type Bytes<'m> = (&'m dyn Memory, Span);

impl Changes {
    pub(super) fn new(addresses: bool) -> Self {
        let places = [BTreeMap::new(), BTreeMap::new()];
        let (found, unseen, path) = (Vec::new(), Vec::new(), String::new());
        Self { found, unseen, path, addresses, places, met: 0 }
    }

    /// A difference of the entry itself.
    pub(super) fn add_own(&mut self, path: &str, before: Option<Said>, after: Option<Said>) {
        if self.found.len() < CHANGES_MAX {
            self.found.push(Change { path: path.to_owned(), before, after });
        }
    }

    /// Where the values begin that are compared next, on either side.
    pub(super) fn begin_at(&mut self, before: Option<u64>, after: Option<u64>) {
        for (places, address) in self.places.iter_mut().zip([before, after]) {
            places.extend(address.map(|address| (address, self.met)));
        }
        self.met += 1;
    }

    /// Compares what one side may lack.
    pub(super) fn optional(&mut self, before: Option<&Value>, after: Option<&Value>) {
        match (before, after) {
            (Some(before), Some(after)) => self.values(before, after),
            (None, None) => {}
            (before, after) => self.add(before.map(Said::value), after.map(Said::value)),
        }
    }

    /// Whether nothing differs, as far as budgets went, which is not to the end.
    pub(super) fn is_short_of_budget(&self) -> bool {
        let is_budget = |it: &Unseen| matches!(it.why, Note::Budget(limit) if limit != Limit::Time);
        self.found.is_empty() && !self.unseen.is_empty() && self.unseen.iter().all(is_budget)
    }

    /// Compares bytes to the end, in place of the values in them.
    pub(super) fn bytes(&mut self, old: Bytes<'_>, new: Bytes<'_>, deadline: Option<Instant>) {
        let (mut left, mut right) = (vec![0; CHUNK], vec![0; CHUNK]);
        let length = old.1.length.min(new.1.length);
        let mut at = 0;
        while at < length {
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return;
            }
            let size = usize::try_from(length - at).map_or(CHUNK, |rest| rest.min(CHUNK));
            let (left, right) = (&mut left[..size], &mut right[..size]);
            let read = |(memory, span): Bytes<'_>, out: &mut [u8]| {
                memory.read(span.address.wrapping_add(at), out).is_ok()
            };
            // What is not there was not compared.
            if !read(old, left) || !read(new, right) {
                return;
            }
            let differs = left.iter().zip(right.iter()).position(|(left, right)| left != right);
            if let Some(place) = differs {
                let end = size.min(place + SHOWN);
                let said = |bytes: &[u8]| Some(Said::bytes(bytes.get(place..end).unwrap_or(&[])));
                let path = format!("bytes[{}]", at + place as u64);
                self.found.push(Change { path, before: said(left), after: said(right) });
                break;
            }
            at += size as u64;
        }
        self.unseen.clear();
    }

    pub(super) fn settle(self) -> Settled {
        Settled { changes: self.found, unseen: self.unseen }
    }

    /// A difference of the value at hand.
    fn add(&mut self, before: Option<Said>, after: Option<Said>) {
        let path = if self.path.is_empty() { "value" } else { &self.path };
        if self.found.len() < CHANGES_MAX {
            self.found.push(Change { path: path.to_owned(), before, after });
        }
    }

    fn leave_out(&mut self, why: Note) {
        if self.unseen.len() < CHANGES_MAX {
            self.unseen.push(Unseen { path: self.path.clone(), why });
        }
    }

    fn values(&mut self, before: &Value, after: &Value) {
        if self.found.len() >= CHANGES_MAX {
            return;
        }
        match (before, after) {
            (Value::At(old, left), Value::At(new, right)) => {
                self.begin_at(Some(*old), Some(*new));
                self.addresses(*old, *new);
                self.values(left, right);
            }
            (Value::Address(old, _), Value::Address(new, _)) => self.addresses(*old, *new),
            (Value::Unsigned(old, form), Value::Unsigned(new, _))
                if matches!(form.display, Display::Address | Display::Code)
                    && (*old == 0) == (*new == 0) =>
            {
                self.addresses(*old, *new);
            }
            (Value::Noted(old, left), Value::Noted(new, right)) => {
                self.notes(*old, *new);
                self.values(left, right);
            }
            (Value::Note(old), Value::Note(new)) => self.notes(*old, *new),
            (Value::Noted(note, left), right) if is_unseen(*note) => {
                self.leave_out(*note);
                self.values(left, right);
            }
            (left, Value::Noted(note, right)) if is_unseen(*note) => {
                self.leave_out(*note);
                self.values(left, right);
            }
            (Value::Note(note), _) | (_, Value::Note(note)) if is_unseen(*note) => {
                self.leave_out(*note);
            }
            (Value::Struct(old), Value::Struct(new)) => self.structs(old, new),
            (Value::Array(old), Value::Array(new)) => {
                for index in 0..old.len().max(new.len()) {
                    let (left, right) = (old.get(index), new.get(index));
                    self.part(format_args!("[{index}]"), left, right);
                }
            }
            // Other bits of a number that is none.
            (Value::Double(old, _), Value::Double(new, _)) if old.is_nan() && new.is_nan() => {}
            (Value::Float(old, _), Value::Float(new, _)) if old.is_nan() && new.is_nan() => {}
            (before, after) if before == after => {}
            (before, after) => self.add(Some(Said::value(before)), Some(Said::value(after))),
        }
    }

    fn structs(&mut self, old: &Struct, new: &Struct) {
        let others: BTreeMap<&str, &Value> =
            new.fields.iter().map(|(name, value)| (&**name, value)).collect();
        let names: BTreeMap<&str, ()> = old.fields.iter().map(|(name, _)| (&**name, ())).collect();
        for (name, value) in &old.fields {
            self.member(name, Some(value), others.get(&**name).copied());
        }
        for (name, value) in new.fields.iter().filter(|(name, _)| !names.contains_key(&**name)) {
            self.member(name, None, Some(value));
        }
        for index in 0..old.notes.len().max(new.notes.len()) {
            match (old.notes.get(index), new.notes.get(index)) {
                (Some(old), Some(new)) => self.notes(*old, *new),
                (Some(note), None) | (None, Some(note)) if is_unseen(*note) => {
                    self.leave_out(*note);
                }
                (old, new) => {
                    let said = |note: Option<&Note>| note.map(|it| Said::value(&Value::Note(*it)));
                    self.add(said(old), said(new));
                }
            }
        }
    }

    fn member(&mut self, name: &str, before: Option<&Value>, after: Option<&Value>) {
        let dot = if self.path.is_empty() { "" } else { "." };
        self.part(format_args!("{dot}{name}"), before, after);
    }

    /// Compares a part of the value at hand.
    fn part(
        &mut self,
        step: std::fmt::Arguments<'_>,
        before: Option<&Value>,
        after: Option<&Value>,
    ) {
        let end = self.path.len();
        // Writing into a text does not fail.
        let _ = self.path.write_fmt(step);
        self.optional(before, after);
        self.path.truncate(end);
    }

    fn addresses(&mut self, before: u64, after: u64) {
        if self.addresses && before != after {
            let said = |address| Some(Said::text(format!("{address:#x}")));
            let path = format!("{}@", self.path);
            self.add_own(&path, said(before), said(after));
        }
    }

    fn notes(&mut self, before: Note, after: Note) {
        let is_same = match (before, after) {
            (Note::Fault(_), Note::Fault(_)) if !self.addresses => true,
            (Note::Cycle(old), Note::Cycle(new)) if !self.addresses => {
                self.place(0, old) == self.place(1, new)
            }
            _ => before == after,
        };
        match [before, after].into_iter().find(|note| is_unseen(*note)) {
            Some(note) => self.leave_out(note),
            None if is_same => {}
            None => {
                let said = |note| Some(Said::value(&Value::Note(note)));
                self.add(said(before), said(after));
            }
        }
    }

    /// Which value lies at an address, and how far from its beginning: links of lists lie inside of
    /// their elements.
    fn place(&self, side: usize, address: u64) -> Option<(u64, u64)> {
        let (start, number) = self.places.get(side)?.range(..=address).next_back()?;
        Some((*number, address - start))
    }
}

/// Whether a note stands for what was not looked at, so that nobody knows whether it differs.
fn is_unseen(note: Note) -> bool {
    matches!(note, Note::Sensitive | Note::Budget(_) | Note::NotCaptured(_))
        || note == contents::REGISTERS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Form;

    fn number(value: u64) -> Value {
        Value::Unsigned(value, Form::default())
    }

    fn composite(fields: Vec<(&str, Value)>, notes: &[Note]) -> Value {
        let fields = fields.into_iter().map(|(name, value)| (name.into(), value)).collect();
        Value::Struct(Struct { fields, notes: notes.to_vec(), ..Struct::default() })
    }

    /// Two values as two runs have them, the regions at 0x1000 and at 0x9000.
    fn compared(before: &Value, after: &Value, addresses: bool) -> (Vec<String>, Vec<String>) {
        let mut changes = Changes::new(addresses);
        changes.begin_at(Some(0x1000), Some(0x9000));
        changes.optional(Some(before), Some(after));
        let Settled { changes, unseen } = changes.settle();
        let paths = changes.into_iter().map(|it| it.path).collect();
        (paths, unseen.into_iter().map(|it| format!("{}: {}", it.path, it.why)).collect())
    }

    fn run(base: u64, hits: u64) -> Value {
        let inner = composite(
            vec![
                ("hits", number(hits)),
                ("back", Value::Note(Note::Cycle(base))),
                ("own", Value::Note(Note::Cycle(base + 0x50))),
                ("gone", Value::Note(Note::Fault(base + 0x777))),
            ],
            &[],
        );
        let link = Value::Note(Note::Cycle(base + 0x58));
        let next = Value::At(base + 0x50, Box::new(inner));
        let code = Form { display: Display::Code, ..Form::default() };
        composite(
            vec![
                ("next", next),
                ("link", link),
                ("void", Value::Address(base + 9, Form::default())),
                ("at", Value::Unsigned(base + 7, code)),
            ],
            &[],
        )
    }

    #[test]
    fn another_run_of_the_same_program_is_the_same() {
        let none: Vec<String> = Vec::new();
        assert_eq!(compared(&run(0x1000, 1), &run(0x9000, 1), false), (none.clone(), none.clone()));
        let (paths, _) = compared(&run(0x1000, 1), &run(0x9000, 2), false);
        assert_eq!(paths, ["next.hits"]);
        let (paths, _) = compared(&run(0x1000, 1), &run(0x9000, 1), true);
        let all = ["next@", "next.back", "next.own", "next.gone", "link", "void@", "at@"];
        assert_eq!(paths, all);
    }

    #[test]
    fn circles_that_lead_elsewhere_differ() {
        let at = |place: u64, inner| Value::At(place, Box::new(inner));
        let list = |target| {
            let last = composite(vec![("next", Value::Note(Note::Cycle(target)))], &[]);
            let first = composite(vec![("next", at(0x50, last))], &[]);
            composite(vec![("head", at(0x10, first))], &[])
        };
        let (paths, _) = compared(&list(0x10), &list(0x50), false);
        assert_eq!(paths, ["head.next.next"]);
        let (paths, _) = compared(&list(0x10), &list(0x10), false);
        assert_eq!(paths, Vec::<String>::new());
    }

    #[test]
    fn notes_differ_by_their_kind() {
        let note = Value::Note;
        let null = Note::NoMemory("the pointer is null");
        for (before, after) in [
            (note(null), note(Note::Fault(1))),
            (note(Note::Fault(1)), number(3)),
            (Value::Null, Value::Address(5, Form::default())),
            (composite(vec![], &[Note::NoTag]), composite(vec![], &[])),
            (composite(vec![], &[]), composite(vec![], &[Note::Incomplete])),
            (composite(vec![], &[Note::NoTag]), composite(vec![], &[Note::Incomplete])),
            (
                Value::Noted(Note::Overcount(7), Box::new(number(1))),
                Value::Noted(Note::Overcount(8), Box::new(number(1))),
            ),
        ] {
            let (paths, unseen) = compared(&before, &after, false);
            assert_eq!((paths.len(), unseen.len()), (1, 0), "{before:?} {after:?}");
            assert_eq!(compared(&before, &before, false), (vec![], vec![]), "{before:?}");
            assert_eq!(compared(&after, &after, false), (vec![], vec![]), "{after:?}");
        }
    }

    #[test]
    fn what_was_not_looked_at_is_neither_the_same_nor_different() {
        for note in [
            Note::Sensitive,
            Note::Budget(Limit::Values),
            Note::NotCaptured("denied"),
            contents::REGISTERS,
        ] {
            let hidden = Value::Array(vec![number(1), Value::Note(note)]);
            let shown = Value::Array(vec![number(1), number(2)]);
            let expected = (vec![], vec![format!("[1]: {note}")]);
            assert_eq!(compared(&hidden, &shown, false), expected);
            assert_eq!(compared(&shown, &hidden, false), expected);
            assert_eq!(compared(&hidden, &hidden, false), expected);
            let noted = Value::Noted(note, Box::new(number(2)));
            let (paths, unseen) = compared(&noted, &number(3), false);
            assert_eq!((paths.len(), unseen.len()), (1, 1));
            let remark = composite(vec![], &[note]);
            let (paths, unseen) = compared(&remark, &composite(vec![], &[]), false);
            assert_eq!((paths.len(), unseen.len()), (0, 1));
        }
    }
}

//! What differs between two releases, each difference under its rule.

use std::cmp::Ordering;

use super::bytes::{ByteChange, byte_changes};
use super::rules::{Outcome, Rule, Severity, Subject, rule};
use super::{
    Fact, Facts, Item, ItemKind, Member, Release, ReleasedSchema, Targets, Value, ValueForm,
};
use crate::source::Span;

/// How something changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// It is new.
    Added,
    /// It is a new member of an enum that is not open.
    AddedToClosed,
    /// It is gone.
    Removed,
    /// A fact without a value is said now.
    Set(Fact),
    /// A fact without a value is not said any longer.
    Cleared(Fact),
    /// A fact has another value, or one where there was none, or none any longer.
    Changed(Fact),
    /// A field of a record lies elsewhere.
    RecordMoved,
    /// The elements of an array in a record have another size, so that all but the first lie elsewhere.
    ElementsMoved,
    /// The version of a schema is lower than before.
    Lowered,
    /// The entry format of a version has another fingerprint.
    Fingerprint,
}

/// One difference.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The rule that it comes under.
    pub rule: &'static Rule,
    /// A younger version brings it; otherwise a released version is not what it was.
    pub grown: bool,
    /// The schema.
    pub schema: String,
    /// The next version of the schema after the old release.
    pub next_version: u32,
    /// What differs, as exceptions name it: `struct log_record.level`, or `schema`.
    pub subject: String,
    /// The old value, where a fact changed and was said.
    pub old: Option<String>,
    /// The new value.
    pub new: Option<String>,
    /// Where a number changed: the targets on which it did.
    pub targets: Targets,
    /// Where the old one is written.
    pub old_place: Option<Span>,
    /// Where the new one is written, or what is around it.
    pub new_place: Option<Span>,
    /// The bytes that a decoder without type information reads as something else.
    pub bytes: Vec<ByteChange>,
    /// Why it was allowed.
    pub excepted: Option<String>,
}

impl Difference {
    /// What it comes to.
    #[must_use]
    pub fn outcome(&self) -> &'static Outcome {
        if self.grown { &self.rule.grown } else { &self.rule.stray }
    }

    /// A break that nobody allowed.
    #[must_use]
    pub fn is_break(&self) -> bool {
        self.outcome().severity == Severity::Break && self.excepted.is_none()
    }

    /// How to do it so that nobody is hurt. What grew as it should and is worth a note needs none.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        if self.grown && self.outcome().severity != Severity::Break {
            return None;
        }
        Some(self.rule.help.replace("{next}", &self.next_version.to_string()))
    }
}

/// What differs in `new`, sorted by schema and item. With `grown`, `new` is a younger version of the same schemas;
/// otherwise both should be the same. What nobody notices is left out.
#[must_use]
pub fn compare(old: &Release, new: &Release, grown: bool) -> Vec<Difference> {
    let targets = old.targets.and(new.targets);
    let mut found = Vec::new();
    let names = old.schemas.keys().chain(new.schemas.keys());
    let mut names: Vec<&String> = names.collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let (old, new) = (old.schemas.get(name), new.schemas.get(name));
        let mut comparison = Comparison {
            targets,
            grown,
            schema: name,
            released: old.or(new).map_or(0, |schema| schema.version),
            home: new.map(|schema| schema.place),
            in_record: false,
            found: &mut found,
        };
        match (old, new) {
            (Some(old), Some(new)) => comparison.schema(old, new),
            (Some(old), None) => comparison.whole(Change::Removed, Some(old), None),
            (None, Some(new)) => comparison.whole(Change::Added, None, Some(new)),
            (None, None) => {}
        }
    }
    found
}

struct Comparison<'c> {
    targets: Targets,
    grown: bool,
    schema: &'c str,
    /// The version of the old release.
    released: u32,
    /// The new schema's header, for what has no other place.
    home: Option<Span>,
    /// What is compared is a record, or stands inside one.
    in_record: bool,
    found: &'c mut Vec<Difference>,
}

/// What differs, and where: the parts of a [`Difference`] that are not the same for a whole item.
#[derive(Default)]
struct Place {
    old: Option<Span>,
    new: Option<Span>,
}

impl Comparison<'_> {
    fn whole(
        &mut self,
        change: Change,
        old: Option<&ReleasedSchema>,
        new: Option<&ReleasedSchema>,
    ) {
        let place =
            Place { old: old.map(|schema| schema.place), new: new.map(|schema| schema.place) };
        self.push(Subject::Schema, change, "schema".to_owned(), place);
    }

    fn schema(&mut self, old: &ReleasedSchema, new: &ReleasedSchema) {
        if new.version < old.version {
            if self.grown {
                // An older version is emitted on purpose: it brings nothing.
                return;
            }
            self.whole(Change::Lowered, Some(old), Some(new));
            self.values(Some(old.version.to_string()), Some(new.version.to_string()));
        }
        let first = self.found.len();
        merge(
            &old.items,
            &new.items,
            |a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)),
            |a, b| {
                self.in_record = a.is_some_and(|item| is_in_record(item, old));
                self.item(a, b);
            },
        );
        // Whatever changes the fields of the entry changes its fingerprint.
        let explained = self.found.get(first..).unwrap_or_default().iter().any(|difference| {
            difference.rule.subject == Subject::EntryField
                && difference.outcome().severity == Severity::Break
        });
        let pairs = old.fingerprints.iter().zip(&new.fingerprints).enumerate();
        if let Some((index, (was, is))) =
            pairs.filter(|(_, (was, is))| was != is).find(|_| !explained)
        {
            self.whole(Change::Fingerprint, Some(old), Some(new));
            let text = |fingerprint: u64| format!("{fingerprint:#018x} of version {}", index + 1);
            self.values(Some(text(*was)), Some(text(*is)));
        }
    }

    fn item(&mut self, old: Option<&Item>, new: Option<&Item>) {
        if let (Some(old), Some(new)) = (old, new)
            && old == new
        {
            return;
        }
        let Some(some) = new.or(old) else { return };
        let subject = Subject::of_item(some.kind);
        let name = item_subject(some);
        let place = || Place { old: old.map(|item| item.place), new: new.map(|item| item.place) };
        let (old, new) = match (old, new) {
            (Some(old), Some(new)) => (old, new),
            // An inline struct comes and goes with the field that has its type.
            _ if some.name.contains('.') => return,
            (None, Some(_)) => return self.push(subject, Change::Added, name, place()),
            _ => return self.push(subject, Change::Removed, name, place()),
        };
        let first = self.found.len();
        self.facts(subject, &name, &old.facts, &new.facts, &place);
        if let Some(subject) = Subject::of_member(new.kind) {
            merge(
                &old.members,
                &new.members,
                |a, b| a.name.cmp(&b.name),
                |a, b| self.member(subject, (old, a), (new, b)),
            );
        }
        let found = self.found.get_mut(first..).unwrap_or_default();
        explain_bytes(found, old, new, self.targets);
    }

    fn member(
        &mut self,
        subject: Subject,
        (_, old): (&Item, Option<&Member>),
        (holder, new): (&Item, Option<&Member>),
    ) {
        if let (Some(old), Some(new)) = (old, new)
            && old == new
        {
            return;
        }
        let Some(some) = new.or(old) else { return };
        let name = format!("{}.{}", item_subject(holder), some.name);
        let around = Some(holder.place);
        let place =
            || Place { old: old.map(|it| it.place), new: new.map(|it| it.place).or(around) };
        match (old, new) {
            (Some(old), Some(new)) => self.facts(subject, &name, &old.facts, &new.facts, &place),
            (None, Some(_)) => {
                let closed = holder.kind == ItemKind::Enum && !holder.facts.has(Fact::Open);
                let change = if closed { Change::AddedToClosed } else { Change::Added };
                self.push(subject, change, name, place());
            }
            _ => self.push(subject, Change::Removed, name, place()),
        }
    }

    fn facts(
        &mut self,
        subject: Subject,
        name: &str,
        old: &Facts,
        new: &Facts,
        place: &dyn Fn() -> Place,
    ) {
        let type_stays = old.get(Fact::Type) == new.get(Fact::Type);
        let elements = type_stays && old.text(Fact::Type).starts_with('[');
        let (old, new): (Vec<_>, Vec<_>) = (old.iter().collect(), new.iter().collect());
        merge(
            &old,
            &new,
            |a, b| a.0.cmp(&b.0),
            |old, new| {
                let Some((fact, _)) = old.or(new) else { return };
                let fact = *fact;
                let (old, new) = (old.map(|(_, value)| *value), new.map(|(_, value)| *value));
                let targets = self.differing(old, new);
                let change = match (old, new) {
                    (Some(old), Some(new))
                        if old == new || targets.is_some_and(Targets::is_empty) =>
                    {
                        return;
                    }
                    (None, Some(Value::Yes)) => Change::Set(fact),
                    (Some(Value::Yes), None) => Change::Cleared(fact),
                    _ if self.in_record && fact == Fact::Offset => Change::RecordMoved,
                    _ if self.in_record && elements && fact == Fact::Size => Change::ElementsMoved,
                    _ => Change::Changed(fact),
                };
                let before = self.found.len();
                self.push(subject, change, name.to_owned(), place());
                if self.found.len() > before {
                    let shown = |value: &Value| match targets.and_then(|it| it.iter().next()) {
                        Some(target) => value.shown_on(target),
                        None => value.to_string(),
                    };
                    self.values(old.map(shown), new.map(shown));
                    let targets = targets.filter(|_| fact.form() == ValueForm::PerTarget);
                    if let (Some(last), Some(targets)) = (self.found.last_mut(), targets) {
                        last.targets = targets;
                    }
                }
            },
        );
    }

    /// The targets on which two numbers differ; `None` where they are no numbers.
    fn differing(&self, old: Option<&Value>, new: Option<&Value>) -> Option<Targets> {
        let is_number = |value: &Value| matches!(value, Value::Number(_) | Value::PerTarget(_));
        let (old, new) = (old.filter(|it| is_number(it))?, new.filter(|it| is_number(it))?);
        Some(self.targets.iter().filter(|target| old.on(*target) != new.on(*target)).collect())
    }

    fn push(&mut self, subject: Subject, change: Change, name: String, place: Place) {
        // The tests hold the table to have a rule for everything that may be said.
        let Some(rule) = rule(subject, change) else { return };
        let difference = Difference {
            rule,
            grown: self.grown,
            schema: self.schema.to_owned(),
            next_version: self.released.saturating_add(1),
            subject: name,
            old: None,
            new: None,
            targets: Targets::default(),
            old_place: place.old,
            new_place: place.new.or(self.home),
            bytes: Vec::new(),
            excepted: None,
        };
        if difference.outcome().severity != Severity::Nothing {
            self.found.push(difference);
        }
    }

    /// Says the values of what was pushed last.
    fn values(&mut self, old: Option<String>, new: Option<String>) {
        if let Some(last) = self.found.last_mut() {
            (last.old, last.new) = (old, new);
        }
    }
}

/// Whether an item of a schema is a record, or an inline struct or union of one.
fn is_in_record(item: &Item, schema: &ReleasedSchema) -> bool {
    let root = item.name.split('.').next().unwrap_or_default();
    let root = schema.item(item.kind, root);
    item.kind == ItemKind::Struct
        && root.is_some_and(|root| root.facts.text(Fact::Form) == "record")
}

/// An item as exceptions name it.
fn item_subject(item: &Item) -> String {
    format!("{} {}", item.word(), item.title())
}

/// Says of each break in a struct or an entry which bytes became something else.
fn explain_bytes(found: &mut [Difference], old: &Item, new: &Item, targets: Targets) {
    let matters = |difference: &Difference| {
        difference.outcome().severity == Severity::Break
            && matches!(difference.rule.subject, Subject::Field | Subject::EntryField)
    };
    if !found.iter().any(matters) {
        return;
    }
    // Every change on the first target on which something moved.
    let moved = found.iter().filter(|it| matters(it)).find_map(|it| it.targets.iter().next());
    let Some(target) = moved.or_else(|| targets.iter().next()) else { return };
    let changes = byte_changes(old, new, target);
    for difference in found.iter_mut().filter(|it| matters(it)) {
        let member = difference.subject.rsplit('.').next().unwrap_or_default();
        let about = changes.iter().filter(|change| change.is_about(member));
        difference.bytes = about.cloned().collect();
    }
}

/// Walks two sorted lists side by side: what stands in both comes as a pair.
fn merge<'v, V>(
    old: &'v [V],
    new: &'v [V],
    order: impl Fn(&V, &V) -> Ordering,
    mut visit: impl FnMut(Option<&'v V>, Option<&'v V>),
) {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    loop {
        let ordering = match (old.peek(), new.peek()) {
            (Some(a), Some(b)) => order(a, b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return,
        };
        let from_old = if ordering.is_le() { old.next() } else { None };
        let from_new = if ordering.is_ge() { new.next() } else { None };
        visit(from_old, from_new);
    }
}

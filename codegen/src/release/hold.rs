//! A compilation held against what was released.
//!
//! What was released at version *n* is compared with the same schemas as of *n*, and those with what they are now: the
//! first says what contradicts the release, the second what younger versions bring. Both are differences of releases.

use super::compare::{Difference, compare};
use super::rules::{Severity, Subject};
use super::{Exception, Lock, LockError, Release};
use crate::diag::{Code, Diagnostic, Diagnostics};

/// What a comparison came to.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Every difference that somebody notices, by schema and item, contradictions of an item first.
    pub differences: Vec<Difference>,
    /// Exceptions that no break comes under.
    pub idle: Vec<Exception>,
}

/// The versions as of which schemas are compared with a release, out of the name of each, the version that is emitted
/// and the latest one: empty where they are emitted as of those anyhow. A schema that the release does not have, or has
/// at a version that is not there any longer, stays as it is; schemas that the released ones use go along, as far as
/// they are known.
#[must_use]
pub fn as_of<'n>(
    old: &Release,
    schemas: impl Iterator<Item = (&'n str, u32, u32)>,
) -> Vec<(Option<String>, u32)> {
    let mut versions: Vec<(Option<String>, u32)> = Vec::new();
    let mut moved = false;
    for (name, emitted, latest) in schemas {
        let released = match old.schemas.get(name) {
            Some(released) => Some(released.version),
            // Where several use it, the youngest version has all that they need.
            None => old.schemas.values().filter_map(|it| it.uses.get(name)).max().copied(),
        };
        let Some(version) = released.filter(|version| *version <= latest) else { continue };
        moved |= version != emitted;
        versions.push((Some(name.to_owned()), version));
    }
    if moved { versions } else { Vec::new() }
}

/// Compares a release with the schemas as of it, and those with what they are now. Only schemas that `then` has
/// count, unless all are `whole`: then one that is missing was removed.
#[must_use]
pub fn judge(old: &Release, then: &Release, now: &Release, whole: bool) -> Verdict {
    let mut differences = compare(old, then, false);
    differences.extend(compare(then, now, true));
    if !whole {
        differences.retain(|difference| {
            difference.rule.subject != Subject::Schema
                || now.schemas.contains_key(&difference.schema)
        });
    }
    differences.sort_by(|a, b| {
        (&a.schema, a.subject.split('.').next()).cmp(&(&b.schema, b.subject.split('.').next()))
    });
    Verdict { differences, idle: Vec::new() }
}

impl Verdict {
    /// Lets breaks pass that exceptions name, and notes the exceptions that name none.
    pub fn except(&mut self, exceptions: &[Exception]) {
        for exception in exceptions {
            let mut applies = false;
            for difference in &mut self.differences {
                let is_it = difference.rule.name == exception.rule.name
                    && difference.schema == exception.schema
                    && difference.subject == exception.subject
                    && difference.outcome().severity == Severity::Break;
                if is_it {
                    difference.excepted = Some(exception.reason.clone());
                    applies = true;
                }
            }
            if !applies {
                self.idle.push(exception.clone());
            }
        }
    }

    /// Whether something breaks.
    #[must_use]
    pub fn has_breaks(&self) -> bool {
        self.differences.iter().any(Difference::is_break)
    }
}

/// What those who generate with a lock are told: one error an item that breaks what was released, and one for each
/// exception that does not apply. `whole` as for [`judge`].
#[must_use]
pub fn hold(lock: &Lock, then: &Release, now: &Release, whole: bool) -> Diagnostics {
    let mut verdict = judge(&lock.release, then, now, whole);
    let exceptions = lock.exceptions.iter();
    let exceptions =
        exceptions.filter(|exception| whole || now.schemas.contains_key(&exception.schema));
    verdict.except(&exceptions.cloned().collect::<Vec<_>>());
    let mut found = Diagnostics::new();
    let breaks: Vec<&Difference> =
        verdict.differences.iter().filter(|difference| difference.is_break()).collect();
    let same = |a: &&Difference, b: &&Difference| (&a.schema, item(a)) == (&b.schema, item(b));
    for group in breaks.chunk_by(same) {
        if let Some(diagnostic) = contradiction(lock, group) {
            found.push(diagnostic);
        }
    }
    for exception in verdict.idle {
        found.push(idle(&exception));
    }
    found
}

/// The item of a difference, or the schema.
fn item(difference: &Difference) -> &str {
    difference.subject.split('.').next().unwrap_or_default()
}

fn contradiction(lock: &Lock, group: &[&Difference]) -> Option<Diagnostic> {
    /// Differences that are shown of one item.
    const SHOWN: usize = 3;
    let mut group = group.to_vec();
    // What moved, moved because of something else.
    group.sort_by_key(|difference| {
        use super::{Change::Changed, Fact};
        let change = difference.rule.change;
        (
            difference.grown,
            [Fact::Offset, Fact::Bit, Fact::Size, Fact::Align].map(Changed).contains(&change),
        )
    });
    let first = *group.first()?;
    let version = lock.release.schemas.get(&first.schema).map_or(0, |schema| schema.version);
    let (schema, subject) = (&first.schema, item(first));
    let message = match first.grown {
        _ if first.rule.change == super::Change::Removed && subject == "schema" => {
            format!("schema `{schema}` was released, and is gone")
        }
        _ if subject == "schema" => format!("`{schema}` contradicts its lock"),
        false => format!("`{subject}` of `{schema}` is not what version {version} was"),
        true => format!("`{subject}` of `{schema}` breaks readers and tables of version {version}"),
    };
    let mut diagnostic = match (first.new_place, first.old_place) {
        (Some(place), _) => Diagnostic::new(Code::E0605, place, message).label(label(first)),
        // What is gone has only the place where the lock tells of it.
        (None, Some(place)) => Diagnostic::new(Code::E0605, place, message).label("released as"),
        (None, None) => Diagnostic::without_place(Code::E0605, message),
    };
    for difference in group.iter().take(SHOWN) {
        if difference.new_place.is_none() && difference.old_place == first.old_place {
            continue;
        }
        if let Some(place) = difference.new_place.filter(|place| Some(*place) != first.new_place) {
            diagnostic = diagnostic.also(place, label(difference));
        }
        if let (Some(place), false) = (difference.old_place, difference.grown) {
            diagnostic = diagnostic.also(place, "released as");
        }
    }
    if group.len() > SHOWN {
        let more = group.len() - SHOWN;
        diagnostic = diagnostic
            .help(format!("{more} more: `inspect-gen compat SCHEMA... --against LOCK` lists all"));
    }
    let diagnostic = match first.help() {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    };
    let rule = first.rule.name;
    Some(
        diagnostic
            .help(format!("or except it in the lock: `except {rule} {} \"why\"`", first.subject)),
    )
}

/// What changed, in few words: it stands beside the place.
fn label(difference: &Difference) -> String {
    use super::Change::{Added, AddedToClosed, Removed};
    let rule = difference.rule.name;
    let what = match (difference.rule.change, &difference.old, &difference.new) {
        (Added | AddedToClosed, ..) => "was not there".to_owned(),
        (Removed, ..) => {
            let name = difference.subject.rsplit(['.', ' ']).next().unwrap_or_default();
            format!("`{name}` is gone")
        }
        (_, Some(old), Some(new)) => format!("was {old}, is {new}"),
        (_, Some(old), None) => format!("was {old}"),
        (_, None, Some(new)) => format!("is {new}, and was not said"),
        (_, None, None) => "is not what it was".to_owned(),
    };
    match difference.bytes.first() {
        Some(change) => format!("{what} [{rule}]: {change}"),
        None => format!("{what} [{rule}]"),
    }
}

fn idle(exception: &Exception) -> Diagnostic {
    let Exception { rule, subject, place, .. } = exception;
    let message = format!("nothing breaks `{}` at `{subject}`", rule.name);
    Diagnostic::new(Code::E0607, *place, message)
        .label("this exception does not apply")
        .help("remove the line: it would hide the next break")
}

/// What to say of a lock that cannot be read.
#[must_use]
pub fn unreadable(error: &LockError) -> Diagnostic {
    let LockError { span, message, help, other } = error;
    let diagnostic = Diagnostic::new(Code::E0606, *span, message.clone()).help(help.clone());
    match other {
        Some((span, text)) => diagnostic.also(*span, *text),
        None => diagnostic,
    }
}

//! The lock file: a release as text, one line an item or a member, for reviewers to read in a diff.
//!
//! Its order follows from names, offsets and values alone, so that moving a declaration changes nothing.

mod parse;
mod print;
mod words;

use super::{Release, Rule};
use crate::source::Span;

pub use parse::{LockError, parse};
pub use print::print;

/// The form of lock files that this version writes, and the only one that it reads.
pub const FORM: u32 = 1;

/// What a lock file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// What was released.
    pub release: Release,
    /// Breaks that were decided on.
    pub exceptions: Vec<Exception>,
}

/// A break that somebody decided on: `except field-moved struct log_record.level "nobody reads it"`.
#[derive(Clone, Debug)]
pub struct Exception {
    /// The schema.
    pub schema: String,
    /// The rule that is broken.
    pub rule: &'static Rule,
    /// What breaks it: `struct log_record.level`, or `schema`.
    pub subject: String,
    /// Why.
    pub reason: String,
    /// Where it is written.
    pub place: Span,
}

impl PartialEq for Exception {
    fn eq(&self, other: &Self) -> bool {
        let Self { schema, rule, subject, reason, place: _ } = self;
        let theirs = (&other.schema, other.rule.name, &other.subject, &other.reason);
        (schema, rule.name, subject, reason) == theirs
    }
}

impl Eq for Exception {}

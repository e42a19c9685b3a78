//! What became of an entry in a dump: planned here, or read from what the dump says about itself.

use std::borrow::Cow;

use inspect_format::notes::capture::{Capture, CaptureError, Row, Status};

use crate::catalog::Entry;
use crate::consume::Policy;

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// In one word.
    pub status: Status,
    /// Why not all of it is there. Escape it.
    pub reason: Option<Cow<'static, str>>,
    /// Which rule of `deny` it was, counted from 0.
    pub rule: Option<u32>,
    /// Where the memory lies, pointers followed.
    pub address: Option<u64>,
    /// How many bytes of it there are.
    pub length: Option<u64>,
    /// How many of them are in the dump, from the first on, where not all are.
    pub captured: Option<u64>,
}

/// What a dump says about itself.
#[derive(Clone, Debug)]
pub struct Captures {
    /// For which consumer it was made. Escape it.
    pub consumer: String,
    /// Which program wrote it. Escape it.
    pub tool: String,
    /// Which program it is about, where that is known. Escape it.
    pub producer: Option<String>,
    /// Tables that are not in it.
    pub missing: u64,
    /// Where the description breaks off: of the entries behind that nothing is known.
    pub fault: Option<CaptureError>,
    /// Table by table, row by row, as the frozen tables are, each with the number of its schema.
    tables: Vec<(u64, Vec<Outcome>)>,
}

impl Captures {
    /// Reads a description. What follows its first fault is left out, and the fault is told.
    pub fn read(bytes: &[u8]) -> Result<Self, CaptureError> {
        let capture = Capture::parse(bytes)?;
        let (mut tables, mut fault) = (Vec::new(), None);
        for table in capture.tables() {
            let mut rows = Vec::new();
            let read = table.and_then(|table| {
                let read =
                    table.rows().try_for_each(|row| row.map(|row| rows.push(Outcome::of(&row))));
                tables.push((table.schema, rows));
                read
            });
            if let Err(error) = read {
                fault = Some(error);
                break;
            }
        }
        let head = capture.head;
        Ok(Self {
            consumer: head.consumer.to_owned(),
            tool: head.tool.to_owned(),
            producer: head.producer.map(str::to_owned),
            missing: head.missing,
            fault,
            tables,
        })
    }

    /// What became of an entry, by the place of its table among those of the dump, the number of that
    /// one's schema, and its own place among the rows.
    #[must_use]
    pub fn get(&self, table: usize, schema: u64, row: usize) -> Option<&Outcome> {
        let (found, rows) = self.tables.get(table)?;
        rows.get(row).filter(|_| *found == schema)
    }
}

impl Outcome {
    /// One that says nothing else.
    #[must_use]
    pub const fn new(status: Status) -> Self {
        Self { status, reason: None, rule: None, address: None, length: None, captured: None }
    }

    /// One with a reason.
    #[must_use]
    pub fn because(status: Status, reason: &'static str) -> Self {
        Self { reason: Some(Cow::Borrowed(reason)), ..Self::new(status) }
    }

    fn of(row: &Row<'_>) -> Self {
        Self {
            status: row.status,
            reason: row.reason.map(|reason| Cow::Owned(reason.to_owned())),
            rule: row.rule,
            address: row.address,
            length: row.length,
            captured: row.captured,
        }
    }

    /// The same as a row of a description.
    #[must_use]
    pub fn row(&self) -> Row<'_> {
        Row {
            status: self.status,
            reason: self.reason.as_deref(),
            rule: self.rule,
            address: self.address,
            length: self.length,
            captured: self.captured,
        }
    }

    /// The rule that refuses the entry, in words, where the consumer is at hand. Escape it.
    #[must_use]
    pub fn rule_words(&self, policy: Option<&Policy<'_>>, entry: &Entry<'_>) -> Option<String> {
        let policy = policy?;
        match self.reason.as_deref() {
            Some("deny") => Some(format!("deny {}", policy.deny_words(self.rule?)?)),
            Some("require") => {
                let schema = entry.schema();
                let lacks = policy.lacks(schema, entry.row.properties());
                (!lacks.is_empty()).then(|| format!("require {}", lacks.join(", ")))
            }
            _ => None,
        }
    }

    /// In a few words, for people. Escape it.
    #[must_use]
    pub fn text(&self, policy: Option<&Policy<'_>>, entry: &Entry<'_>) -> String {
        let rule = self.rule_words(policy, entry);
        let reason = self.reason.as_deref();
        match (self.status, reason) {
            (Status::Captured, _) => "captured".to_owned(),
            (Status::Denied, Some("deny")) => match (rule, self.rule) {
                (Some(rule), _) => format!("denied by `{rule}`"),
                (None, Some(number)) => format!("denied by rule {number}"),
                (None, None) => "denied".to_owned(),
            },
            (Status::Denied, Some("require")) => match rule {
                Some(rule) => format!("denied by `{rule}`"),
                None => "denied: lacks a property".to_owned(),
            },
            (Status::Denied, Some("overlap")) => "denied: lies in what is denied".to_owned(),
            (Status::Absent, Some("length")) => "absent: no length".to_owned(),
            (Status::Absent, Some("space")) => "absent: in another space".to_owned(),
            (Status::Absent, Some("null")) => "absent: null pointer".to_owned(),
            (Status::Faulted, Some("pointer")) => "faulted: pointer unreadable".to_owned(),
            (Status::Truncated, _) => {
                let there = self.captured.unwrap_or(0);
                match reason {
                    Some("overlap") => format!("in part: denied at byte {there}"),
                    _ => format!("truncated at {there} B"),
                }
            }
            (status, None) => status.word().to_owned(),
            (status, Some(reason)) => format!("{}: {reason}", status.word()),
        }
    }
}

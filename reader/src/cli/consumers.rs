//! What a consumer would see, or what a dump says that one saw, for the commands that show it.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::{Failure, Session};
use crate::catalog::{Catalog, Entry};
use crate::consume::{self, Policy};
use crate::discover::{self, Discovery, Found};
use crate::dump::{Captures, Outcome, Plan};
use crate::escape::Terminal;
use crate::image::{self, Target};

/// A consumer.
#[derive(Args)]
pub(crate) struct ConsumerArguments {
    /// What this consumer of the schema would see, and why not the rest: NAME, or SCHEMA:NAME.
    #[arg(long, value_name = "NAME")]
    pub(crate) consumer: Option<String>,
    /// A table file that declares the consumer, in place of the target's own description.
    #[arg(long, value_name = "FILE", requires = "consumer")]
    pub(crate) policy: Option<PathBuf>,
}

/// A table file that declares consumers.
pub(crate) struct PolicyFile {
    discovery: Discovery,
    name: String,
}

/// What becomes of each entry, by whoever knows it.
pub(crate) struct Statuses<'p> {
    source: Source,
    pub(crate) policy: Option<Policy<'p>>,
}

enum Source {
    Nobody,
    Plan(Box<Plan>),
    Dump(Captures),
}

/// What became of an entry, as data.
#[derive(Serialize)]
pub(crate) struct Capture {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    captured: Option<u64>,
}

impl ConsumerArguments {
    /// The file that declares the consumer, if one was named.
    pub(crate) fn policy_file(&self) -> Result<Option<PolicyFile>, Failure> {
        self.policy.as_ref().map(|path| PolicyFile::open(path)).transpose()
    }
}

impl PolicyFile {
    /// Opens a table file, or whatever has tables.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let image = image::open(&Target::Path(path.to_owned()), &image::Options::default())?;
        let discovery = discover::tables_of(&image, &discover::Options::default());
        Ok(Self { discovery, name: image.name })
    }

    /// Its tables.
    pub(crate) fn catalog(&self) -> Result<Catalog<'_>, Failure> {
        let (catalog, errors) = Catalog::new(&self.discovery, &[]);
        match errors.first() {
            Some((_, error)) if catalog.tables.is_empty() => {
                Err(Failure::input(format!("{}: {error}", Terminal(&self.name)), None))
            }
            _ => Ok(catalog),
        }
    }
}

impl<'p> Statuses<'p> {
    /// Asks the consumer that was named; or else the target, if it is a dump. `declared` has the
    /// consumer.
    pub(crate) fn new(
        arguments: &ConsumerArguments,
        session: &Session,
        catalog: &Catalog<'_>,
        declared: &'p Catalog<'_>,
    ) -> Result<Self, Failure> {
        if let Some(name) = &arguments.consumer {
            let policy = find(declared, name)?;
            let (image, discovery) = (&session.image, &session.discovery);
            let plan = Plan::new(image, discovery, catalog, &policy.consumer(), &[]);
            return Ok(Self { source: Source::Plan(Box::new(plan)), policy: Some(policy) });
        }
        let Some(captures) = session.captures() else {
            return Ok(Self { source: Source::Nobody, policy: None });
        };
        let policy = consume::find(declared, &captures.consumer).ok();
        Ok(Self { source: Source::Dump(captures), policy })
    }

    /// What becomes of an entry.
    pub(crate) fn of(&self, session: &Session, entry: &Entry<'_>) -> Option<&Outcome> {
        let found = entry.table.found;
        match &self.source {
            Source::Nobody => None,
            Source::Plan(plan) => {
                // Tables lie in memory in the order in which they were found.
                let place = |found: &Found| std::ptr::from_ref(found).addr();
                let tables = &session.discovery.tables;
                let number = tables.partition_point(|it| place(it) < place(found));
                plan.outcomes.get(number)?.get(entry.index)
            }
            Source::Dump(captures) => captures.get(found.carried?, entry.schema(), entry.index),
        }
    }

    /// The same in words.
    pub(crate) fn text(&self, session: &Session, entry: &Entry<'_>) -> String {
        let outcome = self.of(session, entry);
        let text = outcome.map(|it| it.text(self.policy.as_ref(), entry));
        Terminal(&text.unwrap_or_default()).to_string()
    }

    /// The same as data.
    pub(crate) fn data(&self, session: &Session, entry: &Entry<'_>) -> Option<Capture> {
        let outcome = self.of(session, entry)?;
        Some(Capture {
            status: outcome.status.word(),
            reason: outcome.reason.as_deref().map(str::to_owned),
            rule: outcome.rule_words(self.policy.as_ref(), entry),
            captured: outcome.captured,
        })
    }

    /// For whom the dump was made, in a sentence.
    pub(crate) fn remark(&self) -> Option<String> {
        let Source::Dump(captures) = &self.source else { return None };
        let of = captures.producer.as_ref().map(|it| format!(" of {it}")).unwrap_or_default();
        let (tool, consumer) = (&captures.tool, &captures.consumer);
        let mut text = format!("a dump{of} for `{consumer}`, by {tool}");
        if captures.missing > 0 {
            text.push_str(&format!("; {} tables are not in it", captures.missing));
        }
        Some(text)
    }
}

/// The consumer of that name.
pub(crate) fn find<'p>(declared: &'p Catalog<'_>, name: &str) -> Result<Policy<'p>, Failure> {
    consume::find(declared, name).map_err(|error| {
        let help = "`--policy FILE` brings a table file that declares one".to_owned();
        Failure::input(Terminal(&error.to_string()).to_string(), Some(help))
    })
}

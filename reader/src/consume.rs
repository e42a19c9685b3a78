//! Consumers as tables declare them: the rules out of a schema's description, in words and ready to
//! be held against entries.
//!
//! What rules mean is the business of [`inspect_format::consumer`], which producers ask too, so that
//! both give the same answers. The consumer comes from the target's own description, or from a table
//! file that stands in for it. [`dump`](crate::dump) finds out what it would see.

use std::fmt;

use inspect_format::consumer::{Budget, Consumer, Rule};
use inspect_format::hash::schema_number;
use inspect_format::schema;

use crate::catalog::{Catalog, NamedTable, Names};

/// A consumer with its rules.
#[derive(Clone, Debug)]
pub struct Policy<'a> {
    /// As the schema calls it. Escape it.
    pub name: &'a str,
    /// The dotted name of the schema that declares it. Escape it.
    pub schema: &'a str,
    version: u32,
    allow: Vec<Rule<'a>>,
    deny: Vec<Rule<'a>>,
    order: Vec<Rule<'a>>,
    require: u64,
    permit: u64,
    budget: Budget,
    /// What the rules of `deny` are about.
    deny_words: Vec<String>,
    require_words: Vec<(u64, &'a str)>,
}

/// Why there is no such consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Nothing declares it.
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is, each as `SCHEMA:NAME`.
        declared: Vec<String>,
    },
    /// Several schemas declare it.
    Ambiguous {
        /// What was asked for.
        name: String,
        /// Each as `SCHEMA:NAME`.
        declared: Vec<String>,
    },
    /// A rule of `deny` is about something that this version does not know.
    Rule {
        /// The consumer.
        name: String,
    },
    /// A description is broken.
    Schema(schema::Error),
}

/// The consumer that `text` names: `NAME`, or `SCHEMA:NAME` where several schemas have one of that
/// name. Of versions of one schema the newest counts.
pub fn find<'a>(catalog: &'a Catalog<'_>, text: &str) -> Result<Policy<'a>, Error> {
    let all = policies(catalog)?;
    let is_it = |it: &&Policy<'_>| match text.rsplit_once(':') {
        Some((schema, name)) => it.schema == schema && it.name == name,
        None => it.name == text,
    };
    let mut found: Vec<&Policy<'a>> = all.iter().filter(is_it).collect();
    found.sort_by(|a, b| (a.schema, b.version).cmp(&(b.schema, a.version)));
    found.dedup_by_key(|it| it.schema);
    let name = || text.to_owned();
    match found.as_slice() {
        [] => Err(Error::Unknown { name: name(), declared: names(all.iter()) }),
        [one] => Ok((*one).clone()),
        several => Err(Error::Ambiguous { name: name(), declared: names(several.iter().copied()) }),
    }
}

fn names<'p, 'a: 'p>(policies: impl Iterator<Item = &'p Policy<'a>>) -> Vec<String> {
    let mut names: Vec<String> = policies.map(|it| format!("{}:{}", it.schema, it.name)).collect();
    names.sort();
    names.dedup();
    names
}

/// All consumers that the tables declare, each as often as there are tables that do.
pub fn policies<'a>(catalog: &'a Catalog<'_>) -> Result<Vec<Policy<'a>>, Error> {
    let mut all = Vec::new();
    for table in &catalog.tables {
        let Some(schema) = table.names.schema() else { continue };
        for declared in table.names.consumers() {
            let declared = declared.map_err(Error::Schema)?;
            all.push(Policy::new(catalog, table, schema, &declared)?);
        }
    }
    Ok(all)
}

impl<'a> Policy<'a> {
    fn new(
        catalog: &Catalog<'_>,
        table: &'a NamedTable<'_>,
        schema: &'a str,
        declared: &schema::Consumer<'a>,
    ) -> Result<Self, Error> {
        let names = &table.names;
        let rules = |list: schema::List<'a, schema::Rule<'a>>| -> Result<Vec<Rule<'a>>, Error> {
            let rules = list.iter().map(|rule| Ok(rule_of(&rule.map_err(Error::Schema)?, schema)));
            Ok(rules.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
        };
        let deny = rules(declared.deny)?;
        // A rule of `deny` that says nothing here must not come to nothing.
        if deny.len() != declared.deny.iter().count() {
            return Err(Error::Rule { name: declared.name.to_owned() });
        }
        let words = deny.iter().map(|rule| words(catalog, names, schema, rule)).collect();
        let bits = (0..64).map(|bit| 1_u64 << bit).filter(|bit| declared.require & bit != 0);
        let require = bits.filter_map(|bit| Some((bit, *names.properties(bit).names.first()?)));
        Ok(Self {
            name: declared.name,
            schema,
            version: table.table.version(),
            allow: rules(declared.allow)?,
            order: rules(declared.order)?,
            require: declared.require,
            permit: declared.permit,
            budget: Budget {
                regions: declared.regions,
                name: declared.names,
                bytes: declared.bytes,
            },
            deny_words: words,
            require_words: require.collect(),
            deny,
        })
    }

    /// Ready to be held against entries.
    #[must_use]
    pub fn consumer(&self) -> Consumer<'_> {
        Consumer {
            name: self.name,
            schema: schema_number(self.schema),
            allow: &self.allow,
            deny: &self.deny,
            require: self.require,
            permit: self.permit,
            order: &self.order,
            budget: self.budget,
        }
    }

    /// What the rule of `deny` with this number is about, in words that a selector understands.
    /// Escape it.
    #[must_use]
    pub fn deny_words(&self, rule: u32) -> Option<&str> {
        self.deny_words.get(rule as usize).map(String::as_str)
    }

    /// The names of the properties that the consumer requires and that an entry of a schema, by its number,
    /// does not have among these. Escape them.
    #[must_use]
    pub fn lacks(&self, schema: u64, properties: u64) -> Vec<&'a str> {
        let properties = self.consumer().known_properties(schema, properties);
        let missing = self.require_words.iter().filter(|(bit, _)| properties & bit == 0);
        missing.map(|(_, name)| *name).collect()
    }
}

/// A rule; nothing for one that is about nothing that is known here.
fn rule_of<'a>(rule: &schema::Rule<'a>, home: &str) -> Option<Rule<'a>> {
    let schema = schema_number(rule.schema.unwrap_or(home));
    Some(match (rule.class, rule.properties) {
        (Some(class), _) if rule.name.is_none() && rule.instance.is_none() => {
            Rule::Class { schema, class }
        }
        (Some(class), _) => Rule::Entry { schema, class, name: rule.name, instance: rule.instance },
        (None, Some(bits)) => Rule::Properties(bits),
        (None, None) => return None,
    })
}

/// A rule as the terms of a selector.
fn words(catalog: &Catalog<'_>, names: &Names<'_>, home: &str, rule: &Rule<'_>) -> String {
    let class_words = |schema: u64, class: u32| {
        let mut tables = catalog.tables.iter();
        let found = tables.find(|it| it.table.header().schema == schema).map(|it| &it.names);
        let is_home = schema == schema_number(home);
        let found = if is_home { Some(names) } else { found };
        let name = found.and_then(|names| names.class(class)).map(|class| class.name);
        let class = name.map_or_else(|| format!("class:{class:#x}"), |it| format!("class:{it}"));
        match found.and_then(Names::schema).filter(|_| !is_home) {
            Some(schema) => format!("schema:{schema} {class}"),
            None => class,
        }
    };
    match *rule {
        Rule::Class { schema, class } => class_words(schema, class),
        Rule::Entry { schema, class, name, instance } => {
            let mut text = class_words(schema, class);
            if let Some(name) = name {
                text.push_str(&format!(" name:{name}"));
            }
            if let Some(instance) = instance {
                text.push_str(&format!(" instance:{instance}"));
            }
            text
        }
        Rule::Properties(bits) => {
            let found = names.properties(bits);
            let rest = (found.rest != 0).then(|| format!("{:#x}", found.rest));
            let all: Vec<&str> = found.names.into_iter().chain(rest.as_deref()).collect();
            format!("prop:{}", all.join("|"))
        }
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name, declared } if declared.is_empty() => {
                write!(f, "no table declares a consumer, and `{name}` neither")
            }
            Self::Unknown { name, declared } => {
                write!(f, "no consumer `{name}`; there are {}", declared.join(", "))
            }
            Self::Ambiguous { name, declared } => {
                write!(f, "several schemas declare `{name}`: say which of {}", declared.join(", "))
            }
            Self::Rule { name } => {
                write!(f, "the consumer `{name}` denies what this version does not know")
            }
            Self::Schema(error) => write!(f, "the description of a table: {error}"),
        }
    }
}

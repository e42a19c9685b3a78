//! What a consumer may see: its rules, held against an entry, and its budget, spent entry by entry.
//!
//! The rules are constants in generated code, or come out of a table's description. Nothing here
//! reads memory: callers bring the number of the table's schema, the core of an entry, and its
//! name. The same question has the same answer in C: `inspect_consumer_allows`. Verdicts go to
//! whoever writes a dump, which takes what is allowed and says of the rest why not; [`Fields`]
//! finds what is sensitive inside of what is allowed.

mod fields;

use core::fmt;

use crate::abi::{CoreEntry, PROPERTY_CORE_FIRST, core_properties};

pub use fields::{Fields, Sensitive};

/// What may be seen, and by whom. Everything not allowed is refused, and `deny` beats `allow`.
#[derive(Clone, Copy, Debug)]
pub struct Consumer<'a> {
    /// As the schema calls it.
    pub name: &'a str,
    /// The number of the schema that declares it: bits below [`PROPERTY_CORE_FIRST`] mean something
    /// in its entries only.
    pub schema: u64,
    /// Any of them lets an entry pass.
    pub allow: &'a [Rule<'a>],
    /// Any of them refuses it.
    pub deny: &'a [Rule<'a>],
    /// Property bits that an entry must have.
    pub require: u64,
    /// Core property bits that would refuse it, permitted by name.
    pub permit: u64,
    /// Who comes first when a budget is short.
    pub order: &'a [Rule<'a>],
    /// What a dump may hold.
    pub budget: Budget,
}

/// One rule of a [`Consumer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule<'a> {
    /// Every entry of a class.
    Class {
        /// The number of the class's schema.
        schema: u64,
        /// The number of the class.
        class: u32,
    },
    /// Entries of a class by name, by instance, or by both.
    Entry {
        /// The number of the class's schema.
        schema: u64,
        /// The number of the class.
        class: u32,
        /// The name, exactly.
        name: Option<&'a str>,
        /// The instance.
        instance: Option<u64>,
    },
    /// Every entry with one of these property bits.
    Properties(u64),
}

/// Limits of a [`Consumer`]; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// How many regions.
    pub regions: Option<u64>,
    /// How many bytes of name.
    pub name: Option<u64>,
    /// How many bytes of memory.
    pub bytes: Option<u64>,
}

/// Properties that refuse an entry unless the consumer permits them by name.
pub const GUARDED: u64 = core_properties::SENSITIVE | core_properties::MMIO;

/// What a consumer says about an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be seen.
    Allowed {
        /// By which rule of `allow`.
        rule: usize,
    },
    /// It may not.
    Denied(Denial),
}

/// Why an entry may not be seen. Where several reasons hold, the one that stands first here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// A rule of `deny` is about it.
    Rule {
        /// Which one.
        rule: usize,
    },
    /// It has these of the [`GUARDED`] properties, and the consumer does not permit them.
    Guarded(u64),
    /// It lacks these of the properties that the consumer requires.
    Lacks(u64),
    /// No rule of `allow` is about it.
    NotAllowed,
}

/// A limit of a [`Budget`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The number of regions.
    Regions,
    /// The length of a name.
    Name,
    /// The bytes of memory.
    Bytes,
}

/// What is left of a [`Budget`].
#[derive(Clone, Copy, Debug)]
pub struct Purse {
    left: Budget,
}

impl Consumer<'_> {
    /// Whether the consumer may see an entry, and which rule says so.
    ///
    /// `schema` is the number in the header of the entry's table, `name` the entry's name.
    /// Everything is refused that no rule of `allow` names. What a rule of `deny` names is refused
    /// whatever is allowed, and so are `sensitive` and `mmio` entries, unless the consumer permits
    /// the property by name, and entries that lack a property that it requires. Property bits of a
    /// schema mean nothing in tables of others: there only the core's are looked at.
    #[must_use]
    pub fn judge(&self, schema: u64, core: &CoreEntry, name: &str) -> Verdict {
        self.judge_entry(schema, core, Some(name))
    }

    /// The same for an entry whose name may be unreadable. It then has every name that `deny` asks
    /// for and none that `allow` does, so that a broken name never shows what a whole one would
    /// have hidden.
    #[must_use]
    pub fn judge_entry(&self, schema: u64, core: &CoreEntry, name: Option<&str>) -> Verdict {
        let entry = self.subject(schema, core, name);
        if let Some(rule) = self.deny.iter().position(|rule| entry.matches(rule, true)) {
            return Verdict::Denied(Denial::Rule { rule });
        }
        let guarded = entry.properties & GUARDED & !self.permit;
        if guarded != 0 {
            return Verdict::Denied(Denial::Guarded(guarded));
        }
        let lacks = self.require & !entry.properties;
        if lacks != 0 {
            return Verdict::Denied(Denial::Lacks(lacks));
        }
        match self.allow.iter().position(|rule| entry.matches(rule, false)) {
            Some(rule) => Verdict::Allowed { rule },
            None => Verdict::Denied(Denial::NotAllowed),
        }
    }

    /// Whether an entry's bytes are forbidden, so that they are cut out of whatever reaches over them.
    #[must_use]
    pub fn forbids(&self, schema: u64, core: &CoreEntry, name: Option<&str>) -> bool {
        match self.judge_entry(schema, core, name) {
            Verdict::Denied(denial) => denial.forbids_bytes(),
            Verdict::Allowed { .. } => false,
        }
    }

    /// The place of an entry when a budget is short: the number of the first rule of `order` that
    /// is about it. Lower numbers come first; entries without a rule come last, after all that have
    /// one.
    #[must_use]
    pub fn rank(&self, schema: u64, core: &CoreEntry, name: &str) -> usize {
        let entry = self.subject(schema, core, Some(name));
        self.order.iter().position(|rule| entry.matches(rule, false)).unwrap_or(self.order.len())
    }

    fn subject<'e>(&self, schema: u64, core: &CoreEntry, name: Option<&'e str>) -> Subject<'e> {
        let properties = self.known_properties(schema, core.properties);
        Subject { schema, class: core.class, instance: core.instance, properties, name }
    }

    /// The properties of an entry that the consumer knows: what a schema declares means nothing to one of
    /// another schema.
    #[must_use]
    pub fn known_properties(&self, schema: u64, properties: u64) -> u64 {
        let known = if schema == self.schema { !0 } else { !0 << PROPERTY_CORE_FIRST };
        properties & known
    }
}

/// An entry as rules see it.
struct Subject<'e> {
    schema: u64,
    class: u32,
    instance: u64,
    /// Those that mean something to the consumer.
    properties: u64,
    name: Option<&'e str>,
}

impl Subject<'_> {
    /// `unknown` is what an unreadable name counts as.
    fn matches(&self, rule: &Rule<'_>, unknown: bool) -> bool {
        match *rule {
            Rule::Class { schema, class } => schema == self.schema && class == self.class,
            Rule::Entry { schema, class, name, instance } => {
                let named = match (name, self.name) {
                    (None, _) => true,
                    (Some(asked), Some(own)) => asked == own,
                    (Some(_), None) => unknown,
                };
                schema == self.schema
                    && class == self.class
                    && named
                    && instance.is_none_or(|instance| instance == self.instance)
            }
            Rule::Properties(bits) => self.properties & bits != 0,
        }
    }
}

impl Verdict {
    /// Whether the entry may be seen.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed { .. })
    }
}

impl Denial {
    /// Whether the entry's bytes are forbidden, and not only without permission: where another
    /// entry that is allowed reaches over them, they are left out of that one too.
    #[must_use]
    pub fn forbids_bytes(&self) -> bool {
        matches!(self, Self::Rule { .. } | Self::Guarded(_))
    }
}

impl Purse {
    /// The whole budget.
    #[must_use]
    pub const fn new(budget: Budget) -> Self {
        Self { left: budget }
    }

    /// Takes one region of `bytes` with a name of `name_bytes` out of the budget, whole, or says
    /// which limit it exceeds and takes nothing: a smaller one that comes later may still fit. The
    /// limit on names is one for each name and not for all together, as in firmware that has so
    /// many bytes for each.
    pub fn spend(&mut self, name_bytes: u64, bytes: u64) -> Result<(), Limit> {
        let within = |limit: Option<u64>, amount: u64| limit.is_none_or(|limit| amount <= limit);
        if !within(self.left.name, name_bytes) {
            return Err(Limit::Name);
        }
        if !within(self.left.regions, 1) {
            return Err(Limit::Regions);
        }
        if !within(self.left.bytes, bytes) {
            return Err(Limit::Bytes);
        }
        self.left.regions = self.left.regions.map(|regions| regions - 1);
        self.left.bytes = self.left.bytes.map(|left| left - bytes);
        Ok(())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed { rule } => write!(f, "allowed by rule {rule} of `allow`"),
            Self::Denied(denial) => denial.fmt(f),
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule { rule } => write!(f, "denied by rule {rule} of `deny`"),
            Self::Guarded(bits) => {
                f.write_str("refused as ")?;
                let sensitive = bits & core_properties::SENSITIVE != 0;
                let mmio = bits & core_properties::MMIO != 0;
                f.write_str(match (sensitive, mmio) {
                    (true, true) => "`sensitive` and `mmio`",
                    (false, true) => "`mmio`",
                    _ => "`sensitive`",
                })?;
                f.write_str(", which the consumer does not permit by name")
            }
            Self::Lacks(bits) => write!(f, "lacks required properties, bits {bits:#x}"),
            Self::NotAllowed => f.write_str("no rule of `allow` names it"),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Regions => "no region is left in the consumer's budget",
            Self::Name => "the name is longer than the consumer's budget allows",
            Self::Bytes => "too few bytes are left in the consumer's budget",
        })
    }
}

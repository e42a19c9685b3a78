//! The rules: for every change of every fact of every kind of thing, whom it hurts, and how to do it otherwise.
//!
//! A change is *stray* if it changes what a released version was: what is there as of that version differs from what
//! was released. It is *grown* if a younger version brings it. The table has an outcome for both. `facts_of` is the
//! list of what may be said of each subject; tests hold table, list, examples and document together.

mod table;

use std::sync::OnceLock;

use super::compare::Change;
use super::{Fact, ItemKind};

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each is named as in the language")]
pub enum Subject {
    Schema,
    Constant,
    Enum,
    EnumMember,
    Flags,
    Flag,
    Properties,
    Property,
    Struct,
    Field,
    Entry,
    EntryField,
    Class,
    Space,
    Consumer,
}

/// Whom a change hurts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Consequence {
    /// Tables of one version are refused by readers of another, or their rows mean something else.
    Table,
    /// Structs are refused, or decode to something else.
    Decoders,
    /// Objects compiled before and after do not fit together.
    CAbi,
    /// C sources do not compile any longer, or with warnings.
    CApi,
    /// Rust sources do not compile any longer, or with warnings.
    RustApi,
}

/// A set of [`Consequence`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consequences(u8);

/// How bad a change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nobody notices.
    Nothing,
    /// Somebody may want to know.
    Note,
    /// Something that worked does not.
    Break,
}

/// What a change comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How bad it is.
    pub severity: Severity,
    /// Whom it hurts.
    pub consequences: Consequences,
    /// A reader of the old release meets a table of the new one.
    pub old_reader: bool,
    /// A reader of the new release meets a table of the old one.
    pub new_reader: bool,
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Stable, in kebab case.
    pub name: &'static str,
    /// What it is about.
    pub subject: Subject,
    /// The change that breaks it.
    pub change: Change,
    /// Where the change is one of a released version.
    pub stray: Outcome,
    /// Where a younger version brings it.
    pub grown: Outcome,
    /// How to do it so that nobody is hurt; `{next}` stands for the next version.
    pub help: &'static str,
}

impl Consequence {
    /// Each of them, the gravest first.
    pub const ALL: [Self; 5] = [Self::Table, Self::Decoders, Self::CAbi, Self::CApi, Self::RustApi];

    /// Its word in JSON and in the document.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Decoders => "decoders",
            Self::CAbi => "c-abi",
            Self::CApi => "c-api",
            Self::RustApi => "rust-api",
        }
    }

    /// What it is called in a heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Table => "the table format",
            Self::Decoders => "decoders",
            Self::CAbi => "the C ABI",
            Self::CApi => "the C API",
            Self::RustApi => "the Rust API",
        }
    }
}

impl Consequences {
    /// Whether one is among them.
    #[must_use]
    pub fn has(self, consequence: Consequence) -> bool {
        self.0 & bit(consequence) != 0
    }

    /// Them, the gravest first.
    pub fn iter(self) -> impl Iterator<Item = Consequence> {
        Consequence::ALL.into_iter().filter(move |it| self.has(*it))
    }
}

const fn bit(consequence: Consequence) -> u8 {
    1 << consequence as u8
}

impl Subject {
    /// Every subject.
    pub const ALL: [Self; 15] = [
        Self::Schema,
        Self::Constant,
        Self::Enum,
        Self::EnumMember,
        Self::Flags,
        Self::Flag,
        Self::Properties,
        Self::Property,
        Self::Struct,
        Self::Field,
        Self::Entry,
        Self::EntryField,
        Self::Class,
        Self::Space,
        Self::Consumer,
    ];

    /// What it is called in messages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Schema => "schema",
            Self::Constant => "constant",
            Self::Enum => "enum",
            Self::EnumMember => "member",
            Self::Flags => "flags set",
            Self::Flag => "flag",
            Self::Properties => "properties item",
            Self::Property => "property",
            Self::Struct => "struct",
            Self::Field => "field",
            Self::Entry => "entry",
            Self::EntryField => "field",
            Self::Class => "class",
            Self::Space => "space",
            Self::Consumer => "consumer",
        }
    }

    /// That of an item.
    #[must_use]
    pub fn of_item(kind: ItemKind) -> Self {
        match kind {
            ItemKind::Constant => Self::Constant,
            ItemKind::Enum => Self::Enum,
            ItemKind::Flags => Self::Flags,
            ItemKind::Properties => Self::Properties,
            ItemKind::Struct => Self::Struct,
            ItemKind::Entry => Self::Entry,
            ItemKind::Class => Self::Class,
            ItemKind::Space => Self::Space,
            ItemKind::Consumer => Self::Consumer,
        }
    }

    /// That of a member of an item; `None` where the kind has none.
    #[must_use]
    pub fn of_member(kind: ItemKind) -> Option<Self> {
        match kind {
            ItemKind::Enum => Some(Self::EnumMember),
            ItemKind::Flags => Some(Self::Flag),
            ItemKind::Properties => Some(Self::Property),
            ItemKind::Struct => Some(Self::Field),
            ItemKind::Entry => Some(Self::EntryField),
            ItemKind::Constant | ItemKind::Class | ItemKind::Space | ItemKind::Consumer => None,
        }
    }
}

/// The facts that may be said of a subject.
#[must_use]
pub fn facts_of(subject: Subject) -> &'static [Fact] {
    use Fact::*;
    match subject {
        Subject::Schema => &[],
        Subject::Constant => &[Type, From, Value, Since, Deprecated, CName, RustName],
        Subject::Enum => &[Size, Type, Signed, From, Open, Since, Deprecated, CName, RustName],
        Subject::EnumMember => &[Value, Since, Deprecated, Removed, CName, RustName],
        Subject::Flags => &[Type, Since, Deprecated, CName, RustName],
        Subject::Flag | Subject::Property => &[Mask, Since, Deprecated, Removed, CName, RustName],
        Subject::Properties => &[Name, Since, Deprecated, CName, RustName],
        Subject::Struct => &[
            Form,
            Size,
            Align,
            From,
            Since,
            Deprecated,
            Typedef,
            CName,
            RustName,
            RustNames,
            RustForm,
            RustNoCopy,
            RustNoDebug,
        ],
        Subject::Field => &[
            Offset, Bit, Size, Bits, Type, Expected, Count, Tag, When, List, Ring, Unit, Display,
            If, Debug, Sensitive, Since, Deprecated, Removed, CName, RustName, RustNames, RustPath,
        ],
        Subject::Entry => &[Name, Size, Since, Deprecated, CName, RustName, RustNames],
        Subject::EntryField => &[
            Offset, Size, Type, Default, Unit, Display, Sensitive, Since, Deprecated, Removed,
            CName, RustName,
        ],
        Subject::Class => {
            &[Type, Since, Deprecated, Removed, Number, Key, Properties, CName, RustName]
        }
        Subject::Space => &[
            Since, Deprecated, Number, Section, Base, Assign, Partial, MaxRegions, CName, RustName,
        ],
        Subject::Consumer => &[
            Since,
            Deprecated,
            Allow,
            Deny,
            Require,
            Permit,
            Order,
            LimitRegions,
            LimitName,
            LimitBytes,
            CName,
            RustName,
        ],
    }
}

/// The rule for a change.
#[must_use]
pub fn rule(subject: Subject, change: Change) -> Option<&'static Rule> {
    // Subjects are few and so are their rules.
    rules().iter().find(|rule| rule.subject == subject && rule.change == change)
}

/// Every rule, by subject.
#[must_use]
pub fn rules() -> &'static [Rule] {
    static RULES: OnceLock<Vec<Rule>> = OnceLock::new();
    RULES.get_or_init(table::table)
}

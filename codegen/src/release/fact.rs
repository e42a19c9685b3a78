//! Facts: what may be said of an item or a member, and the values that facts have.
//!
//! A number may differ between targets. It is kept once where all of them agree, which is what nearly always happens.

use std::fmt;

use crate::model::Target;

macro_rules! facts {
    ($($(#[$doc:meta])* $name:ident $word:literal)*) => {
        /// One thing that may be said, in the order in which a lock says it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fact { $($(#[$doc])* $name,)* }

        impl Fact {
            /// Every fact.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its word in a lock.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

facts! {
    /// Of an aggregate: `struct`, `union`, `record`, `extern`.
    Form "form"
    /// What a properties or entry item is called: a schema has one of each, so that the name is no key.
    Name "name"
    /// First byte, from the start of the item.
    Offset "offset"
    /// First bit of a bit-field, counted as DWARF does.
    Bit "bit"
    /// Bytes.
    Size "size"
    /// Width of a bit-field.
    Bits "bits"
    /// Bytes.
    Align "align"
    /// The type as the language writes it.
    Type "type"
    /// A C enum that takes negative values.
    Signed "signed"
    /// The header of what is captured, or `rust`.
    From "from"
    /// Of a constant or a member of an enum.
    Value "value"
    /// The bits of a flag: `4`, `4..7`.
    Mask "mask"
    /// An enum that may hold other values.
    Open "open"
    /// What an older table's reader sees.
    Default "default"
    /// What a decoder expects to find.
    Expected "expected"
    /// How many elements are valid.
    Count "count"
    /// The field that says which arm of a union is valid.
    Tag "tag"
    /// For which values of the tag an arm is valid.
    When "when"
    /// What hangs on a list head.
    List "list"
    /// Where the next element of a ring goes.
    Ring "ring"
    /// The unit of a number.
    Unit "unit"
    /// How a value is shown.
    Display "display"
    /// The macro without which a field is absent.
    If "if"
    /// Its place comes from the debug information of the image.
    Debug "debug"
    /// Not printed or copied unless permitted.
    Sensitive "sensitive"
    /// The version that brought it.
    Since "since"
    /// The version that deprecated it.
    Deprecated "deprecated"
    /// The version that removed it.
    Removed "removed"
    /// The number of a class or a space.
    Number "number"
    /// What `instance` means in a class.
    Key "key"
    /// Property bits of every entry of a class.
    Properties "properties"
    /// Bytes of a section of a space.
    Section "section"
    /// The first address of a space.
    Base "base"
    /// How a space assigns addresses.
    Assign "assign"
    /// What a space does with parts of sections.
    Partial "partial"
    /// The most regions of a space.
    MaxRegions "max_regions"
    /// What a consumer is allowed.
    Allow "allow"
    /// What a consumer is denied.
    Deny "deny"
    /// Property bits that a consumer asks for.
    Require "require"
    /// Restrictions that a consumer lifts.
    Permit "permit"
    /// Who comes first.
    Order "order"
    /// A consumer's budget of regions.
    LimitRegions "limit_regions"
    /// A consumer's budget of bytes of a name.
    LimitName "limit_name"
    /// A consumer's budget of bytes.
    LimitBytes "limit_bytes"
    /// The C name is a typedef.
    Typedef "typedef"
    /// The C name, where it does not follow from the schema's.
    CName "c_name"
    /// The Rust name, where it does not follow from the schema's.
    RustName "rust_name"
    /// Names in generated Rust that gave way to others of the schema, and what is missing there.
    RustNames "rust_names"
    /// What a struct is in Rust, where it is none with fields.
    RustForm "rust_form"
    /// The anonymous fields on the way to a field in Rust.
    RustPath "rust_path"
    /// It has no `Clone` and `Copy` in Rust.
    RustNoCopy "rust_no_copy"
    /// It has no `Debug` in Rust.
    RustNoDebug "rust_no_debug"
}

impl Fact {
    /// The fact with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|fact| fact.word() == word)
    }

    /// What its value looks like.
    #[must_use]
    pub fn form(self) -> ValueForm {
        use Fact::*;
        match self {
            Open | Debug | Sensitive | Typedef | RustNoCopy | RustNoDebug => ValueForm::Yes,
            Offset | Bit | Size | Align | Signed => ValueForm::PerTarget,
            Bits | Since | Removed | Number | Section | Base | MaxRegions | LimitRegions
            | LimitName | LimitBytes => ValueForm::Number,
            Form | Name | Type | From | Value | Mask | Default | Expected | Count | Tag | When
            | List | Ring | Unit | Display | If | Deprecated | Key | Properties | Assign
            | Partial | Allow | Deny | Require | Permit | Order | CName | RustName | RustNames
            | RustForm | RustPath => ValueForm::Text,
        }
    }
}

/// The form of a fact's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueForm {
    /// It is said or not.
    Yes,
    /// A number that may differ between targets.
    PerTarget,
    /// A number.
    Number,
    /// A text.
    Text,
}

/// The value of a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// It is so.
    Yes,
    /// The same number on every target.
    Number(u64),
    /// A number for each target, by [`Target::index`]; no two numbers are the same number everywhere.
    PerTarget(Box<[u64; Target::COUNT]>),
    /// Words.
    Text(Box<str>),
}

impl Value {
    /// A number for each target.
    #[must_use]
    pub fn by_target(numbers: [u64; Target::COUNT]) -> Self {
        match numbers.iter().all(|number| *number == numbers[0]) {
            true => Self::Number(numbers[0]),
            false => Self::PerTarget(Box::new(numbers)),
        }
    }

    /// A text.
    #[must_use]
    pub fn text(text: impl Into<Box<str>>) -> Self {
        Self::Text(text.into())
    }

    /// The number on a target, if it is one.
    #[must_use]
    pub fn on(&self, target: Target) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::PerTarget(numbers) => numbers.get(target.index()).copied(),
            Self::Yes | Self::Text(_) => None,
        }
    }

    /// The sum of two numbers, target by target.
    #[must_use]
    pub(super) fn plus(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Number(0), sum) | (sum, Self::Number(0)) => sum.clone(),
            (Self::Number(a), Self::Number(b)) => Self::Number(a.saturating_add(*b)),
            _ => {
                let mut sum = [0; Target::COUNT];
                for (target, place) in Target::all().zip(&mut sum) {
                    let parts = [self.on(target), other.on(target)].map(Option::unwrap_or_default);
                    *place = parts[0].saturating_add(parts[1]);
                }
                Self::by_target(sum)
            }
        }
    }

    /// The value on one target, for messages.
    #[must_use]
    pub fn shown_on(&self, target: Target) -> String {
        match self.on(target) {
            Some(number) => number.to_string(),
            None => self.to_string(),
        }
    }
}

/// Short, for messages: the number of the first target, where they differ, and that they do.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yes => f.write_str("yes"),
            Self::Number(number) => write!(f, "{number}"),
            Self::PerTarget(numbers) => write!(f, "{} or other", numbers[0]),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// Some of the targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Targets(u32);

impl Targets {
    /// All of them.
    #[must_use]
    pub fn all() -> Self {
        Target::all().collect()
    }

    /// Whether a target is among them.
    #[must_use]
    pub fn has(self, target: Target) -> bool {
        self.0 >> target.index() & 1 != 0
    }

    /// Those in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those in either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Them, in the usual order.
    pub fn iter(self) -> impl Iterator<Item = Target> {
        Target::all().filter(move |target| self.has(*target))
    }
}

impl FromIterator<Target> for Targets {
    fn from_iter<I: IntoIterator<Item = Target>>(targets: I) -> Self {
        Self(targets.into_iter().fold(0, |bits, target| bits | 1 << target.index()))
    }
}

impl fmt::Display for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::all() {
            return f.write_str("every target");
        }
        let names = |has: bool| {
            let some = Target::all().filter(|target| self.has(*target) == has);
            some.map(Target::name).collect::<Vec<_>>()
        };
        let (with, without) = (names(true), names(false));
        match without.len() < 4 {
            true => write!(f, "every target but {}", without.join(", ")),
            false => f.write_str(&with.join(", ")),
        }
    }
}

//! The types of a table, compiled: every struct with its members in a row, each with its place, its kind and
//! what the tags say of it.
//!
//! A plan is made once for a table, owns what it holds, and is never searched while values are decoded. It is
//! made of bytes that nobody vouches for: indexes in it are valid, places in it are not believed to lie
//! inside anything.

use std::collections::{HashMap, HashSet};
use std::fmt;

use inspect_format::abi::Order;
use inspect_format::btf;

use super::formula::Formula;
use super::sink::{Display, Hints, Name};

/// The types of a table, ready to decode with.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) order: Order,
    pub(super) word_size: u8,
    /// By id; that of 0 is `void`.
    pub(super) types: Vec<Shape>,
    pub(super) composites: Vec<Composite>,
    pub(super) members: Vec<Member>,
    pub(super) extras: Vec<Extra>,
    pub(super) enums: Vec<Enum>,
    pub(super) flag_sets: Vec<Vec<Flag>>,
    pub(super) names: Vec<NameText>,
    /// Structs, unions and typedefs.
    pub(super) by_name: HashMap<Box<str>, u32>,
}

/// Why there is no plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanError {
    /// The section is no BTF.
    Btf(btf::Error),
    /// It is longer than [`Plan::BYTES_MAX`].
    TooLarge,
    /// Its names are many times as long as it is itself.
    Names,
    /// A word of neither 4 nor 8 bytes.
    WordSize(u8),
}

/// A name, and the same as a key of JSON.
#[derive(Clone, Debug, Default)]
pub(super) struct NameText {
    pub(super) text: Box<str>,
    pub(super) json_key: Box<str>,
}

/// What a type is, and how many bytes it has: 0 where nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) kind: Kind,
    pub(super) size: u64,
}

/// The kinds of types that a decoder tells apart. Typedefs and qualifiers have been passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of 1, 2, 4 or 8 bytes.
    Int {
        signed: bool,
        order: Order,
    },
    /// Of 16 bytes.
    Wide {
        signed: bool,
    },
    Bool,
    Char,
    /// Of 4 or 8 bytes.
    Float,
    /// To a type by its id.
    Pointer(u32),
    /// Of elements of the type with an id; the size says how many.
    Array(u32),
    /// An array of characters.
    Text,
    /// In `composites`.
    Composite(u32),
    /// In `enums`.
    Enum {
        index: u32,
        signed: bool,
    },
    /// In `flag_sets`.
    Flags(u32),
    Void,
    Function,
    /// A member that its compiler did not have.
    Absent,
    /// Bytes, and why no more is known of them.
    Opaque(Why),
}

/// Why a type is nothing but bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Unknown,
    Circle,
    Forward,
    OddInteger,
    OddFloat,
    OddBits,
    TooLarge,
    NoValue,
}

/// A struct or union.
#[derive(Clone, Debug)]
pub(super) struct Composite {
    pub(super) name: u32,
    pub(super) is_union: bool,
    /// In `members`.
    pub(super) first: u32,
    pub(super) count: u32,
    pub(super) size: u64,
    /// Characters of the longest name, anonymous members entered.
    pub(super) name_width: u32,
    /// Something in it must not be shown.
    pub(super) has_sensitive: bool,
    /// It holds nothing but pointers to its like: following them shows nothing.
    pub(super) is_links: bool,
    pub(super) is_incomplete: bool,
}

/// A member, its type at hand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    /// 0 for an anonymous struct or union.
    pub(super) name: u32,
    /// Counted as `inspect_format::bits` does.
    pub(super) bit_offset: u32,
    /// 0 for whole bytes.
    pub(super) bit_size: u8,
    pub(super) display: Display,
    /// A name; 0 for none.
    pub(super) unit: u32,
    /// In `extras`; [`NO_EXTRA`] for nothing.
    pub(super) extra: u32,
    pub(super) type_id: u32,
    pub(super) shape: Shape,
}

/// Nothing is to be said of a member but its type.
pub(super) const NO_EXTRA: u32 = u32::MAX;

/// What the tags say of a member, forms and units aside.
#[derive(Clone, Debug, Default)]
pub(super) struct Extra {
    pub(super) is_sensitive: bool,
    pub(super) is_bytes: bool,
    pub(super) is_string: bool,
    pub(super) count: Option<Count>,
    pub(super) tag: Option<Tag>,
    pub(super) list: Option<Result<List, &'static str>>,
    pub(super) ring: Option<Place>,
    pub(super) expected: Option<Expected>,
}

/// How many elements are valid.
#[derive(Clone, Debug)]
pub(super) enum Count {
    Formula(Formula),
    /// One that names what the types section does not have.
    Unknown,
}

/// Which arm of a union is valid.
#[derive(Clone, Debug)]
pub(super) struct Tag {
    /// `None` where the types section does not have it.
    pub(super) place: Option<Place>,
    /// Values and members, by value.
    pub(super) arms: Vec<(i128, u32)>,
    pub(super) otherwise: Option<u32>,
}

/// What hangs on a list head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct List {
    pub(super) element: u32,
    /// From the head to its pointer to the first link.
    pub(super) head_offset: u64,
    /// From an element to its link.
    pub(super) link_offset: u64,
    /// From a link to its pointer to the next one.
    pub(super) next_offset: u64,
    /// Pointers lead to elements, not to the links in them.
    pub(super) leads_to_element: bool,
}

/// What the schema demands of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Number(i128),
    Bytes(Box<[u8]>),
}

/// Where a number lies that a formula, a tag or a ring needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// How many structs further out than the member that needs it.
    pub(super) up: u8,
    /// The struct there, in `composites`.
    pub(super) composite: u32,
    pub(super) bit_offset: u64,
    pub(super) bit_size: u32,
    pub(super) signed: bool,
    pub(super) order: Order,
}

/// The names of an enum's values.
#[derive(Clone, Debug, Default)]
pub(super) struct Enum {
    /// By value, negative ones as they look in 64 bits.
    pub(super) names: Vec<(u64, u32)>,
}

/// A member of a set of flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flag {
    pub(super) first: u8,
    pub(super) is_range: bool,
    pub(super) mask: u64,
    pub(super) name: u32,
}

impl Plan {
    /// A types section may have so many bytes; those of kernels have ten million.
    pub const BYTES_MAX: usize = 32 << 20;

    /// Compiles the types section of a table whose pointers have `word_size` bytes.
    pub fn new(types: &[u8], word_size: u8) -> Result<Self, PlanError> {
        super::compile::compile(types, word_size)
    }

    /// A plan without any type: it shows bytes.
    #[must_use]
    pub fn without_types(order: Order, word_size: u8) -> Self {
        Self {
            order,
            word_size: if word_size == 4 { 4 } else { 8 },
            types: vec![Shape::VOID],
            composites: Vec::new(),
            members: Vec::new(),
            extras: Vec::new(),
            enums: Vec::new(),
            flag_sets: Vec::new(),
            names: vec![NameText::default()],
            by_name: HashMap::new(),
        }
    }

    /// The producer's byte order.
    #[must_use]
    pub fn order(&self) -> Order {
        self.order
    }

    /// Bytes of the producer's pointers.
    #[must_use]
    pub fn word_size(&self) -> u8 {
        self.word_size
    }

    /// The id of a struct, union or typedef by its C name.
    #[must_use]
    pub fn type_named(&self, c_name: &str) -> Option<u32> {
        self.by_name.get(c_name).copied()
    }

    /// Bytes of a type; `None` for what has no size.
    #[must_use]
    pub fn size_of(&self, type_id: u32) -> Option<u64> {
        let size = self.shape(type_id).size;
        (size > 0).then_some(size)
    }

    /// Whether all that there is to a value of a type is its bytes: it holds neither pointers nor
    /// anything sensitive.
    pub(crate) fn is_plain(&self, type_id: u32) -> bool {
        let mut seen = HashSet::new();
        let mut left = vec![self.shape(type_id)];
        while let Some(shape) = left.pop() {
            match shape.kind {
                Kind::Pointer(_) => return false,
                Kind::Array(element) => left.push(self.shape(element)),
                Kind::Composite(index) if seen.insert(index) => {
                    let Some(composite) = self.composite(index) else { continue };
                    if composite.has_sensitive {
                        return false;
                    }
                    let members = self.members_of(composite);
                    let is_address =
                        |it: &Member| matches!(it.display, Display::Address | Display::Code);
                    if members.iter().any(is_address) {
                        return false;
                    }
                    left.extend(members.iter().map(|member| member.shape));
                }
                _ => {}
            }
        }
        true
    }

    /// The type with an id; ids that do not exist are unknown types.
    pub(super) fn shape(&self, type_id: u32) -> Shape {
        let found = usize::try_from(type_id).ok().and_then(|index| self.types.get(index));
        found.copied().unwrap_or(Shape::opaque(Why::Unknown, 0))
    }

    pub(super) fn composite(&self, index: u32) -> Option<&Composite> {
        self.composites.get(index as usize)
    }

    pub(super) fn members_of(&self, composite: &Composite) -> &[Member] {
        let first = composite.first as usize;
        self.members.get(first..first + composite.count as usize).unwrap_or(&[])
    }

    pub(super) fn extra(&self, member: &Member) -> Option<&Extra> {
        if member.extra == NO_EXTRA { None } else { self.extras.get(member.extra as usize) }
    }

    pub(super) fn name(&self, index: u32) -> Name<'_> {
        match self.names.get(index as usize) {
            Some(name) => Name { text: &name.text, json_key: &name.json_key },
            None => Name::new(""),
        }
    }

    pub(super) fn hints(&self, member: &Member) -> Hints<'_> {
        let unit = if member.unit == 0 { "" } else { self.name(member.unit).text };
        Hints { display: member.display, unit }
    }

    /// The name of an enum's value.
    pub(super) fn enumerator(&self, index: u32, value: u64) -> Option<Name<'_>> {
        let names = &self.enums.get(index as usize)?.names;
        // Most enums count from 0, and their names stand at their values.
        let guess = usize::try_from(value).ok().and_then(|at| names.get(at));
        let found = match guess {
            Some(found) if found.0 == value => found,
            _ => names.get(names.binary_search_by_key(&value, |name| name.0).ok()?)?,
        };
        Some(self.name(found.1))
    }
}

impl Kind {
    /// Whether it is a number of 1, 2, 4 or 8 bytes, and in which order these are.
    #[inline]
    pub(super) fn number_order(self, order: Order) -> Option<Order> {
        match self {
            Self::Int { order, .. } => Some(order),
            Self::Bool | Self::Char | Self::Enum { .. } | Self::Flags(_) | Self::Float => {
                Some(order)
            }
            _ => None,
        }
    }
}

impl Shape {
    pub(super) const VOID: Self = Self { kind: Kind::Void, size: 0 };

    pub(super) const fn opaque(why: Why, size: u64) -> Self {
        Self { kind: Kind::Opaque(why), size }
    }

    pub(super) fn composite(self) -> Option<u32> {
        match self.kind {
            Kind::Composite(index) => Some(index),
            _ => None,
        }
    }
}

impl Why {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Unknown => "the type does not exist",
            Self::Circle => "the type leads in circles",
            Self::Forward => "the type is only declared",
            Self::OddInteger => "an integer of an unknown width",
            Self::OddFloat => "a floating-point number of an unknown width",
            Self::OddBits => "a bit-field of an impossible type or width",
            Self::TooLarge => "the type is too large",
            Self::NoValue => "the type has no values",
        }
    }
}

impl std::error::Error for PlanError {}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Btf(error) => error.fmt(f),
            Self::TooLarge => {
                write!(f, "type information of more than {} MiB", Plan::BYTES_MAX >> 20)
            }
            Self::Names => f.write_str("type information whose names overlap beyond reason"),
            Self::WordSize(size) => write!(f, "pointers of {size} bytes are not known"),
        }
    }
}

//! The tree of a binary's types: what BTF and DWARF have in common, and nothing of how either says it.
//!
//! A type refers to others by [`Key`], so that only what somebody asks for is read. Qualifiers are gone: a key
//! never leads to one.

/// The place of a type in the binary that it was read from. Keys of two binaries have nothing in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub(super) u64);

/// One type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// `void`, `()` or no type at all.
    Void,
    /// A number, a truth value, a character.
    Scalar(Scalar),
    /// A pointer or a reference.
    Pointer(Pointer),
    /// A function: only pointers lead to one.
    Function,
    /// An array.
    Array(Array),
    /// An enum whose members have no fields.
    Enum(Enum),
    /// A struct, union or class, or what Rust makes into one.
    Composite(Composite),
    /// Another name.
    Typedef(Typedef),
    /// Something that has a size, and a name for people, and no more that is understood.
    Other(Other),
}

/// A number, a truth value, a character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    /// As the compiler calls it: `long unsigned int`, `u64`.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// What its bytes mean.
    pub encoding: Encoding,
}

/// What the bytes of a scalar mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// A number without a sign.
    Unsigned,
    /// A number with one.
    Signed,
    /// A truth value.
    Boolean,
    /// A byte of text, or a character of more bytes.
    Character,
    /// A floating-point number.
    Float,
    /// Complex numbers, decimal numbers, and whatever else there is.
    Other,
}

/// A pointer or a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// What it points at.
    pub target: Key,
    /// Bytes.
    pub size: u64,
}

/// An array of one dimension; one of several is an array of arrays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Array {
    /// The type of an element.
    pub element: Key,
    /// The lengths, the outermost first. 0 and unknown are the same: no elements by themselves.
    pub lengths: Vec<u64>,
}

/// An enum whose members have no fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enum {
    /// Empty where it has none.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Whether values may be negative.
    pub signed: bool,
    /// In order. None where only the name is known.
    pub members: Vec<(String, i128)>,
    /// Only the name is known here.
    pub is_declaration: bool,
}

impl Enum {
    /// Its bits.
    fn bits(&self) -> u32 {
        (self.size.clamp(1, 8) * 8) as u32
    }

    /// Whether a value fits, with a sign or without one.
    #[must_use]
    pub fn holds(&self, value: i128) -> bool {
        let bits = self.bits();
        (-(1 << (bits - 1))..1 << bits).contains(&value)
    }

    /// A value as the type holds it: compilers write -1 for the highest one, and the other way round.
    #[must_use]
    pub fn in_width(&self, value: i128) -> i128 {
        let bits = self.bits();
        let low = value & ((1 << bits) - 1);
        if self.signed && low >> (bits - 1) & 1 == 1 { low - (1 << bits) } else { low }
    }
}

/// A struct, union or class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composite {
    /// Without the namespaces around it; empty where it has none.
    pub name: String,
    /// Whether its members share their bytes.
    pub union: bool,
    /// Bytes.
    pub size: u64,
    /// Bytes, where the compiler says so.
    pub align: Option<u64>,
    /// As declared; static members and methods are none.
    pub members: Vec<Member>,
    /// Only the name is known here.
    pub is_declaration: bool,
    /// Why members cannot be told from one another, if so: an enum of Rust whose variants have fields.
    pub mixed: Option<&'static str>,
    /// The name of a base class whose place only a running program knows.
    pub virtual_base: Option<String>,
}

/// A member of a composite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Empty for an anonymous struct or union, and for unnamed bits.
    pub name: String,
    /// Its type.
    pub ty: Key,
    /// Bits from the start, counted as `DW_AT_data_bit_offset` does: on big-endian targets from the most
    /// significant bit of the first byte.
    pub bit_offset: u64,
    /// The width of a bit-field.
    pub bits: Option<u64>,
    /// Bytes, where the compiler says so.
    pub align: Option<u64>,
    /// A base class.
    pub is_base: bool,
}

/// Another name for a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typedef {
    /// The name.
    pub name: String,
    /// What it stands for.
    pub target: Key,
}

/// A type that has no more than a size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// What it is, for people.
    pub what: String,
    /// Bytes.
    pub size: u64,
    /// Bytes, as compilers align it; 1 where that is not known.
    pub align: u64,
}

/// The languages whose types differ in more than their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// C, and whatever follows its rules.
    C,
    /// C++.
    Cpp,
    /// Rust.
    Rust,
}

/// Which kind of type a name belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A struct or class.
    Struct,
    /// A union.
    Union,
    /// An enum.
    Enum,
    /// A typedef.
    Typedef,
}

impl Kind {
    /// The word in C.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Struct => "struct",
            Self::Union => "union",
            Self::Enum => "enum",
            Self::Typedef => "typedef",
        }
    }
}

//! Types and where their parts lie: aggregates, fields, scalars, layouts, and what fields say of each other.

use super::ByteOrder;
use super::{AggregateId, ConstantId, EnumId, FlagsId, Naming, SchemaId, Target};
use crate::operator::BinaryOperator;
use crate::source::Span;

/// A struct, union, record, or inline aggregate.
#[derive(Clone, Debug)]
pub struct Aggregate {
    /// The schema it belongs to.
    pub schema: SchemaId,
    /// Its names. For an inline aggregate the names are derived from its parent's and its field's, so that
    /// a language without anonymous types can declare it beside the parent; see [`Aggregate::parent`].
    pub naming: Naming,
    /// The kind.
    pub kind: AggregateKind,
    /// A union; otherwise a struct.
    pub union: bool,
    /// For an inline aggregate: whose field it is the type of.
    pub parent: Option<(AggregateId, usize)>,
    /// `#[packed]`
    pub packed: bool,
    /// `#[align(n)]`, in bytes.
    pub align: Option<u32>,
    /// `#[c_type("foo_t")]`: the C name is a typedef.
    pub c_typedef: bool,
    /// In order. Every byte that C would leave as padding is *not* listed for a struct; a record has none;
    /// `#[offset]` has become explicit padding.
    pub fields: Vec<Field>,
    /// `#[debug]`: no producer's compiler can be asked for its size, only the debug information of the image.
    /// Where it is written, `shop.inspect:7`.
    pub debug: Option<String>,
    /// One layout per target; `None` where a compiler has to capture it.
    pub layouts: Option<Layouts>,
    /// Holds a pointer, a C type or an enum of the target's size, directly or inside: its layout or the
    /// meaning of its bytes differs between word sizes.
    pub target_dependent: bool,
    /// Its last field is a flexible array, directly or inside its last field.
    pub flexible: bool,
}

/// What kind of aggregate it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AggregateKind {
    /// Laid out by the target's C ABI.
    Struct,
    /// The same bytes on every target but for byte order.
    Record,
    /// Laid out by the producer's C compiler; the header that declares it.
    ExternC {
        /// `linux/mmzone.h`
        header: String,
    },
    /// Laid out by rustc; described beside the type.
    ExternRust,
}

/// A field of an aggregate.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its names; `None` for padding and for anonymous aggregates.
    pub naming: Option<Naming>,
    /// Where it is written.
    pub origin: Span,
    /// Its type. For a bit-field the type of its storage unit.
    pub ty: Type,
    /// A bit-field's width; 0 only without a name.
    pub bits: Option<u32>,
    /// `#[align(n)]`, in bytes.
    pub align: Option<u32>,
    /// `#[packed]` on the field: alignment 1.
    pub packed: bool,
    /// `= value`: what a decoder expects to find.
    pub expected: Option<Value>,
    /// How many elements are valid: `#[count]`.
    pub count: Option<Box<Formula>>,
    /// `#[tag(kind)]` on a union: which field says which arm is valid.
    pub tag: Option<Box<FieldPath>>,
    /// On an arm of a tagged union.
    pub arm: Option<Arm>,
    /// `#[list(task.sibling)]`: what hangs on this head, and by which member.
    pub list: Option<Box<List>>,
    /// `#[ring(next = head)]`: the field that says where the next element goes,
    /// modulo the length.
    pub ring: Option<Box<FieldPath>>,
    /// `#[unit("bytes")]`
    pub unit: Option<String>,
    /// `#[display(hex)]`
    pub display: Option<Display>,
    /// `#[if("CONFIG_SMP")]`: absent where this macro is not defined. Only in `extern` structs.
    pub condition: Option<String>,
    /// A field of an `extern` struct whose place no expression of the producer's compiler tells: a bit-field, or
    /// one with `#[debug]`. Its place comes from the debug information of the image when that is packed. Where it
    /// is written, `shop.inspect:12`.
    pub debug: Option<String>,
    /// `#[sensitive]`
    pub sensitive: bool,
}

impl Field {
    /// Its name in the schema, empty for padding and anonymous aggregates.
    #[must_use]
    pub fn name(&self) -> &str {
        self.naming.as_ref().map_or("", |naming| &naming.name)
    }

    /// Padding: no name, and nothing inside that has one.
    #[must_use]
    pub fn is_padding(&self) -> bool {
        self.naming.is_none() && !matches!(self.ty, Type::Aggregate(_))
    }
}

/// A checked type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// A number, a truth value, a character.
    Scalar(Scalar),
    /// `atomic<u32>`
    Atomic(Scalar),
    /// `*T`
    Pointer(Box<Pointee>),
    /// `[T; N]`
    Array(Box<Type>, Length),
    /// `[T]`: the last field of a struct, the target of a class, behind a pointer with `#[count]`.
    Flexible(Box<Type>),
    /// `text<N>`: N bytes, up to the first NUL or all of them.
    Text(u64),
    /// `bytes<N>`
    Bytes(u64),
    /// `string`: a reference into the table's strings; in entries.
    String,
    /// `opaque`: size and alignment captured; in `extern` structs.
    Opaque,
    /// A struct, union, record, or inline aggregate.
    Aggregate(AggregateId),
    /// An enum.
    Enum(EnumId),
    /// A set of flags.
    Flags(FlagsId),
}

/// What a pointer points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pointee {
    /// `*void`
    Void,
    /// `*fn`
    Function,
    /// `*char`: a NUL-terminated string, unless the field has a count.
    Text,
    /// Anything else.
    Type(Type),
}

/// How many elements an array has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// Known.
    Fixed(u64),
    /// `[T; _]`, or an expression over captured constants: the compiler knows. In `extern` structs.
    Captured,
}

/// The scalar types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each is named as in the language")]
pub enum Scalar {
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    F32,
    F64,
    Bool,
    Char,
    Be16,
    Be32,
    Be64,
    Le16,
    Le32,
    Le64,
    Short,
    Ushort,
    Int,
    Uint,
    Long,
    Ulong,
    Longlong,
    Ulonglong,
    Size,
    Ssize,
    Uintptr,
}

/// How many bytes a scalar has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// On every target.
    Fixed(u8),
    /// As many as a pointer.
    Word,
}

impl Scalar {
    /// Every scalar, in the order of the language reference.
    pub const ALL: [Self; 29] = {
        use Scalar::*;
        [
            U8, U16, U32, U64, I8, I16, I32, I64, F32, F64, Bool, Char, Be16, Be32, Be64, Le16,
            Le32, Le64, Short, Ushort, Int, Uint, Long, Ulong, Longlong, Ulonglong, Size, Ssize,
            Uintptr,
        ]
    };

    /// The word in the language.
    #[must_use]
    pub fn word(self) -> &'static str {
        use Scalar::*;
        match self {
            U8 => "u8",
            U16 => "u16",
            U32 => "u32",
            U64 => "u64",
            I8 => "i8",
            I16 => "i16",
            I32 => "i32",
            I64 => "i64",
            F32 => "f32",
            F64 => "f64",
            Bool => "bool",
            Char => "char",
            Be16 => "be16",
            Be32 => "be32",
            Be64 => "be64",
            Le16 => "le16",
            Le32 => "le32",
            Le64 => "le64",
            Short => "short",
            Ushort => "ushort",
            Int => "int",
            Uint => "uint",
            Long => "long",
            Ulong => "ulong",
            Longlong => "longlong",
            Ulonglong => "ulonglong",
            Size => "size",
            Ssize => "ssize",
            Uintptr => "uintptr",
        }
    }

    /// How wide it is.
    #[must_use]
    pub fn width(self) -> Width {
        use Scalar::*;
        match self {
            U8 | I8 | Bool | Char => Width::Fixed(1),
            U16 | I16 | Be16 | Le16 | Short | Ushort => Width::Fixed(2),
            U32 | I32 | F32 | Be32 | Le32 | Int | Uint => Width::Fixed(4),
            U64 | I64 | F64 | Be64 | Le64 | Longlong | Ulonglong => Width::Fixed(8),
            Long | Ulong | Size | Ssize | Uintptr => Width::Word,
        }
    }

    /// Whether it takes negative values. `char` is a byte of text and does not.
    #[must_use]
    pub fn is_signed(self) -> bool {
        use Scalar::*;
        matches!(self, I8 | I16 | I32 | I64 | F32 | F64 | Short | Int | Long | Longlong | Ssize)
    }

    /// Neither a floating-point number nor a truth value nor text.
    #[must_use]
    pub fn is_integer(self) -> bool {
        !matches!(self, Scalar::F32 | Scalar::F64 | Scalar::Bool | Scalar::Char)
    }

    /// A byte order that does not follow the target's.
    #[must_use]
    pub fn fixed_order(self) -> Option<ByteOrder> {
        use Scalar::*;
        match self {
            Be16 | Be32 | Be64 => Some(ByteOrder::Big),
            Le16 | Le32 | Le64 => Some(ByteOrder::Little),
            _ => None,
        }
    }
}

/// The layouts of an aggregate: the distinct ones, and which target has which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layouts {
    /// No two are equal; in the order of the first target that has each.
    pub distinct: Vec<Layout>,
    /// For each target, by [`Target::index`], the position in `distinct`.
    pub by_target: [u8; Target::COUNT],
}

impl Layouts {
    /// The layout on a target.
    #[must_use]
    pub fn on(&self, target: Target) -> &Layout {
        &self.distinct[usize::from(self.by_target[target.index()])]
    }

    /// The layout, where every target has the same.
    #[must_use]
    pub fn common(&self) -> Option<&Layout> {
        match self.distinct.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }
}

/// Where the parts of an aggregate lie.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    /// Bytes, tail padding included; without the elements of a flexible array.
    pub size: u64,
    /// Bytes.
    pub align: u32,
    /// One for each of the aggregate's fields, in the same order.
    pub fields: Vec<Placement>,
}

/// Where a field lies, from the start of the aggregate that directly holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Placement {
    /// Bytes. For a bit-field: the byte that holds its first bit.
    pub offset: u64,
    /// Bytes; 0 for a flexible array. For a bit-field: of its declared type.
    pub size: u64,
    /// For a bit-field: bits from the start of the aggregate, counted as `DW_AT_data_bit_offset` does (on
    /// big-endian targets from the most significant bit of the first byte).
    pub bit_offset: Option<u64>,
}

/// A value known when the schema is compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number, a truth value (0, 1), a character.
    Int(i128),
    /// `b".."`, for `bytes<N>`, `text<N>` and `[u8; N]`; padded with zeros to the type's length.
    Bytes(Vec<u8>),
    /// `".."`, for `string`.
    Text(String),
}

/// The way from an aggregate to a field inside it: positions of fields, by value, from the outermost.
/// Anonymous aggregates on the way are part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldPath {
    /// As written: `a.b.c`.
    pub text: String,
    /// How many aggregates outwards the path starts: 0 is the one that directly holds the field that has the
    /// path, 1 the one that holds that one inline. Always 0 for the link of a [`List`].
    pub up: u32,
    /// The positions.
    pub fields: Vec<usize>,
}

/// A formula over fields, evaluated by a reader in 128-bit signed arithmetic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Formula {
    /// A number.
    Int(i128),
    /// A field, from the aggregate that directly holds the field with the formula, or from one around it.
    Field(FieldPath),
    /// A captured constant.
    Constant(ConstantId),
    /// `-x`
    Negate(Box<Formula>),
    /// `~x`
    Not(Box<Formula>),
    /// `a + b`
    Binary(BinaryOperator, Box<Formula>, Box<Formula>),
}

/// When an arm of a tagged union is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arm {
    /// The tag has one of these values. An `extern` enum's member is named instead: its value is captured.
    When(Vec<ArmValue>),
    /// No other arm is.
    Otherwise,
}

/// One value of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArmValue {
    /// Known.
    Int(i128),
    /// A member of an `extern` enum, by position.
    Captured(EnumId, usize),
}

/// What hangs on a list head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// The type of the elements.
    pub element: AggregateId,
    /// Where the links lie in it.
    pub link: FieldPath,
}

/// How a value wants to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is named as in the language")]
pub enum Display {
    Hex,
    Dec,
    Char,
    Address,
    Code,
    DurationNs,
    TimestampNs,
    Ipv4,
    Ipv6,
    Mac,
    Uuid,
}

impl Display {
    /// Every form with its word in the language.
    pub const WORDS: [(&'static str, Self); 11] = [
        ("hex", Self::Hex),
        ("dec", Self::Dec),
        ("char", Self::Char),
        ("address", Self::Address),
        ("code", Self::Code),
        ("duration_ns", Self::DurationNs),
        ("timestamp_ns", Self::TimestampNs),
        ("ipv4", Self::Ipv4),
        ("ipv6", Self::Ipv6),
        ("mac", Self::Mac),
        ("uuid", Self::Uuid),
    ];

    /// The word in the language.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, display)| *display == self).map_or("", |(word, _)| word)
    }
}

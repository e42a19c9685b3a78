//! The checked model: everything the emitters need, decided.
//!
//! `check` builds it from the syntax trees of a compilation; nobody changes it afterwards. It is complete
//! (every name resolved, every constant computed, every layout known), inert (no function here computes
//! anything that could fail) and ordered: in [`Schema::types`] a type stands after every type that it holds
//! by value, wherever that one is defined. [`Model::assert_valid`] states these promises as code.
//!
//! Ids are positions in the model's arenas and valid in their own model only. Where something cannot be known
//! before a compiler has seen the producer (`extern`), the model says so in the type: [`Length::Captured`],
//! [`ConstantValue::Captured`], [`Aggregate::layouts`] being `None`.

pub mod names;
pub mod target;
mod valid;

use crate::operator::BinaryOperator;
use crate::source::Span;
pub use target::{ByteOrder, Target, TargetInfo};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// The position in its arena.
            #[must_use]
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    )* };
}

ids! {
    /// A [`Schema`] in [`Model::schemas`].
    SchemaId
    /// An [`Aggregate`] in [`Model::aggregates`].
    AggregateId
    /// An [`Enum`] in [`Model::enums`].
    EnumId
    /// A [`Flags`] in [`Model::flags`].
    FlagsId
    /// A [`Constant`] in [`Model::constants`].
    ConstantId
    /// A [`Class`] in [`Model::classes`].
    ClassId
}

/// A whole compilation.
#[derive(Clone, Debug)]
pub struct Model {
    /// Every schema, sorted by name; `inspect.core` is always among them.
    pub schemas: Vec<Schema>,
    /// Every struct, union, record, inline aggregate and entry.
    pub aggregates: Vec<Aggregate>,
    /// Every enum.
    pub enums: Vec<Enum>,
    /// Every set of flags.
    pub flags: Vec<Flags>,
    /// Every constant.
    pub constants: Vec<Constant>,
    /// Every class.
    pub classes: Vec<Class>,
    /// The targets that outputs speak about, sorted, at least one. Layouts exist for all targets.
    pub targets: Vec<Target>,
}

/// One schema.
#[derive(Clone, Debug)]
pub struct Schema {
    /// Its dotted name: `linux.mm`.
    pub name: String,
    /// The version being emitted: the declared one, or the one of `--as-of`.
    pub version: u32,
    /// The declared version.
    pub latest: u32,
    /// Where the header stands.
    pub origin: Span,
    /// Documentation of the file.
    pub docs: String,
    /// Found through `--import`, or `inspect.core` when it was not given: it is consulted, nothing is emitted.
    pub imported: bool,
    /// The schemas that this one names, sorted, itself excluded.
    pub dependencies: Vec<SchemaId>,
    /// In source order.
    pub constants: Vec<ConstantId>,
    /// Named types, topologically sorted, source order otherwise. Inline aggregates are not listed.
    pub types: Vec<TypeId>,
    /// The schema's own property bits, if it declares any. Core bits come on top.
    pub properties: Option<Properties>,
    /// In source order.
    pub classes: Vec<ClassId>,
    /// What is appended to the core entry; a schema without an `entry` has one without fields.
    pub entry: Entry,
    /// In source order.
    pub spaces: Vec<Space>,
    /// In source order.
    pub consumers: Vec<Consumer>,
}

/// A named type of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TypeId {
    /// A struct or a record.
    Aggregate(AggregateId),
    /// An enum.
    Enum(EnumId),
    /// A set of flags.
    Flags(FlagsId),
}

/// What every named thing has. `c` and `rust` are the final names, keywords avoided, prefixes included.
#[derive(Clone, Debug)]
pub struct Naming {
    /// As written in the schema.
    pub name: String,
    /// In C: `linux_mm_log_record` for a type (without `struct`), `text_len` for a field.
    pub c: String,
    /// In Rust: `LogRecord` for a type, `text_len` for a field, `MAX_ZONES` for a constant.
    pub rust: String,
    /// Markdown; lines joined by `\n`; may be empty.
    pub docs: String,
    /// Where the name is written.
    pub origin: Span,
    /// Since when it exists and whether it still should be used.
    pub lifetime: Lifetime,
}

/// Since when a thing exists, as of the emitted version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// The first version that has it; 1 unless said otherwise.
    pub since: u32,
    /// The version that deprecated it, and what to use instead.
    pub deprecated: Option<(u32, String)>,
    /// The version that removed it; its place stays taken.
    pub removed: Option<u32>,
}

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
    /// `#[ring(next = head)]`: the field that holds the index of the oldest element.
    pub ring: Option<Box<FieldPath>>,
    /// `#[unit("bytes")]`
    pub unit: Option<String>,
    /// `#[display(hex)]`
    pub display: Option<Display>,
    /// `#[if("CONFIG_SMP")]`: absent where this macro is not defined. Only in `extern` structs.
    pub condition: Option<String>,
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

/// A constant.
#[derive(Clone, Debug)]
pub struct Constant {
    /// Its schema.
    pub schema: SchemaId,
    /// Its names.
    pub naming: Naming,
    /// A scalar, `text<N>` or `bytes<N>`.
    pub ty: Type,
    /// Its value.
    pub value: ConstantValue,
}

/// Where a constant's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConstantValue {
    /// Computed.
    Known(Value),
    /// Captured by the C compiler from this header, under the schema's name.
    Captured(String),
}

/// An enum.
#[derive(Clone, Debug)]
pub struct Enum {
    /// Its schema.
    pub schema: SchemaId,
    /// Its names; an `extern` one keeps its C name.
    pub naming: Naming,
    /// Its type, or the target's C enum.
    pub repr: EnumRepr,
    /// `..`: other values may come, and are kept.
    pub open: bool,
    /// The header of an `extern` enum, whose members' values are captured.
    pub header: Option<String>,
    /// In order.
    pub members: Vec<EnumMember>,
}

/// The type of an enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnumRepr {
    /// A fixed integer type.
    Scalar(Scalar),
    /// What the target's C compiler chooses for these values: bytes and signedness by [`Target::index`].
    /// For an `extern` enum, whose values are captured, that of an enum of small values without negatives.
    C([(u8, bool); Target::COUNT]),
}

/// A member of an enum.
#[derive(Clone, Debug)]
pub struct EnumMember {
    /// Its names: C `LINUX_MM_ZONE_TYPE_DMA`, Rust `Dma`. In an `extern` enum the C name is as written.
    pub naming: Naming,
    /// Its value; `None` in an `extern` enum.
    pub value: Option<i128>,
}

/// A set of flags.
#[derive(Clone, Debug)]
pub struct Flags {
    /// Its schema.
    pub schema: SchemaId,
    /// Its names.
    pub naming: Naming,
    /// An unsigned, fixed-size type.
    pub repr: Scalar,
    /// In order.
    pub members: Vec<FlagMember>,
}

/// A member of flags or properties: bits `first..=last`.
#[derive(Clone, Debug)]
pub struct FlagMember {
    /// Its names: C `LINUX_MM_GFP_BURST`, Rust `BURST`.
    pub naming: Naming,
    /// The lowest bit.
    pub first: u8,
    /// The highest bit; the same as `first` for a single one.
    pub last: u8,
}

impl FlagMember {
    /// All its bits.
    #[must_use]
    pub fn mask(&self) -> u64 {
        let width = u32::from(self.last - self.first) + 1;
        (u64::MAX >> (64 - width)) << self.first
    }
}

/// The property bits of a schema.
#[derive(Clone, Debug)]
pub struct Properties {
    /// Their names.
    pub naming: Naming,
    /// Bits 0 to 47, or 48 to 63 in `inspect.core`.
    pub members: Vec<FlagMember>,
}

/// A kind of entry.
#[derive(Clone, Debug)]
pub struct Class {
    /// Its schema.
    pub schema: SchemaId,
    /// Its names: C `LINUX_MM_CLASS_LOG`, Rust type `Log` and constant `LOG`, the latter in
    /// [`Class::rust_constant`].
    pub naming: Naming,
    /// The Rust constant that holds its number.
    pub rust_constant: String,
    /// `number`: low 31 bits of FNV-1a over schema, NUL, class; or `#[number(n)]`.
    pub number: u32,
    /// What an entry of it points at.
    pub target: Type,
    /// What `instance` means: `node`.
    pub key: Option<String>,
    /// The property bits that hold for every entry.
    pub properties: u64,
}

/// The row of a schema's table.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its names. A schema without an `entry` calls it `entry`.
    pub naming: Naming,
    /// Whether it was written.
    pub declared: bool,
    /// In order; without the core fields. Padding is not listed.
    pub fields: Vec<EntryField>,
    /// Bytes: a multiple of 8, at least 64.
    pub size: u32,
}

/// A field behind the core entry.
#[derive(Clone, Debug)]
pub struct EntryField {
    /// Its names.
    pub naming: Naming,
    /// A fixed-size type or `string`.
    pub ty: Type,
    /// From the start of the row, at least 64.
    pub offset: u32,
    /// Bytes.
    pub size: u32,
    /// Bytes.
    pub align: u32,
    /// What a reader sees where the table lacks it. Zero of its type unless written.
    pub default: Value,
    /// `#[unit("bytes")]`
    pub unit: Option<String>,
    /// `#[display(hex)]`
    pub display: Option<Display>,
    /// `#[sensitive]`
    pub sensitive: bool,
}

/// A declared address space.
#[derive(Clone, Debug)]
pub struct Space {
    /// Its names.
    pub naming: Naming,
    /// 256 and up.
    pub number: u16,
    /// Bytes; a power of two.
    pub section_size: u64,
    /// The first address that it hands out.
    pub base: u64,
    /// How dense addresses are assigned.
    pub assign: Assign,
    /// What happens to parts of sections.
    pub partial: Partial,
    /// The most memory regions the hardware takes; `None` without a limit.
    pub max_regions: Option<u32>,
}

/// How a space hands out addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assign {
    /// A live section keeps its address.
    Stable,
    /// Dense; a change may renumber.
    Compact,
}

/// What a space does with parts of sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partial {
    /// An error.
    Reject,
    /// Left out.
    RoundIn,
    /// Taken whole.
    RoundOut,
}

/// What may be seen, and by whom.
#[derive(Clone, Debug)]
pub struct Consumer {
    /// Its names.
    pub naming: Naming,
    /// Any of them lets an entry pass.
    pub allow: Vec<Rule>,
    /// Any of them refuses it whatever `allow` says.
    pub deny: Vec<Rule>,
    /// Bits that an entry must have.
    pub require: u64,
    /// Core bits (`sensitive`, `mmio`) that are permitted by being named in `allow`.
    pub permit: u64,
    /// Who comes first when a budget is short.
    pub order: Vec<Rule>,
    /// The budget.
    pub limit: Limit,
}

/// One rule of a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Every entry of a class.
    Class(ClassId),
    /// Entries of a class with this name, this instance, or both.
    Entry {
        /// The class.
        class: ClassId,
        /// The name, exactly.
        name: Option<String>,
        /// The instance.
        instance: Option<u64>,
    },
    /// Every entry with one of these property bits.
    Properties(u64),
}

/// A consumer's budget; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// How many regions.
    pub regions: Option<u64>,
    /// How many bytes of name.
    pub name: Option<u64>,
    /// How many bytes of memory.
    pub bytes: Option<u64>,
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

/// The core property bits: bit and name, as `inspect.core` declares them.
pub const CORE_PROPERTIES: [(u8, &str); 6] = [
    (58, "per_cpu"),
    (59, "init"),
    (60, "mmio"),
    (61, "read_only"),
    (62, "volatile"),
    (63, "sensitive"),
];

impl std::ops::Index<SchemaId> for Model {
    type Output = Schema;
    fn index(&self, id: SchemaId) -> &Schema {
        &self.schemas[id.index()]
    }
}

impl std::ops::Index<AggregateId> for Model {
    type Output = Aggregate;
    fn index(&self, id: AggregateId) -> &Aggregate {
        &self.aggregates[id.index()]
    }
}

impl std::ops::Index<EnumId> for Model {
    type Output = Enum;
    fn index(&self, id: EnumId) -> &Enum {
        &self.enums[id.index()]
    }
}

impl std::ops::Index<FlagsId> for Model {
    type Output = Flags;
    fn index(&self, id: FlagsId) -> &Flags {
        &self.flags[id.index()]
    }
}

impl std::ops::Index<ConstantId> for Model {
    type Output = Constant;
    fn index(&self, id: ConstantId) -> &Constant {
        &self.constants[id.index()]
    }
}

impl std::ops::Index<ClassId> for Model {
    type Output = Class;
    fn index(&self, id: ClassId) -> &Class {
        &self.classes[id.index()]
    }
}

impl Model {
    /// Every schema that outputs are written for, with its id.
    pub fn emitted(&self) -> impl Iterator<Item = (SchemaId, &Schema)> {
        self.schemas
            .iter()
            .enumerate()
            .map(|(index, schema)| (SchemaId(index as u32), schema))
            .filter(|(_, schema)| !schema.imported)
    }

    /// The schema with this name.
    #[must_use]
    pub fn schema(&self, name: &str) -> Option<SchemaId> {
        let index = self.schemas.binary_search_by(|schema| schema.name.as_str().cmp(name)).ok()?;
        Some(SchemaId(index as u32))
    }
}

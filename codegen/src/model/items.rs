//! What a schema declares besides aggregates: constants, enums, flags, properties, classes, entries, spaces and
//! consumers.

use super::{ClassId, Display, Naming, Scalar, SchemaId, Target, Type, Value};

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

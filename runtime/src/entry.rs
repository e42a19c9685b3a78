//! What a generated schema tells the runtime about its entries and classes, and the region that a producer
//! announces. Generated code implements the traits; people only name the types that do.

use inspect_format::abi::{self, extent, space};
use inspect_format::hash;

use crate::table::{FieldWriter, RegisterError, Words};

/// The row of a schema's table: the core entry and the schema's own fields. A generated entry type is one.
pub trait EntryFormat: Copy + 'static {
    /// The schema's name.
    const SCHEMA: &'static str;
    /// The schema's version.
    const VERSION: u32;
    /// Bytes of a row.
    const SIZE: u32;
    /// The fingerprint of every version, that of version 1 first.
    const HISTORY: &'static [u64];
    /// The schema's classes.
    const CLASSES: &'static [ClassInfo];
    /// The schema's own fields of the row.
    const FIELDS: &'static [FieldInfo];
    /// A row without its first 8 bytes, as words.
    type Words: Words + Send + Sync + 'static;

    /// The core of the entry.
    fn region(&self) -> &Region;

    /// Writes the schema's own fields.
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), RegisterError>;

    /// The sections that the program carries once for all tables of the schema.
    fn sections() -> Sections;
}

/// What describes a schema in its tables. It lies in writable memory, since a core that the kernel writes
/// leaves out what can be read again from a file.
#[derive(Clone, Copy, Debug)]
pub struct Sections {
    /// Deterministic CBOR: names, fields, classes.
    pub schema: &'static [u8],
    /// BTF.
    pub types: &'static [u8],
    /// The fingerprint of every version, that of version 1 first.
    pub history: &'static [u64],
}

/// What annotations need to know about a class, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassInfo {
    /// As the schema calls it.
    pub name: &'static str,
    /// Its number.
    pub number: u32,
    /// Property bits that hold for every entry.
    pub properties: u64,
    /// The id of the target in the types section, 0 for none.
    pub type_id: u32,
}

/// What annotations need to know about a field of the row, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldInfo {
    /// As the schema calls it.
    pub name: &'static str,
    /// From the start of the row, in bytes.
    pub offset: u32,
    /// In bytes.
    pub size: u32,
    /// What stands there.
    pub kind: FieldKind,
    /// What stands there in an entry that says nothing about it.
    pub default: FieldDefault,
}

/// The default of a field of the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldDefault {
    /// A number; a negative one as its two's complement in 64 bits.
    Number(u64),
    /// A text, without NUL.
    Text(&'static str),
    /// The bytes of the field as they stand; zeros follow where there are fewer.
    Bytes(&'static [u8]),
}

/// What stands in a field of the row. The numbers are those of C's `INSPECT_FIELD_...`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A number in the producer's byte order: integers, enums, flags, truth values, addresses.
    Native,
    /// A number with its most significant byte first, whatever the producer's order.
    Big,
    /// A number with its least significant byte first.
    Little,
    /// A text inline, NUL where it is shorter.
    Text,
    /// A text in the strings section, by its offset.
    String,
    /// Anything else: a pair cannot set it.
    Bytes,
}

/// A kind of entry. A generated class type is one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a class of a schema",
    label = "classes are the types in the module `class` of the schema's module"
)]
pub trait Class {
    /// The entry of the class's schema.
    type Format: EntryFormat;
    /// What an entry points at.
    type Target: ?Sized;
    /// As the schema calls it.
    const NAME: &'static str;
    /// Its number.
    const NUMBER: u32;
    /// Property bits that hold for every entry.
    const PROPERTIES: u64;
    /// The id of the target in the types section, 0 for none.
    const TYPE_ID: u32;
}

/// Memory that is announced: what it is, where it lies, how long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    pub(crate) class: u32,
    /// What the ids of the class have in common.
    pub(crate) class_prefix: u32,
    pub(crate) schema: u64,
    pub(crate) hashed: NameHashes,
    pub(crate) type_id: u32,
    pub(crate) id: Option<u32>,
    pub(crate) properties: u64,
    pub(crate) address: u64,
    pub(crate) length: u64,
    pub(crate) instance: u64,
    pub(crate) name: &'static str,
    pub(crate) space: u16,
    pub(crate) extent: u8,
    pub(crate) bound_size: u8,
    pub(crate) bound: u64,
}

impl Region {
    /// `length` bytes at `address`.
    #[must_use]
    pub const fn new<C: Class>(address: u64, length: u64) -> Self {
        // Everything but address and length is computed when the program is compiled.
        let mut region = const {
            let schema = <C::Format as EntryFormat>::SCHEMA;
            Self::blank(schema, C::NAME, C::NUMBER, C::PROPERTIES, C::TYPE_ID)
        };
        region.address = address;
        region.length = length;
        region
    }

    /// A variable.
    #[must_use]
    pub fn of<C: Class>(target: &'static C::Target) -> Self {
        let address = core::ptr::from_ref(target).cast::<u8>() as usize;
        Self::new::<C>(address as u64, size_of_val(target) as u64)
    }

    /// With a name.
    #[must_use]
    pub const fn name(mut self, name: &'static str) -> Self {
        self.name = name;
        self.hashed = NameHashes::new(self.class_prefix, name);
        self
    }

    /// With a key within the class: a node, a cpu, a queue.
    #[must_use]
    pub const fn instance(mut self, instance: u64) -> Self {
        self.instance = instance;
        self
    }

    /// With further property bits.
    #[must_use]
    pub const fn properties(mut self, bits: u64) -> Self {
        self.properties |= bits;
        self
    }

    /// In another address space.
    #[must_use]
    pub const fn space(mut self, space: u16) -> Self {
        self.space = space;
        self
    }

    /// With an id of the producer's choice, below 2^31, instead of the one derived from the names.
    #[must_use]
    pub const fn id(mut self, id: u32) -> Self {
        self.id = Some(id);
        self
    }

    /// The region lies where the pointer stored at its address points.
    #[must_use]
    pub const fn indirect(mut self) -> Self {
        self.extent = extent::INDIRECT;
        self
    }

    /// Only the address is known.
    #[must_use]
    pub const fn address_only(mut self) -> Self {
        self.extent = extent::ADDRESS_ONLY;
        self.length = 0;
        self
    }

    /// From the region's address up to `end`.
    #[must_use]
    pub const fn until(mut self, end: u64) -> Self {
        self.extent = extent::RANGE;
        self.length = 0;
        self.bound = end;
        self
    }

    /// As [`Region::indirect`], with as many elements of the region's length as the counter of `size` bytes
    /// at `counter` says when it is read.
    #[must_use]
    pub const fn counted(mut self, counter: u64, size: u8) -> Self {
        self.extent = extent::COUNTED;
        self.bound = counter;
        self.bound_size = size;
        self
    }

    /// The id of an entry whose name has these hashes.
    #[inline]
    pub(crate) const fn full_id(&self, hashed: NameHashes) -> u32 {
        match self.id {
            None => hash::entry_id_of(hashed.named, self.instance),
            Some(id) => id | abi::ID_EXPLICIT,
        }
    }

    /// Nothing yet, of a class that is known by its name only.
    pub(crate) fn of_info<F: EntryFormat>(class: &ClassInfo) -> Self {
        Self::blank(F::SCHEMA, class.name, class.number, class.properties, class.type_id)
    }

    const fn blank(schema: &str, class: &str, number: u32, properties: u64, type_id: u32) -> Self {
        let class_prefix = hash::class_prefix(schema, class);
        Self {
            class: number,
            class_prefix,
            schema: hash::schema_number(schema),
            hashed: NameHashes::new(class_prefix, ""),
            type_id,
            id: None,
            properties,
            address: 0,
            length: 0,
            instance: 0,
            name: "",
            space: space::VIRTUAL,
            extent: extent::DIRECT,
            bound_size: 0,
            bound: 0,
        }
    }
}

/// What registering needs to know of a name, computed where the name is given: at compile time, mostly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NameHashes {
    /// FNV-1a of the name alone.
    pub(crate) name: u32,
    /// FNV-1a of what an id hashes, up to the instance.
    pub(crate) named: u32,
    /// Whether there is a NUL in the name.
    pub(crate) has_nul: bool,
}

impl NameHashes {
    pub(crate) const fn new(class_prefix: u32, name: &str) -> Self {
        let bytes = name.as_bytes();
        let mut has_nul = false;
        let mut at = 0;
        while at < bytes.len() {
            has_nul |= bytes[at] == 0;
            at += 1;
        }
        let named = hash::entry_id_prefix(class_prefix, name);
        Self { name: hash::fnv1a_32(bytes), named, has_nul }
    }
}

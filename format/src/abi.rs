//! The records of the table format, field by field, and the numbers that they hold.
//!
//! @generated from `schema/core.inspect`; a test compares the two. It refers to nothing else, so
//! that a wrong one still compiles and can be generated anew. `read` and `write` translate between
//! bytes in a given order and native values; they judge nothing. Padding is written as zeros and
//! not read.

/// The order of the bytes in a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// The least significant byte comes first.
    Little,
    /// The most significant byte comes first.
    Big,
}

impl Order {
    /// That of the machine this runs on.
    pub const NATIVE: Self = if cfg!(target_endian = "little") {
        Self::Little
    } else {
        Self::Big
    };
}

/// The first eight bytes of a table, written last. As in PNG, the high bit of the first byte and
/// the line feed at the end catch transports that are not clean for eight bits.
pub const TABLE_MAGIC: [u8; 8] = *b"\x89INSPCT\n";

/// The first eight bytes of a root.
pub const ROOT_MAGIC: [u8; 8] = *b"\x89INSPRT\n";

/// The first eight bytes of a zone.
pub const ZONE_MAGIC: [u8; 8] = *b"\x89INSPZN\n";

/// The first eight bytes of a slot of a zone that holds a dump, written last.
pub const SLOT_MAGIC: [u8; 8] = *b"\x89INSPSL\n";

/// The generation of header and sections that this schema describes.
pub const FORMAT: u16 = 1;

/// The alignment of a table, of every section in it, and of the stride.
pub const TABLE_ALIGN: u32 = 8;

/// Bytes of a `header`: where the directory stands in a table of this format.
pub const HEADER_SIZE: u32 = 96;

/// Bytes of a `directory_record`.
pub const DIRECTORY_RECORD_SIZE: u32 = 24;

/// Bytes of a `core_entry`: where the fields of a schema's own entry begin.
pub const CORE_ENTRY_SIZE: u32 = 64;

/// Bytes of a `root`.
pub const ROOT_SIZE: u32 = 64;

/// Bytes of a `pair`; a longer text makes a pair of several times as many.
pub const PAIR_SIZE: u32 = 128;

/// Bytes of a key, the NUL that need not be there included.
pub const PAIR_KEY_SIZE: u32 = 32;

/// Bytes of the text that fits into the first 128 bytes of a pair.
pub const PAIR_TEXT_SIZE: u32 = 72;

/// The key of the pair that opens a record of annotations.
pub const KEY_BEGIN: [u8; 32] = *b"inspect:begin\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// The key of the pair that closes one.
pub const KEY_END: [u8; 32] = *b"inspect:end\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// The name of ELF notes; their types are in `note_kind`.
pub const NOTE_NAME: [u8; 8] = *b"INSPECT\0";

/// In `state` of an entry: the bits of the `phase`.
pub const PHASE_MASK: u32 = 3;

/// In `state` of an entry: where the generation begins.
pub const GENERATION_SHIFT: u32 = 2;

/// The last generation. A slot that has reached it is never used again, because its handles could
/// no longer be told from older ones.
pub const GENERATION_LAST: u32 = 0x3fff_ffff;

/// In `id` of an entry: it was given explicitly or allotted at run time. Without it, `id` is the
/// low 31 bits of a hash over schema, class, name and instance.
pub const ID_EXPLICIT: u32 = 0x8000_0000;

/// In `extent` of an entry: the bits that hold an `extent`.
pub const EXTENT_MASK: u8 = 63;

/// In `extent` of an entry: `bound` is the place of an 8-byte slot that holds the bound.
pub const EXTENT_BOUND_SLOT: u8 = 64;

/// In `extent` of an entry: `address` is the place of an 8-byte slot that holds the address. A
/// packed address must never point at the dead copy of a symbol that the dynamic linker has
/// resolved elsewhere; a slot keeps the linker's own relocation.
pub const EXTENT_ADDRESS_SLOT: u8 = 128;

/// The first property bit that belongs to this schema; lower ones belong to each schema itself.
pub const PROPERTY_CORE_FIRST: u32 = 48;

/// The first number of a `space` that belongs to a schema.
pub const SPACE_SCHEMA_FIRST: u16 = 0x100;

/// Property bits that mean the same in every schema.
pub mod core_properties {
    /// One copy exists for each processor; `address` is that of `instance`.
    pub const PER_CPU: u64 = 0x400_0000_0000_0000;
    /// Freed after start.
    pub const INIT: u64 = 0x800_0000_0000_0000;
    /// Registers of a device. Reading has effects: never read unless a consumer permits it by name.
    pub const MMIO: u64 = 0x1000_0000_0000_0000;
    /// Nothing writes to it after start.
    pub const READ_ONLY: u64 = 0x2000_0000_0000_0000;
    /// Changes while it is read: what is shown may never have been there at once.
    pub const VOLATILE: u64 = 0x4000_0000_0000_0000;
    /// Keys, passwords, personal data: never copied or shown unless a consumer permits it by name.
    pub const SENSITIVE: u64 = 0x8000_0000_0000_0000;
}

/// The order of the bytes in an integer.
pub mod byte_order {
    /// The first byte is the least significant.
    pub const LITTLE: u8 = 1;
    /// The first byte is the most significant.
    pub const BIG: u8 = 2;
}

/// Facts about a table.
pub mod table_flags {
    /// Entries come and go while the producer runs; see `phase`.
    pub const RUN_TIME: u32 = 1;
    /// Addresses are relative to the header's own address, modulo the word size: nothing needs to
    /// be relocated in position-independent executables, shared objects and kernels.
    pub const RELATIVE: u32 = 2;
    /// Entries are sorted by class, then by id.
    pub const SORTED: u32 = 4;
}

/// What a section of a table holds.
pub mod section_kind {
    /// `entry_size` bytes for each entry: a `core_entry` and the fields of the schema.
    pub const ENTRIES: u32 = 1;
    /// NUL-terminated UTF-8; offset 0 is the empty string.
    pub const STRINGS: u32 = 2;
    /// Deterministic CBOR: names, fields, classes, spaces, consumers. A reader without the schema
    /// decodes with it.
    pub const SCHEMA: u32 = 3;
    /// BTF; `type` of an entry is an id in it.
    pub const TYPES: u32 = 4;
    /// CBOR: the build-id or content hash of the image, who produced it, by which generator.
    pub const IDENTITY: u32 = 5;
    /// The 64-bit fingerprint of the entry format at each version, from version 1 on.
    pub const HISTORY: u32 = 6;
}

/// How a reader that does not know a section's kind must treat it.
pub mod section_flags {
    /// Without understanding it nothing else can be understood: refuse the table.
    pub const REQUIRED: u32 = 1;
}

/// Where an entry is in its life: the low bits of `state`.
pub mod phase {
    /// Free. All-zero memory is a table of free slots.
    pub const EMPTY: u32 = 0;
    /// Being filled: in a dead image, torn, and never trusted.
    pub const WRITING: u32 = 1;
    /// Valid.
    pub const LIVE: u32 = 2;
    /// Valid; its properties are changing.
    pub const CHANGING: u32 = 3;
}

/// In which address space an address lies. From 256 on, a schema's own.
pub mod space {
    /// The producer's virtual addresses.
    pub const VIRTUAL: u16 = 0;
    /// Physical memory.
    pub const PHYSICAL: u16 = 1;
    /// Addresses of a bus, or of its input and output ports.
    pub const BUS: u16 = 2;
    /// An offset in the file that holds the table.
    pub const FILE: u16 = 3;
}

/// How `address`, `length` and `bound` of an entry make up a region.
pub mod extent {
    /// `length` bytes at `address`.
    pub const DIRECT: u8 = 0;
    /// `length` bytes at the pointer that is stored at `address`.
    pub const INDIRECT: u8 = 1;
    /// At the pointer that is stored at `address`, as many elements of `length` bytes as the
    /// counter at `bound` says. Both are read when the dump is made.
    pub const COUNTED: u8 = 2;
    /// Only the address is known.
    pub const ADDRESS_ONLY: u8 = 3;
    /// From `address` up to `bound`. No object format can express the difference of two undefined
    /// symbols, so that both ends are kept.
    pub const RANGE: u8 = 4;
}

/// What a pair carries.
pub mod pair_kind {
    /// A text, inline.
    pub const TEXT: u32 = 1;
    /// An integer.
    pub const INTEGER: u32 = 2;
    /// An address, by a relocation.
    pub const ADDRESS: u32 = 3;
    /// A record begins; the address is that of the schema's descriptor.
    pub const BEGIN: u32 = 4;
    /// A record ends.
    pub const END: u32 = 5;
}

/// The types of ELF notes named `NOTE_NAME`.
pub mod note_kind {
    /// Eight bytes: the root's address relative to these bytes. It survives `strip`.
    pub const ROOT: u32 = 1;
    /// In a dump: a frozen copy of the tables.
    pub const TABLES: u32 = 2;
    /// In a dump: CBOR that says who made it, and of each entry whether it was captured.
    pub const CAPTURE: u32 = 3;
}

/// What a dump in a zone is.
pub mod payload_kind {
    /// An ELF core.
    pub const ELF: u32 = 1;
    /// Tables alone, without the memory they speak of.
    pub const TABLES: u32 = 2;
    /// Text.
    pub const TEXT: u32 = 3;
}

/// How a table begins. All-zero memory is no table, so that a zero-initialised variable is a valid
/// empty one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// `TABLE_MAGIC`, written last.
    pub magic: [u8; 8],
    /// Of everything in the table.
    pub byte_order: u8,
    /// Bytes of a pointer of the producer: 4 or 8.
    pub word_size: u8,
    /// The generation of header and sections.
    pub format: u16,
    /// Where the directory starts. A reader uses this and never its own idea of the header's size.
    pub header_size: u32,
    /// Of the contiguous block.
    pub total_size: u64,
    /// What kind of table it is.
    pub flags: u32,
    /// Records in the directory.
    pub section_count: u32,
    /// The version of the schema that the entries were written under.
    pub schema_version: u32,
    /// The stride of the entries, a multiple of 8. A reader steps by it and never looks past it.
    pub entry_size: u32,
    /// Of the entry's fields at `schema_version`: the first 8 bytes of a SHA-256 over their
    /// deterministic CBOR.
    pub fingerprint: u64,
    /// CRC-32C of the contiguous block, computed with this field at zero. Zero in run-time tables
    /// and in relocatable objects, whose bytes still change.
    pub checksum: u32,
    /// In a run-time table, bytes of the name arena that are reserved. The arena only grows.
    pub arena_used: u32,
    /// In a run-time table, where the header lies: a stray copy gives itself away. Else zero.
    pub self_address: u64,
    /// In a run-time table, the root's nonce: a table left over from before a warm reset gives
    /// itself away. Else zero.
    pub nonce: u64,
    /// FNV-1a, 64 bits, of the schema's name.
    pub schema: u64,
    /// The next run-time table, of another schema or a further part of this one; one atomic word.
    /// Zero ends the chain.
    pub next: u64,
}

impl Header {
    /// Bytes of the record.
    pub const SIZE: usize = 96;
    /// Where `magic` lies.
    pub const MAGIC_AT: usize = 0;
    /// Where `byte_order` lies.
    pub const BYTE_ORDER_AT: usize = 8;
    /// Where `word_size` lies.
    pub const WORD_SIZE_AT: usize = 9;
    /// Where `format` lies.
    pub const FORMAT_AT: usize = 10;
    /// Where `header_size` lies.
    pub const HEADER_SIZE_AT: usize = 12;
    /// Where `total_size` lies.
    pub const TOTAL_SIZE_AT: usize = 16;
    /// Where `flags` lies.
    pub const FLAGS_AT: usize = 24;
    /// Where `section_count` lies.
    pub const SECTION_COUNT_AT: usize = 28;
    /// Where `schema_version` lies.
    pub const SCHEMA_VERSION_AT: usize = 32;
    /// Where `entry_size` lies.
    pub const ENTRY_SIZE_AT: usize = 36;
    /// Where `fingerprint` lies.
    pub const FINGERPRINT_AT: usize = 40;
    /// Where `checksum` lies.
    pub const CHECKSUM_AT: usize = 56;
    /// Where `arena_used` lies.
    pub const ARENA_USED_AT: usize = 60;
    /// Where `self_address` lies.
    pub const SELF_ADDRESS_AT: usize = 64;
    /// Where `nonce` lies.
    pub const NONCE_AT: usize = 72;
    /// Where `schema` lies.
    pub const SCHEMA_AT: usize = 80;
    /// Where `next` lies.
    pub const NEXT_AT: usize = 88;
    /// Every value zero.
    pub const ZERO: Self = Self {
        magic: [0; 8],
        byte_order: 0,
        word_size: 0,
        format: 0,
        header_size: 0,
        total_size: 0,
        flags: 0,
        section_count: 0,
        schema_version: 0,
        entry_size: 0,
        fingerprint: 0,
        checksum: 0,
        arena_used: 0,
        self_address: 0,
        nonce: 0,
        schema: 0,
        next: 0,
    };
    /// Takes the record out of its bytes.
    #[must_use]
    #[inline]
    pub fn read(bytes: &[u8; 96], order: Order) -> Self {
        Self {
            magic: get_bytes(bytes, Self::MAGIC_AT, order),
            byte_order: get_u8(bytes, Self::BYTE_ORDER_AT, order),
            word_size: get_u8(bytes, Self::WORD_SIZE_AT, order),
            format: get_u16(bytes, Self::FORMAT_AT, order),
            header_size: get_u32(bytes, Self::HEADER_SIZE_AT, order),
            total_size: get_u64(bytes, Self::TOTAL_SIZE_AT, order),
            flags: get_u32(bytes, Self::FLAGS_AT, order),
            section_count: get_u32(bytes, Self::SECTION_COUNT_AT, order),
            schema_version: get_u32(bytes, Self::SCHEMA_VERSION_AT, order),
            entry_size: get_u32(bytes, Self::ENTRY_SIZE_AT, order),
            fingerprint: get_u64(bytes, Self::FINGERPRINT_AT, order),
            checksum: get_u32(bytes, Self::CHECKSUM_AT, order),
            arena_used: get_u32(bytes, Self::ARENA_USED_AT, order),
            self_address: get_u64(bytes, Self::SELF_ADDRESS_AT, order),
            nonce: get_u64(bytes, Self::NONCE_AT, order),
            schema: get_u64(bytes, Self::SCHEMA_AT, order),
            next: get_u64(bytes, Self::NEXT_AT, order),
        }
    }
    /// Puts the record into its bytes.
    #[inline]
    pub fn write(&self, bytes: &mut [u8; 96], order: Order) {
        *bytes = [0; 96];
        put_bytes(bytes, Self::MAGIC_AT, self.magic, order);
        put_u8(bytes, Self::BYTE_ORDER_AT, self.byte_order, order);
        put_u8(bytes, Self::WORD_SIZE_AT, self.word_size, order);
        put_u16(bytes, Self::FORMAT_AT, self.format, order);
        put_u32(bytes, Self::HEADER_SIZE_AT, self.header_size, order);
        put_u64(bytes, Self::TOTAL_SIZE_AT, self.total_size, order);
        put_u32(bytes, Self::FLAGS_AT, self.flags, order);
        put_u32(bytes, Self::SECTION_COUNT_AT, self.section_count, order);
        put_u32(bytes, Self::SCHEMA_VERSION_AT, self.schema_version, order);
        put_u32(bytes, Self::ENTRY_SIZE_AT, self.entry_size, order);
        put_u64(bytes, Self::FINGERPRINT_AT, self.fingerprint, order);
        put_u32(bytes, Self::CHECKSUM_AT, self.checksum, order);
        put_u32(bytes, Self::ARENA_USED_AT, self.arena_used, order);
        put_u64(bytes, Self::SELF_ADDRESS_AT, self.self_address, order);
        put_u64(bytes, Self::NONCE_AT, self.nonce, order);
        put_u64(bytes, Self::SCHEMA_AT, self.schema, order);
        put_u64(bytes, Self::NEXT_AT, self.next, order);
    }
}

/// One section of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectoryRecord {
    /// What it holds.
    pub kind: u32,
    /// What a reader that does not know the kind does.
    pub flags: u32,
    /// From the header, modulo the word size. In a file the section lies inside the contiguous
    /// block; in memory it may lie anywhere.
    pub offset: u64,
    /// How long it is.
    pub size: u64,
}

impl DirectoryRecord {
    /// Bytes of the record.
    pub const SIZE: usize = 24;
    /// Where `kind` lies.
    pub const KIND_AT: usize = 0;
    /// Where `flags` lies.
    pub const FLAGS_AT: usize = 4;
    /// Where `offset` lies.
    pub const OFFSET_AT: usize = 8;
    /// Where `size` lies.
    pub const SIZE_AT: usize = 16;
    /// Every value zero.
    pub const ZERO: Self = Self {
        kind: 0,
        flags: 0,
        offset: 0,
        size: 0,
    };
    /// Takes the record out of its bytes.
    #[must_use]
    #[inline]
    pub fn read(bytes: &[u8; 24], order: Order) -> Self {
        Self {
            kind: get_u32(bytes, Self::KIND_AT, order),
            flags: get_u32(bytes, Self::FLAGS_AT, order),
            offset: get_u64(bytes, Self::OFFSET_AT, order),
            size: get_u64(bytes, Self::SIZE_AT, order),
        }
    }
    /// Puts the record into its bytes.
    #[inline]
    pub fn write(&self, bytes: &mut [u8; 24], order: Order) {
        *bytes = [0; 24];
        put_u32(bytes, Self::KIND_AT, self.kind, order);
        put_u32(bytes, Self::FLAGS_AT, self.flags, order);
        put_u64(bytes, Self::OFFSET_AT, self.offset, order);
        put_u64(bytes, Self::SIZE_AT, self.size, order);
    }
}

/// What every entry begins with: one cache line. The fields of the schema's own entry follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreEntry {
    /// The generation, shifted by `GENERATION_SHIFT`, and the `phase`. Compile-time entries are
    /// live and of generation 0.
    pub state: u32,
    /// The short form of schema, class, name and instance; see `ID_EXPLICIT`.
    pub id: u32,
    /// The class's number.
    pub class: u32,
    /// The type of what lies there, as a BTF id in the section `types`; 0 for none.
    pub type_: u32,
    /// The schema's property bits, and from `PROPERTY_CORE_FIRST` on those of this schema.
    pub properties: u64,
    /// Where it is. On producers with 32-bit pointers the high half is 0.
    pub address: u64,
    /// How long it is; of one element where the `extent` is counted.
    pub length: u64,
    /// Which of several of its class: the node, the processor, the channel. Else 0.
    pub instance: u64,
    /// The offset of its name in the section `strings`; 0 for none.
    pub name: u32,
    /// The address space of `address` and of what is stored there.
    pub space: u16,
    /// An `extent`, with `EXTENT_BOUND_SLOT` and `EXTENT_ADDRESS_SLOT`.
    pub extent: u8,
    /// The width of the counter at `bound`: 1, 2, 4 or 8 bytes; 0 where there is none.
    pub bound_size: u8,
    /// The address of the counter, or the end of a range.
    pub bound: u64,
}

impl CoreEntry {
    /// Bytes of the record.
    pub const SIZE: usize = 64;
    /// Where `state` lies.
    pub const STATE_AT: usize = 0;
    /// Where `id` lies.
    pub const ID_AT: usize = 4;
    /// Where `class` lies.
    pub const CLASS_AT: usize = 8;
    /// Where `type` lies.
    pub const TYPE_AT: usize = 12;
    /// Where `properties` lies.
    pub const PROPERTIES_AT: usize = 16;
    /// Where `address` lies.
    pub const ADDRESS_AT: usize = 24;
    /// Where `length` lies.
    pub const LENGTH_AT: usize = 32;
    /// Where `instance` lies.
    pub const INSTANCE_AT: usize = 40;
    /// Where `name` lies.
    pub const NAME_AT: usize = 48;
    /// Where `space` lies.
    pub const SPACE_AT: usize = 52;
    /// Where `extent` lies.
    pub const EXTENT_AT: usize = 54;
    /// Where `bound_size` lies.
    pub const BOUND_SIZE_AT: usize = 55;
    /// Where `bound` lies.
    pub const BOUND_AT: usize = 56;
    /// Every value zero.
    pub const ZERO: Self = Self {
        state: 0,
        id: 0,
        class: 0,
        type_: 0,
        properties: 0,
        address: 0,
        length: 0,
        instance: 0,
        name: 0,
        space: 0,
        extent: 0,
        bound_size: 0,
        bound: 0,
    };
    /// Takes the record out of its bytes.
    #[must_use]
    #[inline]
    pub fn read(bytes: &[u8; 64], order: Order) -> Self {
        Self {
            state: get_u32(bytes, Self::STATE_AT, order),
            id: get_u32(bytes, Self::ID_AT, order),
            class: get_u32(bytes, Self::CLASS_AT, order),
            type_: get_u32(bytes, Self::TYPE_AT, order),
            properties: get_u64(bytes, Self::PROPERTIES_AT, order),
            address: get_u64(bytes, Self::ADDRESS_AT, order),
            length: get_u64(bytes, Self::LENGTH_AT, order),
            instance: get_u64(bytes, Self::INSTANCE_AT, order),
            name: get_u32(bytes, Self::NAME_AT, order),
            space: get_u16(bytes, Self::SPACE_AT, order),
            extent: get_u8(bytes, Self::EXTENT_AT, order),
            bound_size: get_u8(bytes, Self::BOUND_SIZE_AT, order),
            bound: get_u64(bytes, Self::BOUND_AT, order),
        }
    }
    /// Puts the record into its bytes.
    #[inline]
    pub fn write(&self, bytes: &mut [u8; 64], order: Order) {
        *bytes = [0; 64];
        put_u32(bytes, Self::STATE_AT, self.state, order);
        put_u32(bytes, Self::ID_AT, self.id, order);
        put_u32(bytes, Self::CLASS_AT, self.class, order);
        put_u32(bytes, Self::TYPE_AT, self.type_, order);
        put_u64(bytes, Self::PROPERTIES_AT, self.properties, order);
        put_u64(bytes, Self::ADDRESS_AT, self.address, order);
        put_u64(bytes, Self::LENGTH_AT, self.length, order);
        put_u64(bytes, Self::INSTANCE_AT, self.instance, order);
        put_u32(bytes, Self::NAME_AT, self.name, order);
        put_u16(bytes, Self::SPACE_AT, self.space, order);
        put_u8(bytes, Self::EXTENT_AT, self.extent, order);
        put_u8(bytes, Self::BOUND_SIZE_AT, self.bound_size, order);
        put_u64(bytes, Self::BOUND_AT, self.bound, order);
    }
}

/// What an annotation leaves in an object file: a key and a value, "simple and stupid". The packer
/// replaces them. Records mark their own begin and end, and zero bytes between them mean nothing,
/// so that neither alignment nor the order in which a compiler or linker lays them out matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// `class`, `name`, `address`, a field of the entry, `KEY_BEGIN`, `KEY_END`. An empty key
    /// would look like padding, which is why the last two are spelt out.
    pub key: [u8; 32],
    /// Which of the members below holds the value.
    pub kind: u32,
    /// The bytes of the whole pair: a multiple of 128, more than once where the text is longer.
    pub size: u32,
    /// The value of an integer.
    pub integer: u64,
    /// The value of an address: a pointer with a relocation, and on 32-bit producers padding.
    pub address: u64,
    /// The value of a text, inline: a pointer to a literal would survive the pair in `.rodata`.
    pub text: [u8; 72],
}

impl Pair {
    /// Bytes of the record.
    pub const SIZE: usize = 128;
    /// Where `key` lies.
    pub const KEY_AT: usize = 0;
    /// Where `kind` lies.
    pub const KIND_AT: usize = 32;
    /// Where `size` lies.
    pub const SIZE_AT: usize = 36;
    /// Where `integer` lies.
    pub const INTEGER_AT: usize = 40;
    /// Where `address` lies.
    pub const ADDRESS_AT: usize = 48;
    /// Where `text` lies.
    pub const TEXT_AT: usize = 56;
    /// Every value zero.
    pub const ZERO: Self = Self {
        key: [0; 32],
        kind: 0,
        size: 0,
        integer: 0,
        address: 0,
        text: [0; 72],
    };
    /// Takes the record out of its bytes.
    #[must_use]
    #[inline]
    pub fn read(bytes: &[u8; 128], order: Order) -> Self {
        Self {
            key: get_bytes(bytes, Self::KEY_AT, order),
            kind: get_u32(bytes, Self::KIND_AT, order),
            size: get_u32(bytes, Self::SIZE_AT, order),
            integer: get_u64(bytes, Self::INTEGER_AT, order),
            address: get_u64(bytes, Self::ADDRESS_AT, order),
            text: get_bytes(bytes, Self::TEXT_AT, order),
        }
    }
    /// Puts the record into its bytes.
    #[inline]
    pub fn write(&self, bytes: &mut [u8; 128], order: Order) {
        *bytes = [0; 128];
        put_bytes(bytes, Self::KEY_AT, self.key, order);
        put_u32(bytes, Self::KIND_AT, self.kind, order);
        put_u32(bytes, Self::SIZE_AT, self.size, order);
        put_u64(bytes, Self::INTEGER_AT, self.integer, order);
        put_u64(bytes, Self::ADDRESS_AT, self.address, order);
        put_bytes(bytes, Self::TEXT_AT, self.text, order);
    }
}

/// How the tables of a loaded object are found. One stands in each object that links the runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    /// `ROOT_MAGIC`.
    pub magic: [u8; 8],
    /// Of the fields behind it.
    pub byte_order: u8,
    /// Bytes of a pointer: 4 or 8.
    pub word_size: u8,
    /// The generation of tables that it leads to.
    pub format: u16,
    /// Of the root.
    pub size: u32,
    /// The first compile-time table, relative to the root; 0 for none.
    pub compile_table: u64,
    /// The end of the last one, relative to the root.
    pub compile_end: u64,
    /// The first run-time table, absolute; 0 for none.
    pub runtime_table: u64,
    /// New at every start; 0 until the first registration.
    pub nonce: u64,
    /// Where the root lies, by an ordinary pointer, so that raw memory can be searched for it.
    pub self_address: u64,
}

impl Root {
    /// Bytes of the record.
    pub const SIZE: usize = 64;
    /// Where `magic` lies.
    pub const MAGIC_AT: usize = 0;
    /// Where `byte_order` lies.
    pub const BYTE_ORDER_AT: usize = 8;
    /// Where `word_size` lies.
    pub const WORD_SIZE_AT: usize = 9;
    /// Where `format` lies.
    pub const FORMAT_AT: usize = 10;
    /// Where `size` lies.
    pub const SIZE_AT: usize = 12;
    /// Where `compile_table` lies.
    pub const COMPILE_TABLE_AT: usize = 16;
    /// Where `compile_end` lies.
    pub const COMPILE_END_AT: usize = 24;
    /// Where `runtime_table` lies.
    pub const RUNTIME_TABLE_AT: usize = 32;
    /// Where `nonce` lies.
    pub const NONCE_AT: usize = 40;
    /// Where `self_address` lies.
    pub const SELF_ADDRESS_AT: usize = 48;
    /// Every value zero.
    pub const ZERO: Self = Self {
        magic: [0; 8],
        byte_order: 0,
        word_size: 0,
        format: 0,
        size: 0,
        compile_table: 0,
        compile_end: 0,
        runtime_table: 0,
        nonce: 0,
        self_address: 0,
    };
    /// Takes the record out of its bytes.
    #[must_use]
    #[inline]
    pub fn read(bytes: &[u8; 64], order: Order) -> Self {
        Self {
            magic: get_bytes(bytes, Self::MAGIC_AT, order),
            byte_order: get_u8(bytes, Self::BYTE_ORDER_AT, order),
            word_size: get_u8(bytes, Self::WORD_SIZE_AT, order),
            format: get_u16(bytes, Self::FORMAT_AT, order),
            size: get_u32(bytes, Self::SIZE_AT, order),
            compile_table: get_u64(bytes, Self::COMPILE_TABLE_AT, order),
            compile_end: get_u64(bytes, Self::COMPILE_END_AT, order),
            runtime_table: get_u64(bytes, Self::RUNTIME_TABLE_AT, order),
            nonce: get_u64(bytes, Self::NONCE_AT, order),
            self_address: get_u64(bytes, Self::SELF_ADDRESS_AT, order),
        }
    }
    /// Puts the record into its bytes.
    #[inline]
    pub fn write(&self, bytes: &mut [u8; 64], order: Order) {
        *bytes = [0; 64];
        put_bytes(bytes, Self::MAGIC_AT, self.magic, order);
        put_u8(bytes, Self::BYTE_ORDER_AT, self.byte_order, order);
        put_u8(bytes, Self::WORD_SIZE_AT, self.word_size, order);
        put_u16(bytes, Self::FORMAT_AT, self.format, order);
        put_u32(bytes, Self::SIZE_AT, self.size, order);
        put_u64(bytes, Self::COMPILE_TABLE_AT, self.compile_table, order);
        put_u64(bytes, Self::COMPILE_END_AT, self.compile_end, order);
        put_u64(bytes, Self::RUNTIME_TABLE_AT, self.runtime_table, order);
        put_u64(bytes, Self::NONCE_AT, self.nonce, order);
        put_u64(bytes, Self::SELF_ADDRESS_AT, self.self_address, order);
    }
}

/// How a zone begins: storage of a fixed size, reserved memory or a file, that survives a reset.
/// `slot_count` slots of `slot_size` bytes follow at `header_size`. Dumps take the slots in turn,
/// so that a write that is torn loses the new dump and never the old one.
///
/// It is written once, when the storage is prepared, and never together with a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneHeader {
    /// `ZONE_MAGIC`, written last.
    pub magic: [u8; 8],
    /// Of everything in the zone but the dumps.
    pub byte_order: u8,
    /// Bytes of a pointer of the producer: 4 or 8.
    pub word_size: u8,
    /// The generation of zones.
    pub format: u16,
    /// Where the first slot starts.
    pub header_size: u32,
    /// Of the whole zone.
    pub total_size: u64,
    /// Of a slot, its `zone_slot` included; a multiple of 64.
    pub slot_size: u64,
    /// How many slots there are, at least two.
    pub slot_count: u32,
    /// CRC-32C of this record with this field at zero.
    pub checksum: u32,
}

impl ZoneHeader {
    /// Bytes of the record.
    pub const SIZE: usize = 64;
    /// Where `magic` lies.
    pub const MAGIC_AT: usize = 0;
    /// Where `byte_order` lies.
    pub const BYTE_ORDER_AT: usize = 8;
    /// Where `word_size` lies.
    pub const WORD_SIZE_AT: usize = 9;
    /// Where `format` lies.
    pub const FORMAT_AT: usize = 10;
    /// Where `header_size` lies.
    pub const HEADER_SIZE_AT: usize = 12;
    /// Where `total_size` lies.
    pub const TOTAL_SIZE_AT: usize = 16;
    /// Where `slot_size` lies.
    pub const SLOT_SIZE_AT: usize = 24;
    /// Where `slot_count` lies.
    pub const SLOT_COUNT_AT: usize = 32;
    /// Where `checksum` lies.
    pub const CHECKSUM_AT: usize = 36;
    /// Every value zero.
    pub const ZERO: Self = Self {
        magic: [0; 8],
        byte_order: 0,
        word_size: 0,
        format: 0,
        header_size: 0,
        total_size: 0,
        slot_size: 0,
        slot_count: 0,
        checksum: 0,
    };
    /// Takes the record out of its bytes.
    #[must_use]
    #[inline]
    pub fn read(bytes: &[u8; 64], order: Order) -> Self {
        Self {
            magic: get_bytes(bytes, Self::MAGIC_AT, order),
            byte_order: get_u8(bytes, Self::BYTE_ORDER_AT, order),
            word_size: get_u8(bytes, Self::WORD_SIZE_AT, order),
            format: get_u16(bytes, Self::FORMAT_AT, order),
            header_size: get_u32(bytes, Self::HEADER_SIZE_AT, order),
            total_size: get_u64(bytes, Self::TOTAL_SIZE_AT, order),
            slot_size: get_u64(bytes, Self::SLOT_SIZE_AT, order),
            slot_count: get_u32(bytes, Self::SLOT_COUNT_AT, order),
            checksum: get_u32(bytes, Self::CHECKSUM_AT, order),
        }
    }
    /// Puts the record into its bytes.
    #[inline]
    pub fn write(&self, bytes: &mut [u8; 64], order: Order) {
        *bytes = [0; 64];
        put_bytes(bytes, Self::MAGIC_AT, self.magic, order);
        put_u8(bytes, Self::BYTE_ORDER_AT, self.byte_order, order);
        put_u8(bytes, Self::WORD_SIZE_AT, self.word_size, order);
        put_u16(bytes, Self::FORMAT_AT, self.format, order);
        put_u32(bytes, Self::HEADER_SIZE_AT, self.header_size, order);
        put_u64(bytes, Self::TOTAL_SIZE_AT, self.total_size, order);
        put_u64(bytes, Self::SLOT_SIZE_AT, self.slot_size, order);
        put_u32(bytes, Self::SLOT_COUNT_AT, self.slot_count, order);
        put_u32(bytes, Self::CHECKSUM_AT, self.checksum, order);
    }
}

/// How a slot begins; the dump follows it.
///
/// Whoever writes takes the slot with the lowest sequence or without a valid dump, clears its
/// magic, writes the dump, then this record, and the magic last. Whoever reads takes the slot with
/// the highest sequence whose two checksums hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneSlot {
    /// `SLOT_MAGIC`, written last; anything else is an empty or a torn slot.
    pub magic: [u8; 8],
    /// One more than the highest in the zone before; the first is 1.
    pub sequence: u64,
    /// Of the dump, without this record.
    pub length: u64,
    /// CRC-32C of the dump's `length` bytes.
    pub checksum: u32,
    /// CRC-32C of this record with this field at zero.
    pub slot_checksum: u32,
    /// What the dump is.
    pub kind: u32,
    /// The nonce of the root whose producer wrote it: two dumps of one start share it.
    pub nonce: u64,
    /// Nanoseconds since the epoch, or 0 where there was no clock.
    pub written_at: u64,
}

impl ZoneSlot {
    /// Bytes of the record.
    pub const SIZE: usize = 64;
    /// Where `magic` lies.
    pub const MAGIC_AT: usize = 0;
    /// Where `sequence` lies.
    pub const SEQUENCE_AT: usize = 8;
    /// Where `length` lies.
    pub const LENGTH_AT: usize = 16;
    /// Where `checksum` lies.
    pub const CHECKSUM_AT: usize = 24;
    /// Where `slot_checksum` lies.
    pub const SLOT_CHECKSUM_AT: usize = 28;
    /// Where `kind` lies.
    pub const KIND_AT: usize = 32;
    /// Where `nonce` lies.
    pub const NONCE_AT: usize = 40;
    /// Where `written_at` lies.
    pub const WRITTEN_AT_AT: usize = 48;
    /// Every value zero.
    pub const ZERO: Self = Self {
        magic: [0; 8],
        sequence: 0,
        length: 0,
        checksum: 0,
        slot_checksum: 0,
        kind: 0,
        nonce: 0,
        written_at: 0,
    };
    /// Takes the record out of its bytes.
    #[must_use]
    #[inline]
    pub fn read(bytes: &[u8; 64], order: Order) -> Self {
        Self {
            magic: get_bytes(bytes, Self::MAGIC_AT, order),
            sequence: get_u64(bytes, Self::SEQUENCE_AT, order),
            length: get_u64(bytes, Self::LENGTH_AT, order),
            checksum: get_u32(bytes, Self::CHECKSUM_AT, order),
            slot_checksum: get_u32(bytes, Self::SLOT_CHECKSUM_AT, order),
            kind: get_u32(bytes, Self::KIND_AT, order),
            nonce: get_u64(bytes, Self::NONCE_AT, order),
            written_at: get_u64(bytes, Self::WRITTEN_AT_AT, order),
        }
    }
    /// Puts the record into its bytes.
    #[inline]
    pub fn write(&self, bytes: &mut [u8; 64], order: Order) {
        *bytes = [0; 64];
        put_bytes(bytes, Self::MAGIC_AT, self.magic, order);
        put_u64(bytes, Self::SEQUENCE_AT, self.sequence, order);
        put_u64(bytes, Self::LENGTH_AT, self.length, order);
        put_u32(bytes, Self::CHECKSUM_AT, self.checksum, order);
        put_u32(bytes, Self::SLOT_CHECKSUM_AT, self.slot_checksum, order);
        put_u32(bytes, Self::KIND_AT, self.kind, order);
        put_u64(bytes, Self::NONCE_AT, self.nonce, order);
        put_u64(bytes, Self::WRITTEN_AT_AT, self.written_at, order);
    }
}

#[inline]
fn get_bytes<const N: usize, const M: usize>(
    bytes: &[u8; N],
    at: usize,
    _order: Order,
) -> [u8; M] {
    let mut value = [0; M];
    value.copy_from_slice(&bytes[at..at + M]);
    value
}

#[inline]
fn put_bytes<const N: usize, const M: usize>(
    bytes: &mut [u8; N],
    at: usize,
    value: [u8; M],
    _order: Order,
) {
    bytes[at..at + M].copy_from_slice(&value);
}

#[inline]
fn get_u8<const N: usize>(bytes: &[u8; N], at: usize, order: Order) -> u8 {
    let value = get_bytes(bytes, at, order);
    match order {
        Order::Little => u8::from_le_bytes(value),
        Order::Big => u8::from_be_bytes(value),
    }
}

#[inline]
fn put_u8<const N: usize>(bytes: &mut [u8; N], at: usize, value: u8, order: Order) {
    let value = match order {
        Order::Little => value.to_le_bytes(),
        Order::Big => value.to_be_bytes(),
    };
    put_bytes(bytes, at, value, order);
}

#[inline]
fn get_u16<const N: usize>(bytes: &[u8; N], at: usize, order: Order) -> u16 {
    let value = get_bytes(bytes, at, order);
    match order {
        Order::Little => u16::from_le_bytes(value),
        Order::Big => u16::from_be_bytes(value),
    }
}

#[inline]
fn put_u16<const N: usize>(bytes: &mut [u8; N], at: usize, value: u16, order: Order) {
    let value = match order {
        Order::Little => value.to_le_bytes(),
        Order::Big => value.to_be_bytes(),
    };
    put_bytes(bytes, at, value, order);
}

#[inline]
fn get_u32<const N: usize>(bytes: &[u8; N], at: usize, order: Order) -> u32 {
    let value = get_bytes(bytes, at, order);
    match order {
        Order::Little => u32::from_le_bytes(value),
        Order::Big => u32::from_be_bytes(value),
    }
}

#[inline]
fn put_u32<const N: usize>(bytes: &mut [u8; N], at: usize, value: u32, order: Order) {
    let value = match order {
        Order::Little => value.to_le_bytes(),
        Order::Big => value.to_be_bytes(),
    };
    put_bytes(bytes, at, value, order);
}

#[inline]
fn get_u64<const N: usize>(bytes: &[u8; N], at: usize, order: Order) -> u64 {
    let value = get_bytes(bytes, at, order);
    match order {
        Order::Little => u64::from_le_bytes(value),
        Order::Big => u64::from_be_bytes(value),
    }
}

#[inline]
fn put_u64<const N: usize>(bytes: &mut [u8; N], at: usize, value: u64, order: Order) {
    let value = match order {
        Order::Little => value.to_le_bytes(),
        Order::Big => value.to_be_bytes(),
    };
    put_bytes(bytes, at, value, order);
}

//! The records of the table format, field by field, and the numbers that they hold.
//!
//! Generated from `schema/core.inspect`; a test compares the two. It refers to nothing else, so that a wrong
//! one still compiles and can be generated anew. `read` and `write` translate between bytes in a given
//! order and native values; they judge nothing.

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
    pub const NATIVE: Self = if cfg!(target_endian = "little") { Self::Little } else { Self::Big };
}

/// The header of a table; its first 16 bytes are the same in every version of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// `89 49 4E 53 50 43 54 0A`; a producer writes it last.
    pub magic: [u8; 8],
    /// 1 little, 2 big.
    pub byte_order: u8,
    /// Bytes of the producer's pointer: 4 or 8.
    pub word_size: u8,
    /// The generation of header and sections.
    pub format: u16,
    /// Where the directory starts.
    pub header_size: u32,
    /// Bytes of the contiguous block.
    pub total_size: u64,
    /// See [`table_flags`].
    pub flags: u32,
    /// Records in the directory.
    pub section_count: u32,
    /// The schema's version.
    pub schema_version: u32,
    /// The stride of rows, a multiple of 8.
    pub entry_size: u32,
    /// Of the entry format at `schema_version`.
    pub fingerprint: u64,
    /// CRC-32C of the contiguous block with this field 0; 0 in run-time tables and relocatable objects.
    pub checksum: u32,
    /// Run-time tables: bytes of the name arena reserved so far.
    pub arena_used: u32,
    /// Run-time tables: where the header lies; otherwise 0.
    pub self_address: u64,
    /// Run-time tables: the nonce of the root; otherwise 0.
    pub nonce: u64,
    /// FNV-1a 64 of the schema's name.
    pub schema: u64,
    /// The next run-time table, 0 for none.
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

    /// All bytes zero.
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
            magic: get_bytes(bytes, Self::MAGIC_AT),
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
        put_bytes(bytes, Self::MAGIC_AT, &self.magic);
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

/// One record of the section directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectoryRecord {
    /// See [`section_kind`].
    pub kind: u32,
    /// 0: a reader that does not know the kind must refuse the table.
    pub flags: u32,
    /// From the header, modulo the word size.
    pub offset: u64,
    /// Bytes.
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

    /// All bytes zero.
    pub const ZERO: Self = Self { kind: 0, flags: 0, offset: 0, size: 0 };

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
        put_u32(bytes, Self::KIND_AT, self.kind, order);
        put_u32(bytes, Self::FLAGS_AT, self.flags, order);
        put_u64(bytes, Self::OFFSET_AT, self.offset, order);
        put_u64(bytes, Self::SIZE_AT, self.size, order);
    }
}

/// The part of a row that every schema shares: one cache line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreEntry {
    /// Generation << 2 | phase.
    pub state: u32,
    /// Short form of the identity; bit 31: explicit, or allotted at run time.
    pub id: u32,
    /// The class's number.
    pub class: u32,
    /// BTF id in the types section, 0 for none.
    pub type_: u32,
    /// The schema's bits, and the core's from bit 48.
    pub properties: u64,
    /// Where the region lies.
    pub address: u64,
    /// Bytes; of one element where the extent is counted.
    pub length: u64,
    /// Key within the class.
    pub instance: u64,
    /// Offset into the strings, 0 for none.
    pub name: u32,
    /// The address space.
    pub space: u16,
    /// How address, length and bound make a region; see [`extent`].
    pub extent: u8,
    /// Bytes of the counter at `bound`.
    pub bound_size: u8,
    /// The counter's address, or the end of a range.
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
    /// Where `type_` lies.
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

    /// All bytes zero.
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

/// One key and value of an annotation record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// NUL-terminated.
    pub key: [u8; 32],
    /// See [`pair_kind`].
    pub kind: u32,
    /// Bytes of the record, a multiple of its least size.
    pub size: u32,
    /// The value of an integer.
    pub integer: u64,
    /// The value of an address, in the first bytes on a 32-bit producer.
    pub address: u64,
    /// The value of a text, or its beginning.
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

    /// All bytes zero.
    pub const ZERO: Self =
        Self { key: [0; 32], kind: 0, size: 0, integer: 0, address: 0, text: [0; 72] };

    /// Takes the record out of its bytes.
    #[must_use]
    #[inline]
    pub fn read(bytes: &[u8; 128], order: Order) -> Self {
        Self {
            key: get_bytes(bytes, Self::KEY_AT),
            kind: get_u32(bytes, Self::KIND_AT, order),
            size: get_u32(bytes, Self::SIZE_AT, order),
            integer: get_u64(bytes, Self::INTEGER_AT, order),
            address: get_u64(bytes, Self::ADDRESS_AT, order),
            text: get_bytes(bytes, Self::TEXT_AT),
        }
    }

    /// Puts the record into its bytes.
    #[inline]
    pub fn write(&self, bytes: &mut [u8; 128], order: Order) {
        put_bytes(bytes, Self::KEY_AT, &self.key);
        put_u32(bytes, Self::KIND_AT, self.kind, order);
        put_u32(bytes, Self::SIZE_AT, self.size, order);
        put_u64(bytes, Self::INTEGER_AT, self.integer, order);
        put_u64(bytes, Self::ADDRESS_AT, self.address, order);
        put_bytes(bytes, Self::TEXT_AT, &self.text);
    }
}

/// Where a loaded object's tables are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    /// `89 49 4E 53 50 52 54 0A`.
    pub magic: [u8; 8],
    /// 1 little, 2 big.
    pub byte_order: u8,
    /// Bytes of the producer's pointer: 4 or 8.
    pub word_size: u8,
    /// The generation of header and sections.
    pub format: u16,
    /// Bytes of the root.
    pub size: u32,
    /// The first compile-time table, relative to the root; 0 for none.
    pub compile_table: u64,
    /// The end of the last one, relative to the root.
    pub compile_end: u64,
    /// The first run-time table, absolute; 0 for none.
    pub runtime_table: u64,
    /// 0 until the first registration.
    pub nonce: u64,
    /// Where the root lies.
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

    /// All bytes zero.
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
            magic: get_bytes(bytes, Self::MAGIC_AT),
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
        put_bytes(bytes, Self::MAGIC_AT, &self.magic);
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

/// How a zone begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneHeader {
    /// [`ZONE_MAGIC`].
    pub magic: [u8; 8],
    /// See [`byte_order`].
    pub byte_order: u8,
    /// Bytes of a pointer.
    pub word_size: u8,
    /// The generation of zones.
    pub format: u16,
    /// Where the first slot starts.
    pub header_size: u32,
    /// Of the whole zone.
    pub total_size: u64,
    /// Of a slot.
    pub slot_size: u64,
    /// How many slots.
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

    /// All bytes zero.
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
            magic: get_bytes(bytes, Self::MAGIC_AT),
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
        put_bytes(bytes, Self::MAGIC_AT, &self.magic);
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

/// How a slot of a zone begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneSlot {
    /// [`SLOT_MAGIC`].
    pub magic: [u8; 8],
    /// One more than the highest before.
    pub sequence: u64,
    /// Of the dump.
    pub length: u64,
    /// Of the dump.
    pub checksum: u32,
    /// Of this record.
    pub slot_checksum: u32,
    /// See [`payload_kind`].
    pub kind: u32,
    /// Of the root.
    pub nonce: u64,
    /// Nanoseconds since the epoch.
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

    /// All bytes zero.
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
            magic: get_bytes(bytes, Self::MAGIC_AT),
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
        put_bytes(bytes, Self::MAGIC_AT, &self.magic);
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
fn get_bytes<const N: usize, const M: usize>(bytes: &[u8; N], at: usize) -> [u8; M] {
    let mut value = [0; M];
    value.copy_from_slice(&bytes[at..at + M]);
    value
}

#[inline]
fn put_bytes<const N: usize, const M: usize>(bytes: &mut [u8; N], at: usize, value: &[u8; M]) {
    bytes[at..at + M].copy_from_slice(value);
}

#[inline]
fn get_u8<const N: usize>(bytes: &[u8; N], at: usize, _order: Order) -> u8 {
    bytes[at]
}

#[inline]
fn put_u8<const N: usize>(bytes: &mut [u8; N], at: usize, value: u8, _order: Order) {
    bytes[at] = value;
}

#[inline]
fn get_u16<const N: usize>(bytes: &[u8; N], at: usize, order: Order) -> u16 {
    match order {
        Order::Little => u16::from_le_bytes(get_bytes(bytes, at)),
        Order::Big => u16::from_be_bytes(get_bytes(bytes, at)),
    }
}

#[inline]
fn put_u16<const N: usize>(bytes: &mut [u8; N], at: usize, value: u16, order: Order) {
    match order {
        Order::Little => put_bytes(bytes, at, &value.to_le_bytes()),
        Order::Big => put_bytes(bytes, at, &value.to_be_bytes()),
    }
}

#[inline]
fn get_u32<const N: usize>(bytes: &[u8; N], at: usize, order: Order) -> u32 {
    match order {
        Order::Little => u32::from_le_bytes(get_bytes(bytes, at)),
        Order::Big => u32::from_be_bytes(get_bytes(bytes, at)),
    }
}

#[inline]
fn put_u32<const N: usize>(bytes: &mut [u8; N], at: usize, value: u32, order: Order) {
    match order {
        Order::Little => put_bytes(bytes, at, &value.to_le_bytes()),
        Order::Big => put_bytes(bytes, at, &value.to_be_bytes()),
    }
}

#[inline]
fn get_u64<const N: usize>(bytes: &[u8; N], at: usize, order: Order) -> u64 {
    match order {
        Order::Little => u64::from_le_bytes(get_bytes(bytes, at)),
        Order::Big => u64::from_be_bytes(get_bytes(bytes, at)),
    }
}

#[inline]
fn put_u64<const N: usize>(bytes: &mut [u8; N], at: usize, value: u64, order: Order) {
    match order {
        Order::Little => put_bytes(bytes, at, &value.to_le_bytes()),
        Order::Big => put_bytes(bytes, at, &value.to_be_bytes()),
    }
}

/// The first eight bytes of a table, written last.
pub const TABLE_MAGIC: [u8; 8] = *b"\x89INSPCT\n";
/// The first eight bytes of a root.
pub const ROOT_MAGIC: [u8; 8] = *b"\x89INSPRT\n";
/// The first eight bytes of a zone.
pub const ZONE_MAGIC: [u8; 8] = *b"\x89INSPZN\n";
/// The first eight bytes of a slot of a zone.
pub const SLOT_MAGIC: [u8; 8] = *b"\x89INSPSL\n";
/// The generation of header and sections.
pub const FORMAT: u16 = 1;
/// In `state` of an entry: the bits of the phase.
pub const PHASE_MASK: u32 = 3;
/// In `state` of an entry: where the generation begins.
pub const GENERATION_SHIFT: u32 = 2;
/// The last generation.
pub const GENERATION_LAST: u32 = 0x3fff_ffff;
/// In `id` of an entry: it was given explicitly or allotted at run time.
pub const ID_EXPLICIT: u32 = 0x8000_0000;
/// In `extent` of an entry: the bits that hold an extent.
pub const EXTENT_MASK: u8 = 0x3f;
/// In `extent` of an entry: `bound` is the place of a slot.
pub const EXTENT_BOUND_SLOT: u8 = 0x40;
/// In `extent` of an entry: `address` is the place of a slot.
pub const EXTENT_ADDRESS_SLOT: u8 = 0x80;

/// The order of the bytes.
pub mod byte_order {
    /// Least significant first.
    pub const LITTLE: u8 = 1;
    /// Most significant first.
    pub const BIG: u8 = 2;
}

/// Bits of a directory record.
pub mod section_flags {
    /// Refuse the table if the kind is not known.
    pub const REQUIRED: u32 = 1;
}

/// What a dump is.
pub mod payload_kind {
    /// An ELF core.
    pub const ELF: u32 = 1;
    /// Tables.
    pub const TABLES: u32 = 2;
    /// Text.
    pub const TEXT: u32 = 3;
}

/// Types of ELF notes.
pub mod note_kind {
    /// The root.
    pub const ROOT: u32 = 1;
    /// Tables.
    pub const TABLES: u32 = 2;
    /// Capture status.
    pub const CAPTURE: u32 = 3;
}

/// Bits of a header's `flags`.
pub mod table_flags {
    /// A run-time table.
    pub const RUN_TIME: u32 = 1;
    /// Addresses are relative to the header's own address.
    pub const RELATIVE: u32 = 2;
    /// Entries are sorted by class, then id.
    pub const SORTED: u32 = 4;
}

/// Kinds of sections.
pub mod section_kind {
    /// The rows.
    pub const ENTRIES: u32 = 1;
    /// NUL-terminated UTF-8; offset 0 is the empty string.
    pub const STRINGS: u32 = 2;
    /// The description of the schema, in CBOR.
    pub const SCHEMA: u32 = 3;
    /// BTF.
    pub const TYPES: u32 = 4;
    /// Who wrote the table, in CBOR.
    pub const IDENTITY: u32 = 5;
    /// The fingerprint of each version.
    pub const HISTORY: u32 = 6;
}

/// Kinds of pairs.
pub mod pair_kind {
    /// A text.
    pub const TEXT: u32 = 1;
    /// An integer.
    pub const INTEGER: u32 = 2;
    /// An address.
    pub const ADDRESS: u32 = 3;
    /// A record begins.
    pub const BEGIN: u32 = 4;
    /// A record ends.
    pub const END: u32 = 5;
}

/// The low bits of an entry's state.
pub mod phase {
    /// A free slot.
    pub const EMPTY: u32 = 0;
    /// Being written; not to be trusted.
    pub const WRITING: u32 = 1;
    /// Published.
    pub const LIVE: u32 = 2;
    /// Published, and its properties are changing.
    pub const CHANGING: u32 = 3;
}

/// How an entry's address, length and bound make a region.
pub mod extent {
    /// `length` bytes at `address`.
    pub const DIRECT: u8 = 0;
    /// `length` bytes at the pointer stored at `address`.
    pub const INDIRECT: u8 = 1;
    /// `*bound` elements of `length` bytes at the pointer stored at `address`.
    pub const COUNTED: u8 = 2;
    /// An address without bytes.
    pub const ADDRESS_ONLY: u8 = 3;
    /// From `address` up to `bound`.
    pub const RANGE: u8 = 4;
}

/// The core's property bits.
pub mod core_properties {
    /// One copy for each CPU.
    pub const PER_CPU: u64 = 0x400000000000000;
    /// Freed after start.
    pub const INIT: u64 = 0x800000000000000;
    /// Reading has effects: never read by default.
    pub const MMIO: u64 = 0x1000000000000000;
    /// Never written after start.
    pub const READ_ONLY: u64 = 0x2000000000000000;
    /// Changes without notice.
    pub const VOLATILE: u64 = 0x4000000000000000;
    /// Never shown unless permitted.
    pub const SENSITIVE: u64 = 0x8000000000000000;
}

/// Address spaces below those that schemas declare.
pub mod space {
    /// Virtual addresses of the producer.
    pub const VIRTUAL: u16 = 0;
    /// Physical addresses.
    pub const PHYSICAL: u16 = 1;
    /// Bus or I/O addresses.
    pub const BUS: u16 = 2;
    /// Offsets in a file.
    pub const FILE: u16 = 3;
}

/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What no schema changes: the target, the table's header and core entry, the root, the annotation pairs,
 * consumer filters and the interface of the runtime.
 *
 * C99 to C23 and C++17 with the GNU extensions of GCC and Clang, in user space, in firmware and in a Linux
 * kernel module. `<schema>.inspect.h` and `inspect_types.h` build on it; it includes nothing of theirs.
 */
#ifndef INSPECT_H
#define INSPECT_H

#ifdef __KERNEL__
#include <linux/stddef.h>
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** INSPECT_H_FORMAT - the generation of header and sections that these declarations describe */
#define INSPECT_H_FORMAT 1

/* ---- The compiler ------------------------------------------------------------------------------------ */

/* C99 has no static assertion of its own; the extension keyword quiets pedantic compilers. */
#ifdef __cplusplus
#define INSPECT_ASSERT(condition, text) static_assert(condition, text)
#else
#define INSPECT_ASSERT(condition, text) __extension__ _Static_assert(condition, text)
#endif

/* What the headers of schemas assert of every struct, on each target whose layout they know. */
#define INSPECT_SIZE(type, size, align)                                                                    \
	INSPECT_ASSERT(sizeof(type) == (size), #type " is not " #size " bytes");                           \
	INSPECT_ASSERT(__alignof__(type) == (align), #type " is not aligned to " #align " bytes")
#define INSPECT_AT(type, member, offset)                                                                   \
	INSPECT_ASSERT(offsetof(type, member) == (offset), #type "." #member " is not at " #offset)

/* What a schema says of the fields of a program's own structs: which kind of number one is. */
#ifndef __cplusplus
#define INSPECT_TYPE_IS_(place, type) __builtin_types_compatible_p(__typeof__(place), type)
#elif defined(__clang__) || __GNUC__ >= 10
#define INSPECT_TYPE_IS_(place, type) __is_same(__typeof__(place), type)
#else
#define INSPECT_TYPE_IS_(place, type) 0
#endif
#define INSPECT_IS_SIGNED(place)                                                                           \
	(INSPECT_TYPE_IS_(place, signed char) || INSPECT_TYPE_IS_(place, short) ||                         \
	 INSPECT_TYPE_IS_(place, int) || INSPECT_TYPE_IS_(place, long) ||                                  \
	 INSPECT_TYPE_IS_(place, __INT64_TYPE__))
#define INSPECT_IS_UNSIGNED(place)                                                                         \
	(INSPECT_TYPE_IS_(place, unsigned char) || INSPECT_TYPE_IS_(place, unsigned short) ||              \
	 INSPECT_TYPE_IS_(place, unsigned int) || INSPECT_TYPE_IS_(place, unsigned long) ||                \
	 INSPECT_TYPE_IS_(place, __UINT64_TYPE__))
#define INSPECT_IS_REAL(place)                                                                             \
	(INSPECT_TYPE_IS_(place, float) || INSPECT_TYPE_IS_(place, double))

#define INSPECT_INLINE static inline __attribute__((unused))
#define INSPECT_CONST static const __attribute__((unused))

/*
 * The target, by its number in the list of targets; -1 is one that the list lacks, where layouts are the
 * compiler's business and nothing is asserted.
 */
#if defined(__x86_64__) && defined(__LP64__)
#define INSPECT_TARGET 0
#elif defined(__i386__)
#define INSPECT_TARGET 1
#elif defined(__aarch64__) && defined(__LP64__) && defined(__AARCH64EL__)
#define INSPECT_TARGET 2
#elif defined(__arm__) && defined(__ARMEL__) && __ARM_SIZEOF_MINIMAL_ENUM == 4
#define INSPECT_TARGET 3
#elif defined(__arm__) && defined(__ARMEL__) && __ARM_SIZEOF_MINIMAL_ENUM == 1
#define INSPECT_TARGET 4
#elif defined(__riscv) && __riscv_xlen == 64
#define INSPECT_TARGET 5
#elif defined(__riscv) && __riscv_xlen == 32
#define INSPECT_TARGET 6
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define INSPECT_TARGET 7
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define INSPECT_TARGET 8
#elif defined(__s390x__)
#define INSPECT_TARGET 9
#elif defined(__mips__) && !defined(__mips64) && defined(__MIPSEB__)
#define INSPECT_TARGET 10
#else
#define INSPECT_TARGET (-1)
#endif

/** INSPECT_ON() - whether the target is one of a set, given as bits by their numbers */
#define INSPECT_ON(targets) (INSPECT_TARGET >= 0 && ((targets) >> (INSPECT_TARGET & 31) & 1) != 0)

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define INSPECT_BIG_ENDIAN 1
#else
#define INSPECT_BIG_ENDIAN 0
#endif

/*
 * The type that the compiler chooses for an enum of small values: fields of `extern` enums have it, whose
 * members only their own header knows.
 */
enum inspect_enum_probe { INSPECT_ENUM_PROBE = 1 };
#if defined(__ARM_SIZEOF_MINIMAL_ENUM) && __ARM_SIZEOF_MINIMAL_ENUM == 1
typedef uint8_t inspect_enum;
#else
typedef unsigned int inspect_enum;
#endif
INSPECT_ASSERT(sizeof(enum inspect_enum_probe) == sizeof(inspect_enum),
	       "enums are smaller or larger than on the targets of the schema");

/* A signed number as wide as a pointer: `ssize`. */
typedef __INTPTR_TYPE__ inspect_ssize;

/** INSPECT_FIELD_GET() - the number in the bits of a mask */
#define INSPECT_FIELD_GET(mask, value) (((value) & (mask)) / ((mask) & (~(mask) + 1)))
/** INSPECT_FIELD_PUT() - a number moved to the bits of a mask */
#define INSPECT_FIELD_PUT(mask, number) (((number) * ((mask) & (~(mask) + 1))) & (mask))

/* Fields of a fixed byte order hold it in an ordinary integer: these convert on the way in and out. */
INSPECT_INLINE uint16_t inspect_be16(uint16_t value)
{
	return INSPECT_BIG_ENDIAN ? value : __builtin_bswap16(value);
}

INSPECT_INLINE uint32_t inspect_be32(uint32_t value)
{
	return INSPECT_BIG_ENDIAN ? value : __builtin_bswap32(value);
}

INSPECT_INLINE uint64_t inspect_be64(uint64_t value)
{
	return INSPECT_BIG_ENDIAN ? value : __builtin_bswap64(value);
}

INSPECT_INLINE uint16_t inspect_le16(uint16_t value)
{
	return INSPECT_BIG_ENDIAN ? __builtin_bswap16(value) : value;
}

INSPECT_INLINE uint32_t inspect_le32(uint32_t value)
{
	return INSPECT_BIG_ENDIAN ? __builtin_bswap32(value) : value;
}

INSPECT_INLINE uint64_t inspect_le64(uint64_t value)
{
	return INSPECT_BIG_ENDIAN ? __builtin_bswap64(value) : value;
}

/* ---- The table --------------------------------------------------------------------------------------- */

/* The first bytes of a table and of a root. */
#define INSPECT_TABLE_MAGIC "\211INSPCT\n"
#define INSPECT_ROOT_MAGIC "\211INSPRT\n"

#define INSPECT_LITTLE 1
#define INSPECT_BIG 2

/* inspect_header.flags */
#define INSPECT_TABLE_RUNTIME 1u
#define INSPECT_TABLE_RELATIVE 2u
#define INSPECT_TABLE_SORTED 4u

/* inspect_section.kind */
#define INSPECT_SECTION_ENTRIES 1u
#define INSPECT_SECTION_STRINGS 2u
#define INSPECT_SECTION_SCHEMA 3u
#define INSPECT_SECTION_TYPES 4u
#define INSPECT_SECTION_IDENTITY 5u
#define INSPECT_SECTION_HISTORY 6u

/* inspect_section.flags */
#define INSPECT_SECTION_REQUIRED 1u

/* inspect_entry.state, low two bits; the generation stands above them */
#define INSPECT_EMPTY 0u
#define INSPECT_WRITING 1u
#define INSPECT_LIVE 2u
#define INSPECT_CHANGING 3u
#define INSPECT_GENERATION_MAX 0x3fffffffu

/* inspect_entry.properties: the bits that mean the same in every schema */
#define INSPECT_SENSITIVE 0x8000000000000000ull
#define INSPECT_VOLATILE 0x4000000000000000ull
#define INSPECT_READ_ONLY 0x2000000000000000ull
#define INSPECT_MMIO 0x1000000000000000ull
#define INSPECT_INIT 0x0800000000000000ull
#define INSPECT_PER_CPU 0x0400000000000000ull

#define INSPECT_CORE_PROPERTIES 0xffff000000000000ull

/* inspect_entry.extent */
#define INSPECT_DIRECT 0u
#define INSPECT_INDIRECT 1u
#define INSPECT_COUNTED 2u
#define INSPECT_ADDRESS_ONLY 3u
#define INSPECT_RANGE 4u
#define INSPECT_EXTENT_MASK 0x3fu
#define INSPECT_BOUND_SLOT 0x40u
#define INSPECT_ADDRESS_SLOT 0x80u

/* inspect_entry.space */
#define INSPECT_SPACE_VIRTUAL 0u
#define INSPECT_SPACE_PHYSICAL 1u
#define INSPECT_SPACE_BUS 2u
#define INSPECT_SPACE_FILE 3u

/* inspect_entry.id: explicit, or allotted at run time */
#define INSPECT_ID_EXPLICIT 0x80000000u

/* The type of the ELF note named INSPECT that leads to the root. */
#define INSPECT_NOTE_ROOT 1u

/**
 * struct inspect_header - the start of a table
 *
 * The first 16 bytes never change in any version of the format.
 */
struct inspect_header {
	unsigned char magic[8];
	uint8_t byte_order;
	uint8_t word_size;
	uint16_t format;
	uint32_t header_size;
	uint64_t total_size;
	uint32_t flags;
	uint32_t section_count;
	uint32_t schema_version;
	uint32_t entry_size;
	uint64_t fingerprint;
	uint64_t reserved;
	uint32_t checksum;
	uint32_t arena_used;
	uint64_t self_address;
	uint64_t nonce;
	uint64_t schema;
	uint64_t next;
} __attribute__((aligned(8), may_alias));

/** struct inspect_section - one record of a table's directory */
struct inspect_section {
	uint32_t kind;
	uint32_t flags;
	uint64_t offset;
	uint64_t size;
} __attribute__((aligned(8), may_alias));

/** struct inspect_entry - the part that every row of every table begins with */
struct inspect_entry {
	uint32_t state;
	uint32_t id;
	uint32_t class_number;
	uint32_t type;
	uint64_t properties;
	uint64_t address;
	uint64_t length;
	uint64_t instance;
	uint32_t name;
	uint16_t space;
	uint8_t extent;
	uint8_t bound_size;
	uint64_t bound;
} __attribute__((aligned(8), may_alias));

/** struct inspect_root - where a loaded object's tables are */
struct inspect_root {
	unsigned char magic[8];
	uint8_t byte_order;
	uint8_t word_size;
	uint16_t format;
	uint32_t size;
	uint64_t compile_table;
	uint64_t compile_end;
	uint64_t runtime_table;
	uint64_t nonce;
	uint64_t self_address;
	uint64_t zero;
} __attribute__((aligned(8), may_alias));

INSPECT_ASSERT(sizeof(struct inspect_header) == 96, "the header is 96 bytes");
INSPECT_ASSERT(offsetof(struct inspect_header, fingerprint) == 40, "the header's layout is fixed");
INSPECT_ASSERT(offsetof(struct inspect_header, next) == 88, "the header's layout is fixed");
INSPECT_ASSERT(sizeof(struct inspect_section) == 24, "a directory record is 24 bytes");
INSPECT_ASSERT(sizeof(struct inspect_entry) == 64, "the core entry is 64 bytes");
INSPECT_ASSERT(offsetof(struct inspect_entry, name) == 48, "the core entry's layout is fixed");
INSPECT_ASSERT(offsetof(struct inspect_entry, bound) == 56, "the core entry's layout is fixed");
INSPECT_ASSERT(sizeof(struct inspect_root) == 64, "the root is 64 bytes");

/** struct inspect_class - what the runtime knows of a class */
struct inspect_class {
	uint32_t number;
	/** @type: of what an entry points at, an id in the type information; 0 for none */
	uint32_t type;
	/** @properties: bits that every entry has */
	uint64_t properties;
	const char *name;
};

/* inspect_field.kind: how a pair sets the field of a row */
#define INSPECT_FIELD_NATIVE 0u
#define INSPECT_FIELD_BIG 1u
#define INSPECT_FIELD_LITTLE 2u
#define INSPECT_FIELD_TEXT 3u
#define INSPECT_FIELD_STRING 4u
#define INSPECT_FIELD_BYTES 5u

/** struct inspect_field - a field that a schema adds to the core entry */
struct inspect_field {
	uint32_t offset;
	uint32_t size;
	uint32_t kind;
	/** @text_size: bytes of @text that are not zero, of a field of bytes */
	uint32_t text_size;
	/** @number: what an annotation that is silent about the field means, where it is a number */
	uint64_t number;
	const char *name;
	/** @text: the same where it is a text or bytes; NULL where they are empty or zero */
	const char *text;
};

/**
 * struct inspect_schema - what a schema's generated code carries, once in a program
 *
 * The blobs are writable data, since cores written by a kernel omit read-only pages of files. Sizes are in
 * bytes. Annotation records point here, the runtime's tables too.
 *
 * It is the head of the one object that `<schema>.inspect.c` defines: history, types and cbor follow it in this
 * order, each at the next multiple of 8 bytes, so that whoever knows the symbol finds them without a relocation.
 */
struct inspect_schema {
	uint32_t size;
	uint32_t version;
	uint64_t schema;
	uint64_t fingerprint;
	uint32_t entry_size;
	uint32_t cbor_size;
	uint32_t types_size;
	uint32_t history_size;
	const unsigned char *cbor;
	const uint32_t *types;
	const uint64_t *history;
	const char *name;
	/** @classes: in the order of their numbers */
	const struct inspect_class *classes;
	const struct inspect_field *fields;
	uint32_t class_count;
	uint32_t field_count;
} __attribute__((aligned(8)));

INSPECT_ASSERT(sizeof(struct inspect_schema) == 48 + 6 * sizeof(void *), "the head's layout is fixed");
INSPECT_ASSERT(offsetof(struct inspect_schema, cbor) == 40, "the head's layout is fixed");

/* The next multiple of 8 bytes. */
#define INSPECT_ROUND(size) (((size) + 7) & ~(size_t)7)

INSPECT_INLINE uint32_t inspect_crc_byte(uint32_t crc, unsigned char byte)
{
	/* CRC-32C of the sixteen half bytes. */
	static const uint32_t half[16] = { 0x00000000u, 0x105ec76fu, 0x20bd8edeu, 0x30e349b1u,
					   0x417b1dbcu, 0x5125dad3u, 0x61c69362u, 0x7198540du,
					   0x82f63b78u, 0x92a8fc17u, 0xa24bb5a6u, 0xb21572c9u,
					   0xc38d26c4u, 0xd3d3e1abu, 0xe330a81au, 0xf36e6f75u };

	crc ^= byte;
	crc = half[crc & 15] ^ crc >> 4;
	return half[crc & 15] ^ crc >> 4;
}

/* The checksum of a table's block, the field itself taken as zero. */
INSPECT_INLINE uint32_t inspect_table_checksum(const unsigned char *data, size_t size)
{
	uint32_t crc = 0xffffffffu;
	size_t i;

	for (i = 0; i < size; i++)
		crc = inspect_crc_byte(crc, i >= 56 && i < 60 ? 0 : data[i]);
	return ~crc;
}

/* The first word of type information: magic and version. */
#define INSPECT_TYPES_MAGIC (INSPECT_BIG_ENDIAN ? 0xeb9f0100u : 0x0001eb9fu)
#define INSPECT_MAX(a, b) ((a) > (b) ? (a) : (b))

/* ---- Annotation pairs -------------------------------------------------------------------------------- */

/* inspect_pair.kind */
#define INSPECT_PAIR_TEXT 1u
#define INSPECT_PAIR_INTEGER 2u
#define INSPECT_PAIR_ADDRESS 3u
#define INSPECT_PAIR_BEGIN 4u
#define INSPECT_PAIR_END 5u

/**
 * struct inspect_pair - one key with its value, the same bytes on every target
 *
 * Text is inline, since a string literal would stay in the image when the pairs are dropped.
 */
struct inspect_pair {
	char key[32];
	uint32_t kind;
	uint32_t size;
	uint64_t integer;
	const volatile void *address;
#if __SIZEOF_POINTER__ == 4
	uint32_t address_padding;
#endif
	char text[72];
} __attribute__((aligned(8)));

INSPECT_ASSERT(sizeof(struct inspect_pair) == 128, "a pair is 128 bytes");
INSPECT_ASSERT(offsetof(struct inspect_pair, address) == 48, "a pair's layout is fixed");
INSPECT_ASSERT(offsetof(struct inspect_pair, text) == 56, "a pair's layout is fixed");

/*
 * A condition inside an initialiser: 0, or an error whose message holds the words. They are an identifier, since
 * the C library turns static assertions in C99 into something without a text.
 */
#ifdef __cplusplus
#define INSPECT_CHECK(condition, words) (0 * sizeof(::words<(condition)>))
#else
#define INSPECT_CHECK(condition, words) (0 * sizeof(struct { int words : (condition) ? 1 : -1; }))
#endif

#if __SIZEOF_POINTER__ == 4
#define INSPECT_PAIR_(key, kind, check, integer, address, text)                                            \
	{ key, kind, 128 + (check), integer, address, 0, "" text }
#else
#define INSPECT_PAIR_(key, kind, check, integer, address, text)                                            \
	{ key, kind, 128 + (check), integer, address, "" text }
#endif

#define INSPECT_KEY_CHECK_(key) INSPECT_CHECK(sizeof("" key) <= 32, inspect_key_is_longer_than_31_bytes)
#define INSPECT_TEXT_CHECK_(key, text)                                                                     \
	(INSPECT_KEY_CHECK_(key) + INSPECT_CHECK(sizeof("" text) <= 72, inspect_text_is_longer_than_71_bytes))

#define INSPECT_BEGIN(schema) INSPECT_PAIR_("inspect:begin", INSPECT_PAIR_BEGIN, 0, 0, schema, "")
#define INSPECT_END() INSPECT_PAIR_("inspect:end", INSPECT_PAIR_END, 0, 0, 0, "")

/** INSPECT_TEXT() - a pair whose value is a text: a literal of at most 71 bytes */
#define INSPECT_TEXT(key, value)                                                                           \
	INSPECT_PAIR_(key, INSPECT_PAIR_TEXT, INSPECT_TEXT_CHECK_(key, value), 0, 0, value)
/** INSPECT_INTEGER() - a pair whose value is a constant number */
#define INSPECT_INTEGER(key, value)                                                                        \
	INSPECT_PAIR_(key, INSPECT_PAIR_INTEGER, INSPECT_KEY_CHECK_(key), (uint64_t)(value), 0, "")
/** INSPECT_ADDRESS() - a pair whose value is the address of something with a place in the image */
#define INSPECT_ADDRESS(key, value)                                                                        \
	INSPECT_PAIR_(key, INSPECT_PAIR_ADDRESS, INSPECT_KEY_CHECK_(key), 0, value, "")
/** INSPECT_COUNT() - the counter of a counted extent: its width stands beside its address */
#define INSPECT_COUNT(counter)                                                                             \
	INSPECT_PAIR_("count", INSPECT_PAIR_ADDRESS,                                                       \
		      INSPECT_CHECK(sizeof((counter) % 2) != 0 && sizeof(counter) <= 8,                    \
				    inspect_counter_is_wider_than_8_bytes),                                \
		      sizeof(counter), &(counter), "")

/* Numbers and texts that have to fit into a field; the macros of a schema's fields are made of these. */
#define INSPECT_NUMBER_(key, value, condition)                                                             \
	INSPECT_PAIR_(key, INSPECT_PAIR_INTEGER,                                                           \
		      INSPECT_KEY_CHECK_(key) + INSPECT_CHECK(condition, inspect_number_does_not_fit),     \
		      (uint64_t)(value), 0, "")
#define INSPECT_UNSIGNED(key, value, bits)                                                                 \
	INSPECT_NUMBER_(key, value, (uint64_t)(value) >> ((bits) - 1) >> 1 == 0)
#define INSPECT_SIGNED(key, value, bits)                                                                   \
	INSPECT_NUMBER_(key, value,                                                                        \
			((uint64_t)(value) + ((uint64_t)1 << ((bits) - 1))) >> ((bits) - 1) >> 1 == 0)
#define INSPECT_SHORT_TEXT(key, value, room)                                                               \
	INSPECT_PAIR_(key, INSPECT_PAIR_TEXT,                                                              \
		      INSPECT_TEXT_CHECK_(key, value) +                                                    \
			      INSPECT_CHECK(sizeof("" value) <= (room) + 1, inspect_text_is_longer_than_its_field), \
		      0, 0, value)

/** INSPECT_INSTANCE() - which one of its class: a node, a processor */
#define INSPECT_INSTANCE(number) INSPECT_UNSIGNED("instance", number, 64)
/** INSPECT_ID() - an id of its own, below 2^31, where the derived one is taken */
#define INSPECT_ID(number) INSPECT_UNSIGNED("id", number, 31)
/** INSPECT_PROPERTIES() - bits beside those of the class */
#define INSPECT_PROPERTIES(bits) INSPECT_UNSIGNED("properties", bits, 64)
/** INSPECT_SPACE() - the address space, where it is not the virtual one of the program */
#define INSPECT_SPACE(number) INSPECT_UNSIGNED("space", number, 16)
/** INSPECT_TYPE() - a number in the schema's type information, where it is not the class's */
#define INSPECT_TYPE(number) INSPECT_UNSIGNED("type", number, 32)

/*
 * `used` keeps the compiler from dropping a record, `retain` the linker with --gc-sections; the latter only
 * where the compiler takes it without a warning, which bare-metal targets do not.
 */
#if defined(__has_attribute)
#if __has_attribute(retain) && defined(__ELF__) && defined(__linux__)
#define INSPECT_RETAIN __attribute__((used, retain))
#define INSPECT_SECTION_FLAGS "awR"
#endif
#endif
#ifndef INSPECT_RETAIN
#define INSPECT_RETAIN __attribute__((used))
#define INSPECT_SECTION_FLAGS "aw"
#endif

/* C++ must not initialise a record when the program starts: it would write into the packed table. */
#if defined(__cplusplus) && defined(__clang__)
#define INSPECT_CONSTINIT __attribute__((require_constant_initialization))
#elif defined(__cplusplus) && __GNUC__ >= 10
#define INSPECT_CONSTINIT __constinit
#else
#define INSPECT_CONSTINIT
#endif

#define INSPECT_JOIN_(a, b) a##b
#define INSPECT_JOIN(a, b) INSPECT_JOIN_(a, b)
/* Records of one line, or of equal lines of two headers, have names of their own. */
#define INSPECT_UNIQUE(word) INSPECT_JOIN(INSPECT_JOIN(word, __LINE__), INSPECT_JOIN(_, __COUNTER__))

/* The file's own name where the compiler knows it, otherwise its path; empty where it is too long for a pair. */
#ifdef __FILE_NAME__
#define INSPECT_FILE_ __FILE_NAME__
#else
#define INSPECT_FILE_ __FILE__
#endif
#ifdef __cplusplus
#define INSPECT_FILE_PAIR_ inspect_file_pair(INSPECT_FILE_)
#elif __SIZEOF_POINTER__ == 4
#define INSPECT_FILE_PAIR_ { "file", INSPECT_PAIR_TEXT, 128, 0, 0, 0, INSPECT_FILE_TEXT_ }
#else
#define INSPECT_FILE_PAIR_ { "file", INSPECT_PAIR_TEXT, 128, 0, 0, INSPECT_FILE_TEXT_ }
#endif
#define INSPECT_FILE_TEXT_ __builtin_choose_expr(sizeof(INSPECT_FILE_) <= 72, INSPECT_FILE_, "")

/**
 * INSPECT_RECORD() - one annotation from its pairs, without begin and end
 * @schema: the descriptor: LINUX_MM_DESCRIPTOR
 *
 * Stands where a declaration may stand, and a semicolon behind it. With INSPECT_OFF nothing is left of it but
 * the checks; what it names counts as used.
 */
#if !defined(INSPECT_OFF)
#define INSPECT_RECORD(schema, ...)                                                                        \
	static INSPECT_CONSTINIT struct inspect_pair INSPECT_UNIQUE(inspect_pairs_)[]                      \
		__attribute__((section("inspect_table"), aligned(8))) INSPECT_RETAIN = {                   \
			INSPECT_BEGIN(schema), __VA_ARGS__, INSPECT_FILE_PAIR_,                            \
			INSPECT_INTEGER("line", __LINE__), INSPECT_END()                                   \
		}
#elif defined(__cplusplus)
#define INSPECT_RECORD(schema, ...) static_assert(inspect_is_seen({ __VA_ARGS__ }), "")
#else
#define INSPECT_RECORD(schema, ...)                                                                        \
	enum { INSPECT_UNIQUE(inspect_off_) =                                                              \
		       __builtin_choose_expr(1, 0, INSPECT_SEEN_(struct inspect_pair[]){ __VA_ARGS__ }) }
/* Clang warns of a variable that only `sizeof` names; GCC keeps a literal that nothing needs. */
#ifdef __clang__
#define INSPECT_SEEN_
#else
#define INSPECT_SEEN_ sizeof
#endif
#endif

/* ---- Annotations of a class --------------------------------------------------------------------------- */

/*
 * What the macros of a schema's classes are made of. @is says whether a pointer leads to the class's @type:
 * INSPECT_IS, INSPECT_IS_ARRAY where the type is itself an array, INSPECT_IS_BYTE for whatever is a byte,
 * INSPECT_IS_ANY_POINTER for whatever is a pointer, and INSPECT_IS_ANYTHING where C has no such type. Behind the
 * arguments stand a name and any number of pairs.
 */

/* The name, and what stands behind it: each call has an argument more than the user has given. */
#define INSPECT_FIRST_(first, ...) first
#define INSPECT_REST_(first, ...) __VA_ARGS__

#define INSPECT_CLASS_(class_name, check, ...)                                                             \
	INSPECT_PAIR_("class", INSPECT_PAIR_TEXT, check, 0, 0, class_name),                                \
		INSPECT_TEXT("name", INSPECT_FIRST_(__VA_ARGS__, 0))
#define INSPECT_TYPE_CHECK_(condition)                                                                     \
	INSPECT_CHECK(condition, inspect_variable_has_another_type_than_its_class)

/** INSPECT_ANNOTATE_OBJECT() - a variable of the class's type */
#define INSPECT_ANNOTATE_OBJECT(schema, class_name, is, type, variable, ...)                               \
	INSPECT_RECORD(schema,                                                                             \
		       INSPECT_CLASS_(class_name, INSPECT_TYPE_CHECK_(is(type, &(variable))), __VA_ARGS__), \
		       INSPECT_INTEGER("length", sizeof(variable)),                                        \
		       INSPECT_REST_(__VA_ARGS__, INSPECT_ADDRESS("address", &(variable))))

/** INSPECT_ANNOTATE_ARRAY() - an array whose elements have the class's type */
#define INSPECT_ANNOTATE_ARRAY(schema, class_name, is, type, variable, ...)                                \
	INSPECT_ANNOTATE_ARRAY_(schema, class_name, is(type, &(variable)[0]), variable, __VA_ARGS__)
/** INSPECT_ANNOTATE_FIXED() - the same where the class says how many there are */
#define INSPECT_ANNOTATE_FIXED(schema, class_name, is, type, count, variable, ...)                         \
	INSPECT_ANNOTATE_ARRAY_(schema, class_name,                                                        \
				is(type, &(variable)[0]) && sizeof(variable) == (count) * sizeof(type),    \
				variable, __VA_ARGS__)
#define INSPECT_ANNOTATE_ARRAY_(schema, class_name, condition, variable, ...)                              \
	INSPECT_RECORD(schema,                                                                             \
		       INSPECT_CLASS_(class_name,                                                          \
				      INSPECT_TYPE_CHECK_(condition) +                                     \
					      INSPECT_CHECK(!INSPECT_IS_POINTER_(variable),                \
							    inspect_pointer_stands_where_an_array_is_expected), \
				      __VA_ARGS__),                                                        \
		       INSPECT_INTEGER("length", sizeof(variable)),                                        \
		       INSPECT_REST_(__VA_ARGS__, INSPECT_ADDRESS("address", &(variable)[0])))

/** INSPECT_ANNOTATE_RANGE() - everything from @start up to @end, which are constant addresses */
#define INSPECT_ANNOTATE_RANGE(schema, class_name, is, type, start, end, ...)                              \
	INSPECT_RECORD(schema,                                                                             \
		       INSPECT_CLASS_(class_name, INSPECT_TYPE_CHECK_(is(type, start) && is(type, end)),   \
				      __VA_ARGS__),                                                        \
		       INSPECT_ADDRESS("address", start),                                                  \
		       INSPECT_REST_(__VA_ARGS__, INSPECT_ADDRESS("end", end)))

#define INSPECT_POINTER_(is, type, pointer)                                                                \
	INSPECT_TYPE_CHECK_(is(type, pointer)) +                                                           \
		INSPECT_CHECK(INSPECT_IS_POINTER_(pointer), inspect_variable_is_no_pointer)

/**
 * INSPECT_ANNOTATE_INDIRECT() - so many bytes at the pointer that a variable holds when a dump is taken
 * @fits: how many bytes the class has: INSPECT_EXACTLY @count elements, INSPECT_TIMES any number of times so
 * many, INSPECT_AT_LEAST where the type ends with an array of any length, INSPECT_ANY_LENGTH where C has no type
 * @length: a constant; what is known only by then is counted
 */
#define INSPECT_ANNOTATE_INDIRECT(schema, class_name, is, type, fits, count, pointer, length, ...)         \
	INSPECT_RECORD(schema,                                                                             \
		       INSPECT_CLASS_(class_name, INSPECT_POINTER_(is, type, pointer), __VA_ARGS__),       \
		       INSPECT_LENGTH_(length, fits((uint64_t)(length), (count) * is##_SIZE(type, pointer))), \
		       INSPECT_INTEGER("extent", INSPECT_INDIRECT),                                        \
		       INSPECT_REST_(__VA_ARGS__, INSPECT_ADDRESS("address", &(pointer))))

/* A remainder has only what is an integer: the name in the place of the length is none. */
#define INSPECT_LENGTH_(length, condition)                                                                 \
	INSPECT_PAIR_("length", INSPECT_PAIR_INTEGER,                                                      \
		      INSPECT_CHECK(sizeof((length) % 2) != 0 && (uint64_t)(length) >> 63 == 0 && (condition), \
				    inspect_length_is_not_that_of_its_class),                              \
		      (uint64_t)(length), 0, "")
#define INSPECT_EXACTLY(length, size) ((length) == (size))
#define INSPECT_TIMES(length, size) ((length) % (size) == 0)
#define INSPECT_AT_LEAST(length, size) ((length) >= (size))
#define INSPECT_ANY_LENGTH(length, size) 1

/** INSPECT_ANNOTATE_COUNTED() - as many elements at a variable's pointer as another variable says by then */
#define INSPECT_ANNOTATE_COUNTED(schema, class_name, is, type, pointer, counter, ...)                      \
	INSPECT_RECORD(schema,                                                                             \
		       INSPECT_CLASS_(class_name, INSPECT_POINTER_(is, type, pointer), __VA_ARGS__),       \
		       INSPECT_INTEGER("length", is##_SIZE(type, pointer)), INSPECT_COUNT(counter),        \
		       INSPECT_REST_(__VA_ARGS__, INSPECT_ADDRESS("address", &(pointer))))

/** INSPECT_ANNOTATE_ADDRESS() - where a variable is, and nothing of what it holds */
#define INSPECT_ANNOTATE_ADDRESS(schema, class_name, is, type, pointer, ...)                               \
	INSPECT_RECORD(schema,                                                                             \
		       INSPECT_CLASS_(class_name, INSPECT_TYPE_CHECK_(is(type, pointer)), __VA_ARGS__),    \
		       INSPECT_INTEGER("extent", INSPECT_ADDRESS_ONLY),                                    \
		       INSPECT_REST_(__VA_ARGS__, INSPECT_ADDRESS("address", pointer)))

#define INSPECT_IS_SIZE(type, pointer) sizeof(type)
#define INSPECT_IS_ARRAY_SIZE(type, pointer) sizeof(type)
#define INSPECT_IS_BYTE_SIZE(type, pointer) 1
#define INSPECT_IS_ANY_POINTER_SIZE(type, pointer) sizeof(void *)
#define INSPECT_IS_ANYTHING_SIZE(type, pointer) sizeof(*(pointer))
#define INSPECT_IS_ANYTHING(type, pointer) 1

#ifndef __cplusplus

/* What a comma has before it is a value: without qualifiers, `_Atomic` among them, and no array. */
#define INSPECT_VALUE_(expression) __typeof__(((void)0, expression))
#define INSPECT_SAME_(a, b) __builtin_types_compatible_p(a, b)

#define INSPECT_IS(type, pointer)                                                                          \
	(INSPECT_SAME_(INSPECT_VALUE_(*(pointer)), type) ||                                                \
	 (sizeof(*(pointer)) == sizeof(type) && INSPECT_KIND_(INSPECT_VALUE_(*(pointer))) != 0 &&          \
	  INSPECT_KIND_(INSPECT_VALUE_(*(pointer))) == INSPECT_KIND_(type)))
/* Of equal size and sign, `long` and `long long` are two types and the same bytes. */
#define INSPECT_KIND_(type)                                                                                \
	(INSPECT_SAME_(type, int) || INSPECT_SAME_(type, long) || INSPECT_SAME_(type, long long) ? 1 :     \
	 INSPECT_SAME_(type, unsigned int) || INSPECT_SAME_(type, unsigned long) ||                        \
			 INSPECT_SAME_(type, unsigned long long) ? 2 : 0)

#define INSPECT_IS_ARRAY(type, pointer) INSPECT_SAME_(__typeof__(*(pointer)), type)
#define INSPECT_IS_BYTE(type, pointer)                                                                     \
	(INSPECT_LEADS_TO_(unsigned char, pointer) || INSPECT_LEADS_TO_(char, pointer) ||                  \
	 INSPECT_LEADS_TO_(signed char, pointer) || INSPECT_LEADS_TO_(void, pointer))
#define INSPECT_LEADS_TO_(type, pointer)                                                                   \
	(INSPECT_SAME_(INSPECT_VALUE_(pointer), type *) || INSPECT_SAME_(INSPECT_VALUE_(pointer), const type *) || \
	 INSPECT_SAME_(INSPECT_VALUE_(pointer), volatile type *) ||                                        \
	 INSPECT_SAME_(INSPECT_VALUE_(pointer), const volatile type *))
#define INSPECT_IS_ANY_POINTER(type, pointer)                                                              \
	(__builtin_classify_type(*(pointer)) == __builtin_classify_type((void *)0) &&                      \
	 INSPECT_IS_POINTER_(*(pointer)))
#define INSPECT_IS_POINTER_(variable) INSPECT_SAME_(__typeof__(variable), INSPECT_VALUE_(variable))

#else

#define INSPECT_IS(type, pointer) (::inspect_is<type, decltype(::inspect_decayed(pointer))>::value)
#define INSPECT_IS_ARRAY(type, pointer) INSPECT_IS(type, pointer)
#define INSPECT_IS_BYTE(type, pointer) (::inspect_is_byte<decltype(::inspect_decayed(pointer))>::value)
#define INSPECT_IS_ANY_POINTER(type, pointer) INSPECT_IS_POINTER_(*(pointer))
#define INSPECT_IS_POINTER_(variable) (::inspect_is_pointer<decltype((variable))>::value)

extern "C++" {

template <bool> struct inspect_variable_has_another_type_than_its_class;
template <bool> struct inspect_pointer_stands_where_an_array_is_expected;
template <bool> struct inspect_variable_is_no_pointer;
template <bool> struct inspect_counter_is_wider_than_8_bytes;
template <bool> struct inspect_length_is_not_that_of_its_class;
template <bool> struct inspect_number_does_not_fit;
template <bool> struct inspect_text_is_longer_than_its_field;
template <bool> struct inspect_text_is_longer_than_71_bytes;
template <bool> struct inspect_key_is_longer_than_31_bytes;

/* Only what holds has a size. */
template <> struct inspect_variable_has_another_type_than_its_class<true> {};
template <> struct inspect_pointer_stands_where_an_array_is_expected<true> {};
template <> struct inspect_variable_is_no_pointer<true> {};
template <> struct inspect_counter_is_wider_than_8_bytes<true> {};
template <> struct inspect_length_is_not_that_of_its_class<true> {};
template <> struct inspect_number_does_not_fit<true> {};
template <> struct inspect_text_is_longer_than_its_field<true> {};
template <> struct inspect_text_is_longer_than_71_bytes<true> {};
template <> struct inspect_key_is_longer_than_31_bytes<true> {};

template <class T> struct inspect_bare { typedef T type; };
template <class T> struct inspect_bare<const T> { typedef T type; };
template <class T> struct inspect_bare<volatile T> { typedef T type; };
template <class T> struct inspect_bare<const volatile T> { typedef T type; };
template <class T> struct inspect_bare<T &> { typedef typename inspect_bare<T>::type type; };

template <class A, class B> struct inspect_is_same { static constexpr bool value = false; };
template <class A> struct inspect_is_same<A, A> { static constexpr bool value = true; };

/* Of equal size and sign, `long` and `long long` are two types and the same bytes. */
template <class T> struct inspect_kind { static constexpr int value = 0; };
template <> struct inspect_kind<int> { static constexpr int value = 1; };
template <> struct inspect_kind<long> { static constexpr int value = 1; };
template <> struct inspect_kind<long long> { static constexpr int value = 1; };
template <> struct inspect_kind<unsigned int> { static constexpr int value = 2; };
template <> struct inspect_kind<unsigned long> { static constexpr int value = 2; };
template <> struct inspect_kind<unsigned long long> { static constexpr int value = 2; };

/* `std::atomic<T>` without a lock holds what T holds; its header need not be there. */
template <class T, class = void> struct inspect_content { typedef T type; };
template <class T> struct inspect_content<T, decltype((void)T::is_always_lock_free)> {
	typedef typename T::value_type type;
};

/* Never defined: gives an array's first element, or a pointer, a type. */
template <class T> T *inspect_decayed(T *);

template <class Type, class Pointer> struct inspect_is;
template <class Type, class T> struct inspect_is<Type, T *> {
	typedef typename inspect_content<typename inspect_bare<T>::type>::type type;
	static constexpr int kind = inspect_kind<type>::value;
	static constexpr bool value = sizeof(T) == sizeof(Type) &&
				      (inspect_is_same<type, typename inspect_bare<Type>::type>::value ||
				       (kind != 0 && kind == inspect_kind<Type>::value));
};

template <class T, bool = __is_enum(T)> struct inspect_underlying { typedef T type; };
template <class T> struct inspect_underlying<T, true> { typedef __underlying_type(T) type; };

template <class Pointer> struct inspect_is_byte;
template <class T> struct inspect_is_byte<T *> {
	typedef typename inspect_underlying<typename inspect_bare<T>::type>::type type;
	static constexpr bool value = inspect_is_same<type, unsigned char>::value ||
				      inspect_is_same<type, char>::value ||
				      inspect_is_same<type, signed char>::value ||
				      inspect_is_same<type, void>::value;
};

template <class T> struct inspect_points { static constexpr bool value = false; };
template <class T> struct inspect_points<T *> { static constexpr bool value = true; };
template <class T> struct inspect_is_pointer : inspect_points<typename inspect_bare<T>::type> {};

/* The pair of a file's name: what stands behind the last slash, if it fits. */
constexpr struct inspect_pair inspect_file_pair(const char *path)
{
	struct inspect_pair pair = INSPECT_TEXT("file", "");
	const char *name = path;
	size_t length = 0;
	size_t i = 0;

	for (i = 0; path[i] != 0; i++) {
		if (path[i] == '/')
			name = path + i + 1;
	}
	while (name[length] != 0)
		length++;
	for (i = 0; length < sizeof(pair.text) && i < length; i++)
		pair.text[i] = name[i];
	return pair;
}

/* Switched off, a record is still looked at. */
template <size_t count> constexpr bool inspect_is_seen(const struct inspect_pair (&)[count])
{
	return true;
}
}

#endif

/* ---- Address spaces ----------------------------------------------------------------------------------- */

/* inspect_space.partial: what happens to parts of sections */
#define INSPECT_PARTIAL_REJECT 0u
#define INSPECT_PARTIAL_ROUND_IN 1u
#define INSPECT_PARTIAL_ROUND_OUT 2u

/** struct inspect_space - a declared address space of a device, for a section map (inspect_hotplug.h) */
struct inspect_space {
	const char *name;
	/** @section_size: in bytes, a power of two */
	uint64_t section_size;
	/** @base: the first address that it hands out */
	uint64_t base;
	/** @max_regions: the most memory regions that the device takes; 0 is no limit */
	uint32_t max_regions;
	/** @number: in entries */
	uint16_t number;
	uint8_t partial;
	/** @stable: whether a live section keeps its address; otherwise they are dense and may move */
	bool stable;
};

/* ---- Consumers --------------------------------------------------------------------------------------- */

/* inspect_rule.kind */
#define INSPECT_RULE_CLASS 0u
#define INSPECT_RULE_ENTRY 1u
#define INSPECT_RULE_PROPERTIES 2u

/** struct inspect_rule - what a consumer allows, denies or ranks */
struct inspect_rule {
	/** @kind: every entry of a class, some of a class, or those with one of these properties */
	uint32_t kind;
	/** @class_number: of the schema @schema */
	uint32_t class_number;
	uint64_t schema;
	/** @name: exactly; NULL is any */
	const char *name;
	/** @instance: where @any_instance is false */
	uint64_t instance;
	bool any_instance;
	uint64_t properties;
};

#define INSPECT_NO_LIMIT 0xffffffffffffffffull

/** struct inspect_consumer - what may be seen, and by whom */
struct inspect_consumer {
	const char *name;
	/** @schema: that declares it; property bits below 48 mean something in its entries only */
	uint64_t schema;
	const struct inspect_rule *allow;
	size_t allow_count;
	const struct inspect_rule *deny;
	size_t deny_count;
	const struct inspect_rule *order;
	size_t order_count;
	uint64_t require;
	uint64_t permit;
	uint64_t limit_regions;
	uint64_t limit_name;
	uint64_t limit_bytes;
};

INSPECT_INLINE bool inspect_text_equal(const char *a, const char *b)
{
	while (*a != 0 && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/*
 * The bits of @properties are those that mean something to the rule's consumer. A name that cannot be read is
 * NULL, and @unnamed says whether it is any name or none.
 */
INSPECT_INLINE bool inspect_rule_matches(const struct inspect_rule *rule, uint64_t schema, uint64_t properties,
					 const struct inspect_entry *entry, const char *name, bool unnamed)
{
	if (rule->kind == INSPECT_RULE_PROPERTIES)
		return (properties & rule->properties) != 0;
	if (rule->schema != schema || rule->class_number != entry->class_number)
		return false;
	if (rule->kind == INSPECT_RULE_CLASS)
		return true;
	if (rule->name != NULL && (name == NULL ? !unnamed : !inspect_text_equal(rule->name, name)))
		return false;
	return rule->any_instance || rule->instance == entry->instance;
}

/* The number of the first rule that is about an entry; as many as there are where none is. */
INSPECT_INLINE size_t inspect_find_rule(const struct inspect_rule *rules, size_t count, uint64_t schema,
					uint64_t properties, const struct inspect_entry *entry, const char *name,
					bool unnamed)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (inspect_rule_matches(&rules[i], schema, properties, entry, name, unnamed))
			break;
	}
	return i;
}

/* Bits of a schema mean nothing in tables of others: there only the core's are looked at. */
INSPECT_INLINE uint64_t inspect_known_properties(const struct inspect_consumer *consumer, uint64_t schema,
						 const struct inspect_entry *entry)
{
	return schema == consumer->schema ? entry->properties : entry->properties & INSPECT_CORE_PROPERTIES;
}

/* inspect_verdict.reason; of several that hold, the one that stands first here */
#define INSPECT_ALLOWED 0u
#define INSPECT_DENIED_RULE 1u
#define INSPECT_DENIED_GUARDED 2u
#define INSPECT_DENIED_LACKS 3u
#define INSPECT_DENIED_UNLISTED 4u

/** struct inspect_verdict - what a consumer says about an entry */
struct inspect_verdict {
	/** @reason: INSPECT_ALLOWED by a rule, or denied by one, by a property, for want of one or of a rule */
	uint32_t reason;
	/** @rule: which one of allow or deny, counted from 0 */
	uint32_t rule;
	/** @properties: those that are refused, or are missing */
	uint64_t properties;
};

/**
 * inspect_consumer_judge() - whether a consumer may see an entry, and why
 * @schema: the table's schema, as its header says
 * @entry: in native byte order
 * @name: the entry's name; NULL is one that cannot be read: it counts as every name that is denied and as none
 * that is allowed, so that a broken name never shows what a whole one would have hidden
 *
 * Everything is refused that no rule allows. What is denied is refused whatever is allowed, and so is what is
 * sensitive or has effects when read, unless the consumer permits it by name.
 */
INSPECT_INLINE struct inspect_verdict inspect_consumer_judge(const struct inspect_consumer *consumer,
							     uint64_t schema, const struct inspect_entry *entry,
							     const char *name)
{
	const uint64_t properties = inspect_known_properties(consumer, schema, entry);
	struct inspect_verdict verdict;
	size_t rule;

	verdict.reason = INSPECT_DENIED_RULE;
	verdict.properties = 0;
	rule = inspect_find_rule(consumer->deny, consumer->deny_count, schema, properties, entry, name, true);
	verdict.rule = (uint32_t)rule;
	if (rule < consumer->deny_count)
		return verdict;
	verdict.rule = 0;
	verdict.reason = INSPECT_DENIED_GUARDED;
	verdict.properties = properties & (INSPECT_SENSITIVE | INSPECT_MMIO) & ~consumer->permit;
	if (verdict.properties != 0)
		return verdict;
	verdict.reason = INSPECT_DENIED_LACKS;
	verdict.properties = consumer->require & ~properties;
	if (verdict.properties != 0)
		return verdict;
	rule = inspect_find_rule(consumer->allow, consumer->allow_count, schema, properties, entry, name, false);
	verdict.reason = rule < consumer->allow_count ? INSPECT_ALLOWED : INSPECT_DENIED_UNLISTED;
	verdict.rule = rule < consumer->allow_count ? (uint32_t)rule : 0;
	return verdict;
}

/** inspect_consumer_allows() - whether a consumer may see an entry: inspect_consumer_judge() in one word */
INSPECT_INLINE bool inspect_consumer_allows(const struct inspect_consumer *consumer, uint64_t schema,
					    const struct inspect_entry *entry, const char *name)
{
	return inspect_consumer_judge(consumer, schema, entry, name).reason == INSPECT_ALLOWED;
}

/**
 * inspect_consumer_rank() - the place of an entry where a budget is short
 *
 * The number of the first rule of the order that is about it: lower numbers come first, entries without a rule
 * after all that have one.
 */
INSPECT_INLINE uint32_t inspect_consumer_rank(const struct inspect_consumer *consumer, uint64_t schema,
					      const struct inspect_entry *entry, const char *name)
{
	return (uint32_t)inspect_find_rule(consumer->order, consumer->order_count, schema,
					   inspect_known_properties(consumer, schema, entry), entry, name, false);
}

/* What inspect_purse_spend() returns: the limit that was exceeded, if any. */
#define INSPECT_LIMIT_NONE 0u
#define INSPECT_LIMIT_REGIONS 1u
#define INSPECT_LIMIT_NAME 2u
#define INSPECT_LIMIT_BYTES 3u

/** struct inspect_purse - what is left of a consumer's budget; INSPECT_NO_LIMIT is never less */
struct inspect_purse {
	uint64_t regions;
	/** @name: of each name, and not of all together */
	uint64_t name;
	uint64_t bytes;
};

INSPECT_INLINE void inspect_purse_init(struct inspect_purse *purse, const struct inspect_consumer *consumer)
{
	purse->regions = consumer->limit_regions;
	purse->name = consumer->limit_name;
	purse->bytes = consumer->limit_bytes;
}

/**
 * inspect_purse_spend() - takes one region with its name out of the budget, whole or not at all
 *
 * Returns the limit it exceeds, or INSPECT_LIMIT_NONE. A smaller region that comes later may still fit.
 */
INSPECT_INLINE uint32_t inspect_purse_spend(struct inspect_purse *purse, uint64_t name_bytes, uint64_t bytes)
{
	if (name_bytes > purse->name)
		return INSPECT_LIMIT_NAME;
	if (purse->regions == 0)
		return INSPECT_LIMIT_REGIONS;
	if (bytes > purse->bytes)
		return INSPECT_LIMIT_BYTES;
	if (purse->regions != INSPECT_NO_LIMIT)
		purse->regions--;
	if (purse->bytes != INSPECT_NO_LIMIT)
		purse->bytes -= bytes;
	return INSPECT_LIMIT_NONE;
}

/* ---- The runtime (inspect_runtime.c) ----------------------------------------------------------------- */

/* What the functions below return; 0 is success, and inspect_error_text() has words for the others. */
#define INSPECT_OK 0
#define INSPECT_E_FULL (-1)
#define INSPECT_E_NAMES_FULL (-2)
#define INSPECT_E_STALE (-3)
#define INSPECT_E_MEMORY (-4)
#define INSPECT_E_REGION (-5)
#define INSPECT_E_CLASS (-6)
#define INSPECT_E_BUSY (-7)
#define INSPECT_E_TABLE (-8)
#define INSPECT_E_SCHEMA (-9)
#define INSPECT_E_TEXT (-10)
#define INSPECT_E_KEY (-11)
#define INSPECT_E_VALUE (-12)
#define INSPECT_E_RECORD (-13)
#define INSPECT_E_OBJECTS (-14)
/* Of dumps and zones (inspect_dump.h). */
#define INSPECT_E_FAULT (-15)
#define INSPECT_E_ROOM (-16)
#define INSPECT_E_SYSTEM (-17)
#define INSPECT_E_TABLES (-18)
#define INSPECT_E_LARGE (-19)
#define INSPECT_E_ZONE (-20)
#define INSPECT_E_FORMAT (-21)
#define INSPECT_E_CHECKSUM (-22)
#define INSPECT_E_SIZES (-23)
#define INSPECT_E_SMALL (-24)
#define INSPECT_E_SEQUENCE (-25)
#define INSPECT_E_NONE (-26)

/*
 * Each executable and each library has a runtime of its own, with its own root: functions of the same name
 * elsewhere are somebody else's, and go when that object is unloaded. Whoever wants to export them anyway
 * defines this.
 */
#ifndef INSPECT_API
#ifdef __KERNEL__
#define INSPECT_API
#else
#define INSPECT_API __attribute__((visibility("hidden")))
#endif
#endif

/** inspect_error_text() - what went wrong and what helps, in a sentence without a full stop */
INSPECT_API
const char *inspect_error_text(int error);

/** struct inspect_handle - a registered row; one that was unregistered is never somebody else's */
struct inspect_handle {
	uint32_t slot;
	uint32_t generation;
};

/* How many places a table is filled from, and how far apart their hints lie: in lines of their own. */
#define INSPECT_STRIPES 4
#define INSPECT_STRIPE_BYTES 64

/** struct inspect_hint - where to look first for a free slot; only ever a guess */
struct inspect_hint {
	uint32_t slot;
	uint32_t padding[INSPECT_STRIPE_BYTES / 4 - 1];
};

/**
 * struct inspect_runtime_table - what a process knows of a table in its memory
 *
 * The memory begins with the header and is all that others see: the rows, the texts, and where to find them.
 * Of a table that inspect_tables_for_each() has found, @schema is NULL, and nothing can be registered.
 */
struct inspect_runtime_table {
	struct inspect_header *header;
	const struct inspect_schema *schema;
	unsigned char *rows;
	char *names;
	/** @heads: of lists of texts, by their hash */
	uint32_t *heads;
	/** @stack: of whoever came first; other stacks begin to look elsewhere */
	uintptr_t stack;
	uint32_t capacity;
	/** @stride: bytes of a row */
	uint32_t stride;
	uint32_t names_size;
	uint32_t head_count;
	/** @linked: nothing is left to do before the first row */
	uint32_t linked;
	struct inspect_hint hints[INSPECT_STRIPES];
};

/**
 * INSPECT_TABLE_SIZE() - bytes of memory for a table of so many rows with so many bytes of texts
 *
 * A text takes its length rounded up to a multiple of 4, and at most 8 bytes beside it; equal texts are kept
 * once. The heads of their lists take a fifteenth more.
 */
#define INSPECT_TABLE_SIZE(row_size, row_count, name_bytes)                                                \
	(sizeof(struct inspect_header) + 5 * sizeof(struct inspect_section) +                              \
	 (size_t)(row_size) * (row_count) +                                                                \
	 (((size_t)(name_bytes) + 4 + ((size_t)(name_bytes) + 4) / 15 + 11) & ~(size_t)7))

/**
 * inspect_table_init() - makes an empty table
 * @memory: aligned to 8 bytes, and there for as long as the program or the loaded object is
 * @row_count: how many rows it holds; what is left of @size holds texts
 *
 * To be called once for a memory, before anybody else sees it. Whatever was in it is cleared.
 */
INSPECT_API
int inspect_table_init(struct inspect_runtime_table *table, void *memory, size_t size,
		       const struct inspect_schema *schema, uint32_t row_count);

/**
 * inspect_table_attach() - gives access to a table that another process or another language has made
 * @memory: where the table was made: memory that is shared lies at the same address everywhere
 * @size: of the memory that is there, in bytes
 *
 * The table stays out of this object's chain, since it has its place in its maker's. INSPECT_E_TABLE is a
 * header that is damaged, foreign, or of another place; INSPECT_E_SCHEMA another schema or version.
 */
INSPECT_API
int inspect_table_attach(struct inspect_runtime_table *table, void *memory, size_t size,
			 const struct inspect_schema *schema);

/**
 * inspect_table_open() - gives a view of a table in memory, to be read only
 * @memory: where a table of this machine lies, packed or of run time, aligned to 8 bytes
 *
 * Nothing in the header is believed before it is checked; INSPECT_E_TABLE where something is wrong.
 */
INSPECT_API
int inspect_table_open(struct inspect_runtime_table *table, const void *memory, uint64_t size);

/**
 * inspect_register() - publishes a row
 * @row: the schema's entry struct; its state and name are set by the table
 * @name: UTF-8, NUL-terminated, or NULL; the table keeps a copy
 * @handle: what unregisters the row
 *
 * An @row->id of 0 is replaced by the hash of schema, class, name and instance; any other is explicit. A type
 * of 0 is replaced by the class's, whose properties are added to the row's. Fields that are texts hold what
 * inspect_intern() has given.
 *
 * Works in signal handlers and interrupts, from any number of threads, and never waits.
 */
INSPECT_API
int inspect_register(struct inspect_runtime_table *table, const void *row, const char *name,
		     struct inspect_handle *handle);

/** inspect_unregister() - withdraws a row; INSPECT_E_BUSY while somebody changes its properties */
INSPECT_API
int inspect_unregister(struct inspect_runtime_table *table, struct inspect_handle handle);

/**
 * inspect_set_properties() - replaces the properties of a row
 * @properties: all of them; those of the class stay whatever is given
 *
 * Where a pointer has 32 bits each half changes by itself; what restricts comes first and goes last.
 */
INSPECT_API
int inspect_set_properties(struct inspect_runtime_table *table, struct inspect_handle handle,
			   uint64_t properties);

/**
 * inspect_intern() - keeps a text in a table, once
 * @offset: for a field of a row that is a text; 0 for NULL and the empty text
 */
INSPECT_API
int inspect_intern(struct inspect_runtime_table *table, const char *text, uint32_t *offset);

/**
 * inspect_reclaim() - frees the slots that killed writers have left half-written
 *
 * Only while nobody writes to the table. Returns how many there were.
 */
INSPECT_API
uint32_t inspect_reclaim(struct inspect_runtime_table *table);

/**
 * inspect_read() - a consistent copy of the row in a slot
 * @row: @size bytes, a multiple of 8; as many as the row has are written to it
 *
 * INSPECT_E_STALE where no row is, INSPECT_E_BUSY where one changed whenever it was looked at. The copy is
 * live and of generation 0.
 */
INSPECT_API
int inspect_read(const struct inspect_runtime_table *table, uint32_t slot, void *row, size_t size);

/**
 * inspect_for_each() - calls a function with a consistent copy of each live row's core entry
 * @visit: is given an entry whose addresses are absolute
 *
 * A row that changes again and again while it is copied is passed over. Stops at the first result that is
 * not 0, and returns it.
 */
INSPECT_API
int inspect_for_each(const struct inspect_runtime_table *table,
		     int (*visit)(const struct inspect_entry *entry, const char *name, void *context),
		     void *context);

/**
 * inspect_table_copy() - writes the live rows as a table in one block, as a file holds it
 * @buffer: aligned to 8 bytes
 * @written: the bytes used; where @size is too small, as many as are always enough
 *
 * Works in signal handlers.
 */
INSPECT_API
int inspect_table_copy(const struct inspect_runtime_table *table, void *buffer, size_t size, size_t *written);

/**
 * inspect_tables_for_each() - calls a function with each table of the process
 *
 * Those of this object first, compile-time and run-time; then, in a hosted Linux program, those of other
 * loaded objects, as inspect_objects_refresh() has last found them. Stops at the first result that is not 0,
 * and returns it. Works in signal handlers; the table that @visit is given lives until it returns.
 */
INSPECT_API
int inspect_tables_for_each(int (*visit)(const struct inspect_runtime_table *table, void *context),
			    void *context);

/* How many other objects with tables are remembered. */
#ifndef INSPECT_OBJECTS
#define INSPECT_OBJECTS 64
#endif

/**
 * inspect_objects_refresh() - looks for tables in all loaded objects
 *
 * To be called after objects were loaded, and after they were unloaded before anybody looks at tables again;
 * not in signal handlers, since it asks the dynamic linker. INSPECT_E_OBJECTS where there are more than
 * INSPECT_OBJECTS, of which the rest is left out; INSPECT_E_BUSY while another thread is at it.
 */
INSPECT_API
int inspect_objects_refresh(void);

/**
 * inspect_seed() - something that is new at every start, before the first registration
 *
 * It tells tables of this start from those that a warm reset left in memory. Only where there is neither a
 * cycle counter nor a random place in memory, as in firmware, somebody has to give it.
 */
INSPECT_API
void inspect_seed(uint64_t seed);

/** struct inspect_finding - an annotation that was not registered, and why */
struct inspect_finding {
	int error;
	/** @key: of the pair at fault, or empty */
	char key[33];
	/** @name: of the annotation, as much as fits */
	char name[73];
	char file[73];
	uint64_t line;
};

/** struct inspect_adoption - what became of annotations; the caller sets the first two members */
struct inspect_adoption {
	/** @report: is told of each annotation that is at fault, or NULL */
	void (*report)(const struct inspect_finding *finding, void *context);
	void *context;
	uint32_t registered;
	/** @present: those that were in the table already, or stand there twice */
	uint32_t present;
	/** @foreign: those of other schemas */
	uint32_t foreign;
	uint32_t failed;
};

/**
 * inspect_adopt_unpacked() - registers this object's annotations that nobody has packed
 * @adoption: counts, or NULL
 *
 * Only those of the table's schema; each wholly or not at all. Called again, it registers nothing twice; two
 * threads must not call it at once. Returns the error of the first that failed.
 */
INSPECT_API
int inspect_adopt_unpacked(struct inspect_runtime_table *table, struct inspect_adoption *adoption);

/**
 * inspect_adopt_pairs() - the same for pairs that lie elsewhere
 * @pairs: aligned to 8 bytes
 *
 * For a kernel module or firmware whose linker gives the section's bounds no names.
 */
INSPECT_API
int inspect_adopt_pairs(struct inspect_runtime_table *table, const void *pairs, size_t size,
			struct inspect_adoption *adoption);

#ifdef __cplusplus
}
#endif

#endif

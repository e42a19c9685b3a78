/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What no schema changes: the target, the table's header and core entry, the root, the annotation pairs,
 * consumer filters and the interface of the runtime.
 *
 * C99 to C23 and C++17 with the GNU extensions of GCC and Clang, in user space, in firmware and in a Linux
 * kernel module. `<schema>.inspect.h` and `inspect_decode.h` build on it; it includes nothing of theirs.
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
	const char *name;
};

/**
 * struct inspect_schema - what a schema's generated code carries, once in a program
 *
 * The blobs are writable data, since cores written by a kernel omit read-only pages of files. Sizes are in
 * bytes. Annotation records point here, the runtime's tables too.
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
};

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

#if __SIZEOF_POINTER__ == 4
#define INSPECT_PAIR_(key, kind, integer, address, text) \
	{ key, kind, 128, integer, address, 0, text }
#else
#define INSPECT_PAIR_(key, kind, integer, address, text) { key, kind, 128, integer, address, text }
#endif

#define INSPECT_BEGIN(schema) INSPECT_PAIR_("inspect:begin", INSPECT_PAIR_BEGIN, 0, schema, "")
#define INSPECT_END() INSPECT_PAIR_("inspect:end", INSPECT_PAIR_END, 0, 0, "")
#define INSPECT_TEXT(key, value) INSPECT_PAIR_(key, INSPECT_PAIR_TEXT, 0, 0, value)
#define INSPECT_INTEGER(key, value) INSPECT_PAIR_(key, INSPECT_PAIR_INTEGER, value, 0, "")
#define INSPECT_ADDRESS(key, value) INSPECT_PAIR_(key, INSPECT_PAIR_ADDRESS, 0, value, "")
/* The counter of a counted extent: its size stands beside its address. */
#define INSPECT_COUNT(variable) \
	INSPECT_PAIR_("count", INSPECT_PAIR_ADDRESS, sizeof(variable), &(variable), "")

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

/** INSPECT_RECORD() - one annotation from its pairs, without begin and end */
#ifdef INSPECT_OFF
#define INSPECT_RECORD(schema, ...) INSPECT_ASSERT(1, "annotations are switched off")
#else
#define INSPECT_RECORD(schema, ...)                                                                        \
	static INSPECT_CONSTINIT struct inspect_pair INSPECT_JOIN(inspect_pairs_, __LINE__)[]              \
		__attribute__((section("inspect_table"), aligned(8))) INSPECT_RETAIN = {                   \
			INSPECT_BEGIN(schema), __VA_ARGS__, INSPECT_TEXT("file", INSPECT_FILE),            \
			INSPECT_INTEGER("line", __LINE__), INSPECT_END()                                   \
		}
#endif

/* The file's own name where the compiler knows it: a path may be longer than a pair. */
#ifdef __FILE_NAME__
#define INSPECT_FILE __FILE_NAME__
#else
#define INSPECT_FILE ""
#endif

/** INSPECT_OBJECT() - annotates a variable of a class's type, under an explicit name */
#define INSPECT_OBJECT(schema, class_name, type, variable, name)                                           \
	INSPECT_RECORD(schema, INSPECT_TEXT("class", class_name), INSPECT_TEXT("name", name),              \
		       INSPECT_ADDRESS("address", &(variable)),                                            \
		       INSPECT_INTEGER("length", INSPECT_SIZE_OF(type, &(variable), variable)))

/** INSPECT_ARRAY() - annotates an array whose elements have a class's type */
#define INSPECT_ARRAY(schema, class_name, type, variable, name)                                            \
	INSPECT_RECORD(schema, INSPECT_TEXT("class", class_name), INSPECT_TEXT("name", name),              \
		       INSPECT_ADDRESS("address", &(variable)[0]),                                         \
		       INSPECT_INTEGER("length", INSPECT_SIZE_OF(type, &(variable)[0], variable)))

/* The size of a variable, which does not compile where the pointer is not of the type. */
#define INSPECT_SIZE_OF(type, pointer, variable)                                                           \
	(sizeof(variable) + 0 * sizeof(1 ? (pointer) : (const volatile type *)0))

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

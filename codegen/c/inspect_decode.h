/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the decoders of all schemas share: tables, rows, type information, numbers in any byte order.
 *
 * Nothing here allocates, calls a library or reads outside the bytes that it was given. What comes from
 * a table is checked before it is used; an error says where it was found. `<schema>.decode.h` builds on it.
 */
#ifndef INSPECT_DECODE_H
#define INSPECT_DECODE_H

#include "inspect_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Errors ------------------------------------------------------------------------------------------ */

/** enum inspect_error_kind - what was found in the bytes of a table, or in its type information */
enum inspect_error_kind {
	INSPECT_DECODED = 0,
	INSPECT_BAD_TRUNCATED,
	INSPECT_BAD_EMPTY,
	INSPECT_BAD_MAGIC,
	INSPECT_BAD_BYTE_ORDER,
	INSPECT_BAD_WORD_SIZE,
	INSPECT_BAD_FORMAT,
	INSPECT_BAD_HEADER_SIZE,
	INSPECT_BAD_TOTAL_SIZE,
	INSPECT_BAD_ENTRY_SIZE,
	INSPECT_BAD_SECTION,
	INSPECT_BAD_CHECKSUM,
	INSPECT_BAD_STRINGS,
	INSPECT_BAD_SCHEMA,
	INSPECT_BAD_VERSION,
	INSPECT_BAD_FINGERPRINT,
	INSPECT_BAD_HISTORY,
	INSPECT_BAD_TYPES,
	INSPECT_BAD_FIELD_MISSING,
	INSPECT_BAD_FIELD_WIDTH,
	INSPECT_BAD_FIELD_OUTSIDE,
	INSPECT_BAD_UNBOUND,
	INSPECT_BAD_VALUE
};

/**
 * struct inspect_error - a finding
 * @kind: an enum inspect_error_kind; 0 is none
 * @offset: from the start of the bytes that were given
 * @type: the struct, or NULL
 * @field: the field, or NULL
 */
struct inspect_error {
	int kind;
	uint64_t offset;
	const char *type;
	const char *field;
};

INSPECT_INLINE int inspect_fail(struct inspect_error *error, int kind, uint64_t offset, const char *type,
				const char *field)
{
	if (error != NULL) {
		error->kind = kind;
		error->offset = offset;
		error->type = type;
		error->field = field;
	}
	return kind;
}

/* ---- Numbers ----------------------------------------------------------------------------------------- */

INSPECT_INLINE uint8_t inspect_get_u8(const unsigned char *data, bool big)
{
	(void)big;
	return data[0];
}

INSPECT_INLINE uint64_t inspect_get_u64(const unsigned char *data, bool big)
{
	uint64_t value;

	__builtin_memcpy(&value, data, sizeof(value));
	return big == INSPECT_BIG_ENDIAN ? value : __builtin_bswap64(value);
}

/* A number of 1, 2, 4 or 8 bytes; 0 for any other size. */
INSPECT_INLINE uint64_t inspect_get_unsigned(const unsigned char *data, uint64_t size, bool big)
{
	switch (size) {
	case 1:
		return data[0];
	case 2:
		return inspect_get_u16(data, big);
	case 4:
		return inspect_get_u32(data, big);
	case 8:
		return inspect_get_u64(data, big);
	default:
		return 0;
	}
}

INSPECT_INLINE int64_t inspect_sign_extend(uint64_t value, uint64_t bits)
{
	uint64_t sign;

	if (bits == 0 || bits >= 64)
		return (int64_t)value;
	sign = (uint64_t)1 << (bits - 1);
	value &= (sign << 1) - 1;
	return (int64_t)((value ^ sign) - sign);
}

INSPECT_INLINE int64_t inspect_get_signed(const unsigned char *data, uint64_t size, bool big)
{
	return inspect_sign_extend(inspect_get_unsigned(data, size, big), size * 8);
}

#ifndef __KERNEL__
INSPECT_INLINE float inspect_get_f32(const unsigned char *data, bool big)
{
	uint32_t bits = inspect_get_u32(data, big);
	float value;

	__builtin_memcpy(&value, &bits, sizeof(value));
	return value;
}

INSPECT_INLINE double inspect_get_f64(const unsigned char *data, bool big)
{
	uint64_t bits = inspect_get_u64(data, big);
	double value;

	__builtin_memcpy(&value, &bits, sizeof(value));
	return value;
}
#endif

/*
 * At most 64 bits, counted as DW_AT_data_bit_offset does: from the least significant bit of the first byte,
 * or on big-endian machines from the most significant one.
 */
INSPECT_INLINE uint64_t inspect_get_bits(const unsigned char *data, uint64_t bit_offset, uint64_t bits,
					 bool big)
{
	uint64_t value = 0;
	uint64_t i = 0;

	while (i < bits) {
		uint64_t at = bit_offset + i;
		uint64_t inside = at & 7;
		uint64_t take = 8 - inside < bits - i ? 8 - inside : bits - i;
		uint64_t byte = data[at >> 3];

		if (big)
			value = value << take | (byte >> (8 - inside - take) & ((1u << take) - 1));
		else
			value |= (byte >> inside & ((1u << take) - 1)) << i;
		i += take;
	}
	return value;
}

/* Text ends at its first NUL, or where its bytes do. */
INSPECT_INLINE struct inspect_bytes inspect_get_text(const unsigned char *data, size_t size)
{
	struct inspect_bytes text;

	text.data = data;
	text.size = 0;
	while (text.size < size && data[text.size] != 0)
		text.size++;
	return text;
}

/* Whether some bytes begin with others and are zero behind them. */
INSPECT_INLINE bool inspect_bytes_equal(const unsigned char *data, uint64_t size, const char *expected,
					uint64_t expected_size)
{
	uint64_t i;

	for (i = 0; i < size; i++) {
		if (data[i] != (i < expected_size ? (unsigned char)expected[i] : 0))
			return false;
	}
	return true;
}

/* ---- Tables ------------------------------------------------------------------------------------------ */

/** struct inspect_table - a table whose header, directory and section bounds have been checked */
struct inspect_table {
	bool big;
	uint8_t word_size;
	uint32_t flags;
	uint32_t version;
	uint32_t stride;
	uint64_t schema;
	uint64_t fingerprint;
	uint64_t total_size;
	/** @address: where the header lies; relative addresses count from it. Set it where it is known. */
	uint64_t address;
	uint64_t row_count;
	struct inspect_bytes rows;
	struct inspect_bytes strings;
	struct inspect_bytes cbor;
	struct inspect_bytes types;
	struct inspect_bytes identity;
	struct inspect_bytes history;
};

/**
 * struct inspect_format - what a decoder knows of its schema's entry format
 * @fingerprints: of the versions 1 to @version
 */
struct inspect_format {
	uint64_t schema;
	uint32_t version;
	uint32_t fingerprint_count;
	const uint64_t *fingerprints;
};

/* The sections; every kind stands there once, and lies inside the block. */
INSPECT_INLINE int inspect_table_sections(struct inspect_table *table, const unsigned char *data,
					  uint32_t header_size, uint32_t count, struct inspect_error *error)
{
	uint32_t seen = 0;
	uint32_t i;

	for (i = 0; i < count; i++) {
		uint64_t at = header_size + (uint64_t)i * 24;
		uint32_t kind = inspect_get_u32(data + at, table->big);
		uint32_t flags = inspect_get_u32(data + at + 4, table->big);
		uint64_t offset = inspect_get_u64(data + at + 8, table->big);
		uint64_t size = inspect_get_u64(data + at + 16, table->big);
		struct inspect_bytes *section;

		switch (kind) {
		case INSPECT_SECTION_ENTRIES:
			section = &table->rows;
			break;
		case INSPECT_SECTION_STRINGS:
			section = &table->strings;
			break;
		case INSPECT_SECTION_SCHEMA:
			section = &table->cbor;
			break;
		case INSPECT_SECTION_TYPES:
			section = &table->types;
			break;
		case INSPECT_SECTION_IDENTITY:
			section = &table->identity;
			break;
		case INSPECT_SECTION_HISTORY:
			section = &table->history;
			break;
		default:
			if (flags == 0)
				return inspect_fail(error, INSPECT_BAD_SECTION, at, NULL, NULL);
			continue;
		}
		if ((seen & 1u << kind) != 0 || offset > table->total_size ||
		    size > table->total_size - offset)
			return inspect_fail(error, INSPECT_BAD_SECTION, at, NULL, NULL);
		seen |= 1u << kind;
		section->data = data + offset;
		section->size = (size_t)size;
	}
	return 0;
}

INSPECT_INLINE uint64_t inspect_history_at(const struct inspect_table *table, uint32_t version)
{
	uint64_t at = ((uint64_t)version - 1) * 8;

	if (version == 0 || at + 8 > table->history.size)
		return 0;
	return inspect_get_u64(table->history.data + at, table->big);
}

/* Whether a decoder of @format may read the table: the extension rule. */
INSPECT_INLINE int inspect_table_check(const struct inspect_table *table,
				       const struct inspect_format *format, struct inspect_error *error)
{
	uint32_t version = table->version;

	if (table->schema != format->schema)
		return inspect_fail(error, INSPECT_BAD_SCHEMA, 80, NULL, NULL);
	if (version == 0 || format->version == 0 || format->version > format->fingerprint_count)
		return inspect_fail(error, INSPECT_BAD_VERSION, 32, NULL, NULL);
	if (version <= format->version) {
		if (format->fingerprints[version - 1] != table->fingerprint)
			return inspect_fail(error, INSPECT_BAD_FINGERPRINT, 40, NULL, NULL);
		return 0;
	}
	if (inspect_history_at(table, format->version) != format->fingerprints[format->version - 1])
		return inspect_fail(error, INSPECT_BAD_HISTORY, 32, NULL, NULL);
	return 0;
}

/**
 * inspect_table_parse() - reads a table that lies in one block at the start of some bytes
 * @data: the bytes; no alignment is asked for
 * @size: how many
 * @format: what the decoder knows, or NULL to read any schema's core entries
 * @error: filled in where the result is not 0; may be NULL
 *
 * Return: 0, or an enum inspect_error_kind.
 */
INSPECT_INLINE int inspect_table_parse(struct inspect_table *table, const void *data, size_t size,
				       const struct inspect_format *format, struct inspect_error *error)
{
	static const struct inspect_table empty = { false, 0, 0, 0, 0, 0, 0, 0, 0, 0,
						    { NULL, 0 }, { NULL, 0 }, { NULL, 0 },
						    { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };
	const unsigned char *bytes = (const unsigned char *)data;
	const char *magic = INSPECT_TABLE_MAGIC;
	uint32_t header_size, section_count, checksum;
	unsigned char any = 0;
	int i, result;

	*table = empty;
	if (size < sizeof(struct inspect_header))
		return inspect_fail(error, INSPECT_BAD_TRUNCATED, size, NULL, NULL);
	for (i = 0; i < 8; i++)
		any |= bytes[i];
	if (any == 0)
		return inspect_fail(error, INSPECT_BAD_EMPTY, 0, NULL, NULL);
	for (i = 0; i < 8; i++) {
		if (bytes[i] != (unsigned char)magic[i])
			return inspect_fail(error, INSPECT_BAD_MAGIC, 0, NULL, NULL);
	}
	if (bytes[8] != INSPECT_LITTLE && bytes[8] != INSPECT_BIG)
		return inspect_fail(error, INSPECT_BAD_BYTE_ORDER, 8, NULL, NULL);
	if (bytes[9] != 4 && bytes[9] != 8)
		return inspect_fail(error, INSPECT_BAD_WORD_SIZE, 9, NULL, NULL);
	table->big = bytes[8] == INSPECT_BIG;
	table->word_size = bytes[9];
	if (inspect_get_u16(bytes + 10, table->big) != INSPECT_H_FORMAT)
		return inspect_fail(error, INSPECT_BAD_FORMAT, 10, NULL, NULL);
	header_size = inspect_get_u32(bytes + 12, table->big);
	table->total_size = inspect_get_u64(bytes + 16, table->big);
	table->flags = inspect_get_u32(bytes + 24, table->big);
	section_count = inspect_get_u32(bytes + 28, table->big);
	table->version = inspect_get_u32(bytes + 32, table->big);
	table->stride = inspect_get_u32(bytes + 36, table->big);
	table->fingerprint = inspect_get_u64(bytes + 40, table->big);
	checksum = inspect_get_u32(bytes + 56, table->big);
	table->address = inspect_get_u64(bytes + 64, table->big);
	table->schema = inspect_get_u64(bytes + 80, table->big);
	if (header_size < sizeof(struct inspect_header) || header_size % 8 != 0)
		return inspect_fail(error, INSPECT_BAD_HEADER_SIZE, 12, NULL, NULL);
	if (table->total_size < header_size)
		return inspect_fail(error, INSPECT_BAD_TOTAL_SIZE, 16, NULL, NULL);
	if (table->total_size > size)
		return inspect_fail(error, INSPECT_BAD_TRUNCATED, size, NULL, NULL);
	if ((table->total_size - header_size) / 24 < section_count)
		return inspect_fail(error, INSPECT_BAD_SECTION, 28, NULL, NULL);
	if (table->stride < sizeof(struct inspect_entry) || table->stride % 8 != 0)
		return inspect_fail(error, INSPECT_BAD_ENTRY_SIZE, 36, NULL, NULL);
	if (checksum != 0 && inspect_table_checksum(bytes, (size_t)table->total_size) != checksum)
		return inspect_fail(error, INSPECT_BAD_CHECKSUM, 56, NULL, NULL);
	result = inspect_table_sections(table, bytes, header_size, section_count, error);
	if (result != 0)
		return result;
	if (table->rows.size % table->stride != 0)
		return inspect_fail(error, INSPECT_BAD_ENTRY_SIZE, 36, NULL, NULL);
	if (table->strings.size > 0 && table->strings.data[0] != 0)
		return inspect_fail(error, INSPECT_BAD_STRINGS, (uint64_t)(table->strings.data - bytes), NULL,
				    NULL);
	if (table->history.size % 8 != 0)
		return inspect_fail(error, INSPECT_BAD_HISTORY, header_size, NULL, NULL);
	table->row_count = table->rows.size / table->stride;
	return format == NULL ? 0 : inspect_table_check(table, format, error);
}

/* ---- Rows -------------------------------------------------------------------------------------------- */

/** struct inspect_row - one row of a table, as long as the table's stride */
struct inspect_row {
	const unsigned char *data;
	const struct inspect_table *table;
};

/** inspect_row_at() - the row at an index, empty slots counted; false where there is none */
INSPECT_INLINE bool inspect_row_at(const struct inspect_table *table, uint64_t index, struct inspect_row *row)
{
	if (index >= table->row_count)
		return false;
	row->data = table->rows.data + (size_t)index * table->stride;
	row->table = table;
	return true;
}

INSPECT_INLINE uint32_t inspect_row_state(struct inspect_row row)
{
	return inspect_get_u32(row.data, row.table->big);
}

/** inspect_row_is_live() - whether the row was published and not withdrawn */
INSPECT_INLINE bool inspect_row_is_live(struct inspect_row row)
{
	return (inspect_row_state(row) & 3) >= INSPECT_LIVE;
}

INSPECT_INLINE uint32_t inspect_row_id(struct inspect_row row)
{
	return inspect_get_u32(row.data + 4, row.table->big);
}

INSPECT_INLINE uint32_t inspect_row_class(struct inspect_row row)
{
	return inspect_get_u32(row.data + 8, row.table->big);
}

INSPECT_INLINE uint32_t inspect_row_type(struct inspect_row row)
{
	return inspect_get_u32(row.data + 12, row.table->big);
}

INSPECT_INLINE uint64_t inspect_row_properties(struct inspect_row row)
{
	return inspect_get_u64(row.data + 16, row.table->big);
}

/* An address of the table, made absolute. */
INSPECT_INLINE uint64_t inspect_row_absolute(struct inspect_row row, uint64_t value)
{
	if ((row.table->flags & INSPECT_TABLE_RELATIVE) != 0)
		value += row.table->address;
	return row.table->word_size == 4 ? value & 0xffffffffu : value;
}

INSPECT_INLINE uint64_t inspect_row_address(struct inspect_row row)
{
	return inspect_row_absolute(row, inspect_get_u64(row.data + 24, row.table->big));
}

INSPECT_INLINE uint64_t inspect_row_length(struct inspect_row row)
{
	return inspect_get_u64(row.data + 32, row.table->big);
}

INSPECT_INLINE uint64_t inspect_row_instance(struct inspect_row row)
{
	return inspect_get_u64(row.data + 40, row.table->big);
}

INSPECT_INLINE uint16_t inspect_row_space(struct inspect_row row)
{
	return inspect_get_u16(row.data + 52, row.table->big);
}

INSPECT_INLINE uint8_t inspect_row_extent(struct inspect_row row)
{
	return row.data[54];
}

INSPECT_INLINE uint8_t inspect_row_bound_size(struct inspect_row row)
{
	return row.data[55];
}

INSPECT_INLINE uint64_t inspect_row_bound(struct inspect_row row)
{
	return inspect_row_absolute(row, inspect_get_u64(row.data + 56, row.table->big));
}

/* The text at an offset of the table's strings: NUL-terminated, empty where there is none. */
INSPECT_INLINE const char *inspect_table_string(const struct inspect_table *table, uint32_t offset)
{
	struct inspect_bytes text;

	if (offset >= table->strings.size)
		return "";
	text = inspect_get_text(table->strings.data + offset, table->strings.size - offset);
	if (text.size == table->strings.size - offset)
		return "";
	return (const char *)text.data;
}

/** inspect_row_name() - the row's name; empty where it has none */
INSPECT_INLINE const char *inspect_row_name(struct inspect_row row)
{
	return inspect_table_string(row.table, inspect_get_u32(row.data + 48, row.table->big));
}

/** inspect_row_core() - the core entry in native byte order, addresses absolute: what a consumer filters */
INSPECT_INLINE struct inspect_entry inspect_row_core(struct inspect_row row)
{
	struct inspect_entry core;

	core.state = inspect_row_state(row);
	core.id = inspect_row_id(row);
	core.class_number = inspect_row_class(row);
	core.type = inspect_row_type(row);
	core.properties = inspect_row_properties(row);
	core.address = inspect_row_address(row);
	core.length = inspect_row_length(row);
	core.instance = inspect_row_instance(row);
	core.name = inspect_get_u32(row.data + 48, row.table->big);
	core.space = inspect_row_space(row);
	core.extent = inspect_row_extent(row);
	core.bound_size = inspect_row_bound_size(row);
	core.bound = inspect_row_bound(row);
	return core;
}

/* Whether the row has the bytes of a field that came with a version. */
INSPECT_INLINE bool inspect_row_has(struct inspect_row row, uint32_t since, uint32_t end)
{
	return row.table->version >= since && row.table->stride >= end;
}

/* ---- Layouts ----------------------------------------------------------------------------------------- */

/**
 * struct inspect_place - where a field lies in its struct
 * @offset: in bytes, of a bit-field in bits; INSPECT_ABSENT where the struct has no such field
 * @size: in bytes, of a bit-field in bits; 0 for a flexible array
 * @stride: bytes of one element, where it is an array
 */
struct inspect_place {
	uint64_t offset;
	uint64_t size;
	uint64_t stride;
};

/* The first byte of a field, by its place in the flat list of a view's layouts. */
#define INSPECT_FIELD(view, place) ((view)->data + (view)->layouts->places[place].offset)

/* Gives a view the bytes of a struct that needs some, if there are so many. */
INSPECT_INLINE int inspect_open(const unsigned char **view, size_t *view_size, uint64_t needed, const char *type,
				const void *data, size_t size, struct inspect_error *error)
{
	*view = (const unsigned char *)data;
	*view_size = size;
	if (needed == 0)
		return inspect_fail(error, INSPECT_BAD_UNBOUND, 0, type, NULL);
	if (size < needed)
		return inspect_fail(error, INSPECT_BAD_TRUNCATED, size, type, NULL);
	return 0;
}

/** struct inspect_layout - the size of a struct, 0 where it is not known, and its type in the table */
struct inspect_layout {
	uint64_t size;
	uint32_t type;
};

/* inspect_field_spec.width: beside 1, 2, 4 and 8 bytes */
#define INSPECT_WIDTH_ANY 0
#define INSPECT_WIDTH_WORD 16
#define INSPECT_WIDTH_NUMBER 17
/* inspect_field_spec.flags */
#define INSPECT_FIELD_OPTIONAL 1
#define INSPECT_FIELD_BITS 2
#define INSPECT_FIELD_ARRAY 4

/** struct inspect_field_spec - what a decoder asks of a field */
struct inspect_field_spec {
	const char *name;
	uint8_t width;
	uint8_t flags;
	uint32_t inner;
};

/** struct inspect_struct_spec - what a decoder asks of a struct: its fields lie at @first in a flat list */
struct inspect_struct_spec {
	const char *name;
	uint32_t first;
	uint32_t count;
};

/** inspect_types_parse() - checks the type information of a table and counts its records */
INSPECT_INLINE int inspect_types_parse(struct inspect_types *types, const struct inspect_table *table,
				       struct inspect_error *error)
{
	uint64_t fault;

	if (inspect_types_open(types, table->types.data, table->types.size, table->big, table->word_size, &fault))
		return 0;
	return inspect_fail(error, INSPECT_BAD_TYPES, fault, NULL, NULL);
}

struct inspect_member {
	uint32_t type;
	uint64_t bit_offset;
	uint32_t bits;
};

/* The member with a name, in a struct or in the anonymous ones inside it. */
INSPECT_INLINE bool inspect_type_member(const struct inspect_types *types, const struct inspect_type *owner,
					const char *name, int depth, uint32_t *budget,
					struct inspect_member *member)
{
	uint32_t i;

	for (i = 0; i < owner->count && *budget > 0; i++, --*budget) {
		uint32_t word = inspect_type_word(types, owner, 3 * (size_t)i + 2);
		const char *own = inspect_type_name(types, inspect_type_word(types, owner, 3 * (size_t)i));
		uint32_t id = inspect_type_word(types, owner, 3 * (size_t)i + 1);
		uint64_t offset = owner->flag ? word & 0xffffff : word;
		struct inspect_type inner;

		if (own[0] != 0) {
			if (!inspect_text_equal(own, name))
				continue;
			member->type = id;
			member->bit_offset = offset;
			member->bits = owner->flag ? word >> 24 : 0;
			return true;
		}
		if (depth < 16 && inspect_type_strip(types, id, false, &inner) &&
		    inspect_type_is_composite(&inner) &&
		    inspect_type_member(types, &inner, name, depth + 1, budget, member)) {
			member->bit_offset += offset;
			return true;
		}
	}
	return false;
}

/* Finds one field; what it finds lies inside the struct and has a width that its accessor reads. */
INSPECT_INLINE int inspect_bind_field(const struct inspect_types *types, const struct inspect_type *owner,
				      const char *owner_name, const struct inspect_field_spec *spec,
				      struct inspect_place *place, uint32_t *inner, uint32_t *budget,
				      struct inspect_error *error)
{
	struct inspect_member member;
	struct inspect_type element;
	uint64_t size, width, last;

	if (!inspect_type_member(types, owner, spec->name, 0, budget, &member) ||
	    inspect_type_is_absent(types, member.type)) {
		if ((spec->flags & INSPECT_FIELD_OPTIONAL) != 0)
			return 0;
		return inspect_fail(error, INSPECT_BAD_FIELD_MISSING, 0, owner_name, spec->name);
	}
	size = inspect_type_size(types, member.type);
	if (size > 0xffffffffu)
		return inspect_fail(error, INSPECT_BAD_FIELD_WIDTH, 0, owner_name, spec->name);
	if ((spec->flags & INSPECT_FIELD_BITS) != 0) {
		place->size = member.bits != 0 ? member.bits : size * 8;
		place->stride = 0;
		if (place->size > 64)
			return inspect_fail(error, INSPECT_BAD_FIELD_WIDTH, 0, owner_name, spec->name);
		last = member.bit_offset + place->size;
		if (last > (uint64_t)owner->size * 8)
			return inspect_fail(error, INSPECT_BAD_FIELD_OUTSIDE, 0, owner_name, spec->name);
		place->offset = member.bit_offset;
		return 0;
	}
	if (member.bits != 0 || member.bit_offset % 8 != 0)
		return inspect_fail(error, INSPECT_BAD_FIELD_WIDTH, 0, owner_name, spec->name);
	last = member.bit_offset / 8 + size;
	if (last > owner->size)
		return inspect_fail(error, INSPECT_BAD_FIELD_OUTSIDE, 0, owner_name, spec->name);
	width = size;
	*inner = 0;
	if (inspect_type_strip(types, member.type, true, &element)) {
		*inner = element.id;
		width = inspect_type_size(types, element.id);
	}
	if ((spec->flags & INSPECT_FIELD_ARRAY) == 0 && width != size)
		width = INSPECT_ABSENT;
	if (spec->width == INSPECT_WIDTH_ANY)
		width = (spec->flags & INSPECT_FIELD_ARRAY) != 0 ? width : size;
	else if (spec->width == INSPECT_WIDTH_NUMBER ? width != 1 && width != 2 && width != 4 && width != 8 :
		 spec->width == INSPECT_WIDTH_WORD   ? width != types->word_size :
						       width != spec->width)
		return inspect_fail(error, INSPECT_BAD_FIELD_WIDTH, 0, owner_name, spec->name);
	place->offset = member.bit_offset / 8;
	place->size = size;
	place->stride = width;
	return 0;
}

/* Finds the named structs, which stand sorted by name at the start of @specs. */
INSPECT_INLINE void inspect_bind_names(const struct inspect_types *types,
				       const struct inspect_struct_spec *specs, uint32_t named,
				       struct inspect_layout *layouts)
{
	struct inspect_type type;
	uint64_t at = 0;
	uint32_t id;

	for (id = 1; id <= types->count; id++) {
		const char *name;
		uint32_t low = 0;
		uint32_t high = named;

		at = inspect_type_read(types, at, &type);
		if (!inspect_type_is_composite(&type) && type.kind != INSPECT_TYPE_TYPEDEF)
			continue;
		name = inspect_type_name(types, type.name);
		while (low < high) {
			uint32_t middle = low + (high - low) / 2;
			const char *a = specs[middle].name;
			const char *b = name;

			while (*a != 0 && *a == *b) {
				a++;
				b++;
			}
			if (*a == *b) {
				/* A struct that C knows by a typedef only has no name of its own. */
				if (layouts[middle].type == 0 && inspect_type_strip(types, id, false, &type) &&
				    inspect_type_is_composite(&type))
					layouts[middle].type = type.id;
				break;
			}
			if ((unsigned char)*a < (unsigned char)*b)
				low = middle + 1;
			else
				high = middle;
		}
	}
}

/*
 * Fills the layouts of a schema from type information. A struct that the table does not describe stays
 * unknown; one that lacks a field which it must have is an error.
 */
INSPECT_INLINE int inspect_bind(const struct inspect_types *types, const struct inspect_struct_spec *specs,
				uint32_t count, uint32_t named, const struct inspect_field_spec *fields,
				uint32_t field_count, struct inspect_layout *layouts,
				struct inspect_place *places, struct inspect_error *error)
{
	/* Anonymous structs inside one another make the search long: hostile ones must not make it endless. */
	uint32_t budget = 1u << 26;
	uint32_t i, j;

	for (i = 0; i < count; i++) {
		layouts[i].size = 0;
		layouts[i].type = 0;
	}
	for (i = 0; i < field_count; i++) {
		places[i].offset = INSPECT_ABSENT;
		places[i].size = 0;
		places[i].stride = 0;
	}
	inspect_bind_names(types, specs, named, layouts);
	for (i = 0; i < count; i++) {
		const struct inspect_struct_spec *spec = &specs[i];
		struct inspect_type type;

		if (layouts[i].type == 0 || !inspect_type_at(types, layouts[i].type, &type) ||
		    !inspect_type_is_composite(&type) || type.size == 0)
			continue;
		for (j = spec->first; j < spec->first + spec->count; j++) {
			uint32_t inner = 0;
			int result = inspect_bind_field(types, &type, spec->name, &fields[j], &places[j],
							&inner, &budget, error);

			if (result != 0)
				return result;
			if (fields[j].inner != 0 && layouts[fields[j].inner].type == 0)
				layouts[fields[j].inner].type = inner;
		}
		if (budget == 0)
			return inspect_fail(error, INSPECT_BAD_TYPES, 0, spec->name, NULL);
		layouts[i].size = type.size;
	}
	return 0;
}

/** enum inspect_target - the targets whose layouts decoders know without type information */
enum inspect_target {
	INSPECT_X86_64,
	INSPECT_I686,
	INSPECT_AARCH64,
	INSPECT_ARMV7,
	INSPECT_ARM_NONE_EABI,
	INSPECT_RISCV64,
	INSPECT_RISCV32,
	INSPECT_POWERPC64,
	INSPECT_POWERPC64LE,
	INSPECT_S390X,
	INSPECT_MIPS,
	INSPECT_TARGET_COUNT
};

INSPECT_INLINE bool inspect_target_is_big(enum inspect_target target)
{
	return target == INSPECT_POWERPC64 || target == INSPECT_S390X || target == INSPECT_MIPS;
}

INSPECT_INLINE uint8_t inspect_target_word_size(enum inspect_target target)
{
	switch (target) {
	case INSPECT_I686:
	case INSPECT_ARMV7:
	case INSPECT_ARM_NONE_EABI:
	case INSPECT_RISCV32:
	case INSPECT_MIPS:
		return 4;
	default:
		return 8;
	}
}

/* ---- Counts: signed, checked ------------------------------------------------------------------------- */

/** struct inspect_number - a number, or nothing where it did not fit or was divided by zero */
struct inspect_number {
	int64_t value;
	bool valid;
};

INSPECT_INLINE struct inspect_number inspect_number(int64_t value)
{
	struct inspect_number number = { value, true };

	return number;
}

INSPECT_INLINE struct inspect_number inspect_number_unsigned(uint64_t value)
{
	struct inspect_number number = { (int64_t)value, value <= 0x7fffffffffffffffull };

	return number;
}

INSPECT_INLINE struct inspect_number inspect_compute(char operation, struct inspect_number a,
						     struct inspect_number b)
{
	struct inspect_number out = { 0, a.valid && b.valid };
	int64_t shifted;

	if (!out.valid)
		return out;
	switch (operation) {
	case '+':
		out.valid = !__builtin_add_overflow(a.value, b.value, &out.value);
		break;
	case '-':
		out.valid = !__builtin_sub_overflow(a.value, b.value, &out.value);
		break;
	case '*':
		out.valid = !__builtin_mul_overflow(a.value, b.value, &out.value);
		break;
	case '/':
	case '%':
		out.valid = b.value != 0 && b.value != -1;
		if (out.valid)
			out.value = operation == '/' ? a.value / b.value : a.value % b.value;
		else if (b.value == -1 && operation == '%')
			out.valid = true;
		else if (b.value == -1)
			out.valid = !__builtin_sub_overflow((int64_t)0, a.value, &out.value);
		break;
	case '<':
		out.valid = b.value >= 0 && b.value < 63;
		if (out.valid)
			out.valid = !__builtin_mul_overflow(a.value, (int64_t)1 << b.value, &out.value);
		break;
	case '>':
		out.valid = b.value >= 0;
		shifted = b.value > 63 ? 63 : b.value;
		/* Of a negative number the sign is carried down. */
		if (out.valid)
			out.value = a.value < 0 ? ~(int64_t)(~(uint64_t)a.value >> shifted) :
						  (int64_t)((uint64_t)a.value >> shifted);
		break;
	case '&':
		out.value = a.value & b.value;
		break;
	case '|':
		out.value = a.value | b.value;
		break;
	case '^':
		out.value = a.value ^ b.value;
		break;
	default:
		out.valid = false;
		break;
	}
	return out;
}

#ifdef __cplusplus
}
#endif

#endif

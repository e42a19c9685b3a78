/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The types that a table carries, which are BTF: for the decoders of all schemas, and for dumps that leave sensitive
 * members out.
 *
 * Nothing here allocates, calls a library or reads outside the bytes that it was given; there are no floating-point
 * numbers, so that kernels may compile it. Who asks for a type gets its record, checked, whose words are read by
 * inspect_type_word(); what they mean to a schema or a consumer is not known here.
 */
#ifndef INSPECT_TYPES_H
#define INSPECT_TYPES_H

#include "inspect.h"

#ifdef __cplusplus
extern "C" {
#endif

/* No offset, and no size. */
#define INSPECT_ABSENT 0xffffffffffffffffull

/** struct inspect_bytes - some bytes of what was given to a decoder */
struct inspect_bytes {
	const unsigned char *data;
	size_t size;
};

/* Byte by byte: compilers make one load of it, and call nobody where there is no such load. */
INSPECT_INLINE uint16_t inspect_get_u16(const unsigned char *data, bool big)
{
	return (uint16_t)(big ? data[0] << 8 | data[1] : data[1] << 8 | data[0]);
}

INSPECT_INLINE uint32_t inspect_get_u32(const unsigned char *data, bool big)
{
	const uint32_t first = inspect_get_u16(data, big);
	const uint32_t second = inspect_get_u16(data + 2, big);

	return big ? first << 16 | second : second << 16 | first;
}

/* ---- Records ----------------------------------------------------------------------------------------- */

/* inspect_type.kind */
enum inspect_type_kind {
	INSPECT_TYPE_INT = 1,
	INSPECT_TYPE_PTR,
	INSPECT_TYPE_ARRAY,
	INSPECT_TYPE_STRUCT,
	INSPECT_TYPE_UNION,
	INSPECT_TYPE_ENUM,
	INSPECT_TYPE_FWD,
	INSPECT_TYPE_TYPEDEF,
	INSPECT_TYPE_VOLATILE,
	INSPECT_TYPE_CONST,
	INSPECT_TYPE_RESTRICT,
	INSPECT_TYPE_FUNC,
	INSPECT_TYPE_FUNC_PROTO,
	INSPECT_TYPE_VAR,
	INSPECT_TYPE_DATASEC,
	INSPECT_TYPE_FLOAT,
	INSPECT_TYPE_DECL_TAG,
	INSPECT_TYPE_TYPE_TAG,
	INSPECT_TYPE_ENUM64
};

/* Typedefs and arrays behind one another: those that go in circles end. */
#define INSPECT_TYPE_CHAIN 64
/* How many records there are from one checkpoint to the next depends on how many there are. */
#define INSPECT_CHECKPOINTS 64

/** struct inspect_types - BTF whose records were counted */
struct inspect_types {
	bool big;
	uint8_t word_size;
	uint32_t count;
	uint32_t step;
	struct inspect_bytes types;
	struct inspect_bytes strings;
	uint32_t checkpoints[INSPECT_CHECKPOINTS];
};

/** struct inspect_type - a record */
struct inspect_type {
	uint32_t id;
	/** @name: its offset in the strings */
	uint32_t name;
	uint32_t kind;
	uint32_t count;
	/** @flag: members have bit offsets and widths */
	bool flag;
	/** @size: its size, or the type that it refers to */
	uint32_t size;
	/** @tail: what stands behind the first 12 bytes: words */
	const unsigned char *tail;
};

/* Bytes behind the first 12 of a record; -1 for an unknown kind. */
INSPECT_INLINE int64_t inspect_type_tail(uint32_t kind, uint32_t count)
{
	switch (kind) {
	case INSPECT_TYPE_INT:
	case INSPECT_TYPE_VAR:
	case INSPECT_TYPE_DECL_TAG:
		return 4;
	case INSPECT_TYPE_ARRAY:
		return 12;
	case INSPECT_TYPE_STRUCT:
	case INSPECT_TYPE_UNION:
	case INSPECT_TYPE_DATASEC:
	case INSPECT_TYPE_ENUM64:
		return (int64_t)count * 12;
	case INSPECT_TYPE_ENUM:
	case INSPECT_TYPE_FUNC_PROTO:
		return (int64_t)count * 8;
	default:
		return kind == 0 || kind > INSPECT_TYPE_ENUM64 ? -1 : 0;
	}
}

/* Reads the record at an offset and returns the offset of the next one, 0 where there is none. */
INSPECT_INLINE uint64_t inspect_type_read(const struct inspect_types *types, uint64_t at, struct inspect_type *type)
{
	const unsigned char *data = types->types.data;
	uint32_t info;
	int64_t tail;

	if (at > types->types.size || types->types.size - at < 12)
		return 0;
	info = inspect_get_u32(data + at + 4, types->big);
	type->name = inspect_get_u32(data + at, types->big);
	type->kind = info >> 24 & 31;
	type->count = info & 0xffff;
	type->flag = info >> 31 != 0;
	type->size = inspect_get_u32(data + at + 8, types->big);
	type->tail = data + at + 12;
	tail = inspect_type_tail(type->kind, type->count);
	if (tail < 0 || types->types.size - at - 12 < (uint64_t)tail)
		return 0;
	return at + 12 + (uint64_t)tail;
}

/* A word behind the first three of a record that has so many. */
INSPECT_INLINE uint32_t inspect_type_word(const struct inspect_types *types, const struct inspect_type *type,
					  size_t index)
{
	return inspect_get_u32(type->tail + 4 * index, types->big);
}

/*
 * Looks at every record once. False where something else stands there than types: @fault is the offset of what is
 * wrong.
 */
INSPECT_INLINE bool inspect_types_open(struct inspect_types *types, const unsigned char *data, uint64_t size, bool big,
				       uint8_t word_size, uint64_t *fault)
{
	uint64_t header, type_at, type_size, text_at, text_size, at;
	struct inspect_type type;
	uint32_t pass;

	types->big = big;
	types->word_size = word_size;
	types->count = 0;
	types->step = 1;
	*fault = 0;
	if (size < 24 || inspect_get_u16(data, big) != 0xeb9f || data[2] != 1)
		return false;
	*fault = 4;
	header = inspect_get_u32(data + 4, big);
	type_at = header + inspect_get_u32(data + 8, big);
	type_size = inspect_get_u32(data + 12, big);
	text_at = header + inspect_get_u32(data + 16, big);
	text_size = inspect_get_u32(data + 20, big);
	if (header < 24 || type_at > size || type_size > size - type_at || text_at > size ||
	    text_size > size - text_at || text_size == 0 || data[text_at] != 0 || data[text_at + text_size - 1] != 0)
		return false;
	types->types.data = data + type_at;
	types->types.size = (size_t)type_size;
	types->strings.data = data + text_at;
	types->strings.size = (size_t)text_size;
	/* The first pass counts; the second notes where every so many records begin. */
	for (pass = 0; pass < 2; pass++) {
		uint32_t count = 0;

		for (at = 0; at < type_size; count++) {
			const uint64_t next = inspect_type_read(types, at, &type);

			*fault = type_at + at;
			if (next == 0 || type.name >= text_size)
				return false;
			if (pass == 1 && count % types->step == 0)
				types->checkpoints[count / types->step] = (uint32_t)at;
			at = next;
		}
		types->count = count;
		types->step = count / INSPECT_CHECKPOINTS + 1;
	}
	return true;
}

/* The record of a type; false for 0, which is void, and for an id that does not exist. */
INSPECT_INLINE bool inspect_type_at(const struct inspect_types *types, uint32_t id, struct inspect_type *type)
{
	uint32_t index, i;
	uint64_t at;

	if (id == 0 || id > types->count)
		return false;
	index = id - 1;
	at = types->checkpoints[index / types->step];
	for (i = index % types->step; i > 0; i--)
		at = inspect_type_read(types, at, type);
	type->id = id;
	return inspect_type_read(types, at, type) != 0;
}

/* ---- What records say -------------------------------------------------------------------------------- */

INSPECT_INLINE const char *inspect_type_name(const struct inspect_types *types, uint32_t offset)
{
	if (offset >= types->strings.size)
		return "";
	return (const char *)types->strings.data + offset;
}

/* A struct or a union. */
INSPECT_INLINE bool inspect_type_is_composite(const struct inspect_type *type)
{
	return type->kind == INSPECT_TYPE_STRUCT || type->kind == INSPECT_TYPE_UNION;
}

/* A name for another type, or one with a qualifier. */
INSPECT_INLINE bool inspect_type_is_alias(const struct inspect_type *type)
{
	return (type->kind >= INSPECT_TYPE_TYPEDEF && type->kind <= INSPECT_TYPE_RESTRICT) ||
	       type->kind == INSPECT_TYPE_TYPE_TAG;
}

/* Passes over typedefs and qualifiers, and over arrays where asked; false where no type is behind them. */
INSPECT_INLINE bool inspect_type_strip(const struct inspect_types *types, uint32_t id, bool arrays,
				       struct inspect_type *type)
{
	int depth;

	for (depth = 0; depth < INSPECT_TYPE_CHAIN; depth++) {
		if (!inspect_type_at(types, id, type))
			return false;
		if (inspect_type_is_alias(type))
			id = type->size;
		else if (arrays && type->kind == INSPECT_TYPE_ARRAY)
			id = inspect_type_word(types, type, 0);
		else
			return true;
	}
	return false;
}

/* Bytes of a type; INSPECT_ABSENT where it has no size, or is larger than any memory. */
INSPECT_INLINE uint64_t inspect_type_size(const struct inspect_types *types, uint32_t id)
{
	struct inspect_type type;
	uint64_t count = 1;
	uint64_t size;
	int depth;

	for (depth = 0; depth < INSPECT_TYPE_CHAIN && inspect_type_at(types, id, &type); depth++) {
		if (inspect_type_is_alias(&type)) {
			id = type.size;
			continue;
		}
		switch (type.kind) {
		case INSPECT_TYPE_ARRAY:
			if (__builtin_mul_overflow(count, inspect_type_word(types, &type, 2), &count))
				return INSPECT_ABSENT;
			id = inspect_type_word(types, &type, 0);
			continue;
		case INSPECT_TYPE_PTR:
			size = types->word_size;
			break;
		case INSPECT_TYPE_INT:
		case INSPECT_TYPE_STRUCT:
		case INSPECT_TYPE_UNION:
		case INSPECT_TYPE_ENUM:
		case INSPECT_TYPE_ENUM64:
		case INSPECT_TYPE_FLOAT:
		case INSPECT_TYPE_DATASEC:
			size = type.size;
			break;
		default:
			return INSPECT_ABSENT;
		}
		return __builtin_mul_overflow(count, size, &size) ? INSPECT_ABSENT : size;
	}
	return INSPECT_ABSENT;
}

/* Whether a member's type is the typedef that stands for a member which its compiler did not have. */
INSPECT_INLINE bool inspect_type_is_absent(const struct inspect_types *types, uint32_t id)
{
	struct inspect_type type;

	return inspect_type_at(types, id, &type) && type.kind == INSPECT_TYPE_TYPEDEF &&
	       inspect_text_equal(inspect_type_name(types, type.name), "inspect_absent");
}

#ifdef __cplusplus
}
#endif

#endif

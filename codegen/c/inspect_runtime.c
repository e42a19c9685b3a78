/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Run-time tables: rows that are published and withdrawn while readers look on, and a copy for a file.
 *
 * There are no locks: a row is claimed by one compare-and-swap of its state and published by one store, so
 * registration works in signal handlers and interrupts, and a writer killed half-way loses its own row
 * only. No library function is called.
 */
#include "inspect.h"

/* The memory of a table is the caller's, whatever its declared type. */
typedef uint32_t __attribute__((may_alias)) inspect_word;

#define INSPECT_SECTIONS 5

static size_t inspect_round(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

/* Words of a row are relaxed atomics: a reader may look at any time. */
static void inspect_store(unsigned char *to, const unsigned char *from, size_t size)
{
	size_t i;

	for (i = 0; i < size; i += 4) {
		uint32_t word;

		__builtin_memcpy(&word, from + i, 4);
		__atomic_store_n((inspect_word *)(void *)(to + i), word, __ATOMIC_RELAXED);
	}
}

static void inspect_load(unsigned char *to, const unsigned char *from, size_t size)
{
	size_t i;

	for (i = 0; i < size; i += 4) {
		uint32_t word = __atomic_load_n((const inspect_word *)(const void *)(from + i), __ATOMIC_RELAXED);

		__builtin_memcpy(to + i, &word, 4);
	}
}

static inspect_word *inspect_state(const struct inspect_runtime_table *table, uint32_t slot)
{
	return (inspect_word *)(void *)(table->rows + (size_t)slot * table->schema->entry_size);
}

static void inspect_set_section(struct inspect_section *section, uint32_t kind, uint64_t offset, uint64_t size)
{
	section->kind = kind;
	section->flags = 0;
	section->offset = offset;
	section->size = size;
}

/* Offsets count from the header, modulo the word size: blobs lie where the linker put them. */
static uint64_t inspect_distance(const void *from, const void *to)
{
	return (uintptr_t)to - (uintptr_t)from;
}

static void inspect_fill_header(struct inspect_header *header, const struct inspect_schema *schema)
{
	header->byte_order = INSPECT_BIG_ENDIAN ? INSPECT_BIG : INSPECT_LITTLE;
	header->word_size = (uint8_t)sizeof(void *);
	header->format = INSPECT_H_FORMAT;
	header->header_size = sizeof(struct inspect_header);
	header->flags = 0;
	header->section_count = INSPECT_SECTIONS;
	header->schema_version = schema->version;
	header->entry_size = schema->entry_size;
	header->fingerprint = schema->fingerprint;
	header->reserved = 0;
	header->checksum = 0;
	header->arena_used = 0;
	header->self_address = 0;
	header->nonce = 0;
	header->schema = schema->schema;
	header->next = 0;
}

/* The magic comes last: until then there is no table. */
static void inspect_set_magic(struct inspect_header *header)
{
	static const unsigned char magic[] = INSPECT_TABLE_MAGIC;
	size_t i;

	__atomic_thread_fence(__ATOMIC_RELEASE);
	for (i = 0; i < sizeof(header->magic); i++)
		header->magic[i] = magic[i];
}

int inspect_table_init(struct inspect_runtime_table *table, void *memory, size_t size,
		       const struct inspect_schema *schema, uint32_t row_count)
{
	const size_t start = sizeof(struct inspect_header) + INSPECT_SECTIONS * sizeof(struct inspect_section);
	unsigned char *bytes = (unsigned char *)memory;
	struct inspect_header *header = (struct inspect_header *)memory;
	struct inspect_section *sections = (struct inspect_section *)(void *)(bytes + sizeof(struct inspect_header));
	size_t rows;

	if (((uintptr_t)memory & 7) != 0 || size < start + 8 || schema->entry_size < sizeof(struct inspect_entry))
		return INSPECT_E_MEMORY;
	size &= ~(size_t)7;
	/* At least one byte of names: the empty one. */
	if (row_count > (size - start - 8) / schema->entry_size)
		return INSPECT_E_MEMORY;
	rows = (size_t)row_count * schema->entry_size;
	table->header = (struct inspect_header *)memory;
	table->schema = schema;
	table->rows = bytes + start;
	table->names = (char *)bytes + start + rows;
	table->capacity = row_count;
	table->names_size = size - start - rows > 0xffffffffu ? 0xffffffffu : (uint32_t)(size - start - rows);
	inspect_fill_header(header, schema);
	header->flags = INSPECT_TABLE_RUNTIME;
	header->total_size = size;
	header->arena_used = 1;
	header->self_address = (uintptr_t)memory;
	inspect_set_section(&sections[0], INSPECT_SECTION_ENTRIES, start, rows);
	inspect_set_section(&sections[1], INSPECT_SECTION_STRINGS, start + rows, table->names_size);
	inspect_set_section(&sections[2], INSPECT_SECTION_SCHEMA, inspect_distance(memory, schema->cbor),
			    schema->cbor_size);
	inspect_set_section(&sections[3], INSPECT_SECTION_TYPES, inspect_distance(memory, schema->types),
			    schema->types_size);
	inspect_set_section(&sections[4], INSPECT_SECTION_HISTORY, inspect_distance(memory, schema->history),
			    schema->history_size);
	inspect_set_magic(header);
	return INSPECT_OK;
}

/* Reserves room in the arena, which only grows, and copies a name there. */
static int inspect_add_name(struct inspect_runtime_table *table, const char *name, uint32_t *offset)
{
	uint32_t *used = &table->header->arena_used;
	uint32_t start = __atomic_load_n(used, __ATOMIC_RELAXED);
	size_t length = 0;
	size_t i;

	*offset = 0;
	if (name == NULL || name[0] == 0)
		return INSPECT_OK;
	while (name[length] != 0)
		length++;
	do {
		if (length >= table->names_size || start >= table->names_size - length)
			return INSPECT_E_NAMES_FULL;
	} while (!__atomic_compare_exchange_n(used, &start, (uint32_t)(start + length + 1), true, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	for (i = 0; i < length; i++)
		__atomic_store_n(&table->names[start + i], name[i], __ATOMIC_RELAXED);
	*offset = start;
	return INSPECT_OK;
}

/* Claims an empty slot; INSPECT_E_FULL is an answer, never a reason to wait. */
static int inspect_claim(struct inspect_runtime_table *table, struct inspect_handle *handle)
{
	uint32_t slot;

	for (slot = 0; slot < table->capacity; slot++) {
		inspect_word *state = inspect_state(table, slot);
		uint32_t seen = __atomic_load_n(state, __ATOMIC_RELAXED);

		/* A slot whose generations are used up is never taken again. */
		while ((seen & 3) == INSPECT_EMPTY && seen >> 2 < INSPECT_GENERATION_MAX) {
			if (__atomic_compare_exchange_n(state, &seen, seen | INSPECT_WRITING, false, __ATOMIC_ACQUIRE,
							__ATOMIC_RELAXED)) {
				handle->slot = slot;
				handle->generation = seen >> 2;
				return INSPECT_OK;
			}
		}
	}
	return INSPECT_E_FULL;
}

int inspect_register(struct inspect_runtime_table *table, const void *row, const char *name,
		     struct inspect_handle *handle)
{
	const unsigned char *from = (const unsigned char *)row;
	struct inspect_entry core;
	unsigned char *to;
	uint32_t text;
	int result;

	__builtin_memcpy(&core, row, sizeof(core));
	/* The last byte of a direct region must have an address. */
	if ((core.extent & INSPECT_EXTENT_MASK) == INSPECT_DIRECT && core.length != 0 &&
	    core.address + (core.length - 1) < core.address)
		return INSPECT_E_REGION;
	result = inspect_claim(table, handle);
	if (result != INSPECT_OK)
		return result;
	to = (unsigned char *)inspect_state(table, handle->slot);
	result = inspect_add_name(table, name, &text);
	if (result != INSPECT_OK) {
		__atomic_store_n(inspect_state(table, handle->slot), handle->generation << 2 | INSPECT_EMPTY,
				 __ATOMIC_RELEASE);
		return result;
	}
	__atomic_thread_fence(__ATOMIC_RELEASE);
	core.name = text;
	core.id = INSPECT_ID_EXPLICIT | (core.id != 0 ? core.id : handle->slot);
	inspect_store(to + 4, (const unsigned char *)&core + 4, sizeof(core) - 4);
	inspect_store(to + sizeof(core), from + sizeof(core), table->schema->entry_size - sizeof(core));
	__atomic_store_n(inspect_state(table, handle->slot), handle->generation << 2 | INSPECT_LIVE,
			 __ATOMIC_RELEASE);
	return INSPECT_OK;
}

int inspect_unregister(struct inspect_runtime_table *table, struct inspect_handle handle)
{
	uint32_t live = handle.generation << 2 | INSPECT_LIVE;

	if (handle.slot >= table->capacity || handle.generation >= INSPECT_GENERATION_MAX)
		return INSPECT_E_STALE;
	if (!__atomic_compare_exchange_n(inspect_state(table, handle.slot), &live,
					 (handle.generation + 1) << 2 | INSPECT_EMPTY, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return INSPECT_E_STALE;
	return INSPECT_OK;
}

/* A consistent copy of a row's first bytes: its state is the same before and after, and says it is live. */
static bool inspect_snapshot(const struct inspect_runtime_table *table, uint32_t slot, unsigned char *to,
			     size_t size)
{
	const inspect_word *state = inspect_state(table, slot);
	int attempt;

	for (attempt = 0; attempt < 16; attempt++) {
		uint32_t before = __atomic_load_n(state, __ATOMIC_ACQUIRE);
		uint32_t after;

		if ((before & 3) < INSPECT_LIVE)
			return false;
		inspect_load(to, (const unsigned char *)state, size);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		after = __atomic_load_n(state, __ATOMIC_RELAXED);
		if (before >> 2 == after >> 2 && (after & 3) >= INSPECT_LIVE) {
			/* In a copy nobody is changing anything. */
			after = (after & ~3u) | INSPECT_LIVE;
			__builtin_memcpy(to, &after, sizeof(after));
			return true;
		}
	}
	return false;
}

int inspect_for_each(const struct inspect_runtime_table *table,
		     int (*visit)(const struct inspect_entry *entry, const char *name, void *context),
		     void *context)
{
	uint32_t slot;

	for (slot = 0; slot < table->capacity; slot++) {
		struct inspect_entry core;
		int result;

		if (!inspect_snapshot(table, slot, (unsigned char *)&core, sizeof(core)))
			continue;
		result = visit(&core, core.name < table->names_size ? table->names + core.name : "", context);
		if (result != 0)
			return result;
	}
	return 0;
}

static uint32_t inspect_live_count(const struct inspect_runtime_table *table)
{
	uint32_t count = 0;
	uint32_t slot;

	for (slot = 0; slot < table->capacity; slot++) {
		if ((__atomic_load_n(inspect_state(table, slot), __ATOMIC_RELAXED) & 3) >= INSPECT_LIVE)
			count++;
	}
	return count;
}

/* Appends a section to the copy and returns where the next one begins. */
static size_t inspect_append(unsigned char *buffer, size_t at, uint32_t index, uint32_t kind, const void *from,
			     size_t size)
{
	struct inspect_section *sections =
		(struct inspect_section *)(void *)(buffer + sizeof(struct inspect_header));
	const unsigned char *bytes = (const unsigned char *)from;
	size_t i;

	inspect_set_section(&sections[index], kind, at, size);
	for (i = 0; i < size; i++)
		buffer[at + i] = bytes[i];
	for (; i < inspect_round(size); i++)
		buffer[at + i] = 0;
	return at + inspect_round(size);
}

int inspect_table_copy(const struct inspect_runtime_table *table, void *buffer, size_t size, size_t *written)
{
	const struct inspect_schema *schema = table->schema;
	const uint32_t stride = schema->entry_size;
	unsigned char *bytes = (unsigned char *)buffer;
	struct inspect_header *header = (struct inspect_header *)buffer;
	uint32_t names = __atomic_load_n(&table->header->arena_used, __ATOMIC_ACQUIRE);
	size_t at = sizeof(struct inspect_header) + INSPECT_SECTIONS * sizeof(struct inspect_section);
	size_t rows;
	uint32_t slot;

	rows = at + inspect_round(names) + inspect_round(schema->cbor_size) + inspect_round(schema->types_size) +
	       inspect_round(schema->history_size);
	*written = rows + (size_t)inspect_live_count(table) * stride;
	if (((uintptr_t)buffer & 7) != 0 || size < *written)
		return INSPECT_E_MEMORY;
	at = inspect_append(bytes, at, 1, INSPECT_SECTION_STRINGS, table->names, names);
	at = inspect_append(bytes, at, 2, INSPECT_SECTION_SCHEMA, schema->cbor, schema->cbor_size);
	at = inspect_append(bytes, at, 3, INSPECT_SECTION_TYPES, schema->types, schema->types_size);
	at = inspect_append(bytes, at, 4, INSPECT_SECTION_HISTORY, schema->history, schema->history_size);
	for (slot = 0; slot < table->capacity && size - at >= stride; slot++) {
		if (inspect_snapshot(table, slot, bytes + at, stride))
			at += stride;
	}
	inspect_append(bytes, rows, 0, INSPECT_SECTION_ENTRIES, bytes + rows, at - rows);
	inspect_fill_header(header, schema);
	header->total_size = at;
	inspect_set_magic(header);
	header->checksum = inspect_table_checksum(bytes, at);
	*written = at;
	return INSPECT_OK;
}

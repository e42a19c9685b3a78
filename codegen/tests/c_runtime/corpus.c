/*
 * The invariants of run-time tables, one function for each; the same in C and in C++, on every machine.
 * Given a path, the program leaves a table there that is the same from every machine but for addresses.
 */
#include "check.h"

static uint64_t number = 42;
static uint64_t key = 43;
static unsigned char bytes[48];

#define ROW sizeof(struct tests_runtime_row)
#define SCHEMA TESTS_RUNTIME_DESCRIPTOR

/* Tables stay in the root's chain, so that each has memory of its own. */
static void *memory_of(size_t size)
{
	static uint64_t pool[400000];
	static size_t used;
	void *memory = &pool[used];

	used += (size + 7) / 8;
	CHECK(used <= sizeof(pool) / sizeof(pool[0]));
	return memory;
}

static struct inspect_runtime_table table_of(uint32_t rows, size_t names)
{
	const size_t size = INSPECT_TABLE_SIZE(ROW, rows, names);
	struct inspect_runtime_table table;

	EXPECT(INSPECT_OK, inspect_table_init(&table, memory_of(size), size, SCHEMA, rows));
	return table;
}

static struct inspect_handle put(struct inspect_runtime_table *table, uint64_t instance, const char *name)
{
	struct tests_runtime_row row = row_of(TESTS_RUNTIME_CLASS_COUNTER, &number, sizeof(number));
	struct inspect_handle handle;

	row.core.instance = instance;
	EXPECT(INSPECT_OK, inspect_register(table, &row, name, &handle));
	return handle;
}

static struct inspect_entry core_at(const struct inspect_runtime_table *table, uint32_t slot)
{
	struct inspect_entry core;

	EXPECT(INSPECT_OK, inspect_read(table, slot, &core, sizeof(core)));
	return core;
}

struct seen {
	int count;
	struct inspect_entry last;
	char name[80];
};

static int see(const struct inspect_entry *entry, const char *name, void *context)
{
	struct seen *seen = (struct seen *)context;

	seen->count++;
	seen->last = *entry;
	snprintf(seen->name, sizeof(seen->name), "%s", name);
	return 0;
}

static struct seen live(const struct inspect_runtime_table *table)
{
	struct seen seen;

	memset(&seen, 0, sizeof(seen));
	EXPECT(0, inspect_for_each(table, see, &seen));
	return seen;
}

static void memory_is_checked(void)
{
	static uint64_t memory[200];
	struct inspect_runtime_table table;
	struct inspect_handle handle;
	struct tests_runtime_row row = row_of(TESTS_RUNTIME_CLASS_COUNTER, &number, sizeof(number));
	struct inspect_schema narrow = *TESTS_RUNTIME_DESCRIPTOR;
	uint32_t offset;
	size_t size;

	EXPECT(INSPECT_E_MEMORY, inspect_table_init(&table, NULL, sizeof(memory), SCHEMA, 1));
	EXPECT(INSPECT_E_MEMORY, inspect_table_init(&table, (char *)memory + 4, 800, SCHEMA, 1));
	for (size = 0; size < INSPECT_TABLE_SIZE(ROW, 1, 0); size++)
		EXPECT(INSPECT_E_MEMORY, inspect_table_init(&table, memory, size, SCHEMA, 1));
	EXPECT(INSPECT_E_MEMORY, inspect_table_init(&table, memory, sizeof(memory), SCHEMA, 0xffffffffu));
	narrow.entry_size = 56;
	EXPECT(INSPECT_E_MEMORY, inspect_table_init(&table, memory, sizeof(memory), &narrow, 1));
	narrow.entry_size = 68;
	EXPECT(INSPECT_E_MEMORY, inspect_table_init(&table, memory, sizeof(memory), &narrow, 1));
	/* A table without rows is a table. */
	memset(memory, 0xa5, sizeof(memory));
	EXPECT(INSPECT_OK, inspect_table_init(&table, memory, sizeof(memory), SCHEMA, 0));
	EXPECT(INSPECT_E_FULL, inspect_register(&table, &row, "none", &handle));
	CHECK(live(&table).count == 0 && table.header->total_size == sizeof(memory));
	/* What was in the memory before is gone, the lists of names too. A link stands before each name. */
	EXPECT(INSPECT_OK, inspect_intern(&table, "here", &offset));
	CHECK(offset == 8 && table.header->arena_used == 16);
	EXPECT(INSPECT_OK, inspect_intern(&table, "there", &offset));
	CHECK(offset == 20);
}

/* What the macro promises fits, and the parts are where the format says. */
static void memory_is_divided(void)
{
	size_t names;

	for (names = 0; names < 1200; names++) {
		const size_t size = INSPECT_TABLE_SIZE(ROW, 1, names);
		const size_t rows_at = sizeof(struct inspect_header) + 5 * sizeof(struct inspect_section);
		void *memory = calloc(1, size);
		struct inspect_runtime_table table;

		EXPECT(INSPECT_OK, inspect_table_init(&table, memory, size, SCHEMA, 1));
		CHECK(table.names_size > names);
		CHECK((char *)table.header + rows_at == (char *)table.rows);
		CHECK((char *)table.rows + ROW == table.names);
		CHECK((char *)table.heads == table.names + table.names_size);
		CHECK((char *)table.header + table.header->total_size == (char *)&table.heads[table.head_count]);
		CHECK(table.head_count == (size - rows_at - ROW + 63) / 64);
		free(memory);
	}
}

static void rows_come_and_go(void)
{
	struct inspect_runtime_table table = table_of(3, 64);
	struct tests_runtime_row row = row_of(TESTS_RUNTIME_CLASS_COUNTER, &number, sizeof(number));
	struct inspect_handle first = put(&table, 0, "first");
	struct inspect_handle second = put(&table, 1, "second");
	struct inspect_handle third = put(&table, 2, NULL);
	struct inspect_handle forged;
	struct seen seen = live(&table);

	CHECK(seen.count == 3 && seen.last.instance == 2 && strcmp(seen.name, "") == 0);
	EXPECT(INSPECT_E_FULL, inspect_register(&table, &row, "fourth", &forged));
	EXPECT(INSPECT_OK, inspect_unregister(&table, second));
	EXPECT(INSPECT_E_STALE, inspect_unregister(&table, second));
	EXPECT(INSPECT_E_STALE, inspect_set_properties(&table, second, 0));
	CHECK(live(&table).count == 2);
	/* The slot has another owner now, whom the old handle does not touch. */
	forged = put(&table, 3, "second");
	CHECK(forged.slot == second.slot && forged.generation == second.generation + 1);
	EXPECT(INSPECT_E_STALE, inspect_unregister(&table, second));
	CHECK(live(&table).count == 3);
	/* Handles that nobody has given. */
	forged.slot = 3;
	EXPECT(INSPECT_E_STALE, inspect_unregister(&table, forged));
	forged.slot = 0xffffffffu;
	EXPECT(INSPECT_E_STALE, inspect_unregister(&table, forged));
	forged.slot = first.slot;
	forged.generation = 0x40000000u;
	EXPECT(INSPECT_E_STALE, inspect_unregister(&table, forged));
	forged.generation = INSPECT_GENERATION_MAX;
	EXPECT(INSPECT_E_STALE, inspect_set_properties(&table, forged, 0));
	CHECK(live(&table).count == 3);
	EXPECT(INSPECT_OK, inspect_unregister(&table, first));
	EXPECT(INSPECT_OK, inspect_unregister(&table, third));
	CHECK(live(&table).count == 1);
	/* Any guess where to look is as good as none. */
	table.hints[0].slot = table.hints[1].slot = table.hints[2].slot = table.hints[3].slot = 0xfffffff0u;
	(void)put(&table, 4, "a");
	table.stack = 1;
	(void)put(&table, 5, "b");
	EXPECT(INSPECT_E_FULL, inspect_register(&table, &row, "c", &forged));
	EXPECT(INSPECT_E_STALE, inspect_read(&table, 3, &row, sizeof(row)));
	EXPECT(INSPECT_E_MEMORY, inspect_read(&table, 0, &row, 63));
}

static void the_class_fills_in(void)
{
	struct inspect_runtime_table table = table_of(8, 64);
	struct tests_runtime_row row = row_of(TESTS_RUNTIME_CLASS_SECRET, &key, sizeof(key));
	struct inspect_handle handle;
	struct inspect_entry core;

	row.core.properties = TESTS_RUNTIME_FACTS_QUICK;
	EXPECT(INSPECT_OK, inspect_register(&table, &row, "k", &handle));
	core = core_at(&table, handle.slot);
	CHECK(core.properties == (INSPECT_SENSITIVE | TESTS_RUNTIME_FACTS_QUICK | TESTS_RUNTIME_FACTS_SLOW));
	CHECK(core.type != 0 && core.state == INSPECT_LIVE);
	row.core.type = 77;
	row.core.id = 5;
	EXPECT(INSPECT_OK, inspect_register(&table, &row, "k", &handle));
	core = core_at(&table, handle.slot);
	CHECK(core.type == 77 && core.id == (INSPECT_ID_EXPLICIT | 5));
	row.core.id = INSPECT_ID_EXPLICIT;
	EXPECT(INSPECT_OK, inspect_register(&table, &row, "k", &handle));
	CHECK(core_at(&table, handle.slot).id == INSPECT_ID_EXPLICIT);
	row.core.class_number++;
	EXPECT(INSPECT_E_CLASS, inspect_register(&table, &row, "k", &handle));
	row.core.class_number = 0;
	EXPECT(INSPECT_E_CLASS, inspect_register(&table, &row, "k", &handle));
	row.core.class_number = 0xffffffffu;
	EXPECT(INSPECT_E_CLASS, inspect_register(&table, &row, "k", &handle));
	CHECK(live(&table).count == 3);
}

static int try_region(struct inspect_runtime_table *table, unsigned extent, uint64_t address, uint64_t length,
		      uint64_t bound, unsigned bound_size)
{
	struct tests_runtime_row row = row_of(TESTS_RUNTIME_CLASS_COUNTER, NULL, length);
	struct inspect_handle handle;
	int result;

	row.core.address = address;
	row.core.extent = (uint8_t)extent;
	row.core.bound = bound;
	row.core.bound_size = (uint8_t)bound_size;
	result = inspect_register(table, &row, NULL, &handle);
	if (result == INSPECT_OK)
		EXPECT(INSPECT_OK, inspect_unregister(table, handle));
	return result;
}

static void regions_end(void)
{
	struct inspect_runtime_table table = table_of(2, 8);
	const uint64_t last = ~(uintptr_t)0;
	struct tests_runtime_row row = row_of(TESTS_RUNTIME_CLASS_COUNTER, NULL, 2);
	struct inspect_handle handle;

	EXPECT(INSPECT_OK, try_region(&table, INSPECT_DIRECT, last, 1, 0, 0));
	EXPECT(INSPECT_OK, try_region(&table, INSPECT_DIRECT, last, 0, 0, 0));
	EXPECT(INSPECT_OK, try_region(&table, INSPECT_DIRECT, 1, last, 0, 0));
	EXPECT(INSPECT_E_REGION, try_region(&table, INSPECT_DIRECT, last, 2, 0, 0));
	EXPECT(INSPECT_E_REGION, try_region(&table, INSPECT_DIRECT, 2, last, 0, 0));
	EXPECT(INSPECT_E_REGION, try_region(&table, INSPECT_DIRECT, 2, ~0ull, 0, 0));
	EXPECT(INSPECT_OK, try_region(&table, INSPECT_RANGE, 5, 0, 5, 0));
	EXPECT(INSPECT_E_REGION, try_region(&table, INSPECT_RANGE, 5, 0, 4, 0));
	EXPECT(INSPECT_OK, try_region(&table, INSPECT_COUNTED, 8, 4, 16, 4));
	EXPECT(INSPECT_E_REGION, try_region(&table, INSPECT_COUNTED, 8, 4, 16, 3));
	EXPECT(INSPECT_E_REGION, try_region(&table, INSPECT_COUNTED, 8, 4, last - 2, 4));
	EXPECT(INSPECT_E_REGION, try_region(&table, INSPECT_COUNTED, last, 4, 16, 4));
	EXPECT(INSPECT_OK, try_region(&table, INSPECT_INDIRECT, last - 7, 1, 0, 0));
	EXPECT(INSPECT_E_REGION, try_region(&table, INSPECT_INDIRECT, last, 1, 0, 0));
	EXPECT(INSPECT_OK, try_region(&table, INSPECT_ADDRESS_ONLY, last, 0, 0, 0));
	EXPECT(INSPECT_E_REGION, try_region(&table, 5, 8, 1, 0, 0));
	EXPECT(INSPECT_E_REGION, try_region(&table, INSPECT_ADDRESS_SLOT, 8, 1, 0, 0));
	/* What no pointer reaches is an error in the process's own space only. */
	row.core.address = last;
	EXPECT(INSPECT_E_REGION, inspect_register(&table, &row, NULL, &handle));
	row.core.space = INSPECT_SPACE_PHYSICAL;
	EXPECT(last == ~0ull ? INSPECT_E_REGION : INSPECT_OK, inspect_register(&table, &row, NULL, &handle));
	row.core.address = ~0ull;
	EXPECT(INSPECT_E_REGION, inspect_register(&table, &row, NULL, &handle));
}

static void generations_end(void)
{
	struct inspect_runtime_table table = table_of(1, 8);
	struct tests_runtime_row row = row_of(TESTS_RUNTIME_CLASS_COUNTER, &number, sizeof(number));
	struct inspect_handle handle;

	*state_of(&table, 0) = (INSPECT_GENERATION_MAX - 1) << 2;
	handle = put(&table, 0, NULL);
	CHECK(handle.generation == INSPECT_GENERATION_MAX - 1);
	EXPECT(INSPECT_OK, inspect_unregister(&table, handle));
	CHECK(*state_of(&table, 0) == INSPECT_GENERATION_MAX << 2);
	EXPECT(INSPECT_E_FULL, inspect_register(&table, &row, NULL, &handle));
	CHECK(*state_of(&table, 0) == INSPECT_GENERATION_MAX << 2);
}

static void properties_change(void)
{
	struct inspect_runtime_table table = table_of(2, 8);
	const uint64_t wanted = INSPECT_MMIO | TESTS_RUNTIME_FACTS_RARE;
	struct inspect_handle handle = put(&table, 0, NULL);

	EXPECT(INSPECT_OK, inspect_set_properties(&table, handle, wanted));
	CHECK(core_at(&table, handle.slot).properties == (wanted | TESTS_RUNTIME_FACTS_QUICK));
	CHECK(*state_of(&table, handle.slot) == INSPECT_LIVE);
	EXPECT(INSPECT_OK, inspect_set_properties(&table, handle, 0));
	CHECK(core_at(&table, handle.slot).properties == TESTS_RUNTIME_FACTS_QUICK);
	/* Somebody else is at it, perhaps for ever: the row is there, and its owner is told. */
	*state_of(&table, handle.slot) |= INSPECT_CHANGING;
	EXPECT(INSPECT_E_BUSY, inspect_set_properties(&table, handle, wanted));
	EXPECT(INSPECT_E_BUSY, inspect_unregister(&table, handle));
	CHECK(live(&table).count == 1);
	CHECK(inspect_reclaim(&table) == 0);
	EXPECT(INSPECT_OK, inspect_unregister(&table, handle));
}

static void killed_writers_are_reclaimed(void)
{
	struct inspect_runtime_table table = table_of(2, 8);
	struct inspect_handle handle = put(&table, 0, NULL);
	struct tests_runtime_row row = row_of(TESTS_RUNTIME_CLASS_COUNTER, &number, sizeof(number));
	struct inspect_handle lost;

	*state_of(&table, 1) = 6u << 2 | INSPECT_WRITING;
	CHECK(live(&table).count == 1);
	EXPECT(INSPECT_E_FULL, inspect_register(&table, &row, NULL, &lost));
	CHECK(inspect_reclaim(&table) == 1);
	lost.slot = 1;
	lost.generation = 6;
	EXPECT(INSPECT_E_STALE, inspect_unregister(&table, lost));
	lost = put(&table, 1, NULL);
	CHECK(lost.slot == 1 && lost.generation == 7);
	CHECK(inspect_reclaim(&table) == 0 && live(&table).count == 2);
	EXPECT(INSPECT_OK, inspect_unregister(&table, handle));
}

static void texts_are_kept_once(void)
{
	struct inspect_runtime_table table = table_of(4, 300);
	struct tests_runtime_row row = row_of(TESTS_RUNTIME_CLASS_COUNTER, &number, sizeof(number));
	struct inspect_handle handle;
	uint32_t first, second, used;
	char text[40];
	int i;

	EXPECT(INSPECT_OK, inspect_intern(&table, NULL, &first));
	CHECK(first == 0);
	EXPECT(INSPECT_OK, inspect_intern(&table, "", &first));
	CHECK(first == 0);
	EXPECT(INSPECT_OK, inspect_intern(&table, "label", &first));
	EXPECT(INSPECT_OK, inspect_intern(&table, "label", &second));
	CHECK(first == 8 && second == first && strcmp(table.names + first, "label") == 0);
	/* A name and a label are the same text; one that begins alike is another. */
	row.label = first;
	EXPECT(INSPECT_OK, inspect_register(&table, &row, "label", &handle));
	CHECK(core_at(&table, handle.slot).name == first);
	EXPECT(INSPECT_OK, inspect_intern(&table, "lab", &second));
	CHECK(second == 20);
	row.label = table.header->arena_used;
	EXPECT(INSPECT_E_TEXT, inspect_register(&table, &row, "label", &handle));
	row.label = 0xffffffffu;
	EXPECT(INSPECT_E_TEXT, inspect_register(&table, &row, "label", &handle));
	/* More texts than there are lists: each is found again, and they are kept until the arena is full. */
	for (i = 0;; i++) {
		int result;

		snprintf(text, sizeof(text), "%d", i);
		used = table.header->arena_used;
		result = inspect_intern(&table, text, &first);
		if (result == INSPECT_E_NAMES_FULL)
			break;
		EXPECT(INSPECT_OK, result);
		CHECK(strcmp(table.names + first, text) == 0);
		used = table.header->arena_used;
		EXPECT(INSPECT_OK, inspect_intern(&table, text, &second));
		CHECK(second == first && table.header->arena_used == used);
	}
	CHECK(i > 20 && table.header->arena_used == used && table.names[table.names_size - 1] == 0);
	CHECK(used <= table.names_size && table.names_size - used < strlen(text) + 8);
	/* A row whose name does not fit is not there, and neither is its slot lost. */
	row.label = 0;
	EXPECT(INSPECT_E_NAMES_FULL, inspect_register(&table, &row, "longer than what is left", &handle));
	CHECK(live(&table).count == 1 && *state_of(&table, 1) == INSPECT_EMPTY);
	EXPECT(INSPECT_OK, inspect_intern(&table, "label", &second));
	CHECK(second == 8);
}

/* Wherever memory ends: names fit up to the last byte, and not beyond. */
static void the_last_byte_of_names(void)
{
	uint64_t *memory = (uint64_t *)calloc(1, INSPECT_TABLE_SIZE(ROW, 0, 8));
	struct inspect_runtime_table table;
	uint32_t offset;

	EXPECT(INSPECT_OK, inspect_table_init(&table, memory, INSPECT_TABLE_SIZE(ROW, 0, 8), SCHEMA, 0));
	CHECK(table.names_size == 12 && table.head_count == 1);
	/* The empty text, a link, and four bytes. */
	EXPECT(INSPECT_E_NAMES_FULL, inspect_intern(&table, "1234", &offset));
	CHECK(offset == 0);
	EXPECT(INSPECT_OK, inspect_intern(&table, "123", &offset));
	EXPECT(INSPECT_E_NAMES_FULL, inspect_intern(&table, "1", &offset));
	CHECK(table.header->arena_used == 12);
	free(memory);
}

static void attaching_believes_nothing(void)
{
	const size_t size = INSPECT_TABLE_SIZE(ROW, 4, 256);
	unsigned char *memory = (unsigned char *)memory_of(size);
	struct inspect_header *header = (struct inspect_header *)(void *)memory;
	struct inspect_section *sections = (struct inspect_section *)(void *)(header + 1);
	struct inspect_schema other = *TESTS_RUNTIME_DESCRIPTOR;
	struct inspect_runtime_table table, second;
	struct inspect_handle handle;
	uint64_t kept;
	uint32_t offset;

	EXPECT(INSPECT_E_TABLE, inspect_table_attach(&second, memory, size, SCHEMA));
	EXPECT(INSPECT_OK, inspect_table_init(&table, memory, size, SCHEMA, 4));
	EXPECT(INSPECT_OK, inspect_table_attach(&second, memory, size, SCHEMA));
	CHECK(second.capacity == 4 && second.heads == table.heads && second.head_count == table.head_count);
	/* Both write to one table, and find each other's names. */
	handle = put(&table, 1, "one");
	EXPECT(INSPECT_OK, inspect_intern(&second, "one", &offset));
	CHECK(offset == 8 && header->next == 0);
	(void)put(&second, 2, "two");
	EXPECT(INSPECT_OK, inspect_unregister(&second, handle));
	CHECK(live(&table).count == 1 && live(&table).last.instance == 2);

	EXPECT(INSPECT_E_MEMORY, inspect_table_attach(&second, NULL, size, SCHEMA));
	EXPECT(INSPECT_E_MEMORY, inspect_table_attach(&second, memory + 4, size - 4, SCHEMA));
	EXPECT(INSPECT_E_TABLE, inspect_table_attach(&second, memory, size - 8, SCHEMA));
	EXPECT(INSPECT_E_TABLE, inspect_table_attach(&second, memory, 40, SCHEMA));
	other.schema++;
	EXPECT(INSPECT_E_SCHEMA, inspect_table_attach(&second, memory, size, &other));
	other = *TESTS_RUNTIME_DESCRIPTOR;
	other.fingerprint++;
	EXPECT(INSPECT_E_SCHEMA, inspect_table_attach(&second, memory, size, &other));
	other = *TESTS_RUNTIME_DESCRIPTOR;
	other.version++;
	EXPECT(INSPECT_E_SCHEMA, inspect_table_attach(&second, memory, size, &other));
	other = *TESTS_RUNTIME_DESCRIPTOR;
	other.entry_size += 8;
	EXPECT(INSPECT_E_SCHEMA, inspect_table_attach(&second, memory, size, &other));
#define DAMAGED(place, value)                                                                       \
	do {                                                                                        \
		kept = (place);                                                                     \
		(place) = (value);                                                                  \
		EXPECT(INSPECT_E_TABLE, inspect_table_attach(&second, memory, size, SCHEMA));       \
		/* As wide as the place is. */                                                      \
		memcpy(&(place), (unsigned char *)&kept + (INSPECT_BIG_ENDIAN ? 8 - sizeof(place) : 0), \
		       sizeof(place));                                                              \
	} while (0)
	DAMAGED(header->magic[3], 'n');
	DAMAGED(header->byte_order, 3);
	DAMAGED(header->word_size, 2);
	DAMAGED(header->format, 2);
	DAMAGED(header->header_size, 88);
	DAMAGED(header->header_size, 0xfffffff8u);
	DAMAGED(header->total_size, size + 8);
	DAMAGED(header->total_size, ~0ull);
	DAMAGED(header->total_size, 0);
	DAMAGED(header->flags, 0);
	DAMAGED(header->section_count, 0xffffffffu);
	DAMAGED(header->section_count, 0);
	DAMAGED(header->entry_size, 0);
	DAMAGED(header->entry_size, 116);
	DAMAGED(header->arena_used, 0xffffffffu);
	DAMAGED(header->self_address, header->self_address + 8);
	DAMAGED(sections[0].offset, size);
	DAMAGED(sections[0].offset, sections[0].offset - 8);
	DAMAGED(sections[0].offset, sections[0].offset + 4);
	DAMAGED(sections[0].size, sections[0].size + 8);
	DAMAGED(sections[0].size, ~0ull);
	DAMAGED(sections[1].offset, sections[0].offset);
	DAMAGED(sections[1].size, 0);
	DAMAGED(sections[1].size, ~0ull - 7);
	DAMAGED(sections[2].kind, INSPECT_SECTION_STRINGS);
	sections[0].size -= ROW;
	DAMAGED(sections[0].offset, sections[0].offset + 4);
	sections[0].size += ROW;
	sections[3].flags = INSPECT_SECTION_REQUIRED;
	EXPECT(INSPECT_OK, inspect_table_attach(&second, memory, size, SCHEMA));
	DAMAGED(sections[3].kind, 77);
	sections[3].flags = 0;
	sections[3].kind = 77;
	EXPECT(INSPECT_OK, inspect_table_attach(&second, memory, size, SCHEMA));
}

/* Whatever the bytes are, an attached table stays inside its memory: the sanitizer looks. */
static void damaged_tables_are_used_inside(void)
{
	const size_t size = INSPECT_TABLE_SIZE(ROW, 3, 200);
	unsigned char *memory = (unsigned char *)malloc(size);
	unsigned char *whole = (unsigned char *)malloc(size);
	unsigned char *copy = (unsigned char *)malloc(16384);
	struct inspect_runtime_table table;
	struct inspect_handle handle;
	struct tests_runtime_row row = row_of(TESTS_RUNTIME_CLASS_COUNTER, &number, sizeof(number));
	int round, attached = 0;
	uint32_t offset;
	size_t written;

	EXPECT(INSPECT_OK, inspect_table_init(&table, memory, size, SCHEMA, 3));
	/* It is freed again, and must not be found by others. */
	table.linked = 1;
	(void)put(&table, 7, "seven");
	memcpy(whole, memory, size);
	for (round = 0; round < 20000; round++) {
		uint32_t changes = 1 + chance(6);

		memcpy(memory, whole, size);
		while (changes-- != 0)
			memory[chance(chance(2) ? 216 : (uint32_t)size)] = (unsigned char)chance(256);
		if (inspect_table_attach(&table, memory, size, SCHEMA) != INSPECT_OK)
			continue;
		attached++;
		(void)live(&table);
		(void)inspect_intern(&table, "something that was not there", &offset);
		if (inspect_register(&table, &row, "seven", &handle) == INSPECT_OK)
			EXPECT(INSPECT_OK, inspect_unregister(&table, handle));
		(void)inspect_reclaim(&table);
		(void)inspect_table_copy(&table, copy, 16384, &written);
	}
	CHECK(attached > 1000 && attached < 19000);
	free(memory);
	free(whole);
	free(copy);
}

static void copies_are_plain_tables(void)
{
	struct inspect_runtime_table table = table_of(3, 100);
	struct inspect_handle gone = put(&table, 0, "gone");
	size_t needed, written, size;
	unsigned char *buffer;
	const struct inspect_header *header;
	const struct inspect_section *sections;
	struct inspect_entry core;

	EXPECT(INSPECT_OK, inspect_unregister(&table, gone));
	(void)put(&table, 1, "one");
	(void)put(&table, 2, "two");
	*state_of(&table, 1) |= INSPECT_CHANGING;
	EXPECT(INSPECT_E_MEMORY, inspect_table_copy(&table, memory_of(8), 8, &needed));
	buffer = (unsigned char *)malloc(needed);
	EXPECT(INSPECT_E_MEMORY, inspect_table_copy(&table, buffer + 4, needed - 4, &written));
	EXPECT(INSPECT_OK, inspect_table_copy(&table, buffer, needed, &size));
	CHECK(size < needed);
	for (written = 0; written < size; written += 8) {
		unsigned char *small = (unsigned char *)malloc(written + 1);
		size_t again;

		EXPECT(INSPECT_E_MEMORY, inspect_table_copy(&table, small, written, &again));
		CHECK(again == needed);
		free(small);
	}
	memset(buffer, 0xa5, needed);
	EXPECT(INSPECT_OK, inspect_table_copy(&table, buffer, size, &written));
	header = (const struct inspect_header *)(const void *)buffer;
	sections = (const struct inspect_section *)(const void *)(header + 1);
	CHECK(written == size && header->total_size == size && buffer[size] == 0xa5);
	CHECK(header->flags == 0 && header->next == 0 && header->nonce == 0 && header->self_address == 0);
	CHECK(header->arena_used == 0 && header->checksum == inspect_table_checksum(buffer, size));
	CHECK(sections[0].flags == 0 && sections[0].size == 2 * ROW);
	/* Each text stands behind a link, in words of four bytes. */
	CHECK(sections[1].size == 32);
	CHECK(strcmp((char *)buffer + sections[1].offset + 8, "gone") == 0);
	CHECK(strcmp((char *)buffer + sections[1].offset + 20, "one") == 0);
	CHECK(strcmp((char *)buffer + sections[1].offset + 28, "two") == 0);
	memcpy(&core, buffer + sections[0].offset, sizeof(core));
	CHECK(core.state == INSPECT_LIVE);
	memcpy(&core, buffer + sections[0].offset + ROW, sizeof(core));
	CHECK(core.state == INSPECT_LIVE && core.instance == 2);
	*state_of(&table, 1) &= ~1u;
	/* Another process may write anything there at any time. */
	table.header->arena_used = 0;
	EXPECT(INSPECT_OK, inspect_table_copy(&table, buffer, needed, &written));
	CHECK(sections[1].size == 1);
	table.header->arena_used = 0xffffffffu;
	EXPECT(INSPECT_OK, inspect_table_copy(&table, buffer, needed, &written));
	CHECK(sections[1].size == table.names_size && written == needed - ROW);
	free(buffer);
}

/* ---- Tables of the process ---- */

/* A place in the section where the packer would leave a table, between annotations. */
static INSPECT_CONSTINIT uint64_t packed[1024] __attribute__((section("inspect_table"), aligned(8)))
	INSPECT_RETAIN = { 0 };

struct tour {
	int count;
	int relative;
	const struct inspect_header *wanted;
	int met;
};

static int visit(const struct inspect_runtime_table *table, void *context)
{
	struct tour *tour = (struct tour *)context;
	struct seen seen = live(table);

	tour->count++;
	tour->met += table->header == tour->wanted;
	CHECK(table->schema == NULL);
	if (table->header->flags & INSPECT_TABLE_RELATIVE) {
		tour->relative++;
		CHECK(seen.count == 1 && strcmp(seen.name, "packed") == 0);
		CHECK(seen.last.address == (uintptr_t)&number && seen.last.extent == INSPECT_DIRECT);
	}
	return 0;
}

static struct tour walk(const struct inspect_header *wanted)
{
	struct tour tour;

	memset(&tour, 0, sizeof(tour));
	tour.wanted = wanted;
	EXPECT(0, inspect_tables_for_each(visit, &tour));
	return tour;
}

static int stop(const struct inspect_runtime_table *table, void *context)
{
	(void)table;
	return ++*(int *)context == 1 ? 99 : 0;
}

static void tables_are_found(void)
{
	struct inspect_runtime_table table = table_of(2, 16);
	struct inspect_runtime_table view;
	struct inspect_handle handle;
	struct tests_runtime_row row = row_of(TESTS_RUNTIME_CLASS_COUNTER, &number, sizeof(number));
	struct tour before = walk(table.header);
	uint32_t offset;
	int count = 0;

	/* Nobody sees a table before its first row. */
	CHECK(before.met == 0 && table.header->nonce == 0);
	inspect_seed(4711);
	(void)put(&table, 0, "x");
	CHECK(walk(table.header).met == 1 && walk(NULL).count == before.count + 1 && table.header->nonce != 0);
	/* However often it is linked. */
	table.linked = 0;
	(void)put(&table, 0, "x");
	CHECK(walk(table.header).met == 1 && walk(NULL).count == before.count + 1 && table.header->next == 0);
	/* What an earlier start has left is none of ours. */
	table.header->nonce ^= 1;
	CHECK(walk(table.header).met == 0);
	table.header->nonce ^= 1;
	/* A chain that is damaged ends all the same. */
	table.header->next = (uintptr_t)table.header;
	CHECK(walk(table.header).met > 1);
	table.header->next = 0;
	EXPECT(99, inspect_tables_for_each(stop, &count));
	CHECK(count == 1);
	EXPECT(INSPECT_OK, inspect_objects_refresh());
	CHECK(walk(table.header).met == 1);
	/* A view of somebody's table takes no rows. */
	view = table;
	view.schema = NULL;
	EXPECT(INSPECT_E_SCHEMA, inspect_register(&view, &row, "x", &handle));
	EXPECT(INSPECT_E_SCHEMA, inspect_intern(&view, "x", &offset));
	EXPECT(INSPECT_E_SCHEMA, inspect_adopt_unpacked(&view, NULL));
}

static void packed_tables_are_found(void)
{
	struct inspect_runtime_table table = table_of(1, 16);
	struct inspect_header *header = (struct inspect_header *)(void *)&packed[3];
	struct tour before = walk(NULL);
	struct tour after;
	struct inspect_entry *core;
	struct inspect_adoption adoption;
	size_t written;

	memset(&adoption, 0, sizeof(adoption));
	(void)put(&table, 0, "packed");
	EXPECT(INSPECT_OK, inspect_table_copy(&table, header, sizeof(packed) - 24, &written));
	core = (struct inspect_entry *)(void *)((char *)header + 96 + 5 * 24);
	header->flags = INSPECT_TABLE_RELATIVE;
	core->address = (uintptr_t)core->address - (uintptr_t)header;
	after = walk(header);
	CHECK(after.met == 1 && after.relative == 1 && after.count == before.count + 2);
	/* The address in a slot, behind the table. */
	packed[1000] = core->address + (uintptr_t)header;
	packed[1000] = (uintptr_t)packed[1000];
	core->extent = INSPECT_DIRECT | INSPECT_ADDRESS_SLOT;
	core->address = (uintptr_t)&packed[1000] - (uintptr_t)header;
	CHECK(walk(header).relative == 1);
	/* Whoever looks for pairs steps over it. */
	EXPECT(INSPECT_OK, inspect_adopt_unpacked(&table, &adoption));
	header->total_size = ~0ull;
	CHECK(walk(header).met == 0);
	memset(packed, 0, sizeof(packed));
}

static void errors_have_words(void)
{
	int error, other;

	for (error = INSPECT_OK; error >= INSPECT_E_OBJECTS - 1; error--) {
		CHECK(inspect_error_text(error)[0] != 0);
		for (other = INSPECT_OK; other > error; other--)
			CHECK(strcmp(inspect_error_text(error), inspect_error_text(other)) != 0);
	}
}

/* The same table from every machine. */
static void leave(const char *path)
{
	static uint64_t buffer[4096];
	struct inspect_runtime_table table = table_of(6, 200);
	struct tests_runtime_row row = row_of(TESTS_RUNTIME_CLASS_BLOCK, bytes, sizeof(bytes));
	struct inspect_handle handle;
	size_t written;
	FILE *file = fopen(path, "wb");

	(void)put(&table, 0, "zero");
	(void)put(&table, 18446744073709551615ull, "all");
	EXPECT(INSPECT_OK, inspect_unregister(&table, put(&table, 1, "gone")));
	row.core.properties = INSPECT_VOLATILE | TESTS_RUNTIME_FACTS_RARE;
	row.core.instance = 10000000000ull;
	row.owner = 0x01020304u;
	row.port = inspect_be16(443);
	row.delta = -5;
	row.mark = inspect_le32(0xcafef00du);
	memcpy(row.tag, "tag", 3);
	row.mood = TESTS_RUNTIME_MOOD_WILD;
	row.raw[2] = 3;
	row.place = 0x1122334455667788ull;
	row.check = 9;
	EXPECT(INSPECT_OK, inspect_intern(&table, "a label", &row.label));
	EXPECT(INSPECT_OK, inspect_register(&table, &row, "bl\303\266ck", &handle));
	EXPECT(INSPECT_OK, inspect_set_properties(&table, handle, TESTS_RUNTIME_FACTS_RARE | INSPECT_SENSITIVE));
	row.core.id = 12;
	row.core.type = 1;
	EXPECT(INSPECT_OK, inspect_register(&table, &row, "a label", &handle));
	EXPECT(INSPECT_OK, inspect_table_copy(&table, buffer, sizeof(buffer), &written));
	CHECK(file != NULL && fwrite(buffer, 1, written, file) == written && fclose(file) == 0);
}

int main(int argc, char **argv)
{
	tables_are_found();
	memory_is_checked();
	memory_is_divided();
	rows_come_and_go();
	the_class_fills_in();
	regions_end();
	generations_end();
	properties_change();
	killed_writers_are_reclaimed();
	texts_are_kept_once();
	the_last_byte_of_names();
	attaching_believes_nothing();
	damaged_tables_are_used_inside();
	copies_are_plain_tables();
	packed_tables_are_found();
	errors_have_words();
	if (argc == 2)
		leave(argv[1]);
	return 0;
}

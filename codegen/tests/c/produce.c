/* Fills structs of tests.forms, registers them, and writes the table and the structs' bytes to files. */
#include <stdio.h>
#include <string.h>

#include "tests_forms.inspect.h"

#include "foreign.h"

static struct tests_forms_scalars scalars;
static struct tests_forms_fields fields;
static struct tests_forms_nested nested;
static struct tests_forms_holds holds;
static struct tests_forms_head head;
static struct outer outer;

/* A message and a list with their elements behind them. */
static union {
	struct tests_forms_message message;
	unsigned char room[sizeof(struct tests_forms_message) + 5 * sizeof(uint32_t)];
} message;
static union {
	struct tests_forms_list list;
	unsigned char room[sizeof(struct tests_forms_list) + 3 * sizeof(long)];
} list;

static void fill_numbers(void)
{
	scalars.a = 200;
	scalars.d = 0x0102030405060708ull;
	scalars.e = -5;
	scalars.h = -6000000000ll;
	scalars.i = 1.5f;
	scalars.j = -2.25;
	scalars.k = true;
	scalars.l = 'x';
	scalars.m = inspect_be16(0x1234);
	scalars.o = inspect_be64(0x1122334455667788ull);
	scalars.q = inspect_le32(0xcafef00du);
	scalars.w = -7;
	scalars.x = 70000;
	scalars.y = -8000000000ll;
	scalars.ab = -9;
	scalars.ae = 0xffffffffffull;
	fields.a = 5;
	fields.b = 0x1abc;
	fields.c = -3;
	fields.d = 0x9876543210ull;
	fields.e = 1;
	fields.f = 21;
	fields.g = TESTS_KINDS_SHADE_BRIGHT;
	fields.h = -2;
}

static void fill_aggregates(void)
{
	nested.kind = TESTS_KINDS_SHADE_DARK;
	nested.body.dark.y = 77;
	nested.body.dark.deep.z[2] = 9;
	nested.high = 0xbeef;
	nested.many[1].r = 31;
	nested.stamp.seconds = 1234567890123ull;
	nested.last.b = 42;
	holds.shades[3] = TESTS_KINDS_SHADE_BRIGHT;
	holds.modes[1] = TESTS_KINDS_MODE_RUN;
	holds.depth = TESTS_KINDS_DEPTH_BELOW;
	holds.sign = TESTS_KINDS_SIGN_MINUS;
	holds.traits = TESTS_KINDS_TRAITS_LAST | INSPECT_FIELD_PUT(TESTS_KINDS_TRAITS_BAND, 0xa5ull);
	holds.bits[1] = TESTS_KINDS_BITS_HIGH;
	memcpy(holds.names[0], "full", 4);
	memcpy(holds.names[1], "ab", 2);
	holds.order[1] = inspect_be16(513);
	holds.ratio[1] = 0.5f;
	holds.words[2] = 99;
	memcpy(head.magic, "\211HEAD", 5);
	head.stamps[1].nanos = 55;
	outer.node_id = -4;
	outer.nodes[2].inner = 11;
	outer.by.list[4] = 12;
	outer.values[5] = -13;
	outer.inside.two[1].three = -14;
	outer.far = 'f';
	outer.handle.value = 15;
	memcpy(outer.lock, "locked!", 7);
}

static void fill_tails(void)
{
	static const uint32_t words[5] = { 10, 20, 30, 40, 50 };
	static const long longs[3] = { -1, 2, 3 };

	message.message.magic = tests_forms_message_expected_magic;
	memcpy(message.message.tag, "abc", 4);
	message.message.len = 3;
	message.message.extra = 1;
	message.message.pos.at = 2;
	memcpy(message.room + offsetof(struct tests_forms_message, words), words, sizeof(words));
	list.list.count = 3;
	memcpy(list.room + offsetof(struct tests_forms_list, words), longs, sizeof(longs));
}

static int add(struct inspect_runtime_table *table, uint32_t class_number, const void *at, size_t size,
	       const char *name, struct inspect_handle *handle)
{
	struct tests_forms_row row;

	memset(&row, 0, sizeof(row));
	row.core_.class_number = class_number;
	row.core_.properties = TESTS_FORMS_FACTS_DUMP;
	row.core_.address = (uintptr_t)at;
	row.core_.length = size;
	row.core_.instance = 1;
	row.owner = 4711;
	row.node = -3;
	row.core = 8;
	row.shade = TESTS_KINDS_SHADE_DARK;
	memcpy(row.title, "title", 5);
	row.stamp.seconds = 5;
	row.pairs[2] = 65535;
	row.ratio = 0.125;
	row.ok = true;
	return inspect_register(table, &row, name, handle);
}

static int put(FILE *file, const void *data, size_t size)
{
	uint32_t length = inspect_be32((uint32_t)size);

	return fwrite(&length, sizeof(length), 1, file) == 1 && fwrite(data, 1, size, file) == size;
}

static int write_files(const struct inspect_runtime_table *table, const char *table_path, const char *bytes_path)
{
	static uint64_t buffer[16384];
	FILE *file = fopen(table_path, "wb");
	size_t written;
	int ok;

	if (file == NULL || inspect_table_copy(table, buffer, 8, &written) != INSPECT_E_MEMORY ||
	    inspect_table_copy(table, buffer, sizeof(buffer), &written) != INSPECT_OK)
		return 1;
	ok = fwrite(buffer, 1, written, file) == written;
	ok &= fclose(file) == 0;
	file = fopen(bytes_path, "wb");
	if (file == NULL)
		return 1;
	ok &= put(file, &scalars, sizeof(scalars)) && put(file, &fields, sizeof(fields)) &&
	      put(file, &nested, sizeof(nested)) && put(file, &holds, sizeof(holds)) &&
	      put(file, &head, sizeof(head)) && put(file, message.room, sizeof(message.room)) &&
	      put(file, list.room, sizeof(list.room)) && put(file, &outer, sizeof(outer));
	return fclose(file) != 0 || !ok;
}

int main(int argc, char **argv)
{
	static uint64_t memory[INSPECT_TABLE_SIZE(sizeof(struct tests_forms_row), 4, 64) / 8];
	struct inspect_runtime_table table;
	struct inspect_handle first, second, third, gone;

	if (argc != 3)
		return 2;
	fill_numbers();
	fill_aggregates();
	fill_tails();
	if (inspect_table_init(&table, memory, sizeof(memory), TESTS_FORMS_DESCRIPTOR, 100) != INSPECT_E_MEMORY ||
	    inspect_table_init(&table, memory, sizeof(memory), TESTS_FORMS_DESCRIPTOR, 4) != INSPECT_OK)
		return 3;
	if (add(&table, TESTS_FORMS_CLASS_SCALARS, &scalars, sizeof(scalars), "scalars", &first) != INSPECT_OK ||
	    add(&table, TESTS_FORMS_CLASS_MESSAGE, &message, sizeof(message), "gone", &gone) != INSPECT_OK ||
	    add(&table, TESTS_FORMS_CLASS_MESSAGE, &message, sizeof(message), "message", &second) != INSPECT_OK)
		return 4;
	/* A withdrawn row is nobody's: its handle is stale, and its slot is used again. */
	if (inspect_unregister(&table, gone) != INSPECT_OK || inspect_unregister(&table, gone) != INSPECT_E_STALE ||
	    add(&table, TESTS_FORMS_CLASS_OUTER, &outer, sizeof(outer), "outer", &third) != INSPECT_OK ||
	    third.slot != gone.slot || inspect_unregister(&table, gone) != INSPECT_E_STALE)
		return 5;
	/* Full is an answer, and so is a region beyond the last address. */
	if (add(&table, TESTS_FORMS_CLASS_OUTER, &outer, sizeof(outer), "fourth", &gone) != INSPECT_OK ||
	    add(&table, TESTS_FORMS_CLASS_OUTER, &outer, sizeof(outer), "fifth", &first) != INSPECT_E_FULL ||
	    inspect_unregister(&table, gone) != INSPECT_OK ||
	    add(&table, TESTS_FORMS_CLASS_OUTER, &outer, sizeof(outer),
		"a name that is much too long for what is left of the arena, whatever was put there before it",
		&gone) != INSPECT_E_NAMES_FULL)
		return 6;
	return write_files(&table, argv[1], argv[2]);
}

/*
 * Decodes damaged copies of a table and of random bytes, each in memory of its exact size, so that a
 * sanitizer sees every byte that is read outside. touch.h, which a test writes, calls every function of the
 * decoder.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests_forms.decode.h"

static uint64_t state = 0x9e3779b97f4a7c15ull;
static volatile uint64_t sink;
/* How much of the decoder a run reaches. */
static unsigned long parsed, bound;

static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void touch_bytes(struct inspect_bytes bytes)
{
	size_t i;

	for (i = 0; i < bytes.size; i++)
		sink += bytes.data[i];
}

static void touch_text(const char *text)
{
	sink += strlen(text);
}

#include "touch.h"

static void touch_table(const struct inspect_table *table)
{
	static struct tests_forms_layouts layouts;
	struct inspect_types types;
	struct inspect_row row;
	uint64_t i;

	for (i = 0; i < 64 && inspect_row_at(table, i, &row); i++) {
		struct inspect_entry core = inspect_row_core(row);

		touch_text(inspect_row_name(row));
		sink += inspect_consumer_allows(&TESTS_FORMS_CONSUMER_MINIDUMP, table->schema, &core,
						inspect_row_name(row));
		touch_row(row);
	}
	if (inspect_types_parse(&types, table, NULL) == 0 &&
	    tests_forms_layouts_bind(&layouts, table, &types, NULL) == 0) {
		size_t size = next_random() % 512;
		unsigned char *data = (unsigned char *)malloc(size + 1);

		for (i = 0; i < size; i++)
			data[i] = (unsigned char)next_random();
		touch_structs(&layouts, data + 1, size);
		free(data);
		bound++;
	}
}

int main(int argc, char **argv)
{
	static unsigned char original[1 << 20];
	FILE *file = argc == 3 ? fopen(argv[1], "rb") : NULL;
	unsigned long rounds = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	unsigned long round;
	size_t size;

	if (file == NULL)
		return 2;
	size = fread(original, 1, sizeof(original), file);
	fclose(file);
	/* Without a checksum, as in a run-time table: otherwise nothing damaged would be looked at. */
	memset(original + 56, 0, 4);
	for (round = 0; round < rounds; round++) {
		size_t length = next_random() % 8 == 0 ? next_random() % (size + 1) : size;
		unsigned changes = (unsigned)(next_random() % 6);
		unsigned char *copy = (unsigned char *)malloc(length + 1);
		struct inspect_table table;
		struct inspect_error error;

		memcpy(copy + 1, original, length);
		while (changes-- > 0 && length > 0) {
			/* Half of the damage goes to the header and the directory. */
			size_t at = next_random() % (next_random() % 2 == 0 && length > 216 ? 216 : length);

			copy[1 + at] = next_random() % 3 == 0 ? 0xff : (unsigned char)next_random();
		}
		if (tests_forms_table_parse(&table, copy + 1, length, &error) == 0) {
			parsed++;
			touch_table(&table);
		} else if (error.offset > length) {
			printf("an error beyond the bytes\n");
			return 1;
		}
		free(copy);
	}
	printf("parsed %lu bound %lu\n", parsed, bound);
	return parsed == 0 || bound == 0;
}

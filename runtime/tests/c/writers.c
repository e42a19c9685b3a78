/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Threads that register, change and unregister rows at full speed in a table in shared memory, until they are
 * killed: the C half of killer.rs, with the same rows.
 *
 * Arguments: the file, its size, the address to map it at, the number of threads.
 */
#define _GNU_SOURCE
#include "inspect.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct row {
	struct inspect_entry core;
	uint64_t twin;
	uint32_t text;
	uint32_t padding;
};

static const struct inspect_class classes[] = { { 77, 0, 1, "log" } };
static const struct inspect_field fields[] = {
	{ .offset = 64, .size = 8, .kind = INSPECT_FIELD_NATIVE, .name = "twin", .text = NULL },
	{ .offset = 72, .size = 4, .kind = INSPECT_FIELD_STRING, .name = "text", .text = NULL },
};
static const uint64_t history[] = { 0x1234 };
static struct inspect_schema schema;
static struct inspect_runtime_table table;

static uint64_t schema_number(const char *name)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (; *name != 0; name++)
		hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
	return hash;
}

static void must(int result, const char *what)
{
	if (result != INSPECT_OK) {
		fprintf(stderr, "%s: %d\n", what, result);
		_exit(1);
	}
}

static void *write_rows(void *seed)
{
	uint64_t number = (uintptr_t)seed << 40;
	struct inspect_handle held[4];
	unsigned count = 0;

	for (;;) {
		struct row row;
		char name[8];
		int result;

		number++;
		memset(&row, 0, sizeof(row));
		row.core.class_number = 77;
		row.core.address = number;
		row.core.length = (number << 7 | number >> 57) >> 9;
		row.core.instance = row.core.address ^ row.core.length;
		row.twin = row.core.instance;
		snprintf(name, sizeof(name), "n%u", (unsigned)(number % 16));
		must(inspect_intern(&table, name, &row.text), "intern");
		result = inspect_register(&table, &row, name, &held[count]);
		if (result == INSPECT_OK) {
			if (number % 3 == 0)
				must(inspect_set_properties(&table, held[count], 1 | (number & 0xffff) << 8), "change");
			count++;
		} else if (result != INSPECT_E_FULL) {
			must(result, "register");
		}
		while (count == 4 || (count != 0 && (number % 5 == 0 || result == INSPECT_E_FULL)))
			must(inspect_unregister(&table, held[--count]), "unregister");
	}
	return NULL;
}

int main(int argc, char **argv)
{
	const size_t size = argc == 5 ? strtoull(argv[2], NULL, 0) : 0;
	void *const place = (void *)(uintptr_t)(argc == 5 ? strtoull(argv[3], NULL, 0) : 0);
	const int count = argc == 5 ? atoi(argv[4]) : 0;
	const int file = argc == 5 ? open(argv[1], O_RDWR) : -1;
	pthread_t thread;
	int i;

	if (file < 0 || mmap(place, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, file, 0) != place) {
		perror("map");
		return 1;
	}
	schema.size = sizeof(schema);
	schema.version = 1;
	schema.name = "test.runtime";
	schema.schema = schema_number(schema.name);
	schema.fingerprint = history[0];
	schema.entry_size = sizeof(struct row);
	schema.history = history;
	schema.history_size = sizeof(history);
	schema.classes = classes;
	schema.class_count = 1;
	schema.fields = fields;
	schema.field_count = 2;
	must(inspect_table_attach(&table, place, size, &schema), "attach");
	for (i = 1; i < count; i++)
		pthread_create(&thread, NULL, write_rows, (void *)(uintptr_t)(0x100 + i));
	/* The reader gets its share of the processors; if it dies, this ends too. */
	if (nice(10) == -1)
		perror("nice");
	alarm(900);
	puts("ready");
	fflush(stdout);
	write_rows((void *)(uintptr_t)0x100);
	return 0;
}

/*
 * A program with tables of its own and a library that has some: each has its root, and sees the other's
 * tables once it has looked for them. Given the path of the library, which the linker does not know.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <dlfcn.h>

#include "check.h"

static uint64_t own;
static uint64_t memory[INSPECT_TABLE_SIZE(sizeof(struct tests_runtime_row), 4, 100) / 8];

struct count {
	int tables;
	int rows;
	int foreign;
};

static int count_row(const struct inspect_entry *entry, const char *name, void *context)
{
	(void)entry;
	((struct count *)context)->rows++;
	((struct count *)context)->foreign += strcmp(name, "own") != 0;
	return 0;
}

static int count_table(const struct inspect_runtime_table *table, void *context)
{
	((struct count *)context)->tables++;
	return inspect_for_each(table, count_row, context);
}

static struct count look(void)
{
	struct count count = { 0, 0, 0 };

	CHECK(inspect_tables_for_each(count_table, &count) == 0);
	return count;
}

int main(int argc, char **argv)
{
	struct tests_runtime_row row = row_of(TESTS_RUNTIME_CLASS_COUNTER, &own, sizeof(own));
	struct inspect_runtime_table table;
	struct inspect_handle handle;
	struct count count;
	union {
		void *data;
		int (*function)(void);
	} looks;
	void *library;

	CHECK(argc == 2);
	EXPECT(INSPECT_OK, inspect_table_init(&table, memory, sizeof(memory), TESTS_RUNTIME_DESCRIPTOR, 4));
	EXPECT(INSPECT_OK, inspect_register(&table, &row, "own", &handle));
	EXPECT(INSPECT_OK, inspect_objects_refresh());
	count = look();
	CHECK(count.tables == 1 && count.rows == 1 && count.foreign == 0);
	library = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
	if (library == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	looks.data = dlsym(library, "library_looks");
	CHECK(looks.data != NULL && looks.function() == 0);
	/* The library's table is in the library's chain, which nobody has looked for yet. */
	count = look();
	CHECK(count.tables == 1 && count.rows == 1);
	EXPECT(INSPECT_OK, inspect_objects_refresh());
	count = look();
	CHECK(count.tables == 2 && count.rows == 3 && count.foreign == 2);
	CHECK(dlclose(library) == 0);
	EXPECT(INSPECT_OK, inspect_objects_refresh());
	count = look();
	CHECK(count.tables == 1 && count.rows == 1);
	return 0;
}

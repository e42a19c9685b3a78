/* An annotated program, or library, whose root has to lead to what it annotates: it looks itself. */
#include "check.h"

static uint64_t hits, misses;
TESTS_RUNTIME_ANNOTATE_COUNTER(hits, "hits");
TESTS_RUNTIME_ANNOTATE_COUNTER(misses, "misses");

static uint64_t memory[INSPECT_TABLE_SIZE(sizeof(struct tests_runtime_row), 4, 100) / 8];

static int find(const struct inspect_runtime_table *table, void *context)
{
	*(int *)context += table->header == (struct inspect_header *)(void *)memory;
	return 0;
}

int library_looks(void);

/* How many things are wrong. */
int library_looks(void)
{
	struct inspect_runtime_table table;
	struct inspect_adoption adoption;
	int found = 0;

	memset(&adoption, 0, sizeof(adoption));
	EXPECT(INSPECT_OK, inspect_table_init(&table, memory, sizeof(memory), TESTS_RUNTIME_DESCRIPTOR, 4));
	EXPECT(INSPECT_OK, inspect_adopt_unpacked(&table, &adoption));
	CHECK(inspect_tables_for_each(find, &found) == 0);
	return (adoption.registered != 2) + (found != 1);
}

#ifndef LIBRARY
int main(void)
{
	return library_looks();
}
#endif

/* Walks all tables of the process, and says of each entry whether it leads where the program itself goes. */
#include "fixture.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct {
	const char *name;
	uint64_t address;
	uint64_t bound;
} truth[64];
static unsigned told;

static void add(const char *name, uint64_t address, uint64_t bound)
{
	unsigned i;

	/* Told by two objects, it has to be the same. */
	for (i = 0; i < told; i++) {
		if (strcmp(truth[i].name, name) == 0 && truth[i].address != address)
			printf("%s: two objects differ\n", name);
	}
	if (told == sizeof(truth) / sizeof(truth[0])) {
		printf("too many names\n");
		return;
	}
	truth[told].name = name;
	truth[told].address = address;
	truth[told].bound = bound;
	told++;
}

static void tell(const char *name, const volatile void *address, const volatile void *bound)
{
	add(name, (uintptr_t)address, (uintptr_t)bound);
}

#ifdef WITH_LIBRARY
/* What stands in place of the library's. */
uint64_t library_replaced = 12;
#endif

struct visit {
	const struct inspect_runtime_table *table;
	uint32_t row;
};

static void print_fields(const struct visit *visit)
{
	struct tests_matrix_row row;

	if (visit->table->stride != sizeof(row))
		return;
	if (inspect_read(visit->table, visit->row, &row, sizeof(row)) != INSPECT_OK) {
		printf(" unreadable");
		return;
	}
	printf(" owner=%" PRIu32 " label=%s port=%u delta=%d mark=%" PRIx32 " tag=%.8s mood=%u", row.owner,
	       row.label == 0 ? "" : visit->table->names + row.label, (unsigned)inspect_be16(row.port), row.delta,
	       inspect_le32(row.mark), row.tag, (unsigned)row.mood);
}

static const char *verdict(const struct inspect_entry *entry, const char *name)
{
	unsigned i;

	for (i = 0; i < told; i++) {
		if (strcmp(truth[i].name, name) != 0)
			continue;
		if (entry->address == truth[i].address && entry->bound == truth[i].bound)
			return "right";
		printf("%s: %" PRIx64 " and %" PRIx64 ", not %" PRIx64 " and %" PRIx64 "\n", name,
		       entry->address, entry->bound, truth[i].address, truth[i].bound);
		return "wrong";
	}
	return "unknown";
}

static int print_entry(const struct inspect_entry *entry, const char *name, void *context)
{
	struct visit *visit = context;
	const char *judged = verdict(entry, name);

	printf("%s: %s extent=%u length=%" PRIu64 " instance=%" PRIx64 " properties=%" PRIx64 " explicit=%d space=%u", name,
	       judged, entry->extent, entry->length, entry->instance, entry->properties,
	       (entry->id & INSPECT_ID_EXPLICIT) != 0 ? (int)(entry->id & ~INSPECT_ID_EXPLICIT) : -1,
	       entry->space);
	print_fields(visit);
	printf("\n");
	visit->row++;
	return 0;
}

static int print_table(const struct inspect_runtime_table *table, void *context)
{
	struct visit visit = { table, 0 };

	++*(unsigned *)context;
	return inspect_for_each(table, print_entry, &visit);
}

int main(void)
{
	unsigned tables = 0;

	one_truth(tell);
	two_truth(tell);
	three_truth(tell);
	add("device", DEVICE_AT, 0);
#ifdef WITH_LIBRARY
	library_truth(tell);
	tell("library exported", HERE(&library_exported), NULL);
	tell("library replaced", HERE(&library_replaced), NULL);
	tell("library function", HERE((uintptr_t)library_truth), NULL);
#endif
	if (inspect_objects_refresh() != INSPECT_OK || inspect_tables_for_each(print_table, &tables) != 0)
		return 1;
	printf("%u tables\n", tables);
	return matrix_step(1) == 0;
}

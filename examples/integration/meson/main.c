/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Prints what the program's own table says, which is there only if the program was packed. */
#include <stdio.h>

#include "brewery.inspect.h"

static struct brewery_tank mash = { 71, 65 };
BREWERY_ANNOTATE_TANK(mash, "mash");

static int print_row(const struct inspect_entry *entry, const char *name, void *context)
{
	const uint32_t *first = (const uint32_t *)(uintptr_t)entry->address;

	(void)context;
	printf("%s: %u bytes, the first number is %u\n", name, (unsigned)entry->length, (unsigned)*first);
	return 0;
}

static int print_table(const struct inspect_runtime_table *table, void *context)
{
	return inspect_for_each(table, print_row, context);
}

int main(void)
{
	return inspect_tables_for_each(print_table, NULL);
}

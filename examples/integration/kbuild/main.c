// SPDX-License-Identifier: MIT OR Apache-2.0
/* Logs what the module's own table says, which is there only if the module was packed. */
#include <linux/module.h>
#include <linux/printk.h>

#include "brewery.inspect.h"

static struct brewery_tank mash = { 71, 65 };
BREWERY_ANNOTATE_TANK(mash, "mash");

static int log_row(const struct inspect_entry *entry, const char *name, void *context)
{
	const u32 *first = (const u32 *)(uintptr_t)entry->address;

	pr_info("%s: %llu bytes, the first number is %u\n", name, entry->length, *first);
	return 0;
}

static int log_table(const struct inspect_runtime_table *table, void *context)
{
	return inspect_for_each(table, log_row, context);
}

static int __init brewery_init(void)
{
	return inspect_tables_for_each(log_table, NULL);
}

static void __exit brewery_exit(void)
{
}

module_init(brewery_init);
module_exit(brewery_exit);
MODULE_DESCRIPTION("Annotates two variables");
MODULE_LICENSE("Dual MIT/GPL");

// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What the module says about itself, so that others can compare: its rows, read through its own tables, and the
 * values of the variables, read as C reads them.
 */
#define pr_fmt(format) "lookout: " format

#include <linux/nodemask.h>
#include <linux/rcupdate.h>

#include "module.h"

/* ---- Rows ---- */

static int count_packed(const struct inspect_runtime_table *table, void *context)
{
	*(bool *)context |= !(table->header->flags & INSPECT_TABLE_RUNTIME);
	return 0;
}

bool is_packed(void)
{
	bool found = false;

	inspect_tables_for_each(count_packed, &found);
	return found;
}

static int list_row(const struct inspect_entry *row, const char *name, void *out)
{
	seq_printf(out, "%s %llu %px %llu\n", name, row->instance, (void *)(uintptr_t)row->address, row->length);
	return 0;
}

static int log_row(const struct inspect_entry *row, const char *name, void *context)
{
	pr_info("row %s %llu %#llx %llu\n", name, row->instance, row->address, row->length);
	return 0;
}

static int list_table(const struct inspect_runtime_table *table, void *out)
{
	return out ? inspect_for_each(table, list_row, out) : inspect_for_each(table, log_row, NULL);
}

void list_entries(struct seq_file *out)
{
	/* A row that is seen here keeps its memory until the lock is let go. */
	rcu_read_lock();
	inspect_tables_for_each(list_table, out);
	rcu_read_unlock();
}

/* ---- Addresses ---- */

#define ADDRESS(variable) pr_info("address %s %px\n", #variable, &(variable))

/* Where C finds what is annotated; not every kernel names variables in /proc/kallsyms. */
static void report_addresses(void)
{
	ADDRESS(book);
	ADDRESS(pulses);
	ADDRESS(keeper);
	ADDRESS(gate);
	ADDRESS(init_task);
	ADDRESS(init_uts_ns);
	ADDRESS(nr_cpu_ids);
	ADDRESS(__per_cpu_offset);
	ADDRESS(jiffies_64);
#ifdef CONFIG_DYNAMIC_MEMORY_LAYOUT
	ADDRESS(page_offset_base);
	ADDRESS(vmalloc_base);
	ADDRESS(vmemmap_base);
#endif
}

/* ---- Values ---- */

#define NUMBER(entry, instance, path, value) pr_info("number %s %d %s %lld\n", entry, instance, path, (s64)(value))
#define TEXT(entry, instance, path, value) pr_info("text %s %d %s %s\n", entry, instance, path, value)

static void report_own(void)
{
	const struct lookout_visit *visit;
	int cpu, node;
	u32 i;

	NUMBER("book", 0, "present", book.present);
	NUMBER("book", 0, "arrived", book.arrived);
	list_for_each_entry(visit, &book.visits, link) {
		NUMBER(visit->name, visit->number, "number", visit->number);
		NUMBER(visit->name, visit->number, "looks", visit->looks);
		NUMBER(visit->name, visit->number, "at_ns", visit->at_ns);
		TEXT(visit->name, visit->number, "name", visit->name);
	}
	for (i = 0; i < pulse_count; i++) {
		char path[32];

		snprintf(path, sizeof(path), "%u.number", i);
		NUMBER("pulses", 0, path, pulses[i].number);
		snprintf(path, sizeof(path), "%u.at_ns", i);
		NUMBER("pulses", 0, path, pulses[i].at_ns);
		snprintf(path, sizeof(path), "%u.cpu", i);
		NUMBER("pulses", 0, path, pulses[i].cpu);
		snprintf(path, sizeof(path), "%u.is_over", i);
		NUMBER("pulses", 0, path, pulses[i].is_over);
	}
	for_each_possible_cpu(cpu) {
		const struct lookout_cpu_count *count = per_cpu_ptr(&cpu_counts, cpu);

		NUMBER("cpu_counts", cpu, "cpu", count->cpu);
		NUMBER("cpu_counts", cpu, "nmis", count->nmis);
		NUMBER("cpu_counts", cpu, "pulses", count->pulses);
	}
	for_each_online_node(node) {
		NUMBER("stores", node, "node", stores[node]->node);
		NUMBER("stores", node, "cpus", stores[node]->cpus);
		NUMBER("stores", node, "seal", stores[node]->seal);
	}
}

static void report_kernel(void)
{
	int cpu, node;

	NUMBER("keeper", 0, "pid", keeper->pid);
	NUMBER("keeper", 0, "tgid", keeper->tgid);
	NUMBER("keeper", 0, "prio", keeper->prio);
	NUMBER("keeper", 0, "start_time", keeper->start_time);
	TEXT("keeper", 0, "comm", keeper->comm);
	NUMBER("init_task", 0, "pid", init_task.pid);
	NUMBER("init_task", 0, "static_prio", init_task.static_prio);
	TEXT("init_task", 0, "comm", init_task.comm);
	TEXT("init_uts_ns", 0, "name.sysname", init_uts_ns.name.sysname);
	TEXT("init_uts_ns", 0, "name.release", init_uts_ns.name.release);
	TEXT("init_uts_ns", 0, "name.version", init_uts_ns.name.version);
	TEXT("init_uts_ns", 0, "name.machine", init_uts_ns.name.machine);
	NUMBER("nr_cpu_ids", 0, "", nr_cpu_ids);
	for_each_possible_cpu(cpu) {
		char path[16];

		snprintf(path, sizeof(path), "%d", cpu);
		NUMBER("__per_cpu_offset", 0, path, __per_cpu_offset[cpu]);
	}
	for_each_online_node(node) {
		const struct pglist_data *data = NODE_DATA(node);

		NUMBER("pgdat", node, "node_id", data->node_id);
		NUMBER("pgdat", node, "nr_zones", data->nr_zones);
		NUMBER("pgdat", node, "node_start_pfn", data->node_start_pfn);
		NUMBER("pgdat", node, "node_present_pages", data->node_present_pages);
		NUMBER("pgdat", node, "node_spanned_pages", data->node_spanned_pages);
		NUMBER("pgdat", node, "node_zones.0.zone_start_pfn", data->node_zones[0].zone_start_pfn);
		NUMBER("pgdat", node, "node_zones.0.spanned_pages", data->node_zones[0].spanned_pages);
		TEXT("pgdat", node, "node_zones.0.name", data->node_zones[0].name);
	}
}

void report(void)
{
	rcu_read_lock();
	inspect_tables_for_each(list_table, NULL);
	rcu_read_unlock();
	report_addresses();
	report_own();
	report_kernel();
}

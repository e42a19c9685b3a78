// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Memory that comes and goes: the kernel's notifier feeds one of ours, whose subscriber keeps a section map for an
 * adapter that sees memory in an address space of its own, and a row for each block.
 *
 * Memory is added before anybody uses it and removed before anybody loses it: in the two steps that can be refused.
 */
#define pr_fmt(format) "lookout: " format

#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/rcupdate.h>

#include "inspect_hotplug.h"
#include "module.h"

#define BLOCKS 8

struct lookout_adapter adapter;
static struct lookout_block blocks[BLOCKS];
static struct inspect_handle handles[BLOCKS];
static struct inspect_section_map map;
static u64 map_memory[DIV_ROUND_UP(INSPECT_SECTION_MAP_SIZE(32), 8)];
/* Whether a transfer runs, which nobody may take memory from. */
static bool is_held;

void hold_memory(bool held)
{
	WRITE_ONCE(is_held, held);
}

/* ---- The subscriber ---------------------------------------------------------------------------------------- */

static struct lookout_block *find(u64 first)
{
	u32 i;

	for (i = 0; i < BLOCKS; i++)
		if (blocks[i].last != 0 && blocks[i].first == first)
			return &blocks[i];
	return NULL;
}

static struct lookout_block *find_free(void)
{
	u32 i;

	for (i = 0; i < BLOCKS; i++)
		if (blocks[i].last == 0)
			return &blocks[i];
	return NULL;
}

static const char *prepare(struct inspect_subscriber *unused, const struct inspect_change *change)
{
	if (change->kind == INSPECT_CHANGE_ADD)
		return find_free() ? NULL : "no room for another block";
	return READ_ONCE(is_held) ? "a transfer is running" : NULL;
}

static void commit(struct inspect_subscriber *unused, const struct inspect_change *change)
{
	const struct inspect_range *range = change->region;
	const struct inspect_section_state state = inspect_section_map_state(&map);
	struct lookout_block *block;

	if (change->kind == INSPECT_CHANGE_ADD) {
		const u64 section = LOOKOUT_SPACE_ADAPTER_section_size;
		struct inspect_mapping mapping = { 0 };
		int error;

		block = find_free();
		/* The first whole section of it. */
		inspect_section_translate(&map, round_up(range->first, section), &mapping);
		*block = (struct lookout_block){ range->first, range->last, mapping.hardware };
		error = lookout_register(LOOKOUT_CLASS_BLOCK, range->first >> PAGE_SHIFT, LOOKOUT_CONTEXT_PROCESS, block,
					 sizeof(*block), "block", &handles[block - blocks]);
		if (error != INSPECT_OK)
			pr_err("a block is not registered: %s\n", inspect_error_text(error));
	} else {
		block = find(range->first);
		inspect_unregister(&own_table, handles[block - blocks]);
		synchronize_rcu();
		*block = (struct lookout_block){ 0 };
	}
	adapter.sections = state.sections;
	adapter.regions = state.regions;
	adapter.epoch = state.epoch;
}

static void cancel(struct inspect_subscriber *unused, const struct inspect_change *change)
{
}

static struct inspect_subscriber subscriber = {
	.name = "adapter",
	.prepare = prepare,
	.commit = commit,
	.cancel = cancel,
};

/* ---- The notifier -------------------------------------------------------------------------------------------- */

static DEFINE_MUTEX(changes);

static void lock_changes(void *unused)
{
	mutex_lock(&changes);
}

static void unlock_changes(void *unused)
{
	mutex_unlock(&changes);
}

static uintptr_t this_thread(void *unused)
{
	return (uintptr_t)current;
}

static const struct inspect_lock notifier_lock = { lock_changes, unlock_changes, this_thread, NULL };
static struct inspect_notifier notifier = { .lock = &notifier_lock };

/* Makes a change that every subscriber has agreed to. */
static int change_map(void *context)
{
	const struct inspect_change *change = context;
	const struct inspect_range *range = change->region;
	struct inspect_section_change done;

	return change->kind == INSPECT_CHANGE_ADD ? inspect_section_map_add(&map, *range, &done)
						  : inspect_section_map_remove(&map, *range, &done);
}

static int tell(u32 kind, u64 first_page, u64 page_count)
{
	struct inspect_range range;
	const struct inspect_change change = { .kind = kind, .region = &range };
	struct inspect_refusal refusal = { 0 };
	int error = inspect_range_of(PFN_PHYS(first_page), PFN_PHYS(page_count), &range);

	/* What was refused is cancelled for everyone, also for who refused it: then nothing has changed. */
	if (error == INSPECT_OK && (kind == INSPECT_CHANGE_ADD) == !!find(range.first))
		return INSPECT_OK;
	error = error ?: inspect_notify(&notifier, &change, change_map, (void *)&change, &refusal);
	if (error == INSPECT_E_VETO)
		pr_info("memory at %#llx: %s refuses: %s\n", range.first, refusal.subscriber->name, refusal.reason);
	else if (error != INSPECT_OK)
		pr_err("memory at %#llx: %s\n", range.first,
		       inspect_hotplug_error_text(error == INSPECT_E_ACTION ? refusal.result : error));
	if (error != INSPECT_OK)
		adapter.refusals++;
	return error;
}

static int on_memory(struct notifier_block *block, unsigned long action, void *about)
{
	const struct memory_notify *memory = about;
	int error;

	switch (action) {
	case MEM_GOING_ONLINE:
	case MEM_CANCEL_OFFLINE:
		error = tell(INSPECT_CHANGE_ADD, memory->start_pfn, memory->nr_pages);
		break;
	case MEM_GOING_OFFLINE:
	case MEM_CANCEL_ONLINE:
		error = tell(INSPECT_CHANGE_REMOVE, memory->start_pfn, memory->nr_pages);
		break;
	default:
		return NOTIFY_DONE;
	}
	return notifier_from_errno(error == INSPECT_OK ? 0 : -EBUSY);
}

static struct notifier_block memory_block = { .notifier_call = on_memory };
static bool is_subscribed;

/* Memory that is there already is told as if it came, one node after the other. */
int set_up_hotplug(void)
{
	int node, error;

	error = inspect_section_map_init(&map, &LOOKOUT_SPACE_ADAPTER_space, map_memory, sizeof(map_memory));
	error = error ?: inspect_subscribe(&notifier, &subscriber);
	if (error != INSPECT_OK)
		return error;
	is_subscribed = true;
	for_each_online_node(node)
		error = error ?: tell(INSPECT_CHANGE_ADD, NODE_DATA(node)->node_start_pfn,
				      NODE_DATA(node)->node_spanned_pages);
	error = error ?: register_memory_notifier(&memory_block) ? INSPECT_E_SYSTEM : INSPECT_OK;
	return error;
}

void take_down_hotplug(void)
{
	u32 i;

	if (!is_subscribed)
		return;
	unregister_memory_notifier(&memory_block);
	inspect_unsubscribe(&notifier, &subscriber);
	for (i = 0; i < BLOCKS; i++)
		if (blocks[i].last != 0)
			inspect_unregister(&own_table, handles[i]);
	is_subscribed = false;
}

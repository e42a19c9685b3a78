// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Writers that register, change and withdraw rows as fast as they can, while somebody takes dumps.
 *
 * Two threads, each on a processor of its own, and a timer that interrupts them, share one table. Everything in a
 * row, and the memory that it leads to, follows from one number, so that whoever reads a dump can tell whether a
 * row is one that somebody published, or a mixture of two.
 */
#define pr_fmt(format) "lookout: " format

#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/timer.h>

#include "module.h"

#define WRITERS 3
/* Rows of a writer at any moment. */
#define WINDOW 8

static struct inspect_runtime_table table;
static u64 memory[INSPECT_TABLE_SIZE(sizeof(struct lookout_row), WRITERS * WINDOW + 1, 256) / 8];

struct writer {
	/* What rows lead to: the first few of them. */
	struct lookout_drop drops[WINDOW][2];
	struct inspect_handle handles[WINDOW];
	u64 count;
	struct task_struct *thread;
};
static struct writer writers[WRITERS];
struct lookout_tally tally;
static struct inspect_handle tally_handle;
static struct timer_list timer;
static bool is_on;

static void count(u64 *number, int error)
{
	atomic64_inc((atomic64_t *)(error == INSPECT_OK ? number : &tally.failed));
}

/* The next row of a writer: withdraws the oldest, makes a new one, and marks one that is half as old. */
static void rain(u32 index)
{
	static const char *const names[] = { "drizzle", "rain", "hail", "snow", "sleet" };
	struct writer *writer = &writers[index];
	const u64 number = writer->count * WRITERS + index, slot = writer->count % WINDOW;
	const struct lookout_row row = {
		.core = {
			.class_number = LOOKOUT_CLASS_DROP,
			.address = (uintptr_t)writer->drops[slot],
			.length = sizeof(struct lookout_drop) * (1 + number % 2),
			.instance = number,
		},
		.context = number % 3,
	};
	const u64 older = (slot + WINDOW / 2) % WINDOW;

	if (writer->count >= WINDOW)
		count(&tally.withdrawn, inspect_unregister(&table, writer->handles[slot]));
	writer->drops[slot][0] = (struct lookout_drop){ number, ~number };
	writer->drops[slot][1] = (struct lookout_drop){ number + 1, ~(number + 1) };
	count(&tally.registered, inspect_register(&table, &row.core, names[number % ARRAY_SIZE(names)],
						  &writer->handles[slot]));
	if (writer->count >= WINDOW / 2)
		count(&tally.changed,
		      inspect_set_properties(&table, writer->handles[older], LOOKOUT_FACTS_MARKED));
	writer->count++;
}

static int on_thread(void *index)
{
	while (!kthread_should_stop()) {
		rain((u32)(uintptr_t)index);
		cond_resched();
	}
	return 0;
}

static void on_timer(struct timer_list *unused)
{
	rain(WRITERS - 1);
	if (READ_ONCE(is_on))
		mod_timer(&timer, jiffies + 1);
}

int begin_storm(void)
{
	u32 i;

	if (is_on)
		return -EALREADY;
	WRITE_ONCE(is_on, true);
	for (i = 0; i + 1 < WRITERS; i++) {
		struct task_struct *thread = kthread_create(on_thread, (void *)(uintptr_t)i, "lookout/storm%u", i);

		if (IS_ERR(thread))
			return PTR_ERR(thread);
		kthread_bind(thread, cpumask_nth(i % num_online_cpus(), cpu_online_mask));
		writers[i].thread = thread;
		wake_up_process(thread);
	}
	mod_timer(&timer, jiffies + 1);
	return 0;
}

void end_storm(void)
{
	u32 i, slot;

	if (!is_on)
		return;
	WRITE_ONCE(is_on, false);
	for (i = 0; i < WRITERS; i++)
		if (writers[i].thread)
			kthread_stop(writers[i].thread);
	del_timer_sync(&timer);
	for (i = 0; i < WRITERS; i++) {
		for (slot = 0; slot < min_t(u64, writers[i].count, WINDOW); slot++)
			count(&tally.withdrawn, inspect_unregister(&table, writers[i].handles[slot]));
		writers[i].count = 0;
		writers[i].thread = NULL;
	}
}

int set_up_storm(void)
{
	const struct lookout_row row = {
		.core = {
			.class_number = LOOKOUT_CLASS_TALLY,
			.address = (uintptr_t)&tally,
			.length = sizeof(tally),
		},
	};
	int error = inspect_table_init(&table, memory, sizeof(memory), LOOKOUT_DESCRIPTOR, WRITERS * WINDOW + 1);

	timer_setup(&timer, on_timer, 0);
	return error ?: inspect_register(&table, &row.core, "tally", &tally_handle);
}

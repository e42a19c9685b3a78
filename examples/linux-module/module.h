/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the two files of the module have in common. */
#ifndef LOOKOUT_MODULE_H
#define LOOKOUT_MODULE_H

#include <linux/jiffies.h>
#include <linux/mmzone.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/utsname.h>

#include "lookout.h"

#include "linux_boot.inspect.h"
#include "linux_mm.inspect.h"
#include "linux_printk.inspect.h"
#include "linux_sched.inspect.h"
#include "linux_time.inspect.h"
#include "lookout.inspect.h"

/* How many pulses the timer gives, and what the first node's store is sealed with. */
#define PULSES 12
#define SEAL 0x5ea15ea100000000ull

extern struct lookout_book book;
extern struct lookout_pulse *pulses;
extern u32 pulse_count;
extern struct task_struct *keeper;
extern raw_spinlock_t gate;
extern struct lookout_node_store *stores[MAX_NUMNODES];
DECLARE_PER_CPU(struct lookout_cpu_count, cpu_counts);

/* Whether the module has a table that the packer made. */
bool is_packed(void);
/* Lists what the tables hold. */
void list_entries(struct seq_file *out);
extern struct lookout_adapter adapter;
extern struct lookout_tally tally;

/* The table that most rows go to, and a row in it. */
extern struct inspect_runtime_table own_table;
int lookout_register(u32 class, u64 instance, u32 context, const void *memory, size_t size, const char *name,
		     struct inspect_handle *handle);

/* Memory that comes and goes; while it is held, none goes. */
int set_up_hotplug(void);
void take_down_hotplug(void);
void hold_memory(bool held);

/* Dumps: a file of debugfs, and what a panic leaves. */
int set_up_dumps(void);
void take_down_dumps(void);

/* Rows that come and go at full speed; to be ended before the module goes. */
int set_up_storm(void);
int begin_storm(void);
void end_storm(void);
/* Logs what the tables hold, and the values that a dump has to show. */
void report(void);

#endif

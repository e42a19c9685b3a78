// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A book of visitors, kept in kernel memory, and a table that says where all of it is.
 *
 * What has a name in this file or in the kernel is annotated; what comes and goes is registered when it comes and
 * unregistered before it goes, in system calls, in a timer and in an interrupt that nothing masks. Registering
 * neither locks nor allocates, so that it is the same call everywhere.
 *
 * The module is driven through /proc/lookout: "arrive NAME", "look NAME", "leave NAME", "pulse", "alarm", "storm",
 * "calm", "hold", "release", "report".
 */
#define pr_fmt(format) "lookout: " format

#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/percpu.h>
#include <linux/proc_fs.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/timekeeper_internal.h>
#include <linux/timekeeping.h>
#include <linux/timer.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#ifdef CONFIG_X86
#include <asm/nmi.h>
#endif

#include "module.h"

/* ---- What is always there: annotations, which cost nothing at run time -------------------------------- */

struct lookout_book book = { .visits = LIST_HEAD_INIT(book.visits) };
LOOKOUT_ANNOTATE_BOOK(book, "book");

/* As many as the counter says when a dump is taken. */
struct lookout_pulse *pulses;
u32 pulse_count;
LOOKOUT_ANNOTATE_PULSES_COUNTED(pulses, pulse_count, "pulses");

/* What the pointer leads to when a dump is taken. */
struct task_struct *keeper;
LOOKOUT_ANNOTATE_KEEPER_INDIRECT(keeper, sizeof(struct task_struct), "keeper");

/* Only where it is. */
DEFINE_RAW_SPINLOCK(gate);
LOOKOUT_ANNOTATE_GATE_ADDRESS(gate, "gate");

/* The kernel's own memory: what it exports has an address here like any variable, and the loader fills it in. */
LINUX_SCHED_ANNOTATE_INIT_TASK(init_task, "init_task");
LINUX_BOOT_ANNOTATE_UTS(init_uts_ns, "init_uts_ns");
LINUX_BOOT_ANNOTATE_CPU_COUNT(nr_cpu_ids, "nr_cpu_ids");
LINUX_BOOT_ANNOTATE_PER_CPU_OFFSET(__per_cpu_offset, "__per_cpu_offset");
LINUX_TIME_ANNOTATE_JIFFIES(jiffies_64, "jiffies_64");
#ifdef CONFIG_DYNAMIC_MEMORY_LAYOUT
LINUX_BOOT_ANNOTATE_REGION_BASE(page_offset_base, "page_offset_base");
LINUX_BOOT_ANNOTATE_REGION_BASE(vmalloc_base, "vmalloc_base");
LINUX_BOOT_ANNOTATE_REGION_BASE(vmemmap_base, "vmemmap_base");
#endif

/* ---- What comes and goes: tables of the same format ---------------------------------------------------- */

#define ROWS 64
#define NAMES 2048

struct inspect_runtime_table own_table;
static u64 memory[INSPECT_TABLE_SIZE(sizeof(struct lookout_row), ROWS, NAMES) / 8];

/*
 * A table belongs to one schema, so that the kernel's nodes, its log, its tasks and its clock have their own. That of
 * nodes has a row for each, and some for roots of sections, which stand for 32 GiB each on x86_64.
 */
#define NODE_ROWS (MAX_NUMNODES + 64)
static struct inspect_runtime_table nodes_table;
static u64 nodes_memory[INSPECT_TABLE_SIZE(sizeof(struct linux_mm_region), NODE_ROWS, NAMES) / 8];
static struct inspect_runtime_table log_table;
static u64 log_memory[INSPECT_TABLE_SIZE(sizeof(struct linux_printk_entry), 5, NAMES) / 8];
static struct inspect_runtime_table tasks_table;
static u64 tasks_memory[INSPECT_TABLE_SIZE(sizeof(struct linux_sched_entry), ROWS, NAMES) / 8];
static struct inspect_runtime_table clock_table;
static u64 clock_memory[INSPECT_TABLE_SIZE(sizeof(struct linux_time_entry), 1, NAMES) / 8];

DEFINE_PER_CPU(struct lookout_cpu_count, cpu_counts);
struct lookout_node_store *stores[MAX_NUMNODES];
static struct inspect_handle store_handles[MAX_NUMNODES];

int lookout_register(u32 class, u64 instance, u32 context, const void *memory_, size_t size, const char *name,
		     struct inspect_handle *handle)
{
	const struct lookout_row row = {
		.core = {
			.class_number = class,
			.address = (uintptr_t)memory_,
			.length = size,
			.instance = instance,
		},
		.context = context,
	};

	return inspect_register(&own_table, &row.core, name, handle);
}

/* ---- Visitors: process context ------------------------------------------------------------------------- */

/* A visitor and the row that announces it. The struct that the schema knows comes first. */
struct guest {
	struct lookout_visit visit;
	struct inspect_handle handle;
};

static struct guest *find(const char *name)
{
	struct guest *guest;

	list_for_each_entry(guest, &book.visits, visit.link)
		if (strcmp(guest->visit.name, name) == 0)
			return guest;
	return NULL;
}

static int arrive(const char *name)
{
	struct guest *guest = kzalloc(sizeof(*guest), GFP_KERNEL);
	int error;

	if (!guest)
		return -ENOMEM;
	strscpy(guest->visit.name, name, sizeof(guest->visit.name));
	guest->visit.at_ns = ktime_get_ns();
	guest->visit.number = (u32)book.arrived + 1;
	guest->visit.paid = 0xdeadbeefcafef00d;
	/* A full table is a failure that the caller hears of, and nothing is half-done. */
	error = lookout_register(LOOKOUT_CLASS_VISIT, guest->visit.number, LOOKOUT_CONTEXT_PROCESS, &guest->visit,
				 sizeof(guest->visit), guest->visit.name, &guest->handle);
	if (error != INSPECT_OK) {
		pr_err("%s is not registered: %s\n", name, inspect_error_text(error));
		kfree(guest);
		return -ENOSPC;
	}
	raw_spin_lock(&gate);
	list_add_tail(&guest->visit.link, &book.visits);
	book.arrived++;
	book.present++;
	book.last = &guest->visit;
	raw_spin_unlock(&gate);
	return 0;
}

static int look(struct guest *guest)
{
	guest->visit.looks++;
	return inspect_set_properties(&own_table, guest->handle, LOOKOUT_FACTS_MARKED) == INSPECT_OK ? 0 : -EBUSY;
}

/* Withdraws the row first; then waits for whoever has seen it; and only then the memory goes. */
static int leave(struct guest *guest)
{
	if (inspect_unregister(&own_table, guest->handle) != INSPECT_OK)
		return -EBUSY;
	raw_spin_lock(&gate);
	list_del(&guest->visit.link);
	book.present--;
	if (book.last == &guest->visit)
		book.last = list_empty(&book.visits) ? NULL : list_last_entry(&book.visits, struct lookout_visit, link);
	raw_spin_unlock(&gate);
	synchronize_rcu();
	kfree(guest);
	return 0;
}

/* ---- Pulses: a timer ------------------------------------------------------------------------------------ */

static struct inspect_handle pulse_handles[PULSES];
static struct timer_list timer;
static DECLARE_WAIT_QUEUE_HEAD(timer_done);
static bool is_pulsing;

/* Each pulse is registered, marked when the next one comes, and withdrawn with the one after that. */
static void pulse(struct timer_list *unused)
{
	const u32 number = pulse_count;
	struct lookout_pulse *now = &pulses[number];
	int error;

	*now = (struct lookout_pulse){ number, ktime_get_ns(), raw_smp_processor_id(), 0 };
	this_cpu_inc(cpu_counts.pulses);
	smp_store_release(&pulse_count, number + 1);
	error = lookout_register(LOOKOUT_CLASS_PULSE, number, LOOKOUT_CONTEXT_TIMER, now, sizeof(*now), "pulse",
				 &pulse_handles[number]);
	if (number >= 1) {
		pulses[number - 1].is_over = 1;
		error = error ?: inspect_set_properties(&own_table, pulse_handles[number - 1], LOOKOUT_FACTS_MARKED);
	}
	if (number >= 2)
		error = error ?: inspect_unregister(&own_table, pulse_handles[number - 2]);
	if (error != INSPECT_OK)
		pr_err("pulse %u: %s\n", number, inspect_error_text(error));
	if (number + 1 < PULSES && error == INSPECT_OK) {
		mod_timer(&timer, jiffies + 1);
		return;
	}
	WRITE_ONCE(is_pulsing, false);
	wake_up(&timer_done);
}

static int run_pulses(void)
{
	if (pulse_count != 0)
		return -EALREADY;
	WRITE_ONCE(is_pulsing, true);
	mod_timer(&timer, jiffies + 1);
	return wait_event_interruptible(timer_done, !READ_ONCE(is_pulsing));
}

/* ---- Alarms: an interrupt that nothing masks ------------------------------------------------------------ */

static atomic_t alarms = ATOMIC_INIT(0);

#ifdef CONFIG_X86
static bool alarm_is_on;

/* It may have interrupted this very module at any instruction, a registration among them. */
static int on_nmi(unsigned int type, struct pt_regs *registers)
{
	struct lookout_cpu_count *count = this_cpu_ptr(&cpu_counts);
	struct inspect_handle handle;

	if (count->nmis++ == 0 &&
	    lookout_register(LOOKOUT_CLASS_ALARM, count->cpu, LOOKOUT_CONTEXT_NMI, count, sizeof(*count), "alarm",
			     &handle) == INSPECT_OK)
		atomic_inc(&alarms);
	return NMI_HANDLED;
}

static int expect_alarm(void)
{
	if (alarm_is_on)
		return -EALREADY;
	alarm_is_on = register_nmi_handler(NMI_UNKNOWN, on_nmi, 0, "lookout") == 0;
	return alarm_is_on ? 0 : -EBUSY;
}

static void end_alarm(void)
{
	/* Waits until no processor is in the handler. */
	if (alarm_is_on)
		unregister_nmi_handler(NMI_UNKNOWN, "lookout");
}
#else
static int expect_alarm(void)
{
	return -EOPNOTSUPP;
}

static void end_alarm(void)
{
}
#endif

/* ---- The kernel's own memory ---------------------------------------------------------------------------- */

/* Not exported: whoever loads the module takes them from /proc/kallsyms or VMCOREINFO, or leaves out what is there. */
static unsigned long prb, log_buf, log_buf_len, idle_threads, tk_core;
module_param(prb, ulong, 0400);
MODULE_PARM_DESC(prb, "address of the kernel's variable prb");
module_param(log_buf, ulong, 0400);
MODULE_PARM_DESC(log_buf, "address of the kernel's variable log_buf");
module_param(log_buf_len, ulong, 0400);
MODULE_PARM_DESC(log_buf_len, "address of the kernel's variable log_buf_len");
module_param(idle_threads, ulong, 0400);
MODULE_PARM_DESC(idle_threads, "address of the kernel's variable idle_threads, which each processor has");
module_param(tk_core, ulong, 0400);
MODULE_PARM_DESC(tk_core, "address of the kernel's variable tk_core");

static int register_part(u32 class, u64 address, u8 extent, u64 length, const char *name)
{
	const struct linux_printk_entry row = {
		.core = { .class_number = class, .address = address, .length = length, .extent = extent },
	};
	struct inspect_handle handle;

	return inspect_register(&log_table, &row.core, name, &handle);
}

/* The log: where it begins, what that leads to, and its three arrays behind their pointers. */
static int register_log(void)
{
	const struct linux_printk_printk_ringbuffer *ring;
	const struct linux_printk_entry text = {
		.core = {
			.class_number = LINUX_PRINTK_CLASS_LOG,
			.address = log_buf,
			.length = 1,
			.extent = INSPECT_COUNTED,
			.bound = log_buf_len,
			.bound_size = sizeof(u32),
		},
	};
	struct inspect_handle handle;
	int error;

	if (!prb)
		return INSPECT_OK;
	ring = *(const struct linux_printk_printk_ringbuffer **)prb;
	error = register_part(LINUX_PRINTK_CLASS_RING, prb, INSPECT_DIRECT, sizeof(ring), "prb");
	error = error ?: register_part(LINUX_PRINTK_CLASS_RINGBUFFER, prb, INSPECT_INDIRECT, sizeof(*ring), "log_ring");
	error = error ?: register_part(LINUX_PRINTK_CLASS_DESCRIPTORS, (uintptr_t)&ring->desc_ring.descs,
				       INSPECT_INDIRECT,
				       sizeof(struct linux_printk_prb_desc) << ring->desc_ring.count_bits, "descs");
	error = error ?: register_part(LINUX_PRINTK_CLASS_INFOS, (uintptr_t)&ring->desc_ring.infos,
				       INSPECT_INDIRECT,
				       sizeof(struct linux_printk_printk_info) << ring->desc_ring.count_bits, "infos");
	if (log_buf && log_buf_len)
		return error ?: inspect_register(&log_table, &text.core, "log_buf", &handle);
	/* A kernel that names no variables but those in VMCOREINFO: its ring leads to the text, too. */
	return error ?: register_part(LINUX_PRINTK_CLASS_LOG, (uintptr_t)&ring->text_data_ring.data, INSPECT_INDIRECT,
				      1ul << ring->text_data_ring.size_bits, "log_buf");
}

/* What runs on a processor when nothing else does. */
static int register_idle_task(int cpu)
{
	const struct linux_sched_entry row = {
		.core = {
			.class_number = LINUX_SCHED_CLASS_IDLE_TASK,
			.address = (uintptr_t)per_cpu_ptr((struct task_struct *__percpu *)idle_threads, cpu),
			.length = sizeof(struct task_struct),
			.extent = INSPECT_INDIRECT,
			.instance = cpu,
		},
	};
	struct inspect_handle handle;

	return inspect_register(&tasks_table, &row.core, "idle_task", &handle);
}

static int register_clock(void)
{
	/* As kernel/time/timekeeping.c has it for itself. */
	const struct {
		seqcount_raw_spinlock_t seq;
		struct timekeeper timekeeper;
	} *core = (const void *)tk_core;
	const struct linux_time_entry row = {
		.core = {
			.class_number = LINUX_TIME_CLASS_TIMEKEEPER,
			.address = (uintptr_t)&core->timekeeper,
			.length = sizeof(core->timekeeper),
		},
	};
	struct inspect_handle handle;

	return inspect_register(&clock_table, &row.core, "timekeeper", &handle);
}

#ifdef CONFIG_SPARSEMEM_EXTREME
/* The sections of memory, of each root that has any. */
static int register_sections(void)
{
	unsigned long root;
	int error = INSPECT_OK;

	for (root = 0; root < NR_SECTION_ROOTS; root++) {
		const struct linux_mm_region row = {
			.core = {
				.class_number = LINUX_MM_CLASS_MEM_SECTION,
				.address = (uintptr_t)mem_section[root],
				.length = SECTIONS_PER_ROOT * sizeof(struct mem_section),
				.instance = root,
			},
			.owner = ~0u,
			.numa_node = NUMA_NO_NODE,
		};
		struct inspect_handle handle;

		if (mem_section[root])
			error = error ?: inspect_register(&nodes_table, &row.core, "mem_section", &handle);
	}
	return error;
}
#else
static int register_sections(void)
{
	return INSPECT_OK;
}
#endif

static int register_kernel(void)
{
	int cpu, node, error = INSPECT_OK;

	for_each_online_node(node) {
		const struct linux_mm_region row = {
			.core = {
				.class_number = LINUX_MM_CLASS_PGDAT,
				.address = (uintptr_t)NODE_DATA(node),
				.length = sizeof(struct pglist_data),
				.instance = node,
			},
			.owner = ~0u,
			.numa_node = node,
		};
		struct inspect_handle handle;

		error = error ?: inspect_register(&nodes_table, &row.core, "pgdat", &handle);
	}
	error = error ?: register_sections();
	if (idle_threads)
		for_each_possible_cpu(cpu)
			error = error ?: register_idle_task(cpu);
	if (tk_core)
		error = error ?: register_clock();
	return error ?: register_log();
}

/* One entry for each processor and for each node, under one class: no two need a name of their own. */
static int register_own(void)
{
	struct inspect_handle handle;
	int cpu, node, error = INSPECT_OK;

	for_each_possible_cpu(cpu) {
		struct lookout_cpu_count *count = per_cpu_ptr(&cpu_counts, cpu);

		count->cpu = cpu;
		error = error ?: lookout_register(LOOKOUT_CLASS_CPU_COUNT, cpu, LOOKOUT_CONTEXT_PROCESS, count,
						  sizeof(*count), "cpu_counts", &handle);
	}
	for_each_online_node(node) {
		struct lookout_node_store *store = kzalloc_node(sizeof(*store), GFP_KERNEL, node);

		if (!store)
			return INSPECT_E_MEMORY;
		*store = (struct lookout_node_store){ node, cpumask_weight(cpumask_of_node(node)), SEAL + node };
		stores[node] = store;
		error = error ?: lookout_register(LOOKOUT_CLASS_NODE_STORE, node, LOOKOUT_CONTEXT_PROCESS, store,
						  sizeof(*store), "stores", &store_handles[node]);
	}
	return error;
}

/* ---- /proc/lookout ---------------------------------------------------------------------------------------- */

static DEFINE_MUTEX(commands);

static int command(char *line)
{
	char *word = strsep(&line, " ");
	struct guest *guest;

	if (strcmp(word, "report") == 0) {
		report();
		return 0;
	}
	if (strcmp(word, "pulse") == 0)
		return run_pulses();
	if (strcmp(word, "alarm") == 0)
		return expect_alarm();
	if (strcmp(word, "storm") == 0)
		return begin_storm();
	if (strcmp(word, "calm") == 0) {
		end_storm();
		return 0;
	}
	if (strcmp(word, "hold") == 0 || strcmp(word, "release") == 0) {
		hold_memory(*word == 'h');
		return 0;
	}
	if (!line || !*line)
		return -EINVAL;
	guest = find(line);
	if (strcmp(word, "arrive") == 0)
		return guest ? -EEXIST : arrive(line);
	if (!guest)
		return -ENOENT;
	if (strcmp(word, "look") == 0)
		return look(guest);
	return strcmp(word, "leave") == 0 ? leave(guest) : -EINVAL;
}

static ssize_t on_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	char line[64];
	int error;

	if (size == 0 || size >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, from, size))
		return -EFAULT;
	line[size] = 0;
	error = mutex_lock_interruptible(&commands);
	if (error)
		return error;
	error = command(strim(line));
	mutex_unlock(&commands);
	return error ?: size;
}

/* What the tables hold, and numbers that somebody may wait for. */
static int on_show(struct seq_file *out, void *unused)
{
	seq_printf(out, "alarms %d\n", atomic_read(&alarms));
	seq_printf(out, "storm %llu\n", READ_ONCE(tally.registered));
	seq_printf(out, "refusals %llu\n", adapter.refusals);
	list_entries(out);
	return 0;
}

static int on_open(struct inode *inode, struct file *file)
{
	return single_open(file, on_show, NULL);
}

static const struct proc_ops file_ops = {
	.proc_open = on_open,
	.proc_read = seq_read,
	.proc_write = on_write,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
};

/* ---- Coming and going --------------------------------------------------------------------------------------- */

static int keep(void *unused)
{
	while (!kthread_should_stop())
		schedule_timeout_interruptible(MAX_SCHEDULE_TIMEOUT);
	return 0;
}

static struct proc_dir_entry *file;

/*
 * Ends everything, whatever of it has begun.
 *
 * First nobody comes in any more; then rows go, so that no reader finds what is about to go; then whoever has
 * seen a row is waited for; then the memory goes. Readers in the kernel that follow a row do it under
 * rcu_read_lock(); the tables themselves go with the module.
 */
static void take_down(void)
{
	struct lookout_pulse *old_pulses;
	struct guest *guest, *next;
	struct task_struct *gone;
	int i;

	/* Waits for calls that are under way. */
	proc_remove(file);
	end_alarm();
	del_timer_sync(&timer);
	end_storm();
	take_down_hotplug();
	take_down_dumps();

	list_for_each_entry(guest, &book.visits, visit.link)
		inspect_unregister(&own_table, guest->handle);
	for (i = 0; i < pulse_count; i++)
		inspect_unregister(&own_table, pulse_handles[i]);
	for (i = 0; i < MAX_NUMNODES; i++)
		if (stores[i])
			inspect_unregister(&own_table, store_handles[i]);
	/* What follows these pointers finds nothing there, which is an answer. */
	gone = keeper;
	old_pulses = pulses;
	WRITE_ONCE(pulse_count, 0);
	WRITE_ONCE(pulses, NULL);
	WRITE_ONCE(keeper, NULL);

	synchronize_rcu();

	list_for_each_entry_safe(guest, next, &book.visits, visit.link)
		kfree(guest);
	for (i = 0; i < MAX_NUMNODES; i++)
		kfree(stores[i]);
	kfree(old_pulses);
	if (gone) {
		kthread_stop(gone);
		put_task_struct(gone);
	}
}

static int set_up(void)
{
	struct inspect_handle handle;
	struct task_struct *task;
	int error = inspect_table_init(&own_table, memory, sizeof(memory), LOOKOUT_DESCRIPTOR, ROWS);

	error = error ?: inspect_table_init(&nodes_table, nodes_memory, sizeof(nodes_memory), LINUX_MM_DESCRIPTOR,
					    NODE_ROWS);
	error = error ?: inspect_table_init(&log_table, log_memory, sizeof(log_memory), LINUX_PRINTK_DESCRIPTOR, 5);
	error = error ?: inspect_table_init(&tasks_table, tasks_memory, sizeof(tasks_memory), LINUX_SCHED_DESCRIPTOR,
					    ROWS);
	error = error ?: inspect_table_init(&clock_table, clock_memory, sizeof(clock_memory), LINUX_TIME_DESCRIPTOR, 1);
	error = error ?: set_up_storm();
	error = error ?: lookout_register(LOOKOUT_CLASS_ADAPTER, 0, LOOKOUT_CONTEXT_PROCESS, &adapter, sizeof(adapter),
					  "adapter", &handle);
	error = error ?: set_up_hotplug();
	error = error ?: set_up_dumps();
	error = error ?: register_own();
	error = error ?: register_kernel();
	if (error != INSPECT_OK) {
		pr_err("%s\n", inspect_error_text(error));
		return -ENOSPC;
	}
	pulses = kcalloc(PULSES, sizeof(*pulses), GFP_KERNEL);
	if (!pulses)
		return -ENOMEM;
	task = kthread_create(keep, NULL, "lookout/keeper");
	if (IS_ERR(task))
		return PTR_ERR(task);
	/* Its memory stays for as long as the entry leads to it. */
	get_task_struct(task);
	wake_up_process(task);
	WRITE_ONCE(keeper, task);
	file = proc_create("lookout", 0600, NULL, &file_ops);
	return file ? 0 : -ENOMEM;
}

static int __init lookout_init(void)
{
	int error;

	if (!is_packed())
		pr_warn("not packed: no table holds what is annotated; run `inspect-gen pack lookout.ko`\n");
	timer_setup(&timer, pulse, 0);
	error = set_up();
	if (error)
		take_down();
	return error;
}

static void __exit lookout_exit(void)
{
	take_down();
	pr_info("gone\n");
}

module_init(lookout_init);
module_exit(lookout_exit);
MODULE_DESCRIPTION("A book of visitors that a dump can read");
MODULE_LICENSE("Dual MIT/GPL");

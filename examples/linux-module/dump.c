// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Dumps that the module writes itself, of what the consumer `report` may see: a live one whenever somebody opens
 * /sys/kernel/debug/lookout/report, and one into memory that survives a reset when the kernel panics.
 *
 * Both are ELF cores. Tables are walked and memory is read without a lock; memory that is not there is an answer.
 */
#define pr_fmt(format) "lookout: " format

#include <linux/debugfs.h>
#include <linux/io.h>
#include <linux/libnvdimm.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/panic_notifier.h>
#include <linux/rcupdate.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "inspect_dump.h"
#include "module.h"

/* A panic may come while somebody takes a live dump, so that each has room of its own. */
INSPECT_WORKSPACE(live_workspace, 96, 128 << 10);
INSPECT_WORKSPACE(panic_workspace, 96, 128 << 10);
#define REPORT_SIZE (256 << 10)

static int read_kernel(uint64_t address, void *out, size_t size, void *unused)
{
	return copy_from_kernel_nofault(out, (const void *)(uintptr_t)address, size) ? INSPECT_E_FAULT : INSPECT_OK;
}

static const struct inspect_memory kernel_memory = { .read = read_kernel };
static const struct inspect_dump_request request = {
	.consumer = &LOOKOUT_CONSUMER_REPORT,
	.memory = &kernel_memory,
	.producer = "lookout",
};

/* ---- Live: a file of debugfs ------------------------------------------------------------------------------ */

struct report {
	size_t size;
	unsigned char bytes[REPORT_SIZE];
};

static int append(const void *bytes, size_t size, void *context)
{
	struct report *report = context;

	if (size > sizeof(report->bytes) - report->size)
		return INSPECT_E_ROOM;
	memcpy(report->bytes + report->size, bytes, size);
	report->size += size;
	return INSPECT_OK;
}

/* What the file holds is of one moment: that of open(). */
static int on_open(struct inode *inode, struct file *file)
{
	struct report *report = vzalloc(sizeof(*report));
	const struct inspect_sink sink = { .write = append, .context = report };
	int error;

	if (!report)
		return -ENOMEM;
	/* Whoever withdraws a row waits for this before its memory goes. */
	rcu_read_lock();
	error = inspect_dump_elf(&request, &live_workspace, &sink, NULL);
	rcu_read_unlock();
	if (error != INSPECT_OK) {
		vfree(report);
		return error == INSPECT_E_BUSY ? -EBUSY : -EIO;
	}
	file->private_data = report;
	return 0;
}

static ssize_t on_read(struct file *file, char __user *to, size_t size, loff_t *at)
{
	const struct report *report = file->private_data;

	return simple_read_from_buffer(to, size, at, report->bytes, report->size);
}

static int on_release(struct inode *inode, struct file *file)
{
	vfree(file->private_data);
	return 0;
}

static const struct file_operations report_file = {
	.owner = THIS_MODULE,
	.open = on_open,
	.read = on_read,
	.release = on_release,
	.llseek = default_llseek,
};
static struct dentry *folder;

/* ---- In a panic: a zone in memory that survives a reset ---------------------------------------------------- */

/*
 * Memory that the kernel was told to leave alone: `memmap=1M$0xf000000`, a reserved node of a device tree, or the rest
 * behind `mem=255M`.
 */
static unsigned long zone_address, zone_size;
module_param(zone_address, ulong, 0400);
MODULE_PARM_DESC(zone_address, "physical address of reserved memory for what a panic leaves");
module_param(zone_size, ulong, 0400);
MODULE_PARM_DESC(zone_size, "bytes of it, whole pages");

/*
 * From caches to memory, on processors whose caches a reset may empty: as far as the kernel was built for that
 * (CONFIG_ARM64_PMEM on arm64).
 */
static void clean(const void *start, size_t size)
{
	arch_wb_cache_pmem((void *)start, size);
}

/* Whether the zone is mapped through its pages. */
static bool has_pages;

/*
 * The zone's memory, which has pages where it shares a section with memory of the kernel's: it is mapped through
 * them then, as pstore does with its own, since memremap() makes no mapping of memory on each architecture.
 */
static void *map_zone(void)
{
	const size_t count = zone_size >> PAGE_SHIFT;
	struct page **pages;
	void *mapped;
	size_t i;

	if (!PAGE_ALIGNED(zone_address | zone_size))
		return NULL;
	has_pages = pfn_valid(PHYS_PFN(zone_address)) && pfn_valid(PHYS_PFN(zone_address + zone_size - 1));
	if (!has_pages)
		return memremap(zone_address, zone_size, MEMREMAP_WB);
	pages = kvmalloc_array(count, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return NULL;
	for (i = 0; i < count; i++)
		pages[i] = pfn_to_page(PHYS_PFN(zone_address) + i);
	mapped = vmap(pages, count, VM_MAP, PAGE_KERNEL);
	kvfree(pages);
	return mapped;
}

static void unmap_zone(void *mapped)
{
	if (has_pages)
		vunmap(mapped);
	else
		memunmap(mapped);
}

static struct inspect_reserved reserved = { .clean = clean };
static struct inspect_storage storage;
static struct inspect_zone zone;
static struct inspect_zone_writer writer;

static int on_panic(struct notifier_block *block, unsigned long unused, void *message)
{
	const struct inspect_zone_label label = {
		.kind = INSPECT_PAYLOAD_ELF,
		.written_at = ktime_get_real_fast_ns(),
	};
	const struct inspect_sink sink = inspect_zone_sink(&writer);

	if (inspect_zone_begin(&writer, &zone, &label) == INSPECT_OK &&
	    inspect_dump_elf(&request, &panic_workspace, &sink, NULL) == INSPECT_OK)
		inspect_zone_finish(&writer, NULL);
	return NOTIFY_DONE;
}

static struct notifier_block panic_block = { .notifier_call = on_panic };

/* Takes the zone that is there, or makes one. */
static int set_up_zone(void)
{
	struct inspect_zone_dump dump;
	int error;

	if (!zone_address)
		return INSPECT_OK;
	reserved.size = zone_size;
	reserved.start = map_zone();
	if (!reserved.start)
		return INSPECT_E_MEMORY;
	storage = inspect_reserved_storage(&reserved);
	if (inspect_zone_open(&zone, &storage) != INSPECT_OK) {
		const struct inspect_zone_layout layout = INSPECT_ZONE_LAYOUT(2);

		error = inspect_zone_init(&zone, &storage, &layout);
		if (error != INSPECT_OK)
			return error;
	} else if (inspect_zone_newest(&zone, &dump) == INSPECT_OK) {
		pr_info("a dump of %llu bytes has survived a reset\n", dump.length);
	}
	atomic_notifier_chain_register(&panic_notifier_list, &panic_block);
	return INSPECT_OK;
}

int set_up_dumps(void)
{
	folder = debugfs_create_dir("lookout", NULL);
	debugfs_create_file("report", 0400, folder, NULL, &report_file);
	return set_up_zone();
}

void take_down_dumps(void)
{
	/* Waits for readers that are under way. */
	debugfs_remove(folder);
	if (reserved.start) {
		atomic_notifier_chain_unregister(&panic_notifier_list, &panic_block);
		unmap_zone(reserved.start);
		reserved.start = NULL;
	}
}

// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Memory that comes when this module is loaded and goes when it is unloaded. It stands for a device of memory on a
 * machine whose emulator can add none: the kernel is told about memory that it was not to use when it started.
 */
#include <linux/memory_hotplug.h>
#include <linux/module.h>

static unsigned long start, size;
module_param(start, ulong, 0400);
MODULE_PARM_DESC(start, "physical address of the memory");
module_param(size, ulong, 0400);
MODULE_PARM_DESC(size, "bytes of it, whole blocks of memory");

static int __init dimm_init(void)
{
	return add_memory(0, start, size, MHP_NONE);
}

static void __exit dimm_exit(void)
{
	/* Whoever unloads it sees in the kernel's log that the memory has stayed. */
	if (offline_and_remove_memory(start, size))
		pr_err("dimm: memory at %#lx is in use\n", start);
}

module_init(dimm_init);
module_exit(dimm_exit);
MODULE_DESCRIPTION("Memory that comes and goes with a module");
MODULE_LICENSE("Dual MIT/GPL");

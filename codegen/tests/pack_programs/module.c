/* A kernel module that annotates what it has, in two objects. */
#include <linux/module.h>
#include "tests_shop.inspect.h"

uint64_t module_exported = 0x71;
static uint64_t module_static = 0x72;
static uint64_t module_zero;
EXPORT_SYMBOL_GPL(module_exported);
TESTS_SHOP_ANNOTATE_COUNTER(module_exported, "module exported");
TESTS_SHOP_ANNOTATE_COUNTER(module_static, "module static");
TESTS_SHOP_ANNOTATE_COUNTER(module_zero, "module zero");

static int __init module_begin(void)
{
	return module_zero + module_static == 0x72 ? 0 : -EINVAL;
}

static void __exit module_end(void)
{
}
module_init(module_begin);
module_exit(module_end);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("annotated");

/* The shared object: what it exports may be taken over by others, what is static may not. */
#include "parts.h"
#include "tests_shop.inspect.h"

uint64_t part_exported = 0x61;
static uint64_t part_static = 0x62;
TESTS_SHOP_ANNOTATE_COUNTER(part_exported, "part exported");
TESTS_SHOP_ANNOTATE_COUNTER(part_static, "part static");

int shared_part(void)
{
	return (int)(part_exported - part_static) + 0x24;
}

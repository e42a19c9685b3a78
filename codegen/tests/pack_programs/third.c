/* The third object of the program: what it annotates starts as zeros, and one array has entries of its parts. */
#include "parts.h"
#include "tests_shop.inspect.h"

static uint64_t third_zero;
static uint64_t third_parts[3] = { 0x30, 0x31, 0x32 };
TESTS_SHOP_ANNOTATE_COUNTER(third_zero, "third zero");
TESTS_SHOP_ANNOTATE_COUNTER(third_parts[2], "third part");

int third_object(void)
{
	return (int)(third_zero + third_parts[0] - 0x30);
}

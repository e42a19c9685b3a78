/* The library: what it exports may be copied into the program, which everybody then uses. */
#include "taken.h"
#include "tests_shop.inspect.h"

uint64_t taken = 5;
uint64_t taken_parts[4] = { 1, 2, 3, 4 };
uint64_t *taken_list = taken_parts;
uint32_t taken_count = 3;
static uint64_t kept = 6;
TESTS_SHOP_ANNOTATE_COUNTER(taken, "taken");
TESTS_SHOP_ANNOTATE_COUNTER(taken_parts[3], "taken part");
TESTS_SHOP_ANNOTATE_COUNTER(kept, "kept");
TESTS_SHOP_ANNOTATE_COUNTER_COUNTED(taken_list, taken_count, "taken list");
TESTS_SHOP_ANNOTATE_COUNTER_RANGE(taken_parts, taken_parts + 4, "taken range");

uint64_t taken_in_library(void)
{
	return taken + kept;
}

uintptr_t place_in_library(void)
{
	return (uintptr_t)&taken;
}

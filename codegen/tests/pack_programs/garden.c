/* A part in C of a program in Rust: it knows both schemas. */
#include "list.h"
#include "parts.h"
#include "tests_shop.inspect.h"
#include "tests_yard.inspect.h"

static struct tests_yard_tree garden_trees[2] = { { 9, 80, 0 }, { 4, 12, 0 } };
static uint64_t garden_visits = 0xc1;
TESTS_YARD_ANNOTATE_TREE(garden_trees[1], "garden tree");
TESTS_SHOP_ANNOTATE_COUNTER(garden_visits, "garden visits");

/* Where they are, for who asks. */
uintptr_t garden_place(int which);

uintptr_t garden_place(int which)
{
	return which == 0 ? (uintptr_t)&garden_trees[1] : (uintptr_t)&garden_visits;
}

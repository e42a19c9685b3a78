/* The second object of the program. */
#include "parts.h"
#include "tests_shop.inspect.h"

static uint64_t second_static = 0x21;
uint64_t second_hidden __attribute__((visibility("hidden"))) = 0x22;
TESTS_SHOP_ANNOTATE_COUNTER(second_static, "second static");
TESTS_SHOP_ANNOTATE_COUNTER(second_hidden, "second hidden");

int second_object(void)
{
	return (int)(second_hidden - second_static);
}

/* The member of the first static library. */
#include "parts.h"
#include "tests_shop.inspect.h"

uint64_t archive1_exported = 0x41;
TESTS_SHOP_ANNOTATE_COUNTER(archive1_exported, "archive one");

int first_archive(void)
{
	return (int)(archive1_exported - 0x40);
}

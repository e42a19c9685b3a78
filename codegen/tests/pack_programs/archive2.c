/* The member of the second static library. */
#include "parts.h"
#include "tests_shop.inspect.h"

static unsigned char archive2_block[40] = { 0x51 };
TESTS_SHOP_ANNOTATE_BLOCK(archive2_block, "archive two");

int second_archive(void)
{
	return archive2_block[0] - 0x51;
}

/* The second object of the kernel module. */
#include "tests_shop.inspect.h"

static unsigned char more_block[48] = { 0x81 };
TESTS_SHOP_ANNOTATE_BLOCK(more_block, "module block");

/* A program of three objects, two static libraries and a shared one: each annotates something. */
#include "list.h"
#include "parts.h"
#include "tests_shop.inspect.h"

uint64_t main_exported = 0x11;
static uint64_t main_static = 0x12;
TESTS_SHOP_ANNOTATE_COUNTER(main_exported, "main exported");
TESTS_SHOP_ANNOTATE_COUNTER(main_static, "main static");

int main(void)
{
	static unsigned char main_local[24] = { 0x13 };
	TESTS_SHOP_ANNOTATE_BLOCK(main_local, "main local");

	if (second_object() + third_object() + first_archive() + second_archive() + shared_part() !=
	    main_local[0] + (int)main_static)
		return 100;
	return list_entries();
}

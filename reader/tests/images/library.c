/* The shared half of the fixture. */
#include "tests_images.inspect.h"

uint64_t library_exported = 0x21;
static unsigned char library_static[40] = { 0x22 };
TESTS_IMAGES_ANNOTATE_COUNTER(library_exported, "library exported");
TESTS_IMAGES_ANNOTATE_BLOCK(library_static, "library static");

int library(void);

int library(void)
{
	return library_static[0];
}

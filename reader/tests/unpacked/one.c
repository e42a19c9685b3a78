/* Ids that collide, and a variable that another object annotates too. */
#include "parts.h"

static uint64_t numbers[5];
uint64_t shared = 9;
static uint64_t carp = 3;

TEST_IDS_ANNOTATE_IT(numbers[0], "aea79486");
TEST_IDS_ANNOTATE_IT(numbers[1], "1eee1be2");
TEST_IDS_ANNOTATE_IT(numbers[2], "queue", INSPECT_INSTANCE(810696));
TEST_IDS_ANNOTATE_IT(numbers[3], "given", INSPECT_ID(5), TEST_IDS_WITH_DELTA(-32768));
TEST_IDS_ANNOTATE_IT(shared, "shared");
TEST_POND_ANNOTATE_FISH(carp, "carp");

int one(void)
{
	return (int)(numbers[4] + shared + carp);
}

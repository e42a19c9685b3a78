/* The other halves of the collisions, and the same annotation with a default said aloud. */
#include "parts.h"

static uint64_t numbers[3];
static uint64_t pike = 4;

TEST_IDS_ANNOTATE_IT(numbers[0], "2b932e7f", TEST_IDS_WITH_LABEL("a label"));
TEST_IDS_ANNOTATE_IT(numbers[1], "queue", INSPECT_INSTANCE(238418), TEST_IDS_WITH_OWNER(1));
TEST_IDS_ANNOTATE_IT(shared, "shared", TEST_IDS_WITH_OWNER(7), TEST_IDS_WITH_LABEL("none"));
TEST_POND_ANNOTATE_FISH(pike, "pike", TEST_POND_WITH_WEIGHT(40));

int two(void)
{
	return (int)(numbers[2] + pike);
}

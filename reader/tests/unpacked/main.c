/* Regions of every extent, and one that no loader moves. It waits, or ends by SIGABRT. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "parts.h"

static unsigned char room[48];
static unsigned char *heap;
static uint16_t used = 3;
static uint64_t trout = 5;

TEST_IDS_ANNOTATE_BLOCK(room, "room", INSPECT_PROPERTIES(INSPECT_SENSITIVE));
TEST_IDS_ANNOTATE_BLOCK_RANGE(room, room + 16, "range");
TEST_IDS_ANNOTATE_BLOCK_INDIRECT(heap, 4096, "indirect");
TEST_IDS_ANNOTATE_BLOCK_COUNTED(heap, used, "counted", TEST_IDS_WITH_TAG("eight..8"));
TEST_IDS_ANNOTATE_BLOCK_ADDRESS(room, "address", TEST_IDS_WITH_PORT(80));
TEST_POND_ANNOTATE_FISH(trout, "trout");
INSPECT_RECORD(TEST_IDS_DESCRIPTOR, INSPECT_TEXT("class", "block"), INSPECT_TEXT("name", "registers"),
	       INSPECT_INTEGER("address", 0xfffff000u), INSPECT_INTEGER("length", 4096));

int main(int argc, char **argv)
{
	heap = room;
	if (argc < 2 || one() + two() + (int)trout != 21)
		return 2;
	puts("ready");
	fflush(stdout);
	if (argv[1][0] == 'w')
		pause();
	abort();
}

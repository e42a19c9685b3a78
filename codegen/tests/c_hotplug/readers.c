/*
 * Readers against a writer. A writer goes through states that both sides know by their epochs, each with other
 * sections at other places; readers check that whatever they are told is what holds in the epoch that they are
 * told. Given how many changes there are to be.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <pthread.h>
#include <signal.h>

#include "script.h"

#define SECTION (1ull << 24)
#define BASE (1ull << 63)
#define BLOCKS 64
#define READERS 3
#define LINES 512

static const struct inspect_space space = { "readers", SECTION, BASE, 0, 256, INSPECT_PARTIAL_REJECT, false };
static struct inspect_section_map map;
static unsigned char memory[INSPECT_SECTION_MAP_SIZE(LINES)];
static uint32_t done;
static uint64_t looks, found_there;

/* Far from each other, so that lines move. */
static struct inspect_range block(uint64_t number)
{
	struct inspect_range range;

	CHECK(inspect_range_of(number * 4093 * SECTION, (5 + number % 20) * SECTION, &range) == INSPECT_OK);
	return range;
}

static uint64_t block_size(uint64_t number)
{
	return (5 + number % 20) * SECTION;
}

/*
 * Whether a block is mapped in an epoch. The lowest comes and goes each time, so that each change is an epoch
 * of its own; the highest is always there.
 */
static bool is_there(uint64_t epoch, uint64_t number)
{
	const uint64_t mixed = epoch * 0x9e3779b97f4a7c15ull;

	if (number == 0)
		return epoch % 2 == 1;
	return number == BLOCKS - 1 || (mixed << number | mixed >> (64 - number)) % 3 == 1;
}

static void look_there(uint64_t number, uint64_t offset)
{
	const uint64_t before = inspect_section_map_state(&map).epoch;
	struct inspect_mapping mapping;
	const bool there = inspect_section_translate(&map, block(number).first + offset, &mapping);
	const uint64_t after = inspect_section_map_state(&map).epoch;
	uint64_t below = 0;
	uint64_t i;

	if (!there) {
		CHECK(before != after || !is_there(before, number));
		return;
	}
	CHECK(before <= mapping.epoch && mapping.epoch <= after);
	CHECK(is_there(mapping.epoch, number));
	for (i = 0; i < number; i++)
		below += is_there(mapping.epoch, i) ? block_size(i) : 0;
	CHECK(mapping.hardware == BASE + below + offset);
	CHECK(mapping.bytes == block_size(number) - offset);
	__atomic_fetch_add(&found_there, 1, __ATOMIC_RELAXED);
}

static void look_back(uint64_t offset)
{
	struct inspect_mapping mapping;
	uint64_t lowest = 0;

	if (!inspect_section_translate_back(&map, BASE + offset, &mapping))
		return;
	while (!is_there(mapping.epoch, lowest))
		lowest++;
	if (offset < block_size(lowest)) {
		CHECK(mapping.address == block(lowest).first + offset);
		CHECK(mapping.bytes == block_size(lowest) - offset);
	}
}

static void look(uint64_t chance)
{
	const uint64_t number = chance >> 40 & (BLOCKS - 1);
	const uint64_t offset = (chance >> 8) % block_size(number);

	look_there(number, offset);
	look_back(offset);
	__atomic_fetch_add(&looks, 1, __ATOMIC_RELAXED);
}

static void *reader(void *argument)
{
	uint64_t chance = (uint64_t)(uintptr_t)argument;
	int i;

	for (i = 0; i < 1000 || !__atomic_load_n(&done, __ATOMIC_RELAXED); i++) {
		chance = chance * 0x5851f42d4c957f2dull + 1;
		look(chance);
	}
	return NULL;
}

/* A reader that interrupts the writer. */
static void interrupt(int signal)
{
	static uint64_t chance = 7;

	(void)signal;
	chance = chance * 0x5851f42d4c957f2dull + 1;
	look(chance);
}

static void change(uint64_t epoch)
{
	struct inspect_section_state state;
	struct inspect_section_edit edit;
	uint64_t number;

	CHECK(inspect_section_begin(&map, &edit) == INSPECT_OK);
	for (number = 0; number < BLOCKS; number++) {
		if (is_there(epoch, number))
			CHECK(inspect_section_add(&edit, block(number), NULL) == INSPECT_OK);
		else
			CHECK(inspect_section_remove(&edit, block(number), NULL) == INSPECT_OK);
		if (epoch % 8 == 0 && number == BLOCKS / 2)
			raise(SIGUSR1);
	}
	CHECK(inspect_section_commit(&edit, &state) == INSPECT_OK);
	CHECK(state.epoch == epoch);
}

int main(int count, char **arguments)
{
	const uint64_t changes = count > 1 ? strtoull(arguments[1], NULL, 0) : 1000;
	pthread_t readers[READERS];
	uint64_t epoch;
	uintptr_t i;

	CHECK(inspect_section_map_init(&map, &space, memory, sizeof(memory)) == INSPECT_OK);
	CHECK(inspect_section_map_add(&map, block(BLOCKS - 1), NULL) == INSPECT_OK);
	CHECK(signal(SIGUSR1, interrupt) != SIG_ERR);
	for (i = 0; i < READERS; i++)
		CHECK(pthread_create(&readers[i], NULL, reader, (void *)(i + 1)) == 0);
	for (epoch = 1; epoch <= changes; epoch++)
		change(epoch);
	__atomic_store_n(&done, 1, __ATOMIC_RELAXED);
	for (i = 0; i < READERS; i++)
		CHECK(pthread_join(readers[i], NULL) == 0);
	CHECK(looks >= READERS * 1000 && found_there > 0);
	printf("%" PRIu64 " looks during %" PRIu64 " changes\n", looks, changes);
	return 0;
}

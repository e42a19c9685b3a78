/*
 * Writers and readers at once, and a signal that interrupts the writers with the same work. Every row says
 * of itself whether it is whole; nobody finds one that is not. Given how many rows are to be read.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

#include "check.h"

#define SCHEMA TESTS_RUNTIME_DESCRIPTOR
#define ROW sizeof(struct tests_runtime_row)
#define WRITERS 3
#define READERS 2
#define SLOTS 24
#define TABLES 12

/* Either of these, and the class's. */
#define OPEN (TESTS_RUNTIME_FACTS_RARE | TESTS_RUNTIME_FACTS_SLOW)
#define CLOSED (INSPECT_SENSITIVE | TESTS_RUNTIME_FACTS_RARE)

static struct inspect_runtime_table table;
/* All threads bring these into the chain at once. */
static struct inspect_runtime_table linked[TABLES];
static uint64_t number;
static uint32_t started, writing = WRITERS;
/* As wide as every machine counts atomically. */
static size_t rows_read, rows_busy, registered, interrupted;

static uint64_t check_of(const struct tests_runtime_row *row)
{
	const uint64_t parts[6] = { row->core.address, row->core.length, row->core.instance,
				    row->owner,	       row->place,	 row->core.bound };
	uint64_t sum = 1;
	int i;

	for (i = 0; i < 6; i++)
		sum = (sum ^ parts[i]) * 0x00000100000001b3ull;
	return sum;
}

/* Four of them in the arena: a link of four bytes before each, and zeros to the next multiple of four behind. */
#define ALL_NAMES (4 * (4 + sizeof("north") + 2))

static const char *const names[4] = { "north", "east", "south", "west" };

/* Registers a row made of one number, if there is room, and changes its properties. */
static bool enter(uint64_t seed, struct inspect_handle *handle)
{
	struct tests_runtime_row row = row_of(TESTS_RUNTIME_CLASS_COUNTER, NULL, seed % 1000);
	int result;

	row.core.address = (uint32_t)(seed * 0x9e3779b1u) / 2;
	row.core.instance = seed;
	row.core.bound = ~seed;
	row.core.properties = OPEN;
	row.owner = (uint32_t)seed;
	row.place = seed * seed;
	row.check = check_of(&row);
	result = inspect_register(&table, &row, names[seed % 4], handle);
	if (result == INSPECT_E_FULL)
		return false;
	EXPECT(INSPECT_OK, result);
	__atomic_fetch_add(&registered, 1, __ATOMIC_RELAXED);
	EXPECT(INSPECT_OK, inspect_set_properties(&table, *handle, CLOSED));
	EXPECT(INSPECT_OK, inspect_set_properties(&table, *handle, OPEN));
	return true;
}

static void leave(struct inspect_handle handle)
{
	EXPECT(INSPECT_OK, inspect_unregister(&table, handle));
	EXPECT(INSPECT_E_STALE, inspect_unregister(&table, handle));
}

static void interrupt(int signal)
{
	struct inspect_handle handle;

	(void)signal;
	if (enter(__atomic_add_fetch(&interrupted, 1, __ATOMIC_RELAXED) | 1ull << 40, &handle))
		leave(handle);
}

static void meet(void)
{
	__atomic_add_fetch(&started, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&started, __ATOMIC_ACQUIRE) < WRITERS)
		;
}

static void *write_rows(void *context)
{
	const uint64_t wanted = *(const uint64_t *)context;
	uint64_t seed = (uint64_t)(uintptr_t)&wanted << 20;
	struct tests_runtime_row row = row_of(TESTS_RUNTIME_CLASS_COUNTER, &number, 8);
	struct inspect_handle handle;
	/* Some stay for a while, so that there is something to read. */
	struct inspect_handle kept[5];
	bool there[5] = { false, false, false, false, false };
	uint32_t i;

	meet();
	for (i = 0; i < TABLES; i++)
		EXPECT(INSPECT_OK, inspect_register(&linked[i], &row, "linked", &handle));
	while (__atomic_load_n(&rows_read, __ATOMIC_RELAXED) < wanted) {
		i = (uint32_t)(++seed % 5);
		if (there[i])
			leave(kept[i]);
		there[i] = enter(seed, &kept[i]);
	}
	for (i = 0; i < 5; i++) {
		if (there[i])
			leave(kept[i]);
	}
	__atomic_sub_fetch(&writing, 1, __ATOMIC_ACQ_REL);
	return NULL;
}

static void *read_rows(void *context)
{
	static uint64_t copies[READERS][2048];
	uint64_t *copy = copies[*(const int *)context];
	size_t busy = 0;
	uint32_t slot, round = 0;

	while (__atomic_load_n(&writing, __ATOMIC_ACQUIRE) != 0) {
		size_t written;

		for (slot = 0; slot < SLOTS; slot++) {
			struct tests_runtime_row row;
			const int result = inspect_read(&table, slot, &row, sizeof(row));
			uint64_t properties = row.core.properties & ~TESTS_RUNTIME_FACTS_QUICK;

			busy += result == INSPECT_E_BUSY;
			if (result != INSPECT_OK)
				continue;
			CHECK(row.check == check_of(&row));
			CHECK(strcmp(table.names + row.core.name, names[row.core.instance % 4]) == 0);
			/* Where properties change in halves, neither what restricts nor the other half is lost. */
			CHECK(properties == OPEN || properties == CLOSED ||
			      (sizeof(void *) == 4 && (properties & INSPECT_SENSITIVE) != 0) ||
			      (sizeof(void *) == 4 && (properties | TESTS_RUNTIME_FACTS_SLOW) == OPEN));
			__atomic_fetch_add(&rows_read, 1, __ATOMIC_RELAXED);
		}
		if (++round % 64 != 0)
			continue;
		EXPECT(INSPECT_OK, inspect_table_copy(&table, copy, sizeof(copies[0]), &written));
		CHECK(inspect_table_checksum((unsigned char *)copy, written) ==
		      ((struct inspect_header *)(void *)copy)->checksum);
	}
	__atomic_fetch_add(&rows_busy, busy, __ATOMIC_RELAXED);
	return NULL;
}

static void make(struct inspect_runtime_table *made, uint32_t rows, size_t name_bytes)
{
	const size_t size = INSPECT_TABLE_SIZE(ROW, rows, name_bytes);

	EXPECT(INSPECT_OK, inspect_table_init(made, calloc(1, size), size, SCHEMA, rows));
}

static int count_table(const struct inspect_runtime_table *found, void *context)
{
	int *counts = (int *)context;
	int i;

	for (i = 0; i < TABLES; i++)
		counts[i] += found->header == linked[i].header;
	counts[TABLES] += found->header == table.header;
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t wanted = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;
	const struct itimerval often = { { 0, 500 }, { 0, 500 } };
	const struct itimerval never = { { 0, 0 }, { 0, 0 } };
	static const int own[READERS] = { 0, 1 };
	struct sigaction action;
	pthread_t threads[WRITERS + READERS];
	int counts[TABLES + 1] = { 0 };
	uint64_t generations = 0;
	uint32_t i;

	make(&table, SLOTS, 600);
	for (i = 0; i < TABLES; i++)
		make(&linked[i], WRITERS, 60);
	memset(&action, 0, sizeof(action));
	action.sa_handler = interrupt;
	action.sa_flags = SA_RESTART;
	CHECK(sigaction(SIGALRM, &action, NULL) == 0 && setitimer(ITIMER_REAL, &often, NULL) == 0);
	for (i = 0; i < WRITERS; i++)
		CHECK(pthread_create(&threads[i], NULL, write_rows, &wanted) == 0);
	for (i = 0; i < READERS; i++)
		CHECK(pthread_create(&threads[WRITERS + i], NULL, read_rows, (void *)(uintptr_t)&own[i]) == 0);
	for (i = 0; i < WRITERS + READERS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);

	/* Every slot is free, each registration has had a generation of its own. */
	for (i = 0; i < SLOTS; i++) {
		CHECK((*state_of(&table, i) & 3) == INSPECT_EMPTY);
		generations += *state_of(&table, i) >> 2;
	}
	CHECK(generations == registered && rows_read >= wanted);
	/*
	 * A text is found again, and stands there more than once only if several met when it was new: every
	 * thread, the first one too, may have been in its handler, and a writer in its own work below that.
	 */
	CHECK(table.header->arena_used <= 4 + (2 * WRITERS + READERS + 1) * ALL_NAMES);
	EXPECT(0, inspect_tables_for_each(count_table, counts));
	for (i = 0; i <= TABLES; i++)
		CHECK(counts[i] == 1);
	for (i = 0; i < TABLES; i++)
		CHECK(linked[i].header->nonce == table.header->nonce && table.header->nonce != 0);
	printf("%llu rows registered, %llu of them in signals; %llu read, %llu busy\n",
	       (unsigned long long)registered, (unsigned long long)interrupted, (unsigned long long)rows_read,
	       (unsigned long long)rows_busy);
	return 0;
}

/* What the programs of these tests share: a check that says where it failed, and numbers by chance. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests_runtime.inspect.h"

#define CHECK(condition)                                                                      \
	do {                                                                                  \
		if (!(condition)) {                                                           \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			exit(1);                                                              \
		}                                                                             \
	} while (0)

/* A result that has to be a certain one. */
#define EXPECT(expected, call)                                                                        \
	do {                                                                                          \
		const int found_ = (call);                                                            \
		if (found_ != (expected)) {                                                           \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call,                 \
				inspect_error_text(found_));                                          \
			exit(1);                                                                      \
		}                                                                                     \
	} while (0)

static uint64_t chance_state = 0x9e3779b97f4a7c15ull;

/* The same numbers in every run: xorshift. */
static inline uint32_t chance(uint32_t below)
{
	chance_state ^= chance_state << 13;
	chance_state ^= chance_state >> 7;
	chance_state ^= chance_state << 17;
	return (uint32_t)(chance_state >> 32) % below;
}

/* A row of a class; what is not given is zero. */
static inline struct tests_runtime_row row_of(uint32_t class_number, const volatile void *address, uint64_t length)
{
	struct tests_runtime_row row;

	memset(&row, 0, sizeof(row));
	row.core.class_number = class_number;
	row.core.address = (uintptr_t)address;
	row.core.length = length;
	return row;
}

static inline uint32_t *state_of(const struct inspect_runtime_table *table, uint32_t slot)
{
	return (uint32_t *)(void *)(table->rows + (size_t)slot * table->stride);
}

#endif

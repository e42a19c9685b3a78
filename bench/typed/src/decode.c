/*
 * The same sums by a loop over structs of this machine, which is the limit, and by the generated decoder.
 */
#include <stddef.h>
#include <stdint.h>

#include "fleet.decode.h"

/* A row as a compiler lays it out. */
struct native_row {
	uint32_t state, id, class_number, type;
	uint64_t properties, address, length, instance;
	uint32_t name;
	uint16_t space;
	uint8_t extent, bound_size;
	uint64_t bound;
	uint32_t owner;
	uint16_t weight;
	uint8_t mode, pad;
};

struct native_stats {
	uint64_t hits, misses;
	int32_t delta;
	uint16_t port;
	uint8_t mode, level;
	uint32_t bytes, ratio;
};

_Static_assert(sizeof(struct native_row) == 72, "as long as a row");
_Static_assert(sizeof(struct native_stats) == 32, "as long as in a table");

uint64_t native_rows(const struct native_row *rows, size_t count, uint32_t class_number)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		if ((rows[i].state & 3) < 2 || rows[i].class_number != class_number)
			continue;
		sum += rows[i].length + (rows[i].address ^ rows[i].owner) + rows[i].weight;
	}
	return sum;
}

uint64_t native_stats(const struct native_stats *stats, size_t count)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		sum += stats[i].hits + stats[i].misses + (uint64_t)(int64_t)stats[i].delta;
		sum += (uint64_t)stats[i].port + stats[i].mode + stats[i].level;
		sum += (uint64_t)stats[i].bytes + stats[i].ratio;
	}
	return sum;
}

/* The table that was opened last, with its layouts. */
static struct inspect_table table;
static struct fleet_layouts layouts;

/* Checks a table, which stays where it is while others work with it; 0 if it is readable. */
int open_table(const unsigned char *data, size_t size)
{
	struct inspect_types types;

	if (fleet_table_parse(&table, data, size, NULL) != 0)
		return 1;
	return inspect_types_parse(&types, &table, NULL) != 0
		|| fleet_layouts_bind(&layouts, &table, &types, NULL) != 0;
}

uint64_t decoded_rows(uint32_t class_number)
{
	struct inspect_row row;
	uint64_t i, sum = 0;

	for (i = 0; inspect_row_at(&table, i, &row); i++) {
		if (!inspect_row_is_live(row) || inspect_row_class(row) != class_number)
			continue;
		sum += inspect_row_length(row) + (inspect_row_address(row) ^ fleet_row_get_owner(row))
			+ fleet_row_get_weight(row);
	}
	return sum;
}

/* Returns ~0 where a struct is too short. */
uint64_t decoded_stats(const unsigned char *stats, size_t count)
{
	struct fleet_stats_view view;
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		if (fleet_stats_open(&view, &layouts, stats + 32 * i, 32, NULL) != 0)
			return ~(uint64_t)0;
		sum += fleet_stats_get_hits(&view) + fleet_stats_get_misses(&view)
			+ (uint64_t)(int64_t)fleet_stats_get_delta(&view);
		sum += (uint64_t)fleet_stats_get_port(&view) + fleet_stats_get_mode(&view)
			+ fleet_stats_get_level(&view);
		sum += (uint64_t)fleet_stats_get_bytes(&view) + fleet_stats_get_ratio(&view);
	}
	return sum;
}

/* Does with a region set what a script says, and tells what became of it. */
#include "script.h"

static struct inspect_region_set set;

/* An array that is no larger than it has to be. */
static void make(size_t capacity)
{
	void *array = malloc(capacity * sizeof(*set.regions));

	free(set.regions);
	inspect_region_set_init(&set, (struct inspect_owned_region *)array, capacity);
	printf("set\n");
}

static void tell_region(const struct inspect_owned_region *region)
{
	if (region == NULL)
		printf(" none");
	else
		printf(" %" PRIx64 "-%" PRIx64 " of %" PRIuPTR, region->range.first, region->range.last,
		       (uintptr_t)region->owner);
}

static void insert(const struct script_line *line)
{
	struct inspect_owned_region present;
	const int result =
		inspect_region_insert(&set, script_range(line), (void *)(uintptr_t)line->number[2], &present);

	printf("insert %d", result);
	if (result == INSPECT_E_OVERLAP)
		tell_region(&present);
	printf("\n");
}

static void take_out(const struct script_line *line)
{
	struct inspect_removed removed;
	const int result = inspect_region_remove(&set, script_range(line), &removed);

	printf("remove %d", result);
	if (result == INSPECT_OK)
		printf(" regions %zu bytes %" PRIu64, removed.regions, removed.bytes);
	printf("\n");
}

/* Prints what it visits, until so many are enough. */
static int visit(const struct inspect_range *part, void *owner, void *context)
{
	uint64_t *left = (uint64_t *)context;

	printf(" %" PRIx64 "-%" PRIx64 " of %" PRIuPTR, part->first, part->last, (uintptr_t)owner);
	return --*left == 0 ? 7 : 0;
}

static void walk(const struct script_line *line)
{
	uint64_t left = line->number[2];
	size_t visited;
	int result;

	printf("walk");
	result = inspect_region_walk(&set, script_range(line), visit, &left, &visited);
	printf(" %d after %zu\n", result, visited);
}

static void look_for_holes(const struct script_line *line)
{
	struct inspect_holes holes;
	struct inspect_hole hole;

	printf("covers %d", inspect_region_covers(&set, script_range(line)));
	inspect_region_holes(&set, script_range(line), &holes);
	while (inspect_hole_next(&holes, &hole)) {
		printf(" hole %" PRIx64 "-%" PRIx64 " above", hole.range.first, hole.range.last);
		tell_region(hole.below);
		printf(" below");
		tell_region(hole.above);
	}
	CHECK(!inspect_hole_next(&holes, &hole));
	printf("\n");
}

static void coalesce(const struct script_line *line)
{
	const size_t room = line->number[0];
	struct inspect_range *ranges = (struct inspect_range *)malloc(room * sizeof(*ranges));
	size_t count, i;
	uint64_t waste;
	const int result = inspect_region_coalesce(&set, ranges, room, &count, &waste);

	printf("coalesce %d", result);
	for (i = 0; i < count; i++)
		printf(" %" PRIx64 "-%" PRIx64, ranges[i].first, ranges[i].last);
	printf(" waste %" PRIu64 "\n", waste);
	free(ranges);
}

int main(void)
{
	struct script_line line;
	size_t i;

	while (script_next(&line)) {
		if (script_is(&line, "set", 1)) {
			make(line.number[0]);
		} else if (script_is(&line, "insert", 3)) {
			insert(&line);
		} else if (script_is(&line, "remove", 2)) {
			take_out(&line);
		} else if (script_is(&line, "walk", 3)) {
			walk(&line);
		} else if (script_is(&line, "holes", 2)) {
			look_for_holes(&line);
		} else if (script_is(&line, "find", 1)) {
			printf("find");
			tell_region(inspect_region_find(&set, line.number[0]));
			printf("\n");
		} else if (script_is(&line, "coalesce", 1)) {
			coalesce(&line);
		} else {
			CHECK(script_is(&line, "all", 0));
			printf("all");
			for (i = 0; i < set.count; i++)
				tell_region(&set.regions[i]);
			printf("\n");
		}
	}
	free(set.regions);
	return 0;
}

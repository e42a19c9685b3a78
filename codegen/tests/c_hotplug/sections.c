/* Does with a section map what a script says, and tells what became of it. */
#include "script.h"

static struct inspect_section_map map;
static struct inspect_section_edit edit;
static struct inspect_space space;
static void *memory;

/* A map in memory that is no larger than it has to be, and not aligned to a line. */
static void make(const struct script_line *line)
{
	const size_t size = INSPECT_SECTION_MAP_SIZE(line->number[0]);

	free(memory);
	memory = malloc(size);
	CHECK(memory != NULL);
	memset(memory, 0xa5, size);
	space.name = "twin";
	space.stable = line->number[1] != 0;
	space.partial = (uint8_t)line->number[2];
	space.max_regions = (uint32_t)line->number[3];
	space.section_size = line->number[4];
	space.base = line->number[5];
	printf("map %d\n", inspect_section_map_init(&map, &space, memory, size));
}

static void tell_part(const char *name, bool there, struct inspect_range part)
{
	if (there)
		printf(" %s %" PRIx64 "-%" PRIx64, name, part.first, part.last);
}

static void tell_change(int result, const struct inspect_section_change *change)
{
	if (result != INSPECT_OK) {
		printf("refused %d %" PRIu64 " of %" PRIu64 "\n", result, change->needed, change->most);
		return;
	}
	printf("changed %" PRIu64 " unchanged %" PRIu64, change->changed, change->unchanged);
	tell_part("without head", change->left_out.has_head, change->left_out.head);
	tell_part("without tail", change->left_out.has_tail, change->left_out.tail);
	tell_part("with head", change->taken_too.has_head, change->taken_too.head);
	tell_part("with tail", change->taken_too.has_tail, change->taken_too.tail);
	printf("\n");
}

static void tell_mapping(bool there, const struct inspect_mapping *mapping)
{
	if (there)
		printf("%" PRIx64 " is %" PRIx64 " for %" PRIx64 " in %" PRIu64 "\n", mapping->address,
		       mapping->hardware, mapping->bytes, mapping->epoch);
	else
		printf("hole\n");
}

/* All that readers can see, both ways and region by region. */
static void tell_all(void)
{
	const struct inspect_section_state state = inspect_section_map_state(&map);
	struct inspect_mapping mapping, same;
	uint64_t cursor = 0;
	uint32_t regions = 0;

	printf("epoch %" PRIu64 " sections %" PRIu32 " regions %" PRIu32 "\n", state.epoch, state.sections,
	       state.regions);
	while (inspect_section_region(&map, &cursor, &mapping)) {
		tell_mapping(true, &mapping);
		CHECK(inspect_section_translate(&map, mapping.address, &same));
		CHECK(memcmp(&mapping, &same, sizeof(same)) == 0);
		CHECK(inspect_section_translate_back(&map, mapping.hardware + mapping.bytes - 1, &same));
		CHECK(same.bytes == 1 && same.address == mapping.address + mapping.bytes - 1);
		regions++;
	}
	CHECK(!inspect_section_region(&map, &cursor, &mapping));
	CHECK(regions == state.regions);
}

int main(void)
{
	struct inspect_section_change change;
	struct inspect_section_state state;
	struct inspect_mapping mapping;
	struct script_line line;
	int result;

	while (script_next(&line)) {
		if (script_is(&line, "map", 6)) {
			make(&line);
		} else if (script_is(&line, "begin", 0)) {
			printf("begin %d\n", inspect_section_begin(&map, &edit));
		} else if (script_is(&line, "add", 2)) {
			tell_change(inspect_section_add(&edit, script_range(&line), &change), &change);
		} else if (script_is(&line, "remove", 2)) {
			tell_change(inspect_section_remove(&edit, script_range(&line), &change), &change);
		} else if (script_is(&line, "add-one", 2)) {
			tell_change(inspect_section_map_add(&map, script_range(&line), &change), &change);
		} else if (script_is(&line, "remove-one", 2)) {
			tell_change(inspect_section_map_remove(&map, script_range(&line), &change), &change);
		} else if (script_is(&line, "commit", 0)) {
			struct inspect_section_edit other;

			CHECK(inspect_section_begin(&map, &other) == INSPECT_E_BUSY);
			result = inspect_section_commit(&edit, &state);
			if (result == INSPECT_OK)
				printf("commit %" PRIu64 " %" PRIu32 "\n", state.epoch, state.regions);
			else
				printf("refused %d %" PRIu32 " of %" PRIu32 "\n", result, state.regions,
				       space.max_regions);
		} else if (script_is(&line, "cancel", 0)) {
			inspect_section_cancel(&edit);
			printf("cancel\n");
		} else if (script_is(&line, "to", 1)) {
			tell_mapping(inspect_section_translate(&map, line.number[0], &mapping), &mapping);
		} else if (script_is(&line, "back", 1)) {
			tell_mapping(inspect_section_translate_back(&map, line.number[0], &mapping), &mapping);
		} else {
			CHECK(script_is(&line, "all", 0));
			tell_all();
		}
	}
	free(memory);
	return 0;
}

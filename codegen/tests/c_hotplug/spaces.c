/* The spaces that a schema's header declares, and a map of one. */
#include "script.h"
#include "tests_hotplug.inspect.h"

static bool is_space(const struct inspect_space *space, const char *name, uint16_t number, uint64_t section_size,
		     uint64_t base)
{
	return strcmp(space->name, name) == 0 && space->number == number && space->section_size == section_size &&
	       space->base == base;
}

int main(void)
{
	static unsigned char memory[INSPECT_SECTION_MAP_SIZE(4)];
	const struct inspect_space *adapter = &TESTS_HOTPLUG_SPACE_ADAPTER_space;
	const struct inspect_space *pinned = &TESTS_HOTPLUG_SPACE_PINNED_space;
	const struct inspect_space *loose = &TESTS_HOTPLUG_SPACE_LOOSE_space;
	struct inspect_space wrong = *adapter;
	struct inspect_section_map map;
	struct inspect_mapping mapping;
	struct inspect_range range;

	CHECK(is_space(adapter, "adapter", 256, 1 << 24, 1ull << 63));
	CHECK(!adapter->stable && adapter->partial == INSPECT_PARTIAL_REJECT && adapter->max_regions == 64);
	CHECK(is_space(pinned, "pinned", 257, 4096, 0));
	CHECK(pinned->stable && pinned->partial == INSPECT_PARTIAL_ROUND_IN && pinned->max_regions == 0);
	CHECK(is_space(loose, "loose", 258, 1 << 20, 1 << 20));
	CHECK(!loose->stable && loose->partial == INSPECT_PARTIAL_ROUND_OUT && loose->max_regions == 0);

	wrong.section_size = 3 << 20;
	CHECK(inspect_section_map_init(&map, &wrong, memory, sizeof(memory)) == INSPECT_E_SPACE);
	wrong.section_size = 0;
	CHECK(inspect_section_map_init(&map, &wrong, memory, sizeof(memory)) == INSPECT_E_SPACE);
	wrong.section_size = 1 << 24;
	wrong.base = 1;
	CHECK(inspect_section_map_init(&map, &wrong, memory, sizeof(memory)) == INSPECT_E_SPACE);

	/* 256 MiB at 0 and 16 MiB at 2^60 take less than 1 KiB beside the fixed header. */
	CHECK(sizeof(memory) < 1024);
	CHECK(inspect_section_map_init(&map, adapter, memory, sizeof(memory)) == INSPECT_OK);
	CHECK(inspect_range_of(0, 256 << 20, &range) == INSPECT_OK);
	CHECK(inspect_section_map_add(&map, range, NULL) == INSPECT_OK);
	CHECK(inspect_range_of(1ull << 60, 16 << 20, &range) == INSPECT_OK);
	CHECK(inspect_section_map_add(&map, range, NULL) == INSPECT_OK);
	CHECK(inspect_section_translate(&map, (1ull << 60) + 5, &mapping));
	CHECK(mapping.hardware == (1ull << 63) + (256 << 20) + 5 && mapping.bytes == (16 << 20) - 5);

	CHECK(inspect_range_of(0, 0, &range) == INSPECT_E_RANGE);
	CHECK(inspect_range_of(1, ~0ull, &range) == INSPECT_OK && range.last == ~0ull);
	CHECK(inspect_range_of(2, ~0ull, &range) == INSPECT_E_RANGE);
	return 0;
}

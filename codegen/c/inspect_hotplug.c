/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Section maps, the notifier of changes, and region sets: see inspect_hotplug.h.
 *
 * A section map has two sides. Readers look at the live one. The one writer copies it to the other, changes
 * that one as it likes, and makes it live by adding one to the generation, whose lowest bit says which side
 * that is. A reader loads the generation, looks, and loads it again; if it is another one, it drops what it
 * saw and begins anew.
 *
 * - What a reader returns was complete: the generation that it loaded first, with acquire, was stored with
 *   release after the last store to that side.
 * - It did not change meanwhile: whoever writes that side again does so after the next generation was stored
 *   and behind a release fence. If a reader has seen any of these stores, its acquire fence synchronises with
 *   that fence, and its second load finds another generation.
 * - A reader may look at half-written memory, and survives it: every access is a relaxed atomic, what is read
 *   as an index is checked, loops are bounded by the size of the side, and arithmetic wraps. By the above, the
 *   result is dropped.
 * - A reader waits for nobody, and begins anew only if a change was published meanwhile. Where a pointer has
 *   32 bits, 2^32 changes would have to be published during one look to deceive it.
 */
#include "inspect_hotplug.h"

typedef uint32_t __attribute__((may_alias)) inspect_place;

#define INSPECT_GROUP INSPECT_SECTION_GROUP
#define INSPECT_LAST (INSPECT_SECTION_GROUP - 1)
/* The hardware index of a section that has none yet. */
#define INSPECT_UNASSIGNED 0xffffffffu
/* Where the length of a run does not fit in 16 bits: it follows from what is behind the line. */
#define INSPECT_LONG_RUN 0xffffu
/* More lines, and the places on the way back would not fit in 32 bits. */
#define INSPECT_MOST_LINES (0xffffffffu / INSPECT_GROUP)

/* ---- Words that readers and a writer share ----------------------------------------------------------- */

static uint32_t inspect_get(const uint32_t *word)
{
	return __atomic_load_n((const inspect_place *)word, __ATOMIC_RELAXED);
}

static void inspect_set(uint32_t *word, uint32_t value)
{
	__atomic_store_n((inspect_place *)word, value, __ATOMIC_RELAXED);
}

/* In two halves where the processor has no wider word; a reader that meets them apart drops both. */
static uint64_t inspect_get_wide(const uint64_t *word)
{
#if __SIZEOF_POINTER__ == 8
	return __atomic_load_n(word, __ATOMIC_RELAXED);
#else
	const uint32_t *halves = (const uint32_t *)(const void *)word;

	return (uint64_t)inspect_get(&halves[1]) << 32 | inspect_get(&halves[0]);
#endif
}

static void inspect_set_wide(uint64_t *word, uint64_t value)
{
#if __SIZEOF_POINTER__ == 8
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
#else
	uint32_t *halves = (uint32_t *)(void *)word;

	inspect_set(&halves[1], (uint32_t)(value >> 32));
	inspect_set(&halves[0], (uint32_t)value);
#endif
}

/* The live side, until inspect_has_changed() says that what was seen there has to be dropped. */
static const struct inspect_section_side *inspect_look(const struct inspect_section_map *map,
						       uintptr_t *generation)
{
	*generation = __atomic_load_n(&map->generation, __ATOMIC_ACQUIRE);
	return &map->sides[*generation & 1];
}

static bool inspect_has_changed(const struct inspect_section_map *map, uintptr_t generation)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&map->generation, __ATOMIC_RELAXED) != generation;
}

/* For the writer. */
static struct inspect_section_side *inspect_live(struct inspect_section_map *map)
{
	return &map->sides[__atomic_load_n(&map->generation, __ATOMIC_RELAXED) & 1];
}

/* ---- A side: lines in a hash table, and the way back --------------------------------------------------- */

/* A section that is mapped. */
struct inspect_found {
	uint64_t section;
	uint32_t hardware;
	/* Sections from here to the end of the run. */
	uint64_t run;
	uint64_t epoch;
};

/* How many groups may live in the lines: every search ends at a free one. */
static uint32_t inspect_capacity(const struct inspect_section_map *map)
{
	return map->line_count / 4 * 3 + map->line_count % 4 * 3 / 4;
}

static uint32_t inspect_place_count(const struct inspect_section_map *map)
{
	return map->line_count * INSPECT_SECTION_PLACES;
}

/* The group's share of the lines; the golden ratio spreads consecutive groups so that they hardly collide. */
static uint32_t inspect_home(const struct inspect_section_map *map, uint64_t group)
{
	const uint64_t hash = group * 0x9e3779b97f4a7c15ull;
	const uint64_t lines = map->line_count;

	return (uint32_t)(((hash >> 32) * lines + ((hash & 0xffffffffu) * lines >> 32)) >> 32);
}

/* The line that a group has, mapped sections or not; from its home on, up to a free one. */
static struct inspect_section_line *inspect_find(const struct inspect_section_map *map,
						 const struct inspect_section_side *side, uint64_t group)
{
	uint32_t at = inspect_home(map, group);
	uint32_t i;

	for (i = 0; i < map->line_count; i++) {
		struct inspect_section_line *line = &side->lines[at];
		const uint64_t key = inspect_get_wide(&line->key);

		if (key == group + 1)
			return line;
		if (key == 0)
			return NULL;
		at = at + 1 == map->line_count ? 0 : at + 1;
	}
	return NULL;
}

static uint32_t inspect_mapped(const struct inspect_section_line *line)
{
	return inspect_get(&line->mapped);
}

static bool inspect_is_mapped(const struct inspect_section_line *line, uint32_t at)
{
	return (inspect_mapped(line) >> at & 1) != 0;
}

static uint64_t inspect_group_of(const struct inspect_section_line *line)
{
	return inspect_get_wide(&line->key) - 1;
}

static uint64_t inspect_run(const struct inspect_section_line *line, uint32_t at)
{
	const uint32_t run = __atomic_load_n(&line->runs[at], __ATOMIC_RELAXED);

	if (run < INSPECT_LONG_RUN)
		return run;
	return (uint64_t)(INSPECT_GROUP - at) + inspect_get(&line->beyond);
}

static bool inspect_forward(const struct inspect_section_map *map, const struct inspect_section_side *side,
			    uint64_t section, struct inspect_found *found)
{
	const uint32_t at = section % INSPECT_GROUP;
	const struct inspect_section_line *line = inspect_find(map, side, section / INSPECT_GROUP);

	if (line == NULL || !inspect_is_mapped(line, at))
		return false;
	found->section = section;
	found->hardware = inspect_get(&line->hardware[at]);
	found->run = inspect_run(line, at);
	found->epoch = inspect_get_wide(&side->epoch);
	return true;
}

static bool inspect_backward(const struct inspect_section_map *map, const struct inspect_section_side *side,
			     uint64_t hardware, struct inspect_found *found)
{
	const struct inspect_section_line *line;
	uint32_t place, at;

	if (hardware >= inspect_place_count(map))
		return false;
	place = inspect_get(&side->places[hardware]);
	if (place == 0 || (place - 1) / INSPECT_GROUP >= map->line_count)
		return false;
	at = (place - 1) % INSPECT_GROUP;
	line = &side->lines[(place - 1) / INSPECT_GROUP];
	if (!inspect_is_mapped(line, at) || inspect_get(&line->hardware[at]) != hardware)
		return false;
	found->section = inspect_group_of(line) * INSPECT_GROUP + at;
	found->hardware = (uint32_t)hardware;
	found->run = inspect_run(line, at);
	found->epoch = inspect_get_wide(&side->epoch);
	return true;
}

/* ---- Readers ----------------------------------------------------------------------------------------- */

static void inspect_fill(const struct inspect_section_map *map, const struct inspect_found *found,
			 uint64_t offset, struct inspect_mapping *mapping)
{
	mapping->address = (found->section << map->shift) + offset;
	mapping->hardware = map->space->base + ((uint64_t)found->hardware << map->shift) + offset;
	mapping->bytes = (found->run << map->shift) - offset;
	/* A run of the whole space is 0 in 64 bits. */
	if (mapping->bytes == 0)
		mapping->bytes = ~0ull;
	mapping->epoch = found->epoch;
}

bool inspect_section_translate(const struct inspect_section_map *map, uint64_t address,
			       struct inspect_mapping *mapping)
{
	const struct inspect_section_side *side;
	struct inspect_found found;
	uintptr_t generation;
	bool there;

	do {
		side = inspect_look(map, &generation);
		there = inspect_forward(map, side, address >> map->shift, &found);
	} while (inspect_has_changed(map, generation));
	if (there)
		inspect_fill(map, &found, address & (map->space->section_size - 1), mapping);
	return there;
}

bool inspect_section_translate_back(const struct inspect_section_map *map, uint64_t hardware,
				    struct inspect_mapping *mapping)
{
	const uint64_t offset = hardware - map->space->base;
	const struct inspect_section_side *side;
	struct inspect_found found;
	uintptr_t generation;
	bool there;

	if (hardware < map->space->base)
		return false;
	do {
		side = inspect_look(map, &generation);
		there = inspect_backward(map, side, offset >> map->shift, &found);
	} while (inspect_has_changed(map, generation));
	if (there)
		inspect_fill(map, &found, offset & (map->space->section_size - 1), mapping);
	return there;
}

bool inspect_section_region(const struct inspect_section_map *map, uint64_t *cursor,
			    struct inspect_mapping *mapping)
{
	const uint32_t end = inspect_place_count(map);
	const struct inspect_section_side *side;
	struct inspect_found found;
	uintptr_t generation;
	uint64_t at;
	bool there;

	do {
		side = inspect_look(map, &generation);
		at = *cursor;
		while (at < end && inspect_get(&side->places[at]) == 0)
			at++;
		there = inspect_backward(map, side, at, &found);
	} while (inspect_has_changed(map, generation));
	*cursor = there ? found.hardware + found.run : end;
	if (there)
		inspect_fill(map, &found, 0, mapping);
	return there;
}

struct inspect_section_state inspect_section_map_state(const struct inspect_section_map *map)
{
	const struct inspect_section_side *side;
	struct inspect_section_state state;
	uintptr_t generation;

	do {
		side = inspect_look(map, &generation);
		state.epoch = inspect_get_wide(&side->epoch);
		state.sections = inspect_get(&side->sections);
		state.regions = inspect_get(&side->runs);
	} while (inspect_has_changed(map, generation));
	return state;
}

/* ---- The draft of a side ------------------------------------------------------------------------------ */

/* The line of a group, which is made if there is none: whoever keeps to the capacity finds room. */
static struct inspect_section_line *inspect_insert(const struct inspect_section_map *map,
						   const struct inspect_section_side *side, uint64_t group)
{
	struct inspect_section_line *vacant = NULL;
	uint32_t at = inspect_home(map, group);
	uint32_t i;

	for (i = 0; i < map->line_count; i++) {
		struct inspect_section_line *line = &side->lines[at];
		const uint64_t key = inspect_get_wide(&line->key);

		if (key == group + 1)
			return line;
		/* One that a removal left behind is free, but the group may come later. */
		if (vacant == NULL && (key == 0 || inspect_mapped(line) == 0))
			vacant = line;
		if (key == 0)
			break;
		at = at + 1 == map->line_count ? 0 : at + 1;
	}
	if (vacant != NULL) {
		inspect_set_wide(&vacant->key, group + 1);
		inspect_set(&vacant->mapped, 0);
	}
	return vacant;
}

static void inspect_clear_places(const struct inspect_section_map *map, const struct inspect_section_side *side)
{
	uint32_t i;

	for (i = 0; i < inspect_place_count(map); i++)
		inspect_set(&side->places[i], 0);
}

static void inspect_clear_side(const struct inspect_section_map *map, const struct inspect_section_side *side)
{
	uint32_t i;

	for (i = 0; i < map->line_count; i++) {
		inspect_set_wide(&side->lines[i].key, 0);
		inspect_set(&side->lines[i].mapped, 0);
	}
	inspect_clear_places(map, side);
}

/* Says who is at a hardware index: 0 for nobody, 1 for somebody who is known later. */
static void inspect_set_place(const struct inspect_section_map *map, const struct inspect_section_side *side,
			      uint32_t hardware, uint32_t place)
{
	if (hardware < inspect_place_count(map))
		inspect_set(&side->places[hardware], place);
}

static void inspect_copy_side(const struct inspect_section_map *map, const struct inspect_section_side *to,
			      const struct inspect_section_side *from)
{
	uint32_t i, at;

	inspect_clear_side(map, to);
	for (i = 0; i < map->line_count; i++) {
		const struct inspect_section_line *line = &from->lines[i];
		const uint32_t mapped = inspect_mapped(line);
		struct inspect_section_line *copy;

		if (mapped == 0)
			continue;
		copy = inspect_insert(map, to, inspect_group_of(line));
		if (copy == NULL)
			continue;
		inspect_set(&copy->mapped, mapped);
		for (at = 0; at < INSPECT_GROUP; at++) {
			const uint32_t hardware = inspect_get(&line->hardware[at]);

			inspect_set(&copy->hardware[at], hardware);
			if ((mapped >> at & 1) != 0)
				inspect_set_place(map, to, hardware, 1);
		}
	}
}

static void inspect_stamp_line(const struct inspect_section_map *map, const struct inspect_section_side *side,
			       uint32_t number)
{
	const struct inspect_section_line *line = &side->lines[number];
	uint32_t at;

	for (at = 0; at < INSPECT_GROUP; at++) {
		if (inspect_is_mapped(line, at))
			inspect_set_place(map, side, inspect_get(&line->hardware[at]),
					  number * INSPECT_GROUP + at + 1);
	}
}

/* Writes the way back anew. */
static void inspect_stamp(const struct inspect_section_map *map, const struct inspect_section_side *side)
{
	uint32_t i;

	inspect_clear_places(map, side);
	for (i = 0; i < map->line_count; i++)
		inspect_stamp_line(map, side, i);
}

static void inspect_swap_places(uint32_t *one, uint32_t *other)
{
	const uint32_t first = inspect_get(one);

	inspect_set(one, inspect_get(other));
	inspect_set(other, first);
}

/* Moves an element of a heap with the highest group on top to where it belongs. */
static void inspect_sift_lines(const struct inspect_section_side *side, uint32_t *heap, uint32_t count,
			       uint32_t parent)
{
	for (;;) {
		uint32_t child = 2 * parent + 1;

		if (child >= count)
			return;
		if (child + 1 < count && inspect_group_of(&side->lines[inspect_get(&heap[child])]) <
						 inspect_group_of(&side->lines[inspect_get(&heap[child + 1])]))
			child++;
		if (inspect_group_of(&side->lines[inspect_get(&heap[child])]) <=
		    inspect_group_of(&side->lines[inspect_get(&heap[parent])]))
			return;
		inspect_swap_places(&heap[parent], &heap[child]);
		parent = child;
	}
}

/* The numbers of all lines with sections, ascending by group, at the end of the way back. */
static uint32_t inspect_sort_lines(const struct inspect_section_map *map,
				   const struct inspect_section_side *side)
{
	uint32_t begin = inspect_place_count(map);
	uint32_t i, count;
	uint32_t *heap;

	for (i = 0; i < map->line_count; i++) {
		if (inspect_mapped(&side->lines[i]) != 0)
			inspect_set(&side->places[--begin], i);
	}
	heap = &side->places[begin];
	count = inspect_place_count(map) - begin;
	for (i = count / 2; i > 0; i--)
		inspect_sift_lines(side, heap, count, i - 1);
	for (i = count; i > 1; i--) {
		inspect_swap_places(&heap[0], &heap[i - 1]);
		inspect_sift_lines(side, heap, i - 1, 0);
	}
	return begin;
}

/*
 * Numbers all sections densely in the order of their addresses, and writes the way back. Returns whether a
 * section has moved that had a number.
 *
 * The lines are sorted at the end of the way back. It is written from its beginning, and never overtakes what
 * is still to be read: each line that is left stands for a place at least, and all sections fit.
 */
static bool inspect_number(const struct inspect_section_map *map, const struct inspect_section_side *side)
{
	uint32_t next = 0;
	bool moved = false;
	uint32_t i, at;

	inspect_clear_places(map, side);
	for (i = inspect_sort_lines(map, side); i < inspect_place_count(map); i++) {
		const uint32_t number = inspect_get(&side->places[i]);
		struct inspect_section_line *line = &side->lines[number];

		inspect_set(&side->places[i], 0);
		for (at = 0; at < INSPECT_GROUP; at++) {
			const uint32_t before = inspect_get(&line->hardware[at]);

			if (!inspect_is_mapped(line, at))
				continue;
			moved |= before != next && before != INSPECT_UNASSIGNED;
			inspect_set(&line->hardware[at], next);
			inspect_set_place(map, side, next, number * INSPECT_GROUP + at + 1);
			next++;
		}
	}
	return moved;
}

/* Whether a section of a line continues the run of the one before it, which may be in another line. */
static bool inspect_goes_on(const struct inspect_section_line *line, uint32_t at,
			    const struct inspect_section_line *next, uint32_t next_at)
{
	return inspect_is_mapped(line, at) && inspect_is_mapped(next, next_at) &&
	       inspect_get(&line->hardware[at]) + 1 == inspect_get(&next->hardware[next_at]);
}

/* Says how far the run of the last section goes on, and so how long all are. Returns how many there are. */
static uint32_t inspect_set_runs(struct inspect_section_line *line, uint32_t beyond)
{
	uint64_t run = beyond;
	uint32_t begins = 0;
	uint32_t at;

	inspect_set(&line->beyond, beyond);
	for (at = INSPECT_GROUP; at-- > 0;) {
		if (!inspect_is_mapped(line, at)) {
			run = 0;
			continue;
		}
		run = at == INSPECT_LAST || inspect_goes_on(line, at, line, at + 1) ? run + 1 : 1;
		__atomic_store_n(&line->runs[at], (uint16_t)(run < INSPECT_LONG_RUN ? run : INSPECT_LONG_RUN),
				 __ATOMIC_RELAXED);
		begins += at == 0 || !inspect_goes_on(line, at - 1, line, at);
	}
	return begins;
}

/* Finds the runs in a line whose last section ends its run, and in the lines below as long as theirs go on. */
static uint32_t inspect_link_back(const struct inspect_section_map *map,
				  const struct inspect_section_side *side,
				  struct inspect_section_line *line)
{
	uint32_t runs = inspect_set_runs(line, 0);

	for (;;) {
		const uint64_t group = inspect_group_of(line);
		struct inspect_section_line *below = group == 0 ? NULL : inspect_find(map, side, group - 1);

		if (below == NULL || !inspect_goes_on(below, INSPECT_LAST, line, 0))
			return runs;
		/* The run that both have a part of is counted twice. */
		runs += inspect_set_runs(below, (uint32_t)inspect_run(line, 0)) - 1;
		line = below;
	}
}

/* Finds all runs, and returns how many there are. */
static uint32_t inspect_link(const struct inspect_section_map *map, const struct inspect_section_side *side)
{
	uint32_t runs = 0;
	uint32_t i;

	for (i = 0; i < map->line_count; i++) {
		struct inspect_section_line *line = &side->lines[i];
		const struct inspect_section_line *next;

		if (inspect_mapped(line) == 0)
			continue;
		next = inspect_find(map, side, inspect_group_of(line) + 1);
		if (next == NULL || !inspect_goes_on(line, INSPECT_LAST, next, 0))
			runs += inspect_link_back(map, side, line);
	}
	return runs;
}

/* ---- Changes ----------------------------------------------------------------------------------------- */

/* Sections by their numbers. */
struct inspect_sections {
	uint64_t first;
	uint64_t last;
};

/* A bit for each place in a group that some sections have. */
static uint32_t inspect_places_of(const struct inspect_sections *sections, uint64_t group)
{
	const uint64_t base = group * INSPECT_GROUP;
	const uint64_t end = base + INSPECT_LAST;
	uint32_t low, high;

	if (sections->last < base || sections->first > end)
		return 0;
	low = sections->first > base ? (uint32_t)(sections->first - base) : 0;
	high = sections->last < end ? (uint32_t)(sections->last - base) : INSPECT_LAST;
	return ((2u << high) - 1) & ~((1u << low) - 1);
}

static bool inspect_hardware_of(const struct inspect_section_edit *edit, uint64_t section, uint32_t *hardware)
{
	const struct inspect_section_line *line = inspect_find(edit->map, edit->side, section / INSPECT_GROUP);

	if (line == NULL || !inspect_is_mapped(line, section % INSPECT_GROUP))
		return false;
	*hardware = inspect_get(&line->hardware[section % INSPECT_GROUP]);
	return true;
}

/* How many indices are free from one on, up to so many. */
static uint32_t inspect_free_from(const struct inspect_section_edit *edit, uint32_t start, uint32_t most)
{
	const uint64_t places = inspect_place_count(edit->map);
	const uint64_t end = edit->map->most_sections < places ? edit->map->most_sections : places;
	uint32_t count = 0;

	while (count < most && (uint64_t)start + count < end &&
	       inspect_get(&edit->side->places[start + count]) == 0)
		count++;
	return count;
}

/* The first index from one on with so many free. */
static bool inspect_gap(const struct inspect_section_edit *edit, uint32_t from, uint32_t count, uint32_t *start)
{
	const uint64_t places = inspect_place_count(edit->map);
	const uint64_t end = edit->map->most_sections < places ? edit->map->most_sections : places;
	uint64_t at = from;

	while (at < end) {
		const uint32_t vacant = inspect_free_from(edit, (uint32_t)at, count);

		if (vacant == count) {
			*start = (uint32_t)at;
			return true;
		}
		at += (uint64_t)vacant + 1;
	}
	return false;
}

/*
 * Where so many sections go that stay where they are put, and how many of them: all, wherever there is a gap
 * that takes them, and then best beside their neighbours, so that the device needs no region more.
 */
static uint32_t inspect_find_room(struct inspect_section_edit *edit, uint64_t section, uint32_t count,
				  uint32_t *start)
{
	uint32_t beside, vacant;

	if (section > 0 && inspect_hardware_of(edit, section - 1, &beside) &&
	    inspect_free_from(edit, beside + 1, count) == count) {
		*start = beside + 1;
		return count;
	}
	if (section + count > section && inspect_hardware_of(edit, section + count, &beside) && beside >= count &&
	    inspect_free_from(edit, beside - count, count) == count) {
		*start = beside - count;
		return count;
	}
	if (inspect_gap(edit, edit->cursor, count, start) || inspect_gap(edit, 0, count, start)) {
		edit->cursor = *start + count;
		return count;
	}
	/* Room enough there is, since all sections were counted, but not in one place. */
	if (!inspect_gap(edit, 0, 1, start))
		*start = 0;
	vacant = inspect_free_from(edit, *start, count);
	return vacant > 0 ? vacant : 1;
}

/* Maps consecutive sections of which none is; those that are to stay get their indices here. */
static void inspect_map_run(struct inspect_section_edit *edit, const struct inspect_sections *run)
{
	uint64_t left = run->last - run->first + 1;
	uint64_t section = run->first;

	while (left > 0) {
		uint32_t count = left < INSPECT_UNASSIGNED ? (uint32_t)left : INSPECT_UNASSIGNED;
		uint32_t start = INSPECT_UNASSIGNED;
		uint32_t i;

		if (edit->map->space->stable)
			count = inspect_find_room(edit, section, count, &start);
		for (i = 0; i < count; i++, section++) {
			const uint32_t hardware = edit->map->space->stable ? start + i : INSPECT_UNASSIGNED;
			struct inspect_section_line *line =
				inspect_insert(edit->map, edit->side, section / INSPECT_GROUP);

			/* Room for all lines was made sure of. */
			if (line == NULL)
				continue;
			inspect_set(&line->hardware[section % INSPECT_GROUP], hardware);
			inspect_set(&line->mapped, inspect_mapped(line) | 1u << section % INSPECT_GROUP);
			if (edit->map->space->stable)
				inspect_set_place(edit->map, edit->side, hardware, 1);
		}
		left -= count;
	}
}

/* Unmaps those of some sections that are in a line, and returns how many were mapped. */
static uint64_t inspect_unmap(struct inspect_section_edit *edit, struct inspect_section_line *line,
			      const struct inspect_sections *sections)
{
	const uint32_t mapped = inspect_mapped(line);
	const uint32_t going = mapped & inspect_places_of(sections, inspect_group_of(line));
	uint64_t removed = 0;
	uint32_t at;

	for (at = 0; at < INSPECT_GROUP; at++) {
		if ((going >> at & 1) == 0)
			continue;
		if (edit->map->space->stable)
			inspect_set_place(edit->map, edit->side, inspect_get(&line->hardware[at]), 0);
		removed++;
	}
	inspect_set(&line->mapped, mapped & ~going);
	edit->groups -= mapped != 0 && (mapped & ~going) == 0;
	edit->sections -= removed;
	return removed;
}

static void inspect_set_head(struct inspect_parts *parts, uint64_t first, uint64_t last)
{
	parts->has_head = true;
	parts->head.first = first;
	parts->head.last = last;
}

static void inspect_set_tail(struct inspect_parts *parts, uint64_t first, uint64_t last)
{
	parts->has_tail = true;
	parts->tail.first = first;
	parts->tail.last = last;
}

/* The whole sections of a range, what that leaves out, and what it takes too. Sets whether there are any. */
static int inspect_round_sections(const struct inspect_section_edit *edit, const struct inspect_range *range,
				  bool inward, struct inspect_sections *sections, bool *any,
				  struct inspect_section_change *change)
{
	const uint64_t mask = edit->map->space->section_size - 1;
	const bool cut_head = (range->first & mask) != 0;
	const bool cut_tail = (~range->last & mask) != 0;

	sections->first = range->first >> edit->map->shift;
	sections->last = range->last >> edit->map->shift;
	*any = true;
	if (!cut_head && !cut_tail)
		return INSPECT_OK;
	if (edit->map->space->partial == INSPECT_PARTIAL_REJECT)
		return INSPECT_E_PARTIAL;
	if (!inward) {
		if (cut_head)
			inspect_set_head(&change->taken_too, range->first & ~mask, range->first - 1);
		if (cut_tail)
			inspect_set_tail(&change->taken_too, range->last + 1, range->last | mask);
		return INSPECT_OK;
	}
	if (sections->first == sections->last) {
		inspect_set_head(&change->left_out, range->first, range->last);
		*any = false;
		return INSPECT_OK;
	}
	if (cut_head)
		inspect_set_head(&change->left_out, range->first, range->first | mask);
	if (cut_tail)
		inspect_set_tail(&change->left_out, range->last & ~mask, range->last);
	/* They lie in different sections, so that neither number can overflow. */
	sections->first += cut_head;
	sections->last -= cut_tail;
	*any = sections->first <= sections->last;
	return INSPECT_OK;
}

static void inspect_no_change(struct inspect_section_change *change)
{
	change->changed = 0;
	change->unchanged = 0;
	change->left_out.has_head = false;
	change->left_out.has_tail = false;
	change->taken_too.has_head = false;
	change->taken_too.has_tail = false;
	change->needed = 0;
	change->most = 0;
}

static int inspect_refuse(struct inspect_section_change *change, int error, uint64_t needed, uint64_t most)
{
	inspect_no_change(change);
	change->needed = needed;
	change->most = most;
	return error;
}

/* How many of some sections are mapped, and how many groups have none yet, if there is room for all. */
static int inspect_room_for(const struct inspect_section_edit *edit, const struct inspect_sections *sections,
			    uint64_t *present, uint32_t *fresh, struct inspect_section_change *change)
{
	const uint64_t capacity = inspect_capacity(edit->map);
	const uint64_t first = sections->first / INSPECT_GROUP;
	const uint64_t count = sections->last / INSPECT_GROUP - first + 1;
	uint64_t i;

	*present = 0;
	*fresh = 0;
	if (count > capacity)
		return inspect_refuse(change, INSPECT_E_NO_ROOM, count, capacity);
	for (i = 0; i < count; i++) {
		const struct inspect_section_line *line = inspect_find(edit->map, edit->side, first + i);
		const uint32_t mapped = line == NULL ? 0 : inspect_mapped(line);
		uint32_t shared = mapped & inspect_places_of(sections, first + i);

		for (; shared != 0; shared &= shared - 1)
			++*present;
		*fresh += mapped == 0;
	}
	if (edit->groups + (uint64_t)*fresh > capacity)
		return inspect_refuse(change, INSPECT_E_NO_ROOM, edit->groups + (uint64_t)*fresh, capacity);
	return INSPECT_OK;
}

/* The first sections of some that are not mapped, as many as follow each other. */
static bool inspect_unmapped_run(const struct inspect_section_edit *edit,
				 const struct inspect_sections *sections, struct inspect_sections *run)
{
	uint32_t hardware;

	run->first = sections->first;
	while (inspect_hardware_of(edit, run->first, &hardware)) {
		if (run->first == sections->last)
			return false;
		run->first++;
	}
	run->last = run->first;
	while (run->last < sections->last && !inspect_hardware_of(edit, run->last + 1, &hardware))
		run->last++;
	return true;
}

static int inspect_add_sections(struct inspect_section_edit *edit, const struct inspect_range *range,
				struct inspect_section_change *change)
{
	const bool inward = edit->map->space->partial == INSPECT_PARTIAL_ROUND_IN;
	struct inspect_section_change unused;
	struct inspect_sections sections, run;
	uint64_t present, total;
	uint32_t fresh;
	bool any;
	int result;

	if (change == NULL)
		change = &unused;
	inspect_no_change(change);
	if (range->last < range->first)
		return INSPECT_E_RANGE;
	result = inspect_round_sections(edit, range, inward, &sections, &any, change);
	if (result != INSPECT_OK || !any)
		return result;
	result = inspect_room_for(edit, &sections, &present, &fresh, change);
	if (result != INSPECT_OK)
		return result;
	change->unchanged = present;
	change->changed = sections.last - sections.first + 1 - present;
	if (change->changed == 0)
		return INSPECT_OK;
	total = edit->sections + change->changed;
	if (total > edit->map->most_sections)
		return inspect_refuse(change, INSPECT_E_HARDWARE, total, edit->map->most_sections);
	while (inspect_unmapped_run(edit, &sections, &run)) {
		inspect_map_run(edit, &run);
		if (run.last == sections.last)
			break;
		sections.first = run.last + 1;
	}
	edit->sections = total;
	edit->groups += fresh;
	edit->changed = true;
	return INSPECT_OK;
}

int inspect_section_add(struct inspect_section_edit *edit, struct inspect_range range,
			struct inspect_section_change *change)
{
	return inspect_add_sections(edit, &range, change);
}

static int inspect_remove_sections(struct inspect_section_edit *edit, const struct inspect_range *range,
				   struct inspect_section_change *change)
{
	struct inspect_section_change unused;
	struct inspect_section_line *line;
	struct inspect_sections sections;
	uint64_t removed = 0;
	uint64_t groups, i;
	bool any;
	int result;

	if (change == NULL)
		change = &unused;
	inspect_no_change(change);
	if (range->last < range->first)
		return INSPECT_E_RANGE;
	result = inspect_round_sections(edit, range, false, &sections, &any, change);
	if (result != INSPECT_OK)
		return result;
	groups = sections.last / INSPECT_GROUP - sections.first / INSPECT_GROUP;
	/* Whichever is less: the groups that are asked for, or the lines that there are. */
	if (groups < edit->map->line_count) {
		for (i = 0; i <= groups; i++) {
			line = inspect_find(edit->map, edit->side, sections.first / INSPECT_GROUP + i);
			if (line != NULL)
				removed += inspect_unmap(edit, line, &sections);
		}
	} else {
		for (i = 0; i < edit->map->line_count; i++) {
			line = &edit->side->lines[i];
			if (inspect_mapped(line) != 0)
				removed += inspect_unmap(edit, line, &sections);
		}
	}
	change->changed = removed;
	change->unchanged = sections.last - sections.first - removed + 1;
	/* All sections of a space of single bytes are one more than a number can say. */
	if (removed == 0 && change->unchanged == 0)
		change->unchanged = ~0ull;
	edit->changed |= removed > 0;
	edit->invalidated |= removed > 0;
	return INSPECT_OK;
}

int inspect_section_remove(struct inspect_section_edit *edit, struct inspect_range range,
			   struct inspect_section_change *change)
{
	return inspect_remove_sections(edit, &range, change);
}

int inspect_section_begin(struct inspect_section_map *map, struct inspect_section_edit *edit)
{
	const struct inspect_section_side *live;

	if (__atomic_exchange_n(&map->taken, 1, __ATOMIC_ACQUIRE) != 0)
		return INSPECT_E_BUSY;
	live = inspect_live(map);
	edit->map = map;
	edit->side = &map->sides[live == map->sides];
	/* Whoever sees a store to this side sees also that it is no longer live. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	inspect_copy_side(map, edit->side, live);
	edit->sections = inspect_get(&live->sections);
	edit->groups = inspect_get(&live->groups);
	edit->cursor = 0;
	edit->changed = false;
	edit->invalidated = false;
	return INSPECT_OK;
}

void inspect_section_cancel(struct inspect_section_edit *edit)
{
	__atomic_store_n(&edit->map->taken, 0, __ATOMIC_RELEASE);
	edit->map = NULL;
}

int inspect_section_commit(struct inspect_section_edit *edit, struct inspect_section_state *state)
{
	struct inspect_section_map *map = edit->map;
	const struct inspect_section_side *live = inspect_live(map);
	struct inspect_section_state next;
	int result = INSPECT_OK;

	next.epoch = inspect_get_wide(&live->epoch);
	next.sections = inspect_get(&live->sections);
	next.regions = inspect_get(&live->runs);
	if (edit->changed) {
		if (map->space->stable)
			inspect_stamp(map, edit->side);
		else
			edit->invalidated |= inspect_number(map, edit->side);
		next.regions = inspect_link(map, edit->side);
		if (map->space->max_regions != 0 && next.regions > map->space->max_regions) {
			result = INSPECT_E_BUDGET;
		} else {
			next.epoch += edit->invalidated;
			next.sections = (uint32_t)edit->sections;
			inspect_set_wide(&edit->side->epoch, next.epoch);
			inspect_set(&edit->side->sections, next.sections);
			inspect_set(&edit->side->groups, edit->groups);
			inspect_set(&edit->side->runs, next.regions);
			__atomic_store_n(&map->generation,
					 __atomic_load_n(&map->generation, __ATOMIC_RELAXED) + 1, __ATOMIC_RELEASE);
		}
	}
	if (state != NULL) {
		state->epoch = next.epoch;
		state->sections = next.sections;
		state->regions = next.regions;
	}
	inspect_section_cancel(edit);
	return result;
}

/* Ends an edit of one step. */
static int inspect_section_end(struct inspect_section_edit *edit, int result,
			       struct inspect_section_change *change)
{
	const uint64_t max_regions = edit->map->space->max_regions;
	struct inspect_section_state state;

	if (result != INSPECT_OK) {
		inspect_section_cancel(edit);
		return result;
	}
	result = inspect_section_commit(edit, &state);
	if (result != INSPECT_OK && change != NULL)
		return inspect_refuse(change, result, state.regions, max_regions);
	return result;
}

int inspect_section_map_add(struct inspect_section_map *map, struct inspect_range range,
			    struct inspect_section_change *change)
{
	struct inspect_section_edit edit;
	const int result = inspect_section_begin(map, &edit);

	if (result != INSPECT_OK)
		return result;
	return inspect_section_end(&edit, inspect_add_sections(&edit, &range, change), change);
}

int inspect_section_map_remove(struct inspect_section_map *map, struct inspect_range range,
			       struct inspect_section_change *change)
{
	struct inspect_section_edit edit;
	const int result = inspect_section_begin(map, &edit);

	if (result != INSPECT_OK)
		return result;
	return inspect_section_end(&edit, inspect_remove_sections(&edit, &range, change), change);
}

int inspect_section_map_init(struct inspect_section_map *map, const struct inspect_space *space, void *memory,
			     size_t size)
{
	const size_t per_line = 2 * (sizeof(struct inspect_section_line) + INSPECT_SECTION_PLACES * 4);
	const size_t skipped = -(uintptr_t)memory & 63;
	size_t lines = size < skipped ? 0 : (size - skipped) / per_line;
	struct inspect_section_line *line = (struct inspect_section_line *)((uintptr_t)memory + skipped);
	uint64_t last;
	uint32_t side;

	if (space->section_size == 0 || (space->section_size & (space->section_size - 1)) != 0 ||
	    (space->base & (space->section_size - 1)) != 0)
		return INSPECT_E_SPACE;
	if (lines > INSPECT_MOST_LINES)
		lines = INSPECT_MOST_LINES;
	map->space = space;
	map->shift = 0;
	while (space->section_size >> map->shift != 1)
		map->shift++;
	map->line_count = (uint32_t)lines;
	map->taken = 0;
	map->generation = 0;
	last = ~space->base >> map->shift;
	map->most_sections = last < INSPECT_UNASSIGNED - 1 ? last + 1 : INSPECT_UNASSIGNED - 1;
	for (side = 0; side < 2; side++) {
		map->sides[side].lines = line + side * lines;
		map->sides[side].places =
			(uint32_t *)(void *)(line + 2 * lines) + side * lines * INSPECT_SECTION_PLACES;
		map->sides[side].epoch = 0;
		map->sides[side].sections = 0;
		map->sides[side].groups = 0;
		map->sides[side].runs = 0;
		inspect_clear_side(map, &map->sides[side]);
	}
	return INSPECT_OK;
}

/* ---- The notifier ------------------------------------------------------------------------------------ */

/* A change that is told, and who has heard how it ended. */
struct inspect_pass {
	struct inspect_notifier *notifier;
	/* Where this thread has written that it is inside. */
	uintptr_t *place;
};

/*
 * Lets a thread in that is not inside, and takes the lock. A lock alone cannot refuse re-entrancy: a signal
 * handler may interrupt its thread inside the lock's own code, and would wait for itself. So a thread writes
 * down that it is here before it touches the lock.
 */
static int inspect_enter(struct inspect_notifier *notifier, struct inspect_pass *pass)
{
	const struct inspect_lock *lock = notifier->lock;
	const uintptr_t thread = lock == NULL ? 1 : lock->thread(lock->context);
	uint32_t i;

	/* Only this thread and its handlers write this number: what is not there now does not come. */
	for (i = 0; i < INSPECT_NOTIFIER_THREADS; i++) {
		if (__atomic_load_n(&notifier->threads[i], __ATOMIC_RELAXED) == thread)
			return INSPECT_E_REENTRANT;
	}
	for (i = 0; i < INSPECT_NOTIFIER_THREADS; i++) {
		uintptr_t nobody = 0;

		pass->place = &notifier->threads[i];
		if (!__atomic_compare_exchange_n(pass->place, &nobody, thread, false, __ATOMIC_RELAXED,
						 __ATOMIC_RELAXED))
			continue;
		/* The lock orders threads; here only a handler on this thread has to see the number. */
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		pass->notifier = notifier;
		if (lock != NULL)
			lock->lock(lock->context);
		return INSPECT_OK;
	}
	return INSPECT_E_CROWDED;
}

static void inspect_leave(struct inspect_pass *pass)
{
	const struct inspect_lock *lock = pass->notifier->lock;

	if (lock != NULL)
		lock->unlock(lock->context);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	__atomic_store_n(pass->place, 0, __ATOMIC_RELAXED);
}

/* Those that prepared, the last one first; or everyone, the first one first. */
static void inspect_roll_back(struct inspect_notifier *notifier, struct inspect_subscriber *prepared,
			      const struct inspect_change *change)
{
	struct inspect_subscriber *subscriber;

	if ((notifier->flags & INSPECT_NOTIFIER_LIKE_LINUX) != 0) {
		for (subscriber = notifier->first; subscriber != NULL; subscriber = subscriber->after)
			subscriber->cancel(subscriber, change);
		return;
	}
	for (subscriber = prepared; subscriber != NULL; subscriber = subscriber->before)
		subscriber->cancel(subscriber, change);
}

/* Asks everyone, and then the action. What has prepared is the last subscriber that did. */
static int inspect_prepare(struct inspect_notifier *notifier, const struct inspect_change *change,
			   int (*action)(void *context), void *context, struct inspect_refusal *refusal,
			   struct inspect_subscriber **prepared)
{
	struct inspect_subscriber *subscriber;

	*prepared = NULL;
	for (subscriber = notifier->first; subscriber != NULL; subscriber = subscriber->after) {
		refusal->reason = subscriber->prepare(subscriber, change);
		if (refusal->reason != NULL) {
			refusal->subscriber = subscriber;
			return INSPECT_E_VETO;
		}
		*prepared = subscriber;
	}
	refusal->result = action == NULL ? 0 : action(context);
	return refusal->result == 0 ? INSPECT_OK : INSPECT_E_ACTION;
}

int inspect_notify(struct inspect_notifier *notifier, const struct inspect_change *change,
		   int (*action)(void *context), void *context, struct inspect_refusal *refusal)
{
	struct inspect_subscriber *subscriber, *prepared;
	struct inspect_refusal unused;
	struct inspect_pass pass;
	int result;

	if (refusal == NULL)
		refusal = &unused;
	refusal->subscriber = NULL;
	refusal->reason = NULL;
	refusal->result = 0;
	result = inspect_enter(notifier, &pass);
	if (result != INSPECT_OK)
		return result;
	result = inspect_prepare(notifier, change, action, context, refusal, &prepared);
	if (result == INSPECT_OK) {
		(void)__atomic_add_fetch(&notifier->epoch, 1, __ATOMIC_ACQ_REL);
		for (subscriber = notifier->first; subscriber != NULL; subscriber = subscriber->after)
			subscriber->commit(subscriber, change);
	} else {
		inspect_roll_back(notifier, prepared, change);
	}
	inspect_leave(&pass);
	return result;
}

/* Behind those of the same priority. */
static void inspect_link_subscriber(struct inspect_notifier *notifier, struct inspect_subscriber *subscriber)
{
	struct inspect_subscriber *after = notifier->first;

	while (after != NULL && after->priority >= subscriber->priority)
		after = after->after;
	subscriber->notifier = notifier;
	subscriber->after = after;
	subscriber->before = after == NULL ? notifier->last : after->before;
	*(after == NULL ? &notifier->last : &after->before) = subscriber;
	*(subscriber->before == NULL ? &notifier->first : &subscriber->before->after) = subscriber;
}

int inspect_subscribe_with_replay(struct inspect_notifier *notifier, struct inspect_subscriber *subscriber,
				  const void *(*existing)(void *context), void *context)
{
	struct inspect_change change;
	struct inspect_pass pass;
	int result = inspect_enter(notifier, &pass);

	if (result != INSPECT_OK)
		return result;
	if (subscriber->notifier != NULL) {
		result = INSPECT_E_SUBSCRIBER;
	} else {
		change.kind = INSPECT_CHANGE_ADD;
		change.before = NULL;
		while (existing != NULL && (change.region = existing(context)) != NULL)
			subscriber->commit(subscriber, &change);
		inspect_link_subscriber(notifier, subscriber);
	}
	inspect_leave(&pass);
	return result;
}

int inspect_subscribe(struct inspect_notifier *notifier, struct inspect_subscriber *subscriber)
{
	return inspect_subscribe_with_replay(notifier, subscriber, NULL, NULL);
}

int inspect_unsubscribe(struct inspect_notifier *notifier, struct inspect_subscriber *subscriber)
{
	struct inspect_subscriber *before, *after;
	struct inspect_pass pass;
	int result = inspect_enter(notifier, &pass);

	if (result != INSPECT_OK)
		return result;
	if (subscriber->notifier != notifier) {
		result = INSPECT_E_SUBSCRIBER;
	} else {
		before = subscriber->before;
		after = subscriber->after;
		*(before == NULL ? &notifier->first : &before->after) = after;
		*(after == NULL ? &notifier->last : &after->before) = before;
		subscriber->notifier = NULL;
	}
	inspect_leave(&pass);
	return result;
}

uintptr_t inspect_notifier_epoch(const struct inspect_notifier *notifier)
{
	return __atomic_load_n(&notifier->epoch, __ATOMIC_ACQUIRE);
}

/* Tells a callback of Linux what its notifier would have told it. */
static int inspect_tell_ported(struct inspect_subscriber *subscriber, const struct inspect_change *change,
			       unsigned long added, unsigned long removed)
{
	const struct inspect_ported *ported = (const struct inspect_ported *)subscriber->context;
	/* Linux hands out what callbacks may write to; they agree with whoever makes the changes. */
	void *region = (void *)(uintptr_t)change->region;

	if (change->kind == INSPECT_CHANGE_ADD)
		return ported->callback(ported->block, added, region);
	if (change->kind == INSPECT_CHANGE_REMOVE)
		return ported->callback(ported->block, removed, region);
	return INSPECT_NOTIFY_DONE;
}

static const char *inspect_ported_prepare(struct inspect_subscriber *subscriber,
					  const struct inspect_change *change)
{
	const int reply =
		inspect_tell_ported(subscriber, change, INSPECT_MEM_GOING_ONLINE, INSPECT_MEM_GOING_OFFLINE);

	/* NOTIFY_STOP asks for no error, and hides nothing from those that come later. */
	if ((reply & ~INSPECT_NOTIFY_STOP_MASK) <= INSPECT_NOTIFY_OK && reply >= 0)
		return NULL;
	return "its callback returned NOTIFY_BAD";
}

static void inspect_ported_commit(struct inspect_subscriber *subscriber, const struct inspect_change *change)
{
	(void)inspect_tell_ported(subscriber, change, INSPECT_MEM_ONLINE, INSPECT_MEM_OFFLINE);
}

static void inspect_ported_cancel(struct inspect_subscriber *subscriber, const struct inspect_change *change)
{
	(void)inspect_tell_ported(subscriber, change, INSPECT_MEM_CANCEL_ONLINE, INSPECT_MEM_CANCEL_OFFLINE);
}

void inspect_port(struct inspect_ported *ported, const char *name,
		  int (*callback)(struct notifier_block *block, unsigned long action, void *region),
		  struct notifier_block *block)
{
	ported->subscriber.name = name;
	ported->subscriber.prepare = inspect_ported_prepare;
	ported->subscriber.commit = inspect_ported_commit;
	ported->subscriber.cancel = inspect_ported_cancel;
	ported->subscriber.context = ported;
	ported->subscriber.priority = 0;
	ported->subscriber.notifier = NULL;
	ported->subscriber.before = NULL;
	ported->subscriber.after = NULL;
	ported->callback = callback;
	ported->block = block;
}

/* ---- Region sets ------------------------------------------------------------------------------------- */

/* Member by member, and seen from outside: compilers make library calls of larger copies. */
static void inspect_copy_range(struct inspect_range *to, const struct inspect_range *from)
{
	to->first = from->first;
	to->last = from->last;
}

static void inspect_copy_region(struct inspect_owned_region *to, const struct inspect_owned_region *from)
{
	inspect_copy_range(&to->range, &from->range);
	to->owner = from->owner;
	__asm__ volatile("" : : : "memory");
}

void inspect_region_set_init(struct inspect_region_set *set, struct inspect_owned_region *regions,
			     size_t capacity)
{
	set->regions = regions;
	set->count = 0;
	set->capacity = capacity;
}

/* The index of the first region that does not end below an address. */
static size_t inspect_first_ending_at(const struct inspect_region_set *set, uint64_t address)
{
	size_t low = 0;
	size_t high = set->count;

	/* Most sets are built in ascending order, where the answer is the end. */
	if (high > 0 && set->regions[high - 1].range.last < address)
		return high;
	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (set->regions[middle].range.last < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The index behind the last region that begins at an address or below. */
static size_t inspect_behind(const struct inspect_region_set *set, size_t begin, uint64_t last)
{
	size_t low = begin;
	size_t high = set->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (set->regions[middle].range.first <= last)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* What is in a region and in a range as well, which is something. */
static void inspect_clip(struct inspect_range *part, const struct inspect_owned_region *region,
			 const struct inspect_range *range)
{
	part->first = region->range.first > range->first ? region->range.first : range->first;
	part->last = region->range.last < range->last ? region->range.last : range->last;
}

/* Makes room at an index, which there is. */
static void inspect_move_up(struct inspect_region_set *set, size_t index)
{
	size_t i;

	for (i = set->count; i > index; i--)
		inspect_copy_region(&set->regions[i], &set->regions[i - 1]);
	set->count++;
}

/* Takes the regions from one index up to another out. */
static void inspect_move_down(struct inspect_region_set *set, size_t begin, size_t end)
{
	for (; end < set->count; begin++, end++)
		inspect_copy_region(&set->regions[begin], &set->regions[end]);
	set->count = begin;
}

int inspect_region_insert(struct inspect_region_set *set, struct inspect_range range, void *owner,
			  struct inspect_owned_region *present)
{
	size_t index;

	if (range.last < range.first)
		return INSPECT_E_RANGE;
	index = inspect_first_ending_at(set, range.first);
	if (index < set->count && set->regions[index].range.first <= range.last) {
		if (present != NULL)
			inspect_copy_region(present, &set->regions[index]);
		return INSPECT_E_OVERLAP;
	}
	if (set->count == set->capacity)
		return INSPECT_E_NO_ROOM;
	inspect_move_up(set, index);
	inspect_copy_range(&set->regions[index].range, &range);
	set->regions[index].owner = owner;
	return INSPECT_OK;
}

/* How many bytes of some regions are in a range. */
static uint64_t inspect_bytes_in(const struct inspect_region_set *set, size_t begin, size_t end,
				 const struct inspect_range *range)
{
	struct inspect_range part;
	uint64_t bytes = 0;

	for (; begin < end; begin++) {
		inspect_clip(&part, &set->regions[begin], range);
		bytes += part.last - part.first + 1;
		/* Only all of the space is as many as none. */
		if (bytes == 0)
			return ~0ull;
	}
	return bytes;
}

int inspect_region_remove(struct inspect_region_set *set, struct inspect_range range,
			  struct inspect_removed *removed)
{
	bool is_cut_below, is_cut_above;
	struct inspect_removed taken;
	size_t begin, end;

	if (range.last < range.first)
		return INSPECT_E_RANGE;
	begin = inspect_first_ending_at(set, range.first);
	end = inspect_behind(set, begin, range.last);
	taken.regions = end - begin;
	taken.bytes = inspect_bytes_in(set, begin, end, &range);
	is_cut_below = begin < end && set->regions[begin].range.first < range.first;
	is_cut_above = begin < end && set->regions[end - 1].range.last > range.last;
	if (is_cut_below && is_cut_above && end - begin == 1) {
		if (set->count == set->capacity)
			return INSPECT_E_NO_ROOM;
		inspect_move_up(set, end);
		inspect_copy_region(&set->regions[end], &set->regions[begin]);
		end++;
	}
	if (is_cut_below)
		set->regions[begin++].range.last = range.first - 1;
	if (is_cut_above)
		set->regions[--end].range.first = range.last + 1;
	if (begin < end)
		inspect_move_down(set, begin, end);
	if (removed != NULL) {
		removed->regions = taken.regions;
		removed->bytes = taken.bytes;
	}
	return INSPECT_OK;
}

const struct inspect_owned_region *inspect_region_find(const struct inspect_region_set *set, uint64_t address)
{
	const size_t index = inspect_first_ending_at(set, address);

	return index < set->count && set->regions[index].range.first <= address ? &set->regions[index] : NULL;
}

int inspect_region_walk(const struct inspect_region_set *set, struct inspect_range range,
			int (*visit)(const struct inspect_range *part, void *owner, void *context), void *context,
			size_t *visited)
{
	size_t index = inspect_first_ending_at(set, range.first);
	size_t count = 0;
	struct inspect_range part;
	int result = 0;

	for (; result == 0 && index < set->count && set->regions[index].range.first <= range.last; index++) {
		const struct inspect_owned_region *region = &set->regions[index];

		inspect_clip(&part, region, &range);
		result = visit(&part, region->owner, context);
		count++;
	}
	if (visited != NULL)
		*visited = count;
	return result;
}

void inspect_region_holes(const struct inspect_region_set *set, struct inspect_range range,
			  struct inspect_holes *holes)
{
	holes->set = set;
	holes->index = inspect_first_ending_at(set, range.first);
	inspect_copy_range(&holes->rest, &range);
	holes->more = range.first <= range.last;
}

bool inspect_hole_next(struct inspect_holes *holes, struct inspect_hole *hole)
{
	while (holes->more) {
		const struct inspect_owned_region *regions = holes->set->regions;
		const size_t index = holes->index;

		inspect_copy_range(&hole->range, &holes->rest);
		hole->below = index > 0 ? &regions[index - 1] : NULL;
		hole->above = index < holes->set->count ? &regions[index] : NULL;
		if (hole->above == NULL) {
			holes->more = false;
			return true;
		}
		holes->index++;
		holes->more = hole->above->range.last < holes->rest.last;
		if (holes->more)
			holes->rest.first = hole->above->range.last + 1;
		if (hole->above->range.first > hole->range.first) {
			if (hole->above->range.first <= hole->range.last)
				hole->range.last = hole->above->range.first - 1;
			return true;
		}
	}
	return false;
}

bool inspect_region_covers(const struct inspect_region_set *set, struct inspect_range range)
{
	uint64_t first = range.first;
	size_t index;

	for (index = inspect_first_ending_at(set, first); index < set->count; index++) {
		const struct inspect_range *here = &set->regions[index].range;

		if (here->first > first)
			return false;
		if (here->last >= range.last)
			return true;
		first = here->last + 1;
	}
	return false;
}

/* What is left out first of two holes: the larger, and of two as large the lower. */
static bool inspect_is_worse(const struct inspect_range *hole, const struct inspect_range *than)
{
	const uint64_t bytes = hole->last - hole->first;
	const uint64_t than_bytes = than->last - than->first;

	return bytes < than_bytes || (bytes == than_bytes && hole->first > than->first);
}

static bool inspect_is_above(const struct inspect_range *range, const struct inspect_range *than)
{
	return range->first > than->first;
}

static void inspect_swap_ranges(struct inspect_range *one, struct inspect_range *other)
{
	struct inspect_range first;

	inspect_copy_range(&first, one);
	inspect_copy_range(one, other);
	inspect_copy_range(other, &first);
}

/* Moves an element of a heap to where it belongs, downwards. */
static void inspect_sift_ranges(struct inspect_range *heap, size_t count, size_t parent,
				bool (*is_over)(const struct inspect_range *one,
						const struct inspect_range *other))
{
	for (;;) {
		size_t child = 2 * parent + 1;

		if (child >= count)
			return;
		if (child + 1 < count && is_over(&heap[child + 1], &heap[child]))
			child++;
		if (!is_over(&heap[child], &heap[parent]))
			return;
		inspect_swap_ranges(&heap[parent], &heap[child]);
		parent = child;
	}
}

/* Offers a hole to a heap of the best ones, the worst of them on top. */
static void inspect_keep_hole(struct inspect_range *heap, size_t *count, size_t most,
			      const struct inspect_range *hole)
{
	size_t child;

	if (*count == most) {
		if (most == 0 || !inspect_is_worse(&heap[0], hole))
			return;
		inspect_copy_range(&heap[0], hole);
		inspect_sift_ranges(heap, most, 0, inspect_is_worse);
		return;
	}
	child = (*count)++;
	inspect_copy_range(&heap[child], hole);
	while (child > 0 && inspect_is_worse(&heap[child], &heap[(child - 1) / 2])) {
		inspect_swap_ranges(&heap[child], &heap[(child - 1) / 2]);
		child = (child - 1) / 2;
	}
}

/*
 * N ranges that cover everything leave out N - 1 of the holes between the first byte and the last, and any
 * N - 1 may be chosen: so the largest ones are the best choice. They stand in the output meanwhile.
 */
int inspect_region_coalesce(const struct inspect_region_set *set, struct inspect_range *ranges,
			    size_t max_regions, size_t *count, uint64_t *waste)
{
	const struct inspect_owned_region *regions = set->regions;
	struct inspect_range hole;
	uint64_t all = 0;
	uint64_t first;
	size_t holes = 0;
	size_t i;

	*count = 0;
	if (waste != NULL)
		*waste = 0;
	if (set->count == 0)
		return INSPECT_OK;
	if (max_regions == 0)
		return INSPECT_E_NO_ROOM;
	for (i = 1; i < set->count; i++) {
		hole.first = regions[i - 1].range.last + 1;
		hole.last = regions[i].range.first - 1;
		/* Between neighbours there is none. */
		if (hole.first == regions[i].range.first)
			continue;
		all += hole.last - hole.first + 1;
		inspect_keep_hole(ranges, &holes, max_regions - 1, &hole);
	}
	for (i = 0; i < holes; i++)
		all -= ranges[i].last - ranges[i].first + 1;
	for (i = holes / 2; i > 0; i--)
		inspect_sift_ranges(ranges, holes, i - 1, inspect_is_above);
	for (i = holes; i > 1; i--) {
		inspect_swap_ranges(&ranges[0], &ranges[i - 1]);
		inspect_sift_ranges(ranges, i - 1, 0, inspect_is_above);
	}
	/* Holes in ascending order become what lies around them. */
	first = regions[0].range.first;
	for (i = 0; i < holes; i++) {
		inspect_copy_range(&hole, &ranges[i]);
		ranges[i].first = first;
		ranges[i].last = hole.first - 1;
		first = hole.last + 1;
	}
	ranges[holes].first = first;
	ranges[holes].last = regions[set->count - 1].range.last;
	*count = holes + 1;
	if (waste != NULL)
		*waste = all;
	return INSPECT_OK;
}

/* ---- Words for errors -------------------------------------------------------------------------------- */

const char *inspect_hotplug_error_text(int error)
{
	switch (error) {
	case INSPECT_OK:
		return "no error";
	case INSPECT_E_BUSY:
		return "somebody else is changing the map; try again, or put writers behind a lock";
	case INSPECT_E_RANGE:
		return "the range is empty or ends above the last address; shorten it";
	case INSPECT_E_OVERLAP:
		return "some of the range belongs to another region; remove that one first, or insert the holes";
	case INSPECT_E_NO_ROOM:
		return "there is no room for as many regions or groups of sections; remove some, or give more memory";
	case INSPECT_E_SPACE:
		return "a section's size has to be a power of two, and the base a multiple of it";
	case INSPECT_E_PARTIAL:
		return "the range is not made of whole sections; give whole ones, or declare the space to round";
	case INSPECT_E_BUDGET:
		return "the device would need more regions than it takes; map stretches with fewer holes";
	case INSPECT_E_HARDWARE:
		return "the sections do not fit in the device's space; remove some, or choose a lower base";
	case INSPECT_E_VETO:
		return "a subscriber refused the change";
	case INSPECT_E_ACTION:
		return "the change failed and was rolled back";
	case INSPECT_E_REENTRANT:
		return "a callback called its own notifier; do it when the change is over, or on another one";
	case INSPECT_E_CROWDED:
		return "too many threads wait for the notifier; try again";
	case INSPECT_E_SUBSCRIBER:
		return "the subscriber is on a notifier already, or not on this one";
	default:
		return "an error of a later version";
	}
}

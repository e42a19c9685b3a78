/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Memory that comes and goes: section maps from sparse addresses to a device's dense ones, subscribers that
 * hear of changes before they happen and may refuse them, and sets of address ranges.
 *
 * Everything stands in memory of the caller. There is no allocation and no library function; the only lock
 * is one that the caller brings. `inspect_hotplug.c` needs this header and `inspect.h`, not the runtime.
 */
#ifndef INSPECT_HOTPLUG_H
#define INSPECT_HOTPLUG_H

#include "inspect.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the functions below return beside INSPECT_OK, INSPECT_E_MEMORY and INSPECT_E_BUSY. */
#define INSPECT_E_RANGE (-32)
#define INSPECT_E_OVERLAP (-33)
#define INSPECT_E_NO_ROOM (-34)
#define INSPECT_E_SPACE (-35)
#define INSPECT_E_PARTIAL (-36)
#define INSPECT_E_BUDGET (-37)
#define INSPECT_E_HARDWARE (-38)
#define INSPECT_E_VETO (-39)
#define INSPECT_E_ACTION (-40)
#define INSPECT_E_REENTRANT (-41)
#define INSPECT_E_CROWDED (-42)
#define INSPECT_E_SUBSCRIBER (-43)

/** inspect_hotplug_error_text() - what went wrong and what helps, in a sentence without a full stop */
INSPECT_API
const char *inspect_hotplug_error_text(int error);

/* ---- Ranges ------------------------------------------------------------------------------------------ */

/**
 * struct inspect_range - at least one byte, and all bytes from the first to the last
 *
 * So that it never wraps, and may end with the last byte of a 64-bit space.
 */
struct inspect_range {
	uint64_t first;
	uint64_t last;
};

/** inspect_range_of() - so many bytes from an address on; INSPECT_E_RANGE where they are none, or wrap */
INSPECT_INLINE int inspect_range_of(uint64_t first, uint64_t bytes, struct inspect_range *range)
{
	if (bytes == 0 || bytes - 1 > ~first)
		return INSPECT_E_RANGE;
	range->first = first;
	range->last = first + (bytes - 1);
	return INSPECT_OK;
}

/* ---- Section maps ------------------------------------------------------------------------------------ */

/* Consecutive sections that share a line, and places on the way back for each line. */
#define INSPECT_SECTION_GROUP 8
#define INSPECT_SECTION_PLACES 6

/** struct inspect_section_line - consecutive sections of which any is mapped, in one cache line */
struct inspect_section_line {
	/** @key: the number of the group and 1; 0 where the line is free */
	uint64_t key;
	/** @mapped: a bit for each section */
	uint32_t mapped;
	/** @beyond: how many sections behind the line the run of its last section goes on for */
	uint32_t beyond;
	/** @hardware: where each is, in sections from the base of the device's space */
	uint32_t hardware[INSPECT_SECTION_GROUP];
	/** @runs: sections from each to the end of its run; 0xffff where they are as many or more */
	uint16_t runs[INSPECT_SECTION_GROUP];
} __attribute__((aligned(8), may_alias));

INSPECT_ASSERT(sizeof(struct inspect_section_line) == 64, "sections share one cache line");

/** struct inspect_section_side - one of the two states of a map: the one that readers see, or the next */
struct inspect_section_side {
	struct inspect_section_line *lines;
	/** @places: for each hardware index, who is there: the line times the group, the place in it, and 1 */
	uint32_t *places;
	uint64_t epoch;
	uint32_t sections;
	uint32_t groups;
	uint32_t runs;
};

/**
 * struct inspect_section_map - which sections of memory a device sees, and where
 *
 * One writer and any number of readers share it. Readers take no lock, and may interrupt the writer.
 */
struct inspect_section_map {
	const struct inspect_space *space;
	/** @most_sections: as many fit between the base and the end of the device's space */
	uint64_t most_sections;
	/** @shift: the binary logarithm of the bytes of a section */
	uint32_t shift;
	uint32_t line_count;
	/** @taken: whether there is a writer */
	uint32_t taken;
	/** @generation: of what readers see; its lowest bit says which side that is */
	uintptr_t generation;
	struct inspect_section_side sides[2];
};

/**
 * INSPECT_SECTION_MAP_SIZE() - bytes of memory for a map with so many lines
 *
 * Three lines of four can be in use, each by the sections of one group of 8: 64 lines hold 384 consecutive
 * sections, but no more than 48 that are far from each other.
 */
#define INSPECT_SECTION_MAP_SIZE(lines)                                                                    \
	((size_t)(lines) * 2 * (sizeof(struct inspect_section_line) + INSPECT_SECTION_PLACES * 4) + 63)

/** struct inspect_mapping - an address on both sides */
struct inspect_mapping {
	/** @address: as the processor sees it */
	uint64_t address;
	/** @hardware: as the device sees it */
	uint64_t hardware;
	/** @bytes: how many are consecutive on both sides from here on; 2^64 are one less */
	uint64_t bytes;
	/** @epoch: in which this holds */
	uint64_t epoch;
};

/**
 * struct inspect_parts - what is at the ends of a range and does not make a section
 *
 * Of the ranges only those mean something that are said to be there.
 */
struct inspect_parts {
	bool has_head;
	bool has_tail;
	/** @head: at the beginning; also all of a range that begins and ends within one section */
	struct inspect_range head;
	struct inspect_range tail;
};

/** struct inspect_section_change - what an addition or a removal did, or why it was refused */
struct inspect_section_change {
	/** @changed: sections that were added, or removed */
	uint64_t changed;
	/** @unchanged: those that were there already, or that were not there to be removed */
	uint64_t unchanged;
	/** @left_out: what was asked for and not done, since it is no whole section */
	struct inspect_parts left_out;
	/** @taken_too: what was done beyond what was asked for, since it belongs to the same section */
	struct inspect_parts taken_too;
	/**
	 * @needed: after an error, what there would be: groups of 8 sections for INSPECT_E_NO_ROOM, sections
	 * for INSPECT_E_HARDWARE, regions for INSPECT_E_BUDGET
	 */
	uint64_t needed;
	/** @most: after an error, how many there may be */
	uint64_t most;
};

/** struct inspect_section_state - what readers see of a map as a whole */
struct inspect_section_state {
	/**
	 * @epoch: changes whenever something that was mapped no longer is, or is elsewhere; what was
	 * translated in an epoch holds as long as it lasts
	 */
	uint64_t epoch;
	uint32_t sections;
	/** @regions: that the device needs: runs of sections that are consecutive in both spaces */
	uint32_t regions;
};

/**
 * inspect_section_map_init() - makes a map in which nothing is mapped
 * @space: as a schema's header declares it; it is kept
 * @memory: for as long as the map is; as much of it is used as makes whole lines
 *
 * INSPECT_E_SPACE is a size of sections that is no power of two, or a base that is no multiple of it.
 */
INSPECT_API
int inspect_section_map_init(struct inspect_section_map *map, const struct inspect_space *space, void *memory,
			     size_t size);

/**
 * inspect_section_translate() - where an address is for the device
 *
 * False for a hole. Waits for nobody, also in a signal handler or an interrupt in the midst of a change.
 */
INSPECT_API
bool inspect_section_translate(const struct inspect_section_map *map, uint64_t address,
			       struct inspect_mapping *mapping);

/** inspect_section_translate_back() - which address the device sees at one of its own */
INSPECT_API
bool inspect_section_translate_back(const struct inspect_section_map *map, uint64_t hardware,
				    struct inspect_mapping *mapping);

/**
 * inspect_section_region() - the regions that the device needs, one after the other
 * @cursor: 0 for the first, then what the call before has left in it
 *
 * In the order of the device's addresses; false behind the last one. Each is consistent in itself and says in
 * which epoch: if all say the same, and inspect_section_map_state() does so afterwards, nothing was lost.
 */
INSPECT_API
bool inspect_section_region(const struct inspect_section_map *map, uint64_t *cursor,
			    struct inspect_mapping *mapping);

/** inspect_section_map_state() - the epoch, and what is mapped */
INSPECT_API
struct inspect_section_state inspect_section_map_state(const struct inspect_section_map *map);

/** struct inspect_section_edit - changes of a map that become visible together, or not at all */
struct inspect_section_edit {
	struct inspect_section_map *map;
	struct inspect_section_side *side;
	uint64_t sections;
	uint32_t groups;
	/** @cursor: where a stable assignment looks for room first */
	uint32_t cursor;
	bool changed;
	/** @invalidated: something that was mapped is not, or is elsewhere */
	bool invalidated;
};

/**
 * inspect_section_begin() - begins changes of a map
 *
 * INSPECT_E_BUSY while somebody else is at it: whoever wants to wait has a lock for it. What was begun has to
 * be ended, by inspect_section_commit() or inspect_section_cancel(). It takes time for all that is mapped.
 */
INSPECT_API
int inspect_section_begin(struct inspect_section_map *map, struct inspect_section_edit *edit);

/**
 * inspect_section_add() - maps the sections of a range that are not mapped yet
 * @change: what that did, or NULL
 *
 * Parts of sections at the ends are refused, left out or taken whole, as the space says, and reported. All of
 * it or nothing: after an error the edit is as it was before and may go on.
 */
INSPECT_API
int inspect_section_add(struct inspect_section_edit *edit, struct inspect_range range,
			struct inspect_section_change *change);

/**
 * inspect_section_remove() - unmaps the sections of a range that are mapped
 * @change: what that did, or NULL
 *
 * A section of which only a part is in the range goes as a whole, and that is reported: what is left would let
 * the device reach memory that is gone. Where the space rejects parts of sections, it is refused.
 */
INSPECT_API
int inspect_section_remove(struct inspect_section_edit *edit, struct inspect_range range,
			   struct inspect_section_change *change);

/**
 * inspect_section_commit() - makes the changes visible to readers, all at once
 * @state: what holds from now on; after INSPECT_E_BUDGET its regions are those that there would be; or NULL
 *
 * Ends the edit in any case. Where the device would need more regions than it takes, nothing changes. Without
 * changes, the epoch stays.
 */
INSPECT_API
int inspect_section_commit(struct inspect_section_edit *edit, struct inspect_section_state *state);

/** inspect_section_cancel() - ends an edit of which nothing becomes visible */
INSPECT_API
void inspect_section_cancel(struct inspect_section_edit *edit);

/** inspect_section_map_add() - an edit of one addition */
INSPECT_API
int inspect_section_map_add(struct inspect_section_map *map, struct inspect_range range,
			    struct inspect_section_change *change);

/** inspect_section_map_remove() - an edit of one removal */
INSPECT_API
int inspect_section_map_remove(struct inspect_section_map *map, struct inspect_range range,
			       struct inspect_section_change *change);

#ifdef __cplusplus
}
#endif

#endif

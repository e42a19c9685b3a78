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

/* ---- The notifier ------------------------------------------------------------------------------------ */

/* inspect_change.kind */
#define INSPECT_CHANGE_ADD 0u
#define INSPECT_CHANGE_REMOVE 1u
#define INSPECT_CHANGE_PROPERTIES 2u

/** struct inspect_change - what happens to a region; what that is, the callers of a notifier agree on */
struct inspect_change {
	uint32_t kind;
	/** @region: of one whose properties change, what it becomes */
	const void *region;
	/** @before: of one whose properties change, what it was; NULL otherwise */
	const void *before;
};

struct inspect_notifier;

/**
 * struct inspect_subscriber - what hears of changes, in memory of its own
 *
 * Called by whichever thread makes the change, one call at a time for each notifier. Of each change it hears
 * either a prepare that it refuses, and no more; or a prepare that it accepts, and then exactly one of commit
 * and cancel. A replayed region is a commit alone. All three have to be there; none may throw or jump away.
 *
 * Zero but for the first members, which its owner sets before it is added.
 */
struct inspect_subscriber {
	/** @name: what errors call it */
	const char *name;
	/**
	 * @prepare: whether the change may happen; takes what is needed so that the commit cannot fail
	 *
	 * Returns NULL, or the reason of a refusal, for people: "a transfer is running".
	 */
	const char *(*prepare)(struct inspect_subscriber *subscriber, const struct inspect_change *change);
	/** @commit: the change has happened */
	void (*commit)(struct inspect_subscriber *subscriber, const struct inspect_change *change);
	/** @cancel: the change that was prepared does not happen */
	void (*cancel)(struct inspect_subscriber *subscriber, const struct inspect_change *change);
	/** @context: the subscriber's own */
	void *context;
	/** @priority: higher ones are called first, equal ones in the order in which they came */
	int32_t priority;
	/** @notifier: that it is added to */
	struct inspect_notifier *notifier;
	struct inspect_subscriber *before;
	struct inspect_subscriber *after;
};

/**
 * struct inspect_lock - what keeps threads apart, and says which one is running
 *
 * In a kernel module, mutex_lock(), mutex_unlock() and current. @thread returns what no two running threads
 * have in common, and never 0; a callback that calls its own notifier is recognised by it, as is a signal
 * handler that interrupted a thread which uses the notifier.
 */
struct inspect_lock {
	void (*lock)(void *context);
	void (*unlock)(void *context);
	uintptr_t (*thread)(void *context);
	void *context;
};

/* How many threads may be inside or wait at once. */
#define INSPECT_NOTIFIER_THREADS 32

/* inspect_notifier.flags */
#define INSPECT_NOTIFIER_LIKE_LINUX 1u

/**
 * struct inspect_notifier - tells subscribers of changes before they happen
 *
 * Zero but for the first two members. Changes are told one after the other, while the lock is held, so a
 * callback must not wait for another thread that uses the same notifier, and whoever holds a lock that a
 * callback takes must not call it.
 */
struct inspect_notifier {
	/** @lock: NULL where there is only one thread and no handler */
	const struct inspect_lock *lock;
	/**
	 * @flags: with INSPECT_NOTIFIER_LIKE_LINUX, cancels go forward and to everyone, also to those that
	 * never prepared and the one that refused: for code that was written against that
	 */
	uint32_t flags;
	/** @epoch: how many changes have happened */
	uintptr_t epoch;
	struct inspect_subscriber *first;
	struct inspect_subscriber *last;
	/** @threads: those that are inside, or on their way in or out; 0 is a free place */
	uintptr_t threads[INSPECT_NOTIFIER_THREADS];
};

/** struct inspect_refusal - why a change did not happen */
struct inspect_refusal {
	/** @subscriber: that refused it, for INSPECT_E_VETO */
	struct inspect_subscriber *subscriber;
	/** @reason: what it said */
	const char *reason;
	/** @result: of the action, for INSPECT_E_ACTION */
	int result;
};

/**
 * inspect_notify() - tells everyone of a change, and makes it
 * @action: what makes it happen; 0 is success. NULL has nothing to do
 * @refusal: why it did not happen, or NULL
 *
 * Subscribers prepare, higher priority first; then the action runs; then all of them commit, in the same
 * order. After a refusal (INSPECT_E_VETO) or an error of the action (INSPECT_E_ACTION), those that prepared
 * cancel in reverse order, and nothing has happened. INSPECT_E_REENTRANT is a call out of a callback,
 * INSPECT_E_CROWDED one that may be repeated; of both nobody is told.
 */
INSPECT_API
int inspect_notify(struct inspect_notifier *notifier, const struct inspect_change *change,
		   int (*action)(void *context), void *context, struct inspect_refusal *refusal);

/** inspect_subscribe() - adds a subscriber, which hears of changes from now on */
INSPECT_API
int inspect_subscribe(struct inspect_notifier *notifier, struct inspect_subscriber *subscriber);

/**
 * inspect_subscribe_with_replay() - adds a subscriber and tells it of what is there
 * @existing: called again and again for the next region, until NULL
 *
 * Each region is committed as an addition, without a prepare, while the notifier is locked. If every change
 * goes through inspect_notify(), none falls between the walk and the first change that is told, and none is
 * told twice. INSPECT_E_SUBSCRIBER is one that is on a notifier already; it is told of nothing.
 */
INSPECT_API
int inspect_subscribe_with_replay(struct inspect_notifier *notifier, struct inspect_subscriber *subscriber,
				  const void *(*existing)(void *context), void *context);

/** inspect_unsubscribe() - removes a subscriber, which hears no more when this returns */
INSPECT_API
int inspect_unsubscribe(struct inspect_notifier *notifier, struct inspect_subscriber *subscriber);

/**
 * inspect_notifier_epoch() - how many changes have happened; it wraps around
 *
 * Commits see the number that counts their own change; prepares, cancels and replays see the one before. It
 * takes no lock: callbacks may ask.
 */
INSPECT_API
uintptr_t inspect_notifier_epoch(const struct inspect_notifier *notifier);

/* What a callback hears that was written for Linux, with the numbers of <linux/memory.h>. */
#define INSPECT_MEM_ONLINE 1ul
#define INSPECT_MEM_GOING_OFFLINE 2ul
#define INSPECT_MEM_OFFLINE 4ul
#define INSPECT_MEM_GOING_ONLINE 8ul
#define INSPECT_MEM_CANCEL_ONLINE 16ul
#define INSPECT_MEM_CANCEL_OFFLINE 32ul

/* What it answers, with the numbers of <linux/notifier.h>. */
#define INSPECT_NOTIFY_DONE 0
#define INSPECT_NOTIFY_OK 1
#define INSPECT_NOTIFY_STOP_MASK 0x8000
#define INSPECT_NOTIFY_BAD 0x8002

struct notifier_block;

/**
 * struct inspect_ported - a callback for the memory notifier of Linux as a subscriber
 *
 * It hears of additions GOING_ONLINE and then ONLINE or CANCEL_ONLINE, of removals likewise, and of replayed
 * regions ONLINE alone; Linux has no word for a change of properties. Only GOING_* can be refused, by
 * NOTIFY_BAD: what is told afterwards, everyone hears, also behind one that answers NOTIFY_STOP.
 */
struct inspect_ported {
	/** @subscriber: to be added to a notifier, once inspect_port() has made it */
	struct inspect_subscriber subscriber;
	int (*callback)(struct notifier_block *block, unsigned long action, void *region);
	struct notifier_block *block;
};

/** inspect_port() - makes a subscriber of a callback; @block is handed to it at each call */
INSPECT_API
void inspect_port(struct inspect_ported *ported, const char *name,
		  int (*callback)(struct notifier_block *block, unsigned long action, void *region),
		  struct notifier_block *block);

/* ---- Region sets ------------------------------------------------------------------------------------- */

/** struct inspect_owned_region - a range and whose it is */
struct inspect_owned_region {
	struct inspect_range range;
	void *owner;
};

/**
 * struct inspect_region_set - ranges with owners, ascending and without overlap, in an array of the caller
 *
 * Neighbours are never joined, since each was announced by somebody who will take it back.
 */
struct inspect_region_set {
	struct inspect_owned_region *regions;
	size_t count;
	/** @capacity: how many fit in the array */
	size_t capacity;
};

/** inspect_region_set_init() - makes a set without regions */
INSPECT_API
void inspect_region_set_init(struct inspect_region_set *set, struct inspect_owned_region *regions,
			     size_t capacity);

/**
 * inspect_region_insert() - adds a region
 * @present: after INSPECT_E_OVERLAP, the lowest region that is in the way; or NULL
 *
 * After INSPECT_E_OVERLAP and INSPECT_E_NO_ROOM nothing has changed.
 */
INSPECT_API
int inspect_region_insert(struct inspect_region_set *set, struct inspect_range range, void *owner,
			  struct inspect_owned_region *present);

/** struct inspect_removed - what was taken out of a set */
struct inspect_removed {
	/** @regions: how many are gone or shorter */
	size_t regions;
	/** @bytes: of them that are gone; 2^64 are one less */
	uint64_t bytes;
};

/**
 * inspect_region_remove() - takes a range out of whatever regions there are
 * @removed: what was taken, or NULL
 *
 * Regions in it go, those that reach over its ends are clipped, and one that reaches over both is split in
 * two, which takes room for one region more: without it, INSPECT_E_NO_ROOM, and nothing has changed.
 */
INSPECT_API
int inspect_region_remove(struct inspect_region_set *set, struct inspect_range range,
			  struct inspect_removed *removed);

/** inspect_region_find() - the region that an address is in, or NULL */
INSPECT_API
const struct inspect_owned_region *inspect_region_find(const struct inspect_region_set *set, uint64_t address);

/**
 * inspect_region_walk() - visits what is in a range, ascending and clipped to it
 * @visited: how many parts were visited, or NULL
 *
 * Stops at the first result that is not 0, and returns it.
 */
INSPECT_API
int inspect_region_walk(const struct inspect_region_set *set, struct inspect_range range,
			int (*visit)(const struct inspect_range *part, void *owner, void *context), void *context,
			size_t *visited);

/** struct inspect_hole - addresses that nobody owns, as many as there are in one place */
struct inspect_hole {
	struct inspect_range range;
	/** @below: the nearest region below, wherever it ends, or NULL */
	const struct inspect_owned_region *below;
	/** @above: the nearest region above, wherever it begins, or NULL */
	const struct inspect_owned_region *above;
};

/** struct inspect_holes - how far a walk over holes has come; the set must not change meanwhile */
struct inspect_holes {
	const struct inspect_region_set *set;
	size_t index;
	struct inspect_range rest;
	bool more;
};

/** inspect_region_holes() - begins a walk over what nobody owns in a range */
INSPECT_API
void inspect_region_holes(const struct inspect_region_set *set, struct inspect_range range,
			  struct inspect_holes *holes);

/** inspect_hole_next() - the next hole, ascending and clipped to the range; false behind the last one */
INSPECT_API
bool inspect_hole_next(struct inspect_holes *holes, struct inspect_hole *hole);

/** inspect_region_covers() - whether somebody owns every byte of a range */
INSPECT_API
bool inspect_region_covers(const struct inspect_region_set *set, struct inspect_range range);

/**
 * inspect_region_coalesce() - covers all regions with at most so many ranges
 * @ranges: ascending, none adjacent to the next; room for @max_regions
 * @count: how many there are
 * @waste: bytes in them that are in no region, or NULL
 *
 * No other choice of as many ranges wastes less. INSPECT_E_NO_ROOM where there are regions and @max_regions
 * is 0. Takes time for each region and the logarithm of the room, and no memory but @ranges.
 */
INSPECT_API
int inspect_region_coalesce(const struct inspect_region_set *set, struct inspect_range *ranges,
			    size_t max_regions, size_t *count, uint64_t *waste);

#ifdef __cplusplus
}
#endif

#endif

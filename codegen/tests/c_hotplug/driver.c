/*
 * A network driver of 2008, ported as it was: it keeps a map of memory for its device, takes a section out of it
 * at GOING_OFFLINE and puts it back at CANCEL_OFFLINE. What went wrong with it then does not go wrong here.
 */
#include "script.h"

#define SECTION (1ull << 24)

static const struct inspect_space space = { "adapter", SECTION, 1ull << 63, 0, 256, INSPECT_PARTIAL_REJECT, false };
static unsigned char memory[INSPECT_SECTION_MAP_SIZE(4)];
static struct inspect_section_map map;
/* Sections that the driver believes it added and removed on its own. */
static int64_t counted;
static int calls;

static int callback(struct notifier_block *block, unsigned long action, void *region)
{
	const struct inspect_range *range = (const struct inspect_range *)region;
	struct inspect_section_change change;
	int result = INSPECT_OK;

	(void)block;
	calls++;
	memset(&change, 0, sizeof(change));
	switch (action) {
	case INSPECT_MEM_GOING_ONLINE:
	case INSPECT_MEM_CANCEL_OFFLINE:
		result = inspect_section_map_add(&map, *range, &change);
		counted += (int64_t)change.changed;
		break;
	case INSPECT_MEM_GOING_OFFLINE:
	case INSPECT_MEM_CANCEL_ONLINE:
		result = inspect_section_map_remove(&map, *range, &change);
		counted -= (int64_t)change.changed;
		break;
	default:
		break;
	}
	return result == INSPECT_OK ? INSPECT_NOTIFY_OK : INSPECT_NOTIFY_BAD;
}

static bool is_refusing;

static const char *refuse(struct inspect_subscriber *subscriber, const struct inspect_change *change)
{
	(void)subscriber;
	(void)change;
	return is_refusing ? "a transfer is running" : NULL;
}

static void nothing(struct inspect_subscriber *subscriber, const struct inspect_change *change)
{
	(void)subscriber;
	(void)change;
}

static struct inspect_range sections(uint64_t first, uint64_t count)
{
	struct inspect_range range;

	CHECK(inspect_range_of(first * SECTION, count * SECTION, &range) == INSPECT_OK);
	return range;
}

static int tell(struct inspect_notifier *notifier, uint32_t kind, struct inspect_range range)
{
	struct inspect_change change;

	change.kind = kind;
	change.region = &range;
	change.before = NULL;
	return inspect_notify(notifier, &change, NULL, NULL, NULL);
}

static void drive(uint32_t flags)
{
	struct inspect_section_state before, after;
	struct inspect_subscriber busy;
	struct inspect_notifier notifier;
	struct inspect_ported driver;
	struct inspect_range half;

	memset(&notifier, 0, sizeof(notifier));
	memset(&busy, 0, sizeof(busy));
	notifier.flags = flags;
	busy.name = "busy";
	busy.priority = 1;
	busy.prepare = refuse;
	busy.commit = nothing;
	busy.cancel = nothing;
	is_refusing = false;
	counted = 0;
	inspect_port(&driver, "driver", callback, NULL);
	CHECK(inspect_section_map_init(&map, &space, memory, sizeof(memory)) == INSPECT_OK);
	CHECK(inspect_subscribe(&notifier, &busy) == INSPECT_OK);
	CHECK(inspect_subscribe(&notifier, &driver.subscriber) == INSPECT_OK);
	CHECK(tell(&notifier, INSPECT_CHANGE_ADD, sections(0, 4)) == INSPECT_OK);
	CHECK(counted == 4 && inspect_section_map_state(&map).sections == 4);

	/* The one before it refuses. Only Linux tells the driver of a cancel then, and it counts nothing twice. */
	before = inspect_section_map_state(&map);
	is_refusing = true;
	calls = 0;
	CHECK(tell(&notifier, INSPECT_CHANGE_REMOVE, sections(0, 4)) == INSPECT_E_VETO);
	after = inspect_section_map_state(&map);
	CHECK(calls == (flags == 0 ? 0 : 1));
	CHECK(counted == 4 && after.sections == 4 && after.epoch == before.epoch);
	is_refusing = false;

	/* An addition that fails half-way leaves nothing: there is room for three groups of 8. */
	CHECK(tell(&notifier, INSPECT_CHANGE_ADD, sections(16, 20)) == INSPECT_E_VETO);
	after = inspect_section_map_state(&map);
	CHECK(counted == 4 && after.sections == 4 && after.epoch == before.epoch);

	/* Removing a hole changes nothing. */
	CHECK(tell(&notifier, INSPECT_CHANGE_REMOVE, sections(100, 2)) == INSPECT_OK);
	after = inspect_section_map_state(&map);
	CHECK(counted == 4 && after.sections == 4 && after.epoch == before.epoch);

	/* Half a section is not dropped in silence: nobody who cannot map it lets it come. */
	half = sections(8, 1);
	half.last -= SECTION / 2;
	CHECK(tell(&notifier, INSPECT_CHANGE_ADD, half) == INSPECT_E_VETO);
	CHECK(counted == 4 && inspect_section_map_state(&map).sections == 4);
	CHECK(tell(&notifier, INSPECT_CHANGE_REMOVE, sections(0, 4)) == INSPECT_OK && counted == 0);
}

int main(void)
{
	drive(0);
	drive(INSPECT_NOTIFIER_LIKE_LINUX);
	return 0;
}

/*
 * Every form of annotation, as C and as C++. Each stands on a line of its own, whose last word is the name; the
 * test knows the pairs that each has to become. With MAIN it is a program that looks for them itself.
 */
#include "outside.h"
#include "tests_annotations.inspect.h"
#include "second.h"
#ifdef __cplusplus
#include <array>
#include <atomic>
#include <cstddef>
#endif

#define A(form) TESTS_ANNOTATIONS_ANNOTATE_##form
#define WITH(field) TESTS_ANNOTATIONS_WITH_##field

typedef struct tests_annotations_record record;

static record lines[4];
static const record older[2] = { { 1, { 0 } }, { 2, { 0 } } };
static struct tests_annotations_node nodes[8];
static volatile uint64_t hits;
unsigned long long misses;
static int level;
static unsigned char room[48];
static const char letters[3] = { 'a', 'b', 'c' };
static int8_t numbers[5];
static char title[16];
static uint16_t matrix[2][3];
static struct outside outside;
static int (*hook)(int);
static struct tests_annotations_node *list;
static tests_annotations_mood mood;
static uint32_t range;
static uint8_t *heap;
static const void *anything;
static record *found;
static size_t found_count;
static uint16_t used;
extern record many[];
extern unsigned char __start_image[], __stop_image[];
record many[5];

A(LOG)(lines, "lines");
A(LOG)(older, "");
A(NODE)(nodes[3], "node", INSPECT_INSTANCE(3), WITH(OWNER)(0xffffffffu));
A(COUNTER)(hits, "hits"); A(COUNTER)(misses, "misses", INSPECT_ID(0x7fffffff));
A(LEVEL)(level, "level", INSPECT_PROPERTIES(TESTS_ANNOTATIONS_FACTS_SLOW | INSPECT_SENSITIVE));
A(ROOM)(room, "room", INSPECT_SPACE(0xffff), INSPECT_TYPE(0xffffffffu));
A(ROOM)(letters, "letters");
A(ROOM)(numbers, "numbers");
A(TITLE)(title, "title");
A(MATRIX)(matrix, "matrix");
A(OUTSIDE)(outside, "outside");
A(HOOK)(hook, "hook");
A(LIST)(list, "list");
A(MOOD)(mood, "mood", WITH(MOOD)(TESTS_ANNOTATIONS_MOOD_WILD), WITH(OK)(true), WITH(LETTER)('x'));
A(LOG_RANGE)(range, "range", WITH(DELTA)(-32768), WITH(PORT)(443), WITH(SMALL)(255), WITH(OFFSET)(-1));
A(LOG_RANGE_)(many, &many[4], "many");
A(ROOM_RANGE)(__start_image, __stop_image, "image");
A(ROOM_INDIRECT)(heap, 4096, "heap");
A(ROOM_INDIRECT)(anything, sizeof(record), "anything");
A(NODE_INDIRECT)(list, sizeof(*list), "first");
A(LOG_COUNTED)(found, found_count, "found", WITH(PLACE)(~0ull), WITH(RIGHTS)(0x8000));
A(ROOM_COUNTED)(anything, used, "counted", WITH(LABEL)("a \"label\""), WITH(TAG)("eight..8"));
A(ROOM_ADDRESS)(__start_image, "start", WITH(NOTE)("n"), WITH(VERSION)(2), WITH(BUSY)(1));
A(COUNTER_ADDRESS)(hits, "where");
#ifdef __cplusplus
static std::atomic<uint64_t> shared;
A(COUNTER)(shared, "shared");
static std::array<std::byte, 4> bytes;
A(ROOM)(bytes, "bytes");
namespace inner {
namespace {
uint64_t deep;
A(COUNTER)(deep, "deep");
}
}
#elif __STDC_VERSION__ >= 201112L && !defined(__STDC_NO_ATOMICS__)
static _Atomic uint64_t shared;
A(COUNTER)(shared, "shared");
#endif
INSPECT_RECORD(TESTS_ANNOTATIONS_DESCRIPTOR, INSPECT_TEXT("class", "room"), INSPECT_TEXT("name", "registers"),
	       INSPECT_INTEGER("address", 0xfffff000u), INSPECT_INTEGER("length", 4096));

const volatile void *annotated(void);

const volatile void *annotated(void)
{
	static uint64_t local;
	A(COUNTER)(local, "local");

	return &local;
}

#ifdef MAIN
#include <stdio.h>
#include <string.h>

static unsigned char content[16] __attribute__((section("image"))) INSPECT_RETAIN = { 1 };

static uint64_t memory[INSPECT_TABLE_SIZE(sizeof(struct tests_annotations_row), 64, 2000) / 8];

static int visit(const struct inspect_entry *entry, const char *name, void *context)
{
	static const struct {
		const char *name;
		const volatile void *address;
	} expected[] = {
		{ "lines", lines },	  { "", older },	{ "node", &nodes[3] },	    { "hits", &hits },
		{ "misses", &misses },	  { "level", &level },	{ "room", room },	    { "letters", letters },
		{ "numbers", numbers },	  { "title", title },	{ "matrix", matrix },	    { "outside", &outside },
		{ "hook", &hook },	  { "list", &list },	{ "mood", &mood },	    { "range", &range },
		{ "many", many },	  { "image", content }, { "heap", &heap },	    { "anything", &anything },
		{ "first", &list },	  { "found", &found },	{ "counted", &anything },   { "start", content },
		{ "where", &hits },	  { "one line", &line_one }, { "two", &line_two },
	};
	size_t i;

	for (i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		if (strcmp(expected[i].name, name) == 0 && entry->address == (uintptr_t)expected[i].address)
			++*(int *)context;
	}
	if (strcmp("local", name) == 0 && entry->address == (uintptr_t)annotated())
		++*(int *)context;
	return 0;
}

int main(void)
{
	struct inspect_runtime_table table;
	struct inspect_adoption adoption;
	int right = 0;

	memset(&adoption, 0, sizeof(adoption));
	if (inspect_table_init(&table, memory, sizeof(memory), TESTS_ANNOTATIONS_DESCRIPTOR, 64) != INSPECT_OK ||
	    inspect_adopt_unpacked(&table, &adoption) != INSPECT_OK || inspect_for_each(&table, visit, &right) != 0)
		return 1;
	printf("%d registered, %d where they are\n", (int)adoption.registered, right);
	return 0;
}
#endif

/* Annotations that nobody has packed, as the linker left them in the section, and pairs that are at fault. */
#include "check.h"

#define SCHEMA TESTS_RUNTIME_DESCRIPTOR
#define ROW sizeof(struct tests_runtime_row)

static uint64_t one, two, secret;
static unsigned char room[48];
static uint32_t length = 3;
static uint64_t *elements;

/* The same twice, as a header that is included in two places leaves it. */
TESTS_RUNTIME_ANNOTATE_COUNTER(one, "one");
TESTS_RUNTIME_ANNOTATE_COUNTER(two, "two");
TESTS_RUNTIME_ANNOTATE_COUNTER(one, "one");
TESTS_RUNTIME_ANNOTATE_SECRET(secret, "two");
TESTS_RUNTIME_ANNOTATE_BLOCK(room, "room");

/* Every key and every field that a pair can set. */
INSPECT_RECORD(SCHEMA, INSPECT_TEXT("class", "block"), INSPECT_TEXT("name", "all"),
	       INSPECT_ADDRESS("address", &elements), INSPECT_INTEGER("length", 8), INSPECT_COUNT(length),
	       INSPECT_INTEGER("type", 3), INSPECT_INTEGER("id", 0), INSPECT_INTEGER("instance", 12),
	       INSPECT_INTEGER("properties", TESTS_RUNTIME_FACTS_RARE), INSPECT_INTEGER("owner", 0xfffffffful),
	       INSPECT_TEXT("label", "one"), INSPECT_INTEGER("port", 443),
	       INSPECT_INTEGER("delta", (uint64_t)-5), INSPECT_INTEGER("mark", 0x01020304),
	       INSPECT_TEXT("tag", "eight..8"), INSPECT_INTEGER("mood", 0), INSPECT_ADDRESS("place", &length));
/* An end, an extent of its own, registers at a known address, nothing but an address. */
INSPECT_RECORD(SCHEMA, INSPECT_TEXT("class", "block"), INSPECT_TEXT("name", "range"),
	       INSPECT_ADDRESS("end", &room[48]), INSPECT_ADDRESS("address", &room[8]));
INSPECT_RECORD(SCHEMA, INSPECT_TEXT("class", "block"), INSPECT_TEXT("name", "pointer"),
	       INSPECT_ADDRESS("address", &elements), INSPECT_INTEGER("length", 5),
	       INSPECT_INTEGER("extent", INSPECT_INDIRECT));
INSPECT_RECORD(SCHEMA, INSPECT_TEXT("class", "block"), INSPECT_TEXT("name", "registers"),
	       INSPECT_INTEGER("address", 0xfffffffff000ull), INSPECT_INTEGER("length", 4096),
	       INSPECT_INTEGER("space", INSPECT_SPACE_PHYSICAL));
INSPECT_RECORD(SCHEMA, INSPECT_TEXT("class", "block"), INSPECT_ADDRESS("address", &room[47]));

/* Annotations of a schema that this table is not of. */
static struct inspect_schema foreign;
INSPECT_RECORD(&foreign, INSPECT_TEXT("class", "unheard of"));

static struct inspect_runtime_table table;

static void fresh(uint32_t rows, size_t names)
{
	static uint64_t pool[200000];
	static size_t used;
	const size_t size = INSPECT_TABLE_SIZE(ROW, rows, names);

	CHECK(used + size / 8 <= sizeof(pool) / sizeof(pool[0]));
	EXPECT(INSPECT_OK, inspect_table_init(&table, &pool[used], size, SCHEMA, rows));
	used += size / 8;
}

/* The row of a name; there is one. */
static struct tests_runtime_row named(const char *name, uint32_t class_number)
{
	struct tests_runtime_row row, found;
	uint32_t slot;
	int count = 0;

	memset(&found, 0, sizeof(found));
	for (slot = 0; slot < table.capacity; slot++) {
		if (inspect_read(&table, slot, &row, sizeof(row)) == INSPECT_OK &&
		    strcmp(table.names + row.core.name, name) == 0 && row.core.class_number == class_number) {
			found = row;
			count++;
		}
	}
	CHECK(count == 1);
	return found;
}

static int count_live(void)
{
	struct tests_runtime_row row;
	uint32_t slot;
	int count = 0;

	for (slot = 0; slot < table.capacity; slot++)
		count += inspect_read(&table, slot, &row, sizeof(row)) == INSPECT_OK;
	return count;
}

static int found;
static struct inspect_finding last;

static void print(const struct inspect_finding *finding, void *context)
{
	++*(int *)context;
	last = *finding;
}

static struct inspect_adoption asked(void)
{
	struct inspect_adoption adoption;

	memset(&adoption, 0, sizeof(adoption));
	adoption.report = print;
	adoption.context = &found;
	found = 0;
	return adoption;
}

static void the_section_is_adopted(void)
{
	struct inspect_adoption adoption = asked();
	struct tests_runtime_row row;
	struct inspect_runtime_table other;

	fresh(16, 200);
	EXPECT(INSPECT_OK, inspect_adopt_unpacked(&table, &adoption));
	CHECK(adoption.registered == 9 && adoption.present == 1 && adoption.foreign == 1 && adoption.failed == 0);
	CHECK(found == 0 && count_live() == 9);
	/* Again: nothing twice, and what was withdrawn comes back. */
	EXPECT(INSPECT_OK, inspect_adopt_unpacked(&table, &adoption));
	CHECK(adoption.registered == 0 && adoption.present == 10 && count_live() == 9);
	*state_of(&table, 0) = 1u << 2;
	EXPECT(INSPECT_OK, inspect_adopt_unpacked(&table, NULL));
	CHECK(count_live() == 9);

	row = named("one", TESTS_RUNTIME_CLASS_COUNTER);
	CHECK(row.core.address == (uintptr_t)&one && row.core.length == 8 && row.core.extent == INSPECT_DIRECT);
	CHECK(row.core.properties == TESTS_RUNTIME_FACTS_QUICK && row.core.type != 0 && row.core.instance == 0);
	CHECK((row.core.id & INSPECT_ID_EXPLICIT) == 0 && row.core.id != 0);
	/* What the annotation is silent about has its default. */
	CHECK(row.owner == 7 && strcmp(table.names + row.label, "nobody") == 0 && inspect_be16(row.port) == 80);
	CHECK(row.delta == -2 && inspect_le32(row.mark) == 0x0a0b0c0d && row.mood == TESTS_RUNTIME_MOOD_WILD);
	CHECK(memcmp(row.tag, "none\0\0\0", 8) == 0 && memcmp(row.raw, "\1\0\2", 3) == 0);
	CHECK(row.place == 0x1122334455667788ull && row.check == 0);
	row = named("two", TESTS_RUNTIME_CLASS_SECRET);
	CHECK(row.core.address == (uintptr_t)&secret && (row.core.properties & INSPECT_SENSITIVE) != 0);
	row = named("room", TESTS_RUNTIME_CLASS_BLOCK);
	CHECK(row.core.length == sizeof(room));
	row = named("all", TESTS_RUNTIME_CLASS_BLOCK);
	CHECK(row.core.address == (uintptr_t)&elements && row.core.extent == INSPECT_COUNTED);
	CHECK(row.core.bound == (uintptr_t)&length && row.core.bound_size == sizeof(length));
	CHECK(row.core.type == 3 && row.core.id == INSPECT_ID_EXPLICIT && row.core.instance == 12);
	CHECK(row.core.properties == TESTS_RUNTIME_FACTS_RARE && row.owner == 0xffffffffu);
	CHECK(strcmp(table.names + row.label, "one") == 0 && inspect_be16(row.port) == 443);
	CHECK(row.delta == -5 && inspect_le32(row.mark) == 0x01020304);
	CHECK(memcmp(row.tag, "eight..8", 8) == 0 && row.mood == TESTS_RUNTIME_MOOD_CALM);
	CHECK(row.place == (uintptr_t)&length && memcmp(row.raw, "\1\0\2", 3) == 0);
	row = named("range", TESTS_RUNTIME_CLASS_BLOCK);
	CHECK(row.core.extent == INSPECT_RANGE && row.core.bound == row.core.address + 40);
	CHECK(named("pointer", TESTS_RUNTIME_CLASS_BLOCK).core.extent == INSPECT_INDIRECT);
	row = named("registers", TESTS_RUNTIME_CLASS_BLOCK);
	CHECK(row.core.address == 0xfffffffff000ull && row.core.space == INSPECT_SPACE_PHYSICAL);
	CHECK(named("", TESTS_RUNTIME_CLASS_BLOCK).core.extent == INSPECT_ADDRESS_ONLY);

	/* Rows for some: the rest is said to have failed. Compilers differ in what comes first. */
	other = table;
	fresh(4, 200);
	EXPECT(INSPECT_E_FULL, inspect_adopt_unpacked(&table, &adoption));
	CHECK(adoption.registered == 4 && adoption.failed + adoption.present == 6 && count_live() == 4);
	CHECK(found == (int)adoption.failed);
	/* Texts for some; of a row whose label does not fit nothing is left. */
	fresh(16, 20);
	EXPECT(INSPECT_E_NAMES_FULL, inspect_adopt_unpacked(&table, &adoption));
	CHECK(adoption.registered + adoption.failed + adoption.present == 10 && count_live() == (int)adoption.registered);
	table = other;
}

#define BEGIN INSPECT_BEGIN(SCHEMA)
#define HEAD BEGIN, INSPECT_TEXT("class", "counter"), INSPECT_TEXT("name", "x")
#define TAIL INSPECT_TEXT("file", "f.c"), INSPECT_INTEGER("line", 7), INSPECT_END()
#define AT INSPECT_ADDRESS("address", &one)

/* One record with something wrong in it: the error, and nothing registered. */
#define FAULT(expected, ...)                                                                        \
	do {                                                                                        \
		static struct inspect_pair pairs[] = { __VA_ARGS__ };                               \
		struct inspect_adoption adoption_ = asked();                                        \
		EXPECT(expected, inspect_adopt_pairs(&table, pairs, sizeof(pairs), &adoption_));    \
		CHECK(adoption_.failed == 1 && adoption_.registered == 0 && found == 1);            \
		CHECK(count_live() == 0 && *state_of(&table, 0) == 0 && last.error == (expected));  \
	} while (0)

static void faults_are_told(void)
{
	struct inspect_adoption adoption = asked();

	fresh(2, 100);
	FAULT(INSPECT_E_KEY, HEAD, AT, INSPECT_INTEGER("lenght", 8), TAIL);
	CHECK(strcmp(last.key, "lenght") == 0 && strcmp(last.name, "x") == 0);
	CHECK(strcmp(last.file, "f.c") == 0 && last.line == 7);
	FAULT(INSPECT_E_KEY, HEAD, AT, INSPECT_INTEGER("", 8), TAIL);
	FAULT(INSPECT_E_CLASS, BEGIN, INSPECT_TEXT("name", "x"), AT, TAIL);
	FAULT(INSPECT_E_CLASS, BEGIN, INSPECT_TEXT("class", "count"), AT, TAIL);
	FAULT(INSPECT_E_CLASS, BEGIN, INSPECT_TEXT("class", "counters"), AT, TAIL);
	FAULT(INSPECT_E_VALUE, BEGIN, INSPECT_INTEGER("class", 1), AT, TAIL);
	FAULT(INSPECT_E_VALUE, HEAD, INSPECT_TEXT("address", "0"), TAIL);
	FAULT(INSPECT_E_VALUE, HEAD, AT, INSPECT_ADDRESS("length", &one), TAIL);
	FAULT(INSPECT_E_VALUE, HEAD, AT, INSPECT_INTEGER("id", 0x80000000u), TAIL);
	FAULT(INSPECT_E_VALUE, HEAD, AT, INSPECT_INTEGER("type", 0x100000000ull), TAIL);
	FAULT(INSPECT_E_VALUE, HEAD, AT, INSPECT_INTEGER("space", 0x10000), TAIL);
	FAULT(INSPECT_E_VALUE, HEAD, AT, INSPECT_INTEGER("extent", 5), TAIL);
	FAULT(INSPECT_E_VALUE, HEAD, AT, INSPECT_INTEGER("count", 5), TAIL);
	FAULT(INSPECT_E_REGION, HEAD, AT, INSPECT_ADDRESS("count", &length), TAIL);
	FAULT(INSPECT_E_REGION, HEAD, INSPECT_ADDRESS("address", &room[1]), INSPECT_ADDRESS("end", &room[0]), TAIL);
	FAULT(INSPECT_E_REGION, HEAD, AT, INSPECT_INTEGER("length", ~0ull), TAIL);
	FAULT(INSPECT_E_VALUE, HEAD, AT, INSPECT_INTEGER("name", 1), TAIL);
	FAULT(INSPECT_E_VALUE, HEAD, AT, INSPECT_INTEGER("owner", 0x100000000ull), TAIL);
	FAULT(INSPECT_E_VALUE, HEAD, AT, INSPECT_INTEGER("delta", 0x10000), TAIL);
	FAULT(INSPECT_E_VALUE, HEAD, AT, INSPECT_INTEGER("delta", (uint64_t)-32769), TAIL);
	FAULT(INSPECT_E_VALUE, HEAD, AT, INSPECT_ADDRESS("port", &one), TAIL);
	FAULT(INSPECT_E_VALUE, HEAD, AT, INSPECT_TEXT("mark", "1"), TAIL);
	FAULT(INSPECT_E_VALUE, HEAD, AT, INSPECT_TEXT("tag", "nine....9"), TAIL);
	FAULT(INSPECT_E_VALUE, HEAD, AT, INSPECT_INTEGER("tag", 9), TAIL);
	FAULT(INSPECT_E_VALUE, HEAD, AT, INSPECT_INTEGER("label", 9), TAIL);
	FAULT(INSPECT_E_VALUE, HEAD, AT, INSPECT_TEXT("raw", "abc"), TAIL);
	FAULT(INSPECT_E_RECORD, HEAD, AT, INSPECT_TEXT("file", "f.c"));
	/* The next record is whole again. */
	{
		static struct inspect_pair pairs[] = { HEAD, AT, HEAD, AT, INSPECT_INTEGER("length", 8), TAIL };

		EXPECT(INSPECT_E_RECORD, inspect_adopt_pairs(&table, pairs, sizeof(pairs), &adoption));
		CHECK(adoption.failed == 1 && adoption.registered == 1 && count_live() == 1);
	}
	EXPECT(INSPECT_E_MEMORY, inspect_adopt_pairs(&table, (char *)&one + 4, 128, &adoption));
	EXPECT(INSPECT_OK, inspect_adopt_pairs(&table, NULL, 0, &adoption));
}

/* Zeros and strange bytes between records mean nothing; a text may need several pairs, and fill them. */
static void records_are_found_again(void)
{
	static struct inspect_pair whole[] = { HEAD, AT, INSPECT_INTEGER("length", 8), TAIL };
	static struct inspect_pair longer[] = { BEGIN, INSPECT_TEXT("class", "counter"), INSPECT_TEXT("name", ""),
						INSPECT_TEXT("", ""), AT, INSPECT_INTEGER("length", 8), TAIL };
	static uint64_t section[600];
	struct inspect_adoption adoption = asked();
	char text[201];
	char *at = (char *)section + 40;

	fresh(2, 300);
	memset(text, 'n', 200);
	text[200] = 0;
	longer[2].size = 256;
	memcpy((char *)&longer[2] + 56, text, 200);
	memset(section, 0, sizeof(section));
	section[1] = ~0ull;
	memcpy(at, whole, sizeof(whole));
	memcpy(at + sizeof(whole) + 24, longer, sizeof(longer));
	EXPECT(INSPECT_OK, inspect_adopt_pairs(&table, section, sizeof(section), &adoption));
	CHECK(adoption.registered == 2 && adoption.failed == 0);
	CHECK(named(text, TESTS_RUNTIME_CLASS_COUNTER).core.length == 8);
}

/* Whatever the bytes are, only they are read: the sanitizer looks. */
static void damaged_pairs_are_read_inside(void)
{
	static struct inspect_pair whole[] = { HEAD, AT, INSPECT_INTEGER("length", 8), INSPECT_TEXT("label", "l"),
					       TAIL, HEAD, AT, INSPECT_INTEGER("owner", 8), TAIL };
	struct inspect_pair *pairs = (struct inspect_pair *)malloc(sizeof(whole));
	struct inspect_runtime_table empty;
	uint64_t *memory = (uint64_t *)malloc(4096);
	uint32_t registered = 0, failed = 0;
	int round;

	for (round = 0; round < 20000; round++) {
		struct inspect_adoption adoption;
		uint32_t changes = 1 + chance(4);

		memset(&adoption, 0, sizeof(adoption));
		memcpy(pairs, whole, sizeof(whole));
		while (changes-- != 0) {
			uint32_t place = chance(sizeof(whole) / sizeof(*pairs)) * 128;

			/* In half of the cases the size or the kind, otherwise anything. */
			place += chance(2) ? 32 + chance(8) : chance(128);
			/* The address of a descriptor is the linker's and is believed. */
			((unsigned char *)pairs)[place] = (unsigned char)(chance(2) ? chance(4) : chance(256));
		}
		EXPECT(INSPECT_OK, inspect_table_init(&empty, memory, 4096, SCHEMA, 8));
		empty.linked = 1;
		(void)inspect_adopt_pairs(&empty, pairs, sizeof(whole), &adoption);
		registered += adoption.registered;
		failed += adoption.failed;
	}
	CHECK(registered > 1000 && failed > 1000);
	free(pairs);
	free(memory);
}

int main(void)
{
	the_section_is_adopted();
	faults_are_told();
	records_are_found_again();
	damaged_pairs_are_read_inside();
	(void)elements;
	return 0;
}

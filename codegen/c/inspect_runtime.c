/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Run-time tables: rows that are published and withdrawn while readers look on, a copy for a file, and the
 * root by which readers find the tables of a loaded object.
 *
 * There are no locks: a row is claimed by one compare-and-swap of its state and published by one store, so
 * registration works in signal handlers and interrupts, and a writer killed half-way loses its own row
 * only. No library function is called, but for dl_iterate_phdr(), which knows the other loaded objects of a
 * hosted program. Memory is copied by atomic words, which no compiler makes a call of.
 */
#if defined(__linux__) && !defined(__KERNEL__) && defined(__ELF__) && __STDC_HOSTED__
#define INSPECT_HOSTED 1
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <link.h>
#else
#define INSPECT_HOSTED 0
#endif

#include "inspect.h"

/* The memory of a table is the caller's, whatever its declared type. */
typedef uint32_t __attribute__((may_alias)) inspect_word;
/* What the processor reads and writes at once: rows are made of these. */
typedef uintptr_t __attribute__((may_alias)) inspect_wide;
typedef uint64_t __attribute__((may_alias)) inspect_number;

#define INSPECT_SECTIONS 5
#define INSPECT_ROWS_AT (sizeof(struct inspect_header) + INSPECT_SECTIONS * sizeof(struct inspect_section))
/* How often a row that changes is read again. */
#define INSPECT_ATTEMPTS 16
/* Bytes of memory for texts that come with the head of a list. */
#define INSPECT_HEAD_SHARE 64
/* Restrictions: whoever may not look must not find them missing. */
#define INSPECT_GUARDED (INSPECT_SENSITIVE | INSPECT_MMIO)

/* ---- Memory ------------------------------------------------------------------------------------------ */

static size_t inspect_round(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

/* Words of a row are relaxed atomics: a reader may look at any time. Sizes are multiples of 8. */
static void inspect_copy_words(void *to, const void *from, size_t size)
{
	inspect_wide *target = (inspect_wide *)to;
	const inspect_wide *source = (const inspect_wide *)from;
	size_t i;

	for (i = 0; i < size / sizeof(*target); i++)
		__atomic_store_n(&target[i], __atomic_load_n(&source[i], __ATOMIC_RELAXED), __ATOMIC_RELAXED);
}

static void inspect_copy_bytes(void *to, const void *from, size_t size)
{
	unsigned char *target = (unsigned char *)to;
	const unsigned char *source = (const unsigned char *)from;
	size_t i;

	for (i = 0; i < size; i++)
		__atomic_store_n(&target[i], __atomic_load_n(&source[i], __ATOMIC_RELAXED), __ATOMIC_RELAXED);
}

static void inspect_clear(void *memory, size_t size)
{
	inspect_wide *words = (inspect_wide *)memory;
	size_t i;

	for (i = 0; i < size / sizeof(*words); i++)
		__atomic_store_n(&words[i], 0, __ATOMIC_RELAXED);
}

/* The half of an 8-byte field that holds a pointer of this target; the other half stays 0. */
static inspect_wide *inspect_pointer(uint64_t *field)
{
	const size_t at = INSPECT_BIG_ENDIAN ? sizeof(*field) - sizeof(uintptr_t) : 0;

	return (inspect_wide *)(void *)((unsigned char *)field + at);
}

static const uint64_t *inspect_magic(void)
{
	/* An array that is not a string, since it has no NUL. */
	static const unsigned char magic[8] __attribute__((aligned(8))) = { 0x89, 'I', 'N', 'S', 'P', 'C', 'T', '\n' };

	return (const inspect_number *)(const void *)magic;
}

static bool inspect_is_table(const void *at)
{
	return __atomic_load_n((const inspect_wide *)at, __ATOMIC_ACQUIRE) ==
		       *(const inspect_wide *)(const void *)inspect_magic() &&
	       *(const inspect_number *)at == *inspect_magic();
}

static inspect_word *inspect_state(const struct inspect_runtime_table *table, uint32_t slot)
{
	return (inspect_word *)(void *)(table->rows + (size_t)slot * table->stride);
}

/* ---- The root ---------------------------------------------------------------------------------------- */

/*
 * Defined in assembly, since C cannot express that a field is the distance of two symbols. Inside the object
 * everything refers to the hidden name, so that a library never meets the root of the executable, and no
 * read-only section needs a dynamic relocation. Both names are weak, because the runtime of another language
 * may stand in the same object: then one root serves both.
 */
#if __SIZEOF_POINTER__ == 8
#define INSPECT_ASM_WORD(value) "\t.8byte " value "\n"
#elif INSPECT_BIG_ENDIAN
#define INSPECT_ASM_WORD(value) "\t.4byte 0\n\t.4byte " value "\n"
#else
#define INSPECT_ASM_WORD(value) "\t.4byte " value "\n\t.4byte 0\n"
#endif

#if INSPECT_BIG_ENDIAN
#define INSPECT_ASM_ORDER "2"
#else
#define INSPECT_ASM_ORDER "1"
#endif

#if __SIZEOF_POINTER__ == 8
#define INSPECT_ASM_WORD_SIZE "8"
#else
#define INSPECT_ASM_WORD_SIZE "4"
#endif

/*
 * The linker names the bounds of the section in whatever it links; in firmware the linker script may have to.
 * In a module, which the kernel links, nobody does: there the root leads to the runtime's own part of the
 * section, until the module is packed.
 */
#ifdef __KERNEL__
#define INSPECT_ASM_TABLES                                                                 \
	"\t.pushsection inspect_table, \"" INSPECT_SECTION_FLAGS "\", %progbits\n" \
	"\t.balign 8\n"                                                                      \
	".Linspect_tables:\n"                                                                \
	"\t.8byte 0\n"                                                                       \
	".Linspect_tables_end:\n"                                                            \
	"\t.popsection\n"
#define INSPECT_ASM_START ".Linspect_tables"
#define INSPECT_ASM_STOP ".Linspect_tables_end"
#else
#define INSPECT_ASM_TABLES                  \
	"\t.hidden __start_inspect_table\n" \
	"\t.hidden __stop_inspect_table\n"
#define INSPECT_ASM_START "__start_inspect_table"
#define INSPECT_ASM_STOP "__stop_inspect_table"
#endif

#ifdef __ELF__
#ifndef __KERNEL__
/* The section exists even where nothing is annotated, and so do its bounds. */
static INSPECT_CONSTINIT uint64_t inspect_table_room
	__attribute__((section("inspect_table"), aligned(8))) INSPECT_RETAIN = 0;
#endif

__asm__(INSPECT_ASM_TABLES
	/* What remains when the symbols are stripped; first, since Clang 14 knows no distance to what it has seen. */
	"\t.pushsection .note.inspect, \"a\", %note\n"
	"\t.balign 4\n"
	"\t.4byte 8, 8, 1\n"
	"\t.asciz \"INSPECT\"\n"
	".Linspect_note:\n"
	INSPECT_ASM_WORD("inspect_root_here - .Linspect_note")
	"\t.popsection\n"
	"\t.pushsection .data.inspect_root, \"aw\", %progbits\n"
	"\t.balign 8\n"
	"\t.weak inspect_root\n"
	"\t.type inspect_root, %object\n"
	"\t.size inspect_root, 64\n"
	"\t.weak inspect_root_here\n"
	"\t.hidden inspect_root_here\n"
	"\t.type inspect_root_here, %object\n"
	"\t.size inspect_root_here, 64\n"
	"inspect_root:\n"
	"inspect_root_here:\n"
	".Linspect_root:\n"
	"\t.byte 0x89, 0x49, 0x4e, 0x53, 0x50, 0x52, 0x54, 0x0a\n"
	"\t.byte " INSPECT_ASM_ORDER ", " INSPECT_ASM_WORD_SIZE "\n"
	"\t.2byte 1\n"
	"\t.4byte 64\n"
	INSPECT_ASM_WORD(INSPECT_ASM_START " - .Linspect_root")
	INSPECT_ASM_WORD(INSPECT_ASM_STOP " - .Linspect_root")
	INSPECT_ASM_WORD("0")
	INSPECT_ASM_WORD("0")
	INSPECT_ASM_WORD(".Linspect_root")
	INSPECT_ASM_WORD("0")
	"\t.popsection\n");

extern struct inspect_root inspect_root_here __attribute__((visibility("hidden")));
#else
/* Other object formats have neither notes nor names for the bounds: only tables of this run are found. */
static struct inspect_root inspect_root_here = { { 0x89, 'I', 'N', 'S', 'P', 'R', 'T', '\n' },
						 INSPECT_BIG_ENDIAN ? INSPECT_BIG : INSPECT_LITTLE,
						 (uint8_t)sizeof(void *),
						 INSPECT_H_FORMAT,
						 sizeof(struct inspect_root),
						 0,
						 0,
						 0,
						 0,
						 0,
						 0 };
#endif

/* A counter that no two starts meet at the same value; 0 where none can be read without privileges. */
static uint64_t inspect_cycles(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t cycles;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(cycles));
	return cycles;
#elif defined(__powerpc64__)
	return __builtin_ppc_get_timebase();
#elif defined(__s390x__)
	uint64_t cycles;

	__asm__ volatile("stckf %0" : "=Q"(cycles) : : "cc");
	return cycles;
#elif defined(__riscv) && __riscv_xlen == 64 && defined(__linux__)
	uint64_t cycles;

	__asm__ volatile("rdtime %0" : "=r"(cycles));
	return cycles;
#else
	return 0;
#endif
}

/* Bits of the one number show in all bits of the other. */
static uint64_t inspect_mix(uint64_t value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ull;
	value = (value ^ value >> 27) * 0x94d049bb133111ebull;
	return value ^ value >> 31;
}

/* Decides a number that nobody has decided yet, and returns what was decided. Nothing is 0 afterwards. */
static uint64_t inspect_settle(uint64_t *number, uint64_t own)
{
#if __SIZEOF_POINTER__ == 8 || defined(__GCC_HAVE_SYNC_COMPARE_AND_SWAP_8)
	/* Where the type alone has a smaller alignment, Clang would call a library. */
	typedef uint64_t __attribute__((aligned(8))) aligned_number;
	aligned_number *place = (aligned_number *)(void *)number;
	uint64_t seen = 0;

	own += own == 0;
	if (__atomic_compare_exchange_n(place, &seen, own, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return own;
	return seen;
#else
	/* Half by half: a mixture is as good where only the difference matters. */
	inspect_word *halves = (inspect_word *)(void *)number;
	uint32_t upper = 0;
	uint32_t lower = 0;

	(void)__atomic_compare_exchange_n(&halves[INSPECT_BIG_ENDIAN ? 0 : 1], &upper, (uint32_t)(own >> 32) | 1,
					  false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
	(void)__atomic_compare_exchange_n(&halves[INSPECT_BIG_ENDIAN ? 1 : 0], &lower, (uint32_t)own | 1, false,
					  __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
	upper = __atomic_load_n(&halves[INSPECT_BIG_ENDIAN ? 0 : 1], __ATOMIC_RELAXED);
	lower = __atomic_load_n(&halves[INSPECT_BIG_ENDIAN ? 1 : 0], __ATOMIC_RELAXED);
	return (uint64_t)upper << 32 | lower;
#endif
}

/* Whoever comes first decides the nonce. */
static uint64_t inspect_nonce(uint64_t seed)
{
	const uint64_t here = inspect_mix((uintptr_t)__builtin_frame_address(0)) ^
			      inspect_mix((uintptr_t)&inspect_root_here);

	return inspect_settle(&inspect_root_here.nonce, inspect_mix(seed ^ here));
}

void inspect_seed(uint64_t seed)
{
	(void)inspect_nonce(inspect_mix(seed) ^ inspect_cycles());
}

/*
 * Appends a table to the root's chain. Nothing is claimed: a table is in the chain once, whoever appends it
 * and however often, and a thread that dies here has appended it or has not.
 */
static void inspect_link(struct inspect_runtime_table *table)
{
	const uintptr_t own = (uintptr_t)table->header;
	inspect_wide *word = inspect_pointer(&inspect_root_here.runtime_table);
	const uint64_t nonce = inspect_nonce(inspect_cycles());

	inspect_copy_words(&table->header->nonce, &nonce, sizeof(nonce));
	for (;;) {
		uintptr_t next = 0;

		if (__atomic_compare_exchange_n(word, &next, own, false, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE) ||
		    next == own)
			break;
		word = inspect_pointer(&((struct inspect_header *)next)->next);
	}
	__atomic_store_n(&table->linked, 1, __ATOMIC_RELAXED);
}

/* ---- Making a table ---------------------------------------------------------------------------------- */

static void inspect_set_section(struct inspect_section *section, uint32_t kind, uint64_t offset, uint64_t size)
{
	section->kind = kind;
	section->flags = 0;
	section->offset = offset;
	section->size = size;
}

/* Offsets count from the header, modulo the word size: blobs lie where the linker put them. */
static uint64_t inspect_distance(const void *from, const void *to)
{
	return (uintptr_t)to - (uintptr_t)from;
}

static void inspect_fill_header(struct inspect_header *header, const struct inspect_schema *schema)
{
	header->byte_order = INSPECT_BIG_ENDIAN ? INSPECT_BIG : INSPECT_LITTLE;
	header->word_size = (uint8_t)sizeof(void *);
	header->format = INSPECT_H_FORMAT;
	header->header_size = sizeof(struct inspect_header);
	header->flags = 0;
	header->section_count = INSPECT_SECTIONS;
	header->schema_version = schema->version;
	header->entry_size = schema->entry_size;
	header->fingerprint = schema->fingerprint;
	header->reserved = 0;
	header->checksum = 0;
	header->arena_used = 0;
	header->self_address = 0;
	header->nonce = 0;
	header->schema = schema->schema;
	header->next = 0;
}

/* The magic comes last: until then there is no table. */
static void inspect_set_magic(struct inspect_header *header)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
	inspect_copy_words(header, inspect_magic(), sizeof(header->magic));
}

/* Stripes begin at equal distances, so that threads fill lines of their own. */
static void inspect_start_hints(struct inspect_runtime_table *table)
{
	uint32_t i;

	table->stack = 0;
	for (i = 0; i < INSPECT_STRIPES; i++)
		table->hints[i].slot = table->capacity / INSPECT_STRIPES * i;
}

int inspect_table_init(struct inspect_runtime_table *table, void *memory, size_t size,
		       const struct inspect_schema *schema, uint32_t row_count)
{
	unsigned char *bytes = (unsigned char *)memory;
	struct inspect_header *header = (struct inspect_header *)memory;
	struct inspect_section *sections = (struct inspect_section *)((uintptr_t)memory + sizeof(*header));
	const size_t rows = (size_t)row_count * schema->entry_size;
	const size_t names_at = INSPECT_ROWS_AT + rows;
	size_t room;

	if (memory == NULL || ((uintptr_t)memory & 7) != 0 || size < INSPECT_ROWS_AT + 8 ||
	    schema->entry_size < sizeof(struct inspect_entry) || (schema->entry_size & 7) != 0)
		return INSPECT_E_MEMORY;
	/* At least one byte of names: the empty one. */
	if (row_count > (size - INSPECT_ROWS_AT - 8) / schema->entry_size)
		return INSPECT_E_MEMORY;
	room = (size - names_at) & ~(size_t)7;
	/* Offsets of texts have 32 bits; what lies beyond is not used. */
	if (room > 0xfffffff8u)
		room = 0xfffffff8u;
	inspect_clear(memory, names_at + room);
	table->header = header;
	table->schema = schema;
	table->rows = bytes + INSPECT_ROWS_AT;
	table->names = (char *)bytes + names_at;
	table->capacity = row_count;
	table->stride = schema->entry_size;
	table->head_count = (uint32_t)((room + INSPECT_HEAD_SHARE - 1) / INSPECT_HEAD_SHARE);
	table->names_size = (uint32_t)room - table->head_count * 4;
	table->heads = (uint32_t *)(void *)(table->names + table->names_size);
	table->linked = 0;
	inspect_start_hints(table);
	inspect_fill_header(header, schema);
	header->flags = INSPECT_TABLE_RUNTIME;
	header->total_size = names_at + room;
	header->arena_used = 1;
	header->self_address = (uintptr_t)memory;
	inspect_set_section(&sections[0], INSPECT_SECTION_ENTRIES, INSPECT_ROWS_AT, rows);
	inspect_set_section(&sections[1], INSPECT_SECTION_STRINGS, names_at, table->names_size);
	inspect_set_section(&sections[2], INSPECT_SECTION_SCHEMA, inspect_distance(memory, schema->cbor),
			    schema->cbor_size);
	inspect_set_section(&sections[3], INSPECT_SECTION_TYPES, inspect_distance(memory, schema->types),
			    schema->types_size);
	inspect_set_section(&sections[4], INSPECT_SECTION_HISTORY, inspect_distance(memory, schema->history),
			    schema->history_size);
	inspect_set_magic(header);
	return INSPECT_OK;
}

/* ---- Somebody else's table --------------------------------------------------------------------------- */

/* Whether a section lies in the block, behind the directory. */
static bool inspect_inside(const struct inspect_section *section, uint64_t start, uint64_t total)
{
	return section->offset >= start && section->offset <= total && section->size <= total - section->offset;
}

/* Finds rows and names, each at most once and both in the block; whatever else is required is unknown here. */
static int inspect_find_sections(const struct inspect_header *header, uint64_t total,
				 struct inspect_section found[2])
{
	const unsigned char *bytes = (const unsigned char *)header;
	const uint32_t start = header->header_size;
	const uint32_t count = header->section_count;
	uint32_t i;

	if (start < sizeof(*header) || (start & 7) != 0 || start > total ||
	    count > (size_t)(total - start) / sizeof(struct inspect_section))
		return INSPECT_E_TABLE;
	found[0].kind = found[1].kind = 0;
	found[0].offset = found[1].offset = found[0].size = found[1].size = 0;
	for (i = 0; i < count; i++) {
		struct inspect_section record;
		const void *at = bytes + start + i * sizeof(record);

		inspect_copy_words(&record, at, sizeof(record));
		if (record.kind == 0 || record.kind > INSPECT_SECTION_HISTORY) {
			if (record.flags & INSPECT_SECTION_REQUIRED)
				return INSPECT_E_TABLE;
		} else if (record.kind <= INSPECT_SECTION_STRINGS) {
			struct inspect_section *place = &found[record.kind - 1];

			if (place->kind != 0 || !inspect_inside(&record, start + count * sizeof(record), total))
				return INSPECT_E_TABLE;
			inspect_copy_words(place, &record, sizeof(record));
		}
	}
	return INSPECT_OK;
}

/* Makes a view of a table in memory; nothing in its header is believed before it is checked. */
static int inspect_open(struct inspect_runtime_table *table, const void *memory, uint64_t size)
{
	const struct inspect_header *header = (const struct inspect_header *)memory;
	struct inspect_section found[2];
	uint64_t total, names_end;
	uint32_t stride;

	if (size < sizeof(*header) || !inspect_is_table(header) ||
	    header->byte_order != (INSPECT_BIG_ENDIAN ? INSPECT_BIG : INSPECT_LITTLE) ||
	    header->word_size != sizeof(void *) || header->format != INSPECT_H_FORMAT)
		return INSPECT_E_TABLE;
	total = header->total_size;
	stride = header->entry_size;
	if (total > size || total > ~(uintptr_t)0 - (uintptr_t)memory || total < sizeof(*header) ||
	    stride < sizeof(struct inspect_entry) || (stride & 7) != 0 ||
	    inspect_find_sections(header, total, found) != INSPECT_OK)
		return INSPECT_E_TABLE;
	if ((found[0].offset & 7) != 0 || (size_t)found[0].size % stride != 0 ||
	    (size_t)found[0].size / stride > 0xffffffffu || found[1].size > 0xffffffffu)
		return INSPECT_E_TABLE;
	table->header = (struct inspect_header *)(uintptr_t)memory;
	table->schema = NULL;
	table->rows = (unsigned char *)table->header + (size_t)found[0].offset;
	table->names = (char *)table->header + (size_t)found[1].offset;
	table->capacity = (uint32_t)((size_t)found[0].size / stride);
	table->stride = stride;
	table->names_size = (uint32_t)found[1].size;
	table->heads = NULL;
	table->head_count = 0;
	names_end = found[1].offset + found[1].size;
	if ((header->flags & INSPECT_TABLE_RUNTIME) != 0 && (found[1].offset & 3) == 0 && (names_end & 3) == 0 &&
	    found[1].size != 0) {
		table->heads = (uint32_t *)(void *)(table->names + table->names_size);
		table->head_count = (total - names_end) / 4 > 0xffffffffu ? 0 : (uint32_t)((total - names_end) / 4);
	}
	table->linked = 1;
	inspect_start_hints(table);
	return INSPECT_OK;
}

int inspect_table_open(struct inspect_runtime_table *table, const void *memory, uint64_t size)
{
	return memory == NULL || ((uintptr_t)memory & 7) != 0 ? INSPECT_E_MEMORY : inspect_open(table, memory, size);
}

int inspect_table_attach(struct inspect_runtime_table *table, void *memory, size_t size,
			 const struct inspect_schema *schema)
{
	const struct inspect_header *header = (const struct inspect_header *)memory;
	int result;

	if (memory == NULL || ((uintptr_t)memory & 7) != 0)
		return INSPECT_E_MEMORY;
	result = inspect_open(table, memory, size);
	if (result != INSPECT_OK)
		return result;
	if (header->schema != schema->schema || header->schema_version != schema->version ||
	    header->fingerprint != schema->fingerprint || table->stride != schema->entry_size)
		return INSPECT_E_SCHEMA;
	/* Rows come first: a table whose names reach into them would be damaged by the next name. */
	if ((header->flags & INSPECT_TABLE_RUNTIME) == 0 || header->self_address != (uintptr_t)memory ||
	    table->names_size == 0 ||
	    (table->capacity != 0 &&
	     (unsigned char *)table->names < table->rows + (size_t)table->capacity * table->stride) ||
	    __atomic_load_n(&table->header->arena_used, __ATOMIC_RELAXED) > table->names_size)
		return INSPECT_E_TABLE;
	table->schema = schema;
	return INSPECT_OK;
}

/* ---- Texts ------------------------------------------------------------------------------------------- */

static size_t inspect_length(const char *text, size_t most)
{
	size_t length = 0;

	while (length < most && text[length] != 0)
		length++;
	return length;
}

static uint32_t inspect_hash(uint32_t hash, const char *text, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)text[i]) * 0x01000193u;
	return hash;
}

/* Whether a text lies at an offset, its NUL too. */
static bool inspect_is_text(const struct inspect_runtime_table *table, uint32_t offset, const char *text,
			    size_t length)
{
	size_t i;

	if (offset >= table->names_size || length >= table->names_size - offset)
		return false;
	for (i = 0; i < length; i++) {
		if (__atomic_load_n(&table->names[offset + i], __ATOMIC_RELAXED) != text[i])
			return false;
	}
	return __atomic_load_n(&table->names[offset + length], __ATOMIC_RELAXED) == 0;
}

/* The word before a text: the offset of the next one on its list. NULL where no text can lie. */
static inspect_word *inspect_text_link(const struct inspect_runtime_table *table, uint32_t offset)
{
	if (offset < 4 || offset >= table->names_size || (offset & 3) != 0)
		return NULL;
	return (inspect_word *)(void *)(table->names + offset - 4);
}

/*
 * The offset of a text on the list from @at on, up to @end; 0 if it is not there. Lists in memory that others
 * write to are not believed: a link that leads nowhere ends one, and none is longer than the arena.
 */
static uint32_t inspect_find_text(const struct inspect_runtime_table *table, uint32_t at, uint32_t end,
				  const char *text, size_t length)
{
	uint32_t steps;

	for (steps = table->names_size / 4; steps != 0 && at != 0 && at != end; steps--) {
		const inspect_word *link = inspect_text_link(table, at);

		if (link == NULL)
			return 0;
		if (inspect_is_text(table, at, text, length))
			return at;
		at = __atomic_load_n(link, __ATOMIC_RELAXED);
	}
	return 0;
}

/*
 * Reserves room in the arena, which only grows, for a link and a text in words of four bytes, and copies the
 * text there. The zeros behind it are there. Returns its offset, or 0 where it does not fit.
 */
static uint32_t inspect_append_text(struct inspect_runtime_table *table, const char *text, size_t length)
{
	uint32_t *used = &table->header->arena_used;
	uint32_t seen = __atomic_load_n(used, __ATOMIC_RELAXED);
	uint32_t start;

	do {
		/* The first word is the empty text's. */
		start = seen == 0 ? 4 : (seen & 3) == 0 ? seen : (seen & ~3u) + 4;
		if (length >= table->names_size || start > table->names_size ||
		    (size_t)(table->names_size - start) < (length & ~(size_t)3) + 8)
			return 0;
	} while (!__atomic_compare_exchange_n(used, &seen, (uint32_t)(start + (length & ~(size_t)3) + 8), true,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	inspect_copy_bytes(&table->names[start + 4], text, length);
	return start + 4;
}

/*
 * Finds a text, or appends it and hangs it in front of the list of its hash. Where somebody else hung the same
 * one there meanwhile, its offset is taken, and the bytes of ours are lost.
 */
static int inspect_keep_text(struct inspect_runtime_table *table, const char *text, size_t length,
			     uint32_t *offset)
{
	uint32_t *head;
	uint32_t first, own;

	*offset = 0;
	if (length == 0)
		return INSPECT_OK;
	if (table->head_count == 0)
		return INSPECT_E_NAMES_FULL;
	/* The hash is spread over the heads without a division. */
	head = &table->heads[(uint64_t)inspect_hash(0x811c9dc5u, text, length) * table->head_count >> 32];
	first = __atomic_load_n(head, __ATOMIC_ACQUIRE);
	*offset = inspect_find_text(table, first, 0, text, length);
	if (*offset != 0)
		return INSPECT_OK;
	own = inspect_append_text(table, text, length);
	if (own == 0)
		return INSPECT_E_NAMES_FULL;
	for (;;) {
		uint32_t newer = first;

		__atomic_store_n(inspect_text_link(table, own), first, __ATOMIC_RELAXED);
		if (__atomic_compare_exchange_n(head, &newer, own, false, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE))
			break;
		*offset = inspect_find_text(table, newer, first, text, length);
		if (*offset != 0)
			return INSPECT_OK;
		first = newer;
	}
	*offset = own;
	return INSPECT_OK;
}

int inspect_intern(struct inspect_runtime_table *table, const char *text, uint32_t *offset)
{
	*offset = 0;
	if (table->schema == NULL)
		return INSPECT_E_SCHEMA;
	return text == NULL ? INSPECT_OK : inspect_keep_text(table, text, inspect_length(text, ~(size_t)0), offset);
}

/* The text at an offset; nothing where the table does not have its end. */
static const char *inspect_text_at(const struct inspect_runtime_table *table, uint32_t offset)
{
	uint32_t at;

	for (at = offset; at < table->names_size; at++) {
		if (__atomic_load_n(&table->names[at], __ATOMIC_RELAXED) == 0)
			return &table->names[offset];
	}
	return "";
}

/* ---- Writing rows ------------------------------------------------------------------------------------ */

/* What a row has behind its core: the bytes of a struct, or the pairs of an annotation. */
struct inspect_source {
	const void *row;
	const struct inspect_pair *pairs;
	const struct inspect_pair *end;
};

/* The class of a number; the classes stand in the order of their numbers. */
static const struct inspect_class *inspect_find_class(const struct inspect_schema *schema, uint32_t number)
{
	uint32_t low = 0;
	uint32_t high = schema->class_count;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (schema->classes[middle].number == number)
			return &schema->classes[middle];
		if (schema->classes[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* The instance in decimal digits, by subtraction: kernels of 32 bits have no 64-bit division. */
static uint32_t inspect_hash_number(uint32_t hash, uint64_t number)
{
	static const uint64_t powers[20] = { 1ull,
					     10ull,
					     100ull,
					     1000ull,
					     10000ull,
					     100000ull,
					     1000000ull,
					     10000000ull,
					     100000000ull,
					     1000000000ull,
					     10000000000ull,
					     100000000000ull,
					     1000000000000ull,
					     10000000000000ull,
					     100000000000000ull,
					     1000000000000000ull,
					     10000000000000000ull,
					     100000000000000000ull,
					     1000000000000000000ull,
					     10000000000000000000ull };
	int place = 19;

	while (place > 0 && number < powers[place])
		place--;
	for (; place >= 0; place--) {
		char digit = '0';

		for (; number >= powers[place]; number -= powers[place])
			digit++;
		hash = inspect_hash(hash, &digit, 1);
	}
	return hash;
}

/* The short form of schema, class, name and instance. */
static uint32_t inspect_entry_id(const struct inspect_schema *schema, const struct inspect_class *class_,
				 const char *name, size_t length, uint64_t instance)
{
	const char *const ends = "";
	uint32_t hash = inspect_hash(0x811c9dc5u, schema->name, inspect_length(schema->name, ~(size_t)0));

	hash = inspect_hash(hash, ends, 1);
	hash = inspect_hash(hash, class_->name, inspect_length(class_->name, ~(size_t)0));
	hash = inspect_hash(hash, ends, 1);
	hash = inspect_hash(hash, name, length);
	hash = inspect_hash(hash, ends, 1);
	return inspect_hash_number(hash, instance) & ~INSPECT_ID_EXPLICIT;
}

/* Whether the last of some bytes has an address, in this process where they are said to be there. */
static bool inspect_fits(uint64_t address, uint64_t length, uint16_t space)
{
	const uint64_t last = space == INSPECT_SPACE_VIRTUAL ? ~(uintptr_t)0 : ~(uint64_t)0;

	return address <= last && (length == 0 || length - 1 <= last - address);
}

static bool inspect_region_fits(const struct inspect_entry *core)
{
	switch (core->extent) {
	case INSPECT_DIRECT:
		return inspect_fits(core->address, core->length, core->space);
	case INSPECT_COUNTED:
		if (core->bound_size != 1 && core->bound_size != 2 && core->bound_size != 4 && core->bound_size != 8)
			return false;
		return inspect_fits(core->address, sizeof(void *), core->space) &&
		       inspect_fits(core->bound, core->bound_size, core->space);
	case INSPECT_INDIRECT:
		return inspect_fits(core->address, sizeof(void *), core->space);
	case INSPECT_ADDRESS_ONLY:
		return inspect_fits(core->address, 0, core->space);
	case INSPECT_RANGE:
		return core->address <= core->bound && inspect_fits(core->bound, 0, core->space);
	default:
		/* Slots are the dynamic linker's, and no other extent has a meaning here. */
		return false;
	}
}

/* Which stripe a thread has: near stacks share one, those at any regular distance spread over all. */
static uint32_t *inspect_hint_of(struct inspect_runtime_table *table)
{
	const uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	uintptr_t first = __atomic_load_n(&table->stack, __ATOMIC_RELAXED);
	uintptr_t steps;

	if (first == 0 && __atomic_compare_exchange_n(&table->stack, &first, here, false, __ATOMIC_RELAXED,
						      __ATOMIC_RELAXED))
		first = here;
	/* The exclusive or of all pairs of bits; measured from the first, so that chance has no part in it. */
	steps = (here - first + 0x4000) >> 15;
	steps ^= steps >> 16 >> 16;
	steps ^= steps >> 16;
	steps ^= steps >> 8;
	steps ^= steps >> 4;
	steps ^= steps >> 2;
	return &table->hints[steps % INSPECT_STRIPES].slot;
}

/* Claims an empty slot; INSPECT_E_FULL is an answer, never a reason to wait. */
static int inspect_claim(struct inspect_runtime_table *table, struct inspect_handle *handle)
{
	uint32_t *hint = inspect_hint_of(table);
	uint32_t slot = __atomic_load_n(hint, __ATOMIC_RELAXED);
	uint32_t tried;

	for (tried = 0; tried < table->capacity; tried++, slot++) {
		inspect_word *state;
		uint32_t seen;

		if (slot >= table->capacity)
			slot = 0;
		state = inspect_state(table, slot);
		seen = __atomic_load_n(state, __ATOMIC_RELAXED);
		/* A slot whose generations are used up is never taken again. */
		while ((seen & 3) == INSPECT_EMPTY && seen >> 2 < INSPECT_GENERATION_MAX) {
			if (__atomic_compare_exchange_n(state, &seen, seen | INSPECT_WRITING, false, __ATOMIC_ACQUIRE,
							__ATOMIC_RELAXED)) {
				/* What is written next must not be seen before the slot was claimed. */
				__atomic_thread_fence(__ATOMIC_RELEASE);
				__atomic_store_n(hint, slot + 1, __ATOMIC_RELAXED);
				handle->slot = slot;
				handle->generation = seen >> 2;
				return INSPECT_OK;
			}
		}
	}
	return INSPECT_E_FULL;
}

static int inspect_put_fields(struct inspect_runtime_table *table, unsigned char *row,
			      const struct inspect_source *source);

/* Claims a slot, fills it and publishes it, or gives it back. */
static int inspect_publish(struct inspect_runtime_table *table, struct inspect_entry *core, const char *name,
			   size_t length, const struct inspect_source *source, struct inspect_handle *handle)
{
	const struct inspect_class *class_ = inspect_find_class(table->schema, core->class_number);
	uint32_t generation;
	unsigned char *to;
	int result;

	if (class_ == NULL)
		return INSPECT_E_CLASS;
	if (!inspect_region_fits(core))
		return INSPECT_E_REGION;
	if (__atomic_load_n(&table->linked, __ATOMIC_RELAXED) == 0)
		inspect_link(table);
	result = inspect_claim(table, handle);
	if (result != INSPECT_OK)
		return result;
	to = (unsigned char *)inspect_state(table, handle->slot);
	generation = handle->generation << 2;
	result = inspect_keep_text(table, name, length, &core->name);
	if (result == INSPECT_OK)
		result = inspect_put_fields(table, to, source);
	if (result != INSPECT_OK) {
		__atomic_store_n((inspect_word *)(void *)to, generation | INSPECT_EMPTY, __ATOMIC_RELEASE);
		return result;
	}
	core->id = core->id != 0 ? core->id | INSPECT_ID_EXPLICIT :
				   inspect_entry_id(table->schema, class_, name, length, core->instance);
	if (core->type == 0)
		core->type = class_->type;
	core->properties |= class_->properties;
	__atomic_store_n((inspect_word *)(void *)(to + 4), core->id, __ATOMIC_RELAXED);
	inspect_copy_words(to + 8, &core->class_number, sizeof(*core) - 8);
	__atomic_store_n((inspect_word *)(void *)to, generation | INSPECT_LIVE, __ATOMIC_RELEASE);
	return INSPECT_OK;
}

/* Texts of a row are offsets that inspect_intern() has given; others would lead anywhere. */
static bool inspect_texts_fit(const struct inspect_runtime_table *table, const void *row)
{
	const uint32_t used = __atomic_load_n(&table->header->arena_used, __ATOMIC_RELAXED);
	uint32_t i;

	for (i = 0; i < table->schema->field_count; i++) {
		const struct inspect_field *field = &table->schema->fields[i];

		if (field->kind == INSPECT_FIELD_STRING) {
			const void *at = (const unsigned char *)row + field->offset;
			const uint32_t offset = *(const inspect_word *)at;

			if (offset != 0 && offset >= used)
				return false;
		}
	}
	return true;
}

int inspect_register(struct inspect_runtime_table *table, const void *row, const char *name,
		     struct inspect_handle *handle)
{
	const struct inspect_source source = { row, NULL, NULL };
	const char *const text = name != NULL ? name : "";
	struct inspect_entry core;

	if (table->schema == NULL)
		return INSPECT_E_SCHEMA;
	if (!inspect_texts_fit(table, row))
		return INSPECT_E_TEXT;
	inspect_copy_words(&core, row, sizeof(core));
	return inspect_publish(table, &core, text, inspect_length(text, ~(size_t)0), &source, handle);
}

/* The state of a handle's row; NULL where a handle was not given by this table. */
static inspect_word *inspect_owned(const struct inspect_runtime_table *table, struct inspect_handle handle)
{
	if (handle.slot >= table->capacity || handle.generation >= INSPECT_GENERATION_MAX)
		return NULL;
	return inspect_state(table, handle.slot);
}

/* Why a state was not that of a live row of a generation. */
static int inspect_refusal(uint32_t seen, uint32_t generation)
{
	return seen == (generation << 2 | INSPECT_CHANGING) ? INSPECT_E_BUSY : INSPECT_E_STALE;
}

int inspect_unregister(struct inspect_runtime_table *table, struct inspect_handle handle)
{
	inspect_word *state = inspect_owned(table, handle);
	uint32_t seen = handle.generation << 2 | INSPECT_LIVE;

	if (state == NULL)
		return INSPECT_E_STALE;
	if (!__atomic_compare_exchange_n(state, &seen, (handle.generation + 1) << 2 | INSPECT_EMPTY, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return inspect_refusal(seen, handle.generation);
	__atomic_store_n(inspect_hint_of(table), handle.slot, __ATOMIC_RELAXED);
	return INSPECT_OK;
}

/* Nobody sees memory without its restrictions, whether they come or go. */
static void inspect_store_properties(struct inspect_entry *entry, uint64_t properties)
{
#if __SIZEOF_POINTER__ == 8
	__atomic_store_n(&entry->properties, properties, __ATOMIC_RELAXED);
#else
	inspect_word *halves = (inspect_word *)(void *)&entry->properties;
	inspect_word *upper = &halves[INSPECT_BIG_ENDIAN ? 0 : 1];
	inspect_word *lower = &halves[INSPECT_BIG_ENDIAN ? 1 : 0];
	const uint32_t guarded = (uint32_t)((properties & INSPECT_GUARDED) >> 32);

	__atomic_store_n(upper, __atomic_load_n(upper, __ATOMIC_RELAXED) | guarded, __ATOMIC_RELAXED);
	__atomic_store_n(lower, (uint32_t)properties, __ATOMIC_RELEASE);
	__atomic_store_n(upper, (uint32_t)(properties >> 32), __ATOMIC_RELEASE);
#endif
}

int inspect_set_properties(struct inspect_runtime_table *table, struct inspect_handle handle,
			   uint64_t properties)
{
	inspect_word *state = inspect_owned(table, handle);
	const uint32_t live = handle.generation << 2 | INSPECT_LIVE;
	struct inspect_entry *entry = (struct inspect_entry *)(void *)state;
	const struct inspect_class *class_;
	uint32_t seen = live;

	if (table->schema == NULL)
		return INSPECT_E_SCHEMA;
	if (state == NULL)
		return INSPECT_E_STALE;
	if (!__atomic_compare_exchange_n(state, &seen, handle.generation << 2 | INSPECT_CHANGING, false,
					 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return inspect_refusal(seen, handle.generation);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	class_ = inspect_find_class(table->schema, __atomic_load_n(&entry->class_number, __ATOMIC_RELAXED));
	inspect_store_properties(entry, properties | (class_ != NULL ? class_->properties : 0));
	__atomic_store_n(state, live, __ATOMIC_RELEASE);
	return INSPECT_OK;
}

uint32_t inspect_reclaim(struct inspect_runtime_table *table)
{
	uint32_t freed = 0;
	uint32_t slot;

	for (slot = 0; slot < table->capacity; slot++) {
		inspect_word *state = inspect_state(table, slot);
		uint32_t seen = __atomic_load_n(state, __ATOMIC_ACQUIRE);

		/* The next generation: a handle that the writer may have seen never becomes good. */
		if ((seen & 3) == INSPECT_WRITING) {
			__atomic_store_n(state, ((seen >> 2) + 1) << 2 | INSPECT_EMPTY, __ATOMIC_RELEASE);
			freed++;
		} else if ((seen & 3) == INSPECT_CHANGING) {
			/* The row is valid; its owner gets it back. */
			__atomic_store_n(state, (seen & ~3u) | INSPECT_LIVE, __ATOMIC_RELEASE);
		}
	}
	return freed;
}

/* ---- Reading rows ------------------------------------------------------------------------------------ */

/*
 * Properties that change in halves: between two looks at the upper half, of which the restrictions of either
 * count, so that nobody finds a row freer than it was and will be.
 */
static void inspect_load_properties(struct inspect_entry *to, const struct inspect_entry *from)
{
#if __SIZEOF_POINTER__ == 4
	const inspect_word *halves = (const inspect_word *)(const void *)&from->properties;
	const inspect_word *upper = &halves[INSPECT_BIG_ENDIAN ? 0 : 1];
	const uint32_t before = __atomic_load_n(upper, __ATOMIC_ACQUIRE);
	const uint32_t lower = __atomic_load_n(&halves[INSPECT_BIG_ENDIAN ? 1 : 0], __ATOMIC_ACQUIRE);
	const uint32_t after = __atomic_load_n(upper, __ATOMIC_ACQUIRE);

	to->properties = (uint64_t)after << 32 | lower | ((uint64_t)before << 32 & INSPECT_GUARDED);
#else
	/* One word, which has been copied at once. */
	(void)to;
	(void)from;
#endif
}

/* A consistent copy of a row's first bytes: its state is the same before and after, and says it is live. */
static int inspect_snapshot(const struct inspect_runtime_table *table, uint32_t slot, void *to, size_t size)
{
	const inspect_word *state = inspect_state(table, slot);
	int attempt;

	for (attempt = 0; attempt < INSPECT_ATTEMPTS; attempt++) {
		const uint32_t before = __atomic_load_n(state, __ATOMIC_ACQUIRE);
		uint32_t after;

		if ((before & 3) < INSPECT_LIVE)
			return INSPECT_E_STALE;
		inspect_copy_words(to, state, size);
		inspect_load_properties((struct inspect_entry *)to, (const struct inspect_entry *)(const void *)state);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		after = __atomic_load_n(state, __ATOMIC_RELAXED);
		if (before >> 2 == after >> 2 && (after & 3) >= INSPECT_LIVE) {
			/* In a copy nobody is changing anything. */
			*(inspect_word *)to = INSPECT_LIVE;
			return INSPECT_OK;
		}
	}
	return INSPECT_E_BUSY;
}

int inspect_read(const struct inspect_runtime_table *table, uint32_t slot, void *row, size_t size)
{
	if (((uintptr_t)row & 7) != 0 || size < sizeof(struct inspect_entry))
		return INSPECT_E_MEMORY;
	if (slot >= table->capacity)
		return INSPECT_E_STALE;
	return inspect_snapshot(table, slot, row, size < table->stride ? size & ~(size_t)7 : table->stride);
}

/* Packed addresses count from the header, and may lie in a slot that the dynamic linker has filled. */
static uint64_t inspect_absolute(const struct inspect_runtime_table *table, uint64_t address, bool in_slot)
{
	if ((table->header->flags & INSPECT_TABLE_RELATIVE) != 0)
		address = (uintptr_t)((uintptr_t)table->header + (uintptr_t)address);
	if (in_slot)
		address = *(const inspect_number *)(uintptr_t)address;
	return address;
}

static void inspect_resolve(const struct inspect_runtime_table *table, struct inspect_entry *core)
{
	const uint8_t kind = core->extent & INSPECT_EXTENT_MASK;

	if ((table->header->flags & INSPECT_TABLE_RUNTIME) != 0)
		return;
	core->address = inspect_absolute(table, core->address, (core->extent & INSPECT_ADDRESS_SLOT) != 0);
	if (kind == INSPECT_COUNTED || kind == INSPECT_RANGE)
		core->bound = inspect_absolute(table, core->bound, (core->extent & INSPECT_BOUND_SLOT) != 0);
	core->extent = kind;
}

int inspect_for_each(const struct inspect_runtime_table *table,
		     int (*visit)(const struct inspect_entry *entry, const char *name, void *context),
		     void *context)
{
	uint32_t slot;

	for (slot = 0; slot < table->capacity; slot++) {
		struct inspect_entry core;
		int result;

		if (inspect_snapshot(table, slot, &core, sizeof(core)) != INSPECT_OK)
			continue;
		inspect_resolve(table, &core);
		result = visit(&core, inspect_text_at(table, core.name), context);
		if (result != 0)
			return result;
	}
	return 0;
}

/* Appends a section to the copy and returns where the next one begins; what does not fit is only counted. */
static size_t inspect_append(unsigned char *buffer, size_t room, size_t at, uint32_t index, uint32_t kind,
			     const void *from, size_t size)
{
	struct inspect_section *sections =
		(struct inspect_section *)(void *)(buffer + sizeof(struct inspect_header));
	size_t i;

	if (at > room || inspect_round(size) > room - at)
		return at + inspect_round(size);
	inspect_set_section(&sections[index], kind, at, size);
	inspect_copy_bytes(buffer + at, from, size);
	for (i = size; i < inspect_round(size); i++)
		__atomic_store_n(&buffer[at + i], 0, __ATOMIC_RELAXED);
	return at + inspect_round(size);
}

/* Copies the rows; the result is larger than the room where they do not fit. */
static size_t inspect_copy_rows(const struct inspect_runtime_table *table, unsigned char *bytes, size_t room)
{
	size_t at = INSPECT_ROWS_AT;
	uint32_t slot;

	for (slot = 0; slot < table->capacity; slot++) {
		if ((__atomic_load_n(inspect_state(table, slot), __ATOMIC_RELAXED) & 3) < INSPECT_LIVE)
			continue;
		if (room - at < table->stride)
			return room + 1;
		if (inspect_snapshot(table, slot, bytes + at, table->stride) == INSPECT_OK)
			at += table->stride;
	}
	return at;
}

int inspect_table_copy(const struct inspect_runtime_table *table, void *buffer, size_t size, size_t *written)
{
	const struct inspect_schema *schema = table->schema;
	unsigned char *bytes = (unsigned char *)buffer;
	struct inspect_header *header = (struct inspect_header *)buffer;
	struct inspect_section *sections = (struct inspect_section *)((uintptr_t)buffer + sizeof(*header));
	size_t at, names;

	*written = 0;
	if (schema == NULL)
		return INSPECT_E_SCHEMA;
	*written = INSPECT_ROWS_AT + (size_t)table->capacity * table->stride + inspect_round(table->names_size) +
		   inspect_round(schema->cbor_size) + inspect_round(schema->types_size) +
		   inspect_round(schema->history_size);
	if (((uintptr_t)buffer & 7) != 0 || size < INSPECT_ROWS_AT)
		return INSPECT_E_MEMORY;
	inspect_clear(header->magic, sizeof(header->magic));
	at = inspect_copy_rows(table, bytes, size);
	if (at > size)
		return INSPECT_E_MEMORY;
	inspect_set_section(&sections[0], INSPECT_SECTION_ENTRIES, INSPECT_ROWS_AT, at - INSPECT_ROWS_AT);
	/* Later than the rows, so that a name is there for every row that is. */
	names = __atomic_load_n(&table->header->arena_used, __ATOMIC_ACQUIRE);
	names = names == 0 ? 1 : names > table->names_size ? table->names_size : names;
	at = inspect_append(bytes, size, at, 1, INSPECT_SECTION_STRINGS, table->names, names);
	at = inspect_append(bytes, size, at, 2, INSPECT_SECTION_SCHEMA, schema->cbor, schema->cbor_size);
	at = inspect_append(bytes, size, at, 3, INSPECT_SECTION_TYPES, schema->types, schema->types_size);
	at = inspect_append(bytes, size, at, 4, INSPECT_SECTION_HISTORY, schema->history, schema->history_size);
	if (at > size)
		return INSPECT_E_MEMORY;
	inspect_fill_header(header, schema);
	header->total_size = at;
	inspect_set_magic(header);
	header->checksum = inspect_table_checksum(bytes, at);
	*written = at;
	return INSPECT_OK;
}

/* ---- Annotations ------------------------------------------------------------------------------------- */

/* What the pairs of one annotation say. */
struct inspect_record {
	const struct inspect_pair *first;
	/** @end: its last pair, or where it breaks off */
	const struct inspect_pair *end;
	struct inspect_entry core;
	const struct inspect_class *class_;
	const struct inspect_pair *name;
	const struct inspect_pair *file;
	/** @wrong: the first pair at fault, with @error */
	const struct inspect_pair *wrong;
	uint64_t line;
	int error;
	bool has_length;
	bool has_extent;
};

static const struct inspect_pair *inspect_next(const struct inspect_pair *pair)
{
	return (const struct inspect_pair *)(const void *)((const unsigned char *)pair + pair->size);
}

/* Whether a pair may stand here: known kind, whole multiples of 128 bytes, and all of them inside. */
static bool inspect_is_pair(const struct inspect_pair *pair, const void *end)
{
	const size_t left = (size_t)((uintptr_t)end - (uintptr_t)pair);

	return left >= sizeof(*pair) && pair->kind >= INSPECT_PAIR_TEXT && pair->kind <= INSPECT_PAIR_END &&
	       pair->size >= sizeof(*pair) && pair->size % sizeof(*pair) == 0 && pair->size <= left;
}

/* Whether so many characters, none of them NUL, are a text. */
static bool inspect_is_all(const char *characters, size_t length, const char *text)
{
	size_t i;

	for (i = 0; i < length; i++) {
		if (characters[i] != text[i])
			return false;
	}
	return text[length] == 0;
}

static bool inspect_key_is(const struct inspect_pair *pair, const char *key)
{
	return inspect_is_all(pair->key, inspect_length(pair->key, sizeof(pair->key)), key);
}

/* A text need not have a NUL where it fills its pair. */
static const char *inspect_pair_text(const struct inspect_pair *pair, size_t *length)
{
	*length = 0;
	if (pair == NULL)
		return "";
	*length = inspect_length(pair->text, pair->size - offsetof(struct inspect_pair, text));
	return pair->text;
}

static bool inspect_pair_text_is(const struct inspect_pair *pair, const char *text)
{
	size_t length;
	const char *own = inspect_pair_text(pair, &length);

	return inspect_is_all(own, length, text);
}

/* A number that is an address or is known without a relocation, as registers are. */
static bool inspect_pair_address(const struct inspect_pair *pair, uint64_t *value)
{
	*value = pair->kind == INSPECT_PAIR_ADDRESS ? (uintptr_t)pair->address : pair->integer;
	return pair->kind == INSPECT_PAIR_ADDRESS || pair->kind == INSPECT_PAIR_INTEGER;
}

/*
 * Whether a number fits into so many bytes, with a sign or without one. Here and below shifts are by constants,
 * since processors of 32 bits have no others for 64, and kernels no function that does it.
 */
static bool inspect_number_fits(uint64_t value, uint32_t size)
{
	uint64_t above = value;
	uint64_t missing = ~value;
	uint32_t i;

	if (size == 0 || size > 8)
		return false;
	for (i = 1; i < size; i++) {
		above >>= 8;
		missing >>= 8;
	}
	return above >> 8 == 0 || missing >> 7 == 0 || size == 8;
}

static const struct inspect_field *inspect_find_field(const struct inspect_schema *schema,
						      const struct inspect_pair *pair)
{
	uint32_t i;

	for (i = 0; i < schema->field_count; i++) {
		if (inspect_key_is(pair, schema->fields[i].name))
			return &schema->fields[i];
	}
	return NULL;
}

/* Whether a pair can set a field of the row. */
static int inspect_check_field(const struct inspect_schema *schema, const struct inspect_pair *pair)
{
	const struct inspect_field *field = inspect_find_field(schema, pair);
	size_t length;

	if (field == NULL)
		return INSPECT_E_KEY;
	switch (field->kind) {
	case INSPECT_FIELD_NATIVE:
		if (pair->kind == INSPECT_PAIR_ADDRESS)
			return field->size >= sizeof(void *) && field->size <= 8 ? INSPECT_OK : INSPECT_E_VALUE;
		break;
	case INSPECT_FIELD_BIG:
	case INSPECT_FIELD_LITTLE:
		break;
	case INSPECT_FIELD_TEXT:
		inspect_pair_text(pair, &length);
		return pair->kind == INSPECT_PAIR_TEXT && length <= field->size ? INSPECT_OK : INSPECT_E_VALUE;
	case INSPECT_FIELD_STRING:
		return pair->kind == INSPECT_PAIR_TEXT ? INSPECT_OK : INSPECT_E_VALUE;
	default:
		return INSPECT_E_VALUE;
	}
	return pair->kind == INSPECT_PAIR_INTEGER && inspect_number_fits(pair->integer, field->size) ?
		       INSPECT_OK :
		       INSPECT_E_VALUE;
}

static int inspect_read_class(const struct inspect_schema *schema, struct inspect_record *record,
			      const struct inspect_pair *pair)
{
	uint32_t i;

	if (pair->kind != INSPECT_PAIR_TEXT)
		return INSPECT_E_VALUE;
	for (i = 0; i < schema->class_count; i++) {
		if (inspect_pair_text_is(pair, schema->classes[i].name)) {
			record->class_ = &schema->classes[i];
			record->core.class_number = record->class_->number;
			return INSPECT_OK;
		}
	}
	return INSPECT_E_CLASS;
}

/* The keys whose value is an address, and what else they say. */
static int inspect_read_address(struct inspect_record *record, const struct inspect_pair *pair)
{
	struct inspect_entry *core = &record->core;

	if (inspect_key_is(pair, "address"))
		return inspect_pair_address(pair, &core->address) ? INSPECT_OK : INSPECT_E_VALUE;
	if (!inspect_pair_address(pair, &core->bound))
		return INSPECT_E_VALUE;
	if (inspect_key_is(pair, "end")) {
		if (!record->has_extent)
			core->extent = INSPECT_RANGE;
	} else {
		if (!record->has_extent)
			core->extent = INSPECT_COUNTED;
		if (pair->kind != INSPECT_PAIR_ADDRESS || !inspect_number_fits(pair->integer, 1))
			return INSPECT_E_VALUE;
		core->bound_size = (uint8_t)pair->integer;
	}
	record->has_extent = true;
	return INSPECT_OK;
}

/* The keys whose value is a number of so many bytes. */
static int inspect_read_number(struct inspect_record *record, const struct inspect_pair *pair, bool *known)
{
	struct inspect_entry *core = &record->core;
	const uint64_t value = pair->integer;
	uint64_t most = ~(uint64_t)0;

	*known = true;
	if (inspect_key_is(pair, "type"))
		most = 0xffffffffu, core->type = (uint32_t)value;
	else if (inspect_key_is(pair, "id"))
		most = ~INSPECT_ID_EXPLICIT, core->id = (uint32_t)value | INSPECT_ID_EXPLICIT;
	else if (inspect_key_is(pair, "instance"))
		core->instance = value;
	else if (inspect_key_is(pair, "properties"))
		core->properties = value;
	else if (inspect_key_is(pair, "length"))
		core->length = value, record->has_length = true;
	else if (inspect_key_is(pair, "extent"))
		most = INSPECT_RANGE, core->extent = (uint8_t)value, record->has_extent = true;
	else if (inspect_key_is(pair, "space"))
		most = 0xffffu, core->space = (uint16_t)value;
	else if (inspect_key_is(pair, "line"))
		record->line = value;
	else
		*known = false;
	return !*known || (pair->kind == INSPECT_PAIR_INTEGER && value <= most) ? INSPECT_OK : INSPECT_E_VALUE;
}

static int inspect_read_pair(const struct inspect_schema *schema, struct inspect_record *record,
			     const struct inspect_pair *pair)
{
	bool known;
	int result;

	if (inspect_key_is(pair, "class"))
		return inspect_read_class(schema, record, pair);
	if (inspect_key_is(pair, "address") || inspect_key_is(pair, "end") || inspect_key_is(pair, "count"))
		return inspect_read_address(record, pair);
	if (inspect_key_is(pair, "name") || inspect_key_is(pair, "file")) {
		*(inspect_key_is(pair, "name") ? &record->name : &record->file) = pair;
		return pair->kind == INSPECT_PAIR_TEXT ? INSPECT_OK : INSPECT_E_VALUE;
	}
	result = inspect_read_number(record, pair, &known);
	return known ? result : inspect_check_field(schema, pair);
}

static void inspect_fail_record(struct inspect_record *record, int error, const struct inspect_pair *pair)
{
	if (record->error == INSPECT_OK && error != INSPECT_OK) {
		record->error = error;
		record->wrong = pair;
	}
}

/* Reads on behind what is wrong: file and line stand last. */
static void inspect_read_record(const struct inspect_schema *schema, struct inspect_record *record,
				const struct inspect_pair *begin, const void *end)
{
	const struct inspect_pair *pair = inspect_next(begin);

	inspect_clear(record, sizeof(*record) & ~(size_t)7);
	record->first = begin;
	record->class_ = NULL;
	record->name = record->file = record->wrong = NULL;
	record->error = INSPECT_OK;
	record->has_length = record->has_extent = false;
	for (; inspect_is_pair(pair, end) && pair->kind <= INSPECT_PAIR_ADDRESS; pair = inspect_next(pair))
		inspect_fail_record(record, inspect_read_pair(schema, record, pair), pair);
	record->end = pair;
	if (!inspect_is_pair(pair, end) || pair->kind != INSPECT_PAIR_END)
		inspect_fail_record(record, INSPECT_E_RECORD, NULL);
	if (record->class_ == NULL)
		inspect_fail_record(record, INSPECT_E_CLASS, NULL);
	if (!record->has_extent && !record->has_length)
		record->core.extent = INSPECT_ADDRESS_ONLY;
}

/* Writes a number into a row whose bytes somebody may be looking at. */
static void inspect_put_number(unsigned char *to, uint64_t value, uint32_t size, bool big)
{
	uint32_t i;

	for (i = 0; i < size; i++, value >>= 8)
		__atomic_store_n(&to[big ? size - 1 - i : i], (unsigned char)value, __ATOMIC_RELAXED);
}

static void inspect_put_in_order(unsigned char *row, const struct inspect_field *field, uint64_t number)
{
	inspect_put_number(row + field->offset, number, field->size,
			   field->kind == INSPECT_FIELD_BIG ||
				   (field->kind == INSPECT_FIELD_NATIVE && INSPECT_BIG_ENDIAN));
}

static int inspect_put_pair(struct inspect_runtime_table *table, unsigned char *row,
			    const struct inspect_field *field, const struct inspect_pair *pair)
{
	size_t length;
	const char *text = inspect_pair_text(pair, &length);
	uint64_t number;
	uint32_t offset;
	int result;

	switch (field->kind) {
	case INSPECT_FIELD_TEXT:
		inspect_copy_bytes(row + field->offset, text, length);
		return INSPECT_OK;
	case INSPECT_FIELD_STRING:
		result = inspect_keep_text(table, text, length, &offset);
		inspect_put_number(row + field->offset, offset, 4, INSPECT_BIG_ENDIAN);
		return result;
	default:
		inspect_pair_address(pair, &number);
		inspect_put_in_order(row, field, number);
		return INSPECT_OK;
	}
}

/* What the schema says of a field that an annotation is silent about. */
static int inspect_put_default(struct inspect_runtime_table *table, unsigned char *row,
			       const struct inspect_field *field)
{
	uint32_t offset;
	int result;

	switch (field->kind) {
	case INSPECT_FIELD_TEXT:
	case INSPECT_FIELD_BYTES:
		inspect_copy_bytes(row + field->offset, field->text, field->text_size);
		return INSPECT_OK;
	case INSPECT_FIELD_STRING:
		result = inspect_keep_text(table, field->text, field->text_size, &offset);
		inspect_put_number(row + field->offset, offset, 4, INSPECT_BIG_ENDIAN);
		return result;
	default:
		inspect_put_in_order(row, field, field->number);
		return INSPECT_OK;
	}
}

/* The last pair that sets a field; NULL where none does. */
static const struct inspect_pair *inspect_pair_of(const struct inspect_source *source,
						  const struct inspect_field *field)
{
	const struct inspect_pair *found = NULL;
	const struct inspect_pair *pair;

	for (pair = source->pairs; pair != source->end; pair = inspect_next(pair)) {
		if (inspect_key_is(pair, field->name))
			found = pair;
	}
	return found;
}

/* Writes what stands behind the core; fails only where a text does not fit. */
static int inspect_put_fields(struct inspect_runtime_table *table, unsigned char *row,
			      const struct inspect_source *source)
{
	const struct inspect_schema *schema = table->schema;
	const size_t core = sizeof(struct inspect_entry);
	int result = INSPECT_OK;
	uint32_t i;

	if (source->row != NULL) {
		inspect_copy_words(row + core, (const unsigned char *)source->row + core, table->stride - core);
		return INSPECT_OK;
	}
	inspect_clear(row + core, table->stride - core);
	for (i = 0; i < schema->field_count && result == INSPECT_OK; i++) {
		const struct inspect_field *field = &schema->fields[i];
		const struct inspect_pair *pair = inspect_pair_of(source, field);

		result = pair != NULL ? inspect_put_pair(table, row, field, pair) :
					inspect_put_default(table, row, field);
	}
	return result;
}

/* Whether an entry of the same identity lies at the same address. */
static bool inspect_is_present(const struct inspect_runtime_table *table, const struct inspect_entry *core,
			       const char *name, size_t length)
{
	uint32_t slot;

	for (slot = 0; slot < table->capacity; slot++) {
		struct inspect_entry other;

		if (inspect_snapshot(table, slot, &other, sizeof(other)) == INSPECT_OK &&
		    other.class_number == core->class_number && other.address == core->address &&
		    other.instance == core->instance && inspect_is_text(table, other.name, name, length))
			return true;
	}
	return false;
}

static void inspect_put_text(char *to, size_t room, const char *text, size_t length)
{
	length = length < room ? length : room - 1;
	inspect_copy_bytes(to, text, length);
	to[length] = 0;
}

static void inspect_report(const struct inspect_adoption *adoption, const struct inspect_record *record)
{
	struct inspect_finding finding;
	const char *text;
	size_t length;

	if (adoption->report == NULL)
		return;
	finding.error = record->error;
	finding.line = record->line;
	text = inspect_pair_text(record->name, &length);
	inspect_put_text(finding.name, sizeof(finding.name), text, length);
	text = inspect_pair_text(record->file, &length);
	inspect_put_text(finding.file, sizeof(finding.file), text, length);
	text = record->wrong == NULL ? "" : record->wrong->key;
	inspect_put_text(finding.key, sizeof(finding.key), text, inspect_length(text, sizeof(record->wrong->key)));
	adoption->report(&finding, adoption->context);
}

/* One annotation: wholly or not at all. */
static int inspect_adopt_record(struct inspect_runtime_table *table, struct inspect_adoption *adoption,
				struct inspect_record *record)
{
	const struct inspect_source source = { NULL, inspect_next(record->first), record->end };
	struct inspect_handle handle;
	size_t length;
	const char *name = inspect_pair_text(record->name, &length);

	if (record->error == INSPECT_OK) {
		if (inspect_is_present(table, &record->core, name, length)) {
			adoption->present++;
			return INSPECT_OK;
		}
		record->error = inspect_publish(table, &record->core, name, length, &source, &handle);
	}
	if (record->error == INSPECT_OK) {
		adoption->registered++;
		return INSPECT_OK;
	}
	adoption->failed++;
	inspect_report(adoption, record);
	return record->error;
}

/* How far it is to what may be the next pair: over padding, over tables that are packed already. */
static size_t inspect_skip(const void *at, size_t left)
{
	const struct inspect_header *header = (const struct inspect_header *)at;
	const struct inspect_pair *pair = (const struct inspect_pair *)at;

	if (left >= sizeof(*header) && inspect_is_table(at) && header->total_size >= sizeof(*header) &&
	    header->total_size <= left)
		return inspect_round((size_t)header->total_size);
	if (left >= 8 && pair->key[0] != 0 && inspect_is_pair(pair, (const unsigned char *)at + left))
		return pair->size;
	return 8;
}

int inspect_adopt_pairs(struct inspect_runtime_table *table, const void *pairs, size_t size,
			struct inspect_adoption *adoption)
{
	struct inspect_adoption unasked;
	const unsigned char *at = (const unsigned char *)pairs;
	const unsigned char *end = size == 0 ? at : at + size;
	int result = INSPECT_OK;

	unasked.report = NULL;
	if (adoption == NULL)
		adoption = &unasked;
	adoption->registered = adoption->present = adoption->foreign = adoption->failed = 0;
	if (table->schema == NULL)
		return INSPECT_E_SCHEMA;
	if (((uintptr_t)pairs & 7) != 0)
		return INSPECT_E_MEMORY;
	while ((size_t)(end - at) >= sizeof(struct inspect_pair)) {
		const struct inspect_pair *begin = (const struct inspect_pair *)(const void *)at;
		struct inspect_record record;
		int error;

		if (!inspect_is_pair(begin, end) || begin->kind != INSPECT_PAIR_BEGIN ||
		    !inspect_key_is(begin, "inspect:begin")) {
			const size_t step = inspect_skip(at, (size_t)(end - at));

			at = step < (size_t)(end - at) ? at + step : end;
			continue;
		}
		/* Descriptors of other schemas are not looked into: another language's look different. */
		if ((const volatile void *)table->schema != begin->address) {
			adoption->foreign++;
			at += begin->size;
			continue;
		}
		inspect_read_record(table->schema, &record, begin, end);
		error = inspect_adopt_record(table, adoption, &record);
		if (result == INSPECT_OK)
			result = error;
		at = (const unsigned char *)record.end;
	}
	return result;
}

/* ---- All tables of the process ----------------------------------------------------------------------- */

/* Where the compile-time tables, or their pairs, of an object lie. */
static uintptr_t inspect_section_of(const struct inspect_root *root, uintptr_t *size)
{
	const uintptr_t start = (uintptr_t)root + (uintptr_t)root->compile_table;
	const uintptr_t end = (uintptr_t)root + (uintptr_t)root->compile_end;
	const uintptr_t aligned = (start + 7) & ~(uintptr_t)7;

	*size = 0;
	if (root->compile_table == 0 || start == 0 || aligned > end)
		return 0;
	*size = end - aligned;
	return aligned;
}

int inspect_adopt_unpacked(struct inspect_runtime_table *table, struct inspect_adoption *adoption)
{
	uintptr_t size;
	const uintptr_t start = inspect_section_of(&inspect_root_here, &size);

	return inspect_adopt_pairs(table, (const void *)start, size, adoption);
}

static int inspect_compile_tables(const struct inspect_root *root,
				  int (*visit)(const struct inspect_runtime_table *table, void *context),
				  void *context)
{
	uintptr_t left;
	uintptr_t at = inspect_section_of(root, &left);

	while (left >= sizeof(struct inspect_header)) {
		uintptr_t step = inspect_skip((const void *)at, left);
		struct inspect_runtime_table table;

		if (inspect_open(&table, (const void *)at, left) == INSPECT_OK) {
			const int result = visit(&table, context);

			if (result != 0)
				return result;
		}
		step = step < left ? step : left;
		at += step;
		left -= step;
	}
	return 0;
}

/* Tables of an earlier start of the same memory have another nonce. */
static int inspect_run_time_tables(struct inspect_root *root,
				   int (*visit)(const struct inspect_runtime_table *table, void *context),
				   void *context)
{
	uintptr_t at = __atomic_load_n(inspect_pointer(&root->runtime_table), __ATOMIC_ACQUIRE);
	/* A chain that is damaged may have no end. */
	uint32_t left = 0x10000;

	while (at != 0 && (at & 7) == 0 && left-- != 0) {
		struct inspect_header *header = (struct inspect_header *)at;
		struct inspect_runtime_table table;

		if (header->nonce == root->nonce && header->self_address == at &&
		    inspect_open(&table, header, header->total_size) == INSPECT_OK) {
			const int result = visit(&table, context);

			if (result != 0)
				return result;
		}
		at = __atomic_load_n(inspect_pointer(&header->next), __ATOMIC_ACQUIRE);
	}
	return 0;
}

static int inspect_object_tables(struct inspect_root *root,
				 int (*visit)(const struct inspect_runtime_table *table, void *context),
				 void *context)
{
	const int result = inspect_compile_tables(root, visit, context);

	return result != 0 ? result : inspect_run_time_tables(root, visit, context);
}

#if INSPECT_HOSTED
/* Two lists, of which one is read while the other is made. */
static struct {
	struct inspect_root *roots[2][INSPECT_OBJECTS];
	uint32_t current;
	uint32_t busy;
} inspect_objects;

struct inspect_search {
	struct inspect_root **roots;
	uint32_t count;
	bool more;
};

/* Whether an object has loaded all of some bytes. */
static bool inspect_is_loaded(const struct dl_phdr_info *info, uintptr_t at, uintptr_t size)
{
	size_t i;

	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		const uintptr_t offset = at - (uintptr_t)(info->dlpi_addr + segment->p_vaddr);

		if (segment->p_type == PT_LOAD && (segment->p_flags & PF_R) != 0 && offset <= segment->p_memsz &&
		    size <= segment->p_memsz - offset)
			return true;
	}
	return false;
}

/* Whether a root lies in memory that the object has loaded, and is one. */
static bool inspect_is_root(const struct dl_phdr_info *info, uintptr_t at)
{
	static const unsigned char magic[8] = { 0x89, 'I', 'N', 'S', 'P', 'R', 'T', '\n' };
	const struct inspect_root *root = (const struct inspect_root *)at;
	size_t i;

	if ((at & 7) != 0 || !inspect_is_loaded(info, at, sizeof(*root)) || root->self_address != at ||
	    root->size < sizeof(*root))
		return false;
	for (i = 0; i < sizeof(magic); i++) {
		if (root->magic[i] != magic[i])
			return false;
	}
	return root->format == INSPECT_H_FORMAT && root->word_size == sizeof(void *);
}

static void inspect_found(struct inspect_search *search, struct inspect_root *root)
{
	uint32_t i;

	/* Its own root is not searched for. Two runtimes in one object share a root, and have two notes. */
	for (i = 0; i < search->count; i++) {
		if (search->roots[i] == root)
			return;
	}
	if (root == &inspect_root_here)
		return;
	if (search->count == INSPECT_OBJECTS) {
		search->more = true;
		return;
	}
	__atomic_store_n(&search->roots[search->count], root, __ATOMIC_RELAXED);
	search->count++;
}

/* Looks through the notes of one segment, believing none of their sizes. */
static void inspect_search_notes(struct inspect_search *search, const struct dl_phdr_info *info, uintptr_t at,
				 size_t left, size_t align)
{
	while (left >= 12) {
		const inspect_word *note = (const inspect_word *)at;
		const size_t name_size = note[0];
		const size_t text_size = note[1];
		size_t text_at, step;

		if (name_size > left - 12 || text_size > left - 12)
			return;
		text_at = (12 + name_size + align - 1) & ~(align - 1);
		step = (text_at + text_size + align - 1) & ~(align - 1);
		if (text_at > left || text_size > left - text_at)
			return;
		if (name_size == 8 && text_size == 8 && note[2] == INSPECT_NOTE_ROOT &&
		    inspect_text_equal((const char *)&note[3], "INSPECT")) {
			const inspect_word *half = (const inspect_word *)(at + text_at);
			uintptr_t root = at + text_at;

			/* The notes of a segment are aligned to four bytes. */
			if (sizeof(void *) == 8)
				root += (uintptr_t)(half[INSPECT_BIG_ENDIAN ? 1 : 0] |
						    (uint64_t)half[INSPECT_BIG_ENDIAN ? 0 : 1] << 32);
			else
				root += half[INSPECT_BIG_ENDIAN ? 1 : 0];
			if (inspect_is_root(info, root))
				inspect_found(search, (struct inspect_root *)root);
		}
		if (step >= left)
			return;
		at += step;
		left -= step;
	}
}

static int inspect_search_object(struct dl_phdr_info *info, size_t size, void *context)
{
	struct inspect_search *search = (struct inspect_search *)context;
	size_t i;

	(void)size;
	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		const uintptr_t at = (uintptr_t)(info->dlpi_addr + segment->p_vaddr);

		/* Tools that change executables leave notes that are not loaded. */
		if (segment->p_type == PT_NOTE && inspect_is_loaded(info, at, segment->p_memsz))
			inspect_search_notes(search, info, at, segment->p_memsz, segment->p_align == 8 ? 8 : 4);
	}
	return 0;
}

int inspect_objects_refresh(void)
{
	struct inspect_search search;
	uint32_t idle = 0;
	uint32_t next, i;

	if (!__atomic_compare_exchange_n(&inspect_objects.busy, &idle, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return INSPECT_E_BUSY;
	next = 1 - __atomic_load_n(&inspect_objects.current, __ATOMIC_RELAXED);
	search.roots = inspect_objects.roots[next];
	search.count = 0;
	search.more = false;
	dl_iterate_phdr(inspect_search_object, &search);
	for (i = search.count; i < INSPECT_OBJECTS; i++)
		__atomic_store_n(&search.roots[i], (struct inspect_root *)NULL, __ATOMIC_RELAXED);
	__atomic_store_n(&inspect_objects.current, next, __ATOMIC_RELEASE);
	__atomic_store_n(&inspect_objects.busy, 0, __ATOMIC_RELEASE);
	return search.more ? INSPECT_E_OBJECTS : INSPECT_OK;
}

static int inspect_other_tables(int (*visit)(const struct inspect_runtime_table *table, void *context),
				void *context)
{
	struct inspect_root **roots =
		inspect_objects.roots[__atomic_load_n(&inspect_objects.current, __ATOMIC_ACQUIRE)];
	uint32_t i;

	for (i = 0; i < INSPECT_OBJECTS; i++) {
		struct inspect_root *root = __atomic_load_n(&roots[i], __ATOMIC_RELAXED);
		const int result = root == NULL ? 0 : inspect_object_tables(root, visit, context);

		if (result != 0)
			return result;
	}
	return 0;
}
#else
int inspect_objects_refresh(void)
{
	return INSPECT_OK;
}

static int inspect_other_tables(int (*visit)(const struct inspect_runtime_table *table, void *context),
				void *context)
{
	(void)visit;
	(void)context;
	return 0;
}
#endif

int inspect_tables_for_each(int (*visit)(const struct inspect_runtime_table *table, void *context),
			    void *context)
{
	const int result = inspect_object_tables(&inspect_root_here, visit, context);

	return result != 0 ? result : inspect_other_tables(visit, context);
}

/* ---- Words for errors -------------------------------------------------------------------------------- */

const char *inspect_error_text(int error)
{
	switch (error) {
	case INSPECT_OK:
		return "no error";
	case INSPECT_E_FULL:
		return "every row is taken; give the table more rows, or withdraw some";
	case INSPECT_E_NAMES_FULL:
		return "there is no room for the text; give the table more bytes of names";
	case INSPECT_E_STALE:
		return "the row is gone, or the handle was never given";
	case INSPECT_E_MEMORY:
		return "the memory is too small, or not aligned to 8 bytes";
	case INSPECT_E_REGION:
		return "the region does not end before the last address, or its extent is none";
	case INSPECT_E_CLASS:
		return "the schema has no such class";
	case INSPECT_E_BUSY:
		return "somebody else is changing it; try again";
	case INSPECT_E_TABLE:
		return "that is no run-time table of this machine, or not in the place where it was made";
	case INSPECT_E_SCHEMA:
		return "the table belongs to another schema or another version of it";
	case INSPECT_E_TEXT:
		return "a text of the row is none of the table's; use inspect_intern()";
	case INSPECT_E_KEY:
		return "neither the entry nor the schema has a field of this name";
	case INSPECT_E_VALUE:
		return "the value is of another kind than the field, or does not fit";
	case INSPECT_E_RECORD:
		return "the annotation has no end";
	case INSPECT_E_OBJECTS:
		return "more loaded objects have tables than are remembered; raise INSPECT_OBJECTS";
	case INSPECT_E_FAULT:
		return "memory that was promised cannot be read";
	case INSPECT_E_ROOM:
		return "the dump is longer than the place for it; raise it, or lower the consumer's budget";
	case INSPECT_E_SYSTEM:
		return "the operating system refused to take the dump";
	case INSPECT_E_TABLES:
		return "too many tables do not fit into the workspace; give it more bytes of tables";
	case INSPECT_E_LARGE:
		return "the dump is too large for a core of this machine; lower the consumer's budget";
	case INSPECT_E_ZONE:
		return "this is no zone; it has to be prepared first";
	case INSPECT_E_FORMAT:
		return "the zone is of a byte order or a generation that is not known; prepare it anew";
	case INSPECT_E_CHECKSUM:
		return "the checksum of the zone's header is wrong; prepare it anew";
	case INSPECT_E_SIZES:
		return "the sizes of the zone contradict each other or the storage";
	case INSPECT_E_SMALL:
		return "the storage is too small for so many slots";
	case INSPECT_E_SEQUENCE:
		return "the zone is used up and has to be prepared anew";
	case INSPECT_E_NONE:
		return "there is no whole dump in the zone";
	default:
		return "an error of a later version";
	}
}

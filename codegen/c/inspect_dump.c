/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Dumps from inside a program: zones that keep them, and ELF cores of what a consumer may see.
 *
 * A dump goes in stages. The tables are frozen, so that the copy in the dump and what is said about its rows
 * agree whatever happens meanwhile; every row is judged and its memory looked for; the budget is spent in the
 * consumer's order; what is left is merged into runs; what refused rows cover is cut out of them. Then it is
 * written in the order of the file, so that any sink will do.
 *
 * There are neither locks nor an allocator, and no library function is called but those of the last part.
 * Memory is copied by atomic bytes, which no compiler makes a call of.
 */
#ifdef INSPECT_POSIX
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>
#ifdef __linux__
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#endif
#endif

#include "inspect_dump.h"
#include "inspect_types.h"

/* Program and version, as dumps name it. */
#ifndef INSPECT_DUMP_TOOL
#define INSPECT_DUMP_TOOL "inspect_dump.c 0.1.0"
#endif

/* No machine has smaller pages. */
#define INSPECT_PAGE 4096u

/* ---- Bytes ------------------------------------------------------------------------------------------- */

static void inspect_move(void *to, const void *from, size_t size)
{
	unsigned char *target = (unsigned char *)to;
	const unsigned char *source = (const unsigned char *)from;
	size_t i;

	for (i = 0; i < size; i++)
		__atomic_store_n(&target[i], __atomic_load_n(&source[i], __ATOMIC_RELAXED), __ATOMIC_RELAXED);
}

static void inspect_wipe(void *memory, size_t size)
{
	unsigned char *bytes = (unsigned char *)memory;
	size_t i;

	for (i = 0; i < size; i++)
		__atomic_store_n(&bytes[i], 0, __ATOMIC_RELAXED);
}

static bool inspect_same(const unsigned char *a, const unsigned char *b, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if (a[i] != b[i])
			return false;
	}
	return true;
}

static void inspect_store_number(unsigned char *to, uint64_t number, uint32_t size, bool big)
{
	uint32_t i;

	/* Shifts by constants: those of 64 bits by others are calls on some machines of 32. */
	for (i = 0; i < size; i++, number >>= 8)
		to[big ? size - 1 - i : i] = (unsigned char)number;
}

static uint64_t inspect_load_number(const unsigned char *from, uint32_t size, bool big)
{
	uint64_t number = 0;
	uint32_t i;

	for (i = 0; i < size; i++)
		number = number << 8 | from[big ? i : size - 1 - i];
	return number;
}

static uint32_t inspect_crc(uint32_t crc, const unsigned char *bytes, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		crc = inspect_crc_byte(crc, bytes[i]);
	return crc;
}

/* ---- Zones: storage ---------------------------------------------------------------------------------- */

static unsigned char *inspect_reserved_at(const struct inspect_reserved *reserved, uint64_t offset, size_t size)
{
	if (offset > reserved->size || size > reserved->size - offset)
		return NULL;
	return (unsigned char *)reserved->start + (size_t)offset;
}

static int inspect_reserved_read(uint64_t offset, void *out, size_t size, void *context)
{
	const unsigned char *at = inspect_reserved_at((const struct inspect_reserved *)context, offset, size);

	if (at == NULL)
		return INSPECT_E_SIZES;
	inspect_move(out, at, size);
	return INSPECT_OK;
}

static int inspect_reserved_write(uint64_t offset, const void *bytes, size_t size, void *context)
{
	unsigned char *at = inspect_reserved_at((const struct inspect_reserved *)context, offset, size);

	if (at == NULL)
		return INSPECT_E_SIZES;
	inspect_move(at, bytes, size);
	return INSPECT_OK;
}

/* Neither the compiler nor the processor moves a store across it. */
static int inspect_reserved_flush(void *context)
{
	const struct inspect_reserved *reserved = (const struct inspect_reserved *)context;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (reserved->clean != NULL)
		reserved->clean(reserved->start, reserved->size);
	return INSPECT_OK;
}

struct inspect_storage inspect_reserved_storage(struct inspect_reserved *reserved)
{
	struct inspect_storage storage;

	storage.size = reserved->size;
	storage.read = inspect_reserved_read;
	storage.write = inspect_reserved_write;
	storage.flush = inspect_reserved_flush;
	storage.context = reserved;
	return storage;
}

/* ---- Zones: the format ------------------------------------------------------------------------------- */

/* The header of a zone, and the record at the start of each slot. */
#define INSPECT_ZONE_RECORD 64u
/* Where the fields of the header lie. */
#define INSPECT_ZONE_ORDER_AT 8
#define INSPECT_ZONE_WORD_AT 9
#define INSPECT_ZONE_FORMAT_AT 10
#define INSPECT_ZONE_HEADER_SIZE_AT 12
#define INSPECT_ZONE_TOTAL_AT 16
#define INSPECT_ZONE_SLOT_SIZE_AT 24
#define INSPECT_ZONE_SLOT_COUNT_AT 32
#define INSPECT_ZONE_CHECKSUM_AT 36
/* And those of a slot. */
#define INSPECT_SLOT_SEQUENCE_AT 8
#define INSPECT_SLOT_LENGTH_AT 16
#define INSPECT_SLOT_CHECKSUM_AT 24
#define INSPECT_SLOT_OWN_CHECKSUM_AT 28
#define INSPECT_SLOT_KIND_AT 32
#define INSPECT_SLOT_NONCE_AT 40
#define INSPECT_SLOT_WRITTEN_AT 48

#define INSPECT_ZONE_FORMAT 1u

/* Arrays that are not strings, since they have no NUL. */
static const unsigned char inspect_zone_magic[8] = { 0x89, 'I', 'N', 'S', 'P', 'Z', 'N', '\n' };
static const unsigned char inspect_slot_magic[8] = { 0x89, 'I', 'N', 'S', 'P', 'S', 'L', '\n' };
static const unsigned char inspect_no_magic[8] = { 0, 0, 0, 0, 0, 0, 0, 0 };

static int inspect_storage_read(const struct inspect_storage *storage, uint64_t offset, void *out, size_t size)
{
	return storage->read(offset, out, size, storage->context);
}

static int inspect_storage_write(const struct inspect_storage *storage, uint64_t offset, const void *bytes,
				 size_t size)
{
	return storage->write(offset, bytes, size, storage->context);
}

static int inspect_storage_flush(const struct inspect_storage *storage)
{
	return storage->flush(storage->context);
}

/* Bit by bit: kernels of 32 bits have no 64-bit division. */
static uint64_t inspect_divide(uint64_t number, uint32_t by)
{
	uint64_t quotient = 0;
	uint64_t rest = 0;
	int bit;

	for (bit = 0; bit < 64; bit++, number <<= 1) {
		rest = rest << 1 | number >> 63;
		quotient <<= 1;
		if (rest >= by) {
			rest -= by;
			quotient |= 1;
		}
	}
	return quotient;
}

static uint64_t inspect_slot_at(const struct inspect_zone *zone, uint32_t slot)
{
	/* The product was checked when the header was. */
	return zone->header_size + slot * zone->slot_size;
}

/* Takes the sizes of a header over, if they agree with each other and the storage. */
static int inspect_zone_check(struct inspect_zone *zone, const struct inspect_storage *storage,
			      const unsigned char *header)
{
	const bool big = header[INSPECT_ZONE_ORDER_AT] == INSPECT_BIG;
	const uint64_t total = inspect_load_number(&header[INSPECT_ZONE_TOTAL_AT], 8, big);
	const uint8_t word_size = header[INSPECT_ZONE_WORD_AT];

	zone->storage = storage;
	zone->byte_order = header[INSPECT_ZONE_ORDER_AT];
	zone->header_size = inspect_load_number(&header[INSPECT_ZONE_HEADER_SIZE_AT], 4, big);
	zone->slot_size = inspect_load_number(&header[INSPECT_ZONE_SLOT_SIZE_AT], 8, big);
	zone->slot_count = (uint32_t)inspect_load_number(&header[INSPECT_ZONE_SLOT_COUNT_AT], 4, big);
	if ((word_size != 4 && word_size != 8) || zone->header_size < INSPECT_ZONE_RECORD ||
	    zone->slot_size <= INSPECT_ZONE_RECORD || (zone->slot_size & 63) != 0 || zone->slot_count < 2)
		return INSPECT_E_SIZES;
	if (total > storage->size || zone->header_size > total ||
	    zone->slot_size > inspect_divide(total - zone->header_size, zone->slot_count))
		return INSPECT_E_SIZES;
	return INSPECT_OK;
}

/* Until the last store there is no zone, old or new. */
static int inspect_zone_store(const struct inspect_zone *zone, const unsigned char *header)
{
	const struct inspect_storage *storage = zone->storage;
	int result = inspect_storage_write(storage, 0, inspect_no_magic, 8);
	uint32_t slot;

	if (result == INSPECT_OK)
		result = inspect_storage_flush(storage);
	for (slot = 0; slot < zone->slot_count && result == INSPECT_OK; slot++)
		result = inspect_storage_write(storage, inspect_slot_at(zone, slot), inspect_no_magic, 8);
	if (result == INSPECT_OK)
		result = inspect_storage_write(storage, 8, &header[8], INSPECT_ZONE_RECORD - 8);
	if (result == INSPECT_OK)
		result = inspect_storage_flush(storage);
	if (result == INSPECT_OK)
		result = inspect_storage_write(storage, 0, header, 8);
	return result == INSPECT_OK ? inspect_storage_flush(storage) : result;
}

int inspect_zone_init(struct inspect_zone *zone, const struct inspect_storage *storage,
		      const struct inspect_zone_layout *layout)
{
	const bool big = layout->byte_order == INSPECT_BIG;
	const uint64_t size = INSPECT_ZONE_RECORD;
	unsigned char header[INSPECT_ZONE_RECORD];
	uint64_t slot_size;
	int result;

	if (layout->slot_count == 0)
		return INSPECT_E_SIZES;
	if (layout->byte_order != INSPECT_LITTLE && layout->byte_order != INSPECT_BIG)
		return INSPECT_E_FORMAT;
	if (storage->size < size)
		return INSPECT_E_SMALL;
	slot_size = inspect_divide(storage->size - size, layout->slot_count) & ~(uint64_t)63;
	if (slot_size <= INSPECT_ZONE_RECORD)
		return INSPECT_E_SMALL;
	inspect_wipe(header, sizeof(header));
	inspect_move(header, inspect_zone_magic, 8);
	header[INSPECT_ZONE_ORDER_AT] = layout->byte_order;
	header[INSPECT_ZONE_WORD_AT] = layout->word_size;
	inspect_store_number(&header[INSPECT_ZONE_FORMAT_AT], INSPECT_ZONE_FORMAT, 2, big);
	inspect_store_number(&header[INSPECT_ZONE_HEADER_SIZE_AT], size, 4, big);
	inspect_store_number(&header[INSPECT_ZONE_TOTAL_AT], size + slot_size * layout->slot_count, 8, big);
	inspect_store_number(&header[INSPECT_ZONE_SLOT_SIZE_AT], slot_size, 8, big);
	inspect_store_number(&header[INSPECT_ZONE_SLOT_COUNT_AT], layout->slot_count, 4, big);
	result = inspect_zone_check(zone, storage, header);
	if (result != INSPECT_OK)
		return result;
	inspect_store_number(&header[INSPECT_ZONE_CHECKSUM_AT], ~inspect_crc(~0u, header, sizeof(header)), 4, big);
	return inspect_zone_store(zone, header);
}

int inspect_zone_open(struct inspect_zone *zone, const struct inspect_storage *storage)
{
	unsigned char header[INSPECT_ZONE_RECORD];
	uint32_t checksum;
	int result;
	bool big;

	if (storage->size < sizeof(header))
		return INSPECT_E_ZONE;
	result = inspect_storage_read(storage, 0, header, sizeof(header));
	if (result != INSPECT_OK)
		return result;
	if (!inspect_same(header, inspect_zone_magic, 8))
		return INSPECT_E_ZONE;
	big = header[INSPECT_ZONE_ORDER_AT] == INSPECT_BIG;
	if ((!big && header[INSPECT_ZONE_ORDER_AT] != INSPECT_LITTLE) ||
	    inspect_load_number(&header[INSPECT_ZONE_FORMAT_AT], 2, big) != INSPECT_ZONE_FORMAT)
		return INSPECT_E_FORMAT;
	checksum = (uint32_t)inspect_load_number(&header[INSPECT_ZONE_CHECKSUM_AT], 4, big);
	inspect_store_number(&header[INSPECT_ZONE_CHECKSUM_AT], 0, 4, big);
	if (~inspect_crc(~0u, header, sizeof(header)) != checksum)
		return INSPECT_E_CHECKSUM;
	return inspect_zone_check(zone, storage, header);
}

uint64_t inspect_zone_room(const struct inspect_zone *zone)
{
	return zone->slot_size - INSPECT_ZONE_RECORD;
}

/* ---- Zones: reading ---------------------------------------------------------------------------------- */

/* The checksum of a dump, read in small pieces: handlers and firmware have small stacks. */
static int inspect_zone_sum(const struct inspect_zone *zone, uint64_t offset, uint64_t length, uint32_t *checksum)
{
	unsigned char piece[256];
	uint32_t crc = ~0u;

	while (length > 0) {
		const size_t step = length < sizeof(piece) ? (size_t)length : sizeof(piece);
		const int result = inspect_storage_read(zone->storage, offset, piece, step);

		if (result != INSPECT_OK)
			return result;
		crc = inspect_crc(crc, piece, step);
		offset += step;
		length -= step;
	}
	*checksum = ~crc;
	return INSPECT_OK;
}

int inspect_zone_dump_in(const struct inspect_zone *zone, uint32_t slot, struct inspect_zone_dump *dump)
{
	const bool big = zone->byte_order == INSPECT_BIG;
	unsigned char record[INSPECT_ZONE_RECORD];
	uint32_t own, checksum;
	int result;

	if (slot >= zone->slot_count)
		return INSPECT_E_NONE;
	dump->slot = slot;
	dump->offset = inspect_slot_at(zone, slot) + INSPECT_ZONE_RECORD;
	result = inspect_storage_read(zone->storage, dump->offset - INSPECT_ZONE_RECORD, record, sizeof(record));
	if (result != INSPECT_OK)
		return result;
	dump->sequence = inspect_load_number(&record[INSPECT_SLOT_SEQUENCE_AT], 8, big);
	dump->length = inspect_load_number(&record[INSPECT_SLOT_LENGTH_AT], 8, big);
	dump->checksum = (uint32_t)inspect_load_number(&record[INSPECT_SLOT_CHECKSUM_AT], 4, big);
	dump->label.kind = (uint32_t)inspect_load_number(&record[INSPECT_SLOT_KIND_AT], 4, big);
	dump->label.nonce = inspect_load_number(&record[INSPECT_SLOT_NONCE_AT], 8, big);
	dump->label.written_at = inspect_load_number(&record[INSPECT_SLOT_WRITTEN_AT], 8, big);
	own = (uint32_t)inspect_load_number(&record[INSPECT_SLOT_OWN_CHECKSUM_AT], 4, big);
	inspect_store_number(&record[INSPECT_SLOT_OWN_CHECKSUM_AT], 0, 4, big);
	if (!inspect_same(record, inspect_slot_magic, 8) || dump->sequence == 0 ||
	    dump->length > inspect_zone_room(zone) || ~inspect_crc(~0u, record, sizeof(record)) != own)
		return INSPECT_E_NONE;
	result = inspect_zone_sum(zone, dump->offset, dump->length, &checksum);
	if (result != INSPECT_OK)
		return result;
	return checksum == dump->checksum ? INSPECT_OK : INSPECT_E_NONE;
}

int inspect_zone_newest(const struct inspect_zone *zone, struct inspect_zone_dump *dump)
{
	int failure = INSPECT_E_NONE;
	uint64_t newest = 0;
	uint32_t newest_slot = 0;
	uint32_t slot;

	for (slot = 0; slot < zone->slot_count; slot++) {
		const int result = inspect_zone_dump_in(zone, slot, dump);

		if (result == INSPECT_OK && dump->sequence > newest) {
			newest = dump->sequence;
			newest_slot = slot;
		} else if (result != INSPECT_OK && result != INSPECT_E_NONE) {
			failure = result;
		}
	}
	return newest == 0 ? failure : inspect_zone_dump_in(zone, newest_slot, dump);
}

int inspect_zone_read(const struct inspect_zone *zone, const struct inspect_zone_dump *dump, uint64_t offset,
		      void *out, size_t size)
{
	if (offset > dump->length || size > dump->length - offset)
		return INSPECT_E_SIZES;
	return inspect_storage_read(zone->storage, dump->offset + offset, out, size);
}

/* ---- Zones: writing ---------------------------------------------------------------------------------- */

/* The slot for the next dump, and its sequence number. */
static int inspect_zone_choose(const struct inspect_zone *zone, uint32_t *chosen, uint64_t *sequence)
{
	const uint32_t none = zone->slot_count;
	uint32_t empty = none, oldest = none, unreadable = none;
	uint64_t highest = 0, lowest = 0;
	uint32_t slot;

	for (slot = 0; slot < zone->slot_count; slot++) {
		struct inspect_zone_dump dump;
		const int result = inspect_zone_dump_in(zone, slot, &dump);

		if (result == INSPECT_E_NONE) {
			empty = empty == none ? slot : empty;
		} else if (result != INSPECT_OK) {
			unreadable = unreadable == none ? slot : unreadable;
		} else {
			highest = dump.sequence > highest ? dump.sequence : highest;
			/* Of two with the same number, the reader takes the first: it is the newer one. */
			if (oldest == none || dump.sequence <= lowest) {
				lowest = dump.sequence;
				oldest = slot;
			}
		}
	}
	if (highest == ~(uint64_t)0)
		return INSPECT_E_SEQUENCE;
	*sequence = highest + 1;
	*chosen = empty;
	/* A slot that cannot be read is the last resort, and still better than the only good dump. */
	if (empty == none)
		*chosen = oldest != none && (lowest < highest || unreadable == none) ? oldest : unreadable;
	return *chosen == none ? INSPECT_E_SIZES : INSPECT_OK;
}

int inspect_zone_begin(struct inspect_zone_writer *writer, const struct inspect_zone *zone,
		       const struct inspect_zone_label *label)
{
	uint32_t slot;
	int result = inspect_zone_choose(zone, &slot, &writer->sequence);

	if (result != INSPECT_OK)
		return result;
	writer->zone = zone;
	writer->start = inspect_slot_at(zone, slot);
	writer->length = 0;
	writer->label.kind = label->kind;
	writer->label.nonce = label->nonce;
	writer->label.written_at = label->written_at;
	writer->crc = ~0u;
	result = inspect_storage_write(zone->storage, writer->start, inspect_no_magic, 8);
	return result == INSPECT_OK ? inspect_storage_flush(zone->storage) : result;
}

int inspect_zone_write(struct inspect_zone_writer *writer, const void *bytes, size_t size)
{
	const uint64_t at = writer->start + INSPECT_ZONE_RECORD + writer->length;
	int result;

	if (size > inspect_zone_room(writer->zone) - writer->length)
		return INSPECT_E_ROOM;
	result = inspect_storage_write(writer->zone->storage, at, bytes, size);
	if (result != INSPECT_OK)
		return result;
	writer->crc = inspect_crc(writer->crc, (const unsigned char *)bytes, size);
	writer->length += size;
	return INSPECT_OK;
}

int inspect_zone_finish(struct inspect_zone_writer *writer, uint64_t *sequence)
{
	const struct inspect_storage *storage = writer->zone->storage;
	const bool big = writer->zone->byte_order == INSPECT_BIG;
	unsigned char record[INSPECT_ZONE_RECORD];
	int result;

	inspect_wipe(record, sizeof(record));
	inspect_move(record, inspect_slot_magic, 8);
	inspect_store_number(&record[INSPECT_SLOT_SEQUENCE_AT], writer->sequence, 8, big);
	inspect_store_number(&record[INSPECT_SLOT_LENGTH_AT], writer->length, 8, big);
	inspect_store_number(&record[INSPECT_SLOT_CHECKSUM_AT], ~writer->crc, 4, big);
	inspect_store_number(&record[INSPECT_SLOT_KIND_AT], writer->label.kind, 4, big);
	inspect_store_number(&record[INSPECT_SLOT_NONCE_AT], writer->label.nonce, 8, big);
	inspect_store_number(&record[INSPECT_SLOT_WRITTEN_AT], writer->label.written_at, 8, big);
	inspect_store_number(&record[INSPECT_SLOT_OWN_CHECKSUM_AT], ~inspect_crc(~0u, record, sizeof(record)), 4, big);
	result = inspect_storage_write(storage, writer->start + 8, &record[8], sizeof(record) - 8);
	if (result == INSPECT_OK)
		result = inspect_storage_flush(storage);
	if (result == INSPECT_OK)
		result = inspect_storage_write(storage, writer->start, record, 8);
	if (result == INSPECT_OK)
		result = inspect_storage_flush(storage);
	if (result == INSPECT_OK && sequence != NULL)
		*sequence = writer->sequence;
	return result;
}

static int inspect_zone_sink_write(const void *bytes, size_t size, void *context)
{
	return inspect_zone_write((struct inspect_zone_writer *)context, bytes, size);
}

struct inspect_sink inspect_zone_sink(struct inspect_zone_writer *writer)
{
	struct inspect_sink sink;

	sink.write = inspect_zone_sink_write;
	sink.write_memory = NULL;
	sink.context = writer;
	return sink;
}

/* ---- Dumps: memory ----------------------------------------------------------------------------------- */

/* Whole words where they are, each by one load, since what is read may be changing. */
static void inspect_load_memory(uintptr_t at, unsigned char *to, size_t size)
{
	while (size > 0) {
		uintptr_t word = 0;
		size_t step = 1;

		if ((at & (sizeof(word) - 1)) == 0 && size >= sizeof(word)) {
			typedef const uintptr_t __attribute__((may_alias)) * pointer;

			step = sizeof(word);
			word = __atomic_load_n((pointer)at, __ATOMIC_RELAXED);
			inspect_move(to, &word, step);
		} else {
			*to = __atomic_load_n((const unsigned char *)at, __ATOMIC_RELAXED);
		}
		at += step;
		to += step;
		size -= step;
	}
}

static int inspect_read_memory(const struct inspect_memory *memory, uint64_t address, void *out, size_t size)
{
	if (size == 0)
		return INSPECT_OK;
	if (address > ~(uintptr_t)0 || size - 1 > ~(uintptr_t)0 - (uintptr_t)address)
		return INSPECT_E_FAULT;
	if (memory != NULL)
		return memory->read(address, out, size, memory->context) == INSPECT_OK ? INSPECT_OK : INSPECT_E_FAULT;
	inspect_load_memory((uintptr_t)address, (unsigned char *)out, size);
	return INSPECT_OK;
}

/* How much of a region can be read, one byte of each page. */
static uint64_t inspect_probe(const struct inspect_memory *memory, uint64_t address, uint64_t length)
{
	uint64_t good = 0;

	while (good < length) {
		unsigned char byte;

		if (inspect_read_memory(memory, address + good, &byte, 1) != INSPECT_OK)
			return good;
		good += INSPECT_PAGE - ((address + good) & (INSPECT_PAGE - 1));
	}
	return length;
}

static uint64_t inspect_readable(const struct inspect_memory *memory, uint64_t address, uint64_t length)
{
	uint64_t found;

	if (memory == NULL || length == 0)
		return length;
	if (memory->readable == NULL)
		return inspect_probe(memory, address, length);
	found = memory->readable(address, length, memory->context);
	return found < length ? found : length;
}

/* How many runs can be read as a whole, of the first ones; 0 if the first cannot. */
static size_t inspect_readable_runs(const struct inspect_memory *memory, const struct inspect_run *runs, size_t count)
{
	const uint64_t length = runs->end - runs->start;
	size_t found;

	if (memory->readable_runs == NULL)
		return inspect_readable(memory, runs->start, length) == length;
	found = memory->readable_runs(runs, count, memory->context);
	return found < count ? found : count;
}

/* A number as the machine has it. */
static int inspect_read_number(const struct inspect_memory *memory, uint64_t address, uint32_t size,
			       uint64_t *number)
{
	unsigned char bytes[8];

	if (inspect_read_memory(memory, address, bytes, size) != INSPECT_OK)
		return INSPECT_E_FAULT;
	*number = inspect_load_number(bytes, size, INSPECT_BIG_ENDIAN);
	return INSPECT_OK;
}

/* ---- Dumps: where the memory of a row lies ----------------------------------------------------------- */

/* What inspect_span() finds beside INSPECT_OK and INSPECT_E_FAULT. */
#define INSPECT_SPAN_NULL 1
#define INSPECT_SPAN_WRAPS 2
#define INSPECT_SPAN_NONE 3

static int inspect_slot_value(const struct inspect_memory *memory, uint64_t field, bool in_slot, uint64_t *address)
{
	*address = field;
	/* A slot holds an address in eight bytes, whatever the word size. */
	return in_slot ? inspect_read_number(memory, field, 8, address) : INSPECT_OK;
}

static int inspect_pointer_value(const struct inspect_memory *memory, uint64_t *address)
{
	if (inspect_read_number(memory, *address, sizeof(void *), address) != INSPECT_OK)
		return INSPECT_E_FAULT;
	return *address == 0 ? INSPECT_SPAN_NULL : INSPECT_OK;
}

static int inspect_counted_span(const struct inspect_memory *memory, const struct inspect_entry *core,
				struct inspect_run *span)
{
	uint64_t count;

	if (inspect_slot_value(memory, core->bound, (core->extent & INSPECT_BOUND_SLOT) != 0, &count) != INSPECT_OK)
		return INSPECT_E_FAULT;
	if (core->bound_size != 1 && core->bound_size != 2 && core->bound_size != 4 && core->bound_size != 8)
		return INSPECT_SPAN_NONE;
	if (inspect_read_number(memory, count, core->bound_size, &count) != INSPECT_OK)
		return INSPECT_E_FAULT;
	if (__builtin_mul_overflow(core->length, count, &span->end))
		return INSPECT_SPAN_WRAPS;
	/* Of nothing it does not matter where the pointer points. */
	return span->end == 0 ? INSPECT_OK : inspect_pointer_value(memory, &span->start);
}

/* Follows pointers and reads counters: the address goes into @span->start, the length into @span->end. */
static int inspect_locate(const struct inspect_memory *memory, const struct inspect_entry *core,
			  struct inspect_run *span)
{
	const uint8_t kind = core->extent & INSPECT_EXTENT_MASK;
	const bool bound_in_slot = (core->extent & INSPECT_BOUND_SLOT) != 0;
	int result = inspect_slot_value(memory, core->address, (core->extent & INSPECT_ADDRESS_SLOT) != 0, &span->start);

	if (result != INSPECT_OK)
		return result;
	span->end = core->length;
	if ((kind == INSPECT_INDIRECT || kind == INSPECT_COUNTED) && core->space != INSPECT_SPACE_VIRTUAL)
		return INSPECT_SPAN_NONE;
	switch (kind) {
	case INSPECT_DIRECT:
		return INSPECT_OK;
	case INSPECT_ADDRESS_ONLY:
		span->end = 0;
		return INSPECT_OK;
	case INSPECT_INDIRECT:
		return inspect_pointer_value(memory, &span->start);
	case INSPECT_COUNTED:
		return inspect_counted_span(memory, core, span);
	case INSPECT_RANGE:
		result = inspect_slot_value(memory, core->bound, bound_in_slot, &span->end);
		if (result == INSPECT_OK && span->end < span->start)
			return INSPECT_SPAN_NONE;
		span->end -= span->start;
		return result;
	default:
		return INSPECT_SPAN_NONE;
	}
}

static int inspect_span(const struct inspect_memory *memory, const struct inspect_entry *core,
			struct inspect_run *span)
{
	const uint64_t last = core->space == INSPECT_SPACE_VIRTUAL ? ~(uintptr_t)0 : ~(uint64_t)0;
	const int result = inspect_locate(memory, core, span);

	if (result != INSPECT_OK)
		return result;
	if (span->start > last || (span->end != 0 && span->end - 1 > last - span->start))
		return INSPECT_SPAN_WRAPS;
	return INSPECT_OK;
}

/* Where a row begins, however long it is: INSPECT_OK, INSPECT_SPAN_NULL, or nobody knows. */
static int inspect_start(const struct inspect_memory *memory, const struct inspect_entry *core, uint64_t *start)
{
	const int result =
		inspect_slot_value(memory, core->address, (core->extent & INSPECT_ADDRESS_SLOT) != 0, start);

	if (result != INSPECT_OK)
		return result;
	switch (core->extent & INSPECT_EXTENT_MASK) {
	case INSPECT_DIRECT:
	case INSPECT_ADDRESS_ONLY:
	case INSPECT_RANGE:
		return INSPECT_OK;
	case INSPECT_INDIRECT:
	case INSPECT_COUNTED:
		return inspect_pointer_value(memory, start);
	default:
		return INSPECT_SPAN_NONE;
	}
}

/* ---- Dumps: the plan --------------------------------------------------------------------------------- */

/*
 * Regions that do not overlap are asked about together up to so many bytes. One of them that cannot be read has
 * as many asked about again.
 */
#define INSPECT_TOGETHER (1u << 20)
/* Tables that do not fit into the workspace, and yet refuse bytes. */
#define INSPECT_LEFT_OUT 16
/* Names of such tables that are longer than this count as unreadable. */
#define INSPECT_NAME_MAX 255u

struct inspect_plan {
	const struct inspect_dump_request *request;
	struct inspect_workspace *workspace;
	/* Bytes of frozen tables. */
	size_t used;
	uint32_t table_count;
	uint32_t selected;
	/* So many of them were asked about ahead, and all of those can be read. */
	uint32_t certain;
	uint32_t run_count;
	uint32_t left_out_count;
	/* Something was cut out of the runs. */
	bool has_holes;
	uint64_t missing;
	const struct inspect_header *left_out[INSPECT_LEFT_OUT];
};

/* A row of a frozen table. */
struct inspect_frozen {
	const struct inspect_header *table;
	const struct inspect_entry *core;
	/* Or NULL, where it cannot be read. */
	const char *name;
	uint64_t name_size;
	uint32_t table_index;
	uint32_t row_index;
};

/* inspect_region.state */
enum inspect_region_state {
	INSPECT_TAKEN,
	INSPECT_OVER_REGIONS,
	INSPECT_OVER_NAME,
	INSPECT_OVER_BYTES,
	INSPECT_ABSENT_LENGTH,
	INSPECT_ABSENT_SPACE,
	INSPECT_ABSENT_NULL,
	INSPECT_ABSENT_EXTENT,
	/* The pointer to it, or the counter, cannot be read. */
	INSPECT_UNREACHABLE,
	/* The memory itself cannot be read. */
	INSPECT_FAULTED
};

static bool inspect_continues(const unsigned char *bytes, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (bytes[i] >> 6 != 2)
			return false;
	}
	return true;
}

/* Bytes of the character that a NUL-terminated text begins with; 0 where it is no UTF-8. */
static size_t inspect_character(const unsigned char *text)
{
	const unsigned char first = text[0];
	/* The second byte says whether a shorter form was possible, or a half of a pair was encoded. */
	const unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
	const unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
	const size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	if (size == 1)
		return 1;
	if (first < 0xc2 || first > 0xf4 || text[1] < low || text[1] > high || !inspect_continues(&text[2], size - 2))
		return 0;
	return size;
}

/* The text at an offset of some strings, if it is whole and UTF-8. */
static const char *inspect_name_in(const char *strings, uint64_t strings_size, uint32_t offset, uint64_t *size)
{
	const unsigned char *text = (const unsigned char *)strings + offset;
	uint64_t end = offset;
	size_t at = 0;

	*size = 0;
	if (offset == 0)
		return "";
	while (end < strings_size && strings[end] != 0)
		end++;
	if (end >= strings_size)
		return NULL;
	*size = end - offset;
	/* The NUL is no continuation, so that no character reaches beyond it. */
	while (at < *size) {
		const size_t step = inspect_character(&text[at]);

		if (step == 0)
			return NULL;
		at += step;
	}
	return (const char *)text;
}

/* Runs of numbers by which a row's place or its importance is compared. */
static bool inspect_by_place(const void *a, const void *b)
{
	const struct inspect_region *left = (const struct inspect_region *)a;
	const struct inspect_region *right = (const struct inspect_region *)b;

	return left->table != right->table ? left->table < right->table : left->row < right->row;
}

static bool inspect_by_importance(const void *a, const void *b)
{
	const struct inspect_region *left = (const struct inspect_region *)a;
	const struct inspect_region *right = (const struct inspect_region *)b;

	return left->rank != right->rank ? left->rank < right->rank : inspect_by_place(a, b);
}

static bool inspect_by_start(const void *a, const void *b)
{
	return ((const struct inspect_run *)a)->start < ((const struct inspect_run *)b)->start;
}

/* What is sorted consists of whole words. */
typedef uint64_t __attribute__((may_alias)) inspect_sort_word;

static void inspect_swap(inspect_sort_word *a, inspect_sort_word *b, size_t words)
{
	size_t i;

	for (i = 0; i < words; i++) {
		const uint64_t word = a[i];

		a[i] = b[i];
		b[i] = word;
	}
}

static bool inspect_is_sorted(const inspect_sort_word *at, size_t count, size_t words,
			      bool (*before)(const void *a, const void *b))
{
	size_t i;

	for (i = 1; i < count; i++) {
		if (before(at + i * words, at + (i - 1) * words))
			return false;
	}
	return true;
}

/* A heap sort: neither recursion nor memory. Tables are often in order already. */
static void inspect_sort(void *base, size_t count, size_t size, bool (*before)(const void *a, const void *b))
{
	inspect_sort_word *at = (inspect_sort_word *)base;
	const size_t words = size / sizeof(*at);
	size_t start = count >> 1;
	size_t end = count;

	if (inspect_is_sorted(at, count, words, before))
		return;
	while (end > 1) {
		size_t parent;

		if (start > 0)
			start--;
		else
			inspect_swap(at, at + --end * words, words);
		for (parent = start; 2 * parent + 1 < end;) {
			size_t child = 2 * parent + 1;

			if (child + 1 < end && before(at + child * words, at + (child + 1) * words))
				child++;
			if (!before(at + parent * words, at + child * words))
				break;
			inspect_swap(at + parent * words, at + child * words, words);
			parent = child;
		}
	}
}

/* ---- Dumps: freezing --------------------------------------------------------------------------------- */

/* Where the sections of a live table lie, by their kinds. */
struct inspect_places {
	uintptr_t at[INSPECT_SECTION_HISTORY + 1];
	uint64_t size[INSPECT_SECTION_HISTORY + 1];
};

static int inspect_find_places(const struct inspect_header *header, struct inspect_places *places)
{
	const struct inspect_section *sections =
		(const struct inspect_section *)((uintptr_t)header + header->header_size);
	uint32_t seen = 0;
	uint32_t i;

	inspect_wipe(places, sizeof(*places));
	for (i = 0; i < header->section_count; i++) {
		const uint32_t kind = sections[i].kind;

		if (kind == 0 || kind > INSPECT_SECTION_HISTORY)
			continue;
		if ((seen >> kind & 1) != 0)
			return INSPECT_E_TABLE;
		seen |= 1u << kind;
		places->at[kind] = (uintptr_t)header + (uintptr_t)sections[i].offset;
		places->size[kind] = sections[i].size;
	}
	return INSPECT_OK;
}

/* Addresses that count from the header become absolute, slots are read; one that cannot be read stays. */
static void inspect_make_absolute(const struct inspect_memory *memory, const struct inspect_header *header,
				  struct inspect_entry *core)
{
	const uint8_t kind = core->extent & INSPECT_EXTENT_MASK;
	uint64_t address;

	if ((header->flags & INSPECT_TABLE_RELATIVE) != 0) {
		core->address = (uintptr_t)((uintptr_t)header + (uintptr_t)core->address);
		if (kind == INSPECT_COUNTED || kind == INSPECT_RANGE)
			core->bound = (uintptr_t)((uintptr_t)header + (uintptr_t)core->bound);
	}
	if ((core->extent & INSPECT_ADDRESS_SLOT) != 0 &&
	    inspect_read_number(memory, core->address, 8, &address) == INSPECT_OK) {
		core->address = address;
		core->extent = (uint8_t)(core->extent & ~INSPECT_ADDRESS_SLOT);
	}
	if ((core->extent & INSPECT_BOUND_SLOT) != 0 &&
	    inspect_read_number(memory, core->bound, 8, &address) == INSPECT_OK) {
		core->bound = address;
		core->extent = (uint8_t)(core->extent & ~INSPECT_BOUND_SLOT);
	}
}

/* A row as it is now, with its generation. */
static int inspect_read_row(const struct inspect_runtime_table *table, uint32_t slot, void *to, size_t size)
{
	typedef uint32_t __attribute__((may_alias)) word;
	const word *state = (const word *)(const void *)(table->rows + (size_t)slot * table->stride);
	int attempt;

	for (attempt = 0; attempt < 16; attempt++) {
		const uint32_t before = __atomic_load_n(state, __ATOMIC_ACQUIRE);
		const int result = inspect_read(table, slot, to, size);

		if (result != INSPECT_OK)
			return result;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (before >> 2 == __atomic_load_n(state, __ATOMIC_RELAXED) >> 2) {
			*(word *)to |= before & ~3u;
			return INSPECT_OK;
		}
	}
	return INSPECT_E_BUSY;
}

/* The block that a table is frozen into. */
struct inspect_block {
	unsigned char *bytes;
	size_t room;
	size_t at;
	uint32_t sections;
};

static void inspect_add_section(struct inspect_block *block, uint32_t kind, size_t offset, uint64_t size)
{
	struct inspect_section *section =
		(struct inspect_section *)((uintptr_t)block->bytes + sizeof(struct inspect_header)) + block->sections;

	section->kind = kind;
	section->flags = 0;
	section->offset = offset;
	section->size = size;
	block->sections++;
}

static int inspect_freeze_rows(const struct inspect_memory *memory, const struct inspect_runtime_table *table,
			       struct inspect_block *block)
{
	const size_t start = block->at;
	uint32_t slot;

	for (slot = 0; slot < table->capacity; slot++) {
		struct inspect_entry core;
		void *to = block->bytes + block->at;

		if (block->room - block->at < table->stride) {
			if (inspect_read(table, slot, &core, sizeof(core)) == INSPECT_OK)
				return INSPECT_E_MEMORY;
			continue;
		}
		if (inspect_read_row(table, slot, to, table->stride) != INSPECT_OK)
			continue;
		inspect_make_absolute(memory, table->header, (struct inspect_entry *)to);
		block->at += table->stride;
	}
	inspect_add_section(block, INSPECT_SECTION_ENTRIES, start, block->at - start);
	return INSPECT_OK;
}

static int inspect_freeze_section(const struct inspect_memory *memory, const struct inspect_places *places,
				  uint32_t kind, uint64_t size, struct inspect_block *block)
{
	const size_t room = block->room - block->at;
	size_t rounded;

	if (size > room || ((size + 7) & ~(uint64_t)7) > room)
		return INSPECT_E_MEMORY;
	if (inspect_read_memory(memory, places->at[kind], block->bytes + block->at, (size_t)size) != INSPECT_OK)
		return INSPECT_E_FAULT;
	rounded = ((size_t)size + 7) & ~(size_t)7;
	inspect_wipe(block->bytes + block->at + (size_t)size, rounded - (size_t)size);
	inspect_add_section(block, kind, block->at, size);
	block->at += rounded;
	return INSPECT_OK;
}

/*
 * The checksum of a block in which the field itself is zero: as inspect_table_checksum() has it, but four bytes in
 * one step, whose eight halves are looked up beside each other. Tables may be large.
 */
static uint32_t inspect_block_checksum(const unsigned char *bytes, size_t size)
{
	/* What each half of four bytes has become behind them. */
	uint32_t behind[8][16];
	uint32_t crc = ~0u;
	uint32_t place, half, i;

	for (place = 0; place < 8; place++) {
		for (half = 0; half < 16; half++) {
			uint32_t value = half << 4 * place;

			for (i = 0; i < 4; i++)
				value = inspect_crc_byte(value, 0);
			behind[place][half] = value;
		}
	}
	for (; size >= 4; size -= 4, bytes += 4) {
		crc ^= (uint32_t)inspect_load_number(bytes, 4, false);
		crc = behind[0][crc & 15] ^ behind[1][crc >> 4 & 15] ^ behind[2][crc >> 8 & 15] ^
		      behind[3][crc >> 12 & 15] ^ behind[4][crc >> 16 & 15] ^ behind[5][crc >> 20 & 15] ^
		      behind[6][crc >> 24 & 15] ^ behind[7][crc >> 28];
	}
	return ~inspect_crc(crc, bytes, size);
}

static void inspect_freeze_header(const struct inspect_header *from, struct inspect_block *block)
{
	struct inspect_header *header = (struct inspect_header *)(void *)block->bytes;

	inspect_move(header, from, sizeof(*header));
	header->header_size = sizeof(*header);
	header->total_size = block->at;
	header->flags &= INSPECT_TABLE_SORTED;
	header->section_count = block->sections;
	header->checksum = 0;
	header->arena_used = 0;
	header->self_address = 0;
	header->nonce = 0;
	header->next = 0;
	header->checksum = inspect_block_checksum(block->bytes, block->at);
}

/* Writes the live rows of a table and what explains them, as a file holds it. */
static int inspect_freeze(const struct inspect_memory *memory, const struct inspect_runtime_table *table,
			  struct inspect_block *block)
{
	const struct inspect_header *header = table->header;
	struct inspect_places places;
	uint32_t kind;
	int result = inspect_find_places(header, &places);

	if (result != INSPECT_OK || (places.size[INSPECT_SECTION_HISTORY] & 7) != 0)
		return INSPECT_E_TABLE;
	block->sections = 0;
	block->at = sizeof(*header) + sizeof(struct inspect_section);
	for (kind = INSPECT_SECTION_STRINGS; kind <= INSPECT_SECTION_HISTORY; kind++)
		block->at += places.size[kind] == 0 ? 0 : sizeof(struct inspect_section);
	if (block->at > block->room)
		return INSPECT_E_MEMORY;
	result = inspect_freeze_rows(memory, table, block);
	for (kind = INSPECT_SECTION_STRINGS; kind <= INSPECT_SECTION_HISTORY && result == INSPECT_OK; kind++) {
		const uint64_t all = places.size[kind];
		uint64_t size = all;

		if (all == 0)
			continue;
		/* The arena of a run-time table grows; a row's name was there before the row. */
		if (kind == INSPECT_SECTION_STRINGS && (header->flags & INSPECT_TABLE_RUNTIME) != 0)
			size = __atomic_load_n(&header->arena_used, __ATOMIC_ACQUIRE);
		size = size == 0 ? 1 : size > all ? all : size;
		result = inspect_freeze_section(memory, &places, kind, size, block);
		if (result == INSPECT_OK && kind == INSPECT_SECTION_STRINGS &&
		    block->bytes[block->at - (size_t)((size + 7) & ~(uint64_t)7)] != 0)
			result = INSPECT_E_TABLE;
	}
	if (result == INSPECT_OK)
		inspect_freeze_header(header, block);
	return result;
}

/* Freezes a table behind the others. One without a copy still refuses its bytes to others. */
static int inspect_freeze_next(const struct inspect_runtime_table *table, void *context)
{
	struct inspect_plan *plan = (struct inspect_plan *)context;
	struct inspect_block block;

	block.bytes = (unsigned char *)plan->workspace->tables + plan->used;
	block.room = plan->workspace->tables_size - plan->used;
	if (inspect_freeze(plan->request->memory, table, &block) == INSPECT_OK) {
		plan->used += block.at;
		plan->table_count++;
		return INSPECT_OK;
	}
	plan->missing++;
	if (plan->left_out_count == INSPECT_LEFT_OUT)
		return INSPECT_E_TABLES;
	plan->left_out[plan->left_out_count++] = table->header;
	return INSPECT_OK;
}

static int inspect_freeze_all(struct inspect_plan *plan)
{
	const struct inspect_dump_request *request = plan->request;
	size_t i;

	if (request->tables == NULL)
		return inspect_tables_for_each(inspect_freeze_next, plan);
	for (i = 0; i < request->table_count; i++) {
		struct inspect_runtime_table table;
		int result = inspect_table_open(&table, request->tables[i], ~(uint64_t)0);

		if (result == INSPECT_OK)
			result = inspect_freeze_next(&table, plan);
		else
			plan->missing++;
		if (result == INSPECT_E_TABLES)
			return result;
	}
	return INSPECT_OK;
}

/* ---- Dumps: frozen rows ------------------------------------------------------------------------------ */

static const struct inspect_header *inspect_frozen_table(const struct inspect_plan *plan, size_t at)
{
	return (const struct inspect_header *)((uintptr_t)plan->workspace->tables + at);
}

static uint32_t inspect_frozen_count(const struct inspect_header *table)
{
	const struct inspect_section *sections = (const struct inspect_section *)(table + 1);

	return (uint32_t)((size_t)sections[0].size / table->entry_size);
}

static void inspect_frozen_row(const struct inspect_header *table, uint32_t index, struct inspect_frozen *row)
{
	const struct inspect_section *sections = (const struct inspect_section *)(table + 1);
	const bool named = table->section_count > 1 && sections[1].kind == INSPECT_SECTION_STRINGS;

	row->table = table;
	row->row_index = index;
	row->core = (const struct inspect_entry *)((uintptr_t)table + (size_t)sections[0].offset +
						   (size_t)index * table->entry_size);
	row->name = inspect_name_in((const char *)table + (named ? (size_t)sections[1].offset : 0),
				    named ? sections[1].size : 0, row->core->name, &row->name_size);
}

static void inspect_each_frozen(struct inspect_plan *plan,
				void (*visit)(struct inspect_plan *plan, const struct inspect_frozen *row))
{
	struct inspect_frozen row;
	size_t at;
	uint32_t i;

	row.table_index = 0;
	for (at = 0; at < plan->used; at += (size_t)inspect_frozen_table(plan, at)->total_size) {
		const struct inspect_header *table = inspect_frozen_table(plan, at);

		for (i = 0; i < inspect_frozen_count(table); i++) {
			inspect_frozen_row(table, i, &row);
			visit(plan, &row);
		}
		row.table_index++;
	}
}

/* ---- Dumps: what is allowed -------------------------------------------------------------------------- */

static uint16_t inspect_locate_region(const struct inspect_memory *memory, const struct inspect_entry *core,
				      struct inspect_region *region)
{
	struct inspect_run span;

	if ((core->extent & INSPECT_EXTENT_MASK) == INSPECT_ADDRESS_ONLY)
		return INSPECT_ABSENT_LENGTH;
	if (core->space != INSPECT_SPACE_VIRTUAL)
		return INSPECT_ABSENT_SPACE;
	switch (inspect_span(memory, core, &span)) {
	case INSPECT_OK:
		region->address = span.start;
		region->length = span.end;
		return INSPECT_TAKEN;
	case INSPECT_E_FAULT:
		return INSPECT_UNREACHABLE;
	case INSPECT_SPAN_NULL:
		return INSPECT_ABSENT_NULL;
	default:
		return INSPECT_ABSENT_EXTENT;
	}
}

/* Takes an entry that may be seen into the selection; where there is no room, in place of a lesser one. */
static void inspect_select(struct inspect_plan *plan, const struct inspect_frozen *row)
{
	const struct inspect_consumer *consumer = plan->request->consumer;
	struct inspect_workspace *workspace = plan->workspace;
	struct inspect_region region;
	struct inspect_region *place = workspace->regions;
	uint32_t i;

	if (inspect_consumer_judge(consumer, row->table->schema, row->core, row->name).reason != INSPECT_ALLOWED)
		return;
	region.table = row->table_index;
	region.row = row->row_index;
	region.rank = inspect_consumer_rank(consumer, row->table->schema, row->core, row->name);
	/* A name that cannot be read is as long as no budget allows. */
	region.name_size = row->name == NULL ? ~(uint64_t)0 : row->name_size;
	region.address = region.length = region.readable = 0;
	region.state = inspect_locate_region(plan->request->memory, row->core, &region);
	region.has_effects = (row->core->properties & INSPECT_MMIO) != 0;
	if (plan->selected < workspace->region_count) {
		place = &workspace->regions[plan->selected++];
	} else if (workspace->region_count == 0) {
		return;
	} else {
		for (i = 1; i < plan->selected; i++) {
			if (inspect_by_importance(place, &workspace->regions[i]))
				place = &workspace->regions[i];
		}
		if (!inspect_by_importance(&region, place))
			return;
	}
	inspect_move(place, &region, sizeof(region));
}

/* ---- Dumps: runs ------------------------------------------------------------------------------------- */

static uint64_t inspect_end_of(uint64_t address, uint64_t length)
{
	return length > ~(uint64_t)0 - address ? ~(uint64_t)0 : address + length;
}

static void inspect_add_run(struct inspect_plan *plan, uint64_t address, uint64_t length)
{
	struct inspect_run *run = &plan->workspace->runs[plan->run_count];

	if (length == 0)
		return;
	run->start = address;
	run->end = inspect_end_of(address, length);
	plan->run_count++;
}

/* Whether runs, of which the second does not begin before the first, are one. */
static bool inspect_touches(const struct inspect_run *last, const struct inspect_run *next)
{
	return next->start <= last->end;
}

/* Whether they lie on the same pages or on neighbours; but together they are not too much to ask about again. */
static bool inspect_shares_pages(const struct inspect_run *last, const struct inspect_run *next)
{
	const uint64_t page = ~(uint64_t)(INSPECT_PAGE - 1);
	const bool is_beside = (next->start & page) <= ((last->end - 1) & page) + INSPECT_PAGE;

	return next->start < last->end || (is_beside && next->end - last->start <= INSPECT_TOGETHER);
}

/* Sorts the runs and makes one of those that belong together. */
static void inspect_merge(struct inspect_plan *plan,
			  bool (*belongs)(const struct inspect_run *last, const struct inspect_run *next))
{
	struct inspect_run *runs = plan->workspace->runs;
	uint32_t count = 0;
	uint32_t i;

	inspect_sort(runs, plan->run_count, sizeof(*runs), inspect_by_start);
	for (i = 0; i < plan->run_count; i++) {
		const uint64_t start = runs[i].start;
		const uint64_t end = runs[i].end;

		if (count > 0 && belongs(&runs[count - 1], &runs[i])) {
			if (end > runs[count - 1].end)
				runs[count - 1].end = end;
		} else {
			runs[count].start = start;
			runs[count++].end = end;
		}
	}
	plan->run_count = count;
}

/* Makes runs of the regions that are taken. */
static void inspect_unite(struct inspect_plan *plan)
{
	uint32_t i;

	plan->run_count = 0;
	for (i = 0; i < plan->selected; i++) {
		const struct inspect_region *region = &plan->workspace->regions[i];

		if (region->state == INSPECT_TAKEN)
			inspect_add_run(plan, region->address, region->readable);
	}
	inspect_merge(plan, inspect_touches);
}

/* The first run that ends behind an address. */
static uint32_t inspect_run_behind(const struct inspect_plan *plan, uint64_t address)
{
	uint32_t low = 0;
	uint32_t high = plan->run_count;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (plan->workspace->runs[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The run that holds an address, or NULL. */
static const struct inspect_run *inspect_run_of(const struct inspect_plan *plan, uint64_t address)
{
	const uint32_t index = inspect_run_behind(plan, address);
	const struct inspect_run *run = &plan->workspace->runs[index];

	return index < plan->run_count && run->start <= address ? run : NULL;
}

/*
 * Takes bytes out. Where a run falls in two and there is no room for the second part, that one is gone too:
 * rather too little than what is refused.
 */
static void inspect_cut(struct inspect_plan *plan, uint64_t start, uint64_t end)
{
	struct inspect_run *runs = plan->workspace->runs;
	const uint32_t first = inspect_run_behind(plan, start);
	uint32_t beyond = first;
	uint32_t kept = 0;
	struct inspect_run parts[2];
	uint32_t i;

	while (beyond < plan->run_count && runs[beyond].start < end)
		beyond++;
	if (start >= end || first == beyond)
		return;
	plan->has_holes = true;
	if (runs[first].start < start) {
		parts[kept].start = runs[first].start;
		parts[kept++].end = start;
	}
	if (runs[beyond - 1].end > end) {
		parts[kept].start = end;
		parts[kept++].end = runs[beyond - 1].end;
	}
	if (plan->run_count - (beyond - first) + kept > plan->workspace->region_count)
		kept--;
	/* What stands behind the runs that are touched moves to behind what is left of them. */
	if (first + kept > beyond) {
		for (i = plan->run_count; i > beyond; i--)
			inspect_move(&runs[i], &runs[i - 1], sizeof(*runs));
	} else {
		for (i = beyond; i < plan->run_count; i++)
			inspect_move(&runs[first + kept + (i - beyond)], &runs[i], sizeof(*runs));
	}
	inspect_move(&runs[first], parts, kept * sizeof(*runs));
	plan->run_count = plan->run_count - (beyond - first) + kept;
}

/* ---- Dumps: what can be read ------------------------------------------------------------------------- */

/*
 * Makes runs of memory that can be read: that of the first regions, as far as the budget has room for them
 * whatever of them is there. Regions are many and small, and a system knows pages: those that share pages are
 * asked about together, and one by one only where the answer is no.
 */
static void inspect_ask_ahead(struct inspect_plan *plan)
{
	const struct inspect_memory *memory = plan->request->memory;
	struct inspect_run *runs = plan->workspace->runs;
	struct inspect_purse purse;
	uint32_t known = 0;
	uint32_t asked, found, i;

	/* What merely reads is not to read what nobody has announced. */
	if (memory == NULL || memory->readable == NULL)
		return;
	inspect_purse_init(&purse, plan->request->consumer);
	for (i = 0; i < plan->selected; i++) {
		const struct inspect_region *region = &plan->workspace->regions[i];
		uint32_t limit;

		if (region->state != INSPECT_TAKEN)
			continue;
		limit = inspect_purse_spend(&purse, region->name_size, region->length);
		if (limit == INSPECT_LIMIT_NONE && !region->has_effects)
			inspect_add_run(plan, region->address, region->length);
		else if (limit != INSPECT_LIMIT_NONE && limit != INSPECT_LIMIT_NAME)
			break;
	}
	asked = i;
	inspect_merge(plan, inspect_shares_pages);
	for (i = 0; i < plan->run_count; i += found + (found == 0)) {
		found = (uint32_t)inspect_readable_runs(memory, &runs[i], plan->run_count - i);
		if (known != i)
			inspect_move(&runs[known], &runs[i], found * sizeof(*runs));
		known += found;
	}
	plan->certain = known == plan->run_count ? asked : 0;
	plan->run_count = known;
}

/* How much of a region can be read, from the first byte on. */
static uint64_t inspect_readable_of(const struct inspect_plan *plan, const struct inspect_region *region)
{
	const struct inspect_run *known;

	if (region < &plan->workspace->regions[plan->certain] && !region->has_effects)
		return region->length;
	known = inspect_run_of(plan, region->address);
	if (known != NULL && known->end - region->address >= region->length)
		return region->length;
	return inspect_readable(plan->request->memory, region->address, region->length);
}

/* Takes an entry out of the budget, once it is known how much of it is there. */
static void inspect_spend(const struct inspect_plan *plan, struct inspect_region *region,
			  struct inspect_purse *purse)
{
	struct inspect_purse whole;
	uint32_t limit;

	if (region->state != INSPECT_TAKEN)
		return;
	/* Asked first with the whole length: finding out how much can be read touches all of it. */
	whole.regions = purse->regions;
	whole.name = purse->name;
	whole.bytes = purse->bytes;
	limit = inspect_purse_spend(&whole, region->name_size, region->length);
	if (limit == INSPECT_LIMIT_NONE) {
		region->readable = inspect_readable_of(plan, region);
		if (region->readable == 0 && region->length > 0) {
			region->state = INSPECT_FAULTED;
			return;
		}
		limit = inspect_purse_spend(purse, region->name_size, region->readable);
	}
	/* The states of a limit stand in the order of the limits. */
	if (limit != INSPECT_LIMIT_NONE)
		region->state = (uint16_t)(INSPECT_OVER_REGIONS + limit - INSPECT_LIMIT_REGIONS);
}

/* ---- Dumps: what is refused ---------------------------------------------------------------------------- */

/*
 * Where the bytes of an entry may lie that is not to be seen; false where nothing of it is in the runs. Where it cannot
 * be found as a whole, that is more than it may have, and never less: a broken counter must not bring out the password
 * that it counts. Nobody can say where an entry is whose pointer is lost: it may be anywhere.
 */
static bool inspect_reach(const struct inspect_plan *plan, const struct inspect_entry *core, struct inspect_run *reach)
{
	const struct inspect_memory *memory = plan->request->memory;
	const struct inspect_run *holding;
	struct inspect_run span;
	int found, begun;

	if (core->space != INSPECT_SPACE_VIRTUAL)
		return false;
	found = inspect_span(memory, core, &span);
	if (found == INSPECT_SPAN_NULL)
		return false;
	if (found == INSPECT_OK && (core->extent & INSPECT_EXTENT_MASK) != INSPECT_ADDRESS_ONLY) {
		reach->start = span.start;
		reach->end = inspect_end_of(span.start, span.end);
		return true;
	}
	begun = inspect_start(memory, core, &reach->start);
	reach->end = ~(uint64_t)0;
	if (begun == INSPECT_SPAN_NULL)
		return false;
	if (begun != INSPECT_OK)
		reach->start = 0;
	else if (found != INSPECT_SPAN_WRAPS) {
		holding = inspect_run_of(plan, reach->start);
		if (holding == NULL)
			return false;
		reach->end = holding->end;
	}
	return true;
}

/* Cuts out what may belong to an entry whose bytes the consumer must not see. */
static void inspect_refuse(struct inspect_plan *plan, uint64_t schema, const struct inspect_entry *core,
			   const char *name)
{
	const uint32_t reason = inspect_consumer_judge(plan->request->consumer, schema, core, name).reason;
	struct inspect_run reach;

	if ((reason == INSPECT_DENIED_RULE || reason == INSPECT_DENIED_GUARDED) && inspect_reach(plan, core, &reach))
		inspect_cut(plan, reach.start, reach.end);
}

static void inspect_refuse_frozen(struct inspect_plan *plan, const struct inspect_frozen *row)
{
	inspect_refuse(plan, row->table->schema, row->core, row->name);
}

/* Whether a table has types. It has been opened, and so its sections are there. */
static bool inspect_has_types(const struct inspect_header *header)
{
	const struct inspect_section *sections =
		(const struct inspect_section *)((uintptr_t)header + header->header_size);
	uint32_t i;

	for (i = 0; i < header->section_count; i++) {
		if (sections[i].kind == INSPECT_SECTION_TYPES && sections[i].size != 0)
			return true;
	}
	return false;
}

/*
 * The same for every entry of a table that has no frozen copy. Nobody reads its types, and so every entry of a table
 * that has some may be sensitive from its first byte to its last.
 */
static int inspect_refuse_live(struct inspect_plan *plan, const struct inspect_header *header)
{
	struct inspect_runtime_table table;
	bool is_sensitive;
	uint32_t slot;

	if (inspect_table_open(&table, header, ~(uint64_t)0) != INSPECT_OK)
		return INSPECT_E_TABLES;
	is_sensitive = (plan->request->consumer->permit & INSPECT_SENSITIVE) == 0 && inspect_has_types(header);
	for (slot = 0; slot < table.capacity; slot++) {
		struct inspect_entry core;
		struct inspect_run reach;
		const char *name;
		uint64_t size;

		if (inspect_read(&table, slot, &core, sizeof(core)) != INSPECT_OK)
			continue;
		inspect_make_absolute(plan->request->memory, header, &core);
		if (is_sensitive) {
			if (inspect_reach(plan, &core, &reach))
				inspect_cut(plan, reach.start, reach.end);
			continue;
		}
		name = inspect_name_in(table.names, table.names_size, core.name, &size);
		inspect_refuse(plan, header->schema, &core, size > INSPECT_NAME_MAX ? NULL : name);
	}
	return INSPECT_OK;
}

/* ---- Dumps: sensitive fields ------------------------------------------------------------------------- */

/*
 * A struct may be shown but for a password in it. Where its sensitive members lie say the table's own types, which
 * are BTF, so that no generated code is needed. Where types cannot be followed to their end, everything from there
 * on is taken for sensitive. Pointers are not followed: what they point at is in a dump only through an entry of its
 * own. A row names its type: of one that does not, nothing is known.
 */

/* Structs within structs; and steps for one entry: types that go in circles must not keep a signal handler busy. */
#define INSPECT_TYPE_DEPTH 16
#define INSPECT_TYPE_STEPS 0x10000u
/* Where more tags than these say that something is sensitive, they are looked for among all records. */
#define INSPECT_TAGS 64
/* The member that a tag of the type itself names. */
#define INSPECT_NO_MEMBER 0xffffffffu

/* The types of a frozen table, and what is sensitive there: type and member in one number, in ascending order. */
struct inspect_fields {
	struct inspect_types types;
	uint32_t tag_count;
	uint64_t tags[INSPECT_TAGS];
};

struct inspect_type_walk {
	struct inspect_plan *plan;
	const struct inspect_fields *fields;
	uint32_t steps;
	/* In a member, and no longer among the elements of the entry itself. */
	bool is_inside;
	/* Elements of the entry that end here have been looked at. */
	uint64_t done;
};

/* Reads the tag at an offset, if it says that something is sensitive, and returns where the next record begins. */
static uint64_t inspect_tag_read(const struct inspect_types *types, uint64_t at, bool *is_sensitive, uint64_t *tag)
{
	struct inspect_type type;
	const uint64_t next = inspect_type_read(types, at, &type);

	*is_sensitive = next != 0 && type.kind == INSPECT_TYPE_DECL_TAG &&
			inspect_text_equal(inspect_type_name(types, type.name), "inspect:sensitive");
	if (*is_sensitive)
		*tag = (uint64_t)type.size << 32 | inspect_type_word(types, &type, 0);
	return next;
}

/* Whether a tag is about a type, or about one of its members; -1 asks for any. */
static bool inspect_tag_is_about(uint64_t tag, uint32_t id, int64_t member)
{
	const uint32_t own = (uint32_t)tag;

	return tag >> 32 == id && (member < 0 || own == INSPECT_NO_MEMBER || own == (uint64_t)member);
}

/* Reads the types; false where they cannot be read. */
static bool inspect_fields_open(struct inspect_fields *fields, const unsigned char *bytes, uint64_t size)
{
	uint64_t at, fault, tag = 0;
	bool is_sensitive;

	if (!inspect_types_open(&fields->types, bytes, size, INSPECT_BIG_ENDIAN, sizeof(void *), &fault))
		return false;
	fields->tag_count = 0;
	for (at = 0; at < fields->types.types.size;) {
		uint32_t place = fields->tag_count;

		at = inspect_tag_read(&fields->types, at, &is_sensitive, &tag);
		if (!is_sensitive)
			continue;
		fields->tag_count++;
		if (place >= INSPECT_TAGS)
			continue;
		for (; place > 0 && fields->tags[place - 1] > tag; place--)
			fields->tags[place] = fields->tags[place - 1];
		fields->tags[place] = tag;
	}
	return true;
}

/* Whether a type says of itself, or of one of its members, that it is sensitive; -1 asks for any. */
static bool inspect_fields_has(const struct inspect_fields *fields, uint32_t id, int64_t member)
{
	uint32_t low = 0;
	uint32_t high = fields->tag_count;
	bool is_sensitive;
	uint64_t at, tag = 0;

	if (fields->tag_count > INSPECT_TAGS) {
		for (at = 0; at < fields->types.types.size;) {
			at = inspect_tag_read(&fields->types, at, &is_sensitive, &tag);
			if (is_sensitive && inspect_tag_is_about(tag, id, member))
				return true;
		}
		return false;
	}
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (fields->tags[middle] >> 32 < id)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < fields->tag_count && fields->tags[low] >> 32 == id; low++) {
		if (inspect_tag_is_about(fields->tags[low], id, member))
			return true;
	}
	return false;
}

/* Bytes of a member: to the end of the address space where nobody knows. A member that the compiler did not have
 * takes none. */
static uint64_t inspect_fields_size(const struct inspect_fields *fields, uint32_t id)
{
	const uint64_t size = inspect_type_size(&fields->types, id);

	/* Of an array without a length nobody knows here where it ends. */
	return inspect_type_is_absent(&fields->types, id) ? 0 : size == 0 ? ~(uint64_t)0 : size;
}

static bool inspect_walk_step(struct inspect_type_walk *walk)
{
	return walk->steps != 0 && walk->steps-- != 0;
}

/* The type behind typedefs and qualifiers, of kind 0 where there is none; false where it cannot be found. */
static bool inspect_walk_resolve(struct inspect_type_walk *walk, uint32_t id, struct inspect_type *type)
{
	uint32_t steps;

	if (!inspect_walk_step(walk))
		return false;
	for (steps = 0; steps < INSPECT_TYPE_CHAIN; steps++) {
		if (id > walk->fields->types.count)
			return false;
		type->kind = 0;
		if (!inspect_type_at(&walk->fields->types, id, type))
			return true;
		if (!inspect_type_is_alias(type))
			return true;
		id = type->size;
	}
	return false;
}

/* Whether some member of a struct, or of what it holds by value, is sensitive; false where that cannot be found. */
static bool inspect_walk_has(struct inspect_type_walk *walk, const struct inspect_type *type, uint32_t depth,
			     bool *has)
{
	struct inspect_type inner;
	uint32_t i;

	*has = false;
	if (depth > INSPECT_TYPE_DEPTH || !inspect_walk_step(walk))
		return false;
	*has = inspect_fields_has(walk->fields, type->id, -1);
	for (i = 0; i < type->count && !*has; i++) {
		if (!inspect_walk_resolve(walk, inspect_type_word(&walk->fields->types, type, 3 * (size_t)i + 1), &inner))
			return false;
		while (inner.kind == INSPECT_TYPE_ARRAY) {
			if (!inspect_walk_resolve(walk, inspect_type_word(&walk->fields->types, &inner, 0), &inner))
				return false;
		}
		if (inspect_type_is_composite(&inner) && !inspect_walk_has(walk, &inner, depth + 1, has))
			return false;
	}
	return true;
}

/* What ends with an array of any length. */
static bool inspect_walk_is_flexible(struct inspect_type_walk *walk, const struct inspect_type *type)
{
	const struct inspect_types *types = &walk->fields->types;
	struct inspect_type last;

	if (type->count == 0)
		return false;
	/* This was looked at already, and counts once. */
	walk->steps++;
	return inspect_walk_resolve(walk, inspect_type_word(types, type, 3 * (size_t)type->count - 2), &last) &&
	       last.kind == INSPECT_TYPE_ARRAY && inspect_type_word(types, &last, 2) == 0;
}

static bool inspect_walk_elements(struct inspect_type_walk *walk, uint32_t id, uint64_t start, uint64_t end,
				  uint64_t count, uint32_t depth);

static bool inspect_walk_members(struct inspect_type_walk *walk, const struct inspect_type *type, uint64_t start,
				 uint64_t end, uint32_t depth)
{
	const struct inspect_types *types = &walk->fields->types;
	uint32_t i;

	for (i = 0; i < type->count; i++) {
		const uint32_t member = inspect_type_word(types, type, 3 * (size_t)i + 1);
		const uint32_t place = inspect_type_word(types, type, 3 * (size_t)i + 2);
		const uint64_t first = type->flag ? place & 0xffffff : place;
		const uint64_t bits = type->flag ? place >> 24 : 0;
		const uint64_t own = inspect_end_of(start, first / 8);
		uint64_t own_end;

		if (own >= end)
			continue;
		if (!inspect_walk_step(walk))
			return false;
		if (!inspect_fields_has(walk->fields, type->id, i)) {
			if (!inspect_walk_elements(walk, member, own, end, 1, depth))
				return false;
			continue;
		}
		own_end = inspect_end_of(own, bits != 0 ? (first + bits + 7) / 8 - first / 8 :
							  inspect_fields_size(walk->fields, member));
		inspect_cut(walk->plan, own, own_end < end ? own_end : end);
	}
	return true;
}

/* Elements one behind another: so many of them, or as many as there is memory for. */
static bool inspect_walk_elements(struct inspect_type_walk *walk, uint32_t id, uint64_t start, uint64_t end,
				  uint64_t count, uint32_t depth)
{
	const struct inspect_types *types = &walk->fields->types;
	const bool is_inside = walk->is_inside;
	struct inspect_type type;
	uint32_t length;
	bool has;

	for (;; id = inspect_type_word(types, &type, 0), depth++) {
		if (depth > INSPECT_TYPE_DEPTH || !inspect_walk_resolve(walk, id, &type))
			return false;
		if (type.kind != INSPECT_TYPE_ARRAY)
			break;
		/* An array of arrays is one long array; one without a length goes on to the end. */
		length = inspect_type_word(types, &type, 2);
		if (length == 0 || __builtin_mul_overflow(count, length, &count))
			count = ~(uint64_t)0;
	}
	if (!inspect_type_is_composite(&type))
		return true;
	if (!inspect_walk_has(walk, &type, depth, &has))
		return false;
	if (!has)
		return true;
	/* What ends with an array of any length is alone there. */
	if (type.size == 0 || inspect_walk_is_flexible(walk, &type))
		count = 1;
	for (; count > 0 && start < end; count--) {
		if (!is_inside)
			walk->done = start;
		walk->is_inside = true;
		if (!inspect_walk_members(walk, &type, start, end, depth + 1))
			return false;
		start = inspect_end_of(start, type.size);
	}
	walk->is_inside = is_inside;
	return true;
}

static void inspect_walk_init(struct inspect_type_walk *walk, struct inspect_plan *plan, const struct inspect_fields *fields)
{
	walk->plan = plan;
	walk->fields = fields;
	walk->steps = INSPECT_TYPE_STEPS;
	walk->is_inside = false;
	walk->done = 0;
}

/* Whether entries of a type have sensitive members, as far as anybody can tell. */
static bool inspect_members_concern(struct inspect_plan *plan, const struct inspect_fields *fields, uint32_t id)
{
	struct inspect_type_walk walk;
	struct inspect_type type;
	uint32_t depth;
	bool has;

	if (fields == NULL)
		return true;
	if (id > fields->types.count)
		return false;
	inspect_walk_init(&walk, plan, fields);
	for (depth = 0; depth < INSPECT_TYPE_DEPTH; depth++) {
		if (!inspect_walk_resolve(&walk, id, &type))
			return true;
		if (type.kind != INSPECT_TYPE_ARRAY)
			return inspect_type_is_composite(&type) && (!inspect_walk_has(&walk, &type, 0, &has) || has);
		id = inspect_type_word(&fields->types, &type, 0);
	}
	return true;
}

/* Cuts the sensitive members out of one entry, or all of it where the table's types cannot be read. */
static void inspect_refuse_members(struct inspect_plan *plan, const struct inspect_fields *fields, uint32_t type,
				   const struct inspect_run *memory)
{
	struct inspect_type_walk walk;

	if (fields == NULL) {
		inspect_cut(plan, memory->start, memory->end);
		return;
	}
	/* Of a type that does not exist nothing is known. */
	if (type > fields->types.count)
		return;
	inspect_walk_init(&walk, plan, fields);
	walk.done = memory->start;
	if (!inspect_walk_elements(&walk, type, memory->start, memory->end, ~(uint64_t)0, 0))
		inspect_cut(plan, walk.done, memory->end);
}

/* The section with a table's types, or NULL. */
static const struct inspect_section *inspect_frozen_types(const struct inspect_header *table)
{
	const struct inspect_section *sections = (const struct inspect_section *)(table + 1);
	uint32_t i;

	for (i = 0; i < table->section_count; i++) {
		if (sections[i].kind == INSPECT_SECTION_TYPES)
			return &sections[i];
	}
	return NULL;
}

/*
 * Where the memory of an entry is: if it is dumped, where it lay when its memory was looked for, else where it is now.
 * False where that has nothing to do with sensitive members.
 */
static bool inspect_place_of(struct inspect_plan *plan, const struct inspect_fields *fields, const struct inspect_frozen *row,
			     const struct inspect_region *own, struct inspect_run *memory)
{
	if (own != NULL && (own->state <= INSPECT_OVER_BYTES || own->state == INSPECT_FAULTED)) {
		memory->start = own->address;
		memory->end = inspect_end_of(own->address, own->state == INSPECT_TAKEN ? own->readable : own->length);
		return true;
	}
	return inspect_members_concern(plan, fields, row->core->type) && inspect_reach(plan, row->core, memory);
}

/* The same for every entry of the frozen tables. The regions stand in the order of tables and rows. */
static void inspect_refuse_all_members(struct inspect_plan *plan)
{
	struct inspect_frozen row;
	struct inspect_fields fields;
	uint32_t next = 0;
	size_t at;

	row.table_index = 0;
	for (at = 0; at < plan->used; at += (size_t)row.table->total_size, row.table_index++) {
		const struct inspect_section *types;
		const struct inspect_fields *readable = &fields;
		uint32_t i;

		row.table = inspect_frozen_table(plan, at);
		types = inspect_frozen_types(row.table);
		while (next < plan->selected && plan->workspace->regions[next].table < row.table_index)
			next++;
		if (types == NULL || types->size == 0)
			continue;
		if (!inspect_fields_open(&fields, (const unsigned char *)row.table + (size_t)types->offset, types->size))
			readable = NULL;
		else if (fields.tag_count == 0)
			continue;
		for (i = 0; i < inspect_frozen_count(row.table); i++) {
			const struct inspect_region *own = &plan->workspace->regions[next];
			struct inspect_run memory;

			inspect_frozen_row(row.table, i, &row);
			if (next < plan->selected && own->table == row.table_index && own->row == i)
				next++;
			else
				own = NULL;
			if (!inspect_place_of(plan, readable, &row, own, &memory))
				continue;
			/* Of something that may be anywhere, no member can be told from another. */
			if (memory.start == 0 && memory.end == ~(uint64_t)0)
				inspect_cut(plan, memory.start, memory.end);
			else
				inspect_refuse_members(plan, readable, row.core->type, &memory);
		}
	}
}

static int inspect_make_plan(struct inspect_plan *plan)
{
	struct inspect_region *regions = plan->workspace->regions;
	struct inspect_purse purse;
	uint32_t i;
	int result = inspect_freeze_all(plan);

	if (result != INSPECT_OK)
		return result;
	inspect_each_frozen(plan, inspect_select);
	inspect_sort(regions, plan->selected, sizeof(*regions), inspect_by_importance);
	inspect_purse_init(&purse, plan->request->consumer);
	inspect_ask_ahead(plan);
	for (i = 0; i < plan->selected; i++)
		inspect_spend(plan, &regions[i], &purse);
	inspect_unite(plan);
	inspect_sort(regions, plan->selected, sizeof(*regions), inspect_by_place);
	inspect_each_frozen(plan, inspect_refuse_frozen);
	if ((plan->request->consumer->permit & INSPECT_SENSITIVE) == 0)
		inspect_refuse_all_members(plan);
	for (i = 0; i < plan->left_out_count && result == INSPECT_OK; i++)
		result = inspect_refuse_live(plan, plan->left_out[i]);
	return result;
}

/* ---- Dumps: output ----------------------------------------------------------------------------------- */

/* A buffer as large as this is always there, on the stack. */
#define INSPECT_BUFFER 512u
/* More does not stay in a cache. */
#define INSPECT_BUFFER_MAX 65536u

/* A sink with a buffer before it. After an error nothing more is written; without a sink it counts. */
struct inspect_output {
	const struct inspect_sink *sink;
	const struct inspect_memory *memory;
	uint64_t position;
	/* Bytes that the sink has taken. */
	uint64_t taken;
	unsigned char *buffer;
	size_t size;
	size_t used;
	int error;
	unsigned char small[INSPECT_BUFFER];
};

/* What the tables have left of the workspace is the buffer, if there is enough of it. */
static void inspect_output_init(struct inspect_output *out, const struct inspect_sink *sink,
				const struct inspect_plan *plan)
{
	const size_t spare = plan->workspace->tables_size - plan->used;

	out->sink = sink;
	out->memory = plan->request->memory;
	out->position = 0;
	out->taken = 0;
	out->buffer = out->small;
	out->size = sizeof(out->small);
	if (spare > out->size) {
		out->buffer = (unsigned char *)plan->workspace->tables + plan->used;
		out->size = spare < INSPECT_BUFFER_MAX ? spare : INSPECT_BUFFER_MAX;
	}
	out->used = 0;
	out->error = INSPECT_OK;
}

static void inspect_send(struct inspect_output *out, const void *bytes, size_t size)
{
	if (out->error != INSPECT_OK || size == 0)
		return;
	out->error = out->sink->write(bytes, size, out->sink->context);
	if (out->error == INSPECT_OK)
		out->taken += size;
}

static void inspect_flush(struct inspect_output *out)
{
	inspect_send(out, out->buffer, out->used);
	out->used = 0;
}

static void inspect_put(struct inspect_output *out, const void *bytes, size_t size)
{
	out->position += size;
	if (out->sink == NULL || out->error != INSPECT_OK)
		return;
	if (size > out->size - out->used)
		inspect_flush(out);
	if (size > out->size) {
		inspect_send(out, bytes, size);
	} else {
		inspect_move(out->buffer + out->used, bytes, size);
		out->used += size;
	}
}

/* Room for a few bytes that follow, for the caller to fill; NULL where they are only counted. */
static unsigned char *inspect_put_room(struct inspect_output *out, size_t size)
{
	unsigned char *room;

	out->position += size;
	if (out->sink == NULL || out->error != INSPECT_OK)
		return NULL;
	if (size > out->size - out->used)
		inspect_flush(out);
	room = out->buffer + out->used;
	out->used += size;
	return room;
}

static void inspect_put_zeros(struct inspect_output *out, uint64_t count)
{
	static const unsigned char zeros[64] = { 0 };

	for (; count > 0 && out->error == INSPECT_OK; count -= count < sizeof(zeros) ? count : sizeof(zeros))
		inspect_put(out, zeros, count < sizeof(zeros) ? (size_t)count : sizeof(zeros));
}

/* Memory is copied through the buffer, as much of a run as that holds. */
static uint64_t inspect_copy_memory(struct inspect_output *out, const struct inspect_run *run)
{
	const uint64_t length = run->end - run->start;
	const size_t step = length < out->size ? (size_t)length : out->size;

	out->error = inspect_read_memory(out->memory, run->start, out->buffer, step);
	inspect_send(out, out->buffer, step);
	return step;
}

/* Memory goes into the sink from where it lies, as much of the runs as that takes in one step. */
static uint64_t inspect_send_memory(struct inspect_output *out, const struct inspect_run *runs, size_t count)
{
	const struct inspect_sink *sink = out->sink;
	uint64_t taken = 0;

	if (sink->write_memory == NULL)
		return inspect_copy_memory(out, runs);
	out->error = sink->write_memory(runs, count, &taken, sink->context);
	/* A sink that takes nothing would be asked for ever. */
	if (out->error == INSPECT_OK && taken == 0)
		out->error = INSPECT_E_ROOM;
	out->taken += out->error == INSPECT_OK ? taken : 0;
	return taken;
}

static void inspect_put_memory(struct inspect_output *out, const struct inspect_run *runs, size_t count)
{
	/* Bytes of the first run that the sink has already. */
	uint64_t done = 0;

	inspect_flush(out);
	while (count > 0 && out->error == INSPECT_OK) {
		const uint64_t length = runs->end - runs->start;
		struct inspect_run rest;

		if (done >= length) {
			done -= length;
			out->position += length;
			runs++;
			count--;
			continue;
		}
		rest.start = runs->start + done;
		rest.end = runs->end;
		done += inspect_send_memory(out, done == 0 ? runs : &rest, done == 0 ? count : 1);
	}
}

static size_t inspect_text_size(const char *text)
{
	size_t size = 0;

	/* The atomic load keeps the compiler from making a call of it. */
	while (__atomic_load_n(&text[size], __ATOMIC_RELAXED) != 0)
		size++;
	return size;
}

/* ---- Dumps: what became of every entry --------------------------------------------------------------- */

/* Deterministic CBOR: the shortest heads, and keys in the order of their lengths, then their bytes. */
#define INSPECT_CBOR_NUMBER 0x00u
#define INSPECT_CBOR_TEXT 0x60u
#define INSPECT_CBOR_ARRAY 0x80u
#define INSPECT_CBOR_MAP 0xa0u

static void inspect_cbor(struct inspect_output *out, uint32_t major, uint64_t number)
{
	const uint32_t power = number < 24 ? 0 : number <= 0xff ? 1 : number <= 0xffff ? 2 : number <= 0xffffffffu ? 3 : 4;
	const uint32_t size = power == 0 ? 0 : 1u << (power - 1);
	unsigned char *head = inspect_put_room(out, 1 + size);

	if (head == NULL)
		return;
	head[0] = (unsigned char)(major | (power == 0 ? (uint32_t)number : 23 + power));
	inspect_store_number(&head[1], number, size, true);
}

static void inspect_cbor_text(struct inspect_output *out, const char *text)
{
	const size_t size = inspect_text_size(text);

	inspect_cbor(out, INSPECT_CBOR_TEXT, size);
	inspect_put(out, text, size);
}

static void inspect_cbor_member(struct inspect_output *out, const char *key, uint64_t number)
{
	inspect_cbor_text(out, key);
	inspect_cbor(out, INSPECT_CBOR_NUMBER, number);
}

/* What is said of a row; what is not present is not said. */
struct inspect_account {
	const char *status;
	const char *reason;
	uint64_t *counter;
	uint64_t address;
	uint64_t length;
	uint64_t captured;
	uint32_t rule;
	bool has_rule;
	bool has_place;
	bool has_captured;
};

static void inspect_cbor_account(struct inspect_output *out, const struct inspect_account *account)
{
	inspect_cbor(out, INSPECT_CBOR_MAP,
		     1u + (account->reason != NULL) + account->has_rule + 2u * account->has_place + account->has_captured);
	if (account->has_rule)
		inspect_cbor_member(out, "rule", account->rule);
	if (account->has_place)
		inspect_cbor_member(out, "length", account->length);
	if (account->reason != NULL) {
		inspect_cbor_text(out, "reason");
		inspect_cbor_text(out, account->reason);
	}
	inspect_cbor_text(out, "status");
	inspect_cbor_text(out, account->status);
	if (account->has_place)
		inspect_cbor_member(out, "address", account->address);
	if (account->has_captured)
		inspect_cbor_member(out, "captured", account->captured);
}

static void inspect_set_status(struct inspect_account *account, const char *status, uint64_t *counter,
			       const char *reason)
{
	account->status = status;
	account->counter = counter;
	account->reason = reason;
}

/* Of a region whose memory was to be in the dump, how much is. */
static void inspect_account_taken(const struct inspect_plan *plan, const struct inspect_region *region,
				  struct inspect_account *account, struct inspect_dump_report *report)
{
	const struct inspect_run *run = plan->has_holes ? inspect_run_of(plan, region->address) : NULL;
	const uint64_t covered = !plan->has_holes ? region->readable : run == NULL ? 0 : run->end - region->address;
	const uint64_t captured = covered < region->length ? covered : region->length;

	account->has_place = true;
	if (captured == region->length) {
		inspect_set_status(account, "captured", &report->captured, NULL);
	} else if (captured == 0) {
		inspect_set_status(account, "denied", &report->denied, "overlap");
	} else {
		inspect_set_status(account, "truncated", &report->truncated,
				   captured == region->readable ? "fault" : "overlap");
		account->has_captured = true;
		account->captured = captured;
	}
}

static void inspect_account_region(const struct inspect_plan *plan, const struct inspect_region *region,
				   struct inspect_account *account, struct inspect_dump_report *report)
{
	account->address = region->address;
	account->length = region->length;
	switch (region->state) {
	case INSPECT_OVER_REGIONS:
	case INSPECT_OVER_NAME:
	case INSPECT_OVER_BYTES:
		account->has_place = true;
		inspect_set_status(account, "over budget", &report->over_budget,
				   region->state == INSPECT_OVER_REGIONS ? "regions" :
				   region->state == INSPECT_OVER_NAME	 ? "name" :
									   "bytes");
		break;
	case INSPECT_ABSENT_LENGTH:
		inspect_set_status(account, "absent", &report->absent, "length");
		break;
	case INSPECT_ABSENT_SPACE:
		inspect_set_status(account, "absent", &report->absent, "space");
		break;
	case INSPECT_ABSENT_NULL:
		inspect_set_status(account, "absent", &report->absent, "null");
		break;
	case INSPECT_ABSENT_EXTENT:
		inspect_set_status(account, "absent", &report->absent, "extent");
		break;
	case INSPECT_UNREACHABLE:
		inspect_set_status(account, "faulted", &report->faulted, "pointer");
		break;
	case INSPECT_FAULTED:
		account->has_place = true;
		inspect_set_status(account, "faulted", &report->faulted, NULL);
		break;
	default:
		inspect_account_taken(plan, region, account, report);
		break;
	}
}

static void inspect_account_row(const struct inspect_plan *plan, const struct inspect_frozen *row,
				const struct inspect_region *region, struct inspect_account *account,
				struct inspect_dump_report *report)
{
	const struct inspect_verdict verdict =
		inspect_consumer_judge(plan->request->consumer, row->table->schema, row->core, row->name);

	account->has_rule = account->has_place = account->has_captured = false;
	account->address = account->length = account->captured = 0;
	account->rule = verdict.rule;
	switch (verdict.reason) {
	case INSPECT_DENIED_RULE:
		inspect_set_status(account, "denied", &report->denied, "deny");
		account->has_rule = true;
		break;
	case INSPECT_DENIED_GUARDED:
		inspect_set_status(account, "denied", &report->denied,
				   (verdict.properties & INSPECT_SENSITIVE) != 0 ? "sensitive" : "mmio");
		break;
	case INSPECT_DENIED_LACKS:
		inspect_set_status(account, "denied", &report->denied, "require");
		break;
	case INSPECT_DENIED_UNLISTED:
		inspect_set_status(account, "denied", &report->denied, "not allowed");
		break;
	default:
		if (region != NULL)
			inspect_account_region(plan, region, account, report);
		else
			inspect_set_status(account, "over budget", &report->over_budget, "workspace");
		break;
	}
}

/* The rows of a table; @next is the first region that is of this table or a later one. */
static uint32_t inspect_describe_table(const struct inspect_plan *plan, struct inspect_output *out,
				       struct inspect_frozen *row, uint32_t next,
				       struct inspect_dump_report *report)
{
	const uint32_t count = inspect_frozen_count(row->table);
	uint32_t i;

	inspect_cbor(out, INSPECT_CBOR_MAP, 2);
	inspect_cbor_text(out, "rows");
	inspect_cbor(out, INSPECT_CBOR_ARRAY, count);
	for (i = 0; i < count; i++) {
		const struct inspect_region *region = &plan->workspace->regions[next];
		struct inspect_account account;
		bool own;

		inspect_frozen_row(row->table, i, row);
		own = next < plan->selected && region->table == row->table_index && region->row == i;
		next += own;
		inspect_account_row(plan, row, own ? region : NULL, &account, report);
		++*account.counter;
		inspect_cbor_account(out, &account);
	}
	inspect_cbor_member(out, "schema", row->table->schema);
	return next;
}

/* Writes what became of every entry, and counts it. */
static void inspect_describe(const struct inspect_plan *plan, struct inspect_output *out,
			     struct inspect_dump_report *report)
{
	const char *producer = plan->request->producer;
	struct inspect_frozen row;
	uint32_t next = 0;
	size_t at;

	report->captured = report->denied = report->over_budget = 0;
	report->absent = report->faulted = report->truncated = 0;
	inspect_cbor(out, INSPECT_CBOR_MAP, producer == NULL ? 4 : 5);
	inspect_cbor_text(out, "tool");
	inspect_cbor_text(out, INSPECT_DUMP_TOOL);
	inspect_cbor_text(out, "tables");
	inspect_cbor(out, INSPECT_CBOR_ARRAY, plan->table_count);
	row.table_index = 0;
	for (at = 0; at < plan->used; at += (size_t)row.table->total_size) {
		row.table = inspect_frozen_table(plan, at);
		next = inspect_describe_table(plan, out, &row, next, report);
		row.table_index++;
	}
	inspect_cbor_member(out, "missing", plan->missing);
	inspect_cbor_text(out, "consumer");
	inspect_cbor_text(out, plan->request->consumer->name);
	if (producer != NULL) {
		inspect_cbor_text(out, "producer");
		inspect_cbor_text(out, producer);
	}
}

/* ---- Dumps: the core --------------------------------------------------------------------------------- */

/* Numbers of ELF; elf.h is not everywhere. */
#define INSPECT_ELF_LOAD 1u
#define INSPECT_ELF_NOTE 4u
#define INSPECT_ELF_READ_WRITE 6u
#define INSPECT_ELF_PRSTATUS 1u
#define INSPECT_ELF_AUXV 6u
/* As many segments as this are counted in a section header. */
#define INSPECT_ELF_MANY 0xffffu
/* The types of notes. */
#define INSPECT_NOTE_TABLES 2u
#define INSPECT_NOTE_CAPTURE 3u

#if __SIZEOF_POINTER__ == 8
#define INSPECT_ELF_CLASS 2
#define INSPECT_ELF_HEADER 64u
#define INSPECT_ELF_SEGMENT 56u
#define INSPECT_ELF_SECTION 64u
#else
#define INSPECT_ELF_CLASS 1
#define INSPECT_ELF_HEADER 52u
#define INSPECT_ELF_SEGMENT 32u
#define INSPECT_ELF_SECTION 40u
#endif

#if defined(__x86_64__)
#define INSPECT_ELF_MACHINE 62u
#elif defined(__i386__)
#define INSPECT_ELF_MACHINE 3u
#elif defined(__aarch64__)
#define INSPECT_ELF_MACHINE 183u
#elif defined(__arm__)
#define INSPECT_ELF_MACHINE 40u
#elif defined(__riscv)
#define INSPECT_ELF_MACHINE 243u
#elif defined(__powerpc64__)
#define INSPECT_ELF_MACHINE 21u
#elif defined(__powerpc__)
#define INSPECT_ELF_MACHINE 20u
#elif defined(__s390x__)
#define INSPECT_ELF_MACHINE 22u
#elif defined(__mips__)
#define INSPECT_ELF_MACHINE 8u
#else
/* Debuggers have to be told. */
#define INSPECT_ELF_MACHINE 0u
#endif

static void inspect_put_number(struct inspect_output *out, uint64_t number, uint32_t size)
{
	unsigned char *room = inspect_put_room(out, size);

	if (room != NULL)
		inspect_store_number(room, number, size, INSPECT_BIG_ENDIAN);
}

static void inspect_put_half(struct inspect_output *out, uint32_t number)
{
	inspect_put_number(out, number, 2);
}

static void inspect_put_word(struct inspect_output *out, uint32_t number)
{
	inspect_put_number(out, number, 4);
}

/* A number as wide as an address; a core of 32 bits has no others. */
static void inspect_put_address(struct inspect_output *out, uint64_t number)
{
	if (number > ~(uintptr_t)0 && out->error == INSPECT_OK)
		out->error = INSPECT_E_LARGE;
	inspect_put_number(out, number, sizeof(void *));
}

static uint64_t inspect_round4(uint64_t size)
{
	return (size + 3) & ~(uint64_t)3;
}

/* Bytes of a note, with what stands before its contents. */
static uint64_t inspect_note_size(uint64_t size)
{
	return 20 + inspect_round4(size);
}

static void inspect_put_note(struct inspect_output *out, const char *name, uint32_t kind, uint32_t size)
{
	const uint32_t name_size = (uint32_t)inspect_text_size(name) + 1;

	inspect_put_word(out, name_size);
	inspect_put_word(out, size);
	inspect_put_word(out, kind);
	inspect_put(out, name, name_size);
	inspect_put_zeros(out, 8 - name_size);
}

static void inspect_put_bytes_note(struct inspect_output *out, const char *name, uint32_t kind, const void *bytes,
				   size_t size)
{
	inspect_put_note(out, name, kind, (uint32_t)size);
	inspect_put(out, bytes, size);
	inspect_put_zeros(out, inspect_round4(size) - size);
}

static uint64_t inspect_elf_headers(uint32_t segments)
{
	return INSPECT_ELF_HEADER + (uint64_t)segments * INSPECT_ELF_SEGMENT +
	       (segments >= INSPECT_ELF_MANY ? INSPECT_ELF_SECTION : 0);
}

static void inspect_put_elf_header(struct inspect_output *out, uint32_t segments)
{
	const bool many = segments >= INSPECT_ELF_MANY;
	static const unsigned char identity[7] = { 0x7f, 'E', 'L', 'F', INSPECT_ELF_CLASS, INSPECT_BIG_ENDIAN ? 2 : 1, 1 };

	inspect_put(out, identity, sizeof(identity));
	inspect_put_zeros(out, 16 - sizeof(identity));
	/* A core. */
	inspect_put_half(out, 4);
	inspect_put_half(out, INSPECT_ELF_MACHINE);
	inspect_put_word(out, 1);
	inspect_put_address(out, 0);
	inspect_put_address(out, INSPECT_ELF_HEADER);
	inspect_put_address(out, many ? INSPECT_ELF_HEADER + (uint64_t)segments * INSPECT_ELF_SEGMENT : 0);
	inspect_put_word(out, 0);
	inspect_put_half(out, INSPECT_ELF_HEADER);
	inspect_put_half(out, INSPECT_ELF_SEGMENT);
	inspect_put_half(out, many ? INSPECT_ELF_MANY : segments);
	inspect_put_half(out, many ? INSPECT_ELF_SECTION : 0);
	inspect_put_half(out, many);
	inspect_put_half(out, 0);
}

static void inspect_put_segment(struct inspect_output *out, uint32_t kind, uint32_t flags, uint64_t offset,
				const struct inspect_run *run, uint64_t size, uint32_t align)
{
	inspect_put_word(out, kind);
	if (sizeof(void *) == 8)
		inspect_put_word(out, flags);
	inspect_put_address(out, offset);
	inspect_put_address(out, run == NULL ? 0 : run->start);
	inspect_put_address(out, 0);
	inspect_put_address(out, size);
	inspect_put_address(out, run == NULL ? 0 : size);
	if (sizeof(void *) == 4)
		inspect_put_word(out, flags);
	inspect_put_address(out, align);
}

/* Where the file header cannot count the segments, a section header does. */
static void inspect_put_section(struct inspect_output *out, uint32_t segments)
{
	if (segments < INSPECT_ELF_MANY)
		return;
	inspect_put_zeros(out, 8 + 3 * sizeof(void *));
	inspect_put_address(out, 1);
	inspect_put_word(out, 0);
	inspect_put_word(out, segments);
	inspect_put_zeros(out, 2 * sizeof(void *));
}

/* Where a run begins in the file: runs as large as a page do so where they do in memory within a page. */
static uint64_t inspect_run_offset(const struct inspect_run *run, uint64_t end)
{
	if (run->end - run->start < INSPECT_PAGE)
		return end;
	return end + ((run->start - end) & (INSPECT_PAGE - 1));
}

static void inspect_put_headers(const struct inspect_plan *plan, struct inspect_output *out, uint64_t notes)
{
	const uint32_t segments = plan->run_count + 1;
	uint64_t end = inspect_elf_headers(segments);
	uint32_t i;

	inspect_put_elf_header(out, segments);
	inspect_put_segment(out, INSPECT_ELF_NOTE, 0, end, NULL, notes, 4);
	end += notes;
	for (i = 0; i < plan->run_count; i++) {
		const struct inspect_run *run = &plan->workspace->runs[i];
		const uint64_t size = run->end - run->start;
		const uint64_t offset = inspect_run_offset(run, end);

		inspect_put_segment(out, INSPECT_ELF_LOAD, INSPECT_ELF_READ_WRITE, offset, run, size,
				    size < INSPECT_PAGE ? 1 : INSPECT_PAGE);
		end = inspect_end_of(offset, size);
	}
	inspect_put_section(out, segments);
}

static void inspect_put_process(const struct inspect_process *process, struct inspect_output *out)
{
	if (process != NULL && process->status_size != 0)
		inspect_put_bytes_note(out, "CORE", INSPECT_ELF_PRSTATUS, process->status, process->status_size);
	if (process != NULL && process->auxv_size != 0)
		inspect_put_bytes_note(out, "CORE", INSPECT_ELF_AUXV, process->auxv, process->auxv_size);
}

/*
 * Headers, notes, memory, in the order of the file. Planning is over by then: in one function with it, the two would
 * need their stack at the same time, of which kernels allow a frame 2 KiB.
 */
__attribute__((__noinline__)) static int inspect_write_core(const struct inspect_plan *plan, struct inspect_output *out,
			      const struct inspect_sink *sink, struct inspect_dump_report *report)
{
	const struct inspect_process *process = plan->request->process;
	uint64_t capture, notes, end;
	uint32_t i, count;

	/* A note announces its size: what is in it is counted first. */
	inspect_output_init(out, NULL, plan);
	inspect_describe(plan, out, report);
	capture = out->position;
	if (capture > 0xffffffffu || plan->used > 0xffffffffu)
		return INSPECT_E_LARGE;
	inspect_output_init(out, NULL, plan);
	inspect_put_process(process, out);
	notes = out->position + inspect_note_size(plan->used) + inspect_note_size(capture);
	inspect_output_init(out, sink, plan);
	inspect_put_headers(plan, out, notes);
	inspect_put_process(process, out);
	inspect_put_bytes_note(out, "INSPECT", INSPECT_NOTE_TABLES, plan->workspace->tables, plan->used);
	inspect_put_note(out, "INSPECT", INSPECT_NOTE_CAPTURE, (uint32_t)capture);
	inspect_describe(plan, out, report);
	inspect_put_zeros(out, inspect_round4(capture) - capture);
	for (i = 0; i < plan->run_count && out->error == INSPECT_OK; i += count) {
		const struct inspect_run *run = &plan->workspace->runs[i];

		/* Only before a large run there are zeros. */
		for (count = 1; i + count < plan->run_count && run[count].end - run[count].start < INSPECT_PAGE; count++)
			continue;
		end = out->position;
		inspect_put_zeros(out, inspect_run_offset(run, end) - end);
		inspect_put_memory(out, run, count);
	}
	inspect_flush(out);
	report->written = out->taken;
	return out->error;
}

int inspect_dump_elf(const struct inspect_dump_request *request, struct inspect_workspace *workspace,
		     const struct inspect_sink *sink, struct inspect_dump_report *report)
{
	struct inspect_dump_report unasked;
	struct inspect_output out;
	struct inspect_plan plan;
	uint32_t idle = 0;
	int result;

	if (report == NULL)
		report = &unasked;
	inspect_wipe(report, sizeof(*report));
	if (!__atomic_compare_exchange_n(&workspace->busy, &idle, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return INSPECT_E_BUSY;
	plan.request = request;
	plan.workspace = workspace;
	plan.used = 0;
	plan.table_count = plan.selected = plan.certain = plan.run_count = plan.left_out_count = 0;
	plan.has_holes = false;
	plan.missing = 0;
	result = inspect_make_plan(&plan);
	report->tables = plan.table_count;
	report->missing = plan.missing;
	if (result == INSPECT_OK)
		result = inspect_write_core(&plan, &out, sink, report);
	__atomic_store_n(&workspace->busy, 0, __ATOMIC_RELEASE);
	return result;
}

/* ---- POSIX systems ----------------------------------------------------------------------------------- */

#ifdef INSPECT_POSIX
/* Runs in one call of the system: they take a kilobyte of stack. */
#define INSPECT_BATCH 64
/* What Linux takes in one call. */
#define INSPECT_CALL_MAX 0x7ffff000u

/* A processor fetches so much at a time, and sees by itself that what is longer is read on and on. */
#define INSPECT_LINE 64u
#define INSPECT_LINES 4u

/*
 * Tells the processor that memory is about to be read: regions lie far apart, and so it fetches many of them at the same
 * time. It never faults, whatever is there.
 */
static void inspect_fetch(uint64_t start, uint64_t length)
{
	uint32_t line;

	for (line = 0; line < INSPECT_LINES && line * INSPECT_LINE < length; line++)
		__builtin_prefetch((const void *)(uintptr_t)(start + line * INSPECT_LINE));
}

/*
 * That a signal handler may call writev() is promised nowhere; on Linux it is a bare call of the system. The
 * system looks at each page before it touches it, so that a hole is an error here and no fault.
 */
static ssize_t inspect_file_call(int descriptor, const struct iovec *places, int count)
{
#ifdef __linux__
	return writev(descriptor, places, count);
#else
	(void)count;
	return write(descriptor, places->iov_base, places->iov_len);
#endif
}

/* One call of the system, for the first runs. */
static int inspect_file_append(struct inspect_file *file, const struct inspect_run *runs, size_t count,
			       uint64_t *taken)
{
	struct iovec places[INSPECT_BATCH];
	const int saved = errno;
	int result = INSPECT_E_FAULT;
	size_t room = INSPECT_CALL_MAX;
	int used = 0;
	ssize_t done;

	/* In 32 bits there are no higher addresses. */
	for (; used < INSPECT_BATCH && (size_t)used < count && room > 0 && runs[used].start <= ~(uintptr_t)0; used++) {
		const uint64_t length = runs[used].end - runs[used].start;

		places[used].iov_base = (void *)(uintptr_t)runs[used].start;
		places[used].iov_len = length < room ? (size_t)length : room;
		room -= places[used].iov_len;
		inspect_fetch(runs[used].start, length);
	}
	while (used > 0) {
		done = inspect_file_call(file->descriptor, places, used);
		if (done > 0) {
			*taken = (uint64_t)done;
			result = INSPECT_OK;
		} else if (done == 0 || errno == ENOSPC || errno == EFBIG || errno == EDQUOT) {
			/* A file that takes nothing and reports nothing would be asked for ever. */
			result = INSPECT_E_ROOM;
		} else if (errno == EINTR) {
			continue;
		} else if (errno != EFAULT) {
			file->error = errno;
			result = INSPECT_E_SYSTEM;
		}
		break;
	}
	errno = saved;
	return result;
}

static int inspect_file_write(const void *bytes, size_t size, void *context)
{
	struct inspect_run rest;
	int result = INSPECT_OK;

	rest.start = (uintptr_t)bytes;
	rest.end = rest.start + size;
	while (rest.start < rest.end && result == INSPECT_OK) {
		uint64_t taken = 0;

		result = inspect_file_append((struct inspect_file *)context, &rest, 1, &taken);
		rest.start += taken;
	}
	return result;
}

static int inspect_file_write_memory(const struct inspect_run *runs, size_t count, uint64_t *taken, void *context)
{
	struct inspect_file *file = (struct inspect_file *)context;
	const int result = inspect_file_append(file, runs, count, taken);

	/*
	 * A pipe or a socket may refuse all of them for the sake of one. Alone, the first is either taken as far
	 * as it can be read, or the one that cannot.
	 */
	return result == INSPECT_E_FAULT && count > 1 ? inspect_file_append(file, runs, 1, taken) : result;
}

struct inspect_sink inspect_file_sink(struct inspect_file *file)
{
	struct inspect_sink sink;

	file->error = 0;
	sink.write = inspect_file_write;
	sink.write_memory = inspect_file_write_memory;
	sink.context = file;
	return sink;
}

#ifdef __linux__
/*
 * Whether the page of an address can be read: the kernel copies a signal set from there before it refuses to do
 * anything with it.
 */
static bool inspect_posix_has_page(uintptr_t at)
{
	syscall(SYS_rt_sigprocmask, -1, at & ~(uintptr_t)7, NULL, 8);
	return errno != EFAULT;
}

/* For kernels that lack or forbid process_vm_readv(). */
static int inspect_posix_read_pages(uintptr_t at, unsigned char *to, size_t size)
{
	while (size > 0) {
		const size_t rest = INSPECT_PAGE - (at & (INSPECT_PAGE - 1));
		const size_t step = rest < size ? rest : size;

		if (!inspect_posix_has_page(at))
			return INSPECT_E_FAULT;
		inspect_load_memory(at, to, step);
		at += step;
		to += step;
		size -= step;
	}
	return INSPECT_OK;
}

static int inspect_posix_read(uint64_t address, void *out, size_t size, void *context)
{
	const int saved = errno;
	struct iovec here, there;
	ssize_t count;
	int result;

	(void)context;
	here.iov_base = out;
	there.iov_base = (void *)(uintptr_t)address;
	here.iov_len = there.iov_len = size;
	count = process_vm_readv(getpid(), &here, 1, &there, 1, 0);
	result = count >= 0 && (size_t)count == size ? INSPECT_OK : INSPECT_E_FAULT;
	if (count < 0 && (errno == ENOSYS || errno == EPERM || errno == EACCES))
		result = inspect_posix_read_pages((uintptr_t)address, (unsigned char *)out, size);
	errno = saved;
	return result;
}

static const struct inspect_memory *inspect_posix_reads(void);

/* The kernel brings in the whole region, or a byte of each page is asked for. */
static uint64_t inspect_posix_readable(uint64_t address, uint64_t length, void *context)
{
	/* MADV_POPULATE_READ, since Linux 5.14; older kernels say no. */
	const int populate = 22;
	const int saved = errno;
	const long asked = sysconf(_SC_PAGESIZE);
	const uintptr_t page = asked > 0 ? (uintptr_t)asked : INSPECT_PAGE;
	const uintptr_t start = (uintptr_t)address & ~(page - 1);
	bool whole;

	(void)context;
	if (address > ~(uintptr_t)0 || length - 1 > ~(uintptr_t)0 - (uintptr_t)address)
		return inspect_probe(inspect_posix_reads(), address, length);
	whole = madvise((void *)start, (size_t)((uintptr_t)address + (uintptr_t)(length - 1) - start + 1), populate) == 0;
	errno = saved;
	return whole ? length : inspect_probe(inspect_posix_reads(), address, length);
}

/*
 * Of runs that lie on a page each, a byte of every one is copied into our own memory in one call, which is far less work
 * than a call for each. The kernel stops at the first that cannot be read. A run of several pages is asked about alone,
 * and so is the first where the call comes to nothing or is forbidden.
 */
static size_t inspect_posix_readable_runs(const struct inspect_run *runs, size_t count, void *context)
{
	const int saved = errno;
	const uint64_t length = runs->end - runs->start;
	unsigned char bytes[INSPECT_BATCH];
	struct iovec places[INSPECT_BATCH];
	struct iovec own;
	ssize_t found = 0;
	size_t used = 0;

	for (; used < INSPECT_BATCH && used < count && runs[used].end - 1 <= ~(uintptr_t)0; used++) {
		if (((runs[used].start ^ (runs[used].end - 1)) & ~(uint64_t)(INSPECT_PAGE - 1)) != 0)
			break;
		places[used].iov_base = (void *)(uintptr_t)runs[used].start;
		places[used].iov_len = 1;
		inspect_fetch(runs[used].start, 1);
	}
	own.iov_base = bytes;
	own.iov_len = used;
	if (used > 1)
		found = process_vm_writev(getpid(), places, used, &own, 1, 0);
	errno = saved;
	if (found > 0)
		return (size_t)found;
	return inspect_posix_readable(runs->start, length, context) == length;
}

static const struct inspect_memory inspect_posix_accesses = { inspect_posix_read, inspect_posix_readable, NULL,
							      inspect_posix_readable_runs };

static const struct inspect_memory *inspect_posix_reads(void)
{
	return &inspect_posix_accesses;
}

const struct inspect_memory *inspect_posix_memory(void)
{
	return inspect_posix_reads();
}

static uint32_t inspect_read_auxv(unsigned char *to, size_t size)
{
	const int file = open("/proc/self/auxv", O_RDONLY | O_CLOEXEC);
	size_t used = 0;

	if (file < 0)
		return 0;
	while (used < size) {
		const ssize_t count = read(file, to + used, size - used);

		if (count <= 0)
			break;
		used += (size_t)count;
	}
	close(file);
	return (uint32_t)used;
}

#if defined(__x86_64__) || defined(__aarch64__)
/* `struct elf_prstatus` of the kernel: signal, identity, times, registers. */
#define INSPECT_STATUS_SIGNAL_AT 0
#define INSPECT_STATUS_CURRENT_AT 12
#define INSPECT_STATUS_PID_AT 32
#define INSPECT_STATUS_REGISTERS_AT 112

static void inspect_put_register(unsigned char *registers, uint32_t index, uint64_t value)
{
	inspect_store_number(registers + 8 * index, value, 8, INSPECT_BIG_ENDIAN);
}

#ifdef __x86_64__
#define INSPECT_REGISTERS 27u

/* The order of `struct user_regs_struct`; what the context lacks is 0. */
static void inspect_put_registers(unsigned char *to, const ucontext_t *context)
{
	static const signed char order[20] = { REG_R15, REG_R14, REG_R13, REG_R12, REG_RBP, REG_RBX, REG_R11,
					       REG_R10, REG_R9,	 REG_R8,  REG_RAX, REG_RCX, REG_RDX, REG_RSI,
					       REG_RDI, -1,	 REG_RIP, -1,	   REG_EFL, REG_RSP };
	const uint64_t segments = (uint64_t)context->uc_mcontext.gregs[REG_CSGSFS];
	uint32_t i;

	for (i = 0; i < sizeof(order); i++) {
		if (order[i] >= 0)
			inspect_put_register(to, i, (uint64_t)context->uc_mcontext.gregs[(int)order[i]]);
	}
	/* No system call was under way. */
	inspect_put_register(to, 15, ~(uint64_t)0);
	inspect_put_register(to, 17, segments & 0xffff);
	inspect_put_register(to, 20, segments >> 48);
	inspect_put_register(to, 25, segments >> 32 & 0xffff);
	inspect_put_register(to, 26, segments >> 16 & 0xffff);
}
#else
#define INSPECT_REGISTERS 34u

static void inspect_put_registers(unsigned char *to, const ucontext_t *context)
{
	uint32_t i;

	for (i = 0; i < 31; i++)
		inspect_put_register(to, i, context->uc_mcontext.regs[i]);
	inspect_put_register(to, 31, context->uc_mcontext.sp);
	inspect_put_register(to, 32, context->uc_mcontext.pc);
	inspect_put_register(to, 33, context->uc_mcontext.pstate);
}
#endif

static uint32_t inspect_fill_status(unsigned char *status, int signal, const void *context)
{
	inspect_store_number(&status[INSPECT_STATUS_SIGNAL_AT], (uint64_t)signal, 4, INSPECT_BIG_ENDIAN);
	inspect_store_number(&status[INSPECT_STATUS_CURRENT_AT], (uint64_t)signal, 2, INSPECT_BIG_ENDIAN);
	inspect_store_number(&status[INSPECT_STATUS_PID_AT], (uint64_t)syscall(SYS_gettid), 4, INSPECT_BIG_ENDIAN);
	inspect_store_number(&status[INSPECT_STATUS_PID_AT + 8], (uint64_t)getpid(), 4, INSPECT_BIG_ENDIAN);
	if (context != NULL)
		inspect_put_registers(&status[INSPECT_STATUS_REGISTERS_AT], (const ucontext_t *)context);
	/* Behind the registers stands whether there are floating-point registers, padded. */
	return INSPECT_STATUS_REGISTERS_AT + INSPECT_REGISTERS * 8 + 8;
}
#else
static uint32_t inspect_fill_status(unsigned char *status, int signal, const void *context)
{
	(void)status;
	(void)signal;
	(void)context;
	return 0;
}
#endif

void inspect_process_fill(struct inspect_process *process, int signal, const void *context)
{
	const int saved = errno;

	inspect_wipe(process, sizeof(*process));
	process->status_size = inspect_fill_status(process->status, signal, context);
	process->auxv_size = inspect_read_auxv(process->auxv, sizeof(process->auxv));
	errno = saved;
}
#endif
#endif

/*
 * Zones as C writes and reads them. The zone is a file that is loaded, worked on and stored again:
 *
 *   zone init FILE SLOTS ORDER WORD     prepares it
 *   zone write FILE KIND NONCE TIME     appends what is on standard input, in uneven pieces
 *   zone newest FILE                    prints the newest dump: slot, sequence, kind, nonce, time, bytes
 *   zone torn FILE OUT                  writes a second dump again and again, each time stopped a byte later, and
 *                                       leaves what the machine would have found, one image behind another
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect_dump.h"

static unsigned char memory[1 << 20];
static unsigned char before[1 << 20];
static size_t size;

static void check(int result)
{
	if (result != INSPECT_OK) {
		printf("%d %s\n", result, inspect_error_text(result));
		exit(0);
	}
}

static void load(const char *path)
{
	FILE *file = fopen(path, "rb");

	if (file == NULL)
		exit(3);
	size = fread(memory, 1, sizeof(memory), file);
	fclose(file);
}

static void store(const char *path, const char *how)
{
	FILE *file = fopen(path, how);

	if (file == NULL || fwrite(memory, 1, size, file) != size || fclose(file) != 0)
		exit(3);
}

/* Bytes that may still be stored before the machine stops. */
static size_t fuel = ~(size_t)0;

static int stop_write(uint64_t offset, const void *bytes, size_t count, void *context)
{
	const size_t done = count < fuel ? count : fuel;

	(void)context;
	if (offset > size || count > size - offset)
		return INSPECT_E_SIZES;
	/* From the end: bytes may arrive in any order. */
	memcpy(memory + offset + count - done, (const unsigned char *)bytes + count - done, done);
	fuel -= done;
	return INSPECT_OK;
}

static void newest(const struct inspect_storage *storage)
{
	struct inspect_zone zone;
	struct inspect_zone_dump dump;
	uint64_t i;

	check(inspect_zone_open(&zone, storage));
	check(inspect_zone_newest(&zone, &dump));
	printf("%u %llu %u %llu %llu ", dump.slot, (unsigned long long)dump.sequence, dump.label.kind,
	       (unsigned long long)dump.label.nonce, (unsigned long long)dump.label.written_at);
	for (i = 0; i < dump.length; i++) {
		unsigned char byte;

		check(inspect_zone_read(&zone, &dump, i, &byte, 1));
		printf("%02x", byte);
	}
	printf("\n");
	if (inspect_zone_read(&zone, &dump, dump.length, &size, 1) != INSPECT_E_SIZES)
		exit(4);
}

static void append(const struct inspect_storage *storage, const struct inspect_zone_label *label)
{
	static unsigned char payload[1 << 20];
	const size_t length = fread(payload, 1, sizeof(payload), stdin);
	struct inspect_zone_writer writer;
	struct inspect_zone zone;
	struct inspect_sink sink;
	uint64_t sequence = 0;
	size_t at, step;

	check(inspect_zone_open(&zone, storage));
	check(inspect_zone_begin(&writer, &zone, label));
	sink = inspect_zone_sink(&writer);
	for (at = 0; at < length; at += step) {
		step = at * 3 + 1;
		step = step < length - at ? step : length - at;
		check(sink.write(payload + at, step, sink.context));
	}
	check(inspect_zone_finish(&writer, &sequence));
	printf("%llu\n", (unsigned long long)sequence);
}

static void torn(struct inspect_storage *storage, const char *path)
{
	const struct inspect_zone_label label = { INSPECT_PAYLOAD_TEXT, 7, 8 };
	struct inspect_zone_writer writer;
	struct inspect_zone zone;
	size_t stop, left;

	storage->write = stop_write;
	memcpy(before, memory, size);
	remove(path);
	for (stop = 0;; stop++) {
		memcpy(memory, before, size);
		fuel = stop;
		check(inspect_zone_open(&zone, storage));
		check(inspect_zone_begin(&writer, &zone, &label));
		check(inspect_zone_write(&writer, "the new ", 8));
		check(inspect_zone_write(&writer, "dump", 4));
		check(inspect_zone_finish(&writer, NULL));
		left = fuel;
		store(path, "ab");
		if (left > 0)
			break;
	}
	printf("%zu\n", stop + 1);
}

int main(int argc, char **argv)
{
	struct inspect_reserved reserved = { memory, 0, NULL };
	struct inspect_storage storage;

	if (argc < 3)
		return 2;
	load(argv[2]);
	reserved.size = size;
	storage = inspect_reserved_storage(&reserved);
	if (strcmp(argv[1], "init") == 0 && argc == 6) {
		struct inspect_zone_layout layout = INSPECT_ZONE_LAYOUT(0);
		struct inspect_zone zone;

		layout.slot_count = (uint32_t)atoi(argv[3]);
		layout.byte_order = (uint8_t)atoi(argv[4]);
		layout.word_size = (uint8_t)atoi(argv[5]);
		check(inspect_zone_init(&zone, &storage, &layout));
		printf("%llu\n", (unsigned long long)inspect_zone_room(&zone));
		store(argv[2], "wb");
	} else if (strcmp(argv[1], "write") == 0 && argc == 6) {
		struct inspect_zone_label label;

		label.kind = (uint32_t)strtoul(argv[3], NULL, 10);
		label.nonce = strtoull(argv[4], NULL, 10);
		label.written_at = strtoull(argv[5], NULL, 10);
		append(&storage, &label);
		store(argv[2], "wb");
	} else if (strcmp(argv[1], "newest") == 0) {
		newest(&storage);
	} else if (strcmp(argv[1], "torn") == 0 && argc == 4) {
		torn(&storage, argv[3]);
	} else {
		return 2;
	}
	return 0;
}

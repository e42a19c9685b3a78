/*
 * A dump without an operating system's help, on whatever machine: memory is simply read, the sink is a buffer.
 *
 *   plain DUMP      prints where things lie
 */
#include <stdio.h>
#include <string.h>

#include "inspect_dump.h"
#include "tests_crash.inspect.h"

static uint64_t requests = 0x1122334455667788;
static unsigned char letter[] = "dear reader, [the key is 8163] and yours sincerely";
static unsigned char password[] = "hunter2 is sensitive";
static unsigned char pages[10000];
static struct tests_crash_account accounts[2] = { { 1, "open sesame", 3, 1, -5 }, { 2, "8163 8163", 7, 1, 99 } };
static const unsigned char *start = pages + 1;
static uint16_t count = 3;

static struct inspect_runtime_table table;
static uint64_t memory[INSPECT_TABLE_SIZE(sizeof(struct tests_crash_row), 8, 256) / 8];
static unsigned char dump[1 << 16];
static size_t used;

INSPECT_WORKSPACE(workspace, 8, 8192);

/* Whoever is interrupted while it writes a dump keeps its workspace. */
static int append(const void *bytes, size_t size, void *context)
{
	const struct inspect_dump_request *request = (const struct inspect_dump_request *)context;
	const struct inspect_sink again = { append, NULL, context };

	if (inspect_dump_elf(request, &workspace, &again, NULL) != INSPECT_E_BUSY)
		return INSPECT_E_TABLE;
	if (size > sizeof(dump) - used)
		return INSPECT_E_ROOM;
	memcpy(dump + used, bytes, size);
	used += size;
	return INSPECT_OK;
}

static int announce(struct tests_crash_row *row, uint32_t class_number, volatile void *address, size_t length,
		    const char *name)
{
	struct inspect_handle handle;

	row->core.class_number = class_number;
	row->core.address = (uintptr_t)address;
	row->core.length = length;
	return inspect_register(&table, row, name, &handle);
}

int main(int argc, char **argv)
{
	struct inspect_dump_request request;
	const struct inspect_sink sink = { append, NULL, &request };
	struct inspect_dump_report report;
	struct tests_crash_row row;
	FILE *file;

	memset(&row, 0, sizeof(row));
	memset(&request, 0, sizeof(request));
	memset(pages, 'p', sizeof(pages));
	request.consumer = &TESTS_CRASH_CONSUMER_REPORT;
	request.producer = "crash 1.0";
	if (argc != 2 ||
	    inspect_table_init(&table, memory, sizeof(memory), TESTS_CRASH_DESCRIPTOR, 8) != INSPECT_OK ||
	    announce(&row, TESTS_CRASH_CLASS_COUNTER, &requests, 8, "requests") != INSPECT_OK ||
	    announce(&row, TESTS_CRASH_CLASS_MESSAGE, letter, sizeof(letter), "letter") != INSPECT_OK ||
	    announce(&row, TESTS_CRASH_CLASS_KEY, letter + 13, 17, "key") != INSPECT_OK ||
	    announce(&row, TESTS_CRASH_CLASS_ACCOUNT, accounts, sizeof(accounts), "accounts") != INSPECT_OK ||
	    announce(&row, TESTS_CRASH_CLASS_SECRET, password, sizeof(password), "password") != INSPECT_OK)
		return 1;
	row.core.extent = INSPECT_COUNTED;
	row.core.bound = (uintptr_t)&count;
	row.core.bound_size = sizeof(count);
	if (announce(&row, TESTS_CRASH_CLASS_MESSAGE, &start, 3000, "pages") != INSPECT_OK)
		return 1;
	if (inspect_dump_elf(&request, &workspace, &sink, &report) != INSPECT_OK || report.written != used ||
	    report.captured != 2 || report.truncated != 2 || report.denied != 2)
		return 4;
	printf("%llu %llu %llu %llu\n", (unsigned long long)(uintptr_t)&requests,
	       (unsigned long long)(uintptr_t)letter, (unsigned long long)(uintptr_t)(pages + 1),
	       (unsigned long long)(uintptr_t)accounts);
	file = fopen(argv[1], "wb");
	return file != NULL && fwrite(dump, 1, used, file) == used && fclose(file) == 0 ? 0 : 5;
}

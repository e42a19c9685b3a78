/*
 * A program that crashes: the handler of SIGSEGV writes what the consumer may see to a file and into a zone.
 *
 *   crash DUMP ZONE      prints where things lie, then follows a pointer to where nothing is
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "inspect_dump.h"
#include "tests_crash.inspect.h"

#define ROWS 16

static uint64_t requests = 0x1122334455667788;
static unsigned char greeting[] = "a message for whoever repairs this";
static unsigned char password[] = "hunter2 is sensitive";
/* A message that a denied region stands in the middle of. */
static unsigned char letter[] = "dear reader, [the key is 8163] and yours sincerely";
static unsigned char other[] = "nobody has asked for this";
static const unsigned char *indirect = greeting;
static struct tests_crash_account accounts[2] = { { 1, "open sesame", 3, 1, -5 }, { 2, "8163 8163", 7, 1, 99 } };

TESTS_CRASH_ANNOTATE_COUNTER(requests, "requests");
TESTS_CRASH_ANNOTATE_MESSAGE(greeting, "greeting");
TESTS_CRASH_ANNOTATE_SECRET(password, "password");
TESTS_CRASH_ANNOTATE_MESSAGE(letter, "letter");
TESTS_CRASH_ANNOTATE_ACCOUNT(accounts, "accounts");

static struct inspect_runtime_table table;
static uint64_t memory[INSPECT_TABLE_SIZE(sizeof(struct tests_crash_row), ROWS, 512) / 8];

/* What the handler needs, set aside before anything goes wrong. */
INSPECT_WORKSPACE(workspace, 32, 16384);
static struct inspect_process process;
static unsigned char zone_memory[1 << 16] __attribute__((aligned(8)));
static struct inspect_reserved reserved = { zone_memory, sizeof(zone_memory), NULL };
static struct inspect_storage storage;
static struct inspect_zone zone;
static struct inspect_zone_writer writer;
static const char *dump_path, *zone_path;

static int dump_to(const struct inspect_sink *sink)
{
	const struct inspect_dump_request request = {
		&TESTS_CRASH_CONSUMER_REPORT, inspect_posix_memory(), &process, "crash 1.0", NULL, 0
	};

	return inspect_dump_elf(&request, &workspace, sink, NULL);
}

static int dump_into_zone(void)
{
	const struct inspect_zone_label label = { INSPECT_PAYLOAD_ELF, 1, 2 };
	struct inspect_sink sink;
	int result = inspect_zone_begin(&writer, &zone, &label);

	if (result != INSPECT_OK)
		return result;
	sink = inspect_zone_sink(&writer);
	result = dump_to(&sink);
	return result == INSPECT_OK ? inspect_zone_finish(&writer, NULL) : result;
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	struct inspect_file file;
	struct inspect_sink sink;
	int into;

	(void)info;
	inspect_process_fill(&process, number, context);
	file.descriptor = open(dump_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	sink = inspect_file_sink(&file);
	if (dump_to(&sink) != INSPECT_OK || dump_into_zone() != INSPECT_OK)
		_exit(5);
	into = open(zone_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (write(into, zone_memory, sizeof(zone_memory)) != (ssize_t)sizeof(zone_memory))
		_exit(6);
	_exit(0);
}

static void check(int result)
{
	if (result != INSPECT_OK) {
		fprintf(stderr, "%s\n", inspect_error_text(result));
		exit(1);
	}
}

static void announce(uint32_t class_number, const volatile void *address, size_t length, uint8_t extent,
		     const char *name)
{
	struct inspect_handle handle;
	struct tests_crash_row row;

	memset(&row, 0, sizeof(row));
	row.core.class_number = class_number;
	row.core.address = (uintptr_t)address;
	row.core.length = length;
	row.core.extent = extent;
	check(inspect_register(&table, &row, name, &handle));
}

__attribute__((noinline)) static void crash_here(volatile char *where)
{
	*where = 1;
}

int main(int argc, char **argv)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const struct inspect_zone_layout layout = INSPECT_ZONE_LAYOUT(2);
	struct sigaction action;
	unsigned char *hole = (unsigned char *)mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
						    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (argc != 3 || hole == MAP_FAILED || mprotect(hole + page, page, PROT_NONE) != 0)
		return 2;
	dump_path = argv[1];
	zone_path = argv[2];
	memset(hole, 'h', page);
	/* Other values than the program's file has, which debuggers know, too. */
	requests++;
	greeting[0] = 'A';
	check(inspect_table_init(&table, memory, sizeof(memory), TESTS_CRASH_DESCRIPTOR, ROWS));
	check(inspect_adopt_unpacked(&table, NULL));
	announce(TESTS_CRASH_CLASS_KEY, letter + 13, 17, INSPECT_DIRECT, "key");
	announce(TESTS_CRASH_CLASS_MESSAGE, hole + page - 100, 200, INSPECT_DIRECT, "half");
	announce(TESTS_CRASH_CLASS_MESSAGE, hole + page, 10, INSPECT_DIRECT, "gone");
	announce(TESTS_CRASH_CLASS_MESSAGE, &indirect, 9, INSPECT_INDIRECT, "indirect");
	announce(TESTS_CRASH_CLASS_MESSAGE, other, sizeof(other), INSPECT_DIRECT,
		 "a name that no budget of this allows");
	storage = inspect_reserved_storage(&reserved);
	check(inspect_zone_init(&zone, &storage, &layout));
	memset(&action, 0, sizeof(action));
	action.sa_sigaction = on_signal;
	action.sa_flags = SA_SIGINFO;
	sigaction(SIGSEGV, &action, NULL);
	printf("%llu %llu %llu %llu %llu\n", (unsigned long long)(uintptr_t)&requests,
	       (unsigned long long)(uintptr_t)greeting, (unsigned long long)(uintptr_t)letter,
	       (unsigned long long)(uintptr_t)hole + page - 100, (unsigned long long)(uintptr_t)accounts);
	fflush(stdout);
	crash_here((volatile char *)hole + page);
	return 3;
}

/*
 * The fixture: annotated variables here and in a library, and one region that is registered while it runs.
 *
 *   main wait        prints a line, then waits for its end
 *   main crash       ends by SIGABRT, so that the kernel writes a core
 *   main dump FILE   writes what the consumer may see
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests_images.inspect.h"
#ifdef WITH_DUMP
#include "inspect_dump.h"
#endif

#define ROWS 4

uint64_t main_exported = 0x11;
static unsigned char main_static[24] = "main static";
static unsigned char password[] = "hunter2 is sensitive";
TESTS_IMAGES_ANNOTATE_COUNTER(main_exported, "main exported");
TESTS_IMAGES_ANNOTATE_BLOCK(main_static, "main static");
TESTS_IMAGES_ANNOTATE_SECRET(password, "password");

/* Code that nobody runs and no core holds: it comes from the file. */
const char unwritten[8192] = "read-only bytes that only the file has";

static struct inspect_runtime_table table;
static uint64_t memory[INSPECT_TABLE_SIZE(sizeof(struct tests_images_row), ROWS, 256) / 8];

#ifdef WITH_LIBRARY
int library(void);
#endif

static void check(int result)
{
	if (result != INSPECT_OK) {
		fprintf(stderr, "%s\n", inspect_error_text(result));
		exit(1);
	}
}

static void announce(const volatile void *address, size_t length)
{
	struct inspect_handle handle;
	struct tests_images_row row;

	memset(&row, 0, sizeof(row));
	row.core.class_number = TESTS_IMAGES_CLASS_BLOCK;
	row.core.address = (uintptr_t)address;
	row.core.length = length;
	row.core.instance = 5;
	check(inspect_register(&table, &row, "on the heap", &handle));
}

#ifdef WITH_DUMP
INSPECT_WORKSPACE(workspace, 32, 16384);

static int dump(const char *path)
{
	static struct inspect_process process;
	const struct inspect_dump_request request = {
		&TESTS_IMAGES_CONSUMER_REPORT, inspect_posix_memory(), &process, "main 1.0", NULL, 0
	};
	struct inspect_file file = { -1, 0 };
	struct inspect_sink sink;

	inspect_process_fill(&process, 0, NULL);
	file.descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	sink = inspect_file_sink(&file);
	return inspect_dump_elf(&request, &workspace, &sink, NULL);
}
#endif

int main(int argc, char **argv)
{
	unsigned char *heap = malloc(100);

	if (argc < 2 || heap == NULL)
		return 2;
	memset(heap, 'h', 100);
#ifdef WITH_LIBRARY
	if (library() != 0x22)
		return 3;
#endif
	check(inspect_table_init(&table, memory, sizeof(memory), TESTS_IMAGES_DESCRIPTOR, ROWS));
	announce(heap, 100);
	main_exported = 0x1111;
	printf("%p %p %p\n", (void *)&main_exported, (void *)heap, (const void *)unwritten);
	fflush(stdout);
	if (strcmp(argv[1], "wait") == 0)
		pause();
#ifdef WITH_DUMP
	if (strcmp(argv[1], "dump") == 0 && argc == 3)
		return dump(argv[2]) == INSPECT_OK ? 0 : 4;
#endif
	abort();
}

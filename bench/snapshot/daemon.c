/*
 * A daemon with many regions of memory that matter. For each line of its input it writes a dump of them.
 *
 *   daemon REGIONS LENGTH STRIDE DUMP [shuffle]    regions of LENGTH bytes, one in every STRIDE bytes of its heap
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bench_snapshot.inspect.h"
#include "inspect_dump.h"

#define ROWS 100000

static uint64_t memory[INSPECT_TABLE_SIZE(sizeof(struct bench_snapshot_row), ROWS, 64) / 8];
static struct inspect_runtime_table table;
INSPECT_WORKSPACE(workspace, ROWS, sizeof(memory) + (1 << 16));
static struct inspect_process process;

static int dump(const char *path)
{
	const struct inspect_dump_request request = {
		&BENCH_SNAPSHOT_CONSUMER_REPORT, inspect_posix_memory(), &process, "daemon 1.0", NULL, 0
	};
	struct inspect_file file = { open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600), 0 };
	const struct inspect_sink sink = inspect_file_sink(&file);
	int result = inspect_dump_elf(&request, &workspace, &sink, NULL);

	close(file.descriptor);
	return result;
}

int main(int argc, char **argv)
{
	size_t regions = argc >= 5 ? strtoul(argv[1], NULL, 0) : 0, length, stride;
	struct bench_snapshot_row row;
	struct inspect_handle handle;
	unsigned char *heap;
	char line[16];

	if (regions == 0 || regions > ROWS)
		return 2;
	length = strtoul(argv[2], NULL, 0);
	stride = strtoul(argv[3], NULL, 0);
	heap = malloc(regions * stride);
	/* Bytes that are not zero: nobody may leave them out. */
	memset(heap, 'x', regions * stride);
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	memset(&row, 0, sizeof(row));
	if (inspect_table_init(&table, memory, sizeof(memory), BENCH_SNAPSHOT_DESCRIPTOR, (uint32_t)regions) != INSPECT_OK)
		return 1;
	for (size_t turn = 0; turn < regions; turn++) {
		/* Every place once, far from the one before: the number is prime and divides no count of regions here. */
		const size_t index = argc == 5 ? turn : turn * 61843 % regions;

		row.core.class_number = BENCH_SNAPSHOT_CLASS_CONNECTION;
		row.core.address = (uintptr_t)(heap + index * stride);
		row.core.length = length;
		row.core.instance = index;
		if (inspect_register(&table, &row, NULL, &handle) != INSPECT_OK)
			return 1;
	}
	inspect_process_fill(&process, 0, NULL);
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		printf("%d\n", dump(argv[4]));
		fflush(stdout);
	}
	return 0;
}

/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A cache that tells what it has in memory, while it runs and when it has crashed.
 *
 * Static objects are annotated where they are defined; values are registered when they are stored and
 * withdrawn when they are thrown out. The signal handler writes a copy of the table to a file, and after a crash
 * an ELF core with what a report may hold beside it: the runtime neither allocates nor locks, and open, write and
 * rename may be called in a signal handler.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cached_state.inspect.h"
#include "inspect_dump.h"

#define ITEMS 8
#define LINES 16
#define ROWS 32

/* One value, and the row that announces it. */
struct item {
	char key[32];
	char *value;
	struct inspect_handle handle;
	bool announced;
};

static struct cached_state_stats stats;
static struct cached_state_log_record lines[LINES];
static struct item items[ITEMS];
static uint32_t stored, logged;

CACHED_STATE_ANNOTATE_STATS(stats, "worker");

/* The table, and room for a copy of it: a handler cannot ask for memory. */
static struct inspect_runtime_table table;
static uint64_t memory[INSPECT_TABLE_SIZE(sizeof(struct cached_state_region), ROWS, 512) / 8];
static uint64_t copy[8192];
static char path[256], path_beside[260], path_core[261];

/* What a dump takes, set aside before anything goes wrong. */
INSPECT_WORKSPACE(workspace, ROWS, 16384);
static struct inspect_process process;

/* ---- The signal handler ---- */

/* The new file is there wholly or not at all. */
static bool write_table(void)
{
	const char *from = (const char *)copy;
	size_t size;
	int file;

	if (inspect_table_copy(&table, copy, sizeof(copy), &size) != INSPECT_OK)
		return false;
	file = open(path_beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (file < 0)
		return false;
	while (size != 0) {
		const ssize_t written = write(file, from, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			break;
		from += written;
		size -= (size_t)written;
	}
	return fsync(file) == 0 && close(file) == 0 && size == 0 && rename(path_beside, path) == 0;
}

/* What the consumer `report` may see, for a debugger and for `inspect`. */
static void write_core(int number, const void *context)
{
	/* After a crash nothing is followed that the kernel has not looked at. */
	const struct inspect_dump_request request = {
		&CACHED_STATE_CONSUMER_REPORT, inspect_posix_memory(), &process, "c-daemon", NULL, 0
	};
	struct inspect_file file = { open(path_core, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), 0 };
	const struct inspect_sink sink = inspect_file_sink(&file);

	inspect_process_fill(&process, number, context);
	if (file.descriptor >= 0 && inspect_dump_elf(&request, &workspace, &sink, NULL) != INSPECT_OK)
		unlink(path_core);
	if (file.descriptor >= 0)
		close(file.descriptor);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	static const char done[] = "table written\n";
	static const char failed[] = "table not written\n";
	const int error = errno;
	const bool written = write_table();
	const ssize_t said = written ? write(STDOUT_FILENO, done, sizeof(done) - 1) :
				       write(STDOUT_FILENO, failed, sizeof(failed) - 1);

	(void)said;
	(void)info;
	if (number != SIGUSR1)
		write_core(number, context);
	errno = error;
	/* The handler was for once: what crashed now crashes for good. */
	if (number != SIGUSR1)
		raise(number);
}

static void handle_signals(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = on_signal;
	sigfillset(&action.sa_mask);
	action.sa_flags = SA_SIGINFO | SA_RESTART;
	sigaction(SIGUSR1, &action, NULL);
	action.sa_flags = (int)(SA_SIGINFO | SA_RESETHAND);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGABRT, &action, NULL);
}

/* ---- The cache ---- */

static void note(cached_state_level level, const char *text)
{
	struct cached_state_log_record *line = &lines[logged++ % LINES];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	line->timestamp_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	line->level = level;
	line->text_len = (uint16_t)strnlen(text, sizeof(line->text));
	memcpy(line->text, text, line->text_len);
}

/* A table that is full is no reason to refuse a value; it is one to say so. */
static void announce(struct item *item, size_t size)
{
	struct cached_state_region row;
	int result;

	memset(&row, 0, sizeof(row));
	row.core.class_number = CACHED_STATE_CLASS_BLOB;
	row.core.address = (uintptr_t)item->value;
	row.core.length = size;
	row.core.instance = stored;
	row.in_use = size;
	result = inspect_register(&table, &row, "value", &item->handle);
	item->announced = result == INSPECT_OK;
	if (!item->announced)
		note(CACHED_STATE_LEVEL_WARNING, inspect_error_text(result));
}

/* The row goes before the memory does. */
static void drop(struct item *item)
{
	if (item->value == NULL)
		return;
	if (item->announced)
		inspect_unregister(&table, item->handle);
	stats.bytes -= strlen(item->value) + 1;
	free(item->value);
	item->value = NULL;
}

static struct item *find(const char *key)
{
	size_t i;

	for (i = 0; i < ITEMS; i++) {
		if (items[i].value != NULL && strcmp(items[i].key, key) == 0)
			return &items[i];
	}
	return NULL;
}

static void set(const char *key, const char *value)
{
	struct item *item = find(key);
	const size_t size = strlen(value) + 1;

	if (item == NULL) {
		item = &items[stored % ITEMS];
		stats.evictions += item->value != NULL;
	}
	drop(item);
	stored++;
	item->value = malloc(size);
	if (item->value == NULL) {
		note(CACHED_STATE_LEVEL_ERROR, "out of memory");
		return;
	}
	memcpy(item->value, value, size);
	snprintf(item->key, sizeof(item->key), "%s", key);
	stats.bytes += size;
	announce(item, size);
	note(CACHED_STATE_LEVEL_INFO, "stored");
	puts("stored");
}

static void get(const char *key)
{
	const struct item *item = find(key);

	stats.hits += item != NULL;
	stats.misses += item == NULL;
	puts(item != NULL ? item->value : "nothing");
}

static void obey(char *line)
{
	char *rest = NULL;
	const char *command = strtok_r(line, " \n", &rest);
	const char *key = strtok_r(NULL, " \n", &rest);
	const char *value = strtok_r(NULL, "\n", &rest);

	if (command != NULL && strcmp(command, "set") == 0 && value != NULL && strlen(key) < sizeof(items[0].key))
		set(key, value);
	else if (command != NULL && strcmp(command, "get") == 0 && key != NULL)
		get(key);
	else if (command != NULL && strcmp(command, "crash") == 0)
		abort();
	else
		puts("set KEY VALUE, get KEY, or crash");
	fflush(stdout);
}

/* ---- The beginning ---- */

static int announce_log(void)
{
	struct cached_state_region row;
	struct inspect_handle handle;
	int result;

	memset(&row, 0, sizeof(row));
	row.core.class_number = CACHED_STATE_CLASS_LOG;
	row.core.address = (uintptr_t)lines;
	row.core.length = sizeof(lines);
	result = inspect_intern(&table, "the last lines", &row.label);
	return result != INSPECT_OK ? result : inspect_register(&table, &row, "main", &handle);
}

int main(int argc, char **argv)
{
	char line[512];
	size_t i;
	int result;

	if (argc != 2 || strlen(argv[1]) >= sizeof(path)) {
		fprintf(stderr, "usage: daemon FILE\n");
		return 2;
	}
	snprintf(path, sizeof(path), "%s", argv[1]);
	snprintf(path_beside, sizeof(path_beside), "%s.new", path);
	snprintf(path_core, sizeof(path_core), "%s.core", path);
	result = inspect_table_init(&table, memory, sizeof(memory), CACHED_STATE_DESCRIPTOR, ROWS);
	if (result == INSPECT_OK)
		result = inspect_adopt_unpacked(&table, NULL);
	if (result == INSPECT_OK)
		result = announce_log();
	if (result != INSPECT_OK) {
		fprintf(stderr, "daemon: %s\n", inspect_error_text(result));
		return 1;
	}
	handle_signals();
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) != NULL)
		obey(line);
	for (i = 0; i < ITEMS; i++)
		drop(&items[i]);
	return write_table() ? 0 : 1;
}

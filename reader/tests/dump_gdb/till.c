/*
 * A till with something to hide.
 *
 *   till wait     prints a line, then waits for its end
 *   till crash    ends by SIGABRT
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests_till.inspect.h"

#define ROWS 8

struct tests_till_account ann;
char banner[4096] = "initial banner";
char password[64] = "initial password";
TESTS_TILL_ANNOTATE_ACCOUNT(ann, "ann");
TESTS_TILL_ANNOTATE_NOTE(banner, "banner");
TESTS_TILL_ANNOTATE_VAULT(password, "password");

static struct inspect_runtime_table table;
static uint64_t memory[INSPECT_TABLE_SIZE(sizeof(struct tests_till_region), ROWS, 256) / 8];

static void announce(uint32_t class_number, const char *name, const void *address, size_t length)
{
	struct inspect_handle handle;
	struct tests_till_region row;

	memset(&row, 0, sizeof(row));
	row.core.class_number = class_number;
	row.core.address = (uintptr_t)address;
	row.core.length = length;
	if (inspect_register(&table, &row, name, &handle) != INSPECT_OK)
		exit(1);
}

int main(int argc, char **argv)
{
	char *note = malloc(8192);
	char *diary = malloc(8192);
	size_t i;

	if (argc != 2 || note == NULL || diary == NULL)
		return 2;
	ann.id = 17;
	ann.pin = 0x5ec4e7a5;
	ann.balance = 123456789;
	memset(note, 'n', 8192);
	/* Written in pieces, so that the program's own file does not have them. */
	for (i = 0; i < 24; i++) {
		diary[i] = "EBSJERNSFUGYPYPQWUDYVBMD"[i] ^ 1;
		password[i] = "EBSJERNSFUGYPYPQWUDYVBMD"[i] ^ 2;
		note[4000 + i] = "EBSJERNSFUGYPYPQWUDYVBMD"[i] ^ 3;
	}
	strcpy(banner, "banner at run time");
	/* Inside of a text that is allowed. */
	banner[2000] = 'x';
	memcpy(banner + 2001, diary, 24);
	if (inspect_table_init(&table, memory, sizeof(memory), TESTS_TILL_DESCRIPTOR, ROWS))
		return 3;
	announce(TESTS_TILL_CLASS_NOTE, "note", note, 8192);
	announce(TESTS_TILL_CLASS_DIARY, "diary", diary, 8192);
	announce(TESTS_TILL_CLASS_DIARY, "page of a note", note + 4000, 24);
	announce(TESTS_TILL_CLASS_DIARY, "page of the banner", banner + 2001, 24);
	printf("%p %p\n", (void *)note, (void *)diary);
	fflush(stdout);
	if (strcmp(argv[1], "wait") == 0)
		pause();
	abort();
}

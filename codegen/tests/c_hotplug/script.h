/* What the programs of these tests share: a script of operations comes in by lines, and a line for each goes out. */
#ifndef SCRIPT_H
#define SCRIPT_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect_hotplug.h"

#define CHECK(condition)                                                                      \
	do {                                                                                  \
		if (!(condition)) {                                                           \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			exit(1);                                                              \
		}                                                                             \
	} while (0)

#define WORDS 16

/* One line: its first word, and the numbers behind it. */
struct script_line {
	char word[32];
	uint64_t number[WORDS];
	int count;
};

/* False at the end of the script. */
static inline bool script_next(struct script_line *line)
{
	static char text[4096];
	char *rest;

	if (fgets(text, sizeof(text), stdin) == NULL)
		return false;
	line->count = 0;
	rest = strtok(text, " \n");
	CHECK(rest != NULL && strlen(rest) < sizeof(line->word));
	strcpy(line->word, rest);
	while ((rest = strtok(NULL, " \n")) != NULL) {
		CHECK(line->count < WORDS);
		line->number[line->count++] = strtoull(rest, NULL, 0);
	}
	return true;
}

static inline bool script_is(const struct script_line *line, const char *word, int count)
{
	if (strcmp(line->word, word) != 0)
		return false;
	CHECK(line->count >= count);
	return true;
}

static inline struct inspect_range script_range(const struct script_line *line)
{
	struct inspect_range range;

	range.first = line->number[0];
	range.last = line->number[1];
	return range;
}

#endif

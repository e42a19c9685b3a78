/* The shared object: a variable of its own, one that a program may copy, and one that a program replaces. */
#include "fixture.h"

static uint64_t local = 9;
uint64_t library_exported = 10;
uint64_t library_replaced = 11;
static unsigned char room[16];

NUMBER(local, "library local");
NUMBER(library_exported, "library exported", INSPECT_TEXT("label", "of the library"));
NUMBER(library_replaced, "library replaced");
RANGE(&room[0], &room[16], "library range");
TESTS_MATRIX_ANNOTATE_NUMBER_RANGE(&library_exported, &library_exported + 1, "library exported range");
CODE(library_truth, "library function");
THING(library_exported, "library thing");

void library_truth(say *tell)
{
	local++;
	tell("library local", HERE(&local), NULL);
	tell("library exported", HERE(&library_exported), NULL);
	tell("library replaced", HERE(&library_replaced), NULL);
	tell("library range", HERE(&room[0]), HERE(&room[16]));
	tell("library exported range", HERE(&library_exported), HERE(&library_exported + 1));
	tell("library function", HERE((uintptr_t)library_truth), NULL);
	tell("library thing", HERE(&library_exported), NULL);
}

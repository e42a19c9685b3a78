/* Variables that other objects define, or that other objects define too. */
#include "fixture.h"

static uint64_t local = 2;
__attribute__((weak)) uint64_t matrix_weak = 7;
#ifndef MATRIX_LTO
/* Where the whole program is one text for the assembler, it knows the group once. */
GROUP;
#endif

NUMBER(local, "local of two");
NUMBER(matrix_global, "global elsewhere", INSPECT_TEXT("label", "a label"));
NUMBERS(matrix_array, "array");
NUMBER(matrix_array[2], "element");
NUMBER(matrix_weak, "weak elsewhere");
NUMBER(matrix_group, "group elsewhere");
/* The annotation that one.c has too. */
NUMBER(matrix_global, "global");
RANGE(matrix_start, matrix_stop, "range elsewhere");
COUNTED(matrix_elements, matrix_counter, "counted elsewhere");
CODE(matrix_step, "function elsewhere");
THING(local, "second local");
THING(matrix_global, "second global");

void two_truth(say *tell)
{
	local++;
	tell("local of two", HERE(&local), NULL);
	tell("global elsewhere", HERE(&matrix_global), NULL);
	tell("array", HERE(&matrix_array), NULL);
	tell("element", HERE(&matrix_array[2]), NULL);
	tell("weak elsewhere", HERE(&matrix_weak), NULL);
	tell("group elsewhere", HERE(&matrix_group), NULL);
	tell("range elsewhere", HERE(matrix_start), HERE(matrix_stop));
	tell("counted elsewhere", HERE(&matrix_elements), HERE(&matrix_counter));
	tell("function elsewhere", HERE((uintptr_t)matrix_step), NULL);
	tell("second local", HERE(&local), NULL);
	tell("second global", HERE(&matrix_global), NULL);
}

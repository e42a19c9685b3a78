/* Definitions of what is annotated elsewhere, and an object with annotations of the second schema alone. */
#include "fixture.h"

static uint64_t thing = 1;

uint64_t matrix_array[4] = { 1, 2, 3, 4 };
uint32_t matrix_counter = 2;
uint64_t *matrix_elements = matrix_array;
__asm__("\t.pushsection .data.matrix_bounds,\"aw\",%progbits\n"
	"\t.balign 8\n"
	"\t.globl matrix_start\n"
	"\t.type matrix_start, %object\n"
	"\t.size matrix_start, 16\n"
	"matrix_start:\n"
	"\t.4byte 1, 2, 3, 4\n"
	"\t.globl matrix_stop\n"
	"\t.type matrix_stop, %object\n"
	"matrix_stop:\n"
	"\t.4byte 5\n"
	"\t.popsection\n");

THING(thing, "thing");

void three_truth(say *tell)
{
	thing++;
	tell("thing", HERE(&thing), NULL);
}

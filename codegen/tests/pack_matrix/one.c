/* Variables that are annotated beside their definitions. */
#include "fixture.h"
#ifdef MATRIX_MANY
#include "many.h"
#endif

static uint64_t local = 1;
static uint64_t zero;
static const uint64_t constant = 3;
static unsigned char room[48];
static uint32_t counter = 3;
static uint64_t numbers[3];
static uint64_t *elements = numbers;
static uint64_t per_node[2];

uint64_t matrix_global = 4;
uint64_t matrix_hidden = 5;
__attribute__((weak)) uint64_t matrix_weak = 6;
GROUP;

static int twice(int number)
{
	return 2 * number;
}

NUMBER(local, "local");
NUMBER(zero, "zero", INSPECT_INTEGER("owner", 0xfffffffful), INSPECT_TEXT("label", "a label"),
       INSPECT_INTEGER("port", 443), INSPECT_INTEGER("delta", (uint64_t)-5), INSPECT_INTEGER("mark", 0x01020304),
       INSPECT_TEXT("tag", "eight..8"), INSPECT_INTEGER("mood", 200));
NUMBER(constant, "constant");
NUMBER(matrix_global, "global");
NUMBER(matrix_hidden, "hidden", INSPECT_ID(12));
NUMBER(matrix_weak, "weak", INSPECT_TEXT("label", "another label"));
NUMBER(matrix_group, "group");
NUMBER(per_node[0], "node 0", INSPECT_INSTANCE(0));
NUMBER(per_node[1], "node 1", INSPECT_INSTANCE(0x100000001ull));
RANGE(&room[8], &room[40], "range");
COUNTED(elements, counter, "counted");
PLACE(&room[47], "place");
CODE(twice, "static function");
CODE(matrix_step, "function");
INDIRECT(elements, 24, "indirect");
DEVICE(DEVICE_AT, 4096, "device");

int matrix_step(int by)
{
	return twice(by) + (int)(local + zero + constant + matrix_global + numbers[0] + room[0] + counter + *elements);
}

void one_truth(say *tell)
{
	static uint64_t calls;
	NUMBER(calls, "calls");

	calls++;
	tell("calls", HERE(&calls), NULL);
	tell("local", HERE(&local), NULL);
	tell("zero", HERE(&zero), NULL);
	tell("constant", HERE(&constant), NULL);
	tell("global", HERE(&matrix_global), NULL);
	tell("hidden", HERE(&matrix_hidden), NULL);
	tell("weak", HERE(&matrix_weak), NULL);
	tell("group", HERE(&matrix_group), NULL);
	tell("node 0", HERE(&per_node[0]), NULL);
	tell("node 1", HERE(&per_node[1]), NULL);
	tell("range", HERE(&room[8]), HERE(&room[40]));
	tell("counted", HERE(&elements), HERE(&counter));
	tell("indirect", HERE(&elements), NULL);
	tell("place", HERE(&room[47]), NULL);
	tell("static function", HERE((uintptr_t)twice), NULL);
	tell("function", HERE((uintptr_t)matrix_step), NULL);
}

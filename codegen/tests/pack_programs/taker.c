/* The program: it refers to the library's variables directly, and annotates one of them once more. */
#include <inttypes.h>
#include <stdio.h>

#include "list.h"
#include "taken.h"
#include "tests_shop.inspect.h"

/* Read-only memory cannot hold what a loader would have to write: a linker copies the variable instead. */
extern uint64_t *const place;
uint64_t *const place = &taken;
#if defined(__powerpc64__) && !defined(__PIE__)
/* Compilers for this machine put such constants into writable memory. */
__asm__("\t.pushsection .rodata.taker,\"a\"\n\t.p2align 3\n\t.quad taken\n\t.popsection\n");
#endif
static uint64_t own = 0x99;
TESTS_SHOP_ANNOTATE_COUNTER(own, "own");
TESTS_SHOP_ANNOTATE_COUNTER(taken, "taken by the program");

int main(void)
{
	*place = 0x77;
	taken_parts[3] = 0x78;
	taken_list = taken_parts + 1;
	taken_count = 2;
	if (taken_in_library() != 0x77 + 6)
		return 100;
	printf("say place %" PRIxPTR "\n", (uintptr_t)place);
	printf("say part %" PRIxPTR "\n", (uintptr_t)&taken_parts[3]);
	printf("say parts %" PRIxPTR "\n", (uintptr_t)taken_parts);
	printf("say place_in_library %" PRIxPTR "\n", place_in_library());
	return list_entries();
}

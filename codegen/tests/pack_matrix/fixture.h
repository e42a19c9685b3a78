/* What the objects of the matrix share: forms of annotations, and how each object says what is true. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "tests_matrix.inspect.h"
#include "tests_second.inspect.h"

#define NUMBER TESTS_MATRIX_ANNOTATE_NUMBER
#define NUMBERS TESTS_MATRIX_ANNOTATE_NUMBERS
#define RANGE TESTS_MATRIX_ANNOTATE_BLOCK_RANGE
#define COUNTED TESTS_MATRIX_ANNOTATE_NUMBER_COUNTED
#define INDIRECT TESTS_MATRIX_ANNOTATE_NUMBERS_INDIRECT
#define PLACE TESTS_MATRIX_ANNOTATE_BLOCK_ADDRESS
#define THING TESTS_SECOND_ANNOTATE_THING
/* Of what has no class: code, and what no linker places. */
#define CODE(at, name)                                                                                     \
	INSPECT_RECORD(TESTS_MATRIX_DESCRIPTOR, INSPECT_TEXT("class", "block"), INSPECT_TEXT("name", name), \
		       INSPECT_ADDRESS("address", at), INSPECT_INTEGER("extent", INSPECT_ADDRESS_ONLY))
#define DEVICE(at, bytes, name)                                                                            \
	INSPECT_RECORD(TESTS_MATRIX_DESCRIPTOR, INSPECT_TEXT("class", "block"), INSPECT_TEXT("name", name), \
		       INSPECT_INTEGER("address", at), INSPECT_INTEGER("length", bytes),                   \
		       INSPECT_SPACE(INSPECT_SPACE_PHYSICAL))

/* The places that the name of an entry stands for, as code of the object at hand takes them. */
typedef void say(const char *name, const volatile void *address, const volatile void *bound);

/* Of a device that no linker places: on 32-bit machines too, it may lie above what a pointer reaches. */
#define DEVICE_AT 0x1234567000ull

/* Addresses that the compiler must not know better. */
#define HERE(it) ({ const volatile void *here_ = (const volatile void *)(it); __asm__("" : "+r"(here_)); here_; })

extern uint64_t matrix_global;
extern uint64_t matrix_weak;
extern uint64_t matrix_hidden __attribute__((visibility("hidden")));
extern uint64_t matrix_array[4];
extern unsigned char matrix_start[], matrix_stop[];
extern uint32_t matrix_counter;
extern uint64_t *matrix_elements;
/* In a group of which the linker keeps one. */
extern uint64_t matrix_group __attribute__((visibility("hidden")));
int matrix_step(int by);

void one_truth(say *tell);
void two_truth(say *tell);
void three_truth(say *tell);

/* Of the shared object. */
extern uint64_t library_exported;
extern uint64_t library_replaced;
void library_truth(say *tell);

#define GROUP                                                                                              \
	__asm__("\t.pushsection .data.matrix_group,\"awG\",%progbits,matrix_group,comdat\n"                \
		"\t.balign 8\n"                                                                            \
		"\t.weak matrix_group\n"                                                                   \
		"\t.hidden matrix_group\n"                                                                 \
		"\t.type matrix_group, %object\n"                                                          \
		"\t.size matrix_group, 8\n"                                                                \
		"matrix_group:\n"                                                                          \
		"\t.4byte 1, 1\n"                                                                          \
		"\t.popsection\n")

#endif

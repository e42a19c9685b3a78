/* What the objects of the matrix share: forms of annotations, and how each object says what is true. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "tests_matrix.inspect.h"
#include "tests_second.inspect.h"

#ifndef TESTS_MATRIX_DESCRIPTOR
#define TESTS_MATRIX_DESCRIPTOR (&tests_matrix_inspect_v2)
#define TESTS_SECOND_DESCRIPTOR (&tests_second_inspect_v1)
#endif

#define NUMBER(variable, name, ...)                                                                        \
	INSPECT_RECORD(TESTS_MATRIX_DESCRIPTOR, INSPECT_TEXT("class", "number"),                           \
		       INSPECT_TEXT("name", name), INSPECT_ADDRESS("address", &(variable)),                \
		       INSPECT_INTEGER("length", sizeof(variable)), ##__VA_ARGS__)
#define RANGE(start, behind, name)                                                                         \
	INSPECT_RECORD(TESTS_MATRIX_DESCRIPTOR, INSPECT_TEXT("class", "block"), INSPECT_TEXT("name", name), \
		       INSPECT_ADDRESS("address", start), INSPECT_ADDRESS("end", behind))
#define COUNTED(pointer, counter, name)                                                                    \
	INSPECT_RECORD(TESTS_MATRIX_DESCRIPTOR, INSPECT_TEXT("class", "block"), INSPECT_TEXT("name", name), \
		       INSPECT_ADDRESS("address", &(pointer)), INSPECT_INTEGER("length", sizeof(*(pointer))), \
		       INSPECT_COUNT(counter))
#define PLACE(at, name)                                                                                    \
	INSPECT_RECORD(TESTS_MATRIX_DESCRIPTOR, INSPECT_TEXT("class", "block"), INSPECT_TEXT("name", name), \
		       INSPECT_ADDRESS("address", at), INSPECT_INTEGER("extent", INSPECT_ADDRESS_ONLY))
#define THING(variable, name)                                                                              \
	INSPECT_RECORD(TESTS_SECOND_DESCRIPTOR, INSPECT_TEXT("class", "thing"), INSPECT_TEXT("name", name), \
		       INSPECT_ADDRESS("address", &(variable)), INSPECT_INTEGER("length", sizeof(variable)))

/* The places that the name of an entry stands for, as code of the object at hand takes them. */
typedef void say(const char *name, const volatile void *address, const volatile void *bound);

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

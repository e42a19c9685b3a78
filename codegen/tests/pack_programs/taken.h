/* A variable of a library that programs use directly, as if it were theirs. */
#ifndef TAKEN_H
#define TAKEN_H

#include <stdint.h>

extern uint64_t taken;
extern uint64_t taken_parts[4];
extern uint64_t *taken_list;
extern uint32_t taken_count;
uint64_t taken_in_library(void);
uintptr_t place_in_library(void);

#endif

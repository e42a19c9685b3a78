/* What the objects of the program annotate, each on its own and all of them. */
#ifndef PARTS_H
#define PARTS_H

#include "test_ids.inspect.h"
#include "test_pond.inspect.h"

extern uint64_t shared;
int one(void);
int two(void);

#endif

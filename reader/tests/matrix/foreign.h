/* What a compiler captures: the schema declares three of the fields, in another order. */
#ifndef FOREIGN_H
#define FOREIGN_H
#include <stdint.h>

struct foreign {
	uint32_t misses;
	uint16_t late;
	uint16_t unknown;
	uint64_t before;
	uint64_t hits;
	uint64_t behind;
};
#endif

/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "brewery.inspect.h"

static uint64_t starts[] = { 3, 5 };
BREWERY_ANNOTATE_STARTS(starts, "pumps");

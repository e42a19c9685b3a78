/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "brewery.inspect.h"

static struct brewery_tank mash = { 71, 65 };
BREWERY_ANNOTATE_TANK(mash, "mash");

/* From the linker script. */
extern uint32_t stack_end[], data_start[], data_end[], data_load[], bss_start[], bss_end[];

void reset(void)
{
	const uint32_t *from = data_load;
	uint32_t *to;

	/* The table is copied with the data that it stands among. */
	for (to = data_start; to < data_end; to++)
		*to = *from++;
	for (to = bss_start; to < bss_end; to++)
		*to = 0;
	for (;;)
		mash.level++;
}

static const uintptr_t vectors[] __attribute__((section(".vectors"), used)) = { (uintptr_t)stack_end,
									       (uintptr_t)reset };

/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The structs that the module has for itself. The schema takes them from here. */
#ifndef LOOKOUT_H
#define LOOKOUT_H

#include <linux/list.h>
#include <linux/types.h>

struct lookout_visit {
	struct list_head link;
	u64 at_ns;
	u32 number;
	u32 looks;
	char name[16];
	u64 paid;
};

struct lookout_book {
	struct list_head visits;
	u32 present;
	u64 arrived;
	struct lookout_visit *last;
};

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* RAM for the platform's own needs, taken before the rest is given to hyp/. Boot hart only. */
#pragma once

#include "hyp/hw.h"
#include "hyp/types.h"
#include "platform/region.h"

/* What may be handed out. What lies above the image is taken first: it is known to be RAM of the
 * ordinary kind, as the image got there. */
void early_init(const struct region_set *free_ram, u64 image_end);

/* A free place for size bytes, never freed again. NULL if there is none. The memory holds
 * anything. */
void *early_allocate(u64 size, u64 alignment);

/* Ends this allocator: copies what is left below the limit, at most max regions, to out. Returns
 * their number. */
unsigned early_finish(u64 limit, struct hw_region *out, unsigned max);

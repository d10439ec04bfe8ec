/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a flattened device tree from outside can be given to libfdt at all. No state, no locks.
 */
#pragma once

#include "hyp/types.h"

/* Checks the whole blob, in time bounded by its size and not by what it claims. NULL: libfdt may
 * read it, nothing in it reaches beyond size bytes, and every walk over it ends soon. Otherwise
 * the reason, as words that follow "the blob". */
const char *tree_check(const void *blob, u64 size);

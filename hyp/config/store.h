/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables whose size is known only when the bundle is read: contiguous memory of whole pages,
 * rounded up to a page and not to a power of two. Each has one owner; no locks of its own.
 */
#pragma once

#include "hyp/status.h"
#include "hyp/types.h"

struct store {
	void *data; /* NULL: empty */
	u64 page_count;
};

/* Zeroed memory of that many bytes; none for 0 bytes. What the store held before is not its
 * business any more. STATUS_NO_MEMORY: there is no such piece of contiguous RAM. */
enum status store_alloc(struct store *store, u64 size) MUST_CHECK;

/* Gives back the pages behind the first size bytes. */
void store_trim(struct store *store, u64 size);

/* Gives back all of it; again is no harm. */
void store_free(struct store *store);

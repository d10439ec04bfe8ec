/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The children of a node by number and by name. Names come from the bundle and may be chosen to be
 * slow, so the index is a sorted array: n log n comparisons to make, log n to search, whatever the
 * names are. Each has one owner; no locks of its own.
 */
#pragma once

#include "hyp/config/store.h"
#include "hyp/status.h"
#include "hyp/types.h"

struct name_entry {
	const char *name; /* in the blob */
	int node;	  /* libfdt's offset */
};

struct name_index {
	struct name_entry *entries; /* in the order of the file */
	u32 *sorted;		    /* their numbers, by name, then by number */
	u32 count;
	bool more; /* there are children beyond the most */
	struct store store;
};

/* Of the first `most` children of that node. The blob passed tree_check(). STATUS_NO_MEMORY: the
 * index is empty. */
enum status name_index_make(struct name_index *index, const void *blob, int node,
			    u32 most) MUST_CHECK;

/* The number of the first child with that name; false if there is none. */
bool name_index_find(const struct name_index *index, const char *name, u32 *number);

/* Gives the memory back and empties it; again is no harm. */
void name_index_drop(struct name_index *index);

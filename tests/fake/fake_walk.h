/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page-table walker of the fake machine's harts: G-stage translation written from the
 * specification alone (Privileged ISA, "Virtual Address Translation Process" with the changes of
 * "Guest Physical Address Translation"), to hold hyp/mem/gstage.c against.
 */
#pragma once

#include "tests/fake/fake_hw.h"

enum fake_walk {
	FAKE_WALK_OK,
	FAKE_WALK_NOT_MAPPED, /* beyond the space, or an entry with V = 0 */
	FAKE_WALK_MALFORMED,  /* an entry that no guest access may use, or that is not kept as the
			       * specification asks: reserved bits, misaligned leaf, U clear */
};

struct fake_translation {
	hpa_t address;
	u64 size; /* of the leaf */
	bool readable, writable, executable;
	bool accessed, dirty;
};

/* What a hart with that hgatp makes of a guest-physical address. */
enum fake_walk fake_walk_gstage(u64 hgatp, u64 address, struct fake_translation *translation);

/* Pages that all tables below hgatp take, the root's four included. *empty_count: tables other
 * than the root in which nothing is valid. */
u64 fake_count_tables(u64 hgatp, u64 *empty_count);

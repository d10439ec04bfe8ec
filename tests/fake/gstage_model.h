/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * G-stage tables beside a flat model of them: an array that has for each page of a window of guest
 * memory what should be behind it. What does not agree ends the program with a message.
 */
#pragma once

#include "hyp/mem/gstage.h"
#include "tests/fake/fake_hw.h"

/* Nothing is ever mapped outside the window. */
#define WINDOW_SIZE  (GIB(2) + MIB(8))
#define WINDOW_PAGES (WINDOW_SIZE / PAGE_SIZE)
#define GIB_PAGES    (GIB(1) / PAGE_SIZE)

struct model_page {
	u64 target; /* host-physical */
	u8 prot;    /* 0: not mapped */
};

struct gstage_model {
	struct gstage gs;
	u64 window; /* guest-physical address of the first page */
	struct model_page pages[WINDOW_PAGES];
	u64 mapped_count;
	hpa_t freed; /* tables waiting for their fence */
	u64 free_count_at_start;
};

extern struct gstage_model model;

/* A new fake machine with empty tables on it. */
void model_create(enum hw_gstage_mode mode, u64 window);
/* Checks that every page has come back, too. */
void model_destroy(void);
/* The fence is done: gives collected tables back. */
void model_free_tables(void);
u64 model_hgatp(void);

/* Changes the tables and, if that succeeds, the array. Pages count from the window's first. */
enum status model_map(u64 first, u64 count, u64 target, enum prot prot, u64 max_leaf);
enum status model_unmap(u64 first, u64 count);
bool model_is_free(u64 first, u64 count);

/* Requires that gstage_walk() and the fake hart's walker both agree with the array on a page. */
void model_check_page(u64 index);
/* The same at both ends of every leaf and hole and here and there inside; also that the leaves
 * which gstage_visit() visits are the array's pages and no others, and that no table is lost or
 * empty. */
void model_check_everything(void);

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * G-stage page tables: guest-physical to host-physical, Sv39x4, Sv48x4 or Sv57x4 (Privileged ISA,
 * "Guest-Page Faults" and "Two-Stage Address Translation"). Owns the table pages, not the pages
 * that the leaves point to. The caller holds the lock of the guest memory that it belongs to.
 *
 * All functions either do the whole of what they are asked or leave the translations as they were.
 */
#pragma once

#include "hyp/hw.h"
#include "hyp/status.h"
#include "hyp/types.h"

enum prot {
	PROT_READ = 1 << 0,
	PROT_WRITE = 1 << 1,
	PROT_EXEC = 1 << 2,
	PROT_RWX = PROT_READ | PROT_WRITE | PROT_EXEC,
};

struct gstage {
	enum hw_gstage_mode mode;
	hpa_t root;	 /* 16 KiB, aligned to its size */
	u64 table_count; /* pages held by tables, the root's four included */
};

struct gstage_leaf {
	hpa_t address; /* of the byte asked for */
	u64 size;      /* of the leaf: 4 KiB, 2 MiB, 1 GiB */
	enum prot prot;
};

/* STATUS_NO_MEMORY; STATUS_UNSUPPORTED if mode is HW_GSTAGE_BARE or unknown. */
enum status gstage_create(struct gstage *gs, enum hw_gstage_mode mode) MUST_CHECK;
/* Frees all table pages. No hart may use the tables any more. */
void gstage_destroy(struct gstage *gs);

/* Maps [address, address + length) to [target, target + length) with the largest leaves that
 * alignment allows, up to max_leaf bytes. A and D are set beforehand: some harts never update them
 * and raise a guest-page fault instead. STATUS_INVALID: not page-aligned, length 0, outside the
 * guest-physical space, target beyond 2^56, prot without PROT_READ, max_leaf below 4 KiB;
 * STATUS_EXISTS: something in the range is mapped; STATUS_NO_MEMORY. */
enum status gstage_map(struct gstage *gs, gpa_t address, hpa_t target, u64 length, enum prot prot,
		       u64 max_leaf) MUST_CHECK;

/* A list of tables that are out of use but may still be cached; opaque but for its empty value. */
#define GSTAGE_NO_TABLES hpa(UINT64_MAX - 1)

/* Unmaps what is mapped of [address, address + length), splitting leaves at the edges; holes are
 * no error. Tables left empty are added to *freed_tables (start with GSTAGE_NO_TABLES). Before the
 * pages behind are used again, and before gstage_free_tables(), the caller fences the whole VMID on
 * all harts that may use it: entries that are no leaves change too (Privileged ISA, "Supervisor
 * Memory-Management Fence Instruction"). STATUS_INVALID as for gstage_map(); STATUS_NO_MEMORY when
 * a split needs a table. */
enum status gstage_unmap(struct gstage *gs, gpa_t address, u64 length,
			 hpa_t *freed_tables) MUST_CHECK;
void gstage_free_tables(struct gstage *gs, hpa_t freed_tables);

/* STATUS_NOT_FOUND: not mapped, and leaf->size is that of the largest aligned block around the
 * address, of those that one entry can map, in which nothing is; or outside the space, and it is 0.
 */
enum status gstage_walk(const struct gstage *gs, gpa_t address,
			struct gstage_leaf *leaf) MUST_CHECK;

/* The first leaf with a byte in [from, end), and the guest-physical address at which it starts (it
 * may be below from). leaf->address is of the leaf's first byte. STATUS_NOT_FOUND: there is none.
 * Takes time in proportion to the tables and entries in between. */
enum status gstage_find(const struct gstage *gs, gpa_t from, gpa_t end, gpa_t *start,
			struct gstage_leaf *leaf) MUST_CHECK;

/* Calls visit for each leaf in ascending order, to print them for instance. */
void gstage_visit(const struct gstage *gs,
		  void (*visit)(void *context, gpa_t address, const struct gstage_leaf *leaf),
		  void *context);

/* The value for hgatp with this table and VMID. */
u64 gstage_hgatp(const struct gstage *gs, unsigned vmid);

/* Bytes of guest-physical space in a mode. */
u64 gstage_space_size(enum hw_gstage_mode mode);

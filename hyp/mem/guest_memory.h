/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The RAM of one VM: one contiguous guest-physical range, its G-stage tables, and the pages behind
 * them, which are given and zeroed on first touch (or at once, when pinned).
 *
 * This is the border check of the whole hypervisor: a guest-physical address becomes a pointer
 * only here, and only inside the VM's RAM.
 */
#pragma once

#include "hyp/list.h"
#include "hyp/lock.h"
#include "hyp/mem/gstage.h"

struct guest_memory {
	struct lock lock; /* guards tables, gifts and page_count */
	gpa_t base;
	u64 size; /* bytes, a multiple of 4 KiB */
	struct gstage gstage;
	u64 page_count;	   /* pages of 4 KiB given so far */
	struct list gifts; /* blocks that harts are about to give; so the structure stays put */

	/* Pinning under way: how far it is, and the block that is being zeroed for that place. */
	u64 pinned; /* bytes from base on */
	bool has_pin_block;
	hpa_t pin_block;
	unsigned pin_order;
	u64 pin_zeroed; /* bytes of the block */
};

/* An empty RAM. STATUS_INVALID: base or size not page-aligned, size 0, or beyond the mode's space;
 * STATUS_UNSUPPORTED: no such mode; STATUS_NO_MEMORY. */
enum status guest_memory_create(struct guest_memory *memory, gpa_t base, u64 size,
				enum hw_gstage_mode mode) MUST_CHECK;
/* Gives everything back, in bounded steps: some leaves a call; returns true when done. No
 * vCPU of the VM may be loaded on any hart, nor its VMID be used again without a fence. */
bool guest_memory_destroy_step(struct guest_memory *memory);
void guest_memory_destroy(struct guest_memory *memory);

/* Makes the page with that address present. *fresh (may be NULL) tells whether this call mapped it;
 * if not, a guest that faulted there did so on a stale invalid entry that its hart holds, and the
 * caller fences (Privileged ISA, "Supervisor Memory-Management Fence Instruction": lazy fences).
 * Gives a 2 MiB leaf where RAM and free memory allow, else 4 KiB. STATUS_NOT_FOUND: the address is
 * not RAM of this VM; STATUS_NO_MEMORY. */
enum status guest_memory_touch(struct guest_memory *memory, gpa_t address, bool *fresh) MUST_CHECK;

/* For a VM that is being made, with no vCPU yet: gives all of its RAM with the largest leaves (1
 * GiB too), in steps of 2 MiB at most. *done: all is there. STATUS_NO_MEMORY: part of it was given,
 * and stays. */
enum status guest_memory_pin_step(struct guest_memory *memory, bool *done) MUST_CHECK;

bool guest_memory_contains(const struct guest_memory *memory, gpa_t address, u64 length);

/* Copies between guest RAM and the hypervisor; no lock may be held that ranks below LOCK_MEMORY.
 * STATUS_INVALID: not all of the range is RAM of this VM (nothing was copied). Reading gives no
 * pages: what was never touched reads as zero. Writing does; STATUS_NO_MEMORY: part may have been
 * copied. The guest may change the source meanwhile: check the copy, not the source. */
enum status guest_memory_read(struct guest_memory *memory, gpa_t from, void *to,
			      u64 length) MUST_CHECK;
enum status guest_memory_write(struct guest_memory *memory, gpa_t to, const void *from,
			       u64 length) MUST_CHECK;

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMIDs by generation. A VM keeps its VMID until the numbers run out; then a new generation begins
 * and every VM takes a new number when it is loaded next. Nothing is flushed at that moment:
 * instead each hart forgets what it may have cached under a number when a VM uses that number on
 * it for the first time (vmid_use()). That is correct for any VMIDLEN down to 0, and harts that
 * still run a VM under its old number do so undisturbed, because translation caches are private to
 * a hart (Privileged ISA, "Hypervisor Guest Address Translation and Protection Register").
 */
#pragma once

#include "hyp/hw.h"
#include "hyp/types.h"

struct vmid {
	u64 generation; /* 0: none taken yet */
	unsigned number;
	u64 used_generation[HW_HART_MAX]; /* the generation a hart has flushed for */
};

/* Before the first VM; number_bits is VMIDLEN, 0 to 14. */
void vmid_init(unsigned number_bits);

/* The number to load into hgatp now, valid until the VM is next loaded. *fresh: the calling hart
 * must, once hgatp holds the number and before the guest runs, issue HFENCE.GVMA for it and
 * HFENCE.VVMA (the former need not touch VS-stage entries). */
unsigned vmid_use(struct vmid *vmid, bool *fresh);

/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's own page tables, walked in software, for harts that leave htval or htinst zero. */
#pragma once

#include "hyp/vcpu.h"

enum walk {
	WALK_FOUND, /* *result is what the virtual address translates to */
	WALK_TABLE, /* *result is where a table entry should be, and no RAM of the VM is there */
	WALK_RETRY, /* the tables say something now that would not have led to a guest-page fault */
};

/* Translates address through the tables in vsatp. Only while handling an exit of the loaded vCPU;
 * gives RAM to table pages that had none. */
enum walk guest_walk(struct vcpu *vcpu, gva_t address, gpa_t *result);

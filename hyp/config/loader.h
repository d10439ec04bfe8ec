/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads a VM from its place in the bundle, as often as it is started. */
#pragma once

#include "hyp/config/bundle.h"
#include "hyp/status.h"
#include "hyp/vm/guest.h"

/* Boot hart. vm must stay. Loaders of different VMs may be at work on different harts at a time;
 * the calls for one VM come one after the other, on whichever hart. STATUS_NO_MEMORY. */
enum status loader_attach(const struct bundle_vm *vm, struct guest_loader *loader) MUST_CHECK;

#ifdef HW_TEST
/* The machine that it took its memory from is gone. */
void loader_forget_all(void);
#endif

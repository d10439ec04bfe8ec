/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads a VM from its place in the bundle, as often as it is started. */
#pragma once

#include "hyp/config/bundle.h"
#include "hyp/status.h"
#include "hyp/vm/guest.h"

/* Boot hart. vm must stay. STATUS_NO_MEMORY: too many VMs. */
enum status loader_attach(const struct bundle_vm *vm, struct guest_loader *loader) MUST_CHECK;

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ISA that a guest is told of: the host's, less everything that would need state which the
 * hypervisor does not switch or a control bit which it does not set. What is not on the list of
 * isa.c is left out, so that an extension of tomorrow cannot slip through.
 */
#pragma once

#include "hyp/hw.h"
#include "hyp/status.h"
#include "hyp/types.h"

#define ISA_WORDS 3

/* A set of extensions; bit numbers are positions in the list of isa.c. */
struct isa_set {
	u64 words[ISA_WORDS];
};

/* What a guest on that machine gets. */
void isa_select(const struct hw_machine *machine, struct isa_set *set);

/* name in lower case. */
bool isa_has(const struct isa_set *set, const char *name);

/* The value of the device tree's "riscv,isa": base and extensions in canonical order (Unprivileged
 * ISA, "ISA Extension Naming Conventions"). Sizes count the final NUL. STATUS_INVALID: it does not
 * fit in size bytes; nothing was written. */
u64 isa_string_size(const struct isa_set *set);
enum status isa_write_string(const struct isa_set *set, char *buffer, u64 size) MUST_CHECK;

/* The value of "riscv,isa-extensions": NUL-terminated names one after the other. Likewise. */
u64 isa_list_size(const struct isa_set *set);
enum status isa_write_list(const struct isa_set *set, char *buffer, u64 size) MUST_CHECK;

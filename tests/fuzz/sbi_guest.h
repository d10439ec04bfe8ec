/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guests of fuzz_sbi.c: calls with any arguments or with right ones, changes of their own
 * state, waiting, and what drivers do.
 */
#pragma once

#include "hyp/vcpu.h"
#include "tests/fuzz/input.h"

/* The next instruction, as a machine's client gives it. */
u64 sbi_guest_act(struct vcpu *vcpu, struct input *from);

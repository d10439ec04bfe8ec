/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an exit must come to, written from the specification and held against what hyp/exit made of
 * it. Of one VM with one vCPU, whose bus gets a device that remembers; the target calls
 * exit_before() and exit_after() around each exit, and says in the plan what an instruction fetch
 * finds.
 */
#pragma once

#include "hyp/vcpu.h"

#define EXIT_DEVICE_BASE 0x20000000ULL
#define EXIT_DEVICE_SIZE 0x40ULL

/* Of this hart's next exit. */
struct exit_plan {
	u32 instruction; /* at pc, unless it races */
	bool fetch_fails;
};
struct exit_plan *exit_plan(void);

void exit_model_start(struct vm *vm);
void exit_before(struct vcpu *vcpu, u64 scause);
void exit_after(struct vcpu *vcpu);

/* For guests: what htinst shows for an instruction (0: nothing), whether that is a store, and its
 * base register so that it reaches an address. */
u64 exit_transform(u32 instruction, unsigned address_offset);
bool exit_is_store(u32 instruction);
void exit_set_base(struct vcpu *vcpu, u32 instruction, u64 address);

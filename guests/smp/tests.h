/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What harts do to each other. Each test names the harts by index; the boot hart is 0 and leads.
 * With one hart, only the groups that need no other have something to check.
 */
#pragma once

#include "boot.h"
#include "check.h"
#include "csr.h"
#include "hart.h"
#include "print.h"
#include "vm.h"
#include "wait.h"

void test_start(void);
void test_ipi(void);
void test_sfence(void);
void test_fence_i(void);
void test_private(void);
void test_timer(void);
void test_plic(void);

/* How often the repeated tests repeat: rounds= in the boot arguments. */
u64 smp_rounds(void);

/*
 * Runs a(argument) on hart x and b(argument) on hart y at the same time, and waits for both; either
 * may be this hart. False when one did not end.
 */
bool run_pair(unsigned int x, void (*a)(void *), unsigned int y, void (*b)(void *), void *argument);

/* Runs run(argument) on all harts at the same time, this one too. False when one did not end. */
bool run_everywhere(void (*run)(void *), void *argument);

/* All pairs of different harts; of more than four, those with the boot hart and of neighbours. */
bool smp_pair_wanted(unsigned int x, unsigned int y);

/* Two harts take turns: waits until it is the turn of this number. */
struct turns {
	volatile u64 now;
	volatile bool broken; /* one gave up; so must the other */
};

bool turn_wait(struct turns *turns, u64 number);
void turn_set(struct turns *turns, u64 number);

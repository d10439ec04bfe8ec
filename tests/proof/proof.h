/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the proofs share. A proof is a function prove_NAME() in a file that includes the sources of
 * hyp/ that it is about. cbmc follows it for all values that nondet_*() can give at once, loops
 * unrolled as often as its comment says, and proves that no PROVE, no CHECK of the sources, no
 * bound, no overflow, no shift and no pointer goes wrong; that no loop goes on after its bound is
 * part of what it proves.
 *
 * REACH(condition) says that the proof does get there with the condition true, so that it does not
 * hold merely because its assumptions leave nothing: prove.py insists on that.
 */
#pragma once

#include "hyp/check.h"
#include "hyp/types.h"

void __CPROVER_assume(_Bool condition);
void __CPROVER_assert(_Bool condition, const char *what);

#define ASSUME(condition) __CPROVER_assume(condition)
#define PROVE(condition)  __CPROVER_assert(condition, "PROVE " #condition)
#define REACH(condition)  __CPROVER_assert(!(condition), "REACH " #condition)

/* Any value at all, a new one each time. */
u64 nondet_u64(void);
u32 nondet_u32(void);
u16 nondet_u16(void);
u8 nondet_u8(void);
unsigned nondet_unsigned(void);
size_t nondet_size(void);
_Bool nondet_bool(void);

_Noreturn void check_failed(const char *file, int line, const char *condition)
{
	(void)file, (void)line, (void)condition;
	__CPROVER_assert(0, "CHECK never fails");
	__CPROVER_assume(0);
}

/* The numbers without wrapping, to say what is meant. */
typedef unsigned __int128 wide_t;

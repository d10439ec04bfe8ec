/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The groups of this guest, a file and a boot argument each.
 *
 * A trap that a machine leaves open (what a device does with an access of the wrong width, whether
 * it can be an operand of an AMO) is accepted either way on QEMU itself, sbi_is_opensbi() being the
 * sign of that; of Hartwood the tests expect what its design says, an access fault.
 */
#pragma once

#include "boot.h"
#include "check.h"
#include "code.h"
#include "csr.h"
#include "print.h"
#include "vm.h"
#include "wait.h"

void test_csr(void);
void test_insn(void);
void test_access(void);
void test_atomic(void);
void test_mmio(void);
void test_compressed(void);
void test_odd(void);
void test_paging(void);
void test_vmmio(void);
void test_user(void);
void test_counters(void);
void test_env(void);
void test_wfi(void);

/* Only by name: no progress is possible afterwards, and the host has to say so. */
void run_hang_satp(void);
void run_hang_stvec(void);
void run_hang_fetch(void);

/* user.S: leaves for U-mode at an address, with a0 and a1; for trap_try(). */
void user_enter(u64 address, u64 a0, u64 a1);

/* In-check: an illegal instruction trap whose stval is the instruction's bits, or 0. */
void check_illegal(const struct trap_info *got, u32 insn, u64 epc);

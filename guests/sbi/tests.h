/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The groups of this guest, a file and a boot argument each, and the assembly that they share.
 *
 * What the SBI specification leaves to the implementation, and what OpenSBI 1.5.1 does not do as it
 * says, is accepted when sbi_is_opensbi() says that OpenSBI answers; each such place says which of
 * the two it is.
 */
#pragma once

#include "boot.h"
#include "check.h"
#include "hart.h"
#include "sbi.h"
#include "vm.h"
#include "wait.h"

void test_base(void);
void test_unknown(void);
void test_registers(void);
void test_time(void);
void test_ipi(void);
void test_rfence(void);
void test_hsm(void);
void test_hsm_suspend(void);
void test_susp(void);
void test_dbcn(void);
void test_srst(void);
void test_legacy(void);
void test_sta(void);

/* Only by name. */
void run_sta_half(void);
void run_flood(void);
void run_dbcn_input(void);
void run_reboot_cold(void);
void run_reboot_warm(void);
void run_shutdown_failure(void);
void run_legacy_shutdown(void);

/* No hart has this id on any machine that these tests run on. */
#define NO_HART 4096

/* calls.S: one ECALL at a known address, with a7, a0 and a1 given. */
u64 ecall_plain(u64 extension, u64 a, u64 b);
extern const char ecall_plain_site[];

/* What a hart found in its registers when HSM or SUSP put it at an address. */
struct entry_record {
	u64 a0;
	u64 a1;
	u64 satp;
	u64 sstatus;
	u64 entered;
};

/*
 * calls.S: entry for hart_start. Fills both records and stops the hart again. start_registers has
 * x1 to x31 by number, then sepc, scause, stval, stvec and sie.
 */
void start_entry(void);
extern volatile struct entry_record start_record;
#define START_REGISTERS 37
extern volatile u64 start_registers[START_REGISTERS];

/*
 * calls.S: an SBI call that suspends, with a0 = type, a1 = the resume entry, a2 = opaque. When the
 * resume entry is reached, resume_record is filled and *error is left alone; when the call returns,
 * *error gets a0.
 */
void suspend_call(u64 extension, u64 function, u64 type, u64 opaque, s64 *error);
extern volatile struct entry_record resume_record;

/*
 * Checks, with none open, that a call suspends and continues at the resume entry as the tables of
 * resume register state have it, woken by a timer interrupt and not before.
 */
void check_resume(const char *name, u64 extension, u64 function, u64 type);

/* For hart_start(): runs until park_over is set. */
void park(void *argument);
extern volatile bool park_over;

/* Within a check: a start of this hart, which is not STOPPED, is refused. */
void check_not_startable(const struct hart *hart);

/* Within a check: each place that is not executable memory is refused as start or resume address.*/
void check_bad_addresses(u64 extension, u64 function, u64 first);

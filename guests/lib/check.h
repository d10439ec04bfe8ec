/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The protocol between a guest and whoever runs it. Each check is one line,
 *
 *	ok <name>
 *	not ok <name>: <the first thing that was wrong>
 *	skip <name>: <why>			(counts as neither)
 *
 * and the guest ends with `done <passed> <failed>` and a shutdown. Only one hart at a time checks.
 */
#pragma once

#include "sbi.h"
#include "trap.h"
#include "types.h"

/* Opens a check. */
void check_begin(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The name of the check that was opened last. */
const char *check_name(void);

/* One thing that must hold for the open check; the text says what was the matter. */
void check_want(bool holds, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same for a number, printed in hexadecimal; returns whether it was right. */
bool check_equal(const char *what, u64 got, u64 want);

/* Prints the verdict of the open check. */
void check_end(void);

/* A whole check of one number. */
void check_one(const char *name, u64 got, u64 want);

/* A whole check of one statement. */
void check_true(const char *name, bool holds);

void check_skip(const char *name, const char *why);

/* Within a check: the SBI call gave this error. */
void check_error(const char *what, struct sbi_result got, s64 want);

/* Within a check: it gave one of these two. */
void check_error_either(const char *what, struct sbi_result got, s64 want, s64 other);

/* A whole check of an SBI error. */
void check_sbi(const char *name, struct sbi_result got, s64 want);

/* Within a check: a trap of this cause at this address, with this stval. */
void check_trap(const struct trap_info *got, u64 cause, u64 epc, u64 tval);

/* Within a check: no trap, and this value. */
void check_no_trap(const struct trap_info *got, u64 value);

/* Prints `done` and shuts the machine down. */
void check_done(void) __attribute__((noreturn));

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls to the firmware below us (SBI specification, a chapter for each extension). All may be
 * called on any hart with interrupts off. hostsbi_init() on the boot hart comes first.
 */
#pragma once

#include "hyp/status.h"
#include "hyp/types.h"

struct hostsbi_result {
	s64 error; /* 0 or a negative SBI error code */
	u64 value;
};

void hostsbi_init(void);

bool hostsbi_has_hsm(void);
bool hostsbi_has_ipi(void);
bool hostsbi_has_console(void); /* DBCN, not the legacy calls */

u64 hostsbi_mvendorid(void);
u64 hostsbi_marchid(void);
u64 hostsbi_mimpid(void);

/* An interrupt at that time of the time CSR; clears a pending one. Returns an SBI error code. */
s64 hostsbi_set_timer(u64 time) MUST_CHECK;

/* Interrupts the harts base_id + i for each bit i of mask. Returns an SBI error code. */
s64 hostsbi_send_ipi(u64 mask, u64 base_id) MUST_CHECK;

/* Starts a hart at a physical address with a1 = opaque. Returns an SBI error code. */
s64 hostsbi_hart_start(u64 id, u64 address, u64 opaque);
/* Returns only if the firmware cannot. */
void hostsbi_hart_stop(void);

/* Returns how many bytes the firmware took or gave. What it cannot write at all is taken and lost:
 * an error does not go away by waiting. */
size_t hostsbi_console_write(const char *bytes, size_t length);
size_t hostsbi_console_read(char *bytes, size_t length);

enum hostsbi_reset {
	HOSTSBI_SHUTDOWN = 0,
	HOSTSBI_COLD_REBOOT = 1,
	HOSTSBI_WARM_REBOOT = 2,
};

/* Returns only if the firmware cannot. */
void hostsbi_system_reset(enum hostsbi_reset type, bool failure);

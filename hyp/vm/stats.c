/* SPDX-License-Identifier: BSD-2-Clause */
/* Adds up vcpu->exit_count. Owns nothing. */
#include "hyp/vm/stats.h"

#include <stdio.h>

#include "hyp/csr.h"

static const char *const names[EXIT_COUNT_MAX] = {
	[CAUSE_FETCH_MISALIGNED] = "fetch misaligned",
	[CAUSE_FETCH_ACCESS] = "fetch access",
	[CAUSE_ILLEGAL_INSTRUCTION] = "illegal instruction",
	[CAUSE_BREAKPOINT] = "breakpoint",
	[CAUSE_LOAD_MISALIGNED] = "load misaligned",
	[CAUSE_LOAD_ACCESS] = "load access",
	[CAUSE_STORE_MISALIGNED] = "store misaligned",
	[CAUSE_STORE_ACCESS] = "store access",
	[CAUSE_ECALL_U] = "ecall from U",
	[CAUSE_ECALL_VS] = "SBI",
	[CAUSE_FETCH_PAGE_FAULT] = "fetch page",
	[CAUSE_LOAD_PAGE_FAULT] = "load page",
	[CAUSE_STORE_PAGE_FAULT] = "store page",
	[CAUSE_SOFTWARE_CHECK] = "software check",
	[CAUSE_HARDWARE_ERROR] = "hardware error",
	[CAUSE_FETCH_GUEST_PAGE_FAULT] = "fetch",
	[CAUSE_LOAD_GUEST_PAGE_FAULT] = "load",
	[CAUSE_VIRTUAL_INSTRUCTION] = "virtual instruction",
	[CAUSE_STORE_GUEST_PAGE_FAULT] = "store",
	[EXIT_COUNT_SOFT] = "IPI",
	[EXIT_COUNT_TIMER] = "timer",
	[EXIT_COUNT_DEVICE] = "device",
	[EXIT_COUNT_OTHER] = "other interrupt",
};

const char *stats_cause_name(unsigned cause)
{
	return cause < EXIT_COUNT_MAX && names[cause] ? names[cause] : "reserved";
}

/* Those that a line has room for, in the order of its reader's interest. */
static const u8 shown[] = {
	CAUSE_ECALL_VS,
	CAUSE_LOAD_GUEST_PAGE_FAULT,
	CAUSE_STORE_GUEST_PAGE_FAULT,
	CAUSE_FETCH_GUEST_PAGE_FAULT,
	CAUSE_VIRTUAL_INSTRUCTION,
	CAUSE_ILLEGAL_INSTRUCTION,
	EXIT_COUNT_SOFT,
	EXIT_COUNT_TIMER,
	EXIT_COUNT_DEVICE,
};

const char *stats_state_name(enum vcpu_run_state state)
{
	static const char *const states[] = {
		[VCPU_OFF] = "off",	    [VCPU_READY] = "ready",   [VCPU_RUNNING] = "running",
		[VCPU_WAITING] = "waiting", [VCPU_PARKED] = "paused",
	};

	return states[state];
}

static u64 sum_of(const struct vm *vm, unsigned cause)
{
	u64 sum = 0;

	for (unsigned i = 0; i < vm->vcpu_count; i++)
		sum += vm_vcpu(vm, i)->exit_count[cause];
	return sum;
}

void stats_log_exits(const struct vm *vm)
{
	char line[192];
	size_t used = 0;
	u64 total = 0, named = 0;

	for (unsigned i = 0; i < EXIT_COUNT_MAX; i++)
		total += sum_of(vm, i);
	line[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++) {
		u64 sum = sum_of(vm, shown[i]);

		named += sum;
		if (sum && used < sizeof(line))
			used += (size_t)snprintf(line + used, sizeof(line) - used, ", %llu %s",
						 (unsigned long long)sum, names[shown[i]]);
	}
	log_info("%s: %llu exits%s%s", vm->name, (unsigned long long)total, line,
		 total != named ? ", and others" : "");
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Adds up vcpu->exit_count. Owns nothing. */
#include "hyp/vm/stats.h"

#include <stdio.h>

#include "hyp/csr.h"

static const struct {
	u8 cause;
	const char *name;
} causes[] = {
	{CAUSE_ECALL_VS, "SBI"},
	{CAUSE_LOAD_GUEST_PAGE_FAULT, "load"},
	{CAUSE_STORE_GUEST_PAGE_FAULT, "store"},
	{CAUSE_FETCH_GUEST_PAGE_FAULT, "fetch"},
	{CAUSE_VIRTUAL_INSTRUCTION, "virtual instruction"},
	{CAUSE_ILLEGAL_INSTRUCTION, "illegal instruction"},
	{EXIT_COUNT_SOFT, "IPI"},
	{EXIT_COUNT_TIMER, "timer"},
	{EXIT_COUNT_DEVICE, "device"},
};

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
	for (size_t i = 0; i < ARRAY_SIZE(causes); i++) {
		u64 sum = sum_of(vm, causes[i].cause);

		named += sum;
		if (sum && used < sizeof(line))
			used += (size_t)snprintf(line + used, sizeof(line) - used, ", %llu %s",
						 (unsigned long long)sum, causes[i].name);
	}
	log_info("%s: %llu exits%s%s", vm->name, (unsigned long long)total, line,
		 total != named ? ", and others" : "");
}

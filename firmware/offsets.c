/* SPDX-License-Identifier: BSD-2-Clause */
/* Field offsets for the assembly, from the structs themselves. Compiled to assembly only; the
 * build turns each line that starts with -> into a #define. */
#include "hyp/vcpu.h"

#define OFFSET(name, type, member) \
	__asm__ volatile("\n->" #name " %0" : : "i"(offsetof(type, member)))

void offsets(void);

void offsets(void)
{
	OFFSET(VCPU_X, struct vcpu, x);
	OFFSET(VCPU_PC, struct vcpu, pc);
	OFFSET(VCPU_HOST_SP, struct vcpu, host_sp);
	OFFSET(VCPU_DEEPEN, struct vcpu, deepen);
	OFFSET(VCPU_FULL_EXITS, struct vcpu, full_exits);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the count of requests, and each hart's pcpu->recycled, which that hart alone writes. */
#include "hyp/vm/recycle.h"

static u64 asked;

u64 recycle_begin(void)
{
	unsigned count = hw_machine()->hart_count;
	u64 ticket = __atomic_add_fetch(&asked, 1, __ATOMIC_SEQ_CST);

	hw_send_ipi(count == 64 ? ~0ULL : BIT(count) - 1);
	return ticket;
}

bool recycle_is_done(u64 ticket)
{
	for (unsigned i = 0; i < hw_machine()->hart_count; i++)
		if (__atomic_load_n(&pcpu_get(i)->recycled, __ATOMIC_ACQUIRE) < ticket)
			return false;
	return true;
}

void recycle_serve(struct pcpu *pcpu)
{
	u64 ticket = __atomic_load_n(&asked, __ATOMIC_SEQ_CST);

	if (LIKELY(pcpu->recycled == ticket))
		return;
	hw_fence_i();
	__atomic_store_n(&pcpu->recycled, ticket, __ATOMIC_RELEASE);
}

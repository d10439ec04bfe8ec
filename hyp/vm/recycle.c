/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the count of requests, and each hart's pcpu->recycled, which that hart alone writes. */
#include "hyp/vm/recycle.h"

static u64 asked;

u64 recycle_begin(u64 harts)
{
	u64 ticket = __atomic_add_fetch(&asked, 1, __ATOMIC_SEQ_CST);

	hw_send_ipi(harts);
	return ticket;
}

bool recycle_is_done(u64 ticket, u64 harts)
{
	for (; harts; harts &= harts - 1) {
		const struct pcpu *pcpu = pcpu_get(lowest_bit(harts));

		if (__atomic_load_n(&pcpu->recycled, __ATOMIC_ACQUIRE) < ticket)
			return false;
	}
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

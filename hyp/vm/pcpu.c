/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the array of harts. Each entry belongs to its hart but for the fields that pcpu.h names. */
#include "hyp/vm/pcpu.h"

#include "hyp/check.h"

static struct pcpu pcpus[HW_HART_MAX];

struct pcpu *pcpu_get(unsigned index)
{
	CHECK(index < HW_HART_MAX);
	return &pcpus[index];
}

void pcpu_init(void)
{
	for (unsigned i = 0; i < HW_HART_MAX; i++) {
		struct pcpu *pcpu = &pcpus[i];

		*pcpu = (struct pcpu){.index = i,
				      .slice_end = UINT64_MAX,
				      .budget_end = UINT64_MAX,
				      .next_wakeup = UINT64_MAX,
				      .next_poll = UINT64_MAX,
				      .next_work = UINT64_MAX,
				      .timer_set = PCPU_TIMER_UNKNOWN};
	}
	if (hw_console_needs_polling())
		pcpus[0].next_poll = 0;
}

void pcpu_update_timer(struct pcpu *pcpu)
{
	u64 next_wakeup = __atomic_load_n(&pcpu->next_wakeup, __ATOMIC_RELAXED);
	u64 next = min_u64(pcpu->slice_end, min_u64(next_wakeup, pcpu->next_poll));

	next = min_u64(next, min_u64(pcpu->budget_end, pcpu->next_work));
	if (pcpu->current)
		next = min_u64(next, pcpu->current->timer);
	if (next != pcpu->timer_set) {
		pcpu->timer_set = next;
		hw_set_timer(next);
	}
}

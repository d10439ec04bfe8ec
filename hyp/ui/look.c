/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owns what the counters were at the last look: an array for each VM, guest->look, made when it is
 * first looked at and kept. Only the shell's work comes here, so nothing guards it.
 */
#include "hyp/ui/look.h"

#include <string.h>

#include "hyp/hw.h"
#include "hyp/mem/page.h"
#include "hyp/vm/sched.h"

struct counters {
	u64 time;
	u64 run, ready, waiting;
	u64 exits[EXIT_COUNT_MAX];
};

static struct {
	u64 time, idle;
} harts[HW_HART_MAX];

/* One for each vCPU. NULL: there is no memory for them. Then looks are since the VM started. */
static struct counters *counters_of(struct guest *guest)
{
	size_t size = guest->vm.vcpu_count * sizeof(struct counters);
	hpa_t block;

	if (guest->look)
		return guest->look;
	if (page_alloc_zeroed(page_order_of(size), &block) != STATUS_OK)
		return NULL;
	guest->look = hw_ram(block);
	return guest->look;
}

static u64 read_counter(const u64 *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void read_counters(struct vcpu *vcpu, struct counters *now)
{
	struct sched_times times = sched_get_times(vcpu);

	now->time = hw_time();
	now->run = times.run;
	now->ready = times.ready;
	now->waiting = times.waiting;
	for (unsigned i = 0; i < EXIT_COUNT_MAX; i++)
		now->exits[i] = read_counter(&vcpu->exit_count[i]);
}

/* Counters that are read one after the other may seem to go back by a little. */
static u64 since(u64 now, u64 last)
{
	return now >= last ? now - last : 0;
}

void look_at_vcpu(struct guest *guest, unsigned id, struct look *look)
{
	struct counters *all = counters_of(guest);
	struct counters nothing = {0}, now;
	struct counters *last = all ? &all[id] : &nothing;
	u64 started_at = read_counter(&guest->started_at);

	read_counters(vm_vcpu(&guest->vm, id), &now);
	/* Its counters have begun anew with the VM. */
	if (last->time < started_at)
		*last = (struct counters){.time = started_at};
	look->span = now.time - min_u64(now.time, last->time);
	look->run = since(now.run, last->run);
	look->ready = since(now.ready, last->ready);
	look->waiting = since(now.waiting, last->waiting);
	look->exit_total = 0;
	for (unsigned i = 0; i < EXIT_COUNT_MAX; i++) {
		look->exits[i] = since(now.exits[i], last->exits[i]);
		look->exit_total += look->exits[i];
	}
	*last = now;
}

void look_at_guest(struct guest *guest, struct look *sum)
{
	struct look one;

	memset(sum, 0, sizeof(*sum));
	for (unsigned i = 0; i < guest->vm.vcpu_count; i++) {
		look_at_vcpu(guest, i, &one);
		sum->span = one.span;
		sum->run += one.run;
		sum->ready += one.ready;
		sum->waiting += one.waiting;
		sum->exit_total += one.exit_total;
	}
}

u64 look_at_hart(unsigned hart, u64 *span)
{
	u64 time = hw_time(), idle = sched_idle_time(hart);
	u64 last = harts[hart].time ? harts[hart].time : hw_machine()->boot_time;
	u64 spent = since(idle, harts[hart].idle);

	*span = time - min_u64(time, last);
	harts[hart].time = time;
	harts[hart].idle = idle;
	return spent;
}

#ifdef HW_TEST
void look_forget_all(void)
{
	memset(harts, 0, sizeof(harts));
}
#endif

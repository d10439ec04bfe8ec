/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler by itself on harts without code: a machine of the fake clock whose vCPUs run and
 * sleep for so many ticks, event by event. An event takes no time; what it asks of other harts
 * happens at the same time, in a random order. After each of them the rules that hold at any time
 * are checked:
 *
 *	no vCPU is ready and waits while a hart that it may use is asleep, or while all that it
 *	may use run others without an end in sight; a slice has a timer that ends it;
 *	no vCPU is on a hart that it may not use; a dedicated hart has no slice;
 *	what a vCPU has run, waited and been ready for adds up.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hyp/csr.h"
#include "hyp/vm/sched_internal.h"
#include "tests/fake/fake_hw.h"
#include "tests/fake/fake_random.h"

#define SIM_HZ	     1000000ULL /* a tick is a microsecond */
#define SIM_SLICE    (SIM_HZ * SCHED_SLICE_MS / 1000)
#define SIM_MS	     (SIM_HZ / 1000)
#define SIM_VCPU_MAX 128

struct sim_vcpu {
	struct vm vm; /* of this vCPU, if it is the first of it */
	struct vcpu *list[VCPU_MAX];
	struct vcpu vcpu;
	/* It runs for between so many ticks, and then sleeps for between so many; run_max 0: it
	 * never sleeps. */
	u64 run_min, run_max, sleep_min, sleep_max;
	u64 run_left; /* until it sleeps */
	u64 run;      /* in all, by our own account */
	u64 begun;    /* when it was started, less what it was not active for */
	bool active;
	bool parks; /* when it is asked to leave: its VM is paused */
	void (*ran)(struct sim_vcpu *it, u64 from, u64 to); /* told of each stretch */
	void (*woke)(struct sim_vcpu *it);
	void (*slept)(struct sim_vcpu *it);
	u64 mark; /* for those two */
};

static struct {
	struct sim_vcpu vcpus[SIM_VCPU_MAX];
	unsigned vcpu_count;
	struct sim_vcpu *on[HW_HART_MAX];
	bool asleep[HW_HART_MAX];
	u64 since[HW_HART_MAX]; /* when the vCPU got there, or was last looked at */
	struct fake_random random;
	u64 event_count;
} sim;

static inline struct sim_vcpu *sim_of(struct vcpu *vcpu)
{
	return container_of(vcpu, struct sim_vcpu, vcpu);
}

static inline u64 sim_between(u64 min, u64 max)
{
	return min + fake_random_below(&sim.random, max - min + 1);
}

static inline void sim_start(unsigned hart_count, u64 seed)
{
	struct fake_options options = fake_defaults();

	options.hart_count = hart_count;
	options.timebase_hz = SIM_HZ;
	fake_start(&options);
	fake_set_time(1000 * SIM_HZ); /* nothing depends on where time begins */
	pcpu_init();
	sched_init(0);
	memset(&sim, 0, sizeof(sim));
	sim.random.state = seed;
}

/* A VM of its own for each, with these limits; the next ones with count > 1. */
static inline struct sim_vcpu *sim_try_create(struct sched_limits limits, unsigned count,
					      enum status *status)
{
	struct sim_vcpu *first = &sim.vcpus[sim.vcpu_count];

	assert_true(sim.vcpu_count + count <= SIM_VCPU_MAX);
	first->vm = (struct vm){.limits = limits, .vcpus = first->list, .vcpu_count = count};
	for (unsigned i = 0; i < count; i++) {
		struct vcpu *vcpu = &first[i].vcpu;

		*vcpu = (struct vcpu){.vm = &first->vm,
				      .id = i,
				      .running_on = -1,
				      .last_hart = -1,
				      .timer = UINT64_MAX};
		first->list[i] = vcpu;
	}
	*status = sched_admit(&first->vm, NULL);
	if (*status == STATUS_OK)
		sim.vcpu_count += count;
	return first;
}

static inline struct sim_vcpu *sim_create(struct sched_limits limits, unsigned count)
{
	enum status status;
	struct sim_vcpu *first = sim_try_create(limits, count, &status);

	assert_int_equal(status, STATUS_OK);
	return first;
}

/* ---- What the run loop does ---- */

/* Up to now its time goes to the vCPU. */
static inline void sim_account(unsigned hart)
{
	struct sim_vcpu *it = sim.on[hart];
	u64 now = hw_time();

	if (!it || now == sim.since[hart])
		return;
	if (it->ran)
		it->ran(it, sim.since[hart], now);
	it->run += now - sim.since[hart];
	if (it->run_max)
		it->run_left -= min_u64(it->run_left, now - sim.since[hart]);
	sim.since[hart] = now;
}

static inline void sim_enter(unsigned hart)
{
	struct pcpu *pcpu = pcpu_get(hart);
	struct vcpu *vcpu;

	do {
		vcpu = sched_pick(pcpu);
		sim.asleep[hart] = !vcpu && hart_begin_idle(hart_get(hart));
		if (!vcpu && !sim.asleep[hart])
			hart_end_idle(hart_get(hart));
	} while (!vcpu && !sim.asleep[hart]);
	sim.on[hart] = vcpu ? sim_of(vcpu) : NULL;
	pcpu->current = vcpu;
	if (!vcpu)
		return;
	sim.since[hart] = hw_time();
	vcpu->last_hart = (s32)hart;
	__atomic_store_n(&vcpu->running_on, (s32)hart, __ATOMIC_SEQ_CST);
	pcpu_update_timer(pcpu);
}

static inline void sim_leave(unsigned hart)
{
	struct pcpu *pcpu = pcpu_get(hart);
	struct sim_vcpu *it = sim.on[hart];

	pcpu->current = NULL;
	sim.on[hart] = NULL;
	if ((it->vcpu.requests & REQUEST_LEAVE) && it->parks) {
		sched_park_self(pcpu, &it->vcpu, false);
	} else if (it->vcpu.requests & REQUEST_LEAVE) {
		it->active = false;
		sched_exit(pcpu, &it->vcpu);
	} else if (it->run_max && it->run_left == 0) {
		it->run_left = sim_between(it->run_min, it->run_max);
		it->vcpu.wait_deadline = hw_time() + sim_between(it->sleep_min, it->sleep_max);
		if (it->slept)
			it->slept(it);
		it->mark = it->vcpu.wait_deadline;
		sched_wait(pcpu, &it->vcpu);
	} else {
		sched_requeue(pcpu, &it->vcpu);
	}
}

/* An interrupt, or its vCPU has had enough. */
static inline void sim_hart_event(unsigned hart)
{
	struct pcpu *pcpu = pcpu_get(hart);
	struct sim_vcpu *it = sim.on[hart];

	fake_set_hart(hart);
	sim.event_count++;
	if (!it) {
		hart_end_idle(hart_get(hart));
		sim_enter(hart);
		return;
	}
	sim_account(hart);
	pcpu->timer_set = PCPU_TIMER_UNKNOWN;
	hw_serve_pending();
	bool done = (it->run_max && it->run_left == 0) || (it->vcpu.requests & REQUEST_LEAVE);

	if (sched_tick(pcpu) && !done) {
		pcpu_update_timer(pcpu);
		return;
	}
	sim_leave(hart);
	sim_enter(hart);
}

/* ---- What always holds ---- */

/* Whoever runs there is looked at again, by a timer that is set. */
static inline bool sim_has_end(unsigned hart)
{
	const struct pcpu *pcpu = pcpu_get(hart);
	u64 end = min_u64(pcpu->slice_end, pcpu->budget_end);

	assert_true(end == UINT64_MAX || fake_timer(hart) <= end);
	return end != UINT64_MAX;
}

static inline void sim_check_ready(const struct vcpu *vcpu)
{
	u64 harts = is_rt(vcpu) ? BIT(vcpu->sched.home) : harts_of(vcpu);
	bool has_end = false;

	for (u64 rest = harts; rest; rest &= rest - 1) {
		unsigned hart = (unsigned)__builtin_ctzll(rest);

		assert_false(sim.asleep[hart]);
		has_end |= sim_has_end(hart);
	}
	assert_true(has_end);
}

static inline void sim_check_vcpu(struct sim_vcpu *it)
{
	const struct vcpu *vcpu = &it->vcpu;

	if (vcpu->state == VCPU_READY && vcpu->sched.queue != QUEUE_TIMED)
		sim_check_ready(vcpu);
	if (it->active && vcpu->state != VCPU_OFF && vcpu->state != VCPU_PARKED) {
		struct sched_times times = sched_get_times(&it->vcpu);

		assert_int_equal(times.run + times.ready + times.waiting, hw_time() - it->begun);
	}
}

static inline void sim_check(void)
{
	for (unsigned i = 0; i < hw_machine()->hart_count; i++) {
		const struct sim_vcpu *it = sim.on[i];

		assert_true(!it || (it->vcpu.state == VCPU_RUNNING && hart_get(i)->running));
		assert_true(!it || (harts_of(&it->vcpu) >> i & 1));
		if (sched_is_dedicated(i))
			assert_true(pcpu_get(i)->slice_end == UINT64_MAX &&
				    pcpu_get(i)->budget_end == UINT64_MAX);
	}
	for (unsigned i = 0; i < sim.vcpu_count; i++)
		sim_check_vcpu(&sim.vcpus[i]);
}

/* ---- Time ---- */

/* All interrupts are taken, those that they cause too. */
static inline void sim_settle(void)
{
	unsigned count = hw_machine()->hart_count, rounds = 0;

	while (fake_pending_ipis()) {
		unsigned hart = (unsigned)fake_random_below(&sim.random, count);

		while (!(fake_pending_ipis() >> hart & 1))
			hart = (hart + 1) % count;
		sim_hart_event(hart);
		assert_true(++rounds < 10 * HW_HART_MAX);
	}
	sim_check();
}

/* From outside a hart, as if by hart 0. */
static inline void sim_start_vcpu(struct sim_vcpu *it)
{
	fake_set_hart(0);
	it->run_left = it->run_max ? sim_between(it->run_min, it->run_max) : 0;
	it->vcpu.requests = 0;
	it->active = true;
	it->begun = hw_time();
	it->vcpu.wait_deadline = UINT64_MAX;
	sched_reset_accounts(&it->vcpu);
	sched_start(&it->vcpu);
	sim_settle();
}

static inline void sim_stop_vcpu(struct sim_vcpu *it)
{
	fake_set_hart(0);
	it->vcpu.requests |= REQUEST_LEAVE;
	if (sched_stop(&it->vcpu))
		it->active = false;
	else if (it->vcpu.running_on >= 0)
		hw_send_ipi(BIT(it->vcpu.running_on));
	sim_settle();
}

static inline void sim_boot(void)
{
	for (unsigned i = 0; i < hw_machine()->hart_count; i++) {
		fake_set_hart(i);
		sim_enter(i);
	}
	sim_settle();
}

static inline u64 sim_hart_due(unsigned hart)
{
	const struct sim_vcpu *it = sim.on[hart];
	u64 due = fake_timer(hart);

	if (it && it->run_max)
		due = min_u64(due, sim.since[hart] + it->run_left);
	return due;
}

static inline void sim_run(u64 ticks)
{
	u64 end = hw_time() + ticks;

	for (;;) {
		unsigned count = hw_machine()->hart_count, first = 0;

		for (unsigned i = 1; i < count; i++)
			if (sim_hart_due(i) < sim_hart_due(first))
				first = i;
		u64 due = sim_hart_due(first);

		if (due > end)
			break;
		assert_true(due + 1 >= hw_time()); /* an overdue timer would ring for ever */
		fake_set_time(max_u64(due, hw_time()));
		sim_hart_event(first);
		sim_settle();
	}
	fake_set_time(end);
	for (unsigned i = 0; i < hw_machine()->hart_count; i++)
		sim_account(i);
}

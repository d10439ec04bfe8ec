/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler under random events, in the simulator of tests/unit/sched_sim.h: VMs of all classes
 * come and go, vCPUs run and sleep, are stopped, paused, interrupted. Besides the simulator's own
 * rules, the books must balance after each event (sched_check.h), a real-time vCPU that nobody
 * disturbs meets its deadlines, and a capped VM keeps to its cap.
 *
 * No guest memory is read here: there is nothing that could change under anybody's feet.
 */
#include "tests/fuzz/sched_check.h"

#define VM_MAX	  12
#define EVENT_MAX 1500

static struct {
	struct sim_vcpu *first[VM_MAX];
	bool admitted[VM_MAX];
	unsigned count;
	u64 parked_at[SIM_VCPU_MAX];
	bool punctual[SIM_VCPU_MAX]; /* its deadlines are looked at */
} vms;

static unsigned number_of(const struct sim_vcpu *it)
{
	return (unsigned)(it - sim.vcpus);
}

/* A job is done: before the next may be released, a period after it was. mark is when it was. */
static void finish_job(struct sim_vcpu *it)
{
	u64 period = it->vm.limits.rt_period, due = it->mark + period;

	if (!vms.punctual[number_of(it)])
		return;
	REQUIRE(hw_time() <= due);
	it->vcpu.wait_deadline = max_u64(due, hw_time() + 1);
}

/* ---- VMs ---- */

static u64 some_harts(struct input *input)
{
	return input_u8(input) & (BIT(hw_machine()->hart_count) - 1);
}

static struct sched_limits draw_limits(struct input *input)
{
	struct sched_limits limits = {0};
	u8 form = input_u8(input);

	limits.shares = form & 64 ? (u32)input_odd_number(input) % 10002 : 0;
	if (form & 128)
		limits.harts = some_harts(input);
	switch (form % 8) {
	case 0:
	case 1:
		break;
	case 2:
		limits.quota = 1 + input_u8(input);
		break;
	case 3:
		limits.dedicated = true;
		limits.harts = some_harts(input);
		break;
	case 4:
	case 5:
		limits.rt_period = 100 + input_u16(input) % 20000;
		limits.rt_budget = 10 + limits.rt_period * (input_u8(input) % 64) / 100;
		break;
	case 6:
		limits.rt_period = input_odd_number(input);
		limits.rt_budget = input_odd_number(input);
		break;
	default: /* what contradicts itself is refused */
		limits.quota = input_u16(input);
		limits.rt_period = input_u16(input);
		limits.rt_budget = input_u16(input);
		limits.dedicated = form & 32;
		limits.harts = input_odd_number(input);
		break;
	}
	return limits;
}

/* How long it runs and sleeps at a time. Not too short, for speed. */
static void draw_habits(struct input *input, struct sim_vcpu *it)
{
	u8 habit = input_u8(input);

	if (habit < 128)
		return;
	it->run_min = 1 + (habit & 1 ? 20 : 200);
	it->run_max = it->run_min + input_u8(input) * 64;
	it->sleep_min = 1 + (habit & 2 ? 20 : 200);
	it->sleep_max = it->sleep_min + input_u8(input) * 64;
}

static void make_punctual(struct sim_vcpu *it)
{
	it->run_max = it->vm.limits.rt_budget;
	it->run_min = max_u64(1, it->run_max / 2);
	it->sleep_min = it->sleep_max = 1;
	it->slept = finish_job;
	vms.punctual[number_of(it)] = true;
}

static void create(struct input *input)
{
	struct sched_limits limits = draw_limits(input);
	unsigned count = 1 + input_u8(input) % 5;
	struct sim_vcpu *first;
	enum status status;

	if (vms.count == VM_MAX)
		return;
	first = sim_try_create(limits, count, &status);
	REQUIRE(status == STATUS_OK || status == STATUS_INVALID || status == STATUS_DENIED);
	sim_settle();
	if (status != STATUS_OK)
		return;
	for (unsigned i = 0; i < count; i++) {
		first[i].ran = note_capped;
		if (limits.rt_period && count == 1 && input_u8(input) & 1)
			make_punctual(&first[i]);
		else
			draw_habits(input, &first[i]);
	}
	if (limits.quota && !capped.vm)
		capped.vm = &first->vm;
	vms.admitted[vms.count] = true;
	vms.first[vms.count++] = first;
}

/* ---- What may happen to a vCPU ---- */

static void disturb(struct sim_vcpu *it)
{
	vms.punctual[number_of(it)] = false;
}

static void start(struct sim_vcpu *it)
{
	if (it->vcpu.state != VCPU_OFF)
		return;
	it->mark = hw_time();
	it->parks = false;
	if (it->run) /* the second time there is a period from before */
		disturb(it);
	sim_start_vcpu(it);
	REQUIRE(it->vcpu.state != VCPU_OFF);
}

static void stop(struct sim_vcpu *it)
{
	disturb(it);
	it->parks = false;
	sim_stop_vcpu(it);
	REQUIRE(it->vcpu.state == VCPU_OFF && !it->active);
	it->vcpu.requests = 0;
}

static void park(struct sim_vcpu *it)
{
	if (it->vcpu.state == VCPU_OFF || it->vcpu.state == VCPU_PARKED)
		return;
	disturb(it);
	it->parks = true;
	it->vcpu.requests |= REQUEST_LEAVE;
	if (!sched_park(&it->vcpu) && it->vcpu.running_on >= 0)
		hw_send_ipi(BIT(it->vcpu.running_on));
	sim_settle();
	REQUIRE(it->vcpu.state == VCPU_PARKED);
	it->vcpu.requests = 0;
	vms.parked_at[number_of(it)] = hw_time();
}

static void unpark(struct sim_vcpu *it)
{
	if (it->vcpu.state != VCPU_PARKED)
		return;
	it->begun += hw_time() - vms.parked_at[number_of(it)];
	it->parks = false;
	sched_unpark(&it->vcpu);
	sim_settle();
	REQUIRE(it->vcpu.state != VCPU_PARKED);
}

/* An interrupt that it has enabled or not. */
static void interrupt(struct sim_vcpu *it, bool enabled)
{
	bool waits = it->vcpu.state == VCPU_WAITING;

	if (enabled && waits)
		disturb(it);
	it->vcpu.csr.vsie = enabled ? HVIP_VSEIP >> 1 : 0;
	it->vcpu.irq_level = HVIP_VSEIP;
	sched_wake(&it->vcpu);
	if (waits)
		REQUIRE((it->vcpu.state == VCPU_WAITING) == !enabled);
	it->vcpu.irq_level = 0;
	sim_settle();
}

static void toggle_vm(unsigned index)
{
	struct sim_vcpu *first = vms.first[index];

	if (vms.admitted[index]) {
		for (unsigned i = 0; i < first->vm.vcpu_count; i++)
			stop(&first[i]);
		sched_release(&first->vm);
		vms.admitted[index] = false;
		/* Another life has a cap of its own. */
		if (capped.vm == &first->vm) {
			check_cap();
			capped.count = 0;
		}
	} else {
		vms.admitted[index] = sched_admit(&first->vm, NULL) == STATUS_OK;
	}
	sim_settle();
}

static void happen(struct input *input, u8 what)
{
	unsigned index = input_u8(input) % vms.count;
	struct sim_vcpu *first = vms.first[index];
	struct sim_vcpu *it = &first[what / 8 % first->vm.vcpu_count];

	if (!vms.admitted[index] && what % 8 != 7)
		return;
	fake_set_hart(what / 8 % hw_machine()->hart_count);
	switch (what % 8) {
	case 0:
	case 1:
		start(it);
		break;
	case 2:
		stop(it);
		break;
	case 3:
		park(it);
		break;
	case 4:
		unpark(it);
		break;
	case 5:
	case 6:
		interrupt(it, what & 1);
		break;
	default:
		toggle_vm(index);
		break;
	}
}

static void run(u64 ticks)
{
	/* In pieces: a bound in events is a bound in time for us. */
	for (; ticks && sim.event_count < EVENT_MAX; ticks -= min_u64(ticks, SIM_MS)) {
		sim_run(min_u64(ticks, SIM_MS));
		check_books();
	}
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	struct input input = {bytes, size};
	unsigned harts = 1 + input_u8(&input) % 8;

	sim_start(harts, input_u16(&input));
	memset(&vms, 0, sizeof(vms));
	capped.vm = NULL;
	capped.count = 0;
	sim_boot();
	while (input.left && sim.event_count < EVENT_MAX) {
		u8 what = input_u8(&input);

		if (what >= 224 || !vms.count)
			create(&input);
		else if (what >= 176)
			run((what & 15) * (what & 16 ? 97 : 4099));
		else
			happen(&input, what);
		check_books();
	}
	run(20 * SIM_MS);
	check_cap();
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the harts, which are fibers. One thread; hart n's state is touched by its fiber and by the
 * target's main program, which never run at once. */
#include "tests/fuzz/machine.h"

#include "hyp/csr.h"
#include "hyp/mem/page.h"
#include "hyp/mem/vmid.h"
#include "hyp/sbi/sbi.h"
#include "hyp/trace.h"
#include "hyp/vm/observe.h"
#include "hyp/vm/pcpu.h"
#include "hyp/vm/run.h"
#include "hyp/vm/sched.h"
#include "hyp/vm/switch.h"
#include "hyp/vm/work.h"
#include "tests/fuzz/fiber.h"
#include "tests/fuzz/race.h"
#include "tests/fuzz/require.h"

#define STACK_SIZE KIB(512)
#define TURN_MAX   200000 /* of the end, which has to come */

/* What is under way is done after so many turns of each hart. */
#define SETTLE_ROUNDS 40

struct hart {
	struct fiber fiber;
	bool asleep;
	bool handling;		   /* an exit; memory may race */
	const struct vcpu *deeper; /* its exit goes on in the full path ... */
	u64 pick_count;		   /* ... as long as this is the same ... */
	unsigned life;		   /* ... and this */
};

struct machine machine;

static struct {
	const struct machine_client *client;
	struct hart harts[MACHINE_HART_MAX];
	void (*errand)(u64 argument);
	u64 errand_argument;
	u64 free_count;
} own;

static u8 stacks[MACHINE_HART_MAX][STACK_SIZE] __attribute__((aligned(4096)));
static u8 rings[MACHINE_HART_MAX][KIB(16)] __attribute__((aligned(8)));

/* ------------------------------------------------------------------------------------------------
 * Turns.
 */

static unsigned index_of(const struct hart *hart)
{
	return (unsigned)(hart - own.harts);
}

/* NULL: the main program. */
static struct hart *current(void)
{
	struct fiber *fiber = fiber_current();

	return fiber ? container_of(fiber, struct hart, fiber) : NULL;
}

static void resume_race(const struct hart *hart)
{
	race_end();
	if (machine.race_rate == 0 || !hart->handling)
		return;
	machine_note_ram();
	race_begin(machine.race_seed++, machine.race_rate);
}

/* Memory may race from now on, if the input wants that. */
static void set_handling(bool handling)
{
	struct hart *hart = current();

	hart->handling = handling;
	resume_race(hart);
}

void machine_yield(void)
{
	struct hart *hart = current();

	if (hart == NULL)
		return;
	race_end();
	machine.yield_count++;
	fiber_yield();
	resume_race(hart);
}

static void go_on(struct hart *hart)
{
	fake_set_hart(index_of(hart));
	fiber_go_on(&hart->fiber);
	fake_set_hart(0);
}

/* ------------------------------------------------------------------------------------------------
 * What harts do.
 */

static u64 host_interrupt(unsigned hart)
{
	if (fake_pending_ipis() >> hart & 1)
		return CAUSE_INTERRUPT | IRQ_S_SOFT;
	if (fake_timer(hart) <= hw_time())
		return CAUSE_INTERRUPT | IRQ_S_TIMER;
	return 0;
}

/* WFI looks at what is pending and enabled alone, and hie has vsie's bits. */
static bool is_pending(unsigned hart)
{
	return host_interrupt(hart) || ((hw_read_hip() >> 1) & hw_read_vsie());
}

static void run_errand(void)
{
	void (*errand)(u64) = own.errand;

	own.errand = NULL;
	if (errand == NULL)
		return;
	errand(own.errand_argument);
	/* What it asked of this hart is served like an interrupt's wishes. */
	hw_send_ipi(BIT(hw_hart_index()));
}

/* Code of the hypervisor, which no hart executes in a guest: with SWITCH=eager its CSRs are stored
 * meanwhile. */
static void run_errand_out_of(struct vcpu *vcpu)
{
	if (HW_SWITCH_EAGER)
		switch_store(vcpu);
	run_errand();
	if (HW_SWITCH_EAGER)
		switch_load(vcpu);
}

static void sleep_until_pending(void)
{
	struct hart *hart = current();

	while (!is_pending(index_of(hart))) {
		hart->asleep = true;
		machine_yield();
		hart->asleep = false;
		run_errand();
	}
}

static void on_send_ipi(u64 harts)
{
	(void)harts;
	machine_yield();
}

/* The registers that the trap vector has not saved are none of the light path's business. */
static bool run_light_hidden(struct vcpu *vcpu, u64 scause)
{
	u64 kept[32];

	memcpy(kept, vcpu->x, sizeof(kept));
	for (unsigned i = 1; i < 32; i++)
		if (!(VCPU_LIGHT_REGISTERS >> i & 1))
			vcpu->x[i] = 0xdeaddeaddeaddead;
	vcpu->x[0] = scause;
	bool again = switch_run_light(vcpu, scause);

	for (unsigned i = 1; i < 32; i++) {
		if (VCPU_LIGHT_REGISTERS >> i & 1)
			continue;
		REQUIRE_EQUAL(vcpu->x[i], 0xdeaddeaddeaddead);
		vcpu->x[i] = kept[i];
	}
	return again;
}

/* As the trap vector does it. True: the guest goes on. */
static bool trap(struct vcpu *vcpu, u64 scause)
{
	u64 *x = vcpu->x;

	if (scause != CAUSE_ECALL_VS)
		return run_light_hidden(vcpu, scause);
	vcpu->pc += 4;
	struct sbi_ret ret =
		switch_sbi_light(x[10], x[11], x[12], x[13], x[14], vcpu, x[16], x[17]);

	if (vcpu->deepen)
		return false;
	x[10] = (u64)ret.error;
	x[11] = ret.value;
	return true;
}

/* guest_run() goes back to its caller. */
static u64 go_deeper(struct vcpu *vcpu, u64 scause)
{
	struct hart *hart = current();

	hart->deeper = vcpu;
	hart->pick_count = vcpu->pick_count;
	hart->life = machine.vms[vcpu->vm->id].begin_count;
	return scause;
}

static bool comes_from_deeper(const struct hart *hart, const struct vcpu *vcpu)
{
	return hart->deeper == vcpu && hart->pick_count == vcpu->pick_count &&
	       hart->life == machine.vms[vcpu->vm->id].begin_count;
}

static u64 handle(struct vcpu *vcpu, u64 scause, bool *again)
{
	*again = false;
	own.client->before(vcpu, scause);
	set_handling(true);
	if (vcpu->full_exits)
		return go_deeper(vcpu, scause);
	*again = trap(vcpu, scause);
	if (vcpu->deepen)
		return go_deeper(vcpu, scause);
	set_handling(false);
	own.client->after(vcpu);
	return scause;
}

static u64 on_guest_run(struct vcpu *vcpu)
{
	struct hart *hart = current();
	bool again = true;
	u64 scause = MACHINE_NOTHING;

	set_handling(false);
	machine_check_loaded(vcpu);
	if (comes_from_deeper(hart, vcpu))
		own.client->after(vcpu);
	hart->deeper = NULL;
	while (again) {
		machine_yield();
		run_errand_out_of(vcpu);
		machine_count_fences();
		scause = host_interrupt(index_of(hart));
		if (!scause) {
			machine_check_wires(vcpu);
			scause = machine.over ? MACHINE_NOTHING : own.client->step(vcpu);
		}
		if (scause != MACHINE_NOTHING)
			scause = handle(vcpu, scause, &again);
	}
	return scause;
}

/* ------------------------------------------------------------------------------------------------
 * Life.
 */

void machine_start(const struct fake_options *options, const struct machine_client *client)
{
	struct fake_options scaled = *options;

	REQUIRE(options->hart_count <= MACHINE_HART_MAX);
	scaled.timebase_hz = 100 * 1000 / SCHED_SLICE_MS;
	race_end();
	race_forget();
	fake_start_with_pages(&scaled);
	memset(&machine, 0, sizeof(machine));
	own.client = client;
	fiber_forget();
	own.errand = NULL;
	own.free_count = 0;
	vmid_init(hw_machine()->vmid_bits);
	pcpu_init();
	sched_init(0);
	work_start();
	guest_forget_all();
	/* It stays on when all VMs are off. */
	guest_hold_machine(true);
	trace_forget();
	observe_stop(OBSERVE_TRACE | OBSERVE_PROFILE);
	for (unsigned i = 0; i < options->hart_count; i++) {
		trace_set_ring(i, rings[i], sizeof(rings[i]));
		own.harts[i] = (struct hart){.asleep = false};
		fiber_prepare(&own.harts[i].fiber, stacks[i], STACK_SIZE, run_loop);
	}
	fake_hooks.guest_run = on_guest_run;
	fake_hooks.send_ipi = on_send_ipi;
	fake_hooks.pause = machine_yield;
	fake_hooks.wait = sleep_until_pending;
}

bool machine_turn(unsigned index, u64 ticks)
{
	struct hart *hart = &own.harts[index];

	fake_advance_time(ticks);
	fake_set_hart(index);
	bool awake = !hart->asleep || own.errand || is_pending(index);

	fake_set_hart(0);
	if (awake)
		go_on(hart);
	return awake;
}

void machine_skip_to_event(void)
{
	u64 next = UINT64_MAX;

	for (unsigned i = 0; i < hw_machine()->hart_count; i++) {
		const struct fake_csrs *csr = fake_csrs(i);

		next = min_u64(next, fake_timer(i));
		if (hw_has(HW_FEATURE_SSTC) && (csr->vsie & HVIP_VSTIP >> 1) &&
		    csr->vstimecmp != UINT64_MAX)
			next = min_u64(next, csr->vstimecmp - csr->htimedelta);
	}
	if (next != UINT64_MAX)
		fake_set_time(max_u64(next, hw_time()));
}

void machine_errand(void (*errand)(u64 argument), u64 argument)
{
	own.errand = errand;
	own.errand_argument = argument;
}

static bool all_in_state(enum guest_state state)
{
	for (unsigned i = 0; i < machine.vm_count; i++)
		if (guest_state(machine.vms[i].guest) != state)
			return false;
	return true;
}

/* Fair turns for all harts until every VM is in that state. */
static void run_until(enum guest_state state)
{
	for (unsigned turns = 0; !all_in_state(state) || own.errand; turns++) {
		bool awake = false;

		if (turns > TURN_MAX)
			fake_fail("VMs do not come to state %s", guest_state_name(state));
		for (unsigned i = 0; i < hw_machine()->hart_count; i++)
			awake |= machine_turn(i, 1);
		if (!awake)
			machine_skip_to_event();
	}
}

static void start_all(u64 argument)
{
	(void)argument;
	for (unsigned i = 0; i < machine.vm_count; i++)
		REQUIRE(guest_start(machine.vms[i].guest) == STATUS_OK);
}

void machine_boot(void)
{
	bool over = machine.over;

	own.free_count = page_free_count();
	machine.over = true;
	machine_errand(start_all, 0);
	run_until(GUEST_RUNNING);
	machine.over = over;
}

/* In whatever state they are, and for good. */
static void stop_all(u64 argument)
{
	(void)argument;
	for (unsigned i = 0; i < machine.vm_count; i++) {
		struct guest *guest = machine.vms[i].guest;

		if (guest_stop(guest) != STATUS_OK)
			REQUIRE(guest_state(guest) == GUEST_OFF);
	}
}

void machine_settle(void)
{
	machine.over = true;
	machine.race_rate = 0;
	for (unsigned rounds = 0; rounds < SETTLE_ROUNDS || own.errand; rounds++)
		for (unsigned i = 0; i < hw_machine()->hart_count; i++)
			machine_turn(i, 1);
	for (unsigned i = 0; i < machine.vm_count; i++)
		if (guest_state(machine.vms[i].guest) == GUEST_RUNNING)
			machine_check_waiting(machine.vms[i].guest);
}

void machine_finish(void)
{
	page_fail_after(0, 0);
	machine_settle();
	machine_errand(stop_all, 0);
	run_until(GUEST_OFF);
	REQUIRE_EQUAL(page_free_count(), own.free_count);
	fake_clear_fences();
}

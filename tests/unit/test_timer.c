/* SPDX-License-Identifier: BSD-2-Clause */
/* Guests' timers with Sstc and without, sleeping vCPUs that are woken by them, and the tick of a
 * console without interrupts, which must not swallow other things. */
#include "hyp/ui/console.h"
#include "hyp/vm/requests.h"
#include "hyp/vm/vcpu_load.h"
#include "hyp/vm/sched_internal.h"
#include "tests/unit/guest_csrs.h"
#include "tests/unit/live.h"

static struct vcpu *self;

static u64 no_code(struct vcpu *vcpu)
{
	(void)vcpu;
	fake_fail("no guest is entered here");
}

/* A vCPU that runs on hart 0, whose guest's clock is behind the hart's by so much. */
static void start(u32 less_features, u64 behind)
{
	live_start_with(1, less_features);
	fake_set_time(behind);
	self = live_create_running(1, no_code)->guest->vcpus[0];
	assert_int_equal(self->vm->htimedelta, 0 - behind);
	assert_ptr_equal(sched_pick(pcpu_this()), self);
	pcpu_this()->current = self;
	guest_load(self);
	self->running_on = 0;
	hw_serve_pending();
	pcpu_update_timer(pcpu_this());
}

/* ------------------------------------------------------------------------------------------------
 * Without Sstc.
 */

static void set_timer(u64 guest_time)
{
	self->vm->ops->set_timer(self, guest_time);
}

static bool is_pending(void)
{
	bool pending = vs_read_hvip(self) & HVIP_VSTIP;

	assert_int_equal(pending, (self->irq_level & HVIP_VSTIP) != 0);
	return pending;
}

static void a_timer_in_the_future_is_the_harts_timer(void **state)
{
	(void)state;
	start(HW_FEATURE_SSTC, 5000);
	set_timer(300);
	assert_int_equal(fake_timer(0), 5300);
	assert_false(is_pending());
	fake_set_time(5299);
	timer_rang(self);
	assert_false(is_pending());
	fake_set_time(5300);
	timer_rang(self);
	assert_true(is_pending());
	/* Once; and the hart's is not set to it any more. */
	pcpu_update_timer(pcpu_this());
	assert_int_equal(fake_timer(0), UINT64_MAX);
}

static void a_timer_that_is_due_rings_at_once(void **state)
{
	static const u64 times[] = {0, 1, 99, 100};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(times); i++) {
		start(HW_FEATURE_SSTC, 5000);
		fake_set_time(5100);
		set_timer(times[i]);
		assert_true(is_pending());
	}
	set_timer(101);
	assert_false(is_pending());
}

/* SBI, "Set Timer": "must clear the pending timer interrupt bit" */
static void a_new_timer_takes_the_pending_interrupt_back(void **state)
{
	(void)state;
	start(HW_FEATURE_SSTC, 0);
	set_timer(0);
	assert_true(is_pending());
	vs_set_hvip(self, HVIP_VSSIP);
	set_timer(UINT64_MAX);
	assert_false(is_pending());
	assert_int_equal(vs_read_hvip(self), HVIP_VSSIP);
	assert_int_equal(fake_timer(0), UINT64_MAX);
}

static void times_far_ahead_are_not_the_past(void **state)
{
	static const u64 times[] = {UINT64_MAX - 1, UINT64_MAX / 2, BIT(63), UINT64_MAX - 5000};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(times); i++) {
		start(HW_FEATURE_SSTC, 5000);
		fake_set_time(6000);
		set_timer(times[i]);
		assert_false(is_pending());
		assert_true(fake_timer(0) > BIT(62));
	}
	/* Nor are they when the guest's clock is ahead of the hart's. */
	start(HW_FEATURE_SSTC, 0);
	self->vm->htimedelta = BIT(63);
	set_timer(BIT(63) + 10);
	assert_false(is_pending());
	assert_int_equal(fake_timer(0), 10);
	set_timer(BIT(63) - 1);
	assert_true(is_pending());
}

static void a_timer_that_rings_while_its_vcpu_is_out_is_pending_when_it_is_back(void **state)
{
	(void)state;
	start(HW_FEATURE_SSTC, 0);
	set_timer(50);
	vcpu_put(self);
	pcpu_this()->current = NULL;
	fake_set_time(60);
	pcpu_this()->current = self;
	vcpu_load(self);
	timer_rang(self);
	assert_true(is_pending());
}

/* ------------------------------------------------------------------------------------------------
 * When a vCPU that waits is to be woken.
 */

static u64 deadline_of(u64 vsie, u64 guest_time)
{
	self->csr.vsie = vsie;
	if (hw_has(HW_FEATURE_SSTC))
		self->csr.vstimecmp = guest_time;
	else
		self->timer = guest_time == UINT64_MAX ? UINT64_MAX : guest_time + 5000;
	return timer_deadline(self);
}

static void the_deadline_is_the_timer_if_its_interrupt_is_enabled(void **state)
{
	(void)state;
	for (unsigned sstc = 0; sstc < 2; sstc++) {
		start(sstc ? 0 : HW_FEATURE_SSTC, 5000);
		fake_set_time(5100);
		assert_int_equal(deadline_of(HVIP_VSTIP >> 1, 250), 5250);
		assert_int_equal(deadline_of(0x222, 250), 5250);
		assert_int_equal(deadline_of(0x222 & ~(HVIP_VSTIP >> 1), 250), UINT64_MAX);
		assert_int_equal(deadline_of(0x222, UINT64_MAX), UINT64_MAX);
		assert_true(deadline_of(0x222, 100) <= 5100);
		assert_true(deadline_of(0x222, 50) <= 5100);
	}
	start(0, 5000);
	fake_set_time(5100);
	assert_true(deadline_of(0x222, UINT64_MAX - 1) > BIT(63));
	assert_true(deadline_of(0x222, 0) <= 5100);
}

/* Sets a timer, waits for it, and looks at the clock; x5: when it is to ring. */
static unsigned rounds_left;

static u64 guest_now(void)
{
	return hw_time() + hw_read_htimedelta();
}

#define SECONDARY 1000
#define LOOP	  2000

static u64 sleep_and_look(struct vcpu *vcpu)
{
	unsigned line = live_line(vcpu);

	if (line + 1 < vcpu->vm->vcpu_count && line < SECONDARY)
		return live_ecall(vcpu, SBI_EID_HSM, 0, line + 1, live_address(SECONDARY), 0);
	if (line < LOOP) {
		hw_write_vsie(HVIP_VSTIP >> 1);
		vcpu->x[9] = 0;
		return live_jump(vcpu, LOOP);
	}
	switch (line - LOOP) {
	case 0:
		/* Some vCPUs only compute. */
		if (vcpu->id % 3 == 2)
			return LIVE_STAY;
		vcpu->x[5] = guest_now() + fake_random_below(&live.random, 2000);
		return live_ecall(vcpu, SBI_EID_TIME, 0, vcpu->x[5], 0, 0);
	case 1:
		return LIVE_WFI;
	case 2:
		if (live_interrupts() == 0)
			return live_jump(vcpu, LOOP + 1); /* a WFI may end for no reason */
		LIVE_CHECK(guest_now() >= vcpu->x[5]);
		/* Within a few slices of all the others. */
		LIVE_CHECK(guest_now() - vcpu->x[5] < 3000);
		if (rounds_left == 0 || --rounds_left == 0)
			return live_shutdown(vcpu);
		return live_jump(vcpu, LOOP);
	}
	fake_fail("it goes on after the end");
}

static void sleepers_are_woken_in_time(void **state)
{
	(void)state;
	for (u64 seed = 0; seed < 60; seed++) {
		live_start_with(1 + seed % 3, seed % 2 ? HW_FEATURE_SSTC : 0);
		fake_set_time(seed * 1000);
		live_create(1 + seed % 6, sleep_and_look);
		rounds_left = 60;
		live_start_guests();
		live_run(seed);
		assert_false(live.over);
		assert_int_equal(rounds_left, 0);
	}
}

/* ------------------------------------------------------------------------------------------------
 * A console that has to be polled.
 */

static void start_polled(void)
{
	struct fake_options options = fake_defaults();

	options.hart_count = 2;
	options.console_polling = true;
	options.timebase_hz = 10000; /* a slice is 100 ticks, a poll too */
	live_start(&options);
	console_init();
	self = live_create_running(2, no_code)->guest->vcpus[0];
	assert_ptr_equal(sched_pick(pcpu_this()), self);
	pcpu_this()->current = self;
	guest_load(self);
	self->running_on = 0;
	hw_serve_pending();
	timer_poll(pcpu_this());
	pcpu_update_timer(pcpu_this());
	fake_clear_fences();
	fake_hooks.send_ipi = NULL;
}

/* Another VM gets hart 0 for itself: no poll disturbs it, and hart 1 looks after the console. */
static void polling_leaves_a_hart_that_becomes_dedicated(void **state)
{
	(void)state;
	start_polled();
	struct guest *owner = live_create(1, no_code)->guest;

	owner->vm.limits.harts = BIT(0);
	owner->vm.limits.dedicated = true;
	assert_int_equal(sched_admit(&owner->vm, NULL), STATUS_OK);
	fake_set_time(fake_timer(0));
	fake_set_hart(0);
	timer_poll(pcpu_this());
	assert_int_equal(pcpu_this()->next_poll, UINT64_MAX);
	assert_true(fake_pending_ipis() & BIT(1));
	fake_set_hart(1);
	fake_console_type("x", 1);
	timer_poll(pcpu_this());
	assert_int_equal(fake_console_input_left(), 0);
	assert_in_range(pcpu_this()->next_poll, hw_time() + 1,
			hw_time() + hw_machine()->timebase_hz / 100);
	fake_set_hart(0);
}

static void the_console_is_looked_after_at_least_a_hundred_times_a_second(void **state)
{
	(void)state;
	start_polled();
	for (unsigned i = 0; i < 5; i++) {
		u64 now = hw_time();

		assert_in_range(fake_timer(0), now + 1, now + hw_machine()->timebase_hz / 100);
		fake_set_time(fake_timer(0));
		fake_console_type("x", 1);
		assert_true(switch_run_light(self, CAUSE_INTERRUPT | IRQ_S_TIMER));
		assert_int_equal(fake_console_input_left(), 0);
	}
}

/* Another hart wants a fence, just when this one has looked for requests and not yet polled. */
static void ask_for_a_fence(u64 harts)
{
	(void)harts;
	fake_hooks.send_ipi = NULL;
	__atomic_fetch_or(&self->requests, REQUEST_VVMA, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&self->fence_asked, 1, __ATOMIC_SEQ_CST);
	hw_send_ipi(BIT(0));
}

/* Makes the tick that comes send an IPI: a vCPU that waits here becomes ready, and hart 1 is idle.
 */
static void make_tick_send_an_ipi(void)
{
	struct vcpu *other = self->vm->vcpus[1];

	vcpu_reset(other, GUEST_RAM_BASE, 1, 0);
	other->sched.harts = BIT(0); /* until it waits there */
	sched_start(other);
	fake_set_time(50);
	sched_requeue(pcpu_this(), self);
	assert_ptr_equal(sched_pick(pcpu_this()), other);
	other->wait_deadline = 100;
	sched_wait(pcpu_this(), other);
	other->sched.harts = 0;
	assert_ptr_equal(sched_pick(pcpu_this()), self);
	self->running_on = 0;
	fake_set_hart(1);
	assert_null(sched_pick(pcpu_this()));
	assert_true(hart_begin_idle(hart_get(1)));
	fake_set_hart(0);
	hw_serve_pending();
	pcpu_update_timer(pcpu_this());
}

static void polling_loses_no_request(void **state)
{
	(void)state;
	start_polled();
	make_tick_send_an_ipi();
	fake_set_time(100);
	fake_hooks.send_ipi = ask_for_a_fence;
	switch_run_light(self, CAUSE_INTERRUPT | IRQ_S_TIMER);
	assert_null(fake_hooks.send_ipi);
	/* Served, or else the interrupt still comes. */
	assert_true(self->fence_served == self->fence_asked || (fake_pending_ipis() & 1));
}

/* The timer rings after all else has been looked at, and the poll silences it. */
static void polling_loses_no_tick(void **state)
{
	(void)state;
	start_polled();
	pcpu_this()->slice_end = 5;
	pcpu_update_timer(pcpu_this());
	assert_int_equal(fake_timer(0), 5);
	fake_set_time(100);
	timer_poll(pcpu_this());
	pcpu_update_timer(pcpu_this());
	assert_int_equal(fake_timer(0), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_timer_in_the_future_is_the_harts_timer),
		cmocka_unit_test(a_timer_that_is_due_rings_at_once),
		cmocka_unit_test(a_new_timer_takes_the_pending_interrupt_back),
		cmocka_unit_test(times_far_ahead_are_not_the_past),
		cmocka_unit_test(
			a_timer_that_rings_while_its_vcpu_is_out_is_pending_when_it_is_back),
		cmocka_unit_test(the_deadline_is_the_timer_if_its_interrupt_is_enabled),
		cmocka_unit_test(sleepers_are_woken_in_time),
		cmocka_unit_test(polling_leaves_a_hart_that_becomes_dedicated),
		cmocka_unit_test(the_console_is_looked_after_at_least_a_hundred_times_a_second),
		cmocka_unit_test(polling_loses_no_request),
		cmocka_unit_test(polling_loses_no_tick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

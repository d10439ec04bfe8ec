/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of VMs when an operator has a hand in it: start, stop, reset, pause and resume at any
 * moment, restarts, and VMs that need each other. */
#include "tests/unit/live.h"

#define SECONDARY 100

/* Somebody at a console, as work beside the vCPUs. */
static struct {
	struct work work;
	u64 round, round_max;
	u64 free_count; /* with all VMs off */
	u64 seen[8];
} operator;

static struct guest *vm_of(unsigned i)
{
	return live.vms[i].guest;
}

static void come_back(u64 ticks)
{
	work_ask_at(&operator.work, hw_time() + ticks);
}

static void begin(unsigned hart_count, u32 less_features, bool (*step)(struct work *work))
{
	live_start_with(hart_count, less_features);
	memset(&operator, 0, sizeof(operator));
	work_init(&operator.work, step);
}

/* Until nothing can happen any more, or all is off. */
static void run(u64 seed)
{
	operator.free_count = page_free_count();
	work_ask(&operator.work);
	live.turn_max = 3000000;
	live_run(seed);
}

static void assert_all_off_and_nothing_leaked(void)
{
	for (unsigned i = 0; i < live.vm_count; i++)
		assert_int_equal(guest_state(vm_of(i)), GUEST_OFF);
	assert_int_equal(page_free_count(), operator.free_count);
}

/* vCPU 0 starts the others, which wait, compute, call and stop; it takes memory meanwhile. For
 * ever. */
static u64 busy(struct vcpu *vcpu)
{
	unsigned line = live_line(vcpu);

	if (line >= SECONDARY)
		return live_do_this_and_that(vcpu, SECONDARY);
	if (line + 1 < vcpu->vm->vcpu_count)
		return live_ecall(vcpu, SBI_EID_HSM, 0, line + 1, live_address(SECONDARY), line);
	if (line < 10)
		return live_store(vcpu, GUEST_RAM_BASE + MIB(8) - PAGE_SIZE * (line + 1), 1);
	return line > 40 ? live_jump(vcpu, 0) : LIVE_NEXT;
}

/* ------------------------------------------------------------------------------------------------
 * Start and stop.
 */

static bool start_and_kill(struct work *work)
{
	struct guest *guest = vm_of(0);

	(void)work;
	if (guest_state(guest) == GUEST_OFF) {
		LIVE_CHECK(page_free_count() == operator.free_count);
		if (operator.round++ == operator.round_max)
			return false;
		LIVE_CHECK(guest_start(guest) == STATUS_OK);
		come_back(fake_random_below(&live.random, 1500));
	} else {
		/* Twice is as good as once. */
		LIVE_CHECK(guest_stop(guest) == STATUS_OK || guest_state(guest) == GUEST_OFF);
		come_back(50);
	}
	return false;
}

static void a_thousand_starts_and_kills_at_random_points_leak_nothing(void **state)
{
	(void)state;
	for (unsigned harts = 1; harts <= 4; harts++) {
		begin(harts, harts % 2 ? HW_FEATURE_SSTC : 0, start_and_kill);
		operator.round_max = 250;
		live_create(1 + harts % 4, busy)->load_steps = 30;
		vm_of(0)->config.memory_pinned = harts == 2;
		guest_hold_machine(true);
		run(harts);
		assert_int_equal(operator.round, operator.round_max + 1);
		assert_all_off_and_nothing_leaked();
		assert_true(live.vms[0].begin_count > 100);
		assert_true(live.vms[0].cancel_count > 10);
	}
}

static bool do_anything(struct work *work)
{
	static enum status (*const asks[])(struct guest *) = {
		guest_start, guest_stop, guest_reset, guest_pause, guest_resume,
	};

	(void)work;
	if (operator.round++<operator.round_max) {
		struct guest *guest = vm_of((unsigned)fake_random_below(&live.random, 3));
		enum status status = asks[fake_random_below(&live.random, ARRAY_SIZE(asks))](guest);

		LIVE_CHECK(status == STATUS_OK || status == STATUS_DENIED);
		come_back(fake_random_below(&live.random, 300));
		return false;
	}
	for (unsigned i = 0; i < live.vm_count; i++) {
		enum status status = guest_stop(vm_of(i));

		LIVE_CHECK(status == STATUS_OK || guest_state(vm_of(i)) == GUEST_OFF);
	}
	return false;
}

static void any_wish_at_any_moment_is_survived(void **state)
{
	(void)state;
	for (u64 seed = 0; seed < 40; seed++) {
		begin(1 + seed % 4, seed % 2 ? HW_FEATURE_SSTC : 0, do_anything);
		operator.round_max = 200;
		for (unsigned i = 0; i < 3; i++)
			live_create(1 + (seed + i) % 4, busy);
		guest_hold_machine(true);
		vm_of(1)->config.restart = GUEST_RESTART_ALWAYS;
		vm_of(2)->config.depends[0] = vm_of(0);
		vm_of(2)->config.depends_count = seed % 3 == 0;
		run(seed);
		assert_all_off_and_nothing_leaked();
	}
}

static bool stop_in_any_state(struct work *work)
{
	struct guest *guest = vm_of(0);

	(void)work;
	if (operator.round++ == 0) {
		LIVE_CHECK(guest_start(guest) == STATUS_OK);
		come_back(operator.round_max);
	} else if (guest_state(guest) != GUEST_OFF) {
		operator.seen[guest_state(guest)]++;
		LIVE_CHECK(guest_stop(guest) == STATUS_OK || guest_state(guest) == GUEST_OFF);
	}
	return false;
}

static void what_is_being_loaded_can_be_stopped(void **state)
{
	u64 seen = 0;

	(void)state;
	for (u64 delay = 0; delay < 60; delay++) {
		begin(2, 0, stop_in_any_state);
		operator.round_max = delay;
		live_create(1, busy)->load_steps = 20;
		run(delay);
		assert_all_off_and_nothing_leaked();
		assert_true(live.vms[0].begin_count <= 1);
		seen += operator.seen[GUEST_LOADING];
	}
	assert_true(seen > 10);
}

static void wishes_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	live_start_with(1, 0);
	struct guest *guest = live_create(1, busy)->guest;

	assert_int_equal(guest_stop(guest), STATUS_DENIED);
	assert_int_equal(guest_reset(guest), STATUS_DENIED);
	assert_int_equal(guest_pause(guest), STATUS_DENIED);
	assert_int_equal(guest_resume(guest), STATUS_DENIED);
	assert_int_equal(guest_start(guest), STATUS_OK);
	assert_int_equal(guest_pause(guest), STATUS_DENIED);
	live_load(&live.vms[0]);
	assert_int_equal(guest_start(guest), STATUS_DENIED);
	assert_int_equal(guest_resume(guest), STATUS_DENIED);
	assert_int_equal(guest_pause(guest), STATUS_OK);
	assert_int_equal(guest_pause(guest), STATUS_DENIED);
	assert_int_equal(guest_start(guest), STATUS_DENIED);
	assert_null(guest_find("nobody"));
	assert_ptr_equal(guest_find("live"), guest);
}

/* ------------------------------------------------------------------------------------------------
 * Pause.
 */

#define PAUSE 100000

static bool pause_now_and_then(struct work *work)
{
	struct guest *guest = vm_of(0);

	(void)work;
	if (guest_state(guest) == GUEST_OFF)
		return false;
	if (guest_state(guest) == GUEST_PAUSED) {
		LIVE_CHECK(guest_resume(guest) == STATUS_OK);
		come_back(fake_random_below(&live.random, 1000));
	} else {
		bool paused = guest_pause(guest) == STATUS_OK;

		operator.round += paused;
		come_back(paused ? PAUSE : 100);
	}
	return false;
}

static u64 guest_now(void)
{
	return hw_time() + hw_read_htimedelta();
}

/* Sleeps until its timer rings, again and again, and wonders whether time is missing. */
static u64 watch_the_clock(struct vcpu *vcpu)
{
	u64 *x = vcpu->x;

	switch (live_line(vcpu)) {
	case 0:
		hw_write_vsie(HVIP_VSTIP >> 1);
		return LIVE_NEXT;
	case 1:
		x[9] = guest_now();
		return live_ecall(vcpu, SBI_EID_TIME, 0, x[9] + 700, 0, 0);
	case 2:
		return LIVE_WFI;
	case 3:
		/* A WFI may end for any reason. */
		if (!(live_interrupts() & HVIP_VSTIP >> 1))
			return live_jump(vcpu, 2);
		LIVE_CHECK(guest_now() >= x[9] + 700);
		LIVE_CHECK(guest_now() < x[9] + 700 + PAUSE / 10);
		return ++operator.seen[0] == 100 ? live_shutdown(vcpu) : live_jump(vcpu, 1);
	}
	fake_fail("it goes on after its end");
}

static void a_guest_does_not_see_that_it_was_paused(void **state)
{
	(void)state;
	for (u64 seed = 0; seed < 20; seed++) {
		begin(1 + seed % 3, seed % 2 ? HW_FEATURE_SSTC : 0, pause_now_and_then);
		live_create(1, watch_the_clock);
		assert_int_equal(guest_start(vm_of(0)), STATUS_OK);
		run(seed);
		assert_true(guest_all_off());
		assert_int_equal(operator.seen[0], 100);
		assert_true(operator.round> 20);
	}
}

static bool pause_ten_times(struct work *work)
{
	if (operator.round == 10) {
		LIVE_CHECK(guest_stop(vm_of(0)) == STATUS_OK);
		return false;
	}
	return pause_now_and_then(work);
}

/* vCPU 1 suspends itself with nothing that could wake it. */
static u64 suspend_for_good(struct vcpu *vcpu)
{
	if (vcpu->id == 0 && live_line(vcpu) == 0)
		return live_ecall(vcpu, SBI_EID_HSM, 0, 1, live_address(SECONDARY), 0);
	if (vcpu->id == 0)
		return live_line(vcpu) > 20 ? live_jump(vcpu, 1) : LIVE_NEXT;
	LIVE_CHECK(live_line(vcpu) == SECONDARY);
	LIVE_CHECK(operator.seen[0]++ == 0);
	return live_ecall(vcpu, SBI_EID_HSM, 3, 0x80000000, live_address(SECONDARY), 0);
}

static void a_suspended_vcpu_stays_so_through_pauses(void **state)
{
	(void)state;
	for (u64 seed = 0; seed < 20; seed++) {
		begin(1 + seed % 3, 0, pause_ten_times);
		live_create(2, suspend_for_good);
		assert_int_equal(guest_start(vm_of(0)), STATUS_OK);
		run(seed);
		assert_all_off_and_nothing_leaked();
	}
}

static u64 count_steps(struct vcpu *vcpu)
{
	LIVE_CHECK(!operator.seen[1]);
	operator.seen[0]++;
	return live_line(vcpu) > 20 ? live_jump(vcpu, 0) : LIVE_NEXT;
}

static bool pause_and_look(struct work *work)
{
	(void)work;
	switch (operator.round++) {
	case 0:
		come_back(1000);
		break;
	case 1:
		LIVE_CHECK(guest_pause(vm_of(0)) == STATUS_OK);
		come_back(1000);
		break;
	case 2:
		LIVE_CHECK(operator.seen[0]> 0);
		operator.seen[1] = true;
		come_back(5000);
		break;
	default:
		LIVE_CHECK(guest_stop(vm_of(0)) == STATUS_OK);
	}
	return false;
}

static void a_paused_vm_executes_nothing_and_can_be_stopped(void **state)
{
	(void)state;
	for (u64 seed = 0; seed < 10; seed++) {
		begin(1 + seed % 3, 0, pause_and_look);
		live_create(3, count_steps);
		assert_int_equal(guest_start(vm_of(0)), STATUS_OK);
		run(seed);
		assert_all_off_and_nothing_leaked();
		assert_int_equal(operator.round, 4);
	}
}

/* ------------------------------------------------------------------------------------------------
 * Restarts.
 */

#define LIVES 9
static u64 born[LIVES + 1];

/* Ends as x9 of the first vCPU says; its last life stays. */
static u64 live_and_die(struct vcpu *vcpu, enum vm_end end)
{
	u64 life = live_vm_of(vcpu)->begin_count;

	LIVE_CHECK(life <= LIVES);
	born[life] = hw_time();
	if (life == LIVES)
		vcpu->vm->ops->end(vcpu->vm, VM_END_STOPPED, "the test is over");
	else
		vcpu->vm->ops->end(vcpu->vm, end, "the test wants it");
	return CAUSE_ECALL_VS;
}

static u64 live_and_fail(struct vcpu *vcpu)
{
	return live_and_die(vcpu, VM_END_FAILED);
}

static u64 live_and_shut_down(struct vcpu *vcpu)
{
	return live_and_die(vcpu, VM_END_SHUTDOWN);
}

static bool nothing(struct work *work)
{
	(void)work;
	return false;
}

static unsigned count_lives(enum guest_restart policy, live_code code)
{
	begin(2, 0, nothing);
	struct live_vm *vm = live_create(1, code);

	vm->guest->config.restart = policy;
	assert_int_equal(guest_start(vm->guest), STATUS_OK);
	run(1);
	assert_all_off_and_nothing_leaked();
	return vm->begin_count;
}

static void the_policy_says_who_restarts(void **state)
{
	(void)state;
	assert_int_equal(count_lives(GUEST_RESTART_NEVER, live_and_shut_down), 1);
	assert_int_equal(count_lives(GUEST_RESTART_NEVER, live_and_fail), 1);
	assert_int_equal(count_lives(GUEST_RESTART_ON_FAILURE, live_and_shut_down), 1);
	assert_int_equal(count_lives(GUEST_RESTART_ON_FAILURE, live_and_fail), LIVES);
	assert_int_equal(count_lives(GUEST_RESTART_ALWAYS, live_and_shut_down), LIVES);
	assert_int_equal(count_lives(GUEST_RESTART_ALWAYS, live_and_fail), LIVES);
}

static void restarts_come_later_and_later_up_to_a_minute(void **state)
{
	static const u64 seconds[] = {1, 2, 4, 8, 16, 32, 60, 60};

	(void)state;
	count_lives(GUEST_RESTART_ALWAYS, live_and_fail);
	u64 second = hw_machine()->timebase_hz;

	for (unsigned i = 1; i < LIVES; i++) {
		assert_true(born[i + 1] - born[i] >= seconds[i - 1] * second);
		assert_true(born[i + 1] - born[i] < seconds[i - 1] * second + second / 2);
	}
}

static u64 live_and_reboot(struct vcpu *vcpu)
{
	return live_and_die(vcpu, VM_END_REBOOT);
}

/* What it takes to free and load a VM is on no VM's account. */
static void who_reboots_all_the_time_gets_a_life_each_second(void **state)
{
	(void)state;
	assert_int_equal(count_lives(GUEST_RESTART_NEVER, live_and_reboot), LIVES);
	for (unsigned i = 1; i < LIVES; i++) {
		assert_true(born[i + 1] - born[i] >= hw_machine()->timebase_hz);
		assert_true(born[i + 1] - born[i] < 3 * hw_machine()->timebase_hz / 2);
	}
}

static bool stop_the_second_life(struct work *work)
{
	(void)work;
	if (operator.round++ == 0)
		come_back(hw_machine()->timebase_hz / 2); /* in the first pause */
	else
		LIVE_CHECK(guest_stop(vm_of(0)) == STATUS_OK);
	return false;
}

static void a_restart_can_be_called_off(void **state)
{
	(void)state;
	begin(1, 0, stop_the_second_life);
	live_create(1, live_and_fail)->guest->config.restart = GUEST_RESTART_ALWAYS;
	assert_int_equal(guest_start(vm_of(0)), STATUS_OK);
	run(1);
	assert_all_off_and_nothing_leaked();
	assert_int_equal(live.vms[0].begin_count, 1);
	/* Somebody wants it off: the machine stays on. */
	assert_false(guest_all_off());
}

static bool reset_between_two_lives(struct work *work)
{
	(void)work;
	if (operator.round++ == 0)
		come_back(hw_machine()->timebase_hz / 2);
	else
		LIVE_CHECK(guest_reset(vm_of(0)) == STATUS_OK);
	return false;
}

static void a_reset_ends_the_wait_for_a_restart(void **state)
{
	(void)state;
	begin(1, 0, reset_between_two_lives);
	live_create(1, live_and_fail)->guest->config.restart = GUEST_RESTART_ALWAYS;
	assert_int_equal(guest_start(vm_of(0)), STATUS_OK);
	run(1);
	assert_all_off_and_nothing_leaked();
	u64 waited = born[2] - born[1];

	assert_true(waited >= hw_machine()->timebase_hz / 2);
	assert_true(waited < hw_machine()->timebase_hz);
}

/* The fifth life lasts a minute, the others next to nothing. */
static u64 live_long_once(struct vcpu *vcpu)
{
	if (live.vms[0].begin_count == 5)
		fake_set_time(vm_of(0)->started_at + 61 * hw_machine()->timebase_hz);
	return live_and_fail(vcpu);
}

static void who_has_run_for_a_minute_restarts_after_a_second_again(void **state)
{
	(void)state;
	count_lives(GUEST_RESTART_ALWAYS, live_long_once);
	u64 second = hw_machine()->timebase_hz;

	assert_true(born[5] - born[4] >= 8 * second);
	assert_in_range(born[6] - born[5], second, second + second / 2);
	assert_in_range(born[7] - born[6], 2 * second, 2 * second + second / 2);
}

static void who_asks_for_more_than_the_harts_have_is_told_and_can_ask_for_less(void **state)
{
	(void)state;
	begin(1, 0, nothing);
	live_create(1, live_and_shut_down);
	vm_of(0)->vm.limits = (struct sched_limits){.rt_budget = 9500, .rt_period = 10000};
	assert_int_equal(guest_start(vm_of(0)), STATUS_OK);
	run(1);
	assert_non_null(strstr(fake_console_output(),
			       "live: not started: the real-time load would be more than 90%"));
	assert_all_off_and_nothing_leaked();
	assert_int_equal(live.vms[0].begin_count, 0);
	vm_of(0)->vm.limits.rt_budget = 5000;
	assert_int_equal(guest_start(vm_of(0)), STATUS_OK);
	run(1);
	assert_all_off_and_nothing_leaked();
	assert_int_equal(live.vms[0].begin_count, 1);
}

/* vCPU 0 waits; vCPU 1 is about to stop itself when the VM is paused, and resumed before it has:
 * nobody is left to park. */
static u64 stop_in_a_pause(struct vcpu *vcpu)
{
	switch (live_line(vcpu)) {
	case 0:
		return live_ecall(vcpu, SBI_EID_HSM, 0, 1, live_address(SECONDARY), 0);
	case 1:
		return LIVE_WFI;
	case 2:
		return live_jump(vcpu, 1);
	case SECONDARY:
		LIVE_CHECK(guest_pause(vm_of(0)) == STATUS_OK);
		while (vcpu->vm->vcpus[0]->state != VCPU_PARKED)
			live_turn();
		LIVE_CHECK(guest_resume(vm_of(0)) == STATUS_OK);
		/* The other hart looks whether all have parked, and goes back to sleep. */
		for (unsigned i = 0; i < 100; i++)
			live_turn();
		LIVE_CHECK(guest_state(vm_of(0)) == GUEST_PAUSED);
		return live_ecall(vcpu, SBI_EID_HSM, 1, 0, 0, 0);
	}
	fake_fail("line %u", live_line(vcpu));
}

static void a_vcpu_that_stops_itself_does_not_keep_its_vm_paused(void **state)
{
	(void)state;
	begin(2, 0, nothing);
	live_create(2, stop_in_a_pause);
	assert_int_equal(guest_start(vm_of(0)), STATUS_OK);
	run(1);
	assert_int_equal(guest_state(vm_of(0)), GUEST_RUNNING);
	assert_int_equal(vm_of(0)->vcpus[1]->state, VCPU_OFF);
}

/* ------------------------------------------------------------------------------------------------
 * VMs that need each other.
 */

static u64 note_order(struct vcpu *vcpu)
{
	if (operator.seen[vcpu->vm->id] == 0)
		operator.seen[vcpu->vm->id] = ++ operator.round;
	return operator.round<4 ? LIVE_STAY : live_shutdown(vcpu);
}

static void need(unsigned who, unsigned whom)
{
	struct guest_config *config = &vm_of(who)->config;

	config->depends[config->depends_count++] = vm_of(whom);
}

static void a_vm_starts_after_those_that_it_depends_on(void **state)
{
	(void)state;
	for (u64 seed = 0; seed < 20; seed++) {
		begin(1 + seed % 4, 0, nothing);
		for (unsigned i = 0; i < 4; i++)
			live_create(1, note_order);
		need(0, 3);
		need(0, 1);
		need(1, 2);
		need(2, 3);
		/* The others come along. */
		assert_int_equal(guest_start(vm_of(0)), STATUS_OK);
		run(seed);
		assert_true(guest_all_off());
		assert_int_equal(operator.seen[3], 1);
		assert_int_equal(operator.seen[2], 2);
		assert_int_equal(operator.seen[1], 3);
		assert_int_equal(operator.seen[0], 4);
	}
}

static enum status no_images(void *context, struct guest_memory *memory)
{
	(void)context;
	(void)memory;
	return STATUS_INVALID;
}

static void who_needs_what_cannot_start_says_so_and_stays_off(void **state)
{
	(void)state;
	begin(2, 0, nothing);
	for (unsigned i = 0; i < 3; i++)
		live_create(1, note_order);
	vm_of(2)->config.loader.begin = no_images;
	need(0, 1);
	need(1, 2);
	assert_int_equal(guest_start(vm_of(0)), STATUS_OK);
	run(1);
	assert_true(guest_all_off());
	assert_all_off_and_nothing_leaked();
	assert_non_null(strstr(fake_console_output(), "not started: live, which it needs, is off"));
}

static void who_needs_a_vm_that_could_not_be_made_never_starts(void **state)
{
	(void)state;
	begin(1, 0, nothing);
	live_create(1, note_order);
	vm_of(0)->config.depends_count = 1;
	assert_int_equal(guest_start(vm_of(0)), STATUS_OK);
	run(1);
	assert_all_off_and_nothing_leaked();
	assert_int_equal(live.vms[0].begin_count, 0);
	assert_non_null(strstr(fake_console_output(), "a VM that could not be made, which it"));
}

/* ------------------------------------------------------------------------------------------------
 * The machine.
 */

static void the_machine_stays_on_for_who_holds_it_and_for_vms_that_are_kept_off(void **state)
{
	(void)state;
	live_start_with(1, 0);
	struct guest *guest = live_create(1, busy)->guest;

	assert_true(guest_all_off());
	guest_hold_machine(true);
	assert_false(guest_all_off());
	guest_hold_machine(false);
	assert_true(guest_all_off());
	guest_keep_off(guest);
	assert_false(guest_all_off());
	assert_int_equal(guest_start(guest), STATUS_OK);
	assert_false(guest_all_off());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thousand_starts_and_kills_at_random_points_leak_nothing),
		cmocka_unit_test(any_wish_at_any_moment_is_survived),
		cmocka_unit_test(what_is_being_loaded_can_be_stopped),
		cmocka_unit_test(wishes_that_make_no_sense_are_refused),
		cmocka_unit_test(a_guest_does_not_see_that_it_was_paused),
		cmocka_unit_test(a_suspended_vcpu_stays_so_through_pauses),
		cmocka_unit_test(a_paused_vm_executes_nothing_and_can_be_stopped),
		cmocka_unit_test(the_policy_says_who_restarts),
		cmocka_unit_test(restarts_come_later_and_later_up_to_a_minute),
		cmocka_unit_test(who_reboots_all_the_time_gets_a_life_each_second),
		cmocka_unit_test(a_reset_ends_the_wait_for_a_restart),
		cmocka_unit_test(who_has_run_for_a_minute_restarts_after_a_second_again),
		cmocka_unit_test(
			who_asks_for_more_than_the_harts_have_is_told_and_can_ask_for_less),
		cmocka_unit_test(a_vcpu_that_stops_itself_does_not_keep_its_vm_paused),
		cmocka_unit_test(a_restart_can_be_called_off),
		cmocka_unit_test(a_vm_starts_after_those_that_it_depends_on),
		cmocka_unit_test(who_needs_what_cannot_start_says_so_and_stays_off),
		cmocka_unit_test(who_needs_a_vm_that_could_not_be_made_never_starts),
		cmocka_unit_test(
			the_machine_stays_on_for_who_holds_it_and_for_vms_that_are_kept_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Hart states as guests see them: start, stop and both kinds of suspend, whoever races with whom.
 */
#include "hyp/vm/hsm.h"
#include "tests/unit/live.h"

enum { HART_START, HART_STOP, HART_GET_STATUS, HART_SUSPEND };

#define SECONDARY 1000
#define RESUMED	  3000
#define ROUNDS	  25

static struct {
	unsigned rounds;	 /* of the whole test */
	unsigned winners, tries; /* of starting the same vCPU */
	u64 opaque;
	bool resumed;
} game;

static u64 guest_now(void)
{
	return hw_time() + hw_read_htimedelta();
}

static u64 status_call(struct vcpu *vcpu, unsigned id)
{
	return live_ecall(vcpu, SBI_EID_HSM, HART_GET_STATUS, id, 0, 0);
}

/* SBI, "HSM Hart Start Register State" and "HSM Hart Resume Register State". */
static void check_start_state(const struct vcpu *vcpu, u64 opaque)
{
	LIVE_CHECK(vcpu->x[10] == vcpu->id);
	LIVE_CHECK(vcpu->x[11] == opaque);
	LIVE_CHECK(hw_read_vsatp() == 0);
	LIVE_CHECK((hw_read_vsstatus() & SSTATUS_SIE) == 0);
	LIVE_CHECK(hw_read_sstatus() & SSTATUS_SPP);
	/* It is started as far as others can tell. */
	LIVE_CHECK(vcpu->hsm == HSM_STARTED);
}

/* As a guest's kernel has it before it calls. */
static void use_everything(struct vcpu *vcpu)
{
	for (unsigned i = 1; i < 32; i++)
		vcpu->x[i] = 0x4444000000000000ULL + i;
	hw_write_vsatp(8ULL << 60 | 0x80123);
	hw_write_vsstatus(SSTATUS_SIE);
	hw_write_vsscratch(0x4444);
}

static void run_game(u64 seed, unsigned hart_count, unsigned vcpu_count, live_code code)
{
	live_start_with(hart_count, seed % 2 ? HW_FEATURE_SSTC : 0);
	memset(&game, 0, sizeof(game));
	live_create(vcpu_count, code);
	live_start_guests();
	live_run(seed);
	assert_false(live.over);
	assert_true(guest_all_off());
}

#define FOR_EACH_SEED(vcpu_count, code)       \
	for (u64 seed = 0; seed < 40; seed++) \
	run_game(seed, 1 + seed % 4, vcpu_count, code)

/* ------------------------------------------------------------------------------------------------
 * Start and stop.
 */

/* vCPU 0 starts vCPU 1 when it is stopped, and sends it an IPI as soon as the call has returned. */
static u64 start_again_and_again(struct vcpu *vcpu)
{
	u64 *x = vcpu->x;

	switch (live_line(vcpu)) {
	case 0:
		return status_call(vcpu, 1);
	case 1:
		LIVE_CHECK(x[10] == 0);
		if (x[11] != HSM_STOPPED) {
			LIVE_CHECK(x[11] == HSM_START_PENDING || x[11] == HSM_STARTED ||
				   x[11] == HSM_STOP_PENDING);
			return live_jump(vcpu, 0);
		}
		if (++game.rounds == ROUNDS)
			return live_shutdown(vcpu);
		/* What came before the start is void. */
		return live_ecall(vcpu, SBI_EID_IPI, 0, 2, 0, 0);
	case 2:
		game.opaque = game.rounds * 0x1111;
		return live_ecall(vcpu, SBI_EID_HSM, HART_START, 1, live_address(SECONDARY),
				  game.opaque);
	case 3:
		LIVE_CHECK(x[10] == 0);
		return live_ecall(vcpu, SBI_EID_IPI, 0, 2, 0, 0);
	case 4:
		return live_jump(vcpu, 0);

	case SECONDARY:
		check_start_state(vcpu, game.opaque);
		for (unsigned i = 1; i < 32; i++)
			LIVE_CHECK(i == 10 || i == 11 || x[i] == 0);
		LIVE_CHECK(hw_read_vsscratch() == 0);
		hw_write_vsie(HVIP_VSSIP >> 1);
		return LIVE_NEXT;
	case SECONDARY + 1:
		/* The IPI comes for sure. */
		return LIVE_WFI;
	case SECONDARY + 2:
		if (live_interrupts() == 0)
			return live_jump(vcpu, SECONDARY + 1);
		hw_clear_hvip(HVIP_VSSIP);
		use_everything(vcpu);
		return live_ecall(vcpu, SBI_EID_HSM, HART_STOP, 0, 0, 0);
	}
	fake_fail("vCPU %u goes on after its end", vcpu->id);
}

static void a_stopped_hart_can_be_started_again_and_again(void **state)
{
	(void)state;
	FOR_EACH_SEED(2, start_again_and_again);
}

/* All but the last race to start the last, which stops as soon as it runs. */
static u64 race_to_start(struct vcpu *vcpu)
{
	unsigned last = vcpu->vm->vcpu_count - 1, line = live_line(vcpu);
	u64 *x = vcpu->x;

	if (line >= SECONDARY + 100) {
		/* Each success is one start. */
		LIVE_CHECK(vcpu->id == last);
		game.rounds++;
		return live_ecall(vcpu, SBI_EID_HSM, HART_STOP, 0, 0, 0);
	}
	if (line < SECONDARY && line + 1 < last)
		return live_ecall(vcpu, SBI_EID_HSM, HART_START, line + 1, live_address(SECONDARY),
				  0);
	if (line < SECONDARY)
		return live_jump(vcpu, SECONDARY);
	switch (line - SECONDARY) {
	case 0:
		return live_ecall(vcpu, SBI_EID_HSM, HART_START, last,
				  live_address(SECONDARY + 100), 0);
	case 1:
		LIVE_CHECK(x[10] == 0 || (s64)x[10] == SBI_ERR_ALREADY_AVAILABLE);
		game.winners += x[10] == 0;
		if (++game.tries < 200)
			return live_jump(vcpu, SECONDARY);
		return LIVE_NEXT;
	case 2:
		return status_call(vcpu, last);
	default:
		if (x[11] != HSM_STOPPED)
			return live_jump(vcpu, SECONDARY + 2);
		return live_shutdown(vcpu);
	}
}

static void of_several_who_start_the_same_hart_one_wins(void **state)
{
	(void)state;
	for (u64 seed = 0; seed < 40; seed++) {
		run_game(seed, 1 + seed % 4, 4, race_to_start);
		assert_true(game.winners > 0);
		/* The last start may have met the end of the VM, and three that were starting may
		 * not have been told before it. */
		assert_in_range(game.rounds, game.winners - 1, game.winners + 3);
	}
}

static void what_is_not_stopped_is_not_started(void **state)
{
	(void)state;
	live_start_with(1, 0);
	struct vcpu *target = live_create_running(2, start_again_and_again)->guest->vcpus[1];
	enum vcpu_run_state before = target->state;

	for (unsigned hsm = HSM_STARTED; hsm <= HSM_RESUME_PENDING; hsm++) {
		if (hsm == HSM_STOPPED)
			continue;
		target->hsm = hsm;
		assert_int_equal(hsm_start(target, GUEST_RAM_BASE, 0), STATUS_EXISTS);
		assert_int_equal(target->hsm, hsm);
		assert_int_equal(target->state, before);
	}
	target->hsm = HSM_STOPPED;
	assert_int_equal(hsm_start(target, GUEST_RAM_BASE, 0), STATUS_OK);
	assert_int_equal(target->hsm, HSM_START_PENDING);
	assert_int_equal(target->state, VCPU_READY);
}

static void nobody_is_started_in_a_vm_that_ends(void **state)
{
	(void)state;
	live_start_with(1, 0);
	struct guest *guest = live_create_running(2, start_again_and_again)->guest;

	guest->vm.ops->end(&guest->vm, VM_END_SHUTDOWN, "the test wants it");
	assert_int_not_equal(hsm_start(guest->vcpus[1], GUEST_RAM_BASE, 0), STATUS_OK);
	assert_int_equal(guest->vcpus[1]->state, VCPU_OFF);
	assert_int_equal(guest->active_count, 0);
}

/* ------------------------------------------------------------------------------------------------
 * Suspend.
 */

/* Suspends itself until its timer, and finds all as it was. */
static u64 suspend_and_keep(struct vcpu *vcpu)
{
	u64 *x = vcpu->x;

	switch (live_line(vcpu)) {
	case 0:
		hw_write_vsie(HVIP_VSTIP >> 1);
		return live_ecall(vcpu, SBI_EID_TIME, 0, guest_now() + 500, 0, 0);
	case 1:
		game.opaque = guest_now();
		use_everything(vcpu);
		return live_ecall(vcpu, SBI_EID_HSM, HART_SUSPEND, 0, 0, 0);
	case 2:
		LIVE_CHECK(x[10] == 0);
		LIVE_CHECK(hw_read_vsscratch() == 0x4444 && hw_read_vsatp() >> 60 == 8);
		LIVE_CHECK(hw_read_vsstatus() & SSTATUS_SIE);
		for (unsigned i = 18; i < 32; i++)
			LIVE_CHECK(x[i] == 0x4444000000000000ULL + i);
		LIVE_CHECK(guest_now() >= game.opaque + 400);
		LIVE_CHECK(live_interrupts() == HVIP_VSTIP >> 1);
		if (++game.rounds == ROUNDS)
			return live_shutdown(vcpu);
		hw_write_vsatp(0);
		return live_jump(vcpu, 0);
	}
	fake_fail("it goes on after its end");
}

static void a_retentive_suspend_ends_with_an_interrupt_and_keeps_everything(void **state)
{
	(void)state;
	FOR_EACH_SEED(1, suspend_and_keep);
}

/* vCPU 1 suspends itself; vCPU 0 sees it suspended, and wakes it. */
static u64 suspend_and_lose(struct vcpu *vcpu)
{
	u64 *x = vcpu->x;

	switch (live_line(vcpu)) {
	case 0:
		return live_ecall(vcpu, SBI_EID_HSM, HART_START, 1, live_address(SECONDARY), 0);
	case 1:
		return status_call(vcpu, 1);
	case 2:
		if (x[11] != HSM_SUSPENDED)
			return live_jump(vcpu, 1);
		/* It is not to be had for a start. */
		return live_ecall(vcpu, SBI_EID_HSM, HART_START, 1, live_address(SECONDARY), 0);
	case 3:
		LIVE_CHECK((s64)x[10] == SBI_ERR_ALREADY_AVAILABLE);
		game.resumed = false;
		return live_ecall(vcpu, SBI_EID_IPI, 0, 2, 0, 0);
	case 4:
		if (!game.resumed)
			return LIVE_STAY;
		return ++game.rounds == ROUNDS ? live_shutdown(vcpu) : live_jump(vcpu, 1);

	case SECONDARY:
		hw_write_vsie(HVIP_VSSIP >> 1);
		return LIVE_NEXT;
	case SECONDARY + 1:
		use_everything(vcpu);
		return live_ecall(vcpu, SBI_EID_HSM, HART_SUSPEND, 0x80000000,
				  live_address(RESUMED), 0x5a5a);
	case RESUMED:
		check_start_state(vcpu, 0x5a5a);
		/* What woke it is still there. */
		LIVE_CHECK(hw_read_hvip() & HVIP_VSSIP);
		hw_clear_hvip(HVIP_VSSIP);
		game.resumed = true;
		return live_jump(vcpu, SECONDARY);
	}
	fake_fail("vCPU %u goes on after its end", vcpu->id);
}

static void a_non_retentive_suspend_resumes_where_it_was_told(void **state)
{
	(void)state;
	FOR_EACH_SEED(2, suspend_and_lose);
}

/* The interrupt is there before the suspend: it is no reason to sleep. */
static u64 suspend_with_a_pending_interrupt(struct vcpu *vcpu)
{
	switch (live_line(vcpu)) {
	case 0:
		hw_write_vsie(HVIP_VSSIP >> 1);
		return live_ecall(vcpu, SBI_EID_IPI, 0, 1, 0, 0);
	case 1:
		return live_ecall(vcpu, SBI_EID_HSM, HART_SUSPEND, 0x80000000,
				  live_address(RESUMED), 1);
	case RESUMED:
		check_start_state(vcpu, 1);
		return live_shutdown(vcpu);
	}
	fake_fail("it goes on where it was suspended");
}

static void a_pending_interrupt_ends_a_suspend_at_once(void **state)
{
	(void)state;
	FOR_EACH_SEED(1, suspend_with_a_pending_interrupt);
}

/* vCPU 0 ends the VM while the others sleep in every way. */
static u64 end_while_others_sleep(struct vcpu *vcpu)
{
	unsigned line = live_line(vcpu);

	if (line < SECONDARY && line + 1 < vcpu->vm->vcpu_count)
		return live_ecall(vcpu, SBI_EID_HSM, HART_START, line + 1, live_address(SECONDARY),
				  0);
	if (line < 20)
		return LIVE_NEXT;
	if (line < SECONDARY)
		return ++game.rounds < ROUNDS ? live_reboot(vcpu) : live_shutdown(vcpu);
	switch (vcpu->id % 3) {
	case 0:
		return live_ecall(vcpu, SBI_EID_HSM, HART_SUSPEND, 0, 0, 0);
	case 1:
		return live_ecall(vcpu, SBI_EID_HSM, HART_SUSPEND, 0x80000000,
				  live_address(SECONDARY), 0);
	default:
		return LIVE_WFI;
	}
}

static void sleeping_harts_do_not_outlive_their_vm(void **state)
{
	(void)state;
	FOR_EACH_SEED(5, end_while_others_sleep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stopped_hart_can_be_started_again_and_again),
		cmocka_unit_test(of_several_who_start_the_same_hart_one_wins),
		cmocka_unit_test(what_is_not_stopped_is_not_started),
		cmocka_unit_test(nobody_is_started_in_a_vm_that_ends),
		cmocka_unit_test(a_retentive_suspend_ends_with_an_interrupt_and_keeps_everything),
		cmocka_unit_test(a_non_retentive_suspend_resumes_where_it_was_told),
		cmocka_unit_test(a_pending_interrupt_ends_a_suspend_at_once),
		cmocka_unit_test(sleeping_harts_do_not_outlive_their_vm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

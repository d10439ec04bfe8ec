/* SPDX-License-Identifier: BSD-2-Clause */
/* Harts that really run at once: no request, wake-up, start or reboot is lost between them. */
#include "tests/unit/live.h"

#define SECONDARY 1000
#define LOOP	  2000

static struct {
	unsigned token, passes, lives;
} games[LIVE_VM_MAX];

#define PASSES 400
#define LIVES  12

/* Starts the VM's other vCPUs, each of which goes to LOOP. */
static u64 start_all(struct vcpu *vcpu)
{
	unsigned line = live_line(vcpu);

	if (line < SECONDARY && line + 1 < vcpu->vm->vcpu_count)
		return live_ecall(vcpu, SBI_EID_HSM, 0, line + 1, live_address(SECONDARY), 0);
	return live_jump(vcpu, LOOP);
}

static void assert_ended(void)
{
	assert_true(guest_all_off());
	for (unsigned i = 0; i < live.vm_count; i++)
		assert_int_equal(live.vms[i].guest->active_count, 0);
}

/* Who has the token passes it on with an IPI and waits in WFI. Plain memory: the interrupt is what
 * orders one vCPU's loads behind the other's stores. */
static u64 pass_a_token(struct vcpu *vcpu)
{
	unsigned *token = &games[vcpu->vm->id].token;

	if (live_line(vcpu) < LOOP) {
		hw_write_vsie(HVIP_VSSIP >> 1);
		return start_all(vcpu);
	}
	switch (live_line(vcpu) - LOOP) {
	case 0:
		if (vcpu->id != 0 || games[vcpu->vm->id].passes != 0)
			return live_jump(vcpu, LOOP + 2);
		return live_jump(vcpu, LOOP + 4);
	case 2:
		return LIVE_WFI;
	case 3:
		if (live_interrupts() == 0)
			return live_jump(vcpu, LOOP + 2);
		hw_clear_hvip(HVIP_VSSIP);
		return LIVE_NEXT;
	case 4:
		LIVE_CHECK(*token == vcpu->id);
		if (++games[vcpu->vm->id].passes == PASSES)
			return live_shutdown(vcpu);
		*token = (vcpu->id + 1) % vcpu->vm->vcpu_count;
		return live_ecall(vcpu, SBI_EID_IPI, 0, BIT(*token), 0, 0);
	default:
		return live_jump(vcpu, LOOP + 2);
	}
}

static void no_interrupt_is_lost(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 4; round++) {
		live_start_with(3, round % 2 ? HW_FEATURE_SSTC : 0);
		memset(games, 0, sizeof(games));
		live_create(3 + round, pass_a_token);
		live_create(2, pass_a_token);
		live_start_guests();
		live_run_parallel();
		assert_ended();
		assert_int_equal(games[0].passes, PASSES);
		assert_int_equal(games[1].passes, PASSES);
	}
}

/* Fences, calls, waits, stops and is started again, until vCPU 0 has had enough. */
static u64 live_and_reboot(struct vcpu *vcpu)
{
	unsigned line = live_line(vcpu), id = vcpu->id;

	if (line < LOOP) {
		hw_write_vsie(0x222);
		return start_all(vcpu);
	}
	hw_clear_hvip(HVIP_VSSIP);
	if (id == 0 && line > LOOP + 150) {
		__atomic_fetch_add(&games[vcpu->vm->id].lives, 1, __ATOMIC_RELAXED);
		return games[vcpu->vm->id].lives < LIVES ? live_reboot(vcpu) : live_shutdown(vcpu);
	}
	switch ((line + id) % 7) {
	case 0:
		return live_ecall(vcpu, SBI_EID_RFENCE, line % 3, 0, ~0ULL, 0);
	case 1:
		return live_ecall(vcpu, SBI_EID_IPI, 0, 0, ~0ULL, 0);
	case 2:
		if (id == 0)
			return live_ecall(vcpu, SBI_EID_HSM, 0, vcpu->vm->vcpu_count - 1,
					  live_address(SECONDARY), 0);
		return id == vcpu->vm->vcpu_count - 1 ? live_ecall(vcpu, SBI_EID_HSM, 1, 0, 0, 0)
						      : LIVE_NEXT;
	case 3:
		return live_ecall(vcpu, SBI_EID_TIME, 0, hw_time() + hw_read_htimedelta() + 50, 0,
				  0);
	case 4:
		return LIVE_WFI; /* for the timer, or for an IPI */
	case 5:
		return live_store(vcpu, GUEST_RAM_BASE + MIB(8) - PAGE_SIZE * (1 + line % 4), line);
	default:
		return live_fault(CAUSE_LOAD_GUEST_PAGE_FAULT, VUART_BASE + 5, 0x4003 | 10 << 7);
	}
}

static void no_reboot_gets_stuck(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 4; round++) {
		live_start_with(2 + round % 2, round % 2 ? HW_FEATURE_SSTC : 0);
		u64 free_count;

		memset(games, 0, sizeof(games));
		live_create(2 + round, live_and_reboot);
		live_create(2, live_and_reboot);
		free_count = page_free_count();
		live_start_guests();
		live_run_parallel();
		assert_ended();
		assert_int_equal(games[0].lives, LIVES);
		assert_int_equal(games[1].lives, LIVES);
		assert_int_equal(page_free_count(), free_count);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_interrupt_is_lost),
		cmocka_unit_test(no_reboot_gets_stuck),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

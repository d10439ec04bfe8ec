/* SPDX-License-Identifier: BSD-2-Clause */
/* The run loop as a whole: who gets how much of the harts, that exits are counted and handled at
 * the depth they need, and how it ends. */
#include "tests/unit/live.h"

/* ------------------------------------------------------------------------------------------------
 * Shares.
 */

#define SECONDARY 1000
#define LOOP	  2000
#define WANTED	  6000 /* instructions of all vCPUs together */

static u64 executed[LIVE_VM_MAX][VCPU_MAX];
static u64 total;

/* Starts the VM's other vCPUs, each of which goes to LOOP. */
static u64 start_all(struct vcpu *vcpu)
{
	unsigned line = live_line(vcpu);

	if (line < SECONDARY && line + 1 < vcpu->vm->vcpu_count)
		return live_ecall(vcpu, SBI_EID_HSM, 0, line + 1, live_address(SECONDARY), 0);
	return live_jump(vcpu, LOOP);
}

/* Computes, and makes a call now and then: what an exit takes is the vCPU's own time. */
static u64 compute(struct vcpu *vcpu)
{
	unsigned line = live_line(vcpu);

	if (line < LOOP)
		return start_all(vcpu);
	if (total >= WANTED)
		return live_shutdown(vcpu);
	total++;
	executed[vcpu->vm->id][vcpu->id]++;
	if (line < LOOP + 7)
		return LIVE_NEXT;
	vcpu->pc = live_address(LOOP) - 4;
	return live_ecall(vcpu, SBI_EID_BASE, 0, 0, 0, 0);
}

static void busy_vcpus_have_equal_shares(void **state)
{
	(void)state;
	for (unsigned harts = 1; harts <= 3; harts++) {
		for (unsigned count = harts; count <= 6; count++) {
			u64 least = UINT64_MAX, most = 0;

			live_start_with(harts, count % 2 ? HW_FEATURE_SSTC : 0);
			memset(executed, 0, sizeof(executed));
			total = 0;
			/* In two VMs, as long as there are two. */
			live_create((count + 1) / 2, compute);
			if (count > 1)
				live_create(count / 2, compute);
			/* A VM's shares are all its vCPUs'. */
			for (unsigned i = 0; i < live.vm_count; i++) {
				struct vm *vm = &live.vms[i].guest->vm;

				vm->limits.shares = 100 * vm->vcpu_count;
			}
			live_start_guests();
			live_run(count);
			for (unsigned i = 0; i < count; i++) {
				u64 mine = executed[i % 2][i / 2];

				least = min_u64(least, mine);
				most = max_u64(most, mine);
			}
			/* But for a slice or two at the ends. */
			assert_true(most - least <= WANTED / count / 4);
		}
	}
}

/* Others wait in WFI, which leaves them the hart. */
static u64 compute_or_wait(struct vcpu *vcpu)
{
	if (live_line(vcpu) >= LOOP && vcpu->id > 0)
		return total >= WANTED ? LIVE_STAY : LIVE_WFI;
	return compute(vcpu);
}

static void a_vcpu_that_waits_takes_no_share(void **state)
{
	(void)state;
	live_start_with(1, 0);
	memset(executed, 0, sizeof(executed));
	total = 0;
	live_create(5, compute_or_wait);
	live_start_guests();
	live_run(1);
	assert_true(guest_all_off());
	assert_int_equal(executed[0][0], WANTED);
	/* A turn is 1 to 8 ticks; the clock would show it if the waiting ones had taken slices. */
	assert_true(hw_time() < 8 * (WANTED + 2000));
}

/* ------------------------------------------------------------------------------------------------
 * Exits.
 */

static u64 one_of_each(struct vcpu *vcpu)
{
	struct fake_csrs *csr = fake_csrs(hw_hart_index());

	switch (live_line(vcpu)) {
	case 0:
		return live_ecall(vcpu, SBI_EID_BASE, 0, 0, 0, 0);
	case 1:
		return live_ecall(vcpu, 0x12345678, 0, 0, 0, 0);
	case 2:
		/* lbu a0, 5(UART): its line status; and with s1, for the full path. */
		return live_fault(CAUSE_LOAD_GUEST_PAGE_FAULT, VUART_BASE + 5, 0x4003 | 10 << 7);
	case 3:
		LIVE_CHECK(vcpu->x[10] == 0x60);
		return live_fault(CAUSE_LOAD_GUEST_PAGE_FAULT, VUART_BASE + 5, 0x4003 | 9 << 7);
	case 4:
		LIVE_CHECK(vcpu->x[9] == 0x60);
		hw_write_vstvec(live_address(10));
		return live_fault(CAUSE_STORE_GUEST_PAGE_FAULT, 0x40000000, 0x2023 | 9 << 20);
	case 10:
		LIVE_CHECK(hw_read_vscause() == CAUSE_STORE_ACCESS);
		LIVE_CHECK(hw_read_vsepc() == live_address(4));
		hw_write_vstvec(live_address(20));
		csr->stval = 0x60002573; /* csrr a0, hstatus */
		return CAUSE_VIRTUAL_INSTRUCTION;
	case 20:
		LIVE_CHECK(hw_read_vscause() == CAUSE_ILLEGAL_INSTRUCTION);
		LIVE_CHECK(hw_read_vstval() == 0x60002573);
		hw_write_vstvec(live_address(30));
		csr->stval = 0x1234;
		return CAUSE_BREAKPOINT;
	case 30:
		LIVE_CHECK(hw_read_vscause() == CAUSE_BREAKPOINT);
		hw_send_ipi(BIT(hw_hart_index()));
		return LIVE_NEXT;
	case 31:
		return live_shutdown(vcpu);
	}
	fake_fail("line %u", live_line(vcpu));
}

static void each_exit_is_handled_and_counted_once(void **state)
{
	(void)state;
	live_start_with(1, 0);
	const u64 *count = live_create(1, one_of_each)->guest->vcpus[0]->exit_count;

	live_start_guests();
	live_run(1);
	assert_true(guest_all_off());
	assert_int_equal(count[CAUSE_ECALL_VS], 3);
	assert_int_equal(count[CAUSE_LOAD_GUEST_PAGE_FAULT], 2);
	assert_int_equal(count[CAUSE_STORE_GUEST_PAGE_FAULT], 1);
	assert_int_equal(count[CAUSE_VIRTUAL_INSTRUCTION], 1);
	assert_int_equal(count[CAUSE_BREAKPOINT], 1);
	assert_true(count[EXIT_COUNT_SOFT] >= 1);
	assert_int_equal(count[CAUSE_LOAD_ACCESS] + count[CAUSE_ILLEGAL_INSTRUCTION], 0);
}

/* ------------------------------------------------------------------------------------------------
 * What a hart is told while it sleeps.
 */

static struct vcpu *sleeper;
static u64 ticket;

/* One interrupt, for two reasons: a VM's memory is about to go to somebody else, and a vCPU that
 * waits here is wanted. */
static void be_told_and_woken(void)
{
	if (ticket || sleeper->state != VCPU_WAITING) {
		live_sleep();
		return;
	}
	ticket = recycle_begin(BIT(hw_hart_index()));
	__atomic_fetch_or(&sleeper->irq_posted, HVIP_VSSIP, __ATOMIC_SEQ_CST);
	sched_wake(sleeper);
}

static u64 sleep_and_look(struct vcpu *vcpu)
{
	switch (live_line(vcpu)) {
	case 0:
		hw_write_vsie(HVIP_VSSIP >> 1);
		return live_ecall(vcpu, SBI_EID_HSM, 3, 0, 0, 0);
	case 1:
		LIVE_CHECK(ticket && recycle_is_done(ticket, BIT(hw_hart_index())));
		return live_shutdown(vcpu);
	}
	fake_fail("line %u", live_line(vcpu));
}

/* The guest may wait in its own WFI from then on, for ever. */
static void a_hart_that_wakes_recycles_before_it_enters_a_guest(void **state)
{
	(void)state;
	live_start_with(1, 0);
	sleeper = live_create(1, sleep_and_look)->guest->vcpus[0];
	ticket = 0;
	fake_hooks.wait = be_told_and_woken;
	live_start_guests();
	live_run(1);
	assert_true(guest_all_off());
	assert_int_not_equal(ticket, 0);
}

/* ------------------------------------------------------------------------------------------------
 * The end. Only the first end of a program is one, so this comes first.
 */

static void without_vms_the_machine_is_shut_down_with_a_word(void **state)
{
	(void)state;
	live_start_with(1, 0);
	assert_int_equal(FAKE_CATCH_END(run_loop()), FAKE_END_SHUTDOWN);
	assert_non_null(strstr(fake_console_output(), "all virtual machines are off"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_vms_the_machine_is_shut_down_with_a_word),
		cmocka_unit_test(busy_vcpus_have_equal_shares),
		cmocka_unit_test(a_vcpu_that_waits_takes_no_share),
		cmocka_unit_test(each_exit_is_handled_and_counted_once),
		cmocka_unit_test(a_hart_that_wakes_recycles_before_it_enters_a_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

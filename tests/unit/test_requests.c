/* SPDX-License-Identifier: BSD-2-Clause */
/* What vCPUs want of each other: interrupts and fences reach their target wherever it is, nobody
 * waits for what does not come, and harts that fence each other do not wait for good. */
#include <unistd.h>

#include "hyp/vm/requests.h"
#include "tests/unit/guest_csrs.h"
#include "tests/unit/live.h"

static struct vcpu *vcpus[8];

static u64 no_code(struct vcpu *vcpu)
{
	(void)vcpu;
	fake_fail("no guest is entered here");
}

static void run_on(struct vcpu *vcpu, unsigned hart)
{
	fake_set_hart(hart);
	vcpu_load(vcpu);
	pcpu_this()->current = vcpu;
	vcpu->state = VCPU_RUNNING;
	vcpu->running_on = (s32)hart;
}

/* Three harts, each of which runs a vCPU of the same VM; a fourth waits, a fifth is OFF. */
static int setup(void **state)
{
	(void)state;
	live_start_with(3, 0);
	struct live_vm *vm = live_create_running(5, no_code);

	for (unsigned i = 0; i < 5; i++) {
		vcpus[i] = vm->guest->vcpus[i];
		if (i > 0)
			vcpu_reset(vcpus[i], GUEST_RAM_BASE, i, 0);
		if (i > 0 && i < 4)
			sched_start(vcpus[i]);
	}
	for (unsigned i = 0; i < 4; i++) {
		fake_set_hart(i % 3);
		assert_ptr_equal(sched_pick(pcpu_this()), vcpus[i]);
		if (i == 3) {
			vcpus[3]->csr.vsie = HVIP_VSSIP >> 1;
			vcpus[3]->wait_deadline = UINT64_MAX;
			sched_wait(pcpu_this(), vcpus[3]);
		} else {
			run_on(vcpus[i], i);
		}
	}
	for (unsigned i = 0; i < 3; i++) {
		fake_set_hart(i);
		hw_serve_pending();
	}
	fake_set_hart(0);
	fake_clear_fences();
	fake_hooks.send_ipi = NULL;
	fake_hooks.pause = NULL;
	return 0;
}

static const struct vm_ops *ops(void)
{
	return vcpus[0]->vm->ops;
}

/* What a hart does when the IPI comes. */
static void be_interrupted(unsigned hart)
{
	unsigned self = hw_hart_index();

	fake_set_hart(hart);
	if (fake_pending_ipis() >> hart & 1) {
		assert_int_equal(hw_serve_interrupt(CAUSE_INTERRUPT | IRQ_S_SOFT),
				 HW_INTERRUPT_SOFT);
		requests_serve(pcpu_this()->current);
	}
	fake_set_hart(self);
}

static void all_others_are_interrupted(u64 harts)
{
	for (unsigned i = 0; i < 3; i++)
		if (harts >> i & 1)
			be_interrupted(i);
}

/* ------------------------------------------------------------------------------------------------
 * Notices.
 */

static void a_running_vcpu_is_interrupted_on_its_hart(void **state)
{
	(void)state;
	vcpus[2]->irq_posted = HVIP_VSSIP;
	vcpus[2]->requests = REQUEST_IRQ;
	ops()->notify(vcpus[2]);
	assert_int_equal(fake_pending_ipis(), BIT(2));
	be_interrupted(2);
	assert_int_equal(guest_hvip(vcpus[2], 2), HVIP_VSSIP);
	assert_int_equal(vcpus[2]->requests | vcpus[2]->irq_posted, 0);
	assert_int_equal(guest_hvip(vcpus[0], 0) | guest_hvip(vcpus[1], 1), 0);
}

static void what_concerns_the_calling_hart_is_done_on_the_spot(void **state)
{
	(void)state;
	unsigned before = fake_ipi_count();

	vcpus[0]->irq_level = HVIP_VSEIP;
	vcpus[0]->requests = REQUEST_IRQ;
	ops()->notify(vcpus[0]);
	assert_int_equal(guest_hvip(vcpus[0], 0), HVIP_VSEIP);
	assert_int_equal(fake_ipi_count(), before);
}

static void a_waiting_vcpu_is_woken(void **state)
{
	(void)state;
	vcpus[3]->irq_posted = HVIP_VSSIP;
	vcpus[3]->requests = REQUEST_IRQ;
	ops()->notify(vcpus[3]);
	assert_int_equal(vcpus[3]->state, VCPU_READY);
	/* For what it has not enabled it goes on waiting. */
	setup(NULL);
	vcpus[3]->irq_level = HVIP_VSEIP;
	vcpus[3]->requests = REQUEST_IRQ;
	ops()->notify(vcpus[3]);
	assert_int_equal(vcpus[3]->state, VCPU_WAITING);
}

static void one_that_is_off_is_left_alone(void **state)
{
	(void)state;
	vcpus[4]->irq_posted = HVIP_VSSIP;
	vcpus[4]->requests = REQUEST_IRQ;
	ops()->notify(vcpus[4]);
	assert_int_equal(vcpus[4]->state, VCPU_OFF);
	assert_int_equal(fake_pending_ipis(), 0);
}

static void a_request_to_leave_makes_the_vcpu_leave(void **state)
{
	(void)state;
	vcpus[1]->requests = REQUEST_LEAVE;
	ops()->notify(vcpus[1]);
	be_interrupted(1);
	assert_int_equal(vcpus[1]->leave, 1);
	assert_int_equal(vcpus[0]->leave, 0);
}

/* ------------------------------------------------------------------------------------------------
 * Fences.
 */

static void each_request_is_the_fence_it_asks_for(void **state)
{
	static const struct {
		u32 bits;
		unsigned gvma, vvma, fence_i;
	} cases[] = {
		{REQUEST_FENCE_I, 0, 0, 1}, {REQUEST_VVMA, 0, 1, 0},
		{REQUEST_GVMA, 1, 1, 0}, /* what was cached of both stages goes too */
		{REQUEST_FENCES, 1, 1, 1},  {REQUEST_IRQ, 0, 0, 0},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		fake_clear_fences();
		vcpus[0]->requests = cases[i].bits;
		requests_serve(vcpus[0]);
		assert_int_equal(fake_count_fences(FAKE_HFENCE_GVMA_VMID, 0), cases[i].gvma);
		assert_int_equal(fake_count_fences(FAKE_HFENCE_VVMA_ALL, 0), cases[i].vvma);
		assert_int_equal(fake_count_fences(FAKE_FENCE_I, 0), cases[i].fence_i);
		assert_int_equal(vcpus[0]->requests, 0);
		fake_clear_fences();
		requests_serve(vcpus[0]);
		assert_int_equal(fake_fence_count(), 0);
	}
}

static void a_fence_is_executed_on_every_hart_that_runs_a_target(void **state)
{
	(void)state;
	fake_hooks.send_ipi = all_others_are_interrupted;
	ops()->fence(vcpus[0], 0x1f, REQUEST_VVMA);
	for (unsigned hart = 0; hart < 3; hart++)
		assert_int_equal(fake_count_fences(FAKE_HFENCE_VVMA_ALL, hart), 1);
	assert_int_equal(fake_fence_count(), 3);
	for (unsigned i = 0; i < fake_fence_count(); i++)
		assert_int_equal(fake_fence(i).hgatp, fake_csrs(0)->hgatp);
	/* Not running, they do it before they go on. */
	assert_int_equal(vcpus[3]->requests, REQUEST_VVMA);
	assert_int_equal(vcpus[4]->requests, REQUEST_VVMA);
}

static void a_fence_interrupts_only_its_targets_and_all_at_once(void **state)
{
	unsigned before = fake_ipi_count();

	(void)state;
	fake_hooks.send_ipi = all_others_are_interrupted;
	ops()->fence(vcpus[0], 0x4, REQUEST_FENCE_I);
	assert_int_equal(fake_fence_count(), 1);
	assert_int_equal(fake_count_fences(FAKE_FENCE_I, 2), 1);
	ops()->fence(vcpus[0], 0x6, REQUEST_FENCE_I);
	assert_int_equal(fake_ipi_count() - before, 2);
	/* Nobody runs: nobody is disturbed. */
	ops()->fence(vcpus[0], 0x18, REQUEST_FENCE_I);
	assert_int_equal(fake_ipi_count() - before, 2);
}

static unsigned pause_count;

static void serve_late(void)
{
	/* Not at once; but it must be waited for. */
	if (++pause_count == 5)
		be_interrupted(1);
}

static void the_caller_waits_until_the_fence_is_done(void **state)
{
	(void)state;
	pause_count = 0;
	fake_hooks.pause = serve_late;
	ops()->fence(vcpus[0], 0x2, REQUEST_VVMA);
	assert_int_equal(pause_count, 5);
	assert_int_equal(fake_count_fences(FAKE_HFENCE_VVMA_ALL, 1), 1);
}

static void leave_late(void)
{
	if (++pause_count == 5)
		vcpus[1]->running_on = -1;
	if (pause_count == 5000)
		fake_fail("it waits for a vCPU that does not run");
}

static void move_late(void)
{
	if (++pause_count == 5)
		vcpus[1]->running_on = 2;
	if (pause_count == 5000)
		fake_fail("it waits for a vCPU that is elsewhere now");
}

/* It will do it before its next instruction, wherever that is. */
static void a_target_that_leaves_its_hart_is_not_waited_for(void **state)
{
	(void)state;
	pause_count = 0;
	fake_hooks.pause = leave_late;
	ops()->fence(vcpus[0], 0x2, REQUEST_VVMA);
	assert_int_equal(pause_count, 5);
	assert_int_equal(vcpus[1]->requests, REQUEST_VVMA);
	setup(NULL);
	pause_count = 0;
	fake_hooks.pause = move_late;
	ops()->fence(vcpus[0], 0x2, REQUEST_VVMA);
	assert_int_equal(pause_count, 5);
}

/* Hart 1 waits for us, so it will not come round before we have done what it asked. */
static void ask_and_wait(void)
{
	if (++pause_count == 1) {
		__atomic_fetch_or(&vcpus[0]->requests, REQUEST_FENCE_I, __ATOMIC_SEQ_CST);
		vcpus[0]->fence_asked++;
	}
	if (vcpus[0]->fence_served == vcpus[0]->fence_asked)
		be_interrupted(1);
	if (pause_count == 5000)
		fake_fail("the two harts wait for each other");
}

static void while_it_waits_a_hart_serves_what_is_asked_of_itself(void **state)
{
	(void)state;
	pause_count = 0;
	fake_hooks.pause = ask_and_wait;
	ops()->fence(vcpus[0], 0x2, REQUEST_VVMA);
	assert_int_equal(fake_count_fences(FAKE_FENCE_I, 0), 1);
}

/* The bit may have been cleared by a serve that was under way when the ticket was drawn. */
static void a_ticket_without_its_bit_is_served_too(void **state)
{
	(void)state;
	pause_count = 0;
	fake_hooks.pause = ask_and_wait;
	vcpus[0]->fence_asked = 8;
	vcpus[0]->fence_served = 7;
	ops()->fence(vcpus[0], 0x2, REQUEST_VVMA);
	assert_int_equal(vcpus[0]->fence_served, vcpus[0]->fence_asked);
}

/* ------------------------------------------------------------------------------------------------
 * In parallel.
 */

#define ROUNDS 3000
#define HARTS  4

static struct vcpu crowd[HARTS];
static struct vcpu *crowd_table[HARTS];
static struct vm crowd_vm;
static unsigned crowd_left;
static pthread_barrier_t crowd_ready;

static void be_interrupted_now(struct vcpu *self)
{
	if (fake_pending_ipis() >> hw_hart_index() & 1) {
		hw_serve_interrupt(CAUSE_INTERRUPT | IRQ_S_SOFT);
		requests_serve(self);
	}
}

/* Fences all others again and again, and is interrupted between the fences only. */
static void *fence_the_others(void *argument)
{
	struct vcpu *self = argument;

	fake_set_hart(self->id);
	pthread_barrier_wait(&crowd_ready);
	for (unsigned round = 0; round < ROUNDS; round++) {
		requests_fence(self, crowd_vm.vcpu_mask & ~self->self, REQUEST_VVMA);
		be_interrupted_now(self);
		if (round % 50 == 0)
			fake_clear_fences();
	}
	__atomic_fetch_sub(&crowd_left, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&crowd_left, __ATOMIC_SEQ_CST) != 0)
		be_interrupted_now(self);
	return NULL;
}

static void harts_that_fence_each_other_all_come_to_an_end(void **state)
{
	pthread_t threads[HARTS];

	(void)state;
	live_start_with(HARTS, 0);
	fake_hooks.send_ipi = NULL;
	fake_hooks.pause = NULL;
	memset(crowd, 0, sizeof(crowd));
	crowd_vm = (struct vm){.vcpu_count = HARTS, .vcpus = crowd_table, .vcpu_mask = 0xf};
	crowd_left = HARTS;
	pthread_barrier_init(&crowd_ready, NULL, HARTS);
	for (unsigned i = 0; i < HARTS; i++) {
		crowd_table[i] = &crowd[i];
		crowd[i].vm = &crowd_vm;
		crowd[i].id = i;
		crowd[i].self = BIT(i);
		crowd[i].running_on = (s32)i;
	}
	alarm(100); /* a deadlock ends the program */
	for (unsigned i = 0; i < HARTS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, fence_the_others, &crowd[i]), 0);
	for (unsigned i = 0; i < HARTS; i++)
		pthread_join(threads[i], NULL);
	alarm(0);
	/* All that was asked was done, but for the last that nobody waited for. */
	for (unsigned i = 0; i < HARTS; i++) {
		assert_int_equal(crowd[i].fence_asked, ROUNDS * (HARTS - 1));
		fake_set_hart(i);
		requests_serve(&crowd[i]);
		assert_int_equal(crowd[i].fence_served, crowd[i].fence_asked);
	}
}

/* ------------------------------------------------------------------------------------------------
 * Whole VMs, at random, with caches that forget nothing but what is fenced.
 */

#define STEPS 120

struct shared {
	u64 version[2]; /* of a page table entry, and of some code: what memory has now */
	u64 fenced[2];	/* what every vCPU must see, as a fence for it has been done */
	unsigned token, passes, passes_wanted;
	unsigned done_count;
};

static struct shared shared[LIVE_VM_MAX];

static struct shared *shared_of(const struct vcpu *vcpu)
{
	return &shared[vcpu->vm->id];
}

enum { TABLE, CODE };

/* Uses what it sees, which may be newer than what was fenced, but not older. */
static void use(struct vcpu *vcpu, unsigned what)
{
	struct shared *mine = shared_of(vcpu);

	tlb_absorb_fences();
	/* Fetched code is kept by its physical address, so that VMs do not meet there. */
	u64 seen = what == TABLE ? tlb_look_up(TLB_VS_STAGE, 0, 0x1000, mine->version[what])
				 : tlb_look_up(TLB_CODE, 0, PAGE_SIZE * vcpu->vm->id,
					       mine->version[what]);

	LIVE_CHECK(seen >= mine->fenced[what]);
}

/* x5: the version that the fence under way makes visible; x6: of what. */
static u64 change_and_fence(struct vcpu *vcpu, unsigned what)
{
	vcpu->x[6] = what;
	vcpu->x[5] = ++shared_of(vcpu)->version[what];
	return live_ecall(vcpu, SBI_EID_RFENCE, what == CODE ? 0 : 1, 0, ~0ULL, 0);
}

#define SECONDARY 1000
#define LOOP	  2000

/* Changes things, fences them, and uses what others have changed. */
static u64 fence_and_use(struct vcpu *vcpu)
{
	struct shared *mine = shared_of(vcpu);
	unsigned line = live_line(vcpu);

	if (line + 1 < vcpu->vm->vcpu_count && line < SECONDARY)
		return live_ecall(vcpu, SBI_EID_HSM, 0, line + 1, live_address(SECONDARY), 0);
	if (line < LOOP) {
		vcpu->x[9] = 0;
		vcpu->x[5] = 0;
		return live_jump(vcpu, LOOP);
	}
	if (line > LOOP && vcpu->x[5]) {
		/* The call has returned. */
		LIVE_CHECK(vcpu->x[10] == 0);
		mine->fenced[vcpu->x[6]] = max_u64(mine->fenced[vcpu->x[6]], vcpu->x[5]);
		vcpu->x[5] = 0;
	}
	use(vcpu, TABLE);
	use(vcpu, CODE);
	if (++vcpu->x[9] == STEPS && ++mine->done_count == vcpu->vm->vcpu_count)
		return live_shutdown(vcpu);
	if (vcpu->x[9] >= STEPS)
		return LIVE_WFI;
	switch (fake_random_below(&live.random, 5)) {
	case 0:
		return change_and_fence(vcpu, TABLE);
	case 1:
		return change_and_fence(vcpu, CODE);
	default:
		return live_jump(vcpu, LOOP);
	}
}

static void after_a_fence_no_vcpu_sees_what_was_before(void **state)
{
	(void)state;
	for (u64 seed = 0; seed < 40; seed++) {
		struct fake_options options = fake_defaults();

		options.hart_count = 1 + seed % 4;
		options.vmid_bits = seed % 3;
		options.timebase_hz = 10000;
		live_start(&options);
		memset(shared, 0, sizeof(shared));
		live_create(2 + seed % 3, fence_and_use);
		live_create(1 + seed % 4, fence_and_use);
		live_start_guests();
		live_run(seed);
		assert_true(guest_all_off());
	}
}

/* The token goes round; who does not have it waits in WFI, and is woken by an IPI. */
static u64 pass_a_token(struct vcpu *vcpu)
{
	struct shared *mine = shared_of(vcpu);
	unsigned line = live_line(vcpu);

	if (line + 1 < vcpu->vm->vcpu_count && line < SECONDARY)
		return live_ecall(vcpu, SBI_EID_HSM, 0, line + 1, live_address(SECONDARY), 0);
	if (line < LOOP) {
		hw_write_vsie(HVIP_VSSIP >> 1);
		return live_jump(vcpu, LOOP);
	}
	switch (line - LOOP) {
	case 0:
		if (mine->token != vcpu->id)
			return LIVE_WFI;
		if (++mine->passes >= mine->passes_wanted)
			return live_shutdown(vcpu);
		mine->token = (vcpu->id + 1) % vcpu->vm->vcpu_count;
		vcpu->pc += 4;
		return live_ecall(vcpu, SBI_EID_IPI, 0, BIT(mine->token), 0, 0);
	case 1: /* behind the WFI */
		hw_clear_hvip(HVIP_VSSIP);
		return live_jump(vcpu, LOOP);
	default:
		LIVE_CHECK(vcpu->x[10] == 0);
		return live_jump(vcpu, LOOP);
	}
}

static void no_interrupt_between_vcpus_is_lost(void **state)
{
	(void)state;
	for (u64 seed = 0; seed < 60; seed++) {
		live_start_with(1 + seed % 4, seed % 2 ? HW_FEATURE_SSTC : 0);
		memset(shared, 0, sizeof(shared));
		live_create(2 + seed % 4, pass_a_token);
		if (seed % 3)
			live_create(1 + seed % 3, pass_a_token);
		for (unsigned i = 0; i < LIVE_VM_MAX; i++)
			shared[i].passes_wanted = 100;
		live_start_guests();
		live_run(seed);
		/* Had one been lost, all would sleep now. */
		assert_false(live.over);
		assert_true(guest_all_off());
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_running_vcpu_is_interrupted_on_its_hart, setup),
		cmocka_unit_test_setup(what_concerns_the_calling_hart_is_done_on_the_spot, setup),
		cmocka_unit_test_setup(a_waiting_vcpu_is_woken, setup),
		cmocka_unit_test_setup(one_that_is_off_is_left_alone, setup),
		cmocka_unit_test_setup(a_request_to_leave_makes_the_vcpu_leave, setup),
		cmocka_unit_test_setup(each_request_is_the_fence_it_asks_for, setup),
		cmocka_unit_test_setup(a_fence_is_executed_on_every_hart_that_runs_a_target, setup),
		cmocka_unit_test_setup(a_fence_interrupts_only_its_targets_and_all_at_once, setup),
		cmocka_unit_test_setup(the_caller_waits_until_the_fence_is_done, setup),
		cmocka_unit_test_setup(a_target_that_leaves_its_hart_is_not_waited_for, setup),
		cmocka_unit_test_setup(while_it_waits_a_hart_serves_what_is_asked_of_itself, setup),
		cmocka_unit_test_setup(a_ticket_without_its_bit_is_served_too, setup),
		cmocka_unit_test(harts_that_fence_each_other_all_come_to_an_end),
		cmocka_unit_test(after_a_fence_no_vcpu_sees_what_was_before),
		cmocka_unit_test(no_interrupt_between_vcpus_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

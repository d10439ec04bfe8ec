/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole VMs for tests: the rooms of hyp/ as at boot, harts that execute the run loop, and guests
 * whose code is C functions.
 *
 * A hart is a thread, but only one of them runs at a time. Wherever a hart gives others a chance
 * (between a guest's instructions, in hw_pause() and hw_wait(), after an IPI), the next to run is
 * drawn from a seeded generator: each seed is an interleaving that can be had again. The clock
 * moves with every turn, and when all harts sleep, to the next timer.
 *
 * live_run_parallel() lets the threads loose instead: nothing can be had again then, and caches are
 * not modelled, but what the code does about the order of loads and stores is put to the test.
 *
 * With LIVE_OBSERVE in the environment every exit is traced and profiled, and so goes the full way:
 * the tests of a program are to pass just the same (tests/unit/test_observed.py).
 *
 * What goes wrong on a hart ends the program with a message, as cmocka's assertions belong to the
 * first thread only.
 */
#pragma once

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hyp/csr.h"
#include "hyp/mem/page.h"
#include "hyp/mem/vmid.h"
#include "hyp/sbi/sbi.h"
#include "hyp/trace.h"
#include "hyp/vm/guest.h"
#include "hyp/vm/observe.h"
#include "hyp/vm/pcpu.h"
#include "hyp/vm/recycle.h"
#include "hyp/vm/run.h"
#include "hyp/vm/sched.h"
#include "hyp/vm/switch.h"
#include "hyp/vm/lifecycle.h"
#include "hyp/vm/timer.h"
#include "hyp/vm/work.h"
#include "tests/fake/fake_hw.h"
#include "tests/fake/fake_random.h"
#include "tests/unit/live_tlb.h"

#define LIVE_HART_MAX 8
#define LIVE_VM_MAX   4

/* What a guest's instruction may come to besides the cause of a trap. */
#define LIVE_NEXT (~0ULL)     /* executed: pc goes on by 4 */
#define LIVE_STAY (~0ULL - 1) /* executed: pc was set */
#define LIVE_WFI  (~0ULL - 2) /* WFI */

/* Executes the instruction at vcpu->pc. For a trap, stval, htval and htinst are set. */
typedef u64 (*live_code)(struct vcpu *vcpu);

struct live_vm {
	struct guest *guest;
	live_code code;
	unsigned load_steps; /* that loading takes */
	unsigned begin_count, step_count, cancel_count;
	char output[64];
	size_t output_length;
	unsigned offer_count;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t turn[LIVE_HART_MAX];
	unsigned holder; /* the hart whose turn it is */
	bool running;	 /* harts are threads now */
	bool parallel;	 /* and they do not take turns */
	bool asleep[LIVE_HART_MAX], gone[LIVE_HART_MAX];
	bool over;    /* all harts sleep, and nothing will wake them */
	bool all_off; /* guest_all_off() was true once */
	struct fake_random random;
	u64 turn_count, turn_max;
	unsigned ticks; /* a turn takes 1 to so many */
	/* Nothing can happen any more but by somebody from outside. False: he does nothing. */
	bool (*when_idle)(void);

	struct live_vm vms[LIVE_VM_MAX];
	unsigned vm_count;
	u64 free_count_at_start;
} live = {.lock = PTHREAD_MUTEX_INITIALIZER};

#define LIVE_CHECK(condition)                                                   \
	do {                                                                    \
		if (!(condition))                                               \
			fake_fail("%s:%d: %s", __FILE__, __LINE__, #condition); \
	} while (0)

/* ------------------------------------------------------------------------------------------------
 * Turns.
 */

static inline bool live_is_pending(unsigned hart)
{
	unsigned self = hw_hart_index();
	bool pending = (fake_pending_ipis() >> hart & 1) || fake_timer(hart) <= hw_time() ||
		       (hart == 0 && fake_console_is_pending());

	/* WFI looks at pending and enabled alone, and hie has vsie's bits: what is delegated to
	 * the guest wakes a hart in HS-mode as well (Privileged ISA, "Wait for Interrupt"). */
	fake_set_hart(hart);
	pending |= ((hw_read_hip() >> 1) & hw_read_vsie()) != 0;
	fake_set_hart(self);
	return pending;
}

/* The earliest time at which something will be pending. */
static inline u64 live_next_event(void)
{
	u64 next = UINT64_MAX;

	for (unsigned i = 0; i < hw_machine()->hart_count; i++) {
		const struct fake_csrs *csr = fake_csrs(i);

		if (live.gone[i])
			continue;
		next = min_u64(next, fake_timer(i));
		if (hw_has(HW_FEATURE_SSTC) && (csr->vsie & HVIP_VSTIP >> 1) &&
		    csr->vstimecmp != UINT64_MAX)
			next = min_u64(next, csr->vstimecmp - csr->htimedelta);
	}
	return next;
}

static inline bool live_can_run(unsigned hart)
{
	return !live.gone[hart] &&
	       (!live.asleep[hart] || live.over || live.all_off || live_is_pending(hart));
}

/* False: every hart is gone. */
static inline bool live_draw(unsigned *hart)
{
	unsigned count = hw_machine()->hart_count;
	unsigned gone = 0;

	for (unsigned i = 0; i < count; i++)
		gone += live.gone[i];
	if (gone == count)
		return false;
	for (;;) {
		unsigned start = (unsigned)fake_random_below(&live.random, count);

		for (unsigned i = 0; i < count; i++) {
			*hart = (start + i) % count;
			if (live_can_run(*hart))
				return true;
		}
		u64 next = live_next_event();

		if (next == UINT64_MAX && live.when_idle && live.when_idle())
			continue;
		if (next == UINT64_MAX)
			live.over = true;
		else
			fake_set_time(max_u64(next, hw_time()));
	}
}

static inline void live_await_turn(unsigned hart)
{
	pthread_mutex_lock(&live.lock);
	while (live.holder != hart)
		pthread_cond_wait(&live.turn[hart], &live.lock);
	pthread_mutex_unlock(&live.lock);
}

static inline void live_give_turn(unsigned hart)
{
	pthread_mutex_lock(&live.lock);
	live.holder = hart;
	pthread_cond_signal(&live.turn[hart]);
	pthread_mutex_unlock(&live.lock);
}

/* The record of fences has an end, and nobody looks at it. */
static inline void live_turn_in_parallel(void)
{
	if (fake_fence_count() > FAKE_FENCE_MAX / 2)
		fake_clear_fences();
	fake_advance_time(1);
	usleep(0);
}

static inline void live_turn(void)
{
	unsigned self = hw_hart_index(), next;

	if (!live.running)
		return;
	if (live.parallel) {
		live_turn_in_parallel();
		return;
	}
	if (++live.turn_count > live.turn_max)
		fake_fail("%llu turns, and no end in sight", (unsigned long long)live.turn_max);
	fake_advance_time(1 + fake_random_below(&live.random, live.ticks));
	LIVE_CHECK(live_draw(&next));
	if (next == self)
		return;
	live_give_turn(next);
	live_await_turn(self);
}

static inline void live_send_ipi(u64 harts)
{
	(void)harts;
	live_turn();
}

static inline bool live_is_all_off(void)
{
	return __atomic_load_n(&live.all_off, __ATOMIC_RELAXED);
}

/* Sleeps until something is pending. */
static inline void live_sleep(void)
{
	unsigned self = hw_hart_index();

	if (!live.running)
		return;
	live.asleep[self] = true;
	do {
		/* The run loop shuts the machine down only once in the life of a program. */
		if (guest_all_off())
			__atomic_store_n(&live.all_off, true, __ATOMIC_RELAXED);
		live_turn();
	} while (!live.over && !live_is_all_off() && !live_is_pending(self));
	live.asleep[self] = false;
	if (live.over || live_is_all_off())
		hw_shutdown();
}

static inline void *live_hart(void *argument)
{
	unsigned self = (unsigned)(uintptr_t)argument, next;

	if (!live.parallel)
		live_await_turn(self);
	fake_set_hart(self);
	if (FAKE_CATCH_END(run_loop()) != FAKE_END_SHUTDOWN)
		fake_fail("hart %u: %s", self, fake_check_condition());
	live.gone[self] = true;
	if (!live.parallel && live_draw(&next))
		live_give_turn(next);
	return NULL;
}

/* Lets all harts run until every VM is off or nothing can happen any more (live.over). */
static inline void live_run(u64 seed)
{
	unsigned count = hw_machine()->hart_count;
	pthread_t threads[LIVE_HART_MAX];

	live.random.state = seed;
	live.turn_count = 0;
	live.over = live.all_off = false;
	live.running = true;
	for (unsigned i = 0; i < count; i++) {
		live.asleep[i] = live.gone[i] = false;
		assert_int_equal(pthread_create(&threads[i], NULL, live_hart, (void *)(uintptr_t)i),
				 0);
	}
	if (!live.parallel)
		live_give_turn((unsigned)fake_random_below(&live.random, count));
	for (unsigned i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	live.running = false;
	live.holder = LIVE_HART_MAX;
	fake_set_hart(0);
}

/* The same with threads that do not wait for each other. A hang ends the program. */
static inline void live_run_parallel(void)
{
	live.parallel = true;
	alarm(100);
	live_run(0);
	alarm(0);
	live.parallel = false;
}

/* ------------------------------------------------------------------------------------------------
 * What the world switch does.
 */

static inline u64 live_host_interrupt(void)
{
	unsigned self = hw_hart_index();

	if (fake_pending_ipis() >> self & 1)
		return CAUSE_INTERRUPT | IRQ_S_SOFT;
	if (fake_timer(self) <= hw_time())
		return CAUSE_INTERRUPT | IRQ_S_TIMER;
	if (self == 0 && fake_console_is_pending())
		return CAUSE_INTERRUPT | IRQ_S_EXT;
	return 0;
}

/* The light path may look at and change only the registers that the trap vector has saved. */
static inline bool live_run_light(struct vcpu *vcpu, u64 scause)
{
	u64 kept[32];

	for (unsigned i = 1; i < 32; i++) {
		kept[i] = vcpu->x[i];
		if (!(VCPU_LIGHT_REGISTERS >> i & 1))
			vcpu->x[i] = 0xdeaddeaddeaddead;
	}
	vcpu->x[0] = scause;
	bool again = switch_run_light(vcpu, scause);

	for (unsigned i = 1; i < 32; i++) {
		if (VCPU_LIGHT_REGISTERS >> i & 1)
			continue;
		LIVE_CHECK(vcpu->x[i] == 0xdeaddeaddeaddead);
		vcpu->x[i] = kept[i];
	}
	return again;
}

/* guest_full_vector: nothing is done here. */
static inline bool live_goes_full(struct vcpu *vcpu)
{
	LIVE_CHECK(!vcpu->deepen);
	return vcpu->full_exits;
}

/* True: the guest goes on. */
static inline bool live_trap(struct vcpu *vcpu, u64 scause)
{
	u64 *x = vcpu->x;

	if (scause != CAUSE_ECALL_VS)
		return live_run_light(vcpu, scause);
	vcpu->pc += 4;
	struct sbi_ret ret =
		switch_sbi_light(x[10], x[11], x[12], x[13], x[14], vcpu, x[16], x[17]);

	if (vcpu->deepen)
		return false;
	x[10] = (u64)ret.error;
	x[11] = ret.value;
	return true;
}

static inline u64 live_execute(struct vcpu *vcpu)
{
	u64 result = live.vms[vcpu->vm->id].code(vcpu);

	if (result == LIVE_WFI && (fake_csrs(hw_hart_index())->hstatus & HSTATUS_VTW)) {
		fake_csrs(hw_hart_index())->stval = 0x10500073;
		return CAUSE_VIRTUAL_INSTRUCTION;
	}
	if (result == LIVE_WFI)
		live_sleep();
	if (result == LIVE_WFI || result == LIVE_NEXT)
		vcpu->pc += 4;
	return result;
}

static inline u64 live_guest_run(struct vcpu *vcpu)
{
	/* As vcpu_load() left it: nobody else's guest is in the hart. */
	const struct fake_csrs *csr = fake_csrs(hw_hart_index());

	LIVE_CHECK(csr->hgatp >> HGATP_MODE_SHIFT != HW_GSTAGE_BARE);
	LIVE_CHECK((csr->hgatp & HGATP_PPN_MASK) ==
		   vcpu->vm->memory->gstage.root.value >> PAGE_SHIFT);
	LIVE_CHECK(csr->hstatus & HSTATUS_SPV);
	LIVE_CHECK(!live_is_all_off());
	for (;;) {
		live_turn();
		u64 scause = live_host_interrupt();

		if (!scause)
			scause = live_execute(vcpu);
		if (scause == LIVE_NEXT || scause == LIVE_STAY || scause == LIVE_WFI)
			continue;
		if (live_goes_full(vcpu) || !live_trap(vcpu, scause))
			return scause;
	}
}

/* ------------------------------------------------------------------------------------------------
 * Making VMs.
 */

static inline size_t live_transmit(void *context, const u8 *bytes, size_t length)
{
	struct live_vm *vm = context;

	LIVE_CHECK(length <= sizeof(vm->output) - vm->output_length);
	memcpy(vm->output + vm->output_length, bytes, length);
	vm->output_length += length;
	return length;
}

static inline size_t live_take(void *context, u8 *bytes, size_t length)
{
	(void)context;
	(void)bytes;
	(void)length;
	return 0;
}

static inline void live_flush(void *context)
{
	(void)context;
}

static inline void live_offer_input(void *context)
{
	struct live_vm *vm = context;

	vm->offer_count++;
}

#define LIVE_FDT (GUEST_RAM_BASE + 0x100000)

static inline enum status live_load_begin(void *context, struct guest_memory *memory)
{
	struct live_vm *vm = context;
	u64 word = 0x11111111;

	vm->begin_count++;
	vm->step_count = 0;
	live_turn(); /* loading takes its time */
	return guest_memory_write(memory, gpa(GUEST_RAM_BASE), &word, sizeof(word));
}

static inline enum status live_load_step(void *context, bool *done, gpa_t *entry, gpa_t *fdt)
{
	struct live_vm *vm = context;
	struct guest_memory *memory = &vm->guest->memory;
	u64 word = 0x22222222;

	live_turn();
	*done = ++vm->step_count >= vm->load_steps;
	*entry = gpa(GUEST_RAM_BASE);
	*fdt = gpa(LIVE_FDT);
	/* Loading takes memory as it goes. */
	return guest_memory_write(memory, gpa(GUEST_RAM_BASE + MIB(2) * vm->step_count), &word,
				  sizeof(word));
}

static inline void live_load_cancel(void *context)
{
	struct live_vm *vm = context;

	vm->cancel_count++;
}

/* Off, with rings that hold what a test records, or on for all. */
static inline void live_observe(void)
{
	static u8 rings[LIVE_HART_MAX][KIB(128)] __attribute__((aligned(8)));

	trace_forget();
	observe_stop(OBSERVE_TRACE | OBSERVE_PROFILE);
	for (unsigned i = 0; i < LIVE_HART_MAX; i++)
		trace_set_ring(i, rings[i], sizeof(rings[i]));
	if (getenv("LIVE_OBSERVE"))
		observe_start(OBSERVE_TRACE | OBSERVE_PROFILE);
}

/* The rooms as hyp_init() prepares them. */
static inline void live_start(const struct fake_options *options)
{
	fake_start_with_pages(options);
	tlb_forget();
	vmid_init(hw_machine()->vmid_bits);
	pcpu_init();
	sched_init(0);
	work_start();
	guest_forget_all();
	memset(live.vms, 0, sizeof(live.vms));
	live.vm_count = 0;
	live.over = false;
	live.turn_max = 300000;
	live.ticks = 8;
	live.when_idle = NULL;
	live.holder = LIVE_HART_MAX;
	live.free_count_at_start = page_free_count();
	live_observe();
	for (unsigned i = 0; i < LIVE_HART_MAX; i++)
		pthread_cond_init(&live.turn[i], NULL);
	fake_hooks.guest_run = live_guest_run;
	fake_hooks.send_ipi = live_send_ipi;
	fake_hooks.pause = live_turn;
	fake_hooks.wait = live_sleep;
}

/* With so many harts and all features less those, slices of 100 ticks, and little memory. */
static inline void live_start_with(unsigned hart_count, u32 less_features)
{
	struct fake_options options = fake_defaults();

	options.hart_count = hart_count;
	options.features &= ~less_features;
	options.timebase_hz = 100 * 1000 / SCHED_SLICE_MS;
	live_start(&options);
}

static inline enum status live_try_create(unsigned vcpu_count, live_code code, bool pinned)
{
	assert_true(live.vm_count < LIVE_VM_MAX);
	struct live_vm *vm = &live.vms[live.vm_count];
	const struct guest_config config = {
		.name = "live",
		.vcpu_count = vcpu_count,
		.memory_size = MIB(8),
		.memory_pinned = pinned,
		.loader = {live_load_begin, live_load_step, live_load_cancel, vm},
		.console = {live_transmit, live_take, live_offer_input, live_flush, vm},
	};

	vm->code = code;
	vm->load_steps = 3;
	enum status status = guest_create(&config, &vm->guest);

	if (status == STATUS_OK)
		live.vm_count++;
	return status;
}

static inline struct live_vm *live_create(unsigned vcpu_count, live_code code)
{
	assert_int_equal(live_try_create(vcpu_count, code, false), STATUS_OK);
	return &live.vms[live.vm_count - 1];
}

static inline void live_start_guests(void)
{
	for (unsigned i = 0; i < live.vm_count; i++)
		assert_int_equal(guest_start(live.vms[i].guest), STATUS_OK);
}

/* Nothing is due now: on to when something is, so that delays cost no time. */
static inline void live_skip_to_work(void)
{
	u64 next = UINT64_MAX;

	for (unsigned i = 0; i < hw_machine()->hart_count; i++)
		next = min_u64(next, pcpu_get(i)->next_work);
	fake_set_time(next == UINT64_MAX ? hw_time() + 1 : max_u64(next, hw_time() + 1));
}

/* Does work until the VM runs (its vCPU 0 is ready) or is off, and lets the other harts do
 * their part of it. */
static inline void live_load(struct live_vm *vm)
{
	unsigned self = hw_hart_index();

	while (vm->guest->state != GUEST_RUNNING && vm->guest->state != GUEST_OFF) {
		if (!work_do(pcpu_this(), false))
			live_skip_to_work();
		for (unsigned i = 0; i < hw_machine()->hart_count; i++) {
			fake_set_hart(i);
			recycle_serve(pcpu_this());
		}
		fake_set_hart(self);
	}
}

/* For tests that are the harts themselves: a VM that runs, without threads. */
static inline struct live_vm *live_create_running(unsigned vcpu_count, live_code code)
{
	struct live_vm *vm = live_create(vcpu_count, code);

	assert_int_equal(guest_start(vm->guest), STATUS_OK);
	live_load(vm);
	assert_int_equal(vm->guest->state, GUEST_RUNNING);
	return vm;
}

static inline struct live_vm *live_vm_of(const struct vcpu *vcpu)
{
	return &live.vms[vcpu->vm->id];
}

/* ------------------------------------------------------------------------------------------------
 * For guests' code.
 */

/* Which instruction pc is at, counted from where the VM starts. */
static inline unsigned live_line(const struct vcpu *vcpu)
{
	return (unsigned)((vcpu->pc - GUEST_RAM_BASE) / 4);
}

static inline u64 live_address(unsigned line)
{
	return GUEST_RAM_BASE + 4 * line;
}

static inline u64 live_jump(struct vcpu *vcpu, unsigned line)
{
	vcpu->pc = live_address(line);
	return LIVE_STAY;
}

static inline u64 live_ecall(struct vcpu *vcpu, u64 eid, u64 function, u64 a0, u64 a1, u64 a2)
{
	vcpu->x[17] = eid;
	vcpu->x[16] = function;
	vcpu->x[10] = a0;
	vcpu->x[11] = a1;
	vcpu->x[12] = a2;
	vcpu->x[13] = 0;
	return CAUSE_ECALL_VS;
}

static inline u64 live_shutdown(struct vcpu *vcpu)
{
	return live_ecall(vcpu, SBI_EID_SRST, 0, 0, 0, 0);
}

static inline u64 live_reboot(struct vcpu *vcpu)
{
	return live_ecall(vcpu, SBI_EID_SRST, 0, 1, 0, 0);
}

static inline u64 live_fault(u64 cause, u64 address, u64 htinst)
{
	struct fake_csrs *csr = fake_csrs(hw_hart_index());

	csr->stval = address;
	csr->htval = address >> 2;
	csr->htinst = htinst;
	return cause;
}

/* Without a model of caches. */
static inline u64 live_present(const struct vcpu *vcpu, u64 address)
{
	struct gstage_leaf leaf;

	return gstage_walk(&vcpu->vm->memory->gstage, gpa(address), &leaf) == STATUS_OK
		       ? leaf.address.value
		       : TLB_ABSENT;
}

/* A store to guest-physical RAM: faults until the hart sees something there. */
static inline u64 live_store(struct vcpu *vcpu, u64 address, u64 value)
{
	u64 target = live.parallel ? live_present(vcpu, address) : tlb_translate(vcpu, address);

	if (target == TLB_ABSENT)
		return live_fault(CAUSE_STORE_GUEST_PAGE_FAULT, address, 0x3023);
	__atomic_store_n((u64 *)hw_ram(hpa(target)), value, __ATOMIC_RELAXED);
	return LIVE_NEXT;
}

/* An instruction fetch from RAM that the hart sees: from what it keeps of earlier fetches, if it
 * can. The guest has written the code before, in this life, and has executed no FENCE.I since. */
static inline void live_fetch(struct vcpu *vcpu, u64 address)
{
	u64 life = live_vm_of(vcpu)->begin_count * LIVE_VM_MAX + vcpu->vm->id;
	u64 target = tlb_translate(vcpu, address);

	LIVE_CHECK(!live.parallel && target != TLB_ABSENT);
	/* Instructions of another life or VM are none of its business. */
	LIVE_CHECK(tlb_look_up(TLB_CODE, 0, align_down(target, PAGE_SIZE), life) == life);
}

/* sip & sie as the guest sees them. */
static inline u64 live_interrupts(void)
{
	return (hw_read_hip() >> 1) & hw_read_vsie();
}

/* What a secondary vCPU may be at when something happens to its VM, from that line on and for ever:
 * it waits, computes, calls, and every third one stops. */
static inline u64 live_do_this_and_that(struct vcpu *vcpu, unsigned first)
{
	unsigned line = live_line(vcpu);

	switch ((line + vcpu->id) % 4) {
	case 0:
		return LIVE_WFI;
	case 1:
		return live_ecall(vcpu, SBI_EID_IPI, 0, 0, ~0ULL, 0);
	case 2:
		hw_write_vsie(vcpu->id % 2 ? 0x222 : 0);
		return line > first + 20 ? live_jump(vcpu, first) : LIVE_NEXT;
	default:
		if (vcpu->id % 3 == 2 && line > first + 4)
			return live_ecall(vcpu, SBI_EID_HSM, 1, 0, 0, 0);
		return live_ecall(vcpu, SBI_EID_RFENCE, 1, 0, ~0ULL, 0);
	}
}

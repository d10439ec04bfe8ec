/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owns the modes, and of each vCPU full_exits and the profile, which only the hart that it runs on
 * writes. An exit is handled by the functions of the light path and, if they ask for it, by those
 * of the full path: there is no second way to do anything.
 *
 * What can be seen here is recorded here, so that the paths themselves need not be touched.
 */
#include "hyp/vm/observe.h"

#include <string.h>

#include "hyp/csr.h"
#include "hyp/sbi/sbi.h"
#include "hyp/trace.h"
#include "hyp/vm/guest.h"
#include "hyp/vm/run.h"
#include "hyp/vm/switch.h"

u32 observe_modes;

/* Counts the starts of OBSERVE_PROFILE. */
static u32 profile;

/* ---- Switching ---- */

/* Whoever is in a guest leaves it once, for the scheduler, and asks observe_is_on() when it comes
 * back to one. */
static void interrupt_guests(void)
{
	u64 harts = 0;

	for (struct guest *guest = guest_next(NULL); guest; guest = guest_next(guest)) {
		for (unsigned i = 0; i < guest->vm.vcpu_count; i++) {
			struct vcpu *vcpu = vm_vcpu(&guest->vm, i);
			s32 hart = __atomic_load_n(&vcpu->running_on, __ATOMIC_SEQ_CST);

			if (hart < 0)
				continue;
			__atomic_fetch_or(&vcpu->requests, REQUEST_LEAVE, __ATOMIC_SEQ_CST);
			harts |= BIT(hart);
		}
	}
	if (harts)
		hw_send_ipi(harts);
}

void observe_start(enum observe_mode mode)
{
	if (mode & OBSERVE_PROFILE)
		__atomic_fetch_add(&profile, 1, __ATOMIC_RELAXED);
	if (mode & OBSERVE_TRACE)
		trace_start();
	__atomic_fetch_or(&observe_modes, mode, __ATOMIC_SEQ_CST);
	interrupt_guests();
}

void observe_stop(enum observe_mode mode)
{
	if (mode & OBSERVE_TRACE)
		trace_stop();
	__atomic_fetch_and(&observe_modes, ~(u32)mode, __ATOMIC_SEQ_CST);
	interrupt_guests();
}

/* ---- Profile ---- */

unsigned observe_cause(u64 scause)
{
	switch (scause) {
	case CAUSE_INTERRUPT | IRQ_S_SOFT:
		return EXIT_COUNT_SOFT;
	case CAUSE_INTERRUPT | IRQ_S_TIMER:
		return EXIT_COUNT_TIMER;
	case CAUSE_INTERRUPT | IRQ_S_EXT:
		return EXIT_COUNT_DEVICE;
	default:
		return scause < EXIT_COUNT_SOFT ? (unsigned)scause : EXIT_COUNT_OTHER;
	}
}

bool observe_has_times(const struct vcpu *vcpu)
{
	u32 current = __atomic_load_n(&profile, __ATOMIC_RELAXED);

	return current != 0 && __atomic_load_n(&vcpu->profile, __ATOMIC_ACQUIRE) == current;
}

static void begin_profile(struct vcpu *vcpu)
{
	if (!observe_has(OBSERVE_PROFILE) || observe_has_times(vcpu))
		return;
	vcpu->guest_time = 0;
	memset(vcpu->exit_time, 0, sizeof(vcpu->exit_time));
	memset(vcpu->exit_timed, 0, sizeof(vcpu->exit_timed));
	__atomic_store_n(&vcpu->profile, __atomic_load_n(&profile, __ATOMIC_RELAXED),
			 __ATOMIC_RELEASE);
}

static void count_times(struct vcpu *vcpu, u64 scause, u64 guest_time, u64 exit_time)
{
	unsigned cause = observe_cause(scause);

	if (!observe_has(OBSERVE_PROFILE))
		return;
	vcpu->guest_time += guest_time;
	vcpu->exit_time[cause] += exit_time;
	vcpu->exit_timed[cause]++;
}

/* ---- Trace ---- */

/* What the guest gets is in hvip when it is entered and was not when it exited: the guest clears
 * VSSIP itself, and the other two are levels. */
static void record_entry(const struct vcpu *vcpu, u64 hvip_at_exit)
{
	u64 fresh = vs_read_hvip(vcpu) & ~hvip_at_exit;

	if (fresh)
		trace(TRACE_INTERRUPT, vcpu, fresh);
	trace(TRACE_ENTRY, vcpu, 0);
}

/* An exception that the handling of an exit gave to the guest shows: the guest goes on at its
 * handler, and would return to where it exited. */
static void record_injection(const struct vcpu *vcpu, u64 pc_at_exit)
{
	if (vcpu->pc == (vs_read_vstvec(vcpu) & ~3ULL) && vs_read_vsepc(vcpu) == pc_at_exit)
		trace(TRACE_INJECT, vcpu, vs_read_vscause(vcpu));
}

/* ---- The loop ---- */

static void handle(struct vcpu *vcpu, u64 scause)
{
	if (scause == CAUSE_ECALL_VS)
		sbi_light_saved(vcpu);
	else
		(void)run_light(vcpu, scause);
	run_full(vcpu, scause);
}

/* One exit, from entry to the end of its handling; gives hvip as it was at the exit. *time is when
 * the one before had been handled. */
static u64 run_once(struct vcpu *vcpu, u64 hvip, u64 *time)
{
	bool tracing = observe_has(OBSERVE_TRACE);

	if (tracing)
		record_entry(vcpu, hvip);
	u64 scause = switch_guest_run(vcpu);
	u64 exited = hw_time();
	u64 pc = vcpu->pc;

	if (tracing) {
		trace(TRACE_EXIT, vcpu, scause);
		hvip = vs_read_hvip(vcpu);
	}
	handle(vcpu, scause);
	if (tracing && scause < EXIT_COUNT_SOFT)
		record_injection(vcpu, pc);
	u64 handled = hw_time();

	count_times(vcpu, scause, exited - *time, handled - exited);
	*time = handled;
	return hvip;
}

void observe_run(struct vcpu *vcpu)
{
	u64 time = hw_time();
	u64 hvip = 0;

	begin_profile(vcpu);
	vcpu->full_exits = true;
	while (!vcpu->leave) {
		/* Nobody wants to know, but for the build in which every exit goes this way. */
		if (!__atomic_load_n(&observe_modes, __ATOMIC_RELAXED))
			handle(vcpu, switch_guest_run(vcpu));
		else
			hvip = run_once(vcpu, hvip, &time);
	}
	vcpu->full_exits = false;
}

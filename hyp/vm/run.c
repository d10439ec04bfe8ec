/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pick, load, enter, handle, put. Owns pcpu->current, and vcpu->leave and vcpu->wait while the vCPU
 * is RUNNING.
 *
 * Nothing is polled on the way back into a guest: whoever wants something of this hart or of its
 * vCPU sends an IPI, which is taken as soon as the guest is entered.
 */
#include "hyp/vm/run.h"

#include "hyp/csr.h"
#include "hyp/exit/exit.h"
#include "hyp/exit/mmio.h"
#include "hyp/sbi/sbi.h"
#include "hyp/vm/guest.h"
#include "hyp/vm/hsm.h"
#include "hyp/vm/lifecycle.h"
#include "hyp/vm/observe.h"
#include "hyp/vm/recycle.h"
#include "hyp/vm/requests.h"
#include "hyp/vm/sched.h"
#include "hyp/vm/steal.h"
#include "hyp/vm/switch.h"
#include "hyp/vm/timer.h"
#include "hyp/vm/vcpu_load.h"
#include "hyp/vm/work.h"

/* ---- Exits ---- */

static NOINLINE bool host_interrupt(struct vcpu *vcpu, u64 scause)
{
	struct pcpu *pcpu = pcpu_this();

	switch (hw_serve_interrupt(scause)) {
	case HW_INTERRUPT_SOFT:
		vcpu->exit_count[EXIT_COUNT_SOFT]++;
		break;
	case HW_INTERRUPT_TIMER:
		vcpu->exit_count[EXIT_COUNT_TIMER]++;
		pcpu->timer_set = PCPU_TIMER_UNKNOWN;
		break;
	case HW_INTERRUPT_DEVICE:
		vcpu->exit_count[EXIT_COUNT_DEVICE]++;
		break;
	case HW_INTERRUPT_OTHER:
		vcpu->exit_count[EXIT_COUNT_OTHER]++;
		break;
	}
	/* First, as it takes every interrupt that is pending, without what has to follow here. */
	timer_poll(pcpu);
	timer_rang(vcpu);
	recycle_serve(pcpu);
	guest_offer_input();
	requests_serve(vcpu);
	vcpu_set_wfi_trap(vcpu, sched_trap_wfi(pcpu));
	if (!sched_tick(pcpu) || work_is_due(pcpu))
		vcpu->leave = 1;
	pcpu_update_timer(pcpu);
	return !vcpu->leave;
}

static NOINLINE bool exception(struct vcpu *vcpu, u64 scause)
{
	return exit_exception(vcpu, scause, VCPU_LIGHT_REGISTERS);
}

static NOINLINE bool access(struct vcpu *vcpu, u64 scause)
{
	return mmio_light(vcpu) || exception(vcpu, scause);
}

bool run_light(struct vcpu *vcpu, u64 scause)
{
	if (scause & CAUSE_INTERRUPT)
		return host_interrupt(vcpu, scause);
	if (LIKELY(scause < EXIT_COUNT_SOFT))
		vcpu->exit_count[scause]++;
	if (scause == CAUSE_LOAD_GUEST_PAGE_FAULT || scause == CAUSE_STORE_GUEST_PAGE_FAULT)
		return access(vcpu, scause);
	return exception(vcpu, scause);
}

void run_deeper(struct vcpu *vcpu, u64 scause)
{
	vcpu->deepen = 0;
	if (scause == CAUSE_ECALL_VS)
		sbi_full(vcpu);
	else
		(void)exit_exception(vcpu, scause, VCPU_ALL_REGISTERS);
}

/* ---- The loop ---- */

static void enter(struct pcpu *pcpu, struct vcpu *vcpu)
{
	pcpu->current = vcpu;
	vcpu->leave = 0;
	vcpu->wait = 0;
	hsm_resume(vcpu);
	vcpu_load(vcpu);
	__atomic_store_n(&vcpu->running_on, (s32)pcpu->index, __ATOMIC_SEQ_CST);
	requests_serve(vcpu);
	/* A request to leave that came before the vCPU was reset is lost, not so the reason. */
	if (!guest_may_run(guest_of(vcpu->vm)) || work_is_due(pcpu))
		vcpu->leave = 1;
	timer_rang(vcpu);
	pcpu_update_timer(pcpu);
	steal_publish(vcpu);
}

static void exit_vcpu(struct pcpu *pcpu, struct vcpu *vcpu)
{
	sched_exit(pcpu, vcpu);
	hsm_stopped(vcpu);
	guest_vcpu_left(guest_of(vcpu->vm));
}

static void park_vcpu(struct pcpu *pcpu, struct vcpu *vcpu)
{
	struct guest *guest = guest_of(vcpu->vm);

	if (vcpu->wait)
		vcpu->wait_deadline = timer_deadline(vcpu);
	sched_park_self(pcpu, vcpu, vcpu->wait);
	guest_vcpu_parked(guest);
	/* Who ends a VM stops its parked vCPUs, and may not have found this one among them. */
	if (guest_is_ending(guest) && sched_stop(vcpu))
		guest_vcpu_left(guest);
}

/* One of them has a reason to leave: which, in order of strength. */
static void leave(struct pcpu *pcpu, struct vcpu *vcpu)
{
	pcpu->current = NULL;
	vcpu_put(vcpu);
	if (!guest_may_run(guest_of(vcpu->vm)))
		guest_stop_clock(guest_of(vcpu->vm));
	if (guest_is_ending(guest_of(vcpu->vm)) || hsm_is_stopping(vcpu)) {
		exit_vcpu(pcpu, vcpu);
	} else if (!guest_may_run(guest_of(vcpu->vm))) {
		park_vcpu(pcpu, vcpu);
	} else if (vcpu->wait) {
		vcpu->wait_deadline = timer_deadline(vcpu);
		sched_wait(pcpu, vcpu);
	} else {
		steal_note_preempted(vcpu);
		sched_requeue(pcpu, vcpu);
	}
}

static void run_vcpu(struct pcpu *pcpu, struct vcpu *vcpu)
{
	struct guest *guest = guest_of(vcpu->vm);

	/* It may have been woken for no other reason than that its VM pauses or ends: not even its
	 * wait is over then. */
	if (!guest_may_run(guest)) {
		if (guest_is_ending(guest))
			exit_vcpu(pcpu, vcpu);
		else
			park_vcpu(pcpu, vcpu);
		return;
	}
	enter(pcpu, vcpu);
	if (observe_is_on())
		observe_run(vcpu);
	while (!vcpu->leave)
		run_full(vcpu, switch_guest_run(vcpu));
	leave(pcpu, vcpu);
}

/* A VM that has ended waits for the harts to let go of its tables. */
static void drop_ended(const struct pcpu *pcpu)
{
	if (pcpu->loaded && guest_is_ending(guest_of(pcpu->loaded->vm)))
		vcpu_unload();
}

/* One hart ends the machine; the others see the same and wait for it. */
static void end_machine_if_over(void)
{
	static u32 ending;

	if (!guest_all_off() || __atomic_exchange_n(&ending, 1, __ATOMIC_RELAXED))
		return;
	guest_flush_consoles();
	log_info("all virtual machines are off");
	hw_shutdown();
}

_Noreturn void run_loop(void)
{
	struct pcpu *pcpu = pcpu_this();

	for (;;) {
		struct vcpu *vcpu = sched_pick(pcpu);

		if (vcpu)
			run_vcpu(pcpu, vcpu);
		drop_ended(pcpu);
		recycle_serve(pcpu);
		bool worked = work_do(pcpu, vcpu != NULL);

		if (vcpu)
			continue;
		end_machine_if_over();
		if (worked)
			continue;
		sched_idle(pcpu);
		/* What it was woken for, as in host_interrupt(): the vCPU that it may enter next
		 * need not come back for long. */
		timer_poll(pcpu);
		recycle_serve(pcpu);
		guest_offer_input();
	}
}

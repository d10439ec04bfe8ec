/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bringing up harts. A struct hart is written by the boot hart until it starts that hart, by that
 * hart until it sets its state, and by the boot hart again until hart_release_others(). "known" and
 * "released" are the boot hart's, and the others watch the latter.
 */
#include "platform/hart.h"

#include "hyp/check.h"
#include "hyp/hyp.h"
#include "hyp/log.h"
#include "platform/csr.h"
#include "platform/hostsbi.h"
#include "platform/image.h"
#include "platform/pagetable.h"

#define HCOUNTEREN_TIME 7 /* cycle, time, instret */

static bool released;

static const struct hart *known[HW_HART_MAX];
static unsigned known_count;

void hart_register(struct hart *hart)
{
	CHECK(known_count < HW_HART_MAX);
	known[known_count++] = hart;
}

bool hart_is_known(const struct hart *hart)
{
	for (unsigned i = 0; i < known_count; i++) {
		if (known[i] == hart)
			return true;
	}
	return false;
}

void hart_park(void)
{
	csr_write(sie, 0);
	for (;;)
		hw_wait();
}

void hart_init_csrs(void)
{
	csr_write(hedeleg, hart_self()->probe.hedeleg);
	csr_write(hideleg, hart_self()->probe.hideleg);
	csr_write(hcounteren, HCOUNTEREN_TIME);
	csr_write(hstatus, HSTATUS_VSXL_64);
	/* senvcfg of a guest lives in the register that the host would use; with Smstateen it traps
	 * from VS-mode unless hstateen0 lets it. Other state stays shut, custom or standard,
	 * whatever the firmware left open (Privileged ISA, "State Enable Extensions"): nobody
	 * switches it. */
	(void)csr_try_write(hstateen0, HSTATEEN0_ENVCFG);
	(void)csr_try_write(hstateen1, 0);
	(void)csr_try_write(hstateen2, 0);
	(void)csr_try_write(hstateen3, 0);
	/* AIA's ways to give a guest interrupts, beside hvip (AIA, "Virtual interrupts for VS
	 * level"). */
	(void)csr_try_write(CSR_HVIEN, 0);
	(void)csr_try_write(CSR_HVICTL, 0);
	csr_write(hvip, 0);
	csr_write(hie, 0);
	csr_write(hgatp, 0);
	/* Whatever ran here before us may have left translations. */
	hw_hfence_gvma_all();
	hw_hfence_vvma_all();
	hw_set_timer(UINT64_MAX);
	csr_clear(sip, BIT(IRQ_S_SOFT));
	csr_write(sie, BIT(IRQ_S_SOFT) | BIT(IRQ_S_TIMER) | BIT(IRQ_S_EXT));
}

static bool change_state(struct hart *hart, enum hart_state from, enum hart_state to)
{
	u32 expected = from;

	return __atomic_compare_exchange_n(&hart->state, &expected, to, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE);
}

/* Back to the firmware, which may know a deeper sleep. */
static _Noreturn void stop(void)
{
	csr_write(satp, 0);
	__asm__ volatile("sfence.vma" : : : "memory");
	hostsbi_hart_stop();
	hart_park();
}

static void wait_for_release(void)
{
	csr_write(sie, BIT(IRQ_S_SOFT));
	while (!__atomic_load_n(&released, __ATOMIC_ACQUIRE)) {
		hw_wait();
		csr_clear(sip, BIT(IRQ_S_SOFT));
		__asm__ volatile("fence io, rw" : : : "memory");
	}
}

/* Called by secondary_start on the hart's own stack. */
_Noreturn void hart_main(u64 id, struct hart *hart);

_Noreturn void hart_main(u64 id, struct hart *hart)
{
	(void)id;
	if (__atomic_load_n(&hart->state, __ATOMIC_ACQUIRE) != HART_STARTING)
		stop();
	hart->refusal = pagetable_enable() ? probe_hart(hart->named, &hart->probe)
					   : "satp does not take the boot hart's mode";
	if (!change_state(hart, HART_STARTING, hart->refusal == NULL ? HART_READY : HART_REFUSED) ||
	    hart->refusal != NULL)
		stop();
	wait_for_release();
	hart_init_csrs();
	hyp_run();
}

/* True if the hart came up and can be used. */
static bool start(struct hart *hart, u64 patience)
{
	u64 deadline = hw_time() + patience;
	s64 error;

	hart->state = HART_STARTING;
	error = hostsbi_hart_start(hart->id, (u64)secondary_start, (u64)hart);
	if (error != 0) {
		log_error("hart %llu stays unused: the firmware does not start it (SBI error %lld)",
			  (unsigned long long)hart->id, (long long)error);
		return false;
	}
	while (__atomic_load_n(&hart->state, __ATOMIC_ACQUIRE) == HART_STARTING) {
		if (hw_time() >= deadline && change_state(hart, HART_STARTING, HART_ABANDONED)) {
			log_error("hart %llu stays unused: it does not come up",
				  (unsigned long long)hart->id);
			return false;
		}
		hw_pause();
	}
	if (hart->state == HART_REFUSED)
		log_error("hart %llu stays unused: %s", (unsigned long long)hart->id,
			  hart->refusal);
	return hart->state == HART_READY;
}

unsigned hart_start_others(struct hart **harts, unsigned count, u64 timebase_hz)
{
	unsigned used = 1;

	if (count > 1 && (!hostsbi_has_hsm() || !hostsbi_has_ipi())) {
		log_error("the firmware has no SBI %s: only hart %llu is used",
			  hostsbi_has_hsm() ? "IPI" : "HSM", (unsigned long long)harts[0]->id);
		return used;
	}
	for (unsigned i = 1; i < count; i++) {
		if (!start(harts[i], timebase_hz))
			continue;
		harts[i]->index = used;
		harts[used++] = harts[i];
	}
	return used;
}

void hart_release_others(void)
{
	unsigned count = hw_machine()->hart_count;

	__atomic_store_n(&released, true, __ATOMIC_RELEASE);
	if (count > 1)
		hw_send_ipi((count == 64 ? ~0ULL : BIT(count) - 1) & ~BIT(0));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owns what is known of each vCPU's last call and of where it goes on. Sections are of the RISC-V
 * Supervisor Binary Interface Specification. What other harts may have changed while a call was
 * under way is left open when they had a chance (machine.yield_count).
 */
#include "tests/fuzz/sbi_model.h"

#include "hyp/csr.h"
#include "hyp/mem/page.h"
#include "hyp/sbi/sbi.h"
#include "tests/fuzz/machine.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/sbi_answer.h"

#define VCPU_COUNT_MAX 4

/* Where a vCPU's next instruction must be, if it comes in the same life of its VM. */
struct entry {
	enum { NOWHERE, RESUMED, STARTED } kind;
	unsigned life;
	u64 pc, opaque;
	u64 x[32];
};

/* A vCPU of the caller's VM when the call came. */
struct other {
	s32 hart;
	u64 pick_count;
	enum hsm_state hsm;
};

struct call {
	const struct vcpu *vcpu;
	struct other others[VCPU_COUNT_MAX];
	u64 fences[MACHINE_HART_MAX][MACHINE_FENCE_KINDS];
	u64 scause;
	u64 x[32], pc;
	struct fake_csrs csr;
	struct sbi_answer answer;
	u64 yield_count;
	u64 sent;
	u64 failures_left; /* of allocations */
	unsigned input_count;
};

/* What a vCPU has set its timer to, in its own time, and what that was last. */
struct clock {
	bool is_set;
	unsigned life;
	u64 timer, seen;
};

static struct {
	struct clock clocks[MACHINE_VM_MAX][VCPU_COUNT_MAX];
	struct call calls[MACHINE_HART_MAX];
	struct entry entries[MACHINE_VM_MAX][VCPU_MAX];
} model;

static struct entry *entry_of(const struct vcpu *vcpu)
{
	return &model.entries[vcpu->vm->id][vcpu->id];
}

static struct machine_vm *machine_vm_of(const struct vcpu *vcpu)
{
	return &machine.vms[vcpu->vm->id];
}

static struct clock *clock_of(const struct vcpu *vcpu)
{
	struct clock *clock = &model.clocks[vcpu->vm->id][vcpu->id];
	unsigned life = machine_vm_of(vcpu)->begin_count;

	if (clock->life != life)
		*clock = (struct clock){.life = life};
	return clock;
}

static u64 guest_time(const struct vcpu *vcpu)
{
	return hw_time() + vcpu->vm->htimedelta;
}

static void note_timer(const struct call *call)
{
	struct clock *clock = clock_of(call->vcpu);

	clock->is_set = true;
	clock->timer = call->x[10];
}

static void expect_at(const struct vcpu *vcpu, u64 pc, u64 opaque)
{
	*entry_of(vcpu) = (struct entry){.kind = STARTED,
					 .life = machine_vm_of(vcpu)->begin_count,
					 .pc = pc,
					 .opaque = opaque};
}

/* ------------------------------------------------------------------------------------------------
 * Calls.
 */

/* Where the caller goes on, if it does. */
static void note_leaving(const struct vcpu *vcpu)
{
	u64 eid = vcpu->x[17], function = vcpu->x[16];
	struct entry *entry = entry_of(vcpu);

	if (eid == SBI_EID_SUSP) {
		expect_at(vcpu, vcpu->x[11], vcpu->x[12]);
	} else if (eid == SBI_EID_HSM && function == 3 && (u32)vcpu->x[10] != 0) {
		expect_at(vcpu, vcpu->x[11], vcpu->x[12]);
	} else if (eid == SBI_EID_HSM && function == 3) {
		*entry = (struct entry){.kind = RESUMED,
					.life = machine_vm_of(vcpu)->begin_count,
					.pc = vcpu->pc + 4};
		memcpy(entry->x, vcpu->x, sizeof(entry->x));
		entry->x[10] = entry->x[11] = 0;
	}
}

static void note_others(struct call *call)
{
	const struct vm *vm = call->vcpu->vm;

	REQUIRE(vm->vcpu_count <= VCPU_COUNT_MAX);
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		call->others[i] = (struct other){vm->vcpus[i]->running_on, vm->vcpus[i]->pick_count,
						 vm->vcpus[i]->hsm};
	machine_count_fences();
	memcpy(call->fences, machine.fences, sizeof(call->fences));
}

void sbi_model_before(struct vcpu *vcpu, u64 scause)
{
	struct call *call = &model.calls[hw_hart_index()];

	*call = (struct call){
		.vcpu = vcpu,
		.scause = scause,
		.pc = vcpu->pc,
		.csr = *fake_csrs(hw_hart_index()),
		.yield_count = machine.yield_count,
		.sent = machine_vm_of(vcpu)->sent,
		.failures_left = page_failures_left(),
		.input_count = machine_vm_of(vcpu)->input_count,
	};
	memcpy(call->x, vcpu->x, sizeof(call->x));
	if (scause != CAUSE_ECALL_VS || vcpu->x[17] <= 8)
		return;
	note_others(call);
	call->answer = sbi_answer_to(vcpu);
	if (call->answer.leaves)
		note_leaving(vcpu);
}

static void check_kept(const struct call *call, u32 may_change)
{
	for (unsigned i = 1; i < 32; i++)
		if (!(may_change >> i & 1))
			REQUIRE_EQUAL(call->vcpu->x[i], call->x[i]);
}

/* "Legacy Extensions": one result in a0. Those with a pointer may trap. */
static void check_legacy(const struct call *call)
{
	const struct vcpu *vcpu = call->vcpu;
	bool has_pointer = call->x[17] >= 4 && call->x[17] <= 7;

	if (vcpu->pc == call->pc + 4) {
		if (call->x[17] == 0)
			note_timer(call);
		check_kept(call, 1 << 10);
		return;
	}
	check_kept(call, 0);
	if (vcpu->pc == call->pc)
		return;
	REQUIRE(has_pointer);
	REQUIRE_EQUAL(vcpu->pc, hw_read_vstvec() & ~3ULL);
	REQUIRE_EQUAL(hw_read_vsepc(), call->pc);
}

static bool is_named(const struct vcpu *vcpu, u64 mask, u64 base)
{
	unsigned i = vcpu->id;

	return base == ~0ULL || (base <= i && i - base < 64 && (mask >> (i - base) & 1));
}

/* Who runs, the caller too, has executed the fence meanwhile; who does not will before anything
 * else. Those that came and went are left open. */
static void check_fence(const struct call *call, const struct vcpu *target)
{
	const struct other *was = &call->others[target->id];
	unsigned kind = call->x[16] == 0 ? MACHINE_FENCE_I : MACHINE_VS_STAGE;
	u32 bit = call->x[16] == 0 ? REQUEST_FENCE_I : REQUEST_VVMA;

	if (was->pick_count != target->pick_count || was->hart != target->running_on)
		return;
	/* A range of nothing. */
	if (target == call->vcpu && call->x[16] != 0 && call->x[12] != 0 && call->x[13] == 0)
		return;
	if (was->hart >= 0)
		REQUIRE(machine.fences[was->hart][kind] != call->fences[was->hart][kind]);
	else if (was->hsm == HSM_STARTED && target->hsm == HSM_STARTED)
		REQUIRE(target->requests & bit);
}

/* What a successful call has done, as far as nobody else can have undone it. */
static void check_effect(const struct call *call)
{
	const struct vcpu *vcpu = call->vcpu;
	const u64 *a = &call->x[10];
	const struct machine_vm *vm = machine_vm_of(vcpu);

	switch (call->x[17]) {
	case SBI_EID_TIME:
		note_timer(call);
		if (hw_has(HW_FEATURE_SSTC))
			REQUIRE_EQUAL(hw_read_vstimecmp(), a[0]);
		else if (a[0] <= hw_time() + vcpu->vm->htimedelta)
			REQUIRE(hw_read_hvip() & HVIP_VSTIP);
		else
			REQUIRE(!(hw_read_hvip() & HVIP_VSTIP));
		break;
	case SBI_EID_IPI:
		for (unsigned i = 0; i < vcpu->vm->vcpu_count; i++) {
			const struct vcpu *target = vcpu->vm->vcpus[i];
			bool named = is_named(target, a[0], a[1]);

			if (named && target == vcpu)
				REQUIRE(hw_read_hvip() & HVIP_VSSIP);
			else if (named && call->yield_count == machine.yield_count)
				REQUIRE(target->irq_posted & HVIP_VSSIP);
		}
		break;
	case SBI_EID_RFENCE:
		machine_count_fences();
		for (unsigned i = 0; i < vcpu->vm->vcpu_count; i++)
			if (is_named(vcpu->vm->vcpus[i], a[0], a[1]))
				check_fence(call, vcpu->vm->vcpus[i]);
		break;
	case SBI_EID_DBCN:
		if (call->x[16] == 0) {
			REQUIRE(vcpu->x[11] <= a[0] && vcpu->x[11] <= 256);
			REQUIRE(vm->sent - call->sent >= vcpu->x[11]);
		} else if (call->x[16] == 1) {
			REQUIRE(vcpu->x[11] <= a[0] && vcpu->x[11] <= 256);
		}
		break;
	case SBI_EID_STA:
		REQUIRE_EQUAL(vcpu->steal_on, a[0] != ~0ULL || a[1] != ~0ULL);
		if (vcpu->steal_on && call->yield_count == machine.yield_count) {
			const u64 *area = machine_ram(vcpu->vm, a[0], 64);

			REQUIRE(area != NULL);
			for (unsigned i = 0; i < 8; i++)
				REQUIRE_EQUAL(area[i], 0);
		}
		break;
	case SBI_EID_HSM:
		if (call->x[16] == 0)
			expect_at(vcpu->vm->vcpus[a[0]], a[1], a[2]);
		break;
	}
}

static void check_call(const struct call *call)
{
	const struct vcpu *vcpu = call->vcpu;
	const struct sbi_answer *answer = &call->answer;
	bool others = call->yield_count != machine.yield_count ||
		      guest_state(guest_of(vcpu->vm)) != GUEST_RUNNING;

	if (call->x[17] <= 8) {
		check_legacy(call);
		return;
	}
	if (answer->leaves && others && vcpu->pc == call->pc + 4)
		return;
	REQUIRE(!answer->leaves);
	if (vcpu->pc == call->pc && answer->again) {
		check_kept(call, 0);
		return;
	}
	REQUIRE_EQUAL(vcpu->pc, call->pc + 4);
	check_kept(call, 3 << 10);
	if (others && (answer->open || call->x[17] == SBI_EID_SUSP || call->x[17] == SBI_EID_HSM))
		return;
	if (call->failures_left != page_failures_left() && vcpu->x[10] == (u64)SBI_ERR_FAILED &&
	    (call->x[17] == SBI_EID_DBCN || call->x[17] == SBI_EID_STA))
		return;
	REQUIRE_EQUAL(vcpu->x[10], answer->error);
	if (answer->value_known)
		REQUIRE_EQUAL(vcpu->x[11], answer->value);
	if (answer->error == 0)
		check_effect(call);
}

/* A driver's access, by driver.c: always one that a device takes. */
static void check_driven(const struct call *call)
{
	REQUIRE_EQUAL(call->vcpu->pc, call->pc + 4);
	check_kept(call, call->scause == CAUSE_LOAD_GUEST_PAGE_FAULT ? 1 << 10 : 0);
}

void sbi_model_after(struct vcpu *vcpu)
{
	const struct call *call = &model.calls[hw_hart_index()];
	const struct fake_csrs *csr = fake_csrs(hw_hart_index());

	REQUIRE(call->vcpu == vcpu);
	/* Host state, and what of the guest's is no call's business. */
	REQUIRE_EQUAL(csr->hedeleg, call->csr.hedeleg);
	REQUIRE_EQUAL(csr->hideleg, call->csr.hideleg);
	REQUIRE_EQUAL(csr->hcounteren, call->csr.hcounteren);
	REQUIRE_EQUAL(csr->henvcfg, call->csr.henvcfg);
	REQUIRE_EQUAL(csr->hgatp, call->csr.hgatp);
	REQUIRE_EQUAL(csr->hstatus | HSTATUS_VTW, call->csr.hstatus | HSTATUS_VTW);
	REQUIRE_EQUAL(csr->vsatp, call->csr.vsatp);
	REQUIRE_EQUAL(csr->vstvec, call->csr.vstvec);
	REQUIRE_EQUAL(csr->vsie, call->csr.vsie);
	if (call->scause == CAUSE_ECALL_VS)
		check_call(call);
	else if (call->scause & CAUSE_INTERRUPT)
		check_kept(call, 0);
	else if (call->scause == CAUSE_LOAD_GUEST_PAGE_FAULT ||
		 call->scause == CAUSE_STORE_GUEST_PAGE_FAULT)
		check_driven(call);
}

/* Its time does not go back, whatever pauses there were, and without Sstc its timer is pending from
 * when it is due until it is set again ("Function: Set Timer"). */
static void check_clock(const struct vcpu *vcpu)
{
	struct clock *clock = clock_of(vcpu);
	u64 now = guest_time(vcpu);

	REQUIRE(clock->seen <= now);
	clock->seen = now;
	if (clock->is_set && !hw_has(HW_FEATURE_SSTC))
		REQUIRE_EQUAL(!!(hw_read_hvip() & HVIP_VSTIP), clock->timer <= now);
}

/* "HSM Hart Start Register State", "HSM Hart Resume Register State" */
static void check_started(const struct vcpu *vcpu, const struct entry *entry)
{
	const struct fake_csrs *csr = fake_csrs(hw_hart_index());

	REQUIRE_EQUAL(vcpu->pc, entry->pc);
	REQUIRE_EQUAL(vcpu->x[10], vcpu->id);
	REQUIRE_EQUAL(vcpu->x[11], entry->opaque);
	REQUIRE_EQUAL(csr->vsatp, 0);
	REQUIRE(!(csr->vsstatus & SSTATUS_SIE));
	REQUIRE(csr->sstatus & SSTATUS_SPP);
}

void sbi_model_step(struct vcpu *vcpu)
{
	struct entry *entry = entry_of(vcpu);

	REQUIRE_EQUAL(vcpu->hsm, HSM_STARTED);
	if (entry->kind == STARTED)
		clock_of(vcpu)->is_set = false;
	check_clock(vcpu);
	if (entry->kind != NOWHERE && entry->life == machine_vm_of(vcpu)->begin_count) {
		if (entry->kind == STARTED)
			check_started(vcpu, entry);
		else
			REQUIRE(vcpu->pc == entry->pc &&
				memcmp(vcpu->x + 1, entry->x + 1, 31 * 8) == 0);
	}
	entry->kind = NOWHERE;
}

void sbi_model_start(void)
{
	memset(&model, 0, sizeof(model));
}

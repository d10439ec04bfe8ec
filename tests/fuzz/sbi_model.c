/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owns what is known of each vCPU's last call and of where it goes on. Sections are of the RISC-V
 * Supervisor Binary Interface Specification. What other harts may have changed while a call was
 * under way is left open when they had a chance (machine.yield_count).
 */
#include "tests/fuzz/sbi_model.h"

#include "hyp/csr.h"
#include "hyp/sbi/sbi.h"
#include "tests/fuzz/machine.h"
#include "tests/fuzz/require.h"

/* How a call may end. */
struct answer {
	s64 error;
	bool value_known;
	u64 value;
	bool leaves; /* the vCPU goes elsewhere: no answer, or a later one */
	bool again;  /* or the call is made once more */
	bool open;   /* or anything else, for others had a say in it */
};

/* Where a vCPU's next instruction must be, if it comes in the same life of its VM. */
struct entry {
	enum { NOWHERE, RESUMED, STARTED } kind;
	unsigned life;
	u64 pc, opaque;
	u64 x[32];
};

struct call {
	const struct vcpu *vcpu;
	u64 scause;
	u64 x[32], pc;
	struct fake_csrs csr;
	struct answer answer;
	u64 yield_count;
	u64 sent;
	unsigned input_count;
};

static struct {
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

static void expect_at(const struct vcpu *vcpu, u64 pc, u64 opaque)
{
	*entry_of(vcpu) = (struct entry){.kind = STARTED,
					 .life = machine_vm_of(vcpu)->begin_count,
					 .pc = pc,
					 .opaque = opaque};
}

/* ------------------------------------------------------------------------------------------------
 * Answers.
 */

static struct answer fails(s64 error)
{
	return (struct answer){.error = error, .value_known = true};
}

static struct answer gives(u64 value)
{
	return (struct answer){.value_known = true, .value = value};
}

static struct answer gives_something(void)
{
	return (struct answer){.error = 0};
}

static struct answer leaves(void)
{
	return (struct answer){.leaves = true};
}

static bool in_ram(const struct vcpu *vcpu, u64 address, u64 length)
{
	u64 size = guest_of(vcpu->vm)->config.memory_size;

	return range_contains(GUEST_RAM_BASE, size, address, length);
}

static bool can_start_at(const struct vcpu *vcpu, u64 pc)
{
	return pc % 2 == 0 && in_ram(vcpu, pc, 2);
}

/* "Hart list parameter" */
static bool are_harts(const struct vcpu *vcpu, u64 mask, u64 base)
{
	if (base == ~0ULL)
		return true;
	for (unsigned i = 0; i < 64; i++)
		if ((mask >> i & 1) && (base + i < base || base + i >= vcpu->vm->vcpu_count))
			return false;
	return true;
}

static bool is_extension(u64 eid)
{
	static const u64 ids[] = {0x10,	      0x54494D45, 0x735049,   0x52464E43, 0x48534D,
				  0x53525354, 0x4442434E, 0x53555350, 0x535441};

	for (unsigned i = 0; i < ARRAY_SIZE(ids); i++)
		if (ids[i] == eid)
			return true;
	return eid <= 8;
}

static struct answer base(const u64 *a, u64 function)
{
	switch (function) {
	case 0:
		return gives(2 << 24);
	case 3:
		return gives(is_extension(a[0]));
	case 4:
		return gives(hw_machine()->mvendorid);
	case 5:
		return gives(hw_machine()->marchid);
	case 6:
		return gives(hw_machine()->mimpid);
	}
	return function <= 6 ? gives_something() : fails(SBI_ERR_NOT_SUPPORTED);
}

/* "Function: Remote SFENCE.VMA" and its like; those for hypervisors are not for this guest. */
static struct answer rfence(const struct vcpu *vcpu, const u64 *a, u64 function)
{
	u64 end = a[2] + a[3];

	if (function > 2)
		return fails(SBI_ERR_NOT_SUPPORTED);
	if (!are_harts(vcpu, a[0], a[1]) || (function == 2 && a[4] > 0xffff))
		return fails(SBI_ERR_INVALID_PARAM);
	/* Beyond the end of the address space, but for "all of it". */
	if (function > 0 && a[3] != ~0ULL && end < a[2] && end != 0)
		return fails(SBI_ERR_INVALID_ADDRESS);
	return gives(0);
}

static struct answer hart_start(const struct vcpu *vcpu, const u64 *a)
{
	struct vcpu *target = vm_vcpu(vcpu->vm, a[0]);
	struct answer answer = gives(0);

	if (!target)
		return fails(SBI_ERR_INVALID_PARAM);
	if (!can_start_at(vcpu, a[1]))
		return fails(SBI_ERR_INVALID_ADDRESS);
	if (target->hsm != HSM_STOPPED)
		answer = fails(SBI_ERR_ALREADY_AVAILABLE);
	answer.open = target->hsm != HSM_STARTED;
	return answer;
}

static struct answer suspend(const struct vcpu *vcpu, u32 type, u64 pc)
{
	if (type != 0 && type != 0x80000000)
		return fails(SBI_ERR_INVALID_PARAM);
	if (type != 0 && !can_start_at(vcpu, pc))
		return fails(SBI_ERR_INVALID_ADDRESS);
	return leaves();
}

static struct answer hsm(const struct vcpu *vcpu, const u64 *a, u64 function)
{
	const struct vcpu *target = vm_vcpu(vcpu->vm, a[0]);

	switch (function) {
	case 0:
		return hart_start(vcpu, a);
	case 1:
		return leaves();
	case 2:
		return target ? gives(target->hsm) : fails(SBI_ERR_INVALID_PARAM);
	case 3:
		return suspend(vcpu, (u32)a[0], a[1]);
	}
	return fails(SBI_ERR_NOT_SUPPORTED);
}

static struct answer susp(const struct vcpu *vcpu, const u64 *a, u64 function)
{
	if (function != 0)
		return fails(SBI_ERR_NOT_SUPPORTED);
	if ((u32)a[0] != 0)
		return fails(SBI_ERR_INVALID_PARAM);
	if (!can_start_at(vcpu, a[1]))
		return fails(SBI_ERR_INVALID_ADDRESS);
	for (unsigned i = 0; i < vcpu->vm->vcpu_count; i++)
		if (i != vcpu->id && vcpu->vm->vcpus[i]->hsm != HSM_STOPPED)
			return fails(SBI_ERR_DENIED);
	return leaves();
}

static struct answer dbcn(const struct vcpu *vcpu, const u64 *a, u64 function)
{
	struct answer answer = gives_something();

	if (function == 2) {
		answer = gives(0);
		answer.again = machine_vm_of(vcpu)->room == 0;
		return answer;
	}
	if (function > 2)
		return fails(SBI_ERR_NOT_SUPPORTED);
	if (a[2] != 0 || (a[0] != 0 && !in_ram(vcpu, a[1], a[0])))
		return fails(SBI_ERR_INVALID_PARAM);
	return answer;
}

static struct answer sta(const struct vcpu *vcpu, const u64 *a, u64 function)
{
	if (function != 0)
		return fails(SBI_ERR_NOT_SUPPORTED);
	if (a[2] != 0)
		return fails(SBI_ERR_INVALID_PARAM);
	if (a[0] == ~0ULL && a[1] == ~0ULL)
		return gives(0);
	if (a[0] % 64 != 0)
		return fails(SBI_ERR_INVALID_PARAM);
	if (a[1] != 0 || !in_ram(vcpu, a[0], 64))
		return fails(SBI_ERR_INVALID_ADDRESS);
	return gives(0);
}

static struct answer srst(const u64 *a, u64 function)
{
	if (function != 0)
		return fails(SBI_ERR_NOT_SUPPORTED);
	if ((u32)a[0] > 2 || (u32)a[1] > 1)
		return fails(SBI_ERR_INVALID_PARAM);
	return leaves();
}

static struct answer answer_to(const struct vcpu *vcpu)
{
	const u64 *a = &vcpu->x[10];
	u64 function = vcpu->x[16];

	switch (vcpu->x[17]) {
	case SBI_EID_BASE:
		return base(a, function);
	case SBI_EID_TIME:
		return function == 0 ? gives(0) : fails(SBI_ERR_NOT_SUPPORTED);
	case SBI_EID_IPI:
		if (function != 0)
			return fails(SBI_ERR_NOT_SUPPORTED);
		return are_harts(vcpu, a[0], a[1]) ? gives(0) : fails(SBI_ERR_INVALID_PARAM);
	case SBI_EID_RFENCE:
		return rfence(vcpu, a, function);
	case SBI_EID_HSM:
		return hsm(vcpu, a, function);
	case SBI_EID_SRST:
		return srst(a, function);
	case SBI_EID_DBCN:
		return dbcn(vcpu, a, function);
	case SBI_EID_SUSP:
		return susp(vcpu, a, function);
	case SBI_EID_STA:
		return sta(vcpu, a, function);
	}
	return fails(SBI_ERR_NOT_SUPPORTED);
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
		.input_count = machine_vm_of(vcpu)->input_count,
	};
	memcpy(call->x, vcpu->x, sizeof(call->x));
	if (scause != CAUSE_ECALL_VS || vcpu->x[17] <= 8)
		return;
	call->answer = answer_to(vcpu);
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

/* What a successful call has done, as far as nobody else can have undone it. */
static void check_effect(const struct call *call)
{
	const struct vcpu *vcpu = call->vcpu;
	const u64 *a = &call->x[10];
	const struct machine_vm *vm = machine_vm_of(vcpu);

	switch (call->x[17]) {
	case SBI_EID_TIME:
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
			bool named = a[1] == ~0ULL ||
				     (a[1] <= i && i - a[1] < 64 && (a[0] >> (i - a[1]) & 1));

			if (named && target == vcpu)
				REQUIRE(hw_read_hvip() & HVIP_VSSIP);
			else if (named && call->yield_count == machine.yield_count)
				REQUIRE(target->irq_posted & HVIP_VSSIP);
		}
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
	const struct answer *answer = &call->answer;
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
	REQUIRE_EQUAL(vcpu->x[10], answer->error);
	if (answer->value_known)
		REQUIRE_EQUAL(vcpu->x[11], answer->value);
	if (answer->error == 0)
		check_effect(call);
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
	REQUIRE_EQUAL(csr->hstateen0, call->csr.hstateen0);
	REQUIRE_EQUAL(csr->hstatus | HSTATUS_VTW, call->csr.hstatus | HSTATUS_VTW);
	REQUIRE_EQUAL(csr->vsatp, call->csr.vsatp);
	REQUIRE_EQUAL(csr->vstvec, call->csr.vstvec);
	REQUIRE_EQUAL(csr->vsie, call->csr.vsie);
	if (call->scause == CAUSE_ECALL_VS)
		check_call(call);
	else if (call->scause & CAUSE_INTERRUPT)
		check_kept(call, 0);
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

/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns one state for each vCPU, valid in the life in which it was noted. */
#include "tests/fuzz/kept_state.h"

#include "hyp/csr.h"
#include "tests/fuzz/machine.h"
#include "tests/fuzz/require.h"

#define VCPUS	   4 /* of a VM */
#define VECTOR_MAX 1024

static struct kept {
	bool valid;
	unsigned life;
	u64 x[32], pc;
	struct fake_csrs csr;
	u8 fp[HW_FP_SIZE], vector[VECTOR_MAX];
} kept_states[MACHINE_VM_MAX][VCPUS];

static struct kept *kept_of(const struct vcpu *vcpu)
{
	REQUIRE(vcpu->vm->id < MACHINE_VM_MAX && vcpu->id < VCPUS);
	return &kept_states[vcpu->vm->id][vcpu->id];
}

static size_t vector_size(void)
{
	return hw_has(HW_FEATURE_V) ? min_u64(hw_vector_size(), VECTOR_MAX) : 0;
}

void kept_forget_all(void)
{
	for (unsigned i = 0; i < MACHINE_VM_MAX; i++)
		for (unsigned j = 0; j < VCPUS; j++)
			kept_states[i][j].valid = false;
}

void kept_note(const struct vcpu *vcpu)
{
	struct kept *kept = kept_of(vcpu);
	unsigned hart = hw_hart_index();

	kept->valid = true;
	kept->life = machine.vms[vcpu->vm->id].begin_count;
	kept->pc = vcpu->pc;
	kept->csr = *fake_csrs(hart);
	memcpy(kept->x, vcpu->x, sizeof(kept->x));
	if (hw_has(HW_FEATURE_F))
		memcpy(kept->fp, fake_fp(hart), sizeof(kept->fp));
	memcpy(kept->vector, fake_vector(hart), vector_size());
}

void kept_lose(const struct vcpu *vcpu)
{
	kept_of(vcpu)->valid = false;
}

static void check_csrs(const struct fake_csrs *was, const struct fake_csrs *is)
{
	REQUIRE_EQUAL(is->vsstatus, was->vsstatus);
	REQUIRE_EQUAL(is->vsie, was->vsie);
	REQUIRE_EQUAL(is->vstvec, was->vstvec);
	REQUIRE_EQUAL(is->vsscratch, was->vsscratch);
	REQUIRE_EQUAL(is->vsepc, was->vsepc);
	REQUIRE_EQUAL(is->vscause, was->vscause);
	REQUIRE_EQUAL(is->vstval, was->vstval);
	REQUIRE_EQUAL(is->vsatp, was->vsatp);
	REQUIRE_EQUAL(is->senvcfg, was->senvcfg);
	REQUIRE_EQUAL(is->scounteren, was->scounteren);
	REQUIRE_EQUAL(is->sstatus & (SSTATUS_SPP | SSTATUS_SPELP),
		      was->sstatus & (SSTATUS_SPP | SSTATUS_SPELP));
	REQUIRE_EQUAL(is->hstatus & HSTATUS_SPVP, was->hstatus & HSTATUS_SPVP);
	if (hw_has(HW_FEATURE_SSTC))
		REQUIRE_EQUAL(is->vstimecmp, was->vstimecmp);
}

void kept_check(const struct vcpu *vcpu)
{
	const struct kept *kept = kept_of(vcpu);
	unsigned hart = hw_hart_index();

	if (!kept->valid || kept->life != machine.vms[vcpu->vm->id].begin_count)
		return;
	REQUIRE_EQUAL(vcpu->pc, kept->pc);
	for (unsigned i = 1; i < 32; i++)
		REQUIRE_EQUAL(vcpu->x[i], kept->x[i]);
	check_csrs(&kept->csr, fake_csrs(hart));
	if (hw_has(HW_FEATURE_F))
		REQUIRE(memcmp(fake_fp(hart), kept->fp, sizeof(kept->fp)) == 0);
	REQUIRE(memcmp(fake_vector(hart), kept->vector, vector_size()) == 0);
}

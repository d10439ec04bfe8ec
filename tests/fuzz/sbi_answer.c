/* SPDX-License-Identifier: BSD-2-Clause */
/* Sections are of the RISC-V Supervisor Binary Interface Specification. Owns nothing. */
#include "tests/fuzz/sbi_answer.h"

#include "hyp/sbi/sbi.h"
#include "tests/fuzz/machine.h"

static struct sbi_answer fails(s64 error)
{
	return (struct sbi_answer){.error = error, .value_known = true};
}

static struct sbi_answer gives(u64 value)
{
	return (struct sbi_answer){.value_known = true, .value = value};
}

static struct sbi_answer gives_something(void)
{
	return (struct sbi_answer){.error = 0};
}

static struct sbi_answer leaves(void)
{
	return (struct sbi_answer){.leaves = true};
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

static struct sbi_answer base(const u64 *a, u64 function)
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
static struct sbi_answer rfence(const struct vcpu *vcpu, const u64 *a, u64 function)
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

static struct sbi_answer hart_start(const struct vcpu *vcpu, const u64 *a)
{
	struct vcpu *target = vm_vcpu(vcpu->vm, a[0]);
	struct sbi_answer answer = gives(0);

	if (!target)
		return fails(SBI_ERR_INVALID_PARAM);
	if (!can_start_at(vcpu, a[1]))
		return fails(SBI_ERR_INVALID_ADDRESS);
	if (target->hsm != HSM_STOPPED)
		answer = fails(SBI_ERR_ALREADY_AVAILABLE);
	answer.open = target->hsm != HSM_STARTED;
	return answer;
}

static struct sbi_answer suspend(const struct vcpu *vcpu, u32 type, u64 pc)
{
	if (type != 0 && type != 0x80000000)
		return fails(SBI_ERR_INVALID_PARAM);
	if (type != 0 && !can_start_at(vcpu, pc))
		return fails(SBI_ERR_INVALID_ADDRESS);
	return leaves();
}

static struct sbi_answer hsm(const struct vcpu *vcpu, const u64 *a, u64 function)
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

static struct sbi_answer susp(const struct vcpu *vcpu, const u64 *a, u64 function)
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

static struct sbi_answer dbcn(const struct vcpu *vcpu, const u64 *a, u64 function)
{
	struct sbi_answer answer = gives_something();

	if (function == 2) {
		answer = gives(0);
		answer.again = machine.vms[vcpu->vm->id].room == 0;
		return answer;
	}
	if (function > 2)
		return fails(SBI_ERR_NOT_SUPPORTED);
	if (a[2] != 0 || (a[0] != 0 && !in_ram(vcpu, a[1], a[0])))
		return fails(SBI_ERR_INVALID_PARAM);
	return answer;
}

static struct sbi_answer sta(const struct vcpu *vcpu, const u64 *a, u64 function)
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

static struct sbi_answer srst(const u64 *a, u64 function)
{
	if (function != 0)
		return fails(SBI_ERR_NOT_SUPPORTED);
	if ((u32)a[0] > 2 || (u32)a[1] > 1)
		return fails(SBI_ERR_INVALID_PARAM);
	return leaves();
}

struct sbi_answer sbi_answer_to(const struct vcpu *vcpu)
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

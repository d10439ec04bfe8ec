/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction comes from htinst, transformed, or is fetched when htinst is zero; a
 * pseudo-instruction means that the guest's own page-table walk went astray, which is no device
 * access (Privileged ISA, "Transformed Instruction or Pseudoinstruction for mtinst or htinst").
 */
#include "hyp/exit/mmio.h"

#include "hyp/csr.h"
#include "hyp/dev/device.h"
#include "hyp/exit/decode.h"
#include "hyp/exit/inject.h"

enum source { SOURCE_DECODED, SOURCE_RETRY, SOURCE_REFUSED, SOURCE_DEEPEN };

/* htinst says nothing: fetch the instruction. The fetch can fault only when the guest changed its
 * tables or its code since; executing again brings up whatever is true now. */
static NOINLINE enum source decode_fetched(struct vcpu *vcpu, struct access *access, u32 registers)
{
	struct hw_fetch_fault fault;
	u32 insn;

	if (hw_fetch_guest(gva(vcpu->pc), &insn, &fault) != STATUS_OK)
		return SOURCE_RETRY;
	if (!decode_load_store(insn, access))
		return SOURCE_REFUSED;
	if (!(registers & BIT(access->base)))
		return SOURCE_DEEPEN;
	u64 base = access->base ? vcpu->x[access->base] : 0;

	/* The second part of a misaligned access faulted. */
	if (hw_read_stval() != base + (u64)(s64)access->displacement)
		access->kind = ACCESS_MISALIGNED;
	return SOURCE_DECODED;
}

static enum source decode_exit(struct vcpu *vcpu, struct access *access, u32 registers)
{
	u64 htinst = hw_read_htinst();

	if (decode_transformed(htinst, access))
		return SOURCE_DECODED;
	if (decode_is_page_table_walk(htinst))
		return SOURCE_REFUSED;
	return decode_fetched(vcpu, access, registers);
}

static inline bool load(struct vcpu *vcpu, const struct access *access, gpa_t address)
{
	/* In memory of the vCPU's rather than on the stack, which would then want its protector. */
	if (!bus_read(vcpu->vm->bus, address, access->width, &vcpu->mmio_value))
		return false;
	/* x[0] is no register of the guest's: a load to x0 lands there and is forgotten. */
	vcpu->x[access->reg] = access_load_result(access, vcpu->mmio_value);
	return true;
}

static inline bool store(struct vcpu *vcpu, const struct access *access, gpa_t address)
{
	u64 value = access->reg ? vcpu->x[access->reg] : 0;

	return bus_write(vcpu->vm->bus, address, access->width, value);
}

bool mmio_light(struct vcpu *vcpu)
{
	struct access access;
	bool taken;

	if (!decode_transformed_basic(hw_read_htinst(), &access) ||
	    !(VCPU_LIGHT_REGISTERS >> access.reg & 1))
		return false;
	/* An htval of zero, for "look it up", is the address of no device. */
	gpa_t address = gpa(hw_read_htval() << 2 | (hw_read_stval() & 3));

	if (access.kind == ACCESS_LOAD)
		taken = load(vcpu, &access, address);
	else
		taken = store(vcpu, &access, address);
	if (taken)
		vcpu->pc += access.length;
	return taken;
}

enum mmio_result mmio_access(struct vcpu *vcpu, u64 scause, gpa_t address, u32 registers)
{
	struct access access;
	bool taken;

	switch (decode_exit(vcpu, &access, registers)) {
	case SOURCE_RETRY:
		hw_hfence_vvma_all(); /* it may go by a translation that is not there any more */
		return MMIO_DONE;
	case SOURCE_REFUSED:
		return MMIO_REFUSED;
	case SOURCE_DEEPEN:
		return MMIO_DEEPEN;
	case SOURCE_DECODED:
		break;
	}
	/* Devices take whole loads and stores of integer registers, and nothing else. */
	if (access.kind == ACCESS_LOAD && scause == CAUSE_LOAD_GUEST_PAGE_FAULT) {
		if (!(registers >> access.reg & 1))
			return MMIO_DEEPEN;
		taken = load(vcpu, &access, address);
	} else if (access.kind == ACCESS_STORE && scause == CAUSE_STORE_GUEST_PAGE_FAULT) {
		if (!(registers >> access.reg & 1))
			return MMIO_DEEPEN;
		taken = store(vcpu, &access, address);
	} else {
		return MMIO_REFUSED;
	}
	if (!taken)
		return MMIO_REFUSED;
	vcpu->pc += access.length;
	return MMIO_DONE;
}

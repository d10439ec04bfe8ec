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

enum source { SOURCE_DECODED, SOURCE_RETRY, SOURCE_REFUSED };

/* htinst says nothing: fetch the instruction. The fetch can fault only when the guest changed its
 * tables or its code since; executing again brings up whatever is true now. */
static enum source decode_fetched(struct vcpu *vcpu, struct access *access)
{
	struct hw_fetch_fault fault;
	u32 insn;

	if (hw_fetch_guest(gva(vcpu->pc), &insn, &fault) != STATUS_OK)
		return SOURCE_RETRY;
	if (!decode_load_store(insn, access))
		return SOURCE_REFUSED;
	u64 base = access->base ? vcpu->x[access->base] : 0;

	/* The second part of a misaligned access faulted. */
	if (hw_read_stval() != base + (u64)(s64)access->displacement)
		access->kind = ACCESS_MISALIGNED;
	return SOURCE_DECODED;
}

static enum source decode_exit(struct vcpu *vcpu, struct access *access)
{
	u64 htinst = hw_read_htinst();

	if (__builtin_expect(decode_transformed(htinst, access), 1))
		return SOURCE_DECODED;
	if (decode_is_page_table_walk(htinst))
		return SOURCE_REFUSED;
	return decode_fetched(vcpu, access);
}

bool mmio_access(struct vcpu *vcpu, u64 scause, gpa_t address)
{
	struct access access;
	u64 value;

	switch (decode_exit(vcpu, &access)) {
	case SOURCE_RETRY:
		return true;
	case SOURCE_REFUSED:
		return false;
	case SOURCE_DECODED:
		break;
	}
	/* Devices take whole loads and stores of integer registers, and nothing else. */
	if (access.kind == ACCESS_LOAD && scause == CAUSE_LOAD_GUEST_PAGE_FAULT) {
		if (!bus_read(vcpu->vm->bus, address, access.width, &value))
			return false;
		/* x[0] is no register of the guest's: a load to x0 lands there and is forgotten. */
		vcpu->x[access.reg] = access_load_result(&access, value);
	} else if (access.kind == ACCESS_STORE && scause == CAUSE_STORE_GUEST_PAGE_FAULT) {
		unsigned unused = 64 - 8 * access.width;

		value = access.reg ? vcpu->x[access.reg] : 0;
		if (!bus_write(vcpu->vm->bus, address, access.width, value << unused >> unused))
			return false;
	} else {
		return false;
	}
	vcpu->pc += access.length;
	return true;
}

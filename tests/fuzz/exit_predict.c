/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What exits come to, written from the specification, with the decode oracle of the unit tests and
 * a page walk of its own. Owns nothing. Where the guest's tables race, or hold what a hart would
 * not have come to a G-stage fault through, the answer is ANYTHING.
 */
#include "hyp/csr.h"
#include "tests/fuzz/exit_shot.h"
#include "tests/fuzz/require.h"
#include "tests/unit/decode_oracle.h"

u64 exit_transform(u32 instruction, unsigned address_offset)
{
	struct access access;

	return oracle_decode(instruction, &access) ? oracle_transform(instruction, address_offset)
						   : 0;
}

bool exit_is_store(u32 instruction)
{
	struct access access;

	return oracle_decode(instruction, &access) &&
	       (access.kind == ACCESS_STORE || access.kind == ACCESS_FP_STORE);
}

void exit_set_base(struct vcpu *vcpu, u32 instruction, u64 address)
{
	struct access access;

	if (oracle_decode(instruction, &access) && access.base)
		vcpu->x[access.base] = address - (u64)(s64)access.displacement;
}

/* ------------------------------------------------------------------------------------------------
 * Predictions.
 */

static bool is_ram(const struct shot *shot, u64 address)
{
	u64 size = guest_of(shot->vcpu->vm)->config.memory_size;

	return range_contains(GUEST_RAM_BASE, size, address, 1);
}

/* Privileged ISA, "Virtual Address Translation Process". */
static enum found walk(const struct shot *shot, u64 address, u64 *result)
{
	u64 vsatp = shot->csr.vsatp;
	u64 mode = vsatp >> 60, table = (vsatp & (BIT(44) - 1)) * 4096;

	*result = address;
	if (mode < 8 || mode > 10)
		return mode ? UNKNOWN : FOUND;
	for (int level = (int)mode - 6; level >= 0; level--) {
		u64 at = table + (address >> (12 + 9 * level) & 511) * 8, mask;
		const u64 *word;

		if (!is_ram(shot, at))
			return NO_TABLE;
		word = machine_ram(shot->vcpu->vm, at, 8);
		if (word == NULL || !(*word & 1))
			return NO_ENTRY;
		/* Reserved or extensions' bits, or a write without read. */
		if (*word >> 54 || (*word & 6) == 4)
			return UNKNOWN;
		table = (*word >> 10 & (BIT(44) - 1)) * 4096;
		if (!(*word & 0xe))
			continue;
		mask = (4096ULL << (9 * level)) - 1;
		*result = table | (address & mask);
		return table & mask ? UNKNOWN : FOUND;
	}
	return NO_ENTRY;
}

void exit_locate(struct shot *shot)
{
	u64 htval = shot->csr.htval;

	shot->address = htval << 2 | (shot->csr.stval & 3);
	shot->found = FOUND;
	if (htval && (shot->csr.htinst || is_ram(shot, shot->address)))
		return;
	shot->found = walk(shot, shot->csr.stval, &shot->address);
	if (machine.race_rate && shot->csr.vsatp >> 60)
		shot->found = UNKNOWN;
}

static bool is_pseudoinstruction(u64 htinst)
{
	return htinst == 0x2000 || htinst == 0x3000 || htinst == 0x2020 || htinst == 0x3020;
}

/* An access that no device sees: INJECT, RETRY or ANYTHING; else ACCESS, and it is in the shot. */
static enum outcome find_access(struct shot *shot)
{
	u64 htinst = shot->csr.htinst;
	struct access *access = &shot->access;

	if (htinst >> 32 == 0 && (htinst & 1) && oracle_decode((u32)htinst | 2, access)) {
		access->length = htinst & 2 ? 4 : 2;
		if (htinst >> 15 & 31)
			return INJECT;
		/* Of the other direction: no hart does that. */
		if ((access->kind == ACCESS_LOAD && shot->scause == CAUSE_STORE_GUEST_PAGE_FAULT) ||
		    (access->kind == ACCESS_STORE && shot->scause == CAUSE_LOAD_GUEST_PAGE_FAULT))
			return ANYTHING;
		return ACCESS;
	}
	if (is_pseudoinstruction(htinst))
		return INJECT;
	REQUIRE(shot->answered);
	if (shot->answer_failed)
		return RETRY;
	if (!oracle_decode(shot->answer, access))
		return INJECT;
	u64 base = access->base ? shot->x[access->base] : 0;

	return shot->csr.stval == base + (u64)(s64)access->displacement ? ACCESS : INJECT;
}

static bool device_takes(u64 address, unsigned width)
{
	if (width == 0 || width > 8 || address % width != 0)
		return false;
	if (address >= VPLIC_BASE && address < VPLIC_BASE + VPLIC_SIZE)
		return width == 4;
	if (address >= VUART_BASE && address < VUART_BASE + VUART_SIZE)
		return true;
	return address >= EXIT_DEVICE_BASE && address < EXIT_DEVICE_BASE + EXIT_DEVICE_SIZE - 16;
}

static enum outcome reflect(struct shot *shot)
{
	u64 fetch_cause = CAUSE_FETCH_GUEST_PAGE_FAULT;

	shot->tval = shot->csr.stval;
	shot->cause = shot->scause == fetch_cause		    ? CAUSE_FETCH_ACCESS
		      : shot->scause == CAUSE_LOAD_GUEST_PAGE_FAULT ? CAUSE_LOAD_ACCESS
								    : CAUSE_STORE_ACCESS;
	/* It would come again and again. */
	if (shot->scause == fetch_cause && (shot->csr.sstatus & SSTATUS_SPP) &&
	    shot->pc == shot->tval && shot->pc == (shot->csr.vstvec & ~3ULL))
		return END;
	return INJECT;
}

static enum outcome predict_fault(struct shot *shot)
{
	bool fetched = shot->scause == CAUSE_FETCH_GUEST_PAGE_FAULT;
	enum outcome outcome;

	if (shot->found == UNKNOWN)
		return ANYTHING;
	if (shot->found == NO_ENTRY)
		return RETRY;
	if (shot->found == NO_TABLE)
		return reflect(shot);
	if (is_ram(shot, shot->address))
		return GIVE_RAM;
	if (fetched)
		return reflect(shot);
	outcome = find_access(shot);
	if (outcome == INJECT)
		return reflect(shot);
	if (outcome != ACCESS)
		return outcome;
	if (shot->access.kind !=
		    (shot->scause == CAUSE_LOAD_GUEST_PAGE_FAULT ? ACCESS_LOAD : ACCESS_STORE) ||
	    !device_takes(shot->address, shot->access.width))
		return reflect(shot);
	return ACCESS;
}

static enum outcome predict_virtual_instruction(struct shot *shot)
{
	u64 instruction = shot->csr.stval;

	if (instruction == 0) {
		REQUIRE(shot->answered);
		instruction = shot->answer_failed ? 0 : shot->answer;
		if ((instruction & 3) != 3)
			instruction &= 0xffff;
		if (instruction == 0)
			return RETRY;
	}
	if (instruction == 0x10500073 && (shot->csr.sstatus & SSTATUS_SPP))
		return SKIP;
	if (instruction == 0x00d00073)
		return SKIP;
	shot->cause = CAUSE_ILLEGAL_INSTRUCTION;
	shot->tval = instruction;
	return INJECT;
}

enum outcome exit_predict(struct shot *shot)
{
	if (shot->scause & CAUSE_INTERRUPT)
		return RETRY;
	switch (shot->scause) {
	case CAUSE_FETCH_GUEST_PAGE_FAULT:
	case CAUSE_LOAD_GUEST_PAGE_FAULT:
	case CAUSE_STORE_GUEST_PAGE_FAULT:
		return predict_fault(shot);
	case CAUSE_VIRTUAL_INSTRUCTION:
		return predict_virtual_instruction(shot);
	case CAUSE_ECALL_VS:
		return ANYTHING;
	default:
		/* Not to be delegated on this hart: as it came. */
		shot->cause = shot->scause;
		shot->tval = shot->csr.stval;
		return INJECT;
	}
}

void exit_predict_prepare(void)
{
	static bool prepared;

	if (!prepared)
		oracle_prepare();
	prepared = true;
}

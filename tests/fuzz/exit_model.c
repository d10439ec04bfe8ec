/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owns a snapshot of each hart at its last exit. The predictions use the decode oracle and a page
 * walk of their own. Where the guest's tables race, or hold what a hart would not have come to a
 * G-stage fault through, only what holds for every exit is checked.
 */
#include "tests/fuzz/exit_model.h"

#include "hyp/csr.h"
#include "tests/fuzz/machine.h"
#include "tests/fuzz/race.h"
#include "tests/fuzz/require.h"
#include "tests/unit/decode_oracle.h"

/* What a guest that has just taken no exception has in vscause. */
#define NO_EXCEPTION 0x7e57

enum outcome {
	ANYTHING, /* sane */
	RETRY,	  /* the guest executes the same instruction again */
	GIVE_RAM, /* likewise, and there is RAM now */
	ACCESS,	  /* a device has done it */
	SKIP,	  /* the instruction is done, without effect on registers */
	INJECT,	  /* an exception of the guest's */
	END,	  /* the VM ends */
};

enum found { FOUND, NO_TABLE, NO_ENTRY, UNKNOWN };

struct shot {
	struct vcpu *vcpu;
	u64 scause;
	u64 x[32], pc;
	struct fake_csrs csr;
	struct exit_plan plan;
	u32 answer; /* of the last fetch ... */
	bool answered, answer_failed;
	enum found found; /* guest-physical address of the fault */
	u64 address;
	unsigned access_count; /* of the device */
	u64 tval, cause;       /* to be injected */
	struct access access;
};

static struct {
	struct vm *vm;
	struct device device;
	unsigned access_count;
	u64 offset, value;
	unsigned width;
	bool write;
	struct exit_plan plans[MACHINE_HART_MAX];
	struct shot shots[MACHINE_HART_MAX];
} model;

struct exit_plan *exit_plan(void)
{
	return &model.plans[hw_hart_index()];
}

static struct shot *own_shot(void)
{
	return &model.shots[hw_hart_index()];
}

/* ------------------------------------------------------------------------------------------------
 * The device: the last 16 bytes take no access.
 */

static bool note_access(u64 offset, unsigned width, u64 value, bool write)
{
	REQUIRE(offset < EXIT_DEVICE_SIZE && width <= EXIT_DEVICE_SIZE - offset);
	REQUIRE(offset % width == 0);
	if (offset >= EXIT_DEVICE_SIZE - 16)
		return false;
	model.access_count++;
	model.offset = offset;
	model.width = width;
	model.value = value;
	model.write = write;
	return true;
}

static u64 device_value(u64 offset, unsigned width)
{
	u64 value = (offset + 1) * 0x9e3779b97f4a7c15ULL;

	return value >> (64 - 8 * width);
}

static bool device_read(struct device *device, u64 offset, unsigned width, u64 *value)
{
	(void)device;
	*value = device_value(offset, width);
	return note_access(offset, width, *value, false);
}

static bool device_write(struct device *device, u64 offset, unsigned width, u64 value)
{
	(void)device;
	return note_access(offset, width, value, true);
}

/* ------------------------------------------------------------------------------------------------
 * What the hart does for the hypervisor.
 */

static enum status fetch(gva_t pc, u32 *insn, struct hw_fetch_fault *fault)
{
	struct shot *shot = own_shot();

	REQUIRE_EQUAL(pc.value, shot->pc);
	shot->answered = true;
	shot->answer_failed = shot->plan.fetch_fails;
	shot->answer = race_strikes() ? (u32)race_draw() : shot->plan.instruction;
	if (shot->answer_failed) {
		*fault = (struct hw_fetch_fault){CAUSE_LOAD_PAGE_FAULT, pc, 0};
		return STATUS_FAULT;
	}
	/* Of a 16-bit instruction no more need be there. */
	*insn = (shot->answer & 3) == 3 ? shot->answer : shot->answer & 0xffff;
	return STATUS_OK;
}

static enum status load(gva_t address, u64 *value, struct hw_fetch_fault *fault)
{
	const u64 *word = machine_ram(model.vm, address.value, 8);

	REQUIRE(is_aligned(address.value, 8));
	if (word) {
		*value = race_strikes() ? race_draw() : *word;
		return STATUS_OK;
	}
	*fault = (struct hw_fetch_fault){address.value % 64 ? CAUSE_LOAD_GUEST_PAGE_FAULT
							    : CAUSE_LOAD_PAGE_FAULT,
					 address, address.value >> 2};
	return STATUS_FAULT;
}

/* ------------------------------------------------------------------------------------------------
 * Instructions.
 */

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

static bool is_ram(u64 address)
{
	return range_contains(GUEST_RAM_BASE, guest_of(model.vm)->config.memory_size, address, 1);
}

/* Privileged ISA, "Virtual Address Translation Process". */
static enum found walk(u64 vsatp, u64 address, u64 *result)
{
	u64 mode = vsatp >> 60, table = (vsatp & (BIT(44) - 1)) * 4096;

	*result = address;
	if (mode < 8 || mode > 10)
		return mode ? UNKNOWN : FOUND;
	for (int level = (int)mode - 6; level >= 0; level--) {
		u64 at = table + (address >> (12 + 9 * level) & 511) * 8, mask;
		const u64 *word;

		if (!is_ram(at))
			return NO_TABLE;
		word = machine_ram(model.vm, at, 8);
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

static void locate(struct shot *shot)
{
	u64 htval = shot->csr.htval;

	shot->address = htval << 2 | (shot->csr.stval & 3);
	shot->found = FOUND;
	if (htval && (shot->csr.htinst || is_ram(shot->address)))
		return;
	shot->found = walk(shot->csr.vsatp, shot->csr.stval, &shot->address);
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
	if (is_ram(shot->address))
		return GIVE_RAM;
	if (fetched || shot->found == NO_TABLE)
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
	shot->tval = shot->csr.stval;
	return INJECT;
}

static enum outcome predict(struct shot *shot)
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

/* ------------------------------------------------------------------------------------------------
 * Checks.
 */

/* Registers that no exit changes, but for those that the checks below know of. */
static void check_csrs(const struct shot *shot, bool injected)
{
	struct fake_csrs now = *fake_csrs(hw_hart_index());
	const struct fake_csrs *was = &shot->csr;
	u64 kept_hstatus = ~HSTATUS_VTW;

	if (injected) {
		u64 kept = ~(SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE);

		REQUIRE_EQUAL(now.vsepc, shot->pc);
		REQUIRE_EQUAL(now.vsstatus & kept & fake_writable.vsstatus,
			      was->vsstatus & kept & fake_writable.vsstatus);
		REQUIRE_EQUAL(!!(now.vsstatus & SSTATUS_SPP), !!(was->sstatus & SSTATUS_SPP));
		REQUIRE_EQUAL(!!(now.vsstatus & SSTATUS_SPIE), !!(was->vsstatus & SSTATUS_SIE));
		REQUIRE(!(now.vsstatus & SSTATUS_SIE));
		REQUIRE_EQUAL(now.sstatus & fake_writable.sstatus,
			      (was->sstatus | SSTATUS_SPP) & fake_writable.sstatus);
		now.vsepc = was->vsepc;
		now.vstval = was->vstval;
		now.vscause = was->vscause;
		now.vsstatus = was->vsstatus;
		now.sstatus = was->sstatus;
	}
	REQUIRE_EQUAL(now.hstatus & kept_hstatus, was->hstatus & kept_hstatus);
	now.hstatus = was->hstatus;
	now.hvip = was->hvip;
	now.hip = was->hip;
	if (shot->scause == CAUSE_ECALL_VS)
		now.vstimecmp = was->vstimecmp;
#define CHECK_CSR(name) REQUIRE_EQUAL(now.name, was->name);
	HW_CSRS(CHECK_CSR)
#undef CHECK_CSR
}

/* All but those of the set. */
static void check_registers(const struct shot *shot, u32 may_change)
{
	for (unsigned i = 1; i < 32; i++)
		if (!(may_change >> i & 1))
			REQUIRE_EQUAL(shot->vcpu->x[i], shot->x[i]);
}

static u64 loaded_value(const struct access *access, u64 offset)
{
	u64 value = device_value(offset, access->width);

	switch (access->sign_extend ? access->width : 0) {
	case 1:
		return (u64)(s64)(s8)value;
	case 2:
		return (u64)(s64)(s16)value;
	case 4:
		return (u64)(s64)(s32)value;
	default:
		return value;
	}
}

static void check_access(const struct shot *shot)
{
	const struct access *access = &shot->access;
	bool is_load = access->kind == ACCESS_LOAD;
	u64 offset = shot->address - EXIT_DEVICE_BASE;

	REQUIRE_EQUAL(shot->vcpu->pc, shot->pc + access->length);
	check_registers(shot, is_load ? (u32)BIT(access->reg) : 0);
	if (offset >= EXIT_DEVICE_SIZE) {
		REQUIRE_EQUAL(model.access_count, shot->access_count);
		return;
	}
	REQUIRE_EQUAL(model.access_count, shot->access_count + 1);
	REQUIRE_EQUAL(model.offset, offset);
	REQUIRE_EQUAL(model.width, access->width);
	REQUIRE_EQUAL(model.write, !is_load);
	if (is_load && access->reg) {
		REQUIRE_EQUAL(shot->vcpu->x[access->reg], loaded_value(access, offset));
	} else if (!is_load) {
		u64 value = access->reg ? shot->x[access->reg] : 0;

		REQUIRE_EQUAL(model.value, value & UINT64_MAX >> (64 - 8 * access->width));
	}
}

static void check_injected(const struct shot *shot, bool exactly)
{
	const struct fake_csrs *csr = fake_csrs(hw_hart_index());

	REQUIRE_EQUAL(shot->vcpu->pc, csr->vstvec & ~3ULL);
	check_registers(shot, 0);
	if (!exactly)
		return;
	REQUIRE_EQUAL(csr->vscause, shot->cause);
	REQUIRE_EQUAL(csr->vstval, shot->tval);
}

static void check_anything(const struct shot *shot, bool injected)
{
	u64 moved = shot->vcpu->pc - shot->pc;
	u32 may_change = 0;

	if (injected) {
		check_injected(shot, false);
		return;
	}
	REQUIRE(moved == 0 || moved == 2 || moved == 4);
	if (shot->scause == CAUSE_ECALL_VS) {
		REQUIRE(moved != 2);
		may_change = (u32)(BIT(10) | (shot->x[17] <= 8 ? 0 : BIT(11)));
		check_registers(shot, moved ? may_change : 0);
	}
}

static void check_outcome(struct shot *shot, enum outcome outcome, bool injected)
{
	struct vcpu *vcpu = shot->vcpu;

	REQUIRE(model.access_count - shot->access_count <= (outcome == ACCESS || !outcome));
	switch (outcome) {
	case ANYTHING:
		check_anything(shot, injected);
		return;
	case INJECT:
		REQUIRE(injected);
		check_injected(shot, true);
		return;
	case GIVE_RAM:
		REQUIRE(machine_ram(vcpu->vm, shot->address, 1));
		break;
	case END:
		REQUIRE(guest_state(guest_of(vcpu->vm)) >= GUEST_ENDING);
		break;
	case ACCESS:
		REQUIRE(!injected);
		check_access(shot);
		return;
	case RETRY:
	case SKIP:
		break;
	}
	REQUIRE(!injected);
	REQUIRE_EQUAL(vcpu->pc, shot->pc + (outcome == SKIP ? 4 : 0));
	check_registers(shot, 0);
}

void exit_before(struct vcpu *vcpu, u64 scause)
{
	struct shot *shot = own_shot();
	struct fake_csrs *csr = fake_csrs(hw_hart_index());

	if (vcpu->vm != model.vm)
		return;
	csr->vscause = NO_EXCEPTION;
	csr->scause = scause;
	*shot = (struct shot){
		.vcpu = vcpu,
		.scause = scause,
		.pc = vcpu->pc,
		.csr = *csr,
		.plan = *exit_plan(),
		.access_count = model.access_count,
	};
	memcpy(shot->x, vcpu->x, sizeof(shot->x));
	locate(shot);
}

void exit_after(struct vcpu *vcpu)
{
	struct shot *shot = own_shot();
	bool injected = fake_csrs(hw_hart_index())->vscause != NO_EXCEPTION;

	if (vcpu->vm != model.vm)
		return;
	REQUIRE(shot->vcpu == vcpu);
	enum outcome outcome = predict(shot);

	check_outcome(shot, outcome, injected);
	check_csrs(shot, injected);
}

void exit_model_start(struct vm *vm)
{
	static const struct device_ops ops = {device_read, device_write};
	static bool prepared;

	if (!prepared)
		oracle_prepare();
	prepared = true;
	memset(&model, 0, sizeof(model));
	model.vm = vm;
	model.device = (struct device){&ops, gpa(EXIT_DEVICE_BASE), EXIT_DEVICE_SIZE};
	REQUIRE(bus_add(vm->bus, &model.device) == STATUS_OK);
	fake_hooks.fetch_guest = fetch;
	fake_hooks.load_guest = load;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns a snapshot of each hart at its last exit, and a device that remembers what was done to it.
 */
#include "tests/fuzz/exit_model.h"

#include <string.h>

#include "hyp/csr.h"
#include "tests/fuzz/exit_shot.h"
#include "tests/fuzz/race.h"
#include "tests/fuzz/require.h"

/* What a guest that has just taken no exception has in vscause. */
#define NO_EXCEPTION 0x7e57

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
 * Checks.
 */

/* Registers that no exit changes, but for those that the checks below know of. */
static void check_csrs(const struct shot *shot, bool injected)
{
	struct fake_csrs now = *fake_csrs(hw_hart_index());
	const struct fake_csrs *was = &shot->csr;
	u64 kept_hstatus = ~HSTATUS_VTW;

	if (injected) {
		u64 kept = ~(SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE | SSTATUS_SPELP);

		REQUIRE_EQUAL(now.vsepc, shot->pc);
		REQUIRE_EQUAL(now.vsstatus & kept & fake_writable.vsstatus,
			      was->vsstatus & kept & fake_writable.vsstatus);
		REQUIRE_EQUAL(!!(now.vsstatus & SSTATUS_SPP), !!(was->sstatus & SSTATUS_SPP));
		REQUIRE_EQUAL(!!(now.vsstatus & SSTATUS_SPIE), !!(was->vsstatus & SSTATUS_SIE));
		REQUIRE(!(now.vsstatus & SSTATUS_SIE));
		REQUIRE_EQUAL(now.vsstatus & SSTATUS_SPELP, was->sstatus & SSTATUS_SPELP);
		REQUIRE_EQUAL(now.sstatus & fake_writable.sstatus,
			      ((was->sstatus | SSTATUS_SPP) & ~SSTATUS_SPELP) &
				      fake_writable.sstatus);
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
	exit_locate(shot);
}

void exit_after(struct vcpu *vcpu)
{
	struct shot *shot = own_shot();
	bool injected = fake_csrs(hw_hart_index())->vscause != NO_EXCEPTION;

	if (vcpu->vm != model.vm)
		return;
	REQUIRE(shot->vcpu == vcpu);
	enum outcome outcome = exit_predict(shot);

	check_outcome(shot, outcome, injected);
	check_csrs(shot, injected);
}

void exit_model_start(struct vm *vm)
{
	static const struct device_ops ops = {device_read, device_write};

	exit_predict_prepare();
	memset(&model, 0, sizeof(model));
	model.vm = vm;
	model.device = (struct device){&ops, gpa(EXIT_DEVICE_BASE), EXIT_DEVICE_SIZE};
	REQUIRE(bus_add(vm->bus, &model.device) == STATUS_OK);
	fake_hooks.fetch_guest = fetch;
	fake_hooks.load_guest = load;
}

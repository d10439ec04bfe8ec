/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns where its instructions come from. */
#include "tests/fuzz/sbi_guest.h"

#include "hyp/csr.h"
#include "hyp/sbi/sbi.h"
#include "tests/fuzz/driver.h"
#include "tests/fuzz/machine.h"

static struct input *input;

static u64 ram_address(const struct vcpu *vcpu)
{
	u64 size = guest_of(vcpu->vm)->config.memory_size;
	u64 low = input_u16(input);

	switch (low >> 13) {
	case 0: /* around both ends */
		return GUEST_RAM_BASE - 64 + low % 128;
	case 1:
		return GUEST_RAM_BASE + size - 128 + low % 192;
	case 2:
		return GUEST_RAM_BASE + low % size / 64 * 64;
	case 3:
		return GUEST_RAM_BASE + low % size / PAGE_SIZE * PAGE_SIZE - 8;
	default:
		return GUEST_RAM_BASE + low % size / 2 * 2;
	}
}

static u64 any_value(const struct vcpu *vcpu)
{
	u8 how = input_u8(input);

	switch (how >> 4) {
	case 0:
	case 1:
	case 2:
		return how & 15;
	case 3:
		return ~(u64)(how & 15);
	case 4:
	case 5:
	case 6:
	case 7:
	case 8:
		return ram_address(vcpu);
	case 9:
		return BIT(input_u8(input) % 64) - (how & 1);
	case 10:
		return hw_time() + vcpu->vm->htimedelta + input_u8(input);
	case 11:
		return 0x80000000;
	case 12:
		return VUART_BASE + how;
	case 13:
		return input_u16(input);
	default:
		return input_u64(input);
	}
}

static const u64 extensions[] = {
	SBI_EID_BASE, SBI_EID_TIME, SBI_EID_IPI,  SBI_EID_RFENCE, SBI_EID_HSM,
	SBI_EID_SRST, SBI_EID_DBCN, SBI_EID_SUSP, SBI_EID_STA,	  SBI_EID_HSM,
	SBI_EID_HSM,  SBI_EID_IPI,  SBI_EID_DBCN, SBI_EID_STA,	  SBI_EID_TIME,
};

static u64 call(struct vcpu *vcpu)
{
	u8 which = input_u8(input), function = input_u8(input);

	if (which < 0xc0)
		vcpu->x[17] = extensions[which % ARRAY_SIZE(extensions)];
	else if (which < 0xf0)
		vcpu->x[17] = which % 16;
	else
		vcpu->x[17] = any_value(vcpu);
	vcpu->x[16] = function < 0xe0 ? function % 4 : any_value(vcpu);
	for (unsigned i = 10; i < 15; i++)
		vcpu->x[i] = any_value(vcpu);
	return CAUSE_ECALL_VS;
}

static void set_call(struct vcpu *vcpu, u64 eid, u64 function, u64 a0, u64 a1, u64 a2)
{
	vcpu->x[17] = eid;
	vcpu->x[16] = function;
	vcpu->x[10] = a0;
	vcpu->x[11] = a1;
	vcpu->x[12] = a2;
	vcpu->x[13] = PAGE_SIZE;
	vcpu->x[14] = 1;
}

/* What kernels call, with arguments that are right: few bytes of input lead to several vCPUs that
 * run and send each other interrupts and fences. */
static u64 usual_call(struct vcpu *vcpu)
{
	u8 how = input_u8(input), value = input_u8(input);
	u64 size = guest_of(vcpu->vm)->config.memory_size;
	u64 address = GUEST_RAM_BASE + (u64)value * 0x340 % size / 64 * 64;
	u64 mask = value & 0x80 ? 0 : value & 15, base = value & 0x80 ? ~0ULL : 0;

	switch (how % 16) {
	case 0:
	case 1:
	case 2:
		set_call(vcpu, SBI_EID_HSM, 0, value % vcpu->vm->vcpu_count, address, how);
		break;
	case 3: /* stops, or waits */
		set_call(vcpu, SBI_EID_HSM, value & 1 ? 1 : 3, value & 2 ? 0 : 0x80000000, address,
			 how);
		break;
	case 4:
	case 5:
		set_call(vcpu, SBI_EID_IPI, 0, mask, base, 0);
		break;
	case 6:
	case 7:
	case 8:
	case 9: /* of a page, or of all */
		set_call(vcpu, SBI_EID_RFENCE, value % 3, mask, base, how & 0x10 ? 0 : address);
		if (how & 0x10)
			vcpu->x[13] = how & 0x20 ? ~0ULL : 0;
		break;
	case 10:
	case 11:
		set_call(vcpu, SBI_EID_TIME, 0, hw_time() + vcpu->vm->htimedelta + value, 0, 0);
		break;
	case 12:
		set_call(vcpu, SBI_EID_DBCN, how >> 4 & 1, 1 + (how >> 5), address, 0);
		break;
	case 13:
		set_call(vcpu, SBI_EID_STA, 0, address, 0, 0);
		break;
	case 14:
		set_call(vcpu, SBI_EID_SUSP, 0, 0, address, how);
		break;
	default:
		set_call(vcpu, SBI_EID_SRST, 0, value & 1, value >> 1 & 1, 0);
		if (how & 0x70) /* a status, much more often */
			set_call(vcpu, SBI_EID_HSM, 2, value % vcpu->vm->vcpu_count, 0, 0);
		break;
	}
	return CAUSE_ECALL_VS;
}

/* Registers of both units, and some that are only moved. */
static void use_units(u8 how)
{
	unsigned hart = hw_hart_index();
	u64 value = input_u8(input);

	if (how & 0x80) {
		hw_write_vsscratch(value);
		hw_write_vsepc(value << 8);
		hw_write_vstval(value << 16);
		hw_write_scounteren(value);
		hw_write_senvcfg(value);
		return;
	}
	if (hw_has(HW_FEATURE_F) && (how & 0x40)) {
		fake_csrs(hart)->sstatus |= SSTATUS_FS;
		fake_fp(hart)[how % HW_FP_SIZE] = (u8)value;
	}
	if (hw_has(HW_FEATURE_V) && (how & 0x20)) {
		fake_csrs(hart)->sstatus |= SSTATUS_VS;
		fake_vector(hart)[how % hw_vector_size()] = (u8)value;
	}
}

static void change_state(struct vcpu *vcpu)
{
	u8 how = input_u8(input);
	u64 *word;

	switch (how % 8) {
	case 0:
	case 1:
		hw_write_vsie(how & 0x80 ? 0x222 : how);
		break;
	case 2:
		fake_csrs(hw_hart_index())->vsatp = how & 0x80 ? 8ULL << 60 | 0x80000 : 0;
		break;
	case 3:
		hw_write_vsstatus(input_u64(input));
		break;
	case 4:
		hw_clear_hvip(HVIP_VSSIP);
		break;
	case 5:
		if (hw_has(HW_FEATURE_SSTC))
			hw_write_vstimecmp(any_value(vcpu));
		break;
	case 6: /* a mask for a legacy call, say */
		word = machine_ram(vcpu->vm, ram_address(vcpu) & ~7ULL, 8);
		if (word)
			*word = any_value(vcpu);
		break;
	default:
		use_units(how);
		vcpu->pc = GUEST_RAM_BASE + how * 4ULL;
		break;
	}
}

static u64 wait_for_interrupt(struct vcpu *vcpu)
{
	/* Without the trap, the hart itself waits; others have their turns all the same. */
	if (!(hw_read_hstatus() & HSTATUS_VTW)) {
		vcpu->pc += 4;
		return MACHINE_NOTHING;
	}
	fake_csrs(hw_hart_index())->stval = 0x10500073;
	return CAUSE_VIRTUAL_INSTRUCTION;
}

u64 sbi_guest_act(struct vcpu *vcpu, struct input *from)
{
	input = from;
	u8 what = input_u8(input);

	switch (what % 8) {
	case 0:
		change_state(vcpu);
		return MACHINE_NOTHING;
	case 1:
		return wait_for_interrupt(vcpu);
	case 6:
		return usual_call(vcpu);
	case 7:
		return driver_cause(driver_access(input, vcpu));
	default:
		return call(vcpu);
	}
}

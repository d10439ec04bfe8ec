/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns nothing. All accesses are by a0 and a1, without a displacement. */
#include "tests/fuzz/driver.h"

#include "hyp/csr.h"
#include "hyp/dev/vplic.h"
#include "hyp/dev/vuart.h"
#include "tests/fake/fake_hw.h"

#define LBU 0x0005c503 /* a0, (a1) */
#define SB  0x00a58023
#define LW  0x0005a503
#define SW  0x00a5a023

enum { RBR_THR, IER, IIR_FCR, LCR, MCR, LSR, MSR };

struct step {
	u64 address;
	u64 value;
	u32 instruction;
};

static u64 context_of(u64 id, u64 offset)
{
	return VPLIC_BASE + 0x201000 + 0x2000 * id + offset;
}

static struct step plic_step(u8 how, u8 value, u64 id)
{
	switch (how) {
	case 0: /* a priority */
	case 1:
		return (struct step){VPLIC_BASE + 4 * VUART_SOURCE, value | 1, SW};
	case 2: /* enables of this vCPU, or of another */
	case 3:
		return (struct step){VPLIC_BASE + 0x2080 + 0x100 * id, BIT(VUART_SOURCE) | value,
				     SW};
	case 4:
		return (struct step){VPLIC_BASE + 0x2080 + 0x100 * (value & 3), value & 4 ? 0 : ~0U,
				     SW};
	case 5:
		return (struct step){context_of(id, 0), value & 1 ? 0 : value, SW};
	case 6: /* claims and completes */
	case 7:
		return (struct step){context_of(id, 4), 0, LW};
	case 8:
		return (struct step){context_of(value & 3, 4), 0, LW};
	case 9:
	case 10:
		return (struct step){context_of(id, 4), VUART_SOURCE, SW};
	case 11:
		return (struct step){context_of(value & 3, 4), value & 4 ? VUART_SOURCE : value,
				     SW};
	case 12:
		return (struct step){VPLIC_BASE + 4 * (value & 15), value >> 4, SW};
	default:
		return (struct step){VPLIC_BASE + 0x1000, 0, LW};
	}
}

static struct step uart_step(u8 how, u8 value)
{
	switch (how) {
	case 0:
	case 1:
		return (struct step){VUART_BASE + IER, value & 15, SB};
	case 2: /* reception, and room in the transmitter */
	case 3:
		return (struct step){VUART_BASE + IER, 3, SB};
	case 4:
		return (struct step){VUART_BASE + MCR, value & 0x1f, SB};
	case 5:
		return (struct step){VUART_BASE + IIR_FCR, value, SB};
	case 6:
		return (struct step){VUART_BASE + LCR, value & 1 ? 3 : value, SB};
	case 7:
	case 8:
		return (struct step){VUART_BASE + RBR_THR, value, SB};
	case 9:
	case 10:
	case 11:
		return (struct step){VUART_BASE + RBR_THR, 0, LBU};
	case 12:
	case 13:
		return (struct step){VUART_BASE + IIR_FCR, 0, LBU};
	default:
		return (struct step){VUART_BASE + LSR + (value & 1), 0, LBU};
	}
}

u32 driver_access(struct input *input, struct vcpu *vcpu)
{
	struct fake_csrs *csr = fake_csrs(hw_hart_index());
	u8 how = input_u8(input), value = input_u8(input);
	struct step step =
		how & 0x80 ? uart_step(how & 15, value) : plic_step(how & 15, value, vcpu->id);

	if (driver_cause(step.instruction) == CAUSE_STORE_GUEST_PAGE_FAULT)
		vcpu->x[10] = step.value;
	vcpu->x[11] = step.address;
	csr->stval = step.address;
	csr->htval = step.address >> 2;
	/* "Transformed Instruction": without the base register, and with an address offset of 0. */
	csr->htinst = step.instruction & ~0xf8000U;
	return step.instruction;
}

u64 driver_cause(u32 instruction)
{
	return instruction & 0x20 ? CAUSE_STORE_GUEST_PAGE_FAULT : CAUSE_LOAD_GUEST_PAGE_FAULT;
}

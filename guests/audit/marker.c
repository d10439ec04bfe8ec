/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Points at which somebody with a debugger looks at the CSRs of the hart below. Owns nothing.
 *
 * A marker is an SBI call that no SBI knows, with numbers in its registers that say which it is.
 * The debugger stops the hart at the hypervisor's trap vector, where all of the vCPU and of the
 * host is as the guest has left it, and changes a2 to let the guest go on.
 */
#include "tests.h"
#include "timer.h"
#include "wait.h"

void marker_call(u64 id, u64 time, u64 cycle, u64 instret);

#define MARKER 0x41554454

void marker(u64 id)
{
	u64 now;

	if (!boot_has("markers"))
		return;
	now = time_now();
	marker_call(id, now, csr_read(cycle), csr_read(instret));
}

/* Leaves the hart to others for so long. */
void marker_rest(u64 us)
{
	u64 end = time_now() + ticks_from_us(us);

	if (!us)
		return;
	timer_set(end);
	csr_write(sie, (u64)SIP_STIP);
	while (time_now() < end)
		wfi();
	csr_write(sie, 0ul);
	timer_off();
}

/* A marker while a CSR has the value, all in one stub: no trap comes between, whose handler might
 * not survive the value. */
static void marker_with(u32 csr, u64 value, u32 turn)
{
	const u32 insns[] = {insn_csr(CSRRW, X_A5, csr, X_A4), 0x00000073,
			     insn_csr(CSRRW, X0, csr, X_A5)};
	const u64 a[ARGUMENT_COUNT] = {MARKER, MARKER_HELD + 2 * csr + turn, 0, 0, value, 0, 0x7ff,
				       0x10};
	struct outcome got;
	struct stub stub;

	stub_begin();
	stub = stub_add(insns, ARRAY_COUNT(insns));
	stub_seal();
	do {
		got = stub_run(&stub, a);
	} while (got.done && got.a[0] != 0);
}

/* Gives what was there. */
static u64 change(u32 csr, u64 value)
{
	const u32 insn = insn_csr(CSRRW, X_A0, csr, X_A1);
	const u64 a[ARGUMENT_COUNT] = {0, value};
	struct stub stub;

	stub_begin();
	stub = stub_add(&insn, 1);
	stub_seal();
	return stub_run(&stub, a).a[0];
}

/* Bits that the trap at the end of a stub changes before anybody can look again. */
static u64 trap_bits(u32 csr)
{
	if (csr >= 0x141 && csr <= 0x143)
		return ~0ul;
	/* SPP, SPIE, and Zicfilp's SPELP. */
	return csr == 0x100 ? SSTATUS_SPP | SSTATUS_SPIE | BIT(23) : 0;
}

static u64 value_for(const struct own_csr *own, u64 bits, u32 turn)
{
	return turn ? own->value & ~bits : own->value | bits;
}

/* The value stays for some slices of the scheduler: who shares the hart has his chance to see it,
 * and to change it. */
static u32 hold(const struct own_csr *own, u32 turn, u64 us)
{
	u64 value = value_for(own, own->writable & ~own->unsafe, turn);
	u64 back;

	change(own->number, value);
	delay_us(us);
	back = change(own->number, own->value);
	if (((back ^ value) & ~trap_bits(own->number)) == 0)
		return 0;
	print("r S0 held%u %x-%x =%lx =%lx\n", turn, own->number, own->number, value, back);
	return 1;
}

/*
 * Shows each CSR that can be written with all its bits set and clear, the others as they were.
 */
void run_held(void)
{
	u64 us = boot_number("hold", 0);
	u32 changed = 0;

	if (!boot_has("markers"))
		return;
	context_enter(S_BARE);
	own_csr_find();
	vm_reset();
	/* satp takes nothing from all ones; this, nobody notices. */
	marker_with(0x180, 8ul << 60 | (u64)vm_identity() >> 12, 0);
	sfence_all();
	for (u32 i = 0; i < own_csr_count; i++) {
		const struct own_csr *own = &own_csrs[i];

		for (u32 turn = 0; own->writable && turn < 2; turn++) {
			u64 bits = own->writable & ~(own->number == 0x100 ? own->unsafe : 0);

			marker_with(own->number, value_for(own, bits, turn), turn);
			if (own->writable & ~own->unsafe)
				changed += hold(own, turn, us);
		}
	}
	context_leave();
	print("audit: held, %u changed meanwhile\n", changed);
}

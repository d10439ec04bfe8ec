/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Points at which somebody with a debugger looks at the CSRs of the hart below. Owns nothing.
 *
 * A marker is an SBI call that no SBI knows, with numbers in its registers that say which it is.
 * The debugger stops the hart at the hypervisor's trap vector, where all of the vCPU and of the
 * host is as the guest has left it, and changes a2 to let the guest go on.
 */
#include "tests.h"
#include "wait.h"

void marker_call(u64 id, u64 time, u64 cycle);

void marker(u64 id)
{
	u64 now;

	if (!boot_has("markers"))
		return;
	now = time_now();
	marker_call(id, now, csr_read(cycle));
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
	return csr == 0x100 ? SSTATUS_SPP | SSTATUS_SPIE : 0;
}

static u32 hold(const struct own_csr *own, u32 turn, u64 us)
{
	u64 value = turn ? own->value & ~own->writable : own->value | own->writable;
	u64 back;

	change(own->number, value);
	marker(MARKER_HELD + 2 * own->number + turn);
	delay_us(us);
	back = change(own->number, own->value);
	if (((back ^ value) & ~trap_bits(own->number)) == 0)
		return 0;
	print("r S0 held%u %x-%x =%lx =%lx\n", turn, own->number, own->number, value, back);
	return 1;
}

/*
 * Writes each CSR that can be written and shows it, the others as they were. It stays so for some
 * slices of the scheduler: who shares the hart has his chance to see it, and to change it. Then
 * the same with the complement.
 */
void run_held(void)
{
	u64 us = boot_number("hold", 0);
	u32 changed = 0;

	if (!boot_has("markers"))
		return;
	context_enter(S_BARE);
	own_csr_find();
	for (u32 i = 0; i < own_csr_count; i++) {
		for (u32 turn = 0; own_csrs[i].writable && turn < 2; turn++)
			changed += hold(&own_csrs[i], turn, us);
	}
	context_leave();
	print("audit: held, %u changed meanwhile\n", changed);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What trap entry into VS-mode does, in software (Privileged ISA, "Trap Entry" of the Hypervisor
 * Extension). Owns nothing. */
#include "hyp/exit/inject.h"

#include "hyp/csr.h"

/* vsstatus after a trap into VS-mode from VS (from_s) or VU. */
static u64 stack_status(u64 vsstatus, bool from_s)
{
	u64 status = vsstatus & ~(SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE | SSTATUS_SPELP);

	if (vsstatus & SSTATUS_SIE)
		status |= SSTATUS_SPIE;
	if (from_s)
		status |= SSTATUS_SPP;
	return status;
}

void inject_exception(struct vcpu *vcpu, u64 cause, u64 tval)
{
	u64 sstatus = hw_read_sstatus();
	u64 spelp = sstatus & SSTATUS_SPELP;

	/* A landing pad that was expected at pc is expected when the handler returns there, and not
	 * in the handler (Unprivileged ISA, "Preserving Expected Landing Pad State on Traps"). */
	hw_write_vsstatus(stack_status(hw_read_vsstatus(), (sstatus & SSTATUS_SPP) != 0) | spelp);
	hw_write_vsepc(vcpu->pc);
	hw_write_vscause(cause);
	hw_write_vstval(tval);
	/* Exceptions go to BASE whatever vstvec.MODE says. */
	vcpu->pc = hw_read_vstvec() & ~3ULL;
	/* SRET goes to VS-mode: SPV is still set from the exit, SPP says S rather than U. */
	if ((sstatus & (SSTATUS_SPP | SSTATUS_SPELP)) != SSTATUS_SPP)
		hw_write_sstatus((sstatus | SSTATUS_SPP) & ~SSTATUS_SPELP);
}

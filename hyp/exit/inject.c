/* SPDX-License-Identifier: BSD-2-Clause */
/* What trap entry into VS-mode does, in software (Privileged ISA, "Trap Entry" of the Hypervisor
 * Extension). Owns nothing. */
#include "hyp/exit/inject.h"

#include "hyp/csr.h"
#include "hyp/vs.h"

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
	u64 sstatus = vs_read_sstatus(vcpu);
	u64 spelp = sstatus & SSTATUS_SPELP;

	/* A landing pad that was expected at pc is expected when the handler returns there, and not
	 * in the handler (Unprivileged ISA, "Preserving Expected Landing Pad State on Traps"). */
	vs_write_vsstatus(vcpu, stack_status(vs_read_vsstatus(vcpu), (sstatus & SSTATUS_SPP) != 0) |
					spelp);
	vs_write_vsepc(vcpu, vcpu->pc);
	vs_write_vscause(vcpu, cause);
	vs_write_vstval(vcpu, tval);
	/* Exceptions go to BASE whatever vstvec.MODE says. */
	vcpu->pc = vs_read_vstvec(vcpu) & ~3ULL;
	/* SRET goes to VS-mode: SPV is still set from the exit, SPP says S rather than U. */
	if ((sstatus & (SSTATUS_SPP | SSTATUS_SPELP)) != SSTATUS_SPP)
		vs_write_sstatus(vcpu, (sstatus | SSTATUS_SPP) & ~SSTATUS_SPELP);
}

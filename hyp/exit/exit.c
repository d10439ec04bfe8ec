/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sorts exits. A guest-page fault is RAM not yet given, a device, or a mistake; a virtual
 * instruction is a WFI or something that a hart without H does not have; anything else that
 * arrives here was not delegable on this hart and goes back to the guest as it came.
 * Owns nothing; the vCPU is the caller's.
 */
#include "hyp/exit/exit.h"

#include "hyp/csr.h"
#include "hyp/exit/guest_walk.h"
#include "hyp/exit/inject.h"
#include "hyp/exit/mmio.h"
#include "hyp/mem/guest_memory.h"
#include "hyp/trace.h"
#include "hyp/vs.h"

#define INSN_WFI     0x10500073
#define INSN_WRS_NTO 0x00d00073

static u64 access_fault_of(u64 scause)
{
	switch (scause) {
	case CAUSE_FETCH_GUEST_PAGE_FAULT:
		return CAUSE_FETCH_ACCESS;
	case CAUSE_LOAD_GUEST_PAGE_FAULT:
		return CAUSE_LOAD_ACCESS;
	default:
		return CAUSE_STORE_ACCESS;
	}
}

/* A fetch fault of the first instruction of the trap handler leads to itself for good. */
static bool loops_on_own_handler(struct vcpu *vcpu, u64 scause, gva_t address)
{
	bool from_s = (vs_read_sstatus(vcpu) & SSTATUS_SPP) != 0;

	return scause == CAUSE_FETCH_GUEST_PAGE_FAULT && from_s &&
	       vcpu->pc == (vs_read_vstvec(vcpu) & ~3ULL) && address.value == vcpu->pc;
}

static void reflect_access_fault(struct vcpu *vcpu, u64 scause, gva_t address)
{
	if (loops_on_own_handler(vcpu, scause, address)) {
		vcpu->vm->ops->end(vcpu->vm, VM_END_FAILED,
				   "its trap handler lies where nothing can be fetched");
		return;
	}
	inject_exception(vcpu, access_fault_of(scause), address.value);
}

/* RAM that has not been given yet, or that another vCPU has been given meanwhile. A hart may have
 * cached that the page was absent, so the fence is due in both cases (Privileged ISA,
 * "Supervisor Memory-Management Fence Instruction"); only this hart needs it, another one takes
 * this same path. */
static void give_ram(struct vcpu *vcpu, gpa_t address)
{
	bool fresh;

	if (guest_memory_touch(vcpu->vm->memory, address, &fresh) != STATUS_OK) {
		vcpu->vm->ops->end(vcpu->vm, VM_END_FAILED, "the machine is out of memory");
		return;
	}
	trace(TRACE_FAULT, vcpu, address.value);
	unsigned vmid = (unsigned)(hw_read_hgatp() >> HGATP_VMID_SHIFT) & 0x3fff;

	hw_hfence_gvma(address, vmid);
	/* Without htval the page that the hart holds for absent may be one of the guest's tables.
	 */
	if (!fresh && !hw_read_htval())
		hw_hfence_gvma_vmid(vmid);
}

static bool is_ram(const struct vcpu *vcpu, gpa_t address)
{
	return guest_memory_contains(vcpu->vm->memory, address, 1);
}

/* htval holds bits 63:2 of the address; htinst tells whether the fault was the access's own or one
 * of the guest's page-table walk. Harts may leave either zero, and then the walk is done again in
 * software. (Guest-physical address 0 is nothing that a guest has here, so zero always means
 * "look".) */
static enum walk locate(struct vcpu *vcpu, gva_t virtual, gpa_t *address)
{
	u64 htval = hw_read_htval();

	*address = gpa(htval << 2 | (virtual.value & 3));
	if (htval && (hw_read_htinst() || is_ram(vcpu, *address)))
		return WALK_FOUND;
	return guest_walk(vcpu, virtual, address);
}

static NOINLINE bool guest_page_fault(struct vcpu *vcpu, u64 scause, u32 registers)
{
	gva_t virtual = gva(hw_read_stval());
	gpa_t address;
	enum walk walk = locate(vcpu, virtual, &address);

	/* No device can be executed, and there is no instruction to look at. */
	if (walk == WALK_FOUND && scause != CAUSE_FETCH_GUEST_PAGE_FAULT &&
	    !is_ram(vcpu, address)) {
		switch (mmio_access(vcpu, scause, address, registers)) {
		case MMIO_DONE:
			return true;
		case MMIO_DEEPEN:
			vcpu->deepen = 1;
			return false;
		case MMIO_REFUSED:
			break;
		}
	}
	/* The hart may go by a translation that the guest has changed and not fenced. */
	if (walk == WALK_RETRY) {
		hw_hfence_vvma_all();
		return true;
	}
	if (is_ram(vcpu, address))
		give_ram(vcpu, address);
	else
		reflect_access_fault(vcpu, scause, virtual);
	return !vcpu->leave;
}

/* True if the guest has an interrupt pending that it has enabled in its sie, whether or not its
 * sstatus.SIE is set: the condition that ends a WFI (Privileged ISA, "Wait for Interrupt"). vsie
 * has the VS bits one place down ("Virtual Supervisor Interrupt (vsip and vsie) Registers"). */
static bool has_wakeup(const struct vcpu *vcpu)
{
	return ((vs_pending(vcpu) >> 1) & vs_read_vsie(vcpu)) != 0;
}

static NOINLINE u32 fetch_instruction(struct vcpu *vcpu)
{
	struct hw_fetch_fault fault;
	u32 insn;

	return hw_fetch_guest(gva(vcpu->pc), &insn, &fault) == STATUS_OK ? insn : 0;
}

static NOINLINE bool virtual_instruction(struct vcpu *vcpu)
{
	u64 insn = hw_read_stval();

	/* stval has the instruction, or zero on harts that do not give it. It is zero after that if
	 * the guest changed its tables while the trap was on its way: let it execute what is there
	 * now. */
	if (UNLIKELY(insn == 0)) {
		insn = fetch_instruction(vcpu);
		if (insn == 0) {
			hw_hfence_vvma_all();
			return true;
		}
	}
	if (insn == INSN_WFI && (vs_read_sstatus(vcpu) & SSTATUS_SPP)) {
		vcpu->pc += 4;
		if (has_wakeup(vcpu))
			return true;
		vcpu->wait = 1;
		vcpu->leave = 1;
		return false;
	}
	/* Stalled for a reservation, it may be interrupted by VTW for the sake of others
	 * (Unprivileged ISA, "Wait-on-Reservation-Set Instructions"); it may end at any time, so it
	 * ends now. */
	if (insn == INSN_WRS_NTO) {
		vcpu->pc += 4;
		vcpu->leave = 1;
		return false;
	}
	/* On the machine the guest believes in, without H, this is an illegal instruction; if that
	 * machine promises Sstvala, its stval has the instruction even where ours was zero. */
	inject_exception(vcpu, CAUSE_ILLEGAL_INSTRUCTION, insn);
	return true;
}

bool exit_exception(struct vcpu *vcpu, u64 scause, u32 registers)
{
	switch (scause) {
	case CAUSE_VIRTUAL_INSTRUCTION:
		return virtual_instruction(vcpu);
	case CAUSE_LOAD_GUEST_PAGE_FAULT:
	case CAUSE_STORE_GUEST_PAGE_FAULT:
	case CAUSE_FETCH_GUEST_PAGE_FAULT:
		return guest_page_fault(vcpu, scause, registers);
	default:
		inject_exception(vcpu, scause, hw_read_stval());
		return true;
	}
}

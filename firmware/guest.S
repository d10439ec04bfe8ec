/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world switch: guest_run() on the way in, guest_trap_vector on the way out.
 *
 * While a guest runs, sscratch points to its struct vcpu and stvec to guest_trap_vector. A trap
 * goes only as deep as it must:
 *
 *   light  the caller-saved registers are saved, one C function runs on the hart's stack, the
 *          guest goes on. The C calling convention preserves the callee-saved registers, and
 *          nothing in the hypervisor uses gp or tp, so the guest's stay where they are.
 *   full   every register is saved and guest_run() returns scause to its caller.
 *
 * A vCPU with full_exits set is entered with guest_full_vector in stvec instead, which takes every
 * trap the full way. The light path knows nothing of it.
 *
 * Interrupts are off in HS-mode throughout: sstatus.SIE is 0, and an SRET that sets it from SPIE
 * leaves HS-mode at the same time.
 *
 * hstatus.SPV and SPVP and sstatus.SPP stay in the CSRs from trap to SRET; who clobbers them on
 * the way (hw_fetch_guest) restores them. The guest's pc is in struct vcpu, but for an SBI call on
 * the light path, which leaves sepc alone and past the ecall; guest_full_vector leaves pc at it.
 */
#include "offsets.h"

#define X(n) (VCPU_X + 8 * (n))

/* The C functions of the light path; with SWITCH=eager, hyp/vm/switch.c around them. */
#ifdef HW_SWITCH_EAGER
#define LIGHT(function) switch_##function
#else
#define LIGHT(function) function
#endif

#define HSTATUS_SPV 0x80
#define CAUSE_ECALL_VS 10
#define CAUSE_FIRST_GUEST_ONLY 20

/* guest_run()'s frame: ra, s0 to s11. */
#define FRAME_SIZE 112

	.text

/* u64 guest_run(struct vcpu *vcpu) */
	.globl	guest_run
	.type	guest_run, @function
guest_run:
	addi	sp, sp, -FRAME_SIZE
	sd	ra, 0(sp)
	sd	s0, 8(sp)
	sd	s1, 16(sp)
	sd	s2, 24(sp)
	sd	s3, 32(sp)
	sd	s4, 40(sp)
	sd	s5, 48(sp)
	sd	s6, 56(sp)
	sd	s7, 64(sp)
	sd	s8, 72(sp)
	sd	s9, 80(sp)
	sd	s10, 88(sp)
	sd	s11, 96(sp)
	sd	sp, VCPU_HOST_SP(a0)
	csrw	sscratch, a0
	lla	t0, guest_trap_vector
	lbu	t1, VCPU_FULL_EXITS(a0)
	beqz	t1, .Lset_vector
	lla	t0, guest_full_vector
.Lset_vector:
	csrw	stvec, t0

	mv	sp, a0
	ld	gp, X(3)(sp)
	ld	tp, X(4)(sp)
	ld	s0, X(8)(sp)
	ld	s1, X(9)(sp)
	ld	s2, X(18)(sp)
	ld	s3, X(19)(sp)
	ld	s4, X(20)(sp)
	ld	s5, X(21)(sp)
	ld	s6, X(22)(sp)
	ld	s7, X(23)(sp)
	ld	s8, X(24)(sp)
	ld	s9, X(25)(sp)
	ld	s10, X(26)(sp)
	ld	s11, X(27)(sp)
	ld	a0, X(10)(sp)
.Lenter_keep_a0:
	ld	a1, X(11)(sp)
	ld	t0, VCPU_PC(sp)
	csrw	sepc, t0
/* The common end of all paths: sp is the vCPU, a0, a1 and sepc are the guest's. */
.Lenter_keep_sepc:
	ld	ra, X(1)(sp)
	ld	t0, X(5)(sp)
	ld	t1, X(6)(sp)
	ld	t2, X(7)(sp)
	ld	a2, X(12)(sp)
	ld	a3, X(13)(sp)
	ld	a4, X(14)(sp)
	ld	a5, X(15)(sp)
	ld	a6, X(16)(sp)
	ld	a7, X(17)(sp)
	ld	t3, X(28)(sp)
	ld	t4, X(29)(sp)
	ld	t5, X(30)(sp)
	ld	t6, X(31)(sp)
	ld	sp, X(2)(sp)
	sret

/* What a trap begins with, whichever way it takes: sp becomes the vCPU, t0 scause, and the registers
 * that C does not preserve, and sp, are saved. */
	.macro	save_light_registers
	csrrw	sp, sscratch, sp
	sd	t0, X(5)(sp)
	/* sscratch gets the vCPU back at once. Left there, the guest's sp would be where a trap of
	 * the hypervisor itself stores registers: an address of the guest's choice. */
	csrrw	t0, sscratch, sp
	sd	t0, X(2)(sp)
	csrr	t0, scause
	sd	ra, X(1)(sp)
	sd	t1, X(6)(sp)
	sd	t2, X(7)(sp)
	sd	a0, X(10)(sp)
	sd	a1, X(11)(sp)
	sd	a2, X(12)(sp)
	sd	a3, X(13)(sp)
	sd	a4, X(14)(sp)
	sd	a5, X(15)(sp)
	sd	a6, X(16)(sp)
	sd	a7, X(17)(sp)
	sd	t3, X(28)(sp)
	sd	t4, X(29)(sp)
	sd	t5, X(30)(sp)
	sd	t6, X(31)(sp)
	.endm

/* stvec holds this address: MODE 0 (Direct) needs the two low bits clear. A cache line's worth of
 * alignment spares the fetch of a second line on most harts. */
	.balign	64
	.globl	guest_trap_vector
	.type	guest_trap_vector, @function
guest_trap_vector:
	save_light_registers
	csrr	t1, sepc
	li	t2, CAUSE_ECALL_VS
	bne	t0, t2, .Lnot_sbi

/* An SBI call: the guest's a0 to a7 are the C function's arguments as they stand, and what it
 * returns in a0 and a1 is the guest's result. Only a5, which no call that ends here uses, makes
 * room for the vCPU. No trap of the hypervisor itself has this cause, so nothing else needs
 * checking. */
	addi	t1, t1, 4
	csrw	sepc, t1
	mv	a5, sp
	ld	sp, VCPU_HOST_SP(sp)
	call	LIGHT(sbi_light)
	csrr	sp, sscratch
	lw	t0, VCPU_DEEPEN(sp)
	beqz	t0, .Lenter_keep_sepc
	csrr	t1, sepc
	sd	t1, VCPU_PC(sp)
	li	t0, CAUSE_ECALL_VS
	j	.Lfull

/* Guest-page faults and virtual instructions are the guest's, as the hypervisor has neither outside
 * of hw_fetch_guest() and its like, and so are interrupts, since the hypervisor runs with SIE
 * clear. */
.Lnot_sbi:
	sd	t1, VCPU_PC(sp)
	li	t2, CAUSE_FIRST_GUEST_ONLY
	bltu	t0, t2, .Lmaybe_ours
.Llight:
	sd	t0, X(0)(sp)
	mv	a0, sp
	mv	a1, t0
	ld	sp, VCPU_HOST_SP(sp)
	call	LIGHT(run_light)
	csrr	sp, sscratch
	mv	t1, a0
	ld	a0, X(10)(sp)
	bnez	t1, .Lenter_keep_a0
	ld	t0, X(0)(sp)

.Lfull:
	sd	gp, X(3)(sp)
	sd	tp, X(4)(sp)
	sd	s0, X(8)(sp)
	sd	s1, X(9)(sp)
	sd	s2, X(18)(sp)
	sd	s3, X(19)(sp)
	sd	s4, X(20)(sp)
	sd	s5, X(21)(sp)
	sd	s6, X(22)(sp)
	sd	s7, X(23)(sp)
	sd	s8, X(24)(sp)
	sd	s9, X(25)(sp)
	sd	s10, X(26)(sp)
	sd	s11, X(27)(sp)
	mv	a0, t0
	ld	sp, VCPU_HOST_SP(sp)
	lla	t1, host_trap_vector
	csrw	stvec, t1
	ld	ra, 0(sp)
	ld	s0, 8(sp)
	ld	s1, 16(sp)
	ld	s2, 24(sp)
	ld	s3, 32(sp)
	ld	s4, 40(sp)
	ld	s5, 48(sp)
	ld	s6, 56(sp)
	ld	s7, 64(sp)
	ld	s8, 72(sp)
	ld	s9, 80(sp)
	ld	s10, 88(sp)
	ld	s11, 96(sp)
	addi	sp, sp, FRAME_SIZE
	ret

/* The causes below 20 can be a fault of the hypervisor itself on the light path. hstatus.SPV says
 * where the trap came from. The registers t0, t1, t2 and sp are as they were at the fault when
 * host_trap_vector sees them. */
.Lmaybe_ours:
	csrr	t2, hstatus
	andi	t2, t2, HSTATUS_SPV
	bnez	t2, .Llight
.Lours:
	ld	t0, X(5)(sp)
	ld	t1, X(6)(sp)
	ld	t2, X(7)(sp)
	ld	sp, X(2)(sp)
	tail	host_trap_vector

	.size	guest_trap_vector, . - guest_trap_vector

/* No C function runs while stvec points here, so a trap of the hypervisor itself would be one of
 * the few instructions between guest_run()'s write of stvec and its SRET. */
	.balign	64
	.globl	guest_full_vector
	.type	guest_full_vector, @function
guest_full_vector:
	save_light_registers
	csrr	t1, sepc
	sd	t1, VCPU_PC(sp)
	csrr	t2, hstatus
	andi	t2, t2, HSTATUS_SPV
	beqz	t2, .Lours
	j	.Lfull

	.size	guest_full_vector, . - guest_full_vector

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traps that are expected. probe_vector is stvec just for one instruction (PROBE_TEXT in
 * platform/csr.h); it steps over that instruction and reports the cause in t0.
 */
	.text

	.balign	4			/* stvec */
	.globl	probe_vector
	.type	probe_vector, @function
probe_vector:
	csrr	t0, sepc
	addi	t0, t0, 4
	csrw	sepc, t0
	csrr	t0, scause
	addi	t0, t0, 1
	sret
	.size	probe_vector, . - probe_vector

/*
 * u64 probe_fetch_guest(u64 address, u64 *halfword)
 *
 * Reads two bytes of the guest's memory with execute permission. Returns 0, or scause + 1 of the
 * fault, and stval and htval are then the fault's. Clobbers sepc, hstatus and sstatus on a fault.
 */
	.globl	probe_fetch_guest
	.type	probe_fetch_guest, @function
probe_fetch_guest:
	lla	t2, probe_vector
	li	t0, 0
	csrrw	t1, stvec, t2
	.option push
	.option arch, +h
	hlvx.hu	a2, (a0)
	.option pop
	csrw	stvec, t1
	sd	a2, 0(a1)
	mv	a0, t0
	ret
	.size	probe_fetch_guest, . - probe_fetch_guest

/* u64 probe_load_guest(u64 address, u64 *word): the same for eight bytes, with read permission. */
	.globl	probe_load_guest
	.type	probe_load_guest, @function
probe_load_guest:
	lla	t2, probe_vector
	li	t0, 0
	csrrw	t1, stvec, t2
	.option push
	.option arch, +h
	hlv.d	a2, (a0)
	.option pop
	csrw	stvec, t1
	sd	a2, 0(a1)
	mv	a0, t0
	ret
	.size	probe_load_guest, . - probe_load_guest

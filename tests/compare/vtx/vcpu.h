/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU, its VM, and the CPU. What the VMCS holds of a vCPU is in no struct of ours; here is the
 * rest: the general-purpose registers, the state that VM entry does not load (x87/SSE/AVX, the
 * system-call MSRs, CR2), and the emulated local APIC.
 */
#pragma once

#include "layout.h"
#include "types.h"
#include "x86.h"

/* What the light path has to do besides returning to the guest. */
#define AFTER_DEEPEN 1u /* leave it: save the callee-saved registers, return from guest_run() */
#define AFTER_TIMER  2u /* the guest's timer is armed: what is left of it must be computed anew */

/* What an exit pushes: the registers that the C calling convention does not preserve. The VMCS'
 * HOST_RSP points to the end of this. */
struct light_registers {
	u64 r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax;
};

#define EXIT_REASONS	128 /* room for all basic exit reasons, and a power of two */
#define VCPU_STACK_SIZE 2048
#define VM_VCPUS	2
#define XSAVE_SIZE	832 /* x87, SSE and AVX: legacy region, header, 16 * 16 bytes */

/* A set of vectors; `used` has a bit for each word that is not zero. */
struct vectors {
	u64 word[4];
	u32 used;
};

struct vapic {
	struct vectors irr, isr;
	u64 deadline; /* IA32_TSC_DEADLINE: 0 when disarmed */
	u32 timer;    /* the LVT entry */
};

struct vcpu {
	/* Exits are handled on a stack of the vCPU's own, right below its registers: the VMCS gives
	 * each vCPU its own stack pointer anyway, and so nothing but pushes is needed. */
	u8 stack[VCPU_STACK_SIZE] ALIGNED(64);
	struct light_registers light;

	/* Saved on the full path only. */
	u64 rbx, rbp, r12, r13, r14, r15;

	u64 host_sp; /* of guest_run()'s caller */
	u32 after;   /* AFTER_* */
	u8 launched; /* the VMCS' launch state on this CPU */

	/* Not in the VMCS, and moved only when a CPU changes vCPU. */
	u64 kernel_gs_base, star, lstar, cstar, sfmask, tsc_aux, cr2;
	u8 xsave[XSAVE_SIZE] ALIGNED(64);

	struct vapic apic;
	struct vm *vm;
	hpa_t vmcs;
	u16 vpid;
	int last_cpu; /* where its VMCS and translations may still be cached; -1 for nowhere */
	u8 wish;      /* enum wish: why it left the light path */
	u8 taken;     /* this slot is in use */
	u64 wish_argument[2];
	struct vcpu *next; /* in a CPU's queue */
	u64 exit_count[EXIT_REASONS];
};

enum wish { WISH_NONE, WISH_MMIO, WISH_YIELD, WISH_MOVE, WISH_START, WISH_STOP, WISH_SPAWN };

struct vm {
	u64 ept_pointer;
	hpa_t ram; /* of GUEST_RAM_SIZE bytes, guest-physical 0 */
	u32 lock;  /* of the EPT, the pool of pages behind it, and the device */
	u32 device_counter, device_scratch;
	bool zeroing;
	struct vcpu vcpus[VM_VCPUS];
};

struct cpu {
	struct cpu *self; /* GS base points here */
	u32 index;
	u32 apic_id;
	struct vcpu *loaded;	    /* whose VMCS is current and whose state is in the registers */
	struct vcpu *first, **last; /* ready vCPUs, in order */
	u32 lock;		    /* of the queue; taken by other CPUs too */
	u64 timer_interrupts;
	u64 switches;
	/* What the MSRs hold now, so that equal values are not written. */
	u64 star, lstar, cstar, sfmask, tsc_aux;
	u8 vmxon_region[4096] ALIGNED(4096);
};

/* exit.S: runs the vCPU, whose VMCS is current, until an exit takes the full path. */
void guest_run(struct vcpu *vcpu);

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Supervisor CSRs, the causes and bits in them, and the virt machine's fixed addresses. Usable
 * from assembly too. CSRs that an older assembler has no name for go by number.
 */
#pragma once

#define CSR_SENVCFG  0x10a
#define CSR_STIMECMP 0x14d

#define SSTATUS_SIE  (1 << 1)
#define SSTATUS_SPIE (1 << 5)
#define SSTATUS_SPP  (1 << 8)
#define SSTATUS_VS   (3 << 9)
#define SSTATUS_FS   (3 << 13)
#define SSTATUS_SUM  (1 << 18)
#define SSTATUS_MXR  (1 << 19)

/* Values of the FS and VS fields (Privileged ISA, "Extension Context Status"). */
#define CONTEXT_OFF	 0
#define CONTEXT_INITIAL	 1
#define CONTEXT_CLEAN	 2
#define CONTEXT_DIRTY	 3
#define SSTATUS_VS_SHIFT 9
#define SSTATUS_FS_SHIFT 13

/* Bits of sie and sip, and the interrupt causes. */
#define IRQ_SOFTWARE 1
#define IRQ_TIMER    5
#define IRQ_EXTERNAL 9
#define SIP_SSIP     (1 << IRQ_SOFTWARE)
#define SIP_STIP     (1 << IRQ_TIMER)
#define SIP_SEIP     (1 << IRQ_EXTERNAL)

#define CAUSE_FETCH_ACCESS     1
#define CAUSE_ILLEGAL	       2
#define CAUSE_BREAKPOINT       3
#define CAUSE_LOAD_MISALIGNED  4
#define CAUSE_LOAD_ACCESS      5
#define CAUSE_STORE_MISALIGNED 6
#define CAUSE_STORE_ACCESS     7
#define CAUSE_USER_ECALL       8
#define CAUSE_FETCH_PAGE       12
#define CAUSE_LOAD_PAGE	       13
#define CAUSE_STORE_PAGE       15

/* The machine that both QEMU virt and Hartwood present. */
#define RAM_BASE	 0x80000000
#define IMAGE_BASE	 0x80200000
#define UART_BASE	 0x10000000
#define UART_IRQ	 10
#define PLIC_BASE	 0x0c000000
#define PLIC_PRIORITY(n) (PLIC_BASE + 4 * (n))
#define PLIC_PENDING	 (PLIC_BASE + 0x1000)
/* QEMU virt gives each hart two contexts, M-mode's before S-mode's. */
#define PLIC_CONTEXT_S(hart_id) (2 * (hart_id) + 1)
#define PLIC_ENABLE(context)	(PLIC_BASE + 0x2000 + 0x80 * (context))
#define PLIC_THRESHOLD(context) (PLIC_BASE + 0x200000 + 0x1000 * (context))
#define PLIC_CLAIM(context)	(PLIC_THRESHOLD(context) + 4)
/* A hole in the memory map of both: between the last small device and the flash. */
#define HOLE_BASE 0x18000000

#define UART_THR 0
#define UART_IER 1
#define UART_IIR 2
#define UART_LCR 3
#define UART_LSR 5
#define UART_SCR 7

#ifndef __ASSEMBLER__
#include "types.h"

#define CSR_STRING_(x) #x
#define CSR_STRING(x)  CSR_STRING_(x)

#define csr_read(csr)                                                                      \
	({                                                                                 \
		u64 value_;                                                                \
		__asm__ volatile("csrr %0, " CSR_STRING(csr) : "=r"(value_) : : "memory"); \
		value_;                                                                    \
	})
#define csr_write(csr, value) \
	__asm__ volatile("csrw " CSR_STRING(csr) ", %0" ::"r"(value) : "memory")
#define csr_set(csr, bits)   __asm__ volatile("csrs " CSR_STRING(csr) ", %0" ::"r"(bits) : "memory")
#define csr_clear(csr, bits) __asm__ volatile("csrc " CSR_STRING(csr) ", %0" ::"r"(bits) : "memory")

static inline u8 read8(u64 address)
{
	return *(volatile u8 *)address;
}

static inline void write8(u64 address, u8 value)
{
	*(volatile u8 *)address = value;
}

static inline u32 read32(u64 address)
{
	return *(volatile u32 *)address;
}

static inline void write32(u64 address, u32 value)
{
	*(volatile u32 *)address = value;
}

static inline void fence(void)
{
	__asm__ volatile("fence" ::: "memory");
}

static inline void fence_i(void)
{
	__asm__ volatile("fence.i" ::: "memory");
}

static inline void sfence_all(void)
{
	__asm__ volatile("sfence.vma" ::: "memory");
}

static inline void wfi(void)
{
	__asm__ volatile("wfi" ::: "memory");
}

static inline u64 time_now(void)
{
	return csr_read(time);
}

/* The Zihintpause hint; a fence with an empty set where it is not implemented. */
static inline void pause_hint(void)
{
	__asm__ volatile(".4byte 0x0100000f" ::: "memory");
}

static inline void context_set_fs(u64 state)
{
	csr_clear(sstatus, (u64)SSTATUS_FS);
	csr_set(sstatus, state << SSTATUS_FS_SHIFT);
}

static inline void context_set_vs(u64 state)
{
	csr_clear(sstatus, (u64)SSTATUS_VS);
	csr_set(sstatus, state << SSTATUS_VS_SHIFT);
}
#endif

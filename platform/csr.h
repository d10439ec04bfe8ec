/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CSR access for platform/, by the assembler's names. csr_try_*() are for registers that may not
 * exist: they say whether the access trapped.
 */
#pragma once

#include "hyp/csr.h"
#include "hyp/types.h"

#define CSR_TEXT(name) #name
#define csr_read(name)                                                       \
	({                                                                   \
		u64 value_;                                                  \
		__asm__ volatile("csrr %0, " CSR_TEXT(name) : "=r"(value_)); \
		value_;                                                      \
	})

/* Clobbers memory: what a CSR write changes may decide how the next access behaves. */
#define csr_write(name, value) \
	__asm__ volatile("csrw " CSR_TEXT(name) ", %z0" : : "rJ"((u64)(value)) : "memory")
#define csr_set(name, bits) __asm__ volatile("csrs " #name ", %z0" : : "rJ"((u64)(bits)) : "memory")
#define csr_clear(name, bits) \
	__asm__ volatile("csrc " #name ", %z0" : : "rJ"((u64)(bits)) : "memory")

/* As text for the assembler, which has no names for some of these. */
#define CSR_JVT	       0x017
#define CSR_SCTRSTATUS 0x14f
#define CSR_VSCTRCTL   0x24e
#define CSR_VSISELECT  0x250
#define CSR_SCONTEXT   0x5a8
#define CSR_HVIEN      0x608
#define CSR_HVICTL     0x609

/* Privileged ISA, "Supervisor Memory-Management Fence Instruction". */
#define sfence_vma_all() __asm__ volatile("sfence.vma" : : : "memory")

/* Defined in firmware/probe.S. Steps over the trapping instruction, which must be four bytes long,
 * and leaves scause + 1 in t0. */
void probe_vector(void);

/*
 * Runs one four-byte instruction with the trap vector set to probe_vector; "result" is scause + 1
 * if it trapped, else 0. Such a trap goes from HS-mode to HS-mode: it sets hstatus.SPV to 0 and
 * sstatus.SPP to 1, and the SRET that ends it clears SPP (Privileged ISA, "Trap Entry", "Trap
 * Return"). Who still needs those must save them.
 */
#define PROBE_TEXT(instruction)                \
	"li	t0, 0\n\t"                         \
	"csrrw	t1, stvec, %[vector]\n\t"       \
	".option push\n\t"                     \
	".option norvc\n\t" instruction "\n\t" \
	".option pop\n\t"                      \
	"csrw	stvec, t1\n\t"                   \
	"mv	%[result], t0"

#define csr_try_read(name, pointer)                                              \
	({                                                                       \
		u64 result_, value_ = 0;                                         \
		__asm__ volatile(PROBE_TEXT("csrr %[value], " CSR_TEXT(name))    \
				 : [result] "=r"(result_), [value] "+&r"(value_) \
				 : [vector] "r"(probe_vector)                    \
				 : "t0", "t1", "memory");                        \
		*(pointer) = value_;                                             \
		result_ == 0;                                                    \
	})

#define csr_try_write(name, new_value)                                                       \
	({                                                                                   \
		u64 result_;                                                                 \
		__asm__ volatile(PROBE_TEXT("csrw " CSR_TEXT(name) ", %[value]")             \
				 : [result] "=&r"(result_)                                   \
				 : [value] "r"((u64)(new_value)), [vector] "r"(probe_vector) \
				 : "t0", "t1", "memory");                                    \
		result_ == 0;                                                                \
	})

/* Tries an instruction without results; operand a is %[a]. */
#define instruction_try(arch, text, operand)                                    \
	({                                                                      \
		u64 result_;                                                    \
		__asm__ volatile(".option push\n\t.option arch, " arch          \
				 "\n\t" PROBE_TEXT(text) "\n\t.option pop"      \
				 : [result] "=&r"(result_)                      \
				 : [a] "r"(operand), [vector] "r"(probe_vector) \
				 : "t0", "t1", "memory");                       \
		result_ == 0;                                                   \
	})

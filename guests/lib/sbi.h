/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Supervisor Binary Interface as its specification 3.0 numbers it: the call, the extensions,
 * the errors. Usable from assembly too.
 */
#pragma once

#define SBI_BASE 0x10
#define SBI_TIME 0x54494d45
#define SBI_IPI	 0x735049
#define SBI_RFNC 0x52464e43
#define SBI_HSM	 0x48534d
#define SBI_SRST 0x53525354
#define SBI_DBCN 0x4442434e
#define SBI_SUSP 0x53555350
#define SBI_PMU	 0x504d55
#define SBI_CPPC 0x43505043
#define SBI_NACL 0x4e41434c
#define SBI_STA	 0x535441
#define SBI_SSE	 0x535345
#define SBI_FWFT 0x46574654
#define SBI_DBTR 0x44425452
#define SBI_MPXY 0x4d505859

#define SBI_LEGACY_SET_TIMER	   0
#define SBI_LEGACY_PUTCHAR	   1
#define SBI_LEGACY_GETCHAR	   2
#define SBI_LEGACY_CLEAR_IPI	   3
#define SBI_LEGACY_SEND_IPI	   4
#define SBI_LEGACY_FENCE_I	   5
#define SBI_LEGACY_SFENCE_VMA	   6
#define SBI_LEGACY_SFENCE_VMA_ASID 7
#define SBI_LEGACY_SHUTDOWN	   8

#define BASE_SPEC_VERSION 0
#define BASE_IMPL_ID	  1
#define BASE_IMPL_VERSION 2
#define BASE_PROBE	  3
#define BASE_MVENDORID	  4
#define BASE_MARCHID	  5
#define BASE_MIMPID	  6

#define RFNC_FENCE_I	      0
#define RFNC_SFENCE_VMA	      1
#define RFNC_SFENCE_VMA_ASID  2
#define RFNC_HFENCE_GVMA_VMID 3
#define RFNC_HFENCE_GVMA      4
#define RFNC_HFENCE_VVMA_ASID 5
#define RFNC_HFENCE_VVMA      6

#define HSM_START   0
#define HSM_STOP    1
#define HSM_STATUS  2
#define HSM_SUSPEND 3

#define HSM_STARTED   0
#define HSM_STOPPED   1
#define HSM_SUSPENDED 4

#define HSM_SUSPEND_RETENTIVE	  0
#define HSM_SUSPEND_NON_RETENTIVE 0x80000000

#define DBCN_WRITE	0
#define DBCN_READ	1
#define DBCN_WRITE_BYTE 2

#define SRST_SHUTDOWN 0
#define SRST_COLD     1
#define SRST_WARM     2

#define SBI_SUCCESS		  0
#define SBI_ERR_FAILED		  (-1)
#define SBI_ERR_NOT_SUPPORTED	  (-2)
#define SBI_ERR_INVALID_PARAM	  (-3)
#define SBI_ERR_DENIED		  (-4)
#define SBI_ERR_INVALID_ADDRESS	  (-5)
#define SBI_ERR_ALREADY_AVAILABLE (-6)

#define SBI_IMPL_OPENSBI 1

#ifndef __ASSEMBLER__
#include "types.h"

struct sbi_result {
	s64 error;
	u64 value;
};

/* One ECALL with a0 to a3 as given. A legacy call's only result is in error. */
static inline struct sbi_result sbi_call(u64 extension, u64 function, u64 a, u64 b, u64 c, u64 d)
{
	register u64 a0 __asm__("a0") = a;
	register u64 a1 __asm__("a1") = b;
	register u64 a2 __asm__("a2") = c;
	register u64 a3 __asm__("a3") = d;
	register u64 a4 __asm__("a4") = 0;
	register u64 a6 __asm__("a6") = function;
	register u64 a7 __asm__("a7") = extension;

	__asm__ volatile("ecall"
			 : "+r"(a0), "+r"(a1)
			 : "r"(a2), "r"(a3), "r"(a4), "r"(a6), "r"(a7)
			 : "memory");
	return (struct sbi_result){(s64)a0, a1};
}

/* The same with a4, which only the fences by ASID and VMID take. */
struct sbi_result sbi_call5(u64 extension, u64 function, u64 a, u64 b, u64 c, u64 d, u64 e);

bool sbi_probe(u64 extension);

/*
 * True on OpenSBI itself. Where the specification leaves a choice, or where QEMU's devices or
 * OpenSBI 1.5.1 fall short of it, the tests accept there what they do not accept of Hartwood.
 */
bool sbi_is_opensbi(void);

/* The version of the SBI specification: major << 24 | minor. */
u64 sbi_spec_version(void);

/* Ends this machine by SRST, or by the legacy call where there is no SRST. */
void sbi_shutdown(void) __attribute__((noreturn));

const char *sbi_error_name(s64 error);
#endif

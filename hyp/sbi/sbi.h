/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SBI that a guest sees (RISC-V Supervisor Binary Interface Specification, 2.0 and what of 3.0
 * is listed in sbi.c). Calls arrive on the light path first; those that need more of the guest than
 * its arguments, or may take long, ask for the full path.
 */
#pragma once

#include "hyp/mem/guest_memory.h"
#include "hyp/vcpu.h"

/* SBI, "Binary Encoding": the standard error codes. */
enum sbi_error {
	SBI_SUCCESS = 0,
	SBI_ERR_FAILED = -1,
	SBI_ERR_NOT_SUPPORTED = -2,
	SBI_ERR_INVALID_PARAM = -3,
	SBI_ERR_DENIED = -4,
	SBI_ERR_INVALID_ADDRESS = -5,
	SBI_ERR_ALREADY_AVAILABLE = -6,
	SBI_ERR_ALREADY_STARTED = -7,
	SBI_ERR_ALREADY_STOPPED = -8,
};

/* What a guest finds in a0 and a1; C returns it in just these registers. */
struct sbi_ret {
	s64 error;
	u64 value;
};

/* The guest's arguments, a0 to a5. */
struct sbi_args {
	u64 a[6];
};

/* An extension: the range of EIDs it answers to and what does it. Calls come with a6 as function;
 * the result goes to the guest unless the vCPU is told to leave for good (stop, reset). */
struct sbi_extension {
	u64 first, last;
	struct sbi_ret (*call)(struct vcpu *vcpu, u64 eid, u64 function,
			       const struct sbi_args *args);
	bool legacy; /* the result is one number in a0; a1 stays as it is */
};

/* A call's registers as they stand, a0 to a7, but that a5 holds the vCPU: no call that the light
 * path finishes has a sixth argument. */
#define SBI_ARG __attribute__((unused)) u64
#define SBI_LIGHT_ARGS                                              \
	SBI_ARG a0, SBI_ARG a1, SBI_ARG a2, SBI_ARG a3, SBI_ARG a4, \
		__attribute__((unused)) struct vcpu *vcpu, SBI_ARG function, SBI_ARG eid

/* The trap vector calls it, and gives what it returns to the guest, unless vcpu->deepen is set:
 * then guest_run() returns CAUSE_ECALL_VS and sbi_full() finishes. pc is past the ecall already. */
struct sbi_ret sbi_light(SBI_LIGHT_ARGS);

/* The same for a call that came the full way at once: the registers are in vcpu->x, where the
 * result goes, and pc is still at the ecall. Here, too, sbi_full() follows if vcpu->deepen is set.
 */
void sbi_light_saved(struct vcpu *vcpu);

/* The full path: takes the call from vcpu->x and writes the result there. */
void sbi_full(struct vcpu *vcpu);

/* True if a guest's call to that EID would find somebody. */
bool sbi_probe(u64 eid);

static inline struct sbi_ret sbi_value(u64 value)
{
	return (struct sbi_ret){SBI_SUCCESS, value};
}

static inline struct sbi_ret sbi_error(enum sbi_error error)
{
	return (struct sbi_ret){error, 0};
}

/* Two results that no guest sees. AGAIN: nothing was done, the guest shall make the same call once
 * more (a blocking call that would block). UNCHANGED: registers and pc are as they shall be. */
#define SBI_AGAIN     ((struct sbi_ret){INT64_MIN, 0})
#define SBI_UNCHANGED ((struct sbi_ret){INT64_MIN + 1, 0})

/* True if a vCPU can start executing there with translation off. */
static inline bool sbi_is_start_address(const struct vcpu *vcpu, u64 pc)
{
	return (pc & 1) == 0 && guest_memory_contains(vcpu->vm->memory, gpa(pc), 2);
}

/* SBI, "Hart list parameter": the vCPUs named by a mask and its base. False: one of them is not
 * there, which is SBI_ERR_INVALID_PARAM. */
static inline bool sbi_hart_mask(const struct vcpu *vcpu, u64 mask, u64 base, u64 *targets)
{
	u64 all = vcpu->vm->vcpu_mask;

	if (LIKELY(base < VCPU_MAX)) {
		*targets = mask << base;
		return *targets >> base == mask && (*targets & ~all) == 0;
	}
	*targets = base == ~0ULL ? all : 0;
	return base == ~0ULL || mask == 0;
}

/* The extensions, a file each. These four are what a running kernel calls all the time and finish
 * on the light path; they take the guest's registers where they are, so that the call on to them is
 * a jump. (noipa: else the compiler merges them into one function with one large frame, or
 * gives them other registers.) */
__attribute__((noipa)) struct sbi_ret sbi_base_call(SBI_LIGHT_ARGS);
__attribute__((noipa)) struct sbi_ret sbi_time_call(SBI_LIGHT_ARGS);
__attribute__((noipa)) struct sbi_ret sbi_ipi_call(SBI_LIGHT_ARGS);
__attribute__((noipa)) struct sbi_ret sbi_rfence_call(SBI_LIGHT_ARGS);

extern const struct sbi_extension sbi_hsm, sbi_srst, sbi_dbcn, sbi_susp, sbi_sta, sbi_legacy;

#define SBI_EID_LEGACY_FIRST 0x0
#define SBI_EID_LEGACY_LAST  0x8
#define SBI_EID_BASE	     0x10
#define SBI_EID_TIME	     0x54494D45
#define SBI_EID_IPI	     0x735049
#define SBI_EID_RFENCE	     0x52464E43
#define SBI_EID_HSM	     0x48534D
#define SBI_EID_SRST	     0x53525354
#define SBI_EID_DBCN	     0x4442434E
#define SBI_EID_SUSP	     0x53555350
#define SBI_EID_STA	     0x535441

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

/* The trap vector calls it with the guest's a0 to a7 as they stand, and gives what it returns to
 * the guest, unless vcpu->deepen is set: then guest_run() returns CAUSE_ECALL_VS and sbi_full()
 * finishes. pc is past the ecall already. */
struct sbi_ret sbi_light(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5, u64 function, u64 eid,
			 struct vcpu *vcpu);

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
	u64 all = vm_vcpu_mask(vcpu->vm);

	if (base == ~0ULL) {
		*targets = all;
		return true;
	}
	if (base >= VCPU_MAX) {
		*targets = 0;
		return mask == 0;
	}
	*targets = mask << base;
	return (mask << base >> base) == mask && (*targets & ~all) == 0;
}

/* The extensions, a file each. Those four run on the light path as well. */
struct sbi_ret sbi_base_call(struct vcpu *vcpu, u64 function, u64 a0);
struct sbi_ret sbi_time_call(struct vcpu *vcpu, u64 function, u64 a0);
struct sbi_ret sbi_ipi_call(struct vcpu *vcpu, u64 function, u64 mask, u64 base);
struct sbi_ret sbi_rfence_call(struct vcpu *vcpu, u64 function, u64 mask, u64 base, u64 start,
			       u64 size, u64 asid);

extern const struct sbi_extension sbi_hsm, sbi_srst, sbi_dbcn, sbi_susp, sbi_legacy;

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

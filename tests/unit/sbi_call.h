/* SPDX-License-Identifier: BSD-2-Clause */
/* SBI calls as the trap vector makes them, on a bare VM: the light path, then, if it asks for it,
 * the full one. Every call also checks the calling convention. */
#pragma once

#include "hyp/sbi/sbi.h"
#include "tests/unit/bare_vm.h"
#include "tests/unit/guest_csrs.h"

#define PC   (RAM_BASE + 0x1000) /* of the ecall */
#define ARGS self()->x[10], self()->x[11], self()->x[12], self()->x[13], self()->x[14], self()

#define A0 10
#define A1 11

static bool call_was_full; /* of the last one */

/* The result of a call with up to six arguments. SBI, "Binary Encoding": all registers but a0 and
 * a1 are preserved. */
#define SBI_CALL(eid, function, ...) sbi_call(eid, function, (const u64[6]){__VA_ARGS__})

static inline struct sbi_ret sbi_call(u64 eid, u64 function, const u64 args[6])
{
	u64 before[32];

	for (unsigned i = 1; i < 32; i++)
		self()->x[i] = 0xabcd000000000000 + i;
	for (unsigned i = 0; i < 6; i++)
		self()->x[A0 + i] = args[i];
	self()->x[16] = function;
	self()->x[17] = eid;
	self()->pc = PC + 4;
	self()->deepen = 0;
	memcpy(before, self()->x, sizeof(before));
	bare.call_count = 0;
	fake_clear_fences();

	struct sbi_ret ret = switch_sbi_light(ARGS, function, eid);

	/* The trap vector knows the vCPU's registers only as far as it has saved them itself. */
	assert_memory_equal(before, self()->x, sizeof(before));
	call_was_full = self()->deepen;
	self()->deepen = 0;
	if (call_was_full) {
		sbi_full(self());
		guest_enter(self());
	} else {
		self()->x[A0] = (u64)ret.error;
		self()->x[A1] = ret.value;
	}
	assert_memory_equal(before + 1, self()->x + 1, 9 * sizeof(before[0]));
	assert_memory_equal(before + 12, self()->x + 12, 20 * sizeof(before[0]));
	return (struct sbi_ret){(s64)self()->x[A0], self()->x[A1]};
}

static inline void assert_error(struct sbi_ret ret, enum sbi_error error)
{
	assert_int_equal(ret.error, error);
	assert_int_equal(self()->pc, PC + 4);
	if (error != SBI_SUCCESS) {
		/* What failed did nothing. */
		assert_int_equal(bare_count(OP_NOTIFY) + bare_count(OP_FENCE) + bare_count(OP_END) +
					 bare_count(OP_STOP_SELF) + bare_count(OP_SUSPEND) +
					 bare_count(OP_SET_TIMER),
				 0);
		assert_int_equal(fake_fence_count(), 0);
	}
}

static inline void assert_value(struct sbi_ret ret, u64 value)
{
	assert_error(ret, SBI_SUCCESS);
	assert_int_equal(ret.value, value);
}

/* The guest makes the same call once more. */
static inline void assert_called_again(const u64 args[2])
{
	assert_int_equal(self()->pc, PC);
	assert_int_equal(self()->x[A0], args[0]);
	assert_int_equal(self()->x[A1], args[1]);
}

/* A machine with that set of features and a VM with that many vCPUs. */
static inline void sbi_setup_with(u32 features, unsigned vcpu_count)
{
	struct fake_options options = fake_defaults();

	options.features = features;
	bare_init(&options, vcpu_count);
	bare.start_result = STATUS_OK;
}

static inline int sbi_setup(void **state)
{
	(void)state;
	sbi_setup_with(fake_defaults().features, 4);
	return 0;
}

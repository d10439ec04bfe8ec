/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM without vm/, for tests of the rooms below it: real RAM and bus, a device that remembers what
 * was done to it, and vm_ops that only write down what they were asked. vCPU 0 is "loaded" on fake
 * hart 0: the test sets the hart's CSRs as a trap would.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "hyp/csr.h"
#include "hyp/dev/device.h"
#include "hyp/exit/inject.h"
#include "hyp/mem/guest_memory.h"
#include "hyp/mem/page.h"
#include "hyp/vcpu.h"
#include "tests/fake/fake_hw.h"

#define RAM_BASE    0x80000000ULL
#define RAM_SIZE    MIB(8)
#define DEVICE_BASE 0x10000000ULL
#define DEVICE_SIZE 0x1000ULL
#define NOWHERE	    0x20000000ULL /* neither RAM nor a device */
#define BARE_VMID   5

enum bare_op {
	OP_NOTIFY,
	OP_FENCE,
	OP_END,
	OP_START,
	OP_STOP_SELF,
	OP_SUSPEND,
	OP_SET_TIMER,
};

struct bare_call {
	enum bare_op op;
	const struct vcpu *vcpu; /* the one it is about */
	u64 a, b;		 /* its arguments, in order */
	bool has_resume_pc;
};

static struct {
	struct vm vm;
	struct vcpu *vcpus[VCPU_MAX];
	struct vcpu storage[VCPU_MAX];
	struct guest_memory memory;
	struct bus bus;

	struct device device;
	u64 device_value; /* what reads find */
	u64 device_offset, device_written;
	unsigned device_width, device_reads, device_writes;

	struct bare_call calls[64];
	unsigned call_count;
	enum status start_result;

	char console[1024];
	size_t console_length;
	size_t console_room;
	const char *input;

	enum status fetch_status;
	u32 fetch_insn;
	unsigned fetch_count;
	gva_t fetch_pc;
	bool no_htval; /* the hart leaves htval zero */
} bare;

/* ------------------------------------------------------------------------------------------------
 * What vm/ would do.
 */

static inline struct bare_call *bare_record(enum bare_op op, const struct vcpu *vcpu, u64 a, u64 b)
{
	assert_true(bare.call_count < ARRAY_SIZE(bare.calls));
	struct bare_call *call = &bare.calls[bare.call_count++];

	*call = (struct bare_call){.op = op, .vcpu = vcpu, .a = a, .b = b};
	return call;
}

static inline void bare_notify(struct vcpu *target)
{
	bare_record(OP_NOTIFY, target, 0, 0);
}

static inline void bare_fence(struct vcpu *self, u64 targets, u32 bits)
{
	bare_record(OP_FENCE, self, targets, bits);
}

static inline void bare_end(struct vm *vm, enum vm_end end, const char *reason)
{
	assert_ptr_equal(vm, &bare.vm);
	assert_non_null(reason);
	bare_record(OP_END, NULL, end, 0);
}

static inline enum status bare_start_vcpu(struct vcpu *target, u64 pc, u64 opaque)
{
	bare_record(OP_START, target, pc, opaque);
	return bare.start_result;
}

static inline void bare_stop_self(struct vcpu *self)
{
	bare_record(OP_STOP_SELF, self, 0, 0);
}

static inline void bare_suspend(struct vcpu *self, const u64 *resume_pc, u64 opaque)
{
	bare_record(OP_SUSPEND, self, resume_pc ? *resume_pc : 0, opaque)->has_resume_pc =
		resume_pc != NULL;
}

static inline void bare_set_timer(struct vcpu *self, u64 guest_time)
{
	bare_record(OP_SET_TIMER, self, guest_time, 0);
}

static inline size_t bare_console_write(struct vm *vm, const u8 *bytes, size_t length)
{
	size_t taken = min_u64(length, bare.console_room);

	(void)vm;
	assert_true(taken <= sizeof(bare.console) - bare.console_length);
	memcpy(bare.console + bare.console_length, bytes, taken);
	bare.console_length += taken;
	bare.console_room -= taken;
	return taken;
}

static inline size_t bare_console_read(struct vm *vm, u8 *bytes, size_t length)
{
	size_t count = 0;

	(void)vm;
	while (count < length && *bare.input)
		bytes[count++] = (u8)*bare.input++;
	return count;
}

static const struct vm_ops bare_ops = {
	.notify = bare_notify,
	.fence = bare_fence,
	.end = bare_end,
	.start = bare_start_vcpu,
	.stop_self = bare_stop_self,
	.suspend_self = bare_suspend,
	.inject = inject_exception,
	.set_timer = bare_set_timer,
	.console_write = bare_console_write,
	.console_read = bare_console_read,
};

static inline unsigned bare_count(enum bare_op op)
{
	unsigned count = 0;

	for (unsigned i = 0; i < bare.call_count; i++)
		count += bare.calls[i].op == op;
	return count;
}

/* The only call of that kind. */
static inline const struct bare_call *bare_only(enum bare_op op)
{
	const struct bare_call *found = NULL;

	assert_int_equal(bare_count(op), 1);
	for (unsigned i = 0; i < bare.call_count; i++)
		if (bare.calls[i].op == op)
			found = &bare.calls[i];
	return found;
}

/* ------------------------------------------------------------------------------------------------
 * Devices, and what the hart does for the hypervisor.
 */

static inline bool bare_device_read(struct device *device, u64 offset, unsigned width, u64 *value)
{
	(void)device;
	bare.device_reads++;
	bare.device_offset = offset;
	bare.device_width = width;
	*value = width == 8 ? bare.device_value : bare.device_value & (BIT(8 * width) - 1);
	return true;
}

static inline bool bare_device_write(struct device *device, u64 offset, unsigned width, u64 value)
{
	(void)device;
	bare.device_writes++;
	bare.device_offset = offset;
	bare.device_width = width;
	bare.device_written = value;
	return true;
}

static const struct device_ops bare_device_ops = {bare_device_read, bare_device_write};

static inline enum status bare_fetch(gva_t pc, u32 *insn, struct hw_fetch_fault *fault)
{
	(void)fault;
	bare.fetch_count++;
	bare.fetch_pc = pc;
	*insn = bare.fetch_insn;
	return bare.fetch_status;
}

/* With translation off in the guest: through the real G-stage tables only. */
static inline enum status bare_load(gva_t address, u64 *value, struct hw_fetch_fault *fault)
{
	struct gstage_leaf leaf;

	assert_true(is_aligned(address.value, 8));
	if (gstage_walk(&bare.memory.gstage, gpa(address.value), &leaf) != STATUS_OK) {
		*fault = (struct hw_fetch_fault){
			.cause = CAUSE_LOAD_GUEST_PAGE_FAULT,
			.address = address,
			.htval = bare.no_htval ? 0 : address.value >> 2,
		};
		return STATUS_FAULT;
	}
	memcpy(value, hw_ram(leaf.address), sizeof(*value));
	return STATUS_OK;
}

static inline u64 bare_hgatp(void)
{
	return gstage_hgatp(&bare.memory.gstage, BARE_VMID);
}

/* ------------------------------------------------------------------------------------------------
 * Life.
 */

static inline struct fake_csrs *csrs(void)
{
	return fake_csrs(0);
}

static inline struct vcpu *self(void)
{
	return bare.vcpus[0];
}

static inline void bare_init(const struct fake_options *options, unsigned vcpu_count)
{
	fake_start_with_pages(options);
	memset(&bare, 0, sizeof(bare));
	bare.vm = (struct vm){
		.name = "bare",
		.ops = &bare_ops,
		.vcpu_count = vcpu_count,
		.vcpu_mask = BIT(vcpu_count) - 1,
		.vcpus = bare.vcpus,
		.memory = &bare.memory,
		.bus = &bare.bus,
	};
	for (unsigned i = 0; i < vcpu_count; i++) {
		bare.vcpus[i] = &bare.storage[i];
		bare.vcpus[i]->vm = &bare.vm;
		bare.vcpus[i]->id = i;
		bare.vcpus[i]->self = BIT(i);
		bare.vcpus[i]->running_on = -1;
	}
	assert_int_equal(
		guest_memory_create(&bare.memory, gpa(RAM_BASE), RAM_SIZE, HW_GSTAGE_SV39X4),
		STATUS_OK);
	bare.device = (struct device){&bare_device_ops, gpa(DEVICE_BASE), DEVICE_SIZE};
	assert_int_equal(bus_add(&bare.bus, &bare.device), STATUS_OK);
	bare.console_room = SIZE_MAX;
	bare.input = "";
	bare.fetch_status = STATUS_FAULT;
	fake_hooks.fetch_guest = bare_fetch;
	fake_hooks.load_guest = bare_load;

	/* In VS-mode, translation off in the guest, on in the G-stage. */
	csrs()->hgatp = bare_hgatp();
	csrs()->sstatus = SSTATUS_SPP;
	csrs()->hstatus = HSTATUS_SPV | HSTATUS_SPVP;
	csrs()->vstvec = RAM_BASE + 0x100;
	csrs()->stval = 0;
	self()->running_on = 0;
	self()->pc = RAM_BASE + 0x1000;
}

/* Two vCPUs on a machine with everything. */
static inline int bare_setup(void **state)
{
	(void)state;
	bare_init(NULL, 2);
	return 0;
}

static inline bool is_present(u64 address)
{
	struct gstage_leaf leaf;

	return gstage_walk(&bare.memory.gstage, gpa(address), &leaf) == STATUS_OK;
}

static inline void put_word(u64 address, u64 value)
{
	assert_int_equal(guest_memory_write(&bare.memory, gpa(address), &value, sizeof(value)),
			 STATUS_OK);
}

/* What the guest finds after an exception was injected at that pc. */
static inline void assert_injected(u64 pc, u64 cause, u64 tval)
{
	assert_int_equal(csrs()->vsepc, pc);
	assert_int_equal(csrs()->vscause, cause);
	assert_int_equal(csrs()->vstval, tval);
	assert_int_equal(self()->pc, csrs()->vstvec & ~3ULL);
}

#define NOT_INJECTED UINT64_MAX

/* To see that nothing was injected. */
static inline void forbid_injection(void)
{
	csrs()->vscause = NOT_INJECTED;
}

static inline void assert_not_injected(void)
{
	assert_int_equal(csrs()->vscause, NOT_INJECTED);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An access to emulated registers: VT-x says which address it was and whether a load or a store,
 * but not which instruction. So its bytes are fetched through the guest's own page tables and
 * decoded (Intel SDM vol. 3, "Paging"; "EPT Violations"). vm->lock guards the device.
 */
#include "decode.h"
#include "host.h"
#include "vmx.h"

#define FETCH_SIZE   16
#define PTE_PRESENT  1u
#define PTE_LARGE    0x80u
#define PTE_ADDRESS  0x000ffffffffff000ul
#define RIGHTS_L     0x2000u
#define VECTOR_GP    13
#define REGISTER_RSP 4

/* Where exits leave each general-purpose register, in the order of their encoding. */
#define AT(field) ((u16)offsetof(struct vcpu, field))
static const u16 register_at[16] = {
	AT(light.rax), AT(light.rcx), AT(light.rdx), AT(rbx),	   0,
	AT(rbp),       AT(light.rsi), AT(light.rdi), AT(light.r8), AT(light.r9),
	AT(light.r10), AT(light.r11), AT(r12),	     AT(r13),	   AT(r14),
	AT(r15),
};

static ALWAYS_INLINE u64 *register_of(struct vcpu *vcpu, unsigned reg)
{
	return (u64 *)((u8 *)vcpu + register_at[reg]);
}

/* A guest-virtual address by the guest's four levels. */
static bool translate(const struct vm *vm, gva_t address, const u8 **found)
{
	u64 entry = vmx_read(VMCS_GUEST_CR3);

	for (unsigned shift = 39;; shift -= 9) {
		u64 index = address.value >> shift & 511;
		gpa_t at = {(entry & PTE_ADDRESS) + index * sizeof(u64)};

		if (!ept_is_pinned(at, sizeof(u64)))
			return false;
		entry = *(const volatile u64 *)ept_pinned_memory(vm, at);
		if (!(entry & PTE_PRESENT))
			return false;
		if (shift == 12 || (shift < 39 && entry & PTE_LARGE)) {
			u64 inside = (1ul << shift) - 1;
			gpa_t to = {(entry & PTE_ADDRESS & ~inside) | (address.value & inside)};

			*found = ept_pinned_memory(vm, to);
			return ept_is_pinned(to, PAGE_SIZE - address.value % PAGE_SIZE);
		}
	}
}

/* The instruction's bytes, copied, so that what is checked is what is used. Returns how many are
 * the guest's: fewer than asked for where a page ends and the next is not there. */
static unsigned fetch(const struct vm *vm, gva_t rip, u8 *bytes)
{
	unsigned left = PAGE_SIZE - rip.value % PAGE_SIZE;
	const u8 *from;

	if (!translate(vm, rip, &from))
		return 0;
	if (LIKELY(left >= FETCH_SIZE)) {
		__builtin_memcpy(bytes, from, FETCH_SIZE);
		return FETCH_SIZE;
	}
	for (unsigned i = 0; i < FETCH_SIZE; i++) {
		if (i == left && !translate(vm, (gva_t){rip.value + left}, &from))
			return i;
		bytes[i] = from[i < left ? i : i - left];
	}
	return FETCH_SIZE;
}

/* ---- The device ---- */

static bool device_read(struct vm *vm, u64 offset, unsigned width, u64 *value)
{
	if (width > 4 || offset & (width - 1))
		return false;
	switch (offset & ~3ul) {
	case DEVICE_ID:
		*value = DEVICE_ID_VALUE;
		break;
	case DEVICE_COUNTER:
		*value = vm->device_counter++;
		break;
	case DEVICE_SCRATCH:
		*value = vm->device_scratch;
		break;
	default:
		*value = 0;
	}
	*value = *value >> 8 * (offset & 3) & (width == 4 ? ~0u : (1u << 8 * width) - 1);
	return true;
}

static bool device_write(struct vm *vm, u64 offset, unsigned width, u64 value)
{
	if (width != 4 || offset % 4)
		return false;
	if (offset == DEVICE_SCRATCH)
		vm->device_scratch = (u32)value;
	return true;
}

static const struct device {
	u64 base, size;
	bool (*read)(struct vm *vm, u64 offset, unsigned width, u64 *value);
	bool (*write)(struct vm *vm, u64 offset, unsigned width, u64 value);
} devices[] = {
	{GUEST_DEVICE, PAGE_SIZE, device_read, device_write},
};

static ALWAYS_INLINE const struct device *device_at(gpa_t address)
{
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		if (address.value - devices[i].base < devices[i].size)
			return &devices[i];
	return NULL;
}

/* ---- The access ---- */

static ALWAYS_INLINE u64 extended(const struct access *access, u64 value)
{
	unsigned shift = 64 - 8 * access->width;

	if (!access->sign)
		return value;
	return (u64)((int64_t)(value << shift) >> shift);
}

/* 32-bit results clear the upper half, smaller ones leave the rest as it was. */
static void set_register(struct vcpu *vcpu, const struct access *access, u64 value)
{
	u64 *reg = register_of(vcpu, access->reg);

	if (LIKELY(access->result >= 4)) {
		*reg = access->result == 4 ? (u32)value : value;
		return;
	}
	unsigned shift = access->high_byte ? 8 : 0;
	u64 mask = (access->result == 1 ? 0xfful : 0xfffful) << shift;

	*reg = (*reg & ~mask) | (value << shift & mask);
}

static u64 stored_value(struct vcpu *vcpu, const struct access *access)
{
	u64 value = access->immediate ? access->value : *register_of(vcpu, access->reg);

	return access->high_byte ? value >> 8 : value;
}

static bool perform(struct vcpu *vcpu, const struct device *device, u64 offset,
		    const struct access *access)
{
	struct vm *vm = vcpu->vm;
	u64 value = 0;
	bool taken;

	if (access->store)
		value = stored_value(vcpu, access);
	lock_take(&vm->lock);
	if (access->store)
		taken = device->write(vm, offset, access->width, value);
	else
		taken = device->read(vm, offset, access->width, &value);
	lock_release(&vm->lock);
	if (taken && !access->store)
		set_register(vcpu, access, extended(access, value));
	return taken;
}

/*
 * `registers` says which are in struct vcpu now; an access that needs another goes deeper. What no
 * device takes is a general protection fault, as from an address that nothing answers to. The
 * instruction pointer of 64-bit code needs no segment base.
 */
void mmio_access(struct vcpu *vcpu, gpa_t address, u64 qualification, u32 registers)
{
	gva_t rip = {vmx_read(VMCS_GUEST_RIP)};
	const struct device *device = device_at(address);
	u8 bytes[DECODE_BUFFER];
	struct access access;
	unsigned count;

	if (!device || qualification & VIOLATION_FETCH || !(qualification & VIOLATION_FINAL) ||
	    !(vmx_read(VMCS_GUEST_RIGHTS(1)) & RIGHTS_L)) {
		exit_inject_fault(VECTOR_GP, 0);
		return;
	}
	count = fetch(vcpu->vm, rip, bytes);
	if (!count)
		return; /* the guest changed its tables since: executing again brings up what is
			   true */
	if (!decode_access(bytes, count, &access) ||
	    (!access.immediate && access.reg == REGISTER_RSP) ||
	    access.store != !!(qualification & VIOLATION_WRITE)) {
		exit_inject_fault(VECTOR_GP, 0);
		return;
	}
	if (!access.immediate && !(registers >> access.reg & 1)) {
		vcpu->wish = WISH_MMIO;
		vcpu->after |= AFTER_DEEPEN;
		return;
	}
	if (!perform(vcpu, device, address.value - device->base, &access)) {
		exit_inject_fault(VECTOR_GP, 0);
		return;
	}
	/* The exit does not say how long the instruction was: only the decoder knows. */
	u64 blocked = vmx_read(VMCS_GUEST_INTERRUPTIBILITY);

	vmx_write(VMCS_GUEST_RIP, rip.value + access.length);
	if (UNLIKELY(blocked & BLOCKED_SHADOW))
		vmx_write(VMCS_GUEST_INTERRUPTIBILITY, blocked & ~(u64)BLOCKED_SHADOW);
}

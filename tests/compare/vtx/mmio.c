/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An access to emulated registers: VT-x says which address it was and whether a load or a store,
 * but not which instruction. So its bytes are fetched through the guest's own page tables and
 * decoded (Intel SDM vol. 3, "Paging"; "EPT Violations"). vm->lock guards the device.
 *
 * Nor does it say where an access began: one that begins in the page before the device's is taken
 * for one of its first register, as the operand's address is not computed.
 */
#include "decode.h"
#include "host.h"
#include "vmx.h"

#define FETCH_SIZE   16
#define PTE_PRESENT  1u
#define PTE_LARGE    0x80u
#define PTE_ADDRESS  0x000ffffffffff000ul
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

/* A guest-virtual address by the guest's four levels; NULL when it leads nowhere. */
static const u8 *translate(const struct vm *vm, gva_t address)
{
	u64 entry = vmx_read(VMCS_GUEST_CR3);

	for (unsigned shift = 39;; shift -= 9) {
		u64 index = address.value >> shift & 511;
		gpa_t at = {(entry & PTE_ADDRESS) + index * sizeof(u64)};

		if (!ept_is_pinned(at, sizeof(u64)))
			return NULL;
		entry = *(const volatile u64 *)ept_pinned_memory(vm, at);
		if (!(entry & PTE_PRESENT))
			return NULL;
		if (shift == 12 || (shift < 39 && entry & PTE_LARGE)) {
			u64 inside = (1ul << shift) - 1;
			gpa_t to = {(entry & PTE_ADDRESS & ~inside) | (address.value & inside)};

			if (!ept_is_pinned(to, PAGE_SIZE - address.value % PAGE_SIZE))
				return NULL;
			return ept_pinned_memory(vm, to);
		}
	}
}

/* Where a page ends within reach: byte by byte, as far as the guest's tables lead. */
static NOINLINE unsigned fetch_across(const struct vm *vm, gva_t rip, const u8 *from, u8 *bytes)
{
	unsigned left = PAGE_SIZE - rip.value % PAGE_SIZE;

	for (unsigned i = 0; i < FETCH_SIZE; i++) {
		if (i == left) {
			from = translate(vm, (gva_t){rip.value + left});
			if (!from)
				return i;
		}
		bytes[i] = from[i < left ? i : i - left];
	}
	return FETCH_SIZE;
}

/* The instruction's bytes, copied, so that what is checked is what is used. Returns how many are
 * the guest's. */
static ALWAYS_INLINE unsigned fetch(const struct vm *vm, gva_t rip, u8 *bytes)
{
	const u8 *from = translate(vm, rip);

	if (!from)
		return 0;
	if (UNLIKELY(rip.value % PAGE_SIZE > PAGE_SIZE - FETCH_SIZE))
		return fetch_across(vm, rip, from, bytes);
	__builtin_memcpy(bytes, from, FETCH_SIZE);
	return FETCH_SIZE;
}

/* ---- The device ---- */

struct answer {
	u64 value;
	bool taken;
};

static struct answer device_read(struct vm *vm, u64 offset, unsigned width)
{
	u32 word = 0;

	if (width > 4 || offset & (width - 1))
		return (struct answer){0, false};
	switch (offset & ~3ul) {
	case DEVICE_ID:
		word = DEVICE_ID_VALUE;
		break;
	case DEVICE_COUNTER:
		word = vm->device_counter++;
		break;
	case DEVICE_SCRATCH:
		word = vm->device_scratch;
		break;
	}
	if (LIKELY(width == 4))
		return (struct answer){word, true};
	return (struct answer){word >> 8 * (offset & 3) & ((1u << 8 * width) - 1), true};
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
	struct answer (*read)(struct vm *vm, u64 offset, unsigned width);
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

	return (u64)((int64_t)(value << shift) >> shift);
}

/* Results of 8 and 16 bits leave the rest of the register as it was. */
static NOINLINE void merge_register(u64 *reg, const struct access *access, u64 value)
{
	unsigned shift = access->high_byte ? 8 : 0;
	u64 mask = (access->result == 1 ? 0xfful : 0xfffful) << shift;

	*reg = (*reg & ~mask) | (value << shift & mask);
}

static ALWAYS_INLINE bool load(struct vcpu *vcpu, const struct device *device, u64 offset,
			       const struct access *access)
{
	u64 *reg = register_of(vcpu, access->reg);

	lock_take(&vcpu->vm->lock);
	struct answer answer = device->read(vcpu->vm, offset, access->width);

	lock_release(&vcpu->vm->lock);
	if (!answer.taken)
		return false;
	if (UNLIKELY(access->sign))
		answer.value = extended(access, answer.value);
	if (LIKELY(access->result == 4))
		*reg = (u32)answer.value; /* the upper half becomes zero */
	else if (access->result == 8)
		*reg = answer.value;
	else
		merge_register(reg, access, answer.value);
	return true;
}

static NOINLINE bool store(struct vcpu *vcpu, const struct device *device, u64 offset,
			   const struct access *access)
{
	u64 value = access->immediate ? access->value : *register_of(vcpu, access->reg);

	if (access->high_byte)
		value >>= 8;
	lock_take(&vcpu->vm->lock);
	bool taken = device->write(vcpu->vm, offset, access->width, value);

	lock_release(&vcpu->vm->lock);
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
	    !(vmx_read(VMCS_GUEST_RIGHTS(CS)) & RIGHTS_L)) {
		exit_refuse();
		return;
	}
	count = fetch(vcpu->vm, rip, bytes);
	if (!count)
		return; /* the guest changed its tables since: executing again brings up what is
			   true */
	if (!decode_access(bytes, count, &access) ||
	    (!access.immediate && access.reg == REGISTER_RSP) ||
	    access.store != !!(qualification & VIOLATION_WRITE)) {
		exit_refuse();
		return;
	}
	if (!access.immediate && !(registers >> access.reg & 1)) {
		vcpu->wish = WISH_MMIO;
		vcpu->after |= AFTER_DEEPEN;
		return;
	}
	u64 offset = address.value - device->base;
	bool taken = access.store ? store(vcpu, device, offset, &access)
				  : load(vcpu, device, offset, &access);

	if (!taken) {
		exit_refuse();
		return;
	}
	/* The exit does not say how long the instruction was: only the decoder knows. */
	exit_go_on_at((gva_t){rip.value + access.length});
}

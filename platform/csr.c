/* SPDX-License-Identifier: BSD-2-Clause */
/* The one-instruction functions of hyp/hw.h: CSRs and fences. Link-time optimisation puts each into
 * its callers, as the instruction that it is. */
#include "platform/csr.h"

#include "hyp/hw.h"

#define DEFINE_CSR(name)                \
	u64 hw_read_##name(void)        \
	{                               \
		return csr_read(name);  \
	}                               \
	void hw_write_##name(u64 value) \
	{                               \
		csr_write(name, value); \
	}
HW_CSRS(DEFINE_CSR)

void hw_set_hvip(u64 bits)
{
	csr_set(hvip, bits);
}

void hw_clear_hvip(u64 bits)
{
	csr_clear(hvip, bits);
}

u64 hw_time(void)
{
	return csr_read(time);
}

#define WITH_H(text) ".option push\n\t.option arch, +h\n\t" text "\n\t.option pop"

void hw_hfence_gvma_all(void)
{
	__asm__ volatile(WITH_H("hfence.gvma zero, zero") : : : "memory");
}

void hw_hfence_gvma_vmid(unsigned vmid)
{
	__asm__ volatile(WITH_H("hfence.gvma zero, %0") : : "r"((u64)vmid) : "memory");
}

/* The operand is the address divided by 4, so that it can have more bits than a register. */
void hw_hfence_gvma(gpa_t address, unsigned vmid)
{
	__asm__ volatile(WITH_H("hfence.gvma %0, %1")
			 :
			 : "r"(address.value >> 2), "r"((u64)vmid)
			 : "memory");
}

void hw_hfence_vvma_all(void)
{
	__asm__ volatile(WITH_H("hfence.vvma zero, zero") : : : "memory");
}

void hw_hfence_vvma_asid(u64 asid)
{
	__asm__ volatile(WITH_H("hfence.vvma zero, %0") : : "r"(asid) : "memory");
}

void hw_hfence_vvma(gva_t address)
{
	__asm__ volatile(WITH_H("hfence.vvma %0, zero") : : "r"(address.value) : "memory");
}

void hw_hfence_vvma_asid_address(gva_t address, u64 asid)
{
	__asm__ volatile(WITH_H("hfence.vvma %0, %1") : : "r"(address.value), "r"(asid) : "memory");
}

void hw_fence_i(void)
{
	__asm__ volatile("fence.i" : : : "memory");
}

void hw_drop_reservation(void)
{
	u64 scratch;

	__asm__ volatile("sc.d zero, zero, (%0)" : : "r"(&scratch) : "memory");
}

/* PAUSE of Zihintpause: elsewhere a fence that orders nothing. */
void hw_pause(void)
{
	__asm__ volatile(".insn i 0x0f, 0, x0, x0, 0x010" : : : "memory");
}

void hw_wait(void)
{
	__asm__ volatile("wfi" : : : "memory");
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fake machine's life, RAM, and FP and vector units. What its other files hold they reset
 * themselves.
 */
#include "tests/fake/fake_hw.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "hyp/csr.h"
#include "hyp/lock.h"
#include "hyp/mem/page.h"

/* Above this, pages are given back to the host instead of being written: zeroing 1 GiB then takes
 * neither time nor memory. */
#define ZERO_BY_UNMAPPING_FROM KIB(256)

#define VLENB_MAX	256
#define VECTOR_SIZE_MAX (32 * VLENB_MAX + 4 * 8)

struct fake_hart {
	u8 fp[HW_FP_SIZE];
	u8 vector[VECTOR_SIZE_MAX];
};

static struct {
	struct hw_machine machine;
	u8 *ram;
	u64 ram_base;
	u64 ram_size;
	struct fake_hart harts[HW_HART_MAX];
} fake;

static _Thread_local unsigned current_hart;

struct fake_hooks fake_hooks;

void fake_fail(const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "fake machine, hart %u: ", current_hart);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "\n");
	abort();
}

/* ------------------------------------------------------------------------------------------------
 * Life.
 */

struct fake_options fake_defaults(void)
{
	return (struct fake_options){
		.hart_count = 2,
		.ram_base = 0x90000000,
		.ram_size = MIB(64),
		.features = HW_FEATURE_SSTC | HW_FEATURE_SVPBMT | HW_FEATURE_SVADU |
			    HW_FEATURE_ZICBOM | HW_FEATURE_ZICBOZ | HW_FEATURE_SMSTATEEN |
			    HW_FEATURE_F | HW_FEATURE_D | HW_FEATURE_V | HW_FEATURE_SVINVAL |
			    HW_FEATURE_SVNAPOT,
		.gstage_modes =
			1 << HW_GSTAGE_SV39X4 | 1 << HW_GSTAGE_SV48X4 | 1 << HW_GSTAGE_SV57X4,
		.vmid_bits = 14,
		.vlenb = 16,
		.timebase_hz = 10000000,
	};
}

static void map_ram(const struct fake_options *options)
{
	void *ram = mmap(NULL, options->ram_size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (ram == MAP_FAILED)
		fake_fail("no %llu bytes of RAM", (unsigned long long)options->ram_size);
	if (options->dirty_ram)
		memset(ram, 0xa5, options->ram_size);
	fake.ram = ram;
	fake.ram_base = options->ram_base;
	fake.ram_size = options->ram_size;
}

static void describe_machine(const struct fake_options *options)
{
	static const char isa_names[] = "i\0m\0a\0f\0d\0c\0v\0h\0zicsr\0zifencei\0sstc\0";
	struct hw_machine *machine = &fake.machine;

	*machine = (struct hw_machine){
		.timebase_hz = options->timebase_hz,
		.hart_count = options->hart_count,
		.features = options->features,
		.gstage_modes = options->gstage_modes,
		.vmid_bits = options->vmid_bits,
		.vlenb = options->features & HW_FEATURE_V ? options->vlenb : 0,
		.cboz_block_size = options->features & HW_FEATURE_ZICBOZ ? 64 : 0,
		.cbom_block_size = options->features & HW_FEATURE_ZICBOM ? 64 : 0,
		.mvendorid = 0x123,
		.marchid = 0x456,
		.mimpid = 0x789,
		.hedeleg = 0xb1ff,
		.hideleg = HVIP_VSSIP | HVIP_VSTIP | HVIP_VSEIP,
		.isa_names = isa_names,
		.mmu_type = "riscv,sv57",
		.free_ram_count = options->free_ram_count,
	};
	memcpy(machine->free_ram, options->free_ram, sizeof(machine->free_ram));
	/* Names of harts that are neither contiguous nor start at 0. */
	for (unsigned i = 0; i < options->hart_count; i++)
		machine->hart_id[i] = 3 + 2 * i;
	if (machine->free_ram_count == 0) {
		machine->free_ram[0] =
			(struct hw_region){hpa(options->ram_base), options->ram_size};
		machine->free_ram_count = 1;
	}
}

void fake_start(const struct fake_options *given)
{
	struct fake_options options = given != NULL ? *given : fake_defaults();

	if (options.hart_count == 0 || options.hart_count > HW_HART_MAX ||
	    options.vlenb > VLENB_MAX)
		fake_fail("options that no machine can have");
	fake_stop();
	map_ram(&options);
	describe_machine(&options);
	memset(&fake_hooks, 0, sizeof(fake_hooks));
	/* Only what this machine has: fuzzers start many. */
	memset(fake.harts, 0, options.hart_count * sizeof(fake.harts[0]));
	fake_clear_fences();
	fake_time_reset();
	fake_csrs_reset(&options);
	fake_console_reset(&options);
	page_forget_regions();
	lock_forget_held();
	fake_set_hart(0);
}

void fake_start_with_pages(const struct fake_options *options)
{
	fake_start(options);
	for (unsigned i = 0; i < fake.machine.free_ram_count; i++) {
		struct hw_region region = fake.machine.free_ram[i];

		if (page_add_region(region.base, region.size) != STATUS_OK)
			fake_fail("the page allocator refuses region %u", i);
	}
}

void fake_stop(void)
{
	if (fake.ram != NULL)
		munmap(fake.ram, fake.ram_size);
	fake.ram = NULL;
}

struct hw_machine *fake_machine(void)
{
	return &fake.machine;
}

const struct hw_machine *hw_machine(void)
{
	return &fake.machine;
}

void fake_set_hart(unsigned hart)
{
	if (hart >= fake.machine.hart_count)
		fake_fail("there is no hart %u", hart);
	current_hart = hart;
}

unsigned hw_hart_index(void)
{
	return current_hart;
}

/* ------------------------------------------------------------------------------------------------
 * RAM.
 */

void *hw_ram(hpa_t address)
{
	if (!range_contains(fake.ram_base, fake.ram_size, address.value, 1))
		fake_fail("host-physical %#llx is not RAM", (unsigned long long)address.value);
	return fake.ram + (address.value - fake.ram_base);
}

hpa_t hw_hpa_of(const void *ram)
{
	u64 offset = (u64)((const u8 *)ram - fake.ram);

	if (offset >= fake.ram_size)
		fake_fail("pointer %p is not into RAM", ram);
	return hpa(fake.ram_base + offset);
}

void hw_zero_pages(void *page_aligned, size_t size)
{
	if (!is_aligned((u64)(uintptr_t)page_aligned, PAGE_SIZE) || !is_aligned(size, PAGE_SIZE))
		fake_fail("%p or %zu is not page-aligned", page_aligned, size);
	if (fake_hooks.zero_pages != NULL)
		fake_hooks.zero_pages(page_aligned, size);
	if (size < ZERO_BY_UNMAPPING_FROM) {
		memset(page_aligned, 0, size);
		return;
	}
	hpa_t address = hw_hpa_of(page_aligned);

	if (!range_contains(fake.ram_base, fake.ram_size, address.value, size))
		fake_fail("zeroing beyond RAM");
	if (madvise(page_aligned, size, MADV_DONTNEED) != 0)
		fake_fail("madvise");
}

/* ------------------------------------------------------------------------------------------------
 * The guest.
 */

u64 guest_run(struct vcpu *vcpu)
{
	if (fake_hooks.guest_run == NULL)
		fake_fail("guest_run() without a hook");
	return fake_hooks.guest_run(vcpu);
}

enum status hw_fetch_guest(gva_t pc, u32 *insn, struct hw_fetch_fault *fault)
{
	if (fake_hooks.fetch_guest == NULL)
		fake_fail("hw_fetch_guest() without a hook");
	return fake_hooks.fetch_guest(pc, insn, fault);
}

enum status hw_load_guest(gva_t address, u64 *value, struct hw_fetch_fault *fault)
{
	if (fake_hooks.load_guest == NULL)
		fake_fail("hw_load_guest() without a hook");
	return fake_hooks.load_guest(address, value, fault);
}

/* ------------------------------------------------------------------------------------------------
 * FP and vector units. Loading registers makes them dirty, as on a real hart.
 */

static void use_unit(u64 field, const char *name)
{
	u64 *sstatus = &fake_csrs(current_hart)->sstatus;

	if ((*sstatus & field) == 0)
		fake_fail("the %s unit is off", name);
}

void hw_save_fp(void *buffer)
{
	use_unit(SSTATUS_FS, "FP");
	memcpy(buffer, fake.harts[current_hart].fp, HW_FP_SIZE);
}

void hw_restore_fp(const void *buffer)
{
	use_unit(SSTATUS_FS, "FP");
	memcpy(fake.harts[current_hart].fp, buffer, HW_FP_SIZE);
	fake_csrs(current_hart)->sstatus |= SSTATUS_FS;
}

/* fcsr stands behind f31. */
void hw_save_fcsr(void *buffer)
{
	use_unit(SSTATUS_FS, "FP");
	memcpy((u8 *)buffer + 32 * 8, fake.harts[current_hart].fp + 32 * 8, 8);
}

size_t hw_vector_size(void)
{
	return fake.machine.vlenb == 0 ? 0 : 32 * fake.machine.vlenb + 4 * 8;
}

void hw_save_vector(void *buffer)
{
	use_unit(SSTATUS_VS, "vector");
	memcpy(buffer, fake.harts[current_hart].vector, hw_vector_size());
}

/* vstart and vcsr stand first. */
void hw_save_vector_csrs(void *buffer)
{
	use_unit(SSTATUS_VS, "vector");
	memcpy(buffer, fake.harts[current_hart].vector, 2 * 8);
}

void hw_restore_vector(const void *buffer)
{
	use_unit(SSTATUS_VS, "vector");
	memcpy(fake.harts[current_hart].vector, buffer, hw_vector_size());
	fake_csrs(current_hart)->sstatus |= SSTATUS_VS;
}

/* vtype stands fourth. */
void hw_reset_vector(void *buffer)
{
	memset(buffer, 0, hw_vector_size());
	((u8 *)buffer)[4 * 8 - 1] = 0x80;
}

u8 *fake_fp(unsigned hart)
{
	return fake.harts[hart].fp;
}

u8 *fake_vector(unsigned hart)
{
	return fake.harts[hart].vector;
}

/* Not random, but never the same twice. */
bool hw_random(void *buffer, size_t length)
{
	static u8 next;

	for (size_t i = 0; i < length; i++)
		((u8 *)buffer)[i] = next++;
	return true;
}

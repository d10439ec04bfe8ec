/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Start: the check that the time-stamp counter counts instructions, the VM, its first vCPU. The
 * guest measures (guest/), and ends the machine.
 */
#include "host.h"
#include "vmx.h"

#define PIC_MASTER_MASK 0x21
#define PIC_SLAVE_MASK	0xa1
#define COUNT_TRIES	1000

_Noreturn void main(void);
_Noreturn void main_other(u32 index);

static struct vm vm;
static u8 guest_ram[GUEST_RAM_SIZE] ALIGNED(LARGE_SIZE);

/* What `n` instructions between two RDTSC add to the difference, which itself counts the first of
 * the two RDTSC: 1000 tries agree or the run is worth nothing. */
#define COUNTED(instructions)                                                      \
	({                                                                         \
		u32 first_low, second_low;                                         \
		__asm__ volatile("rdtsc\n mov %%eax, %0\n" instructions "\n rdtsc" \
				 : "=&r"(first_low), "=&a"(second_low)             \
				 :                                                 \
				 : "rdx", "rcx", "rdi", "r8", "memory", "cc");     \
		second_low - first_low;                                            \
	})

static void check(const char *what, u32 counted, u32 expected)
{
	print("selftest ");
	print(what);
	print_number(" counted=", counted);
	print_number(" expected=", expected);
	print("\n");
	if (counted != expected)
		die("the time-stamp counter does not count instructions", counted);
}

/* With one CPU only: with several, the emulator's clock ticks in rounds among them. */
static void check_counter(void)
{
	for (u32 i = 0; i < COUNT_TRIES; i++) {
		if (COUNTED("") != 2 || COUNTED(".rept 7\n nop\n .endr") != 9)
			die("the time-stamp counter is not exact", i);
	}
	check("nothing", COUNTED(""), 2);
	check("nop", COUNTED("nop"), 3);
	check("nop-100", COUNTED(".rept 100\n nop\n .endr"), 102);
	check("load-store", COUNTED("push %%r8\n mov (%%rsp), %%rdi\n pop %%r8"), 5);
	check("loop-50", COUNTED("mov $50, %%ecx\n 1: dec %%ecx\n jnz 1b"), 103);
	check("rep-stosb-16",
	      COUNTED("sub $16, %%rsp\n mov $16, %%ecx\n mov %%rsp, %%rdi\n rep stosb\n add $16, "
		      "%%rsp"),
	      2 + 4 + 16);
	check("cpuid", COUNTED("mov $0, %%eax\n push %%rbx\n cpuid\n pop %%rbx"), 6);
}

static void mask_pic(void)
{
	x86_out8(PIC_MASTER_MASK, 0xff);
	x86_out8(PIC_SLAVE_MASK, 0xff);
}

/* Three tables: guest-virtual = guest-physical + GUEST_OFFSET, 1 GiB by leaves of 2 MiB, for all.
 */
static void make_guest_tables(void)
{
	u64 *pml4 = (u64 *)(guest_ram + GUEST_TABLES);
	u64 *pdpt = pml4 + 512, *pd = pdpt + 512;

	pml4[0] = (GUEST_TABLES + PAGE_SIZE) | 7;
	pdpt[GUEST_OFFSET >> 30] = (GUEST_TABLES + 2 * PAGE_SIZE) | 7;
	for (u64 i = 0; i < 512; i++)
		pd[i] = i << 21 | 0x87;
}

static void make_vm(void)
{
	vm.ram = (hpa_t){(u64)guest_ram};
	vm.zeroing = true;
	ept_init(&vm);
	make_guest_tables();
	__builtin_memcpy(guest_ram + GUEST_IMAGE, guest_image,
			 (size_t)(guest_image_end - guest_image));

	__builtin_memcpy(guest_ram + GUEST_PARAMS, &params, sizeof(params));
}

void main(void)
{
	mask_pic();
	print_init();
	if (params.magic != PARAMS_MAGIC || params.cpus > CPUS_MAX)
		die("bad parameters", params.magic);
	pool_init();
	cpu_init(&cpus[0]);
	vmcs_init();
	cpu_start_vmx(&cpus[0]);
	exit_init();
	cpu_start_others(params.cpus);
	if (params.cpus == 1)
		check_counter();
	print_number("timer shift=", vmcs_timer_shift);
	print("\n");
	make_vm();
	vm.vcpus[0].taken = 1;
	vcpu_create(&vm.vcpus[0], &vm, (gva_t){GUEST_OFFSET + GUEST_IMAGE}, 0);
	vmcs_print(&vm.vcpus[0]);
	run_queue(&cpus[0], &vm.vcpus[0]);
	run_loop();
}

void main_other(u32 index)
{
	cpu_init(&cpus[index]);
	cpu_start_vmx(&cpus[index]);
	__atomic_add_fetch(&boot_ap_count, 1, __ATOMIC_RELEASE);
	run_loop();
}

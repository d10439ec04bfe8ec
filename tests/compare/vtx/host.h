/* SPDX-License-Identifier: BSD-2-Clause */
/* What the hypervisor's files offer each other. */
#pragma once

#include "vcpu.h"

/* boot.S */
extern struct params params;
extern u64 boot_pml4[], boot_gdt[];
extern struct {
	u16 limit;
	u64 base;
} __attribute__((packed)) boot_gdt_pointer;
extern char boot_ap[], pool_start[], guest_image[], guest_image_end[];
extern u32 boot_ap_count;

/* print.c: lines to COM1, and the end of the machine */
void print_init(void);
void print(const char *text);
void print_char(char c);
void print_number(const char *name, u64 value);
_Noreturn void die(const char *why, u64 value);
_Noreturn void shut_down(bool passed);
#define CHECK(invariant)                                     \
	do {                                                 \
		if (!(invariant))                            \
			die("CHECK: " #invariant, __LINE__); \
	} while (0)

/* cpu.c */
extern struct cpu cpus[CPUS_MAX];
void cpu_init(struct cpu *cpu);
void cpu_start_vmx(struct cpu *cpu);
void cpu_start_others(u32 wanted);
void cpu_wait(void);
void cpu_kick(const struct cpu *cpu);
void cpu_set_timer(u32 period);
void cpu_serve_interrupt(u32 vector);
u32 cpu_tss_selector(const struct cpu *cpu);
u64 cpu_tss_base(const struct cpu *cpu);
void cpu_wake_up(void); /* entry.S: the IDT's stubs call cpu_interrupt() */

static ALWAYS_INLINE struct cpu *cpu_this(void)
{
	struct cpu *cpu;

	__asm__("mov %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

static ALWAYS_INLINE void lock_take(u32 *lock)
{
	while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE))
		x86_pause();
}

static ALWAYS_INLINE void lock_release(u32 *lock)
{
	__atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

/* ept.c */
void pool_init(void);
hpa_t pool_take_page(void);
void *host_pointer(hpa_t address);
void ept_init(struct vm *vm);
bool ept_fill(struct vm *vm, gpa_t address);
void ept_drop_lazy(struct vm *vm);

/* Whether guest memory from an address on is pinned, and so contiguous in ours; guests' page tables
 * and the code from which they access devices are. */
static ALWAYS_INLINE bool ept_is_pinned(gpa_t address, size_t size)
{
	return address.value <= GUEST_RAM_SIZE - size;
}

static ALWAYS_INLINE void *ept_pinned_memory(const struct vm *vm, gpa_t address)
{
	return (void *)(vm->ram.value + address.value);
}

/* vmcs.c */
void vmcs_init(void);
void vmcs_create(const struct vcpu *vcpu, gva_t entry, gva_t stack);
void vmcs_set_cpu(const struct cpu *cpu);
void vmcs_print(const struct vcpu *vcpu);
extern u32 vmcs_revision, vmcs_proc_controls, vmcs_timer_shift;

/* vcpu.c */
void vcpu_create(struct vcpu *vcpu, struct vm *vm, gva_t entry, u64 argument);
void vcpu_load(struct vcpu *vcpu);
void vcpu_put(struct vcpu *vcpu);
void vcpu_forget(struct vcpu *vcpu);

/* exit.c */
void exit_light(struct vcpu *vcpu, u32 reason);
u64 exit_cpuid(struct vcpu *vcpu);
u64 exit_hypercall(u64 number, u64 a, u64 b, struct vcpu *vcpu);
void exit_skip(void);
void exit_go_on_at(gva_t rip);
void exit_refuse(void);
_Noreturn void exit_entry_failed(void);
void exit_init(void);

/* vapic.c */
bool vapic_write_timer(struct vcpu *vcpu, u64 value);
void vapic_write_deadline(struct vcpu *vcpu, u64 deadline);
void vapic_expired(struct vcpu *vcpu);
void vapic_end_interrupt(struct vcpu *vcpu);
void vapic_deliver(struct vcpu *vcpu);
void timer_rearm(struct vcpu *vcpu);

/* msr.c */
void msr_read(struct vcpu *vcpu);
void msr_write(struct vcpu *vcpu);
void msr_bitmap_init(u8 *bitmap);

/* mmio.c */
#define LIGHT_REGISTERS 0x0fc7u /* rax rcx rdx, rsi rdi, r8 to r11 */
#define ALL_REGISTERS	0xffffu
void mmio_access(struct vcpu *vcpu, gpa_t address, u64 qualification, u32 registers);

/* run.c */
_Noreturn void run_loop(void);
void run_queue(struct cpu *cpu, struct vcpu *vcpu);

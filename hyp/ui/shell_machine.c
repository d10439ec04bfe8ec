/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands about the machine: memory, harts, interrupts. */
#include <stdio.h>
#include <string.h>

#include "hyp/hw.h"
#include "hyp/mem/page.h"
#include "hyp/ui/look.h"
#include "hyp/ui/shell_internal.h"
#include "hyp/vm/sched.h"

/* ---- memory ---- */

static u64 given_pages(const struct guest *guest)
{
	if (!guest->has_memory)
		return 0;
	return __atomic_load_n(&guest->memory.page_count, __ATOMIC_RELAXED);
}

static void print_region(const struct hw_region *region)
{
	shell_print("  %#014llx to %#014llx  %10llu KiB", (unsigned long long)region->base.value,
		    (unsigned long long)(region->base.value + region->size - 1),
		    (unsigned long long)(region->size >> 10));
}

static void print_guest_memory(const struct guest *guest)
{
	char name[SHELL_NAME_SIZE];

	shell_print("  %-31s %10llu of %10llu KiB%s", shell_cut(guest->vm.name, 31, name),
		    (unsigned long long)(given_pages(guest) * PAGE_SIZE >> 10),
		    (unsigned long long)(guest->config.memory_size >> 10),
		    guest->config.memory_pinned ? ", pinned" : "");
}

/* number: the region. */
static enum shell_result memory(struct shell_call *call)
{
	const struct hw_machine *machine = hw_machine();

	if (!call->step)
		shell_print_head("RAM that is ours to give");
	if (call->number[0] < machine->free_ram_count) {
		print_region(&machine->free_ram[call->number[0]++]);
		return SHELL_MORE;
	}
	if (!call->guest) {
		shell_print("  %llu of %llu KiB are free",
			    (unsigned long long)(page_free_count() * PAGE_SIZE >> 10),
			    (unsigned long long)(page_total_count() * PAGE_SIZE >> 10));
		shell_print_head("RAM that VMs have been given");
	}
	call->guest = guest_next(call->guest);
	if (!call->guest)
		return SHELL_DONE;
	print_guest_memory(call->guest);
	return SHELL_MORE;
}

/* ---- harts ---- */

static void describe_vcpu(const struct vcpu *vcpu, char *buffer, size_t size)
{
	char name[SHELL_NAME_SIZE];

	if (vcpu)
		snprintf(buffer, size, "%s/%u", shell_cut(vcpu->vm->name, 24, name), vcpu->id);
	else
		snprintf(buffer, size, "-");
}

/* number: the hart. */
static enum shell_result harts(struct shell_call *call)
{
	unsigned hart = (unsigned)call->number[0]++;
	char runs[SHELL_NAME_SIZE + 4];
	u64 span;

	if (!call->step)
		shell_print_head("%4s %18s %7s  %s", "HART", "ID", "IDLE", "RUNS");
	if (hart >= hw_machine()->hart_count)
		return SHELL_DONE;
	/* vCPUs are never given back, so what was read stays valid. */
	describe_vcpu(__atomic_load_n(&pcpu_get(hart)->current, __ATOMIC_RELAXED), runs,
		      sizeof(runs));
	u64 idle = look_at_hart(hart, &span);
	u64 tenths = look_permille(idle, span);

	shell_print("%4u %18llu %4llu.%llu%%  %-28s %s", hart,
		    (unsigned long long)hw_machine()->hart_id[hart],
		    (unsigned long long)(tenths / 10), (unsigned long long)(tenths % 10), runs,
		    sched_is_dedicated(hart) ? "dedicated" : "");
	return SHELL_MORE;
}

/* ---- interrupts ---- */

static u64 count_exits(const struct guest *guest, unsigned cause)
{
	u64 sum = 0;

	for (unsigned i = 0; i < guest->vm.vcpu_count; i++)
		sum += __atomic_load_n(&vm_vcpu(&guest->vm, i)->exit_count[cause],
				       __ATOMIC_RELAXED);
	return sum;
}

static bool bit_of(const u32 *words, unsigned source)
{
	return __atomic_load_n(&words[source / 32], __ATOMIC_RELAXED) >> source % 32 & 1;
}

static unsigned enabled_count(const struct vplic *plic, unsigned source)
{
	unsigned count = 0;

	for (unsigned i = 0; i < plic->hart_count; i++)
		count += bit_of(plic->contexts[i].enable, source);
	return count;
}

/* Of the sources those that have a device; last, how many of the vCPUs have it enabled. */
static void print_source(const struct guest *guest, unsigned source, const char *device)
{
	const struct vplic *plic = &guest->plic;

	shell_print("  source %u (%s): wire %s%s%s, priority %u, enabled %u/%u", source, device,
		    bit_of(plic->level, source) ? "high" : "low",
		    bit_of(plic->pending, source) ? ", pending" : "",
		    bit_of(plic->forwarded, source) ? ", in service" : "",
		    __atomic_load_n(&plic->priority[source], __ATOMIC_RELAXED),
		    enabled_count(plic, source), plic->hart_count);
}

static enum shell_result interrupts(struct shell_call *call)
{
	char name[SHELL_NAME_SIZE];

	if (!call->step) {
		call->guest = call->argc ? shell_guest(call) : guest_next(NULL);
		if (call->guest)
			shell_print_head("%-31s %11s %11s %11s %9s", "HOST INTERRUPTS TAKEN IN",
					 "IPI", "TIMER", "DEVICE", "OTHER");
	} else {
		call->guest = call->argc ? NULL : guest_next(call->guest);
	}
	if (!call->guest)
		return SHELL_DONE;
	shell_print("%-31s %11llu %11llu %11llu %9llu", shell_cut(call->guest->vm.name, 31, name),
		    (unsigned long long)count_exits(call->guest, EXIT_COUNT_SOFT),
		    (unsigned long long)count_exits(call->guest, EXIT_COUNT_TIMER),
		    (unsigned long long)count_exits(call->guest, EXIT_COUNT_DEVICE),
		    (unsigned long long)count_exits(call->guest, EXIT_COUNT_OTHER));
	print_source(call->guest, VUART_SOURCE, "uart");
	return SHELL_MORE;
}

static const struct shell_command commands[] = {
	{
		.name = "memory",
		.help = "RAM: the machine's, and what VMs have of it",
		.example = "memory",
		.step = memory,
	},
	{
		.name = "harts",
		.help = "what each hart runs, and how idle it was",
		.example = "harts",
		.step = harts,
	},
	{
		.name = "interrupts",
		.arguments = "[VM]",
		.help = "host interrupts, and VMs' controllers",
		.example = "interrupts web",
		.takes = {SHELL_VM},
		.argc_max = 1,
		.step = interrupts,
	},
};

struct shell_group shell_machine = {commands, ARRAY_SIZE(commands), NULL};

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each CPU's queue of ready vCPUs, and the loop that runs them in turn. cpu->lock guards the queue;
 * a vCPU in no queue belongs to the CPU that runs it.
 */
#include "host.h"
#include "vmx.h"

void run_queue(struct cpu *cpu, struct vcpu *vcpu)
{
	vcpu->next = NULL;
	lock_take(&cpu->lock);
	*cpu->last = vcpu;
	cpu->last = &vcpu->next;
	lock_release(&cpu->lock);
}

static void queue_first(struct cpu *cpu, struct vcpu *vcpu)
{
	lock_take(&cpu->lock);
	vcpu->next = cpu->first;
	if (!cpu->first)
		cpu->last = &vcpu->next;
	cpu->first = vcpu;
	lock_release(&cpu->lock);
}

static struct vcpu *take(struct cpu *cpu)
{
	lock_take(&cpu->lock);
	struct vcpu *vcpu = cpu->first;

	if (vcpu) {
		cpu->first = vcpu->next;
		if (!cpu->first)
			cpu->last = &cpu->first;
	}
	lock_release(&cpu->lock);
	return vcpu;
}

static struct vcpu *take_slot(struct vm *vm)
{
	for (size_t i = 0; i < ARRAY_SIZE(vm->vcpus); i++) {
		if (!vm->vcpus[i].taken) {
			vm->vcpus[i].taken = 1;
			return &vm->vcpus[i];
		}
	}
	die("no vCPU left", 0);
}

/* A second vCPU, which gets its turn after this one; its creation makes another VMCS current. */
static void start(struct cpu *cpu, struct vcpu *vcpu)
{
	struct vcpu *other = take_slot(vcpu->vm);

	vcpu_create(other, vcpu->vm, (gva_t){vcpu->wish_argument[0]}, vcpu->wish_argument[1]);
	queue_first(cpu, vcpu);
	run_queue(cpu, other);
}

/* The time before its creation is the new vCPU's argument, so that it can tell what it took. */
static void spawn(struct cpu *cpu, struct vcpu *vcpu)
{
	u64 before = x86_read_tsc();
	struct vcpu *other = take_slot(vcpu->vm);

	vcpu_create(other, vcpu->vm, (gva_t){vcpu->wish_argument[0]}, before);
	queue_first(cpu, vcpu);
	queue_first(cpu, other);
}

static void move(struct vcpu *vcpu)
{
	struct cpu *target = &cpus[(cpu_this()->index + 1) % params.cpus];

	vcpu_forget(vcpu);
	run_queue(target, vcpu);
	cpu_kick(target);
}

/* The vCPU has been put: whatever it wants, it is complete in memory. */
static void grant(struct cpu *cpu, struct vcpu *vcpu)
{
	switch (vcpu->wish) {
	case WISH_YIELD:
		run_queue(cpu, vcpu);
		break;
	case WISH_MOVE:
		move(vcpu);
		break;
	case WISH_START:
		start(cpu, vcpu);
		break;
	case WISH_SPAWN:
		spawn(cpu, vcpu);
		break;
	case WISH_STOP:
		vcpu_forget(vcpu);
		vcpu->taken = 0;
		break;
	default:
		die("no such wish", vcpu->wish);
	}
}

static void run(struct cpu *cpu, struct vcpu *vcpu)
{
	vcpu_load(vcpu);
	for (;;) {
		guest_run(vcpu);
		if (vcpu->wish != WISH_MMIO)
			break;
		mmio_access(vcpu, (gpa_t){vmx_read(VMCS_GUEST_PHYSICAL)},
			    vmx_read(VMCS_EXIT_QUALIFICATION), ALL_REGISTERS);
	}
	cpu->switches++;
	vcpu_put(vcpu);
	grant(cpu, vcpu);
}

_Noreturn void run_loop(void)
{
	struct cpu *cpu = cpu_this();

	for (;;) {
		struct vcpu *vcpu = take(cpu);

		if (vcpu)
			run(cpu, vcpu);
		else
			cpu_wait();
	}
}

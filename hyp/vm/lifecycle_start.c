/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From OFF to RUNNING: waiting for other VMs or for the time of a restart, taking memory, loading
 * the images, the first vCPU. Steps of guest->work, but for guest_start().
 */
#include "hyp/vm/lifecycle.h"

#include "hyp/vm/sched.h"
#include "hyp/vm/vcpu_load.h"

void lifecycle_queue_locked(struct guest *guest, u64 start_at)
{
	guest->start_at = start_at;
	guest->end = VM_END_NONE;
	lifecycle_set_state_locked(guest, GUEST_QUEUED);
}

static bool start_if_off(struct guest *guest)
{
	lock_acquire(&guest->lock);
	bool off = guest->state == GUEST_OFF;

	if (off) {
		guest->restart_count = 0;
		guest->needs_others = guest->config.depends_count != 0;
		guest->others_asked = 0;
		lifecycle_keep_off_locked(guest, false);
		lifecycle_queue_locked(guest, hw_time());
	}
	lock_release(&guest->lock);
	if (off)
		work_ask(&guest->work);
	return off;
}

enum status guest_start(struct guest *guest)
{
	return start_if_off(guest) ? STATUS_OK : STATUS_DENIED;
}

static void give_up(struct guest *guest, const struct guest *other)
{
	log_error("%s: not started: %s, which it needs, is off", guest->vm.name,
		  other ? other->vm.name : "a VM that could not be made");
	lock_acquire(&guest->lock);
	if (guest->state == GUEST_QUEUED) {
		guest->reason = "what it needs is off";
		lifecycle_set_state_locked(guest, GUEST_OFF);
	}
	lock_release(&guest->lock);
	lifecycle_ask_queued();
}

/* Each of the others is started once. True: all of them run. */
static bool others_run(struct guest *guest)
{
	bool all = true;

	for (unsigned i = 0; i < guest->config.depends_count; i++) {
		struct guest *other = guest->config.depends[i];
		enum guest_state state = other ? guest_state(other) : GUEST_OFF;

		if (!other || (state == GUEST_OFF && (guest->others_asked & BIT(i)))) {
			give_up(guest, other);
			return false;
		}
		if (state == GUEST_OFF)
			start_if_off(other);
		/* One that is just ending is started when it is off. */
		if (state != GUEST_ENDING && state != GUEST_FREEING)
			guest->others_asked |= BIT(i);
		all = all && (state == GUEST_RUNNING || state == GUEST_PAUSED);
	}
	return all;
}

bool lifecycle_queued_step(struct guest *guest)
{
	if (guest->needs_others && !others_run(guest))
		return false; /* each of them that gets somewhere asks for us */
	lock_acquire(&guest->lock);
	bool due = guest->state == GUEST_QUEUED && guest->start_at <= hw_time();
	u64 start_at = guest->start_at;

	if (due) {
		guest->needs_others = false;
		guest->loading = LOADING_PREPARE;
		lifecycle_set_state_locked(guest, GUEST_LOADING);
	}
	lock_release(&guest->lock);
	if (!due)
		work_ask_at(&guest->work, start_at);
	return due;
}

static void start_freeing(struct guest *guest, enum vm_end end, const char *reason)
{
	lock_acquire(&guest->lock);
	/* The operator's wish counts for more. */
	if (guest->end == VM_END_NONE) {
		guest->end = end;
		guest->reason = reason;
	}
	lifecycle_set_state_locked(guest, GUEST_FREEING);
	lock_release(&guest->lock);
}

static bool fail_loading(struct guest *guest, enum status status, const char *why)
{
	log_error("%s: not started: %s", guest->vm.name, why ? why : status_name(status));
	if (guest->loading == LOADING_IMAGES)
		guest->config.loader.cancel(guest->config.loader.context);
	start_freeing(guest, VM_END_FAILED, "it could not be loaded");
	return true;
}

static enum status prepare(struct guest *guest, const char **why)
{
	enum status status = STATUS_OK;

	if (!guest->admitted)
		status = sched_admit(&guest->vm, why);
	if (status != STATUS_OK)
		return status;
	guest->admitted = true;
	return guest_reset_parts(guest);
}

/* From here on the VM has a vCPU, and an end. */
static bool start_boot_vcpu(struct guest *guest, gpa_t entry, gpa_t fdt)
{
	struct vcpu *vcpu = guest->vcpus[0];

	lock_acquire(&guest->lock);
	bool wanted = guest->end == VM_END_NONE;

	if (wanted) {
		/* The guest's clock starts at zero, with the guest (Privileged ISA, "Hypervisor
		 * Time-Delta Register"). */
		guest->started_at = hw_time();
		guest->vm.htimedelta = 0 - guest->started_at;
		guest->active_count = 1;
		guest->resume_asked = false;
		lifecycle_set_state_locked(guest, GUEST_RUNNING);
	}
	lock_release(&guest->lock);
	if (!wanted)
		return false;
	log_guest(&guest->vm.log, "%s: started %llu ticks after the machine", guest->vm.name,
		  (unsigned long long)(guest->started_at - hw_machine()->boot_time));
	__atomic_store_n(&vcpu->hsm, HSM_START_PENDING, __ATOMIC_RELEASE);
	vcpu_reset(vcpu, entry.value, vcpu->id, fdt.value);
	sched_start(vcpu);
	lifecycle_ask_queued();
	return true;
}

static bool load_images(struct guest *guest)
{
	struct guest_loader *loader = &guest->config.loader;
	bool done = false;
	gpa_t entry, fdt;
	enum status status = loader->step(loader->context, &done, &entry, &fdt);

	if (status != STATUS_OK)
		return fail_loading(guest, status, NULL);
	return !done || !start_boot_vcpu(guest, entry, fdt);
}

bool lifecycle_loading_step(struct guest *guest)
{
	struct guest_loader *loader = &guest->config.loader;
	enum status status = STATUS_OK;
	const char *why = NULL;
	bool done = true;

	if (__atomic_load_n(&guest->end, __ATOMIC_ACQUIRE) != VM_END_NONE) {
		if (guest->loading == LOADING_IMAGES)
			loader->cancel(loader->context);
		start_freeing(guest, guest->end, guest->reason);
		return true;
	}
	switch (guest->loading) {
	case LOADING_PREPARE:
		status = prepare(guest, &why);
		break;
	case LOADING_PIN:
		if (guest->config.memory_pinned)
			status = guest_memory_pin_step(&guest->memory, &done);
		break;
	case LOADING_BEGIN:
		status = loader->begin(loader->context, &guest->memory);
		break;
	case LOADING_IMAGES:
		return load_images(guest);
	}
	if (status != STATUS_OK)
		return fail_loading(guest, status, why);
	if (done)
		guest->loading++;
	return true;
}

enum status guest_start_vcpu(struct vcpu *vcpu, u64 pc, u64 opaque)
{
	struct guest *guest = guest_of(vcpu->vm);

	lock_acquire(&guest->lock);
	/* Of a VM that is being paused too: the new one parks itself as soon as it is picked. */
	bool alive = guest->state == GUEST_RUNNING || guest->state == GUEST_PAUSED;

	if (alive)
		guest->active_count++;
	lock_release(&guest->lock);
	if (!alive)
		return STATUS_DENIED;
	vcpu_reset(vcpu, pc, vcpu->id, opaque);
	sched_start(vcpu);
	return STATUS_OK;
}

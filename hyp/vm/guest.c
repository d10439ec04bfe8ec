/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes VMs and carries them through their life. Owns the table of VMs, which only grows at boot,
 * and each VM's state, end and active_count, guarded by guest->lock (LOCK_VM).
 */
#include "hyp/vm/guest.h"

#include <string.h>

#include "hyp/check.h"
#include "hyp/csr.h"
#include "hyp/exit/inject.h"
#include "hyp/mem/page.h"
#include "hyp/vm/hsm.h"
#include "hyp/vm/pcpu.h"
#include "hyp/vm/recycle.h"
#include "hyp/vm/requests.h"
#include "hyp/vm/sched.h"
#include "hyp/vm/stats.h"
#include "hyp/vm/timer.h"
#include "hyp/vm/vcpu_load.h"

#define GUEST_MAX 32

static struct guest *guests[GUEST_MAX];
static unsigned guest_count;

/* Only one hart at a time does guest_work(). */
static u32 work_taken;

/* Some VM's input_wanted is set. */
static u32 any_input_wanted;

/* Written by who may change it, with the lock where two could want to; read by everyone. */
static void set_state(struct guest *guest, enum guest_state state)
{
	__atomic_store_n(&guest->state, state, __ATOMIC_RELEASE);
}

/* ---- Wires ---- */

/* The external interrupt of a vCPU is a level that the vPLIC sets. */
static void set_external(void *owner, unsigned hart, bool level)
{
	struct guest *guest = owner;
	struct vcpu *vcpu = vm_vcpu(&guest->vm, hart);

	if (!vcpu)
		return;
	if (level)
		__atomic_fetch_or(&vcpu->irq_level, HVIP_VSEIP, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(&vcpu->irq_level, ~(u32)HVIP_VSEIP, __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&vcpu->requests, REQUEST_IRQ, __ATOMIC_SEQ_CST);
	requests_notify(vcpu);
}

static size_t uart_transmit(void *owner, const u8 *bytes, size_t length)
{
	struct guest *guest = owner;

	return guest->config.console.transmit(guest->config.console.context, bytes, length);
}

static void uart_set_irq(void *owner, bool level)
{
	struct guest *guest = owner;

	vplic_set_level(&guest->plic, VUART_SOURCE, level);
}

/* We are inside a call into the UART. The rest of the input is offered from the interrupt that this
 * hart sends itself. */
static void uart_receive_ready(void *owner)
{
	struct guest *guest = owner;

	__atomic_store_n(&guest->input_wanted, 1, __ATOMIC_RELEASE);
	__atomic_store_n(&any_input_wanted, 1, __ATOMIC_RELEASE);
	hw_send_ipi(BIT(hw_hart_index()));
}

static const struct vuart_ops uart_ops = {uart_transmit, uart_set_irq, uart_receive_ready};

static size_t console_write(struct vm *vm, const u8 *bytes, size_t length)
{
	return uart_transmit(guest_of(vm), bytes, length);
}

static size_t console_read(struct vm *vm, u8 *bytes, size_t length)
{
	struct guest_console *console = &guest_of(vm)->config.console;

	return console->take(console->context, bytes, length);
}

void guest_offer_input(void)
{
	if (!__atomic_load_n(&any_input_wanted, __ATOMIC_RELAXED) ||
	    !__atomic_exchange_n(&any_input_wanted, 0, __ATOMIC_ACQ_REL))
		return;
	for (unsigned i = 0; i < guest_count; i++) {
		struct guest_console *console = &guests[i]->config.console;

		if (__atomic_exchange_n(&guests[i]->input_wanted, 0, __ATOMIC_ACQ_REL))
			console->offer_input(console->context);
	}
}

/* ---- Making one ---- */

static enum status create_vcpu(struct guest *guest, unsigned id)
{
	hpa_t page, vector;
	unsigned order = 0;

	_Static_assert(sizeof(struct vcpu) <= PAGE_SIZE, "a vCPU has a page");
	if (page_alloc_zeroed(PAGE_ORDER_4K, &page) != STATUS_OK)
		return STATUS_NO_MEMORY;
	struct vcpu *vcpu = hw_ram(page);

	if (hw_has(HW_FEATURE_V)) {
		while ((PAGE_SIZE << order) < hw_vector_size())
			order++;
		if (page_alloc_zeroed(order, &vector) != STATUS_OK) {
			page_free(page, PAGE_ORDER_4K);
			return STATUS_NO_MEMORY;
		}
		vcpu->vector = hw_ram(vector);
	}
	vcpu->vm = &guest->vm;
	vcpu->id = id;
	vcpu->self = BIT(id);
	vcpu->state = VCPU_OFF;
	vcpu->hsm = HSM_STOPPED;
	vcpu->running_on = -1;
	vcpu->fp_hart = -1;
	vcpu->vector_hart = -1;
	vcpu->last_hart = -1;
	list_init(&vcpu->run_link);
	list_init(&vcpu->timer_link);
	guest->vcpus[id] = vcpu;
	guest->vm.vcpu_count = id + 1;
	guest->vm.vcpu_mask |= BIT(id);
	return STATUS_OK;
}

static void destroy_vcpus(struct guest *guest)
{
	unsigned order = 0;

	while (hw_has(HW_FEATURE_V) && (PAGE_SIZE << order) < hw_vector_size())
		order++;
	for (unsigned i = 0; i < guest->vm.vcpu_count; i++) {
		if (guest->vcpus[i]->vector)
			page_free(hw_hpa_of(guest->vcpus[i]->vector), order);
		page_free(hw_hpa_of(guest->vcpus[i]), PAGE_ORDER_4K);
	}
	guest->vm.vcpu_count = 0;
	guest->vm.vcpu_mask = 0;
}

static unsigned guest_order(void)
{
	unsigned order = 0;

	while ((PAGE_SIZE << order) < sizeof(struct guest))
		order++;
	return order;
}

static void init_devices(struct guest *guest)
{
	vplic_init(&guest->plic, guest->config.vcpu_count, set_external, guest);
	vuart_init(&guest->uart, &uart_ops, guest);
	/* They are two and do not overlap: a fresh bus takes them. */
	CHECK(bus_add(&guest->bus, &guest->plic.device) == STATUS_OK);
	CHECK(bus_add(&guest->bus, &guest->uart.device) == STATUS_OK);
}

enum status guest_create(const struct guest_config *config, struct guest **result)
{
	hpa_t block;

	if (config->vcpu_count == 0 || config->vcpu_count > VCPU_MAX || guest_count == GUEST_MAX)
		return STATUS_INVALID;
	if (page_alloc_zeroed(guest_order(), &block) != STATUS_OK)
		return STATUS_NO_MEMORY;
	struct guest *guest = hw_ram(block);

	guest->config = *config;
	guest->vm.name = config->name;
	guest->vm.id = guest_count;
	guest->vm.ops = &guest_vm_ops;
	guest->vm.vcpus = guest->vcpus;
	guest->vm.memory = &guest->memory;
	guest->vm.bus = &guest->bus;
	lock_init(&guest->lock, LOCK_VM);
	init_devices(guest);
	for (unsigned i = 0; i < config->vcpu_count; i++) {
		if (create_vcpu(guest, i) != STATUS_OK) {
			destroy_vcpus(guest);
			page_free(block, guest_order());
			return STATUS_NO_MEMORY;
		}
	}
	guests[guest_count++] = guest;
	*result = guest;
	return STATUS_OK;
}

/* ---- Starting ---- */

/* The smallest mode whose space holds the RAM: fewer levels, shorter walks. */
static enum hw_gstage_mode pick_mode(u64 end)
{
	static const enum hw_gstage_mode modes[] = {HW_GSTAGE_SV39X4, HW_GSTAGE_SV48X4,
						    HW_GSTAGE_SV57X4};

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if ((hw_machine()->gstage_modes & BIT(modes[i])) &&
		    end <= gstage_space_size(modes[i]))
			return modes[i];
	return HW_GSTAGE_BARE;
}

static enum status begin_loading(struct guest *guest)
{
	enum hw_gstage_mode mode = pick_mode(GUEST_RAM_BASE + guest->config.memory_size);
	enum status status;

	if (mode == HW_GSTAGE_BARE)
		return STATUS_UNSUPPORTED;
	status = guest_memory_create(&guest->memory, gpa(GUEST_RAM_BASE), guest->config.memory_size,
				     mode);
	if (status != STATUS_OK)
		return status;
	guest->has_memory = true;
	/* The UART first, for a wire that is still high when the PLIC is reset requests anew. */
	vuart_reset(&guest->uart);
	vplic_reset(&guest->plic);
	memset(guest->last_vcpu, 0, sizeof(guest->last_vcpu));
	/* Harts may still hold translations by the tables of the life before: a new number is
	 * fenced on first use. */
	guest->vmid = (struct vmid){0};
	for (unsigned i = 0; i < guest->vm.vcpu_count; i++) {
		guest->vcpus[i]->hsm = HSM_STOPPED;
		memset(guest->vcpus[i]->exit_count, 0, sizeof(guest->vcpus[i]->exit_count));
	}
	guest->end = VM_END_NONE;
	set_state(guest, GUEST_LOADING);
	return guest->config.loader.begin(guest->config.loader.context, &guest->memory);
}

enum status guest_start(struct guest *guest)
{
	enum status status = STATUS_DENIED;

	lock_acquire(&guest->lock);
	if (guest->state == GUEST_OFF) {
		set_state(guest, GUEST_FREEING); /* of nothing: loading begins when that is done */
		guest->end = VM_END_REBOOT;
		status = STATUS_OK;
	}
	lock_release(&guest->lock);
	sched_add_work();
	return status;
}

enum status guest_start_vcpu(struct vcpu *vcpu, u64 pc, u64 opaque)
{
	struct guest *guest = guest_of(vcpu->vm);
	bool running;

	lock_acquire(&guest->lock);
	running = guest->state == GUEST_RUNNING;
	if (running)
		guest->active_count++;
	lock_release(&guest->lock);
	if (!running)
		return STATUS_DENIED;
	vcpu_reset(vcpu, pc, vcpu->id, opaque);
	sched_start(vcpu);
	return STATUS_OK;
}

static void start_boot_vcpu(struct guest *guest, gpa_t entry, gpa_t fdt)
{
	/* The guest's clock starts at zero, with the guest (Privileged ISA, "Hypervisor
	 * Time-Delta Register"). */
	log_guest(&guest->vm.log, "%s: started %llu ticks after the machine", guest->vm.name,
		  (unsigned long long)(hw_time() - hw_machine()->boot_time));
	guest->vm.htimedelta = 0 - hw_time();
	lock_acquire(&guest->lock);
	set_state(guest, GUEST_RUNNING);
	lock_release(&guest->lock);
	guest->vcpus[0]->hsm = HSM_START_PENDING;
	if (guest_start_vcpu(guest->vcpus[0], entry.value, fdt.value) != STATUS_OK)
		CHECK(!"a VM that nobody knows yet cannot be ending");
}

/* ---- Ending ---- */

static const char *const end_words[] = {
	[VM_END_SHUTDOWN] = "off",
	[VM_END_REBOOT] = "restarting",
	[VM_END_FAILED] = "stopped",
};

static bool take_end(struct guest *guest, enum vm_end end)
{
	bool taken = false;

	lock_acquire(&guest->lock);
	if (guest->state == GUEST_RUNNING) {
		set_state(guest, GUEST_ENDING);
		guest->end = end;
		taken = true;
	}
	lock_release(&guest->lock);
	return taken;
}

static void end_guest(struct vm *vm, enum vm_end end, const char *reason)
{
	struct guest *guest = guest_of(vm);

	if (!take_end(guest, end))
		return;
	sched_add_work();
	log_guest(&vm->log, "%s: %s: %s", vm->name, end_words[end], reason);
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		struct vcpu *vcpu = guest->vcpus[i];

		__atomic_fetch_or(&vcpu->requests, REQUEST_LEAVE, __ATOMIC_SEQ_CST);
		if (sched_stop(vcpu))
			guest_vcpu_left(guest);
		else
			requests_notify(vcpu);
	}
}

void guest_vcpu_left(struct guest *guest)
{
	lock_acquire(&guest->lock);
	unsigned left = --guest->active_count;
	bool running = guest->state == GUEST_RUNNING;

	lock_release(&guest->lock);
	if (left == 0 && running)
		end_guest(&guest->vm, VM_END_FAILED,
			  "its last vCPU stopped, and nothing can start one");
}

bool guest_is_ending(struct guest *guest)
{
	enum guest_state state = __atomic_load_n(&guest->state, __ATOMIC_ACQUIRE);

	return state != GUEST_RUNNING;
}

/* ---- Work ---- */

/* No vCPU runs, and no hart may walk the VM's tables, not even speculatively. */
static bool is_quiet(struct guest *guest)
{
	bool quiet;
	u64 holders = 0;

	lock_acquire(&guest->lock);
	quiet = guest->active_count == 0;
	lock_release(&guest->lock);
	for (unsigned i = 0; quiet && i < hw_machine()->hart_count; i++) {
		const struct vcpu *loaded = __atomic_load_n(&pcpu_get(i)->loaded, __ATOMIC_ACQUIRE);

		if (loaded && loaded->vm == &guest->vm)
			holders |= BIT(i);
	}
	if (holders)
		hw_send_ipi(holders); /* they leave hw_wait() and let go */
	return quiet && !holders;
}

static void fail_loading(struct guest *guest, enum status status)
{
	log_error("%s: not started: %s", guest->vm.name, status_name(status));
	lock_acquire(&guest->lock);
	set_state(guest, GUEST_FREEING);
	guest->end = VM_END_FAILED;
	lock_release(&guest->lock);
}

static void load_step(struct guest *guest)
{
	struct guest_loader *loader = &guest->config.loader;
	bool done = false;
	gpa_t entry, fdt;
	enum status status = loader->step(loader->context, &done, &entry, &fdt);

	if (status != STATUS_OK)
		fail_loading(guest, status);
	else if (done)
		start_boot_vcpu(guest, entry, fdt);
}

static void free_step(struct guest *guest)
{
	enum status status;

	if (guest->has_memory && !guest_memory_destroy_step(&guest->memory))
		return;
	guest->has_memory = false;
	if (guest->end != VM_END_REBOOT) {
		set_state(guest, GUEST_OFF);
		return;
	}
	/* Not OFF for a moment: another hart might take it for the end of the last VM. */
	status = begin_loading(guest);
	if (status == STATUS_OK && guest->config.memory_pinned)
		status = guest_memory_pin(&guest->memory);
	if (status != STATUS_OK)
		fail_loading(guest, status);
}

/* Its memory may be given back when no hart can execute from it any more. */
static void end_quietly(struct guest *guest)
{
	if (!guest->recycle_ticket)
		guest->recycle_ticket = recycle_begin();
	if (!recycle_is_done(guest->recycle_ticket)) {
		hw_pause();
		return;
	}
	guest->recycle_ticket = 0;
	if (guest->end != VM_END_REBOOT)
		stats_log_exits(&guest->vm);
	set_state(guest, GUEST_FREEING);
}

/* True: a step was done, or something that another hart does is being waited for. */
static bool work_on(struct guest *guest)
{
	switch (__atomic_load_n(&guest->state, __ATOMIC_ACQUIRE)) {
	case GUEST_LOADING:
		load_step(guest);
		return true;
	case GUEST_ENDING:
		if (is_quiet(guest))
			end_quietly(guest);
		else
			hw_pause();
		return true;
	case GUEST_FREEING:
		free_step(guest);
		return true;
	default:
		return false;
	}
}

bool guest_work(void)
{
	bool worked = false;

	if (__atomic_exchange_n(&work_taken, 1, __ATOMIC_ACQUIRE))
		return false;
	u32 asked = sched_work_asked();

	for (unsigned i = 0; i < guest_count && !worked; i++)
		worked = work_on(guests[i]);
	if (!worked)
		sched_finish_work(asked);
	__atomic_store_n(&work_taken, 0, __ATOMIC_RELEASE);
	return worked;
}

void guest_flush_consoles(void)
{
	for (unsigned i = 0; i < guest_count; i++)
		guests[i]->config.console.flush(guests[i]->config.console.context);
}

bool guest_all_off(void)
{
	for (unsigned i = 0; i < guest_count; i++)
		if (__atomic_load_n(&guests[i]->state, __ATOMIC_ACQUIRE) != GUEST_OFF)
			return false;
	return true;
}

#ifdef HW_TEST
void guest_forget_all(void)
{
	guest_count = 0;
	work_taken = 0;
	any_input_wanted = false;
}
#endif

const struct vm_ops guest_vm_ops = {
	.notify = requests_notify,
	.fence = requests_fence,
	.end = end_guest,
	.start = hsm_start,
	.stop_self = hsm_stop_self,
	.suspend_self = hsm_suspend_self,
	.inject = inject_exception,
	.set_timer = timer_set,
	.console_write = console_write,
	.console_read = console_read,
};

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes VMs and wires their parts together. Owns the list of VMs, which only grows at boot. Their
 * lives are lifecycle.c's business.
 */
#include "hyp/vm/guest.h"

#include <string.h>

#include "hyp/check.h"
#include "hyp/csr.h"
#include "hyp/exit/inject.h"
#include "hyp/mem/page.h"
#include "hyp/vm/hsm.h"
#include "hyp/vm/lifecycle.h"
#include "hyp/vm/requests.h"
#include "hyp/vm/sched.h"
#include "hyp/vm/timer.h"

static struct list guests;
static unsigned guest_count;

/* Some VM's input_wanted is set. */
static u32 any_input_wanted;

void guest_init(void)
{
	list_init(&guests);
	guest_count = 0;
	any_input_wanted = 0;
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
	for (struct guest *guest = guest_next(NULL); guest; guest = guest_next(guest)) {
		struct guest_console *console = &guest->config.console;

		if (__atomic_exchange_n(&guest->input_wanted, 0, __ATOMIC_ACQ_REL))
			console->offer_input(console->context);
	}
}

/* ---- Making one ---- */

static enum status create_vcpu(struct guest *guest, unsigned id)
{
	hpa_t page, vector;

	_Static_assert(sizeof(struct vcpu) <= PAGE_SIZE, "a vCPU has a page");
	if (page_alloc_zeroed(PAGE_ORDER_4K, &page) != STATUS_OK)
		return STATUS_NO_MEMORY;
	struct vcpu *vcpu = hw_ram(page);

	if (hw_has(HW_FEATURE_V)) {
		if (page_alloc_zeroed(page_order_of(hw_vector_size()), &vector) != STATUS_OK) {
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
	guest->vcpus[id] = vcpu;
	guest->vm.vcpu_count = id + 1;
	guest->vm.vcpu_mask |= BIT(id);
	return STATUS_OK;
}

static void destroy_vcpus(struct guest *guest)
{
	for (unsigned i = 0; i < guest->vm.vcpu_count; i++) {
		if (guest->vcpus[i]->vector)
			page_free(hw_hpa_of(guest->vcpus[i]->vector),
				  page_order_of(hw_vector_size()));
		page_free(hw_hpa_of(guest->vcpus[i]), PAGE_ORDER_4K);
	}
	guest->vm.vcpu_count = 0;
	guest->vm.vcpu_mask = 0;
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

	if (config->vcpu_count == 0 || config->vcpu_count > VCPU_MAX ||
	    config->depends_count > GUEST_DEPENDS_MAX)
		return STATUS_INVALID;
	if (page_alloc_zeroed(page_order_of(sizeof(struct guest)), &block) != STATUS_OK)
		return STATUS_NO_MEMORY;
	struct guest *guest = hw_ram(block);

	guest->config = *config;
	guest->vm.name = config->name;
	guest->vm.id = guest_count;
	guest->vm.limits = config->limits;
	guest->vm.ops = &guest_vm_ops;
	guest->vm.vcpus = guest->vcpus;
	guest->vm.memory = &guest->memory;
	guest->vm.bus = &guest->bus;
	lock_init(&guest->lock, LOCK_VM);
	init_devices(guest);
	for (unsigned i = 0; i < config->vcpu_count; i++) {
		if (create_vcpu(guest, i) != STATUS_OK) {
			destroy_vcpus(guest);
			page_free(block, page_order_of(sizeof(struct guest)));
			return STATUS_NO_MEMORY;
		}
	}
	work_init(&guest->work, lifecycle_step);
	list_push_back(&guests, &guest->link);
	guest_count++;
	*result = guest;
	return STATUS_OK;
}

/* ---- Another life ---- */

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

enum status guest_reset_parts(struct guest *guest)
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
		sched_reset_accounts(guest->vcpus[i]);
	}
	return STATUS_OK;
}

/* ---- All of them ---- */

struct guest *guest_next(const struct guest *guest)
{
	struct list *link = guest ? guest->link.next : guests.next;

	return link == &guests ? NULL : container_of(link, struct guest, link);
}

struct guest *guest_find(const char *name)
{
	for (struct guest *guest = guest_next(NULL); guest; guest = guest_next(guest))
		if (strcmp(guest->vm.name, name) == 0)
			return guest;
	return NULL;
}

enum guest_state guest_state(const struct guest *guest)
{
	return __atomic_load_n(&guest->state, __ATOMIC_ACQUIRE);
}

const char *guest_state_name(enum guest_state state)
{
	static const char *const names[] = {
		[GUEST_OFF] = "off",	     [GUEST_QUEUED] = "queued", [GUEST_LOADING] = "loading",
		[GUEST_RUNNING] = "running", [GUEST_PAUSED] = "paused", [GUEST_ENDING] = "ending",
		[GUEST_FREEING] = "freeing",
	};

	return names[state];
}

const char *guest_end_reason(const struct guest *guest)
{
	return __atomic_load_n(&guest->reason, __ATOMIC_RELAXED);
}

void guest_flush_consoles(void)
{
	for (struct guest *guest = guest_next(NULL); guest; guest = guest_next(guest))
		guest->config.console.flush(guest->config.console.context);
}

#ifdef HW_TEST
void guest_forget_all(void)
{
	guest_init();
	lifecycle_forget();
}
#endif

const struct vm_ops guest_vm_ops = {
	.notify = requests_notify,
	.fence = requests_fence,
	.end = guest_end,
	.start = hsm_start,
	.stop_self = hsm_stop_self,
	.suspend_self = hsm_suspend_self,
	.inject = inject_exception,
	.set_timer = timer_set,
	.console_write = console_write,
	.console_read = console_read,
};

/* SPDX-License-Identifier: BSD-2-Clause */
/* Brings the rooms together at boot: memory, then the bundle, then its VMs. */
#include "hyp/check.h"
#include "hyp/config/bundle.h"
#include "hyp/config/loader.h"
#include "hyp/hw.h"
#include "hyp/hyp.h"
#include "hyp/log.h"
#include "hyp/mem/page.h"
#include "hyp/mem/vmid.h"
#include "hyp/ui/console.h"
#include "hyp/ui/shell.h"
#include "hyp/ui/trace_commands.h"
#include "hyp/vm/guest.h"
#include "hyp/vm/pcpu.h"
#include "hyp/vm/run.h"
#include "hyp/vm/sched.h"
#include "hyp/vm/work.h"

static struct bundle bundle;

static void give_ram(void)
{
	const struct hw_machine *machine = hw_machine();

	for (unsigned i = 0; i < machine->free_ram_count; i++) {
		const struct hw_region *region = &machine->free_ram[i];

		/* A region that is too small to be worth its bookkeeping is no loss. */
		if (page_add_region(region->base, region->size) != STATUS_OK)
			log_info("%llu KiB of RAM at %#llx are not used",
				 (unsigned long long)region->size >> 10,
				 (unsigned long long)region->base.value);
	}
}

/* NULL, with a line that says why, if there is no memory for it. */
static struct guest *make_vm(const struct bundle_vm *vm)
{
	struct guest *guest = NULL;
	struct guest_config config = {
		.name = vm->name,
		.vcpu_count = vm->cpus,
		.memory_size = vm->memory,
		.memory_pinned = vm->memory_pinned,
		.limits = vm->limits,
		.autostart = vm->autostart,
		.restart = vm->restart,
	};
	enum status status = loader_attach(vm, &config.loader);

	if (status == STATUS_OK)
		status = console_attach(&config.console);
	if (status == STATUS_OK) {
		status = guest_create(&config, &guest);
		if (status != STATUS_OK)
			console_detach(&config.console);
	}
	if (status != STATUS_OK) {
		log_error("%s: cannot be made: %s", vm->name, status_name(status));
		return NULL;
	}
	console_connect(&config.console, guest);
	return guest;
}

static void connect_vm(struct guest *guest, const struct bundle_vm *vm, struct guest *const *made)
{
	for (unsigned i = 0; i < vm->depends_count; i++)
		guest->config.depends[i] = made[vm->depends[i]];
	guest->config.depends_count = vm->depends_count;
}

/* The table of VMs by their place in the bundle is needed only here. */
static void make_vms(void)
{
	unsigned order = page_order_of(bundle.vm_count * sizeof(struct guest *));
	hpa_t block;

	if (page_alloc_zeroed(order, &block) != STATUS_OK) {
		log_error("no VM is made: %s", status_name(STATUS_NO_MEMORY));
		return;
	}
	struct guest **made = hw_ram(block);

	for (unsigned i = 0; i < bundle.vm_count; i++)
		made[i] = make_vm(&bundle.vms[i]);
	for (unsigned i = 0; i < bundle.vm_count; i++)
		if (made[i])
			connect_vm(made[i], &bundle.vms[i], made);
	page_free(block, order);
}

static void start_vms(void)
{
	for (struct guest *guest = guest_next(NULL); guest; guest = guest_next(guest)) {
		if (!guest->config.autostart)
			guest_keep_off(guest);
		else if (guest_start(guest) != STATUS_OK)
			log_error("%s: not started", guest->vm.name);
	}
}

static void read_bundle(void)
{
	const struct hw_machine *machine = hw_machine();
	struct bundle_options options = {.memory_max = page_free_count() * PAGE_SIZE};
	enum status status = STATUS_NOT_FOUND;

	if (machine->bundle)
		status = bundle_parse(machine->bundle, machine->bundle_size, &options, &bundle);
	else
		log_error("no VM bundle: the loader passed no initrd");
	if (status != STATUS_OK)
		bundle.vm_count = 0; /* it has been told why */
}

void hyp_init(void)
{
	give_ram();
	read_bundle();
	vmid_init(hw_machine()->vmid_bits);
	pcpu_init();
	sched_init(bundle.slice);
	work_start();
	guest_init();
	console_init();
	if (hw_machine()->bundle)
		console_set_escape((int)bundle.escape_key);
	make_vms();
	shell_init(hw_machine()->bundle ? &bundle : NULL);
	trace_commands_init();
	if (bundle.show_all && console_show_all() != STATUS_OK)
		log_error("console: there is no VM to show");
	start_vms();
}

_Noreturn void hyp_run(void)
{
	run_loop();
}

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

static void make_vm(const struct bundle_vm *vm)
{
	struct guest *guest;
	struct guest_config config = {
		.name = vm->name,
		.vcpu_count = vm->cpus,
		.memory_size = vm->memory,
		.memory_pinned = vm->memory_pinned,
	};
	enum status status = loader_attach(vm, &config.loader);

	if (status == STATUS_OK)
		status = console_attach(&config.console);
	if (status == STATUS_OK)
		status = guest_create(&config, &guest);
	if (status == STATUS_OK) {
		console_connect(&config.console, guest);
		status = guest_start(guest);
	}
	if (status != STATUS_OK)
		log_error("%s: not started: %s", vm->name, status_name(status));
}

void hyp_init(void)
{
	const struct hw_machine *machine = hw_machine();
	struct bundle_options options = {0};

	give_ram();
	vmid_init(machine->vmid_bits);
	pcpu_init();
	sched_init(0);
	work_start();
	guest_init();
	console_init();
	if (!machine->bundle) {
		log_error("no VM bundle: the loader passed no initrd");
		return;
	}
	options.memory_max = page_free_count() * PAGE_SIZE;
	if (bundle_parse(machine->bundle, machine->bundle_size, &options, &bundle) != STATUS_OK)
		return; /* it has been told why */
	for (unsigned i = 0; i < bundle.vm_count; i++)
		make_vm(&bundle.vms[i]);
}

_Noreturn void hyp_run(void)
{
	run_loop();
}

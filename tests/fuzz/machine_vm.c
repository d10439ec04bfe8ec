/* SPDX-License-Identifier: BSD-2-Clause */
/* The VMs of the fuzzers' machine: what their lines lead to, and what is loaded into them. Owns
 * machine.vms. */
#include "hyp/vm/guest.h"
#include "tests/fake/fake_walk.h"
#include "tests/fuzz/machine.h"
#include "tests/fuzz/race.h"
#include "tests/fuzz/require.h"

static size_t transmit(void *context, const u8 *bytes, size_t length)
{
	struct machine_vm *vm = context;
	size_t taken = min_u64(length, vm->room);

	(void)bytes;
	vm->room -= taken;
	vm->sent += taken;
	return taken;
}

static size_t take(void *context, u8 *bytes, size_t length)
{
	struct machine_vm *vm = context;
	size_t count = vuart_take(&vm->guest->uart, bytes, length);

	for (; count < length && vm->input_count; vm->input_count--)
		bytes[count++] = vm->input++;
	return count;
}

static void offer_input(void *context)
{
	struct machine_vm *vm = context;

	vm->asked_for_input = true;
	while (vm->input_count && vuart_receive(&vm->guest->uart, &vm->input, 1)) {
		vm->input++;
		vm->input_count--;
	}
}

void machine_serve_line(u64 index)
{
	struct machine_vm *vm = &machine.vms[index];

	offer_input(vm);
	vuart_output_ready(&vm->guest->uart);
}

static void flush(void *context)
{
	(void)context;
}

static enum status load_begin(void *context, struct guest_memory *memory)
{
	struct machine_vm *vm = context;
	u64 word = 0x10500073;

	vm->begin_count++;
	vm->load_left = vm->load_steps;
	return guest_memory_write(memory, gpa(GUEST_RAM_BASE), &word, sizeof(word));
}

static enum status load_step(void *context, bool *done, gpa_t *entry, gpa_t *fdt)
{
	struct machine_vm *vm = context;

	if (vm->load_left-- == vm->load_fails)
		return STATUS_INVALID;
	*done = vm->load_left == 0;
	*entry = gpa(GUEST_RAM_BASE);
	*fdt = gpa(GUEST_RAM_BASE + PAGE_SIZE);
	return STATUS_OK;
}

static void load_cancel(void *context)
{
	(void)context;
}

void *machine_ram(const struct vm *vm, u64 address, u64 size)
{
	struct fake_translation found;
	u64 hgatp = gstage_hgatp(&vm->memory->gstage, 0);

	if (!guest_of(vm)->has_memory || fake_walk_gstage(hgatp, address, &found) != FAKE_WALK_OK ||
	    size > found.size - address % found.size)
		return NULL;
	return hw_ram(found.address);
}

struct machine_vm *machine_add_vm(unsigned vcpu_count, u64 memory_size, enum guest_restart restart,
				  struct sched_limits limits)
{
	REQUIRE(machine.vm_count < MACHINE_VM_MAX);
	struct machine_vm *vm = &machine.vms[machine.vm_count];
	const struct guest_config config = {
		.name = "fuzzed",
		.vcpu_count = vcpu_count,
		.memory_size = memory_size,
		.restart = restart,
		.limits = limits,
		.loader = {load_begin, load_step, load_cancel, vm},
		.console = {transmit, take, offer_input, flush, vm},
	};

	vm->room = SIZE_MAX;
	vm->load_steps = 1;
	REQUIRE(guest_create(&config, &vm->guest) == STATUS_OK);
	machine.vm_count++;
	return vm;
}

void machine_note_ram(void)
{
	race_forget();
	for (unsigned i = 0; i < machine.vm_count; i++) {
		const struct guest *guest = machine.vms[i].guest;
		u64 at = guest->memory.base.value, end = at + guest->memory.size;
		struct gstage_leaf leaf;

		if (!guest->has_memory)
			continue;
		for (unsigned n = 0; n < 20 && at < end; n++) {
			if (gstage_walk(&guest->memory.gstage, gpa(at), &leaf) != STATUS_OK) {
				at += PAGE_SIZE;
				continue;
			}
			race_over(hw_ram(leaf.address), leaf.size);
			at += leaf.size;
		}
	}
}

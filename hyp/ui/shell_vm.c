/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands about VMs' lives, and what the bundle said of them. */
#include <stdio.h>
#include <string.h>

#include "hyp/hw.h"
#include "hyp/ui/shell_internal.h"

/* ---- Arguments ---- */

struct guest *shell_guest(const struct shell_call *call)
{
	struct guest *guest = guest_find(call->argv[0]);

	if (!guest)
		shell_print("there is no VM \"%s\"; \"vm list\" lists them", call->argv[0]);
	return guest;
}

bool shell_number(const char *text, u64 max, u64 *number)
{
	u64 value = 0;
	const char *digit = text;

	for (; *digit >= '0' && *digit <= '9' && value <= max; digit++)
		value = value * 10 + (u64)(*digit - '0');
	if (*digit || digit == text || value > max) {
		shell_print("\"%s\" is no number from 0 to %llu", text, (unsigned long long)max);
		return false;
	}
	*number = value;
	return true;
}

/* ---- Life ---- */

/* Done, or why not. */
static enum shell_result tell(const struct guest *guest, enum status status, const char *what)
{
	if (status == STATUS_DENIED)
		shell_print("%s is %s: it cannot be %s now", guest->vm.name,
			    guest_state_name(guest_state(guest)), what);
	else if (status != STATUS_OK)
		shell_print("%s cannot be %s: %s", guest->vm.name, what, status_name(status));
	return SHELL_DONE;
}

/* What one may ask of a VM, by the command's second word, and how one says that it was done. */
static const struct {
	const char *name;
	enum status (*ask)(struct guest *guest);
	const char *done;
} wishes[] = {
	{"start", guest_start, "started"},   {"stop", guest_stop, "stopped"},
	{"reset", guest_reset, "reset"},     {"pause", guest_pause, "paused"},
	{"resume", guest_resume, "resumed"},
};

static enum shell_result ask(struct shell_call *call)
{
	struct guest *guest = shell_guest(call);

	for (size_t i = 0; guest && i < ARRAY_SIZE(wishes); i++)
		if (strcmp(wishes[i].name, call->command->sub) == 0)
			return tell(guest, wishes[i].ask(guest), wishes[i].done);
	return SHELL_DONE;
}

/* ---- vm list ---- */

/* Memory in MiB: what it has been given of what it may have. */
static void list_one(const struct guest *guest)
{
	char name[SHELL_NAME_SIZE], memory[32];
	enum guest_state state = guest_state(guest);
	const char *reason = guest_end_reason(guest);
	u64 given = __atomic_load_n(&guest->memory.page_count, __ATOMIC_RELAXED) * PAGE_SIZE;

	snprintf(memory, sizeof(memory), "%llu/%llu",
		 guest->has_memory ? (unsigned long long)(given >> 20) : 0,
		 (unsigned long long)(guest->config.memory_size >> 20));
	unsigned width = shell_name_width();

	shell_print("%2u %-*s %-8s %4u %13s  %s", guest->vm.id, (int)width,
		    shell_cut(guest->vm.name, width, name), guest_state_name(state),
		    guest->vm.vcpu_count, memory, reason ? reason : "");
}

static enum shell_result list(struct shell_call *call)
{
	if (!call->step)
		shell_print_head("%2s %-*s %-8s %4s %13s  %s", "#", (int)shell_name_width(), "VM",
				 "STATE", "CPUS", "MIB GIVEN/MAX", "LAST END");
	call->guest = guest_next(call->guest);
	if (!call->guest)
		return SHELL_DONE;
	list_one(call->guest);
	return SHELL_MORE;
}

/* ---- bundle ---- */

static const struct bundle_vm *bundle_vm_of(const struct guest *guest)
{
	for (unsigned i = 0; shell_bundle && i < shell_bundle->vm_count; i++)
		if (!strcmp(shell_bundle->vms[i].name, guest->vm.name))
			return &shell_bundle->vms[i];
	return NULL;
}

static void print_image(const char *what, const struct bundle_image *image)
{
	if (image)
		shell_print("  %-12s %s", what, image->name);
}

static void print_images(const struct guest *guest)
{
	const struct bundle_vm *vm = bundle_vm_of(guest);

	if (!vm)
		return;
	print_image("kernel", vm->kernel);
	print_image("ramdisk", vm->ramdisk);
	print_image("device tree", vm->fdt);
	if (vm->bootargs) {
		char line[3 * SHELL_COLUMNS - 8];
		int length = snprintf(line, sizeof(line), "  bootargs     %s", vm->bootargs);

		shell_print_long(line, min_u64((u64)length, sizeof(line) - 1));
	}
}

static u64 to_us(u64 ticks)
{
	u64 hz = hw_machine()->timebase_hz;

	return ticks / hz * 1000000 + ticks % hz * 1000000 / hz;
}

static void print_limits(const struct sched_limits *limits)
{
	char line[SHELL_COLUMNS + 1], harts[64] = "any";
	size_t length = 0;

	if (limits->harts)
		length = (size_t)snprintf(harts, sizeof(harts), "%s", "");
	for (unsigned i = 0; i < HW_HART_MAX; i++)
		if ((limits->harts >> i & 1) && length < sizeof(harts) - 4)
			length += (size_t)snprintf(harts + length, sizeof(harts) - length, "%s%u",
						   length ? "," : "", i);
	if (limits->quota)
		snprintf(line, sizeof(line), "at most %u%% of a hart", limits->quota);
	else
		snprintf(line, sizeof(line), "no cap");
	shell_print("  shares %u, %s, harts: %s%s", limits->shares, line, harts,
		    limits->dedicated ? ", dedicated" : "");
	if (limits->rt_period)
		shell_print("  real-time: %llu us in every %llu us for each vCPU",
			    (unsigned long long)to_us(limits->rt_budget),
			    (unsigned long long)to_us(limits->rt_period));
}

static void print_policy(const struct guest *guest)
{
	static const char *const restarts[] = {
		[GUEST_RESTART_NEVER] = "never",
		[GUEST_RESTART_ON_FAILURE] = "on failure",
		[GUEST_RESTART_ALWAYS] = "always",
	};
	char others[SHELL_COLUMNS + 1] = "";
	size_t length = 0;

	for (unsigned i = 0; i < guest->config.depends_count && length < sizeof(others); i++)
		length +=
			(size_t)snprintf(others + length, sizeof(others) - length, "%s%s",
					 i ? ", " : "; needs ", guest->config.depends[i]->vm.name);
	shell_print("  starts %s, restarts %s%s",
		    guest->config.autostart ? "by itself" : "when told",
		    restarts[guest->config.restart], others);
}

/* number: 1 if the second half of the VM's lines is next. */
static enum shell_result bundle(struct shell_call *call)
{
	if (call->number[0]) {
		call->number[0] = 0;
		print_limits(&call->guest->config.limits);
		print_policy(call->guest);
		return call->argc ? SHELL_DONE : SHELL_MORE;
	}
	call->guest = call->argc ? shell_guest(call) : guest_next(call->guest);
	if (!call->guest)
		return SHELL_DONE;
	shell_print_head("%s: %u vCPU%s, %llu MiB%s", call->guest->vm.name,
			 call->guest->vm.vcpu_count, call->guest->vm.vcpu_count == 1 ? "" : "s",
			 (unsigned long long)(call->guest->config.memory_size >> 20),
			 call->guest->config.memory_pinned ? ", pinned" : "");
	print_images(call->guest);
	call->number[0] = 1;
	return SHELL_MORE;
}

#define VM_COMMAND(word, text)                                                                    \
	{                                                                                         \
		.name = "vm", .sub = #word, .arguments = "NAME", .help = (text),                  \
		.example = "vm " #word " web", .takes = {SHELL_VM}, .argc_min = 1, .argc_max = 1, \
		.step = ask,                                                                      \
	}

static const struct shell_command commands[] = {
	{
		.name = "vm",
		.sub = "list",
		.help = "all VMs: state, vCPUs, memory, last end",
		.example = "vm list",
		.step = list,
	},
	VM_COMMAND(start, "start it, and those that it needs"),
	VM_COMMAND(stop, "switch it off"),
	VM_COMMAND(reset, "switch it off and on again"),
	VM_COMMAND(pause, "let it and its clock stand still"),
	VM_COMMAND(resume, "let it go on"),
	{
		.name = "bundle",
		.arguments = "[VM]",
		.help = "what the bundle says of each VM",
		.example = "bundle web",
		.takes = {SHELL_VM},
		.argc_max = 1,
		.step = bundle,
	},
};

struct shell_group shell_vm = {commands, ARRAY_SIZE(commands), NULL};

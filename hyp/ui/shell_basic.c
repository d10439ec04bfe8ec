/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands about the shell, the console and the machine's life. */
#include <stdio.h>
#include <string.h>

#include "hyp/hw.h"
#include "hyp/ui/console.h"
#include "hyp/ui/shell_internal.h"

#define LOG_LINES_DEFAULT 20

/* ---- help ---- */

static void usage(const struct shell_command *c, char *buffer, size_t size)
{
	snprintf(buffer, size, "%s%s%s%s%s", c->name, c->sub ? " " : "", c->sub ? c->sub : "",
		 c->arguments ? " " : "", c->arguments ? c->arguments : "");
}

/* The command that the step is about. */
static const struct shell_command *nth_command(u64 number)
{
	const struct shell_command *c = shell_next_command(NULL);

	while (c && number--)
		c = shell_next_command(c);
	return c;
}

static void help_end(void)
{
	int escape = console_escape();

	shell_print("\"help COMMAND\" says more, and TAB completes.");
	if (escape)
		shell_print("Ctrl-%c and then ? lists the keys that lead from console to console.",
			    escape + '@');
}

static enum shell_result help_all(struct shell_call *call, const struct shell_command *c)
{
	char buffer[SHELL_COLUMNS];

	if (!c) {
		help_end();
		return SHELL_DONE;
	}
	usage(c, buffer, sizeof(buffer));
	shell_print("  %-26s %s", buffer, c->help);
	call->number[0]++;
	return SHELL_MORE;
}

static bool is_asked(const struct shell_call *call, const struct shell_command *c)
{
	if (strcmp(call->argv[0], c->name) != 0)
		return false;
	return call->argc < 2 || !c->sub || !strcmp(call->argv[1], c->sub);
}

static enum shell_result help_one(struct shell_call *call, const struct shell_command *c)
{
	char buffer[SHELL_COLUMNS];

	if (!c) {
		if (!call->number[1])
			shell_print("there is no such command; \"help\" lists them");
		return SHELL_DONE;
	}
	call->number[0]++;
	if (!is_asked(call, c))
		return SHELL_MORE;
	call->number[1]++;
	usage(c, buffer, sizeof(buffer));
	shell_print_head("%s", buffer);
	shell_print("  %s", c->help);
	shell_print("  for example: %s", c->example);
	return SHELL_MORE;
}

static enum shell_result help(struct shell_call *call)
{
	const struct shell_command *c = nth_command(call->number[0]);

	return call->argc ? help_one(call, c) : help_all(call, c);
}

/* ---- console ---- */

static enum shell_result console(struct shell_call *call)
{
	enum status status;

	if (!call->argc) {
		status = console_show(NULL);
	} else if (!strcmp(call->argv[0], "all") && !guest_find("all")) {
		status = console_show_all();
	} else {
		struct guest *guest = shell_guest(call);

		if (!guest)
			return SHELL_DONE;
		status = console_show(guest);
	}
	if (status != STATUS_OK)
		shell_print("there is no console to show");
	return SHELL_DONE;
}

/* ---- log ---- */

static u64 count_lines(u64 position)
{
	char line[LOG_LINE_SIZE];
	u64 count = 0;

	while (log_read(&position, line, sizeof(line)))
		count++;
	return count;
}

/* number: the position in the log, what is left to skip, and to show. */
static bool log_begin(struct shell_call *call)
{
	u64 wanted = LOG_LINES_DEFAULT;

	if (call->argc && !shell_number(call->argv[0], 100000, &wanted))
		return false;
	u64 count = count_lines(0);
	char line[LOG_LINE_SIZE];

	for (u64 skip = count > wanted ? count - wanted : 0; skip; skip--)
		(void)log_read(&call->number[0], line, sizeof(line));
	call->number[1] = min_u64(count, wanted);
	return true;
}

static enum shell_result log_lines(struct shell_call *call)
{
	char line[LOG_LINE_SIZE];

	if (!call->step && !log_begin(call))
		return SHELL_DONE;
	size_t length = call->number[1] ? log_read(&call->number[0], line, sizeof(line)) : 0;

	if (length < 2)
		return SHELL_DONE;
	call->number[1]--;
	shell_print_long(line, length - 2);
	return SHELL_MORE;
}

/* ---- The rest ---- */

static enum shell_result clear(struct shell_call *call)
{
	static const char home[] = "\x1b[H\x1b[2J";

	(void)call;
	shell_write(home, sizeof(home) - 1);
	return SHELL_DONE;
}

static enum shell_result version(struct shell_call *call)
{
	const struct hw_machine *machine = hw_machine();
	char isa[512];
	size_t length = 0;

	(void)call;
	for (const char *name = machine->isa_names; name && *name; name += strlen(name) + 1)
		if (length + strlen(name) + 2 < sizeof(isa))
			length += (size_t)snprintf(isa + length, sizeof(isa) - length, "%s%s",
						   length ? " " : "", name);
	shell_print("Hartwood, compiled by GCC %s", __VERSION__);
	shell_print("%u hart%s, %s, clock of %llu Hz", machine->hart_count,
		    machine->hart_count == 1 ? "" : "s",
		    machine->mmu_type ? machine->mmu_type : "no MMU named",
		    (unsigned long long)machine->timebase_hz);
	shell_print("vendor %#llx, architecture %#llx, implementation %#llx",
		    (unsigned long long)machine->mvendorid, (unsigned long long)machine->marchid,
		    (unsigned long long)machine->mimpid);
	shell_print_long(isa, length);
	return SHELL_DONE;
}

static unsigned count_running(void)
{
	unsigned count = 0;

	for (struct guest *guest = guest_next(NULL); guest; guest = guest_next(guest))
		count += guest_state(guest) != GUEST_OFF;
	return count;
}

/* VMs are not asked to shut down: whoever wants that does it on their consoles. */
static bool is_meant(const struct shell_call *call)
{
	unsigned count = count_running();
	bool now = call->argc && !strcmp(call->argv[0], "now");

	if (call->argc && !now)
		shell_print("\"%s\": only \"now\" may stand here", call->argv[0]);
	else if (count && !now)
		shell_print("%u VM%s on and would lose power; if that is meant: %s now", count,
			    count == 1 ? " is" : "s are", call->command->name);
	return call->argc ? now : !count;
}

static enum shell_result stop_machine(struct shell_call *call, bool reboot)
{
	if (!is_meant(call))
		return SHELL_DONE;
	log_info("the operator %s the machine", reboot ? "reboots" : "shuts down");
	console_flush();
	if (reboot)
		hw_reboot();
	hw_shutdown();
}

static enum shell_result shutdown(struct shell_call *call)
{
	return stop_machine(call, false);
}

static enum shell_result reboot(struct shell_call *call)
{
	return stop_machine(call, true);
}

static const struct shell_command commands[] = {
	{
		.name = "help",
		.arguments = "[COMMAND]",
		.help = "what there is, or what a command does",
		.example = "help vm start",
		.takes = {SHELL_COMMAND},
		.argc_max = 2,
		.step = help,
	},
	{
		.name = "console",
		.arguments = "[NAME|all]",
		.help = "go to a VM's console, or see all of them",
		.example = "console web",
		.takes = {SHELL_VM_OR_ALL},
		.argc_max = 1,
		.step = console,
	},
	{
		.name = "log",
		.arguments = "[LINES]",
		.help = "the last messages",
		.example = "log 50",
		.argc_max = 1,
		.step = log_lines,
	},
	{
		.name = "clear",
		.help = "clear the screen",
		.example = "clear",
		.step = clear,
	},
	{
		.name = "version",
		.help = "what this is, and what it runs on",
		.example = "version",
		.step = version,
	},
	{
		.name = "shutdown",
		.arguments = "[now]",
		.help = "switch the machine off; now: although VMs run",
		.example = "shutdown now",
		.argc_max = 1,
		.step = shutdown,
	},
	{
		.name = "reboot",
		.arguments = "[now]",
		.help = "restart the machine; now: although VMs run",
		.example = "reboot now",
		.argc_max = 1,
		.step = reboot,
	},
};

struct shell_group shell_basic = {commands, ARRAY_SIZE(commands), NULL};

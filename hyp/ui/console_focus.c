/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is in focus, and the keys that change it. Who comes into focus goes on where its output was
 * last shown: what was missed comes first, at the line's own pace.
 */
#include "hyp/hw.h"
#include "hyp/ui/console_internal.h"

/* After a loss, output goes on at the start of a line if there is one within this. */
#define LINE_SEARCH 512

#define DIM  "\x1b[2m"
#define BACK "\x1b[0m\r\n"

#define ui console_ui

static void hint_locked(const char *text)
{
	console_stage_line_locked();
	console_stage_locked(DIM "[%s]" BACK, text);
}

static void banner_locked(const char *name)
{
	console_stage_line_locked();
	console_stage_locked(DIM "[%s]" BACK, name);
}

/* ---- Changing the focus ---- */

static void skip_to_line_locked(struct console *console)
{
	struct ring *ring = &console->output;
	u64 end = ring->start + min_u64(ring_count(ring), LINE_SEARCH);

	for (u64 i = ring->start; i < end; i++) {
		if (ring_at(ring, i) == '\n') {
			console->lost += i + 1 - ring->start;
			ring->start = i + 1;
			return;
		}
	}
}

static void tell_loss_locked(struct console *console)
{
	if (!console->lost)
		return;
	skip_to_line_locked(console);
	console_stage_locked(DIM "[%llu bytes are lost]" BACK, (unsigned long long)console->lost);
	console->lost = 0;
}

/* It waited for the line that others have now. */
static void release_output_locked(struct console *console)
{
	if (!console || !console->output_waiting)
		return;
	console->output_waiting = false;
	console_note_locked(console, &console->job_output_ready);
}

void console_focus_locked(struct console *console)
{
	if (!ui.all && ui.focus == console) {
		hint_locked("it is in focus already");
		return;
	}
	if (ui.all)
		console_leave_all_locked();
	if (ui.focus != console)
		release_output_locked(ui.focus);
	ui.focus = console;
	ui.log_mark = 0;
	if (console == &ui.shell) {
		banner_locked("shell");
		ui.shell_redraw = true;
		if (ui.shell_work)
			work_ask(ui.shell_work);
	} else {
		ui.previous = console;
		banner_locked(console->guest->vm.name);
		tell_loss_locked(console);
	}
}

static void focus_all_locked(void)
{
	release_output_locked(ui.focus);
	ui.focus = ui.previous;
	ui.all = true;
	banner_locked("all VMs");
}

static void toggle_all_locked(void)
{
	if (!ui.previous)
		hint_locked("there is no VM");
	else if (ui.all)
		console_focus_locked(ui.previous);
	else
		focus_all_locked();
}

/* ---- Keys ---- */

static void focus_or_hint_locked(struct console *console)
{
	if (console)
		console_focus_locked(console);
	else
		hint_locked("there is no such VM");
}

/* From the shell: back to where one came from. */
static void focus_neighbour_locked(bool forward)
{
	struct console *from = ui.previous, *found;

	if (ui.focus == &ui.shell || !from) {
		focus_or_hint_locked(from);
		return;
	}
	if (forward) {
		found = from->next ? from->next : ui.first;
	} else {
		found = ui.last;
		for (struct console *c = ui.first; c != from; c = c->next)
			found = c;
	}
	console_focus_locked(found);
}

static void focus_number_locked(unsigned id)
{
	struct console *console = ui.first;

	while (console && console->guest->vm.id != id)
		console = console->next;
	focus_or_hint_locked(console);
}

static void focus_shell_locked(bool colon)
{
	ui.shell_colon = colon;
	if (ui.focus != &ui.shell)
		console_focus_locked(&ui.shell);
	else if (colon)
		work_ask(ui.shell_work);
	else
		hint_locked("it is in focus already");
}

/* Everything that is kept, from the start of a line. */
static void show_log_locked(void)
{
	struct console *console = ui.focus;
	u64 lost = console->lost;

	hint_locked("its log");
	console->output.start = ring_oldest(&console->output);
	if (console->output.start > 0)
		skip_to_line_locked(console);
	console->lost = lost; /* what is skipped had been shown */
}

/* False: no such key. */
static bool obey_locked(u8 key)
{
	if (key >= '0' && key <= '9')
		focus_number_locked(key - '0');
	else if (key == 'n' || key == 'p')
		focus_neighbour_locked(key == 'n');
	else if (key == 'a')
		toggle_all_locked();
	else if ((key == 's' || key == ':') && ui.shell_work)
		focus_shell_locked(key == ':');
	else if (key == 'l' && ui.focus && ui.focus != &ui.shell && !ui.all)
		show_log_locked();
	else if (key == '?')
		hint_locked("n next, p previous, 0-9 by number, : by name, a all, s shell, l log");
	else
		return false;
	return true;
}

void console_command_locked(u8 key)
{
	if (!obey_locked(key))
		hint_locked("no such key here; ? for help");
	console_drain_locked();
}

/* ---- For the shell ---- */

static struct console *find_locked(const struct guest *guest)
{
	struct console *console = ui.first;

	if (!guest)
		return ui.previous;
	while (console && console->guest != guest)
		console = console->next;
	return console;
}

enum status console_show(struct guest *guest)
{
	lock_acquire(&ui.lock);
	struct console *console = find_locked(guest);

	if (console)
		console_focus_locked(console);
	console_drain_locked();
	lock_release(&ui.lock);
	console_settle();
	return console ? STATUS_OK : STATUS_NOT_FOUND;
}

enum status console_show_all(void)
{
	lock_acquire(&ui.lock);
	bool found = ui.previous != NULL;

	if (found && !ui.all)
		focus_all_locked();
	console_drain_locked();
	lock_release(&ui.lock);
	console_settle();
	return found ? STATUS_OK : STATUS_NOT_FOUND;
}

void console_show_shell(void)
{
	lock_acquire(&ui.lock);
	if (ui.focus != &ui.shell)
		console_focus_locked(&ui.shell);
	console_drain_locked();
	lock_release(&ui.lock);
	console_settle();
}

const struct guest *console_focus(void)
{
	lock_acquire(&ui.lock);
	const struct guest *guest = ui.previous ? ui.previous->guest : NULL;

	lock_release(&ui.lock);
	return guest;
}

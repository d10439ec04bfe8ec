/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shell's work: takes what was typed, has it edited, and carries commands out. Owns "shell",
 * which only a step touches, and there is never more than one.
 */
#include "hyp/ui/shell.h"

#include <string.h>

#include "hyp/hw.h"
#include "hyp/ui/console.h"
#include "hyp/ui/line_edit.h"
#include "hyp/ui/shell_internal.h"

/* Bytes that are taken, and steps of a command that are done, in one go. */
#define BYTES_MAX 32
#define STEPS_MAX 4

/* Room for the most that a byte or a step can make us say: a list of completions. */
#define ROOM 2048

const struct bundle *shell_bundle;

static struct {
	struct work work;
	struct line_edit edit;
	bool prompted;
	bool running; /* a command */
	bool waiting; /* for a key or for call.wake_at */
	bool colon;   /* a name is to be asked for */
	struct shell_call call;
	char line[LINE_EDIT_MAX + 1]; /* the one whose words call has */
} shell;

/* ---- Editing ---- */

static void write_edit(void *context, const char *bytes, size_t length)
{
	(void)context;
	console_shell_write(bytes, length);
}

static const struct line_edit_ops edit_ops = {.write = write_edit, .candidate = shell_candidate};

static void prompt(const char *text)
{
	shell.prompted = true;
	line_edit_start(&shell.edit, text);
	console_shell_set_editing(true);
}

static void run_line(void)
{
	shell.prompted = false;
	console_shell_set_editing(false);
	memcpy(shell.line, shell.edit.text, sizeof(shell.line));
	shell.running = shell_parse(shell.line, &shell.call);
	shell.waiting = false;
}

static void leave(void)
{
	/* There may be no VM to go to. */
	if (console_show(NULL) != STATUS_OK)
		line_edit_redraw(&shell.edit);
}

static void feed(u8 byte)
{
	switch (line_edit_feed(&shell.edit, byte)) {
	case LINE_EDITING:
		break;
	case LINE_DONE:
		run_line();
		break;
	case LINE_LEFT:
		leave();
		break;
	}
}

/* True: there may be more to read. */
static bool edit(void)
{
	bool redraw = console_shell_take_redraw();
	u8 byte;

	if (shell.colon)
		prompt("console ");
	else if (!shell.prompted)
		prompt("");
	else if (redraw)
		line_edit_redraw(&shell.edit);
	shell.colon = false;
	for (unsigned i = 0; i < BYTES_MAX && !shell.running && console_shell_has_room(ROOM); i++) {
		if (!shell.prompted)
			prompt("");
		if (!console_shell_read(&byte, 1))
			return false;
		feed(byte);
	}
	return true;
}

/* ---- Commands ---- */

/* True: go on at once. */
static bool run_step(void)
{
	shell.waiting = false;
	enum shell_result result = shell.call.command->step(&shell.call);

	shell.call.step++;
	switch (result) {
	case SHELL_MORE:
		return true;
	case SHELL_WAIT:
		shell.waiting = true;
		work_ask_at(&shell.work, shell.call.wake_at);
		return false;
	default:
		shell.running = false;
		return true;
	}
}

/* True: it waits on. */
static bool must_wait(void)
{
	u8 byte;

	shell.call.key = shell.waiting && (shell.colon || console_shell_read(&byte, 1));
	if (!shell.waiting || shell.call.key || hw_time() >= shell.call.wake_at)
		return false;
	work_ask_at(&shell.work, shell.call.wake_at);
	return true;
}

static bool run(void)
{
	if (must_wait())
		return false;
	for (unsigned i = 0; i < STEPS_MAX && shell.running && console_shell_has_room(ROOM); i++)
		if (!run_step())
			return false;
	return true;
}

/* Without room the console asks for the next step. */
static bool step(struct work *work)
{
	(void)work;
	if (!console_shell_has_room(ROOM))
		return false;
	if (console_shell_take_colon())
		shell.colon = true;
	return shell.running ? run() : edit();
}

/* ---- Life ---- */

/* There are VMs, and none of them starts by itself. */
static bool is_wanted(void)
{
	for (struct guest *guest = guest_next(NULL); guest; guest = guest_next(guest))
		if (guest->config.autostart)
			return false;
	return guest_next(NULL) != NULL;
}

void shell_init(const struct bundle *bundle)
{
	memset(&shell, 0, sizeof(shell));
	shell_bundle = bundle;
	shell_measure_names();
	line_edit_init(&shell.edit, &edit_ops, "hartwood> ");
	work_init(&shell.work, step);
	console_set_shell(&shell.work);
	if (is_wanted())
		console_show_shell();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the line shows, and in which order: what is staged (our own banners and hints, whole lines
 * of the view of all), then messages of the log, then the output of who is in focus. A message does
 * not break into a guest's control sequence unless that has no end, or the guest stops in it.
 */
#include <stdarg.h>
#include <stdio.h>

#include "hyp/check.h"
#include "hyp/hw.h"
#include "hyp/ui/console_internal.h"

/* Bytes in one go, so that an interrupt on a guest's hart stays short. The firmware's console may
 * wait for each of them, which takes 87 us at 115200 baud. */
#define DRAIN_MAX	   512
#define DRAIN_MAX_FIRMWARE 32

#define ERASE_LINE "\r\x1b[K"
#define CANCEL	   "\x18" /* ends a control sequence without effect */

#define ui console_ui

/* ---- Staging ---- */

void console_stage_locked(const char *format, ...)
{
	size_t room = sizeof(ui.staged) - ui.staged_end;
	va_list arguments;

	va_start(arguments, format);
	int length = vsnprintf(ui.staged + ui.staged_end, room, format, arguments);

	va_end(arguments);
	if (length > 0 && (size_t)length < room)
		ui.staged_end += (size_t)length;
}

static bool is_staged_locked(void)
{
	return ui.staged_start < ui.staged_end;
}

void console_stage_line_locked(void)
{
	bool at_line_start =
		is_staged_locked() ? ui.staged[ui.staged_end - 1] == '\n' : ui.at_line_start;

	console_stage_locked("%s\x1b[0m%s", ansi_is_in_doubt(&ui.ansi) ? CANCEL : "",
			     at_line_start ? "" : "\r\n");
}

/* ---- Messages ---- */

/* A place in the output of the VM in focus, or between two lines of ours. */
static bool may_log_locked(void)
{
	const struct console *focus = ui.focus;

	if (!ui.log_until)
		return false;
	if (!focus || ui.all || hw_time() >= ui.log_until)
		return true;
	bool is_empty = !ring_count(&focus->output);

	if (focus == &ui.shell || ui.closing)
		return ui.at_line_start || is_empty;
	return focus->output.start >= ui.log_mark && ansi_is_between(&ui.ansi);
}

/* Behind what is unfinished on the line: the shell's line makes room, as it can be drawn again. */
static void stage_log_start_locked(void)
{
	bool erases = ui.focus == &ui.shell && ui.shell_editing;

	if (ansi_is_in_doubt(&ui.ansi))
		console_stage_locked(CANCEL);
	if (ui.at_line_start)
		return;
	console_stage_locked("%s", erases ? ERASE_LINE : "\r\n");
	if (erases && !ui.shell_redraw) {
		ui.shell_redraw = true;
		work_ask(ui.shell_work);
	}
}

static void stage_log_locked(void)
{
	char line[LOG_LINE_SIZE + 1];
	u64 before = ui.log_position;
	size_t length = log_read(&ui.log_position, line, LOG_LINE_SIZE);
	u64 lost = ui.log_position - before - length;

	_Static_assert(2ULL * LOG_LINE_SIZE < sizeof(ui.staged), "a line can be staged");
	if (!length) {
		ui.log_until = 0;
		return;
	}
	line[length] = '\0';
	stage_log_start_locked();
	if (lost)
		console_stage_locked("hartwood: %llu bytes of messages are lost\r\n",
				     (unsigned long long)lost);
	console_stage_locked("%s", line);
}

/* ---- The line ---- */

static size_t write_locked(const char *bytes, size_t length)
{
	size_t sent = length;

	if (ui.started && !ui.closing)
		sent = hw_console_write(bytes, length);
	else
		hw_console_write_all(bytes, length);
	for (size_t i = 0; i < sent; i++)
		ansi_feed(&ui.ansi, (u8)bytes[i]);
	if (sent)
		ui.at_line_start = bytes[sent - 1] == '\n';
	return sent;
}

/* False: the line takes no more now. */
static bool send_staged_locked(size_t *budget)
{
	size_t length = ui.staged_end - ui.staged_start;
	size_t sent = write_locked(ui.staged + ui.staged_start, length);

	*budget -= min_u64(*budget, sent);
	ui.staged_start += sent;
	if (sent < length)
		return false;
	ui.staged_start = ui.staged_end = 0;
	return true;
}

/* Up to where a message could come next. */
static size_t run_up_to_log_locked(const struct ring *ring, const u8 *bytes, size_t length)
{
	struct ansi ansi = ui.ansi;

	for (size_t i = 0; i < length; i++) {
		if (i && ring->start + i >= ui.log_mark && ansi_is_between(&ansi))
			return i;
		ansi_feed(&ansi, bytes[i]);
	}
	return length;
}

static bool send_raw_locked(size_t *budget)
{
	struct ring *ring = &ui.focus->output;
	const u8 *bytes;
	size_t length = min_u64(ring_front(ring, &bytes), *budget);

	if (ui.log_until)
		length = run_up_to_log_locked(ring, bytes, length);
	size_t sent = write_locked((const char *)bytes, length);

	ring_drop(ring, sent);
	*budget -= sent;
	return sent == length;
}

/* True: the line takes more, and there may be more. */
static bool send_next_locked(size_t *budget)
{
	if (!is_staged_locked() && may_log_locked())
		stage_log_locked();
	if (is_staged_locked())
		return send_staged_locked(budget);
	if (ui.all)
		return console_stage_next_locked(budget);
	if (ui.focus && ring_count(&ui.focus->output))
		return send_raw_locked(budget);
	return ui.log_until && may_log_locked();
}

static bool is_left_locked(size_t budget)
{
	if (is_staged_locked() || !budget)
		return true;
	return !ui.all && ui.focus && ring_count(&ui.focus->output);
}

void console_drain_locked(void)
{
	size_t budget = hw_console_needs_polling() ? DRAIN_MAX_FIRMWARE : DRAIN_MAX;

	if (ui.closing)
		budget = SIZE_MAX;
	while (budget && send_next_locked(&budget))
		;
	if (is_left_locked(budget))
		hw_console_want_writable();
	if (ui.shell_wants && ring_room(&ui.shell.output) >= ui.shell_wants) {
		ui.shell_wants = 0;
		work_ask(ui.shell_work);
	}
}

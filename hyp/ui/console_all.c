/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The view of all VMs: whole lines, each behind its VM's name in a colour of its own. VMs take
 * turns, so that one that floods does not drown the others; it loses lines instead.
 */
#include "hyp/hw.h"
#include "hyp/ui/console_internal.h"

/* When the beginning of a line is shown although its end has not come: a prompt, say. */
#define PARTIAL_MS 300

#define ui console_ui

/* The six colours of every terminal that has any, then the same in bold, then some of the 256 that
 * most have today. */
static void stage_colour_locked(unsigned id)
{
	static const u8 base[] = {2, 6, 3, 5, 4, 1};
	static const u8 more[] = {208, 39, 141, 112, 203, 43, 220, 170, 75,  149,
				  173, 99, 36,	184, 209, 67, 133, 108, 179, 61};

	if (id < 12)
		console_stage_locked("\x1b[%s3%um", id < 6 ? "" : "1;", base[id % 6]);
	else
		console_stage_locked("\x1b[38;5;%um", more[(id - 12) % sizeof(more)]);
}

static void stage_name_locked(const struct console *console)
{
	const char *name = console->guest->vm.name;
	bool cut = strlen(name) > CONSOLE_NAME_MAX;

	stage_colour_locked(console->guest->vm.id);
	console_stage_locked("%.*s%s%*s |\x1b[0m ", cut ? CONSOLE_NAME_MAX - 1 : CONSOLE_NAME_MAX,
			     name, cut ? "~" : "",
			     (int)(ui.name_width - min_u64(strlen(name), CONSOLE_NAME_MAX)), "");
}

static void stage_text_locked(const struct console *console)
{
	stage_name_locked(console);
	console_stage_locked("%.*s%s\r\n", (int)console->lines.length, console->lines.text,
			     console->lines.fixed ? "\x1b[0m" : "");
}

static bool stage_loss_locked(struct console *console)
{
	if (!console->lost)
		return false;
	if (lines_is_partial(&console->lines))
		stage_text_locked(console);
	console->lines = (struct lines){0};
	stage_name_locked(console);
	console_stage_locked("\x1b[2m[%llu bytes are lost]\x1b[0m\r\n",
			     (unsigned long long)console->lost);
	console->lost = 0;
	return true;
}

/* Reads on, up to the end of a line. */
static bool read_line_locked(struct console *console, size_t *budget)
{
	struct ring *ring = &console->output;
	bool complete = false;

	if (!ring_count(ring) || !*budget)
		return false;
	console->lines_touched = hw_time();
	while (!complete && ring_count(ring) && *budget) {
		if (lines_is_fresh(&console->lines))
			console->lines_start = ring->start;
		complete = lines_feed(&console->lines, ring_at(ring, ring->start));
		ring_drop(ring, 1);
		--*budget;
	}
	return complete;
}

/* A beginning that has waited long enough for the rest. Whoever is younger is asked for. */
static bool end_partial_locked(struct console *console)
{
	u64 wait = hw_machine()->timebase_hz / 1000 * PARTIAL_MS;

	if (ring_count(&console->output) || !lines_is_partial(&console->lines))
		return false;
	if (!ui.closing && hw_time() - console->lines_touched < wait) {
		console_ask_locked(console->lines_touched + wait);
		return false;
	}
	lines_end(&console->lines);
	return true;
}

static bool stage_line_of_locked(struct console *console, size_t *budget)
{
	if (stage_loss_locked(console))
		return true;
	if (!read_line_locked(console, budget) && !end_partial_locked(console))
		return false;
	stage_text_locked(console);
	return true;
}

bool console_stage_next_locked(size_t *budget)
{
	struct console *console = ui.turn;

	for (struct console *c = ui.first; c; c = c->next) {
		console = console && console->next ? console->next : ui.first;
		if (stage_line_of_locked(console, budget)) {
			ui.turn = console;
			return true;
		}
	}
	return false;
}

void console_leave_all_locked(void)
{
	for (struct console *c = ui.first; c; c = c->next) {
		if (lines_is_partial(&c->lines))
			c->output.start = max_u64(c->lines_start, ring_oldest(&c->output));
		c->lines = (struct lines){0};
	}
	ui.all = false;
}

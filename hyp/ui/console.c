/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes consoles and takes what VMs and the shell write. What the lock guards and how it ranks is
 * in console_internal.h; what the line shows is console_line.c's business, where input goes
 * console_input.c's, and who is in focus console_focus.c's.
 *
 * Only the VM that has the line to itself waits for it: when its ring is full of what has not been
 * shown, its UART waits. All others overwrite their oldest output. If they waited, a VM would stand
 * still because nobody looks at it, and in the view of all, one that floods the line would slow the
 * others down.
 */
#include "hyp/ui/console.h"

#include "hyp/check.h"
#include "hyp/hw.h"
#include "hyp/mem/page.h"
#include "hyp/ui/console_internal.h"

#define OUTPUT_SIZE  KIB(16) /* the log of a VM */
#define OUTPUT_ORDER 2
#define INPUT_SIZE   KIB(4)
#define REST_ORDER   1

#define SHELL_OUTPUT_SIZE KIB(16)
#define SHELL_INPUT_SIZE  KIB(1)

/* How much of a VM's output may still come before a message of ours, so that the two are in order
 * when the line is not too far behind. */
#define LOG_AFTER 1024

/* How long a message waits for the end of a control sequence, or for that much output. */
#define LOG_WAIT_MS 50

struct console_ui console_ui;
#define ui console_ui

static u8 shell_output[SHELL_OUTPUT_SIZE];
static u8 shell_input[SHELL_INPUT_SIZE];

/* ---- What is to be done without the lock ---- */

enum job {
	JOB_NONE,
	JOB_OFFER,
	JOB_OUTPUT_READY,
	JOB_HOLD,
};

/* A list, as interrupts come here and there may be thousands of VMs. */
void console_note_locked(struct console *console, bool *job)
{
	*job = true;
	if (console->has_jobs)
		return;
	console->has_jobs = true;
	console->next_with_jobs = ui.jobs;
	ui.jobs = console;
}

static bool take_locked(bool *flag)
{
	bool was_set = *flag;

	*flag = false;
	return was_set;
}

static enum job take_job_locked(struct console **console)
{
	for (; ui.jobs; ui.jobs = ui.jobs->next_with_jobs) {
		*console = ui.jobs;
		if (take_locked(&ui.jobs->job_output_ready))
			return JOB_OUTPUT_READY;
		if (take_locked(&ui.jobs->job_offer))
			return JOB_OFFER;
		ui.jobs->has_jobs = false;
	}
	/* One hart at a time, so that the last word is the right one. */
	if (!ui.holding && ui.holds_machine != (ui.focus == &ui.shell)) {
		ui.holds_machine = !ui.holds_machine;
		ui.holding = true;
		return JOB_HOLD;
	}
	return JOB_NONE;
}

static void hold_machine(bool hold)
{
	guest_hold_machine(hold);
	lock_acquire(&ui.lock);
	ui.holding = false; /* the focus may have changed meanwhile: the caller looks again */
	lock_release(&ui.lock);
}

void console_settle(void)
{
	struct console *console;
	enum job job;

	do {
		lock_acquire(&ui.lock);
		job = take_job_locked(&console);
		bool hold = ui.holds_machine;
		lock_release(&ui.lock);

		if (job == JOB_OUTPUT_READY)
			vuart_output_ready(&console->guest->uart);
		else if (job == JOB_OFFER)
			console_offer_input(console);
		else if (job == JOB_HOLD)
			hold_machine(hold);
	} while (job != JOB_NONE);
}

/* ---- What happens by itself after a while ---- */

void console_ask_locked(u64 time)
{
	if (ui.work_at && ui.work_at <= time)
		return;
	ui.work_at = max_u64(time, 1);
	work_ask_at(&ui.work, time);
}

static bool console_work(struct work *work)
{
	(void)work;
	lock_acquire(&ui.lock);
	ui.work_at = 0;
	console_check_full_locked(hw_time());
	console_drain_locked();
	lock_release(&ui.lock);
	console_settle();
	return false;
}

/* ---- Output ---- */

static size_t transmit_alone_locked(struct console *console, const u8 *bytes, size_t length)
{
	size_t taken = ring_push(&console->output, bytes, length);

	console_drain_locked();
	taken += ring_push(&console->output, bytes + taken, length - taken);
	/* Only writable() takes it back: SBI writes come this way too, and one that finds room does
	 * not mean that the UART knows. */
	if (taken < length)
		console->output_waiting = true;
	return taken;
}

static size_t transmit(void *context, const u8 *bytes, size_t length)
{
	struct console *console = context;
	size_t taken = length;

	lock_acquire(&ui.lock);
	ui.started = true;
	if (console == ui.focus && !ui.all) {
		taken = transmit_alone_locked(console, bytes, length);
	} else {
		console->lost += ring_overwrite(&console->output, bytes, length);
		if (ui.all)
			console_drain_locked();
	}
	lock_release(&ui.lock);
	return taken;
}

static void writable(void)
{
	lock_acquire(&ui.lock);
	struct console *console = ui.focus;

	console_drain_locked();
	if (console && console->output_waiting && ring_room(&console->output)) {
		console->output_waiting = false;
		console_note_locked(console, &console->job_output_ready);
	}
	lock_release(&ui.lock);
	console_settle();
}

void console_flush(void)
{
	lock_acquire(&ui.lock);
	ui.closing = true;
	console_drain_locked();
	lock_release(&ui.lock);
}

static void flush(void *context)
{
	(void)context;
	console_flush();
}

/* ---- Messages ---- */

static void log_arrived(void)
{
	u64 wait = hw_machine()->timebase_hz / 1000 * LOG_WAIT_MS;

	lock_acquire(&ui.lock);
	if (!ui.log_until) {
		const struct ring *ring = ui.focus ? &ui.focus->output : NULL;

		ui.log_mark = ring ? min_u64(ring->end, ring->start + LOG_AFTER) : 0;
		ui.log_until = max_u64(hw_time() + wait, 1);
	}
	console_drain_locked();
	if (ui.log_until)
		console_ask_locked(ui.log_until);
	lock_release(&ui.lock);
}

/* ---- The shell ---- */

void console_set_shell(struct work *shell)
{
	lock_acquire(&ui.lock);
	ui.shell_work = shell;
	lock_release(&ui.lock);
}

size_t console_shell_read(u8 *bytes, size_t length)
{
	lock_acquire(&ui.lock);
	size_t count = ring_peek(&ui.shell.input, bytes, length);

	ring_drop(&ui.shell.input, count);
	lock_release(&ui.lock);
	if (count)
		hw_console_resume_input();
	return count;
}

bool console_shell_has_room(size_t length)
{
	lock_acquire(&ui.lock);
	bool has_room = ring_room(&ui.shell.output) >= length;

	ui.shell_wants = has_room ? 0 : length;
	lock_release(&ui.lock);
	return has_room;
}

bool console_shell_is_shown(void)
{
	lock_acquire(&ui.lock);
	bool is_shown = ui.focus == &ui.shell && !ring_count(&ui.shell.output);

	lock_release(&ui.lock);
	return is_shown;
}

void console_shell_write(const char *bytes, size_t length)
{
	lock_acquire(&ui.lock);
	ui.started = true;
	ring_push(&ui.shell.output, (const u8 *)bytes, length);
	if (ui.focus == &ui.shell)
		console_drain_locked();
	lock_release(&ui.lock);
}

void console_shell_set_editing(bool editing)
{
	lock_acquire(&ui.lock);
	ui.shell_editing = editing;
	lock_release(&ui.lock);
}

static bool take_flag(bool *flag)
{
	lock_acquire(&ui.lock);
	bool was_set = take_locked(flag);

	lock_release(&ui.lock);
	return was_set;
}

bool console_shell_take_redraw(void)
{
	return take_flag(&ui.shell_redraw);
}

bool console_shell_take_colon(void)
{
	return take_flag(&ui.shell_colon);
}

/* ---- Setting up ---- */

static const struct hw_console_client client = {console_receive, writable};

void console_init(void)
{
	ui = (struct console_ui){
		.escape = CONSOLE_ESCAPE_DEFAULT,
		.at_line_start = true,
		.log_position = log_end(),
		.name_width = 1,
		.shell.output = {.bytes = shell_output, .size = SHELL_OUTPUT_SIZE},
		.shell.input = {.bytes = shell_input, .size = SHELL_INPUT_SIZE},
	};
	lock_init(&ui.lock, LOCK_CONSOLE);
	work_init(&ui.work, console_work);
	hw_console_attach(&client);
	log_set_reader(log_arrived);
}

void console_set_escape(int key)
{
	CHECK(key >= 0 && key < ' ');
	lock_acquire(&ui.lock);
	ui.escape = key;
	ui.escape_pending = false;
	lock_release(&ui.lock);
}

int console_escape(void)
{
	return ui.escape; /* constant after boot */
}

enum status console_attach(struct guest_console *result)
{
	hpa_t output, rest;

	_Static_assert(OUTPUT_SIZE == PAGE_SIZE << OUTPUT_ORDER, "the ring has its block");
	_Static_assert(sizeof(struct console) + INPUT_SIZE <= PAGE_SIZE << REST_ORDER, "it fits");
	if (page_alloc(OUTPUT_ORDER, &output) != STATUS_OK)
		return STATUS_NO_MEMORY;
	if (page_alloc_zeroed(REST_ORDER, &rest) != STATUS_OK) {
		page_free(output, OUTPUT_ORDER);
		return STATUS_NO_MEMORY;
	}
	struct console *console = hw_ram(rest);

	console->output = (struct ring){.size = OUTPUT_SIZE, .bytes = hw_ram(output)};
	console->input = (struct ring){.size = INPUT_SIZE, .bytes = (u8 *)(console + 1)};
	*result =
		(struct guest_console){transmit, console_take, console_offer_input, flush, console};
	return STATUS_OK;
}

void console_detach(const struct guest_console *attached)
{
	struct console *console = attached->context;

	page_free(hw_hpa_of(console->output.bytes), OUTPUT_ORDER);
	page_free(hw_hpa_of(console), REST_ORDER);
}

void console_connect(const struct guest_console *attached, struct guest *guest)
{
	struct console *console = attached->context;

	lock_acquire(&ui.lock);
	console->guest = guest;
	if (ui.last)
		ui.last->next = console;
	else
		ui.first = console;
	ui.last = console;
	ui.name_width =
		(unsigned)max_u64(ui.name_width, min_u64(strlen(guest->vm.name), CONSOLE_NAME_MAX));
	if (!ui.focus || (!ui.focus->guest->config.autostart && guest->config.autostart)) {
		ui.focus = console;
		ui.previous = console;
	}
	lock_release(&ui.lock);
}

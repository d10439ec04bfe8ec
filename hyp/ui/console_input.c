/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is typed, on its way to the one in focus. The escape key and the key behind it are taken
 * out, whatever comes between their arrivals.
 *
 * Input waits in its ring for the UART, and when that is full the line is left alone, which is what
 * a line's flow control is for. Only for a while, though: a guest that reads nothing must not take
 * the escape key from the operator. From then on what does not fit is dropped.
 */
#include "hyp/hw.h"
#include "hyp/ui/console_internal.h"

#define CHUNK 64 /* bytes handed to a UART at a time, on the stack */

/* How long the line waits for a guest that reads nothing at all. */
#define FULL_MS 1000

#define ui console_ui

/* ---- From the line ---- */

static void note_full_locked(struct console *console)
{
	if (console->full && console->full_at == console->input.start)
		return;
	console->full = true;
	console->full_at = console->input.start;
	console->full_until = hw_time() + hw_machine()->timebase_hz / 1000 * FULL_MS;
	console_ask_locked(console->full_until);
}

static bool drops_locked(const struct console *console)
{
	return console->full && console->full_at == console->input.start &&
	       hw_time() >= console->full_until;
}

/* False: it has to wait. */
static bool type_locked(struct console *console, u8 byte)
{
	if (!console)
		return true;
	if (!ring_push(&console->input, &byte, 1) && !drops_locked(console)) {
		note_full_locked(console);
		return false;
	}
	if (console == &ui.shell)
		return true;
	console_note_locked(console, &console->job_offer);
	return true;
}

static bool receive_byte_locked(u8 byte)
{
	bool is_escape = ui.escape && byte == ui.escape;

	if (ui.escape_pending && !is_escape) {
		ui.escape_pending = false;
		console_command_locked(byte);
		return true;
	}
	if (is_escape && !ui.escape_pending) {
		ui.escape_pending = true;
		return true;
	}
	if (!type_locked(ui.focus, byte))
		return false;
	ui.escape_pending = false;
	return true;
}

size_t console_receive(const char *bytes, size_t length)
{
	size_t taken = 0;

	lock_acquire(&ui.lock);
	u64 shell_end = ui.shell.input.end;

	while (taken < length && receive_byte_locked((u8)bytes[taken]))
		taken++;
	if (ui.shell.input.end != shell_end && ui.shell_work)
		work_ask(ui.shell_work);
	lock_release(&ui.lock);
	console_settle();
	return taken;
}

void console_check_full_locked(u64 now)
{
	struct console *console = ui.focus;

	if (!console || !console->full)
		return;
	if (console->full_at != console->input.start)
		console->full = false;
	else if (now < console->full_until)
		console_ask_locked(console->full_until);
	else
		hw_console_resume_input(); /* to be dropped, but for the escape key */
}

/* ---- To the guest ---- */

/* Takes what the UART has swallowed out of the ring and fills the chunk again, if it wants more.
 * Without more to hand over, the offering is over. */
static size_t next_chunk_locked(struct console *console, u8 *chunk, size_t taken, bool wants_more)
{
	size_t count = 0;

	ring_drop(&console->input, taken);
	/* Whoever came meanwhile may have come because the UART has room again. */
	if (wants_more || console->offer_again)
		count = ring_peek(&console->input, chunk, CHUNK);
	console->offer_again = false;
	console->offering = count != 0;
	return count;
}

/* Hands the UART what it takes. One hart at a time, or bytes would change places; what another hart
 * has received meanwhile is in the ring and goes with this one's. */
void console_offer_input(void *context)
{
	struct console *console = context;
	u8 chunk[CHUNK];
	size_t count = 0, taken;

	lock_acquire(&ui.lock);
	if (console->offering)
		console->offer_again = true;
	else
		count = next_chunk_locked(console, chunk, 0, true);
	lock_release(&ui.lock);
	while (count) {
		taken = vuart_receive(&console->guest->uart, chunk, count);
		lock_acquire(&ui.lock);
		count = next_chunk_locked(console, chunk, taken, taken == count);
		lock_release(&ui.lock);
		/* No room, no resuming: the line would offer the same at once, and for ever. */
		if (taken)
			hw_console_resume_input();
	}
}

/* For SBI console reads: what the UART has been given and its guest has not read, then the rest. It
 * counts as offering, so that nothing moves from one to the other meanwhile. */
size_t console_take(void *context, u8 *bytes, size_t length)
{
	struct console *console = context;
	size_t count, more;

	lock_acquire(&ui.lock);
	bool busy = console->offering;

	console->offering = true;
	lock_release(&ui.lock);
	if (busy)
		return 0; /* the guest will ask again */
	count = vuart_take(&console->guest->uart, bytes, length);
	lock_acquire(&ui.lock);
	more = ring_peek(&console->input, bytes + count, length - count);
	ring_drop(&console->input, more);
	console->offering = false;
	lock_release(&ui.lock);
	/* Only if there is more room than before: it may cost an interrupt, and a guest that polls
	 * calls this all the time. */
	if (more)
		hw_console_resume_input();
	console_offer_input(console); /* what came meanwhile */
	return count + more;
}

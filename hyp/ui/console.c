/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owns the rings between the VMs' UARTs and the line, guarded by one lock (LOCK_CONSOLE). The
 * UART's own lock ranks above it, so UARTs are called only without it.
 *
 * Output of the VM in focus waits in its ring for the line, and when the ring is full its UART
 * waits: a VM that floods its console slows only itself. Input waits in its ring for the UART, and
 * when that is full the line is left alone, which is what a line's flow control is for.
 */
#include "hyp/ui/console.h"

#include "hyp/check.h"
#include "hyp/hw.h"
#include "hyp/mem/page.h"

#define OUTPUT_SIZE KIB(12)
#define INPUT_SIZE  KIB(3)
#define CHUNK	    64 /* bytes handed to a UART at a time, on the stack */

struct ring {
	u32 size;
	u32 head; /* where the oldest byte is */
	u32 count;
	u8 *bytes;
};

struct console {
	struct guest *guest;
	struct ring output;
	struct ring input;
	bool output_waiting; /* the UART was turned away and has to be told of room */
	bool offering;	     /* a hart is handing input to the UART */
	bool offer_again;    /* another one came to do that meanwhile */
	u8 storage[OUTPUT_SIZE + INPUT_SIZE];
};

static struct {
	struct lock lock;
	struct console *focus;
} ui;

/* ---- Rings; the lock is held ---- */

static void push_locked(struct ring *ring, u8 byte)
{
	CHECK(ring->count < ring->size);
	ring->bytes[(ring->head + ring->count++) % ring->size] = byte;
}

static u8 pop_locked(struct ring *ring)
{
	CHECK(ring->count > 0);
	u8 byte = ring->bytes[ring->head];

	ring->head = (ring->head + 1) % ring->size;
	ring->count--;
	return byte;
}

static size_t push_all_locked(struct ring *ring, const u8 *bytes, size_t length)
{
	size_t taken = 0;

	while (taken < length && ring->count < ring->size)
		push_locked(ring, bytes[taken++]);
	return taken;
}

/* ---- Output ---- */

/* As much of the ring as the line takes now; the rest when it says that it is writable. */
static void drain_locked(struct ring *ring)
{
	while (ring->count) {
		u32 run = (u32)min_u64(ring->count, ring->size - ring->head);
		u32 sent = (u32)hw_console_write((const char *)&ring->bytes[ring->head], run);

		ring->head = (ring->head + sent) % ring->size;
		ring->count -= sent;
		if (sent < run) {
			hw_console_want_writable();
			return;
		}
	}
}

static size_t transmit(void *context, const u8 *bytes, size_t length)
{
	struct console *console = context;
	struct ring *ring = &console->output;
	size_t taken;

	lock_acquire(&ui.lock);
	if (console == ui.focus) {
		taken = push_all_locked(ring, bytes, length);
		drain_locked(ring);
		taken += push_all_locked(ring, bytes + taken, length - taken);
		/* Only writable() takes it back: SBI writes come this way too, and one that finds
		 * room does not mean that the UART knows. */
		if (taken < length)
			console->output_waiting = true;
	} else {
		for (taken = 0; taken < length; taken++) {
			if (ring->count == ring->size)
				pop_locked(ring);
			push_locked(ring, bytes[taken]);
		}
	}
	lock_release(&ui.lock);
	return taken;
}

static void writable(void)
{
	struct guest *waiting = NULL;

	lock_acquire(&ui.lock);
	struct console *console = ui.focus;

	if (console) {
		drain_locked(&console->output);
		if (console->output_waiting && console->output.count < console->output.size) {
			console->output_waiting = false;
			waiting = console->guest;
		}
	}
	lock_release(&ui.lock);
	if (waiting)
		vuart_output_ready(&waiting->uart);
}

/* The machine is about to go off: what the line has not taken yet goes now, unless the line is
 * stuck. */
static void flush(void *context)
{
	struct console *console = context;
	struct ring *ring = &console->output;

	lock_acquire(&ui.lock);
	while (console == ui.focus && ring->count) {
		u32 run = (u32)min_u64(ring->count, ring->size - ring->head);

		hw_console_write_all((const char *)&ring->bytes[ring->head], run);
		ring->head = (ring->head + run) % ring->size;
		ring->count -= run;
	}
	lock_release(&ui.lock);
}

/* ---- Input ---- */

static size_t peek_locked(const struct ring *ring, u8 *bytes, size_t length)
{
	size_t count = min_u64(length, ring->count);

	for (size_t i = 0; i < count; i++)
		bytes[i] = ring->bytes[(ring->head + i) % ring->size];
	return count;
}

static void drop_locked(struct ring *ring, size_t count)
{
	while (count--)
		pop_locked(ring);
}

/* Takes what the UART has swallowed out of the ring and fills the chunk again, if it wants more.
 * Without more to hand over, the offering is over. */
static size_t next_chunk_locked(struct console *console, u8 *chunk, size_t taken, bool wants_more)
{
	size_t count = 0;

	drop_locked(&console->input, taken);
	/* Whoever came meanwhile may have come because the UART has room again. */
	if (wants_more || console->offer_again)
		count = peek_locked(&console->input, chunk, CHUNK);
	console->offer_again = false;
	console->offering = count != 0;
	return count;
}

/* Hands the UART what it takes. One hart at a time, or bytes would change places; what another hart
 * has received meanwhile is in the ring and goes with this one's. */
static void offer_input(void *context)
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

static size_t receive(const char *bytes, size_t length)
{
	size_t taken = 0;

	lock_acquire(&ui.lock);
	struct console *console = ui.focus;

	if (console)
		taken = push_all_locked(&console->input, (const u8 *)bytes, length);
	lock_release(&ui.lock);
	if (console)
		offer_input(console);
	return console ? taken : length;
}

/* For SBI console reads: what the UART has been given and its guest has not read, then the rest. It
 * counts as offering, so that nothing moves from one to the other meanwhile. */
static size_t take(void *context, u8 *bytes, size_t length)
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
	more = peek_locked(&console->input, bytes + count, length - count);
	drop_locked(&console->input, more);
	console->offering = false;
	lock_release(&ui.lock);
	hw_console_resume_input();
	offer_input(console); /* what came meanwhile */
	return count + more;
}

/* ---- Setting up ---- */

static const struct hw_console_client client = {receive, writable};

void console_init(void)
{
	lock_init(&ui.lock, LOCK_CONSOLE);
	ui.focus = NULL;
	hw_console_attach(&client);
}

enum status console_attach(struct guest_console *result)
{
	const unsigned order = 2;
	hpa_t block;

	_Static_assert(sizeof(struct console) <= PAGE_SIZE << 2, "it fits its block");
	if (page_alloc_zeroed(order, &block) != STATUS_OK)
		return STATUS_NO_MEMORY;
	struct console *console = hw_ram(block);

	console->output = (struct ring){.size = OUTPUT_SIZE, .bytes = console->storage};
	console->input = (struct ring){.size = INPUT_SIZE, .bytes = console->storage + OUTPUT_SIZE};
	*result = (struct guest_console){transmit, take, offer_input, flush, console};
	return STATUS_OK;
}

void console_connect(const struct guest_console *attached, struct guest *guest)
{
	struct console *console = attached->context;

	console->guest = guest;
	lock_acquire(&ui.lock);
	if (!ui.focus)
		ui.focus = console;
	lock_release(&ui.lock);
}

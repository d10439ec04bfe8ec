/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operator's serial line: hyp/hw.h's console on top of a uart_driver.
 *
 * "lock" guards the port and every field of "console" but the input bytes. It is a leaf: nothing is
 * called with it held but the driver, so it ranks below all of hyp/lock.h. The client is called
 * without it. "serving" admits one hart at a time to the part that calls the client; the input
 * bytes belong to that hart.
 */
#include "platform/console.h"

#include <string.h>

#include "hyp/hw.h"
#include "hyp/log.h"

#define INPUT_SIZE 32

/* At most one line about lost input in this many seconds. */
#define OVERRUN_SECONDS 1

/* Bounds one call of serve_input(); the interrupt or the next poll brings the rest. */
#define SERVE_ROUNDS 16

/* How long a message waits for a line that does not move. */
#define STUCK_MS	    100
#define STUCK_TICKS_DEFAULT 1000000 /* before the timebase is known */

const struct uart_driver *const uart_drivers[] = {
	/* Before 16550: trees give that as the second name of the same port. */
	&uart_designware,
	&uart_16550,
	&uart_sifive,
	NULL,
};

static u32 lock;
static u32 serving;
static bool lock_broken;

static struct {
	struct uart uart;
	const struct hw_console_client *client;
	bool has_interrupt;
	bool input_blocked; /* the client took less than it was offered */
	bool want_writable; /* the client waits for room */
	bool want_serving;  /* input bytes are left over: come back even if the port is quiet */
	bool stuck;	    /* the last message was cut short */
	u64 overrun_quiet_until; /* in timebase ticks */

	char input[INPUT_SIZE];
	size_t input_start, input_length;
} console = {.uart.driver = &uart_sbi, .input_blocked = true};

static void acquire(void)
{
	while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE) != 0 &&
	       !__atomic_load_n(&lock_broken, __ATOMIC_RELAXED))
		hw_pause();
}

static void release(void)
{
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

/* A port that is told to say when it has room does so at once if it has. That makes it a way to
 * have console_serve_interrupt() called, whatever the reason. */
static void update_interrupts_locked(void)
{
	if (console.has_interrupt)
		console.uart.driver->set_interrupts(&console.uart, !console.input_blocked,
						    console.want_writable || console.want_serving);
}

void console_use(const struct uart *uart)
{
	acquire();
	console.uart = *uart;
	console.uart.driver->init(&console.uart);
	release();
}

void console_use_interrupt(void)
{
	acquire();
	console.has_interrupt = true;
	update_interrupts_locked();
	release();
}

void console_break_lock(void)
{
	__atomic_store_n(&lock_broken, true, __ATOMIC_RELAXED);
}

size_t hw_console_write(const char *bytes, size_t length)
{
	size_t done;

	acquire();
	done = console.uart.driver->write(&console.uart, bytes, length);
	release();
	return done;
}

static u64 stuck_ticks(void)
{
	u64 hz = hw_machine()->timebase_hz;

	return hz != 0 ? hz / 1000 * STUCK_MS : STUCK_TICKS_DEFAULT;
}

void hw_console_write_all(const char *bytes, size_t length)
{
	u64 moved_at = hw_time();

	while (length > 0) {
		size_t done = hw_console_write(bytes, length);

		if (done > 0) {
			bytes += done;
			length -= done;
			moved_at = hw_time();
			console.stuck = false;
		} else if (console.stuck || hw_time() - moved_at > stuck_ticks()) {
			/* Waiting once is enough: not again for each line that follows. */
			console.stuck = true;
			return;
		} else {
			hw_pause();
		}
	}
}

/* Fills the input bytes from the port if they are used up. False if there is nothing to offer, or
 * nobody to offer it to. input_blocked is set in advance, so that a hw_console_resume_input() that
 * comes while the client still refuses is not lost. */
static bool take_input(void)
{
	bool offer;

	acquire();
	if (!console.input_blocked && console.input_length == 0) {
		console.input_start = 0;
		console.input_length = console.uart.driver->read(&console.uart, console.input,
								 sizeof(console.input));
	}
	offer = !console.input_blocked && console.input_length > 0;
	if (offer)
		console.input_blocked = true;
	release();
	return offer;
}

static void serve_input(void)
{
	for (unsigned i = 0; i < SERVE_ROUNDS && take_input(); i++) {
		size_t taken = console.client->receive(console.input + console.input_start,
						       console.input_length);

		console.input_start += taken;
		console.input_length -= taken;
		if (console.input_length > 0)
			continue;
		acquire();
		console.input_blocked = false;
		release();
	}
}

static void serve_output(void)
{
	bool writable;

	acquire();
	console.want_serving = !console.input_blocked && console.input_length > 0;
	writable = console.want_writable && console.uart.driver->can_write(&console.uart);
	if (writable)
		console.want_writable = false;
	update_interrupts_locked();
	release();
	if (writable)
		console.client->writable();
}

/* The port's overrun is ours to tell: input is never lost silently. What comes too soon after the
 * last line is told by a later call, as the port's mark stays. */
static void report_overrun(void)
{
	bool report;

	acquire();
	report = console.uart.overran && hw_time() >= console.overrun_quiet_until;
	if (report) {
		console.uart.overran = false;
		console.overrun_quiet_until =
			hw_time() + hw_machine()->timebase_hz * OVERRUN_SECONDS;
	}
	release();
	if (report)
		log_error("serial port: input was lost, as it came faster than it was taken");
}

static void serve(void)
{
	if (__atomic_exchange_n(&serving, 1, __ATOMIC_ACQUIRE) != 0)
		return;
	serve_input();
	serve_output();
	report_overrun();
	__atomic_store_n(&serving, 0, __ATOMIC_RELEASE);
}

void console_serve_interrupt(void)
{
	acquire();
	console.uart.driver->acknowledge(&console.uart);
	release();
	serve();
}

void console_poll(void)
{
	if (!console.has_interrupt)
		serve();
}

void hw_console_attach(const struct hw_console_client *client)
{
	acquire();
	console.client = client;
	console.input_blocked = false;
	update_interrupts_locked();
	release();
}

void hw_console_resume_input(void)
{
	acquire();
	if (console.client != NULL) {
		console.input_blocked = false;
		console.want_serving = true;
		update_interrupts_locked();
	}
	release();
}

void hw_console_want_writable(void)
{
	acquire();
	if (console.client != NULL) {
		console.want_writable = true;
		update_interrupts_locked();
	}
	release();
}

bool hw_console_needs_polling(void)
{
	return !console.has_interrupt;
}

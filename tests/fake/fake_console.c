/* SPDX-License-Identifier: BSD-2-Clause */
/* The fake machine's serial line. console_lock guards all of it; the client is called without. */
#include <pthread.h>
#include <string.h>

#include "tests/fake/fake_hw.h"

#define OUTPUT_MAX (1 << 20)
#define INPUT_MAX  (1 << 16)

static struct {
	pthread_mutex_t lock;
	const struct hw_console_client *client;
	bool polling;
	u64 harts_allowed;  /* as hw_console_serve_on() was told last; 0: never */
	bool input_stopped; /* after a short count, until hw_console_resume_input() */
	bool want_writable;
	unsigned resume_count;
	size_t room;
	size_t output_length;
	char output[OUTPUT_MAX + 1];
	size_t input_length;
	char input[INPUT_MAX];
} console = {.lock = PTHREAD_MUTEX_INITIALIZER};

void fake_console_reset(const struct fake_options *options)
{
	console.client = NULL;
	console.polling = options->console_polling;
	console.input_stopped = false;
	console.want_writable = false;
	console.room = SIZE_MAX;
	console.input_length = 0;
	fake_console_clear();
}

static void append_locked(const char *bytes, size_t length)
{
	if (length > OUTPUT_MAX - console.output_length)
		fake_fail("more than %d bytes of output: clear it now and then", OUTPUT_MAX);
	memcpy(console.output + console.output_length, bytes, length);
	console.output_length += length;
	console.output[console.output_length] = '\0';
}

size_t hw_console_write(const char *bytes, size_t length)
{
	pthread_mutex_lock(&console.lock);
	size_t taken = length < console.room ? length : console.room;

	append_locked(bytes, taken);
	if (console.room != SIZE_MAX)
		console.room -= taken;
	pthread_mutex_unlock(&console.lock);
	return taken;
}

void hw_console_write_all(const char *bytes, size_t length)
{
	pthread_mutex_lock(&console.lock);
	append_locked(bytes, length);
	pthread_mutex_unlock(&console.lock);
}

const char *fake_console_output(void)
{
	return console.output;
}

void fake_console_clear(void)
{
	console.output_length = 0;
	console.output[0] = '\0';
}

void fake_console_set_room(size_t room)
{
	pthread_mutex_lock(&console.lock);
	console.room = room;
	pthread_mutex_unlock(&console.lock);
}

void fake_console_type(const char *bytes, size_t length)
{
	pthread_mutex_lock(&console.lock);
	if (length > INPUT_MAX - console.input_length)
		fake_fail("more than %d bytes of input", INPUT_MAX);
	memcpy(console.input + console.input_length, bytes, length);
	console.input_length += length;
	pthread_mutex_unlock(&console.lock);
}

size_t fake_console_input_left(void)
{
	return console.input_length;
}

void hw_console_attach(const struct hw_console_client *client)
{
	console.client = client;
}

void hw_console_resume_input(void)
{
	console.input_stopped = false;
	__atomic_fetch_add(&console.resume_count, 1, __ATOMIC_RELAXED);
}

unsigned fake_console_resume_count(void)
{
	return __atomic_load_n(&console.resume_count, __ATOMIC_RELAXED);
}

void hw_console_want_writable(void)
{
	console.want_writable = true;
}

void hw_console_serve_on(u64 harts_allowed)
{
	__atomic_store_n(&console.harts_allowed, harts_allowed, __ATOMIC_RELAXED);
}

u64 fake_console_harts(void)
{
	return __atomic_load_n(&console.harts_allowed, __ATOMIC_RELAXED);
}

bool hw_console_needs_polling(void)
{
	return console.polling;
}

bool fake_console_is_pending(void)
{
	if (console.client == NULL)
		return false;
	return (console.input_length > 0 && !console.input_stopped) ||
	       (console.want_writable && console.room > 0);
}

static void deliver_input(void)
{
	char bytes[INPUT_MAX];

	pthread_mutex_lock(&console.lock);
	size_t length = console.input_length;

	memcpy(bytes, console.input, length);
	/* In advance: what resumes it while the client still refuses counts. */
	console.input_stopped = true;
	pthread_mutex_unlock(&console.lock);

	size_t taken = console.client->receive(bytes, length);

	if (taken > length)
		fake_fail("the console client took %zu bytes of %zu", taken, length);
	pthread_mutex_lock(&console.lock);
	console.input_length -= taken;
	memmove(console.input, console.input + taken, console.input_length);
	if (taken == length)
		console.input_stopped = false;
	pthread_mutex_unlock(&console.lock);
}

bool fake_console_serve(void)
{
	bool served = fake_console_is_pending();

	if (!served)
		return false;
	if (console.input_length > 0 && !console.input_stopped)
		deliver_input();
	if (console.want_writable && console.room > 0) {
		console.want_writable = false;
		console.client->writable();
	}
	return true;
}

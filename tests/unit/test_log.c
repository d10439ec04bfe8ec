/* SPDX-License-Identifier: BSD-2-Clause */
/* The log: whole lines, cut where they are too long, and a budget for what guests bring about. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hyp/log.h"
#include "hyp/status.h"
#include "tests/fake/fake_hw.h"

#define HART_COUNT 4
#define SECOND	   10000000ULL /* of the fake machine */

static void start(void)
{
	struct fake_options options = fake_defaults();

	options.hart_count = HART_COUNT;
	options.timebase_hz = SECOND;
	fake_start(&options);
}

/* How many lines were written; all of them must be whole. */
static unsigned line_count(void)
{
	unsigned count = 0;

	for (const char *line = fake_console_output(); *line != '\0'; count++) {
		const char *end = strstr(line, "\r\n");

		assert_non_null(end);
		assert_int_equal(strncmp(line, "hartwood: ", 10), 0);
		line = end + 2;
	}
	return count;
}

static void lines_are_formatted(void **state)
{
	(void)state;
	start();
	log_info("%s %c %d %i %u %x %lx %lu %ld %llx %llu %zu|%5d|%-5d|%016llx|%08x", "text", 'c',
		 -1, 2, 3u, 0xabcdef, 0xfffffffffffffffful, 4ul, -5l, 0x123456789abcdefull,
		 18446744073709551615ull, (size_t)6, 42, 42, 0xfeedull, 0x1234);
	assert_string_equal(fake_console_output(),
			    "hartwood: text c -1 2 3 abcdef ffffffffffffffff 4 -5 123456789abcdef "
			    "18446744073709551615 6|   42|42   |000000000000feed|00001234\r\n");
	fake_console_clear();
	log_error("%s: %s", "vm", status_name(STATUS_NO_MEMORY));
	assert_string_equal(fake_console_output(), "hartwood: error: vm: out of memory\r\n");
}

static void every_status_has_a_name(void **state)
{
	(void)state;
	for (unsigned i = STATUS_OK; i <= STATUS_FAULT; i++) {
		for (unsigned j = STATUS_OK; j < i; j++)
			assert_string_not_equal(status_name((enum status)i),
						status_name((enum status)j));
	}
	assert_string_equal(status_name((enum status)12345), "unknown status");
}

static void long_lines_are_cut(void **state)
{
	(void)state;
	char text[1000];

	start();
	for (unsigned length = 200; length < sizeof(text); length++) {
		memset(text, 'x', length);
		text[length] = '\0';
		fake_console_clear();
		log_info("%s", text);

		size_t written = strlen(fake_console_output());
		const char *end = fake_console_output() + written;

		assert_true(written <= 256);
		assert_int_equal(line_count(), 1);
		/* Either all of it is there, or a full line that shows that it was cut. */
		if (written == 10 + length + 2)
			assert_int_equal(strncmp(end - 5, "xxx\r\n", 5), 0);
		else
			assert_true(written == 256 && strncmp(end - 6, "x...\r\n", 6) == 0);
		assert_int_equal(written, length <= 244 ? 10 + length + 2 : 256);
	}
}

static void a_message_cannot_fake_a_second_line(void **state)
{
	(void)state;
	start();
	log_error("node %s", "a\r\nhartwood: all is well\x1b[2J\x7f\xff\t");
	assert_string_equal(fake_console_output(),
			    "hartwood: error: node a??hartwood: all is well?[2J???\r\n");
}

static void a_guest_gets_a_burst_and_then_a_line_a_second(void **state)
{
	(void)state;
	struct log_budget budget = {0};

	start();
	fake_set_time(123 * SECOND);
	for (unsigned i = 0; i < 1000; i++)
		log_guest(&budget, "line %u", i);
	assert_int_equal(line_count(), LOG_GUEST_BURST);

	/* Just short of a second: nothing. Then one, which says how many were dropped. */
	fake_console_clear();
	fake_advance_time(SECOND - 1);
	log_guest(&budget, "too early");
	assert_int_equal(line_count(), 0);
	fake_advance_time(1);
	log_guest(&budget, "in time");
	assert_string_equal(fake_console_output(), "hartwood: (991 dropped) in time\r\n");
	log_guest(&budget, "too much");
	assert_int_equal(line_count(), 1);

	/* Parts of seconds add up. */
	fake_console_clear();
	for (unsigned i = 0; i < 15; i++) {
		fake_advance_time(SECOND * 2 / 5);
		log_guest(&budget, "part");
	}
	assert_int_equal(line_count(), 6);
}

static void a_budget_never_exceeds_the_burst(void **state)
{
	(void)state;
	struct log_budget budget = {0};

	start();
	log_guest(&budget, "first");
	fake_set_time(UINT64_MAX - 5);
	fake_console_clear();
	for (unsigned i = 0; i < 100; i++)
		log_guest(&budget, "line");
	assert_int_equal(line_count(), LOG_GUEST_BURST);
}

static void a_clock_that_lags_on_a_hart_gives_nothing_away(void **state)
{
	(void)state;
	struct log_budget budget = {0};

	start();
	fake_set_time(100 * SECOND);
	for (unsigned i = 0; i < LOG_GUEST_BURST; i++)
		log_guest(&budget, "line");
	fake_set_time(100 * SECOND - 1);
	log_guest(&budget, "line");
	assert_int_equal(line_count(), LOG_GUEST_BURST);
}

static void one_guest_does_not_use_up_the_budget_of_another(void **state)
{
	(void)state;
	struct log_budget noisy = {0}, quiet = {0};

	start();
	for (unsigned i = 0; i < 100; i++)
		log_guest(&noisy, "noise");
	fake_console_clear();
	log_guest(&quiet, "signal");
	assert_string_equal(fake_console_output(), "hartwood: signal\r\n");
}

static void the_last_lines_are_kept(void **state)
{
	char line[LOG_LINE_SIZE], expected[64];
	u64 position = log_end(), oldest = 0;
	size_t length, total = 0;
	unsigned number = 0;

	(void)state;
	start();
	assert_int_equal(log_read(&position, line, sizeof(line)), 0);
	log_info("one");
	log_error("two");
	length = log_read(&position, line, sizeof(line));
	assert_int_equal(length, strlen("hartwood: one\r\n"));
	assert_memory_equal(line, "hartwood: one\r\n", length);
	length = log_read(&position, line, sizeof(line));
	assert_memory_equal(line, "hartwood: error: two\r\n", length);
	assert_int_equal(log_read(&position, line, sizeof(line)), 0);
	assert_int_equal(position, log_end());

	for (unsigned i = 0; i < 1000; i++)
		log_info("line %u, of which some are longer:%*s.", i, i % 100, "");
	/* Whole lines, all of the last ones. */
	while ((length = log_read(&oldest, line, sizeof(line)))) {
		line[length - 2] = '\0';
		if (!number)
			assert_int_equal(sscanf(line, "hartwood: line %u", &number), 1);
		snprintf(expected, sizeof(expected), "hartwood: line %u,", number);
		assert_int_equal(strncmp(line, expected, strlen(expected)), 0);
		number++;
		total += length;
	}
	assert_int_equal(number, 1000);
	assert_in_range(total, LOG_KEPT - LOG_LINE_SIZE, LOG_KEPT);
}

static unsigned told_count;

static void count_told(void)
{
	told_count++;
}

static void a_reader_is_told_instead(void **state)
{
	char line[LOG_LINE_SIZE];
	u64 position = log_end();

	(void)state;
	start();
	log_set_reader(count_told);
	log_info("one");
	log_info("two");
	log_set_reader(NULL);
	assert_int_equal(told_count, 2);
	assert_string_equal(fake_console_output(), "");
	assert_true(log_read(&position, line, sizeof(line)) > 0);
	log_info("three");
	assert_string_equal(fake_console_output(), "hartwood: three\r\n");
}

static struct log_budget shared_budget;

static void *log_on_a_hart(void *argument)
{
	unsigned hart = (unsigned)(uintptr_t)argument;

	fake_set_hart(hart);
	for (unsigned i = 0; i < 500; i++) {
		log_info("hart %u line %u %s", hart, i, "with some more text to make it longer");
		log_guest(&shared_budget, "guest on hart %u", hart);
	}
	return NULL;
}

static void lines_of_several_harts_do_not_mix(void **state)
{
	(void)state;
	pthread_t threads[HART_COUNT];
	unsigned next[HART_COUNT] = {0}, guest_count = 0;

	start();
	memset(&shared_budget, 0, sizeof(shared_budget));
	for (uintptr_t i = 0; i < HART_COUNT; i++)
		pthread_create(&threads[i], NULL, log_on_a_hart, (void *)i);
	for (unsigned i = 0; i < HART_COUNT; i++)
		pthread_join(threads[i], NULL);

	assert_int_equal(line_count(), HART_COUNT * 500 + LOG_GUEST_BURST);
	for (const char *line = fake_console_output(); *line != '\0';
	     line = strstr(line, "\r\n") + 2) {
		unsigned hart, number;
		int length = 0;

		if (sscanf(line,
			   "hartwood: hart %u line %u with some more text to make it longer%n",
			   &hart, &number, &length) == 2) {
			assert_true(hart < HART_COUNT && number == next[hart]);
			assert_int_equal(strncmp(line + length, "\r\n", 2), 0);
			next[hart]++;
		} else {
			assert_int_equal(sscanf(line, "hartwood: guest on hart %u", &hart), 1);
			guest_count++;
		}
	}
	assert_int_equal(guest_count, LOG_GUEST_BURST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_formatted),
		cmocka_unit_test(every_status_has_a_name),
		cmocka_unit_test(long_lines_are_cut),
		cmocka_unit_test(a_message_cannot_fake_a_second_line),
		cmocka_unit_test(a_guest_gets_a_burst_and_then_a_line_a_second),
		cmocka_unit_test(a_budget_never_exceeds_the_burst),
		cmocka_unit_test(a_clock_that_lags_on_a_hart_gives_nothing_away),
		cmocka_unit_test(one_guest_does_not_use_up_the_budget_of_another),
		cmocka_unit_test(the_last_lines_are_kept),
		cmocka_unit_test(a_reader_is_told_instead),
		cmocka_unit_test(lines_of_several_harts_do_not_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

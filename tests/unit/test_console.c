/* SPDX-License-Identifier: BSD-2-Clause */
/* The way between guests' UARTs and the line: nothing is lost, nothing changes places, and a guest
 * that nobody looks at is not held up. */
#include <unistd.h>

#include "tests/unit/console_guests.h"

/* ------------------------------------------------------------------------------------------------
 * Output.
 */

static void the_guest_in_focus_writes_to_the_line(void **state)
{
	(void)state;
	put(guests[0], DATA, 'a');
	assert_int_equal(sbi_write(guests[0], "bc"), 2);
	put(guests[0], DATA, 'd');
	assert_string_equal(fake_console_output(), "abcd");
	assert_true(can_send(guests[0]));
}

/* Sends letter(first) and on, while the UART says that it can. Returns how many. */
static size_t send_while_possible(size_t first, size_t max)
{
	size_t sent = 0;

	while (sent < max && can_send(guests[0]))
		put(guests[0], DATA, (u8)letter(first + sent++));
	return sent;
}

static void assert_line_has(size_t count)
{
	const char *output = fake_console_output();

	assert_int_equal(strlen(output), count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(output[i], letter(i));
}

static void a_line_that_is_stuck_holds_the_guest_up_and_loses_nothing(void **state)
{
	size_t sent = 0, room;
	struct fake_random dice = {.state = 5};

	(void)state;
	put(guests[0], FCR, 1);
	fake_console_set_room(0);
	sent = send_while_possible(0, RING_MAX);
	assert_true(sent > 1000 && sent < RING_MAX);
	/* A guest that pays no attention to it sends into the void, as on a real UART. */
	assert_false(can_send(guests[0]));
	/* The line moves now and then. */
	while (sent < 3 * RING_MAX) {
		room = 1 + fake_random_below(&dice, 5000);
		fake_console_set_room(room);
		be_interrupted();
		sent += send_while_possible(sent, 3 * RING_MAX - sent);
	}
	fake_console_set_room(SIZE_MAX);
	be_interrupted();
	assert_line_has(sent);
	assert_true(can_send(guests[0]));
}

static void the_guest_is_interrupted_when_there_is_room_again(void **state)
{
	(void)state;
	put(guests[0], FCR, 1);
	fake_console_set_room(0);
	send_while_possible(0, RING_MAX);
	put(guests[0], IER, 2);
	assert_false(is_interrupting(guests[0]));
	fake_console_set_room(100);
	be_interrupted();
	assert_true(is_interrupting(guests[0]));
}

static void sbi_writes_say_how_much_fits(void **state)
{
	char text[2 * 200 + 1];
	size_t sent = 0;

	(void)state;
	fake_console_set_room(0);
	for (;;) {
		for (unsigned i = 0; i < 200; i++)
			text[i] = letter(sent + i);
		text[200] = '\0';
		size_t taken = sbi_write(guests[0], text);

		sent += taken;
		if (taken < 200)
			break;
		assert_true(sent < RING_MAX);
	}
	assert_int_equal(sbi_write(guests[0], text), 0);
	fake_console_set_room(SIZE_MAX);
	be_interrupted();
	assert_line_has(sent);
}

/* The UART was turned away; that a later SBI write found room must not make it be forgotten. */
static void an_sbi_write_does_not_strand_what_the_uart_holds(void **state)
{
	size_t sent;

	(void)state;
	put(guests[0], FCR, 1);
	fake_console_set_room(0);
	sent = send_while_possible(0, RING_MAX);
	assert_false(can_send(guests[0]));
	/* The line has room before it says so. */
	fake_console_set_room(SIZE_MAX);
	assert_int_equal(sbi_write(guests[0], "x"), 1);
	be_interrupted();
	assert_true(can_send(guests[0]));
	assert_int_equal(strlen(fake_console_output()), sent + 1);
}

static void a_guest_that_is_not_looked_at_is_never_held_up(void **state)
{
	(void)state;
	put(guests[1], FCR, 1);
	fake_console_set_room(0);
	for (size_t i = 0; i < RING_MAX; i++) {
		put(guests[1], DATA, (u8)letter(i));
		assert_true(can_send(guests[1]));
	}
	assert_int_equal(sbi_write(guests[1], "hello"), 5);
	fake_console_set_room(SIZE_MAX);
	be_interrupted();
	assert_string_equal(fake_console_output(), "");
	/* Nor does it hold up the other. */
	put(guests[0], DATA, 'z');
	assert_string_equal(fake_console_output(), "z");
}

/* ------------------------------------------------------------------------------------------------
 * Input.
 */

static void type(size_t first, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char byte = letter(first + i);

		fake_console_type(&byte, 1);
	}
}

static void typed_bytes_reach_the_guest_in_focus(void **state)
{
	(void)state;
	put(guests[0], IER, 1);
	put(guests[1], IER, 1);
	fake_console_type("k", 1);
	be_interrupted();
	assert_true(is_interrupting(guests[0]));
	assert_int_equal(get(guests[0], DATA), 'k');
	assert_false(is_interrupting(guests[0]));
	assert_false(get(guests[1], LSR) & LSR_DATA_READY);
}

/* The guest reads what there is, and takes its interrupts. */
static size_t read_all(size_t first)
{
	size_t count = 0;

	while (get(guests[0], LSR) & LSR_DATA_READY) {
		assert_int_equal(get(guests[0], DATA), letter(first + count));
		count++;
		if (fake_pending_ipis() || fake_console_is_pending())
			be_interrupted();
	}
	return count;
}

static void input_waits_for_a_guest_that_does_not_read(void **state)
{
	const size_t count = 10000;

	(void)state;
	for (unsigned fifo = 0; fifo < 2; fifo++) {
		setup_guests(NULL);
		put(guests[0], FCR, (u8)fifo);
		type(0, count);
		be_interrupted();
		/* More than is kept here stays on the line. */
		assert_true(fake_console_input_left() > 0);
		assert_int_equal(read_all(0), count);
		assert_int_equal(fake_console_input_left(), 0);
	}
}

static void a_guest_that_does_not_read_is_not_offered_the_same_for_ever(void **state)
{
	(void)state;
	type(0, 10000);
	for (unsigned i = 0; i < 100 && fake_console_is_pending(); i++)
		be_interrupted();
	assert_false(fake_console_is_pending());
}

static void input_comes_in_order_whichever_way_it_is_read(void **state)
{
	struct fake_random dice = {.state = 3};
	size_t typed = 0, read = 0;
	char bytes[300];

	(void)state;
	put(guests[0], FCR, 1);
	while (read < 30000) {
		switch (fake_random_below(&dice, 4)) {
		case 0:
			if (fake_console_input_left() < 30000) {
				size_t count = fake_random_below(&dice, 500);

				type(typed, count);
				typed += count;
			}
			break;
		case 1:
			be_interrupted();
			break;
		case 2:
			if (get(guests[0], LSR) & LSR_DATA_READY)
				assert_int_equal(get(guests[0], DATA), letter(read++));
			break;
		case 3: {
			size_t count =
				sbi_read(guests[0], bytes, fake_random_below(&dice, sizeof(bytes)));

			for (size_t i = 0; i < count; i++)
				assert_int_equal(bytes[i], letter(read++));
			break;
		}
		}
	}
}

static void without_input_an_sbi_read_finds_none(void **state)
{
	char bytes[4];

	(void)state;
	assert_int_equal(sbi_read(guests[0], bytes, 4), 0);
	fake_console_type("ab", 2);
	be_interrupted();
	assert_int_equal(sbi_read(guests[1], bytes, 4), 0);
	assert_int_equal(sbi_read(guests[0], bytes, 0), 0);
	assert_int_equal(sbi_read(guests[0], bytes, 4), 2);
	assert_memory_equal(bytes, "ab", 2);
}

static void input_outlives_a_reset_of_the_uart(void **state)
{
	(void)state;
	put(guests[0], FCR, 1);
	type(0, 100);
	be_interrupted();
	/* The FIFO's bytes go with the UART. */
	vuart_reset(&guests[0]->uart);
	put(guests[0], FCR, 1);
	be_interrupted();
	assert_int_equal(get(guests[0], DATA), letter(16));
	assert_int_equal(read_all(17), 100 - 17);
}

static void without_a_vm_input_is_dropped(void **state)
{
	(void)state;
	live_start_with(1, 0);
	console_init();
	fake_console_type("lost", 4);
	hw_serve_pending();
	assert_int_equal(fake_console_input_left(), 0);
}

static void without_memory_there_is_no_console(void **state)
{
	struct guest_console console;

	(void)state;
	page_fail_after(0, 1);
	assert_int_equal(console_attach(&console), STATUS_NO_MEMORY);
	page_fail_after(0, 0);
}

/* ------------------------------------------------------------------------------------------------
 * Two harts: one is interrupted by the line, the other runs the guest.
 */

#define TYPED 60000

static size_t read_so_far;
static bool also_by_sbi;

static void *typist(void *argument)
{
	size_t typed = 0;

	fake_set_hart(0);
	while (typed < TYPED) {
		/* Never more than is kept, so that the line is never left alone. */
		if (typed - __atomic_load_n(&read_so_far, __ATOMIC_ACQUIRE) < 1000) {
			type(typed, 20);
			typed += 20;
		}
		be_interrupted();
	}
	return argument;
}

static void reader(void)
{
	size_t read = 0;

	fake_set_hart(1);
	while (read < TYPED) {
		if (get(guests[0], LSR) & LSR_DATA_READY)
			assert_int_equal(get(guests[0], DATA), letter(read++));
		char byte;

		if (also_by_sbi && read % 64 == 0 && sbi_read(guests[0], &byte, 1))
			assert_int_equal(byte, letter(read++));
		if (fake_pending_ipis() >> 1 & 1) {
			hw_serve_interrupt(CAUSE_INTERRUPT | IRQ_S_SOFT);
			guest_offer_input();
		}
		__atomic_store_n(&read_so_far, read, __ATOMIC_RELEASE);
	}
}

static void input_is_neither_lost_nor_stuck_between_two_harts(void **state)
{
	pthread_t thread;

	(void)state;
	for (unsigned sbi = 0; sbi < 2; sbi++) {
		setup_guests(NULL);
		put(guests[0], FCR, 1);
		also_by_sbi = sbi;
		read_so_far = 0;
		alarm(100); /* bytes that nobody offers any more end the program */
		assert_int_equal(pthread_create(&thread, NULL, typist, NULL), 0);
		reader();
		pthread_join(thread, NULL);
		alarm(0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_guest_in_focus_writes_to_the_line, setup_guests),
		cmocka_unit_test_setup(a_line_that_is_stuck_holds_the_guest_up_and_loses_nothing,
				       setup_guests),
		cmocka_unit_test_setup(the_guest_is_interrupted_when_there_is_room_again,
				       setup_guests),
		cmocka_unit_test_setup(sbi_writes_say_how_much_fits, setup_guests),
		cmocka_unit_test_setup(an_sbi_write_does_not_strand_what_the_uart_holds,
				       setup_guests),
		cmocka_unit_test_setup(a_guest_that_is_not_looked_at_is_never_held_up,
				       setup_guests),
		cmocka_unit_test_setup(typed_bytes_reach_the_guest_in_focus, setup_guests),
		cmocka_unit_test_setup(input_waits_for_a_guest_that_does_not_read, setup_guests),
		cmocka_unit_test_setup(a_guest_that_does_not_read_is_not_offered_the_same_for_ever,
				       setup_guests),
		cmocka_unit_test_setup(input_comes_in_order_whichever_way_it_is_read, setup_guests),
		cmocka_unit_test_setup(without_input_an_sbi_read_finds_none, setup_guests),
		cmocka_unit_test_setup(input_outlives_a_reset_of_the_uart, setup_guests),
		cmocka_unit_test(without_a_vm_input_is_dropped),
		cmocka_unit_test_setup(without_memory_there_is_no_console, setup_guests),
		cmocka_unit_test(input_is_neither_lost_nor_stuck_between_two_harts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Who waits for whom on the console: floods, guests that do not read, messages, the shell, and
 * harts that come at the same time. */
#include "tests/unit/console_guests.h"

/* ------------------------------------------------------------------------------------------------
 * Floods.
 */

static void a_flood_elsewhere_costs_the_one_in_focus_nothing(void **state)
{
	size_t sent = 0;
	struct fake_random dice = {.state = 9};

	(void)state;
	put(guests[0], FCR, 1);
	fake_console_set_room(0);
	for (unsigned i = 0; i < 2000; i++) {
		for (unsigned j = 0; j < 100; j++) {
			put(guests[1], DATA, '#');
			assert_true(can_send(guests[1]));
		}
		while (can_send(guests[0]) && fake_random_below(&dice, 16))
			put(guests[0], DATA, (u8)letter(sent++));
		fake_console_set_room(fake_random_below(&dice, 40));
		be_interrupted();
	}
	fake_console_set_room(SIZE_MAX);
	be_interrupted();
	assert_int_equal(strlen(fake_console_output()), sent);
	for (size_t i = 0; i < sent; i++)
		assert_int_equal(fake_console_output()[i], letter(i));
}

/* The line takes a byte now and then, and the VM in focus has always more. */
static void the_key_works_while_a_vm_floods(void **state)
{
	unsigned turns = 0;

	(void)state;
	fake_console_set_room(0);
	while (can_send(guests[0]))
		put(guests[0], DATA, '#');
	fake_console_clear();
	fake_console_type(KEY "2", 2);
	be_interrupted();
	/* Not held up any more. */
	assert_true(can_send(guests[0]));
	assert_ptr_equal(console_focus(), guests[2]);
	while (!strstr(fake_console_output(), "[two]")) {
		fake_console_set_room(1);
		be_interrupted();
		put(guests[0], DATA, '#');
		assert_true(++turns < 40);
	}
	assert_null(strchr(fake_console_output(), '#'));
}

static void a_guest_that_reads_nothing_does_not_take_the_key(void **state)
{
	char text[RING_MAX];
	size_t left;

	(void)state;
	memset(text, 'x', sizeof(text));
	fake_console_type(text, 20000);
	fake_console_type(KEY "n", 2);
	be_interrupted();
	left = fake_console_input_left();
	assert_true(left > 10000);
	/* It has a while to read. */
	pass_ms(900);
	assert_int_equal(fake_console_input_left(), left);
	pass_ms(200);
	assert_int_equal(fake_console_input_left(), 0);
	assert_shown(BANNER("one"));
	/* One that reads a little has longer. */
	fake_console_type(text, 20000);
	for (unsigned i = 0; i < 20; i++) {
		be_interrupted();
		pass_ms(900);
		assert_int_equal(sbi_read(guests[1], text, 1), 1);
	}
	be_interrupted();
	assert_true(fake_console_input_left() > 10000);
}

/* Whoever serves the line would take an interrupt each time. */
static void a_guest_that_asks_for_input_in_vain_costs_the_line_nothing(void **state)
{
	unsigned before = fake_console_resume_count();
	char byte;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(sbi_read(guests[1], &byte, 1), 0);
	assert_int_equal(fake_console_resume_count(), before);
}

/* ------------------------------------------------------------------------------------------------
 * Messages.
 */

static void a_message_starts_a_line(void **state)
{
	(void)state;
	sbi_write(guests[0], "zero$ ");
	log_info("something");
	assert_shown("zero$ \r\nhartwood: something\r\n");
	log_info("more");
	assert_shown("hartwood: more\r\n");
}

static void a_message_does_not_cut_a_control_sequence(void **state)
{
	(void)state;
	sbi_write(guests[0], "\x1b[1;3");
	log_info("something");
	log_info("else");
	assert_shown("\x1b[1;3");
	sbi_write(guests[0], "2mtext");
	assert_shown("2m\r\nhartwood: something\r\nhartwood: else\r\ntext");
	/* But it does not wait for ever. */
	sbi_write(guests[0], "\x1b]0;");
	log_info("at last");
	assert_shown("\x1b]0;");
	pass_ms(51);
	assert_shown("\x18\r\nhartwood: at last\r\n");
}

/* A terminal may take a line feed, a BEL, or more bytes than we wait for, as part of the string;
 * and a C1 control, in UTF-8 or not, for the beginning of one. */
static void a_guest_cannot_hide_messages_in_a_string(void **state)
{
	static const char *const hiding[] = {
		"\x1b]0;title\r\n", "\x1b[1\r\n",   "\x1b]0;title\a\r\n",
		"\x1bPq\a\r\n",	    "\xc2\x90\r\n", "\x9d\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hiding); i++) {
		sbi_write(guests[0], hiding[i]);
		fake_console_clear();
		log_info("something");
		assert_shown("\x18hartwood: something\r\n");
		log_info("more");
		assert_shown("hartwood: more\r\n");
	}
	sbi_write(guests[0], "\x1bP");
	for (unsigned i = 0; i < 300; i++)
		sbi_write(guests[0], "x");
	sbi_write(guests[0], "\n");
	fake_console_clear();
	log_info("something");
	assert_shown("\x18hartwood: something\r\n");
}

static void a_message_does_not_wait_for_the_end_of_a_flood(void **state)
{
	const char *message;

	(void)state;
	fake_console_set_room(0);
	while (can_send(guests[0]))
		put(guests[0], DATA, (u8)'#');
	log_info("something");
	fake_console_set_room(SIZE_MAX);
	be_interrupted();
	message = strstr(fake_console_output(), "hartwood: something\r\n");
	assert_non_null(message);
	/* Behind what was written shortly before it, and before the rest. */
	assert_int_equal(message - fake_console_output(), 1024 + 2);
	assert_true(strlen(message) > 10000);
}

static void a_message_makes_the_shell_draw_its_line_again(void **state)
{
	(void)state;
	console_show_shell();
	pass_ms(1);
	assert_true(console_shell_take_redraw());
	console_shell_write("hartwood> vm l", 14);
	console_shell_set_editing(true);
	fake_console_clear();
	shell_steps = 0;
	log_info("something");
	assert_shown("\r\x1b[Khartwood: something\r\n");
	pass_ms(1);
	assert_true(shell_steps > 0);
	assert_true(console_shell_take_redraw());
	assert_false(console_shell_take_redraw());
}

#define MESSAGES 4000

/* More messages than are kept, while the line takes nothing. */
static void messages_that_are_lost_are_counted(void **state)
{
	unsigned long long told = 0;
	unsigned shown = 0;

	(void)state;
	sbi_write(guests[0], "a\r\n"); /* from now on messages wait for the line */
	fake_console_set_room(0);
	for (unsigned i = 0; i < MESSAGES; i++)
		log_info("message %04u", i);
	fake_console_set_room(SIZE_MAX);
	for (unsigned i = 0; i < 10; i++)
		pass_ms(1000);
	const char *loss = strstr(fake_console_output(), " bytes of messages are lost\r\n");

	assert_non_null(loss);
	while (loss[-1] != ' ')
		loss--;
	told = strtoull(loss, NULL, 10);
	for (const char *at = fake_console_output(); (at = strstr(at, "hartwood: message ")); at++)
		shown++;
	/* Each message is shown or counted. */
	assert_int_equal(shown * strlen("hartwood: message 0000\r\n") + told,
			 MESSAGES * strlen("hartwood: message 0000\r\n"));
	assert_non_null(strstr(fake_console_output(), "hartwood: message 3999\r\n"));
}

static void messages_are_not_lost_when_the_machine_goes_off(void **state)
{
	(void)state;
	sbi_write(guests[0], "a");
	fake_console_set_room(0);
	sbi_write(guests[0], "b\r\n");
	log_info("before");
	console_flush();
	log_info("after");
	assert_shown("ab\r\nhartwood: before\r\nhartwood: after\r\n");
}

static void the_shell_waits_for_room(void **state)
{
	char text[1000];

	(void)state;
	memset(text, '.', sizeof(text));
	console_show_shell();
	pass_ms(1);
	fake_console_set_room(0);
	while (console_shell_has_room(sizeof(text)))
		console_shell_write(text, sizeof(text));
	shell_steps = 0;
	pass_ms(1000);
	assert_int_equal(shell_steps, 0);
	fake_console_set_room(10);
	pass_ms(1);
	fake_console_set_room(2000);
	pass_ms(1);
	assert_int_equal(shell_steps, 1);
	assert_true(console_shell_has_room(sizeof(text)));
}

/* ------------------------------------------------------------------------------------------------
 * Anything.
 */

static void nothing_typed_or_written_does_harm(void **state)
{
	static const char keys[] = KEY KEY KEY KEY "nps:al?019";
	struct fake_random dice = {.state = 23};
	u8 bytes[64];

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		char byte = (char)fake_random_next(&dice);

		if (fake_random_below(&dice, 2))
			byte = keys[fake_random_below(&dice, sizeof(keys) - 1)];
		if (fake_random_below(&dice, 2) && fake_console_input_left() < 1000)
			fake_console_type(&byte, 1);
		else
			put(guests[fake_random_below(&dice, 3)], DATA, (u8)byte);
		if (!fake_random_below(&dice, 4))
			be_interrupted_once();
		if (!fake_random_below(&dice, 16))
			fake_console_set_room(fake_random_below(&dice, 300));
		if (!fake_random_below(&dice, 50))
			pass_ms(fake_random_below(&dice, 400));
		if (!fake_random_below(&dice, 100))
			log_info("message %u", i);
		if (!fake_random_below(&dice, 20)) {
			console_shell_read(bytes, sizeof(bytes));
			sbi_read(guests[fake_random_below(&dice, 3)], (char *)bytes, sizeof(bytes));
		}
		if (strlen(fake_console_output()) > 500000)
			fake_console_clear();
	}
}

/* ------------------------------------------------------------------------------------------------
 * Three harts: one serves the line, one runs guests, one does work.
 */

#define ROUNDS 3000

static void *serve_the_line(void *argument)
{
	static const char keys[] = KEY KEY KEY KEY KEY "nps:al019xyz";
	struct fake_random dice = {.state = 41};

	fake_set_hart(0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		char byte = keys[fake_random_below(&dice, sizeof(keys) - 1)];

		if (fake_console_input_left() < 1000)
			fake_console_type(&byte, 1);
		if (!fake_random_below(&dice, 8))
			fake_console_set_room(fake_random_below(&dice, 300));
		if (!fake_random_below(&dice, 50))
			log_info("message %u", i);
		be_interrupted_once();
		fake_advance_time(1000);
	}
	return argument;
}

static void *run_guests(void *argument)
{
	char bytes[16];

	fake_set_hart(1);
	for (unsigned i = 0; i < ROUNDS; i++) {
		for (unsigned j = 0; j < 3; j++) {
			put(guests[j], DATA, (u8)letter(i));
			sbi_write(guests[j], i % 16 ? "x" : "\r\n");
			get(guests[j], DATA);
			sbi_read(guests[j], bytes, sizeof(bytes));
		}
		guest_offer_input();
	}
	return argument;
}

static void *do_the_work(void *argument)
{
	u8 bytes[16];

	fake_set_hart(2);
	for (unsigned i = 0; i < ROUNDS; i++) {
		work_do(pcpu_this(), false);
		console_shell_read(bytes, sizeof(bytes));
		if (console_shell_has_room(20))
			console_shell_write("said by the shell\r\n", 19);
		if (i % 64 == 0)
			assert_int_equal(console_show(guests[i / 64 % 3]), STATUS_OK);
		if (i % 256 == 0)
			console_show_shell();
	}
	return argument;
}

static void harts_do_not_get_in_each_others_way(void **state)
{
	static void *(*const parts[])(void *) = {serve_the_line, run_guests, do_the_work};
	pthread_t threads[3];

	(void)state;
	start_machine(3);
	for (unsigned i = 0; i < 3; i++)
		make_guest(i, "guest");
	work_init(&shell_work, shell_step);
	console_set_shell(&shell_work);
	alarm(100);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, parts[i], NULL), 0);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	alarm(0);
	/* The line moves again, and all comes to rest. */
	fake_console_set_room(SIZE_MAX);
	pass_ms(2000);
	fake_console_clear();
	assert_int_equal(console_show(guests[1]), STATUS_OK);
	pass_ms(10);
	fake_console_clear();
	sbi_write(guests[1], "alive");
	assert_shown("alive");
	assert_true(can_send(guests[0]) && can_send(guests[1]) && can_send(guests[2]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_flood_elsewhere_costs_the_one_in_focus_nothing,
				       setup_with_shell),
		cmocka_unit_test_setup(the_key_works_while_a_vm_floods, setup_with_shell),
		cmocka_unit_test_setup(a_guest_that_reads_nothing_does_not_take_the_key,
				       setup_with_shell),
		cmocka_unit_test_setup(a_guest_that_asks_for_input_in_vain_costs_the_line_nothing,
				       setup_with_shell),
		cmocka_unit_test_setup(a_message_starts_a_line, setup_with_shell),
		cmocka_unit_test_setup(a_message_does_not_cut_a_control_sequence, setup_with_shell),
		cmocka_unit_test_setup(a_guest_cannot_hide_messages_in_a_string, setup_with_shell),
		cmocka_unit_test_setup(a_message_does_not_wait_for_the_end_of_a_flood,
				       setup_with_shell),
		cmocka_unit_test_setup(a_message_makes_the_shell_draw_its_line_again,
				       setup_with_shell),
		cmocka_unit_test_setup(messages_that_are_lost_are_counted, setup_guests),
		cmocka_unit_test_setup(messages_are_not_lost_when_the_machine_goes_off,
				       setup_with_shell),
		cmocka_unit_test_setup(the_shell_waits_for_room, setup_with_shell),
		cmocka_unit_test(harts_do_not_get_in_each_others_way),
		cmocka_unit_test_setup(nothing_typed_or_written_does_harm, setup_with_shell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

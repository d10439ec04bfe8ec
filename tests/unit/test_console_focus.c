/* SPDX-License-Identifier: BSD-2-Clause */
/* One line for several VMs: the escape key and what it does, what is shown when the focus changes,
 * and who waits for whom. */
#include "tests/unit/console_guests.h"

static struct work shell_work;
static unsigned shell_steps;

static bool shell_step(struct work *work)
{
	(void)work;
	shell_steps++;
	return false;
}

static int setup_with_shell(void **state)
{
	setup_guests(state);
	shell_steps = 0;
	work_init(&shell_work, shell_step);
	console_set_shell(&shell_work);
	return 0;
}

static void read_by_sbi(struct guest *guest, char *bytes, size_t size)
{
	size_t count = sbi_read(guest, bytes, size - 1);

	bytes[count] = '\0';
}

static void assert_read(struct guest *guest, const char *text)
{
	char bytes[300];

	read_by_sbi(guest, bytes, sizeof(bytes));
	assert_string_equal(bytes, text);
}

/* ------------------------------------------------------------------------------------------------
 * Keys.
 */

static void every_byte_but_the_key_passes_untouched(void **state)
{
	char bytes[256], read[300];

	(void)state;
	for (unsigned i = 0; i < 256; i++)
		bytes[i] = (char)i;
	/* Out: the key too. */
	for (unsigned i = 0; i < 256; i++)
		put(guests[0], DATA, (u8)i);
	assert_memory_equal(fake_console_output(), bytes, 256);
	fake_console_type(bytes, 0x1d);
	fake_console_type(bytes + 0x1e, 256 - 0x1e);
	be_interrupted();
	assert_int_equal(sbi_read(guests[0], read, sizeof(read)), 255);
	assert_memory_equal(read, bytes, 0x1d);
	assert_memory_equal(read + 0x1d, bytes + 0x1e, 256 - 0x1e);
}

static void the_key_twice_is_the_key(void **state)
{
	(void)state;
	press("a" KEY KEY "n" KEY KEY);
	assert_read(guests[0], "a" KEY "n" KEY);
	assert_shown("");
}

static void the_key_can_be_another_or_none(void **state)
{
	(void)state;
	console_set_escape(1);
	press(KEY "n\x01n");
	assert_read(guests[0], KEY "n");
	assert_shown(BANNER("one"));
	console_set_escape(0);
	press(KEY "p\x01p\x01\x01");
	assert_read(guests[1], KEY "p\x01p\x01\x01");
}

static void keys_change_the_focus(void **state)
{
	(void)state;
	press(KEY "n");
	assert_shown(BANNER("one"));
	press(KEY "nx");
	assert_shown(BANNER("two"));
	assert_read(guests[2], "x");
	press(KEY "n");
	assert_shown(BANNER("zero"));
	press(KEY "p");
	assert_shown(BANNER("two"));
	press(KEY "p");
	assert_shown(BANNER("one"));
	press(KEY "0");
	assert_shown(BANNER("zero"));
	press(KEY "2");
	assert_shown(BANNER("two"));
	press(KEY "2");
	assert_shown(BANNER("it is in focus already"));
	press(KEY "7");
	assert_shown(BANNER("there is no such VM"));
	press(KEY "z");
	assert_shown(BANNER("no such key here; ? for help"));
	press(KEY "?");
	assert_non_null(strstr(fake_console_output(), "n next, p previous"));
	assert_true(strlen(fake_console_output()) < 80 + strlen(BANNER("")));
	assert_ptr_equal(console_focus(), guests[2]);
	assert_read(guests[0], "");
	assert_read(guests[1], "");
}

/* The bytes of one chunk may be for several. */
static void keys_count_from_where_they_are(void **state)
{
	(void)state;
	fake_console_type("ab" KEY "ncd" KEY "2ef" KEY "0gh", 15);
	be_interrupted();
	assert_read(guests[0], "abgh");
	assert_read(guests[1], "cd");
	assert_read(guests[2], "ef");
}

static void the_shell_is_behind_a_key(void **state)
{
	u8 bytes[8];

	(void)state;
	assert_true(guest_all_off());
	press(KEY "s");
	assert_shown(BANNER("shell"));
	assert_false(guest_all_off());
	assert_true(console_shell_take_redraw());
	assert_false(console_shell_take_colon());
	press("vm\r");
	assert_int_equal(console_shell_read(bytes, sizeof(bytes)), 3);
	assert_memory_equal(bytes, "vm\r", 3);
	shell_steps = 0;
	work_do(pcpu_this(), false);
	assert_int_equal(shell_steps, 1);
	console_shell_write("hello\r\n", 7);
	assert_shown("hello\r\n");
	/* Back to where one came from. */
	press(KEY "n");
	assert_shown(BANNER("zero"));
	assert_true(guest_all_off());
	console_shell_write("later\r\n", 7);
	assert_shown("");
	press(KEY ":");
	assert_shown(BANNER("shell") "later\r\n");
	assert_true(console_shell_take_colon());
	press(KEY "p");
	assert_shown(BANNER("zero"));
}

static void without_a_vm_there_is_the_shell(void **state)
{
	(void)state;
	start_machine(1);
	press(KEY "s");
	assert_shown(BANNER("no such key here; ? for help"));
	work_init(&shell_work, shell_step);
	console_set_shell(&shell_work);
	press(KEY "n" KEY "a" KEY "1" KEY "l");
	fake_console_clear();
	console_show_shell();
	assert_shown(BANNER("shell"));
	assert_int_equal(console_show(NULL), STATUS_NOT_FOUND);
	assert_int_equal(console_show_all(), STATUS_NOT_FOUND);
	press(KEY "n");
	assert_shown(BANNER("there is no such VM"));
	assert_null(console_focus());
}

static void the_first_vm_that_starts_by_itself_is_in_focus(void **state)
{
	struct guest_config config = {
		.name = "auto",
		.vcpu_count = 1,
		.memory_size = MIB(8),
		.limits.shares = 100,
		.autostart = true,
		.loader = QUICK_LOADER,
	};
	struct guest *guest;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(console_attach(&config.console), STATUS_OK);
		assert_int_equal(guest_create(&config, &guest), STATUS_OK);
		console_connect(&config.console, guest);
	}
	assert_int_equal(console_focus()->vm.id, 3);
}

/* ------------------------------------------------------------------------------------------------
 * What was missed.
 */

static void what_was_missed_is_shown_first(void **state)
{
	(void)state;
	sbi_write(guests[0], "zero$ ");
	sbi_write(guests[1], "one\r\none$ ");
	assert_shown("zero$ ");
	press(KEY "n");
	/* The banner starts a line of its own. */
	assert_shown("\x1b[0m\r\n\x1b[2m[one]\x1b[0m\r\none\r\none$ ");
	sbi_write(guests[0], "more");
	sbi_write(guests[1], "!\r\n");
	assert_shown("!\r\n");
	assert_int_equal(console_show(guests[0]), STATUS_OK);
	assert_shown(BANNER("zero") "more");
	press(KEY "n");
	assert_shown("\x1b[0m\r\n\x1b[2m[one]\x1b[0m\r\n");
}

static void what_the_ring_has_lost_is_counted(void **state)
{
	char line[32];
	unsigned lost, first = 0;

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(line, sizeof(line), "line %04u.\r\n", i);
		sbi_write(guests[1], line);
	}
	press(KEY "n");
	const char *shown = fake_console_output();

	assert_int_equal(sscanf(shown, BANNER("one") "\x1b[2m[%u bytes are lost]", &lost), 1);
	shown = strchr(strchr(shown, '\n') + 1, '\n') + 1;
	/* From the start of a line to the end, all that the ring holds. */
	assert_int_equal(sscanf(shown, "line %04u.", &first), 1);
	assert_int_equal(lost, first * 12);
	assert_in_range(strlen(shown), KIB(16) - 12, KIB(16));
	for (unsigned i = first; i < 5000; i++, shown += 12)
		assert_int_equal(atoi(shown + 5), i);
	assert_string_equal(shown, "");
}

static void the_log_of_a_vm_can_be_seen_again(void **state)
{
	(void)state;
	sbi_write(guests[0], "one\r\ntwo\r\n");
	press(KEY "n" KEY "p");
	fake_console_clear();
	press(KEY "l");
	assert_shown(BANNER("its log") "one\r\ntwo\r\n");
}

static void replay_is_cut_into_pieces(void **state)
{
	size_t before = 0, total = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		sbi_write(guests[1], "0123456789abcde\n");
	fake_console_type(KEY "n", 2);
	do {
		be_interrupted_once();
		total = strlen(fake_console_output());
		assert_true(total - before <= 4096);
		before = total;
	} while (fake_console_is_pending());
	assert_int_equal(total, strlen(BANNER("one")) + 16000);
}

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_byte_but_the_key_passes_untouched, setup_with_shell),
		cmocka_unit_test_setup(the_key_twice_is_the_key, setup_with_shell),
		cmocka_unit_test_setup(the_key_can_be_another_or_none, setup_with_shell),
		cmocka_unit_test_setup(keys_change_the_focus, setup_with_shell),
		cmocka_unit_test_setup(keys_count_from_where_they_are, setup_with_shell),
		cmocka_unit_test_setup(the_shell_is_behind_a_key, setup_with_shell),
		cmocka_unit_test(without_a_vm_there_is_the_shell),
		cmocka_unit_test_setup(the_first_vm_that_starts_by_itself_is_in_focus,
				       setup_with_shell),
		cmocka_unit_test_setup(what_was_missed_is_shown_first, setup_with_shell),
		cmocka_unit_test_setup(what_the_ring_has_lost_is_counted, setup_with_shell),
		cmocka_unit_test_setup(the_log_of_a_vm_can_be_seen_again, setup_with_shell),
		cmocka_unit_test_setup(replay_is_cut_into_pieces, setup_with_shell),
		cmocka_unit_test_setup(a_flood_elsewhere_costs_the_one_in_focus_nothing,
				       setup_with_shell),
		cmocka_unit_test_setup(the_key_works_while_a_vm_floods, setup_with_shell),
		cmocka_unit_test_setup(a_guest_that_reads_nothing_does_not_take_the_key,
				       setup_with_shell),
		cmocka_unit_test_setup(a_message_starts_a_line, setup_with_shell),
		cmocka_unit_test_setup(a_message_does_not_cut_a_control_sequence, setup_with_shell),
		cmocka_unit_test_setup(a_message_does_not_wait_for_the_end_of_a_flood,
				       setup_with_shell),
		cmocka_unit_test_setup(a_message_makes_the_shell_draw_its_line_again,
				       setup_with_shell),
		cmocka_unit_test_setup(messages_are_not_lost_when_the_machine_goes_off,
				       setup_with_shell),
		cmocka_unit_test_setup(the_shell_waits_for_room, setup_with_shell),
		cmocka_unit_test_setup(nothing_typed_or_written_does_harm, setup_with_shell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

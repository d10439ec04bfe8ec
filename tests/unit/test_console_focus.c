/* SPDX-License-Identifier: BSD-2-Clause */
/* One line for several VMs: the escape key and what it does, and what is shown when the
 * focus changes. */
#include "tests/unit/console_guests.h"

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
		assert_true(total - before <= 1024 + 256);
		before = total;
	} while (fake_console_is_pending());
	assert_int_equal(total, strlen(BANNER("one")) + 16000);
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

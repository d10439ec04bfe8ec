/* SPDX-License-Identifier: BSD-2-Clause */
/* The view of all VMs: whole lines with names, of everyone in turn. */
#include "tests/unit/console_guests.h"

static int setup_all(void **state)
{
	setup_guests(state);
	press(KEY "a");
	assert_shown(BANNER("all VMs"));
	return 0;
}

#define ZERO "\x1b[32mzero |\x1b[0m "
#define ONE  "\x1b[36mone  |\x1b[0m "
#define TWO  "\x1b[33mtwo  |\x1b[0m "

static void lines_of_all_are_shown_whole(void **state)
{
	(void)state;
	sbi_write(guests[1], "hel");
	sbi_write(guests[2], "I am two\r\n");
	sbi_write(guests[0], "and I zero\n");
	sbi_write(guests[1], "lo\r\n\r\nwor");
	assert_shown(TWO "I am two\r\n" ZERO "and I zero\r\n" ONE "hello\r\n" ONE "\r\n");
	sbi_write(guests[1], "ld\r\n");
	assert_shown(ONE "world\r\n");
}

static void what_was_written_before_is_shown_too(void **state)
{
	(void)state;
	setup_guests(NULL);
	sbi_write(guests[1], "before\r\n");
	assert_int_equal(console_show_all(), STATUS_OK);
	assert_shown(BANNER("all VMs") ONE "before\r\n");
}

static void a_beginning_is_shown_after_a_while(void **state)
{
	(void)state;
	sbi_write(guests[0], "login: ");
	pass_ms(100);
	sbi_write(guests[1], "$ ");
	pass_ms(150);
	assert_shown("");
	pass_ms(60);
	assert_shown(ZERO "login: \r\n");
	pass_ms(100);
	assert_shown(ONE "$ \r\n");
	sbi_write(guests[0], "root\r\n");
	assert_shown(ZERO "root\r\n");
	/* And that was all. */
	pass_ms(1000);
	assert_shown("");
}

static void guests_cannot_disturb_the_view(void **state)
{
	(void)state;
	sbi_write(guests[0], "\x1b[2J\x1b[Htop\x1b[K \x1b[31mred\r\n");
	assert_shown(ZERO "top \x1b[31mred\x1b[0m\r\n");
	sbi_write(guests[0], "\x1b]0;no end");
	sbi_write(guests[1], "fine\r\n");
	assert_shown(ONE "fine\r\n");
}

static void a_long_line_comes_in_pieces(void **state)
{
	unsigned count = 0, line_count = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		sbi_write(guests[0], "x");
	pass_ms(301);
	for (const char *c = fake_console_output(); *c; c++) {
		count += *c == 'x';
		line_count += *c == '\n';
	}
	assert_int_equal(count, 1000);
	assert_in_range(line_count, 4, 6);
}

static void input_goes_to_the_one_in_focus(void **state)
{
	char bytes[8];

	(void)state;
	press("abc");
	assert_int_equal(sbi_read(guests[0], bytes, sizeof(bytes)), 3);
	/* Leaving it for another. */
	press(KEY "2");
	assert_shown(BANNER("two"));
	press(KEY "a" KEY "a");
	assert_shown(BANNER("all VMs") BANNER("two"));
}

static void an_unfinished_line_goes_back(void **state)
{
	(void)state;
	sbi_write(guests[0], "done\r\n\x1b[1mlogin: ");
	sbi_write(guests[1], "$ ");
	assert_shown(ZERO "done\r\n");
	press(KEY "a");
	/* Raw again, from where the line began. */
	assert_shown(BANNER("zero") "\x1b[1mlogin: ");
	press(KEY "n");
	assert_shown("\x1b[0m\r\n\x1b[2m[one]\x1b[0m\r\n$ ");
}

static void names_are_cut_and_filled(void **state)
{
	(void)state;
	setup_guests(NULL);
	make_guest(3, "a-name-of-thirty-one-letters-xx");
	make_guest(4, "sixteen-letters-");
	press(KEY "a");
	fake_console_clear();
	sbi_write(guests[3], "x\n");
	sbi_write(guests[4], "y\n");
	sbi_write(guests[0], "z\n");
	assert_shown("\x1b[35ma-name-of-thirt~ |\x1b[0m x\r\n"
		     "\x1b[34msixteen-letters- |\x1b[0m y\r\n"
		     "\x1b[32mzero             |\x1b[0m z\r\n");
}

static void colours_are_distinct(void **state)
{
	char seen[32][16];

	(void)state;
	start_machine(1);
	for (unsigned i = 0; i < 32; i++) {
		char name[8];

		snprintf(name, sizeof(name), "vm%u", i);
		make_guest(i, name);
	}
	press(KEY "a");
	for (unsigned i = 0; i < 32; i++) {
		fake_console_clear();
		sbi_write(guests[i], "x\n");
		memset(seen[i], 0, sizeof(seen[i]));
		memcpy(seen[i], fake_console_output(),
		       (size_t)(strchr(fake_console_output(), 'm') - fake_console_output()));
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(seen[i], seen[j]);
	}
}

/* The line takes little, one VM writes without end, the others now and then. */
static void a_flood_drowns_nobody(void **state)
{
	unsigned seen = 0, lost_lines = 0;
	const char *line;

	(void)state;
	fake_console_set_room(0);
	for (unsigned i = 0; i < 200; i++) {
		char text[32];

		for (unsigned j = 0; j < 400; j++) {
			put(guests[0], DATA, j % 40 == 39 ? '\n' : '#');
			assert_true(can_send(guests[0]));
		}
		if (i % 10 == 0) {
			snprintf(text, sizeof(text), "line %u\r\n", i / 10);
			sbi_write(guests[1], text);
		}
		fake_console_set_room(100);
		be_interrupted();
	}
	fake_console_set_room(SIZE_MAX);
	be_interrupted();
	pass_ms(400);
	for (line = fake_console_output(); *line; line = strchr(line, '\n') + 1) {
		unsigned number;

		assert_true(!strncmp(line, ZERO, strlen(ZERO)) || !strncmp(line, ONE, strlen(ONE)));
		lost_lines += !strncmp(line, ZERO "\x1b[2m[", strlen(ZERO) + 5);
		if (sscanf(line, ONE "line %u", &number) == 1)
			assert_int_equal(number, seen++);
	}
	assert_int_equal(seen, 20);
	assert_true(lost_lines > 0);
}

static void messages_come_between_lines(void **state)
{
	(void)state;
	sbi_write(guests[0], "zero");
	log_info("something");
	sbi_write(guests[0], "\r\n");
	assert_shown("hartwood: something\r\n" ZERO "zero\r\n");
}

static void nobody_waits(void **state)
{
	(void)state;
	fake_console_set_room(0);
	for (unsigned i = 0; i < 50000; i++) {
		put(guests[0], DATA, '#');
		assert_true(can_send(guests[0]));
	}
}

static void each_interrupt_does_a_bounded_part(void **state)
{
	size_t before = 0, total;

	(void)state;
	setup_guests(NULL);
	/* Hard to digest: hardly anything of it is shown. */
	for (unsigned i = 0; i < 3; i++)
		for (unsigned j = 0; j < 4000; j++)
			sbi_write(guests[i], "\x1b[1;1H");
	fake_console_clear();
	fake_console_type(KEY "a", 2);
	u64 pending = 0;
	do {
		be_interrupted_once();
		total = strlen(fake_console_output());
		assert_true(total - before <= 1024 + 256);
		before = total;
		pending++;
	} while (fake_console_is_pending());
	assert_true(pending > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(lines_of_all_are_shown_whole, setup_all),
		cmocka_unit_test_setup(what_was_written_before_is_shown_too, setup_all),
		cmocka_unit_test_setup(a_beginning_is_shown_after_a_while, setup_all),
		cmocka_unit_test_setup(guests_cannot_disturb_the_view, setup_all),
		cmocka_unit_test_setup(a_long_line_comes_in_pieces, setup_all),
		cmocka_unit_test_setup(input_goes_to_the_one_in_focus, setup_all),
		cmocka_unit_test_setup(an_unfinished_line_goes_back, setup_all),
		cmocka_unit_test_setup(names_are_cut_and_filled, setup_all),
		cmocka_unit_test_setup(colours_are_distinct, setup_all),
		cmocka_unit_test_setup(a_flood_drowns_nobody, setup_all),
		cmocka_unit_test_setup(messages_come_between_lines, setup_all),
		cmocka_unit_test_setup(nobody_waits, setup_all),
		cmocka_unit_test_setup(each_interrupt_does_a_bounded_part, setup_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The line editor: what the keys do to the text, and that the screen shows it, whatever is typed.
 */
#include "tests/fake/fake_random.h"
#include "tests/unit/line_screen.h"

/* ------------------------------------------------------------------------------------------------
 * Typing.
 */

static const char *const *words;

static const char *candidate(void *context, const char *text, size_t word, unsigned index,
			     char *buffer, size_t size)
{
	(void)context;
	(void)text;
	(void)word;
	if (!words || !words[index])
		return NULL;
	snprintf(buffer, size, "%s", words[index]);
	return buffer;
}

static const struct line_edit_ops ops = {screen_write, candidate, &screen};

static int setup(void **state)
{
	(void)state;
	memset(&screen, 0, sizeof(screen));
	memset(screen.line, ' ', COLUMNS);
	words = NULL;
	line_edit_init(&edit, &ops, PROMPT);
	line_edit_start(&edit, "");
	return 0;
}

static enum line_event feed(const char *keys)
{
	enum line_event event = LINE_EDITING;

	for (const char *key = keys; *key; key++)
		event = line_edit_feed(&edit, (u8)*key);
	return event;
}

static void assert_typed(const char *keys, const char *text, size_t cursor)
{
	setup(NULL);
	assert_int_equal(feed(keys), LINE_EDITING);
	assert_string_equal(edit.text, text);
	assert_int_equal(edit.cursor, cursor);
	assert_screen_is_right();
}

#define UP    "\x1b[A"
#define DOWN  "\x1b[B"
#define RIGHT "\x1b[C"
#define LEFT  "\x1b[D"

static void keys_do_what_they_say(void **state)
{
	(void)state;
	assert_typed("vm list", "vm list", 7);
	assert_typed("ac" LEFT "b", "abc", 2);
	assert_typed("abc\x01X", "Xabc", 1);
	assert_typed("abc\x01\x05X", "abcX", 4);
	assert_typed("abc\x02\x02\x02\x02X", "Xabc", 1);
	assert_typed("abc\x01\x06X", "aXbc", 2);
	assert_typed("abc\x06X", "abcX", 4);
	assert_typed("abc\x7f\x08X", "aX", 2);
	assert_typed("\x7f\x08", "", 0);
	assert_typed("abc\x01\x04", "bc", 0);
	assert_typed("abc\x04", "abc", 3);
	assert_typed("abc\x01\x1b[3~", "bc", 0);
	assert_typed("one two\x02\x0b", "one tw", 6);
	assert_typed("one two\x02\x15", "o", 0);
	assert_typed("one two  \x17", "one ", 4);
	assert_typed("one two\x17\x17\x17", "", 0);
	assert_typed("one two\x17\x19\x19", "one twotwo", 10);
	assert_typed("abc\x19", "abc", 3);
}

static void special_keys_come_in_all_their_spellings(void **state)
{
	(void)state;
	assert_typed("abc\x1b[HX", "Xabc", 1);
	assert_typed("abc\x1bOHX", "Xabc", 1);
	assert_typed("abc\x1b[1~X", "Xabc", 1);
	assert_typed("abc\x1b[7~X", "Xabc", 1);
	assert_typed("abc\x01\x1b[FX", "abcX", 4);
	assert_typed("abc\x01\x1bOFX", "abcX", 4);
	assert_typed("abc\x01\x1b[4~X", "abcX", 4);
	assert_typed("abc\x1bODX", "abXc", 3);
	assert_typed("abc\x1b[1;5DX", "abXc", 3);
	assert_typed("abc\x1b[3;5~", "abc", 3);
	/* Keys that we have no use for leave nothing behind. */
	assert_typed("a\x1b[15~b\x1b[200~c\x1b[24;2~d\x1bxe\x1b[<0;1;1Mf", "abcdef", 6);
	/* An escape key that nothing follows does not take the next line. */
	assert_typed("ab\x1b\x01X", "Xab", 1);
	assert_typed("ab\x1b[\x01X", "Xab", 1);
	assert_typed("ab\x1b[1\x1b[DX", "aXb", 2);
}

static void a_line_is_done_once(void **state)
{
	(void)state;
	assert_int_equal(feed("help"), LINE_EDITING);
	assert_int_equal(feed("\r"), LINE_DONE);
	assert_string_equal(edit.text, "help");
	assert_string_equal(screen.above, PROMPT "help\n");
	line_edit_start(&edit, "");
	/* Terminals send a return; what sends a line feed with it means one line. */
	assert_int_equal(feed("\n"), LINE_EDITING);
	assert_int_equal(feed("\n"), LINE_DONE);
}

static void the_keys_that_leave(void **state)
{
	(void)state;
	assert_int_equal(feed("abc\x03"), LINE_EDITING);
	assert_string_equal(edit.text, "");
	assert_string_equal(screen.above, PROMPT "abc^C\n");
	assert_screen_is_right();
	assert_int_equal(feed("\x04"), LINE_LEFT);
}

static void the_screen_can_be_cleared_and_drawn_again(void **state)
{
	(void)state;
	feed("abc\x02\x0c");
	assert_int_equal(screen.clear_count, 1);
	assert_screen_is_right();
	memset(screen.line, ' ', COLUMNS);
	screen.column = 17;
	line_edit_redraw(&edit);
	assert_screen_is_right();
}

static void a_line_may_be_longer_than_the_screen(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LINE_EDIT_MAX + 50; i++) {
		line_edit_feed(&edit, (u8)('a' + i % 26));
		assert_screen_is_right();
	}
	assert_int_equal(edit.length, LINE_EDIT_MAX);
	for (unsigned i = 0; i < LINE_EDIT_MAX; i++) {
		feed(LEFT);
		assert_int_equal(edit.text[i], 'a' + i % 26);
		assert_screen_is_right();
	}
	assert_int_equal(edit.cursor, 0);
	assert_int_equal(screen.line_count, 0);
	/* Whatever its length when it is given up. */
	for (unsigned length = 60; length < 90; length++) {
		setup(NULL);
		for (unsigned i = 0; i < length; i++)
			feed("x");
		feed("\x03");
		assert_int_equal(screen.line_count, 1);
		assert_screen_is_right();
	}
}

/* ------------------------------------------------------------------------------------------------
 * History.
 */

static void enter(const char *line)
{
	feed(line);
	assert_int_equal(feed("\r"), LINE_DONE);
	line_edit_start(&edit, "");
}

static void lines_are_remembered(void **state)
{
	(void)state;
	enter("one");
	enter("two");
	enter("two");
	enter("");
	feed("thr" UP);
	assert_string_equal(edit.text, "two");
	feed("\x10");
	assert_string_equal(edit.text, "one");
	feed(UP UP);
	assert_string_equal(edit.text, "one");
	feed(DOWN "\x0e");
	/* The line that was not finished is still there. */
	assert_string_equal(edit.text, "thr");
	feed(DOWN);
	assert_string_equal(edit.text, "thr");
	assert_screen_is_right();
	/* What is changed of an old line is a new one. */
	feed(UP "!");
	assert_int_equal(feed("\r"), LINE_DONE);
	line_edit_start(&edit, "");
	feed(UP);
	assert_string_equal(edit.text, "two!");
	feed(UP);
	assert_string_equal(edit.text, "two");
}

static void the_oldest_lines_are_forgotten(void **state)
{
	char line[16];

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		snprintf(line, sizeof(line), "line %u", i);
		enter(line);
	}
	for (unsigned i = 0; i < 50; i++)
		feed(UP);
	snprintf(line, sizeof(line), "line %u", 100 - LINE_EDIT_HISTORY);
	assert_string_equal(edit.text, line);
}

/* ------------------------------------------------------------------------------------------------
 * Completion.
 */

static void a_word_is_completed(void **state)
{
	static const char *const commands[] = {"vm", "vcpu", "version", "console", NULL};

	(void)state;
	words = commands;
	feed("con\t");
	assert_string_equal(edit.text, "console ");
	feed("\x15ver\t");
	assert_string_equal(edit.text, "version ");
	feed("\x15x\t");
	assert_string_equal(edit.text, "x");
	/* In the middle of a line. */
	feed("\x15 rest\x01vers\t");
	assert_string_equal(edit.text, "version  rest");
	assert_int_equal(edit.cursor, 8);
	assert_string_equal(screen.above, "");
	assert_screen_is_right();
}

static void what_is_ambiguous_is_listed(void **state)
{
	static const char *const commands[] = {"start", "stop", "state", "list", NULL};

	(void)state;
	words = commands;
	feed("s\t");
	assert_string_equal(edit.text, "st");
	assert_string_equal(screen.above, "");
	feed("\t");
	assert_string_equal(edit.text, "st");
	assert_string_equal(screen.above, PROMPT "st\nstart  stop   state\n");
	assert_screen_is_right();
	feed("a\t");
	assert_string_equal(edit.text, "sta");
	feed("r\t");
	assert_string_equal(edit.text, "start ");
}

static void a_long_list_is_cut(void **state)
{
	static char names[201][40];
	static const char *list[201];

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		snprintf(names[i], sizeof(names[i]), "a-name-of-thirty-one-letters-%02x", i);
		list[i] = names[i];
	}
	words = list;
	feed("a-name-of-thirty-one-letters-\t");
	assert_true(screen.line_count <= LINE_EDIT_LIST_MAX + 2);
	assert_non_null(strstr(screen.above, "\n... and 168 more\n"));
	assert_screen_is_right();
}

/* ------------------------------------------------------------------------------------------------
 * Anything.
 */

static void no_byte_does_harm(void **state)
{
	static const char *const commands[] = {"a", "ab", "abc", "\x1b[A", NULL};
	static const char keys[] = "ab \t\x1b[ABCD3~\x01\x05\x0b\x15\x19\x10\x0e";
	struct fake_random dice = {.state = 11};

	(void)state;
	words = commands;
	for (unsigned i = 0; i < 100000; i++) {
		u8 byte = (u8)fake_random_next(&dice);

		/* Keys that do something come more often than others. */
		if (fake_random_below(&dice, 3) == 0)
			byte = (u8)keys[fake_random_below(&dice, sizeof(keys) - 1)];
		if (line_edit_feed(&edit, byte) != LINE_EDITING)
			line_edit_start(&edit, "");
		if (edit.key_state == 0)
			assert_screen_is_right();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_do_what_they_say),
		cmocka_unit_test(special_keys_come_in_all_their_spellings),
		cmocka_unit_test_setup(a_line_is_done_once, setup),
		cmocka_unit_test_setup(the_keys_that_leave, setup),
		cmocka_unit_test_setup(the_screen_can_be_cleared_and_drawn_again, setup),
		cmocka_unit_test_setup(a_line_may_be_longer_than_the_screen, setup),
		cmocka_unit_test_setup(lines_are_remembered, setup),
		cmocka_unit_test_setup(the_oldest_lines_are_forgotten, setup),
		cmocka_unit_test_setup(a_word_is_completed, setup),
		cmocka_unit_test_setup(what_is_ambiguous_is_listed, setup),
		cmocka_unit_test_setup(a_long_list_is_cut, setup),
		cmocka_unit_test_setup(no_byte_does_harm, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

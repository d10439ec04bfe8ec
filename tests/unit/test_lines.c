/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines out of guests' bytes: nothing that moves the cursor or changes the terminal gets through,
 * and nothing else is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "hyp/ui/lines.h"
#include "tests/fake/fake_random.h"

static struct lines lines;
static char made[4096]; /* the lines, each with "|" behind it; then what is left */

static const char *make(const char *bytes, size_t length)
{
	size_t at = 0;

	memset(&lines, 0, sizeof(lines));
	for (size_t i = 0; i < length; i++) {
		if (!lines_feed(&lines, (u8)bytes[i]))
			continue;
		assert_true(at + lines.length + 1 < sizeof(made));
		memcpy(made + at, lines.text, lines.length);
		at += lines.length;
		made[at++] = '|';
	}
	if (lines_is_partial(&lines)) {
		memcpy(made + at, lines.text, lines.length);
		at += lines.length;
	}
	made[at] = '\0';
	return made;
}

#define assert_made(bytes, text) assert_string_equal(make((bytes), sizeof(bytes) - 1), (text))

static void lines_end_in_many_ways(void **state)
{
	(void)state;
	assert_made("one\r\ntwo\n", "one|two|");
	assert_made("one\r\r\ntwo\n\n\nthree\r\n\r\n", "one|two|||three||");
	assert_made("10%\r20%\r30%\r\ndone", "10%|20%|30%|done");
	assert_made("\r\n", "|");
	assert_made("\r\rx", "x");
}

static void what_moves_the_cursor_is_left_out(void **state)
{
	(void)state;
	assert_made("a\x1b[2J\x1b[1;1Hb\x1b[K\x1b[10Cc\x1b[?25l\x1b[?1049hd\n", "abcd|");
	assert_made("a\x1b"
		    "cb\x1b(Bc\x1b#8d\x1b=e\x1b"
		    "7f\x1bMg\n",
		    "abcdefg|");
	assert_made("a\x1b]0;title\x07"
		    "b\x1b]2;title\x1b\\c\x1bPdcs\x1b\\d\x1b_apc\x1b\\e\n",
		    "abcde|");
	assert_made("a\x07\x0b\x0c\x0e\x0f\x05\x7f\x00"
		    "b\n",
		    "ab|");
	/* One that is broken off does not swallow what follows. */
	assert_made("a\x1b[12\nb\n", "a|b|");
	assert_made("a\x1b]never ends\nb\n", "a|b|");
	assert_made("a\x1b[1\x1b[2Jb\x1b\x1b\x1b[Kc\x1b]x\x1b[Kd\n", "abcd|");
}

static void tabs_and_backspaces_count(void **state)
{
	(void)state;
	assert_made("a\tb\n", "a\tb|");
	assert_made("lss\b \b\n", "ls|");
	assert_made("\b\b\ba\b\b\n", "|");
	assert_made("\xc3\xa9\bx\n", "x|");
	/* Not into a colour. */
	assert_made("\x1b[1m\b\bx\n", "\x1b[1mx|");
}

static void colours_stay(void **state)
{
	(void)state;
	assert_made("\x1b[1;32mok\x1b[0m \x1b[38;5;12mx\x1b[38:2::1:2:3my\x1b[m\n",
		    "\x1b[1;32mok\x1b[0m \x1b[38;5;12mx\x1b[38:2::1:2:3my\x1b[m|");
	/* What only ends like one is none, nor is one that nobody would write. */
	assert_made("\x1b[>4;1m\x1b[?4m\x1b[0 mx\n", "x|");
	assert_made("\x1b[1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1mx\n", "x|");
}

static void text_is_utf8(void **state)
{
	(void)state;
	assert_made("Gr\xc3\xbc\xc3\x9f"
		    "e \xe2\x86\x92 \xf0\x9f\x8c\xb3\n",
		    "Gr\xc3\xbc\xc3\x9f"
		    "e \xe2\x86\x92 \xf0\x9f\x8c\xb3|");
	/* C1: CSI as one byte, in UTF-8, and in forms that are too long. */
	assert_made("a\x9b"
		    "2Jb\n",
		    "a2Jb|");
	assert_made("a\xc2\x9b"
		    "2Jb\xe0\x82\x9b"
		    "c\n",
		    "a2Jbc|");
	assert_made("a\xff\xfe\xc0\x80\x80z\xed\xa0\x80\xf4\x90\x80\x80\xf5\x80\n", "az|");
	/* One that is broken off. */
	assert_made("a\xe2\x86\nb\xf0\x9f"
		    "c\n",
		    "a|bc|");
}

static void long_lines_come_in_pieces(void **state)
{
	char text[3000];
	size_t length = 0, longest = 0, run = 0;

	(void)state;
	memset(text, 'x', sizeof(text));
	make(text, sizeof(text));
	for (const char *c = made; *c; c++) {
		length += *c == 'x';
		run = *c == 'x' ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	assert_int_equal(length, sizeof(text));
	assert_true(longest > 200 && longest <= LINES_TEXT_MAX);
}

/* Nothing of them is text or a colour, and each counts. */
static void tabs_alone_do_not_overflow_a_line(void **state)
{
	char text[3000];
	size_t length = 0;

	(void)state;
	memset(text, '\t', sizeof(text));
	memset(&lines, 0, sizeof(lines));
	for (size_t i = 0; i < sizeof(text); i++) {
		bool complete = lines_feed(&lines, (u8)text[i]);

		assert_true(lines.length <= LINES_TEXT_MAX);
		if (complete)
			length += lines.length;
	}
	assert_int_equal(length + (lines.complete ? 0 : lines.length), sizeof(text));
}

/* Nothing but text, tabs and colours, whatever comes. */
static void no_byte_does_harm(void **state)
{
	static const char likely[] = "\x1b\x1b\x1b[[]P0;m\x07\\\r\n\b\xc2\xe2\x9b";
	struct fake_random dice = {.state = 17};
	size_t line_count = 0;

	(void)state;
	memset(&lines, 0, sizeof(lines));
	for (unsigned i = 0; i < 300000; i++) {
		u8 byte = (u8)fake_random_next(&dice);
		struct ansi check = {0};

		if (fake_random_below(&dice, 2))
			byte = (u8)likely[fake_random_below(&dice, sizeof(likely) - 1)];
		if (!lines_feed(&lines, byte))
			continue;
		line_count++;
		for (unsigned j = 0; j < lines.length; j++) {
			enum ansi_unit unit = ansi_feed(&check, (u8)lines.text[j]);

			assert_true(unit == ANSI_PART || unit == ANSI_TEXT || unit == ANSI_COLOUR ||
				    lines.text[j] == '\t');
		}
		assert_true(ansi_is_between(&check));
	}
	assert_true(line_count > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_end_in_many_ways),
		cmocka_unit_test(what_moves_the_cursor_is_left_out),
		cmocka_unit_test(tabs_and_backspaces_count),
		cmocka_unit_test(colours_stay),
		cmocka_unit_test(text_is_utf8),
		cmocka_unit_test(long_lines_come_in_pieces),
		cmocka_unit_test(tabs_alone_do_not_overflow_a_line),
		cmocka_unit_test(no_byte_does_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

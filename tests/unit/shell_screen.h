/* SPDX-License-Identifier: BSD-2-Clause */
/* The operator at the shell: types lines, and sees what a terminal of 80 columns shows. */
#pragma once

#include "hyp/ui/look.h"
#include "hyp/ui/shell.h"
#include "hyp/ui/shell_command.h"
#include "tests/unit/console_guests.h"

#define PROMPT "hartwood> "

/* What was said in answer to the last line, without control sequences; lines end with "\n". */
static char answer[1 << 20];

/* The lines of the output in plain text, and that none is wider than the terminal. A line that is
 * drawn over itself counts each time. */
static inline size_t plain_text(const char *from, char *text, size_t size)
{
	const char *output = from;
	size_t length = 0, column = 0;

	for (; *output; output++) {
		assert_true(length + 2 < size);
		if (*output == '\x1b') {
			unsigned number = 0;

			assert_int_equal(*++output, '[');
			while (*++output >= '0' && *output <= '?')
				number = *output >= '0' && *output <= '9'
						 ? number * 10 + (unsigned)(*output - '0')
						 : 0;
			if (*output == 'C')
				column += number;
			if (*output == 'H')
				column = 0;
			assert_true(column < 80);
			continue;
		}
		if (*output == '\r' || *output == '\n') {
			column = 0;
			if (*output == '\n')
				text[length++] = '\n';
			continue;
		}
		assert_true(*output >= ' ' && *output <= '~');
		if (++column >= 80)
			fail_msg("wider than the terminal: %s", from);
		text[length++] = *output;
	}
	text[length] = '\0';
	return length;
}

/* Does what there is to do now, and counts the lines that a step says. */
static inline unsigned settle_shell(void)
{
	unsigned most = 0, before = 0, count;

	do {
		count = 0;
		for (const char *c = fake_console_output(); *c; c++)
			count += *c == '\n';
		if (count - before > most)
			most = count - before;
		before = count;
	} while (do_work());
	return most;
}

/* Types keys at the shell and gives what the terminal shows from then on, as plain text. */
static inline const char *type_keys(const char *keys)
{
	fake_console_clear();
	for (; *keys; keys++) {
		fake_console_type(keys, 1);
		be_interrupted();
		/* The bound of a step: see shell.c. */
		assert_true(settle_shell() <= 4 * SHELL_STEP_LINES + 1);
	}
	plain_text(fake_console_output(), answer, sizeof(answer));
	return answer;
}

/* Types a line, and gives what is said between it and the next prompt. */
static inline const char *say(const char *line)
{
	char *start, *end;

	type_keys(line);
	type_keys("\r");
	start = strchr(answer, '\n');
	assert_non_null(start);
	end = strstr(start, "\n" PROMPT);
	assert_non_null(end);
	end[1] = '\0';
	return start + 1;
}

#define assert_says(line, text)	     assert_string_equal(say(line), (text))
#define assert_says_part(line, text) assert_non_null(strstr(say(line), (text)))

/* Three VMs and the shell, which is in focus. */
static inline int setup_shell(void **state)
{
	setup_guests(state);
	look_forget_all();
	shell_init(NULL);
	settle_shell();
	return 0;
}

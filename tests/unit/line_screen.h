/* SPDX-License-Identifier: BSD-2-Clause */
/* A line editor beside a terminal of one line, which shows what the editor believes it does. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hyp/ui/line_edit.h"

#define PROMPT	"hartwood> "
#define COLUMNS LINE_EDIT_COLUMNS

/* ------------------------------------------------------------------------------------------------
 * A terminal of one line, and the lines that have scrolled away.
 */

static struct {
	char line[COLUMNS + 1];
	unsigned column;
	char parameter[8];
	unsigned parameter_length;
	enum { PLAIN, ESCAPE, SEQUENCE } state;
	char above[1 << 14]; /* the lines above, each with its newline */
	unsigned line_count, clear_count;
} screen;

static struct line_edit edit;

static inline void screen_newline(void)
{
	char *end = screen.line + COLUMNS;

	while (end > screen.line && end[-1] == ' ')
		*--end = '\0';
	if (strlen(screen.above) + COLUMNS + 2 > sizeof(screen.above))
		screen.above[0] = '\0';
	strcat(screen.above, screen.line);
	strcat(screen.above, "\n");
	memset(screen.line, ' ', COLUMNS);
	screen.line_count++;
}

static inline void screen_sequence(char final)
{
	unsigned number = (unsigned)atoi(screen.parameter);

	switch (final) {
	case 'K':
		memset(screen.line + screen.column, ' ', COLUMNS - screen.column);
		break;
	case 'C':
		screen.column += number;
		assert_true(screen.column < COLUMNS);
		break;
	case 'H':
		screen.column = 0;
		break;
	case 'J':
		memset(screen.line, ' ', COLUMNS);
		screen.above[0] = '\0';
		screen.clear_count++;
		break;
	default:
		fail_msg("unknown sequence: %c", final);
	}
	screen.state = PLAIN;
}

static inline void screen_put(char byte)
{
	if (screen.state == ESCAPE) {
		assert_int_equal(byte, '[');
		screen.state = SEQUENCE;
		memset(screen.parameter, 0, sizeof(screen.parameter));
		screen.parameter_length = 0;
	} else if (screen.state == SEQUENCE && byte >= '0' && byte <= '9') {
		assert_true(screen.parameter_length < sizeof(screen.parameter) - 1);
		screen.parameter[screen.parameter_length++] = byte;
	} else if (screen.state == SEQUENCE) {
		screen_sequence(byte);
	} else if (byte == '\x1b') {
		screen.state = ESCAPE;
	} else if (byte == '\r') {
		screen.column = 0;
	} else if (byte == '\n') {
		screen_newline();
	} else {
		assert_true(byte >= ' ' && byte <= '~');
		/* The last column is never written. */
		assert_true(screen.column < COLUMNS - 1);
		screen.line[screen.column++] = byte;
	}
}

static inline void screen_write(void *context, const char *bytes, size_t length)
{
	assert_ptr_equal(context, &screen);
	for (size_t i = 0; i < length; i++)
		screen_put(bytes[i]);
}

/* The line shows the prompt and the part of the text around the cursor, and nothing else. */
static inline void assert_screen_is_right(void)
{
	size_t prompt = strlen(PROMPT), columns = COLUMNS - 1 - prompt;

	assert_int_equal(screen.state, PLAIN);
	assert_int_equal(strlen(edit.text), edit.length);
	assert_true(edit.cursor <= edit.length);
	assert_memory_equal(screen.line, PROMPT, prompt);
	assert_true(edit.shown <= edit.cursor && edit.cursor <= edit.shown + columns);
	assert_int_equal(screen.column, prompt + edit.cursor - edit.shown);
	for (size_t i = 0; i < columns; i++)
		assert_int_equal(screen.line[prompt + i],
				 edit.shown + i < edit.length ? edit.text[edit.shown + i] : ' ');
}

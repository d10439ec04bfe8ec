/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys and text. Owns nothing; whoever owns the structure calls from one hart at a time. What the
 * screen shows is in line_edit_screen.c, completion in line_edit_complete.c.
 */
#include "hyp/ui/line_edit.h"

#include <string.h>

#include "hyp/ui/line_edit_internal.h"

#define CTRL(letter) ((letter) - '@')
#define ESC	     0x1b
#define DEL	     0x7f

enum key_state {
	KEY_PLAIN,
	KEY_ESCAPE, /* after ESC */
	KEY_CSI,    /* after ESC [ */
	KEY_SS3,    /* after ESC O */
};

/* Keys that have no byte of their own. */
enum {
	KEY_UP = 0x100,
	KEY_DOWN,
	KEY_RIGHT,
	KEY_LEFT,
	KEY_HOME,
	KEY_END,
	KEY_DELETE,
	KEY_NONE,
};

/* ---- Text ---- */

/* The cursor is then where that was. */
static void erase(struct line_edit *edit, size_t from, size_t to)
{
	if (from == to)
		return;
	memmove(edit->text + from, edit->text + to, edit->length - to + 1);
	edit->length -= to - from;
	edit->cursor = from;
	line_edit_redraw(edit);
}

static void kill(struct line_edit *edit, size_t from, size_t to)
{
	if (from == to)
		return;
	memcpy(edit->killed, edit->text + from, to - from);
	edit->killed[to - from] = '\0';
	erase(edit, from, to);
}

void line_edit_insert(struct line_edit *edit, const char *text, size_t length)
{
	bool at_end = edit->cursor == edit->length;

	length = min_u64(length, LINE_EDIT_MAX - edit->length);
	if (!length)
		return;
	memmove(edit->text + edit->cursor + length, edit->text + edit->cursor,
		edit->length - edit->cursor + 1);
	memcpy(edit->text + edit->cursor, text, length);
	edit->length += length;
	edit->cursor += length;
	if (!at_end || !line_edit_append_on_screen(edit, length))
		line_edit_redraw(edit);
}

static size_t word_before(const struct line_edit *edit)
{
	size_t at = edit->cursor;

	while (at && edit->text[at - 1] == ' ')
		at--;
	while (at && edit->text[at - 1] != ' ')
		at--;
	return at;
}

static void move(struct line_edit *edit, size_t to)
{
	edit->cursor = to;
	line_edit_redraw(edit);
}

/* ---- History ---- */

static char *history_at(struct line_edit *edit, unsigned number)
{
	return edit->history[number % LINE_EDIT_HISTORY];
}

static void set_text(struct line_edit *edit, const char *text)
{
	edit->length = strlen(text);
	memcpy(edit->text, text, edit->length + 1);
	move(edit, edit->length);
}

static void remember(struct line_edit *edit)
{
	edit->browsed = 0;
	if (!edit->length ||
	    (edit->history_count && !strcmp(history_at(edit, edit->history_count - 1), edit->text)))
		return;
	memcpy(history_at(edit, edit->history_count++), edit->text, edit->length + 1);
}

static void browse(struct line_edit *edit, bool back)
{
	unsigned kept = (unsigned)min_u64(edit->history_count, LINE_EDIT_HISTORY);

	if (back ? edit->browsed == kept : edit->browsed == 0)
		return;
	if (edit->browsed == 0)
		memcpy(edit->unfinished, edit->text, edit->length + 1);
	if (back)
		edit->browsed++;
	else
		edit->browsed--;
	set_text(edit, edit->browsed ? history_at(edit, edit->history_count - edit->browsed)
				     : edit->unfinished);
}

/* ---- Keys ---- */

static enum line_event finish(struct line_edit *edit)
{
	move(edit, edit->length);
	line_edit_write(edit, "\r\n");
	remember(edit);
	return LINE_DONE;
}

static enum line_event give_up(struct line_edit *edit)
{
	move(edit, edit->length);
	line_edit_write(edit, line_edit_has_columns(edit, 2) ? "^C\r\n" : "\r\n");
	line_edit_start(edit, "");
	return LINE_EDITING;
}

static enum line_event delete_or_leave(struct line_edit *edit)
{
	if (!edit->length)
		return LINE_LEFT;
	erase(edit, edit->cursor, min_u64(edit->cursor + 1, edit->length));
	return LINE_EDITING;
}

/* Those that only move or change the text. */
static void edit_key(struct line_edit *edit, unsigned key)
{
	size_t cursor = edit->cursor, length = edit->length;

	switch (key) {
	case CTRL('A'):
	case KEY_HOME:
		move(edit, 0);
		break;
	case CTRL('E'):
	case KEY_END:
		move(edit, length);
		break;
	case CTRL('B'):
	case KEY_LEFT:
		move(edit, cursor ? cursor - 1 : 0);
		break;
	case CTRL('F'):
	case KEY_RIGHT:
		move(edit, min_u64(cursor + 1, length));
		break;
	case CTRL('H'):
	case DEL:
		erase(edit, cursor ? cursor - 1 : 0, cursor);
		break;
	case KEY_DELETE:
		erase(edit, cursor, min_u64(cursor + 1, length));
		break;
	case CTRL('K'):
		kill(edit, cursor, length);
		break;
	case CTRL('U'):
		kill(edit, 0, cursor);
		break;
	case CTRL('W'):
		kill(edit, word_before(edit), cursor);
		break;
	case CTRL('Y'):
		line_edit_insert(edit, edit->killed, strlen(edit->killed));
		break;
	case CTRL('P'):
	case KEY_UP:
		browse(edit, true);
		break;
	case CTRL('N'):
	case KEY_DOWN:
		browse(edit, false);
		break;
	case CTRL('L'):
		line_edit_write(edit, "\x1b[H\x1b[2J");
		line_edit_redraw(edit);
		break;
	case '\t':
		line_edit_complete(edit);
		break;
	default: /* nothing of ours */
		break;
	}
}

static enum line_event key(struct line_edit *edit, unsigned key)
{
	char character = (char)key;
	bool was_return = edit->was_return;

	edit->was_return = key == '\r';
	switch (key) {
	case '\n':
		return was_return ? LINE_EDITING : finish(edit);
	case '\r':
		return finish(edit);
	case CTRL('C'):
		return give_up(edit);
	case CTRL('D'):
		return delete_or_leave(edit);
	default:
		if (key >= ' ' && key < DEL)
			line_edit_insert(edit, &character, 1);
		else
			edit_key(edit, key);
		return LINE_EDITING;
	}
}

static unsigned letter_key(u8 letter)
{
	switch (letter) {
	case 'A':
		return KEY_UP;
	case 'B':
		return KEY_DOWN;
	case 'C':
		return KEY_RIGHT;
	case 'D':
		return KEY_LEFT;
	case 'H':
		return KEY_HOME;
	case 'F':
		return KEY_END;
	default:
		return KEY_NONE;
	}
}

static unsigned number_key(u8 number)
{
	switch (number) {
	case 1:
	case 7:
		return KEY_HOME;
	case 4:
	case 8:
		return KEY_END;
	case 3:
		return KEY_DELETE;
	default:
		return KEY_NONE;
	}
}

/* In a sequence. A control character is none of it, and counts for itself. */
static unsigned sequence_key(struct line_edit *edit, u8 byte)
{
	enum key_state state = edit->key_state;

	edit->key_state = KEY_PLAIN;
	if (byte == ESC)
		edit->key_state = KEY_ESCAPE;
	if (byte == ESC || byte < ' ' || byte >= DEL)
		return byte == ESC ? KEY_NONE : byte;
	if (state == KEY_ESCAPE) {
		edit->key_number = 0;
		edit->key_state = byte == '[' ? KEY_CSI : byte == 'O' ? KEY_SS3 : KEY_PLAIN;
		return KEY_NONE;
	}
	if (state == KEY_CSI && byte < '@') {
		/* Parameters behind the first one are modifiers: the key is the same. */
		if (byte >= '0' && byte <= '9' && edit->key_number < 20)
			edit->key_number = (u8)(edit->key_number * 10 + byte - '0');
		else
			edit->key_number |= 0x80;
		edit->key_state = KEY_CSI;
		return KEY_NONE;
	}
	return byte == '~' ? number_key(edit->key_number & 0x7f) : letter_key(byte);
}

enum line_event line_edit_feed(struct line_edit *edit, u8 byte)
{
	if (edit->key_state != KEY_PLAIN)
		return key(edit, sequence_key(edit, byte));
	if (byte == ESC) {
		edit->key_state = KEY_ESCAPE;
		return LINE_EDITING;
	}
	return key(edit, byte);
}

/* ---- Life ---- */

void line_edit_init(struct line_edit *edit, const struct line_edit_ops *ops, const char *prompt)
{
	memset(edit, 0, sizeof(*edit));
	edit->ops = ops;
	edit->prompt = prompt;
}

void line_edit_start(struct line_edit *edit, const char *text)
{
	edit->length = min_u64(strlen(text), LINE_EDIT_MAX);
	memcpy(edit->text, text, edit->length);
	edit->text[edit->length] = '\0';
	edit->cursor = edit->length;
	edit->shown = 0;
	edit->browsed = 0;
	line_edit_redraw(edit);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A line editor for a terminal of 80 columns: the usual keys, a history, completion. It depends on
 * nothing but its callbacks, and any byte may be fed to it at any time.
 *
 *	^B ^F, arrows		a character back, forward
 *	^A ^E, Home, End	to the start, to the end
 *	^H DEL, ^D Delete	delete before, at the cursor
 *	^K ^U			delete to the end, to the start
 *	^W ^Y			delete a word; bring back
 *	^P ^N, arrows		the history
 *	TAB			complete
 *	^L			clear the screen
 *	^C			give up the line
 *	^D on an empty line	leave
 */
#pragma once

#include "hyp/types.h"

#define LINE_EDIT_COLUMNS  80
#define LINE_EDIT_MAX	   200 /* characters of a line */
#define LINE_EDIT_HISTORY  32  /* lines */
#define LINE_EDIT_LIST_MAX 16  /* lines of a list of candidates */

enum line_event {
	LINE_EDITING,
	LINE_DONE, /* the text is a line; line_edit_start() begins the next */
	LINE_LEFT, /* ^D on an empty line */
};

struct line_edit;

struct line_edit_ops {
	void (*write)(void *context, const char *bytes, size_t length);
	/* Candidate number `index` for the word that begins at that place of the text, in buffer
	 * and NUL-terminated, or as a constant; NULL: there are no more. They need not begin with
	 * what is there already. */
	const char *(*candidate)(void *context, const char *text, size_t word, unsigned index,
				 char *buffer, size_t size);
	void *context;
};

struct line_edit {
	const struct line_edit_ops *ops;
	const char *prompt;
	size_t length, cursor;
	size_t shown; /* the first character that is on the screen */
	u8 key_state;
	u8 key_number;			/* of ESC [ number ~ */
	bool was_return;		/* a line feed that follows belongs to it */
	char text[LINE_EDIT_MAX + 1];	/* NUL-terminated */
	char killed[LINE_EDIT_MAX + 1]; /* what ^Y brings back */

	/* A ring; history_count grows, browsed counts back from it. */
	unsigned history_count, browsed;
	char history[LINE_EDIT_HISTORY][LINE_EDIT_MAX + 1];
	char unfinished[LINE_EDIT_MAX + 1]; /* the line from which browsing began */
};

/* ops and prompt stay valid. Nothing is written yet. */
void line_edit_init(struct line_edit *edit, const struct line_edit_ops *ops, const char *prompt);

/* Shows the prompt and an empty line, or one that begins with that text. */
void line_edit_start(struct line_edit *edit, const char *text);

enum line_event line_edit_feed(struct line_edit *edit, u8 byte);

/* Draws the prompt and the line again, on the line that the cursor is on. */
void line_edit_redraw(struct line_edit *edit);

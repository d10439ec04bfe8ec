/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes lines out of what a guest writes, for a view that several guests share: what would move the
 * cursor or change the terminal is left out, colours stay. Guarded by whoever owns the structure.
 */
#pragma once

#include "hyp/ui/ansi.h"

#define LINES_TEXT_MAX 256

struct lines {
	struct ansi ansi;
	u16 length;
	u16 fixed;     /* a backspace does not go back beyond this */
	bool ended;    /* by a carriage return, which a line feed may follow */
	bool complete; /* the text is a line, to be forgotten with the next byte */
	char text[LINES_TEXT_MAX];
};

/* True: the text is a whole line now, without its end. Long lines come in pieces. */
bool lines_feed(struct lines *lines, u8 byte);

/* Whatever has come so far is a line. */
static inline void lines_end(struct lines *lines)
{
	lines->complete = true;
}

/* True if there is a beginning of a line. */
static inline bool lines_is_partial(const struct lines *lines)
{
	return lines->length > 0 && !lines->complete;
}

/* True if the next byte begins one. */
static inline bool lines_is_fresh(const struct lines *lines)
{
	return !lines_is_partial(lines) && ansi_is_between(&lines->ansi);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes a terminal's byte stream apart: characters in UTF-8, control characters, and control
 * sequences (ECMA-48, "Control functions"). For guests' output, which may be anything: each byte
 * does something bounded, and no sequence goes on for ever.
 */
#pragma once

#include "hyp/types.h"

enum ansi_unit {
	ANSI_PART,     /* more is to come */
	ANSI_TEXT,     /* a printable character */
	ANSI_CONTROL,  /* a control character of C0, or DEL */
	ANSI_COLOUR,   /* a whole SELECT GRAPHIC RENDITION */
	ANSI_SEQUENCE, /* the end of another sequence */
	ANSI_BAD,      /* a byte that belongs to nothing */
};

#define ANSI_UNIT_MAX 24 /* bytes of a unit that is handed on */

struct ansi {
	u8 state;
	u8 wanted; /* bytes that are missing of a UTF-8 character */
	u8 length;
	bool in_doubt;		 /* see ansi_is_in_doubt() */
	u16 passed;		 /* bytes of the sequence so far */
	u8 bytes[ANSI_UNIT_MAX]; /* after ANSI_TEXT, ANSI_CONTROL and ANSI_COLOUR: the unit */
};

/* All zero is the state at the start. */
enum ansi_unit ansi_feed(struct ansi *ansi, u8 byte);

/* True if what has been fed so far ends with a whole unit. */
static inline bool ansi_is_between(const struct ansi *ansi)
{
	return ansi->state == 0;
}

/* True if a terminal that goes by the letter may still be in a sequence that is over here, and take
 * what comes as part of it (ECMA-48 has line feeds in command strings): CAN is due first. */
static inline bool ansi_is_in_doubt(const struct ansi *ansi)
{
	return ansi->in_doubt || !ansi_is_between(ansi);
}

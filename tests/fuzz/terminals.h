/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operator's terminal, of which nobody knows what it is: several readings of one stream of
 * bytes at a time (ECMA-48; "XTerm Control Sequences"; the parser of DEC's video terminals).
 * Written from those and not from hyp/ui/ansi.c, which has one reading and must be right with all.
 *
 * Where they differ: a control character inside of a sequence is obeyed, and the sequence goes on;
 * BEL ends an operating system command, or every command string, or none; a C1 control, as a
 * character of UTF-8 or as a byte that is part of none, is obeyed or means nothing.
 */
#pragma once

#include "tests/fuzz/require.h"

enum terminal_state {
	TERMINAL_TEXT,
	TERMINAL_ESCAPE, /* ESC, and intermediate bytes */
	TERMINAL_CSI,
	TERMINAL_OSC,	 /* a command string that BEL may end */
	TERMINAL_STRING, /* DCS, SOS, PM, APC */
};

#define TERMINAL_BEL_ENDS_OSC	  1
#define TERMINAL_BEL_ENDS_STRINGS 2
#define TERMINAL_OBEYS_C1	  4
#define TERMINAL_COUNT		  8

static struct {
	enum terminal_state state[TERMINAL_COUNT];
	u8 lead, wanted, taken; /* of a character in UTF-8 */
} terminals;

static inline enum terminal_state terminal_after_escape(u8 byte)
{
	switch (byte) {
	case '[':
		return TERMINAL_CSI;
	case ']':
		return TERMINAL_OSC;
	case 'P':
	case 'X':
	case '^':
	case '_':
		return TERMINAL_STRING;
	default:
		return byte >= ' ' && byte < '0' ? TERMINAL_ESCAPE : TERMINAL_TEXT;
	}
}

static inline enum terminal_state terminal_string(enum terminal_state state, unsigned kind, u8 byte)
{
	bool ends = state == TERMINAL_OSC
			    ? kind & (TERMINAL_BEL_ENDS_OSC | TERMINAL_BEL_ENDS_STRINGS)
			    : kind & TERMINAL_BEL_ENDS_STRINGS;

	return byte == 7 && ends ? TERMINAL_TEXT : state;
}

/* A byte of 0 to 0x7f. */
static inline enum terminal_state terminal_plain(enum terminal_state state, unsigned kind, u8 byte)
{
	if (byte == 0x18 || byte == 0x1a)
		return TERMINAL_TEXT;
	if (byte == 0x1b)
		return TERMINAL_ESCAPE; /* ST is ESC and a final byte without effect */
	if (state == TERMINAL_OSC || state == TERMINAL_STRING)
		return terminal_string(state, kind, byte);
	if (state == TERMINAL_TEXT || byte < ' ' || byte == 0x7f)
		return state;
	if (state == TERMINAL_ESCAPE)
		return terminal_after_escape(byte);
	return byte >= '@' ? TERMINAL_TEXT : TERMINAL_CSI;
}

/* One of 0x80 to 0x9f; ST among them. */
static inline enum terminal_state terminal_c1(enum terminal_state state, u8 byte)
{
	enum terminal_state next = terminal_after_escape(byte - 0x40);

	if (byte == 0x9c)
		return TERMINAL_TEXT;
	return next == TERMINAL_TEXT && state != TERMINAL_TEXT ? TERMINAL_TEXT : next;
}

/* True if a C1 control has just come, and which. */
static inline bool terminal_utf8(u8 byte, u8 *c1)
{
	if (terminals.wanted && (byte & 0xc0) == 0x80) {
		terminals.wanted--;
		*c1 = byte;
		return terminals.lead == 0xc2 && ++terminals.taken == 1 && byte < 0xa0;
	}
	terminals.lead = byte;
	terminals.taken = 0;
	terminals.wanted = byte < 0xc2 || byte > 0xf4 ? 0 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
	*c1 = byte;
	return byte >= 0x80 && byte < 0xa0;
}

static inline void terminal_feed(u8 byte)
{
	bool is_c1;
	u8 c1;

	is_c1 = terminal_utf8(byte, &c1);
	for (unsigned kind = 0; kind < TERMINAL_COUNT; kind++) {
		enum terminal_state *state = &terminals.state[kind];

		if (byte < 0x80)
			*state = terminal_plain(*state, kind, byte);
		else if (is_c1 && (kind & TERMINAL_OBEYS_C1))
			*state = terminal_c1(*state, c1);
	}
}

/* What comes next is shown, whatever terminal it is. */
static inline bool terminals_show_text(void)
{
	for (unsigned kind = 0; kind < TERMINAL_COUNT; kind++)
		if (terminals.state[kind] != TERMINAL_TEXT)
			return false;
	return true;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns nothing. */
#include "hyp/ui/lines.h"

#include <string.h>

#include "hyp/check.h"

/* The one place where text grows. */
static void append(struct lines *lines)
{
	CHECK(lines->ansi.length <= LINES_TEXT_MAX - lines->length);
	memcpy(lines->text + lines->length, lines->ansi.bytes, lines->ansi.length);
	lines->length = (u16)(lines->length + lines->ansi.length);
}

/* Another unit may not find room. */
static bool is_full(const struct lines *lines)
{
	return lines->length > LINES_TEXT_MAX - ANSI_UNIT_MAX;
}

/* What a shell's line editor does to take a character back. */
static void erase(struct lines *lines)
{
	do {
		if (lines->length <= lines->fixed)
			return;
		lines->length--;
	} while ((lines->text[lines->length] & 0xc0) == 0x80); /* UTF-8: its first byte too */
}

/* A carriage return alone starts a line over, as progress bars do; each state of those is a line
 * here. With a line feed behind it, it is one line end. */
static bool control(struct lines *lines, u8 byte)
{
	bool was_ended = lines->ended;

	lines->ended = byte == '\r' && (was_ended || lines->length > 0);
	switch (byte) {
	case '\r':
		return lines->length > 0;
	case '\n':
		return lines->length > 0 || !was_ended;
	case '\b':
		erase(lines);
		return false;
	case '\t':
		append(lines);
		return is_full(lines);
	default:
		return false;
	}
}

static bool unit(struct lines *lines, enum ansi_unit unit)
{
	if (unit == ANSI_CONTROL)
		return control(lines, lines->ansi.bytes[0]);
	if (unit == ANSI_PART)
		return false;
	if (unit != ANSI_SEQUENCE)
		lines->ended = false;
	if (unit == ANSI_TEXT || unit == ANSI_COLOUR)
		append(lines);
	if (unit == ANSI_COLOUR)
		lines->fixed = lines->length;
	return is_full(lines);
}

bool lines_feed(struct lines *lines, u8 byte)
{
	if (lines->complete) {
		lines->complete = false;
		lines->length = 0;
		lines->fixed = 0;
	}
	if (unit(lines, ansi_feed(&lines->ansi, byte)))
		lines->complete = true;
	return lines->complete;
}

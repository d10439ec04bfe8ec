/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owns nothing. Where terminals differ, the reading is the one that swallows less: a control
 * character ends whatever sequence it is in, so that a guest cannot hide what it writes from then
 * on.
 */
#include "hyp/ui/ansi.h"

enum state {
	GROUND,
	CHARACTER,     /* UTF-8 */
	ESCAPE,	       /* after ESC */
	INTERMEDIATE,  /* ESC and bytes 2/0 to 2/15 */
	CSI,	       /* ESC [ */
	STRING,	       /* DCS, OSC, SOS, PM, APC: up to ST or BEL */
	STRING_ESCAPE, /* in one of them: ESC, of ST or of something new */
};

#define BEL	   0x07
#define CAN	   0x18
#define SUB	   0x1a
#define ESC	   0x1b
#define DEL	   0x7f
#define PASSED_MAX 255

static enum ansi_unit end(struct ansi *ansi, enum ansi_unit unit)
{
	ansi->state = GROUND;
	return unit;
}

static enum ansi_unit begin(struct ansi *ansi, enum state state)
{
	ansi->state = state;
	return ANSI_PART;
}

static void keep(struct ansi *ansi, u8 byte)
{
	if (ansi->length < ANSI_UNIT_MAX)
		ansi->bytes[ansi->length] = byte;
	ansi->length++;
}

/* C1 controls, U+0080 to U+009F, are not text: some terminals obey them. */
static u8 utf8_wanted(u8 lead)
{
	if (lead >= 0xc2 && lead <= 0xdf)
		return 1;
	if (lead >= 0xe0 && lead <= 0xef)
		return 2;
	return lead >= 0xf0 && lead <= 0xf4 ? 3 : 0;
}

/* Unicode, "Well-Formed UTF-8 Byte Sequences": some leads narrow the byte that follows. */
static bool utf8_may_follow(u8 lead, u8 byte)
{
	u8 low = lead == 0xe0 || lead == 0xc2 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	u8 high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;

	return byte >= low && byte <= high;
}

static enum ansi_unit ground(struct ansi *ansi, u8 byte)
{
	ansi->state = GROUND;
	ansi->length = 0;
	ansi->passed = 0;
	keep(ansi, byte);
	if (byte == ESC)
		return begin(ansi, ESCAPE);
	if (byte < ' ' || byte == DEL)
		return ANSI_CONTROL;
	if (byte < DEL)
		return ANSI_TEXT;
	/* A C1 control, by itself or behind the lead of a character of UTF-8: to some terminals the
	 * beginning of a sequence. */
	if (byte < 0xa0)
		ansi->in_doubt = true;
	ansi->wanted = utf8_wanted(byte);
	return ansi->wanted ? begin(ansi, CHARACTER) : ANSI_BAD;
}

/* A character that breaks off is dropped; the byte that broke it counts. */
static enum ansi_unit character(struct ansi *ansi, u8 byte)
{
	bool follows =
		ansi->length == 1 ? utf8_may_follow(ansi->bytes[0], byte) : (byte & 0xc0) == 0x80;

	if (!follows)
		return ground(ansi, byte);
	keep(ansi, byte);
	return --ansi->wanted ? ANSI_PART : end(ansi, ANSI_TEXT);
}

static enum ansi_unit escape(struct ansi *ansi, u8 byte)
{
	switch (byte) {
	case '[':
		return begin(ansi, CSI);
	case ']':
	case 'P':
	case 'X':
	case '^':
	case '_':
		return begin(ansi, STRING);
	default:
		return byte < '0' ? begin(ansi, INTERMEDIATE) : end(ansi, ANSI_SEQUENCE);
	}
}

/* "m" is SGR only without a private marker or an intermediate byte. */
static bool is_colour(const struct ansi *ansi)
{
	if (ansi->length > ANSI_UNIT_MAX)
		return false;
	for (unsigned i = 2; i + 1u < ansi->length; i++)
		if (ansi->bytes[i] < '0' || ansi->bytes[i] > ';')
			return false;
	return ansi->bytes[ansi->length - 1] == 'm';
}

/* Those that end every sequence, on every terminal. */
static bool is_end(u8 byte)
{
	return byte == ESC || byte == CAN || byte == SUB;
}

/* The byte is taken for the end of the sequence that it is in. */
static enum ansi_unit break_off(struct ansi *ansi, u8 byte)
{
	ansi->in_doubt = !is_end(byte);
	return ground(ansi, byte);
}

static enum ansi_unit csi(struct ansi *ansi, u8 byte)
{
	if (byte < '@')
		return ANSI_PART;
	return end(ansi, is_colour(ansi) ? ANSI_COLOUR : ANSI_SEQUENCE);
}

static enum ansi_unit string(struct ansi *ansi, u8 byte)
{
	/* By the letter ST alone is the end; where BEL is one too, it may be one of OSC only. */
	if (byte == BEL) {
		ansi->in_doubt = true;
		return end(ansi, ANSI_SEQUENCE);
	}
	if (byte == ESC)
		return begin(ansi, STRING_ESCAPE);
	return byte < ' ' ? break_off(ansi, byte) : ANSI_PART;
}

static enum ansi_unit sequence(struct ansi *ansi, u8 byte)
{
	if (ansi->state == STRING)
		return string(ansi, byte);
	/* Bytes from 8/0 on are not part of any sequence of a terminal that speaks UTF-8. */
	if (byte < ' ' || byte >= DEL)
		return break_off(ansi, byte);
	switch (ansi->state) {
	case ESCAPE:
		return escape(ansi, byte);
	case INTERMEDIATE:
		return byte < '0' ? ANSI_PART : end(ansi, ANSI_SEQUENCE);
	case CSI:
		return csi(ansi, byte);
	default: /* STRING_ESCAPE */
		return byte == '\\' ? end(ansi, ANSI_SEQUENCE) : escape(ansi, byte);
	}
}

enum ansi_unit ansi_feed(struct ansi *ansi, u8 byte)
{
	if (is_end(byte))
		ansi->in_doubt = false;
	if (ansi->state == GROUND)
		return ground(ansi, byte);
	if (ansi->state == CHARACTER)
		return character(ansi, byte);
	if (++ansi->passed == PASSED_MAX) {
		ansi->in_doubt = true;
		return end(ansi, ANSI_SEQUENCE);
	}
	keep(ansi, byte);
	return sequence(ansi, byte);
}

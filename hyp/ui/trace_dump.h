/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trace as lines of text, to be carried over the serial line; tests/trace/perfetto.py reads
 * them. One call gives one line, so that whoever prints can stop and go on as the line has room.
 *
 * Every line begins with ~, as others may come between them. Numbers are hexadecimal but for ids:
 *
 *	~begin VERSION TICKS-PER-SECOND HARTS
 *	~name KIND NUMBER TEXT		what numbers below stand for: event, exit, state, life
 *	~vm ID VCPUS NAME
 *	~hart INDEX LOST		its records follow, of which so many are lost already
 *	~TICKS EVENT VM.VCPU ARGUMENT	ticks since the one before; - for nobody
 *	~lost COUNT			overwritten while the dump was under way
 *	~end LINES CRC			all lines before it; CRC-32 of them, each with its \n
 */
#pragma once

#include "hyp/vm/guest.h"

#define TRACE_DUMP_LINE_MAX 128 /* with the NUL */

struct trace_dump {
	unsigned phase; /* which kind of line is next */
	unsigned index; /* and which of them */
	u64 number, end;
	u64 time; /* of the record before */
	struct guest *guest;
	u32 line_count;
	u32 crc;
};

void trace_dump_begin(struct trace_dump *dump);

/* Writes the next line, without its end, and returns its length; 0: there are no more. size is
 * TRACE_DUMP_LINE_MAX or more. */
size_t trace_dump_line(struct trace_dump *dump, char *line, size_t size);

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line to the operator. log_info() and log_error() are for events that the operator caused
 * (boot, VM life cycle, bundle errors) and are not limited. Anything that a guest can bring about
 * at will goes through log_guest(), which has a budget: a burst of LOG_GUEST_BURST lines per VM,
 * refilled at one line a second; what is dropped is counted and reported with the next line.
 *
 * Formats: %s %c %d %i %u %x %lx %lu %ld %llx %llu %p %zu with width and zero padding, as printf.
 * May be called on any hart with any lock held that ranks below LOCK_CONSOLE. The last lines are
 * kept in memory too.
 */
#pragma once

#include "hyp/types.h"

#define LOG_GUEST_BURST 10

#define LOG_LINE_SIZE 256     /* bytes of a line at most, its end ("\r\n") included */
#define LOG_KEPT      KIB(16) /* bytes of lines that are kept in memory, the last ones */

struct log_budget {
	u64 refilled_at; /* in timebase ticks */
	u32 tokens;
	u32 dropped_count;
	bool started;
};

void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_guest(struct log_budget *budget, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Names from a bundle or a device tree end up in messages: keeps them from moving the operator's
 * cursor or faking a second line. What is not printable becomes "?". */
void log_defuse(char *text, size_t length);

/* Lines are kept at positions that only grow. Copies the one at *position, or the oldest that is
 * still there, and moves *position behind it. Returns its length with its end, without a NUL; 0:
 * there is none yet, or it is longer than size. Any hart; takes LOCK_LOG. */
size_t log_read(u64 *position, char *line, size_t size);
u64 log_end(void);

/* At first each line is written to the operator's line at once. From then on that is the reader's
 * part: it is told of each new line on the hart that it came from, which may hold any lock that
 * ranks below LOCK_CONSOLE. NULL: back to before. Boot hart. */
void log_set_reader(void (*arrived)(void));

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines to the operator. A line is built on the stack and written in one piece under line_lock, so
 * that lines of two harts do not mix. budget_lock guards every struct log_budget; it is never held
 * together with line_lock, so that a guest whose lines are dropped does not wait for the serial
 * line.
 *
 * The firmware must be linked with picolibc's integer vfprintf (--defsym=vfprintf=__i_vfprintf): it
 * needs neither thread-local data nor floating point, whose registers are the guest's.
 */
#include "hyp/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hyp/hw.h"
#include "hyp/lock.h"

#define LINE_SIZE 256 /* bytes, line end included */

static const char line_end[] = "\r\n"; /* the operator's terminal is in raw mode */
static const char cut_mark[] = "...";

static struct lock line_lock = LOCK_INIT(LOCK_LOG);
static struct lock budget_lock = LOCK_INIT(LOCK_LOG);

struct line {
	size_t length;
	char bytes[LINE_SIZE];
};

/* The line end overwrites the NUL of vsnprintf(). */
#define LINE_END_SIZE (sizeof(line_end) - 1)
#define TEXT_SIZE     (LINE_SIZE - LINE_END_SIZE)

static void line_append_list(struct line *line, const char *format, va_list arguments)
{
	size_t room = TEXT_SIZE - line->length;
	int wanted = vsnprintf(line->bytes + line->length, room + 1, format, arguments);

	if (wanted < 0)
		return;
	if ((size_t)wanted <= room) {
		line->length += (size_t)wanted;
		return;
	}
	line->length = TEXT_SIZE;
	memcpy(line->bytes + TEXT_SIZE - (sizeof(cut_mark) - 1), cut_mark, sizeof(cut_mark) - 1);
}

static void __attribute__((format(printf, 2, 3)))
line_append(struct line *line, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	line_append_list(line, format, arguments);
	va_end(arguments);
}

/* Names from a bundle or a device tree end up in messages: keep them from moving the operator's
 * cursor or faking a second line. */
static void line_defuse(struct line *line)
{
	for (size_t i = 0; i < line->length; i++) {
		if (line->bytes[i] < ' ' || line->bytes[i] > '~')
			line->bytes[i] = '?';
	}
}

static void line_write(struct line *line)
{
	line_defuse(line);
	memcpy(line->bytes + line->length, line_end, LINE_END_SIZE);
	lock_acquire(&line_lock);
	hw_console_write_all(line->bytes, line->length + LINE_END_SIZE);
	lock_release(&line_lock);
}

void log_info(const char *format, ...)
{
	struct line line = {.length = 0};
	va_list arguments;

	line_append(&line, "hartwood: ");
	va_start(arguments, format);
	line_append_list(&line, format, arguments);
	va_end(arguments);
	line_write(&line);
}

void log_error(const char *format, ...)
{
	struct line line = {.length = 0};
	va_list arguments;

	line_append(&line, "hartwood: error: ");
	va_start(arguments, format);
	line_append_list(&line, format, arguments);
	va_end(arguments);
	line_write(&line);
}

static void budget_refill(struct log_budget *budget, u64 now)
{
	u64 second = hw_machine()->timebase_hz;

	if (!budget->started) {
		budget->started = true;
		budget->tokens = LOG_GUEST_BURST;
		budget->refilled_at = now;
	}
	/* Another hart may have read a later time before it came here. */
	if (now < budget->refilled_at || now - budget->refilled_at < second)
		return;

	u64 lines = (now - budget->refilled_at) / second;

	budget->tokens = (u32)min_u64(LOG_GUEST_BURST, budget->tokens + lines);
	budget->refilled_at += lines * second;
}

/* Takes a line out of the budget; *dropped_count is what was dropped since the last one. */
static bool budget_take(struct log_budget *budget, u32 *dropped_count)
{
	u64 now = hw_time();
	bool granted = false;

	lock_acquire(&budget_lock);
	budget_refill(budget, now);
	if (budget->tokens > 0) {
		budget->tokens--;
		*dropped_count = budget->dropped_count;
		budget->dropped_count = 0;
		granted = true;
	} else if (budget->dropped_count < UINT32_MAX) {
		budget->dropped_count++;
	}
	lock_release(&budget_lock);
	return granted;
}

void log_guest(struct log_budget *budget, const char *format, ...)
{
	struct line line = {.length = 0};
	u32 dropped_count;
	va_list arguments;

	if (!budget_take(budget, &dropped_count))
		return;
	line_append(&line, "hartwood: ");
	if (dropped_count > 0)
		line_append(&line, "(%u dropped) ", dropped_count);
	va_start(arguments, format);
	line_append_list(&line, format, arguments);
	va_end(arguments);
	line_write(&line);
}

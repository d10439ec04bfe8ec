/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines to the operator. A line is built on the stack and kept and written in one piece under
 * line_lock, so that lines of two harts do not mix; it guards "kept". budget_lock guards every
 * struct log_budget; it is never held together with line_lock, so that a guest whose lines are
 * dropped does not wait for the serial line.
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

static const char line_end[] = "\r\n"; /* the operator's terminal is in raw mode */
static const char cut_mark[] = "...";

static struct lock line_lock = LOCK_INIT(LOCK_LOG);
static struct lock budget_lock = LOCK_INIT(LOCK_LOG);

/* Lines with their ends, at the position modulo the size; what lies before oldest is overwritten,
 * and a line begins there. */
static struct {
	u64 oldest, end;
	char bytes[LOG_KEPT];
} kept;

static void (*reader)(void);

struct line {
	size_t length;
	char bytes[LOG_LINE_SIZE];
};

/* The line end overwrites the NUL of vsnprintf(). */
#define LINE_END_SIZE (sizeof(line_end) - 1)
#define TEXT_SIZE     (LOG_LINE_SIZE - LINE_END_SIZE)

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

void log_defuse(char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
}

static char *kept_at(u64 position)
{
	return &kept.bytes[position % LOG_KEPT];
}

/* The length of the line there, its end included. */
static size_t kept_length_locked(u64 position)
{
	size_t length = 1;

	while (*kept_at(position + length - 1) != '\n')
		length++;
	return length;
}

static void line_keep_locked(const struct line *line)
{
	while (kept.end + line->length - kept.oldest > LOG_KEPT)
		kept.oldest += kept_length_locked(kept.oldest);
	for (size_t i = 0; i < line->length; i++)
		*kept_at(kept.end + i) = line->bytes[i];
	__atomic_store_n(&kept.end, kept.end + line->length, __ATOMIC_RELAXED);
}

static void line_write(struct line *line)
{
	log_defuse(line->bytes, line->length);
	memcpy(line->bytes + line->length, line_end, LINE_END_SIZE);
	line->length += LINE_END_SIZE;
	lock_acquire(&line_lock);
	line_keep_locked(line);
	if (!reader)
		hw_console_write_all(line->bytes, line->length);
	lock_release(&line_lock);
	if (reader)
		reader();
}

size_t log_read(u64 *position, char *line, size_t size)
{
	size_t length = 0;

	lock_acquire(&line_lock);
	u64 at = max_u64(*position, kept.oldest);

	if (at < kept.end)
		length = kept_length_locked(at);
	if (length > size)
		length = 0;
	for (size_t i = 0; i < length; i++)
		line[i] = *kept_at(at + i);
	if (length)
		*position = at + length;
	lock_release(&line_lock);
	return length;
}

u64 log_end(void)
{
	return __atomic_load_n(&kept.end, __ATOMIC_RELAXED);
}

void log_set_reader(void (*arrived)(void))
{
	reader = arrived;
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

	/* Machines without a timebase do not get here: discover_harts(). */
	u64 lines =
		(now - budget->refilled_at) / second; /* NOLINT(clang-analyzer-core.DivideZero) */

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

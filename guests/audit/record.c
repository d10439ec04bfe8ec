/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the record that is held back because the next may be equal, and how many there were. */
#include "tests.h"

u32 record_count;

static struct {
	bool any;
	enum context context;
	const char *table;
	u32 first, last;
	char result[160];
} held;

void text_add(struct text *text, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	text->length +=
		format_list(text->s + text->length, sizeof(text->s) - text->length, format, list);
	va_end(list);
}

void text_trap(struct text *text, const struct outcome *outcome)
{
	text_add(text, "t%lu", outcome->cause);
	if (outcome->tval == outcome->bits)
		text_add(text, "=");
	else if (outcome->tval == 0)
		text_add(text, "0");
	else if (outcome->at_pc)
		text_add(text, "@");
	else
		text_add(text, ":%lx", outcome->tval);
	if (outcome->offset)
		text_add(text, "+%lx", (u64)outcome->offset);
}

void record_flush(void)
{
	if (held.any)
		print("r %s %s %x-%x %s\n", context_names[held.context], held.table, held.first,
		      held.last, held.result);
	held.any = false;
}

void record(enum context context, const char *table, u32 item, const char *result)
{
	record_count++;
	if (held.any && held.context == context && held.table == table && held.last + 1 == item &&
	    strcmp(held.result, result) == 0) {
		held.last = item;
		return;
	}
	record_flush();
	held.any = true;
	held.context = context;
	held.table = table;
	held.first = held.last = item;
	format_to(held.result, sizeof(held.result), "%s", result);
}

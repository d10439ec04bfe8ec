/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the rings of hyp/trace.h. Owns nothing. */
#include "hyp/ui/trace_dump.h"

#include <stdio.h>
#include <string.h>

#include "hyp/log.h"
#include "hyp/csr.h"
#include "hyp/trace.h"
#include "hyp/vm/observe.h"
#include "hyp/vm/stats.h"

#define FORMAT_VERSION 1
#define CRC_POLYNOMIAL 0xedb88320u /* of IEEE 802.3, bits reversed */

typedef unsigned long long ull;

void trace_dump_begin(struct trace_dump *dump)
{
	*dump = (struct trace_dump){.crc = ~0u};
}

/* ---- What the numbers mean ---- */

/* A name for an exit is looked up by scause. */
static const u64 interrupts[] = {
	CAUSE_INTERRUPT | IRQ_S_SOFT,
	CAUSE_INTERRUPT | IRQ_S_TIMER,
	CAUSE_INTERRUPT | IRQ_S_EXT,
};

static u64 exit_cause(unsigned index)
{
	return index < EXIT_COUNT_SOFT ? index : interrupts[index - EXIT_COUNT_SOFT];
}

/* ---- Lines of each kind; 0: there are no more of it ---- */

static int begin_line(struct trace_dump *dump, char *line, size_t size)
{
	const struct hw_machine *machine = hw_machine();

	if (dump->index++ > 0)
		return 0;
	return snprintf(line, size, "~begin %x %llx %x", FORMAT_VERSION, (ull)machine->timebase_hz,
			machine->hart_count);
}

static int event_line(struct trace_dump *dump, char *line, size_t size)
{
	unsigned i = dump->index++;

	if (i == TRACE_EVENT_COUNT)
		return 0;
	return snprintf(line, size, "~name event %x %s", i, trace_event_name(i));
}

static int exit_line(struct trace_dump *dump, char *line, size_t size)
{
	unsigned i = dump->index++;

	if (i == EXIT_COUNT_SOFT + ARRAY_SIZE(interrupts))
		return 0;
	return snprintf(line, size, "~name exit %llx %s", (ull)exit_cause(i), stats_cause_name(i));
}

static int state_line(struct trace_dump *dump, char *line, size_t size)
{
	unsigned i = dump->index++;

	if (i > VCPU_PARKED)
		return 0;
	return snprintf(line, size, "~name state %x %s", i, stats_state_name(i));
}

static int life_line(struct trace_dump *dump, char *line, size_t size)
{
	unsigned i = dump->index++;

	if (i > GUEST_FREEING)
		return 0;
	return snprintf(line, size, "~name life %x %s", i, guest_state_name(i));
}

static int vm_line(struct trace_dump *dump, char *line, size_t size)
{
	dump->guest = guest_next(dump->guest);
	if (!dump->guest)
		return 0;
	int length = snprintf(line, size, "~vm %u %u %.64s", dump->guest->vm.id,
			      dump->guest->vm.vcpu_count, dump->guest->vm.name);

	log_defuse(line, strlen(line)); /* names come from the bundle */
	return length;
}

/* ---- Records ---- */

static int hart_line(struct trace_dump *dump, char *line, size_t size)
{
	unsigned hart = dump->index;

	if (hart == hw_machine()->hart_count)
		return 0;
	dump->end = trace_end(hart);
	dump->number = trace_oldest(hart);
	dump->time = 0;
	return snprintf(line, size, "~hart %x %llx", hart, (ull)(dump->number - trace_first(hart)));
}

/* What was there when its hart's turn came has been overwritten, or a hart is just doing it. */
static int lost_line(struct trace_dump *dump, char *line, size_t size)
{
	u64 from = dump->number;
	u64 oldest = trace_oldest(dump->index);

	dump->number = min_u64(dump->end, max_u64(oldest, from + 1));
	return snprintf(line, size, "~lost %llx", (ull)(dump->number - from));
}

static int record_line(struct trace_dump *dump, char *line, size_t size)
{
	struct trace_entry entry;
	char who[16] = "-";

	if (dump->number == dump->end)
		return 0;
	if (!trace_read(dump->index, dump->number, &entry))
		return lost_line(dump, line, size);
	dump->number++;
	u64 ticks = entry.time - dump->time;

	dump->time = entry.time;
	if (entry.vm != TRACE_NOBODY)
		snprintf(who, sizeof(who), "%u.%u", entry.vm, entry.vcpu);
	return snprintf(line, size, "~%llx %x %s %llx", (ull)ticks, (unsigned)entry.event, who,
			(ull)entry.argument);
}

static int end_line(struct trace_dump *dump, char *line, size_t size)
{
	if (dump->index++ > 0)
		return 0;
	return snprintf(line, size, "~end %x %08x", dump->line_count, ~dump->crc);
}

/* ---- One after the other ---- */

/* HART and RECORD take turns, a hart each; index is the hart's in both. */
enum { BEGIN, EVENT, EXIT, STATE, LIFE, VM, HART, RECORD, END };

static int line_of(struct trace_dump *dump, char *line, size_t size)
{
	switch (dump->phase) {
	case BEGIN:
		return begin_line(dump, line, size);
	case EVENT:
		return event_line(dump, line, size);
	case EXIT:
		return exit_line(dump, line, size);
	case STATE:
		return state_line(dump, line, size);
	case LIFE:
		return life_line(dump, line, size);
	case VM:
		return vm_line(dump, line, size);
	case HART:
		return hart_line(dump, line, size);
	case RECORD:
		return record_line(dump, line, size);
	default:
		return end_line(dump, line, size);
	}
}

static void add_to_crc(struct trace_dump *dump, const char *line, size_t length)
{
	for (size_t i = 0; i <= length; i++) {
		dump->crc ^= (u8)(i < length ? line[i] : '\n');
		for (unsigned bit = 0; bit < 8; bit++)
			dump->crc = dump->crc >> 1 ^ (dump->crc & 1 ? CRC_POLYNOMIAL : 0);
	}
	dump->line_count++;
}

/* There are no more lines of this one. */
static void next_phase(struct trace_dump *dump)
{
	if (dump->phase == HART) {
		dump->phase = END;
		dump->index = 0;
	} else if (dump->phase == RECORD) {
		dump->phase = HART;
		dump->index++;
	} else {
		dump->phase++;
		dump->index = 0;
	}
}

size_t trace_dump_line(struct trace_dump *dump, char *line, size_t size)
{
	while (dump->phase <= END) {
		int length = line_of(dump, line, size);

		if (length <= 0) {
			next_phase(dump);
			continue;
		}
		if (dump->phase == HART)
			dump->phase = RECORD;
		add_to_crc(dump, line, (size_t)length);
		return (size_t)length;
	}
	return 0;
}

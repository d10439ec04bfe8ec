/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Switches tracing and profiling, and shows what has come of it. Owns the dump and the report that
 * are under way, which the shell's work alone touches; there is one shell, and one command at a
 * time.
 */
#include "hyp/ui/trace_commands.h"

#include <string.h>

#include "hyp/hw.h"
#include "hyp/mem/page.h"
#include "hyp/trace.h"
#include "hyp/ui/profile_report.h"
#include "hyp/ui/shell_command.h"
#include "hyp/ui/trace_dump.h"
#include "hyp/vm/observe.h"

#define RING_KIB_DEFAULT 256
#define RING_KIB_MIN	 4
#define RING_KIB_MAX	 (1024 * 1024ULL)

typedef unsigned long long ull;

static union {
	struct trace_dump dump;
	struct profile_report report;
} under_way;

/* ---- Rings ---- */

/* Memory for all harts, or for none. */
static enum status make_rings(u64 size)
{
	unsigned hart_count = hw_machine()->hart_count;
	unsigned order = page_order_of(size);
	static hpa_t blocks[HW_HART_MAX];

	for (unsigned i = 0; i < hart_count; i++) {
		if (page_alloc(order, &blocks[i]) == STATUS_OK)
			continue;
		while (i-- > 0)
			page_free(blocks[i], order);
		return STATUS_NO_MEMORY;
	}
	for (unsigned i = 0; i < hart_count; i++)
		trace_set_ring(i, hw_ram(blocks[i]), PAGE_SIZE << order);
	return STATUS_OK;
}

static u64 ring_kib(void)
{
	return trace_ring_size(0) >> 10;
}

/* False: it has been told why there are none of that size. Other harts may be writing to those that
 * are there, so they stay. */
static bool take_rings(const struct shell_call *call)
{
	u64 kib = ring_kib() ? ring_kib() : RING_KIB_DEFAULT;

	if (call->argc && !shell_number(call->argv[0], RING_KIB_MAX, &kib))
		return false;
	kib = (PAGE_SIZE << page_order_of(max_u64(kib, RING_KIB_MIN) << 10)) >> 10;
	if (ring_kib()) {
		if (kib != ring_kib())
			shell_print("The rings have %llu KiB each, and keep that.",
				    (ull)ring_kib());
		return true;
	}
	if (make_rings(kib << 10) == STATUS_OK)
		return true;
	shell_print("There is no memory for %llu KiB a hart.", (ull)kib);
	return false;
}

/* ---- trace ---- */

static enum shell_result trace_on(struct shell_call *call)
{
	if (!take_rings(call))
		return SHELL_DONE;
	observe_start(OBSERVE_TRACE);
	shell_print("Tracing: the last %llu events of each hart are kept.",
		    (ull)(trace_ring_size(0) / TRACE_RECORD_SIZE));
	return SHELL_DONE;
}

static enum shell_result trace_off(struct shell_call *call)
{
	(void)call;
	observe_stop(OBSERVE_TRACE);
	return SHELL_DONE;
}

#define STATUS_HARTS 4 /* a step */

static enum shell_result trace_status(struct shell_call *call)
{
	unsigned hart_count = hw_machine()->hart_count;
	unsigned hart = call->step * STATUS_HARTS;

	if (!ring_kib()) {
		shell_print("Tracing has never been on.");
		return SHELL_DONE;
	}
	if (call->step == 0) {
		shell_print("Tracing is %s, with %llu KiB a hart.",
			    observe_has(OBSERVE_TRACE) ? "on" : "off", (ull)ring_kib());
		shell_print_head("hart      events        lost");
	}
	for (unsigned end = hart + STATUS_HARTS; hart < end && hart < hart_count; hart++) {
		u64 oldest = trace_oldest(hart);

		shell_print("%4u %11llu %11llu", hart, (ull)(trace_end(hart) - oldest),
			    (ull)(oldest - trace_first(hart)));
	}
	return hart < hart_count ? SHELL_MORE : SHELL_DONE;
}

/* Recording ends, or it would overtake what is being read. */
static enum shell_result dump(struct shell_call *call)
{
	char line[TRACE_DUMP_LINE_MAX + 2];

	if (call->step == 0) {
		observe_stop(OBSERVE_TRACE);
		trace_dump_begin(&under_way.dump);
	}
	for (unsigned i = 0; i < SHELL_STEP_LINES; i++) {
		size_t length = trace_dump_line(&under_way.dump, line, TRACE_DUMP_LINE_MAX);

		if (!length)
			return SHELL_DONE;
		line[length] = '\r';
		line[length + 1] = '\n';
		shell_write(line, length + 2);
	}
	return SHELL_MORE;
}

/* ---- profile ---- */

static enum shell_result profile_on(struct shell_call *call)
{
	(void)call;
	observe_start(OBSERVE_PROFILE);
	return SHELL_DONE;
}

static enum shell_result profile_off(struct shell_call *call)
{
	(void)call;
	observe_stop(OBSERVE_PROFILE);
	return SHELL_DONE;
}

static bool begin_report(struct shell_call *call)
{
	struct guest *only = NULL;

	if (call->argc) {
		only = shell_guest(call);
		if (!only)
			return false;
	}
	profile_report_begin(&under_way.report, only);
	shell_print("Profiling is %s.", observe_has(OBSERVE_PROFILE) ? "on" : "off");
	return true;
}

static enum shell_result profile_show(struct shell_call *call)
{
	char line[PROFILE_LINE_MAX];

	if (call->step == 0 && !begin_report(call))
		return SHELL_DONE;
	for (unsigned i = 1; i < SHELL_STEP_LINES; i++) {
		if (!profile_report_line(&under_way.report, line, sizeof(line)))
			return SHELL_DONE;
		shell_print("%s", line);
	}
	return SHELL_MORE;
}

/* ---- What there is ---- */

static const struct shell_command commands[] = {
	{.name = "trace",
	 .sub = "on",
	 .arguments = "[KIB]",
	 .help = "record what every hart does, in memory of so many KiB a hart",
	 .example = "trace on 1024",
	 .argc_max = 1,
	 .step = trace_on},
	{.name = "trace",
	 .sub = "off",
	 .help = "stop recording",
	 .example = "trace off",
	 .step = trace_off},
	{.name = "trace",
	 .sub = "status",
	 .help = "how much is recorded",
	 .example = "trace status",
	 .step = trace_status},
	{.name = "trace",
	 .sub = "dump",
	 .help = "stop recording and print it, for tests/trace/perfetto.py to read",
	 .example = "trace dump",
	 .step = dump},
	{.name = "profile",
	 .sub = "on",
	 .help = "begin to count the time that exits take, by cause",
	 .example = "profile on",
	 .step = profile_on},
	{.name = "profile",
	 .sub = "off",
	 .help = "stop counting",
	 .example = "profile off",
	 .step = profile_off},
	{.name = "profile",
	 .sub = "show",
	 .arguments = "[VM]",
	 .help = "where each vCPU's time went since profiling began",
	 .example = "profile show linux",
	 .takes = {SHELL_VM},
	 .argc_max = 1,
	 .step = profile_show},
};

void trace_commands_init(void)
{
	static struct shell_group group = {.commands = commands, .count = ARRAY_SIZE(commands)};

	shell_add(&group);
}

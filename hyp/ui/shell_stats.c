/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands about what vCPUs do with their time. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hyp/hw.h"
#include "hyp/mem/page.h"
#include "hyp/ui/look.h"
#include "hyp/ui/shell_internal.h"
#include "hyp/vm/stats.h"

#define CAUSES_SHOWN 5
#define TOP_ROWS     16
#define TOP_HARTS    8
#define TOP_LOOKS    8 /* VMs that one step looks at, of up to 32 vCPUs each */

/* Tenths as a number: 973 is 97.3. */
#define TENTHS	   "%3llu.%llu%%"
#define TENTHS4	   "%4llu.%llu%%"
#define TENTHS_(x) (unsigned long long)((x) / 10), (unsigned long long)((x) % 10)

static u64 per_second(u64 count, u64 span)
{
	u64 hz = hw_machine()->timebase_hz;

	if (count > UINT64_MAX / hz)
		return count / max_u64(span / hz, 1);
	return span ? count * hz / span : 0;
}

/* ---- vcpu list ---- */

static const char *state_name(const struct vcpu *vcpu)
{
	return stats_state_name(__atomic_load_n(&vcpu->state, __ATOMIC_RELAXED));
}

/* The most frequent ones, one after the other. */
static void print_causes(struct look *look)
{
	char line[SHELL_COLUMNS + 1];
	size_t length = 0;

	for (unsigned shown = 0; shown < CAUSES_SHOWN; shown++) {
		unsigned most = 0;

		for (unsigned i = 1; i < EXIT_COUNT_MAX; i++)
			if (look->exits[i] > look->exits[most])
				most = i;
		u64 rate = per_second(look->exits[most], look->span);

		look->exits[most] = 0;
		if (!rate || length >= sizeof(line))
			break;
		length += (size_t)snprintf(line + length, sizeof(line) - length, "%s%s %llu",
					   shown ? ", " : "", stats_cause_name(most),
					   (unsigned long long)rate);
	}
	if (length)
		shell_print("      of these: %s", line);
}

/* id: of one that it has. */
static void list_vcpu(struct guest *guest, unsigned id)
{
	const struct vcpu *vcpu = guest->vcpus[id];
	char name[SHELL_NAME_SIZE], vcpu_name[SHELL_NAME_SIZE + 4], hart[12] = "-";
	struct look look;
	s32 on = __atomic_load_n(&vcpu->running_on, __ATOMIC_RELAXED);

	look_at_vcpu(guest, id, &look);
	if (on < 0)
		on = __atomic_load_n(&vcpu->last_hart, __ATOMIC_RELAXED);
	if (on >= 0)
		snprintf(hart, sizeof(hart), "%d", on);
	snprintf(vcpu_name, sizeof(vcpu_name), "%s/%u", shell_cut(guest->vm.name, 31, name), id);
	shell_print("%-*s %-7s %4s " TENTHS "  " TENTHS "  " TENTHS " %8llu",
		    (int)shell_name_width() + 3, vcpu_name, state_name(vcpu), hart,
		    TENTHS_(look_permille(look.run, look.span)),
		    TENTHS_(look_permille(look.ready, look.span)),
		    TENTHS_(look_permille(look.waiting, look.span)),
		    (unsigned long long)per_second(look.exit_total, look.span));
	print_causes(&look);
	if (vcpu->pick_count)
		shell_print(
			"      since it started: given a hart %llu times, moved %llu times",
			(unsigned long long)__atomic_load_n(&vcpu->pick_count, __ATOMIC_RELAXED),
			(unsigned long long)__atomic_load_n(&vcpu->move_count, __ATOMIC_RELAXED));
}

/* number: the vCPU. */
static enum shell_result vcpu_list(struct shell_call *call)
{
	bool one = call->argc != 0;

	if (!call->step) {
		call->guest = one ? shell_guest(call) : guest_next(NULL);
		if (!call->guest)
			return SHELL_DONE;
		shell_print_head("%-*s %-7s %4s %6s %7s %7s %8s", (int)shell_name_width() + 3,
				 "VM/VCPU", "STATE", "HART", "RUNS", "STOLEN", "WAITS", "EXITS/S");
	}
	list_vcpu(call->guest, (unsigned)call->number[0]++);
	if (call->number[0] < call->guest->vm.vcpu_count)
		return SHELL_MORE;
	call->number[0] = 0;
	call->guest = one ? NULL : guest_next(call->guest);
	return call->guest ? SHELL_MORE : SHELL_DONE;
}

/* ---- top ---- */

struct row {
	const struct guest *guest;
	u64 run, ready, waiting; /* in tenths of a percent of one hart */
	u64 exits;		 /* per second */
};

static struct {
	struct row rows[TOP_ROWS]; /* the busiest, the busiest of all first */
	unsigned row_count;
	unsigned guest_count;
} top;

static void insert_row(const struct row *row)
{
	unsigned at = top.row_count;

	while (at && top.rows[at - 1].run < row->run)
		at--;
	if (at == TOP_ROWS)
		return;
	if (top.row_count < TOP_ROWS)
		top.row_count++;
	memmove(&top.rows[at + 1], &top.rows[at], (top.row_count - 1 - at) * sizeof(*row));
	top.rows[at] = *row;
}

static void count_guest(struct guest *guest)
{
	struct look look;

	look_at_guest(guest, &look);
	u64 span = max_u64(look.span, 1);
	struct row row = {
		.guest = guest,
		.run = look.run * 1000 / span,
		.ready = look.ready * 1000 / span,
		.waiting = look.waiting * 1000 / span,
		.exits = per_second(look.exit_total, look.span),
	};

	insert_row(&row);
	top.guest_count++;
}

/* As many as one step may. True: that was the last. */
static bool look_at_some(struct shell_call *call)
{
	if (!call->guest)
		top.row_count = top.guest_count = 0;
	for (unsigned i = 0; i < TOP_LOOKS; i++) {
		call->guest = guest_next(call->guest);
		if (!call->guest)
			return true;
		count_guest(call->guest);
	}
	return false;
}

/* A line that replaces what stood there. */
static void __attribute__((format(printf, 1, 2))) put_line(const char *format, ...)
{
	char line[SHELL_COLUMNS + 1];
	va_list arguments;

	shell_write("\x1b[K", 3);
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	shell_print("%s", line);
}

static void put_head(void)
{
	u64 up = (hw_time() - hw_machine()->boot_time) / hw_machine()->timebase_hz;
	unsigned count = hw_machine()->hart_count;
	char busy[SHELL_COLUMNS + 1] = "";
	size_t length = 0;

	for (unsigned i = 0; i < count; i++) {
		u64 span, idle = look_at_hart(i, &span);

		if (i < TOP_HARTS)
			length += (size_t)snprintf(
				busy + length, sizeof(busy) - length, " %3llu%%",
				(unsigned long long)(100 - look_permille(idle, span) / 10));
	}
	shell_write("\x1b[H", 3);
	put_line("up %llu:%02llu:%02llu, %llu of %llu MiB free", (unsigned long long)(up / 3600),
		 (unsigned long long)(up / 60 % 60), (unsigned long long)(up % 60),
		 (unsigned long long)(page_free_count() * PAGE_SIZE >> 20),
		 (unsigned long long)(page_total_count() * PAGE_SIZE >> 20));
	put_line("%u hart%s busy:%s%s", count, count == 1 ? "" : "s", busy,
		 count > TOP_HARTS ? " ..." : "");
	put_line("%s", "");
	put_line("%-*s %-8s %4s %7s %7s %7s %9s", (int)shell_name_width(), "VM", "STATE", "CPUS",
		 "RUNS", "STOLEN", "WAITS", "EXITS/S");
}

static void put_row(const struct row *row)
{
	char name[SHELL_NAME_SIZE];
	unsigned width = shell_name_width();

	put_line("%-*s %-8s %4u " TENTHS4 " " TENTHS4 " " TENTHS4 " %9llu", (int)width,
		 shell_cut(row->guest->vm.name, width, name),
		 guest_state_name(guest_state(row->guest)), row->guest->vm.vcpu_count,
		 TENTHS_(row->run), TENTHS_(row->ready), TENTHS_(row->waiting),
		 (unsigned long long)row->exits);
}

/* What was below is no more. */
static void put_foot(void)
{
	static const char rest[] = "\x1b[K\x1b[J";

	if (top.guest_count > top.row_count)
		put_line("... and %u more", top.guest_count - top.row_count);
	put_line("any key ends it");
	shell_write(rest, sizeof(rest) - 1);
}

/* number: what of the picture is next: 0 is the head, for which all VMs have to be looked at, then
 * the rows, then the foot. */
static enum shell_result show_top(struct shell_call *call)
{
	static const char clear[] = "\x1b[2J";
	u64 part = call->number[0];

	if (call->key)
		return SHELL_DONE;
	if (!call->step)
		shell_write(clear, sizeof(clear) - 1);
	/* What nobody sees is not drawn. */
	if (part == 0 && !call->guest && call->step && !shell_is_shown())
		goto later;
	if (part == 0) {
		if (!look_at_some(call))
			return SHELL_MORE;
		put_head();
	} else if (part <= top.row_count) {
		put_row(&top.rows[part - 1]);
	} else {
		put_foot();
		goto later;
	}
	call->number[0]++;
	return SHELL_MORE;
later:
	call->number[0] = 0;
	call->wake_at = hw_time() + hw_machine()->timebase_hz;
	return SHELL_WAIT;
}

static const struct shell_command commands[] = {
	{
		.name = "vcpu",
		.sub = "list",
		.arguments = "[VM]",
		.help = "vCPUs, and what they did since the last look",
		.example = "vcpu list web",
		.takes = {SHELL_VM},
		.argc_max = 1,
		.step = vcpu_list,
	},
	{
		.name = "top",
		.help = "who uses the harts; any key ends it",
		.example = "top",
		.step = show_top,
	},
};

struct shell_group shell_stats = {commands, ARRAY_SIZE(commands), NULL};

/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads what vm/observe.c counts, while it counts. Owns nothing. */
#include "hyp/ui/profile_report.h"

#include <stdio.h>

#include "hyp/ui/shell_command.h"
#include "hyp/vm/observe.h"
#include "hyp/vm/stats.h"

#define NS_PER_S     1000000000ULL
#define NAME_COLUMNS 16 /* so that what follows fits the line */

typedef unsigned long long ull;

_Static_assert(EXIT_COUNT_MAX <= 32, "a bit for each cause");

void profile_report_begin(struct profile_report *report, const struct guest *only)
{
	*report = (struct profile_report){.only = only, .guest = guest_next(NULL)};
}

/* Without overflow for some centuries: the timebase is at most 1 GHz. */
static u64 nanoseconds(u64 ticks)
{
	u64 hz = hw_machine()->timebase_hz;

	return ticks / hz * NS_PER_S + ticks % hz * NS_PER_S / hz;
}

static u64 hypervisor_time(const struct vcpu *vcpu)
{
	u64 sum = 0;

	for (unsigned i = 0; i < EXIT_COUNT_MAX; i++)
		sum += vcpu->exit_time[i];
	return sum;
}

/* In hundredths of a percent. */
static unsigned share(u64 part, u64 all)
{
	if (all > UINT64_MAX / 10000)
		return (unsigned)(part / (all / 10000));
	return all ? (unsigned)(part * 10000 / all) : 0;
}

/* The cause that took the most of those not shown yet; EXIT_COUNT_MAX: there are no more. */
static unsigned next_cause(const struct vcpu *vcpu, u32 shown)
{
	unsigned most = EXIT_COUNT_MAX;

	for (unsigned i = 0; i < EXIT_COUNT_MAX; i++) {
		if ((shown >> i & 1) || !vcpu->exit_timed[i])
			continue;
		if (most == EXIT_COUNT_MAX || vcpu->exit_time[i] > vcpu->exit_time[most])
			most = i;
	}
	return most;
}

static int total_line(const struct vcpu *vcpu, char *line, size_t size)
{
	u64 hypervisor = hypervisor_time(vcpu);
	u64 all = vcpu->guest_time + hypervisor;
	unsigned guest_share = share(vcpu->guest_time, all);
	unsigned hypervisor_share = share(hypervisor, all);
	char name[SHELL_NAME_SIZE];

	return snprintf(line, size,
			"%s/%u: %llu ms on harts, guest %u.%02u %%, hypervisor %u.%02u %%",
			shell_cut(vcpu->vm->name, NAME_COLUMNS, name), vcpu->id,
			(ull)(nanoseconds(all) / 1000000), guest_share / 100, guest_share % 100,
			hypervisor_share / 100, hypervisor_share % 100);
}

static int cause_line(const struct vcpu *vcpu, unsigned cause, char *line, size_t size)
{
	u64 time = vcpu->exit_time[cause], count = vcpu->exit_timed[cause];
	unsigned part = share(time, vcpu->guest_time + hypervisor_time(vcpu));
	u64 each = count ? nanoseconds(time) / count : 0;

	return snprintf(line, size, "  %-20s %11llu %13llu %6u.%02u %9llu.%02u",
			stats_cause_name(cause), (ull)count, (ull)(nanoseconds(time) / 1000),
			part / 100, part % 100, (ull)(each / 1000), (unsigned)(each % 1000 / 10));
}

/* 0: there are no more of this vCPU. */
static int vcpu_line(struct profile_report *report, const struct vcpu *vcpu, char *line,
		     size_t size)
{
	if (!observe_has_times(vcpu))
		return 0;
	switch (report->line++) {
	case 0:
		return total_line(vcpu, line, size);
	case 1:
		return snprintf(line, size, "  %-20s %11s %13s %9s %12s", "cause", "exits", "us",
				"%", "us each");
	}
	unsigned cause = next_cause(vcpu, report->shown);

	if (cause == EXIT_COUNT_MAX)
		return 0;
	report->shown |= 1u << cause;
	return cause_line(vcpu, cause, line, size);
}

static void next_vcpu(struct profile_report *report)
{
	report->line = 0;
	report->shown = 0;
	if (++report->vcpu < report->guest->vm.vcpu_count)
		return;
	report->vcpu = 0;
	report->guest = guest_next(report->guest);
}

size_t profile_report_line(struct profile_report *report, char *line, size_t size)
{
	for (; report->guest; next_vcpu(report)) {
		if (report->only && report->guest != report->only)
			continue;
		const struct vcpu *vcpu = vm_vcpu(&report->guest->vm, report->vcpu);
		int length = vcpu ? vcpu_line(report, vcpu, line, size) : 0;

		if (length > 0)
			return (size_t)length;
	}
	return 0;
}

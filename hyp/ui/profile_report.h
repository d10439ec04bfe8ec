/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the time of each vCPU went since profiling began, as lines of text: one call, one line. */
#pragma once

#include "hyp/vm/guest.h"

#define PROFILE_LINE_MAX 128 /* with the NUL */

struct profile_report {
	struct guest *guest; /* whose vCPU is shown */
	const struct guest *only;
	unsigned vcpu;
	unsigned line; /* of that vCPU */
	u32 shown;     /* its causes that have had their line */
};

/* Of one VM; NULL: of all. */
void profile_report_begin(struct profile_report *report, const struct guest *only);

/* Writes the next line, without its end, and returns its length; 0: there are no more. size is
 * PROFILE_LINE_MAX or more. */
size_t profile_report_line(struct profile_report *report, char *line, size_t size);

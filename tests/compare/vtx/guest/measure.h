/* SPDX-License-Identifier: BSD-2-Clause */
/* How operations are measured, and the files that measure some. */
#pragma once

#include "guest.h"

#define WARM_UP 4

struct result {
	u64 n, total, guest, min, max;
};

/* An operation that is one loop. A loop with a step (b) gets fresh memory at a for each round. */
struct operation {
	const char *name;
	loop_function *loop, *base;
	u64 a, b;
	void (*verify)(u64 round, u64 value);
};

/* result.c */
extern struct params params;
bool tracing(void);
void traced(const char *name);
void result_add(struct result *result, u64 host);
void result_print(const char *name, const struct result *result);
u64 ticks_of(loop_function *loop, u64 count, u64 a, u64 b, u64 *value);
void measure(const struct operation *op, void (*between)(void));

/* interrupt.c */
void measure_timers(void);
void measure_interrupt(void);

/* vcpus.c */
void measure_switches(void);
void measure_first_entry(void);
void measure_move(void);

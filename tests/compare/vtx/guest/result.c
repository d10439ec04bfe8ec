/* SPDX-License-Identifier: BSD-2-Clause */
/* Counts an operation twice: all rounds in one go, and each round by itself. Owns params. */
#include "measure.h"

struct params params;

void result_add(struct result *result, u64 host)
{
	if (!result->min || host < result->min)
		result->min = host;
	if (host > result->max)
		result->max = host;
}

void result_print(const char *name, const struct result *result)
{
	print("result op=");
	print(name);
	print_decimal(" n=", result->n);
	print_decimal(" total=", result->total);
	print_decimal(" guest=", result->guest);
	print_decimal(" host=", result->total - result->guest);
	print_decimal(" min=", result->min);
	print_decimal(" max=", result->max);
	print("\n");
}

bool tracing(void)
{
	return params.flags & FLAG_TRACE;
}

void traced(const char *name)
{
	print("traced op=");
	print(name);
	print("\n");
}

/* Not inlined, so that a loop and its baseline are timed by the same instructions. */
NOINLINE u64 ticks_of(loop_function *loop, u64 count, u64 a, u64 b, u64 *value)
{
	u64 start = time_now();

	*value = loop(count, a, b);
	return time_now() - start;
}

static void trace_loop(const struct operation *op)
{
	for (u64 i = 0; i < WARM_UP; i++)
		op->loop(1, op->a + i * op->b, op->b);
	marker();
	op->loop(1, op->a + WARM_UP * op->b, op->b);
	marker();
	traced(op->name);
}

static void measure_each(const struct operation *op, struct result *result, u64 first)
{
	u64 value;

	for (u64 i = 0; i < result->n; i++) {
		u64 a = op->a + (first + i) * op->b;
		u64 total = ticks_of(op->loop, 1, a, op->b, &value);

		if (op->verify)
			op->verify(i, value);
		result_add(result, total - ticks_of(op->base, 1, a, op->b, &value));
	}
}

void measure(const struct operation *op, void (*between)(void))
{
	struct result result = {.n = params.count};
	u64 value;

	if (tracing()) {
		trace_loop(op);
		return;
	}
	op->loop(1, op->a, op->b);
	result.total = ticks_of(op->loop, result.n, op->a + op->b, op->b, &value);
	result.guest = ticks_of(op->base, result.n, op->a + op->b, op->b, &value);
	if (between)
		between();
	measure_each(op, &result, 1);
	result_print(op->name, &result);
}

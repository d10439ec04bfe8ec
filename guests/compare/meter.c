/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the numbers of the operations, and their sums. Only the boot hart measures. */
#include "meter.h"
#include "boot.h"
#include "check.h"
#include "csr.h"
#include "print.h"

volatile u64 meter_begun, meter_number, meter_is_traced;

#define mark(number, value) __asm__ volatile("slti x0, %0, %1" ::"r"(value), "i"(number) : "memory")

u64 meter_rounds(void)
{
	return boot_number("rounds", 10000);
}

struct sums {
	u64 total, least, most, wrong;
};

static bool is_void(const struct operation *operation, struct sbi_result result)
{
	if (!operation->is_void || !operation->is_void(result))
		return false;
	mark(MARK_VOID + COUNTED, meter_number);
	return true;
}

static bool try_round(const struct operation *operation, u64 round, struct sums *sums)
{
	struct sbi_result result;

	if (operation->prepare)
		operation->prepare();
	u64 cost = meter_counted(operation->run, operation->a + round * operation->step,
				 operation->b, &result, meter_number);

	if (is_void(operation, result))
		return false;
	if (operation->end)
		cost = *operation->end - meter_begun;
	sums->total += cost;
	sums->least = cost < sums->least ? cost : sums->least;
	sums->most = cost > sums->most ? cost : sums->most;
	sums->wrong += operation->verify && !operation->verify(result);
	return true;
}

static void run_round(const struct operation *operation, u64 round, struct sums *sums)
{
	while (!try_round(operation, round, sums))
		continue;
}

static bool try_traced(const struct operation *operation, u64 round, struct sums *sums)
{
	struct sbi_result result;

	if (operation->prepare)
		operation->prepare();
	meter_is_traced = 1;
	meter_traced(operation->run, operation->a + round * operation->step, operation->b, &result,
		     meter_number);
	meter_is_traced = 0;
	if (is_void(operation, result))
		return false;
	sums->wrong += operation->verify && !operation->verify(result);
	return true;
}

static void run_traced(const struct operation *operation, u64 round, struct sums *sums)
{
	while (!try_traced(operation, round, sums))
		continue;
}

void measure(const struct operation *operation)
{
	struct sums warm_up = {.least = ~0ul}, sums = {.least = ~0ul};
	u64 usual = csr_read(stvec), traced = operation->traced ? operation->traced : METER_TRACED;

	meter_number++;
	if (operation->vector)
		csr_write(stvec, operation->vector);
	csr_write(sie, operation->interrupts);
	if (operation->vector && operation->interrupts)
		csr_set(sstatus, (u64)SSTATUS_SIE);
	for (u64 i = 0; i < METER_WARM_UP;
	     i++) /* whatever a first use costs is not what is asked for */
		run_round(operation, i, &warm_up);
	mark(MARK_LOOP_BEGIN, meter_number);
	for (u64 i = 0; i < operation->count; i++)
		run_round(operation, METER_WARM_UP + i, &sums);
	mark(MARK_LOOP_END, meter_number);
	for (u64 i = 0; i < traced; i++)
		run_traced(operation, METER_WARM_UP + operation->count + i, &sums);
	csr_clear(sstatus, (u64)SSTATUS_SIE);
	csr_write(sie, 0ul);
	csr_write(stvec, usual);
	print("\ncompare: %lu %s %lu %lu %lu %lu\n", meter_number, operation->name,
	      operation->count, sums.total, sums.least, sums.most);
	check_begin("%s", operation->name);
	check_equal("rounds that had no effect", sums.wrong + warm_up.wrong, 0);
	check_end();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the open check and the tally. Not for several harts at once. */
#include "check.h"
#include "print.h"

static char open_name[96];
static char open_fault[192]; /* empty: nothing wrong so far */
static unsigned int passed, failed;

void check_begin(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	format_list(open_name, sizeof(open_name), format, list);
	va_end(list);
	open_fault[0] = 0;
}

const char *check_name(void)
{
	return open_name;
}

void check_want(bool holds, const char *format, ...)
{
	va_list list;

	if (holds || open_fault[0])
		return;
	va_start(list, format);
	format_list(open_fault, sizeof(open_fault), format, list);
	va_end(list);
}

bool check_equal(const char *what, u64 got, u64 want)
{
	check_want(got == want, "%s is 0x%lx, not 0x%lx", what, got, want);
	return got == want;
}

void check_end(void)
{
	if (open_fault[0]) {
		failed++;
		print("not ok %s: %s\n", open_name, open_fault);
	} else {
		passed++;
		print("ok %s\n", open_name);
	}
}

void check_one(const char *name, u64 got, u64 want)
{
	check_begin("%s", name);
	check_equal("value", got, want);
	check_end();
}

void check_true(const char *name, bool holds)
{
	check_begin("%s", name);
	check_want(holds, "does not hold");
	check_end();
}

void check_skip(const char *name, const char *why)
{
	print("skip %s: %s\n", name, why);
}

void check_error(const char *what, struct sbi_result got, s64 want)
{
	check_want(got.error == want, "%s gave %ld %s, not %s", what, got.error,
		   sbi_error_name(got.error), sbi_error_name(want));
}

void check_error_either(const char *what, struct sbi_result got, s64 want, s64 other)
{
	check_want(got.error == want || got.error == other, "%s gave %ld %s, not %s or %s", what,
		   got.error, sbi_error_name(got.error), sbi_error_name(want),
		   sbi_error_name(other));
}

void check_sbi(const char *name, struct sbi_result got, s64 want)
{
	check_begin("%s", name);
	check_error("call", got, want);
	check_end();
}

void check_trap(const struct trap_info *got, u64 cause, u64 epc, u64 tval)
{
	check_want(got->trapped, "no trap, value 0x%lx; want cause %lu", got->value, cause);
	check_want(got->cause == cause, "cause %lu, not %lu (stval 0x%lx sepc 0x%lx)", got->cause,
		   cause, got->tval, got->epc);
	check_equal("stval", got->tval, tval);
	check_equal("sepc", got->epc, epc);
}

void check_no_trap(const struct trap_info *got, u64 value)
{
	check_want(!got->trapped, "trap %lu, stval 0x%lx, sepc 0x%lx", got->cause, got->tval,
		   got->epc);
	check_equal("value", got->value, value);
}

void check_done(void)
{
	print("done %u %u\n", passed, failed);
	sbi_shutdown();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* How a fake machine stops: a CHECK that fails, shutdown, reboot. Each thread catches its own. */
#include <stdio.h>

#include "hyp/check.h"
#include "tests/fake/fake_hw.h"

static _Thread_local jmp_buf catcher;
static _Thread_local bool catching;
static _Thread_local enum fake_end caught_end;
static _Thread_local char caught_condition[256];

jmp_buf *fake_catch_end(void)
{
	if (catching)
		fake_fail("FAKE_CATCH_END inside another");
	catching = true;
	caught_end = FAKE_END_NONE;
	return &catcher;
}

enum fake_end fake_caught_end(void)
{
	return caught_end;
}

void fake_forget_end(void)
{
	catching = false;
}

const char *fake_check_condition(void)
{
	return caught_condition;
}

static _Noreturn void end_with(enum fake_end end)
{
	caught_end = end;
	longjmp(catcher, 1);
}

void check_failed(const char *file, int line, const char *condition)
{
	if (!catching)
		fake_fail("%s:%d: CHECK(%s) failed", file, line, condition);
	snprintf(caught_condition, sizeof(caught_condition), "%s", condition);
	end_with(FAKE_END_CHECK);
}

void hw_shutdown(void)
{
	if (!catching)
		fake_fail("shutdown that the test did not expect");
	end_with(FAKE_END_SHUTDOWN);
}

void hw_reboot(void)
{
	if (!catching)
		fake_fail("reboot that the test did not expect");
	end_with(FAKE_END_REBOOT);
}

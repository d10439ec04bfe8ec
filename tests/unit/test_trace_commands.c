/* SPDX-License-Identifier: BSD-2-Clause */
/* Tracing and profiling as the operator has them. */
#include "hyp/mem/page.h"
#include "hyp/ui/trace_commands.h"
#include "tests/unit/shell_screen.h"

static int setup(void **state)
{
	unsetenv("LIVE_OBSERVE");
	setup_shell(state);
	trace_forget();
	trace_commands_init();
	return 0;
}

static void record(unsigned hart, u64 count)
{
	unsigned self = hw_hart_index();

	fake_set_hart(hart);
	for (u64 i = 0; i < count; i++)
		trace(TRACE_FAULT, guests[1]->vcpus[0], i);
	fake_set_hart(self);
}

static void memory_is_taken_when_it_is_first_switched_on(void **state)
{
	u64 before = page_free_count();
	u64 rings = 2 * KIB(256) / PAGE_SIZE;

	(void)state;
	assert_says("trace status", "Tracing has never been on.\n");
	assert_says("trace on", "Tracing: the last 8192 events of each hart are kept.\n");
	assert_int_equal(before - page_free_count(), rings);
	assert_true(observe_has(OBSERVE_TRACE));
	assert_says("trace off", "");
	assert_false(observe_has(OBSERVE_TRACE));
	assert_says("trace on", "Tracing: the last 8192 events of each hart are kept.\n");
	assert_says("trace on 256", "Tracing: the last 8192 events of each hart are kept.\n");
	assert_says("trace on 512", "The rings have 256 KiB each, and keep that.\n"
				    "Tracing: the last 8192 events of each hart are kept.\n");
	assert_int_equal(before - page_free_count(), rings);
	say("trace off");
}

static void its_size_can_be_said(void **state)
{
	u64 before = page_free_count();

	(void)state;
	assert_says("trace on 1.5", "\"1.5\" is no number from 0 to 1048576\n");
	assert_says("trace on 1000", "Tracing: the last 32768 events of each hart are kept.\n");
	assert_int_equal(before - page_free_count(), 2 * MIB(1) / PAGE_SIZE);
	setup(NULL);
	assert_says("trace on 0", "Tracing: the last 128 events of each hart are kept.\n");
	say("trace off");
}

static void without_memory_nothing_is_on_and_nothing_lost(void **state)
{
	u64 before = page_free_count();

	(void)state;
	page_fail_after(1, 1);
	assert_says("trace on", "There is no memory for 256 KiB a hart.\n");
	assert_says("trace on 1048576", "There is no memory for 1048576 KiB a hart.\n");
	assert_int_equal(page_free_count(), before);
	assert_false(observe_has(OBSERVE_TRACE));
	page_fail_after(0, 0);
	assert_says("trace on", "Tracing: the last 8192 events of each hart are kept.\n");
	say("trace off");
}

static void the_status_tells_what_is_kept_and_lost(void **state)
{
	(void)state;
	say("trace on 4");
	say("trace on");
	record(0, 100);
	record(1, 130);
	assert_says("trace status", "Tracing is on, with 4 KiB a hart.\n"
				    "hart      events        lost\n"
				    "   0         100           0\n"
				    "   1         128           2\n");
	say("trace off");
	assert_says_part("trace status", "Tracing is off, with 4 KiB a hart.\n");
}

static void the_dump_is_all_of_it_and_ends_the_recording(void **state)
{
	unsigned count = 0;

	(void)state;
	say("trace on 4");
	record(0, 100);
	record(1, 130);
	const char *text = say("trace dump");

	assert_false(observe_has(OBSERVE_TRACE));
	assert_int_equal(strncmp(text, "~begin 1 ", 9), 0);
	for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
		assert_int_equal(*line, '~');
		count += strstr(line, " 8 1.0 ") && strstr(line, " 8 1.0 ") < strchr(line, '\n');
	}
	assert_int_equal(count, 228);
	assert_non_null(strstr(text, "\n~vm 2 1 two\n"));
	assert_non_null(strstr(text, "\n~hart 1 2\n"));
	assert_non_null(strstr(text, "\n~end "));
	/* It can be had again. */
	char *first = strdup(text);

	assert_says("trace dump", first);
	free(first);
}

static void a_profile_is_of_those_that_ran(void **state)
{
	struct vcpu *vcpu = guests[2]->vcpus[0];

	(void)state;
	assert_says("profile show", "Profiling is off.\n");
	assert_says("profile on", "");
	assert_true(observe_has(OBSERVE_PROFILE));
	vcpu->leave = 1;
	observe_run(vcpu);
	vcpu->guest_time = 900;
	vcpu->exit_time[CAUSE_ECALL_VS] = 100;
	vcpu->exit_timed[CAUSE_ECALL_VS] = 4;
	assert_says_part("profile show", "Profiling is on.\ntwo/0: ");
	assert_says_part("profile show two", " guest 90.00 %, hypervisor 10.00 %\n  cause ");
	assert_says_part("profile show two", "\n  SBI                            4 ");
	assert_says("profile show one", "Profiling is on.\n");
	assert_says("profile show nobody", "there is no VM \"nobody\"; \"vm list\" lists them\n");
	assert_says("profile off", "");
	assert_says_part("profile show", "Profiling is off.\ntwo/0: ");
}

static void they_have_help(void **state)
{
	(void)state;
	assert_says_part("help trace on", "\n  for example: trace on 1024\n");
	assert_says_part("help profile show", "profile show [VM]\n");
	assert_says("trace", "after \"trace\" comes one of: on off status dump\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(memory_is_taken_when_it_is_first_switched_on, setup),
		cmocka_unit_test_setup(its_size_can_be_said, setup),
		cmocka_unit_test_setup(without_memory_nothing_is_on_and_nothing_lost, setup),
		cmocka_unit_test_setup(the_status_tells_what_is_kept_and_lost, setup),
		cmocka_unit_test_setup(the_dump_is_all_of_it_and_ends_the_recording, setup),
		cmocka_unit_test_setup(a_profile_is_of_those_that_ran, setup),
		cmocka_unit_test_setup(they_have_help, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

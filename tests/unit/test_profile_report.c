/* SPDX-License-Identifier: BSD-2-Clause */
/* The profile as the shell shows it. */
#include "hyp/ui/profile_report.h"
#include "tests/unit/live.h"

static struct profile_report report;

static u64 no_code(struct vcpu *vcpu)
{
	(void)vcpu;
	fake_fail("no guest is entered here");
}

/* A machine of 10 MHz, a VM of two vCPUs and one of one, nothing counted yet. */
static int setup(void **state)
{
	(void)state;
	unsetenv("LIVE_OBSERVE");
	struct fake_options options = fake_defaults();

	live_start(&options);
	live_create_running(2, no_code);
	live_create_running(1, no_code);
	return 0;
}

static struct vcpu *vcpu_of(unsigned vm, unsigned id)
{
	return live.vms[vm].guest->vcpus[id];
}

/* As the hart that enters it does. */
static void take_part(struct vcpu *vcpu)
{
	vcpu->leave = 1;
	observe_run(vcpu);
}

static const char *next_line(void)
{
	static char line[PROFILE_LINE_MAX];
	size_t length = profile_report_line(&report, line, sizeof(line));

	assert_true(length <= 80);
	line[length] = '\0';
	return line;
}

static void times_are_shown_by_cause_the_longest_first(void **state)
{
	struct vcpu *vcpu = vcpu_of(0, 1);

	(void)state;
	observe_start(OBSERVE_PROFILE);
	take_part(vcpu);
	vcpu->guest_time = 30000000;
	vcpu->exit_timed[CAUSE_ECALL_VS] = 1000;
	vcpu->exit_time[CAUSE_ECALL_VS] = 3000;
	vcpu->exit_timed[EXIT_COUNT_OTHER] = 2;
	vcpu->exit_timed[EXIT_COUNT_TIMER] = 7;
	vcpu->exit_time[EXIT_COUNT_TIMER] = 9997000;
	profile_report_begin(&report, NULL);
	assert_string_equal(next_line(),
			    "live/1: 4000 ms on harts, guest 75.00 %, hypervisor 25.00 %");
	assert_string_equal(next_line(), "  cause                      exits            us       "
					 "  %      us each");
	assert_string_equal(next_line(), "  timer                          7        999700     "
					 "24.99    142814.28");
	assert_string_equal(next_line(), "  SBI                         1000           300     "
					 " 0.00         0.30");
	assert_string_equal(next_line(), "  other interrupt                2             0     "
					 " 0.00         0.00");
	assert_string_equal(next_line(), "");
	assert_string_equal(next_line(), "");
}

static void those_that_took_no_part_are_not_shown(void **state)
{
	(void)state;
	profile_report_begin(&report, NULL);
	assert_string_equal(next_line(), "");
	observe_start(OBSERVE_PROFILE);
	take_part(vcpu_of(0, 0));
	take_part(vcpu_of(1, 0));
	profile_report_begin(&report, live.vms[1].guest);
	assert_int_equal(strncmp(next_line(), "live/0: 0 ms", 12), 0);
	next_line();
	assert_string_equal(next_line(), "");
	profile_report_begin(&report, NULL);
	for (unsigned i = 0; i < 4; i++)
		assert_string_not_equal(next_line(), "");
	assert_string_equal(next_line(), "");
	/* The next profile is another one. */
	observe_stop(OBSERVE_PROFILE);
	observe_start(OBSERVE_PROFILE);
	profile_report_begin(&report, NULL);
	assert_string_equal(next_line(), "");
}

static void times_of_years_do_not_overflow(void **state)
{
	struct vcpu *vcpu = vcpu_of(1, 0);

	(void)state;
	observe_start(OBSERVE_PROFILE);
	take_part(vcpu);
	vcpu->guest_time = 10000000ULL * 3600 * 24 * 365 * 5;
	profile_report_begin(&report, NULL);
	assert_string_equal(next_line(),
			    "live/0: 157680000000 ms on harts, guest 100.00 %, hypervisor 0.00 %");
}

/* A terminal of 80 columns has 79 to write in. */
static void the_longest_name_fits_the_line(void **state)
{
	struct vcpu *vcpu = vcpu_of(1, 0);

	(void)state;
	vcpu->vm->name = "vm-with-a-name-of-31-letters-00";
	observe_start(OBSERVE_PROFILE);
	take_part(vcpu);
	vcpu->guest_time = 10000000ULL * 3600 * 24;
	profile_report_begin(&report, NULL);
	const char *line = next_line();

	assert_true(strlen(line) <= 79);
	assert_non_null(strstr(line, "hypervisor 0.00 %"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(times_are_shown_by_cause_the_longest_first, setup),
		cmocka_unit_test_setup(those_that_took_no_part_are_not_shown, setup),
		cmocka_unit_test_setup(times_of_years_do_not_overflow, setup),
		cmocka_unit_test_setup(the_longest_name_fits_the_line, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What the shell shows of VMs, vCPUs, harts and memory: true, and no wider than the terminal, even
 * with many VMs of long names. */
#include "tests/unit/shell_screen.h"

#define MANY	  CONSOLE_GUEST_MAX
#define LONG_NAME "vm-with-a-name-of-31-letters-%02u"

static const struct bundle_image kernel = {.name = "an-image-with-31-letters-or-so-x"};
static struct bundle_vm bundle_vms[MANY];
static struct bundle bundle = {.vms = bundle_vms, .vm_count = MANY};

static int setup_many(void **state)
{
	char name[40];

	(void)state;
	start_machine(2);
	look_forget_all();
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), LONG_NAME, i);
		make_guest(i, name);
		bundle_vms[i] = (struct bundle_vm){
			.name = guest_names[i],
			.kernel = &kernel,
			.ramdisk = &kernel,
			.fdt = i % 2 ? &kernel : NULL,
			.bootargs = "console=ttyS0 earlycon=sbi root=/dev/ram0 init=/sbin/init "
				    "quiet loglevel=9 some.other=parameters and=even.more of=them "
				    "until=nobody would=ever read=all of=this in=one line=at.all "
				    "and=still more=of it=than fits=into three=lines of=eighty",
		};
	}
	log_info("a message of %0200d letters", 1);
	shell_init(&bundle);
	settle_shell();
	return 0;
}

/* Each number as large as it can be. */
static void fill_counters(void)
{
	for (unsigned i = 0; i < MANY; i++) {
		struct vcpu *vcpu = guests[i]->vcpus[0];

		vcpu->run_time = vcpu->ready_time = vcpu->waiting_time = UINT64_MAX / 2;
		memset(vcpu->exit_count, 0xff, sizeof(vcpu->exit_count));
		guests[i]->config.memory_size = UINT64_MAX;
		guests[i]->config.limits =
			(struct sched_limits){10000, 6400, UINT64_MAX, true, 1000000, 2000000};
		guests[i]->config.depends_count = GUEST_DEPENDS_MAX;
		guests[i]->reason = "of a mishap that takes more words to explain than fit";
		for (unsigned j = 0; j < GUEST_DEPENDS_MAX; j++)
			guests[i]->config.depends[j] = guests[(i + j) % MANY];
	}
}

static unsigned count_lines(const char *text)
{
	unsigned count = 0;

	for (; *text; text++)
		count += *text == '\n';
	return count;
}

static void everything_fits_the_terminal(void **state)
{
	static const char *const lines[] = {"vm list",	"vcpu list",  "memory",
					    "harts",	"interrupts", "bundle",
					    "log 1000", "version",    "help"};

	(void)state;
	for (unsigned full = 0; full < 2; full++) {
		for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
			/* say() looks at the width of each line, and at how many a step says. */
			unsigned count = count_lines(say(lines[i]));

			assert_true(count > (i < 5 && i != 3 ? MANY : 0));
		}
		type_keys("top\r");
		assert_true(count_lines(answer) > 16);
		type_keys("q");
		type_keys("vm start \t\t");
		assert_true(count_lines(answer) <= 19);
		type_keys("\x03");
		fill_counters();
	}
}

static void vms_are_listed(void **state)
{
	(void)state;
	setup_shell(NULL);
	say("vm start one");
	guests[1]->memory.page_count = 512;
	guests[2]->reason = "the operator stopped it";
	assert_says("vm list", " # VM       STATE    CPUS MIB GIVEN/MAX  LAST END\n"
			       " 0 zero     off         1           0/8  \n"
			       " 1 one      running     1           2/8  \n"
			       " 2 two      off         1           0/8  the operator stopped "
			       "it\n");
}

static void vcpus_tell_where_time_went(void **state)
{
	struct vcpu *vcpu;

	(void)state;
	setup_shell(NULL);
	say("vm start one");
	vcpu = guests[1]->vcpus[0];
	say("vcpu list");
	/* A second, of which it ran for a quarter and waited for the rest. */
	fake_advance_time(hw_machine()->timebase_hz);
	vcpu->run_time += hw_machine()->timebase_hz / 4;
	vcpu->waiting_time += hw_machine()->timebase_hz / 2;
	vcpu->exit_count[CAUSE_ECALL_VS] += 5000;
	vcpu->exit_count[EXIT_COUNT_TIMER] += 250;
	vcpu->exit_count[CAUSE_BREAKPOINT] += 3;
	const char *text = say("vcpu list one");

	/* It is ready all the time, too: nobody runs it. */
	assert_string_equal(text, "VM/VCPU     STATE   HART   RUNS  STOLEN   WAITS  EXITS/S\n"
				  "one/0       ready      -  25.0%  100.0%   50.0%     5253\n"
				  "      of these: SBI 5000, timer 250, breakpoint 3\n");
	/* Nothing happened since. */
	fake_advance_time(hw_machine()->timebase_hz);
	assert_says_part("vcpu list one",
			 "one/0       ready      -   0.0%  100.0%    0.0%        0\n");
	/* The VM begins anew, and so do its counters. */
	fake_advance_time(hw_machine()->timebase_hz);
	say("vm reset one");
	guests[1]->started_at = hw_time();
	fake_advance_time(hw_machine()->timebase_hz / 2);
	vcpu->run_time = hw_machine()->timebase_hz / 4;
	vcpu->exit_count[CAUSE_ECALL_VS] = 10;
	text = say("vcpu list one");
	assert_non_null(strstr(text, "  50.0%"));
	assert_non_null(strstr(text, "SBI 20\n"));
	assert_says("vcpu list nobody", "there is no VM \"nobody\"; \"vm list\" lists them\n");
}

static void rates_neither_overflow_nor_divide_by_zero(void **state)
{
	(void)state;
	setup_shell(NULL);
	fake_machine()->timebase_hz = 1000000000;
	guests[0]->vcpus[0]->exit_count[CAUSE_ECALL_VS] = 1000000000;
	say("vcpu list zero");
	fake_advance_time(1000000000ULL * 100);
	guests[0]->vcpus[0]->exit_count[CAUSE_ECALL_VS] += 1000000000;
	assert_says_part("vcpu list zero", "SBI 10000000\n");
	say("vcpu list zero");
	say("vcpu list zero");
	say("harts");
	say("harts");
}

static void rates_are_true_for_any_clock(void **state)
{
	(void)state;
	setup_shell(NULL);
	fake_machine()->timebase_hz = 24000000;
	say("vcpu list zero");
	fake_advance_time(2 * 24000000);
	guests[0]->vcpus[0]->exit_count[CAUSE_ECALL_VS] += 48000;
	assert_says_part("vcpu list zero", "SBI 24000\n");
}

static void harts_say_what_they_run(void **state)
{
	(void)state;
	setup_shell(NULL);
	fake_machine()->hart_id[1] = 77;
	say("harts");
	pcpu_get(1)->current = guests[2]->vcpus[0];
	const char *text = say("harts");

	assert_non_null(strstr(text, "   1                 77 "));
	assert_non_null(strstr(text, " two/0 "));
	pcpu_get(1)->current = NULL;
}

/* Ids as one finds them on boards. */
static void the_machine_is_told_in_full(void **state)
{
	(void)state;
	setup_shell(NULL);
	fake_machine()->mvendorid = 0x489;
	fake_machine()->marchid = 0x8000000000000007;
	fake_machine()->mimpid = 0x6220425;
	fake_machine()->mmu_type = "riscv,sv57";
	assert_says_part("version", "implementation 0x6220425\n");
}

static void memory_is_accounted_for(void **state)
{
	char line[64];

	(void)state;
	setup_shell(NULL);
	snprintf(line, sizeof(line), "  %llu of %llu KiB are free\n",
		 (unsigned long long)(page_free_count() * 4),
		 (unsigned long long)(page_total_count() * 4));
	const char *text = say("memory");

	assert_non_null(strstr(text, line));
	assert_non_null(
		strstr(text, "  zero                                     0 of       8192 KiB\n"));
}

static void interrupts_are_told_as_they_are(void **state)
{
	(void)state;
	setup_shell(NULL);
	guests[1]->vcpus[0]->exit_count[EXIT_COUNT_TIMER] = 42;
	press(KEY "1");
	put(guests[1], IER, 1);
	press("k");
	press(KEY "s");
	settle_shell();
	const char *text = say("interrupts one");

	assert_non_null(strstr(text, "\none                                       0          42"));
	assert_non_null(strstr(text, "  source 10 (uart): wire high, pending, in service, priority "
				     "0, enabled 0/1\n"));
}

static void the_bundle_is_told(void **state)
{
	(void)state;
	guests[1]->config.limits = (struct sched_limits){
		.shares = 300, .quota = 50, .harts = 3, .rt_budget = 1000, .rt_period = 10000};
	guests[1]->config.restart = GUEST_RESTART_ON_FAILURE;
	guests[1]->config.depends[0] = guests[0];
	guests[1]->config.depends_count = 1;
	const char *text = say("bundle vm-with-a-name-of-31-letters-01");

	assert_non_null(strstr(text, ": 1 vCPU, 8 MiB\n"));
	assert_non_null(strstr(text, "  kernel       an-image"));
	assert_non_null(strstr(text, "  bootargs     console=ttyS0 "));
	assert_non_null(strstr(text, "  shares 300, at most 50% of a hart, harts: 0,1\n"));
	assert_non_null(strstr(text, "  real-time: 100 us in every 1000 us for each vCPU\n"));
	assert_non_null(strstr(text, "  starts when told, restarts on failure; needs "
				     "vm-with-a-name-of-31-letters-00\n"));
}

static void top_goes_on_until_a_key_is_pressed(void **state)
{
	(void)state;
	setup_shell(NULL);
	say("vm start two");
	fake_console_clear();
	fake_console_type("top\r", 4);
	pass_ms(0);
	assert_non_null(strstr(fake_console_output(), "any key ends it"));
	for (unsigned i = 0; i < 3; i++) {
		fake_console_clear();
		pass_ms(500);
		assert_shown("");
		guests[2]->vcpus[0]->run_time += hw_machine()->timebase_hz / 2;
		pass_ms(500);
		/* In place, the busiest first. */
		assert_int_equal(strncmp(fake_console_output(), "\x1b[H", 3), 0);
		const char *row = strstr(fake_console_output(), "EXITS/S");

		assert_int_equal(strncmp(row + strlen("EXITS/S\r\n\x1b[K"), "two ", 4), 0);
		assert_non_null(strstr(row, " 50.0%"));
	}
	/* Nobody looks: nothing is drawn, and when somebody does again, it is. */
	press(KEY "0");
	pass_ms(5000);
	fake_console_clear();
	console_show_shell();
	pass_ms(1100);
	assert_true(strlen(fake_console_output()) < 3000);
	assert_non_null(strstr(fake_console_output(), "EXITS/S"));
	/* The key is top's own. */
	fake_console_clear();
	press("v");
	settle_shell();
	assert_shown("\r"
		     "hartwood> \x1b[K\r\x1b[10C");
	pass_ms(3000);
	assert_shown("");
	/* The key that asks for a name ends it too. */
	fake_console_type("top\r", 4);
	pass_ms(100);
	fake_console_clear();
	press(KEY ":");
	settle_shell();
	assert_non_null(strstr(fake_console_output(), "hartwood> console "));
}

/* The first look at a VM takes a page, which shows who is looked at. */
static void top_looks_at_many_vms_in_pieces(void **state)
{
	u64 free_pages = page_free_count(), before = free_pages;

	(void)state;
	fake_console_type("top\r", 4);
	be_interrupted();
	while (do_work()) {
		assert_true(before - page_free_count() < MANY);
		before = page_free_count();
	}
	assert_int_equal(free_pages - before, MANY);
	assert_non_null(strstr(fake_console_output(), "... and 24 more"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(everything_fits_the_terminal, setup_many),
		cmocka_unit_test(vms_are_listed),
		cmocka_unit_test(vcpus_tell_where_time_went),
		cmocka_unit_test(rates_neither_overflow_nor_divide_by_zero),
		cmocka_unit_test(rates_are_true_for_any_clock),
		cmocka_unit_test(harts_say_what_they_run),
		cmocka_unit_test(the_machine_is_told_in_full),
		cmocka_unit_test(memory_is_accounted_for),
		cmocka_unit_test(interrupts_are_told_as_they_are),
		cmocka_unit_test_setup(the_bundle_is_told, setup_many),
		cmocka_unit_test(top_goes_on_until_a_key_is_pressed),
		cmocka_unit_test_setup(top_looks_at_many_vms_in_pieces, setup_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

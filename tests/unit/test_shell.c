/* SPDX-License-Identifier: BSD-2-Clause */
/* The shell: lines become commands, commands do what they say, and none holds up anything. */
#include "tests/unit/shell_screen.h"

static void the_shell_is_in_focus_when_nothing_starts(void **state)
{
	(void)state;
	setup_guests(NULL);
	fake_console_clear();
	shell_init(NULL);
	settle_shell();
	assert_non_null(strstr(fake_console_output(), BANNER("shell") "\r" PROMPT));
	assert_false(guest_all_off());
}

static void a_vm_that_starts_stays_in_focus(void **state)
{
	struct guest_config config = {
		.name = "auto",
		.vcpu_count = 1,
		.memory_size = MIB(8),
		.limits.shares = 100,
		.autostart = true,
		.loader = QUICK_LOADER,
	};
	struct guest *guest;

	(void)state;
	setup_guests(NULL);
	assert_int_equal(console_attach(&config.console), STATUS_OK);
	assert_int_equal(guest_create(&config, &guest), STATUS_OK);
	console_connect(&config.console, guest);
	shell_init(NULL);
	settle_shell();
	assert_ptr_equal(console_focus(), guest);
	assert_shown("");
	press(KEY "s");
	settle_shell();
	assert_shown(BANNER("shell") "\r" PROMPT "\x1b[K\r\x1b[10C");
}

static void without_vms_there_is_only_the_shell(void **state)
{
	(void)state;
	start_machine(1);
	look_forget_all();
	shell_init(NULL);
	settle_shell();
	/* Nobody starts by himself, and nobody is there to start. */
	press(KEY "s");
	settle_shell();
	assert_says("console", "there is no console to show\n");
	assert_says("console all", "there is no console to show\n");
	assert_says("vm start x", "there is no VM \"x\"; \"vm list\" lists them\n");
	/* Ctrl-D leads to no VM: the prompt stays. */
	type_keys("\x04");
	assert_non_null(strstr(answer, PROMPT));
	assert_says("vcpu list", "");
	assert_says_part("bundle", "");
}

static void what_is_wrong_is_told(void **state)
{
	(void)state;
	assert_says("", "");
	assert_says("   ", "");
	assert_says("nonsense", "\"nonsense\" is no command; \"help\" lists them\n");
	assert_says("hlep", "\"hlep\" is no command; did you mean \"help\"?\n");
	assert_says("memry", "\"memry\" is no command; did you mean \"memory\"?\n");
	assert_says("vm strat one", "\"vm strat\" is no command; did you mean \"vm start\"?\n");
	assert_says("vm xyz", "\"vm xyz\" is no command; \"help\" lists them\n");
	assert_says("vm", "after \"vm\" comes one of: list start stop reset pause resume\n");
	assert_says("vm start", "there is something missing; it is: vm start NAME\n");
	assert_says("vm list x", "that is too much; it is: vm list\n");
	assert_says("clear a b c d e f g h i j k", "that is too much; it is: clear\n");
	assert_says("vm start nobody", "there is no VM \"nobody\"; \"vm list\" lists them\n");
	assert_says("log many", "\"many\" is no number from 0 to 100000\n");
	assert_says("log 100001", "\"100001\" is no number from 0 to 100000\n");
	assert_says("log 99999999999999999999999",
		    "\"99999999999999999999999\" is no number from 0 to 100000\n");
}

static void every_command_has_help_and_an_example(void **state)
{
	static const char *const commands[] = {
		"vm list",   "vm start",   "vm stop",	"vm reset", "vm pause",
		"vm resume", "console",	   "vcpu list", "top",	    "memory",
		"harts",     "interrupts", "bundle",	"log",	    "version",
		"clear",     "shutdown",   "reboot",	"help",
	};
	char line[64];

	(void)state;
	char *all = strdup(say("help"));

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		snprintf(line, sizeof(line), "\n  %s ", commands[i]);
		assert_true(strstr(all, line) || !strncmp(all, line + 1, strlen(line + 1)));
		snprintf(line, sizeof(line), "help %s", commands[i]);
		assert_says_part(line, "\n  for example: ");
	}
	/* All of it fits. */
	assert_null(strchr(all, '~'));
	free(all);
	assert_says_part("help", "\nCtrl-] and then ? lists ");
	console_set_escape(1);
	assert_says_part("help", "\nCtrl-A and then ? lists ");
	console_set_escape(0);
	assert_null(strstr(say("help"), "Ctrl-"));
	assert_says("help vm pause", "vm pause NAME\n  let it and its clock stand still\n"
				     "  for example: vm pause web\n");
	assert_says("help nothing", "there is no such command; \"help\" lists them\n");
}

static void vms_are_started_and_stopped(void **state)
{
	(void)state;
	assert_says_part("vm list", " 1 one      off         1           0/8  ");
	assert_says("vm stop one", "one is off: it cannot be stopped now\n");
	say("vm start one");
	assert_int_equal(guest_state(guests[1]), GUEST_RUNNING);
	assert_says_part("vm list", " 1 one      running     1           0/8  ");
	assert_says("vm start one", "one is running: it cannot be started now\n");
	say("vm pause one");
	assert_int_equal(guest_state(guests[1]), GUEST_PAUSED);
	assert_says("vm pause one", "one is paused: it cannot be paused now\n");
	say("vm resume one");
	assert_int_equal(guest_state(guests[1]), GUEST_RUNNING);
	say("vm reset one");
	assert_int_equal(guest_state(guests[1]), GUEST_RUNNING);
	say("vm stop one");
	assert_int_equal(guest_state(guests[1]), GUEST_OFF);
	assert_int_equal(guest_state(guests[0]), GUEST_OFF);
}

static void the_console_goes_to_a_vm_by_name(void **state)
{
	(void)state;
	sbi_write(guests[2], "hello\r\n");
	type_keys("console two\r");
	assert_ptr_equal(console_focus(), guests[2]);
	assert_non_null(strstr(answer, "[two]\nhello\n"));
	press(KEY ":");
	assert_non_null(strstr(type_keys(""), ""));
	settle_shell();
	assert_non_null(strstr(type_keys("one\r"), "[one]\n"));
	press(KEY "s");
	settle_shell();
	assert_says("console three", "there is no VM \"three\"; \"vm list\" lists them\n");
	assert_non_null(strstr(type_keys("console all\r"), "[all VMs]\n"));
	press(KEY "s");
	settle_shell();
	/* Without a name, and with ^D: back. */
	assert_non_null(strstr(type_keys("console\r"), "[one]\n"));
	press(KEY "s");
	settle_shell();
	assert_non_null(strstr(type_keys("\x04"), "[one]\n"));
}

static void the_log_is_shown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++)
		log_info("message %u", i);
	const char *text = say("log 3");

	assert_string_equal(text, "hartwood: message 97\nhartwood: message 98\n"
				  "hartwood: message 99\n");
	assert_says("log 0", "");
	text = say("log");
	assert_int_equal(strncmp(text, "hartwood: message 80\n", 21), 0);
	log_info("%0200d", 7);
	assert_says_part("log 1", "000\n  000");
}

static void the_screen_is_cleared(void **state)
{
	(void)state;
	say("clear");
	assert_non_null(strstr(fake_console_output(), "\x1b[H\x1b[2J\r" PROMPT));
}

static void words_are_completed(void **state)
{
	(void)state;
	assert_non_null(strstr(type_keys("vm st\t\t"), "\nstart  stop   \n"));
	assert_non_null(strstr(type_keys("a\t\x0c"), PROMPT "vm start "));
	assert_non_null(strstr(type_keys("\t\t"), "\nzero  one   two   \n"));
	type_keys("z\t");
	assert_non_null(strstr(type_keys("\x0c"), PROMPT "vm start zero "));
	type_keys("\x15"
		  "cons\ta\t");
	assert_non_null(strstr(type_keys("\x0c"), PROMPT "console all "));
	type_keys("\x15"
		  "help vm res\t");
	assert_non_null(strstr(type_keys("\t"), "\nreset   resume  \n"));
	type_keys("\x15"
		  "help verb\t\x08\t");
	assert_non_null(strstr(type_keys("\x0c"), PROMPT "help version "));
	type_keys("\x15xyz \t");
	assert_non_null(strstr(type_keys("\x0c"), PROMPT "xyz "));
}

static void a_running_vm_is_not_shut_down_by_mistake(void **state)
{
	(void)state;
	assert_says("shutdown later", "\"later\": only \"now\" may stand here\n");
	say("vm start one");
	assert_says("shutdown",
		    "1 VM is on and would lose power; if that is meant: shutdown now\n");
	say("vm start two");
	assert_says("reboot", "2 VMs are on and would lose power; if that is meant: reboot now\n");
	assert_int_equal(FAKE_CATCH_END(say("shutdown now")), FAKE_END_SHUTDOWN);
	assert_non_null(strstr(fake_console_output(), "the operator shuts down the machine\r\n"));
}

static void the_machine_is_rebooted(void **state)
{
	(void)state;
	assert_int_equal(FAKE_CATCH_END(say("reboot")), FAKE_END_REBOOT);
	lock_forget_held();
	setup_shell(NULL);
	assert_int_equal(FAKE_CATCH_END(say("shutdown")), FAKE_END_SHUTDOWN);
	lock_forget_held();
}

static void a_line_that_does_not_move_holds_up_nobody(void **state)
{
	(void)state;
	say("help");
	fake_console_set_room(0);
	fake_console_type("help\rhelp\rhelp\rhelp\rhelp\rhelp\rhelp\rhelp\rhelp\rhelp\r", 50);
	be_interrupted();
	/* Work comes to rest although much is left to say. */
	settle_shell();
	assert_false(work_do(pcpu_this(), false));
	fake_console_clear();
	for (unsigned i = 0; i < 10000; i++) {
		fake_console_set_room(16);
		settle_shell();
	}
	fake_console_set_room(SIZE_MAX);
	settle_shell();
	plain_text(fake_console_output(), answer, sizeof(answer));
	unsigned count = 0;

	for (const char *at = answer; (at = strstr(at, "\n  help [COMMAND]")); at++)
		count++;
	assert_int_equal(count, 10);
}

static enum shell_result extra(struct shell_call *call)
{
	shell_print("extra %u %s", call->argc, call->argc ? call->argv[0] : "");
	return SHELL_DONE;
}

static void other_files_add_commands(void **state)
{
	static const struct shell_command commands[] = {
		{.name = "extra",
		 .sub = "one",
		 .help = "x",
		 .example = "x",
		 .argc_max = 1,
		 .step = extra},
	};
	static struct shell_group group = {commands, 1, NULL};

	(void)state;
	shell_add(&group);
	shell_add(&group);
	assert_says("extra one two", "extra 1 two\n");
	assert_says("extra two", "\"extra two\" is no command; \"help\" lists them\n");
	assert_says_part("help", "  extra one ");
}

static void no_input_does_harm(void **state)
{
	static const char *const words[] = {
		"vm ",	   "list ",   "start ",	  "stop ",	 "one ",  "two\r",
		"\r",	   "top\r",   "log ",	  "99\r",	 "help ", "console ",
		"bundle ", "harts\r", "memory\r", "vcpu list\r", "\t"};
	struct fake_random dice = {.state = 31};

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		char byte = (char)fake_random_next(&dice);

		if (byte == '\x1d')
			continue;
		if (fake_random_below(&dice, 20) == 0) {
			const char *word = words[fake_random_below(&dice, ARRAY_SIZE(words))];

			fake_console_type(word, strlen(word));
		} else {
			fake_console_type(&byte, 1);
		}
		if (fake_random_below(&dice, 8) == 0) {
			be_interrupted();
			settle_shell();
			plain_text(fake_console_output(), answer, sizeof(answer));
			fake_console_clear();
		}
		if (fake_random_below(&dice, 1000) == 0) {
			fake_console_set_room(fake_random_below(&dice, 2) ? SIZE_MAX : 1000);
			pass_ms(2000);
			console_show_shell();
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_shell_is_in_focus_when_nothing_starts),
		cmocka_unit_test(a_vm_that_starts_stays_in_focus),
		cmocka_unit_test(without_vms_there_is_only_the_shell),
		cmocka_unit_test_setup(what_is_wrong_is_told, setup_shell),
		cmocka_unit_test_setup(every_command_has_help_and_an_example, setup_shell),
		cmocka_unit_test_setup(vms_are_started_and_stopped, setup_shell),
		cmocka_unit_test_setup(the_console_goes_to_a_vm_by_name, setup_shell),
		cmocka_unit_test_setup(the_log_is_shown, setup_shell),
		cmocka_unit_test_setup(the_screen_is_cleared, setup_shell),
		cmocka_unit_test_setup(words_are_completed, setup_shell),
		cmocka_unit_test_setup(a_running_vm_is_not_shut_down_by_mistake, setup_shell),
		cmocka_unit_test_setup(the_machine_is_rebooted, setup_shell),
		cmocka_unit_test_setup(a_line_that_does_not_move_holds_up_nobody, setup_shell),
		cmocka_unit_test_setup(other_files_add_commands, setup_shell),
		cmocka_unit_test_setup(no_input_does_harm, setup_shell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The trace as text: each line as trace_dump.h has it, whatever happens to the rings meanwhile.
 * tests/unit/test_perfetto.py has what the last of these tests dumps read by the converter. */
#include <stdio.h>
#include <unistd.h>

#include "hyp/ui/trace_dump.h"
#include "tests/unit/live.h"

static char text[1 << 20];
static struct trace_dump dump;

static u64 no_code(struct vcpu *vcpu)
{
	(void)vcpu;
	fake_fail("no guest is entered here");
}

/* Two harts, a VM of two vCPUs, and what loading it recorded forgotten. */
static struct vcpu *start(void)
{
	unsetenv("LIVE_OBSERVE");
	live_start_with(2, 0);
	struct live_vm *vm = live_create_running(2, no_code);

	fake_set_time(0x1000);
	trace_start();
	return vm->guest->vcpus[1];
}

static const char *next_line(void)
{
	static char line[TRACE_DUMP_LINE_MAX];
	size_t length = trace_dump_line(&dump, line, sizeof(line));

	assert_true(length < sizeof(line));
	line[length] = '\0';
	return line;
}

/* Past the lines that begin so, to the first that does not; how many they were. */
static unsigned pass_by(const char *beginning, char *line, size_t size)
{
	for (unsigned count = 0;; count++) {
		snprintf(line, size, "%s", next_line());
		if (strncmp(line, beginning, strlen(beginning)) != 0)
			return count;
	}
}

static void records_are_lines_in_the_order_of_each_hart(void **state)
{
	struct vcpu *vcpu = start();
	char line[TRACE_DUMP_LINE_MAX];

	(void)state;
	trace(TRACE_SWITCH, vcpu, 0);
	fake_advance_time(0x20);
	trace(TRACE_EXIT, vcpu, CAUSE_INTERRUPT | IRQ_S_TIMER);
	trace(TRACE_SWITCH, NULL, 0);
	fake_set_hart(1);
	trace(TRACE_FAULT, vcpu, 0x80001234);
	trace_stop();
	trace_dump_begin(&dump);
	assert_string_equal(next_line(), "~begin 1 2710 2");
	assert_string_equal(next_line(), "~name event 0 entry");
	assert_int_equal(pass_by("~name event", line, sizeof(line)), TRACE_EVENT_COUNT - 1);
	assert_string_equal(line, "~name exit 0 fetch misaligned");
	assert_int_equal(pass_by("~name exit", line, sizeof(line)), 26);
	assert_string_equal(line, "~name state 0 off");
	pass_by("~name state", line, sizeof(line));
	assert_string_equal(line, "~name life 0 off");
	pass_by("~name life", line, sizeof(line));
	assert_string_equal(line, "~vm 0 2 live");
	assert_string_equal(next_line(), "~hart 0 0");
	assert_string_equal(next_line(), "~1000 4 0.1 0");
	assert_string_equal(next_line(), "~20 1 0.1 8000000000000005");
	assert_string_equal(next_line(), "~0 4 - 0");
	assert_string_equal(next_line(), "~hart 1 0");
	assert_string_equal(next_line(), "~1020 8 0.1 80001234");
	assert_int_equal(strncmp(next_line(), "~end ", 5), 0);
	assert_string_equal(next_line(), "");
	assert_string_equal(next_line(), "");
}

static u64 slots(void)
{
	return trace_ring_size(0) / TRACE_RECORD_SIZE;
}

static void what_is_overwritten_is_counted(void **state)
{
	struct vcpu *vcpu = start();
	char line[TRACE_DUMP_LINE_MAX];

	(void)state;
	for (u64 i = 0; i < slots() + 5; i++)
		trace(TRACE_EXIT, vcpu, i);
	trace_dump_begin(&dump);
	do
		snprintf(line, sizeof(line), "%s", next_line());
	while (strncmp(line, "~hart", 5) != 0);
	assert_string_equal(line, "~hart 0 5");
	assert_string_equal(next_line(), "~1000 1 0.1 5");
	/* While the dump is under way, too. */
	for (u64 i = 0; i < 10; i++)
		trace(TRACE_EXIT, vcpu, 0xff);
	assert_string_equal(next_line(), "~lost 9");
	assert_string_equal(next_line(), "~0 1 0.1 f");
	/* Even all that was there: what came since belongs to the next dump. */
	for (u64 i = 0; i < 2 * slots(); i++)
		trace(TRACE_EXIT, vcpu, 0xff);
	snprintf(line, sizeof(line), "~lost %llx", (unsigned long long)slots() - 11);
	assert_string_equal(next_line(), line);
	assert_string_equal(next_line(), "~hart 1 0");
}

static void without_rings_there_is_a_dump_of_nothing(void **state)
{
	(void)state;
	char line[TRACE_DUMP_LINE_MAX];

	start();
	trace_forget();
	trace_dump_begin(&dump);
	assert_string_equal(next_line(), "~begin 1 2710 2");
	pass_by("~name", line, sizeof(line));
	assert_string_equal(line, "~vm 0 2 live");
	assert_string_equal(next_line(), "~hart 0 0");
	assert_string_equal(next_line(), "~hart 1 0");
	assert_int_equal(strncmp(next_line(), "~end ", 5), 0);
	assert_string_equal(next_line(), "");
}

/* ------------------------------------------------------------------------------------------------
 * Of a run.
 */

#define ROUNDS 40

/* Calls, faults, waits and interrupts, on two vCPUs. */
static u64 busy(struct vcpu *vcpu)
{
	unsigned line = live_line(vcpu);

	switch (line % 8) {
	case 0:
		if (line == 0)
			return live_ecall(vcpu, SBI_EID_HSM, 0, 1, live_address(8), 0);
		return live_ecall(vcpu, SBI_EID_BASE, 0, 0, 0, 0);
	case 1:
		hw_write_vsie(HVIP_VSSIP >> 1);
		return live_ecall(vcpu, SBI_EID_IPI, 0, 3, 0, 0);
	case 2:
		return LIVE_WFI;
	case 3:
		hw_clear_hvip(HVIP_VSSIP);
		return live_store(vcpu, GUEST_RAM_BASE + MIB(6) + line * 64, 1);
	case 4:
		hw_write_vstvec(live_address(line + 1));
		fake_csrs(hw_hart_index())->stval = 0x60002573;
		return CAUSE_VIRTUAL_INSTRUCTION;
	case 5:
		return live_ecall(vcpu, SBI_EID_IPI, 0, 3, 0, 0);
	}
	if (vcpu->id == 0 && line >= ROUNDS * 8)
		return live_shutdown(vcpu);
	return LIVE_NEXT;
}

static void write_out(void)
{
	const char *path = getenv("TRACE_DUMP");
	FILE *file = path ? fopen(path, "w") : NULL;

	if (!file)
		return;
	fputs(text, file);
	fclose(file);
}

static void a_run_is_dumped_whole(void **state)
{
	size_t used = 0;
	u64 count = 0;

	(void)state;
	unsetenv("LIVE_OBSERVE");
	live_start_with(2, HW_FEATURE_SSTC);
	live_create(2, busy)->load_steps = 1;
	observe_start(OBSERVE_TRACE);
	live_start_guests();
	live_run(7);
	assert_true(guest_all_off());
	observe_stop(OBSERVE_TRACE);
	for (unsigned i = 0; i < 2; i++)
		count += trace_end(i) - trace_first(i);
	trace_dump_begin(&dump);
	for (const char *line = next_line(); *line; line = next_line()) {
		assert_true(used + strlen(line) + 3 < sizeof(text));
		/* As on a console, in between what others say. */
		used += (size_t)sprintf(text + used, "%s\r\n%s", line,
					used % 7 ? "" : "hartwood: something else\r\n");
	}
	assert_true(dump.line_count > count);
	write_out();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_lines_in_the_order_of_each_hart),
		cmocka_unit_test(what_is_overwritten_is_counted),
		cmocka_unit_test(without_rings_there_is_a_dump_of_nothing),
		cmocka_unit_test(a_run_is_dumped_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Observed, a guest does what it does unobserved, and what is recorded of it is what it did. */
#include "tests/unit/live.h"

#define LAST_ROUND 12
#define SECONDARY  100
#define HANDLER	   200
#define FRESH	   (GUEST_RAM_BASE + MIB(4))

enum { NEVER, ALWAYS, NOW_AND_THEN };

/* What the guests saw, one after the other, and the machine when all was over. */
struct outcome {
	u64 seen[2][LAST_ROUND * 16];
	unsigned seen_count[2];
	u64 exit_count[2][EXIT_COUNT_MAX];
	u64 time;
	unsigned toggle_count;
};

static struct outcome *outcome;
static unsigned observed;
static struct fake_random toggles;
static unsigned rounds[2];

static void see(const struct vcpu *vcpu, u64 value)
{
	unsigned *count = &outcome->seen_count[vcpu->id];

	LIVE_CHECK(*count < ARRAY_SIZE(outcome->seen[0]));
	outcome->seen[vcpu->id][(*count)++] = value;
}

/* Somebody at the shell, between any two instructions. */
static void toggle(void)
{
	static const enum observe_mode modes[] = {OBSERVE_TRACE, OBSERVE_PROFILE};
	u64 draw = fake_random_below(&toggles, 24);

	if (draw >= 4)
		return;
	outcome->toggle_count++;
	if (draw & 1)
		observe_start(modes[draw / 2]);
	else
		observe_stop(modes[draw / 2]);
}

/* Gets the IPIs: a WFI, and what ended it. */
static u64 secondary(struct vcpu *vcpu)
{
	switch (live_line(vcpu)) {
	case SECONDARY:
		hw_write_vsie(HVIP_VSSIP >> 1);
		return LIVE_NEXT;
	case SECONDARY + 1:
		return LIVE_WFI;
	case SECONDARY + 2:
		if (!live_interrupts())
			return live_jump(vcpu, SECONDARY + 1);
		hw_clear_hvip(HVIP_VSSIP);
		if (__atomic_load_n(&rounds[0], __ATOMIC_RELAXED) <= LAST_ROUND)
			return live_jump(vcpu, SECONDARY + 1);
		return LIVE_NEXT;
	case SECONDARY + 3:
		return live_ecall(vcpu, SBI_EID_HSM, 1, 0, 0, 0);
	}
	fake_fail("line %u", live_line(vcpu));
}

/* A round takes each way there is into the hypervisor. */
static u64 primary(struct vcpu *vcpu)
{
	u64 round = rounds[0];

	switch (live_line(vcpu)) {
	case 0:
		return live_ecall(vcpu, SBI_EID_HSM, 0, 1, live_address(SECONDARY), 0);
	case 1:
		if (rounds[0]++ == LAST_ROUND)
			return live_jump(vcpu, 30);
		return live_ecall(vcpu, SBI_EID_BASE, 3, SBI_EID_RFENCE, 0, 0);
	case 2:
		see(vcpu, vcpu->x[10] << 8 | vcpu->x[11]);
		vcpu->x[15] = 0x1515;
		return live_ecall(vcpu, 0x12345678, 0, round, 0, 0);
	case 3:
		see(vcpu, vcpu->x[10]);
		see(vcpu, vcpu->x[15]);
		return live_ecall(vcpu, SBI_EID_IPI, 0, 2, 0, 0);
	case 4:
		return live_ecall(vcpu, SBI_EID_RFENCE, 1, 3, 0, 0);
	case 5:
		see(vcpu, vcpu->x[10] << 8 | vcpu->x[11]);
		return live_store(vcpu, FRESH + round * PAGE_SIZE, round);
	case 6: /* lbu a0, then s1, from the UART's line status */
		return live_fault(CAUSE_LOAD_GUEST_PAGE_FAULT, VUART_BASE + 5, 0x4003 | 10 << 7);
	case 7:
		return live_fault(CAUSE_LOAD_GUEST_PAGE_FAULT, VUART_BASE + 5, 0x4003 | 9 << 7);
	case 8:
		see(vcpu, vcpu->x[10] << 8 | vcpu->x[9]);
		hw_write_vstvec(live_address(HANDLER));
		fake_csrs(hw_hart_index())->stval = 0x60002573; /* csrr a0, hstatus */
		return CAUSE_VIRTUAL_INSTRUCTION;
	case HANDLER:
		see(vcpu, hw_read_vscause());
		see(vcpu, hw_read_vsepc() - GUEST_RAM_BASE);
		return live_jump(vcpu, 9);
	case 9:
		hw_write_vsie(HVIP_VSTIP >> 1);
		return live_ecall(vcpu, SBI_EID_TIME, 0, hw_time() + vcpu->vm->htimedelta + 50, 0,
				  0);
	case 10:
		return LIVE_WFI;
	case 11:
		if (!live_interrupts())
			return live_jump(vcpu, 10);
		return live_ecall(vcpu, SBI_EID_TIME, 0, UINT64_MAX, 0, 0);
	case 12:
		see(vcpu, live_interrupts());
		return live_jump(vcpu, 1);
	case 30: /* the last of the IPIs, and the other vCPU stops */
		return live_ecall(vcpu, SBI_EID_IPI, 0, 2, 0, 0);
	case 31:
		return live_ecall(vcpu, SBI_EID_HSM, 2, 1, 0, 0);
	case 32:
		if (vcpu->x[11] != HSM_STOPPED)
			return live_jump(vcpu, 31);
		return live_shutdown(vcpu);
	}
	fake_fail("line %u", live_line(vcpu));
}

static u64 both(struct vcpu *vcpu)
{
	if (observed == ALWAYS)
		LIVE_CHECK(vcpu->full_exits);
	if (observed == NEVER && !HW_FULL_EXITS)
		LIVE_CHECK(!vcpu->full_exits);
	if (observed == NOW_AND_THEN)
		toggle();
	return vcpu->id ? secondary(vcpu) : primary(vcpu);
}

static struct vcpu *run(unsigned harts, u32 less_features, u64 seed, unsigned mode,
			struct outcome *result)
{
	outcome = result;
	observed = mode;
	toggles.state = seed;
	memset(result, 0, sizeof(*result));
	memset(rounds, 0, sizeof(rounds));
	unsetenv("LIVE_OBSERVE");
	live_start_with(harts, less_features);
	if (mode == ALWAYS)
		observe_start(OBSERVE_TRACE | OBSERVE_PROFILE);
	struct live_vm *vm = live_create(2, both);

	vm->load_steps = 1; /* leaves FRESH alone */
	live_start_guests();
	live_run(seed);
	assert_true(guest_all_off());
	for (unsigned i = 0; i < 2; i++)
		memcpy(result->exit_count[i], vm->guest->vcpus[i]->exit_count,
		       sizeof(result->exit_count[i]));
	result->time = hw_time();
	return vm->guest->vcpus[0];
}

/* ------------------------------------------------------------------------------------------------
 * The guest.
 */

/* The same interleaving, since nothing that observing does gives another hart a turn. */
static void an_observed_guest_does_the_same_in_the_same_time(void **state)
{
	(void)state;
	for (u64 seed = 1; seed <= 40; seed++) {
		u32 less = seed & 1 ? HW_FEATURE_SSTC : 0;
		struct outcome plain, observed_one;

		run(1 + (unsigned)seed % 3, less, seed, NEVER, &plain);
		run(1 + (unsigned)seed % 3, less, seed, ALWAYS, &observed_one);
		assert_memory_equal(&plain, &observed_one, sizeof(plain));
		assert_true(plain.seen_count[0] >= 8 * LAST_ROUND);
	}
}

static void what_a_guest_sees_does_not_depend_on_when_observing_begins_or_ends(void **state)
{
	unsigned toggle_count = 0;

	(void)state;
	for (u64 seed = 1; seed <= 40; seed++) {
		u32 less = seed & 1 ? HW_FEATURE_SSTC : 0;
		struct outcome plain, mixed;

		run(1 + (unsigned)seed % 3, less, seed, NEVER, &plain);
		run(1 + (unsigned)seed % 3, less, seed, NOW_AND_THEN, &mixed);
		assert_memory_equal(plain.seen, mixed.seen, sizeof(plain.seen));
		assert_int_equal(plain.exit_count[0][CAUSE_STORE_GUEST_PAGE_FAULT],
				 mixed.exit_count[0][CAUSE_STORE_GUEST_PAGE_FAULT]);
		toggle_count += mixed.toggle_count;
	}
	assert_true(toggle_count > 1000);
}

/* ------------------------------------------------------------------------------------------------
 * The profile.
 */

/* Of a hart's records: what each vCPU's entries and exits took, by cause. The rings are large
 * enough for all there is. */
static void add_recorded(unsigned hart, u64 guest_time[2], u64 exit_time[2][EXIT_COUNT_MAX])
{
	struct trace_entry entry, last = {.event = TRACE_EVENT_COUNT};

	assert_int_equal(trace_oldest(hart), trace_first(hart));
	for (u64 i = trace_first(hart); i < trace_end(hart); i++) {
		assert_true(trace_read(hart, i, &entry));
		if (entry.event != TRACE_ENTRY && entry.event != TRACE_EXIT &&
		    entry.event != TRACE_LEAVE)
			continue;
		if (last.event == TRACE_ENTRY)
			guest_time[last.vcpu] += entry.time - last.time;
		if (last.event == TRACE_EXIT)
			exit_time[last.vcpu][observe_cause(last.argument)] +=
				entry.time - last.time;
		last = entry;
	}
}

static void times_by_cause_add_up_to_what_was_recorded(void **state)
{
	(void)state;
	for (u64 seed = 1; seed <= 20; seed++) {
		unsigned harts = 1 + (unsigned)seed % 3;
		u64 guest_time[2] = {0}, exit_time[2][EXIT_COUNT_MAX] = {0};
		struct outcome result;
		struct vm *vm = run(harts, 0, seed, ALWAYS, &result)->vm;

		for (unsigned hart = 0; hart < harts; hart++)
			add_recorded(hart, guest_time, exit_time);
		for (unsigned i = 0; i < 2; i++) {
			const struct vcpu *vcpu = vm_vcpu(vm, i);

			assert_true(observe_has_times(vcpu));
			assert_int_equal(vcpu->guest_time, guest_time[i]);
			assert_memory_equal(vcpu->exit_time, exit_time[i], sizeof(exit_time[i]));
			assert_memory_equal(vcpu->exit_timed, vcpu->exit_count,
					    sizeof(vcpu->exit_count));
		}
		/* Sending an IPI is where others get a turn. */
		assert_true(exit_time[0][CAUSE_ECALL_VS] > 0);
		assert_int_equal(exit_time[0][CAUSE_VIRTUAL_INSTRUCTION], 0);
	}
}

static void a_profile_begins_with_nothing(void **state)
{
	struct outcome result;
	struct vcpu *vcpu = run(1, 0, 1, ALWAYS, &result);

	(void)state;
	assert_true(observe_has_times(vcpu));
	observe_start(OBSERVE_PROFILE);
	assert_false(observe_has_times(vcpu));
	vcpu = run(1, 0, 1, NEVER, &result);
	assert_false(observe_has_times(vcpu));
	assert_int_equal(vcpu->guest_time, 0);
}

static void each_cause_has_its_place(void **state)
{
	(void)state;
	assert_int_equal(observe_cause(CAUSE_ECALL_VS), CAUSE_ECALL_VS);
	assert_int_equal(observe_cause(CAUSE_STORE_GUEST_PAGE_FAULT), CAUSE_STORE_GUEST_PAGE_FAULT);
	assert_int_equal(observe_cause(24), EXIT_COUNT_OTHER);
	assert_int_equal(observe_cause(CAUSE_INTERRUPT | IRQ_S_SOFT), EXIT_COUNT_SOFT);
	assert_int_equal(observe_cause(CAUSE_INTERRUPT | IRQ_S_TIMER), EXIT_COUNT_TIMER);
	assert_int_equal(observe_cause(CAUSE_INTERRUPT | IRQ_S_EXT), EXIT_COUNT_DEVICE);
	assert_int_equal(observe_cause(CAUSE_INTERRUPT | 12), EXIT_COUNT_OTHER);
	assert_int_equal(observe_cause(UINT64_MAX), EXIT_COUNT_OTHER);
}

/* ------------------------------------------------------------------------------------------------
 * The trace.
 */

/* On a hart, a vCPU comes, enters and exits in turn, and goes. */
static void check_order(unsigned hart)
{
	enum { IDLE, SWITCHED, ENTERED, EXITED } at = IDLE;
	struct trace_entry entry;
	u64 time = 0;
	unsigned vcpu = TRACE_NOBODY;

	for (u64 i = trace_first(hart); i < trace_end(hart); i++) {
		assert_true(trace_read(hart, i, &entry));
		assert_true(entry.time >= time);
		time = entry.time;
		assert_int_equal(entry.hart, hart);
		switch (entry.event) {
		case TRACE_SWITCH:
			assert_int_equal(at, IDLE);
			vcpu = entry.vcpu;
			if (vcpu != TRACE_NOBODY)
				at = SWITCHED;
			break;
		case TRACE_ENTRY:
			assert_true(at == SWITCHED || at == EXITED);
			at = ENTERED;
			break;
		case TRACE_EXIT:
			assert_int_equal(at, ENTERED);
			at = EXITED;
			break;
		case TRACE_LEAVE:
			assert_true(at == SWITCHED || at == EXITED);
			at = IDLE;
			break;
		case TRACE_INJECT:
		case TRACE_FAULT:
			assert_int_equal(at, EXITED);
			break;
		case TRACE_INTERRUPT:
			assert_true(at == SWITCHED || at == EXITED);
			break;
		default:
			continue;
		}
		assert_int_equal(entry.vcpu, vcpu);
	}
	assert_int_equal(at, IDLE);
}

static u64 count_records(unsigned harts, enum trace_event event, u64 argument)
{
	struct trace_entry entry;
	u64 count = 0;

	for (unsigned hart = 0; hart < harts; hart++)
		for (u64 i = trace_first(hart); i < trace_end(hart); i++)
			count += trace_read(hart, i, &entry) && entry.event == event &&
				 entry.argument == argument;
	return count;
}

static void what_is_recorded_is_what_happened(void **state)
{
	(void)state;
	for (u64 seed = 1; seed <= 20; seed++) {
		struct outcome result;
		unsigned harts = 1 + (unsigned)seed % 3;
		u64 exit_count = 0;

		run(harts, seed & 1 ? HW_FEATURE_SSTC : 0, seed, ALWAYS, &result);
		for (unsigned i = 0; i < harts; i++)
			check_order(i);
		for (unsigned cause = 0; cause < EXIT_COUNT_SOFT; cause++) {
			exit_count = result.exit_count[0][cause] + result.exit_count[1][cause];
			assert_int_equal(count_records(harts, TRACE_EXIT, cause), exit_count);
		}
		assert_int_equal(count_records(harts, TRACE_INJECT, CAUSE_ILLEGAL_INSTRUCTION),
				 LAST_ROUND);
		/* Those of later rounds come with it, in a larger leaf. */
		assert_int_equal(count_records(harts, TRACE_FAULT, FRESH + PAGE_SIZE), 1);
		/* vCPU 1 need not be in a guest to get one. */
		assert_true(count_records(harts, TRACE_INTERRUPT, HVIP_VSSIP) >= 1);
		assert_true(count_records(harts, TRACE_INTERRUPT, HVIP_VSTIP) >=
			    (seed & 1 ? LAST_ROUND : 0));
	}
}

/* The run loop shuts the machine down only once in the life of a program, which takes other turns
 * than the ends that follow. */
static int end_once(void **state)
{
	struct outcome result;

	(void)state;
	run(1, 0, 1, NEVER, &result);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_observed_guest_does_the_same_in_the_same_time),
		cmocka_unit_test(
			what_a_guest_sees_does_not_depend_on_when_observing_begins_or_ends),
		cmocka_unit_test(times_by_cause_add_up_to_what_was_recorded),
		cmocka_unit_test(a_profile_begins_with_nothing),
		cmocka_unit_test(each_cause_has_its_place),
		cmocka_unit_test(what_is_recorded_is_what_happened),
	};

	return cmocka_run_group_tests(tests, end_once, NULL);
}

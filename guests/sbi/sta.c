/* SPDX-License-Identifier: BSD-2-Clause */
/* SBI, "Steal-time Accounting Extension". OpenSBI has none. */
#include "tests.h"

struct steal {
	u32 sequence;
	u32 flags;
	u64 steal; /* nanoseconds */
	u8 preempted;
	u8 pad[47];
};
_Static_assert(sizeof(struct steal) == 64, "struct steal");

/* What is before and behind it is not the SBI's to write. */
static struct {
	u8 before[64];
	struct steal steal;
	u8 behind[64];
} area __attribute__((aligned(64)));

#define NONE ~0ul
#define FILL 0xa5

static struct sbi_result set_area(u64 low, u64 high, u64 flags)
{
	return sbi_call(SBI_STA, 0, low, high, flags, 0);
}

/* Reads as the specification has it: sequence, steal, sequence. */
static u64 steal_now(void)
{
	volatile const struct steal *steal = &area.steal;
	u64 value;
	u32 sequence;

	do {
		sequence = steal->sequence;
		fence();
		value = steal->steal;
		fence();
	} while (sequence & 1 || sequence != steal->sequence);
	return value;
}

static bool is_filled(const void *bytes, size_t length, u8 with)
{
	const volatile u8 *b = bytes;

	for (size_t i = 0; i < length; i++) {
		if (b[i] != with)
			return false;
	}
	return true;
}

static void test_errors(void)
{
	u64 good = (u64)&area.steal;

	check_begin("sta: flags are refused");
	check_error("1", set_area(good, 0, 1), SBI_ERR_INVALID_PARAM);
	check_error("all", set_area(good, 0, NONE), SBI_ERR_INVALID_PARAM);
	check_end();
	check_begin("sta: addresses that are not aligned to 64 bytes are refused");
	for (u64 odd = 1; odd < 64; odd *= 2)
		check_error("odd", set_area(good + odd, 0, 0), SBI_ERR_INVALID_PARAM);
	check_end();
	check_begin("sta: addresses that are not RAM are refused");
	check_error("0", set_area(0, 0, 0), SBI_ERR_INVALID_ADDRESS);
	check_error("a hole", set_area(HOLE_BASE, 0, 0), SBI_ERR_INVALID_ADDRESS);
	check_error("a device", set_area(UART_BASE, 0, 0), SBI_ERR_INVALID_ADDRESS);
	check_error("before RAM", set_area(boot_ram_start() - 64, 0, 0), SBI_ERR_INVALID_ADDRESS);
	check_error("after RAM", set_area(boot_ram_end(), 0, 0), SBI_ERR_INVALID_ADDRESS);
	check_error("the last", set_area(NONE - 63, 0, 0), SBI_ERR_INVALID_ADDRESS);
	check_error("upper word", set_area(good, 1, 0), SBI_ERR_INVALID_ADDRESS);
	check_error("upper word only", set_area(good, NONE, 0), SBI_ERR_INVALID_ADDRESS);
	check_end();
	check_sbi("sta: other functions are refused", sbi_call(SBI_STA, 1, good, 0, 0, 0),
		  SBI_ERR_NOT_SUPPORTED);
}

static void test_area(void)
{
	u64 before, after, start;

	memset(&area, FILL, sizeof(area));
	check_begin("sta: set");
	check_error("call", set_area((u64)&area.steal, 0, 0), SBI_SUCCESS);
	check_equal("flags", area.steal.flags, 0);
	check_want(is_filled(area.steal.pad, sizeof(area.steal.pad), 0), "pad is not zero");
	check_want(is_filled(area.before, sizeof(area.before), FILL) &&
			   is_filled(area.behind, sizeof(area.behind), FILL),
		   "more than 64 bytes were written");
	check_end();

	check_begin("sta: time that was stolen is less than time that passed");
	start = time_now();
	before = steal_now();
	delay_us(50000);
	after = steal_now();
	check_want(after >= before, "0x%lx after 0x%lx", after, before);
	check_want(after - before <= (time_now() - start) * (1000000000 / boot_timebase()),
		   "0x%lx ns", after - before);
	check_equal("preempted, of one that runs", area.steal.preempted, 0);
	check_end();

	check_begin("sta: unset");
	check_error("call", set_area(NONE, NONE, 0), SBI_SUCCESS);
	memset(&area, FILL, sizeof(area));
	delay_us(50000);
	check_want(is_filled(&area, sizeof(area), FILL), "something was written");
	check_error("again", set_area(NONE, NONE, 0), SBI_SUCCESS);
	check_end();
}

void test_sta(void)
{
	if (!sbi_probe(SBI_STA)) {
		check_skip("sta", "there is none");
		return;
	}
	test_errors();
	test_area();
}

/*
 * For a machine of two vCPUs on one hart: both spin, so that half of this one's time is stolen.
 * Then the other stops, and nothing more is.
 */
void run_sta_half(void)
{
	u64 start, stolen, passed;

	check_begin("sta: two vCPUs on a hart steal each other's half");
	check_error("set", set_area((u64)&area.steal, 0, 0), SBI_SUCCESS);
	park_over = false;
	check_want(hart_start(&harts[1], park, NULL) == 0, "no second vCPU");
	delay_us(20000);
	start = time_now();
	stolen = steal_now();
	delay_us(1000000);
	passed = (time_now() - start) * (1000000000 / boot_timebase());
	stolen = steal_now() - stolen;
	check_want(stolen > passed / 100 * 45 && stolen < passed / 100 * 55,
		   "%lu of %lu ns were stolen", stolen, passed);
	park_over = true;
	hart_wait_status(&harts[1], HSM_STOPPED);
	stolen = steal_now();
	delay_us(200000);
	check_want(steal_now() - stolen < 2000000, "%lu ns by nobody", steal_now() - stolen);
	check_end();
}

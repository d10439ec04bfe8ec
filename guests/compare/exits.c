/* SPDX-License-Identifier: BSD-2-Clause */
/* Operations of one vCPU on one hart. */
#include "boot.h"
#include "check.h"
#include "csr.h"
#include "hart.h"
#include "meter.h"
#include "print.h"

round_function loop_empty, loop_sbi_base, loop_timer, loop_stimecmp_timer, round_base,
	round_mvendorid, round_hstatus, round_load, round_touch, round_timer, round_stimecmp;
extern const char vector_tell[], vector_timer[], vector_stimecmp[];

#define PRIORITY 3

static bool has_version(struct sbi_result result)
{
	return result.error == 0 && result.value == sbi_spec_version();
}

static bool is_success(struct sbi_result result)
{
	return result.error == 0;
}

static bool is_illegal(struct sbi_result result)
{
	return result.error == CAUSE_ILLEGAL;
}

static bool is_priority(struct sbi_result result)
{
	return result.error == PRIORITY;
}

/* The page read as zero, and then kept what was written to it. */
static bool was_zero(struct sbi_result result)
{
	return result.error == 0 && result.value != 0;
}

static void measure_refusals(void)
{
	measure(&(struct operation){.name = "exception",
				    .run = round_hstatus,
				    .count = meter_rounds(),
				    .verify = is_illegal,
				    .vector = vector_tell});
	measure(&(struct operation){.name = "id_csr",
				    .run = round_mvendorid,
				    .count = meter_rounds(),
				    .verify = is_illegal,
				    .vector = vector_tell});
}

/* A moment that has passed; and one 1,000 instructions ahead, until which the guest spins. */
void compare_timers(void)
{
	bool sstc = boot_isa_has("sstc");

	measure(&(struct operation){.name = sstc ? "timer_due_sbi" : "timer_due",
				    .run = loop_timer,
				    .count = meter_rounds(),
				    .vector = vector_timer,
				    .interrupts = SIP_STIP});
	measure(&(struct operation){.name = sstc ? "timer_sbi" : "timer",
				    .run = round_timer,
				    .b = 10,
				    .count = meter_rounds(),
				    .vector = vector_timer,
				    .interrupts = SIP_STIP});
	if (!sstc)
		return;
	measure(&(struct operation){.name = "timer_due_sstc",
				    .run = loop_stimecmp_timer,
				    .count = meter_rounds(),
				    .vector = vector_stimecmp,
				    .interrupts = SIP_STIP});
	measure(&(struct operation){.name = "timer_sstc",
				    .run = round_stimecmp,
				    .b = 10,
				    .count = meter_rounds(),
				    .vector = vector_stimecmp,
				    .interrupts = SIP_STIP});
}

/*
 * Pages of 4 KiB at the end of RAM, where there is no room for one of 2 MiB, but for the first of
 * them, which hold the device tree; and pages of 2 MiB that nobody has touched yet.
 */
void compare_touch(void)
{
	const u64 large = 2ul << 20, kept = 32 * PAGE_SIZE;
	u64 end = boot_ram_end() & ~(large - 1);
	u64 start = (boot_ram_start() + (16ul << 20) + large - 1) & ~(large - 1);

	measure(&(struct operation){.name = "page",
				    .run = round_touch,
				    .a = end + kept,
				    .step = PAGE_SIZE,
				    .count = (boot_ram_end() - end - kept) / PAGE_SIZE -
					     METER_OTHERS,
				    .verify = was_zero});
	measure(&(struct operation){.name = "page_2m",
				    .run = round_touch,
				    .a = start,
				    .step = large,
				    .count = boot_number("large", 8),
				    .verify = was_zero});
}

void compare_exits(void)
{
	write32(PLIC_PRIORITY(UART_IRQ), PRIORITY);
	measure(&(struct operation){.name = "empty", .run = loop_empty, .count = meter_rounds()});
	measure(&(struct operation){.name = "hypercall",
				    .run = loop_sbi_base,
				    .count = meter_rounds(),
				    .verify = has_version});
	measure(&(struct operation){.name = "id_register",
				    .run = round_base,
				    .a = BASE_MVENDORID,
				    .count = meter_rounds(),
				    .verify = is_success});
	measure(&(struct operation){.name = "device_read",
				    .run = round_load,
				    .a = PLIC_PRIORITY(UART_IRQ),
				    .count = meter_rounds(),
				    .verify = is_priority});
	measure_refusals();
}

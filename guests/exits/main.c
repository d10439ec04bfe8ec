/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measures what an exit costs, in instructions, from inside a guest. Run under `-icount shift=0`:
 * QEMU then counts one nanosecond of virtual time for each instruction, at every privilege level,
 * so the time CSR counts instructions (100 to a tick of the 10 MHz clock) with nobody's help; over
 * 10,000 calls the tick's rounding is a hundredth of an instruction. Without -icount the numbers
 * are nanoseconds. One vCPU, nothing else running.
 *
 *	exits: <name> <instructions>.<tenth>	the operations of the design's table
 *	exits+: <name> <instructions>.<tenth>	others worth knowing
 *
 * remote-sfence-self fences one page of 4 KiB; timer-cycle arms for a moment in the past, takes the
 * interrupt and disarms by a second call; hcsr-refused includes the handler that steps over it.
 *
 * There is nothing to check, so the last line is `done 0 0`. The number is `-` where the machine at
 * hand has no such operation. On OpenSBI alone the device reads cost what a plain load does: there
 * is no exit.
 */
#include "boot.h"
#include "check.h"
#include "cost.h"
#include "print.h"
#include "wait.h"

#define CALLS 10000

typedef void loop_function(u64 count, u64 a, u64 b);

loop_function loop_empty, loop_sbi_base, loop_set_timer, loop_ipi_self, loop_sfence_self,
	loop_read_word, loop_read_byte, loop_write_byte, loop_read_hstatus, loop_illegal,
	loop_ebreak, loop_timer, loop_stimecmp_timer, loop_stimecmp_write, loop_rdtime,
	loop_wfi_pending, loop_touch;
extern const char vector_ipi[], vector_skip[], vector_timer[], vector_stimecmp[];

static u64 ticks_of(loop_function *loop, u64 count, u64 a, u64 b)
{
	u64 start = time_now();

	loop(count, a, b);
	return time_now() - start;
}

static void measure(const char *kind, const char *name, loop_function *loop, u64 a, u64 b)
{
	loop(1, a, b); /* whatever a first use costs is not what is asked for */
	cost_print(kind, name, ticks_of(loop, CALLS, a, b), CALLS);
}

/* The same with traps going to a handler of the loop's own, and one interrupt source open. */
static void measure_trapping(const char *kind, const char *name, loop_function *loop, u64 a,
			     const char *vector, u64 interrupts)
{
	u64 usual = csr_read(stvec);

	csr_write(stvec, vector);
	csr_write(sie, interrupts);
	csr_set(sstatus, (u64)SSTATUS_SIE);
	measure(kind, name, loop, a, 0);
	csr_clear(sstatus, (u64)SSTATUS_SIE);
	csr_write(sie, 0ul);
	csr_write(stvec, usual);
}

static void measure_table(void)
{
	u64 self = hart_self()->id;

	measure("exits", "sbi-base", loop_sbi_base, 0, 0);
	measure("exits", "sbi-set-timer", loop_set_timer, 0, 0);
	measure_trapping("exits", "ipi-self", loop_ipi_self, self, vector_ipi, SIP_SSIP);
	measure("exits", "remote-sfence-self", loop_sfence_self, self, IMAGE_BASE);
	measure("exits", "plic-read", loop_read_word, PLIC_PRIORITY(UART_IRQ), 0);
	measure("exits", "uart-read", loop_read_byte, UART_BASE + UART_LSR, 0);
	/* On a machine with H, S-mode is HS-mode and the read is refused to nobody. */
	if (trap_try((u64)loop_read_hstatus, 1, 0, 0).trapped)
		measure_trapping("exits", "hcsr-refused", loop_read_hstatus, 0, vector_skip, 0);
	else
		print("exits: hcsr-refused -\n");
	measure_trapping("exits", "timer-cycle", loop_timer, 0, vector_timer, SIP_STIP);
}

static void measure_sstc(void)
{
	if (!boot_isa_has("sstc")) {
		print("exits+: stimecmp-write -\nexits+: stimecmp-cycle -\n");
		return;
	}
	measure("exits+", "stimecmp-write", loop_stimecmp_write, 0, 0);
	measure_trapping("exits+", "stimecmp-cycle", loop_stimecmp_timer, 0, vector_stimecmp,
			 SIP_STIP);
}

/*
 * From the moment the timer was set for until the instruction after WFI. `-icount` lets the clock
 * follow the host's while all harts wait, unless `sleep=off` is given with it; only then is this
 * exact.
 */
static void measure_wake(void)
{
	const u64 rounds = 100;
	u64 late = 0;

	csr_write(sie, (u64)SIP_STIP);
	for (u64 i = 0; i < rounds; i++) {
		u64 at = time_now() + ticks_from_us(200);

		sbi_call(SBI_TIME, 0, at, 0, 0, 0);
		while (!(csr_read(sip) & SIP_STIP))
			wfi();
		late += time_now() - at;
	}
	csr_write(sie, 0ul);
	sbi_call(SBI_TIME, 0, ~0ul, 0, 0, 0);
	cost_print("exits+", "wfi-wake", late, rounds);
}

static void measure_wfi_pending(void)
{
	csr_write(sie, (u64)SIP_SSIP);
	csr_set(sip, (u64)SIP_SSIP);
	measure("exits+", "wfi-pending", loop_wfi_pending, 0, 0);
	csr_clear(sip, (u64)SIP_SSIP);
	csr_write(sie, 0ul);
}

/*
 * Loads from memory that nothing has used yet, the loop's four instructions included: first one in
 * each of 16 regions of 2 MiB, then one in each remaining 4 KiB page of them. Loads only: the
 * device tree or a ramdisk may be there.
 */
static void measure_touch(void)
{
	const u64 region = 2ul << 20, regions = 16, pages = region / PAGE_SIZE - 1;
	u64 first = (boot_ram_start() + (16ul << 20) + region - 1) & ~(region - 1);
	u64 ticks = 0;

	if (!boot_ram_start() || first + regions * region > boot_ram_end()) {
		print("exits+: first-touch-2m -\nexits+: touch-4k-after -\nexits+: touch-again "
		      "-\n");
		return;
	}
	cost_print("exits+", "first-touch-2m", ticks_of(loop_touch, regions, first, region),
		   regions);
	for (u64 i = 0; i < regions; i++)
		ticks += ticks_of(loop_touch, pages, first + i * region + PAGE_SIZE, PAGE_SIZE);
	cost_print("exits+", "touch-4k-after", ticks, regions * pages);
	cost_print("exits+", "touch-again", ticks_of(loop_touch, regions, first, region), regions);
}

void guest_main(void)
{
	measure_table();
	measure("exits+", "loop-empty", loop_empty, 0, 0);
	measure("exits+", "rdtime", loop_rdtime, 0, 0);
	measure("exits+", "uart-write", loop_write_byte, UART_BASE + UART_SCR, 0);
	measure_trapping("exits+", "illegal-instruction", loop_illegal, 0, vector_skip, 0);
	measure_trapping("exits+", "breakpoint", loop_ebreak, 0, vector_skip, 0);
	measure_sstc();
	measure_wfi_pending();
	measure_wake();
	measure_touch();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The report of the hypervisor's own mistakes, and of the firmware's that leave it helpless. Runs
 * on the emergency stack of the one hart that came first, uses no lock, allocates nothing, and
 * believes nothing about the state it describes.
 *
 * Addresses in the image are printed as the symbol table has them:
 *	addr2line -e build/hartwood.elf -f ADDRESS...
 */
#include "hyp/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hyp/hw.h"
#include "platform/console.h"
#include "platform/csr.h"
#include "platform/hart.h"
#include "platform/image.h"
#include "platform/machine.h"

#define BACKTRACE_MAX 24

/* As firmware/host_trap.S saves it. */
struct panic_frame {
	u64 x[32];
};

enum { RA = 1, SP = 2, FP = 8, A0 = 10, A1 = 11, A2 = 12 };

_Noreturn void panic_report_trap(const struct panic_frame *frame);
_Noreturn void panic_report_check(const struct panic_frame *frame);
_Noreturn void panic_report_stack(const struct panic_frame *frame);
_Noreturn void panic_report_firmware(const struct panic_frame *frame);

static void __attribute__((format(printf, 1, 2))) say(const char *format, ...)
{
	char line[160];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (length > 0)
		hw_console_write_all(line, min_u64((u64)length, sizeof(line) - 1));
}

static bool is_text(u64 address)
{
	return address >= (u64)image_start && address < (u64)image_text_end;
}

static u64 linked(u64 address)
{
	return address - (u64)image_start;
}

static const char *cause_name(u64 scause)
{
	static const char *const names[] = {
		[CAUSE_FETCH_MISALIGNED] = "instruction address misaligned",
		[CAUSE_FETCH_ACCESS] = "instruction access fault",
		[CAUSE_ILLEGAL_INSTRUCTION] = "illegal instruction",
		[CAUSE_BREAKPOINT] = "breakpoint",
		[CAUSE_LOAD_MISALIGNED] = "load address misaligned",
		[CAUSE_LOAD_ACCESS] = "load access fault",
		[CAUSE_STORE_MISALIGNED] = "store address misaligned",
		[CAUSE_STORE_ACCESS] = "store access fault",
		[CAUSE_FETCH_PAGE_FAULT] = "instruction page fault",
		[CAUSE_LOAD_PAGE_FAULT] = "load page fault",
		[CAUSE_STORE_PAGE_FAULT] = "store page fault",
		[CAUSE_SOFTWARE_CHECK] = "software check",
		[CAUSE_HARDWARE_ERROR] = "hardware error",
		[CAUSE_LOAD_GUEST_PAGE_FAULT] = "load guest-page fault",
		[CAUSE_STORE_GUEST_PAGE_FAULT] = "store guest-page fault",
	};

	if (scause < ARRAY_SIZE(names) && names[scause] != NULL)
		return names[scause];
	return scause & CAUSE_INTERRUPT ? "interrupt" : "unknown";
}

/* The stack that sp is on, its guard page included, if it is on one. Also where its struct hart is:
 * at the high end. */
static bool stack_of(u64 sp, u64 *low, u64 *high)
{
	struct hart *hart = (struct hart *)((sp | (HART_AREA_SIZE - 1)) + 1 - HART_RESERVE);
	u64 area = align_down(sp, HART_AREA_SIZE);

	if (!hart_is_known(hart))
		return false;
	*low = area + HART_GUARD_SIZE;
	*high = (u64)hart;
	return true;
}

static void say_hart(u64 sp)
{
	u64 low, high;

	if (stack_of(sp, &low, &high)) {
		const struct hart *hart = (const struct hart *)high;

		say("hart %llu (index %u)%s: ", (unsigned long long)hart->id, hart->index,
		    sp < low ? ", stack overflow" : "");
	} else {
		say("a hart without a stack: ");
	}
}

static void say_registers(const struct panic_frame *frame)
{
	static const char names[32][4] = {
		"0",  "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",
		"a1", "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
		"s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
	};

	for (unsigned i = 1; i < 32; i++)
		say("  %-3s %016llx%s", names[i], (unsigned long long)frame->x[i],
		    i % 4 == 3 || i == 31 ? "\r\n" : "");
}

/* The place of a call, by its return address: two bytes back is in the call instruction in any
 * case, while the return address itself may be the next function's if the called one does not
 * return. */
static void say_call(u64 return_address)
{
	if (is_text(return_address))
		say(" 0x%llx", (unsigned long long)linked(return_address - 2));
}

#ifdef HW_DEBUG

/* Frame pointers: the return address lies below the frame, the caller's frame pointer below that
 * (RISC-V ELF psABI, "Frame Pointer Convention"). A function that calls none keeps its return
 * address in ra and has just the frame pointer there. */
static void say_callers(u64 sp, u64 fp, u64 ra)
{
	u64 low, high;

	say("called from, innermost first (addr2line -e build/hartwood.elf):\r\n ");
	say_call(ra);
	if (!stack_of(sp, &low, &high))
		high = low = 0;
	low = max_u64(low, sp);
	for (unsigned i = 0; i < BACKTRACE_MAX; i++) {
		const u64 *frame = (const u64 *)fp;

		if (fp < low + 16 || fp > high || !is_aligned(fp, 16))
			break;
		low = fp;
		fp = frame[-2];
		if (is_text(frame[-1]))
			say_call(frame[-1]);
		else if (i == 0)
			fp = frame[-1];
		else
			break;
	}
	say("\r\n");
}

#else

/* Return addresses follow a jal or jalr that writes ra: of four bytes, or c.jalr of two. */
static bool follows_call(u64 address)
{
	const u16 *code = (const u16 *)address;
	u32 before;

	if (!is_text(address) || !is_text(address - 4) || !is_aligned(address, 2))
		return false;
	before = (u32)code[-1] << 16 | code[-2];
	return (before & 0xfff) == 0x0ef || (before & 0x7fff) == 0x00e7 ||
	       (code[-1] & 0xf07f) == 0x9002;
}

/* Without frame pointers, every word on the stack that could be a return address. */
static void say_callers(u64 sp, u64 fp, u64 ra)
{
	unsigned count = 0;
	u64 low, high;

	(void)fp;
	say("possibly called from, innermost first (addr2line -e build/hartwood.elf):\r\n ");
	say_call(ra);
	if (!stack_of(sp, &low, &high))
		high = low = 0;
	for (u64 at = align_up(max_u64(low, sp), 8); at < high && count < BACKTRACE_MAX; at += 8) {
		u64 word = *(const u64 *)at;

		if (!follows_call(word))
			continue;
		say_call(word);
		count++;
	}
	say(count == BACKTRACE_MAX ? " ...\r\n" : "\r\n");
}

#endif

/* hw_hart_index() must go on working, now that this is the hart's stack. */
static void begin(const struct panic_frame *frame)
{
	u64 low, high;
	bool known = stack_of(frame->x[SP], &low, &high);

	hart_in_area(emergency_area)->index = known ? ((const struct hart *)high)->index : 0;
	console_break_lock();
	machine_stop_others();
	say("\r\nhartwood: fatal: ");
	say_hart(frame->x[SP]);
}

static _Noreturn void end(const struct panic_frame *frame)
{
	say_registers(frame);
	say_callers(frame->x[SP], frame->x[FP], frame->x[RA]);
	say("hartwood: the machine stops here\r\n");
	machine_stop_failed();
}

void panic_report_trap(const struct panic_frame *frame)
{
	u64 sepc = csr_read(sepc);
	u64 scause = csr_read(scause);
	u64 stval = csr_read(stval);
	u64 status = csr_read(sstatus);
	u64 hypervisor_status = 0;

	begin(frame);
	say("%s (scause 0x%llx) at 0x%llx", cause_name(scause), (unsigned long long)scause,
	    (unsigned long long)(is_text(sepc) ? linked(sepc) : sepc));
	say(" (sepc %016llx), image at 0x%llx\r\n", (unsigned long long)sepc,
	    (unsigned long long)(u64)image_start);
	say("  stval %016llx  sstatus %016llx", (unsigned long long)stval,
	    (unsigned long long)status);
	if (csr_try_read(hstatus, &hypervisor_status))
		say("  hstatus %016llx", (unsigned long long)hypervisor_status);
	say("\r\n");
	end(frame);
}

void panic_report_check(const struct panic_frame *frame)
{
	begin(frame);
	say("%s:%d: CHECK(%s) does not hold\r\n", (const char *)frame->x[A0], (int)frame->x[A1],
	    (const char *)frame->x[A2]);
	end(frame);
}

void panic_report_stack(const struct panic_frame *frame)
{
	begin(frame);
	say("a function wrote beyond its stack frame\r\n");
	end(frame);
}

void panic_report_firmware(const struct panic_frame *frame)
{
	begin(frame);
	say("the firmware fails at %s (SBI error %lld)\r\n", (const char *)frame->x[A0],
	    (long long)frame->x[A1]);
	end(frame);
}

/* How the C library's random number generator ends without entropy. */
int raise(int number);
__attribute__((used)) int raise(int number)
{
	(void)number;
	check_failed(__FILE__, __LINE__, "the C library gave up");
}

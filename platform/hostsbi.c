/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls to the firmware. Which extensions there are is found out once, by the boot hart, and
 * constant from then on. For what firmware before SBI 0.2 can do the legacy calls are used.
 */
#include "platform/hostsbi.h"

#define EID_LEGACY_SET_TIMER 0x0
#define EID_LEGACY_PUTCHAR   0x1
#define EID_LEGACY_GETCHAR   0x2
#define EID_LEGACY_SHUTDOWN  0x8
#define EID_BASE	     0x10
#define EID_TIME	     0x54494D45
#define EID_IPI		     0x735049
#define EID_HSM		     0x48534D
#define EID_SRST	     0x53525354
#define EID_DBCN	     0x4442434E

#define BASE_PROBE_EXTENSION 3
#define BASE_MVENDORID	     4
#define BASE_MARCHID	     5
#define BASE_MIMPID	     6

#define HSM_HART_START 0
#define HSM_HART_STOP  1

#define DBCN_WRITE 0
#define DBCN_READ  1

#define RESET_REASON_NONE    0
#define RESET_REASON_FAILURE 1

static struct {
	bool time, ipi, hsm, reset, console;
} have;

static struct hostsbi_result call(u64 eid, u64 fid, u64 x, u64 y, u64 z)
{
	register u64 a0 __asm__("a0") = x;
	register u64 a1 __asm__("a1") = y;
	register u64 a2 __asm__("a2") = z;
	register u64 a6 __asm__("a6") = fid;
	register u64 a7 __asm__("a7") = eid;

	/* The firmware keeps all registers but a0 and a1 (SBI, "Binary Encoding"). */
	__asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
	return (struct hostsbi_result){(s64)a0, a1};
}

/* The base extension's functions cannot fail; firmware without it returns an error. */
static u64 base(u64 fid, u64 argument)
{
	struct hostsbi_result result = call(EID_BASE, fid, argument, 0, 0);

	return result.error == 0 ? result.value : 0;
}

void hostsbi_init(void)
{
	have.time = base(BASE_PROBE_EXTENSION, EID_TIME) != 0;
	have.ipi = base(BASE_PROBE_EXTENSION, EID_IPI) != 0;
	have.hsm = base(BASE_PROBE_EXTENSION, EID_HSM) != 0;
	have.reset = base(BASE_PROBE_EXTENSION, EID_SRST) != 0;
	have.console = base(BASE_PROBE_EXTENSION, EID_DBCN) != 0;
}

bool hostsbi_has_hsm(void)
{
	return have.hsm;
}

bool hostsbi_has_ipi(void)
{
	return have.ipi;
}

bool hostsbi_has_console(void)
{
	return have.console;
}

u64 hostsbi_mvendorid(void)
{
	return base(BASE_MVENDORID, 0);
}

u64 hostsbi_marchid(void)
{
	return base(BASE_MARCHID, 0);
}

u64 hostsbi_mimpid(void)
{
	return base(BASE_MIMPID, 0);
}

/* The legacy call too returns 0 or an error code (SBI, "Set Timer (EID #0x00)"). */
s64 hostsbi_set_timer(u64 time)
{
	return call(have.time ? EID_TIME : EID_LEGACY_SET_TIMER, 0, time, 0, 0).error;
}

s64 hostsbi_send_ipi(u64 mask, u64 base_id)
{
	return call(EID_IPI, 0, mask, base_id, 0).error;
}

s64 hostsbi_hart_start(u64 id, u64 address, u64 opaque)
{
	return call(EID_HSM, HSM_HART_START, id, address, opaque).error;
}

void hostsbi_hart_stop(void)
{
	if (have.hsm)
		call(EID_HSM, HSM_HART_STOP, 0, 0, 0);
}

/* DBCN takes physical addresses, which are the hypervisor's own. */
size_t hostsbi_console_write(const char *bytes, size_t length)
{
	struct hostsbi_result result;

	if (length == 0)
		return 0;
	if (!have.console) {
		call(EID_LEGACY_PUTCHAR, 0, (u8)bytes[0], 0, 0);
		return 1;
	}
	result = call(EID_DBCN, DBCN_WRITE, length, (u64)(uintptr_t)bytes, 0);
	return result.error == 0 && result.value <= length ? result.value : length;
}

size_t hostsbi_console_read(char *bytes, size_t length)
{
	struct hostsbi_result result;

	if (length == 0)
		return 0;
	if (!have.console) {
		result = call(EID_LEGACY_GETCHAR, 0, 0, 0, 0);
		if (result.error < 0 || result.error > 255)
			return 0;
		bytes[0] = (char)result.error;
		return 1;
	}
	result = call(EID_DBCN, DBCN_READ, length, (u64)(uintptr_t)bytes, 0);
	return result.error == 0 && result.value <= length ? result.value : 0;
}

void hostsbi_system_reset(enum hostsbi_reset type, bool failure)
{
	u64 reason = failure ? RESET_REASON_FAILURE : RESET_REASON_NONE;

	if (have.reset) {
		call(EID_SRST, 0, type, reason, 0);
		/* A warm reboot is optional; a cold one is the next best thing. */
		if (type == HOSTSBI_WARM_REBOOT)
			call(EID_SRST, 0, HOSTSBI_COLD_REBOOT, reason, 0);
	}
	if (type == HOSTSBI_SHUTDOWN)
		call(EID_LEGACY_SHUTDOWN, 0, 0, 0, 0);
}

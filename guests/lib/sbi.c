/* SPDX-License-Identifier: BSD-2-Clause */
/* The SBI calls that are more than an ECALL. Owns nothing. */
#include "sbi.h"
#include "csr.h"

struct sbi_result sbi_call5(u64 extension, u64 function, u64 a, u64 b, u64 c, u64 d, u64 e)
{
	register u64 a0 __asm__("a0") = a;
	register u64 a1 __asm__("a1") = b;
	register u64 a2 __asm__("a2") = c;
	register u64 a3 __asm__("a3") = d;
	register u64 a4 __asm__("a4") = e;
	register u64 a6 __asm__("a6") = function;
	register u64 a7 __asm__("a7") = extension;

	__asm__ volatile("ecall"
			 : "+r"(a0), "+r"(a1)
			 : "r"(a2), "r"(a3), "r"(a4), "r"(a6), "r"(a7)
			 : "memory");
	return (struct sbi_result){(s64)a0, a1};
}

bool sbi_probe(u64 extension)
{
	struct sbi_result r = sbi_call(SBI_BASE, BASE_PROBE, extension, 0, 0, 0);

	return r.error == 0 && r.value != 0;
}

bool sbi_is_opensbi(void)
{
	return sbi_call(SBI_BASE, BASE_IMPL_ID, 0, 0, 0, 0).value == SBI_IMPL_OPENSBI;
}

u64 sbi_spec_version(void)
{
	return sbi_call(SBI_BASE, BASE_SPEC_VERSION, 0, 0, 0, 0).value;
}

void sbi_shutdown(void)
{
	sbi_call(SBI_SRST, 0, SRST_SHUTDOWN, 0, 0, 0);
	sbi_call(SBI_LEGACY_SHUTDOWN, 0, 0, 0, 0, 0);
	for (;;)
		wfi();
}

const char *sbi_error_name(s64 error)
{
	static const char *const names[] = {
		"SUCCESS",
		"FAILED",
		"NOT_SUPPORTED",
		"INVALID_PARAM",
		"DENIED",
		"INVALID_ADDRESS",
		"ALREADY_AVAILABLE",
		"ALREADY_STARTED",
		"ALREADY_STOPPED",
		"NO_SHMEM",
		"INVALID_STATE",
		"BAD_RANGE",
		"TIMEOUT",
		"IO",
		"DENIED_LOCKED",
	};

	if (error > 0 || error <= -(s64)ARRAY_COUNT(names))
		return "no SBI error code";
	return names[-error];
}

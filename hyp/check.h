/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CHECK() states an invariant of the hypervisor itself and stays in release builds. It must never
 * depend on a value that a guest, a bundle or a device tree can choose: those get errors.
 */
#pragma once

/* Prints file, line and condition with a backtrace and stops the machine. Implemented by hw. */
_Noreturn void check_failed(const char *file, int line, const char *condition);

#define CHECK(condition)                                              \
	do {                                                          \
		if (__builtin_expect(!(condition), 0))                \
			check_failed(__FILE__, __LINE__, #condition); \
	} while (0)

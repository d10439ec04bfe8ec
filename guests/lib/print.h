/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Output of whole lines: through SBI DBCN, or where there is none through the legacy call, or where
 * that is missing too straight to the 16550. Only with address translation off or one-to-one.
 */
#pragma once

#include <stdarg.h>
#include "types.h"

/* Boot only: chooses the way out. */
void print_boot(void);

/*
 * %s %c %d %u %x %%, each number with or without l, with a width and a 0 before it. Lines of
 * several harts do not mix as long as each call prints a whole line. At most 255 characters.
 */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same into a buffer, which is always terminated; returns the length. */
size_t format_to(char *to, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
size_t format_list(char *to, size_t size, const char *format, va_list list);

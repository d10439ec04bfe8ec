/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line to the operator. log_info() and log_error() are for events that the operator caused
 * (boot, VM life cycle, bundle errors) and are not limited. Anything that a guest can bring about
 * at will goes through log_guest(), which has a budget: a burst of LOG_GUEST_BURST lines per VM,
 * refilled at one line a second; what is dropped is counted and reported with the next line.
 *
 * Formats: %s %c %d %i %u %x %lx %lu %ld %llx %llu %p %zu with width and zero padding, as printf.
 * May be called on any hart with any lock held that ranks below LOCK_LOG.
 */
#pragma once

#include "hyp/types.h"

#define LOG_GUEST_BURST 10

struct log_budget {
	u64 refilled_at; /* in timebase ticks */
	u32 tokens;
	u32 dropped_count;
	bool started;
};

void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_guest(struct log_budget *budget, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

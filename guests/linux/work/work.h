/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of work share; main.c explains the whole. */
#pragma once

#include "types.h"

/* Says so and ends the process with status 1. */
void fail(const char *what, s64 got) __attribute__((noreturn));

void work_cpu(u64 rounds);
void work_calls(u64 rounds);
void work_timers(u64 rounds);

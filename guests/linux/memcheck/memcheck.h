/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of memcheck share; main.c explains the whole. */
#pragma once

#include "linux/lib/calls.h"
#include "types.h"

#define WORKER_MAX 64

/* Written by one thread, read by the first process: in memory that all processes share. */
struct shared {
	volatile u64 rounds[WORKER_MAX];
	u64 chain_result; /* what all must get; the first to have one sets it */
};

struct worker {
	unsigned int process, thread;
	u64 index; /* in shared->rounds, and part of every pattern */
	u64 *memory;
	u64 words;
	bool has_vector;
	const char *spoil; /* what to damage once, to see it found: f, fcsr, v, memory, chain */
	struct shared *shared;
};

/* Says what was wrong and ends the process with status 1. */
void wrong(const struct worker *worker, const char *what, u64 index, u64 got, u64 want)
	__attribute__((noreturn));

/* Checks for ever. */
void worker_run(void *worker) __attribute__((noreturn));

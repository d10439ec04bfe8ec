/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What our programs need of Linux's system calls for riscv64: numbers, constants and structures as
 * the kernel's interface has them. Usable from assembly too.
 */
#pragma once

#define SYS_PIPE2	    59
#define SYS_READ	    63
#define SYS_WRITE	    64
#define SYS_TIMERFD_CREATE  85
#define SYS_TIMERFD_SETTIME 86
#define SYS_EXIT_GROUP	    94
#define SYS_NANOSLEEP	    101
#define SYS_CLOCK_GETTIME   113
#define SYS_SCHED_YIELD	    124
#define SYS_KILL	    129
#define SYS_RT_SIGPROCMASK  135
#define SYS_RT_SIGTIMEDWAIT 137
#define SYS_PRCTL	    167
#define SYS_GETPPID	    173
#define SYS_MUNMAP	    215
#define SYS_CLONE	    220
#define SYS_EXECVE	    221
#define SYS_MMAP	    222
#define SYS_WAIT4	    260

/* VM, FS, FILES, SIGHAND, THREAD and SYSVSEM: what makes a thread. */
#define CLONE_THREAD_FLAGS 0x50f00

#define SIGNAL_INT  2
#define SIGNAL_KILL 9
#define SIGNAL_USR1 10
#define SIGNAL_TERM 15
#define SIGNAL_CHLD 17

#ifndef __ASSEMBLER__
#include "types.h"

#define CLOCK_MONOTONIC	      1
#define SIG_BLOCK	      0
#define WAIT_NO_HANG	      1
#define PR_SET_PDEATHSIG      1
#define PROT_READ_WRITE	      3
#define MAP_SHARED_ANONYMOUS  0x21
#define MAP_PRIVATE_ANONYMOUS 0x22

/* Auxiliary vector: the extensions by their letters, bit 0 for A. */
#define AT_NULL	 0
#define AT_HWCAP 16

struct timespec {
	s64 seconds;
	s64 nanoseconds;
};

/* The first expiry, or never if zero, and what passes between two. */
struct timer_setting {
	struct timespec interval, value;
};

/* What the kernel returns: a negative number is an error. */
s64 system_call(u64 number, u64 a, u64 b, u64 c, u64 d, u64 e);

s64 thread_start(u64 stack_top, void (*run)(void *), void *argument);

/* To standard output, 200 bytes at most. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* All threads of the process end. */
void leave(u64 status) __attribute__((noreturn));
#endif

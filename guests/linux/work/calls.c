/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System calls and processes. A round is 300 calls of the cheapest kind, 50 bytes through a pipe
 * one by one, a child that writes to its memory and ends, and in each fourth round a child that
 * becomes another program.
 */
#include "linux/lib/calls.h"
#include "work.h"

#define PAGES 16

static u8 memory[PAGES * PAGE_SIZE];

static s64 call(u64 number, u64 a, u64 b, u64 c)
{
	return system_call(number, a, b, c, 0, 0);
}

static void wait_for(s64 child)
{
	u32 status = 0;
	s64 ended = system_call(SYS_WAIT4, (u64)child, (u64)&status, 0, 0, 0);

	if (child <= 0 || ended != child || status != 0)
		fail("a child", child < 0 ? child : (s64)status);
}

static void fork_and_write(u64 round)
{
	s64 child = system_call(SYS_CLONE, SIGNAL_CHLD, 0, 0, 0, 0);

	if (child == 0) {
		for (u64 i = 0; i < PAGES; i++)
			memory[i * PAGE_SIZE] = (u8)(round + i + 1);
		leave(memory[0] == (u8)(round + 1) ? 0 : 1);
	}
	wait_for(child);
	if (memory[0] != 0)
		fail("the child's memory is the parent's", memory[0]);
}

static void fork_and_execute(void)
{
	const char *path = "/bin/busybox", *words[] = {"true", NULL}, *environment[] = {NULL};
	s64 child = system_call(SYS_CLONE, SIGNAL_CHLD, 0, 0, 0, 0);

	if (child == 0) {
		call(SYS_EXECVE, (u64)path, (u64)words, (u64)environment);
		leave(127);
	}
	wait_for(child);
}

void work_calls(u64 rounds)
{
	u32 pipe[2];
	u8 byte;

	if (call(SYS_PIPE2, (u64)pipe, 0, 0) != 0)
		fail("no pipe", 0);
	for (u64 round = 0; round < rounds; round++) {
		for (u64 i = 0; i < 300; i++) {
			if (call(SYS_GETPPID, 0, 0, 0) <= 0)
				fail("no parent", 0);
		}
		for (u64 i = 0; i < 50; i++) {
			byte = (u8)i;
			if (call(SYS_WRITE, pipe[1], (u64)&byte, 1) != 1 ||
			    call(SYS_READ, pipe[0], (u64)&byte, 1) != 1 || byte != (u8)i)
				fail("a byte through the pipe", byte);
		}
		fork_and_write(round);
		if (round % 4 == 0)
			fork_and_execute();
	}
}

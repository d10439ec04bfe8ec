/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Linux program that looks for damage: several processes of several threads each fill memory, FP
 * and vector registers with patterns of their own, hold them for a while, and compare. What a
 * hypervisor could lose or mix up when it moves a vCPU is found: bytes of memory, f0 to f31, fcsr,
 * the vector registers with vl, vtype and vcsr, and results of arithmetic that lives in registers.
 *
 *	memcheck [processes=N] [threads=N] [kib=N] [every=SECONDS] [seconds=N] [spoil=WHAT]
 *
 * It runs until something is wrong (status 1, told in a line at once), until it is killed, or for
 * so many seconds (status 0). Each `every` seconds, on SIGUSR1 and at the end it prints
 *
 *	memcheck: 1234 rounds, ok
 *
 * spoil= damages one of f, fcsr, v, memory, chain once, to show that it is found.
 *
 * It needs nothing but the kernel: no C library, and no F or D in the C code, which is built with
 * the flags of the bare guests. This file owns the processes; worker.c does the checks.
 */
#include "memcheck.h"

#define STACK_SIZE (64ul << 10)

/* The arguments. */
static struct {
	u64 processes, threads, kib, every, seconds;
	const char *spoil;
} options = {.processes = 3, .threads = 2, .kib = 256, .every = 10, .spoil = ""};

static struct shared *shared;
static s64 children[WORKER_MAX];

void wrong(const struct worker *worker, const char *what, u64 index, u64 got, u64 want)
{
	say("memcheck: WRONG: %s%lu is 0x%lx, not 0x%lx (process %u, thread %u, round %lu)\n", what,
	    index, got, want, worker->process, worker->thread,
	    worker->shared->rounds[worker->index] + 1);
	leave(1);
}

static u64 map(u64 length, u64 flags)
{
	s64 address = system_call(SYS_MMAP, 0, length, PROT_READ_WRITE, flags, ~0ul);

	if (address < 0) {
		say("memcheck: no memory (error %ld)\n", -address);
		leave(2);
	}
	return (u64)address;
}

/* ---- arguments ---- */

/* If the word is name=value: the value. */
static const char *value_of(const char *word, const char *name)
{
	size_t length = strlen(name);

	return memcmp(word, name, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

static bool take_number(const char *word, const char *name, u64 *number, u64 least, u64 most)
{
	const char *digits = value_of(word, name);
	u64 value = 0;

	if (!digits || !*digits)
		return false;
	for (; *digits >= '0' && *digits <= '9' && value <= most; digits++)
		value = 10 * value + (u64)(*digits - '0');
	if (*digits || value < least || value > most)
		return false;
	*number = value;
	return true;
}

static void take_argument(const char *word)
{
	const char *spoil = value_of(word, "spoil");

	if (spoil)
		options.spoil = spoil;
	else if (!take_number(word, "processes", &options.processes, 1, WORKER_MAX) &&
		 !take_number(word, "threads", &options.threads, 1, WORKER_MAX) &&
		 !take_number(word, "kib", &options.kib, 4, 1 << 20) &&
		 !take_number(word, "every", &options.every, 0, 1 << 20) &&
		 !take_number(word, "seconds", &options.seconds, 0, 1 << 30)) {
		say("memcheck: '%s' is no argument: processes= threads= kib= every= seconds= "
		    "spoil=\n",
		    word);
		leave(2);
	}
}

static bool hwcap_has(const u64 *auxiliary, char letter)
{
	for (; auxiliary[0] != AT_NULL; auxiliary += 2) {
		if (auxiliary[0] == AT_HWCAP)
			return auxiliary[1] >> (letter - 'a') & 1;
	}
	return false;
}

/* ---- processes ---- */

/* A child: starts its threads and is the last of them itself. */
static void process_run(unsigned int number, bool has_vector)
{
	struct worker *workers =
		(struct worker *)map(WORKER_MAX * sizeof(*workers), MAP_PRIVATE_ANONYMOUS);

	system_call(SYS_PRCTL, PR_SET_PDEATHSIG, SIGNAL_KILL, 0, 0, 0);
	for (unsigned int i = 0; i < options.threads; i++) {
		workers[i] = (struct worker){
			.process = number,
			.thread = i,
			.index = number * options.threads + i,
			.memory = (u64 *)map(options.kib << 10, MAP_PRIVATE_ANONYMOUS),
			.words = options.kib << 7,
			.has_vector = has_vector,
			.spoil = options.spoil,
			.shared = shared,
		};
		if (i + 1 == options.threads)
			worker_run(&workers[i]);
		if (thread_start(map(STACK_SIZE, MAP_PRIVATE_ANONYMOUS) + STACK_SIZE, worker_run,
				 &workers[i]) < 0)
			leave(2);
	}
}

static void start_all(bool has_vector)
{
	for (unsigned int i = 0; i < options.processes; i++) {
		children[i] = system_call(SYS_CLONE, SIGNAL_CHLD, 0, 0, 0, 0);
		if (children[i] == 0)
			process_run(i, has_vector);
		if (children[i] < 0) {
			say("memcheck: no process (error %ld)\n", -children[i]);
			leave(2);
		}
	}
}

static void end_all(u64 status)
{
	for (unsigned int i = 0; i < options.processes; i++)
		system_call(SYS_KILL, (u64)children[i], SIGNAL_KILL, 0, 0, 0);
	leave(status);
}

/* None should ever end. */
static void look_after_children(void)
{
	u32 status = 0;
	s64 pid = system_call(SYS_WAIT4, ~0ul, (u64)&status, WAIT_NO_HANG, 0, 0);

	if (pid == 0)
		return;
	say("memcheck: FAILED: process %ld ended with status 0x%x\n", pid, status);
	end_all(1);
}

static void report(void)
{
	u64 sum = 0;

	look_after_children();
	for (unsigned int i = 0; i < WORKER_MAX; i++)
		sum += shared->rounds[i];
	say("memcheck: %lu rounds, ok\n", sum);
}

static s64 now(void)
{
	const u64 monotonic = 1;
	struct timespec time;

	system_call(SYS_CLOCK_GETTIME, monotonic, (u64)&time, 0, 0, 0);
	return time.seconds;
}

/* Signals are not handled but waited for: blocked here, and in the children for good. */
static const u64 signals =
	BIT(SIGNAL_INT - 1) | BIT(SIGNAL_USR1 - 1) | BIT(SIGNAL_TERM - 1) | BIT(SIGNAL_CHLD - 1);

static void supervise(void)
{
	const struct timespec second = {.seconds = 1};
	s64 began = now(), told = began;

	for (;;) {
		s64 signal = system_call(SYS_RT_SIGTIMEDWAIT, (u64)&signals, 0, (u64)&second,
					 sizeof(signals), 0);

		look_after_children();
		if (signal == SIGNAL_INT || signal == SIGNAL_TERM)
			end_all(128 + (u64)signal);
		if (signal == SIGNAL_USR1 ||
		    (options.every && now() - told >= (s64)options.every)) {
			report();
			told = now();
		}
		if (options.seconds && now() - began >= (s64)options.seconds) {
			report();
			end_all(0);
		}
	}
}

/* From _start, with the stack as the kernel made it. */
void program(u64 *stack);

void program(u64 *stack)
{
	u64 count = stack[0];
	const char **words = (const char **)&stack[1];
	u64 *auxiliary = &stack[1 + count + 1];
	bool has_vector;

	while (*auxiliary++)
		; /* the environment */
	has_vector = hwcap_has(auxiliary, 'v');
	for (u64 i = 1; i < count; i++)
		take_argument(words[i]);
	if (options.processes * options.threads > WORKER_MAX) {
		say("memcheck: at most %d threads in all\n", WORKER_MAX);
		leave(2);
	}
	shared = (struct shared *)map(sizeof(*shared), MAP_SHARED_ANONYMOUS);
	say("memcheck: %lu processes of %lu threads, %lu KiB each, registers: F and D%s\n",
	    options.processes, options.threads, options.kib, has_vector ? " and V" : "");
	system_call(SYS_RT_SIGPROCMASK, SIG_BLOCK, (u64)&signals, 0, sizeof(signals), 0);
	start_all(has_vector);
	supervise();
}

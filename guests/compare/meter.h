/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One round of an operation, between two short marks of the counting plugin (tests/count) and,
 * within them, two readings of instret; or between two marks that tell all. Under -icount instret
 * is the instructions of the whole machine.
 */
#pragma once

/* Marks: N of `slti x0, rs1, N`; rs1 is the operation's number. */
#define MARK_LOOP_BEGIN	 100
#define MARK_LOOP_END	 101
#define MARK_ROUND_BEGIN 102
#define MARK_ROUND_END	 103
/* Where somebody else begins or ends a round, these count in place of the two above. */
#define MARK_OTHER_BEGIN 104
#define MARK_OTHER_END	 105
/* Between the parts of a round. */
#define MARK_MIDDLE 106
#define MARK_SENT   107
/* The round before it does not count. */
#define MARK_VOID 108

/* Added to a mark: a short one, as each counted round has. And nothing, for the traced ones. */
#define COUNTED 1024
#define TRACED	0

#ifndef __ASSEMBLER__
#include "sbi.h"
#include "types.h"

/* Like the loops of guests/exits: how many rounds, here one, and two arguments. What it leaves in
 * a0 and a1 is the result. */
typedef struct sbi_result round_function(u64 count, u64 a, u64 b);

struct operation {
	const char *name;
	round_function *run;
	u64 a, b;
	bool (*verify)(struct sbi_result result); /* after each round; NULL: it ends only if done */
	const char *vector;			  /* NULL: lib's */
	u64 interrupts;				  /* opened in sie, with sstatus.SIE */
	u64 count;				  /* rounds; each moves `a` on by `step` */
	u64 step;
	u64 traced; /* rounds, 0: METER_TRACED */
	u64 *end;   /* NULL, or where somebody else leaves instret at the end of a round */
	void (*prepare)(void); /* NULL, or what is to be done before each round */
	bool (*is_void)(struct sbi_result result); /* NULL, or whether it must be run again */
};

/* instret as the round began, by meter_counted. */
extern volatile u64 meter_begun;

/* Both run the same instructions between their two readings or marks; the first gives how many
 * instructions that were by instret, the second reading's own included. */
u64 meter_counted(round_function *run, u64 a, u64 b, struct sbi_result *result, u64 number);
void meter_traced(round_function *run, u64 a, u64 b, struct sbi_result *result, u64 number);

/* The rounds, a warm-up before them and a traced one after, and two lines:
 *
 *	compare: <number> <name> <rounds> <total> <least> <most>
 *	ok <name>
 */
void measure(const struct operation *operation);

/* Of the operation that measure() is at; and whether its round is the traced one. */
extern volatile u64 meter_number;
extern volatile u64 meter_is_traced;

/* Rounds of measure() that are not among those counted: the warm-up's, and the traced ones. */
#define METER_WARM_UP 2
#define METER_TRACED  16
#define METER_OTHERS  (METER_WARM_UP + METER_TRACED)

/* How many rounds: 10,000 unless the boot arguments say rounds=N. */
u64 meter_rounds(void);

void compare_exits(void);
void compare_timers(void);
void compare_touch(void);
void compare_pair(void);
void compare_move(void);
void compare_interrupt(void);
void compare_tick(void);
void compare_device(void);
#endif

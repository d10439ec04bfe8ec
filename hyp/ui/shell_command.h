/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a command of the shell is, for those who write one. A command is carried out in steps, each
 * of which says a few lines and takes far less than a millisecond; what it has to keep from one
 * step to the next is in struct shell_call.
 */
#pragma once

#include "hyp/config/bundle.h"
#include "hyp/vm/guest.h"

#define SHELL_COLUMNS	 79 /* of a line; the terminal's last column stays empty */
#define SHELL_WORDS_MAX	 8  /* of a line */
#define SHELL_ARGUMENTS	 2
#define SHELL_STEP_LINES 8 /* that one step may say */

/* What may stand there, for completion. */
enum shell_argument {
	SHELL_ANYTHING,
	SHELL_VM,
	SHELL_VM_OR_ALL,
	SHELL_COMMAND,
};

enum shell_result {
	SHELL_DONE,
	SHELL_MORE, /* the next step at once */
	SHELL_WAIT, /* the next step at call->wake_at, or when a key is pressed */
};

struct shell_call {
	const struct shell_command *command;
	unsigned argc; /* what stands behind name and sub: at most command->argc_max */
	const char *argv[SHELL_WORDS_MAX];
	unsigned step; /* of which it is the how manyth, from 0 */
	u64 wake_at;   /* with SHELL_WAIT: hart time */
	bool key;      /* a key was pressed meanwhile, and is taken */

	/* The command's own, zero at first. */
	struct guest *guest;
	u64 number[4];
};

struct shell_command {
	const char *name;
	const char *sub;       /* the second word; NULL: none */
	const char *arguments; /* for people; NULL: none */
	const char *help;      /* one line */
	const char *example;   /* as it is typed */
	enum shell_argument takes[SHELL_ARGUMENTS];
	unsigned argc_min, argc_max;
	enum shell_result (*step)(struct shell_call *call);
};

struct shell_group {
	const struct shell_command *commands;
	size_t count;
	struct shell_group *next;
};

/* Adds the commands of another file. Boot hart, before or after shell_init(); the group stays. */
void shell_add(struct shell_group *group);

/* ---- Saying things; from a step alone ---- */

/* One line, cut to SHELL_COLUMNS; what is not printable becomes "?". */
void shell_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same for a table's head. */
void shell_print_head(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A text of any length, in as many lines as it takes, at most SHELL_STEP_LINES. */
void shell_print_long(const char *text, size_t length);
/* Bytes as they are. */
void shell_write(const char *bytes, size_t length);
/* True if nothing that was said waits for the line, and the shell is in focus. */
bool shell_is_shown(void);

/* A name in at most so many columns, cut with "~". */
#define SHELL_NAME_SIZE 32
const char *shell_cut(const char *name, unsigned columns, char buffer[SHELL_NAME_SIZE]);

/* Columns that the VMs' names take in a table, at least 8 and at most 31. */
unsigned shell_name_width(void);

/* ---- Arguments ---- */

/* The VM that the first argument names. NULL: there is none, which has been told. */
struct guest *shell_guest(const struct shell_call *call);
/* A decimal number up to max. False: it is none, which has been told. */
bool shell_number(const char *text, u64 max, u64 *number);

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the console share. One lock (LOCK_CONSOLE) guards all of it. The UARTs' own
 * locks rank above it, so UARTs are called only without it: what is to be done there is noted as a
 * job, and console_settle() does the jobs.
 */
#pragma once

#include "hyp/ui/console.h"
#include "hyp/ui/lines.h"
#include "hyp/ui/ring.h"

#define CONSOLE_NAME_MAX 16 /* columns of a name in the view of all */

/* One end of the line: a VM, or the shell. */
struct console {
	struct guest *guest; /* NULL: the shell, or not connected yet */
	struct console *next;
	struct ring output;
	struct ring input;

	u64 lost;	       /* bytes of output that were overwritten before they were shown */
	bool output_waiting;   /* the UART was turned away and has to be told of room */
	struct lines lines;    /* for the view of all */
	u64 lines_start;       /* position of the first byte of the line that is being made */
	u64 lines_touched;     /* when it last grew */
	bool offering;	       /* a hart is handing input to the UART */
	bool offer_again;      /* another one came to do that meanwhile */
	bool job_offer;	       /* input has come */
	bool job_output_ready; /* the UART is to be told of room */
	bool has_jobs;	       /* it is in the list of those that may have one */
	struct console *next_with_jobs;
	bool full;	/* input was turned away ... */
	u64 full_at;	/* ... when the ring began at that position ... */
	u64 full_until; /* ... and at that time it will be dropped instead */
};

struct console_ui {
	struct lock lock;
	struct console *first; /* VMs in the order of the table */
	struct console *last;
	struct console *focus;
	struct console *previous; /* the VM in focus before the shell, or still */
	struct console shell;
	bool all;     /* the view of all; focus is a VM then */
	bool started; /* somebody has written: until then messages are written at once, as at boot
		       */
	bool closing; /* the machine goes off: nothing waits any more */
	struct console *jobs; /* the first that may have one */

	/* The shell. */
	struct work *shell_work;
	size_t shell_wants; /* room that it waits for */
	bool shell_editing;
	bool shell_redraw;
	bool shell_colon;
	bool holds_machine; /* what guest_hold_machine() was told last */
	bool holding;	    /* a hart is telling it */

	/* The escape key. */
	int escape;
	bool escape_pending;

	/* For what happens by itself after a while. */
	struct work work;
	u64 work_at; /* when it was asked for; 0: it was not */

	/* What the line shows; see console_line.c. */
	struct ansi ansi;     /* of what the line has taken */
	bool at_line_start;   /* likewise */
	u64 log_position;     /* in the log: what comes next */
	u64 log_mark;	      /* the log waits until the focus' output is there */
	u64 log_until;	      /* but no longer than this, if not 0 */
	struct console *turn; /* whose line was shown last in the view of all */
	unsigned name_width;
	size_t staged_start, staged_end;
	char staged[1024];
};

extern struct console_ui console_ui;

/* ---- console.c ---- */

/* Notes one of the console's jobs. */
void console_note_locked(struct console *console, bool *job);
/* Does what was noted. No lock held. */
void console_settle(void);
/* Asks for console_work() at that time. */
void console_ask_locked(u64 time);

/* ---- console_line.c ---- */

/* As much as the line takes now, within bounds; the rest when it says that it is writable. */
void console_drain_locked(void);
/* Formats something of ours that goes before all else. Dropped when there is no room. */
void console_stage_locked(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, at the start of a line and with attributes off. */
void console_stage_line_locked(void);

/* ---- console_all.c ---- */

/* Stages the next line of some VM. False: there is none. *budget is what it may still read. */
bool console_stage_next_locked(size_t *budget);
/* The view ends: what has been read of lines that were never shown goes back. */
void console_leave_all_locked(void);

/* ---- console_input.c ---- */

size_t console_receive(const char *bytes, size_t length);
void console_offer_input(void *context);
size_t console_take(void *context, u8 *bytes, size_t length);
/* Drops input for who does not read it. */
void console_check_full_locked(u64 now);

/* ---- console_focus.c ---- */

/* What the key after the escape key means. */
void console_command_locked(u8 key);
void console_focus_locked(struct console *console);

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One serial line for all VMs and the shell. Who is in focus has it, raw in both directions but for
 * the escape key; what the others write is kept, the oldest making room for the newest, and shown
 * when they come into focus. In the view of all VMs the line shows their lines, each behind a name,
 * and what is typed goes to the one in focus.
 *
 * At first the first VM that starts by itself is in focus. After the escape key:
 *
 *	n p	the next or previous VM		a	all of them, and back
 *	0 to 9	the VM of that number		s	the shell
 *	l	the VM's log again		:	the shell, to name a VM
 *	?	help				the escape key: itself, for the VM
 */
#pragma once

#include "hyp/status.h"
#include "hyp/vm/guest.h"
#include "hyp/vm/work.h"

#define CONSOLE_ESCAPE_DEFAULT 0x1d /* Ctrl-] */

/* Boot hart, before the first VM, after work_start(). */
void console_init(void);

/* A control character, 1 to 31; 0: there is no escape. Boot hart. */
void console_set_escape(int key);
int console_escape(void);

/* Prepares a console for the next VM. STATUS_NO_MEMORY. Boot hart. */
enum status console_attach(struct guest_console *result) MUST_CHECK;

/* Gives back what console_attach() took, when there will be no such VM. */
void console_detach(const struct guest_console *attached);

/* Tells the console whose it is, before the VM starts. */
void console_connect(const struct guest_console *attached, struct guest *guest);

/* Changes the focus; NULL: to the VM that had it last, or the first. Any hart, no lock held.
 * STATUS_NOT_FOUND: that VM has no console, or there is no VM. */
enum status console_show(struct guest *guest) MUST_CHECK;
enum status console_show_all(void) MUST_CHECK;
void console_show_shell(void);

/* The VM that is in focus, or was before the shell; NULL: there is none. */
const struct guest *console_focus(void);

/* The machine is about to go off: writes out what is still kept, in bounded time, and from then on
 * all messages at once. Any hart, no lock held. */
void console_flush(void);

/* ------------------------------------------------------------------------------------------------
 * The shell's end of the line. To be called by the shell's work alone.
 */

/* That work is asked for a step when there is input, or room again after there was too little, or
 * when the line has to be drawn anew. Boot hart. */
void console_set_shell(struct work *shell);

/* Takes up to length bytes that were typed, returns how many. */
size_t console_shell_read(u8 *bytes, size_t length);

/* False: there is room for less; the work is asked when there is. At most CONSOLE_SHELL_ROOM. */
bool console_shell_has_room(size_t length);
#define CONSOLE_SHELL_ROOM 8192

/* What there is no room for is dropped. */
void console_shell_write(const char *bytes, size_t length);

/* True if nothing of what was written waits, and the shell is in focus. */
bool console_shell_is_shown(void);

/* Whether a message may erase the line that the cursor is on, which the shell then draws anew. */
void console_shell_set_editing(bool editing);
bool console_shell_take_redraw(void);

/* True if the operator has left with the key that asks for a VM's name. */
bool console_shell_take_colon(void);

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One serial line for all VMs. The VM in focus has it, raw in both directions; the others' output
 * is kept, the oldest making room for the newest. The first VM of the bundle is in focus.
 */
#pragma once

#include "hyp/status.h"
#include "hyp/vm/guest.h"

/* Boot hart, before the first VM. */
void console_init(void);

/* Prepares a console for the next VM. STATUS_NO_MEMORY. Boot hart. */
enum status console_attach(struct guest_console *console) MUST_CHECK;

/* Tells the console whose it is, before the VM starts. */
void console_connect(const struct guest_console *console, struct guest *guest);

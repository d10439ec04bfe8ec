/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the shell share. All of it belongs to the shell's work. */
#pragma once

#include "hyp/ui/shell.h"
#include "hyp/ui/shell_command.h"

/* What the bundle said; NULL: there is none. */
extern const struct bundle *shell_bundle;

/* All commands in order: NULL begins, and NULL is the end. */
const struct shell_command *shell_next_command(const struct shell_command *command);

/* Looks for the longest name of a VM. Boot hart, when all VMs are made. */
void shell_measure_names(void);

/* Takes the line apart, which is changed and stays in use. True: *call can be carried out; else
 * there was nothing in it, or what is wrong has been told. */
bool shell_parse(char *line, struct shell_call *call);

/* For the line editor. */
const char *shell_candidate(void *context, const char *text, size_t word, unsigned index,
			    char *buffer, size_t size);

extern struct shell_group shell_basic, shell_vm, shell_stats, shell_machine;

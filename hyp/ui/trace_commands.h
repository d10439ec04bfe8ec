/* SPDX-License-Identifier: BSD-2-Clause */
/* The shell's commands "trace" and "profile". */
#pragma once

/* Boot hart; before or after shell_init(). */
void trace_commands_init(void);

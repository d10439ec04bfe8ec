/* SPDX-License-Identifier: BSD-2-Clause */
/* Where platform/ hands over. */
#pragma once

/* Once, on the boot hart, when hw_machine() is complete and before any hart calls hyp_run(): reads
 * the bundle and makes its VMs. Errors are the operator's to read; what can run will. */
void hyp_init(void);

/* Every hart, after hyp_init(), with interrupts off and on its own stack. */
_Noreturn void hyp_run(void);

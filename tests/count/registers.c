/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hart's registers, as QEMU shows them to a debugger. CSRs read without a side effect, and
 * without regard to the mode that the hart is in.
 */
#include "count.h"

#include <string.h>

static const char *const names[REGISTER_COUNT] = {
	"zero",	   "ra",     "sp",    "gp",	 "tp",	    "t0",   "t1",     "t2",    "fp",
	"s1",	   "a0",     "a1",    "a2",	 "a3",	    "a4",   "a5",     "a6",    "a7",
	"s2",	   "s3",     "s4",    "s5",	 "s6",	    "s7",   "s8",     "s9",    "s10",
	"s11",	   "t3",     "t4",    "t5",	 "t6",	    "priv", "scause", "stvec", "sscratch",
	"hstatus", "mcause", "mtvec", "mstatus", "mhartid",
};

static struct qemu_plugin_register *handles[REGISTER_COUNT];
static __thread GByteArray *value;

void registers_find(void)
{
	const GArray *list = qemu_plugin_get_registers();
	const qemu_plugin_reg_descriptor *found = (const void *)list->data;

	for (unsigned int i = 0; i < list->len; i++) {
		for (unsigned int which = 0; which < REGISTER_COUNT; which++) {
			if (strcmp(found[i].name, names[which]) == 0 && !handles[which])
				handles[which] = found[i].handle;
		}
	}
	if (!handles[REGISTER_PRIV] || !handles[REGISTER_MTVEC])
		fprintf(stderr, "count: this QEMU does not tell the privilege level\n");
}

uint64_t register_read(unsigned int which)
{
	uint64_t number = 0;

	if (!handles[which])
		return 0;
	if (!value)
		value = g_byte_array_new();
	g_byte_array_set_size(value, 0);
	if (qemu_plugin_read_register(handles[which], value) > 0)
		memcpy(&number, value->data, value->len < 8 ? value->len : 8);
	return number;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* All that software may try, tried: see tests.h for what comes of it. */
#include "tests.h"
#include "wait.h"

void audit_tables(void)
{
	bool brief = boot_has("brief");

	print("audit: begin\n");
	marker(1);
	delay_us(boot_number("quiet", 0));
	marker(2);
	audit_initial();
	for (enum context context = S_BARE; context < CONTEXT_COUNT; context++) {
		if (brief && (context == S_PAGED || context == U_PAGED))
			continue;
		context_enter(context);
		audit_csr(context);

		audit_insn(context);
		context_leave();
	}
	audit_extension();
	print("audit: tables done\n");
	marker(3);
	run_held();
	marker(4);
	print("audit: end\n");
}

static const struct boot_group groups[] = {
	{"tables", audit_tables, false},
	{"watch", run_watch, true},
};

void guest_main(void)
{
	boot_run_groups(groups, ARRAY_COUNT(groups));
}

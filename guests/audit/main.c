/* SPDX-License-Identifier: BSD-2-Clause */
/* All that software may try, tried: see tests.h for what comes of it. */
#include "tests.h"
#include "wait.h"

/* What the device tree promises, in lines "isa NAME NAME ...". */
static void print_isa(void)
{
	struct text line = {.length = 0};
	u32 length = 0;
	const char *names = boot_isa_names(&length);

	for (u32 at = 0; names && at < length; at += (u32)strlen(names + at) + 1) {
		text_add(&line, " %s", names + at);
		if (line.length > 100) {
			print("isa%s\n", line.s);
			line.length = 0;
		}
	}
	print("isa%s\n", line.length ? line.s : "");
}

void audit_tables(void)
{
	bool brief = boot_has("brief");

	print_isa();
	audit_initial();
	marker_rest(boot_number("rest", 0));
	print("audit: begin\n");
	marker(1);
	delay_us(boot_number("quiet", 0));
	marker(2);
	for (enum context context = S_BARE; context < CONTEXT_COUNT; context++) {
		if (boot_has("held-only"))
			break;
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
	print("audit: end, %u records\n", record_count);
}

static const struct boot_group groups[] = {
	{"tables", audit_tables, false},
	{"watch", run_watch, true},
};

void guest_main(void)
{
	boot_run_groups(groups, ARRAY_COUNT(groups));
}

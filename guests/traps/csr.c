/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CSRs that a machine without H, and S-mode on any machine, does not have: an illegal-instruction
 * trap each. In VS-mode the hypervisor's own give a virtual-instruction trap, which the hypervisor
 * has to turn into this one ("Trap Cause Codes" of the hypervisor extension).
 */
#include "tests.h"

struct csr {
	const char *name;
	u32 number;
};

static const struct csr hypervisor_csrs[] = {
	{"hstatus", 0x600},    {"hedeleg", 0x602},    {"hideleg", 0x603},   {"hie", 0x604},
	{"htimedelta", 0x605}, {"hcounteren", 0x606}, {"hgeie", 0x607},	    {"hvien", 0x608},
	{"hvictl", 0x609},     {"henvcfg", 0x60a},    {"hstateen0", 0x60c}, {"hstateen1", 0x60d},
	{"hstateen2", 0x60e},  {"hstateen3", 0x60f},  {"htval", 0x643},	    {"hip", 0x644},
	{"hvip", 0x645},       {"hviprio1", 0x646},   {"hviprio2", 0x647},  {"htinst", 0x64a},
	{"hgatp", 0x680},      {"hcontext", 0x6a8},   {"vsstatus", 0x200},  {"vsie", 0x204},
	{"vstvec", 0x205},     {"vsscratch", 0x240},  {"vsepc", 0x241},	    {"vscause", 0x242},
	{"vstval", 0x243},     {"vsip", 0x244},	      {"vstimecmp", 0x24d}, {"vsiselect", 0x250},
	{"vsireg", 0x251},     {"vstopei", 0x25c},    {"vsatp", 0x280},	    {"hgeip", 0xe12},
	{"vstopi", 0xeb0},
};

static const struct csr machine_csrs[] = {
	{"mstatus", 0x300},	  {"misa", 0x301},	 {"medeleg", 0x302},
	{"mideleg", 0x303},	  {"mie", 0x304},	 {"mtvec", 0x305},
	{"mcounteren", 0x306},	  {"menvcfg", 0x30a},	 {"mstateen0", 0x30c},
	{"mcountinhibit", 0x320}, {"mscratch", 0x340},	 {"mepc", 0x341},
	{"mcause", 0x342},	  {"mtval", 0x343},	 {"mip", 0x344},
	{"mtinst", 0x34a},	  {"mtval2", 0x34b},	 {"pmpcfg0", 0x3a0},
	{"pmpaddr0", 0x3b0},	  {"mnstatus", 0x744},	 {"mseccfg", 0x747},
	{"tselect", 0x7a0},	  {"tdata1", 0x7a1},	 {"dcsr", 0x7b0},
	{"mcycle", 0xb00},	  {"minstret", 0xb02},	 {"mhpmcounter3", 0xb03},
	{"mvendorid", 0xf11},	  {"marchid", 0xf12},	 {"mimpid", 0xf13},
	{"mhartid", 0xf14},	  {"mconfigptr", 0xf15},
};

/* Numbers that nothing is at: in the custom ranges, of U-, S-, hypervisor and M-level. */
static const struct csr no_csrs[] = {
	{"0x8c0", 0x8c0}, {"0xcc0", 0xcc0}, {"0x5c0", 0x5c0}, {"0x9c0", 0x9c0},
	{"0xdc0", 0xdc0}, {"0x6c0", 0x6c0}, {"0xec0", 0xec0}, {"0x1ff", 0x1ff},
};

static void check_refused(const struct csr *csr)
{
	static const u32 write_forms[] = {1, 2, 3, 5, 6, 7};
	struct trap_info trap;
	u64 epc;
	u32 insn = INSN_CSRRS(X_A0, csr->number);

	check_begin("csr %s refused", csr->name);
	trap = code_try(insn, 0, 0, &epc);
	/* OpenSBI 1.5.1 emulates a read of htimedelta for S-mode on any machine. */
	if (csr->number != 0x605 || !sbi_is_opensbi())
		check_illegal(&trap, insn, epc);
	/* csrrw, csrrs, csrrc and the immediate forms, with operands that do write. */
	for (size_t i = 0; i < ARRAY_COUNT(write_forms); i++) {
		insn = insn_i(0x73, write_forms[i], 0, X_A1, csr->number);
		trap = code_try(insn, 0, 0xff, &epc);
		if (csr->number != 0x605 || !sbi_is_opensbi())
			check_illegal(&trap, insn, epc);
	}
	check_end();
}

/* A read-only CSR that exists may be read and not written. */
static void check_read_only(const char *name, u32 number)
{
	u32 insn = INSN_CSRRW(number, X_A1);
	struct trap_info trap;
	u64 epc;

	check_begin("csr %s not writable", name);
	trap = code_try(insn, 0, 1, &epc);
	check_illegal(&trap, insn, epc);
	check_end();
}

void test_csr(void)
{
	/* OpenSBI on a machine with H starts its kernel in HS-mode. */
	if (sbi_is_opensbi() && boot_isa_has("h"))
		check_skip("csr of the hypervisor refused", "this is HS-mode");
	else
		for (size_t i = 0; i < ARRAY_COUNT(hypervisor_csrs); i++)
			check_refused(&hypervisor_csrs[i]);
	for (size_t i = 0; i < ARRAY_COUNT(machine_csrs); i++)
		check_refused(&machine_csrs[i]);
	for (size_t i = 0; i < ARRAY_COUNT(no_csrs); i++)
		check_refused(&no_csrs[i]);
	check_read_only("cycle", 0xc00);
	check_read_only("time", 0xc01);
	check_read_only("instret", 0xc02);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Instructions that S-mode does not have, those that it must have, and breakpoints. */
#include "tests.h"

struct insn {
	const char *name;
	u32 bits;
};

/* Of the hypervisor extension; their operands are a0 and a1. */
static const struct insn hypervisor_insns[] = {
	{"hfence.vvma", 0x22b50073}, {"hfence.gvma", 0x62b50073}, {"hinval.vvma", 0x26b50073},
	{"hinval.gvma", 0x66b50073}, {"hlv.b", 0x60054573},	  {"hlv.bu", 0x60154573},
	{"hlv.h", 0x64054573},	     {"hlv.hu", 0x64154573},	  {"hlvx.hu", 0x64354573},
	{"hlv.w", 0x68054573},	     {"hlv.wu", 0x68154573},	  {"hlvx.wu", 0x68354573},
	{"hlv.d", 0x6c054573},	     {"hsv.b", 0x62b54073},	  {"hsv.h", 0x66b54073},
	{"hsv.w", 0x6ab54073},	     {"hsv.d", 0x6eb54073},
};

static const struct insn illegal_insns[] = {
	{"mnret", 0x70200073},
	{"uret", 0x00200073},
	{"dret", 0x7b200073},
	{"custom system", 0x8c000073},
	{"all zero", 0x0000},
	{"all one", 0xffffffff},
	{"reserved opcode 0x6b", 0x0000006b},
	{"custom-0", 0x0000000b},
	{"jalr with funct3 7", 0x00007067},
	{"load with funct3 7", 0x00007003},
	{"store with funct3 7", 0x00007023},
	{"branch with funct3 2", 0x00002063},
	{"amo of funct5 31", 0xf8a5252f},
	{"c.lwsp x0", 0x4002},
	{"c.ldsp x0", 0x6002},
	{"c.addiw x0", 0x2001},
	{"c.jr x0", 0x8002},
};

static void check_insn_refused(const struct insn *insn)
{
	struct trap_info trap;
	u64 epc;

	check_begin("insn %s refused", insn->name);
	trap = code_try(insn->bits, IMAGE_BASE, 0, &epc);
	check_illegal(&trap, insn->bits, epc);
	check_end();
}

/* QEMU 10.0.2 gives the bits of an instruction executed earlier as stval of this one. */
static void test_mret(void)
{
	const u32 mret = 0x30200073;
	struct trap_info trap;
	u64 epc;

	check_begin("insn mret refused");
	trap = code_try(mret, 0, 0, &epc);
	check_trap(&trap, CAUSE_ILLEGAL, epc, trap.tval);
	check_end();
}

/* What must simply go on: fences of every kind, also of kinds not yet invented, and hints. */
static void test_fences(void)
{
	static const struct insn fences[] = {
		{"fence rw,rw", 0x0330000f},
		{"fence.tso", 0x8330000f},
		{"pause", 0x0100000f},
		{"fence with reserved fm", 0x5330000f},
		{"fence with registers", 0x0335058f},
		{"fence.i", 0x0000100f},
		{"sfence.vma all", 0x12000073},
		{"sfence.vma of an address", 0x12050073},
		{"sfence.vma of an ASID", 0x12b50073},
		{"hint lui x0", 0x00001037},
		{"hint ntl.all", 0x00500033},
		{"hint c.nop", 0x0005},
		{"hint slti x0", 0x00052013},
	};
	struct trap_info trap;
	u64 epc;

	for (size_t i = 0; i < ARRAY_COUNT(fences); i++) {
		check_begin("insn %s goes through", fences[i].name);
		trap = code_try(fences[i].bits, IMAGE_BASE, 0, &epc);
		check_no_trap(&trap, IMAGE_BASE);
		check_end();
	}
}

static void test_breakpoints(void)
{
	static const struct insn breaks[] = {{"ebreak", 0x00100073}, {"c.ebreak", 0x9002}};
	struct trap_info trap;
	u64 epc;

	for (size_t i = 0; i < ARRAY_COUNT(breaks); i++) {
		check_begin("insn %s", breaks[i].name);
		for (int n = 0; n < 3; n++) {
			trap = code_try(breaks[i].bits, 0, 0, &epc);
			/* stval is 0 or the address of the instruction. */
			check_trap(&trap, CAUSE_BREAKPOINT, epc, trap.tval ? epc : 0);
		}
		check_end();
	}
}

/* sret from S-mode is the guest's own: no trap, and to where sepc says. */
static void test_sret(void)
{
	static u32 code[8] __attribute__((aligned(16)));
	const u32 insns[] = {
		insn_mv(5, X_RA),
		INSN_CSRRW(0x141, 5), /* sepc = ra */
		insn_i(0x13, 0, 6, 0, 0x100),
		insn_i(0x73, 2, 0, 6, 0x100), /* sstatus.SPP */
		0x10200073,
	};
	struct trap_info trap;

	check_begin("insn sret");
	code_put((u64)code, insns, ARRAY_COUNT(insns));
	trap = trap_try((u64)code, 0x77, 0, 0);
	check_no_trap(&trap, 0x77);
	check_end();
}

/* An FP instruction while sstatus.FS is off is illegal whatever the hart has. */
static void test_off(void)
{
	static const struct insn insns[] = {
		{"fadd.d", 0x02107053}, {"fmv.x.d", 0xe2000553}, {"flw", 0x00052007},
		{"frcsr", 0x00302573},	{"vsetvli", 0x0d007557}, {"csrr vlenb", 0xc2202573},
	};

	context_set_fs(CONTEXT_OFF);
	context_set_vs(CONTEXT_OFF);
	for (size_t i = 0; i < ARRAY_COUNT(insns); i++)
		check_insn_refused(&insns[i]);
}

void test_insn(void)
{
	if (sbi_is_opensbi() && boot_isa_has("h"))
		check_skip("insn of the hypervisor refused", "this is HS-mode");
	else
		for (size_t i = 0; i < ARRAY_COUNT(hypervisor_insns); i++)
			check_insn_refused(&hypervisor_insns[i]);
	for (size_t i = 0; i < ARRAY_COUNT(illegal_insns); i++)
		check_insn_refused(&illegal_insns[i]);
	test_mret();
	test_fences();
	test_breakpoints();
	test_sret();
	test_off();
}

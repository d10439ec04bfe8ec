/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions other than CSR accesses, by encoding: the whole of SYSTEM's privileged and of its
 * hypervisor load and store space, fences, cache-block and atomic instructions, what compressed
 * instructions have of reserved encodings, and one of each major opcode and funct3. tables() says
 * what an item number of each table means; whoever reads the records has to know it too.
 *
 * a0 is the address of memory that the context may use, a7 and a6 are those of the SBI call that
 * tells the version, the others are constants.
 */
#include "tests.h"

#define LOT	 1024
#define INSN_WFI 0x10500073u

struct table {
	const char *name;
	u32 count;
	/* False: not tried. */
	bool (*make)(u32 item, u32 *insn);
	u32 contexts; /* bit per context in which it is tried */
	bool in_brief;
};

#define ALL  (1u << S_BARE | 1u << S_PAGED | 1u << U_BARE | 1u << U_PAGED)
#define BARE (1u << S_BARE | 1u << U_BARE) /* translation makes no difference */
#define DENY (ALL | 1u << U_DENIED)

/* SYSTEM with funct3 0 and any funct12. */
static bool make_system(u32 item, u32 *insn)
{
	*insn = item << 20 | 0x73;
	return true;
}

static bool make_system_rs1(u32 item, u32 *insn)
{
	*insn = item << 20 | X_A0 << 15 | 0x73;
	return true;
}

static bool make_system_rd(u32 item, u32 *insn)
{
	*insn = item << 20 | X_A0 << 7 | 0x73;
	return true;
}

static bool make_system_both(u32 item, u32 *insn)
{
	*insn = item << 20 | X_A0 << 15 | X_A0 << 7 | 0x73;
	return true;
}

/* SYSTEM with funct3 4, of a0, and any funct12. */
static bool make_system4(u32 item, u32 *insn)
{
	*insn = item << 20 | X_A0 << 15 | 4 << 12 | 0x73;
	return true;
}

static bool make_system4_rd(u32 item, u32 *insn)
{
	*insn = item << 20 | X_A0 << 15 | 4 << 12 | X_A4 << 7 | 0x73;
	return true;
}

static bool make_fence(u32 item, u32 *insn)
{
	*insn = item << 20 | 0x0f;
	return true;
}

/* The same with rs1 and rd, where they are reserved; and FENCE.I with all that is reserved. */
static bool make_fence_registers(u32 item, u32 *insn)
{
	*insn = (item >> 1) * 0x21 % 0x1000 << 20 | X_A1 << 15 | (item & 1) << 12 | X_A4 << 7 |
		0x0f;
	return true;
}

/* MISC-MEM with funct3 2, of a0. */
static bool make_cbo(u32 item, u32 *insn)
{
	*insn = item << 20 | X_A0 << 15 | 2 << 12 | 0x0f;
	return true;
}

/* The rest of MISC-MEM: funct3, then bits of the immediate. */
static bool make_misc_mem(u32 item, u32 *insn)
{
	*insn = (item >> 3) << 20 | X_A0 << 15 | (item & 7) << 12 | X_A4 << 7 | 0x0f;
	return (item & 7) >= 2;
}

/* AMO of a0 to a4: funct5, width, rs2 (x0, a1 or a2), and aq and rl. */
static bool make_amo(u32 item, u32 *insn)
{
	static const u32 rs2[] = {X0, X_A1, X_A2, X0};

	*insn = item >> 7 << 27 | (item & 3) << 25 | rs2[item >> 2 & 3] << 20 | X_A0 << 15 |
		(item >> 4 & 7) << 12 | X_A4 << 7 | 0x2f;
	return (item >> 2 & 3) != 3;
}

/* Quadrant 1, funct3 3: C.LUI, C.ADDI16SP, and C.MOP and Zicfiss among its reserved ones. */
static bool make_c_lui(u32 item, u32 *insn)
{
	*insn = 3 << 13 | item << 2 | 1;
	return true;
}

/* Quadrant 0, funct3 4, of a0: Zcb's loads and stores, and what is reserved beside them. */
static bool make_c_zcb(u32 item, u32 *insn)
{
	*insn = 4 << 13 | (item >> 5) << 10 | 2 << 7 | (item & 31) << 2;
	return true;
}

/* Quadrant 1, funct3 4, registers a0 and a4: the whole of Zca's and Zcb's arithmetic. */
static bool make_c_alu(u32 item, u32 *insn)
{
	*insn = 4 << 13 | (item >> 5) << 10 | 2 << 7 | (item & 31) << 2 | 1;
	return true;
}

/* Every major opcode with every funct3, but for those that go elsewhere. */
static bool make_major(u32 item, u32 *insn)
{
	u32 opcode = (item >> 3) << 2 | 3;

	*insn = X_A1 << 20 | X_A0 << 15 | (item & 7) << 12 | X_A4 << 7 | opcode;
	return opcode != 0x63 && opcode != 0x6f && (opcode != 0x67 || (item & 7) != 0) &&
	       opcode != 0x73;
}

/* What fits nowhere else. */
static bool make_other(u32 item, u32 *insn)
{
	static const u32 insns[] = {
		0x00000000,			    /* c.illegal */
		0xffffffff, 0x0000ffff, 0x00009002, /* c.ebreak */
		0x00000517,			    /* lpad has rd x0: this is auipc a0 */
		0x00000017,			    /* lpad 0 */
		0xabcde017,			    /* lpad */
		0x00056013,			    /* prefetch.i 0(a0) */
		0x00156013,			    /* prefetch.r */
		0x00356013,			    /* prefetch.w */
		0x00500033,			    /* ntl.all */
		0x0000100f,			    /* fence.i */
		0x00000013,			    /* nop */
		0x00100013,			    /* a hint */
		0x00004002,			    /* c.lwsp x0 */
		0x00006002,			    /* c.ldsp x0 */
		0x00002001,			    /* c.addiw x0 */
		0x00008002,			    /* c.jr x0 */
	};

	*insn = insns[item];
	return item != 4;
}

static const struct table tables[] = {
	{"sys0", 0x1000, make_system, ALL, true},
	/* What is reserved whatever the registers are. */
	{"sys0s", 0x1000, make_system_rs1, ALL, false},
	{"sys0d", 0x1000, make_system_rd, BARE, false},
	{"sys0sd", 0x1000, make_system_both, 1u << S_BARE, false},
	{"sys4", 0x1000, make_system4, DENY, true},
	{"sys4d", 0x1000, make_system4_rd, DENY, true},
	{"fence", 0x1000, make_fence, BARE, false},
	{"fencer", 0x200, make_fence_registers, BARE, true},
	{"cbo", 0x1000, make_cbo, DENY, true},
	{"miscmem", 0x100, make_misc_mem, BARE, true},
	{"amo", 0x1000, make_amo, ALL, true},
	{"clui", 0x800, make_c_lui, BARE, false},
	{"czcb", 0x100, make_c_zcb, BARE, false},
	{"calu", 0x100, make_c_alu, BARE, false},
	{"major", 0x100, make_major, BARE, false},
	{"other", 18, make_other, ALL, true},
};

static struct stub stubs[LOT];

static void run(enum context context, const struct table *table, u32 item, u32 insn)
{
	const u64 a[ARGUMENT_COUNT] = {scratch_address(), 1,	      0x5a5a0002, 0x0bad0003,
				       0x0bad0004,	  0x0bad0005, 0,	  0x10};
	/* It ends at once if an interrupt is pending and enabled in sie, taken or not. */
	bool wfi = insn == INSN_WFI && !context_is_user(context);
	struct text text = {.length = 0};
	struct outcome got;
	u32 digest;

	scratch_fill();
	if (wfi) {
		csr_set(sip, (u64)SIP_SSIP);
		csr_write(sie, (u64)SIP_SSIP);
	}
	got = stub_run(&stubs[item % LOT], a);
	if (wfi) {
		csr_write(sie, 0ul);
		csr_clear(sip, (u64)SIP_SSIP);
	}
	if (got.done)
		text_add(&text, "k");
	else
		text_trap(&text, &got);
	for (u32 i = 0; got.done && i < ARGUMENT_COUNT; i++) {
		if (got.a[i] != a[i])
			text_add(&text, " a%u=%lx", i, got.a[i]);
	}
	digest = scratch_digest();
	if (digest)
		text_add(&text, " m=%x", digest);
	record(context, table->name, item, text.s);
}

static void build(const struct table *table, u32 first)
{
	stub_begin();
	for (u32 item = first; item < first + LOT && item < table->count; item++) {
		u32 insn;

		if (table->make(item, &insn))
			stubs[item % LOT] = stub_add(&insn, 1);
	}
	stub_seal();
}

static void sweep(enum context context, const struct table *table)
{
	for (u32 item = 0; item < table->count; item++) {
		u32 insn;

		if (item % LOT == 0)
			build(table, item);
		if (table->make(item, &insn))
			run(context, table, item, insn);
	}
}

void audit_insn(enum context context)
{
	for (size_t i = 0; i < ARRAY_COUNT(tables); i++) {
		if ((tables[i].contexts >> context & 1) &&
		    (tables[i].in_brief || !boot_has("brief")))
			sweep(context, &tables[i]);
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A witness for each extension that adds instructions or page-table bits: `x CONTEXT NAME RESULT`
 * says whether one that only this extension has goes through. Whoever reads that knows what the
 * device tree promises. Extensions that are CSRs, or fields of them, are in the CSR records.
 */
#include "tests.h"
#include "vm.h"

/* rd a4, rs1 a0 (an address), rs2 a2, which is x12. */
#define R_TYPE(opcode, funct3, funct7, rs2) \
	((u32)(funct7) << 25 | (rs2) << 20 | 10 << 15 | (funct3) << 12 | 14 << 7 | (opcode))
#define OP(funct3, funct7)	  R_TYPE(0x33, funct3, funct7, 12)
#define OP_IMM(funct3, immediate) R_TYPE(0x13, funct3, (immediate) >> 5, (immediate)&31)
#define OP_FP(funct7, rs2)	  R_TYPE(0x53, 0, funct7, rs2)
#define AMO(funct5, width, rs2)	  R_TYPE(0x2f, width, (funct5) << 2, rs2)
/* vd v8, vs2 v16, vs1 v24 or a sub-opcode. */
#define VECTOR(opcode, funct3, funct6, vs1)                                                 \
	((u32)(funct6) << 26 | 1 << 25 | 16 << 20 | (vs1) << 15 | (funct3) << 12 | 8 << 7 | \
	 (opcode))
/* VSETVLI a4, x0, for elements of so many bits, LMUL 1 or 2. */
#define SET(width, lmul) (((width) | (lmul) | 0xc0) << 20 | 7 << 12 | 14 << 7 | 0x57)
enum { E8 = 0, E16 = 1 << 3, E32 = 2 << 3, E64 = 3 << 3 };

static const struct witness {
	const char *extension;
	u32 insns[2]; /* the second may be 0: none */
} witnesses[] = {
	{"m", {OP(0, 1)}},
	{"zaamo", {AMO(0, 2, 12)}},
	{"zalrsc", {AMO(2, 2, 0)}},
	{"f", {OP_FP(0, 12)}},
	{"d", {OP_FP(1, 12)}},
	{"zca", {0x0705}}, /* c.addi a4, 1 */
	{"v", {SET(E8, 0)}},
	{"zve64x", {SET(E64, 0), VECTOR(0x57, 0, 0, 24)}},
	{"zve32f", {SET(E32, 0), VECTOR(0x57, 1, 0, 24)}},
	{"zve64d", {SET(E64, 0), VECTOR(0x57, 1, 0, 24)}},
	{"zicond", {OP(5, 7)}},
	{"zimop", {0x81c54773}},
	{"zcmop", {0x6081}},
	{"zcb", {0x9c75 | 6 << 7}}, /* c.not a4 */
	{"zawrs", {0x01d00073}},
	{"zba", {OP(2, 0x10)}},
	{"zbb", {OP_IMM(1, 0x600)}},
	{"zbc", {OP(2, 5)}},
	{"zbkc", {OP(1, 5)}},
	{"zbkb", {OP_IMM(5, 0x687)}},
	{"zbkx", {OP(4, 0x14)}},
	{"zbs", {OP(1, 0x14)}},
	{"zknd", {OP(0, 0x1d)}},
	{"zkne", {OP(0, 0x19)}},
	{"zknh", {OP_IMM(1, 0x102)}},
	{"zksed", {OP(0, 0x18)}},
	{"zksh", {OP_IMM(1, 0x108)}},
	{"zfa", {OP_FP(0x78, 1)}},
	{"zfh", {OP_FP(2, 12)}},
	{"zfhmin", {OP_FP(0x20, 2)}},
	{"zfbfmin", {OP_FP(0x22, 8)}},
	{"zabha", {AMO(0, 0, 12)}},
	{"zacas", {AMO(5, 2, 12)}},
	{"zalasr", {AMO(6, 2, 0) | 1 << 26}},
	{"zicbom", {0x0025200f}},
	{"zicboz", {0x0045200f}},
	{"zvbb", {SET(E8, 0), VECTOR(0x57, 2, 0x12, 12)}},
	{"zvkb", {SET(E8, 0), VECTOR(0x57, 0, 1, 24)}},
	{"zvbc", {SET(E64, 0), VECTOR(0x57, 2, 0x0c, 24)}},
	{"zvkg", {SET(E32, 0), VECTOR(0x77, 2, 0x2c, 24)}},
	{"zvkned", {SET(E32, 0), VECTOR(0x77, 2, 0x28, 2)}},
	{"zvknha", {SET(E32, 0), VECTOR(0x77, 2, 0x2d, 24)}},
	{"zvknhb", {SET(E64, 1), VECTOR(0x77, 2, 0x2d, 24)}},
	{"zvksed", {SET(E32, 0), VECTOR(0x77, 2, 0x21, 1)}},
	{"zvksh", {SET(E32, 1), VECTOR(0x77, 2, 0x2b, 1)}},
	{"zvfh", {SET(E16, 0), VECTOR(0x57, 1, 0, 24)}},
	{"zvfhmin", {SET(E16, 0), VECTOR(0x57, 1, 0x12, 12)}},
	{"zvfbfmin", {SET(E16, 0), VECTOR(0x57, 1, 0x12, 29)}},
	{"zvfbfwma", {SET(E16, 0), VECTOR(0x57, 1, 0x3b, 24)}},
	{"svinval", {0x16c50073}},
};

static void show(const char *context, const char *name, const struct outcome *got)
{
	struct text text = {.length = 0};

	if (!got->done)
		text_trap(&text, got);
	print("x %s %s %s\n", context, name, got->done ? "k" : text.s);
}

static void try_all(enum context context)
{
	context_enter(context);
	for (size_t i = 0; i < ARRAY_COUNT(witnesses); i++) {
		const u64 a[ARGUMENT_COUNT] = {scratch_address(), 1};
		struct outcome got;
		struct stub stub;

		stub_begin();
		stub = stub_add(witnesses[i].insns, witnesses[i].insns[1] ? 2 : 1);
		stub_seal();
		got = stub_run(&stub, a);
		show(context_names[context], witnesses[i].extension, &got);
	}
	context_leave();
}

/* ---- page-table bits, by a load through one page ---- */

#define VA	      (VM_FREE + 0x10000)
#define PTE_NAPOT_64K (1ul << 63 | 8 << 10)

static u8 pages[2 << 16] __attribute__((aligned(1 << 16)));

static void load(const char *name, u64 pte, u64 offset, u64 want)
{
	const u32 insn = 0x00053703; /* ld a4, 0(a0) */
	const u64 a[ARGUMENT_COUNT] = {VA + offset};
	struct outcome got;
	struct stub stub;
	u64 *root;

	vm_reset();
	root = vm_identity();
	*vm_entry(root, VA + offset) = pte;
	stub_begin();
	stub = stub_add(&insn, 1);
	stub_seal();
	vm_on(root, 0);
	got = stub_run(&stub, a);
	vm_off();
	if (got.done && got.a[4] != want)
		print("x S1 %s wrong\n", name);
	else
		show("S1", name, &got);
}

static void try_pages(void)
{
	u64 address = (u64)pages;

	*(u64 *)(pages + 0x3008) = 77;
	context_enter(S_BARE);
	load("page", PTE_OF(address, PTE_RW), 0x0, 0);
	load("svpbmt-nc", PTE_OF(address, PTE_RW) | 1ul << 61, 0, 0);
	load("svpbmt-io", PTE_OF(address, PTE_RW) | 2ul << 61, 0, 0);
	load("svpbmt-reserved", PTE_OF(address, PTE_RW) | 3ul << 61, 0, 0);
	load("svnapot", PTE_OF(address, PTE_RW) | PTE_NAPOT_64K, 0x3008, 77);
	load("svadu", PTE_OF(address, PTE_V | PTE_R | PTE_W), 0, 0);
	load("svrsw60t59b", PTE_OF(address, PTE_RW) | 3ul << 59, 0, 0);
	load("reserved-54", PTE_OF(address, PTE_RW) | 1ul << 54, 0, 0);
	context_leave();
}

/* U-mode's pointer masking ("Pointer Masking Extensions"): senvcfg.PMM is 3 where it can be, and
 * the upper 16 bits of an address do not count. */
static void try_masking(void)
{
	const u32 insn = 0x00053703; /* ld a4, 0(a0) */
	u64 a[ARGUMENT_COUNT] = {0};
	struct outcome got;
	struct stub stub;

	context_enter(U_BARE);
	a[0] = scratch_address() | 0xabcdul << 48;
	stub_begin();
	stub = stub_add(&insn, 1);
	stub_seal();
	got = stub_run(&stub, a);
	show("U0", "ssnpm", &got);
	context_leave();
}

void audit_extension(void)
{
	try_masking();
	try_all(S_BARE);
	try_all(U_BARE);
	try_pages();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every CSR number, every kind of access. Table "csr" has five words for each,
 *
 *	read  CSRRW of all ones  CSRRW of 0  CSRRS of all ones  CSRRC of all ones
 *
 * (without that of 0 if that of ones trapped)
 * and "csri" three, CSRRWI, CSRRSI and CSRRCI of 31. A read that goes through is r=HEX, or r^ or r~
 * where a later read gave more, or something else. A write is what could be read back, =HEX, or ~
 * where the value does not stay by itself, and /HEX behind it what the instruction itself gave if
 * that is not what was read before. The stub puts the old value back before anything else happens,
 * so that stvec, sscratch, satp and sstatus need no special care: nothing traps meanwhile.
 */
#include "tests.h"

#define CSR_COUNT 0x1000
#define LOT	  64

struct lot {
	struct stub read;
	struct stub change[3]; /* CSRRW, CSRRS, CSRRC; or with immediates */
};

static struct lot lots[LOT];

static void build(u32 first, u32 funct3)
{
	stub_begin();
	for (u32 i = 0; i < LOT; i++) {
		u32 csr = first + i;
		/* Far enough from each other that a counter of 10 MHz has gone on, on fast hosts
		 * too. */
		const u32 read[] = {
			insn_csr(CSRRS, X_A0, csr, X0), insn_csr(CSRRS, X_A2, csr, X0),
			insn_csr(CSRRS, X_A2, csr, X0), insn_csr(CSRRS, X_A2, csr, X0),
			insn_csr(CSRRS, X_A2, csr, X0), insn_csr(CSRRS, X_A1, csr, X0),
		};

		lots[i].read = stub_add(read, ARRAY_COUNT(read));
		for (u32 k = 0; k < 3; k++) {
			const u32 change[] = {
				insn_csr(funct3 + k, X_A0, csr, funct3 == CSRRW ? X_A1 : 31),
				insn_csr(CSRRS, X_A2, csr, X0),
				insn_csr(CSRRW, X0, csr, X_A3),
			};

			lots[i].change[k] = stub_add(change, 3);
		}
	}
	stub_seal();
}

/* What the reads have shown. */
struct seen {
	bool readable, steady;
	u64 value;
};

static struct seen add_read(struct text *text, const struct stub *stub)
{
	const u64 a[ARGUMENT_COUNT] = {0};
	struct outcome got = stub_run(stub, a);
	struct seen seen = {got.done, got.a[0] == got.a[1], got.a[0]};

	if (!got.done)
		text_trap(text, &got);
	else if (seen.steady)
		text_add(text, "r=%lx", got.a[0]);
	else
		text_add(text, got.a[1] > got.a[0] ? "r^" : "r~");
	return seen;
}

/* Returns whether the access went through. */
static bool add_change(struct text *text, const struct stub *stub, u64 operand, struct seen seen)
{
	const u64 a[ARGUMENT_COUNT] = {0, operand, 0, seen.value};
	struct outcome got = stub_run(stub, a);

	text_add(text, " ");
	if (!got.done)
		text_trap(text, &got);
	else if (!seen.steady)
		text_add(text, "~");
	else
		text_add(text, "=%lx", got.a[2]);
	if (got.done && seen.readable && seen.steady && got.a[0] != seen.value)
		text_add(text, "/%lx", got.a[0]);
	return got.done;
}

static struct text try_all(const struct lot *lot)
{
	struct text text = {.length = 0};
	struct seen seen = add_read(&text, &lot->read);

	if (add_change(&text, &lot->change[0], ~0ul, seen))
		add_change(&text, &lot->change[0], 0, seen);
	add_change(&text, &lot->change[1], ~0ul, seen);
	add_change(&text, &lot->change[2], ~0ul, seen);
	return text;
}

/* QEMU 10 keeps bits of sstatus and vxrm that are gone if an interrupt of the machine's comes
 * between a write and its read: until it is the same twice. All others have one try, for what comes
 * of them must not depend on who had the hart in between. */
static struct text try_steadily(u32 csr, const struct lot *lot)
{
	bool restless = csr == 0x100 || csr == 0x00a;
	struct text text = try_all(lot);

	for (unsigned tries = 0; restless && tries < 4; tries++) {
		struct text before = text;

		text = try_all(lot);
		if (strcmp(text.s, before.s) == 0)
			break;
	}
	return text;
}

static void sweep(enum context context, u32 from, u32 to)
{
	for (u32 csr = from; csr < to; csr++) {
		if (csr % LOT == 0 || csr == from)
			build(csr - csr % LOT, CSRRW);
		record(context, "csr", csr, try_steadily(csr, &lots[csr % LOT]).s);
	}
}

static void sweep_immediate(enum context context)
{
	for (u32 csr = 0; csr < CSR_COUNT; csr++) {
		struct lot *lot = &lots[csr % LOT];
		struct text text = {.length = 0};
		struct seen seen;

		if (csr % LOT == 0)
			build(csr, CSRRWI);
		seen = add_read(&text, &lot->read);
		for (u32 k = 0; k < 3; k++)
			add_change(&text, &lot->change[k], 0, seen);
		record(context, "csri", csr, text.s);
	}
}

/* satp takes all of a value or nothing, so all ones says little: each mode, with ASIDs of all ones
 * and a root that fits the mode, is tried too. */
static void sweep_satp(enum context context)
{
	u64 *level2, *level3, *level4;

	vm_reset();
	level2 = vm_identity();
	level3 = vm_table();
	level4 = vm_table();
	level3[0] = PTE_OF((u64)level2, PTE_V);
	level4[0] = PTE_OF((u64)level3, PTE_V);
	build(0x180, CSRRW);
	for (u32 mode = 0; mode < 16; mode++) {
		u64 *root = mode == 9 ? level3 : mode == 10 ? level4 : level2;
		struct text text = {.length = 0};
		struct seen seen = {.readable = true, .steady = true};

		add_change(&text, &lots[0].change[0],
			   (u64)mode << 60 | (mode ? 0xfffful << 44 | (u64)root >> 12 : 0), seen);
		sfence_all();
		record(context, "satp", mode, text.s + 1);
	}
}

/* FP and vector CSRs while their unit is off. */
static void sweep_off(enum context context)
{
	static const u32 numbers[] = {0x001, 0x002, 0x003, 0x008, 0x009,
				      0x00a, 0x00f, 0xc20, 0xc21, 0xc22};

	for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
		struct text text = {.length = 0};

		build(numbers[i] - numbers[i] % LOT, CSRRW);
		context_set_fs(CONTEXT_OFF);
		context_set_vs(CONTEXT_OFF);
		add_read(&text, &lots[numbers[i] % LOT].read);
		context_set_fs(CONTEXT_INITIAL);
		context_set_vs(CONTEXT_INITIAL);
		record(context, "csr-off", numbers[i], text.s);
	}
}

/* What firmware or hypervisor has left in them. */
void audit_initial(void)
{
	for (u32 csr = 0; csr < CSR_COUNT; csr++) {
		struct text text = {.length = 0};

		if (csr % LOT == 0)
			build(csr, CSRRW);
		add_read(&text, &lots[csr % LOT].read);
		record(S_BARE, "init", csr, text.s);
	}
	record_flush();
}

void audit_csr(enum context context)
{
	if (context == U_DENIED) {
		sweep(context, 0x000, 0x100);
		sweep(context, 0xc00, 0xd00);
		return;
	}
	sweep(context, 0, CSR_COUNT);
	if (context == S_BARE || context == U_BARE)
		sweep_off(context);
	if (context == S_BARE) {
		sweep_immediate(context);
		sweep_satp(context);
	}
}

/* ---- what S-mode has of its own ---- */

struct own_csr own_csrs[OWN_CSR_MAX];
u32 own_csr_count;

/* Bits that stay out of it for as long as others may run: what would take an interrupt, translate,
 * or leave the trap handler without its way. */
static u64 unsafe_bits(u32 csr)
{
	switch (csr) {
	case 0x100: /* sstatus: SIE, SPP, UBE, UXL */
		return SSTATUS_SIE | SSTATUS_SPP | 1ul << 6 | 3ul << 32;
	case 0x105: /* stvec */
	case 0x140: /* sscratch */
	case 0x180: /* satp */
	case 0x144: /* sip: the hypervisor and the machine change it */
		return ~0ul;
	case 0x00a: /* vxrm has two bits; QEMU 10 keeps more until the vCPU leaves the hart */
		return ~3ul;
	default:
		return 0;
	}
}

void own_csr_find(void)
{
	own_csr_count = 0;
	for (u32 csr = 0; csr < CSR_COUNT; csr++) {
		struct own_csr *own = &own_csrs[own_csr_count];
		struct text text = {.length = 0};
		struct outcome got;
		struct seen seen;
		u64 a[ARGUMENT_COUNT] = {0};

		if (csr % LOT == 0)
			build(csr, CSRRW);
		seen = add_read(&text, &lots[csr % LOT].read);
		if (!seen.readable || !seen.steady || own_csr_count == OWN_CSR_MAX)
			continue;
		*own = (struct own_csr){.number = csr, .value = seen.value};
		a[3] = seen.value;
		a[1] = ~0ul;
		got = stub_run(&lots[csr % LOT].change[0], a);
		own->writable = got.a[2];
		a[1] = 0;
		if (got.done)
			got = stub_run(&lots[csr % LOT].change[0], a);
		own->writable = got.done ? own->writable ^ got.a[2] : 0;
		own->unsafe = unsafe_bits(csr);
		own_csr_count++;
	}
}

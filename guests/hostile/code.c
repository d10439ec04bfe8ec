/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions, random and nearly right: an encoding with the bits that may vary, so that most of
 * them are what a hart, and the hypervisor's decoder, has to take seriously. Owns nothing.
 */
#include "hostile.h"
#include "sbi.h"

struct form {
	u32 bits, vary; /* bits that are as they are, bits that are random */
};

#define RD   0x00000f80u
#define RS1  0x000f8000u
#define RS2  0x01f00000u
#define IMM  0xfff00000u
#define SIMM 0xfe000f80u
#define F3   0x00007000u

static const struct form accesses[] = {
	{0x00000003, RD | RS1 | F3},		  /* loads, the reserved width too */
	{0x00000003, RD | RS1 | F3 | 0x00f00000}, /* with a small offset */
	{0x00000023, RS1 | RS2 | 0x3000},	  /* stores */
	{0x00000023, RS1 | RS2 | F3 | 0x00000f80},
	{0x00000007, RD | RS1 | F3},	 /* FP loads; vector loads by width */
	{0x00000027, RS1 | RS2 | F3},	 /* FP and vector stores */
	{0x02000007, RD | RS1 | 0x6000}, /* unit-stride vector loads, unmasked */
	{0x02000027, RD | RS1 | 0x6000},
	{0x0000002f, RD | RS1 | RS2 | 0xfe000000 | 0x1000}, /* AMO space, w and d */
	{0x1000202f, RD | RS1 | 0x1000},		    /* LR */
	{0x1800202f, RD | RS1 | RS2 | 0x1000},		    /* SC */
	{0x0000202f, RD | RS1 | RS2 | 0x1000 | 0xe0000000}, /* AMOs */
	{0x0000200f, RS1},				    /* cbo.inval */
	{0x0010200f, RS1},				    /* cbo.clean */
	{0x0020200f, RS1},				    /* cbo.flush */
	{0x0040200f, RS1},				    /* cbo.zero */
	{0x00006013, RS1 | 0xfe000000 | RS2},		    /* prefetches */
	{0x60004073, RD | RS1 | 0x0fb00000},		    /* hlv, hlvx */
	{0x62004073, RS1 | RS2 | 0x0c000000},		    /* hsv */
};

/* Two of 16 bits each. Registers x8 to x15 only. */
static const u16 short_accesses[] = {0x2000, 0x4000, 0x6000, 0xa000, 0xc000, 0xe000,
				     0x8000, 0x8400, 0x8440, 0x8800, 0x8c00};

static const struct form systems[] = {
	{0x00000073, IMM | RD | RS1 | F3}, /* all of SYSTEM */
	{0x00001073, IMM | RD | RS1 | F3}, /* CSR accesses, nearly all of them */
	{0x00000073, 0},		   /* ecall */
	{0x00100073, 0},		   /* ebreak */
	{0x10200073, 0},		   /* sret */
	{0x30200073, 0},		   /* mret */
	{0x7b200073, 0},		   /* dret */
	{0x70200073, 0},		   /* mnret */
	{0x10500073, 0},		   /* wfi */
	{0x00d00073, 0},		   /* wrs.nto */
	{0x01d00073, 0},		   /* wrs.sto */
	{0x12000073, RS1 | RS2},	   /* sfence.vma */
	{0x16000073, RS1 | RS2},	   /* sinval.vma */
	{0x18000073, 0},		   /* sfence.w.inval */
	{0x18100073, 0},		   /* sfence.inval.ir */
	{0x22000073, RS1 | RS2},	   /* hfence.vvma */
	{0x62000073, RS1 | RS2},	   /* hfence.gvma */
	{0x26000073, RS1 | RS2},	   /* hinval.vvma */
	{0x66000073, RS1 | RS2},	   /* hinval.gvma */
	{0x0000100f, 0},		   /* fence.i */
	{0x0000000f, IMM},		   /* fences, pause */
	{0x0000000f, IMM | RD | RS1 | F3},
};

static const struct form others[] = {
	{0x00000033, RD | RS1 | RS2 | F3 | 0x42000000},
	{0x0000003b, RD | RS1 | RS2 | F3 | 0x42000000},
	{0x00000013, RD | RS1 | IMM | F3},
	{0x0000001b, RD | RS1 | IMM | F3},
	{0x00000037, RD | 0xfffff000},
	{0x00000017, RD | 0xfffff000},
	{0x00000053, RD | RS1 | RS2 | F3 | 0xfe000000},
	{0x00000043, RD | RS1 | RS2 | F3 | 0xfe00000c},
	{0x00000057, RD | RS1 | RS2 | F3 | 0xfe000000},
	{0x00007057, RD | RS1 | 0x7ff00000}, /* vsetvli */
	{0x00000063, RS1 | RS2 | F3 | 0x00000f00},
	{0x00000067, RD | RS1},
	{0x0000006f, RD | 0x03e00000},
	{0x0000000b, 0xfffffff0}, /* custom */
};

static u32 of(struct worker *worker, const struct form *form)
{
	return form->bits | ((u32)random_next(worker) & form->vary);
}

/* The parcels behind a short one are the next instruction. */
static u32 short_pair(struct worker *worker)
{
	u32 random = (u32)random_next(worker);
	u32 first = random_pick(worker, short_accesses) | (random & 0x039c);

	/* The sp-relative loads and stores: quadrant 2. */
	if (random_one_in(worker, 4))
		first = (random_pick(worker, short_accesses) & 0xe000) | (random & 0x0ffc) | 2;
	return first | 0x00010000; /* and c.nop */
}

u32 code_access(struct worker *worker)
{
	if (random_one_in(worker, 4))
		return short_pair(worker);
	return of(worker, &random_pick(worker, accesses));
}

/* A write to stvec can lose the vCPU for good. That is somebody's right, but dull. */
static bool is_suicide(u32 insn)
{
	return (insn & 0x7f) == 0x73 && insn & 0x3000 && insn >> 20 == 0x105;
}

u32 code_random(struct worker *worker)
{
	u32 insn;

	switch (random_below(worker, 8)) {
	case 0:
		insn = (u32)random_next(worker) | 3;
		break;
	case 1:
		insn = (u32)random_next(worker);
		break;
	case 2:
	case 3:
		insn = of(worker, &random_pick(worker, systems));
		break;
	case 4:
		insn = of(worker, &random_pick(worker, others));
		break;
	default:
		insn = code_access(worker);
	}
	if (random_one_in(worker, 16))
		insn ^= (u32)BIT(random_below(worker, 32));
	return is_suicide(insn) && !random_one_in(worker, 64) ? 0x00000013 : insn;
}

u32 code_csr(struct worker *worker, u32 csr)
{
	static const u32 operations[] = {1, 2, 3, 5, 6, 7};
	u32 insn = 0x73 | random_pick(worker, operations) << 12 | csr << 20;

	insn |= (u32)random_next(worker) & (RD | RS1);
	return is_suicide(insn) && !random_one_in(worker, 200) ? 0x00000013 : insn;
}

u32 code_any_csr(struct worker *worker)
{
	/* Supervisor, hypervisor and machine CSRs more often than their part of the numbers. */
	static const u32 groups[] = {0x000, 0x100, 0x140, 0x200, 0x240, 0x300, 0x340, 0x600,
				     0x640, 0xc00, 0xd00, 0xe00, 0x180, 0x280, 0x680};
	u32 csr = (u32)random_below(worker, 4096);

	if (!random_one_in(worker, 3))
		csr = random_pick(worker, groups) + (csr & 31);
	return code_csr(worker, csr);
}

void code_fill(struct worker *worker, unsigned int n, u32 (*generate)(struct worker *))
{
	u8 *code = arena_of(worker)->code;
	size_t at = 0;

	memset(code, 0, CODE_SIZE);
	for (; n && at < CODE_SIZE - 16; n--) {
		u32 insn = generate(worker);
		size_t length = (insn & 3) == 3 || insn >> 16 ? 4 : 2;

		memcpy(code + at, &insn, length);
		at += length;
	}
	/* What follows is zero, which is no instruction. */
	fence_i();
}

/* Calls that matter, in case an ECALL comes along. */
static void call_registers(struct worker *worker)
{
	static const u64 extensions[] = {SBI_BASE, SBI_TIME, SBI_IPI,  SBI_RFNC, SBI_HSM,
					 SBI_DBCN, SBI_STA,  SBI_SUSP, SBI_SRST, 5};

	worker->wild_x[17] = random_pick(worker, extensions);
	worker->wild_x[16] = random_below(worker, 4);
	/* Its own end is not what is of interest. */
	if (worker->wild_x[17] == SBI_SRST && !random_one_in(worker, 2000))
		worker->wild_x[17] = SBI_TIME;
	if (worker->wild_x[17] == SBI_HSM && worker->wild_x[16] == HSM_START &&
	    !random_one_in(worker, 500))
		worker->wild_x[16] = HSM_STATUS;
}

void code_registers(struct worker *worker, u64 (*value)(struct worker *))
{
	for (unsigned int i = 1; i < 32; i++)
		worker->wild_x[i] = random_one_in(worker, 5) ? value_any(worker) : value(worker);
	if (random_one_in(worker, 4))
		call_registers(worker);
}

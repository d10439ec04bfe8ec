/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the pages that run-time code is written to. Boot hart only. */
#include "code.h"
#include "check.h"
#include "csr.h"

static u8 op_page[PAGE_SIZE] __attribute__((aligned(4096)));
static u8 probe_page[PAGE_SIZE] __attribute__((aligned(4096)));

void code_put(u64 address, const u32 *insns, size_t count)
{
	u16 *to = (u16 *)address;

	for (size_t i = 0; i < count; i++) {
		*to++ = (u16)insns[i];
		if (insn_length(insns[i]) == 4)
			*to++ = (u16)(insns[i] >> 16);
	}
	fence_i();
}

u64 code_op(u32 insn)
{
	const u32 insns[] = {insn, INSN_RET};

	code_put((u64)op_page, insns, 2);
	return (u64)op_page;
}

struct trap_info code_try(u32 insn, u64 a0, u64 a1, u64 *epc)
{
	*epc = code_op(insn);
	return trap_try(*epc, a0, a1, 0);
}

void probe_fill(struct probe *probe)
{
	for (u64 i = 0; i < 32; i++) {
		probe->before[i] = 0x5a00000000000000 | i << 48 | (0xc0de0000 + i);
		probe->after[i] = 0;
	}
	probe->before[0] = 0;
}

struct trap_info probe_run(struct probe *probe, u32 insn, u32 anchor)
{
	u32 code[70], n = 0;

	code[n++] = insn_store(SD, X_RA, X_A0, offsetof(struct probe, ra));
	code[n++] = insn_mv(anchor, X_A0);
	for (u32 i = 1; i < 32; i++) {
		if (i != anchor)
			code[n++] = insn_load(LD, i, anchor, 8 * i);
	}
	code[n++] = insn;
	for (u32 i = 1; i < 32; i++) {
		if (i != anchor)
			code[n++] = insn_store(SD, i, anchor, 256 + 8 * i);
	}
	code[n++] = insn_load(LD, X_RA, anchor, offsetof(struct probe, ra));
	code[n++] = INSN_RET;
	code_put((u64)probe_page, code, n);
	return trap_try((u64)probe_page, (u64)probe, 0, 0);
}

void probe_check(const char *what, struct probe *probe, u32 insn, u32 anchor, u32 rd, u64 value)
{
	struct trap_info trap = probe_run(probe, insn, anchor);

	check_want(!trap.trapped, "%s 0x%x: trap %lu, stval 0x%lx", what, insn, trap.cause,
		   trap.tval);
	for (u32 i = 1; i < 32; i++) {
		u64 want = i == rd ? value : probe->before[i];

		if (i != anchor)
			check_want(probe->after[i] == want, "%s 0x%x: x%u is 0x%lx, not 0x%lx",
				   what, insn, i, probe->after[i], want);
	}
}

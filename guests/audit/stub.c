/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the pages of the stubs and of what they may touch, and the context that they run in. */
#include "tests.h"
#include "trap.h"

#define INSN_EBREAK 0x00100073u
#define USER_CODE   VM_FREE
#define USER_DATA   (VM_FREE + (1ul << 28))
#define SCRATCH	    512

const char *const context_names[CONTEXT_COUNT] = {"S0", "S1", "U0", "U1", "Ud"};

/* An emulator that has translated instructions of a page pays for each store to that page, so none
 * is written twice until all have been used. */
#define CODE_SIZE (8ul << 20)
static u8 code[CODE_SIZE] __attribute__((aligned(1 << 21)));
static u8 data[PAGE_SIZE] __attribute__((aligned(4096)));
static u32 code_used, lot_begin;
static enum context now;

/* Where there is no such CSR, nothing happens. */
static void write_csr(u32 number, u64 value)
{
	const u32 insn = insn_csr(CSRRW, X0, number, X_A0);
	const u64 a[ARGUMENT_COUNT] = {value};
	struct stub stub;

	stub_begin();
	stub = stub_add(&insn, 1);
	stub_seal();
	(void)stub_run(&stub, a);
}

/* What S-mode may allow U-mode: counters, cache-block instructions and pointer masking, and state
 * that sstateen0 guards. No timer interrupt is to be pending, whatever firmware left in stimecmp.
 */
static void environment(u64 value)
{
	write_csr(CSR_STIMECMP, ~0ul);
	write_csr(0x106, value);
	write_csr(CSR_SENVCFG, value);
	write_csr(0x10c, value);
}

static void paging_on(void)
{
	u64 *root, *level1;

	vm_reset();
	root = vm_identity();
	(void)vm_entry(root, USER_DATA);
	level1 = (u64 *)(root[VM_FREE >> 30 & 511] >> 10 << 12);
	for (u64 i = 0; i < CODE_SIZE >> 21; i++)
		level1[i] = PTE_OF((u64)code + (i << 21), PTE_V | PTE_R | PTE_X | PTE_U | PTE_AD);
	vm_map(root, USER_DATA, (u64)data, PTE_RW | PTE_U);
	vm_on(root, 0);
}

/* The FP register that a table stores: nobody says what it holds after boot. */
static void clear_f11(void)
{
	const u32 insn = 0xf20005d3; /* fmv.d.x f11, zero */
	const u64 a[ARGUMENT_COUNT] = {0};
	struct stub stub;

	stub_begin();
	stub = stub_add(&insn, 1);
	stub_seal();
	(void)stub_run(&stub, a);
}

void context_enter(enum context context)
{
	now = S_BARE;
	environment(context == U_DENIED ? 0 : ~0ul);
	context_set_fs(CONTEXT_INITIAL);
	context_set_vs(CONTEXT_INITIAL);
	clear_f11();
	now = context;
	if (now == S_PAGED || now == U_PAGED)
		paging_on();
}

void context_leave(void)
{
	record_flush();
	vm_off();
	now = S_BARE;
}

void stub_begin(void)
{
	if (code_used + STUB_SPACE > CODE_SIZE)
		code_used = 0;
	lot_begin = code_used;
}

static void put(u32 insn)
{
	u16 *to = (u16 *)(code + code_used);

	if (code_used + 8 > lot_begin + STUB_SPACE)
		trap_panic("no room for a stub");
	to[0] = (u16)insn;
	if (insn_length(insn) == 4)
		to[1] = (u16)(insn >> 16);
	code_used += insn_length(insn);
}

struct stub stub_add(const u32 *insns, size_t count)
{
	struct stub stub = {.at = code_used};

	for (size_t i = 0; i < count; i++)
		put(insns[i]);
	stub.end = code_used;
	put(INSN_EBREAK);
	code_used = (code_used + 3) & ~3u;
	return stub;
}

void stub_seal(void)
{
	fence_i();
}

static u32 bits_at(u64 at)
{
	const u16 *from = (const u16 *)(code + at);
	u32 bits = from[0];

	return insn_length(bits) == 4 ? bits | (u32)from[1] << 16 : bits;
}

struct outcome stub_run(const struct stub *stub, const u64 a[ARGUMENT_COUNT])
{
	u64 base = now == U_PAGED ? USER_CODE : (u64)code;
	u64 enter = context_is_user(now) ? (u64)stub_enter_u : (u64)stub_enter_s;
	struct trap_info trap = trap_try(enter, base + stub->at, (u64)a, 0);
	struct outcome outcome = {.cause = trap.cause, .tval = trap.tval};
	const u64 *x = hart_self()->frame.x;

	outcome.offset = (s64)(trap.epc - base - stub->at);
	outcome.at_pc = trap.tval == trap.epc;
	outcome.done = trap.cause == CAUSE_BREAKPOINT && trap.epc == base + stub->end &&
		       trap.from_user == context_is_user(now);
	if (trap.epc - base < CODE_SIZE)
		outcome.bits = bits_at(trap.epc - base);
	for (u32 i = 0; i < ARGUMENT_COUNT; i++)
		outcome.a[i] = x[X_A0 + i];
	return outcome;
}

u64 scratch_address(void)
{
	return now == U_PAGED ? USER_DATA : (u64)data;
}

void scratch_fill(void)
{
	u64 *to = (u64 *)data;

	for (u32 i = 0; i < SCRATCH / 8; i++)
		to[i] = 0x1122334455667788ul + i;
}

u32 scratch_digest(void)
{
	const u64 *from = (const u64 *)data;
	bool changed = false;
	u64 sum = 0;

	for (u32 i = 0; i < SCRATCH / 8; i++) {
		changed |= from[i] != 0x1122334455667788ul + i;
		sum = (sum ^ from[i]) * 0x100000001b3;
	}
	return changed ? (u32)(sum ^ sum >> 32) | 1 : 0;
}

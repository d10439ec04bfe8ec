/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs beside the audit in another VM on the same hart: everything that it can read and that stays
 * by itself gets a value of its own, and is read again and again until a key is typed.
 */
#include "tests.h"
#include "sbi.h"

static u8 reader_page[2 * PAGE_SIZE] __attribute__((aligned(4096)));
static u64 base[OWN_CSR_MAX], seen[OWN_CSR_MAX];
static u64 put[OWN_CSR_MAX]; /* what could be read right behind the write */

/* FP's CSRs are parts of each other, and so are vector's fixed-point ones. */
static u32 group_of(u32 csr)
{
	if (csr >= 0x001 && csr <= 0x003)
		return 0x003;
	return csr == 0x009 || csr == 0x00a ? 0x00f : csr;
}

/* Notes what the CSR, and its like, have then: the same twice, so that nobody had the hart between
 * write and read. */
static void put_value(u32 csr, u64 value)
{
	const u64 a[ARGUMENT_COUNT] = {value};
	u32 insns[ARGUMENT_COUNT] = {insn_csr(CSRRW, X0, csr, X_A0)};
	u32 members[ARGUMENT_COUNT], count = 1;
	struct outcome got, before;
	struct stub stub;

	for (u32 i = 0; i < own_csr_count && count < ARGUMENT_COUNT; i++) {
		if (group_of(own_csrs[i].number) != group_of(csr))
			continue;
		insns[count] = insn_csr(CSRRS, X_A0 + count, own_csrs[i].number, X0);
		members[count++] = i;
	}
	stub_begin();
	stub = stub_add(insns, count);
	stub_seal();
	got = stub_run(&stub, a);
	do {
		before = got;
		got = stub_run(&stub, a);
	} while (memcmp(got.a, before.a, sizeof(got.a)) != 0);
	for (u32 i = 1; i < count; i++)
		put[members[i]] = got.a[i];
}

static void put_own_values(void)
{
	for (u32 i = 0; i < own_csr_count; i++)
		put[i] = own_csrs[i].value;
	for (u32 i = 0; i < own_csr_count; i++) {
		struct own_csr *own = &own_csrs[i];
		u64 pattern = 0x9669a55a3cc3f00f * (own->number | 1);
		u64 bits = own->writable & ~own->unsafe;

		/* An interrupt that could be taken would be. */
		if (bits && own->number != 0x104)
			put_value(own->number, (own->value & ~bits) | (pattern & bits));
	}
}

/* The trap at the end of a stub changes these itself: sstatus, sepc, scause, stval. */
static bool is_traps(u32 csr)
{
	return csr == 0x100 || (csr >= 0x141 && csr <= 0x143);
}

/* What has been put is what must be there, though somebody may have had the hart since. */
static void begin(void (*read_all)(u64 *))
{
	read_all(base);
	for (u32 i = 0; i < own_csr_count; i++) {
		if (!is_traps(own_csrs[i].number))
			base[i] = put[i];
	}
}

/* A function that reads them all without a trap in between, since traps change some. */
static void build_reader(void)
{
	u32 *to = (u32 *)reader_page;

	for (u32 i = 0; i < own_csr_count; i++) {
		u32 offset = 8 * i;

		*to++ = insn_csr(CSRRS, X_A1, own_csrs[i].number, X0);
		*to++ = (offset >> 5 & 0x7f) << 25 | X_A1 << 20 | X_A0 << 15 | 3 << 12 |
			(offset & 0x1f) << 7 | 0x23;
	}
	*to = 0x00008067;
	fence_i();
}

static void compare(void)
{
	for (u32 i = 0; i < own_csr_count; i++) {
		if (seen[i] != base[i]) {
			print("watch: %x was %lx and is %lx\n", own_csrs[i].number, base[i],
			      seen[i]);
			base[i] = seen[i];
		}
	}
}

static bool key_typed(void)
{
	u8 key;

	return sbi_call(SBI_DBCN, DBCN_READ, 1, (u64)&key, 0, 0).value != 0;
}

void run_watch(void)
{
	void (*read_all)(u64 *) = (void (*)(u64 *))reader_page;
	u64 rounds = 0;
	u32 kept = 0;

	context_enter(S_BARE);
	own_csr_find();
	put_own_values();
	build_reader();
	begin(read_all);
	print("watch: ready\n");
	for (u32 i = 0; i < own_csr_count; i++)
		kept += (own_csrs[i].writable & ~own_csrs[i].unsafe) != 0;
	do {
		read_all(seen);
		if (memcmp(seen, base, own_csr_count * sizeof(seen[0])) != 0)
			compare();
		rounds++;
	} while (rounds % 1024 != 0 || !key_typed());
	for (u32 i = 0; i < own_csr_count; i++)
		print("watched %x %lx\n", own_csrs[i].number, base[i]);
	print("watch: %u CSRs, %u of them written, %lu rounds\n", own_csr_count, kept, rounds);
	context_leave();
}

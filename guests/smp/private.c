/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces that differ from hart to hart under one ASID, which is the harts' right: an ASID
 * means something to one hart only ("Supervisor Address Translation and Protection (satp)
 * Register"). vCPUs that share a hart, or move to another, must not see each other's translations,
 * nor ones of their own that they have fenced away. QEMU 10.0.2 forgets all translations whenever V
 * changes, so what fails there is a mix-up of the tables themselves; a missing fence fails on
 * hardware only.
 */
#include "tests.h"

static u64 pages[HART_MAX][2][PAGE_SIZE / 8] __attribute__((aligned(4096)));

static struct private
{
	u64 *root, *entry;
	volatile u64 wrong_round, seen, want;
	volatile u64 rounds_done;
}
privates[HART_MAX];

static u64 extra_flags;
static bool take_breaks; /* in WFI, or by spinning until the tick */

static void take_break(void)
{
	if (!take_breaks) {
		delay_us(500);
		return;
	}
	csr_write(sie, (u64)SIP_STIP);
	sbi_call(SBI_TIME, 0, time_now() + ticks_from_us(100), 0, 0, 0);
	while (!(csr_read(sip) & SIP_STIP))
		wfi();
	csr_write(sie, 0ul);
	sbi_call(SBI_TIME, 0, ~0ul, 0, 0, 0);
}

static void look(struct private *p, u64 round, u64 want)
{
	u64 seen = *(volatile u64 *)VM_FREE;

	if (seen != want && !p->wrong_round) {
		p->wrong_round = round + 1;
		p->seen = seen;
		p->want = want;
	}
}

/* Flips this hart's mapping between two pages of its own, with a local fence, and looks often. */
static void flip(void *argument)
{
	unsigned int self = hart_self()->index;
	struct private *p = &privates[self];

	(void)argument;
	vm_on(p->root, 0);
	for (u64 round = 0; round < smp_rounds(); round++) {
		u64 *page = pages[self][round % 2];

		*(volatile u64 *)p->entry = PTE_OF((u64)page, PTE_RW | extra_flags);
		__asm__ volatile("sfence.vma %0, zero" ::"r"(VM_FREE) : "memory");
		for (int i = 0; i < 3; i++) {
			look(p, round, 2 * self + round % 2);
			take_break();
			look(p, round, 2 * self + round % 2);
		}
		p->rounds_done++;
	}
	vm_off();
}

static void run_private(const char *name)
{
	bool ended;

	vm_reset();
	memset(privates, 0, sizeof(privates));
	for (unsigned int i = 0; i < hart_count; i++) {
		privates[i].root = vm_identity();
		privates[i].entry = vm_entry(privates[i].root, VM_FREE);
		pages[i][0][0] = 2 * i;
		pages[i][1][0] = 2 * i + 1;
	}
	ended = run_everywhere(flip, NULL);
	for (unsigned int i = 0; i < hart_count; i++) {
		struct private *p = &privates[i];

		check_begin("private: hart %u sees its own page tables, %s, %lu times", i, name,
			    smp_rounds());
		check_want(ended, "no end");
		check_equal("rounds", p->rounds_done, smp_rounds());
		check_want(!p->wrong_round, "round %lu: read 0x%lx, not 0x%lx", p->wrong_round,
			   p->seen, p->want);
		check_end();
	}
}

void test_private(void)
{
	take_breaks = true;
	extra_flags = 0;
	run_private("with WFI");
	take_breaks = false;
	run_private("spinning");
	extra_flags = PTE_G;
	run_private("global pages");
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the attacks share: the workers (one for each vCPU), the random numbers that everything is
 * derived from, and running code that may do anything and still getting control back.
 *
 * A worker's trap vector is a copy of stub.S in a page of its own, which finds its worker without
 * trusting a register or sscratch, switches translation off, and puts every CSR that matters right
 * again. What it cannot survive is the vector itself, the tables that map it or the image
 * destroyed; then worker 0 gives up on that vCPU, and when too many are lost the VM reboots. After
 * a reboot the numbers go on from the seed and the device tree's rng-seed, which differs in each
 * life and under QEMU's -seed is the same in each replay.
 */
#pragma once

/* Offsets into struct worker for the assembly; worker.c asserts that they are right. */
#define W_X(n)	     ((n)*8)
#define W_SEPC	     256
#define W_SSTATUS    264
#define W_SCAUSE     272
#define W_STVAL	     280
#define W_SATP	     288
#define W_SIE	     296
#define W_STUB	     304
#define W_HANDLER_SP 312
#define W_STACK	     320
#define W_IN_TRAP    328
#define W_TRY_SP     336
#define W_WILD_PC    344
#define W_WILD_ST    352
#define W_WILD_SATP  360
#define W_WILD_X     368

#define STUB_SIZE 1024

#ifndef __ASSEMBLER__
#include "csr.h"
#include "types.h"
#include "vm.h"

#define WORKER_MAX  8
#define TABLE_COUNT 12
#define CODE_SIZE   PAGE_SIZE

enum kind {
	KIND_INSN,
	KIND_CSR,
	KIND_PAGING,
	KIND_MMIO,
	KIND_SBI,
	KIND_STORM,
	KIND_HSM,
	KIND_SMC,
	KIND_EXHAUST,
	KIND_COUNT,
};

#define TRAP_KINDS 20
#define IRQ_KINDS  14

struct worker {
	/* As the trap vector found it. */
	u64 x[32];
	u64 sepc, sstatus, scause, stval, satp, sie;

	u64 stub; /* the trap vector of this worker */
	u64 handler_sp, stack_top;
	u64 in_trap;
	u64 try_sp; /* not zero while a guard_call() is under way */

	/* What wild_run() starts with. */
	u64 wild_pc, wild_sstatus, wild_satp;
	u64 wild_x[32];

	u64 hart_id;
	unsigned int index;
	u64 random;	       /* state of the generator: of the present round alone */
	u64 deadline;	       /* end of the present round; the timer enforces it */
	u64 code_va;	       /* where the code of wild_run() is seen, 0: none runs */
	u64 skips_left;	       /* exceptions after which to go on behind the instruction */
	u64 interrupts_left;   /* ... and interrupts, before the round ends */
	volatile u64 alive_at; /* when it last began a round */
	volatile u64 round;
	u64 restarts;

	/* What it has done in this life of the VM. */
	volatile u64 done[KIND_COUNT]; /* instructions, accesses, calls: see each kind */
	volatile u64 rounds[KIND_COUNT];
	volatile u64 traps[TRAP_KINDS];
	volatile u64 interrupts[IRQ_KINDS];
	/* Exceptions of a cause that this machine does not have, and that number in a form that
	 * nobody writes by chance: the counters are in reach of wild stores. */
	volatile u64 odd, odd_check;
};
#define ODD_FACTOR 0x9e3779b97f4a7c15ul

/* The pages of a worker that attacks work on. */
struct arena {
	u64 tables[TABLE_COUNT][512];
	u8 code[CODE_SIZE];
	u8 scratch[2 * PAGE_SIZE];
} __attribute__((aligned(4096)));

extern struct worker workers[WORKER_MAX];
extern struct arena arenas[WORKER_MAX];
extern unsigned int worker_count;

static inline struct arena *arena_of(const struct worker *worker)
{
	return &arenas[worker->index];
}

/* ---- the machine; constant after the start ---- */

struct machine {
	u64 seed; /* of this life */
	u64 ram_start, ram_end;
	u64 free_start; /* RAM that is nobody's, from here to the end */
	u64 ticks_per_ms;
	bool tame; /* no attack that can destroy the guest itself */
};
extern struct machine machine;

/* ---- random numbers ---- */

u64 random_mix(u64 a, u64 b);
u64 random_next(struct worker *worker);

static inline u64 random_below(struct worker *worker, u64 n)
{
	return random_next(worker) % n;
}

static inline bool random_one_in(struct worker *worker, u64 n)
{
	return random_below(worker, n) == 0;
}

#define random_pick(worker, array) ((array)[random_below(worker, ARRAY_COUNT(array))])

/* values.c: numbers that somebody may have got wrong. */
u64 value_any(struct worker *worker);	  /* of any sort */
u64 value_address(struct worker *worker); /* RAM, its edges, devices and their edges, nothing */
u64 value_device(struct worker *worker);  /* devices and their edges alone */
u64 value_ram_edge(struct worker *worker);
u64 value_free_ram(struct worker *worker);

/* ---- workers ---- */

/* Calls function(worker). 1: it was ended by a trap, or by the round's end. */
u64 guard_call(struct worker *worker, void (*function)(struct worker *));

/* Lets the hart loose: pc, sstatus, satp and all registers from wild_*. Comes back only through
 * guard_call(). */
void wild_run(struct worker *worker) __attribute__((noreturn));

/* Entry for SBI HSM, a1 = struct worker *. */
void worker_entry(void);

void worker_set_up(unsigned int index, u64 hart_id);

/* Interrupts on or off for what follows in this round, those of the mask. */
void worker_interrupts(u64 mask);

/* Ends the round when that many more ticks have gone by. */
void worker_deadline(struct worker *worker, u64 ticks);

/* Runs the first `count` bytes of the arena's code as S or U, with translation by satp or none,
 * seen at va; exceptions in it are skipped up to that number. */
void worker_run_code(struct worker *worker, u64 va, u64 satp, bool user, u64 skips);

/* Reboots at once, from anywhere. */
void hostile_reboot(void) __attribute__((noreturn));

/* ---- code.c: instructions ---- */

/* Fills the arena's code with about n instructions of the generator, and traps behind them. */
void code_fill(struct worker *worker, unsigned int n, u32 (*generate)(struct worker *));
u32 code_random(struct worker *worker);	      /* anything */
u32 code_access(struct worker *worker);	      /* loads, stores, atomics, cache blocks */
u32 code_csr(struct worker *worker, u32 csr); /* an access of that CSR */
u32 code_any_csr(struct worker *worker);
void code_registers(struct worker *worker, u64 (*value)(struct worker *));

/* ---- paging.c ---- */

/* The worker's root table, made sane; and satp for it. */
u64 paging_plain(struct worker *worker);
/* Puts the one entry right without which the trap vector is not mapped. */
void paging_rescue(struct worker *worker);
#define PAGING_CODE_VA 0xc0000000ul /* code of the worker, for U-mode */

/* ---- attacks, one file each ---- */

void attack_insn(struct worker *worker);
void attack_csr(struct worker *worker);
void attack_paging(struct worker *worker);
void attack_mmio(struct worker *worker);
void attack_sbi(struct worker *worker);
void attack_storm(struct worker *worker);
void attack_hsm(struct worker *worker);
void attack_smc(struct worker *worker);
void attack_exhaust(struct worker *worker);

/* ---- rounds.c ---- */

/* Rounds for ever. */
void rounds_run(struct worker *worker) __attribute__((noreturn));

/* Which kinds the boot arguments name; all when they name none. */
void rounds_choose(void);
void rounds_report(void);
#endif

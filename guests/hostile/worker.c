/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The workers and their traps. A worker's fields are its own; others may read its counters, and
 * worker 0 may start it again. Its arena is anybody's prey.
 */
#include "hostile.h"
#include "sbi.h"
#include "timer.h"

_Static_assert(offsetof(struct worker, x[31]) == W_X(31), "W_X");
_Static_assert(offsetof(struct worker, sepc) == W_SEPC, "W_SEPC");
_Static_assert(offsetof(struct worker, sie) == W_SIE, "W_SIE");
_Static_assert(offsetof(struct worker, stub) == W_STUB, "W_STUB");
_Static_assert(offsetof(struct worker, handler_sp) == W_HANDLER_SP, "W_HANDLER_SP");
_Static_assert(offsetof(struct worker, stack_top) == W_STACK, "W_STACK");
_Static_assert(offsetof(struct worker, in_trap) == W_IN_TRAP, "W_IN_TRAP");
_Static_assert(offsetof(struct worker, try_sp) == W_TRY_SP, "W_TRY_SP");
_Static_assert(offsetof(struct worker, wild_pc) == W_WILD_PC, "W_WILD_PC");
_Static_assert(offsetof(struct worker, wild_sstatus) == W_WILD_ST, "W_WILD_ST");
_Static_assert(offsetof(struct worker, wild_satp) == W_WILD_SATP, "W_WILD_SATP");
_Static_assert(offsetof(struct worker, wild_x) == W_WILD_X, "W_WILD_X");

#define STACK_SIZE   8192
#define RESTARTS_MAX 200

struct worker workers[WORKER_MAX] __attribute__((aligned(4096)));
struct arena arenas[WORKER_MAX];
unsigned int worker_count;

static u8 stubs[WORKER_MAX][STUB_SIZE] __attribute__((aligned(4096)));
static u8 stacks[WORKER_MAX][STACK_SIZE] __attribute__((aligned(16)));
static u8 handler_stacks[WORKER_MAX][STACK_SIZE] __attribute__((aligned(16)));

extern const u8 stub_template[], stub_worker[], stub_handler[], stub_end[];
void guard_land(struct worker *worker) __attribute__((noreturn));
void worker_again(struct worker *worker) __attribute__((noreturn));

/* From the stub: returns to go on with what was interrupted. */
void worker_trap(struct worker *worker);

static void stub_word(unsigned int index, const u8 *label, u64 value)
{
	memcpy(stubs[index] + (label - stub_template), &value, sizeof(value));
}

void worker_set_up(unsigned int index, u64 hart_id)
{
	struct worker *worker = &workers[index];

	memcpy(stubs[index], stub_template, (size_t)(stub_end - stub_template));
	stub_word(index, stub_worker, (u64)worker);
	stub_word(index, stub_handler, (u64)worker_trap);
	worker->stub = (u64)stubs[index];
	worker->stack_top = (u64)stacks[index] + STACK_SIZE;
	worker->handler_sp = (u64)handler_stacks[index] + STACK_SIZE;
	worker->hart_id = hart_id;
	worker->index = index;
}

/* ---- random numbers ---- */

u64 random_mix(u64 a, u64 b)
{
	u64 x = a + 0x9e3779b97f4a7c15ul * (b + 1);

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ul;
	x = (x ^ x >> 27) * 0x94d049bb133111ebul;
	return x ^ x >> 31;
}

u64 random_next(struct worker *worker)
{
	worker->random += 0x9e3779b97f4a7c15ul;
	return random_mix(worker->random, 0);
}

/* ---- running ---- */

void worker_interrupts(u64 mask)
{
	csr_write(sie, mask);
	if (mask)
		csr_set(sstatus, (u64)SSTATUS_SIE);
	else
		csr_clear(sstatus, (u64)SSTATUS_SIE);
}

void worker_deadline(struct worker *worker, u64 ticks)
{
	worker->deadline = time_now() + ticks;
	timer_set(worker->deadline);
}

void worker_run_code(struct worker *worker, u64 va, u64 satp, bool user, u64 skips)
{
	worker->wild_pc = va;
	worker->wild_satp = satp;
	worker->wild_sstatus = SSTATUS_FS | SSTATUS_VS | SSTATUS_SPIE | (user ? 0 : SSTATUS_SPP) |
			       (random_one_in(worker, 2) ? SSTATUS_SUM : 0) |
			       (random_one_in(worker, 4) ? SSTATUS_MXR : 0);
	worker->code_va = va;
	worker->skips_left = skips;
	csr_write(sie, (u64)(SIP_STIP | SIP_SSIP | SIP_SEIP));
	wild_run(worker);
}

void hostile_reboot(void)
{
	for (;;) {
		sbi_call(SBI_SRST, 0, SRST_COLD, 0, 0, 0);
		sbi_call(SBI_LEGACY_SHUTDOWN, 0, 0, 0, 0, 0);
	}
}

/* ---- traps ---- */

/* On behind the instruction, if it is one of the code that was let loose. */
static bool skip(struct worker *worker)
{
	u64 offset = worker->sepc - worker->code_va;

	if (!worker->code_va || offset >= CODE_SIZE - 4 || offset & 1 || !worker->skips_left)
		return false;
	worker->skips_left--;
	worker->sepc += (arena_of(worker)->code[offset] & 3) == 3 ? 4 : 2;
	/* It may have switched its own interrupts off. */
	worker->sie |= SIP_STIP;
	worker->sstatus |= SSTATUS_SPIE;
	return true;
}

static bool serve_interrupt(struct worker *worker, u64 cause)
{
	u64 context = PLIC_CONTEXT_S(worker->hart_id);

	worker->interrupts[cause % IRQ_KINDS]++;
	if (cause == IRQ_SOFTWARE)
		csr_clear(sip, (u64)SIP_SSIP);
	else if (cause == IRQ_TIMER)
		timer_set(worker->deadline);
	else if (cause == IRQ_EXTERNAL)
		write32(PLIC_CLAIM(context), read32(PLIC_CLAIM(context)));
	if (time_now() >= worker->deadline || !worker->interrupts_left)
		return false;
	worker->interrupts_left--;
	return true;
}

/* What a hart without H and with C can give to S-mode (Privileged ISA, "Supervisor Cause (scause)
 * Register"). The CSR itself: the copy in memory may have been overwritten since. */
static void note_cause(struct worker *worker)
{
	const u64 possible = BIT(CAUSE_FETCH_ACCESS) | BIT(CAUSE_ILLEGAL) | BIT(CAUSE_BREAKPOINT) |
			     BIT(CAUSE_LOAD_MISALIGNED) | BIT(CAUSE_LOAD_ACCESS) |
			     BIT(CAUSE_STORE_MISALIGNED) | BIT(CAUSE_STORE_ACCESS) |
			     BIT(CAUSE_USER_ECALL) | BIT(CAUSE_FETCH_PAGE) | BIT(CAUSE_LOAD_PAGE) |
			     BIT(CAUSE_STORE_PAGE) | BIT(18) | BIT(19);
	u64 cause = csr_read(scause);

	if ((s64)cause < 0 || (cause < 64 && possible & BIT(cause)))
		return;
	worker->odd++;
	worker->odd_check = worker->odd * ODD_FACTOR + cause;
}

void worker_trap(struct worker *worker)
{
	bool go_on;

	if ((s64)worker->scause < 0) {
		go_on = serve_interrupt(worker, worker->scause << 1 >> 1);
	} else {
		worker->traps[worker->scause % TRAP_KINDS]++;
		note_cause(worker);
		go_on = skip(worker);
	}
	if (go_on)
		return;
	worker->code_va = 0;
	if (worker->try_sp)
		guard_land(worker);
	/* A trap where nothing was to trap: something of the guest's has been overwritten. */
	if (++worker->restarts > RESTARTS_MAX)
		hostile_reboot();
	worker_again(worker);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Which of a guest's CSRs an exit moves: with SWITCH=eager all of them, each once, whatever the
 * handler does with them; else those alone that the handler asks for. */
#include "hyp/dev/vuart.h"
#include "tests/unit/live.h"

#define HANDLER 100
#define FRESH	(GUEST_RAM_BASE + MIB(4))

/* What struct vs_csrs holds. vstimecmp with Sstc only. */
#define MOVED(X)     \
	X(vsstatus)  \
	X(vsie)      \
	X(vstvec)    \
	X(vsscratch) \
	X(vsepc)     \
	X(vscause)   \
	X(vstval)    \
	X(vsatp)     \
	X(hvip)      \
	X(senvcfg)   \
	X(scounteren)

/* These are looked at and written when a vCPU is given its hart, too. */
#define MOVED_WITH_THE_HOST(X) X(hstatus) X(sstatus)

static u64 exits, picks; /* at the last look */
static unsigned looks;	 /* at exits after which the vCPU kept its hart */
static bool waited;	 /* in a WFI, for which the fake hart looks at its CSRs */

static u64 exits_of(const struct vcpu *vcpu)
{
	u64 sum = 0;

	for (unsigned i = 0; i < EXIT_COUNT_MAX; i++)
		sum += vcpu->exit_count[i];
	return sum;
}

/* The guest goes on after so many exits. */
static void check_eager(const struct fake_csrs *reads, const struct fake_csrs *writes, u64 count)
{
#define ONCE(name)                        \
	LIVE_CHECK(reads->name == count); \
	LIVE_CHECK(writes->name == count);
	MOVED(ONCE)
	MOVED_WITH_THE_HOST(ONCE)
	if (hw_has(HW_FEATURE_SSTC)) {
		ONCE(vstimecmp)
	}
#undef ONCE
	/* Control fields, which no exit changes, and what an exit cannot change. */
	LIVE_CHECK(writes->hgatp == 0 && writes->henvcfg == 0 && writes->htimedelta == 0);
	LIVE_CHECK(reads->hip == 0);
}

/* What nobody has a use for stays where it is. */
static void check_lazy(const struct fake_csrs *reads, const struct fake_csrs *writes)
{
	LIVE_CHECK(reads->vsscratch + writes->vsscratch == 0);
	LIVE_CHECK(reads->senvcfg + writes->senvcfg == 0);
	LIVE_CHECK(reads->scounteren + writes->scounteren == 0);
	LIVE_CHECK(writes->vsie + writes->vstvec + writes->vsatp == 0);
	LIVE_CHECK(writes->hgatp == 0);
}

static void look(const struct vcpu *vcpu)
{
	const struct fake_csrs *reads = fake_csr_reads(hw_hart_index());
	const struct fake_csrs *writes = fake_csr_writes(hw_hart_index());
	u64 count = exits_of(vcpu) - exits;

	LIVE_CHECK(vcpu->full_exits || !HW_FULL_EXITS);
	if (vcpu->pick_count != picks || count == 0 || waited)
		return;
	looks++;
	if (HW_SWITCH_EAGER)
		check_eager(reads, writes, count);
	else
		check_lazy(reads, writes);
}

/* The guest is about to execute something. */
static void forget(const struct vcpu *vcpu)
{
	memset(fake_csr_reads(hw_hart_index()), 0, sizeof(struct fake_csrs));
	memset(fake_csr_writes(hw_hart_index()), 0, sizeof(struct fake_csrs));
	exits = exits_of(vcpu);
	picks = vcpu->pick_count;
}

static u64 step(struct vcpu *vcpu)
{
	struct fake_csrs *csr = fake_csrs(hw_hart_index());

	switch (live_line(vcpu)) {
	case 0:
		csr->vstvec = live_address(HANDLER);
		csr->vsscratch = 0x5c7a7c4;
		csr->vsie = (HVIP_VSSIP | HVIP_VSTIP) >> 1;
		return live_ecall(vcpu, SBI_EID_BASE, 0, 0, 0, 0);
	case 1: /* on the full path */
		return live_ecall(vcpu, 0x12345678, 0, 0, 0, 0);
	case 2:
		return live_ecall(vcpu, SBI_EID_IPI, 0, 1, 0, 0);
	case 3:
		LIVE_CHECK(csr->hvip == HVIP_VSSIP);
		csr->hvip = 0;
		return live_ecall(vcpu, SBI_EID_RFENCE, 1, 1, 0, 0);
	case 4: /* a timer that is due at once */
		LIVE_CHECK(csr->hvip == 0);
		return live_ecall(vcpu, SBI_EID_TIME, 0, 0, 0, 0);
	case 5:
		LIVE_CHECK(live_interrupts() == HVIP_VSTIP >> 1);
		return live_ecall(vcpu, SBI_EID_TIME, 0, UINT64_MAX, 0, 0);
	case 6:
		LIVE_CHECK(live_interrupts() == 0);
		return live_store(vcpu, FRESH, 1);
	case 7: /* lbu a0, then s1, from the UART's line status: light and full path */
		return live_fault(CAUSE_LOAD_GUEST_PAGE_FAULT, VUART_BASE + 5, 0x4003 | 10 << 7);
	case 8:
		return live_fault(CAUSE_LOAD_GUEST_PAGE_FAULT, VUART_BASE + 5, 0x4003 | 9 << 7);
	case 9:
		csr->stval = 0x60002573; /* csrr a0, hstatus */
		return CAUSE_VIRTUAL_INSTRUCTION;
	case HANDLER:
		LIVE_CHECK(csr->vscause == CAUSE_ILLEGAL_INSTRUCTION);
		LIVE_CHECK(csr->vsepc == live_address(9) && csr->vsscratch == 0x5c7a7c4);
		return live_jump(vcpu, 10);
	case 10: /* nobody is there */
		csr->vsepc = 0;
		return live_fault(CAUSE_STORE_GUEST_PAGE_FAULT, 0x20000000, 0x2023);
	case HANDLER + 1:
		return live_jump(vcpu, 11);
	case 11:
		return live_ecall(vcpu, SBI_EID_TIME, 0, hw_time() + vcpu->vm->htimedelta + 500, 0,
				  0);
	case 12:
		return LIVE_WFI;
	case 13:
		return live_interrupts() ? LIVE_NEXT : live_jump(vcpu, 12);
	case 14:
		LIVE_CHECK(csr->vsscratch == 0x5c7a7c4);
		return live_shutdown(vcpu);
	}
	fake_fail("line %u", live_line(vcpu));
}

static u64 look_and_step(struct vcpu *vcpu)
{
	look(vcpu);
	u64 result = step(vcpu);

	/* The second time, its handler has the address after the first. */
	if (live_line(vcpu) == 10)
		fake_csrs(hw_hart_index())->vstvec = live_address(HANDLER + 1);
	waited = result == LIVE_WFI;
	forget(vcpu);
	return result;
}

static void an_exit_moves_what_the_policy_says(void **state)
{
	(void)state;
	for (u64 seed = 0; seed < 20; seed++) {
		live_start_with(1, seed % 2 ? HW_FEATURE_SSTC : 0);
		looks = 0;
		exits = picks = 0;
		live_create(1, look_and_step);
		live_start_guests();
		live_run(seed);
		assert_true(guest_all_off());
		assert_true(looks >= 10);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exit_moves_what_the_policy_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* A vCPU's way into a hart and out of it: what moves, what stays where it is, and that nothing of
 * one vCPU is left for the next. */
#include "hyp/vm/vcpu_load.h"
#include "hyp/vm/sched_internal.h"
#include "tests/unit/guest_csrs.h"
#include "tests/unit/live.h"

static struct vcpu *a, *b, *stranger;

static u64 no_code(struct vcpu *vcpu)
{
	(void)vcpu;
	fake_fail("no guest is entered here");
}

/* Two vCPUs of a VM and one of another. */
static void start_with(u32 less_features)
{
	live_start_with(3, less_features);
	live_create_running(2, no_code);
	live_create_running(1, no_code);
	a = live.vms[0].guest->vcpus[0];
	b = live.vms[0].guest->vcpus[1];
	stranger = live.vms[1].guest->vcpus[0];
	vcpu_reset(b, GUEST_RAM_BASE, 1, 0);
}

static int setup(void **state)
{
	(void)state;
	start_with(0);
	return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Moving.
 */

/* What a guest can change by itself or have changed for it; hvip apart. */
#define GUEST_CSRS(X) \
	X(vsstatus)   \
	X(vsie)       \
	X(vstvec)     \
	X(vsscratch)  \
	X(vsepc)      \
	X(vscause)    \
	X(vstval)     \
	X(vsatp)      \
	X(senvcfg)    \
	X(scounteren)

/* As the guest would write them: whatever bits there are. */
static void fill_csrs(u64 pattern)
{
#define FILL(name) hw_write_##name(pattern);
	GUEST_CSRS(FILL)
#undef FILL
	if (hw_has(HW_FEATURE_SSTC))
		hw_write_vstimecmp(pattern);
}

static void assert_csrs_filled(u64 pattern)
{
	struct fake_csrs found = *fake_csrs(hw_hart_index());

	fill_csrs(pattern);
	assert_memory_equal(&found, fake_csrs(hw_hart_index()), sizeof(found));
}

static void every_register_comes_back(void **state)
{
	static const u64 patterns[] = {0, ~0ULL, 0x5a5a5a5a5a5a5a5a, 0xa5a5a5a5a5a5a5a5};
	static const u32 missing[] = {0, HW_FEATURE_SSTC | HW_FEATURE_SMSTATEEN};

	(void)state;
	for (unsigned m = 0; m < ARRAY_SIZE(missing); m++) {
		for (unsigned i = 0; i < ARRAY_SIZE(patterns); i++) {
			start_with(missing[m]);
			guest_load(a);
			fill_csrs(patterns[i]);
			guest_put(a);
			guest_load(b);
			fill_csrs(~patterns[i]);
			guest_put(b);
			guest_load(a);
			assert_csrs_filled(patterns[i]);
			guest_put(a);
			/* On another hart as well. */
			fake_set_hart(2);
			guest_load(b);
			assert_csrs_filled(~patterns[i]);
			guest_put(b);
			guest_load(a);
			assert_csrs_filled(patterns[i]);
		}
	}
}

/* On the way from an exit to an entry. */
static void sync_irq(struct vcpu *vcpu)
{
	guest_exit(vcpu);
	vcpu_sync_irq(vcpu);
	guest_enter(vcpu);
}

/* The same vCPU on a hart that has been through everything, and on one fresh from reset, as far as
 * a guest can tell. */
static void nothing_is_left_for_the_next_vcpu(void **state)
{
	static const u32 missing[] = {0, HW_FEATURE_SSTC | HW_FEATURE_SMSTATEEN};

	(void)state;
	for (unsigned m = 0; m < ARRAY_SIZE(missing); m++) {
		start_with(missing[m]);
		guest_load(a);
		fill_csrs(~0ULL);
		a->irq_level = HVIP_VSEIP | HVIP_VSTIP;
		a->irq_posted = HVIP_VSSIP;
		sync_irq(a);
		hw_write_sstatus(~0ULL & ~SSTATUS_SIE);
		hw_write_hstatus(HSTATUS_SPV);
		guest_put(a);
		guest_load(stranger);
		struct fake_csrs used = *fake_csrs(0);

		guest_put(stranger);
		fake_set_hart(1);
		guest_load(stranger);
		struct fake_csrs fresh = *fake_csrs(1);

		/* The host's own. */
		used.sstatus &= ~(SSTATUS_SPIE | SSTATUS_SUM | SSTATUS_MXR);
		used.scause = fresh.scause;
		assert_memory_equal(&used, &fresh, sizeof(used));
	}
}

/* An SC of the one would succeed by an LR of the other, or by its own although the other has
 * stored there meanwhile. */
static void no_reservation_is_left_for_the_next_vcpu(void **state)
{
	(void)state;
	struct vcpu *const others[] = {b, stranger};

	for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
		guest_load(a);
		guest_put(a);
		u64 drops = fake_reservation_drops(0);

		guest_load(others[i]);
		assert_true(fake_reservation_drops(0) > drops);
		guest_put(others[i]);
		drops = fake_reservation_drops(0);
		guest_load(a);
		assert_true(fake_reservation_drops(0) > drops);
		guest_put(a);
	}
	/* Been elsewhere, it has executed other LRs since. */
	u64 drops = fake_reservation_drops(0);

	fake_set_hart(1);
	guest_load(a);
	guest_put(a);
	fake_set_hart(0);
	guest_load(a);
	assert_true(fake_reservation_drops(0) > drops);
}

/* The CSRs in the hart are tampered with here: who finds that has loaded nothing. */
static void nothing_moves_for_a_vcpu_that_comes_back_first(void **state)
{
	(void)state;
	guest_load(a);
	guest_put(a);
	fill_csrs(0x777);
	fake_clear_fences();
	vcpu_load(a);
	assert_csrs_filled(0x777);
	assert_int_equal(fake_fence_count(), 0);
}

static void everything_moves_after_another_vcpu_was_there(void **state)
{
	(void)state;
	guest_load(a);
	hw_write_vsscratch(1);
	guest_put(a);
	guest_load(b);
	hw_write_vsscratch(2);
	guest_put(b);
	guest_load(a);
	assert_int_equal(hw_read_vsscratch(), 1);
}

/* What hart 0 still has of it is old. */
static void everything_moves_after_the_vcpu_was_elsewhere(void **state)
{
	(void)state;
	guest_load(a);
	hw_write_vsscratch(1);
	guest_put(a);
	fake_set_hart(1);
	guest_load(a);
	hw_write_vsscratch(2);
	guest_put(a);
	fake_set_hart(0);
	assert_ptr_equal(pcpu_this()->loaded, a);
	guest_load(a);
	assert_int_equal(hw_read_vsscratch(), 2);
}

static void everything_moves_after_a_reset(void **state)
{
	(void)state;
	guest_load(a);
	fill_csrs(~0ULL);
	guest_put(a);
	vcpu_reset(a, GUEST_RAM_BASE, 0, 0);
	guest_load(a);
	assert_int_equal(hw_read_vsscratch(), 0);
	assert_int_equal(hw_read_vsatp(), 0);
	assert_int_equal(hw_read_vsstatus() & SSTATUS_SIE, 0);
}

/* Unprivileged ISA, "Zifencei": a FENCE.I orders only its own hart's fetches. */
static void a_move_executes_fence_i_and_nothing_else_does(void **state)
{
	(void)state;
	for (unsigned hart = 0; hart < 3; hart++) {
		fake_set_hart(hart);
		fake_clear_fences();
		guest_load(a);
		assert_int_equal(fake_count_fences(FAKE_FENCE_I, hart), 1);
		guest_put(a);
		guest_load(stranger);
		guest_put(stranger);
		fake_clear_fences();
		guest_load(a);
		assert_int_equal(fake_count_fences(FAKE_FENCE_I, hart), 0);
		guest_put(a);
	}
}

static void the_tables_are_those_of_the_vm(void **state)
{
	struct vcpu *vcpus[] = {a, b, stranger};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		guest_load(vcpus[i]);
		assert_int_equal(hw_read_hgatp() & HGATP_PPN_MASK,
				 vcpus[i]->vm->memory->gstage.root.value >> PAGE_SHIFT);
		assert_int_equal(hw_read_hgatp() >> HGATP_MODE_SHIFT,
				 vcpus[i]->vm->memory->gstage.mode);
		assert_int_equal(hw_read_htimedelta(), vcpus[i]->vm->htimedelta);
		guest_put(vcpus[i]);
	}
}

/* ------------------------------------------------------------------------------------------------
 * What the guest is allowed.
 */

static void a_guest_is_given_what_all_harts_can_do(void **state)
{
	static const struct {
		u32 feature;
		u64 bits;
	} grants[] = {
		{HW_FEATURE_SSTC, HENVCFG_STCE},
		{HW_FEATURE_SVPBMT, HENVCFG_PBMTE},
		{HW_FEATURE_SVADU, HENVCFG_ADUE},
		{HW_FEATURE_ZICBOM, HENVCFG_CBIE_FLUSH | HENVCFG_CBCFE},
		{HW_FEATURE_ZICBOZ, HENVCFG_CBZE},
	};
	u64 all = 0;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(grants); i++)
		all |= grants[i].bits;
	guest_load(a);
	assert_int_equal(hw_read_henvcfg(), all);
	for (unsigned i = 0; i < ARRAY_SIZE(grants); i++) {
		start_with(grants[i].feature);
		/* Were the bits there, they would not be set. */
		fake_writable.henvcfg = ~0ULL;
		guest_load(a);
		assert_int_equal(hw_read_henvcfg(), all & ~grants[i].bits);
	}
}

/* What no CSR keeps a guest from, whoever has used it. */
static void unguarded_state_is_cleared_for_the_next_vcpu(void **state)
{
	(void)state;
	guest_load(a);
	guest_put(a);
	u64 clears = fake_unguarded_clears(0);

	guest_load(b);
	assert_int_equal(fake_unguarded_clears(0), clears + 1);
	guest_put(b);
	/* Back before anybody else. */
	guest_load(b);
	assert_int_equal(fake_unguarded_clears(0), clears + 1);
	guest_put(b);
	guest_load(stranger);
	assert_int_equal(fake_unguarded_clears(0), clears + 2);
}

static void the_guest_is_entered_in_vs_mode_where_it_left(void **state)
{
	(void)state;
	hw_write_sstatus(0);
	guest_load(a);
	assert_int_equal(hw_read_sstatus() & SSTATUS_SPP, SSTATUS_SPP);
	assert_int_equal(hw_read_hstatus() & HSTATUS_SPV, HSTATUS_SPV);
	/* A trap from VU-mode, and then another vCPU's turn. */
	hw_write_sstatus(hw_read_sstatus() & ~SSTATUS_SPP);
	guest_put(a);
	guest_load(b);
	assert_int_equal(hw_read_sstatus() & SSTATUS_SPP, SSTATUS_SPP);
	guest_put(b);
	guest_load(a);
	assert_int_equal(hw_read_sstatus() & SSTATUS_SPP, 0);
}

/* The trap that ended its turn came between a jump and its target. */
static void an_expected_landing_pad_waits_for_the_vcpu_that_expects_it(void **state)
{
	(void)state;
	guest_load(a);
	hw_write_sstatus((hw_read_sstatus() | SSTATUS_SPELP) & ~SSTATUS_SPP);
	guest_put(a);
	guest_load(stranger);
	assert_int_equal(hw_read_sstatus() & SSTATUS_SPELP, 0);
	guest_put(stranger);
	guest_load(a);
	assert_int_equal(hw_read_sstatus() & (SSTATUS_SPELP | SSTATUS_SPP), SSTATUS_SPELP);
}

/* ------------------------------------------------------------------------------------------------
 * Interrupts.
 */

static void levels_follow_the_wires_at_every_load(void **state)
{
	static const u64 levels[] = {HVIP_VSEIP, 0, HVIP_VSTIP, HVIP_VSEIP | HVIP_VSTIP, 0};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(levels); i++) {
		a->irq_level = (u32)levels[i];
		guest_load(a);
		assert_int_equal(hw_read_hvip(), levels[i]);
		guest_put(a);
	}
	/* Also when another vCPU's are in the hart. */
	b->irq_level = HVIP_VSEIP;
	a->irq_level = HVIP_VSTIP;
	guest_load(b);
	guest_put(b);
	guest_load(a);
	assert_int_equal(hw_read_hvip(), HVIP_VSTIP);
}

static void an_ipi_is_posted_once(void **state)
{
	(void)state;
	a->irq_posted = HVIP_VSSIP;
	guest_load(a);
	assert_int_equal(hw_read_hvip(), HVIP_VSSIP);
	/* The guest takes it and clears sip.SSIP. */
	hw_clear_hvip(HVIP_VSSIP);
	guest_put(a);
	guest_load(b);
	guest_put(b);
	guest_load(a);
	assert_int_equal(hw_read_hvip(), 0);
}

static void an_ipi_not_taken_yet_goes_with_the_vcpu(void **state)
{
	(void)state;
	a->irq_posted = HVIP_VSSIP;
	guest_load(a);
	guest_put(a);
	guest_load(b);
	assert_int_equal(hw_read_hvip(), 0);
	guest_put(b);
	fake_set_hart(1);
	guest_load(a);
	assert_int_equal(hw_read_hvip(), HVIP_VSSIP);
}

static void what_is_posted_while_it_runs_is_added(void **state)
{
	(void)state;
	guest_load(a);
	a->irq_posted = HVIP_VSSIP;
	sync_irq(a);
	assert_int_equal(hw_read_hvip(), HVIP_VSSIP);
	assert_int_equal(a->irq_posted, 0);
	/* A wire changes: the IPI stays. */
	a->irq_level = HVIP_VSEIP;
	sync_irq(a);
	assert_int_equal(hw_read_hvip(), HVIP_VSSIP | HVIP_VSEIP);
	a->irq_level = 0;
	sync_irq(a);
	assert_int_equal(hw_read_hvip(), HVIP_VSSIP);
}

static void a_reset_keeps_only_the_wire_of_the_plic(void **state)
{
	(void)state;
	guest_load(a);
	hw_set_hvip(HVIP_VSSIP);
	guest_put(a);
	a->irq_level = HVIP_VSEIP | HVIP_VSTIP;
	a->irq_posted = HVIP_VSSIP;
	a->requests = REQUEST_LEAVE | REQUEST_VVMA;
	a->timer = 5;
	vcpu_reset(a, GUEST_RAM_BASE, 0, 0);
	assert_int_equal(a->requests, 0);
	assert_int_equal(a->timer, UINT64_MAX);
	guest_load(a);
	assert_int_equal(hw_read_hvip(), HVIP_VSEIP);
}

/* ------------------------------------------------------------------------------------------------
 * Leaving nothing.
 */

static void unloading_leaves_no_tables_to_walk(void **state)
{
	(void)state;
	guest_load(a);
	hw_write_vsatp(8ULL << 60 | 1);
	guest_put(a);
	vcpu_unload();
	/* "software must write zero to the remaining fields" with MODE = Bare. */
	assert_int_equal(hw_read_hgatp(), 0);
	assert_int_equal(hw_read_vsatp(), 0);
	assert_null(pcpu_this()->loaded);
	/* The vCPU has lost nothing. */
	guest_load(a);
	assert_int_equal(hw_read_vsatp(), 8ULL << 60 | 1);
	assert_int_equal(hw_read_hgatp() >> HGATP_MODE_SHIFT, HW_GSTAGE_SV39X4);
}

static void wfi_traps_only_while_there_are_more_vcpus_than_harts(void **state)
{
	(void)state;
	/* a and stranger are active, on three harts. */
	guest_load(a);
	assert_int_equal(hw_read_hstatus() & HSTATUS_VTW, 0);
	guest_put(a);
	sched.shared_count = 1; /* as if two were other VMs' own */
	guest_load(a);
	assert_int_equal(hw_read_hstatus() & HSTATUS_VTW, HSTATUS_VTW);
	guest_put(a);
	sched.shared_count = 2;
	guest_load(a);
	assert_int_equal(hw_read_hstatus() & HSTATUS_VTW, 0);
	assert_int_equal(hw_read_hstatus() & HSTATUS_SPV, HSTATUS_SPV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_register_comes_back, setup),
		cmocka_unit_test_setup(nothing_is_left_for_the_next_vcpu, setup),
		cmocka_unit_test_setup(no_reservation_is_left_for_the_next_vcpu, setup),
		cmocka_unit_test_setup(nothing_moves_for_a_vcpu_that_comes_back_first, setup),
		cmocka_unit_test_setup(everything_moves_after_another_vcpu_was_there, setup),
		cmocka_unit_test_setup(everything_moves_after_the_vcpu_was_elsewhere, setup),
		cmocka_unit_test_setup(everything_moves_after_a_reset, setup),
		cmocka_unit_test_setup(a_move_executes_fence_i_and_nothing_else_does, setup),
		cmocka_unit_test_setup(the_tables_are_those_of_the_vm, setup),
		cmocka_unit_test_setup(a_guest_is_given_what_all_harts_can_do, setup),
		cmocka_unit_test_setup(an_expected_landing_pad_waits_for_the_vcpu_that_expects_it,
				       setup),
		cmocka_unit_test_setup(unguarded_state_is_cleared_for_the_next_vcpu, setup),
		cmocka_unit_test_setup(the_guest_is_entered_in_vs_mode_where_it_left, setup),
		cmocka_unit_test_setup(levels_follow_the_wires_at_every_load, setup),
		cmocka_unit_test_setup(an_ipi_is_posted_once, setup),
		cmocka_unit_test_setup(an_ipi_not_taken_yet_goes_with_the_vcpu, setup),
		cmocka_unit_test_setup(what_is_posted_while_it_runs_is_added, setup),
		cmocka_unit_test_setup(a_reset_keeps_only_the_wire_of_the_plic, setup),
		cmocka_unit_test_setup(unloading_leaves_no_tables_to_walk, setup),
		cmocka_unit_test_setup(wfi_traps_only_while_there_are_more_vcpus_than_harts, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

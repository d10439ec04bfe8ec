/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of a VM: start, shutdown, reboot and failure, with its vCPUs in every state, and that
 * all it had comes back. */
#include "hyp/exit/inject.h"
#include "hyp/vm/vcpu_load.h"
#include "tests/unit/live.h"

#define LAST_PAGE (GUEST_RAM_BASE + MIB(8) - PAGE_SIZE)

static u64 free_after_create;

static void assert_nothing_leaked(void)
{
	for (unsigned i = 0; i < live.vm_count; i++)
		assert_int_equal(live.vms[i].guest->state, GUEST_OFF);
	assert_int_equal(page_free_count(), free_after_create);
}

static void run_all(u64 seed)
{
	free_after_create = page_free_count();
	live_start_guests();
	live_run(seed);
	/* Shut down because all are off, not for want of anything to do. */
	assert_true(guest_all_off());
	assert_nothing_leaked();
}

/* ------------------------------------------------------------------------------------------------
 * One vCPU.
 */

/* What SBI, "HSM Hart Start Register State" says, and nothing of anybody else's beside. */
static void check_fresh(const struct vcpu *vcpu, u64 opaque)
{
	LIVE_CHECK(vcpu->x[10] == vcpu->id && vcpu->x[11] == opaque);
	for (unsigned i = 1; i < 32; i++)
		LIVE_CHECK(i == 10 || i == 11 || vcpu->x[i] == 0);
	LIVE_CHECK(hw_read_vsatp() == 0 && (hw_read_vsstatus() & SSTATUS_SIE) == 0);
	LIVE_CHECK(hw_read_vsie() == 0 && hw_read_hvip() == 0);
	LIVE_CHECK(hw_read_vstvec() == 0 && hw_read_vsscratch() == 0 && hw_read_vsepc() == 0);
	LIVE_CHECK(hw_read_vscause() == 0 && hw_read_vstval() == 0);
	/* U-mode may count, as firmware leaves it: Linux takes that for granted. */
	LIVE_CHECK(hw_read_senvcfg() == 0 && hw_read_scounteren() == 7);
	LIVE_CHECK(hw_read_sstatus() & SSTATUS_SPP);
	for (unsigned i = 0; i < HW_FP_SIZE && hw_has(HW_FEATURE_F); i++)
		LIVE_CHECK(fake_fp(hw_hart_index())[i] == 0);
	for (unsigned i = 0; i < hw_vector_size(); i++)
		/* vtype, the fourth of the CSRs before the registers, is vill. */
		LIVE_CHECK(fake_vector(hw_hart_index())[i] == (i == 4 * 8 - 1 ? 0x80 : 0));
	if (hw_has(HW_FEATURE_SSTC))
		LIVE_CHECK(hw_read_vstimecmp() == UINT64_MAX);
}

/* Leaves something in all that a next life could find. */
static void make_dirty(struct vcpu *vcpu)
{
	for (unsigned i = 1; i < 32; i++)
		vcpu->x[i] = 0x1234567800000000 + i;
	hw_write_vsatp(8ULL << 60 | 5);
	hw_write_vsstatus(SSTATUS_SIE | SSTATUS_SUM | SSTATUS_FS | SSTATUS_VS);
	hw_write_vsie(0x222);
	hw_write_vstvec(0x1000);
	hw_write_vsscratch(0x2000);
	hw_write_vsepc(0x3000);
	hw_write_vscause(4);
	hw_write_vstval(5);
	hw_write_senvcfg(HENVCFG_FIOM);
	hw_write_scounteren(0);
	hw_set_hvip(HVIP_VSSIP);
	if (hw_has(HW_FEATURE_SSTC))
		hw_write_vstimecmp(0);
	memset(fake_fp(hw_hart_index()), 0x77, HW_FP_SIZE);
	memset(fake_vector(hw_hart_index()), 0x77, hw_vector_size());
	hw_write_sstatus(hw_read_sstatus() | SSTATUS_FS | SSTATUS_VS);
}

static unsigned lives;
static unsigned lives_wanted;

static u64 reboot_until_enough(struct vcpu *vcpu)
{
	switch (live_line(vcpu)) {
	case 0:
		check_fresh(vcpu, LIVE_FDT);
		/* The guest's clock starts with the guest. */
		LIVE_CHECK(hw_time() + hw_read_htimedelta() < 100000);
		return LIVE_NEXT;
	case 1:
		return live_store(vcpu, LAST_PAGE, 1);
	case 2:
		live_fetch(vcpu, LAST_PAGE);
		make_dirty(vcpu);
		return ++lives < lives_wanted ? live_reboot(vcpu) : live_shutdown(vcpu);
	}
	fake_fail("the guest goes on after its end");
}

static void run_lives(unsigned hart_count, u32 less_features, unsigned count)
{
	live_start_with(hart_count, less_features);
	struct live_vm *vm = live_create(1, reboot_until_enough);

	lives = 0;
	lives_wanted = count;
	run_all(hart_count);
	assert_int_equal(lives, count);
	assert_int_equal(vm->begin_count, count);
}

static void a_vm_that_shuts_down_gives_everything_back(void **state)
{
	(void)state;
	run_lives(1, 0, 1);
	run_lives(2, 0, 1);
}

static void a_hundred_reboots_leak_nothing_and_start_afresh_each_time(void **state)
{
	(void)state;
	run_lives(1, 0, 100);
	run_lives(3, 0, 100);
	run_lives(2, HW_FEATURE_SSTC | HW_FEATURE_SMSTATEEN | HW_FEATURE_V, 100);
}

static void a_vm_does_not_start_twice(void **state)
{
	(void)state;
	live_start_with(1, 0);
	struct live_vm *vm = live_create(1, reboot_until_enough);

	assert_int_equal(guest_start(vm->guest), STATUS_OK);
	assert_int_equal(guest_start(vm->guest), STATUS_DENIED);
	live_load(vm);
	assert_int_equal(guest_start(vm->guest), STATUS_DENIED);
	assert_int_equal(vm->begin_count, 1);
}

static void limits_of_the_configuration_are_checked(void **state)
{
	(void)state;
	live_start_with(1, 0);
	assert_int_equal(live_try_create(0, reboot_until_enough, false), STATUS_INVALID);
	assert_int_equal(live_try_create(VCPU_MAX + 1, reboot_until_enough, false), STATUS_INVALID);
	assert_int_equal(page_free_count(), live.free_count_at_start);
	assert_int_equal(live_try_create(VCPU_MAX, reboot_until_enough, false), STATUS_OK);
}

/* The bits of the SBI timer, the external interrupt and posted IPIs outlive no reboot. */
static u64 reboot_with_interrupts(struct vcpu *vcpu)
{
	struct guest *guest = live_vm_of(vcpu)->guest;

	check_fresh(vcpu, LIVE_FDT);
	/* The PLIC has no request that an earlier life made. */
	LIVE_CHECK(guest->plic.pending[0] == 0);
	if (++lives == lives_wanted)
		return live_shutdown(vcpu);
	u8 byte = 'x';
	u64 ignored;

	/* A received byte, its interrupt enabled all the way to the hart. */
	LIVE_CHECK(bus_write(&guest->bus, gpa(VPLIC_BASE + 4 * VUART_SOURCE), 4, 1));
	LIVE_CHECK(bus_write(&guest->bus, gpa(VPLIC_BASE + 0x2080), 4, BIT(VUART_SOURCE)));
	LIVE_CHECK(bus_write(&guest->bus, gpa(VUART_BASE + 1), 1, 1));
	LIVE_CHECK(vuart_receive(&guest->uart, &byte, 1) == 1);
	LIVE_CHECK(vcpu->irq_level & HVIP_VSEIP);
	LIVE_CHECK(vs_read_hvip(vcpu) & HVIP_VSEIP);
	LIVE_CHECK(bus_read(&guest->bus, gpa(VPLIC_BASE + 0x1000), 4, &ignored));
	__atomic_fetch_or(&vcpu->irq_posted, HVIP_VSSIP, __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&vcpu->irq_level, HVIP_VSTIP, __ATOMIC_SEQ_CST);
	hw_set_hvip(HVIP_VSSIP | HVIP_VSTIP);
	return live_reboot(vcpu);
}

static void no_interrupt_outlives_a_reboot(void **state)
{
	(void)state;
	live_start_with(1, 0);
	live_create(1, reboot_with_interrupts);
	lives = 0;
	lives_wanted = 5;
	run_all(1);
	assert_int_equal(lives, 5);
}

static u64 stop_itself(struct vcpu *vcpu)
{
	return live_ecall(vcpu, SBI_EID_HSM, 1, 0, 0, 0);
}

static void a_vm_whose_last_vcpu_stops_is_ended_with_a_reason(void **state)
{
	(void)state;
	live_start_with(2, 0);
	live_create(2, stop_itself);
	run_all(1);
	assert_non_null(strstr(fake_console_output(), "live: stopped: its last vCPU stopped"));
}

static u64 fetch_from_nowhere(struct vcpu *vcpu)
{
	hw_write_vstvec(0x40000000);
	vcpu->pc = 0x40000000;
	return live_fault(CAUSE_FETCH_GUEST_PAGE_FAULT, 0x40000000, 0);
}

static void a_vm_that_cannot_go_on_is_ended_with_a_reason(void **state)
{
	(void)state;
	live_start_with(1, 0);
	live_create(1, fetch_from_nowhere);
	run_all(1);
	assert_non_null(strstr(fake_console_output(), "live: stopped: its trap handler"));
}

/* ------------------------------------------------------------------------------------------------
 * Several vCPUs, in any state when the end comes.
 */

#define SECONDARY 100

/* Starts all others, does a while of this and that, and ends. */
static u64 many_vcpus(struct vcpu *vcpu)
{
	unsigned line = live_line(vcpu);

	if (line >= SECONDARY)
		return live_do_this_and_that(vcpu, SECONDARY);
	if (line == 0)
		check_fresh(vcpu, LIVE_FDT);
	if (line + 1 < vcpu->vm->vcpu_count)
		return live_ecall(vcpu, SBI_EID_HSM, 0, line + 1, live_address(SECONDARY), line);
	if (line < 30)
		return LIVE_NEXT;
	if (line < 34)
		return live_store(vcpu, LAST_PAGE - MIB(2) * (line - 30), 1);
	for (unsigned i = 0; i < 4; i++)
		live_fetch(vcpu, LAST_PAGE - MIB(2) * i);
	return ++lives < lives_wanted ? live_reboot(vcpu) : live_shutdown(vcpu);
}

static void an_end_finds_vcpus_ready_waiting_and_running(void **state)
{
	(void)state;
	for (u64 seed = 0; seed < 60; seed++) {
		live_start_with(1 + seed % 4, seed % 2 ? HW_FEATURE_SSTC : 0);
		live_create(1 + seed % 7, many_vcpus);
		lives = 0;
		lives_wanted = 10;
		run_all(seed);
		assert_int_equal(lives, 10);
	}
}

/* Another vCPU started it just when the VM was being ended, and so the request to leave was lost.
 */
static u64 never_runs(struct vcpu *vcpu)
{
	fake_fail("vCPU %u executes something in a VM that has ended", vcpu->id);
}

static void a_vcpu_started_while_its_vm_ends_executes_nothing(void **state)
{
	(void)state;
	live_start_with(1, 0);
	struct guest *guest = live_create(2, never_runs)->guest;

	free_after_create = page_free_count();
	live_start_guests();
	live_load(&live.vms[0]);
	guest->active_count++;
	guest->vm.ops->end(&guest->vm, VM_END_SHUTDOWN, "the test wants it");
	vcpu_reset(guest->vcpus[1], GUEST_RAM_BASE, 1, 0);
	sched_start(guest->vcpus[1]);
	live_run(1);
	assert_true(guest_all_off());
	assert_nothing_leaked();
}

static bool others_are_off(void)
{
	return live.vms[0].guest->state == GUEST_OFF && live.vms[2].guest->state == GUEST_OFF;
}

/* Another VM is to be neither stopped nor hurt by reboots, nor to find anything of others in the
 * memory that it gets while it runs. When they are gone it takes all that there is. */
static u64 grow_to_the_end(struct vcpu *vcpu)
{
	switch (live_line(vcpu)) {
	case 0:
		vcpu->x[9] = GUEST_RAM_BASE + LAST_PAGE % MIB(2);
		return LIVE_NEXT;
	case 1:
		return live_store(vcpu, vcpu->x[9], 1);
	case 2:
		live_fetch(vcpu, vcpu->x[9]);
		hw_write_vsscratch(vcpu->x[9]);
		return LIVE_NEXT;
	default:
		LIVE_CHECK(hw_read_vsscratch() == vcpu->x[9]);
		if (!others_are_off())
			return live_jump(vcpu, 1);
		vcpu->x[9] += MIB(2);
		return page_free_count() < 1024 ? live_shutdown(vcpu) : live_jump(vcpu, 1);
	}
}

static void vms_come_and_go_beside_each_other(void **state)
{
	(void)state;
	for (u64 seed = 0; seed < 30; seed++) {
		live_start_with(1 + seed % 3, 0);
		live_create(1 + seed % 3, many_vcpus);
		live_create(1, grow_to_the_end)->guest->config.memory_size = MIB(64);
		live_create(1 + seed % 2, many_vcpus);
		lives = 0;
		lives_wanted = 30;
		run_all(seed);
	}
}

/* ------------------------------------------------------------------------------------------------
 * No memory.
 */

static u64 touch_and_end(struct vcpu *vcpu)
{
	switch (live_line(vcpu)) {
	case 0:
		return live_store(vcpu, GUEST_RAM_BASE + 0x5000, 1);
	case 1:
		return live_store(vcpu, LAST_PAGE, 1);
	default:
		lives++;
		return live_shutdown(vcpu);
	}
}

/* The n-th allocation fails, and count - 1 more. True: there was no n-th one. */
static bool run_with_failure(u64 n, u64 count, bool pinned)
{
	live_start_with(1, 0);
	lives = 0;
	page_fail_after(n, count);
	enum status status = live_try_create(2, touch_and_end, pinned);

	if (status != STATUS_OK) {
		assert_int_equal(status, STATUS_NO_MEMORY);
		page_fail_after(0, 0);
		assert_int_equal(page_free_count(), live.free_count_at_start);
		return false;
	}
	run_all(1);
	page_fail_after(0, 0);
	if (lives == 0)
		assert_true(strstr(fake_console_output(), "not started: ") ||
			    strstr(fake_console_output(), "out of memory"));
	return lives == 1;
}

static void without_memory_a_vm_does_not_start_and_leaks_nothing(void **state)
{
	(void)state;
	for (unsigned pinned = 0; pinned < 2; pinned++) {
		u64 n = 0;

		while (!run_with_failure(n, UINT64_MAX, pinned))
			n++;
		/* At least the VM, two vCPUs and the root table. */
		assert_true(n >= 4);
		/* A single failure can also have another way out. */
		for (u64 single = 0; single < n; single++)
			run_with_failure(single, 1, pinned);
	}
}

static enum status no_images(void *context, struct guest_memory *memory)
{
	(void)context;
	(void)memory;
	return STATUS_INVALID;
}

static enum status bad_step(void *context, bool *done, gpa_t *entry, gpa_t *fdt)
{
	(void)context;
	(void)done;
	(void)entry;
	(void)fdt;
	return STATUS_NOT_FOUND;
}

static void a_loader_that_fails_leaves_the_vm_off(void **state)
{
	(void)state;
	live_start_with(2, 0);
	live_create(1, touch_and_end)->guest->config.loader.begin = no_images;
	live_create(1, touch_and_end)->guest->config.loader.step = bad_step;
	live_create(1, touch_and_end);
	lives = 0;
	run_all(1);
	assert_int_equal(lives, 1);
}

static void a_vm_too_large_for_every_mode_does_not_start(void **state)
{
	(void)state;
	live_start_with(1, 0);
	fake_machine()->gstage_modes = 1 << HW_GSTAGE_SV39X4;
	live_create(1, touch_and_end)->guest->config.memory_size = BIT(41);
	lives = 0;
	run_all(1);
	assert_int_equal(lives, 0);
	assert_non_null(strstr(fake_console_output(), "not started"));
}

static void the_smallest_mode_that_holds_the_ram_is_taken(void **state)
{
	static const struct {
		u64 size;
		unsigned modes;
		u64 mode;
	} cases[] = {
		{MIB(8), 0x700, HW_GSTAGE_SV39X4},
		{MIB(8), 0x600, HW_GSTAGE_SV48X4},
		{BIT(41) - GUEST_RAM_BASE, 0x700, HW_GSTAGE_SV39X4},
		{BIT(41) - GUEST_RAM_BASE + PAGE_SIZE, 0x700, HW_GSTAGE_SV48X4},
		{BIT(50), 0x700, HW_GSTAGE_SV57X4},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		live_start_with(1, 0);
		fake_machine()->gstage_modes = cases[i].modes;
		struct live_vm *vm = live_create(1, touch_and_end);

		vm->guest->config.memory_size = cases[i].size;
		assert_int_equal(guest_start(vm->guest), STATUS_OK);
		live_load(vm);
		assert_int_equal(vm->guest->memory.gstage.mode, cases[i].mode);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vm_that_shuts_down_gives_everything_back),
		cmocka_unit_test(a_hundred_reboots_leak_nothing_and_start_afresh_each_time),
		cmocka_unit_test(a_vm_does_not_start_twice),
		cmocka_unit_test(limits_of_the_configuration_are_checked),
		cmocka_unit_test(no_interrupt_outlives_a_reboot),
		cmocka_unit_test(a_vm_whose_last_vcpu_stops_is_ended_with_a_reason),
		cmocka_unit_test(a_vm_that_cannot_go_on_is_ended_with_a_reason),
		cmocka_unit_test(an_end_finds_vcpus_ready_waiting_and_running),
		cmocka_unit_test(a_vcpu_started_while_its_vm_ends_executes_nothing),
		cmocka_unit_test(vms_come_and_go_beside_each_other),
		cmocka_unit_test(without_memory_a_vm_does_not_start_and_leaks_nothing),
		cmocka_unit_test(a_loader_that_fails_leaves_the_vm_off),
		cmocka_unit_test(a_vm_too_large_for_every_mode_does_not_start),
		cmocka_unit_test(the_smallest_mode_that_holds_the_ram_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

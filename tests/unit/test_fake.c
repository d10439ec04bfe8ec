/* SPDX-License-Identifier: BSD-2-Clause */
/* The fake machine itself: what the other host tests rely on. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "hyp/check.h"
#include "hyp/csr.h"
#include "tests/fake/fake_hw.h"

static u64 hgatp_of(u64 mode, u64 vmid, u64 ppn)
{
	return mode << 60 | vmid << 44 | ppn;
}

static u64 try_hgatp(struct fake_options *options, u64 mode, u64 vmid)
{
	fake_start(options);
	hw_write_hgatp(hgatp_of(HW_GSTAGE_SV39X4, 1, 0x1234));
	hw_write_hgatp(hgatp_of(mode, vmid, 0x5677));
	return hw_read_hgatp();
}

static void hgatp_refuses_modes_in_the_chosen_way(void **state)
{
	(void)state;
	struct fake_options options = fake_defaults();

	options.gstage_modes = 1 << HW_GSTAGE_SV39X4;
	assert_int_equal(try_hgatp(&options, HW_GSTAGE_SV39X4, 5), hgatp_of(8, 5, 0x5674));
	assert_int_equal(try_hgatp(&options, HW_GSTAGE_BARE, 0) >> 60, 0);
	assert_int_equal(try_hgatp(&options, HW_GSTAGE_SV48X4, 5), hgatp_of(8, 1, 0x1234));
	options.hgatp_reject = FAKE_HGATP_KEEP_MODE;
	assert_int_equal(try_hgatp(&options, HW_GSTAGE_SV48X4, 5), hgatp_of(8, 5, 0x5674));
	options.hgatp_reject = FAKE_HGATP_MODE_BECOMES_BARE;
	assert_int_equal(try_hgatp(&options, HW_GSTAGE_SV48X4, 5), 0);
}

static void hgatp_has_as_many_vmid_bits_as_chosen(void **state)
{
	(void)state;
	struct fake_options options = fake_defaults();

	for (options.vmid_bits = 0; options.vmid_bits <= 14; options.vmid_bits++)
		assert_int_equal(try_hgatp(&options, HW_GSTAGE_SV39X4, 0x3fff) >> 44 & 0xffff,
				 (1 << options.vmid_bits) - 1);
}

static void each_hart_has_csrs_of_its_own(void **state)
{
	(void)state;
	fake_start(NULL);
	hw_write_vsscratch(1);
	fake_set_hart(1);
	assert_int_equal(hw_read_vsscratch(), 0);
	hw_write_vsscratch(2);
	assert_int_equal(fake_csrs(0)->vsscratch, 1);
	assert_int_equal(fake_csrs(1)->vsscratch, 2);
}

static void only_fields_that_exist_can_be_written(void **state)
{
	(void)state;
	struct fake_options options = fake_defaults();

	options.features = HW_FEATURE_SSTC;
	fake_start(&options);
	hw_write_sstatus(UINT64_MAX);
	assert_int_equal(hw_read_sstatus() & (SSTATUS_FS | SSTATUS_VS | SSTATUS_SD), 0);
	assert_int_equal(hw_read_sstatus() & SSTATUS_UXL, SSTATUS_UXL_64);
	hw_write_henvcfg(UINT64_MAX);
	assert_int_equal(hw_read_henvcfg(), HENVCFG_STCE | HENVCFG_FIOM);
	hw_write_hvip(UINT64_MAX);
	assert_int_equal(hw_read_hvip(), HVIP_VSSIP | HVIP_VSTIP | HVIP_VSEIP);
	hw_write_hip(0);
	assert_int_equal(hw_read_hvip(), HVIP_VSTIP | HVIP_VSEIP);
	hw_clear_hvip(HVIP_VSTIP);
	hw_set_hvip(HVIP_VSSIP);
	assert_int_equal(hw_read_hip(), HVIP_VSSIP | HVIP_VSEIP);
	hw_write_vsepc(0x1003);
	assert_int_equal(hw_read_vsepc(), 0x1002);
}

static void vstimecmp_raises_the_timer_interrupt_in_time(void **state)
{
	(void)state;
	fake_start(NULL);
	hw_write_vstimecmp(1000);
	hw_write_htimedelta(400);
	fake_set_time(600);
	assert_int_equal(hw_read_hip(), 0);
	hw_write_henvcfg(HENVCFG_STCE);
	assert_int_equal(hw_read_hip(), HVIP_VSTIP);
	fake_set_time(599);
	assert_int_equal(hw_read_hip(), 0);
}

static void fences_are_recorded_as_they_were(void **state)
{
	(void)state;
	fake_start(NULL);
	hw_write_hgatp(hgatp_of(8, 7, 0x100));
	hw_hfence_gvma(gpa(0x1000), 9);
	fake_set_hart(1);
	hw_hfence_vvma_asid_address(gva(0x2000), 3);
	hw_fence_i();

	assert_int_equal(fake_fence_count(), 3);
	struct fake_fence gvma = fake_fence(0), vvma = fake_fence(1);

	assert_int_equal(gvma.kind, FAKE_HFENCE_GVMA);
	assert_int_equal(gvma.hart, 0);
	assert_int_equal(gvma.address, 0x1000);
	assert_int_equal(gvma.vmid, 9);
	assert_int_equal(gvma.hgatp, hgatp_of(8, 7, 0x100));
	assert_int_equal(vvma.kind, FAKE_HFENCE_VVMA_ASID_ADDRESS);
	assert_int_equal(vvma.hart, 1);
	assert_int_equal(vvma.asid, 3);
	assert_int_equal(fake_count_fences(FAKE_FENCE_I, 1), 1);
	assert_int_equal(fake_count_fences(FAKE_FENCE_I, 0), 0);
	assert_int_equal(fake_count_fences(FAKE_HFENCE_GVMA, FAKE_ANY_HART), 1);
	fake_clear_fences();
	assert_int_equal(fake_fence_count(), 0);
}

static void interrupts_are_pending_until_served(void **state)
{
	(void)state;
	fake_start(NULL);
	hw_send_ipi(3);
	assert_int_equal(hw_serve_interrupt(CAUSE_INTERRUPT | IRQ_S_SOFT), HW_INTERRUPT_SOFT);
	assert_int_equal(fake_pending_ipis(), 2);
	fake_set_hart(1);
	hw_set_timer(50);
	hw_serve_pending();
	assert_int_equal(fake_pending_ipis(), 0);
	assert_int_equal(fake_timer(1), 50);
	fake_set_time(50);
	assert_int_equal(hw_serve_interrupt(CAUSE_INTERRUPT | IRQ_S_TIMER), HW_INTERRUPT_TIMER);
	assert_int_equal(fake_timer(1), UINT64_MAX);
	assert_int_equal(fake_ipi_count(), 1);
}

static char received[16];
static size_t received_count, receive_limit;
static unsigned writable_count;

static size_t receive(const char *bytes, size_t length)
{
	size_t taken = length < receive_limit ? length : receive_limit;

	memcpy(received + received_count, bytes, taken);
	received_count += taken;
	return taken;
}

static void writable(void)
{
	writable_count++;
}

static void the_console_waits_for_its_client(void **state)
{
	(void)state;
	static const struct hw_console_client client = {receive, writable};

	fake_start(NULL);
	received_count = writable_count = 0;
	receive_limit = 2;
	fake_console_type("hello", 5);
	hw_console_attach(&client);
	hw_serve_pending();
	hw_serve_pending();
	assert_int_equal(received_count, 2);
	receive_limit = 16;
	hw_console_resume_input();
	hw_serve_pending();
	assert_memory_equal(received, "hello", 5);
	assert_int_equal(fake_console_input_left(), 0);

	fake_console_set_room(3);
	assert_int_equal(hw_console_write("abcde", 5), 3);
	hw_console_want_writable();
	hw_serve_pending();
	assert_int_equal(writable_count, 0);
	fake_console_set_room(SIZE_MAX);
	hw_serve_pending();
	assert_int_equal(writable_count, 1);
	assert_string_equal(fake_console_output(), "abc");
}

static void units_keep_registers_and_become_dirty(void **state)
{
	(void)state;
	u8 buffer[HW_FP_SIZE];

	fake_start(NULL);
	hw_write_sstatus(EXT_CLEAN << SSTATUS_FS_SHIFT);
	memset(fake_fp(0), 7, HW_FP_SIZE);
	hw_save_fp(buffer);
	assert_int_equal(hw_read_sstatus() & SSTATUS_FS, EXT_CLEAN << SSTATUS_FS_SHIFT);
	memset(fake_fp(0), 8, HW_FP_SIZE);
	hw_restore_fp(buffer);
	assert_int_equal(fake_fp(0)[100], 7);
	assert_int_equal(hw_read_sstatus() & SSTATUS_FS, SSTATUS_FS);
	assert_int_equal(hw_read_sstatus() & SSTATUS_SD, SSTATUS_SD);
	assert_int_equal(hw_vector_size(), 32 * 16 + 32);
}

static void fail_a_check(int value)
{
	CHECK(value == 1);
}

static void ends_of_the_machine_are_caught(void **state)
{
	(void)state;
	fake_start(NULL);
	assert_int_equal(FAKE_CATCH_END(fail_a_check(1)), FAKE_END_NONE);
	assert_int_equal(FAKE_CATCH_END(fail_a_check(2)), FAKE_END_CHECK);
	assert_string_equal(fake_check_condition(), "value == 1");
	assert_int_equal(FAKE_CATCH_END(hw_shutdown()), FAKE_END_SHUTDOWN);
	assert_int_equal(FAKE_CATCH_END(hw_reboot()), FAKE_END_REBOOT);
}

static void physical_addresses_are_no_pointers(void **state)
{
	(void)state;
	fake_start(NULL);
	hpa_t base = fake_machine()->free_ram[0].base;
	u8 *first = hw_ram(base);

	assert_int_not_equal((u64)(uintptr_t)first, base.value);
	assert_int_equal(hw_hpa_of(first + 12345).value, base.value + 12345);
	memset(first, 1, MIB(2));
	hw_zero_pages(first + PAGE_SIZE, PAGE_SIZE);
	hw_zero_pages(first + MIB(1), MIB(1));
	assert_int_equal(first[PAGE_SIZE - 1], 1);
	assert_int_equal(first[PAGE_SIZE], 0);
	assert_int_equal(first[2 * PAGE_SIZE], 1);
	assert_int_equal(first[MIB(1) - 1], 1);
	assert_int_equal(first[MIB(2) - 1], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hgatp_refuses_modes_in_the_chosen_way),
		cmocka_unit_test(hgatp_has_as_many_vmid_bits_as_chosen),
		cmocka_unit_test(each_hart_has_csrs_of_its_own),
		cmocka_unit_test(only_fields_that_exist_can_be_written),
		cmocka_unit_test(vstimecmp_raises_the_timer_interrupt_in_time),
		cmocka_unit_test(fences_are_recorded_as_they_were),
		cmocka_unit_test(interrupts_are_pending_until_served),
		cmocka_unit_test(the_console_waits_for_its_client),
		cmocka_unit_test(units_keep_registers_and_become_dirty),
		cmocka_unit_test(ends_of_the_machine_are_caught),
		cmocka_unit_test(physical_addresses_are_no_pointers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads and stores that reach a device: which instruction, which bytes, which register, and what
 * is refused. */
#include "hyp/exit/mmio.h"
#include "tests/unit/bare_vm.h"

#define PC	(RAM_BASE + 0x1000)
#define ADDRESS (DEVICE_BASE + 0x10)

enum funct3 { B, H, W, D, BU, HU, WU };

/* As hardware writes it to htinst: address offset and immediates zero. */
static u64 transformed_load(enum funct3 funct3, unsigned rd)
{
	return 0x03 | rd << 7 | funct3 << 12;
}

static u64 transformed_store(enum funct3 funct3, unsigned rs2)
{
	return 0x23 | funct3 << 12 | rs2 << 20;
}

/* The same for an instruction of 16 bits: bit 1 is clear. */
static u64 compressed(u64 htinst)
{
	return htinst & ~2ULL;
}

/* Instructions as they lie in memory. */
static u32 lw(unsigned rd, unsigned rs1, unsigned displacement)
{
	return 0x03 | rd << 7 | W << 12 | rs1 << 15 | displacement << 20;
}

static u32 sw(unsigned rs2, unsigned rs1)
{
	return 0x23 | W << 12 | rs1 << 15 | rs2 << 20;
}

static enum mmio_result access_with(u32 registers, u64 scause, u64 address)
{
	csrs()->scause = scause;
	csrs()->stval = address;
	csrs()->htval = address >> 2;
	return mmio_access(self(), scause, gpa(address), registers);
}

/* True: done or to be tried again; false: refused. */
static bool access_at(u64 scause, u64 address)
{
	enum mmio_result result = access_with(VCPU_ALL_REGISTERS, scause, address);

	/* With all registers at hand there is nowhere deeper to go. */
	assert_int_not_equal(result, MMIO_DEEPEN);
	return result == MMIO_DONE;
}

static bool load(u64 htinst)
{
	csrs()->htinst = htinst;
	return access_at(CAUSE_LOAD_GUEST_PAGE_FAULT, ADDRESS);
}

static bool store(u64 htinst)
{
	csrs()->htinst = htinst;
	return access_at(CAUSE_STORE_GUEST_PAGE_FAULT, ADDRESS);
}

static void assert_nothing_happened(void)
{
	assert_int_equal(self()->pc, PC);
	assert_int_equal(bare.device_reads + bare.device_writes, 0);
}

static int setup(void **state)
{
	bare_setup(state);
	for (unsigned i = 1; i < 32; i++)
		self()->x[i] = 0xf0f0f0f0f0f0f000 + i;
	return 0;
}

static void each_load_reads_its_width_and_fills_its_register(void **state)
{
	static const struct {
		enum funct3 funct3;
		unsigned width;
		u64 result;
	} loads[] = {
		{B, 1, 0xffffffffffffff88}, {H, 2, 0xffffffffffff8988}, {BU, 1, 0x88},
		{W, 4, 0xffffffff8b8a8988}, {D, 8, 0x8f8e8d8c8b8a8988}, {HU, 2, 0x8988},
		{WU, 4, 0x8b8a8988},
	};

	(void)state;
	bare.device_value = 0x8f8e8d8c8b8a8988;
	for (unsigned i = 0; i < ARRAY_SIZE(loads); i++) {
		for (unsigned rd = 1; rd < 32; rd++) {
			self()->pc = PC;
			assert_true(load(transformed_load(loads[i].funct3, rd)));
			assert_int_equal(self()->x[rd], loads[i].result);
			assert_int_equal(bare.device_width, loads[i].width);
			assert_int_equal(bare.device_offset, ADDRESS - DEVICE_BASE);
			assert_int_equal(self()->pc, PC + 4);
		}
	}
	assert_int_equal(bare.fetch_count, 0);
}

static void a_load_changes_no_other_register(void **state)
{
	u64 before[32];

	(void)state;
	memcpy(before, self()->x, sizeof(before));
	assert_true(load(transformed_load(W, 7)));
	before[7] = self()->x[7];
	assert_memory_equal(before, self()->x, sizeof(before));
}

static void each_store_writes_just_its_bytes(void **state)
{
	static const u64 written[] = {0x88, 0x8988, 0x8b8a8988, 0x8f8e8d8c8b8a8988};

	(void)state;
	self()->x[31] = 0x8f8e8d8c8b8a8988;
	for (unsigned i = 0; i < ARRAY_SIZE(written); i++) {
		self()->pc = PC;
		assert_true(store(transformed_store(B + i, 31)));
		assert_int_equal(bare.device_written, written[i]);
		assert_int_equal(bare.device_width, 1 << i);
		assert_int_equal(self()->pc, PC + 4);
	}
}

/* x[0] of the structure holds scause. */
static void a_store_of_x0_writes_zero(void **state)
{
	(void)state;
	self()->x[0] = CAUSE_STORE_GUEST_PAGE_FAULT;
	bare.device_written = 1;
	assert_true(store(transformed_store(W, 0)));
	assert_int_equal(bare.device_writes, 1);
	assert_int_equal(bare.device_written, 0);
}

static void a_load_to_x0_reads_the_device_and_changes_no_register(void **state)
{
	u64 before[32];

	(void)state;
	memcpy(before, self()->x, sizeof(before));
	assert_true(load(transformed_load(W, 0)));
	assert_int_equal(bare.device_reads, 1);
	assert_memory_equal(before + 1, self()->x + 1, sizeof(before) - sizeof(before[0]));
}

static void a_compressed_access_advances_pc_by_two(void **state)
{
	(void)state;
	assert_true(load(compressed(transformed_load(W, 8))));
	assert_int_equal(self()->pc, PC + 2);
	assert_true(store(compressed(transformed_store(W, 8))));
	assert_int_equal(self()->pc, PC + 4);
}

static void without_htinst_the_instruction_is_fetched(void **state)
{
	(void)state;
	bare.fetch_status = STATUS_OK;
	bare.fetch_insn = lw(9, 10, 0x10);
	bare.device_value = 0x1234;
	self()->x[10] = DEVICE_BASE;
	assert_true(load(0));
	assert_int_equal(bare.fetch_count, 1);
	assert_int_equal(bare.fetch_pc.value, PC);
	assert_int_equal(self()->x[9], 0x1234);
	assert_int_equal(self()->pc, PC + 4);
}

static void a_fetched_compressed_instruction_is_two_bytes_long(void **state)
{
	(void)state;
	bare.fetch_status = STATUS_OK;
	/* c.lw a1, 16(a0), and bytes of the next instruction above. */
	bare.fetch_insn = 0xabcd0000 | 0x4000 | 2 << 10 | 2 << 7 | 3 << 2;
	bare.device_value = 0x5678;
	self()->x[10] = DEVICE_BASE;
	assert_true(load(0));
	assert_int_equal(self()->x[11], 0x5678);
	assert_int_equal(self()->pc, PC + 2);
}

static void a_fetched_instruction_based_on_x0_uses_zero(void **state)
{
	(void)state;
	bare.fetch_status = STATUS_OK;
	bare.fetch_insn = lw(9, 0, 0x10);
	self()->x[0] = DEVICE_BASE; /* scause could be anything */
	assert_false(load(0));
	assert_nothing_happened();
}

/* The guest changed its tables meanwhile. */
static void a_fetch_that_faults_is_tried_again(void **state)
{
	(void)state;
	bare.fetch_status = STATUS_FAULT;
	assert_true(load(0));
	assert_nothing_happened();
}

static void an_unknown_htinst_counts_as_none(void **state)
{
	(void)state;
	bare.fetch_status = STATUS_OK;
	bare.fetch_insn = lw(9, 10, 0x10);
	self()->x[10] = DEVICE_BASE;
	/* Bits 1:0 = 10 are not defined, nor are upper bits. */
	assert_true(load(transformed_load(W, 5) ^ 1));
	self()->pc = PC;
	assert_true(load(transformed_load(W, 5) | BIT(40)));
	assert_int_equal(bare.fetch_count, 2);
	assert_int_equal(bare.device_reads, 2);
}

static void a_page_table_walk_is_no_access_to_a_device(void **state)
{
	(void)state;
	bare.fetch_status = STATUS_OK;
	bare.fetch_insn = lw(9, 10, 0);
	self()->x[10] = ADDRESS;
	assert_false(load(0x3000));
	assert_false(load(0x2000));
	assert_false(store(0x3020));
	assert_false(store(0x2020));
	assert_nothing_happened();
	assert_int_equal(bare.fetch_count, 0);
}

static void what_is_no_plain_load_or_store_is_refused(void **state)
{
	const u64 amoadd_w = 0x2f | 2 << 12 | 5 << 7 | 6 << 20;
	const u64 fld = 0x07 | 3 << 12 | 5 << 7;
	const u64 fsd = 0x27 | 3 << 12 | 6 << 20;
	const u64 cbo_zero = 0x0f | 2 << 12 | 4 << 20;

	(void)state;
	assert_false(store(amoadd_w));
	assert_false(load(fld));
	assert_false(store(fsd));
	assert_false(store(cbo_zero));
	assert_nothing_happened();
}

static void the_later_part_of_a_misaligned_access_is_refused(void **state)
{
	(void)state;
	/* "Addr. Offset" in htinst. */
	assert_false(load(transformed_load(W, 5) | 2 << 15));
	/* Fetched: the faulting address is not the one that the instruction names. */
	bare.fetch_status = STATUS_OK;
	bare.fetch_insn = lw(9, 10, 0x0e);
	self()->x[10] = DEVICE_BASE;
	assert_false(load(0));
	assert_nothing_happened();
}

/* Another vCPU rewrote it between the trap and the fetch. */
static void a_fetched_instruction_of_the_other_kind_is_refused(void **state)
{
	(void)state;
	bare.fetch_status = STATUS_OK;
	self()->x[10] = ADDRESS;
	bare.fetch_insn = sw(9, 10);
	assert_false(load(0));
	bare.fetch_insn = lw(9, 10, 0);
	assert_false(store(0));
	bare.fetch_insn = 0x00000013; /* nop */
	assert_false(load(0));
	assert_nothing_happened();
}

static void what_no_device_takes_changes_nothing(void **state)
{
	u64 before[32];

	(void)state;
	memcpy(before, self()->x, sizeof(before));
	csrs()->htinst = transformed_load(W, 5);
	assert_false(access_at(CAUSE_LOAD_GUEST_PAGE_FAULT, NOWHERE));
	assert_false(access_at(CAUSE_LOAD_GUEST_PAGE_FAULT, DEVICE_BASE + DEVICE_SIZE));
	assert_false(access_at(CAUSE_LOAD_GUEST_PAGE_FAULT, DEVICE_BASE + 2));
	csrs()->htinst = transformed_store(W, 5);
	assert_false(access_at(CAUSE_STORE_GUEST_PAGE_FAULT, DEVICE_BASE - 4));
	assert_nothing_happened();
	assert_memory_equal(before, self()->x, sizeof(before));
}

static bool is_saved(unsigned reg)
{
	return VCPU_LIGHT_REGISTERS >> reg & 1;
}

/* The others are still in the hart, as the C calling convention preserves them. */
static void the_light_path_has_just_what_c_functions_clobber(void **state)
{
	(void)state;
	for (unsigned reg = 1; reg < 32; reg++) {
		/* ra, t0 to t6, a0 to a7; and sp, which the trap vector exchanges. */
		bool clobbered =
			reg == 1 || (reg >= 5 && reg <= 7) || (reg >= 10 && reg <= 17) || reg >= 28;

		assert_int_equal(is_saved(reg), clobbered || reg == 2);
	}
	assert_true(is_saved(0));
}

static void on_the_light_path_an_access_with_another_register_does_nothing(void **state)
{
	(void)state;
	for (unsigned reg = 0; reg < 32; reg++) {
		enum mmio_result expected = is_saved(reg) ? MMIO_DONE : MMIO_DEEPEN;
		unsigned reads = bare.device_reads, writes = bare.device_writes;
		u64 pc = self()->pc, value = self()->x[reg];

		csrs()->htinst = transformed_load(W, reg);
		assert_int_equal(
			access_with(VCPU_LIGHT_REGISTERS, CAUSE_LOAD_GUEST_PAGE_FAULT, ADDRESS),
			expected);
		csrs()->htinst = transformed_store(W, reg);
		assert_int_equal(
			access_with(VCPU_LIGHT_REGISTERS, CAUSE_STORE_GUEST_PAGE_FAULT, ADDRESS),
			expected);
		assert_int_equal(bare.device_reads - reads, is_saved(reg));
		assert_int_equal(bare.device_writes - writes, is_saved(reg));
		assert_int_equal(self()->pc - pc, is_saved(reg) ? 8 : 0);
		if (!is_saved(reg))
			assert_int_equal(self()->x[reg], value);
	}
}

static bool light(u64 scause, u64 address, u64 htinst)
{
	csrs()->scause = scause;
	csrs()->stval = address;
	csrs()->htval = address >> 2;
	csrs()->htinst = htinst;
	return mmio_light(self());
}

static void the_short_way_does_what_the_long_one_does(void **state)
{
	(void)state;
	for (unsigned reg = 0; reg < 32; reg++) {
		for (unsigned funct3 = B; funct3 <= WU; funct3++) {
			u64 htinst = transformed_load(funct3, reg) & ~(reg % 2 ? 2ULL : 0);
			u64 address = ADDRESS + 8 - (1 << (funct3 & 3));

			bare.device_value = 0x8f8e8d8c8b8a8988;
			bool done = light(CAUSE_LOAD_GUEST_PAGE_FAULT, address, htinst);
			u64 pc = self()->pc, offset = bare.device_offset, value = self()->x[reg];

			assert_int_equal(done, is_saved(reg));
			assert_int_equal(bare.device_reads, is_saved(reg));
			assert_true(access_at(CAUSE_LOAD_GUEST_PAGE_FAULT, address));
			if (done) {
				assert_int_equal(self()->pc - pc, pc - PC);
				assert_int_equal(bare.device_offset, offset);
				assert_int_equal(self()->x[reg], value);
			}
			setup(state);
		}
		for (unsigned funct3 = B; funct3 <= D; funct3++) {
			u64 htinst = transformed_store(funct3, reg) & ~(reg % 2 ? 2ULL : 0);
			bool done = light(CAUSE_STORE_GUEST_PAGE_FAULT, ADDRESS, htinst);
			u64 pc = self()->pc, written = bare.device_written;

			assert_int_equal(done, is_saved(reg));
			assert_int_equal(bare.device_writes, is_saved(reg));
			assert_true(access_at(CAUSE_STORE_GUEST_PAGE_FAULT, ADDRESS));
			if (done) {
				assert_int_equal(self()->pc - pc, pc - PC);
				assert_int_equal(bare.device_written, written);
			}
			setup(state);
		}
	}
}

static void the_short_way_leaves_everything_else_to_the_long_one(void **state)
{
	const u64 lw = transformed_load(W, 10);
	static const u64 htinst[] = {
		0,
		0x3000,			    /* a table entry read */
		0x2003 | 10 << 7 | 1 << 15, /* the later part of a misaligned load */
		0x2002 | 10 << 7,	    /* bits 1:0 = 10 */
		0x7003 | 10 << 7,	    /* no load has this width */
		0x4023 | 10 << 20,	    /* nor a store that */
		0x202f | 10 << 7,	    /* AMOADD.W */
		0x2007,			    /* FLW */
		BIT(32) | 0x2003 | 10 << 7,
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(htinst); i++)
		assert_false(light(CAUSE_LOAD_GUEST_PAGE_FAULT, ADDRESS, htinst[i]));
	assert_false(light(CAUSE_LOAD_GUEST_PAGE_FAULT, NOWHERE, lw));
	assert_false(light(CAUSE_LOAD_GUEST_PAGE_FAULT, RAM_BASE, lw));
	assert_false(light(CAUSE_LOAD_GUEST_PAGE_FAULT, ADDRESS + 2, lw));
	/* Without htval the address is to be looked up. */
	assert_false(light(CAUSE_LOAD_GUEST_PAGE_FAULT, 0, lw));
	assert_nothing_happened();
}

static void on_the_light_path_a_base_register_may_be_missing_too(void **state)
{
	(void)state;
	bare.fetch_status = STATUS_OK;
	bare.fetch_insn = lw(10, 9, 0x10); /* a0 is saved, s1 is not */
	csrs()->htinst = 0;
	self()->x[9] = 0xdead;
	assert_int_equal(access_with(VCPU_LIGHT_REGISTERS, CAUSE_LOAD_GUEST_PAGE_FAULT, ADDRESS),
			 MMIO_DEEPEN);
	assert_nothing_happened();
	/* The full path has it. */
	self()->x[9] = DEVICE_BASE;
	assert_true(load(0));
	assert_int_equal(bare.device_reads, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_load_reads_its_width_and_fills_its_register, setup),
		cmocka_unit_test_setup(a_load_changes_no_other_register, setup),
		cmocka_unit_test_setup(each_store_writes_just_its_bytes, setup),
		cmocka_unit_test_setup(a_store_of_x0_writes_zero, setup),
		cmocka_unit_test_setup(a_load_to_x0_reads_the_device_and_changes_no_register,
				       setup),
		cmocka_unit_test_setup(a_compressed_access_advances_pc_by_two, setup),
		cmocka_unit_test_setup(without_htinst_the_instruction_is_fetched, setup),
		cmocka_unit_test_setup(a_fetched_compressed_instruction_is_two_bytes_long, setup),
		cmocka_unit_test_setup(a_fetched_instruction_based_on_x0_uses_zero, setup),
		cmocka_unit_test_setup(a_fetch_that_faults_is_tried_again, setup),
		cmocka_unit_test_setup(an_unknown_htinst_counts_as_none, setup),
		cmocka_unit_test_setup(a_page_table_walk_is_no_access_to_a_device, setup),
		cmocka_unit_test_setup(what_is_no_plain_load_or_store_is_refused, setup),
		cmocka_unit_test_setup(the_later_part_of_a_misaligned_access_is_refused, setup),
		cmocka_unit_test_setup(a_fetched_instruction_of_the_other_kind_is_refused, setup),
		cmocka_unit_test_setup(what_no_device_takes_changes_nothing, setup),
		cmocka_unit_test(the_light_path_has_just_what_c_functions_clobber),
		cmocka_unit_test_setup(
			on_the_light_path_an_access_with_another_register_does_nothing, setup),
		cmocka_unit_test_setup(on_the_light_path_a_base_register_may_be_missing_too, setup),
		cmocka_unit_test_setup(the_short_way_does_what_the_long_one_does, setup),
		cmocka_unit_test_setup(the_short_way_leaves_everything_else_to_the_long_one, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What each trap of a guest leads to: RAM, a device, its own trap, or the end of its VM. */
#include "hyp/exit/exit.h"
#include "tests/unit/bare_vm.h"
#include "tests/unit/guest_csrs.h"

#define PC	(RAM_BASE + 0x1000)
#define HANDLER (RAM_BASE + 0x100)

/* htinst: lw and sw, transformed; and a table entry read in the guest's walk. */
#define LW_A0	  (0x2003 | 10 << 7)
#define SW_A0	  (0x2023 | 10 << 20)
#define LW_S1	  (0x2003 | 9 << 7)
#define WALK_READ 0x3000

#define WFI 0x10500073

enum exit_result {
	EXIT_DONE,   /* the guest goes on, or its VM has been ended */
	EXIT_WAIT,   /* it leaves its hart and waits */
	EXIT_LEAVE,  /* it leaves its hart and is ready again */
	EXIT_DEEPEN, /* nothing was done, for want of a register */
};

static enum exit_result handle(u64 scause, u32 registers)
{
	self()->wait = self()->leave = self()->deepen = 0;
	guest_exit(self());
	bool again = exit_exception(self(), scause, registers);

	guest_enter(self());

	assert_int_equal(again, !self()->leave && !self()->deepen);
	assert_false(self()->leave && self()->deepen);
	if (self()->deepen)
		return EXIT_DEEPEN;
	if (self()->wait) {
		assert_int_equal(self()->leave, 1);
		return EXIT_WAIT;
	}
	return self()->leave ? EXIT_LEAVE : EXIT_DONE;
}

static enum exit_result trap(u64 scause, u64 stval, u64 htval, u64 htinst)
{
	csrs()->scause = scause;
	csrs()->stval = stval;
	csrs()->htval = htval;
	csrs()->htinst = htinst;
	fake_clear_fences();
	return handle(scause, VCPU_ALL_REGISTERS);
}

/* A guest-page fault with translation off in the guest and everything told. */
static void fault_at(u64 scause, u64 address, u64 htinst)
{
	assert_int_equal(trap(scause, address, address >> 2, htinst), EXIT_DONE);
}

static int setup(void **state)
{
	bare_setup(state);
	forbid_injection();
	return 0;
}

static void assert_retried(void)
{
	assert_int_equal(self()->pc, PC);
	assert_not_injected();
	assert_int_equal(bare_count(OP_END), 0);
}

/* ------------------------------------------------------------------------------------------------
 * RAM.
 */

static const u64 fault_causes[] = {CAUSE_FETCH_GUEST_PAGE_FAULT, CAUSE_LOAD_GUEST_PAGE_FAULT,
				   CAUSE_STORE_GUEST_PAGE_FAULT};

static void assert_one_gvma_fence(u64 address)
{
	bool found = false;

	for (unsigned i = 0; i < fake_fence_count(); i++) {
		struct fake_fence fence = fake_fence(i);

		if (fence.kind != FAKE_HFENCE_GVMA)
			continue;
		assert_false(found);
		assert_int_equal(fence.address, address);
		assert_int_equal(fence.vmid, BARE_VMID);
		assert_int_equal(fence.hgatp, bare_hgatp());
		found = true;
	}
	assert_true(found);
}

static void ram_is_given_on_first_touch_and_fenced(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(fault_causes); i++) {
		u64 address = RAM_BASE + MIB(2) * (i + 1) + 0x1234;

		assert_false(is_present(address));
		fault_at(fault_causes[i], address, 0);
		assert_true(is_present(address));
		assert_retried();
		assert_one_gvma_fence(address);
		assert_int_equal(fake_fence_count(), 1);
	}
}

/* Another vCPU was quicker, and this hart still believes that nothing is there. */
static void ram_that_is_there_already_is_only_fenced(void **state)
{
	(void)state;
	put_word(RAM_BASE + MIB(2), 1);
	fault_at(CAUSE_LOAD_GUEST_PAGE_FAULT, RAM_BASE + MIB(2) + 8, LW_A0);
	assert_retried();
	assert_one_gvma_fence(RAM_BASE + MIB(2) + 8);
	assert_int_equal(fake_fence_count(), 1);
}

static void the_first_and_the_last_byte_are_ram_and_their_neighbours_are_not(void **state)
{
	const u64 inside[] = {RAM_BASE, RAM_BASE + RAM_SIZE - 1};
	const u64 outside[] = {RAM_BASE - 1, RAM_BASE + RAM_SIZE};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		fault_at(CAUSE_LOAD_GUEST_PAGE_FAULT, inside[i], LW_A0);
		assert_retried();
	}
	for (unsigned i = 0; i < 2; i++) {
		self()->pc = PC;
		fault_at(CAUSE_LOAD_GUEST_PAGE_FAULT, outside[i], LW_A0);
		assert_injected(PC, CAUSE_LOAD_ACCESS, outside[i]);
	}
}

static void a_machine_without_memory_ends_the_vm(void **state)
{
	(void)state;
	page_fail_after(0, UINT64_MAX);
	fault_at(CAUSE_STORE_GUEST_PAGE_FAULT, RAM_BASE + MIB(4), SW_A0);
	page_fail_after(0, 0);
	assert_int_equal(bare_only(OP_END)->a, VM_END_FAILED);
	assert_not_injected();
	assert_false(is_present(RAM_BASE + MIB(4)));
}

/* ------------------------------------------------------------------------------------------------
 * Devices and nothing.
 */

static void a_device_is_read_and_written(void **state)
{
	(void)state;
	bare.device_value = 0x42;
	self()->x[10] = 7;
	fault_at(CAUSE_STORE_GUEST_PAGE_FAULT, DEVICE_BASE + 4, SW_A0);
	assert_int_equal(bare.device_written, 7);
	fault_at(CAUSE_LOAD_GUEST_PAGE_FAULT, DEVICE_BASE + 8, LW_A0);
	assert_int_equal(self()->x[10], 0x42);
	assert_int_equal(bare.device_offset, 8);
	assert_int_equal(self()->pc, PC + 8);
	assert_not_injected();
	assert_int_equal(fake_fence_count(), 0);
}

static void the_full_path_is_asked_for_where_a_register_is_missing(void **state)
{
	(void)state;
	csrs()->scause = CAUSE_LOAD_GUEST_PAGE_FAULT;
	csrs()->stval = DEVICE_BASE;
	csrs()->htval = DEVICE_BASE >> 2;
	csrs()->htinst = LW_S1;
	assert_int_equal(handle(CAUSE_LOAD_GUEST_PAGE_FAULT, VCPU_LIGHT_REGISTERS), EXIT_DEEPEN);
	assert_int_equal(bare.device_reads, 0);
	assert_retried();
}

static void an_unmapped_address_is_the_access_fault_of_its_kind(void **state)
{
	static const u64 htinst[] = {0, LW_A0, SW_A0};
	static const u64 injected[] = {CAUSE_FETCH_ACCESS, CAUSE_LOAD_ACCESS, CAUSE_STORE_ACCESS};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(injected); i++) {
		self()->pc = PC;
		fault_at(fault_causes[i], NOWHERE + 5, htinst[i]);
		assert_injected(PC, injected[i], NOWHERE + 5);
	}
	/* Above what guest-physical addresses the mode has. */
	self()->pc = PC;
	fault_at(CAUSE_LOAD_GUEST_PAGE_FAULT, BIT(41) + RAM_BASE, LW_A0);
	assert_injected(PC, CAUSE_LOAD_ACCESS, BIT(41) + RAM_BASE);
}

/* htinst is never that of the instruction then, and fetching it once more would fault again. */
static void a_fetch_from_a_device_is_an_access_fault(void **state)
{
	(void)state;
	self()->pc = DEVICE_BASE;
	fault_at(CAUSE_FETCH_GUEST_PAGE_FAULT, DEVICE_BASE, 0);
	assert_injected(DEVICE_BASE, CAUSE_FETCH_ACCESS, DEVICE_BASE);
	assert_int_equal(bare.device_reads, 0);
}

static void an_atomic_to_a_device_is_an_access_fault(void **state)
{
	(void)state;
	fault_at(CAUSE_STORE_GUEST_PAGE_FAULT, DEVICE_BASE, 0x2f | 2 << 12 | 10 << 7);
	assert_injected(PC, CAUSE_STORE_ACCESS, DEVICE_BASE);
}

static void a_fetch_for_emulation_that_faults_lets_the_guest_try_again(void **state)
{
	(void)state;
	bare.fetch_status = STATUS_FAULT;
	fault_at(CAUSE_LOAD_GUEST_PAGE_FAULT, DEVICE_BASE, 0);
	assert_retried();
	assert_int_equal(bare.fetch_count, 1);
}

/* ------------------------------------------------------------------------------------------------
 * The guest's own page tables.
 */

#define TABLES	(RAM_BASE + MIB(4)) /* a page a level, the root first */
#define VIRTUAL 0x0000003fabcde123ULL

#define PTE_V	BIT(0)
#define PTE_RW	(BIT(1) | BIT(2))
#define PTE_RWX (PTE_RW | BIT(3))

static u64 pte(u64 address, u64 bits)
{
	return address >> 12 << 10 | bits | PTE_V;
}

static u64 entry_address(unsigned levels, unsigned level, u64 virtual)
{
	u64 table = TABLES + (levels - 1 - level) * PAGE_SIZE;

	return table + 8 * (virtual >> (12 + 9 * level) & 511);
}

/* Tables of that many levels that lead VIRTUAL down to a leaf at that level. */
static void make_tables(unsigned levels, unsigned leaf_level, u64 leaf)
{
	for (unsigned level = levels - 1; level > leaf_level; level--)
		put_word(entry_address(levels, level, VIRTUAL),
			 pte(entry_address(levels, level - 1, 0), 0));
	put_word(entry_address(levels, leaf_level, VIRTUAL), leaf);
	csrs()->vsatp = (u64)(levels + 5) << 60 | TABLES >> 12;
}

static void a_table_outside_ram_is_the_access_fault_of_the_access(void **state)
{
	static const u64 injected[] = {CAUSE_FETCH_ACCESS, CAUSE_LOAD_ACCESS, CAUSE_STORE_ACCESS};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(injected); i++) {
		for (unsigned write = 0; write < 2; write++) {
			self()->pc = PC;
			assert_int_equal(trap(fault_causes[i], VIRTUAL, (NOWHERE + 0x88) >> 2,
					      WALK_READ | write << 5),
					 EXIT_DONE);
			assert_injected(PC, injected[i], VIRTUAL);
			/* A device is no place for a table either. */
			self()->pc = PC;
			assert_int_equal(trap(fault_causes[i], VIRTUAL, (DEVICE_BASE + 0x88) >> 2,
					      WALK_READ | write << 5),
					 EXIT_DONE);
			assert_injected(PC, injected[i], VIRTUAL);
		}
	}
	assert_int_equal(bare.device_reads + bare.device_writes + bare.fetch_count, 0);
}

static void a_table_page_never_touched_is_given(void **state)
{
	(void)state;
	assert_int_equal(
		trap(CAUSE_LOAD_GUEST_PAGE_FAULT, VIRTUAL, (RAM_BASE + 0x3008) >> 2, WALK_READ),
		EXIT_DONE);
	assert_retried();
	assert_true(is_present(RAM_BASE + 0x3008));
	/* The low bits of stval are not the table entry's. */
	assert_int_equal(fake_count_fences(FAKE_HFENCE_GVMA, 0), 1);
	for (unsigned i = 0; i < fake_fence_count(); i++)
		if (fake_fence(i).kind == FAKE_HFENCE_GVMA)
			assert_int_equal(fake_fence(i).address & ~7ULL, RAM_BASE + 0x3008);
}

static void without_htval_and_translation_the_address_is_stval(void **state)
{
	(void)state;
	assert_int_equal(trap(CAUSE_LOAD_GUEST_PAGE_FAULT, RAM_BASE + MIB(2), 0, 0), EXIT_DONE);
	assert_true(is_present(RAM_BASE + MIB(2)));
	assert_retried();
	assert_int_equal(trap(CAUSE_LOAD_GUEST_PAGE_FAULT, DEVICE_BASE + 0xc, 0, LW_A0), EXIT_DONE);
	assert_int_equal(bare.device_offset, 0xc);
	assert_int_equal(self()->pc, PC + 4);
}

static void without_htval_the_tables_are_walked_in_every_mode(void **state)
{
	(void)state;
	for (unsigned levels = 3; levels <= 5; levels++) {
		for (unsigned level = 0; level < levels; level++) {
			u64 mask = (PAGE_SIZE << 9 * level) - 1;
			u64 target = (RAM_BASE + MIB(2)) & ~mask;

			make_tables(levels, level, pte(target, PTE_RW));
			self()->pc = PC;
			assert_int_equal(trap(CAUSE_LOAD_GUEST_PAGE_FAULT, VIRTUAL, 0, LW_A0),
					 EXIT_DONE);
			u64 address = target + (VIRTUAL & mask);

			if (range_contains(RAM_BASE, RAM_SIZE, address, 1)) {
				assert_true(is_present(address));
				assert_int_equal(self()->pc, PC);
			} else {
				assert_injected(PC, CAUSE_LOAD_ACCESS, VIRTUAL);
			}
		}
	}
}

static void without_htval_a_device_is_found_through_the_tables(void **state)
{
	(void)state;
	make_tables(3, 0, pte(DEVICE_BASE, PTE_RW));
	assert_int_equal(trap(CAUSE_LOAD_GUEST_PAGE_FAULT, VIRTUAL + 1, 0, LW_A0), EXIT_DONE);
	assert_int_equal(bare.device_reads, 1);
	assert_int_equal(bare.device_offset, (VIRTUAL + 1) & 0xfff);
	assert_int_equal(self()->pc, PC + 4);
}

static void without_htinst_a_fault_outside_ram_may_be_a_table(void **state)
{
	(void)state;
	/* The device itself: htval names it, and so do the tables. */
	make_tables(3, 0, pte(DEVICE_BASE, PTE_RW));
	bare.fetch_status = STATUS_OK;
	bare.fetch_insn = LW_A0 | 11 << 15;
	self()->x[11] = VIRTUAL + 1;
	assert_int_equal(trap(CAUSE_LOAD_GUEST_PAGE_FAULT, VIRTUAL + 1,
			      (DEVICE_BASE + ((VIRTUAL + 1) & 0xfff)) >> 2, 0),
			 EXIT_DONE);
	assert_int_equal(bare.device_reads, 1);
	assert_int_equal(self()->pc, PC + 4);
	/* A table there: no access to the device is to be made up. */
	put_word(entry_address(3, 1, VIRTUAL), pte(DEVICE_BASE, 0));
	self()->pc = PC;
	assert_int_equal(trap(CAUSE_LOAD_GUEST_PAGE_FAULT, VIRTUAL + 1, DEVICE_BASE >> 2, 0),
			 EXIT_DONE);
	assert_int_equal(bare.device_reads, 1);
	assert_injected(PC, CAUSE_LOAD_ACCESS, VIRTUAL + 1);
}

static void a_napot_leaf_covers_64_kib(void **state)
{
	const u64 napot = RAM_BASE + MIB(2) + 0x8000; /* ppn[3:0] = 1000 */

	(void)state;
	make_tables(3, 0, pte(napot, PTE_RW) | BIT(63));
	assert_int_equal(trap(CAUSE_LOAD_GUEST_PAGE_FAULT, VIRTUAL, 0, LW_A0), EXIT_DONE);
	assert_one_gvma_fence(RAM_BASE + MIB(2) + (VIRTUAL & 0xffff));
}

static void without_htval_a_table_outside_ram_is_an_access_fault(void **state)
{
	static const u64 places[] = {NOWHERE, DEVICE_BASE, RAM_BASE + RAM_SIZE, BIT(44 + 11)};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		/* The root, and a table further down. */
		csrs()->vsatp = 8ULL << 60 | places[i] >> 12;
		self()->pc = PC;
		assert_int_equal(trap(CAUSE_STORE_GUEST_PAGE_FAULT, VIRTUAL, 0, 0), EXIT_DONE);
		assert_injected(PC, CAUSE_STORE_ACCESS, VIRTUAL);
		make_tables(4, 1, pte(places[i], 0));
		self()->pc = PC;
		assert_int_equal(trap(CAUSE_FETCH_GUEST_PAGE_FAULT, VIRTUAL, 0, 0), EXIT_DONE);
		assert_injected(PC, CAUSE_FETCH_ACCESS, VIRTUAL);
	}
	assert_int_equal(bare.device_reads + bare.device_writes + bare.fetch_count, 0);
}

/* What would be a page fault, were the walk done now, the hart shall find out by itself. */
static void tables_that_changed_meanwhile_are_tried_again(void **state)
{
	(void)state;
	make_tables(3, 0, 0);
	assert_int_equal(trap(CAUSE_LOAD_GUEST_PAGE_FAULT, VIRTUAL, 0, LW_A0), EXIT_DONE);
	assert_retried();
	make_tables(3, 1, pte(DEVICE_BASE, 0));
	put_word(entry_address(3, 1, VIRTUAL), 0);
	assert_int_equal(trap(CAUSE_LOAD_GUEST_PAGE_FAULT, VIRTUAL, DEVICE_BASE >> 2, 0),
			 EXIT_DONE);
	assert_retried();
	assert_int_equal(bare.device_reads, 0);
}

/* A pointer at the last level: the walk ends all the same. */
static void tables_that_point_to_themselves_end_the_walk(void **state)
{
	(void)state;
	make_tables(5, 0, pte(TABLES, 0));
	assert_int_equal(trap(CAUSE_LOAD_GUEST_PAGE_FAULT, VIRTUAL, 0, LW_A0), EXIT_DONE);
	assert_retried();
	for (unsigned i = 0; i < 512; i++)
		put_word(TABLES + 8 * i, pte(TABLES, 0));
	assert_int_equal(trap(CAUSE_LOAD_GUEST_PAGE_FAULT, VIRTUAL, 0, LW_A0), EXIT_DONE);
	assert_retried();
}

/* The page itself is there: what the hart holds for absent may be any page of the walk. */
static void a_fault_that_the_walk_does_not_explain_fences_the_walk_too(void **state)
{
	(void)state;
	make_tables(3, 0, pte(RAM_BASE + MIB(2), PTE_RW));
	put_word(RAM_BASE + MIB(2), 1);
	assert_int_equal(trap(CAUSE_LOAD_GUEST_PAGE_FAULT, VIRTUAL, 0, 0), EXIT_DONE);
	assert_retried();
	assert_true(fake_count_fences(FAKE_HFENCE_GVMA_VMID, 0) +
			    fake_count_fences(FAKE_HFENCE_GVMA_ALL, 0) >=
		    1);
}

static void walking_gives_ram_to_tables_and_to_nothing_else(void **state)
{
	u64 pages;

	(void)state;
	make_tables(3, 0, pte(NOWHERE, PTE_RW));
	pages = bare.memory.page_count;
	assert_int_equal(trap(CAUSE_LOAD_GUEST_PAGE_FAULT, VIRTUAL, 0, LW_A0), EXIT_DONE);
	assert_injected(PC, CAUSE_LOAD_ACCESS, VIRTUAL);
	assert_int_equal(bare.memory.page_count, pages);
}

/* ------------------------------------------------------------------------------------------------
 * Virtual and illegal instructions, and all the rest.
 */

static enum exit_result virtual_instruction(u64 stval)
{
	return trap(CAUSE_VIRTUAL_INSTRUCTION, stval, 0, 0);
}

static void wfi_waits_behind_the_instruction(void **state)
{
	(void)state;
	assert_int_equal(virtual_instruction(WFI), EXIT_WAIT);
	assert_int_equal(self()->pc, PC + 4);
	assert_not_injected();
}

/* Privileged ISA, "Wait for Interrupt": locally enabled counts, globally enabled does not. */
static void wfi_does_not_wait_for_what_is_pending_and_enabled(void **state)
{
	static const u64 bits[] = {HVIP_VSSIP, HVIP_VSTIP, HVIP_VSEIP};

	(void)state;
	csrs()->henvcfg = 0; /* no Sstc timer */
	for (unsigned pending = 0; pending < 8; pending++) {
		for (unsigned enabled = 0; enabled < 8; enabled++) {
			for (unsigned sie = 0; sie < 2; sie++) {
				csrs()->hvip = csrs()->vsie = 0;
				for (unsigned i = 0; i < 3; i++) {
					csrs()->hvip |= pending >> i & 1 ? bits[i] : 0;
					csrs()->vsie |= enabled >> i & 1 ? bits[i] >> 1 : 0;
				}
				csrs()->vsstatus = sie ? SSTATUS_SIE : 0;
				assert_int_equal(virtual_instruction(WFI),
						 pending & enabled ? EXIT_DONE : EXIT_WAIT);
			}
		}
	}
	assert_not_injected();
}

static void wfi_does_not_wait_for_a_timer_that_has_rung(void **state)
{
	(void)state;
	csrs()->henvcfg = HENVCFG_STCE;
	csrs()->vsie = HVIP_VSTIP >> 1;
	self()->vm->htimedelta = csrs()->htimedelta = 1000;
	csrs()->vstimecmp = 1500;
	fake_set_time(499);
	assert_int_equal(virtual_instruction(WFI), EXIT_WAIT);
	fake_set_time(500);
	assert_int_equal(virtual_instruction(WFI), EXIT_DONE);
}

/* WRS.NTO with VTW: it may stall for no longer, and others may have the hart. */
static void a_wait_for_a_reservation_gives_the_hart_to_others(void **state)
{
	(void)state;
	assert_int_equal(virtual_instruction(0x00d00073), EXIT_LEAVE);
	assert_int_equal(self()->pc, PC + 4);
	assert_not_injected();
}

static void wfi_in_user_mode_is_illegal(void **state)
{
	(void)state;
	csrs()->sstatus = 0;
	csrs()->hstatus = HSTATUS_SPV;
	assert_int_equal(virtual_instruction(WFI), EXIT_DONE);
	assert_injected(PC, CAUSE_ILLEGAL_INSTRUCTION, WFI);
	assert_int_equal(csrs()->vsstatus & SSTATUS_SPP, 0);
}

/* csrr a0, hstatus: on a hart without H it does not exist. */
static void other_virtual_instructions_are_illegal(void **state)
{
	const u32 csrr_hstatus = 0x60002573;

	(void)state;
	assert_int_equal(virtual_instruction(csrr_hstatus), EXIT_DONE);
	assert_injected(PC, CAUSE_ILLEGAL_INSTRUCTION, csrr_hstatus);
	assert_int_equal(bare.fetch_count, 0);
}

static void without_stval_the_instruction_is_fetched(void **state)
{
	(void)state;
	bare.fetch_status = STATUS_OK;
	bare.fetch_insn = WFI;
	assert_int_equal(virtual_instruction(0), EXIT_WAIT);
	assert_int_equal(bare.fetch_pc.value, PC);
	assert_int_equal(self()->pc, PC + 4);
	bare.fetch_insn = 0x60002573;
	self()->pc = PC;
	assert_int_equal(virtual_instruction(0), EXIT_DONE);
	/* As with stval. */
	assert_injected(PC, CAUSE_ILLEGAL_INSTRUCTION, 0x60002573);
}

static void an_instruction_that_cannot_be_fetched_any_more_is_tried_again(void **state)
{
	(void)state;
	bare.fetch_status = STATUS_FAULT;
	assert_int_equal(virtual_instruction(0), EXIT_DONE);
	assert_int_equal(bare.fetch_count, 1);
	assert_retried();
}

static void an_illegal_instruction_goes_back_as_it_came(void **state)
{
	(void)state;
	assert_int_equal(trap(CAUSE_ILLEGAL_INSTRUCTION, 0xdead, 0, 0), EXIT_DONE);
	assert_injected(PC, CAUSE_ILLEGAL_INSTRUCTION, 0xdead);
}

static void what_could_not_be_delegated_goes_back_as_it_came(void **state)
{
	static const u64 causes[] = {
		CAUSE_FETCH_MISALIGNED, CAUSE_FETCH_ACCESS,	CAUSE_BREAKPOINT,
		CAUSE_LOAD_MISALIGNED,	CAUSE_LOAD_ACCESS,	CAUSE_STORE_MISALIGNED,
		CAUSE_STORE_ACCESS,	CAUSE_ECALL_U,		CAUSE_FETCH_PAGE_FAULT,
		CAUSE_LOAD_PAGE_FAULT,	CAUSE_STORE_PAGE_FAULT, CAUSE_SOFTWARE_CHECK,
		CAUSE_HARDWARE_ERROR,
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(causes); i++) {
		self()->pc = PC;
		assert_int_equal(trap(causes[i], 0x1000 + i, 0, 0), EXIT_DONE);
		assert_injected(PC, causes[i], 0x1000 + i);
	}
	assert_int_equal(bare_count(OP_END), 0);
}

/* ------------------------------------------------------------------------------------------------
 * Guests that get nowhere.
 */

static void a_handler_that_cannot_be_fetched_ends_the_vm(void **state)
{
	(void)state;
	csrs()->vstvec = NOWHERE | 1;
	self()->pc = NOWHERE;
	fault_at(CAUSE_FETCH_GUEST_PAGE_FAULT, NOWHERE, 0);
	assert_int_equal(bare_only(OP_END)->a, VM_END_FAILED);
	assert_not_injected();
}

/* The handler gets it, if it can. */
static void a_fetch_fault_elsewhere_does_not_end_the_vm(void **state)
{
	(void)state;
	csrs()->vstvec = HANDLER;
	self()->pc = NOWHERE;
	fault_at(CAUSE_FETCH_GUEST_PAGE_FAULT, NOWHERE, 0);
	assert_injected(NOWHERE, CAUSE_FETCH_ACCESS, NOWHERE);
	/* At the handler's address, but from VU-mode: the next one, from VS-mode, tells. */
	csrs()->vstvec = NOWHERE;
	csrs()->sstatus = 0;
	self()->pc = NOWHERE;
	fault_at(CAUSE_FETCH_GUEST_PAGE_FAULT, NOWHERE, 0);
	assert_int_equal(bare_count(OP_END), 0);
	/* The handler is fetched well and loads from nowhere: its own business. */
	self()->pc = NOWHERE;
	fault_at(CAUSE_LOAD_GUEST_PAGE_FAULT, NOWHERE, LW_A0);
	assert_int_equal(bare_count(OP_END), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(ram_is_given_on_first_touch_and_fenced, setup),
		cmocka_unit_test_setup(ram_that_is_there_already_is_only_fenced, setup),
		cmocka_unit_test_setup(
			the_first_and_the_last_byte_are_ram_and_their_neighbours_are_not, setup),
		cmocka_unit_test_setup(a_machine_without_memory_ends_the_vm, setup),
		cmocka_unit_test_setup(a_device_is_read_and_written, setup),
		cmocka_unit_test_setup(the_full_path_is_asked_for_where_a_register_is_missing,
				       setup),
		cmocka_unit_test_setup(an_unmapped_address_is_the_access_fault_of_its_kind, setup),
		cmocka_unit_test_setup(a_fetch_from_a_device_is_an_access_fault, setup),
		cmocka_unit_test_setup(an_atomic_to_a_device_is_an_access_fault, setup),
		cmocka_unit_test_setup(a_fetch_for_emulation_that_faults_lets_the_guest_try_again,
				       setup),
		cmocka_unit_test_setup(a_table_outside_ram_is_the_access_fault_of_the_access,
				       setup),
		cmocka_unit_test_setup(a_table_page_never_touched_is_given, setup),
		cmocka_unit_test_setup(without_htval_and_translation_the_address_is_stval, setup),
		cmocka_unit_test_setup(without_htval_the_tables_are_walked_in_every_mode, setup),
		cmocka_unit_test_setup(without_htval_a_device_is_found_through_the_tables, setup),
		cmocka_unit_test_setup(without_htinst_a_fault_outside_ram_may_be_a_table, setup),
		cmocka_unit_test_setup(a_napot_leaf_covers_64_kib, setup),
		cmocka_unit_test_setup(without_htval_a_table_outside_ram_is_an_access_fault, setup),
		cmocka_unit_test_setup(tables_that_changed_meanwhile_are_tried_again, setup),
		cmocka_unit_test_setup(tables_that_point_to_themselves_end_the_walk, setup),
		cmocka_unit_test_setup(a_fault_that_the_walk_does_not_explain_fences_the_walk_too,
				       setup),
		cmocka_unit_test_setup(walking_gives_ram_to_tables_and_to_nothing_else, setup),
		cmocka_unit_test_setup(wfi_waits_behind_the_instruction, setup),
		cmocka_unit_test_setup(wfi_does_not_wait_for_what_is_pending_and_enabled, setup),
		cmocka_unit_test_setup(wfi_does_not_wait_for_a_timer_that_has_rung, setup),
		cmocka_unit_test_setup(a_wait_for_a_reservation_gives_the_hart_to_others, setup),
		cmocka_unit_test_setup(wfi_in_user_mode_is_illegal, setup),
		cmocka_unit_test_setup(other_virtual_instructions_are_illegal, setup),
		cmocka_unit_test_setup(without_stval_the_instruction_is_fetched, setup),
		cmocka_unit_test_setup(
			an_instruction_that_cannot_be_fetched_any_more_is_tried_again, setup),
		cmocka_unit_test_setup(an_illegal_instruction_goes_back_as_it_came, setup),
		cmocka_unit_test_setup(what_could_not_be_delegated_goes_back_as_it_came, setup),
		cmocka_unit_test_setup(a_handler_that_cannot_be_fetched_ends_the_vm, setup),
		cmocka_unit_test_setup(a_fetch_fault_elsewhere_does_not_end_the_vm, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

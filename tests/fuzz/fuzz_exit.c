/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exits: whatever a trap may leave in scause, stval, htval, htinst and the registers, with page
 * tables and instructions that change meanwhile, one after the other on the real run loop. After
 * each the guest is where the specification puts it, by exit_model.c, and nothing else is moved:
 * neither the host's registers nor the other VM.
 *
 * The input: how the machine is, then turns of its harts and what the guest on that hart does.
 */
#include "hyp/csr.h"
#include "hyp/sbi/sbi.h"
#include "hyp/vm/observe.h"
#include "tests/fuzz/driver.h"
#include "tests/fuzz/exit_model.h"
#include "tests/fuzz/machine.h"
#include "tests/fuzz/race.h"
#include "tests/fuzz/require.h"

#define STEP_MAX 400

static struct input input;
static struct guest *victim;

/* ------------------------------------------------------------------------------------------------
 * The guest. Its own state is set as its own instructions could have.
 */

static u64 interesting_address(const struct vcpu *vcpu)
{
	u64 low = input_u16(&input);
	u64 ram = vcpu->vm->memory->base.value, size = vcpu->vm->memory->size;

	switch (input_u8(&input) % 12) {
	case 0:
		return VPLIC_BASE + (low << 8) % VPLIC_SIZE + low % 256;
	case 1:
		return VPLIC_BASE + 0x2000 + low;
	case 2:
		return VPLIC_BASE + 0x200000 + low;
	case 3:
	case 4:
		return VUART_BASE + low % 0x120;
	case 5:
	case 6:
		return EXIT_DEVICE_BASE + low % (EXIT_DEVICE_SIZE + 16);
	case 7:
		return ram + low;
	case 8:
		return ram + size - 0x100 + low % 0x200;
	case 9:
		return ram + low * 64 % size;
	case 10:
		return low;
	default:
		return input_u64(&input);
	}
}

/* One page or superpage that the guest has mapped, in tables at the start of its RAM. */
static struct {
	bool valid;
	u64 virtual, physical, size;
} mapping;

static void map_page(struct vcpu *vcpu)
{
	u64 base = vcpu->vm->memory->base.value, table = base;
	u8 how = input_u8(&input);
	int top = 2 + how % 3, leaf = how >> 2 & 3;

	mapping.valid = false;
	mapping.size = 4096ULL << (9 * leaf);
	mapping.virtual = align_down(interesting_address(vcpu), mapping.size);
	mapping.physical = align_down(interesting_address(vcpu), mapping.size);
	mapping.physical &= BIT(56) - 1;
	if (leaf > top)
		return;
	for (int level = top; level >= leaf; level--) {
		u64 index = mapping.virtual >> (12 + 9 * level) & 511;
		u64 next = level == leaf ? mapping.physical : table + PAGE_SIZE;
		u64 *entry = machine_ram(vcpu->vm, table + 8 * index, 8);

		if (entry == NULL)
			return;
		*entry = next >> 12 << 10 | (level == leaf ? 0xdf : 1);
		table = next;
	}
	fake_csrs(hw_hart_index())->vsatp = (6ULL + (u64)top) << 60 | base >> 12;
	mapping.valid = true;
}

static u64 interesting_value(const struct vcpu *vcpu)
{
	switch (input_u8(&input) % 6) {
	case 0:
		return 0;
	case 1:
		return input_u8(&input);
	case 2:
		return ~(u64)input_u8(&input);
	case 3:
		return interesting_address(vcpu);
	case 4:
		return BIT(input_u8(&input) % 64);
	default:
		return input_u64(&input);
	}
}

static u32 interesting_instruction(void)
{
	static const u32 words[] = {
		0x0005a503, 0x00b52023, 0x0005b503, 0x00058503, 0x0005c503, 0x0005e503, 0x00b53023,
		0x00b50023, 0x0085b583, 0x0005a003, 0x4188,	0xc188,	    0x6188,	0x8188,
		0x8588,	    0x8d88,	0x4502,	    0xe42a,	0x0005b507, 0x1005a52f, 0x0045200f,
	};
	u8 how = input_u8(&input);

	if (how & 0x80)
		return input_u32(&input);
	/* With other registers, widths and offsets. */
	return words[how % ARRAY_SIZE(words)] ^ (how & 0x40 ? input_u32(&input) & 0x01fff000 : 0);
}

/* A load or store of the guest that reaches no RAM yet, or none at all, as a hart reports it: with
 * or without htinst and htval. */
static u64 memory_fault(struct vcpu *vcpu, struct exit_plan *plan)
{
	struct fake_csrs *csr = fake_csrs(hw_hart_index());
	u8 how = input_u8(&input);
	u64 address = interesting_address(vcpu), virtual = address;
	bool translated = csr->vsatp >> 60 != 0;

	if (translated || (how & 0x80))
		virtual = interesting_address(vcpu);
	if (translated && mapping.valid && (how & 0x80)) {
		virtual = mapping.virtual + (address & (mapping.size - 1));
		address = mapping.physical + (address & (mapping.size - 1));
	}
	virtual = align_down(virtual, 4) | (address & 3);
	plan->instruction = interesting_instruction();
	csr->stval = virtual;
	csr->htval = how & 1 ? 0 : address >> 2;
	csr->htinst = how & 2 ? 0 : exit_transform(plan->instruction, how & 4 ? how >> 5 : 0);
	if ((how & 0x18) == 0x18)
		csr->htinst = 0x2000 | (how & 0x60) << 7 | (how & 0x80 ? 0x20 : 0);
	if (!(how & 4))
		exit_set_base(vcpu, plan->instruction, virtual);
	if ((how & 0x38) == 0x20)
		return CAUSE_FETCH_GUEST_PAGE_FAULT;
	return exit_is_store(plan->instruction) ? CAUSE_STORE_GUEST_PAGE_FAULT
						: CAUSE_LOAD_GUEST_PAGE_FAULT;
}

static u64 virtual_instruction(struct exit_plan *plan)
{
	static const u32 words[] = {0x10500073, 0x00d00073, 0x600022f3, 0x68050073, 0};
	u8 how = input_u8(&input);

	plan->instruction = how & 8 ? input_u32(&input) : words[how % ARRAY_SIZE(words)];
	fake_csrs(hw_hart_index())->stval = how & 16 ? 0 : plan->instruction;
	return CAUSE_VIRTUAL_INSTRUCTION;
}

/* Anything at all: what a hart that follows the specification would never do is among it. */
static u64 any_trap(struct vcpu *vcpu, struct exit_plan *plan)
{
	struct fake_csrs *csr = fake_csrs(hw_hart_index());
	u8 cause = input_u8(&input);

	plan->instruction = input_u32(&input);
	csr->stval = interesting_value(vcpu);
	csr->htval = input_u8(&input) & 1 ? interesting_value(vcpu) >> 2 : input_u64(&input);
	csr->htinst = interesting_value(vcpu);
	if (cause < 0xc0)
		return cause % 24;
	if (cause < 0xe0)
		return CAUSE_INTERRUPT | cause % 16;
	/* Not an ecall from VS-mode, which has a way of its own. */
	u64 any = input_u64(&input);

	return any == CAUSE_ECALL_VS || any == MACHINE_NOTHING ? 24 : any;
}

static u64 call(struct vcpu *vcpu)
{
	static const u64 ids[] = {SBI_EID_BASE, SBI_EID_TIME, SBI_EID_IPI,	  SBI_EID_RFENCE,
				  SBI_EID_DBCN, SBI_EID_STA,  SBI_EID_LEGACY_LAST};

	vcpu->x[17] = ids[input_below(&input, ARRAY_SIZE(ids))];
	vcpu->x[16] = input_u8(&input) % 8;
	for (unsigned i = 10; i < 16; i++)
		vcpu->x[i] = interesting_value(vcpu);
	/* Shutting down would end all this. */
	if (vcpu->x[17] == SBI_EID_LEGACY_LAST)
		vcpu->x[17] = input_u8(&input) % 8;
	return CAUSE_ECALL_VS;
}

static void change_state(struct vcpu *vcpu)
{
	struct fake_csrs *csr = fake_csrs(hw_hart_index());
	u64 root = vcpu->vm->memory->base.value, low;

	switch (input_u8(&input) % 8) {
	case 0:
		csr->vsatp = 0;
		break;
	case 1:
		csr->vsatp = (8ULL + input_u8(&input) % 3) << 60 | root >> 12;
		break;
	case 2:
		csr->vsatp = interesting_value(vcpu);
		break;
	case 3:
		hw_write_vstvec(interesting_address(vcpu));
		break;
	case 4:
		hw_write_vsstatus(input_u64(&input));
		break;
	case 5:
		low = input_u16(&input);
		hw_write_vsie(low & 0x8000 ? 0x222 : low);
		break;
	case 6:
		csr->sstatus ^= SSTATUS_SPP;
		csr->hstatus ^= HSTATUS_SPVP;
		break;
	default:
		vcpu->pc = interesting_address(vcpu) & ~1ULL;
		break;
	}
}

/* A store of the guest to its own RAM, page tables most likely. */
static void store_word(struct vcpu *vcpu)
{
	u64 base = vcpu->vm->memory->base.value;
	u64 *word = machine_ram(vcpu->vm, base + (input_u16(&input) & ~7ULL), 8);
	u8 how = input_u8(&input);
	u64 value = interesting_value(vcpu);

	/* Page-table entries point to something. */
	if (how & 1)
		value = (interesting_address(vcpu) >> 12) << 10 | (how >> 1 & 0xf) | (how & 1);
	if (word)
		*word = value;
}

static u64 step(struct vcpu *vcpu)
{
	struct exit_plan *plan = exit_plan();
	if (vcpu->vm == &victim->vm)
		return MACHINE_NOTHING;
	u8 what = input_u8(&input);

	memset(plan, 0, sizeof(*plan));
	plan->fetch_fails = (what & 0xc0) == 0xc0;
	switch (what % 16) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		return memory_fault(vcpu, plan);
	case 5:
		plan->instruction = driver_access(&input, vcpu);
		return driver_cause(plan->instruction);
	case 6:
		return any_trap(vcpu, plan);
	case 7:
		return virtual_instruction(plan);
	case 8:
		return call(vcpu);
	case 9:
	case 10:
		change_state(vcpu);
		break;
	case 11:
		store_word(vcpu);
		break;
	case 12:
		map_page(vcpu);
		break;
	case 13:
		vcpu->x[1 + input_u8(&input) % 31] = interesting_value(vcpu);
		break;
	case 14:
		/* It uses the units. */
		if (hw_has(HW_FEATURE_F))
			fake_csrs(hw_hart_index())->sstatus |= SSTATUS_FS;
		fake_fp(hw_hart_index())[what % HW_FP_SIZE] = what;
		break;
	default:
		vcpu->pc += 4;
		break;
	}
	return MACHINE_NOTHING;
}

static const struct machine_client client = {step, exit_before, exit_after};

/* ------------------------------------------------------------------------------------------------
 * The machine.
 */

#define VICTIM_WORDS 64

/* The other VM's memory has a pattern, which it never writes to. */
static u64 victim_word(unsigned i)
{
	return 0x5eed000000000000 + i;
}

static void mark_victim(void)
{
	for (unsigned i = 0; i < VICTIM_WORDS; i++) {
		u64 word = victim_word(i);

		REQUIRE(guest_memory_write(&victim->memory, gpa(GUEST_RAM_BASE + 0x800 + 8 * i),
					   &word, sizeof(word)) == STATUS_OK);
	}
}

static void check_victim(void)
{
	const u64 *words = machine_ram(&victim->vm, GUEST_RAM_BASE + 0x800, 8 * VICTIM_WORDS);

	REQUIRE(words != NULL);
	for (unsigned i = 0; i < VICTIM_WORDS; i++)
		REQUIRE_EQUAL(words[i], victim_word(i));
	REQUIRE_EQUAL(guest_state(victim), GUEST_RUNNING);
	REQUIRE(!victim->plic.pending[0] && !victim->uart.ier);
}

static void set_up(u8 how)
{
	static const u64 sizes[] = {KIB(64), MIB(2) + KIB(12), MIB(4), KIB(4)};
	struct fake_options options = fake_defaults();
	u8 features = input_u8(&input);

	options.hart_count = 1 + (how & 1);
	options.ram_size = MIB(16);
	if (features & 1)
		options.features &= ~(u32)HW_FEATURE_SSTC;
	if (features & 2)
		options.features &= ~(u32)HW_FEATURE_V;
	if (features & 4)
		options.features &= ~(u32)(HW_FEATURE_SMSTATEEN | HW_FEATURE_F | HW_FEATURE_D);
	options.gstage_modes = BIT(HW_GSTAGE_SV39X4 + (features >> 3) % 3);
	if (features & 0x20)
		options.vmid_bits = 0;
	machine_start(&options, &client);
	struct machine_vm *vm = machine_add_vm(1, sizes[how >> 1 & 3], GUEST_RESTART_ALWAYS,
					       (struct sched_limits){.shares = 100});

	mapping.valid = false;
	exit_model_start(&vm->guest->vm);
	victim = machine_add_vm(1, KIB(64), GUEST_RESTART_NEVER,
				(struct sched_limits){.shares = 100})
			 ->guest;
	machine_boot();
	mark_victim();
	if (how & 0x40)
		observe_start(OBSERVE_TRACE | OBSERVE_PROFILE);
	/* Only what is not checked exactly may race: see exit_model.c. */
	machine.race_rate = how & 0x80 ? 1 + input_u8(&input) / 2 : 0;
	machine.race_seed = input_u16(&input);
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	input = (struct input){bytes, size};
	set_up(input_u8(&input));
	for (unsigned steps = 0; input.left && steps < STEP_MAX; steps++) {
		u8 turn = input_u8(&input);
		unsigned hart = turn % hw_machine()->hart_count;

		if (!machine_turn(hart, turn >> 5 == 7 ? 150 : turn >> 5))
			machine_skip_to_event();
		if ((turn & 0x1c) == 0x14) {
			machine.vms[0].input_count = turn & 0x20 ? 20 : 1;
			machine_errand(machine_serve_line, 0);
		}
		check_victim();
	}
	observe_stop(OBSERVE_TRACE | OBSERVE_PROFILE);
	machine_finish();
	return 0;
}

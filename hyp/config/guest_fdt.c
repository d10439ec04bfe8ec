/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes the guest's device tree with libfdt's sequential functions. Owns nothing; the numbers of
 * devices come from hyp/dev/, those of the harts from hw_machine().
 *
 * Node names, addresses and interrupt numbers are those of QEMU's virt machine, so that software
 * which has them compiled in finds what it expects. There is an rng-seed only if the caller has
 * something unpredictable for it: a constant one would be worse than none.
 */
#include "hyp/config/guest_fdt.h"

#include "hyp/config/isa.h"
#include "hyp/config/tree_check.h"
#include "hyp/csr.h"
#include "hyp/dev/vplic.h"
#include "hyp/dev/vuart.h"

#include <libfdt.h>
#include <string.h>

#define SERIAL_PATH "/soc/serial@10000000"

/* The M-mode external interrupt, mip.MEIP (Privileged ISA, "Machine Interrupt Registers"). Guests
 * have no M-mode, but a PLIC context for it on QEMU virt, and contexts are numbered. */
#define IRQ_M_EXT 11

/* Everything of fixed size: header, names, /chosen, /memory, /soc. And a hart's, less its ISA. */
#define FIXED_SIZE 2176
#define CPU_SIZE   512

/* The first error stays; later calls do nothing. */
struct builder {
	void *fdt;
	int error;
};

static void node_begin(struct builder *b, const char *name)
{
	if (!b->error)
		b->error = fdt_begin_node(b->fdt, name);
}

static void node_end(struct builder *b)
{
	if (!b->error)
		b->error = fdt_end_node(b->fdt);
}

static void *add_space(struct builder *b, const char *name, u64 size)
{
	void *value = NULL;

	if (!b->error)
		b->error = fdt_property_placeholder(b->fdt, name, (int)size, &value);
	return b->error ? NULL : value;
}

static void add_bytes(struct builder *b, const char *name, const void *value, u64 size)
{
	if (!b->error)
		b->error = fdt_property(b->fdt, name, value, (int)size);
}

static void add_string(struct builder *b, const char *name, const char *value)
{
	add_bytes(b, name, value, strlen(value) + 1);
}

static void add_u32(struct builder *b, const char *name, u32 value)
{
	if (!b->error)
		b->error = fdt_property_u32(b->fdt, name, value);
}

static void add_u64(struct builder *b, const char *name, u64 value)
{
	if (!b->error)
		b->error = fdt_property_u64(b->fdt, name, value);
}

static void add_flag(struct builder *b, const char *name)
{
	add_bytes(b, name, NULL, 0);
}

/* #address-cells and #size-cells are 2 wherever this is used. */
static void add_reg(struct builder *b, u64 base, u64 size)
{
	fdt64_t reg[2] = {cpu_to_fdt64(base), cpu_to_fdt64(size)};

	add_bytes(b, "reg", reg, sizeof(reg));
}

static void add_cells(struct builder *b, u32 address_cells, u32 size_cells)
{
	add_u32(b, "#address-cells", address_cells);
	add_u32(b, "#size-cells", size_cells);
}

/* "name@hex", as the unit address of a node must be. 2 to the 64 has 16 digits. */
static void node_begin_at(struct builder *b, const char *name, u64 address)
{
	char text[48];
	size_t length = strlen(name), digits = 1, i;

	while (digits < 16 && address >> (4 * digits))
		digits++;
	memcpy(text, name, length);
	text[length] = '@';
	for (i = 0; i < digits; i++)
		text[length + 1 + i] = "0123456789abcdef"[address >> (4 * (digits - 1 - i)) & 15];
	text[length + 1 + digits] = '\0';
	node_begin(b, text);
}

static u32 phandle_of_intc(unsigned cpu)
{
	return GUEST_FDT_PHANDLE_PLIC + 1 + cpu;
}

static void add_chosen(struct builder *b, const struct guest_machine *machine)
{
	node_begin(b, "chosen");
	if (machine->bootargs)
		add_string(b, "bootargs", machine->bootargs);
	if (machine->ramdisk_size) {
		add_u64(b, "linux,initrd-start", machine->ramdisk.value);
		add_u64(b, "linux,initrd-end", machine->ramdisk.value + machine->ramdisk_size);
	}
	add_string(b, "stdout-path", SERIAL_PATH);
	/* Without it a kernel gathers randomness from its clock's jitter, for millions of
	 * instructions. */
	if (machine->has_rng_seed && !b->error)
		b->error = fdt_property(b->fdt, "rng-seed", machine->rng_seed,
					sizeof(machine->rng_seed));
	node_end(b);

	node_begin(b, "aliases");
	add_string(b, "serial0", SERIAL_PATH);
	node_end(b);
}

static void add_memory(struct builder *b, const struct guest_machine *machine)
{
	node_begin_at(b, "memory", machine->ram_base.value);
	add_string(b, "device_type", "memory");
	add_reg(b, machine->ram_base.value, machine->ram_size);
	node_end(b);
}

static void add_isa(struct builder *b, const struct isa_set *isa)
{
	u64 string_size = isa_string_size(isa), list_size = isa_list_size(isa);
	char *string, *list;

	string = add_space(b, "riscv,isa", string_size);
	if (string && isa_write_string(isa, string, string_size) != STATUS_OK)
		b->error = -FDT_ERR_INTERNAL;
	add_string(b, "riscv,isa-base", "rv64i");
	list = add_space(b, "riscv,isa-extensions", list_size);
	if (list && isa_write_list(isa, list, list_size) != STATUS_OK)
		b->error = -FDT_ERR_INTERNAL;
}

static void add_cpu(struct builder *b, const struct hw_machine *host, const struct isa_set *isa,
		    unsigned cpu)
{
	node_begin_at(b, "cpu", cpu);
	add_string(b, "device_type", "cpu");
	add_u32(b, "reg", cpu);
	add_string(b, "status", "okay");
	add_string(b, "compatible", "riscv");
	add_isa(b, isa);
	if (host->mmu_type)
		add_string(b, "mmu-type", host->mmu_type);
	if (isa_has(isa, "zicbom"))
		add_u32(b, "riscv,cbom-block-size", host->cbom_block_size);
	/* Zic64b settles all block sizes; otherwise nobody told us this one. */
	if (isa_has(isa, "zicbop") && isa_has(isa, "zic64b"))
		add_u32(b, "riscv,cbop-block-size", 64);
	if (isa_has(isa, "zicboz"))
		add_u32(b, "riscv,cboz-block-size", host->cboz_block_size);

	node_begin(b, "interrupt-controller");
	add_u32(b, "#address-cells", 0);
	add_u32(b, "#interrupt-cells", 1);
	add_flag(b, "interrupt-controller");
	add_string(b, "compatible", "riscv,cpu-intc");
	add_u32(b, "phandle", phandle_of_intc(cpu));
	node_end(b);
	node_end(b);
}

static void add_cpus(struct builder *b, const struct hw_machine *host,
		     const struct guest_machine *machine)
{
	struct isa_set isa;
	unsigned cpu;

	isa_select(host, &isa);
	node_begin(b, "cpus");
	add_cells(b, 1, 0);
	add_u32(b, "timebase-frequency", (u32)host->timebase_hz);
	for (cpu = 0; cpu < machine->cpu_count; cpu++)
		add_cpu(b, host, &isa, cpu);
	node_end(b);
}

static void add_plic(struct builder *b, unsigned cpu_count)
{
	static const char compatible[] = "sifive,plic-1.0.0\0riscv,plic0";
	fdt32_t *contexts;
	unsigned cpu;

	node_begin_at(b, "plic", VPLIC_BASE);
	add_bytes(b, "compatible", compatible, sizeof(compatible));
	add_reg(b, VPLIC_BASE, VPLIC_SIZE);
	add_u32(b, "phandle", GUEST_FDT_PHANDLE_PLIC);
	add_u32(b, "#address-cells", 0);
	add_u32(b, "#interrupt-cells", 1);
	add_flag(b, "interrupt-controller");
	add_u32(b, "riscv,ndev", VPLIC_SOURCE_COUNT);
	contexts = add_space(b, "interrupts-extended", (u64)cpu_count * 4 * sizeof(fdt32_t));
	for (cpu = 0; contexts && cpu < cpu_count; cpu++) {
		fdt32_st(contexts++, phandle_of_intc(cpu));
		fdt32_st(contexts++, IRQ_M_EXT);
		fdt32_st(contexts++, phandle_of_intc(cpu));
		fdt32_st(contexts++, IRQ_S_EXT);
	}
	node_end(b);
}

static void add_serial(struct builder *b)
{
	node_begin_at(b, "serial", VUART_BASE);
	add_string(b, "compatible", "ns16550a");
	add_reg(b, VUART_BASE, VUART_SIZE);
	add_u32(b, "clock-frequency", VUART_CLOCK_HZ);
	add_u32(b, "interrupts", VUART_SOURCE);
	node_end(b);
}

static void add_soc(struct builder *b, const struct guest_machine *machine)
{
	node_begin(b, "soc");
	add_cells(b, 2, 2);
	add_string(b, "compatible", "simple-bus");
	add_flag(b, "ranges");
	add_u32(b, "interrupt-parent", GUEST_FDT_PHANDLE_PLIC);
	add_plic(b, machine->cpu_count);
	add_serial(b);
	if (machine->add_devices && !b->error)
		b->error = machine->add_devices(b->fdt, machine->context);
	node_end(b);
}

u64 guest_fdt_size(const struct hw_machine *host, unsigned cpu_count, const char *bootargs)
{
	struct isa_set isa;
	u64 cpu_size, size;

	isa_select(host, &isa);
	cpu_size = CPU_SIZE + isa_string_size(&isa) + isa_list_size(&isa);
	size = FIXED_SIZE + GUEST_FDT_DEVICES_SIZE + (bootargs ? strlen(bootargs) + 1 : 0);
	return min_u64(align_up(size + cpu_count * cpu_size, PAGE_SIZE), GUEST_FDT_SIZE_MAX);
}

enum status guest_fdt_build(const struct hw_machine *host, const struct guest_machine *machine,
			    void *buffer, u64 size, u64 *length)
{
	static const char compatible[] = "hartwood,virt\0riscv-virtio";
	struct builder b = {.fdt = buffer};

	/* A timebase has one cell in the binding. */
	if (host->timebase_hz > UINT32_MAX || machine->cpu_count == 0 ||
	    machine->cpu_count > GUEST_FDT_CPU_MAX ||
	    (machine->bootargs && strlen(machine->bootargs) >= GUEST_FDT_BOOTARGS_MAX))
		return STATUS_INVALID;
	b.error = fdt_create(buffer, (int)min_u64(size, INT32_MAX));
	if (!b.error)
		b.error = fdt_finish_reservemap(buffer);

	node_begin(&b, "");
	add_cells(&b, 2, 2);
	add_bytes(&b, "compatible", compatible, sizeof(compatible));
	add_string(&b, "model", "Hartwood virtual machine");
	add_chosen(&b, machine);
	add_memory(&b, machine);
	add_cpus(&b, host, machine);
	add_soc(&b, machine);
	node_end(&b);

	if (!b.error)
		b.error = fdt_finish(buffer);
	if (b.error)
		return STATUS_INVALID;
	*length = fdt_totalsize(buffer);
	return STATUS_OK;
}

u64 guest_fdt_adopt_room(const char *bootargs)
{
	/* A node, three properties with their names and tags, and padding. */
	return 256 + (bootargs ? strlen(bootargs) + 1 : 0);
}

static int set_chosen(void *fdt, const struct guest_machine *machine)
{
	int error = 0;
	int chosen = fdt_subnode_offset(fdt, 0, "chosen");

	if (chosen == -FDT_ERR_NOTFOUND)
		chosen = fdt_add_subnode(fdt, 0, "chosen");
	if (chosen < 0)
		return chosen;
	/* Properties of one node: setting one does not move the node itself. */
	if (machine->bootargs)
		error = fdt_setprop_string(fdt, chosen, "bootargs", machine->bootargs);
	if (!error && machine->ramdisk_size) {
		error = fdt_setprop_u64(fdt, chosen, "linux,initrd-start", machine->ramdisk.value);
		if (!error)
			error = fdt_setprop_u64(fdt, chosen, "linux,initrd-end",
						machine->ramdisk.value + machine->ramdisk_size);
	}
	return error;
}

enum status guest_fdt_adopt(const void *tree, u64 tree_size, const struct guest_machine *machine,
			    void *buffer, u64 size, u64 *length)
{
	int error;

	if (tree_size > size || size > INT32_MAX)
		return STATUS_INVALID;
	/* Copied before it is checked: in the bundle it is aligned to 4 bytes only, and what is
	 * checked must be what is used. */
	memcpy(buffer, tree, tree_size);
	if (tree_check(buffer, tree_size))
		return STATUS_INVALID;
	error = fdt_open_into(buffer, buffer, (int)size);
	if (!error)
		error = set_chosen(buffer, machine);
	if (!error)
		error = fdt_pack(buffer);
	if (error)
		return STATUS_INVALID;
	*length = fdt_totalsize(buffer);
	return STATUS_OK;
}

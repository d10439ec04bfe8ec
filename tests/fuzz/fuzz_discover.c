/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The physical machine's device tree: as raw bytes, and as the tree of a small machine with odd
 * properties and damage. What is found is sound, and what is said is printable and bounded.
 *
 * Nobody changes the tree meanwhile: the boot hart reads it before any other runs.
 */
#include "tests/fuzz/damage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/discover_tree.h"

#define BOOT_ID	   5
#define CHANGE_MAX 24

static const char *const node_names[] = {"memory@80000000",
					 "reserved-memory",
					 "firmware",
					 "cpu@7",
					 "cpus",
					 "chosen",
					 "soc",
					 "bus@0",
					 "\033[2J",
					 "serial@1",
					 "plic@1",
					 "aliases",
					 "interrupt-controller"};

static const char *const property_names[] = {"reg",
					     "ranges",
					     "#address-cells",
					     "#size-cells",
					     "status",
					     "device_type",
					     "compatible",
					     "no-map",
					     "timebase-frequency",
					     "linux,initrd-start",
					     "linux,initrd-end",
					     "stdout-path",
					     "interrupt-parent",
					     "interrupts",
					     "interrupts-extended",
					     "#interrupt-cells",
					     "phandle",
					     "riscv,ndev",
					     "riscv,isa",
					     "riscv,isa-extensions",
					     "riscv,isa-base",
					     "reg-shift",
					     "reg-io-width",
					     "reg-offset",
					     "clock-frequency",
					     "current-speed",
					     "rng-seed",
					     "size",
					     "serial0"};

static const char *const texts[] = {"memory",
				    "cpu",
				    "okay",
				    "disabled",
				    "test,port",
				    "test,other-port",
				    "riscv,plic0",
				    "riscv,cpu-intc",
				    "/soc/serial@10000000:115200",
				    "/soc/bus@0/serial@1",
				    "serial0",
				    "/soc",
				    "rv64imafdcvh_zicsr_zifencei_sstc_svinval",
				    "rv64i_\033[31m_x",
				    "rv32",
				    ""};

/* ------------------------------------------------------------------------------------------------
 * Making a tree.
 */

static u8 base_tree[TREE_SIZE], changed[TREE_SIZE] __attribute__((aligned(8)));

static void make_base(void)
{
	if (fdt_check_header(base_tree) == 0)
		return;
	set_up(NULL);
	add("/soc", "bus@0");
	SET("/soc/bus@0", "#address-cells", 1);
	SET("/soc/bus@0", "#size-cells", 1);
	(void)fdt_setprop(tree, at("/soc/bus@0"), "ranges", NULL, 0);
	add("/soc/bus@0", "serial@1");
	set_string("/soc/bus@0/serial@1", "compatible", "test,other-port");
	SET("/soc/bus@0/serial@1", "reg", 0x20000000, 0x100);
	add("/", "reserved-memory");
	SET("/reserved-memory", "#address-cells", 2);
	SET("/reserved-memory", "#size-cells", 2);
	add("/reserved-memory", "firmware");
	SET("/reserved-memory/firmware", "reg", 0, 0x80000000, 0, 0x80000);
	SET("/chosen", "linux,initrd-start", 0x90000000);
	SET("/chosen", "linux,initrd-end", 0x90100000);
	set_string("/cpus/cpu@0", "riscv,isa", texts[12]);
	memcpy(base_tree, tree, TREE_SIZE);
	tear_down(NULL);
}

static int draw_node(struct input *input)
{
	int node = 0;

	for (u8 count = input_u8(input) % 24; count > 0 && node >= 0; count--)
		node = fdt_next_node(changed, node, NULL);
	return node < 0 ? 0 : node;
}

static void set_cells_of(struct input *input, int node, const char *name)
{
	fdt32_t cells[16];
	u8 count = input_u8(input) % ARRAY_SIZE(cells);

	for (u8 i = 0; i < count; i++) {
		u64 value = input_odd_number(input);

		/* Numbers of two cells, too. */
		if (i + 1 < count && value >> 32)
			cells[i++] = cpu_to_fdt32((u32)(value >> 32));
		cells[i] = cpu_to_fdt32((u32)value);
	}
	(void)fdt_setprop(changed, node, name, cells, 4 * count);
}

static void change(struct input *input)
{
	int node = draw_node(input);
	u8 form = input_u8(input);
	const char *text, *name = property_names[input_u8(input) % ARRAY_SIZE(property_names)];
	u8 raw[128];

	switch (form % 8) {
	case 0:
		(void)fdt_add_subnode(changed, node,
				      node_names[input_u8(input) % ARRAY_SIZE(node_names)]);
		break;
	case 1:
		if (form & 8)
			(void)fdt_delprop(changed, node, name);
		else
			(void)fdt_add_mem_rsv(changed, input_odd_number(input),
					      input_odd_number(input));
		break;
	case 2:
		input_bytes(input, raw, form / 8 * 4u);
		(void)fdt_setprop(changed, node, name, raw, form / 8 * 4 - (form > 128));
		break;
	case 3:
	case 4:
		text = texts[input_u8(input) % ARRAY_SIZE(texts)];
		(void)fdt_setprop_string(changed, node, name, text);
		break;
	default:
		set_cells_of(input, node, name);
		break;
	}
}

/* ------------------------------------------------------------------------------------------------
 * What was found.
 */

static u64 check_set(const struct region_set *set)
{
	u64 end = 0, size = 0;

	REQUIRE(set->count <= REGION_SET_MAX);
	for (unsigned i = 0; i < set->count; i++) {
		const struct hw_region *region = &set->regions[i];

		REQUIRE(region->size && is_aligned(region->base.value | region->size, PAGE_SIZE));
		REQUIRE(region->base.value > end || i == 0);
		REQUIRE(range_contains(0, REGION_LIMIT, region->base.value, region->size));
		end = region->base.value + region->size;
		size += region->size;
	}
	return size;
}

static void check_harts(const void *blob)
{
	REQUIRE(found.hart_count <= HW_HART_MAX && found.timebase_hz != 0);
	for (unsigned i = 0; i < found.hart_count; i++) {
		const struct discovered_hart *hart = &found.harts[i];
		struct isalist isa;

		for (unsigned j = 0; j < i; j++)
			REQUIRE(found.harts[j].id != hart->id);
		REQUIRE(hart->plic_context == -1 ||
			(found.has_plic && plic_has_context(found.plic.size, hart->plic_context)));
		isalist_init(&isa);
		(void)isalist_read(&isa, blob, hart->node);
		REQUIRE(isa.length < ISALIST_SIZE && isa.names[isa.length] == '\0');
		for (unsigned c = 0; c < isa.length; c++)
			REQUIRE(!isa.names[c] || (isa.names[c] >= 'a' && isa.names[c] <= 'z') ||
				(isa.names[c] >= '0' && isa.names[c] <= '9'));
	}
}

static void check_uart(void)
{
	const struct uart *uart = &found.uart;

	REQUIRE(uart->driver == &port || uart->driver == &other_port);
	REQUIRE(uart->base >= PAGE_SIZE && range_contains(0, REGION_LIMIT, uart->base, 1));
	REQUIRE(uart->reg_width == 1 || uart->reg_width == 2 || uart->reg_width == 4);
	REQUIRE(uart->reg_shift <= 12 && is_aligned(uart->base, uart->reg_width));
	if (!found.has_plic)
		return;
	REQUIRE(uart->interrupt >= 1 && uart->interrupt <= found.plic.source_count);
	REQUIRE(found.plic.source_count <= PLIC_SOURCE_MAX);
	REQUIRE(found.plic.base >= PAGE_SIZE && is_aligned(found.plic.base, PAGE_SIZE));
	REQUIRE(range_contains(0, REGION_LIMIT, found.plic.base, found.plic.size));
}

static void check_found(const void *blob)
{
	REQUIRE(found.memory.count >= 1 && check_set(&found.memory) <= GIB(16384));
	(void)check_set(&found.reserved);
	(void)check_set(&found.no_map);
	for (unsigned i = 0; i < found.no_map.count; i++) {
		const struct hw_region *region = &found.no_map.regions[i];

		REQUIRE(region_meets(&found.memory, region->base.value, region->size));
	}
	check_harts(blob);
	if (found.has_bundle) {
		u64 base = found.bundle_base, size = found.bundle_size;

		REQUIRE(size && region_contains(&found.memory, base, size));
		REQUIRE(!region_meets(&found.no_map, base, size));
	}
	if (found.has_uart)
		check_uart();
	REQUIRE(found.has_uart || !found.has_plic);
}

/* Whole lines without anything that a terminal obeys, and about two for a node at most. */
static void check_said(const void *blob)
{
	const char *said = fake_console_output();
	unsigned lines = 0, nodes = 0;

	for (const char *c = said; *c; c++) {
		REQUIRE((*c >= ' ' && *c <= '~') || *c == '\r' || *c == '\n');
		lines += *c == '\n';
	}
	for (int node = 0; node >= 0; node = fdt_next_node(blob, node, NULL))
		nodes++;
	REQUIRE(lines <= 2 * nodes + 8);
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	struct input input = {bytes, size};
	u64 blob_size = size;
	u8 *blob;

	make_base();
	fake_start(NULL);
	if (size && bytes[0] == 0xd0) {
		if (size < sizeof(struct fdt_header) || fdt_totalsize(bytes) > size)
			return 0; /* what the firmware hands over ends where it says */
		blob = malloc(size);
		memcpy(blob, bytes, size);
	} else {
		memcpy(changed, base_tree, sizeof(changed));
		for (u8 count = input_u8(&input) % CHANGE_MAX; count > 0; count--)
			change(&input);
		(void)fdt_pack(changed);
		blob = copy_of_tree(changed, 0, &blob_size);
		damage_words(&input, blob + 8, blob_size - 8);
	}
	if (!discover_check_tree(blob)) {
		enum status status = discover(blob, drivers, BOOT_ID, &found);

		check_said(blob);
		if (status == STATUS_OK)
			check_found(blob);
		else
			REQUIRE(fake_console_output()[0]);
	}
	free(blob);
	return 0;
}

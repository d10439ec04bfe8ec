/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the first C function to hyp_init(): the boot hart learns what the machine is made of, puts
 * itself on page tables, and collects the other harts. Alone until then, so nothing is locked.
 */
#include <libfdt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hyp/hw.h"
#include "hyp/hyp.h"
#include "hyp/log.h"
#include "platform/console.h"
#include "platform/csr.h"
#include "platform/discover.h"
#include "platform/early.h"
#include "platform/hart.h"
#include "platform/hostsbi.h"
#include "platform/image.h"
#include "platform/isalist.h"
#include "platform/machine.h"
#include "platform/pagetable.h"
#include "platform/plic.h"
#include "platform/random.h"
#include "platform/tree.h"

/* What -fstack-protector compares; the name is the compiler's. */
u64 __stack_chk_guard; /* NOLINT(bugprone-reserved-identifier) */

/* The time CSR at our first instruction; written by firmware/start.S. */
u64 boot_time;

static const void *fdt;
static struct discovered found;

/* The harts that may be used, the boot hart first. */
static struct hart *harts[HW_HART_MAX];
static unsigned hart_count;

/* Ends the boot with one line. */
static _Noreturn void __attribute__((format(printf, 1, 2))) boot_fail(const char *format, ...)
{
	char line[160];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	log_error("%s; the machine cannot be used", line);
	machine_stop_failed();
}

static void __attribute__((noinline)) learn(u64 boot_id, const void *tree)
{
	const char *wrong = discover_check_tree(tree);

	machine.boot_time = boot_time;
	hostsbi_init();
	if (wrong != NULL)
		boot_fail("the device tree %s", wrong);
	fdt = tree;
	if (discover(fdt, uart_drivers, boot_id, &found) != STATUS_OK)
		boot_fail("the device tree does not describe it");
	machine.timebase_hz = found.timebase_hz;
	if (found.has_uart)
		console_use(&found.uart);
	if (!is_aligned((u64)image_start, MIB(2)) || (u64)image_start == 0)
		boot_fail("loaded at 0x%llx, which is no positive multiple of 2 MiB",
			  (unsigned long long)(u64)image_start);
}

/* RAM less everything that is somebody's. Page 0 is nobody's, as null pointers point there. */
static void find_free_ram(void)
{
	static struct region_set free_ram;
	u64 lost = 0;

	free_ram = found.memory;
	for (unsigned i = 0; i < found.reserved.count; i++)
		lost += region_remove(&free_ram, found.reserved.regions[i].base.value,
				      found.reserved.regions[i].size);
	lost += region_remove(&free_ram, 0, PAGE_SIZE);
	lost += region_remove(&free_ram, (u64)image_start, image_end - image_start);
	lost += region_remove(&free_ram, (u64)fdt, fdt_totalsize(fdt));
	/* Firmware too old for HSM may also be too old to reserve itself in the tree. Its place is
	 * what text_offset in the image's header leaves free below the image. */
	if (!hostsbi_has_hsm())
		lost += region_remove(&free_ram, (u64)image_start - MIB(2), MIB(2));
	if (found.has_bundle)
		lost += region_remove(&free_ram, found.bundle_base, found.bundle_size);
	region_trim_to_pages(&free_ram);
	if (lost != 0)
		log_info("%llu KiB of RAM stay unused: it is in too many pieces",
			 (unsigned long long)(lost >> 10));
	early_init(&free_ram, (u64)image_end);
}

/* Where the loader put the tree may be out of reach of our page tables, or in memory that the tree
 * itself says not to map. Its offsets, which "found" has, are good in the copy too. */
static void move_tree(void)
{
	u64 size = fdt_totalsize(fdt);
	void *copy = early_allocate(align_up(size, PAGE_SIZE), PAGE_SIZE);

	if (copy == NULL)
		boot_fail("no RAM for a copy of the device tree");
	fdt = memcpy(copy, fdt, size);
}

static bool has_large_blocks(int node)
{
	u32 size;

	return (tree_u32(fdt, node, "riscv,cboz-block-size", &size) && size > PAGE_SIZE) ||
	       (tree_u32(fdt, node, "riscv,cbom-block-size", &size) && size > PAGE_SIZE);
}

static void describe_hart(struct hart *hart, const struct discovered_hart *description)
{
	static struct isalist isa;

	memset(hart, 0, sizeof(*hart));
	hart->id = description->id;
	hart->node = description->node;
	hart->plic_context = description->plic_context;
	if (has_large_blocks(hart->node))
		hart->named = PROBE_NAMED_LARGE_BLOCKS;
	if (hart != harts[0] && isalist_is_same(fdt, hart->node, harts[0]->node)) {
		hart->named |= harts[0]->named & ~PROBE_NAMED_LARGE_BLOCKS;
		return;
	}
	isalist_init(&isa);
	if (!isalist_read(&isa, fdt, description->node))
		return;
	if (isalist_has(&isa, "h"))
		hart->named |= PROBE_NAMED_H;
	if (isalist_has(&isa, "svinval"))
		hart->named |= HW_FEATURE_SVINVAL;
}

static const struct discovered_hart *find_boot_hart(u64 boot_id)
{
	for (unsigned i = 0; i < found.hart_count; i++) {
		if (found.harts[i].id == boot_id)
			return &found.harts[i];
	}
	boot_fail("hart %llu, which boots, is not in the device tree", (unsigned long long)boot_id);
}

/* Gives each hart its area; the boot hart has one. */
static void place_harts(u64 boot_id)
{
	const struct discovered_hart *boot = find_boot_hart(boot_id);

	harts[0] = hart_self();
	describe_hart(harts[0], boot);
	hart_count = 1;
	for (unsigned i = 0; i < found.hart_count; i++) {
		void *area;

		if (&found.harts[i] == boot)
			continue;
		area = early_allocate(HART_AREA_SIZE, HART_AREA_SIZE);
		if (area == NULL)
			boot_fail("no RAM for the stack of hart %llu",
				  (unsigned long long)found.harts[i].id);
		harts[hart_count] = hart_in_area(area);
		describe_hart(harts[hart_count], &found.harts[i]);
		hart_register(harts[hart_count++]);
	}
}

/* ------------------------------------------------------------------------------------------------
 * The map.
 */

static void map(u64 base, u64 size, u64 permissions)
{
	u64 start = align_down(base, PAGE_SIZE);
	u64 end = align_up(base + size, PAGE_SIZE);

	if (pagetable_set(start, end - start, permissions) != STATUS_OK)
		boot_fail("no RAM for page tables");
}

static void map_devices(void)
{
	if (found.has_uart)
		map(found.uart.base, min_u64(found.uart.size, 32ULL << found.uart.reg_shift),
		    PTE_R | PTE_W);
	if (!found.has_plic)
		return;
	map(found.plic.base + PLIC_PRIORITY_OFFSET(found.uart.interrupt), 4, PTE_R | PTE_W);
	for (unsigned i = 0; i < hart_count; i++) {
		int context = harts[i]->plic_context;

		if (context < 0)
			continue;
		map(found.plic.base + PLIC_ENABLE_OFFSET(context), 0x80, PTE_R | PTE_W);
		map(found.plic.base + PLIC_CONTEXT_OFFSET(context), 8, PTE_R | PTE_W);
	}
}

static void map_image(void)
{
	map((u64)image_start, image_text_end - image_start, PTE_R | PTE_X);
	map((u64)image_text_end, image_rodata_end - image_text_end, PTE_R);
	map((u64)image_rodata_end, image_end - image_rodata_end, PTE_R | PTE_W);
}

/* What overlaps is settled by order: the image comes after everything a device tree can say, and
 * guard pages after that. */
static void build_map(void)
{
	if (pagetable_init() != STATUS_OK)
		boot_fail("no RAM for page tables");
	for (unsigned i = 0; i < found.memory.count; i++)
		map(found.memory.regions[i].base.value, found.memory.regions[i].size,
		    PTE_R | PTE_W);
	for (unsigned i = 0; i < found.no_map.count; i++)
		map(found.no_map.regions[i].base.value, found.no_map.regions[i].size, 0);
	map_devices();
	map(0, PAGE_SIZE, 0);
	map_image();
	for (unsigned i = 0; i < hart_count; i++)
		map(align_down((u64)harts[i], HART_AREA_SIZE), HART_GUARD_SIZE, 0);
	map((u64)emergency_area, HART_GUARD_SIZE, 0);
}

static u64 highest_address(void)
{
	const struct hw_region *last = &found.memory.regions[found.memory.count - 1];
	u64 highest = max_u64((u64)image_end, last->base.value + last->size);

	if (found.has_uart)
		highest = max_u64(highest, found.uart.base + found.uart.size);
	if (found.has_plic)
		highest = max_u64(highest, found.plic.base + found.plic.size);
	return highest;
}

/* Returns the first address that is out of reach. */
static u64 enable_map(void)
{
	u64 limit = pagetable_enable_first(highest_address());

	if (limit == 0)
		boot_fail("hart %llu has no paging mode that reaches the image",
			  (unsigned long long)harts[0]->id);
	if (found.has_bundle && found.bundle_base + found.bundle_size > limit) {
		log_error("the VM bundle at 0x%llx is out of reach of the hart's paging modes",
			  (unsigned long long)found.bundle_base);
		found.has_bundle = false;
	}
	return limit;
}

/* ------------------------------------------------------------------------------------------------
 * The rest.
 */

static void connect_console(void)
{
	if (!found.has_plic || harts[0]->plic_context < 0)
		return;
	plic_connect(harts[0]->plic_context, found.uart.interrupt, console_serve_interrupt);
	console_use_interrupt();
}

/* To the one of them that comes first. */
void hw_console_serve_on(u64 harts_allowed)
{
	for (unsigned i = 0; i < machine.hart_count; i++) {
		if (harts_allowed >> i & 1 && harts[i]->plic_context >= 0) {
			plic_move(harts[i]->plic_context);
			return;
		}
	}
}

static void init_plic(void)
{
	if (!found.has_plic)
		return;
	plic_init(found.plic.base, found.plic.source_count);
	for (unsigned i = 0; i < hart_count; i++) {
		if (harts[i]->plic_context >= 0)
			plic_init_context(harts[i]->plic_context);
	}
}

static void describe_memory(u64 limit)
{
	u64 sum = 0;

	machine.free_ram_count = early_finish(limit, machine.free_ram, HW_REGION_MAX);
	if (found.has_bundle) {
		machine.bundle = (const void *)found.bundle_base;
		machine.bundle_size = found.bundle_size;
	}
	for (unsigned i = 0; i < machine.free_ram_count; i++)
		sum += machine.free_ram[i].size;
	log_info("%u of %u harts, boot hart %llu; %llu MiB of RAM free; image at 0x%llx",
		 machine.hart_count, found.hart_count, (unsigned long long)harts[0]->id,
		 (unsigned long long)(sum >> 20), (unsigned long long)(u64)image_start);
}

static _Noreturn void __attribute__((noinline)) bring_up(u64 boot_id)
{
	const char *refusal;
	u64 limit;

	random_init(fdt);
	find_free_ram();
	move_tree();
	place_harts(boot_id);
	build_map();
	limit = enable_map();
	refusal = probe_hart(harts[0]->named, &harts[0]->probe);
	if (refusal != NULL)
		boot_fail("hart %llu, which boots: %s", (unsigned long long)boot_id, refusal);
	init_plic();
	hart_count = hart_start_others(harts, hart_count, found.timebase_hz);
	machine_describe(fdt, harts, hart_count);
	describe_memory(limit);
	hart_init_csrs();
	connect_console();
	hyp_init();
	hart_release_others();
	hyp_run();
}

/* Called by start.S. The guard may change only while no function is active that checks it, so this
 * one has none. Its lowest byte is 0, where string functions stop. */
_Noreturn void boot_start(u64 hart_id, const void *tree);

_Noreturn void __attribute__((no_stack_protector)) boot_start(u64 hart_id, const void *tree)
{
	struct hart *self = hart_self();

	self->id = hart_id;
	self->index = 0;
	hart_register(self);
	__stack_chk_guard = (hw_time() * 0x9e3779b97f4a7c15ULL) << 8;
	learn(hart_id, tree);
	__stack_chk_guard ^= found.seed << 8;
	bring_up(hart_id);
}

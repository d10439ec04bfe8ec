/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's device tree, read back by libfdt and by dtc; and trees that the bundle brings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <libfdt.h>

#include "hyp/config/guest_fdt.h"
#include "hyp/config/tree_check.h"

#define BASE GUEST_RAM_BASE

/* Every name that isa.c knows, for the longest tree there can be; and some that it does not. */
static const char all_names[] =
	"i\0m\0a\0f\0d\0c\0b\0v\0h\0zic64b\0zicbom\0zicbop\0zicboz\0ziccamoa\0ziccamoc\0"
	"ziccid\0ziccif\0zicclsm\0ziccrse\0zicntr\0zicond\0zicsr\0zifencei\0zihintntl\0"
	"zihintpause\0zihpm\0zimop\0zmmul\0za128rs\0za64rs\0zaamo\0zabha\0zacas\0zalasr\0"
	"zalrsc\0zama16b\0zawrs\0zfa\0zfbfmin\0zfh\0zfhmin\0zca\0zcb\0zcd\0zcmop\0zcmp\0zba\0"
	"zbb\0zbc\0zbkb\0zbkc\0zbkx\0zbs\0zkn\0zknd\0zkne\0zknh\0zkr\0zks\0zksed\0zksh\0zkt\0"
	"ztso\0zvbb\0zvbc\0zve32f\0zve32x\0zve64d\0zve64f\0zve64x\0zvfbfmin\0zvfbfwma\0zvfh\0"
	"zvfhmin\0zvkb\0zvkg\0zvkn\0zvknc\0zvkned\0zvkng\0zvknha\0zvknhb\0zvks\0zvksc\0"
	"zvksed\0zvksg\0zvksh\0zvkt\0zvl1024b\0zvl128b\0zvl256b\0zvl32b\0zvl512b\0zvl64b\0"
	"sha\0ssaia\0ssccptr\0sscounterenw\0sstc\0sstvala\0sstvecd\0ssu64xl\0svadu\0"
	"svinval\0svnapot\0svpbmt\0svrsw60t59b\0svvptc\0";

static struct hw_machine make_host(void)
{
	return (struct hw_machine){
		.timebase_hz = 10000000,
		.features = ~0u,
		.cboz_block_size = 128,
		.cbom_block_size = 32,
		.isa_names = all_names,
		.mmu_type = "riscv,sv57",
	};
}

static struct guest_machine make_machine(unsigned cpu_count)
{
	return (struct guest_machine){
		.ram_base = gpa(BASE),
		.ram_size = GIB(5),
		.cpu_count = cpu_count,
		.bootargs = "console=ttyS0 \"quoted\"",
		.ramdisk = gpa(BASE + MIB(64)),
		.ramdisk_size = 12345,
	};
}

/* In a block of exactly the bound that guest_fdt_size() gives. */
static void *build(const struct hw_machine *host, const struct guest_machine *machine, u64 *length)
{
	u64 size = guest_fdt_size(host, machine->cpu_count, machine->bootargs);
	void *fdt = malloc(size);

	assert_non_null(fdt);
	assert_in_range(size, 1, GUEST_FDT_SIZE_MAX);
	assert_int_equal(guest_fdt_build(host, machine, fdt, size, length), STATUS_OK);
	assert_int_equal(fdt_check_full(fdt, *length), 0);
	assert_int_equal(*length, fdt_totalsize(fdt));
	assert_null(tree_check(fdt, *length));
	return fdt;
}

static const void *get(const void *fdt, const char *path, const char *name, int length)
{
	int found = 0, node = fdt_path_offset(fdt, path);
	const void *value;

	assert_true(node >= 0);
	value = fdt_getprop(fdt, node, name, &found);
	assert_non_null(value);
	if (length >= 0)
		assert_int_equal(found, length);
	return value;
}

static void assert_absent(const void *fdt, const char *path, const char *name)
{
	int node = fdt_path_offset(fdt, path);

	assert_true(node >= 0);
	assert_null(fdt_getprop(fdt, node, name, NULL));
}

static void assert_string(const void *fdt, const char *path, const char *name, const char *expected)
{
	assert_string_equal(get(fdt, path, name, (int)strlen(expected) + 1), expected);
}

static u32 get_u32(const void *fdt, const char *path, const char *name)
{
	return fdt32_ld(get(fdt, path, name, 4));
}

static u64 get_u64(const void *fdt, const char *path, const char *name)
{
	return fdt64_ld(get(fdt, path, name, 8));
}

static void assert_reg(const void *fdt, const char *path, u64 base, u64 size)
{
	const fdt64_t *reg = get(fdt, path, "reg", 16);

	assert_int_equal(fdt64_ld(&reg[0]), base);
	assert_int_equal(fdt64_ld(&reg[1]), size);
}

static void test_the_tree_describes_the_machine(void **state)
{
	struct hw_machine host = make_host();
	struct guest_machine machine = make_machine(3);
	u64 length;
	void *fdt = build(&host, &machine, &length);

	(void)state;
	assert_int_equal(get_u32(fdt, "/", "#address-cells"), 2);
	assert_int_equal(get_u32(fdt, "/", "#size-cells"), 2);
	assert_string(fdt, "/", "model", "Hartwood virtual machine");
	assert_int_equal(fdt_node_check_compatible(fdt, 0, "riscv-virtio"), 0);
	assert_int_equal(fdt_node_check_compatible(fdt, 0, "hartwood,virt"), 0);

	assert_string(fdt, "/chosen", "bootargs", "console=ttyS0 \"quoted\"");
	assert_string(fdt, "/chosen", "stdout-path", "/soc/serial@10000000");
	assert_true(fdt_path_offset(fdt, "/soc/serial@10000000") > 0);
	assert_int_equal(get_u64(fdt, "/chosen", "linux,initrd-start"), BASE + MIB(64));
	assert_int_equal(get_u64(fdt, "/chosen", "linux,initrd-end"), BASE + MIB(64) + 12345);

	assert_string(fdt, "/memory@80000000", "device_type", "memory");
	assert_reg(fdt, "/memory@80000000", BASE, GIB(5));
	assert_int_equal(fdt_num_mem_rsv(fdt), 0);

	assert_int_equal(get_u32(fdt, "/cpus", "timebase-frequency"), 10000000);
	assert_true(fdt_path_offset(fdt, "/cpus/cpu@2") > 0);
	assert_int_equal(fdt_path_offset(fdt, "/cpus/cpu@3"), -FDT_ERR_NOTFOUND);
	free(fdt);
}

static void test_harts_are_described_as_linux_reads_them(void **state)
{
	struct hw_machine host = make_host();
	struct guest_machine machine = make_machine(2);
	u64 length;
	void *fdt = build(&host, &machine, &length);
	const char *isa = get(fdt, "/cpus/cpu@1", "riscv,isa", -1);
	int node = fdt_path_offset(fdt, "/cpus/cpu@1");

	(void)state;
	assert_string(fdt, "/cpus/cpu@1", "device_type", "cpu");
	assert_string(fdt, "/cpus/cpu@1", "status", "okay");
	assert_string(fdt, "/cpus/cpu@1", "compatible", "riscv");
	assert_string(fdt, "/cpus/cpu@1", "riscv,isa-base", "rv64i");
	assert_string(fdt, "/cpus/cpu@1", "mmu-type", "riscv,sv57");
	assert_int_equal(get_u32(fdt, "/cpus/cpu@1", "reg"), 1);
	assert_int_equal(get_u32(fdt, "/cpus/cpu@1", "riscv,cbom-block-size"), 32);
	assert_int_equal(get_u32(fdt, "/cpus/cpu@1", "riscv,cboz-block-size"), 128);
	assert_int_equal(get_u32(fdt, "/cpus/cpu@1", "riscv,cbop-block-size"), 64);
	assert_int_equal(strncmp(isa, "rv64imafdcbv_zic64b_zicbom_", 27), 0);
	assert_null(strstr(isa, "_sha"));
	assert_true(fdt_stringlist_search(fdt, node, "riscv,isa-extensions", "svpbmt") > 0);
	assert_true(fdt_stringlist_search(fdt, node, "riscv,isa-extensions", "h") < 0);
	assert_string(fdt, "/cpus/cpu@1/interrupt-controller", "compatible", "riscv,cpu-intc");
	assert_int_equal(get_u32(fdt, "/cpus/cpu@1/interrupt-controller", "#interrupt-cells"), 1);
	get(fdt, "/cpus/cpu@1/interrupt-controller", "interrupt-controller", 0);
	free(fdt);
}

static void test_block_sizes_come_with_their_extensions_only(void **state)
{
	struct hw_machine host = make_host();
	struct guest_machine machine = make_machine(1);
	u64 length;
	void *fdt;

	(void)state;
	host.isa_names = "i\0zicbop\0";
	host.mmu_type = NULL;
	fdt = build(&host, &machine, &length);
	assert_absent(fdt, "/cpus/cpu@0", "riscv,cbom-block-size");
	assert_absent(fdt, "/cpus/cpu@0", "riscv,cboz-block-size");
	assert_absent(fdt, "/cpus/cpu@0", "riscv,cbop-block-size");
	assert_absent(fdt, "/cpus/cpu@0", "mmu-type");
	assert_string(fdt, "/cpus/cpu@0", "riscv,isa", "rv64i_zicbop");
	free(fdt);
}

static void test_plic_contexts_are_numbered_as_on_qemu_virt(void **state)
{
	struct hw_machine host = make_host();
	struct guest_machine machine = make_machine(32);
	u64 length;
	void *fdt = build(&host, &machine, &length);
	const fdt32_t *contexts = get(fdt, "/soc/plic@c000000", "interrupts-extended", 32 * 4 * 4);

	(void)state;
	for (unsigned hart = 0; hart < 32; hart++) {
		char path[64];
		u32 phandle;

		snprintf(path, sizeof(path), "/cpus/cpu@%x/interrupt-controller", hart);
		phandle = get_u32(fdt, path, "phandle");
		/* Context 2h is M-mode's external interrupt, 2h + 1 is S-mode's. */
		assert_int_equal(fdt32_ld(&contexts[4 * hart]), phandle);
		assert_int_equal(fdt32_ld(&contexts[4 * hart + 1]), 11);
		assert_int_equal(fdt32_ld(&contexts[4 * hart + 2]), phandle);
		assert_int_equal(fdt32_ld(&contexts[4 * hart + 3]), 9);
	}
	assert_int_equal(get_u32(fdt, "/soc/plic@c000000", "riscv,ndev"), 95);
	assert_reg(fdt, "/soc/plic@c000000", 0xc000000, 0x600000);
	assert_int_equal(fdt_node_check_compatible(fdt, fdt_path_offset(fdt, "/soc/plic@c000000"),
						   "sifive,plic-1.0.0"),
			 0);
	assert_int_equal(get_u32(fdt, "/soc", "interrupt-parent"),
			 get_u32(fdt, "/soc/plic@c000000", "phandle"));
	free(fdt);
}

static void test_the_serial_port_is_the_one_of_qemu_virt(void **state)
{
	struct hw_machine host = make_host();
	struct guest_machine machine = make_machine(1);
	u64 length;
	void *fdt = build(&host, &machine, &length);

	(void)state;
	assert_string(fdt, "/soc/serial@10000000", "compatible", "ns16550a");
	assert_reg(fdt, "/soc/serial@10000000", 0x10000000, 0x100);
	assert_int_equal(get_u32(fdt, "/soc/serial@10000000", "clock-frequency"), 3686400);
	assert_int_equal(get_u32(fdt, "/soc/serial@10000000", "interrupts"), 10);
	assert_string(fdt, "/aliases", "serial0", "/soc/serial@10000000");
	free(fdt);
}

static void test_what_the_vm_does_not_have_is_not_there(void **state)
{
	struct hw_machine host = make_host();
	struct guest_machine machine = make_machine(1);
	u64 length;
	void *fdt;

	(void)state;
	machine.bootargs = NULL;
	machine.ramdisk_size = 0;
	fdt = build(&host, &machine, &length);
	assert_absent(fdt, "/chosen", "bootargs");
	assert_absent(fdt, "/chosen", "linux,initrd-start");
	assert_absent(fdt, "/chosen", "linux,initrd-end");
	free(fdt);
}

static int add_device(void *fdt, void *context)
{
	int error = fdt_begin_node(fdt, "thing@10001000");

	if (!error)
		error = fdt_property_u32(fdt, "interrupts", *(u32 *)context);
	if (!error)
		error = fdt_end_node(fdt);
	return error;
}

static int refuse_devices(void *fdt, void *context)
{
	(void)fdt;
	(void)context;
	return -FDT_ERR_NOSPACE;
}

static void test_devices_are_added_to_soc(void **state)
{
	struct hw_machine host = make_host();
	struct guest_machine machine = make_machine(1);
	u32 interrupt = 17;
	u64 length;
	void *fdt;

	(void)state;
	machine.add_devices = add_device;
	machine.context = &interrupt;
	fdt = build(&host, &machine, &length);
	assert_int_equal(get_u32(fdt, "/soc/thing@10001000", "interrupts"), 17);

	machine.add_devices = refuse_devices;
	assert_int_equal(guest_fdt_build(&host, &machine, fdt, length, &length), STATUS_INVALID);
	free(fdt);
}

static void test_the_largest_tree_fits(void **state)
{
	struct hw_machine host = make_host();
	struct guest_machine machine = make_machine(GUEST_FDT_CPU_MAX);
	char *bootargs = malloc(GUEST_FDT_BOOTARGS_MAX + 1);
	u64 length;
	void *fdt;

	(void)state;
	assert_non_null(bootargs);
	memset(bootargs, 'x', GUEST_FDT_BOOTARGS_MAX);
	bootargs[GUEST_FDT_BOOTARGS_MAX - 1] = '\0';
	machine.bootargs = bootargs;
	assert_in_range(guest_fdt_size(&host, GUEST_FDT_CPU_MAX, bootargs), 1,
			GUEST_FDT_SIZE_MAX - 1);
	fdt = build(&host, &machine, &length);
	/* The room for devices is still there. */
	assert_true(length + GUEST_FDT_DEVICES_SIZE <=
		    guest_fdt_size(&host, GUEST_FDT_CPU_MAX, bootargs));
	free(fdt);

	bootargs[GUEST_FDT_BOOTARGS_MAX - 1] = 'x';
	bootargs[GUEST_FDT_BOOTARGS_MAX] = '\0';
	fdt = malloc(GUEST_FDT_SIZE_MAX);
	assert_non_null(fdt);
	assert_int_equal(guest_fdt_build(&host, &machine, fdt, GUEST_FDT_SIZE_MAX, &length),
			 STATUS_INVALID);
	free(fdt);
	free(bootargs);
}

static void test_the_bound_holds_for_every_number_of_harts(void **state)
{
	struct hw_machine host = make_host();
	u64 length;

	(void)state;
	for (unsigned cpus = 1; cpus <= GUEST_FDT_CPU_MAX; cpus++) {
		struct guest_machine machine = make_machine(cpus);
		void *fdt = build(&host, &machine, &length);

		assert_true(length + GUEST_FDT_DEVICES_SIZE <=
			    guest_fdt_size(&host, cpus, machine.bootargs));
		free(fdt);
	}
	host.isa_names = "i\0";
	for (unsigned cpus = 1; cpus <= GUEST_FDT_CPU_MAX; cpus++) {
		struct guest_machine machine = make_machine(cpus);

		machine.bootargs = NULL;
		free(build(&host, &machine, &length));
	}
}

static void test_a_buffer_of_any_smaller_size_is_refused(void **state)
{
	struct hw_machine host = make_host();
	struct guest_machine machine = make_machine(2);
	u64 length, unused;
	void *fdt = build(&host, &machine, &length);

	(void)state;
	for (u64 size = 0; size < length; size++) {
		void *small = malloc(size ? size : 1);

		assert_non_null(small);
		assert_int_equal(guest_fdt_build(&host, &machine, small, size, &unused),
				 STATUS_INVALID);
		free(small);
	}
	free(fdt);
}

static void test_machines_outside_of_the_limits_are_refused(void **state)
{
	struct hw_machine host = make_host();
	struct guest_machine machine = make_machine(0);
	void *fdt = malloc(GUEST_FDT_SIZE_MAX);
	u64 length;

	(void)state;
	assert_non_null(fdt);
	assert_int_equal(guest_fdt_build(&host, &machine, fdt, GUEST_FDT_SIZE_MAX, &length),
			 STATUS_INVALID);
	machine = make_machine(GUEST_FDT_CPU_MAX + 1);
	assert_int_equal(guest_fdt_build(&host, &machine, fdt, GUEST_FDT_SIZE_MAX, &length),
			 STATUS_INVALID);
	machine = make_machine(1);
	host.timebase_hz = 1ULL << 32;
	assert_int_equal(guest_fdt_build(&host, &machine, fdt, GUEST_FDT_SIZE_MAX, &length),
			 STATUS_INVALID);
	free(fdt);
}

/* dtc checks what libfdt does not: cells, unit addresses, phandles, interrupt specifiers. */
static void test_dtc_has_nothing_to_complain_about(void **state)
{
	struct hw_machine host = make_host();
	struct guest_machine machine = make_machine(17);
	char path[] = "/tmp/guest-fdt-XXXXXX", command[128], line[256];
	u64 length;
	void *fdt = build(&host, &machine, &length);
	int file = mkstemp(path), complaints = 0;
	FILE *dtc;

	(void)state;
	assert_true(file >= 0);
	assert_int_equal(write(file, fdt, length), length);
	close(file);
	snprintf(command, sizeof(command), "dtc -I dtb -O dts -o /dev/null %s 2>&1", path);
	dtc = popen(command, "r");
	assert_non_null(dtc);
	while (fgets(line, sizeof(line), dtc)) {
		print_message("%s", line);
		complaints++;
	}
	assert_int_equal(pclose(dtc), 0);
	assert_int_equal(complaints, 0);
	unlink(path);
	free(fdt);
}

/* ------------------------------------------------------------------------------------------------
 * Trees of the bundle's own.
 */

struct own_tree {
	void *block;
	u64 size;
};

static struct own_tree make_own_tree(bool with_chosen)
{
	struct own_tree tree = {.block = malloc(4096)};
	void *fdt = tree.block;

	assert_non_null(fdt);
	assert_int_equal(fdt_create(fdt, 4096), 0);
	assert_int_equal(fdt_add_reservemap_entry(fdt, BASE, 0x1000), 0);
	assert_int_equal(fdt_finish_reservemap(fdt), 0);
	assert_int_equal(fdt_begin_node(fdt, ""), 0);
	assert_int_equal(fdt_property_string(fdt, "model", "my own"), 0);
	if (with_chosen) {
		assert_int_equal(fdt_begin_node(fdt, "chosen"), 0);
		assert_int_equal(fdt_property_string(fdt, "bootargs", "old"), 0);
		assert_int_equal(fdt_property_string(fdt, "stdout-path", "/x"), 0);
		assert_int_equal(fdt_end_node(fdt), 0);
	}
	assert_int_equal(fdt_begin_node(fdt, "x"), 0);
	assert_int_equal(fdt_end_node(fdt), 0);
	assert_int_equal(fdt_end_node(fdt), 0);
	assert_int_equal(fdt_finish(fdt), 0);
	tree.size = fdt_totalsize(fdt);
	return tree;
}

static void test_an_own_tree_gets_bootargs_and_ramdisk_only(void **state)
{
	struct guest_machine machine = make_machine(1);

	(void)state;
	for (int with_chosen = 0; with_chosen < 2; with_chosen++) {
		struct own_tree tree = make_own_tree(with_chosen);
		u64 size = tree.size + guest_fdt_adopt_room(machine.bootargs), length;
		void *fdt = malloc(size);

		assert_non_null(fdt);
		/* In the bundle it is aligned to 4 only. */
		memmove((u8 *)tree.block + 4, tree.block, tree.size);
		assert_int_equal(guest_fdt_adopt((u8 *)tree.block + 4, tree.size, &machine, fdt,
						 size, &length),
				 STATUS_OK);
		assert_int_equal(length, fdt_totalsize(fdt));
		assert_int_equal(fdt_check_full(fdt, length), 0);
		assert_string(fdt, "/", "model", "my own");
		assert_string(fdt, "/chosen", "bootargs", machine.bootargs);
		assert_int_equal(get_u64(fdt, "/chosen", "linux,initrd-start"), BASE + MIB(64));
		assert_int_equal(get_u64(fdt, "/chosen", "linux,initrd-end"),
				 BASE + MIB(64) + 12345);
		if (with_chosen)
			assert_string(fdt, "/chosen", "stdout-path", "/x");
		assert_int_equal(fdt_num_mem_rsv(fdt), 1);
		assert_int_equal(fdt_path_offset(fdt, "/memory@80000000"), -FDT_ERR_NOTFOUND);
		free(fdt);
		free(tree.block);
	}
}

static void test_an_own_tree_keeps_its_chosen_when_the_vm_has_nothing_for_it(void **state)
{
	struct own_tree tree = make_own_tree(true);
	struct guest_machine machine = make_machine(1);
	u64 size = KIB(16), length;
	void *fdt = malloc(size);

	(void)state;
	assert_non_null(fdt);
	machine.bootargs = NULL;
	machine.ramdisk_size = 0;
	assert_int_equal(guest_fdt_adopt(tree.block, tree.size, &machine, fdt, size, &length),
			 STATUS_OK);
	assert_string(fdt, "/chosen", "bootargs", "old");
	/* The rest of the buffer is not part of it. */
	assert_in_range(length, 1, tree.size);
	assert_absent(fdt, "/chosen", "linux,initrd-start");
	free(fdt);
	free(tree.block);
}

static void test_a_truncated_own_tree_is_refused_at_every_length(void **state)
{
	struct own_tree tree = make_own_tree(true);
	struct guest_machine machine = make_machine(1);

	(void)state;
	for (u64 cut = 0; cut < tree.size; cut++) {
		u64 size = tree.size + guest_fdt_adopt_room(machine.bootargs), length;
		u8 *copy = malloc(cut ? cut : 1);
		void *fdt = malloc(size);

		assert_non_null(copy);
		assert_non_null(fdt);
		memcpy(copy, tree.block, cut);
		assert_int_equal(guest_fdt_adopt(copy, cut, &machine, fdt, size, &length),
				 STATUS_INVALID);
		free(fdt);
		free(copy);
	}
	free(tree.block);
}

static void test_a_buffer_too_small_for_an_own_tree_is_refused(void **state)
{
	struct own_tree tree = make_own_tree(false);
	struct guest_machine machine = make_machine(1);

	(void)state;
	for (u64 size = 1; size < tree.size + 64; size++) {
		void *fdt = malloc(size);
		u64 length;

		assert_non_null(fdt);
		assert_int_equal(
			guest_fdt_adopt(tree.block, tree.size, &machine, fdt, size, &length),
			STATUS_INVALID);
		free(fdt);
	}
	free(tree.block);
}

static void test_a_damaged_own_tree_gives_a_valid_one_or_none(void **state)
{
	struct own_tree tree = make_own_tree(true);
	struct guest_machine machine = make_machine(1);
	u64 size = tree.size + guest_fdt_adopt_room(machine.bootargs), length;
	unsigned good = 0;

	(void)state;
	srand(7);
	for (unsigned round = 0; round < 10000; round++) {
		u8 *copy = malloc(tree.size);
		void *fdt = malloc(size);

		assert_non_null(copy);
		assert_non_null(fdt);
		memcpy(copy, tree.block, tree.size);
		for (int i = rand() % 4; i >= 0; i--)
			copy[(u64)rand() % tree.size] ^= (u8)(1 << rand() % 8);
		if (guest_fdt_adopt(copy, tree.size, &machine, fdt, size, &length) == STATUS_OK) {
			assert_in_range(length, 1, size);
			assert_int_equal(fdt_check_full(fdt, length), 0);
			assert_string(fdt, "/chosen", "bootargs", machine.bootargs);
			good++;
		}
		free(fdt);
		free(copy);
	}
	assert_in_range(good, 100, 9900);
	free(tree.block);
}

/* ------------------------------------------------------------------------------------------------
 * Blobs made to cost time.
 */

/* A header for a structure block of that many words, all set to one value, and strings. */
static u8 *make_costly(u64 words, u32 word, u64 strings_size, u64 *size)
{
	u64 struct_size = words * 4;
	u8 *blob;

	*size = 56 + struct_size + strings_size;
	blob = malloc(*size);
	assert_non_null(blob);
	memset(blob, 0, 56);
	fdt_set_magic(blob, FDT_MAGIC);
	fdt_set_totalsize(blob, (u32)*size);
	fdt_set_off_mem_rsvmap(blob, 40);
	fdt_set_off_dt_struct(blob, 56);
	fdt_set_size_dt_struct(blob, (u32)struct_size);
	fdt_set_off_dt_strings(blob, (u32)(56 + struct_size));
	fdt_set_size_dt_strings(blob, (u32)strings_size);
	fdt_set_version(blob, 17);
	fdt_set_last_comp_version(blob, 16);
	for (u64 i = 0; i < words; i++)
		fdt32_st(blob + 56 + 4 * i, word);
	memset(blob + 56 + struct_size, 'x', strings_size);
	return blob;
}

/* Seconds of this thread; the work allowed takes milliseconds, the work asked for hours. */
static void refuse_quickly(u8 *blob, u64 size, const char *expected)
{
	clock_t start = clock();
	const char *problem = tree_check(blob, size);

	assert_non_null(problem);
	assert_string_equal(problem, expected);
	assert_true(clock() - start < 3 * CLOCKS_PER_SEC);
	free(blob);
}

static void test_trees_that_would_take_forever_are_refused_at_once(void **state)
{
	static const u32 property[3] = {FDT_PROP, 0, 0};
	u64 size;
	u8 *blob = make_costly(MIB(4), FDT_NOP, 8, &size);

	(void)state;
	refuse_quickly(blob, size, "has too many nodes or properties");

	blob = make_costly(MIB(1), FDT_BEGIN_NODE, 8, &size);
	for (u64 i = 1; i < MIB(1); i += 2)
		fdt32_st(blob + 56 + 4 * i, 0);
	refuse_quickly(blob, size, "is nested too deeply");

	/* A name of 64 MiB. */
	blob = make_costly(MIB(16), FDT_BEGIN_NODE, 8, &size);
	memset(blob + 60, 'n', MIB(64) - 4);
	refuse_quickly(blob, size, "is broken: a node's name has no end");

	/* Reservations for all of it, up to the last byte. */
	blob = make_costly(MIB(16), 0x01010101, 8, &size);
	fdt_set_off_mem_rsvmap(blob, 64);
	refuse_quickly(blob, size, "has too many memory reservations");

	/* Each property makes libfdt look for the end of a name through 16 MiB. */
	blob = make_costly(MIB(1), 0, MIB(16), &size);
	fdt32_st(blob + 56, FDT_BEGIN_NODE);
	for (u64 i = 0; i + 5 < MIB(1); i++)
		fdt32_st(blob + 64 + 4 * i, property[i % 3]);
	refuse_quickly(blob, size, "is broken: a property's name has no end");
}

static void test_blobs_that_are_no_trees_are_told_why(void **state)
{
	struct own_tree tree = make_own_tree(true);
	u8 *fdt = tree.block;

	(void)state;
	assert_null(tree_check(fdt, tree.size));
	assert_null(tree_check(fdt, UINT64_MAX));
	assert_string_equal(tree_check(fdt, 39), "is too short to be a device tree");
	assert_string_equal(tree_check(fdt, tree.size - 1),
			    "is truncated: its header promises more bytes than there are");
	assert_string_equal(tree_check(fdt + 4, tree.size - 4),
			    "does not start at a multiple of 8");

	fdt_set_magic(fdt, 0x27051956);
	assert_string_equal(tree_check(fdt, tree.size), "is not a flattened device tree");
	fdt_set_magic(fdt, FDT_MAGIC);
	fdt_set_version(fdt, 16);
	assert_string_equal(tree_check(fdt, tree.size), "has a format version before 17");
	free(tree.block);
}

/* A hart may trap on misaligned loads, and libfdt reads these blocks by words. */
static void test_blocks_off_their_alignment_are_refused(void **state)
{
	struct own_tree tree = make_own_tree(true);
	u8 *moved = calloc(1, 4096 + 8);
	u32 start = fdt_off_dt_struct(tree.block), size = fdt_size_dt_struct(tree.block);

	(void)state;
	assert_non_null(moved);
	for (u32 shift = 1; shift <= 8; shift++) {
		memcpy(moved, tree.block, start);
		memcpy(moved + start + shift, (u8 *)tree.block + start, tree.size - start);
		fdt_set_off_dt_struct(moved, start + shift);
		fdt_set_off_dt_strings(moved, start + size + shift);
		fdt_set_totalsize(moved, (u32)tree.size + shift);
		if (shift % 4 == 0)
			assert_null(tree_check(moved, tree.size + shift));
		else
			assert_string_equal(tree_check(moved, tree.size + shift),
					    "is broken: misaligned blocks");
	}
	memcpy(moved, tree.block, tree.size);
	memset(moved + tree.size, 0, 64);
	fdt_set_totalsize(moved, (u32)tree.size + 64);
	for (u32 shift = 0; shift < 16; shift++) {
		u32 map = (u32)(tree.size + 15) / 16 * 16 + shift;

		fdt_set_off_mem_rsvmap(moved, map);
		if (shift % 8 == 0)
			assert_null(tree_check(moved, tree.size + 64));
		else
			assert_string_equal(tree_check(moved, tree.size + 64),
					    "is broken: misaligned blocks");
	}
	free(moved);
	free(tree.block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_tree_describes_the_machine),
		cmocka_unit_test(test_harts_are_described_as_linux_reads_them),
		cmocka_unit_test(test_block_sizes_come_with_their_extensions_only),
		cmocka_unit_test(test_plic_contexts_are_numbered_as_on_qemu_virt),
		cmocka_unit_test(test_the_serial_port_is_the_one_of_qemu_virt),
		cmocka_unit_test(test_what_the_vm_does_not_have_is_not_there),
		cmocka_unit_test(test_devices_are_added_to_soc),
		cmocka_unit_test(test_the_largest_tree_fits),
		cmocka_unit_test(test_the_bound_holds_for_every_number_of_harts),
		cmocka_unit_test(test_a_buffer_of_any_smaller_size_is_refused),
		cmocka_unit_test(test_machines_outside_of_the_limits_are_refused),
		cmocka_unit_test(test_dtc_has_nothing_to_complain_about),
		cmocka_unit_test(test_an_own_tree_gets_bootargs_and_ramdisk_only),
		cmocka_unit_test(test_an_own_tree_keeps_its_chosen_when_the_vm_has_nothing_for_it),
		cmocka_unit_test(test_a_truncated_own_tree_is_refused_at_every_length),
		cmocka_unit_test(test_a_buffer_too_small_for_an_own_tree_is_refused),
		cmocka_unit_test(test_a_damaged_own_tree_gives_a_valid_one_or_none),
		cmocka_unit_test(test_trees_that_would_take_forever_are_refused_at_once),
		cmocka_unit_test(test_blobs_that_are_no_trees_are_told_why),
		cmocka_unit_test(test_blocks_off_their_alignment_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

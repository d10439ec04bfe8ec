/* SPDX-License-Identifier: BSD-2-Clause */
/* Where images go, what images are refused, and that loading copies them there in small steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hyp/config/image.h"
#include "tests/fake/fake_hw.h"

#define BASE 0x80000000ULL

/* ------------------------------------------------------------------------------------------------
 * Images made here. Each lies in a block of exactly its size, at an odd address.
 */

struct file {
	u8 *block;
	struct image_file image;
};

static struct file make_file(u64 size)
{
	struct file file = {.block = malloc(size + 1)};

	assert_non_null(file.block);
	for (u64 i = 0; i < size + 1; i++)
		file.block[i] = (u8)(i * 7 + (i >> 8));
	file.image.data = file.block + 1;
	file.image.size = size;
	return file;
}

static u8 *bytes_of(const struct file *file)
{
	return file->block + 1;
}

static void put_le(u8 *to, u64 value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		to[i] = (u8)(value >> (8 * i));
}

static struct file make_linux(u64 size, u64 text_offset, u64 image_size)
{
	struct file file = make_file(size);
	u8 *header = bytes_of(&file);

	memset(header, 0, 64);
	put_le(header + 8, text_offset, 8);
	put_le(header + 16, image_size, 8);
	put_le(header + 32, 2, 4); /* version 0.2 */
	memcpy(header + 48, "RISCV\0\0\0", 8);
	memcpy(header + 56, "RSC\x05", 4);
	return file;
}

struct segment {
	u32 type;
	u64 offset, vaddr, paddr, filesz, memsz;
};

#define PT_LOAD 1

static struct file make_elf(u64 size, u64 entry, const struct segment *segments, unsigned count)
{
	struct file file = make_file(size);
	u8 *header = bytes_of(&file);

	memset(header, 0, 64);
	memcpy(header, "\177ELF\2\1\1", 7);
	put_le(header + 16, 2, 2);   /* ET_EXEC */
	put_le(header + 18, 243, 2); /* EM_RISCV */
	put_le(header + 20, 1, 4);
	put_le(header + 24, entry, 8);
	put_le(header + 32, 64, 8); /* e_phoff */
	put_le(header + 52, 64, 2);
	put_le(header + 54, 56, 2);
	put_le(header + 56, count, 2);
	for (unsigned i = 0; i < count; i++) {
		u8 *phdr = header + 64 + 56 * i;

		put_le(phdr, segments[i].type, 4);
		put_le(phdr + 4, 5, 4);
		put_le(phdr + 8, segments[i].offset, 8);
		put_le(phdr + 16, segments[i].vaddr, 8);
		put_le(phdr + 24, segments[i].paddr, 8);
		put_le(phdr + 32, segments[i].filesz, 8);
		put_le(phdr + 40, segments[i].memsz, 8);
		put_le(phdr + 48, 4096, 8);
	}
	return file;
}

/* Two segments with a hole, the second with bss, linked high and loaded low. */
static struct file make_good_elf(void)
{
	static const struct segment segments[] = {
		{4, 0, 0, 0, 0, 0}, /* PT_NOTE */
		{PT_LOAD, 0x1000, 0xffffffff80000000, BASE, 0x800, 0x800},
		{PT_LOAD, 0x1800, 0xffffffff80004000, BASE + 0x4000, 0x123, 0x9000},
		{PT_LOAD, 0, 0, 0, 0, 0}, /* empty: nothing to it */
	};

	return make_elf(0x2000, 0xffffffff80000040, segments, ARRAY_SIZE(segments));
}

static struct image_request request_of(const struct file *kernel, u64 ram_size)
{
	return (struct image_request){
		.ram_base = gpa(BASE),
		.ram_size = ram_size,
		.kernel = kernel->image,
		.fdt_size = KIB(16),
	};
}

/* ------------------------------------------------------------------------------------------------
 * What must hold of every plan.
 */

static bool overlap(u64 a, u64 a_size, u64 b, u64 b_size)
{
	return a < b + b_size && b < a + a_size;
}

static void assert_plan_is_sound(const struct image_request *request, const struct image_plan *plan)
{
	const u8 *kernel = request->kernel.data, *ramdisk = request->ramdisk.data;

	assert_in_range(plan->piece_count, 1, IMAGE_PIECE_MAX);
	assert_true(range_contains(BASE, request->ram_size, plan->fdt.value, plan->fdt_size));
	assert_int_equal(plan->fdt_size, request->fdt_size);
	assert_int_equal(plan->fdt.value % 8, 0);
	assert_true(range_contains(BASE, request->ram_size, plan->entry.value, 2));
	assert_int_equal(plan->entry.value % 2, 0);
	for (unsigned i = 0; i < plan->piece_count; i++) {
		const struct image_piece *piece = &plan->pieces[i];

		assert_true(piece->size > 0);
		assert_true(range_contains(BASE, request->ram_size, piece->to.value, piece->size));
		assert_true(range_contains((uintptr_t)kernel, request->kernel.size,
					   (uintptr_t)piece->from, piece->size) ||
			    range_contains((uintptr_t)ramdisk, request->ramdisk.size,
					   (uintptr_t)piece->from, piece->size));
		assert_false(
			overlap(piece->to.value, piece->size, plan->fdt.value, plan->fdt_size));
		for (unsigned j = 0; j < i; j++)
			assert_false(overlap(piece->to.value, piece->size, plan->pieces[j].to.value,
					     plan->pieces[j].size));
	}
	if (request->ramdisk.size) {
		assert_int_equal(plan->ramdisk.value % PAGE_SIZE, 0);
		assert_int_equal(plan->ramdisk_size, request->ramdisk.size);
		assert_int_equal(plan->pieces[plan->piece_count - 1].to.value, plan->ramdisk.value);
	}
}

static struct image_plan plan_well(const struct image_request *request)
{
	struct image_problem problem;
	struct image_plan plan;

	assert_int_equal(image_plan(request, &plan, &problem), STATUS_OK);
	assert_null(problem.text);
	assert_plan_is_sound(request, &plan);
	return plan;
}

static struct image_problem plan_badly(const struct image_request *request, enum image_part part,
				       const char *text)
{
	struct image_problem problem;
	struct image_plan plan;

	assert_int_equal(image_plan(request, &plan, &problem), STATUS_INVALID);
	assert_string_equal(problem.text, text);
	assert_int_equal(problem.part, part);
	return problem;
}

/* ------------------------------------------------------------------------------------------------
 * Linux.
 */

static void test_linux_goes_to_its_text_offset(void **state)
{
	struct file kernel = make_linux(MIB(3) + 5, MIB(2), MIB(4) + 4096);
	struct image_request request = request_of(&kernel, MIB(256));
	struct image_plan plan = plan_well(&request);

	(void)state;
	assert_int_equal(plan.format, IMAGE_LINUX);
	assert_int_equal(plan.entry.value, BASE + MIB(2));
	assert_int_equal(plan.kernel_end, BASE + MIB(6) + 4096);
	assert_int_equal(plan.piece_count, 1);
	assert_int_equal(plan.pieces[0].size, MIB(3) + 5);
	/* The highest 2 MiB boundary with room behind it. */
	assert_int_equal(plan.fdt.value, BASE + MIB(254));
	free(kernel.block);
}

static void test_ramdisk_ends_in_the_middle_and_the_tree_at_the_end(void **state)
{
	struct file kernel = make_linux(4096, MIB(2), MIB(30)), ramdisk = make_file(MIB(2) + 1);
	struct image_request request = request_of(&kernel, MIB(256));
	struct image_plan plan;

	(void)state;
	request.ramdisk = ramdisk.image;
	plan = plan_well(&request);
	assert_int_equal(plan.ramdisk.value, BASE + MIB(126) - 4096);
	assert_int_equal(plan.fdt.value, BASE + MIB(254));

	/* Neither leaves the first GiB of a large VM. */
	request.ram_size = GIB(64);
	plan = plan_well(&request);
	assert_int_equal(plan.fdt.value, BASE + GIB(1) - MIB(2));
	assert_in_range(plan.ramdisk.value, BASE + MIB(512), BASE + GIB(1) - MIB(4));
	free(kernel.block);
	free(ramdisk.block);
}

static void test_nothing_is_placed_into_the_bss_of_linux_or_below_it(void **state)
{
	struct file kernel = make_linux(4096, MIB(2), MIB(12)), ramdisk = make_file(MIB(1));
	struct image_request request = request_of(&kernel, MIB(16));

	(void)state;
	request.ramdisk = ramdisk.image;
	/* Fits behind the bss only when tree and ramdisk share the last 2 MiB. */
	assert_true(plan_well(&request).ramdisk.value >= BASE + MIB(14));
	/* There is room below the kernel, but none behind it. */
	request.ram_size = MIB(14) + KIB(16);
	plan_badly(&request, IMAGE_PART_RAMDISK, "does not fit: the VM's memory is too small");
	request.ram_size = MIB(14);
	plan_badly(&request, IMAGE_PART_FDT, "does not fit: the VM's memory is too small");
	free(kernel.block);
	free(ramdisk.block);
}

static void test_image_size_that_lies_is_no_danger(void **state)
{
	static const u64 too_large[] = {GIB(1), BIT(63), UINT64_MAX, UINT64_MAX - MIB(2)};
	struct file kernel = make_linux(MIB(1), MIB(2), 0);
	struct image_request request = request_of(&kernel, MIB(64));

	(void)state;
	assert_int_equal(plan_well(&request).kernel_end, BASE + MIB(3));
	put_le(bytes_of(&kernel) + 16, 4096, 8);
	assert_int_equal(plan_well(&request).kernel_end, BASE + MIB(3));
	for (unsigned i = 0; i < ARRAY_SIZE(too_large); i++) {
		put_le(bytes_of(&kernel) + 16, too_large[i], 8);
		plan_badly(&request, IMAGE_PART_KERNEL, "reaches outside of the VM's memory");
	}
	free(kernel.block);
}

static void test_text_offset_that_lies_is_refused(void **state)
{
	static const u64 beyond[] = {MIB(64), BIT(63), UINT64_MAX, UINT64_MAX - BASE + 1};
	struct file kernel = make_linux(4096, 0, 4096);
	struct image_request request = request_of(&kernel, MIB(64));

	(void)state;
	assert_int_equal(plan_well(&request).entry.value, BASE);
	for (unsigned i = 0; i < ARRAY_SIZE(beyond); i++) {
		put_le(bytes_of(&kernel) + 8, beyond[i], 8);
		plan_badly(&request, IMAGE_PART_KERNEL, "has a text_offset beyond the VM's memory");
	}
	put_le(bytes_of(&kernel) + 8, MIB(1), 8);
	plan_badly(&request, IMAGE_PART_KERNEL,
		   "is a Linux Image and would not start at a multiple of 2 MiB");
	free(kernel.block);
}

static void test_big_endian_linux_is_refused(void **state)
{
	struct file kernel = make_linux(4096, MIB(2), 4096);
	struct image_request request = request_of(&kernel, MIB(64));

	(void)state;
	put_le(bytes_of(&kernel) + 24, 1, 8);
	plan_badly(&request, IMAGE_PART_KERNEL, "is a big-endian kernel");
	free(kernel.block);
}

static void test_a_header_that_is_cut_off_is_no_linux(void **state)
{
	struct file kernel = make_linux(64, MIB(2), 4096);

	(void)state;
	assert_int_equal(image_recognise(kernel.image.data, 64), IMAGE_LINUX);
	for (u64 size = 0; size < 64; size++) {
		struct file cut = make_file(size);

		memcpy(bytes_of(&cut), bytes_of(&kernel), size);
		assert_int_equal(image_recognise(cut.image.data, size), IMAGE_RAW);
		free(cut.block);
	}
	free(kernel.block);
}

/* ------------------------------------------------------------------------------------------------
 * Raw.
 */

static void test_raw_goes_behind_the_first_2_mib(void **state)
{
	struct file kernel = make_file(12345);
	struct image_request request = request_of(&kernel, MIB(64));
	struct image_plan plan = plan_well(&request);

	(void)state;
	assert_int_equal(plan.format, IMAGE_RAW);
	assert_int_equal(plan.pieces[0].to.value, BASE + MIB(2));
	assert_int_equal(plan.entry.value, BASE + MIB(2));
	free(kernel.block);
}

static void test_load_and_entry_of_the_bundle_count(void **state)
{
	struct file kernel = make_file(12345);
	struct image_request request = request_of(&kernel, MIB(64));
	struct image_plan plan;

	(void)state;
	request.kernel.load_given = true;
	request.kernel.load = gpa(BASE + 0x1000);
	plan = plan_well(&request);
	assert_int_equal(plan.pieces[0].to.value, BASE + 0x1000);
	assert_int_equal(plan.entry.value, BASE + 0x1000);

	request.kernel.entry_given = true;
	request.kernel.entry = gpa(BASE + 0x1000 + 12344);
	assert_int_equal(plan_well(&request).entry.value, BASE + 0x1000 + 12344);
	free(kernel.block);
}

static void test_an_entry_point_must_be_in_the_kernel(void **state)
{
	static const u64 bad[] = {0,
				  BASE,
				  BASE + MIB(2) - 2,
				  BASE + MIB(2) + 0x1001,
				  BASE + MIB(2) + 0x2000,
				  UINT64_MAX,
				  UINT64_MAX - 1};
	struct file kernel = make_file(0x2000);
	struct image_request request = request_of(&kernel, MIB(64));

	(void)state;
	request.kernel.entry_given = true;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		request.kernel.entry = gpa(bad[i]);
		assert_int_equal(plan_badly(&request, IMAGE_PART_KERNEL,
					    "has an entry point outside of itself")
					 .address,
				 bad[i]);
	}
	free(kernel.block);
}

static void test_load_addresses_outside_of_ram_are_refused(void **state)
{
	static const u64 bad[] = {0,	   BASE - 4096,	     BASE + MIB(64) - 4096, BASE + MIB(64),
				  BIT(63), UINT64_MAX - 4095};
	struct file kernel = make_file(4097), ramdisk = make_file(4097);
	struct image_request request;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		request = request_of(&kernel, MIB(64));
		request.kernel.load_given = true;
		request.kernel.load = gpa(bad[i]);
		plan_badly(&request, IMAGE_PART_KERNEL, "reaches outside of the VM's memory");

		request = request_of(&kernel, MIB(64));
		request.ramdisk = ramdisk.image;
		request.ramdisk.load_given = true;
		request.ramdisk.load = gpa(bad[i]);
		plan_badly(&request, IMAGE_PART_RAMDISK, "reaches outside of the VM's memory");

		request = request_of(&kernel, MIB(64));
		request.fdt_load_given = true;
		request.fdt_load = gpa(bad[i]);
		plan_badly(&request, IMAGE_PART_FDT, "reaches outside of the VM's memory");
	}
	free(kernel.block);
	free(ramdisk.block);
}

static void test_misaligned_load_addresses_are_refused(void **state)
{
	struct file kernel = make_file(4097), linux_kernel = make_linux(4096, MIB(2), 4096);
	struct image_request request = request_of(&kernel, MIB(64));

	(void)state;
	request.kernel.load_given = true;
	request.kernel.load = gpa(BASE + 2);
	plan_badly(&request, IMAGE_PART_KERNEL, "would not start at a multiple of 4");

	request = request_of(&linux_kernel, MIB(64));
	request.kernel.load_given = true;
	request.kernel.load = gpa(BASE + MIB(1));
	plan_badly(&request, IMAGE_PART_KERNEL,
		   "is a Linux Image and would not start at a multiple of 2 MiB");

	request = request_of(&kernel, MIB(64));
	request.ramdisk = linux_kernel.image;
	request.ramdisk.load_given = true;
	request.ramdisk.load = gpa(BASE + MIB(8) + 8);
	plan_badly(&request, IMAGE_PART_RAMDISK, "would not start at a page");

	request = request_of(&kernel, MIB(64));
	request.fdt_load_given = true;
	request.fdt_load = gpa(BASE + MIB(8) + 4);
	plan_badly(&request, IMAGE_PART_FDT, "would not start at a multiple of 8");
	free(kernel.block);
	free(linux_kernel.block);
}

static void test_images_that_overlap_are_refused(void **state)
{
	struct file kernel = make_file(0x3000), ramdisk = make_file(0x2000);
	struct image_request request = request_of(&kernel, MIB(64));
	struct image_plan plan;

	(void)state;
	request.ramdisk = ramdisk.image;
	request.ramdisk.load_given = true;
	request.ramdisk.load = gpa(BASE + MIB(2) + 0x2000);
	assert_int_equal(
		plan_badly(&request, IMAGE_PART_RAMDISK, "overlaps another image or segment")
			.address,
		BASE + MIB(2) + 0x2000);

	request.fdt_load_given = true;
	request.fdt_load = gpa(BASE + MIB(2) + 0x4ff8);
	request.ramdisk.load = gpa(BASE + MIB(2) + 0x3000);
	plan_badly(&request, IMAGE_PART_FDT, "overlaps another image or segment");

	/* Side by side is well. */
	request.fdt_load = gpa(BASE + MIB(2) + 0x5000);
	plan = plan_well(&request);
	assert_int_equal(plan.fdt.value, BASE + MIB(2) + 0x5000);
	assert_int_equal(plan.ramdisk.value, BASE + MIB(2) + 0x3000);
	free(kernel.block);
	free(ramdisk.block);
}

static void test_placed_images_keep_clear_of_fixed_ones(void **state)
{
	struct file kernel = make_file(0x3000), ramdisk = make_file(MIB(4));
	struct image_request request = request_of(&kernel, MIB(64));
	struct image_plan plan;

	(void)state;
	request.ramdisk = ramdisk.image;
	request.ramdisk.load_given = true;
	request.ramdisk.load = gpa(BASE + MIB(60));
	plan = plan_well(&request);
	assert_int_equal(plan.fdt.value, BASE + MIB(58));
	free(kernel.block);
	free(ramdisk.block);
}

static void test_compressed_kernels_are_told_apart_from_code(void **state)
{
	struct file kernel = make_file(64);
	struct image_request request = request_of(&kernel, MIB(64));

	(void)state;
	memcpy(bytes_of(&kernel), "\x1f\x8b", 2);
	plan_badly(&request, IMAGE_PART_KERNEL, "is compressed with gzip, unpack it first");
	memcpy(bytes_of(&kernel), "MZ\0\0zimg", 8);
	plan_badly(&request, IMAGE_PART_KERNEL, "is an EFI zboot image, unpack it first");
	free(kernel.block);
}

static void test_a_kernel_larger_than_ram_is_refused(void **state)
{
	struct file kernel = make_file(MIB(3)), none = make_file(0);
	struct image_request request = request_of(&kernel, MIB(4));

	(void)state;
	plan_badly(&request, IMAGE_PART_KERNEL, "reaches outside of the VM's memory");
	/* The tree goes below a kernel that ends with RAM. */
	request.ram_size = MIB(5);
	assert_int_equal(plan_well(&request).fdt.value, BASE);
	request = request_of(&none, MIB(4));
	plan_badly(&request, IMAGE_PART_KERNEL, "is empty");
	free(kernel.block);
	free(none.block);
}

static void test_ram_may_start_at_any_page(void **state)
{
	struct file kernel = make_file(4096);
	struct image_request request = request_of(&kernel, MIB(1));
	struct image_problem problem;
	struct image_plan plan;

	(void)state;
	/* The 2 MiB boundary below is not ours. */
	request.ram_base = gpa(BASE + MIB(1));
	request.kernel.load_given = true;
	request.kernel.load = request.ram_base;
	assert_int_equal(image_plan(&request, &plan, &problem), STATUS_OK);
	assert_int_equal(plan.fdt.value, BASE + MIB(2) - KIB(16));
	free(kernel.block);
}

static void test_requests_that_make_no_sense_are_refused(void **state)
{
	struct file kernel = make_file(4096);
	struct image_request request = request_of(&kernel, MIB(64));

	(void)state;
	request.ram_size = UINT64_MAX - BASE + 1;
	plan_badly(&request, IMAGE_PART_KERNEL, "has memory beyond the address space");
	request = request_of(&kernel, MIB(64));
	request.fdt_size = 0;
	plan_badly(&request, IMAGE_PART_FDT, "is empty or larger than 2 MiB");
	request.fdt_size = MIB(2) + 1;
	plan_badly(&request, IMAGE_PART_FDT, "is empty or larger than 2 MiB");
	free(kernel.block);
}

/* ------------------------------------------------------------------------------------------------
 * ELF.
 */

static void test_elf_segments_go_to_their_physical_addresses(void **state)
{
	struct file kernel = make_good_elf();
	struct image_request request = request_of(&kernel, MIB(1));
	struct image_plan plan = plan_well(&request);

	(void)state;
	assert_int_equal(plan.format, IMAGE_ELF);
	assert_int_equal(plan.piece_count, 2);
	assert_int_equal(plan.pieces[0].to.value, BASE);
	assert_int_equal(plan.pieces[0].size, 0x800);
	assert_ptr_equal(plan.pieces[0].from, kernel.image.data + 0x1000);
	assert_int_equal(plan.pieces[1].to.value, BASE + 0x4000);
	assert_int_equal(plan.pieces[1].size, 0x123);
	assert_int_equal(plan.kernel_end, BASE + 0xd000);
	/* The entry point is linked high; the hart starts where those bytes were loaded. */
	assert_int_equal(plan.entry.value, BASE + 0x40);
	/* 1 MiB has no 2 MiB boundary but its start. */
	assert_int_equal(plan.fdt.value, BASE + MIB(1) - KIB(16));
	free(kernel.block);
}

static void test_the_bss_of_an_elf_is_kept_free(void **state)
{
	static const struct segment segments[] = {
		{PT_LOAD, 0x1000, BASE, BASE, 0x10, MIB(1) - KIB(16)},
	};
	struct file kernel = make_elf(0x2000, BASE, segments, 1), ramdisk = make_file(1);
	struct image_request request = request_of(&kernel, MIB(1));

	(void)state;
	plan_well(&request);
	request.ramdisk = ramdisk.image;
	plan_badly(&request, IMAGE_PART_RAMDISK, "does not fit: the VM's memory is too small");
	free(kernel.block);
	free(ramdisk.block);
}

static void test_elf_files_for_others_are_refused(void **state)
{
	struct file kernel = make_good_elf();
	struct image_request request = request_of(&kernel, MIB(1));
	u8 *header = bytes_of(&kernel);

	(void)state;
	header[4] = 1;
	plan_badly(&request, IMAGE_PART_KERNEL, "is an ELF file, but not for 64-bit RISC-V");
	header[4] = 2;
	header[5] = 2;
	plan_badly(&request, IMAGE_PART_KERNEL, "is an ELF file, but not for 64-bit RISC-V");
	header[5] = 1;
	put_le(header + 18, 62, 2);
	plan_badly(&request, IMAGE_PART_KERNEL, "is an ELF file, but not for 64-bit RISC-V");
	put_le(header + 18, 243, 2);
	put_le(header + 16, 1, 2);
	plan_badly(&request, IMAGE_PART_KERNEL, "is an ELF file, but not an executable");
	put_le(header + 16, 3, 2);
	plan_well(&request);
	free(kernel.block);
}

static void test_elf_headers_that_reach_outside_of_the_file_are_refused(void **state)
{
	static const u64 offsets[] = {0x2000 - 4 * 56 + 1, 0x2000, BIT(63), UINT64_MAX,
				      UINT64_MAX - 4 * 56 + 1};
	struct file kernel = make_good_elf();
	struct image_request request = request_of(&kernel, MIB(1));
	u8 *header = bytes_of(&kernel);

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(offsets); i++) {
		put_le(header + 32, offsets[i], 8);
		plan_badly(&request, IMAGE_PART_KERNEL, "is a truncated ELF file");
	}
	put_le(header + 32, 64, 8);
	put_le(header + 54, 57, 2);
	plan_badly(&request, IMAGE_PART_KERNEL, "is an ELF file with strange program headers");
	put_le(header + 54, 56, 2);
	put_le(header + 56, 65, 2);
	plan_badly(&request, IMAGE_PART_KERNEL, "is an ELF file with strange program headers");
	put_le(header + 56, 0xffff, 2);
	plan_badly(&request, IMAGE_PART_KERNEL, "is an ELF file with strange program headers");
	put_le(header + 56, 0, 2);
	plan_badly(&request, IMAGE_PART_KERNEL, "is an ELF file with nothing to load");
	for (u64 size = 4; size < 64; size++) {
		struct file cut = make_file(size);
		struct image_request short_request = request_of(&cut, MIB(1));

		memcpy(bytes_of(&cut), header, size);
		plan_badly(&short_request, IMAGE_PART_KERNEL, "is a truncated ELF file");
		free(cut.block);
	}
	free(kernel.block);
}

/* A file with one segment like that. */
static void refuse_segment(struct segment segment, const char *text)
{
	struct file kernel = make_elf(0x2000, BASE, &segment, 1);
	struct image_request request = request_of(&kernel, MIB(1));

	plan_badly(&request, IMAGE_PART_KERNEL, text);
	free(kernel.block);
}

static void test_hostile_segments_are_refused(void **state)
{
	static const char larger[] = "has an ELF segment larger in the file than in memory";
	static const char file[] = "has an ELF segment that reaches outside of the file";
	static const char ram[] = "reaches outside of the VM's memory";

	(void)state;
	refuse_segment((struct segment){PT_LOAD, 0, BASE, BASE, 2, 1}, larger);
	refuse_segment((struct segment){PT_LOAD, 0, BASE, BASE, 1, 0}, larger);
	refuse_segment((struct segment){PT_LOAD, 0, BASE, BASE, UINT64_MAX, 0x1000}, larger);
	refuse_segment((struct segment){PT_LOAD, 0, BASE, BASE, 0x2001, 0x3000}, file);
	refuse_segment((struct segment){PT_LOAD, 0x2000, BASE, BASE, 1, 1}, file);
	refuse_segment((struct segment){PT_LOAD, UINT64_MAX, BASE, BASE, 2, 2}, file);
	refuse_segment((struct segment){PT_LOAD, 1, BASE, BASE, UINT64_MAX, UINT64_MAX}, file);
	refuse_segment((struct segment){PT_LOAD, 0, BASE, BASE - 1, 2, 2}, ram);
	refuse_segment((struct segment){PT_LOAD, 0, BASE, BASE, 2, MIB(1) + 1}, ram);
	refuse_segment((struct segment){PT_LOAD, 0, BASE, BASE + MIB(1), 0, 1}, ram);
	refuse_segment((struct segment){PT_LOAD, 0, BASE, BASE, 0, UINT64_MAX}, ram);
	refuse_segment((struct segment){PT_LOAD, 0, BASE, UINT64_MAX, 0, 2}, ram);
	refuse_segment((struct segment){PT_LOAD, 0, 0, 0, 0x10, 0x10}, ram);
	/* bss alone is nothing to run. */
	refuse_segment((struct segment){PT_LOAD, 0, BASE, BASE, 0, 0x1000},
		       "is an ELF file with nothing to load");
}

static void test_elf_segments_that_overlap_are_refused(void **state)
{
	static const struct segment segments[] = {
		{PT_LOAD, 0x1000, BASE, BASE, 0x800, 0x1001},
		{PT_LOAD, 0x1800, BASE + 0x1000, BASE + 0x1000, 0x100, 0x100},
	};
	struct file kernel = make_elf(0x2000, BASE, segments, 2);
	struct image_request request = request_of(&kernel, MIB(1));

	(void)state;
	assert_int_equal(
		plan_badly(&request, IMAGE_PART_KERNEL, "overlaps another image or segment")
			.address,
		BASE + 0x1000);
	free(kernel.block);
}

static void test_the_number_of_elf_segments_is_bounded(void **state)
{
	struct segment segments[IMAGE_SEGMENT_MAX + 1];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(segments); i++)
		segments[i] = (struct segment){PT_LOAD,		  0x1000, BASE + i * 0x1000,
					       BASE + i * 0x1000, 0x10,	  0x1000};
	for (unsigned count = IMAGE_SEGMENT_MAX; count < ARRAY_SIZE(segments) + 1; count++) {
		struct file kernel = make_elf(0x2000, BASE, segments, count);
		struct file ramdisk = make_file(5);
		struct image_request request = request_of(&kernel, MIB(1));

		request.ramdisk = ramdisk.image;
		if (count == IMAGE_SEGMENT_MAX)
			assert_int_equal(plan_well(&request).piece_count, IMAGE_PIECE_MAX);
		else
			plan_badly(&request, IMAGE_PART_KERNEL,
				   "is an ELF file with too many segments");
		free(kernel.block);
		free(ramdisk.block);
	}
}

static void test_elf_entry_points_are_checked(void **state)
{
	struct file kernel = make_good_elf();
	struct image_request request = request_of(&kernel, MIB(1));
	u8 *header = bytes_of(&kernel);

	(void)state;
	/* A physical address, in no segment's virtual range, is taken as it is. */
	put_le(header + 24, BASE + 0x10, 8);
	assert_int_equal(plan_well(&request).entry.value, BASE + 0x10);
	put_le(header + 24, BASE + 0x800, 8);
	plan_badly(&request, IMAGE_PART_KERNEL, "has an entry point outside of itself");
	put_le(header + 24, 0, 8);
	plan_badly(&request, IMAGE_PART_KERNEL, "has an entry point outside of itself");
	put_le(header + 24, 0xffffffff80000041, 8);
	plan_badly(&request, IMAGE_PART_KERNEL, "has an entry point outside of itself");
	free(kernel.block);
}

static void test_an_entry_point_is_translated_by_its_own_segment(void **state)
{
	static const struct segment segments[] = {
		{PT_LOAD, 0x1000, 0x10000, BASE, 0x800, 0x800},
		{PT_LOAD, 0x1800, 0x10800, BASE + 0x4000, 0x800, 0x800},
	};
	struct file kernel = make_elf(0x2000, 0x10900, segments, 2);
	struct image_request request = request_of(&kernel, MIB(1));

	(void)state;
	assert_int_equal(plan_well(&request).entry.value, BASE + 0x4100);
	free(kernel.block);
}

static void test_load_is_not_for_elf_files(void **state)
{
	struct file kernel = make_good_elf();
	struct image_request request = request_of(&kernel, MIB(1));

	(void)state;
	request.kernel.load_given = true;
	request.kernel.load = gpa(BASE);
	plan_badly(&request, IMAGE_PART_KERNEL,
		   "is an ELF file, whose segments say where they go: load is not for it");
	free(kernel.block);
}

static void test_any_damage_to_an_elf_gives_a_sound_plan_or_none(void **state)
{
	static const u64 odd[] = {
		0,	    1,	    BASE,   BASE + MIB(1), UINT64_MAX,	     INT64_MAX,
		UINT32_MAX, 0x2000, 0x1fff, BIT(63),	   UINT64_MAX - BASE};
	unsigned good = 0;

	(void)state;
	srand(20240611);
	for (unsigned round = 0; round < 20000; round++) {
		struct file kernel = make_good_elf();
		struct image_request request = request_of(&kernel, MIB(1));
		struct image_problem problem;
		struct image_plan plan;

		for (int i = rand() % 3; i >= 0; i--) {
			u8 *at = bytes_of(&kernel) + rand() % (64 + 4 * 56 - 8);

			if (rand() % 2)
				*at = (u8)rand();
			else
				put_le(at, odd[(size_t)rand() % ARRAY_SIZE(odd)], 8);
		}
		if (image_plan(&request, &plan, &problem) == STATUS_OK) {
			assert_plan_is_sound(&request, &plan);
			good++;
		} else {
			assert_non_null(problem.text);
		}
		free(kernel.block);
	}
	/* Some hit what does not matter, most do not. */
	assert_in_range(good, 200, 19800);
}

/* ------------------------------------------------------------------------------------------------
 * Loading.
 */

static void start_with_memory(struct guest_memory *memory, u64 size)
{
	struct fake_options options = fake_defaults();

	options.dirty_ram = true;
	fake_start_with_pages(&options);
	assert_int_equal(guest_memory_create(memory, gpa(BASE), size, HW_GSTAGE_SV39X4), STATUS_OK);
}

static void assert_loaded(struct guest_memory *memory, u64 at, const u8 *expected, u64 size)
{
	u8 *copy = malloc(size);

	assert_non_null(copy);
	assert_int_equal(guest_memory_read(memory, gpa(at), copy, size), STATUS_OK);
	assert_memory_equal(copy, expected, size);
	free(copy);
}

static void test_loading_copies_everything_in_small_steps(void **state)
{
	struct guest_memory memory;
	struct file kernel = make_linux(MIB(5) + 123, MIB(2), MIB(7)), ramdisk = make_file(MIB(3));
	struct file fdt = make_file(KIB(9));
	struct image_request request = request_of(&kernel, MIB(32));
	u64 total = kernel.image.size + ramdisk.image.size + fdt.image.size, steps = 0;
	struct image_loader loader;
	struct image_plan plan;
	bool done = false;
	u8 zeroes[4096] = {0};

	(void)state;
	start_with_memory(&memory, MIB(32));
	request.ramdisk = ramdisk.image;
	plan = plan_well(&request);
	assert_int_equal(image_load_init(&loader, &memory, &plan, fdt.image.data, fdt.image.size),
			 STATUS_OK);
	while (!done) {
		assert_int_equal(image_load_step(&loader, &done), STATUS_OK);
		/* The tree was there after the first one: its buffer is not needed any more. */
		if (steps++ == 0) {
			assert_loaded(&memory, plan.fdt.value, fdt.image.data, fdt.image.size);
			memset(fdt.block, 0xee, fdt.image.size + 1);
		}
	}
	assert_int_equal(steps, (total + IMAGE_STEP_SIZE - 1) / IMAGE_STEP_SIZE);
	assert_loaded(&memory, BASE + MIB(2), kernel.image.data, kernel.image.size);
	assert_loaded(&memory, plan.ramdisk.value, ramdisk.image.data, ramdisk.image.size);
	/* Zero without having been written. */
	assert_loaded(&memory, BASE + MIB(2) + kernel.image.size, zeroes, sizeof(zeroes));
	/* One more step does nothing. */
	assert_int_equal(image_load_step(&loader, &done), STATUS_OK);
	assert_true(done);
	guest_memory_destroy(&memory);
	free(kernel.block);
	free(ramdisk.block);
	free(fdt.block);
}

/* Copying by words needs source and target to be aligned alike, and from the second step on that is
 * as the step before left it. */
static void test_steps_end_between_words(void **state)
{
	struct guest_memory memory;
	struct file kernel = make_linux(MIB(5), MIB(2), MIB(7)), ramdisk = make_file(MIB(3) + 5);
	struct file fdt = make_file(KIB(9) + 3);
	struct image_request request = request_of(&kernel, MIB(32));
	struct image_loader loader;
	struct image_plan plan;
	bool done = false;

	(void)state;
	start_with_memory(&memory, MIB(32));
	request.ramdisk = ramdisk.image;
	plan = plan_well(&request);
	assert_int_equal(image_load_init(&loader, &memory, &plan, fdt.image.data, fdt.image.size),
			 STATUS_OK);
	while (!done) {
		assert_int_equal(image_load_step(&loader, &done), STATUS_OK);
		assert_int_equal(loader.offset % 8, 0);
	}
	assert_loaded(&memory, plan.fdt.value, fdt.image.data, fdt.image.size);
	assert_loaded(&memory, plan.ramdisk.value, ramdisk.image.data, ramdisk.image.size);
	guest_memory_destroy(&memory);
	free(kernel.block);
	free(ramdisk.block);
	free(fdt.block);
}

static void test_elf_bss_is_zero_after_loading(void **state)
{
	struct guest_memory memory;
	struct file kernel = make_good_elf();
	struct image_request request = request_of(&kernel, MIB(1));
	struct image_plan plan = plan_well(&request);
	struct image_loader loader;
	u8 zeroes[0x9000 - 0x123] = {0}, fdt[8] = {1};
	bool done = false;

	(void)state;
	start_with_memory(&memory, MIB(1));
	assert_int_equal(image_load_init(&loader, &memory, &plan, fdt, sizeof(fdt)), STATUS_OK);
	assert_int_equal(image_load_step(&loader, &done), STATUS_OK);
	assert_true(done);
	assert_loaded(&memory, BASE, kernel.image.data + 0x1000, 0x800);
	assert_loaded(&memory, BASE + 0x4000, kernel.image.data + 0x1800, 0x123);
	assert_loaded(&memory, BASE + 0x4123, zeroes, sizeof(zeroes));
	guest_memory_destroy(&memory);
	free(kernel.block);
}

static void test_a_plan_for_other_memory_is_not_loaded(void **state)
{
	struct guest_memory memory;
	struct file kernel = make_file(MIB(1));
	struct image_request request = request_of(&kernel, MIB(32));
	struct image_plan plan = plan_well(&request);
	struct image_loader loader;
	u8 fdt[8] = {1};

	(void)state;
	start_with_memory(&memory, MIB(16));
	/* The tree is behind the end of this RAM. */
	assert_int_equal(image_load_init(&loader, &memory, &plan, fdt, sizeof(fdt)),
			 STATUS_INVALID);
	request.kernel.load_given = true;
	request.kernel.load = gpa(BASE + MIB(20));
	request.fdt_load_given = true;
	request.fdt_load = gpa(BASE);
	plan = plan_well(&request);
	/* The kernel is. */
	assert_int_equal(image_load_init(&loader, &memory, &plan, fdt, sizeof(fdt)),
			 STATUS_INVALID);
	guest_memory_destroy(&memory);
	free(kernel.block);
}

static void test_a_tree_larger_than_planned_is_not_loaded(void **state)
{
	struct guest_memory memory;
	struct file kernel = make_file(MIB(1)), fdt = make_file(KIB(16) + 1);
	struct image_request request = request_of(&kernel, MIB(16));
	struct image_plan plan = plan_well(&request);
	struct image_loader loader;

	(void)state;
	start_with_memory(&memory, MIB(16));
	assert_int_equal(image_load_init(&loader, &memory, &plan, fdt.image.data, KIB(16) + 1),
			 STATUS_INVALID);
	assert_int_equal(image_load_init(&loader, &memory, &plan, fdt.image.data, 0),
			 STATUS_INVALID);
	assert_int_equal(image_load_init(&loader, &memory, &plan, fdt.image.data, KIB(16)),
			 STATUS_OK);
	guest_memory_destroy(&memory);
	free(kernel.block);
	free(fdt.block);
}

static void test_loading_stops_when_there_is_no_memory(void **state)
{
	struct guest_memory memory;
	struct file kernel = make_file(MIB(70)); /* the machine has 64 MiB */
	struct image_request request = request_of(&kernel, MIB(512));
	struct image_plan plan = plan_well(&request);
	enum status status = STATUS_OK;
	struct image_loader loader;
	u8 fdt[8] = {1};
	bool done = false;

	(void)state;
	start_with_memory(&memory, MIB(512));
	assert_int_equal(image_load_init(&loader, &memory, &plan, fdt, sizeof(fdt)), STATUS_OK);
	for (unsigned i = 0; i < 36 && status == STATUS_OK && !done; i++)
		status = image_load_step(&loader, &done);
	assert_int_equal(status, STATUS_NO_MEMORY);
	assert_false(done);
	guest_memory_destroy(&memory);
	free(kernel.block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_linux_goes_to_its_text_offset),
		cmocka_unit_test(test_ramdisk_ends_in_the_middle_and_the_tree_at_the_end),
		cmocka_unit_test(test_nothing_is_placed_into_the_bss_of_linux_or_below_it),
		cmocka_unit_test(test_image_size_that_lies_is_no_danger),
		cmocka_unit_test(test_text_offset_that_lies_is_refused),
		cmocka_unit_test(test_big_endian_linux_is_refused),
		cmocka_unit_test(test_a_header_that_is_cut_off_is_no_linux),
		cmocka_unit_test(test_raw_goes_behind_the_first_2_mib),
		cmocka_unit_test(test_load_and_entry_of_the_bundle_count),
		cmocka_unit_test(test_an_entry_point_must_be_in_the_kernel),
		cmocka_unit_test(test_load_addresses_outside_of_ram_are_refused),
		cmocka_unit_test(test_misaligned_load_addresses_are_refused),
		cmocka_unit_test(test_images_that_overlap_are_refused),
		cmocka_unit_test(test_placed_images_keep_clear_of_fixed_ones),
		cmocka_unit_test(test_compressed_kernels_are_told_apart_from_code),
		cmocka_unit_test(test_a_kernel_larger_than_ram_is_refused),
		cmocka_unit_test(test_ram_may_start_at_any_page),
		cmocka_unit_test(test_requests_that_make_no_sense_are_refused),
		cmocka_unit_test(test_elf_segments_go_to_their_physical_addresses),
		cmocka_unit_test(test_the_bss_of_an_elf_is_kept_free),
		cmocka_unit_test(test_elf_files_for_others_are_refused),
		cmocka_unit_test(test_elf_headers_that_reach_outside_of_the_file_are_refused),
		cmocka_unit_test(test_hostile_segments_are_refused),
		cmocka_unit_test(test_elf_segments_that_overlap_are_refused),
		cmocka_unit_test(test_the_number_of_elf_segments_is_bounded),
		cmocka_unit_test(test_elf_entry_points_are_checked),
		cmocka_unit_test(test_an_entry_point_is_translated_by_its_own_segment),
		cmocka_unit_test(test_load_is_not_for_elf_files),
		cmocka_unit_test(test_any_damage_to_an_elf_gives_a_sound_plan_or_none),
		cmocka_unit_test(test_loading_copies_everything_in_small_steps),
		cmocka_unit_test(test_steps_end_between_words),
		cmocka_unit_test(test_elf_bss_is_zero_after_loading),
		cmocka_unit_test(test_a_plan_for_other_memory_is_not_loaded),
		cmocka_unit_test(test_a_tree_larger_than_planned_is_not_loaded),
		cmocka_unit_test(test_loading_stops_when_there_is_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plans for kernel images: files of any content and requests of any size. A plan that is made has
 * all it takes inside the VM's RAM, nothing over anything else, and can be loaded; one that is
 * refused has a reason in words. The files lie in the bundle, which nobody changes meanwhile
 * (fuzz_bundle.c).
 */
#include "hyp/config/image.h"
#include "tests/fuzz/bundle_maker.h"

#define FILE_MAX  4096
#define FDT_MAX	  KIB(4)
#define RANGE_MAX (IMAGE_PIECE_MAX + 2)

static struct {
	u64 start[RANGE_MAX], size[RANGE_MAX];
	unsigned count;
} ranges;

static void take(const struct image_request *request, u64 start, u64 size)
{
	REQUIRE(range_contains(request->ram_base.value, request->ram_size, start, size));
	for (unsigned i = 0; i < ranges.count; i++)
		REQUIRE(start + size <= ranges.start[i] ||
			ranges.start[i] + ranges.size[i] <= start);
	REQUIRE(ranges.count < RANGE_MAX);
	ranges.start[ranges.count] = start;
	ranges.size[ranges.count++] = size;
}

static bool is_from(const struct image_file *file, const struct image_piece *piece)
{
	return range_contains((uintptr_t)file->data, file->size, (uintptr_t)piece->from,
			      piece->size);
}

static void check_plan(const struct image_request *request, const struct image_plan *plan)
{
	u64 entry = plan->entry.value;

	ranges.count = 0;
	REQUIRE(plan->format == image_recognise(request->kernel.data, request->kernel.size));
	REQUIRE(plan->piece_count <= IMAGE_PIECE_MAX);
	for (unsigned i = 0; i < plan->piece_count; i++) {
		const struct image_piece *piece = &plan->pieces[i];

		take(request, piece->to.value, piece->size);
		REQUIRE(is_from(&request->kernel, piece) || is_from(&request->ramdisk, piece));
	}
	REQUIRE(plan->fdt_size == request->fdt_size && plan->fdt.value % 8 == 0);
	take(request, plan->fdt.value, plan->fdt_size);
	REQUIRE(!request->fdt_load_given || plan->fdt.value == request->fdt_load.value);
	REQUIRE(plan->ramdisk_size == request->ramdisk.size);
	if (plan->ramdisk_size) {
		const struct image_piece *last = &plan->pieces[plan->piece_count - 1];

		REQUIRE(last->to.value == plan->ramdisk.value && last->size == plan->ramdisk_size);
		REQUIRE(plan->ramdisk.value % PAGE_SIZE == 0);
	}
	REQUIRE(entry % 2 == 0);
	REQUIRE(range_contains(request->ram_base.value, request->ram_size, entry, 1));
	REQUIRE(plan->kernel_end - request->ram_base.value <= request->ram_size);
	/* Never into what is not the kernel's. */
	REQUIRE(entry - plan->fdt.value >= plan->fdt_size);
	REQUIRE(!plan->ramdisk_size || entry - plan->ramdisk.value >= plan->ramdisk_size);
}

/* Everything arrives, and what a plan covers besides is zero. */
static void check_arrived(struct guest_memory *memory, const struct image_plan *plan, const u8 *fdt,
			  u64 fdt_size)
{
	static u8 arrived[FILE_MAX];

	REQUIRE(guest_memory_read(memory, plan->fdt, arrived, fdt_size) == STATUS_OK);
	REQUIRE(memcmp(arrived, fdt, fdt_size) == 0);
	for (unsigned i = 0; i < plan->piece_count; i++) {
		const struct image_piece *piece = &plan->pieces[i];

		REQUIRE(guest_memory_read(memory, piece->to, arrived, piece->size) == STATUS_OK);
		REQUIRE(memcmp(arrived, piece->from, piece->size) == 0);
	}
}

static void check_loading(struct input *input, const struct image_request *request,
			  const struct image_plan *plan)
{
	static const u8 fdt[FDT_MAX] = {0xd0, 0x0d};
	struct guest_memory memory;
	struct image_loader loader;
	u64 fdt_size = input_u16(input) % (FDT_MAX + 1);
	bool done = false;
	enum status status;

	fake_start_with_pages(NULL);
	if (guest_memory_create(&memory, request->ram_base, request->ram_size, HW_GSTAGE_SV57X4) !=
	    STATUS_OK)
		return;
	status = image_load_init(&loader, &memory, plan, fdt, fdt_size);
	REQUIRE((status == STATUS_OK) == (fdt_size > 0 && fdt_size <= plan->fdt_size));
	if (status != STATUS_OK)
		return;
	for (unsigned i = 0; status == STATUS_OK && !done; i++) {
		REQUIRE(i < 8); /* all of it is less than a step */
		status = image_load_step(&loader, &done);
	}
	REQUIRE(status == STATUS_OK || status == STATUS_NO_MEMORY);
	if (done)
		check_arrived(&memory, plan, fdt, fdt_size);
}

/* In a block of exactly its size, which need not be aligned. */
static void draw_file(struct input *input, struct image_file *file)
{
	static u8 data[FILE_MAX];
	u8 form = input_u8(input);
	u8 *copy;

	file->size = made_data(input, form, data, sizeof(data) / 2);
	if (form & 64)
		file->size = min_u64(file->size, input_u8(input));
	copy = malloc(file->size + 1);
	memcpy(copy + 1, data, file->size);
	file->data = copy + 1;
	file->load_given = form & 128;
	if (file->load_given)
		file->load.value = input_odd_number(input);
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	struct input input = {bytes, size};
	u8 form = input_u8(&input);
	struct image_request request = {
		.ram_base = gpa(form & 1 ? input_odd_number(&input) : GUEST_RAM_BASE),
		.ram_size = form & 2 ? input_odd_number(&input) : MIB(8),
		.fdt_size = form & 4 ? input_odd_number(&input) : PAGE_SIZE,
		.fdt_load_given = form & 8,
	};
	struct image_problem problem;
	struct image_plan plan;
	enum status status;

	/* What the bundle's checks and guest_memory_create() leave. */
	if (form & 64) {
		request.ram_base.value = align_down(request.ram_base.value, PAGE_SIZE);
		request.ram_size = align_down(request.ram_size, PAGE_SIZE);
	}
	if (request.fdt_load_given)
		request.fdt_load.value = input_odd_number(&input);
	draw_file(&input, &request.kernel);
	if (form & 16)
		draw_file(&input, &request.ramdisk);
	request.kernel.entry_given = form & 32;
	if (form & 32)
		request.kernel.entry.value = input_odd_number(&input);
	status = image_plan(&request, &plan, &problem);
	REQUIRE(status == STATUS_OK || (status == STATUS_INVALID && problem.text));
	REQUIRE(problem.part <= IMAGE_PART_FDT);
	if (status == STATUS_OK) {
		REQUIRE(!problem.text);
		check_plan(&request, &plan);
		if (form & 128)
			check_loading(&input, &request, &plan);
	}
	free((u8 *)request.kernel.data - 1);
	if (request.ramdisk.data)
		free((u8 *)request.ramdisk.data - 1);
	return 0;
}

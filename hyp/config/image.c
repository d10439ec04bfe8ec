/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recognises kernel images, decides where a VM's images go, and copies them there. Owns nothing:
 * plans and loaders are the caller's. ELF files are image_elf.c's. Every number in an image header
 * is taken for hostile.
 */
#include "hyp/config/image_internal.h"

#include "hyp/check.h"

#include <string.h>

/* Device tree and ramdisk stay below this much of RAM if they can, where 32-bit pointers and a
 * boot loader's early mappings reach them. */
#define PLACE_BELOW GIB(1)

#define FDT_ALIGNMENT	MIB(2)
#define LINUX_ALIGNMENT MIB(2)

enum status image_fail(struct image_planner *p, enum image_part part, const char *text)
{
	*p->problem = (struct image_problem){.part = part, .text = text};
	return STATUS_INVALID;
}

enum status image_fail_at(struct image_planner *p, enum image_part part, const char *text,
			  u64 address)
{
	*p->problem = (struct image_problem){
		.part = part, .text = text, .address_given = true, .address = address};
	return STATUS_INVALID;
}

static const struct image_range *find_overlap(const struct image_planner *p, u64 start, u64 size)
{
	unsigned i;

	for (i = 0; i < p->taken_count; i++) {
		const struct image_range *range = &p->taken[i];

		if (start < range->start + range->size && range->start < start + size)
			return range;
	}
	return NULL;
}

enum status image_take(struct image_planner *p, enum image_part part, u64 start, u64 size)
{
	const struct image_request *request = p->request;

	if (!range_contains(request->ram_base.value, request->ram_size, start, size))
		return image_fail_at(p, part, "reaches outside of the VM's memory", start);
	if (find_overlap(p, start, size))
		return image_fail_at(p, part, "overlaps another image or segment", start);
	CHECK(p->taken_count < ARRAY_SIZE(p->taken));
	p->taken[p->taken_count++] = (struct image_range){start, size};
	return STATUS_OK;
}

/* The highest free place that ends at or below limit. Every step goes below one of the taken
 * ranges, so there are at most taken_count + 1. */
static bool find_place(const struct image_planner *p, u64 limit, u64 size, u64 alignment,
		       u64 *start)
{
	while (limit >= size && limit - size >= p->floor) {
		const struct image_range *range;
		u64 candidate = align_down(limit - size, alignment);

		if (candidate < p->floor)
			return false;
		range = find_overlap(p, candidate, size);
		if (!range) {
			*start = candidate;
			return true;
		}
		limit = range->start;
	}
	return false;
}

static u64 ram_end(const struct image_planner *p)
{
	return p->request->ram_base.value + p->request->ram_size;
}

static u64 preferred_end(const struct image_planner *p)
{
	return p->request->ram_base.value + min_u64(p->request->ram_size, PLACE_BELOW);
}

void image_add_piece(struct image_planner *p, u64 to, const u8 *from, u64 size)
{
	CHECK(p->plan->piece_count < IMAGE_PIECE_MAX);
	if (size)
		p->plan->pieces[p->plan->piece_count++] = (struct image_piece){gpa(to), from, size};
}

/* ------------------------------------------------------------------------------------------------
 * Linux Image and raw images.
 */

#define LINUX_HEADER_SIZE 64
#define LINUX_TEXT_OFFSET 8
#define LINUX_IMAGE_SIZE  16
#define LINUX_FLAGS	  24
#define LINUX_MAGIC2	  56
#define LINUX_BIG_ENDIAN  1ULL

static enum status plan_flat(struct image_planner *p, u64 start, u64 memory_size)
{
	const struct image_file *kernel = &p->request->kernel;
	enum status status = image_take(p, IMAGE_PART_KERNEL, start, memory_size);

	if (status != STATUS_OK)
		return status;
	image_add_piece(p, start, kernel->data, kernel->size);
	p->plan->entry = gpa(start);
	p->plan->kernel_end = start + memory_size;
	return STATUS_OK;
}

static enum status plan_linux(struct image_planner *p)
{
	const struct image_file *kernel = &p->request->kernel;
	u64 text_offset = image_read_le64(kernel->data + LINUX_TEXT_OFFSET);
	u64 image_size = image_read_le64(kernel->data + LINUX_IMAGE_SIZE);
	u64 base = p->request->ram_base.value;
	enum status status;
	u64 start;

	if (image_read_le64(kernel->data + LINUX_FLAGS) & LINUX_BIG_ENDIAN)
		return image_fail(p, IMAGE_PART_KERNEL, "is a big-endian kernel");
	if (!kernel->load_given && text_offset >= p->request->ram_size)
		return image_fail(p, IMAGE_PART_KERNEL, "has a text_offset beyond the VM's memory");
	start = kernel->load_given ? kernel->load.value : base + text_offset;
	if (!is_aligned(start, LINUX_ALIGNMENT))
		return image_fail_at(p, IMAGE_PART_KERNEL,
				     "is a Linux Image and would not start at a multiple of 2 MiB",
				     start);
	/* image_size counts the bss; a header that leaves it out, or lies, changes nothing about
	 * what has to be copied. */
	status = plan_flat(p, start, max_u64(image_size, kernel->size));
	if (status == STATUS_OK)
		p->floor = p->plan->kernel_end;
	return status;
}

static enum status plan_raw(struct image_planner *p)
{
	const struct image_file *kernel = &p->request->kernel;
	const u8 *data = kernel->data;

	/* What distributions ship as vmlinuz. Run as code it would only puzzle its user. */
	if (kernel->size >= 2 && data[0] == 0x1f && data[1] == 0x8b)
		return image_fail(p, IMAGE_PART_KERNEL, "is compressed with gzip, unpack it first");
	if (kernel->size >= 8 && memcmp(data, "MZ", 2) == 0 && memcmp(data + 4, "zimg", 4) == 0)
		return image_fail(p, IMAGE_PART_KERNEL, "is an EFI zboot image, unpack it first");
	if (kernel->load_given && !is_aligned(kernel->load.value, 4))
		return image_fail_at(p, IMAGE_PART_KERNEL, "would not start at a multiple of 4",
				     kernel->load.value);
	if (kernel->load_given)
		return plan_flat(p, kernel->load.value, kernel->size);
	return plan_flat(p, p->request->ram_base.value + IMAGE_KERNEL_OFFSET, kernel->size);
}

/* ------------------------------------------------------------------------------------------------
 * The plan.
 */

enum image_format image_recognise(const u8 *data, u64 size)
{
	if (size >= 4 && memcmp(data, "\177ELF", 4) == 0)
		return IMAGE_ELF;
	if (size >= LINUX_HEADER_SIZE && memcmp(data + LINUX_MAGIC2, "RSC\x05", 4) == 0)
		return IMAGE_LINUX;
	return IMAGE_RAW;
}

static enum status plan_kernel(struct image_planner *p)
{
	const struct image_file *kernel = &p->request->kernel;
	struct image_plan *plan = p->plan;
	enum status status;

	if (kernel->size == 0)
		return image_fail(p, IMAGE_PART_KERNEL, "is empty");
	plan->format = image_recognise(kernel->data, kernel->size);
	if (plan->format == IMAGE_ELF)
		status = image_plan_elf(p);
	else if (plan->format == IMAGE_LINUX)
		status = plan_linux(p);
	else
		status = plan_raw(p);
	if (status != STATUS_OK)
		return status;
	if (kernel->entry_given)
		plan->entry = kernel->entry;
	/* Odd addresses cannot be jumped to (Unprivileged ISA, "Base Instruction Formats"). */
	if (!is_aligned(plan->entry.value, 2) || !find_overlap(p, plan->entry.value, 1))
		return image_fail_at(p, IMAGE_PART_KERNEL, "has an entry point outside of itself",
				     plan->entry.value);
	return STATUS_OK;
}

/* Images with an address of their own come first, so that the others can keep clear of them. */
static enum status plan_fixed(struct image_planner *p)
{
	const struct image_request *request = p->request;
	enum status status = STATUS_OK;

	if (request->ramdisk.size && request->ramdisk.load_given) {
		p->plan->ramdisk = request->ramdisk.load;
		if (!is_aligned(request->ramdisk.load.value, PAGE_SIZE))
			return image_fail_at(p, IMAGE_PART_RAMDISK, "would not start at a page",
					     request->ramdisk.load.value);
		status = image_take(p, IMAGE_PART_RAMDISK, request->ramdisk.load.value,
				    request->ramdisk.size);
	}
	if (status == STATUS_OK && request->fdt_load_given) {
		p->plan->fdt = request->fdt_load;
		if (!is_aligned(request->fdt_load.value, 8))
			return image_fail_at(p, IMAGE_PART_FDT,
					     "would not start at a multiple of 8",
					     request->fdt_load.value);
		status = image_take(p, IMAGE_PART_FDT, request->fdt_load.value, request->fdt_size);
	}
	return status;
}

static enum status plan_fdt(struct image_planner *p, u64 alignment)
{
	u64 size = p->request->fdt_size, start;

	if (!find_place(p, preferred_end(p), size, alignment, &start) &&
	    !find_place(p, ram_end(p), size, alignment, &start))
		return image_fail(p, IMAGE_PART_FDT, "does not fit: the VM's memory is too small");
	p->plan->fdt = gpa(start);
	return image_take(p, IMAGE_PART_FDT, start, size);
}

/* The middle of RAM is best: U-Boot moves itself to the end of it, over whatever is there. */
static enum status plan_ramdisk(struct image_planner *p)
{
	u64 base = p->request->ram_base.value;
	u64 size = p->request->ramdisk.size, start;
	u64 middle = align_down(p->request->ram_size / 2, PAGE_SIZE);

	if (!find_place(p, base + min_u64(middle, PLACE_BELOW), size, PAGE_SIZE, &start) &&
	    !find_place(p, preferred_end(p), size, PAGE_SIZE, &start) &&
	    !find_place(p, ram_end(p), size, PAGE_SIZE, &start))
		return image_fail(p, IMAGE_PART_RAMDISK,
				  "does not fit: the VM's memory is too small");
	p->plan->ramdisk = gpa(start);
	return image_take(p, IMAGE_PART_RAMDISK, start, size);
}

/* What has no address yet. Linux maps the tree with 2 MiB leaves early on, so it likes to have it
 * alone in one; in a VM that is too small for this, closer packing must do. */
static enum status plan_free(struct image_planner *p)
{
	static const u64 alignments[] = {FDT_ALIGNMENT, PAGE_SIZE};
	const struct image_request *request = p->request;
	unsigned fixed_count = p->taken_count, i;
	enum status status = STATUS_OK;

	for (i = 0; i < ARRAY_SIZE(alignments); i++) {
		p->taken_count = fixed_count;
		status = STATUS_OK;
		if (!request->fdt_load_given)
			status = plan_fdt(p, alignments[i]);
		if (status == STATUS_OK && request->ramdisk.size && !request->ramdisk.load_given)
			status = plan_ramdisk(p);
		if (status == STATUS_OK)
			break;
	}
	return status;
}

enum status image_plan(const struct image_request *request, struct image_plan *plan,
		       struct image_problem *problem)
{
	struct image_planner p = {.request = request, .plan = plan, .problem = problem};
	enum status status;

	memset(plan, 0, sizeof(*plan));
	*problem = (struct image_problem){0};
	if (request->ram_base.value > UINT64_MAX - request->ram_size)
		return image_fail(&p, IMAGE_PART_KERNEL, "has memory beyond the address space");
	if (request->fdt_size == 0 || request->fdt_size > FDT_ALIGNMENT)
		return image_fail(&p, IMAGE_PART_FDT, "is empty or larger than 2 MiB");
	p.floor = request->ram_base.value;
	plan->fdt_size = request->fdt_size;
	plan->ramdisk_size = request->ramdisk.size;

	status = plan_kernel(&p);
	if (status == STATUS_OK)
		status = plan_fixed(&p);
	if (status == STATUS_OK)
		status = plan_free(&p);
	if (status != STATUS_OK)
		return status;
	image_add_piece(&p, plan->ramdisk.value, request->ramdisk.data, request->ramdisk.size);
	/* A failed first try may have left its reason. */
	*problem = (struct image_problem){0};
	return STATUS_OK;
}

/* ------------------------------------------------------------------------------------------------
 * Loading.
 */

enum status image_load_init(struct image_loader *loader, struct guest_memory *memory,
			    const struct image_plan *plan, const void *fdt, u64 fdt_size)
{
	unsigned i;

	if (fdt_size == 0 || fdt_size > plan->fdt_size ||
	    !guest_memory_contains(memory, plan->fdt, plan->fdt_size))
		return STATUS_INVALID;
	for (i = 0; i < plan->piece_count; i++)
		if (!guest_memory_contains(memory, plan->pieces[i].to, plan->pieces[i].size))
			return STATUS_INVALID;
	*loader = (struct image_loader){
		.memory = memory, .plan = plan, .fdt = fdt, .fdt_size = fdt_size};
	return STATUS_OK;
}

static struct image_piece current_piece(const struct image_loader *loader)
{
	if (loader->piece == 0)
		return (struct image_piece){loader->plan->fdt, loader->fdt, loader->fdt_size};
	return loader->plan->pieces[loader->piece - 1];
}

_Static_assert(IMAGE_STEP_SIZE % 8 == 0, "image_load_step() counts its budget in words");

enum status image_load_step(struct image_loader *loader, bool *done)
{
	u64 budget = IMAGE_STEP_SIZE;

	while (budget && loader->piece <= loader->plan->piece_count) {
		struct image_piece piece = current_piece(loader);
		u64 length = min_u64(piece.size - loader->offset, budget);
		enum status status =
			guest_memory_write(loader->memory, gpa(piece.to.value + loader->offset),
					   piece.from + loader->offset, length);

		if (status != STATUS_OK)
			return status;
		/* What follows a device tree of odd size stays aligned at the next step too. */
		budget -= align_up(length, 8);
		loader->offset += length;
		if (loader->offset == piece.size) {
			loader->piece++;
			loader->offset = 0;
		}
	}
	*done = loader->piece > loader->plan->piece_count;
	return STATUS_OK;
}

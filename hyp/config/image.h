/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel images: what they are, where they go in a VM's RAM, and their way there in small pieces.
 *
 * First a plan, made from the images alone and without touching guest memory; it is complete and
 * checked, so that loading can fail only for want of memory. Then the loader, which copies a
 * bounded amount a call. Holds no state of its own and takes no locks.
 */
#pragma once

#include "hyp/mem/guest_memory.h"
#include "hyp/status.h"
#include "hyp/types.h"

/* Where raw images start, counted from the start of RAM, and what Linux asks for as well. */
#define IMAGE_KERNEL_OFFSET MIB(2)

/* The most that image_load_step() copies in one call, bytes. */
#define IMAGE_STEP_SIZE MIB(2)

#define IMAGE_SEGMENT_MAX 16 /* loadable segments of an ELF file */
#define IMAGE_PIECE_MAX	  (IMAGE_SEGMENT_MAX + 1)

enum image_format {
	IMAGE_RAW,
	IMAGE_LINUX, /* RISC-V boot image header, Image in Linux' words */
	IMAGE_ELF,   /* ELF64, little-endian, RISC-V */
};

/* A file as it lies in the bundle. size 0: there is none. */
struct image_file {
	const u8 *data; /* any alignment */
	u64 size;	/* bytes */
	bool load_given, entry_given;
	gpa_t load, entry; /* in place of the usual addresses */
};

struct image_request {
	gpa_t ram_base;
	u64 ram_size; /* bytes */
	struct image_file kernel;
	struct image_file ramdisk;
	u64 fdt_size; /* bytes to keep free for the device tree, at most 2 MiB */
	bool fdt_load_given;
	gpa_t fdt_load;
};

struct image_piece {
	gpa_t to;
	const u8 *from;
	u64 size; /* bytes */
};

struct image_plan {
	enum image_format format;
	gpa_t entry;	      /* where the boot hart starts, untranslated */
	gpa_t fdt;	      /* what the boot hart finds in a1 */
	u64 fdt_size;	      /* bytes kept free there */
	gpa_t ramdisk;	      /* meaningless if ramdisk_size is 0 */
	u64 ramdisk_size;     /* bytes */
	u64 kernel_end;	      /* the first guest-physical address after the kernel, bss included */
	unsigned piece_count; /* what has to be copied, the device tree excepted */
	struct image_piece pieces[IMAGE_PIECE_MAX];
};

/* Whose fault it is that there is no plan, in words that go after the name of the file. */
enum image_part {
	IMAGE_PART_KERNEL,
	IMAGE_PART_RAMDISK,
	IMAGE_PART_FDT,
};

struct image_problem {
	enum image_part part;
	const char *text;
	bool address_given;
	u64 address; /* guest-physical, of the offending range */
};

/* Reads no further than the header says it may. */
enum image_format image_recognise(const u8 *data, u64 size);

/* Makes the plan: a Linux Image goes to ram_base + its text_offset, a raw image to ram_base +
 * IMAGE_KERNEL_OFFSET, ELF segments to their physical addresses; the device tree goes as far
 * up as it can below the end of the first GiB, the ramdisk as far up as it can below the middle. No
 * two of them overlap, all are inside RAM. The plan points into the request's files.
 * STATUS_INVALID: *problem tells why.
 */
enum status image_plan(const struct image_request *request, struct image_plan *plan,
		       struct image_problem *problem) MUST_CHECK;

struct image_loader {
	struct guest_memory *memory;
	const struct image_plan *plan;
	const u8 *fdt;
	u64 fdt_size;
	unsigned piece; /* 0 is the device tree, n + 1 is pieces[n] */
	u64 offset;	/* bytes of that piece copied so far */
};

/* Prepares loading into RAM that nobody has written yet: a kernel's bss, and the rest of what a
 * plan covers, is expected to be zero and is not written. That holds for a reboot too, because a VM
 * gets new guest memory each time. The plan and the files must stay until the loader is done; the
 * device tree, of at most plan->fdt_size bytes, goes first and may be dropped after the first step.
 * STATUS_INVALID: the device tree is empty or larger than that, or the plan does not fit this
 * memory. */
enum status image_load_init(struct image_loader *loader, struct guest_memory *memory,
			    const struct image_plan *plan, const void *fdt,
			    u64 fdt_size) MUST_CHECK;

/* Copies at most IMAGE_STEP_SIZE bytes. *done becomes true when all is there. STATUS_NO_MEMORY. */
enum status image_load_step(struct image_loader *loader, bool *done) MUST_CHECK;

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of an image plan that comes from an ELF64 file (System V ABI, "Object Files"; RISC-V
 * ELF psABI). Only the header and the program headers are read, and nothing they say is believed.
 */
#include "hyp/config/image_internal.h"

#define ELF_HEADER_SIZE	  64
#define ELF_CLASS	  4
#define ELF_CLASS_64	  2
#define ELF_DATA	  5
#define ELF_DATA_LITTLE	  1
#define ELF_TYPE	  16
#define ELF_TYPE_EXEC	  2
#define ELF_TYPE_DYN	  3
#define ELF_MACHINE	  18
#define ELF_MACHINE_RISCV 243
#define ELF_ENTRY	  24
#define ELF_PHOFF	  32
#define ELF_PHENTSIZE	  54
#define ELF_PHNUM	  56

#define PHDR_SIZE   56
#define PHDR_TYPE   0
#define PHDR_OFFSET 8
#define PHDR_VADDR  16
#define PHDR_PADDR  24
#define PHDR_FILESZ 32
#define PHDR_MEMSZ  40
#define PT_LOAD	    1

#define ELF_PHNUM_MAX 64

static enum status check_elf_header(struct image_planner *p)
{
	const struct image_file *kernel = &p->request->kernel;
	const u8 *header = kernel->data;
	u16 type;

	if (kernel->size < ELF_HEADER_SIZE)
		return image_fail(p, IMAGE_PART_KERNEL, "is a truncated ELF file");
	if (header[ELF_CLASS] != ELF_CLASS_64 || header[ELF_DATA] != ELF_DATA_LITTLE ||
	    image_read_le16(header + ELF_MACHINE) != ELF_MACHINE_RISCV)
		return image_fail(p, IMAGE_PART_KERNEL,
				  "is an ELF file, but not for 64-bit RISC-V");
	type = image_read_le16(header + ELF_TYPE);
	if (type != ELF_TYPE_EXEC && type != ELF_TYPE_DYN)
		return image_fail(p, IMAGE_PART_KERNEL, "is an ELF file, but not an executable");
	if (image_read_le16(header + ELF_PHENTSIZE) != PHDR_SIZE ||
	    image_read_le16(header + ELF_PHNUM) > ELF_PHNUM_MAX)
		return image_fail(p, IMAGE_PART_KERNEL,
				  "is an ELF file with strange program headers");
	if (!range_contains(0, kernel->size, image_read_le64(header + ELF_PHOFF),
			    (u64)image_read_le16(header + ELF_PHNUM) * PHDR_SIZE))
		return image_fail(p, IMAGE_PART_KERNEL, "is a truncated ELF file");
	if (kernel->load_given)
		return image_fail(
			p, IMAGE_PART_KERNEL,
			"is an ELF file, whose segments say where they go: load is not for it");
	return STATUS_OK;
}

static enum status plan_segment(struct image_planner *p, const u8 *phdr)
{
	const struct image_file *kernel = &p->request->kernel;
	u64 offset = image_read_le64(phdr + PHDR_OFFSET),
	    filesz = image_read_le64(phdr + PHDR_FILESZ);
	u64 paddr = image_read_le64(phdr + PHDR_PADDR), memsz = image_read_le64(phdr + PHDR_MEMSZ);
	enum status status;

	if (memsz == 0 && filesz == 0)
		return STATUS_OK;
	if (filesz > memsz)
		return image_fail_at(p, IMAGE_PART_KERNEL,
				     "has an ELF segment larger in the file than in memory", paddr);
	if (!range_contains(0, kernel->size, offset, filesz))
		return image_fail_at(p, IMAGE_PART_KERNEL,
				     "has an ELF segment that reaches outside of the file", paddr);
	if (p->taken_count == IMAGE_SEGMENT_MAX)
		return image_fail(p, IMAGE_PART_KERNEL, "is an ELF file with too many segments");
	status = image_take(p, IMAGE_PART_KERNEL, paddr, memsz);
	if (status != STATUS_OK)
		return status;
	image_add_piece(p, paddr, kernel->data + offset, filesz);
	p->plan->kernel_end = max_u64(p->plan->kernel_end, paddr + memsz);
	return STATUS_OK;
}

/* The entry point is a virtual address; the boot hart starts untranslated, so it has to be turned
 * into the physical address of the same byte. */
static u64 translate_entry(u64 entry, const u8 *phdrs, unsigned phnum)
{
	unsigned i;

	for (i = 0; i < phnum; i++) {
		const u8 *phdr = phdrs + (size_t)i * PHDR_SIZE;
		u64 vaddr = image_read_le64(phdr + PHDR_VADDR);

		if (image_read_le32(phdr + PHDR_TYPE) == PT_LOAD && entry >= vaddr &&
		    entry - vaddr < image_read_le64(phdr + PHDR_MEMSZ))
			return entry - vaddr + image_read_le64(phdr + PHDR_PADDR);
	}
	return entry;
}

enum status image_plan_elf(struct image_planner *p)
{
	const u8 *header = p->request->kernel.data;
	enum status status = check_elf_header(p);
	const u8 *phdrs;
	unsigned i, phnum;

	if (status != STATUS_OK)
		return status;
	phdrs = header + image_read_le64(header + ELF_PHOFF);
	phnum = image_read_le16(header + ELF_PHNUM);
	for (i = 0; i < phnum; i++) {
		const u8 *phdr = phdrs + (size_t)i * PHDR_SIZE;

		if (image_read_le32(phdr + PHDR_TYPE) != PT_LOAD)
			continue;
		status = plan_segment(p, phdr);
		if (status != STATUS_OK)
			return status;
	}
	if (p->plan->piece_count == 0)
		return image_fail(p, IMAGE_PART_KERNEL, "is an ELF file with nothing to load");
	p->plan->entry = gpa(translate_entry(image_read_le64(header + ELF_ENTRY), phdrs, phnum));
	return STATUS_OK;
}

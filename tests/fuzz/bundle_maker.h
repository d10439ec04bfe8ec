/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes a VM bundle from a fuzzer's input. An empty input gives a good bundle, and each byte more
 * moves it away from that: properties of the schemas with values of the right form and odd size,
 * of the wrong form, twice, or missing.
 */
#pragma once

#include "hyp/config/bundle.h"
#include "tests/fuzz/damage.h"

#define MADE_SIZE KIB(96)

/* Names that images and VMs have, and by which they are asked for. */
static const char *const made_names[] = {"k",
					 "r",
					 "f",
					 "e",
					 "a",
					 "b",
					 "c",
					 "d",
					 "vms",
					 "",
					 "a@1",
					 "no such",
					 "\033[2J",
					 "a/b",
					 "kk",
					 ".",
					 "aaa",
					 "linux.1",
					 "0123456789012345678901234567890",
					 "01234567890123456789012345678901"};

static u8 made[MADE_SIZE] __attribute__((aligned(8)));

/* When the tree is full, what does not fit is left out; nodes are closed all the same. */
static inline void made_bytes(const char *name, const void *value, size_t size)
{
	(void)fdt_property(made, name, value, (int)size);
}

static inline void made_string(const char *name, const char *value)
{
	made_bytes(name, value, strlen(value) + 1);
}

static inline const char *made_name(struct input *input)
{
	return made_names[input_below(input, ARRAY_SIZE(made_names))];
}

static inline void made_number(const char *name, u64 value, bool two_cells)
{
	if (two_cells)
		(void)fdt_property_u64(made, name, value);
	else
		(void)fdt_property_u32(made, name, (u32)value);
}

/* Any bytes: the wrong form for most properties. */
static inline void made_raw(struct input *input, const char *name)
{
	u8 value[256];
	size_t size = input_u8(input);

	input_bytes(input, value, size);
	made_bytes(name, value, size);
}

static inline void made_long_string(struct input *input, const char *name)
{
	static char text[8192];
	size_t size = input_u16(input) % sizeof(text);

	memset(text, 'x', sizeof(text));
	text[size] = '\0';
	made_bytes(name, text, size + 1);
}

static inline void made_strings(struct input *input, const char *name)
{
	char list[512];
	size_t size = 0;

	for (unsigned count = 1 + input_u8(input) % 10; count > 0; count--) {
		static const char *const vms[] = {"a", "b", "c", "d"};
		u8 which = input_u8(input);
		/* Those of other VMs often, so that circles come up. */
		const char *text =
			which < 128 ? vms[which % 4] : made_names[which % ARRAY_SIZE(made_names)];

		memcpy(list + size, text, strlen(text) + 1);
		size += strlen(text) + 1;
	}
	made_bytes(name, list, size);
}

static inline void made_cells(struct input *input, const char *name)
{
	fdt32_t cells[80];
	unsigned count = input_u8(input) % ARRAY_SIZE(cells);

	for (unsigned i = 0; i < count; i++) {
		u8 kind = input_u8(input);

		/* Mostly ids of harts that are there, see fake_hw.c. */
		cells[i] = cpu_to_fdt32(kind < 250 ? 3u + 2 * (kind % 16) : input_u32(input));
	}
	made_bytes(name, cells, 4 * count);
}

static inline void made_value(struct input *input, const struct bundle_property *property)
{
	u8 form = input_u8(input);
	unsigned words = 0;

	if (form >= 240) {
		made_raw(input, property->name);
		return;
	}
	switch (property->type) {
	case BUNDLE_TYPE_U32:
		/* Near the limits, which are small. */
		made_number(property->name,
			    form & 2 ? input_u16(input) % 1024 : input_odd_number(input), false);
		break;
	case BUNDLE_TYPE_U64:
		made_number(property->name, input_odd_number(input), form & 1);
		break;
	case BUNDLE_TYPE_STRING:
		if (form & 1)
			made_long_string(input, property->name);
		else
			made_string(property->name, made_name(input));
		break;
	case BUNDLE_TYPE_BOOL:
		made_bytes(property->name, "", 0);
		break;
	case BUNDLE_TYPE_IMAGE:
		made_string(property->name, made_name(input));
		break;
	case BUNDLE_TYPE_CHOICE:
		while (property->words[words])
			words++;
		words = input_below(input, words + 1);
		made_string(property->name,
			    property->words[words] ? property->words[words] : "neither");
		break;
	case BUNDLE_TYPE_CELLS:
		made_cells(input, property->name);
		break;
	case BUNDLE_TYPE_STRINGS:
		made_strings(input, property->name);
		break;
	}
}

/* Properties of the schema as the input says; returns which it has named, a bit for each. */
static inline u64 made_properties(struct input *input, const struct bundle_schema *schema)
{
	u64 named = 0;

	for (unsigned count = input_u8(input) % 16; count > 0; count--) {
		u8 which = input_u8(input);
		size_t index = which % (schema->count + 2);

		if (index == schema->count) {
			made_raw(input, made_name(input));
		} else if (index == schema->count + 1) {
			(void)fdt_begin_node(made, made_name(input));
			(void)fdt_end_node(made);
		} else {
			named |= BIT(index);
			/* Three times the same: the property is left out. */
			if (which < 3 * (schema->count + 2))
				made_value(input, &schema->properties[index]);
		}
	}
	return named;
}

/* ------------------------------------------------------------------------------------------------
 * Images.
 */

/* Small trees, good and not. */
static inline size_t made_own_tree(struct input *input, u8 *tree, size_t size)
{
	u8 nodes = input_u8(input);

	(void)fdt_create(tree, (int)size);
	(void)fdt_finish_reservemap(tree);
	(void)fdt_begin_node(tree, "");
	(void)fdt_property_string(tree, "model", "own");
	for (unsigned i = 0; i < nodes % 8; i++) {
		(void)fdt_begin_node(tree, i & 1 ? made_name(input) : "chosen");
		(void)fdt_property(tree, i & 2 ? "bootargs" : "linux,initrd-start", made, nodes);
		(void)fdt_end_node(tree);
	}
	(void)fdt_end_node(tree);
	if (fdt_finish(tree) != 0)
		return 0;
	damage_words(input, tree, fdt_totalsize(tree));
	return size < fdt_totalsize(tree) ? size : fdt_totalsize(tree);
}

static inline void put_le(u8 *to, u64 value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		to[i] = (u8)(value >> 8 * i);
}

static inline size_t made_linux(struct input *input, u8 *image)
{
	memset(image, 0, 128);
	put_le(image + 8, input_odd_number(input), 8);	/* text_offset */
	put_le(image + 16, input_odd_number(input), 8); /* image_size */
	put_le(image + 24, input_u8(input), 8);		/* flags */
	memcpy(image + 56, "RSC\x05", 4);
	return 64 + input_u8(input) % 64;
}

/* A program header: one that may well be right, or anything. */
static inline void made_segment(struct input *input, u8 *phdr)
{
	u8 form = input_u8(input);
	bool odd = form & 1;
	u64 address = odd ? input_odd_number(input)
			  : GUEST_RAM_BASE + input_u16(input) % 2048 * PAGE_SIZE;
	u64 offset = odd ? input_odd_number(input) : input_u16(input) % 2100;
	u64 filesz = odd ? input_odd_number(input) : input_u16(input) % 2100;

	put_le(phdr, form < 240 ? 1 : 2, 4);
	put_le(phdr + 8, offset, 8);
	put_le(phdr + 16, address, 8);
	put_le(phdr + 24, address, 8);
	put_le(phdr + 32, filesz, 8);
	put_le(phdr + 40, form & 2 ? input_odd_number(input) : filesz, 8);
}

/* An ELF64 file with up to 20 program headers: virtual addresses are the physical ones. */
static inline size_t made_elf(struct input *input, u8 *image, size_t size)
{
	u8 count = input_u8(input) % 20;

	memset(image, 0, size);
	memcpy(image, "\177ELF\2\1\1", 7);
	put_le(image + 16, 2, 2);
	put_le(image + 18, 243, 2);
	/* Where the segments of the usual form are, or anywhere. */
	put_le(image + 24,
	       count & 1 ? input_odd_number(input)
			 : GUEST_RAM_BASE + input_u16(input) % 2048 * PAGE_SIZE,
	       8);
	put_le(image + 32, 64, 8);
	put_le(image + 54, 56, 2);
	put_le(image + 56, count, 2);
	for (u8 i = 0; i < count && 64 + 56 * (i + 1u) <= size; i++)
		made_segment(input, image + 64 + 56 * i);
	for (u8 changes = input_u8(input) % 4; changes > 0; changes--) {
		u16 where = input_u16(input);

		image[where % size] = input_u8(input);
	}
	return size;
}

static inline size_t made_data(struct input *input, u8 kind, u8 *data, size_t size)
{
	switch (kind % 6) {
	case 0:
		memset(data, 0, 64);
		return 64;
	case 1:
		return made_own_tree(input, data, size);
	case 2:
		return made_linux(input, data);
	case 3:
		return made_elf(input, data, size);
	case 4:
		input_bytes(input, data, 32);
		return kind % 32;
	default:
		memset(data, 0x13, size);
		return size;
	}
}

static inline void made_image(struct input *input, const char *name, const char *type, u8 kind)
{
	static u8 data[2048] __attribute__((aligned(8)));
	static const char *const odd_names[] = {
		"load",	     "entry", "compression", "data-offset", "data-position",
		"data-size", "arch",  "type",	     "os",	    "phandle"};
	u8 flags = input_u8(input);

	(void)fdt_begin_node(made, name);
	if (!(flags & 1))
		made_string("type", type);
	if (!(flags & 2))
		made_bytes("data", data, made_data(input, kind, data, sizeof(data)));
	if (flags & 4)
		made_string("compression", "none");
	for (unsigned i = flags >> 5; i > 0; i--) {
		u8 which = input_u8(input);
		const char *property = odd_names[which % ARRAY_SIZE(odd_names)];

		if (which >= 200)
			made_raw(input, property);
		else
			made_number(property, input_odd_number(input), which & 32);
	}
	(void)fdt_end_node(made);
}

static inline void made_images(struct input *input)
{
	static const char *const types[] = {"kernel", "ramdisk", "flat_dt"};

	(void)fdt_begin_node(made, "images");
	made_image(input, "k", "kernel", 0);
	made_image(input, "r", "ramdisk", 5);
	made_image(input, "f", "flat_dt", 1);
	for (unsigned count = input_u8(input) % 5; count > 0; count--) {
		const char *name = made_name(input);
		u8 type = input_u8(input);

		made_image(input, name, types[type % 3], type / 3);
	}
	(void)fdt_end_node(made);
}

/* ------------------------------------------------------------------------------------------------
 * The whole.
 */

static inline void made_vm(struct input *input, const char *name)
{
	const struct bundle_schema *schema = &bundle_vm_schema;
	u64 named;

	(void)fdt_begin_node(made, name);
	named = made_properties(input, schema);
	for (size_t i = 0; i < schema->count; i++) {
		if (schema->properties[i].fallback || named & BIT(i))
			continue;
		if (schema->properties[i].type == BUNDLE_TYPE_IMAGE)
			made_string(schema->properties[i].name, "k");
		else
			made_number(schema->properties[i].name, MIB(4), false);
	}
	(void)fdt_end_node(made);
}

static inline void make_bundle(struct input *input)
{
	static const char *const usual[] = {"a", "b", "c", "d"};
	u8 shape = input_u8(input);

	(void)fdt_create(made, (int)sizeof(made));
	(void)fdt_finish_reservemap(made);
	(void)fdt_begin_node(made, "");
	made_images(input);
	(void)fdt_begin_node(made, "vms");
	for (unsigned i = 0; i <= shape % 4u; i++)
		made_vm(input, usual[i]);
	for (unsigned i = shape / 4 % 4; i > 0; i--)
		made_vm(input, made_name(input));
	(void)fdt_end_node(made);
	if (shape & 16) {
		(void)fdt_begin_node(made, "console");
		(void)made_properties(input, &bundle_console_schema);
		(void)fdt_end_node(made);
	}
	if (shape & 32) {
		(void)fdt_begin_node(made, "scheduler");
		(void)made_properties(input, &bundle_scheduler_schema);
		(void)fdt_end_node(made);
	}
	if (shape & 64) {
		(void)fdt_begin_node(made, made_name(input));
		(void)fdt_end_node(made);
	}
	(void)fdt_end_node(made);
	(void)fdt_finish(made);
}

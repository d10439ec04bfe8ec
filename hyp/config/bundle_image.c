/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bundle's /images: what U-Boot's FIT format says about an image, so that its tools can list
 * and make bundles. Owns struct bundle_image. Hashes and signatures are not looked at.
 */
#include "hyp/config/bundle_internal.h"

#include <libfdt.h>
#include <string.h>

/* A node's properties as read, before they are put together. */
struct image_node {
	const char *type;
	const char *arch;
	const char *compression;
	bool data_given, offset_given, position_given, size_given;
	u32 offset, position, size; /* of data behind the tree (mkimage -E) */
	struct image_file file;
};

typedef bool set_property(struct bundle_parser *parser, const struct bundle_value *value,
			  struct image_node *node);

static bool set_type(struct bundle_parser *parser, const struct bundle_value *value,
		     struct image_node *node)
{
	return bundle_read_string(parser, value, &node->type);
}

static bool set_arch(struct bundle_parser *parser, const struct bundle_value *value,
		     struct image_node *node)
{
	return bundle_read_string(parser, value, &node->arch);
}

static bool set_compression(struct bundle_parser *parser, const struct bundle_value *value,
			    struct image_node *node)
{
	return bundle_read_string(parser, value, &node->compression);
}

static bool set_data(struct bundle_parser *parser, const struct bundle_value *value,
		     struct image_node *node)
{
	(void)parser;
	node->data_given = true;
	node->file.data = value->data;
	node->file.size = (u64)value->length;
	return true;
}

static bool set_data_offset(struct bundle_parser *parser, const struct bundle_value *value,
			    struct image_node *node)
{
	node->offset_given = true;
	return bundle_read_u32(parser, value, &node->offset);
}

static bool set_data_position(struct bundle_parser *parser, const struct bundle_value *value,
			      struct image_node *node)
{
	node->position_given = true;
	return bundle_read_u32(parser, value, &node->position);
}

static bool set_data_size(struct bundle_parser *parser, const struct bundle_value *value,
			  struct image_node *node)
{
	node->size_given = true;
	return bundle_read_u32(parser, value, &node->size);
}

static bool set_load(struct bundle_parser *parser, const struct bundle_value *value,
		     struct image_node *node)
{
	node->file.load_given = true;
	return bundle_read_u64(parser, value, &node->file.load.value);
}

static bool set_entry(struct bundle_parser *parser, const struct bundle_value *value,
		      struct image_node *node)
{
	node->file.entry_given = true;
	return bundle_read_u64(parser, value, &node->file.entry.value);
}

/* Without a function: allowed, and nothing to us. */
static const struct {
	const char *name;
	set_property *set;
} image_properties[] = {
	{"type", set_type},
	{"data", set_data},
	{"arch", set_arch},
	{"compression", set_compression},
	{"load", set_load},
	{"entry", set_entry},
	{"data-offset", set_data_offset},
	{"data-position", set_data_position},
	{"data-size", set_data_size},
	{"description", NULL},
	{"os", NULL},
	{"timestamp", NULL},
	{"phandle", NULL},
	{"linux,phandle", NULL},
};

static const char *property_name_at(const void *list, size_t index)
{
	(void)list;
	return index < ARRAY_SIZE(image_properties) ? image_properties[index].name : NULL;
}

static bool read_properties(struct bundle_parser *parser, int offset, struct image_node *node)
{
	bool good = true;
	u32 seen = 0;
	int property;

	fdt_for_each_property_offset(property, parser->blob, offset)
	{
		struct bundle_value value;
		size_t i;

		value.data =
			fdt_getprop_by_offset(parser->blob, property, &value.name, &value.length);
		if (!value.data)
			return bundle_fail(parser, "unreadable property");
		for (i = 0; i < ARRAY_SIZE(image_properties); i++)
			if (strcmp(value.name, image_properties[i].name) == 0)
				break;
		if (i == ARRAY_SIZE(image_properties)) {
			bundle_report_unknown(parser, "property", value.name, property_name_at,
					      NULL);
			continue;
		}
		if (seen & BIT(i))
			good = bundle_fail(parser, "%s is given twice", value.name);
		seen |= BIT(i);
		if (image_properties[i].set && !image_properties[i].set(parser, &value, node))
			good = false;
	}
	return good;
}

static bool check_type(struct bundle_parser *parser, const char *text, enum bundle_image_type *type)
{
	static const char *const names[] = {
		[BUNDLE_KERNEL] = "kernel",
		[BUNDLE_RAMDISK] = "ramdisk",
		[BUNDLE_FLAT_DT] = "flat_dt",
	};
	size_t i;

	if (!text)
		return bundle_fail(parser, "type is missing");
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(text, names[i]) == 0) {
			*type = (enum bundle_image_type)i;
			return true;
		}
	}
	return bundle_fail(parser, "type = \"%s\" is none of kernel, ramdisk, flat_dt", text);
}

/* Data behind the tree: from the next multiple of 4 behind its end, or from its start, as mkimage
 * writes it. */
static bool find_external_data(struct bundle_parser *parser, struct image_node *node)
{
	u64 start = node->position;

	if (!node->size_given)
		return bundle_fail(parser, "data-size is missing");
	if (!node->position_given)
		start = align_up(fdt_totalsize(parser->blob), 4) + node->offset;
	if (!range_contains(0, parser->size, start, node->size))
		return bundle_fail(parser, "data-size = 0x%lx reaches beyond the end of the bundle",
				   (unsigned long)node->size);
	node->file.data = (const u8 *)parser->blob + start;
	node->file.size = node->size;
	return true;
}

static bool check_data(struct bundle_parser *parser, struct image_node *node)
{
	bool external = node->offset_given || node->position_given;

	if (node->data_given && external)
		return bundle_fail(parser, "data is given twice, inside and outside of the tree");
	if (!node->data_given && !external)
		return bundle_fail(parser, "data is missing");
	if (external && !find_external_data(parser, node))
		return false;
	if (node->file.size == 0)
		return bundle_fail(parser, "data is empty");
	return true;
}

static bool check_node(struct bundle_parser *parser, struct image_node *node,
		       enum bundle_image_type *type)
{
	bool good = check_type(parser, node->type, type);

	if (node->arch && strcmp(node->arch, "riscv") != 0)
		good = bundle_fail(parser, "arch = \"%s\" is not riscv", node->arch);
	if (node->compression && strcmp(node->compression, "none") != 0)
		good = bundle_fail(parser, "compression = \"%s\" is not supported, only none is",
				   node->compression);
	return check_data(parser, node) && good;
}

static void parse_image(struct bundle_parser *parser, int offset, struct bundle_image *image)
{
	struct image_node node = {0};
	bool good;

	if (!bundle_check_name(parser, parser->node))
		return;
	good = read_properties(parser, offset, &node);
	image->usable = check_node(parser, &node, &image->type) && good;
	image->file = node.file;
}

enum status bundle_parse_images(struct bundle_parser *parser, int images)
{
	const struct name_index *names = &parser->image_names;
	struct bundle *bundle = parser->bundle;
	enum status status;

	parser->parent = "/images";
	status = name_index_make(&parser->image_names, parser->blob, images, BUNDLE_IMAGE_MAX);
	if (status == STATUS_OK)
		status = store_alloc(&bundle->image_store, names->count * sizeof(*bundle->images));
	if (status != STATUS_OK) {
		(void)bundle_fail(parser, "there is no memory for a table of its images");
		return status;
	}
	if (names->more)
		(void)bundle_fail(parser, "there are more than %lu images, the rest is left out",
				  (unsigned long)BUNDLE_IMAGE_MAX);
	bundle->images = bundle->image_store.data;
	bundle->image_count = names->count;
	for (u32 i = 0; i < names->count; i++) {
		struct bundle_image *image = &bundle->images[i];

		image->name = parser->node = names->entries[i].name;
		if (bundle_find_image(parser, image->name) == image)
			parse_image(parser, names->entries[i].node, image);
		else
			(void)bundle_fail(parser, "there is an image of this name already");
	}
	parser->node = NULL;
	return STATUS_OK;
}

struct bundle_image *bundle_find_image(const struct bundle_parser *parser, const char *name)
{
	u32 number;

	return name_index_find(&parser->image_names, name, &number)
		       ? &parser->bundle->images[number]
		       : NULL;
}

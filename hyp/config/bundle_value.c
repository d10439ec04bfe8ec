/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values of properties, by type, and nodes, by schema. Owns the wording of types. No state but the
 * parser's; what a value means is its schema's business.
 */
#include "hyp/config/bundle_internal.h"

#include <libfdt.h>
#include <string.h>

static u32 read_cell(const u8 *data)
{
	return (u32)data[0] << 24 | (u32)data[1] << 16 | (u32)data[2] << 8 | data[3];
}

static bool wrong_type(struct bundle_parser *parser, const struct bundle_value *value,
		       enum bundle_type wanted)
{
	return bundle_fail(parser, "%s has a value of %lu bytes, must be %s", value->name,
			   (unsigned long)value->length, bundle_type_name(wanted));
}

const char *bundle_type_name(enum bundle_type type)
{
	switch (type) {
	case BUNDLE_TYPE_U32:
		return "a number, one cell";
	case BUNDLE_TYPE_U64:
		return "a number, one or two cells";
	case BUNDLE_TYPE_STRING:
		return "a string";
	case BUNDLE_TYPE_BOOL:
		return "a flag without a value";
	case BUNDLE_TYPE_IMAGE:
		return "the name of an image";
	case BUNDLE_TYPE_CHOICE:
		return "a word";
	case BUNDLE_TYPE_CELLS:
		return "one or more cells";
	case BUNDLE_TYPE_STRINGS:
		return "one or more strings";
	}
	return "unknown";
}

bool bundle_read_u32(struct bundle_parser *parser, const struct bundle_value *value, u32 *result)
{
	if (value->length != 4)
		return wrong_type(parser, value, BUNDLE_TYPE_U32);
	*result = read_cell(value->data);
	return true;
}

bool bundle_read_u64(struct bundle_parser *parser, const struct bundle_value *value, u64 *result)
{
	if (value->length == 4)
		*result = read_cell(value->data);
	else if (value->length == 8)
		*result = (u64)read_cell(value->data) << 32 | read_cell(value->data + 4);
	else
		return wrong_type(parser, value, BUNDLE_TYPE_U64);
	return true;
}

static bool no_end(struct bundle_parser *parser, const struct bundle_value *value)
{
	return bundle_fail(parser, "%s is no string: it has no NUL at its end", value->name);
}

bool bundle_read_string(struct bundle_parser *parser, const struct bundle_value *value,
			const char **result)
{
	const u8 *end = value->length > 0 ? memchr(value->data, '\0', (size_t)value->length) : NULL;

	if (!end)
		return no_end(parser, value);
	if (end != value->data + value->length - 1)
		return bundle_fail(parser, "%s must be one string", value->name);
	*result = (const char *)value->data;
	return true;
}

bool bundle_read_flag(struct bundle_parser *parser, const struct bundle_value *value, bool *result)
{
	if (value->length != 0)
		return wrong_type(parser, value, BUNDLE_TYPE_BOOL);
	*result = true;
	return true;
}

bool bundle_read_choice(struct bundle_parser *parser, const struct bundle_value *value,
			const char *const *words, u32 *result)
{
	char list[64] = "";
	const char *word;

	if (!bundle_read_string(parser, value, &word))
		return false;
	for (u32 i = 0; words[i]; i++) {
		if (strcmp(word, words[i]) == 0) {
			*result = i;
			return true;
		}
		strncat(list, i ? ", " : "", sizeof(list) - 1 - strlen(list));
		strncat(list, words[i], sizeof(list) - 1 - strlen(list));
	}
	return bundle_fail(parser, "%s = \"%s\" is none of %s", value->name, word, list);
}

bool bundle_read_cells(struct bundle_parser *parser, const struct bundle_value *value,
		       struct bundle_cells *result)
{
	if (value->length == 0 || value->length % 4 != 0)
		return wrong_type(parser, value, BUNDLE_TYPE_CELLS);
	*result = (struct bundle_cells){value->data, (u32)value->length / 4};
	return true;
}

bool bundle_read_strings(struct bundle_parser *parser, const struct bundle_value *value,
			 struct bundle_strings *result)
{
	if (value->length == 0 || value->data[value->length - 1] != '\0')
		return no_end(parser, value);
	*result = (struct bundle_strings){(const char *)value->data, (u32)value->length};
	return true;
}

u32 bundle_cell(const struct bundle_cells *cells, u32 index)
{
	return read_cell(cells->data + 4 * (size_t)index);
}

const char *bundle_next_string(const struct bundle_strings *strings, const char *string)
{
	const char *next = string ? string + strlen(string) + 1 : strings->data;

	return strings->size && next < strings->data + strings->size ? next : NULL;
}

/* ------------------------------------------------------------------------------------------------
 * Nodes.
 */

/* Every node may have these. */
static const char *const general_names[] = {"description", "phandle", "linux,phandle"};

static const char *property_name_at(const void *list, size_t index)
{
	const struct bundle_schema *schema = list;

	if (index < schema->count)
		return schema->properties[index].name;
	index -= schema->count;
	return index < ARRAY_SIZE(general_names) ? general_names[index] : NULL;
}

static bool read_image(struct bundle_parser *parser, const struct bundle_value *value,
		       const struct bundle_image **result)
{
	const char *name;

	if (!bundle_read_string(parser, value, &name))
		return false;
	*result = bundle_find_image(parser, name);
	if (!*result)
		return bundle_fail(parser, "%s = \"%s\": there is no such node in /images",
				   value->name, name);
	return true;
}

static bool read_value(struct bundle_parser *parser, const struct bundle_property *property,
		       const struct bundle_value *value, void *object)
{
	void *member = (char *)object + property->offset;

	switch (property->type) {
	case BUNDLE_TYPE_U32:
		return bundle_read_u32(parser, value, member);
	case BUNDLE_TYPE_U64:
		return bundle_read_u64(parser, value, member);
	case BUNDLE_TYPE_STRING:
		return bundle_read_string(parser, value, member);
	case BUNDLE_TYPE_BOOL:
		return bundle_read_flag(parser, value, member);
	case BUNDLE_TYPE_IMAGE:
		return read_image(parser, value, member);
	case BUNDLE_TYPE_CHOICE:
		return bundle_read_choice(parser, value, property->words, member);
	case BUNDLE_TYPE_CELLS:
		return bundle_read_cells(parser, value, member);
	case BUNDLE_TYPE_STRINGS:
		return bundle_read_strings(parser, value, member);
	}
	return false;
}

static void set_defaults(const struct bundle_schema *schema, void *object)
{
	for (size_t i = 0; i < schema->count; i++) {
		const struct bundle_property *property = &schema->properties[i];
		void *member = (char *)object + property->offset;

		if (property->type == BUNDLE_TYPE_U32 || property->type == BUNDLE_TYPE_CHOICE)
			*(u32 *)member = (u32)property->initial;
		else if (property->type == BUNDLE_TYPE_U64)
			*(u64 *)member = property->initial;
	}
}

/* One property; a bit of *seen for each name that the schema and general_names have. */
static void read_property(struct bundle_parser *parser, const struct bundle_value *value,
			  const struct bundle_schema *schema, void *object, u64 *seen)
{
	const struct bundle_property *property;
	const char *name;
	size_t i;

	for (i = 0; (name = property_name_at(schema, i)) != NULL; i++)
		if (strcmp(name, value->name) == 0)
			break;
	if (!name) {
		bundle_report_unknown(parser, "property", value->name, property_name_at, schema);
		return;
	}
	if (*seen & BIT(i))
		(void)bundle_fail(parser, "%s is given twice", value->name);
	*seen |= BIT(i);
	if (i >= schema->count)
		return;
	property = &schema->properties[i];
	if (read_value(parser, property, value, object) && property->check)
		(void)property->check(parser, property, object);
}

void bundle_read_node(struct bundle_parser *parser, int node, const struct bundle_schema *schema,
		      void *object)
{
	u64 seen = 0;
	int offset;

	set_defaults(schema, object);
	fdt_for_each_property_offset(offset, parser->blob, node)
	{
		struct bundle_value value;

		value.data =
			fdt_getprop_by_offset(parser->blob, offset, &value.name, &value.length);
		if (!value.data) {
			(void)bundle_fail(parser, "unreadable property");
			return;
		}
		read_property(parser, &value, schema, object, &seen);
	}
	for (size_t i = 0; i < schema->count; i++)
		if (!schema->properties[i].fallback && !(seen & BIT(i)))
			(void)bundle_fail(parser, "%s is missing", schema->properties[i].name);
	fdt_for_each_subnode(offset, parser->blob, node)
	{
		if (bundle_is_silent(parser))
			break;
		bundle_report(parser, BUNDLE_WARNING, "node \"%s\" is ignored",
			      fdt_get_name(parser->blob, offset, NULL));
	}
}

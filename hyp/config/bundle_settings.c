/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the bundle says about the hypervisor itself: /console and /scheduler. Owns
 * bundle->escape_key, show_all and slice. A mistake here is an error that stops nothing: the
 * defaults take its place.
 */
#include "hyp/config/bundle_internal.h"

#define SLICE_MIN 1000 /* microseconds */
#define SLICE_MAX 100000

struct console_node {
	u32 escape_key;
	u32 show; /* a number of show_words */
};

struct scheduler_node {
	u32 slice; /* microseconds */
};

static bool check_escape_key(struct bundle_parser *parser, const struct bundle_property *property,
			     const void *object)
{
	const struct console_node *console = object;

	if (console->escape_key >= ' ')
		return bundle_fail(parser, "%s = %lu is no control character, 1 to 31, nor 0",
				   property->name, (unsigned long)console->escape_key);
	return true;
}

static bool check_slice(struct bundle_parser *parser, const struct bundle_property *property,
			const void *object)
{
	const struct scheduler_node *scheduler = object;

	if (scheduler->slice < SLICE_MIN || scheduler->slice > SLICE_MAX)
		return bundle_fail(parser, "%s = %lu is not between %lu and %lu", property->name,
				   (unsigned long)scheduler->slice, (unsigned long)SLICE_MIN,
				   (unsigned long)SLICE_MAX);
	return true;
}

static const char *const show_words[] = {"one", "all", NULL};

static const struct bundle_property console_properties[] = {
	{"escape-key", BUNDLE_TYPE_U32, offsetof(struct console_node, escape_key),
	 BUNDLE_ESCAPE_KEY, NULL, check_escape_key, "0x1d",
	 "The control character, 1 to 31, that speaks to the console and not to the VM: 0x1d is "
	 "Ctrl-]. 0: none does."},
	{"show", BUNDLE_TYPE_CHOICE, offsetof(struct console_node, show), 0, show_words, NULL,
	 "one",
	 "What the console shows at first: `one`, the first VM that starts by itself, or `all` of "
	 "them, line by line with their names."},
};

static const struct bundle_property scheduler_properties[] = {
	{"slice", BUNDLE_TYPE_U32, offsetof(struct scheduler_node, slice), 10000, NULL, check_slice,
	 "10000",
	 "Microseconds that a vCPU may run while others wait for its hart, 1000 to 100000."},
};

const struct bundle_schema bundle_console_schema = {"/console", console_properties,
						    ARRAY_SIZE(console_properties)};

const struct bundle_schema bundle_scheduler_schema = {"/scheduler", scheduler_properties,
						      ARRAY_SIZE(scheduler_properties)};

void bundle_parse_console(struct bundle_parser *parser, int node)
{
	struct console_node console = {0};

	parser->parent = bundle_console_schema.node;
	parser->failed = false;
	bundle_read_node(parser, node, &bundle_console_schema, &console);
	if (parser->failed)
		return;
	parser->bundle->escape_key = console.escape_key;
	parser->bundle->show_all = console.show != 0;
}

void bundle_parse_scheduler(struct bundle_parser *parser, int node)
{
	struct scheduler_node scheduler = {0};

	parser->parent = bundle_scheduler_schema.node;
	parser->failed = false;
	bundle_read_node(parser, node, &bundle_scheduler_schema, &scheduler);
	if (!parser->failed)
		parser->bundle->slice = bundle_ticks(scheduler.slice);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What the bundle's files share with each other and with nobody else. */
#pragma once

#include "hyp/config/bundle.h"

/* The state of one bundle_parse(). */
struct bundle_parser {
	const void *blob; /* passed tree_check() */
	u64 size; /* bytes from blob on that were loaded, images outside of the tree included */
	struct bundle *bundle;
	const struct bundle_options *options;

	unsigned line_count; /* messages so far */
	const char *parent;  /* the node that messages are about: "/vms" */
	const char *node;    /* and its child, NULL if it is the parent itself */
	bool failed;	     /* an error was reported since this was last cleared */
};

/* One line about the current node. The format knows %s, %lu and %lx only; %s is cut at some length
 * and made printable, since it may come from the blob. */
void bundle_report(struct bundle_parser *parser, enum bundle_severity severity, const char *format,
		   ...) __attribute__((format(printf, 3, 4)));

/* The same with BUNDLE_ERROR, and marks the node as failed; always false. */
#define bundle_fail(parser, ...) (bundle_report(parser, BUNDLE_ERROR, __VA_ARGS__), false)

/* A warning about a name that is on none of the lists, with the nearest one that is. name_at()
 * returns NULL behind the last. */
void bundle_report_unknown(struct bundle_parser *parser, const char *what, const char *name,
			   const char *(*name_at)(size_t index));

/* A node's name goes into messages and commands: letters, digits and ",._+-@" (Devicetree
 * Specification, "Node Names"), at most BUNDLE_NAME_MAX of them. Reports what it is not. */
bool bundle_check_name(struct bundle_parser *parser, const char *name);

/* A property's value as libfdt found it, and how to read it. Each reports and returns false if the
 * value is not of that type. */
struct bundle_value {
	const char *name;
	const u8 *data;
	int length; /* bytes */
};
bool bundle_read_u32(struct bundle_parser *parser, const struct bundle_value *value, u32 *result);
bool bundle_read_u64(struct bundle_parser *parser, const struct bundle_value *value, u64 *result);
bool bundle_read_string(struct bundle_parser *parser, const struct bundle_value *value,
			const char **result);
bool bundle_read_flag(struct bundle_parser *parser, const struct bundle_value *value, bool *result);

/* Fills bundle->images from the children of that node; those that are no good are marked so. */
void bundle_parse_images(struct bundle_parser *parser, int images);
const struct bundle_image *bundle_find_image(const struct bundle *bundle, const char *name);

/* Reads and checks one VM; true if it can run. */
bool bundle_parse_vm(struct bundle_parser *parser, int node, struct bundle_vm *vm);

/* SPDX-License-Identifier: BSD-2-Clause */
/* What the bundle's files share with each other and with nobody else. */
#pragma once

#include "hyp/config/bundle.h"
#include "hyp/config/name_index.h"

/* What the parser remembers of a VM until all of them are read. */
struct bundle_record {
	struct bundle_strings depends;
	bool usable; /* no error so far */

	/* The search for circles (bundle_depends.c). */
	u8 visit;
	u8 next;    /* the first of the VM's depends that is not settled */
	u32 parent; /* who asked for this VM */

	u32 final; /* its index when those that are left out have gone */
};

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

	/* While VMs are read, bundle->vms has an element for each of vm_names, and so has records.
	 */
	struct name_index image_names, vm_names;
	struct store record_store;
	struct bundle_record *records;
	u64 memory_taken;   /* bytes that the VMs before have */
	u32 compared_count; /* names, in search of the nearest to one that is unknown */
};

/* ------------------------------------------------------------------------------------------------
 * bundle_report.c
 */

/* One line about the current node. The format knows %s, %lu, %lx and %.NNNs only; %s is cut at some
 * length, or at NN, and made printable, since it may come from the blob. */
void bundle_report(struct bundle_parser *parser, enum bundle_severity severity, const char *format,
		   ...) __attribute__((format(printf, 3, 4)));

/* The same with BUNDLE_ERROR, and marks the node as failed; always false. */
#define bundle_fail(parser, ...) (bundle_report(parser, BUNDLE_ERROR, __VA_ARGS__), false)

/* Further messages are not shown: do not spend time on them. */
bool bundle_is_silent(const struct bundle_parser *parser);

/* The name on a list that is most like that one. name_at() returns NULL behind the last; NULL: the
 * list is empty. */
const char *bundle_nearest(const char *name, const char *(*name_at)(const void *list, size_t index),
			   const void *list);

/* A warning about a name that is not on the list, with the nearest one that is. */
void bundle_report_unknown(struct bundle_parser *parser, const char *what, const char *name,
			   const char *(*name_at)(const void *list, size_t index),
			   const void *list);

/* A node's name goes into messages and commands: letters, digits and ",._+-@" (Devicetree
 * Specification, "Node Names"), 1 to BUNDLE_NAME_MAX of them. Reports what it is not. */
bool bundle_check_name(struct bundle_parser *parser, const char *name);

/* ------------------------------------------------------------------------------------------------
 * bundle_value.c: a property's value as libfdt found it, and how to read it. Each reports and
 * returns false if the value is not of that type.
 */

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
bool bundle_read_choice(struct bundle_parser *parser, const struct bundle_value *value,
			const char *const *words, u32 *result);
bool bundle_read_cells(struct bundle_parser *parser, const struct bundle_value *value,
		       struct bundle_cells *result);
bool bundle_read_strings(struct bundle_parser *parser, const struct bundle_value *value,
			 struct bundle_strings *result);

u32 bundle_cell(const struct bundle_cells *cells, u32 index);
/* Goes through a list: NULL begins, and NULL is the end. */
const char *bundle_next_string(const struct bundle_strings *strings, const char *string);

/* Reads a node by its schema into object, which is zeroed but for the defaults. Errors are noted in
 * parser->failed, so that all of a node's are told at once. */
void bundle_read_node(struct bundle_parser *parser, int node, const struct bundle_schema *schema,
		      void *object);

/* ------------------------------------------------------------------------------------------------
 * The nodes of the bundle.
 */

/* bundle_image.c. Fills bundle->images from the children of that node; those that are no good are
 * marked so. STATUS_NO_MEMORY has been reported. */
enum status bundle_parse_images(struct bundle_parser *parser, int images) MUST_CHECK;
/* NULL: there is no such node. */
struct bundle_image *bundle_find_image(const struct bundle_parser *parser, const char *name);

/* bundle_settings.c: /console and /scheduler. What is wrong keeps its default. */
void bundle_parse_console(struct bundle_parser *parser, int node);
void bundle_parse_scheduler(struct bundle_parser *parser, int node);

/* What a VM's node says, as it stands there. */
struct bundle_vm_node {
	struct bundle_vm vm;
	u32 autostart, restart; /* numbers of words */
	struct bundle_cells harts;
	struct bundle_strings depends;
	u32 rt_budget, rt_period; /* microseconds, 0: not given */
};

/* bundle_vm.c. Reads and checks one VM, parser->node by name; true if it can run, other VMs
 * permitting. */
bool bundle_parse_vm(struct bundle_parser *parser, int offset, struct bundle_vm *vm,
		     struct bundle_strings *depends);

/* bundle_limits.c: the scheduler's properties. */
bool bundle_check_shares(struct bundle_parser *parser, const struct bundle_property *property,
			 const void *object);
bool bundle_check_budget(struct bundle_parser *parser, const struct bundle_property *property,
			 const void *object);
bool bundle_check_period(struct bundle_parser *parser, const struct bundle_property *property,
			 const void *object);
/* Those that must fit each other, and node->vm.limits from them. */
void bundle_set_limits(struct bundle_parser *parser, struct bundle_vm_node *node);
/* Of all VMs: no hart is dedicated twice, and each VM has one to run on. */
void bundle_share_harts(struct bundle_parser *parser);
/* At least 1. */
u64 bundle_ticks(u64 microseconds);

/* bundle_depends.c. The list of one VM: not too long. */
bool bundle_check_depends(struct bundle_parser *parser, const struct bundle_property *property,
			  const void *object);
/* Turns names into indexes, for all VMs. */
void bundle_resolve_depends(struct bundle_parser *parser);
/* Leaves out who depends on a VM that is left out, or on itself in a circle. */
void bundle_settle_depends(struct bundle_parser *parser);

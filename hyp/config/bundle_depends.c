/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which VM needs which. Names become indexes when all VMs are read, so that they may point forward;
 * then a search in depth finds circles and whoever is left without a VM that it needs. It takes
 * each dependency once, and keeps its path in the records and not on the stack. No state but those.
 */
#include "hyp/config/bundle_internal.h"

#include <string.h>

#define NOBODY UINT32_MAX

/* How many names may be compared to find the nearest ones: some 2 microseconds each. */
#define COMPARE_MAX 32768

enum {
	VISIT_NEW,
	VISIT_OPEN, /* on the path from where the search began */
	VISIT_DONE,
};

bool bundle_check_depends(struct bundle_parser *parser, const struct bundle_property *property,
			  const void *object)
{
	const struct bundle_vm_node *node = object;
	const char *name = NULL;
	unsigned count = 0;

	while ((name = bundle_next_string(&node->depends, name)) != NULL)
		if (++count > GUEST_DEPENDS_MAX)
			return bundle_fail(parser, "%s names more than %lu VMs", property->name,
					   (unsigned long)GUEST_DEPENDS_MAX);
	return true;
}

static const char *vm_name_at(const void *list, size_t index)
{
	const struct name_index *names = list;

	return index < names->count ? names->entries[index].name : NULL;
}

static bool fail_unknown(struct bundle_parser *parser, const char *name)
{
	if (bundle_is_silent(parser))
		return false;
	if (parser->compared_count > COMPARE_MAX)
		return bundle_fail(parser, "depends = \"%s\": there is no VM of that name", name);
	parser->compared_count += parser->vm_names.count;
	return bundle_fail(parser,
			   "depends = \"%s\": there is no VM of that name, the nearest is \"%s\"",
			   name, bundle_nearest(name, vm_name_at, &parser->vm_names));
}

static bool add_depend(struct bundle_parser *parser, u32 self, const char *name)
{
	struct bundle_vm *vm = &parser->bundle->vms[self];
	u32 other;

	if (!name_index_find(&parser->vm_names, name, &other))
		return fail_unknown(parser, name);
	if (other == self)
		return bundle_fail(parser, "depends = \"%s\": that is the VM itself", name);
	for (unsigned i = 0; i < vm->depends_count; i++)
		if (vm->depends[i] == other)
			return bundle_fail(parser, "depends = \"%s\" is given twice", name);
	vm->depends[vm->depends_count++] = other;
	return true;
}

void bundle_resolve_depends(struct bundle_parser *parser)
{
	for (u32 i = 0; i < parser->vm_names.count; i++) {
		struct bundle_record *record = &parser->records[i];
		const char *name = NULL;

		parser->node = parser->vm_names.entries[i].name;
		if (!record->usable)
			continue;
		while ((name = bundle_next_string(&record->depends, name)) != NULL)
			record->usable &= add_depend(parser, i, name);
	}
	parser->node = NULL;
}

/* What the VM waits for in the search. */
static u32 pending(const struct bundle_parser *parser, u32 self)
{
	return parser->bundle->vms[self].depends[parser->records[self].next];
}

static void append(char *text, size_t size, const char *more)
{
	strncat(text, more, size - 1 - strlen(text));
}

/* The path leads from first back to first: none of its VMs can start. */
static void leave_out_circle(struct bundle_parser *parser, u32 first)
{
	char text[180] = "";
	u32 member = first;

	do {
		const char *name = parser->bundle->vms[member].name;

		/* Room for one more name, and for the last. */
		if (strlen(text) + 2 * (BUNDLE_NAME_MAX + sizeof(" -> ")) < sizeof(text)) {
			append(text, sizeof(text), name);
			append(text, sizeof(text), " -> ");
		} else if (text[strlen(text) - 2] != '.') {
			append(text, sizeof(text), "... ");
		}
		parser->records[member].usable = false;
		member = pending(parser, member);
	} while (member != first);
	append(text, sizeof(text), parser->bundle->vms[first].name);
	parser->node = parser->bundle->vms[first].name;
	(void)bundle_fail(parser, "depends goes in a circle: %.180s", text);
}

static void leave_out(struct bundle_parser *parser, u32 self, u32 missing)
{
	parser->records[self].usable = false;
	parser->node = parser->bundle->vms[self].name;
	(void)bundle_fail(parser, "depends = \"%s\": that VM is left out",
			  parser->bundle->vms[missing].name);
}

static void open_visit(struct bundle_parser *parser, u32 self, u32 parent)
{
	parser->records[self].visit = VISIT_OPEN;
	parser->records[self].parent = parent;
	parser->records[self].next = 0;
}

/* A VM that is found to be left out has its other dependencies looked at no more, and all that are
 * on its circle with it: so every VM is on one circle at most, and the whole search is linear. */
static void visit(struct bundle_parser *parser, u32 root)
{
	u32 self = root;

	open_visit(parser, root, NOBODY);
	while (self != NOBODY) {
		struct bundle_record *record = &parser->records[self];
		u32 other;

		if (!record->usable || record->next == parser->bundle->vms[self].depends_count) {
			record->visit = VISIT_DONE;
			self = record->parent;
			continue;
		}
		other = pending(parser, self);
		if (!parser->records[other].usable) {
			leave_out(parser, self, other);
		} else if (parser->records[other].visit == VISIT_OPEN) {
			leave_out_circle(parser, other);
		} else if (parser->records[other].visit == VISIT_NEW) {
			open_visit(parser, other, self);
			self = other;
		} else {
			record->next++;
		}
	}
}

void bundle_settle_depends(struct bundle_parser *parser)
{
	u32 i;

	for (i = 0; i < parser->vm_names.count; i++)
		parser->records[i].visit = VISIT_NEW;
	for (i = 0; i < parser->vm_names.count; i++)
		if (parser->records[i].usable && parser->records[i].visit == VISIT_NEW)
			visit(parser, i);
	parser->node = NULL;
}

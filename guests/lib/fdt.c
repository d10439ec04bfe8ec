/* SPDX-License-Identifier: BSD-2-Clause */
/* A reader of the flattened device tree (Devicetree Specification, "Flattened Devicetree (DTB)
 * Format"). Owns nothing. */
#include "fdt.h"

#define FDT_MAGIC      0xd00dfeed
#define FDT_BEGIN_NODE 1
#define FDT_END_NODE   2
#define FDT_PROP       3
#define FDT_NOP	       4

#define DEPTH_MAX 8

u32 fdt_cell(const void *value, u32 n)
{
	const u8 *b = (const u8 *)value + 4 * n;

	return (u32)b[0] << 24 | (u32)b[1] << 16 | (u32)b[2] << 8 | b[3];
}

/* Is this the name, with or without a unit address, of the component at the path's start? */
static bool component_matches(const char *node, const char *path)
{
	while (*path && *path != '/' && *node == *path) {
		node++;
		path++;
	}
	return (*path == 0 || *path == '/') && (*node == 0 || *node == '@');
}

static const char *component_next(const char *path)
{
	while (*path && *path != '/')
		path++;
	return *path ? path + 1 : path;
}

const void *fdt_property(const void *blob, const char *path, const char *name, u32 *length)
{
	const u8 *at = (const u8 *)blob + fdt_cell(blob, 2);
	const char *strings = (const char *)blob + fdt_cell(blob, 3);
	const char *rest[DEPTH_MAX]; /* what of the path is left to match below each open node */
	u32 depth = 0, matched = 0;  /* matched: how many of the open nodes are on the path */

	if (fdt_cell(blob, 0) != FDT_MAGIC)
		return NULL;
	for (;;) {
		u32 token = fdt_cell(at, 0);

		at += 4;
		if (token == FDT_BEGIN_NODE) {
			const char *node = (const char *)at;

			if (depth == 0) {
				rest[0] = path;
				matched = 1;
			} else if (depth == matched && depth < DEPTH_MAX && *rest[depth - 1] &&
				   component_matches(node, rest[depth - 1])) {
				rest[depth] = component_next(rest[depth - 1]);
				matched++;
			}
			depth++;
			at += (strlen(node) + 4) & ~3ul;
		} else if (token == FDT_END_NODE) {
			if (--depth < matched)
				matched = depth;
			if (depth == 0)
				return NULL;
		} else if (token == FDT_PROP) {
			*length = fdt_cell(at, 0);
			if (depth == matched && !*rest[depth - 1] &&
			    strcmp(strings + fdt_cell(at, 1), name) == 0)
				return at + 8;
			at += 8 + ((*length + 3) & ~3u);
		} else if (token != FDT_NOP) {
			return NULL;
		}
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a flattened device tree that passed fdt_check_full(): what libfdt leaves to its users,
 * that is to give properties a meaning (Devicetree Specification, "Standard Properties" and
 * "Interrupts and Interrupt Mapping"). Values can still be anything. Nodes are libfdt offsets.
 */
#pragma once

#include "hyp/status.h"
#include "hyp/types.h"

/* To be called before the first question about a tree, and when it has changed. */
void tree_begin(void);

/* Saves the search for the parent of a node whose parent the caller knows, having come from there.
 */
void tree_note_child(const void *fdt, int parent, int node);

/* For messages: the node's path, in a buffer that the next call overwrites. */
const char *tree_path(const void *fdt, int node);

/* Whether there may be one more message about a node. A tree can be made of nothing but mistakes,
 * and the line is slow. */
bool tree_may_complain(void);

/* A property that is one 32-bit cell. False if it is missing or of another size. */
bool tree_u32(const void *fdt, int node, const char *name, u32 *value);

/* A property that is a number of one or two cells. */
bool tree_number(const void *fdt, int node, const char *name, u64 *value);

/* status is missing, "okay" or "ok". */
bool tree_is_okay(const void *fdt, int node);

bool tree_has_string(const void *fdt, int node, const char *name, const char *value);

/* How many entries the property "reg" has, each of as many cells as the parent says.
 * STATUS_INVALID: the length does not fit, or nobody has that many. A missing property has none. */
enum status tree_reg_count(const void *fdt, int node, unsigned *count) MUST_CHECK;

/* Entry number index of "reg", in CPU addresses: translated through the "ranges" of all buses above
 * it. STATUS_NOT_FOUND: no such entry, or a bus does not pass it on. STATUS_INVALID: malformed. */
enum status tree_reg(const void *fdt, int node, unsigned index, u64 *base, u64 *size) MUST_CHECK;

/* The node's first interrupt: which controller it goes to and the first cell of its specifier.
 * STATUS_NOT_FOUND if it has none. */
enum status tree_interrupt(const void *fdt, int node, int *controller, u32 *number) MUST_CHECK;

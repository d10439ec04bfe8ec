/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Look-ups in the device tree that the boot hart got in a1, as small as a test guest can do with:
 * one pass over the structure block for each. The blob is trusted; it comes from the loader.
 */
#pragma once

#include "types.h"

/*
 * Finds a property by the names of its nodes from the root, units left out: path "cpus/cpu" is the
 * first node that matches. Returns the bytes and their count, or NULL.
 */
const void *fdt_property(const void *blob, const char *path, const char *name, u32 *length);

/* The n-th 32-bit cell of a property's value. */
u32 fdt_cell(const void *value, u32 n);

/* SPDX-License-Identifier: BSD-2-Clause */
/* Which ISA extensions a hart has, as names in lower case, and how device trees say it. */
#pragma once

#include "hyp/types.h"

#define ISALIST_SIZE 2048 /* bytes; the ratified extensions of 2025 take some 1,100 */

struct isalist {
	char names[ISALIST_SIZE]; /* NUL-terminated one after the other, an empty one last */
	unsigned length;	  /* without that last NUL */
};

void isalist_init(struct isalist *list);

/* Adds a name of length bytes, if it is a well-formed one in any case, new, and there is room. */
void isalist_add(struct isalist *list, const char *name, size_t length);

bool isalist_has(const struct isalist *list, const char *name);
void isalist_remove(struct isalist *list, const char *name);

/* Leaves in the list what the other one has too. */
void isalist_intersect(struct isalist *list, const struct isalist *other);

/* Adds what the node of a hart tells: "riscv,isa-extensions", or else "riscv,isa". False if it is
 * no RV64I hart or says nothing. */
bool isalist_read(struct isalist *list, const void *fdt, int node);

/* True if the two nodes tell the same, word for word. */
bool isalist_is_same(const void *fdt, int node, int other);

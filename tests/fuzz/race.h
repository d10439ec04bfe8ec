/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest memory that changes under the reader's feet. hyp/ is compiled with a call before each of
 * its loads (clang's -fsanitize-coverage=trace-loads) and with memcpy() through here: when what is
 * about to be read lies in RAM that a guest can write, its bytes may become others first, as if
 * another vCPU had stored there that moment. What they become is drawn from a seed, so an input
 * does the same each time. Without that compiler option only memcpy() races.
 *
 * Included ahead of every file of hyp/ (mk/fuzz.mk), so nothing of hyp/ may be included here.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* From now on about `rate` of 256 reads of guest memory find it changed. 0: none does. */
void race_begin(uint64_t seed, unsigned rate);
void race_end(void);

/* Host memory that a guest can write; what was told before is forgotten with race_forget(). */
void race_over(const void *ram, size_t size);
void race_forget(void);

/* Times that memory has changed since race_begin(). */
unsigned race_count(void);

/* Random bytes of the same sequence, for hooks that answer differently each time. */
uint64_t race_draw(void);
/* Whether something that is not memory shall change now, by the rate. */
int race_strikes(void);

void *race_memcpy(void *to, const void *from, size_t length);

#ifdef RACE_MEMCPY
#define memcpy(to, from, length) race_memcpy(to, from, length)
#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A set of numbers below a fixed bound, whose smallest member is found in a few loads. Level 0 has
 * a bit for each number, every further level a bit for each word of the level below that is not
 * zero, up to a level of one word. The user provides the words, the lock, and numbers in bounds.
 */
#pragma once

#include "hyp/types.h"

#define SET_DEPTH_MAX 8 /* bounds up to 64^8 */

struct set {
	u64 *level[SET_DEPTH_MAX];
	unsigned depth;
};

/* Words in a level that has a bit for each of so many things. */
static inline u64 set_level_words(u64 bits)
{
	return (bits + 63) / 64;
}

/* Words that set_init() needs for numbers below bound, which is not 0. */
static inline u64 set_word_count(u64 bound)
{
	u64 total = 0;

	do {
		bound = set_level_words(bound);
		total += bound;
	} while (bound > 1);
	return total;
}

/* Lays an empty set out in zeroed words and returns the first word after it. */
static inline u64 *set_init(struct set *set, u64 *words, u64 bound)
{
	set->depth = 0;
	do {
		bound = set_level_words(bound);
		set->level[set->depth++] = words;
		words += bound;
	} while (bound > 1);
	return words;
}

static inline bool set_has(const struct set *set, u64 number)
{
	return (set->level[0][number / 64] >> (number % 64)) & 1;
}

static inline bool set_is_empty(const struct set *set)
{
	return set->level[set->depth - 1][0] == 0;
}

static inline void set_insert(struct set *set, u64 number)
{
	for (unsigned i = 0; i < set->depth; i++) {
		u64 *word = &set->level[i][number / 64];
		bool was_empty = *word == 0;

		*word |= BIT(number % 64);
		if (!was_empty)
			return;
		number /= 64;
	}
}

static inline void set_remove(struct set *set, u64 number)
{
	for (unsigned i = 0; i < set->depth; i++) {
		u64 *word = &set->level[i][number / 64];

		*word &= ~BIT(number % 64);
		if (*word != 0)
			return;
		number /= 64;
	}
}

/* The set must not be empty. */
static inline u64 set_first(const struct set *set)
{
	u64 number = 0;

	for (unsigned i = set->depth; i-- > 0;)
		number = number * 64 + lowest_bit(set->level[i][number]);
	return number;
}

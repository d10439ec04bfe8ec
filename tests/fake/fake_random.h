/* SPDX-License-Identifier: BSD-2-Clause */
/* A small generator for tests: the same seed gives the same test on every host. */
#pragma once

#include "hyp/types.h"

struct fake_random {
	u64 state;
};

static inline u64 fake_random_next(struct fake_random *random)
{
	/* A Weyl sequence whose steps are mixed by multiplication. */
	u64 value = random->state += 0x9e3779b97f4a7c15ULL;

	value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
	value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
	return value ^ (value >> 31);
}

/* 0 to bound - 1. */
static inline u64 fake_random_below(struct fake_random *random, u64 bound)
{
	return fake_random_next(random) % bound;
}

/* 1 to max, each magnitude as likely as any other. */
static inline u64 fake_random_magnitude(struct fake_random *random, u64 max)
{
	unsigned bits = 64 - (unsigned)__builtin_clzll(max);
	u64 value = fake_random_below(random, BIT(fake_random_below(random, bits) + 1));

	return value == 0 || value > max ? 1 + fake_random_below(random, max) : value;
}

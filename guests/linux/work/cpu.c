/* SPDX-License-Identifier: BSD-2-Clause */
/* Computing: some ten million instructions a round, in a megabyte of memory, no system call. */
#include "work.h"

#define SIEVE_SIZE  1000000u
#define SIEVE_COUNT 78498 /* primes below a million */
#define SIDE	    64

static u8 composite[SIEVE_SIZE];
static u64 left[SIDE][SIDE], right[SIDE][SIDE], product[SIDE][SIDE];

static u64 sieve(void)
{
	u64 found = 0;

	memset(composite, 0, sizeof(composite));
	for (u64 n = 2; n < SIEVE_SIZE; n++) {
		if (composite[n])
			continue;
		found++;
		for (u64 multiple = n * n; multiple < SIEVE_SIZE; multiple += n)
			composite[multiple] = 1;
	}
	return found;
}

/* The product with the unit matrix moved by one column is known: the columns move. */
static bool multiply(void)
{
	static u64 seed = 1;

	for (unsigned int i = 0; i < SIDE; i++) {
		for (unsigned int j = 0; j < SIDE; j++) {
			left[i][j] = seed += (seed << 13) ^ i;
			right[i][j] = (i + 1) % SIDE == j;
		}
	}
	for (unsigned int i = 0; i < SIDE; i++) {
		for (unsigned int j = 0; j < SIDE; j++) {
			product[i][j] = 0;
			for (unsigned int k = 0; k < SIDE; k++)
				product[i][j] += left[i][k] * right[k][j];
		}
	}
	for (unsigned int i = 0; i < SIDE; i++) {
		for (unsigned int j = 0; j < SIDE; j++) {
			if (product[i][(j + 1) % SIDE] != left[i][j])
				return false;
		}
	}
	return true;
}

/* FNV-1a over the sieve, whose contents are the same each time. */
static u64 hash(void)
{
	u64 sum = 0xcbf29ce484222325;

	for (u64 n = 0; n < SIEVE_SIZE; n++)
		sum = (sum ^ composite[n]) * 0x100000001b3;
	return sum;
}

void work_cpu(u64 rounds)
{
	u64 first = 0;

	for (u64 round = 0; round < rounds; round++) {
		u64 found = sieve(), sum = hash();

		if (found != SIEVE_COUNT)
			fail("primes below a million", (s64)found);
		if (!multiply())
			fail("product of matrices, round", (s64)round);
		if (round == 0)
			first = sum;
		if (sum != first)
			fail("hash of the sieve, round", (s64)round);
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The C library's ChaCha20 generator, arc4random, seeded once. It is called by one hart at a time
 * (hw_random()'s contract), so it has no lock. Owns the seed, which is wiped when it has been used.
 *
 * The seed CSR of Zkr would be better, but S-mode reaches it only where M-mode opens
 * mseccfg.SSEED, and no device tree tells.
 */
#include "platform/random.h"

#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "hyp/hw.h"

#define SEED_SIZE_MIN 16
#define SEED_SIZE     64

static u8 seed[SEED_SIZE];
static bool seeded;

/* The library asks for key material when it starts and then once in a megabyte or so, where it
 * mixes it into what it has: the first time with the seed, later with the time alone. */
int getentropy(void *buffer, size_t length);
int getentropy(void *buffer, size_t length)
{
	u64 now = hw_time();

	memset(buffer, 0, length);
	memcpy(buffer, seed, length < sizeof(seed) ? length : sizeof(seed));
	for (size_t i = 0; i < sizeof(now) && i < length; i++)
		((u8 *)buffer)[i] ^= (u8)(now >> (8 * i));
	memset(seed, 0, sizeof(seed));
	return 0;
}

void random_init(const void *fdt)
{
	int chosen = fdt_path_offset(fdt, "/chosen");
	int length = 0;
	const u8 *bytes = chosen < 0 ? NULL : fdt_getprop(fdt, chosen, "rng-seed", &length);

	if (bytes == NULL || length < SEED_SIZE_MIN)
		return;
	for (int i = 0; i < length; i++)
		seed[i % SEED_SIZE] ^= bytes[i];
	seeded = true;
}

bool hw_random(void *buffer, size_t length)
{
	if (seeded)
		arc4random_buf(buffer, length);
	return seeded;
}

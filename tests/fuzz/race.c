/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns what can race and the generator that says how; one thread. Never instrumented itself. */
#include "tests/fuzz/race.h"

#define RANGE_MAX 64

struct range {
	uintptr_t base;
	size_t size;
};

static struct {
	unsigned rate; /* 0: nothing races */
	unsigned count;
	uint64_t state;
	struct range ranges[RANGE_MAX];
	unsigned range_count;
	struct range all; /* all of them are in it: most loads are not */
} race;

uint64_t race_draw(void)
{
	/* A Weyl sequence, mixed: as in tests/fake/fake_random.h. */
	uint64_t value = race.state += 0x9e3779b97f4a7c15ULL;

	value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
	value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
	return value ^ (value >> 31);
}

int race_strikes(void)
{
	if (race.rate == 0)
		return 0;
	return race_draw() % 256 < race.rate;
}

void race_begin(uint64_t seed, unsigned rate)
{
	race.state = seed;
	race.rate = rate;
	race.count = 0;
}

void race_end(void)
{
	race.rate = 0;
}

unsigned race_count(void)
{
	return race.count;
}

void race_over(const void *ram, size_t size)
{
	/* More than that do not race: the limit is generous for what targets have. */
	if (race.range_count == RANGE_MAX)
		return;
	uintptr_t low = (uintptr_t)ram, end = low + size;

	if (race.range_count) {
		low = race.all.base < low ? race.all.base : low;
		end = race.all.base + race.all.size > end ? race.all.base + race.all.size : end;
	}
	race.all = (struct range){low, end - low};
	race.ranges[race.range_count++] = (struct range){(uintptr_t)ram, size};
}

void race_forget(void)
{
	race.range_count = 0;
	race.all.size = 0;
}

/* What another vCPU might store: one bit flipped, a small number, all ones, anything. */
static void change(unsigned char *bytes, size_t size)
{
	uint64_t how = race_draw(), value = race_draw();
	size_t length = size < 8 ? size : 8;
	size_t at = size > 8 ? (size_t)(race_draw() % (size - 7)) : 0;

	switch (how % 4) {
	case 0:
		bytes[at + value % length] ^= (unsigned char)(1u << (value >> 8) % 8);
		return;
	case 1:
		value %= 16;
		break;
	case 2:
		value = UINT64_MAX;
		break;
	}
	memcpy(bytes + at, &value, length);
}

static void before_read(uintptr_t address, size_t size)
{
	for (unsigned i = 0; i < race.range_count; i++) {
		const struct range *range = &race.ranges[i];

		if (address - range->base >= range->size)
			continue;
		if (size > range->size - (address - range->base))
			size = range->size - (address - range->base);
		if (size && race_strikes()) {
			race.count++;
			change((unsigned char *)address, size);
		}
		return;
	}
}

static inline void on_load(const void *address, size_t size)
{
	if (__builtin_expect(race.rate != 0, 0) &&
	    (uintptr_t)address - race.all.base < race.all.size)
		before_read((uintptr_t)address, size);
}

void *race_memcpy(void *to, const void *from, size_t length)
{
	on_load(from, length);
	return memcpy(to, from, length);
}

/* Names and types are clang's. */
#define DEFINE_LOAD(bits, type)                               \
	void __sanitizer_cov_load##bits(const type *address); \
	void __sanitizer_cov_load##bits(const type *address)  \
	{                                                     \
		on_load(address, sizeof(*address));           \
	}
DEFINE_LOAD(1, uint8_t)
DEFINE_LOAD(2, uint16_t)
DEFINE_LOAD(4, uint32_t)
DEFINE_LOAD(8, uint64_t)
DEFINE_LOAD(16, __int128)

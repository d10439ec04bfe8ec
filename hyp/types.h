/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of the hypervisor: sized integers and the three address spaces.
 *
 * A guest-virtual, a guest-physical and a host-physical address are all 64-bit numbers, and
 * mixing them up is the classical hypervisor bug. Here each is a struct of its own, so that the
 * compiler refuses the mix-up; the calling convention passes it in a register like the integer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

typedef struct gva {
	u64 value;
} gva_t;

typedef struct gpa {
	u64 value;
} gpa_t;

typedef struct hpa {
	u64 value;
} hpa_t;

static inline gva_t gva(u64 value)
{
	return (gva_t){value};
}

static inline gpa_t gpa(u64 value)
{
	return (gpa_t){value};
}

static inline hpa_t hpa(u64 value)
{
	return (hpa_t){value};
}

#define KIB(n) ((u64)(n) << 10)
#define MIB(n) ((u64)(n) << 20)
#define GIB(n) ((u64)(n) << 30)

#define PAGE_SHIFT 12
#define PAGE_SIZE  KIB(4)

/* For the paths whose instructions are counted: what is rare stays out of line, so that what is
 * common needs no registers saved for it. */
#define NOINLINE       __attribute__((noinline))
#define LIKELY(cond)   __builtin_expect(!!(cond), 1)
#define UNLIKELY(cond) __builtin_expect(!!(cond), 0)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n)	      (1ULL << (n))

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

static inline u64 min_u64(u64 a, u64 b)
{
	return a < b ? a : b;
}

static inline u64 max_u64(u64 a, u64 b)
{
	return a > b ? a : b;
}

/* The number of the lowest bit that is set, of at least one. A base RISC-V hart has no instruction
 * for it (Zbb has), and the function that the compiler would call takes some 50. Shifted by each
 * number of places, the constant has other six bits on top (de Bruijn). */
static inline unsigned lowest_bit(u64 bits)
{
	static const u8 numbers[64] = {
		0,  1,	48, 2,	57, 49, 28, 3,	61, 58, 50, 42, 38, 29, 17, 4,
		62, 55, 59, 36, 53, 51, 43, 22, 45, 39, 33, 30, 24, 18, 12, 5,
		63, 47, 56, 27, 60, 41, 37, 16, 54, 35, 52, 21, 44, 32, 23, 11,
		46, 26, 40, 15, 34, 20, 31, 10, 25, 14, 19, 9,	13, 8,	7,  6,
	};

	return numbers[(bits & -bits) * 0x3f79d71b4cb0a89ULL >> 58];
}

/* Alignment must be a power of two. */
static inline u64 align_down(u64 value, u64 alignment)
{
	return value & ~(alignment - 1);
}

/* Wraps for values within alignment of 2^64: check hostile values first. */
static inline u64 align_up(u64 value, u64 alignment)
{
	return (value + alignment - 1) & ~(alignment - 1);
}

static inline bool is_aligned(u64 value, u64 alignment)
{
	return (value & (alignment - 1)) == 0;
}

/* True when [start, start + length) lies in [base, base + size), whatever the four numbers are. */
static inline bool range_contains(u64 base, u64 size, u64 start, u64 length)
{
	return start >= base && start - base <= size && length <= size - (start - base);
}

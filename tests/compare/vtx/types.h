/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers and addresses. The three kinds of address are structs, so that none passes for another.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

typedef struct gva {
	u64 value;
} gva_t;

typedef struct gpa {
	u64 value;
} gpa_t;

typedef struct hpa {
	u64 value;
} hpa_t;

#define PAGE_SIZE     4096ul
#define LARGE_SIZE    (2ul << 20)
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define ALIGNED(n)    __attribute__((aligned(n)))
#define NOINLINE      __attribute__((noinline))
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define LIKELY(x)     __builtin_expect(!!(x), 1)
#define UNLIKELY(x)   __builtin_expect(!!(x), 0)

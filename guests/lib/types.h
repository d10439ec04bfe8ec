/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Integer names and the few helpers that every guest uses. The guests share no header with the
 * hypervisor: they are what it is tested against, so a mistake must not be able to hide in both.
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
typedef int64_t s64;

#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n)	       (1ul << (n))
#define PAGE_SIZE      4096ul

void *memset(void *to, int byte, size_t length);
void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
int memcmp(const void *a, const void *b, size_t length);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);

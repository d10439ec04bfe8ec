/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files that make image plans share with each other and with nobody else. */
#pragma once

#include "hyp/config/image.h"

struct image_range {
	u64 start, size;
};

/* One image_plan() under way. */
struct image_planner {
	const struct image_request *request;
	struct image_plan *plan;
	struct image_problem *problem;

	/* Guest-physical ranges that have an owner: the plan's pieces and the device tree. */
	struct image_range taken[IMAGE_PIECE_MAX + 1];
	unsigned taken_count;
	u64 floor; /* nothing is placed below, unless told to */
};

/* Both fill in the problem and return STATUS_INVALID. */
enum status image_fail(struct image_planner *p, enum image_part part, const char *text) MUST_CHECK;
enum status image_fail_at(struct image_planner *p, enum image_part part, const char *text,
			  u64 address) MUST_CHECK;

/* Claims [start, start + size), whatever the two numbers are. STATUS_INVALID, with the problem: not
 * in the VM's RAM, or taken. */
enum status image_take(struct image_planner *p, enum image_part part, u64 start,
		       u64 size) MUST_CHECK;

/* Has that claimed memory filled from the file. */
void image_add_piece(struct image_planner *p, u64 to, const u8 *from, u64 size);

enum status image_plan_elf(struct image_planner *p) MUST_CHECK;

static inline u16 image_read_le16(const u8 *bytes)
{
	return (u16)(bytes[0] | bytes[1] << 8);
}

static inline u32 image_read_le32(const u8 *bytes)
{
	return (u32)image_read_le16(bytes) | (u32)image_read_le16(bytes + 2) << 16;
}

static inline u64 image_read_le64(const u8 *bytes)
{
	return (u64)image_read_le32(bytes) | (u64)image_read_le32(bytes + 4) << 32;
}

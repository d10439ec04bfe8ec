/* SPDX-License-Identifier: BSD-2-Clause */
/* What must hold, for fuzz targets: if not, the message says what, and the input is kept. */
#pragma once

#include "tests/fake/fake_hw.h"

#define REQUIRE(condition)                                                              \
	do {                                                                            \
		if (!(condition))                                                       \
			fake_fail("%s:%d: not so: %s", __FILE__, __LINE__, #condition); \
	} while (0)

/* The same for two numbers, which the message shows. */
#define REQUIRE_EQUAL(is, should)                                                           \
	do {                                                                                \
		u64 is_ = (u64)(is), should_ = (u64)(should);                               \
		if (is_ != should_)                                                         \
			fake_fail("%s:%d: %s is %#llx, not %#llx", __FILE__, __LINE__, #is, \
				  (unsigned long long)is_, (unsigned long long)should_);    \
	} while (0)

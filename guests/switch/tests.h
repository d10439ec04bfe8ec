/* SPDX-License-Identifier: BSD-2-Clause */
/* The groups of guests/switch, and what they share. */
#pragma once

#include "boot.h"
#include "check.h"
#include "cost.h"
#include "csr.h"
#include "hart.h"
#include "print.h"
#include "wait.h"

void test_ping(void);
void test_ipi(void);
void test_fence(void);
void test_spin(void);

/* Vector registers must not be touched where there are none. */
bool has_fp(void);
bool has_vector(void);

/* Turns on what there is, on the calling hart. */
void units_on(void);
void vector_ready(void);

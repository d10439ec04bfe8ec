/* SPDX-License-Identifier: BSD-2-Clause */
/* hyp/hw.h's floating-point and vector registers: chooses the routine of firmware/fpu.S that fits
 * the harts. Owns nothing. */
#include "hyp/hw.h"

#include <string.h>

void fpu_save_d(void *buffer);
void fpu_restore_d(const void *buffer);
void fpu_save_f(void *buffer);
void fpu_restore_f(const void *buffer);
void fpu_save_fcsr(void *buffer);
void fpu_save_vector(void *buffer);
void fpu_save_vector_csrs(void *buffer);
void fpu_restore_vector(const void *buffer);

/* vstart, vcsr, vl and vtype stand before the registers. */
#define VECTOR_CSRS_SIZE (4 * sizeof(u64))
#define VECTOR_VTYPE	 3
#define VECTOR_REGISTERS 32

void hw_save_fp(void *buffer)
{
	if (hw_has(HW_FEATURE_D))
		fpu_save_d(buffer);
	else
		fpu_save_f(buffer);
}

void hw_restore_fp(const void *buffer)
{
	if (hw_has(HW_FEATURE_D))
		fpu_restore_d(buffer);
	else
		fpu_restore_f(buffer);
}

void hw_save_vector(void *buffer)
{
	fpu_save_vector(buffer);
}

void hw_restore_vector(const void *buffer)
{
	fpu_restore_vector(buffer);
}

void hw_save_fcsr(void *buffer)
{
	fpu_save_fcsr(buffer);
}

void hw_save_vector_csrs(void *buffer)
{
	fpu_save_vector_csrs(buffer);
}

/* Until a VSETVL every vector instruction that depends on vtype is illegal (Unprivileged ISA,
 * "State of Vector Extension at Reset"). */
void hw_reset_vector(void *buffer)
{
	u64 *csrs = buffer;

	memset(buffer, 0, hw_vector_size());
	csrs[VECTOR_VTYPE] = BIT(63);
}

size_t hw_vector_size(void)
{
	return VECTOR_CSRS_SIZE + VECTOR_REGISTERS * (size_t)hw_machine()->vlenb;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* SBI, "Base Extension". The machine's own identification registers are passed on: errata
 * workarounds in the guest hang on them. Owns nothing. */
#include "hyp/sbi/sbi.h"

#define SPEC_MAJOR 2
#define SPEC_MINOR 0

/* Not a registered implementation ID (SBI, "SBI Implementation IDs"): the letters HW. */
#define IMPLEMENTATION_ID      0x4857
#define IMPLEMENTATION_VERSION 1

enum {
	BASE_GET_SPEC_VERSION,
	BASE_GET_IMP_ID,
	BASE_GET_IMP_VERSION,
	BASE_PROBE_EXTENSION,
	BASE_GET_MVENDORID,
	BASE_GET_MARCHID,
	BASE_GET_MIMPID,
};

struct sbi_ret sbi_base_call(SBI_LIGHT_ARGS)
{
	const struct hw_machine *machine = hw_machine();

	switch (function) {
	case BASE_GET_SPEC_VERSION:
		return sbi_value(SPEC_MAJOR << 24 | SPEC_MINOR);
	case BASE_GET_IMP_ID:
		return sbi_value(IMPLEMENTATION_ID);
	case BASE_GET_IMP_VERSION:
		return sbi_value(IMPLEMENTATION_VERSION);
	case BASE_PROBE_EXTENSION:
		return sbi_value(sbi_probe(a0));
	case BASE_GET_MVENDORID:
		return sbi_value(machine->mvendorid);
	case BASE_GET_MARCHID:
		return sbi_value(machine->marchid);
	case BASE_GET_MIMPID:
		return sbi_value(machine->mimpid);
	}
	return sbi_error(SBI_ERR_NOT_SUPPORTED);
}

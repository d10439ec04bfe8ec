/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a hart can really do. Each hart tries it on itself; a trap on the way is an answer, not an
 * accident.
 */
#pragma once

#include "hyp/hw.h"
#include "hyp/types.h"

/* What the device tree must name before it is tried: instructions whose encodings could mean
 * something else on a hart without the extension. The low bits are enum hw_feature. */
#define PROBE_NAMED_H (1U << 31)

/* Its cache blocks are larger than a page, so that trying them could hit anything. */
#define PROBE_NAMED_LARGE_BLOCKS (1U << 30)

/* What VS-mode has whether or not somebody wants it to: no bit of hstateen0 can take it away. */
enum probe_unguarded {
	UNGUARDED_JVT = 1 << 0,	      /* Zcmt */
	UNGUARDED_CONTEXT = 1 << 1,   /* Sdtrig: scontext */
	UNGUARDED_VSISELECT = 1 << 2, /* Ssaia, Sscsrind */
	UNGUARDED_CTR = 1 << 3,	      /* Ssctr: its records are those of all modes */
	UNGUARDED_FCSR = 1 << 4,      /* Zfinx: fcsr without sstatus.FS */
};

struct probe_result {
	u32 features;  /* enum hw_feature */
	u32 unguarded; /* enum probe_unguarded */
	unsigned gstage_modes;
	unsigned vs_modes; /* bit per value of vsatp.MODE that it took */
	unsigned vmid_bits;
	unsigned vlenb;
	unsigned cboz_block_size; /* 0 without Zicboz */
	unsigned geilen;	  /* guest external interrupts: IMSIC guest files */
	u64 hedeleg, hideleg;
};

/* Probes the calling hart, which has its page tables on. NULL, or why it cannot be used. Leaves the
 * optional CSRs that it tried at 0. */
const char *probe_hart(u32 named, struct probe_result *result);

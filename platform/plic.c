/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The physical PLIC. Set up by the boot hart before any other runs; afterwards only the hart of the
 * connected context gets here, so nothing needs a lock.
 */
#include "platform/plic.h"

#include "hyp/hw.h"
#include "platform/mmio.h"

#define CONTEXT_THRESHOLD 0
#define CONTEXT_CLAIM	  4

/* Bounds the time in one call should a line never go quiet; it would interrupt again. */
#define SERVE_MAX 16

static struct {
	u64 base;
	u32 source_count;
	int context; /* the connected one, -1 for none */
	u32 source;
	void (*handler)(void);
} plic = {.context = -1};

static u64 context_register(int context, u64 offset)
{
	return plic.base + PLIC_CONTEXT_OFFSET(context) + offset;
}

void plic_init(u64 base, u32 source_count)
{
	plic.base = base;
	plic.source_count = source_count;
}

void plic_init_context(int context)
{
	for (u32 i = 0; i <= plic.source_count / 32; i++)
		mmio_write32(plic.base + PLIC_ENABLE_OFFSET(context) + 4ULL * i, 0);
	mmio_write32(context_register(context, CONTEXT_THRESHOLD), 0);
}

void plic_connect(int context, u32 source, void (*handler)(void))
{
	u64 enable = plic.base + PLIC_ENABLE_OFFSET(context) + source / 32 * 4ULL;

	plic.context = context;
	plic.source = source;
	plic.handler = handler;
	mmio_write32(plic.base + PLIC_PRIORITY_OFFSET(source), 1);
	mmio_write32(enable, mmio_read32(enable) | 1U << source % 32);
	/* A loader that claimed without completing would leave the source blocked. Completing what
	 * is not claimed does nothing (PLIC specification, "Interrupt Completion"). */
	mmio_write32(context_register(context, CONTEXT_CLAIM), source);
}

bool plic_serve(void)
{
	if (plic.context < 0)
		return false;

	u64 claim = context_register(plic.context, CONTEXT_CLAIM);

	for (unsigned i = 0; i < SERVE_MAX; i++) {
		u32 source = mmio_read32(claim);

		if (source == 0)
			break;
		if (source == plic.source)
			plic.handler();
		/* The device must have dropped its line before the gateway looks at it again. QEMU
		 * has no posted writes that could show the need for this. */
		mmio_barrier();
		mmio_write32(claim, source);
	}
	return true;
}

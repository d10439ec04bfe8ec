/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The physical PLIC. Set up by the boot hart before any other runs. Afterwards the hart of the
 * connected context owns all of it but "wanted", which anybody may set: it is the owner who hands
 * the source over, since nobody else can know that it has completed what it claimed.
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
	int wanted;  /* the one that shall be connected; atomic */
	u32 source;
	void (*handler)(void);
} plic = {.context = -1, .wanted = -1};

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

static void let_through(int context, bool open)
{
	u64 enable = plic.base + PLIC_ENABLE_OFFSET(context) + plic.source / 32 * 4ULL;
	u32 bit = 1U << plic.source % 32;
	u32 others = mmio_read32(enable) & ~bit;

	mmio_write32(enable, open ? others | bit : others);
}

void plic_connect(int context, u32 source, void (*handler)(void))
{
	plic.context = context;
	plic.wanted = context;
	plic.source = source;
	plic.handler = handler;
	mmio_write32(plic.base + PLIC_PRIORITY_OFFSET(source), 1);
	let_through(context, true);
	/* A loader that claimed without completing would leave the source blocked. Completing what
	 * is not claimed does nothing (PLIC specification, "Interrupt Completion"). */
	mmio_write32(context_register(context, CONTEXT_CLAIM), source);
}

void plic_move(int context)
{
	__atomic_store_n(&plic.wanted, context, __ATOMIC_RELAXED);
}

/* What this hart had claimed has been completed: where the source is closed that would be ignored,
 * and the source stay blocked. The new owner may serve the source as soon as it is open there, or
 * before that, if its PLIC is slow to lower a line; it hands nothing over before it finds itself
 * the owner, which this hart says last. */
static void hand_over(int from)
{
	int to = __atomic_load_n(&plic.wanted, __ATOMIC_RELAXED);

	if (to == from)
		return;
	let_through(from, false);
	/* Firmware that has started that hart since plic_init_context() may have shut it: OpenSBI
	 * does. */
	mmio_write32(context_register(to, CONTEXT_THRESHOLD), 0);
	let_through(to, true);
	mmio_publish();
	__atomic_store_n(&plic.context, to, __ATOMIC_RELEASE);
}

bool plic_serve(int context)
{
	if (context < 0 || __atomic_load_n(&plic.context, __ATOMIC_ACQUIRE) < 0)
		return false;

	u64 claim = context_register(context, CONTEXT_CLAIM);

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
	if (__atomic_load_n(&plic.context, __ATOMIC_ACQUIRE) == context)
		hand_over(context);
	return true;
}

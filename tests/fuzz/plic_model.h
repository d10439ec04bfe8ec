/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PLIC of the specification, source by source and without any bit tricks, to hold the virtual
 * one against. Sections are of the RISC-V Platform-Level Interrupt Controller Specification.
 */
#pragma once

#include <string.h>

#include "hyp/types.h"

#define PLIC_MODEL_SOURCES 96 /* source 0 is none */
#define PLIC_MODEL_HARTS   64

struct plic_model {
	unsigned hart_count;
	u32 priority[PLIC_MODEL_SOURCES];
	bool line[PLIC_MODEL_SOURCES];
	bool pending[PLIC_MODEL_SOURCES];
	bool waiting[PLIC_MODEL_SOURCES]; /* the gateway, for a completion */
	bool enabled[PLIC_MODEL_HARTS][PLIC_MODEL_SOURCES];
	u32 threshold[PLIC_MODEL_HARTS];
};

static inline void plic_model_request(struct plic_model *plic, unsigned source)
{
	if (!plic->line[source] || plic->waiting[source])
		return;
	plic->waiting[source] = true;
	plic->pending[source] = true;
}

static inline void plic_model_set_line(struct plic_model *plic, unsigned source, bool level)
{
	plic->line[source] = level;
	plic_model_request(plic, source);
}

static inline unsigned plic_model_best(const struct plic_model *plic, unsigned hart)
{
	unsigned best = 0;

	/* "Interrupt Priorities": the lowest number among equals; 0 never interrupts. */
	for (unsigned i = PLIC_MODEL_SOURCES - 1; i > 0; i--)
		if (plic->pending[i] && plic->enabled[hart][i] && plic->priority[i] &&
		    plic->priority[i] >= plic->priority[best])
			best = i;
	return best;
}

/* "Interrupt Notifications" */
static inline bool plic_model_notifies(const struct plic_model *plic, unsigned hart)
{
	unsigned best = plic_model_best(plic, hart);

	return best && plic->priority[best] > plic->threshold[hart];
}

/* "Memory Map": what an offset is. Contexts of S-mode are the odd ones. */
enum plic_register {
	PLIC_NOTHING,
	PLIC_PRIORITY,
	PLIC_PENDING,
	PLIC_ENABLE,
	PLIC_THRESHOLD,
	PLIC_CLAIM
};

static inline enum plic_register plic_model_find(const struct plic_model *plic, u64 offset,
						 unsigned *hart, unsigned *first)
{
	u64 context = 0;
	enum plic_register found = PLIC_NOTHING;

	*first = 0;
	if (offset < 0x1000) {
		*first = (unsigned)offset / 4;
		return *first > 0 && *first < PLIC_MODEL_SOURCES ? PLIC_PRIORITY : PLIC_NOTHING;
	}
	if (offset < 0x1080) {
		*first = (unsigned)(offset - 0x1000) * 8;
		return *first < PLIC_MODEL_SOURCES ? PLIC_PENDING : PLIC_NOTHING;
	}
	if (offset >= 0x2000 && offset < 0x200000) {
		context = (offset - 0x2000) / 0x80;
		*first = (unsigned)((offset - 0x2000) % 0x80) * 8;
		found = *first < PLIC_MODEL_SOURCES ? PLIC_ENABLE : PLIC_NOTHING;
	} else if (offset >= 0x200000) {
		context = (offset - 0x200000) / 0x1000;
		found = offset % 0x1000 == 0   ? PLIC_THRESHOLD
			: offset % 0x1000 == 4 ? PLIC_CLAIM
					       : PLIC_NOTHING;
	}
	*hart = (unsigned)context / 2;
	return context % 2 == 1 && context / 2 < plic->hart_count ? found : PLIC_NOTHING;
}

static inline u32 plic_model_word(const bool *bits)
{
	u32 word = 0;

	for (unsigned i = 0; i < 32; i++)
		word |= (u32)bits[i] << i;
	return word;
}

static inline u32 plic_model_read(struct plic_model *plic, u64 offset)
{
	unsigned hart = 0, first, best;

	switch (plic_model_find(plic, offset, &hart, &first)) {
	case PLIC_PRIORITY:
		return plic->priority[first];
	case PLIC_PENDING:
		return plic_model_word(plic->pending + first);
	case PLIC_ENABLE:
		return plic_model_word(plic->enabled[hart] + first);
	case PLIC_THRESHOLD:
		return plic->threshold[hart];
	case PLIC_CLAIM:
		best = plic_model_best(plic, hart);
		plic->pending[best] = false;
		return best;
	case PLIC_NOTHING:
		break;
	}
	return 0;
}

static inline void plic_model_write(struct plic_model *plic, u64 offset, u32 value)
{
	unsigned hart = 0, first;

	switch (plic_model_find(plic, offset, &hart, &first)) {
	case PLIC_PRIORITY:
		plic->priority[first] = value & 7;
		break;
	case PLIC_ENABLE:
		for (unsigned i = 0; i < 32; i++)
			plic->enabled[hart][first + i] = first + i > 0 && (value >> i & 1);
		break;
	case PLIC_THRESHOLD:
		plic->threshold[hart] = value & 7;
		break;
	case PLIC_CLAIM:
		/* "Interrupt Completion": ignored, unless enabled for that context. */
		if (value >= PLIC_MODEL_SOURCES || !plic->enabled[hart][value])
			break;
		plic->waiting[value] = false;
		plic_model_request(plic, value);
		break;
	case PLIC_PENDING:
	case PLIC_NOTHING:
		break;
	}
}

static inline void plic_model_reset(struct plic_model *plic)
{
	struct plic_model fresh = {.hart_count = plic->hart_count};

	memcpy(fresh.line, plic->line, sizeof(fresh.line));
	*plic = fresh;
	for (unsigned i = 1; i < PLIC_MODEL_SOURCES; i++)
		plic_model_request(plic, i);
}

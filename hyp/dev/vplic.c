/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual PLIC: owns the state of one VM's interrupt sources and contexts, guarded by the
 * lock in struct vplic (LOCK_PLIC). What an asserted wire does to a vCPU is left to the owner.
 *
 * All sources are level-triggered. A gateway is two bits: the wire's level, and whether it has
 * forwarded a request that is not completed yet ("Interrupt Gateways"). Where QEMU's model and the
 * specification differ, this is the specification: a claim does not look at the threshold
 * ("Interrupt Claim Process"), and a wire that is still high at completion requests again.
 */
#include "hyp/dev/vplic.h"

#include "hyp/check.h"

/* "Memory Map" */
#define PENDING_BASE   0x1000
#define ENABLE_BASE    0x2000
#define CONTEXT_BASE   0x200000
#define ENABLE_STRIDE  0x80
#define CONTEXT_STRIDE 0x1000

#define REGISTER_THRESHOLD 0x0
#define REGISTER_CLAIM	   0x4

static bool source_exists(u64 source)
{
	return source - 1 < VPLIC_SOURCE_COUNT;
}

/* Bits of a word of the pending and enable arrays that stand for a source. */
static u32 word_sources(unsigned word)
{
	u32 sources = UINT32_MAX;

	if (word == 0)
		sources &= ~1u;
	if (word == VPLIC_SOURCE_COUNT / 32)
		sources &= UINT32_MAX >> (31 - VPLIC_SOURCE_COUNT % 32);
	return sources;
}

static u32 source_bit(unsigned source)
{
	return 1u << (source % 32);
}

/* NULL: an M-mode context, or one of a hart that the VM does not have. */
static struct vplic_context *context_at(struct vplic *plic, u64 context)
{
	if (context % 2 == 0 || context / 2 >= plic->hart_count)
		return NULL;
	return &plic->contexts[context / 2];
}

/* A guest's index into a pending or enable array. NULL: all its sources are beyond the last. */
static u32 *word_at(u32 *words, u64 word)
{
	return word < VPLIC_WORDS ? &words[word] : NULL;
}

/* Like lowest_bit(), with no multiplication, which a proof could hardly follow. bits is not zero.
 */
static unsigned lowest_source(u32 bits)
{
	unsigned position = 0;

	for (unsigned half = 16; half != 0; half /= 2) {
		if ((bits & ((1u << half) - 1)) == 0) {
			bits >>= half;
			position += half;
		}
	}
	return position;
}

/* The pending, enabled source of the highest priority above the floor, the lowest number among
 * equals; 0 if there is none. A floor of 0 leaves out just the sources of priority 0, "never
 * interrupt". */
static unsigned best_source_locked(const struct vplic *plic, const struct vplic_context *context,
				   unsigned floor)
{
	unsigned best = 0;

	for (unsigned word = 0; word < VPLIC_WORDS; word++) {
		u32 candidates = plic->pending[word] & context->enable[word];
		while (candidates != 0) {
			unsigned source = word * 32 + lowest_source(candidates);
			candidates &= candidates - 1;
			if (plic->priority[source] > floor) {
				floor = plic->priority[source];
				best = source;
			}
		}
	}
	return best;
}

static void update_context_locked(struct vplic *plic, struct vplic_context *context)
{
	bool level = best_source_locked(plic, context, context->threshold) != 0;

	if (level == context->asserted)
		return;
	context->asserted = level;
	plic->set_external(plic->owner, (unsigned)(context - plic->contexts), level);
}

/* Some sources of a word became pending, or no longer are, or changed their priority: only contexts
 * that have enabled one of them can tell. */
static void update_sources_locked(struct vplic *plic, unsigned word, u32 sources)
{
	for (unsigned hart = 0; hart < plic->hart_count; hart++) {
		struct vplic_context *context = &plic->contexts[hart];
		if (context->enable[word] & sources)
			update_context_locked(plic, context);
	}
}

/* A wire that is high becomes a request, unless its gateway still waits for the completion of the
 * last one. A request is not taken back when the wire falls. */
static void forward_locked(struct vplic *plic, unsigned word)
{
	u32 requests = plic->level[word] & ~plic->forwarded[word];

	if (requests == 0)
		return;
	plic->forwarded[word] |= requests;
	__atomic_store_n(&plic->pending[word], plic->pending[word] | requests, __ATOMIC_RELAXED);
	update_sources_locked(plic, word, requests);
}

/* Out of line: plain registers are read without the stack frame that this needs. */
static __attribute__((noinline)) u32 claim(struct vplic *plic, const struct vplic_context *context)
{
	lock_acquire(&plic->lock);
	unsigned source = best_source_locked(plic, context, 0);
	if (source != 0) {
		u32 *word = &plic->pending[source / 32];
		__atomic_store_n(word, *word & ~source_bit(source), __ATOMIC_RELAXED);
		update_sources_locked(plic, source / 32, source_bit(source));
	}
	lock_release(&plic->lock);
	return source;
}

/* Who claimed the source does not matter, only that it is enabled for who completes it
 * ("Interrupt Completion"). */
static void complete_locked(struct vplic *plic, const struct vplic_context *context, u32 source)
{
	if (!source_exists(source) || !(context->enable[source / 32] & source_bit(source)))
		return;
	plic->forwarded[source / 32] &= ~source_bit(source);
	forward_locked(plic, source / 32);
}

static void set_priority_locked(struct vplic *plic, unsigned source, u32 value)
{
	__atomic_store_n(&plic->priority[source], (u8)(value & VPLIC_PRIORITY_MAX),
			 __ATOMIC_RELAXED);
	if (plic->pending[source / 32] & source_bit(source))
		update_sources_locked(plic, source / 32, source_bit(source));
}

/* Except for a claim, a read is one aligned load: it sees the register before or after another
 * hart's write, which is all that the lock could promise; the bus orders it. So it takes none. */
static u32 read_register(struct vplic *plic, u64 offset)
{
	if (offset < PENDING_BASE) {
		u64 source = offset / 4;
		return source_exists(source)
			       ? __atomic_load_n(&plic->priority[source], __ATOMIC_RELAXED)
			       : 0;
	}

	if (offset < ENABLE_BASE) {
		u32 *pending = word_at(plic->pending, (offset - PENDING_BASE) / 4);
		return pending != NULL ? __atomic_load_n(pending, __ATOMIC_RELAXED) : 0;
	}

	if (offset < CONTEXT_BASE) {
		struct vplic_context *context =
			context_at(plic, (offset - ENABLE_BASE) / ENABLE_STRIDE);
		u32 *enable = context != NULL ? word_at(context->enable, offset % ENABLE_STRIDE / 4)
					      : NULL;
		return enable != NULL ? __atomic_load_n(enable, __ATOMIC_RELAXED) : 0;
	}

	struct vplic_context *context = context_at(plic, (offset - CONTEXT_BASE) / CONTEXT_STRIDE);
	if (context == NULL)
		return 0;
	switch (offset % CONTEXT_STRIDE) {
	case REGISTER_THRESHOLD:
		return __atomic_load_n(&context->threshold, __ATOMIC_RELAXED);
	case REGISTER_CLAIM:
		return claim(plic, context);
	default:
		return 0;
	}
}

static void write_enable_locked(struct vplic *plic, u64 offset, u32 value)
{
	struct vplic_context *context = context_at(plic, offset / ENABLE_STRIDE);
	u64 word = offset % ENABLE_STRIDE / 4;

	if (context == NULL)
		return;
	u32 *enable = word_at(context->enable, word);
	if (enable == NULL)
		return;
	__atomic_store_n(enable, value & word_sources((unsigned)word), __ATOMIC_RELAXED);
	update_context_locked(plic, context);
}

static void write_context_locked(struct vplic *plic, u64 offset, u32 value)
{
	struct vplic_context *context = context_at(plic, offset / CONTEXT_STRIDE);

	if (context == NULL)
		return;
	switch (offset % CONTEXT_STRIDE) {
	case REGISTER_THRESHOLD:
		__atomic_store_n(&context->threshold, value & VPLIC_PRIORITY_MAX, __ATOMIC_RELAXED);
		update_context_locked(plic, context);
		break;
	case REGISTER_CLAIM:
		complete_locked(plic, context, value);
		break;
	default:
		break;
	}
}

static void write_register_locked(struct vplic *plic, u64 offset, u32 value)
{
	if (offset < PENDING_BASE) {
		if (source_exists(offset / 4))
			set_priority_locked(plic, (unsigned)(offset / 4), value);
	} else if (offset < ENABLE_BASE) {
		/* Pending bits change only by requests and claims. */
	} else if (offset < CONTEXT_BASE) {
		write_enable_locked(plic, offset - ENABLE_BASE, value);
	} else {
		write_context_locked(plic, offset - CONTEXT_BASE, value);
	}
}

/* Registers are 32 bits wide and accessed with LW and SW ("Memory Map"); like QEMU's, this one
 * takes nothing else. */
static bool vplic_read(struct device *device, u64 offset, unsigned width, u64 *value)
{
	struct vplic *plic = container_of(device, struct vplic, device);

	if (width != 4)
		return false;
	*value = read_register(plic, offset);
	return true;
}

static bool vplic_write(struct device *device, u64 offset, unsigned width, u64 value)
{
	struct vplic *plic = container_of(device, struct vplic, device);

	if (width != 4)
		return false;
	lock_acquire(&plic->lock);
	write_register_locked(plic, offset, (u32)value);
	lock_release(&plic->lock);
	return true;
}

void vplic_init(struct vplic *plic, unsigned hart_count,
		void (*set_external)(void *owner, unsigned hart, bool level), void *owner)
{
	static const struct device_ops ops = {.read = vplic_read, .write = vplic_write};

	CHECK(hart_count >= 1 && hart_count <= VPLIC_HART_MAX);
	*plic = (struct vplic){
		.device = {.ops = &ops, .base = gpa(VPLIC_BASE), .size = VPLIC_SIZE},
		.hart_count = hart_count,
		.set_external = set_external,
		.owner = owner,
	};
	lock_init(&plic->lock, LOCK_PLIC);
}

void vplic_reset(struct vplic *plic)
{
	lock_acquire(&plic->lock);
	for (unsigned source = 1; source <= VPLIC_SOURCE_COUNT; source++)
		plic->priority[source] = 0;
	for (unsigned hart = 0; hart < plic->hart_count; hart++) {
		struct vplic_context *context = &plic->contexts[hart];
		for (unsigned word = 0; word < VPLIC_WORDS; word++)
			context->enable[word] = 0;
		context->threshold = 0;
		update_context_locked(plic, context);
	}
	/* The gateways start anew, so that wires which are high request again. */
	for (unsigned word = 0; word < VPLIC_WORDS; word++) {
		plic->pending[word] = 0;
		plic->forwarded[word] = 0;
		forward_locked(plic, word);
	}
	lock_release(&plic->lock);
}

void vplic_set_level(struct vplic *plic, unsigned source, bool level)
{
	CHECK(source_exists(source));

	lock_acquire(&plic->lock);
	u32 *word = &plic->level[source / 32];
	*word = level ? *word | source_bit(source) : *word & ~source_bit(source);
	forward_locked(plic, source / 32);
	lock_release(&plic->lock);
}

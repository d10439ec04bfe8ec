/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trying out a hart. Every register that may be missing is touched under probe_vector, and every
 * field that may be read-only is written and read back. Each hart fills a result of its own.
 */
#include "platform/probe.h"

#include <string.h>

#include "platform/csr.h"
#include "platform/image.h"
#include "platform/pagetable.h"

/* What guests shall handle themselves: all that the H extension lets be delegated and that is none
 * of the hypervisor's business ("Hypervisor Trap Delegation Registers"). Access faults too: they
 * come from the machine below, and the guest is who touched it. */
#define HEDELEG_WANTED                                                                            \
	(BIT(CAUSE_FETCH_MISALIGNED) | BIT(CAUSE_FETCH_ACCESS) | BIT(CAUSE_ILLEGAL_INSTRUCTION) | \
	 BIT(CAUSE_BREAKPOINT) | BIT(CAUSE_LOAD_MISALIGNED) | BIT(CAUSE_LOAD_ACCESS) |            \
	 BIT(CAUSE_STORE_MISALIGNED) | BIT(CAUSE_STORE_ACCESS) | BIT(CAUSE_ECALL_U) |             \
	 BIT(CAUSE_FETCH_PAGE_FAULT) | BIT(CAUSE_LOAD_PAGE_FAULT) | BIT(CAUSE_STORE_PAGE_FAULT) | \
	 BIT(CAUSE_SOFTWARE_CHECK))
#define HIDELEG_WANTED (HVIP_VSSIP | HVIP_VSTIP | HVIP_VSEIP)

#define VSATP_MODE_SHIFT 60
#define VSATP_PPN_MASK	 ((1ULL << 44) - 1)
#define VMID_BITS_MAX	 14

/* Cache-block instructions are tried in the middle of a buffer of twice this size. Aligned to that
 * size, it contains a block that turns out twice as large as can be used, too. */
#define BLOCK_MAX 4096

/* One hart at a time: block_lock. */
static u8 block_buffer[2 * BLOCK_MAX] __attribute__((aligned(2 * BLOCK_MAX)));
static u8 *const block_middle = block_buffer + BLOCK_MAX;
static u32 block_lock;

/* Writes bits to henvcfg and says whether they stay. */
static bool henvcfg_takes(u64 bits)
{
	bool stays;

	csr_write(henvcfg, bits);
	stays = (csr_read(henvcfg) & bits) == bits;
	csr_write(henvcfg, 0);
	return stays;
}

static bool has_sstc(void)
{
	u64 value;
	bool works;

	if (!csr_try_read(stimecmp, &value) || !csr_try_read(vstimecmp, &value))
		return false;
	csr_write(henvcfg, HENVCFG_STCE);
	works = (csr_read(henvcfg) & HENVCFG_STCE) != 0 && csr_try_write(vstimecmp, UINT64_MAX);
	csr_write(henvcfg, 0);
	return works;
}

/* Zeroes from the middle of a buffer of ones and looks how far it went: exactly one block, of a
 * size that is a power of two. 0 if not. */
static unsigned measure_cboz(void)
{
	unsigned size = 0;

	memset(block_buffer, 0xff, sizeof(block_buffer));
	if (!instruction_try("+zicboz", "cbo.zero (%[a])", block_middle))
		return 0;
	while (size < BLOCK_MAX && block_middle[size] == 0)
		size++;
	if (size < sizeof(u64) || (size & (size - 1)) != 0 || block_middle[-1] == 0)
		return 0;
	return size;
}

/* What the buffer holds afterwards does not matter, which makes cbo.inval harmless. */
static bool has_zicbom(void)
{
	return henvcfg_takes(HENVCFG_CBIE | HENVCFG_CBCFE) &&
	       instruction_try("+zicbom", "cbo.clean (%[a])", block_middle) &&
	       instruction_try("+zicbom", "cbo.flush (%[a])", block_middle) &&
	       instruction_try("+zicbom", "cbo.inval (%[a])", block_middle);
}

static bool has_svinval(void)
{
	return instruction_try("+svinval", "sinval.vma zero, zero", 0) &&
	       instruction_try("+svinval", "sfence.w.inval", 0) &&
	       instruction_try("+svinval", "sfence.inval.ir", 0) &&
	       instruction_try("+h, +svinval", "hinval.vvma zero, zero", 0) &&
	       instruction_try("+h, +svinval", "hinval.gvma zero, zero", 0);
}

/* The window has N set in its PTEs. A hart that does not know it must fault ("Svnapot"). */
static bool has_svnapot(void)
{
	u64 window = pagetable_napot_window();
	u64 result, value = 0;

	if (window == 0)
		return false;
	__asm__ volatile(PROBE_TEXT("ld %[value], 0(%[address])")
			 : [result] "=&r"(result), [value] "+&r"(value)
			 : [address] "r"(window + PAGE_SIZE), [vector] "r"(probe_vector)
			 : "t0", "t1", "memory");
	return result == 0 && value == *(const u64 *)(image_start + PAGE_SIZE);
}

/* F, D and V live behind sstatus.FS and VS, which this turns off again. */
static u32 probe_units(struct probe_result *result)
{
	u32 features = 0;
	u64 vlenb = 0;

	csr_set(sstatus, SSTATUS_FS | SSTATUS_VS);
	if ((csr_read(sstatus) & SSTATUS_FS) != 0) {
		if (instruction_try("+f", "fmv.w.x f0, zero", 0))
			features |= HW_FEATURE_F;
		if (instruction_try("+d", "fmv.d.x f0, zero", 0))
			features |= HW_FEATURE_D;
	}
	if ((csr_read(sstatus) & SSTATUS_VS) != 0 && csr_try_read(vlenb, &vlenb) && vlenb != 0) {
		features |= HW_FEATURE_V;
		result->vlenb = (unsigned)vlenb;
	}
	csr_clear(sstatus, SSTATUS_FS | SSTATUS_VS);
	return features;
}

static u32 probe_blocks(struct probe_result *result)
{
	u32 features = 0;

	while (__atomic_exchange_n(&block_lock, 1, __ATOMIC_ACQUIRE) != 0)
		hw_pause();
	if (has_zicbom())
		features |= HW_FEATURE_ZICBOM;
	if (henvcfg_takes(HENVCFG_CBZE)) {
		result->cboz_block_size = measure_cboz();
		if (result->cboz_block_size != 0)
			features |= HW_FEATURE_ZICBOZ;
	}
	__atomic_store_n(&block_lock, 0, __ATOMIC_RELEASE);
	return features;
}

static u32 probe_environment(u32 named, struct probe_result *result)
{
	u32 features = 0;
	u64 value;

	if (has_sstc())
		features |= HW_FEATURE_SSTC;
	if (henvcfg_takes(HENVCFG_PBMTE))
		features |= HW_FEATURE_SVPBMT;
	if (henvcfg_takes(HENVCFG_ADUE))
		features |= HW_FEATURE_SVADU;
	if ((named & PROBE_NAMED_LARGE_BLOCKS) == 0)
		features |= probe_blocks(result);
	if (csr_try_read(hstateen0, &value) && csr_try_read(sstateen0, &value)) {
		csr_write(hstateen0, 0);
		csr_write(sstateen0, 0);
		features |= HW_FEATURE_SMSTATEEN;
	}
	return features;
}

/* hgatp's fields are WARL one by one, so a mode counts only if everything reads back; the PPN is a
 * real one, of the image, in case an implementation checks it. */
static void probe_gstage(struct probe_result *result)
{
	u64 ppn = (u64)image_start >> PAGE_SHIFT;
	u64 mode = 0;

	for (u64 m = HW_GSTAGE_SV39X4; m <= HW_GSTAGE_SV57X4; m++) {
		u64 value = m << HGATP_MODE_SHIFT | ppn;

		csr_write(hgatp, value);
		if (csr_read(hgatp) != value)
			continue;
		result->gstage_modes |= 1U << m;
		mode = m;
	}
	csr_write(hgatp, mode << HGATP_MODE_SHIFT |
				 ((1ULL << VMID_BITS_MAX) - 1) << HGATP_VMID_SHIFT | ppn);
	result->vmid_bits = (unsigned)__builtin_popcountll(csr_read(hgatp) >> HGATP_VMID_SHIFT &
							   ((1ULL << VMID_BITS_MAX) - 1));
	csr_write(hgatp, 0);
}

/* vsatp matters only to guests, so it may be tried without having tables ("Virtual Supervisor
 * Address Translation and Protection Register"). */
static void probe_vs_modes(struct probe_result *result)
{
	u64 ppn = (u64)image_start >> PAGE_SHIFT & VSATP_PPN_MASK;

	for (u64 m = 8; m <= 10; m++) {
		u64 value = m << VSATP_MODE_SHIFT | ppn;

		csr_write(vsatp, value);
		if (csr_read(vsatp) == value)
			result->vs_modes |= 1U << m;
	}
	csr_write(vsatp, 0);
}

static void probe_delegation(struct probe_result *result)
{
	csr_write(hedeleg, HEDELEG_WANTED);
	csr_write(hideleg, HIDELEG_WANTED);
	result->hedeleg = csr_read(hedeleg);
	result->hideleg = csr_read(hideleg);
}

/* With the units and all of hstateen0 off, as far as they go off: bits of hstateen0 may be
 * read-only one (Privileged ISA, "State Enable Extensions"), and with Zfinx there is no FS that
 * would make fcsr trap (Unprivileged ISA, "Zfinx"). */
static u32 probe_unguarded(u32 features)
{
	u64 open = (features & HW_FEATURE_SMSTATEEN) != 0 ? csr_read(hstateen0) : UINT64_MAX;
	u32 unguarded = 0;
	u64 value;

	if ((open & HSTATEEN0_FCSR) != 0 && csr_try_write(fcsr, 0))
		unguarded |= UNGUARDED_FCSR;
	if ((open & HSTATEEN0_JVT) != 0 && csr_try_write(CSR_JVT, 0))
		unguarded |= UNGUARDED_JVT;
	if ((open & HSTATEEN0_CONTEXT) != 0 && csr_try_write(CSR_SCONTEXT, 0))
		unguarded |= UNGUARDED_CONTEXT;
	if ((open & HSTATEEN0_CSRIND) != 0 && csr_try_write(CSR_VSISELECT, 0))
		unguarded |= UNGUARDED_VSISELECT;
	if ((open & HSTATEEN0_CTR) != 0 && csr_try_read(CSR_SCTRSTATUS, &value) &&
	    csr_try_write(CSR_VSCTRCTL, 0))
		unguarded |= UNGUARDED_CTR;
	return unguarded;
}

const char *probe_hart(u32 named, struct probe_result *result)
{
	u64 value;

	memset(result, 0, sizeof(*result));
	if ((named & PROBE_NAMED_H) == 0)
		return "its device tree node names no H extension";
	if (!csr_try_read(hstatus, &value))
		return "it has no H extension";
	/* With it come the CSRs of version 1.12 of the privileged ISA, or M-mode keeps them. */
	if (!csr_try_write(henvcfg, 0) || !csr_try_read(senvcfg, &value))
		return "it has no henvcfg or senvcfg";

	probe_gstage(result);
	if (result->gstage_modes == 0)
		return "hgatp takes no translation mode";
	probe_vs_modes(result);
	probe_delegation(result);

	csr_write(hgeie, UINT64_MAX);
	result->geilen = (unsigned)__builtin_popcountll(csr_read(hgeie));
	csr_write(hgeie, 0);

	result->features = probe_environment(named, result) | probe_units(result);
	if ((named & HW_FEATURE_SVINVAL) != 0 && has_svinval())
		result->features |= HW_FEATURE_SVINVAL;
	if (has_svnapot())
		result->features |= HW_FEATURE_SVNAPOT;
	result->unguarded = probe_unguarded(result->features);
	return NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CSRs of the fake machine's harts: what can be written, what is read-only, and what reads as a
 * combination of others. A hart's registers belong to the thread that is that hart.
 */
#include <string.h>

#include "hyp/csr.h"
#include "tests/fake/fake_hw.h"

#define HVIP_FIELDS    (HVIP_VSSIP | HVIP_VSTIP | HVIP_VSEIP)
#define HGATP_VMID_MAX 0x3fffULL

static struct fake_csrs csrs[HW_HART_MAX], reads[HW_HART_MAX], writes[HW_HART_MAX];
static enum fake_hgatp_reject hgatp_reject;

struct fake_csrs fake_writable;

struct fake_csrs *fake_csrs(unsigned hart)
{
	return &csrs[hart];
}

struct fake_csrs *fake_csr_reads(unsigned hart)
{
	return &reads[hart];
}

struct fake_csrs *fake_csr_writes(unsigned hart)
{
	return &writes[hart];
}

static struct fake_csrs *own(void)
{
	return &csrs[hw_hart_index()];
}

static u64 if_feature(enum hw_feature feature, u64 bits)
{
	return hw_has(feature) ? bits : 0;
}

static u64 envcfg_fields(void)
{
	return HENVCFG_FIOM | if_feature(HW_FEATURE_ZICBOM, HENVCFG_CBIE | HENVCFG_CBCFE) |
	       if_feature(HW_FEATURE_ZICBOZ, HENVCFG_CBZE);
}

void fake_csrs_reset(const struct fake_options *options)
{
	u64 sstatus_fields = SSTATUS_SIE | SSTATUS_SPIE | SSTATUS_SPP | SSTATUS_SUM | SSTATUS_MXR |
			     SSTATUS_SPELP | if_feature(HW_FEATURE_F, SSTATUS_FS) |
			     if_feature(HW_FEATURE_V, SSTATUS_VS);

	hgatp_reject = options->hgatp_reject;
	memset(csrs, 0, sizeof(csrs));
	memset(reads, 0, sizeof(reads));
	memset(writes, 0, sizeof(writes));
	memset(&fake_writable, 0xff, sizeof(fake_writable));
	fake_writable.sstatus = sstatus_fields;
	fake_writable.vsstatus = sstatus_fields;
	fake_writable.vsie = 0x222;
	fake_writable.vstvec = ~2ULL;
	fake_writable.vsepc = ~1ULL;
	fake_writable.hstatus = HSTATUS_GVA | HSTATUS_SPV | HSTATUS_SPVP | HSTATUS_HU |
				HSTATUS_VTVM | HSTATUS_VTW | HSTATUS_VTSR;
	fake_writable.hedeleg = hw_machine()->hedeleg;
	fake_writable.hideleg = hw_machine()->hideleg;
	fake_writable.hvip = HVIP_FIELDS;
	fake_writable.henvcfg = envcfg_fields() | if_feature(HW_FEATURE_SSTC, HENVCFG_STCE) |
				if_feature(HW_FEATURE_SVPBMT, HENVCFG_PBMTE) |
				if_feature(HW_FEATURE_SVADU, HENVCFG_ADUE);
	fake_writable.senvcfg = envcfg_fields();
	fake_writable.hcounteren = UINT32_MAX;
	fake_writable.scounteren = UINT32_MAX;
	for (unsigned i = 0; i < HW_HART_MAX; i++)
		csrs[i].vstimecmp = UINT64_MAX;
}

/* ------------------------------------------------------------------------------------------------
 * Registers that are more than storage.
 */

static u64 status_value(u64 stored)
{
	bool dirty = (stored & SSTATUS_FS) == SSTATUS_FS || (stored & SSTATUS_VS) == SSTATUS_VS;

	/* UXL and SD are read-only: 64 bits, and whether a unit is dirty. */
	return (stored & ~(SSTATUS_UXL | SSTATUS_SD)) | SSTATUS_UXL_64 | (dirty ? SSTATUS_SD : 0);
}

static u64 hip_value(const struct fake_csrs *csr)
{
	bool timer = hw_has(HW_FEATURE_SSTC) && (csr->henvcfg & HENVCFG_STCE) &&
		     hw_time() + csr->htimedelta >= csr->vstimecmp;

	return csr->hip | csr->hvip | (timer ? HVIP_VSTIP : 0);
}

static u64 hgatp_value(u64 before, u64 written)
{
	u64 mode = written >> HGATP_MODE_SHIFT;
	u64 vmid = written >> HGATP_VMID_SHIFT & HGATP_VMID_MAX;
	bool supported = mode == HW_GSTAGE_BARE || (hw_machine()->gstage_modes >> mode & 1);

	if (!supported && hgatp_reject == FAKE_HGATP_KEEP_ALL)
		return before;
	if (!supported && hgatp_reject == FAKE_HGATP_MODE_BECOMES_BARE)
		return 0;
	if (!supported)
		mode = before >> HGATP_MODE_SHIFT;
	vmid &= BIT(hw_machine()->vmid_bits) - 1;
	/* The root is four pages long and aligned to that. */
	return mode << HGATP_MODE_SHIFT | vmid << HGATP_VMID_SHIFT |
	       (written & HGATP_PPN_MASK & ~3ULL);
}

static void require(enum hw_feature feature, const char *name)
{
	if (!hw_has(feature))
		fake_fail("illegal instruction: this machine has no %s", name);
}

#define DEFINE_CSR(name, requirement, read_value, written_value) \
	u64 hw_read_##name(void)                                 \
	{                                                        \
		const struct fake_csrs *csr = own();             \
                                                                 \
		requirement;                                     \
		reads[hw_hart_index()].name++;                   \
		return read_value;                               \
	}                                                        \
	void hw_write_##name(u64 value)                          \
	{                                                        \
		struct fake_csrs *csr = own();                   \
                                                                 \
		requirement;                                     \
		writes[hw_hart_index()].name++;                  \
		csr->name = written_value;                       \
	}

/* Bits that cannot be written keep their value. */
#define MERGED(name)	((csr->name & ~fake_writable.name) | (value & fake_writable.name))
#define PLAIN_CSR(name) DEFINE_CSR(name, (void)0, csr->name, MERGED(name))

DEFINE_CSR(vsstatus, (void)0, status_value(csr->vsstatus), MERGED(vsstatus))
DEFINE_CSR(sstatus, (void)0, status_value(csr->sstatus), MERGED(sstatus))
DEFINE_CSR(hstatus, (void)0, csr->hstatus | HSTATUS_VSXL_64, MERGED(hstatus))
DEFINE_CSR(hgatp, (void)0, csr->hgatp, hgatp_value(csr->hgatp, value))
DEFINE_CSR(vstimecmp, require(HW_FEATURE_SSTC, "vstimecmp"), csr->vstimecmp, value)
PLAIN_CSR(vsie)
PLAIN_CSR(vstvec)
PLAIN_CSR(vsscratch)
PLAIN_CSR(vsepc)
PLAIN_CSR(vscause)
PLAIN_CSR(vstval)
PLAIN_CSR(vsatp)
PLAIN_CSR(hedeleg)
PLAIN_CSR(hideleg)
PLAIN_CSR(hvip)
PLAIN_CSR(htimedelta)
PLAIN_CSR(henvcfg)
PLAIN_CSR(hcounteren)
PLAIN_CSR(senvcfg)
PLAIN_CSR(scounteren)
PLAIN_CSR(scause)
PLAIN_CSR(stval)
PLAIN_CSR(htval)
PLAIN_CSR(htinst)

u64 hw_read_hip(void)
{
	return hip_value(own());
}

/* VSSIP is the only writable bit of hip, and it is hvip's (Privileged ISA, "Hypervisor Interrupt
 * Registers"). */
void hw_write_hip(u64 value)
{
	own()->hvip = (own()->hvip & ~HVIP_VSSIP) | (value & HVIP_VSSIP);
}

void hw_set_hvip(u64 bits)
{
	writes[hw_hart_index()].hvip++;
	own()->hvip |= bits & fake_writable.hvip;
}

void hw_clear_hvip(u64 bits)
{
	writes[hw_hart_index()].hvip++;
	own()->hvip &= ~(bits & fake_writable.hvip);
}

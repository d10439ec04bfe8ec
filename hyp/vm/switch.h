/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's CSRs from the hart to struct vcpu and back, and when: by default vcpu_load() and
 * vcpu_put() do it, with SWITCH=eager every exit and every entry (hyp/vs.h says what for).
 */
#pragma once

#include "hyp/sbi/sbi.h"
#include "hyp/vs.h"

/* All of struct vs_csrs. */
static inline void switch_store(struct vcpu *vcpu)
{
	struct vs_csrs *csr = &vcpu->csr;

	csr->vsstatus = hw_read_vsstatus();
	csr->vsie = hw_read_vsie();
	csr->vstvec = hw_read_vstvec();
	csr->vsscratch = hw_read_vsscratch();
	csr->vsepc = hw_read_vsepc();
	csr->vscause = hw_read_vscause();
	csr->vstval = hw_read_vstval();
	csr->vsatp = hw_read_vsatp();
	if (hw_has(HW_FEATURE_SSTC))
		csr->vstimecmp = hw_read_vstimecmp();
	csr->hvip = hw_read_hvip();
	csr->scounteren = hw_read_scounteren();
	csr->senvcfg = hw_read_senvcfg();
	csr->hstatus = hw_read_hstatus();
	csr->sstatus = hw_read_sstatus();
}

/* All but vsatp, which has to wait for hgatp, and hstatus and sstatus, which say how the guest is
 * to be entered. */
static inline void switch_load_most(const struct vcpu *vcpu)
{
	const struct vs_csrs *csr = &vcpu->csr;

	hw_write_vsstatus(csr->vsstatus);
	hw_write_vsie(csr->vsie);
	hw_write_vstvec(csr->vstvec);
	hw_write_vsscratch(csr->vsscratch);
	hw_write_vsepc(csr->vsepc);
	hw_write_vscause(csr->vscause);
	hw_write_vstval(csr->vstval);
	if (hw_has(HW_FEATURE_SSTC))
		hw_write_vstimecmp(csr->vstimecmp);
	hw_write_hvip(csr->hvip);
	hw_write_scounteren(csr->scounteren);
	hw_write_senvcfg(csr->senvcfg);
}

static inline void switch_load(const struct vcpu *vcpu)
{
	switch_load_most(vcpu);
	hw_write_vsatp(vcpu->csr.vsatp);
	hw_write_hstatus(vcpu->csr.hstatus);
	hw_write_sstatus(vcpu->csr.sstatus);
}

/* guest_run(), from copy to copy. An exit that went the light way first has been stored there. */
static inline u64 switch_guest_run(struct vcpu *vcpu)
{
	if (HW_SWITCH_EAGER)
		switch_load(vcpu);
	u64 scause = guest_run(vcpu);

	if (HW_SWITCH_EAGER && vcpu->full_exits)
		switch_store(vcpu);
	return scause;
}

/* What the trap vector calls with SWITCH=eager in place of sbi_light() and run_light(): the same,
 * from a store to a load if the guest goes on. Without that option they are just those. */
struct sbi_ret switch_sbi_light(SBI_LIGHT_ARGS);
bool switch_run_light(struct vcpu *vcpu, u64 scause);

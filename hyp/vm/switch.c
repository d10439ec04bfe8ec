/* SPDX-License-Identifier: BSD-2-Clause */
/* The light path of SWITCH=eager. Owns nothing. */
#include "hyp/vm/switch.h"

#include "hyp/vm/run.h"

struct sbi_ret switch_sbi_light(SBI_LIGHT_ARGS)
{
	if (HW_SWITCH_EAGER)
		switch_store(vcpu);
	struct sbi_ret ret = sbi_light(a0, a1, a2, a3, a4, vcpu, function, eid);

	/* Else guest_run() returns now, and the next switch_guest_run() loads. */
	if (HW_SWITCH_EAGER && !vcpu->deepen)
		switch_load(vcpu);
	return ret;
}

bool switch_run_light(struct vcpu *vcpu, u64 scause)
{
	if (HW_SWITCH_EAGER)
		switch_store(vcpu);
	bool again = run_light(vcpu, scause);

	if (HW_SWITCH_EAGER && again)
		switch_load(vcpu);
	return again;
}

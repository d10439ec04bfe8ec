/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds who answers a call. The four extensions that a running kernel calls all the time are tried
 * in order on the light path; the rest, and every error, is found in a table on the full one.
 * Owns nothing but the table.
 */
#include "hyp/sbi/sbi.h"

#include "hyp/csr.h"

#define ECALL_LENGTH 4

struct sbi_ret sbi_light(SBI_LIGHT_ARGS)
{
	vcpu->exit_count[CAUSE_ECALL_VS]++;
	if (eid == SBI_EID_BASE)
		return sbi_base_call(a0, a1, a2, a3, a4, vcpu, function, eid);
	if (eid == SBI_EID_TIME)
		return sbi_time_call(a0, a1, a2, a3, a4, vcpu, function, eid);
	if (eid == SBI_EID_IPI)
		return sbi_ipi_call(a0, a1, a2, a3, a4, vcpu, function, eid);
	if (eid == SBI_EID_RFENCE)
		return sbi_rfence_call(a0, a1, a2, a3, a4, vcpu, function, eid);
	vcpu->deepen = 1;
	return sbi_value(0);
}

void sbi_light_saved(struct vcpu *vcpu)
{
	u64 *x = vcpu->x;

	vcpu->pc += ECALL_LENGTH;
	struct sbi_ret ret = sbi_light(x[10], x[11], x[12], x[13], x[14], vcpu, x[16], x[17]);

	if (vcpu->deepen)
		return;
	x[10] = (u64)ret.error;
	x[11] = ret.value;
}

static const struct sbi_extension *const extensions[] = {
	&sbi_hsm, &sbi_srst, &sbi_dbcn, &sbi_susp, &sbi_sta, &sbi_legacy,
};

static const struct sbi_extension *find(u64 eid)
{
	for (size_t i = 0; i < ARRAY_SIZE(extensions); i++)
		if (eid >= extensions[i]->first && eid <= extensions[i]->last)
			return extensions[i];
	return NULL;
}

bool sbi_probe(u64 eid)
{
	return eid == SBI_EID_BASE || eid == SBI_EID_TIME || eid == SBI_EID_IPI ||
	       eid == SBI_EID_RFENCE || find(eid) != NULL;
}

void sbi_full(struct vcpu *vcpu)
{
	u64 eid = vcpu->x[17];
	u64 function = vcpu->x[16];
	struct sbi_args args = {
		{vcpu->x[10], vcpu->x[11], vcpu->x[12], vcpu->x[13], vcpu->x[14], vcpu->x[15]}};
	const struct sbi_extension *extension = find(eid);
	struct sbi_ret ret = sbi_error(SBI_ERR_NOT_SUPPORTED);

	if (extension)
		ret = extension->call(vcpu, eid, function, &args);
	if (ret.error == SBI_UNCHANGED.error)
		return;
	if (ret.error == SBI_AGAIN.error) {
		vcpu->pc -= ECALL_LENGTH;
		return;
	}
	vcpu->x[10] = (u64)ret.error;
	if (!extension || !extension->legacy)
		vcpu->x[11] = ret.value;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What the specification lets a call answer. */
#pragma once

#include "hyp/vcpu.h"

/* How a call may end. */
struct sbi_answer {
	s64 error;
	bool value_known;
	u64 value;
	bool leaves; /* the vCPU goes elsewhere: no answer, or a later one */
	bool again;  /* or the call is made once more */
	bool open;   /* or anything else, for others had a say in it */
};

/* To the call in the vCPU's registers, that of an extension that is none of the legacy ones. */
struct sbi_answer sbi_answer_to(const struct vcpu *vcpu);

/* SPDX-License-Identifier: BSD-2-Clause */
/* Between exit_model.c, which watches exits, and exit_predict.c, which says what they come to. */
#pragma once

#include "hyp/exit/decode.h"
#include "tests/fuzz/exit_model.h"
#include "tests/fuzz/machine.h"

enum outcome {
	ANYTHING, /* sane */
	RETRY,	  /* the guest executes the same instruction again */
	GIVE_RAM, /* likewise, and there is RAM now */
	ACCESS,	  /* a device has done it */
	SKIP,	  /* the instruction is done, without effect on registers */
	INJECT,	  /* an exception of the guest's */
	END,	  /* the VM ends */
};

enum found { FOUND, NO_TABLE, NO_ENTRY, UNKNOWN };

struct shot {
	struct vcpu *vcpu;
	u64 scause;
	u64 x[32], pc;
	struct fake_csrs csr;
	struct exit_plan plan;
	u32 answer; /* of the last fetch ... */
	bool answered, answer_failed;
	enum found found; /* guest-physical address of the fault */
	u64 address;
	unsigned access_count; /* of the device */
	u64 tval, cause;       /* to be injected */
	struct access access;
};

/* Finds out, before the exit is handled, which guest-physical address it is about. */
void exit_locate(struct shot *shot);
/* Afterwards: with what the hypervisor has fetched. Completes the shot. */
enum outcome exit_predict(struct shot *shot);
void exit_predict_prepare(void);

/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of the counting plugin. See count.c for what it does. */
#pragma once

#include <stdio.h>

#include "qemu_plugin.h"

enum owner { GUEST, HYPERVISOR, FIRMWARE, OWNER_COUNT };

#define CAUSE_COUNT 64

#define MARK_SHORT 1024 /* marks from there on make a short line */

/* The first bytes of what sscratch points to are counted word by word. */
#define DATA_SIZE_MAX  4096
#define DATA_WORD_SIZE 8
#define DATA_WORDS     (DATA_SIZE_MAX / DATA_WORD_SIZE)

/* Accesses of one kind. */
struct accesses {
	uint64_t count;
	uint64_t bytes;
};

enum access_kind { LOAD, STORE, ACCESS_KINDS };

/* A hart's. All are sums but the first, which means nothing when harts are added up. */
struct counters {
	uint64_t vcpu; /* sscratch at the last trap into the hypervisor */
	uint64_t instructions[OWNER_COUNT];
	uint64_t traps[OWNER_COUNT][OWNER_COUNT][2][CAUSE_COUNT]; /* to, from, interrupt, cause */
	struct accesses words[DATA_WORDS][ACCESS_KINDS];	  /* of the vCPU */
	struct accesses other[ACCESS_KINDS];			  /* to all else */
	uint64_t code[]; /* of the hypervisor: times that each halfword was begun at */
};

static inline size_t counters_size(uint64_t text_size)
{
	return sizeof(struct counters) + text_size / 2 * sizeof(uint64_t);
}

struct counters *counters_of(unsigned int hart);

/* Of the hart that runs. */
struct counters *counters_here(void);

/* ---- registers.c ---- */

#define PRIV_M 3

#define HSTATUS_SPV (1ull << 7)
#define MSTATUS_MPP (3ull << 11)
#define MSTATUS_MPV (1ull << 39)

/* After x0 to x31, which are 0 to 31. */
enum {
	REGISTER_PRIV = 32,
	REGISTER_SCAUSE,
	REGISTER_STVEC,
	REGISTER_SSCRATCH,
	REGISTER_HSTATUS,
	REGISTER_MCAUSE,
	REGISTER_MTVEC,
	REGISTER_MSTATUS,
	REGISTER_MHARTID,
	REGISTER_COUNT,
};

/* Once, when the first hart is there. */
void registers_find(void);

/* A register of the hart that runs, 0 if it has none of that name. */
uint64_t register_read(unsigned int which);

/* ---- data.c ---- */

extern uint64_t data_size;

/* From now on this is the vCPU of the hart. */
void data_note_vcpu(struct counters *mine, uint64_t address);

/* Counts what an instruction of the hypervisor loads and stores. */
void data_hook(struct qemu_plugin_insn *insn);

/* As members of the JSON object that is being written. */
void data_print(FILE *out, const struct counters *sum);

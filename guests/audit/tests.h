/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the audit share: contexts, stubs, and records.
 *
 * The program executes one thing after the other that software may try, and writes a record of what
 * came of each. It judges nothing: who runs it compares the records of two machines.
 *
 * A record is a line `r CONTEXT TABLE FIRST-LAST RESULT`: the same result came of all items of the
 * table from FIRST to LAST. A result is a list of words without spaces inside:
 *
 *	k		went through; then each register and the memory that changed: a0=HEX, m=HEX
 *	tN=		exception N, stval is the bits of the instruction
 *	tN0, tN@	the same with stval 0, or the address of the instruction (but for t12=,
 *which stands for all where they are equal) tN:HEX		another stval
 *	tN?+D		... and sepc D bytes behind the first instruction of the stub
 *
 * For a CSR there is such a word for each of five accesses, see csr.c.
 */
#pragma once

#include "boot.h"
#include "check.h"
#include "csr.h"
#include "hart.h"
#include "print.h"
#include "vm.h"

/* S-mode and U-mode, without and with translation, and U-mode with all that S-mode can deny it
 * denied; the others have all that S-mode can allow. */
enum context { S_BARE, S_PAGED, U_BARE, U_PAGED, U_DENIED, CONTEXT_COUNT };

extern const char *const context_names[CONTEXT_COUNT];

static inline bool context_is_user(enum context context)
{
	return context >= U_BARE;
}

/* Sets up a context; what runs until context_leave() runs in it. Interrupts are off and none is
 * enabled in sie. */
void context_enter(enum context context);
void context_leave(void);

/* ---- stubs: a few instructions and an EBREAK, made at run time ---- */

enum { X0 = 0, X_RA = 1, X_A0 = 10, X_A1, X_A2, X_A3, X_A4, X_A5 };

struct stub {
	u32 at;	 /* offset of its first instruction */
	u32 end; /* ... and of the EBREAK */
};

#define ARGUMENT_COUNT 8 /* a0 to a7 */

struct outcome {
	bool done; /* the EBREAK was reached */
	u64 cause, tval;
	s64 offset; /* of the instruction that trapped, from the stub's first */
	bool at_pc; /* stval was its address */
	u32 bits;   /* of that instruction */
	u64 a[ARGUMENT_COUNT];
};

/* Begins a new lot of stubs, of STUB_SPACE bytes at most. */
#define STUB_SPACE 32768
void stub_begin(void);
struct stub stub_add(const u32 *insns, size_t count);
/* The lot is complete and may run. */
void stub_seal(void);

struct outcome stub_run(const struct stub *stub, const u64 a[ARGUMENT_COUNT]);

/* Memory that stubs may use, where the present context sees it. Filled anew by scratch_fill(). */
u64 scratch_address(void);
void scratch_fill(void);
/* A digest of it; zero: nothing has changed. */
u32 scratch_digest(void);

static inline u32 insn_length(u32 insn)
{
	return (insn & 3) == 3 ? 4 : 2;
}

/* rd, csr, rs1 or an immediate of five bits. */
static inline u32 insn_csr(u32 funct3, u32 rd, u32 csr, u32 rs1)
{
	return csr << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | 0x73;
}

enum { CSRRW = 1, CSRRS, CSRRC, CSRRWI = 5, CSRRSI, CSRRCI };

/* ---- records ---- */

/* A line under construction. */
struct text {
	char s[160];
	size_t length;
};

void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The trap in an outcome that is not done. */
void text_trap(struct text *text, const struct outcome *outcome);

/* The result of an item of a table; equal ones that follow each other become one line. */
void record(enum context context, const char *table, u32 item, const char *result);
/* Writes out what is held back. */
void record_flush(void);
/* Of single items: who reads the lines can tell that none is missing. */
extern u32 record_count;

/* ---- the parts ---- */

void audit_initial(void);
void audit_csr(enum context context);
void audit_insn(enum context context);
void audit_extension(void);
void audit_tables(void);
/* Only by name: see marker.c and watch.c. */
void run_held(void);
void run_watch(void);

/* marker.c: with "markers" in the boot arguments, stops until a debugger has seen it. */
#define MARKER_HELD 0x1000
void marker(u64 id);
void marker_rest(u64 us);

/* The CSRs that S-mode can read and whose value stays by itself, what can be written to each, and
 * what of that it is not safe to change for long. */
struct own_csr {
	u32 number;
	u64 value;
	u64 writable, unsafe;
};
#define OWN_CSR_MAX 128
extern struct own_csr own_csrs[OWN_CSR_MAX];
extern u32 own_csr_count;
void own_csr_find(void);

/* enter.S: to a stub with a0 to a7, in S-mode or U-mode. */
void stub_enter_s(u64 address, const u64 *a);
void stub_enter_u(u64 address, const u64 *a);

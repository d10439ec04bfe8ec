/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine on the host that answers hyp/hw.h: harts with CSRs, RAM whose host-physical addresses
 * are not its pointers, a clock that stands still until told otherwise, and a record of every
 * fence. A test starts a machine, picks the hart that it is, and calls the real code under hyp/.
 *
 * A thread is one hart at a time, hart 0 at first. What a hart owns (its CSRs, its timer) only the
 * thread that is that hart may touch; the rest has a lock inside.
 *
 * Use of something that the machine does not have (an address that is not RAM, a CSR of a missing
 * extension, a unit that is off) ends the test program with a message.
 */
#pragma once

#include <setjmp.h>

#include "hyp/hw.h"

/* ------------------------------------------------------------------------------------------------
 * Life.
 */

struct fake_options {
	unsigned hart_count;
	u64 ram_base; /* host-physical, aligned to 1 GiB or not as the test likes */
	u64 ram_size; /* bytes; costs nothing until touched */
	/* Parts of the RAM to give away as free_ram; none means all of it. */
	struct hw_region free_ram[HW_REGION_MAX];
	unsigned free_ram_count;
	u32 features; /* enum hw_feature */
	unsigned gstage_modes;
	unsigned vmid_bits;
	unsigned vlenb;
	u64 timebase_hz;
	/* What a write of an unsupported MODE to hgatp does (Privileged ISA, "Hypervisor Guest
	 * Address Translation and Protection Register": the fields are WARL). */
	enum fake_hgatp_reject {
		FAKE_HGATP_KEEP_ALL,	      /* the register keeps its old value */
		FAKE_HGATP_KEEP_MODE,	      /* VMID and PPN are taken, MODE is not */
		FAKE_HGATP_MODE_BECOMES_BARE, /* everything reads as zero */
	} hgatp_reject;
	bool dirty_ram;	      /* filled with 0xa5 at first; all of it takes host memory then */
	bool console_polling; /* hw_console_needs_polling() */
};

/* Two harts, 64 MiB at 0x90000000, all features, all modes, 14 VMID bits, 16-byte vectors, 10 MHz.
 */
struct fake_options fake_defaults(void);

/* A new machine, whatever was there before: hart 0, time 0, no regions in the page allocator. NULL
 * stands for fake_defaults(). */
void fake_start(const struct fake_options *options);
/* The same, with all of free_ram given to the page allocator. */
void fake_start_with_pages(const struct fake_options *options);
void fake_stop(void);

/* What hw_machine() answers, to change before the code under test looks. */
struct hw_machine *fake_machine(void);

/* Makes the calling thread that hart. */
void fake_set_hart(unsigned hart);

/* ------------------------------------------------------------------------------------------------
 * Hooks: what the machine does when the code under test does something. NULL means the default.
 */

struct fake_hooks {
	/* Runs the guest and says why it stopped. No default. */
	u64 (*guest_run)(struct vcpu *vcpu);
	/* No defaults. */
	enum status (*fetch_guest)(gva_t pc, u32 *insn, struct hw_fetch_fault *fault);
	enum status (*load_guest)(gva_t address, u64 *value, struct hw_fetch_fault *fault);
	/* After the IPIs are recorded and pending: a chance to be the other harts. */
	void (*send_ipi)(u64 hart_mask);
	/* In hw_pause(): likewise. Default: the host's scheduler runs another thread. */
	void (*pause)(void);
	/* Before hw_zero_pages() zeroes: a long time for other harts. */
	void (*zero_pages)(void *page_aligned, size_t size);
	/* In hw_wait(). Default: returns at once. */
	void (*wait)(void);
};

extern struct fake_hooks fake_hooks;

/* ------------------------------------------------------------------------------------------------
 * CSRs.
 */

#define FAKE_CSR_FIELD(name) u64 name;
struct fake_csrs {
	HW_CSRS(FAKE_CSR_FIELD)
};
#undef FAKE_CSR_FIELD

/* The registers themselves, to look at and to set without the rules for writing. */
struct fake_csrs *fake_csrs(unsigned hart);

/* How often hw_read_*() and hw_write_*() of each were called on a hart. */
struct fake_csrs *fake_csr_reads(unsigned hart);
struct fake_csrs *fake_csr_writes(unsigned hart);

/* Bits that software can change in each register, the same for all harts. fake_start() sets it by
 * the features; hgatp is ruled by the options. */
extern struct fake_csrs fake_writable;

/* ------------------------------------------------------------------------------------------------
 * Fences, in the order in which they were executed.
 */

enum fake_fence_kind {
	FAKE_HFENCE_GVMA_ALL,
	FAKE_HFENCE_GVMA_VMID,
	FAKE_HFENCE_GVMA,
	FAKE_HFENCE_VVMA_ALL,
	FAKE_HFENCE_VVMA_ASID,
	FAKE_HFENCE_VVMA,
	FAKE_HFENCE_VVMA_ASID_ADDRESS,
	FAKE_FENCE_I,
};

struct fake_fence {
	enum fake_fence_kind kind;
	unsigned hart;
	u64 hgatp;   /* at that time */
	u64 address; /* guest-physical or guest-virtual, where the kind has one */
	u64 asid;    /* where the kind has one */
	u64 vmid;    /* the argument; of the VS-stage ones, the VMID in hgatp */
};

#define FAKE_FENCE_MAX 4096

unsigned fake_fence_count(void);
struct fake_fence fake_fence(unsigned index);
void fake_clear_fences(void);

/* How often a hart has given up the reservation of an LR. */
u64 fake_reservation_drops(unsigned hart);
/* ... and cleared what no CSR guards. */
u64 fake_unguarded_clears(unsigned hart);

#define FAKE_ANY_HART UINT32_MAX
/* How many of a kind a hart has executed. */
unsigned fake_count_fences(enum fake_fence_kind kind, unsigned hart);

/* ------------------------------------------------------------------------------------------------
 * Time, interrupts, stopping.
 */

void fake_set_time(u64 time);
void fake_advance_time(u64 ticks);

/* What hw_set_timer() was last told on a hart; UINT64_MAX if never. */
u64 fake_timer(unsigned hart);

/* Harts with a soft interrupt that they have not served. */
u64 fake_pending_ipis(void);
/* Calls of hw_send_ipi() since the start. */
unsigned fake_ipi_count(void);

/* The live registers of the hart's units: HW_FP_SIZE and hw_vector_size() bytes. */
u8 *fake_fp(unsigned hart);
u8 *fake_vector(unsigned hart);

enum fake_end {
	FAKE_END_NONE, /* the statement came to its end */
	FAKE_END_CHECK,
	FAKE_END_SHUTDOWN,
	FAKE_END_REBOOT,
};

/* Runs a statement and says what stopped the machine in it. Locks that it held stay held: after
 * anything but FAKE_END_NONE only fake_start() makes a machine to go on with. Not to be nested;
 * and as with any setjmp(), in a function of its own when there are variables that change. */
#define FAKE_CATCH_END(statement)                      \
	({                                             \
		enum fake_end fake_end_;               \
		switch (setjmp(*fake_catch_end())) {   \
		case 0:                                \
			statement;                     \
			fake_end_ = FAKE_END_NONE;     \
			break;                         \
		default:                               \
			fake_end_ = fake_caught_end(); \
		}                                      \
		fake_forget_end();                     \
		fake_end_;                             \
	})

jmp_buf *fake_catch_end(void);
enum fake_end fake_caught_end(void);
void fake_forget_end(void);
/* The condition of the CHECK that was caught last. */
const char *fake_check_condition(void);

/* ------------------------------------------------------------------------------------------------
 * Console.
 */

/* All that was written, as a string. */
const char *fake_console_output(void);
void fake_console_clear(void);

/* How many bytes hw_console_write() will take until the next call of this; at first all. */
void fake_console_set_room(size_t room);

/* Bytes arrive on the line; the client gets them when interrupts are next served. */
void fake_console_type(const char *bytes, size_t length);
/* Bytes that no client has taken yet. */
size_t fake_console_input_left(void);
/* How often hw_console_resume_input() was called. On a machine each call may cost an interrupt. */
unsigned fake_console_resume_count(void);
/* What hw_console_serve_on() has been told last, 0 if nothing. */
u64 fake_console_harts(void);

/* ------------------------------------------------------------------------------------------------
 * Between the files of the fake.
 */

_Noreturn void fake_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void fake_time_reset(void);
void fake_csrs_reset(const struct fake_options *options);
void fake_console_reset(const struct fake_options *options);
/* Serves the line; true if there was something to do. */
bool fake_console_serve(void);
bool fake_console_is_pending(void);

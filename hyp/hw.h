/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine as the hypervisor sees it. This is the only way from hyp/ to a CSR, an instruction
 * that C cannot express, or a physical device. platform/ and firmware/ implement it for harts with
 * the H extension, tests/fake/ for the host, where it also records fences.
 *
 * Nothing here blocks. Unless a comment says otherwise a function acts on the calling hart.
 */
#pragma once

#include "hyp/status.h"
#include "hyp/types.h"

struct vcpu;

/* ------------------------------------------------------------------------------------------------
 * What was found at boot; constant from then on.
 */

#define HW_HART_MAX   64 /* sets of harts are 64-bit masks of indexes, not of hart ids */
#define HW_REGION_MAX 32

/* Optional features. Each was tried on every hart in use, not read from the device tree alone. */
enum hw_feature {
	HW_FEATURE_SSTC = 1 << 0,      /* vstimecmp works, henvcfg.STCE can be set */
	HW_FEATURE_SVPBMT = 1 << 1,    /* henvcfg.PBMTE can be set */
	HW_FEATURE_SVADU = 1 << 2,     /* henvcfg.ADUE can be set */
	HW_FEATURE_ZICBOM = 1 << 3,    /* henvcfg.CBIE and CBCFE can be set */
	HW_FEATURE_ZICBOZ = 1 << 4,    /* henvcfg.CBZE can be set and cbo.zero works here */
	HW_FEATURE_SMSTATEEN = 1 << 5, /* hstateen0 and sstateen0 exist */
	HW_FEATURE_F = 1 << 6,
	HW_FEATURE_D = 1 << 7,
	HW_FEATURE_V = 1 << 8,
	HW_FEATURE_SVINVAL = 1 << 9,
	HW_FEATURE_SVNAPOT = 1 << 10,
};

/* Stage-2 modes in the encoding of hgatp.MODE (Privileged ISA, "Hypervisor Guest Address
 * Translation and Protection Register"). */
enum hw_gstage_mode {
	HW_GSTAGE_BARE = 0,
	HW_GSTAGE_SV39X4 = 8,
	HW_GSTAGE_SV48X4 = 9,
	HW_GSTAGE_SV57X4 = 10,
};

struct hw_region {
	hpa_t base;
	u64 size; /* bytes */
};

struct hw_machine {
	u64 timebase_hz;
	u64 boot_time;			/* when our first instruction ran, in timebase ticks */
	unsigned hart_count;		/* harts in use; indexes are 0 to hart_count - 1 */
	u64 hart_id[HW_HART_MAX];	/* the firmware's name for each of them */
	u32 features;			/* enum hw_feature, those that all harts in use have */
	unsigned gstage_modes;		/* bit per hw_gstage_mode that hgatp accepted */
	unsigned vmid_bits;		/* VMIDLEN, 0 to 14 */
	unsigned vlenb;			/* bytes in a vector register, 0 without V */
	unsigned cboz_block_size;	/* bytes, a power of two, 0 without Zicboz */
	unsigned cbom_block_size;	/* likewise for Zicbom */
	u64 mvendorid, marchid, mimpid; /* from SBI BASE; guests are told the same */
	u64 hedeleg, hideleg; /* what the delegation registers held after writing all we want */

	/* ISA of the harts as names, NUL-terminated one after the other, an empty name last:
	 * "i", "m", "a", ..., "zicsr", ... in lower case. Only names that all harts in use share.
	 */
	const char *isa_names;
	const char *mmu_type; /* "riscv,sv39" and so on: what satp accepted */

	struct hw_region free_ram[HW_REGION_MAX]; /* page-aligned, ours to give away */
	unsigned free_ram_count;

	const void *bundle; /* the VM bundle as it lies in RAM, NULL if the loader passed none */
	u64 bundle_size;    /* bytes */
};

const struct hw_machine *hw_machine(void);

static inline bool hw_has(enum hw_feature feature)
{
	return (hw_machine()->features & feature) != 0;
}

/* The calling hart's index, 0 to hart_count - 1. */
unsigned hw_hart_index(void);

/* ------------------------------------------------------------------------------------------------
 * Control and status registers, a function to read and one to write each: hw_read_vsepc(),
 * hw_write_vsepc(). Those behind an extension must only be used when its feature bit is set.
 */

#define HW_CSRS(X)                         \
	X(vsstatus)                        \
	X(vsie)                            \
	X(vstvec)                          \
	X(vsscratch)                       \
	X(vsepc)                           \
	X(vscause)                         \
	X(vstval)                          \
	X(vsatp)                           \
	X(vstimecmp) /* HW_FEATURE_SSTC */ \
	X(hstatus)                         \
	X(hedeleg)                         \
	X(hideleg)                         \
	X(hvip)                            \
	X(hip)                             \
	X(hgatp)                           \
	X(htimedelta)                      \
	X(henvcfg)                         \
	X(hcounteren)                      \
	X(senvcfg)                         \
	X(scounteren)                      \
	X(sstatus)                         \
	X(scause)                          \
	X(stval)                           \
	X(htval)                           \
	X(htinst)

#define HW_DECLARE_CSR(name)      \
	u64 hw_read_##name(void); \
	void hw_write_##name(u64 value);
HW_CSRS(HW_DECLARE_CSR)
#undef HW_DECLARE_CSR

/* Atomic read-modify-write of hvip; a guest may clear VSSIP under our feet through its sip. */
void hw_set_hvip(u64 bits);
void hw_clear_hvip(u64 bits);

/* ------------------------------------------------------------------------------------------------
 * Entering a guest.
 */

/* Restores the general registers and pc of the vCPU that vcpu_load() prepared on this hart, enters
 * it, and returns scause of the first trap that the light path could not finish; with
 * vcpu->full_exits, of the first trap, and pc is at the instruction that trapped. All general
 * registers and pc are then in struct vcpu. No lock may be held. */
u64 guest_run(struct vcpu *vcpu);

/* ------------------------------------------------------------------------------------------------
 * Memory.
 */

/* The hypervisor's view of physical RAM: every byte of free_ram and of the bundle is mapped. */
void *hw_ram(hpa_t address);
hpa_t hw_hpa_of(const void *ram);

/* Zeroes whole pages, with cbo.zero where the hart has it. */
void hw_zero_pages(void *page_aligned, size_t size);

/* Fetches the instruction parcel pair at pc as the guest would, through both stages, with execute
 * permission and the privilege in hstatus.SPVP (Privileged ISA, "Hypervisor Virtual-Machine Load
 * and Store Instructions": HLVX.HU). 2 or 4 bytes are read, never across a page that a 2-byte
 * instruction does not touch. STATUS_FAULT: the access trapped, *fault says how. */
struct hw_fetch_fault {
	u64 cause; /* scause: a load page fault, access fault or guest-page fault */
	gva_t address;
	u64 htval;
};
enum status hw_fetch_guest(gva_t pc, u32 *insn, struct hw_fetch_fault *fault) MUST_CHECK;

/* Loads a naturally aligned 64-bit word through both stages as the guest would at the privilege in
 * hstatus.SPVP (HLV.D). Same results as hw_fetch_guest(). */
enum status hw_load_guest(gva_t address, u64 *value, struct hw_fetch_fault *fault) MUST_CHECK;

/* ------------------------------------------------------------------------------------------------
 * Fences (Privileged ISA, "Hypervisor Memory-Management Fence Instructions"). Each orders this
 * hart's later implicit accesses behind its earlier stores; other harts need an IPI of ours.
 */

void hw_hfence_gvma_all(void);
void hw_hfence_gvma_vmid(unsigned vmid);
void hw_hfence_gvma(gpa_t address, unsigned vmid);

/* The VS-stage ones act on the VMID that hgatp holds now. */
void hw_hfence_vvma_all(void);
void hw_hfence_vvma_asid(u64 asid);
void hw_hfence_vvma(gva_t address);
void hw_hfence_vvma_asid_address(gva_t address, u64 asid);

/* Makes this hart's fetches see all stores it has seen so far. */
void hw_fence_i(void);

/* Gives up the reservation that an LR has made on this hart, whoever executed it. */
void hw_drop_reservation(void);

/* Clears CSRs of this hart that VS-mode can use although nobody was promised them, because the hart
 * has no means to keep it from that (Privileged ISA, "Smstateen/Ssstateen": without these, state
 * that is not switched is a channel between guests). */
void hw_clear_unguarded(void);

/* ------------------------------------------------------------------------------------------------
 * Floating-point and vector registers. The unit must be on in sstatus. The buffers are laid out
 * as the implementation likes; sizes are HW_FP_SIZE and hw_vector_size().
 */

#define HW_FP_SIZE (33 * 8) /* f0 to f31, fcsr */

void hw_save_fp(void *buffer);
void hw_restore_fp(const void *buffer);
void hw_save_vector(void *buffer);
void hw_restore_vector(const void *buffer);

/* fcsr alone, and vstart and vcsr alone, to their places in a buffer that has been saved before. */
void hw_save_fcsr(void *buffer);
void hw_save_vector_csrs(void *buffer);
size_t hw_vector_size(void); /* v0 to v31 and vstart, vcsr, vl, vtype, in bytes */

/* Makes a buffer what a hart has after reset: zero, but for vtype, which is vill. */
void hw_reset_vector(void *buffer);

/* ------------------------------------------------------------------------------------------------
 * Time, other harts, and stopping.
 */

u64 hw_time(void); /* in timebase ticks, the same on all harts */

/* The hart's own timer interrupt at or soon after that time; UINT64_MAX means never. */
void hw_set_timer(u64 time);

/* Interrupts the harts of the mask, the caller included if it is in the mask: a guest running
 * there takes a light exit with cause HW_INTERRUPT_SOFT; an idle hart leaves hw_wait(). Earlier
 * stores of the caller are visible to the interrupted harts. */
void hw_send_ipi(u64 hart_mask);

/* Waits until an interrupt is pending for this hart, and returns with interrupts still off. */
void hw_wait(void);

/* In a loop that waits for another hart. */
void hw_pause(void);

/* Acknowledges and serves the host interrupt in scause (bit 63 set): clears a soft interrupt,
 * silences the timer, or lets the driver of a device handle it. Returns which it was. */
enum hw_interrupt {
	HW_INTERRUPT_SOFT,
	HW_INTERRUPT_TIMER,
	HW_INTERRUPT_DEVICE,
	HW_INTERRUPT_OTHER,
};
enum hw_interrupt hw_serve_interrupt(u64 scause);

/* The same for all that is pending now, for a hart that is not in a guest. */
void hw_serve_pending(void);

/* Stops or restarts the physical machine. Does not return. */
_Noreturn void hw_shutdown(void);
_Noreturn void hw_reboot(void);

/* Unpredictable bytes, different for each caller. False: the machine has no source of them, and the
 * buffer is as it was. One hart at a time. */
bool hw_random(void *buffer, size_t length);

/* ------------------------------------------------------------------------------------------------
 * The operator's serial line.
 */

/* Takes as many bytes as the line can swallow now without waiting and returns how many. */
size_t hw_console_write(const char *bytes, size_t length);

/* For messages: waits for room for a bounded time, then drops. */
void hw_console_write_all(const char *bytes, size_t length);

/* Who gets received bytes, and who is told that there is room again. Called on some hart, in
 * hw_serve_interrupt() or hw_serve_pending(). receive() returns how many bytes it took; after a
 * short count the line is left alone until hw_console_resume_input(). */
struct hw_console_client {
	size_t (*receive)(const char *bytes, size_t length);
	void (*writable)(void);
};
void hw_console_attach(const struct hw_console_client *client);
void hw_console_resume_input(void);
/* Asks for a writable() call when there is room. */
void hw_console_want_writable(void);
/* The line's interrupt goes to a hart of the mask of indexes, if one of them can have it: from the
 * next one on, or the one after that. On any hart. */
void hw_console_serve_on(u64 harts_allowed);
/* True when the line has no interrupt: somebody must call hw_serve_pending() regularly. */
bool hw_console_needs_polling(void);

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtual machine as a whole, and its life:
 *
 *	OFF -> QUEUED -> LOADING -> RUNNING <-> PAUSED
 *	                               |           |
 *	 OFF or QUEUED  <- FREEING <- ENDING <-----+
 *
 * QUEUED waits for the VMs that it depends on, or for the time of a restart. ENDING waits until no
 * vCPU runs and no hart has the VM's tables active. Everything that takes long is done in bounded
 * steps between vCPUs (work.h). guest.c makes VMs and wires them up, lifecycle.c runs their life.
 */
#pragma once

#include "hyp/dev/device.h"
#include "hyp/dev/vplic.h"
#include "hyp/dev/vuart.h"
#include "hyp/mem/guest_memory.h"
#include "hyp/mem/vmid.h"
#include "hyp/vcpu.h"
#include "hyp/vm/work.h"

/* RAM starts where it does on QEMU virt. */
#define GUEST_RAM_BASE 0x80000000ULL

enum guest_state {
	GUEST_OFF,
	GUEST_QUEUED,
	GUEST_LOADING,
	GUEST_RUNNING,
	GUEST_PAUSED,
	GUEST_ENDING,
	GUEST_FREEING,
};

/* What happens when the VM has ended by itself. A reboot that the guest asks for is none. */
enum guest_restart {
	GUEST_RESTART_NEVER,
	GUEST_RESTART_ON_FAILURE, /* not after a shutdown that the guest asked for */
	GUEST_RESTART_ALWAYS,
};

#define GUEST_DEPENDS_MAX 8

/* Brings the images into fresh guest RAM. */
struct guest_loader {
	/* Starts over. */
	enum status (*begin)(void *context, struct guest_memory *memory) MUST_CHECK;
	/* Does a bounded part of it. *done: entry and fdt say how to start. */
	enum status (*step)(void *context, bool *done, gpa_t *entry, gpa_t *fdt) MUST_CHECK;
	/* The VM is stopped before it was done: drops what begin() took. Does no harm twice. */
	void (*cancel)(void *context);
	void *context;
};

/* Where the VM's serial line ends. Called with LOCK_DEVICE held by transmit(). */
struct guest_console {
	size_t (*transmit)(void *context, const u8 *bytes, size_t length);
	/* Input for SBI console reads. */
	size_t (*take)(void *context, u8 *bytes, size_t length);
	/* The UART has room again: hand it what is kept. No lock is held. */
	void (*offer_input)(void *context);
	/* Everything is off: get out what is still kept, in bounded time. */
	void (*flush)(void *context);
	void *context;
};

struct guest_config {
	const char *name;    /* stays valid */
	unsigned vcpu_count; /* 1 to VCPU_MAX */
	u64 memory_size;     /* bytes, a multiple of 4 KiB */
	bool memory_pinned;
	struct sched_limits limits;
	bool autostart;
	enum guest_restart restart;
	/* Run before it starts. NULL: one that could not be made, so this one cannot start. */
	struct guest *depends[GUEST_DEPENDS_MAX];
	unsigned depends_count;
	struct guest_loader loader;
	struct guest_console console;
};

/* How far LOADING is. */
enum guest_loading {
	LOADING_PREPARE,
	LOADING_PIN,
	LOADING_BEGIN,
	LOADING_IMAGES,
};

struct guest {
	struct vm vm; /* what other rooms see */
	struct vcpu *vcpus[VCPU_MAX];
	struct guest_config config;

	struct list link; /* all VMs; grows at boot only */

	/* Its life: see lifecycle.c. */
	struct lock lock; /* guards what follows, up to work */
	enum guest_state state;
	enum vm_end end;       /* of this life, once it is known */
	const char *reason;    /* the same in words; NULL: it has had no end yet */
	bool kept_off;	       /* nobody waits for its end any more */
	bool needs_others;     /* while QUEUED: for those that it depends on */
	u32 others_asked;      /* which of them it has started, a bit each */
	u32 restart_count;     /* in a row */
	u64 start_at;	       /* while QUEUED: not before */
	u64 started_at;	       /* hart time at which it began to run */
	u64 paused_at;	       /* while PAUSED: hart time at which its clock stopped */
	bool resume_asked;     /* while PAUSED */
	unsigned active_count; /* vCPUs that are not OFF */
	unsigned asking_count; /* calls that tell its vCPUs, one by one, to leave */
	struct work work;

	/* For steps of its work alone. */
	enum guest_loading loading;
	bool admitted;	    /* sched_admit() was called */
	bool has_memory;    /* it has been created and not been destroyed yet */
	u64 recycle_ticket; /* while ENDING: see recycle.h; 0: not begun */

	struct guest_memory memory;
	struct bus bus;
	struct vplic plic;
	struct vuart uart;
	u32 input_wanted; /* atomic: offer_input() is owed */

	struct vmid vmid;
	const struct vcpu *last_vcpu[HW_HART_MAX]; /* which of its vCPUs a hart had last */

	void *look; /* the shell's: what it saw last; see ui/look.c */
};

static inline struct guest *guest_of(const struct vm *vm)
{
	return container_of(vm, struct guest, vm);
}

/* Boot hart, before the first VM. */
void guest_init(void);

/* Makes a VM, OFF. Boot hart. STATUS_NO_MEMORY; STATUS_INVALID: the configuration is outside its
 * limits. */
enum status guest_create(const struct guest_config *config, struct guest **result) MUST_CHECK;

/* All VMs in the order in which they were made: NULL begins, and NULL is the end. Any hart. */
struct guest *guest_next(const struct guest *guest);
/* NULL: no VM has that name. */
struct guest *guest_find(const char *name);
enum guest_state guest_state(const struct guest *guest);
/* For people: "running" and so on. */
const char *guest_state_name(enum guest_state state);
/* Why the VM last ended, in words; NULL: it has not. */
const char *guest_end_reason(const struct guest *guest);

/*
 * What the operator may ask, on any hart, with no lock held. All of it happens soon after the
 * call. STATUS_DENIED: the VM's state does not allow it.
 *
 * start: OFF to QUEUED; those it depends on are started too. stop: to OFF, from any state, and no
 * restart follows. reset: the same and QUEUED again. pause: RUNNING to PAUSED, with the guest's
 * clock standing still from when its last vCPU has left its hart. resume: back.
 */
enum status guest_start(struct guest *guest) MUST_CHECK;
enum status guest_stop(struct guest *guest) MUST_CHECK;
enum status guest_reset(struct guest *guest) MUST_CHECK;
enum status guest_pause(struct guest *guest) MUST_CHECK;
enum status guest_resume(struct guest *guest) MUST_CHECK;

/* While held, the machine stays on when the last VM goes off: somebody is at the shell. */
void guest_hold_machine(bool hold);

/* For a VM that is not to start by itself: the machine stays on for it. */
void guest_keep_off(struct guest *guest);

/* Calls offer_input() where a UART has made room. Any hart, no lock held. */
void guest_offer_input(void);

/* True once every VM is OFF by itself, and nobody holds the machine. */
bool guest_all_off(void);

/* What VMs have written gets out before the machine goes off. No lock held. */
void guest_flush_consoles(void);

/* What the rooms below may ask of vm/. */
extern const struct vm_ops guest_vm_ops;

#ifdef HW_TEST
/* Back to no VMs at all, for the next test. */
void guest_forget_all(void);
#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole VMs for fuzz targets: the rooms of hyp/ as at boot, on harts that execute the real run
 * loop. A hart is a fiber, a stack of its own in the one thread; the target says which goes on, and
 * it does so until its next chance to stop: between a guest's instructions, in hw_pause() and
 * hw_wait(), after an IPI. The target is also the guests' code.
 *
 * What a guest's memory holds may race (race.h) while an exit is handled.
 */
#pragma once

#include "hyp/vm/guest.h"
#include "tests/fake/fake_hw.h"
#include "tests/fuzz/input.h"

#define MACHINE_HART_MAX 3
#define MACHINE_VM_MAX	 3

/* No trap: the guest executes something, or nothing. */
#define MACHINE_NOTHING (~0ULL)

struct machine_client {
	/* The next instruction of the guest on this hart. A trap's scause: then pc, registers and
	 * CSRs are as it leaves them. */
	u64 (*step)(struct vcpu *vcpu);
	/* An exit begins; also those by interrupts of the host. */
	void (*before)(struct vcpu *vcpu, u64 scause);
	/* It has been handled, and the vCPU has not left the hart yet. Not called for one that was
	 * finished on the full path and made the vCPU leave. */
	void (*after)(struct vcpu *vcpu);
};

struct machine_vm {
	struct guest *guest;
	size_t room;	     /* what the line takes before it says no more */
	u64 sent;	     /* bytes that it took */
	unsigned load_steps; /* until it is loaded ... */
	unsigned load_fails; /* ... unless it fails in the last but so many: 0, never */
	unsigned load_left;
	u8 input;	      /* the next byte that arrives for the guest ... */
	unsigned input_count; /* ... of so many that wait */
	unsigned begin_count; /* lives */
	bool asked_for_input; /* offer_input() came */
};

enum { MACHINE_VS_STAGE, MACHINE_FENCE_I, MACHINE_FENCE_KINDS };

struct machine {
	struct machine_vm vms[MACHINE_VM_MAX];
	unsigned vm_count;
	unsigned race_rate; /* for memory while exits are handled */
	u64 race_seed;
	bool over;	 /* guests do nothing any more */
	u64 yield_count; /* times that another hart had a chance */
	u64 fences[MACHINE_HART_MAX][MACHINE_FENCE_KINDS]; /* executed so far */
};
extern struct machine machine;

/* Boot. Slices are of 100 ticks. */
void machine_start(const struct fake_options *options, const struct machine_client *client);
struct machine_vm *machine_add_vm(unsigned vcpu_count, u64 memory_size, enum guest_restart restart,
				  struct sched_limits limits);
/* Starts them all, and lets the harts run until they are running. */
void machine_boot(void);

/* That hart goes on, if it is not asleep. Time passes. False: it is asleep. */
bool machine_turn(unsigned hart, u64 ticks);
/* Time jumps to when something is due next. */
void machine_skip_to_event(void);

/* Some hart calls it at its next chance, when it holds no lock: an operator's wish. */
void machine_errand(void (*errand)(u64 argument), u64 argument);

/* An errand: what waits for that VM arrives, and its line may take more again. */
void machine_serve_line(u64 vm);

/* Lets the harts do what is still to be done, while guests do nothing. Nobody then waits for an
 * interrupt that is there. */
void machine_settle(void);

/* Stops all VMs and requires that every page comes back. */
void machine_finish(void);

/* In a guest's step or the handling of an exit: lets another hart go on. */
void machine_yield(void);

/* What lies at a guest-physical address, if there are so many bytes in one leaf; else NULL. */
void *machine_ram(const struct vm *vm, u64 address, u64 size);

/* Counts what fences have been executed, and forgets them. */
void machine_count_fences(void);

/* On its hart, about to be entered. */
void machine_check_loaded(const struct vcpu *vcpu);
/* Before an instruction of it: what the PLIC says is what the guest sees in hip, but for what is on
 * its way. */
void machine_check_wires(const struct vcpu *vcpu);
/* With all at rest: nobody waits for an interrupt that is there. */
void machine_check_waiting(const struct guest *guest);

/* Tells race.h of the RAM that guests have now: of a large one, the first leaves. */
void machine_note_ram(void);

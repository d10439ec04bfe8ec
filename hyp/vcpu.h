/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual machine and its vCPUs as data: what every room of the hypervisor may look at. How
 * they are loaded, scheduled and stopped is vm/'s business; rooms below it ask through vm_ops.
 *
 * There is no VMCS. While a vCPU is loaded on a hart, its VS CSRs are in the hart's own registers
 * and the copies here are stale (but see hyp/vs.h); its general registers and pc are here whenever
 * the full path has been taken, and its caller-saved ones and pc on the light path too.
 */
#pragma once

#include "hyp/heap.h"
#include "hyp/hw.h"
#include "hyp/list.h"
#include "hyp/lock.h"
#include "hyp/log.h"
#include "hyp/types.h"

#define VCPU_MAX 32 /* vCPUs of one VM; sets of vCPUs are 64-bit masks */

struct vm;
struct bus;
struct guest_memory;

/* The registers that vm/switch.h moves. hstatus and sstatus are the host's, but some
 * of their fields say how the guest is to be entered. */
struct vs_csrs {
	u64 vsstatus, vsie, vstvec, vsscratch, vsepc, vscause, vstval, vsatp;
	u64 vstimecmp;		 /* with Sstc */
	u64 hvip;		 /* VSSIP only, once put: the other two are irq_level's */
	u64 senvcfg, scounteren; /* one register for host and guest: the H extension has no VS
				  * counterparts of these */
	u64 hstatus;		 /* SPV, SPVP */
	u64 sstatus;		 /* SPP, SPELP; FS and VS as the host tracks them */
};

/* What the scheduler thinks of a vCPU. Guarded by the lock of its home hart's queues. */
enum vcpu_run_state {
	VCPU_OFF,     /* HSM stopped, or the VM does not run */
	VCPU_READY,   /* could run: in a run queue, or held back by its quota or budget */
	VCPU_RUNNING, /* loaded on a hart, which enters it again and again */
	VCPU_WAITING, /* for an interrupt: WFI or a suspend */
	VCPU_PARKED,  /* its VM is paused; ready or waiting again when that is over */
};

/* What a VM may have of the harts. Constant while the VM exists. */
struct sched_limits {
	u32 shares;	/* weight against other VMs, 1 to 10000; its vCPUs have equal parts of it */
	u32 quota;	/* percent of one hart that all its vCPUs get together, 0: no cap */
	u64 harts;	/* mask of hart indexes that it may use, 0: all that are not dedicated */
	bool dedicated; /* those harts are its own: vCPU n has the n-th of them, nobody else any */
	u64 rt_budget;	/* real-time class: each vCPU gets so many ticks ... */
	u64 rt_period;	/* ... in every period of so many, before all others; 0: not in the class */
};

/* A VM's quota: what its vCPUs have used in the last 65 buckets of time, 64 of which are the
 * window. Its own lock guards it. */
#define SCHED_POOL_BUCKETS 64
struct sched_pool {
	struct lock lock;
	u64 cap;	   /* ticks that they may use in any window; 0: no cap */
	u64 bucket_length; /* in ticks */
	u64 newest;	   /* number of the newest bucket, counted from hart time 0 */
	u64 used;	   /* sum of all buckets */
	u64 granted;	   /* given to vCPUs that have not said yet what they used */
	u32 throttled;	   /* vCPUs that wait for the pool to fill */
	u64 used_in[SCHED_POOL_BUCKETS + 1]; /* by number modulo size */
};

/* The scheduler's own part of a vCPU, guarded like its state. Times are hart time; virtual times
 * are in the scale of the home hart while the vCPU is ready or running there, else in the
 * machine's (sched_fair.c). */
struct sched_vcpu {
	s32 home;	       /* the hart whose lock guards all this; atomic */
	u8 queue;	       /* enum sched_queue: which of the home hart's */
	bool parked_waiting;   /* PARKED: it waited before */
	bool movable;	       /* counted among those that other harts may take */
	bool throttled;	       /* READY, but quota or budget is used up */
	struct heap_node node; /* in that queue */
	u64 harts;	       /* that it may use; 0: all that are nobody's own */
	u64 since;	       /* when its present state began */
	u64 charged;	       /* RUNNING: up to when its time has been charged */
	u64 weight;	       /* 0: its VM has not been admitted */
	u64 start, deadline;   /* fair class: virtual times of its present request */
	u64 budget_left;       /* real-time class: of its present period ... */
	u64 period_end;	       /* ... which ends then */
	u32 load;	       /* real-time class: millionths of its hart */
	u64 grant;	       /* RUNNING with a quota: what it may use from charged on */
};

/* HSM states of the SBI (SBI, "Hart State Management Extension"). */
enum hsm_state {
	HSM_STARTED = 0,
	HSM_STOPPED = 1,
	HSM_START_PENDING = 2,
	HSM_STOP_PENDING = 3,
	HSM_SUSPENDED = 4,
	HSM_SUSPEND_PENDING = 5,
	HSM_RESUME_PENDING = 6,
};

/* vcpu.requests: what others want of a vCPU before it executes its next guest instruction. */
enum vcpu_request {
	REQUEST_IRQ = 1 << 0,	  /* irq_posted or irq_level changed */
	REQUEST_FENCE_I = 1 << 1, /* fence.i */
	REQUEST_VVMA = 1 << 2,	  /* forget all VS-stage translations */
	REQUEST_GVMA = 1 << 3,	  /* forget all translations of the VM */
	REQUEST_LEAVE = 1 << 4,	  /* stop running: the VM stops or pauses */
};
#define REQUEST_FENCES (REQUEST_FENCE_I | REQUEST_VVMA | REQUEST_GVMA)

/* Exits by cause. Exception codes 0 to 23, then host interrupts. */
enum {
	EXIT_COUNT_SOFT = 24,
	EXIT_COUNT_TIMER = 25,
	EXIT_COUNT_DEVICE = 26,
	EXIT_COUNT_OTHER = 27,
	EXIT_COUNT_MAX = 28,
};

/* The registers that the light path has put into vcpu->x, bit n for xn: those that a C function
 * does not preserve, and sp. x0 is always at hand. */
#define VCPU_LIGHT_REGISTERS 0xf003fce7u
#define VCPU_ALL_REGISTERS   0xffffffffu

struct vcpu {
	/* Identity. */
	struct vm *vm;
	unsigned id; /* the guest's hart id, and the index in vm->vcpus */
	u64 self;    /* bit id: this vCPU in a set of vCPUs */

	/* Virtual registers. x[0] holds scause of the exit being handled. */
	u64 x[32];
	u64 pc;
	struct vs_csrs csr;

	/* Run state. */
	u64 host_sp;		   /* the hart's stack while the guest runs */
	u32 deepen;		   /* the light path sets it: leave guest_run(), finish there */
	u32 leave;		   /* the run loop returns to the scheduler */
	u32 wait;		   /* ... and then it waits for an interrupt */
	enum vcpu_run_state state; /* see there; may be read without the lock as a hint */
	enum hsm_state hsm;	   /* guarded by vm->lock */
	bool full_exits;	   /* guest_run() returns at every exit; its hart's own */
	u64 wait_deadline;	   /* hart time at which a waiting vCPU wakes, or UINT64_MAX */
	u64 mmio_value;		   /* what a device gave for the load being emulated */
	u64 timer;		   /* SBI timer in hart time where there is no Sstc; owner only */
	bool resume_pending;	   /* non-retentive suspend: start at resume_pc */
	u64 resume_pc, resume_opaque;

	/* Written by other harts, with atomic operations. */
	s32 running_on;	  /* hart index, -1 when not RUNNING */
	u32 requests;	  /* enum vcpu_request */
	u32 irq_posted;	  /* hvip bits to set once: VSSIP */
	u32 irq_level;	  /* hvip bits as wired: VSEIP, VSTIP */
	u64 fence_asked;  /* tickets of fence requests given out */
	u64 fence_served; /* tickets done */

	/* Extra state: moved when used and dirty. */
	u8 *vector; /* hw_vector_size() bytes, NULL without V */
	u64 fp[HW_FP_SIZE / 8];
	s32 fp_hart; /* hart whose FP unit holds a copy of fp[], -1 for none */
	s32 vector_hart;

	/* Bookkeeping that only makes it faster, or tells. */
	s32 last_hart; /* where it was loaded last, -1 for nowhere */

	/* Where its time went since its VM started, in ticks; the current stretch not included.
	 * Written by the scheduler under its lock, read by anybody. */
	u64 run_time;	  /* on a hart */
	u64 ready_time;	  /* could have run and did not: what SBI calls stolen */
	u64 waiting_time; /* WFI or a suspend */
	u64 pick_count;	  /* times it was given a hart */
	u64 move_count;	  /* of these, times it was another one than before */

	/* Where it wants to be told of stolen time (sbi/sta.c, vm/steal.c); by its own hart alone.
	 */
	bool steal_on, steal_preempted; /* the area exists; and says that it is preempted */
	u32 steal_sequence;
	gpa_t steal_area;
	u64 steal_base; /* ready_time when it asked */
	u64 steal_told; /* ready_time up to which the area counts */

	u64 exit_count[EXIT_COUNT_MAX];

	/* While profiling (vm/observe.h), in ticks. Written by the hart that it runs on. */
	u32 profile;			/* the number of the profile that these belong to */
	u64 guest_time;			/* in the guest */
	u64 exit_time[EXIT_COUNT_MAX];	/* in the hypervisor, by cause */
	u64 exit_timed[EXIT_COUNT_MAX]; /* exits that exit_time is the time of */

	struct sched_vcpu sched;
};

/* Why a VM's vCPUs are being stopped. */
enum vm_end {
	VM_END_NONE,
	VM_END_SHUTDOWN, /* the guest asked */
	VM_END_REBOOT,	 /* the guest asked */
	VM_END_FAILED,	 /* it cannot go on */
	VM_END_STOPPED,	 /* the operator's wish */
	VM_END_RESET,	 /* likewise */
};

/* What rooms below vm/ may ask of it. All may be called on the light path. */
struct vm_ops {
	/* Makes target look at its requests and interrupts: wakes it, or interrupts its hart. */
	void (*notify)(struct vcpu *target);
	/* Performs a fence for each vCPU in the mask, self included, and returns when all that run
	 * now have performed it. bits are from REQUEST_FENCES. */
	void (*fence)(struct vcpu *self, u64 targets, u32 bits);
	/* Stops the VM with that end and a reason for the log; the caller's vCPU leaves. */
	void (*end)(struct vm *vm, enum vm_end end, const char *reason);
	/* HSM: makes a stopped vCPU run from pc with a0 = its id and a1 = opaque. STATUS_EXISTS:
	 * it is not stopped. */
	enum status (*start)(struct vcpu *target, u64 pc, u64 opaque);
	/* HSM: the calling vCPU stops when it next returns to the scheduler. */
	void (*stop_self)(struct vcpu *self);
	/* The calling vCPU waits for an interrupt that it has enabled. resume_pc, if not NULL: it
	 * then goes on there as if started, with a1 = opaque (non-retentive suspend). */
	void (*suspend_self)(struct vcpu *self, const u64 *resume_pc, u64 opaque);
	/* Gives the calling vCPU an exception at its pc. */
	void (*inject)(struct vcpu *self, u64 cause, u64 tval);
	/* Sets the guest's timer: an absolute value of its time CSR. */
	void (*set_timer)(struct vcpu *self, u64 guest_time);
	/* The VM's console. */
	size_t (*console_write)(struct vm *vm, const u8 *bytes, size_t length);
	size_t (*console_read)(struct vm *vm, u8 *bytes, size_t length);
};

struct vm {
	/* Identity. */
	unsigned id;
	const char *name;
	const struct vm_ops *ops;

	/* What it is made of. */
	unsigned vcpu_count;
	u64 vcpu_mask; /* all vCPUs, bit n for vcpus[n] */
	struct vcpu **vcpus;
	struct guest_memory *memory;
	struct bus *bus;
	u64 htimedelta; /* guest time is hart time plus this */
	struct sched_limits limits;
	struct sched_pool pool;

	struct log_budget log;
};

/* The one place where a vCPU number becomes a vCPU. NULL if there is no such vCPU. */
static inline struct vcpu *vm_vcpu(const struct vm *vm, u64 id)
{
	return id < vm->vcpu_count ? vm->vcpus[id] : NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the files of the scheduler.
 *
 *	sched.c         states of a vCPU, and who is interrupted when one becomes ready
 *	sched_pick.c    what a hart runs next, and for how long
 *	sched_queue.c   a hart's queues
 *	sched_fair.c    fair class: virtual time
 *	sched_steal.c   fair class: vCPUs on their way from hart to hart
 *	sched_rt.c      real-time class
 *	sched_quota.c   hard caps
 *	sched_admit.c   which harts a VM may use
 *
 * A vCPU is at home on one hart, where it ran last or is to run next. The lock of that hart
 * (LOCK_SCHED) guards its state and its place in the hart's queues. A hart never holds two such
 * locks: who takes a vCPU from one hart to another gives it its new home under the lock of the old
 * one, ready but in no queue, and puts it into a queue there if it is still so when the other lock
 * has been taken. All functions here with a struct hart have that hart's lock held unless they
 * say otherwise.
 */
#pragma once

#include "hyp/heap.h"
#include "hyp/lock.h"
#include "hyp/vcpu.h"
#include "hyp/vm/pcpu.h"
#include "hyp/vm/sched.h"

enum sched_queue {
	QUEUE_NONE,
	QUEUE_ELIGIBLE, /* fair, has had no more than its share: by virtual deadline */
	QUEUE_PENDING,	/* fair, has had more: by virtual start */
	QUEUE_RT,	/* real-time: by deadline */
	QUEUE_TIMED,	/* waiting with a deadline, or held back until then: by time */
};

struct hart {
	struct lock lock;
	unsigned index;
	struct pcpu *pcpu;
	struct vcpu *running;
	bool resched;  /* running has to be weighed against somebody new; read without the lock */
	bool unsliced; /* running has no slice, and our bit in sched.unsliced is set */
	bool claimed;  /* somebody woke it up, for somebody to run */
	u64 picked_at; /* when running got the hart */
	struct heap eligible, pending, rt, timed;
	u32 ready_count; /* in the first three of them; atomic */
	u32 movable_count;

	/* Virtual time (sched_fair.c). */
	u64 base;	  /* of this hart's scale in the machine's */
	u64 virtual_now;  /* in this hart's scale */
	u64 weight;	  /* of all ready and running */
	__int128 surplus; /* the sum of weight * (start - virtual_now): what rounding has left */
	u64 published_now, published_weight; /* in the machine's scale; atomic */

	u64 idle_time;	/* atomic, as the next */
	u64 idle_since; /* UINT64_MAX: it has a vCPU */
} __attribute__((aligned(64)));

/* What all harts share. The masks are of harts, and atomic. */
struct sched {
	u64 all;
	u64 slice;	    /* in ticks */
	unsigned shift;	    /* virtual time is ticks << shift / weight */
	u64 dedicated;	    /* each belongs to one VM */
	u32 shared_count;   /* of those that belong to none */
	u64 realtime;	    /* have real-time vCPUs at home */
	u64 idle;	    /* asleep, and claimed by whoever clears the bit */
	u64 unsliced;	    /* run a fair vCPU without a slice */
	u64 stealable;	    /* have ready vCPUs that some other hart may run */
	u64 loaded;	    /* have fair vCPUs, ready or running */
	u32 free_active;    /* vCPUs that are not OFF and may use every hart */
	u32 limited_active; /* vCPUs that are not OFF and may use only some, and share them */
};
extern struct sched sched;

struct hart *hart_get(unsigned index);
static inline struct hart *hart_of(const struct pcpu *pcpu)
{
	return hart_get(pcpu->index);
}

static inline u64 load_mask(const u64 *mask)
{
	return __atomic_load_n(mask, __ATOMIC_SEQ_CST);
}
static inline void set_mask(u64 *mask, unsigned hart)
{
	__atomic_fetch_or(mask, BIT(hart), __ATOMIC_SEQ_CST);
}
/* True: the bit was set, and it was this call that cleared it. */
static inline bool clear_mask(u64 *mask, unsigned hart)
{
	return __atomic_fetch_and(mask, ~BIT(hart), __ATOMIC_SEQ_CST) >> hart & 1;
}
/* Where nothing depends on the order. */
static inline u64 peek_mask(const u64 *mask)
{
	return __atomic_load_n(mask, __ATOMIC_RELAXED);
}
static inline bool in_mask(const u64 *mask, unsigned hart)
{
	return peek_mask(mask) >> hart & 1;
}

static inline u64 harts_of(const struct vcpu *vcpu)
{
	/* Whoever acts on what was true a moment ago is put right by steal_evict(). */
	return vcpu->sched.harts ? vcpu->sched.harts : sched.all & ~peek_mask(&sched.dedicated);
}
/* Its running vCPU may not use it any more. */
static inline bool runs_stranger(const struct hart *hart)
{
	return hart->running && !(harts_of(hart->running) >> hart->index & 1);
}
static inline bool is_rt(const struct vcpu *vcpu)
{
	return vcpu->vm->limits.rt_period != 0;
}
static inline struct vcpu *vcpu_at(struct heap_node *node)
{
	return node ? container_of(node, struct vcpu, sched.node) : NULL;
}

/* ---- sched.c ---- */

/* How a vCPU comes to a hart; says what becomes of its virtual time. */
enum arrival {
	ARRIVE_NEW,   /* from nowhere */
	ARRIVE_WOKEN, /* it has waited for something other than a hart */
	ARRIVE_MOVED, /* ready on another hart until now */
	ARRIVE_BACK,  /* ran here until now */
};

/* Locks the vCPU's home hart. */
struct hart *hart_lock_home(const struct vcpu *vcpu);
/* Ends the stretch of time in the present state, and begins the next. */
void vcpu_set_state(struct vcpu *vcpu, enum vcpu_run_state state, u64 now);
/* Becomes ready on the hart: returns the harts to interrupt. soon: the
 * calling hart is this one, and picks next. */
u64 sched_make_ready(struct hart *hart, struct vcpu *vcpu, enum arrival arrival, u64 now,
		     bool soon);
/* Claims one of the idle harts among those, the preferred one if it is idle, and returns its bit:
 * exactly one of several callers gets it, and interrupts it. 0: there is none left. */
u64 sched_claim_one(u64 wanted, unsigned preferred);
static inline u64 sched_claim_idle(u64 wanted, unsigned preferred)
{
	return (load_mask(&sched.idle) & wanted) ? sched_claim_one(wanted, preferred) : 0;
}
/* Gives the lock back and interrupts those harts. */
void hart_unlock(struct hart *hart, u64 interrupted);
/* Makes those ready whose time has come: returns the harts to interrupt. */
u64 sched_wake_due(struct hart *hart, u64 now, bool soon);

/* ---- sched_queue.c ---- */

void queue_ready(struct hart *hart, struct vcpu *vcpu, enum arrival arrival, u64 now);
/* Out of whatever queue it is in. From a ready one it leaves the fair class's accounts as well. */
void queue_remove(struct hart *hart, struct vcpu *vcpu);
/* Out of its ready queue to run; its weight stays. */
void queue_take(struct hart *hart, struct vcpu *vcpu);
/* Until that time; held back: it could run. */
void queue_timed(struct hart *hart, struct vcpu *vcpu, u64 time);

/* ---- sched_fair.c ---- */

/* Virtual time that so many ticks, a few slices at most, are for the vCPU. */
u64 fair_virtual(u64 ticks, u64 weight);
u64 fair_ticks(u64 virtual_time, u64 weight);
void fair_join(struct hart *hart, struct vcpu *vcpu, enum arrival arrival);
void fair_leave(struct hart *hart, struct vcpu *vcpu);
void fair_charge(struct hart *hart, struct vcpu *vcpu, u64 ticks);
/* A new request if the present one has been served. */
void fair_renew(struct vcpu *vcpu);
static inline bool fair_is_eligible(const struct hart *hart, const struct vcpu *vcpu)
{
	return (s64)(vcpu->sched.start - hart->virtual_now) <= 0;
}
/* The one to run next, NULL if none is ready; it stays in its queue. */
struct vcpu *fair_first(struct hart *hart);
/* Keeps the hart's scale near those of the other harts. */
void fair_adjust_scale(struct hart *hart);

/* ---- sched_steal.c: no lock held ---- */

/* The harts that have something to take for this one; its lock may be held. */
u64 steal_victims(const struct hart *hart);
/* Takes a vCPU from the hart that is most behind, if there is one and it is behind enough. */
bool steal_for_balance(struct hart *hart);
/* Takes any vCPU that may run here. */
bool steal_for_idle(struct hart *hart);
/* Where a vCPU is to be at home that is in no queue: an idle hart that it may use, or else the one
 * with the least weight. */
unsigned steal_choose_home(const struct vcpu *vcpu);
/* Sends those away who may not use the hart any more, as it has become a VM's own. */
void steal_evict(struct hart *hart);

/* ---- sched_rt.c ---- */

void rt_wake(struct vcpu *vcpu, u64 now);
void rt_charge(struct vcpu *vcpu, u64 ticks);
/* True: it has budget, maybe of a period that begins now. False: not before period_end. */
bool rt_has_budget(struct vcpu *vcpu, u64 now);

/* ---- sched_quota.c ---- */

static inline bool has_quota(const struct vcpu *vcpu)
{
	return vcpu->vm->pool.cap != 0;
}
void quota_init(struct vm *vm);
/* Asks for ticks to run from now on, instead of what it may still have. Returns 0, or a time before
 * which there are none. */
u64 quota_take(struct vcpu *vcpu, u64 now);
/* It has run. */
void quota_charge(struct vcpu *vcpu, u64 from, u64 now);
/* It does not run any more. */
void quota_give_back(struct vcpu *vcpu);
void quota_throttle(struct vcpu *vcpu);
void quota_unthrottle(struct vcpu *vcpu);

/* ---- sched_admit.c: no lock held ---- */

/* At boot: nobody has been promised anything. */
void sched_forget_admitted(void);
/* One more, or one less, is not OFF: returns the harts whose WFI may have to trap from now on, or
 * not to any more. */
u64 sched_count_active(const struct vcpu *vcpu, s32 change);

/* ---- sched_pick.c ---- */

/* Charges the running vCPU, if there is one, up to now. */
void hart_charge(struct hart *hart, u64 now);
/* The hart gives up its running vCPU. */
void hart_vacate(struct hart *hart, struct vcpu *vcpu, u64 now);
/* The calling hart is this one, charged up to now, and somebody new wants it: if the running vCPU
 * goes on all the same, sets its slice. False: it is to leave, or there is none. */
bool hart_goes_on(struct hart *hart, u64 now);
/* sched_idle() in two: before it sleeps (false: there is something to do), and after. No lock. */
bool hart_begin_idle(struct hart *hart);
void hart_end_idle(struct hart *hart);

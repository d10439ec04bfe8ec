/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which harts a VM may use, and whether what it asks for fits beside the others. Owns the book of
 * who has been promised what (lock of its own, rank LOCK_SCHED, never held with a hart's), harts,
 * weight and load of each vCPU, sched.dedicated, and the counts that say whether WFI must trap.
 */
#include "hyp/vm/sched_internal.h"

#define SHARES_DEFAULT 100
#define SHARES_MAX     10000
/* So that the weights of vCPUs keep three digits when there are many in a VM. */
#define WEIGHT_SCALE 1024

/* Shorter ones would go into switching. In microseconds. */
#define RT_PERIOD_MIN 100
#define RT_PERIOD_MAX 10000000
#define RT_BUDGET_MIN 10
/* A tenth of each hart stays for the hypervisor and for everybody else. In millionths. */
#define RT_LOAD_MAX 900000

static struct {
	struct lock lock;
	u32 rt_load[HW_HART_MAX]; /* millionths */
	u32 users[HW_HART_MAX];	  /* VMs that name the hart, or have real-time vCPUs there */
	u32 anywhere_count;	  /* VMs that may use all harts that are nobody's own */
} book;

void sched_forget_admitted(void)
{
	for (unsigned i = 0; i < HW_HART_MAX; i++)
		book.rt_load[i] = book.users[i] = 0;
	book.anywhere_count = 0;
	lock_init(&book.lock, LOCK_SCHED);
}

static u64 ticks_of(u64 microseconds)
{
	return hw_machine()->timebase_hz * microseconds / 1000000;
}

static enum status refuse(enum status status, const char **reason, const char *text)
{
	if (reason)
		*reason = text;
	return status;
}

/* ---- Do the limits make sense? ---- */

static const char *find_contradiction(const struct vm *vm)
{
	const struct sched_limits *limits = &vm->limits;

	if (limits->shares > SHARES_MAX)
		return "shares are more than 10000";
	if (limits->quota > 100 * vm->vcpu_count)
		return "the quota is more than its vCPUs can use";
	if (limits->harts & ~sched.all)
		return "harts are named that this machine does not have";
	if (limits->dedicated && (unsigned)__builtin_popcountll(limits->harts) < vm->vcpu_count)
		return "fewer harts are dedicated than it has vCPUs";
	if (limits->dedicated && (limits->quota || limits->rt_period))
		return "dedicated harts go with neither a quota nor a real-time budget";
	if (limits->rt_period && limits->quota)
		return "a real-time budget is a quota already";
	return NULL;
}

static const char *find_rt_contradiction(const struct sched_limits *limits)
{
	if (!limits->rt_period)
		return limits->rt_budget ? "a real-time budget without a period" : NULL;
	if (limits->rt_budget > limits->rt_period)
		return "the real-time budget is longer than its period";
	if (limits->rt_budget < max_u64(1, ticks_of(RT_BUDGET_MIN)))
		return "the real-time budget is less than 10 us";
	if (limits->rt_period < ticks_of(RT_PERIOD_MIN) ||
	    limits->rt_period > ticks_of(RT_PERIOD_MAX))
		return "the real-time period is not between 100 us and 10 s";
	return NULL;
}

/* ---- Is there room? ---- */

static u64 used_harts(void)
{
	u64 used = 0;

	for (unsigned i = 0; i < hw_machine()->hart_count; i++)
		if (book.users[i])
			used |= BIT(i);
	return used;
}

static const char *find_conflict(const struct sched_limits *limits)
{
	u64 dedicated = load_mask(&sched.dedicated);
	u64 left = sched.all & ~dedicated & ~limits->harts;

	if (limits->harts & dedicated)
		return "one of its harts belongs to another VM";
	if (limits->dedicated && (limits->harts & used_harts()))
		return "one of its dedicated harts is named by another VM";
	if (limits->dedicated && left == 0 && book.anywhere_count)
		return "no hart would be left for the VMs without harts of their own";
	if (!limits->harts && (sched.all & ~dedicated) == 0)
		return "every hart belongs to another VM";
	return NULL;
}

/* Rounded up: no rounding makes room. */
static u32 load_of(const struct sched_limits *limits)
{
	u64 load = (limits->rt_budget * 1000000 + limits->rt_period - 1) / limits->rt_period;

	return (u32)load;
}

/* Worst fit: to the hart with the least real-time load, which leaves room for others everywhere. */
static unsigned least_loaded(u64 harts)
{
	unsigned found = lowest_bit(harts);

	for (; harts; harts &= harts - 1) {
		unsigned hart = lowest_bit(harts);

		if (book.rt_load[hart] < book.rt_load[found])
			found = hart;
	}
	return found;
}

static void give_up_rt(struct vm *vm)
{
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		struct sched_vcpu *sched_vcpu = &vm->vcpus[i]->sched;

		if (sched_vcpu->load) {
			unsigned hart = lowest_bit(sched_vcpu->harts);

			book.rt_load[hart] -= sched_vcpu->load;
			if (book.rt_load[hart] == 0)
				clear_mask(&sched.realtime, hart);
			book.users[hart]--;
			sched_vcpu->load = 0;
		}
	}
}

static bool assign_rt(struct vm *vm, u64 harts)
{
	u32 load = load_of(&vm->limits);

	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		unsigned hart = least_loaded(harts);

		if (book.rt_load[hart] + load > RT_LOAD_MAX) {
			give_up_rt(vm);
			return false;
		}
		book.rt_load[hart] += load;
		set_mask(&sched.realtime, hart);
		book.users[hart]++;
		vm->vcpus[i]->sched.load = load;
		vm->vcpus[i]->sched.harts = BIT(hart);
	}
	return true;
}

/* ---- Admission ---- */

static void assign_harts(struct vm *vm)
{
	u64 left = vm->limits.harts;

	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		vm->vcpus[i]->sched.harts = vm->limits.dedicated ? left & -left : left;
		left = vm->limits.dedicated ? left & (left - 1) : left;
	}
}

static void count_users(const struct sched_limits *limits, u32 change)
{
	if (!limits->harts)
		book.anywhere_count += change;
	for (u64 rest = limits->dedicated ? 0 : limits->harts; rest; rest &= rest - 1)
		book.users[lowest_bit(rest)] += change;
}

static void set_weights(struct vm *vm)
{
	u64 shares = vm->limits.shares ? vm->limits.shares : SHARES_DEFAULT;

	for (unsigned i = 0; i < vm->vcpu_count; i++)
		vm->vcpus[i]->sched.weight =
			(shares * WEIGHT_SCALE + vm->vcpu_count / 2) / vm->vcpu_count;
}

/* Whether they are idle makes no difference, or two harts could send the work to and fro. */
static u64 harts_for_work(void)
{
	u64 open = sched.all & ~load_mask(&sched.dedicated);
	u64 calm = open & ~load_mask(&sched.realtime);

	if (calm)
		return calm;
	return open ? open : sched.all & -sched.all;
}

static void set_dedicated(u64 dedicated)
{
	__atomic_store_n(&sched.dedicated, dedicated, __ATOMIC_SEQ_CST);
	__atomic_store_n(&sched.shared_count, (u32)__builtin_popcountll(sched.all & ~dedicated),
			 __ATOMIC_SEQ_CST);
}

static enum status admit_locked(struct vm *vm, const char **reason)
{
	const struct sched_limits *limits = &vm->limits;
	const char *conflict = find_conflict(limits);
	u64 harts = limits->harts ? limits->harts : sched.all & ~load_mask(&sched.dedicated);

	if (conflict)
		return refuse(STATUS_DENIED, reason, conflict);
	assign_harts(vm);
	if (limits->rt_period && !assign_rt(vm, harts))
		return refuse(STATUS_DENIED, reason,
			      "the real-time load would be more than 90% of a hart");
	count_users(limits, 1);
	if (limits->dedicated)
		set_dedicated(sched.dedicated | limits->harts);
	/* What others write to the console is no business of a hart that is promised to somebody.
	 */
	hw_console_serve_on(harts_for_work());
	return STATUS_OK;
}

enum status sched_admit(struct vm *vm, const char **reason)
{
	const char *contradiction = find_contradiction(vm);

	if (!contradiction)
		contradiction = find_rt_contradiction(&vm->limits);
	if (contradiction)
		return refuse(STATUS_INVALID, reason, contradiction);
	lock_acquire(&book.lock);
	enum status status = admit_locked(vm, reason);

	lock_release(&book.lock);
	if (status != STATUS_OK)
		return status;
	quota_init(vm);
	set_weights(vm);
	/* Who is on these harts goes elsewhere. */
	for (u64 rest = vm->limits.dedicated ? vm->limits.harts : 0; rest; rest &= rest - 1)
		steal_evict(hart_get(lowest_bit(rest)));
	if (vm->limits.dedicated)
		hw_send_ipi(sched.all); /* for their WFI, and for who runs there */
	return STATUS_OK;
}

void sched_release(struct vm *vm)
{
	lock_acquire(&book.lock);
	count_users(&vm->limits, (u32)-1);
	give_up_rt(vm);
	if (vm->limits.dedicated)
		set_dedicated(sched.dedicated & ~vm->limits.harts);
	hw_console_serve_on(harts_for_work());
	lock_release(&book.lock);
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		vm->vcpus[i]->sched.weight = 0;
	if (vm->limits.dedicated)
		hw_send_ipi(sched.all);
}

/* ---- Who may want a hart ---- */

static bool may_be_wanted(u32 limited, u32 anywhere)
{
	return limited != 0 || anywhere > __atomic_load_n(&sched.shared_count, __ATOMIC_RELAXED);
}

bool sched_trap_wfi(struct pcpu *pcpu)
{
	const struct vcpu *vcpu = pcpu->current;

	if (in_mask(&sched.dedicated, pcpu->index))
		return false;
	/* A wait is not to use up the quota. */
	if (vcpu && has_quota(vcpu))
		return true;
	return may_be_wanted(__atomic_load_n(&sched.limited_active, __ATOMIC_RELAXED),
			     __atomic_load_n(&sched.free_active, __ATOMIC_RELAXED));
}

u64 sched_count_active(const struct vcpu *vcpu, s32 change)
{
	bool limited = vcpu->sched.harts != 0;
	u32 *count = limited ? &sched.limited_active : &sched.free_active;

	if (vcpu->vm->limits.dedicated)
		return 0;
	u32 before = __atomic_fetch_add(count, (u32)change, __ATOMIC_SEQ_CST);
	u32 after = before + (u32)change;

	if (may_be_wanted(limited ? before : 0, limited ? 0 : before) ==
	    may_be_wanted(limited ? after : 0, limited ? 0 : after))
		return 0;
	/* On dedicated ones WFI never traps, and nobody disturbs them. */
	return sched.all & ~load_mask(&sched.dedicated);
}

/* ---- For work ---- */

bool sched_is_dedicated(unsigned hart)
{
	return in_mask(&sched.dedicated, hart);
}

bool sched_may_work(unsigned hart)
{
	return harts_for_work() >> hart & 1;
}

unsigned sched_hart_for_work(void)
{
	u64 harts = harts_for_work();
	u64 idle = load_mask(&sched.idle) & harts;

	return lowest_bit(idle ? idle : harts);
}

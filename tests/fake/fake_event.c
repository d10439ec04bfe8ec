/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fake machine's clock, timers and interrupts. events.lock guards the pending ones; the clock
 * is atomic, and a timer is its hart's own.
 */
#include <pthread.h>
#include <sched.h>

#include "hyp/csr.h"
#include "tests/fake/fake_hw.h"

static struct {
	u64 time;
	u64 timer[HW_HART_MAX];
	pthread_mutex_t lock;
	u64 pending_ipis;
	unsigned ipi_count;
} events = {.lock = PTHREAD_MUTEX_INITIALIZER};

void fake_time_reset(void)
{
	events.time = 0;
	events.pending_ipis = 0;
	events.ipi_count = 0;
	for (unsigned i = 0; i < HW_HART_MAX; i++)
		events.timer[i] = UINT64_MAX;
}

u64 hw_time(void)
{
	return __atomic_load_n(&events.time, __ATOMIC_RELAXED);
}

void fake_set_time(u64 time)
{
	__atomic_store_n(&events.time, time, __ATOMIC_RELAXED);
}

void fake_advance_time(u64 ticks)
{
	__atomic_fetch_add(&events.time, ticks, __ATOMIC_RELAXED);
}

void hw_set_timer(u64 time)
{
	events.timer[hw_hart_index()] = time;
}

u64 fake_timer(unsigned hart)
{
	return events.timer[hart];
}

void hw_send_ipi(u64 hart_mask)
{
	if (hw_machine()->hart_count < 64 && hart_mask >> hw_machine()->hart_count != 0)
		fake_fail("IPI to harts that do not exist: mask %#llx",
			  (unsigned long long)hart_mask);
	pthread_mutex_lock(&events.lock);
	events.pending_ipis |= hart_mask;
	events.ipi_count++;
	pthread_mutex_unlock(&events.lock);
	if (fake_hooks.send_ipi != NULL)
		fake_hooks.send_ipi(hart_mask);
}

u64 fake_pending_ipis(void)
{
	pthread_mutex_lock(&events.lock);
	u64 pending = events.pending_ipis;
	pthread_mutex_unlock(&events.lock);
	return pending;
}

unsigned fake_ipi_count(void)
{
	pthread_mutex_lock(&events.lock);
	unsigned count = events.ipi_count;
	pthread_mutex_unlock(&events.lock);
	return count;
}

static bool take_own_ipi(void)
{
	pthread_mutex_lock(&events.lock);
	bool pending = events.pending_ipis >> hw_hart_index() & 1;

	events.pending_ipis &= ~BIT(hw_hart_index());
	pthread_mutex_unlock(&events.lock);
	return pending;
}

void hw_wait(void)
{
	if (fake_hooks.wait != NULL)
		fake_hooks.wait();
}

void hw_pause(void)
{
	if (fake_hooks.pause != NULL)
		fake_hooks.pause();
	else
		sched_yield();
}

enum hw_interrupt hw_serve_interrupt(u64 scause)
{
	if ((scause & CAUSE_INTERRUPT) == 0)
		fake_fail("scause %#llx is no interrupt", (unsigned long long)scause);
	switch (scause & ~CAUSE_INTERRUPT) {
	case IRQ_S_SOFT:
		take_own_ipi();
		return HW_INTERRUPT_SOFT;
	case IRQ_S_TIMER:
		events.timer[hw_hart_index()] = UINT64_MAX;
		return HW_INTERRUPT_TIMER;
	case IRQ_S_EXT:
		fake_console_serve();
		return HW_INTERRUPT_DEVICE;
	}
	return HW_INTERRUPT_OTHER;
}

void hw_serve_pending(void)
{
	take_own_ipi();
	if (events.timer[hw_hart_index()] <= hw_time())
		events.timer[hw_hart_index()] = UINT64_MAX;
	fake_console_serve();
}

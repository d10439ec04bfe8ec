/* SPDX-License-Identifier: BSD-2-Clause */
/* VMs with consoles, for tests that are their guests, the line and its operator in turn. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "hyp/ui/console.h"
#include "hyp/vm/work.h"
#include "tests/unit/live.h"

#define CONSOLE_GUEST_MAX 40
#define RING_MAX	  65536 /* more than any ring holds */

static struct guest *guests[CONSOLE_GUEST_MAX];
static char guest_names[CONSOLE_GUEST_MAX][40];

/* ------------------------------------------------------------------------------------------------
 * The guest's side of the UART.
 */

enum { DATA = 0, IER = 1, IIR = 2, FCR = 2, LSR = 5 };

#define LSR_DATA_READY 0x01
#define LSR_EMPTY      0x20

static inline u8 get(struct guest *guest, unsigned reg)
{
	u64 value;

	assert_true(bus_read(&guest->bus, gpa(VUART_BASE + reg), 1, &value));
	return (u8)value;
}

static inline void put(struct guest *guest, unsigned reg, u8 value)
{
	assert_true(bus_write(&guest->bus, gpa(VUART_BASE + reg), 1, value));
}

static inline bool can_send(struct guest *guest)
{
	return get(guest, LSR) & LSR_EMPTY;
}

static inline size_t sbi_write(struct guest *guest, const char *bytes)
{
	return guest->vm.ops->console_write(&guest->vm, (const u8 *)bytes, strlen(bytes));
}

static inline size_t sbi_read(struct guest *guest, char *bytes, size_t length)
{
	return guest->vm.ops->console_read(&guest->vm, (u8 *)bytes, length);
}

static inline bool is_interrupting(struct guest *guest)
{
	return guest->plic.level[VUART_SOURCE / 32] >> VUART_SOURCE % 32 & 1;
}

/* A text in which each place is known by what follows. */
static inline char letter(size_t i)
{
	return (char)('!' + (i * 7 + i / 89) % 90);
}

/* ------------------------------------------------------------------------------------------------
 * The machine.
 */

/* What the hart does when it takes an interrupt. */
static inline void be_interrupted_once(void)
{
	hw_serve_pending();
	guest_offer_input();
}

/* The same until the line is at rest. */
static inline void be_interrupted(void)
{
	do
		be_interrupted_once();
	while (fake_console_is_pending());
}

/* Whatever was called has let go of all its locks: the first in order can be taken. */
static inline void assert_no_lock(void)
{
	static struct lock first = LOCK_INIT(LOCK_VM);

	lock_acquire(&first);
	lock_release(&first);
}

/* One step of work, and what all harts do between vCPUs. False: there was nothing to do. */
static inline bool do_work(void)
{
	bool did = work_do(pcpu_this(), false) || fake_console_is_pending();

	assert_no_lock();
	be_interrupted_once();
	assert_no_lock();
	for (unsigned i = 0; i < hw_machine()->hart_count; i++) {
		fake_set_hart(i);
		recycle_serve(pcpu_this());
	}
	fake_set_hart(0);
	return did;
}

/* Time passes, and what happens by itself happens. */
static inline void pass_ms(u64 ms)
{
	while (do_work())
		;
	fake_advance_time(hw_machine()->timebase_hz / 1000 * ms);
	while (do_work())
		;
}

/* The operator's keys, one interrupt each. */
static inline void press(const char *keys)
{
	for (; *keys; keys++) {
		fake_console_type(keys, 1);
		be_interrupted();
	}
}

#define KEY "\x1d"

/* The output since the last call is exactly that. */
#define assert_shown(text)                                          \
	do {                                                        \
		assert_string_equal(fake_console_output(), (text)); \
		fake_console_clear();                               \
	} while (0)

#define BANNER(name) "\x1b[0m\x1b[2m[" name "]\x1b[0m\r\n"

/* Loading is over at once. */
static inline enum status quick_begin(void *context, struct guest_memory *memory)
{
	(void)context;
	(void)memory;
	return STATUS_OK;
}

static inline enum status quick_step(void *context, bool *done, gpa_t *entry, gpa_t *fdt)
{
	(void)context;
	*done = true;
	*entry = gpa(GUEST_RAM_BASE);
	*fdt = gpa(LIVE_FDT);
	return STATUS_OK;
}

static inline void quick_cancel(void *context)
{
	(void)context;
}

#define QUICK_LOADER                                        \
	{                                                   \
		quick_begin, quick_step, quick_cancel, NULL \
	}

static inline void make_guest(unsigned index, const char *name)
{
	struct guest_config config = {
		.name = guest_names[index],
		.vcpu_count = 1,
		.memory_size = MIB(8),
		.limits.shares = 100,
		.loader = QUICK_LOADER,
	};

	snprintf(guest_names[index], sizeof(guest_names[index]), "%s", name);
	assert_int_equal(console_attach(&config.console), STATUS_OK);
	assert_int_equal(guest_create(&config, &guests[index]), STATUS_OK);
	console_connect(&config.console, guests[index]);
}

static inline void start_machine(unsigned hart_count)
{
	struct fake_options options = fake_defaults();

	options.hart_count = hart_count;
	options.ram_size = MIB(512);
	live_start(&options);
	fake_hooks.send_ipi = NULL;
	fake_hooks.pause = NULL;
	console_init();
}

/* Three VMs; the first is in focus. */
static inline int setup_guests(void **state)
{
	static const char *const names[] = {"zero", "one", "two"};

	(void)state;
	start_machine(2);
	for (unsigned i = 0; i < 3; i++)
		make_guest(i, names[i]);
	return 0;
}

/* A shell that only counts how often it is asked for a step. */
static struct work shell_work;
static unsigned shell_steps;

static inline bool shell_step(struct work *work)
{
	(void)work;
	shell_steps++;
	return false;
}

/* Three VMs and that shell. */
static inline int setup_with_shell(void **state)
{
	setup_guests(state);
	shell_steps = 0;
	work_init(&shell_work, shell_step);
	console_set_shell(&shell_work);
	return 0;
}

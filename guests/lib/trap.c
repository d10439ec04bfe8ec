/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens after start.S saved the registers. Everything here works on the calling hart's own
 * struct hart only.
 */
#include "trap.h"
#include "check.h"
#include "print.h"

u64 trap_try_call(u64 function, u64 a, u64 b, u64 c);
extern const char trap_try_landing[];

struct trap_info trap_try(u64 function, u64 a, u64 b, u64 c)
{
	struct hart *self = hart_self();
	u64 value;

	memset(&self->try_info, 0, sizeof(self->try_info));
	value = trap_try_call(function, a, b, c);
	if (!self->try_info.trapped)
		self->try_info.value = value;
	return self->try_info;
}

/* Turns the exception into the return of trap_try_call(), in S-mode, interrupts off. */
static void trap_claim(struct hart *self, struct trap_frame *frame)
{
	self->try_info = (struct trap_info){
		.trapped = true,
		.from_user = !(frame->sstatus & SSTATUS_SPP),
		.cause = frame->scause,
		.tval = frame->stval,
		.epc = frame->sepc,
	};
	frame->sepc = (u64)trap_try_landing;
	frame->sstatus |= SSTATUS_SPP;
	frame->sstatus &= ~(u64)SSTATUS_SPIE;
}

void trap_dispatch(struct trap_frame *frame)
{
	struct hart *self = hart_self();
	bool interrupt = (s64)frame->scause < 0;

	if (!interrupt && self->try_sp)
		trap_claim(self, frame);
	else
		trap_handler(frame);
}

void trap_count_interrupt(struct trap_frame *frame)
{
	u64 cause = frame->scause << 1 >> 1;
	struct hart *self = hart_self();

	if (cause >= ARRAY_COUNT(self->interrupt_count))
		trap_panic("interrupt of unknown cause");
	self->interrupt_count[cause]++;
	if (cause == IRQ_SOFTWARE)
		csr_clear(sip, (u64)SIP_SSIP);
	else
		csr_clear(sie, BIT(cause));
}

__attribute__((weak)) void trap_handler(struct trap_frame *frame)
{
	if ((s64)frame->scause < 0)
		trap_count_interrupt(frame);
	else
		trap_panic("exception");
}

void trap_panic(const char *why)
{
	struct hart *self = hart_self();
	const struct trap_frame *f = &self->frame;
	char during[64];

	format_to(during, sizeof(during), "%s", check_name());
	check_begin("no unexpected trap");
	check_want(false, "%s on hart %lu in '%s': scause 0x%lx sepc 0x%lx stval 0x%lx ra 0x%lx",
		   why, self->id, during, f->scause, f->sepc, f->stval, f->x[1]);
	check_end();
	check_done();
}

void trap_nested(struct trap_frame *frame)
{
	(void)frame;
	trap_panic("trap within the trap handler");
}

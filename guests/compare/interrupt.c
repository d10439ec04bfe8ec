/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts of the host while a guest runs. Its timer: the guest has a quota that it never uses
 * up, as only one of its two vCPUs was started, and gets it in grants; at the end of each the
 * hypervisor is interrupted, accounts, grants more and goes on. Its UART: somebody types, and the
 * character goes to the guest's own UART.
 */
#include "interrupt.h"

#include "boot.h"
#include "check.h"
#include "csr.h"
#include "hart.h"
#include "meter.h"
#include "print.h"

round_function round_gap, round_typed;
extern const char vector_typed[];

#define UART_IER_RECEIVED 1
#define TYPED		  'x'

static bool is_gap(struct sbi_result result)
{
	return result.error > GAP_LENGTH;
}

void compare_tick(void)
{
	measure(&(struct operation){
		.name = "host_timer", .run = round_gap, .count = meter_rounds(), .verify = is_gap});
}

static u64 typed_count, wrong_count;

static u64 claim_register(void)
{
	return PLIC_CLAIM(PLIC_CONTEXT_S(harts[0].id));
}

/* Takes the character that is there, and puts its interrupt back. */
static void take_typed(void)
{
	u32 source = read32(claim_register());

	wrong_count += source != UART_IRQ || read8(UART_BASE) != TYPED;
	write32(claim_register(), source);
	typed_count++;
}

static void ask_for_typed(void)
{
	if (csr_read(sip) & SIP_SEIP)
		take_typed();
	csr_write(sie, (u64)SIP_SEIP);
	print("~");
}

/* It came before the round began. */
static bool came_early(struct sbi_result result)
{
	return result.error != 0;
}

void compare_device(void)
{
	u64 context = PLIC_CONTEXT_S(harts[0].id);

	write32(PLIC_PRIORITY(UART_IRQ), 1);
	write32(PLIC_THRESHOLD(context), 0);
	write32(PLIC_ENABLE(context), BIT(UART_IRQ));
	write8(UART_BASE + UART_IER, UART_IER_RECEIVED);
	measure(&(struct operation){.name = "host_device",
				    .run = round_typed,
				    .count = meter_rounds(),
				    .vector = vector_typed,
				    .prepare = ask_for_typed,
				    .is_void = came_early});
	take_typed();
	write8(UART_BASE + UART_IER, 0);
	check_true("a character a round", typed_count >= meter_rounds() + METER_OTHERS);
	check_one("other characters", wrong_count, 0);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts without end: IPIs to all, timers in the past, the PLIC and the UART at random. Owns
 * nothing. */
#include "hostile.h"
#include "sbi.h"
#include "timer.h"

static void plic(struct worker *worker)
{
	u64 context = random_below(worker, 2 * worker_count + 2);
	u32 value = (u32)value_any(worker);

	switch (random_below(worker, 6)) {
	case 0:
		write32(PLIC_PRIORITY(random_below(worker, 32)), value);
		break;
	case 1:
		write32(PLIC_ENABLE(context) + 4 * random_below(worker, 4), value);
		break;
	case 2:
		write32(PLIC_THRESHOLD(context), value & 7);
		break;
	case 3:
		read32(PLIC_CLAIM(context));
		break;
	case 4:
		write32(PLIC_CLAIM(context), random_one_in(worker, 2) ? UART_IRQ : value);
		break;
	default:
		/* The one interrupt that there is, open for whoever wants it. */
		write32(PLIC_PRIORITY(UART_IRQ), 1);
		write32(PLIC_ENABLE(context), (u32)BIT(UART_IRQ));
		write32(PLIC_THRESHOLD(context), 0);
	}
}

static void uart(struct worker *worker)
{
	switch (random_below(worker, 3)) {
	case 0:
		write8(UART_BASE + UART_IER, (u8)random_below(worker, 16));
		break;
	case 1:
		write8(UART_BASE + random_below(worker, 8), (u8)random_next(worker));
		break;
	default:
		read8(UART_BASE + random_below(worker, 8));
	}
}

void attack_storm(struct worker *worker)
{
	worker->interrupts_left = 2000;
	worker_interrupts(SIP_STIP | SIP_SSIP | SIP_SEIP);
	for (u64 n = 50 + random_below(worker, 200); n; n--) {
		switch (random_below(worker, 5)) {
		case 0:
			sbi_call(SBI_IPI, 0, ~0ul, ~0ul, 0, 0);
			break;
		case 1:
			sbi_call(SBI_IPI, 0, random_below(worker, BIT(worker_count)), 0, 0, 0);
			break;
		case 2:
			/* The handler sets it to the deadline again. */
			timer_set(random_one_in(worker, 2) ? 0 : time_now() + 1);
			break;
		case 3:
			plic(worker);
			break;
		default:
			uart(worker);
		}
		worker->done[KIND_STORM]++;
	}
}

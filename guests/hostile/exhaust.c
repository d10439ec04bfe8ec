/* SPDX-License-Identifier: BSD-2-Clause */
/* Using up what there is: memory, the console, lives. Owns nothing. */
#include "hostile.h"
#include "sbi.h"

/* Every page, in one of several orders. */
static void touch(struct worker *worker)
{
	u64 pages = (machine.ram_end - machine.free_start) >> 12;
	u64 stride = random_one_in(worker, 2) ? 1 : 1 + random_below(worker, pages);
	u64 page = random_below(worker, pages);

	for (u64 n = 0; n < pages; n++) {
		volatile u64 *word = (volatile u64 *)(machine.free_start + (page << 12) +
						      8 * random_below(worker, 512));

		if (random_one_in(worker, 4))
			*word = page;
		else
			(void)*word;
		page = (page + stride) % pages;
		worker->done[KIND_EXHAUST]++;
	}
}

static void text(struct worker *worker, u8 *to, size_t length)
{
	static const char *const sequences[] = {
		"\033[2J",     "\033]0;hartwood\007",
		"\033[?1049h", "\033[999;999H",
		"\033c",       "\r\nhartwood: error: ",
		"\r\033[K",    "\nheart     | beat 1: missed 9\r\n"};

	for (size_t at = 0; at < length;) {
		const char *sequence = random_pick(worker, sequences);
		u64 kind = random_below(worker, 8);

		if (kind == 0) {
			for (; *sequence && at < length; sequence++)
				to[at++] = (u8)*sequence;
		} else {
			to[at++] = kind == 1 ? (u8)random_next(worker) : 'x';
		}
	}
}

static void flood(struct worker *worker)
{
	struct arena *arena = arena_of(worker);
	bool by_uart = random_one_in(worker, 3);

	text(worker, arena->scratch, PAGE_SIZE);
	for (u64 n = random_below(worker, 2000); n; n--) {
		if (by_uart)
			write8(UART_BASE, arena->scratch[n % PAGE_SIZE]);
		else if (random_one_in(worker, 4))
			sbi_call(SBI_LEGACY_PUTCHAR, 0, n, 0, 0, 0);
		else
			sbi_call(SBI_DBCN, DBCN_WRITE, random_below(worker, PAGE_SIZE),
				 (u64)arena->scratch, 0, 0);
		worker->done[KIND_EXHAUST]++;
	}
}

void attack_exhaust(struct worker *worker)
{
	worker_interrupts(SIP_STIP);
	if (random_one_in(worker, 3))
		flood(worker);
	else
		touch(worker);
}

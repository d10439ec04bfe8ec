/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PLIC, from the S-mode context of each hart, with the UART's transmitter-empty interrupt as
 * the source that software can raise at will: writing IER raises it, reading IIR takes it away. The
 * UART may be the console as well, so nothing is printed while it is in use.
 */
#include "tests.h"

/* A hart tests on its own context while the boot hart waits. */
struct plic_context {
	u64 enable, threshold, claim;
};

static struct plic_context context_of(const struct hart *hart)
{
	u64 context = PLIC_CONTEXT_S(hart->id);

	return (struct plic_context){PLIC_ENABLE(context), PLIC_THRESHOLD(context),
				     PLIC_CLAIM(context)};
}

static void uart_raise(void)
{
	write8(UART_BASE + UART_IER, 0);
	write8(UART_BASE + UART_IER, 2);
}

/* Reading IIR clears the interrupt that it names; the transmitter's name is 2. */
static bool uart_lower(void)
{
	return (read8(UART_BASE + UART_IIR) & 0xf) == 2;
}

static bool external(void)
{
	return csr_read(sip) & SIP_SEIP;
}

/* QEMU's PLIC looks at its enable bits anew only when something else is written. */
static void set_enable(const struct plic_context *c, u32 bits)
{
	write32(c->enable, bits);
	if (sbi_is_opensbi())
		write32(c->threshold, read32(c->threshold));
}

/* An interrupt line may take a moment, its absence no longer than that. */
static bool stays_clear(void)
{
	delay_us(200);
	return !external();
}

static void begin(const struct plic_context *c)
{
	write8(UART_BASE + UART_IER, 0);
	uart_lower();
	write32(PLIC_PRIORITY(UART_IRQ), 1);
	write32(c->threshold, 0);
	write32(c->enable, BIT(UART_IRQ));
	uart_raise();
	check_want(WAIT_FOR(external()), "sip.SEIP stays clear");
}

static void end(const struct plic_context *c)
{
	u32 source;

	write8(UART_BASE + UART_IER, 0);
	uart_lower();
	write32(c->threshold, 0);
	write32(PLIC_PRIORITY(UART_IRQ), 1);
	while ((source = read32(c->claim)) != 0)
		write32(c->claim, source);
	write32(c->enable, 0);
	write32(PLIC_PRIORITY(UART_IRQ), 0);
	check_want(!external(), "sip.SEIP is still set at the end");
	check_end();
}

static void test_masks(const struct plic_context *c)
{
	static const struct {
		u32 priority, threshold;
		bool passes;
	} cases[] = {{1, 0, true},  {1, 1, false}, {0, 0, false}, {2, 1, true},
		     {3, 4, false}, {7, 6, true},  {7, 7, false}};

	check_begin("plic hart %u: priority and threshold", hart_self()->index);
	begin(c);
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		write32(PLIC_PRIORITY(UART_IRQ), cases[i].priority);
		write32(c->threshold, cases[i].threshold);
		if (cases[i].passes)
			check_want(WAIT_FOR(external()), "%u does not pass %u", cases[i].priority,
				   cases[i].threshold);
		else
			check_want(stays_clear(), "%u passes %u", cases[i].priority,
				   cases[i].threshold);
		check_want(read32(PLIC_PENDING) & BIT(UART_IRQ), "no longer pending");
	}
	end(c);

	check_begin("plic hart %u: enable", hart_self()->index);
	begin(c);
	set_enable(c, 0);
	check_want(stays_clear(), "passes while disabled");
	check_equal("claim while disabled", read32(c->claim), 0);
	set_enable(c, BIT(UART_IRQ));
	check_want(WAIT_FOR(external()), "does not pass when enabled again");
	end(c);
}

/* A threshold masks the notification, not the claim ("Interrupt Claim Process"). */
static void test_claim(const struct plic_context *c)
{
	check_begin("plic hart %u: claim and complete", hart_self()->index);
	begin(c);
	check_equal("first claim", read32(c->claim), UART_IRQ);
	check_equal("second claim", read32(c->claim), 0);
	check_want(!external(), "sip.SEIP is set after the claim");
	check_want(!(read32(PLIC_PENDING) & BIT(UART_IRQ)), "pending after the claim");
	check_want(uart_lower(), "IIR does not name the transmitter");
	write32(c->claim, UART_IRQ);
	check_want(stays_clear(), "sip.SEIP is set after completion");
	check_equal("claim after completion", read32(c->claim), 0);
	end(c);

	check_begin("plic hart %u: completing another source changes nothing", hart_self()->index);
	begin(c);
	check_equal("claim", read32(c->claim), UART_IRQ);
	uart_lower();
	uart_raise();
	write32(c->claim, UART_IRQ + 1);
	write32(c->claim, 0);
	write32(c->claim, 0xffffffff);
	check_want(stays_clear(), "sip.SEIP is set before completion");
	write32(c->claim, UART_IRQ);
	check_want(WAIT_FOR(external()), "sip.SEIP stays clear after completion");
	end(c);
}

static void test_again(const struct plic_context *c)
{
	check_begin("plic hart %u: raised again between claim and complete", hart_self()->index);
	begin(c);
	for (u64 i = 0; i < smp_rounds(); i++) {
		check_equal("claim", read32(c->claim), UART_IRQ);
		uart_lower();
		uart_raise();
		check_want(!external(), "sip.SEIP is set before completion");
		write32(c->claim, UART_IRQ);
		check_want(WAIT_FOR(external()), "lost in round %lu", i);
	}
	end(c);

	/* QEMU's PLIC waits for the line to rise again; a level gateway must not. */
	if (sbi_is_opensbi()) {
		check_skip("plic: a level that stays high interrupts again", "QEMU's gateway");
		return;
	}
	check_begin("plic hart %u: a level that stays high interrupts again", hart_self()->index);
	begin(c);
	for (u64 i = 0; i < smp_rounds(); i++) {
		check_equal("claim", read32(c->claim), UART_IRQ);
		write32(c->claim, UART_IRQ);
		check_want(WAIT_FOR(external()), "lost in round %lu", i);
	}
	end(c);
}

/* Taken as an interrupt, cause 9; the default handler counts it and masks it in sie. */
static void test_taken(const struct plic_context *c)
{
	struct hart *self = hart_self();
	u64 count = self->interrupt_count[IRQ_EXTERNAL];

	check_begin("plic hart %u: taken as an interrupt, %lu times", self->index, smp_rounds());
	begin(c);
	for (u64 i = 1; i <= smp_rounds(); i++) {
		csr_set(sie, (u64)SIP_SEIP);
		csr_set(sstatus, (u64)SSTATUS_SIE);
		WAIT_FOR(self->interrupt_count[IRQ_EXTERNAL] == count + i);
		csr_clear(sstatus, (u64)SSTATUS_SIE);
		check_equal("interrupts", self->interrupt_count[IRQ_EXTERNAL] - count, i);
		check_equal("claim", read32(c->claim), UART_IRQ);
		uart_lower();
		write32(c->claim, UART_IRQ);
		uart_raise();
	}
	csr_write(sie, 0ul);
	end(c);
}

/* Also out of WFI, where it may be the hypervisor that has to wake the hart. */
static void test_wakes(const struct plic_context *c)
{
	check_begin("plic hart %u: ends WFI", hart_self()->index);
	begin(c);
	csr_write(sie, (u64)SIP_SEIP);
	while (!external())
		wfi();
	csr_write(sie, 0ul);
	end(c);
}

static void test_one_hart(void *argument)
{
	struct plic_context c = context_of(hart_self());

	(void)argument;
	test_masks(&c);
	test_claim(&c);
	test_again(&c);
	test_taken(&c);
	test_wakes(&c);
}

/* One interrupt, two contexts that have it enabled: one claim gets it, wherever from. */
static void test_two_contexts(void)
{
	struct plic_context a = context_of(&harts[0]), b = context_of(&harts[1]);

	check_begin("plic: of two contexts one gets the interrupt");
	begin(&a);
	write32(b.threshold, 0);
	write32(b.enable, BIT(UART_IRQ));
	check_equal("claim of hart 1's context", read32(b.claim), UART_IRQ);
	check_equal("claim of hart 0's context", read32(a.claim), 0);
	check_want(!external(), "sip.SEIP of hart 0 is set");
	uart_lower();
	write32(b.claim, UART_IRQ);
	write32(b.enable, 0);
	check_want(stays_clear(), "sip.SEIP of hart 0 is set after completion");
	end(&a);
}

void test_plic(void)
{
	test_one_hart(NULL);
	for (unsigned int i = 1; i < hart_count; i++) {
		hart_start(&harts[i], test_one_hart, NULL);
		/* Longer than any of its own waits. */
		for (int tries = 0; tries < 20 && hart_status(&harts[i]) != HSM_STOPPED; tries++)
			hart_wait_status(&harts[i], HSM_STOPPED);
	}
	if (hart_count > 1)
		test_two_contexts();
	else
		check_skip("plic: of two contexts one gets the interrupt", "one hart");
}

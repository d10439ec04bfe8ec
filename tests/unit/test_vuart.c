/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual 16550A as a driver and the far end of its line see it, and at random for what must
 * always hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hyp/dev/vplic.h"
#include "hyp/dev/vuart.h"

enum { RBR = 0, THR = 0, DLL = 0, IER = 1, DLM = 1, IIR = 2, FCR = 2, LCR, MCR, LSR, MSR, SCR };

#define IER_RX	   1
#define IER_THRE   2
#define IER_LINE   4
#define IER_MODEM  8
#define IIR_MODEM  0
#define IIR_NONE   1
#define IIR_THRE   2
#define IIR_RX	   4
#define IIR_LINE   6
#define IIR_CTI	   12
#define FIFO_ON	   1
#define CLEAR_RX   2
#define CLEAR_TX   4
#define TRIGGER_8  0x80
#define DLAB	   0x80
#define LOOP	   0x10
#define LSR_DR	   1
#define LSR_OE	   2
#define LSR_IDLE   0x60
#define MSR_QUIET  0xb0
#define IIR_FIFO   0xc0
#define LINE_LIMIT 4096

static struct vuart uart;
static struct bus bus;

/* The far end. */
static struct line {
	u8 sent[LINE_LIMIT]; /* what it took */
	size_t sent_count;
	size_t budget; /* what it will take before it stops */
	bool irq;
	unsigned irq_changes;
	unsigned ready_count;
} line;

static void check_owner(void *owner)
{
	assert_ptr_equal(owner, &line);
	assert_int_not_equal(uart.lock.next, uart.lock.serving);
}

static size_t line_transmit(void *owner, const u8 *bytes, size_t length)
{
	check_owner(owner);
	assert_true(length > 0);
	size_t taken = min_u64(length, line.budget);
	assert_true(line.sent_count + taken <= LINE_LIMIT);
	memcpy(line.sent + line.sent_count, bytes, taken);
	line.sent_count += taken;
	line.budget -= taken;
	return taken;
}

static void line_set_irq(void *owner, bool level)
{
	check_owner(owner);
	assert_true(level != line.irq);
	line.irq = level;
	line.irq_changes++;
}

static void line_receive_ready(void *owner)
{
	check_owner(owner);
	line.ready_count++;
}

static int start(void **state)
{
	static const struct vuart_ops ops = {.transmit = line_transmit,
					     .set_irq = line_set_irq,
					     .receive_ready = line_receive_ready};

	(void)state;
	line = (struct line){.budget = SIZE_MAX};
	memset(&uart, 0xa5, sizeof(uart));
	vuart_init(&uart, &ops, &line);
	bus = (struct bus){0};
	assert_int_equal(bus_add(&bus, &uart.device), STATUS_OK);
	return 0;
}

static u8 get(u64 offset)
{
	u64 value = 0;

	assert_true(bus_read(&bus, gpa(VUART_BASE + offset), 1, &value));
	assert_true(value <= 0xff);
	return (u8)value;
}

static void put(u64 offset, u8 value)
{
	assert_true(bus_write(&bus, gpa(VUART_BASE + offset), 1, value));
}

static size_t receive(const char *text)
{
	return vuart_receive(&uart, (const u8 *)text, strlen(text));
}

static void expect_sent(const char *text)
{
	assert_int_equal(line.sent_count, strlen(text));
	assert_memory_equal(line.sent, text, line.sent_count);
}

static void write_text(const char *text)
{
	for (; *text != '\0'; text++)
		put(THR, (u8)*text);
}

static void expect_read(const char *text)
{
	for (; *text != '\0'; text++) {
		assert_true(get(LSR) & LSR_DR);
		assert_int_equal(get(RBR), *text);
	}
}

static void reset_state_is_the_data_sheets(void **state)
{
	(void)state;
	assert_int_equal(get(LSR), LSR_IDLE);
	assert_int_equal(get(RBR), 0);
	assert_int_equal(get(IER), 0);
	assert_int_equal(get(IIR), IIR_NONE);
	assert_int_equal(get(LCR), 0);
	assert_int_equal(get(MCR), 0);
	assert_int_equal(get(MSR), MSR_QUIET);
	assert_int_equal(get(SCR), 0);
	assert_int_equal(line.irq_changes, 0);
}

static void registers_keep_the_bits_they_have(void **state)
{
	(void)state;
	for (unsigned value = 0; value < 256; value++) {
		put(SCR, (u8)value);
		assert_int_equal(get(SCR), value);
		put(LCR, (u8)value);
		assert_int_equal(get(LCR), value);
		put(LCR, 0);
		put(IER, (u8)value);
		assert_int_equal(get(IER), value & 0x0f);
		put(MCR, (u8)value);
		assert_int_equal(get(MCR), value & 0x1f);
		put(LSR, (u8)value);
		assert_int_equal(get(LSR), LSR_IDLE);
	}
	put(MCR, 0);
	get(MSR);
	put(MSR, 0xff);
	assert_int_equal(get(MSR), MSR_QUIET);
}

static void a_write_changes_its_own_register_only(void **state)
{
	static const u64 kept[] = {IER, LCR, MCR, SCR};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		put(kept[i], 0);
	for (u64 offset = 0; offset < 8; offset++) {
		put(offset, 1);
		for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
			assert_int_equal(get(kept[i]), kept[i] == offset);
		put(offset, 0);
	}
}

static void the_divisor_hides_data_and_ier_only(void **state)
{
	(void)state;
	put(IER, 5);
	put(LCR, DLAB | 3);
	put(DLL, 0x12);
	put(DLM, 0x34);
	assert_int_equal(get(DLL), 0x12);
	assert_int_equal(get(DLM), 0x34);
	assert_int_equal(line.sent_count, 0);
	assert_int_equal(receive("x"), 1);
	assert_int_equal(get(DLL), 0x12);
	assert_int_equal(get(LSR), LSR_IDLE | LSR_DR);
	put(FCR, FIFO_ON);
	assert_int_equal(get(IIR) & IIR_FIFO, IIR_FIFO);
	put(LCR, 3);
	assert_int_equal(get(IER), 5);
}

static void bytes_written_arrive_in_order(void **state)
{
	(void)state;
	write_text("without FIFOs, ");
	put(FCR, FIFO_ON);
	write_text("and with them");
	expect_sent("without FIFOs, and with them");
	assert_int_equal(get(LSR), LSR_IDLE);
}

static void bytes_received_are_read_in_order(void **state)
{
	(void)state;
	put(FCR, FIFO_ON);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(receive("seven by"), 8);
		expect_read("seven by");
	}
	assert_int_equal(get(LSR), LSR_IDLE);
	assert_int_equal(get(RBR), 0);
	assert_int_equal(line.ready_count, 0);
}

static void the_receiver_takes_one_byte_without_fifos_and_16_with(void **state)
{
	(void)state;
	assert_int_equal(receive("abc"), 1);
	assert_int_equal(receive("bc"), 0);
	expect_read("a");
	put(FCR, FIFO_ON);
	assert_int_equal(receive("0123456789abcdefghij"), 16);
	assert_int_equal(receive("ghij"), 0);
	expect_read("0123456789abcdef");
	assert_int_equal(get(LSR), LSR_IDLE);
}

static void refused_input_is_asked_for_once_the_guest_has_drained(void **state)
{
	(void)state;
	put(FCR, FIFO_ON);
	assert_int_equal(receive("0123456789abcdef"), 16);
	expect_read("0123456789abcdef");
	assert_int_equal(line.ready_count, 0);

	assert_int_equal(receive("0123456789abcdefgh"), 16);
	expect_read("0123456789abcde");
	assert_int_equal(line.ready_count, 0);
	expect_read("f");
	assert_int_equal(line.ready_count, 1);
	assert_int_equal(receive("gh"), 2);
	expect_read("gh");
	assert_int_equal(line.ready_count, 1);
}

static void refused_input_is_asked_for_when_the_guest_clears_the_fifo(void **state)
{
	(void)state;
	assert_int_equal(receive("ab"), 1);
	put(FCR, FIFO_ON);
	assert_int_equal(line.ready_count, 1);
	assert_int_equal(receive("0123456789abcdefgh"), 16);
	put(FCR, FIFO_ON | CLEAR_RX);
	assert_int_equal(line.ready_count, 2);
	assert_int_equal(get(LSR), LSR_IDLE);
}

static void output_that_is_not_taken_waits_in_the_fifo(void **state)
{
	(void)state;
	put(FCR, FIFO_ON);
	line.budget = 2;
	write_text("abcdef");
	expect_sent("ab");
	assert_int_equal(get(LSR), 0);

	line.budget = 3;
	vuart_output_ready(&uart);
	expect_sent("abcde");
	assert_int_equal(get(LSR), 0);

	line.budget = SIZE_MAX;
	vuart_output_ready(&uart);
	expect_sent("abcdef");
	assert_int_equal(get(LSR), LSR_IDLE);
	vuart_output_ready(&uart);
	expect_sent("abcdef");
}

static void a_byte_for_a_full_fifo_is_dropped_and_harms_no_other(void **state)
{
	(void)state;
	put(FCR, FIFO_ON);
	line.budget = 0;
	write_text("0123456789abcdefXYZ");
	line.budget = SIZE_MAX;
	vuart_output_ready(&uart);
	expect_sent("0123456789abcdef");
}

static void the_transmit_fifo_wraps_without_loss(void **state)
{
	(void)state;
	put(FCR, FIFO_ON);
	for (unsigned i = 0; i < 40; i++) {
		line.sent_count = 0;
		line.budget = i % 7;
		write_text("eleven char");
		line.budget = SIZE_MAX;
		vuart_output_ready(&uart);
		expect_sent("eleven char");
	}
}

static void clearing_the_transmit_fifo_drops_what_waits(void **state)
{
	(void)state;
	put(FCR, FIFO_ON);
	put(IER, IER_THRE);
	get(IIR);
	line.budget = 0;
	write_text("abc");
	assert_false(line.irq);
	put(FCR, FIFO_ON | CLEAR_TX);
	assert_int_equal(get(LSR), LSR_IDLE);
	assert_true(line.irq);
	line.budget = SIZE_MAX;
	vuart_output_ready(&uart);
	expect_sent("");
}

static void clearing_an_empty_transmit_fifo_interrupts_nobody(void **state)
{
	(void)state;
	put(FCR, FIFO_ON);
	put(IER, IER_THRE);
	get(IIR);
	put(FCR, FIFO_ON | CLEAR_TX);
	assert_false(line.irq);
	line.budget = 0;
	put(THR, 'x');
	put(FCR, FIFO_ON | CLEAR_TX);
	assert_true(line.irq);
}

static void fifos_are_cleared_only_when_told_so(void **state)
{
	(void)state;
	put(FCR, FIFO_ON);
	line.budget = 0;
	write_text("out");
	assert_int_equal(receive("in"), 2);
	put(FCR, FIFO_ON | TRIGGER_8);
	assert_int_equal(get(LSR), LSR_DR);
	put(FCR, FIFO_ON | CLEAR_RX);
	assert_int_equal(get(LSR), 0);
	assert_int_equal(receive("in"), 2);
	put(FCR, FIFO_ON | CLEAR_TX);
	assert_int_equal(get(LSR), LSR_IDLE | LSR_DR);
	expect_read("in");
}

static void switching_the_fifos_clears_both(void **state)
{
	(void)state;
	for (u8 on = FIFO_ON;; on = 0) {
		line.budget = 0;
		put(THR, 'x');
		assert_int_equal(receive("y"), 1);
		put(FCR, on);
		assert_int_equal(get(LSR), LSR_IDLE);
		assert_int_equal(get(IIR), on ? IIR_NONE | IIR_FIFO : IIR_NONE);
		if (on == 0)
			break;
	}
}

static void fcr_bits_count_only_with_the_enable_bit(void **state)
{
	(void)state;
	assert_int_equal(receive("y"), 1);
	put(FCR, CLEAR_RX);
	assert_int_equal(get(LSR), LSR_IDLE | LSR_DR);
	expect_read("y");

	put(FCR, FIFO_ON | TRIGGER_8);
	put(FCR, TRIGGER_8);
	put(IER, IER_RX);
	assert_int_equal(receive("z"), 1);
	assert_int_equal(get(IIR), IIR_RX);
}

static void received_data_interrupts_at_the_trigger_and_times_out_below(void **state)
{
	static const unsigned levels[] = {1, 4, 8, 14};

	(void)state;
	put(IER, IER_RX);
	for (u8 i = 0; i < 4; i++) {
		put(FCR, (u8)(FIFO_ON | CLEAR_RX | i << 6));
		assert_false(line.irq);
		for (unsigned count = 1; count <= 16; count++) {
			assert_int_equal(receive("x"), 1);
			assert_true(line.irq);
			assert_int_equal(get(IIR),
					 IIR_FIFO | (count < levels[i] ? IIR_CTI : IIR_RX));
		}
		for (unsigned count = 15; count >= 1; count--) {
			get(RBR);
			assert_true(line.irq);
			assert_int_equal(get(IIR),
					 IIR_FIFO | (count < levels[i] ? IIR_CTI : IIR_RX));
		}
		get(RBR);
		assert_false(line.irq);
		assert_int_equal(get(IIR), IIR_FIFO | IIR_NONE);
	}
}

static void the_interrupt_pin_does_not_depend_on_out2(void **state)
{
	(void)state;
	put(IER, IER_RX);
	put(MCR, 0);
	assert_int_equal(receive("x"), 1);
	assert_true(line.irq);
	put(MCR, 8);
	assert_true(line.irq);
}

static void nothing_interrupts_that_is_not_enabled(void **state)
{
	(void)state;
	assert_int_equal(receive("x"), 1);
	write_text("abc");
	put(MCR, LOOP | 0xf);
	put(THR, 'x');
	assert_true(get(LSR) & LSR_OE);
	assert_int_equal(get(IIR), IIR_NONE);
	assert_int_equal(line.irq_changes, 0);
}

static void enabling_the_thre_interrupt_raises_it_while_thr_is_empty(void **state)
{
	(void)state;
	put(IER, IER_THRE);
	assert_true(line.irq);
	assert_int_equal(get(IIR), IIR_THRE);
	assert_false(line.irq);
	assert_int_equal(get(IIR), IIR_NONE);

	/* Only enabling does; writing the bit again does not. */
	put(IER, IER_THRE);
	assert_false(line.irq);
	put(IER, 0);
	put(IER, IER_THRE);
	assert_true(line.irq);
	put(IER, 0);
	assert_false(line.irq);

	line.budget = 0;
	put(THR, 'x');
	put(IER, IER_THRE);
	assert_false(line.irq);
	line.budget = SIZE_MAX;
	vuart_output_ready(&uart);
	assert_true(line.irq);
}

static void writing_thr_takes_the_thre_interrupt_back_until_it_is_empty_again(void **state)
{
	(void)state;
	put(IER, IER_THRE);
	line.budget = 0;
	put(THR, 'x');
	assert_false(line.irq);
	assert_int_equal(get(IIR), IIR_NONE);
	line.budget = 1;
	vuart_output_ready(&uart);
	assert_true(line.irq);
	assert_int_equal(get(IIR), IIR_THRE);
}

static void reading_iir_takes_thre_back_only_when_it_is_the_source(void **state)
{
	(void)state;
	put(IER, IER_THRE | IER_RX);
	assert_int_equal(receive("x"), 1);
	assert_int_equal(get(IIR), IIR_RX);
	get(RBR);
	assert_true(line.irq);
	assert_int_equal(get(IIR), IIR_THRE);
	assert_false(line.irq);
}

static void iir_shows_the_highest_priority(void **state)
{
	(void)state;
	/* Without FIFOs: two bytes in loopback are an overrun, and RTS a change of CTS. */
	put(MCR, LOOP);
	put(THR, 'a');
	put(THR, 'b');
	put(IER, 0xf);
	assert_int_equal(get(IIR), IIR_LINE);
	assert_int_equal(get(LSR), LSR_IDLE | LSR_DR | LSR_OE);
	assert_int_equal(get(LSR), LSR_IDLE | LSR_DR);
	assert_int_equal(get(IIR), IIR_RX);
	assert_int_equal(get(RBR), 'b');
	assert_int_equal(get(IIR), IIR_THRE);
	assert_int_equal(get(IIR), IIR_MODEM);
	assert_true(line.irq);
	get(MSR);
	assert_int_equal(get(IIR), IIR_NONE);
	assert_false(line.irq);
}

static void loopback_is_cut_off_from_the_line(void **state)
{
	(void)state;
	put(FCR, FIFO_ON);
	put(MCR, LOOP);
	write_text("echo");
	expect_sent("");
	expect_read("echo");
	assert_int_equal(receive("x"), 0);
	assert_int_equal(get(LSR), LSR_IDLE);
	assert_int_equal(line.ready_count, 0);
	put(MCR, 0);
	assert_int_equal(line.ready_count, 1);
	assert_int_equal(receive("x"), 1);
	expect_read("x");
}

static void output_that_waits_is_looped_back_too(void **state)
{
	(void)state;
	put(FCR, FIFO_ON);
	line.budget = 0;
	write_text("late");
	put(MCR, LOOP);
	expect_read("late");
	assert_int_equal(get(LSR), LSR_IDLE);
	expect_sent("");
}

static void an_overrun_in_loopback_is_flagged(void **state)
{
	(void)state;
	put(FCR, FIFO_ON);
	put(MCR, LOOP);
	put(IER, IER_LINE);
	write_text("0123456789abcdef");
	assert_false(line.irq);
	write_text("g");
	assert_true(line.irq);
	assert_int_equal(get(IIR), IIR_FIFO | IIR_LINE);
	assert_true(get(LSR) & LSR_OE);
	assert_false(line.irq);
	assert_false(get(LSR) & LSR_OE);
	expect_read("0123456789abcdef");
	assert_int_equal(get(LSR), LSR_IDLE);
}

static void loopback_wires_the_modem_lines_to_mcr(void **state)
{
	(void)state;
	put(MCR, LOOP);
	get(MSR);
	for (u8 out = 0; out < 16; out++) {
		put(MCR, LOOP | out);
		u8 lines = (u8)((out & 1 ? 0x20 : 0) | (out & 2 ? 0x10 : 0) | (out & 4 ? 0x40 : 0) |
				(out & 8 ? 0x80 : 0));
		assert_int_equal(get(MSR) & 0xf0, lines);
	}
	put(MCR, 0xf);
	assert_int_equal(get(MSR) & 0xf0, MSR_QUIET);
}

static void changes_of_modem_lines_set_deltas_until_read(void **state)
{
	(void)state;
	put(MCR, LOOP);
	assert_int_equal(get(MSR), 0x0b); /* CTS, DSR and DCD fell */
	assert_int_equal(get(MSR), 0x00);
	put(MCR, LOOP | 2);
	assert_int_equal(get(MSR), 0x11);
	put(MCR, LOOP | 1);
	assert_int_equal(get(MSR), 0x23);
	put(MCR, LOOP | 8);
	put(MCR, LOOP);
	assert_int_equal(get(MSR), 0x0a);
	/* RI has a delta when it ends only. */
	put(MCR, LOOP | 4);
	assert_int_equal(get(MSR), 0x40);
	put(MCR, LOOP);
	assert_int_equal(get(MSR), 0x04);

	put(IER, IER_MODEM);
	assert_false(line.irq);
	put(MCR, LOOP | 2);
	assert_true(line.irq);
	assert_int_equal(get(IIR), IIR_MODEM);
	get(MSR);
	assert_false(line.irq);
}

static void wider_accesses_act_on_the_register_at_their_offset(void **state)
{
	u64 value;

	(void)state;
	put(SCR, 0x77);
	put(LCR, 3);
	assert_int_equal(receive("a"), 1);
	assert_true(bus_read(&bus, gpa(VUART_BASE), 8, &value));
	assert_int_equal(value, 'a');
	assert_true(bus_read(&bus, gpa(VUART_BASE + 4), 4, &value));
	assert_int_equal(value, 0);
	assert_true(bus_write(&bus, gpa(VUART_BASE + 0), 8, 0x1122334455667758));
	expect_sent("X");
	assert_int_equal(get(SCR), 0x77);
	assert_int_equal(get(LCR), 3);
	assert_int_equal(get(IER), 0);
	assert_true(bus_write(&bus, gpa(VUART_BASE + 2), 2, 0xff01));
	assert_int_equal(get(LCR), 3);
	assert_true(bus_read(&bus, gpa(VUART_BASE + 2), 2, &value));
	assert_int_equal(value, IIR_NONE | IIR_FIFO);
}

static void beyond_the_registers_all_reads_zero_and_writes_do_nothing(void **state)
{
	(void)state;
	put(SCR, 0xff);
	for (unsigned offset = 8; offset < VUART_SIZE; offset++) {
		put(offset, 0xff);
		assert_int_equal(get(offset), 0);
	}
	assert_int_equal(get(LCR), 0);
	assert_int_equal(get(MCR), 0);
	expect_sent("");
	u64 value;
	assert_false(bus_read(&bus, gpa(VUART_BASE + VUART_SIZE), 1, &value));
}

static void what_the_guest_has_not_read_can_be_taken_back(void **state)
{
	u8 bytes[20];

	(void)state;
	put(FCR, FIFO_ON);
	put(IER, IER_RX);
	assert_int_equal(receive("0123456789abcdefgh"), 16);
	expect_read("0");
	assert_int_equal(vuart_take(&uart, bytes, 3), 3);
	assert_memory_equal(bytes, "123", 3);
	expect_read("4");
	assert_int_equal(line.ready_count, 0);
	assert_int_equal(vuart_take(&uart, bytes, sizeof(bytes)), 11);
	assert_memory_equal(bytes, "56789abcdef", 11);
	assert_int_equal(line.ready_count, 1);
	assert_false(line.irq);
	assert_int_equal(get(LSR), LSR_IDLE);
	assert_int_equal(vuart_take(&uart, bytes, sizeof(bytes)), 0);

	put(MCR, LOOP);
	write_text("mine");
	assert_int_equal(vuart_take(&uart, bytes, sizeof(bytes)), 0);
	expect_read("mine");
}

static void reset_forgets_everything_and_lowers_the_wire(void **state)
{
	(void)state;
	put(FCR, FIFO_ON);
	put(SCR, 1);
	put(IER, 0xf);
	put(LCR, DLAB | 3);
	put(DLL, 1);
	put(DLM, 1);
	put(LCR, 3);
	put(MCR, 3);
	line.budget = 0;
	write_text("lost");
	assert_int_equal(receive("0123456789abcdefgh"), 16);
	assert_true(line.irq);
	vuart_reset(&uart);
	assert_false(line.irq);
	assert_int_equal(line.ready_count, 1);
	line.irq_changes = 0;
	reset_state_is_the_data_sheets(state);
	put(LCR, DLAB);
	assert_int_equal(get(DLL), 0);
	assert_int_equal(get(DLM), 0);
	line.budget = SIZE_MAX;
	vuart_output_ready(&uart);
	expect_sent("");
}

/* The sequence by which drivers tell a 16550A from its kin. */
static void a_driver_recognises_a_16550a(void **state)
{
	(void)state;
	put(IER, 0);
	put(MCR, LOOP | 0xa);
	assert_int_equal(get(MSR) & 0xf0, 0x90);
	put(MCR, 0);
	put(LCR, 0xbf);
	put(FCR, 0);
	put(LCR, 0);
	put(FCR, FIFO_ON);
	assert_int_equal(get(IIR) >> 6, 3);
	/* No EFR of a 16650 at offset 2, no UUE bit of an XScale in IER, no 64-byte FIFO. */
	put(LCR, DLAB);
	assert_int_not_equal(get(2), 0);
	put(FCR, FIFO_ON | 0x20);
	assert_int_equal(get(IIR) & 0x20, 0);
	put(LCR, 0);
	put(IER, 0x40);
	assert_int_equal(get(IER), 0);
}

static struct vplic plic;
static bool external;

static void set_plic_wire(void *owner, bool level)
{
	assert_ptr_equal(owner, &line);
	vplic_set_level(&plic, VUART_SOURCE, level);
}

static void set_external(void *owner, unsigned hart, bool level)
{
	assert_ptr_equal(owner, &line);
	assert_int_equal(hart, 0);
	external = level;
}

/* The two devices as a VM joins them; in debug builds this takes their locks in order, too. */
static void an_interrupt_reaches_the_hart_through_the_plic(void **state)
{
	static const struct vuart_ops ops = {.transmit = line_transmit,
					     .set_irq = set_plic_wire,
					     .receive_ready = line_receive_ready};
	u64 claim = VPLIC_BASE + 0x201004, value;

	(void)state;
	external = false;
	vplic_init(&plic, 1, set_external, &line);
	vuart_init(&uart, &ops, &line);
	assert_int_equal(bus_add(&bus, &plic.device), STATUS_OK);
	assert_true(bus_write(&bus, gpa(VPLIC_BASE + 4 * VUART_SOURCE), 4, 1));
	assert_true(bus_write(&bus, gpa(VPLIC_BASE + 0x2080), 4, BIT(VUART_SOURCE)));

	put(FCR, FIFO_ON);
	put(IER, IER_RX);
	assert_int_equal(receive("ab"), 2);
	assert_true(external);
	assert_true(bus_read(&bus, gpa(claim), 4, &value));
	assert_int_equal(value, VUART_SOURCE);
	assert_false(external);
	expect_read("ab");
	assert_int_equal(receive("c"), 1);
	assert_false(external);
	assert_true(bus_write(&bus, gpa(claim), 4, VUART_SOURCE));
	assert_true(external);
}

/* ------------------------------------------------------------------------------------------------
 * Hostile and random use.
 */

static u32 random_state;

static u32 random_below(u32 limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state % limit;
}

/* What must hold between any two accesses. */
static void check_always(void)
{
	u8 lsr = uart.lsr;

	assert_int_equal(!!(lsr & LSR_DR), uart.receive.count != 0);
	assert_int_equal(lsr & LSR_IDLE, uart.transmit.count == 0 ? LSR_IDLE : 0);
	assert_int_equal(lsr & 0x9c, 0);
	assert_true(uart.receive.count <= (uart.fcr & FIFO_ON ? 16 : 1));
	assert_true(uart.transmit.count <= 16);
	assert_int_equal(uart.lock.next, uart.lock.serving);
}

/* The wire is up exactly when IIR names a source, whatever reading that does. */
static void check_iir(void)
{
	bool irq = line.irq;
	u8 iir = get(IIR);

	assert_int_equal(!(iir & IIR_NONE), irq);
	assert_int_equal(iir & IIR_FIFO, uart.fcr & FIFO_ON ? IIR_FIFO : 0);
}

static void every_access_is_safe(void **state)
{
	static const u64 tops[] = {0, 0x0100, 0xff00, 0xffffff00, 0xffffffffffffff00};
	u64 read;

	(void)state;
	for (unsigned mode = 0; mode < 8; mode++) {
		start(NULL);
		for (u64 offset = 0; offset < VUART_SIZE; offset++) {
			for (unsigned value = 0; value < 256; value++) {
				unsigned width = 1u << value % 4;
				u64 wide = value | tops[value % ARRAY_SIZE(tops)];

				line.sent_count = 0;
				line.budget = mode & 1 ? 0 : SIZE_MAX;
				put(LCR, mode & 2 ? DLAB : 0);
				if (mode & 4)
					receive("hostile");
				assert_int_equal(
					bus_write(&bus, gpa(VUART_BASE + offset), width, wide),
					offset % width == 0);
				check_always();
				assert_int_equal(
					bus_read(&bus, gpa(VUART_BASE + offset), width, &read),
					offset % width == 0);
				check_always();
			}
		}
	}
}

/* The guest's use of the registers is arbitrary; the wire and the status must stay true. */
static void random_use_keeps_wire_and_status_true(void **state)
{
	(void)state;
	for (u32 seed = 1; seed <= 20; seed++) {
		start(NULL);
		random_state = seed * 0x9e3779b9;
		for (unsigned i = 0; i < 20000; i++) {
			u8 value = (u8)random_below(256);

			line.sent_count = 0;
			switch (random_below(5)) {
			case 0:
				put(random_below(8), value);
				break;
			case 1:
				get(random_below(8));
				break;
			case 2:
				line.budget = random_below(20);
				vuart_output_ready(&uart);
				break;
			case 3:
				vuart_receive(&uart, (const u8 *)"0123456789abcdefghij",
					      value % 21);
				break;
			default:
				check_iir();
				break;
			}
			check_always();
		}
	}
}

/* A driver at one end, a terminal at the other, both in fits and starts. What is sent is a count,
 * so that a byte lost, doubled or out of order shows. */
struct stream {
	u8 guest_next, guest_expects; /* sent and received by the guest */
	u8 line_next, line_expects;
	bool line_waits; /* for receive_ready() */
};

static void guest_sends(struct stream *stream)
{
	if (!(get(LSR) & 0x20))
		return;
	for (u32 n = random_below(17); n > 0; n--)
		put(THR, stream->guest_next++);
}

static void guest_reads(struct stream *stream)
{
	for (u32 n = random_below(20); n > 0; n--) {
		u8 lsr = get(LSR);

		assert_int_equal(lsr & LSR_OE, 0);
		if (!(lsr & LSR_DR))
			return;
		assert_int_equal(get(RBR), stream->guest_expects++);
	}
}

static void line_sends(struct stream *stream)
{
	u8 bytes[40];
	size_t length = random_below(sizeof(bytes));

	if (stream->line_waits)
		return;
	for (size_t i = 0; i < length; i++)
		bytes[i] = (u8)(stream->line_next + i);
	size_t taken = vuart_receive(&uart, bytes, length);
	assert_true(taken <= length);
	stream->line_next = (u8)(stream->line_next + taken);
	stream->line_waits = taken < length;
}

static void line_reads(struct stream *stream)
{
	line.budget = random_below(24);
	vuart_output_ready(&uart);
	for (size_t i = 0; i < line.sent_count; i++)
		assert_int_equal(line.sent[i], stream->line_expects++);
	line.sent_count = 0;
}

static void stream_both_ways(u8 fcr)
{
	struct stream stream = {0};

	start(NULL);
	put(FCR, fcr);
	put(IER, IER_RX);
	for (unsigned i = 0; i < 20000; i++) {
		switch (random_below(4)) {
		case 0:
			guest_sends(&stream);
			break;
		case 1:
			guest_reads(&stream);
			break;
		case 2:
			line_sends(&stream);
			break;
		default:
			line_reads(&stream);
			break;
		}
		if (line.ready_count != 0) {
			assert_true(stream.line_waits);
			assert_int_equal(line.ready_count, 1);
			line.ready_count = 0;
			stream.line_waits = false;
		}
		/* A guest that goes by interrupts alone never misses input. */
		assert_int_equal(line.irq, !!(uart.lsr & LSR_DR));
		/* And while input waits outside, the guest has some to read, or was asked for it.
		 */
		assert_true(!stream.line_waits || (uart.lsr & LSR_DR));
	}
	line.budget = SIZE_MAX;
	vuart_output_ready(&uart);
	for (size_t i = 0; i < line.sent_count; i++)
		assert_int_equal(line.sent[i], stream.line_expects++);
	assert_int_equal(stream.guest_next, stream.line_expects);
	while (get(LSR) & LSR_DR)
		assert_int_equal(get(RBR), stream.guest_expects++);
	assert_int_equal(stream.line_next, stream.guest_expects);
}

static void no_byte_is_lost_doubled_or_reordered_in_either_direction(void **state)
{
	(void)state;
	random_state = 12345;
	for (u8 trigger = 0; trigger < 4; trigger++) {
		for (unsigned i = 0; i < 4; i++)
			stream_both_ways((u8)(FIFO_ON | trigger << 6));
	}
	for (unsigned i = 0; i < 4; i++)
		stream_both_ways(0);
}

#define TEST(name) cmocka_unit_test_setup(name, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reset_state_is_the_data_sheets),
		TEST(registers_keep_the_bits_they_have),
		TEST(a_write_changes_its_own_register_only),
		TEST(the_divisor_hides_data_and_ier_only),
		TEST(bytes_written_arrive_in_order),
		TEST(bytes_received_are_read_in_order),
		TEST(the_receiver_takes_one_byte_without_fifos_and_16_with),
		TEST(refused_input_is_asked_for_once_the_guest_has_drained),
		TEST(refused_input_is_asked_for_when_the_guest_clears_the_fifo),
		TEST(output_that_is_not_taken_waits_in_the_fifo),
		TEST(a_byte_for_a_full_fifo_is_dropped_and_harms_no_other),
		TEST(the_transmit_fifo_wraps_without_loss),
		TEST(clearing_the_transmit_fifo_drops_what_waits),
		TEST(clearing_an_empty_transmit_fifo_interrupts_nobody),
		TEST(fifos_are_cleared_only_when_told_so),
		TEST(switching_the_fifos_clears_both),
		TEST(fcr_bits_count_only_with_the_enable_bit),
		TEST(received_data_interrupts_at_the_trigger_and_times_out_below),
		TEST(the_interrupt_pin_does_not_depend_on_out2),
		TEST(nothing_interrupts_that_is_not_enabled),
		TEST(enabling_the_thre_interrupt_raises_it_while_thr_is_empty),
		TEST(writing_thr_takes_the_thre_interrupt_back_until_it_is_empty_again),
		TEST(reading_iir_takes_thre_back_only_when_it_is_the_source),
		TEST(iir_shows_the_highest_priority),
		TEST(loopback_is_cut_off_from_the_line),
		TEST(output_that_waits_is_looped_back_too),
		TEST(an_overrun_in_loopback_is_flagged),
		TEST(loopback_wires_the_modem_lines_to_mcr),
		TEST(changes_of_modem_lines_set_deltas_until_read),
		TEST(wider_accesses_act_on_the_register_at_their_offset),
		TEST(beyond_the_registers_all_reads_zero_and_writes_do_nothing),
		TEST(what_the_guest_has_not_read_can_be_taken_back),
		TEST(reset_forgets_everything_and_lowers_the_wire),
		TEST(a_driver_recognises_a_16550a),
		TEST(an_interrupt_reaches_the_hart_through_the_plic),
		TEST(every_access_is_safe),
		TEST(random_use_keeps_wire_and_status_true),
		TEST(no_byte_is_lost_doubled_or_reordered_in_either_direction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

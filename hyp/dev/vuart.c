/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual 16550A: owns the state of one UART, guarded by the lock in struct vuart
 * (LOCK_DEVICE). Where bytes come from and go to, and what the interrupt wire does, is left to its
 * ops. Register and bit names are those of the PC16550D data sheet.
 *
 * What a real part does that this one need not, or may do otherwise:
 * - Character timeout. There is no character clock, so received data below the trigger level counts
 *   as timed out at once: a guest that waits for more than it was sent is never left waiting.
 * - The interrupt pin does not depend on OUT2. That gate is PC board logic outside of the chip;
 *   QEMU virt has none either, and drivers set OUT2 only for those boards.
 * - Parity, framing and break errors never happen, and a break that the guest sends goes nowhere.
 * - Receiver overruns happen only in loopback: from outside, what does not fit waits there.
 */
#include "hyp/dev/vuart.h"

#include "hyp/check.h"

enum vuart_register {
	REG_DATA = 0, /* RBR, THR; divisor latch, low byte, when LCR.DLAB is set */
	REG_IER = 1,  /* or the divisor latch's high byte */
	REG_IIR = 2,  /* read; FCR when written */
	REG_LCR = 3,
	REG_MCR = 4,
	REG_LSR = 5,
	REG_MSR = 6,
	REG_SCR = 7,
};

#define IER_RECEIVE	   0x01
#define IER_TRANSMIT_EMPTY 0x02
#define IER_LINE_STATUS	   0x04
#define IER_MODEM_STATUS   0x08
#define IER_MASK	   0x0f

#define IIR_NONE	   0x01
#define IIR_MODEM_STATUS   0x00
#define IIR_TRANSMIT_EMPTY 0x02
#define IIR_RECEIVE	   0x04
#define IIR_LINE_STATUS	   0x06
#define IIR_TIMEOUT	   0x0c
#define IIR_FIFOS	   0xc0

#define FCR_ENABLE	   0x01
#define FCR_CLEAR_RECEIVE  0x02
#define FCR_CLEAR_TRANSMIT 0x04
#define FCR_TRIGGER_SHIFT  6

#define LCR_DLAB 0x80

#define MCR_DTR	 0x01
#define MCR_RTS	 0x02
#define MCR_OUT1 0x04
#define MCR_OUT2 0x08
#define MCR_LOOP 0x10
#define MCR_MASK 0x1f

#define LSR_DATA_READY	      0x01
#define LSR_OVERRUN	      0x02
#define LSR_TRANSMIT_EMPTY    0x20 /* THRE */
#define LSR_TRANSMITTER_EMPTY 0x40 /* TEMT: the shift register too, which is as good as absent */

#define MSR_DELTA_SHIFT 4 /* from a line to its delta bit */
#define MSR_DELTAS	0x0f
#define MSR_CTS		0x10
#define MSR_DSR		0x20
#define MSR_RI		0x40
#define MSR_DCD		0x80

static bool fifos_enabled(const struct vuart *uart)
{
	return uart->fcr & FCR_ENABLE;
}

static bool in_loopback(const struct vuart *uart)
{
	return uart->mcr & MCR_LOOP;
}

static unsigned receive_capacity(const struct vuart *uart)
{
	return fifos_enabled(uart) ? VUART_FIFO_SIZE : 1;
}

static unsigned receive_trigger(const struct vuart *uart)
{
	static const u8 levels[] = {1, 4, 8, 14};

	return fifos_enabled(uart) ? levels[uart->fcr >> FCR_TRIGGER_SHIFT] : 1;
}

static void set_lsr_locked(struct vuart *uart, u8 lsr)
{
	__atomic_store_n(&uart->lsr, lsr, __ATOMIC_RELAXED);
}

/* The pending interrupt of the highest priority, as IIR shows it (data sheet, "Interrupt Control
 * Functions"). */
static u8 identify_interrupt(const struct vuart *uart)
{
	if ((uart->ier & IER_LINE_STATUS) && (uart->lsr & LSR_OVERRUN))
		return IIR_LINE_STATUS;
	if ((uart->ier & IER_RECEIVE) && uart->receive.count != 0)
		return uart->receive.count >= receive_trigger(uart) ? IIR_RECEIVE : IIR_TIMEOUT;
	if ((uart->ier & IER_TRANSMIT_EMPTY) && uart->transmit_empty_pending)
		return IIR_TRANSMIT_EMPTY;
	if ((uart->ier & IER_MODEM_STATUS) && (uart->msr & MSR_DELTAS))
		return IIR_MODEM_STATUS;
	return IIR_NONE;
}

/* Brings what follows from the rest of the state up to date; ends whatever changes that. */
static void update_locked(struct vuart *uart)
{
	u8 lsr = uart->lsr & LSR_OVERRUN;
	if (uart->receive.count != 0)
		lsr |= LSR_DATA_READY;
	if (uart->transmit.count == 0)
		lsr |= LSR_TRANSMIT_EMPTY | LSR_TRANSMITTER_EMPTY;
	set_lsr_locked(uart, lsr);

	bool irq = identify_interrupt(uart) != IIR_NONE;
	if (irq != uart->irq) {
		uart->irq = irq;
		uart->ops->set_irq(uart->owner, irq);
	}

	/* Not before the guest has drained what there is: then the owner moves a FIFO's worth at
	 * a time, not a byte. The guest cannot miss the rest meanwhile, as it has more to read. */
	if (uart->input_refused && uart->receive.count == 0 && !in_loopback(uart)) {
		uart->input_refused = false;
		uart->ops->receive_ready(uart->owner);
	}
}

/* The transmitter's output when it is wired to the receiver. An overrun destroys the byte in RBR
 * without FIFOs, and the byte that arrives with them (data sheet, "Line Status Register"). */
static void loop_back_locked(struct vuart *uart)
{
	u8 byte;

	while (vuart_fifo_pop(&uart->transmit, &byte)) {
		if (uart->receive.count == receive_capacity(uart)) {
			set_lsr_locked(uart, uart->lsr | LSR_OVERRUN);
			if (fifos_enabled(uart))
				continue;
			vuart_fifo_clear(&uart->receive);
		}
		vuart_fifo_push(&uart->receive, byte);
	}
}

/* Sends what can be sent. */
static void drain_transmitter_locked(struct vuart *uart)
{
	const u8 *bytes;
	size_t run;

	if (uart->transmit.count == 0)
		return;

	if (in_loopback(uart))
		loop_back_locked(uart);

	while ((run = vuart_fifo_front(&uart->transmit, &bytes)) != 0) {
		size_t taken = uart->ops->transmit(uart->owner, bytes, run);
		CHECK(taken <= run);
		vuart_fifo_drop(&uart->transmit, taken);
		if (taken < run)
			return;
	}
	uart->transmit_empty_pending = true;
}

/* The levels of the modem's lines: outside, a terminal that is always there; in loopback, the
 * outputs in MCR (data sheet, "Modem Control Register", bit 4). */
static u8 modem_lines(u8 mcr)
{
	if (!(mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (u8)((mcr & MCR_RTS ? MSR_CTS : 0) | (mcr & MCR_DTR ? MSR_DSR : 0) |
		    (mcr & MCR_OUT1 ? MSR_RI : 0) | (mcr & MCR_OUT2 ? MSR_DCD : 0));
}

static void write_mcr_locked(struct vuart *uart, u8 value)
{
	u8 before = uart->msr & ~MSR_DELTAS;

	uart->mcr = value & MCR_MASK;
	u8 after = modem_lines(uart->mcr);
	/* A change of a line sets its delta, but for RI only the end of ringing counts (TERI). */
	u8 changed = (u8)((before ^ after) & ~(after & MSR_RI));
	uart->msr = (u8)(after | (uart->msr & MSR_DELTAS) | changed >> MSR_DELTA_SHIFT);

	/* Bytes that the transmitter holds now go the way that the switch points to. */
	drain_transmitter_locked(uart);
}

static void write_ier_locked(struct vuart *uart, u8 value)
{
	u8 raised = value & ~uart->ier;

	uart->ier = value & IER_MASK;
	/* Enabling the interrupt while the transmitter is empty raises it: drivers start to send
	 * that way. */
	if (raised & IER_TRANSMIT_EMPTY)
		uart->transmit_empty_pending = uart->transmit.count == 0;
}

static void write_fcr_locked(struct vuart *uart, u8 value)
{
	bool switched = (value ^ uart->fcr) & FCR_ENABLE;

	/* Without the enable bit the others are not programmed (data sheet, "FIFO Control
	 * Register"). DMA mode only concerns pins that are not connected. */
	uart->fcr = value & FCR_ENABLE ? value & (FCR_ENABLE | 3 << FCR_TRIGGER_SHIFT) : 0;

	if (switched || (fifos_enabled(uart) && (value & FCR_CLEAR_RECEIVE)))
		vuart_fifo_clear(&uart->receive);
	if (switched || (fifos_enabled(uart) && (value & FCR_CLEAR_TRANSMIT))) {
		if (uart->transmit.count != 0)
			uart->transmit_empty_pending = true;
		vuart_fifo_clear(&uart->transmit);
	}
}

/* A byte for which there is no room is dropped, as by the real part: the guest was told by
 * LSR.THRE. All of the FIFO is there even when FIFOs are off, so that a driver of a 16450, which
 * counts on THR and shift register, loses nothing. */
static void write_data_locked(struct vuart *uart, u8 value)
{
	uart->transmit_empty_pending = false;
	vuart_fifo_push(&uart->transmit, value);
	drain_transmitter_locked(uart);
}

static u8 read_data_locked(struct vuart *uart)
{
	u8 byte = 0;

	vuart_fifo_pop(&uart->receive, &byte);
	return byte;
}

static u8 read_iir_locked(struct vuart *uart)
{
	u8 iir = identify_interrupt(uart);

	if (iir == IIR_TRANSMIT_EMPTY)
		uart->transmit_empty_pending = false;
	return iir | (fifos_enabled(uart) ? IIR_FIFOS : 0);
}

static u8 read_register_locked(struct vuart *uart, u64 offset)
{
	bool divisor = uart->lcr & LCR_DLAB;
	u8 value = 0;

	switch (offset) {
	case REG_DATA:
		return divisor ? uart->divisor_low : read_data_locked(uart);
	case REG_IER:
		return divisor ? uart->divisor_high : uart->ier;
	case REG_IIR:
		return read_iir_locked(uart);
	case REG_LCR:
		return uart->lcr;
	case REG_MCR:
		return uart->mcr;
	case REG_LSR:
		value = uart->lsr;
		set_lsr_locked(uart, value & ~LSR_OVERRUN);
		return value;
	case REG_MSR:
		value = uart->msr;
		uart->msr &= ~MSR_DELTAS;
		return value;
	case REG_SCR:
		return uart->scr;
	default:
		return 0;
	}
}

static void write_register_locked(struct vuart *uart, u64 offset, u8 value)
{
	bool divisor = uart->lcr & LCR_DLAB;

	switch (offset) {
	case REG_DATA:
		if (divisor)
			uart->divisor_low = value;
		else
			write_data_locked(uart, value);
		break;
	case REG_IER:
		if (divisor)
			uart->divisor_high = value;
		else
			write_ier_locked(uart, value);
		break;
	case REG_IIR:
		write_fcr_locked(uart, value);
		break;
	case REG_LCR:
		uart->lcr = value;
		break;
	case REG_MCR:
		write_mcr_locked(uart, value);
		break;
	case REG_SCR:
		__atomic_store_n(&uart->scr, value, __ATOMIC_RELAXED);
		break;
	default: /* LSR and MSR are not written but in factory tests */
		break;
	}
}

/* Out of line: what is polled is read without the stack frame that this needs. */
static __attribute__((noinline)) u8 read_register(struct vuart *uart, u64 offset)
{
	lock_acquire(&uart->lock);
	u8 value = read_register_locked(uart, offset);
	update_locked(uart);
	lock_release(&uart->lock);
	return value;
}

/* Registers are one byte wide. A wider access acts on the one at its offset, zero-extended, as on
 * QEMU virt. The address range of the device tree is larger than the chip: the rest of it reads
 * zero and ignores writes, rather than fault within what the guest was told is the UART. */
static bool vuart_read(struct device *device, u64 offset, unsigned width, u64 *value)
{
	struct vuart *uart = container_of(device, struct vuart, device);

	(void)width;
	/* Polled more than all else. Reading it has an effect only after an overrun; otherwise a
	 * lone load serves, and the bus orders it. The same goes for SCR. */
	u8 lsr = __atomic_load_n(&uart->lsr, __ATOMIC_RELAXED);
	if (offset == REG_LSR && !(lsr & LSR_OVERRUN))
		*value = lsr;
	else if (offset == REG_SCR)
		*value = __atomic_load_n(&uart->scr, __ATOMIC_RELAXED);
	else
		*value = read_register(uart, offset);
	return true;
}

static bool vuart_write(struct device *device, u64 offset, unsigned width, u64 value)
{
	struct vuart *uart = container_of(device, struct vuart, device);

	(void)width;
	lock_acquire(&uart->lock);
	write_register_locked(uart, offset, (u8)value);
	update_locked(uart);
	lock_release(&uart->lock);
	return true;
}

static void reset_registers(struct vuart *uart)
{
	vuart_fifo_clear(&uart->receive);
	vuart_fifo_clear(&uart->transmit);
	uart->ier = 0;
	uart->fcr = 0;
	uart->lcr = 0;
	uart->mcr = 0;
	uart->msr = modem_lines(0);
	uart->scr = 0;
	uart->divisor_low = 0;
	uart->divisor_high = 0;
	uart->transmit_empty_pending = false;
	set_lsr_locked(uart, LSR_TRANSMIT_EMPTY | LSR_TRANSMITTER_EMPTY);
}

void vuart_init(struct vuart *uart, const struct vuart_ops *ops, void *owner)
{
	static const struct device_ops device_ops = {.read = vuart_read, .write = vuart_write};

	*uart = (struct vuart){
		.device = {.ops = &device_ops, .base = gpa(VUART_BASE), .size = VUART_SIZE},
		.ops = ops,
		.owner = owner,
	};
	lock_init(&uart->lock, LOCK_DEVICE);
	reset_registers(uart);
}

void vuart_reset(struct vuart *uart)
{
	lock_acquire(&uart->lock);
	reset_registers(uart);
	update_locked(uart);
	lock_release(&uart->lock);
}

size_t vuart_receive(struct vuart *uart, const u8 *bytes, size_t length)
{
	size_t taken = 0;

	lock_acquire(&uart->lock);
	/* In loopback the receiver is cut off from its pin. What arrives there waits, not lost. */
	if (!in_loopback(uart)) {
		while (taken < length && uart->receive.count < receive_capacity(uart))
			vuart_fifo_push(&uart->receive, bytes[taken++]);
	}
	if (taken < length)
		uart->input_refused = true;
	update_locked(uart);
	lock_release(&uart->lock);
	return taken;
}

size_t vuart_take(struct vuart *uart, u8 *bytes, size_t length)
{
	size_t taken = 0;

	lock_acquire(&uart->lock);
	/* In loopback these are the guest's own. */
	if (!in_loopback(uart)) {
		while (taken < length && vuart_fifo_pop(&uart->receive, &bytes[taken]))
			taken++;
	}
	update_locked(uart);
	lock_release(&uart->lock);
	return taken;
}

void vuart_output_ready(struct vuart *uart)
{
	lock_acquire(&uart->lock);
	drain_transmitter_locked(uart);
	update_locked(uart);
	lock_release(&uart->lock);
}

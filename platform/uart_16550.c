/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 16550 serial ports and their relatives (National Semiconductor PC16550D data sheet; DesignWare
 * DW_apb_uart data book). Reading LSR and IIR has side effects, which is why the caller lets in
 * one hart at a time.
 */
#include "platform/uart.h"

#include "hyp/hw.h"
#include "platform/mmio.h"

#define RBR 0 /* read: received byte */
#define THR 0 /* write: byte to send */
#define DLL 0 /* with LCR_DLAB: divisor, low byte */
#define DLM 1 /* high byte */
#define IER 1
#define IIR 2 /* read */
#define FCR 2 /* write */
#define LCR 3
#define MCR 4
#define LSR 5
#define USR 31 /* DesignWare: status; reading it clears the busy-detect interrupt */

#define IER_INPUT     0x01
#define IER_ROOM      0x02
#define IIR_NONE      0x01
#define IIR_ID_MASK   0x0f
#define IIR_BUSY      0x07
#define IIR_TIMEOUT   0x0c
#define IIR_FIFOS     0xc0
#define FCR_ENABLE    0x01
#define FCR_TRIGGER_8 0x80
#define LCR_8N1	      0x03
#define LCR_DLAB      0x80
#define MCR_DTR	      0x01
#define MCR_RTS	      0x02
#define MCR_OUT2      0x08 /* lets the interrupt out on PC-like boards */
#define LSR_DATA      0x01
#define LSR_OVERRUN   0x02 /* cleared by reading */
#define LSR_ROOM      0x20
#define LSR_IDLE      0x40

#define FIFO_SIZE      16
#define REGISTER_COUNT 8

/* Sending out a full FIFO at 1200 baud takes this many milliseconds. */
#define DRAIN_MS 150

static u32 get(const struct uart *uart, unsigned reg)
{
	u64 address = uart->base + ((u64)reg << uart->reg_shift);

	switch (uart->reg_width) {
	case 4:
		return mmio_read32(address);
	case 2:
		return mmio_read16(address);
	default:
		return mmio_read8(address);
	}
}

static void put(const struct uart *uart, unsigned reg, u8 value)
{
	u64 address = uart->base + ((u64)reg << uart->reg_shift);

	switch (uart->reg_width) {
	case 4:
		mmio_write32(address, value);
		break;
	case 2:
		mmio_write16(address, value);
		break;
	default:
		mmio_write8(address, value);
		break;
	}
}

/* Each read of LSR forgets that input was lost. */
static u32 get_status(struct uart *uart)
{
	u32 status = get(uart, LSR);

	uart->overran |= (status & LSR_OVERRUN) != 0;
	return status;
}

/* What the firmware printed last may still be on its way out. */
static void drain(struct uart *uart)
{
	u64 deadline = hw_time() + hw_machine()->timebase_hz / 1000 * DRAIN_MS;

	while ((get_status(uart) & LSR_IDLE) == 0 && hw_time() < deadline)
		hw_pause();
}

/* The firmware's speed is what the operator's terminal has; it is kept unless the tree gives both
 * the clock and another speed. */
static void set_speed(struct uart *uart)
{
	u64 divisor;

	if (uart->clock_hz == 0 || uart->speed == 0)
		return;
	divisor = (uart->clock_hz + 8ULL * uart->speed) / (16ULL * uart->speed);
	if (divisor == 0 || divisor > 0xffff)
		return;
	put(uart, LCR, LCR_8N1 | LCR_DLAB);
	put(uart, DLL, (u8)divisor);
	put(uart, DLM, (u8)(divisor >> 8));
}

static void uart_16550_init(struct uart *uart)
{
	put(uart, IER, 0);
	drain(uart);
	set_speed(uart);
	put(uart, LCR, LCR_8N1);
	put(uart, FCR, FCR_ENABLE | FCR_TRIGGER_8);
	put(uart, MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
	uart->overran = false; /* before us, and nobody's loss */
	uart->fifo_size = (get(uart, IIR) & IIR_FIFOS) == IIR_FIFOS ? FIFO_SIZE : 1;
}

static void uart_designware_init(struct uart *uart)
{
	/* Trees that describe only the registers of a 16550 have none behind them. */
	uart->has_busy_detect = uart->size >= (USR + 1ULL) << uart->reg_shift;
	uart_16550_init(uart);
}

static bool uart_16550_can_write(struct uart *uart)
{
	return (get_status(uart) & LSR_ROOM) != 0;
}

/* LSR_ROOM says that the whole FIFO is empty. */
static size_t uart_16550_write(struct uart *uart, const char *bytes, size_t length)
{
	size_t done = 0;

	while (done < length && uart_16550_can_write(uart)) {
		for (unsigned i = 0; i < uart->fifo_size && done < length; i++)
			put(uart, THR, (u8)bytes[done++]);
	}
	return done;
}

static size_t uart_16550_read(struct uart *uart, char *bytes, size_t length)
{
	size_t done = 0;

	while (done < length && (get_status(uart) & LSR_DATA) != 0)
		bytes[done++] = (char)get(uart, RBR);
	return done;
}

static void uart_16550_set_interrupts(struct uart *uart, bool input, bool room)
{
	u8 enable = input ? IER_INPUT : 0;

	/* Room is announced once, at the moment when it is enabled or the FIFO runs empty; reading
	 * IIR ends that. Enabling it anew announces it anew. */
	put(uart, IER, enable);
	if (room)
		put(uart, IER, enable | IER_ROOM);
}

static void uart_16550_acknowledge(struct uart *uart)
{
	u32 id = get(uart, IIR) & IIR_ID_MASK;

	if (id == IIR_BUSY && uart->has_busy_detect)
		get(uart, USR);
	/* A character timeout can outlive its characters on DesignWare ports; only a read of the
	 * empty FIFO ends it. No emulator here does that. */
	if (id == IIR_TIMEOUT && (get_status(uart) & LSR_DATA) == 0)
		get(uart, RBR);
}

static const char *const compatible[] = {"ns16550a", "ns16550", NULL};

const struct uart_driver uart_16550 = {
	.compatible = compatible,
	.register_count = REGISTER_COUNT,
	.init = uart_16550_init,
	.write = uart_16550_write,
	.read = uart_16550_read,
	.can_write = uart_16550_can_write,
	.set_interrupts = uart_16550_set_interrupts,
	.acknowledge = uart_16550_acknowledge,
};

static const char *const designware_compatible[] = {"snps,dw-apb-uart", NULL};

const struct uart_driver uart_designware = {
	.compatible = designware_compatible,
	.register_count = REGISTER_COUNT,
	.init = uart_designware_init,
	.write = uart_16550_write,
	.read = uart_16550_read,
	.can_write = uart_16550_can_write,
	.set_interrupts = uart_16550_set_interrupts,
	.acknowledge = uart_16550_acknowledge,
};

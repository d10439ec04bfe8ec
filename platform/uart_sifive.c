/* SPDX-License-Identifier: BSD-2-Clause */
/* The serial port of SiFive's chips (FU540-C000 manual, "Universal Asynchronous Receiver/
 * Transmitter"). Its two FIFOs hold eight bytes each; registers are 32-bit. */
#include "platform/uart.h"

#include "platform/mmio.h"

#define TXDATA 0x00
#define RXDATA 0x04
#define TXCTRL 0x08
#define RXCTRL 0x0c
#define IE     0x10
#define DIV    0x18

#define TXDATA_FULL   (1U << 31)
#define RXDATA_EMPTY  (1U << 31)
#define CTRL_ENABLE   1U
#define CTRL_COUNT(n) ((u32)(n) << 16) /* watermark */
#define IE_TX	      1U	       /* fewer bytes than the watermark to send */
#define IE_RX	      2U	       /* more bytes than the watermark received */

#define DIV_MAX 0xffff

static void uart_sifive_init(struct uart *uart)
{
	mmio_write32(uart->base + IE, 0);
	if (uart->clock_hz != 0 && uart->speed != 0) {
		u64 divisor = (uart->clock_hz + uart->speed - 1) / uart->speed - 1;

		if (divisor <= DIV_MAX)
			mmio_write32(uart->base + DIV, (u32)divisor);
	}
	mmio_write32(uart->base + TXCTRL, CTRL_ENABLE | CTRL_COUNT(1));
	mmio_write32(uart->base + RXCTRL, CTRL_ENABLE | CTRL_COUNT(0));
}

static bool uart_sifive_can_write(struct uart *uart)
{
	return (mmio_read32(uart->base + TXDATA) & TXDATA_FULL) == 0;
}

static size_t uart_sifive_write(struct uart *uart, const char *bytes, size_t length)
{
	size_t done = 0;

	while (done < length && uart_sifive_can_write(uart))
		mmio_write32(uart->base + TXDATA, (u8)bytes[done++]);
	return done;
}

/* One read both tells whether there is a byte and takes it. */
static size_t uart_sifive_read(struct uart *uart, char *bytes, size_t length)
{
	size_t done = 0;

	while (done < length) {
		u32 data = mmio_read32(uart->base + RXDATA);

		if ((data & RXDATA_EMPTY) != 0)
			break;
		bytes[done++] = (char)data;
	}
	return done;
}

static void uart_sifive_set_interrupts(struct uart *uart, bool input, bool room)
{
	mmio_write32(uart->base + IE, (input ? IE_RX : 0) | (room ? IE_TX : 0));
}

/* Both interrupts are levels that follow the FIFOs. */
static void uart_sifive_acknowledge(struct uart *uart)
{
	(void)uart;
}

static const char *const compatible[] = {
	"sifive,uart0",
	"sifive,fu540-c000-uart",
	"sifive,fu740-c000-uart",
	NULL,
};

const struct uart_driver uart_sifive = {
	.compatible = compatible,
	.register_count = DIV + 4, /* at reg-shift 0 these are bytes */
	.init = uart_sifive_init,
	.write = uart_sifive_write,
	.read = uart_sifive_read,
	.can_write = uart_sifive_can_write,
	.set_interrupts = uart_sifive_set_interrupts,
	.acknowledge = uart_sifive_acknowledge,
};

/* SPDX-License-Identifier: BSD-2-Clause */
/* The firmware's console: before the device tree is read, and where it has no port that a driver
 * knows. It has no interrupt. */
#include "platform/uart.h"

#include "platform/hostsbi.h"

static void uart_sbi_init(struct uart *uart)
{
	(void)uart;
}

static size_t uart_sbi_write(struct uart *uart, const char *bytes, size_t length)
{
	(void)uart;
	return hostsbi_console_write(bytes, length);
}

static size_t uart_sbi_read(struct uart *uart, char *bytes, size_t length)
{
	(void)uart;
	return hostsbi_console_read(bytes, length);
}

/* The firmware does not say; the write will. */
static bool uart_sbi_can_write(struct uart *uart)
{
	(void)uart;
	return true;
}

static void uart_sbi_set_interrupts(struct uart *uart, bool input, bool room)
{
	(void)uart;
	(void)input;
	(void)room;
}

static void uart_sbi_acknowledge(struct uart *uart)
{
	(void)uart;
}

const struct uart_driver uart_sbi = {
	.init = uart_sbi_init,
	.write = uart_sbi_write,
	.read = uart_sbi_read,
	.can_write = uart_sbi_can_write,
	.set_interrupts = uart_sbi_set_interrupts,
	.acknowledge = uart_sbi_acknowledge,
};

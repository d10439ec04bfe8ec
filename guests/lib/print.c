/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the console. One lock lets one hart's line out at a time. */
#include "print.h"
#include "csr.h"
#include "sbi.h"

static void (*write_out)(const char *s, size_t length);
static u32 console_lock;

static void write_dbcn(const char *s, size_t length)
{
	/* DBCN may take a part only, or nothing for the moment. */
	while (length) {
		struct sbi_result r = sbi_call(SBI_DBCN, DBCN_WRITE, length, (u64)s, 0, 0);

		if (r.error)
			return;
		s += r.value;
		length -= r.value;
	}
}

static void write_legacy(const char *s, size_t length)
{
	while (length--)
		sbi_call(SBI_LEGACY_PUTCHAR, 0, (u8)*s++, 0, 0, 0);
}

static void write_uart(const char *s, size_t length)
{
	while (length--) {
		while (!(read8(UART_BASE + UART_LSR) & 0x20))
			;
		write8(UART_BASE + UART_THR, (u8)*s++);
	}
}

void print_boot(void)
{
	if (sbi_probe(SBI_DBCN))
		write_out = write_dbcn;
	else if (sbi_probe(SBI_LEGACY_PUTCHAR))
		write_out = write_legacy;
	else
		write_out = write_uart;
}

void print(const char *format, ...)
{
	char line[256];
	va_list list;
	size_t length;

	va_start(list, format);
	length = format_list(line, sizeof(line), format, list);
	va_end(list);
	while (__atomic_exchange_n(&console_lock, 1, __ATOMIC_ACQUIRE))
		pause_hint();
	write_out(line, length);
	__atomic_store_n(&console_lock, 0, __ATOMIC_RELEASE);
}

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

struct output {
	char *at;
	char *end; /* where the terminator must fit */
};

static void put(struct output *out, char c)
{
	if (out->at < out->end)
		*out->at++ = c;
}

static void put_number(struct output *out, u64 value, unsigned int base, int width, char pad)
{
	char digits[20];
	int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	for (; width > n; width--)
		put(out, pad);
	while (n)
		put(out, digits[--n]);
}

static void put_signed(struct output *out, s64 value, int width, char pad)
{
	if (value < 0) {
		put(out, '-');
		put_number(out, -(u64)value, 10, width - 1, pad);
	} else {
		put_number(out, (u64)value, 10, width, pad);
	}
}

static void put_string(struct output *out, const char *s, int width)
{
	for (; *s; s++, width--)
		put(out, *s);
	for (; width > 0; width--)
		put(out, ' ');
}

size_t format_list(char *to, size_t size, const char *f, va_list list)
{
	struct output out = {to, to + size - 1};

	for (; *f; f++) {
		char pad = ' ';
		int width = 0;
		bool wide = false;

		if (*f != '%') {
			put(&out, *f);
			continue;
		}
		for (f++; *f == '0' || *f == '-'; f++)
			pad = *f == '0' ? '0' : ' ';
		for (; *f >= '0' && *f <= '9'; f++)
			width = 10 * width + *f - '0';
		for (; *f == 'l'; f++)
			wide = true;
		if (*f == 's')
			put_string(&out, va_arg(list, const char *), width);
		else if (*f == 'c')
			put(&out, (char)va_arg(list, int));
		else if (*f == 'd')
			put_signed(&out, wide ? va_arg(list, s64) : va_arg(list, int), width, pad);
		else if (*f == 'u' || *f == 'x')
			put_number(&out, wide ? va_arg(list, u64) : va_arg(list, unsigned int),
				   *f == 'x' ? 16 : 10, width, pad);
		else
			put(&out, *f);
	}
	*out.at = 0;
	return (size_t)(out.at - to);
}

size_t format_to(char *to, size_t size, const char *format, ...)
{
	va_list list;
	size_t length;

	va_start(list, format);
	length = format_list(to, size, format, list);
	va_end(list);
	return length;
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

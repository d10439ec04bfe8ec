/* SPDX-License-Identifier: BSD-2-Clause */
/* Text from numbers. Owns nothing; apart from print.c for programs that print by other means. */
#include "print.h"

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

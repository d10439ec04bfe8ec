/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the bundle's mistakes are told: one line each, naming node and property, bounded in length
 * and number, and without any byte that could upset a terminal. No state but the parser's.
 */
#include "hyp/config/bundle_internal.h"

#include "hyp/log.h"

#include <stdarg.h>
#include <string.h>

#define STRING_SHOWN_MAX 64

struct line {
	char text[BUNDLE_LINE_SIZE];
	size_t length;
};

static void put_char(struct line *line, char c)
{
	if (line->length < sizeof(line->text) - 1)
		line->text[line->length++] = c;
}

static void put_string(struct line *line, const char *text, size_t most)
{
	size_t i;

	for (i = 0; text[i]; i++) {
		if (i == most) {
			put_char(line, '.');
			put_char(line, '.');
			put_char(line, '.');
			return;
		}
		put_char(line, text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
	}
}

static void put_number(struct line *line, u64 number, unsigned base)
{
	char digits[20];
	unsigned count = 0;

	do {
		digits[count++] = "0123456789abcdef"[number % base];
		number /= base;
	} while (number);
	while (count)
		put_char(line, digits[--count]);
}

static void put_format(struct line *line, const char *format, va_list arguments)
{
	for (; *format; format++) {
		if (format[0] == '%' && format[1] == 's') {
			put_string(line, va_arg(arguments, const char *), STRING_SHOWN_MAX);
			format += 1;
		} else if (format[0] == '%' && format[1] == '.') {
			size_t most = 0;

			for (format += 2; *format != 's'; format++)
				most = most * 10 + (size_t)(*format - '0');
			put_string(line, va_arg(arguments, const char *), most);
		} else if (format[0] == '%' && format[1] == 'l') {
			put_number(line, va_arg(arguments, unsigned long),
				   format[2] == 'x' ? 16 : 10);
			format += 2;
		} else {
			put_char(line, *format);
		}
	}
}

static void emit(const struct bundle_options *options, enum bundle_severity severity,
		 const char *text)
{
	if (options && options->report)
		options->report(options->context, severity, text);
	else if (severity == BUNDLE_ERROR)
		log_error("%s", text);
	else
		log_info("%s", text);
}

void bundle_report(struct bundle_parser *parser, enum bundle_severity severity, const char *format,
		   ...)
{
	struct line line = {.length = 0};
	va_list arguments;

	if (severity == BUNDLE_ERROR)
		parser->failed = true;
	if (parser->line_count > BUNDLE_MESSAGE_MAX)
		return;
	if (parser->line_count++ == BUNDLE_MESSAGE_MAX) {
		emit(parser->options, severity, "bundle: further messages are not shown");
		return;
	}
	put_string(&line, "bundle: ", STRING_SHOWN_MAX);
	if (parser->parent) {
		put_string(&line, parser->parent, STRING_SHOWN_MAX);
		if (parser->node) {
			put_char(&line, '/');
			put_string(&line, parser->node, STRING_SHOWN_MAX);
		}
		put_string(&line, ": ", STRING_SHOWN_MAX);
	}
	va_start(arguments, format);
	put_format(&line, format, arguments);
	va_end(arguments);
	line.text[line.length] = '\0';
	emit(parser->options, severity, line.text);
}

bool bundle_is_silent(const struct bundle_parser *parser)
{
	return parser->line_count > BUNDLE_MESSAGE_MAX;
}

/* Levenshtein's distance, of the first BUNDLE_NAME_MAX characters; or `enough`, if it is not below
 * that. No row has a smaller number than the one above, so a row of large ones ends it: most names
 * differ from the first letters on. */
static unsigned edit_distance(const char *a, const char *b, unsigned enough)
{
	size_t a_length = strnlen(a, BUNDLE_NAME_MAX), b_length = strnlen(b, BUNDLE_NAME_MAX);
	u8 row[BUNDLE_NAME_MAX + 1];
	size_t i, j;

	for (j = 0; j <= b_length; j++)
		row[j] = (u8)j;
	for (i = 1; i <= a_length; i++) {
		u8 diagonal = row[0];
		u64 least = i;

		row[0] = (u8)i;
		for (j = 1; j <= b_length; j++) {
			u8 change = (u8)(diagonal + (a[i - 1] != b[j - 1]));
			u64 insert_or_delete = min_u64(row[j], row[j - 1]) + 1;

			diagonal = row[j];
			row[j] = (u8)min_u64(change, insert_or_delete);
			least = min_u64(least, row[j]);
		}
		if (least >= enough)
			return enough;
	}
	return row[b_length];
}

const char *bundle_nearest(const char *name, const char *(*name_at)(const void *list, size_t index),
			   const void *list)
{
	const char *nearest = NULL, *candidate;
	unsigned best = 2 * BUNDLE_NAME_MAX;

	for (size_t i = 0; (candidate = name_at(list, i)) != NULL; i++) {
		unsigned distance = edit_distance(name, candidate, best);

		if (distance < best) {
			best = distance;
			nearest = candidate;
		}
	}
	return nearest;
}

void bundle_report_unknown(struct bundle_parser *parser, const char *what, const char *name,
			   const char *(*name_at)(const void *list, size_t index), const void *list)
{
	/* Once nobody reads the answer, do not look for it. */
	if (bundle_is_silent(parser))
		return;
	bundle_report(parser, BUNDLE_WARNING,
		      "unknown %s \"%s\" is ignored; the nearest known name is \"%s\"", what, name,
		      bundle_nearest(name, name_at, list));
}

bool bundle_check_name(struct bundle_parser *parser, const char *name)
{
	size_t length;

	if (!name[0])
		return bundle_fail(parser, "it has no name");
	for (length = 0; name[length]; length++) {
		char c = name[length];
		bool is_word =
			(c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (length == BUNDLE_NAME_MAX)
			return bundle_fail(parser, "its name has more than %lu characters",
					   (unsigned long)BUNDLE_NAME_MAX);
		if (!is_word && !strchr(",._+-@", c))
			return bundle_fail(parser, "its name has characters other than letters, "
						   "digits and ,._+-@");
	}
	return true;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the bundle's mistakes are told: one line each, naming node and property, bounded in length
 * and number, and without any byte that could upset a terminal. Owns the wording of types.
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

static void put_string(struct line *line, const char *text)
{
	size_t i;

	for (i = 0; text[i]; i++) {
		if (i == STRING_SHOWN_MAX) {
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
			put_string(line, va_arg(arguments, const char *));
			format += 1;
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
	put_string(&line, "bundle: ");
	if (parser->parent) {
		put_string(&line, parser->parent);
		if (parser->node) {
			put_char(&line, '/');
			put_string(&line, parser->node);
		}
		put_string(&line, ": ");
	}
	va_start(arguments, format);
	put_format(&line, format, arguments);
	va_end(arguments);
	line.text[line.length] = '\0';
	emit(parser->options, severity, line.text);
}

/* Levenshtein's distance, of the first BUNDLE_NAME_MAX characters. */
static unsigned edit_distance(const char *a, const char *b)
{
	size_t a_length = strnlen(a, BUNDLE_NAME_MAX), b_length = strnlen(b, BUNDLE_NAME_MAX);
	u8 row[BUNDLE_NAME_MAX + 1];
	size_t i, j;

	for (j = 0; j <= b_length; j++)
		row[j] = (u8)j;
	for (i = 1; i <= a_length; i++) {
		u8 diagonal = row[0];

		row[0] = (u8)i;
		for (j = 1; j <= b_length; j++) {
			u8 change = (u8)(diagonal + (a[i - 1] != b[j - 1]));
			u64 insert_or_delete = min_u64(row[j], row[j - 1]) + 1;

			diagonal = row[j];
			row[j] = (u8)min_u64(change, insert_or_delete);
		}
	}
	return row[b_length];
}

void bundle_report_unknown(struct bundle_parser *parser, const char *what, const char *name,
			   const char *(*name_at)(size_t index))
{
	const char *nearest = name_at(0), *candidate;
	unsigned best = edit_distance(name, nearest);
	size_t i;

	/* Once nobody reads the answer, do not look for it. */
	if (parser->line_count > BUNDLE_MESSAGE_MAX)
		return;
	for (i = 1; (candidate = name_at(i)) != NULL; i++) {
		unsigned distance = edit_distance(name, candidate);

		if (distance < best) {
			best = distance;
			nearest = candidate;
		}
	}
	bundle_report(parser, BUNDLE_WARNING,
		      "unknown %s \"%s\" is ignored; the nearest known name is \"%s\"", what, name,
		      nearest);
}

bool bundle_check_name(struct bundle_parser *parser, const char *name)
{
	size_t length;

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

static u32 read_cell(const u8 *data)
{
	return (u32)data[0] << 24 | (u32)data[1] << 16 | (u32)data[2] << 8 | data[3];
}

static bool wrong_type(struct bundle_parser *parser, const struct bundle_value *value,
		       const char *wanted)
{
	return bundle_fail(parser, "%s has a value of %lu bytes, must be %s", value->name,
			   (unsigned long)value->length, wanted);
}

const char *bundle_type_name(enum bundle_type type)
{
	switch (type) {
	case BUNDLE_TYPE_U32:
		return "a number, one cell";
	case BUNDLE_TYPE_U64:
		return "a number, one or two cells";
	case BUNDLE_TYPE_STRING:
		return "a string";
	case BUNDLE_TYPE_BOOL:
		return "a flag without a value";
	case BUNDLE_TYPE_IMAGE:
		return "the name of an image";
	}
	return "unknown";
}

bool bundle_read_u32(struct bundle_parser *parser, const struct bundle_value *value, u32 *result)
{
	if (value->length != 4)
		return wrong_type(parser, value, bundle_type_name(BUNDLE_TYPE_U32));
	*result = read_cell(value->data);
	return true;
}

bool bundle_read_u64(struct bundle_parser *parser, const struct bundle_value *value, u64 *result)
{
	if (value->length == 4)
		*result = read_cell(value->data);
	else if (value->length == 8)
		*result = (u64)read_cell(value->data) << 32 | read_cell(value->data + 4);
	else
		return wrong_type(parser, value, bundle_type_name(BUNDLE_TYPE_U64));
	return true;
}

bool bundle_read_string(struct bundle_parser *parser, const struct bundle_value *value,
			const char **result)
{
	const u8 *end = value->length > 0 ? memchr(value->data, '\0', (size_t)value->length) : NULL;

	if (!end)
		return bundle_fail(parser, "%s is no string: it has no NUL at its end",
				   value->name);
	if (end != value->data + value->length - 1)
		return bundle_fail(parser, "%s must be one string", value->name);
	*result = (const char *)value->data;
	return true;
}

bool bundle_read_flag(struct bundle_parser *parser, const struct bundle_value *value, bool *result)
{
	if (value->length != 0)
		return wrong_type(parser, value, bundle_type_name(BUNDLE_TYPE_BOOL));
	*result = true;
	return true;
}

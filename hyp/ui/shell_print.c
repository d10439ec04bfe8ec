/* SPDX-License-Identifier: BSD-2-Clause */
/* What the shell's commands say, so that it fits the terminal. Owns the width of names, which is
 * settled at boot, since there may be thousands of VMs and each line of a table asks for it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hyp/log.h"
#include "hyp/ui/console.h"
#include "hyp/ui/shell_internal.h"

#define HEAD	 "\x1b[1m"
#define HEAD_END "\x1b[0m\r\n"

static unsigned name_width;

void shell_write(const char *bytes, size_t length)
{
	console_shell_write(bytes, length);
}

bool shell_is_shown(void)
{
	return console_shell_is_shown();
}

static void print(const char *before, const char *after, const char *format, va_list arguments)
{
	char line[SHELL_COLUMNS + 1], all[SHELL_COLUMNS + 16];
	int length = vsnprintf(line, sizeof(line), format, arguments);

	log_defuse(line, strlen(line)); /* names come from the bundle */
	if (length > SHELL_COLUMNS)
		line[SHELL_COLUMNS - 1] = '~';
	length = snprintf(all, sizeof(all), "%s%s%s", before, line, after);
	shell_write(all, (size_t)length);
}

void shell_print(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print("", "\r\n", format, arguments);
	va_end(arguments);
}

void shell_print_head(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print(HEAD, HEAD_END, format, arguments);
	va_end(arguments);
}

void shell_print_long(const char *text, size_t length)
{
	for (unsigned i = 0; i < SHELL_STEP_LINES && (length || !i); i++) {
		int indent = i ? 2 : 0;
		size_t piece = min_u64(length, (u64)(SHELL_COLUMNS - indent));

		shell_print("%*s%.*s", indent, "", (int)piece, text);
		text += piece;
		length -= piece;
	}
}

const char *shell_cut(const char *name, unsigned columns, char buffer[SHELL_NAME_SIZE])
{
	size_t width = min_u64(columns, SHELL_NAME_SIZE - 1);

	snprintf(buffer, width + 1, "%s", name);
	if (strlen(name) > width)
		buffer[width - 1] = '~';
	return buffer;
}

void shell_measure_names(void)
{
	size_t width = 8;

	for (struct guest *guest = guest_next(NULL); guest; guest = guest_next(guest))
		width = max_u64(width, strlen(guest->vm.name));
	name_width = (unsigned)min_u64(width, SHELL_NAME_SIZE - 1);
}

unsigned shell_name_width(void)
{
	return name_width;
}

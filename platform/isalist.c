/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ISA as names. Lists belong to their owners; only the boot hart has any. Runs on the host too,
 * for the tests.
 */
#include "platform/isalist.h"

#include <libfdt.h>
#include <string.h>

#include "platform/tree.h"

#define ISALIST_NAME_MAX 32

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_letter(char c)
{
	return to_lower(c) >= 'a' && to_lower(c) <= 'z';
}

void isalist_init(struct isalist *list)
{
	list->length = 0;
	list->names[0] = '\0';
}

/* The name's place in the list, or the list's end. */
static unsigned find(const struct isalist *list, const char *name)
{
	unsigned at = 0;

	while (at < list->length) {
		unsigned i = 0;

		while (list->names[at + i] == name[i] && name[i] != '\0')
			i++;
		if (list->names[at + i] == name[i])
			break;
		at += i;
		while (list->names[at] != '\0')
			at++;
		at++;
	}
	return at;
}

bool isalist_has(const struct isalist *list, const char *name)
{
	return find(list, name) < list->length;
}

void isalist_add(struct isalist *list, const char *name, size_t length)
{
	char clean[ISALIST_NAME_MAX];

	if (length == 0 || length >= sizeof(clean) || list->length + length + 2 > ISALIST_SIZE)
		return;
	for (size_t i = 0; i < length; i++) {
		if (!is_letter(name[i]) && !is_digit(name[i]))
			return;
		clean[i] = to_lower(name[i]);
	}
	clean[length] = '\0';
	if (isalist_has(list, clean))
		return;
	memcpy(list->names + list->length, clean, length + 1);
	list->length += (unsigned)length + 1;
	list->names[list->length] = '\0';
}

static void remove_at(struct isalist *list, unsigned at)
{
	unsigned size = (unsigned)strlen(list->names + at) + 1;

	/* The final NUL moves along. */
	memmove(list->names + at, list->names + at + size, list->length + 1 - at - size);
	list->length -= size;
}

void isalist_remove(struct isalist *list, const char *name)
{
	unsigned at = find(list, name);

	if (at < list->length)
		remove_at(list, at);
}

void isalist_intersect(struct isalist *list, const struct isalist *other)
{
	unsigned at = 0;

	while (at < list->length) {
		if (isalist_has(other, list->names + at))
			at += (unsigned)strlen(list->names + at) + 1;
		else
			remove_at(list, at);
	}
}

/* Versions are digits, or digits, p, digits (Unprivileged ISA, "ISA Extension Naming
 * Conventions"). How many characters of one begin the string. */
static size_t version_length(const char *s)
{
	size_t n = 0;

	while (is_digit(s[n]))
		n++;
	if (n == 0 || to_lower(s[n]) != 'p' || !is_digit(s[n + 1]))
		return n;
	n++;
	while (is_digit(s[n]))
		n++;
	return n;
}

/* The length of a multi-letter name without the version at its end. No name ends in a digit. */
static size_t unversioned_length(const char *name, size_t length)
{
	size_t n = length;

	while (n > 0 && is_digit(name[n - 1]))
		n--;
	if (n == length || n < 2 || to_lower(name[n - 1]) != 'p' || !is_digit(name[n - 2]))
		return n;
	n--;
	while (n > 0 && is_digit(name[n - 1]))
		n--;
	return n;
}

/* G stands for more than one extension. */
static void add_letter(struct isalist *list, char letter)
{
	static const char *const general[] = {"i", "m", "a", "f", "d", "zicsr", "zifencei"};

	if (to_lower(letter) != 'g') {
		isalist_add(list, &letter, 1);
		return;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(general); i++)
		isalist_add(list, general[i], strlen(general[i]));
}

static bool begins_long_name(char c)
{
	c = to_lower(c);
	return c == 's' || c == 'x' || c == 'z';
}

/* "rv64imafdch_zicsr_sstc1p0": letters in a row, then names set off by underscores. */
static bool parse_string(struct isalist *list, const char *s)
{
	if (to_lower(s[0]) != 'r' || to_lower(s[1]) != 'v' || s[2] != '6' || s[3] != '4')
		return false;
	s += 4;
	while (*s != '\0') {
		/* Some trees have the privilege modes S and U among the letters. */
		bool modes = to_lower(s[0]) == 's' && to_lower(s[1]) == 'u' && s[-1] != '_';

		if (modes) {
			s += 2;
		} else if (begins_long_name(*s)) {
			size_t length = strcspn(s, "_");

			isalist_add(list, s, unversioned_length(s, length));
			s += length;
		} else {
			if (is_letter(*s))
				add_letter(list, *s);
			s++;
			s += version_length(s);
		}
	}
	return isalist_has(list, "i");
}

/* Strings one after the other; libfdt would look for each from the first one on. */
static bool read_list(struct isalist *list, const void *fdt, int node)
{
	int length;
	const char *name = fdt_getprop(fdt, node, "riscv,isa-extensions", &length);
	const char *end = name + length;

	while (name < end) {
		const char *nul = memchr(name, '\0', (size_t)(end - name));

		if (nul == NULL)
			break;
		isalist_add(list, name, (size_t)(nul - name));
		name = nul + 1;
	}
	return tree_has_string(fdt, node, "riscv,isa-base", "rv64i") && isalist_has(list, "i");
}

bool isalist_read(struct isalist *list, const void *fdt, int node)
{
	const char *string;

	if (fdt_getprop(fdt, node, "riscv,isa-extensions", NULL) != NULL)
		return read_list(list, fdt, node);
	string = fdt_stringlist_get(fdt, node, "riscv,isa", 0, NULL);
	return string != NULL && parse_string(list, string);
}

static bool is_same_property(const void *fdt, int node, int other, const char *name)
{
	int length, other_length;
	const void *value = fdt_getprop(fdt, node, name, &length);
	const void *other_value = fdt_getprop(fdt, other, name, &other_length);

	if (value == NULL || other_value == NULL)
		return value == other_value;
	return length == other_length && memcmp(value, other_value, (size_t)length) == 0;
}

bool isalist_is_same(const void *fdt, int node, int other)
{
	return is_same_property(fdt, node, other, "riscv,isa-extensions") &&
	       is_same_property(fdt, node, other, "riscv,isa-base") &&
	       is_same_property(fdt, node, other, "riscv,isa");
}

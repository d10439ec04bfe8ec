/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the pointer to the device tree. Read-only after guest_boot(). */
#include "boot.h"
#include "check.h"
#include "csr.h"
#include "fdt.h"
#include "hart.h"
#include "print.h"
#include "sbi.h"

static const void *tree;
static u64 timebase;

void guest_boot(u64 hart_id, const void *blob);

/* From start.S: a0 and a1 as the loader left them. */
void guest_boot(u64 hart_id, const void *blob)
{
	hart_boot(hart_id);
	tree = blob;
	timebase = boot_timebase();
	print_boot();
	hart_probe();
	guest_main();
	check_done();
}

static const void *property(const char *path, const char *name, u32 *length)
{
	return tree ? fdt_property(tree, path, name, length) : NULL;
}

static const char *boot_arguments(void)
{
	u32 length;
	const char *value = property("chosen", "bootargs", &length);

	return value && length ? value : "";
}

/* The boot arguments' word that begins with the text, or NULL; *end is set past the word. */
static const char *word_find(const char *text, const char **end)
{
	const char *s = boot_arguments();
	size_t length = strlen(text);

	while (*s) {
		const char *word = s;

		while (*s && *s != ' ')
			s++;
		if ((size_t)(s - word) >= length && memcmp(word, text, length) == 0) {
			*end = s;
			return word;
		}
		while (*s == ' ')
			s++;
	}
	return NULL;
}

bool boot_has(const char *text)
{
	const char *s = boot_arguments();
	size_t length = strlen(text);

	while (*s) {
		const char *word = s;

		while (*s && *s != ' ')
			s++;
		if ((size_t)(s - word) == length && memcmp(word, text, length) == 0)
			return true;
		while (*s == ' ')
			s++;
	}
	return false;
}

u64 boot_number(const char *name, u64 otherwise)
{
	char text[32];
	const char *end, *word;
	u64 value = 0;

	format_to(text, sizeof(text), "%s=", name);
	word = word_find(text, &end);
	if (!word)
		return otherwise;
	for (word += strlen(text); word < end; word++) {
		if (*word < '0' || *word > '9')
			return otherwise;
		value = 10 * value + (u64)(*word - '0');
	}
	return value;
}

u64 boot_timebase(void)
{
	u32 length;
	const void *value;

	if (timebase)
		return timebase;
	value = property("cpus", "timebase-frequency", &length);
	/* QEMU virt's 10 MHz where nothing says otherwise. */
	return value && length == 4 ? fdt_cell(value, 0) : 10000000;
}

/* The nth pair of cells of the first memory node's reg: both machines use two cells for each. */
static u64 ram_pair(u32 n)
{
	u32 length;
	const void *value = property("memory", "reg", &length);

	if (!value || length < 16)
		return 0;
	return (u64)fdt_cell(value, 2 * n) << 32 | fdt_cell(value, 2 * n + 1);
}

u64 boot_ram_start(void)
{
	return ram_pair(0);
}

u64 boot_ram_end(void)
{
	return ram_pair(0) + ram_pair(1);
}

u64 boot_random(void)
{
	u32 length;
	const void *value = property("chosen", "rng-seed", &length);

	return value && length >= 8 ? (u64)fdt_cell(value, 0) << 32 | fdt_cell(value, 1) : 0;
}

u32 boot_cpu_cell(const char *name, u32 otherwise)
{
	u32 length;
	const void *value = property("cpus/cpu", name, &length);

	return value && length == 4 ? fdt_cell(value, 0) : otherwise;
}

static bool string_list_has(const char *list, u32 length, const char *text)
{
	for (u32 at = 0; at < length; at += (u32)strlen(list + at) + 1) {
		if (strcmp(list + at, text) == 0)
			return true;
	}
	return false;
}

/* Looks in "rv64imac_zicsr_sstc": single letters run together, the rest behind underscores. */
static bool isa_string_has(const char *isa, const char *text)
{
	size_t length = strlen(text);
	const char *s = isa + 4;

	if (length == 1) {
		for (; *s && *s != '_'; s++) {
			if (*s == *text)
				return true;
		}
		return false;
	}
	while (*s) {
		while (*s && *s != '_')
			s++;
		while (*s == '_')
			s++;
		if (memcmp(s, text, length) == 0 && (s[length] == 0 || s[length] == '_'))
			return true;
	}
	return false;
}

const char *boot_isa_names(u32 *length)
{
	return property("cpus/cpu", "riscv,isa-extensions", length);
}

bool boot_isa_has(const char *extension)
{
	u32 length;
	const char *value = property("cpus/cpu", "riscv,isa-extensions", &length);

	if (value)
		return string_list_has(value, length, extension);
	value = property("cpus/cpu", "riscv,isa", &length);
	return value && length > 4 && isa_string_has(value, extension);
}

void boot_run_groups(const struct boot_group *groups, size_t count)
{
	bool named = false;

	for (size_t i = 0; i < count; i++)
		named |= boot_has(groups[i].name);
	for (size_t i = 0; i < count; i++) {
		if (named ? boot_has(groups[i].name) : !groups[i].only_by_name)
			groups[i].run();
	}
}

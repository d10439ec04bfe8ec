/* SPDX-License-Identifier: BSD-2-Clause */
/* The ISA as harts' nodes tell it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/discover_sources.h"

static u64 blob[1024];

static int make_cpu(const char *string)
{
	int node;

	assert_int_equal(fdt_create_empty_tree(blob, sizeof(blob)), 0);
	node = fdt_add_subnode(blob, 0, "cpu@0");
	assert_true(node > 0);
	if (string != NULL)
		assert_int_equal(fdt_setprop_string(blob, node, "riscv,isa", string), 0);
	return node;
}

/* The names with a space behind each. */
static const char *joined(const struct isalist *list)
{
	static char text[ISALIST_SIZE + 1];

	memcpy(text, list->names, list->length + 1);
	for (unsigned i = 0; i < list->length; i++)
		text[i] = text[i] == '\0' ? ' ' : text[i];
	return text;
}

static void isa_strings_are_taken_apart(void **state)
{
	static const struct {
		const char *string;
		const char *names; /* NULL: refused */
	} cases[] = {
		{"rv64i", "i "},
		{"rv64imac", "i m a c "},
		{"RV64IMAC_Zicsr", "i m a c zicsr "},
		{"rv64gc", "i m a f d zicsr zifencei c "},
		{"rv64imafdch_zicbom_sstc", "i m a f d c h zicbom sstc "},
		{"rv64imafdcvhzba_svinval", "i m a f d c v h zba svinval "},
		{"rv64i2p1m2p0_a2p1_zicsr2p0_sm1p13", "i m a zicsr sm "},
		{"rv64i2m2_zicsr2", "i m zicsr "},
		{"rv64imafdcsu", "i m a f d c "},
		{"rv64imafdcsuh_sstc", "i m a f d c h sstc "},
		{"rv64i_ssu64xl_zvl128b_zve32x", "i ssu64xl zvl128b zve32x "},
		{"rv64imp_xacme9", "i m p xacme "},
		{"rv64ii_zicsr_zicsr", "i zicsr "},
		{"rv64i__m_", "i m "},
		{"rv64i_z!_\xc3\xa4", "i "},
		{"rv64i_2p0_zz2", "i zz "},
		{"rv64ma", NULL},
		{"rv32imac", NULL},
		{"rv6", NULL},
		{"", NULL},
		{NULL, NULL},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct isalist list;
		int node = make_cpu(cases[i].string);

		isalist_init(&list);
		assert_int_equal(isalist_read(&list, blob, node), cases[i].names != NULL);
		if (cases[i].names != NULL)
			assert_string_equal(joined(&list), cases[i].names);
	}
}

static void the_list_property_is_preferred(void **state)
{
	static const char names[] = "i\0m\0Zicsr\0\0h\0sstc";
	struct isalist list;
	int node = make_cpu("rv64gc");

	(void)state;
	assert_int_equal(fdt_setprop(blob, node, "riscv,isa-extensions", names, sizeof(names)), 0);
	assert_int_equal(fdt_setprop_string(blob, node, "riscv,isa-base", "rv64i"), 0);
	isalist_init(&list);
	assert_true(isalist_read(&list, blob, node));
	assert_string_equal(joined(&list), "i m zicsr h sstc ");
	assert_true(isalist_has(&list, "h"));
	assert_false(isalist_has(&list, "gc"));
	assert_false(isalist_has(&list, ""));
}

static void a_list_without_rv64i_is_refused(void **state)
{
	struct isalist list;
	int node = make_cpu("rv64gc");

	(void)state;
	assert_int_equal(fdt_setprop(blob, node, "riscv,isa-extensions", "i\0m", 4), 0);
	isalist_init(&list);
	assert_false(isalist_read(&list, blob, node));
	assert_int_equal(fdt_setprop_string(blob, node, "riscv,isa-base", "rv32i"), 0);
	isalist_init(&list);
	assert_false(isalist_read(&list, blob, node));
	/* No NUL at the end. */
	assert_int_equal(fdt_setprop(blob, node, "riscv,isa-extensions", "i\0m", 3), 0);
	isalist_init(&list);
	assert_false(isalist_read(&list, blob, node));
}

static void add(struct isalist *list, const char *names)
{
	isalist_init(list);
	for (const char *name = names; *name != '\0'; name += strlen(name) + 1)
		isalist_add(list, name, strlen(name));
}

static void intersections_keep_what_both_have(void **state)
{
	struct isalist one, other;

	(void)state;
	add(&one, "i\0m\0zba\0zbb\0sstc\0");
	add(&other, "zbb\0i\0zb\0m\0");
	isalist_intersect(&one, &other);
	assert_string_equal(joined(&one), "i m zbb ");
	assert_int_equal(one.names[one.length], '\0');
	isalist_remove(&one, "m");
	isalist_remove(&one, "nothing");
	assert_string_equal(joined(&one), "i zbb ");
	isalist_init(&other);
	isalist_intersect(&one, &other);
	assert_int_equal(one.length, 0);
	assert_int_equal(one.names[0], '\0');
}

static void a_full_list_takes_no_more(void **state)
{
	struct isalist list;
	char name[40];

	(void)state;
	isalist_init(&list);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "zfiller%dx", i);
		isalist_add(&list, name, strlen(name));
		assert_true(list.length < ISALIST_SIZE);
		assert_int_equal(list.names[list.length], '\0');
	}
	memset(name, 'z', sizeof(name));
	isalist_init(&list);
	isalist_add(&list, name, sizeof(name));
	assert_int_equal(list.length, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(isa_strings_are_taken_apart),
		cmocka_unit_test(the_list_property_is_preferred),
		cmocka_unit_test(a_list_without_rv64i_is_refused),
		cmocka_unit_test(intersections_keep_what_both_have),
		cmocka_unit_test(a_full_list_takes_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Which serial port becomes the console, where its registers are, and whose interrupt it has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/discover_tree.h"

#define PORT "/soc/serial@10000000"
#define PLIC "/soc/plic@c000000"

static void add_other_port(void)
{
	add("/soc", "serial@20000000");
	set_string("/soc/serial@20000000", "compatible", "test,other-port");
	SET("/soc/serial@20000000", "reg", 0x20000000, 0x1000);
}

static void stdout_path_decides(void **state)
{
	(void)state;
	add_other_port();
	set_string("/chosen", "stdout-path", "/soc/serial@20000000:115200n8");
	assert_int_equal(look(), STATUS_OK);
	assert_ptr_equal(found.uart.driver, &other_port);
	assert_int_equal(found.uart.base, 0x20000000);
	assert_int_equal(found.uart.interrupt, 0);
	assert_false(found.has_plic);
}

static void stdout_path_may_be_an_alias(void **state)
{
	(void)state;
	add_other_port();
	add("/", "aliases");
	set_string("/aliases", "serial3", "/soc/serial@20000000");
	set_string("/chosen", "stdout-path", "serial3:9600");
	assert_int_equal(look(), STATUS_OK);
	assert_int_equal(found.uart.base, 0x20000000);
}

static void an_alias_of_itself_leads_nowhere(void **state)
{
	(void)state;
	add("/", "aliases");
	set_string("/aliases", "serial3", "serial3");
	set_string("/chosen", "stdout-path", "serial3:115200");
	assert_int_equal(look(), STATUS_OK);
	assert_false(found.has_uart);
	assert_said("stdout-path leads to no port");
}

static void without_stdout_path_any_known_port_will_do(void **state)
{
	(void)state;
	remove_property("/chosen", "stdout-path");
	assert_int_equal(look(), STATUS_OK);
	assert_true(found.has_uart);
	assert_int_equal(found.uart.base, 0x10000000);
	set_string(PORT, "status", "disabled");
	assert_int_equal(look(), STATUS_OK);
	assert_false(found.has_uart);
}

static void no_other_port_replaces_the_one_of_stdout_path(void **state)
{
	static const char *const paths[] = {
		"/nowhere", "", ":", "serial9:115200", "/soc", "/soc/serial@20000000",
	};

	(void)state;
	add_other_port();
	set_string("/soc/serial@20000000", "compatible", "test,unknown");
	for (unsigned i = 0; i < ARRAY_SIZE(paths); i++) {
		set_string("/chosen", "stdout-path", paths[i]);
		assert_int_equal(look(), STATUS_OK);
		assert_false(found.has_uart);
		assert_false(found.has_plic);
		assert_said("stdout-path leads to no port that can be driven");
	}
}

static void registers_are_read(void **state)
{
	(void)state;
	SET(PORT, "reg-shift", 2);
	SET(PORT, "reg-io-width", 4);
	SET(PORT, "reg-offset", 0x40);
	SET(PORT, "clock-frequency", 0, 1843200);
	SET(PORT, "current-speed", 115200);
	assert_int_equal(look(), STATUS_OK);
	assert_int_equal(found.uart.base, 0x10000040);
	assert_int_equal(found.uart.size, 0xc0);
	assert_int_equal(found.uart.reg_shift, 2);
	assert_int_equal(found.uart.reg_width, 4);
	assert_int_equal(found.uart.clock_hz, 1843200);
	assert_int_equal(found.uart.speed, 115200);
}

static void registers_that_cannot_be_are_refused(void **state)
{
	static const struct {
		const char *name;
		u32 bad, good;
	} cases[] = {
		{"reg-io-width", 8, 1}, {"reg-io-width", 3, 1},	    {"reg-io-width", 2, 1},
		{"reg-shift", 13, 0},	{"reg-shift", 1u << 31, 0}, {"reg-offset", 0x100, 0},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		SET(PORT, cases[i].name, cases[i].bad);
		assert_int_equal(look(), STATUS_OK);
		assert_false(found.has_uart);
		assert_said(PORT ": its registers cannot be used");
		SET(PORT, cases[i].name, cases[i].good);
	}
	/* In the page of null pointers. */
	SET(PORT, "reg", 0x800, 0x100);
	assert_int_equal(look(), STATUS_OK);
	assert_false(found.has_uart);
}

static void registers_must_lie_within_reg(void **state)
{
	static const struct {
		u32 base, size, shift, width;
		bool fits;
	} cases[] = {
		{0x10000000, 0x08, 0, 1, true},
		{0x10000000, 0x1d, 2, 1, true},
		{0x10000000, 0x1c, 2, 1, false},
		{0x10000000, 0x20, 2, 4, true},
		{0x10000000, 0x1f, 2, 4, false},
		{0x10000000, 0x10, 2, 1, false},
		{0x10000ff0, 0x10, 2, 1, false},
		{0x10000000, 0x100, 12, 1, false},
		{0x10000000, 0x7001, 12, 1, true},
		/* A size that means "here": plain registers, unless they leave the page. */
		{0x10000000, 0x01, 0, 1, true},
		{0x10000ff8, 0x01, 0, 1, true},
		{0x10000ff9, 0x01, 0, 1, false},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		SET(PORT, "reg", cases[i].base, cases[i].size);
		SET(PORT, "reg-shift", cases[i].shift);
		SET(PORT, "reg-io-width", cases[i].width);
		assert_int_equal(look(), STATUS_OK);
		assert_int_equal(found.has_uart, cases[i].fits);
		if (!cases[i].fits)
			assert_said(PORT ": its registers cannot be used");
	}
}

static void buses_translate(void **state)
{
	(void)state;
	add("/soc", "bus");
	SET("/soc/bus", "#address-cells", 2);
	SET("/soc/bus", "#size-cells", 1);
	SET("/soc/bus", "ranges", 1, 0, 0x30000000, 0x1000, 2, 0, 0x40000000, 0x10000);
	add("/soc/bus", "serial@2,100");
	set_string("/soc/bus/serial@2,100", "compatible", "test,port");
	SET("/soc/bus/serial@2,100", "reg", 2, 0x100, 0x100);
	set_string("/chosen", "stdout-path", "/soc/bus/serial@2,100");
	assert_int_equal(look(), STATUS_OK);
	assert_int_equal(found.uart.base, 0x40000100);
	/* It reaches beyond what the bus passes on. */
	SET("/soc/bus/serial@2,100", "reg", 2, 0xff80, 0x100);
	assert_int_equal(look(), STATUS_OK);
	assert_false(found.has_uart);
	/* A bus without ranges passes on nothing. */
	SET("/soc/bus/serial@2,100", "reg", 2, 0x100, 0x100);
	remove_property("/soc/bus", "ranges");
	assert_int_equal(look(), STATUS_OK);
	assert_false(found.has_uart);
}

static void interrupts_extended_names_its_controller(void **state)
{
	(void)state;
	remove_property("/soc", "interrupt-parent");
	remove_property(PORT, "interrupts");
	SET(PORT, "interrupts-extended", 20, 33);
	assert_int_equal(look(), STATUS_OK);
	assert_true(found.has_plic);
	assert_int_equal(found.uart.interrupt, 33);
}

static void assert_polled(void)
{
	assert_int_equal(look(), STATUS_OK);
	assert_true(found.has_uart);
	assert_false(found.has_plic);
	assert_int_equal(found.uart.interrupt, 0);
}

static void a_port_without_usable_interrupt_is_polled(void **state)
{
	(void)state;
	SET(PORT, "interrupts", 51);
	assert_polled();
	SET(PORT, "interrupts", 0);
	assert_polled();
	remove_property(PORT, "interrupts");
	assert_polled();
	SET(PORT, "interrupts", 7);
	set_string(PLIC, "compatible", "riscv,aplic");
	assert_polled();
	set_string(PLIC, "compatible", "riscv,plic0");
	SET(PLIC, "reg", 0xc000000, 0x200000);
	assert_polled();
	SET("/soc", "interrupt-parent", 99);
	assert_polled();
}

static void contexts_are_those_of_s_mode_within_the_registers(void **state)
{
	(void)state;
	/* Contexts 0 and 1 fit, 2 and 3 do not. */
	SET(PLIC, "reg", 0xc000000, 0x202000);
	assert_int_equal(look(), STATUS_OK);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(found.harts[i].plic_context, found.harts[i].id == 0 ? 1 : -1);
	SET(PLIC, "interrupts-extended", 0, 9, 10, 0xffffffff, 12, 9, 10);
	assert_int_equal(look(), STATUS_OK);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(found.harts[i].plic_context, -1);
}

/* Addresses of no cells above a bus that has some: ranges have entries of no length. */
static void a_bus_without_addresses_passes_on_nothing(void **state)
{
	(void)state;
	add("/soc", "bus");
	SET("/soc/bus", "#address-cells", 1);
	SET("/soc/bus", "#size-cells", 1);
	assert_int_equal(fdt_setprop(tree, at("/soc/bus"), "ranges", NULL, 0), 0);
	add("/soc/bus", "serial");
	set_string("/soc/bus/serial", "compatible", "test,other-port");
	SET("/soc/bus/serial", "reg", 0x20000000, 0x100);
	set_string("/chosen", "stdout-path", "/soc/bus/serial");
	SET("/soc", "#address-cells", 0);
	SET("/soc", "#size-cells", 0);
	SET("/soc", "ranges", 0);
	SET("/", "#address-cells", 0);
	assert_int_not_equal(look(), STATUS_OK); /* nor is there RAM */
	assert_false(found.has_uart);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(stdout_path_decides),
		TEST(stdout_path_may_be_an_alias),
		TEST(an_alias_of_itself_leads_nowhere),
		TEST(without_stdout_path_any_known_port_will_do),
		TEST(no_other_port_replaces_the_one_of_stdout_path),
		TEST(registers_are_read),
		TEST(registers_that_cannot_be_are_refused),
		TEST(registers_must_lie_within_reg),
		TEST(buses_translate),
		TEST(a_bus_without_addresses_passes_on_nothing),
		TEST(interrupts_extended_names_its_controller),
		TEST(a_port_without_usable_interrupt_is_polled),
		TEST(contexts_are_those_of_s_mode_within_the_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

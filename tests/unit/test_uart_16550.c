/* SPDX-License-Identifier: BSD-2-Clause */
/* The 16550 driver on registers that remember which of them was read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "platform/mmio.h"
#include "tests/fake/fake_hw.h"

static u32 line_status; /* LSR, of which a read clears the overrun */
static bool usr_was_read;

static u8 fake_read8(u64 address);
#define mmio_read8(address)	     fake_read8(address)
#define mmio_read16(address)	     fake_read8(address)
#define mmio_read32(address)	     fake_read8(address)
#define mmio_write8(address, value)  ((void)(address), (void)(value))
#define mmio_write16(address, value) ((void)(address), (void)(value))
#define mmio_write32(address, value) ((void)(address), (void)(value))

#include "platform/uart_16550.c"

static u32 interrupt_id;

static u8 fake_read8(u64 address)
{
	u8 value = (u8)line_status;

	if (address == USR)
		usr_was_read = true;
	if (address == IIR)
		return (u8)interrupt_id;
	if (address != LSR)
		return 0;
	line_status &= ~(u32)LSR_OVERRUN;
	return value;
}

static int set_up(void **state)
{
	(void)state;
	fake_start(NULL);
	line_status = LSR_ROOM | LSR_IDLE;
	interrupt_id = IIR_NONE;
	usr_was_read = false;
	return 0;
}

static void an_overrun_is_noted_by_whoever_reads_the_status(void **state)
{
	struct uart uart = {.size = 8, .reg_width = 1};
	char byte = 'x';

	(void)state;
	line_status |= LSR_OVERRUN;
	uart_16550.init(&uart);
	assert_false(uart.overran);
	uart_16550.read(&uart, &byte, 1);
	assert_false(uart.overran);

	line_status |= LSR_OVERRUN;
	assert_true(uart_16550.can_write(&uart));
	assert_true(uart.overran);
	/* It stays until the console has told it. */
	uart_16550.read(&uart, &byte, 1);
	assert_true(uart.overran);

	uart.overran = false;
	line_status |= LSR_OVERRUN;
	uart_16550.write(&uart, &byte, 1);
	assert_true(uart.overran);

	uart.overran = false;
	line_status |= LSR_OVERRUN;
	interrupt_id = IIR_TIMEOUT;
	uart_16550.acknowledge(&uart);
	assert_true(uart.overran);
}

static void registers_behind_the_16550s_are_read_where_there_are_some(void **state)
{
	struct uart uart = {.size = 8, .reg_width = 1};

	(void)state;
	uart_designware.init(&uart);
	interrupt_id = IIR_BUSY;
	uart_designware.acknowledge(&uart);
	assert_false(usr_was_read);
	uart.size = 32;
	interrupt_id = IIR_NONE;
	uart_designware.init(&uart);
	interrupt_id = IIR_BUSY;
	uart_designware.acknowledge(&uart);
	assert_true(usr_was_read);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_overrun_is_noted_by_whoever_reads_the_status, set_up),
		cmocka_unit_test_setup(registers_behind_the_16550s_are_read_where_there_are_some,
				       set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

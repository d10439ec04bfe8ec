/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bus with the virtual PLIC and UART, against models of both: accesses of any width anywhere,
 * wires that change, bytes that come and room for those that go. The UART's interrupt is wired to
 * the PLIC as in a VM. Several vCPUs are several contexts; which hart executes an access makes no
 * difference to a device but through its locks.
 */
#include "hyp/dev/vplic.h"
#include "hyp/dev/vuart.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/plic_model.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/uart_model.h"

#define STEP_MAX 2000

static struct input input;

static struct {
	struct bus bus;
	struct vplic plic;
	struct vuart uart;
	bool external[VPLIC_HART_MAX]; /* as reported */
	bool uart_irq;
	size_t room;
	u8 out[4096];
	unsigned out_count;
	unsigned readies;
} real;

static unsigned last_claimed;
static struct plic_model plic;
static struct uart_model uart;

/* ------------------------------------------------------------------------------------------------
 * What the devices are connected to.
 */

static void set_external(void *owner, unsigned hart, bool level)
{
	REQUIRE(owner == &real && hart < plic.hart_count);
	/* Changes only, and nobody comes in between. */
	REQUIRE(real.external[hart] != level);
	REQUIRE(real.plic.lock.next != real.plic.lock.serving);
	real.external[hart] = level;
}

static size_t transmit(void *owner, const u8 *bytes, size_t length)
{
	size_t taken = min_u64(length, real.room);

	REQUIRE(owner == &real && length > 0 && length <= VUART_FIFO_SIZE);
	for (size_t i = 0; i < taken && real.out_count < sizeof(real.out); i++)
		real.out[real.out_count++] = bytes[i];
	real.room -= taken;
	return taken;
}

static void set_irq(void *owner, bool level)
{
	REQUIRE(owner == &real && real.uart_irq != level);
	REQUIRE(real.uart.lock.next != real.uart.lock.serving);
	real.uart_irq = level;
	vplic_set_level(&real.plic, VUART_SOURCE, level);
}

static void receive_ready(void *owner)
{
	REQUIRE(owner == &real);
	real.readies++;
}

/* ------------------------------------------------------------------------------------------------
 * Checks.
 */

/* The UART's wire follows from its registers, and from that what the PLIC sees. The order matters:
 * a wire that moves twice requests once. */
static void settle(void)
{
	uart_model_settle(&uart);
	bool irq = uart_model_iir(&uart) != 1;

	if (irq != plic.line[VUART_SOURCE])
		plic_model_set_line(&plic, VUART_SOURCE, irq);
	REQUIRE_EQUAL(real.uart_irq, irq);
	REQUIRE_EQUAL(real.readies, uart.readies);
	REQUIRE_EQUAL(real.room, uart.room);
	for (unsigned i = 0; i < plic.hart_count; i++)
		REQUIRE_EQUAL(real.external[i], plic_model_notifies(&plic, i));
}

static bool is_natural(u64 address, unsigned width)
{
	return (width == 1 || width == 2 || width == 4 || width == 8) && address % width == 0;
}

static bool in_plic(u64 address)
{
	return address - VPLIC_BASE < VPLIC_SIZE;
}

static bool in_uart(u64 address)
{
	return address - VUART_BASE < VUART_SIZE;
}

static bool is_taken(u64 address, unsigned width)
{
	return is_natural(address, width) && ((in_plic(address) && width == 4) || in_uart(address));
}

static void read_one(u64 address, unsigned width)
{
	u64 value = 0x5a5a5a5a5a5a5a5a;
	bool taken = bus_read(&real.bus, gpa(address), width, &value);

	REQUIRE_EQUAL(taken, is_taken(address, width));
	if (!taken)
		return;
	if (in_plic(address))
		REQUIRE_EQUAL(value, plic_model_read(&plic, address - VPLIC_BASE));
	else
		REQUIRE_EQUAL(value, uart_model_read(&uart, address - VUART_BASE));
}

static void write_one(u64 address, unsigned width, u64 value)
{
	bool taken = bus_write(&real.bus, gpa(address), width, value);

	REQUIRE_EQUAL(taken, is_taken(address, width));
	if (!taken)
		return;
	if (in_plic(address))
		plic_model_write(&plic, address - VPLIC_BASE, (u32)value);
	else
		uart_model_write(&uart, address - VUART_BASE, (u8)value);
}

/* ------------------------------------------------------------------------------------------------
 * Steps.
 */

static u64 any_address(u8 how)
{
	u64 low = input_u8(&input);
	u64 hart = low % 2 ? low % (plic.hart_count + 1) : low / 2 % plic.hart_count;

	switch (how) {
	case 0: /* priorities, around the last too */
		return VPLIC_BASE + 4 * low;
	case 1:
		return VPLIC_BASE + 0x1000 + 4 * (low % 40);
	case 2: /* enables */
		return VPLIC_BASE + 0x2080 + 0x100 * hart + 4 * (low / 4 % 5);
	case 3: /* threshold and claim */
	case 4:
		return VPLIC_BASE + 0x201000 + 0x2000 * hart + 4 * (low / 64 % 3);
	case 5:
		return VPLIC_BASE + input_u32(&input) % (2 * VPLIC_SIZE);
	case 6:
		return VUART_BASE + low;
	case 7:
		return input_u64(&input);
	default:
		return VUART_BASE + low % 8;
	}
}

static unsigned any_width(u64 address, u8 how)
{
	static const unsigned odd[] = {1, 2, 4, 8, 0, 3, 16, 5};

	if (how & 1)
		return odd[input_u8(&input) % ARRAY_SIZE(odd)];
	return in_plic(address) ? 4 : 1;
}

static void feed(u8 how)
{
	u8 bytes[32];
	unsigned length = how % sizeof(bytes);

	input_bytes(&input, bytes, length);
	unsigned taken = (unsigned)vuart_receive(&real.uart, bytes, length);

	REQUIRE_EQUAL(taken, uart_model_receive(&uart, bytes, length));
}

static void take(u8 how)
{
	u8 bytes[20];
	size_t taken = vuart_take(&real.uart, bytes, how % sizeof(bytes));

	for (size_t i = 0; i < taken; i++) {
		REQUIRE(uart.rbr_count > 0 && !uart_model_loops(&uart));
		REQUIRE_EQUAL(bytes[i], uart_model_pop(uart.rbr, &uart.rbr_count));
	}
	REQUIRE(taken == how % sizeof(bytes) || uart.rbr_count == 0 || uart_model_loops(&uart));
}

static void give_room(u8 how)
{
	real.room = uart.room = how % 64;
	vuart_output_ready(&real.uart);
	uart_model_send(&uart);
}

/* As a VM's reset does: the UART first. */
static void reset(void)
{
	vuart_reset(&real.uart);
	uart_model_reset(&uart);
	settle();
	vplic_reset(&real.plic);
	plic_model_reset(&plic);
}

/* What drivers write, most of the time; or anything. */
static u64 any_value(u8 how)
{
	static const u8 usual[] = {0x00, 0x01, 0x07, 0xc1, 0x0f, 0x13, 0x80, 0xff};

	return how < ARRAY_SIZE(usual) ? usual[how] : input_u8(&input);
}

static void access_anything(u8 how)
{
	u64 address = any_address(how % 8);
	u8 more = input_u8(&input);
	unsigned width = any_width(address, more);

	if (more & 2)
		read_one(address, width);
	else
		write_one(address, width, more & 4 ? input_u64(&input) : any_value(more >> 4));
}

static u64 hart_registers(void)
{
	return VPLIC_BASE + 0x201000 + 0x2000 * (input_u8(&input) % plic.hart_count);
}

/* Few sources often rather than all seldom. */
static unsigned any_source(u8 how)
{
	return how < 12 ? 1 + how % 6 : 1 + input_u8(&input) % VPLIC_SOURCE_COUNT;
}

static void use_plic(u8 how)
{
	u8 value;

	switch (how) {
	case 0: /* which is enabled for whom; 6 bits, or all */
	case 1:
	case 2:
		value = input_u8(&input);
		write_one(VPLIC_BASE + 0x2080 + 0x100 * (input_u8(&input) % plic.hart_count) +
				  (value & 3) % 3 * 4,
			  4, value == 0xff ? ~0ULL : value);
		break;
	case 3:
	case 4:
	case 5:
		value = input_u8(&input);
		write_one(VPLIC_BASE + 4 * any_source(value & 15), 4, value >> 4);
		break;
	case 6:
		write_one(hart_registers(), 4, input_u8(&input));
		break;
	case 7:
	case 8: /* completes what need not have been claimed */
		write_one(hart_registers() + 4, 4, any_source(how));
		break;
	default:
		last_claimed = plic_model_best(&plic, 0);
		read_one(hart_registers() + 4, 4);
		break;
	}
}

static void set_line(u8 how)
{
	unsigned source = any_source(how % 8 + (how & 7) / 7 * 8);
	bool level = input_u8(&input) & 1;

	if (source == VUART_SOURCE)
		return;
	vplic_set_level(&real.plic, source, level);
	plic_model_set_line(&plic, source, level);
}

static void other(u8 how)
{
	if (how < 4)
		feed(input_u8(&input));
	else if (how < 6)
		take(input_u8(&input));
	else if (how < 10)
		give_room(input_u8(&input));
	else if (how == 15)
		reset();
	else if (how == 14) /* another hart does what comes next */
		fake_set_hart(input_u8(&input) % hw_machine()->hart_count);
	else
		write_one(hart_registers() + 4, 4, last_claimed);
}

static void step(void)
{
	u8 what = input_u8(&input), how = what >> 4;

	switch (what % 8) {
	case 0:
	case 1:
		read_one(VUART_BASE + how % 8, 1);
		break;
	case 2:
	case 3:
		write_one(VUART_BASE + how % 8, 1, any_value(input_u8(&input) % 16));
		break;
	case 4:
		use_plic(how);
		break;
	case 5:
		set_line(how);
		break;
	case 6:
		access_anything(how);
		break;
	default:
		other(how);
		break;
	}
	settle();
}

static void set_up(void)
{
	static const struct vuart_ops ops = {transmit, set_irq, receive_ready};
	static const u8 hart_counts[] = {1, 2, 4, VPLIC_HART_MAX};
	static bool started;
	unsigned hart_count = hart_counts[input_u8(&input) % ARRAY_SIZE(hart_counts)];

	if (!started)
		fake_start(NULL);
	started = true;
	fake_set_hart(0);
	memset(&real, 0xa5, sizeof(real));
	memset(real.external, 0, sizeof(real.external));
	real.uart_irq = false;
	real.room = SIZE_MAX;
	real.out_count = real.readies = last_claimed = 0;
	real.bus = (struct bus){.count = 0};
	vplic_init(&real.plic, hart_count, set_external, &real);
	vuart_init(&real.uart, &ops, &real);
	REQUIRE(bus_add(&real.bus, &real.plic.device) == STATUS_OK);
	REQUIRE(bus_add(&real.bus, &real.uart.device) == STATUS_OK);
	memset(&plic, 0, sizeof(plic));
	plic.hart_count = hart_count;
	memset(&uart, 0, sizeof(uart));
	uart_model_reset(&uart);
	uart.room = SIZE_MAX;
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	input = (struct input){bytes, size};
	set_up();
	for (unsigned i = 0; input.left && i < STEP_MAX; i++)
		step();
	REQUIRE_EQUAL(real.out_count, uart.out_count);
	REQUIRE(memcmp(real.out, uart.out, real.out_count) == 0);
	return 0;
}

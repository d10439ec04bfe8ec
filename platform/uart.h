/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the console needs of a serial port. A new port is a file that defines a struct uart_driver,
 * and a line in uart_drivers (console.c).
 */
#pragma once

#include "hyp/types.h"

struct uart_driver;

/* A port as the device tree describes it. */
struct uart {
	const struct uart_driver *driver;
	u64 base; /* with reg-offset added */
	u64 size;
	unsigned reg_shift;   /* registers lie 1 << reg_shift bytes apart */
	unsigned reg_width;   /* bytes of one access: 1, 2 or 4 */
	u64 clock_hz;	      /* 0 if unknown */
	u32 speed;	      /* baud; 0: as the firmware left it */
	u32 interrupt;	      /* source number at the PLIC, 0 for none */
	unsigned fifo_size;   /* the driver's: bytes that fit when it is empty */
	bool has_busy_detect; /* the driver's: a DesignWare port */
	bool overran;	      /* the driver's: input was lost; the console clears it */
};

/* The caller makes sure that one hart at a time is in a driver. Nothing waits. */
struct uart_driver {
	const char *const *compatible; /* NULL-terminated; NULL if no tree describes it */
	unsigned register_count;       /* how many the driver cannot do without */

	/* Leaves the port ready in both directions with its interrupts off. */
	void (*init)(struct uart *uart);
	/* Take or give as many bytes as possible at once; return how many. */
	size_t (*write)(struct uart *uart, const char *bytes, size_t length);
	size_t (*read)(struct uart *uart, char *bytes, size_t length);
	bool (*can_write)(struct uart *uart);
	/* Interrupts while there is input, while there is room. */
	void (*set_interrupts)(struct uart *uart, bool input, bool room);
	/* Clears what reading and writing bytes does not clear. */
	void (*acknowledge)(struct uart *uart);
};

extern const struct uart_driver uart_16550;
extern const struct uart_driver uart_designware;
extern const struct uart_driver uart_sifive;
extern const struct uart_driver uart_sbi;

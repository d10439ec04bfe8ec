/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtual 16550A with 16-byte FIFOs, reg-shift 0, on 8 bytes of address space padded to a page
 * of 256 bytes as on QEMU virt.
 *
 * The line has no speed: a byte written is sent when the other end takes it, a byte received is
 * there at once, and the divisor and the frame format are just remembered.
 */
#pragma once

#include "hyp/dev/device.h"
#include "hyp/dev/vuart_fifo.h"
#include "hyp/lock.h"

#define VUART_BASE     0x10000000ULL
#define VUART_SIZE     0x100ULL
#define VUART_CLOCK_HZ 3686400
#define VUART_SOURCE   10

/* How the UART reaches the world. All are called with the UART's lock held: they may take locks
 * that rank below LOCK_DEVICE (the PLIC's, the console's), and must not call the UART back. */
struct vuart_ops {
	/* Takes up to length bytes that the guest sent, returns how many. A short count makes the
	 * UART hold the rest until vuart_output_ready(). */
	size_t (*transmit)(void *owner, const u8 *bytes, size_t length);
	/* The interrupt wire changed. */
	void (*set_irq)(void *owner, bool level);
	/* vuart_receive() took less than it was offered, and now there is room again: offer the
	 * rest, but only after the call into the UART that led here has returned. */
	void (*receive_ready)(void *owner);
};

struct vuart {
	struct device device; /* first: the bus sees only this */
	struct lock lock;     /* guards all below; lsr and scr may be read without it */
	struct vuart_fifo receive;
	struct vuart_fifo transmit;
	u8 ier, fcr, lcr, mcr, lsr, msr, scr;
	u8 divisor_low, divisor_high;
	bool transmit_empty_pending; /* the interrupt of that name; reading IIR takes it back */
	bool input_refused;	     /* receive_ready() is owed */
	bool irq;		     /* the level last reported */

	const struct vuart_ops *ops;
	void *owner;
};

/* A UART out of reset at VUART_BASE. ops stays in use. */
void vuart_init(struct vuart *uart, const struct vuart_ops *ops, void *owner);

/* As the reset pin would: registers to their defaults, both FIFOs emptied, the interrupt wire low.
 * Takes LOCK_DEVICE. May call set_irq and receive_ready. */
void vuart_reset(struct vuart *uart);

/* Bytes for the guest. Returns how many it took; the caller keeps the rest until receive_ready().
 * Takes LOCK_DEVICE. */
size_t vuart_receive(struct vuart *uart, const u8 *bytes, size_t length);

/* After transmit() took less than it was offered: it would take more now. Takes LOCK_DEVICE, so the
 * caller holds no lock of that rank or below. */
void vuart_output_ready(struct vuart *uart);

/* Takes received bytes out again that the guest has not read, oldest first, for the SBI's debug
 * console, which shares the line; returns how many. None in loopback, where they are the guest's
 * own. Takes LOCK_DEVICE. May call receive_ready. */
size_t vuart_take(struct vuart *uart, u8 *bytes, size_t length);

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A 16550A after the data sheet, with what hyp/dev/vuart.c says it does otherwise: no character
 * clock, and lines that never stand still. Names are the data sheet's.
 */
#pragma once

#include <string.h>

#include "hyp/types.h"

#define UART_MODEL_FIFO 16

struct uart_model {
	u8 rbr[UART_MODEL_FIFO], thr[UART_MODEL_FIFO];
	unsigned rbr_count, thr_count;
	u8 ier, fcr, lcr, mcr, scr, dll, dlm;
	u8 msr; /* deltas included */
	bool overrun, thre_interrupt;
	bool refused;	  /* input waits outside */
	unsigned readies; /* times it asked for that */
	size_t room;	  /* outside, for output */
	u8 out[4096];	  /* what went there */
	unsigned out_count;
};

static inline bool uart_model_loops(const struct uart_model *uart)
{
	return uart->mcr & 0x10;
}

static inline unsigned uart_model_capacity(const struct uart_model *uart)
{
	return uart->fcr & 1 ? UART_MODEL_FIFO : 1;
}

static inline u8 uart_model_pop(u8 *bytes, unsigned *count)
{
	u8 first = bytes[0];

	(*count)--;
	memmove(bytes, bytes + 1, *count);
	return first;
}

static inline u8 uart_model_lines(u8 mcr)
{
	if (!(mcr & 0x10))
		return 0xb0; /* CTS, DSR, DCD */
	return (u8)((mcr & 2) << 3 | (mcr & 1) << 5 | (mcr & 4) << 4 | (mcr & 8) << 4);
}

/* Table of "Interrupt Control Functions". */
static inline u8 uart_model_iir(const struct uart_model *uart)
{
	static const u8 triggers[] = {1, 4, 8, 14};
	unsigned trigger = uart->fcr & 1 ? triggers[uart->fcr >> 6] : 1;

	if ((uart->ier & 4) && uart->overrun)
		return 6;
	if ((uart->ier & 1) && uart->rbr_count)
		return uart->rbr_count >= trigger ? 4 : 12;
	if ((uart->ier & 2) && uart->thre_interrupt)
		return 2;
	if ((uart->ier & 8) && (uart->msr & 15))
		return 0;
	return 1;
}

static inline void uart_model_loop_back(struct uart_model *uart)
{
	while (uart->thr_count) {
		u8 byte = uart_model_pop(uart->thr, &uart->thr_count);

		if (uart->rbr_count < uart_model_capacity(uart)) {
			uart->rbr[uart->rbr_count++] = byte;
			continue;
		}
		uart->overrun = true;
		if (!(uart->fcr & 1))
			uart->rbr[0] = byte;
	}
}

static inline void uart_model_send(struct uart_model *uart)
{
	if (uart->thr_count == 0)
		return;
	if (uart_model_loops(uart))
		uart_model_loop_back(uart);
	while (uart->thr_count && uart->room) {
		u8 byte = uart_model_pop(uart->thr, &uart->thr_count);

		if (uart->out_count < sizeof(uart->out))
			uart->out[uart->out_count++] = byte;
		uart->room--;
	}
	if (uart->thr_count == 0)
		uart->thre_interrupt = true;
}

/* After anything that happened. */
static inline void uart_model_settle(struct uart_model *uart)
{
	if (uart->refused && uart->rbr_count == 0 && !uart_model_loops(uart)) {
		uart->refused = false;
		uart->readies++;
	}
}

static inline u8 uart_model_lsr(const struct uart_model *uart)
{
	return (u8)((uart->rbr_count ? 1 : 0) | (uart->overrun ? 2 : 0) |
		    (uart->thr_count ? 0 : 0x60));
}

static inline u8 uart_model_read(struct uart_model *uart, u64 offset)
{
	bool divisor = uart->lcr & 0x80;
	u8 value = 0;

	switch (offset) {
	case 0:
		if (divisor)
			return uart->dll;
		return uart->rbr_count ? uart_model_pop(uart->rbr, &uart->rbr_count) : 0;
	case 1:
		return divisor ? uart->dlm : uart->ier;
	case 2:
		value = uart_model_iir(uart);
		if (value == 2)
			uart->thre_interrupt = false;
		return (u8)(value | (uart->fcr & 1 ? 0xc0 : 0));
	case 3:
		return uart->lcr;
	case 4:
		return uart->mcr;
	case 5:
		value = uart_model_lsr(uart);
		uart->overrun = false;
		return value;
	case 6:
		value = uart->msr;
		uart->msr &= 0xf0;
		return value;
	case 7:
		return uart->scr;
	}
	return 0;
}

static inline void uart_model_write_fcr(struct uart_model *uart, u8 value)
{
	bool switched = (uart->fcr ^ value) & 1;

	uart->fcr = value & 1 ? value & 0xc1 : 0;
	if (switched || (value & 3) == 3)
		uart->rbr_count = 0;
	if (switched || (value & 5) == 5) {
		uart->thre_interrupt |= uart->thr_count != 0;
		uart->thr_count = 0;
	}
}

static inline void uart_model_write_mcr(struct uart_model *uart, u8 value)
{
	u8 before = uart->msr & 0xf0, after = uart_model_lines(value & 0x1f);
	u8 changed = before ^ after;

	/* The delta of RI tells only that ringing ended. */
	if (after & 0x40)
		changed &= 0xbf;
	uart->mcr = value & 0x1f;
	uart->msr = (u8)(after | (uart->msr & 15) | changed >> 4);
	uart_model_send(uart);
}

static inline void uart_model_write(struct uart_model *uart, u64 offset, u8 value)
{
	bool divisor = uart->lcr & 0x80;

	if (offset == 0 && divisor) {
		uart->dll = value;
	} else if (offset == 1 && divisor) {
		uart->dlm = value;
	} else if (offset == 0) {
		uart->thre_interrupt = false;
		if (uart->thr_count < UART_MODEL_FIFO)
			uart->thr[uart->thr_count++] = value;
		uart_model_send(uart);
	} else if (offset == 1) {
		if (value & ~uart->ier & 2)
			uart->thre_interrupt = uart->thr_count == 0;
		uart->ier = value & 15;
	} else if (offset == 2) {
		uart_model_write_fcr(uart, value);
	} else if (offset == 3) {
		uart->lcr = value;
	} else if (offset == 4) {
		uart_model_write_mcr(uart, value);
	} else if (offset == 7) {
		uart->scr = value;
	}
}

/* Returns how many it took. */
static inline unsigned uart_model_receive(struct uart_model *uart, const u8 *bytes, unsigned length)
{
	unsigned taken = 0;

	while (!uart_model_loops(uart) && taken < length &&
	       uart->rbr_count < uart_model_capacity(uart))
		uart->rbr[uart->rbr_count++] = bytes[taken++];
	uart->refused |= taken < length;
	return taken;
}

static inline void uart_model_reset(struct uart_model *uart)
{
	uart->rbr_count = uart->thr_count = 0;
	uart->ier = uart->fcr = uart->lcr = uart->mcr = uart->scr = uart->dll = uart->dlm = 0;
	uart->msr = uart_model_lines(0);
	uart->overrun = uart->thre_interrupt = false;
}

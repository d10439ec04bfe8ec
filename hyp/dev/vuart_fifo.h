/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One FIFO of the virtual 16550A: the only code that turns an index into one of its bytes. Guarded
 * by the UART's lock.
 */
#pragma once

#include "hyp/types.h"

#define VUART_FIFO_SIZE 16

struct vuart_fifo {
	u8 bytes[VUART_FIFO_SIZE];
	u8 head; /* where the oldest byte is */
	u8 count;
};

static inline void vuart_fifo_clear(struct vuart_fifo *fifo)
{
	fifo->head = 0;
	fifo->count = 0;
}

/* Drops the byte if there is no room. */
static inline void vuart_fifo_push(struct vuart_fifo *fifo, u8 byte)
{
	if (fifo->count == VUART_FIFO_SIZE)
		return;
	fifo->bytes[(fifo->head + fifo->count) % VUART_FIFO_SIZE] = byte;
	fifo->count++;
}

/* The oldest bytes as far as they lie side by side. Returns how many; 0 if it is empty. */
static inline size_t vuart_fifo_front(const struct vuart_fifo *fifo, const u8 **bytes)
{
	*bytes = &fifo->bytes[fifo->head];
	return min_u64(fifo->count, VUART_FIFO_SIZE - fifo->head);
}

/* Drops the oldest bytes, of which there are at least so many. */
static inline void vuart_fifo_drop(struct vuart_fifo *fifo, size_t count)
{
	fifo->head = (u8)((fifo->head + count) % VUART_FIFO_SIZE);
	fifo->count = (u8)(fifo->count - count);
}

/* False: empty. */
static inline bool vuart_fifo_pop(struct vuart_fifo *fifo, u8 *byte)
{
	if (fifo->count == 0)
		return false;
	*byte = fifo->bytes[fifo->head];
	vuart_fifo_drop(fifo, 1);
	return true;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The operator's line, inside platform/. What hyp/ sees of it is in hyp/hw.h. */
#pragma once

#include "hyp/types.h"
#include "platform/uart.h"

/* All ports that a device tree can name, NULL last. */
extern const struct uart_driver *const uart_drivers[];

/* Moves the console from the firmware's to that port. */
void console_use(const struct uart *uart);

/* The port's interrupt reaches some hart, which will call console_serve_interrupt(). */
void console_use_interrupt(void);
void console_serve_interrupt(void);

/* Looks at the port by itself if it must be polled. */
void console_poll(void);

/* For the last words: from now on the lock that a stopped hart may hold is ignored. */
void console_break_lock(void);

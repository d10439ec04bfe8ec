/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines to COM1, which the emulator writes to a file of its own: port 0xE9 would go to the
 * terminal, between what the emulator's display and its debugger write there. One CPU prints at a
 * time, as only the one that runs the measuring vCPU does.
 */
#include "host.h"

#define COM1	      0x3f8
#define COM1_LINE     (COM1 + 3)
#define LINE_DIVISOR  0x80
#define LINE_8_BITS   3
#define COM1_STATUS   (COM1 + 5)
#define STATUS_EMPTY  0x20
#define STATUS_SENT   0x40
#define SHUTDOWN_PORT 0x8900

/* Eight bits, as fast as it goes. */
void print_init(void)
{
	x86_out8(COM1_LINE, LINE_DIVISOR);
	x86_out8(COM1, 1);
	x86_out8(COM1 + 1, 0);
	x86_out8(COM1_LINE, LINE_8_BITS);
}

void print_char(char c)
{
	while (!(x86_in8(COM1_STATUS) & STATUS_EMPTY))
		x86_pause();
	x86_out8(COM1, (u8)c);
}

void print(const char *text)
{
	while (*text)
		print_char(*text++);
}

/* In hexadecimal. */
void print_number(const char *name, u64 value)
{
	int shift = 60;

	print(name);
	print("0x");
	while (shift && !(value >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		print_char("0123456789abcdef"[value >> shift & 15]);
}

/* The emulator ends when it reads this word (Bochs, iodev/unmapped.cc). */
_Noreturn void shut_down(bool passed)
{
	print(passed ? "ok\n" : "failed\n");
	while (!(x86_in8(COM1_STATUS) & STATUS_SENT))
		x86_pause();
	for (const char *c = "Shutdown"; *c; c++)
		x86_out8(SHUTDOWN_PORT, (u8)*c);
	for (;;)
		__asm__ volatile("cli; hlt");
}

_Noreturn void die(const char *why, u64 value)
{
	print("died: ");
	print(why);
	print_number(" ", value);
	print("\n");
	shut_down(false);
}

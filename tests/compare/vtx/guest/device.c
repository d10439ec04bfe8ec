/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads and stores of many forms at the emulated device: what the hypervisor made of each. */
#include "guest.h"

#define DEVICE	((u64)GUEST_OFFSET + GUEST_DEVICE)
#define PATTERN 0x8899aab7u
#define OLD	0x1122334455667788ul

/* rax before is OLD, rbx is the device's scratch register, rcx is 1; the result is rax. */
#define LOAD(insn, expected)                                              \
	do {                                                              \
		u64 value = OLD;                                          \
		__asm__ volatile(insn                                     \
				 : "+a"(value)                            \
				 : "b"(DEVICE + DEVICE_SCRATCH), "c"(1ul) \
				 : "memory");                             \
		expect(insn, value, expected);                            \
	} while (0)

/* The same into another register, copied to rax afterwards. */
#define LOAD_TO(reg, insn, expected)                                      \
	do {                                                              \
		u64 value;                                                \
		__asm__ volatile(insn "\n mov %%" reg ", %0"              \
				 : "=a"(value)                            \
				 : "b"(DEVICE + DEVICE_SCRATCH), "c"(1ul) \
				 : reg, "memory");                        \
		expect(insn, value, expected);                            \
	} while (0)

#define STORE(insn, expected)                                                                    \
	do {                                                                                     \
		u64 value;                                                                       \
		__asm__ volatile(insn "\n mov (%%rbx), %%eax"                                    \
				 : "=a"(value)                                                   \
				 : "b"(DEVICE + DEVICE_SCRATCH), "a"(OLD), "c"(1ul), "d"(0x77ul) \
				 : "r12", "memory");                                             \
		expect(insn, value, expected);                                                   \
	} while (0)

static void test_loads(void)
{
	LOAD("mov (%%rbx), %%eax", PATTERN);
	LOAD("mov -1(%%rbx,%%rcx), %%eax", PATTERN);
	LOAD("mov -8(%%rbx,%%rcx,8), %%eax", PATTERN);
	LOAD("movzbl (%%rbx), %%eax", PATTERN & 0xff);
	LOAD("movzwl 2(%%rbx), %%eax", PATTERN >> 16);
	LOAD("movsbl (%%rbx), %%eax", 0xffffffb7);
	LOAD("movsbq (%%rbx), %%rax", (u64)-0x49l);
	LOAD("movswl 2(%%rbx), %%eax", 0xffff8899);
	LOAD("movslq (%%rbx), %%rax", 0xffffffff00000000 | PATTERN);
	LOAD("mov (%%rbx), %%al", (OLD & ~0xfful) | (PATTERN & 0xff));
	LOAD("mov (%%rbx), %%ah", (OLD & ~0xff00ul) | (PATTERN & 0xff) << 8);
	LOAD("mov (%%rbx), %%ax", (OLD & ~0xfffful) | (PATTERN & 0xffff));
	LOAD("movabs 0x70000008, %%eax", PATTERN);
	LOAD_TO("rdx", "mov (%%rbx), %%edx", PATTERN);
	LOAD_TO("r9", "mov (%%rbx), %%r9d", PATTERN);
	LOAD_TO("r12", "mov (%%rbx), %%r12d", PATTERN);
	LOAD_TO("r15", "movzbl 3(%%rbx), %%r15d", PATTERN >> 24);
}

static void test_stores(void)
{
	STORE("mov %%eax, (%%rbx)", (u32)OLD);
	STORE("movl $0x12345678, (%%rbx)", 0x12345678);
	STORE("mov %%edx, -4(%%rbx,%%rcx,4)", 0x77);
	STORE("mov $0x4321, %%r12d; mov %%r12d, (%%rbx)", 0x4321);
	STORE("mov %%eax, %%fs:(%%rbx)", (u32)OLD);
}

void test_device(void)
{
	__asm__ volatile("mov %0, (%1)" : : "r"(PATTERN), "r"(DEVICE + DEVICE_SCRATCH) : "memory");
	test_loads();
	test_stores();
	expect("device id", *(volatile u32 *)(DEVICE + DEVICE_ID), DEVICE_ID_VALUE);
}

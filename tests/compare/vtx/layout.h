/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the hypervisor, its guest and the driver on the host (tests/compare/vtx.py) agree upon, for
 * C and assembly: where memory is, what hypercalls mean, what the parameter sector holds.
 */
#pragma once

/* ---- The machine ---- */

#define CPUS_MAX     2
#define STACK_SIZE   8192
#define PARAMS_MAGIC 0x58545648 /* "HVTX" */
#define FLAG_TRACE   1		/* mark one round of each operation for the debugger */

/* ---- The guest's physical memory ---- */

#define GUEST_RAM_SIZE	 0x400000   /* from 0: pinned, contiguous */
#define GUEST_LAZY_BASE	 0x10000000 /* pages given on first touch */
#define GUEST_LAZY_SIZE	 0x3000000
#define GUEST_DEVICE	 0x30000000 /* one page of emulated registers */
#define GUEST_TABLES	 0x1000	    /* page tables that the loader makes: three pages */
#define GUEST_PARAMS	 0x8000	    /* a copy of struct params */
#define GUEST_IMAGE	 0x10000
#define GUEST_STACKS	 0x3f0000
#define GUEST_STACK_SIZE 0x4000

/* Guest-virtual = guest-physical + this, by 2 MiB pages; hypervisor addresses are all below, so an
 * instruction pointer tells whose it is. */
#define GUEST_OFFSET 0x40000000

/* ---- The emulated device ---- */

#define DEVICE_ID	0 /* constant */
#define DEVICE_COUNTER	4 /* counts its own reads */
#define DEVICE_SCRATCH	8
#define DEVICE_ID_VALUE 0x44564548

/* ---- Hypercalls: number in rdi, arguments in rsi and rdx, result in rax, all else kept ---- */

#define HC_VERSION 0 /* the empty one: returns VERSION */
#define HC_PUTC	   1 /* rsi: character */
#define HC_CPU	   2 /* the CPU that it runs on */
#define HC_HOST_TIMER \
	3 /* rsi: period of the host's timer in ticks, 0 stops it; returns interrupts so far */
#define HC_YIELD 4 /* let the next vCPU of this CPU run */
#define HC_MOVE	 5 /* go on on the next CPU */
#define HC_START 6 /* rsi: entry, rdx: argument of a second vCPU; it is ready on this CPU */
#define HC_STOP	 7 /* this vCPU ends */
#define HC_SPAWN \
	8 /* rsi: entry; runs a new vCPU with rdi = time before its creation until HC_STOP */
#define HC_DROP_PAGES 9	 /* takes all lazy pages back */
#define HC_ZEROING    10 /* rsi: whether lazy pages are zeroed */
#define HC_SWITCHES   11 /* switches between vCPUs so far */
#define HC_DONE	      12 /* rsi: failures; ends the machine */
#define VERSION	      0x00010000

#ifndef __ASSEMBLER__
#include "types.h"

/* The disk's second sector, at PARAMS_ADDRESS once loaded. */
struct params {
	u32 magic;
	u32 count; /* of each operation */
	u32 cpus;
	u32 flags;
};
#endif

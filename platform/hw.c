/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What hyp/hw.h promises beyond single instructions: harts, timer, interrupts, guest fetches, and
 * the end. Nothing here is locked: each hart acts on itself.
 */
#include "hyp/hw.h"

#include <string.h>

#include "platform/console.h"
#include "platform/csr.h"
#include "platform/hart.h"
#include "platform/hostsbi.h"
#include "platform/machine.h"
#include "platform/plic.h"

/* Set once, when a hart reports a fault of the hypervisor. */
static bool stopping;

unsigned hw_hart_index(void)
{
	return hart_self()->index;
}

/* The map is the identity, so an address needs no translation, only a type. */
void *hw_ram(hpa_t address)
{
	return (void *)address.value;
}

hpa_t hw_hpa_of(const void *ram)
{
	return hpa((u64)ram);
}

static inline char *zero_block(char *at, u64 block)
{
	__asm__ volatile(".option push\n\t.option arch, +zicboz\n\t"
			 "cbo.zero (%0)\n\t"
			 ".option pop"
			 :
			 : "r"(at)
			 : "memory");
	return at + block;
}

/* Four blocks a turn: a page has that many and more, whatever power of two up to 1 KiB they are. */
static void zero_blocks(char *at, const char *end, u64 block)
{
	while (at < end)
		at = zero_block(zero_block(zero_block(zero_block(at, block), block), block), block);
}

static void flush_blocks(const char *at, const char *end, u64 block)
{
	for (; at < end; at += block)
		__asm__ volatile(".option push\n\t.option arch, +zicbom\n\t"
				 "cbo.flush (%0)\n\t"
				 ".option pop"
				 :
				 : "r"(at)
				 : "memory");
}

void hw_zero_pages(void *page_aligned, size_t size)
{
	char *at = page_aligned;

	if (hw_has(HW_FEATURE_ZICBOZ) && machine.cboz_block_size <= PAGE_SIZE / 4)
		zero_blocks(at, at + size, machine.cboz_block_size);
	else
		memset(at, 0, size);
	/* A guest with Svpbmt may map its memory non-cacheable and read what is behind the cache:
	 * the zeroes have to be there, too (Privileged ISA, "Svpbmt"). Without Zicbom there is no
	 * means to see to that. */
	if (hw_has(HW_FEATURE_SVPBMT) && hw_has(HW_FEATURE_ZICBOM))
		flush_blocks(at, at + size, machine.cbom_block_size);
}

void hw_clear_unguarded(void)
{
	u32 unguarded = hart_self()->probe.unguarded;

	if (LIKELY(unguarded == 0))
		return;
	if ((unguarded & UNGUARDED_FCSR) != 0)
		csr_write(fcsr, 0);
	if ((unguarded & UNGUARDED_JVT) != 0)
		csr_write(CSR_JVT, 0);
	if ((unguarded & UNGUARDED_CONTEXT) != 0)
		csr_write(CSR_SCONTEXT, 0);
	if ((unguarded & UNGUARDED_VSISELECT) != 0)
		csr_write(CSR_VSISELECT, 0);
	if ((unguarded & UNGUARDED_CTR) != 0) {
		csr_write(CSR_VSCTRCTL, 0);
		csr_write(CSR_SCTRSTATUS, 0);
		/* SCTRCLR: all entries, whatever sctrdepth is. */
		__asm__ volatile(".4byte 0x10400073" : : : "memory");
	}
}

/* In firmware/probe.S. */
u64 probe_fetch_guest(u64 address, u64 *halfword);
u64 probe_load_guest(u64 address, u64 *word);

/* A probe's result, and what the trap's CSRs say about it. */
static bool succeeded(u64 result, struct hw_fetch_fault *fault)
{
	if (result == 0)
		return true;
	fault->cause = result - 1;
	fault->address = gva(csr_read(stval));
	fault->htval = csr_read(htval);
	return false;
}

static bool fetch_halfword(gva_t address, u64 *halfword, struct hw_fetch_fault *fault)
{
	return succeeded(probe_fetch_guest(address.value, halfword), fault);
}

enum status hw_load_guest(gva_t address, u64 *value, struct hw_fetch_fault *fault)
{
	u64 saved_hstatus = csr_read(hstatus);
	u64 saved_sstatus = csr_read(sstatus);

	if (succeeded(probe_load_guest(address.value, value), fault))
		return STATUS_OK;
	csr_write(hstatus, saved_hstatus);
	csr_write(sstatus, saved_sstatus);
	return STATUS_FAULT;
}

/* The two low bits of the first parcel say whether there is a second (Unprivileged ISA, "Expanded
 * Instruction-Length Encoding"). */
enum status hw_fetch_guest(gva_t pc, u32 *insn, struct hw_fetch_fault *fault)
{
	u64 saved_hstatus = csr_read(hstatus);
	u64 saved_sstatus = csr_read(sstatus);
	u64 low, high = 0;

	if (fetch_halfword(pc, &low, fault) &&
	    ((low & 3) != 3 || fetch_halfword(gva(pc.value + 2), &high, fault))) {
		*insn = (u32)(high << 16 | low);
		return STATUS_OK;
	}
	/* The fault overwrote where the guest's trap had come from. */
	csr_write(hstatus, saved_hstatus);
	csr_write(sstatus, saved_sstatus);
	return STATUS_FAULT;
}

void hw_set_timer(u64 time)
{
	s64 error;

	if (hw_has(HW_FEATURE_SSTC)) {
		csr_write(stimecmp, time);
		return;
	}
	error = hostsbi_set_timer(time);
	if (error != 0)
		firmware_failed("set_timer", error);
}

/* A hart that cannot be reached may keep its translations, or sleep through what it is to do: there
 * is no going on. But who is stopping the machine does so without its help, too. */
static void send_ipi(u64 ids, u64 base)
{
	s64 error = hostsbi_send_ipi(ids, base);

	if (error != 0 && !__atomic_load_n(&stopping, __ATOMIC_RELAXED))
		firmware_failed("send_ipi", error);
}

/* Harts by the firmware's ids: sets of up to 64 that begin at the lowest id left. */
static void send_ipi_by_id(u64 hart_mask)
{
	while (hart_mask != 0) {
		u64 base = UINT64_MAX;
		u64 ids = 0;

		for (u64 rest = hart_mask; rest != 0; rest &= rest - 1)
			base = min_u64(base, machine.hart_id[lowest_bit(rest)]);
		for (u64 rest = hart_mask; rest != 0; rest &= rest - 1) {
			unsigned index = lowest_bit(rest);

			if (machine.hart_id[index] - base < 64) {
				ids |= BIT(machine.hart_id[index] - base);
				hart_mask &= ~BIT(index);
			}
		}
		send_ipi(ids, base);
	}
}

/* Makes the sender's stores visible before the interrupt is: to the other hart's CSR it is device
 * output, whoever performs it (Unprivileged ISA, "CSR Access Ordering"). QEMU would work
 * without. */
void hw_send_ipi(u64 hart_mask)
{
	u64 self = BIT(hw_hart_index());

	__asm__ volatile("fence w, o" : : : "memory");
	if ((hart_mask & self) != 0)
		csr_set(sip, BIT(IRQ_S_SOFT));
	hart_mask &= ~self;
	if (hart_mask != 0)
		send_ipi_by_id(hart_mask);
}

void machine_stop_others(void)
{
	__atomic_store_n(&stopping, true, __ATOMIC_RELAXED);
	if (machine.hart_count > 1)
		hw_send_ipi((machine.hart_count == 64 ? ~0ULL : BIT(machine.hart_count) - 1) &
			    ~BIT(hw_hart_index()));
}

/* Interrupts that the sender of an IPI raised later must be seen pending, so the bit goes first,
 * and what the sender stored is read after that ("CSR Access Ordering" again). */
static enum hw_interrupt serve_soft(void)
{
	csr_clear(sip, BIT(IRQ_S_SOFT));
	__asm__ volatile("fence io, rw" : : : "memory");
	if (__atomic_load_n(&stopping, __ATOMIC_RELAXED))
		hart_park();
	return HW_INTERRUPT_SOFT;
}

static enum hw_interrupt serve_device(void)
{
	if (plic_serve(hart_self()->plic_context))
		return HW_INTERRUPT_DEVICE;
	/* Nobody would ever lower it. */
	csr_clear(sie, BIT(IRQ_S_EXT));
	return HW_INTERRUPT_OTHER;
}

enum hw_interrupt hw_serve_interrupt(u64 scause)
{
	switch (scause & ~CAUSE_INTERRUPT) {
	case IRQ_S_SOFT:
		return serve_soft();
	case IRQ_S_TIMER:
		hw_set_timer(UINT64_MAX);
		return HW_INTERRUPT_TIMER;
	case IRQ_S_EXT:
		return serve_device();
	default:
		return HW_INTERRUPT_OTHER;
	}
}

void hw_serve_pending(void)
{
	u64 pending = csr_read(sip) & csr_read(sie);

	for (; pending != 0; pending &= pending - 1)
		(void)hw_serve_interrupt(lowest_bit(pending));
	console_poll();
}

/* The firmware may be unable to; then nothing runs any more, all the same. */
static _Noreturn void end_machine(enum hostsbi_reset type)
{
	static const char line[] =
		"hartwood: the firmware cannot end the machine; it stops here\r\n";

	hostsbi_system_reset(type, false);
	machine_stop_others();
	hw_console_write_all(line, sizeof(line) - 1);
	hart_park();
}

void hw_shutdown(void)
{
	end_machine(HOSTSBI_SHUTDOWN);
}

void hw_reboot(void)
{
	end_machine(HOSTSBI_COLD_REBOOT);
}

void machine_stop_failed(void)
{
	hostsbi_system_reset(HOSTSBI_SHUTDOWN, true);
	hart_park();
}

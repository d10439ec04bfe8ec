/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "Binary Encoding": all registers except a0 and a1 are preserved across a call; for a legacy call
 * all except a0. A call that is not expected to trap leaves the trap CSRs alone, too.
 */
#include "tests.h"

struct register_probe {
	u64 before[32];
	u64 after[32];
	u64 scratch;
	u64 sp;
};
_Static_assert(offsetof(struct register_probe, after) == 256, "PROBE_AFTER");
_Static_assert(offsetof(struct register_probe, scratch) == 512, "PROBE_SCRATCH");
_Static_assert(offsetof(struct register_probe, sp) == 520, "PROBE_SP");

void registers_call(struct register_probe *probe);

struct call {
	const char *name;
	u64 extension, function;
	u64 a0, a1, a2, a3, a4;
};

struct csrs {
	u64 sepc, scause, stval, stvec, sie, satp, sstatus, scounteren;
};

static struct csrs csrs_read(void)
{
	return (struct csrs){
		csr_read(sepc), csr_read(scause), csr_read(stval),   csr_read(stvec),
		csr_read(sie),	csr_read(satp),	  csr_read(sstatus), csr_read(scounteren),
	};
}

static void probe_call(const struct call *call)
{
	struct register_probe probe;
	bool legacy = call->extension < SBI_BASE;
	struct csrs before, after;

	for (u64 i = 1; i < 32; i++)
		probe.before[i] = 0xa5c3000000000000 | i << 32 | (0xfeed0000 + i);
	probe.before[10] = call->a0;
	probe.before[11] = call->a1;
	probe.before[12] = call->a2;
	probe.before[13] = call->a3;
	probe.before[14] = call->a4;
	probe.before[16] = call->function;
	probe.before[17] = call->extension;
	csr_write(sepc, 0x80123456ul);
	csr_write(scause, (u64)CAUSE_BREAKPOINT);
	csr_write(stval, 0x123456789abcdeful);
	before = csrs_read();
	registers_call(&probe);
	after = csrs_read();

	check_begin("registers kept by %s", call->name);
	for (unsigned int i = 1; i < 32; i++) {
		if (i == 10 || (i == 11 && !legacy))
			continue;
		check_want(probe.after[i] == probe.before[i], "x%u became 0x%lx", i,
			   probe.after[i]);
	}
	check_equal("sepc", after.sepc, before.sepc);
	check_equal("scause", after.scause, before.scause);
	check_equal("stval", after.stval, before.stval);
	check_want(memcmp(&after, &before, sizeof(after)) == 0, "a CSR changed");
	check_end();
}

void test_registers(void)
{
	static u64 mask, buffer;
	u64 self = hart_self()->id;
	const struct call calls[] = {
		{"get_spec_version", SBI_BASE, BASE_SPEC_VERSION, 0, 0, 0, 0, 0},
		{"probe_extension", SBI_BASE, BASE_PROBE, SBI_TIME, 0, 0, 0, 0},
		{"an unknown function", SBI_BASE, 99, 0, 0, 0, 0, 0},
		{"an unknown extension", 0x12345678, 0, 0, 0, 0, 0, 0},
		{"set_timer", SBI_TIME, 0, ~0ul, 0, 0, 0, 0},
		{"send_ipi to itself", SBI_IPI, 0, 1, self, 0, 0, 0},
		{"send_ipi to all", SBI_IPI, 0, 0, ~0ul, 0, 0, 0},
		{"send_ipi to nobody", SBI_IPI, 0, 1, NO_HART, 0, 0, 0},
		{"remote_fence_i", SBI_RFNC, RFNC_FENCE_I, 1, self, 0, 0, 0},
		{"remote_sfence_vma", SBI_RFNC, RFNC_SFENCE_VMA, 1, self, IMAGE_BASE, 4096, 0},
		{"remote_sfence_vma to all", SBI_RFNC, RFNC_SFENCE_VMA, 0, ~0ul, 0, 0, 0},
		{"remote_sfence_vma_asid", SBI_RFNC, RFNC_SFENCE_VMA_ASID, 1, self, 0, ~0ul, 0},
		{"remote_hfence_gvma", SBI_RFNC, RFNC_HFENCE_GVMA, 1, self, 0, 0, 0},
		{"hart_get_status", SBI_HSM, HSM_STATUS, self, 0, 0, 0, 0},
		{"hart_start of a started hart", SBI_HSM, HSM_START, self, IMAGE_BASE, 0, 0, 0},
		{"hart_suspend", SBI_HSM, HSM_SUSPEND, HSM_SUSPEND_RETENTIVE, 0, 0, 0, 0},
		{"system_reset of no type", SBI_SRST, 0, 5, 0, 0, 0, 0},
		{"console_read", SBI_DBCN, DBCN_READ, 8, (u64)&buffer, 0, 0, 0},
		{"console_write of nothing", SBI_DBCN, DBCN_WRITE, 0, (u64)&buffer, 0, 0, 0},
		{"legacy set_timer", SBI_LEGACY_SET_TIMER, 0, ~0ul, 0, 0, 0, 0},
		{"legacy console_getchar", SBI_LEGACY_GETCHAR, 0, 0, 0, 0, 0, 0},
		{"legacy clear_ipi", SBI_LEGACY_CLEAR_IPI, 0, 0, 0, 0, 0, 0},
		{"legacy send_ipi", SBI_LEGACY_SEND_IPI, 0, (u64)&mask, 0x77, 0, 0, 0},
		{"legacy remote_fence_i", SBI_LEGACY_FENCE_I, 0, (u64)&mask, 0x77, 0, 0, 0},
		{"legacy remote_sfence_vma", SBI_LEGACY_SFENCE_VMA, 0, (u64)&mask, 0, 0, 0, 0},
		{"legacy remote_sfence_vma_asid", SBI_LEGACY_SFENCE_VMA_ASID, 0, (u64)&mask, 0,
		 4096, 0, 0},
	};

	mask = BIT(self);
	for (size_t i = 0; i < ARRAY_COUNT(calls); i++) {
		/* hart_suspend comes back at once when an interrupt is pending. */
		if (calls[i].extension == SBI_HSM && calls[i].function == HSM_SUSPEND) {
			csr_write(sie, (u64)SIP_SSIP);
			csr_set(sip, (u64)SIP_SSIP);
		}
		probe_call(&calls[i]);
		csr_write(sie, 0ul);
		csr_clear(sip, (u64)SIP_SSIP);
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The record of fences that the fake machine's harts execute. fences.lock guards it. */
#include <pthread.h>

#include "hyp/csr.h"
#include "tests/fake/fake_hw.h"

static struct {
	pthread_mutex_t lock;
	unsigned count;
	struct fake_fence record[FAKE_FENCE_MAX];
} fences = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void record_fence(enum fake_fence_kind kind, u64 address, u64 asid, u64 vmid)
{
	pthread_mutex_lock(&fences.lock);
	if (fences.count == FAKE_FENCE_MAX)
		fake_fail("more than %u fences: clear them now and then", FAKE_FENCE_MAX);
	fences.record[fences.count++] = (struct fake_fence){
		.kind = kind,
		.hart = hw_hart_index(),
		.hgatp = fake_csrs(hw_hart_index())->hgatp,
		.address = address,
		.asid = asid,
		.vmid = vmid,
	};
	pthread_mutex_unlock(&fences.lock);
}

static u64 vmid_now(void)
{
	return fake_csrs(hw_hart_index())->hgatp >> HGATP_VMID_SHIFT & 0x3fff;
}

static u64 checked_vmid(unsigned vmid)
{
	if (vmid >> hw_machine()->vmid_bits != 0)
		fake_fail("fence for VMID %u, but VMIDLEN is %u", vmid, hw_machine()->vmid_bits);
	return vmid;
}

void hw_hfence_gvma_all(void)
{
	record_fence(FAKE_HFENCE_GVMA_ALL, 0, 0, 0);
}

void hw_hfence_gvma_vmid(unsigned vmid)
{
	record_fence(FAKE_HFENCE_GVMA_VMID, 0, 0, checked_vmid(vmid));
}

void hw_hfence_gvma(gpa_t address, unsigned vmid)
{
	record_fence(FAKE_HFENCE_GVMA, address.value, 0, checked_vmid(vmid));
}

void hw_hfence_vvma_all(void)
{
	record_fence(FAKE_HFENCE_VVMA_ALL, 0, 0, vmid_now());
}

void hw_hfence_vvma_asid(u64 asid)
{
	record_fence(FAKE_HFENCE_VVMA_ASID, 0, asid, vmid_now());
}

void hw_hfence_vvma(gva_t address)
{
	record_fence(FAKE_HFENCE_VVMA, address.value, 0, vmid_now());
}

void hw_hfence_vvma_asid_address(gva_t address, u64 asid)
{
	record_fence(FAKE_HFENCE_VVMA_ASID_ADDRESS, address.value, asid, vmid_now());
}

void hw_fence_i(void)
{
	record_fence(FAKE_FENCE_I, 0, 0, vmid_now());
}

/* Each hart's own. */
static u64 reservation_drops[HW_HART_MAX];

void hw_drop_reservation(void)
{
	reservation_drops[hw_hart_index()]++;
}

u64 fake_reservation_drops(unsigned hart)
{
	return reservation_drops[hart];
}

static u64 unguarded_clears[HW_HART_MAX];

void hw_clear_unguarded(void)
{
	unguarded_clears[hw_hart_index()]++;
}

u64 fake_unguarded_clears(unsigned hart)
{
	return unguarded_clears[hart];
}

unsigned fake_fence_count(void)
{
	pthread_mutex_lock(&fences.lock);
	unsigned count = fences.count;
	pthread_mutex_unlock(&fences.lock);
	return count;
}

struct fake_fence fake_fence(unsigned index)
{
	if (index >= fake_fence_count())
		fake_fail("there is no fence %u", index);
	return fences.record[index];
}

void fake_clear_fences(void)
{
	pthread_mutex_lock(&fences.lock);
	fences.count = 0;
	pthread_mutex_unlock(&fences.lock);
}

unsigned fake_count_fences(enum fake_fence_kind kind, unsigned hart)
{
	unsigned count = 0;

	pthread_mutex_lock(&fences.lock);
	for (unsigned i = 0; i < fences.count; i++) {
		const struct fake_fence *fence = &fences.record[i];

		count += fence->kind == kind && (hart == FAKE_ANY_HART || fence->hart == hart);
	}
	pthread_mutex_unlock(&fences.lock);
	return count;
}

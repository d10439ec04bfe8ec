/* SPDX-License-Identifier: BSD-2-Clause */
/* What holds on the fuzzers' machine whatever its guests do. Owns machine.fences. */
#include "hyp/csr.h"
#include "tests/fuzz/machine.h"
#include "tests/fuzz/require.h"

#define LATE_TICKS 40

void machine_count_fences(void)
{
	for (unsigned i = 0; i < fake_fence_count(); i++) {
		struct fake_fence fence = fake_fence(i);

		if (fence.kind == FAKE_FENCE_I)
			machine.fences[fence.hart][MACHINE_FENCE_I]++;
		else if (fence.kind >= FAKE_HFENCE_VVMA_ALL)
			machine.fences[fence.hart][MACHINE_VS_STAGE]++;
	}
	fake_clear_fences();
}

/* As vcpu_load() left it: nobody else's guest is in the hart. */
void machine_check_loaded(const struct vcpu *vcpu)
{
	REQUIRE(hw_read_hgatp() >> HGATP_MODE_SHIFT != HW_GSTAGE_BARE);
	REQUIRE_EQUAL(hw_read_hgatp() & HGATP_PPN_MASK,
		      vcpu->vm->memory->gstage.root.value >> PAGE_SHIFT);
	REQUIRE(hw_read_hstatus() & HSTATUS_SPV);
	REQUIRE_EQUAL(hw_read_htimedelta(), vcpu->vm->htimedelta);
	REQUIRE_EQUAL(vcpu->running_on, hw_hart_index());
}

void machine_check_wires(const struct vcpu *vcpu)
{
	const struct guest *guest = guest_of(vcpu->vm);

	if (vcpu->requests & REQUEST_IRQ)
		return;
	REQUIRE_EQUAL(hw_read_hvip() & HVIP_VSEIP, vcpu->irq_level & HVIP_VSEIP);
	REQUIRE_EQUAL(!!(vcpu->irq_level & HVIP_VSEIP), guest->plic.contexts[vcpu->id].asserted);
}

/* Its timer is enabled, and has been due for longer than all harts take for a turn each. */
static bool is_timer_late(const struct vcpu *vcpu)
{
	u64 now = hw_time() + vcpu->vm->htimedelta, due = vcpu->csr.vstimecmp;

	if (!hw_has(HW_FEATURE_SSTC)) {
		now = hw_time();
		due = vcpu->timer;
	}
	return (vcpu->csr.vsie & HVIP_VSTIP >> 1) && due < now && now - due > LATE_TICKS;
}

void machine_check_waiting(const struct guest *guest)
{
	for (unsigned i = 0; i < guest->vm.vcpu_count; i++) {
		const struct vcpu *vcpu = guest->vcpus[i];
		u64 pending = vcpu->csr.hvip | vcpu->irq_posted | vcpu->irq_level;

		if (vcpu->state != VCPU_WAITING)
			continue;
		REQUIRE(!(pending >> 1 & vcpu->csr.vsie));
		REQUIRE(!is_timer_late(vcpu));
	}
}

# SPDX-License-Identifier: BSD-2-Clause
"""What an operation's instructions were for, in parts that mean the same on both sides: by the files and functions that
they come from, as the debug information of either hypervisor has it. The first rule that fits decides."""

# Name, what it is, ours, the VT-x side's. A rule is the beginning of "file:function".
PARTS = [
    ("make", "a vCPU made or reset",
     ("hyp/vm/vcpu_load.c:vcpu_reset", "hyp/vm/units.c:units_reset", "hyp/vm/hsm.c:hsm_start",
      "hyp/vm/lifecycle_start.c", "other:memset"),
     ("vcpu.c:vcpu_create", "vcpu.c:reset", "run.c:take_slot", "run.c:spawn")),
    ("entry", "world switch in assembly: general registers, cause, the guest's entry",
     ("firmware/guest.S",), ("exit.S",)),
    ("state", "a vCPU's other state: CSRs, or VMCS and MSRs; VMID or VPID; fences",
     ("hyp/vm/vcpu_load.c", "hyp/vm/switch.c", "hyp/mem/vmid.c", "hyp/mem/gstage.c:gstage_hgatp", "platform/csr.c",
      "platform/hw.c:hw_clear_unguarded"),
     ("vcpu.c:vcpu_", "vcpu.c:load_msr", "vcpu.c:move_here", "vmcs.c", "cpu.c:cpu_tss")),
    ("FP", "FP and vector state",
     ("firmware/fpu.S", "hyp/vm/units.c", "platform/fpu.c"),
     ("vcpu.c:save_extended", "vcpu.c:load_extended")),
    ("memory", "the guest's memory: tables, pages, zeroing",
     ("hyp/mem/", "platform/hw.c:hw_zero_pages", "platform/hw.c:zero_block", "platform/hw.c:flush_blocks"),
     ("ept.c",)),
    ("events", "timers, interrupts, devices of the host, calls from one CPU to another",
     ("hyp/vm/timer.c", "hyp/vm/pcpu.c:pcpu_update_timer", "hyp/vm/work.c:set_timer", "hyp/vm/requests.c",
      "hyp/vm/run.c:host_interrupt", "hyp/sbi/ipi.c", "hyp/sbi/time.c", "platform/hw.c", "platform/hostsbi.c",
      "platform/plic.c", "platform/console.c", "platform/uart_"),
     ("vapic.c", "cpu.c", "entry.S", "exit.c:external_interrupt")),
    ("serve", "why the guest stopped, what it asked for, its console",
     ("hyp/exit/", "hyp/dev/", "hyp/sbi/", "hyp/vm/hsm.c", "hyp/vm/run.c:run_light", "hyp/vm/run.c:access", "hyp/ui/"),
     ("exit.c", "mmio.c", "decode.c", "msr.c")),
    ("sched", "run loop, scheduler or queue, their locks",
     ("hyp/vm/", "hyp/heap.c", "hyp/lock.c", "hyp/trace.c"), ("run.c",)),
    ("rest", "library: bits, memory", ("",), ("",)),
]
NAMES = ["entry", "state", "FP", "serve", "memory", "events", "sched", "make", "rest"]
TEXT = {name: text for name, text, _, _ in PARTS}
# What a switch of vCPUs is when nobody has to be chosen, made or told.
WORLD_SWITCH = ["entry", "state", "FP"]


def part_of(place, theirs=False):
    return next(name for name, _, *rules in PARTS if place.startswith(rules[theirs]))


def _sums(places, rounds, theirs):
    found = dict.fromkeys(NAMES, 0)
    for place, count in places.items():
        found[part_of(place, theirs)] += count / rounds
    return found


def of_ours(op):
    """{part: instructions of one operation}"""
    return _sums(op["traced"]["places"], op["rounds"], False)


def of_theirs(op):
    return _sums(op["traced"]["places"], op["traced"]["rounds"], True)

# SPDX-License-Identifier: BSD-2-Clause
"""What the run has found, in a few sentences: the words are here, each number comes from the data."""

import parts
import tables


def sign(value):
    return f"{abs(value):,.0f} {'more' if value > 0 else 'fewer'}"


def count(value, noun):
    return f"{value:,.0f} {noun}{'' if round(value) == 1 else 's'}"


def of_an_exit(data, vtx):
    one, two = tables.ours(data, "hypercall"), tables.theirs(vtx, "hypercall")
    mine, other = parts.of_ours(one), parts.of_theirs(two)
    ours, theirs = tables.hardware_of(one), tables.hardware_of_vtx(two)
    # Of any exit and the entry after it; what differs is the information on the exit.
    pairs = [sum(part["bytes"] for part in of.values()) + vtx["hardware"]["entry"]["guest_loaded"]["bytes"]
             for of in vtx["hardware"]["exit"].values()]
    return (f"What a VMCS buys on an exit. A hypercall costs Hartwood {count(one['instructions'], 'instruction')} and "
            f"the VT-x side {two['instructions']:,.0f}; {mine['entry']:,.0f} and {other['entry']:,.0f} of these are entry "
            f"and exit themselves. Meanwhile the VT-x CPU moves {theirs[3]:,.0f} bytes of {count(theirs[2], 'VMCS field')} "
            f"and reads {theirs[4]:,.0f} bytes more to check them ({min(pairs):,.0f} to {max(pairs):,.0f} bytes moved, "
            f"whatever an exit is for); the RISC-V hart moves {ours[3]:,.0f} bytes.")


def of_a_device(data, vtx):
    one, two = tables.ours(data, "device_read"), tables.theirs(vtx, "device_read")
    return (f"What it leaves to software. Of an EPT violation a VMCS has the address, not the instruction, which the "
            f"VT-x side fetches and decodes: an emulated device read is {two['instructions']:,.0f} instructions there, "
            f"{sign(two['instructions'] - one['instructions'])} than the {one['instructions']:,.0f} here, where htinst "
            f"has it (of the emulator's hart; others may write zero, and leave it to software too).")


def of_a_switch(data, vtx):
    one, two = tables.ours(data, "switch"), tables.theirs(vtx, "switch")
    mine, other = parts.of_ours(one), parts.of_theirs(two)
    state = [sum(found[name] for name in ("state", "FP")) for found in (mine, other)]
    csrs = sum(tables.software_of(one)[:2])
    switch = [sum(found[name] for name in parts.WORLD_SWITCH) for found in (mine, other)]
    return (f"What it buys on a switch of vCPUs. Beside general registers, a vCPU's state is moved in "
            f"{count(state[0], 'instruction')} here and {state[1]:,.0f} there, where VMPTRLD and the next entry do the "
            f"rest ({csrs:,.0f} CSR accesses in the whole of Hartwood's switch, {tables.software_of_vtx(two)[0]:,.0f} "
            f"VMREADs in the other's). The world switch alone, with {count(tables.traps_of(one), 'trap')} and "
            f"{count(tables.exits_of_vtx(two), 'exit')}, is {switch[0]:,.0f} against {switch[1]:,.0f}; the other "
            f"{one['instructions'] - switch[0]:,.0f} and {two['instructions'] - switch[1]:,.0f} are signals, scheduler "
            f"or queue, in which the two do not do the same.")


def more_an_exit(data, other):
    """What an exit costs more under a policy: the least and most of all operations, and how often the lazy cost."""
    found = []
    for name, op in data["operations"].items():
        if name in other["operations"] and tables.traps_of(op):
            now = other["operations"][name]["instructions"]
            found.append(((now - op["instructions"]) / tables.traps_of(op), now / op["instructions"]))
    return [(min(column), max(column)) for column in zip(*found)]


def of_laziness(data, others):
    lines = []
    for name, what in (("eager", "moves all of the guest's CSRs on each exit and entry, as VT-x has the CPU do,"),
                       ("full", "saves all general registers on each exit")):
        if name in others:
            (least, most), (small, large) = more_an_exit(data, others[name])
            lines.append(f"a build that {what} executes {least:,.0f} to {most:,.0f} instructions more for an exit, "
                         f"which makes operations {small:.2f} to {large:.2f} times as long")
    return "What laziness buys: " + "; ".join(lines) + "." if lines else None


def of_boots(found):
    variants, builds = [], found["builds"]
    for variant, lazy in builds["default"].items():
        base, everything = tables.mean(lazy, "hypervisor"), tables.mean(lazy, "all")
        mores = ", ".join(f"{100 * (tables.mean(build[variant], 'hypervisor') - base) / everything:.3f} % ({name})"
                          for name, build in builds.items() if name != "default")
        variants.append(f"{variant} ({count(tables.mean(lazy, 'exits'), 'exit')} in {everything / 1e6:,.0f} "
                        f"million), {mores}")
    return "In a Linux boot the same builds execute more instructions: " + "; ".join(variants) + "."


def sentences(data, vtx, others, boots):
    found = [make(data, vtx) for make in (of_an_exit, of_a_device, of_a_switch)] if vtx else \
        ["The VT-x side was not measured on this host, so the report has Hartwood's numbers alone."]
    found.append(of_laziness(data, others))
    if boots and len(boots["builds"]) > 1:
        found.append(of_boots(boots))
    return [line for line in found if line]

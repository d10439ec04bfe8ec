# SPDX-License-Identifier: BSD-2-Clause
"""Popek and Goldberg's classes (Formal requirements for virtualizable third generation architectures,
CACM 17(7), 1974) for what guests/audit has tried, from the records of three runs of a CPU model:

    native   OpenSBI alone with H: HS-mode, the monitor's own mode, and U-mode below it
    guest    Hartwood's guest: VS-mode and VU-mode, where everything of a virtual machine runs

An instruction is *privileged* if it goes through in the monitor's mode, HS, and traps in a virtual
machine, in VS-mode or VU-mode.
It is *sensitive* if it controls resources or its behaviour depends on where and in which mode it
runs; that is the specification's to say, and here is all that this file takes from there: CSRs of
supervisor level and counters, and the instructions of SENSITIVE. A sensitive instruction that does
not trap is *critical*, unless what it acts on in a virtual machine is that machine's own; and that is
taken from what the debugger saw in the hart, not from the specification.

Encodings are counted, a CSR access as one each for reading and for writing, in each of two modes.
"""

import csrs
from records import went_through

# Sensitive instructions other than CSR accesses: name, table, encodings (items of that table),
# kind, and what makes them the machine's own while they go through in VS-mode: a predicate on the
# host's CSRs at the markers, with its text.
VTVM, VTW, VTSR = 1 << 20, 1 << 21, 1 << 22


def _hstatus_clear(bit):
    return lambda host: not host[csrs.NUMBERS["hstatus"]] & bit


def _has_vmid(host):
    """Translation is by the VM's own tables, under its VMID: hgatp.MODE is not Bare."""
    return _hstatus_clear(VTVM)(host) and host[csrs.NUMBERS["hgatp"]] >> 60 != 0


def _inval_flushes(host):
    return (host[csrs.NUMBERS["henvcfg"]] >> 4 & 3) in (0, 1)


SENSITIVE = [
    ("sret", "sys0", [0x102], "control", _hstatus_clear(VTSR), "vsstatus and vsepc"),
    ("mret, mnret, dret, uret", "sys0", [0x302, 0x702, 0x7b2, 0x002], "control", None, None),
    ("wfi", "sys0", [0x105], "control", _hstatus_clear(VTW), "vsip and vsie end it"),
    ("wrs.nto, wrs.sto", "sys0", [0x00d, 0x01d], "control", lambda host: True,
     "the hart's reservation, dropped between vCPUs"),
    ("sfence.vma, x0", "sys0", range(0x120, 0x140), "control", _has_vmid, "the VMID in hgatp"),
    ("sfence.vma, address", "sys0s", range(0x120, 0x140), "control", _has_vmid,
     "the VMID in hgatp"),
    ("sinval.vma, sfence.w.inval, sfence.inval.ir", "sys0", range(0x160, 0x182), "control",
     _has_vmid, "the VMID in hgatp"),
    ("sinval.vma, address", "sys0s", range(0x160, 0x180), "control", _has_vmid,
     "the VMID in hgatp"),
    ("hfence, hinval", "sys0", [*range(0x220, 0x240), *range(0x260, 0x280), *range(0x620, 0x640),
                                *range(0x660, 0x680)], "control", None, None),
    ("hfence, hinval, address", "sys0s", [*range(0x220, 0x240), *range(0x260, 0x280),
                                          *range(0x620, 0x640), *range(0x660, 0x680)],
     "control", None, None),
    ("hlv, hlvx", "sys4d", [0x600, 0x601, 0x640, 0x641, 0x643, 0x680, 0x681, 0x683, 0x6c0],
     "behaviour", None, None),
    ("hlv, hlvx to x0", "sys4", [0x600, 0x601, 0x640, 0x641, 0x643, 0x680, 0x681, 0x683, 0x6c0],
     "behaviour", None, None),
    ("hsv", "sys4", [*range(0x620, 0x640), *range(0x660, 0x680), *range(0x6a0, 0x6c0),
                     *range(0x6e0, 0x700)], "control", None, None),
    ("sctrclr", "sys0", [0x104], "control", None, None),
    ("ecall", "sys0", [0x000], "control", None, None),
    ("ebreak", "sys0", [0x001], "control", None, None),
    ("cbo.inval", "cbo", [0], "control", _inval_flushes, "henvcfg.CBIE makes it a flush"),
]

# What becomes of an item in a virtual machine.
OWN_HARDWARE = "own copy, by the hart"
OWN_MOVED = "own copy, moved between vCPUs"
OWN_TRAP = "trap to the guest itself"
TRAPPED = "traps"
REFUSED = "refused in HS-mode too"
HARMLESS = "not sensitive, goes through"
CRITICAL = "critical"
CLASSES = [OWN_HARDWARE, OWN_MOVED, OWN_TRAP, TRAPPED, REFUSED, HARMLESS, CRITICAL]


# Critical ones that are known, and why they are left; one that is not here fails the audit.
KNOWN_CRITICAL = {
    "cycle read": "counts what the hart does for others, too; there is no offset for it. It tells "
                  "time and controls nothing, and equivalence is up to timing",
    "instret read": "like cycle",
    "scountovf read": "shows which of M-mode's counters have overflowed: the specification masks "
                      "it by hcounteren (Privileged ISA, \"Supervisor Count Overflow\"), which QEMU "
                      "10 does not",
}


class Item:
    """A row of the classification: one encoding in one mode."""

    def __init__(self, name, mode, kind, state, note=""):
        self.name, self.mode, self.kind, self.state, self.note = name, mode, kind, state, note

    sensitive = property(lambda self: self.kind is not None)
    privileged = property(lambda self: self.state == TRAPPED)


class Classifier:
    def __init__(self, native, run, guest, host_rules):
        self.native, self.guest, self.run = native, guest, run
        self.markers = run.markers.at
        self.moved = {csrs.NUMBERS[name] for rule in host_rules if rule.owner == "vcpu"
                      for name in rule.names}
        # What moves by itself: bits of CSRs that no guest is behind.
        self.restless = {}
        for rule in host_rules:
            for number in rule.numbers if rule.owner != "vcpu" else ():
                self.restless[number] = self.restless.get(number, 0) | rule.bits
        self.base = self.markers[3]
        self.strange = []

    # ---- CSRs ----

    def changed_by(self, number):
        """CSRs of the hart that were different while the guest had changed this one of its own."""
        found = set()
        for turn in (0, 1):
            held = self.markers.get(0x1000 + 2 * number + turn)
            for other, value in (held or {}).items():
                if isinstance(other, int) and \
                        (self.base.get(other) ^ value) & ~self.restless.get(other, 0):
                    found.add(other)
        return found

    def _own_counter(self, number):
        """Time that runs by htimedelta is the machine's own; a counter is not."""
        name = {0xc01: "guest_time", 0xc00: "guest_cycle", 0xc02: "guest_instret"}.get(number)
        if name is None or self.base.get(number) is None:
            return False
        delta = self.base[csrs.NUMBERS["htimedelta"]] if number == 0xc01 else 0
        raw, seen = self.base[number], self.base[name]
        own = (raw + delta) % 2 ** 64
        return delta != 0 and abs(own - seen) < abs(raw - seen)

    def _own_csr(self, number):
        if csrs.is_counter(number):
            return OWN_HARDWARE if self._own_counter(number) else None
        changed = self.changed_by(number)
        own = {other for other in changed if csrs.is_vs(other)}
        if own and number not in changed:
            return OWN_HARDWARE
        # In the hart's only register: the second VM had another value there all the time.
        if number in changed and number in self.moved and number in self.run.watched_values and \
                not any(saw.startswith(f"{number:x} ") for saw in self.run.watch_saw):
            return OWN_MOVED
        # Zero that cannot be changed says nothing of anybody.
        read, written = self.guest.csr("S0", number)[:2]
        return HARMLESS if read == "r=0" and not went_through(written) else None

    def _csr_item(self, number, mode, word, kind):
        monitor = self.native.csr("S0", number)[word]
        native = self.native.csr(mode + "0", number)[word]
        guest = self.guest.csr(mode + "0", number)[word]
        sensitive = kind if csrs.level(number) > 0 or csrs.is_counter(number) else None
        name = csrs.name(number) + (" read" if word == 0 else " written")
        if not went_through(guest):
            there = went_through(monitor) or "+" in monitor
            # Where the number itself is above the monitor's mode it is M-mode's to refuse.
            return Item(name, mode, kind if csrs.level(number) > 0 else sensitive,
                        TRAPPED if there else REFUSED)
        if not went_through(native):
            self.strange.append(f"{name} in {mode}-mode: goes through in a guest, not natively")
        if not sensitive:
            # FP and vector CSRs: state, but everybody's business. vl, vtype and vlenb are not
            # written as CSRs.
            state = self._own_csr(number) if self.changed_by(number) else HARMLESS
            return Item(name, mode, None, state or CRITICAL)
        state = self._own_csr(number)
        return Item(name, mode, sensitive, state or CRITICAL)

    def csr_items(self):
        for number in range(0x1000):
            for mode in "SU":
                yield self._csr_item(number, mode, 0, "behaviour")
                yield self._csr_item(number, mode, 1, "control")

    # ---- other instructions ----

    def _sensitive(self):
        return {(table, item): (name, kind, own, note)
                for name, table, items, kind, own, note in SENSITIVE for item in items}

    def instruction_items(self):
        sensitive = self._sensitive()
        for (context, table, item), guest in self.guest.by_key.items():
            if context not in ("S0", "U0") or not isinstance(item, int) or \
                    table in ("csr", "csri", "init", "satp", "csr-off") or table.startswith("held"):
                continue
            native = self.native.get(context, table, item) or "t"
            monitor = self.native.get("S0", table, item) or "t"
            name, kind, own, note = sensitive.get((table, item), (f"{table} {item:#x}", None, None,
                                                                  None))
            yield self._instruction(name, context[0], kind, own, note, monitor, native, guest)

    def _instruction(self, name, mode, kind, own, note, monitor, native, guest):
        if name == "ecall" and mode == "S":
            return Item(name, mode, kind, TRAPPED, "SBI call")
        if guest.startswith("t3") or (name == "ecall" and guest.startswith("t8")):
            return Item(name, mode, kind, OWN_TRAP)
        if not went_through(guest):
            return Item(name, mode, kind, TRAPPED if went_through(monitor) else REFUSED)
        if not went_through(native):
            self.strange.append(f"{name} in {mode}-mode: goes through in a guest, not natively")
        if kind is None:
            return Item(name, mode, None, HARMLESS)
        # wfi may trap at any time, when others want the hart; then it is emulated.
        if name == "wfi" and not own(self.base):
            return Item(name, mode, kind, TRAPPED, "ends at once when others want the hart")
        if own is not None and own(self.base):
            return Item(name, mode, kind, OWN_HARDWARE, note)
        return Item(name, mode, kind, CRITICAL)

    def items(self):
        return [*self.csr_items(), *self.instruction_items()]

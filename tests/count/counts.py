# SPDX-License-Identifier: BSD-2-Clause
"""Counts of instructions by who executed them, as tests/count/count.c writes them.

    options, path = counts.plugin("boot")                   # more arguments for QEMU
    with hartwood.Machine(..., args=[*counts.ICOUNT, *options]) as machine: ...
    marks = counts.read(path)
    work = marks.between(2, 3)
    print(work.guest, work.hypervisor, work.firmware, work.exits, work.functions())
"""

import bisect
import collections
import functools
import json
import os
import subprocess

import hartwood

PLUGIN = hartwood.BUILD / "host" / "count.so"
CROSS = os.environ.get("CROSS") or "riscv64-unknown-elf-"

# An instruction takes a nanosecond, all harts take turns, and nothing waits for the host: with the
# same input each run is the same.
ICOUNT = ["-icount", "shift=0,sleep=off", "-seed", "1",
          "-rtc", "base=2026-01-01T00:00:00,clock=vm"]
TICK = 100  # instructions, of QEMU's virt machine's clock

OWNERS = ["guest", "hypervisor", "firmware"]


@functools.lru_cache(maxsize=None)
def symbols(elf=None):
    """The image's symbols by address: a list of addresses and one of names."""
    found = {}
    lines = subprocess.run([CROSS + "nm", str(elf or hartwood.OUT / "hartwood.elf")], check=True,
                           stdout=subprocess.PIPE, text=True).stdout.splitlines()
    for line in lines:
        address, kind, name = line.split()[-3:]
        if kind in "tT" and not name.startswith((".L", "$")):
            found.setdefault(int(address, 16), name)
    addresses = sorted(found)
    return addresses, [found[address] for address in addresses]


@functools.lru_cache(maxsize=None)
def image():
    """The hypervisor's code as it lies in memory: linked at 0, and nothing in it is relocated."""
    return hartwood.IMAGE.read_bytes()


def csr_access(insn):
    """The number of the CSR that an instruction accesses, and whether it reads and writes it; None
    for others (Unprivileged ISA, "Zicsr")."""
    kind, number, source, target = insn >> 12 & 7, insn >> 20, insn >> 15 & 31, insn >> 7 & 31
    if insn & 0x7f != 0x73 or kind in (0, 4):
        return None
    swaps = kind & 3 == 1
    return number, not swaps or target != 0, swaps or source != 0


def text_size():
    """Of the hypervisor's code, in whole pages."""
    addresses, names = symbols()
    return addresses[names.index("image_text_end")]


def plugin(name, alone=False, vcpu=0):
    """Arguments for QEMU, and the path of what the plugin will write. alone: there is no
    hypervisor. vcpu: the size of struct vcpu, if its words are to be counted."""
    hartwood.LOGS.mkdir(parents=True, exist_ok=True)
    path = hartwood.LOGS / f"{name}.counts"
    path.unlink(missing_ok=True)
    words = f"{PLUGIN},out={path}"
    if not alone:
        words += f",text={text_size():#x}"
    if vcpu:
        words += f",vcpu={vcpu:#x}"
    return ["-plugin", words], path


class Counts:
    """What was executed up to some point, or from one to another."""

    def __init__(self, guest, hypervisor, firmware, traps, code, data, conflicts=0, value=0, harts=()):
        self.guest, self.hypervisor, self.firmware = guest, hypervisor, firmware
        self.traps = traps  # Counter: (to, from, kind, cause)
        self.code = code    # Counter: offset in the image
        self.data = data    # Counter: (offset in struct vcpu or None, what)
        self.conflicts = conflicts
        self.value = value
        self.harts = list(harts)  # each hart's, if there is more than one

    def __sub__(self, before):
        def less(a, b):
            return collections.Counter({key: a[key] - b[key] for key in a if a[key] != b[key]})

        return Counts(self.guest - before.guest, self.hypervisor - before.hypervisor,
                      self.firmware - before.firmware, less(self.traps, before.traps),
                      less(self.code, before.code), less(self.data, before.data),
                      self.conflicts, self.value - before.value,
                      [mine - theirs for mine, theirs in zip(self.harts, before.harts)])

    def __add__(self, other):
        return Counts(self.guest + other.guest, self.hypervisor + other.hypervisor,
                      self.firmware + other.firmware, self.traps + other.traps,
                      self.code + other.code, self.data + other.data, self.conflicts)

    def __eq__(self, other):
        return vars(self) == vars(other)

    @property
    def total(self):
        return self.guest + self.hypervisor + self.firmware

    @property
    def share(self):
        """Of the instructions that the guest executes itself."""
        return self.guest / self.total

    def _traps_to(self, to):
        return sum(count for (where, by, _, _), count in self.traps.items()
                   if (where, by) == (to, "guest"))

    @property
    def exits(self):
        """The guest's traps to the hypervisor."""
        return self._traps_to("hypervisor")

    @property
    def firmware_traps(self):
        """The guest's traps to the firmware; without a hypervisor all that are not its own."""
        return self._traps_to("firmware")

    def causes(self, to="hypervisor", by="guest"):
        """The traps from one to another: (kind, cause) and how many, most first."""
        return collections.Counter({(kind, cause): count
                                    for (where, who, kind, cause), count in self.traps.items()
                                    if (where, who) == (to, by)}).most_common()

    def functions(self):
        """The hypervisor's instructions by function, most first."""
        addresses, names = symbols()
        found = collections.Counter()
        for offset, count in self.code.items():
            found[names[bisect.bisect_right(addresses, offset) - 1]] += count
        return found.most_common()


    def csrs(self):
        """CSRs by number as the hypervisor accessed them: [reads, writes]."""
        found = collections.defaultdict(lambda: [0, 0])
        for offset, count in self.code.items():
            access = csr_access(int.from_bytes(image()[offset:offset + 4], "little"))
            if access:
                number, reads, writes = access
                found[number][0] += count * reads
                found[number][1] += count * writes
        return dict(found)


def _counts(found, **more):
    traps, data = collections.Counter(), collections.Counter()
    for to in ("hypervisor", "firmware"):
        for key, count in found[f"{to}_traps"].items():
            by, kind, cause = key.split()
            traps[to, by, kind, int(cause)] = count
    kinds = ["loads", "bytes loaded", "stores", "bytes stored"]
    for offset, *numbers in [[None, *found.get("elsewhere", [])], *found.get("vcpu", [])]:
        data.update({(offset, kind): number for kind, number in zip(kinds, numbers)})
    return Counts(*(found[owner] for owner in OWNERS), traps=traps,
                  code=collections.Counter(dict(found.get("code", []))), data=data, **more)


def parse(line):
    """The counts of a line that is not short."""
    return _counts(line, conflicts=line["conflicts"], value=line["value"],
                   harts=[_counts(hart) for hart in line.get("harts", [])])


class Marks:
    """Counts by mark: a number, or "hypervisor", "guest" (the first instruction of either), "end".
    If a mark was passed more than once the last counts."""

    def __init__(self, lines):
        self.found = {}
        for line in lines:
            if "by" not in line:
                continue   # a short mark
            counts = parse(line)
            # Wherever code lies, and the level that it ran at, must say the same of whose it is,
            # and what was counted one by one must be what was counted in runs.
            assert counts.conflicts == 0, f"{counts.conflicts} pages were two owners'"
            assert not counts.code or sum(counts.code.values()) == counts.hypervisor
            self.found[line["mark"]] = counts

    def at(self, mark):
        return self.found[mark]

    def between(self, first, last):
        """From the instruction after one mark to the one before another. The first's own, if it is
        an instruction, is the guest's."""
        counts = self.found[last] - self.found[first]
        if isinstance(first, int):
            counts.guest -= 1
        return counts


def read(path):
    with open(path, encoding="ascii") as file:
        return Marks([json.loads(line) for line in file])

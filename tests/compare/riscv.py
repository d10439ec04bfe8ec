#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Measures our side of the comparison: guests/compare under Hartwood, counted by the plugin of tests/count.

    riscv.py [--build DIR] [--count N] [LABEL=DIR ...]

Each build of the hypervisor is a directory with hartwood.bin and hartwood.elf. The one labelled `default` becomes
riscv.json, the others riscv-LABEL.json, all in DIR/compare; riscv.log has what the guests printed and the table. The
last line is `ok` or `failed`.
"""

import argparse
import bisect
import collections
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "count"), str(HERE)]
import counts  # noqa: E402
import hartwood  # noqa: E402
import layout as layouts  # noqa: E402

LOOP_BEGIN, LOOP_END, BEGIN, END, OTHER_BEGIN, OTHER_END = range(100, 106)

# Instructions that are counted: mask and value (Privileged ISA, "Trap-Return Instructions", "Hypervisor
# Memory-Management Fence Instructions"; Unprivileged ISA, "Zifencei").
SRET = (0xffffffff, 0x10200073)
FENCES = {"fence.i": (0xffffffff, 0x0000100f), "hfence.vvma": (0xfe007fff, 0x22000073),
          "hfence.gvma": (0xfe007fff, 0x62000073)}
# Illegal and virtual instructions, guest-page faults.
HALF_WAY = {2, 20, 21, 22, 23}

# Groups of guests/compare: vCPUs, harts, -cpu, memory (the odd 2 MiB less a page are given page by page).
RUNS = [
    ("exits timers touch", 1, 1, "rv64", (98 << 20) - 4096),
    ("timers", 1, 1, "rv64,sstc=off", 64 << 20),
    ("pair", 2, 1, "rv64", 64 << 20),
    ("interrupt", 2, 2, "rv64", 64 << 20),
    ("move", 3, 2, "rv64", 64 << 20),
]
# Operations in a round.
IN_A_ROUND = {"switch": 2, "switch_fp": 2}
# In the round somebody spins: a difference of two readings of instret says nothing of the hypervisor.
SPINS = {"timer", "timer_sbi", "timer_sstc", "interrupt", "move"}
# Between rounds vCPUs ask for each other's state, which is not the operation.
POLLS = {"move"}

RESULT = re.compile(r"^compare: (\d+) (\w+) (\d+) (\d+) (\d+) (\d+)\r?$", re.M)
CHECK = re.compile(r"^(not ok .*|ok .*)\r?$", re.M)


class Failure(Exception):
    pass


def rules():
    with open(HERE / "riscv.toml", "rb") as file:
        return tomllib.load(file)


def use_build(directory):
    """Makes the modules look at another image."""
    hartwood.OUT = pathlib.Path(directory).resolve()
    hartwood.IMAGE = hartwood.OUT / "hartwood.bin"
    counts.symbols.cache_clear()
    counts.image.cache_clear()


HEADER = re.compile(r'\{"mark":(\d+),"by":"\w+","value":(\d+),"guest":(\d+),"hypervisor":(\d+),"firmware":(\d+),'
                    r'"conflicts":(\d+),')


class Round:
    """From one line of the plugin to another. Only the sums are read until somebody asks for more: there are some
    hundred rounds in a run, and of each operation one is described."""

    def __init__(self, begun, ended, beside=0):
        self.lines = begun[0], ended[0]
        self.guest, self.hypervisor, self.firmware = (b - a for a, b in zip(begun[1], ended[1]))
        self.guest -= beside

    def whole(self):
        before, after = (counts._parse(json.loads(line)) for line in self.lines)
        window = after - before
        window.guest = self.guest
        return window


def read_windows(path):
    """{number: (the loop, [each traced round])}. Where somebody else began or ended a round, there."""
    loops, rounds, begun = {}, collections.defaultdict(list), {}
    with open(path, encoding="ascii") as file:
        for line in file:
            match = HEADER.match(line)
            if not match:
                continue
            mark, number, *sums, conflicts = map(int, match.groups())
            if mark not in range(LOOP_BEGIN, OTHER_END + 1):
                continue
            if conflicts:
                raise Failure(f"{conflicts} pages were two owners'")
            at = line, sums
            if mark == LOOP_BEGIN:
                begun[LOOP_BEGIN] = at
            elif mark == LOOP_END:
                loops[number] = Round(begun[LOOP_BEGIN], at)
            elif mark in (BEGIN, OTHER_BEGIN):
                begun[BEGIN] = at
            elif BEGIN in begun:
                # What is left of it after its true end counts no more.
                rounds[number].append(Round(begun.pop(BEGIN), at, beside=1))
    return {number: (loops[number], rounds[number]) for number in loops}


def uncounted(window):
    """Instructions that the guest has begun and that instret has not: those that stop half-way."""
    return sum(count for to in ("hypervisor", "firmware") for (kind, cause), count in window.causes(to)
               if kind == "exception" and cause in HALF_WAY)


def count_instructions(window, pattern):
    image, (mask, value) = counts.image(), pattern
    return sum(count for offset, count in window.code.items()
               if int.from_bytes(image[offset:offset + 4], "little") & mask == value)


def moved_by_hardware(table, traps, srets):
    def total(rows, times):
        return {"items": len(rows) * times, "bits": sum(row[1] for row in rows) * times}

    return {"traps": traps, "srets": srets, "trap": total(table["trap"], traps),
            "sret": total(table["sret"], srets), "sret_reads": total(table["sret_reads"], srets)}


KINDS = {"loads": "loads", "bytes loaded": "load_bytes", "stores": "stores", "bytes stored": "store_bytes"}


# The accessors of CSRs, which are part of who calls them.
ACCESSORS = "platform/csr.c"
OTHER = "other"


def symbol_at(offset):
    addresses, names = counts.symbols()
    return names[bisect.bisect_right(addresses, offset) - 1]


class Sources:
    """Which file and function an instruction comes from: of the functions that were inlined where it lies, the
    innermost that is in a .c or .S file of ours, as headers have the accessors of single CSRs."""

    def __init__(self, elf):
        self.elf, self.known = elf, {}

    def learn(self, offsets):
        new = sorted(set(offsets) - set(self.known))
        text = subprocess.run([counts.CROSS + "addr2line", "-e", str(self.elf), "-a", "-f", "-i"], check=True,
                              text=True, input="".join(f"{offset:#x}\n" for offset in new),
                              stdout=subprocess.PIPE).stdout
        offset, function = None, ""
        for line in text.splitlines():
            if line.startswith("0x"):
                offset, function = int(line, 16), ""
                self.known[offset] = OTHER, ""
            elif not function:
                function = line
            else:
                name = re.sub(r"^.*?/((?:hyp|platform|firmware)/)", r"\1", line.split(":")[0])
                if self.known[offset][0] in (OTHER, ACCESSORS) and name.endswith((".c", ".S")) \
                        and name.startswith(("hyp/", "platform/", "firmware/")):
                    # In assembly code the nearest label is a local one.
                    self.known[offset] = name, function if name.endswith(".c") else symbol_at(offset)
                elif self.known[offset] == (OTHER, ""):
                    self.known[offset] = OTHER, function
                function = ""

    def of(self, window):
        """Instructions by file, and by "file:function"."""
        self.learn(window.code)
        files, places = collections.Counter(), collections.Counter()
        for offset, count in window.code.items():
            file, function = self.known[offset]
            files[file] += count
            places[f"{file}:{function}"] += count
        return dict(files.most_common()), dict(places.most_common())


def memory_of(window, layout):
    """Loads and stores in struct vcpu and elsewhere, and by field."""
    sums = {where: dict.fromkeys(KINDS.values(), 0) for where in ("vcpu", "other")}
    fields = {}
    for (offset, kind), count in sorted(window.data.items(), key=lambda item: (item[0][0] or 0, item[0][1])):
        inside = offset is not None and offset < layout.size
        sums["vcpu" if inside else "other"][KINDS[kind]] += count
        if inside and not kind.startswith("bytes"):
            row = fields.setdefault(layout.word(offset), {"loads": 0, "stores": 0})
            row[kind] += count
    return sums, fields


def describe(window, table, layout, sources):
    names = {number: name for name, number in table["csrs"].items()}
    sums, fields = memory_of(window, layout)
    traps = sum(count for (to, _, _, _), count in window.traps.items() if to == "hypervisor")
    csrs = {names.get(number, hex(number)): pair for number, pair in sorted(window.csrs().items())}
    files, places = sources.of(window)
    return {
        "guest": window.guest, "hypervisor": window.hypervisor, "firmware": window.firmware,
        "exits": {f"{kind} {cause}": count for (kind, cause), count in window.causes()},
        "guest_traps_to_firmware": {f"{kind} {cause}": count
                                    for (kind, cause), count in window.causes("firmware", "guest")},
        "our_traps_to_firmware": {f"{kind} {cause}": count
                                  for (kind, cause), count in window.causes("firmware", "hypervisor")},
        "functions": dict(window.functions()), "files": files, "places": places, "csrs": csrs,
        "memory": sums, "fields": fields,
        "fences": {name: count_instructions(window, pattern) for name, pattern in FENCES.items()},
        "hardware": moved_by_hardware(table, traps, count_instructions(window, SRET)),
    }


def median_round(rounds):
    """The traced round of median length, which is one that happened."""
    ordered = sorted(rounds, key=lambda window: (window.hypervisor + window.firmware, window.guest))
    return ordered[(len(ordered) - 1) // 2]


def describe_operation(name, numbers, loop, rounds, table, layout, sources):
    n, total, least, most = numbers
    divide = IN_A_ROUND.get(name, 1)
    at = rounds.index(median_round(rounds))
    window = rounds[at].whole()
    host = [round_.hypervisor + round_.firmware for round_ in rounds]
    found = {"n": n * divide, "rounds_run": n, "rounds": divide,
             "instret": {"total": total, "least": least, "most": most},
             "traced_rounds": len(rounds),
             "hypervisor": window.hypervisor / divide, "firmware": window.firmware / divide,
             "instructions": (window.hypervisor + window.firmware) / divide,
             "traced": describe(window, table, layout, sources)}
    if name in SPINS:
        # By the plugin: the mean of the whole loop, where nothing but the operation leaves the guest.
        found.update(counted="plugin", mean=(loop.hypervisor + loop.firmware) / n / divide,
                     least=min(host) / divide, most=max(host) / divide)
        if name in POLLS:
            found.update(n=len(rounds) * divide, mean=statistics.mean(host) / divide)
        return found
    # By instret, in every round. It counts its own second reading, and the guest's part is known.
    beside = window.guest + 1 - uncounted(window)
    if not least <= beside + host[at] <= most:
        raise Failure(f"{name}: {beside + host[at]} traced, but {least} to {most} counted")
    found.update(counted="instret", mean=(total / n - beside) / divide, least=(least - beside) / divide,
                 most=(most - beside) / divide)
    if loop.hypervisor + loop.firmware < total - n * beside - n:
        raise Failure(f"{name}: the plugin has counted less than the clock")
    return found


def run(label, entry, count, table, layout, sources, log):
    groups, cpus, harts, cpu, memory = entry
    # Another of these may run at the same time.
    name = re.sub(r"\W+", "-", f"compare-{label}-{groups}-{cpu}-{os.getpid()}")
    bundle = hartwood.bundle(hartwood.LOGS / f"{name}.dtb", hartwood.guest("compare"), cpus=cpus, memory=memory,
                             bootargs=f"{groups} rounds={count}")
    options, path = counts.plugin(name, vcpu=-(-layout.size // 8) * 8)
    with hartwood.Machine(name=name, smp=harts, cpu=cpu, mem="512M", bundle=bundle,
                          args=[*counts.ICOUNT, *options], lifetime=900) as machine:
        ended = machine.expect(r"done (\d+) (\d+)", timeout=880)
        text = machine.text()
    machine.log_path.unlink()
    bundle.unlink()
    log.write("".join(f"{label}, {groups}, {cpu}: {line}\n" for line in text.splitlines()
                      if re.match(r"compare: |ok |not ok |done ", line)))
    bad = [line for line in CHECK.findall(text) if line.startswith("not")]
    if bad or ended.group(2) != "0":
        raise Failure(f"{name}: {'; '.join(bad)}")
    windows = read_windows(path)
    path.unlink()
    operations = {}
    for number, operation, *numbers in RESULT.findall(text):
        if operation != "empty":
            operations[operation] = describe_operation(operation, list(map(int, numbers)), *windows[int(number)],
                                                       table, layout, sources)
    return operations


def first_line(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[0]


def measure(label, directory, count, log, runs=None):
    use_build(directory)
    table = rules()
    layout = layouts.of(counts.CROSS + "objdump", hartwood.OUT / "hartwood.elf", "vcpu")
    sources = Sources(hartwood.OUT / "hartwood.elf")
    operations = {}
    for entry in runs or RUNS:
        operations.update(run(label, entry, count, table, layout, sources, log))
    return {
        "label": label, "emulator": first_line(hartwood.QEMU, "--version"),
        "compiler": first_line(counts.CROSS + "gcc", "--version"), "count": count,
        "vcpu_bytes": layout.size, "hardware": {part: table[part] for part in ("trap", "sret", "sret_reads")},
        "operations": operations,
    }


def table_of(data):
    lines = [f"{'operation':<15}{'n':>7}{'mean':>10}{'least':>8}{'most':>8}{'hypervisor':>12}{'firmware':>10}"]
    for name, op in data["operations"].items():
        lines.append(f"{name:<15}{op['n']:>7}{op['mean']:>10.2f}{op['least']:>8.0f}{op['most']:>8.0f}"
                     f"{op['hypervisor']:>12.1f}{op['firmware']:>10.1f}")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(hartwood.BUILD))
    parser.add_argument("--out", help="where the results go (BUILD/compare)")
    parser.add_argument("--count", type=int, default=10000, help="rounds of each operation")
    parser.add_argument("--other-count", type=int, help="rounds for builds that are not the default (a tenth)")
    parser.add_argument("builds", nargs="*", help="LABEL=DIR, by default default=BUILD")
    args = parser.parse_args()
    out = pathlib.Path(args.out or f"{args.build}/compare")
    out.mkdir(parents=True, exist_ok=True)
    with open(out / "riscv.log", "w", encoding="ascii") as log:
        for word in args.builds or [f"default={args.build}"]:
            label, _, directory = word.partition("=")
            path = out / ("riscv.json" if label == "default" else f"riscv-{label}.json")
            path.unlink(missing_ok=True)
            try:
                other = args.other_count or max(1, args.count // 10)
                data = measure(label, directory, args.count if label == "default" else other, log)
            except (Failure, AssertionError, OSError) as error:
                log.write(f"failed\n{error}\n")
                print(f"failed: {label}: {error}\nThe log is {out}/riscv.log")
                return 1
            text = table_of(data)
            path.write_text(json.dumps(data, indent=1) + "\n", encoding="ascii")
            log.write(text + "\n")
            print(f"{label}\n{text}")
        log.write("ok\n")
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())

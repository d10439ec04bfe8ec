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
import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "count"), str(HERE)]
import counts  # noqa: E402
import hartwood  # noqa: E402
import layout as layouts  # noqa: E402
from rounds import SPLIT, Failure, read_sections, simple  # noqa: E402

# Instructions that are counted: mask and value (Privileged ISA, "Trap-Return Instructions", "Hypervisor
# Memory-Management Fence Instructions"; Unprivileged ISA, "Zifencei").
SRET = (0xffffffff, 0x10200073)
FENCES = {"fence.i": (0xffffffff, 0x0000100f), "hfence.vvma": (0xfe007fff, 0x22000073),
          "hfence.gvma": (0xfe007fff, 0x62000073)}
# Illegal and virtual instructions, guest-page faults.
HALF_WAY = {2, 20, 21, 22, 23}

TYPE_ON, TYPED = "~", "x"


@dataclasses.dataclass
class Run:
    """Groups of guests/compare that run in one machine, with a VM of so many vCPUs. types: somebody types."""

    groups: str
    cpus: int = 1
    harts: int = 1
    cpu: str = "rv64"
    memory: int = 64 << 20
    vm: dict = dataclasses.field(default_factory=dict)
    settings: dict = dataclasses.field(default_factory=dict)
    types: bool = False


RUNS = [
    Run("exits timers touch", memory=(98 << 20) - 4096),   # the odd 2 MiB less a page are given page by page
    Run("timers", cpu="rv64,sstc=off"),
    Run("pair", cpus=2),
    Run("interrupt", cpus=2, harts=2),
    Run("tick", cpus=2, vm={"quota": 200}, settings={"slice_us": 1000}),
    Run("device", types=True),
    Run("move", cpus=3, harts=2),
]
# Operations in a round.
IN_A_ROUND = {"switch": 2, "switch_fp": 2}
# In the round somebody spins: a difference of two readings of instret says nothing of the hypervisor.
SPINS = {"timer", "timer_sbi", "timer_sstc", "interrupt", "host_timer", "host_device", "move"}
# When it comes is the typist's affair, so that what the guest executes until then is not the same twice.
BY_CHANCE = {"host_device"}
# The exit that a round is about: just one, and no other reason to leave the guest.
ONLY_EXIT = {"host_timer": ("interrupt", 5), "host_device": ("interrupt", 9)}

RESULT = re.compile(r"^compare: (\d+) (\w+) (\d+) (\d+) (\d+) (\d+)\r?$", re.M)
CHECK = re.compile(r"^(not ok .*|ok .*)\r?$", re.M)


def rules():
    with open(HERE / "riscv.toml", "rb") as file:
        return tomllib.load(file)


def use_build(directory):
    """Makes the modules look at another image."""
    hartwood.OUT = pathlib.Path(directory).resolve()
    hartwood.IMAGE = hartwood.OUT / "hartwood.bin"
    counts.symbols.cache_clear()
    counts.image.cache_clear()


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
            "trap_reads": total(table["trap_reads"], traps), "sret": total(table["sret"], srets),
            "sret_reads": total(table["sret_reads"], srets)}


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


def figures(rounds, divide):
    """Of all rounds: hypervisor and firmware together, and how many cost how much."""
    found = collections.Counter(sum(cost) for cost in rounds)
    n = sum(found.values())
    ordered = sorted(found.elements())
    return {"mean": sum(ordered) / n / divide, "median": ordered[(n - 1) // 2] / divide, "least": ordered[0] / divide,
            "most": ordered[-1] / divide,
            "spread": {f"{cost / divide:g}": count for cost, count in sorted(found.items())}}


def common_round(rounds, traced):
    """Of the traced rounds one that cost what the median of all did, or next to it."""
    costs = sorted(sum(round_.cost) for round_ in rounds)
    median = costs[(len(costs) - 1) // 2]
    return min(traced, key=lambda round_: abs(sum(round_.cost) - median))


def steps_of(patterns, functions):
    """Instructions by step, as riscv.toml says which functions make it."""
    found = dict.fromkeys([*patterns, "beside"], 0)
    for function, count in functions.items():
        found[next((step for step, names in patterns.items() if any(re.fullmatch(name, function) for name in names)),
                   "beside")] += count
    return found


def describe_part(name, rounds, common, divide, describe_window):
    costs = [round_.parts[name].cost for round_ in rounds]
    window = common.parts[name].window
    return {"hypervisor": window.hypervisor / divide, "firmware": window.firmware / divide, **figures(costs, divide),
            "traced": describe_window(window)}


def check_clock(name, numbers, rounds, window):
    """instret in every round: it counts its own second reading, and the guest's part, which is known."""
    n, total, least, most = numbers
    beside = window.guest + 1 - uncounted(window)
    costs = [sum(round_.cost) + beside for round_ in rounds]
    if (sum(costs), min(costs), max(costs)) != (total, least, most):
        raise Failure(f"{name}: {sum(costs)}, {min(costs)} to {max(costs)} by the plugin, but {total}, {least} to "
                      f"{most} by instret, in {n} rounds")


def check_exits(name, window, loop, n):
    kind = ONLY_EXIT[name]
    if window.causes() != [(kind, 1)] or dict(loop.causes())[kind] < n:
        raise Failure(f"{name}: {window.causes()} in a round, {loop.causes()} in {n}")


def describe_operation(name, numbers, section, count, describe_window, steps):
    divide = IN_A_ROUND.get(name, 1)
    rounds, traced = section.rounds(SPLIT.get(name, simple))
    rounds = rounds[:count] if name == "move" else rounds
    if len(rounds) != (count if name == "move" else numbers[0]) or not traced:
        raise Failure(f"{name}: {len(rounds)} rounds and {len(traced)} traced, of {numbers[0]}")
    common = common_round(rounds, traced)
    window = common.window
    if name not in SPINS:
        check_clock(name, numbers, rounds, window)
    if name in ONLY_EXIT:
        check_exits(name, window, section.loop_window, len(rounds))
    found = {"n": len(rounds) * divide, "rounds_run": len(rounds), "rounds": divide,
             "counted": "plugin" if name in SPINS else "instret", "traced_rounds": len(traced),
             "hypervisor": window.hypervisor / divide, "firmware": window.firmware / divide,
             "instructions": (window.hypervisor + window.firmware) / divide,
             **figures([round_.cost for round_ in rounds], divide), "traced": describe_window(window)}
    if name in BY_CHANCE:
        del found["traced"]["guest"]
    else:
        found["instret"] = dict(zip(("total", "least", "most"), numbers[1:]))
    if len(common.parts) > 1:
        found["parts"] = {part: describe_part(part, rounds, common, divide, describe_window) for part in common.parts}
    for part, patterns in steps.get(name, {}).items():
        part = found["parts"][part]
        part["steps"] = steps_of(patterns, part["traced"]["places"])
    return found


def type_on_request(machine, end, seconds):
    """A character for each tilde that the guest prints, one at a time."""
    until = time.monotonic() + seconds
    text = ""
    while not (match := re.search(end, text)):
        if time.monotonic() > until:
            raise Failure(f"{machine.name}: nothing more to type\n{machine.tail()}")
        more = machine.child.read_nonblocking(4096, timeout=seconds)
        text = text[-100:] + more
        if TYPE_ON in more:
            time.sleep(0.0001)   # until the guest waits
            machine.send(TYPED)
    return match


def read_results(text, sections):
    """The guest's lines by operation: number, rounds, sum, least, most. Whatever it has looped over has one."""
    found = {name: list(map(int, numbers)) for numbers, name in
             ((match[:1] + match[2:], match[1]) for match in RESULT.findall(text))}
    begun = sorted(number for number, section in sections.items() if section.loop)
    if sorted(numbers[0] for numbers in found.values()) != begun:
        raise Failure(f"results of {', '.join(found)}, but operations {', '.join(map(str, begun))}")
    return found


def run(label, entry, count, table, layout, sources, log):
    # Another of these may run at the same time.
    name = re.sub(r"\W+", "-", f"compare-{label}-{entry.groups}-{entry.cpu}-{os.getpid()}")
    bundle = hartwood.bundle_of(hartwood.LOGS / f"{name}.dtb",
                                [{"name": "guest", "guest": "compare", "cpus": entry.cpus, "memory": entry.memory,
                                  "bootargs": f"{entry.groups} rounds={count}", **entry.vm}], **entry.settings)
    options, path = counts.plugin(name, vcpu=-(-layout.size // 8) * 8)
    with hartwood.Machine(name=name, smp=entry.harts, cpu=entry.cpu, mem="512M", bundle=bundle,
                          args=[*counts.ICOUNT, *options], lifetime=900) as machine:
        end = r"done (\d+) (\d+)\s"
        ended = type_on_request(machine, end, 880) if entry.types else machine.expect(end, timeout=880)
        text = machine.text()
    machine.log_path.unlink()
    bundle.unlink()
    log.write("".join(f"{label}, {entry.groups}, {entry.cpu}: {line}\n" for line in text.splitlines()
                      if re.match(r"compare: |ok |not ok |done ", line)))
    bad = [line for line in CHECK.findall(text) if line.startswith("not")]
    if bad or ended.group(2) != "0":
        raise Failure(f"{name}: {'; '.join(bad)}")
    sections = read_sections(path)
    path.unlink()
    operations = {}
    for operation, (number, *numbers) in read_results(text, sections).items():
        if operation != "empty":
            operations[operation] = describe_operation(operation, numbers, sections[number], count,
                                                       lambda window: describe(window, table, layout, sources),
                                                       table["steps"])
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
        "vcpu_bytes": layout.size, "hardware": {part: table[part] for part in ("trap", "trap_reads", "sret", "sret_reads")},
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

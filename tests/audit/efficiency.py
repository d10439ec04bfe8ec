#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The audit's part on efficiency: what share of its instructions a Linux guest executes itself.

Debian's kernel boots and does three kinds of work (guests/linux/work), with Sstc and without; each
instruction is counted by who executed it (tests/count). The same on the firmware alone shows what
the guest executes because it is a guest. Nearly all exits of the boot are the console's, so that it
is done once more without messages. One vCPU; under -icount every run is the same, which the first
is run twice for.

Writes build/audit/efficiency.json: a list of workloads, of each the instructions of "guest",
"hypervisor" and "firmware" with their "total", the "exits" to the hypervisor and their "causes",
the "floor" below which the share of the guest must not fall, and what it was "alone".
"""

import json
import os
import re
import subprocess
import sys
import textwrap

sys.path[:0] = [os.path.join(os.path.dirname(__file__), "..", directory)
                for directory in ("", "count")]
import counts  # noqa: E402
import hartwood  # noqa: E402

# What /bin/work does, the name that it has in the table, and its marks.
WORKS = {
    "boot": ("Linux boot", "guest", 1),
    "cpu": ("CPU", 2, 3),
    "calls": ("system calls, forks", 4, 5),
    "timers": ("timers", 6, 7),
}
# The name, -cpu, the kernel's arguments, and the least share of the guest in each work.
VARIANTS = [
    ("Sstc", "", "", {"boot": 0.97, "cpu": 0.9999, "calls": 0.9999, "timers": 0.999}),
    ("Sstc, quiet", "", "quiet", {"boot": 0.99}),
    ("no Sstc", ",sstc=off", "", {"boot": 0.97, "cpu": 0.999, "calls": 0.999, "timers": 0.75}),
]
# As for `make bench`: the self-tests of the kernel's ciphers end before the boot does or not.
BOOTARGS = "cryptomgr.notests "

# Privileged ISA, scause: what can bring a hart from a guest to the hypervisor.
CAUSES = {
    ("exception", 2): "illegal instruction",
    ("exception", 10): "SBI call",
    ("exception", 20): "fetch guest-page fault",
    ("exception", 21): "load guest-page fault",
    ("exception", 22): "virtual instruction",
    ("exception", 23): "store guest-page fault",
    ("interrupt", 1): "IPI",
    ("interrupt", 5): "timer interrupt",
    ("interrupt", 9): "device interrupt",
}


def run(name, works, alone, **machine):
    """A boot and its works; gives the marks."""
    options, path = counts.plugin(f"efficiency-{name}", alone=alone)
    with hartwood.Machine(f"efficiency-{name}", smp=1, args=[*counts.ICOUNT, *options],
                          lifetime=900, **machine) as running:
        status = running.wait_end(880)
        done = re.findall(r"^work: (\w+) done\r?$", running.text(), re.M)
        assert status == 0 and done == works, running.tail()
    return counts.read(path)


def commands(works):
    return [f"work {work}" for work in works] + ["poweroff -f"]


def run_under(name, works, options, bootargs):
    bundle = hartwood.linux_bundle(hartwood.LOGS / "efficiency.dtb", cpus=1, memory=512 << 20,
                                   bootargs=BOOTARGS + bootargs, commands=commands(works))
    return run(name, works, False, bundle=bundle, cpu="rv64" + options)


def run_alone(name, works, options, bootargs):
    script = ",".join(commands(works)).replace(" ", ";")
    return run(name, works, True, kernel=hartwood.LINUX, bundle=hartwood.INITRD, mem="512M",
               cpu="rv64,h=off" + options,
               append=f"console=ttyS0 {BOOTARGS}{bootargs} hartwood.cmd={script}")


def cause_name(cause):
    return CAUSES.get(cause, " ".join(str(word) for word in cause))


def workload(title, variant, floor, ours, alone):
    return {
        "name": f"{title}, {variant}",
        "guest": ours.guest,
        "hypervisor": ours.hypervisor,
        "firmware": ours.firmware,
        "total": ours.total,
        "exits": ours.exits,
        "firmware_traps": ours.firmware_traps,
        "floor": floor,
        "causes": {cause_name(cause): count for cause, count in ours.causes()},
        "functions": ours.functions()[:15],
        "alone": {"guest": alone.guest, "firmware": alone.firmware, "traps": alone.firmware_traps},
    }


def measure():
    """The workloads of all variants, and what came before the guest's first instruction."""
    found, start = [], None
    for variant, options, bootargs, floors in VARIANTS:
        name, works = re.sub(r"\W+", "-", variant.lower()), list(floors)
        ours = run_under(name, works, options, bootargs)
        alone = run_alone(name + "-alone", works, options, bootargs)
        if not start:
            again = run_under(name + "-again", works, options, bootargs)
            # After the last mark: how long the firmware waits for the power to go is the host's.
            assert all(again.at(mark) == ours.at(mark) for mark in ours.found if mark != "end"), (
                "two runs differ")
            start = ours.between("hypervisor", "guest")
        for work, floor in floors.items():
            title, first, last = WORKS[work]
            found.append(workload(title, variant, floor, ours.between(first, last),
                                  alone.between(first, last)))
    return found, start


def share(row):
    return row["guest"] / row["total"]


def table(rows, start):
    lines = ["instructions by who executed them: Linux on one vCPU", "",
             f"{'':28}{'all':>11}{'hypervisor':>11}{'firmware':>10}{'exits':>8}{'guest %':>10}"]
    for row in rows:
        lines.append(f"{row['name']:28}{row['total']:>11}{row['hypervisor']:>11}"
                     f"{row['firmware']:>10}{row['exits']:>8}{100 * share(row):>10.5f}"
                     + (" LOW" if share(row) < row["floor"] else ""))
    lines += ["", "exits in a million of the guest's instructions, and their causes", ""]
    for row in rows:
        causes = ", ".join(f"{count} {name}" for name, count in row["causes"].items())
        lines += textwrap.wrap(f"{row['name']:28}{row['exits'] * 1e6 / row['guest']:>7.2f}  "
                               f"{causes or '-'}", 80, subsequent_indent=" " * 37)
    lines += ["", f"{'on the firmware alone':28}{'all':>11}{'firmware':>11}{'traps':>10}"
                  f"{'all, under Hartwood':>20}"]
    for row in rows:
        alone = row["alone"]
        everything = alone["guest"] + alone["firmware"]
        lines.append(f"{row['name']:28}{everything:>11}{alone['firmware']:>11}"
                     f"{alone['traps']:>10}{row['total'] / everything:>14.5f} times")
    lines += ["", "before the guest's first instruction, most of it to copy the images: "
                  f"{start.hypervisor}"]
    lines += [f"    {name:40}{count:>12}" for name, count in start.functions()[:5]]
    for row in (rows[0], rows[-1]):
        lines += ["", f"the hypervisor's in {row['name']}, by function"]
        lines += [f"    {name:40}{count:>12}{100 * count / row['hypervisor']:>7.1f} %"
                  for name, count in row["functions"]]
    return lines


def made_by():
    version = subprocess.run([hartwood.QEMU, "--version"], check=True, stdout=subprocess.PIPE,
                             text=True).stdout.split("\n", 1)[0]
    return f"make audit-efficiency, {version}, -cpu rv64 -icount shift=0, 1 vCPU, 512 MiB"


def main():
    rows, start = measure()
    path = hartwood.BUILD / "audit" / "efficiency.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"made_by": made_by(), "workloads": rows}, indent=1) + "\n")
    print("\n".join(table(rows, start)))
    low = [row["name"] for row in rows if share(row) < row["floor"]]
    if low:
        sys.exit("the guest's share is too low: " + ", ".join(low))


if __name__ == "__main__":
    main()

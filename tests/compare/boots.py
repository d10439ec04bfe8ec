#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a Linux boot costs under each build of Hartwood.

    boots.py [--build DIR] [--out DIR] LABEL=DIR ...

Debian's kernel and a busybox initramfs on one vCPU; each instruction from the guest's first to the first program that
the initramfs starts is counted by who executed it (tests/count). Every run is exact, but what the kernel does depends a
little on the random numbers that it is given: so with several seeds of the emulator's generator. Nearly all exits of a
boot are the console's, so it is done once more without messages. Writes boots.json and boots.log to BUILD/compare. The
last line is `ok` or `failed`.
"""

import argparse
import json
import os
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "count"), str(HERE)]
sys.path.append(str(HERE.parent / "audit"))
import counts  # noqa: E402
import efficiency  # noqa: E402
import hartwood  # noqa: E402
import riscv  # noqa: E402

SEEDS = [1, 2, 3]
# The name, the kernel's arguments, the seeds.
VARIANTS = [("with messages", "", SEEDS), ("quiet", "quiet", SEEDS[:1])]
# guests/linux/work, as efficiency.py has it: from the first mark to the second.
FIRST, LAST = "guest", 1
BETWEEN = ["the guest's first instruction", "the first program that its initramfs starts"]
VCPUS, MEMORY = 1, 512 << 20


class Failure(Exception):
    pass


def boot(label, bootargs, seed):
    """The counts of one boot, and what the guest said."""
    name = re.sub(r"\W+", "-", f"boots-{label}-{bootargs}-{seed}-{os.getpid()}")
    bundle = hartwood.linux_bundle(hartwood.LOGS / f"{name}.dtb", cpus=VCPUS, memory=MEMORY,
                                   bootargs=efficiency.BOOTARGS + bootargs,
                                   commands=efficiency.commands(["boot"]))
    options, path = counts.plugin(name)
    icount = list(counts.ICOUNT)
    icount[icount.index("-seed") + 1] = str(seed)
    with hartwood.Machine(name=name, smp=1, mem="1G", bundle=bundle, args=[*icount, *options],
                          lifetime=300) as machine:
        status = machine.wait_end(280)
        text = machine.text()
    if status != 0 or "work: boot done" not in text:
        raise Failure(f"{name} did not boot: {machine.tail(5)}")
    marks = counts.read(path)
    for file in (path, bundle, machine.log_path):
        file.unlink()
    return marks


def describe(marks, seed):
    """One boot's sums, as they are in boots.json."""
    work = marks.between(FIRST, LAST)
    return {"seed": seed, "guest": work.guest, "hypervisor": work.hypervisor, "firmware": work.firmware,
            "exits": work.exits, "firmware_traps": work.firmware_traps,
            "causes": {efficiency.cause_name(cause): count for cause, count in work.causes()}}


def line_of(label, variant, row):
    return (f"{label}, {variant}, seed {row['seed']}: guest {row['guest']} hypervisor {row['hypervisor']} "
            f"firmware {row['firmware']} exits {row['exits']}")


def measure(label, directory, log):
    """{variant: a row for each seed}"""
    riscv.use_build(directory)
    found = {}
    for variant, bootargs, seeds in VARIANTS:
        for seed in seeds:
            row = describe(boot(label, bootargs, seed), seed)
            found.setdefault(variant, []).append(row)
            log.write(line_of(label, variant, row) + "\n")
            log.flush()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(hartwood.BUILD))
    parser.add_argument("--out", help="where the results go (BUILD/compare)")
    parser.add_argument("builds", nargs="+", help="LABEL=DIR")
    args = parser.parse_args()
    out = pathlib.Path(args.out or f"{args.build}/compare")
    out.mkdir(parents=True, exist_ok=True)
    path = out / "boots.json"
    path.unlink(missing_ok=True)
    found = {}
    with open(out / "boots.log", "w", encoding="ascii") as log:
        try:
            for word in args.builds:
                label, _, directory = word.partition("=")
                found[label] = measure(label, directory, log)
        except (Failure, AssertionError, OSError) as error:
            log.write(f"failed\n{error}\n")
            print(f"failed: {error}\nThe log is {out}/boots.log")
            return 1
        log.write("ok\n")
    path.write_text(json.dumps({
        "emulator": riscv.first_line(hartwood.QEMU, "--version"), "between": BETWEEN, "vcpus": VCPUS, "memory": MEMORY,
        "builds": found}, indent=1) + "\n", encoding="ascii")
    print((out / "boots.log").read_text(encoding="ascii"), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())

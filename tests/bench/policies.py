#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What laziness saves, in instructions: the operations of bench.py under the lazy build, under one that
saves every register on each exit (EXIT=full), one that moves every guest CSR on each exit and entry
(SWITCH=eager), and both. Prints a table and writes build/policies.json with the same numbers."""

import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import bench  # noqa: E402
import hartwood  # noqa: E402
import policy  # noqa: E402

# Of bench.SWITCHES: with 16 and 64 VMs the choice of the next one is nearly all there is.
SWITCHES = [row for row in bench.SWITCHES if row[2] < 15]


def operations(name):
    bundle = hartwood.bundle(hartwood.LOGS / "policy-exits.dtb", hartwood.guest("exits"), cpus=1,
                             memory=128 << 20)
    found, _, _ = bench.measure(f"policy-{name}-exits", bundle=bundle)
    return {title: float(found[key]) for key, title, _ in bench.TARGETS}


def switches():
    lines = []
    bench.switches(lines, SWITCHES)
    return {match.group(1): float(match.group(2))
            for match in (re.match(r"(.{61}) +([\d.]+)$", line) for line in lines) if match}


def boot(name):
    """The guest's clock at the end of its initramfs, in millions of instructions."""
    bundle = hartwood.linux_bundle(hartwood.LOGS / "policy-linux.dtb", cpus=1, memory=512 << 20,
                                   bootargs="cryptomgr.notests")
    clock, _ = bench.boot_clock(f"policy-{name}-linux", bench.BOOT_SEEDS[0], bundle=bundle,
                                mem="1G")
    return round(clock * 1000, 3)


def table(numbers):
    lines = [f"{'instructions':44}" + "".join(f"{name:>9}" for name in numbers)]
    for part in ("operations", "switches", "boot"):
        for title in numbers["lazy"][part]:
            # Titles of bench.py may be longer than there is room for.
            lines.append(f"{title.rstrip()[:44]:44}" + "".join(
                f"{numbers[name][part][title]:>9.1f}" for name in numbers))
    return "\n".join(lines) + "\n"


def main():
    numbers = {}
    for name in policy.OPTIONS:
        hartwood.IMAGE = policy.image(name)
        numbers[name] = {"operations": operations(name), "switches": switches(),
                         "boot": {"Debian boot, in millions": boot(name)}}
    (hartwood.BUILD / "policies.json").write_text(json.dumps(numbers, indent=1) + "\n")
    print(table(numbers), end="")


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What exits and switches cost, in instructions: guests/exits, guests/switch and a Linux boot, under
Hartwood and without.

Everything runs under `-icount shift=0,sleep=off`, where QEMU executes one instruction in each
nanosecond of virtual time, M-mode included. The numbers are exact and the same in every run; how
long a run takes says nothing. Writes build/bench.txt too.
"""

import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import hartwood  # noqa: E402

ICOUNT = ["-icount", "shift=0,sleep=off"]

# Of shared design, "Numbers to hold": the operation, and the most that it may cost.
TARGETS = [
    ("sbi-base", "SBI base call", 80),
    ("sbi-set-timer", "SBI set_timer", 80),
    ("ipi-self", "IPI to itself", 120),
    ("remote-sfence-self", "remote sfence to itself", 120),
    ("plic-read", "read of an emulated PLIC register", 200),
    ("uart-read", "read of an emulated UART register", 200),
    ("hcsr-refused", "hypervisor CSR read, refused", 150),
    ("timer-cycle", "SBI timer armed, taken, disarmed", 200),
]
# guests/switch: boot arguments, vCPUs of the first VM, other VMs of one vCPU that spin along,
# harts, -cpu; and the names of its numbers with a title for each.
SWITCHES = [
    ("ping", 2, 0, 1, "rv64,v=true", [
        ("ping", "signal a vCPU of the VM and wait for its, 1 hart"),
        ("ping-fp", "  and both write FP registers"),
        ("ping-v", "  and both write vector registers"),
        ("ping-suspend", "  and both wait by HSM suspend")]),
    ("ping", 2, 0, 2, "rv64", [
        ("ping", "wake-up of a vCPU that sleeps on another hart"),
        ("ping-suspend", "  that waits by HSM suspend")]),
    ("ipi", 2, 0, 2, "rv64", [("ipi", "IPI to a vCPU that runs, until it was taken")]),
    ("fence", 2, 0, 2, "rv64", [("fence-1", "remote sfence of a page to 1 vCPU that runs")]),
    ("fence", 4, 0, 4, "rv64", [("fence-3", "  to 3 vCPUs that run (of 4 harts)")]),
    ("spin spinners=2", 2, 0, 1, "rv64", [("spin-2", "end of slice, switch to a vCPU of the VM")]),
    ("spin spinners=2", 1, 1, 1, "rv64", [("spin-2", "end of slice, switch to another VM's")]),
    ("spin fp spinners=2", 1, 1, 1, "rv64", [("spin-fp-2", "  and both have dirty FP registers")]),
    ("spin v spinners=2", 1, 1, 1, "rv64,v=true", [
        ("spin-v-2", "  and both have dirty vector registers")]),
    ("spin gaps=30 spinners=4", 1, 3, 1, "rv64", [("spin-4", "  of 4 VMs")]),
    ("spin gaps=30 spinners=16", 1, 15, 1, "rv64", [("spin-16", "  of 16 VMs")]),
    ("spin gaps=30 spinners=64", 1, 63, 1, "rv64", [("spin-64", "  of 64 VMs")]),
]

BOOT_TARGET = 1.02
BOOT_SEEDS = [1, 2, 3, 4, 5]


def measure(name, **arguments):
    """Runs guests/exits to its end and gives its numbers by name."""
    machine = hartwood.Machine(name=f"bench-{name}", smp=1, args=ICOUNT, lifetime=300, **arguments)
    try:
        machine.expect(r"done \d+ \d+", timeout=280)
        text = machine.text()
    finally:
        machine.kill()
    found = re.findall(r"^(exits\+?): (\S+) (\S+)\r?$", text, re.M)
    return ({key: value for kind, key, value in found if kind == "exits"},
            {key: value for kind, key, value in found if kind == "exits+"}, text)


def boot_clock(name, seed, **arguments):
    """The kernel's clock at the end of the initramfs, in seconds, and the log.

    The kernel's own work depends a little on the random numbers that it is given, so the emulator's
    generator and clock are fixed, too, and more than one seed is tried.
    """
    args = ICOUNT + ["-seed", str(seed), "-rtc", "base=2026-01-01T00:00:00,clock=vm"]
    machine = hartwood.Machine(name=f"bench-{name}", smp=1, args=args, lifetime=900, **arguments)
    try:
        match = machine.expect(r"\[ *([\d.]+)\] guest: the initramfs has been", timeout=880)
        return float(match.group(1)), machine.text()
    finally:
        machine.kill()


def number(text):
    return float(text) if text not in (None, "-") else None


def shown(value):
    return "-" if value is None else f"{value:.1f}"


def table(alone, ours, lines):
    lines.append(f"{'instructions per operation, loop included':44}{'OpenSBI':>9}{'Hartwood':>10}"
                 f"{'target':>8}")
    missed = 0
    for key, title, limit in TARGETS:
        value = number(ours.get(key))
        verdict = "" if value is not None and value <= limit else "  missed"
        missed += bool(verdict)
        lines.append(f"{title:44}{shown(number(alone.get(key))):>9}{shown(value):>10}{limit:>8}"
                     f"{verdict}")
    return missed


def extras(alone, ours, lines):
    lines += ["", f"{'besides':44}{'OpenSBI':>9}{'Hartwood':>10}"]
    for key, value in ours.items():
        lines.append(f"{key:44}{shown(number(alone.get(key))):>9}{shown(number(value)):>10}")


def switches(lines, rows=None):
    """Where there are several harts a number is what all of them together have executed."""
    lines += ["", f"{'from one vCPU to another':63}{'Hartwood':>8}"]
    for number_of_run, (words, cpus, others, smp, cpu, names) in enumerate(rows or SWITCHES):
        vms = [{"name": "meter", "guest": "switch", "bootargs": words, "cpus": cpus,
                "memory": 8 << 20}]
        vms += [{"name": f"other{n}", "guest": "switch", "bootargs": words + " quiet",
                 "memory": 8 << 20} for n in range(others)]
        bundle = hartwood.bundle_of(hartwood.LOGS / "bench-switch.dtb", vms, slice_us=1000)
        machine = hartwood.Machine(name=f"bench-switch-{number_of_run}", smp=smp, cpu=cpu,
                                   mem="2G", bundle=bundle, args=ICOUNT, lifetime=900)
        with machine:
            machine.expect(r"done \d+ \d+", timeout=880)
            found = dict(re.findall(r"^exits: (\S+) (\S+)\r?$", machine.text(), re.M))
        for key, title in names:
            assert key in found, machine.log_path
            lines.append(f"{title:61}{shown(number(found.get(key))):>10}")


def sizes(lines):
    size = subprocess.run([os.environ.get("CROSS", "riscv64-unknown-elf-") + "size", str(hartwood.OUT / "hartwood.elf")],
                          stdout=subprocess.PIPE, text=True, check=True).stdout.split("\n")[1].split()
    lines += ["", f"image: text {size[0]}, data {size[1]}, bss {size[2]} bytes"]


def boots(lines):
    """The same kernel, initramfs, arguments and memory, with and without us."""
    # The self-tests of the kernel's ciphers run beside the boot, on inputs of their own choice, and
    # finish before its end or not.
    bootargs = "console=ttyS0 cryptomgr.notests"
    bundle = hartwood.linux_bundle(hartwood.LOGS / "bench-linux.dtb", bootargs="cryptomgr.notests",
                                   cpus=1, memory=512 << 20)
    native, ours = [], []
    for seed in BOOT_SEEDS:
        clock, _ = boot_clock("linux-native", seed, kernel=hartwood.LINUX, bundle=hartwood.INITRD,
                              cpu="rv64,h=off", mem="512M", append=bootargs)
        native.append(clock)
        clock, log = boot_clock("linux-hartwood", seed, bundle=bundle, mem="1G")
        ours.append(clock)
    start = re.search(r"started (\d+) ticks after", log)
    if start:
        lines.append(f"from our first instruction to the guest's: {int(start.group(1)) * 100} "
                     "(in steps of 100), nearly all to copy the images")
    ratio = sum(ours) / sum(native)
    lines.append("Debian boot to the end of the initramfs, guest clock with seeds "
                 f"{BOOT_SEEDS[0]} to {BOOT_SEEDS[-1]}:")
    lines.append("  alone    " + " ".join(f"{clock:.4f}" for clock in native) + " s")
    lines.append("  Hartwood " + " ".join(f"{clock:.4f}" for clock in ours) + " s: "
                 f"{ratio:.3f} times (target {BOOT_TARGET})"
                 + ("" if ratio <= BOOT_TARGET else "  missed"))
    return ratio > BOOT_TARGET


def main():
    exits = hartwood.guest("exits")
    bundle = hartwood.bundle(hartwood.LOGS / "bench-exits.dtb", exits, cpus=1, memory=128 << 20)
    alone, alone_more, _ = measure("exits-alone", kernel=exits)
    ours, ours_more, _ = measure("exits-hartwood", bundle=bundle)
    lines = []
    missed = table(alone, ours, lines)
    extras(alone_more, ours_more, lines)
    switches(lines)
    sizes(lines)
    missed += boots(lines)
    text = "\n".join(lines) + "\n"
    (hartwood.BUILD / "bench.txt").write_text(text)
    print(text, end="")
    print("every target is met" if not missed else f"{missed} targets missed")


if __name__ == "__main__":
    main()

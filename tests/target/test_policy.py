# SPDX-License-Identifier: BSD-2-Clause
"""The builds for comparison run what the lazy one runs: `make SWITCH=eager`, and with EXIT=full, too.
Each is built into a directory of its own."""

import os
import re
import subprocess

import pytest

import hartwood

POLICIES = [
    pytest.param("eager", ["SWITCH=eager"], marks=pytest.mark.xdist_group("policy-eager")),
    pytest.param("both", ["SWITCH=eager", "EXIT=full"],
                 marks=pytest.mark.xdist_group("policy-both")),
]
BOOTARGS = ("quiet no4lvl initcall_blacklist=jent_mod_init,load_system_certificate_list,"
            "crypto_algapi_init")


def build(name, options):
    """The boot image of a policy. What the options of the make above us were is not passed on."""
    directory = hartwood.BUILD / f"policy-{name}"
    environment = {key: value for key, value in os.environ.items()
                   if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "OUT",
                                  "BUILD", "DEBUG", "EXIT", "SWITCH")}
    done = subprocess.run(["make", "-s", f"BUILD={directory}",
                           f"CACHE={os.environ.get('CACHE') or hartwood.BUILD / 'cache'}",
                           f"CROSS={os.environ.get('CROSS', 'riscv64-unknown-elf-')}",
                           *options, "hartwood"],
                          cwd=hartwood.TOP, capture_output=True, text=True, timeout=300,
                          env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return directory / "hartwood.bin"


def check_exits(report):
    """guests/exits makes no checks, but each of its loops came to its end."""
    report.check(report.machine.tail())
    found = re.findall(r"^exits: (\S+) (\S+)\r?$", report.machine.text(), re.M)
    assert len(found) == 8 and all(float(value) > 0 for _, value in found), found


@pytest.mark.parametrize("name,options", POLICIES, ids=["eager", "both"])
def test_policy_runs_guests_and_linux(run_guest, boot, bundle_path, name, options):
    image = build(name, options)
    for guest in ("traps", "sbi", "fpu"):
        report = run_guest(guest, cpus=2, smp=2, kernel=image)
        report.check(report.machine.tail())
    check_exits(run_guest("exits", cpus=1, smp=1, memory=128 << 20, kernel=image,
                          qemu=["-icount", "shift=0,sleep=off"]))
    bundle = hartwood.linux_bundle(bundle_path(), bootargs=BOOTARGS, cpus=2, memory=256 << 20)
    machine = boot(bundle=bundle, smp=2, kernel=image, lifetime=200)
    machine.expect_exact("Hartwood guest: shell ready", 150)
    text, status = machine.run("nproc; sleep 1; echo $((6 * 7))")
    assert status == 0 and text.split() == ["2", "42"]

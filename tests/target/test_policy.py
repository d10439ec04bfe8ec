# SPDX-License-Identifier: BSD-2-Clause
"""The builds for comparison run what the lazy one runs: `make SWITCH=eager`, and with EXIT=full,
too."""

import re

import pytest

import hartwood
import policy

# Side by side: a test's build directory is its own.
pytestmark = pytest.mark.once("builds its own images")
POLICIES = [pytest.param(name, marks=pytest.mark.xdist_group(f"policy-{name}"))
            for name in ("eager", "both")]
BOOTARGS = ("quiet no4lvl initcall_blacklist=jent_mod_init,load_system_certificate_list,"
            "crypto_algapi_init")


def check_exits(report):
    """guests/exits makes no checks, but each of its loops came to its end."""
    report.check(report.machine.tail())
    found = re.findall(r"^exits: (\S+) (\S+)\r?$", report.machine.text(), re.M)
    assert len(found) == 8 and all(float(value) > 0 for _, value in found), found


@pytest.mark.parametrize("name", POLICIES)
def test_policy_runs_guests_and_linux(run_guest, boot, bundle_path, name):
    image = policy.image(name)
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

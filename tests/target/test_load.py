# SPDX-License-Identifier: BSD-2-Clause
"""Linux VMs side by side that do their worst, and one that is moved between harts all the time."""

import re

import pytest

import hartwood

from test_linux import PROMPT, READY, SHORTER, output, to_shell as to_linux
from test_many import SLOW


def linux(name, mode=None, **more):
    words = "console=ttyS0 " + SHORTER + (f" hartwood.mode={mode}" if mode else "")
    return {"name": name, "guest": "linux", "cpus": 2, "memory": 128 << 20, "bootargs": words,
            **more}


def answers(machine, number):
    """The shell of the VM in focus does a sum, whatever else it says meanwhile."""
    machine.sendline(f"echo answer-$(({number} * 7))-$(nproc)")
    machine.expect_exact(f"answer-{number * 7}-2", 120)


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.soak)])
def test_three_linux_vms_stay_responsive_while_each_does_its_worst(boot, bundle_path, rounds):
    """One is a fork bomb, one writes to its console without end, one reboots in a loop: 6 vCPUs on 2
    harts, all busy. Each of their shells answers, and the hypervisor's."""
    blob = hartwood.bundle_of(bundle_path(), [
        linux("bomb", "forkbomb"), linux("flood", "flood"), linux("loop", "reboot")])
    machine = boot(bundle=blob, smp=2, timeout=150, lifetime=300 + 100 * rounds)
    machine.expect_exact(READY)
    machine.focus("1", "flood")
    machine.expect_exact(READY)
    machine.focus("2", "loop")
    machine.expect_exact(READY)
    for number in range(3, 3 + rounds):
        machine.send(hartwood.ESCAPE + "0")
        answers(machine, number)
        machine.send(hartwood.ESCAPE + "1")
        machine.expect_exact("line after line after line")
        answers(machine, number + 10)
        machine.send(hartwood.ESCAPE + "2")
        # It is there for a second of its own time.
        for _ in range(10):
            machine.expect_exact(READY)
            machine.expect_exact(PROMPT)
            machine.sendline(f"echo answer-$(({number} * 11))")
            if "answer" in machine.expect(rf"answer-{number * 11}\r|guest: rebooting").group():
                break
        else:
            raise AssertionError(f"no answer between reboots\n{machine.tail()}")
        machine.expect_exact("Hartwood guest: rebooting")
    machine.to_shell()
    assert all(vm["state"] in ("running", "loading", "freeing", "ending", "queued")
               for vm in machine.vms().values()), machine.tail()
    assert all(vm["state"] == "running" for name, vm in machine.vms().items() if name != "loop")
    text = machine.text()
    for word in ("Kernel panic", "Oops", "self-detected stall", ": stopped: "):
        assert word not in text, machine.tail()


# ---- moves --------------------------------------------------------------------------------------


def moving(path):
    """Three vCPUs of equal weight that are never idle while memcheck runs, for two harts: at the
    end of each of the short slices somebody changes his."""
    return hartwood.bundle_of(path, [
        linux("linux", shares=200),
        {"name": "third", "guest": "share", "memory": 8 << 20, "bootargs": "every_ms=1000000",
         "shares": 100}], slice_us=1000)


def moves(machine):
    """How often Linux' vCPUs were moved. Leaves its console in focus."""
    machine.to_shell()
    count = sum(row["moves"] for row in machine.vcpus("linux").values())
    machine.focus("0", "linux")
    return count


@pytest.mark.parametrize("seconds", [8, pytest.param(60, marks=pytest.mark.soak)])
def test_linux_moves_200_times_a_second_unharmed(boot, bundle_path, seconds):
    """A program in it that keeps patterns in memory, FP and vector registers finds them as they
    were. The seconds are the guest's."""
    machine = boot(bundle=moving(bundle_path()), smp=2, cpu="rv64,v=true", args=SLOW, timeout=200,
                   lifetime=550)
    to_linux(machine, 250)
    before = moves(machine)
    said = output(machine, f"memcheck processes=2 threads=2 seconds={seconds}", 400)
    moved = moves(machine) - before
    assert re.search(r"memcheck: [1-9]\d* rounds, ok$", said.strip()), said
    assert moved >= 200 * seconds, moved
    assert "Oops" not in output(machine, "dmesg")
